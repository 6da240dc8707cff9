/* ws - WebSocket client on the event loop: libwebsockets with its libuv event library.
 *
 * ws:// and wss:// (certificates verified).  One connection is one struct ws; it never reconnects by
 * itself.  Exactly one on_close comes for each connection that ws_connect made, also when it never
 * opened; after it the struct ws is gone.
 *
 * Bounds:  a whole incoming message WS_MESSAGE_MAX, the output queue WS_QUEUE_MAX.
 * Memory:  text is borrowed for the callback; the context is made with the first connection of a loop's
 *          client and ends with ws_client_destroy.
 * Threads: the loop's thread only.
 */
#ifndef LIBAGENT_WS_H
#define LIBAGENT_WS_H

#include <stddef.h>
#include <stdint.h>

#include "libagent/loop.h"

#define WS_MESSAGE_MAX (1 << 20)
#define WS_QUEUE_MAX   (1 << 18)    /* bytes not yet written */
#define WS_CONNECT_MS  10000        /* name, connect, TLS and handshake together */
#define WS_URL_MAX     2048

struct ws_client;
struct ws;

struct ws_callbacks {
    void (*on_open)(void *arg, struct ws *w);
    void (*on_text)(void *arg, struct ws *w, const char *text, size_t len);
    /* reason: "closed 1000", "refused: ...", for the log.  Never inside ws_close or ws_connect. */
    void (*on_close)(void *arg, struct ws *w, const char *reason);
    void *arg;
};

int  ws_client_new(struct loop *l, struct ws_client **ret);
/* ERR_SYNTAX: not a usable URL.  Everything later is told by on_close. */
int  ws_connect(struct ws_client *c, const char *url, const struct ws_callbacks *cb, struct ws **ret);
/* ERR_WRONG_STATE: not open; ERR_FULL: over the bound (nothing was queued). */
int  ws_send_text(struct ws *w, const char *text, size_t len);
size_t ws_queued(const struct ws *w);
void ws_close(struct ws *w);        /* close handshake; on_close follows; twice is fine */
/* Connections left end without on_close.  Runs the loop until libwebsockets has let go of it, so: when
 * the loop has stopped, not inside a callback, before loop_destroy.  Sets NULL. */
void ws_client_destroy(struct ws_client **c);

#endif
