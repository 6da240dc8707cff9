/* book - one contract's order book: the background makers' levels and the clients' orders.
 *
 * The background keeps the best price and BOOK_DEPTH levels on a sparse grid behind it, so that a
 * moving price costs few level changes.  Clients' orders stand in price-time order; each carries the
 * background lots ahead of it at its price, so both kinds share one queue: what is taken at a price
 * takes what came first.  Background lots that appear later stand behind; those that go are taken to
 * have stood behind as long as possible.
 * Units:   ticks, lots.  side: 0 bids, 1 asks.
 * Invariant 1: best bid < best ask, over background and clients.
 * Memory:  book_fini frees the queues; orders are the caller's.  Threads: one.
 */
#ifndef PAPER_BOOK_H
#define PAPER_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deploy/paper/engine.h"

#define BOOK_DEPTH 55
#define BOOK_CAP 96

struct book {
    struct level bg[2][BOOK_CAP];   /* best first */
    int n[2];
    struct order **queue[2];        /* best price first, then oldest */
    size_t nq[2], cap[2];
    int64_t gap;                    /* ticks between grid levels, about */
    int64_t lots;                   /* of a typical level */
    uint64_t seed;
    int64_t sequence;               /* of the last level change */
    bool recorded;                  /* the background is what book_show says */
    bool quiet;                     /* changes are neither counted nor told (rebuilding) */
    void (*changed)(void *arg, int sym, int64_t sequence, int side, int64_t px, int64_t lots);
    void *arg;
    int sym;
};

static inline int book_side(int side) { return side == SIDE_BUY ? 0 : 1; }

void book_fini(struct book *b);
/* Move the background so that its best prices are these (ask > bid).  Clients' orders that this would
 * cross must have been taken before. */
void book_move(struct book *b, int64_t bid, int64_t ask);
/* The background is exactly this from now on, at most BOOK_CAP levels, best first (bid < ask); levels that
 * would cross a client's order are left out.  book_move and book_refill then do nothing. */
void book_show(struct book *b, const struct level *bids, size_t n_bids, const struct level *asks,
               size_t n_asks);
/* The background has a third of its typical lots or more at its best price of that side; told when it changed. */
void book_refill(struct book *b, int side);
/* Best price and all lots there; false when the side is empty. */
bool book_best(const struct book *b, int side, struct level *ret);
int64_t book_lots(const struct book *b, int side, int64_t px);
/* Lots to be had at once from this side, up to `want`, at px or better (0: any price), hidden ones too;
 * *ret_worst the price of the last of them, 0 when there are none.  own: an account whose orders do not
 * count (-1 none); stop: nothing behind the first of them counts either. */
int64_t book_reach(const struct book *b, int side, int64_t px, int64_t want, int own, bool stop,
                   int64_t *ret_worst);
/* Up to *n levels, best first. */
void book_levels(const struct book *b, int side, struct level *ret, size_t *n);
/* Take up to `lots` from the front of the queue at px: either background (*ret NULL, taken at once)
 * or of one client order (*ret; the caller fills it).  Returns the lots, 0 when px is empty. */
int64_t book_take(struct book *b, int side, int64_t px, int64_t lots, struct order **ret);
/* Tell the present lots at px (after takes). */
void book_tell(struct book *b, int side, int64_t px);
/* keep_ahead: o->ahead is a stored one, at most the background lots there. */
void book_add(struct book *b, struct order *o, bool keep_ahead);
void book_remove(struct book *b, const struct order *o);

#endif
