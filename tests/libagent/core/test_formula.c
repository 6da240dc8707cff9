/* Formulas against the table of the risk page and figures worked out by hand. */
#include <math.h>

#include "tests/runner.h"

#include "libagent/core/formula.h"
#include "proto/err.h"

#define D(text) dec_lit(text)
#define eq(a, b) ck_assert_msg(dec_eq(a, b), "%s is not %s", dec_format(a, (char[DEC_TEXT_MAX]){0}), \
                               dec_format(b, (char[DEC_TEXT_MAX]){0}))

/* The risk table of domain 4.4: taker both ways, 0.5 / 2.0 % ROI, mmr 0.5 %, liquidation fee 0, long.  F-006 break-even,
 * F-007 and F-008 stop and target of a long, F-011 liquidation, F-016 inverse leverage; then the net loss and gain and
 * the win rate that they need. */
START_TEST(reproduces_the_risk_table)
{
    static const struct {
        int l;
        const char *be, *stop, *loss, *gain;
        int rate;
        const char *liq, *inv_roi, *inv_px;
    } row[] = {
        {3,   "0.41",  "0.167", "0.86",  "1.64",   34, "33",   "16.7", "5.6"},
        {5,   "0.65",  "0.1",   "1.1",   "1.4",    44, "19.6", "10",   "2"},
        {10,  "1.25",  "0.05",  "1.7",   "0.8",    68, "9.5",  "5",    "0.5"},
        {15,  "1.85",  "0.033", "2.3",   "0.2",    92, "6.2",  "3.3",  "0.22"},
        {18,  "2.21",  "0.028", "2.66",  "-0.16",  0,  "5.1",  "2.8",  "0.15"},
        {25,  "3.05",  "0.02",  "3.5",   "-1",     0,  "3.5",  "2",    "0.08"},
        {50,  "6.05",  "0.01",  "6.5",   "-4",     0,  "1.5",  "1",    "0.02"},
        {100, "12.05", "0.005", "12.5",  "-10",    0,  "0.5",  "0.5",  "0.005"},
    };
    dec_t fee = D("0.0006"), hundred = dec_int(100), liq;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int l = row[i].l;
        dec_t be = formula_break_even_roi(fee, fee, l, D("0.05"));
        dec_t costs = dec_sub(be, D("0.05"));
        eq(be, D(row[i].be));
        eq(dec_round_places(dec_sub(hundred, formula_roi_price(1, hundred, l, D("-0.5"))), 3, DEC_HALF_AWAY),
           D(row[i].stop));
        eq(dec_add(D("0.5"), costs), D(row[i].loss));
        dec_t loss = dec_add(D("0.5"), costs), gain = dec_sub(dec_int(2), costs);
        eq(gain, D(row[i].gain));
        if (dec_sign(gain) > 0)         /* else no rate of wins is enough */
            eq(dec_round_places(dec_mul(hundred, dec_quo(loss, dec_add(loss, gain))), 0, DEC_HALF_AWAY),
               dec_int(row[i].rate));
        ck_assert((dec_sign(gain) > 0) == (row[i].rate > 0));
        ck_assert_int_eq(formula_liquidation(1, hundred, l, D("0.005"), dec_zero(), &liq), ERR_OK);
        eq(dec_round_places(dec_sub(hundred, liq), 1, DEC_HALF_AWAY), D(row[i].liq));
        dec_t inv = formula_inverse_leverage_roi(D("0.5"), l);
        eq(dec_round_places(inv, 1, DEC_HALF_AWAY), D(row[i].inv_roi));
        int places = l < 5 ? 1 : l < 100 ? 2 : 3;
        eq(dec_round_places(dec_quo(inv, dec_int(l)), places, DEC_HALF_AWAY), D(row[i].inv_px));
    }
}
END_TEST

START_TEST(buffer_of_five_percent_allows_18x_long_without_and_17x_on_both_sides_with_the_fee)
{
    int l, other;
    ck_assert_int_eq(formula_liquidation_leverage(1, D("0.005"), dec_zero(), D("0.05"), &l), ERR_OK);
    ck_assert_int_eq(l, 18);
    formula_liquidation_leverage(1, D("0.005"), D("0.0006"), D("0.05"), &l);
    formula_liquidation_leverage(-1, D("0.005"), D("0.0006"), D("0.05"), &other);
    ck_assert_int_eq(l < other ? l : other, 17);
    ck_assert_int_eq(formula_liquidation_leverage(1, D("1"), D("0.1"), D("0.05"), &l), ERR_RANGE);
}
END_TEST

START_TEST(liquidation_leverage_is_the_largest_that_keeps_the_buffer)
{
    for (int side = -1; side <= 1; side += 2)
        for (int mmr = 4; mmr <= 50; mmr += 3) {
            int l;
            dec_t px;
            formula_liquidation_leverage(side, dec_scaled(mmr, -3), D("0.0006"), D("0.05"), &l);
            for (int k = 0; k < 2; k++) {
                formula_liquidation(side, dec_int(1000), l + k, dec_scaled(mmr, -3), D("0.0006"), &px);
                ck_assert(dec_ge(dec_abs(dec_sub(dec_int(1000), px)), dec_int(50)) == (k == 0));
            }
        }
}
END_TEST

START_TEST(size_is_floored_to_lots_of_margin_times_leverage)
{
    int64_t q;
    ck_assert_int_eq(formula_size(dec_int(50), 5, dec_int(50000), D("0.001"), 1, &q), ERR_OK);
    ck_assert_int_eq(q, 5);
    formula_size(D("49.99999999"), 5, dec_int(50000), D("0.001"), 1, &q);
    ck_assert_int_eq(q, 4);
    formula_size(dec_int(50), 5, dec_int(50000), D("0.001"), 2, &q);
    ck_assert_int_eq(q, 4);
    ck_assert_int_eq(formula_size(dec_int(50), 0, dec_int(50000), D("0.001"), 1, &q), ERR_RANGE);
}
END_TEST

START_TEST(staircase_steps_in_whole_units_on_both_sides)
{
    struct staircase s = formula_staircase(D("2.4"), dec_int(1), D("0.25"), D("0.75"));
    dec_t stop;
    ck_assert_int_eq(s.act, 240);
    ck_assert_int_eq(s.step, 60);
    ck_assert_int_eq(s.dist, 180);
    ck_assert_int_eq(formula_staircase(D("0.01"), dec_int(1), D("0.25"), D("0.75")).step, 1);
    ck_assert(!formula_staircase_stop(&s, 1, dec_int(1000), 5, D("0.1"), 239, &stop));
    ck_assert(formula_staircase_stop(&s, 1, dec_int(1000), 5, D("0.1"), 299, &stop));
    eq(stop, D("1001.2"));
    formula_staircase_stop(&s, 1, dec_int(1000), 5, D("0.1"), 300, &stop);
    eq(stop, D("1002.4"));
    formula_staircase_stop(&s, -1, dec_int(1000), 5, D("0.5"), 300, &stop);
    eq(stop, D("997.5"));
    ck_assert_int_eq(formula_roi_units(1, dec_int(1000), 5, D("1004.8")), 240);
    ck_assert_int_eq(formula_roi_units(1, dec_int(1000), 5, D("1004.7999")), 239);
    ck_assert_int_eq(formula_roi_units(-1, dec_int(1000), 5, D("1004.7999")), -240);
}
END_TEST

START_TEST(volatility_bounds_the_leverage)
{
    int l;
    ck_assert_int_eq(formula_tier_leverage(D("0.3")), 100);
    ck_assert_int_eq(formula_tier_leverage(D("0.31")), 75);
    ck_assert_int_eq(formula_tier_leverage(D("3")), 10);
    ck_assert_int_eq(formula_tier_leverage(D("3.0001")), 5);
    formula_volatility_leverage(D("0.04"), D("0.005"), &l);
    ck_assert_int_eq(l, 8);
    ck_assert_int_eq(formula_volatility_leverage(dec_zero(), dec_zero(), &l), ERR_RANGE);
}
END_TEST

/* Domain 6, test 8: where it rests. */
START_TEST(entry_rests_at_the_ninth_level_and_aborts_beyond_the_slippage)
{
    struct book_level b[9];
    dec_t px;
    for (int i = 0; i < 9; i++)
        b[i] = (struct book_level){dec_int(1000 - i), 1};
    ck_assert_int_eq(formula_entry_price(b, 8, &px), ERR_EMPTY);
    ck_assert_int_eq(formula_entry_price(b, 9, &px), ERR_OK);
    eq(px, dec_int(992));
    ck_assert(formula_slippage_ok(dec_int(998), dec_int(1000), D("0.002")));
    ck_assert(!formula_slippage_ok(D("997.9"), dec_int(1000), D("0.002")));
    ck_assert(!formula_slippage_ok(dec_int(1), dec_zero(), D("0.002")));
}
END_TEST

START_TEST(stops_are_rounded_away_from_the_entry)
{
    dec_t px;
    formula_stop_price(1, dec_int(1000), 10, D("1.5"), D("0.0048"), dec_int(2), &px);
    eq(px, dec_int(984));
    formula_stop_price(-1, dec_int(1000), 10, D("1.5"), D("0.0048"), dec_int(2), &px);
    eq(px, dec_int(1016));
    formula_stop_price(1, dec_int(1000), 1, D("1.5"), D("0.0048"), D("0.1"), &px);
    eq(px, D("995.2"));
    ck_assert_int_eq(formula_stop_price(1, dec_int(1000), 0, D("1.5"), D("0.0048"), D("0.1"), &px), ERR_RANGE);
    ck_assert_int_eq(formula_stop_price(1, dec_int(10), 10, D("1.5"), D("0.0048"), D("0.1"), &px), ERR_RANGE);
}
END_TEST

START_TEST(break_even_covers_every_cost_and_one_tick_less_does_not)
{
    for (int side = -1; side <= 1; side += 2) {
        dec_t px, n = D("0.5"), entry = dec_int(1000), cost = D("0.3"), tick = D("0.01");
        ck_assert_int_eq(formula_break_even_price(side, entry, n, cost, D("0.0006"), D("0.0002"), tick, &px), 0);
        for (int k = 0; k < 2; k++) {
            dec_t x = dec_sub(px, dec_mul(dec_int(side * k), tick));
            dec_t fill = dec_mul(x, dec_sub(dec_int(1), dec_scaled(2 * side, -4)));
            dec_t net = dec_mul(n, dec_mul(dec_int(side), dec_sub(fill, entry)));
            net = dec_sub(dec_sub(net, cost), dec_mul(dec_mul(n, fill), D("0.0006")));
            ck_assert((dec_sign(net) >= 0) == (k == 0));
        }
    }
}
END_TEST

START_TEST(exit_limits_round_to_the_aggressive_side)
{
    dec_t px;
    formula_exit_limit(1, D("100.3"), D("100.4"), D("0.002"), D("0.1"), &px);
    eq(px, dec_int(100));
    formula_exit_limit(-1, D("100.3"), D("100.4"), D("0.002"), D("0.1"), &px);
    eq(px, D("100.7"));
}
END_TEST

/* F-007 ... F-010 and F-011, F-012 by hand: entry 1000, 10x, 5 % ROI are 5. */
START_TEST(roi_prices_and_liquidation_mirror_each_other)
{
    dec_t px;
    eq(formula_roi_price(1, dec_int(1000), 10, D("-5")), dec_int(995));         /* F-007: stop, long */
    eq(formula_roi_price(1, dec_int(1000), 10, D("5")), dec_int(1005));         /* F-008: target, long */
    eq(formula_roi_price(-1, dec_int(1000), 10, D("-5")), dec_int(1005));       /* F-009: stop, short */
    eq(formula_roi_price(-1, dec_int(1000), 10, D("5")), dec_int(995));         /* F-010: target, short */
    eq(formula_roi_of(dec_int(5), dec_int(1000), 10), dec_int(5));
    eq(formula_bankruptcy(1, dec_int(1000), 10), dec_int(900));
    eq(formula_bankruptcy(-1, dec_int(1000), 10), dec_int(1100));
    ck_assert_int_eq(formula_liquidation(1, dec_int(995), 2, D("0.004"), D("0.001"), &px), ERR_OK);
    eq(px, dec_int(500));                       /* F-011: 497.5 / 0.995 */
    ck_assert_int_eq(formula_liquidation(-1, dec_int(1005), 2, D("0.004"), D("0.001"), &px), ERR_OK);
    eq(px, dec_int(1500));                      /* F-012: 1507.5 / 1.005 */
    eq(formula_inverse_leverage_roi(D("0.5"), 5), dec_int(10));                 /* F-016 */
    px = dec_int(7);
    ck_assert_int_eq(formula_liquidation(1, dec_zero(), 2, D("0.004"), dec_zero(), &px), ERR_RANGE);
    ck_assert_int_eq(formula_liquidation(1, dec_int(1), 0, D("0.004"), dec_zero(), &px), ERR_RANGE);
    ck_assert_int_eq(formula_liquidation(1, dec_int(1), 2, D("-0.004"), dec_zero(), &px), ERR_RANGE);
    ck_assert_int_eq(formula_liquidation(1, dec_int(1), 2, D("0.004"), D("-0.1"), &px), ERR_RANGE);
    ck_assert_int_eq(formula_liquidation(1, dec_int(1), 2, D("0.5"), D("0.5"), &px), ERR_RANGE);
    eq(px, dec_int(7));
}
END_TEST

START_TEST(contracts_that_do_not_hold_together_are_not_valid)
{
    const struct contract_terms good = {.multiplier = D("0.001"), .tick = D("0.1"), .maker_fee = D("-0.0001"),
        .taker_fee = D("0.0006"), .lfr = D("0.0006"), .lot = 10, .max_qty = 10, .tier_count = 3,
        .tier = {{dec_int(100), D("0.004"), 125}, {dec_int(200), D("0.01"), 50}, {dec_zero(), D("0.05"), 10}}};
    struct contract_terms c = good;
    ck_assert(contract_valid(&c));
    ck_assert_ptr_eq(contract_tier_of(&c, dec_int(100)), &c.tier[0]);
    ck_assert_ptr_eq(contract_tier_of(&c, D("100.01")), &c.tier[1]);
    ck_assert_ptr_eq(contract_tier_of(&c, dec_int(1000000)), &c.tier[2]);
    c.tier_count = 2;
    ck_assert(contract_valid(&c));
    ck_assert_ptr_null(contract_tier_of(&c, D("200.01")));
#define wrong(change)                                                                              \
    do {                                                                                           \
        c = good;                                                                                  \
        change;                                                                                    \
        ck_assert(!contract_valid(&c));                                                            \
    } while (0)
    wrong(c.multiplier = dec_zero());
    wrong(c.tick = dec_zero());
    wrong(c.taker_fee = D("-0.0001"));
    wrong(c.taker_fee = dec_int(1));
    wrong(c.lfr = D("-0.0001"));
    wrong(c.maker_fee = dec_int(-1));
    wrong(c.lot = 0);
    wrong(c.max_qty = 9);
    wrong(c.max_qty = -1);
    wrong(c.tier_count = 0);
    wrong(c.tier_count = CONTRACT_TIERS_MAX + 1);
    wrong(c.tier[1].mmr = dec_zero());
    wrong(c.tier[1].mmr = D("0.9994"));
    wrong(c.tier[1].max_leverage = 0);
    wrong(c.tier[1].max_leverage = FORMULA_LEVERAGE_MAX + 1);
    wrong(c.tier[1].max_notional = dec_int(-1));
    wrong(c.tier[1].max_notional = dec_int(100));       /* not ascending */
    wrong(c.tier[0].max_notional = dec_zero());         /* none after one without a bound */
}
END_TEST

/* What cannot be computed is an error and leaves the result. */
START_TEST(inputs_out_of_range_are_errors)
{
    int64_t q = 7;
    int lev = 7;
    const dec_t seven = dec_int(7), tick = D("0.01");
    dec_t px = seven;
    ck_assert_int_eq(formula_size(dec_int(-1), 5, seven, seven, 1, &q), ERR_RANGE);
    ck_assert_int_eq(formula_size(seven, 5, dec_zero(), seven, 1, &q), ERR_RANGE);
    ck_assert_int_eq(formula_size(seven, 5, seven, dec_zero(), 1, &q), ERR_RANGE);
    ck_assert_int_eq(formula_size(seven, 5, seven, seven, 0, &q), ERR_RANGE);
    ck_assert_int_eq(formula_size(seven, 5, seven, D("1e-30"), 1, &q), ERR_RANGE);
    ck_assert_int_eq(formula_size(D("1e19"), 1, dec_int(1), D("1e-9"), 1000000000, &q), ERR_RANGE);
    ck_assert_int_eq(q, 7);
    ck_assert_int_eq(formula_liquidation_leverage(1, D("-0.1"), dec_zero(), D("0.05"), &lev), ERR_RANGE);
    ck_assert_int_eq(formula_liquidation_leverage(1, D("0.1"), D("-0.1"), D("0.05"), &lev), ERR_RANGE);
    ck_assert_int_eq(formula_liquidation_leverage(1, D("0.5"), D("0.5"), D("0.05"), &lev), ERR_RANGE);
    ck_assert_int_eq(formula_liquidation_leverage(1, D("0.1"), dec_zero(), D("-0.05"), &lev), ERR_RANGE);
    ck_assert_int_eq(formula_liquidation_leverage(1, D("0.1"), dec_zero(), dec_int(1), &lev), ERR_RANGE);
    ck_assert_int_eq(formula_volatility_leverage(D("-0.1"), D("0.1"), &lev), ERR_RANGE);
    ck_assert_int_eq(formula_volatility_leverage(D("0.1"), D("-0.1"), &lev), ERR_RANGE);
    ck_assert_int_eq(lev, 7);
    formula_volatility_leverage(D("0.0001"), D("0.0001"), &lev);        /* 2500 */
    ck_assert_int_eq(lev, FORMULA_LEVERAGE_MAX);
    formula_liquidation_leverage(1, D("0.0001"), dec_zero(), dec_zero(), &lev);
    ck_assert_int_eq(lev, FORMULA_LEVERAGE_MAX);
    static const double atr[] = {0, -1, NAN, INFINITY, 1e308};
    for (size_t i = 0; i < sizeof atr / sizeof atr[0]; i++)
        ck_assert_int_eq(formula_stop_price(1, seven, atr[i], D("1.5"), D("0.0048"), tick, &px), ERR_RANGE);
    ck_assert_int_eq(formula_stop_price(1, dec_zero(), 1, D("1.5"), D("0.0048"), tick, &px), ERR_RANGE);
    ck_assert_int_eq(formula_stop_price(1, seven, 1, D("1.5"), D("0.0048"), dec_zero(), &px), ERR_RANGE);
    ck_assert_int_eq(formula_break_even_price(1, seven, dec_zero(), seven, tick, tick, tick, &px), ERR_RANGE);
    ck_assert_int_eq(formula_break_even_price(1, seven, dec_int(1), dec_int(-7), tick, tick, tick, &px), ERR_RANGE);
    ck_assert_int_eq(formula_break_even_price(1, seven, dec_int(1), seven, dec_int(1), tick, tick, &px), ERR_RANGE);
    ck_assert_int_eq(formula_break_even_price(1, seven, dec_int(1), seven, tick, tick, dec_zero(), &px), ERR_RANGE);
    ck_assert_int_eq(formula_break_even_price(-1, seven, dec_int(1), D("6.99"), tick, tick, dec_int(1), &px), ERR_RANGE);
    ck_assert_int_eq(formula_exit_limit(1, dec_zero(), seven, D("0.002"), tick, &px), ERR_RANGE);
    ck_assert_int_eq(formula_exit_limit(1, seven, seven, dec_int(1), tick, &px), ERR_RANGE);
    ck_assert_int_eq(formula_exit_limit(1, seven, seven, D("0.002"), dec_zero(), &px), ERR_RANGE);
    ck_assert_int_eq(formula_exit_limit(1, D("0.5"), seven, D("0.002"), dec_int(1), &px), ERR_RANGE);
    eq(px, seven);
    ck_assert_int_eq(formula_roi_units(1, D("1e-20"), 125, D("1e20")), INT64_C(1000000000000));
    ck_assert_int_eq(formula_roi_units(-1, D("1e-20"), 125, D("1e20")), INT64_C(-1000000000000));
    ck_assert_int_eq(formula_roi_units(1, dec_int(1), 125, D("900000")), INT64_C(1000000000000));
    ck_assert_int_eq(formula_roi_units(-1, dec_int(1), 125, D("900000")), INT64_C(-1000000000000));
}
END_TEST

TESTS("formula", reproduces_the_risk_table,
      buffer_of_five_percent_allows_18x_long_without_and_17x_on_both_sides_with_the_fee,
      liquidation_leverage_is_the_largest_that_keeps_the_buffer,
      size_is_floored_to_lots_of_margin_times_leverage, staircase_steps_in_whole_units_on_both_sides,
      volatility_bounds_the_leverage, entry_rests_at_the_ninth_level_and_aborts_beyond_the_slippage,
      stops_are_rounded_away_from_the_entry, break_even_covers_every_cost_and_one_tick_less_does_not,
      exit_limits_round_to_the_aggressive_side, roi_prices_and_liquidation_mirror_each_other,
      contracts_that_do_not_hold_together_are_not_valid, inputs_out_of_range_are_errors)
