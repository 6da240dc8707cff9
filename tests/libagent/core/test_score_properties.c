/* Properties of the score, its divergences and the alignment of two timeframes, over a million
 * random bars, each shown to fail on a planted mutant.  ENIGMA_TEST_SEED names another seed.
 *
 * The mutants are plausible mistakes, planted between the strategy and the property. */
#define TEST_TIMEOUT 600
#include "libagent/core/strategy_score.h"
#include "proto/err.h"
#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

enum { BARS = 4000, WALKS = 250 };

enum mutant {
    NONE,
    PEEKS,
    NOT_CLAMPED,
    LONG_LOUDER,
    LEVEL_BOUND,
    FORGETS_EVENTS,
    DEAF_TO_WEIGHTS,
    FLOW_UPSIDE_DOWN,
};
static const char *const mutant_names[] = {
    "none",
    "EMA trend that knows the next close",
    "an indicator that is not clamped",
    "oversold that counts more than overbought",
    "histogram that is silent below 900 dollars",
    "events left out of the snapshot",
    "louder sub-signals taken for the other side",
    "takers' flow counted from the sellers",
};

struct row {
    struct score p, s;
    struct score_signal g;
};

static struct strategy_score_params params;
static struct row x[BARS], y[BARS];
static struct candle other[BARS];

static void mutate(enum mutant m, const struct candle *c, int t, int n, struct row *r)
{
    struct score_part *part = r->p.part;

    switch (m) {
    case PEEKS:
        if (t + 1 < n && part[SUB_EMA_TREND].dir != 0)
            part[SUB_EMA_TREND].dir = c[t + 1].close > c[t].close ? 1 : -1;
        break;
    case NOT_CLAMPED:
        r->p.indicator[IND_STOCH] = part[SUB_STOCH_DIVERGENCE].contribution +
                                    part[SUB_STOCH_CROSS].contribution +
                                    part[SUB_STOCH_ZONE].contribution;
        break;
    case LONG_LOUDER:
        if (part[SUB_WILLR_ZONE].dir > 0 && part[SUB_WILLR_CROSSOVER].dir > 0)
            part[SUB_WILLR_ZONE].strength = 1.1;
        break;
    case LEVEL_BOUND:
        if (fabs(r->p.part[SUB_MACD_HISTOGRAM].contribution) > 0 && c[t].close < 900)
            part[SUB_MACD_HISTOGRAM].dir = 0;
        break;
    default:
        break;
    }
}

static void start(struct strategy_score *s, const struct candle *c)
{
    must(strategy_score_init(s, c[0].tf_ns, 4 * c[0].tf_ns) == ERR_OK);
}

static void step(struct strategy_score *s, const struct candle *c, int t, int n, enum mutant m,
                 struct row *r)
{
    struct score_signal g;
    score_on_bar(s, &params, &c[t], NULL, false, &g);
    r->p = s->p;
    r->s = s->s;
    r->g = score_describe(s);
    mutate(m, c, t, n, r);
}

static void run(const struct candle *c, enum mutant m, struct row *out)
{
    static struct strategy_score s;
    start(&s, c);
    for (int t = 0; t < BARS; t++)
        step(&s, c, t, BARS, m, &out[t]);
}

static bool same_parts(const struct score *a, const struct score *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool same(const struct row *a, const struct row *b)
{
    return same_parts(&a->p, &b->p) && same_parts(&a->s, &b->s) && a->g.align == b->g.align &&
           a->g.combined == b->g.combined && a->g.rank == b->g.rank;
}

/* ---- each answers whether it holds on a walk ---- */

static bool sums_up(const struct score *r)
{
    double ind[IND_COUNT] = {0}, sum = 0;
    const double *max = params.weights.max;

    for (int i = 0; i < SUB_COUNT; i++) {
        if (abs(r->part[i].dir) > 1 || r->part[i].strength < 0 || r->part[i].strength > 1.2)
            return false;
        ind[score_sub_ind((enum score_sub)i)] += r->part[i].contribution;
    }
    for (int i = 0; i < IND_COUNT; i++) {
        ind[i] = fmax(-max[i], fmin(max[i], ind[i]));
        sum += ind[i];
        if (fabs(ind[i] - r->indicator[i]) > 1e-9)
            return false;
    }
    return fabs(fmax(-110, fmin(110, sum)) - r->base) < 1e-9 && fabs(r->base + r->micro) <= 130 &&
           fabs(r->value - r->base - r->micro) <= 0.5 + 1e-8 && r->confidence >= 0 &&
           r->confidence <= 100 && r->groups >= 0 && r->groups <= GROUP_COUNT;
}

static bool stays_within_its_bounds(const struct candle *c, uint64_t *seed, enum mutant m)
{
    (void)seed;
    run(c, m, x);
    for (int t = 0; t < BARS; t++) {
        const struct score_signal *g = &x[t].g;
        const int p = score_direction(x[t].p.value), s = score_direction(x[t].s.value);
        const int align = p * s > 0 ? SCORE_FULL : p * s < 0 ? SCORE_OPPOSED : SCORE_PARTIAL;
        if (!sums_up(&x[t].p) || !sums_up(&x[t].s) || g->align != align ||
            fabs(g->combined) > fmax(abs(x[t].p.value), abs(x[t].s.value)) + 1e-9 ||
            g->rank < fabs(g->combined) || g->rank > fabs(g->combined) + 10 + 8 + 5 + 35)
            return false;
    }
    return true;
}

/* Prices reflected at a level: what spoke for long speaks as loud for short.  The first bar has no
 * volume, as OBV begins with it whatever the direction; the bandwidth is relative to the price, so
 * that a squeeze of one need not be one of the other: the bands are left out where they differ. */
static bool mirrors_long_and_short(const struct candle *c, uint64_t *seed, enum mutant m)
{
    static struct candle first[BARS];
    const double level = 4096;
    (void)seed;
    memcpy(first, c, sizeof first);
    first[0].volume = 0;
    for (int t = 0; t < BARS; t++)
        other[t] = (struct candle){c[t].start_ns,    c[t].tf_ns,        level - c[t].open,
                                   level - c[t].low, level - c[t].high, level - c[t].close,
                                   first[t].volume};
    run(first, m, x);
    run(other, m, y);
    for (int t = 0; t < BARS; t++) {
        const struct score *a = &x[t].p, *b = &y[t].p;
        for (int i = 0; i < SUB_COUNT; i++) {
            if (score_sub_ind((enum score_sub)i) == IND_BB && a->squeeze != b->squeeze)
                continue;
            if (a->part[i].dir != -b->part[i].dir || a->part[i].strength != b->part[i].strength)
                return false;
        }
        if (a->squeeze == b->squeeze && (a->value != -b->value || a->groups != b->groups ||
                                         fabs(a->confidence - b->confidence) > 1e-9))
            return false;
        if (a->squeeze == b->squeeze && x[t].s.squeeze == y[t].s.squeeze &&
            (x[t].g.align != y[t].g.align || x[t].g.combined != -y[t].g.combined))
            return false;
    }
    return true;
}

/* Prices times 2^k, volumes times 2^j: the same score, bit for bit. */
static bool knows_no_price_level(const struct candle *c, uint64_t *seed, enum mutant m)
{
    const double p = ldexp(1, (int)(plain_random(seed) % 41) - 20),
                 q = ldexp(1, (int)(plain_random(seed) % 21) - 10);
    for (int t = 0; t < BARS; t++)
        other[t] = (struct candle){c[t].start_ns, c[t].tf_ns,     c[t].open * p,  c[t].high * p,
                                   c[t].low * p,  c[t].close * p, c[t].volume * q};
    run(c, m, x);
    run(other, m, y);
    for (int t = 0; t < BARS; t++)
        if (!same(&x[t], &y[t]))
            return false;
    return true;
}

/* Another future changes nothing that was said before it. */
static bool does_not_look_ahead(const struct candle *c, uint64_t *seed, enum mutant m)
{
    const int cut = 250 + (int)(plain_random(seed) % (BARS - 250));
    memcpy(other, c, sizeof other);
    for (int t = cut; t < BARS; t++) {
        const double level = 2 * c[cut - 1].close; /* reflected: each rise is a fall */
        const double floor = level > c[t].high ? 0 : c[t].high - level + 1;
        other[t].open = level + floor - c[t].open;
        other[t].close = level + floor - c[t].close;
        other[t].high = level + floor - c[t].low;
        other[t].low = level + floor - c[t].high;
        other[t].volume = 2 * c[t].volume + 1;
    }
    run(c, m, x);
    run(other, m, y);
    for (int t = 0; t < cut; t++)
        if (!same(&x[t], &y[t]))
            return false;
    return true;
}

/* Saved and restored at any bar, it goes on bit for bit. */
static bool survives_a_restart(const struct candle *c, uint64_t *seed, enum mutant m)
{
    static struct strategy_score s;
    static unsigned char bytes[sizeof s];
    const int stop = 250 + (int)(plain_random(seed) % (BARS - 250));

    run(c, NONE, x);
    start(&s, c);
    for (int t = 0; t < BARS; t++) {
        if (t == stop) {
            memcpy(bytes, &s, sizeof s);
            memset(&s, 0xff, sizeof s);
            if (strategy_score_restore(&s, bytes, sizeof bytes) != ERR_OK)
                return false;
            if (m == FORGETS_EVENTS)
                memset(s.primary.event, 0, sizeof s.primary.event);
        }
        step(&s, c, t, BARS, NONE, &y[t]);
        if (!same(&x[t], &y[t]))
            return false;
    }
    return true;
}

/* A sub-signal that counts more never moves the sum against its own direction. */
static bool follows_its_weights(const struct candle *c, uint64_t *seed, enum mutant m)
{
    const struct strategy_score_params before = params;
    const int which = (int)(plain_random(seed) % SUB_COUNT);
    const double louder = params.weights.sub[which] + 2 * plain_uniform(seed);
    bool holds = true;

    run(c, NONE, x);
    params.weights.sub[which] = louder;
    run(c, NONE, y);
    params = before;
    for (int t = 0; t < BARS; t++) {
        const int dir = x[t].p.part[which].dir;
        const double moved = (y[t].p.base - x[t].p.base) * (m == DEAF_TO_WEIGHTS ? -1 : 1);
        holds = holds && (dir == 0 ? moved == 0 : dir * moved >= -1e-9);
    }
    return holds;
}

/* More of the takers buy, a deeper bid, a lower funding rate: never a lower score. */
static bool answers_the_market_with_no_less(const struct candle *c, uint64_t *seed, enum mutant m)
{
    static struct score_tf s, fork;
    struct score low, high;

    score_tf_init(&s);
    for (int t = 0; t < BARS; t++) {
        struct score_micro a = {
            .buy_volume = 100 * plain_uniform(seed),
            .sell_volume = 100 * plain_uniform(seed),
            .basis = 0.004 * (plain_uniform(seed) - 0.5),
            .funding = 0.001 * (plain_uniform(seed) - 0.5),
            .bid_share = plain_uniform(seed),
        }, b = a;
        b.buy_volume += 50 * plain_uniform(seed);
        b.basis -= 0.001 * plain_uniform(seed);
        b.funding -= 0.0003 * plain_uniform(seed);
        b.bid_share = fmin(1, b.bid_share + 0.2 * plain_uniform(seed));
        if (m == FLOW_UPSIDE_DOWN) {
            const double buys = b.buy_volume;
            b.buy_volume = b.sell_volume;
            b.sell_volume = buys;
        }
        memcpy(&fork, &s, sizeof s);
        score_tf_push(&fork, &params.weights, &c[t], &a, &low);
        score_tf_push(&s, &params.weights, &c[t], &b, &high);
        if (high.value < low.value || high.micro < low.micro - 1e-9 || fabs(high.micro) > 20 ||
            high.base != low.base)
            return false;
    }
    return true;
}

static const struct property {
    const char *name;
    bool (*holds)(const struct candle *c, uint64_t *seed, enum mutant m);
    enum mutant caught;
} properties[] = {
    {"stays within its bounds", stays_within_its_bounds, NOT_CLAMPED},
    {"mirrors long and short", mirrors_long_and_short, LONG_LOUDER},
    {"knows no price level", knows_no_price_level, LEVEL_BOUND},
    {"does not look ahead", does_not_look_ahead, PEEKS},
    {"survives a restart", survives_a_restart, FORGETS_EVENTS},
    {"follows its weights", follows_its_weights, DEAF_TO_WEIGHTS},
    {"answers the market with no less", answers_the_market_with_no_less, FLOW_UPSIDE_DOWN},
};

static int walks_until_caught(const struct property *p, uint64_t seed)
{
    for (int w = 0; w < 50; w++) {
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

    strategy_score_params_default(&params);
    printf("score: seed %llu, %d walks of %d bars\n", (unsigned long long)seed, WALKS, BARS);
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
        printf("%-32s holds; catches \"%s\" in walk %d\n", properties[i].name,
               mutant_names[properties[i].caught], walks);
        ck_assert_int_gt(walks, 0);
    }
}
END_TEST

TESTS("score_properties", every_property_holds_over_a_million_bars_and_catches_its_mutant)
