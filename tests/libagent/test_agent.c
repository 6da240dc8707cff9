/* The skeleton from both sides: a real agent in a child process, to which the test talks over a forwarder
 * (broker.h), and the journal of one whose struct the test fills by hand. */
#define TEST_TIMEOUT 60
#include "tests/runner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "libagent/agent_impl.h"
#include "libagent/reload.h"
#include "proto/text.h"
#include "proto/uuid.h"
#include "tests/libagent/broker.h"
#include "tests/libagent/net.h"

/* ---- a child ---- */

#define SAID_MAX 8192

static struct loop *loop;
static struct forwarder event, market;
static struct bus *bus;         /* the test as `me` */
static enum party me = AGENT_EXECUTION;
static pid_t child;
static int said_fd = -1;        /* the child's standard error */
static char said[SAID_MAX];
static size_t said_len;
static struct loop_watch *watch;

struct request {
    char id[37], text[160], topic[TOPIC_MAX + 1];
};
static struct request heard[256];
static int n_heard;
static char answers[8][240];    /* bodies' texts of what came back to the test */
static int n_answers;

static void tell(const char *what, const char *detail)
{
    char line[256];
    int n = snprintf(line, sizeof line, "[%s %s]\n", what, detail);
    must(write(STDERR_FILENO, line, (size_t)n) == n);
}

static void on_answered(struct agent *a, void *arg, int err, const struct event *e)
{
    (void)a;
    char what[64];
    snprintf(what, sizeof what, "%s %s", (const char *)arg, err_name(err));
    tell(what, err == ERR_OK ? ((const struct msg_error_reply *)e->msg)->text : "-");
}

static void ask(struct agent *a, const char *text, int64_t deadline_ms)
{
    struct msg_error_reply m = {.code = "ASK"};
    TEXT_COPY(m.text, text);
    agent_request(a, AGENT_EXECUTION, MSG_ERROR_REPLY, &m, deadline_ms, on_answered, (void *)(uintptr_t)text);
}

static void start_asking(struct agent *a)
{
    ask(a, "short", 1000);
    ask(a, "one", 20000);
    ask(a, "two", 20000);
}

static void start_asking_too_much(struct agent *a)
{
    for (int i = 0; i <= REQUESTS_MAX; i++)
        ask(a, i < REQUESTS_MAX ? "fits" : "over", 2000);
}

static void on_trades(struct agent *a, const struct event *e)
{
    static int count;
    struct msg_error_reply m = {.code = "COUNT"};
    snprintf(m.text, sizeof m.text, "handled %d", ++count);
    struct reply_to to = agent_reply_to(e);
    agent_reply(a, &to, MSG_ERROR_REPLY, &m);
}

static const struct route requests[] = {{MSG_TRADES_GET, on_trades}, ROUTES_END};

static pid_t launch(const struct agent_def *def, int argc, const char *const *argv)
{
    int fd[2];
    ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fd[1], STDERR_FILENO);
        close(fd[0]);
        char *args[16] = {NULL};
        for (int i = 0; i < argc; i++)
            args[i] = strdup(argv[i]);
        int status = agent_main(def, argc, args);
        for (int i = 0; i < argc; i++)
            free(args[i]);
        _exit(status);
    }
    close(fd[1]);
    said_fd = fd[0];
    return pid;
}

static void on_said(void *arg)
{
    (void)arg;
    ssize_t n = read(said_fd, said + said_len, sizeof said - 1 - said_len);
    if (n <= 0) {
        loop_watch_destroy(&watch);
        return;
    }
    said_len += (size_t)n;
    said[said_len] = '\0';
}

static int count(const char *what)
{
    int n = 0;
    for (const char *p = said; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static void on_frames(void *arg, const char *topic, const uint8_t *header, const void *body, size_t len)
{
    (void)arg;
    struct envelope_parser parser;
    struct envelope env;
    struct header h;
    struct msg_error_reply m;
    const char *bad;
    ck_assert_int_eq(header_decode(header, &h), ERR_OK);
    ck_assert_int_eq(envelope_unpack(&parser, body, len, &env), ERR_OK);
    ck_assert_int_eq(envelope_agrees(&env, &h), ERR_OK);
    if (strcmp(env.action, msg_defs[MSG_ERROR_REPLY].action) == 0 &&
        msg_defs[MSG_ERROR_REPLY].unpack(env.payload, &m, &bad) == ERR_OK) {
        if (env.type == TYPE_REQUEST && n_heard < 256) {
            TEXT_COPY(heard[n_heard].id, env.id);
            TEXT_COPY(heard[n_heard].topic, topic);
            TEXT_COPY(heard[n_heard++].text, m.text);
        } else if (env.type == TYPE_RESPONSE && n_answers < 8) {
            snprintf(answers[n_answers++], sizeof answers[0], "%s %s %s", env.id, env.correlation_id, m.text);
        }
    }
    struct msg_operator_reply r;
    if (strcmp(env.action, msg_defs[MSG_OPERATOR_REPLY].action) == 0 && n_answers < 8 &&
        msg_defs[MSG_OPERATOR_REPLY].unpack(env.payload, &r, &bad) == ERR_OK)
        snprintf(answers[n_answers++], sizeof answers[0], "%s %s", r.accepted ? "ACK" : "NACK", r.text);
    envelope_parser_fini(&parser);
}

static bool on_prepare(void *arg)
{
    (void)arg;
    return bus_drain(bus);
}

static void say(const char *topic, struct envelope env, enum msg type, const void *msg)
{
    const struct header h = {.class = DUR_V, .sender = (uint8_t)me, .epoch = 1, .seq = 1, .sent_ns = wall_ns()};
    uint8_t raw[HEADER_SIZE];
    struct wbuf w;
    env.from = me;
    env.timestamp_ms = h.sent_ns / 1000000;
    if (env.id[0] == '\0')
        uuid_make(env.id);
    TEXT_COPY(env.to, "risk");
    TEXT_COPY(env.action, msg_defs[type].action);
    header_encode(&h, raw);
    wbuf_init(&w, ENVELOPE_MAX);
    ck_assert_int_eq(envelope_pack(&env, type, msg, &w), ERR_OK);
    bus_send(bus, BUS_EVENT, topic, raw, w.data, w.len);
    wbuf_fini(&w);
}

static void respond(const char *id, const char *text)
{
    struct envelope env = {.type = TYPE_RESPONSE};
    struct msg_error_reply m = {.code = "OK"};
    char topic[TOPIC_MAX + 1];
    TEXT_COPY(env.correlation_id, id);
    TEXT_COPY(m.text, text);
    snprintf(topic, sizeof topic, "agent.risk.%s", id);
    say(topic, env, MSG_ERROR_REPLY, &m);
}

static const char *id_of(const char *text)
{
    for (int i = 0; i < n_heard; i++)
        if (strcmp(heard[i].text, text) == 0)
            return heard[i].id;
    return NULL;
}

static void enter(const struct agent_def *def)
{
    static const char *const argv[] = {"enigma-risk", "-i", "."};
    instance_enter();
    child = launch(def, 3, argv);       /* before libzmq has threads here */
    must(loop_new(&loop) == ERR_OK);
    watch = loop_watch_fd(loop, said_fd, on_said, NULL);
    forwarder_start(&event, BUS_EVENT);
    forwarder_start(&market, BUS_MARKET);
    char why[BUS_WHY_MAX];
    const struct bus_options o = {.loop = loop, .name = party_name(me), .on_frames = on_frames};
    char inbox[TOPIC_MAX + 1];
    ck_assert_msg(bus_open(&o, &bus, why) == ERR_OK, "%s", why);
    snprintf(inbox, sizeof inbox, "agent.%s", party_name(me));
    bus_subscribe(bus, BUS_EVENT, inbox);
    loop_on_prepare(loop, on_prepare, NULL);
}

static void leave(void)
{
    int status;
    kill(child, SIGTERM);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x: %s", (unsigned)status, said);
    loop_watch_destroy(&watch);
    bus_close(&bus);
    loop_destroy(&loop);
    forwarder_stop(&event);
    forwarder_stop(&market);
    close(said_fd);
}

/* ---- questions ---- */

START_TEST(a_question_is_repeated_under_one_id_until_its_deadline_and_ends_once)
{
    const struct agent_def def = {.id = AGENT_RISK, .start = start_asking};
    enter(&def);
    RUN_UNTIL(loop, strstr(said, "[short ") != NULL);
    ck_assert(strstr(said, "[short TIMEOUT -]") != NULL);
    const char *id = id_of("one");
    if (id == NULL)
        RUN_UNTIL(loop, (id = id_of("one")) != NULL);
    RUN_FOR(loop, 3 * REQUEST_RETRY_MS);
    int times = 0;
    for (int i = 0; i < n_heard; i++) {
        times += strcmp(heard[i].text, "one") == 0;
        ck_assert(strcmp(heard[i].text, "one") != 0 || strcmp(heard[i].id, id) == 0);
        ck_assert_str_eq(heard[i].topic, "agent.execution");
    }
    ck_assert_int_ge(times, 2);
    if (id_of("short") != NULL)
        respond(id_of("short"), "too late");
    respond(id, "in time");             /* behind it on the same way: heard, so the late one was, too */
    RUN_UNTIL(loop, strstr(said, "[one OK in time]") != NULL);
    ck_assert_int_eq(count("[short "), 1);
    leave();
}
END_TEST

START_TEST(answers_find_their_questions_in_any_order_and_others_find_none)
{
    const struct agent_def def = {.id = AGENT_RISK, .start = start_asking};
    char stranger[37];
    enter(&def);
    RUN_UNTIL(loop, id_of("one") != NULL && id_of("two") != NULL);
    uuid_make(stranger);
    respond(stranger, "to nobody");
    me = AGENT_DATA;
    respond(id_of("one"), "by somebody who was not asked");
    me = AGENT_EXECUTION;
    respond(id_of("two"), "second");
    respond(id_of("two"), "again");
    respond(id_of("one"), "first");
    RUN_UNTIL(loop, strstr(said, "[one ") != NULL);
    ck_assert(strstr(said, "[one OK first]") != NULL && strstr(said, "[two OK second]") != NULL);
    ck_assert_int_eq(count("[two "), 1);
    ck_assert(strstr(said, "to nobody") == NULL && strstr(said, "again]") == NULL);
    leave();
}
END_TEST

START_TEST(one_question_over_the_bound_is_refused_at_once)
{
    const struct agent_def def = {.id = AGENT_RISK, .start = start_asking_too_much};
    enter(&def);
    /* Until all have ended: an agent that leaves in such a flood ends libzmq's session here in the middle of a message,
     * which it takes for impossible, and aborts. */
    RUN_UNTIL(loop, count("[fits ") == REQUESTS_MAX);
    const char *over = strstr(said, "[over FULL -]");
    ck_assert(over != NULL && over < strstr(said, "[fits "));
    leave();
}
END_TEST

START_TEST(a_repeated_request_acts_once_and_is_answered_with_the_same_words)
{
    const struct agent_def def = {.id = AGENT_RISK, .requests = requests};
    struct envelope env = {.type = TYPE_REQUEST};
    const struct msg_trades_get m = {.max = 1};
    enter(&def);
    uuid_make(env.id);
    struct mono until = mono_after_ms(NET_DEADLINE_MS);
    while (n_answers < 3 && !mono_past(until)) {
        say("agent.risk", env, MSG_TRADES_GET, &m);
        RUN_FOR(loop, 100);
    }
    ck_assert_int_ge(n_answers, 3);
    ck_assert(strstr(answers[0], env.id) != NULL && strstr(answers[0], "handled 1") != NULL);
    ck_assert_str_eq(answers[1], answers[0]);
    ck_assert_str_eq(answers[2], answers[0]);
    n_answers = 0;
    uuid_make(env.id);                  /* another request is another act */
    say("agent.risk", env, MSG_TRADES_GET, &m);
    RUN_UNTIL(loop, n_answers > 0 && strstr(answers[n_answers - 1], "handled 2") != NULL);
    leave();
}
END_TEST

START_TEST(a_request_that_nobody_handles_is_answered_with_an_error)
{
    const struct agent_def def = {.id = AGENT_RISK};
    struct envelope env = {.type = TYPE_REQUEST};
    const struct msg_trades_get m = {.max = 1};
    enter(&def);
    uuid_make(env.id);
    struct mono until = mono_after_ms(NET_DEADLINE_MS);
    while (n_answers == 0 && !mono_past(until)) {
        say("agent.risk", env, MSG_TRADES_GET, &m);
        RUN_FOR(loop, 100);
    }
    ck_assert_int_ge(n_answers, 1);
    ck_assert(strstr(answers[0], "risk does not answer audit.trades") != NULL);
    leave();
}
END_TEST

/* ---- start ---- */

/* Run until it ends; the exit status, and in `said` what it said. */
static int run_to_end(const struct agent_def *def, int argc, const char *const *argv)
{
    int status;
    pid_t pid = launch(def, argc, argv);
    ssize_t n;
    said_len = 0;
    while ((n = read(said_fd, said + said_len, sizeof said - 1 - said_len)) > 0)
        said_len += (size_t)n;
    said[said_len] = '\0';
    close(said_fd);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(contradicting_limits_keep_an_agent_from_starting)
{
    static const char *const argv[] = {"enigma-risk", "-i", ".", "--leverage", "3", "--max-leverage", "10",
                                       "--leverage", "4"};
    const struct agent_def def = {.id = AGENT_RISK};
    instance_enter();
    ck_assert_int_eq(run_to_end(&def, 9, argv), 78);
    ck_assert_msg(strstr(said, "argument 7") != NULL && strstr(said, "argument 3") != NULL, "%s", said);
    FILE *f = fopen("etc/enigma.conf", "we");
    ck_assert(f != NULL && fputs("\nleverage = 2\n", f) >= 0 && fclose(f) == 0);
    ck_assert_int_eq(run_to_end(&def, 5, argv), 78);
    ck_assert_msg(strstr(said, "etc/enigma.conf:2") != NULL && strstr(said, "command line") != NULL, "%s", said);
    ck_assert_int_eq(setenv("ENIGMA_LEVERAGE", "4", 1), 0);
    ck_assert_int_eq(run_to_end(&def, 3, argv), 78);
    ck_assert(strstr(said, "etc/enigma.conf:2") != NULL && strstr(said, "environment ENIGMA_LEVERAGE") != NULL);
    ck_assert_int_ne(access("journal/risk", F_OK), 0);      /* nothing was touched */
}
END_TEST

/* ---- another configuration ---- */

static void on_configured(struct agent *a)
{
    char text[64];
    snprintf(text, sizeof text, "%lld %lld %s", (long long)agent_config_epoch(a),
             (long long)config_int(agent_config(a), CFG_max_open_positions), config_text(agent_config(a), CFG_log_level));
    tell("configured", text);
}

/* The operator's file is this now, and proposed; the hash that it has here. */
static void propose_file(const char *text, int64_t epoch, char hash[20])
{
    char bytes[20], why[CONFIG_WHY_MAX];
    struct config *c = NULL;
    FILE *f = fopen(CONFIG_FILE, "we");
    ck_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
    ck_assert_msg(config_propose(epoch, bytes, why) == ERR_OK, "%s", why);
    strcpy(hash, "none");
    if (config_resolve(PROPOSED_FILE, 0, NULL, &c, NULL, why) == ERR_OK)
        config_hash(c, hash);
    config_destroy(&c);
}

/* What the agent answers to it. */
static const char *answer_to(const char *hash)
{
    struct envelope env = {.type = TYPE_REQUEST};
    static struct msg_config_proposed m;
    TEXT_COPY(m.hash, hash);
    uuid_make(env.id);
    n_answers = 0;
    struct mono until = mono_after_ms(NET_DEADLINE_MS);
    while (n_answers == 0 && !mono_past(until)) {
        say("agent.risk", env, MSG_CONFIG_PROPOSED, &m);
        RUN_FOR(loop, 100);
    }
    ck_assert_int_ge(n_answers, 1);
    return answers[0];
}

START_TEST(a_proposal_is_accepted_or_not_and_followed_only_when_it_is_committed)
{
    const struct agent_def def = {.id = AGENT_RISK, .configured = on_configured};
    char hash[20], want[32], why[CONFIG_WHY_MAX];
    me = AGENT_ORCHESTRATOR;
    enter(&def);
    propose_file("symbols = XBTUSDTM\n", 1, hash);
    ck_assert_msg(strstr(answer_to(hash), "NACK symbols runs with XBTUSDTM ETHUSDTM") != NULL, "%s", answers[0]);
    propose_file("max_open_positions = many\n", 1, hash);
    ck_assert_msg(strstr(answer_to(hash), "NACK etc/enigma.conf:1: ") != NULL, "%s", answers[0]);
    propose_file("max_open_positions = 3\nlog_level = warn\n", 1, hash);
    ck_assert_msg(strstr(answer_to("0123456789abcdef"), "NACK it is ") != NULL, "%s", answers[0]);
    snprintf(want, sizeof want, "ACK %s", hash);
    ck_assert_str_eq(answer_to(hash), want);
    RUN_FOR(loop, 2 * HEARTBEAT_MS);
    ck_assert_int_eq(count("[configured"), 0);          /* asked twice, and nothing has changed */
    ck_assert_int_eq(config_commit(why), ERR_OK);
    struct mono until = mono_after_ms(NET_DEADLINE_MS);
    while (count("[configured") == 0 && !mono_past(until))
        RUN_FOR(loop, 50);
    ck_assert_msg(count("[configured 1 3 warn]") == 1, "%s", said);
    FILE *f = fopen(COMMITTED_FILE, "ae");              /* not a commit: somebody's edit */
    ck_assert(f != NULL && fputs("max_open_positions = 64\n", f) >= 0 && fclose(f) == 0);
    until = mono_after_ms(NET_DEADLINE_MS);
    while (count("is not what was committed") == 0 && !mono_past(until))
        RUN_FOR(loop, 50);
    ck_assert_msg(count("is not what was committed") > 0 && count("[configured") == 1, "%s", said);
    leave();
}
END_TEST

START_TEST(nobody_but_the_orchestrator_asks_whether_a_proposal_can_be_followed)
{
    const struct agent_def def = {.id = AGENT_RISK};
    char hash[20];
    enter(&def);
    propose_file("max_open_positions = 3\n", 1, hash);
    ck_assert_msg(strstr(answer_to(hash), "NACK only the orchestrator") != NULL, "%s", answers[0]);
    leave();
}
END_TEST

/* ---- the journal ---- */

#define NOTES 40
#define NOTE_SIZE (512 << 10)   /* two a MiB: a segment every eight */

static void nothing(void *arg)
{
    (void)arg;
}

static const struct agent_def keeper = {.id = AGENT_RISK};

static void agent_make(struct agent *a)
{
    char why[CONFIG_WHY_MAX];
    *a = (struct agent){.def = &keeper, .name = "risk", .config = config_new(), .now_ns = wall_ns()};
    must(loop_new(&a->loop) == ERR_OK);
    a->streams = streams_new();
    a->requests = requests_new();
    a->timer_sync = loop_timer_new(a->loop, 1000, 0, false, nothing, NULL);
    a->timer_catchup = loop_timer_new(a->loop, 1000, 0, false, nothing, NULL);
    ck_assert_msg(agent_recover(a, why) == ERR_OK, "%s", why);
    const struct bus_options o = {.loop = a->loop, .name = "risk", .on_frames = agent_on_frames, .arg = a};
    ck_assert_msg(bus_open(&o, &a->bus, why) == ERR_OK, "%s", why);
}

static void agent_end(struct agent *a)
{
    bus_close(&a->bus);
    agent_out_fini(a);
    outbox_destroy(&a->outbox);
    journal_close(&a->journal);
    streams_destroy(&a->streams);
    requests_destroy(&a->requests);
    loop_destroy(&a->loop);
    config_destroy(&a->config);
}

static void reject(struct agent *a)
{
    const struct msg_risk_rejected m = {.signal_id = "s", .reason = "RANK"};
    agent_publish(a, TOPIC_RISK_REJECTED, NULL, MSG_RISK_REJECTED, &m, NULL);
    agent_commit(a);
}

/* Fills several segments, with two snapshots in between; each note after a message of its own when asked. */
static void fill(struct agent *a, bool with_messages)
{
    uint8_t *big = calloc(1, NOTE_SIZE);
    must(big != NULL);
    for (int i = 0; i < NOTES; i++) {
        if (with_messages)
            reject(a);
        agent_note(a, 1, big, NOTE_SIZE, false);
        agent_commit(a);
        if (i == NOTES / 2 || i == NOTES - 1)
            agent_snapshot(a);
    }
    free(big);
}

/* A heartbeat of somebody else comes in, with one cursor on what the agent says. */
static void beat(struct agent *a, enum party by, const char *topic, int64_t cursor)
{
    static struct msg_agent_hb m;
    m = (struct msg_agent_hb){.stream = 5, .cursors_n = 2};
    TEXT_COPY(m.cursors[0].publisher, "data");              /* another one's: not ours to count */
    TEXT_COPY(m.cursors[0].topic, "risk.rejected");
    m.cursors[0].seq = 1000000;
    TEXT_COPY(m.cursors[1].publisher, "risk");
    TEXT_COPY(m.cursors[1].topic, topic);
    m.cursors[1].seq = cursor;
    struct envelope env = {.from = by, .to = "*", .type = TYPE_EVENT, .timestamp_ms = wall_ns() / 1000000};
    const struct header h = {.class = DUR_L, .sender = by, .epoch = 1, .seq = 1, .sent_ns = env.timestamp_ms * 1000000};
    uint8_t header[HEADER_SIZE];
    struct wbuf w;
    uuid_make(env.id);
    TEXT_COPY(env.action, msg_defs[MSG_AGENT_HB].action);
    header_encode(&h, header);
    wbuf_init(&w, ENVELOPE_MAX);
    ck_assert_int_eq(envelope_pack(&env, MSG_AGENT_HB, &m, &w), ERR_OK);
    agent_on_frames(a, "agent.hb", header, w.data, w.len);
    wbuf_fini(&w);
}

static uint64_t first_lsn(const struct agent *a)
{
    return journal_first(a->journal).lsn;
}

START_TEST(nothing_is_deleted_that_somebody_has_not_applied)
{
    static struct agent a;
    instance_enter();
    agent_make(&a);
    fill(&a, true);
    uint64_t first = first_lsn(&a);
    agent_trim(&a, 0);                                      /* sets the mark */
    agent_trim(&a, 0);
    ck_assert_uint_eq(first_lsn(&a), first);
    beat(&a, AGENT_AUDIT, "risk.rejected", NOTES - 1);
    beat(&a, AGENT_AUDIT, "risk.approved", NOTES);
    beat(&a, AGENT_EXECUTION, "risk.rejected", NOTES);
    agent_trim(&a, 0);
    ck_assert_uint_eq(first_lsn(&a), first);
    beat(&a, AGENT_AUDIT, "risk.rejected", NOTES);
    agent_trim(&a, 0);
    ck_assert_uint_gt(first_lsn(&a), first);
    agent_end(&a);
}
END_TEST

START_TEST(nothing_is_deleted_that_is_young)
{
    static struct agent a;
    instance_enter();
    agent_make(&a);
    fill(&a, true);
    uint64_t first = first_lsn(&a);
    for (int i = 0; i < 3; i++) {
        agent_trim(&a, JOURNAL_KEEP_MS);
        beat(&a, AGENT_AUDIT, "risk.rejected", NOTES);
    }
    agent_trim(&a, JOURNAL_KEEP_MS);
    ck_assert_uint_eq(first_lsn(&a), first);
    ck_assert_uint_eq(outbox_oldest(a.outbox, "risk.rejected"), 1);
    agent_end(&a);
}
END_TEST

START_TEST(what_is_said_after_the_mark_keeps_nothing_before_it)
{
    static struct agent a;
    instance_enter();
    agent_make(&a);
    fill(&a, true);
    uint64_t first = first_lsn(&a);
    agent_trim(&a, 0);
    reject(&a);                                             /* busy publishers trim, too */
    beat(&a, AGENT_AUDIT, "risk.rejected", NOTES);
    agent_trim(&a, 0);
    ck_assert_uint_gt(first_lsn(&a), first);
    ck_assert_uint_eq(outbox_last(a.outbox, "risk.rejected"), NOTES + 1);
    agent_end(&a);
}
END_TEST

START_TEST(a_trimmed_journal_recovers_and_its_sequences_go_on)
{
    static struct agent a;
    instance_enter();
    agent_make(&a);
    fill(&a, true);
    agent_trim(&a, 0);
    beat(&a, AGENT_AUDIT, "risk.rejected", NOTES);
    agent_trim(&a, 0);
    uint64_t first = first_lsn(&a), oldest = outbox_oldest(a.outbox, "risk.rejected");
    ck_assert_uint_gt(oldest, 1);
    agent_end(&a);

    agent_make(&a);
    ck_assert_uint_eq(first_lsn(&a), first);
    ck_assert_uint_eq(outbox_oldest(a.outbox, "risk.rejected"), oldest);    /* the snapshot is older: it named more */
    ck_assert_uint_eq(agent_last_seq(&a, "risk.rejected"), NOTES);
    reject(&a);
    ck_assert_uint_eq(agent_last_seq(&a, "risk.rejected"), NOTES + 1);
    ck_assert_uint_eq(outbox_last(a.outbox, "risk.rejected"), NOTES + 1);
    agent_end(&a);
}
END_TEST

/* ---- a deadlock is ended ---- */

static int given_up;

static void on_given_up(struct agent *a, void *arg, int err, const struct event *e)
{
    (void)a, (void)arg;
    given_up++;
    ck_assert_int_eq(err, ERR_CANCELLED);
    ck_assert_ptr_null(e);
}

static void cancel(struct agent *a, enum party from, const char *id)
{
    struct msg_agent_cancel m = {.reason = "risk waits for data, data waits for risk"};
    struct envelope env = {.from = from, .to = "risk", .type = TYPE_REQUEST, .timestamp_ms = wall_ns() / 1000000};
    const struct header h = {.class = DUR_V, .sender = from, .epoch = 1, .seq = 1, .sent_ns = env.timestamp_ms * 1000000};
    uint8_t header[HEADER_SIZE];
    struct wbuf w;
    TEXT_COPY(m.id, id);
    uuid_make(env.id);
    TEXT_COPY(env.action, msg_defs[MSG_AGENT_CANCEL].action);
    header_encode(&h, header);
    wbuf_init(&w, ENVELOPE_MAX);
    ck_assert_int_eq(envelope_pack(&env, MSG_AGENT_CANCEL, &m, &w), ERR_OK);
    agent_on_frames(a, "agent.risk", header, w.data, w.len);
    agent_commit(a);
    wbuf_fini(&w);
}

START_TEST(a_question_is_given_up_when_the_orchestrator_says_so_and_by_nobody_else)
{
    static struct agent a;
    instance_enter();
    agent_make(&a);
    a.timer_requests = loop_timer_new(a.loop, 1000, 0, false, nothing, NULL);
    const struct msg_agent_status m = {0};
    agent_request(&a, AGENT_DATA, MSG_AGENT_STATUS, &m, 60000, on_given_up, NULL);
    char id[40];
    TEXT_COPY(id, a.requests->open[0].id);
    cancel(&a, AGENT_DATA, id);
    cancel(&a, AGENT_ORCHESTRATOR, "00000000-0000-4000-8000-000000000000");
    ck_assert_int_eq(given_up, 0);
    cancel(&a, AGENT_ORCHESTRATOR, id);
    ck_assert_int_eq(given_up, 1);
    ck_assert_int_eq(a.requests->n_open, 0);
    cancel(&a, AGENT_ORCHESTRATOR, id);
    ck_assert_int_eq(given_up, 1);
    agent_end(&a);
}
END_TEST

/* ---- who asks for what is gone ---- */

static struct agent *served;
static struct bus *reader;
static uint64_t told_last, told_oldest;
static int told, shown;

static bool drain_both(void *arg)
{
    (void)arg;
    bool more = bus_drain(served->bus);
    return bus_drain(reader) || more;
}

static void on_shown(void *arg, const char *topic, const uint8_t *header, const void *body, size_t len)
{
    (void)arg, (void)topic, (void)header, (void)body, (void)len;
    shown++;
}

static void on_told(void *arg, enum party publisher, const char *topic, uint64_t last, uint64_t oldest,
                    uint64_t stream)
{
    (void)arg, (void)publisher, (void)topic, (void)stream;
    told_last = last;
    told_oldest = oldest;
    told++;
}

START_TEST(who_asks_for_what_is_gone_is_told_where_to_go_on)
{
    static struct agent a;
    char why[BUS_WHY_MAX];
    instance_enter();
    agent_make(&a);
    served = &a;
    reject(&a);
    reject(&a);
    fill(&a, false);
    agent_trim(&a, 0);
    beat(&a, AGENT_AUDIT, "risk.rejected", 2);
    agent_trim(&a, 0);
    ck_assert_uint_eq(outbox_oldest(a.outbox, "risk.rejected"), 0);
    ck_assert_int_eq(bus_replay_bind(a.bus, agent_serve_replay, &a, why), ERR_OK);
    const struct bus_options o = {.loop = a.loop, .name = "audit", .on_frames = on_shown};
    ck_assert_int_eq(bus_open(&o, &reader, why), ERR_OK);
    loop_on_prepare(a.loop, drain_both, NULL);
    struct replay_client *c = bus_replay_connect(reader, AGENT_RISK, on_shown, on_told, NULL);
    ck_assert_ptr_nonnull(c);

    struct streams *all = streams_new();
    struct stream *st = streams_get(all, AGENT_RISK, "risk.rejected", 13);
    stream_heard_last(st, 2, 1);
    bus_replay_ask(c, "risk.rejected", 1, CATCHUP_BATCH);
    RUN_UNTIL(a.loop, told == 1);
    ck_assert_uint_eq(told_last, 2);
    ck_assert_uint_eq(told_oldest, 3);
    ck_assert_uint_eq(stream_skip_to(st, told_oldest), 2);
    ck_assert(!stream_wants(st, INT64_MAX));                /* nobody asks again and again */
    streams_destroy(&all);

    reject(&a);                                             /* the third can be had */
    bus_replay_ask(c, "risk.rejected", 1, CATCHUP_BATCH);
    RUN_UNTIL(a.loop, told == 2);
    ck_assert_uint_eq(told_last, 3);
    ck_assert_uint_eq(told_oldest, 3);
    ck_assert_int_eq(shown, 1);
    bus_replay_ask(c, "risk.approved", 1, CATCHUP_BATCH);   /* never said */
    RUN_UNTIL(a.loop, told == 3);
    ck_assert_uint_eq(told_last, 0);
    ck_assert_int_eq(shown, 1);
    bus_close(&reader);
    agent_end(&a);
}
END_TEST

TESTS("agent", a_question_is_given_up_when_the_orchestrator_says_so_and_by_nobody_else,
      a_question_is_repeated_under_one_id_until_its_deadline_and_ends_once,
      answers_find_their_questions_in_any_order_and_others_find_none,
      one_question_over_the_bound_is_refused_at_once,
      a_repeated_request_acts_once_and_is_answered_with_the_same_words,
      a_request_that_nobody_handles_is_answered_with_an_error,
      contradicting_limits_keep_an_agent_from_starting,
      a_proposal_is_accepted_or_not_and_followed_only_when_it_is_committed,
      nobody_but_the_orchestrator_asks_whether_a_proposal_can_be_followed, nothing_is_deleted_that_somebody_has_not_applied,
      nothing_is_deleted_that_is_young, what_is_said_after_the_mark_keeps_nothing_before_it,
      a_trimmed_journal_recovers_and_its_sequences_go_on,
      who_asks_for_what_is_gone_is_told_where_to_go_on)
