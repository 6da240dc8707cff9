/* agent_impl - what the files of the skeleton share; nobody else includes it.
 *
 *   agent.c        options, start, lifecycle, heartbeats, stop
 *   agent_in.c     what is heard: checks, sequences, catch-up, dispatch
 *   agent_out.c    what is said: outputs, the journal record of a turn, sending
 *   agent_anchors.c  what each remembers of the journals of the others
 */
#ifndef LIBAGENT_AGENT_IMPL_H
#define LIBAGENT_AGENT_IMPL_H

#include <sys/stat.h>

#include "libagent/agent.h"
#include "libagent/anchors.h"
#include "libagent/bus.h"
#include "libagent/clock.h"
#include "libagent/journal.h"
#include "libagent/leases.h"
#include "libagent/outbox.h"
#include "libagent/requests.h"
#include "libagent/streams.h"
#include "libagent/timers.h"
#include "libagent/turn.h"

#define JOURNAL_KIND_TURN   (JOURNAL_KIND_USER + 0)
#define DEGRADED_MAX        32
#define SEQS_MAX            1024    /* topics one agent may publish on */
#define AGENTS              (AGENT_AUDIT + 1)   /* parties that have a journal */
#define ARCHIVE_KEY         10      /* what an archive puts before a topic: "%x%08x.", publisher and stream */

/* Something to do once the record is written: send frames, or call a function. */
struct output {
    void (*effect)(struct agent *a, void *arg);     /* NULL: send */
    void *arg;
    char topic[TOPIC_MAX + 1];
    bool market;
    uint8_t header[HEADER_SIZE];
    uint8_t *body;
    size_t len;
};

/* The last sequence said on a topic. */
struct seq {
    char topic[TOPIC_MAX + 1];
    bool durable;
    uint64_t last;
    uint64_t mark;              /* last, when the mark was set */
    unsigned awaited;           /* who must apply up to there and has not said so yet; bits as in topics.def */
};

struct peer {
    struct agent *agent;        /* whose peer this is */
    int64_t heard_ns;           /* last heartbeat, monotonic; 0: never */
    uint32_t epoch;
    uint32_t beat_epoch;        /* of its last heartbeat */
    uint32_t compared;          /* its epoch when our journal was compared with what it remembers; 0: not yet */
    bool matters;               /* publishes something this agent must apply */
    struct replay_client *replay;
    struct stream *asking;      /* the stream whose answer is awaited; audit's: perhaps another's, archived */
};

struct degradation {
    struct msg_health_degraded msg;
    bool raised;
};

struct agent {
    const struct agent_def *def;
    const char *name;
    char instance[256];         /* as given, for messages */
    struct config *config;
    int argc;
    char **argv;
    int64_t config_epoch;
    struct stat committed;      /* COMMITTED_FILE as it was read */
    struct loop *loop;
    struct bus *bus;
    struct journal *journal;
    struct outbox *outbox;
    struct outbox *archive;     /* what was heard, when the journal is an archive, by archive key; else NULL */
    struct streams *streams;
    struct requests *requests;
    struct peer peers[AGENT_COUNT];
    struct anchor anchors[AGENTS];
    uint64_t anchors_kept[AGENTS];      /* lsn of each when it was journalled */
    int64_t anchors_kept_ns;
    bool journal_accepted, acceptance_said;     /* by the operator, as it is; and the others were told */
    bool rolled_back;           /* the others know records that our journal lacks */

    enum life life;
    enum system_state system;
    bool echo;                  /* our own heartbeat came back: the bus works both ways */
    int64_t echo_ns;            /* since then, monotonic */
    bool accepted;              /* by the orchestrator */
    bool turn_given;
    bool stopping;
    int exit_code;
    char detail[96];

    int64_t now_ns;             /* wall, of this turn of the loop */
    int64_t mono_ns;
    int64_t started_ns;         /* monotonic */
    int64_t beat_ns;            /* monotonic time of the last heartbeat due, for lag */
    int64_t lag_ns;
    int64_t bus_ns;             /* monotonic time anything was last heard */
    bool bus_silent;            /* ... too long ago, and said so */
    int64_t fresh_ns;           /* wall time market data was last heard; 0: never */
    int64_t fresh_mono_ns;      /* likewise, monotonic */
    struct leases leases;
    uint8_t vouches;            /* flags of our lease */
    struct msg_market_clock clock;
    char build[32], config_hash[20];

    struct turn turn;
    bool turn_sync;             /* the record must be on disk before its outputs leave */
    bool unsynced;              /* D1 records wait for the timer */
    bool disk_full;
    uint64_t records;           /* since the last snapshot */
    struct output *outputs, *spare;
    size_t n_outputs, outputs_size, spare_size;
    struct seq *seqs;
    size_t n_seqs;
    uint64_t mark_lsn;          /* head of the journal when the mark was set; 0: no mark */
    int64_t gaps_repaired;
    int64_t malformed, malformed_said_ns;     /* since the start; when one was logged */

    struct degradation degraded[DEGRADED_MAX];
    struct loop_timer *timer_beat, *timer_sync, *timer_catchup, *timer_register, *timer_degraded,
        *timer_requests, *timer_stop;
};

/* agent.c */
void agent_heartbeat(struct agent *a);
void agent_stop_effect(struct agent *a, void *arg);
int agent_try_config(struct agent *a, const char *hash, char why[CONFIG_WHY_MAX]);  /* could PROPOSED_FILE be followed? */
void agent_usage(int64_t *rss_kb, int64_t *cpu_ms);

/* agent_in.c */
void agent_on_frames(void *arg, const char *topic, const uint8_t header[HEADER_SIZE], const void *body,
                     size_t len);
void agent_catchup(struct agent *a);            /* ask for what is missing, if it is time to */
void agent_in_fini(struct agent *a);
int64_t agent_gaps_open(struct agent *a);
bool agent_must_apply(const struct agent *a, enum topic topic);
void agent_give_life(struct agent *a, enum life life);
void agent_advance(struct agent *a);            /* take the next step of life when it may be taken */

/* agent_anchors.c */
void agent_anchors_start(struct agent *a);
void agent_anchors_hear(struct agent *a, const struct event *e);        /* a heartbeat of another */
void agent_anchors_say(struct agent *a, struct msg_agent_hb *m);
void agent_anchors_keep(struct agent *a);
void agent_anchors_load(struct agent *a, const struct turn_entry *e);
void agent_anchors_save(const struct agent *a, struct turn *t);

/* agent_out.c */
int agent_recover(struct agent *a, char why[CONFIG_WHY_MAX]);
void agent_commit(struct agent *a);             /* end of a turn: write, sync, send, do */
void agent_sync_later(struct agent *a);
void agent_snapshot(struct agent *a);
void agent_heard_cursor(struct agent *a, enum party by, const char *topic, uint64_t cursor);
void agent_trim(struct agent *a, int64_t min_age_ms);   /* delete what nobody needs any more and is that old */
void agent_send_parcel(struct agent *a, const struct parcel *p);
uint64_t agent_last_seq(const struct agent *a, const char *topic);
void agent_archive_key(uint8_t publisher, uint64_t stream, const char *topic, char ret[ARCHIVE_KEY + TOPIC_MAX + 1]);
void agent_out_fini(struct agent *a);
void agent_serve_replay(void *arg, const struct replay_request *request);

#endif
