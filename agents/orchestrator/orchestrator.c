/* orchestrator - what it hears, the deep health check, start and stop; see orchestrator.h */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "libagent/log.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/orchestrator/orchestrator.h"

#define LOOK_MS      100
#define CYCLE_MIN_MS 50

/* ---- heard ---- */

void orch_on_heartbeat(struct agent *a, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    const struct msg_agent_hb *hb = e->msg;
    if (e->from >= REGISTRY_AGENTS)
        return;
    int64_t restarted = registry_heartbeat(&o->registry, e->from, hb, e->header->epoch, mono_now().ns);
    if (restarted > 0)
        log_warn("agent.restarted", LOG_S("name", party_name(e->from)), LOG_I("pid", hb->pid),
                 LOG_I("epoch", e->header->epoch), LOG_I("times", restarted), LOG_S("action", "counted"));
    orch_look(a);
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

void orch_on_emergency(struct agent *a, const struct event *e)
{
    const struct msg_emergency_stop *m = e->msg;
    char text[96];
    snprintf(text, sizeof text, "%s: %.60s", m->cause, m->text);
    orch_event(a, EV_EMERGENCY, text);
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
    loop_timer_again(o->timer_health, config_int(agent_config(a), CFG_health_check_s) * 1000);
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
        orch_keep(a);
    }
}

/* A start that follows no orderly end, under the same process manager, is a restart of ours. */
static void count_start(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    struct orch_starts *s = &o->starts;
    int64_t manager = 1 + getppid(), now = agent_now_ns(a), mono = mono_now().ns;
    if (s->manager != manager)
        *s = (struct orch_starts){.manager = manager};
    else if (!s->orderly)
        s->at_ns[s->n++ % RESTARTS_KEPT] = now;
    s->orderly = 0;
    agent_note(a, NOTE_STARTS, s, sizeof *s, true);
    for (int64_t i = 0; i < s->n && i < RESTARTS_KEPT; i++)
        registry_restarted(&o->registry, AGENT_ORCHESTRATOR, mono - (now - s->at_ns[i]));
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
    o->cycles++;
    if (agent_now_ns(a) - o->copied_ns >= STATE_PERIOD_MS * NS_PER_MS) {
        o->copied_ns = agent_now_ns(a);
        orch_copy_state(a);
    }
    loop_timer_again(o->timer_cycle, cycle_ms(a, CFG_trading_interval_ms));
}

/* The scan: everything is looked at again, whether or not anything said that it changed. */
static void scan_cycle(void *arg)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    orch_look(a);
    loop_timer_again(o->timer_scan, cycle_ms(a, CFG_scan_interval_ms));
}

static void on_timer_state(void *arg)
{
    orch_publish_state(arg);
}

/* Who is told that it stopped, paused or goes on; without a webhook and a chat, nobody. */
static void on_notified(void *arg, bool delivered, const char *why)
{
    if (delivered)
        agent_degraded_clear(arg, "notify", "UNDELIVERED");
    else
        agent_degraded(arg, SEVERITY_MEDIUM, "notify", "UNDELIVERED", why);
}

static void start_notify(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    const struct config *c = agent_config(a);
    const struct notify_options n = {
        .loop = agent_loop(a), .file = "journal/notify.waiting", .instance = config_text(c, CFG_mode),
        .webhook = config_text(c, CFG_notify_webhook), .telegram_url = config_text(c, CFG_notify_telegram_url),
        .telegram_chat = config_text(c, CFG_notify_telegram_chat), .telegram_token_file = "etc/keys/telegram.token",
        .changed = on_notified, .arg = a,
    };
    int err = notify_new(&n, &o->notify);
    if (err < 0 && err != ERR_MISSING)
        agent_degraded(a, SEVERITY_MEDIUM, "notify", "NOT_CONFIGURED", "etc/keys/telegram.token: cannot be read");
}

void orch_start(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    start_notify(a);
    o->started_ns = agent_now_ns(a);
    count_start(a);
    resume_state(a);
    work_start(a);
    struct loop *l = agent_loop(a);
    o->timer_state = loop_timer_new(l, STATE_PERIOD_MS, STATE_PERIOD_MS, true, on_timer_state, a);
    o->timer_look = loop_timer_new(l, LOOK_MS, LOOK_MS, true, orch_look, a);
    o->timer_cycle = loop_timer_new(l, STATE_PERIOD_MS, 0, false, trading_cycle, a);
    o->timer_scan = loop_timer_new(l, STATE_PERIOD_MS, 0, false, scan_cycle, a);
    o->timer_health = loop_timer_new(l, STATE_PERIOD_MS, 0, false, check_health, a);
    orch_configured(a);
}

/* An emergency outlives the run: only the operator ends it. */
void orch_drain(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    o->starts.orderly = 1;
    agent_note(a, NOTE_STARTS, &o->starts, sizeof o->starts, true);
    if (o->kept.state != SYS_EMERGENCY_STOP)
        orch_event(a, EV_SHUTDOWN, "stopped in order");
    agent_drained(a);
}

void orch_fini(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    work_fini(o);
    notify_destroy(&o->notify);
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
