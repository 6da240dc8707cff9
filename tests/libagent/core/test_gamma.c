/* Gamma, lighthouse, kappa, CASCADE, the gate.  Domain 6, test 1 (constant inputs give a constant
 * Gamma, permutation changes nothing, row-misaligned series are detected) is the three below that
 * say so. */
#include <complex.h>

#include "libagent/core/gamma.h"
#include "proto/err.h"
#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

#define HOUR GAMMA_TF_NS

static struct candle hour_bar(int64_t hour, double close)
{
    return (struct candle){hour * HOUR, HOUR, close, close, close, close, 1};
}

/* closes[symbol][hour] of n random walks with a common part. */
static double *walks(int n, int hours, double common, uint64_t seed)
{
    double *c = calloc((size_t)(n * hours), sizeof *c);
    double *log_close = calloc((size_t)n, sizeof *log_close);
    for (int t = 0; t < hours; t++) {
        const double all = plain_uniform(&seed) - 0.5;
        for (int i = 0; i < n; i++) {
            log_close[i] += 0.02 * (common * all + (1 - common) * (plain_uniform(&seed) - 0.5));
            c[i * hours + t] = 100 * exp(log_close[i]);
        }
    }
    free(log_close);
    return c;
}

/* Gamma of the definition, with complex numbers. */
static double plain_gamma(const double *c, int n, int hours, int t, double *g)
{
    double complex u[GAMMA_SYMBOLS_MAX], mean = 0;
    for (int i = 0; i < n; i++) {
        double complex z = 0;
        for (int k = 0; k < 48; k++)
            z += 0.5 * (1 - cos(2 * acos(-1) * (k + 0.5) / 48)) *
                 log(c[i * hours + t - k] / c[i * hours + t - k - 1]) *
                 cexp(-2 * I * acos(-1) * k / 24);
        u[i] = z / cabs(z);
        mean += u[i] / n;
    }
    for (int i = 0; i < n; i++)
        g[i] = cabs(mean) * cos(carg(u[i]) - carg(mean));
    return cabs(mean);
}

static struct gamma *fed(const double *c, int n, int hours, const int *order)
{
    struct gamma *m = calloc(1, sizeof *m);
    ck_assert_int_eq(gamma_init(m, n, 0), ERR_OK);
    for (int t = 0; t < hours; t++)
        for (int i = 0; i < n; i++) {
            const struct candle b = hour_bar(1000 + t, c[order[i] * hours + t]);
            gamma_bar(m, i, &b);
        }
    return m;
}

static const int straight[] = {0, 1, 2, 3, 4, 5, 6, 7};

START_TEST(equals_the_definition_at_every_hour)
{
    enum { N = 8, H = 300 };
    for (int k = 0; k < 5; k++) {
        double *c = walks(N, H, 0.25 * k, 40 + (uint64_t)k), g[N];
        struct gamma *m = calloc(1, sizeof *m);
        gamma_init(m, N, 0);
        for (int t = 0; t < H; t++) {
            for (int i = 0; i < N; i++) {
                const struct candle b = hour_bar(1000 + t, c[i * H + t]);
                ck_assert_int_eq(gamma_bar(m, i, &b), CANDLE_OK);
            }
            gamma_update(m, (1001 + t) * HOUR);
            ck_assert_int_eq(m->valid, t >= 48);
            if (t < 48) {
                ck_assert(m->value == 0 && m->kappa == 1 && !m->lighthouse);
                continue;
            }
            ck_assert(fabs(m->value - plain_gamma(c, N, H, t, g)) < 1e-9);
            for (int i = 0; i < N; i++)
                ck_assert(fabs(m->symbol[i].g - g[i]) < 1e-9 && m->symbol[i].g <= m->value + 1e-12);
        }
        free(m);
        free(c);
    }
}
END_TEST

/* Domain 6, test 1, first part. */
START_TEST(constant_inputs_give_a_constant_gamma)
{
    struct gamma *m = calloc(1, sizeof *m);
    gamma_init(m, 8, 0);
    for (int t = 0; t < 500; t++) {
        for (int i = 0; i < 8; i++) {
            const struct candle b = hour_bar(1000 + t, 100 + i);
            gamma_bar(m, i, &b);
        }
        gamma_update(m, (1001 + t) * HOUR);
        ck_assert(m->value == 0 && !m->valid && m->kappa == 1 && !m->lighthouse && m->cascade == 1);
    }
    free(m);

    /* and between bars nothing moves either */
    double *c = walks(8, 60, 0.5, 4);
    m = fed(c, 8, 60, straight);
    gamma_update(m, 1060 * HOUR + 1);
    const double first = m->value;
    for (int k = 0; k < 500; k++) {
        gamma_update(m, 1060 * HOUR + k * INT64_C(5000000000));
        ck_assert(m->value == first && m->valid);
    }
    free(c);
    free(m);
}
END_TEST

/* Domain 6, test 1, second part. */
START_TEST(a_permutation_of_the_symbols_changes_no_bit)
{
    enum { N = 8, H = 60 };
    uint64_t seed = 11;
    for (int k = 0; k < 200; k++) {
        double *c = walks(N, H, 0.4, 100 + (uint64_t)k);
        int order[N];
        for (int i = 0; i < N; i++) {
            const int j = (int)(plain_random(&seed) % (uint64_t)(i + 1));
            order[i] = order[j];
            order[j] = i;
        }
        struct gamma *a = fed(c, N, H, straight), *b = fed(c, N, H, order);
        gamma_update(a, (1000 + H) * HOUR);
        gamma_update(b, (1000 + H) * HOUR);
        ck_assert(a->valid && a->value == b->value && a->psi == b->psi);
        for (int i = 0; i < N; i++)
            ck_assert(b->symbol[i].g == a->symbol[order[i]].g);
        free(a);
        free(b);
        free(c);
    }
}
END_TEST

/* Domain 6, test 1, third part.  Two of eight series begin 7 h later: put together by row they
 * would be mixed up; here they are either aligned (their own times) or stale (their times do not
 * reach the hour). */
START_TEST(rows_that_are_shifted_against_each_other_are_detected)
{
    enum { N = 8, H = 80 };
    double *c = walks(N, H, 0.8, 5), g[N];
    struct gamma *m = calloc(1, sizeof *m);

    gamma_init(m, N, 0);
    for (int i = 0; i < N; i++)
        for (int t = i < 2 ? 7 : 0; t < H; t++) {
            const struct candle b = hour_bar(1000 + t, c[i * H + t]);
            gamma_bar(m, i, &b);
        }
    gamma_update(m, (1000 + H) * HOUR);
    ck_assert(m->fresh == 8 && fabs(m->value - plain_gamma(c, N, H, H - 1, g)) < 1e-9);

    gamma_init(m, N, 0);
    for (int i = 0; i < N; i++)
        for (int t = 0; t < H; t++) {
            const struct candle b = hour_bar(1000 + t - (i < 2 ? 7 : 0), c[i * H + t]);
            gamma_bar(m, i, &b);
        }
    gamma_update(m, (1000 + H) * HOUR);
    ck_assert(m->fresh == 6 && !m->symbol[0].fresh && !m->symbol[1].fresh && m->symbol[2].fresh);
    ck_assert_int_eq(gamma_gate(m, 0, -1), GAMMA_STALE);
    free(m);
    free(c);
}
END_TEST

/* Mean Gamma of the recorded series, the first two of them `late` hours late by their stamps. */
static double recorded_mean(struct candle *const c[], const int n[], int symbols, int late,
                            long *hours)
{
    struct gamma *m = calloc(1, sizeof *m);
    int at[GAMMA_SYMBOLS_MAX] = {0};
    double sum = 0;

    *hours = 0;
    gamma_init(m, symbols, 0);
    for (int64_t hour = c[0][0].start_ns / HOUR; at[0] < n[0]; hour++) {
        for (int i = 0; i < symbols; i++) {
            const int64_t shift = i < 2 ? late * HOUR : 0;
            while (at[i] < n[i] && c[i][at[i]].start_ns + shift < hour * HOUR)
                at[i]++;
            if (at[i] == n[i] || c[i][at[i]].start_ns + shift != hour * HOUR)
                continue;
            struct candle b = c[i][at[i]];
            b.start_ns += shift;
            ck_assert(gamma_bar(m, i, &b) != CANDLE_BACKWARDS);
        }
        gamma_update(m, (hour + 1) * HOUR);
        if (m->fresh == symbols) {
            sum += m->value;
            ++*hours;
        }
    }
    free(m);
    return sum / (double)*hours;
}

/* Domain 6, test 1, what it is for: stamps of two symbols that lie by 7 h cost a
 * third of Gamma. */
START_TEST(recorded_series_seven_hours_off_have_a_lower_gamma)
{
    static const char *const names[] = {"BTCUSDT", "ETHUSDT", "BNBUSDT", "DOGEUSDT", "LINKUSDT",
                                        "SOLUSDT"};
    enum { SYMBOLS = sizeof names / sizeof names[0] };
    struct candle *c[SYMBOLS];
    int n[SYMBOLS];
    long hours, hours_off;

    for (int i = 0; i < SYMBOLS; i++) {
        char file[64];
        snprintf(file, sizeof file, "binance-spot_%s_1h_to-2024-09.csv.gz", names[i]);
        c[i] = plain_load(file, HOUR, 25000, &n[i]);
        if (c[i] == NULL) {
            printf("not there, left out: %s\n", file);
            while (--i >= 0)
                free(c[i]);
            return;
        }
    }
    const double right = recorded_mean(c, n, SYMBOLS, 0, &hours),
                 off = recorded_mean(c, n, SYMBOLS, 7, &hours_off);
    printf("mean Gamma of %d recorded symbols in %ld hours: %.3f; with two of them 7 h off: %.3f\n",
           SYMBOLS, hours, right, off);
    ck_assert(hours > 10000 && hours_off > 10000 && right > 0.7 && off < right - 0.15);
    for (int i = 0; i < SYMBOLS; i++)
        free(c[i]);
}
END_TEST

START_TEST(a_missing_hour_makes_the_symbol_stale_until_it_is_repaired)
{
    enum { N = 5, H = 60 };
    double *c = walks(N, H, 0.5, 6);
    struct gamma *m = calloc(1, sizeof *m);

    gamma_init(m, N, 0);
    for (int i = 0; i < N; i++)
        for (int t = 0; t < H; t++) {
            const struct candle b = hour_bar(1000 + t, c[i * H + t]);
            if (i == 3 && t == 30)
                continue;
            ck_assert_int_eq(gamma_bar(m, i, &b), i == 3 && t == 31 ? CANDLE_GAP : CANDLE_OK);
        }
    gamma_update(m, (1000 + H) * HOUR);
    ck_assert(m->fresh == 4 && m->valid && !m->symbol[3].fresh);
    const struct candle repair = hour_bar(1030, c[3 * H + 30]), old = hour_bar(1000, 1);
    ck_assert_int_eq(gamma_bar(m, 3, &repair), CANDLE_OK);
    ck_assert_int_eq(gamma_bar(m, 3, &old), CANDLE_BACKWARDS);
    gamma_update(m, (1000 + H) * HOUR);
    ck_assert(m->fresh == 5);
    free(m);
    free(c);
}
END_TEST

/* While bars of a new hour trickle in, the hour before holds; after the grace the late are
 * stale. */
START_TEST(holds_the_hour_before_for_the_grace_and_no_longer)
{
    enum { N = 8, H = 60 };
    double *c = walks(N, H, 0.5, 7);
    struct gamma *m = calloc(1, sizeof *m);
    const int64_t end = (1000 + H) * HOUR;

    gamma_init(m, N, 0);
    for (int i = 0; i < N; i++)
        for (int t = 0; t < (i < 3 ? H : H - 1); t++) {
            const struct candle b = hour_bar(1000 + t, c[i * H + t]);
            gamma_bar(m, i, &b);
        }
    gamma_update(m, end + GAMMA_GRACE_NS - 1);
    ck_assert(m->hour == 1000 + H - 2 && m->fresh == 8);
    gamma_update(m, end + GAMMA_GRACE_NS);
    ck_assert(m->hour == 1000 + H - 1 && m->fresh == 3 && !m->valid);
    ck_assert_int_eq(gamma_gate(m, 0, -1), GAMMA_STALE);
    for (int i = 3; i < N; i++) {
        const struct candle b = hour_bar(1000 + H - 1, c[i * H + H - 1]);
        gamma_bar(m, i, &b);
    }
    gamma_update(m, end + GAMMA_GRACE_NS);
    ck_assert(m->fresh == 8);
    gamma_update(m, end + HOUR + GAMMA_GRACE_NS - 1);
    ck_assert(m->fresh == 8 && m->hour == 1000 + H - 1);
    gamma_update(m, end + HOUR + GAMMA_GRACE_NS);
    ck_assert(m->fresh == 0 && m->hour == -1);
    free(m);
    free(c);
}
END_TEST

/* n symbols of which `odd` move a quarter period out of step. */
static void in_step(struct gamma *m, int n, int odd, int from, int hours)
{
    for (int t = 0; t < hours; t++)
        for (int i = 0; i < n; i++) {
            const double angle = 2 * acos(-1) * (from + t - (i < odd ? 6 : 0)) / 24;
            const struct candle b = hour_bar(from + t, 100 * exp(0.05 * sin(angle)));
            gamma_bar(m, i, &b);
        }
    gamma_update(m, (from + hours) * HOUR);
}

START_TEST(the_lighthouse_has_hysteresis_and_goes_out_when_stale)
{
    struct gamma *m = calloc(1, sizeof *m);
    gamma_init(m, 40, 0);
    in_step(m, 40, 1, 1000, 60);        /* 39 of 40 in step: Gamma = hypot(39, 1) / 40 = 0.9753 */
    ck_assert_msg(fabs(m->value - hypot(39, 1) / 40) < 1e-9, "%.17g", m->value);
    ck_assert(!m->lighthouse);
    in_step(m, 40, 0, 2000, 60);
    ck_assert(m->lighthouse && fabs(m->value - 1) < 1e-9 && fabs(m->kappa - 2.73) < 1e-9);
    ck_assert(m->strength > 0.99 && gamma_multiplier(m, true, false) == 2.73);
    ck_assert(gamma_multiplier(m, false, false) == 1 && gamma_multiplier(m, true, true) == 1);
    in_step(m, 40, 1, 3000, 60);
    ck_assert(m->lighthouse && m->strength == 0);       /* between 0.95 and 0.99 it stays */
    in_step(m, 40, 3, 4000, 60);                        /* hypot(37, 3) / 40 = 0.928 */
    ck_assert(!m->lighthouse && gamma_multiplier(m, true, false) == 1);
    ck_assert(fabs(m->kappa - (1 + 1.73 * (hypot(37, 3) / 40 - 0.90) / 0.09)) < 1e-9);
    in_step(m, 40, 0, 5000, 60);
    ck_assert(m->lighthouse);
    ck_assert(gamma_update(m, 5100 * HOUR));            /* nothing fresh any more */
    ck_assert(!m->lighthouse && gamma_multiplier(m, true, false) == 1 && m->value == 0);
    ck_assert(!gamma_update(m, 5100 * HOUR));
    free(m);
}
END_TEST

START_TEST(the_gate_abstains_below_four_configured_and_refuses_below_four_fresh)
{
    struct gamma *m = calloc(1, sizeof *m);
    gamma_init(m, 3, 0);
    ck_assert_int_eq(gamma_gate(m, 0, 0.35), GAMMA_ABSTAIN);
    gamma_init(m, 4, 0);
    ck_assert_int_eq(gamma_gate(m, 0, 0.35), GAMMA_STALE);
    gamma_init(m, 8, 0);
    in_step(m, 8, 1, 1000, 60);
    ck_assert_int_eq(gamma_gate(m, 5, 0.35), GAMMA_PASS);
    ck_assert_int_eq(gamma_gate(m, 0, 0.35), GAMMA_LOW);
    ck_assert_int_eq(gamma_gate(m, 5, m->symbol[5].g), GAMMA_PASS);     /* exactly at the limit */
    ck_assert_int_eq(gamma_gate(m, 5, nextafter(m->symbol[5].g, 2)), GAMMA_LOW);
    ck_assert_str_eq(gamma_gate_name(GAMMA_STALE), "GAMMA_STALE");
    ck_assert_str_eq(gamma_gate_name(GAMMA_GATE_COUNT), "?");
    ck_assert_int_eq(gamma_init(m, 65, 0), ERR_RANGE);
    ck_assert_int_eq(gamma_init(m, -1, 0), ERR_RANGE);
    free(m);
}
END_TEST

START_TEST(cascade_follows_wins_losses_and_market_time)
{
    struct gamma *m = calloc(1, sizeof *m);
    gamma_init(m, 8, 0);
    gamma_trade(m, 0, -0.5);
    ck_assert(m->cascade == 1);
    gamma_trade(m, 0, 0.2);
    ck_assert(fabs(m->cascade - 1.15 * 1.1) < 1e-12);
    gamma_trade(m, 0, 7);
    ck_assert(fabs(m->cascade - 1.15 * 1.1 * 1.15 * 1.5) < 1e-12);
    const double top = m->cascade;
    gamma_trade(m, 0, 0);
    ck_assert(fabs(m->cascade - top * 0.95) < 1e-12);
    const double c = m->cascade;
    gamma_update(m, INT64_C(5000000000));
    ck_assert(fabs(m->cascade - (1 + (c - 1) * 0.999)) < 1e-12);
    gamma_update(m, 0);                 /* a clock that goes back changes nothing */
    ck_assert(fabs(m->cascade - (1 + (c - 1) * 0.999)) < 1e-12);
    gamma_update(m, INT64_C(5000000000) * 693);
    ck_assert(fabs(m->cascade - 1 - (c - 1) / 2) < 1e-3);       /* half-life about 58 minutes */
    for (int i = 0; i < 50; i++)
        gamma_trade(m, m->cascade_ns, 1);
    ck_assert(m->cascade == CASCADE_MAX);
    gamma_trade(m, m->cascade_ns, NAN);
    ck_assert(isfinite(m->cascade));
    free(m);
}
END_TEST

START_TEST(bad_bars_are_named_and_not_used)
{
    struct gamma *m = calloc(1, sizeof *m);
    struct candle b = hour_bar(1000, 100);
    gamma_init(m, 4, 0);
    b.close = NAN;
    ck_assert_int_eq(gamma_bar(m, 0, &b), CANDLE_NOT_FINITE);
    b = hour_bar(1000, 100);
    b.tf_ns = HOUR / 2;
    ck_assert_int_eq(gamma_bar(m, 0, &b), CANDLE_OTHER_TIMEFRAME);
    ck_assert_int_eq(m->symbol[0].newest, -1);
    free(m);
}
END_TEST

/* History symbol by symbol, and the same bars hour by hour. */
START_TEST(a_batch_equals_the_bars_as_they_came_bit_for_bit)
{
    enum { N = 8, H = 200 };
    double *c = walks(N, H, 0.7, 12);
    struct gamma *a = fed(c, N, H, straight), *b = calloc(1, sizeof *b);

    gamma_init(b, N, 0);
    for (int i = 0; i < N; i++)
        for (int t = 0; t < H; t++) {
            const struct candle bar = hour_bar(1000 + t, c[i * H + t]);
            ck_assert_int_eq(gamma_bar(b, i, &bar), CANDLE_OK);
        }
    gamma_update(a, (1000 + H) * HOUR);
    gamma_update(b, (1000 + H) * HOUR);
    ck_assert(a->valid && memcmp(a, b, sizeof *a) == 0);
    free(a);
    free(b);
    free(c);
}
END_TEST

START_TEST(restored_at_every_hour_equals_never_having_stopped)
{
    enum { N = 8, H = 200 };
    double *c = walks(N, H, 0.7, 9);
    struct gamma *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    unsigned char *bytes = malloc(sizeof *a);

    gamma_init(a, N, 0);
    gamma_init(b, N, 0);
    for (int t = 0; t < H; t++) {
        memcpy(bytes, b, sizeof *b);
        memset(b, 0x77, sizeof *b);
        ck_assert_int_eq(gamma_restore(b, bytes, sizeof *b), ERR_OK);
        for (int i = 0; i < N; i++) {
            const struct candle bar = hour_bar(1000 + t, c[i * H + t]);
            gamma_bar(a, i, &bar);
            gamma_bar(b, i, &bar);
        }
        gamma_trade(a, (1001 + t) * HOUR, 0.1);
        gamma_trade(b, (1001 + t) * HOUR, 0.1);
        gamma_update(a, (1001 + t) * HOUR);
        gamma_update(b, (1001 + t) * HOUR);
        ck_assert(memcmp(a, b, sizeof *a) == 0);
    }
    ck_assert_int_eq(gamma_restore(b, bytes, 3), ERR_TRUNCATED);
    bytes[0]++;
    ck_assert_int_eq(gamma_restore(b, bytes, sizeof *b), ERR_VERSION);
    bytes[0]--;
    bytes[4]++; /* another size */
    ck_assert_int_eq(gamma_restore(b, bytes, sizeof *b), ERR_VERSION);
    ck_assert(memcmp(a, b, sizeof *a) == 0); /* untouched */
    free(bytes);
    free(a);
    free(b);
    free(c);
}
END_TEST

TESTS("gamma", equals_the_definition_at_every_hour, constant_inputs_give_a_constant_gamma,
      a_permutation_of_the_symbols_changes_no_bit,
      rows_that_are_shifted_against_each_other_are_detected,
      recorded_series_seven_hours_off_have_a_lower_gamma,
      a_missing_hour_makes_the_symbol_stale_until_it_is_repaired,
      holds_the_hour_before_for_the_grace_and_no_longer,
      the_lighthouse_has_hysteresis_and_goes_out_when_stale,
      the_gate_abstains_below_four_configured_and_refuses_below_four_fresh,
      cascade_follows_wins_losses_and_market_time, bad_bars_are_named_and_not_used,
      a_batch_equals_the_bars_as_they_came_bit_for_bit,
      restored_at_every_hour_equals_never_having_stopped)
