/* Properties of Gamma, lighthouse, kappa and CASCADE over a million evaluated hours of random
 * universes, each shown to fail on a planted mutant.  ENIGMA_TEST_SEED names another seed. */
#define TEST_TIMEOUT 900
#include "libagent/core/gamma.h"
#include "proto/err.h"
#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

#define HOUR GAMMA_TF_NS

enum { HOURS = 120, FIRST = 1000, N_MIN = 4, N_MAX = 12, UNIVERSES = PLAIN_CASES(14000) };

enum mutant {
    NONE,
    FIRST_COUNTS_TWICE,
    SUM_NOT_MEAN,
    KNOWS_THE_NEXT_HOUR,
    LONG_ONLY,
    LEAVES_OUT_THE_QUIET,
    FORGETS_CASCADE,
    UPSIDE_DOWN,
    LOSSES_RAISE,
};
static const char *const mutant_names[] = {
    "none",
    "the first symbol counts twice",
    "a sum, not a mean",
    "a phase that knows the next hour",
    "coherence with the sign of the last return",
    "symbols that move less than 0.1 % an hour left out",
    "CASCADE left out of the snapshot",
    "1 - Gamma",
    "a loss that raises CASCADE",
};

struct universe {
    int n;
    double close[N_MAX][HOURS];
};

struct answer {
    double value, psi, kappa, strength, cascade, g[N_MAX];
    bool valid, lighthouse;
};

static struct answer x[HOURS], y[HOURS];

static struct universe make(uint64_t *seed)
{
    struct universe u = {.n = N_MIN + (int)(plain_random(seed) % (N_MAX - N_MIN + 1))};
    const double common = plain_uniform(seed), size = 0.002 + 0.03 * plain_uniform(seed);
    double at[N_MAX] = {0};

    for (int t = 0; t < HOURS; t++) {
        const double all = plain_uniform(seed) - 0.5 + 0.3 * sin(2 * acos(-1) * t / 24);
        for (int i = 0; i < u.n; i++) {
            at[i] += size * (common * all + (1 - common) * (plain_uniform(seed) - 0.5));
            u.close[i][t] = 100 * exp(at[i]);
        }
    }
    return u;
}

static void mutate(enum mutant m, const struct universe *u, int t, struct answer *a)
{
    double sum = 0, n = 0;

    switch (m) {
    case FIRST_COUNTS_TWICE:
        a->value = (a->value * u->n + a->g[0]) / (u->n + 1);
        break;
    case SUM_NOT_MEAN:
        a->value *= u->n;
        break;
    case KNOWS_THE_NEXT_HOUR:
        a->psi += t + 1 < HOURS ? 1e-3 * log(u->close[0][t + 1] / u->close[0][t]) : 0;
        break;
    case LONG_ONLY:
        for (int i = 0; i < u->n; i++)
            a->g[i] *= u->close[i][t] > u->close[i][t - 1] ? 1 : -1;
        break;
    case LEAVES_OUT_THE_QUIET:
        for (int i = 0; i < u->n; i++)
            if (fabs(log(u->close[i][t] / u->close[i][t - 1])) > 0.001) {
                sum += a->g[i];
                n++;
            }
        a->value = n > 0 ? fabs(sum) / n : 0;
        break;
    case UPSIDE_DOWN:
        a->value = 1 - a->value;
        break;
    default:
        break;
    }
}

static void feed(struct gamma *m, const struct universe *u, int t)
{
    for (int i = 0; i < u->n; i++) {
        const double close = u->close[i][t];
        const struct candle c = {(FIRST + t) * HOUR, HOUR, close, close, close, close, 1};
        must(gamma_bar(m, i, &c) == CANDLE_OK);
    }
}

static void step(struct gamma *m, const struct universe *u, int t, enum mutant mutant,
                 struct answer *a)
{
    feed(m, u, t);
    gamma_update(m, (FIRST + t + 1) * HOUR);
    gamma_trade(m, (FIRST + t + 1) * HOUR, t % 3 == 0 ? 0.3 : -0.1);
    *a = (struct answer){m->value,   m->psi, m->kappa, m->strength, m->cascade, {0},
                         m->valid != 0, m->lighthouse != 0};
    for (int i = 0; i < u->n; i++)
        a->g[i] = m->symbol[i].g;
    if (t >= GAMMA_W)
        mutate(mutant, u, t, a);
}

static void run(const struct universe *u, enum mutant m, struct answer *out)
{
    static struct gamma state;
    must(gamma_init(&state, u->n, FIRST * HOUR) == ERR_OK);
    for (int t = 0; t < HOURS; t++)
        step(&state, u, t, m, &out[t]);
}

static bool same(const struct answer *a, const struct answer *b)
{
    return a->value == b->value && a->psi == b->psi && a->kappa == b->kappa &&
           a->strength == b->strength && a->cascade == b->cascade && a->valid == b->valid &&
           a->lighthouse == b->lighthouse && memcmp(a->g, b->g, sizeof a->g) == 0;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-9;
}

/* ---- each answers whether it holds in a universe ---- */

static bool stays_within_its_bounds(const struct universe *u, uint64_t *seed, enum mutant m)
{
    (void)seed;
    run(u, m, x);
    for (int t = 0; t < HOURS; t++) {
        const struct answer *a = &x[t];
        double mean = 0;
        if (!isfinite(a->value + a->psi + a->kappa + a->cascade + a->strength) || a->value < 0 ||
            a->value > 1 || a->kappa < 1 || a->kappa > 2.73 + 1e-12 || a->cascade < 1 ||
            a->cascade > CASCADE_MAX || a->strength < 0 || a->strength > 1 ||
            a->valid != (t >= GAMMA_W) || (!a->valid && a->value != 0) ||
            (a->lighthouse && a->value < GAMMA_OFF))
            return false;
        for (int i = 0; i < u->n; i++) {
            mean += a->g[i] / u->n;
            if (fabs(a->g[i]) > a->value + 1e-12)
                return false;
        }
        if (!near(mean, a->value * a->value)) /* the mean of the cosines is Gamma itself */
            return false;
    }
    return true;
}

static bool knows_no_order(const struct universe *u, uint64_t *seed, enum mutant m)
{
    struct universe v = *u;
    int order[N_MAX];

    for (int i = 0; i < u->n; i++) {
        const int j = (int)(plain_random(seed) % (uint64_t)(i + 1));
        order[i] = order[j];
        order[j] = i;
    }
    for (int i = 0; i < u->n; i++)
        memcpy(v.close[i], u->close[order[i]], sizeof v.close[i]);
    run(u, m, x);
    run(&v, m, y);
    for (int t = 0; t < HOURS; t++) {
        if (x[t].value != y[t].value || x[t].psi != y[t].psi || x[t].kappa != y[t].kappa)
            return false;
        for (int i = 0; i < u->n; i++)
            if (y[t].g[i] != x[t].g[order[i]])
                return false;
    }
    return true;
}

/* Every rise a fall of the same size: the same coherence, for it serves both sides. */
static bool mirrors_rise_and_fall(const struct universe *u, uint64_t *seed, enum mutant m)
{
    struct universe v = *u;
    (void)seed;
    for (int i = 0; i < u->n; i++)
        for (int t = 0; t < HOURS; t++)
            v.close[i][t] = 1e4 / u->close[i][t];
    run(u, m, x);
    run(&v, m, y);
    for (int t = 0; t < HOURS; t++) {
        if (!near(x[t].value, y[t].value))
            return false;
        for (int i = 0; i < u->n; i++)
            if (!near(x[t].g[i], y[t].g[i]))
                return false;
    }
    return true;
}

/* Each symbol's moves times a number of its own: the phases stay, and Gamma. */
static bool knows_no_size_of_moves(const struct universe *u, uint64_t *seed, enum mutant m)
{
    struct universe v = *u;
    for (int i = 0; i < u->n; i++) {
        const double f = 0.05 + 3 * plain_uniform(seed), level = 1 + 1000 * plain_uniform(seed);
        for (int t = 0; t < HOURS; t++)
            v.close[i][t] = level * pow(u->close[i][t] / 100, f);
    }
    run(u, m, x);
    run(&v, m, y);
    for (int t = 0; t < HOURS; t++)
        if (!near(x[t].value, y[t].value))
            return false;
    return true;
}

static bool does_not_look_ahead(const struct universe *u, uint64_t *seed, enum mutant m)
{
    struct universe v = *u;
    const int cut = GAMMA_W + 1 + (int)(plain_random(seed) % (HOURS - GAMMA_W - 1));
    for (int i = 0; i < u->n; i++)
        for (int t = cut; t < HOURS; t++)
            v.close[i][t] *= 1 + plain_uniform(seed);
    run(u, m, x);
    run(&v, m, y);
    for (int t = 0; t < cut; t++)
        if (!same(&x[t], &y[t]))
            return false;
    return true;
}

static bool survives_a_restart(const struct universe *u, uint64_t *seed, enum mutant m)
{
    static struct gamma state;
    static unsigned char bytes[sizeof state];
    const int stop = 1 + (int)(plain_random(seed) % (HOURS - 1));

    run(u, NONE, x);
    must(gamma_init(&state, u->n, FIRST * HOUR) == ERR_OK);
    for (int t = 0; t < HOURS; t++) {
        if (t == stop) {
            memcpy(bytes, &state, sizeof state);
            memset(&state, 0xff, sizeof state);
            if (gamma_restore(&state, bytes, sizeof bytes) != ERR_OK)
                return false;
            if (m == FORGETS_CASCADE)
                state.cascade = 1;
        }
        step(&state, u, t, NONE, &y[t]);
        if (!same(&x[t], &y[t]))
            return false;
    }
    return true;
}

/* A symbol that goes over to one nearer to the common phase never lowers Gamma: with u_j m >= u_i m
 * the mean m + (u_j - u_i)/N is no shorter than m.  And kappa never falls as Gamma rises. */
static bool answers_agreement_with_no_less(const struct universe *u, uint64_t *seed, enum mutant m)
{
    struct universe v = *u;
    const int t = HOURS - 1, i = (int)(plain_random(seed) % (uint64_t)u->n);
    int j = 0;

    run(u, m, x);
    for (int k = 1; k < u->n; k++)
        if (x[t].g[k] > x[t].g[j])
            j = k;
    memcpy(v.close[i], u->close[j], sizeof v.close[i]);
    run(&v, m, y);
    return y[t].value >= x[t].value - 1e-12 && y[t].kappa >= x[t].kappa - 1e-9;
}

static bool answers_a_better_trade_with_no_less(const struct universe *u, uint64_t *seed,
                                                enum mutant m)
{
    static struct gamma a, b;
    int64_t now = 0;

    must(gamma_init(&a, u->n, 0) == ERR_OK);
    b = a;
    for (int k = 0; k < HOURS; k++) {
        const double p = 2 * plain_uniform(seed) - 1, q = p + plain_uniform(seed);
        now += (int64_t)(plain_random(seed) % 7200) * INT64_C(1000000000);
        gamma_trade(&a, now, p);
        gamma_trade(&b, now, m == LOSSES_RAISE && q > 0 ? -q : q);
        if (b.cascade < a.cascade - 1e-12 || a.cascade < 1 || b.cascade > CASCADE_MAX)
            return false;
        const double before = b.cascade;
        gamma_update(&b, now + 1);
        gamma_update(&a, now + 1);
        if (b.cascade > before) /* it only ever decays by itself */
            return false;
    }
    return true;
}

static const struct property {
    const char *name;
    bool (*holds)(const struct universe *u, uint64_t *seed, enum mutant m);
    enum mutant caught;
} properties[] = {
    {"stays within its bounds", stays_within_its_bounds, SUM_NOT_MEAN},
    {"knows no order of the symbols", knows_no_order, FIRST_COUNTS_TWICE},
    {"mirrors rise and fall", mirrors_rise_and_fall, LONG_ONLY},
    {"knows no size of moves", knows_no_size_of_moves, LEAVES_OUT_THE_QUIET},
    {"does not look ahead", does_not_look_ahead, KNOWS_THE_NEXT_HOUR},
    {"survives a restart", survives_a_restart, FORGETS_CASCADE},
    {"answers agreement with no less", answers_agreement_with_no_less, UPSIDE_DOWN},
    {"answers a better trade with no less", answers_a_better_trade_with_no_less, LOSSES_RAISE},
};

static int universes_until_caught(const struct property *p, uint64_t seed)
{
    for (int k = 0; k < 200; k++) {
        uint64_t s = seed + (uint64_t)k;
        const struct universe u = make(&s);
        if (!p->holds(&u, &s, p->caught))
            return k + 1;
    }
    return 0;
}

START_TEST(every_property_holds_and_catches_its_mutant)
{
    const char *given = getenv("ENIGMA_TEST_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20240805;
    const size_t n = sizeof properties / sizeof properties[0];

    printf("gamma: seed %llu, %d universes of %d to %d symbols, %d hours evaluated in each, "
           "%zu properties\n", (unsigned long long)seed, UNIVERSES, N_MIN, N_MAX,
           HOURS - GAMMA_W, n);
    for (int k = 0; k < UNIVERSES; k++) {
        uint64_t s = seed + (uint64_t)k * UINT64_C(1000003);
        const struct universe u = make(&s);
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(properties[i].holds(&u, &s, NONE), "%s: seed %llu, universe %d",
                          properties[i].name, (unsigned long long)seed, k);
    }
    for (size_t i = 0; i < n; i++) {
        const int tries = universes_until_caught(&properties[i], seed);
        printf("%-36s holds; catches \"%s\" in universe %d\n", properties[i].name,
               mutant_names[properties[i].caught], tries);
        ck_assert_int_gt(tries, 0);
    }
}
END_TEST

TESTS("gamma_properties", every_property_holds_and_catches_its_mutant)
