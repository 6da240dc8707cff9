/* The line that says how a run went: what the exchange tells is counted, what differs is named. */
#include <string.h>

#include "deploy/cli/summary.h"
#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/text.h"

#include "tests/runner.h"

#include "tests/deploy/cli/capture.h"

#define LONG_OPEN "{\"symbol\":\"XBTUSDTM\",\"open\":true,\"side\":\"long\",\"size\":3,\"open_ns\":200}"
#define STOP_DOWN "{\"symbol\":\"XBTUSDTM\",\"side\":\"sell\",\"state\":\"stop\",\"stop\":\"down\",\"reduceOnly\":true," \
                  "\"closeOrder\":false,\"created_ns\":210}"

static json_t *truth_of(const char *orders, const char *fills, const char *positions)
{
    static char text[8192];
    json_t *v = NULL;
    snprintf(text, sizeof text, "{\"orders\":[%s],\"fills\":[%s],\"positions\":[%s]}", orders, fills, positions);
    ck_assert_int_eq(codec_load(text, strlen(text), &v), ERR_OK);
    return v;
}

static struct summary fresh(void)
{
    struct summary s = {.since_ns = 100, .healthy = true, .net_pnl = dec_zero(), .fees = dec_zero(),
                        .equity = dec_zero()};
    return s;
}

static struct summary judged(const char *orders, const char *positions)
{
    struct summary s = fresh();
    json_t *v = truth_of(orders, "", positions);
    summary_truth(&s, v);
    json_decref(v);
    return s;
}

START_TEST(counts_what_happened_in_this_run_alone)
{
    struct summary s = fresh();
    json_t *v = truth_of(
        "{\"created_ns\":99},{\"created_ns\":100},{\"created_ns\":300}",
        "{\"server_ns\":99,\"fee\":\"5\"},{\"server_ns\":150,\"fee\":\"0.11\"},{\"server_ns\":160,\"fee\":\"0.02\"}",
        "{\"open\":false,\"open_ns\":50,\"close_ns\":90,\"pnl\":\"7\"},"
        "{\"open\":false,\"open_ns\":50,\"close_ns\":120,\"pnl\":\"-1.5\"},"
        "{\"open\":false,\"open_ns\":110,\"close_ns\":130,\"pnl\":\"0.25\"},"
        "{\"open\":false,\"open_ns\":111,\"close_ns\":131,\"pnl\":\"0\"}");
    summary_truth(&s, v);
    json_decref(v);
    ck_assert_int_eq(s.orders_placed, 2);
    ck_assert_int_eq(s.fills, 2);
    ck_assert(dec_eq(s.fees, dec_lit("0.13")));
    ck_assert_int_eq(s.positions_opened, 2);
    ck_assert_int_eq(s.positions_closed, 3);
    ck_assert_int_eq(s.wins, 1);
    ck_assert(dec_eq(s.net_pnl, dec_lit("-1.25")));
    ck_assert(s.healthy);
}
END_TEST

START_TEST(a_position_with_its_closing_stop_is_healthy)
{
    ck_assert(judged(STOP_DOWN, LONG_OPEN).healthy);
}
END_TEST

START_TEST(a_stop_that_does_not_protect_does_not_count)
{
    static const char *const stops[] = {
        "",
        /* done; up; of another symbol; opening; buying */
        "{\"symbol\":\"XBTUSDTM\",\"side\":\"sell\",\"state\":\"done\",\"stop\":\"down\",\"reduceOnly\":true}",
        "{\"symbol\":\"XBTUSDTM\",\"side\":\"sell\",\"state\":\"stop\",\"stop\":\"up\",\"reduceOnly\":true}",
        "{\"symbol\":\"ETHUSDTM\",\"side\":\"sell\",\"state\":\"stop\",\"stop\":\"down\",\"reduceOnly\":true}",
        "{\"symbol\":\"XBTUSDTM\",\"side\":\"sell\",\"state\":\"stop\",\"stop\":\"down\",\"reduceOnly\":false}",
        "{\"symbol\":\"XBTUSDTM\",\"side\":\"buy\",\"state\":\"stop\",\"stop\":\"down\",\"reduceOnly\":true}",
    };
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        struct summary s = judged(stops[i], LONG_OPEN);
        ck_assert_msg(!s.healthy, "case %zu", i);
        ck_says(s.why_not, "without a closing stop");
    }
}
END_TEST

START_TEST(a_short_needs_a_stop_above_it)
{
    const char *position = "{\"symbol\":\"XBTUSDTM\",\"open\":true,\"side\":\"short\",\"size\":3,\"open_ns\":200}";
    ck_assert(!judged(STOP_DOWN, position).healthy);
    ck_assert(judged("{\"symbol\":\"XBTUSDTM\",\"side\":\"buy\",\"state\":\"stop\",\"stop\":\"up\",\"closeOrder\":true}",
                     position).healthy);
}
END_TEST

static struct summary compared(const char *symbol, enum side side, int64_t qty)
{
    static struct msg_positions books;
    struct summary s = fresh();
    json_t *v = truth_of(STOP_DOWN, "", LONG_OPEN);
    books = (struct msg_positions){.positions_n = qty > 0};
    TEXT_COPY(books.positions[0].symbol, symbol);
    books.positions[0].side = side;
    books.positions[0].qty = qty;
    summary_books(&s, &books, v);
    json_decref(v);
    return s;
}

START_TEST(books_that_are_the_exchanges_are_healthy)
{
    ck_assert(compared("XBTUSDTM", SIDE_BUY, 3).healthy);
}
END_TEST

START_TEST(books_that_differ_are_named)
{
    ck_says(compared("XBTUSDTM", SIDE_BUY, 2).why_not, "XBTUSDTM: the books' position is not the exchange's");
    ck_says(compared("XBTUSDTM", SIDE_SELL, 3).why_not, "XBTUSDTM");
    ck_says(compared("ETHUSDTM", SIDE_BUY, 3).why_not, "ETHUSDTM");
    ck_says(compared("", SIDE_BUY, 0).why_not, "open positions: the books say 0, the exchange 1");
}
END_TEST

START_TEST(the_last_line_is_one_json_object_with_every_key)
{
    static const char *const keys[] = {
        "healthy", "state", "uptime_s", "signals", "approved", "orders_placed", "fills", "positions_opened",
        "positions_closed", "equity", "net_pnl", "fees", "win_rate", "rejections", "errors",
    };
    static struct summary s;
    s = fresh();
    TEXT_COPY(s.state, "TRADING");
    s.equity = dec_lit("9999.50");
    s.positions_closed = 4;
    s.wins = 1;
    s.audit.rejections_n = 1;
    TEXT_COPY(s.audit.rejections[0].name, "RANK");
    s.audit.rejections[0].count = 7;
    capture_begin();
    summary_print(&s);
    const char *text = capture_end();
    ck_assert_str_eq(strchr(text, '\n'), "\n");
    json_t *v = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(v);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ck_assert_msg(json_object_get(v, keys[i]) != NULL, "%s is missing", keys[i]);
    ck_assert_uint_eq(json_object_size(v), sizeof keys / sizeof keys[0]);
    ck_assert(json_is_true(json_object_get(v, "healthy")));
    ck_assert_double_eq(json_number_value(json_object_get(v, "win_rate")), 0.25);
    ck_assert_str_eq(json_string_value(json_object_get(v, "equity")), "9999.5");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(v, "rejections"), "RANK")), 7);
    json_decref(v);
}
END_TEST

START_TEST(without_a_closed_position_there_is_no_win_rate_and_reasons_stand_above)
{
    struct summary s = fresh();
    s.healthy = false;
    TEXT_COPY(s.why_not, "risk is not active");
    capture_begin();
    summary_print(&s);
    const char *text = capture_end();
    ck_assert_ptr_eq(strstr(text, "not healthy: risk is not active\n{"), text);
    ck_says(text, "\"win_rate\":null");
    ck_says(text, "\"healthy\":false");
}
END_TEST

TESTS("summary", counts_what_happened_in_this_run_alone, a_position_with_its_closing_stop_is_healthy,
      a_stop_that_does_not_protect_does_not_count, a_short_needs_a_stop_above_it,
      books_that_are_the_exchanges_are_healthy, books_that_differ_are_named,
      the_last_line_is_one_json_object_with_every_key,
      without_a_closed_position_there_is_no_win_rate_and_reasons_stand_above)
