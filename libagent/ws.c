/* ws - see ws.h
 *
 * Names are resolved by libuv's threads, as libwebsockets' own look-up would block the loop; then
 * libwebsockets connects to the address, with the name for Host, SNI and the certificate.
 * A connection is found from libwebsockets' by its opaque pointer, which is taken away when on_close
 * is told: what libwebsockets calls after that concerns nobody.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERR_STATE openssl_err_state     /* a type of OpenSSL's headers; ours is an error code */
#include <libwebsockets.h>
#undef ERR_STATE
#include <uv.h>

#include "libagent/wsframe.h"
#include "proto/err.h"

#include "libagent/ws.h"

#define RX_BUFFER     16384
#define REASON_MAX    128
#define CLOSE_BINARY   1003
#define CLOSE_NOT_UTF8 1007
#define CLOSE_TOO_BIG  1009
#define WRITE_CLOSE    4
#define CLOSE_WAIT_S   5        /* for the other end's half of the close handshake */

struct ws_client {
    struct loop *loop;
    struct lws_context *context;
    struct ws *all;
    int resolving;
    bool ending;
};

struct message {
    struct message *next;
    size_t len;
    unsigned char data[];           /* LWS_PRE bytes for the frame's header, then the text */
};

struct ws {
    struct ws_client *client;
    struct ws *prev, *next;
    struct ws_callbacks cb;
    uv_getaddrinfo_t resolve;
    struct loop_timer *kill;        /* ends one that is not yet open */
    struct lws *wsi;
    bool resolving, starting, failed, open, closing, close_sent;
    int peer_code;                  /* the other end's, 0: none */
    char reason[REASON_MAX];
    struct message *out, **out_end;
    size_t queued;
    char *text;                     /* the incoming message so far */
    size_t text_len, text_cap;
    bool tls;
    int port;
    char address[256], path[WS_URL_MAX], host[272];
};

static void ws_free(struct ws *w)
{
    *(w->prev != NULL ? &w->prev->next : &w->client->all) = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    while (w->out != NULL) {
        struct message *m = w->out;
        w->out = m->next;
        free(m);
    }
    loop_timer_destroy(&w->kill);
    free(w->text);
    free(w);
}

/* The end of a connection, told once. */
static void end(struct ws *w, const char *reason)
{
    if (w->reason[0] == '\0')
        snprintf(w->reason, sizeof w->reason, "%s", reason);
    if (w->starting) {              /* still inside lws_client_connect_via_info */
        w->failed = true;
        return;
    }
    if (w->wsi != NULL)
        lws_set_opaque_user_data(w->wsi, NULL);
    w->wsi = NULL;
    w->open = false;
    if (!w->client->ending)
        w->cb.on_close(w->cb.arg, w, w->reason);
    ws_free(w);
}

/* ---- libwebsockets ---- */

/* Not lws_close_reason: under libuv, libwebsockets 4.1.6 ends the connection before it sends that.
 * The kind of write is its own internal one; the tests read the frame. */
static int write_close(struct ws *w, int code)
{
    unsigned char frame[LWS_PRE + 2];
    frame[LWS_PRE] = (unsigned char)(code >> 8);
    frame[LWS_PRE + 1] = (unsigned char)code;
    return lws_write(w->wsi, frame + LWS_PRE, 2, (enum lws_write_protocol)WRITE_CLOSE) < 2 ? -1 : 0;
}

static int refuse_message(struct ws *w, int code, const char *reason)
{
    snprintf(w->reason, sizeof w->reason, "%s", reason);
    write_close(w, code);
    return -1;
}

static int on_receive(struct ws *w, const char *data, size_t len)
{
    if (lws_frame_is_binary(w->wsi))
        return refuse_message(w, CLOSE_BINARY, "binary message");
    if (len > WS_MESSAGE_MAX - w->text_len)
        return refuse_message(w, CLOSE_TOO_BIG, "message too large");
    if (w->text_len + len + 1 > w->text_cap) {
        w->text_cap = (w->text_len + len + 1) * 2;
        w->text = realloc(w->text, w->text_cap);
        must(w->text != NULL);
    }
    memcpy(w->text + w->text_len, data, len);
    w->text_len += len;
    if (!lws_is_final_fragment(w->wsi))         /* nor is the frame all here, if bytes remain */
        return 0;
    if (!wsframe_utf8(w->text, w->text_len))
        return refuse_message(w, CLOSE_NOT_UTF8, "message is not UTF-8");
    w->text[w->text_len] = '\0';
    len = w->text_len;
    w->text_len = 0;
    if (!w->closing)
        w->cb.on_text(w->cb.arg, w, w->text, len);
    return 0;
}

static int on_writable(struct ws *w)
{
    while (w->out != NULL && !lws_send_pipe_choked(w->wsi)) {
        struct message *m = w->out;
        if (lws_write(w->wsi, m->data + LWS_PRE, m->len, LWS_WRITE_TEXT) < (int)m->len)
            return -1;
        w->queued -= m->len;
        w->out = m->next;
        if (w->out == NULL)
            w->out_end = &w->out;
        free(m);
    }
    if (w->out != NULL) {
        lws_callback_on_writable(w->wsi);
        return 0;
    }
    if (!w->closing || w->close_sent)
        return 0;
    w->close_sent = true;
    lws_set_timeout(w->wsi, PENDING_TIMEOUT_CLOSE_ACK, CLOSE_WAIT_S);
    return write_close(w, LWS_CLOSE_STATUS_NORMAL);
}

static void on_closed(struct ws *w)
{
    char reason[REASON_MAX] = "connection lost";
    if (w->peer_code != 0)
        snprintf(reason, sizeof reason, "closed %d", w->peer_code);
    else if (w->closing)
        snprintf(reason, sizeof reason, "closed by us");
    end(w, reason);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons what, void *user, void *in, size_t len)
{
    struct ws *w = wsi != NULL ? lws_get_opaque_user_data(wsi) : NULL;
    (void)user;
    if (w == NULL)
        return 0;
    switch (what) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        loop_wake(w->client->loop);
        w->open = true;
        if (!w->closing)
            w->cb.on_open(w->cb.arg, w);
        else
            lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        loop_wake(w->client->loop);
        return on_receive(w, in, len);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return on_writable(w);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        w->peer_code = len >= 2 ? ((unsigned char *)in)[0] << 8 | ((unsigned char *)in)[1] : 1005;
        return w->close_sent ? -1 : 0;      /* the handshake is complete; or libwebsockets answers */
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        loop_wake(w->client->loop);
        end(w, in != NULL ? in : "connect failed");
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        loop_wake(w->client->loop);
        on_closed(w);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "", .callback = on_lws, .rx_buffer_size = RX_BUFFER},
    {0},
};

/* ---- connecting ---- */

static void start(struct ws *w, const char *address)
{
    const struct lws_client_connect_info info = {
        .context = w->client->context,
        .address = address,
        .port = w->port,
        .ssl_connection = w->tls ? LCCSCF_USE_SSL : 0,
        .path = w->path,
        .host = w->host,
        .origin = NULL,
        .ietf_version_or_minus_one = -1,
        .local_protocol_name = "",
        .opaque_user_data = w,
        .pwsi = &w->wsi,
    };
    w->starting = true;
    struct lws *wsi = lws_client_connect_via_info(&info);
    w->starting = false;
    if (w->failed || wsi == NULL) {
        if (w->failed)
            w->wsi = NULL;              /* libwebsockets has let go of it */
        end(w, "connect failed");
    }
}

static void on_resolved(uv_getaddrinfo_t *r, int status, struct addrinfo *found)
{
    struct ws *w = r->data;
    char address[INET6_ADDRSTRLEN] = "";
    w->resolving = false;
    w->client->resolving--;
    if (status == 0 && found->ai_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)(const void *)found->ai_addr, address, sizeof address);
    else if (status == 0)
        uv_ip4_name((const struct sockaddr_in *)(const void *)found->ai_addr, address, sizeof address);
    uv_freeaddrinfo(found);
    loop_wake(w->client->loop);
    if (w->closing || w->client->ending)
        end(w, "closed by us");
    else if (status != 0)
        end(w, uv_strerror(status));
    else
        start(w, address);
}

static int parse_url(struct ws *w, const char *url)
{
    char copy[WS_URL_MAX];
    const char *scheme, *address, *path;
    if (strlen(url) >= sizeof copy)
        return ERR_SYNTAX;
    strcpy(copy, url);
    for (const char *c = url; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return ERR_SYNTAX;
    if (strncmp(url, "ws://", 5) != 0 && strncmp(url, "wss://", 6) != 0)
        return ERR_SYNTAX;
    if (lws_parse_uri(copy, &scheme, &address, &w->port, &path) != 0 || *address == '\0' ||
        strlen(address) >= sizeof w->address || w->port < 1 || w->port > 65535)
        return ERR_SYNTAX;
    w->tls = strcmp(scheme, "wss") == 0;
    strcpy(w->address, address);
    if (w->port == (w->tls ? 443 : 80))
        snprintf(w->host, sizeof w->host, "%s", address);
    else
        snprintf(w->host, sizeof w->host, "%s:%d", address, w->port);
    snprintf(w->path, sizeof w->path, "/%s", *path == '/' ? path + 1 : path);
    return ERR_OK;
}

int ws_connect(struct ws_client *c, const char *url, const struct ws_callbacks *cb, struct ws **ret)
{
    struct ws *w = calloc(1, sizeof *w);
    must(w != NULL);
    int err = parse_url(w, url);
    if (err < 0) {
        free(w);
        return err;
    }
    w->client = c;
    w->cb = *cb;
    w->out_end = &w->out;
    w->next = c->all;
    if (c->all != NULL)
        c->all->prev = w;
    c->all = w;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    w->resolve.data = w;
    if (uv_getaddrinfo(loop_uv(c->loop), &w->resolve, on_resolved, w->address, NULL, &hints) < 0) {
        ws_free(w);
        return ERR_SYNTAX;              /* a name that cannot be looked up at all */
    }
    w->resolving = true;
    c->resolving++;
    *ret = w;
    return ERR_OK;
}

/* ---- sending, closing ---- */

int ws_send_text(struct ws *w, const char *text, size_t len)
{
    if (!w->open || w->closing)
        return ERR_WRONG_STATE;
    if (w->queued + len > WS_QUEUE_MAX)
        return ERR_FULL;
    struct message *m = malloc(sizeof *m + LWS_PRE + len);
    must(m != NULL);
    m->next = NULL;
    m->len = len;
    memcpy(m->data + LWS_PRE, text, len);
    *w->out_end = m;
    w->out_end = &m->next;
    w->queued += len;
    lws_callback_on_writable(w->wsi);
    return ERR_OK;
}

size_t ws_queued(const struct ws *w)
{
    return w->queued;
}

/* libwebsockets' own asynchronous kill is a time-out, which it replaces when the connect succeeds. */
static void kill_unopened(void *arg)
{
    struct ws *w = arg;
    if (!w->open)
        lws_set_timeout(w->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);     /* w is gone */
}

void ws_close(struct ws *w)
{
    if (w->closing)
        return;
    w->closing = true;
    if (w->open)
        lws_callback_on_writable(w->wsi);
    else if (w->wsi != NULL)
        w->kill = loop_timer_new(w->client->loop, 0, 0, false, kill_unopened, w);
    else
        uv_cancel((uv_req_t *)&w->resolve);
}

/* ---- the client ---- */

int ws_client_new(struct loop *l, struct ws_client **ret)
{
    struct ws_client *c = calloc(1, sizeof *c);
    must(c != NULL);
    c->loop = l;
    void *loops[1] = {loop_uv(l)};
    lws_set_log_level(0, NULL);
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .foreign_loops = loops,
        .timeout_secs = WS_CONNECT_MS / 1000,
        .connect_timeout_secs = WS_CONNECT_MS / 1000,
        .pcontext = &c->context,        /* set to NULL when the context is really gone */
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
    };
    struct lws_context *made = lws_create_context(&info);
    c->context = made;
    if (made == NULL) {
        free(c);
        return ERR_IO;
    }
    *ret = c;
    return ERR_OK;
}

static void see_closing(uv_handle_t *h, void *arg)
{
    if (uv_is_closing(h))
        *(bool *)arg = true;
}

static bool any_closing(struct loop *l)
{
    bool any = false;
    uv_walk(loop_uv(l), see_closing, &any);
    return any;
}

void ws_client_destroy(struct ws_client **c)
{
    if (*c == NULL)
        return;
    struct ws_client *gone = *c;
    *c = NULL;
    gone->ending = true;
    for (struct ws *w = gone->all; w != NULL; w = w->next) {
        w->closing = true;      /* no more callbacks but the silent end */
        if (w->resolving)
            uv_cancel((uv_req_t *)&w->resolve);
    }
    while (gone->resolving > 0)
        uv_run(loop_uv(gone->loop), UV_RUN_ONCE);
    /* What libwebsockets has asked libuv to watch in this turn must be watched before its descriptor is
     * closed: libuv aborts when it is to watch one that is gone. */
    uv_run(loop_uv(gone->loop), UV_RUN_NOWAIT);
    /* The first call closes its handles, which takes the foreign loop a turn; the second frees. */
    lws_context_destroy(gone->context);
    while (any_closing(gone->loop))
        uv_run(loop_uv(gone->loop), UV_RUN_NOWAIT);
    if (gone->context != NULL)
        lws_context_destroy(gone->context);
    while (any_closing(gone->loop))
        uv_run(loop_uv(gone->loop), UV_RUN_NOWAIT);
    free(gone);
}
