/* Properties that every indicator has, over a million random bars, each shown to fail on a planted
 * mutant of an indicator.  ENIGMA_TEST_SEED names another seed.
 *
 * The mutants are plausible mistakes, planted between the indicators and the property: a look
 * at the next bar, a percentage counted from the wrong end, a constant that belongs to one price
 * level, a field forgotten in the snapshot. */
#define TEST_TIMEOUT 600
#include "tests/libagent/core/plain.h"
#include "tests/libagent/core/ta_all.h"
#include "tests/runner.h"

enum { BARS = 1000, WALKS = 1000 };

enum mutant {
    NONE,
    LOOKS_AHEAD,
    BIASED,
    LEVEL_BOUND,
    OVERSHOOTS,
    UPSIDE_DOWN,
    NOT_A_NUMBER_WHEN_FLAT,
    FORGETS_A_WINDOW,
    MUTANTS,
};
static const char *const mutant_names[] = {
    "none",
    "donchian that knows the next bar",
    "RSI a millionth too high",
    "MACD with a constant of 1e-9",
    "stochastic from a range without the newest bar",
    "Williams %R counted from the low",
    "0/0 in a flat market",
    "window left out of the snapshot",
};

typedef struct ta_value row_t[ALL_COUNT];

static void mutate(enum mutant m, const struct candle *c, int t, int n, row_t v)
{
    switch (m) {
    case LOOKS_AHEAD:
        if (v[ALL_DONCHIAN20].ready && t + 1 < n)
            v[ALL_DONCHIAN20].v[2] = fmax(v[ALL_DONCHIAN20].v[2], c[t + 1].high);
        break;
    case BIASED:
        v[ALL_RSI].v[0] += v[ALL_RSI].ready ? 1e-6 : 0;
        break;
    case LEVEL_BOUND:
        v[ALL_MACD].v[0] += v[ALL_MACD].ready ? 1e-9 : 0;
        break;
    case OVERSHOOTS:
        if (v[ALL_STOCH].ready) {
            const double h = plain_high(c, t - 1, 13), l = plain_low(c, t - 1, 13);
            v[ALL_STOCH].v[0] = h > l ? 100 * (c[t].close - l) / (h - l) : 0;
        }
        break;
    case UPSIDE_DOWN:
        v[ALL_WILLR].v[0] = v[ALL_WILLR].ready ? -100 - v[ALL_WILLR].v[0] : 0;
        break;
    case NOT_A_NUMBER_WHEN_FLAT:
        if (c[t].high == c[t].low)
            v[ALL_ADX14].v[0] = (c[t].close - c[t].low) / (c[t].high - c[t].low);
        break;
    default:
        break;
    }
}

static void run(const struct candle *c, int n, enum mutant m, row_t *out)
{
    static struct all a;
    all_init(&a, c[0].tf_ns);
    for (int t = 0; t < n; t++) {
        all_push(&a, &c[t], out[t]);
        mutate(m, c, t, n, out[t]);
    }
}

static row_t x[BARS], y[BARS];
static struct candle other[BARS];

static bool near(double a, double b, double scale)
{
    return fabs(a - b) <= 1e-9 * scale;
}

static bool within(double v, double low, double high, double slack)
{
    return v >= low - slack && v <= high + slack;
}

/* Each answers whether it holds on a walk. */

static bool finite_and_silent_until_ready(const struct candle *c, uint64_t *seed, enum mutant m)
{
    memcpy(other, c, sizeof other);
    for (int k = 0; k < 5; k++) { /* some bars, sometimes many, without any range */
        const int from = (int)(plain_random(seed) % BARS), len = (int)(plain_random(seed) % 60);
        for (int t = from; t < from + len && t < BARS; t++) {
            other[t].open = other[t].high = other[t].low = other[t].close = c[from].close;
            other[t].volume = 0;
        }
    }
    run(other, BARS, m, x);
    for (int t = 0; t < BARS; t++)
        for (int i = 0; i < ALL_COUNT; i++)
            for (int k = 0; k < 3; k++) {
                const struct ta_value *v = &x[t][i];
                if (!isfinite(v->v[k]) || (!v->ready && (v->v[k] != 0 || v->valid)) ||
                    (t > 0 && x[t - 1][i].ready && !v->ready))
                    return false;
            }
    return true;
}

static bool stays_within_its_bounds(const struct candle *c, uint64_t *seed, enum mutant m)
{
    (void)seed;
    run(c, BARS, m, x);
    for (int t = 250; t < BARS; t++) {
        const struct ta_value *v = x[t];
        const double p = 1e-9 * c[t].high; /* rounding, in prices */
        const double line = v[ALL_SUPERTREND].v[0], up = v[ALL_SUPERTREND].v[1];
        if (!within(v[ALL_RSI].v[0], 0, 100, 0) || !within(v[ALL_WILLR].v[0], -100, 0, 0) ||
            !within(v[ALL_STOCH].v[0], 0, 100, 1e-9) || !within(v[ALL_STOCH].v[1], 0, 100, 1e-9) ||
            !within(v[ALL_KDJ].v[0], 0, 100, 1e-9) || !within(v[ALL_KDJ].v[1], 0, 100, 1e-9) ||
            !within(v[ALL_ADX14].v[0], 0, 100, 1e-9) ||
            !within(v[ALL_DI14].v[0] + v[ALL_DI14].v[1], 0, 100, 1e-9) ||
            !within(v[ALL_BBANDS].v[1], v[ALL_BBANDS].v[0], v[ALL_BBANDS].v[2], 0) ||
            !within(v[ALL_DEV20].v[1], 0, v[ALL_DONCHIAN20].v[2] - v[ALL_DONCHIAN20].v[0], p) ||
            !within(v[ALL_SMA30].v[0], plain_low(c, t, 30), plain_high(c, t, 30), p) ||
            v[ALL_DONCHIAN20].v[0] != plain_low(c, t, 20) ||
            v[ALL_DONCHIAN20].v[2] != plain_high(c, t, 20) || v[ALL_ATR].v[0] < 0 ||
            v[ALL_HV20].v[0] < 0 ||
            !within(v[ALL_VWAP].v[0], plain_low(c, t, t + 1), plain_high(c, t, t + 1), p) ||
            (up > 0 ? c[t].close < line : c[t].close > line))
            return false;
    }
    return true;
}

/* Prices reflected at a level: what spoke for long speaks as loud for short. */
static bool mirrors_long_and_short(const struct candle *c, uint64_t *seed, enum mutant m)
{
    const double level = 4096;
    bool turned = false;
    (void)seed;
    for (int t = 0; t < BARS; t++)
        other[t] = (struct candle){c[t].start_ns,    c[t].tf_ns,        level - c[t].open,
                                   level - c[t].low, level - c[t].high, level - c[t].close,
                                   c[t].volume};
    run(c, BARS, m, x);
    run(other, BARS, m, y);
    for (int t = 0; t < BARS; t++) {
        const struct ta_value *a = x[t], *b = y[t];
        for (int i = 0; i < ALL_COUNT; i++)
            if (a[i].ready != b[i].ready || a[i].valid != b[i].valid)
                return false;
        turned = turned || a[ALL_SUPERTREND].v[1] > 0 || b[ALL_SUPERTREND].v[1] > 0;
        if (t < 250)
            continue;
        for (int k = 0; k < 3; k++)
            if (!near(a[ALL_MACD].v[k], -b[ALL_MACD].v[k], level) ||
                !near(a[ALL_KDJ].v[k], 100 - b[ALL_KDJ].v[k], 100) ||
                !near(a[ALL_BBANDS].v[k], level - b[ALL_BBANDS].v[2 - k], level) ||
                !near(a[ALL_DONCHIAN20].v[k], level - b[ALL_DONCHIAN20].v[2 - k], level))
                return false;
        for (int i = ALL_EMA9; i <= ALL_SMA30; i++)
            if (!near(a[i].v[0], level - b[i].v[0], level))
                return false;
        if (!near(a[ALL_RSI].v[0], 100 - b[ALL_RSI].v[0], 100) ||
            !near(a[ALL_WILLR].v[0], -100 - b[ALL_WILLR].v[0], 100) ||
            !near(a[ALL_STOCH].v[0], 100 - b[ALL_STOCH].v[0], 100) ||
            !near(a[ALL_STOCH].v[1], 100 - b[ALL_STOCH].v[1], 100) ||
            !near(a[ALL_AO].v[0], -b[ALL_AO].v[0], level) ||
            a[ALL_OBV].v[0] - c[0].volume != -(b[ALL_OBV].v[0] - c[0].volume) ||
            a[ALL_ATR].v[0] != b[ALL_ATR].v[0] ||
            !near(a[ALL_DEV20].v[1], b[ALL_DEV20].v[1], level) ||
            a[ALL_ADX14].v[0] != b[ALL_ADX14].v[0] || a[ALL_DI14].v[0] != b[ALL_DI14].v[1] ||
            !near(a[ALL_VWAP].v[0], level - b[ALL_VWAP].v[0], level))
            return false;
        if (turned && (a[ALL_SUPERTREND].v[1] != -b[ALL_SUPERTREND].v[1] ||
                       !near(a[ALL_SUPERTREND].v[0], level - b[ALL_SUPERTREND].v[0], level)))
            return false;
    }
    return true;
}

/* Prices times 2^k, volumes times 2^j: the same bits, times 2^k where the unit is a price. */
static bool knows_no_price_level(const struct candle *c, uint64_t *seed, enum mutant m)
{
    static const double unit[ALL_COUNT] = {
        /* 1: a price; 0: a number without unit */
        [ALL_MACD] = 1,  [ALL_AO] = 1,    [ALL_BBANDS] = 1,     [ALL_ATR] = 1,
        [ALL_EMA9] = 1,  [ALL_EMA21] = 1, [ALL_EMA50] = 1,      [ALL_EMA200] = 1,
        [ALL_SMA30] = 1, [ALL_DEV20] = 1, [ALL_SUPERTREND] = 1, [ALL_DONCHIAN20] = 1,
        [ALL_VWAP] = 1,
    };
    const double p = ldexp(1, (int)(plain_random(seed) % 41) - 20),
                 q = ldexp(1, (int)(plain_random(seed) % 21) - 10);
    for (int t = 0; t < BARS; t++)
        other[t] = (struct candle){c[t].start_ns, c[t].tf_ns,     c[t].open * p,  c[t].high * p,
                                   c[t].low * p,  c[t].close * p, c[t].volume * q};
    run(c, BARS, m, x);
    run(other, BARS, m, y);
    for (int t = 0; t < BARS; t++)
        for (int i = 0; i < ALL_COUNT; i++)
            for (int k = 0; k < all_outputs[i]; k++) {
                double f = unit[i] != 0 ? p : 1;
                if (i == ALL_OBV || (i == ALL_VWAP && k == 1))
                    f = q;
                if (i == ALL_SUPERTREND && k == 1)
                    f = 1;
                if (y[t][i].v[k] != x[t][i].v[k] * f)
                    return false;
            }
    return true;
}

/* Another future changes nothing that was said before it. */
static bool does_not_look_ahead(const struct candle *c, uint64_t *seed, enum mutant m)
{
    const int cut = 1 + (int)(plain_random(seed) % (BARS - 1));
    for (int t = 0; t < BARS; t++) {
        const double f = t < cut ? 1 : 1.25;
        other[t] = (struct candle){c[t].start_ns, c[t].tf_ns,     c[t].open * f,  c[t].high * f,
                                   c[t].low * f,  c[t].close * f, c[t].volume * f};
    }
    run(c, BARS, m, x);
    run(other, BARS, m, y);
    for (int t = 0; t < cut; t++)
        for (int i = 0; i < ALL_COUNT; i++)
            if (!all_same(&x[t][i], &y[t][i]))
                return false;
    return true;
}

/* A higher close of the newest bar never lowers what speaks for long. */
static bool answers_a_higher_close_with_no_less(const struct candle *c, uint64_t *seed,
                                                enum mutant m)
{
    static const enum all_column rising[] = {ALL_RSI,  ALL_MACD,   ALL_WILLR, ALL_STOCH, ALL_KDJ,
                                             ALL_EMA9, ALL_EMA200, ALL_SMA30, ALL_OBV,   ALL_VWAP};
    static struct all state, fork;
    row_t v, w;

    all_init(&state, c[0].tf_ns);
    for (int t = 0; t < BARS; t++) {
        struct candle higher = c[t];
        higher.close += (c[t].high - c[t].close) * plain_uniform(seed);
        memcpy(&other[t], &c[t], sizeof c[t]);
        memcpy(&fork, &state, sizeof state);
        all_push(&fork, &higher, w);
        all_push(&state, &c[t], v);
        mutate(m, other, t, t + 1, v);
        other[t] = higher;
        mutate(m, other, t, t + 1, w);
        other[t] = c[t];
        for (size_t i = 0; i < sizeof rising / sizeof rising[0]; i++)
            if (w[rising[i]].v[0] < v[rising[i]].v[0] - 1e-9 * fabs(v[rising[i]].v[0]))
                return false;
    }
    return true;
}

/* Saved and restored at any bar, it goes on bit for bit. */
static bool survives_a_restart(const struct candle *c, uint64_t *seed, enum mutant m)
{
    static struct all a;
    static unsigned char bytes[sizeof a];
    const int stop = (int)(plain_random(seed) % BARS);

    run(c, BARS, NONE, x);
    all_init(&a, c[0].tf_ns);
    for (int t = 0; t < BARS; t++) {
        if (t == stop) {
            memcpy(bytes, &a, sizeof a);
            memset(&a, 0xff, sizeof a);
            memcpy(&a, bytes, sizeof a);
            if (m == FORGETS_A_WINDOW)
                memset(a.hv_win, 0, sizeof a.hv_win);
        }
        all_push(&a, &c[t], y[t]);
        for (int i = 0; i < ALL_COUNT; i++)
            if (!all_same(&x[t][i], &y[t][i]))
                return false;
    }
    return true;
}

static const struct property {
    const char *name;
    bool (*holds)(const struct candle *c, uint64_t *seed, enum mutant m);
    enum mutant caught;
} properties[] = {
    {"finite and silent until ready", finite_and_silent_until_ready, NOT_A_NUMBER_WHEN_FLAT},
    {"stays within its bounds", stays_within_its_bounds, OVERSHOOTS},
    {"mirrors long and short", mirrors_long_and_short, BIASED},
    {"knows no price level", knows_no_price_level, LEVEL_BOUND},
    {"does not look ahead", does_not_look_ahead, LOOKS_AHEAD},
    {"answers a higher close with no less", answers_a_higher_close_with_no_less, UPSIDE_DOWN},
    {"survives a restart", survives_a_restart, FORGETS_A_WINDOW},
};

static int walks_until_caught(const struct property *p, uint64_t seed)
{
    for (int w = 0; w < 20; w++) {
        uint64_t s = seed + (uint64_t)w;
        struct candle *c = plain_walk(BARS, s);
        const bool holds = p->holds(c, &s, p->caught);
        free(c);
        if (!holds)
            return w + 1;
    }
    return 0;
}

START_TEST(every_property_holds_over_a_million_bars_and_catches_its_mutant)
{
    const char *given = getenv("ENIGMA_TEST_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20240805;
    const size_t n = sizeof properties / sizeof properties[0];

    printf("seed %llu, %d walks of %d bars\n", (unsigned long long)seed, WALKS, BARS);
    for (int w = 0; w < WALKS; w++) {
        uint64_t s = seed + (uint64_t)w * UINT64_C(1000003);
        struct candle *c = plain_walk(BARS, s);
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(properties[i].holds(c, &s, NONE), "%s: seed %llu, walk %d",
                          properties[i].name, (unsigned long long)seed, w);
        free(c);
    }
    for (size_t i = 0; i < n; i++) {
        const int walks = walks_until_caught(&properties[i], seed);
        printf("%-36s holds; catches \"%s\" in walk %d\n", properties[i].name,
               mutant_names[properties[i].caught], walks);
        ck_assert_int_gt(walks, 0);
    }
}
END_TEST

TESTS("ta_properties", every_property_holds_over_a_million_bars_and_catches_its_mutant)
