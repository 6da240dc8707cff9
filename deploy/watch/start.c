/* start - see start.h */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deploy/watch/start.h"

int64_t start_wait_ms(int64_t ends)
{
    static const int64_t waits[] = {0, 0, 0, 500, 1000, 2000, 4000, 8000, 16000};
    return ends < (int64_t)(sizeof waits / sizeof waits[0]) ? waits[ends] : START_WAIT_MAX_MS;
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* Ends at once in a row, the one that brought us here included. */
static int64_t ends_so_far(const char *path, int64_t now)
{
    int64_t ends = 0, started = 0;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    int read = fscanf(f, "%" SCNd64 " %" SCNd64, &ends, &started);
    fclose(f);
    if (read != 2 || ends < 0 || now < started || now - started >= START_AT_ONCE_MS)
        return 0;
    return ends + 1;
}

/* A disk that is full keeps nobody from being started. */
static void keep(const char *path, int64_t ends, int64_t start)
{
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return;
    fprintf(f, "%" PRId64 " %" PRId64 "\n", ends, start);
    fclose(f);
}

static void say(const char *name, int64_t ends, int64_t wait_ms)
{
    char when[32];
    struct timespec ts;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    printf("{\"ts\":\"%s.%03ldZ\",\"level\":\"%s\",\"agent\":\"%s\",\"event\":\"%s\",\"ends\":%" PRId64
           ",\"wait_ms\":%" PRId64 ",\"text\":\"it ended at once after each of its last %" PRId64
           " starts; the lines above may say why\"}\n",
           when, ts.tv_nsec / 1000000, ends < START_FAILING ? "warn" : "error", name,
           ends < START_FAILING ? "start.delayed" : "start.failing", ends, wait_ms, ends);
    fflush(stdout);
}

static void wait_until(int64_t ms)
{
    const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}

int start_program(char **argv)
{
    char path[128];
    int64_t now = now_ms();
    snprintf(path, sizeof path, "sock/%.64s.starts", argv[0]);
    int64_t ends = ends_so_far(path, now), wait_ms = start_wait_ms(ends);
    keep(path, ends, now + wait_ms);
    if (wait_ms > 0) {
        say(argv[0], ends, wait_ms);
        wait_until(now + wait_ms);
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "enigma-watch: %s: %s\n", argv[1], strerror(errno));
    return 127;
}
