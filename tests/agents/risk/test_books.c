#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/runner.h"

#include "agents/risk/books.h"
#include "proto/err.h"
#include "proto/text.h"

#define MIN INT64_C(60000000000)

static struct books b;
static struct risk_limits l;

static void setup(void)
{
    books_init(&b, MIN, 2);
    risk_limits_default(&l);
}

static void approve(const char *signal, const char *symbol, int margin)
{
    struct answer a = {.close_ns = 1, .reason = RISK_OK, .side = 1, .margin = dec_int(margin),
                       .notional = dec_int(5 * margin), .heat = dec_int(1), .expires_ns = 100};
    memcpy(a.signal_id, signal, strlen(signal));
    TEXT_COPY(a.symbol, symbol);
    TEXT_COPY(a.signal_text, signal);
    TEXT_COPY(a.approval_id, signal);
    books_answer(&b, &a);
}

static struct sub_position position(const char *signal, int64_t version, int64_t qty)
{
    struct sub_position p = {.side = SIDE_BUY, .version = version, .qty = qty, .multiplier = dec_int(1),
                             .entry_px = dec_int(100), .stop_px = dec_int(98), .margin = dec_int(20 * qty)};
    TEXT_COPY(p.signal_id, signal);
    TEXT_COPY(p.symbol, "XBT");
    return p;
}

static void order(enum order_fact fact, const char *signal, int64_t cum_qty, enum ord_status status)
{
    struct sub_order o = {.leg = LEG_ENTRY, .qty = 4, .cum_qty = cum_qty, .status = status};
    TEXT_COPY(o.signal_id, signal);
    books_order(&b, fact, &o, 1);
}

static struct risk_position first(int wanted)
{
    struct risk_position p[BOOKS_ROWS];
    ck_assert_int_eq(books_positions(&b, p), wanted);
    return p[0];
}

START_TEST(the_larger_of_reservation_and_position_counts_while_the_entry_lives)
{
    setup();
    approve("s1", "XBT", 80);
    struct sub_position p = position("s1", 1, 1);
    books_position(&b, &p);
    ck_assert(dec_eq(first(1).margin, dec_int(80)));
    ck_assert(dec_eq(first(1).heat, dec_int(2)));
    order(ORDER_ENDED, "s1", 1, STATUS_CANCELLED);
    ck_assert(dec_eq(first(1).margin, dec_int(20)));
    ck_assert(dec_eq(first(1).notional, dec_int(100)));
}
END_TEST

START_TEST(an_entry_that_ended_without_a_fill_frees_its_place)
{
    setup();
    approve("s1", "XBT", 80);
    order(ORDER_SAID, "s1", 0, STATUS_NEW);
    ck_assert_int_eq(b.rows_n, 1);
    order(ORDER_ENDED, "s1", 0, STATUS_EXPIRED);
    ck_assert_int_eq(b.rows_n, 0);
}
END_TEST

START_TEST(an_entry_filled_before_its_position_is_told_keeps_its_place)
{
    setup();
    approve("s1", "XBT", 80);
    order(ORDER_FILL, "s1", 4, STATUS_FILLED);
    ck_assert(dec_eq(first(1).margin, dec_int(80)));
    struct sub_position p = position("s1", 1, 4);
    p.margin = dec_int(70);
    books_position(&b, &p);
    ck_assert(dec_eq(first(1).margin, dec_int(70)));
}
END_TEST

START_TEST(orders_of_other_legs_free_nothing)
{
    struct sub_order o = {.leg = LEG_STOP, .status = STATUS_CANCELLED};
    setup();
    approve("s1", "XBT", 80);
    TEXT_COPY(o.signal_id, "s1");
    books_order(&b, ORDER_ENDED, &o, 1);
    ck_assert_int_eq(b.rows_n, 1);
}
END_TEST

START_TEST(an_older_version_changes_nothing)
{
    char before[POSHASH_TEXT], after[POSHASH_TEXT];
    struct sub_position p = position("s1", 2, 3);
    setup();
    books_position(&b, &p);
    books_hash(&b, before);
    p.qty = 1;
    books_position(&b, &p);
    p.version = 1;
    books_position(&b, &p);
    books_hash(&b, after);
    ck_assert_str_eq(before, after);
    p.version = 3;
    books_position(&b, &p);
    books_hash(&b, after);
    ck_assert_str_ne(before, after);
}
END_TEST

START_TEST(what_closed_stays_closed_and_counts_once)
{
    setup();
    struct sub_position p = position("s1", 3, 0);
    p.net_pnl = dec_int(-1);
    p.closed_ns = 10 * MIN;
    ck_assert_int_eq(books_closed(&b, &l, &p, MIN), RISK_NOTHING);
    books_closed(&b, &l, &p, MIN);
    ck_assert_int_eq(b.streak.losses, 1);
    const struct msg_operator_command resume = {.verb = VERB_RESUME};
    books_command(&b, &l, &resume);
    ck_assert_int_eq(b.streak.losses, 0);
    struct sub_position late = position("s1", 1, 3);
    books_position(&b, &late);
    ck_assert_int_eq(b.rows_n, 0);
    ck_assert_int_eq(books_rest_until(&b, "XBT"), 14 * MIN);
    ck_assert_int_eq(books_rest_until(&b, "ETH"), 0);
}
END_TEST

START_TEST(fills_after_the_position_was_told_move_it_as_execution_folds_them)
{
    struct sub_order o = {.leg = LEG_ENTRY, .side = SIDE_BUY, .qty = 4};
    struct sub_position p = position("s1", 1, 1), want = position("s1", 3, 2);
    char got[POSHASH_TEXT], hash[POSHASH_TEXT];
    setup();
    approve("s1", "XBT", 80);
    TEXT_COPY(o.signal_id, "s1");
    books_fill(&b, &o, 1, dec_int(100));
    p.max_qty = 1;
    books_position(&b, &p);
    position_hash(&p, 1, hash);
    books_hash(&b, got);
    ck_assert_str_eq(got, hash);
    books_fill(&b, &o, 3, dec_int(104));
    o.side = SIDE_SELL;
    books_fill(&b, &o, 2, dec_int(110));
    want.entry_px = dec_int(103);
    position_hash(&want, 1, hash);
    books_hash(&b, got);
    ck_assert_str_eq(got, hash);
    ck_assert(dec_eq(first(1).notional, dec_int(400)));     /* the reservation's is larger */
}
END_TEST

START_TEST(a_sync_leaves_approvals_alone_and_takes_positions)
{
    setup();
    approve("s1", "XBT", 80);
    struct sub_position gone = position("s2", 1, 2), there = position("s3", 1, 2);
    books_position(&b, &gone);
    books_sync(&b, &there, 1);
    ck_assert_int_eq(b.rows_n, 2);
    char got[POSHASH_TEXT], want[POSHASH_TEXT];
    position_hash(&there, 1, want);
    books_hash(&b, got);
    ck_assert_str_eq(got, want);
}
END_TEST

START_TEST(after_a_sync_for_a_missed_fill_the_next_fills_are_folded_upon_it)
{
    struct sub_order o = {.leg = LEG_ENTRY, .side = SIDE_BUY, .qty = 4};
    struct sub_position told = position("s1", 1, 1), now = position("s1", 5, 3), want = position("s1", 6, 2);
    char got[POSHASH_TEXT], hash[POSHASH_TEXT];
    setup();
    approve("s1", "XBT", 80);
    TEXT_COPY(o.signal_id, "s1");
    books_fill(&b, &o, 1, dec_int(100));
    told.max_qty = 1;
    books_position(&b, &told);
    now.max_qty = 4;                                        /* 3 bought and 1 sold meanwhile: not heard */
    now.entry_px = dec_int(103);
    books_sync(&b, &now, 1);
    books_sync(&b, &now, 1);                                /* told twice is as once */
    position_hash(&now, 1, hash);
    books_hash(&b, got);
    ck_assert_str_eq(got, hash);
    o.leg = LEG_EXIT;
    o.side = SIDE_SELL;
    books_fill(&b, &o, 1, dec_int(110));
    want.entry_px = dec_int(103);
    position_hash(&want, 1, hash);
    books_hash(&b, got);
    ck_assert_str_eq(got, hash);
}
END_TEST

START_TEST(answers_are_known_until_many_others_came)
{
    setup();
    struct answer a = {.close_ns = 1, .reason = RISK_STALE};
    for (int i = 0; i < BOOKS_SEEN + 1; i++) {
        memcpy(a.signal_id, &i, sizeof i);
        ck_assert(i == 0 || !books_answered(&b, a.signal_id));
        books_answer(&b, &a);
        ck_assert(books_answered(&b, a.signal_id));
    }
    int one = 1, zero = 0;
    memcpy(a.signal_id, &one, sizeof one);
    ck_assert(books_answered(&b, a.signal_id));
    memcpy(a.signal_id, &zero, sizeof zero);
    ck_assert(!books_answered(&b, a.signal_id));
    ck_assert_int_eq(b.rejected[RISK_STALE], BOOKS_SEEN + 1);
}
END_TEST

START_TEST(a_drawdown_acknowledged_opens_again_with_the_next_day)
{
    setup();
    const int64_t day = INT64_C(86400000000000);
    struct msg_account_updated m = {.equity = dec_int(1000), .market_ns = day};
    struct msg_operator_command resume = {.verb = VERB_RESUME};
    books_account(&b, &l, &m);
    m.equity = dec_int(940);
    ck_assert_int_eq(books_account(&b, &l, &m), RISK_STOP);
    books_command(&b, &l, &resume);
    ck_assert_int_eq(books_account(&b, &l, &m), RISK_NOTHING);      /* not again the same day */
    ck_assert(b.day.stopped);
    m.market_ns = 2 * day;
    books_account(&b, &l, &m);
    ck_assert(!b.day.stopped);
}
END_TEST

START_TEST(an_emergency_ends_with_the_operators_resume_alone)
{
    struct msg_operator_command m = {.verb = VERB_EMERGENCY};
    setup();
    books_command(&b, &l, &m);
    ck_assert(b.emergency);
    m = (struct msg_operator_command){.verb = VERB_RESUME, .symbol = "XBT"};
    books_command(&b, &l, &m);
    ck_assert(b.emergency);
    m = (struct msg_operator_command){.verb = VERB_RESUME};
    books_command(&b, &l, &m);
    ck_assert(!b.emergency);
}
END_TEST

START_TEST(pauses_are_of_a_symbol_a_strategy_or_both)
{
    struct msg_operator_command m = {.verb = VERB_PAUSE, .symbol = "XBT", .strategy = "score"};
    setup();
    books_command(&b, &l, &m);
    books_command(&b, &l, &m);
    ck_assert_int_eq(b.pauses_n, 1);
    ck_assert(books_paused(&b, "XBT", "score"));
    ck_assert(!books_paused(&b, "XBT", "other"));
    ck_assert(!books_paused(&b, "ETH", "score"));
    m = (struct msg_operator_command){.verb = VERB_PAUSE, .strategy = "score"};
    books_command(&b, &l, &m);
    ck_assert(books_paused(&b, "ETH", "score"));
    m.verb = VERB_RESUME;
    books_command(&b, &l, &m);
    ck_assert(!books_paused(&b, "ETH", "score"));
    ck_assert(books_paused(&b, "XBT", "score"));
}
END_TEST

START_TEST(positions_adopted_from_the_venue_are_told_apart_by_symbol)
{
    struct sub_position p = position("", 1, 2);
    setup();
    books_position(&b, &p);
    TEXT_COPY(p.symbol, "ETH");
    books_position(&b, &p);
    ck_assert_int_eq(b.rows_n, 2);
    books_closed(&b, &l, &p, MIN);
    ck_assert_int_eq(b.rows_n, 1);
    ck_assert_str_eq(b.rows[0].symbol, "XBT");
}
END_TEST

TESTS("books", the_larger_of_reservation_and_position_counts_while_the_entry_lives,
      an_entry_that_ended_without_a_fill_frees_its_place, an_entry_filled_before_its_position_is_told_keeps_its_place,
      orders_of_other_legs_free_nothing, an_older_version_changes_nothing, what_closed_stays_closed_and_counts_once,
      fills_after_the_position_was_told_move_it_as_execution_folds_them,
      a_sync_leaves_approvals_alone_and_takes_positions,
      after_a_sync_for_a_missed_fill_the_next_fills_are_folded_upon_it, answers_are_known_until_many_others_came,
      a_drawdown_acknowledged_opens_again_with_the_next_day, an_emergency_ends_with_the_operators_resume_alone,
      pauses_are_of_a_symbol_a_strategy_or_both, positions_adopted_from_the_venue_are_told_apart_by_symbol)
