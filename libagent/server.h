/* server - HTTP/1.1 and WebSocket server of a process, on its event loop, loopback only.
 *
 * HTTP:    any method may carry a body (Content-Length or chunked); without either it is empty.  Requests of
 *          one connection are served one after the other, pipelined ones too.  What is not strictly
 *          RFC 9112 is answered 400, 413, 417, 431, 501 or 505 and the connection closed; no callback.
 * WS:      RFC 6455, text only (binary is closed with 1003), no extensions: an offered
 *          permessage-deflate is not confirmed.  Pings are answered here; silent clients are pinged.
 * Bounds:  below.  A connection over SERVER_CONNS_MAX is closed at once; a WebSocket client that
 *          reads too slowly is dropped; both are counted.
 * Memory:  a request lives from its callback until server_reply, which must come exactly once, also
 *          after its client or the server is gone.  A ws_conn lives until on_ws_close returns.
 * Threads: the loop's thread only.
 */
#ifndef LIBAGENT_SERVER_H
#define LIBAGENT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/loop.h"

#define SERVER_CONNS_MAX     512
#define SERVER_WS_QUEUE_MAX  (1 << 20)  /* bytes waiting for one WebSocket client */
#define SERVER_SLOW_MS       10000      /* for a request once begun, or for a client to take a byte */
#define SERVER_IDLE_MS       60000      /* between requests; a silent WebSocket, pinged at half of it */
/* Of the parsers (request.h, wsframe.h): head 16 KiB, body 1 MiB, incoming message 64 KiB. */

struct server;
struct server_request;
struct ws_conn;
struct ws_text;         /* one text for many connections, sent without copying */

struct server_def {
    uint16_t port;      /* of 127.0.0.1; 0: any */
    int64_t slow_ms, idle_ms;   /* 0: as above */
    void (*on_request)(void *arg, struct server_request *req);
    /* All three NULL: upgrades are answered 404.  on_ws_open: 0 accepts, an HTTP status (400..599)
     * refuses, and then no on_ws_close comes.  The request is borrowed for the call; do not reply.
     * ws_conn_send and ws_conn_set_user are allowed in it. */
    int  (*on_ws_open)(void *arg, struct ws_conn *c, const struct server_request *req);
    void (*on_ws_text)(void *arg, struct ws_conn *c, const char *text, size_t len);
    void (*on_ws_close)(void *arg, struct ws_conn *c);
    /* Each text on its way out, before it is queued; true: it is the owner's now, who may send it, or
     * others, with ws_conn_send_now.  Usually NULL. */
    bool (*on_ws_send)(void *arg, struct ws_conn *c, struct ws_text *t, const char *text, size_t len);
    void *arg;
};

struct server_counts {
    int64_t requests, malformed, timeouts, conns_refused, ws_dropped;
    int conns, ws_conns;        /* now */
};

/* ERR_BUSY: the port is taken.  ERR_IO: no socket. */
int  server_new(struct loop *l, const struct server_def *def, struct server **ret);
uint16_t server_port(const struct server *s);
struct server_counts server_counts(const struct server *s);
/* Closes every connection (on_ws_close comes for each); sets NULL.  Before loop_destroy. */
void server_destroy(struct server **s);

/* Valid until server_reply.  Strings end with NUL; the body does too, one byte after its len. */
const char *server_method(const struct server_request *req);
const char *server_target(const struct server_request *req);    /* exactly as sent, query included */
const char *server_header(const struct server_request *req, const char *name);  /* NULL: absent */
const char *server_body(const struct server_request *req, size_t *ret_len);     /* never NULL */

/* Now or later; frees the request.  headers: further lines, each "Name: value\r\n", or NULL.
 * content_type may be NULL. */
void server_reply(struct server_request *req, int status, const char *content_type,
                  const char *headers, const void *body, size_t len);

/* Text must be valid UTF-8.  Nothing happens once the connection is closing; a connection whose queue
 * would pass its bound is dropped (on_ws_close comes later, never inside this call). */
void ws_conn_send(struct ws_conn *c, const char *text, size_t len);
void ws_conn_send_shared(struct ws_conn *c, struct ws_text *t);     /* keeps its own reference */
void ws_conn_send_now(struct ws_conn *c, struct ws_text *t);        /* the same, past on_ws_send */
struct ws_text *ws_text_new(const char *text, size_t len);
struct ws_text *ws_text_dup(struct ws_text *t); /* one more reference */
void ws_text_destroy(struct ws_text **t);       /* drops the caller's reference */
void ws_conn_close(struct ws_conn *c, int code, const char *reason);    /* the close handshake */
void ws_conn_set_user(struct ws_conn *c, void *user);
void *ws_conn_user(const struct ws_conn *c);
size_t ws_conn_queued(const struct ws_conn *c); /* bytes not yet taken by the kernel */

/* ---- what a server does when it is broken: for servers that clients are tested with ---- */

/* On: the host refuses connections to the port, those of HTTP are reset, those of WebSocket go on.  Off:
 * served again.  ERR_IO: the port cannot be listened to. */
int  server_refuse(struct server *s, bool on);
/* As server_reply, but these very bytes, and then the end of the connection: reset, or after the bytes. */
void server_reply_raw(struct server_request *req, const void *bytes, size_t len, bool reset);
/* End it without a close frame; on_ws_close comes later. */
void ws_conn_cut(struct ws_conn *c);
/* From now on nothing is sent, what comes is thrown away, and silence has no limit. */
void ws_conn_mute(struct ws_conn *c);

#endif
