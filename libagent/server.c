/* server - see server.h
 *
 * One connection is a struct ws_conn from its first byte, an HTTP one until it is upgraded.  Input goes
 * into its own buffer; `process` feeds it to the parser and stops while a request waits for its answer:
 * so answers keep the order of requests without a queue.
 *
 * I1  A request belongs to its connection until on_request; then to the caller, until server_reply.
 * I2  conn->req is the one request being read or answered; `busy` says which.  req->conn is NULL once
 *     the connection is closing.
 * I3  A connection is in its server's list until libuv has closed it; only on_closed frees it.
 * I4  After `finish` nothing more is written; input is thrown away until the client closes (a close with
 *     unread input would reset the connection and could destroy the answer on its way).
 * I5  Frames of a turn of the loop go out together at its end, in their order; HTTP answers at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <uv.h>

#include "libagent/clock.h"
#include "libagent/request.h"
#include "libagent/wsframe.h"
#include "proto/err.h"

#include "libagent/server.h"

#define IN_SIZE       32768
#define BACKLOG       512
#define HTTP_OUT_MAX  (1 << 20)     /* of answers not taken: no further request is read */
#define SWEEP_MS      1000
#define SWITCHING     101
#define WRITE_MAX     64            /* texts in one write */

struct ws_text {
    int refs;
    size_t len;
    char data[];
};

struct out {                        /* one write of several texts */
    uv_write_t uv;
    struct ws_conn *conn;
    size_t n;
    struct ws_text *text[];
};

struct server_request {
    struct request http;
    struct ws_conn *conn;
};

struct server {
    uv_tcp_t *tcp;                  /* bound; NULL at the end */
    bool refusing;                  /* ... but not listening */
    uv_prepare_t *flush;            /* before the loop waits */
    bool dirty;                     /* a WebSocket has frames waiting for that */
    struct loop *loop;
    struct server_def def;
    struct loop_timer *sweep;
    struct ws_conn *conns;
    struct server_counts counts;
    uint16_t port;
    int64_t date_s;
    char date[40];
};

struct ws_conn {
    uv_tcp_t tcp;
    struct server *server;          /* NULL: the server is gone */
    struct ws_conn *prev, *next;
    struct server_request *req;
    bool busy, processing, reading, eof, closing, finishing, shut;
    bool is_ws, opening, close_sent, pinged, muted;
    int64_t due_ms;                 /* late then, see is_late */
    int64_t heard_ms;
    int64_t stall_ms;               /* late then, if queue_seen bytes are still waiting */
    size_t queue_seen;
    struct wsframe frame;
    struct ws_text **held;          /* frames of this turn, or of on_ws_open: behind the 101 */
    size_t n_held, cap_held, held_bytes;
    void *user;
    uv_shutdown_t shutdown;
    size_t in_at, in_len;
    char in[IN_SIZE];
};

static void process(struct ws_conn *c);
static void flush_held(struct ws_conn *c);

static int64_t now_ms(const struct ws_conn *c)
{
    return (int64_t)uv_now(c->tcp.loop);
}

/* ---- closing ---- */

static void drop_held(struct ws_conn *c)
{
    for (size_t i = 0; i < c->n_held; i++)
        ws_text_destroy(&c->held[i]);
    c->n_held = c->held_bytes = 0;
}

static void request_destroy(struct server_request **req)
{
    if (*req == NULL)
        return;
    request_fini(&(*req)->http);
    free(*req);
    *req = NULL;
}

static void tell_ws_closed(struct ws_conn *c)
{
    if (!c->is_ws)
        return;
    c->is_ws = false;
    c->server->counts.ws_conns--;
    if (c->server->def.on_ws_close != NULL)
        c->server->def.on_ws_close(c->server->def.arg, c);
}

static void on_closed(uv_handle_t *h)
{
    struct ws_conn *c = h->data;
    struct server *s = c->server;
    if (s != NULL) {
        loop_wake(s->loop);
        tell_ws_closed(c);
    }
    if (c->server != NULL) {        /* on_ws_close may have ended the server */
        *(c->prev != NULL ? &c->prev->next : &s->conns) = c->next;
        if (c->next != NULL)
            c->next->prev = c->prev;
        s->counts.conns--;
    }
    drop_held(c);
    free(c->held);
    wsframe_fini(&c->frame);
    free(c);
}

static void conn_end(struct ws_conn *c, bool reset)
{
    if (c->closing)
        return;
    c->closing = true;
    if (c->busy)
        c->req->conn = NULL;
    else
        request_destroy(&c->req);
    c->req = NULL;
    if (!reset || uv_tcp_close_reset(&c->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void conn_close(struct ws_conn *c)
{
    conn_end(c, false);
}

static void on_shutdown(uv_shutdown_t *r, int status)
{
    struct ws_conn *c = r->data;
    c->shut = true;
    if (!c->closing && (status < 0 || c->eof))
        conn_close(c);
}

/* Everything is said: let the output go out, then end (I4). */
static void finish(struct ws_conn *c)
{
    if (c->finishing || c->closing)
        return;
    flush_held(c);
    c->finishing = true;
    c->due_ms = now_ms(c) + c->server->def.slow_ms;
    c->shutdown.data = c;
    if (!c->closing && uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) < 0)
        conn_close(c);
}

/* ---- output ---- */

static struct ws_text *text_alloc(size_t len)
{
    struct ws_text *t = malloc(sizeof *t + len);
    must(t != NULL);
    t->refs = 1;
    t->len = len;
    return t;
}

static struct ws_text *frame_new(enum wsframe_op op, const char *data, size_t len)
{
    uint8_t head[WSFRAME_HEADER_MAX];
    size_t n = wsframe_header(head, op, len);
    struct ws_text *t = text_alloc(n + len);
    memcpy(t->data, head, n);
    if (len > 0)
        memcpy(t->data + n, data, len);
    return t;
}

struct ws_text *ws_text_new(const char *text, size_t len)
{
    return frame_new(WSFRAME_TEXT, text, len);
}

void ws_text_destroy(struct ws_text **t)
{
    if (*t != NULL && --(*t)->refs == 0)
        free(*t);
    *t = NULL;
}

static bool output_full(const struct ws_conn *c)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp) > HTTP_OUT_MAX;
}

static void out_destroy(struct out **o)
{
    for (size_t i = 0; i < (*o)->n; i++)
        ws_text_destroy(&(*o)->text[i]);
    free(*o);
    *o = NULL;
}

static void on_written(uv_write_t *w, int status)
{
    struct out *o = w->data;
    struct ws_conn *c = o->conn;
    out_destroy(&o);
    if (c->closing)
        return;
    if (status < 0) {
        conn_close(c);
    } else if (!c->is_ws && !output_full(c)) {
        loop_wake(c->server->loop);
        process(c);
    }
}

/* Takes over a reference of each. */
static void start_write(struct ws_conn *c, struct ws_text *const *text, size_t n)
{
    uv_buf_t bufs[WRITE_MAX];
    struct out *o = malloc(sizeof *o + n * sizeof *text);
    must(o != NULL);
    *o = (struct out){.conn = c, .n = n};
    for (size_t i = 0; i < n; i++) {
        o->text[i] = text[i];
        bufs[i] = uv_buf_init(text[i]->data, (unsigned)text[i]->len);
    }
    o->uv.data = o;
    if (uv_write(&o->uv, (uv_stream_t *)&c->tcp, bufs, (unsigned)n, on_written) == 0)
        return;
    out_destroy(&o);
    conn_close(c);
}

/* Frames wait for the end of the turn: all of a connection's then cost one system call. */
static void hold(struct ws_conn *c, struct ws_text *t)
{
    if (c->n_held == c->cap_held) {
        c->cap_held = c->cap_held ? c->cap_held * 2 : 16;
        c->held = realloc(c->held, c->cap_held * sizeof(struct ws_text *));
        must(c->held != NULL);
    }
    c->held[c->n_held++] = t;
    c->held_bytes += t->len;
    c->server->dirty = true;
}

/* Takes over one reference. */
static void conn_write(struct ws_conn *c, struct ws_text *t)
{
    if (!c->is_ws)
        start_write(c, &t, 1);
    else if (!c->muted)
        hold(c, t);
    else
        ws_text_destroy(&t);
}

static void flush_held(struct ws_conn *c)
{
    for (size_t i = 0, n; i < c->n_held && !c->closing; i += n) {
        n = c->n_held - i < WRITE_MAX ? c->n_held - i : WRITE_MAX;
        start_write(c, c->held + i, n);
        memset(c->held + i, 0, n * sizeof(struct ws_text *));
    }
    drop_held(c);
}

static void on_flush(uv_prepare_t *h)
{
    struct server *s = h->data;
    if (!s->dirty)
        return;
    s->dirty = false;
    for (struct ws_conn *c = s->conns; c != NULL; c = c->next)
        if (c->n_held > 0 && !c->opening)
            flush_held(c);
}

/* ---- answers ---- */

static const char *reason_of(int status)
{
    static const struct { int status; const char *text; } known[] = {
        {100, "Continue"}, {101, "Switching Protocols"}, {200, "OK"}, {201, "Created"},
        {204, "No Content"}, {304, "Not Modified"}, {400, "Bad Request"}, {401, "Unauthorized"},
        {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {408, "Request Timeout"}, {413, "Content Too Large"}, {417, "Expectation Failed"},
        {426, "Upgrade Required"}, {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
        {501, "Not Implemented"}, {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].status == status)
            return known[i].text;
    return "Status";
}

static const char *date_of(struct server *s)
{
    const time_t t = (time_t)(wall_ns() / 1000000000);
    if (t != s->date_s) {
        struct tm tm;
        gmtime_r(&t, &tm);
        must(strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
        s->date_s = t;
    }
    return s->date;
}

struct answer {
    int status;
    const char *type, *headers;
    const void *body;
    size_t len;
    bool head_only;             /* HEAD: the length of what is not sent */
    const char *connection;     /* header line, or "" */
};

static void write_answer(struct ws_conn *c, const struct answer *a)
{
    const bool bodiless = a->status < 200 || a->status == 204 || a->status == 304;
    const size_t body = bodiless || a->head_only ? 0 : a->len;
    char length[48] = "";
    if (!bodiless)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", a->len);
    static const char form[] = "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s%s%s%s%s\r\n";
#define FIELDS                                                                                     \
    form, a->status, reason_of(a->status), date_of(c->server), a->type ? "Content-Type: " : "",    \
        a->type ? a->type : "", a->type ? "\r\n" : "", length, a->connection,                      \
        a->headers ? a->headers : ""
    int head = snprintf(NULL, 0, FIELDS);
    must(head > 0);
    struct ws_text *t = text_alloc((size_t)head + 1 + body);
    snprintf(t->data, (size_t)head + 1, FIELDS);
#undef FIELDS
    if (body > 0)
        memcpy(t->data + head, a->body, body);
    t->len = (size_t)head + body;
    conn_write(c, t);
}

/* The parser's or our own refusal: answered, then the end of the connection. */
static void refuse(struct ws_conn *c, int status, const char *headers)
{
    write_answer(c, &(struct answer){.status = status, .headers = headers,
                                     .connection = "Connection: close\r\n"});
    request_destroy(&c->req);
    finish(c);
}

void server_reply(struct server_request *req, int status, const char *content_type,
                  const char *headers, const void *body, size_t len)
{
    must(status >= 200 && status <= 599);
    struct ws_conn *c = req->conn;
    if (c == NULL) {
        request_destroy(&req);
        return;
    }
    must(c->busy && c->req == req);
    const bool keep = req->http.keep_alive;
    write_answer(c, &(struct answer){
        .status = status, .type = content_type, .headers = headers, .body = body, .len = len,
        .head_only = strcmp(req->http.method, "HEAD") == 0,
        .connection = !keep ? "Connection: close\r\n"
                    : req->http.http_1_0 ? "Connection: keep-alive\r\n" : "",
    });
    if (!c->closing) {                  /* writing may have failed at once: the request is ours still */
        c->busy = false;
        c->req = NULL;
    }
    request_destroy(&req);
    if (c->closing)
        return;
    c->due_ms = now_ms(c) + c->server->def.idle_ms;
    if (!keep)
        finish(c);
    else
        process(c);
}

void server_reply_raw(struct server_request *req, const void *bytes, size_t len, bool reset)
{
    struct ws_conn *c = req->conn;
    if (c != NULL) {
        must(c->busy && c->req == req);
        struct ws_text *t = text_alloc(len);
        memcpy(t->data, bytes, len);
        conn_write(c, t);
        if (!c->closing) {
            c->busy = false;
            c->req = NULL;
        }
        if (!reset)
            finish(c);
        else
            conn_end(c, true);
    }
    request_destroy(&req);
}

const char *server_method(const struct server_request *req)
{
    return req->http.method;
}

const char *server_target(const struct server_request *req)
{
    return req->http.target;
}

const char *server_header(const struct server_request *req, const char *name)
{
    return request_header(&req->http, name);
}

const char *server_body(const struct server_request *req, size_t *ret_len)
{
    *ret_len = req->http.body_len;
    return req->http.body != NULL ? req->http.body : "";
}

/* ---- WebSocket ---- */

struct ws_text *ws_text_dup(struct ws_text *t)
{
    t->refs++;
    return t;
}

/* Is the text kept by the owner's hook? */
static bool is_taken(struct ws_conn *c, struct ws_text *t)
{
    const struct server_def *def = &c->server->def;
    const size_t small = (uint8_t)t->data[1], head = small < 126 ? 2 : small == 126 ? 4 : 10;
    return def->on_ws_send != NULL &&
           def->on_ws_send(def->arg, c, t, t->data + head, t->len - head);
}

void ws_conn_send_shared(struct ws_conn *c, struct ws_text *t)
{
    if (!c->closing && !c->finishing && !c->close_sent && !is_taken(c, t))
        ws_conn_send_now(c, t);
}

void ws_conn_send_now(struct ws_conn *c, struct ws_text *t)
{
    if (c->closing || c->finishing || c->close_sent)
        return;
    if (ws_conn_queued(c) + t->len > SERVER_WS_QUEUE_MAX) {
        c->server->counts.ws_dropped++;
        conn_close(c);
        return;
    }
    t->refs++;
    conn_write(c, t);
}

void ws_conn_send(struct ws_conn *c, const char *text, size_t len)
{
    struct ws_text *t = ws_text_new(text, len);
    ws_conn_send_shared(c, t);
    ws_text_destroy(&t);
}

void ws_conn_close(struct ws_conn *c, int code, const char *reason)
{
    if (c->closing || c->finishing || c->close_sent)
        return;
    char data[WSFRAME_CONTROL_MAX];
    size_t n = strnlen(reason, sizeof data - 2);
    while (!wsframe_utf8(reason, n))    /* never cut inside a character */
        n--;
    data[0] = (char)(code >> 8);
    data[1] = (char)(code & 0xff);
    memcpy(data + 2, reason, n);
    conn_write(c, frame_new(WSFRAME_CLOSE, data, n + 2));
    c->close_sent = true;
    c->due_ms = now_ms(c) + c->server->def.slow_ms;
}

void ws_conn_set_user(struct ws_conn *c, void *user)
{
    c->user = user;
}

void *ws_conn_user(const struct ws_conn *c)
{
    return c->user;
}

void ws_conn_cut(struct ws_conn *c)
{
    conn_close(c);
}

void ws_conn_mute(struct ws_conn *c)
{
    c->muted = true;
}

size_t ws_conn_queued(const struct ws_conn *c)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp) + c->held_bytes;
}

static void on_frame(struct ws_conn *c, const struct wsframe_event *ev)
{
    const struct server_def *def = &c->server->def;
    switch (ev->op) {
    case WSFRAME_TEXT:
        if (!c->close_sent && def->on_ws_text != NULL)
            def->on_ws_text(def->arg, c, ev->data, ev->len);
        return;
    case WSFRAME_PING:
        if (c->close_sent)
            return;
        if (ws_conn_queued(c) <= SERVER_WS_QUEUE_MAX)       /* a flood of pings, answers not read */
            conn_write(c, frame_new(WSFRAME_PONG, ev->data, ev->len));
        return;
    case WSFRAME_CLOSE:
        ws_conn_close(c, ev->close_code == 1005 ? 1000 : ev->close_code, "");
        finish(c);
        return;
    default:
        return;
    }
}

static size_t feed_ws(struct ws_conn *c, const char *bytes, size_t len)
{
    struct wsframe_event ev;
    size_t used;
    int r = wsframe_feed(&c->frame, bytes, len, &used, &ev);
    if (r < 0) {
        c->server->counts.malformed++;
        ws_conn_close(c, -r, "");
        finish(c);
    } else if (r > 0) {
        on_frame(c, &ev);
    }
    return used;
}

/* 0: a proper handshake.  RFC 6455 4.2.1. */
static int check_upgrade(const struct request *r)
{
    const char *version = request_header(r, "Sec-WebSocket-Version");
    const char *key = request_header(r, "Sec-WebSocket-Key");
    if (strcmp(r->method, "GET") != 0 || r->http_1_0 || r->body_len > 0 ||
        !request_has_token(r, "Connection", "upgrade"))
        return 400;
    if (version == NULL || strcmp(version, "13") != 0)
        return 426;
    return key != NULL && strlen(key) == 24 && strcmp(key + 22, "==") == 0 ? 0 : 400;
}

static void accept_ws(struct ws_conn *c)
{
    char accept[WSFRAME_ACCEPT_LEN + 1], headers[128];
    wsframe_accept(request_header(&c->req->http, "Sec-WebSocket-Key"), accept);
    snprintf(headers, sizeof headers,
             "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", accept);
    request_destroy(&c->req);
    c->heard_ms = now_ms(c);
    c->is_ws = false;                   /* the handshake is no frame: before them, and at once */
    write_answer(c, &(struct answer){.status = SWITCHING, .headers = headers, .connection = ""});
    c->is_ws = true;
}

static void upgrade(struct ws_conn *c)
{
    struct server *s = c->server;
    int status = s->def.on_ws_open == NULL ? 404 : check_upgrade(&c->req->http);
    if (status != 0) {
        refuse(c, status, status == 426 ? "Sec-WebSocket-Version: 13\r\n" : NULL);
        return;
    }
    c->opening = c->is_ws = true;
    s->counts.ws_conns++;
    c->busy = true;                     /* the request is lent out: conn_close must not free it */
    struct server_request *req = c->req;
    status = s->def.on_ws_open(s->def.arg, c, req);
    c->busy = c->opening = false;
    if (status != 0 && c->is_ws) {
        c->is_ws = false;
        s->counts.ws_conns--;
    }
    if (c->closing) {
        request_destroy(&req);
    } else if (status == 0) {
        accept_ws(c);
    } else {
        must(status >= 400 && status <= 599);
        c->close_sent = false;
        drop_held(c);
        refuse(c, status, NULL);
    }
}

/* ---- input ---- */

static void serve(struct ws_conn *c)
{
    struct server *s = c->server;
    s->counts.requests++;
    if (request_has_token(&c->req->http, "Upgrade", "websocket")) {
        upgrade(c);
    } else if (s->def.on_request == NULL) {
        refuse(c, 404, NULL);
    } else {
        c->busy = true;
        s->def.on_request(s->def.arg, c->req);
    }
}

static size_t feed_http(struct ws_conn *c, const char *bytes, size_t len)
{
    if (c->req == NULL) {
        c->req = calloc(1, sizeof *c->req);
        must(c->req != NULL);
        c->req->conn = c;
        c->due_ms = now_ms(c) + c->server->def.slow_ms;
    }
    size_t used;
    int r = request_feed(&c->req->http, bytes, len, &used);
    if (r < 0) {
        c->server->counts.malformed++;
        refuse(c, -r, NULL);
    } else if (r == REQUEST_HEAD && c->req->http.expect_continue) {
        static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
        struct ws_text *t = text_alloc(sizeof text - 1);
        memcpy(t->data, text, t->len);
        conn_write(c, t);
    } else if (r == REQUEST_DONE) {
        serve(c);
    }
    return used;
}

static bool can_feed(const struct ws_conn *c)
{
    return c->in_at < c->in_len && !c->busy && !c->closing && !c->finishing &&
           (c->is_ws || !output_full(c));
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
    struct ws_conn *c = h->data;
    (void)suggested;
    *ret = uv_buf_init(c->in + c->in_len, (unsigned)(IN_SIZE - c->in_len));
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf);

/* Read while there is room for it: what waits for an answer must not grow without bound. */
static void set_reading(struct ws_conn *c)
{
    const bool want = c->in_len < IN_SIZE && !c->eof && !c->closing;
    if (want == c->reading || c->closing)
        return;
    c->reading = want;
    if (!want)
        uv_read_stop((uv_stream_t *)&c->tcp);
    else if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0)
        conn_close(c);
}

static void process(struct ws_conn *c)
{
    if (c->processing)                  /* called from a callback below; the loop there goes on */
        return;
    c->processing = true;
    while (can_feed(c))
        c->in_at += c->is_ws ? feed_ws(c, c->in + c->in_at, c->in_len - c->in_at)
                             : feed_http(c, c->in + c->in_at, c->in_len - c->in_at);
    c->processing = false;
    if (c->finishing)
        c->in_at = c->in_len;
    memmove(c->in, c->in + c->in_at, c->in_len - c->in_at);
    c->in_len -= c->in_at;
    c->in_at = 0;
    if (c->eof && !c->busy && c->in_len == 0)
        finish(c);                      /* nothing more comes, nothing is owed */
    set_reading(c);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
    struct ws_conn *c = h->data;
    (void)buf;
    if (c->closing || n == 0)
        return;
    loop_wake(c->server->loop);
    if (n < 0) {
        c->eof = true;
        c->reading = false;
        uv_read_stop(h);
        if (n == UV_EOF && (c->finishing ? !c->shut : !c->is_ws))
            process(c);                 /* what it asked for is still answered */
        else
            conn_close(c);
        return;
    }
    c->heard_ms = now_ms(c);
    c->pinged = false;
    if (c->muted)
        return;
    c->in_len += (size_t)n;
    process(c);
}

static void on_connection(uv_stream_t *h, int status)
{
    struct server *s = h->data;
    if (status < 0)
        return;
    struct ws_conn *c = calloc(1, sizeof *c);
    must(c != NULL);
    must(uv_tcp_init(h->loop, &c->tcp) == 0);
    c->tcp.data = c;
    int err = uv_accept(h, (uv_stream_t *)&c->tcp);
    if (err < 0 || s->counts.conns >= SERVER_CONNS_MAX) {
        s->counts.conns_refused += err == 0;
        conn_close(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    c->server = s;
    c->next = s->conns;
    if (s->conns != NULL)
        s->conns->prev = c;
    s->conns = c;
    s->counts.conns++;
    c->due_ms = now_ms(c) + s->def.slow_ms;     /* who connects says something soon */
    set_reading(c);
}

/* ---- time ---- */

/* Who does not read: no byte taken for slow_ms. */
static bool is_stalled(struct ws_conn *c, size_t queue, int64_t now)
{
    if (queue == c->queue_seen)
        return now >= c->stall_ms;
    c->queue_seen = queue;
    c->stall_ms = now + c->server->def.slow_ms;
    return false;
}

static bool is_late(struct ws_conn *c, int64_t now)
{
    if (c->muted)
        return false;
    const int64_t idle_ms = c->server->def.idle_ms;
    const size_t queue = uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
    if (queue > 0)
        return is_stalled(c, queue, now);
    c->queue_seen = 0;
    if (c->finishing || c->close_sent || (!c->is_ws && !c->busy))
        return now >= c->due_ms;
    if (!c->is_ws)
        return false;                   /* the answer is ours to give */
    if (now >= c->heard_ms + idle_ms / 2 && !c->pinged) {
        c->pinged = true;
        conn_write(c, frame_new(WSFRAME_PING, NULL, 0));
    }
    return now >= c->heard_ms + idle_ms;
}

static void sweep(void *arg)
{
    struct server *s = arg;
    for (struct ws_conn *c = s->conns; c != NULL; c = c->next) {
        if (c->closing || !is_late(c, now_ms(c)))
            continue;
        s->counts.timeouts++;
        conn_close(c);
    }
}

/* ---- the server ---- */

static void on_handle_closed(uv_handle_t *h)
{
    free(h);
}

static void close_port(struct server *s)
{
    if (s->tcp != NULL)
        uv_close((uv_handle_t *)s->tcp, on_handle_closed);
    s->tcp = NULL;
}

/* A socket of its own for this port, bound: nobody else can have it. */
static int open_port(struct server *s, uint16_t port)
{
    struct sockaddr_in at;
    close_port(s);
    s->tcp = calloc(1, sizeof *s->tcp);
    must(s->tcp != NULL && uv_tcp_init(loop_uv(s->loop), s->tcp) == 0);
    s->tcp->data = s;
    must(uv_ip4_addr("127.0.0.1", port, &at) == 0);
    return uv_tcp_bind(s->tcp, (const struct sockaddr *)&at, 0);
}

static int start_listening(struct server *s)
{
    struct sockaddr_in at;
    int len = sizeof at, err = uv_listen((uv_stream_t *)s->tcp, BACKLOG, on_connection);
    if (err == 0)
        err = uv_tcp_getsockname(s->tcp, (struct sockaddr *)&at, &len);
    if (err != 0)
        return err == UV_EADDRINUSE ? ERR_BUSY : ERR_IO;
    s->port = ntohs(at.sin_port);
    return ERR_OK;
}

int server_refuse(struct server *s, bool on)
{
    if (on == s->refusing)
        return ERR_OK;
    s->refusing = on;
    if (!on)
        return start_listening(s);
    for (struct ws_conn *c = s->conns; c != NULL; c = c->next)
        if (!c->is_ws)
            conn_end(c, true);
    return open_port(s, s->port) == 0 ? ERR_OK : ERR_IO;
}

int server_new(struct loop *l, const struct server_def *def, struct server **ret)
{
    struct server *s = calloc(1, sizeof *s);
    must(s != NULL);
    s->loop = l;
    s->def = *def;
    if (s->def.slow_ms == 0)
        s->def.slow_ms = SERVER_SLOW_MS;
    if (s->def.idle_ms == 0)
        s->def.idle_ms = SERVER_IDLE_MS;
    int64_t every = (s->def.slow_ms < s->def.idle_ms ? s->def.slow_ms : s->def.idle_ms) / 4;
    every = every > SWEEP_MS ? SWEEP_MS : every < 1 ? 1 : every;
    s->sweep = loop_timer_new(l, every, every, false, sweep, s);
    s->flush = calloc(1, sizeof *s->flush);
    must(s->flush != NULL && uv_prepare_init(loop_uv(l), s->flush) == 0 &&
         uv_prepare_start(s->flush, on_flush) == 0);
    s->flush->data = s;
    uv_unref((uv_handle_t *)s->flush);
    int err = open_port(s, def->port) == 0 ? start_listening(s) : ERR_IO;
    if (err < 0)
        server_destroy(&s);
    else
        *ret = s;
    return err;
}

uint16_t server_port(const struct server *s)
{
    return s->port;
}

struct server_counts server_counts(const struct server *s)
{
    return s->counts;
}

void server_destroy(struct server **s)
{
    if (*s == NULL)
        return;
    struct server *gone = *s;
    *s = NULL;
    loop_timer_destroy(&gone->sweep);
    while (gone->conns != NULL) {
        struct ws_conn *c = gone->conns;
        gone->conns = c->next;
        if (c->next != NULL)
            c->next->prev = NULL;
        conn_close(c);
        tell_ws_closed(c);
        c->server = NULL;
    }
    uv_close((uv_handle_t *)gone->flush, on_handle_closed);
    close_port(gone);
    free(gone);
}
