#define TEST_TIMEOUT 60
#include "tests/runner.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "deploy/paper/market.h"

#define N 60000
#define FUNDINGS 1095

/* What recorded markets show, lowest to highest set: the data notes' table of minute bars and its text. */
static const struct { const char *what; double low, high; } target[] = {
    {"sd %", 0.033, 0.125}, {"kurtosis", 23, 686}, {"acf r 1", -0.106, 0.035},
    {"acf |r| 1", 0.26, 0.43}, {"acf |r| 100", 0.07, 0.17}, {"corr V,|r|", 0.52, 0.70},
    {"range/sd", 0.88, 1.24}, {"acf log V", 0.5, 0.9}, {"corr BTC", 0.5, 1}, {"hour ratio", 1.5, 3},
};
#define FIGURES (sizeof target / sizeof target[0])

static double ret[CONTRACTS_MAX][N], volume[CONTRACTS_MAX][N], size[N], logv[N];

static double mean(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] / n;
    return sum;
}

static double corr(const double *x, const double *y, int n)
{
    double mx = mean(x, n), my = mean(y, n), xy = 0, xx = 0, yy = 0;
    for (int i = 0; i < n; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
    }
    return xy / sqrt(xx * yy);
}

static double acf(const double *x, int lag)
{
    return corr(x, x + lag, N - lag);
}

/* Mean size of a move in the busiest hour of the day against the quietest. */
static double hour_ratio(int64_t first_minute)
{
    double sum[24] = {0}, high = 0, low = INFINITY;
    for (int i = 0; i < N; i++)
        sum[(first_minute + i) / 60 % 24] += size[i];
    for (int h = 0; h < 24; h++) {
        high = fmax(high, sum[h]);
        low = fmin(low, sum[h]);
    }
    return high / low;
}

static void figures(int k, double range, int64_t first_minute, double f[FIGURES])
{
    double s2 = 0, s4 = 0;
    for (int i = 0; i < N; i++) {
        s2 += ret[k][i] * ret[k][i] / N;
        s4 += pow(ret[k][i], 4) / N;
        size[i] = fabs(ret[k][i]);
        logv[i] = log(volume[k][i]);
    }
    const double all[FIGURES] = {
        100 * sqrt(s2), s4 / s2 / s2 - 3, acf(ret[k], 1), acf(size, 1), acf(size, 100),
        corr(volume[k], size, N), range / sqrt(s2), acf(logv, 1), corr(ret[0], ret[k], N),
        hour_ratio(first_minute),
    };
    memcpy(f, all, sizeof all);
}

START_TEST(every_contract_is_within_the_ranges_of_recorded_minutes)
{
    int outside = 0;
    printf("%-16s", "seed, contract");
    for (size_t j = 0; j < FIGURES; j++)
        printf("%12s", target[j].what);
    for (int end = 0; end < 2; end++) {
        printf("\n%-16s", end == 0 ? "recorded, from" : "to");
        for (size_t j = 0; j < FIGURES; j++)
            printf("%12.3f", end == 0 ? target[j].low : target[j].high);
    }
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct synth s;
        struct bar b[CONTRACTS_MAX];
        double range[CONTRACTS_MAX] = {0}, f[FIGURES];
        const int64_t first = 29000000;
        synth_init(&s, seed, first, first + N);
        for (int i = 0; i < N; i++) {
            synth_next(&s, b);
            for (int k = 0; k < CONTRACTS_MAX; k++) {
                ret[k][i] = log((double)b[k].close / (double)b[k].open);
                volume[k][i] = (double)b[k].lots;
                range[k] += log((double)b[k].high / (double)b[k].low) / N;
                ck_assert(b[k].low <= b[k].open && b[k].open <= b[k].high && b[k].lots >= 4);
            }
        }
        ck_assert_double_lt(fabs((double)b[0].close - 900000), 2);  /* where the market opens */
        for (int k = 0; k < CONTRACTS_MAX; k++) {
            figures(k, range[k], first, f);
            printf("\n%d %-14s", (int)seed, contract_get(k)->symbol);
            for (size_t j = 0; j < FIGURES; j++) {
                bool in = f[j] >= target[j].low && f[j] <= target[j].high + 1e-9;
                printf("%11.3f%c", f[j], in ? ' ' : '!');
                outside += !in;
            }
        }
    }
    printf("\n");
    fflush(stdout);             /* what fails is told too */
    ck_assert_int_eq(outside, 0);
}
END_TEST

START_TEST(a_market_opens_in_a_lively_hour_whatever_the_seed)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct synth s;
        struct bar b[CONTRACTS_MAX];
        double sum = 0;
        synth_init(&s, seed, 29000000, 29000000 + 20000);
        for (int i = 0; i < 20000 + 120; i++) {
            synth_next(&s, b);
            sum += i < 20000 ? 0 : fabs(log((double)b[0].close / (double)b[0].open)) / 120;
        }
        ck_assert_msg(sum > 0.00015 && sum < 0.0012, "seed %d: mean move %g", (int)seed, sum);
    }
}
END_TEST

START_TEST(funding_is_small_autocorrelated_and_sometimes_negative)
{
    contracts_init();
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        double rate[FUNDINGS];
        int negative = 0;
        for (int i = 0; i < FUNDINGS; i++) {
            rate[i] = 0.0001;
            for (int64_t m = 0; m < 480; m += 10)
                rate[i] += synth_premium(1, k, 29000160 + 480 * i + m) / 48;
            negative += rate[i] < 0;
        }
        double bps = 1e4 * mean(rate, FUNDINGS), a = corr(rate, rate + 1, FUNDINGS - 1);
        printf("%s funding: mean %.2f bps, acf %.2f, %d %% negative\n", contract_get(k)->symbol, bps, a,
               negative * 100 / FUNDINGS);
        fflush(stdout);
        ck_assert(bps > 0.5 && bps < 0.9 && a > 0.2 && a < 0.66 && negative > FUNDINGS * 3 / 100 &&
                  negative < FUNDINGS / 5);
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

TESTS("synth", every_contract_is_within_the_ranges_of_recorded_minutes,
      a_market_opens_in_a_lively_hour_whatever_the_seed,
      funding_is_small_autocorrelated_and_sometimes_negative, the_same_seed_gives_the_same_market,
      prints_make_exactly_the_bar)
