/* The whole core over every recorded candle of ../shared/data/candles, and over random walks: each
 * indicator, divergence, pattern, both timeframes' scores, alignment, Gamma; then traded by every
 * strategy, ranker, risk decision, exits and fills.  Not one number that is not finite, not one bar
 * refused that is sound, no allocation once the states are there.
 *
 * The last line printed is a digest of every answer, bit by bit: tests/scenario/test_same_bytes.sh
 * compares it between compilers and levels of optimisation.
 */
#define TEST_TIMEOUT 600
#include "libagent/core/backtest.h"
#include "libagent/core/ephemeris.h"
#include "libagent/core/gamma.h"
#include "libagent/core/pattern.h"
#include "libagent/core/strategy_score.h"
#include "proto/err.h"
#include "tests/libagent/core/plain.h"
#include "tests/libagent/core/ta_all.h"
#include "tests/runner.h"

enum { BARS_MAX = 400000 };

/* ---- allocations, where no sanitizer has its own ---- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static bool counting;
static long allocations;

#if defined(__GLIBC__) && !defined(SANITIZED)
#define COUNTS_ALLOCATIONS 1
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    allocations += counting;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    allocations += counting;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    allocations += counting;
    return __libc_realloc(p, n);
}
#else
#define COUNTS_ALLOCATIONS 0
#endif

/* ---- answers ---- */

static uint64_t digest;
static long bars, not_finite, refused, jumps;
static long verdicts[SCORE_VERDICT_COUNT], found[PATTERN_COUNT];

static void take(const void *bytes, size_t size) /* of structures without padding, in words */
{
    const unsigned char *p = bytes;
    must(size % 8 == 0);
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        digest = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        digest ^= digest >> 29;
    }
}

static void number(double x)
{
    not_finite += !isfinite(x);
    take(&x, sizeof x);
}

static void take_score(const struct score *r)
{
    const double *const lists[] = {&r->confidence, &r->base, &r->micro};
    for (int i = 0; i < 3; i++)
        not_finite += !isfinite(*lists[i]);
    for (int i = 0; i < IND_COUNT; i++)
        not_finite += !isfinite(r->indicator[i]);
    for (int i = 0; i < SUB_COUNT; i++)
        not_finite += !isfinite(r->part[i].strength) || !isfinite(r->part[i].contribution);
    not_finite += r->value < -SCORE_MAX || r->value > SCORE_MAX;
    take(r, sizeof *r);
}

static const char *of; /* the series */
static struct strategy_score strategy;
static struct strategy_score_params params;
static struct all indicators;
static struct pattern shapes;

static void one_bar(const struct candle *c, const struct candle *before)
{
    struct ta_value v[ALL_COUNT];
    struct score_signal g;
    const enum score_verdict said = score_on_bar(&strategy, &params, c, NULL, false, &g);

    bars++;
    verdicts[said]++;
    digest += said;
    if (said == SCORE_BAD_CANDLE) {
        const bool jump = strategy.last_candle == CANDLE_JUMP &&
                          (c->high > 10 * before->close || c->low < 0.1 * before->close);
        fprintf(stderr, "%s: bar of %lld refused: %s\n", of, (long long)(c->start_ns / 1000000),
                candle_verdict_name((enum candle_verdict)strategy.last_candle));
        jumps += jump;
        refused += !jump;
        return;
    }
    all_push(&indicators, c, v);
    for (int i = 0; i < ALL_COUNT; i++)
        for (int k = 0; k < 3; k++)
            number(v[i].v[k]);
    take_score(&strategy.p);
    take_score(&strategy.s);
    g = score_describe(&strategy);
    number(g.combined);
    number(g.rank);
    refused += pattern_push(&shapes, c, v[ALL_ATR].v[0]) != ERR_OK;
    for (int k = 0; k < PATTERN_COUNT; k++) {
        const struct pattern_found *f = pattern_now(&shapes, (enum pattern_kind)k);
        if (f == NULL)
            continue;
        found[k] += f->bar == shapes.bars - 1;
        number(f->line);
        number(f->height);
    }
}

static void series(const char *name, const struct candle *c, int n)
{
    of = name;
    must(n > 0);
    strategy_score_params_default(&params);
    must(strategy_score_init(&strategy, c[0].tf_ns, 4 * c[0].tf_ns) == ERR_OK);
    all_init(&indicators, c[0].tf_ns);
    pattern_init(&shapes);
    for (int t = 0; t < n; t++)
        one_bar(&c[t], &c[t > 0 ? t - 1 : 0]);
    take(&strategy, sizeof strategy);
    take(&indicators, sizeof indicators);
}

/* ---- traded ---- */

static struct backtest test;
static struct backtest_setup setup;
static struct backtest_symbol symbol;
static struct backtest_bar *traded;
static long trades, approved, refusals;

static void choose(int64_t tf_ns)
{
    char why[STRATEGIES_WHY_MAX], word[40];
    backtest_setup_default(&setup);
    setup.features = true;
    setup.account = GAMMA_TF_NS % tf_ns == 0;
    setup.limits.stop_atr = dec_int(2);     /* of coarse bars */
    must(strategies_init(&setup.strategies, tf_ns, 4 * tf_ns) == ERR_OK);
    for (size_t i = 0; i < strategy_count(); i++)
        if (strcmp(strategy_at(i)->name, "orb") != 0 || tf_ns < 1440 * PLAIN_MINUTE)
            must(strategies_add(&setup.strategies, strategy_at(i)) == ERR_OK);
    snprintf(word, sizeof word, "orb.window_min=%lld", (long long)(tf_ns / PLAIN_MINUTE));
    if (tf_ns > 15 * PLAIN_MINUTE && tf_ns < 1440 * PLAIN_MINUTE)
        must(strategies_set(&setup.strategies, word, why) == ERR_OK);
    must(backtest_setup_wrong(&setup) == NULL);
}

/* A contract of five digits, of which a lot is about a dollar. */
static void contract_at(double price)
{
    const int places = 4 - (int)floor(log10(price));
    dec_t lot = dec_zero();
    must(dec_from_double(1 / price, dec_scaled(1, places - 4), DEC_CEIL, &lot) == ERR_OK);
    symbol.contract = (struct contract_terms){
        .multiplier = lot, .tick = dec_scaled(1, -places), .maker_fee = dec_scaled(2, -4),
        .taker_fee = dec_scaled(6, -4), .lfr = dec_scaled(6, -4), .lot = 1, .max_qty = 1000000,
        .tier_count = 1, .tier = {{.max_notional = dec_zero(), .mmr = dec_scaled(5, -3), .max_leverage = 50}},
    };
}

static dec_t exact(double price)
{
    dec_t ret = dec_zero();
    dec_from_double(price, symbol.contract.tick, DEC_HALF_EVEN, &ret);
    return ret;
}

static void make_traded(const struct candle *c, int n)
{
    contract_at(c[n / 2].close);
    traded = realloc(traded, (size_t)n * sizeof *traded);
    for (int i = 0; i < n; i++) {
        struct backtest_bar *b = &traded[i];
        *b = (struct backtest_bar){c[i], exact(c[i].open), exact(c[i].high), exact(c[i].low), exact(c[i].close)};
        b->candle.open = dec_to_double(b->open);
        b->candle.high = dec_to_double(b->high);
        b->candle.low = dec_to_double(b->low);
        b->candle.close = dec_to_double(b->close);
    }
    choose(c[0].tf_ns);
    symbol.name = "AAAUSDTM";
    symbol.bars = traded;
    symbol.n = (size_t)n;
    symbol.rules = realloc(symbol.rules, strategies_size(&setup.strategies));
    test.result = (struct backtest_result){.bars = 0};
}

static void trade(void)
{
    must(backtest_run(&test, &setup, &symbol, 1) == ERR_OK);
    const struct backtest_result *r = &test.result;
    const double figures[] = {r->net, r->gains, r->losses, r->peak, r->max_drawdown, dec_to_double(r->net_money),
                              dec_to_double(r->fees), dec_to_double(r->funding), dec_to_double(test.equity)};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        number(figures[i]);
    take(r, sizeof *r);
    trades += r->trades;
    approved += r->approved;
    refusals += r->signals - r->approved;
}

static void say_traded(void)
{
    printf("traded by every strategy: %ld refused, %ld approved, %ld trades\n", refusals, approved, trades);
}

/* Series of 1 h side by side. */
static void together(struct candle *const c[], const int n[], int symbols)
{
    static struct gamma m;
    int at[GAMMA_SYMBOLS_MAX] = {0};
    int64_t hour = INT64_MAX, valid = 0;

    for (int i = 0; i < symbols; i++)
        if (c[i][0].start_ns / GAMMA_TF_NS < hour)
            hour = c[i][0].start_ns / GAMMA_TF_NS;
    must(gamma_init(&m, symbols, hour * GAMMA_TF_NS) == ERR_OK);
    for (bool more = true; more; hour++) {
        more = false;
        for (int i = 0; i < symbols; i++) {
            const bool now = at[i] < n[i] && c[i][at[i]].start_ns == hour * GAMMA_TF_NS;
            if (now) {
                const enum candle_verdict v = gamma_bar(&m, i, &c[i][at[i]++]);
                refused += v != CANDLE_OK && v != CANDLE_GAP;
            }
            more = more || at[i] < n[i];
        }
        gamma_update(&m, (hour + 1) * GAMMA_TF_NS);
        gamma_trade(&m, (hour + 1) * GAMMA_TF_NS, hour % 3 == 0 ? 0.1 : -0.1);
        valid += m.valid;
        number(m.value);
        number(m.psi);
        number(m.kappa);
        number(m.cascade);
        number(m.strength);
        for (int i = 0; i < symbols; i++) {
            not_finite += fabs(m.symbol[i].g) > 1;
            number(m.symbol[i].g);
            number(m.symbol[i].phase);
        }
    }
    printf("Gamma: %d symbols, valid in %lld hours\n", symbols, (long long)valid);
    must(valid > 200);
}

static void start_counting(void)
{
    void *(*volatile allocate)(size_t) = malloc; /* unseen by the optimizer */

    allocations = 0;
    counting = true;
    free(allocate(1));
    ck_assert_int_eq(allocations, COUNTS_ALLOCATIONS); /* the count counts */
    allocations = 0;
}

static struct candle *hourly[GAMMA_SYMBOLS_MAX];
static int hourly_n[GAMMA_SYMBOLS_MAX], hours;

static void recorded(const char *name, const struct candle *c, int n)
{
    must(n < BARS_MAX);
    if (c[0].tf_ns == GAMMA_TF_NS) {
        hourly[hours] = calloc((size_t)n, sizeof *c);
        memcpy(hourly[hours], c, (size_t)n * sizeof *c);
        hourly_n[hours++] = n;
    }
    make_traded(c, n);
    counting = true;
    series(name, c, n);
    trade();
    counting = false;
}

START_TEST(every_recorded_candle_goes_through_without_a_nan_a_refusal_or_an_allocation)
{
    start_counting();
    counting = false;
    const int count = plain_each(BARS_MAX, recorded);
    counting = true;
    if (count > 0)
        together(hourly, hourly_n, hours);
    counting = false;
    printf("%d files, %ld bars:", count, bars);
    for (int i = 0; i < SCORE_VERDICT_COUNT; i++)
        printf(" %s %ld", score_verdict_name(i), verdicts[i]);
    for (int k = 0; k < PATTERN_COUNT; k++)
        printf(" %s %ld", pattern_name(k), found[k]);
    printf("; %ld not finite, %ld refused, %ld allocations%s\n", not_finite, refused, allocations,
           COUNTS_ALLOCATIONS ? "" : " (not counted)");
    ck_assert_int_eq(not_finite, 0);
    ck_assert_int_eq(refused, 0);
    ck_assert_int_le(jumps, 1); /* Coinbase printed 0.06 USD for one BTC on 15 April 2017 */
    ck_assert_int_eq(allocations, 0);
    say_traded();
    ck_assert(count == 0 || trades > 1000);
    printf("digest of the recorded candles %016llx\n", (unsigned long long)digest);
    for (int i = 0; i < hours; i++)
        free(hourly[i]);
}
END_TEST

START_TEST(random_candles_go_through_as_well)
{
    enum { SERIES = 8, N = 20000 };
    struct candle *c[SERIES];
    int n[SERIES];
    struct ephemeris e;

    for (int i = 0; i < SERIES; i++) {
        n[i] = N;
        c[i] = plain_walk(N, 500 + (uint64_t)i);
    }
    start_counting();
    for (int i = 0; i < SERIES; i++) {
        counting = false;
        make_traded(c[i], N);
        counting = true;
        series("random", c[i], N);
        trade();
    }
    for (int i = 0; i < SERIES; i++)
        for (int t = 0; t < N; t++) { /* the same, as bars of an hour */
            c[i][t].start_ns = (int64_t)t * GAMMA_TF_NS;
            c[i][t].tf_ns = GAMMA_TF_NS;
        }
    together(c, n, SERIES);
    for (int64_t day = 0; day < 3000; day++) {
        ephemeris_at(day * 1440 * PLAIN_MINUTE * 3, &e);
        number(e.q);
        number(e.alignment);
    }
    counting = false;
    ck_assert_int_eq(not_finite, 0);
    ck_assert_int_eq(refused, 0);
    ck_assert_int_eq(allocations, 0);
    ck_assert_int_gt(verdicts[SCORE_FIRED], 0);
    say_traded();
    ck_assert_int_gt(trades, 50);
    printf("digest of random candles %016llx\n", (unsigned long long)digest);
    for (int i = 0; i < SERIES; i++)
        free(c[i]);
}
END_TEST

TESTS("whole", every_recorded_candle_goes_through_without_a_nan_a_refusal_or_an_allocation,
      random_candles_go_through_as_well)
