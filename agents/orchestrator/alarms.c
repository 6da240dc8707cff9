/* alarms - degradations that stop or pause the system when they last; see orchestrator.h
 *
 * A broken invariant of weight CRITICAL, credentials that the venue does not take, and a key that may more than it might
 * before, are an emergency; a broken invariant of weight HIGH pauses until the operator resumes.  Who raises one repeats it each second: one that is
 * no longer heard is over.  ALARM_MS of it, so that what two messages in flight make look wrong stops nothing.
 */
#include <stdio.h>
#include <string.h>

#include "libagent/log.h"
#include "libagent/timers.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/orchestrator/orchestrator.h"

#define ALARM_MS 5000
#define HEARD_MS 3000

static struct orch_alarm *slot(struct orchestrator *o, const char *code)
{
    struct orch_alarm *unused = NULL;
    for (int i = 0; i < ORCH_ALARMS; i++) {
        if (strcmp(o->alarms[i].code, code) == 0)
            return &o->alarms[i];
        if (o->alarms[i].code[0] == '\0' && unused == NULL)
            unused = &o->alarms[i];
    }
    return unused;
}

void orch_on_degraded(struct agent *a, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    const struct msg_health_degraded *m = e->msg;
    log_debug("health", LOG_S("from", party_name(e->from)), LOG_S("component", m->component),
              LOG_S("code", m->code), LOG_B("cleared", m->cleared));
    bool invariant = strcmp(m->component, "invariant") == 0 && m->severity >= SEVERITY_HIGH;
    bool credentials = (strcmp(m->code, "CREDENTIALS") == 0 || strcmp(m->code, "KEY_CHANGED") == 0) &&
                       m->severity == SEVERITY_CRITICAL;
    struct orch_alarm *s = invariant || credentials ? slot(o, m->code) : NULL;
    if (s == NULL)
        return;
    if (m->cleared) {
        *s = (struct orch_alarm){.since_ns = 0};
        return;
    }
    if (s->code[0] == '\0')
        s->since_ns = e->now_ns;
    s->heard_ns = e->now_ns;
    s->critical = m->severity == SEVERITY_CRITICAL;
    TEXT_COPY(s->code, m->code);
    snprintf(s->cause, sizeof s->cause, "%s", invariant ? "INVARIANT" : "CREDENTIALS");
    snprintf(s->text, sizeof s->text, "%.31s: %.126s", m->code, m->text);
}

bool orch_alarmed(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    int64_t now = agent_now_ns(a);
    bool any = false;
    for (int i = 0; i < ORCH_ALARMS; i++) {
        struct orch_alarm *s = &o->alarms[i];
        if (s->code[0] != '\0' && now - s->heard_ns > agent_scaled_ms(a, HEARD_MS) * NS_PER_MS)
            *s = (struct orch_alarm){.since_ns = 0};
        if (s->code[0] == '\0' || s->heard_ns - s->since_ns < agent_scaled_ms(a, ALARM_MS) * NS_PER_MS)
            continue;
        any = true;
        if (s->critical && o->kept.state != SYS_EMERGENCY_STOP) {
            orch_emergency(a, s->cause, s->text);
        } else if (o->kept.state == SYS_TRADING || (o->kept.state == SYS_PAUSED && o->kept.held)) {
            o->kept.commanded = 1;      /* stays paused until the operator says otherwise */
            o->kept.last_verb = VERB_PAUSE;
            orch_event(a, EV_PAUSE, s->text);
        }
    }
    return any;
}
