/* Indicators: hand-computed values, a plain recomputation, readiness, flat markets, restarts. */
#define TEST_TIMEOUT 300
#include <stddef.h>
#include <time.h>

#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

/* Within 1e-9 of the column's largest value, and ready from the same bar on. */
static void column(const char *series, const char *what, const struct ta_bar *bars, size_t at,
                   int which, const double *want, int n)
{
    double scale = 0;

    for (int t = 0; t < n; t++)
        scale = isnan(want[t]) ? scale : fmax(scale, fabs(want[t]));
    for (int t = 0; t < n; t++) {
        const struct ta_value *v = (const void *)((const char *)&bars[t] + at);
        if (v->ready == !isnan(want[t]) &&
            (v->ready ? fabs(v->v[which] - want[t]) <= 1e-9 * scale
                      : v->v[which] == 0 && !v->valid))
            continue;
        ck_abort_msg("%s: %s at bar %d: %s %.17g, want %.17g", series, what, t,
                     v->ready ? "ready," : "not ready,", v->v[which], want[t]);
    }
}

static void compare(const char *series, const struct candle *c, int n)
{
    struct plain p = plain_indicators(c, n);
    struct ta *ta = calloc(1, sizeof *ta);
    struct ta_bar *b = calloc((size_t)n, sizeof *b);

    ta_init(ta);
    for (int t = 0; t < n; t++)
        ta_push(ta, &c[t], &b[t]);
#define COLUMN(field, which, want)                                                                 \
    column(series, #want, b, offsetof(struct ta_bar, field), which, p.want, n)
    COLUMN(rsi, 0, rsi);
    COLUMN(macd, 0, line);
    COLUMN(macd, 1, signal);
    COLUMN(macd, 2, hist);
    COLUMN(willr, 0, willr);
    COLUMN(ao, 0, ao);
    COLUMN(stoch, 0, stoch_k);
    COLUMN(stoch, 1, stoch_d);
    COLUMN(bb, 0, lower);
    COLUMN(bb, 1, middle);
    COLUMN(bb, 2, upper);
    COLUMN(kdj, 0, kdj_k);
    COLUMN(kdj, 1, kdj_d);
    COLUMN(kdj, 2, kdj_j);
    COLUMN(obv, 0, obv);
    COLUMN(atr, 0, atr);
    COLUMN(ema[TA_EMA9], 0, ema[0]);
    COLUMN(ema[TA_EMA21], 0, ema[1]);
    COLUMN(ema[TA_EMA50], 0, ema[2]);
    COLUMN(ema[TA_EMA200], 0, ema[3]);
#undef COLUMN
    free(b);
    free(ta);
    plain_free(&p);
}

START_TEST(equals_a_plain_recomputation_on_random_walks)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct candle *c = plain_walk(1500, seed);
        compare("walk", c, 1500);
        free(c);
    }
}
END_TEST

START_TEST(equals_a_plain_recomputation_on_recorded_candles)
{
    printf("%d files of recorded candles compared\n", plain_each(50000, compare));
}
END_TEST

/* Worked with pencil: changes +1, -1, +2 and periods of 2. */
START_TEST(equals_values_worked_by_hand)
{
    struct ta_rsi rsi;
    struct ta_ema ema;
    struct ta_atr atr;
    struct ta_mean mean;
    struct ta_bbands bb;
    struct ta_obv obv = {0};
    double win[2], bbwin[2];
    const double close[] = {1, 2, 1, 3};
    struct ta_value r = {0}, e = {0}, a = {0}, m = {0}, b = {0}, o = {0};

    ta_rsi_init(&rsi, 2);
    ta_ema_init(&ema, 2);
    ta_atr_init(&atr, 2);
    ta_mean_init(&mean, 2);
    ta_bbands_init(&bb, 2, 2);
    for (int i = 0; i < 4; i++) {
        r = ta_rsi_push(&rsi, close[i]);
        e = ta_ema_push(&ema, close[i]);
        a = ta_atr_push(&atr, close[i] + 0.5, close[i] - 0.5, close[i]);
        m = ta_mean_push(&mean, win, close[i]);
        b = ta_bbands_push(&bb, bbwin, close[i]);
        o = ta_obv_push(&obv, close[i], 10 * (i + 1));
        if (i == 2) {
            ck_assert_double_eq_tol(r.v[0], 50, 1e-12);          /* gain 0.5, loss 0.5 */
            ck_assert_double_eq_tol(a.v[0], 1.5, 1e-12);         /* true ranges 1.5, 1.5 */
        }
    }
    ck_assert_double_eq_tol(r.v[0], 100 * 1.25 / 1.5, 1e-12);    /* gain 1.25, loss 0.25 */
    ck_assert_double_eq_tol(e.v[0], 1.5 - 0.5 * 2 / 3 + (3 - (1.5 - 0.5 * 2 / 3)) * 2 / 3, 1e-12);
    ck_assert_double_eq_tol(a.v[0], 2, 1e-12);                   /* (1.5 + 2.5) / 2 */
    ck_assert_double_eq_tol(m.v[0], 2, 1e-12);
    ck_assert_double_eq_tol(b.v[0], 0, 1e-12);                   /* 2 - 2 x 1 */
    ck_assert_double_eq_tol(b.v[2], 4, 1e-12);
    ck_assert(o.v[0] == 10 + 20 - 30 + 40);
}
END_TEST

START_TEST(is_ready_where_ta_lib_is)
{
    struct candle *c = plain_walk(300, 3);
    struct ta *ta = calloc(1, sizeof *ta);
    struct ta_bar b;

    ta_init(ta);
    for (int t = 0; t < 300; t++) {
        ta_push(ta, &c[t], &b);
        ck_assert(b.rsi.ready == (t >= 14) && b.atr.ready == (t >= 14) &&
                  b.willr.ready == (t >= 13));
        ck_assert(b.macd.ready == (t >= 33) && b.stoch.ready == (t >= 17) &&
                  b.bb.ready == (t >= 19));
        ck_assert(b.ao.ready == (t >= 33) && b.kdj.ready == (t >= 8) && b.obv.ready);
        ck_assert(b.ema[TA_EMA200].ready == (t >= 199) && b.ema[TA_EMA9].ready == (t >= 8));
    }
    free(ta);
    free(c);
}
END_TEST

START_TEST(keeps_ta_libs_value_but_not_valid_in_a_flat_market)
{
    struct ta *ta = calloc(1, sizeof *ta);
    struct ta_bar b;
    struct candle c = {0, PLAIN_MINUTE, 0.1, 0.1, 0.1, 0.1, 0};

    ta_init(ta);
    for (int t = 0; t < 300; t++, c.start_ns += c.tf_ns)
        ta_push(ta, &c, &b);
    ck_assert(b.rsi.ready && !b.rsi.valid && b.rsi.v[0] == 0);
    ck_assert(b.willr.ready && !b.willr.valid && b.willr.v[0] == 0);
    ck_assert(b.stoch.ready && !b.stoch.valid && b.stoch.v[0] == 0 && b.stoch.v[1] == 0);
    ck_assert(b.kdj.ready && !b.kdj.valid && b.kdj.v[2] == 50);
    ck_assert(b.bb.ready && !b.bb.valid && b.bb.v[0] == 0.1 && b.bb.v[1] == 0.1 &&
              b.bb.v[2] == 0.1);
    ck_assert(b.atr.ready && !b.atr.valid && b.atr.v[0] == 0);
    ck_assert(b.ao.v[0] == 0 && fabs(b.macd.v[0]) < 1e-15 && b.obv.v[0] == 0);
    free(ta);
}
END_TEST

START_TEST(a_stochastic_is_valid_again_only_when_no_flat_bar_is_in_it)
{
    struct ta_stoch s;
    double win[TA_STOCH_WIN(3, 3)];
    struct ta_value v;

    ta_stoch_init(&s, 3, 3);
    for (int i = 0; i < 9; i++)
        ta_stoch_push(&s, win, true, 5, 5, 5);
    for (int i = 0; i < 5; i++) {
        v = ta_stoch_push(&s, win, true, 6, 4, 5);
        ck_assert_int_eq(v.valid, i == 4);
    }
    ck_assert_double_eq_tol(v.v[1], 50, 1e-12);
}
END_TEST

START_TEST(a_spike_leaves_no_trace_once_its_window_has_turned_over)
{
    struct ta_bbands b;
    double win[20];
    struct ta_value v = {0};

    ta_bbands_init(&b, 20, 2);
    for (int t = 0; t < 100; t++)
        v = ta_bbands_push(&b, win, t == 45 ? 1e9 : 1000 + t % 2);
    ck_assert_double_eq_tol(v.v[1], 1000.5, 1e-9);
    ck_assert_double_eq_tol(v.v[2], 1001.5, 1e-9);
}
END_TEST

START_TEST(stays_finite_at_the_ends_of_the_allowed_range)
{
    struct ta *ta = calloc(1, sizeof *ta);
    struct ta_bar b;
    uint64_t seed = 9;

    ta_init(ta);
    for (int t = 0; t < 5000; t++) {
        const double top = plain_random(&seed) % 3 ? CANDLE_PRICE_MAX : CANDLE_PRICE_MIN;
        const double end = plain_random(&seed) % 2 ? CANDLE_PRICE_MIN : top;
        struct candle c = {0, 1, top, top, end, end, CANDLE_VOLUME_MAX};
        ta_push(ta, &c, &b);
        const double all[] = {b.rsi.v[0], b.macd.v[0],  b.macd.v[1],  b.macd.v[2], b.willr.v[0],
                              b.ao.v[0],  b.stoch.v[0], b.stoch.v[1], b.bb.v[0],   b.bb.v[1],
                              b.bb.v[2],  b.kdj.v[0],   b.kdj.v[1],   b.kdj.v[2],  b.obv.v[0],
                              b.atr.v[0], b.ema[3].v[0]};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            ck_assert(isfinite(all[i]));
        ck_assert(b.rsi.v[0] >= 0 && b.rsi.v[0] <= 100);
        ck_assert(b.willr.v[0] <= 0 && b.willr.v[0] >= -100 - 1e-9);
    }
    free(ta);
}
END_TEST

static bool same_value(const struct ta_value *a, const struct ta_value *b)
{
    return memcmp(a->v, b->v, sizeof a->v) == 0 && a->ready == b->ready && a->valid == b->valid;
}

static bool same_bar(const struct ta_bar *a, const struct ta_bar *b)
{
    const struct ta_value *x = &a->rsi, *y = &b->rsi;
    for (size_t i = 0; i < sizeof *a / sizeof *x; i++)
        if (!same_value(&x[i], &y[i]))
            return false;
    return true;
}

/* The state moves through bytes between strides, and every bar must be the same bit for bit. */
START_TEST(restored_after_every_stride_equals_never_having_stopped)
{
    static const int strides[] = {1, 2, 3, 5, 7, 13};
    enum { N = 700 };
    struct candle *c = plain_walk(N, 5);
    struct ta_bar *want = calloc(N, sizeof *want), got;
    struct ta *ta = calloc(1, sizeof *ta);
    unsigned char *bytes = malloc(sizeof *ta);

    ta_init(ta);
    for (int t = 0; t < N; t++)
        ta_push(ta, &c[t], &want[t]);
    for (int s = 0; s < 6; s++) {
        ta_init(ta);
        for (int t = 0; t < N; t++) {
            if (t % strides[s] == 0) {
                memcpy(bytes, ta, sizeof *ta);
                memset(ta, 0xa5, sizeof *ta);
                memcpy(ta, bytes, sizeof *ta);
            }
            ta_push(ta, &c[t], &got);
            ck_assert_msg(same_bar(&got, &want[t]), "stride %d, bar %d", strides[s], t);
        }
    }
    free(bytes);
    free(ta);
    free(want);
    free(c);
}
END_TEST

/* Information, not a limit: machines differ. */
START_TEST(prints_what_a_bar_costs)
{
    enum { N = 20000, ROUNDS = 20 };
    struct candle *c = plain_walk(N, 7);
    struct ta *ta = calloc(1, sizeof *ta);
    struct ta_bar b;
    double best = INFINITY, sum = 0;

    for (int r = 0; r < ROUNDS; r++) {
        struct timespec from, to;
        ta_init(ta);
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (int t = 0; t < N; t++) {
            ta_push(ta, &c[t], &b);
            sum += b.rsi.v[0] + b.obv.v[0];
        }
        clock_gettime(CLOCK_MONOTONIC, &to);
        best = fmin(
            best,
            ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / N);
    }
    printf("nine indicators, ATR and four EMAs: %.1f ns a bar (state %zu bytes)\n", best,
           sizeof *ta);
    ck_assert(isfinite(sum));
    free(ta);
    free(c);
}
END_TEST

TESTS("ta", equals_a_plain_recomputation_on_random_walks,
      equals_a_plain_recomputation_on_recorded_candles, equals_values_worked_by_hand,
      is_ready_where_ta_lib_is, keeps_ta_libs_value_but_not_valid_in_a_flat_market,
      a_stochastic_is_valid_again_only_when_no_flat_bar_is_in_it,
      a_spike_leaves_no_trace_once_its_window_has_turned_over,
      stays_finite_at_the_ends_of_the_allowed_range,
      restored_after_every_stride_equals_never_having_stopped, prints_what_a_bar_costs)
