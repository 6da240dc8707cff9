/* The orchestrator's handlers and its look at what is, behind a skeleton, a clock and a Redis of the test. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/agents/fake_agent.h"
#include "tests/runner.h"

#include "agents/orchestrator/orchestrator.h"
#include "libagent/clock.h"
#include "libagent/signkey.h"
#include "libagent/timers.h"
#include "proto/resume.h"
#include "proto/text.h"
#include "proto/tm.h"

static struct orchestrator *o;
static struct agent *a;
static char dir[64];
static int64_t epochs[REGISTRY_AGENTS];
static const char *hash_of[REGISTRY_AGENTS];    /* of its configuration; NULL: as the orchestrator's */
static uint8_t operator_secret[TOKEN_SECRET];

/* ---- libagent/clock.h: both clocks are the test's ---- */

int64_t wall_ns(void) { return a != NULL ? a->now_ns : 0; }
struct mono mono_now(void) { return (struct mono){wall_ns() - INT64_C(1600000000000000000)}; }
struct mono mono_after_ms(int64_t ms) { return (struct mono){mono_now().ns + ms * NS_PER_MS}; }
int64_t mono_left_ms(struct mono deadline) { return (deadline.ns - mono_now().ns) / NS_PER_MS; }
bool mono_past(struct mono deadline) { return deadline.ns <= mono_now().ns; }

/* ---- libagent/notify.h: what people were told ---- */

static char told[256];

int notify_new(const struct notify_options *n, struct notify **ret)
{
    (void)n, (void)ret;
    return ERR_MISSING;
}
void notify_destroy(struct notify **n) { (void)n; }
void notify_send(struct notify *n, enum severity severity, const char *event, const char *text)
{
    (void)n;
    snprintf(told, sizeof told, "%s %s %s", severity_name(severity), event, text);
}

/* ---- libagent/store.h, queue.h: a Redis that the test takes up and down ---- */

static struct store_options store_seen;
static enum store_state store_now;
static char queued[512][40];
static int n_queued;
static struct queue_reaped reaped;

int store_open(const struct store_options *options, struct store **ret)
{
    store_seen = *options;
    *ret = (struct store *)(void *)&store_seen;
    return ERR_OK;
}
void store_close(struct store **s) { *s = NULL; }
enum store_state store_state(const struct store *s) { (void)s; return store_now; }
const char *store_state_text(enum store_state state) { (void)state; return "as the test says"; }
void store_set(struct store *s, const char *key, const void *value, size_t len, store_done *done, void *arg)
{
    (void)s, (void)key, (void)value, (void)len;
    done(arg, ERR_OK);
}
void queue_set_limit(struct queue *q, int limit) { (void)q, (void)limit; }
struct queue *queue_new(struct store *s, int limit) { (void)limit; return (struct queue *)(void *)s; }
void queue_destroy(struct queue **q) { *q = NULL; }
void queue_add(struct queue *q, const char *id, int priority, const void *payload, size_t len, queue_done_fn *done,
               void *arg)
{
    (void)q, (void)priority, (void)payload, (void)len;
    for (int i = 0; i < n_queued; i++)
        if (strcmp(queued[i], id) == 0) {
            done(arg, ERR_DUPLICATE);
            return;
        }
    snprintf(queued[n_queued++], sizeof queued[0], "%s", id);
    done(arg, ERR_OK);
}
void queue_reap(struct queue *q, queue_reaped_fn *done, void *arg)
{
    (void)q;
    done(arg, ERR_OK, &reaped);
    reaped = (struct queue_reaped){.dead = 0};
}
void queue_count(struct queue *q, queue_counts_fn *done, void *arg)
{
    const struct queue_counts counts = {.queued = {n_queued}};
    (void)q;
    done(arg, ERR_OK, &counts);
}

static void set_store(enum store_state state)
{
    store_now = state;
    store_seen.changed(a, state);
}

/* ---- the system around it ---- */

static void begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-orch-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    char why[CONFIG_WHY_MAX];
    ck_assert_int_eq(mkdir("etc", 0755), 0);
    ck_assert_int_eq(mkdir("etc/keys", 0700), 0);
    ck_assert_int_eq(signkey_load("etc/keys", "operator", operator_secret, why), ERR_OK);
    o = calloc(1, sizeof *o);
    a = fake_new(o);
    store_now = STORE_NO_SERVER;
    ck_assert_int_eq(orch_init(a, why), ERR_OK);
    orch_start(a);
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        epochs[i] = 1;
}

/* The process is killed (or has ended) and starts again with what its notes say. */
static void restart(void)
{
    char why[CONFIG_WHY_MAX];
    struct agent *was = a;
    orch_fini(a);
    free(o);
    fake_timers_n = 0;
    o = calloc(1, sizeof *o);
    a = fake_new(o);
    a->now_ns = was->now_ns;
    ck_assert_int_eq(orch_init(a, why), ERR_OK);
    for (size_t i = 0; i < was->n_notes; i++) {
        ck_assert_int_eq(orch_note(a, was->notes[i].kind, was->notes[i].data, was->notes[i].len), ERR_OK);
        a->notes[a->n_notes++] = (struct fake_note){
            .kind = was->notes[i].kind, .data = fake_copy(was->notes[i].data, was->notes[i].len),
            .len = was->notes[i].len,
        };
    }
    fake_destroy(was);
    orch_start(a);
}

static void finish(void)
{
    orch_fini(a);
    fake_destroy(a);
    free(o);
    unlink("STOP");
    unlink("state.json");
    unlink("etc/keys/operator.sign");
    unlink("etc/keys/operator.sign.pub");
    unlink(CONFIG_FILE);
    unlink(PROPOSED_FILE);
    unlink(COMMITTED_FILE);
    rmdir("etc/keys");
    rmdir("etc");
    ck_assert_int_eq(rmdir(dir), 0);
}

static void beat_as(enum party who, enum life life)
{
    struct msg_agent_hb hb = {.life = life};
    TEXT_COPY(hb.config_hash, hash_of[who] != NULL ? hash_of[who] : o->config_hash);
    a->epoch = (uint32_t)epochs[who];
    fake_tell(a, orch_on_heartbeat, who, MSG_AGENT_HB, &hb);
}

/* All but `absent` say that they are active; time passes in steps of heartbeats. */
static void live_without(enum party absent, int64_t ms)
{
    for (int64_t t = 0; t <= ms; t += HEARTBEAT_MS) {
        for (int i = 0; i < REGISTRY_AGENTS; i++)
            if (i != AGENT_ORCHESTRATOR && i != (int)absent)
                beat_as((enum party)i, LIFE_ACTIVE);
        orch_look(a);
        if (t < ms)
            a->now_ns += HEARTBEAT_MS * NS_PER_MS;
    }
}

static void live(int64_t ms)
{
    live_without(AGENT_COUNT, ms);
}

static void die_at_once(enum party who, int times)
{
    epochs[who] += times;
    beat_as(who, LIFE_STARTING);
}

static const char *state(void)
{
    return system_state_name((enum system_state)o->kept.state);
}

/* The operator says it; the answer. */
static struct msg_operator_command signed_command(enum verb verb)
{
    struct msg_operator_command m = {.verb = verb, .reason = "because", .signed_ns = a->now_ns,
                                     .signature_len = RESUME_SIGNATURE};
    struct resume r = {.issued_ns = m.signed_ns, .reason = "because"};
    token_account("paper", "", r.account);
    resume_sign(&r, operator_secret, m.signature);
    return m;
}

static const struct msg_operator_reply *order(enum verb verb)
{
    const struct msg_operator_command m = signed_command(verb);
    fake_forget(a);
    fake_tell(a, orch_on_command, AGENT_OPERATOR, MSG_OPERATOR_COMMAND, &m);
    ck_assert_uint_eq(fake_count(a, MSG_OPERATOR_REPLY), 1);
    return fake_heard(a, MSG_OPERATOR_REPLY, 0);
}

START_TEST(trades_when_all_are_ready_and_not_before)
{
    begin();
    live_without(AGENT_OPTIMIZER, 2000);
    ck_assert_str_eq(state(), "INITIALIZING");
    live(0);
    ck_assert_str_eq(state(), "TRADING");
    ck_assert_ptr_nonnull(fake_heard(a, MSG_STATE_UNIFIED, 0));
    finish();
}
END_TEST

START_TEST(one_that_never_comes_is_named_after_a_while)
{
    begin();
    live_without(AGENT_RISK, 9000);
    ck_assert_ptr_null(fake_degraded(a, "risk", "AGENT_DOWN"));
    live_without(AGENT_RISK, 2000);
    ck_assert_str_eq(state(), "INITIALIZING");
    ck_assert_int_eq(fake_degraded(a, "risk", "AGENT_DOWN")->severity, SEVERITY_HIGH);
    ck_assert_ptr_null(fake_degraded(a, "data", "AGENT_DOWN"));
    live(0);
    ck_assert_ptr_null(fake_degraded(a, "risk", "AGENT_DOWN"));
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(holds_while_one_is_away_and_goes_on_when_it_is_back)
{
    begin();
    live(1000);
    live_without(AGENT_DATA, 2000);
    ck_assert_str_eq(state(), "TRADING");
    live_without(AGENT_DATA, 3500);
    ck_assert_str_eq(state(), "PAUSED");
    ck_assert_str_eq(o->kept.reason, "data is not ready");
    ck_assert_ptr_nonnull(fake_degraded(a, "data", "AGENT_DOWN"));
    live(0);
    ck_assert_str_eq(state(), "TRADING");
    ck_assert_ptr_null(fake_degraded(a, "data", "AGENT_DOWN"));
    finish();
}
END_TEST

START_TEST(each_that_is_away_is_named_and_cleared_by_itself)
{
    begin();
    live(1000);
    live_without(AGENT_DATA, 6000);
    for (int64_t t = 0; t < 6000; t += HEARTBEAT_MS) {
        for (int i = 0; i < REGISTRY_AGENTS; i++)
            if (i != AGENT_ORCHESTRATOR && i != AGENT_RISK)
                beat_as((enum party)i, LIFE_ACTIVE);
        orch_look(a);
        a->now_ns += HEARTBEAT_MS * NS_PER_MS;
    }
    ck_assert_ptr_null(fake_degraded(a, "data", "AGENT_DOWN"));
    ck_assert_ptr_nonnull(fake_degraded(a, "risk", "AGENT_DOWN"));
    finish();
}
END_TEST

START_TEST(a_hold_is_not_released_against_the_operators_pause)
{
    begin();
    live(1000);
    live_without(AGENT_DATA, 6000);
    ck_assert(order(VERB_PAUSE)->accepted);
    live(1000);
    ck_assert_str_eq(state(), "PAUSED");
    ck_assert(order(VERB_RESUME)->accepted);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(one_symbol_is_paused_only_when_it_is_traded)
{
    struct msg_operator_command m = {.verb = VERB_PAUSE, .symbol = "XBTUSDTM"};
    begin();
    live(1000);
    for (int typo = 0; typo < 2; typo++) {
        fake_forget(a);
        fake_tell(a, orch_on_command, AGENT_OPERATOR, MSG_OPERATOR_COMMAND, &m);
        const struct msg_operator_reply *r = fake_heard(a, MSG_OPERATOR_REPLY, 0);
        ck_assert(r->accepted == !typo);
        ck_assert_uint_eq(fake_count(a, MSG_OPERATOR_COMMAND), typo ? 0 : 1);
        m.symbol[0] = 'Y';
    }
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(resume_is_refused_while_one_is_away)
{
    begin();
    live(1000);
    live_without(AGENT_DATA, 6000);
    ck_assert(!order(VERB_RESUME)->accepted);
    ck_assert_str_eq(state(), "PAUSED");
    finish();
}
END_TEST

START_TEST(only_the_operator_commands)
{
    const struct msg_operator_command m = {.verb = VERB_FLATTEN};
    begin();
    live(1000);
    fake_tell(a, orch_on_command, AGENT_RISK, MSG_OPERATOR_COMMAND, &m);
    const struct msg_operator_reply *reply = fake_heard(a, MSG_OPERATOR_REPLY, 0);
    ck_assert(!reply->accepted);
    ck_assert_ptr_null(fake_heard(a, MSG_OPERATOR_COMMAND, 0));
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(a_verb_that_the_state_does_not_allow_is_refused_and_not_passed_on)
{
    begin();
    ck_assert(!order(VERB_FLATTEN)->accepted);
    ck_assert_ptr_null(fake_heard(a, MSG_OPERATOR_COMMAND, 0));
    ck_assert_str_eq(state(), "INITIALIZING");
    ck_assert(!o->kept.commanded);
    finish();
}
END_TEST

START_TEST(stop_leads_to_ready_and_stays_there_over_a_restart)
{
    begin();
    live(1000);
    ck_assert(order(VERB_STOP)->accepted);
    ck_assert_ptr_nonnull(fake_heard(a, MSG_OPERATOR_COMMAND, 0));
    live(1000);
    ck_assert_str_eq(state(), "READY");
    restart();
    live(1000);
    ck_assert_str_eq(state(), "READY");
    orch_drain(a);
    ck_assert(a->drained);
    ck_assert_str_eq(state(), "SHUTDOWN");
    restart();
    live(1000);
    ck_assert_str_eq(state(), "READY");
    ck_assert(order(VERB_RESUME)->accepted);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(killed_in_trading_it_holds_until_all_are_heard_again)
{
    begin();
    live(1000);
    restart();
    ck_assert_str_eq(state(), "PAUSED");
    live_without(AGENT_RISK, 1000);
    ck_assert_str_eq(state(), "PAUSED");
    live(0);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(the_stop_file_is_an_emergency_and_forbids_to_resume)
{
    begin();
    live(1000);
    FILE *f = fopen("STOP", "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    live(0);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    const struct msg_emergency_stop *m = fake_heard(a, MSG_EMERGENCY_STOP, 0);
    ck_assert_str_eq(m->cause, "LATCH");
    ck_assert(m->close_positions);
    ck_assert(!order(VERB_RESUME)->accepted);       /* by the file's time it was signed before it */
    ck_assert_int_eq(access("STOP", F_OK), 0);
    unlink("STOP");
    live(0);
    ck_assert(order(VERB_RESUME)->accepted);
    ck_assert_str_eq(state(), "READY");
    live(1000);
    ck_assert_str_eq(state(), "READY");             /* that needs another resume */
    ck_assert(order(VERB_RESUME)->accepted);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

static bool accepted(const struct msg_operator_command *m)
{
    fake_forget(a);
    fake_tell(a, orch_on_command, AGENT_OPERATOR, MSG_OPERATOR_COMMAND, m);
    return ((const struct msg_operator_reply *)fake_heard(a, MSG_OPERATOR_REPLY, 0))->accepted;
}

/* Made now, by the test's clock. */
static void stop_file(const char *line)
{
    FILE *f = fopen("STOP", "w");
    ck_assert_ptr_nonnull(f);
    fputs(line, f);
    fclose(f);
    const struct timespec at = {.tv_sec = a->now_ns / 1000000000, .tv_nsec = a->now_ns % 1000000000};
    ck_assert_int_eq(utimensat(AT_FDCWD, "STOP", (struct timespec[]){at, at}, 0), 0);
}

START_TEST(a_signed_resume_takes_the_stop_file_away_and_no_other_does)
{
    begin();
    live(1000);
    stop_file("2026-01-02T03:04:05Z data WS_DISCONNECTED: \x1b[2Jdown\nnext line\n");
    live(0);
    const struct msg_emergency_stop *m = fake_heard(a, MSG_EMERGENCY_STOP, 0);
    ck_assert_str_eq(m->text, "the STOP file is there: 2026-01-02T03:04:05Z data WS_DISCONNECTED: ?[2Jdown");
    live(1000);
    struct msg_operator_command c = signed_command(VERB_RESUME);
    c.signature[5] ^= 1;
    ck_assert(!accepted(&c));
    ck_assert_int_eq(access("STOP", F_OK), 0);
    c = signed_command(VERB_RESUME);
    live(1000);
    stop_file("again");                             /* somebody stops while the operator signs */
    ck_assert(!accepted(&c));
    ck_assert_int_eq(access("STOP", F_OK), 0);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    live(1000);
    ck_assert(order(VERB_RESUME)->accepted);
    ck_assert_int_ne(access("STOP", F_OK), 0);
    ck_assert_str_eq(state(), "READY");
    stop_file("");
    ck_assert(!order(VERB_RESUME)->accepted);       /* no resume leads past a new one */
    live(0);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    finish();
}
END_TEST

START_TEST(a_stop_file_that_cannot_be_removed_is_said_and_nothing_is_resumed)
{
    begin();
    live(1000);
    ck_assert_int_eq(mkdir("STOP", 0700), 0);
    const struct timespec at = {.tv_sec = 1};
    ck_assert_int_eq(utimensat(AT_FDCWD, "STOP", (struct timespec[]){at, at}, 0), 0);
    live(0);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    const struct msg_operator_reply *m = order(VERB_RESUME);
    ck_assert(!m->accepted && strstr(m->text, "remove it") != NULL);
    ck_assert_int_eq(rmdir("STOP"), 0);
    live(0);
    ck_assert(order(VERB_RESUME)->accepted);
    finish();
}
END_TEST

START_TEST(a_key_that_may_more_than_before_is_an_emergency_that_names_what_is_open)
{
    begin();
    live(1000);
    struct msg_health_degraded m = {.severity = SEVERITY_CRITICAL, .component = "key", .code = "KEY_CHANGED",
        .text = "the key may \"Transfer\"; make one with General and Futures only; open: XBTUSDTM 4 ETHUSDTM -2"};
    for (int i = 0; i < 7; i++) {
        fake_tell(a, orch_on_degraded, AGENT_EXECUTION, MSG_HEALTH_DEGRADED, &m);
        live(1000);
    }
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    ck_assert_ptr_nonnull(strstr(told, "open: XBTUSDTM 4 ETHUSDTM -2"));
    ck_assert_str_eq(((const struct msg_emergency_stop *)fake_heard(a, MSG_EMERGENCY_STOP, 0))->cause, "CREDENTIALS");
    finish();
}
END_TEST

static void emergency_by_risk(void)
{
    const struct msg_emergency_stop m = {.cause = "DRAWDOWN", .text = "the day's loss", .close_positions = true};
    fake_tell(a, orch_on_emergency, AGENT_RISK, MSG_EMERGENCY_STOP, &m);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
}

START_TEST(an_emergency_ends_by_the_operators_signature_of_this_minute_only)
{
    begin();
    live(1000);
    emergency_by_risk();
    struct msg_operator_command m = {.verb = VERB_RESUME, .reason = "because"};
    ck_assert(!accepted(&m));
    m = signed_command(VERB_RESUME);
    m.signature[5] ^= 1;
    ck_assert(!accepted(&m));
    m = signed_command(VERB_RESUME);
    TEXT_COPY(m.reason, "another");
    ck_assert(!accepted(&m));
    m = signed_command(VERB_RESUME);
    live(61000);
    ck_assert(!accepted(&m));
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    m = signed_command(VERB_RESUME);
    ck_assert(accepted(&m));
    ck_assert_str_eq(state(), "READY");
    finish();
}
END_TEST

static void alarm_for(int64_t ms, enum severity severity, const char *component, const char *code)
{
    struct msg_health_degraded m = {.severity = severity, .text = "why"};
    TEXT_COPY(m.component, component);
    TEXT_COPY(m.code, code);
    for (int64_t t = 0; t < ms; t += 1000) {
        fake_tell(a, orch_on_degraded, AGENT_AUDIT, MSG_HEALTH_DEGRADED, &m);
        live(1000);
    }
}

START_TEST(a_critical_invariant_that_lasts_is_an_emergency)
{
    begin();
    live(1000);
    alarm_for(3000, SEVERITY_CRITICAL, "invariant", "I-004");
    live(6000);                                 /* not heard any more: over */
    alarm_for(3000, SEVERITY_CRITICAL, "invariant", "I-004");
    ck_assert_str_eq(state(), "TRADING");
    alarm_for(4000, SEVERITY_CRITICAL, "invariant", "I-004");
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    ck_assert_str_eq(((const struct msg_emergency_stop *)fake_heard(a, MSG_EMERGENCY_STOP, 0))->cause, "INVARIANT");
    ck_assert(order(VERB_RESUME)->accepted);    /* whoever raised it hears of the resume, and may have nothing to say any more */
    alarm_for(4000, SEVERITY_CRITICAL, "invariant", "I-004");
    ck_assert_str_eq(state(), "READY");
    alarm_for(3000, SEVERITY_CRITICAL, "invariant", "I-004");
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    finish();
}
END_TEST

START_TEST(a_key_that_the_venue_does_not_take_is_an_emergency)
{
    begin();
    live(1000);
    alarm_for(7000, SEVERITY_CRITICAL, "exchange", "CREDENTIALS");
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    ck_assert_str_eq(told, "CRITICAL EMERGENCY_STOP CREDENTIALS: why");
    ck_assert_str_eq(((const struct msg_emergency_stop *)fake_heard(a, MSG_EMERGENCY_STOP, 0))->cause, "CREDENTIALS");
    finish();
}
END_TEST

START_TEST(an_invariant_of_less_weight_pauses_until_the_operator_resumes)
{
    begin();
    live(1000);
    alarm_for(7000, SEVERITY_HIGH, "exchange", "STREAM_DOWN");  /* no invariant: its agent sees to it */
    ck_assert_str_eq(state(), "TRADING");
    alarm_for(7000, SEVERITY_HIGH, "invariant", "I-001");
    ck_assert_str_eq(state(), "PAUSED");
    ck_assert_str_eq(told, "HIGH PAUSED I-001: why");
    ck_assert(!order(VERB_RESUME)->accepted);
    live(5000);
    ck_assert_str_eq(state(), "PAUSED");
    ck_assert(order(VERB_RESUME)->accepted);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

/* Stopped in order, the run's end took the emergency with it, and the next start went on trading. */
START_TEST(an_emergency_outlives_a_kill_and_an_orderly_stop)
{
    begin();
    live(1000);
    emergency_by_risk();
    restart();
    live(1000);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    orch_drain(a);
    ck_assert(a->drained);
    restart();
    live(1000);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    ck_assert_str_eq(o->kept.reason, "DRAWDOWN: the day's loss");
    finish();
}
END_TEST

START_TEST(five_restarts_pause_until_the_operator_resumes)
{
    begin();
    live(1000);
    for (int i = 0; i < 4; i++)
        die_at_once(AGENT_SIGNAL, 1);
    live(0);
    ck_assert_str_eq(state(), "TRADING");
    ck_assert_ptr_null(fake_degraded(a, "signal", "RESTARTS"));
    die_at_once(AGENT_SIGNAL, 1);
    live(0);
    ck_assert_str_eq(state(), "PAUSED");
    ck_assert_str_eq(o->kept.reason, "signal restarted 5 times in 60 s");
    ck_assert_int_eq(fake_degraded(a, "signal", "RESTARTS")->severity, SEVERITY_HIGH);
    ck_assert(!order(VERB_RESUME)->accepted);       /* it would be paused again at once */
    live(61000);
    ck_assert_str_eq(state(), "PAUSED");
    ck_assert_ptr_null(fake_degraded(a, "signal", "RESTARTS"));
    ck_assert(order(VERB_RESUME)->accepted);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(restarts_of_different_agents_do_not_add_up)
{
    begin();
    live(1000);
    die_at_once(AGENT_SIGNAL, 4);
    die_at_once(AGENT_DATA, 4);
    live(0);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

/* The storm holds trading first (nobody is ready): that hold is not to be released between two deaths. */
START_TEST(a_storm_while_held_is_not_released_by_the_agents_return)
{
    begin();
    live(1000);
    live_without(AGENT_SIGNAL, 6000);
    ck_assert_str_eq(state(), "PAUSED");
    die_at_once(AGENT_SIGNAL, 5);
    fake_forget(a);
    live(1000);
    ck_assert_str_eq(state(), "PAUSED");
    for (size_t i = 0; i < fake_count(a, MSG_STATE_UNIFIED); i++) {
        const struct msg_state_unified *m = fake_heard(a, MSG_STATE_UNIFIED, i);
        ck_assert_int_ne(m->system_state, SYS_TRADING);
    }
    finish();
}
END_TEST

START_TEST(a_storm_at_start_keeps_it_out_of_trading)
{
    begin();
    beat_as(AGENT_SIGNAL, LIFE_STARTING);
    die_at_once(AGENT_SIGNAL, 6);
    live(1000);
    ck_assert_str_eq(state(), "READY");
    live(61000);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(ten_restarts_are_an_emergency_told_once)
{
    begin();
    live(1000);
    die_at_once(AGENT_SIGNAL, 10);
    live(1000);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    ck_assert_uint_eq(fake_count(a, MSG_EMERGENCY_STOP), 1);
    const struct msg_emergency_stop *m = fake_heard(a, MSG_EMERGENCY_STOP, 0);
    ck_assert_str_eq(m->cause, "RESTARTS");
    ck_assert_int_eq(fake_degraded(a, "signal", "RESTARTS")->severity, SEVERITY_CRITICAL);
    finish();
}
END_TEST

START_TEST(the_largest_limit_can_be_reached)
{
    begin();
    fake_config(a, "restart_max", "100");
    live(1000);
    die_at_once(AGENT_SIGNAL, 99);
    live(0);
    ck_assert_str_eq(state(), "TRADING");
    die_at_once(AGENT_SIGNAL, 1);
    live(0);
    ck_assert_str_eq(state(), "PAUSED");
    die_at_once(AGENT_SIGNAL, 100);
    live(0);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    finish();
}
END_TEST

START_TEST(restart_max_0_counts_nothing)
{
    begin();
    fake_config(a, "restart_max", "0");
    live(1000);
    die_at_once(AGENT_SIGNAL, 1000);
    live(0);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(asked_for_restarts_are_not_counted)
{
    struct msg_operator_command m = {.verb = VERB_RESTART, .agent = "signal"};
    begin();
    live(1000);
    for (int i = 0; i < 12; i++) {
        fake_tell(a, orch_on_command, AGENT_OPERATOR, MSG_OPERATOR_COMMAND, &m);
        ck_assert_int_eq(a->questions[a->n_questions - 1].to, AGENT_SIGNAL);
        die_at_once(AGENT_SIGNAL, 1);
    }
    live(0);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

/* Nobody else counts the orchestrator's restarts. */
START_TEST(its_own_kills_are_counted_over_restarts)
{
    begin();
    live(1000);
    for (int i = 0; i < 4; i++)
        restart();
    live(1000);
    ck_assert_str_eq(state(), "TRADING");
    restart();
    live(1000);
    ck_assert_str_eq(state(), "PAUSED");
    ck_assert_str_eq(o->kept.reason, "orchestrator restarted 5 times in 60 s");
    ck_assert_ptr_nonnull(fake_degraded(a, "orchestrator", "RESTARTS"));
    for (int i = 0; i < 5; i++)
        restart();
    live(0);
    ck_assert_str_eq(state(), "EMERGENCY_STOP");
    finish();
}
END_TEST

START_TEST(its_orderly_restarts_and_those_long_past_are_not)
{
    begin();
    live(1000);
    for (int i = 0; i < 12; i++) {
        orch_drain(a);
        restart();
    }
    live(1000);
    ck_assert_str_eq(state(), "TRADING");
    for (int i = 0; i < 4; i++)
        restart();
    a->now_ns += 61 * NS_PER_S;
    restart();
    live(1000);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(in_shutdown_nothing_is_alarmed)
{
    begin();
    live(1000);
    orch_drain(a);
    fake_forget(a);
    die_at_once(AGENT_SIGNAL, 20);
    a->now_ns += 60 * NS_PER_S;
    orch_look(a);
    ck_assert_str_eq(state(), "SHUTDOWN");
    ck_assert_uint_eq(fake_count(a, MSG_EMERGENCY_STOP), 0);
    ck_assert_ptr_null(fake_degraded(a, "signal", "AGENT_DOWN"));
    finish();
}
END_TEST

START_TEST(a_snapshot_restores_everything_and_an_older_one_without_the_starts_too)
{
    void *data;
    size_t len;
    begin();
    live(1000);
    o->equity = dec_lit("9999.5");
    TEXT_COPY(o->open[3], "XBTUSDTM");
    restart();
    live(1000);
    orch_save(a, &data, &len);
    struct orchestrator other = {.kept.state = SYS_SHUTDOWN};
    a->state = &other;
    ck_assert_int_eq(orch_load(a, data, len), ERR_OK);
    ck_assert_int_eq(other.kept.state, SYS_TRADING);
    ck_assert_int_eq(other.starts.n, 1);
    other = (struct orchestrator){.kept.state = SYS_SHUTDOWN};
    ck_assert_int_eq(orch_load(a, data, len - sizeof other.starts), ERR_OK);
    ck_assert_int_eq(other.kept.state, SYS_TRADING);
    ck_assert_int_eq(other.starts.n, 0);
    ck_assert_int_eq(orch_load(a, data, len - 1), ERR_CORRUPT);
    ck_assert_int_eq(orch_load(a, data, 0), ERR_CORRUPT);
    a->state = o;
    free(data);
    finish();
}
END_TEST

START_TEST(a_state_that_does_not_exist_is_refused)
{
    struct orch_kept kept = {.version = KEPT_VERSION, .state = SYS_COUNT};
    begin();
    ck_assert_int_eq(orch_note(a, NOTE_STATE, &kept, sizeof kept), ERR_CORRUPT);
    kept.state = -1;
    ck_assert_int_eq(orch_note(a, NOTE_STATE, &kept, sizeof kept), ERR_CORRUPT);
    kept = (struct orch_kept){.version = KEPT_VERSION + 1};
    ck_assert_int_eq(orch_note(a, NOTE_STATE, &kept, sizeof kept), ERR_VERSION);
    ck_assert_int_eq(orch_note(a, NOTE_STATE, &kept, sizeof kept - 1), ERR_CORRUPT);
    ck_assert_int_eq(orch_note(a, 99, &kept, sizeof kept), ERR_VERSION);
    finish();
}
END_TEST

/* ---- another configuration ---- */

static void write_config(const char *text)
{
    FILE *f = fopen(CONFIG_FILE, "we");
    ck_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static struct msg_config_reload reload_by_operator(void)
{
    struct msg_config_reload m = {.signed_ns = a->now_ns, .signature_len = RESUME_SIGNATURE};
    struct resume r = {.issued_ns = m.signed_ns, .reload = true};
    char why[CONFIG_WHY_MAX];
    ck_assert_int_eq(config_bytes_hash(m.file_hash, why), ERR_OK);
    TEXT_COPY(r.reason, m.file_hash);
    token_account("paper", "", r.account);
    resume_sign(&r, operator_secret, m.signature);
    return m;
}

/* Its answer so far; NULL: the agents are being asked. */
static const struct msg_config_reloaded *reload_as(const struct msg_config_reload *m)
{
    fake_forget(a);
    fake_tell(a, orch_on_reload, AGENT_OPERATOR, MSG_CONFIG_RELOAD, m);
    return fake_heard(a, MSG_CONFIG_RELOADED, 0);
}

static const struct msg_config_reloaded *reload(const char *text)
{
    write_config(text);
    const struct msg_config_reload m = reload_by_operator();
    return reload_as(&m);
}

/* All but the first n accept; what the operator is told, when he is told. */
static const struct msg_config_reloaded *answer_all(int n_silent, bool accept)
{
    const struct msg_operator_reply m = {.accepted = accept, .text = "because"};
    while (n_silent-- > 0 && fake_answer(a, ERR_TIMEOUT, MSG_OPERATOR_REPLY, NULL))
        ;
    while (fake_answer(a, ERR_OK, MSG_OPERATOR_REPLY, &m))
        ;
    if (a->follows > 0)
        orch_configured(a);
    a->follows = 0;
    live(500);
    return fake_heard(a, MSG_CONFIG_RELOADED, 0);
}

static void ck_refused(const struct msg_config_reloaded *m, const char *text)
{
    ck_assert_ptr_nonnull(m);
    ck_assert(!m->accepted);
    ck_assert_msg(strstr(m->text, text) != NULL, "%s", m->text);
    ck_assert_int_ne(access(COMMITTED_FILE, F_OK), 0);
}

START_TEST(a_tighter_limit_is_in_force_at_once_when_all_have_accepted_it)
{
    begin();
    live(1000);
    ck_assert_str_eq(state(), "TRADING");
    ck_assert_ptr_null(reload("max_open_positions = 3\nlog_level = debug\n"));
    ck_assert_uint_eq(a->n_questions, REGISTRY_AGENTS - 1);
    ck_assert_uint_eq(fake_count(a, MSG_CONFIG_PROPOSED), 1);
    ck_assert_int_ne(access(COMMITTED_FILE, F_OK), 0);
    const struct msg_config_reloaded *m = answer_all(0, true);
    ck_assert_ptr_nonnull(m);
    ck_assert_msg(m->accepted, "%s", m->text);
    ck_assert_uint_eq(m->changes_n, 2);
    ck_assert_int_eq(m->config_epoch, 1);
    ck_assert_str_eq(m->hash, o->config_hash);
    const struct msg_config_committed *c = fake_heard(a, MSG_CONFIG_COMMITTED, 0);
    ck_assert_ptr_nonnull(c);
    ck_assert_str_eq(c->hash, m->hash);
    ck_assert_int_eq(config_int(agent_config(a), CFG_max_open_positions), 3);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(what_the_state_does_not_allow_is_refused_by_name_value_and_mend)
{
    begin();
    live(1000);
    ck_refused(reload("max_open_positions = 6\n"), "max_open_positions: 5 to 6 (LIMIT, looser): looser only while");
    ck_refused(reload("stop_atr = 2\n"), "stop_atr: 1.5 to 2 (PAUSED): only while entries are held: `enigma pause`");
    ck_refused(reload("symbols = XBTUSDTM\n"), "(RESTART): read at start only");
    ck_refused(reload("max_open_positions = 3\nsymbols = XBTUSDTM\n"), "symbols");
    ck_refused(reload("\nleverage is five\n"), "etc/enigma.conf:2: ");
    ck_assert_uint_eq(a->n_questions, 0);
    ck_assert(order(VERB_PAUSE)->accepted);
    ck_assert_ptr_null(reload("max_open_positions = 6\nstop_atr = 2\n"));
    ck_assert(answer_all(0, true)->accepted);
    finish();
}
END_TEST

START_TEST(a_limit_is_loosened_by_the_operators_signature_of_these_bytes_only)
{
    begin();
    live(1000);
    ck_assert(order(VERB_PAUSE)->accepted);
    write_config("max_open_positions = 6\n");
    struct msg_config_reload m = reload_by_operator();
    m.signature[7] ^= 1;
    ck_refused(reload_as(&m), "operator's signature");
    m = reload_by_operator();
    m.signature_len = 0;
    ck_refused(reload_as(&m), "operator's signature");
    const struct msg_operator_command resume = signed_command(VERB_RESUME);
    m = reload_by_operator();
    memcpy(m.signature, resume.signature, sizeof m.signature);
    ck_refused(reload_as(&m), "operator's signature");
    m = reload_by_operator();
    write_config("max_open_positions = 60\n");
    ck_refused(reload_as(&m), "changed meanwhile");
    TEXT_COPY(m.file_hash, reload_by_operator().file_hash);
    ck_refused(reload_as(&m), "operator's signature");
    m = reload_by_operator();
    live(61000);
    ck_refused(reload_as(&m), "operator's signature");
    m = reload_by_operator();
    ck_assert_ptr_null(reload_as(&m));
    ck_assert(answer_all(0, true)->accepted);
    finish();
}
END_TEST

START_TEST(one_that_refuses_keeps_silent_or_is_away_leaves_everything_as_it_was)
{
    begin();
    live(1000);
    ck_assert_ptr_null(reload("max_open_positions = 3\n"));
    ck_refused(answer_all(0, false), "because; nothing was changed");
    ck_assert_ptr_null(reload("max_open_positions = 3\n"));
    ck_refused(answer_all(1, true), "data: does not answer");
    ck_assert_int_eq(config_int(agent_config(a), CFG_max_open_positions), 5);
    live_without(AGENT_RISK, DEAD_MS + 1000);
    ck_refused(reload("max_open_positions = 3\n"), "risk is not there");
    ck_assert_uint_eq(a->n_questions, 0);
    finish();
}
END_TEST

START_TEST(an_answer_to_an_earlier_question_counts_for_nothing)
{
    const struct msg_operator_reply yes = {.accepted = true}, no = {.accepted = false};
    begin();
    live(1000);
    ck_assert_ptr_null(reload("max_open_positions = 3\n"));
    ck_assert(fake_answer(a, ERR_OK, MSG_OPERATOR_REPLY, &no));     /* the others have not answered yet */
    ck_assert_ptr_nonnull(fake_heard(a, MSG_CONFIG_RELOADED, 0));
    ck_assert_ptr_null(reload("max_open_positions = 2\n"));
    for (int i = 0; i < 5 + 5; i++)
        ck_assert(fake_answer(a, ERR_OK, MSG_OPERATOR_REPLY, &yes));
    ck_assert_int_ne(access(COMMITTED_FILE, F_OK), 0);
    ck_assert(fake_answer(a, ERR_OK, MSG_OPERATOR_REPLY, &yes));
    ck_assert_int_eq(access(COMMITTED_FILE, F_OK), 0);
    finish();
}
END_TEST

START_TEST(what_was_asked_in_pause_is_not_committed_in_trading)
{
    begin();
    live(1000);
    ck_assert(order(VERB_PAUSE)->accepted);
    ck_assert_ptr_null(reload("max_open_positions = 6\n"));
    ck_assert(order(VERB_RESUME)->accepted);
    ck_assert_str_eq(state(), "TRADING");
    ck_refused(answer_all(0, true), "looser only while entries are held");
    finish();
}
END_TEST

START_TEST(a_dry_run_and_what_is_in_force_already_change_nothing)
{
    begin();
    live(1000);
    write_config("max_open_positions = 3\n");
    struct msg_config_reload m = reload_by_operator();
    m.dry_run = true;
    ck_assert(reload_as(&m)->accepted);
    ck_assert_uint_eq(a->n_questions, 0);
    ck_assert_int_ne(access(COMMITTED_FILE, F_OK), 0);
    ck_assert(reload("# nothing\nmax_open_positions = 5\n")->accepted);
    ck_assert_uint_eq(a->n_questions, 0);
    fake_forget(a);
    fake_tell(a, orch_on_reload, AGENT_GUEST, MSG_CONFIG_RELOAD, &m);
    ck_assert_uint_eq(fake_count(a, MSG_ERROR_REPLY), 1);
    ck_assert_ptr_null(reload("max_open_positions = 3\n"));
    fake_forget(a);
    fake_tell(a, orch_on_reload, AGENT_OPERATOR, MSG_CONFIG_RELOAD, &m);
    ck_assert_uint_eq(fake_count(a, MSG_ERROR_REPLY), 1);           /* one at a time */
    finish();
}
END_TEST

START_TEST(one_with_another_configuration_holds_trading_until_it_has_caught_up)
{
    begin();
    live(1000);
    hash_of[AGENT_RISK] = "0123456789abcdef";
    live(500);
    ck_assert_str_eq(state(), "TRADING");           /* for a moment it only has not followed yet */
    live(2000);
    ck_assert_str_eq(state(), "PAUSED");
    ck_assert_msg(strstr(o->kept.reason, "risk runs another configuration") != NULL, "%s", o->kept.reason);
    ck_assert_ptr_nonnull(fake_degraded(a, "config", "MIXED"));
    ck_assert(!order(VERB_RESUME)->accepted);
    hash_of[AGENT_RISK] = NULL;
    live(1000);
    ck_assert_str_eq(state(), "TRADING");
    ck_assert_ptr_null(fake_degraded(a, "config", "MIXED"));
    finish();
}
END_TEST

START_TEST(without_one_configuration_everywhere_it_does_not_start)
{
    begin();
    hash_of[AGENT_AUDIT] = "0123456789abcdef";
    live(5000);
    ck_assert_str_eq(state(), "INITIALIZING");
    hash_of[AGENT_AUDIT] = NULL;
    live(1000);
    ck_assert_str_eq(state(), "TRADING");
    finish();
}
END_TEST

START_TEST(a_commit_is_said_once_however_it_ended_before)
{
    begin();
    live(1000);
    ck_assert_ptr_null(reload("max_open_positions = 3\n"));
    a->config_epoch = 0;
    char why[CONFIG_WHY_MAX];
    ck_assert_int_eq(config_commit(why), ERR_OK);   /* killed right after the rename */
    restart();
    agent_follow(a);                                /* as a start reads it */
    fake_forget(a);
    orch_configured(a);
    ck_assert_uint_eq(fake_count(a, MSG_CONFIG_COMMITTED), 1);
    orch_configured(a);
    ck_assert_uint_eq(fake_count(a, MSG_CONFIG_COMMITTED), 1);
    finish();
}
END_TEST

START_TEST(what_the_optimizer_proposes_is_recorded_and_no_more)
{
    static const struct msg_config_proposed m = {.hash = "0123456789abcdef"};
    begin();
    live(1000);
    fake_forget(a);
    fake_tell(a, orch_on_proposed, AGENT_OPTIMIZER, MSG_CONFIG_PROPOSED, &m);
    ck_assert_uint_eq(a->n_said, 0);
    ck_assert_uint_eq(a->n_questions, 0);
    finish();
}
END_TEST

/* ---- tasks ---- */

static void tend(void)
{
    fake_pass_ms(a, 0);
}

START_TEST(asks_for_one_backtest_per_market_day_and_adds_it_again_when_redis_lost_it)
{
    begin();
    live(1000);
    a->market_ns = 20000 * NS_PER_DAY + 5;
    tend();
    tend();
    ck_assert_uint_eq(o->tasks.n, 1);
    ck_assert_int_eq(n_queued, 0);                  /* Redis is not there yet */
    set_store(STORE_UP);
    ck_assert_int_eq(n_queued, 1);
    n_queued = 0;                                   /* it lost everything */
    set_store(STORE_NO_SERVER);
    ck_assert_ptr_nonnull(fake_degraded(a, "redis", "DOWN"));
    set_store(STORE_UP);
    ck_assert_ptr_null(fake_degraded(a, "redis", "DOWN"));
    ck_assert_int_eq(n_queued, 1);
    restart();
    ck_assert_uint_eq(o->tasks.n, 1);               /* from the journal */
    live(1000);
    a->market_ns = 20001 * NS_PER_DAY;
    a->now_ns += NS_PER_S;
    tend();
    ck_assert_uint_eq(o->tasks.n, 2);
    finish();
}
END_TEST

START_TEST(a_task_that_is_done_failed_or_dead_is_open_no_longer)
{
    begin();
    live(1000);
    set_store(STORE_UP);
    static const enum task_state ends[] = {TASK_TAKEN, TASK_DONE, TASK_FAILED};
    for (int i = 0; i < 3; i++) {
        a->market_ns = (20000 + i) * NS_PER_DAY;
        a->now_ns += NS_PER_S;
        tend();
        struct msg_task m = {.state = ends[i]};
        TEXT_COPY(m.task_id, queued[n_queued - 1]);
        fake_tell(a, orch_on_task, AGENT_OPTIMIZER, MSG_TASK, &m);
    }
    ck_assert_int_eq(n_queued, 3);
    ck_assert_uint_eq(o->tasks.n, 1);               /* the one that is only taken */
    fake_forget(a);
    reaped.dead = 1;
    snprintf(reaped.dead_ids[0], sizeof reaped.dead_ids[0], "%s", queued[0]);
    tend();
    const struct msg_task *dead = fake_heard(a, MSG_TASK, 0);
    ck_assert_int_eq(dead->state, TASK_DEAD);
    ck_assert_str_eq(dead->kind, "backtest");
    ck_assert_uint_eq(o->tasks.n, 0);
    restart();
    ck_assert_uint_eq(o->tasks.n, 0);
    finish();
}
END_TEST

static void beat_waiting(enum party who, enum party whom, const char *id, int64_t age_ms)
{
    struct msg_agent_hb hb = {.life = LIFE_ACTIVE, .waits_n = 1, .waits = {{.age_ms = age_ms}}};
    TEXT_COPY(hb.waits[0].id, id);
    TEXT_COPY(hb.waits[0].to, party_name(whom));
    a->epoch = (uint32_t)epochs[who];
    fake_tell(a, orch_on_heartbeat, who, MSG_AGENT_HB, &hb);
}

START_TEST(agents_that_wait_for_each_other_lose_the_youngest_question_once)
{
    begin();
    size_t before = a->n_questions;
    beat_waiting(AGENT_SIGNAL, AGENT_DATA, "old", 1700);
    ck_assert_uint_eq(a->n_questions, before);
    beat_waiting(AGENT_DATA, AGENT_SIGNAL, "young", 1200);
    beat_waiting(AGENT_DATA, AGENT_SIGNAL, "young", 1700);  /* the heartbeat that was on its way */
    ck_assert_uint_eq(a->n_questions, before + 1);
    const struct fake_question *q = &a->questions[before];
    ck_assert(q->to == AGENT_DATA && q->type == MSG_AGENT_CANCEL);
    ck_assert_str_eq(((const struct msg_agent_cancel *)q->msg)->id, "young");
    finish();
}
END_TEST

TESTS("orchestrator", agents_that_wait_for_each_other_lose_the_youngest_question_once,
      trades_when_all_are_ready_and_not_before, one_that_never_comes_is_named_after_a_while,
      holds_while_one_is_away_and_goes_on_when_it_is_back, each_that_is_away_is_named_and_cleared_by_itself,
      a_hold_is_not_released_against_the_operators_pause, resume_is_refused_while_one_is_away, one_symbol_is_paused_only_when_it_is_traded,
      only_the_operator_commands, a_verb_that_the_state_does_not_allow_is_refused_and_not_passed_on,
      stop_leads_to_ready_and_stays_there_over_a_restart, killed_in_trading_it_holds_until_all_are_heard_again,
      the_stop_file_is_an_emergency_and_forbids_to_resume,
      a_signed_resume_takes_the_stop_file_away_and_no_other_does,
      a_stop_file_that_cannot_be_removed_is_said_and_nothing_is_resumed,
      a_key_that_may_more_than_before_is_an_emergency_that_names_what_is_open, an_emergency_outlives_a_kill_and_an_orderly_stop,
      an_emergency_ends_by_the_operators_signature_of_this_minute_only,
      a_critical_invariant_that_lasts_is_an_emergency, a_key_that_the_venue_does_not_take_is_an_emergency,
      an_invariant_of_less_weight_pauses_until_the_operator_resumes,
      five_restarts_pause_until_the_operator_resumes, restarts_of_different_agents_do_not_add_up,
      a_storm_while_held_is_not_released_by_the_agents_return, a_storm_at_start_keeps_it_out_of_trading,
      ten_restarts_are_an_emergency_told_once, the_largest_limit_can_be_reached, restart_max_0_counts_nothing,
      asked_for_restarts_are_not_counted, its_own_kills_are_counted_over_restarts,
      its_orderly_restarts_and_those_long_past_are_not, in_shutdown_nothing_is_alarmed,
      a_snapshot_restores_everything_and_an_older_one_without_the_starts_too, a_state_that_does_not_exist_is_refused,
      asks_for_one_backtest_per_market_day_and_adds_it_again_when_redis_lost_it,
      a_task_that_is_done_failed_or_dead_is_open_no_longer,
      a_tighter_limit_is_in_force_at_once_when_all_have_accepted_it,
      what_the_state_does_not_allow_is_refused_by_name_value_and_mend,
      a_limit_is_loosened_by_the_operators_signature_of_these_bytes_only,
      one_that_refuses_keeps_silent_or_is_away_leaves_everything_as_it_was,
      an_answer_to_an_earlier_question_counts_for_nothing, what_was_asked_in_pause_is_not_committed_in_trading,
      a_dry_run_and_what_is_in_force_already_change_nothing,
      one_with_another_configuration_holds_trading_until_it_has_caught_up,
      without_one_configuration_everywhere_it_does_not_start, a_commit_is_said_once_however_it_ended_before,
      what_the_optimizer_proposes_is_recorded_and_no_more)
