/* The venue is a server of ours in the same loop that says what the test wants, or a raw TCP end that says
 * nothing at all. */
#include <stdio.h>

#include "libagent/breaker.h"
#include "libagent/exchange/codec.h"
#include "libagent/server.h"
#include "libagent/venue.h"
#include "proto/text.h"
#include "tests/libagent/net.h"

#include "tests/runner.h"

#define OK_BODY "{\"code\":\"200000\",\"data\":{\"x\":1}}"

struct got {
    int n;
    struct venue_answer last;
    int64_t x;                  /* of the data */
};

struct stream_told {
    int ups, downs, messages;
    char topic[96], subject[32], reason[128];
    int64_t sn;
};

struct fake {
    struct loop *loop;
    struct server *server;
    struct venue *venue;
    char url[64];
    int status;                 /* what it answers */
    const char *body;
    int requests;
    char target[256], method[8], headers[256], said[256];
    struct ws_conn *conn;
    int conns, subscribed, pings;
    char topics[8][96];
    const char *refuse, *ignore;    /* these topics */
    int ups, downs;             /* of the breaker */
};

static void on_answer(void *arg, const struct venue_answer *a)
{
    struct got *g = arg;
    g->n++;
    g->last = *a;
    g->last.data = NULL;
    g->x = -1;
    codec_int(a->data, "x", &g->x);
}

static void on_request(void *arg, struct server_request *req)
{
    struct fake *f = arg;
    size_t len;
    const char *sign = server_header(req, "KC-API-SIGN");
    f->requests++;
    TEXT_COPY(f->target, server_target(req));
    TEXT_COPY(f->method, server_method(req));
    TEXT_COPY(f->said, server_body(req, &len));
    TEXT_COPY(f->headers, sign != NULL ? sign : "");
    if (strstr(f->target, "bullet") != NULL) {
        char body[300];
        snprintf(body, sizeof body,
                 "{\"code\":\"200000\",\"data\":{\"token\":\"abc\",\"instanceServers\":[{\"endpoint\":"
                 "\"ws://127.0.0.1:%d/\",\"pingInterval\":200,\"pingTimeout\":1000}]}}", server_port(f->server));
        server_reply(req, 200, "application/json", NULL, body, strlen(body));
        return;
    }
    server_reply(req, f->status, "application/json", NULL, f->body, strlen(f->body));
}

static void say(struct fake *f, const char *text)
{
    ck_assert_ptr_nonnull(f->conn);
    ws_conn_send(f->conn, text, strlen(text));
}

static int on_ws_open(void *arg, struct ws_conn *c, const struct server_request *req)
{
    struct fake *f = arg;
    if (strstr(server_target(req), "token=abc") == NULL)
        return 401;
    f->conn = c;
    f->conns++;
    return 0;
}

static void on_ws_text(void *arg, struct ws_conn *c, const char *text, size_t len)
{
    struct fake *f = arg;
    json_t *tree = json_loadb(text, len, 0, NULL);
    ck_assert_ptr_nonnull(tree);
    const char *type = json_string_value(json_object_get(tree, "type"));
    const char *topic = json_string_value(json_object_get(tree, "topic"));
    const char *id = json_string_value(json_object_get(tree, "id"));
    if (strcmp(type, "ping") == 0) {
        f->pings++;
        ws_conn_send(c, "{\"type\":\"pong\"}", 15);
    } else if (f->refuse != NULL && strcmp(topic, f->refuse) == 0) {
        char text_[128];
        snprintf(text_, sizeof text_, "{\"id\":\"%s\",\"type\":\"error\",\"code\":404,\"data\":\"no such topic\"}", id);
        ws_conn_send(c, text_, strlen(text_));
    } else if (f->subscribed < 8) {
        char ack[64];
        TEXT_COPY(f->topics[f->subscribed++], topic);
        snprintf(ack, sizeof ack, "{\"id\":\"%s\",\"type\":\"ack\"}", id);
        if (f->ignore == NULL || strcmp(topic, f->ignore) != 0)
            ws_conn_send(c, ack, strlen(ack));
    }
    json_decref(tree);
}

static void on_ws_close(void *arg, struct ws_conn *c)
{
    struct fake *f = arg;
    if (f->conn == c)
        f->conn = NULL;
}

static void on_changed(void *arg, bool up, const char *why)
{
    struct fake *f = arg;
    ck_assert_ptr_nonnull(why);
    f->ups += up;
    f->downs += !up;
}

static int sign(void *arg, const char *method, const char *target, const void *body, size_t len,
                char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX])
{
    if (arg != NULL)
        return *(int *)arg;
    snprintf(headers[0], VENUE_HEADER_MAX, "KC-API-SIGN: %s|%s|%.*s", method, target, (int)len,
             body != NULL ? (const char *)body : "");
    return 1;
}

static void make_venue(struct fake *f, const char *url, struct venue_options o)
{
    o.loop = f->loop;
    o.base_url = url;
    o.timeout_ms = o.timeout_ms != 0 ? o.timeout_ms : 5000;
    o.burst = o.burst != 0 ? o.burst : 100;
    o.public_rate = o.public_rate != 0 ? o.public_rate : 1000;
    o.private_rate = o.private_rate != 0 ? o.private_rate : 1000;
    o.changed = on_changed;
    o.arg = f;
    ck_assert_int_eq(venue_new(&o, &f->venue), ERR_OK);
}

static void fake_init(struct fake *f, struct venue_options o)
{
    *f = (struct fake){.status = 200, .body = OK_BODY};
    must(loop_new(&f->loop) == ERR_OK);
    const struct server_def def = {
        .on_request = on_request, .on_ws_open = on_ws_open, .on_ws_text = on_ws_text,
        .on_ws_close = on_ws_close, .arg = f,
    };
    must(server_new(f->loop, &def, &f->server) == ERR_OK);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d", server_port(f->server));
    make_venue(f, f->url, o);
}

static void fake_fini(struct fake *f)
{
    venue_destroy(&f->venue);
    server_destroy(&f->server);
    loop_destroy(&f->loop);
}

static struct got get(struct fake *f, enum venue_class class, const char *target)
{
    struct got g = {.n = 0};
    venue_call(f->venue, class, "GET", target, NULL, on_answer, &g);
    RUN_UNTIL(f->loop, g.n > 0);
    return g;
}

/* ---- answers ---- */

START_TEST(an_answer_of_the_venue_comes_with_its_data)
{
    struct fake f;
    fake_init(&f, (struct venue_options){.sign = NULL});
    struct got g = get(&f, VENUE_PUBLIC, "/api/v1/timestamp?a=b");
    ck_assert_int_eq(g.last.outcome, VENUE_OK);
    ck_assert_int_eq(g.last.status, 200);
    ck_assert_str_eq(g.last.code, "200000");
    ck_assert_int_eq(g.x, 1);
    ck_assert_str_eq(f.target, "/api/v1/timestamp?a=b");
    ck_assert_str_eq(f.headers, "");
    ck_assert_int_eq(venue_errors(f.venue), 0);
    fake_fini(&f);
}
END_TEST

START_TEST(a_refusal_carries_the_venues_code_and_text_and_is_no_error_of_the_venue)
{
    struct fake f;
    fake_init(&f, (struct venue_options){.sign = NULL});
    f.body = "{\"code\":\"300003\",\"msg\":\"Balance insufficient\"}";
    for (int i = 0; i < 2 * BREAKER_FAILURES; i++) {
        f.status = i % 2 ? 200 : 400;
        struct got g = get(&f, VENUE_PUBLIC, "/o");
        ck_assert_int_eq(g.last.outcome, VENUE_REFUSED);
        ck_assert_str_eq(g.last.code, "300003");
        ck_assert_str_eq(g.last.msg, "Balance insufficient");
        ck_assert_int_eq(g.last.status, f.status);
    }
    f.status = 404;             /* success in the body does not make a success of it */
    f.body = OK_BODY;
    ck_assert_int_eq(get(&f, VENUE_PUBLIC, "/o").last.outcome, VENUE_REFUSED);
    ck_assert_int_eq(venue_errors(f.venue), 0);
    ck_assert_int_eq(f.downs, 0);
    fake_fini(&f);
}
END_TEST

START_TEST(what_a_broken_venue_says_leaves_the_order_unknown)
{
    static const struct { int status; const char *body; } answers[] = {
        {500, "{\"code\":\"500000\",\"msg\":\"Internal Server Error\"}"},
        {502, "<html><body>Bad Gateway</body></html>"},
        {200, "<html><body>Maintenance</body></html>"},
        {200, ""},
        {200, "{\"data\":{}}"},
        {200, "{\"code\":200000,\"data\":{}}"},
        {200, "{\"code\":\"200000\",\"data\":{"},
        {200, "[]"},
        {204, ""},
        {503, OK_BODY},
    };
    struct fake f;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        fake_init(&f, (struct venue_options){.sign = NULL});
        get(&f, VENUE_PUBLIC, "/first");        /* there is a venue */
        f.status = answers[i].status;
        f.body = answers[i].body;
        struct got g = get(&f, VENUE_PUBLIC, "/o");
        ck_assert_msg(g.last.outcome == VENUE_UNKNOWN, "%d %s", f.status, f.body);
        ck_assert_int_eq(g.last.status, f.status);
        ck_assert_msg(g.last.msg[0] != '\0' || f.status == 503, "nothing said about %s", f.body);
        ck_assert_int_eq(g.n, 1);
        ck_assert_int_eq(venue_errors(f.venue), 1);
        fake_fini(&f);
    }
}
END_TEST

START_TEST(too_many_requests_is_a_refusal_that_counts_against_the_breaker)
{
    struct fake f;
    fake_init(&f, (struct venue_options){.sign = NULL});
    get(&f, VENUE_PUBLIC, "/first");
    f.status = 429;
    f.body = "{\"code\":\"429000\",\"msg\":\"Too many requests\"}";
    struct got g = get(&f, VENUE_PUBLIC, "/o");
    ck_assert_int_eq(g.last.outcome, VENUE_REFUSED);
    ck_assert_int_eq(g.last.status, 429);
    ck_assert_str_eq(g.last.code, "429000");
    ck_assert_int_eq(venue_errors(f.venue), 1);
    for (int i = 1; i < BREAKER_FAILURES; i++)
        get(&f, VENUE_PUBLIC, "/o");
    ck_assert_int_eq(f.downs, 1);
    fake_fini(&f);
}
END_TEST

START_TEST(nobody_there_is_not_sent_and_no_answer_is_unknown)
{
    struct fake f;
    struct raw_server raw;
    char url[64];
    fake_init(&f, (struct venue_options){.sign = NULL});
    venue_destroy(&f.venue);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", closed_port(f.loop));
    make_venue(&f, url, (struct venue_options){.sign = NULL});
    struct got g = get(&f, VENUE_PUBLIC, "/o");
    ck_assert_int_eq(g.last.outcome, VENUE_NOT_SENT);
    ck_assert_int_eq(g.last.status, 0);
    ck_assert_str_ne(g.last.msg, "");
    venue_destroy(&f.venue);

    raw_server_init(&raw, f.loop);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", raw.port);
    make_venue(&f, url, (struct venue_options){.timeout_ms = 300});
    g = get(&f, VENUE_PUBLIC, "/silence");                  /* until the time is over */
    ck_assert_int_eq(g.last.outcome, VENUE_UNKNOWN);
    ck_assert_int_eq(g.last.status, 0);

    g.n = 0;
    venue_call(f.venue, VENUE_PUBLIC, "GET", "/hangup", NULL, on_answer, &g);
    RUN_UNTIL(f.loop, raw.n >= 2 && strstr(raw.got[raw.n - 1].heard, "\r\n\r\n") != NULL);
    raw_close(&raw.got[raw.n - 1]);
    RUN_UNTIL(f.loop, g.n > 0);
    ck_assert_int_eq(g.last.outcome, VENUE_UNKNOWN);
    venue_destroy(&f.venue);
    raw_server_fini(&raw);
    fake_fini(&f);
}
END_TEST

/* ---- signatures ---- */

START_TEST(private_calls_are_signed_as_they_leave_and_public_ones_are_not)
{
    struct fake f;
    struct got g = {.n = 0};
    fake_init(&f, (struct venue_options){.sign = sign});
    venue_call(f.venue, VENUE_PRIVATE, "POST", "/api/v1/orders", "{\"a\":1}", on_answer, &g);
    RUN_UNTIL(f.loop, g.n > 0);
    ck_assert_str_eq(f.headers, "POST|/api/v1/orders|{\"a\":1}");
    ck_assert_str_eq(f.said, "{\"a\":1}");
    ck_assert_str_eq(f.method, "POST");
    get(&f, VENUE_RESCUE, "/c");
    ck_assert_str_eq(f.headers, "GET|/c|");
    get(&f, VENUE_PUBLIC, "/p");
    ck_assert_str_eq(f.headers, "");
    fake_fini(&f);
}
END_TEST

START_TEST(what_cannot_be_signed_is_not_sent)
{
    struct fake f;
    int err = ERR_PERMISSION;
    fake_init(&f, (struct venue_options){.sign = NULL});
    ck_assert_int_eq(get(&f, VENUE_PRIVATE, "/o").last.outcome, VENUE_BROKEN);
    venue_destroy(&f.venue);
    make_venue(&f, f.url, (struct venue_options){.sign = sign, .sign_arg = &err});
    struct got g = get(&f, VENUE_RESCUE, "/o");
    ck_assert_int_eq(g.last.outcome, VENUE_BROKEN);
    ck_assert_str_ne(g.last.msg, "");
    ck_assert_int_eq(f.requests, 0);
    ck_assert_int_eq(get(&f, VENUE_PUBLIC, "/p").last.outcome, VENUE_OK);
    fake_fini(&f);
}
END_TEST

/* ---- the breaker ---- */

static void fail_in_a_row(struct fake *f, int n)
{
    f->status = 500;
    f->body = "<html>";
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(get(f, VENUE_PUBLIC, "/f").last.outcome, VENUE_UNKNOWN);
}

START_TEST(the_breaker_opens_after_5_failures_in_a_row_and_not_before)
{
    struct fake f;
    fake_init(&f, (struct venue_options){.sign = sign});
    get(&f, VENUE_PUBLIC, "/first");
    fail_in_a_row(&f, BREAKER_FAILURES - 1);
    f.status = 200;
    f.body = OK_BODY;
    ck_assert_int_eq(get(&f, VENUE_PUBLIC, "/ok").last.outcome, VENUE_OK);     /* ends the row */
    fail_in_a_row(&f, BREAKER_FAILURES - 1);
    ck_assert_int_eq(f.downs, 0);
    fail_in_a_row(&f, 1);
    ck_assert_int_eq(f.downs, 1);
    int before = f.requests;
    struct got g = get(&f, VENUE_PUBLIC, "/o");
    ck_assert_int_eq(g.last.outcome, VENUE_BROKEN);
    ck_assert(strstr(g.last.msg, "breaker") != NULL);
    ck_assert_int_eq(get(&f, VENUE_PRIVATE, "/o").last.outcome, VENUE_BROKEN);
    ck_assert_int_eq(f.requests, before);
    ck_assert_int_eq(f.downs, 1);
    fake_fini(&f);
}
END_TEST

/* What a close did must be read at once, not when a minute is over. */
START_TEST(cancels_and_closes_are_tried_with_an_open_breaker_and_close_it_when_they_arrive)
{
    struct fake f;
    fake_init(&f, (struct venue_options){.sign = sign});
    get(&f, VENUE_PUBLIC, "/first");
    fail_in_a_row(&f, BREAKER_FAILURES);
    ck_assert_int_eq(get(&f, VENUE_RESCUE, "/c").last.outcome, VENUE_UNKNOWN);
    ck_assert_int_eq(get(&f, VENUE_PRIVATE, "/o").last.outcome, VENUE_BROKEN);
    f.status = 200;
    f.body = OK_BODY;
    ck_assert_int_eq(get(&f, VENUE_RESCUE, "/c").last.outcome, VENUE_OK);
    ck_assert_int_eq(get(&f, VENUE_PRIVATE, "/o").last.outcome, VENUE_OK);
    fake_fini(&f);
}
END_TEST

START_TEST(the_breaker_tries_one_request_when_its_time_is_over)
{
    struct fake f;
    fake_init(&f, (struct venue_options){.breaker_ms = 300});
    get(&f, VENUE_PUBLIC, "/first");
    fail_in_a_row(&f, BREAKER_FAILURES);
    ck_assert_int_eq(f.downs, 1);
    RUN_FOR(f.loop, 350);
    int before = f.requests;
    struct got probe = {.n = 0}, second = {.n = 0};
    venue_call(f.venue, VENUE_PUBLIC, "GET", "/probe", NULL, on_answer, &probe);
    venue_call(f.venue, VENUE_PUBLIC, "GET", "/second", NULL, on_answer, &second);
    RUN_UNTIL(f.loop, probe.n > 0 && second.n > 0);
    ck_assert_int_eq(probe.last.outcome, VENUE_UNKNOWN);
    ck_assert_int_eq(second.last.outcome, VENUE_BROKEN);
    ck_assert_int_eq(f.requests, before + 1);
    ck_assert_int_eq(get(&f, VENUE_PUBLIC, "/o").last.outcome, VENUE_BROKEN);   /* the probe failed: open again */
    RUN_FOR(f.loop, 350);
    f.status = 200;
    f.body = OK_BODY;
    ck_assert_int_eq(f.ups, 0);
    ck_assert_int_eq(get(&f, VENUE_PUBLIC, "/probe").last.outcome, VENUE_OK);
    ck_assert_int_eq(f.ups, 1);
    ck_assert_int_eq(get(&f, VENUE_PUBLIC, "/o").last.outcome, VENUE_OK);
    fake_fini(&f);
}
END_TEST

START_TEST(a_venue_that_is_still_coming_up_does_not_open_the_breaker)
{
    struct fake f;
    fake_init(&f, (struct venue_options){.sign = NULL});
    fail_in_a_row(&f, 3 * BREAKER_FAILURES);
    ck_assert_int_eq(f.downs, 0);
    f.status = 200;
    f.body = OK_BODY;
    ck_assert_int_eq(get(&f, VENUE_PUBLIC, "/o").last.outcome, VENUE_OK);
    fake_fini(&f);
}
END_TEST

/* ---- limits ---- */

START_TEST(calls_over_the_burst_wait_for_their_rate_and_keep_their_order)
{
    struct fake f;
    struct got g[12] = {{.n = 0}};
    fake_init(&f, (struct venue_options){.burst = 5, .public_rate = 20, .private_rate = 20, .sign = sign});
    int64_t began = (int64_t)uv_hrtime();
    for (int i = 0; i < 12; i++) {
        char target[8];
        snprintf(target, sizeof target, "/%c", 'a' + i);
        venue_call(f.venue, VENUE_PUBLIC, "GET", target, NULL, on_answer, &g[i]);
    }
    RUN_UNTIL(f.loop, g[11].n > 0);
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(g[i].last.outcome, VENUE_OK);
    /* A fifth is reserved: 4 at once, 8 more at 20 a second. */
    ck_assert_int_ge((int64_t)uv_hrtime() - began, 350 * INT64_C(1000000));
    ck_assert_int_eq(f.requests, 12);
    fake_fini(&f);
}
END_TEST

/* In which order calls leave is seen where they are signed: they may arrive over several connections. */
static char left[32];

static int sign_in_order(void *arg, const char *method, const char *target, const void *body, size_t len,
                         char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX])
{
    size_t n = strlen(left);
    ck_assert_uint_lt(n + 1, sizeof left);
    left[n] = target[1];
    left[n + 1] = '\0';
    return sign(arg, method, target, body, len, headers);
}

struct asked {
    enum venue_class class;
    const char *method, *target;
};

/* All of them while the bucket, with one of five left, gets no new one: again when the machine took too long. */
static void ask_at_once(struct fake *f, const struct asked *calls, size_t n, struct got *g)
{
    const int64_t enough = INT64_C(400000000);
    static struct got firsts;
    for (;;) {
        fake_init(f, (struct venue_options){.burst = 5, .private_rate = 2, .sign = sign_in_order});
        memset(g, 0, n * sizeof *g);
        left[0] = '\0';
        int64_t began = (int64_t)uv_hrtime();
        for (int i = 0; i < 4; i++)
            venue_call(f->venue, VENUE_PRIVATE, "GET", "/e", NULL, on_answer, &firsts);
        for (size_t i = 0; i < n; i++)
            venue_call(f->venue, calls[i].class, calls[i].method, calls[i].target, NULL, on_answer, &g[i]);
        if ((int64_t)uv_hrtime() - began < enough)
            return;
        fake_fini(f);
    }
}

START_TEST(cancels_go_in_front_and_may_use_the_reserve)
{
    struct asked calls[24];
    struct fake f;
    struct got g[24];
    for (int i = 0; i < 24; i++)
        calls[i] = i < 23 ? (struct asked){VENUE_PRIVATE, "POST", "/w"} : (struct asked){VENUE_RESCUE, "DELETE", "/r"};
    ask_at_once(&f, calls, 24, g);
    RUN_UNTIL(f.loop, g[23].n > 0);
    ck_assert_int_eq(g[23].last.outcome, VENUE_OK);
    ck_assert_msg(left[4] == 'r', "left: %s", left);
    fake_fini(&f);              /* those that wait get no answer */
    ck_assert_int_eq(g[22].n, 0);
}
END_TEST

START_TEST(orders_go_before_questions_and_equals_in_order_of_arrival)
{
    const struct asked calls[] = {
        {VENUE_PRIVATE, "GET", "/g"},  {VENUE_PRIVATE, "POST", "/o"},  {VENUE_PRIVATE, "POST", "/p"},
        {VENUE_RESCUE, "DELETE", "/r"}, {VENUE_RESCUE, "DELETE", "/s"}, {VENUE_PRIVATE, "GET", "/h"},
    };
    struct fake f;
    struct got g[6];
    ask_at_once(&f, calls, 6, g);
    for (int i = 0; i < 6; i++)
        RUN_UNTIL(f.loop, g[i].n == 1);
    /* One of the reserve was left for /r; then /s and the others by rank. */
    ck_assert_str_eq(left, "eeeersopgh");
    fake_fini(&f);
}
END_TEST

/* Stops that are moved all the time must not keep the fills and positions from being read. */
START_TEST(every_fifth_call_is_a_question_when_one_waits)
{
    struct asked calls[14];
    struct fake f;
    struct got g[14];
    for (int i = 0; i < 14; i++)
        calls[i] = i < 2 ? (struct asked){VENUE_PRIVATE, "GET", "/g"} : (struct asked){VENUE_RESCUE, "DELETE", "/r"};
    ask_at_once(&f, calls, 14, g);
    RUN_UNTIL(f.loop, g[1].n == 1);
    ck_assert_str_eq(left, "eeeerrrrgrrrrg");
    fake_fini(&f);
}
END_TEST

START_TEST(public_and_private_calls_have_buckets_of_their_own)
{
    struct fake f;
    fake_init(&f, (struct venue_options){.burst = 2, .public_rate = 1, .private_rate = 1000, .sign = sign});
    struct got waits[3] = {{.n = 0}};
    for (int i = 0; i < 3; i++)
        venue_call(f.venue, VENUE_PUBLIC, "GET", "/p", NULL, on_answer, &waits[i]);
    struct got g = get(&f, VENUE_RESCUE, "/r");
    ck_assert_int_eq(g.last.outcome, VENUE_OK);
    ck_assert_int_eq(waits[2].n, 0);
    fake_fini(&f);
}
END_TEST

START_TEST(refuses_more_than_its_queue_holds_but_takes_cancels)
{
    struct fake f;
    struct got g = {.n = 0}, rescue = {.n = 0};
    fake_init(&f, (struct venue_options){.burst = 5, .private_rate = 1, .sign = sign});
    for (int i = 0; i < 4; i++)
        get(&f, VENUE_PRIVATE, "/e");
    for (int i = 0; i < VENUE_QUEUE_MAX; i++)
        venue_call(f.venue, VENUE_PRIVATE, "GET", "/w", NULL, on_answer, &g);
    ck_assert_int_eq(g.n, 0);
    venue_call(f.venue, VENUE_PRIVATE, "GET", "/w", NULL, on_answer, &g);
    ck_assert_int_eq(g.n, 1);
    ck_assert_int_eq(g.last.outcome, VENUE_BROKEN);
    ck_assert(strstr(g.last.msg, "too many") != NULL);
    venue_call(f.venue, VENUE_RESCUE, "DELETE", "/r", NULL, on_answer, &rescue);
    RUN_UNTIL(f.loop, rescue.n > 0);
    ck_assert_int_eq(rescue.last.outcome, VENUE_OK);
    fake_fini(&f);
}
END_TEST

/* ---- the stream ---- */

static void on_up(void *arg)
{
    ((struct stream_told *)arg)->ups++;
}

static void on_down(void *arg, const char *reason)
{
    struct stream_told *t = arg;
    t->downs++;
    TEXT_COPY(t->reason, reason);
}

static void on_message(void *arg, const char *topic, const char *subject, const json_t *data, int64_t sn)
{
    struct stream_told *t = arg;
    ck_assert_ptr_nonnull(data);
    t->messages++;
    t->sn = sn;
    TEXT_COPY(t->topic, topic);
    TEXT_COPY(t->subject, subject);
}

static struct venue_stream *open_stream(struct fake *f, struct stream_told *t)
{
    *t = (struct stream_told){.sn = 0};
    const struct venue_stream_options o = {
        .on_up = on_up, .on_down = on_down, .on_message = on_message, .arg = t,
    };
    return venue_stream_open(f->venue, &o);
}

#define WELCOME "{\"id\":\"1\",\"type\":\"welcome\"}"

START_TEST(a_stream_subscribes_after_the_welcome_and_hands_messages_on)
{
    struct fake f;
    struct stream_told t;
    fake_init(&f, (struct venue_options){.sign = NULL});
    struct venue_stream *s = open_stream(&f, &t);
    venue_stream_subscribe(s, "/m/a", false);
    venue_stream_subscribe(s, "/m/a", false);               /* twice is as once */
    RUN_UNTIL(f.loop, f.conn != NULL);
    RUN_FOR(f.loop, 50);
    ck_assert_int_eq(f.subscribed, 0);
    ck_assert(!venue_stream_is_up(s) && t.ups == 0);
    say(&f, WELCOME);
    RUN_UNTIL(f.loop, f.subscribed == 1);
    ck_assert(venue_stream_is_up(s) && t.ups == 1);
    venue_stream_subscribe(s, "/m/b", false);
    RUN_UNTIL(f.loop, f.subscribed == 2);
    ck_assert_str_eq(f.topics[0], "/m/a");
    ck_assert_str_eq(f.topics[1], "/m/b");
    say(&f, "{\"type\":\"message\",\"topic\":\"/m/a\",\"subject\":\"tick\",\"sn\":77,\"data\":{}}");
    RUN_UNTIL(f.loop, t.messages == 1);
    ck_assert_str_eq(t.topic, "/m/a");
    ck_assert_str_eq(t.subject, "tick");
    ck_assert_int_eq(t.sn, 77);
    say(&f, "{\"type\":\"message\",\"topic\":\"/m/a\",\"data\":{}}");
    RUN_UNTIL(f.loop, t.messages == 2);
    ck_assert_int_eq(t.sn, -1);
    RUN_UNTIL(f.loop, f.pings >= 1);
    ck_assert_int_eq(t.downs, 0);
    venue_stream_close(&s);
    ck_assert_ptr_null(s);
    RUN_UNTIL(f.loop, f.conn == NULL);
    fake_fini(&f);
}
END_TEST

START_TEST(a_lost_stream_comes_back_by_itself_and_subscribes_again)
{
    struct fake f;
    struct stream_told t;
    fake_init(&f, (struct venue_options){.sign = NULL});
    struct venue_stream *s = open_stream(&f, &t);
    venue_stream_subscribe(s, "/m/a", false);
    static const char *const endings[] = {"not json", "{\"no\":\"type\"}",
                                          "{\"type\":\"error\",\"code\":401,\"data\":\"token expired\"}"};
    for (int i = 0; i < 3; i++) {
        RUN_UNTIL(f.loop, f.conns == i + 1 && f.conn != NULL);
        say(&f, WELCOME);
        RUN_UNTIL(f.loop, f.subscribed == i + 1 && t.ups == i + 1);
        ck_assert_str_eq(f.topics[i], "/m/a");
        say(&f, endings[i]);
        RUN_UNTIL(f.loop, t.downs == i + 1);
        ck_assert(!venue_stream_is_up(s));
        ck_assert_str_ne(t.reason, "");
    }
    RUN_UNTIL(f.loop, f.conns == 4);
    venue_stream_close(&s);
    fake_fini(&f);
}
END_TEST

START_TEST(a_stream_that_comes_back_closes_the_breaker_long_before_its_time)
{
    struct fake f;
    struct stream_told t;
    fake_init(&f, (struct venue_options){.sign = sign});
    get(&f, VENUE_PUBLIC, "/first");
    fail_in_a_row(&f, BREAKER_FAILURES);
    ck_assert_int_eq(f.downs, 1);
    f.status = 200;
    f.body = OK_BODY;
    ck_assert_int_eq(get(&f, VENUE_PUBLIC, "/o").last.outcome, VENUE_BROKEN);
    struct venue_stream *s = open_stream(&f, &t);
    RUN_UNTIL(f.loop, f.conn != NULL);
    ck_assert_int_eq(f.ups, 1);
    ck_assert_int_eq(get(&f, VENUE_PUBLIC, "/o").last.outcome, VENUE_OK);
    venue_stream_close(&s);
    fake_fini(&f);
}
END_TEST

START_TEST(a_public_topic_that_is_refused_is_given_up_alone)
{
    struct fake f;
    struct stream_told t;
    fake_init(&f, (struct venue_options){.sign = NULL});
    f.refuse = "/m/b";
    struct venue_stream *s = open_stream(&f, &t);
    venue_stream_subscribe(s, "/m/a", false);
    venue_stream_subscribe(s, "/m/b", false);
    venue_stream_subscribe(s, "/m/c", false);
    RUN_UNTIL(f.loop, f.conn != NULL);
    say(&f, WELCOME);
    RUN_UNTIL(f.loop, f.subscribed == 2);
    say(&f, "{\"type\":\"message\",\"topic\":\"/m/c\",\"data\":{}}");
    RUN_UNTIL(f.loop, t.messages == 1);
    ck_assert_int_eq(t.downs, 0);
    ws_conn_close(f.conn, 1001, "going away");
    RUN_UNTIL(f.loop, t.downs == 1 && f.conns == 2 && f.conn != NULL);
    f.refuse = NULL;
    say(&f, WELCOME);
    RUN_UNTIL(f.loop, f.subscribed == 4);
    RUN_FOR(f.loop, 50);
    ck_assert_int_eq(f.subscribed, 4);                      /* /m/b was not asked for again */
    venue_stream_close(&s);
    fake_fini(&f);
}
END_TEST

START_TEST(a_lost_welcome_and_a_lost_acknowledgement_begin_the_stream_anew)
{
    struct fake f;
    struct stream_told t;
    fake_init(&f, (struct venue_options){.sign = NULL});
    f.ignore = "/m/b";
    struct venue_stream *s = open_stream(&f, &t);
    venue_stream_subscribe(s, "/m/a", false);
    venue_stream_subscribe(s, "/m/b", false);
    RUN_UNTIL(f.loop, f.conns == 2 && f.conn != NULL);      /* nobody said welcome */
    ck_assert_int_eq(t.ups, 0);
    say(&f, WELCOME);
    RUN_UNTIL(f.loop, f.subscribed == 2 && t.ups == 1);
    RUN_UNTIL(f.loop, t.downs == 2);                        /* /m/a would go on, /m/b never began */
    f.ignore = NULL;
    RUN_UNTIL(f.loop, f.conns == 3 && f.conn != NULL);
    say(&f, WELCOME);
    RUN_UNTIL(f.loop, f.subscribed == 4);
    RUN_FOR(f.loop, 1200);                                  /* longer than an answer may take */
    ck_assert_int_eq(f.conns, 3);
    venue_stream_close(&s);
    fake_fini(&f);
}
END_TEST

START_TEST(a_stream_that_cannot_open_says_so_once_and_goes_on_trying)
{
    struct fake f;
    struct stream_told t;
    char url[64];
    fake_init(&f, (struct venue_options){.sign = NULL});
    venue_destroy(&f.venue);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", closed_port(f.loop));
    make_venue(&f, url, (struct venue_options){.sign = NULL});
    struct venue_stream *s = open_stream(&f, &t);
    RUN_UNTIL(f.loop, t.downs == 1);
    RUN_FOR(f.loop, 700);                                   /* 100, 200, 400 ms */
    ck_assert_int_eq(t.downs, 1);
    ck_assert_int_eq(t.ups, 0);
    venue_stream_close(&s);
    fake_fini(&f);
}
END_TEST

TESTS("venue", an_answer_of_the_venue_comes_with_its_data,
      a_refusal_carries_the_venues_code_and_text_and_is_no_error_of_the_venue,
      what_a_broken_venue_says_leaves_the_order_unknown,
      too_many_requests_is_a_refusal_that_counts_against_the_breaker,
      nobody_there_is_not_sent_and_no_answer_is_unknown,
      private_calls_are_signed_as_they_leave_and_public_ones_are_not, what_cannot_be_signed_is_not_sent,
      the_breaker_opens_after_5_failures_in_a_row_and_not_before,
      cancels_and_closes_are_tried_with_an_open_breaker_and_close_it_when_they_arrive,
      the_breaker_tries_one_request_when_its_time_is_over,
      a_venue_that_is_still_coming_up_does_not_open_the_breaker,
      calls_over_the_burst_wait_for_their_rate_and_keep_their_order,
      cancels_go_in_front_and_may_use_the_reserve,
      orders_go_before_questions_and_equals_in_order_of_arrival, every_fifth_call_is_a_question_when_one_waits,
      public_and_private_calls_have_buckets_of_their_own,
      refuses_more_than_its_queue_holds_but_takes_cancels,
      a_stream_subscribes_after_the_welcome_and_hands_messages_on,
      a_lost_stream_comes_back_by_itself_and_subscribes_again,
      a_stream_that_comes_back_closes_the_breaker_long_before_its_time,
      a_public_topic_that_is_refused_is_given_up_alone,
      a_lost_welcome_and_a_lost_acknowledgement_begin_the_stream_anew,
      a_stream_that_cannot_open_says_so_once_and_goes_on_trying)
