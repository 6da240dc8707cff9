/* market - what the background market does: its bars and the prints inside each minute.
 *
 * Source:  the synthetic generator or replayed files; both give minute bars.  The prints of a minute
 *          are a function of (seed, symbol, minute, bar): first at the open, last at the close, the
 *          high and the low touched, all others between, sizes adding up to the bar's lots.  So a
 *          restart needs nothing but the seed and the time.
 *          Of recorded trades the prints are those of the file; where a book was recorded, a print of no
 *          lots stands where it changed (market_book).
 * Range:   a made bar of n lots has min(n, about 40 ... 110) prints: fewer than 2 per market second.
 * Memory:  market_open / market_close.  Threads: one.
 */
#ifndef PAPER_MARKET_H
#define PAPER_MARKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deploy/paper/contracts.h"
#include "deploy/paper/replay.h"
#include "deploy/paper/synth.h"

#define PRINTS_MAX REPLAY_MINUTE_MAX
#define RING 65536              /* 1 m bars kept per symbol: 1,000 h and some days */
#define HISTORY_MIN (1010 * 60) /* generated before the start */

struct print { int64_t offset_ns, px, lots; }; /* lots 0: the recorded book changed */

struct market {
    uint64_t seed;
    bool replay, live;          /* live: fed from outside (feed.h), the bars too */
    bool listed[CONTRACTS_MAX];
    struct synth synth;
    struct replay files[CONTRACTS_MAX];
    int64_t minute;             /* of the newest bar in the ring */
    struct bar *ring[CONTRACTS_MAX];    /* [minute % RING]; listed symbols only */
};

/* spec: "synthetic", "replay:SYM=FILE,..." or "mirror:URL"; symbols: comma list or NULL.  Afterwards the ring holds
 * the history before `start_minute`; market.minute == start_minute - 1. */
int market_open(struct market *m, const char *spec, const char *symbols, uint64_t seed,
                int64_t start_minute, char *msg, size_t msg_size);
void market_close(struct market *m);
/* Put the next minute's bars into the ring. */
void market_next(struct market *m);
/* True when no later minute has a bar (the files have ended). */
bool market_ended(const struct market *m);
/* The bar of a minute, lots 0 when there is none. */
struct bar market_bar(const struct market *m, int sym, int64_t minute);
/* The recorded book at a time that only grows, at most REPLAY_LEVELS of a side, best first; false: there is
 * none. */
bool market_book(struct market *m, int sym, int64_t ns, struct level *bids, size_t *ret_bids,
                 struct level *asks, size_t *ret_asks);
/* The prints of that bar, ascending in time; their number. */
int market_prints(const struct market *m, int sym, int64_t minute, const struct bar *bar,
                  struct print ret[PRINTS_MAX]);

#endif
