#include <stdint.h>

#include "libagent/breaker.h"

#include "tests/runner.h"

#define OPEN_NS (BREAKER_OPEN_MS * INT64_C(1000000))
#define START   INT64_C(5000)

static struct breaker opened_at(int64_t now_ns)
{
    struct breaker b;
    breaker_init(&b, now_ns);
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        ck_assert(breaker_allow(&b, now_ns));
        breaker_failure(&b, now_ns);
    }
    ck_assert_int_eq(b.state, BREAKER_OPEN);
    return b;
}

static struct breaker probing_at(int64_t now_ns)
{
    struct breaker b = opened_at(now_ns - OPEN_NS);
    ck_assert(breaker_allow(&b, now_ns));
    ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
    return b;
}

START_TEST(lets_everything_pass_while_closed)
{
    struct breaker b;
    breaker_init(&b, START);
    for (int i = 0; i < 100; i++)
        ck_assert(breaker_allow(&b, START + i * OPEN_NS));
    ck_assert_int_eq(b.state, BREAKER_CLOSED);
    ck_assert_int_eq(b.opened, 0);
}
END_TEST

START_TEST(opens_at_the_fifth_failure_in_a_row_and_not_at_the_fourth)
{
    struct breaker b;
    breaker_init(&b, START);
    for (int i = 0; i < 4; i++)
        breaker_failure(&b, START);
    ck_assert_int_eq(b.state, BREAKER_CLOSED);
    ck_assert(breaker_allow(&b, START));
    breaker_failure(&b, START);
    ck_assert_int_eq(b.state, BREAKER_OPEN);
    ck_assert(!breaker_allow(&b, START));
    ck_assert_int_eq(b.opened, 1);
}
END_TEST

START_TEST(begins_the_row_anew_after_a_success)
{
    struct breaker b;
    breaker_init(&b, START);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++)
            breaker_failure(&b, START);
        breaker_success(&b, START);
    }
    ck_assert_int_eq(b.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(refuses_for_sixty_seconds_and_not_a_nanosecond_longer)
{
    struct breaker b = opened_at(START);
    ck_assert(!breaker_allow(&b, START + OPEN_NS - 1));
    ck_assert_int_eq(b.state, BREAKER_OPEN);
    ck_assert(breaker_allow(&b, START + OPEN_NS));
    ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
}
END_TEST

START_TEST(lets_one_probe_pass_and_nothing_else)
{
    struct breaker b = probing_at(START + OPEN_NS);
    for (int i = 0; i < 10; i++)
        ck_assert(!breaker_allow(&b, START + OPEN_NS + i));
}
END_TEST

START_TEST(closes_when_the_probe_succeeds_with_a_new_row)
{
    struct breaker b = probing_at(START + OPEN_NS);
    breaker_success(&b, START + OPEN_NS + 1);
    ck_assert_int_eq(b.state, BREAKER_CLOSED);
    for (int i = 0; i < 4; i++)
        breaker_failure(&b, START + OPEN_NS + 1);
    ck_assert_int_eq(b.state, BREAKER_CLOSED);
    breaker_failure(&b, START + OPEN_NS + 1);
    ck_assert_int_eq(b.state, BREAKER_OPEN);
}
END_TEST

START_TEST(opens_for_the_full_time_again_when_the_probe_fails)
{
    const int64_t probed = START + OPEN_NS;
    struct breaker b = probing_at(probed);
    breaker_failure(&b, probed + 10);
    ck_assert_int_eq(b.state, BREAKER_OPEN);
    ck_assert_int_eq(b.opened, 2);
    ck_assert(!breaker_allow(&b, probed + 10 + OPEN_NS - 1));
    ck_assert(breaker_allow(&b, probed + 10 + OPEN_NS));
}
END_TEST

START_TEST(takes_a_probe_that_is_never_answered_as_failed)
{
    const int64_t probed = START + OPEN_NS;
    struct breaker b = probing_at(probed);
    ck_assert(!breaker_allow(&b, probed + OPEN_NS));
    ck_assert_int_eq(b.state, BREAKER_OPEN);
    ck_assert(breaker_allow(&b, probed + 2 * OPEN_NS));
}
END_TEST

START_TEST(takes_a_call_that_goes_out_in_any_state_for_its_probe)
{
    struct breaker b;
    breaker_init(&b, START);
    breaker_probe(&b, START);
    ck_assert_int_eq(b.state, BREAKER_CLOSED);
    for (int i = 0; i < BREAKER_FAILURES; i++)
        breaker_failure(&b, START);
    breaker_probe(&b, START + 1);
    ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
    ck_assert(!breaker_allow(&b, START + 2));
    breaker_failure(&b, START + 3);
    ck_assert_int_eq(b.state, BREAKER_OPEN);
    breaker_probe(&b, START + 4);
    breaker_success(&b, START + 5);
    ck_assert_int_eq(b.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(is_not_moved_by_late_answers_while_open)
{
    struct breaker b = opened_at(START);
    breaker_success(&b, START + 1);
    ck_assert_int_eq(b.state, BREAKER_OPEN);
    for (int i = 0; i < 20; i++)
        breaker_failure(&b, START + OPEN_NS - 1);
    ck_assert_int_eq(b.opened, 1);
    ck_assert(breaker_allow(&b, START + OPEN_NS));
}
END_TEST

START_TEST(names_its_states)
{
    ck_assert_str_eq(breaker_state_name(BREAKER_CLOSED), "CLOSED");
    ck_assert_str_eq(breaker_state_name(BREAKER_OPEN), "OPEN");
    ck_assert_str_eq(breaker_state_name(BREAKER_HALF_OPEN), "HALF_OPEN");
    ck_assert_str_eq(breaker_state_name(BREAKER_STATES), "?");
}
END_TEST

TESTS("breaker", lets_everything_pass_while_closed,
      opens_at_the_fifth_failure_in_a_row_and_not_at_the_fourth,
      begins_the_row_anew_after_a_success, refuses_for_sixty_seconds_and_not_a_nanosecond_longer,
      lets_one_probe_pass_and_nothing_else, closes_when_the_probe_succeeds_with_a_new_row,
      opens_for_the_full_time_again_when_the_probe_fails,
      takes_a_probe_that_is_never_answered_as_failed, is_not_moved_by_late_answers_while_open,
      takes_a_call_that_goes_out_in_any_state_for_its_probe,
      names_its_states)
