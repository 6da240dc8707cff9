/* The score of one timeframe: every sub-signal against the plain definitions, sums, symmetry,
 * restarts. */
#include "libagent/core/strategy_score.h"
#include "proto/err.h"
#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

static struct score_weights weights;
static int seen[SUB_COUNT][2];

static void compare(const struct candle *c, int n)
{
    struct plain p = plain_indicators(c, n);
    struct score_tf *s = calloc(1, sizeof *s);
    struct score r;

    score_tf_init(s);
    for (int t = 0; t < n; t++) {
        score_tf_push(s, &weights, &c[t], NULL, &r);
        ck_assert_int_eq(r.ready, t >= 199);
        if (t < 210)
            continue;
        const struct plain_parts want = plain_score(&p, t);
        double ind[IND_COUNT] = {0}, sum = 0, size = 0, group[GROUP_COUNT] = {0};
        for (int i = 0; i < SUB_COUNT; i++) {
            ck_assert_msg(r.part[i].strength * r.part[i].dir == want.v[i],
                          "%s at bar %d: %g, want %g", score_sub_name(i), t,
                          r.part[i].strength * r.part[i].dir, want.v[i]);
            if (want.v[i] != 0)
                seen[i][want.v[i] < 0]++;
            ind[score_sub_ind(i)] += weights.max[score_sub_ind(i)] * weights.sub[i] * want.v[i];
        }
        for (int i = 0; i < IND_COUNT; i++) {
            ind[i] = fmax(-weights.max[i], fmin(weights.max[i], ind[i]));
            sum += ind[i];
            size += fabs(ind[i]);
            group[score_ind_group(i)] += ind[i];
            ck_assert(fabs(ind[i] - r.indicator[i]) < 1e-9);
        }
        ck_assert(fabs(r.confidence - (size > 0 ? 100 * fabs(sum) / size : 0)) < 1e-9);
        ck_assert(fabs(r.value - fmax(-110, fmin(110, sum))) <= 0.5 + 1e-8);
        int groups = 0;
        for (int i = 0; i < GROUP_COUNT; i++)
            groups += group[i] * r.value > 1e-7;
        ck_assert_int_eq(r.groups, groups);
    }
    free(s);
    plain_free(&p);
}

static void start(void)
{
    score_weights_default(&weights);
}

START_TEST(every_sub_signal_equals_its_plain_definition)
{
    start();
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct candle *c = plain_walk(2000, seed);
        compare(c, 2000);
        free(c);
    }
    for (int i = 0; i < SUB_COUNT; i++)         /* a comparison of silences proves nothing */
        ck_assert_msg(i == SUB_BB_SQUEEZE || (seen[i][0] > 0 && seen[i][1] > 0), "%s never spoke",
                      score_sub_name(i));
}
END_TEST

START_TEST(every_sub_signal_equals_its_plain_definition_on_recorded_candles)
{
    int n;
    start();
    struct candle *c = plain_load("kucoin-futures_XBTUSDTM_15m_2025-12_2026-01.csv.gz",
                                  15 * PLAIN_MINUTE, 3000, &n);
    if (c != NULL)
        compare(c, n);
    else
        printf("recorded candles are not there, left out\n");
    free(c);
}
END_TEST

/* Prices mirrored about a level: every answer turns its sign. */
START_TEST(mirrored_prices_mirror_the_score)
{
    enum { N = 3000 };
    struct candle *c = plain_walk(N, 77);
    struct score_tf *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    struct score ra, rb;

    start();
    score_tf_init(a);
    score_tf_init(b);
    for (int t = 0; t < N; t++) {
        const double level = 4096;
        struct candle m = c[t];
        m.open = level - c[t].open;
        m.close = level - c[t].close;
        m.high = level - c[t].low;
        m.low = level - c[t].high;
        score_tf_push(a, &weights, &c[t], NULL, &ra);
        score_tf_push(b, &weights, &m, NULL, &rb);
        for (int i = 0; i < SUB_COUNT; i++) {
            if (i == SUB_OBV_DIVERGENCE)        /* OBV starts with +volume whichever way */
                continue;
            if (score_sub_ind(i) == IND_BB && ra.squeeze != rb.squeeze)
                continue;                       /* the bandwidth is relative to the level */
            ck_assert_msg(
                ra.part[i].dir == -rb.part[i].dir && ra.part[i].strength == rb.part[i].strength,
                "%s at bar %d: %d and %d", score_sub_name(i), t, ra.part[i].dir, rb.part[i].dir);
        }
    }
    free(a);
    free(b);
    free(c);
}
END_TEST

START_TEST(a_flat_market_says_nothing_at_all)
{
    struct score_tf *s = calloc(1, sizeof *s);
    struct score r;
    struct candle c = {0, PLAIN_MINUTE, 0.1, 0.1, 0.1, 0.1, 3};

    start();
    score_tf_init(s);
    for (int t = 0; t < 600; t++, c.start_ns += c.tf_ns) {
        score_tf_push(s, &weights, &c, NULL, &r);
        for (int i = 0; i < SUB_COUNT; i++)
            ck_assert_msg(r.part[i].dir == 0, "%s at bar %d", score_sub_name(i), t);
        ck_assert(r.value == 0 && r.confidence == 0 && r.groups == 0);
    }
    free(s);
}
END_TEST

START_TEST(a_market_that_goes_flat_falls_silent)
{
    struct score_tf *s = calloc(1, sizeof *s);
    struct score r = {0};
    struct candle *c = plain_walk(400, 8), last;

    start();
    score_tf_init(s);
    for (int t = 0; t < 400; t++)
        score_tf_push(s, &weights, &c[t], NULL, &r);
    last = c[399];
    last.open = last.high = last.low = last.close;
    last.volume = 0;
    for (int t = 0; t < 5000; t++)
        score_tf_push(s, &weights, &last, NULL, &r);
    ck_assert_int_eq(r.value, 0);
    free(s);
    free(c);
}
END_TEST

START_TEST(microstructure_adds_at_most_twenty_and_ignores_what_is_not_finite)
{
    struct candle *c = plain_walk(250, 2);
    struct score_tf *s = calloc(1, sizeof *s), *copy = calloc(1, sizeof *s);
    struct score off, on;
    const struct score_micro all = {
        .buy_volume = 3, .sell_volume = 1, .basis = -0.01, .funding = -0.01, .bid_share = 0.9};
    const struct score_micro odd = {.buy_volume = NAN, .sell_volume = 1, .basis = INFINITY,
                                    .funding = NAN, .bid_share = 0.55};

    start();
    score_tf_init(s);
    for (int t = 0; t < 249; t++)
        score_tf_push(s, &weights, &c[t], NULL, &off);
    memcpy(copy, s, sizeof *s);
    score_tf_push(copy, &weights, &c[249], NULL, &off);
    ck_assert(off.micro == 0);
    memcpy(copy, s, sizeof *s);
    score_tf_push(copy, &weights, &c[249], &all, &on);
    ck_assert(fabs(on.micro - 20) < 1e-12 && on.base == off.base && on.value == off.value + 20);
    memcpy(copy, s, sizeof *s);
    score_tf_push(copy, &weights, &c[249], &odd, &on);
    ck_assert(on.micro_part[MICRO_FLOW] == 0 && on.micro_part[MICRO_FUNDING] == 0);
    ck_assert(on.micro_part[MICRO_BASIS] == 0 && fabs(on.micro_part[MICRO_DEPTH] - 2.5) < 1e-9);
    free(copy);
    free(s);
    free(c);
}
END_TEST

START_TEST(classes_change_exactly_at_30_50_70_and_90)
{
    ck_assert_int_eq(score_class_of(29), CLASS_NEUTRAL);
    ck_assert_int_eq(score_class_of(30), CLASS_BUY_WEAK);
    ck_assert_int_eq(score_class_of(49), CLASS_BUY_WEAK);
    ck_assert_int_eq(score_class_of(50), CLASS_BUY);
    ck_assert_int_eq(score_class_of(70), CLASS_STRONG_BUY);
    ck_assert_int_eq(score_class_of(90), CLASS_EXTREME_BUY);
    ck_assert_int_eq(score_class_of(130), CLASS_EXTREME_BUY);
    for (int v = 0; v <= 130; v++)
        ck_assert_int_eq(score_class_of(v) - CLASS_NEUTRAL, CLASS_NEUTRAL - score_class_of(-v));
    ck_assert_int_eq(score_direction(30), 1);
    ck_assert_int_eq(score_direction(-29), 0);
    ck_assert_str_eq(score_class_name(CLASS_EXTREME_SELL), "EXTREME_SELL");
}
END_TEST

START_TEST(an_unknown_weight_is_refused_by_name)
{
    struct score_weights w;

    score_weights_default(&w);
    ck_assert_int_eq(score_weight_set(&w, "rsi.zone", 2.5), ERR_OK);
    ck_assert(w.sub[SUB_RSI_ZONE] == 2.5);
    ck_assert_int_eq(score_weight_set(&w, "bb", 0), ERR_OK);
    ck_assert(w.max[IND_BB] == 0);
    ck_assert_int_eq(score_weight_set(&w, "rsi.jLine", 1), ERR_UNKNOWN);
    ck_assert_int_eq(score_weight_set(&w, "", 1), ERR_UNKNOWN);
    ck_assert_int_eq(score_weight_set(&w, "rsi", NAN), ERR_RANGE);
    ck_assert_int_eq(score_weight_set(&w, "rsi", -1), ERR_RANGE);
    ck_assert_int_eq(score_weight_set(&w, "rsi", 1000), ERR_OK);
    ck_assert_int_eq(score_weight_set(&w, "rsi", 1000.5), ERR_RANGE);
    double sum = 0;
    score_weights_default(&w);
    for (int i = 0; i < IND_COUNT; i++)
        sum += w.max[i];
    ck_assert(sum == 140);
}
END_TEST

START_TEST(everything_has_a_name_and_what_is_none_has_not)
{
    ck_assert_str_eq(score_ind_name(IND_STOCH), "stoch");
    ck_assert_str_eq(score_ind_name(IND_COUNT), "?");
    ck_assert_str_eq(score_sub_name(SUB_KDJ_J_LINE), "kdj.j_line");
    ck_assert_str_eq(score_sub_name(SUB_COUNT), "?");
    ck_assert_str_eq(score_group_name(GROUP_OSCILLATORS), "oscillators");
    ck_assert_str_eq(score_group_name(GROUP_BANDS), "bands");
    ck_assert_str_eq(score_group_name(GROUP_COUNT), "?");
    ck_assert_str_eq(score_class_name(CLASS_COUNT), "?");
    ck_assert_str_eq(score_micro_name(MICRO_FLOW), "flow");
    ck_assert_str_eq(score_micro_name(MICRO_DEPTH), "depth");
    ck_assert_str_eq(score_micro_name(MICRO_COUNT), "?");
}
END_TEST

START_TEST(divergences_are_counted_by_side)
{
    struct score r = {0};
    r.part[SUB_RSI_DIVERGENCE].dir = r.part[SUB_STOCH_DIVERGENCE].dir = 1;
    r.part[SUB_OBV_DIVERGENCE].dir = -1;
    r.part[SUB_RSI_ZONE].dir = 1; /* none of them */
    ck_assert_int_eq(score_divergences(&r, 1), 2);
    ck_assert_int_eq(score_divergences(&r, -1), 1);
    ck_assert_int_eq(score_divergences(&r, 0), 0);
}
END_TEST

/* Two lows eight bars apart, the second lower while the indicator is higher. */
START_TEST(a_divergence_counts_at_its_confirming_bar_and_the_next_four)
{
    struct divergence *d = calloc(1, sizeof *d);
    bool hidden;

    div_init(d);
    ck_assert_int_eq(div_now(d, DIV_RSI, &hidden), 0); /* before the first bar */
    for (int t = 0; t < 30; t++) {
        struct div_bar b = {.high = 200, .low = 100, .atr = 1, .ready = 1, .valid = 1};
        b.ind[DIV_RSI] = 50;
        if (t == 10 || t == 18) {
            b.low = t == 10 ? 90 : 89;
            b.ind[DIV_RSI] = t == 10 ? 20 : 30;
        }
        div_push(d, &b);
        const int dir = div_now(d, DIV_RSI, &hidden);
        ck_assert_msg(dir == (t >= 20 && t <= 24), "bar %d: %d", t, dir);
        ck_assert_int_eq(div_now(d, DIV_WILLR, &hidden), 0);
    }
    free(d);
}
END_TEST

START_TEST(pivots_too_near_too_far_or_too_alike_make_no_divergence)
{
    static const struct {
        int apart;
        double low, ind, atr;
        int want;
    } cases[] = {
        {5, 89, 30, 1, 1},   {4, 89, 30, 1, 0},    {60, 89, 30, 1, 1},   {61, 89, 30, 1, 0},
        {8, 89, 22, 1, 1},   {8, 89, 21.9, 1, 0},  {8, 89, 30, 10, 1},   {8, 89, 30, 10.1, 0},
        {8, 89, 30, 0, 0},   {8, 91, 10, 1, 2},    {8, 91, 30, 1, 0},    {8, 89, 10, 1, 0},
    };
    struct divergence *d = calloc(1, sizeof *d);

    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        int got = 0;
        div_init(d);
        for (int t = 0; t <= 12 + cases[k].apart; t++) {
            bool hidden = false;
            struct div_bar b = {
                .high = 200, .low = 100, .atr = cases[k].atr, .ready = 1, .valid = 1};
            b.ind[DIV_RSI] = 50;
            if (t == 10)
                b.low = 90, b.ind[DIV_RSI] = 20;
            if (t == 10 + cases[k].apart)
                b.low = cases[k].low, b.ind[DIV_RSI] = cases[k].ind;
            div_push(d, &b);
            got = div_now(d, DIV_RSI, &hidden) * (hidden ? 2 : 1);
        }
        ck_assert_msg(got == cases[k].want, "case %zu: %d", k, got);
    }
    free(d);
}
END_TEST

START_TEST(restored_at_every_bar_equals_never_having_stopped)
{
    enum { N = 600 };
    struct candle *c = plain_walk(N, 21);
    struct score_tf *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    unsigned char *bytes = malloc(sizeof *a);
    struct score ra, rb;

    start();
    score_tf_init(a);
    score_tf_init(b);
    for (int t = 0; t < N; t++) {
        score_tf_push(a, &weights, &c[t], NULL, &ra);
        memcpy(bytes, b, sizeof *b);
        memset(b, 0xff, sizeof *b);
        memcpy(b, bytes, sizeof *b);
        score_tf_push(b, &weights, &c[t], NULL, &rb);
        ck_assert(memcmp(&ra, &rb, sizeof ra) == 0);
    }
    free(bytes);
    free(a);
    free(b);
    free(c);
}
END_TEST

/* History given at once, both timeframes, and the same bars one by one as they came. */
START_TEST(a_batch_equals_the_bars_as_they_came_bit_for_bit)
{
    enum { N = 4000 };
    struct candle *c = plain_walk(N, 31), *confirm = calloc(N / 5, sizeof *confirm);
    struct strategy_score *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    struct strategy_score_params p;
    struct score_signal g;

    strategy_score_params_default(&p);
    for (int i = 0; i < N / 5; i++) {
        confirm[i] = c[5 * i];
        confirm[i].tf_ns = 5 * PLAIN_MINUTE;
        confirm[i].close = c[5 * i + 4].close;
        for (int k = 1; k < 5; k++) {
            confirm[i].high = fmax(confirm[i].high, c[5 * i + k].high);
            confirm[i].low = fmin(confirm[i].low, c[5 * i + k].low);
            confirm[i].volume += c[5 * i + k].volume;
        }
    }
    for (int given = 0; given < 2; given++) {
        strategy_score_init(a, PLAIN_MINUTE, 5 * PLAIN_MINUTE);
        strategy_score_init(b, PLAIN_MINUTE, 5 * PLAIN_MINUTE);
        score_warm_up(a, &p, c, N, confirm, given == 0 ? 0 : N / 5);
        for (int t = 0; t < N; t++)
            score_on_bar(b, &p, &c[t], NULL, true, &g);
        ck_assert_msg(memcmp(a, b, sizeof *a) == 0, "with %s",
                      given ? "both" : "primary bars only");
    }
    free(a);
    free(b);
    free(confirm);
    free(c);
}
END_TEST

TESTS("score", every_sub_signal_equals_its_plain_definition,
      every_sub_signal_equals_its_plain_definition_on_recorded_candles,
      mirrored_prices_mirror_the_score, a_flat_market_says_nothing_at_all,
      a_market_that_goes_flat_falls_silent,
      microstructure_adds_at_most_twenty_and_ignores_what_is_not_finite,
      classes_change_exactly_at_30_50_70_and_90, an_unknown_weight_is_refused_by_name,
      everything_has_a_name_and_what_is_none_has_not, divergences_are_counted_by_side,
      a_divergence_counts_at_its_confirming_bar_and_the_next_four,
      pivots_too_near_too_far_or_too_alike_make_no_divergence,
      restored_at_every_bar_equals_never_having_stopped,
      a_batch_equals_the_bars_as_they_came_bit_for_bit)
