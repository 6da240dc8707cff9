/* watch - makes supervisord restart a process the moment it ends, and says which one ended.
 *
 * supervisord looks at its processes when its loop turns: once a second when nothing happens, so that a
 * restart takes 1.0 to 2.0 s.  This is an event listener of supervisord (its protocol: READY, an
 * event, a RESULT).  It learns each process id from PROCESS_STATE_RUNNING and holds a pidfd of it;
 * when that becomes readable - the process can be reaped - it writes a line to its standard error, which
 * turns supervisord's loop, and again every NUDGE_MS until the process is RUNNING again: one turn
 * reaps, the next one starts.  Measured: 2 to 20 ms from kill to exec.
 *
 * Beside that it sees to it that positions do not stay alone: gone.h.
 *
 * Usage:   enigma-watch LOG       the log line goes to the file LOG; standard error is only a bell
 *          enigma-watch --start NAME PROGRAM ARG...     see start.h
 * Input:   events of at most EVENT_MAX bytes; a malformed one ends the program (exit 1), supervisord
 *          starts it again.
 * Bounds:  PROCESSES_MAX processes; a process that does not come back is nudged for NUDGES_MAX times
 *          (a planned stop, say) and then left to supervisord's own pace.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "deploy/watch/gone.h"
#include "deploy/watch/start.h"

#define EVENT_MAX     4096
#define PROCESSES_MAX 64
#define NUDGE_MS      5
#define NUDGES_MAX    100

struct process {
    int fd;                     /* pidfd; -1: none */
    long pid;
    int nudges;                 /* left; 0: not waiting for its restart */
    char name[64];              /* empty: the slot is free */
};

static struct process processes[PROCESSES_MAX];
static int log_fd;
static struct gone gone;

static void say(const char *text)
{
    size_t n = strlen(text);
    if (write(STDOUT_FILENO, text, n) != (ssize_t)n)
        exit(EXIT_FAILURE);     /* supervisord is gone */
}

static void report(const struct process *p)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    struct tm tm;
    gmtime_r(&ts.tv_sec, &tm);
    char when[32], line[256];
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    int n = snprintf(line, sizeof line,
                     "{\"ts\":\"%s.%03ldZ\",\"level\":\"info\",\"agent\":\"watch\","
                     "\"event\":\"process.ended\",\"name\":\"%s\",\"pid\":%ld}\n",
                     when, ts.tv_nsec / 1000000, p->name, p->pid);
    if (write(log_fd, line, (size_t)n) < 0)
        return;                 /* a full disk must not keep anybody from being restarted */
}

static void nudge(void)
{
    if (write(STDERR_FILENO, "\n", 1) < 0)
        exit(EXIT_FAILURE);
}

static struct process *slot(const char *name)
{
    struct process *unused = NULL;
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (strcmp(processes[i].name, name) == 0)
            return &processes[i];
        if (unused == NULL && processes[i].name[0] == '\0')
            unused = &processes[i];
    }
    return unused;
}

static void watch(const char *name, long pid)
{
    struct process *p = slot(name);
    if (p == NULL)
        return;
    if (p->fd >= 0)
        close(p->fd);
    *p = (struct process){.fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0), .pid = pid};
    snprintf(p->name, sizeof p->name, "%s", name);
}

static void on_ended(struct process *p)
{
    report(p);
    close(p->fd);
    p->fd = -1;
    p->nudges = NUDGES_MAX;
    nudge();
}

/* One line of standard input, or one payload of `want` bytes; false at its end. */
static bool read_exactly(char *buf, size_t want)
{
    for (size_t got = 0; got < want;) {
        ssize_t n = read(STDIN_FILENO, buf + got, want - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static bool read_line(char *buf, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!read_exactly(buf + i, 1))
            return false;
        if (buf[i] == '\n') {
            buf[i] = '\0';
            return true;
        }
    }
    return false;
}

/* The value of `key:` in a text of blank-separated key:value words. */
static bool field(const char *text, const char *key, char *value, size_t size)
{
    size_t n = strlen(key);
    for (const char *p = text; p != NULL; p = strchr(p, ' '), p += p != NULL) {
        if (strncmp(p, key, n) != 0 || p[n] != ':')
            continue;
        size_t len = strcspn(p + n + 1, " \n");
        if (len >= size)
            return false;
        memcpy(value, p + n + 1, len);
        value[len] = '\0';
        return true;
    }
    return false;
}

static bool on_event(void)
{
    char header[EVENT_MAX], payload[EVENT_MAX], text[64], name[64];
    if (!read_line(header, sizeof header) || !field(header, "len", text, sizeof text))
        return false;
    long len = strtol(text, NULL, 10);
    if (len < 0 || len >= EVENT_MAX || !read_exactly(payload, (size_t)len))
        return false;
    payload[len] = '\0';
    if (field(header, "eventname", text, sizeof text) &&
        strcmp(text, "PROCESS_STATE_RUNNING") == 0 &&
        field(payload, "processname", name, sizeof name) &&
        field(payload, "pid", text, sizeof text))
        watch(name, strtol(text, NULL, 10));
    if (strcmp(text, "SUPERVISOR_STATE_CHANGE_STOPPING") == 0 ||
        (strcmp(text, "PROCESS_STATE_STOPPING") == 0 && field(payload, "processname", name, sizeof name) &&
         strcmp(name, "execution") == 0))
        gone.armed = false;     /* somebody wants it so */
    say("RESULT 2\nOKREADY\n");
    return true;
}

static void look_for_signer(void)
{
    static int64_t looked_ms;
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    int64_t now = ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
    if (now - looked_ms < GONE_LOOK_MS)
        return;
    looked_ms = now;
    gone_look(&gone, log_fd, now);
}

static bool turn(void)
{
    struct pollfd fds[PROCESSES_MAX + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    bool waiting = false;
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        fds[i + 1] = (struct pollfd){.fd = processes[i].fd, .events = POLLIN};
        waiting = waiting || processes[i].nudges > 0;
    }
    int n = poll(fds, PROCESSES_MAX + 1, waiting ? NUDGE_MS : GONE_LOOK_MS);
    if (n < 0)
        return errno == EINTR;
    if (n == 0 && waiting)
        nudge();
    look_for_signer();
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (n == 0 && processes[i].nudges > 0)
            processes[i].nudges--;
        if (fds[i + 1].revents != 0)
            on_ended(&processes[i]);
    }
    return fds[0].revents == 0 || on_event();
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "--start") == 0)
        return start_program(argv + 2);
    if (argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: enigma-watch LOG\n       enigma-watch --start NAME PROGRAM ARG...\n");
        return 2;
    }
    log_fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (log_fd < 0) {
        fprintf(stderr, "enigma-watch: %s: %s\n", argv[1], strerror(errno));
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        processes[i].fd = -1;
    say("READY\n");
    while (turn())
        ;
    return EXIT_FAILURE;
}
