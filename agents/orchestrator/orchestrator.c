/* orchestrator - see orchestrator.h
 *
 * Level-triggered: every LOOK_MS it looks at what is (heartbeats, the latch file, the operator's last
 * word) and takes the event of the state machine that follows; nothing depends on having seen an edge.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <jansson.h>

#include "libagent/clock.h"
#include "libagent/log.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/orchestrator/orchestrator.h"

#define NOTE_STATE     1
#define NOTE_TASK      2
#define NOTE_TASK_DONE 3

#define KEPT_VERSION   1
#define LOOK_MS        100
#define QUEUE_MS       1000
#define CYCLE_MIN_MS   50
#define HOLD_MS        3000     /* an agent not ready for so long holds trading */
#define HUNG_MS        5000     /* silent for so long while its process lives: killed */
#define LATCH_FILE     "STOP"
#define STATE_FILE     "state.json"

/* ---- what is kept ---- */

static void keep(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    agent_note(a, NOTE_STATE, &o->kept, sizeof o->kept, true);
}

int orch_note(struct agent *a, uint16_t kind, const void *data, size_t len)
{
    struct orchestrator *o = agent_state(a);
    struct task_entry task;
    switch (kind) {
    case NOTE_STATE:
        if (len != sizeof o->kept)
            return ERR_CORRUPT;
        memcpy(&o->kept, data, len);
        return o->kept.version == KEPT_VERSION ? ERR_OK : ERR_VERSION;
    case NOTE_TASK:
    case NOTE_TASK_DONE:
        if (len != sizeof task)
            return ERR_CORRUPT;
        memcpy(&task, data, len);
        if (kind == NOTE_TASK)
            tasks_add(&o->tasks, &task);
        else
            tasks_done(&o->tasks, task.id);
        return ERR_OK;
    default:
        return ERR_VERSION;
    }
}

int orch_load(struct agent *a, const void *data, size_t len)
{
    struct orchestrator *o = agent_state(a);
    const char *p = data;
    if (len != sizeof o->kept + sizeof o->tasks + sizeof o->open + sizeof o->equity)
        return ERR_CORRUPT;
    memcpy(&o->kept, p, sizeof o->kept);
    memcpy(&o->tasks, p += sizeof o->kept, sizeof o->tasks);
    memcpy(o->open, p += sizeof o->tasks, sizeof o->open);
    memcpy(&o->equity, p + sizeof o->open, sizeof o->equity);
    return o->kept.version == KEPT_VERSION ? ERR_OK : ERR_VERSION;
}

void orch_save(struct agent *a, void **data, size_t *len)
{
    const struct orchestrator *o = agent_state(a);
    *len = sizeof o->kept + sizeof o->tasks + sizeof o->open + sizeof o->equity;
    char *p = malloc(*len);
    must(p != NULL);
    *data = p;
    memcpy(p, &o->kept, sizeof o->kept);
    memcpy(p += sizeof o->kept, &o->tasks, sizeof o->tasks);
    memcpy(p += sizeof o->tasks, o->open, sizeof o->open);
    memcpy(p + sizeof o->open, &o->equity, sizeof o->equity);
}

/* ---- the unified state: topic, Redis, JSON file ---- */

static int64_t positions_open(const struct orchestrator *o)
{
    int64_t n = 0;
    for (int i = 0; i < ORCH_POSITIONS; i++)
        n += o->open[i][0] != '\0';
    return n;
}

static void fill_state(struct agent *a, struct msg_state_unified *m)
{
    struct orchestrator *o = agent_state(a);
    enum system_state state = (enum system_state)o->kept.state;
    bool up = state != SYS_INITIALIZING && state != SYS_SHUTDOWN;
    *m = (struct msg_state_unified){
        .system_state = state, .running = state == SYS_TRADING,
        .miner_gamma = o->miner.gamma, .miner_cascade = o->miner_known ? o->miner.cascade : 1,
        .miner_kappa = o->miner_known ? o->miner.kappa : 1, .gamma_valid = o->miner.gamma_valid,
        .lighthouse = o->miner.lighthouse, .portfolio_value = o->equity,
        .positions_open = positions_open(o), .cycles = o->cycles,
        .runtime_ms = (agent_now_ns(a) - o->started_ns) / 1000000,
        .tasks_queued = o->counts.queued[0] + o->counts.queued[1] + o->counts.queued[2] + o->counts.queued[3],
        .tasks_running = o->counts.out,
        .redis_up = o->store != NULL && store_state(o->store) == STORE_UP, .latch = o->latch,
    };
    snprintf(m->reason, sizeof m->reason, "%s", o->kept.reason);
    snprintf(m->brain, sizeof m->brain, "%s", up ? "ACTIVE" : "IDLE");
    snprintf(m->miner, sizeof m->miner, "%s", o->miner_known ? "ACTIVE" : "IDLE");
    snprintf(m->ecosystem, sizeof m->ecosystem, "%s",
             state == SYS_EMERGENCY_STOP ? "ERROR" : up ? "ACTIVE" : "IDLE");
    int64_t now = mono_now().ns;
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        registry_view(&o->registry, (enum party)i, now, &m->agents[m->agents_n++]);
}

/* The readable copies.  Neither is ever read back by the system. */
static void write_state_file(const char *json)
{
    FILE *f = fopen(STATE_FILE ".tmp", "we");
    if (f == NULL)
        return;
    bool ok = fputs(json, f) >= 0;
    ok = fclose(f) == 0 && ok;
    if (ok)
        rename(STATE_FILE ".tmp", STATE_FILE);
}

static void ignore_result(void *arg, int err)
{
    (void)arg;                  /* the next copy follows; the store reports its own state */
    (void)err;
}

static void copy_state(struct agent *a, const struct msg_state_unified *m)
{
    struct orchestrator *o = agent_state(a);
    char value[DEC_TEXT_MAX];
    json_t *all = json_pack(
        "{s:i, s:I, s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:f, s:f, s:f, s:b, s:b, s:s, s:I, s:I, s:I}",
        "version", 1, "timestamp_ms", (json_int_t)(agent_now_ns(a) / 1000000), "ttl_s", 30,
        "system_state", system_state_name(m->system_state), "reason", m->reason, "brain", m->brain,
        "miner", m->miner, "ecosystem", m->ecosystem, "running", m->running, "miner_gamma",
        m->miner_gamma, "miner_cascade", m->miner_cascade, "miner_kappa", m->miner_kappa,
        "gamma_valid", m->gamma_valid, "lighthouse", m->lighthouse, "portfolio_value",
        dec_format(m->portfolio_value, value), "positions_open", (json_int_t)m->positions_open,
        "cycles", (json_int_t)m->cycles, "runtime_ms", (json_int_t)m->runtime_ms);
    char *json = all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    if (json == NULL)
        return;                 /* a copy for readers: the next one will do */
    write_state_file(json);
    if (o->store != NULL && store_state(o->store) == STORE_UP)
        store_set(o->store, "state", json, strlen(json), ignore_result, NULL);
    free(json);
}

void orch_publish_state(struct agent *a)
{
    static struct msg_state_unified m;
    fill_state(a, &m);
    agent_publish(a, TOPIC_STATE_UNIFIED, NULL, MSG_STATE_UNIFIED, &m, NULL);
}

/* ---- the state machine ---- */

int orch_event(struct agent *a, enum machine_event ev, const char *reason)
{
    struct orchestrator *o = agent_state(a);
    enum system_state was = (enum system_state)o->kept.state, now;
    if (machine_next(was, ev, &now) < 0) {
        log_info("state.refused", LOG_S("state", system_state_name(was)),
                 LOG_S("on", machine_event_name(ev)), LOG_S("reason", reason));
        return ERR_WRONG_STATE;
    }
    o->kept.state = (int32_t)now;
    o->kept.held = ev == EV_HOLD;
    snprintf(o->kept.reason, sizeof o->kept.reason, "%s", reason);
    keep(a);
    if (was != now)
        log_info("state", LOG_S("was", system_state_name(was)), LOG_S("now", system_state_name(now)),
                 LOG_S("on", machine_event_name(ev)), LOG_S("reason", reason));
    orch_publish_state(a);
    return ERR_OK;
}

void orch_emergency(struct agent *a, const char *cause, const char *text)
{
    struct msg_emergency_stop m = {.close_positions = true};
    TEXT_COPY(m.cause, cause);
    TEXT_COPY(m.text, text);
    agent_publish(a, TOPIC_EMERGENCY_STOP, NULL, MSG_EMERGENCY_STOP, &m, NULL);
    orch_event(a, EV_EMERGENCY, text);
}

/* Only "no such file" means that there is no latch. */
static bool latch_is_set(void)
{
    struct stat st;
    return lstat(LATCH_FILE, &st) == 0 || errno != ENOENT;
}

static void check_restarts(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    int64_t most = config_int(agent_config(a), CFG_restart_max);
    int64_t window = config_int(agent_config(a), CFG_restart_window_s) * 1000000000;
    char text[96];
    for (int i = 0; most > 0 && i < REGISTRY_AGENTS; i++) {
        int n = registry_restarts(&o->registry, (enum party)i, window, mono_now().ns);
        snprintf(text, sizeof text, "%s restarted %d times in %llds", party_name((enum party)i), n,
                 (long long)(window / 1000000000));
        if (n >= 2 * most && o->kept.state != SYS_EMERGENCY_STOP) {
            orch_emergency(a, "RESTARTS", text);
        } else if (n >= most && o->kept.state == SYS_TRADING) {
            o->kept.commanded = 1;      /* stays paused until the operator says otherwise */
            o->kept.last_verb = VERB_PAUSE;
            orch_event(a, EV_PAUSE, text);
        }
    }
}

/* A process that lives and says nothing is stuck or stopped; its own watchdog cannot help a stopped one.
 * Killed, the process manager starts it again.  Only a process that is what its heartbeat said it was. */
static void kill_hung(const struct registry *r, int64_t after_ns, int64_t now_ns)
{
    for (int i = 0; i < REGISTRY_AGENTS; i++) {
        const struct member *m = &r->members[i];
        if (i == AGENT_ORCHESTRATOR || m->pid <= 0 || m->life != LIFE_DOWN || now_ns - m->heard_ns < after_ns)
            continue;
        char path[64], exe[256], name[64];
        snprintf(path, sizeof path, "/proc/%lld/exe", (long long)m->pid);
        snprintf(name, sizeof name, "/enigma-%s", party_name((enum party)i));
        ssize_t n = readlink(path, exe, sizeof exe - 1);
        size_t len = strlen(name);
        if (n < (ssize_t)len || memcmp(exe + n - len, name, len) != 0)
            continue;
        log_error("agent.hung", LOG_S("name", party_name((enum party)i)), LOG_I("pid", m->pid),
                  LOG_S("action", "killed, to be started again"));
        kill((pid_t)m->pid, SIGKILL);
    }
}

/* What follows from what is, in order of weight. */
static void look(void *arg)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    int64_t now = mono_now().ns;
    bool changed = registry_update(&o->registry, agent_scaled_ms(a, DEAD_MS) * 1000000, now);

    o->latch = latch_is_set();
    if (o->latch && o->kept.state != SYS_EMERGENCY_STOP && o->kept.state != SYS_SHUTDOWN)
        orch_emergency(a, "MANUAL", "the STOP file is there");
    check_restarts(a);
    kill_hung(&o->registry, agent_scaled_ms(a, HUNG_MS) * 1000000, now);

    bool ready = registry_all_ready(&o->registry);
    bool wish = machine_wants_trading(o->kept.commanded, (enum verb)o->kept.last_verb, o->latch);
    if (o->kept.state == SYS_INITIALIZING && ready)
        orch_event(a, EV_STARTED, "all agents are ready");
    if (o->kept.state == SYS_READY && ready && wish)
        orch_event(a, EV_BEGIN, "all agents are ready");
    enum party missing = registry_missing(&o->registry, agent_scaled_ms(a, HOLD_MS) * 1000000, now);
    if (o->kept.state == SYS_TRADING && missing != AGENT_COUNT) {
        char text[96];
        snprintf(text, sizeof text, "%s is not ready", party_name(missing));
        agent_degraded(a, SEVERITY_HIGH, party_name(missing), "AGENT_DOWN", text);
        orch_event(a, EV_HOLD, text);
    }
    if (ready)
        for (int i = 0; i < REGISTRY_AGENTS; i++)
            agent_degraded_clear(a, party_name((enum party)i), "AGENT_DOWN");
    if (o->kept.state == SYS_PAUSED && o->kept.held && ready && wish)
        orch_event(a, EV_RELEASE, "all agents are ready again");
    if (changed)
        orch_publish_state(a);
}

/* ---- heard ---- */

void orch_on_heartbeat(struct agent *a, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    const struct msg_agent_hb *hb = e->msg;
    if (e->from >= REGISTRY_AGENTS)
        return;
    bool restarted = registry_heartbeat(&o->registry, e->from, hb, e->header->epoch, mono_now().ns);
    if (restarted)
        log_warn("agent.restarted", LOG_S("name", party_name(e->from)), LOG_I("pid", hb->pid),
                 LOG_I("epoch", e->header->epoch), LOG_S("action", "counted"));
    look(a);
}

void orch_on_register(struct agent *a, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    const struct msg_agent_register *m = e->msg;
    struct msg_agent_registered answer = {
        .accepted = m->protocol == PROTOCOL_VERSION && e->from < REGISTRY_AGENTS,
        .system_state = (enum system_state)o->kept.state,
    };
    if (!answer.accepted) {
        snprintf(answer.reason, sizeof answer.reason,
                 "protocol %lld, this system speaks %d; start the same version everywhere",
                 (long long)m->protocol, PROTOCOL_VERSION);
        log_error("agent.refused", LOG_S("name", party_name(e->from)), LOG_S("reason", answer.reason));
    } else {
        answer.turn = o->registry.members[e->from].turn;
        log_info("agent.registered", LOG_S("name", party_name(e->from)), LOG_I("pid", m->pid),
                 LOG_I("epoch", m->epoch), LOG_B("turn", answer.turn));
    }
    struct reply_to to = agent_reply_to(e);
    agent_reply(a, &to, MSG_AGENT_REGISTERED, &answer);
}

void orch_on_signal_state(struct agent *a, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    o->miner = *(const struct msg_signal_state *)e->msg;
    o->miner_known = true;
}

void orch_on_degraded(struct agent *a, const struct event *e)
{
    const struct msg_health_degraded *m = e->msg;
    (void)a;
    log_debug("health", LOG_S("from", party_name(e->from)), LOG_S("component", m->component),
              LOG_S("code", m->code), LOG_B("cleared", m->cleared));
}

void orch_on_emergency(struct agent *a, const struct event *e)
{
    const struct msg_emergency_stop *m = e->msg;
    char text[96];
    snprintf(text, sizeof text, "%s: %.60s", m->cause, m->text);
    orch_event(a, EV_EMERGENCY, text);
}

/* A worker says what became of a task. */
void orch_on_task(struct agent *a, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    const struct msg_task *m = e->msg;
    const struct task_entry *t = tasks_find(&o->tasks, m->task_id);
    if (t == NULL || (m->state != TASK_DONE && m->state != TASK_FAILED))
        return;
    const struct task_entry done = *t;
    tasks_done(&o->tasks, done.id);
    agent_note(a, NOTE_TASK_DONE, &done, sizeof done, false);
}

void orch_on_account(struct agent *a, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    o->equity = ((const struct msg_account_updated *)e->msg)->equity;
}

static char *open_slot(struct orchestrator *o, const char *symbol)
{
    for (int i = 0; i < ORCH_POSITIONS; i++)
        if (strcmp(o->open[i], symbol) == 0)
            return o->open[i];
    return NULL;
}

void orch_on_opened(struct agent *a, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    const struct sub_position *p = &((const struct msg_position_opened *)e->msg)->position;
    char *slot = open_slot(o, p->symbol);
    if (slot == NULL && (slot = open_slot(o, "")) != NULL)
        text_copy(slot, sizeof o->open[0], p->symbol);
}

void orch_on_closed(struct agent *a, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    char *slot = open_slot(o, ((const struct msg_position_closed *)e->msg)->position.symbol);
    if (slot != NULL)
        *slot = '\0';
}

/* ---- deep health check ---- */

static void on_status(struct agent *a, void *arg, int err, const struct event *e)
{
    const char *name = party_name((enum party)(intptr_t)arg);
    (void)e;
    if (err < 0)
        agent_degraded(a, SEVERITY_HIGH, name, "NO_ANSWER", "did not answer the health check in time");
    else
        agent_degraded_clear(a, name, "NO_ANSWER");
}

static void check_health(void *arg)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    const struct msg_agent_status ask = {0};
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        if (i != AGENT_ORCHESTRATOR && o->registry.members[i].life != LIFE_DOWN)
            agent_request(a, (enum party)i, MSG_AGENT_STATUS, &ask, REQUEST_DEADLINE_MS, on_status,
                          (void *)(intptr_t)i);
    struct statvfs fs;
    int64_t least = config_int(agent_config(a), CFG_disk_min_mib);
    if (statvfs(".", &fs) == 0 && (int64_t)(fs.f_bavail * fs.f_frsize >> 20) < least)
        agent_degraded(a, SEVERITY_HIGH, "disk", "LOW_SPACE", "little free space left; free some");
    else
        agent_degraded_clear(a, "disk", "LOW_SPACE");
}

/* ---- Redis and the queue ---- */

static void on_added(void *arg, int err)
{
    (void)arg;
    if (err < 0 && err != ERR_DUPLICATE)
        log_warn("task.not_queued", LOG_S("error", err_text(err)), LOG_S("action", "added again when Redis is up"));
}

static void add_all_tasks(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    for (size_t i = 0; i < TASKS_OPEN_MAX; i++) {
        const struct task_entry *t = &o->tasks.open[i];
        if (t->id[0] != '\0')
            queue_add(o->queue, t->id, t->priority, t, sizeof *t, on_added, a);
    }
}

/* The backtest of the live parameters: at start and every market day. */
static void ask_backtest(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    int64_t market = agent_market_ns(a);
    if (market == 0 || o->kept.state != SYS_TRADING || tm_day(market) == o->task_day)
        return;
    o->task_day = tm_day(market);
    struct task_entry t = {.priority = PRIORITY_LOW};
    char when[TM_TEXT_MAX];
    tm_format(o->task_day, when);
    snprintf(t.id, sizeof t.id, "backtest-%.10s-%lld", when, (long long)(agent_now_ns(a) / NS_PER_S));
    TEXT_COPY(t.kind, "backtest");
    if (tasks_add(&o->tasks, &t) < 0)
        return;
    agent_note(a, NOTE_TASK, &t, sizeof t, false);
    struct msg_task m = {.state = TASK_QUEUED, .priority = PRIORITY_LOW};
    TEXT_COPY(m.task_id, t.id);
    TEXT_COPY(m.kind, t.kind);
    agent_publish(a, TOPIC_TASK, "queued", MSG_TASK, &m, NULL);
    if (store_state(o->store) == STORE_UP)
        queue_add(o->queue, t.id, t.priority, &t, sizeof t, on_added, a);
}

static void on_store(void *arg, enum store_state state)
{
    struct agent *a = arg;
    if (state == STORE_UP) {
        log_info("redis.up", LOG_NONE);
        agent_degraded_clear(a, "redis", "DOWN");
        add_all_tasks(a);
    } else {
        agent_degraded(a, SEVERITY_MEDIUM, "redis", "DOWN", store_state_text(state));
    }
}

static void on_counts(void *arg, int err, const struct queue_counts *counts)
{
    struct orchestrator *o = agent_state(arg);
    if (err == ERR_OK)
        o->counts = *counts;
}

static void on_reaped(void *arg, int err, const struct queue_reaped *r)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    for (int i = 0; err == ERR_OK && i < r->dead; i++) {
        const struct task_entry *t = tasks_find(&o->tasks, r->dead_ids[i]);
        struct msg_task m = {.state = TASK_DEAD, .priority = PRIORITY_NORMAL, .attempt = QUEUE_ATTEMPTS};
        snprintf(m.task_id, sizeof m.task_id, "%s", r->dead_ids[i]);
        snprintf(m.kind, sizeof m.kind, "%s", t != NULL ? t->kind : "");
        snprintf(m.detail, sizeof m.detail, "its worker was lost %d times", QUEUE_ATTEMPTS);
        agent_publish(a, TOPIC_TASK, "dead", MSG_TASK, &m, NULL);
    }
}

static void tend_queue(void *arg)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    ask_backtest(a);
    if (store_state(o->store) != STORE_UP)
        return;
    queue_reap(o->queue, on_reaped, a);
    queue_count(o->queue, on_counts, a);
}

/* ---- start and stop ---- */

int orch_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct orchestrator *o = agent_state(a);
    (void)why;
    o->kept = (struct orch_kept){.version = KEPT_VERSION, .state = SYS_INITIALIZING, .reason = "first start"};
    o->equity = dec_zero();
    registry_init(&o->registry, AGENT_ORCHESTRATOR, mono_now().ns);
    return ERR_OK;
}

/* After a kill the state is what it was, never more permissive: TRADING is held until all agents show
 * again that they are ready. */
static void resume_state(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    if (o->kept.state == SYS_TRADING)
        orch_event(a, EV_HOLD, "the orchestrator restarted");
    if (o->kept.state == SYS_SHUTDOWN) {
        o->kept.state = SYS_INITIALIZING;
        snprintf(o->kept.reason, sizeof o->kept.reason, "started");
        keep(a);
    }
}

/* Cycles are of market time, at least CYCLE_MIN_MS of wall apart. */
static int64_t cycle_ms(struct agent *a, enum cfg interval)
{
    double speed = agent_market_speed(a);
    int64_t ms = (int64_t)((double)config_int(agent_config(a), interval) / (speed > 0 ? speed : 1));
    return ms > CYCLE_MIN_MS ? ms : CYCLE_MIN_MS;
}

/* The trading cycle: counted, and its state on file for whoever reads files. */
static void trading_cycle(void *arg)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    static struct msg_state_unified m;
    o->cycles++;
    if (agent_now_ns(a) - o->copied_ns >= STATE_PERIOD_MS * NS_PER_MS) {
        o->copied_ns = agent_now_ns(a);
        fill_state(a, &m);
        copy_state(a, &m);
    }
    loop_timer_again(o->timer_cycle, cycle_ms(a, CFG_trading_interval_ms));
}

/* The scan: everything is looked at again, whether or not anything said that it changed. */
static void scan_cycle(void *arg)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    look(a);
    loop_timer_again(o->timer_scan, cycle_ms(a, CFG_scan_interval_ms));
}

static void on_timer_state(void *arg)
{
    orch_publish_state(arg);
}

void orch_start(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    o->started_ns = agent_now_ns(a);
    resume_state(a);
    const struct store_options options = {
        .loop = loop_uv(agent_loop(a)), .path = "sock/redis.sock", .instance = "main",
        .changed = on_store, .arg = a,
    };
    must(store_open(&options, &o->store) == ERR_OK);
    o->queue = queue_new(o->store, (int)config_int(agent_config(a), CFG_max_concurrent_tasks));
    struct loop *l = agent_loop(a);
    int64_t health_ms = config_int(agent_config(a), CFG_health_check_s) * 1000;
    o->timer_state = loop_timer_new(l, STATE_PERIOD_MS, STATE_PERIOD_MS, true, on_timer_state, a);
    o->timer_look = loop_timer_new(l, LOOK_MS, LOOK_MS, true, look, a);
    o->timer_cycle = loop_timer_new(l, STATE_PERIOD_MS, 0, false, trading_cycle, a);
    o->timer_scan = loop_timer_new(l, STATE_PERIOD_MS, 0, false, scan_cycle, a);
    o->timer_health = loop_timer_new(l, health_ms, health_ms, true, check_health, a);
    o->timer_queue = loop_timer_new(l, QUEUE_MS, QUEUE_MS, true, tend_queue, a);
}

void orch_drain(struct agent *a)
{
    orch_event(a, EV_SHUTDOWN, "stopped in order");
    agent_drained(a);
}

void orch_fini(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    store_close(&o->store);
    queue_destroy(&o->queue);
}

size_t orch_counters(struct agent *a, struct sub_counter *ret, size_t max)
{
    const struct orchestrator *o = agent_state(a);
    const struct sub_counter all[] = {
        {.name = "cycles", .count = o->cycles},
        {.name = "tasks_open", .count = (int64_t)o->tasks.n},
        {.name = "tasks_running", .count = o->counts.out},
        {.name = "tasks_dead", .count = o->counts.dead},
    };
    size_t n = sizeof all / sizeof all[0] < max ? sizeof all / sizeof all[0] : max;
    memcpy(ret, all, n * sizeof *ret);
    return n;
}
