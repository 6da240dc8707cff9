#define TEST_TIMEOUT 60
#include "tests/runner.h"

#include <math.h>
#include <string.h>

#include "deploy/paper/market.h"

#define N 60000
static double ret[2][N];

static void moments(const double *x, double *sd, double *kurtosis)
{
    double s2 = 0, s4 = 0;
    for (int i = 0; i < N; i++) {
        s2 += x[i] * x[i];
        s4 += x[i] * x[i] * x[i] * x[i];
    }
    *sd = sqrt(s2 / N);
    *kurtosis = s4 / N / (s2 / N * s2 / N) - 3;
}

START_TEST(returns_are_fat_tailed_clustered_and_correlated)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct synth s;
        struct bar b[CONTRACTS_MAX];
        synth_init(&s, seed, 0, N);
        double range = 0;
        for (int i = 0; i < N; i++) {
            synth_next(&s, b);
            for (int k = 0; k < 2; k++)
                ret[k][i] = log((double)b[k].close / (double)b[k].open);
            range += log((double)b[0].high / (double)b[0].low) / N;
            ck_assert(b[0].low <= b[0].open && b[0].open <= b[0].high && b[0].lots >= 4);
        }
        ck_assert_double_lt(fabs((double)b[0].close - 900000), 2);
        double sd, kurt, sd1, kurt1, cov = 0, acf = 0, mean = 0;
        moments(ret[0], &sd, &kurt);
        moments(ret[1], &sd1, &kurt1);
        for (int i = 0; i < N; i++) {
            cov += ret[0][i] * ret[1][i] / N;
            mean += fabs(ret[0][i]) / N;
        }
        for (int i = 1; i < N; i++)
            acf += (fabs(ret[0][i]) - mean) * (fabs(ret[0][i - 1]) - mean) / N;
        acf /= sd * sd - mean * mean;
        printf("seed %llu: BTC 1m sd %.3f %%, kurtosis %.0f, corr %.2f, acf|r| %.2f, range/sd %.2f\n",
               (unsigned long long)seed, sd * 100, kurt, cov / sd / sd1, acf, range / sd);
        ck_assert(sd >= 0.0010 && sd < 0.0025 && kurt > 3 && cov / sd / sd1 > 0.3);
        ck_assert(acf > 0.08 && range / sd > 0.9 && range / sd < 1.6);
    }
}
END_TEST

START_TEST(the_same_seed_gives_the_same_market)
{
    struct market *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    char msg[200];
    ck_assert_int_eq(market_open(a, "synthetic", NULL, 9, 29000000, msg, sizeof msg), 0);
    ck_assert_int_eq(market_open(b, "synthetic", "XBTUSDTM", 9, 29000000, msg, sizeof msg), 0);
    for (int64_t m = a->minute; m > a->minute - HISTORY_MIN; m--) {
        struct bar x = market_bar(a, 0, m), y = market_bar(b, 0, m);
        ck_assert_int_eq(memcmp(&x, &y, sizeof x), 0);
    }
    market_close(a);
    market_close(b);
    free(a);
    free(b);
}
END_TEST

START_TEST(prints_make_exactly_the_bar)
{
    struct market m = {.seed = 5};
    struct rng r = {77};
    for (int64_t i = 0; i < 20000; i++) {
        int64_t o = 1000 + (int64_t)(rng_next(&r) % 50), c = 1000 + (int64_t)(rng_next(&r) % 50);
        struct bar b = {o, (o > c ? o : c) + (int64_t)(rng_next(&r) % 9),
                        (o < c ? o : c) - (int64_t)(rng_next(&r) % 9), c,
                        4 + (int64_t)(rng_next(&r) % 300)};
        struct print p[PRINTS_MAX];
        int n = market_prints(&m, 0, i, &b, p);
        int64_t high = 0, low = INT64_MAX, lots = 0;
        for (int k = 0; k < n; k++) {
            high = p[k].px > high ? p[k].px : high;
            low = p[k].px < low ? p[k].px : low;
            lots += p[k].lots;
            ck_assert(p[k].lots > 0 && p[k].offset_ns > (k ? p[k - 1].offset_ns : 0));
        }
        ck_assert(p[n - 1].offset_ns < NS_PER_MIN);
        ck_assert(p[0].px == o && p[n - 1].px == c && high == b.high && low == b.low &&
                  lots == b.lots);
    }
}
END_TEST

TESTS("synth", returns_are_fat_tailed_clustered_and_correlated, the_same_seed_gives_the_same_market,
      prints_make_exactly_the_bar)
