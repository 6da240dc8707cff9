/* keep - what outlives the process: notes and snapshots; see orchestrator.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "agents/orchestrator/orchestrator.h"

void orch_keep(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    agent_note(a, NOTE_STATE, &o->kept, sizeof o->kept, true);
}

static int check_kept(const struct orch_kept *k)
{
    if (k->version != KEPT_VERSION)
        return ERR_VERSION;
    bool ok = k->state >= 0 && k->state < SYS_COUNT && k->last_verb >= 0 && k->last_verb < VERB_COUNT;
    return ok ? ERR_OK : ERR_CORRUPT;
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
        return check_kept(&o->kept);
    case NOTE_STARTS:
        if (len != sizeof o->starts)
            return ERR_CORRUPT;
        memcpy(&o->starts, data, len);
        return ERR_OK;
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

/* A snapshot: these, one behind the other.  The starts came later: older snapshots end before them. */
#define PARTS 5
struct part {
    void *at;
    size_t size;
};

static size_t parts(struct orchestrator *o, struct part p[PARTS])
{
    size_t sum = 0;
    p[0] = (struct part){&o->kept, sizeof o->kept};
    p[1] = (struct part){&o->tasks, sizeof o->tasks};
    p[2] = (struct part){o->open, sizeof o->open};
    p[3] = (struct part){&o->equity, sizeof o->equity};
    p[4] = (struct part){&o->starts, sizeof o->starts};
    for (int i = 0; i < PARTS; i++)
        sum += p[i].size;
    return sum;
}

int orch_load(struct agent *a, const void *data, size_t len)
{
    struct orchestrator *o = agent_state(a);
    struct part p[PARTS];
    const char *from = data;
    size_t all = parts(o, p);
    if (len != all && len != all - sizeof o->starts)
        return ERR_CORRUPT;
    for (int i = 0; i < PARTS && from < (const char *)data + len; from += p[i++].size)
        memcpy(p[i].at, from, p[i].size);
    return check_kept(&o->kept);
}

void orch_save(struct agent *a, void **data, size_t *len)
{
    struct part p[PARTS];
    *len = parts(agent_state(a), p);
    char *to = malloc(*len);
    must(to != NULL);
    *data = to;
    for (int i = 0; i < PARTS; to += p[i++].size)
        memcpy(to, p[i].at, p[i].size);
}
