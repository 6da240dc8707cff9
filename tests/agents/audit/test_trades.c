/* The closed positions that the ledger keeps for who asks. */
#include "tests/runner.h"

#include <string.h>

#include "agents/audit/ledger.h"
#include "proto/text.h"

static struct ledger l;
static struct msg_trades got;

#define PAGE ((int64_t)(sizeof got.trades / sizeof got.trades[0]))

static void close_number(int i)
{
    struct msg_position_closed m = {.position = {.max_qty = i, .net_pnl = dec_int(i), .fees = dec_zero()}};
    TEXT_COPY(m.position.symbol, "XBTUSDTM");
    snprintf(m.position.signal_id, sizeof m.position.signal_id, "signal-%d", i);
    ledger_add(&l, MSG_POSITION_CLOSED, &m, i);
}

static void ask(const char *after, int64_t max)
{
    got.trades_n = 999;
    ledger_trades(&l, after, max, &got);
}

START_TEST(tells_the_newest_first_and_no_more_than_asked)
{
    for (int i = 1; i <= 5; i++)
        close_number(i);
    ask("", 3);
    ck_assert_uint_eq(got.trades_n, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(got.trades[i].max_qty, 5 - i);
    ask("", 0);
    ck_assert_uint_eq(got.trades_n, 0);
    ask("", -1);
    ck_assert_uint_eq(got.trades_n, 0);
    ledger_fini(&l);
}
END_TEST

START_TEST(an_answer_has_at_most_a_page)
{
    for (int i = 1; i <= PAGE + 5; i++)
        close_number(i);
    ask("", 1000000);
    ck_assert_int_eq((int64_t)got.trades_n, PAGE);
    ledger_fini(&l);
}
END_TEST

START_TEST(page_by_page_each_comes_once_even_when_another_closes_meanwhile)
{
    int expected = 100;
    char after[40] = "";
    for (int i = 1; i <= 100; i++)
        close_number(i);
    for (;;) {
        ask(after, 7);
        if (got.trades_n == 0)
            break;
        for (size_t i = 0; i < got.trades_n; i++)
            ck_assert_int_eq(got.trades[i].max_qty, expected--);
        TEXT_COPY(after, got.trades[got.trades_n - 1].signal_id);
        close_number(1000 + expected);
    }
    ck_assert_int_eq(expected, 0);
    ledger_fini(&l);
}
END_TEST

START_TEST(the_last_ones_are_kept_and_older_ones_are_not)
{
    int n = 0;
    char after[40] = "";
    for (int i = 1; i <= LEDGER_TRADES + 10; i++)
        close_number(i);
    for (ask("", PAGE); got.trades_n > 0; ask(after, PAGE)) {
        n += (int)got.trades_n;
        TEXT_COPY(after, got.trades[got.trades_n - 1].signal_id);
    }
    ck_assert_int_eq(n, LEDGER_TRADES);
    ck_assert_str_eq(after, "signal-11");
    ledger_fini(&l);
}
END_TEST

START_TEST(after_an_unknown_one_there_is_nothing)
{
    close_number(1);
    ask("signal-2", 10);
    ck_assert_uint_eq(got.trades_n, 0);
    ledger_fini(&l);
}
END_TEST

TESTS("trades", tells_the_newest_first_and_no_more_than_asked, an_answer_has_at_most_a_page,
      page_by_page_each_comes_once_even_when_another_closes_meanwhile, the_last_ones_are_kept_and_older_ones_are_not,
      after_an_unknown_one_there_is_nothing)
