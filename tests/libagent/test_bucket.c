#include <stdint.h>
#include <time.h>

#include "libagent/bucket.h"

#include "tests/runner.h"

#define SECOND INT64_C(1000000000)
#define START  (7 * SECOND)

/* The public bucket: burst 10, 10 a second, the last two for cancels and closes. */
static struct bucket public_bucket(void)
{
    struct bucket b;
    bucket_init(&b, 10, 10, BUCKET_RESERVE_PCT, START);
    return b;
}

static int take_all(struct bucket *b, int64_t now_ns, bool reserved)
{
    int n = 0;
    while (bucket_take(b, 1, now_ns, reserved))
        n++;
    return n;
}

START_TEST(gives_its_burst_at_once_and_no_more)
{
    struct bucket b = public_bucket();
    ck_assert_int_eq(take_all(&b, START, true), 10);
    ck_assert(!bucket_take(&b, 1, START, true));
}
END_TEST

START_TEST(gives_the_next_token_exactly_when_it_is_due)
{
    struct bucket b = public_bucket();
    take_all(&b, START, true);
    ck_assert(!bucket_take(&b, 1, START + SECOND / 10 - 1, true));
    ck_assert(bucket_take(&b, 1, START + SECOND / 10, true));
    ck_assert(!bucket_take(&b, 1, START + SECOND / 10, true));
}
END_TEST

START_TEST(keeps_the_reserve_for_reserved_takers)
{
    struct bucket b = public_bucket();
    ck_assert_int_eq(take_all(&b, START, false), 8);
    ck_assert_int_eq(take_all(&b, START, true), 2);
    ck_assert(!bucket_take(&b, 1, START + SECOND / 5, false));      /* two came back: the reserve */
    ck_assert(bucket_take(&b, 1, START + 3 * SECOND / 10, false));
}
END_TEST

START_TEST(takes_all_or_nothing)
{
    struct bucket b = public_bucket();
    ck_assert(bucket_take(&b, 7, START, true));
    ck_assert(!bucket_take(&b, 4, START, true));
    ck_assert(bucket_take(&b, 3, START, true));
    ck_assert(bucket_take(&b, 0, START, true));
}
END_TEST

START_TEST(says_never_for_more_than_the_taker_can_have)
{
    struct bucket b = public_bucket();
    ck_assert_int_eq(bucket_wait_ns(&b, 10, START, true), 0);
    ck_assert_int_eq(bucket_wait_ns(&b, 11, START, true), -1);
    ck_assert_int_eq(bucket_wait_ns(&b, 8, START, false), 0);
    ck_assert_int_eq(bucket_wait_ns(&b, 9, START, false), -1);
    ck_assert_int_eq(bucket_wait_ns(&b, INT64_MAX, START, true), -1);
    ck_assert(!bucket_take(&b, INT64_MAX, START, true));
}
END_TEST

START_TEST(never_holds_more_than_its_burst_however_long_it_waits)
{
    struct bucket b = public_bucket();
    take_all(&b, START, true);
    ck_assert_int_eq(take_all(&b, INT64_MAX, true), 10);
}
END_TEST

START_TEST(takes_time_that_goes_back_as_none_passed)
{
    struct bucket b = public_bucket();
    take_all(&b, START, true);
    ck_assert(!bucket_take(&b, 1, START - SECOND, true));
    ck_assert_int_eq(bucket_wait_ns(&b, 1, START - SECOND, true), SECOND + SECOND / 10);
    ck_assert(bucket_take(&b, 1, START + SECOND / 10, true));
}
END_TEST

START_TEST(is_only_ever_lowered_by_what_the_other_end_says)
{
    struct bucket b = public_bucket();
    bucket_cap(&b, 3, START);
    ck_assert_int_eq(take_all(&b, START, true), 3);
    bucket_cap(&b, 9, START);
    ck_assert_int_eq(take_all(&b, START, true), 0);
    bucket_cap(&b, INT64_MAX, START);
    ck_assert_int_eq(take_all(&b, START, true), 0);
}
END_TEST

/* Over any run of requests: what was asked for after wait_ns is given, a nanosecond earlier it is not,
 * and all that was given fits burst + rate * time. */
START_TEST(waits_exactly_and_never_exceeds_the_rate)
{
    const unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 200; round++) {
        struct bucket b;
        const int64_t burst = 1 + rand() % 50, rate = 1 + rand() % 100;
        int64_t now = START, given = 0;
        bucket_init(&b, burst, rate, rand() % 101, now);
        for (int i = 0; i < 100; i++) {
            const int64_t n = rand() % 8;
            const bool reserved = rand() % 2;
            const int64_t wait = bucket_wait_ns(&b, n, now, reserved);
            if (wait < 0) {
                ck_assert(!bucket_take(&b, n, now, reserved));
                continue;
            }
            struct bucket early = b;
            if (wait > 0)
                ck_assert(!bucket_take(&early, n, now + wait - 1, reserved));
            now += wait;
            ck_assert(bucket_take(&b, n, now, reserved));
            given += n;
            ck_assert((given - burst) * SECOND <= (now - START) * rate);
            now += rand() % (SECOND / 20);
        }
    }
}
END_TEST

TESTS("bucket", gives_its_burst_at_once_and_no_more, gives_the_next_token_exactly_when_it_is_due,
      keeps_the_reserve_for_reserved_takers, takes_all_or_nothing,
      says_never_for_more_than_the_taker_can_have,
      never_holds_more_than_its_burst_however_long_it_waits,
      takes_time_that_goes_back_as_none_passed, is_only_ever_lowered_by_what_the_other_end_says,
      waits_exactly_and_never_exceeds_the_rate)
