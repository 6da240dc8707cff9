/* bench - what the benchmark programs share: quantiles of samples, medians of rounds, children, bytes.
 *
 * Everything is static; a program includes it once.  Failures end the program.
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX 99

struct quantiles {
    double p50, p99, p999;      /* us */
};

static inline void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static inline int64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int by_int64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static inline int by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts ns. */
static inline struct quantiles quantiles(int64_t *ns, long n)
{
    qsort(ns, (size_t)n, sizeof *ns, by_int64);
    return (struct quantiles){
        (double)ns[n / 2] / 1e3, (double)ns[n * 99 / 100] / 1e3, (double)ns[n * 999 / 1000] / 1e3,
    };
}

/* Median, lowest and highest of one figure of all rounds; the rounds' structures are of doubles only. */
static inline void print_line(const char *name, const char *unit, const double *first, size_t stride, long rounds)
{
    double v[ROUNDS_MAX];
    for (long i = 0; i < rounds; i++)
        v[i] = first[(size_t)i * stride];
    qsort(v, (size_t)rounds, sizeof v[0], by_double);
    printf("%-42s %8.2f%-3s (%.2f-%.2f)\n", name, v[rounds / 2], unit, v[0], v[rounds - 1]);
}

/* A child that ends with us. */
static inline pid_t child(void)
{
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
        _exit(EXIT_FAILURE);
    return pid;
}

static inline int listen_any(struct sockaddr_in *ret)
{
    socklen_t len = sizeof *ret;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (s < 0 || bind(s, (struct sockaddr *)ret, sizeof *ret) < 0 || listen(s, 8) < 0 ||
        getsockname(s, (struct sockaddr *)ret, &len) < 0)
        die("listen");
    return s;
}

static inline int prompt(int s)
{
    int on = 1;
    if (s < 0 || setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        die("connection");
    return s;
}

static inline int connect_to(const struct sockaddr_in *to)
{
    int s = prompt(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(s, (const struct sockaddr *)to, sizeof *to) < 0)
        die("connect");
    return s;
}

static inline void write_all(int s, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = write(s, (const uint8_t *)bytes + done, n - done);
        if (k <= 0)
            die("write");
        done += (size_t)k;
    }
}

static inline void read_all(int s, void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = read(s, (uint8_t *)bytes + done, n - done);
        if (k <= 0)
            die("read");
        done += (size_t)k;
    }
}

static inline long number(const char *text, long least, long most)
{
    char *end;
    long v = strtol(text, &end, 10);
    if (*end == '\0' && v >= least && v <= most)
        return v;
    fprintf(stderr, "\"%s\" is not a number from %ld to %ld\n", text, least, most);
    exit(2);
}

#endif
