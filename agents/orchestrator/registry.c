/* registry - see registry.h */
#include <string.h>

#include "proto/text.h"

#include "agents/orchestrator/registry.h"

/* What each agent needs before it warms up; AGENT_COUNT: nothing. */
static const enum party needs[REGISTRY_AGENTS] = {
    [AGENT_ORCHESTRATOR] = AGENT_COUNT,     [AGENT_AUDIT] = AGENT_COUNT,
    [AGENT_DATA] = AGENT_AUDIT,             [AGENT_SIGNAL] = AGENT_DATA,
    [AGENT_RISK] = AGENT_SIGNAL,            [AGENT_EXECUTION] = AGENT_RISK,
    [AGENT_OPTIMIZER] = AGENT_EXECUTION,
};

static bool is_ready(const struct member *m)
{
    return m->life == LIFE_READY || m->life == LIFE_ACTIVE;
}

void registry_init(struct registry *r, enum party self, int64_t now_ns)
{
    *r = (struct registry){.self = self};
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        r->members[i].not_ready_ns = now_ns;
}

static void set_life(struct member *m, enum life life, int64_t now_ns)
{
    m->life = life;
    if (is_ready(m))
        m->not_ready_ns = 0;
    else if (m->not_ready_ns == 0)
        m->not_ready_ns = now_ns;
}

void registry_restarted(struct registry *r, enum party who, int64_t at_ns)
{
    struct member *m = &r->members[who];
    m->restart_ns[m->restarts++ % RESTARTS_KEPT] = at_ns;
}

int64_t registry_heartbeat(struct registry *r, enum party who, const struct msg_agent_hb *hb, int64_t epoch,
                           int64_t now_ns)
{
    if (who >= REGISTRY_AGENTS)
        return 0;
    struct member *m = &r->members[who];
    int64_t unplanned = m->epoch != 0 && epoch > m->epoch ? epoch - m->epoch : 0;
    if (unplanned > 0 && m->planned) {
        m->planned = false;
        unplanned--;
    }
    for (int64_t i = 0; i < unplanned && i < RESTARTS_KEPT; i++)
        registry_restarted(r, who, now_ns);
    m->epoch = epoch;
    m->pid = hb->pid;
    m->heard_ns = now_ns;
    m->hb = *hb;
    set_life(m, hb->life, now_ns);
    return unplanned;
}

bool registry_update(struct registry *r, int64_t dead_ns, int64_t now_ns)
{
    bool changed = false;
    for (int i = 0; i < REGISTRY_AGENTS; i++) {
        struct member *m = &r->members[i];
        if (m->life != LIFE_DOWN && (int)r->self != i && now_ns - m->heard_ns > dead_ns) {
            set_life(m, LIFE_DOWN, now_ns);
            changed = true;
        }
    }
    for (int i = 0; i < REGISTRY_AGENTS; i++) {     /* after all are judged: they depend on one another */
        struct member *m = &r->members[i];
        bool turn = needs[i] == AGENT_COUNT || is_ready(&r->members[needs[i]]) || is_ready(m);
        changed = changed || turn != m->turn;
        m->turn = turn;
    }
    return changed;
}

void registry_planned(struct registry *r, enum party who)
{
    r->members[who].planned = true;
}

bool registry_all_ready(const struct registry *r)
{
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        if ((int)r->self != i && !is_ready(&r->members[i]))
            return false;
    return true;
}

enum party registry_differing(const struct registry *r, const char *config_hash)
{
    const struct member *self = &r->members[r->self];
    for (int i = 0; i < REGISTRY_AGENTS; i++) {
        const struct member *m = &r->members[i];
        if ((int)r->self != i && m->life != LIFE_DOWN &&
            (strcmp(m->hb.config_hash, config_hash) != 0 ||
             (self->heard_ns != 0 && strcmp(m->hb.build, self->hb.build) != 0)))
            return (enum party)i;
    }
    return AGENT_COUNT;
}

enum party registry_absent(const struct registry *r)
{
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        if ((int)r->self != i && r->members[i].life == LIFE_DOWN)
            return (enum party)i;
    return AGENT_COUNT;
}

bool registry_is_missing(const struct registry *r, enum party who, int64_t grace_ns, int64_t now_ns)
{
    const struct member *m = &r->members[who];
    return r->self != who && m->not_ready_ns != 0 && now_ns - m->not_ready_ns > grace_ns;
}

enum party registry_missing(const struct registry *r, int64_t grace_ns, int64_t now_ns)
{
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        if (registry_is_missing(r, (enum party)i, grace_ns, now_ns))
            return (enum party)i;
    return AGENT_COUNT;
}

int registry_restarts(const struct registry *r, enum party who, int64_t window_ns, int64_t now_ns)
{
    const struct member *m = &r->members[who];
    int n = 0;
    for (int i = 0; i < RESTARTS_KEPT && i < m->restarts; i++)
        n += now_ns - m->restart_ns[i] <= window_ns;
    return n;
}

void registry_view(const struct registry *r, enum party who, int64_t now_ns, struct sub_agent_view *ret)
{
    const struct member *m = &r->members[who];
    *ret = (struct sub_agent_view){
        .life = m->life, .turn = m->turn, .pid = m->pid, .restarts = m->restarts,
        .age_ms = m->heard_ns == 0 ? -1 : (now_ns - m->heard_ns) / 1000000,
    };
    TEXT_COPY(ret->name, party_name(who));
}
