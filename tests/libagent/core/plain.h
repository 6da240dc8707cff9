/* plain - indicators and score once more, written from their definitions over whole arrays.
 *
 * Nothing here is shared with the code under test: windows are scanned, averages are summed
 * anew, events are looked for in the past instead of being remembered.  NAN: not ready.  Also:
 * random and recorded candles for the tests.
 */
#ifndef TESTS_PLAIN_H
#define TESTS_PLAIN_H

#include <glob.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "libagent/core/candle.h"
#include "libagent/core/score.h"

#define PLAIN_MINUTE INT64_C(60000000000)

/* So many random cases; a tenth of them where a sanitizer or no optimisation makes each ten times as slow. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PLAIN_CASES(n) ((n) / 10)
#endif
#endif
#if !defined(PLAIN_CASES) && (defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__))
#define PLAIN_CASES(n) ((n) / 10)
#endif
#ifndef PLAIN_CASES
#define PLAIN_CASES(n) (n)
#endif

/* ---- candles ---- */

static inline uint64_t plain_random(uint64_t *seed)     /* splitmix64 */
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline double plain_uniform(uint64_t *seed)
{
    return (double)(plain_random(seed) >> 11) / 9007199254740992.0;
}

/* A walk in ticks of 1/8 about 1000 (so that mirroring it is exact); volume whole lots. */
static inline struct candle *plain_walk(int n, uint64_t seed)
{
    struct candle *c = calloc((size_t)n, sizeof *c);
    double last = 1000, drift = 0;

    for (int i = 0; i < n; i++) {
        if (i % 40 == 0)
            drift = (plain_uniform(&seed) - 0.5) * 3;
        double open = last, close = open, high = open, low = open;
        for (int k = 0; k < 6; k++) {
            close += round((plain_uniform(&seed) - 0.5) * 40 + drift) / 8;
            if (close < 100)
                close = 100;
            high = fmax(high, close);
            low = fmin(low, close);
        }
        c[i] = (struct candle){i * PLAIN_MINUTE, PLAIN_MINUTE, open, high, low, close,
                               floor(plain_uniform(&seed) * 1000)};
        last = close;
    }
    return c;
}

/* Rows of ../shared/data/candles; NULL when the file is not there. */
static inline struct candle *plain_load(const char *name, int64_t tf_ns, int max, int *n)
{
    char path[256], line[256];
    snprintf(path, sizeof path, "../shared/data/candles/%s", name);
    gzFile f = gzopen(path, "rb");
    if (f == NULL)
        return NULL;
    struct candle *c = calloc((size_t)max, sizeof *c);
    *n = 0;
    while (*n < max && gzgets(f, line, sizeof line) != NULL) {
        struct candle *b = &c[*n];
        long long ms;
        if (sscanf(line, "%lld,%lf,%lf,%lf,%lf,%lf", &ms, &b->open, &b->high, &b->low, &b->close,
                   &b->volume) != 6)
            continue;
        b->start_ns = ms * 1000000;
        b->tf_ns = tf_ns;
        ++*n;
    }
    gzclose(f);
    return c;
}

/* call() for every file of recorded candles, in order of name, at most `max` bars of it.  Returns how
 * many there were: 0 when they are not there. */
static inline int plain_each(int max, void (*call)(const char *name, const struct candle *c, int n))
{
    static const struct {
        const char *part;
        int minutes;
    } known[] = {{"_1m_", 1},  {"_5m_", 5},   {"_15m_", 15},  {"_30m_", 30},
                 {"_1h_", 60}, {"_4h_", 240}, {"_1d_", 1440}};
    glob_t files;
    int count = 0;

    if (glob("../shared/data/candles/*.csv.gz", 0, NULL, &files) != 0) {
        printf("recorded candles are not there, left out\n");
        return 0;
    }
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *name = strrchr(files.gl_pathv[i], '/') + 1;
        int64_t tf_ns = 0;
        int n = 0;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            if (strstr(name, known[k].part) != NULL)
                tf_ns = known[k].minutes * PLAIN_MINUTE;
        struct candle *c = plain_load(name, tf_ns, max, &n);
        if (tf_ns == 0 || c == NULL || n == 0) {
            printf("%s: no candles of a known timeframe\n", name);
            exit(EXIT_FAILURE);
        }
        call(name, c, n);
        free(c);
        count++;
    }
    globfree(&files);
    return count;
}

/* ---- indicators ---- */

struct plain {
    int n;
    const struct candle *c;
    double *rsi, *line, *signal, *hist, *willr, *ao, *stoch_k, *stoch_d, *lower, *middle, *upper;
    double *kdj_k, *kdj_d, *kdj_j, *obv, *atr, *ema[4];
};

static inline double *plain_array(int n)
{
    double *a = malloc((size_t)n * sizeof *a);
    for (int i = 0; i < n; i++)
        a[i] = NAN;
    return a;
}

static inline double plain_mean(const double *x, int t, int n)   /* NAN if any is, or too few */
{
    double s = 0;
    if (t + 1 < n)
        return NAN;
    for (int i = t - n + 1; i <= t; i++)
        s += x[i];
    return s / n;
}

/* EMA seeded with the mean of n values from `from` on. */
static inline double *plain_ema(const double *x, int len, int from, int n)
{
    double *e = plain_array(len), seed = 0;
    for (int i = from; i < from + n && i < len; i++)
        seed += x[i] / n;
    for (int t = from + n - 1; t < len; t++)
        e[t] = t == from + n - 1 ? seed : x[t] * (2.0 / (n + 1)) + e[t - 1] * (1 - 2.0 / (n + 1));
    return e;
}

static inline double plain_high(const struct candle *c, int t, int n)
{
    double h = c[t].high;
    for (int i = t - n + 1; i < t; i++)
        h = fmax(h, c[i].high);
    return h;
}

static inline double plain_low(const struct candle *c, int t, int n)
{
    double l = c[t].low;
    for (int i = t - n + 1; i < t; i++)
        l = fmin(l, c[i].low);
    return l;
}

static inline double *plain_wilder(const double *x, int len, int n)     /* x[0] is left out */
{
    double *w = plain_array(len), seed = 0;
    for (int i = 1; i <= n && i < len; i++)
        seed += x[i] / n;
    for (int t = n; t < len; t++)
        w[t] = t == n ? seed : w[t - 1] + (x[t] - w[t - 1]) / n;
    return w;
}

static inline struct plain plain_indicators(const struct candle *c, int n)
{
    struct plain p = {.n = n, .c = c};
    double *close = plain_array(n), *up = plain_array(n), *down = plain_array(n),
           *tr = plain_array(n);
    double *mid = plain_array(n), *fast_k = plain_array(n);
    const int ema_n[4] = {9, 21, 50, 200};

    for (int t = 0; t < n; t++) {
        close[t] = c[t].close;
        mid[t] = (c[t].high + c[t].low) / 2;
        const double d = t > 0 ? c[t].close - c[t - 1].close : 0;
        up[t] = fmax(d, 0);
        down[t] = fmax(-d, 0);
        tr[t] = t > 0 ? fmax(c[t].high, c[t - 1].close) - fmin(c[t].low, c[t - 1].close) : 0;
    }
    double *g = plain_wilder(up, n, 14), *l = plain_wilder(down, n, 14);
    p.atr = plain_wilder(tr, n, 14);
    p.rsi = plain_array(n);
    p.willr = plain_array(n);
    p.ao = plain_array(n);
    p.stoch_k = plain_array(n);
    p.stoch_d = plain_array(n);
    p.lower = plain_array(n);
    p.middle = plain_array(n);
    p.upper = plain_array(n);
    p.kdj_k = plain_array(n);
    p.kdj_d = plain_array(n);
    p.kdj_j = plain_array(n);
    p.obv = plain_array(n);
    p.line = plain_array(n);
    p.signal = plain_array(n);
    p.hist = plain_array(n);
    for (int i = 0; i < 4; i++)
        p.ema[i] = plain_ema(close, n, 0, ema_n[i]);
    double *fast = plain_ema(close, n, 14, 12), *slow = plain_ema(close, n, 0, 26);
    double *line = plain_array(n);
    for (int t = 25; t < n; t++)
        line[t] = fast[t] - slow[t];
    double *signal = plain_ema(line, n, 25, 9);
    double k = 50, d = 50;
    for (int t = 0; t < n; t++) {
        if (t >= 14)
            p.rsi[t] = g[t] + l[t] > 0 ? 100 - 100 / (1 + g[t] / l[t]) : 0;
        if (t >= 33) {
            p.line[t] = line[t];
            p.signal[t] = signal[t];
            p.hist[t] = line[t] - signal[t];
            p.ao[t] = plain_mean(mid, t, 5) - plain_mean(mid, t, 34);
        }
        if (t >= 13) {
            const double h = plain_high(c, t, 14), lo = plain_low(c, t, 14);
            p.willr[t] = h > lo ? -100 * (h - c[t].close) / (h - lo) : 0;
            fast_k[t] = h > lo ? 100 * (c[t].close - lo) / (h - lo) : 0;
        }
        if (t >= 17) {
            p.stoch_k[t] = plain_mean(fast_k, t, 3);
            p.stoch_d[t] =
                (p.stoch_k[t] + plain_mean(fast_k, t - 1, 3) + plain_mean(fast_k, t - 2, 3)) / 3;
        }
        if (t >= 8) {
            const double h = plain_high(c, t, 9), lo = plain_low(c, t, 9);
            k = k * 2 / 3 + (h > lo ? 100 * (c[t].close - lo) / (h - lo) : 50) / 3;
            d = d * 2 / 3 + k / 3;
            p.kdj_k[t] = k;
            p.kdj_d[t] = d;
            p.kdj_j[t] = 3 * k - 2 * d;
        }
        if (t >= 19) {
            double var = 0;
            p.middle[t] = plain_mean(close, t, 20);
            for (int i = t - 19; i <= t; i++)
                var += (close[i] - p.middle[t]) * (close[i] - p.middle[t]) / 20;
            p.lower[t] = p.middle[t] - 2 * sqrt(var);
            p.upper[t] = p.middle[t] + 2 * sqrt(var);
        }
        p.obv[t] = t == 0 ? c[t].volume
                          : p.obv[t - 1] + (c[t].close > c[t - 1].close) * c[t].volume -
                                (c[t].close < c[t - 1].close) * c[t].volume;
    }
    double *temporary[] = {close, up, down, tr, mid, fast_k, g, l, fast, slow, line, signal};
    for (size_t i = 0; i < sizeof temporary / sizeof temporary[0]; i++)
        free(temporary[i]);
    return p;
}

static inline void plain_free(struct plain *p)
{
    double *all[] = {p->rsi, p->line, p->signal, p->hist, p->willr, p->ao, p->stoch_k, p->stoch_d,
                     p->lower, p->middle, p->upper, p->kdj_k, p->kdj_d, p->kdj_j, p->obv, p->atr,
                     p->ema[0], p->ema[1], p->ema[2], p->ema[3]};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

/* ---- score, for markets that are never flat ---- */

static inline int plain_sign(double x, double noise)
{
    return x > noise ? 1 : x < -noise ? -1 : 0;
}

/* Difference of two lines (b NULL: of a and a level) changed sign at t; the newest non-zero one
 * counts. */
static inline int plain_cross(const double *a, const double *b, double level, int t, double noise)
{
    const double now = a[t] - (b ? b[t] : level);
    if (isnan(now) || plain_sign(now, noise) == 0)
        return 0;
    for (int u = t - 1; u >= 0; u--) {
        const double x = a[u] - (b ? b[u] : level);
        if (isnan(x))
            return 0;
        if (plain_sign(x, noise) != 0)
            return plain_sign(x, noise) != plain_sign(now, noise) ? plain_sign(now, noise) : 0;
    }
    return 0;
}

/* flip x grows away from the zone, which ends at edge. */
static inline bool plain_swing(const double *x, int flip, double edge, int t)
{
    int z = t;
    while (z >= 0 && !isnan(x[z]) && flip * x[z] > edge + 1e-9)
        z--;
    if (z < 0 || isnan(x[z]))
        return false;
    for (int v = z + 2; v <= t; v++) {
        double peak = flip * x[z + 1];
        bool pulled_back = false;
        for (int u = z + 2; u < v; u++) {
            peak = fmax(peak, flip * x[u]);
            pulled_back = pulled_back || flip * x[u] < peak - 1e-9;
        }
        if (pulled_back && flip * x[v] > peak + 1e-9)
            return v == t;
    }
    return false;
}

static inline int plain_turn(const double *ao, int t, double noise)     /* AO's slope turned at t */
{
    if (t < 1 || isnan(ao[t - 1]) || plain_sign(ao[t] - ao[t - 1], noise) == 0)
        return 0;
    for (int u = t - 1; u >= 1 && !isnan(ao[u - 1]); u--) {
        const int s = plain_sign(ao[u] - ao[u - 1], noise);
        if (s != 0)
            return s == -plain_sign(ao[t] - ao[t - 1], noise) ? -s : 0;
    }
    return 0;
}

static inline int plain_twin(const double *ao, int t, double noise)
{
    const int side = plain_turn(ao, t, noise);
    if (side == 0 || ao[t - 1] * side >= -noise)
        return 0;
    for (int w = t - 1; w >= 1 && !isnan(ao[w - 1]); w--) {
        if (plain_cross(ao, NULL, 0, w, noise) != 0)
            return 0;
        if (plain_turn(ao, w, noise) == side && ao[w - 1] * side < -noise)
            return (ao[t - 1] - ao[w - 1]) * side > noise ? side : 0;
    }
    return 0;
}

static inline int plain_saucer(const double *ao, int t)
{
    if (t < 2 || isnan(ao[t - 2]))
        return 0;
    if (ao[t] > 0 && ao[t - 1] < ao[t - 2] && ao[t] > ao[t - 1])
        return 1;
    return ao[t] < 0 && ao[t - 1] > ao[t - 2] && ao[t] < ao[t - 1] ? -1 : 0;
}

static inline bool plain_pivot(const struct candle *c, int b, int dir)
{
    if (b < 2)
        return false;
    if (dir > 0)
        return c[b].high > c[b - 1].high && c[b].high > c[b - 2].high &&
               c[b].high >= c[b + 1].high && c[b].high >= c[b + 2].high;
    return c[b].low < c[b - 1].low && c[b].low < c[b - 2].low && c[b].low <= c[b + 1].low &&
           c[b].low <= c[b + 2].low;
}

static inline double plain_best(const double *x, int b, int dir)
{
    if (isnan(x[b - 1]) || isnan(x[b]) || isnan(x[b + 1]))
        return NAN;
    return dir > 0 ? fmax(x[b], fmax(x[b - 1], x[b + 1])) : fmin(x[b], fmin(x[b - 1], x[b + 1]));
}

/* What pivots of a kind confirmed at bar t say: strength with the direction's sign. */
static inline double plain_confirmed(const struct plain *p, const double *x, bool bounded, int t,
                                     int dir)
{
    int b = t - 2, a;
    if (b < 2 || !plain_pivot(p->c, b, dir))
        return 0;
    for (a = b - 1; a >= 2 && !plain_pivot(p->c, a, dir); a--)
        ;
    if (a < 2 || b - a < 5 || b - a > 60 || isnan(p->atr[t]))
        return 0;
    const double pa = dir > 0 ? p->c[a].high : p->c[a].low,
                 pb = dir > 0 ? p->c[b].high : p->c[b].low;
    const double xa = plain_best(x, a, dir), xb = plain_best(x, b, dir);
    double gap = 2;
    if (isnan(xa) || isnan(xb) || fabs(pb - pa) < 0.1 * p->atr[t])
        return 0;
    if (!bounded) {
        const double mean = plain_mean(x, t, 100);
        double var = 0;
        if (isnan(mean))
            return 0;
        for (int i = t - 99; i <= t; i++)
            var += (x[i] - mean) * (x[i] - mean) / 100;
        gap = 0.1 * sqrt(var);
    }
    if (fabs(xb - xa) < gap * (1 - 1e-9))
        return 0;
    if (dir < 0)        /* lows speak for a rise */
        return pb < pa && xb > xa ? 1.2 : pb > pa && xb < xa ? 1.0 : 0;
    return pb > pa && xb < xa ? -1.2 : pb < pa && xb > xa ? -1.0 : 0;
}

static inline double plain_divergence(const struct plain *p, const double *x, bool bounded, int t)
{
    for (int u = t; u > t - 5 && u >= 0; u--) {
        const double low = plain_confirmed(p, x, bounded, u, -1),
                     high = plain_confirmed(p, x, bounded, u, 1);
        if (low != 0 && high != 0)
            return 0;
        if (low != 0 || high != 0)
            return low + high;
    }
    return 0;
}

struct plain_parts {
    double v[SUB_COUNT];        /* strength x direction */
};

/* v of the newest of the last three bars at which `expr` (of u) is not 0. */
#define PLAIN_EVENT(sub, strength, expr)                                                           \
    for (int u = t; u > t - 3; u--)                                                                \
        if ((expr) != 0) {                                                                         \
            r.v[sub] = (strength) * (expr);                                                        \
            break;                                                                                 \
        }

/* All indicators are ready at t (t >= 210).  Equal within rounding noise is equal. */
static inline struct plain_parts plain_score(const struct plain *p, int t)
{
    struct plain_parts r = {{0}};
    const double *rsi = p->rsi, *wr = p->willr, *ao = p->ao, close = p->c[t].close;
    double *const *e = p->ema;

    r.v[SUB_RSI_DIVERGENCE] = plain_divergence(p, rsi, true, t);
    PLAIN_EVENT(SUB_RSI_CROSSOVER, 1.0, (plain_cross(rsi, NULL, 30, u, 1e-9) > 0) -
                                            (plain_cross(rsi, NULL, 70, u, 1e-9) < 0))
    PLAIN_EVENT(SUB_RSI_MOMENTUM, 0.7, plain_cross(rsi, NULL, 50, u, 1e-9))
    const double x = rsi[t], e9 = 1e-9;
    r.v[SUB_RSI_ZONE] = x <= 20 + e9   ? 1.1
                        : x <= 30 + e9 ? 1
                        : x >= 80 - e9 ? -1.1
                        : x >= 70 - e9 ? -1
                                       : 0;

    r.v[SUB_WILLR_DIVERGENCE] = plain_divergence(p, wr, true, t);
    PLAIN_EVENT(SUB_WILLR_CROSSOVER, 1.0, (plain_cross(wr, NULL, -80, u, 1e-9) > 0) -
                                              (plain_cross(wr, NULL, -20, u, 1e-9) < 0))
    PLAIN_EVENT(SUB_WILLR_FAILURE, 0.7, plain_swing(wr, 1, -80, u) - plain_swing(wr, -1, 20, u))
    r.v[SUB_WILLR_ZONE] = wr[t] <= -80 + e9 ? 1 : wr[t] >= -20 - e9 ? -1 : 0;

    r.v[SUB_KDJ_DIVERGENCE] = plain_divergence(p, p->kdj_j, false, t);
    r.v[SUB_KDJ_J_LINE] = p->kdj_j[t] <= e9 ? 1 : p->kdj_j[t] >= 100 - e9 ? -1 : 0;
    PLAIN_EVENT(SUB_KDJ_CROSS, 0.7, plain_cross(p->kdj_k, p->kdj_d, 0, u, 1e-9))

    PLAIN_EVENT(SUB_EMA_GOLDEN, 1.0, plain_cross(e[0], e[2], 0, u, 1e-9))
    PLAIN_EVENT(SUB_EMA_CROSSOVER, 0.7, plain_cross(e[0], e[1], 0, u, 1e-9))
    r.v[SUB_EMA_TREND] = 0.7 * plain_sign(close - e[3][t], 0);
    r.v[SUB_EMA_SLOPE] = 0.7 * plain_sign(e[1][t] - e[1][t - 3], 0);

    r.v[SUB_MACD_DIVERGENCE] = plain_divergence(p, p->line, false, t);
    PLAIN_EVENT(SUB_MACD_SIGNAL, 0.7, plain_cross(p->line, p->signal, 0, u, 1e-9))
    PLAIN_EVENT(SUB_MACD_ZERO, 1.0, plain_cross(p->line, NULL, 0, u, 1e-9))
    if (p->hist[t] * p->hist[t - 1] > 0 && fabs(p->hist[t]) > fabs(p->hist[t - 1]))
        r.v[SUB_MACD_HISTOGRAM] = 0.5 * plain_sign(p->hist[t], 0);

    double high = -INFINITY, low = INFINITY;
    for (int i = t - 20; i < t; i++) {
        high = fmax(high, p->obv[i]);
        low = fmin(low, p->obv[i]);
    }
    r.v[SUB_OBV_DIVERGENCE] = plain_divergence(p, p->obv, false, t);
    r.v[SUB_OBV_BREAKOUT] = p->obv[t] > high ? 0.7 : p->obv[t] < low ? -0.7 : 0;
    r.v[SUB_OBV_SLOPE] = 0.7 * plain_sign(p->obv[t] - p->obv[t - 13], 0);

    r.v[SUB_AO_DIVERGENCE] = plain_divergence(p, ao, false, t);
    PLAIN_EVENT(SUB_AO_ZERO, 0.7, plain_cross(ao, NULL, 0, u, 1e-9))
    PLAIN_EVENT(SUB_AO_TWIN_PEAKS, 0.7, plain_twin(ao, u, 1e-9))
    PLAIN_EVENT(SUB_AO_SAUCER, 0.5, plain_saucer(ao, u))

    bool squeeze = false;
    for (int u = t; u > t - 5; u--) {
        int narrower = 0;
        const double w = (p->upper[u] - p->lower[u]) / p->middle[u];
        for (int i = u - 119; i <= u; i++)
            narrower += (p->upper[i] - p->lower[i]) / p->middle[i] < w;
        squeeze = squeeze || narrower < 24;
    }
    const double pb = (close - p->lower[t]) / (p->upper[t] - p->lower[t]);
    if (squeeze)
        r.v[SUB_BB_BREAKOUT] = close > p->upper[t] ? 1 : close < p->lower[t] ? -1 : 0;
    else
        r.v[SUB_BB_TOUCH] = 0.7 * ((p->c[t].low <= p->lower[t]) - (p->c[t].high >= p->upper[t]));
    if (r.v[SUB_BB_BREAKOUT] == 0)
        r.v[SUB_BB_PERCENT_B] = pb <= 0.05 + e9 ? 0.5 : pb >= 0.95 - e9 ? -0.5 : 0;

    const double k = p->stoch_k[t], d = p->stoch_d[t];
    r.v[SUB_STOCH_DIVERGENCE] = plain_divergence(p, p->stoch_k, true, t);
    PLAIN_EVENT(SUB_STOCH_CROSS, 0.7, plain_cross(p->stoch_k, p->stoch_d, 0, u, 1e-9))
    r.v[SUB_STOCH_ZONE] = fmax(k, d) <= 20 + e9 ? 1 : fmin(k, d) >= 80 - e9 ? -1 : 0;
    return r;
}

#endif
