/* orchestrator - what the handlers of this agent share.
 *
 * The authority over the system's state is this agent's journal; Redis holds a readable copy, and the
 * tasks, which are added again from the journal when Redis lost them.
 */
#ifndef AGENTS_ORCHESTRATOR_ORCHESTRATOR_H
#define AGENTS_ORCHESTRATOR_ORCHESTRATOR_H

#include "agents/orchestrator/machine.h"
#include "agents/orchestrator/registry.h"
#include "agents/orchestrator/tasks.h"
#include "libagent/agent.h"
#include "libagent/queue.h"
#include "libagent/store.h"

#define ORCH_POSITIONS 64

/* What is kept: written whole with each change (a note of the journal). */
struct orch_kept {
    int32_t version;
    int32_t state;              /* enum system_state */
    int32_t commanded;          /* the operator has spoken at least once */
    int32_t last_verb;          /* enum verb, valid when commanded */
    int32_t held;               /* PAUSED by the system, not by the operator */
    int32_t spare;
    char reason[96];
};

struct orchestrator {
    struct orch_kept kept;
    struct registry registry;
    struct tasks tasks;
    struct store *store;
    struct queue *queue;
    struct msg_signal_state miner;      /* newest of the signal agent */
    bool miner_known;
    dec_t equity;
    char open[ORCH_POSITIONS][20];      /* symbols with a position; empty: free */
    int64_t task_day;                   /* market day whose backtest was asked for */
    struct queue_counts counts;
    int64_t cycles;
    int64_t started_ns;
    bool latch;
    int64_t copied_ns;                  /* wall; when the readable copies were written */
    struct loop_timer *timer_state, *timer_look, *timer_health, *timer_queue, *timer_cycle, *timer_scan;
};

/* orchestrator.c: state */
int  orch_init(struct agent *a, char why[CONFIG_WHY_MAX]);
int  orch_load(struct agent *a, const void *data, size_t len);
int  orch_note(struct agent *a, uint16_t kind, const void *data, size_t len);
void orch_save(struct agent *a, void **data, size_t *len);
void orch_start(struct agent *a);
void orch_drain(struct agent *a);
void orch_fini(struct agent *a);
size_t orch_counters(struct agent *a, struct sub_counter *ret, size_t max);
void orch_on_heartbeat(struct agent *a, const struct event *e);
void orch_on_signal_state(struct agent *a, const struct event *e);
void orch_on_degraded(struct agent *a, const struct event *e);
void orch_on_emergency(struct agent *a, const struct event *e);
void orch_on_task(struct agent *a, const struct event *e);
void orch_on_account(struct agent *a, const struct event *e);
void orch_on_opened(struct agent *a, const struct event *e);
void orch_on_closed(struct agent *a, const struct event *e);
void orch_on_register(struct agent *a, const struct event *e);

/* Take an event of the state machine; ERR_WRONG_STATE when it is not allowed in the present state. */
int  orch_event(struct agent *a, enum machine_event ev, const char *reason);
/* Tell everybody to close and stop, and stop. */
void orch_emergency(struct agent *a, const char *cause, const char *text);
void orch_publish_state(struct agent *a);

/* commands.c: what the operator asks */
void orch_on_command(struct agent *a, const struct event *e);

#endif
