#include "deploy/watch/gone.h"
#include "tests/runner.h"

static struct gone g;

START_TEST(is_due_when_the_signer_was_there_and_is_missing_for_so_long)
{
    g = (struct gone){.armed = false};
    ck_assert(!gone_due(&g, false, 1000));
    ck_assert(!gone_due(&g, true, 2000));
    ck_assert(!gone_due(&g, true, 2000 + GONE_MS - 1));
    ck_assert(gone_due(&g, true, 2000 + GONE_MS));
}
END_TEST

START_TEST(comes_again_while_it_stays_missing_but_not_while_one_runs)
{
    g = (struct gone){.armed = true};
    ck_assert(!gone_due(&g, true, 1));
    ck_assert(gone_due(&g, true, 1 + GONE_MS));
    g.pid = 7;
    ck_assert(!gone_due(&g, true, 1 + 3 * GONE_MS));
    g.pid = 0;
    ck_assert(gone_due(&g, true, 1 + 3 * GONE_MS));
}
END_TEST

START_TEST(a_restart_in_time_is_no_reason)
{
    g = (struct gone){.armed = true};
    ck_assert(!gone_due(&g, true, 1000));
    ck_assert(!gone_due(&g, false, 5000));
    ck_assert(!gone_due(&g, true, 6000));
    ck_assert(!gone_due(&g, true, 6000 + GONE_MS - 1));
}
END_TEST

START_TEST(one_that_never_was_there_is_not_missed)
{
    g = (struct gone){.armed = false};
    ck_assert(!gone_due(&g, true, 1000));
    ck_assert(!gone_due(&g, true, 1000 + 10 * GONE_MS));
}
END_TEST

TESTS("watch gone", is_due_when_the_signer_was_there_and_is_missing_for_so_long,
      comes_again_while_it_stays_missing_but_not_while_one_runs, a_restart_in_time_is_no_reason,
      one_that_never_was_there_is_not_missed)
