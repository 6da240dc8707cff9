/* compare - our indicators and TA-Lib's C functions over the same candles: the same first bar, and
 * values within 1e-9 of the column's scale, for many periods.
 *
 * TA-Lib's deviation is a difference of sums of squares of whole prices: in a quiet window the
 * digits that count are gone, and a variance below 1e-14 is called zero.  Where its band or
 * deviation differs from ours by more than that, ours must lie within 1e-9 of the exact value, in
 * long double, and theirs must be the one that does not; those are counted.
 *
 * Periods: those that TA-Lib takes; a MACD signal of 1 it takes, but answers with memory that it
 * never wrote.  Candles: random walks, one with flat stretches, and recorded ones where they are
 * there.
 */
#include <ta_libc.h>

#include "libagent/core/ta_strategy.h"
#include "tests/libagent/core/plain.h"

enum { BARS_MAX = 50000, COLUMNS = 3, N_MAX = 200 };

#define KINDS(K)                                                                                   \
    K(RSI) K(MACD) K(WILLR) K(STOCH) K(BBANDS) K(EMA) K(SMA) K(OBV) K(ATR) K(ADX) K(PLUS_DI)       \
    K(MINUS_DI) K(STDDEV) K(MAX) K(MIN)
enum kind {
#define K(name) name,
    KINDS(K)
#undef K
    KIND_COUNT
};
static const char *const names[] = {
#define K(name) #name,
    KINDS(K)
#undef K
};

static struct {
    double high[BARS_MAX], low[BARS_MAX], close[BARS_MAX], volume[BARS_MAX];
    int n;
} in;
static double ours[COLUMNS][BARS_MAX], theirs[COLUMNS][BARS_MAX];
static bool ready[BARS_MAX];

static long compared[KIND_COUNT], inexact[KIND_COUNT];
static double worst[KIND_COUNT];

static void compute_ours(enum kind k, const int p[3])
{
    static double win[4 * N_MAX];
    const int n = p[0] > 0 ? p[0] : 1, n1 = p[1] > 0 ? p[1] : 1, n2 = p[2] > 0 ? p[2] : 1;
    struct ta_rsi rsi;
    struct ta_macd macd;
    struct ta_range range;
    struct ta_stoch stoch;
    struct ta_bbands bb;
    struct ta_dev dev;
    struct ta_ema ema;
    struct ta_mean mean;
    struct ta_obv obv = {0};
    struct ta_atr atr;
    struct ta_di di;
    struct ta_adx adx;
    double hh, ll;

    ta_rsi_init(&rsi, n);
    ta_macd_init(&macd, n, n1, n2);
    ta_range_init(&range, win, n);
    ta_stoch_init(&stoch, n1, n2);
    ta_bbands_init(&bb, n, 2);
    ta_dev_init(&dev, n);
    ta_ema_init(&ema, n);
    ta_mean_init(&mean, n);
    ta_atr_init(&atr, n);
    ta_di_init(&di, n > 1 ? n : 2);
    ta_adx_init(&adx, n > 1 ? n : 2);
    for (int t = 0; t < in.n; t++) {
        const double h = in.high[t], l = in.low[t], c = in.close[t];
        struct ta_value v = {0};
        bool r;
        switch (k) {
        case RSI:      v = ta_rsi_push(&rsi, c); break;
        case MACD:     v = ta_macd_push(&macd, c); break;
        case WILLR:
            r = ta_range_push(&range, win, h, l, &hh, &ll);
            v = ta_willr(r, hh, ll, c);
            break;
        case STOCH:
            r = ta_range_push(&range, win, h, l, &hh, &ll);
            v = ta_stoch_push(&stoch, win + TA_RANGE_WIN(n), r, hh, ll, c);
            break;
        case BBANDS:   v = ta_bbands_push(&bb, win, c); break;
        case STDDEV:
            v = ta_dev_push(&dev, win, c);
            v.v[0] = v.v[1];
            break;
        case EMA:      v = ta_ema_push(&ema, c); break;
        case SMA:      v = ta_mean_push(&mean, win, c); break;
        case OBV:      v = ta_obv_push(&obv, c, in.volume[t]); break;
        case ATR:      v = ta_atr_push(&atr, h, l, c); break;
        case ADX:      v = ta_adx_push(&adx, h, l, c); break;
        case PLUS_DI:  v = ta_di_push(&di, h, l, c); break;
        case MINUS_DI:
            v = ta_di_push(&di, h, l, c);
            v.v[0] = v.v[1];
            break;
        case MAX: case MIN:
            r = ta_range_push(&range, win, c, c, &hh, &ll);
            v = ta_donchian(r, hh, ll);
            v.v[0] = v.v[k == MAX ? 2 : 0];
            break;
        case KIND_COUNT: break;
        }
        ready[t] = v.ready;
        for (int i = 0; i < COLUMNS; i++)
            ours[i][t] = v.v[i];
    }
}

/* Number of columns; *first the first bar, in.n: none. */
static int compute_theirs(enum kind k, const int p[3], int *first)
{
    const double *h = in.high, *l = in.low, *c = in.close;
    static double out[COLUMNS][BARS_MAX];
    const int last = in.n - 1;
    int n = 0, columns = 1;
    TA_RetCode rc = TA_SUCCESS;

    switch (k) {
    case RSI:      rc = TA_RSI(0, last, c, p[0], first, &n, out[0]); break;
    case MACD:
        rc = TA_MACD(0, last, c, p[0], p[1], p[2], first, &n, out[0], out[1], out[2]);
        columns = 3;
        break;
    case WILLR:    rc = TA_WILLR(0, last, h, l, c, p[0], first, &n, out[0]); break;
    case STOCH:
        rc = TA_STOCH(0, last, h, l, c, p[0], p[1], TA_MAType_SMA, p[2], TA_MAType_SMA, first, &n,
                      out[0], out[1]);
        columns = 2;
        break;
    case BBANDS:
        rc = TA_BBANDS(0, last, c, p[0], 2, 2, TA_MAType_SMA, first, &n, out[2], out[1], out[0]);
        columns = 3;
        break;
    case STDDEV:   rc = TA_STDDEV(0, last, c, p[0], 1, first, &n, out[0]); break;
    case EMA:      rc = TA_EMA(0, last, c, p[0], first, &n, out[0]); break;
    case SMA:      rc = TA_SMA(0, last, c, p[0], first, &n, out[0]); break;
    case OBV:      rc = TA_OBV(0, last, c, in.volume, first, &n, out[0]); break;
    case ATR:      rc = TA_ATR(0, last, h, l, c, p[0], first, &n, out[0]); break;
    case ADX:      rc = TA_ADX(0, last, h, l, c, p[0], first, &n, out[0]); break;
    case PLUS_DI:  rc = TA_PLUS_DI(0, last, h, l, c, p[0], first, &n, out[0]); break;
    case MINUS_DI: rc = TA_MINUS_DI(0, last, h, l, c, p[0], first, &n, out[0]); break;
    case MAX:      rc = TA_MAX(0, last, c, p[0], first, &n, out[0]); break;
    case MIN:      rc = TA_MIN(0, last, c, p[0], first, &n, out[0]); break;
    case KIND_COUNT: break;
    }
    if (rc != TA_SUCCESS || *first + n != in.n) {
        fprintf(stderr, "TA_%s of %d, %d, %d: %d\n", names[k], p[0], p[1], p[2], (int)rc);
        exit(EXIT_FAILURE);
    }
    for (int i = 0; i < columns; i++)
        memcpy(theirs[i] + *first, out[i], (size_t)n * sizeof(double));
    return columns;
}

static long double exact_deviation(int t, int n)
{
    long double mean = 0, var = 0;
    for (int i = t - n + 1; i <= t; i++)
        mean += in.close[i] / (long double)n;
    for (int i = t - n + 1; i <= t; i++)
        var += (in.close[i] - mean) * (in.close[i] - mean) / n;
    return sqrtl(var);
}

/* Is ours right and theirs not? */
static bool theirs_is_inexact(enum kind k, int column, int t, int n, double slack)
{
    long double exact = exact_deviation(t, n);
    if (k != BBANDS && k != STDDEV)
        return false;
    if (k == BBANDS) {
        long double mean = 0;
        for (int i = t - n + 1; i <= t; i++)
            mean += in.close[i] / (long double)n;
        exact = mean + (column - 1) * 2 * exact;
    }
    return fabsl(ours[column][t] - exact) <= slack &&
           fabsl(theirs[column][t] - exact) > fabsl(ours[column][t] - exact);
}

static void compare(const char *series, enum kind k, const int p[3])
{
    int first = 0;
    double scale[COLUMNS] = {0};
    const int columns = compute_theirs(k, p, &first);

    compute_ours(k, p);
    for (int i = 0; i < columns; i++)
        for (int t = first; t < in.n; t++)
            scale[i] = fmax(scale[i], fabs(theirs[i][t]));
    for (int t = 0; t < in.n; t++) {
        if (ready[t] != (t >= first)) {
            fprintf(stderr, "%s: %s of %d, %d, %d: theirs begins at %d, ours %s at %d\n", series,
                    names[k], p[0], p[1], p[2], first, ready[t] ? "is ready" : "is not", t);
            exit(EXIT_FAILURE);
        }
        for (int i = 0; i < columns && t >= first; i++) {
            const double off = fabs(ours[i][t] - theirs[i][t]);
            compared[k]++;
            if (off <= 1e-9 * scale[i]) {
                if (scale[i] > 0)
                    worst[k] = fmax(worst[k], off / scale[i]);
            } else if (theirs_is_inexact(k, i, t, p[0], 1e-9 * scale[i])) {
                inexact[k]++;
            } else {
                fprintf(stderr, "%s: %s of %d, %d, %d, column %d, bar %d: %.17g, TA-Lib's %.17g\n",
                        series, names[k], p[0], p[1], p[2], i, t, ours[i][t], theirs[i][t]);
                exit(EXIT_FAILURE);
            }
        }
    }
}

static void all(const char *series)
{
    static const struct {
        enum kind kind;
        int p[5][3];
    } calls[] = {
        {RSI, {{14}, {2}, {3}, {9}, {100}}},
        {MACD, {{12, 26, 9}, {5, 34, 5}, {26, 12, 9}, {3, 10, 16}, {2, 3, 2}}},
        {WILLR, {{14}, {2}, {5}, {50}, {200}}},
        {STOCH, {{14, 3, 3}, {5, 3, 4}, {9, 1, 1}, {21, 7, 5}, {100, 3, 3}}},
        {BBANDS, {{20}, {5}, {2}, {50}, {200}}},
        {EMA, {{9}, {21}, {50}, {200}, {2}}},
        {SMA, {{30}, {2}, {14}, {50}, {200}}},
        {OBV, {{0}}},
        {ATR, {{14}, {1}, {10}, {50}, {100}}},
        {ADX, {{14}, {2}, {7}, {30}, {100}}},
        {PLUS_DI, {{14}, {2}, {7}, {30}, {100}}},
        {MINUS_DI, {{14}, {2}, {7}, {30}, {100}}},
        {STDDEV, {{20}, {5}, {2}, {50}, {200}}},
        {MAX, {{20}, {2}, {5}, {50}, {200}}},
        {MIN, {{20}, {2}, {5}, {50}, {200}}},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        for (int k = 0; k < 5 && (k == 0 || calls[i].p[k][0] > 0); k++)
            compare(series, calls[i].kind, calls[i].p[k]);
}

static void take(const char *series, const struct candle *c, int n)
{
    in.n = n;
    for (int t = 0; t < n; t++) {
        in.high[t] = c[t].high;
        in.low[t] = c[t].low;
        in.close[t] = c[t].close;
        in.volume[t] = c[t].volume;
    }
    all(series);
}

int main(void)
{
    static const char *const files[] = {
        "binance-spot_BTCUSDT_1m_2024-07_2024-08.csv.gz", "binance-um_NEARUSDT_1m_2023.csv.gz",
        "binance-spot_DOGEUSDT_1h_to-2024-09.csv.gz",
        "kucoin-futures_XBTUSDTM_15m_2025-12_2026-01.csv.gz",
        "coinbase-spot_BTCUSD_1d_2014_2018.csv.gz",
    };
    int series = 0, n = 0;

    TA_Initialize();
    for (uint64_t seed = 1; seed <= 4; seed++, series++) {
        struct candle *c = plain_walk(20000, seed);
        for (int t = 0; seed == 4 && t < 20000; t++)
            if (t % 500 > 400) {        /* flat, longer than most windows */
                c[t] = c[t - 1];
                c[t].open = c[t].high = c[t].low = c[t].close;
                c[t].volume = 0;
            }
        take(seed == 4 ? "walk with flat stretches" : "walk", c, 20000);
        free(c);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct candle *c = plain_load(files[i], PLAIN_MINUTE, BARS_MAX, &n);
        if (c == NULL) {
            printf("not there, left out: %s\n", files[i]);
            continue;
        }
        take(files[i], c, n);
        free(c);
        series++;
    }
    for (int k = 0; k < KIND_COUNT; k++) {
        printf("%-8s %8ld values, worst %.2g of the scale", names[k], compared[k], worst[k]);
        if (inexact[k] > 0)
            printf("; %ld where TA-Lib's is the inexact one", inexact[k]);
        printf("\n");
    }
    printf("%d series: no difference of convention from TA-Lib\n", series);
    return EXIT_SUCCESS;
}
