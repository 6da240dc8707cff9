/* Pooling by log-odds: examples by hand, and properties over random opinions from a printed seed,
 * each shown to fail on a planted mutant. */
#define TEST_TIMEOUT 300
#include "libagent/core/pool.h"
#include "proto/err.h"
#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

#define OPINIONS(...) (const struct pool_opinion[]){__VA_ARGS__}

START_TEST(adds_log_odds_by_their_weight)
{
    double p = -1;
    /* odds of 3, 4 and 1/2: 3 x 4 / 2 = 6 */
    ck_assert_int_eq(pool_log_odds(OPINIONS({0.75, 1}, {0.8, 1}, {1.0 / 3, 1}), 3, &p), ERR_OK);
    ck_assert(fabs(p - 6.0 / 7) < 1e-15);
    /* 9^(1/2) = 3; 3^2 = 9 */
    ck_assert_int_eq(pool_log_odds(OPINIONS({0.9, 0.5}), 1, &p), ERR_OK);
    ck_assert(fabs(p - 0.75) < 1e-15);
    ck_assert_int_eq(pool_log_odds(OPINIONS({0.75, 2}), 1, &p), ERR_OK);
    ck_assert(fabs(p - 0.9) < 1e-15);
    /* against each other, and undecided */
    ck_assert_int_eq(pool_log_odds(OPINIONS({0.75, 1}, {0.25, 1}), 2, &p), ERR_OK);
    ck_assert(p == 0.5);
    ck_assert_int_eq(pool_log_odds(OPINIONS({0.5, 7}), 1, &p), ERR_OK);
    ck_assert(p == 0.5);
}
END_TEST

START_TEST(certainty_is_held_within_its_bounds)
{
    double p = -1;
    ck_assert_int_eq(pool_log_odds(OPINIONS({1, 1}), 1, &p), ERR_OK);
    ck_assert(fabs(p - (1 - POOL_P_MIN)) < 1e-15);
    ck_assert_int_eq(pool_log_odds(OPINIONS({0, 1}), 1, &p), ERR_OK);
    ck_assert(fabs(p - POOL_P_MIN) < 1e-15);
    ck_assert_int_eq(pool_log_odds(OPINIONS({1, 100}, {0.9, 100}), 2, &p), ERR_OK);
    ck_assert(p == 1 - POOL_P_MIN);
    ck_assert_int_eq(pool_log_odds(OPINIONS({0, 100}, {0.1, 100}), 2, &p), ERR_OK);
    ck_assert(p == POOL_P_MIN);
    ck_assert_int_eq(pool_log_odds(OPINIONS({1, 1}, {0, 1}), 2, &p), ERR_OK);
    ck_assert(fabs(p - 0.5) < 1e-15);
}
END_TEST

START_TEST(bad_opinions_are_refused_and_change_nothing)
{
    static const struct pool_opinion bad[] = {{NAN, 1},       {-0.001, 1},   {1.001, 1},
                                              {INFINITY, 1},  {0.5, -0.001}, {0.5, NAN},
                                              {0.5, 100.001}, {0.5, INFINITY}};
    struct pool_opinion many[POOL_MAX + 1];
    double p = -7;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(pool_log_odds(OPINIONS({0.6, 1}, bad[i]), 2, &p), ERR_RANGE);
    ck_assert_int_eq(pool_log_odds(NULL, 0, &p), ERR_EMPTY);
    ck_assert_int_eq(pool_log_odds(OPINIONS({0.9, 0}, {NAN, 0}), 2, &p), ERR_EMPTY);
    for (int i = 0; i <= POOL_MAX; i++)
        many[i] = (struct pool_opinion){0.6, 0.1};
    ck_assert_int_eq(pool_log_odds(many, POOL_MAX + 1, &p), ERR_SIZE);
    ck_assert(p == -7);
    ck_assert_int_eq(pool_log_odds(many, POOL_MAX, &p), ERR_OK);
}
END_TEST

START_TEST(weights_are_shares_of_what_is_known_beyond_a_coin)
{
    double w[3] = {-7, -7, -7};
    /* ln 2 - loss: 0.3, 0.1, none */
    const double ln2 = log(2);
    ck_assert_int_eq(pool_weights((const double[]){ln2 - 0.3, ln2 - 0.1, 0.8}, 3, w), ERR_OK);
    ck_assert(fabs(w[0] - 0.75) < 1e-12 && fabs(w[1] - 0.25) < 1e-12 && w[2] == 0);
    ck_assert_int_eq(pool_weights((const double[]){0.2}, 1, w), ERR_OK);
    ck_assert(w[0] == 1);
    ck_assert_int_eq(pool_weights((const double[]){0, INFINITY}, 2, w), ERR_OK);
    ck_assert(w[0] == 1 && w[1] == 0);
    w[0] = w[1] = -7;
    ck_assert_int_eq(pool_weights((const double[]){0.7, 0.9}, 2, w), ERR_EMPTY);
    ck_assert_int_eq(pool_weights(NULL, 0, w), ERR_EMPTY);
    ck_assert_int_eq(pool_weights((const double[]){0.1, NAN}, 2, w), ERR_RANGE);
    ck_assert_int_eq(pool_weights((const double[]){0.1, -0.1}, 2, w), ERR_RANGE);
    ck_assert_int_eq(pool_weights((const double[POOL_MAX + 1]){0}, POOL_MAX + 1, w), ERR_SIZE);
    ck_assert(w[0] == -7 && w[1] == -7);
}
END_TEST

/* ---- properties ---- */

typedef int pool_fn(const struct pool_opinion *o, size_t n, double *ret);

static double term(const struct pool_opinion *o)
{
    const double p = fmax(POOL_P_MIN, fmin(1 - POOL_P_MIN, o->p));
    return o->weight * log(p / (1 - p));
}

/* Mutants: added as they come; the probabilities averaged instead; certainty not held; weight 0
 * still counts a little. */
static int as_they_come(const struct pool_opinion *o, size_t n, double *ret)
{
    double s = 0, unused;
    const int err = pool_log_odds(o, n, &unused);
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        s += o[i].weight > 0 ? term(&o[i]) : 0;
    if (err == ERR_OK)
        *ret = fmax(POOL_P_MIN, fmin(1 - POOL_P_MIN, 1 / (1 + exp(-s))));
    return err;
}

static int lopsided(const struct pool_opinion *o, size_t n, double *ret)
{
    const int err = pool_log_odds(o, n, ret);
    if (err == ERR_OK && *ret < 0.5)
        *ret = fmax(POOL_P_MIN, *ret - 1e-9);
    return err;
}

static int unheld(const struct pool_opinion *o, size_t n, double *ret)
{
    double s = 0, unused;
    const int err = pool_log_odds(o, n, &unused);
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        s += o[i].weight > 0 ? o[i].weight * log(o[i].p / (1 - o[i].p)) : 0;
    if (err == ERR_OK)
        *ret = 1 / (1 + exp(-s));
    return err;
}

static int counts_the_silent(const struct pool_opinion *o, size_t n, double *ret)
{
    struct pool_opinion all[POOL_MAX];
    for (size_t i = 0; i < n; i++) {
        all[i] = o[i];
        if (o[i].weight == 0)
            all[i].weight = 1e-6;
    }
    return pool_log_odds(all, n, ret);
}

static int upside_down(const struct pool_opinion *o, size_t n, double *ret)
{
    const int err = pool_log_odds(o, n, ret);
    if (err == ERR_OK)
        *ret = 1 - *ret;
    return err;
}

static size_t opinions(struct pool_opinion *o, uint64_t *seed)
{
    const size_t n = 2 + plain_random(seed) % (POOL_MAX - 3);
    for (size_t i = 0; i < n; i++) {
        o[i].p = floor(plain_uniform(seed) * 1025) / 1024;      /* 1 - p is exact; 0 and 1 occur */
        o[i].weight = plain_random(seed) % 4 == 0 ? 0 : 2 * plain_uniform(seed) / (double)n;
    }
    return n;
}

static bool knows_no_order(pool_fn *pool, struct pool_opinion *o, size_t n, uint64_t *seed)
{
    double a = -1, b = -1;
    const int err = pool(o, n, &a);
    for (size_t i = n - 1; i > 0; i--) {
        const size_t j = plain_random(seed) % (i + 1);
        const struct pool_opinion t = o[i];
        o[i] = o[j];
        o[j] = t;
    }
    return pool(o, n, &b) == err && a == b;
}

static bool mirrors_rise_and_fall(pool_fn *pool, struct pool_opinion *o, size_t n, uint64_t *seed)
{
    double a = -1, b = -1;
    (void)seed;
    const int err = pool(o, n, &a);
    for (size_t i = 0; i < n; i++)
        o[i].p = 1 - o[i].p;
    return pool(o, n, &b) == err && (err != ERR_OK || fabs(a + b - 1) < 1e-15);
}

static bool stays_within_its_bounds(pool_fn *pool, struct pool_opinion *o, size_t n, uint64_t *seed)
{
    double p = -1;
    for (size_t i = 0; i < n; i++)
        if (plain_random(seed) % 4 == 0)
            o[i].weight = 100 * plain_uniform(seed);
    return pool(o, n, &p) != ERR_OK || (p >= POOL_P_MIN && p <= 1 - POOL_P_MIN);
}

static bool ignores_weight_0(pool_fn *pool, struct pool_opinion *o, size_t n, uint64_t *seed)
{
    double a = -1, b = -1;
    const int err = pool(o, n, &a);
    for (size_t i = 0; i < n; i++)
        if (o[i].weight == 0)
            o[i].p = plain_uniform(seed);
    o[n] = (struct pool_opinion){plain_uniform(seed), 0};
    return pool(o, n + 1, &b) == err && a == b;
}

static bool answers_a_higher_p_with_no_less(pool_fn *pool, struct pool_opinion *o, size_t n,
                                            uint64_t *seed)
{
    double a = -1, b = -1;
    const int err = pool(o, n, &a);
    struct pool_opinion *one = &o[plain_random(seed) % n];
    one->p += (1 - one->p) * plain_uniform(seed);
    return pool(o, n, &b) == err && b >= a - 1e-15;
}

/* With weights that add up to 1 it lies between the opinions. */
static bool lies_between_them(pool_fn *pool, struct pool_opinion *o, size_t n, uint64_t *seed)
{
    double total = 0, low = 1, high = 0, p = -1;
    (void)seed;
    for (size_t i = 0; i < n; i++)
        total += o[i].weight;
    if (total == 0)
        return true;
    for (size_t i = 0; i < n; i++) {
        o[i].weight /= total;
        if (o[i].weight > 0) {
            low = fmin(low, o[i].p);
            high = fmax(high, o[i].p);
        }
    }
    low = fmin(low, 1 - POOL_P_MIN);
    high = fmax(high, POOL_P_MIN);
    return pool(o, n, &p) == ERR_OK && p >= low - 1e-12 && p <= high + 1e-12;
}

static const struct property {
    const char *name;
    bool (*holds)(pool_fn *pool, struct pool_opinion *o, size_t n, uint64_t *seed);
    pool_fn *mutant;
    const char *what;
} properties[] = {
    {"knows no order", knows_no_order, as_they_come, "added as they come"},
    {"mirrors rise and fall", mirrors_rise_and_fall, lopsided, "falls a billionth more likely"},
    {"stays within its bounds", stays_within_its_bounds, unheld, "certainty not held"},
    {"ignores weight 0", ignores_weight_0, counts_the_silent, "weight 0 counts a little"},
    {"answers a higher p with no less", answers_a_higher_p_with_no_less, upside_down,
     "upside down"},
    {"lies between them", lies_between_them, upside_down, "upside down"},
};

START_TEST(every_property_holds_over_random_opinions_and_catches_its_mutant)
{
    enum { CASES = PLAIN_CASES(1000000), MUTANT_CASES = 1000 };
    const char *given = getenv("ENIGMA_TEST_SEED");
    const uint64_t start = given != NULL ? strtoull(given, NULL, 10) : 20240805;

    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        struct pool_opinion o[POOL_MAX];
        uint64_t seed = start + i;
        int caught = 0;
        for (int c = 0; c < CASES; c++) {
            const size_t n = opinions(o, &seed);
            if (!properties[i].holds(pool_log_odds, o, n, &seed))
                ck_abort_msg("%s: seed %llu, case %d", properties[i].name,
                             (unsigned long long)start, c);
        }
        for (int c = 0; c < MUTANT_CASES; c++) {
            const size_t n = opinions(o, &seed);
            caught += !properties[i].holds(properties[i].mutant, o, n, &seed);
        }
        printf("%-32s seed %llu, %d cases; \"%s\" caught in %d of %d\n", properties[i].name,
               (unsigned long long)start, CASES, properties[i].what, caught, MUTANT_CASES);
        ck_assert_int_gt(caught, 50);
    }
}
END_TEST

TESTS("pool", adds_log_odds_by_their_weight, certainty_is_held_within_its_bounds,
      bad_opinions_are_refused_and_change_nothing,
      weights_are_shares_of_what_is_known_beyond_a_coin,
      every_property_holds_over_random_opinions_and_catches_its_mutant)
