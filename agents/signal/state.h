/* state - what the modules of this agent share.
 *
 *   bars.c       a closed bar, live or recovered: the strategies' answers, the batch they belong to
 *   feed.c       history and missing bars, asked from data; readiness
 *   publish.c    ended batches and the miner's state become messages
 *   keep.c       configuration, snapshot, notes
 *   batch.c      ranking of one close (pure)
 *
 * A bar goes through the pure core with its note in the journal: recovery feeds the same bars to the same
 * functions and comes to the same state.  The hours of gamma and the days are not kept: data has them.
 */
#ifndef AGENTS_SIGNAL_STATE_H
#define AGENTS_SIGNAL_STATE_H

#include "agents/signal/batch.h"
#include "libagent/agent.h"
#include "libagent/core/day_atr.h"
#include "libagent/core/gamma.h"
#include "libagent/core/pattern.h"
#include "libagent/strategies_config.h"

#define SYMBOLS_MAX  BATCH_SYMBOLS_MAX
#define PAGE_ROWS    256

/* What is asked from data for one symbol, one page after the other. */
enum feed_stage { FEED_CONFIRM, FEED_PRIMARY, FEED_HOUR, FEED_DAY, FEED_STAGES };
struct feed {
    bool under_way;
    bool done;                  /* once, at least: it is known how much history there is */
    bool failed;                /* data refused or did not answer; tried again by the timer */
    bool filled;                /* the feed that ended last brought primary bars */
    enum feed_stage stage;
    int64_t from_ns;
    struct bars {
        struct candle *c;
        size_t n, size;
    } primary, confirm;         /* collected, to be fed in order of their ends */
};

struct symbol {
    char name[20];
    struct strategies_state *rules;         /* in snapshots, and in a note after history was fed */
    struct day_atr day;
    struct pattern shapes;                  /* of the live bars of this start; not kept */
    struct feed feed;
    struct candle waiting;      /* newest live bar that came while bars before it are missing */
    bool has_waiting, waiting_warm;
    int64_t waiting_heard_ns;
};

struct signals {
    struct agent *agent;
    struct chosen_strategies chosen;
    char params_hash[STRATEGIES_MAX][33];
    struct ranker ranker;       /* its history moves only where it ranks */
    int64_t batch_ns;           /* wall */
    struct symbol symbols[SYMBOLS_MAX];
    int n_symbols;
    struct gamma gamma;         /* of it only cascade and lighthouse are kept */
    struct batches batches;
    int64_t bars, fired, late;  /* kept */
    int64_t stated_ns, stated_market_ns;    /* the last signal.state: wall, market */
    int64_t mined;              /* the miner's cycles of this start */
    int64_t shapes;             /* found at this start */
    int64_t planets_day;        /* market day of which the planets were logged */
    int64_t recovered;          /* bars taken from notes at this start */
    struct loop_timer *timer_batch, *timer_mining, *timer_state, *timer_feed;
};

/* keep.c */
int  signals_init(struct agent *a, char why[CONFIG_WHY_MAX]);
void signals_configured(struct agent *a);
int  signals_load(struct agent *a, const void *data, size_t len);
int  signals_note(struct agent *a, uint16_t kind, const void *data, size_t len);
void signals_save(struct agent *a, void **data, size_t *len);
void signals_fini(struct agent *a);
void keep_bar(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns);
void keep_symbol(struct signals *s, int symbol);
/* The ranker, where it orders the signals of a close; else NULL. */
struct ranker *ranker_of(struct signals *s);
void keep_batch(struct signals *s, int64_t close_ns, int64_t ended_ns);
void keep_miner(struct signals *s);

/* bars.c */
void signals_on_candle(struct agent *a, const struct event *e);
/* The next primary bar of a symbol.  The same at recovery, from its note. */
void bars_apply(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns);
/* A live bar, all before it being there: apply it and keep it. */
void bars_live(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns);
void candle_from(struct candle *c, int64_t tf_ns, int64_t start_ns, const dec_t px[4], dec_t volume);
/* There was enough history for all of the strategies. */
bool symbol_ready(const struct signals *s, const struct symbol *y);

/* feed.c */
void signals_start(struct agent *a);
void signals_warm(struct agent *a);
void feed_start(struct signals *s, int symbol);

/* publish.c */
void publish_due(struct signals *s);
/* There will be a place for the batch of this close: if need be the oldest ends early. */
void publish_make_room(struct signals *s, int64_t close_ns);
/* A signal whose batch had ended: said nevertheless, it is refused by its times. */
void publish_late(struct signals *s, const struct fired *f);
/* Batches that were open when the process ended. */
void publish_leftovers(struct signals *s);
void publish_on_batch_timer(void *arg);
void publish_on_mining_timer(void *arg);
void publish_on_state_timer(void *arg);
void signals_on_position_closed(struct agent *a, const struct event *e);
size_t signals_counters(struct agent *a, struct sub_counter *ret, size_t max);

#endif
