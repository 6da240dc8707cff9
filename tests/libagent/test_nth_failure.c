/* The n-th call of malloc, write, sync, send or receive fails, once, for every n until a run reaches none:
 * of journal, outbox, queue and store over a real Redis, and the start of an agent.  Each run is a process
 * of its own, and the next one looks at what it left.  It may end in two ways: the work is done, as if
 * nothing had been or after a new try; or it ends itself with a message, status JOURNAL_EXIT after the disk
 * failed, abort after memory did (libraries do that without a word), or a refused start.  Whatever it had called done is there afterwards.
 *
 * The calls are interposed: this program's own definitions stand before libc's for the libraries, too.
 * Under a sanitizer malloc is left alone: it has its own.  NTH_ALL=1 skips none of the many. */
#define TEST_TIMEOUT 600
#include "tests/runner.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "libagent/agent_impl.h"
#include "libagent/queue.h"
#include "libagent/watchdog.h"
#include "proto/text.h"
#include "tests/libagent/broker.h"
#include "tests/libagent/redis_server.h"

enum call { CALL_MALLOC, CALL_WRITE, CALL_SHORT, CALL_SYNC, CALL_SEND, CALL_RECV, CALLS };
static const char *const call_names[] = {"malloc", "write", "short write", "sync", "send", "receive"};

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

static void clean_place(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", place);
    if (system(command) != 0)
        _exit(1);
}

static void fresh_place(void)
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

/* A library without memory may wait for ever for a thread that has none either; the watchdog ends that. */
#define STUCK_S   20

/* Run `work` in a child with its n-th call failing; its wait status.  What it said is in `message`. */
static int run(void (*work)(void), enum call call, int error, long n)
{
    int fd = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    shared->done = shared->calls = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        const struct sigaction crash = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO};
        sigaction(SIGSEGV, &crash, NULL);
        dup2(fd, 1), dup2(fd, 2);
        failing = call, fail_errno = error, fail_at = n;
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

static void judge(const char *what, enum call call, long n, int status, struct count *c)
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
static void all_n(const char *what, void (*work)(void), void (*check)(void), void (*before)(void), enum call call,
                  int error, long at_most)
{
    struct count c = {0};
    long step = 1, total;
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

/* ---- the journal, and the outbox over it ---- */

#define RECORDS 40

static int decode(const struct journal_record *r, outbox_sink *sink, void *arg)
{
    char topic[16];
    uint64_t seq;
    if (r->kind != JOURNAL_KIND_USER || r->len < 16)
        return ERR_OK;
    memcpy(&seq, r->payload, 8);
    memcpy(topic, (const char *)r->payload + 8, 8);
    topic[8] = '\0';
    const struct outbox_entry e = {topic, seq, r->payload, r->len};
    return sink(arg, &e);
}

static struct outbox *outbox;

static int on_record(void *arg, const struct journal_record *r)
{
    (void)arg;
    return outbox_note_record(outbox, r);
}

static int open_journal(struct journal **ret)
{
    const struct journal_options o = {.dir = "j", .segment_size = JOURNAL_SEGMENT_MIN};
    struct journal *j = NULL;
    int err = journal_open(&o, &j);
    if (err < 0)
        return err;
    outbox = outbox_new(j, decode);
    const struct journal_visitor v = {NULL, on_record, NULL};
    err = journal_recover(j, &v, NULL);
    if (err < 0)
        return err;
    *ret = j;
    return ERR_OK;
}

static int count_entry(void *arg, const struct outbox_entry *e)
{
    (void)e;
    ++*(long *)arg;
    return ERR_OK;
}

/* A full disk is waited out: the same again works, as it fails once. */
static void append_one(struct journal *j, uint64_t seq)
{
    char payload[300] = {0};
    struct journal_position at;
    memcpy(payload, &seq, 8);
    memcpy(payload + 8, "topic.aa", 8);
    struct iovec part = {payload, sizeof payload};
    int err = journal_append(j, JOURNAL_KIND_USER, &part, 1, &at);
    if (err == ERR_NO_SPACE)
        err = journal_append(j, JOURNAL_KIND_USER, &part, 1, &at);
    must(err == ERR_OK);
    must(outbox_note(outbox, "topic.aa", seq, at) == ERR_OK);
    journal_sync(j);
    shared->done = (long)seq;
}

static void work_journal(void)
{
    struct journal *j;
    int err = open_journal(&j);
    if (err < 0) {
        fprintf(stderr, "%s: %s\n", err_text(err), journal_error());
        _exit(REFUSED);
    }
    for (uint64_t seq = 1; seq <= RECORDS; seq++)
        append_one(j, seq);
    long read = 0;
    must(outbox_each(outbox, "topic.aa", 1, RECORDS, count_entry, &read) == RECORDS && read == RECORDS);
    size_t n = outbox_pack(outbox, NULL, 0);
    uint8_t *packed = malloc(n);
    must(packed != NULL && outbox_pack(outbox, packed, n) == n);
    for (int i = 0; i < 2; i++)
        (void)journal_snapshot_write(j, packed, n);     /* not kept without space; nothing is broken */
    free(packed);
    outbox_destroy(&outbox);
    journal_close(&j);
}

static void check_journal(void)
{
    struct journal *j = NULL;
    int err = open_journal(&j);
    ck_assert_msg(err == ERR_OK, "left behind: %s: %s", err_text(err), journal_error());
    long last = (long)outbox_last(outbox, "topic.aa"), read = 0;
    /* A snapshot stands for the records before it. */
    if (journal_snapshot_lsn(j) == 0) {
        ck_assert_int_ge(last, shared->done);
        ck_assert_int_le(last, shared->done + 1);
        if (last > 0)
            ck_assert_int_eq(outbox_each(outbox, "topic.aa", 1, RECORDS + 1, count_entry, &read), last);
    } else {
        ck_assert_int_eq(shared->done, RECORDS);
    }
    outbox_destroy(&outbox);
    journal_close(&j);
}

START_TEST(journal_and_outbox_lose_nothing)
{
    all_n("journal", work_journal, check_journal, fresh_place, CALL_WRITE, EIO, 500);
    all_n("journal", work_journal, check_journal, fresh_place, CALL_WRITE, ENOSPC, 500);
    all_n("journal", work_journal, check_journal, fresh_place, CALL_WRITE, EINTR, 500);
    all_n("journal", work_journal, check_journal, fresh_place, CALL_SHORT, 0, 500);
    all_n("journal", work_journal, check_journal, fresh_place, CALL_SYNC, EIO, 500);
    if (MALLOC_FAILS)
        all_n("journal", work_journal, check_journal, fresh_place, CALL_MALLOC, ENOMEM, 500);
}
END_TEST

/* ---- store and queue, over a real Redis ---- */

static uv_loop_t loop;
static struct store *store;
static struct queue *queue;
static bool answered;
static int answer;
static char taken[QUEUE_ID_MAX + 1];
static int taken_attempt;

static void on_said(void *arg, int err)
{
    (void)arg;
    answered = true;
    answer = err;
}

static void on_taken(void *arg, int err, const struct queue_task *t)
{
    on_said(arg, err);
    if (err == ERR_OK) {
        strcpy(taken, t->id);
        taken_attempt = t->attempt;
    }
}

/* The store comes back by itself; what it could not say is asked again, as the orchestrator does. */
static int wait_answer(void)
{
    uint64_t end = uv_hrtime() + 20000000000ull;
    while (!answered || store_state(store) != STORE_UP) {
        must(uv_hrtime() < end);
        uv_run(&loop, UV_RUN_ONCE);
    }
    answered = false;
    return answer;
}

static void work_queue(void)
{
    const struct store_options o = {.loop = &loop, .path = redis_path, .instance = "nth", .timeout_ms = 2000};
    must(uv_loop_init(&loop) == 0 && store_open(&o, &store) == ERR_OK);
    queue = queue_new(store, 0);
    answered = true;
    (void)wait_answer();
    for (int i = 1; i <= 5; i++) {
        char id[8];
        int err;
        snprintf(id, sizeof id, "t%d", i);
        do {
            queue_add(queue, id, PRIORITY_NORMAL, "x", 1, on_said, NULL);
            err = wait_answer();
        } while (err != ERR_OK && err != ERR_DUPLICATE);
        shared->done = i;
    }
    int err;
    do {
        queue_take(queue, "worker", 60000, on_taken, NULL);
        err = wait_answer();
    } while (err == ERR_DOWN || err == ERR_TIMEOUT);
    must(err == ERR_OK);
    do {
        queue_finish(queue, taken, "worker", taken_attempt, on_said, NULL);
        err = wait_answer();
    } while (err == ERR_DOWN || err == ERR_TIMEOUT);
    must(err == ERR_OK || err == ERR_WRONG_STATE || err == ERR_NOT_FOUND);   /* the first try may have done it */
    store_close(&store);
    uv_run(&loop, UV_RUN_DEFAULT);
    queue_destroy(&queue);
}

static redisContext *direct;

static void before_queue(void)
{
    freeReplyObject(redisCommand(direct, "FLUSHALL"));
}

/* What was called added is queued, out or done; at most one is done. */
static void check_queue(void)
{
    redisReply *r = redisCommand(direct, "HLEN enigma:nth:queue:tasks");
    ck_assert_msg(r != NULL && r->type == REDIS_REPLY_INTEGER, "%s", direct->errstr);
    ck_assert_int_ge(r->integer, shared->done - 1);
    ck_assert_int_le(r->integer, shared->done + 1);
    freeReplyObject(r);
}

START_TEST(queue_and_store_answer_every_call_and_recover)
{
    redis_start();
    for (int i = 0; i < 5000 && (direct = redisConnectUnix(redis_path))->err != 0; i++) {
        redisFree(direct);
        usleep(2000);
    }
    ck_assert_int_eq(direct->err, 0);
    all_n("queue", work_queue, check_queue, before_queue, CALL_SEND, EPIPE, 300);
    all_n("queue", work_queue, check_queue, before_queue, CALL_RECV, ECONNRESET, 300);
    if (MALLOC_FAILS)
        all_n("queue", work_queue, check_queue, before_queue, CALL_MALLOC, ENOMEM, 300);
    redisFree(direct);
}
END_TEST

/* ---- an agent: journal, bus, what it says ---- */

static void nothing(void *arg)
{
    (void)arg;
}

static struct agent a;

static void start_agent(void)
{
    static const struct agent_def def = {.id = AGENT_RISK};
    char why[CONFIG_WHY_MAX] = "";
    a = (struct agent){.def = &def, .name = "risk", .config = config_new(), .now_ns = wall_ns()};
    int err = loop_new(&a.loop);
    a.streams = streams_new();
    a.requests = requests_new();
    if (err == ERR_OK)
        err = agent_recover(&a, why);
    const struct bus_options o = {.loop = a.loop, .name = "risk", .on_frames = agent_on_frames, .arg = &a};
    if (err == ERR_OK)
        err = bus_open(&o, &a.bus, why);
    if (err == ERR_OK)
        err = bus_replay_bind(a.bus, agent_serve_replay, &a, why);
    if (err < 0) {
        fprintf(stderr, "%s: %s\n", err_text(err), why);
        _exit(REFUSED);
    }
    a.timer_sync = loop_timer_new(a.loop, 1000, 0, false, nothing, NULL);
    a.timer_degraded = loop_timer_new(a.loop, 1000, 0, false, nothing, NULL);
}

static void work_agent(void)
{
    start_agent();
    for (int i = 1; i <= 20; i++) {
        const struct msg_risk_approved m = {.signal_id = "s"};
        agent_publish(&a, TOPIC_RISK_APPROVED, NULL, MSG_RISK_APPROVED, &m, NULL);
        for (int k = 0; k < 3 && a.turn.len > 0; k++)
            agent_commit(&a);
        must(a.turn.len == 0);
        shared->done = i;
    }
    agent_snapshot(&a);
    armed = false;
    bus_close(&a.bus);
    journal_close(&a.journal);
}

static long max_seq;

static int see_record(void *arg, const struct journal_record *r)
{
    struct turn_entry e;
    (void)arg;
    for (size_t off = 0; r->kind == JOURNAL_KIND_TURN && turn_next(r->payload, r->len, &off, &e) == 1;) {
        struct header h;
        ck_assert(e.kind == TURN_OUTPUT && header_decode(e.header, &h) == ERR_OK);
        ck_assert_int_eq((long)h.seq, ++max_seq);
    }
    return ERR_OK;
}

static int see_snapshot(void *arg, uint64_t lsn, const void *bytes, size_t len)
{
    struct turn_entry e;
    (void)arg, (void)lsn;
    for (size_t off = 0; turn_next(bytes, len, &off, &e) == 1;)
        if (e.kind == TURN_LAST)
            max_seq = (long)e.seq;
    return ERR_OK;
}

static void check_agent(void)
{
    const struct journal_options o = {.dir = "journal/risk", .agent = AGENT_RISK};
    const struct journal_visitor v = {see_snapshot, see_record, NULL};
    struct journal *j = NULL;
    max_seq = 0;
    int err = journal_open(&o, &j);
    if (err == ERR_OK)
        err = journal_recover(j, &v, NULL);
    ck_assert_msg(err == ERR_OK, "left behind: %s: %s", err_text(err), journal_error());
    ck_assert_int_ge(max_seq, shared->done);
    ck_assert_int_le(max_seq, shared->done + 1);
    journal_close(&j);
}

static void before_agent(void)
{
    ck_assert_int_eq(system("rm -rf journal/risk sock/replay.risk"), 0);
}

START_TEST(an_agent_ends_with_a_message_or_says_everything)
{
    instance_enter();
    all_n("agent", work_agent, check_agent, before_agent, CALL_WRITE, EIO, 200);
    all_n("agent", work_agent, check_agent, before_agent, CALL_WRITE, ENOSPC, 200);
    all_n("agent", work_agent, check_agent, before_agent, CALL_SYNC, EIO, 200);
    if (MALLOC_FAILS)
        all_n("agent", work_agent, check_agent, before_agent, CALL_MALLOC, ENOMEM, 200);
}
END_TEST

/* ---- an emergency: its latch comes first, and holds nothing up ---- */

static void say_emergency(void)
{
    static const struct msg_emergency_stop m = {.cause = "DRAWDOWN", .text = "the day's loss"};
    agent_publish(&a, TOPIC_EMERGENCY_STOP, NULL, MSG_EMERGENCY_STOP, &m, NULL);
}

static void work_emergency(void)
{
    armed = false;
    start_agent();
    armed = true;
    say_emergency();
    for (int k = 0; k < 3 && a.turn.len > 0; k++)
        agent_commit(&a);
    must(a.turn.len == 0);
    shared->done = 1;
    armed = false;
    bus_close(&a.bus);
    journal_close(&a.journal);
}

static void before_emergency(void)
{
    before_agent();
    ck_assert(unlink("STOP") == 0 || errno == ENOENT);
}

static void check_emergency(void)
{
    ck_assert_int_eq(access("STOP", F_OK), 0);      /* whatever failed */
    check_agent();
}

START_TEST(an_emergency_has_its_latch_whatever_fails_and_is_said_without_one)
{
    instance_enter();
    all_n("stop", work_emergency, check_emergency, before_emergency, CALL_WRITE, ENOSPC, 200);
    all_n("stop", work_emergency, check_emergency, before_emergency, CALL_SYNC, EIO, 200);

    before_emergency();
    start_agent();
    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    const struct rlimit none = {0, files.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    say_emergency();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    agent_commit(&a);
    ck_assert_int_ne(access("STOP", F_OK), 0);
    ck_assert_uint_eq(agent_last_seq(&a, "emergency.stop"), 1);
    ck_assert_uint_eq(a.turn.len, 0);
    ck_assert(a.degraded[0].raised && strcmp(a.degraded[0].msg.code, "NO_LATCH") == 0);
    ck_assert_ptr_nonnull(strstr(a.degraded[0].msg.text, strerror(EMFILE)));
    say_emergency();                                /* there is a file to be had again */
    ck_assert_int_eq(access("STOP", F_OK), 0);
    ck_assert(!a.degraded[0].raised);
    agent_commit(&a);
    bus_close(&a.bus);
    journal_close(&a.journal);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {an_emergency_has_its_latch_whatever_fails_and_is_said_without_one,
                                  journal_and_outbox_lose_nothing, queue_and_store_answer_every_call_and_recover,
                                  an_agent_ends_with_a_message_or_says_everything};
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED);
    return runner_main("nth failure", tests, sizeof tests / sizeof tests[0]);
}
