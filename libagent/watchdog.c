/* watchdog - see watchdog.h */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"

#include "libagent/watchdog.h"

#define EXIT_STUCK 70

static volatile sig_atomic_t turned, seconds_still, seconds_most;
static timer_t timer;
static bool running;
static char message[128];

/* Only what a signal handler may do. */
static void look(int signum)
{
    (void)signum;
    if (turned) {
        turned = 0;
        seconds_still = 0;
        return;
    }
    seconds_still = seconds_still + 1;
    if (seconds_still < seconds_most)
        return;
    ssize_t n = write(STDERR_FILENO, message, strlen(message));
    (void)n;
    _exit(EXIT_STUCK);
}

void watchdog_start(int64_t seconds, const char *program)
{
    snprintf(message, sizeof message,
             "{\"level\":\"error\",\"agent\":\"%.40s\",\"event\":\"watchdog.loop_stuck\"}\n", program);
    seconds_most = (sig_atomic_t)seconds;
    turned = 1;
    struct sigaction sa = {.sa_handler = look, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    must(sigaction(SIGRTMIN, &sa, NULL) == 0);
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    must(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
    const struct itimerspec every = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
    must(timer_settime(timer, 0, &every, NULL) == 0);
    running = true;
}

void watchdog_kick(void)
{
    turned = 1;
}

void watchdog_stop(void)
{
    if (running)
        timer_delete(timer);
    running = false;
}
