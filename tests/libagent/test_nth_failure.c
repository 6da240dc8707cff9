/* The n-th call of malloc, write, sync, send, receive or of what opens and reads files fails: of journal, outbox,
 * queue and store over a real Redis, and the start of an agent.  Whatever had been called done is there afterwards. */
#define TEST_TIMEOUT 600
#include "tests/nth.h"

#include <sys/resource.h>

#include "libagent/agent_impl.h"
#include "libagent/queue.h"
#include "proto/text.h"
#include "tests/libagent/broker.h"
#include "tests/libagent/redis_server.h"

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
    all_n("journal", work_journal, check_journal, fresh_place, CALL_SYNC, ENOSPC, 500);
    all_n("journal", work_journal, check_journal, fresh_place, CALL_FILE, EIO, 500);
    if (MALLOC_FAILS)
        all_n("journal", work_journal, check_journal, fresh_place, CALL_MALLOC, ENOMEM, 500);
}
END_TEST

/* ---- a journal that is there already: several segments, two snapshots, a torn tail ---- */

#define BEFORE 60

static void refused(int err)
{
    fprintf(stderr, "%s: %s\n", err_text(err), journal_error());
    _exit(REFUSED);
}

static void number(struct journal *j, long i)
{
    char payload[300] = {0};
    memcpy(payload, &i, sizeof i);
    struct iovec part = {payload, sizeof payload};
    int err = journal_append(j, JOURNAL_KIND_USER, &part, 1, NULL);
    if (err < 0)
        refused(err);
    journal_sync(j);
    shared->done = i;
}

/* Numbers follow one another, from that of the snapshot on. */
static int on_number(void *arg, const struct journal_record *r)
{
    long i, *last = arg;
    if (r->kind != JOURNAL_KIND_USER)
        return ERR_OK;
    memcpy(&i, r->payload, sizeof i);
    must(i == *last + 1);
    *last = i;
    return ERR_OK;
}

static int on_numbers(void *arg, uint64_t lsn, const void *bytes, size_t len)
{
    (void)lsn;
    must(len == sizeof(long));
    memcpy(arg, bytes, len);
    return ERR_OK;
}

static int open_numbers(struct journal **ret, long *last)
{
    const struct journal_options o = {.dir = "j", .segment_size = JOURNAL_SEGMENT_MIN};
    const struct journal_visitor v = {on_numbers, on_number, last};
    int err = journal_open(&o, ret);
    if (err == ERR_OK)
        err = journal_recover(*ret, &v, NULL);
    return err;
}

static void before_numbers(void)
{
    struct journal *j;
    long last = 0;
    fresh_place();
    ck_assert_int_eq(open_numbers(&j, &last), ERR_OK);
    for (long i = 1; i <= BEFORE; i++) {
        number(j, i);
        if (i == BEFORE / 3 || i == 2 * BEFORE / 3)
            ck_assert_int_eq(journal_snapshot_write(j, &i, sizeof i), ERR_OK);
    }
    char name[40];
    struct journal_position end = journal_end(j);
    struct journal_record r;
    uint64_t first = 1;
    for (struct journal_position p = journal_first(j); journal_read(j, p, &r) == ERR_OK; p = r.next)
        if (r.at.offset == 512)                 /* behind a segment's header */
            first = r.at.lsn;
    journal_close(&j);
    snprintf(name, sizeof name, "j/%016lx.jrn", (unsigned long)first);
    int fd = open(name, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "torn", 4, end.offset), 4);
    close(fd);
}

static void work_numbers(void)
{
    struct journal *j;
    struct journal_record r;
    uint8_t hash[JOURNAL_HASH_SIZE];
    long last = 0, read = 0;
    shared->done = BEFORE;
    int err = open_numbers(&j, &last);
    if (err < 0)
        refused(err);
    must(last == BEFORE);
    for (struct journal_position p = journal_first(j); (err = journal_read(j, p, &r)) == ERR_OK; p = r.next)
        must(on_number(&read, &r) == ERR_OK);
    if (err != ERR_EMPTY || (err = journal_hash(j, 2, hash)) < 0)
        refused(err);
    must(read == BEFORE);
    for (long i = BEFORE + 1; i <= BEFORE + RECORDS; i++)
        number(j, i);
    last = BEFORE + RECORDS;
    (void)journal_snapshot_write(j, &last, sizeof last);
    (void)journal_trim(j, UINT64_MAX, 0);
    journal_close(&j);
}

static void check_numbers(void)
{
    struct journal *j;
    long last = 0;
    int err = open_numbers(&j, &last);
    ck_assert_msg(err == ERR_OK, "left behind: %s: %s", err_text(err), journal_error());
    ck_assert_int_ge(last, shared->done);
    ck_assert_int_le(last, shared->done + 1);
    journal_close(&j);
}

START_TEST(a_journal_that_is_there_is_kept_or_refused_with_the_reason)
{
    all_n("reopened", work_numbers, check_numbers, before_numbers, CALL_WRITE, EIO, 500);
    all_n("reopened", work_numbers, check_numbers, before_numbers, CALL_WRITE, ENOSPC, 500);
    all_n("reopened", work_numbers, check_numbers, before_numbers, CALL_SYNC, EIO, 500);
    all_n("reopened", work_numbers, check_numbers, before_numbers, CALL_FILE, EIO, 500);
    all_n("reopened", work_numbers, check_numbers, before_numbers, CALL_FILE, EINTR, 500);
    if (MALLOC_FAILS)
        all_n("reopened", work_numbers, check_numbers, before_numbers, CALL_MALLOC, ENOMEM, 500);
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
    int next = dup(0);                  /* no file more; with a limit of 0 poll fails, too, and libzmq's threads abort */
    close(next);
    const struct rlimit none = {(rlim_t)next, files.rlim_max};
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

TESTS("nth failure", journal_and_outbox_lose_nothing, a_journal_that_is_there_is_kept_or_refused_with_the_reason,
      queue_and_store_answer_every_call_and_recover, an_agent_ends_with_a_message_or_says_everything,
      an_emergency_has_its_latch_whatever_fails_and_is_said_without_one)
