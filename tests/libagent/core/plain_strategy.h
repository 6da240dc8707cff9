/* plain_strategy - the rules of the strategies once more, from their definitions over whole arrays;
 * and the properties that all strategies have to keep.
 */
#ifndef TESTS_PLAIN_STRATEGY_H
#define TESTS_PLAIN_STRATEGY_H

#include "libagent/core/strategy.h"
#include "libagent/core/strategy_ml.h"
#include "tests/libagent/core/plain.h"

struct plain_signal {
    int side; /* 0: nothing */
    double stop, tp1, tp2;
};

static inline void plain_retime(struct candle *c, int n, int64_t tf_ns)
{
    for (int t = 0; t < n; t++) {
        c[t].start_ns = c[t].start_ns / c[t].tf_ns * tf_ns;
        c[t].tf_ns = tf_ns;
    }
}

/* Wilder's ATR from true ranges, seeded with the plain mean of the first n changes. */
static inline double *plain_atr(const struct candle *c, int len, int n)
{
    double *a = plain_array(len), sum = 0;
    for (int t = 1; t < len; t++) {
        const double tr = fmax(c[t].high, c[t - 1].close) - fmin(c[t].low, c[t - 1].close);
        sum += t <= n ? tr : 0;
        if (t >= n)
            a[t] = t == n ? sum / n : (a[t - 1] * (n - 1) + tr) / n;
    }
    return a;
}

static inline double *plain_closes(const struct candle *c, int n)
{
    double *x = plain_array(n);
    for (int t = 0; t < n; t++)
        x[t] = c[t].close;
    return x;
}

static inline struct plain_signal plain_levels(double entry, int side, double stop, double reward,
                                               double share)
{
    return (struct plain_signal){side, stop, entry + side * share * reward, entry + side * reward};
}

/* Minutes from the last signal to bar t. */
static inline double plain_since(const struct candle *c, const struct plain_signal *out, int t)
{
    for (int i = t - 1; i >= 0; i--)
        if (out[i].side != 0)
            return (double)(c[t].start_ns - c[i].start_ns) / 6e10;
    return INFINITY;
}

static inline void plain_orb(const struct candle *c, int n, int window_min, int confirmations,
                             int sessions, struct plain_signal *out)
{
    const int64_t length = 1440 / sessions * PLAIN_MINUTE, window = window_min * PLAIN_MINUTE;
    for (int t = 0; t < n; t++) {
        const int64_t open = c[t].start_ns / length * length;
        double high = 0, low = INFINITY;
        int bars = 0, run = 0;
        bool fired = false;
        out[t] = (struct plain_signal){0};
        if (c[t].start_ns < open + window)
            continue;
        for (int i = t; i >= 0 && c[i].start_ns >= open; i--)
            if (c[i].start_ns < open + window) {
                high = fmax(high, c[i].high);
                low = fmin(low, c[i].low);
                bars++;
            } else {
                fired |= out[i].side != 0;
            }
        const int side = c[t].close > high ? 1 : c[t].close < low ? -1 : 0;
        for (int i = t; i >= 0 && c[i].start_ns >= open + window; i--, run++)
            if ((c[i].close > high ? 1 : c[i].close < low ? -1 : 0) != side)
                break;
        if (bars * c[t].tf_ns < window || fired || side == 0 || high == low || run < confirmations)
            continue;
        const double stop = side > 0 ? low : high;
        out[t] = plain_levels(c[t].close, side, stop, 1.8 * fabs(c[t].close - stop), 0.6);
    }
}

static inline void plain_pullback(const struct candle *c, int n, struct plain_signal *out)
{
    double *x = plain_closes(c, n), *e34 = plain_ema(x, n, 0, 34), *e89 = plain_ema(x, n, 0, 89);
    double *atr = plain_atr(c, n, 14);
    for (int t = 0; t < n; t++) {
        out[t] = (struct plain_signal){0};
        if (t < 98 || plain_since(c, out, t) < 15)
            continue;
        const int side = e34[t] > 1.002 * e89[t] ? 1 : e34[t] < 0.998 * e89[t] ? -1 : 0;
        const bool up = c[t].close > c[t].open && c[t - 1].low < c[t - 2].low;
        const bool down = c[t].close < c[t].open && c[t - 1].high > c[t - 2].high;
        if (side == 0 || fabs(x[t] - e34[t]) > 0.5 * atr[t] || !(side > 0 ? up : down))
            continue;
        double low = INFINITY, high = 0;
        for (int i = t - 9; i <= t; i++) {
            low = fmin(low, c[i].low);
            high = fmax(high, c[i].high);
        }
        const double stop = side > 0 ? fmin(low, e89[t] - atr[t]) : fmax(high, e89[t] + atr[t]);
        const double risk = side * (x[t] - stop);
        if (risk > 0 && risk <= 3 * atr[t])
            out[t] = plain_levels(x[t], side, stop, 2 * risk, 0.6);
    }
    free(x);
    free(e34);
    free(e89);
    free(atr);
}

/* The VWAP of the day at each bar. */
static inline double *plain_vwap(const struct candle *c, int n)
{
    double *v = plain_array(n), amount = 0, volume = 0;
    for (int t = 0; t < n; t++) {
        if (t > 0 &&
            c[t].start_ns / (1440 * PLAIN_MINUTE) != c[t - 1].start_ns / (1440 * PLAIN_MINUTE))
            amount = volume = 0;
        amount += c[t].volume * (c[t].high + c[t].low + c[t].close) / 3;
        volume += c[t].volume;
        v[t] = volume > 0 ? amount / volume : NAN;
    }
    return v;
}

static inline void plain_reversion(const struct candle *c, int n, struct plain_signal *out)
{
    double *vwap = plain_vwap(c, n), *atr = plain_atr(c, n, 14);
    int last = 0;
    for (int t = 0; t < n; t++) {
        double volume = 0;
        out[t] = (struct plain_signal){0};
        if (t < 19 || isnan(vwap[t]) || plain_since(c, out, t) < 15)
            continue;
        for (int i = t - 19; i <= t; i++)
            volume += c[i].volume / 20;
        const double x = c[t].close;
        const int side = x <= vwap[t] * 0.995 ? 1 : x >= vwap[t] * 1.005 ? -1 : 0;
        if (side == 0 || side == last || c[t].volume < 1.2 * volume)
            continue;
        const double risk = fmin(2 * atr[t], 0.03 * x);
        out[t] = plain_levels(x, side, x - side * risk, fmax(fabs(vwap[t] - x), 1.5 * risk), 0.6);
        last = side;
    }
    free(vwap);
    free(atr);
}

/* ---- properties: each counts the bars that break it ---- */

/* How one strategy answers a whole series.  fed: bars that exist, of which n are answered; a
 * strategy that looks only at what it was given cannot use the rest. */
typedef void plain_run_fn(const struct strategy_def *d, const struct strategy_params *p,
                          const struct candle *c, int n, int fed, struct strategy_signal *out);

/* Any pure function will do as a model. */
static inline double plain_p_up(const void *model, const double *x, size_t n)
{
    (void)model;
    (void)n;
    return 0.5 + 0.5 * sin(1000 * x[ML_SMA_5]);
}

static const struct strategy_model plain_model = {plain_p_up, NULL};

static inline void plain_run(const struct strategy_def *d, const struct strategy_params *p,
                             const struct candle *c, int n, int fed, struct strategy_signal *out)
{
    void *s = malloc(d->size);
    (void)fed;
    memset(out, 0, (size_t)n * sizeof *out);
    if (strategy_init(d, s, p, c[0].tf_ns) < 0)
        abort();
    for (int t = 0; t < n; t++) {
        const struct strategy_input in = {.candle = &c[t], .model = &plain_model};
        strategy_on_candle(d, s, &in, &out[t]);
    }
    free(s);
}

/* Another future changes no answer of the past. */
static inline int plain_breaks_prefix(plain_run_fn *run, const struct strategy_def *d,
                                      const struct strategy_params *p, int n, int cut,
                                      uint64_t seed)
{
    struct candle *a = plain_walk(n, seed), *b = plain_walk(n, ~seed);
    struct strategy_signal *x = calloc((size_t)n, sizeof *x), *y = calloc((size_t)n, sizeof *y);
    int broken = 0;
    memcpy(b, a, (size_t)cut * sizeof *a);
    run(d, p, a, cut, n, x);
    run(d, p, b, cut, n, y);
    for (int t = 0; t < cut; t++)
        broken += memcmp(&x[t], &y[t], sizeof x[t]) != 0;
    free(a);
    free(b);
    free(x);
    free(y);
    return broken;
}

/* Mirrored prices mirror every signal.  Fractions of a price do not mirror: the walk is lifted to
 * where they hardly differ, and `close_call` tells where they do decide; the walk is given up there
 * (-1). */
static inline int plain_breaks_mirror(plain_run_fn *run, const struct strategy_def *d,
                                      const struct strategy_params *p,
                                      bool (*close_call)(const struct candle *c, int n, int t),
                                      int n, uint64_t seed, int *signals)
{
    struct candle *a = plain_walk(n, seed), *b = calloc((size_t)n, sizeof *b);
    struct strategy_signal *x = calloc((size_t)n, sizeof *x), *y = calloc((size_t)n, sizeof *y);
    double level = 2 * (131072 + 1000);
    int broken = 0;
    for (int t = 0; t < n; t++) {
        a[t].open += 131072;
        a[t].high += 131072;
        a[t].low += 131072;
        a[t].close += 131072;
        b[t] = a[t];
        b[t].open = level - a[t].open;
        b[t].high = level - a[t].low;
        b[t].low = level - a[t].high;
        b[t].close = level - a[t].close;
    }
    run(d, p, a, n, n, x);
    run(d, p, b, n, n, y);
    for (int t = 0; t < n && broken >= 0; t++) {
        const bool same = x[t].side == -y[t].side && x[t].confidence == y[t].confidence &&
                          (x[t].side == 0 || (x[t].stop == 0 && y[t].stop == 0) || (fabs(level - x[t].stop - y[t].stop) < 1e-5 &&
                                              fabs(level - x[t].tp1 - y[t].tp1) < 1e-5 &&
                                              fabs(level - x[t].tp2 - y[t].tp2) < 1e-5));
        *signals += x[t].side != 0;
        if (!same)
            broken = broken == 0 && close_call != NULL && close_call(a, n, t) ? -1 : broken + 1;
    }
    free(a);
    free(b);
    free(x);
    free(y);
    return broken;
}

#endif
