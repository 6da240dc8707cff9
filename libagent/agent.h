/* agent - how any agent lives; what is particular to one is a table.
 *
 * agent_main() does the same for all: options, configuration, log, lock and journal, recovery, bus,
 * registration, its turn to warm up, ready, heartbeats, gap detection and catch-up, requests,
 * the watchdog, orderly stop, exit code.
 *
 * Handlers only queue outputs.  What a handler says (agent_publish, agent_reply), what it wants kept
 * (agent_note) and what it wants done (agent_effect) is written with the cursor of the message that
 * caused it as one journal record, synced where the class asks for it, and only then sent and done.
 * So a crash at any instant leaves either all of it or nothing.
 *
 * Durable topics (D1, D2) are heard exactly once and in order per (publisher, topic): sequences show
 * gaps, heartbeats tell the last sequence, what is missing is fetched straight from the publisher.
 *
 * Life:    starting -> registered -> warming -> ready -> active -> draining (proto/enums.def)
 * Threads: one thread, one loop; every function here belongs to it.
 * Memory:  messages passed to handlers are borrowed until the handler returns.
 * Exit:    0 stopped in order, 1 failed, 2 usage, 70 internal (disk, watchdog), 75 second instance,
 *          78 configuration.
 */
#ifndef LIBAGENT_AGENT_H
#define LIBAGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/config.h"
#include "libagent/loop.h"
#include "proto/envelope.h"
#include "proto/messages.h"
#include "proto/topics.h"

struct agent;

/* A message as a handler sees it. */
struct event {
    const char *topic;
    const struct header *header;
    const struct envelope *env;
    enum party from;
    enum msg type;
    const void *msg;            /* struct msg_<type> */
    const uint8_t *raw_header;  /* HEADER_SIZE bytes as on the wire */
    const void *body;           /* likewise */
    size_t body_len;
    bool replayed;              /* fetched later: what is in it may be long past */
    int64_t now_ns;             /* wall, one now per turn */
};

typedef void on_event(struct agent *a, const struct event *e);

struct route {
    enum msg type;
    on_event *on;
};
#define ROUTES_END { .on = NULL }

/* Answers of a request: err is ERR_OK with the answer (its type may be MSG_ERROR_REPLY), ERR_TIMEOUT
 * or ERR_CANCELLED with e NULL.  Exactly once per request. */
typedef void on_answer(struct agent *a, void *arg, int err, const struct event *e);

struct agent_def {
    enum party id;
    const struct route *routes;     /* topics heard: all that topics.def lists the agent as subscriber of
                                     * must have one */
    const struct route *requests;   /* answered with agent_reply, at once or later; NULL: none */
    void *state;
    /* Notes of this kind hold a message heard, as u8 n, topic[n], header[40], body: the journal is an
     * archive, is never trimmed, and who misses something of a publisher that is gone gets it from here.
     * 0: none. */
    uint16_t archive;

    /* Before recovery: allocate, read configuration.  0, or an err with a text in `why`. */
    int (*init)(struct agent *a, char why[CONFIG_WHY_MAX]);
    /* Recovery, in order: the newest snapshot, then each note after it. */
    int (*load)(struct agent *a, const void *data, size_t len);
    int (*note)(struct agent *a, uint16_t kind, const void *data, size_t len);
    /* After recovery, on the bus, before registration. */
    void (*start)(struct agent *a);
    /* Its turn: become ready, and say so with agent_ready().  NULL: ready at once. */
    void (*warm)(struct agent *a);
    /* Another configuration is in force: agent_config() is the new one.  What was derived from keys that may change
     * while running is derived anew; those of class RESTART are what they were.  NULL: nothing is derived. */
    void (*configured)(struct agent *a);
    void (*system_changed)(struct agent *a, enum system_state was, enum system_state now);
    /* State as bytes for a snapshot: allocated by malloc into *data, freed by the skeleton.
     * NULL: no state of its own; snapshots still bound the journal. */
    void (*save)(struct agent *a, void **data, size_t *len);
    /* Named numbers for agent.status; returns how many. */
    size_t (*counters)(struct agent *a, struct sub_counter *ret, size_t max);
    /* Draining began: finish what is under way within STOP_DEADLINE_MS, then agent_drained().
     * NULL: nothing to finish. */
    void (*drain)(struct agent *a);
    void (*fini)(struct agent *a);
};

int agent_main(const struct agent_def *def, int argc, char **argv);

/* ---- what a handler may use ---- */

void *agent_state(struct agent *a);
const struct config *agent_config(const struct agent *a);       /* its texts live until def->configured */
int64_t agent_config_epoch(const struct agent *a);      /* 0: what is in force was never committed (reload.h) */
/* What the orchestrator has proposed, as this process would read it (its own environment and arguments). */
int agent_proposed(const struct agent *a, struct config **ret, char why[CONFIG_WHY_MAX]);
/* Look whether another configuration was committed, and go over to it; the skeleton does at each heartbeat. */
void agent_follow(struct agent *a);
struct loop *agent_loop(struct agent *a);
int64_t agent_now_ns(const struct agent *a);            /* wall; one now per turn */
/* Market time; 0 until a market.clock was heard. */
int64_t agent_market_ns(const struct agent *a);
/* Market seconds per second of wall; 1 until a market.clock was heard. */
double agent_market_speed(const struct agent *a);
enum life agent_life(const struct agent *a);
enum system_state agent_system(const struct agent *a);
int64_t agent_scaled_ms(const struct agent *a, int64_t ms);   /* ms times timer_scale */

/* Say something on a topic; suffix completes a PREFIX topic, else NULL.  correlation: the id of what
 * this is about, or NULL.  must() refuse a topic that is not the agent's. */
void agent_publish(struct agent *a, enum topic topic, const char *suffix, enum msg type,
                   const void *msg, const char *correlation);
void agent_publish_priority(struct agent *a, enum topic topic, const char *suffix, enum msg type,
                            const void *msg, const char *correlation, enum priority priority);

/* The same under an id of the caller's making (a UUID): what has a natural identity. */
void agent_publish_id(struct agent *a, enum topic topic, const char *suffix, enum msg type,
                      const void *msg, const char *id, const char *correlation);

/* Who asked, kept by the handler that answers later. */
struct reply_to {
    char id[37];
    enum party from;
};
struct reply_to agent_reply_to(const struct event *e);
void agent_reply(struct agent *a, const struct reply_to *to, enum msg type, const void *msg);
void agent_reply_error(struct agent *a, const struct reply_to *to, int err, const char *text);

/* Ask another agent; repeated under the same id until answered or deadline_ms is over.
 * agent_command is a request of type COMMAND. */
void agent_request(struct agent *a, enum party to, enum msg type, const void *msg,
                   int64_t deadline_ms, on_answer *on, void *arg);

/* A change of state, replayed by def->note at recovery.  sync: on disk before anything that was queued
 * with it is sent or done. */
void agent_note(struct agent *a, uint16_t kind, const void *data, size_t len, bool sync);
/* Done after the record that holds everything queued so far is written (and synced if it asks for it):
 * the place from which orders leave. */
void agent_effect(struct agent *a, void (*fn)(struct agent *a, void *arg), void *arg);

/* Warm-up is over: the first real message could be served.  Taken back with agent_not_ready. */
void agent_ready(struct agent *a);
void agent_not_ready(struct agent *a, const char *why);
/* Draining is done. */
void agent_drained(struct agent *a);
/* A text for people in heartbeats and status; "" clears it. */
void agent_detail(struct agent *a, const char *text);

/* Raise (or clear) a degradation: published at once, repeated each second while raised (class L).
 * key tells several of one component apart. */
void agent_degraded(struct agent *a, enum severity severity, const char *component,
                    const char *code, const char *text);
void agent_degraded_clear(struct agent *a, const char *component, const char *code);

/* End the process as failed, in order (exit 1). */
void agent_fail(struct agent *a, const char *why);

/* End in order, to be started again by the process manager, after what is queued is done. */
void agent_restart(struct agent *a, const char *why);

/* Tell the skeleton that market data of this exchange time was heard (freshness in heartbeats). */
void agent_fresh(struct agent *a);

/* What this agent's lease says beside that it lives (proto/lease.h): told to the signer at once and from then on. */
void agent_vouch(struct agent *a, uint8_t flags);

/* Connection to Redis is the orchestrator's and the optimizer's; see store.h.  The bus is private. */

#endif
