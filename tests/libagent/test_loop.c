#include <signal.h>

#include "libagent/clock.h"
#include "libagent/loop.h"
#include "tests/libagent/net.h"

#include "tests/runner.h"

#define MS 1000000

static struct loop *new_loop(void)
{
    struct loop *l = NULL;
    ck_assert_int_eq(loop_new(&l), ERR_OK);
    return l;
}

static void count(void *arg)
{
    ++*(int *)arg;
}

/* Stands for a handler that takes its time. */
static void busy_ms(int64_t ms)
{
    const struct mono end = mono_after_ms(ms);
    while (!mono_past(end)) {
    }
}

START_TEST(runs_a_timer_once_or_periodically)
{
    struct loop *l = new_loop();
    int once = 0, often = 0;
    loop_timer_new(l, 0, 0, false, count, &once);
    loop_timer_new(l, 1, 1, false, count, &often);
    RUN_UNTIL(l, often >= 5);
    ck_assert_int_eq(once, 1);
    loop_destroy(&l);
    ck_assert_ptr_null(l);
}
END_TEST

START_TEST(runs_no_timer_before_its_time)
{
    struct loop *l = new_loop();
    int n = 0;
    const int64_t begin = mono_now().ns;
    loop_timer_new(l, 30, 0, false, count, &n);
    RUN_UNTIL(l, n == 1);
    ck_assert_int_ge(mono_now().ns - begin, 29 * MS);       /* libuv's clock has whole milliseconds */
    loop_destroy(&l);
}
END_TEST

START_TEST(pauses_resumes_and_restarts_timers)
{
    struct loop *l = new_loop();
    int n = 0;
    struct loop_timer *t = loop_timer_new(l, 1, 1, false, count, &n);
    loop_timer_pause(t);
    RUN_FOR(l, 20);
    ck_assert_int_eq(n, 0);
    loop_timer_resume(t);
    loop_timer_resume(t);
    RUN_UNTIL(l, n >= 2);
    n = 0;
    loop_timer_again(t, 100000);
    RUN_FOR(l, 20);
    ck_assert_int_eq(n, 0);
    loop_timer_again(t, 0);
    RUN_UNTIL(l, n >= 1);
    loop_timer_destroy(&t);
    loop_timer_destroy(&t);
    loop_destroy(&l);
}
END_TEST

struct self {
    struct loop_timer *timer;
    int n;
};

static void destroy_self(void *arg)
{
    struct self *s = arg;
    s->n++;
    loop_timer_destroy(&s->timer);
}

START_TEST(lets_a_timer_destroy_itself)
{
    struct loop *l = new_loop();
    struct self plain = {0}, aligned = {0};
    plain.timer = loop_timer_new(l, 1, 1, false, destroy_self, &plain);
    aligned.timer = loop_timer_new(l, 0, 2, true, destroy_self, &aligned);
    RUN_UNTIL(l, plain.n == 1 && aligned.n == 1);
    RUN_FOR(l, 20);
    ck_assert_int_eq(plain.n, 1);
    ck_assert_int_eq(aligned.n, 1);
    loop_destroy(&l);
}
END_TEST

struct ticks {
    struct loop *loop;
    int64_t period_ms, last;
    int n, twice;
};

/* Which multiple of the period it is now: two of one multiple are one too many. */
static void on_tick(void *arg)
{
    struct ticks *t = arg;
    const int64_t k = (int64_t)uv_now(loop_uv(t->loop)) / t->period_ms;
    t->twice += t->n > 0 && k == t->last;
    t->last = k;
    t->n++;
}

static void slow_tick(void *arg)
{
    count(arg);
    busy_ms(8);
}

START_TEST(aligns_timers_to_multiples_of_their_period)
{
    struct loop *l = new_loop();
    struct ticks t = {.loop = l, .period_ms = 40};
    loop_timer_new(l, 0, 40, true, on_tick, &t);
    RUN_UNTIL(l, t.n >= 6);
    ck_assert_int_eq(t.twice, 0);
    loop_destroy(&l);
}
END_TEST

/* The next time was once reckoned from a clock read after slow callbacks, but counted from libuv's time
 * before them: the timer came early, and then again when it was due. */
START_TEST(aligned_timers_come_once_a_period_after_slow_callbacks)
{
    struct loop *l = new_loop();
    struct ticks t = {.loop = l, .period_ms = 40};
    int slow = 0;
    loop_timer_new(l, 0, 40, true, slow_tick, &slow);
    loop_timer_new(l, 0, 40, true, on_tick, &t);
    RUN_UNTIL(l, t.n >= 8);
    ck_assert_int_eq(t.twice, 0);
    loop_destroy(&l);
}
END_TEST

struct pipe_end {
    int fd, n;
};

static void on_pipe(void *arg)
{
    struct pipe_end *p = arg;
    char c;
    must(read(p->fd, &c, 1) == 1);
    p->n++;
}

START_TEST(tells_of_a_readable_descriptor_until_the_watch_ends)
{
    struct loop *l = new_loop();
    int fd[2];
    ck_assert_int_eq(pipe(fd), 0);
    struct pipe_end p = {.fd = fd[0]};
    struct loop_watch *w = loop_watch_fd(l, fd[0], on_pipe, &p);
    RUN_FOR(l, 5);
    ck_assert_int_eq(p.n, 0);
    ck_assert_int_eq(write(fd[1], "ab", 2), 2);
    RUN_UNTIL(l, p.n == 2);
    loop_watch_destroy(&w);
    ck_assert_ptr_null(w);
    ck_assert_int_eq(write(fd[1], "c", 1), 1);
    RUN_FOR(l, 10);
    ck_assert_int_eq(p.n, 2);
    loop_destroy(&l);
    close(fd[0]);
    close(fd[1]);
}
END_TEST

static void on_signum(void *arg, int signum)
{
    *(int *)arg = signum;
}

START_TEST(tells_of_signals_and_ignores_sigpipe)
{
    struct loop *l = new_loop();
    int got = 0, fd[2];
    loop_on_signal(l, SIGUSR1, on_signum, &got);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    RUN_UNTIL(l, got == SIGUSR1);
    ck_assert_int_eq(pipe(fd), 0);
    close(fd[0]);
    ck_assert_int_eq(write(fd[1], "x", 1), -1);
    ck_assert_int_eq(errno, EPIPE);
    close(fd[1]);
    loop_destroy(&l);
}
END_TEST

struct work {
    struct loop *loop;
    int left, done, idle;
};

static bool work(void *arg)
{
    struct work *w = arg;
    if (w->left == 0) {
        w->idle++;
        return false;
    }
    w->left--;
    w->done++;
    return true;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

START_TEST(does_not_wait_while_the_prepare_hook_has_more_to_do_and_waits_when_not)
{
    struct loop *l = new_loop();
    struct work w = {.left = 1000};
    loop_on_prepare(l, work, &w);
    loop_timer_new(l, 100, 0, false, stop, l);
    loop_run(l);
    ck_assert_int_eq(w.done, 1000);
    ck_assert_int_le(w.idle, 5);        /* asked once per turn, and the turns waited */
    loop_destroy(&l);
}
END_TEST

struct order {
    int wakes, seen, wrong;
};

static void on_wake(void *arg)
{
    ((struct order *)arg)->wakes++;
}

static void after_wake(void *arg)
{
    struct order *o = arg;
    o->wrong += o->wakes != ++o->seen;
}

START_TEST(runs_the_wake_hook_before_each_callback)
{
    struct loop *l = new_loop();
    struct order o = {0};
    loop_on_wake(l, on_wake, &o);
    loop_timer_new(l, 1, 1, false, after_wake, &o);
    loop_timer_new(l, 0, 2, true, after_wake, &o);
    while (o.seen < 20)
        uv_run(loop_uv(l), UV_RUN_ONCE);
    ck_assert_int_eq(o.wrong, 0);
    loop_destroy(&l);
}
END_TEST

/* What is left ends with the loop: the sanitizer's leak check sees the rest. */
START_TEST(ends_everything_that_is_left)
{
    struct loop *l = new_loop();
    int n = 0, fd[2];
    ck_assert_int_eq(pipe(fd), 0);
    loop_timer_new(l, 1000, 1000, false, count, &n);
    loop_timer_new(l, 1000, 1000, true, count, &n);
    loop_watch_fd(l, fd[0], count, &n);
    loop_on_signal(l, SIGUSR2, on_signum, &n);
    loop_destroy(&l);
    loop_destroy(&l);
    ck_assert_int_eq(n, 0);
    close(fd[0]);
    close(fd[1]);
}
END_TEST

START_TEST(counts_what_is_left_of_a_deadline_upwards_and_never_below_zero)
{
    const struct mono past = {.ns = mono_now().ns - 1}, soon = mono_after_ms(60000);
    ck_assert_int_eq(mono_left_ms(past), 0);
    ck_assert(mono_past(past));
    ck_assert(!mono_past(soon));
    ck_assert_int_gt(mono_left_ms(soon), 50000);
    ck_assert_int_le(mono_left_ms(soon), 60000);
    ck_assert_int_ge(mono_left_ms((struct mono){.ns = mono_now().ns + 50 * MS}), 1);
    ck_assert_int_gt(wall_ns(), INT64_C(1700000000) * 1000000000);
}
END_TEST

TESTS("loop", runs_a_timer_once_or_periodically, runs_no_timer_before_its_time,
      pauses_resumes_and_restarts_timers, lets_a_timer_destroy_itself,
      aligns_timers_to_multiples_of_their_period,
      aligned_timers_come_once_a_period_after_slow_callbacks,
      tells_of_a_readable_descriptor_until_the_watch_ends, tells_of_signals_and_ignores_sigpipe,
      does_not_wait_while_the_prepare_hook_has_more_to_do_and_waits_when_not,
      runs_the_wake_hook_before_each_callback, ends_everything_that_is_left,
      counts_what_is_left_of_a_deadline_upwards_and_never_below_zero)
