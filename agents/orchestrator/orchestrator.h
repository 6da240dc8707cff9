/* orchestrator - what the handlers of this agent share.
 *
 *   orchestrator.c  what it hears, the deep health check, start and stop
 *   look.c          what state the system should be in: the loop that asks machine.c
 *   unified.c       the state as others see it: topic, Redis, JSON file
 *   alarms.c        degradations that stop or pause when they last
 *   work.c          the tasks of the workers
 *   commands.c      what the operator asks
 *   reload.c        another configuration, in two phases
 *   keep.c          notes and snapshots
 *   machine.c       the table of states (pure)    registry.c  who is there (pure)   tasks.c  open tasks (pure)
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
#include "libagent/notify.h"
#include "libagent/queue.h"
#include "libagent/store.h"
#include "proto/resume.h"

#define ORCH_POSITIONS 64
#define ORCH_ALARMS    16

enum { NOTE_STATE = 1, NOTE_TASK, NOTE_TASK_DONE, NOTE_STARTS };
#define KEPT_VERSION 1

/* What is kept: written whole with each change (a note of the journal). */
struct orch_kept {
    int32_t version;
    int32_t state;              /* enum system_state */
    int32_t commanded;          /* the operator has spoken at least once */
    int32_t last_verb;          /* enum verb, valid when commanded */
    int32_t held;               /* PAUSED by the system, not by the operator */
    int32_t config_epoch;       /* said last */
    char reason[96];
};

/* Its own starts without an orderly end before them: nobody else counts these. */
struct orch_starts {
    int64_t manager;            /* 1 + pid of the process manager of the last start; 0: never started */
    int64_t orderly;            /* that run has ended in order */
    int64_t n;
    int64_t at_ns[RESTARTS_KEPT];   /* wall, a ring */
};

struct orch_alarm {
    char code[32], cause[16], text[160];    /* code "": free */
    bool critical;
    int64_t since_ns, heard_ns;             /* wall */
};

/* A reload under way. */
struct orch_reload {
    enum { RELOAD_NONE, RELOAD_ASKED, RELOAD_COMMITTED } stage;
    struct reply_to to;
    struct msg_config_reloaded answer;
    bool by_operator;           /* signed */
    uintptr_t number;
    unsigned waiting;           /* who has not answered yet, as bits */
    int64_t until_ns;           /* COMMITTED: mono; then whoever has not followed is named */
};

struct orchestrator {
    struct orch_kept kept;
    struct orch_starts starts;
    struct registry registry;
    struct tasks tasks;
    struct store *store;
    struct queue *queue;
    struct notify *notify;              /* NULL: nobody is told */
    struct orch_alarm alarms[ORCH_ALARMS];
    struct msg_signal_state miner;      /* newest of the signal agent */
    bool miner_known;
    dec_t equity;
    char open[ORCH_POSITIONS][20];      /* symbols with a position; empty: free */
    int64_t task_day;                   /* market day whose backtest was asked for */
    struct queue_counts counts;
    int64_t cycles;
    int64_t started_ns;
    bool latch;
    char broken_id[40];         /* the question that was failed last to end a deadlock */
    bool restarting;            /* one of the agents ends again and again */
    bool alarmed;               /* orch_alarmed */
    struct orch_reload reload;
    char config_hash[20];       /* of our own */
    int64_t differ_ns;          /* mono, since when somebody runs another configuration or build; 0: nobody does */
    int64_t copied_ns;                  /* wall; when the readable copies were written */
    struct loop_timer *timer_state, *timer_look, *timer_health, *timer_queue, *timer_cycle, *timer_scan;
};

/* keep.c */
int  orch_load(struct agent *a, const void *data, size_t len);
int  orch_note(struct agent *a, uint16_t kind, const void *data, size_t len);
void orch_save(struct agent *a, void **data, size_t *len);
void orch_keep(struct agent *a);

/* look.c */
/* Take an event of the state machine; ERR_WRONG_STATE when it is not allowed in the present state. */
int  orch_event(struct agent *a, enum machine_event ev, const char *reason);
/* Tell everybody to close and stop, and stop. */
void orch_emergency(struct agent *a, const char *cause, const char *text);
void orch_look(void *arg);

/* alarms.c */
void orch_on_degraded(struct agent *a, const struct event *e);
bool orch_alarmed(struct agent *a);     /* one has lasted: acted on, and nothing enters trading */

/* unified.c */
void orch_publish_state(struct agent *a);
void orch_copy_state(struct agent *a);      /* to Redis and the JSON file */

/* work.c */
void orch_on_task(struct agent *a, const struct event *e);
void work_start(struct agent *a);
void work_fini(struct orchestrator *o);

/* orchestrator.c */
int  orch_init(struct agent *a, char why[CONFIG_WHY_MAX]);
void orch_start(struct agent *a);
void orch_drain(struct agent *a);
void orch_fini(struct agent *a);
size_t orch_counters(struct agent *a, struct sub_counter *ret, size_t max);
void orch_on_heartbeat(struct agent *a, const struct event *e);
void orch_on_signal_state(struct agent *a, const struct event *e);
void orch_on_emergency(struct agent *a, const struct event *e);
void orch_on_account(struct agent *a, const struct event *e);
void orch_on_opened(struct agent *a, const struct event *e);
void orch_on_closed(struct agent *a, const struct event *e);
void orch_on_register(struct agent *a, const struct event *e);

/* commands.c: what the operator asks */
void orch_on_command(struct agent *a, const struct event *e);
/* Was this signed by the operator, just now, for this account? */
bool orch_signed(struct agent *a, struct resume *r, const uint8_t *signature, size_t len);

/* reload.c */
void orch_on_reload(struct agent *a, const struct event *e);
void orch_on_proposed(struct agent *a, const struct event *e);
void orch_configured(struct agent *a);
void orch_reload_look(struct agent *a);     /* all follow what was committed? */

#endif
