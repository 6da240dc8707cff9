#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "libagent/request.h"
#include "libagent/server.h"
#include "libagent/wsframe.h"
#include "tests/libagent/net.h"

#include "tests/runner.h"

#define KEY        "dGhlIHNhbXBsZSBub25jZQ=="         /* RFC 6455 1.3 */
#define ACCEPT     "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define WS_CLIENTS 200
#define HANDSHAKE                                                                                  \
    "GET /ws?token=a%20b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
    "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"

struct env {
    struct loop *loop;
    struct server *server;
    struct raw c;
    struct server_request *held;    /* when `hold`: not yet answered */
    bool hold;
    int requests, opened, closed, texts;
    int refuse_with;                /* on_ws_open answers this */
    struct ws_conn *ws;             /* the last opened */
    char last_text[256], last_target[256];
    size_t last_len;
};

/* Says what it heard: method, target, header X-A, body. */
static void on_request(void *arg, struct server_request *req)
{
    struct env *e = arg;
    char text[4096];
    size_t len;
    const char *body = server_body(req, &len), *a = server_header(req, "x-a");
    e->requests++;
    if (e->hold) {
        must(e->held == NULL);
        e->held = req;
        return;
    }
    int n = snprintf(text, sizeof text, "[%s|%s|%s|%zu:%.64s]", server_method(req), server_target(req),
                     a != NULL ? a : "-", len, body);
    server_reply(req, 200, "text/plain", "X-Own: 1\r\n", text, (size_t)n);
}

static int on_open(void *arg, struct ws_conn *c, const struct server_request *req)
{
    struct env *e = arg;
    snprintf(e->last_target, sizeof e->last_target, "%s", server_target(req));
    if (e->refuse_with != 0)
        return e->refuse_with;
    e->opened++;
    e->ws = c;
    ws_conn_set_user(c, e);
    ws_conn_send(c, "welcome", 7);
    return 0;
}

static void on_text(void *arg, struct ws_conn *c, const char *text, size_t len)
{
    struct env *e = arg;
    must(ws_conn_user(c) == e && text[len] == '\0');
    e->texts++;
    e->last_len = len;
    snprintf(e->last_text, sizeof e->last_text, "%s", text);
    ws_conn_send(c, text, len);
}

static void on_close(void *arg, struct ws_conn *c)
{
    struct env *e = arg;
    must(ws_conn_user(c) == e);
    e->closed++;
    if (e->ws == c)
        e->ws = NULL;
}

static void env_init(struct env *e, int64_t slow_ms, int64_t idle_ms)
{
    *e = (struct env){0};
    must(loop_new(&e->loop) == ERR_OK);
    const struct server_def def = {.slow_ms = slow_ms, .idle_ms = idle_ms, .on_request = on_request,
                                   .on_ws_open = on_open, .on_ws_text = on_text,
                                   .on_ws_close = on_close, .arg = e};
    must(server_new(e->loop, &def, &e->server) == ERR_OK);
    raw_connect(&e->c, e->loop, server_port(e->server));
}

static void env_fini(struct env *e)
{
    raw_close(&e->c);
    server_destroy(&e->server);
    loop_destroy(&e->loop);
    ck_assert_int_eq(e->opened, e->closed);
}

static bool heard(const struct env *e, const char *text)
{
    return memmem(e->c.heard, e->c.len, text, strlen(text)) != NULL;
}

static int times_heard(const struct env *e, const char *text)
{
    int n = 0;
    for (const char *at = e->c.heard; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

/* ---- HTTP ---- */

START_TEST(hears_method_target_headers_and_body_as_sent)
{
    struct env e;
    env_init(&e, 0, 0);
    raw_say(&e.c, "DELETE /a%2Fb?x=1&y=%20#z HTTP/1.1\r\nhost: h\r\nx-A:  KC sign== \r\n"
                  "Content-Length: 7\r\n\r\n{\"a\":1}");
    RUN_UNTIL(e.loop, heard(&e, "]"));
    ck_assert(heard(&e, "[DELETE|/a%2Fb?x=1&y=%20#z|KC sign==|7:{\"a\":1}]"));
    ck_assert_int_eq(strncmp(e.c.heard, "HTTP/1.1 200 OK\r\n", 17), 0);
    ck_assert(heard(&e, "\r\nX-Own: 1\r\n") && heard(&e, "\r\nContent-Type: text/plain\r\n"));
    ck_assert(heard(&e, "\r\nDate: ") && heard(&e, "\r\nContent-Length: "));
    env_fini(&e);
}
END_TEST

START_TEST(answers_a_post_without_length_at_once)
{
    struct env e;
    env_init(&e, 0, 0);
    raw_say(&e.c, "POST /api/v1/bullet-public HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(e.loop, heard(&e, "[POST|/api/v1/bullet-public|-|0:]"));
    env_fini(&e);
}
END_TEST

START_TEST(decodes_chunked_bodies)
{
    struct env e;
    env_init(&e, 0, 0);
    raw_say(&e.c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n");
    RUN_UNTIL(e.loop, heard(&e, "[POST|/|-|13:abc0123456789]"));
    env_fini(&e);
}
END_TEST

START_TEST(keeps_the_order_of_pipelined_requests_even_when_answers_come_late)
{
    struct env e;
    env_init(&e, 0, 0);
    e.hold = true;
    raw_say(&e.c, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\n"
                  "Content-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(e.loop, e.held != NULL);
    RUN_FOR(e.loop, 20);
    ck_assert_int_eq(e.requests, 1);            /* the second waits for the first's answer */
    e.hold = false;
    struct server_request *first = e.held;
    e.held = NULL;
    server_reply(first, 200, NULL, NULL, "[first]", 7);
    RUN_UNTIL(e.loop, heard(&e, "[GET|/3"));
    const char *one = strstr(e.c.heard, "[first]"), *two = strstr(e.c.heard, "[POST|/2|-|2:hi]");
    ck_assert(one != NULL && two != NULL && one < two && two < strstr(e.c.heard, "[GET|/3"));
    ck_assert_int_eq(server_counts(e.server).conns, 1);
    env_fini(&e);
}
END_TEST

START_TEST(does_not_depend_on_where_the_bytes_are_cut)
{
    static const char text[] = "POST /q HTTP/1.1\r\nHost: h\r\nX-A: v\r\nContent-Length: 4\r\n\r\nbody"
                               "GET /r HTTP/1.1\r\nHost: h\r\n\r\n";
    struct env e;
    env_init(&e, 0, 0);
    for (size_t cut = 1; cut < sizeof text - 1; cut++) {
        const int before = e.requests;
        raw_forget(&e.c);
        raw_say_len(&e.c, text, cut);
        uv_run(loop_uv(e.loop), UV_RUN_NOWAIT);
        uv_run(loop_uv(e.loop), UV_RUN_NOWAIT);
        raw_say(&e.c, text + cut);
        RUN_UNTIL(e.loop, heard(&e, "[POST|/q|v|4:body]") && heard(&e, "[GET|/r|-|0:]"));
        ck_assert_int_eq(e.requests, before + 2);
    }
    env_fini(&e);
}
END_TEST

START_TEST(closes_after_the_answer_when_asked_to)
{
    static const char *const last[] = {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                                       "GET / HTTP/1.0\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        struct env e;
        env_init(&e, 0, 0);
        raw_say(&e.c, last[i]);
        RUN_UNTIL(e.loop, e.c.eof);
        ck_assert(!e.c.reset && heard(&e, "[GET|/") && heard(&e, "\r\nConnection: close\r\n"));
        env_fini(&e);
    }
}
END_TEST

START_TEST(still_answers_a_client_that_has_said_all_it_will)
{
    struct env e;
    env_init(&e, 0, 0);
    e.hold = true;
    raw_say(&e.c, "GET /last HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert_int_eq(shutdown(e.c.fd, SHUT_WR), 0);
    RUN_UNTIL(e.loop, e.held != NULL);
    RUN_FOR(e.loop, 10);
    server_reply(e.held, 200, NULL, NULL, "late", 4);
    RUN_UNTIL(e.loop, e.c.eof);
    ck_assert(!e.c.reset && heard(&e, "late"));
    env_fini(&e);
}
END_TEST

START_TEST(sends_no_body_to_head_and_with_204)
{
    struct env e;
    env_init(&e, 0, 0);
    raw_say(&e.c, "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(e.loop, heard(&e, "\r\n\r\n"));
    RUN_FOR(e.loop, 5);
    ck_assert(heard(&e, "Content-Length: 14\r\n") && !heard(&e, "[HEAD"));
    raw_forget(&e.c);
    e.hold = true;
    raw_say(&e.c, "GET /n HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(e.loop, e.held != NULL);
    server_reply(e.held, 204, NULL, NULL, "x", 1);
    RUN_UNTIL(e.loop, heard(&e, "\r\n\r\n"));
    RUN_FOR(e.loop, 5);
    ck_assert(!heard(&e, "Content-Length") && strcmp(e.c.heard + e.c.len - 4, "\r\n\r\n") == 0);
    env_fini(&e);
}
END_TEST

START_TEST(tells_a_waiting_client_to_go_on)
{
    struct env e;
    env_init(&e, 0, 0);
    raw_say(&e.c, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    RUN_UNTIL(e.loop, heard(&e, "HTTP/1.1 100 Continue\r\n\r\n"));
    raw_say(&e.c, "ok");
    RUN_UNTIL(e.loop, heard(&e, "2:ok]"));
    env_fini(&e);
}
END_TEST

START_TEST(refuses_what_is_not_strict_http_and_closes)
{
    static const struct { int status; const char *bytes; } bad[] = {
        {400, "\x16\x03\x01\x02\r\n\r\n"},                      /* TLS */
        {400, "GET /\r\n\r\n"}, {400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET / HTTP/1.1\nHost: h\n\n"}, {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"}, {400, "G@T / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n"}, {400, "GET / HTTP/1.1\r\nHost: h\r\n X: y\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\n: y\r\n\r\n"}, {400, "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n"}, {400, "GET / HTTX/1.1\r\nHost: h\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"},
        {417, "POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct env e;
        char line[32];
        env_init(&e, 0, 0);
        raw_say(&e.c, bad[i].bytes);
        RUN_UNTIL(e.loop, e.c.eof);
        snprintf(line, sizeof line, "HTTP/1.1 %d ", bad[i].status);
        ck_assert_msg(strncmp(e.c.heard, line, strlen(line)) == 0, "%zu: %.30s", i, e.c.heard);
        ck_assert(!e.c.reset && times_heard(&e, "HTTP/1.1 ") == 1);
        ck_assert_int_eq(e.requests, 0);
        ck_assert_int_eq(server_counts(e.server).malformed, 1);
        env_fini(&e);
    }
}
END_TEST

/* "X-A: ....\r\n" such that the whole head has this many bytes. */
static char *head_of(size_t size)
{
    static const char begin[] = "GET / HTTP/1.1\r\nHost: h\r\nX-B: ";
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', size);
    memcpy(text, begin, sizeof begin - 1);
    strcpy(text + size - 4, "\r\n\r\n");
    return text;
}

START_TEST(takes_a_head_of_16_KiB_and_not_one_byte_more)
{
    for (size_t extra = 0; extra <= 1; extra++) {
        struct env e;
        env_init(&e, 0, 0);
        char *text = head_of(REQUEST_HEAD_MAX + extra);
        raw_say(&e.c, text);
        RUN_UNTIL(e.loop, heard(&e, "\r\n\r\n"));
        ck_assert(heard(&e, extra == 0 ? "HTTP/1.1 200 " : "HTTP/1.1 431 "));
        free(text);
        env_fini(&e);
    }
}
END_TEST

START_TEST(takes_a_body_of_1_MiB)
{
    struct env e;
    env_init(&e, 0, 0);
    char *body = malloc(REQUEST_BODY_MAX);
    ck_assert_ptr_nonnull(body);
    memset(body, 'b', REQUEST_BODY_MAX);
    raw_say(&e.c, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n");
    for (size_t at = 0; at < REQUEST_BODY_MAX; uv_run(loop_uv(e.loop), UV_RUN_NOWAIT))
        at += raw_say_len(&e.c, body + at, REQUEST_BODY_MAX - at);
    RUN_UNTIL(e.loop, heard(&e, "[PUT|/|-|1048576:bbbb"));
    free(body);
    env_fini(&e);
}
END_TEST

START_TEST(survives_random_bytes)
{
    const unsigned seed = (unsigned)time(NULL);
    static const char *const parts[] = {"GET ", "POST / HTTP/1.1\r\n", "\r\n", "Host: h\r\n", "\r\n\r\n",
                                        "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "5\r\n",
                                        HANDSHAKE "\r\n", ":", "\xff", "HTTP/1.1"};
    printf("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 300; i++) {
        struct env e;
        env_init(&e, 0, 0);
        for (int k = 0; k < 12 && !e.c.eof; k++) {
            char noise[64];
            for (size_t j = 0; j < sizeof noise; j++)
                noise[j] = (char)rand();
            const char *part = parts[(size_t)rand() % (sizeof parts / sizeof parts[0])];
            if (rand() % 4 == 0)
                raw_say_len(&e.c, noise, (size_t)(rand() % (int)sizeof noise));
            else
                raw_say_len(&e.c, part, strlen(part));
            uv_run(loop_uv(e.loop), UV_RUN_NOWAIT);
        }
        env_fini(&e);
    }
}
END_TEST

START_TEST(takes_an_answer_to_a_client_that_is_gone_and_to_a_server_that_is_gone)
{
    struct env e;
    env_init(&e, 0, 0);
    e.hold = true;
    raw_say(&e.c, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(e.loop, e.held != NULL);
    struct linger hard = {.l_onoff = 1};
    setsockopt(e.c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    raw_close(&e.c);                                    /* a reset */
    RUN_UNTIL(e.loop, server_counts(e.server).conns == 0);
    server_reply(e.held, 200, NULL, NULL, "x", 1);
    e.held = NULL;
    raw_connect(&e.c, e.loop, server_port(e.server));
    raw_say(&e.c, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(e.loop, e.held != NULL);
    server_destroy(&e.server);
    server_reply(e.held, 200, NULL, NULL, "x", 1);
    RUN_UNTIL(e.loop, e.c.eof);
    env_fini(&e);
}
END_TEST

START_TEST(drops_who_is_too_slow_or_idle_but_not_who_waits_for_us)
{
    struct env e;
    env_init(&e, 300, 600);
    struct raw slow, idle;
    raw_connect(&slow, e.loop, server_port(e.server));
    raw_connect(&idle, e.loop, server_port(e.server));
    raw_say(&slow, "GET / HT");
    raw_say(&idle, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(e.loop, idle.len > 0);
    e.hold = true;
    raw_say(&e.c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(e.loop, slow.eof && idle.eof);
    ck_assert_int_eq(server_counts(e.server).timeouts, 2);
    ck_assert(!e.c.eof && e.held != NULL);
    server_reply(e.held, 200, NULL, NULL, "x", 1);
    RUN_UNTIL(e.loop, heard(&e, "HTTP/1.1 200 "));
    raw_close(&slow);
    raw_close(&idle);
    env_fini(&e);
}
END_TEST

START_TEST(closes_connections_over_its_bound_and_counts_them)
{
    struct env e;
    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;            /* both ends are ours: more than the usual 1,024 */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    env_init(&e, 0, 0);
    static int fd[SERVER_CONNS_MAX + 10];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(server_port(e.server))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < SERVER_CONNS_MAX + 10; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(fd[i], (struct sockaddr *)&at, sizeof at), 0);
        uv_run(loop_uv(e.loop), UV_RUN_NOWAIT);
    }
    RUN_UNTIL(e.loop, server_counts(e.server).conns_refused == 11);     /* env's own is one */
    ck_assert_int_eq(server_counts(e.server).conns, SERVER_CONNS_MAX);
    for (int i = 0; i < SERVER_CONNS_MAX + 10; i++)
        close(fd[i]);
    RUN_UNTIL(e.loop, server_counts(e.server).conns == 1);
    raw_say(&e.c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(e.loop, heard(&e, "[GET"));
    env_fini(&e);
}
END_TEST

START_TEST(says_busy_when_the_port_is_taken)
{
    struct env e;
    struct server *second = NULL;
    env_init(&e, 0, 0);
    const struct server_def def = {.port = server_port(e.server), .on_request = on_request};
    ck_assert_int_eq(server_new(e.loop, &def, &second), ERR_BUSY);
    ck_assert_ptr_null(second);
    env_fini(&e);
}
END_TEST

/* ---- WebSocket ---- */

static void say_frame(struct raw *c, int first, const void *data, size_t len)
{
    uint8_t f[WSFRAME_MESSAGE_MAX + 32] = {(uint8_t)first};
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t n = 2;
    f[1] = (uint8_t)(0x80 | (len < 126 ? len : len < 65536 ? 126 : 127));
    for (int shift = len < 126 ? -8 : len < 65536 ? 8 : 56; shift >= 0; shift -= 8)
        f[n++] = (uint8_t)((uint64_t)len >> shift);
    memcpy(f + n, mask, 4);
    n += 4;
    for (size_t i = 0; i < len; i++)
        f[n + i] = (uint8_t)(((const uint8_t *)data)[i] ^ mask[i % 4]);
    must(raw_say_len(c, f, n + len) == n + len);
}

static void open_ws(struct env *e)
{
    raw_say(&e->c, HANDSHAKE "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
    RUN_UNTIL(e->loop, heard(e, "\x81\x07welcome"));
}

START_TEST(upgrades_with_the_standards_own_example_and_confirms_no_extension)
{
    struct env e;
    env_init(&e, 0, 0);
    open_ws(&e);
    ck_assert_int_eq(strncmp(e.c.heard, "HTTP/1.1 101 ", 13), 0);
    ck_assert(heard(&e, "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n"));
    ck_assert(!heard(&e, "Extensions") && !heard(&e, "Content-Length"));
    ck_assert_str_eq(e.last_target, "/ws?token=a%20b");
    ck_assert_int_eq(server_counts(e.server).ws_conns, 1);
    env_fini(&e);
    ck_assert_int_eq(e.closed, 1);
}
END_TEST

START_TEST(hears_texts_of_every_length_form_and_fragments_with_a_ping_between)
{
    struct env e;
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536};
    static char text[WSFRAME_MESSAGE_MAX];
    env_init(&e, 0, 0);
    open_ws(&e);
    memset(text, 't', sizeof text);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        say_frame(&e.c, 0x81, text, sizes[i]);
        RUN_UNTIL(e.loop, e.texts == (int)i + 1);
        ck_assert_uint_eq(e.last_len, sizes[i]);
    }
    say_frame(&e.c, 0x01, "frag", 4);
    say_frame(&e.c, 0x89, "ping", 4);
    say_frame(&e.c, 0x00, "men", 3);
    say_frame(&e.c, 0x80, "ts", 2);
    RUN_UNTIL(e.loop, e.texts == 7 && heard(&e, "\x81\x09" "fragments"));
    ck_assert_str_eq(e.last_text, "fragments");
    ck_assert(heard(&e, "\x8a\x04ping"));
    env_fini(&e);
}
END_TEST

START_TEST(closes_with_the_code_that_fits_the_offence)
{
    static const struct { int code, first; const char *data; size_t len; } bad[] = {
        {1003, 0x82, "b", 1}, {1007, 0x81, "\xc0\x80", 2}, {1007, 0x81, "\xed\xa0\x80", 3},
        {1002, 0xc1, "z", 1}, {1002, 0x80, "c", 1}, {1002, 0x83, "r", 1}, {1002, 0x09, "p", 1},
        {1002, 0x88, "x", 1}, {1002, 0x88, "\x03\xed", 2},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct env e;
        env_init(&e, 0, 0);
        open_ws(&e);
        raw_forget(&e.c);
        say_frame(&e.c, bad[i].first, bad[i].data, bad[i].len);
        RUN_UNTIL(e.loop, e.c.eof);
        ck_assert_msg(e.c.len == 4 && (uint8_t)e.c.heard[0] == 0x88 && e.c.heard[1] == 2 &&
                      ((uint8_t)e.c.heard[2] << 8 | (uint8_t)e.c.heard[3]) == bad[i].code, "%zu", i);
        ck_assert_int_eq(e.texts, 0);
        env_fini(&e);
    }
}
END_TEST

START_TEST(closes_unmasked_and_oversized_frames)
{
    static const struct { int code; const char *bytes; size_t len; } bad[] = {
        {1002, "\x81\x02hi", 4},
        {1009, "\x81\xff\0\0\0\0\0\x01\0\x01" "mask", 14},
        {1002, "\x81\xff\xff\0\0\0\0\x01\0\x01" "mask", 14},
        {1002, "\x81\xfe\0\x05maskhello", 13},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct env e;
        env_init(&e, 0, 0);
        open_ws(&e);
        raw_forget(&e.c);
        raw_say_len(&e.c, bad[i].bytes, bad[i].len);
        RUN_UNTIL(e.loop, e.c.eof);
        ck_assert_int_eq((uint8_t)e.c.heard[2] << 8 | (uint8_t)e.c.heard[3], bad[i].code);
        env_fini(&e);
    }
}
END_TEST

START_TEST(answers_the_close_handshake_of_either_side_once)
{
    struct env e;
    env_init(&e, 0, 0);
    open_ws(&e);
    raw_forget(&e.c);
    say_frame(&e.c, 0x88, "\x03\xe9" "away", 6);
    RUN_UNTIL(e.loop, e.c.eof);
    ck_assert_int_eq(memcmp(e.c.heard, "\x88\x02\x03\xe9", 4), 0);
    raw_close(&e.c);
    RUN_UNTIL(e.loop, e.closed == 1);

    raw_connect(&e.c, e.loop, server_port(e.server));
    open_ws(&e);
    raw_forget(&e.c);
    ws_conn_close(e.ws, 4001, "bye");
    ws_conn_close(e.ws, 4002, "again");
    ws_conn_send(e.ws, "too late", 8);
    RUN_UNTIL(e.loop, e.c.len >= 7);
    ck_assert_int_eq(memcmp(e.c.heard, "\x88\x05\x0f\xa1" "bye", 7), 0);
    say_frame(&e.c, 0x88, "\x0f\xa1", 2);
    RUN_UNTIL(e.loop, e.c.eof);
    ck_assert_uint_eq(e.c.len, 7);
    raw_close(&e.c);
    RUN_UNTIL(e.loop, e.closed == 2);
    env_fini(&e);
}
END_TEST

START_TEST(refuses_upgrades_that_are_wrong_or_unwanted)
{
    static const struct { int status, refuse_with; const char *bytes; } bad[] = {
        {403, 403, HANDSHAKE "\r\n"},
        {426, 0, "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 8\r\n\r\n"},
        {400, 0, "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n"},
        {400, 0, "POST / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct env e;
        char line[32];
        env_init(&e, 0, 0);
        e.refuse_with = bad[i].refuse_with;
        raw_say(&e.c, bad[i].bytes);
        RUN_UNTIL(e.loop, e.c.eof);
        snprintf(line, sizeof line, "HTTP/1.1 %d ", bad[i].status);
        ck_assert_msg(strncmp(e.c.heard, line, strlen(line)) == 0, "%zu: %.30s", i, e.c.heard);
        ck_assert_int_eq(server_counts(e.server).ws_conns, 0);
        env_fini(&e);
    }
}
END_TEST

START_TEST(drops_a_client_whose_queue_would_pass_its_bound_and_counts_it)
{
    struct env e;
    static char text[60000];
    env_init(&e, 0, 0);
    open_ws(&e);
    loop_watch_destroy(&e.c.watch);             /* it reads no more */
    memset(text, 't', sizeof text);
    struct ws_text *shared = ws_text_new(text, sizeof text);
    size_t sent = 0, most = 0;
    for (int i = 0; i < 2000 && server_counts(e.server).ws_dropped == 0; i++) {
        ws_conn_send_shared(e.ws, shared);
        most = ws_conn_queued(e.ws) > most ? ws_conn_queued(e.ws) : most;
        sent++;
        ck_assert_int_eq(e.closed, 0);          /* never inside the call */
    }
    ws_text_destroy(&shared);
    ck_assert_int_eq(server_counts(e.server).ws_dropped, 1);
    ck_assert_uint_gt(sent, SERVER_WS_QUEUE_MAX / sizeof text);
    ck_assert_uint_le(most, SERVER_WS_QUEUE_MAX);
    ws_conn_send(e.ws, "x", 1);                 /* nothing happens */
    RUN_UNTIL(e.loop, e.closed == 1);
    env_fini(&e);
}
END_TEST

START_TEST(pings_a_silent_client_and_drops_it_when_it_stays_silent)
{
    struct env e;
    env_init(&e, 1000, 200);
    open_ws(&e);
    RUN_UNTIL(e.loop, heard(&e, "\x89"));
    ck_assert_int_eq(e.closed, 0);
    say_frame(&e.c, 0x8a, "", 0);
    raw_forget(&e.c);
    RUN_UNTIL(e.loop, e.c.eof);                 /* a second ping, unanswered */
    ck_assert_uint_eq((uint8_t)e.c.heard[0], 0x89);
    ck_assert_int_eq(server_counts(e.server).timeouts, 1);
    env_fini(&e);
}
END_TEST

START_TEST(serves_200_websocket_clients_each_message_once)
{
    static struct raw c[WS_CLIENTS];
    struct env e;
    env_init(&e, 0, 0);
    for (int i = 0; i < WS_CLIENTS; i++) {
        raw_connect(&c[i], e.loop, server_port(e.server));
        raw_say(&c[i], HANDSHAKE "\r\n");
    }
    RUN_UNTIL(e.loop, e.opened == WS_CLIENTS);
    for (int i = 0; i < WS_CLIENTS; i++) {
        char text[16];
        snprintf(text, sizeof text, "client %03d", i);
        say_frame(&c[i], 0x81, text, 10);
    }
    for (int i = 0; i < WS_CLIENTS; i++) {
        char frame[16];
        snprintf(frame, sizeof frame, "\x81\x0a" "client %03d", i);
        RUN_UNTIL(e.loop, memmem(c[i].heard, c[i].len, frame, 12) != NULL);
    }
    ck_assert_int_eq(e.texts, WS_CLIENTS);
    ck_assert_int_eq(server_counts(e.server).ws_conns, WS_CLIENTS);
    for (int i = 0; i < WS_CLIENTS; i++)
        raw_close(&c[i]);
    RUN_UNTIL(e.loop, e.closed == WS_CLIENTS);
    env_fini(&e);
}
END_TEST

TESTS("server", hears_method_target_headers_and_body_as_sent, answers_a_post_without_length_at_once,
      decodes_chunked_bodies, keeps_the_order_of_pipelined_requests_even_when_answers_come_late,
      does_not_depend_on_where_the_bytes_are_cut, closes_after_the_answer_when_asked_to,
      still_answers_a_client_that_has_said_all_it_will, sends_no_body_to_head_and_with_204,
      tells_a_waiting_client_to_go_on, refuses_what_is_not_strict_http_and_closes,
      takes_a_head_of_16_KiB_and_not_one_byte_more, takes_a_body_of_1_MiB, survives_random_bytes,
      takes_an_answer_to_a_client_that_is_gone_and_to_a_server_that_is_gone,
      drops_who_is_too_slow_or_idle_but_not_who_waits_for_us,
      closes_connections_over_its_bound_and_counts_them, says_busy_when_the_port_is_taken,
      upgrades_with_the_standards_own_example_and_confirms_no_extension,
      hears_texts_of_every_length_form_and_fragments_with_a_ping_between,
      closes_with_the_code_that_fits_the_offence, closes_unmasked_and_oversized_frames,
      answers_the_close_handshake_of_either_side_once, refuses_upgrades_that_are_wrong_or_unwanted,
      drops_a_client_whose_queue_would_pass_its_bound_and_counts_it,
      pings_a_silent_client_and_drops_it_when_it_stays_silent,
      serves_200_websocket_clients_each_message_once)
