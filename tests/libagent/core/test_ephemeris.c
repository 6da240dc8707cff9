/* Positions against the worked example of the source, figures against what is known of them. */
#include "libagent/core/ephemeris.h"
#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

#define DAY_NS INT64_C(86400000000000)

static struct ephemeris on_day(int day)     /* since 1999-12-31 0:00 UT */
{
    struct ephemeris e;
    ephemeris_at((day + 10956) * DAY_NS, &e);
    return e;
}

static double apart(double a, double b)     /* degrees, around the circle */
{
    const double d = fabs(a - b);
    return fmin(d, 360 - d);
}

/* Domain 6, test 14: 1990-04-19 0:00 UT, the tutorial's numbers, to better than 0.001 degrees:
 * their last digit is worth 1 more or less. */
START_TEST(equals_the_worked_example_of_1990_04_19_to_a_thousandth_of_a_degree)
{
    static const struct {
        enum ephemeris_body body;
        double lon, lat, r;
    } want[] = {
        {EPHEMERIS_MERCURY, 170.5709, 5.9255, 0.374862},
        {EPHEMERIS_VENUS, 263.6570, -0.4180, 0.726607},
        {EPHEMERIS_MARS, 290.6297, -1.6203, 1.417194},
        {EPHEMERIS_JUPITER, 105.2423, 0.1113, 5.19508},
        {EPHEMERIS_SATURN, 289.3824, 0.1845, 10.06118},
        {EPHEMERIS_URANUS, 276.7671, -0.3003, 19.39628},
        {EPHEMERIS_NEPTUNE, 282.7192, 0.8575, 30.19285},
    };
    const struct ephemeris e = on_day(-3543);

    ck_assert(e.day == -3543);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const struct ephemeris_place *p = &e.helio[want[i].body];
        printf("%-8s %.4f %.4f %.6f\n", ephemeris_name(want[i].body), p->lon, p->lat, p->r);
        ck_assert(apart(p->lon, want[i].lon) <= 0.00015 && fabs(p->lat - want[i].lat) <= 0.00015 &&
                  fabs(p->r / want[i].r - 1) <= 4e-6);
    }
    const struct ephemeris_place *sun = &e.geo[EPHEMERIS_SUN];
    ck_assert(fabs(sun->lon - 28.6869) <= 0.00015 && fabs(sun->r - 1.004323) <= 1.5e-6);
    ck_assert(sun->lat == 0 && e.helio[EPHEMERIS_SUN].r == 0 && e.elongation[EPHEMERIS_SUN] == 0);
    ck_assert(fabs(e.geo[EPHEMERIS_MERCURY].r - 0.748296) <= 1.5e-6);
    ck_assert(fabs(e.elongation[EPHEMERIS_MERCURY] - 18.17) <= 0.005);
    printf("q %.6f\n", e.q);
    ck_assert(fabs(e.q - 0.4551) <= 0.00005);
}
END_TEST

/* Nothing of ours: when they met in the sky, and how far the inner two ever get from the Sun. */
START_TEST(the_sky_did_what_the_almanac_says)
{
    /* Jupiter and Saturn, 2020-12-21 18:20 UT: Saturn six minutes of arc north. */
    struct ephemeris e;
    ephemeris_at(INT64_C(1608574800) * 1000000000, &e);
    ck_assert(apart(e.geo[EPHEMERIS_JUPITER].lon, e.geo[EPHEMERIS_SATURN].lon) < 0.05);
    ck_assert(fabs(e.geo[EPHEMERIS_SATURN].lat - e.geo[EPHEMERIS_JUPITER].lat - 0.10) < 0.03);
    /* Transit of Mercury, 2019-11-11 15:20 UT; opposition of Mars, 2020-10-13 23:26 UT. */
    ephemeris_at(INT64_C(1573485600) * 1000000000, &e);
    ck_assert(e.elongation[EPHEMERIS_MERCURY] < 0.1);
    ephemeris_at(INT64_C(1602631560) * 1000000000, &e);
    ck_assert(apart(e.geo[EPHEMERIS_MARS].lon, e.geo[EPHEMERIS_SUN].lon) > 179.9);
    /* Equinox: the Sun at 0, 2024-03-20 03:06 UT. */
    ephemeris_at(INT64_C(1710903960) * 1000000000, &e);
    ck_assert(apart(e.geo[EPHEMERIS_SUN].lon, 0) < 0.02);
}
END_TEST

static int by_size(const void *a, const void *b)
{
    const double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

/* The tables are those of these very days: exact at each twentieth, straight between. */
START_TEST(the_figures_of_six_years_are_those_known_and_make_the_tables)
{
    enum { FIRST = 7306, N = 2192 };        /* 2020-01-01 ... 2025-12-31 */
    static double q[N], a[N], q_rank[N], a_rank[N];
    double mean = 0, square = 0;

    for (int i = 0; i < N; i++) {
        const struct ephemeris e = on_day(FIRST + i);
        q[i] = e.q;
        a[i] = e.alignment;
        q_rank[i] = e.q_rank;
        a_rank[i] = e.alignment_rank;
        mean += q[i] / N;
        square += q[i] * q[i] / N;
        ck_assert(e.h > 0 && e.h <= 1 && e.elongation[EPHEMERIS_MERCURY] < 28.5 &&
                  e.elongation[EPHEMERIS_VENUS] < 47.5);
    }
    double *const all[] = {q, a, q_rank, a_rank};
    for (int k = 0; k < 4; k++)
        qsort(all[k], N, sizeof *all[k], by_size);
    printf("q: mean %.4f sd %.4f min %.4f 99 %% %.4f max %.4f\n", mean, sqrt(square - mean * mean),
           q[0], q[N * 99 / 100], q[N - 1]);
    ck_assert(fabs(mean - 0.708) < 0.0006 && fabs(sqrt(square - mean * mean) - 0.074) < 0.0006);
    ck_assert(fabs(q[0] - 0.513) < 0.0006 && fabs(q[N - 1] - 0.891) < 0.0006 &&
              fabs(q[N * 99 / 100] - 0.879) < 0.001);
    for (int i = 0; i < N; i++) {
        const double share = (double)i / (N - 1);
        ck_assert(fabs(q_rank[i] - share) < 0.03 && fabs(a_rank[i] - share) < 0.03);
    }
    for (int k = 0; k <= 20; k++) {
        const int i = (int)lround(k * (N - 1) / 20.0);
        ck_assert_msg(fabs(q_rank[i] - k / 20.0) < 0.001 && fabs(a_rank[i] - k / 20.0) < 0.001,
                      "%d: %g, %g", k, q_rank[i], a_rank[i]);
    }
}
END_TEST

/* The figures from the places, written from their definitions. */
START_TEST(figures_follow_from_the_places)
{
    static const double aspects[] = {0, 60, 90, 120, 180};
    uint64_t seed = 20240805;

    for (int n = 0; n < 2000; n++) {
        struct ephemeris e;
        ephemeris_at((int64_t)(plain_uniform(&seed) * 4e18), &e);
        double q = 0, h = 0, a = 0;
        for (int i = 1; i <= 7; i++) {
            /* the angle between two directions, without the law of cosines */
            const struct ephemeris_place *p = &e.geo[i], *s = &e.geo[0];
            const double rad = acos(-1) / 180,
                         cosine = cos(p->lat * rad) * cos((p->lon - s->lon) * rad);
            ck_assert(fabs(cos(e.elongation[i] * rad) - cosine) < 1e-9);
            q += fabs(cosine) / 7;
            h += 1 / (p->r * p->r) / 7;
            for (int k = 1; k < i; k++) {
                double best = 0;
                for (int j = 0; j < 5; j++) {
                    const double x = apart(p->lon, e.geo[k].lon) - aspects[j];
                    best = fmax(best, exp(-x * x / 36));
                }
                a += best / 21;
            }
        }
        ck_assert(fabs(e.q - q) < 1e-9 && fabs(e.h - fmin(1, h / 2)) < 1e-9 &&
                  fabs(e.alignment - a) < 1e-9);
    }
}
END_TEST

/* A planet moves less than 8 degrees a day in the sky, and obeys its bounds, at every time that
 * there is. */
START_TEST(every_time_gives_finite_places_that_move_smoothly)
{
    const char *given = getenv("ENIGMA_TEST_SEED");
    const uint64_t start = given != NULL ? strtoull(given, NULL, 10) : 20240805;
    uint64_t seed = start;
    int jumps[2] = {0}, outside = 0;

    printf("ephemeris: seed %llu\n", (unsigned long long)start);
    for (int n = 0; n < 20000; n++) {
        const int64_t ns = n == 0 ? INT64_MIN : n == 1 ? INT64_MAX - DAY_NS
                           : (int64_t)(plain_random(&seed) >> 1) * (n % 2 == 0 ? 1 : -1) -
                             (n % 2 == 0 ? DAY_NS : 0);
        struct ephemeris a, b;
        ephemeris_at(ns, &a);
        ephemeris_at(ns + DAY_NS, &b);
        outside += !(a.q >= 0 && a.q <= 1 && a.h > 0 && a.h <= 1 && a.alignment >= 0 &&
                     a.alignment <= 1 && a.q_rank >= 0 && a.q_rank <= 1 && a.alignment_rank >= 0 &&
                     a.alignment_rank <= 1);
        for (int i = 0; i < EPHEMERIS_COUNT; i++) {
            const struct ephemeris_place *p[] = {&a.helio[i], &a.geo[i]};
            for (int k = 0; k < 2; k++)
                outside += !(p[k]->lon >= 0 && p[k]->lon < 360 && fabs(p[k]->lat) < 10 &&
                             p[k]->r >= 0 && p[k]->r < 32);
            outside += !(a.elongation[i] >= 0 && a.elongation[i] <= 180);
            jumps[0] += apart(a.helio[i].lon, b.helio[i].lon) > 8;
            /* the mutant has forgotten to go round the circle */
            jumps[1] += fabs(a.helio[i].lon - b.helio[i].lon) > 8;
        }
    }
    printf("jumps: %d; of the mutant that does not go round: %d\n", jumps[0], jumps[1]);
    ck_assert(outside == 0 && jumps[0] == 0 && jumps[1] > 0);
    ck_assert_str_eq(ephemeris_name(EPHEMERIS_NEPTUNE), "Neptune");
    ck_assert_str_eq(ephemeris_name(EPHEMERIS_COUNT), "?");
}
END_TEST

TESTS("ephemeris", equals_the_worked_example_of_1990_04_19_to_a_thousandth_of_a_degree,
      the_sky_did_what_the_almanac_says,
      the_figures_of_six_years_are_those_known_and_make_the_tables,
      figures_follow_from_the_places, every_time_gives_finite_places_that_move_smoothly)
