/* The REST interface over real HTTP: the server runs in a child of the test, the test is its client. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/paper/faults.h"
#include "deploy/paper/serve.h"
#include "tests/deploy/paper/venue_case.h"

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
        ck_assert(pool_take(&p, 2000, 2, 1000));
    ck_assert(!pool_take(&p, 2000, 1, 30999));
    ck_assert_int_eq(pool_reset_ms(&p, 30999), 1);
    ck_assert(pool_take(&p, 2000, 1, 31000));
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
        struct faults *faults = faults_new(1);
        int busy;
        set_up();
        must(serve_new(loop, &venue, faults, 0, 0, &s, &busy) == ERR_OK);
        serve_start(s);
        loop_on_signal(loop, SIGTERM, stop_loop, loop);
        port = serve_port(s);
        must(write(fds[1], &port, sizeof port) == sizeof port);
        loop_run(loop);
        serve_destroy(&s);
        faults_destroy(&faults);
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
