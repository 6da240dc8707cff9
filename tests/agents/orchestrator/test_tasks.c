/* The orchestrator's memory of the tasks in the queue. */
#include "tests/runner.h"

#include <string.h>

#include "agents/orchestrator/tasks.h"
#include "proto/err.h"

static struct task_entry task(int i)
{
    struct task_entry t = {.priority = PRIORITY_LOW, .kind = "backtest"};
    snprintf(t.id, sizeof t.id, "task-%d", i);
    return t;
}

START_TEST(finds_what_was_added_and_nothing_else)
{
    static struct tasks t;
    struct task_entry e = task(1);
    ck_assert_int_eq(tasks_add(&t, &e), ERR_OK);
    ck_assert_str_eq(tasks_find(&t, "task-1")->kind, "backtest");
    ck_assert_ptr_null(tasks_find(&t, "task-2"));
    ck_assert_ptr_null(tasks_find(&t, "task-"));
    ck_assert_ptr_null(tasks_find(&t, ""));             /* free places have an empty id */
}
END_TEST

START_TEST(adding_twice_keeps_the_first)
{
    static struct tasks t;
    struct task_entry e = task(1), again = e;
    again.priority = PRIORITY_CRITICAL;
    ck_assert_int_eq(tasks_add(&t, &e), ERR_OK);
    ck_assert_int_eq(tasks_add(&t, &again), ERR_DUPLICATE);
    ck_assert_uint_eq(t.n, 1);
    ck_assert_int_eq(tasks_find(&t, e.id)->priority, PRIORITY_LOW);
}
END_TEST

START_TEST(refuses_one_more_than_it_holds_until_one_is_done)
{
    static struct tasks t;
    for (int i = 0; i < TASKS_OPEN_MAX; i++) {
        struct task_entry e = task(i);
        ck_assert_int_eq(tasks_add(&t, &e), ERR_OK);
    }
    struct task_entry more = task(TASKS_OPEN_MAX);
    ck_assert_int_eq(tasks_add(&t, &more), ERR_FULL);
    ck_assert_uint_eq(t.n, TASKS_OPEN_MAX);
    tasks_done(&t, "task-17");
    ck_assert_uint_eq(t.n, TASKS_OPEN_MAX - 1);
    ck_assert_ptr_null(tasks_find(&t, "task-17"));
    ck_assert_int_eq(tasks_add(&t, &more), ERR_OK);
    ck_assert_ptr_nonnull(tasks_find(&t, more.id));
}
END_TEST

START_TEST(done_twice_or_unknown_counts_nothing)
{
    static struct tasks t;
    struct task_entry e = task(1), other = task(2);
    tasks_add(&t, &e);
    tasks_add(&t, &other);
    tasks_done(&t, e.id);
    tasks_done(&t, e.id);
    tasks_done(&t, "never heard of");
    tasks_done(&t, "");
    ck_assert_uint_eq(t.n, 1);
    ck_assert_ptr_nonnull(tasks_find(&t, other.id));
}
END_TEST

TESTS("tasks", finds_what_was_added_and_nothing_else, adding_twice_keeps_the_first,
      refuses_one_more_than_it_holds_until_one_is_done, done_twice_or_unknown_counts_nothing)
