/* What a confined child can still do is tried, beside a child that is not confined. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agents/execution/confine.h"
#include "tests/runner.h"

enum stage { FREE, BEGUN, ENDED };

static int pipe_fds[2];

static int try_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int try_unix_socket(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static int try_open(void) { return open("/etc/hostname", O_RDONLY); }
static int try_open_any(void) { return open("/", O_RDONLY | O_DIRECTORY); }
static int try_create(void)
{
    int fd = open("/tmp/enigma-confine-test", O_WRONLY | O_CREAT, 0600);
    unlink("/tmp/enigma-confine-test");
    return fd;
}
static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}
static int try_exec(void) { return execl("/no/such/program", "x", (char *)NULL) == 0 || errno == ENOENT ? 0 : -1; }
static int try_trace(void) { return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? -1 : 0; }
static int try_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}
static int try_memory(void)
{
    void *p = malloc(3 << 20);
    bool ok = p != NULL;
    if (ok)
        memset(p, 1, 3 << 20);
    free(p);
    return ok ? 0 : -1;
}
static int try_stat(void)
{
    struct stat st;
    return fstatat(AT_FDCWD, "/", &st, 0);
}
static int try_clock(void)
{
    struct timespec t;
    return (int)syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &t);
}

/* errno of the attempt in a child at that stage; 0: it works. */
static int attempt(enum stage stage, int (*try)(void))
{
    int result = -1, status;
    ck_assert_int_eq(pipe(pipe_fds), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct confined c;
        if (stage >= BEGUN)
            confine_begin(&pipe_fds[1], 1, &c);
        if (stage == ENDED)
            confine_end(&c);
        errno = 0;
        int got = try() < 0 ? errno : 0;
        if (write(pipe_fds[1], &got, sizeof got) != (ssize_t)sizeof got)
            _exit(1);
        _exit(0);
    }
    close(pipe_fds[1]);
    ck_assert_int_eq(read(pipe_fds[0], &result, sizeof result), sizeof result);
    close(pipe_fds[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return result;
}

#define REFUSED_FROM(name, first, try) \
    START_TEST(name) { ck_assert_int_eq(attempt((first) - 1, try), 0); \
                       for (int s = (first); s <= ENDED; s++) ck_assert_int_eq(attempt((enum stage)s, try), EPERM); } END_TEST

REFUSED_FROM(opens_no_socket_from_the_start, BEGUN, try_socket)
REFUSED_FROM(opens_no_unix_socket_from_the_start, BEGUN, try_unix_socket)
REFUSED_FROM(starts_no_process, BEGUN, try_fork)
REFUSED_FROM(becomes_no_other_program, BEGUN, try_exec)
REFUSED_FROM(traces_nobody, BEGUN, try_trace)
REFUSED_FROM(opens_no_directory_in_the_end, ENDED, try_open_any)
REFUSED_FROM(opens_no_file_in_the_end, ENDED, try_open)
REFUSED_FROM(creates_no_file_in_the_end, ENDED, try_create)
REFUSED_FROM(maps_no_code_in_the_end, ENDED, try_code)

START_TEST(still_allocates_asks_for_a_file_and_reads_the_clock)
{
    ck_assert_int_eq(attempt(ENDED, try_memory), 0);
    ck_assert_int_eq(attempt(ENDED, try_stat), 0);
    ck_assert_int_eq(attempt(ENDED, try_clock), 0);
}
END_TEST

static int try_old_descriptor(void) { return (int)lseek(200, 0, SEEK_CUR); }

START_TEST(has_no_descriptor_but_those_it_was_given)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(dup2(fd, 200), 200);
    ck_assert_int_eq(attempt(FREE, try_old_descriptor), 0);
    ck_assert_int_eq(attempt(BEGUN, try_old_descriptor), EBADF);
    close(fd);
    close(200);
}
END_TEST

static int try_become_nobody(void)
{
    if (confine_user(65534) < 0 || getuid() != 65534 || geteuid() != 65534 || getegid() != 65534)
        return -1;
    errno = EEXIST;
    return setresuid(0, 0, 0) == 0 ? -1 : 0;    /* no way back */
}

START_TEST(becomes_its_own_user_for_good_when_started_as_root)
{
    if (geteuid() == 0)
        ck_assert_int_eq(attempt(BEGUN, try_become_nobody), 0);
    else
        ck_assert_int_eq(confine_user(65534), 0);   /* stays who it is */
}
END_TEST

START_TEST(names_what_this_kernel_does_not_offer)
{
    char text[80];
    struct confined c = {.no_new_privs = 1, .no_dump = 1, .seccomp = 1, .landlock = 0, .files_closed = 1};
    confine_missing(&c, text, sizeof text);
    ck_assert_str_eq(text, "landlock ");
    c.landlock = 1;
    confine_missing(&c, text, sizeof text);
    ck_assert_str_eq(text, "");
}
END_TEST

TESTS("execution confine", opens_no_socket_from_the_start, opens_no_unix_socket_from_the_start, starts_no_process,
      becomes_no_other_program, traces_nobody, opens_no_directory_in_the_end, opens_no_file_in_the_end,
      creates_no_file_in_the_end, maps_no_code_in_the_end, still_allocates_asks_for_a_file_and_reads_the_clock,
      has_no_descriptor_but_those_it_was_given, becomes_its_own_user_for_good_when_started_as_root,
      names_what_this_kernel_does_not_offer)
