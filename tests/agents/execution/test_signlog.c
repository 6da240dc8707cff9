/* The signer's log: whatever call fails, a use or a stop that was said to be kept is there afterwards. */
#define TEST_TIMEOUT 120
#include "tests/nth.h"

#include "agents/execution/signlog.h"

#define USES 12

static struct policy policy;
static struct signlog kept;

static int reopen(void)
{
    policy = (struct policy){.last_counter = 0};
    return signlog_open("journal/signer.log", &policy, &kept);
}

static void leave(void)
{
    if (kept.fd >= 0)
        close(kept.fd);
}

static bool use(uint64_t n)
{
    const struct policy_used u = {.counter = n};
    return signlog_use(&kept, &u);
}

/* What is refused is not done; a stop holds whether it is written down or not. */
static void work(void)
{
    int err = reopen();
    if (err < 0) {
        fprintf(stderr, "%s\n", err_text(err));
        _exit(REFUSED);
    }
    for (uint64_t n = policy.last_counter + 1; n <= USES; n++)
        if (use(n) || use(n))                   /* a full disk has room again; a failed sync stays one */
            shared->done = (long)n;
        else
            break;
    bool stopped = signlog_stop(&kept, 100) || signlog_stop(&kept, 101);
    must(signlog_stopped(&kept) && kept.stopped_ns == 100);
    must(stopped == kept.stop_kept && (!stopped || signlog_stop(&kept, 102)));
    if (stopped)
        shared->done = USES + 1;
    if (stopped && (signlog_resume(&kept, 200) || signlog_resume(&kept, 200))) {
        must(!signlog_stopped(&kept));
        shared->done = USES + 2;
    }
}

static void check(void)
{
    ck_assert_int_eq(reopen(), ERR_OK);
    ck_assert_uint_ge(policy.last_counter, (uint64_t)(shared->done < USES ? shared->done : USES));
    if (shared->done == USES + 1)
        ck_assert(kept.stopped_ns == 100);
    if (shared->done == USES + 2)
        ck_assert(kept.stopped_ns == 100 && !signlog_stopped(&kept));
    leave();
}

/* Three uses, and the beginning of a fourth. */
static void before(void)
{
    fresh_place();
    ck_assert_int_eq(reopen(), ERR_OK);
    ck_assert(use(1) && use(2) && use(3));
    ck_assert_int_eq(pwrite(kept.fd, "torn", 4, 3 * SIGNLOG_RECORD), 4);
    leave();
}

START_TEST(what_was_said_to_be_kept_is_there_whatever_call_failed)
{
    static const struct { enum call call; int error; } ways[] = {
        {CALL_FILE, EIO}, {CALL_WRITE, EIO}, {CALL_WRITE, ENOSPC}, {CALL_SHORT, 0}, {CALL_SYNC, EIO},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        all_n("new", work, check, fresh_place, ways[i].call, ways[i].error, 500);
        all_n("torn", work, check, before, ways[i].call, ways[i].error, 500);
    }
}
END_TEST

START_TEST(after_a_failed_sync_nothing_is_kept_any_more)
{
    before();
    ck_assert_int_eq(reopen(), ERR_OK);
    ck_assert_uint_eq(kept.records, 3);
    arm(CALL_SYNC, EIO, 1);
    armed = true;
    ck_assert(!use(4));
    armed = false;
    ck_assert(!use(5) && !signlog_stop(&kept, 7) && signlog_stopped(&kept) && !signlog_resume(&kept, 8));
    ck_assert(signlog_stopped(&kept));
    leave();
}
END_TEST

START_TEST(a_second_signer_is_refused)
{
    struct signlog second;
    before();
    ck_assert_int_eq(reopen(), ERR_OK);
    ck_assert_int_eq(signlog_open("journal/signer.log", &policy, &second), ERR_BUSY);
    ck_assert_int_eq(second.fd, -1);
    leave();
}
END_TEST

START_TEST(damage_before_the_end_is_said_and_nothing_is_kept)
{
    before();
    ck_assert_int_eq(reopen(), ERR_OK);
    ck_assert_int_eq(pwrite(kept.fd, "x", 1, SIGNLOG_RECORD + 20), 1);
    leave();
    ck_assert_int_eq(reopen(), ERR_CORRUPT);
    ck_assert_uint_eq(policy.last_counter, 1);
    ck_assert(!use(9));
    leave();
}
END_TEST

TESTS("signlog", what_was_said_to_be_kept_is_there_whatever_call_failed, after_a_failed_sync_nothing_is_kept_any_more,
      a_second_signer_is_refused, damage_before_the_end_is_said_and_nothing_is_kept)
