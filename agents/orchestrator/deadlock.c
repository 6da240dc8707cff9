/* deadlock - see deadlock.h */
#include <stdio.h>
#include <string.h>

#include "proto/text.h"

#include "agents/orchestrator/deadlock.h"

struct path {
    const struct registry *r;
    int64_t min_age_ms;
    int who[REGISTRY_AGENTS];
    const struct sub_wait *asked[REGISTRY_AGENTS];      /* by who[i], of who[i + 1] or of the first */
    int n;
};

static int index_of(const char *name)
{
    int i = 0;
    while (i < REGISTRY_AGENTS && strcmp(party_name((enum party)i), name) != 0)
        i++;
    return i;
}

static bool on_path(const struct path *p, int who)
{
    for (int i = 0; i < p->n; i++)
        if (p->who[i] == who)
            return true;
    return false;
}

/* Go on from `who`; true when the path closed at its beginning. */
static bool walk(struct path *p, int who)
{
    const struct member *m = &p->r->members[who];
    int at = p->n++;
    p->who[at] = who;
    for (size_t i = 0; m->life != LIFE_DOWN && i < m->hb.waits_n; i++) {
        const struct sub_wait *w = &m->hb.waits[i];
        int to = index_of(w->to);
        if (to == REGISTRY_AGENTS || w->age_ms < p->min_age_ms)
            continue;
        p->asked[at] = w;
        if (to == p->who[0] || (!on_path(p, to) && walk(p, to)))
            return true;
    }
    p->n--;
    return false;
}

static void describe(const struct path *p, struct deadlock *ret)
{
    int youngest = 0;
    size_t n = 0;
    for (int i = 0; i < p->n; i++) {
        if (p->asked[i]->age_ms < p->asked[youngest]->age_ms)
            youngest = i;
        if (n < sizeof ret->text)
            n += (size_t)snprintf(ret->text + n, sizeof ret->text - n, "%s%s waits for %s", i > 0 ? ", " : "",
                                  party_name((enum party)p->who[i]), p->asked[i]->to);
    }
    ret->who = (enum party)p->who[youngest];
    TEXT_COPY(ret->id, p->asked[youngest]->id);
}

bool deadlock_find(const struct registry *r, int64_t min_age_ms, struct deadlock *ret)
{
    for (int i = 0; i < REGISTRY_AGENTS; i++) {
        struct path p = {.r = r, .min_age_ms = min_age_ms};
        if (walk(&p, i)) {
            describe(&p, ret);
            return true;
        }
    }
    return false;
}
