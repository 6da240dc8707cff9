/* batch - the signals of one close, ranked against each other.
 *
 * A batch opens with the first symbol that reports its close, and ends when all that are expected
 * have reported it, or batch_ms of wall time after it opened.  A report for a close whose batch has ended
 * is late: whoever decides refuses what is sent after its batch's end.
 * Ranking: that of strategies_rank; the market-wide CASCADE, the same for all symbols of a close, cannot part
 * equals.
 *
 * Bounds:  BATCHES_MAX open at once (the oldest has to end before another opens: batches_full), and one
 *          signal per symbol and strategy, BATCH_SIGNALS_MAX in all.
 * Memory:  plain structures, no pointers.   Threads: pure functions; times are the caller's.
 */
#ifndef AGENTS_SIGNAL_BATCH_H
#define AGENTS_SIGNAL_BATCH_H

#include "libagent/core/strategies.h"

#define BATCHES_MAX        8
#define BATCH_SYMBOLS_MAX  64
#define BATCH_SIGNALS_MAX  RANKER_MAX
#define BATCH_ENDED_MAX    16

struct fired {
    int32_t symbol, unused;     /* the caller's number of it, below BATCH_SYMBOLS_MAX */
    double atr_day;             /* see day_atr.h */
    struct strategies_fired f;
};

struct batch {
    int64_t close_ns;           /* market; 0: not in use */
    int64_t opened_ns;          /* wall */
    uint64_t reported;          /* bit per symbol */
    int32_t n, unused;
    struct fired fired[BATCH_SIGNALS_MAX];
};

struct batches {
    struct batch open[BATCHES_MAX];
    struct batch_end {
        int64_t close_ns, ended_ns;
    } ended[BATCH_ENDED_MAX];   /* a ring; the oldest is overwritten */
    int32_t next_ended, unused;
};

/* The open batch of a close; NULL: none. */
struct batch *batches_find(struct batches *b, int64_t close_ns);
/* Wall time at which the batch of this close ended; 0: it did not.  Of closes older than all that are
 * remembered: 1. */
int64_t batches_ended_ns(const struct batches *b, int64_t close_ns);
/* The oldest open one; NULL: none. */
struct batch *batches_oldest(struct batches *b);
bool batches_full(const struct batches *b);
/* Open it; must() not be full, nor open, nor ended. */
struct batch *batches_open(struct batches *b, int64_t close_ns, int64_t now_ns);
void batch_report(struct batch *t, int symbol);
/* A second signal of the same symbol, strategy and close is left out. */
void batch_add(struct batch *t, const struct fired *f);
/* Number by strategies_rank, and sort so. */
void batch_rank(struct batch *t, struct ranker *r);
bool batch_due(const struct batch *t, uint64_t expected, int64_t batch_ns, int64_t now_ns);
/* It is over: its place is free again, its end is remembered. */
void batches_end(struct batches *b, struct batch *t, int64_t now_ns);

#endif
