/* Correlation by hour. */
#include <math.h>

#include "tests/runner.h"

#include "libagent/core/corr.h"

static struct corr_series a, b;

static void feed(int hours, double way, int shift)
{
    corr_init(&a);
    corr_init(&b);
    for (int i = 0; i < hours; i++) {
        double x = sin(i * 1.7) + cos(i * 0.31);
        ck_assert_int_eq(corr_push(&a, i * CORR_TF_NS, exp(x / 100)), 0);
        ck_assert_int_eq(corr_push(&b, (i + shift) * CORR_TF_NS, exp(way * x / 50)), 0);
    }
}

START_TEST(equal_moves_correlate_fully_and_mirrored_ones_inversely)
{
    double rho;
    feed(800, 1, 0);
    ck_assert(corr_rho(&a, &b, &rho) == 0 && fabs(rho - 1) < 1e-9);
    feed(800, -1, 0);
    ck_assert(corr_rho(&a, &b, &rho) == 0 && fabs(rho + 1) < 1e-9);
    feed(800, 1, 1);
    ck_assert(corr_rho(&a, &b, &rho) == 0 && rho < 0.9);
}
END_TEST

START_TEST(fewer_than_200_common_returns_or_a_flat_series_are_unknown)
{
    double rho;
    feed(200, 1, 0);
    ck_assert(corr_rho(&a, &b, &rho) < 0);
    feed(201, 1, 0);
    ck_assert(corr_rho(&a, &b, &rho) == 0);
    feed(800, 0, 0);
    ck_assert(corr_rho(&a, &b, &rho) < 0);
    ck_assert(corr_push(&a, 0, 1) < 0 && corr_push(&a, 5, 1) < 0 && corr_push(&a, CORR_TF_NS * 900, NAN) < 0);
    ck_assert(corr_together(NAN, 1, -1, 0.7) && corr_together(0.7, 1, 1, 0.7));
    ck_assert(corr_together(-1.5, 1, 1, 0.7) && corr_together(1e308, 1, -1, 0.7) && corr_together(-INFINITY, 1, 1, 0.7));
    ck_assert(!corr_together(0.9, 1, -1, 0.7) && corr_together(-0.9, 1, -1, 0.7));
}
END_TEST

START_TEST(bars_come_in_any_order_within_the_window_and_rho_stays_within_its_bounds)
{
    double rho, again;
    feed(800, 3, 0);
    ck_assert(corr_rho(&a, &b, &rho) == 0 && rho <= 1 && rho > 0.999999);
    corr_init(&a);
    for (int i = 799; i >= 100; i--)
        ck_assert_int_eq(corr_push(&a, i * CORR_TF_NS, exp((sin(i * 1.7) + cos(i * 0.31)) / 100)), 0);
    ck_assert(corr_rho(&a, &b, &again) == 0 && fabs(again - rho) < 1e-12);
    ck_assert_int_lt(corr_push(&a, 78 * CORR_TF_NS, 1), 0);             /* before the window */
    ck_assert_int_eq(corr_push(&a, 79 * CORR_TF_NS, 1), 0);
    ck_assert_int_lt(corr_push(&a, -CORR_TF_NS, 1), 0);
    ck_assert_int_lt(corr_push(&a, 800 * CORR_TF_NS, INFINITY), 0);
    corr_init(&b);
    ck_assert_int_lt(corr_rho(&a, &b, &rho), 0);                        /* nothing there */
}
END_TEST

TESTS("corr", equal_moves_correlate_fully_and_mirrored_ones_inversely,
      fewer_than_200_common_returns_or_a_flat_series_are_unknown,
      bars_come_in_any_order_within_the_window_and_rho_stays_within_its_bounds)
