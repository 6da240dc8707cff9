/* Backtests whose figures are worked out by hand: entry at 100, one unit of risk is 1. */
#include "tests/runner.h"

#include <math.h>
#include <string.h>

#include "agents/optimizer/backtest.h"
#include "proto/err.h"
#include "proto/tm.h"

#define T0      (28000000 * NS_PER_MIN / (NS_PER_H) * NS_PER_H)
#define HISTORY 1200
#define MOST    (HISTORY + 400)

static struct backtest_bar bars[MOST];
static struct backtest_setup setup;
static int fired;               /* index of the first bar that fires, closing at 100 */
static int side;                /* of that signal */
static int base;                /* the wave's lowest price, in hundredths */

/* Prices in hundredths. */
static void set_bar(int i, int open, int high, int low, int close)
{
    struct backtest_bar *b = &bars[i];
    *b = (struct backtest_bar){
        .open = dec_scaled(open, -2), .high = dec_scaled(high, -2), .low = dec_scaled(low, -2), .close = dec_scaled(close, -2),
        .candle = {.start_ns = T0 + i * NS_PER_MIN, .tf_ns = NS_PER_MIN, .open = open / 100.0, .high = high / 100.0,
                   .low = low / 100.0, .close = close / 100.0, .volume = 10},
    };
}

/* Up and down by 0.40, twenty bars a turn. */
static int wave(int i)
{
    int k = i % 20;
    return base + 4 * (k < 10 ? k : 20 - k);
}

static int first_signal(int phase)
{
    struct strategy_score *st = calloc(1, sizeof *st);
    struct score_signal sig;
    ck_assert_ptr_nonnull(st);
    ck_assert_int_eq(strategy_score_init(st, setup.primary_ns, setup.confirm_ns), ERR_OK);
    fired = -1;
    for (int i = 0; i < HISTORY; i++) {
        int open = wave(i + phase), close = wave(i + phase + 1);
        set_bar(i, open, (open > close ? open : close) + 1, (open < close ? open : close) - 1, close);
        if (fired < 0 && score_on_bar(st, &setup.score, &bars[i].candle, NULL, false, &sig) == SCORE_FIRED) {
            fired = i;
            side = sig.dir;
        }
    }
    free(st);
    return fired;
}

/* Any score fires; stop at 1 from an entry at 100; the rules of time, volatility and excursion off. */
static void begin(int want_side)
{
    memset(&setup, 0, sizeof setup);
    setup.primary_ns = NS_PER_MIN;
    setup.confirm_ns = 5 * NS_PER_MIN;
    strategy_score_params_default(&setup.score);
    setup.score.min_score = 1;
    setup.score.min_combined = 0;
    setup.score.min_confidence = 0;
    setup.score.min_groups = 0;
    exit_params_default(&setup.exits);
    setup.exits.trailing = setup.exits.tp1 = setup.exits.time_stop = setup.exits.volatility = setup.exits.mae = false;
    setup.contract = (struct contract_terms){
        .multiplier = dec_lit("0.001"), .tick = dec_lit("0.01"), .maker_fee = dec_lit("0.0002"),
        .taker_fee = dec_lit("0.0006"), .lfr = dec_lit("0.0006"), .lot = 1, .tier_count = 1,
        .tier = {{.max_notional = dec_zero(), .mmr = dec_lit("0.005"), .max_leverage = 50}},
    };
    setup.stop_atr = dec_lit("0.1");            /* of an ATR below 1: the floor counts */
    setup.stop_floor = dec_lit("0.01");
    setup.leverage = 5;
    for (int phase = 0; phase < 20; phase++)    /* until the wave gives that side just when it is at 100 */
        for (base = 9960; base <= 10000; base += 4)
            if (first_signal(phase) > 0 && dec_eq(bars[fired].close, dec_int(100)) && side == want_side)
                return;
    ck_abort_msg("no wave fires at 100");
}

/* Bars after the entry, told as for a long one; mirrored at 100 for a short one. */
static void after(int k, int open, int high, int low, int close)
{
    if (side > 0)
        set_bar(fired + k, open, high, low, close);
    else
        set_bar(fired + k, 20000 - open, 20000 - low, 20000 - high, 20000 - close);
}

static struct backtest_result run(int n)
{
    struct backtest_result r = {.bars = 0};
    ck_assert_int_eq(backtest_run(&setup, bars, (size_t)(fired + n), NULL, 0, &r), ERR_OK);
    ck_assert_int_eq(r.bars, fired + n);
    return r;
}

#define IS(value, want) ck_assert_msg(fabs((value) - (want)) < 1e-12, "%.12f, not %.12f", (value), (want))

START_TEST(a_stopped_long_loses_its_distance_the_slippage_and_both_fees)
{
    begin(1);
    after(1, 10000, 10050, 9880, 9890);
    struct backtest_result r = run(2);
    ck_assert_int_eq(r.trades, 1);
    ck_assert_int_eq(r.wins, 0);
    /* out at 99 x 0.9998 = 98.9802: -1.0198 %, fees 0.06 % and 0.06 % of 0.989802 */
    IS(r.net, -0.010198 - 0.0006 - 0.0005938812);
    IS(r.losses, 0.0113918812);
    IS(r.gains, 0.0);
    IS(r.max_drawdown, 0.0113918812);
}
END_TEST

START_TEST(a_stopped_short_loses_upward)
{
    begin(-1);
    after(1, 10000, 10050, 9880, 9890);
    struct backtest_result r = run(2);
    ck_assert_int_eq(r.trades, 1);
    /* out at 101 x 1.0002 = 101.0202: -1.0202 %, fees 0.06 % and 0.06 % of 1.010202 */
    IS(r.net, -0.010202 - 0.0006 - 0.0006061212);
}
END_TEST

START_TEST(a_target_reached_wins_two_units_less_costs)
{
    begin(1);
    after(1, 10000, 10210, 9950, 10205);
    struct backtest_result r = run(2);
    ck_assert_int_eq(r.trades, 1);
    ck_assert_int_eq(r.wins, 1);
    /* out at 102 x 0.9998 = 101.9796 */
    IS(r.net, 0.019796 - 0.0006 - 0.0006118776);
    IS(r.gains, 0.0185841224);
    IS(r.losses, 0.0);
    IS(r.peak, 0.0185841224);
    IS(r.max_drawdown, 0.0);
}
END_TEST

START_TEST(half_goes_at_the_first_target_half_at_the_second_as_one_trade)
{
    begin(1);
    setup.exits.tp1 = true;
    after(1, 10080, 10130, 10070, 10125);       /* 101.20 reached, in a range that could not come back */
    after(2, 10125, 10210, 10100, 10205);       /* 102 reached */
    ck_assert_int_eq(run(2).trades, 0);
    struct backtest_result r = run(3);
    ck_assert_int_eq(r.trades, 1);
    /* halves out at 101.2 x 0.9998 = 101.17976 and 101.9796 */
    IS(r.net, (0.0117976 + 0.019796) / 2 - 0.0006 - 0.0006 * (1.0117976 + 1.019796) / 2);
}
END_TEST

START_TEST(a_bar_that_touches_both_is_stopped)
{
    begin(1);
    after(1, 10000, 10300, 9890, 10300);
    struct backtest_result r = run(2);
    ck_assert_int_eq(r.wins, 0);
    IS(r.net, -0.0113918812);
}
END_TEST

START_TEST(a_gap_through_the_stop_is_filled_at_the_open)
{
    begin(1);
    after(1, 9700, 9750, 9650, 9700);
    struct backtest_result r = run(2);
    /* out at 97 x 0.9998 = 96.9806 */
    IS(r.net, -0.030194 - 0.0006 - 0.0005818836);
}
END_TEST

START_TEST(exactly_at_the_stop_is_hit_and_a_tick_above_it_is_not)
{
    begin(1);
    after(1, 10000, 10010, 9901, 9990);
    ck_assert_int_eq(run(2).trades, 0);
    after(1, 10000, 10010, 9900, 9990);
    ck_assert_int_eq(run(2).trades, 1);
}
END_TEST

START_TEST(the_bar_that_fires_neither_wins_nor_loses)
{
    begin(1);
    ck_assert_int_eq(run(1).trades, 0);         /* entered at its close; what is open at the end is no trade */
}
END_TEST

START_TEST(the_stop_is_the_larger_of_atr_and_floor_rounded_away_from_the_entry)
{
    begin(1);
    setup.stop_floor = dec_lit("0.010001");     /* 98.9999: to 98.99 */
    after(1, 10000, 10010, 9900, 9990);
    ck_assert_int_eq(run(2).trades, 0);
    after(1, 10000, 10010, 9899, 9990);
    ck_assert_int_eq(run(2).trades, 1);
    setup.stop_atr = dec_int(100);              /* of an ATR of some hundredths */
    ck_assert_int_eq(run(2).trades, 0);
}
END_TEST

START_TEST(without_costs_a_stopped_trade_loses_one_percent_sharp)
{
    begin(1);
    setup.contract.taker_fee = dec_zero();
    setup.exits.slippage = dec_zero();
    after(1, 10000, 10050, 9880, 9890);
    IS(run(2).net, -0.01);
}
END_TEST

START_TEST(figures_add_up_over_symbols_and_drawdown_is_from_the_peak)
{
    begin(1);
    struct backtest_result r = {.bars = 0};
    after(1, 10000, 10210, 9950, 10205);
    ck_assert_int_eq(backtest_run(&setup, bars, (size_t)fired + 2, NULL, 0, &r), ERR_OK);
    after(1, 10000, 10050, 9880, 9890);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(backtest_run(&setup, bars, (size_t)fired + 2, NULL, 0, &r), ERR_OK);
    ck_assert_int_eq(r.bars, 3 * (fired + 2));
    ck_assert_int_eq(r.trades, 3);
    ck_assert_int_eq(r.wins, 1);
    IS(r.net, 0.0185841224 - 2 * 0.0113918812);
    IS(r.peak, 0.0185841224);
    IS(r.max_drawdown, 2 * 0.0113918812);
}
END_TEST

/* A long way with many trades, both sides: everything on, as it trades live. */
static struct backtest_result long_run(const struct backtest_setup *s)
{
    struct backtest_result r;
    unsigned x = 12345;
    int px = 10000;
    memset(&r, 0, sizeof r);
    for (int i = 0; i < MOST; i++) {
        x = x * 1103515245u + 12345u;
        int open = px, close = px + (int)(x >> 16) % 61 - 30, up = (int)(x >> 8) % 20, down = (int)(x >> 4) % 20;
        set_bar(i, open, (open > close ? open : close) + up, (open < close ? open : close) - down, close);
        px = close;
    }
    ck_assert_int_eq(backtest_run(s, bars, MOST, NULL, 0, &r), ERR_OK);
    return r;
}

START_TEST(the_same_parameters_give_the_same_bytes)
{
    begin(1);
    exit_params_default(&setup.exits);
    setup.stop_floor = dec_lit("0.0048");
    const struct backtest_setup before = setup;
    struct backtest_result first = long_run(&setup), again = long_run(&setup);
    ck_assert_int_ge(first.trades, 5);
    ck_assert_mem_eq(&first, &again, sizeof first);
    ck_assert_mem_eq(&setup, &before, sizeof setup);
    setup.contract.taker_fee = dec_lit("0.0007");
    struct backtest_result dearer = long_run(&setup);
    ck_assert(dearer.net < first.net);
    IS(first.gains - first.losses, first.net);
    ck_assert(first.wins <= first.trades && first.max_drawdown >= 0);
}
END_TEST

START_TEST(confirm_bars_of_before_the_primary_history_shorten_the_wait)
{
    static struct candle confirm[220];
    begin(1);
    int without = fired;
    for (int i = 0; i < 220; i++) {
        int open = wave(5 * i), close = wave(5 * i + 5);
        confirm[i] = (struct candle){
            .start_ns = T0 - (220 - i) * 5 * NS_PER_MIN, .tf_ns = 5 * NS_PER_MIN, .open = open / 100.0,
            .high = (open > close ? open : close) / 100.0 + 0.1, .low = (open < close ? open : close) / 100.0 - 0.1,
            .close = close / 100.0, .volume = 50,
        };
    }
    ck_assert_int_gt(without, 900);             /* 200 bars of five minutes */
    struct backtest_result r = {.bars = 0}, none = {.bars = 0};
    setup.stop_floor = dec_lit("0.001");        /* within the wave: trades end */
    ck_assert_int_eq(backtest_run(&setup, bars, 600, confirm, 220, &r), ERR_OK);
    ck_assert_int_eq(backtest_run(&setup, bars, 600, NULL, 0, &none), ERR_OK);
    ck_assert_int_gt(r.trades, 0);
    ck_assert_int_eq(none.trades, 0);
}
END_TEST

START_TEST(no_bars_are_no_trades_and_wrong_timeframes_an_error)
{
    begin(1);
    struct backtest_result r = {.bars = 0};
    ck_assert_int_eq(backtest_run(&setup, bars, 0, NULL, 0, &r), ERR_OK);
    ck_assert_int_eq(r.bars + r.trades, 0);
    setup.confirm_ns = setup.primary_ns;
    ck_assert_int_eq(backtest_run(&setup, bars, 100, NULL, 0, &r), ERR_RANGE);
    ck_assert_int_eq(r.bars, 0);
}
END_TEST

TESTS("backtest", a_stopped_long_loses_its_distance_the_slippage_and_both_fees, a_stopped_short_loses_upward,
      a_target_reached_wins_two_units_less_costs, half_goes_at_the_first_target_half_at_the_second_as_one_trade,
      a_bar_that_touches_both_is_stopped, a_gap_through_the_stop_is_filled_at_the_open,
      exactly_at_the_stop_is_hit_and_a_tick_above_it_is_not, the_bar_that_fires_neither_wins_nor_loses,
      the_stop_is_the_larger_of_atr_and_floor_rounded_away_from_the_entry,
      without_costs_a_stopped_trade_loses_one_percent_sharp, figures_add_up_over_symbols_and_drawdown_is_from_the_peak,
      the_same_parameters_give_the_same_bytes, confirm_bars_of_before_the_primary_history_shorten_the_wait,
      no_bars_are_no_trades_and_wrong_timeframes_an_error)
