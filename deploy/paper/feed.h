/* feed - the market of an engine that was opened with "mirror:URL": what happened elsewhere, pushed
 * in.
 *
 * Everything happens at the time of the engine's last advance.  Clients' orders meet the fed book
 * and the fed trades as they meet the synthetic ones. Units:   ticks, lots.  Threads: the engine's.
 */
#ifndef PAPER_FEED_H
#define PAPER_FEED_H

#include "deploy/paper/engine.h"

/* A 1 m bar of the past: history.  Bars of the running minute and later are ignored. */
void feed_bar(struct engine *e, int sym, const struct candle *c);
void feed_trade(struct engine *e, int sym, int64_t px, int64_t lots);
/* The whole book, at most BOOK_CAP levels of a side, best first, bid < ask. */
void feed_book(struct engine *e, int sym, const struct level *bids, size_t n_bids,
               const struct level *asks, size_t n_asks);
void feed_mark(struct engine *e, int sym, dec_t mark, dec_t index);
/* The rate that the next settlement is expected to have. */
void feed_rate(struct engine *e, int sym, dec_t rate);

#endif
