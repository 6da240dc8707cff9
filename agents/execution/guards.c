/* guards - see guards.h */
#include <stdio.h>
#include <string.h>

#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/tm.h"

#include "agents/execution/guards.h"

void guards_hear(struct guards *g, const struct lease *l, int64_t now_ns)
{
    if (leases_life_ms((enum party)l->party) == 0)
        return;
    struct guard *o = &g->of[l->party];
    if (!o->known || l->mode != g->mode || memcmp(l->account, g->account, sizeof g->account) != 0 ||
        memcmp(l->boot_id, g->boot_id, sizeof g->boot_id) != 0 || l->issued_ns > now_ns ||
        l->issued_ns <= o->issued_ns || lease_verify(l, o->key) < 0)
        return;
    o->issued_ns = l->issued_ns;
    o->flags = l->flags;
}

static enum guards_state state_of(const struct guards *g, enum party p, double silent_ms)
{
    double life_ms = (double)leases_life_ms(p) * g->scale;
    if (life_ms <= 0 || (g->of[p].issued_ns > 0 && silent_ms <= life_ms))
        return GUARDS_FINE;
    return (p == AGENT_RISK || p == AGENT_ORCHESTRATOR) && silent_ms > LEASE_LOST_MS * g->scale ? GUARDS_LOST
                                                                                                : GUARDS_LAPSED;
}

enum guards_state guards_state(const struct guards *g, int64_t now_ns, char why[GUARDS_WHY_MAX])
{
    enum guards_state ret = GUARDS_FINE;
    for (enum party p = 0; p < AGENT_COUNT && !PLANTED(leases_ignored); p++) {
        bool heard = g->of[p].issued_ns > 0;
        double silent_ms = (double)(now_ns - (heard ? g->of[p].issued_ns : g->since_ns)) / NS_PER_MS;
        enum guards_state s = state_of(g, p, silent_ms);
        if (s <= ret)
            continue;
        ret = s;
        snprintf(why, GUARDS_WHY_MAX, "LEASE: %s %s for %.1f s", party_name(p),
                 heard ? "has been silent" : "has not been heard", silent_ms / 1000);
    }
    return ret;
}

bool guards_trading(const struct guards *g)
{
    return (g->of[AGENT_ORCHESTRATOR].flags & LEASE_TRADING) != 0;
}

bool guards_known(const struct guards *g)
{
    for (enum party p = 0; p < AGENT_COUNT; p++)
        if (leases_life_ms(p) > 0 && !g->of[p].known)
            return false;
    return true;
}
