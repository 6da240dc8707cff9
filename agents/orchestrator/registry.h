/* registry - who is there, in what state, and whose turn it is.
 *
 * Start-up order (design): audit, data, signal, risk, execution, optimizer; each may warm up when the one
 * it needs is ready.  The order is a rule, not a script: an agent that restarts later gets its turn
 * at once when what it needs is still there.
 * An agent is down when its heartbeat is silent for DEAD_MS; each epoch more than the last one heard is a
 * restart (one that died before it could say anything counts, too), unplanned unless it was asked for.
 * Pure: monotonic ns is an argument.
 */
#ifndef AGENTS_ORCHESTRATOR_REGISTRY_H
#define AGENTS_ORCHESTRATOR_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/enums.h"
#include "proto/messages.h"

#define REGISTRY_AGENTS (AGENT_AUDIT + 1)
#define RESTARTS_KEPT   200     /* twice the largest restart_max */

struct member {
    enum life life;
    bool turn;
    bool planned;               /* its next restart was asked for */
    int64_t pid, epoch;
    int64_t heard_ns;           /* 0: never */
    int64_t not_ready_ns;       /* since then; 0: ready */
    int64_t restarts;           /* unplanned */
    int64_t restart_ns[RESTARTS_KEPT];
    struct msg_agent_hb hb;     /* the last one */
};

struct registry {
    enum party self;
    struct member members[REGISTRY_AGENTS];
};

void registry_init(struct registry *r, enum party self, int64_t now_ns);
/* How many unplanned restarts it shows: 0 but after one. */
int64_t registry_heartbeat(struct registry *r, enum party who, const struct msg_agent_hb *hb, int64_t epoch,
                           int64_t now_ns);
/* An unplanned restart that is known from elsewhere. */
void registry_restarted(struct registry *r, enum party who, int64_t at_ns);
/* Mark the silent ones as down and give turns; true when anything changed. */
bool registry_update(struct registry *r, int64_t dead_ns, int64_t now_ns);
void registry_planned(struct registry *r, enum party who);

/* All seven are ready or active. */
bool registry_all_ready(const struct registry *r);
/* The first that is there with another configuration than this, or another build than our own; else AGENT_COUNT. */
enum party registry_differing(const struct registry *r, const char *config_hash);
/* The first that is not there now, but we; else AGENT_COUNT. */
enum party registry_absent(const struct registry *r);
/* Not ready for longer than grace_ns (the orchestrator itself never is). */
bool registry_is_missing(const struct registry *r, enum party who, int64_t grace_ns, int64_t now_ns);
/* The first of those, or AGENT_COUNT. */
enum party registry_missing(const struct registry *r, int64_t grace_ns, int64_t now_ns);
/* Unplanned restarts of `who` within the window. */
int registry_restarts(const struct registry *r, enum party who, int64_t window_ns, int64_t now_ns);
void registry_view(const struct registry *r, enum party who, int64_t now_ns, struct sub_agent_view *ret);

#endif
