/* Indicators of the strategies: a plain recomputation, own vectors, flat markets, restarts. */
#define TEST_TIMEOUT 120
#include <time.h>

#include "tests/libagent/core/plain.h"
#include "tests/libagent/core/ta_all.h"
#include "tests/runner.h"

#define DAY_NS INT64_C(86400000000000)

/* ---- from the definitions, over whole arrays; NAN: not ready ---- */

struct want {
    double *v[ALL_COUNT][3];
};

static double *wilder_sum(const double *x, int len, int n) /* x[1 ... n-1] summed, then smoothed */
{
    double *s = plain_array(len), sum = 0;
    for (int t = 1; t < len; t++) {
        sum = t < n ? sum + x[t] : sum - sum / n + x[t];
        if (t >= n)
            s[t] = sum;
    }
    return s;
}

static void want_adx(const struct candle *c, int len, struct want *w, const double *tr)
{
    const int n = 14;
    double *up = plain_array(len), *down = plain_array(len), *dx = plain_array(len), sum = 0;
    up[0] = down[0] = 0;
    for (int t = 1; t < len; t++) {
        const double u = c[t].high - c[t - 1].high, d = c[t - 1].low - c[t].low;
        up[t] = u > d && u > 0 ? u : 0;
        down[t] = d > u && d > 0 ? d : 0;
    }
    double *plus = wilder_sum(up, len, n), *minus = wilder_sum(down, len, n),
           *range = wilder_sum(tr, len, n);
    for (int t = n; t < len; t++) {
        const double p = w->v[ALL_DI14][0][t] = 100 * plus[t] / range[t];
        const double m = w->v[ALL_DI14][1][t] = 100 * minus[t] / range[t];
        dx[t] = 100 * fabs(p - m) / (p + m);
        if (t < 2 * n)
            sum += dx[t] / n;
        if (t < 2 * n - 1)
            continue;
        w->v[ALL_ADX14][0][t] =
            t == 2 * n - 1 ? sum : (w->v[ALL_ADX14][0][t - 1] * (n - 1) + dx[t]) / n;
        w->v[ALL_ADX14][1][t] = p;
        w->v[ALL_ADX14][2][t] = m;
    }
    double *temporary[] = {up, down, dx, plus, minus, range};
    for (int i = 0; i < 6; i++)
        free(temporary[i]);
}

static void want_supertrend(const struct candle *c, int len, struct want *w, const double *tr)
{
    double *atr = plain_wilder(tr, len, 10), *up = plain_array(len), *low = plain_array(len);
    double direction = -1;
    for (int t = 10; t < len; t++) {
        const double mid = (c[t].high + c[t].low) / 2;
        up[t] = mid + 3 * atr[t];
        low[t] = mid - 3 * atr[t];
        if (t > 10 && c[t - 1].close <= up[t - 1])
            up[t] = fmin(up[t], up[t - 1]);
        if (t > 10 && c[t - 1].close >= low[t - 1])
            low[t] = fmax(low[t], low[t - 1]);
        if (c[t].close > up[t])
            direction = 1;
        else if (c[t].close < low[t])
            direction = -1;
        w->v[ALL_SUPERTREND][0][t] = direction < 0 ? up[t] : low[t];
        w->v[ALL_SUPERTREND][1][t] = direction;
    }
    free(atr);
    free(up);
    free(low);
}

static double deviation(const double *x, int t, int n, int divisor) /* of x[t-n+1 ... t] */
{
    const double mean = plain_mean(x, t, n);
    double s = 0;
    for (int i = t - n + 1; i <= t; i++)
        s += (x[i] - mean) * (x[i] - mean);
    return sqrt(s / divisor);
}

static struct want recompute(const struct candle *c, int len)
{
    struct want w;
    double *tr = plain_array(len), *ret = plain_array(len), *close = plain_array(len);

    for (int i = 0; i < ALL_COUNT; i++)
        for (int k = 0; k < 3; k++)
            w.v[i][k] = plain_array(len);
    for (int t = 0; t < len; t++) {
        close[t] = c[t].close;
        tr[t] = t == 0 ? 0 : fmax(c[t].high, c[t - 1].close) - fmin(c[t].low, c[t - 1].close);
        ret[t] = t == 0 ? NAN : log(c[t].close) - log(c[t - 1].close);
    }
    want_adx(c, len, &w, tr);
    want_supertrend(c, len, &w, tr);
    double money = 0, volume = 0;
    for (int t = 0; t < len; t++) {
        const double typical = (c[t].high + c[t].low + c[t].close) / 3;
        if (t == 0 || c[t].start_ns / DAY_NS != c[t - 1].start_ns / DAY_NS)
            money = volume = 0;
        money += typical * c[t].volume;
        volume += c[t].volume;
        w.v[ALL_VWAP][0][t] = volume > 0 ? money / volume : typical;
        w.v[ALL_VWAP][1][t] = volume;
        if (t >= 29)
            w.v[ALL_SMA30][0][t] = plain_mean(close, t, 30);
        if (t >= 20)
            w.v[ALL_HV20][0][t] =
                deviation(ret, t, 20, 19) * sqrt(365 * 86400e9 / (double)c[t].tf_ns);
        if (t < 19)
            continue;
        const double up = plain_high(c, t, 20), low = plain_low(c, t, 20);
        w.v[ALL_DEV20][0][t] = plain_mean(close, t, 20);
        w.v[ALL_DEV20][1][t] = deviation(close, t, 20, 20);
        w.v[ALL_DONCHIAN20][0][t] = low;
        w.v[ALL_DONCHIAN20][1][t] = (low + up) / 2;
        w.v[ALL_DONCHIAN20][2][t] = up;
    }
    free(tr);
    free(ret);
    free(close);
    return w;
}

/* Within 1e-9 of the column's scale at every bar. */
static void compare(const char *series, const struct candle *c, int n)
{
    struct want w = recompute(c, n);
    struct all *a = calloc(1, sizeof *a);
    struct ta_value v[ALL_COUNT];
    double scale[ALL_COUNT][3] = {{0}};

    for (int i = ALL_SMA30; i < ALL_COUNT; i++)
        for (int k = 0; k < 3; k++)
            for (int t = 0; t < n; t++)
                if (!isnan(w.v[i][k][t]))
                    scale[i][k] = fmax(scale[i][k], fabs(w.v[i][k][t]));
    all_init(a, c[0].tf_ns);
    for (int t = 0; t < n; t++) {
        all_push(a, &c[t], v);
        for (int i = ALL_SMA30; i < ALL_COUNT; i++)
            for (int k = 0; k < all_outputs[i]; k++) {
                const double want = w.v[i][k][t];
                if (v[i].ready == !isnan(want) &&
                    (v[i].ready ? fabs(v[i].v[k] - want) <= 1e-9 * scale[i][k]
                                : v[i].v[k] == 0 && !v[i].valid))
                    continue;
                ck_abort_msg("%s: %s[%d] at bar %d: ready %d, %.17g, want %.17g", series,
                             all_names[i], k, t, v[i].ready, v[i].v[k], want);
            }
    }
    for (int i = 0; i < ALL_COUNT; i++)
        for (int k = 0; k < 3; k++)
            free(w.v[i][k]);
    free(a);
}

START_TEST(equals_a_plain_recomputation_on_random_walks)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct candle *c = plain_walk(3000, seed);
        compare("walk", c, 3000);
        free(c);
    }
}
END_TEST

START_TEST(equals_a_plain_recomputation_on_recorded_candles)
{
    printf("%d files of recorded candles compared\n", plain_each(50000, compare));
}
END_TEST

/* tests/libagent/core/ta_vectors.txt says how it was made. */
START_TEST(equals_our_own_vectors)
{
    FILE *f = fopen("tests/libagent/core/ta_vectors.txt", "r");
    char line[256], name[32];
    static struct candle c[200];
    static struct ta_value v[200][ALL_COUNT];
    struct all *a = calloc(1, sizeof *a);
    int n = 0, compared = 0, bar;
    double x[3];
    long long ms;

    ck_assert_ptr_nonnull(f);
    all_init(a, 15 * PLAIN_MINUTE);
    while (fgets(line, sizeof line, f) != NULL) {
        struct candle *b = &c[n];
        if (sscanf(line, "bar %lld %lf %lf %lf %lf %lf", &ms, &b->open, &b->high, &b->low,
                   &b->close, &b->volume) == 6) {
            b->start_ns = ms * 1000000;
            b->tf_ns = 15 * PLAIN_MINUTE;
            all_push(a, b, v[n++]);
            continue;
        }
        const int fields = sscanf(line, "%31s %d %lf %lf %lf", name, &bar, &x[0], &x[1], &x[2]);
        if (line[0] == '#' || fields < 3)
            continue;
        int i = 0;
        while (i < ALL_COUNT && strcmp(all_names[i], name) != 0)
            i++;
        ck_assert_msg(i < ALL_COUNT && bar < n && fields == 2 + all_outputs[i], "%s", line);
        ck_assert_msg(v[bar][i].ready && v[bar][i].valid, "%s", line);
        for (int k = 0; k < all_outputs[i]; k++, compared++)
            ck_assert_msg(fabs(v[bar][i].v[k] - x[k]) <= 1e-11 * fmax(1, fabs(x[k])),
                          "%.17g for %s", v[bar][i].v[k], line);
    }
    fclose(f);
    free(a);
    ck_assert_int_gt(compared, 100);
}
END_TEST

/* ---- what is not a lively market ---- */

START_TEST(a_flat_market_has_values_but_none_is_valid)
{
    struct all *a = calloc(1, sizeof *a);
    struct ta_value v[ALL_COUNT];
    struct candle c = {0, PLAIN_MINUTE, 0.1, 0.1, 0.1, 0.1, 5};

    all_init(a, c.tf_ns);
    for (int t = 0; t < 300; t++, c.start_ns += c.tf_ns)
        all_push(a, &c, v);
    for (int i = ALL_DEV20; i < ALL_VWAP; i++)
        ck_assert_msg(v[i].ready && !v[i].valid, "%s", all_names[i]);
    ck_assert(v[ALL_DEV20].v[0] == 0.1 && v[ALL_DEV20].v[1] == 0);
    ck_assert(v[ALL_DI14].v[0] == 0 && v[ALL_DI14].v[1] == 0 && v[ALL_ADX14].v[0] == 0);
    ck_assert(v[ALL_SUPERTREND].v[0] == 0.1 && v[ALL_SUPERTREND].v[1] == -1);
    ck_assert(v[ALL_DONCHIAN20].v[0] == 0.1 && v[ALL_DONCHIAN20].v[2] == 0.1);
    ck_assert(v[ALL_HV20].ready && !v[ALL_HV20].valid && v[ALL_HV20].v[0] == 0);
    ck_assert(v[ALL_VWAP].valid && fabs(v[ALL_VWAP].v[0] - 0.1) < 1e-16);
    free(a);
}
END_TEST

/* TA-Lib repeats the last ADX while nothing moves. */
START_TEST(an_adx_stays_what_it_was_when_the_market_stops)
{
    struct candle *c = plain_walk(100, 4);
    struct ta_adx a;
    struct ta_value v, before = {0};

    ta_adx_init(&a, 2);
    for (int t = 0; t < 100; t++)
        before = ta_adx_push(&a, c[t].high, c[t].low, c[t].close);
    ck_assert(before.valid && before.v[0] > 0);
    for (int t = 0; t < 200; t++)
        v = ta_adx_push(&a, 500, 500, 500);
    const double stopped = v.v[0];
    ck_assert(v.ready && !v.valid && v.v[1] == 0 && v.v[2] == 0);
    v = ta_adx_push(&a, 500, 500, 500);
    ck_assert(v.v[0] == stopped && stopped > 0);
    free(c);
}
END_TEST

START_TEST(a_vwap_without_volume_is_the_bars_own_price)
{
    struct ta_vwap w;
    struct candle c = {0, PLAIN_MINUTE, 10, 12, 9, 12, 0};

    ta_vwap_init(&w);
    struct ta_value v = ta_vwap_push(&w, &c);
    ck_assert(v.ready && !v.valid && v.v[0] == 11 && v.v[1] == 0);
    c = (struct candle){PLAIN_MINUTE, PLAIN_MINUTE, 20, 24, 18, 24, 0};
    v = ta_vwap_push(&w, &c);
    ck_assert(!v.valid && v.v[0] == 22);
    c = (struct candle){2 * PLAIN_MINUTE, PLAIN_MINUTE, 30, 33, 30, 33, 4};
    v = ta_vwap_push(&w, &c);
    ck_assert(v.valid && v.v[0] == 32 && v.v[1] == 4);
}
END_TEST

START_TEST(a_vwap_begins_anew_at_midnight_even_over_a_gap)
{
    struct ta_vwap w;
    struct candle c = {DAY_NS - PLAIN_MINUTE, PLAIN_MINUTE, 10, 10, 10, 10, 1000};

    ta_vwap_init(&w);
    ta_vwap_push(&w, &c);
    c = (struct candle){DAY_NS, PLAIN_MINUTE, 20, 20, 20, 20, 1};
    ck_assert(ta_vwap_push(&w, &c).v[0] == 20);
    c = (struct candle){DAY_NS + PLAIN_MINUTE, PLAIN_MINUTE, 30, 30, 30, 30, 3};
    ck_assert(ta_vwap_push(&w, &c).v[0] == 27.5);
    c = (struct candle){5 * DAY_NS + PLAIN_MINUTE, PLAIN_MINUTE, 40, 40, 40, 40, 1};
    ck_assert(ta_vwap_push(&w, &c).v[0] == 40);
}
END_TEST

START_TEST(a_gap_is_not_filled)
{
    struct candle *c = plain_walk(200, 6);
    struct all *a = calloc(2, sizeof *a);
    struct ta_value v[ALL_COUNT], u[ALL_COUNT];

    all_init(&a[0], PLAIN_MINUTE);
    all_init(&a[1], PLAIN_MINUTE);
    for (int t = 0; t < 200; t++) {
        all_push(&a[0], &c[t], v);
        if (t >= 100)
            c[t].start_ns += 7 * PLAIN_MINUTE; /* the same bars, some of them late */
        all_push(&a[1], &c[t], u);
        for (int i = 0; i < ALL_COUNT; i++)
            ck_assert_msg(all_same(&v[i], &u[i]), "%s at %d", all_names[i], t);
    }
    free(a);
    free(c);
}
END_TEST

START_TEST(stays_finite_at_the_ends_of_the_allowed_range)
{
    struct all *a = calloc(1, sizeof *a);
    struct ta_value v[ALL_COUNT];
    uint64_t seed = 9;

    all_init(a, PLAIN_MINUTE);
    for (int t = 0; t < 5000; t++) {
        const double top = plain_random(&seed) % 3 ? CANDLE_PRICE_MAX : CANDLE_PRICE_MIN;
        const double end = plain_random(&seed) % 2 ? CANDLE_PRICE_MIN : top;
        struct candle c = {t * PLAIN_MINUTE,
                           PLAIN_MINUTE,
                           top,
                           top,
                           end,
                           end,
                           plain_random(&seed) % 2 ? CANDLE_VOLUME_MAX : 0};
        all_push(a, &c, v);
        for (int i = 0; i < ALL_COUNT; i++)
            for (int k = 0; k < 3; k++)
                ck_assert_msg(isfinite(v[i].v[k]), "%s at %d", all_names[i], t);
    }
    free(a);
}
END_TEST

START_TEST(historical_volatility_scales_with_the_timeframe)
{
    struct ta_hv minute, day;
    double win[2][2];
    struct ta_value m = {0}, d = {0};
    static const double close[] = {100, 101, 100}; /* returns +r, -r: sample deviation r sqrt 2 */

    ta_hv_init(&minute, 2, PLAIN_MINUTE);
    ta_hv_init(&day, 2, DAY_NS);
    for (int t = 0; t < 3; t++) {
        m = ta_hv_push(&minute, win[0], close[t]);
        d = ta_hv_push(&day, win[1], close[t]);
        ck_assert(d.ready == (t == 2));
    }
    ck_assert_double_eq_tol(d.v[0], log(1.01) * sqrt(2) * sqrt(365), 1e-14);
    ck_assert_double_eq_tol(m.v[0], d.v[0] * sqrt(1440), 1e-12);
}
END_TEST

/* Moved through bytes between strides; one go without a stop is the batch. */
START_TEST(restored_after_every_stride_equals_the_batch_bit_for_bit)
{
    static const int strides[] = {1, 2, 3, 5, 7, 13};
    enum { N = 3000 };
    struct candle *c = plain_walk(N, 5);
    struct ta_value(*want)[ALL_COUNT] = calloc(N, sizeof *want), got[ALL_COUNT];
    struct all *a = calloc(1, sizeof *a);
    unsigned char *bytes = malloc(sizeof *a);

    all_init(a, PLAIN_MINUTE);
    for (int t = 0; t < N; t++)
        all_push(a, &c[t], want[t]);
    for (int s = 0; s < 6; s++) {
        all_init(a, PLAIN_MINUTE);
        for (int t = 0; t < N; t++) {
            if (t % strides[s] == 0) {
                memcpy(bytes, a, sizeof *a);
                memset(a, 0xa5, sizeof *a);
                memcpy(a, bytes, sizeof *a);
            }
            all_push(a, &c[t], got);
            for (int i = 0; i < ALL_COUNT; i++)
                ck_assert_msg(all_same(&got[i], &want[t][i]), "%s, stride %d, bar %d", all_names[i],
                              strides[s], t);
        }
    }
    free(bytes);
    free(a);
    free(want);
    free(c);
}
END_TEST

/* Information, not a limit: machines differ. */
START_TEST(prints_what_a_bar_costs)
{
    enum { N = 20000, ROUNDS = 20 };
    struct candle *c = plain_walk(N, 7);
    struct all *a = calloc(1, sizeof *a);
    struct ta_value v[ALL_COUNT];
    double best = INFINITY, sum = 0;

    for (int r = 0; r < ROUNDS; r++) {
        struct timespec from, to;
        all_init(a, PLAIN_MINUTE);
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (int t = 0; t < N; t++) {
            all_push(a, &c[t], v);
            sum += v[ALL_ADX14].v[0];
        }
        clock_gettime(CLOCK_MONOTONIC, &to);
        best = fmin(
            best,
            ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / N);
    }
    printf("every indicator: %.1f ns a bar (state %zu bytes)\n", best, sizeof *a);
    ck_assert(isfinite(sum));
    free(a);
    free(c);
}
END_TEST

TESTS("ta_strategy", equals_a_plain_recomputation_on_random_walks,
      equals_a_plain_recomputation_on_recorded_candles, equals_our_own_vectors,
      a_flat_market_has_values_but_none_is_valid, an_adx_stays_what_it_was_when_the_market_stops,
      a_vwap_without_volume_is_the_bars_own_price, a_vwap_begins_anew_at_midnight_even_over_a_gap,
      a_gap_is_not_filled, stays_finite_at_the_ends_of_the_allowed_range,
      historical_volatility_scales_with_the_timeframe,
      restored_after_every_stride_equals_the_batch_bit_for_bit, prints_what_a_bar_costs)
