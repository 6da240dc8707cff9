/* Features by hand, normalisation, penalties, refusals; order of candidates and mirror as
 * properties, each seen to fail on a planted mutant. */
#define TEST_TIMEOUT 120

#include "libagent/core/ranker.h"
#include "proto/err.h"
#include "tests/libagent/core/plain_strategy.h"
#include "tests/runner.h"

#define SEED UINT64_C(20240805)
enum { CYCLE = 12 };

static struct ranker_params params;

static struct ranker *fresh(void)
{
    struct ranker *r = malloc(sizeof *r);
    ranker_init(r);
    ranker_params_default(&params);
    return r;
}

/* Every part has the best value of its table, for the side. */
static struct rank_candidate best(const char *symbol, int side)
{
    struct rank_candidate c = {
        .side = side,
        .confidence = 1,
        .rr = 2,
        .entry = 100,
        .figures = {.rsi = side > 0 ? 55 : 45,
                    .change = 0.01 * side,
                    .adx = 30,
                    .plus_di = side > 0 ? 25 : 5,
                    .minus_di = side > 0 ? 5 : 25,
                    .ema_gap = 0.02 * side,
                    .supertrend = side,
                    .volume_ratio = 2,
                    .atr_variation = 0.1,
                    .vwap = 100.5,
                    .spread = 0.0005,
                    .depth = 5000,
                    .funding_percentile = 50,
                    .oi_change = 0.2},
    };
    snprintf(c.symbol, sizeof c.symbol, "%s", symbol);
    snprintf(c.strategy, sizeof c.strategy, "score");
    return c;
}

static struct rank_result rank_one(struct rank_candidate c)
{
    struct ranker *r = fresh();
    struct rank_result ret;
    ranker_rank(r, &params, &c, 1, &ret);
    free(r);
    return ret;
}

START_TEST(features_and_score_equal_values_worked_by_hand)
{
    for (int side = -1; side <= 1; side += 2) {
        struct rank_candidate c = best("XBTUSDTM", side);
        struct rank_result s = rank_one(c);
        ck_assert(s.verdict == RANK_OK && s.rank == 1 && !s.illiquid && !s.far && !s.news);
        ck_assert_double_eq_tol(s.raw[RANK_MOMENTUM], (0.8 + 0.8 + 1) / 3, 1e-12);
        ck_assert_double_eq_tol(s.raw[RANK_TREND], (1 + 1 + 0.7) / 3, 1e-12);
        ck_assert_double_eq_tol(s.raw[RANK_LIQUIDITY], 1, 1e-12);
        ck_assert_double_eq_tol(s.raw[RANK_REGIME], 0.9, 1e-12);
        ck_assert(s.raw[RANK_RR] == 2 && s.normal[RANK_RR] == 1); /* clipped: no history */
        ck_assert_double_eq_tol(s.score, 0.25 * 2.6 / 3 + 0.25 * 0.9 + 0.2 + 0.15 * 0.9 + 0.15,
                                1e-12);
        c.news = 1;
        ck_assert_double_eq_tol(rank_one(c).score, 0.7 * s.score, 1e-12);
        c.figures.vwap = 102; /* 1.96 % away */
        ck_assert_double_eq_tol(rank_one(c).score, 0.7 * 0.8 * s.score, 1e-12);
    }
}
END_TEST

START_TEST(every_step_of_the_tables_is_where_it_is_said_to_be)
{
    const struct {
        size_t at;
        enum rank_feature f;
        double x, want; /* of the part */
    } cases[] = {
#define AT(field) offsetof(struct rank_figures, field)
        {AT(rsi), RANK_MOMENTUM, 40, 0.8},
        {AT(rsi), RANK_MOMENTUM, 60, 0.8},
        {AT(rsi), RANK_MOMENTUM, 60.1, 0.6},
        {AT(rsi), RANK_MOMENTUM, 70, 0.6},
        {AT(rsi), RANK_MOMENTUM, 70.1, 0.3},
        {AT(rsi), RANK_MOMENTUM, 39.9, 0.3},
        {AT(rsi), RANK_MOMENTUM, NAN, 0.5},
        {AT(change), RANK_MOMENTUM, -0.001, 0.3},
        {AT(change), RANK_MOMENTUM, 0, 0.5},
        {AT(change), RANK_MOMENTUM, 0.0049, 0.5},
        {AT(change), RANK_MOMENTUM, 0.005, 0.8},
        {AT(change), RANK_MOMENTUM, 0.02, 0.8},
        {AT(change), RANK_MOMENTUM, 0.021, 0.6},
        {AT(change), RANK_MOMENTUM, NAN, 0.5},
        {AT(adx), RANK_TREND, 25, 1},
        {AT(adx), RANK_TREND, 24.9, 0.7},
        {AT(adx), RANK_TREND, 20, 0.7},
        {AT(adx), RANK_TREND, 15, 0.5},
        {AT(adx), RANK_TREND, 14.9, 0.3},
        {AT(adx), RANK_TREND, NAN, 0.5},
        {AT(plus_di), RANK_TREND, 4, 0.3},
        {AT(plus_di), RANK_TREND, 5, 0.3},
        {AT(plus_di), RANK_TREND, NAN, 0.5},
        {AT(ema_gap), RANK_TREND, 0.01, 1},
        {AT(ema_gap), RANK_TREND, 0.0099, 0.7},
        {AT(ema_gap), RANK_TREND, 0.005, 0.7},
        {AT(ema_gap), RANK_TREND, 0.0049, 0.4},
        {AT(ema_gap), RANK_TREND, -0.5, 0.4},
        {AT(ema_gap), RANK_TREND, NAN, 0.5},
        {AT(supertrend), RANK_TREND, 1, 0.7},
        {AT(supertrend), RANK_TREND, -1, 0.3},
        {AT(supertrend), RANK_TREND, NAN, 0.5},
        {AT(spread), RANK_LIQUIDITY, 0, 1},
        {AT(spread), RANK_LIQUIDITY, 0.001, 1},
        {AT(spread), RANK_LIQUIDITY, 0.003, 0.8},
        {AT(spread), RANK_LIQUIDITY, 0.005, 0.6},
        {AT(spread), RANK_LIQUIDITY, 0.0051, 0.3},
        {AT(spread), RANK_LIQUIDITY, NAN, 0.5},
        {AT(volume_ratio), RANK_LIQUIDITY, 1.5, 1},
        {AT(volume_ratio), RANK_LIQUIDITY, 1, 0.8},
        {AT(volume_ratio), RANK_LIQUIDITY, 0.7, 0.6},
        {AT(volume_ratio), RANK_LIQUIDITY, 0, 0.4},
        {AT(depth), RANK_LIQUIDITY, 0, 0},
        {AT(depth), RANK_LIQUIDITY, 250, 0.25},
        {AT(depth), RANK_LIQUIDITY, 1e9, 1},
        {AT(funding_percentile), RANK_REGIME, 30, 0.9},
        {AT(funding_percentile), RANK_REGIME, 70, 0.9},
        {AT(funding_percentile), RANK_REGIME, 29, 0.7},
        {AT(funding_percentile), RANK_REGIME, 80, 0.7},
        {AT(funding_percentile), RANK_REGIME, 81, 0.5},
        {AT(funding_percentile), RANK_REGIME, NAN, 0.5},
        {AT(oi_change), RANK_REGIME, 0.11, 0.9},
        {AT(oi_change), RANK_REGIME, 0.1, 0.7},
        {AT(oi_change), RANK_REGIME, 0.05, 0.6},
        {AT(oi_change), RANK_REGIME, 0, 0.4},
        {AT(oi_change), RANK_REGIME, -1, 0.4},
        {AT(oi_change), RANK_REGIME, NAN, 0.5},
        {AT(atr_variation), RANK_REGIME, 0.19, 0.9},
        {AT(atr_variation), RANK_REGIME, 0.2, 0.7},
        {AT(atr_variation), RANK_REGIME, 0.4, 0.5},
        {AT(atr_variation), RANK_REGIME, NAN, 0.5},
#undef AT
    };
    /* The part's best value, which best() has: what the feature loses is what the part loses. */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rank_candidate c = best("XBTUSDTM", 1);
        const double full[] = {2.6, 2.7, 3, 2.7, 0};
        const bool part_of_one = cases[i].f == RANK_LIQUIDITY;
        double top = part_of_one ? 1 : 0.9;
        if (cases[i].f == RANK_MOMENTUM)
            top = 0.8;
        if (cases[i].f == RANK_TREND)
            top = cases[i].at == offsetof(struct rank_figures, supertrend) ? 0.7 : 1;
        memcpy((char *)&c.figures + cases[i].at, &cases[i].x, sizeof(double));
        const struct rank_result s = rank_one(c);
        ck_assert_int_eq(s.verdict, RANK_OK);
        ck_assert_msg(
            fabs(3 * s.raw[cases[i].f] - (full[cases[i].f] - top + cases[i].want)) < 1e-12,
            "case %zu: %s %g: %g", i, rank_feature_name(cases[i].f), cases[i].x, s.raw[cases[i].f]);
    }
}
END_TEST

START_TEST(liquidity_is_penalised_by_its_raw_value_just_below_a_half)
{
    struct rank_candidate c = best("XBTUSDTM", 1);
    c.figures.spread = 0.004;     /* .6 */
    c.figures.volume_ratio = 0.5; /* .4 */
    c.figures.depth = 500;        /* .5 */
    struct rank_result a = rank_one(c);
    ck_assert(a.raw[RANK_LIQUIDITY] == 0.5 && !a.illiquid);
    c.figures.depth = 499;
    struct rank_result b = rank_one(c);
    ck_assert(b.illiquid == 1);
    ck_assert_double_eq_tol(b.score, 0.5 * (a.score - 0.2 * 0.001 / 3), 1e-12);
}
END_TEST

/* Raw rr of 1, 2, ... 10: mean 5.5, sample variance 82.5/9. */
START_TEST(ten_values_of_earlier_cycles_normalise_and_the_current_one_does_not)
{
    struct ranker *r = fresh();
    struct rank_result s;
    for (int i = 1; i <= 10; i++) {
        struct rank_candidate c = best("XBTUSDTM", 1);
        c.rr = i;
        ranker_rank(r, &params, &c, 1, &s);
        ck_assert(s.normal[RANK_RR] == 1);
    }
    struct rank_candidate c = best("XBTUSDTM", 1);
    c.rr = 8;
    ranker_rank(r, &params, &c, 1, &s);
    ck_assert_double_eq_tol(s.normal[RANK_RR], 1 / (1 + exp(-2.5 / sqrt(82.5 / 9))), 1e-12);
    ck_assert(s.normal[RANK_REGIME] == 0.5); /* all alike */
    ck_assert_int_eq(r->count, 11);
    for (int i = 0; i < 200; i++)
        ranker_rank(r, &params, &c, 1, &s);
    ck_assert(r->count == RANKER_HISTORY && s.normal[RANK_RR] == 0.5); /* the first ones are gone */
    c.rr = 1000;
    ranker_rank(r, &params, &c, 1, &s);
    c.rr = 0;
    for (int i = 0; i < 99; i++)
        ranker_rank(r, &params, &c, 1, &s);
    c.rr = 1000;
    ranker_rank(r, &params, &c, 1, &s);
    ck_assert(s.normal[RANK_RR] > 0.9999 && isfinite(s.score));
    free(r);
}
END_TEST

START_TEST(equal_scores_go_by_confidence_then_symbol_then_strategy)
{
    struct ranker *r = fresh();
    struct rank_candidate c[5];
    struct rank_result s[5];

    memset(params.weight, 0, sizeof params.weight);
    params.weight[RANK_RR] = 1;
    ck_assert_int_eq(ranker_params_check(&params), ERR_OK);
    c[0] = best("SOLUSDTM", 1);
    c[1] = best("ETHUSDTM", 1);
    snprintf(c[1].strategy, sizeof c[1].strategy, "vwap");
    c[2] = best("ETHUSDTM", -1);
    snprintf(c[2].strategy, sizeof c[2].strategy, "orb");
    c[3] = best("XRPUSDTM", 1);
    c[3].rr = 0.5;
    c[4] = best("ADAUSDTM", 1);
    c[4].confidence = 0.9;
    ranker_rank(r, &params, c, 5, s);
    const int want[] = {2, 1, 0, 4, 3};
    for (int i = 0; i < 5; i++)
        ck_assert(s[i].candidate == want[i] && s[i].rank == i + 1);
    free(r);
}
END_TEST

START_TEST(candidates_that_make_no_sense_are_named_and_leave_no_trace)
{
    struct ranker *r = fresh(), *before = malloc(sizeof *before);
    struct rank_candidate c[20];
    enum rank_verdict want[20];
    struct rank_result s[20];
    size_t n = 0;

    for (size_t i = 0; i < 20; i++) {
        char name[RANKER_NAME_MAX];
        snprintf(name, sizeof name, "S%zu", i);
        c[i] = best(name, 1);
    }
#define BAD(why, change) want[n] = RANK_##why, c[n].change, n++
    BAD(BAD_NAME, symbol[0] = '\0');
    BAD(BAD_SIDE, side = 0);
    BAD(BAD_SIDE, side = 2);
    BAD(BAD_CONFIDENCE, confidence = NAN);
    BAD(BAD_CONFIDENCE, confidence = 1.01);
    BAD(BAD_RR, rr = -1);
    BAD(BAD_RR, rr = INFINITY);
    BAD(BAD_ENTRY, entry = 0);
    BAD(BAD_ENTRY, entry = 1e308);
    BAD(BAD_FIGURE, figures.rsi = 101);
    BAD(BAD_FIGURE, figures.adx = INFINITY);
    BAD(BAD_FIGURE, figures.vwap = 0);
    BAD(BAD_FIGURE, figures.depth = -1);
    BAD(BAD_FIGURE, figures.oi_change = -INFINITY);
    BAD(CROSSED, figures.spread = -0.001);
    BAD(CROSSED, figures.spread = -INFINITY);
    memset(c[n].strategy, 'x', sizeof c[n].strategy);
    want[n++] = RANK_BAD_NAME;
    want[n] = RANK_DUPLICATE, c[n] = best("TWICE", 1), n++;
    want[n] = RANK_DUPLICATE, c[n] = best("TWICE", -1), n++;
#undef BAD
    memcpy(before, r, sizeof *r);
    ranker_rank(r, &params, c, n, s);
    ck_assert(memcmp(before, r, sizeof *r) == 0);
    for (size_t i = 0; i < n; i++) {
        ck_assert(s[i].candidate == (int)i && s[i].rank == 0 && s[i].score == 0);
        ck_assert_msg(s[i].verdict == (int)want[i], "case %zu: %s", i,
                      rank_verdict_name((enum rank_verdict)s[i].verdict));
    }
    c[3] = best("GOOD", 1);
    ranker_rank(r, &params, c, n, s);
    ck_assert(s[0].candidate == 3 && s[0].rank == 1 && s[1].rank == 0 && r->count == 1);
    ranker_rank(r, &params, c, 0, s);
    ck_assert_str_eq(rank_verdict_name(RANK_CROSSED), "CROSSED");
    ck_assert_str_eq(rank_verdict_text(RANK_OK), "ranked");
    ck_assert_str_eq(rank_verdict_name((enum rank_verdict)99), "?");
    ck_assert_str_eq(rank_verdict_text((enum rank_verdict)99), "?");
    ck_assert_str_eq(rank_feature_name(RANK_RR), "rr");
    ck_assert_str_eq(rank_feature_name((enum rank_feature)99), "?");
    free(r);
    free(before);
}
END_TEST

START_TEST(weights_that_do_not_sum_to_one_are_refused)
{
    free(fresh());
    ck_assert_int_eq(ranker_params_check(&params), ERR_OK);
    struct ranker_params p = params;
    p.weight[0] = 0.3;
    ck_assert_int_eq(ranker_params_check(&p), ERR_RANGE);
    p = params;
    p.weight[0] = -0.25, p.weight[1] = 0.75;
    ck_assert_int_eq(ranker_params_check(&p), ERR_RANGE);
    p = params;
    p.weight[0] = NAN;
    ck_assert_int_eq(ranker_params_check(&p), ERR_RANGE);
    p = params;
    p.news = 1.1;
    ck_assert_int_eq(ranker_params_check(&p), ERR_RANGE);
    p = params;
    p.far = NAN;
    ck_assert_int_eq(ranker_params_check(&p), ERR_RANGE);
    p = params;
    p.illiquid = -0.1;
    ck_assert_int_eq(ranker_params_check(&p), ERR_RANGE);
}
END_TEST

/* ---- properties ---- */

static double pick(uint64_t *seed, double low, double high) /* now and then not known */
{
    return plain_random(seed) % 10 == 0 ? NAN : low + (high - low) * plain_uniform(seed);
}

static struct rank_candidate random_candidate(int i, uint64_t *seed)
{
    struct rank_candidate c = {.side = plain_random(seed) % 2 ? 1 : -1,
                               .news = plain_random(seed) % 5 == 0,
                               .confidence = (double)(plain_random(seed) % 4) / 4,
                               .rr = (double)(plain_random(seed) % 5),
                               .entry = 100};
    snprintf(c.symbol, sizeof c.symbol, "S%d", i);
    snprintf(c.strategy, sizeof c.strategy, "s%d", (int)(plain_random(seed) % 2));
    c.figures = (struct rank_figures){.rsi = pick(seed, 0, 100),
                                      .change = pick(seed, -0.05, 0.05),
                                      .adx = pick(seed, 0, 50),
                                      .plus_di = pick(seed, 0, 50),
                                      .minus_di = pick(seed, 0, 50),
                                      .ema_gap = pick(seed, -0.02, 0.02),
                                      .supertrend = plain_random(seed) % 2 ? 1 : -1,
                                      .volume_ratio = pick(seed, 0, 3),
                                      .atr_variation = pick(seed, 0, 1),
                                      .vwap = pick(seed, 97, 103),
                                      .spread = pick(seed, 0, 0.01),
                                      .depth = pick(seed, 0, 2000),
                                      .funding_percentile = pick(seed, 0, 100),
                                      .oi_change = pick(seed, -0.2, 0.2)};
    if (plain_random(seed) % 20 == 0)
        c.side = 0;
    if (plain_random(seed) % 20 == 0)
        c.symbol[1] = '0'; /* perhaps a duplicate */
    return c;
}

static void shuffle(struct rank_candidate *c, int n, uint64_t *seed)
{
    for (int i = n - 1; i > 0; i--) {
        const int j = (int)(plain_random(seed) % (uint64_t)(i + 1));
        const struct rank_candidate t = c[i];
        c[i] = c[j];
        c[j] = t;
    }
}

typedef void rank_fn(struct ranker *r, const struct ranker_params *p,
                     const struct rank_candidate *c, size_t n, struct rank_result *ret);

/* As the original: each candidate joins the history before the next one is normalised. */
static void rank_one_by_one(struct ranker *r, const struct ranker_params *p,
                            const struct rank_candidate *c, size_t n, struct rank_result *ret)
{
    struct ranker *scratch = malloc(sizeof *scratch);
    struct rank_result *one = calloc(n, sizeof *one);
    *scratch = *r;
    for (size_t i = 0; i < n; i++)
        ranker_rank(scratch, p, &c[i], 1, &one[i]);
    ranker_rank(r, p, c, n, ret);
    for (size_t i = 0; i < n; i++)
        if (ret[i].verdict == RANK_OK)
            ret[i].score = one[ret[i].candidate].score;
    free(scratch);
    free(one);
}

/* The history is written in the order in which the candidates came. */
static void rank_unsorted(struct ranker *r, const struct ranker_params *p,
                          const struct rank_candidate *c, size_t n, struct rank_result *ret)
{
    const int at = r->next;
    ranker_rank(r, p, c, n, ret);
    for (size_t k = 0, i = 0; k < n; k++)
        for (size_t j = 0; j < n; j++)
            if (ret[j].candidate == (int)k && ret[j].verdict == RANK_OK) {
                r->history[RANK_RR][(at + (int)i) % RANKER_HISTORY] = c[k].rr;
                i++;
            }
}

/* Cycles in which the shuffled candidates got another answer than the sorted ones. */
static int breaks_order(rank_fn *rank, int cycles, uint64_t seed)
{
    struct ranker *a = fresh(), *b = fresh();
    struct rank_candidate x[CYCLE], y[CYCLE];
    struct rank_result rx[CYCLE], ry[CYCLE];
    int broken = 0;

    for (int k = 0; k < cycles; k++) {
        bool same = true;
        for (int i = 0; i < CYCLE; i++)
            x[i] = random_candidate(i, &seed);
        memcpy(y, x, sizeof x);
        shuffle(y, CYCLE, &seed);
        rank(a, &params, x, CYCLE, rx);
        rank(b, &params, y, CYCLE, ry);
        for (int i = 0; i < CYCLE; i++) {
            ck_assert(isfinite(rx[i].score) && rx[i].score >= 0 && rx[i].score <= 1);
            if (rx[i].verdict != RANK_OK)
                continue;
            const struct rank_candidate *p = &x[rx[i].candidate], *q = &y[ry[i].candidate];
            ry[i].candidate = rx[i].candidate;
            same = same && strcmp(p->symbol, q->symbol) == 0 &&
                   memcmp(&rx[i], &ry[i], sizeof rx[i]) == 0;
        }
        same = same && memcmp(a, b, sizeof *a) == 0;
        broken += !same;
    }
    free(a);
    free(b);
    return broken;
}

START_TEST(the_order_of_the_candidates_changes_no_bit)
{
    enum { WALKS = 20, CYCLES = 5000 };
    int mutant1 = 0, mutant2 = 0;
    for (uint64_t w = 0; w < WALKS; w++)
        ck_assert_int_eq(breaks_order(ranker_rank, CYCLES, SEED + w), 0);
    mutant1 = breaks_order(rank_one_by_one, 100, SEED);
    mutant2 = breaks_order(rank_unsorted, 100, SEED);
    printf("order: seed %llu, %d candidates; mutants caught in %d (one by one) and %d (unsorted "
           "history) of 100 cycles\n",
           (unsigned long long)SEED, WALKS * CYCLES * CYCLE, mutant1, mutant2);
    ck_assert(mutant1 > 50 && mutant2 > 50);
}
END_TEST

static struct rank_candidate mirrored(const struct rank_candidate *c)
{
    struct rank_candidate m = *c;
    m.side = -c->side;
    m.figures.rsi = 100 - c->figures.rsi;
    m.figures.change = -c->figures.change;
    m.figures.plus_di = c->figures.minus_di;
    m.figures.minus_di = c->figures.plus_di;
    m.figures.ema_gap = -c->figures.ema_gap;
    m.figures.supertrend = -c->figures.supertrend;
    return m;
}

/* As the original: momentum and trend are the same for both sides. */
static void rank_one_sided(struct ranker *r, const struct ranker_params *p,
                           const struct rank_candidate *c, size_t n, struct rank_result *ret)
{
    struct rank_candidate all[CYCLE];
    memcpy(all, c, n * sizeof *c);
    for (size_t i = 0; i < n; i++)
        all[i].side = abs(c[i].side);
    ranker_rank(r, p, all, n, ret);
}

static int breaks_mirror(rank_fn *rank, int cycles, uint64_t seed)
{
    struct ranker *a = fresh(), *b = fresh();
    struct rank_candidate x[CYCLE], y[CYCLE];
    struct rank_result rx[CYCLE], ry[CYCLE];
    int broken = 0;

    for (int k = 0; k < cycles; k++) {
        for (int i = 0; i < CYCLE; i++) {
            x[i] = random_candidate(i, &seed);
            y[i] = mirrored(&x[i]);
        }
        rank(a, &params, x, CYCLE, rx);
        rank(b, &params, y, CYCLE, ry);
        broken += memcmp(rx, ry, sizeof rx) != 0;
    }
    free(a);
    free(b);
    return broken;
}

START_TEST(mirrored_figures_give_the_other_side_the_same_rank)
{
    enum { WALKS = 20, CYCLES = 5000 };
    for (uint64_t w = 0; w < WALKS; w++)
        ck_assert_int_eq(breaks_mirror(ranker_rank, CYCLES, SEED + w), 0);
    const int mutant = breaks_mirror(rank_one_sided, 100, SEED);
    printf("mirror: seed %llu, %d candidates; the mutant without sides was caught in %d of 100 "
           "cycles\n",
           (unsigned long long)SEED, WALKS * CYCLES * CYCLE, mutant);
    ck_assert_int_gt(mutant, 50);
}
END_TEST

START_TEST(restored_history_ranks_on_and_damaged_bytes_are_refused)
{
    struct ranker *a = fresh(), *b = fresh();
    struct rank_candidate c[CYCLE];
    struct rank_result x[CYCLE], y[CYCLE];
    uint64_t seed = SEED;

    for (int k = 0; k < 50; k++) {
        for (int i = 0; i < CYCLE; i++)
            c[i] = random_candidate(i, &seed);
        ranker_rank(a, &params, c, CYCLE, x);
        ranker_rank(b, &params, c, CYCLE, y);
        ck_assert(memcmp(x, y, sizeof x) == 0);
        memset(b, 0x5a, sizeof *b);
        ck_assert_int_eq(ranker_restore(b, a, sizeof *a), ERR_OK);
    }
    ck_assert_int_eq(ranker_restore(b, a, sizeof *a - 1), ERR_TRUNCATED);
    struct ranker bad = *a;
    bad.history[2][5] = NAN;
    ck_assert_int_eq(ranker_restore(b, &bad, sizeof bad), ERR_CORRUPT);
    bad = *a;
    bad.count = RANKER_HISTORY + 1;
    ck_assert_int_eq(ranker_restore(b, &bad, sizeof bad), ERR_CORRUPT);
    bad = *a;
    bad.next = -1;
    ck_assert_int_eq(ranker_restore(b, &bad, sizeof bad), ERR_CORRUPT);
    bad = *a;
    bad.version++;
    ck_assert_int_eq(ranker_restore(b, &bad, sizeof bad), ERR_VERSION);
    ck_assert(memcmp(a, b, sizeof *a) == 0);
    free(a);
    free(b);
}
END_TEST

START_TEST(figures_of_a_symbol_equal_their_plain_definitions)
{
    enum { N = 3000 };
    struct candle *c = plain_walk(N, SEED);
    double *x = plain_closes(c, N), *e34 = plain_ema(x, N, 0, 34), *e89 = plain_ema(x, N, 0, 89);
    double *atr = plain_atr(c, N, 14), *vwap = plain_vwap(c, N);
    struct plain q = plain_indicators(c, N);
    struct rank_feed *f = calloc(1, sizeof *f);
    struct rank_figures g;

    rank_feed_init(f);
    for (int t = 0; t < N; t++) {
        rank_feed_push(f, &c[t], &g);
        ck_assert(isnan(g.rsi) == (t < 20) && isnan(g.change) == (t < 20));
        ck_assert(isnan(g.adx) == (t < 49) && isnan(g.supertrend) == (t < 49));
        ck_assert(isnan(g.ema_gap) == (t < 88) && isnan(g.atr_variation) == (t < 33));
        ck_assert(isnan(g.spread) && isnan(g.depth) && isnan(g.oi_change) &&
                  isnan(g.funding_percentile));
        if (t < 88)
            continue;
        double volume = 0, mean = 0, squares = 0;
        for (int i = t - 19; i <= t; i++) {
            volume += c[i].volume / 20;
            mean += atr[i] / 20;
        }
        for (int i = t - 19; i <= t; i++)
            squares += (atr[i] - mean) * (atr[i] - mean) / 20;
        ck_assert(fabs(g.rsi - q.rsi[t]) < 1e-9 && fabs(g.change - (x[t] / x[t - 20] - 1)) < 1e-12);
        ck_assert(fabs(g.ema_gap - (e34[t] - e89[t]) / e89[t]) < 1e-9);
        ck_assert(fabs(g.volume_ratio - c[t].volume / volume) < 1e-9);
        ck_assert(fabs(g.atr_variation - sqrt(squares) / mean) < 1e-9);
        ck_assert(fabs(g.vwap - vwap[t]) < 1e-7 && fabs(g.supertrend) == 1);
        ck_assert(g.adx >= 0 && g.adx <= 100 && g.plus_di >= 0 && g.minus_di >= 0);
    }
    /* a market that does not move: momentum and trend know nothing */
    rank_feed_init(f);
    for (int t = 0; t < 200; t++) {
        const struct candle flat = {t * PLAIN_MINUTE, PLAIN_MINUTE, 5, 5, 5, 5, 0};
        rank_feed_push(f, &flat, &g);
    }
    ck_assert(isnan(g.rsi) && isnan(g.adx) && isnan(g.supertrend) && isnan(g.volume_ratio));
    ck_assert(isnan(g.atr_variation) && isnan(g.vwap) && g.change == 0 && g.ema_gap == 0);
    plain_free(&q);
    free(f);
    free(vwap);
    free(atr);
    free(e89);
    free(e34);
    free(x);
    free(c);
}
END_TEST

START_TEST(percentiles_count_equals_by_half)
{
    const double past[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 9}, bad[10] = {NAN};
    ck_assert(ranker_percentile(past, 10, 0) == 0 && ranker_percentile(past, 10, 10) == 100);
    ck_assert(ranker_percentile(past, 10, 5) == 45 && ranker_percentile(past, 10, 9) == 90);
    ck_assert(isnan(ranker_percentile(past, 9, 5)) && isnan(ranker_percentile(past, 10, NAN)));
    ck_assert(isnan(ranker_percentile(bad, 10, 5)));
}
END_TEST

TESTS("ranker", features_and_score_equal_values_worked_by_hand,
      every_step_of_the_tables_is_where_it_is_said_to_be,
      liquidity_is_penalised_by_its_raw_value_just_below_a_half,
      ten_values_of_earlier_cycles_normalise_and_the_current_one_does_not,
      equal_scores_go_by_confidence_then_symbol_then_strategy,
      candidates_that_make_no_sense_are_named_and_leave_no_trace,
      weights_that_do_not_sum_to_one_are_refused, the_order_of_the_candidates_changes_no_bit,
      mirrored_figures_give_the_other_side_the_same_rank,
      restored_history_ranks_on_and_damaged_bytes_are_refused,
      figures_of_a_symbol_equal_their_plain_definitions, percentiles_count_equals_by_half)
