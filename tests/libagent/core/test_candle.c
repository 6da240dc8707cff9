/* Checks and aggregation of bars. */
#include <math.h>

#include "libagent/core/candle.h"
#include "tests/runner.h"

#define MINUTE INT64_C(60000000000)

static struct candle good(int64_t minute)
{
    return (struct candle){minute * MINUTE, MINUTE, 10, 12, 9, 11, 5};
}

START_TEST(names_the_first_rule_that_a_candle_breaks)
{
    static const struct {
        struct candle c;
        enum candle_verdict want;
    } cases[] = {
        {{0, MINUTE, 10, 12, 9, 11, 0}, CANDLE_OK},
        {{0, MINUTE, 10, 10, 10, 10, 5}, CANDLE_OK},
        {{0, 0, 10, 12, 9, 11, 5}, CANDLE_BAD_TIMEFRAME},
        {{0, -MINUTE, 10, 12, 9, 11, 5}, CANDLE_BAD_TIMEFRAME},
        {{1, MINUTE, 10, 12, 9, 11, 5}, CANDLE_UNALIGNED},
        {{-MINUTE, MINUTE, 10, 12, 9, 11, 5}, CANDLE_UNALIGNED},
        {{0, MINUTE, NAN, 12, 9, 11, 5}, CANDLE_NOT_FINITE},
        {{0, MINUTE, 10, INFINITY, 9, 11, 5}, CANDLE_NOT_FINITE},
        {{0, MINUTE, 10, 12, 9, 11, NAN}, CANDLE_NOT_FINITE},
        {{0, MINUTE, 10, 12, 0, 11, 5}, CANDLE_NOT_POSITIVE},
        {{0, MINUTE, -10, 12, 9, 11, 5}, CANDLE_NOT_POSITIVE},
        {{0, MINUTE, 10, 1e308, 9, 11, 5}, CANDLE_OUT_OF_RANGE},
        {{0, MINUTE, 10, 12, 1e-300, 11, 5}, CANDLE_OUT_OF_RANGE},
        {{0, MINUTE, 10, 12, 9, 11, 1e300}, CANDLE_OUT_OF_RANGE},
        {{0, MINUTE, 10, 9, 12, 11, 5}, CANDLE_HIGH_BELOW_LOW},
        {{0, MINUTE, 13, 12, 9, 11, 5}, CANDLE_OUTSIDE},
        {{0, MINUTE, 10, 12, 9, 8, 5}, CANDLE_OUTSIDE},
        {{0, MINUTE, 10, 12, 9, 11, -1}, CANDLE_NEGATIVE_VOLUME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(candle_check(&cases[i].c) == cases[i].want, "case %zu: %s", i,
                      candle_verdict_text(candle_check(&cases[i].c)));
    ck_assert_str_eq(candle_verdict_name(CANDLE_HIGH_BELOW_LOW), "HIGH_BELOW_LOW");
    ck_assert_str_eq(candle_verdict_text(CANDLE_HIGH_BELOW_LOW), "high below low");
    ck_assert_str_eq(candle_verdict_name((enum candle_verdict)99), "?");
    ck_assert_str_eq(candle_verdict_text((enum candle_verdict)99), "?");
}
END_TEST

START_TEST(knows_what_may_follow_a_bar)
{
    struct candle c = good(7);
    ck_assert_int_eq(candle_follows(&c, 6 * MINUTE, MINUTE, 11), CANDLE_OK);
    ck_assert_int_eq(candle_follows(&c, 5 * MINUTE, MINUTE, 11), CANDLE_GAP);
    ck_assert_int_eq(candle_follows(&c, 7 * MINUTE, MINUTE, 11), CANDLE_DUPLICATE);
    ck_assert_int_eq(candle_follows(&c, 8 * MINUTE, MINUTE, 11), CANDLE_BACKWARDS);
    ck_assert_int_eq(candle_follows(&c, 6 * MINUTE, 5 * MINUTE, 11), CANDLE_OTHER_TIMEFRAME);
    ck_assert_int_eq(candle_follows(&c, 6 * MINUTE, MINUTE, 1.2),
                     CANDLE_OK); /* high is ten times */
    ck_assert_int_eq(candle_follows(&c, 6 * MINUTE, MINUTE, 1.19), CANDLE_JUMP);
    ck_assert_int_eq(candle_follows(&c, 6 * MINUTE, MINUTE, 90), CANDLE_OK); /* low is a tenth */
    ck_assert_int_eq(candle_follows(&c, 6 * MINUTE, MINUTE, 90.1), CANDLE_JUMP);
    c.low = NAN;
    ck_assert_int_eq(candle_follows(&c, 6 * MINUTE, MINUTE, 11), CANDLE_NOT_FINITE);
}
END_TEST

START_TEST(aggregates_whole_bars_and_closes_them_with_their_last_part)
{
    struct candle_agg a;
    struct candle out[2];

    candle_agg_init(&a, 5 * MINUTE);
    for (int i = 0; i < 10; i++) {
        struct candle c = good(i);
        c.open = 10 + i, c.high = 20 + i, c.low = 9 - 0.5 * i, c.close = 11 + i, c.volume = 1 + i;
        ck_assert_int_eq(candle_agg_push(&a, &c, out), i % 5 == 4);
        if (i == 9) {
            ck_assert(out[0].start_ns == 5 * MINUTE && out[0].tf_ns == 5 * MINUTE);
            ck_assert(out[0].open == 15 && out[0].high == 29 && out[0].low == 4.5);
            ck_assert(out[0].close == 20 && out[0].volume == 6 + 7 + 8 + 9 + 10);
        }
    }
}
END_TEST

START_TEST(leaves_out_the_incomplete_first_bar)
{
    struct candle_agg a;
    struct candle out[2], c;

    candle_agg_init(&a, 5 * MINUTE);
    for (int i = 3; i < 9; i++) {
        c = good(i);
        ck_assert_int_eq(candle_agg_push(&a, &c, out), 0);
    }
    c = good(9);
    ck_assert_int_eq(candle_agg_push(&a, &c, out), 1);
    ck_assert(out[0].start_ns == 5 * MINUTE && out[0].volume == 25);
}
END_TEST

START_TEST(closes_a_bar_whose_last_part_is_missing_with_the_next_one)
{
    struct candle_agg a;
    struct candle out[2], c;

    candle_agg_init(&a, 5 * MINUTE);
    for (int i = 0; i < 3; i++) {
        c = good(i);
        ck_assert_int_eq(candle_agg_push(&a, &c, out), 0);
    }
    c = good(9);                /* the only part of the next bar, and its last */
    ck_assert_int_eq(candle_agg_push(&a, &c, out), 2);
    ck_assert(out[0].start_ns == 0 && out[0].volume == 15);
    ck_assert(out[1].start_ns == 5 * MINUTE && out[1].volume == 5);
}
END_TEST

TESTS("candle", names_the_first_rule_that_a_candle_breaks, knows_what_may_follow_a_bar,
      aggregates_whole_bars_and_closes_them_with_their_last_part,
      leaves_out_the_incomplete_first_bar,
      closes_a_bar_whose_last_part_is_missing_with_the_next_one)
