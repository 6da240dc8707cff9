/* look - what state the system should be in; see orchestrator.h and machine.h
 *
 * Level-triggered: every LOOK_MS it looks at what is (heartbeats, the latch file, the operator's last
 * word) and takes the event of the state machine that follows; nothing depends on having seen an edge.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "libagent/latch.h"
#include "libagent/log.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/orchestrator/deadlock.h"
#include "agents/orchestrator/orchestrator.h"

#define HOLD_MS    3000     /* an agent not ready for so long holds trading */
#define COME_MS    10000    /* at start-up one that has not come for so long is reported */
#define HUNG_MS    5000     /* silent for so long while its process lives: killed */
#define MIXED_MS   1000     /* not all with the same configuration for so long holds trading */

/* What somebody must know who looks at no screen. */
static void tell_people(struct orchestrator *o, enum machine_event ev, enum system_state now, const char *reason)
{
    static const signed char weight[EV_COUNT] = {
        [EV_EMERGENCY] = SEVERITY_CRITICAL, [EV_HOLD] = SEVERITY_HIGH, [EV_PAUSE] = SEVERITY_HIGH,
        [EV_FLATTEN] = SEVERITY_HIGH, [EV_STOP] = SEVERITY_HIGH,
    };
    if (ev != EV_STARTED && ev != EV_SHUTDOWN)
        notify_send(o->notify, (enum severity)weight[ev], system_state_name(now), reason);
}

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
    orch_keep(a);
    if (was != now)
        log_info("state", LOG_S("was", system_state_name(was)), LOG_S("now", system_state_name(now)),
                 LOG_S("on", machine_event_name(ev)), LOG_S("reason", reason));
    if (was != now || ev == EV_EMERGENCY)
        tell_people(o, ev, now, reason);
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

/* Set by somebody whose word did not come, or by hand. */
static void stop_for_latch(struct agent *a)
{
    char line[LATCH_TEXT], text[160];
    latch_text(line);
    snprintf(text, sizeof text, "the " LATCH_FILE " file is there%s%s", *line ? ": " : "", line);
    orch_emergency(a, "LATCH", text);
}

/* An agent that ends again and again: trading pauses until the operator resumes it, at twice as many everything
 * stops.  True while one does: nothing enters trading then. */
static bool check_restarts(struct agent *a, int64_t now_ns)
{
    struct orchestrator *o = agent_state(a);
    int64_t most = config_int(agent_config(a), CFG_restart_max);
    int64_t window_s = config_int(agent_config(a), CFG_restart_window_s);
    bool often = false;
    for (int i = 0; i < REGISTRY_AGENTS; i++) {
        const char *name = party_name((enum party)i);
        int n = registry_restarts(&o->registry, (enum party)i, window_s * NS_PER_S, now_ns);
        if (most == 0 || n < most) {
            agent_degraded_clear(a, name, "RESTARTS");
            continue;
        }
        char text[96];
        snprintf(text, sizeof text, "%s restarted %d times in %lld s", name, n, (long long)window_s);
        often = true;
        agent_degraded(a, n < 2 * most ? SEVERITY_HIGH : SEVERITY_CRITICAL, name, "RESTARTS", text);
        if (n >= 2 * most && o->kept.state != SYS_EMERGENCY_STOP) {
            orch_emergency(a, "RESTARTS", text);
        } else if (o->kept.state == SYS_TRADING || (o->kept.state == SYS_PAUSED && o->kept.held)) {
            o->kept.commanded = 1;      /* stays paused until the operator says otherwise */
            o->kept.last_verb = VERB_PAUSE;
            orch_event(a, EV_PAUSE, text);
        }
    }
    return often;
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

static void on_given_up(struct agent *a, void *arg, int err, const struct event *e)
{
    (void)a, (void)arg, (void)err, (void)e;     /* it is found again if it is still there */
}

/* A circle of questions ends with its youngest. */
static void break_deadlock(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    struct deadlock d;
    if (!deadlock_find(&o->registry, DEADLOCK_MS, &d) || strcmp(d.id, o->broken_id) == 0)
        return;
    TEXT_COPY(o->broken_id, d.id);      /* its asker's heartbeats name it until it is gone */
    struct msg_agent_cancel m = {.id = ""};
    TEXT_COPY(m.id, d.id);
    TEXT_COPY(m.reason, d.text);
    log_error("deadlock", LOG_S("circle", d.text), LOG_S("failed", party_name(d.who)), LOG_S("id", d.id),
              LOG_S("action", "the youngest question fails"));
    agent_request(a, d.who, MSG_AGENT_CANCEL, &m, REQUEST_DEADLINE_MS, on_given_up, NULL);
}

/* Says who is not there, until he is. */
static void report_missing(struct agent *a, int64_t now_ns)
{
    struct orchestrator *o = agent_state(a);
    bool starting = o->kept.state == SYS_INITIALIZING;
    int64_t grace_ns = agent_scaled_ms(a, starting ? COME_MS : HOLD_MS) * NS_PER_MS;
    for (int i = 0; i < REGISTRY_AGENTS; i++) {
        const char *name = party_name((enum party)i);
        char text[96];
        bool missing = registry_is_missing(&o->registry, (enum party)i, grace_ns, now_ns);
        if (starting && o->registry.members[i].life != LIFE_DOWN)
            missing = false;            /* it is there and warms up */
        snprintf(text, sizeof text, "%s is not ready", name);
        if (missing)
            agent_degraded(a, SEVERITY_HIGH, name, "AGENT_DOWN", text);
        else if (!registry_is_missing(&o->registry, (enum party)i, 0, now_ns))
            agent_degraded_clear(a, name, "AGENT_DOWN");
    }
}

/* One that runs another configuration or build than the others: no entries.  For a moment it is only about to follow
 * what was committed. */
static bool check_mixed(struct agent *a, enum party differing, int64_t now_ns)
{
    struct orchestrator *o = agent_state(a);
    char text[96];
    if (differing == AGENT_COUNT) {
        o->differ_ns = 0;
        agent_degraded_clear(a, "config", "MIXED");
        return false;
    }
    if (o->differ_ns == 0)
        o->differ_ns = now_ns;
    if (now_ns - o->differ_ns < agent_scaled_ms(a, MIXED_MS) * NS_PER_MS)
        return false;
    snprintf(text, sizeof text, "%s runs another configuration or build than the orchestrator", party_name(differing));
    agent_degraded(a, SEVERITY_HIGH, "config", "MIXED", text);
    return true;
}

/* What follows from what is, in order of weight. */
void orch_look(void *arg)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    int64_t now = mono_now().ns;
    bool changed = registry_update(&o->registry, agent_scaled_ms(a, DEAD_MS) * NS_PER_MS, now);
    if (o->kept.state == SYS_SHUTDOWN)
        return;                         /* they are meant to end */

    o->latch = latch_look(AT_FDCWD) != LATCH_NONE;
    if (o->latch && o->kept.state != SYS_EMERGENCY_STOP)
        stop_for_latch(a);
    o->restarting = check_restarts(a, now);
    o->alarmed = orch_alarmed(a);
    kill_hung(&o->registry, agent_scaled_ms(a, HUNG_MS) * NS_PER_MS, now);
    report_missing(a, now);
    break_deadlock(a);

    enum party differing = registry_differing(&o->registry, o->config_hash);
    bool mixed = check_mixed(a, differing, now);
    orch_reload_look(a);

    bool ready = registry_all_ready(&o->registry) && differing == AGENT_COUNT;
    bool wish = machine_wants_trading(o->kept.commanded, (enum verb)o->kept.last_verb, o->latch) && !o->restarting && !o->alarmed;
    if (o->kept.state == SYS_INITIALIZING && ready)
        orch_event(a, EV_STARTED, "all agents are ready");
    if (o->kept.state == SYS_READY && ready && wish)
        orch_event(a, EV_BEGIN, "all agents are ready");
    enum party missing = registry_missing(&o->registry, agent_scaled_ms(a, HOLD_MS) * NS_PER_MS, now);
    if (o->kept.state == SYS_TRADING && missing != AGENT_COUNT) {
        char text[96];
        snprintf(text, sizeof text, "%s is not ready", party_name(missing));
        orch_event(a, EV_HOLD, text);
    }
    if (o->kept.state == SYS_TRADING && mixed) {
        char text[96];
        snprintf(text, sizeof text, "%s runs another configuration or build", party_name(differing));
        orch_event(a, EV_HOLD, text);
    }
    if (o->kept.state == SYS_PAUSED && o->kept.held && ready && wish)
        orch_event(a, EV_RELEASE, "all agents are ready again");
    if (changed)
        orch_publish_state(a);
}
