/* Alignment, gates, the edge, aggregation inside the strategy, restarts. */
#include <time.h>

#include "libagent/core/strategy_score.h"
#include "proto/err.h"
#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

static struct strategy_score_params params;

static struct strategy_score *fresh(void)
{
    struct strategy_score *s = calloc(1, sizeof *s);
    strategy_score_params_default(&params);
    ck_assert_int_eq(strategy_score_init(s, PLAIN_MINUTE, 5 * PLAIN_MINUTE), ERR_OK);
    return s;
}

/* What the strategy must say, from scores of two timeframes that are computed apart from it. */
struct oracle {
    struct score_tf p_tf, s_tf;
    struct score p, s;
    int fired;
};

static enum score_verdict oracle_bar(struct oracle *o, const struct candle *c, int t)
{
    score_tf_push(&o->p_tf, &params.weights, &c[t], NULL, &o->p);
    if (t % 5 == 4) {
        struct candle h = c[t - 4];
        h.tf_ns = 5 * PLAIN_MINUTE;
        for (int i = t - 3; i <= t; i++) {
            h.high = fmax(h.high, c[i].high);
            h.low = fmin(h.low, c[i].low);
            h.volume += c[i].volume;
        }
        h.close = c[t].close;
        score_tf_push(&o->s_tf, &params.weights, &h, NULL, &o->s);
    }
    const int P = o->p.value, S = o->s.value, dir = P > 0 ? 1 : -1;
    const int dp = abs(P) < 30 ? 0 : dir, ds = abs(S) < 30 ? 0 : S > 0 ? 1 : -1;
    if (t < 999)
        return SCORE_NOT_READY;
    if (abs(P) < 50) {
        o->fired = 0;
        return SCORE_BELOW_SCORE;
    }
    if (o->fired == dir)
        return SCORE_USED;
    o->fired = 0;
    if (dp * ds < 0)
        return SCORE_DIVERGENT;
    const double combined = ds == dp ? 0.7 * P + 0.3 * S : 0.85 * P + 0.15 * S;
    if (fabs(combined) < 40 - 1e-9)
        return SCORE_COMBINED;
    if (o->p.confidence < 60 - 1e-9)
        return SCORE_CONFIDENCE;
    if (o->p.groups < 2)
        return SCORE_GROUPS;
    o->fired = dir;
    return SCORE_FIRED;
}

START_TEST(says_for_every_bar_what_the_definitions_say)
{
    enum { N = 12000 };
    int64_t seen[SCORE_VERDICT_COUNT] = {0};

    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct strategy_score *s = fresh();
        struct candle *c = plain_walk(N, seed);
        struct oracle *o = calloc(1, sizeof *o);
        struct score_signal g;

        score_tf_init(&o->p_tf);
        score_tf_init(&o->s_tf);
        for (int t = 0; t < N; t++) {
            const enum score_verdict want = oracle_bar(o, c, t);
            const enum score_verdict got = score_on_bar(s, &params, &c[t], NULL, false, &g);
            ck_assert_msg(got == want, "bar %d: %s, want %s", t, score_verdict_name(got),
                          score_verdict_name(want));
            seen[got]++;
            if (got != SCORE_FIRED)
                continue;
            ck_assert_int_eq(g.close_ns, c[t].start_ns + PLAIN_MINUTE);
            ck_assert_int_eq(g.primary_score, o->p.value);
            ck_assert_int_eq(g.confirm_score, o->s.value);
            ck_assert(g.dir * g.primary_score >= 50 && g.atr > 0 && g.close == c[t].close);
            double rank = fabs(g.combined) + 5 * score_divergences(&o->p, g.dir);
            const int apart = abs(g.primary_score - g.confirm_score);
            rank += g.align == SCORE_FULL ? 10 : 0;
            rank += apart <= 10 ? 8 : apart <= 25 ? 5 : 0;
            rank += abs(g.confirm_score) >= 30 ? 5 : 0;
            ck_assert(fabs(rank - g.rank) < 1e-9);
        }
        for (int i = 0, sum = 0; i < SCORE_VERDICT_COUNT; i++) {
            sum += (int)s->funnel[i];
            if (i == SCORE_VERDICT_COUNT - 1)
                ck_assert_int_eq(sum, N);
        }
        free(o);
        free(c);
        free(s);
    }
    printf("funnel of 48000 random bars:");
    for (int i = 0; i < SCORE_VERDICT_COUNT; i++)
        printf(" %s %lld", score_verdict_name(i), (long long)seen[i]);
    printf("\n");
    ck_assert(seen[SCORE_FIRED] > 0 && seen[SCORE_USED] > 0 && seen[SCORE_DIVERGENT] > 0);
}
END_TEST

/* Gates that a default market seldom reaches refuse when they are set to. */
START_TEST(every_gate_refuses_and_says_so)
{
    enum { N = 6000 };
    struct candle *c = plain_walk(N, 3);
    const struct score_micro wide = {.spread = 0.01}, tight = {.spread = 0.0005},
                             odd = {.spread = NAN};

    for (int k = 0; k < 6; k++) {
        struct strategy_score *s = fresh();
        struct score_signal g;
        const struct score_micro *m = k == 3 ? &wide : k == 4 ? &tight : k == 5 ? &odd : NULL;
        if (k == 0)
            params.min_combined = 1000;
        else if (k == 1)
            params.min_confidence = 100.1;
        else if (k == 2)
            params.min_groups = 5;
        for (int t = 0; t < N; t++)
            score_on_bar(s, &params, &c[t], m, false, &g);
        const enum score_verdict want[] = {SCORE_COMBINED, SCORE_CONFIDENCE, SCORE_GROUPS,
                                           SCORE_SPREAD,   SCORE_FIRED,      SCORE_SPREAD};
        ck_assert_msg(s->funnel[want[k]] > 0, "%s", score_verdict_name(want[k]));
        ck_assert((s->funnel[SCORE_FIRED] == 0) == (k != 4));
        free(s);
    }
    free(c);
}
END_TEST

START_TEST(warm_up_bars_arm_and_consume_but_never_fire)
{
    enum { N = 6000 };
    struct candle *c = plain_walk(N, 4);
    struct strategy_score *live = fresh(), *warm = fresh();
    struct score_signal g, h;
    int64_t would = 0;

    for (int t = 0; t < N; t++) {
        const enum score_verdict a = score_on_bar(live, &params, &c[t], NULL, false, &g);
        const enum score_verdict b = score_on_bar(warm, &params, &c[t], NULL, t < N - 100, &h);
        ck_assert(b == (a == SCORE_FIRED && t < N - 100 ? SCORE_WARM_UP : a));
        ck_assert(live->fired == warm->fired);
        would += b == SCORE_WARM_UP;
    }
    ck_assert_int_gt(would, 0);
    ck_assert(warm->funnel[SCORE_WARM_UP] == would);
    free(live);
    free(warm);
    free(c);
}
END_TEST

START_TEST(restored_at_every_bar_equals_never_having_stopped)
{
    enum { N = 3000 };
    struct candle *c = plain_walk(N, 6);
    struct strategy_score *a = fresh(), *b = fresh();
    unsigned char *bytes = malloc(sizeof *a);
    struct score_signal ga, gb;
    int fired = 0;

    for (int t = 0; t < N; t++) {
        memset(&ga, 0, sizeof ga);
        memset(&gb, 0, sizeof gb);
        const enum score_verdict va = score_on_bar(a, &params, &c[t], NULL, false, &ga);
        memcpy(bytes, b, sizeof *b);
        memset(b, 0x5a, sizeof *b);
        ck_assert_int_eq(strategy_score_restore(b, bytes, sizeof *b), ERR_OK);
        ck_assert_int_eq(score_on_bar(b, &params, &c[t], NULL, false, &gb), va);
        ck_assert(memcmp(&ga, &gb, sizeof ga) == 0 && memcmp(&a->p, &b->p, sizeof a->p) == 0);
        ck_assert(memcmp(&a->s, &b->s, sizeof a->s) == 0);
        fired += va == SCORE_FIRED;
    }
    ck_assert_int_gt(fired, 0);
    ck_assert_int_eq(strategy_score_restore(b, bytes, sizeof *b - 1), ERR_TRUNCATED);
    bytes[0] ^= 0xff;
    ck_assert_int_eq(strategy_score_restore(b, bytes, sizeof *b), ERR_VERSION);
    bytes[0] ^= 0xff;
    bytes[offsetof(struct strategy_score, size)] ^= 1;
    ck_assert_int_eq(strategy_score_restore(b, bytes, sizeof *b), ERR_VERSION);
    free(bytes);
    free(a);
    free(b);
    free(c);
}
END_TEST

START_TEST(later_bars_never_change_an_earlier_answer)
{
    enum { N = 2500, CUT = 1800 };
    struct candle *c = plain_walk(N, 12), *d = plain_walk(N, 13);
    struct strategy_score *a = fresh(), *b = fresh();
    struct score_signal ga, gb;

    memcpy(d, c, CUT * sizeof *c);      /* the same past, another future */
    for (int t = 0; t < N; t++) {
        const enum score_verdict va = score_on_bar(a, &params, &c[t], NULL, false, &ga);
        const enum score_verdict vb = score_on_bar(b, &params, &d[t], NULL, false, &gb);
        if (t < CUT)
            ck_assert(va == vb && memcmp(&a->p, &b->p, sizeof a->p) == 0);
    }
    free(a);
    free(b);
    free(c);
    free(d);
}
END_TEST

/* Confirm history that reaches further back, then primary bars: the same as all primary bars. */
START_TEST(fed_confirm_bars_replace_the_ones_made_from_primary_bars)
{
    enum { N = 4000, FROM = 1997, H = N / 5 };
    struct candle *c = plain_walk(N + 1000, 14), *h = calloc(H, sizeof *h);
    struct strategy_score *all = fresh(), *fed = fresh();
    struct score_signal ga, gb;
    struct candle_agg agg;
    int n = 0;

    candle_agg_init(&agg, 5 * PLAIN_MINUTE);
    for (int t = 0; t < N; t++) {
        struct candle out[2];
        if (candle_agg_push(&agg, &c[t], out) == 1)
            h[n++] = out[0];
    }
    ck_assert_int_eq(n, H);
    for (int t = 0; t < N; t++)
        score_on_bar(all, &params, &c[t], NULL, true, &ga);
    score_warm_up(fed, &params, c + FROM, N - FROM, h, H);
    ck_assert(memcmp(&all->s, &fed->s, sizeof all->s) == 0);
    ck_assert_int_eq(all->confirm_start_ns, fed->confirm_start_ns);
    for (int t = N; t < N + 1000; t++) {
        score_on_bar(all, &params, &c[t], NULL, false, &ga);
        score_on_bar(fed, &params, &c[t], NULL, false, &gb);
        ck_assert(memcmp(&all->s, &fed->s, sizeof all->s) == 0);
    }
    free(all);
    free(fed);
    free(c);
    free(h);
}
END_TEST

START_TEST(a_bad_candle_is_counted_and_changes_nothing_else)
{
    struct strategy_score *s = fresh(), *before = calloc(1, sizeof *before);
    struct candle *c = plain_walk(400, 15);
    struct score_signal g;

    for (int t = 0; t < 300; t++)
        score_on_bar(s, &params, &c[t], NULL, false, &g);
    const struct {
        struct candle c;
        enum candle_verdict want;
    } bad[] = {
        {c[299], CANDLE_DUPLICATE},
        {c[100], CANDLE_BACKWARDS},
        {{c[300].start_ns, PLAIN_MINUTE, NAN, 1, 1, 1, 1}, CANDLE_NOT_FINITE},
        {{c[300].start_ns, PLAIN_MINUTE, 1e6, 1e6, 1e6, 1e6, 1}, CANDLE_JUMP},
        {{c[300].start_ns, 5 * PLAIN_MINUTE, 1000, 1000, 1000, 1000, 1}, CANDLE_OTHER_TIMEFRAME},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(before, s, sizeof *s);
        ck_assert_int_eq(score_on_bar(s, &params, &bad[i].c, NULL, false, &g), SCORE_BAD_CANDLE);
        ck_assert_msg(s->last_candle == (int)bad[i].want, "%s",
                      candle_verdict_name(s->last_candle));
        ck_assert_int_eq(s->funnel[SCORE_BAD_CANDLE], before->funnel[SCORE_BAD_CANDLE] + 1);
        s->funnel[SCORE_BAD_CANDLE]--;
        s->last_candle = before->last_candle;
        ck_assert(memcmp(before, s, sizeof *s) == 0);
    }
    ck_assert_int_eq(score_on_bar(s, &params, &c[302], NULL, false, &g), SCORE_NOT_READY);
    ck_assert(s->last_candle == CANDLE_GAP && s->gaps == 1);
    free(before);
    free(s);
    free(c);
}
END_TEST

START_TEST(a_first_bar_that_is_none_and_a_confirm_bar_that_does_not_fit_are_left_out)
{
    struct strategy_score *s = fresh();
    struct score_signal g;
    struct candle bad = {0, PLAIN_MINUTE, NAN, 1, 1, 1, 1}, c = {0, 7 * PLAIN_MINUTE, 1, 1, 1, 1, 1};
    ck_assert_int_eq(score_on_bar(s, &params, &bad, NULL, false, &g), SCORE_BAD_CANDLE);
    ck_assert_int_eq(s->last_candle, CANDLE_NOT_FINITE);
    ck_assert_int_eq(score_on_confirm(s, &params, &c), CANDLE_OTHER_TIMEFRAME);
    ck_assert_int_eq(s->confirm.bars, 0);
    c.tf_ns = s->confirm_ns;
    ck_assert_int_eq(score_on_confirm(s, &params, &c), CANDLE_OK);
    c.start_ns += 3 * c.tf_ns;
    ck_assert_int_eq(score_on_confirm(s, &params, &c), CANDLE_GAP);
    ck_assert_int_eq(score_on_confirm(s, &params, &c), CANDLE_DUPLICATE);
    ck_assert_int_eq(s->confirm.bars, 2);
    ck_assert_str_eq(score_verdict_name(SCORE_GROUPS), "GROUPS");
    ck_assert_str_eq(score_verdict_name((enum score_verdict)99), "?");
    free(s);
}
END_TEST

START_TEST(timeframes_that_do_not_fit_are_refused)
{
    struct strategy_score *s = calloc(1, sizeof *s);
    ck_assert_int_eq(strategy_score_init(s, 0, 5), ERR_RANGE);
    ck_assert_int_eq(strategy_score_init(s, 5, 5), ERR_RANGE);
    ck_assert_int_eq(strategy_score_init(s, 5, 12), ERR_RANGE);
    free(s);
}
END_TEST

static void run_recorded(const char *name, int64_t tf_ns, int64_t confirm_ns, int max)
{
    int n;
    struct candle *c = plain_load(name, tf_ns, max, &n);
    struct strategy_score *s = fresh();
    struct score_signal g = {0};
    struct timespec from, to;

    if (c == NULL) {
        printf("not there, left out: %s\n", name);
        free(s);
        return;
    }
    ck_assert_int_eq(strategy_score_init(s, tf_ns, confirm_ns), ERR_OK);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int t = 0; t < n; t++) {
        score_on_bar(s, &params, &c[t], NULL, false, &g);
        ck_assert(isfinite(s->p.confidence) && abs(s->p.value) <= 130 && isfinite(g.rank));
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    ck_assert_int_eq(s->funnel[SCORE_BAD_CANDLE], 0);
    ck_assert_int_gt(s->funnel[SCORE_FIRED], 0);
    const double days = (double)(c[n - 1].start_ns - c[0].start_ns) / 86400e9;
    printf("%s: %d bars, %.2f signals a day, %.0f ns a bar:", name, n,
           (double)s->funnel[SCORE_FIRED] / days,
           ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / n);
    for (int i = 0; i < SCORE_VERDICT_COUNT; i++)
        printf(" %s %lld", score_verdict_name(i), (long long)s->funnel[i]);
    printf("\n");
    free(s);
    free(c);
}

START_TEST(recorded_candles_fire_and_stay_finite)
{
    run_recorded("kucoin-futures_XBTUSDTM_15m_2025-12_2026-01.csv.gz", 15 * PLAIN_MINUTE,
                 60 * PLAIN_MINUTE, 3000);
    run_recorded("binance-spot_BTCUSDT_15m_2024-01_2024-09.csv.gz", 15 * PLAIN_MINUTE,
                 60 * PLAIN_MINUTE, 30000);
    run_recorded("binance-spot_ETHUSDT_1m_2024-07_2024-08.csv.gz", PLAIN_MINUTE, 5 * PLAIN_MINUTE,
                 45000);
}
END_TEST

TESTS("strategy_score", says_for_every_bar_what_the_definitions_say, every_gate_refuses_and_says_so,
      warm_up_bars_arm_and_consume_but_never_fire,
      restored_at_every_bar_equals_never_having_stopped, later_bars_never_change_an_earlier_answer,
      fed_confirm_bars_replace_the_ones_made_from_primary_bars,
      a_bad_candle_is_counted_and_changes_nothing_else,
      a_first_bar_that_is_none_and_a_confirm_bar_that_does_not_fit_are_left_out,
      timeframes_that_do_not_fit_are_refused,
      recorded_candles_fire_and_stay_finite)
