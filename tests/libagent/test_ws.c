#include <stdio.h>

#include "libagent/server.h"
#include "libagent/ws.h"
#include "libagent/wsframe.h"
#include "tests/libagent/net.h"

#include "tests/runner.h"

#define CLIENTS 200

struct env {
    struct loop *loop;
    struct ws_client *client;
    struct server *server;
    struct raw_server raw;          /* an other end that says what the test wants */
    char url[128], raw_url[128];
    struct ws_conn *conn;           /* the server's end of the last connection */
    char target[256], host[64];
    bool silent;                    /* the server does not echo */
    int at_server, gone_at_server;
};

/* What one client connection was told. */
struct told {
    int opens, closes, texts;
    size_t len;
    char text[256], reason[256];
    bool close_when_open, close_on_text;
    const char *say;                /* when open */
};

static void on_open(void *arg, struct ws *w)
{
    struct told *t = arg;
    t->opens++;
    if (t->say != NULL)
        must(ws_send_text(w, t->say, strlen(t->say)) == ERR_OK);
    if (t->close_when_open)
        ws_close(w);
}

static void on_text(void *arg, struct ws *w, const char *text, size_t len)
{
    struct told *t = arg;
    must(t->closes == 0 && text[len] == '\0');
    t->texts++;
    t->len = len;
    snprintf(t->text, sizeof t->text, "%s", text);
    if (t->close_on_text)
        ws_close(w);
}

static void on_close(void *arg, struct ws *w, const char *reason)
{
    struct told *t = arg;
    (void)w;
    t->closes++;
    snprintf(t->reason, sizeof t->reason, "%s", reason);
}

static int at_open(void *arg, struct ws_conn *c, const struct server_request *req)
{
    struct env *e = arg;
    snprintf(e->target, sizeof e->target, "%s", server_target(req));
    snprintf(e->host, sizeof e->host, "%s", server_header(req, "Host"));
    if (strncmp(e->target, "/no", 3) == 0)
        return 401;
    e->at_server++;
    e->conn = c;
    return 0;
}

static void at_text(void *arg, struct ws_conn *c, const char *text, size_t len)
{
    if (!((struct env *)arg)->silent)
        ws_conn_send(c, text, len);
}

static void at_close(void *arg, struct ws_conn *c)
{
    struct env *e = arg;
    e->gone_at_server++;
    if (e->conn == c)
        e->conn = NULL;
}

static void env_init(struct env *e)
{
    *e = (struct env){0};
    must(loop_new(&e->loop) == ERR_OK);
    const struct server_def def = {.on_ws_open = at_open, .on_ws_text = at_text,
                                   .on_ws_close = at_close, .arg = e};
    must(server_new(e->loop, &def, &e->server) == ERR_OK);
    must(ws_client_new(e->loop, &e->client) == ERR_OK);
    raw_server_init(&e->raw, e->loop);
    snprintf(e->url, sizeof e->url, "ws://127.0.0.1:%d/feed?token=a%%20b&connectId=1", server_port(e->server));
    snprintf(e->raw_url, sizeof e->raw_url, "ws://127.0.0.1:%d/", e->raw.port);
}

static void env_fini(struct env *e)
{
    ws_client_destroy(&e->client);
    ck_assert_ptr_null(e->client);
    server_destroy(&e->server);
    raw_server_fini(&e->raw);
    loop_destroy(&e->loop);
}

static struct ws *dial(struct env *e, const char *url, struct told *t)
{
    struct ws *w = NULL;
    const struct ws_callbacks cb = {.on_open = on_open, .on_text = on_text, .on_close = on_close, .arg = t};
    ck_assert_int_eq(ws_connect(e->client, url, &cb, &w), ERR_OK);
    ck_assert_ptr_nonnull(w);
    ck_assert_int_eq(t->opens + t->closes, 0);
    return w;
}

/* Up to an accepted handshake with the raw server. */
static struct ws *dial_raw(struct env *e, struct told *t, struct raw **ret)
{
    struct ws *w = dial(e, e->raw_url, t);
    RUN_UNTIL(e->loop, e->raw.n == 1 && strstr(e->raw.got[0].heard, "\r\n\r\n") != NULL);
    char key[64] = "", accept[WSFRAME_ACCEPT_LEN + 1], answer[256];
    const char *at = strcasestr(e->raw.got[0].heard, "Sec-WebSocket-Key: ");
    ck_assert_ptr_nonnull(at);
    snprintf(key, sizeof key, "%.*s", (int)strcspn(at + 19, "\r"), at + 19);
    wsframe_accept(key, accept);
    snprintf(answer, sizeof answer, "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
    raw_say(&e->raw.got[0], answer);
    RUN_UNTIL(e->loop, t->opens == 1);
    *ret = &e->raw.got[0];
    return w;
}

START_TEST(opens_with_path_and_query_as_given_and_carries_text_both_ways)
{
    struct env e;
    struct told t = {.say = "hello"};
    env_init(&e);
    dial(&e, e.url, &t);
    RUN_UNTIL(e.loop, t.texts == 1);
    ck_assert_str_eq(t.text, "hello");
    ck_assert_str_eq(e.target, "/feed?token=a%20b&connectId=1");
    ck_assert_int_eq(strncmp(e.host, "127.0.0.1:", 10), 0);
    ws_conn_send(e.conn, "", 0);
    RUN_UNTIL(e.loop, t.texts == 2);
    ck_assert_uint_eq(t.len, 0);
    env_fini(&e);
    ck_assert_int_eq(t.closes, 0);          /* those left at the end are not told */
}
END_TEST

START_TEST(finds_a_server_by_name)
{
    struct env e;
    struct told t = {.say = "hello"};
    char url[64];
    env_init(&e);
    snprintf(url, sizeof url, "ws://localhost:%d/", server_port(e.server));
    dial(&e, url, &t);
    RUN_UNTIL(e.loop, t.texts == 1);
    ck_assert_int_eq(strncmp(e.host, "localhost:", 10), 0);
    env_fini(&e);
}
END_TEST

START_TEST(closes_in_order_when_we_ask_and_tells_once)
{
    struct env e;
    struct told t = {0};
    env_init(&e);
    struct ws *w = dial(&e, e.url, &t);
    RUN_UNTIL(e.loop, t.opens == 1);
    ws_close(w);
    ws_close(w);
    ck_assert_int_eq(t.closes, 0);          /* never inside the call */
    ck_assert_int_eq(ws_send_text(w, "x", 1), ERR_WRONG_STATE);
    RUN_UNTIL(e.loop, t.closes == 1 && e.gone_at_server == 1);
    env_fini(&e);
    ck_assert_int_eq(t.closes, 1);
}
END_TEST

/* The code of the masked close frame at this place; 0: there is none. */
static int heard_close(const struct raw *r, size_t at)
{
    const uint8_t *f = (const uint8_t *)r->heard + at;
    if (r->len < at + 8 || f[0] != 0x88 || f[1] != 0x82)
        return 0;
    return (f[2] ^ f[6]) << 8 | (f[3] ^ f[7]);
}

START_TEST(sends_what_was_queued_before_it_closes)
{
    struct env e;
    struct told t = {0};
    struct raw *r;
    env_init(&e);
    struct ws *w = dial_raw(&e, &t, &r);
    raw_forget(r);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ws_send_text(w, "last words", 10), ERR_OK);
    ck_assert_uint_eq(ws_queued(w), 30);
    ws_close(w);
    RUN_UNTIL(e.loop, r->len >= 3 * 16 + 8);            /* three texts and a close, masked */
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq((uint8_t)r->heard[16 * i], 0x81);
    ck_assert_int_eq(heard_close(r, 48), 1000);
    ck_assert_int_eq(t.closes, 0);                      /* it waits for the other end's close */
    raw_say(r, "\x88\x02\x03\xe8");
    RUN_UNTIL(e.loop, t.closes == 1 && r->eof);
    ck_assert_uint_eq(r->len, 56);
    ck_assert_str_eq(t.reason, "closed 1000");
    env_fini(&e);
}
END_TEST

START_TEST(can_be_closed_inside_its_own_callbacks)
{
    struct env e;
    struct told at_once = {.close_when_open = true}, on_answer = {.say = "x", .close_on_text = true};
    env_init(&e);
    dial(&e, e.url, &at_once);
    dial(&e, e.url, &on_answer);
    RUN_UNTIL(e.loop, at_once.closes == 1 && on_answer.closes == 1);
    ck_assert_int_eq(on_answer.texts, 1);
    env_fini(&e);
}
END_TEST

START_TEST(can_be_closed_at_any_moment_before_it_is_open)
{
    for (int turns = 0; turns < 12; turns++) {
        struct env e;
        struct told t = {0};
        env_init(&e);
        struct ws *w = dial(&e, e.raw_url, &t);         /* the raw server never answers */
        for (int i = 0; i < turns; i++)
            uv_run(loop_uv(e.loop), UV_RUN_NOWAIT);
        ws_close(w);
        RUN_UNTIL(e.loop, t.closes == 1);
        ck_assert_int_eq(t.opens, 0);
        env_fini(&e);
    }
}
END_TEST

START_TEST(can_be_destroyed_at_any_moment)
{
    for (int turns = 0; turns < 30; turns++) {
        struct env e;
        struct told open = {.say = "x"}, stuck = {0};
        env_init(&e);
        dial(&e, e.url, &open);
        dial(&e, e.raw_url, &stuck);
        for (int i = 0; i < turns; i++)
            uv_run(loop_uv(e.loop), UV_RUN_NOWAIT);
        env_fini(&e);
        ck_assert_int_eq(open.closes + stuck.closes, 0);
    }
}
END_TEST

START_TEST(tells_the_code_the_other_end_closed_with)
{
    struct env e;
    struct told t = {0};
    env_init(&e);
    dial(&e, e.url, &t);
    RUN_UNTIL(e.loop, t.opens == 1);
    ws_conn_close(e.conn, 4001, "token expired");
    RUN_UNTIL(e.loop, t.closes == 1);
    ck_assert_ptr_nonnull(strstr(t.reason, "4001"));
    env_fini(&e);
}
END_TEST

START_TEST(answers_the_other_ends_close_with_its_code)
{
    struct env e;
    struct told t = {0};
    struct raw *r;
    env_init(&e);
    dial_raw(&e, &t, &r);
    raw_forget(r);
    raw_say(r, "\x88\x02\x03\xe9");
    RUN_UNTIL(e.loop, t.closes == 1 && r->eof);
    ck_assert_int_eq(heard_close(r, 0), 1001);
    ck_assert_str_eq(t.reason, "closed 1001");
    env_fini(&e);
}
END_TEST

START_TEST(tells_when_the_connection_is_lost)
{
    struct env e;
    struct told t = {0};
    struct raw *r;
    env_init(&e);
    dial_raw(&e, &t, &r);
    raw_close(r);
    RUN_UNTIL(e.loop, t.closes == 1);
    ck_assert_str_eq(t.reason, "connection lost");
    env_fini(&e);
}
END_TEST

START_TEST(tells_when_it_never_opened)
{
    struct env e;
    struct told refused = {0}, denied = {0}, nameless = {0};
    char url[128];
    env_init(&e);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", closed_port(e.loop));
    dial(&e, url, &refused);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/no", server_port(e.server));
    dial(&e, url, &denied);
    dial(&e, "ws://name.invalid/", &nameless);
    RUN_UNTIL(e.loop, refused.closes == 1 && denied.closes == 1 && nameless.closes == 1);
    ck_assert_int_eq(refused.opens + denied.opens + nameless.opens, 0);
    ck_assert_str_ne(refused.reason, "");
    ck_assert_str_ne(denied.reason, "");
    ck_assert_str_ne(nameless.reason, "");
    env_fini(&e);
    ck_assert_int_eq(refused.closes + denied.closes + nameless.closes, 3);
}
END_TEST

START_TEST(does_not_open_when_the_other_end_is_not_a_websocket_server)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "SSH-2.0-hello\r\n\r\n", "",
        ("HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),      /* of another key */
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct env e;
        struct told t = {0};
        env_init(&e);
        dial(&e, e.raw_url, &t);
        RUN_UNTIL(e.loop, e.raw.n == 1 && strstr(e.raw.got[0].heard, "\r\n\r\n") != NULL);
        raw_say(&e.raw.got[0], answers[i]);
        raw_close(&e.raw.got[0]);
        RUN_UNTIL(e.loop, t.closes == 1);
        ck_assert_int_eq(t.opens, 0);
        env_fini(&e);
    }
}
END_TEST

START_TEST(does_not_speak_plainly_where_tls_was_asked_for)
{
    struct env e;
    struct told t = {.say = "secret"};
    char url[64];
    env_init(&e);
    snprintf(url, sizeof url, "wss://127.0.0.1:%d/", e.raw.port);
    dial(&e, url, &t);
    RUN_UNTIL(e.loop, e.raw.n == 1 && e.raw.got[0].len > 0);
    ck_assert_uint_eq((uint8_t)e.raw.got[0].heard[0], 0x16);        /* a TLS handshake */
    raw_say(&e.raw.got[0], "HTTP/1.1 101 OK\r\n\r\n");
    RUN_UNTIL(e.loop, t.closes == 1);
    ck_assert_int_eq(t.opens, 0);
    env_fini(&e);
}
END_TEST

START_TEST(puts_fragments_together_and_takes_pings_between_them)
{
    struct env e;
    struct told t = {0};
    struct raw *r;
    env_init(&e);
    dial_raw(&e, &t, &r);
    raw_forget(r);
    raw_say(r, "\x01\x04" "frag");
    raw_say(r, "\x89\x04" "ping");
    raw_say_len(r, "\x00\x03" "men", 5);
    RUN_UNTIL(e.loop, r->len >= 10);
    ck_assert_uint_eq((uint8_t)r->heard[0], 0x8a);      /* a pong */
    ck_assert_int_eq(t.texts, 0);
    raw_say(r, "\x80\x02" "ts");
    RUN_UNTIL(e.loop, t.texts == 1);
    ck_assert_str_eq(t.text, "fragments");
    env_fini(&e);
}
END_TEST

START_TEST(takes_a_message_of_the_largest_size_and_not_one_byte_more)
{
    for (size_t extra = 0; extra <= 1; extra++) {
        struct env e;
        struct told t = {0};
        struct raw *r;
        env_init(&e);
        dial_raw(&e, &t, &r);
        const size_t len = WS_MESSAGE_MAX + extra;
        char *frame = malloc(10 + len);
        ck_assert_ptr_nonnull(frame);
        const size_t head = wsframe_header((uint8_t *)frame, WSFRAME_TEXT, len);
        memset(frame + head, 't', len);
        for (size_t at = 0; at < head + len && !r->eof; uv_run(loop_uv(e.loop), UV_RUN_NOWAIT))
            at += raw_say_len(r, frame + at, head + len - at);
        RUN_UNTIL(e.loop, t.texts + t.closes == 1);
        ck_assert_int_eq(t.texts, extra == 0);
        if (extra == 0)
            ck_assert_uint_eq(t.len, len);
        else
            ck_assert_str_eq(t.reason, "message too large");
        free(frame);
        env_fini(&e);
    }
}
END_TEST

START_TEST(ends_the_connection_at_binary_and_at_broken_utf8)
{
    static const struct { int code; const char *frame; } bad[] = {{1003, "\x82\x01" "b"},
                                                                   {1007, "\x81\x02\xc3\x28"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct env e;
        struct told t = {0};
        struct raw *r;
        env_init(&e);
        dial_raw(&e, &t, &r);
        raw_forget(r);
        raw_say(r, bad[i].frame);
        RUN_UNTIL(e.loop, t.closes == 1 && r->eof);
        ck_assert_int_eq(t.texts, 0);
        ck_assert_msg(heard_close(r, 0) == bad[i].code, "%d: %d", bad[i].code, heard_close(r, 0));
        env_fini(&e);
    }
}
END_TEST

START_TEST(refuses_to_queue_over_its_bound_and_goes_on_when_read)
{
    static char text[50000];
    struct env e;
    struct told t = {0};
    struct raw *r;
    env_init(&e);
    struct ws *w = dial_raw(&e, &t, &r);
    raw_forget(r);
    loop_watch_destroy(&r->watch);                      /* it reads no more */
    memset(text, 't', sizeof text);
    int sent = 0, err = ERR_OK;
    for (; sent < 1000 && (err = ws_send_text(w, text, sizeof text)) == ERR_OK; sent++)
        uv_run(loop_uv(e.loop), UV_RUN_NOWAIT);
    ck_assert_int_eq(err, ERR_FULL);
    ck_assert_uint_le(ws_queued(w), WS_QUEUE_MAX);
    ck_assert_uint_gt(ws_queued(w) + sizeof text, WS_QUEUE_MAX);
    r->watch = loop_watch_fd(e.loop, r->fd, raw_on_readable, r);
    RUN_UNTIL(e.loop, r->len == (size_t)sent * (sizeof text + 8));
    ck_assert_uint_eq(ws_queued(w), 0);
    ck_assert_int_eq(ws_send_text(w, "more", 4), ERR_OK);
    RUN_UNTIL(e.loop, r->len == (size_t)sent * (sizeof text + 8) + 10);
    env_fini(&e);
}
END_TEST

START_TEST(refuses_urls_it_cannot_use)
{
    struct env e;
    struct told t = {0};
    env_init(&e);
    const struct ws_callbacks cb = {.on_open = on_open, .on_text = on_text, .on_close = on_close, .arg = &t};
    static const char *const bad[] = {"", "http://127.0.0.1/", "ws://", "ws:///x", "127.0.0.1:80",
                                      "ws://h/a b", "ws://h/a\r\nX: y", "ws://h:99999/", "ws://h:0/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ws *w = NULL;
        ck_assert_msg(ws_connect(e.client, bad[i], &cb, &w) == ERR_SYNTAX, "%s", bad[i]);
        ck_assert_ptr_null(w);
    }
    char url[WS_URL_MAX + 10] = "ws://h/";
    memset(url + 7, 'x', WS_URL_MAX);
    struct ws *w = NULL;
    ck_assert_int_eq(ws_connect(e.client, url, &cb, &w), ERR_SYNTAX);
    RUN_FOR(e.loop, 5);
    ck_assert_int_eq(t.closes, 0);
    env_fini(&e);
}
END_TEST

START_TEST(carries_200_connections_each_with_its_own_messages)
{
    static struct told t[CLIENTS];
    static char say[CLIENTS][32];
    struct env e;
    int done = 0;
    env_init(&e);
    for (int i = 0; i < CLIENTS; i++) {
        snprintf(say[i], sizeof say[i], "client %d", i);
        t[i] = (struct told){.say = say[i]};
        dial(&e, e.url, &t[i]);
    }
    while (done < CLIENTS) {
        RUN_UNTIL(e.loop, t[done].texts == 1);
        ck_assert_str_eq(t[done].text, say[done]);
        done++;
    }
    ck_assert_int_eq(e.at_server, CLIENTS);
    server_destroy(&e.server);                          /* the server dies: each is told once */
    for (int i = 0; i < CLIENTS; i++)
        RUN_UNTIL(e.loop, t[i].closes == 1);
    ck_assert_int_eq(e.gone_at_server, CLIENTS);
    env_fini(&e);
    for (int i = 0; i < CLIENTS; i++)
        ck_assert(t[i].opens == 1 && t[i].closes == 1 && t[i].texts == 1);
}
END_TEST

TESTS("ws", opens_with_path_and_query_as_given_and_carries_text_both_ways, finds_a_server_by_name,
      closes_in_order_when_we_ask_and_tells_once, sends_what_was_queued_before_it_closes,
      can_be_closed_inside_its_own_callbacks, can_be_closed_at_any_moment_before_it_is_open,
      can_be_destroyed_at_any_moment, tells_the_code_the_other_end_closed_with,
      answers_the_other_ends_close_with_its_code,
      tells_when_the_connection_is_lost, tells_when_it_never_opened,
      does_not_open_when_the_other_end_is_not_a_websocket_server,
      does_not_speak_plainly_where_tls_was_asked_for,
      puts_fragments_together_and_takes_pings_between_them,
      takes_a_message_of_the_largest_size_and_not_one_byte_more,
      ends_the_connection_at_binary_and_at_broken_utf8,
      refuses_to_queue_over_its_bound_and_goes_on_when_read, refuses_urls_it_cannot_use,
      carries_200_connections_each_with_its_own_messages)
