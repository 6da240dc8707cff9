/* Indicators against vectors that others made (../shared/data/indicator-vectors), where they are
 * present.
 *
 * TA-Lib's regression tests: compatibility DEFAULT, and METASTOCK where it changes nothing (SMA,
 * and the bands on it); an unstable period only throws first outputs away.  Value, first bar and number
 * of outputs.  They are printed with 2 to 6 digits, rounded or cut, some of them inexactly: TA-Lib
 * itself compares to 0.01.  So do we, and count those that are off by more than one unit of their
 * last digit: it must stay at the handful that are inexact in print.  Some of the ADX family are
 * Wilder's own worked example, where every step is rounded to a whole number: those we meet to 1.
 * Left out: +DI and -DI of period 1, which TA-Lib gives as fractions, not percent.
 *
 * Tulip's and LEAN's, where the convention is TA-Lib's.  Their ATR counts the range of bar 0 too: a
 * bar without range put before the input makes ours the same.  Which are left out, and why, is in
 * docs/INDICATORS.md.
 * Here because it needs jansson; the indicators are in libagent/core.
 */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "libagent/core/ta_strategy.h"
#include "tests/runner.h"

#define DIR "../shared/data/indicator-vectors/"
#define BARS_MAX 512
#define N_MAX 64

struct input {
    double open[BARS_MAX], high[BARS_MAX], low[BARS_MAX], close[BARS_MAX], volume[BARS_MAX];
    int n;
};

/* out[line][bar] of one indicator over the input, and its first bar. */
struct output {
    double v[3][BARS_MAX];
    int first;
};

#define KINDS(K)                                                                                   \
    K(SMA) K(EMA) K(RSI) K(MACD) K(WILLR) K(STOCH) K(BBANDS) K(STDDEV) K(ATR) K(NATR) K(DI)        \
    K(DX) K(ADX) K(MAX) K(MIN) K(DONCHIAN) K(OBV) K(SUPERTREND)
enum kind {
#define K(name) name,
    KINDS(K)
#undef K
    KINDS_COUNT
};
static const char *const kind_names[] = {
#define K(name) #name,
    KINDS(K)
#undef K
};

static void compute(enum kind kind, const struct input *in, const int p[3], double width,
                    struct output *out)
{
    static double win[4 * N_MAX];
    struct ta_mean mean;
    struct ta_ema ema;
    struct ta_rsi rsi;
    struct ta_macd macd;
    struct ta_range range;
    struct ta_stoch stoch;
    struct ta_bbands bb;
    struct ta_dev dev;
    struct ta_atr atr;
    struct ta_di di;
    struct ta_adx adx;
    struct ta_supertrend supertrend;
    struct ta_obv obv = {0};
    double hh, ll;

    ck_assert(p[0] <= N_MAX && p[1] <= N_MAX && p[2] <= N_MAX);
    const int n = p[0] > 0 ? p[0] : 1, n1 = p[1] > 0 ? p[1] : 1, n2 = p[2] > 0 ? p[2] : 1;
    ta_mean_init(&mean, n);
    ta_ema_init(&ema, n);
    ta_rsi_init(&rsi, n);
    ta_macd_init(&macd, n, n1, n2);
    ta_range_init(&range, win, n);
    ta_stoch_init(&stoch, n1, n2);
    ta_bbands_init(&bb, n, width);
    ta_dev_init(&dev, n);
    ta_atr_init(&atr, n);
    ta_di_init(&di, n > 1 ? n : 2);
    ta_adx_init(&adx, n > 1 ? n : 2);
    ta_supertrend_init(&supertrend, n, width);
    out->first = -1;
    for (int t = 0; t < in->n; t++) {
        const double h = in->high[t], l = in->low[t], c = in->close[t];
        struct ta_value v = {0};
        bool ready;
        switch (kind) {
        case SMA:    v = ta_mean_push(&mean, win, c); break;
        case EMA:    v = ta_ema_push(&ema, c); break;
        case RSI:    v = ta_rsi_push(&rsi, c); break;
        case MACD:   v = ta_macd_push(&macd, c); break;
        case BBANDS: v = ta_bbands_push(&bb, win, c); break;
        case STDDEV:
            v = ta_dev_push(&dev, win, c);
            v.v[0] = v.v[1] * width;
            break;
        case ATR:    v = ta_atr_push(&atr, h, l, c); break;
        case NATR:
            v = ta_atr_push(&atr, h, l, c);
            v.v[0] = 100 * v.v[0] / c;
            break;
        case WILLR:
            ready = ta_range_push(&range, win, h, l, &hh, &ll);
            v = ta_willr(ready, hh, ll, c);
            break;
        case STOCH:
            ready = ta_range_push(&range, win, h, l, &hh, &ll);
            v = ta_stoch_push(&stoch, win + TA_RANGE_WIN(n), ready, hh, ll, c);
            break;
        case DI:     v = ta_di_push(&di, h, l, c); break;
        case DX:                    /* the step between: our ADX is its mean */
            v = ta_di_push(&di, h, l, c);
            v.v[0] = 100 * fabs(v.v[0] - v.v[1]) / (v.v[0] + v.v[1]);
            break;
        case ADX:    v = ta_adx_push(&adx, h, l, c); break;
        case MAX: case MIN:         /* TA-Lib's tests take them of the opens */
            ready = ta_range_push(&range, win, in->open[t], in->open[t], &hh, &ll);
            v = ta_donchian(ready, hh, ll);
            v.v[0] = kind == MAX ? v.v[2] : v.v[0];
            break;
        case DONCHIAN:
            ready = ta_range_push(&range, win, h, l, &hh, &ll);
            v = ta_donchian(ready, hh, ll);
            break;
        case OBV:    v = ta_obv_push(&obv, c, in->volume[t]); break;
        case SUPERTREND: v = ta_supertrend_push(&supertrend, h, l, c); break;
        case KINDS_COUNT: break;
        }
        if (v.ready && out->first < 0)
            out->first = t;
        for (int i = 0; i < 3; i++)
            out->v[i][t] = v.v[i];
    }
}

static int numbers(const json_t *array, double *ret)
{
    const int n = (int)json_array_size(array);
    ck_assert(n <= BARS_MAX);
    for (int i = 0; i < n; i++)
        ret[i] = json_number_value(json_array_get(array, (size_t)i));
    return n;
}

static json_t *load(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, DIR "%s", name);
    json_t *j = json_load_file(path, 0, NULL);
    if (j == NULL)
        printf("not there, left out: %s\n", path);
    return j;
}

static int integer(const json_t *t, const char *key, int absent)
{
    const json_t *v = json_object_get(t, key);
    return v == NULL ? absent : (int)json_number_value(v);
}

static const char *text(const json_t *t, const char *key)
{
    const char *s = json_string_value(json_object_get(t, key));
    return s == NULL ? "" : s;
}

/* Which of ours is it, and with what periods?  False: none of ours. */
static bool understand(const json_t *t, enum kind *kind, int p[3], double *width)
{
    const char *group = text(t, "group"), *id = text(t, "testId"), *f = text(t, "theFunction");
    const char *ma = text(t, "optInMAType_1");

    p[0] = integer(t, "optInTimePeriod", 0);
    p[1] = p[2] = 0;
    *width = 2;
    if (strcmp(text(t, "compatibility"), "METASTOCK") == 0 && strcmp(ma, "SMA") != 0 &&
        strcmp(text(t, "optInMethod_3"), "SMA") != 0)
        return false;
    if (strcmp(group, "ma") == 0 && (strcmp(ma, "SMA") == 0 || strcmp(ma, "EMA") == 0)) {
        *kind = strcmp(ma, "SMA") == 0 ? SMA : EMA;
    } else if (strcmp(f, "TA_RSI_TEST") == 0) {
        *kind = RSI;
    } else if (strcmp(f, "TA_WILLR_TEST") == 0 || strcmp(f, "TA_NATR_TEST") == 0) {
        *kind = strcmp(f, "TA_WILLR_TEST") == 0 ? WILLR : NATR;
        p[0] = integer(t, "optInTimePeriod1", 0);
    } else if (strcmp(id, "TA_MACD_TEST") == 0) {
        *kind = MACD;
        p[0] = integer(t, "optInFastPeriod", 0);
        p[1] = integer(t, "optInSlowPeriod", 0);
        p[2] = integer(t, "optInSignalPeriod_2", 0);
    } else if (strcmp(id, "TEST_STOCH") == 0 && strcmp(ma, "SMA") == 0 &&
               strcmp(text(t, "optInMAType_2"), "SMA") == 0) {
        *kind = STOCH;
        for (int i = 0; i < 3; i++)
            p[i] = integer(
                t, (const char *const[]){"optInPeriod_0", "optInPeriod_1", "optInPeriod_2"}[i], 0);
    } else if (strcmp(group, "bbands") == 0 && strcmp(text(t, "optInMethod_3"), "SMA") == 0) {
        *kind = BBANDS;
        *width = json_number_value(json_object_get(t, "optInNbDevUp"));
    } else if (strcmp(group, "stddev") == 0) {
        *kind = STDDEV;
        *width = json_number_value(json_object_get(t, "optInNbDeviation_1"));
    } else if (strcmp(group, "trange") == 0) {
        *kind = ATR;
        if (integer(t, "doAverage", 0) == 0)    /* the true range: an ATR of one bar */
            p[0] = 1;
    } else if (strcmp(text(t, "id"), "TST_ADX") == 0) {
        *kind = ADX;
    } else if ((strcmp(text(t, "id"), "TST_PLUS_DI") == 0 ||
                strcmp(text(t, "id"), "TST_MINUS_DI") == 0) && p[0] > 1) {
        *kind = DI;
    } else if (strcmp(text(t, "id"), "TST_DX") == 0) {
        *kind = DX;
    } else if (strcmp(f, "TA_MAX_TEST") == 0) {
        *kind = MAX;
    } else if (strcmp(f, "TA_MIN_TEST") == 0 || strcmp(f, "TA_MINMAX_TEST") == 0) {
        *kind = MIN;
    } else {
        return false;
    }
    return true;
}

/* One unit of the last digit that was printed. */
static double unit(double v)
{
    char s[64];
    snprintf(s, sizeof s, "%.10g", v);
    const char *dot = strchr(s, '.');
    return dot == NULL ? 0.01 : fmin(0.01, pow(10, -(double)strlen(dot + 1)));
}

START_TEST(equals_ta_libs_regression_vectors)
{
    json_t *j = load("talib-regtest.json");
    if (j == NULL)
        return;
    static struct input in;
    static struct output out;
    const json_t *input = json_object_get(j, "input"), *t;
    size_t i, k;
    int seen[KINDS_COUNT] = {0}, inexact = 0;

    in.n = numbers(json_object_get(input, "close"), in.close);
    numbers(json_object_get(input, "open"), in.open);
    numbers(json_object_get(input, "high"), in.high);
    numbers(json_object_get(input, "low"), in.low);
    json_array_foreach(json_object_get(j, "tests"), i, t) {
        enum kind kind;
        int p[3];
        double width;
        const json_t *e;
        if (!understand(t, &kind, p, &width))
            continue;
        compute(kind, &in, p, width, &out);
        const int start = integer(t, "startIdx", 0), end = integer(t, "endIdx", 0);
        const int ready = out.first + integer(t, "unstablePeriod", 0);
        const int first = ready > start ? ready : start;
        ck_assert_msg(first == integer(t, "expectedBegIdx", -1), "test %zu begins at %d", i, first);
        ck_assert_int_eq(end - first + 1, integer(t, "expectedNbElement", -1));
        json_array_foreach(json_object_get(t, "expected"), k, e) {
            int line = integer(e, "output", 0);
            if (kind == BBANDS)         /* theirs: upper, middle, lower */
                line = 2 - line;
            if (kind == MIN && line == 1)       /* MINMAX */
                line = 2;
            if (strcmp(text(t, "id"), "TST_MINUS_DI") == 0)
                line = 1;
            const double want = json_number_value(json_object_get(e, "value"));
            const double got = out.v[line][first + integer(e, "index", 0)];
            if ((kind == ADX || kind == DX || kind == DI) && want == floor(want)) {
                ck_assert_msg(fabs(got - want) < 1, "test %zu: %.10g, want %.10g", i, got, want);
                seen[kind]++;
                continue;
            }
            if (fabs(got - want) > unit(want)) {
                inexact++;
                printf("%s: %.10g, printed %.10g\n", text(t, "group"), got, want);
            }
            ck_assert_msg(fabs(got - want) < 0.01, "test %zu (%s): %.10g, want %.10g", i,
                          text(t, "group"), got, want);
            seen[kind]++;
        }
    }
    printf("TA-Lib's values compared:");
    for (int n = 0; n < DONCHIAN; n++) {
        printf(" %s %d", kind_names[n], seen[n]);
        ck_assert_int_gt(seen[n], 0);
    }
    printf("\n");
    ck_assert_int_le(inexact, 5);
    json_decref(j);
}
END_TEST

/* Puts n bars without range, at the middle of the first, before the input: true range 0 has no
 * place in TA-Lib's seed, and the range of the first bar then is its high - low.  Bars at the first
 * price make the mean that an EMA starts with that price, and OBV start with 0. */
static void lead(struct input *in, int n)
{
    double *const all[] = {in->open, in->high, in->low, in->close, in->volume};
    if (n == 0)
        return;
    const double middle = (in->high[0] + in->low[0]) / 2;
    ck_assert(in->n + n <= BARS_MAX);
    for (int i = 0; i < 5; i++) {
        memmove(all[i] + n, all[i], (size_t)in->n * sizeof(double));
        for (int t = 0; t < n; t++)
            all[i][t] = i == 4 ? 0 : middle;
    }
    in->n += n;
}

START_TEST(equals_tulips_vectors_where_the_convention_is_the_same)
{
    static const struct {
        const char *name;
        enum kind kind;
        const char *periods[3], *outputs[3];
        int lead, skip;         /* bars without range put before; first outputs left out */
    } ours[] = {
        {"sma", SMA, {"period"}, {"sma"}, 0, 0},
        {"stddev", STDDEV, {"period"}, {"stddev"}, 0, 0},
        {"rsi", RSI, {"period"}, {"rsi"}, 0, 0},
        {"willr", WILLR, {"period"}, {"willr"}, 0, 0},
        {"bbands", BBANDS, {"period"}, {"bbands_lower", "bbands_middle", "bbands_upper"}, 0, 0},
        {"stoch", STOCH, {"k_period", "k_slowing_period", "d_period"}, {"stoch_k", "stoch_d"},
         0, 0},
        {"atr", ATR, {"period"}, {"atr"}, 1, 0},
        {"natr", NATR, {"period"}, {"natr"}, 1, 0},
        {"tr", ATR, {NULL}, {"tr"}, 1, 0},
        {"di", DI, {"period"}, {"plus_di", "minus_di"}, 0, 1},
        {"dx", DX, {"period"}, {"dx"}, 0, 1},
        {"max", MAX, {"period"}, {"max"}, 0, 0},
        {"min", MIN, {"period"}, {"min"}, 0, 0},
        {"ema", EMA, {"period"}, {"ema"}, 4, 0},
        {"obv", OBV, {NULL}, {"obv"}, 1, 0},
    };
    json_t *j = load("tulip-untest.json");
    if (j == NULL)
        return;
    static struct input in;
    static struct output out;
    const json_t *list = json_is_array(j) ? j : json_object_get(j, "tests"), *t;
    size_t i;
    int compared = 0;

    json_array_foreach(list, i, t) {
        for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++) {
            if (strcmp(text(t, "indicator"), ours[k].name) != 0)
                continue;
            const json_t *inputs = json_object_get(t, "inputs"),
                         *options = json_object_get(t, "options");
            const json_t *close = json_object_get(inputs, "close"), *high;
            int p[3] = {0};
            for (int n = 0; n < 3 && ours[k].periods[n] != NULL; n++)
                p[n] = integer(options, ours[k].periods[n], 0);
            close = close != NULL ? close : json_object_get(inputs, "real");
            high = json_object_get(inputs, "high");
            in.n = numbers(close != NULL ? close : high, in.close); /* DX needs no closes */
            numbers(high != NULL ? high : close, in.high);
            numbers(high != NULL ? json_object_get(inputs, "low") : close, in.low);
            memcpy(in.open, in.close, sizeof in.open);
            numbers(json_object_get(inputs, "volume"), in.volume);
            lead(&in, ours[k].lead);
            compute(ours[k].kind, &in, p, ours[k].kind == STDDEV ? 1 : 2, &out);
            const int first = integer(t, "first_output_bar", -1) + ours[k].lead;
            ck_assert_int_eq(out.first, ours[k].kind == OBV ? 0 : first + ours[k].skip);
            for (int n = 0; n < 3 && ours[k].outputs[n] != NULL; n++) {
                double want[BARS_MAX];
                const int m = numbers(
                    json_object_get(json_object_get(t, "expected"), ours[k].outputs[n]), want);
                ck_assert_int_eq(m, in.n - first);
                for (int b = ours[k].skip; b < m; b++, compared++)
                    ck_assert_msg(fabs(out.v[n][first + b] - want[b]) <= 0.00051,
                                  "%s %d: %g, want %g", ours[k].outputs[n], b,
                                  out.v[n][first + b], want[b]);
            }
        }
    }
    printf("Tulip's values compared: %d\n", compared);
    ck_assert_int_gt(compared, 200);
    json_decref(j);
}
END_TEST

/* A column of one of LEAN's files; empty cells NAN. */
static bool column(const char *file, const char *name, double *ret, int *n)
{
    char path[128], line[1024];
    int at = -1;
    snprintf(path, sizeof path, DIR "lean/%s", file);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return false;
    for (*n = -1; fgets(line, sizeof line, f) != NULL; ++*n) {
        char *rest = line, *cell;
        for (int i = 0; (cell = strsep(&rest, ",\r\n")) != NULL; i++) {
            if (*n < 0 && strcasecmp(cell, name) == 0)
                at = i;
            if (*n >= 0 && i == at)
                ret[*n] = cell[0] == '\0' ? NAN : strtod(cell, NULL);
        }
        ck_assert(*n < BARS_MAX);
    }
    fclose(f);
    return at >= 0;
}

START_TEST(equals_leans_vectors_where_the_convention_is_the_same)
{
    /* Tolerance: the last digit printed, 2 to 4 after the point; where the prices of the file are
     * themselves rounded (stoch, willr; obv: 7 digits of 1e8), what that moves. */
    static const struct {
        const char *file, *column;
        enum kind kind;
        int p[3], line, lead;
        double width, tolerance;
    } rows[] = {
        {"spy_with_indicators.csv", "sma14", SMA, {14}, 0, 0, 0, 1e-2},
        {"spy_with_indicators.csv", "ema14", EMA, {14}, 0, 0, 0, 1e-2},
        {"spy_with_indicators.csv", "rsi_14_wilder", RSI, {14}, 0, 0, 0, 1e-4},
        {"spy_ema.csv", "ema14", EMA, {14}, 0, 0, 0, 1e-4},
        {"spy_atr_wilder.csv", "average_true_range_14", ATR, {14}, 0, 1, 0, 1e-4},
        {"spy_bollinger_bands.csv", "moving_average_20", BBANDS, {20}, 1, 0, 2, 1e-4},
        {"spy_bollinger_bands.csv", "bollinger_bands_20_2_top", BBANDS, {20}, 2, 0, 2, 1e-4},
        {"spy_bollinger_bands.csv", "bollinger_bands_20_2_bottom", BBANDS, {20}, 0, 0, 2, 1e-4},
        {"spy_with_macd.csv", "macd", MACD, {12, 26, 9}, 0, 0, 0, 1e-4},
        {"spy_with_macd.csv", "signal", MACD, {12, 26, 9}, 1, 0, 0, 1e-4},
        {"spy_with_macd.csv", "histogram", MACD, {12, 26, 9}, 2, 0, 0, 1e-4},
        {"spy_with_stoch12k3.csv", "stochastics_12_%k_3", STOCH, {12, 3, 5}, 0, 0, 0, 1e-3},
        {"spy_with_stoch12k3.csv", "%d_5", STOCH, {12, 3, 5}, 1, 0, 0, 1e-3},
        {"spy_with_williamsR14.csv", "williams_%r_14", WILLR, {14}, 0, 0, 0, 1e-3},
        {"spy_with_don50.csv", "donchian_channels_50_top", DONCHIAN, {50}, 2, 0, 0, 1e-4},
        {"spy_with_don50.csv", "donchian_channels_50_bottom", DONCHIAN, {50}, 0, 0, 0, 1e-4},
        {"spy_with_don50.csv", "donchian_channels_50_mean", DONCHIAN, {50}, 1, 0, 0, 1e-4},
        {"spy_with_obv.csv", "obv", OBV, {0}, 0, 0, 0, 2e3},
        {"dwac_supertrend.csv", "super", SUPERTREND, {10}, 0, 1, 3, 1e-4},
    };
    static struct input in;
    static struct output out;
    static double want[BARS_MAX];
    int total = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int compared = 0, n;
        double worst = 0;
        if (!column(rows[i].file, "close", in.close, &in.n)) {
            printf("not there, left out: %s\n", rows[i].file);
            continue;
        }
        if (!column(rows[i].file, "high", in.high, &n) ||
            !column(rows[i].file, "low", in.low, &n)) {
            memcpy(in.high, in.close, sizeof in.high);
            memcpy(in.low, in.close, sizeof in.low);
        }
        if (!column(rows[i].file, "volume", in.volume, &n))
            memset(in.volume, 0, sizeof in.volume);
        ck_assert(column(rows[i].file, rows[i].column, want, &n) && n == in.n);
        lead(&in, rows[i].lead);
        compute(rows[i].kind, &in, rows[i].p, rows[i].width, &out);
        for (int t = 0; t < n; t++) {
            const int at = t + rows[i].lead;
            if (isnan(want[t]) || at < out.first)
                continue;
            worst = fmax(worst, fabs(out.v[rows[i].line][at] - want[t]));
            compared++;
        }
        printf("%s %s: %d compared, worst %.3g\n", rows[i].file, rows[i].column, compared, worst);
        ck_assert_int_gt(compared, 60);
        ck_assert_msg(worst <= rows[i].tolerance, "%s %s: off by %.3g", rows[i].file,
                      rows[i].column, worst);
        total += compared;
    }
    printf("LEAN's values compared: %d\n", total);
}
END_TEST

TESTS("ta_vectors", equals_ta_libs_regression_vectors,
      equals_tulips_vectors_where_the_convention_is_the_same,
      equals_leans_vectors_where_the_convention_is_the_same)
