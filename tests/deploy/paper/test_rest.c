/* The REST interface over real HTTP: the server runs in a child of the test, the test is its client. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/paper/rest.h"
#include "deploy/paper/serve.h"
#include "libagent/clock.h"
#include "libagent/exchange/auth.h"
#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/tm.h"
#include "tests/runner.h"

static const char secret[] = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
static struct venue venue;
static struct loop *loop;
static struct push *push;

static void set_up(void)
{
    char msg[ENGINE_MSG_MAX];
    contracts_init();
    ck_assert_int_eq(loop_new(&loop), ERR_OK);
    push = push_new(loop, &venue);
    struct engine_config c = {.market = "synthetic", .symbols = "XBTUSDTM,ETHUSDTM", .seed = 3,
                              .events = push_events(push)};
    struct engine *e;
    ck_assert_int_eq(engine_open(&c, wall_ns(), &e, msg), ERR_OK);
    venue.keys.n = 2;
    venue.keys.at[0] = (struct apikey){"a", "key-a", "", "paper#Pass1", "General,Futures", {{{0}}}, 0};
    venue.keys.at[1] = (struct apikey){"b", "key-b", "", "paper#Pass1", "General", {{{0}}}, 0};
    for (int i = 0; i < 2; i++) {
        strcpy(venue.keys.at[i].secret, secret);
        venue.keys.at[i].account_no = engine_account(e, venue.keys.at[i].account, dec_int(10000));
    }
    venue_init(&venue, e, 1, "ws://127.0.0.1:1/");
}

static void tear_down(void)
{
    push_destroy(&push);
    engine_close(venue.engine);
    loop_destroy(&loop);
}

/* One call without a socket; the answer's JSON. */
static json_t *ask(const char *key, const char *method, const char *target, const char *body,
                   int *ret_status)
{
    char stamp[24], sign[AUTH_TEXT_MAX], pass[AUTH_TEXT_MAX];
    struct rest_answer a = {0};
    json_t *v = NULL;
    snprintf(stamp, sizeof stamp, "%lld", (long long)(wall_ns() / NS_PER_MS));
    auth_sign(secret, stamp, method, target, body, strlen(body), sign);
    auth_passphrase(secret, "paper#Pass1", pass);
    struct rest_request q = {method, target, body, strlen(body), "application/json", key, sign, stamp,
                             pass, "2"};
    jw_init(&a.body);
    rest_answer(&venue, &q, &a);
    ck_assert_msg(codec_load(a.body.buf, a.body.len, &v) == ERR_OK, "%s", a.body.buf);
    jw_fini(&a.body);
    if (ret_status != NULL)
        *ret_status = a.status;
    return v;
}

static void expect_code(const char *key, const char *method, const char *target, const char *body,
                        const char *code)
{
    json_t *v = ask(key, method, target, body, NULL);
    const char *got = codec_chars(json_object_get(v, "code"));
    ck_assert_msg(strcmp(got, code) == 0, "%s %s %s: %s, not %s", method, target, body, got, code);
    json_decref(v);
}

START_TEST(every_readable_path_answers_200000)
{
    static const char *const targets[] = {
        "/api/v1/contracts/active", "/api/v1/contracts/XBTUSDTM", "/api/v1/contracts/risk-limit/XBTUSDTM",
        "/api/v1/ticker?symbol=XBTUSDTM", "/api/v1/allTickers", "/api/v1/level2/snapshot?symbol=XBTUSDTM",
        "/api/v1/level2/depth20?symbol=XBTUSDTM", "/api/v1/level2/depth100?symbol=XBTUSDTM",
        "/api/v1/trade/history?symbol=XBTUSDTM", "/api/v1/kline/query?symbol=XBTUSDTM&granularity=60",
        "/api/v1/mark-price/XBTUSDTM/current", "/api/v1/funding-rate/XBTUSDTM/current",
        "/api/v1/contract/funding-rates?symbol=XBTUSDTM&from=0&to=4000000000000",
        "/api/v1/timestamp", "/api/v1/status", "/api/v1/user/api-key",
        "/api/v1/account-overview?currency=USDT", "/api/v1/positions", "/api/v1/position?symbol=XBTUSDTM",
        "/api/v2/position?symbol=XBTUSDTM", "/api/v1/history-positions",
        "/api/v2/position/getMarginMode?symbol=XBTUSDTM", "/api/v2/position/getPositionMode",
        "/api/v2/getCrossUserLeverage?symbol=XBTUSDTM",
        "/api/v2/getMaxOpenSize?symbol=XBTUSDTM&price=90000&leverage=5", "/api/v1/orders",
        "/api/v1/orders?status=active&symbol=XBTUSDTM", "/api/v1/stopOrders", "/api/v1/recentDoneOrders",
        "/api/v1/fills", "/api/v1/recentFills", "/api/v1/openOrderStatistics?symbol=XBTUSDTM",
        "/api/v1/funding-history?symbol=XBTUSDTM", "/api/v1/trade-fees?symbol=XBTUSDTM",
        "/api/v3/currencies", "/api/v3/margin/symbols", "/api/v1/isolated/symbols",
        "/api/ua/v1/account/mode", "/api/v1/hf/accounts/opened",
    };
    set_up();
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        expect_code("key-a", "GET", targets[i], "", "200000");
    tear_down();
}
END_TEST

START_TEST(refusals_carry_the_venues_codes)
{
    set_up();
    expect_code("nobody", "GET", "/api/v1/positions", "", "400003");
    expect_code("key-b", "GET", "/api/v1/positions", "", "400007");
    expect_code("key-a", "GET", "/api/v1/ticker?symbol=SOLUSDTM", "", "100003");
    expect_code("key-a", "GET", "/api/v1/kline/query?symbol=XBTUSDTM&granularity=7", "", "100001");
    expect_code("key-a", "POST", "/api/v2/position/changeMarginMode",
                "{\"symbol\":\"XBTUSDTM\",\"marginMode\":\"CROSS\"}", "100001");
    expect_code("key-a", "POST", "/api/v2/position/switchPositionMode", "{\"positionMode\":\"1\"}", "330011");
    expect_code("key-a", "POST", "/api/v1/orders",
                "{\"clientOid\":\"x\",\"symbol\":\"XBTUSDTM\",\"side\":\"buy\",\"leverage\":5,"
                "\"price\":\"60000\",\"size\":1,\"reduceOnly\":\"yes\"}", "100000");
    expect_code("key-a", "GET", "/api/v1/none", "", "404000");
    expect_code("key-a", "PUT", "/api/v1/orders", "", "405000");
    tear_down();
}
END_TEST

START_TEST(another_account_sees_nothing_of_an_order)
{
    char target[64];
    set_up();
    snprintf(venue.keys.at[1].permission, APIKEY_TEXT_MAX, "General,Futures");
    json_t *v = ask("key-a", "POST", "/api/v1/orders",
                    "{\"clientOid\":\"x\",\"symbol\":\"XBTUSDTM\",\"side\":\"buy\",\"leverage\":\"5\","
                    "\"type\":\"limit\",\"price\":60000,\"size\":\"1\"}", NULL);
    const char *id = codec_chars(json_object_get(json_object_get(v, "data"), "orderId"));
    ck_assert_ptr_nonnull(id);
    snprintf(target, sizeof target, "/api/v1/orders/%s", id);
    expect_code("key-a", "GET", target, "", "200000");
    expect_code("key-b", "GET", target, "", "100001");
    expect_code("key-b", "DELETE", target, "", "100004");
    expect_code("key-a", "DELETE", target, "", "200000");
    json_decref(v);
    tear_down();
}
END_TEST

START_TEST(a_pool_gives_2000_in_30_s_and_then_429000)
{
    struct pool p = {0};
    for (int i = 0; i < 1000; i++)
        ck_assert(pool_take(&p, 2, 1000));
    ck_assert(!pool_take(&p, 1, 30999));
    ck_assert_int_eq(pool_reset_ms(&p, 30999), 1);
    ck_assert(pool_take(&p, 1, 31000));
    int status = 0;
    set_up();
    for (int i = 0; i < 3; i++)
        json_decref(ask("key-a", "DELETE", "/api/v1/orders", "", &status));
    ck_assert_int_eq(status, 429);
    tear_down();
}
END_TEST

START_TEST(tokens_are_sealed)
{
    char token[TOKEN_MAX];
    int account = 9;
    set_up();
    venue_token(&venue, 1, token);
    ck_assert_int_eq(venue_token_open(&venue, token, &account), ERR_OK);
    ck_assert_int_eq(account, 1);
    token[3] = token[3] == 'A' ? 'B' : 'A';
    ck_assert_int_eq(venue_token_open(&venue, token, &account), ERR_AUTH);
    ck_assert_int_eq(venue_token_open(&venue, "", &account), ERR_AUTH);
    tear_down();
}
END_TEST

/* ---- over HTTP ---- */

static void stop_loop(void *arg, int signum)
{
    (void)signum;
    loop_stop(arg);
}

static pid_t serve_in_child(int *ret_port)
{
    int fds[2], port = 0;
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct serve *s;
        int busy;
        set_up();
        must(serve_new(loop, &venue, 0, 0, &s, &busy) == ERR_OK);
        serve_start(s);
        loop_on_signal(loop, SIGTERM, stop_loop, loop);
        port = serve_port(s);
        must(write(fds[1], &port, sizeof port) == sizeof port);
        loop_run(loop);
        serve_destroy(&s);
        tear_down();
        _exit(0);
    }
    close(fds[1]);
    ck_assert_int_eq(read(fds[0], ret_port, sizeof *ret_port), sizeof *ret_port);
    close(fds[0]);
    return pid;
}

START_TEST(serves_http_with_length_type_and_limits_and_ends_on_sigterm)
{
    static const char ask_time[] = "GET /api/v1/timestamp HTTP/1.1\r\nHost: x\r\n\r\n";
    char got[4096] = "";
    int port, status;
    pid_t pid = serve_in_child(&port);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    ck_assert_int_eq(write(fd, ask_time, sizeof ask_time - 1), sizeof ask_time - 1);
    for (size_t n = 0; strstr(got, "}") == NULL; ) {
        ssize_t r = read(fd, got + n, sizeof got - 1 - n);
        ck_assert_int_gt(r, 0);
        n += (size_t)r;
        got[n] = '\0';
    }
    ck_assert_ptr_eq(strstr(got, "HTTP/1.1 200"), got);
    ck_assert_ptr_nonnull(strcasestr(got, "content-type: application/json"));
    ck_assert_ptr_nonnull(strcasestr(got, "content-length:"));
    ck_assert_ptr_nonnull(strstr(got, "gw-ratelimit-remaining: 1998"));
    ck_assert_ptr_nonnull(strstr(got, "{\"code\":\"200000\",\"data\":"));
    kill(pid, SIGTERM);                     /* with our connection open */
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    close(fd);
}
END_TEST

TESTS("rest", every_readable_path_answers_200000, refusals_carry_the_venues_codes,
      another_account_sees_nothing_of_an_order, a_pool_gives_2000_in_30_s_and_then_429000,
      tokens_are_sealed, serves_http_with_length_type_and_limits_and_ends_on_sigterm)
