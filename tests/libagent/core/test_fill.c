/* Fills, fees, queue, margin; positions folded from fills; correlation is in test_corr.c. */
#include "tests/runner.h"

#include "libagent/core/fill.h"
#include "libagent/core/pnl.h"

#define D(text) dec_lit(text)
#define eq(a, b) ck_assert_msg(dec_eq(a, b), "%s is not %s", dec_format(a, (char[DEC_TEXT_MAX]){0}), \
                               dec_format(b, (char[DEC_TEXT_MAX]){0}))
#define near(a, text, places) eq(dec_round_places(a, places, DEC_HALF_AWAY), D(text))

START_TEST(published_margin_samples_are_reproduced)
{
    struct fill_margin_old m = {.side = 1, .entry = D("43388"), .n = D("0.001"), .pos_cross = D("0.000024985"),
                                .mmr = D("0.005"), .funding = D("0.0001")};
    fill_margin_old_init(&m, D("0.05"), D("0.0006"));
    ck_assert_int_eq(fill_margin_old_calc(&m), 0);
    /* Published 2.19675944 and 0.24861326: the sample's own closing fee differs in the 8th place. */
    ck_assert(dec_le(dec_abs(dec_sub(m.pos_margin, D("2.19675944"))), D("0.00000002")));
    ck_assert(dec_le(dec_abs(dec_sub(m.pos_maint, D("0.24861326"))), D("0.00000002")));
    near(m.liquidation, "41439.85", 2);
    near(m.bankrupt, "41218.58", 2);
    m = (struct fill_margin_old){.side = 1, .entry = D("91694.5"), .n = D("0.001"), .mmr = D("0.005"),
                                 .funding = D("0.000425")};
    fill_margin_old_init(&m, D("0.2"), D("0.0006"));
    fill_margin_old_calc(&m);
    near(m.pos_margin, "18.40492004", 8);
    eq(m.pos_maint, D("0.5634627025"));
    eq(m.liquidation, D("73853.0426625"));
    eq(m.bankrupt, D("73355.6"));
    m = (struct fill_margin_old){.side = 1, .entry = D("67430.9"), .n = D("0.001"), .mmr = D("0.005"),
        .funding = D("0.00003"), .pos_init = D("22.4769666644"), .pos_cross = D("0.01645214"),
        .pos_loss = D("0.03766885"), .pos_comm = D("0.0539546299")};
    fill_margin_old_calc(&m);
    near(m.pos_margin, "22.5097045843", 10);
    near(m.pos_maint, "0.3931320569", 10);
    near(m.liquidation, "45314.33", 2);
    near(m.bankrupt, "44975.15", 2);
}
END_TEST

START_TEST(present_liquidation_rule_gives_the_documented_example)
{
    dec_t px, n = D("0.01"), w = dec_int(180), e = dec_int(90000);
    fill_liquidation(1, e, n, w, D("0.004"), dec_zero(), &px);
    near(px, "72289.16", 2);
    fill_liquidation(1, e, n, w, D("0.004"), D("0.0006"), &px);
    near(px, "72332.73", 2);
    ck_assert(fill_liquidated(1, e, n, w, D("0.004"), D("0.0006"), D("72332.72")));
    ck_assert(!fill_liquidated(1, e, n, w, D("0.004"), D("0.0006"), D("72332.74")));
    fill_bankruptcy(1, e, n, w, &px);
    eq(px, dec_int(72000));
}
END_TEST

START_TEST(a_taker_walks_the_book_within_its_limit)
{
    struct book_level b[3] = {{dec_int(100), 2}, {dec_int(101), 3}, {dec_int(102), 9}}, part[3];
    struct fill_walk w;
    dec_t limit = dec_int(101);
    fill_take(b, 3, 1, 7, NULL, &w, part);
    ck_assert(w.qty == 7 && w.parts == 3 && part[2].qty == 2);
    eq(w.qty_price, dec_int(707));
    eq(fill_avg(&w), dec_int(101));
    fill_take(b, 3, 1, 7, &limit, &w, NULL);
    ck_assert_int_eq(w.qty, 5);
    eq(fill_fee(D("90"), D("0.0006")), D("0.054"));
    eq(fill_fee(D("0.00001"), D("0.0006")), D("0.00000001"));
    eq(fill_funding(1, 10, D("0.001"), dec_int(90000), D("0.0001")), D("0.09"));
    eq(fill_funding(-1, 10, D("0.001"), dec_int(90000), D("0.0001")), D("-0.09"));
}
END_TEST

/* Domain 6, test 8. */
START_TEST(a_resting_order_fills_only_when_the_market_trades_to_or_through_it_in_queue_order)
{
    for (int side = -1; side <= 1; side += 2) {
        struct fill_resting r = {.leaves = 5, .ahead = 10};
        dec_t limit = dec_int(100);
        ck_assert_int_eq(fill_resting_trade(&r, side, limit, dec_int(100 + side), 1000), 0);
        ck_assert_int_eq(fill_resting_trade(&r, side, limit, limit, 8), 0);
        ck_assert_int_eq(fill_resting_trade(&r, side, limit, limit, 4), 2);
        ck_assert_int_eq(fill_resting_trade(&r, side, limit, dec_int(100 - side), 1), 3);
        ck_assert_int_eq(r.leaves, 0);
    }
}
END_TEST

START_TEST(a_position_folds_its_fills_to_the_net_result)
{
    struct pnl p = {0};
    dec_t m = D("0.001"), be;
    ck_assert_int_eq(pnl_fill(&p, 1, 2, dec_int(50000), D("0.02"), m), 0);
    ck_assert_int_eq(pnl_fill(&p, 1, 2, dec_int(50100), D("0.02"), m), 0);
    eq(p.entry_px, dec_int(50050));
    pnl_funding(&p, D("0.01"));
    ck_assert_int_eq(pnl_break_even(&p, D("0.0006"), D("0.0002"), D("0.1"), &be), 0);
    ck_assert(dec_lt(pnl_open_net(&p, dec_int(50050), D("0.0006")), dec_zero()));
    ck_assert(dec_gt(pnl_open_net(&p, be, D("0.0006")), dec_zero()));
    ck_assert(pnl_fill(&p, -1, 5, be, dec_zero(), m) < 0);
    pnl_fill(&p, -1, 2, dec_int(50150), D("0.06"), m);
    eq(p.gross, D("0.2"));
    eq(p.open_cost, D("0.025"));
    pnl_fill(&p, -1, 2, dec_int(50050), D("0.06"), m);
    eq(pnl_net(&p), D("0.03"));
    eq(pnl_exit_px(&p), dec_int(50100));
    ck_assert(pnl_fill(&p, 1, 1, be, dec_zero(), m) < 0);
}
END_TEST

START_TEST(levels_without_lots_and_an_empty_book_fill_nothing)
{
    struct book_level b[2] = {{dec_int(100), 0}, {dec_int(99), 3}};
    struct fill_walk w;
    const dec_t limit = dec_int(100);
    fill_take(b, 2, -1, 2, NULL, &w, NULL);
    ck_assert(w.qty == 2 && w.parts == 1);
    eq(w.worst_px, dec_int(99));
    fill_take(b, 2, -1, 2, &limit, &w, NULL);
    ck_assert(w.qty == 0 && w.parts == 0);
    eq(w.worst_px, dec_zero());
    fill_take(NULL, 0, 1, 5, NULL, &w, NULL);
    ck_assert_int_eq(w.qty, 0);
}
END_TEST

START_TEST(cancellations_shorten_the_queue_and_arrivals_do_not_lengthen_it)
{
    struct fill_resting r = {.leaves = 5, .ahead = 10};
    fill_resting_depth(&r, 12);
    ck_assert_int_eq(r.ahead, 10);
    fill_resting_depth(&r, 4);
    ck_assert_int_eq(r.ahead, 4);
    fill_resting_depth(&r, -1);
    ck_assert_int_eq(r.ahead, 0);
    ck_assert_int_eq(fill_resting_trade(&r, 1, dec_int(100), dec_int(100), 99), 5);
}
END_TEST

START_TEST(margins_that_make_no_sense_are_refused)
{
    dec_t px = dec_int(7), e = dec_int(100), n = dec_int(1), w = dec_int(20), r = D("0.005");
    ck_assert_int_lt(fill_liquidation(1, dec_zero(), n, w, r, r, &px), 0);
    ck_assert_int_lt(fill_liquidation(1, e, dec_zero(), w, r, r, &px), 0);
    ck_assert_int_lt(fill_liquidation(1, e, n, w, D("-0.1"), r, &px), 0);
    ck_assert_int_lt(fill_liquidation(1, e, n, w, r, D("-0.1"), &px), 0);
    ck_assert_int_lt(fill_liquidation(1, e, n, w, D("0.5"), D("0.5"), &px), 0);
    ck_assert_int_lt(fill_bankruptcy(1, dec_zero(), n, w, &px), 0);
    ck_assert_int_lt(fill_bankruptcy(1, e, dec_int(-1), w, &px), 0);
    eq(px, dec_int(7));
    fill_liquidation(1, e, n, dec_int(200), r, r, &px);
    eq(px, dec_zero());                         /* more margin than value */
    fill_liquidation(-1, e, n, w, r, r, &px);
    near(px, "118.8119", 4);                    /* 120 / 1.01 */
    fill_bankruptcy(1, e, n, dec_int(200), &px);
    eq(px, dec_zero());
    fill_bankruptcy(-1, e, n, w, &px);
    eq(px, dec_int(120));
    ck_assert(fill_liquidated(-1, e, n, w, r, r, D("118.82")) && !fill_liquidated(-1, e, n, w, r, r, D("118.81")));
    struct fill_margin_old m = {.side = 1, .entry = e, .n = dec_zero()};
    ck_assert_int_lt(fill_margin_old_calc(&m), 0);
    m = (struct fill_margin_old){.side = -1, .entry = e, .n = n, .mmr = r, .pos_init = w, .funding = D("-0.001")};
    ck_assert_int_eq(fill_margin_old_calc(&m), 0);
    eq(m.bankrupt, dec_int(120));
    eq(m.pos_maint, D("0.5"));                  /* received funding needs no margin */
}
END_TEST

START_TEST(a_short_gains_when_prices_fall_and_nothing_open_has_no_figures)
{
    struct pnl p = {0};
    dec_t m = D("0.001"), be = dec_int(7);
    eq(pnl_unrealised(&p, dec_int(100)), dec_zero());
    eq(pnl_exit_px(&p), dec_zero());
    ck_assert_int_lt(pnl_break_even(&p, D("0.0006"), D("0.0002"), D("0.1"), &be), 0);
    ck_assert_int_lt(pnl_funding(&p, D("0.1")), 0);
    ck_assert_int_lt(pnl_fill(&p, -1, 0, dec_int(100), dec_zero(), m), 0);
    ck_assert_int_lt(pnl_fill(&p, -1, 1, dec_zero(), dec_zero(), m), 0);
    ck_assert_int_lt(pnl_fill(&p, -1, 1, dec_int(100), dec_zero(), dec_zero()), 0);
    ck_assert(p.side == 0 && p.entered_qty == 0);
    ck_assert_int_eq(pnl_fill(&p, -1, 10, dec_int(50000), D("0.1"), m), 0);
    ck_assert_int_lt(pnl_fill(&p, -1, 10, dec_int(50000), D("0.1"), D("0.01")), 0);     /* another contract */
    eq(pnl_unrealised(&p, dec_int(49900)), dec_int(1));
    ck_assert_int_eq(pnl_break_even(&p, D("0.0006"), D("0.0002"), D("0.1"), &be), 0);
    ck_assert(dec_lt(be, dec_int(50000)));
    ck_assert_int_eq(pnl_fill(&p, 1, 10, dec_int(49900), D("0.3"), m), 0);
    eq(pnl_net(&p), D("0.6"));
    ck_assert_int_lt(pnl_break_even(&p, D("0.0006"), D("0.0002"), D("0.1"), &be), 0);
}
END_TEST

TESTS("fill", published_margin_samples_are_reproduced, present_liquidation_rule_gives_the_documented_example,
      a_taker_walks_the_book_within_its_limit,
      a_resting_order_fills_only_when_the_market_trades_to_or_through_it_in_queue_order,
      a_position_folds_its_fills_to_the_net_result, levels_without_lots_and_an_empty_book_fill_nothing,
      cancellations_shorten_the_queue_and_arrivals_do_not_lengthen_it, margins_that_make_no_sense_are_refused,
      a_short_gains_when_prices_fall_and_nothing_open_has_no_figures)
