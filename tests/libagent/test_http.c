#include <stdio.h>
#include <sys/un.h>

#include "libagent/http.h"
#include "libagent/server.h"
#include "tests/libagent/net.h"

#include "tests/runner.h"

#define LOTS 200

/* What a call ended in. */
struct got {
    int n;
    enum http_outcome outcome;
    int status;
    size_t len;
    char body[4096], header[256], error[256];
};

static void on_done(void *arg, const struct http_response *r)
{
    struct got *g = arg;
    const char *h = http_header(r, "x-LIMIT-left");
    g->n++;
    g->outcome = r->outcome;
    g->status = r->status;
    g->len = r->len;
    must(strlen(r->body) == r->len || r->len >= sizeof g->body);
    snprintf(g->body, sizeof g->body, "%s", r->body);
    snprintf(g->header, sizeof g->header, "%s", h != NULL ? h : "-");
    snprintf(g->error, sizeof g->error, "%s", r->error);
}

struct env {
    struct loop *loop;
    struct http *http;
    struct raw_server raw;
    char url[128];
};

static void env_init(struct env *e)
{
    must(loop_new(&e->loop) == ERR_OK);
    must(http_new(e->loop, NULL, &e->http) == ERR_OK);
    raw_server_init(&e->raw, e->loop);
    snprintf(e->url, sizeof e->url, "http://127.0.0.1:%d/x?y=1", e->raw.port);
}

static void env_fini(struct env *e)
{
    http_destroy(&e->http);
    raw_server_fini(&e->raw);
    loop_destroy(&e->loop);
}

static struct http_request request_to(const char *method, const char *url, const char *body)
{
    return (struct http_request){.method = method, .url = url, .body = body,
                                 .len = body != NULL ? strlen(body) : 0,
                                 .timeout_ms = 5000, .max_response = 1000};
}

static void ask(struct env *e, const char *method, const char *body, struct got *g)
{
    const struct http_request req = request_to(method, e->url, body);
    ck_assert_int_eq(http_request(e->http, &req, on_done, g, NULL), ERR_OK);
}

/* Connection i of the raw server has heard a whole head. */
static bool heard_head(const struct env *e, int i)
{
    return e->raw.n > i && strstr(e->raw.got[i].heard, "\r\n\r\n") != NULL;
}

/* One request, answered with these bytes and then the end of the connection, if so wanted. */
static struct got answered(const char *method, const char *answer, bool then_close)
{
    struct env e;
    struct got g = {0};
    env_init(&e);
    ask(&e, method, strcmp(method, "GET") == 0 ? NULL : "{}", &g);
    RUN_UNTIL(e.loop, heard_head(&e, 0));
    raw_say(&e.raw.got[0], answer);
    if (then_close)
        raw_close(&e.raw.got[0]);
    RUN_UNTIL(e.loop, g.n == 1);
    env_fini(&e);
    return g;
}

START_TEST(sends_method_target_headers_and_body_and_hears_the_answer)
{
    struct env e;
    struct got g = {0};
    env_init(&e);
    const char *const headers[] = {"KC-API-SIGN: abc==", "Content-Type: application/json", NULL};
    struct http_request req = request_to("DELETE", e.url, "{\"a\":1}");
    req.headers = headers;
    ck_assert_int_eq(http_request(e.http, &req, on_done, &g, NULL), ERR_OK);
    RUN_UNTIL(e.loop, e.raw.n == 1 && strstr(e.raw.got[0].heard, "{\"a\":1}") != NULL);
    const char *heard = e.raw.got[0].heard;
    ck_assert_int_eq(strncmp(heard, "DELETE /x?y=1 HTTP/1.1\r\n", 24), 0);
    ck_assert_ptr_nonnull(strstr(heard, "\r\nKC-API-SIGN: abc==\r\n"));
    ck_assert_ptr_nonnull(strstr(heard, "\r\nContent-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(heard, "\r\nContent-Length: 7\r\n"));
    ck_assert_ptr_null(strstr(heard, "Expect"));
    ck_assert_int_eq(g.n, 0);
    raw_say(&e.raw.got[0], "HTTP/1.1 429 Too Many\r\nX-Limit-Left: 7\r\nContent-Length: 5\r\n\r\nhello");
    RUN_UNTIL(e.loop, g.n == 1);
    ck_assert_int_eq(g.outcome, HTTP_ANSWERED);
    ck_assert_int_eq(g.status, 429);
    ck_assert_str_eq(g.body, "hello");
    ck_assert_str_eq(g.header, "7");
    ck_assert_str_eq(g.error, "");
    env_fini(&e);
}
END_TEST

START_TEST(keeps_the_connection_for_the_next_request)
{
    struct env e;
    env_init(&e);
    for (int i = 0; i < 3; i++) {
        struct got g = {0};
        ask(&e, "GET", NULL, &g);
        RUN_UNTIL(e.loop, heard_head(&e, 0));
        raw_forget(&e.raw.got[0]);
        raw_say(&e.raw.got[0], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        RUN_UNTIL(e.loop, g.n == 1);
        ck_assert_int_eq(g.outcome, HTTP_ANSWERED);
    }
    ck_assert_int_eq(e.raw.n, 1);
    env_fini(&e);
}
END_TEST

START_TEST(does_not_follow_redirects)
{
    struct got g = answered("GET", "HTTP/1.1 302 Found\r\nLocation: /z\r\nContent-Length: 0\r\n\r\n", false);
    ck_assert_int_eq(g.outcome, HTTP_ANSWERED);
    ck_assert_int_eq(g.status, 302);
}
END_TEST

START_TEST(says_not_sent_when_the_port_is_refused)
{
    struct env e;
    struct got g = {0};
    env_init(&e);
    snprintf(e.url, sizeof e.url, "http://127.0.0.1:%d/", closed_port(e.loop));
    ask(&e, "POST", "{}", &g);
    ck_assert_int_eq(g.n, 0);               /* never inside the call */
    RUN_UNTIL(e.loop, g.n == 1);
    ck_assert_int_eq(g.outcome, HTTP_NOT_SENT);
    ck_assert_int_eq(g.status, 0);
    ck_assert_str_ne(g.error, "");
    env_fini(&e);
}
END_TEST

START_TEST(says_not_sent_when_tls_fails)
{
    struct env e;
    struct got g = {0};
    env_init(&e);
    snprintf(e.url, sizeof e.url, "https://127.0.0.1:%d/", e.raw.port);
    ask(&e, "POST", "{}", &g);
    RUN_UNTIL(e.loop, e.raw.n == 1 && e.raw.got[0].len > 0);
    raw_say(&e.raw.got[0], "HTTP/1.1 400 this is not TLS\r\n\r\n");
    RUN_UNTIL(e.loop, g.n == 1);
    ck_assert_int_eq(g.outcome, HTTP_NOT_SENT);
    env_fini(&e);
}
END_TEST

START_TEST(says_unknown_when_the_server_dies_before_or_inside_its_answer)
{
    static const char *const cut[] = {
        "", "HTT", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123456789",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    };
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        struct got g = answered("POST", cut[i], true);
        ck_assert_msg(g.outcome == HTTP_UNKNOWN, "cut %zu: outcome %d", i, g.outcome);
        ck_assert_int_eq(g.status, 0);
        ck_assert_str_eq(g.body, "");
        ck_assert_str_ne(g.error, "");
    }
}
END_TEST

START_TEST(takes_a_chunked_answer_with_trailers_and_one_behind_a_100)
{
    struct got g = answered("POST", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n", false);
    ck_assert_int_eq(g.outcome, HTTP_ANSWERED);
    ck_assert_int_eq(g.status, 200);
    ck_assert_str_eq(g.body, "hello");
}
END_TEST

START_TEST(says_unknown_to_what_is_not_http)
{
    ck_assert_int_eq(answered("POST", "SSH-2.0-hello\r\n", true).outcome, HTTP_UNKNOWN);
}
END_TEST

START_TEST(says_unknown_when_the_answer_does_not_come_in_time)
{
    struct env e;
    struct got silent = {0}, half = {0};
    env_init(&e);
    struct http_request req = request_to("POST", e.url, "{}");
    req.timeout_ms = 100;
    ck_assert_int_eq(http_request(e.http, &req, on_done, &silent, NULL), ERR_OK);
    RUN_UNTIL(e.loop, silent.n == 1);
    ck_assert_int_eq(silent.outcome, HTTP_UNKNOWN);
    ck_assert_int_eq(http_request(e.http, &req, on_done, &half, NULL), ERR_OK);
    RUN_UNTIL(e.loop, heard_head(&e, 1));
    raw_say(&e.raw.got[1], "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12");
    RUN_UNTIL(e.loop, half.n == 1);
    ck_assert_int_eq(half.outcome, HTTP_UNKNOWN);
    env_fini(&e);
}
END_TEST

START_TEST(takes_an_answer_of_the_largest_size_and_not_one_byte_more)
{
    char answer[2048];
    for (int extra = 0; extra <= 1; extra++) {
        const int n = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
                               1000 + extra);
        memset(answer + n, 'x', (size_t)(1000 + extra));
        answer[n + 1000 + extra] = '\0';
        struct got g = answered("GET", answer, false);
        ck_assert_int_eq(g.outcome, extra == 0 ? HTTP_ANSWERED : HTTP_UNKNOWN);
        ck_assert_uint_eq(g.len, extra == 0 ? 1000 : 0);
        if (extra == 1)
            ck_assert_str_eq(g.error, "answer too large");
    }
}
END_TEST

START_TEST(bounds_an_answer_without_length_and_an_endless_head)
{
    char *answer = malloc(100000);
    ck_assert_ptr_nonnull(answer);
    strcpy(answer, "HTTP/1.1 200 OK\r\n\r\n");
    memset(answer + 19, 'x', 5000);
    answer[5019] = '\0';
    ck_assert_int_eq(answered("GET", answer, true).outcome, HTTP_UNKNOWN);
    strcpy(answer, "HTTP/1.1 200 OK\r\n");
    for (size_t n = 17; n < 80000; n += 10)
        strcpy(answer + n, "A: 45678\r\n");
    struct got g = answered("GET", answer, false);
    ck_assert_int_eq(g.outcome, HTTP_UNKNOWN);
    ck_assert_str_eq(g.error, "answer too large");
    free(answer);
}
END_TEST

/* curl repeats a request by itself when a kept connection turns out dead.  An order must not go out
 * twice. */
START_TEST(never_sends_a_post_twice_when_a_kept_connection_dies)
{
    struct env e;
    struct got first = {0}, second = {0};
    env_init(&e);
    ask(&e, "POST", "{}", &first);
    RUN_UNTIL(e.loop, heard_head(&e, 0));
    raw_say(&e.raw.got[0], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    RUN_UNTIL(e.loop, first.n == 1);
    raw_forget(&e.raw.got[0]);
    ask(&e, "POST", "{}", &second);
    RUN_UNTIL(e.loop, heard_head(&e, 0));       /* the same connection heard it, and dies */
    raw_close(&e.raw.got[0]);
    RUN_UNTIL(e.loop, second.n == 1);
    ck_assert_int_eq(second.outcome, HTTP_UNKNOWN);
    RUN_FOR(e.loop, 50);
    for (int i = 1; i < e.raw.n; i++)           /* it may connect again, but says nothing */
        ck_assert_uint_eq(e.raw.got[i].len, 0);
    env_fini(&e);
}
END_TEST

START_TEST(repeats_a_get_on_a_new_connection_when_a_kept_one_dies)
{
    struct env e;
    struct got first = {0}, second = {0};
    env_init(&e);
    ask(&e, "GET", NULL, &first);
    RUN_UNTIL(e.loop, heard_head(&e, 0));
    raw_say(&e.raw.got[0], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    RUN_UNTIL(e.loop, first.n == 1);
    raw_forget(&e.raw.got[0]);
    ask(&e, "GET", NULL, &second);
    RUN_UNTIL(e.loop, heard_head(&e, 0));
    raw_close(&e.raw.got[0]);
    RUN_UNTIL(e.loop, heard_head(&e, 1));
    raw_say(&e.raw.got[1], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    RUN_UNTIL(e.loop, second.n == 1);
    ck_assert_int_eq(second.outcome, HTTP_ANSWERED);
    env_fini(&e);
}
END_TEST

START_TEST(tells_nothing_of_a_cancelled_call)
{
    struct env e;
    struct got g = {0};
    struct http_call *call = NULL;
    env_init(&e);
    const struct http_request req = request_to("GET", e.url, NULL);
    ck_assert_int_eq(http_request(e.http, &req, on_done, &g, &call), ERR_OK);
    http_cancel(&call);                         /* not yet connected */
    ck_assert_ptr_null(call);
    http_cancel(&call);
    ck_assert_int_eq(http_request(e.http, &req, on_done, &g, &call), ERR_OK);
    RUN_UNTIL(e.loop, e.raw.n > 0 && heard_head(&e, e.raw.n - 1));
    http_cancel(&call);                         /* under way */
    RUN_FOR(e.loop, 20);
    ck_assert_int_eq(g.n, 0);
    env_fini(&e);
}
END_TEST

START_TEST(refuses_unusable_urls_and_too_many_requests)
{
    struct env e;
    struct got g = {0};
    env_init(&e);
    static const char *const bad[] = {"", "127.0.0.1", "ftp://127.0.0.1/", "file:///etc/passwd",
                                      "http://", "http://127.0.0.1:99999/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct http_request req = request_to("GET", bad[i], NULL);
        ck_assert_int_eq(http_request(e.http, &req, on_done, &g, NULL), ERR_SYNTAX);
    }
    for (int i = 0; i < HTTP_INFLIGHT_MAX; i++)
        ask(&e, "GET", NULL, &g);
    const struct http_request req = request_to("GET", e.url, NULL);
    ck_assert_int_eq(http_request(e.http, &req, on_done, &g, NULL), ERR_FULL);
    env_fini(&e);                               /* cancels them all */
    ck_assert_int_eq(g.n, 0);
}
END_TEST

/* ---- against the server of the same process ---- */

static void echo(void *arg, struct server_request *req)
{
    size_t len;
    const char *body = server_body(req, &len);
    (void)arg;
    server_reply(req, 200, "text/plain", NULL, body, len);
}

struct chain {
    struct env *env;
    int left;
};

static void ask_on(void *arg, const struct http_response *r)
{
    struct chain *c = arg;
    must(r->outcome == HTTP_ANSWERED);
    if (c->left-- > 0) {
        const struct http_request req = request_to("POST", c->env->url, "next");
        must(http_request(c->env->http, &req, ask_on, c, NULL) == ERR_OK);
    }
}

static bool all_done(const struct got *got)
{
    int n = 0;
    for (int i = 0; i < LOTS; i++)
        n += got[i].n;
    return n == LOTS;
}

START_TEST(carries_many_requests_at_once_each_with_its_own_answer)
{
    struct env e;
    struct server *server = NULL;
    static struct got got[LOTS];
    env_init(&e);
    const struct server_def def = {.on_request = echo};
    ck_assert_int_eq(server_new(e.loop, &def, &server), ERR_OK);
    snprintf(e.url, sizeof e.url, "http://127.0.0.1:%d/", server_port(server));
    for (int i = 0; i < LOTS; i++) {
        char body[16];
        snprintf(body, sizeof body, "call %d", i);
        ask(&e, i % 2 ? "POST" : "DELETE", body, &got[i]);
    }
    RUN_UNTIL(e.loop, all_done(got));
    for (int i = 0; i < LOTS; i++) {
        char body[16];
        snprintf(body, sizeof body, "call %d", i);
        ck_assert_int_eq(got[i].outcome, HTTP_ANSWERED);
        ck_assert_str_eq(got[i].body, body);
    }
    http_destroy(&e.http);
    server_destroy(&server);
    raw_server_fini(&e.raw);
    loop_destroy(&e.loop);
}
END_TEST

START_TEST(lets_a_callback_start_the_next_request)
{
    struct env e;
    struct server *server = NULL;
    env_init(&e);
    const struct server_def def = {.on_request = echo};
    ck_assert_int_eq(server_new(e.loop, &def, &server), ERR_OK);
    snprintf(e.url, sizeof e.url, "http://127.0.0.1:%d/", server_port(server));
    struct chain c = {.env = &e, .left = 100};
    const struct http_request req = request_to("POST", e.url, "first");
    ck_assert_int_eq(http_request(e.http, &req, ask_on, &c, NULL), ERR_OK);
    RUN_UNTIL(e.loop, c.left < 0);
    ck_assert_int_eq(server_counts(server).requests, 101);
    ck_assert_int_eq(server_counts(server).conns, 1);
    server_destroy(&server);
    env_fini(&e);
}
END_TEST

START_TEST(speaks_over_a_unix_socket)
{
    struct loop *l = NULL;
    struct http *h = NULL;
    struct got g = {0};
    char dir[] = "/tmp/enigma-http-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/s", dir);
    struct raw_server s = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    ck_assert_int_eq(bind(s.fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(s.fd, 4), 0);
    ck_assert_int_eq(loop_new(&l), ERR_OK);
    s.loop = l;
    s.watch = loop_watch_fd(l, s.fd, raw_on_connection, &s);
    ck_assert_int_eq(http_new(l, at.sun_path, &h), ERR_OK);
    const struct http_request req = request_to("POST", "http://supervisor/RPC2", "<x/>");
    ck_assert_int_eq(http_request(h, &req, on_done, &g, NULL), ERR_OK);
    RUN_UNTIL(l, s.n == 1 && strstr(s.got[0].heard, "<x/>") != NULL);
    ck_assert_ptr_nonnull(strstr(s.got[0].heard, "POST /RPC2 HTTP/1.1\r\nHost: supervisor\r\n"));
    raw_say(&s.got[0], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    RUN_UNTIL(l, g.n == 1);
    ck_assert_str_eq(g.body, "ok");
    http_destroy(&h);
    raw_server_fini(&s);
    loop_destroy(&l);
    unlink(at.sun_path);
    rmdir(dir);
}
END_TEST

TESTS("http", sends_method_target_headers_and_body_and_hears_the_answer,
      keeps_the_connection_for_the_next_request, does_not_follow_redirects,
      says_not_sent_when_the_port_is_refused, says_not_sent_when_tls_fails,
      says_unknown_when_the_server_dies_before_or_inside_its_answer,
      takes_a_chunked_answer_with_trailers_and_one_behind_a_100, says_unknown_to_what_is_not_http,
      says_unknown_when_the_answer_does_not_come_in_time,
      takes_an_answer_of_the_largest_size_and_not_one_byte_more,
      bounds_an_answer_without_length_and_an_endless_head,
      never_sends_a_post_twice_when_a_kept_connection_dies,
      repeats_a_get_on_a_new_connection_when_a_kept_one_dies, tells_nothing_of_a_cancelled_call,
      refuses_unusable_urls_and_too_many_requests,
      carries_many_requests_at_once_each_with_its_own_answer, lets_a_callback_start_the_next_request,
      speaks_over_a_unix_socket)
