#include "tests/runner.h"

#include "libagent/core/day_atr.h"
#include "proto/tm.h"

static struct day_atr d;

static void push(int day, double low, double high, double close)
{
    struct candle c = {.start_ns = day * NS_PER_DAY, .tf_ns = NS_PER_DAY, .open = low, .high = high, .low = low,
                       .close = close, .volume = 1};
    day_atr_push(&d, &c);
}

START_TEST(four_days_are_too_few_and_five_give_their_mean_range)
{
    day_atr_init(&d);
    for (int i = 0; i < 4; i++)
        push(i, 100, 104, 102);
    ck_assert(day_atr_fraction(&d) == 0);
    push(4, 100, 114, 110);
    ck_assert_double_eq_tol(day_atr_fraction(&d), (4 * 4 + 14) / 5.0 / 110, 1e-12);
}
END_TEST

START_TEST(the_true_range_reaches_to_the_close_before)
{
    day_atr_init(&d);
    for (int i = 0; i < 4; i++)
        push(i, 100, 104, 100);
    push(4, 110, 112, 111);     /* from 100 to 112 */
    ck_assert_double_eq_tol(day_atr_fraction(&d), (4 * 4 + 12) / 5.0 / 111, 1e-12);
}
END_TEST

START_TEST(from_fifteen_days_on_it_is_wilders)
{
    day_atr_init(&d);
    for (int i = 0; i < 15; i++)
        push(i, 100, 104, 102);
    ck_assert_double_eq_tol(day_atr_fraction(&d), 4.0 / 102, 1e-12);
    push(15, 100, 118, 102);
    ck_assert_double_eq_tol(day_atr_fraction(&d), (13 * 4.0 + 18) / 14 / 102, 1e-12);
}
END_TEST

START_TEST(a_day_told_again_or_late_changes_nothing)
{
    day_atr_init(&d);
    for (int i = 0; i < 6; i++)
        push(i, 100, 104, 102);
    push(5, 100, 150, 120);
    push(2, 100, 150, 120);
    ck_assert_int_eq(d.days, 6);
    ck_assert_double_eq_tol(day_atr_fraction(&d), 4.0 / 102, 1e-12);
}
END_TEST

TESTS("day_atr", four_days_are_too_few_and_five_give_their_mean_range, the_true_range_reaches_to_the_close_before,
      from_fifteen_days_on_it_is_wilders, a_day_told_again_or_late_changes_nothing)
