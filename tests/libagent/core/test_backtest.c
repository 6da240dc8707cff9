/* Backtests whose figures are worked out by hand: entry at 100, one unit of risk is 1. */
#include "tests/runner.h"

#include <math.h>
#include <string.h>

#include "libagent/core/backtest.h"
#include "proto/err.h"
#include "proto/tm.h"

#define T0      (28000000 * NS_PER_MIN / (NS_PER_H) * NS_PER_H)
#define HISTORY 1200
#define MOST    (HISTORY + 400)

static struct backtest_bar bars[MOST];
static struct backtest_setup setup;
static struct contract_terms terms;
static struct backtest test;
static struct backtest_symbol symbol;
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

static struct strategies_state *room(int i)
{
    static void *of[5];
    of[i] = realloc(of[i], strategies_size(&setup.strategies));
    ck_assert_ptr_nonnull(of[i]);
    return of[i];
}

/* Names and parameters, separated by blanks. */
static void choose(int64_t primary_ns, int64_t confirm_ns, const char *names, const char *params)
{
    char text[300], why[STRATEGIES_WHY_MAX], *at = NULL;
    ck_assert_int_eq(strategies_init(&setup.strategies, primary_ns, confirm_ns), ERR_OK);
    snprintf(text, sizeof text, "%s", names);
    for (char *word = strtok_r(text, " ", &at); word != NULL; word = strtok_r(NULL, " ", &at))
        ck_assert_int_eq(strategies_add(&setup.strategies, strategy_find(word)), ERR_OK);
    snprintf(text, sizeof text, "%s", params);
    for (char *word = strtok_r(text, " ", &at); word != NULL; word = strtok_r(NULL, " ", &at))
        ck_assert_msg(strategies_set(&setup.strategies, word, why) == ERR_OK, "%s", why);
}

#define ANY_SCORE "score.min_score=1 score.min_combined=0 score.min_confidence=0 score.min_groups=0"

static int first_signal(int phase)
{
    struct strategies_fired sig[STRATEGIES_MAX];
    struct strategies_state *st = room(0);
    char why[STRATEGIES_WHY_MAX];
    ck_assert_int_eq(strategies_start(&setup.strategies, st, why), ERR_OK);
    fired = -1;
    for (int i = 0; i < HISTORY; i++) {
        int open = wave(i + phase), close = wave(i + phase + 1);
        set_bar(i, open, (open > close ? open : close) + 1, (open < close ? open : close) - 1, close);
        if (fired < 0 && strategies_bar(&setup.strategies, st, &bars[i].candle, NULL, false, sig) > 0) {
            fired = i;
            side = sig[0].signal.side;
        }
    }
    return fired;
}

/* Any score fires; stop at 1 from an entry at 100; the rules of time, volatility and excursion off. */
static void begin(int want_side)
{
    backtest_setup_default(&setup);
    setup.account = false;
    choose(NS_PER_MIN, 5 * NS_PER_MIN, "score", ANY_SCORE);
    setup.exits.trailing = setup.exits.tp1 = setup.exits.time_stop = setup.exits.volatility = setup.exits.mae = false;
    terms = (struct contract_terms){
        .multiplier = dec_lit("0.001"), .tick = dec_lit("0.01"), .maker_fee = dec_lit("0.0002"),
        .taker_fee = dec_lit("0.0006"), .lfr = dec_lit("0.0006"), .lot = 1, .tier_count = 1,
        .tier = {{.max_notional = dec_zero(), .mmr = dec_lit("0.005"), .max_leverage = 50}},
    };
    setup.limits.stop_atr = dec_lit("0.1");            /* of an ATR below 1: the floor counts */
    setup.limits.stop_floor = dec_lit("0.01");
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

/* Added to *r. */
static int run_rule(const struct candle *confirm, size_t n_confirm, int n, struct backtest_result *r)
{
    symbol = (struct backtest_symbol){
        .name = "AAAUSDTM", .contract = terms, .bars = bars, .n = (size_t)n, .confirm = confirm, .n_confirm = n_confirm,
        .rules = room(0),
    };
    test.result = *r;
    int err = backtest_run(&test, &setup, &symbol, 1);
    *r = test.result;
    return err;
}

static struct backtest_result run(int n)
{
    struct backtest_result r = {.bars = 0};
    ck_assert_int_eq(run_rule(NULL, 0, fired + n, &r), ERR_OK);
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
    setup.limits.stop_floor = dec_lit("0.010001");     /* 98.9999: to 98.99 */
    after(1, 10000, 10010, 9900, 9990);
    ck_assert_int_eq(run(2).trades, 0);
    after(1, 10000, 10010, 9899, 9990);
    ck_assert_int_eq(run(2).trades, 1);
    setup.limits.stop_atr = dec_int(100);              /* of an ATR of some hundredths */
    ck_assert_int_eq(run(2).trades, 0);
}
END_TEST

START_TEST(without_costs_a_stopped_trade_loses_one_percent_sharp)
{
    begin(1);
    terms.taker_fee = dec_zero();
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
    ck_assert_int_eq(run_rule(NULL, 0, fired + 2, &r), ERR_OK);
    after(1, 10000, 10050, 9880, 9890);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(run_rule(NULL, 0, fired + 2, &r), ERR_OK);
    ck_assert_int_eq(r.bars, 3 * (fired + 2));
    ck_assert_int_eq(r.trades, 3);
    ck_assert_int_eq(r.wins, 1);
    IS(r.net, 0.0185841224 - 2 * 0.0113918812);
    IS(r.peak, 0.0185841224);
    IS(r.max_drawdown, 2 * 0.0113918812);
}
END_TEST

/* A long way with many trades, both sides: everything on, as it trades live. */
static struct backtest_result long_run(void)
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
    ck_assert_int_eq(run_rule(NULL, 0, MOST, &r), ERR_OK);
    return r;
}

START_TEST(the_same_parameters_give_the_same_bytes)
{
    begin(1);
    exit_params_default(&setup.exits);
    setup.limits.stop_floor = dec_lit("0.0048");
    const struct backtest_setup before = setup;
    struct backtest_result first = long_run(), again = long_run();
    ck_assert_int_ge(first.trades, 5);
    ck_assert_mem_eq(&first, &again, sizeof first);
    ck_assert_mem_eq(&setup, &before, sizeof setup);
    terms.taker_fee = dec_lit("0.0007");
    struct backtest_result dearer = long_run();
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
    setup.limits.stop_floor = dec_lit("0.001");        /* within the wave: trades end */
    ck_assert_int_eq(run_rule(confirm, 220, 600, &r), ERR_OK);
    ck_assert_int_eq(run_rule(NULL, 0, 600, &none), ERR_OK);
    ck_assert_int_gt(r.trades, 0);
    ck_assert_int_eq(none.trades, 0);
}
END_TEST

START_TEST(no_bars_are_no_trades_and_wrong_timeframes_an_error)
{
    begin(1);
    struct backtest_result r = {.bars = 0};
    ck_assert_int_eq(run_rule(NULL, 0, 0, &r), ERR_OK);
    ck_assert_int_eq(r.bars + r.trades, 0);
    setup.path_ns = 7;
    ck_assert_int_eq(run_rule(NULL, 0, 100, &r), ERR_RANGE);
    ck_assert_int_eq(r.bars, 0);
}
END_TEST

/* ---- as an account: entry at the ninth bid, 99.92, the stop at 98.92, R = 1 of 1000 lots ---- */

static struct backtest_symbol two[2];

static void begin_account(int want_side)
{
    begin(want_side);
    setup.account = true;
    for (int i = 0; i <= fired; i++)
        bars[i].candle.volume = 1e6;            /* 10001 lots on each level */
}

/* Of `n` bars after the signal; the wave goes on elsewhere and must not be reached. */
static const struct backtest_result *run_account(int n)
{
    test.result = (struct backtest_result){.bars = 0};
    symbol = (struct backtest_symbol){.name = "AAAUSDTM", .contract = terms, .bars = bars, .n = (size_t)(fired + 1 + n),
                                      .rules = room(0)};
    ck_assert_int_eq(backtest_run(&test, &setup, &symbol, 1), ERR_OK);
    return &test.result;
}

static void money_is(dec_t got, const char *want)
{
    char text[DEC_TEXT_MAX];
    ck_assert_msg(dec_eq(got, dec_lit(want)), "%s, not %s", dec_format(got, text), want);
}

START_TEST(an_approved_entry_is_filled_at_its_limit_when_traded_through)
{
    begin_account(1);
    after(1, 10000, 10010, 9991, 9995);
    after(2, 9995, 10200, 9995, 10190);
    const struct backtest_result *r = run_account(2);
    ck_assert_int_eq(r->approved, 1);
    ck_assert_int_eq(r->filled, 1);
    ck_assert_int_eq(r->trades, 1);
    ck_assert_int_eq(r->exits[EXIT_TAKE_PROFIT_2], 1);
    money_is(symbol.trade.limit, "99.92");
    money_is(symbol.trade.stop, "98.92");
    ck_assert_int_eq(symbol.trade.pnl.entered_qty, 1000);       /* 50 x 2 / 99.92 / 0.001, rounded down */
    /* out at 101.92 x 0.9998 = 101.899616; fees 99.92 x 0.0002 and 101.899616 x 0.0006, up */
    money_is(r->net_money, "1.89849223");
    money_is(r->fees, "0.08112377");
    money_is(test.equity, "10001.89849223");
}
END_TEST

START_TEST(a_short_rests_above_and_loses_upward)
{
    begin_account(-1);
    set_bar(fired + 1, 10000, 10010, 9990, 10005);
    set_bar(fired + 2, 10005, 10120, 10000, 10115);
    const struct backtest_result *r = run_account(2);
    ck_assert_int_eq(r->exits[EXIT_STOP_LOSS], 1);
    money_is(symbol.trade.limit, "100.09");
    money_is(symbol.trade.stop, "101.1");       /* 1.0009 up to the tick */
    /* 999 lots; out at 101.1 x 1.0002 = 101.12022: -1.02918978, fees 0.01999799 and 0.06061146 */
    ck_assert_int_eq(symbol.trade.pnl.entered_qty, 999);
    money_is(r->net_money, "-1.10979923");
}
END_TEST

START_TEST(an_entry_that_is_only_touched_waits_its_turn)
{
    static const struct { double volume; int64_t filled, lots; } cases[] = {
        {19 * 10001, 0, 0}, {19 * 10501, 1, 500}, {19 * 11001, 1, 1000}, {1e9, 1, 1000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin_account(1);
        after(1, 10000, 10010, 9992, 9995);     /* 19 prices, each with its part of the bar's lots */
        bars[fired + 1].candle.volume = cases[i].volume;
        const struct backtest_result *r = run_account(1);
        ck_assert_int_eq(r->filled, cases[i].filled);
        ck_assert_int_eq(r->expired, !cases[i].filled);
        ck_assert_int_eq(symbol.trade.pnl.entered_qty, cases[i].lots);
    }
}
END_TEST

START_TEST(an_entry_that_is_not_reached_expires_after_its_time)
{
    begin_account(1);
    after(1, 10000, 10010, 9993, 9995);
    after(2, 9995, 10010, 9990, 9995);
    ck_assert_int_eq(run_account(2)->expired, 1);
    ck_assert_int_eq(run_account(2)->filled, 0);
    setup.order_ns = 2 * NS_PER_MIN;
    ck_assert_int_eq(run_account(2)->expired, 0);
    ck_assert_int_eq(run_account(2)->filled, 1);
}
END_TEST

START_TEST(the_bar_of_the_fill_may_stop_but_not_win)
{
    begin_account(1);
    after(1, 10000, 10300, 9991, 9995);         /* the high may have been before the fill */
    ck_assert_int_eq(run_account(1)->trades, 0);
    after(1, 10000, 10010, 9892, 9995);         /* the low was not */
    ck_assert_int_eq(run_account(1)->exits[EXIT_STOP_LOSS], 1);
}
END_TEST

/* Domain 6, test 3, of the core. */
START_TEST(what_risk_refuses_is_counted_by_its_reason_and_not_traded)
{
    begin_account(1);
    after(1, 10000, 10010, 9900, 9995);
    setup.limits.max_spread = dec_lit("0.00009");
    const struct backtest_result *r = run_account(1);
    ck_assert_int_eq(r->signals, 1);
    ck_assert_int_eq(r->approved, 0);
    ck_assert_int_eq(r->filled, 0);
    ck_assert_int_eq(r->refused[RISK_SPREAD], 1);
    ck_assert_int_eq(r->failed[RISK_SPREAD], 1);
    setup.limits.max_spread = dec_lit("0.0001");        /* one tick: 0.00009999... */
    ck_assert_int_eq(run_account(1)->approved, 1);
}
END_TEST

static const struct backtest_result *run_two(int n)
{
    test.result = (struct backtest_result){.bars = 0};
    for (int i = 0; i < 2; i++)
        two[i] = (struct backtest_symbol){
            .name = i ? "AAAUSDTM" : "BBBUSDTM", .contract = terms, .bars = bars, .n = (size_t)(fired + 1 + n),
            .rules = room(i),
        };
    ck_assert_int_eq(backtest_run(&test, &setup, two, 2), ERR_OK);
    return &test.result;
}

START_TEST(signals_of_one_close_are_ranked_and_the_second_sees_the_first)
{
    begin_account(1);
    ck_assert_int_eq(run_two(0)->approved, 2);
    setup.limits.top_n = 1;
    ck_assert_int_eq(run_two(0)->refused[RISK_RANK], 1);
    ck_assert_int_eq(two[0].result.refused[RISK_RANK], 1);      /* equal ranks: by name */
    setup.limits.top_n = 2;
    setup.limits.max_cluster = 1;               /* of the first's entry, which only rests so far */
    ck_assert_int_eq(run_two(0)->refused[RISK_CORRELATION], 1);
    ck_assert_int_eq(two[0].result.refused[RISK_CORRELATION], 1);
}
END_TEST

START_TEST(a_signal_of_an_earlier_close_takes_no_rank)
{
    static struct backtest_bar earlier[MOST];
    begin_account(1);
    setup.limits.top_n = 1;
    for (int i = 0; i <= fired; i++) {
        earlier[i] = bars[i];
        earlier[i].candle.start_ns -= 5 * NS_PER_MIN;
    }
    test.result = (struct backtest_result){.bars = 0};
    two[0] = (struct backtest_symbol){.name = "BBBUSDTM", .contract = terms, .bars = bars, .n = (size_t)fired + 1,
                                      .rules = room(0)};
    two[1] = (struct backtest_symbol){.name = "AAAUSDTM", .contract = terms, .bars = earlier, .n = (size_t)fired + 1,
                                      .rules = room(1)};
    ck_assert_int_eq(backtest_run(&test, &setup, two, 2), ERR_OK);
    ck_assert_int_eq(test.result.signals, 2);
    ck_assert_int_eq(test.result.approved, 2);
}
END_TEST

START_TEST(a_day_that_loses_too_much_stops_everything_until_the_next_one)
{
    begin_account(1);
    setup.limits.daily_loss = dec_lit("0.00005");
    setup.limits.max_daily_drawdown = dec_lit("0.00009");
    after(1, 10000, 10010, 9991, 9995);
    after(2, 9995, 9995, 9893, 9895);    /* not at the stop: 0.97 and the fee lost of 10000 */
    const struct backtest_result *r = run_account(2);
    ck_assert_int_eq(r->stops, 1);
    ck_assert_int_eq(r->exits[EXIT_EMERGENCY], 1);
    ck_assert_int_eq(r->trades, 1);
    ck_assert_int_eq(test.stopped, 2);
    ck_assert_int_eq(run_account(1)->stops, 0);
}
END_TEST

/* In a market without an end of day nothing is closed at 00:00 UTC; the day's loss begins anew. */
START_TEST(the_days_rollover_closes_nothing_and_begins_the_days_loss_anew)
{
    begin_account(1);
    setup.limits.daily_loss = dec_lit("0.00005");
    setup.limits.max_daily_drawdown = dec_lit("0.005");
    after(1, 10000, 10010, 9991, 9995);
    after(2, 9995, 9995, 9920, 9925);           /* 0.67 and the fee lost of 10000: entries end */
    run_account(2);
    ck_assert(test.day.paused && symbol.trade.state == BACKTEST_OPEN);
    const int64_t day = test.day.day;
    after(3, 9925, 9930, 9920, 9925);
    bars[fired + 3].candle.start_ns = (day + 1) * NS_PER_DAY;
    const struct backtest_result *r = run_account(3);
    ck_assert_int_eq(test.day.day, day + 1);
    ck_assert(!test.day.paused && dec_eq(test.day.start_equity, test.equity));
    ck_assert(symbol.trade.state == BACKTEST_OPEN && r->trades == 0);
}
END_TEST

START_TEST(a_gap_beyond_the_liquidation_price_costs_the_margin_and_no_more)
{
    begin_account(1);
    after(1, 10000, 10010, 9991, 9995);
    after(2, 4000, 4100, 3900, 4000);
    const struct backtest_result *r = run_account(2);
    ck_assert_int_eq(r->exits[EXIT_LIQUIDATION], 1);
    /* leverage 2: out at 49.96; fees 0.019984 and 0.029976 */
    money_is(r->net_money, "-50.00996");
}
END_TEST

START_TEST(later_bars_change_no_figure_of_the_bars_before)
{
    static struct backtest whole;
    static struct backtest_symbol y;
    begin_account(1);
    setup.exits.trailing = setup.exits.tp1 = setup.exits.time_stop = setup.exits.volatility = setup.exits.mae = true;
    setup.limits.stop_floor = dec_lit("0.0048");
    setup.limits.stop_atr = dec_lit("1.5");
    setup.account = false;
    long_run();                                 /* makes the bars */
    setup.account = true;
    for (int i = 0; i < MOST; i++)
        bars[i].candle.volume = 1e6;
    y = (struct backtest_symbol){.name = "AAAUSDTM", .contract = terms, .bars = bars, .n = MOST, .rules = room(1)};
    whole.result = (struct backtest_result){.bars = 0};
    ck_assert_int_eq(backtest_start(&whole, &setup, &y, 1), ERR_OK);
    for (int k = 1; backtest_step(&whole); k++) {
        if (k < 900 || k % 23 != 0)
            continue;
        test.result = (struct backtest_result){.bars = 0};
        symbol = (struct backtest_symbol){.name = "AAAUSDTM", .contract = terms, .bars = bars, .n = (size_t)k, .rules = room(0)};
        ck_assert_int_eq(backtest_run(&test, &setup, &symbol, 1), ERR_OK);
        ck_assert_mem_eq(&test.result, &whole.result, sizeof test.result);
        ck_assert_mem_eq(&test.equity, &whole.equity, sizeof test.equity);
        ck_assert_int_eq(symbol.trade.state, y.trade.state);
    }
    ck_assert_int_ge(whole.result.trades, 5);
}
END_TEST

START_TEST(a_finer_path_gives_the_signals_of_its_primary_bars)
{
    static struct backtest_bar coarse[MOST / 2];
    begin(1);
    long_run();
    for (int i = 0; i < MOST / 2; i++) {
        const struct backtest_bar *a = &bars[2 * i], *b = a + 1;
        coarse[i] = *a;
        coarse[i].high = dec_max(a->high, b->high);
        coarse[i].low = dec_min(a->low, b->low);
        coarse[i].close = b->close;
        coarse[i].candle.tf_ns = 2 * NS_PER_MIN;
        coarse[i].candle.high = dec_to_double(coarse[i].high);
        coarse[i].candle.low = dec_to_double(coarse[i].low);
        coarse[i].candle.close = b->candle.close;
        coarse[i].candle.volume += b->candle.volume;
    }
    choose(2 * NS_PER_MIN, 4 * NS_PER_MIN, "score", ANY_SCORE);
    symbol = (struct backtest_symbol){.name = "AAAUSDTM", .contract = terms, .bars = coarse, .n = MOST / 2, .rules = room(1)};
    test.result = (struct backtest_result){.bars = 0};
    ck_assert_int_eq(backtest_run(&test, &setup, &symbol, 1), ERR_OK);
    const struct strategies_state want = *symbol.rules;
    int64_t signals = test.result.signals;
    ck_assert_int_gt(signals, 5);
    setup.path_ns = NS_PER_MIN;
    struct backtest_result r = {.bars = 0};
    ck_assert_int_eq(run_rule(NULL, 0, MOST, &r), ERR_OK);
    ck_assert_int_eq(r.bars, MOST);
    ck_assert_int_eq(r.signals, signals);
    ck_assert_mem_eq(symbol.rules->funnel, want.funnel, sizeof want.funnel);
}
END_TEST

START_TEST(setups_that_would_invent_profit_or_make_no_sense_are_refused)
{
    struct backtest_setup s;
    backtest_setup_default(&s);
    ck_assert_ptr_null(backtest_setup_wrong(&s));
    s.limits.stop_atr = dec_lit("1.3");         /* x 0.75: below the mean bar's range */
    ck_assert_ptr_nonnull(backtest_setup_wrong(&s));
    s.path_ns = NS_PER_MIN;
    ck_assert_ptr_null(backtest_setup_wrong(&s));
    s.path_ns = 7 * NS_PER_MIN;
    ck_assert_ptr_nonnull(backtest_setup_wrong(&s));
    s.path_ns = NS_PER_MIN;
    s.equity = dec_zero();
    ck_assert_ptr_nonnull(backtest_setup_wrong(&s));
    s.equity = dec_int(1);
    s.limits.top_n = 0;
    ck_assert_ptr_nonnull(backtest_setup_wrong(&s));
    ck_assert_int_eq(backtest_run(&test, &s, &symbol, 1), ERR_RANGE);
    backtest_setup_default(&s);
    ck_assert_int_eq(backtest_run(&test, &s, &symbol, 0), ERR_RANGE);
    ck_assert_int_eq(backtest_run(&test, &s, &symbol, BACKTEST_SYMBOLS_MAX + 1), ERR_RANGE);
}
END_TEST

START_TEST(funding_is_paid_by_what_is_open_when_it_is_settled)
{
    const int64_t minute = NS_PER_MIN;
    for (int contracts = 0; contracts < 2; contracts++) {
        begin_account(1);
        const struct backtest_funding rows[] = {
            {bars[fired + 1].candle.start_ns, dec_lit("0.5")},                  /* nothing is open yet */
            {bars[fired + 2].candle.start_ns + 7 * NS_PER_MS, dec_lit("0.001")},
            {bars[fired + 2].candle.start_ns + minute, dec_lit("0.5")},         /* nothing any more */
        };
        after(1, 10000, 10010, 9991, 9995);
        after(2, 9995, 10200, 9995, 10190);
        test.result = (struct backtest_result){.bars = 0};
        symbol = (struct backtest_symbol){.name = "AAAUSDTM", .contract = terms, .bars = bars, .n = (size_t)fired + 3,
                                      .rules = room(0)};
        if (contracts) {
            symbol.funding_rate = dec_lit("0.001");
            symbol.funding_ns = minute;
        } else {
            symbol.funding = rows;
            symbol.n_funding = 3;
        }
        ck_assert_int_eq(backtest_run(&test, &setup, &symbol, 1), ERR_OK);
        /* 0.1 % of 1000 lots at 99.95, the price before */
        money_is(test.result.funding, "0.09995");
        money_is(test.result.net_money, "1.79854223");
        money_is(test.equity, "10001.79854223");
    }
}
END_TEST

START_TEST(a_short_receives_what_a_long_pays)
{
    begin_account(-1);
    set_bar(fired + 1, 10000, 10010, 9990, 10000);
    set_bar(fired + 2, 10000, 10120, 10000, 10115);
    const struct backtest_funding row = {bars[fired + 2].candle.start_ns, dec_lit("0.001")};
    test.result = (struct backtest_result){.bars = 0};
    symbol = (struct backtest_symbol){.name = "AAAUSDTM", .contract = terms, .bars = bars, .n = (size_t)fired + 3,
                                      .funding = &row, .n_funding = 1, .rules = room(0)};
    ck_assert_int_eq(backtest_run(&test, &setup, &symbol, 1), ERR_OK);
    money_is(test.result.funding, "-0.0999");           /* 999 lots at 100 */
    money_is(test.result.net_money, "-1.00989923");     /* -1.10979923 without */
}
END_TEST

START_TEST(an_entry_on_its_way_is_passed_by)
{
    begin_account(1);
    setup.order_ns = 2 * NS_PER_MIN;
    setup.latency_ns = NS_PER_MIN;
    after(1, 10000, 10010, 9980, 9995);
    after(2, 9995, 10010, 9993, 9995);
    ck_assert_int_eq(run_account(2)->filled, 0);
    setup.latency_ns--;
    ck_assert_int_eq(run_account(2)->filled, 1);        /* through its price */
    after(1, 10000, 10010, 9992, 9995);
    bars[fired + 1].candle.volume = 19 * 11001;
    setup.latency_ns = NS_PER_MIN / 2;                  /* of what is traded at its price it sees a half */
    ck_assert_int_eq(run_account(1)->filled, 0);
    setup.latency_ns = 0;
    ck_assert_int_eq(run_account(1)->filled, 1);
}
END_TEST

START_TEST(an_entry_may_be_filled_in_parts_and_its_position_is_managed_meanwhile)
{
    begin_account(1);
    setup.order_ns = 3 * NS_PER_MIN;
    after(1, 10000, 10010, 9992, 9995);
    bars[fired + 1].candle.volume = 19 * 10501;
    after(2, 9995, 10010, 9992, 9995);
    bars[fired + 2].candle.volume = 19 * 100;
    after(3, 9995, 10010, 9993, 9995);
    run_account(2);
    ck_assert_int_eq(symbol.trade.state, BACKTEST_OPEN);
    ck_assert_int_eq(symbol.trade.pnl.entered_qty, 600);
    ck_assert_int_eq(symbol.trade.rest.leaves, 400);
    run_account(3);
    ck_assert_int_eq(symbol.trade.rest.leaves, 0);      /* its time is over; the position stays */
    ck_assert_int_eq(symbol.trade.state, BACKTEST_OPEN);
    ck_assert_int_eq(test.result.expired, 0);
}
END_TEST

START_TEST(an_entry_does_not_outlive_a_gap)
{
    begin_account(1);
    after(1, 10000, 10010, 9980, 9995);
    bars[fired + 1].candle.start_ns += 10 * NS_PER_MIN;
    const struct backtest_result *r = run_account(1);
    ck_assert_int_eq(r->approved, 1);
    ck_assert_int_eq(r->expired, 1);
    ck_assert_int_eq(r->filled, 0);
}
END_TEST

START_TEST(nothing_is_traded_at_the_prices_of_a_bar_that_is_refused)
{
    begin_account(1);
    after(1, 10000, 10010, 9991, 9995);
    after(2, 10000, 10000000, 100, 9995);
    bars[fired + 2].candle.high = bars[fired + 2].candle.low / 2;
    const struct backtest_result *r = run_account(2);
    ck_assert_int_eq(r->bad, 1);
    ck_assert_int_eq(r->filled, 1);
    ck_assert_int_eq(r->trades, 0);
    ck_assert_int_eq(symbol.trade.state, BACKTEST_OPEN);
    bars[fired + 2].candle.high = 100000;
    bars[fired + 2].candle.tf_ns = 2 * NS_PER_MIN;
    ck_assert_int_eq(run_account(2)->bad, 1);
}
END_TEST

START_TEST(an_emergency_takes_back_what_rests_and_is_acknowledged_at_the_next_day)
{
    begin_account(1);
    setup.limits.daily_loss = dec_lit("0.00005");
    setup.limits.max_daily_drawdown = dec_lit("0.00009");
    setup.order_ns = NS_PER_H;
    for (int i = 0; i < 2; i++)
        two[i] = (struct backtest_symbol){.name = i ? "AAAUSDTM" : "BBBUSDTM", .contract = terms, .bars = bars,
                                          .n = (size_t)fired + 3, .rules = room(i)};
    static struct backtest_bar other[MOST];
    memcpy(other, bars, sizeof other);
    after(1, 10000, 10010, 9991, 9995);
    after(2, 9995, 9995, 9893, 9895);
    for (int k = 1; k <= 2; k++) {              /* the second's entry is never reached */
        other[fired + k] = bars[fired];
        other[fired + k].candle.start_ns = bars[fired + k].candle.start_ns;
        other[fired + k].low = other[fired + k].open = other[fired + k].close = dec_int(100);
        other[fired + k].high = dec_lit("100.1");
        other[fired + k].candle.low = other[fired + k].candle.open = other[fired + k].candle.close = 100;
        other[fired + k].candle.high = 100.1;
    }
    two[1].bars = other;
    test.result = (struct backtest_result){.bars = 0};
    ck_assert_int_eq(backtest_run(&test, &setup, two, 2), ERR_OK);
    ck_assert_int_eq(test.result.stops, 1);
    ck_assert_int_eq(test.result.expired, 1);
    ck_assert_int_eq(two[1].trade.state, BACKTEST_FLAT);
    ck_assert_int_eq(test.stopped, 2);
    /* one more bar, on the next day */
    static struct backtest_bar next[MOST];
    memcpy(next, bars, sizeof next);
    next[fired + 3] = other[fired + 2];
    next[fired + 3].candle.start_ns = (next[fired].candle.start_ns / NS_PER_DAY + 1) * NS_PER_DAY;
    two[0].bars = next;
    two[0].n++;
    test.result = (struct backtest_result){.bars = 0};
    ck_assert_int_eq(backtest_run(&test, &setup, two, 2), ERR_OK);
    ck_assert_int_eq(test.stopped, 0);
}
END_TEST

/* ---- many symbols, many trades ---- */

enum { CROWD = 5, DAYS = 6, LENGTH = DAYS * 1440 };

static struct backtest_bar crowd_bars[CROWD][LENGTH];
static struct backtest_symbol crowd[CROWD];

/* Walks that share half of their moves. */
static void make_crowd(void)
{
    static const char *const names[CROWD] = {"AAAUSDTM", "BBBUSDTM", "CCCUSDTM", "DDDUSDTM", "EEEUSDTM"};
    unsigned x = 7;
    int px[CROWD] = {10000, 20000, 30000, 40000, 50000}, common = 0, drift[CROWD] = {0};
    for (int i = 0; i < LENGTH; i++) {
        x = x * 1103515245u + 12345u;
        common = common * 15 / 16 + (int)(x >> 16) % 41 - 20;
        for (int k = 0; k < CROWD; k++) {
            x = x * 1103515245u + 12345u;
            drift[k] = drift[k] * 15 / 16 + (int)(x >> 16) % 41 - 20;
            const int open = px[k], close = open + open / 10000 * (common + drift[k]) / 16,
                      up = (int)(x >> 8) % 20, down = (int)(x >> 4) % 20;
            const int high = (open > close ? open : close) + up, low = (open < close ? open : close) - down;
            set_bar(0, open, high, low, close);
            crowd_bars[k][i] = bars[0];
            crowd_bars[k][i].candle.start_ns = T0 + i * NS_PER_MIN;
            crowd_bars[k][i].candle.volume = 1e6;
            px[k] = close < 5000 ? 5000 : close;
        }
    }
    for (int k = 0; k < CROWD; k++)
        crowd[k] = (struct backtest_symbol){
            .name = names[k], .contract = terms, .bars = crowd_bars[k], .n = LENGTH, .funding_ns = 8 * NS_PER_H,
            .funding_rate = dec_lit("0.0001"), .rules = room(k),
        };
}

static const struct backtest_result *run_crowd(void)
{
    make_crowd();
    test.result = (struct backtest_result){.bars = 0};
    ck_assert_int_eq(backtest_run(&test, &setup, crowd, CROWD), ERR_OK);
    return &test.result;
}

static void begin_crowd(void)
{
    begin(1);
    backtest_setup_default(&setup);
    choose(5 * NS_PER_MIN, 15 * NS_PER_MIN, "score", "");
    setup.path_ns = NS_PER_MIN;
    setup.order_ns = 5 * NS_PER_MIN;
    setup.limits.min_g = dec_lit("-1");
}

START_TEST(an_account_of_many_symbols_keeps_its_books)
{
    begin_crowd();
    const struct backtest_result r = *run_crowd();
    dec_t net = dec_zero(), open = dec_zero();
    int64_t refused = 0, trades = 0, filled = 0;
    for (int i = 0; i < RISK_REASON_COUNT; i++)
        refused += r.refused[i];
    for (int k = 0; k < CROWD; k++) {
        net = dec_add(net, crowd[k].result.net_money);
        trades += crowd[k].result.trades;
        filled += crowd[k].result.filled;
        if (crowd[k].trade.state == BACKTEST_OPEN)
            open = dec_add(open, dec_add(pnl_net(&crowd[k].trade.pnl), pnl_unrealised(&crowd[k].trade.pnl, crowd[k].close)));
    }
    printf("%lld signals, %lld approved, %lld filled, %lld trades\n", (long long)r.signals, (long long)r.approved,
           (long long)r.filled, (long long)r.trades);
    ck_assert_int_gt(r.trades, 20);
    ck_assert(r.signals == r.approved + refused && r.trades == trades && r.filled == filled);
    ck_assert(r.filled + r.expired <= r.approved && r.trades <= r.filled);
    ck_assert(dec_eq(net, r.net_money));
    ck_assert(dec_eq(test.equity, dec_add(dec_add(setup.equity, net), open)));
    ck_assert(!dec_eq(r.funding, dec_zero()));
    ck_assert_int_gt(r.failed[RISK_CORRELATION] + r.failed[RISK_RANK] + r.failed[RISK_SYMBOL_OPEN], 0);
    const struct backtest_result again = *run_crowd();
    ck_assert_mem_eq(&again, &r, sizeof r);
}
END_TEST

/* ---- the same functions as the signal agent's ---- */

#define ALL "score orb pullback vwap ml"
#define LIVELY "score.min_score=20 orb.sessions=3 orb.confirmations=1 pullback.trend_gap=0.0001 " \
               "pullback.pullback_atr_mult=2 pullback.min_gap_min=0 vwap.deviation=0.0001 vwap.volume_mult=1 vwap.min_gap_min=0"

START_TEST(all_chosen_strategies_end_in_the_state_that_the_signal_agent_would_have)
{
    struct strategies_fired heard[STRATEGIES_MAX];
    char why[STRATEGIES_WHY_MAX];
    int64_t signals = 0, seen[STRATEGIES_MAX] = {0};
    begin_crowd();
    setup.path_ns = 0;
    setup.exits.trailing = false;               /* no finer path */
    choose(NS_PER_MIN, 5 * NS_PER_MIN, ALL, LIVELY);
    make_crowd();
    test.result = (struct backtest_result){.bars = 0};
    ck_assert_int_eq(backtest_run(&test, &setup, &crowd[CROWD - 1], 1), ERR_OK);
    struct strategies_state *live = room(0);
    ck_assert_int_eq(strategies_start(&setup.strategies, live, why), ERR_OK);
    for (int i = 0; i < LENGTH; i++) {
        const int n = strategies_bar(&setup.strategies, live, &crowd_bars[CROWD - 1][i].candle, NULL, false, heard);
        signals += n;
        for (int k = 0; k < n; k++)
            seen[heard[k].which]++;
    }
    ck_assert_int_eq(test.result.signals, signals);
    for (int i = 0; i < 4; i++)
        ck_assert_msg(seen[i] > 0, "%s never fired", setup.strategies.of[i].def->name);
    ck_assert_int_eq(seen[4], 0);               /* there is no model: it abstains */
    ck_assert_mem_eq(live, crowd[CROWD - 1].rules, strategies_size(&setup.strategies));
    ck_assert(test.result.judged > 0 && test.result.judged < LENGTH);
    ck_assert_int_gt(test.result.refused[RISK_SYMBOL_OPEN], 0);
}
END_TEST

/* The signals of a close are asked in the order of their ranks, whatever ranks them: how many came second or later. */
static int step_through(void)
{
    int later = 0;
    make_crowd();
    test.result = (struct backtest_result){.bars = 0};
    ck_assert_int_eq(backtest_start(&test, &setup, crowd, CROWD), ERR_OK);
    while (backtest_step(&test)) {
        int n = 0;
        for (int k = 0; k < CROWD; k++)
            n += crowd[k].n_fired;
        for (int i = 0; i < n; i++, later += i > 0)
            ck_assert_int_eq(test.best[i]->rank, i + 1);
    }
    return later;
}

START_TEST(the_ranker_or_the_rank_score_orders_the_signals_of_a_close)
{
    struct backtest_result r[2];
    for (int features = 0; features < 2; features++) {
        begin_crowd();
        choose(5 * NS_PER_MIN, 15 * NS_PER_MIN, features ? ALL : "score", features ? LIVELY : "score.min_score=20");
        setup.features = features;
        setup.limits.top_n = 1;
        ck_assert_int_gt(step_through(), 0);
        r[features] = test.result;
        ck_assert_int_eq(test.ranker.count > 0, features);
        ck_assert_int_gt(r[features].refused[RISK_RANK], 0);
        ck_assert_int_gt(r[features].trades, 10);
    }
    /* the same strategies, ordered by the rank score that three of them do not have: other trades */
    begin_crowd();
    choose(5 * NS_PER_MIN, 15 * NS_PER_MIN, ALL, LIVELY);
    setup.limits.top_n = 1;
    const struct backtest_result other = *run_crowd();
    ck_assert_int_eq(other.signals, r[1].signals);
    ck_assert(memcmp(&other, &r[1], sizeof other) != 0);
}
END_TEST

START_TEST(a_strategy_has_no_more_positions_than_its_limit)
{
    begin_crowd();
    choose(5 * NS_PER_MIN, 15 * NS_PER_MIN, "score orb", "score.min_score=20 orb.sessions=3");
    ck_assert_int_eq(run_crowd()->failed[RISK_STRATEGY_POSITIONS], 0);
    setup.limits.max_strategy_positions = 1;
    ck_assert_int_gt(run_crowd()->refused[RISK_STRATEGY_POSITIONS], 0);
}
END_TEST

START_TEST(an_interval_between_entries_of_a_symbol_is_kept)
{
    begin_crowd();
    ck_assert_int_eq(run_crowd()->failed[RISK_MIN_INTERVAL], 0);
    setup.limits.min_interval_ns = 12 * NS_PER_H;
    ck_assert_int_gt(run_crowd()->refused[RISK_MIN_INTERVAL], 0);
}
END_TEST

static dec_t largest;           /* margin of an entry, as a fraction of the equity at the start */

static void see_margin(void *arg, const struct backtest_symbol *y, int64_t now_ns)
{
    (void)arg, (void)now_ns;
    largest = dec_max(largest, dec_quo(y->trade.margin, setup.equity));
}

/* All move as one: the lighthouse is on from the first full window. */
START_TEST(the_lighthouse_asks_for_more_only_where_it_is_enabled_and_under_its_cap)
{
    for (int k = 0; k < 3; k++) {
        begin_crowd();
        setup.ended = see_margin;
        setup.lighthouse = k > 0;
        setup.limits.risk_per_trade = setup.limits.max_heat = dec_lit("0.9");
        setup.limits.max_symbol_notional = setup.limits.max_notional = dec_int(10);
        setup.limits.max_book_share = dec_int(1);
        setup.limits.correlation_min = 1;
        setup.limits.max_cluster = CROWD;
        if (k == 2)
            setup.limits.burst_cap = dec_lit("0.001");
        make_crowd();
        for (int i = 0; i < CROWD; i++)
            crowd[i].bars = crowd_bars[CROWD - 1];
        largest = dec_zero();
        test.result = (struct backtest_result){.bars = 0};
        ck_assert_int_eq(backtest_run(&test, &setup, crowd, CROWD), ERR_OK);
        ck_assert(test.gamma.lighthouse);
        const double share = dec_to_double(largest);
        printf("lighthouse %s: largest margin %.4f of the equity\n", k == 0 ? "off" : k == 1 ? "on" : "on, capped", share);
        ck_assert(test.result.trades > (k < 2 ? 20 : 0));
        if (k == 0)
            ck_assert(share > 0 && share <= 0.005 * 1.01);
        else if (k == 1)
            ck_assert(share > 0.0125 && share <= 0.01365 * 1.01);
        else
            ck_assert_int_gt(test.result.refused[RISK_BURST], 0);
    }
}
END_TEST

START_TEST(a_run_of_losses_lowers_what_is_asked_for_where_self_healing_is_on)
{
    dec_t fees[2];
    for (int on = 0; on < 2; on++) {
        begin_crowd();
        setup.healing = on;
        setup.exits.slippage = dec_lit("0.02");             /* more than any target brings */
        setup.limits.streak_warn = setup.limits.streak_block = 1000;
        setup.limits.streak_max = 1000;
        const struct backtest_result *r = run_crowd();
        printf("%lld of %lld won, factor %.2f\n", (long long)r->wins, (long long)r->trades,
               healing_of(&test.healing, HEALING_LOW_WIN_RATE, test.healing.cut[HEALING_LOW_WIN_RATE].ns));
        ck_assert_int_gt(r->trades, 30);
        ck_assert(test.healing.cut[HEALING_LOW_WIN_RATE].cut > 0);
        fees[on] = r->fees;
    }
    ck_assert(dec_lt(fees[1], fees[0]));        /* smaller trades */
}
END_TEST

START_TEST(more_signals_at_once_than_can_be_ranked_are_refused)
{
    static struct backtest_symbol many[BACKTEST_SYMBOLS_MAX];
    begin_crowd();
    choose(5 * NS_PER_MIN, 15 * NS_PER_MIN, ALL, "");
    for (int i = 0; i < BACKTEST_SYMBOLS_MAX; i++)
        many[i] = (struct backtest_symbol){.name = "AAAUSDTM", .contract = terms, .rules = malloc(strategies_size(&setup.strategies))};
    ck_assert_int_eq(backtest_start(&test, &setup, many, RANKER_MAX / 5 + 1), ERR_RANGE);
    ck_assert_int_eq(backtest_start(&test, &setup, many, RANKER_MAX / 5), ERR_OK);
    for (int i = 0; i < BACKTEST_SYMBOLS_MAX; i++)
        free(many[i].rules);
}
END_TEST

START_TEST(gamma_refuses_who_does_not_move_with_the_others)
{
    begin_crowd();
    setup.limits.min_g = dec_int(1);
    const struct backtest_result *r = run_crowd();
    ck_assert_int_gt(r->signals, 0);
    ck_assert_int_eq(r->refused[RISK_GAMMA] + r->refused[RISK_GAMMA_STALE] + r->refused[RISK_RANK], r->signals);
    ck_assert_int_gt(r->refused[RISK_GAMMA], 0);
}
END_TEST

START_TEST(a_lost_streak_stops_everything_until_the_next_day)
{
    begin_crowd();
    setup.limits.streak_warn = 1;
    setup.limits.streak_block = 2;
    setup.limits.streak_max = 2;
    const struct backtest_result *r = run_crowd();
    ck_assert_int_gt(r->stops, 1);                      /* on more than one day: it went on trading */
    ck_assert_int_gt(r->refused[RISK_EMERGENCY] + r->refused[RISK_LOSS_STREAK], 0);
    ck_assert_int_gt(r->trades, 3);
}
END_TEST

START_TEST(without_a_stop_the_liquidation_price_ends_it)
{
    begin_account(1);
    setup.exits.hard_stop = false;
    after(1, 10000, 10010, 9991, 9995);
    after(2, 9995, 9995, 4900, 9995);                   /* leverage 2: gone at about 50 */
    const struct backtest_result *r = run_account(2);
    ck_assert_int_eq(r->exits[EXIT_LIQUIDATION], 1);
    money_is(r->net_money, "-50.00996");
    begin_account(-1);
    setup.exits.hard_stop = false;
    set_bar(fired + 1, 10000, 10010, 9990, 10000);
    set_bar(fired + 2, 10000, 15100, 10000, 10000);
    ck_assert_int_eq(run_account(2)->exits[EXIT_LIQUIDATION], 1);
}
END_TEST

START_TEST(setups_are_refused_for_each_figure_that_makes_no_sense)
{
    struct backtest_setup s, good;
    backtest_setup_default(&good);
    good.path_ns = NS_PER_MIN;
#define REFUSED(change) do { s = good; s.change; ck_assert_msg(backtest_setup_wrong(&s) != NULL, #change); } while (0)
    ck_assert_ptr_null(backtest_setup_wrong(&good));
    REFUSED(strategies.n = 0);
    REFUSED(path_ns = -1);
    REFUSED(path_ns = 7 * NS_PER_MIN);
    REFUSED(level_gap = dec_int(-1));
    REFUSED(leverage = 0);
    REFUSED(order_ns = -1);
    REFUSED(latency_ns = -1);
    s = good;
    s.strategies.tf_ns = s.path_ns = 7 * NS_PER_MIN;
    s.strategies.confirm_ns = 14 * NS_PER_MIN;
    ck_assert_ptr_nonnull(backtest_setup_wrong(&s));    /* does not divide the hour */
    s.account = false;
    ck_assert_ptr_null(backtest_setup_wrong(&s));
    symbol.n = 0;
    ck_assert_int_eq(backtest_run(&test, &s, &symbol, 2), ERR_RANGE);
    s = good;
    s.path_ns = 0;
    s.exits.fixed.step = 1;                             /* a literal staircase is its owner's business */
    s.exits.dist = dec_lit("0.1");
    ck_assert_ptr_null(backtest_setup_wrong(&s));
    s.exits.fixed.step = 0;
    ck_assert_ptr_nonnull(backtest_setup_wrong(&s));
    s.exits.trailing = false;
    ck_assert_ptr_null(backtest_setup_wrong(&s));
}
END_TEST

TESTS("backtest", a_stopped_long_loses_its_distance_the_slippage_and_both_fees, a_stopped_short_loses_upward,
      a_target_reached_wins_two_units_less_costs, half_goes_at_the_first_target_half_at_the_second_as_one_trade,
      a_bar_that_touches_both_is_stopped, a_gap_through_the_stop_is_filled_at_the_open,
      exactly_at_the_stop_is_hit_and_a_tick_above_it_is_not, the_bar_that_fires_neither_wins_nor_loses,
      the_stop_is_the_larger_of_atr_and_floor_rounded_away_from_the_entry,
      without_costs_a_stopped_trade_loses_one_percent_sharp, figures_add_up_over_symbols_and_drawdown_is_from_the_peak,
      the_same_parameters_give_the_same_bytes, confirm_bars_of_before_the_primary_history_shorten_the_wait,
      no_bars_are_no_trades_and_wrong_timeframes_an_error,
      an_approved_entry_is_filled_at_its_limit_when_traded_through, a_short_rests_above_and_loses_upward,
      an_entry_that_is_only_touched_waits_its_turn, an_entry_that_is_not_reached_expires_after_its_time,
      the_bar_of_the_fill_may_stop_but_not_win, what_risk_refuses_is_counted_by_its_reason_and_not_traded,
      signals_of_one_close_are_ranked_and_the_second_sees_the_first,
      a_signal_of_an_earlier_close_takes_no_rank,
      a_day_that_loses_too_much_stops_everything_until_the_next_one,
      the_days_rollover_closes_nothing_and_begins_the_days_loss_anew,
      a_gap_beyond_the_liquidation_price_costs_the_margin_and_no_more, later_bars_change_no_figure_of_the_bars_before,
      a_finer_path_gives_the_signals_of_its_primary_bars, setups_that_would_invent_profit_or_make_no_sense_are_refused,
      funding_is_paid_by_what_is_open_when_it_is_settled, a_short_receives_what_a_long_pays,
      an_entry_on_its_way_is_passed_by, an_entry_may_be_filled_in_parts_and_its_position_is_managed_meanwhile,
      an_entry_does_not_outlive_a_gap, nothing_is_traded_at_the_prices_of_a_bar_that_is_refused,
      an_emergency_takes_back_what_rests_and_is_acknowledged_at_the_next_day,
      an_account_of_many_symbols_keeps_its_books,
      all_chosen_strategies_end_in_the_state_that_the_signal_agent_would_have,
      the_ranker_or_the_rank_score_orders_the_signals_of_a_close, a_strategy_has_no_more_positions_than_its_limit,
      an_interval_between_entries_of_a_symbol_is_kept,
      the_lighthouse_asks_for_more_only_where_it_is_enabled_and_under_its_cap,
      a_run_of_losses_lowers_what_is_asked_for_where_self_healing_is_on,
      more_signals_at_once_than_can_be_ranked_are_refused, gamma_refuses_who_does_not_move_with_the_others,
      a_lost_streak_stops_everything_until_the_next_day, without_a_stop_the_liquidation_price_ends_it,
      setups_are_refused_for_each_figure_that_makes_no_sense)
