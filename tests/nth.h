/* nth - the n-th call of a kind fails, once, for every n until a run reaches none.
 *
 * Each run is a process of its own, and the next one looks at what it left.  It may end in two ways: the work is
 * done, as if nothing had been or after a new try; or it ends itself with a message, status JOURNAL_EXIT after the
 * disk failed, abort after memory did (libraries do that without a word), or a refused start.
 *
 * The calls are interposed: this program's own definitions stand before libc's for the libraries, too.
 * Under a sanitizer malloc is left alone: it has its own.  NTH_ALL=1 skips none of the many.
 */
#ifndef TESTS_NTH_H
#define TESTS_NTH_H

#include "tests/runner.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "libagent/journal.h"
#include "libagent/watchdog.h"
#include "proto/err.h"

/* CALL_FILE: whatever opens, reads, names, locks or sizes a file or directory. */
enum call { CALL_MALLOC, CALL_WRITE, CALL_SHORT, CALL_SYNC, CALL_SEND, CALL_RECV, CALL_FILE };
static const char *const call_names[] = {"malloc", "write", "short write", "sync", "send", "receive", "file"};

/* What parent and child share. */
static struct {
    volatile long done;         /* so much was promised */
    volatile long calls;        /* of the kind that fails, seen so far */
} *shared;

static enum call failing;
static long fail_at;            /* 0: never */
static int fail_errno;
static volatile bool armed;

static bool fails(enum call call)
{
    if (!armed || call != failing)
        return false;
    if (++shared->calls != fail_at)
        return false;
    errno = fail_errno;
    return true;
}

#define REAL(name) real_##name
#define INTERPOSE(ret, name, ...)                                                                  \
    ret name(__VA_ARGS__);                                                                         \
    static ret (*REAL(name))(__VA_ARGS__);                                                         \
    ret name(__VA_ARGS__)
#define FIND(name) (REAL(name) != NULL ? (void)0 : (void)(*(void **)&REAL(name) = dlsym(RTLD_NEXT, #name)))

INTERPOSE(ssize_t, pwrite, int fd, const void *bytes, size_t len, off_t offset)
{
    FIND(pwrite);
    if (fails(CALL_WRITE))
        return -1;
    if (failing == CALL_SHORT && fails(CALL_SHORT))
        len = len / 2 + 1;
    return REAL(pwrite)(fd, bytes, len, offset);
}

INTERPOSE(int, fdatasync, int fd)
{
    FIND(fdatasync);
    return fails(CALL_SYNC) ? -1 : REAL(fdatasync)(fd);
}

INTERPOSE(int, fsync, int fd)
{
    FIND(fsync);
    return fails(CALL_SYNC) ? -1 : REAL(fsync)(fd);
}

/* Declared by the system's headers, so that the definition alone is said here. */
#define INTERPOSE_FILE(ret, bad, name, parameters, arguments)                                      \
    static ret (*REAL(name)) parameters;                                                           \
    ret name parameters                                                                            \
    {                                                                                              \
        FIND(name);                                                                                \
        return fails(CALL_FILE) ? (bad) : REAL(name) arguments;                                    \
    }
INTERPOSE_FILE(int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
INTERPOSE_FILE(int, -1, fstat, (int fd, struct stat *st), (fd, st))
INTERPOSE_FILE(int, -1, fstatat, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags))
INTERPOSE_FILE(int, -1, flock, (int fd, int operation), (fd, operation))
INTERPOSE_FILE(int, -1, fallocate, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len))
INTERPOSE_FILE(int, -1, ftruncate, (int fd, off_t len), (fd, len))
INTERPOSE_FILE(int, -1, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
INTERPOSE_FILE(int, -1, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
INTERPOSE_FILE(off_t, -1, lseek, (int fd, off_t at, int whence), (fd, at, whence))
INTERPOSE_FILE(ssize_t, -1, pread, (int fd, void *bytes, size_t len, off_t at), (fd, bytes, len, at))
INTERPOSE_FILE(DIR *, NULL, fdopendir, (int fd), (fd))

static mode_t mode_of(int flags, va_list args)
{
    return flags & O_CREAT ? va_arg(args, mode_t) : 0;
}

INTERPOSE(int, open, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    FIND(open);
    return fails(CALL_FILE) ? -1 : REAL(open)(path, flags, mode);
}

INTERPOSE(int, openat, int fd, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    FIND(openat);
    return fails(CALL_FILE) ? -1 : REAL(openat)(fd, path, flags, mode);
}

static bool is_socket(int fd)
{
    int type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type}) == 0;
}

/* hiredis writes and reads, libzmq sends and receives. */
INTERPOSE(ssize_t, write, int fd, const void *bytes, size_t len)
{
    FIND(write);
    return failing == CALL_SEND && armed && is_socket(fd) && fails(CALL_SEND) ? -1 : REAL(write)(fd, bytes, len);
}

INTERPOSE(ssize_t, read, int fd, void *bytes, size_t len)
{
    FIND(read);
    return failing == CALL_RECV && armed && is_socket(fd) && fails(CALL_RECV) ? -1 : REAL(read)(fd, bytes, len);
}

INTERPOSE(ssize_t, send, int fd, const void *bytes, size_t len, int flags)
{
    FIND(send);
    return fails(CALL_SEND) ? -1 : REAL(send)(fd, bytes, len, flags);
}

INTERPOSE(ssize_t, recv, int fd, void *bytes, size_t len, int flags)
{
    FIND(recv);
    return fails(CALL_RECV) ? -1 : REAL(recv)(fd, bytes, len, flags);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n) { return fails(CALL_MALLOC) ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return fails(CALL_MALLOC) ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return fails(CALL_MALLOC) ? NULL : __libc_realloc(p, n); }
#define MALLOC_FAILS 1
#else
#define MALLOC_FAILS 0
#endif

/* ---- one run ---- */

static char place[64], message[512];

static inline void clean_place(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", place);
    if (system(command) != 0)
        _exit(1);
}

static inline void fresh_place(void)
{
    if (place[0] != '\0')
        clean_place();
    else
        atexit(clean_place);
    strcpy(place, access("/dev/shm", W_OK) == 0 ? "/dev/shm/test-nth.XXXXXX" : "/tmp/test-nth.XXXXXX");
    ck_assert(mkdtemp(place) != NULL && chdir(place) == 0);
}

#define IN_LIBRARY 98

extern char __executable_start, etext;

/* Without memory some libraries use what they did not get.  That ends the process, too; it is a defect of ours
 * only in our code. */
static void on_crash(int signum, siginfo_t *info, void *context)
{
    (void)signum, (void)info;
    const ucontext_t *c = context;
    const char *at = (const char *)(uintptr_t)
#if defined(__x86_64__)
        c->uc_mcontext.gregs[REG_RIP];
#else
        c->uc_mcontext.pc;
#endif
    _exit(at >= &__executable_start && at < &etext ? 97 : IN_LIBRARY);
}

static inline void arm(enum call call, int error, long n)
{
    if (shared == NULL)
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED);
    shared->done = shared->calls = 0;
    failing = call, fail_errno = error, fail_at = n;
}

/* A library without memory may wait for ever for a thread that has none either; the watchdog ends that. */
#define STUCK_S 20

/* Run `work` in a child with its n-th call failing; its wait status.  What it said is in `message`. */
static inline int run(void (*work)(void), enum call call, int error, long n)
{
    int fd = memfd_create("said", 0);
    ck_assert_int_ge(fd, 0);
    arm(call, error, n);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        const struct sigaction crash = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO};
        sigaction(SIGSEGV, &crash, NULL);
        dup2(fd, 1), dup2(fd, 2);
        watchdog_start(STUCK_S, "nth");
        armed = true;
        work();
        armed = false;
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ssize_t len = pread(fd, message, sizeof message - 1, 0);
    message[len > 0 ? len : 0] = '\0';
    close(fd);
    return status;
}

struct count {
    long runs, worked, aborted, ended, refused, crashed, stuck;
};

#define REFUSED 3               /* a start that was refused with its reason printed */

static inline void judge(const char *what, enum call call, long n, int status, struct count *c)
{
    c->runs++;
    bool said = message[0] != '\0';
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        c->worked++;
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && (said || call == CALL_MALLOC))
        c->aborted++;
    else if (strstr(message, "watchdog.loop_stuck") != NULL && call == CALL_MALLOC)
        c->stuck++;
    else if (WIFEXITED(status) && WEXITSTATUS(status) == JOURNAL_EXIT && said && strstr(message, "watchdog.") == NULL)
        c->ended++;
    else if (WIFEXITED(status) && WEXITSTATUS(status) == REFUSED && said)
        c->refused++;
    else if (WIFEXITED(status) && WEXITSTATUS(status) == IN_LIBRARY && call == CALL_MALLOC)
        c->crashed++;
    else
        ck_abort_msg("%s, %s number %ld: status %#x, said \"%s\"", what, call_names[call], n, (unsigned)status, message);
}

/* Every n, or every step-th when there are too many; check looks at what was left. */
static inline void all_n(const char *what, void (*work)(void), void (*check)(void), void (*before)(void), enum call call,
                  int error, long at_most)
{
    struct count c = {0};
    long step = 1, total;
    arm(call, error, 0);
    before();
    judge(what, call, 0, run(work, call, error, 0), &c);
    ck_assert_int_eq(c.worked, 1);
    total = shared->calls;
    while (getenv("NTH_ALL") == NULL && total / step > at_most)
        step++;
    bool reached = true;
    for (long n = 1; reached; n += step) {
        before();
        int status = run(work, call, error, n);
        reached = shared->calls >= n;
        if (reached)
            judge(what, call, n, status, &c);
        check();
    }
    c.runs--, c.worked--;               /* the one without a failure */
    printf("%-8s %-12s %-10s step %ld of %5ld: %4ld runs: %4ld worked, %4ld ended by exit 70, %4ld by abort, %3ld "
           "refused, %2ld crashed and %ld stood still in a library, 0 lost\n", what, call_names[call], strerrorname_np(error), step, total, c.runs, c.worked, c.ended,
           c.aborted, c.refused, c.crashed, c.stuck);
    fflush(stdout);
}

#endif
