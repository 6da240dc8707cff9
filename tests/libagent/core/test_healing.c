/* Self-healing: each anomaly at its limit and one short of it; what must hold whatever happens, with a mutant each. */
#define TEST_TIMEOUT 120
#include <math.h>
#include <string.h>

#include "libagent/core/healing.h"
#include "tests/runner.h"

#define BAR     INT64_C(60000000000)
#define T0      (1000000 * BAR)
#define SYMBOLS 4
#define SEED    UINT64_C(20240805)

static struct healing h;
static uint64_t state;

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void begin(void)
{
    healing_init(&h, BAR, SYMBOLS);
    state = SEED;
}

/* P(X = k), from the logarithms of factorials. */
static double chance(int k, int n, double p)
{
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log(1 - p));
}

static bool few(int k, int n, double p)
{
    double sum = 0;
    for (int i = 0; i <= k; i++)
        sum += chance(i, n, p);
    return sum < 0.01;
}

#define IS(value, want) ck_assert_msg(fabs((value) - (want)) < 1e-9, "%.12f, not %.12f", (value), 1.0 * (want))

START_TEST(a_block_of_30_trades_is_judged_by_the_binomial_test_and_no_trade_earlier)
{
    for (int wins = 0; wins <= 30; wins++) {
        begin();
        unsigned found = 0;
        for (int i = 0; i < 30; i++) {
            ck_assert_uint_eq(found, 0);
            found = healing_trade(&h, T0, "score", i < wins, 0);
        }
        const bool low = few(wins, 30, 0.4), severe = few(wins, 30, 0.2);
        ck_assert_msg(found == (low ? 1u << HEALING_LOW_WIN_RATE | 1u << HEALING_STRATEGY_BIAS : 0), "%d wins: %x", wins, found);
        IS(healing_of(&h, HEALING_LOW_WIN_RATE, T0), severe ? 0.25 : low ? 0.75 : 1);
        IS(healing_of(&h, HEALING_STRATEGY_BIAS, T0), severe ? 0.25 : low ? 0.75 : 1);
        IS(healing_factor(&h, "score", T0), severe ? 0.25 : low ? 0.5625 : 1);
        IS(healing_factor(&h, "orb", T0), severe ? 0.25 : low ? 0.75 : 1);
        if (wins == 5 || wins == 6)
            ck_assert(low == (wins == 5));      /* 0.57 % and 1.7 % */
    }
}
END_TEST

START_TEST(one_bad_strategy_among_good_ones_is_lowered_alone)
{
    begin();
    unsigned found = 0;
    for (int i = 0; i < 30; i++) {
        found |= healing_trade(&h, T0, "bad", i < 3, 0);
        for (int k = 0; k < 4; k++)
            found |= healing_trade(&h, T0, "good", true, 0);
    }
    ck_assert_uint_eq(found, 1u << HEALING_STRATEGY_BIAS);
    IS(healing_factor(&h, "bad", T0), 0.75);
    IS(healing_factor(&h, "good", T0), 1);
    for (int i = 0; i < 2 * HEALING_STRATEGIES; i++) {          /* more than there is room for, and none */
        const char name[2] = {(char)('a' + i), '\0'};
        healing_trade(&h, T0, i == 3 ? "" : name, true, 0);
    }
    ck_assert_int_eq(h.strategies_n, HEALING_STRATEGIES);
}
END_TEST

START_TEST(slippage_counts_by_its_mean_over_30_trades)
{
    static const struct { double mean, factor; } cases[] = {
        {0.0049, 1}, {0.0051, 0.75}, {0.0101, 0.25}, {-0.02, 1}, {NAN, 1}, {INFINITY, 1},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        begin();
        for (int i = 0; i < 30; i++)
            healing_trade(&h, T0, "score", true, i % 2 ? 0.5 * cases[k].mean : 1.5 * cases[k].mean);
        IS(healing_of(&h, HEALING_SLIPPAGE, T0), cases[k].factor);
    }
}
END_TEST

static unsigned decide(int n, enum risk_reason first, int firsts)
{
    unsigned found = 0;
    for (int i = 0; i < n; i++)
        found |= healing_decision(&h, T0, i < firsts ? first : RISK_OK);
    return found;
}

START_TEST(refusals_and_lateness_are_judged_over_50_decisions)
{
    for (int k = 0; k <= 50; k++) {
        begin();
        const bool many = few(50 - k, 50, 0.2), severe = few(50 - k, 50, 0.1);
        ck_assert_uint_eq(decide(49, RISK_SPREAD, k), 0);
        const unsigned found = decide(1, RISK_SPREAD, k == 50);
        ck_assert_msg(found == (many ? 1u << HEALING_REJECTIONS : 0), "%d of 50: %x", k, found);
        IS(healing_factor(&h, "", T0), severe ? 0.25 : many ? 0.75 : 1);
        begin();
        const bool late = few(50 - k, 50, 0.9), very = few(50 - k, 50, 2 / 3.0);
        decide(50, k % 2 ? RISK_STALE : RISK_LATE, k);
        IS(healing_of(&h, HEALING_LATE_ENTRIES, T0), very ? 0.25 : late ? 0.75 : 1);
    }
}
END_TEST

START_TEST(what_capacity_duplicates_and_operators_refuse_says_nothing)
{
    static const enum risk_reason silent[] = {
        RISK_NOT_READY, RISK_PAUSED, RISK_EMERGENCY, RISK_DUPLICATE, RISK_CONTRACT_CLOSED, RISK_MARKET_HOURS, RISK_RANK,
        RISK_SIZE_BELOW_LOT, RISK_CORRELATION, RISK_HEAT, RISK_NOTIONAL, RISK_EXPOSURE, RISK_MAX_POSITIONS,
        RISK_STRATEGY_POSITIONS, RISK_SYMBOL_OPEN, RISK_COOL_DOWN, RISK_MIN_INTERVAL, RISK_LOSS_STREAK, RISK_BURST,
    };
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        begin();
        ck_assert_uint_eq(decide(1000, silent[i], 1000), 0);
        ck_assert_int_eq(h.decisions, 0);
    }
}
END_TEST

START_TEST(signals_are_judged_per_100_symbol_bars)
{
    static const struct { int signals; double factor; } cases[] = {{19, 1}, {20, 1}, {21, 0.75}, {30, 0.75}, {31, 0.25}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        begin();
        for (int i = 0; i < cases[k].signals - 1; i++)
            ck_assert_uint_eq(healing_decision(&h, T0, RISK_RANK), 0);
        ck_assert_uint_eq(healing_decision(&h, T0, RISK_DUPLICATE), 0);         /* no signal of its own */
        const unsigned found = healing_decision(&h, T0 + 100 / SYMBOLS * BAR, RISK_RANK);
        ck_assert_uint_eq(found, cases[k].factor < 1 ? 1u << HEALING_OVERTRADING : 0);
        IS(healing_factor(&h, "", T0 + 100 / SYMBOLS * BAR), cases[k].factor);
    }
}
END_TEST

START_TEST(margin_is_judged_where_it_crosses_its_limits)
{
    begin();
    ck_assert_uint_eq(healing_margin(&h, T0, 0.7), 0);
    ck_assert_uint_eq(healing_margin(&h, T0, 0.71), 1u << HEALING_MARGIN_PRESSURE);
    ck_assert_uint_eq(healing_margin(&h, T0, 0.75), 0);
    IS(healing_factor(&h, "", T0), 0.75);
    ck_assert_uint_eq(healing_margin(&h, T0 + 32 * BAR, 0.75), 1u << HEALING_MARGIN_PRESSURE);  /* recovered, still there */
    ck_assert_uint_eq(healing_margin(&h, T0 + 32 * BAR, 0.91), 1u << HEALING_MARGIN_PRESSURE);
    IS(healing_factor(&h, "", T0 + 32 * BAR), 0.25);
    ck_assert_uint_eq(healing_margin(&h, T0 + 32 * BAR, NAN), 0);
}
END_TEST

/* The original's defect: at 3 trades a fair coin was disabled half of the time. */
START_TEST(a_rule_at_the_limit_is_found_in_no_more_than_one_block_of_a_hundred)
{
    const int blocks = 100000;
    for (int fair = 0; fair < 2; fair++) {
        begin();
        int found = 0;
        for (int i = 0; i < 30 * blocks; i++)
            found += (healing_trade(&h, T0, "", rnd() % 10 < (fair ? 5 : 4), 0) & 1u << HEALING_LOW_WIN_RATE) != 0;
        printf("won %d %%: %d of %d blocks found, seed %llu\n", fair ? 50 : 40, found, blocks, (unsigned long long)SEED);
        ck_assert(found <= blocks / 100 && (fair ? found < blocks / 1000 : found > blocks / 1000));
    }
}
END_TEST

static unsigned fact(int64_t ns)
{
    static const char *const names[] = {"score", "orb", "vwap"};
    switch (rnd() % 4) {
    case 0:
        return healing_trade(&h, ns, names[rnd() % 3], rnd() % 8 == 0, (double)(rnd() % 200) * 1e-4);
    case 1:
        return healing_margin(&h, ns, (double)(rnd() % 100) / 100);
    default:
        return healing_decision(&h, ns, (enum risk_reason)(rnd() % RISK_REASON_COUNT));
    }
}

/* The mutants: no floor; a cut that wears off twice as far. */
static double no_floor(const struct healing *x, const char *strategy, int64_t ns)
{
    double ret = 1;
    (void)strategy;
    for (int a = 0; a < HEALING_COUNT; a++)
        ret *= healing_of(x, (enum healing_anomaly)a, ns);
    return ret;
}

static double overshoots(const struct healing *x, const char *strategy, int64_t ns)
{
    return 2 * healing_factor(x, strategy, ns) - healing_factor(x, strategy, x->cut[HEALING_OVERTRADING].ns);
}

typedef double factor_fn(const struct healing *x, const char *strategy, int64_t ns);

/* Domain 6, test 17: only ever lowers risk, is bounded, and returns to normal without a restart.
 * How many of n facts broke that. */
static int breaks(factor_fn *factor, int n)
{
    int bad = 0;
    int64_t ns = T0;
    for (int i = 0; i < n; i++) {
        ns += (int64_t)(rnd() % 3) * BAR / 2;
        const double before = factor(&h, "score", ns);
        const unsigned found = fact(ns);
        const double after = factor(&h, "score", ns), later = factor(&h, "score", ns + BAR),
                     end = factor(&h, "score", ns + 96 * BAR);
        const bool lowered = after < before - 1e-12;
        bad += !(after <= before && after >= HEALING_FLOOR && after <= 1 && later >= after && later <= 1 && end >= 1 &&
                 end <= 1) || (lowered && found == 0) || factor(&h, "score", ns - BAR) > after + 1e-12;
        if (rnd() % 5000 == 0)
            ns += 200 * BAR;            /* a quiet time: back to normal */
    }
    return bad;
}

START_TEST(it_only_lowers_risk_is_bounded_and_returns_to_normal_by_itself)
{
    begin();
    ck_assert_int_eq(breaks(healing_factor, 1000000), 0);
    begin();
    const int floor_found = breaks(no_floor, 100000);
    begin();
    const int wears = breaks(overshoots, 100000);
    printf("1000000 facts, seed %llu: 0 breaks; mutants: no floor %d, too far %d\n", (unsigned long long)SEED, floor_found,
           wears);
    ck_assert(floor_found > 0 && wears > 0);
}
END_TEST

START_TEST(saved_as_bytes_it_goes_on_the_same_and_time_that_runs_back_changes_no_factor)
{
    begin();
    for (int i = 0; i < 5000; i++)
        fact(T0 + i * BAR / 100);
    struct healing copy = h;
    const uint64_t from = state;
    for (int i = 0; i < 5000; i++)
        fact(T0 + i * BAR / 50);
    const struct healing want = h;
    h = copy;
    state = from;
    for (int i = 0; i < 5000; i++)
        fact(T0 + i * BAR / 50);
    ck_assert_mem_eq(&h, &want, sizeof h);
    for (int a = 0; a < HEALING_COUNT; a++)
        ck_assert(healing_of(&h, (enum healing_anomaly)a, 0) <= healing_of(&h, (enum healing_anomaly)a, T0 + 5000 * BAR));
    struct healing none;
    memset(&none, 0, sizeof none);
    ck_assert_uint_eq(healing_decision(&none, T0, RISK_OK) | healing_margin(&none, T0, 0.1), 0);
    IS(healing_factor(&none, "", T0), 1);
}
END_TEST

START_TEST(names_are_those_of_the_list)
{
    ck_assert_str_eq(healing_name(HEALING_LOW_WIN_RATE), "LOW_WIN_RATE");
    ck_assert_str_eq(healing_name(HEALING_COUNT), "?");
    ck_assert_str_eq(healing_text(HEALING_COUNT), "?");
    for (int a = 0; a < HEALING_COUNT; a++)
        ck_assert_uint_gt(strlen(healing_text((enum healing_anomaly)a)), 10);
    healing_init(&h, BAR, 0);
    ck_assert_int_eq(h.symbols, 1);
}
END_TEST

TESTS("healing", a_block_of_30_trades_is_judged_by_the_binomial_test_and_no_trade_earlier,
      one_bad_strategy_among_good_ones_is_lowered_alone, slippage_counts_by_its_mean_over_30_trades,
      refusals_and_lateness_are_judged_over_50_decisions, what_capacity_duplicates_and_operators_refuse_says_nothing,
      signals_are_judged_per_100_symbol_bars, margin_is_judged_where_it_crosses_its_limits,
      a_rule_at_the_limit_is_found_in_no_more_than_one_block_of_a_hundred,
      it_only_lowers_risk_is_bounded_and_returns_to_normal_by_itself,
      saved_as_bytes_it_goes_on_the_same_and_time_that_runs_back_changes_no_factor, names_are_those_of_the_list)
