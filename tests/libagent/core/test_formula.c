/* Formulas against the table of the risk page and figures worked out by hand. */
#include "tests/runner.h"

#include "libagent/core/formula.h"
#include "proto/err.h"

#define D(text) dec_lit(text)
#define eq(a, b) ck_assert_msg(dec_eq(a, b), "%s is not %s", dec_format(a, (char[DEC_TEXT_MAX]){0}), \
                               dec_format(b, (char[DEC_TEXT_MAX]){0}))

START_TEST(reproduces_the_risk_table)
{
    static const struct { int l; const char *be, *stop, *loss, *gain, *liq, *inv_roi, *inv_px; } row[] = {
        {3,   "0.41",  "0.167", "0.86",  "1.64",   "33",   "16.7", "5.6"},
        {5,   "0.65",  "0.1",   "1.1",   "1.4",    "19.6", "10",   "2"},
        {10,  "1.25",  "0.05",  "1.7",   "0.8",    "9.5",  "5",    "0.5"},
        {15,  "1.85",  "0.033", "2.3",   "0.2",    "6.2",  "3.3",  "0.22"},
        {18,  "2.21",  "0.028", "2.66",  "-0.16",  "5.1",  "2.8",  "0.15"},
        {25,  "3.05",  "0.02",  "3.5",   "-1",     "3.5",  "2",    "0.08"},
        {50,  "6.05",  "0.01",  "6.5",   "-4",     "1.5",  "1",    "0.02"},
        {100, "12.05", "0.005", "12.5",  "-10",    "0.5",  "0.5",  "0.005"},
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
        eq(dec_sub(dec_int(2), costs), D(row[i].gain));
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

TESTS("formula", reproduces_the_risk_table,
      buffer_of_five_percent_allows_18x_long_without_and_17x_on_both_sides_with_the_fee,
      liquidation_leverage_is_the_largest_that_keeps_the_buffer,
      size_is_floored_to_lots_of_margin_times_leverage, staircase_steps_in_whole_units_on_both_sides,
      volatility_bounds_the_leverage, entry_rests_at_the_ninth_level_and_aborts_beyond_the_slippage,
      stops_are_rounded_away_from_the_entry, break_even_covers_every_cost_and_one_tick_less_does_not,
      exit_limits_round_to_the_aggressive_side)
