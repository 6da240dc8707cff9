/* Each case is a child process, so that what ends is not the test. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "libagent/watchdog.h"
#include "tests/runner.h"

#define EXIT_STUCK 70

static char said[512];

/* Run fn in a child; its exit status, or -signal.  What it wrote on standard error is in `said`. */
static int run(void (*fn)(void))
{
    int fd[2];
    ck_assert_int_eq(pipe(fd), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fd[1], STDERR_FILENO);
        close(fd[0]);
        close(fd[1]);
        fn();
        _exit(0);
    }
    close(fd[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd[0], said + len, sizeof said - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(fd[0]);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Turns of a loop, for so long. */
static void turn_for(int64_t ms, bool kick)
{
    struct mono until = mono_after_ms(ms);
    while (!mono_past(until)) {
        if (kick)
            watchdog_kick();
        poll(NULL, 0, 20);
    }
}

static void spins(void)
{
    watchdog_start(1, "risk");
    for (volatile int i = 0;; i = i + 1)
        ;
}

static void waits(void)
{
    watchdog_start(1, "risk");
    int fd[2];
    char byte;
    if (pipe(fd) == 0)
        while (read(fd[0], &byte, 1) != 1)      /* restarted after the signal: nobody writes */
            ;
}

static void works_then_hangs(void)
{
    watchdog_start(2, "risk");
    turn_for(3500, true);
    if (write(STDERR_FILENO, "worked ", 7) == 7)
        for (;;)
            poll(NULL, 0, 1000);
}

static void works(void)
{
    watchdog_start(1, "risk");
    turn_for(3500, true);
}

static void rests_shorter_than_allowed(void)
{
    watchdog_start(4, "risk");
    turn_for(2500, false);
    watchdog_kick();
    turn_for(2500, false);
}

static void stops_watching(void)
{
    watchdog_start(1, "risk");
    watchdog_stop();
    watchdog_stop();
    turn_for(3000, false);
}

START_TEST(a_loop_that_spins_is_ended_and_its_last_words_name_it)
{
    ck_assert_int_eq(run(spins), EXIT_STUCK);
    ck_assert_str_eq(said, "{\"level\":\"error\",\"agent\":\"risk\",\"event\":\"watchdog.loop_stuck\"}\n");
}
END_TEST

START_TEST(a_loop_that_waits_for_ever_in_a_call_is_ended)
{
    ck_assert_int_eq(run(waits), EXIT_STUCK);
}
END_TEST

START_TEST(a_loop_that_turned_and_then_stands_still_is_ended)
{
    ck_assert_int_eq(run(works_then_hangs), EXIT_STUCK);
    ck_assert(strncmp(said, "worked ", 7) == 0);
}
END_TEST

START_TEST(a_loop_that_turns_lives)
{
    ck_assert_int_eq(run(works), 0);
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(run(rests_shorter_than_allowed), 0);
}
END_TEST

START_TEST(nobody_is_ended_after_the_watch_has_stopped)
{
    ck_assert_int_eq(run(stops_watching), 0);
}
END_TEST

TESTS("watchdog", a_loop_that_spins_is_ended_and_its_last_words_name_it,
      a_loop_that_waits_for_ever_in_a_call_is_ended, a_loop_that_turned_and_then_stands_still_is_ended,
      a_loop_that_turns_lives, nobody_is_ended_after_the_watch_has_stopped)
