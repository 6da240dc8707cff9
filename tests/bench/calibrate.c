/* calibrate - three figures of the machine itself, so that those of two machines can be put side by side.
 *
 *   usage: calibrate DIRECTORY      where the synced file is made: the file system of the journals
 *
 *   loop        200 million dependent steps of xorshift64: the core alone
 *   wake-up     half the round trip of 8 bytes between two processes over pipes, both held on one core, and
 *               each on one of its own (the same when there is only one)
 *   fdatasync   of 328 bytes appended to a preallocated file
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>

#include "tests/bench/bench.h"

#define ROUNDS 5
#define TRIPS  3000
#define SYNCS  500

static int64_t ns[TRIPS];

static double loop_ms(void)
{
    volatile uint64_t end;
    uint64_t x = 88172645463325252u;
    int64_t from = clock_now();
    for (long i = 0; i < 200000000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    end = x;
    (void)end;
    return (double)(clock_now() - from) / 1e6;
}

/* The nth core we may run on, in turn. */
static void hold_on(int nth, const cpu_set_t *all)
{
    cpu_set_t one;
    int left = nth % CPU_COUNT(all);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, all) && left-- == 0)
            CPU_SET(i, &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0)
        die("sched_setaffinity");
}

static double wake_us(int core_of_child)
{
    cpu_set_t all;
    int there[2], back[2];
    uint64_t v = 0;
    if (pipe(there) < 0 || pipe(back) < 0 || sched_getaffinity(0, sizeof all, &all) < 0)
        die("pipe");
    pid_t pid = child();
    hold_on(pid == 0 ? core_of_child : 0, &all);
    while (pid == 0) {
        read_all(there[0], &v, sizeof v);
        write_all(back[1], &v, sizeof v);
    }
    for (int i = 0; i < TRIPS; i++) {
        int64_t from = clock_now();
        write_all(there[1], &v, sizeof v);
        read_all(back[0], &v, sizeof v);
        ns[i] = clock_now() - from;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (sched_setaffinity(0, sizeof all, &all) < 0)
        die("sched_setaffinity");
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
    return quantiles(ns, TRIPS).p50 / 2;
}

static double sync_us(const char *dir)
{
    char path[600], record[328] = {0};
    snprintf(path, sizeof path, "%s/calibrate.tmp", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || posix_fallocate(fd, 0, SYNCS * sizeof record) != 0)
        die(path);
    for (int i = 0; i < SYNCS; i++) {
        int64_t from = clock_now();
        if (pwrite(fd, record, sizeof record, (off_t)i * (off_t)sizeof record) < 0 || fdatasync(fd) < 0)
            die(path);
        ns[i] = clock_now() - from;
    }
    close(fd);
    unlink(path);
    return quantiles(ns, SYNCS).p50;
}

int main(int argc, char **argv)
{
    struct { double loop, near, far, sync; } r[ROUNDS];
    if (argc != 2) {
        fprintf(stderr, "usage: calibrate DIRECTORY\n");
        return 2;
    }
    for (int i = 0; i < ROUNDS; i++) {
        r[i].loop = loop_ms();
        r[i].near = wake_us(0);
        r[i].far = wake_us(1);
        r[i].sync = sync_us(argv[1]);
    }
    size_t stride = sizeof r[0] / sizeof(double);
    print_line("loop, 200 M steps of xorshift64", " ms", &r[0].loop, stride, ROUNDS);
    print_line("wake-up of a process on the same core", " us", &r[0].near, stride, ROUNDS);
    print_line("wake-up of a process on the other core", " us", &r[0].far, stride, ROUNDS);
    print_line("fdatasync of 328 bytes", " us", &r[0].sync, stride, ROUNDS);
    return EXIT_SUCCESS;
}
