/* Indicators against vectors that others made (../shared/data/indicator-vectors), where they are
 * present.
 *
 * TA-Lib's regression tests: compatibility DEFAULT, unstable period 0; value, first bar and
 * number of
 * outputs.  They are printed with 2 to 6 digits, rounded or cut, some of them inexactly: TA-Lib
 * itself compares to 0.01.  So do we, and count those that are off by more than one unit of
 * their last digit: it must stay at the handful that are inexact in print.  Tulip's, where its
 * convention is TA-Lib's: sma, stddev, bbands, rsi, willr, stoch (its EMA, ATR and OBV start
 * differently). Here because it needs jansson; the indicators are in libagent/core.
 */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "libagent/core/ta.h"
#include "tests/runner.h"

#define DIR "../shared/data/indicator-vectors/"
#define BARS_MAX 512
#define N_MAX 64

struct input {
    double high[BARS_MAX], low[BARS_MAX], close[BARS_MAX];
    int n;
};

/* out[line][bar] of one indicator over the input, and its first bar. */
struct output {
    double v[3][BARS_MAX];
    int first;
};

enum kind { SMA, EMA, RSI, MACD, WILLR, STOCH, BBANDS, STDDEV, ATR, NATR };

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
    struct ta_atr atr;
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
    ta_atr_init(&atr, n);
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
            v = ta_bbands_push(&bb, win, c);
            v.v[0] = v.v[2] - v.v[1];
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
    if (strcmp(text(t, "compatibility"), "METASTOCK") == 0 || integer(t, "unstablePeriod", 0) != 0)
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
    } else if (strcmp(group, "trange") == 0 && integer(t, "doAverage", 0) == 1) {
        *kind = ATR;
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
    int seen[NATR + 1] = {0}, inexact = 0;

    in.n = numbers(json_object_get(input, "close"), in.close);
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
        const int first = out.first > start ? out.first : start;
        ck_assert_msg(first == integer(t, "expectedBegIdx", -1), "test %zu begins at %d", i, first);
        ck_assert_int_eq(end - first + 1, integer(t, "expectedNbElement", -1));
        json_array_foreach(json_object_get(t, "expected"), k, e) {
            int line = integer(e, "output", 0);
            if (kind == BBANDS)         /* theirs: upper, middle, lower */
                line = 2 - line;
            const double want = json_number_value(json_object_get(e, "value"));
            const double got = out.v[line][first + integer(e, "index", 0)];
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
    for (int n = 0; n <= NATR; n++) {
        printf(" %d", seen[n]);
        ck_assert_int_gt(seen[n], 0);
    }
    printf(" (sma ema rsi macd willr stoch bbands stddev atr natr)\n");
    ck_assert_int_le(inexact, 5);
    json_decref(j);
}
END_TEST

START_TEST(equals_tulips_vectors_where_the_convention_is_the_same)
{
    static const struct {
        const char *name;
        enum kind kind;
        const char *periods[3], *outputs[3];
    } ours[] = {
        {"sma", SMA, {"period"}, {"sma"}},
        {"stddev", STDDEV, {"period"}, {"stddev"}},
        {"rsi", RSI, {"period"}, {"rsi"}},
        {"willr", WILLR, {"period"}, {"willr"}},
        {"bbands", BBANDS, {"period"}, {"bbands_lower", "bbands_middle", "bbands_upper"}},
        {"stoch", STOCH, {"k_period", "k_slowing_period", "d_period"}, {"stoch_k", "stoch_d"}},
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
            const json_t *close = json_object_get(inputs, "close");
            int p[3] = {0};
            for (int n = 0; n < 3 && ours[k].periods[n] != NULL; n++)
                p[n] = integer(options, ours[k].periods[n], 0);
            in.n = numbers(close != NULL ? close : json_object_get(inputs, "real"), in.close);
            numbers(json_object_get(inputs, "high"), in.high);
            numbers(json_object_get(inputs, "low"), in.low);
            compute(ours[k].kind, &in, p, ours[k].kind == STDDEV ? 1 : 2, &out);
            ck_assert_int_eq(out.first, integer(t, "first_output_bar", -1));
            for (int n = 0; n < 3 && ours[k].outputs[n] != NULL; n++) {
                double want[BARS_MAX];
                const int m = numbers(
                    json_object_get(json_object_get(t, "expected"), ours[k].outputs[n]), want);
                ck_assert_int_eq(m, in.n - out.first);
                for (int b = 0; b < m; b++, compared++)
                    ck_assert_msg(fabs(out.v[n][out.first + b] - want[b]) <= 0.00051,
                                  "%s %d: %g, want %g", ours[k].outputs[n], b,
                                  out.v[n][out.first + b], want[b]);
            }
        }
    }
    printf("Tulip's values compared: %d\n", compared);
    ck_assert_int_gt(compared, 80);
    json_decref(j);
}
END_TEST

TESTS("ta_vectors", equals_ta_libs_regression_vectors,
      equals_tulips_vectors_where_the_convention_is_the_same)
