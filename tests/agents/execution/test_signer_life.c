/* The signer's process: how it begins, what it is asked before its time, and how its end is told. */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents/execution/signer.h"
#include "agents/execution/witness.h"
#include "libagent/apikey.h"
#include "libagent/leases.h"
#include "libagent/signkey.h"
#include "proto/err.h"
#include "tests/runner.h"

static char dir[64], why[SIGNER_WHY_MAX], headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX];
static const struct policy_limits none;
static int told_fd;
static pid_t child_pid;

/* What the next fork does. */
static enum { AS_USUAL, FAILS, PARENT_GOES } next_fork;
/* What the parent takes for its directory; the file that cannot be opened. */
static const char *elsewhere, *missing;

FILE *fopen(const char *path, const char *mode)
{
    static FILE *(*real)(const char *, const char *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fopen");
    return missing != NULL && strcmp(path, missing) == 0 ? NULL : real(path, mode);
}

char *getcwd(char *ret, size_t size)
{
    static char *(*real)(char *, size_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "getcwd");
    return elsewhere != NULL ? strcpy(ret, elsewhere) : real(ret, size);
}

pid_t fork(void)
{
    static pid_t (*real)(void);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fork");
    if (next_fork == FAILS)
        return -1;
    pid_t pid = real();
    if (pid != 0)
        return child_pid = pid;
    if (next_fork == PARENT_GOES) {             /* its parent is another now than it was before */
        pid_t again = real();
        if (again != 0) {
            int status = 0;
            waitpid(again, &status, 0);
            _exit(WEXITSTATUS(status) + 50);
        }
    }
    return 0;
}

static void begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-signer-XXXXXX");
    ck_assert(mkdtemp(dir) != NULL && chdir(dir) == 0 && chmod(".", 0711) == 0);
    ck_assert(mkdir("etc", 0755) == 0 && mkdir("etc/keys", 0700) == 0 && mkdir("sock", 0755) == 0);
}

static void write_key(void)
{
    FILE *f = fopen(APIKEY_PAPER, "w");
    ck_assert(f != NULL && fputs("key = k\nsecret = s\npassphrase = p\n", f) > 0 && fclose(f) == 0);
}

static void load(const char *name)
{
    uint8_t secret[TOKEN_SECRET];
    char text[SIGNKEY_WHY_MAX];
    ck_assert_int_eq(signkey_load("etc/keys", name, secret, text), ERR_OK);
}

static int begin_signer(void)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    told_fd = fds[0];
    return signer_fork_beside(fds[1]);
}

static void end_signer(void)
{
    kill(child_pid, SIGKILL);
    ck_assert_int_eq(waitpid(child_pid, NULL, 0), child_pid);
    close(signer_fd());
    close(told_fd);
}

static void end(void)
{
    char command[128];
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static int open_it(void) { return signer_open(APIKEY_PAPER, "paper", "", why); }

static int ask(const char *target)
{
    const struct policy_request r = {.method = "GET", .target = target};
    return signer_sign(&r, headers, why);
}
static int read_something(void) { return ask("/api/v1/positions"); }

#define ck_said(text) ck_assert_msg(strstr(why, text) != NULL, "%s, not %s", why, text)

START_TEST(it_cannot_begin_without_a_socket_a_process_or_its_parent)
{
    struct rlimit was;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, was.rlim_max}), 0);
    int sockets = signer_fork_beside(-1), witness = signer_fork();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
    ck_assert_int_eq(sockets, ERR_DOWN);
    ck_assert_int_eq(witness, ERR_DOWN);
    next_fork = FAILS;
    ck_assert_int_eq(begin_signer(), ERR_DOWN);
    next_fork = PARENT_GOES;
    ck_assert_int_eq(begin_signer(), ERR_OK);
    int status;
    ck_assert_int_eq(waitpid(child_pid, &status, 0), child_pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 50);
}
END_TEST

START_TEST(it_signs_nothing_before_it_is_opened_and_is_opened_when_all_is_there)
{
    begin();
    ck_assert_int_eq(begin_signer(), ERR_OK);
    signer_setup(&none, 0, 1);
    ck_assert_int_eq(read_something(), ERR_WRONG_STATE);
    ck_assert_int_eq(signer_stop(why), ERR_WRONG_STATE);
    elsewhere = "/no/such/directory";
    ck_assert_int_eq(open_it(), ERR_CONFIG);
    ck_said(elsewhere);
    elsewhere = NULL;
    ck_assert_int_eq(open_it(), ERR_NOT_FOUND);
    ck_said(APIKEY_PAPER);
    write_key();
    ck_assert_int_eq(open_it(), ERR_OK);
    ck_assert_int_eq(read_something(), 5);
    end_signer();
    end();
}
END_TEST

START_TEST(another_user_is_taken_only_with_the_guards_keys_there_and_the_latch_in_reach)
{
    begin();
    write_key();
    ck_assert_int_eq(begin_signer(), ERR_OK);
    signer_setup(&none, 65533, 1);
    ck_assert_int_eq(open_it(), ERR_NOT_FOUND);
    ck_said("waiting for the public keys");
    static const char *const guards[] = {"risk", "data", "orchestrator", "audit"};
    for (int i = 0; i < 4; i++)
        load(guards[i]);
    if (geteuid() == 0) {                       /* nobody else can become another user */
        ck_assert_int_eq(chmod(dir, 0700), 0);
        ck_assert_int_eq(open_it(), ERR_CONFIG);
        ck_said("may not search the instance's directory");
    }
    end_signer();
    end();
}
END_TEST

START_TEST(leases_need_a_socket_and_what_is_none_is_not_heard)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = LEASES_SOCKET};
    begin();
    write_key();
    ck_assert_int_eq(rmdir("sock"), 0);
    ck_assert_int_eq(begin_signer(), ERR_OK);
    signer_setup(&none, 0, 1);
    ck_assert_int_eq(open_it(), ERR_IO);
    ck_said(LEASES_SOCKET);
    ck_assert_int_eq(mkdir("sock", 0755), 0);
    ck_assert_int_eq(open_it(), ERR_OK);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(sendto(fd, "x", 1, 0, (const struct sockaddr *)&at, sizeof at), 1);
    close(fd);
    ck_assert_int_eq(read_something(), 5);
    end_signer();
    end();
}
END_TEST

START_TEST(one_instance_has_one_signer)
{
    begin();
    write_key();
    ck_assert_int_eq(mkdir("journal", 0755), 0);
    int fd = open(SIGNER_LOG, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    ck_assert_int_eq(begin_signer(), ERR_OK);
    signer_setup(&none, 0, 1);
    ck_assert_int_eq(open_it(), ERR_BUSY);
    ck_said("another signer runs");
    close(fd);
    ck_assert_int_eq(open_it(), ERR_OK);
    end_signer();
    end();
}
END_TEST

START_TEST(what_is_too_large_is_not_even_asked)
{
    static char big[1024] = "/api/v1/";
    memset(big + 8, 'x', sizeof big - 9);
    begin();
    write_key();
    ck_assert_int_eq(begin_signer(), ERR_OK);
    ck_assert_int_eq(open_it(), ERR_OK);
    ck_assert_int_eq(ask(big), ERR_SIZE);
    ck_assert_int_eq(read_something(), 5);
    char deep[600] = "";                        /* a directory whose name is longer than it can be told */
    for (int i = 0; i < 3; i++) {
        memset(deep, 'd', 200);
        deep[200] = '\0';
        ck_assert(mkdir(deep, 0755) == 0 && chdir(deep) == 0);
    }
    ck_assert_int_eq(open_it(), ERR_SIZE);
    end_signer();
    end();
}
END_TEST

START_TEST(it_ends_when_it_hears_what_is_no_request)
{
    int status;
    begin();
    ck_assert_int_eq(begin_signer(), ERR_OK);
    ck_assert_int_eq(send(signer_fd(), "x", 1, 0), 1);
    ck_assert_int_eq(waitpid(child_pid, &status, 0), child_pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_int_eq(read_something(), ERR_DOWN);
    ck_said("the signer is gone");
    end();
}
END_TEST

/* It dies between question and answer. */
START_TEST(an_end_instead_of_an_answer_is_told)
{
    begin();
    ck_assert_int_eq(begin_signer(), ERR_OK);
    pid_t signer = child_pid;
    kill(signer, SIGSTOP);
    ck_assert_int_eq(waitpid(signer, NULL, WUNTRACED), signer);
    pid_t killer = fork();
    if (killer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int waiting = 0; waiting == 0;)    /* until the question is there */
            ioctl(signer_fd(), SIOCOUTQ, &waiting);
        kill(signer, SIGKILL);
        _exit(0);
    }
    ck_assert_int_eq(read_something(), ERR_DOWN);
    ck_said("the signer is gone");
    ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
    child_pid = signer;
    end_signer();
    end();
}
END_TEST

START_TEST(silence_is_told_in_time_and_a_late_answer_meets_no_other_question)
{
    begin();
    ck_assert_int_eq(begin_signer(), ERR_OK);
    kill(child_pid, SIGSTOP);
    ck_assert_int_eq(read_something(), ERR_TIMEOUT);
    ck_said("did not answer within");
    kill(child_pid, SIGCONT);
    ck_assert_int_eq(read_something(), ERR_DOWN);
    end_signer();
    end();
}
END_TEST

START_TEST(what_needs_no_token_is_signed_where_the_boot_cannot_be_told)
{
    begin();
    write_key();
    missing = "/proc/sys/kernel/random/boot_id";
    ck_assert_int_eq(begin_signer(), ERR_OK);
    ck_assert_int_eq(open_it(), ERR_OK);
    ck_assert_int_eq(read_something(), 5);
    end_signer();
    end();
}
END_TEST

START_TEST(the_witness_beside_it_is_told_where_to_look)
{
    static const char *const symbols[] = {"XBTUSDTM"};
    static const char *many[WITNESS_SYMBOLS + 1];
    for (int i = 0; i <= WITNESS_SYMBOLS; i++)
        many[i] = symbols[0];
    begin();
    write_key();
    ck_assert_int_eq(signer_fork(), ERR_OK);
    ck_assert_int_eq(open_it(), ERR_OK);
    ck_assert_int_eq(signer_watch("http://127.0.0.1:1", many, WITNESS_SYMBOLS + 1), ERR_SIZE);
    ck_assert_int_eq(signer_watch("http://127.0.0.1:1", symbols, 1), ERR_OK);
    ck_assert_int_eq(read_something(), 5);
    end();                      /* both go with this process */
}
END_TEST

TESTS("execution signer's life", it_cannot_begin_without_a_socket_a_process_or_its_parent,
      it_signs_nothing_before_it_is_opened_and_is_opened_when_all_is_there,
      another_user_is_taken_only_with_the_guards_keys_there_and_the_latch_in_reach, leases_need_a_socket_and_what_is_none_is_not_heard,
      one_instance_has_one_signer,
      what_is_too_large_is_not_even_asked, it_ends_when_it_hears_what_is_no_request,
      an_end_instead_of_an_answer_is_told, silence_is_told_in_time_and_a_late_answer_meets_no_other_question,
      what_needs_no_token_is_signed_where_the_boot_cannot_be_told, the_witness_beside_it_is_told_where_to_look)
