/* book - one order book, kept from a snapshot and the changes after it.
 *
 * Prices and sizes are decimals as the venue wrote them.  Sequences: a snapshot carries one; every
 * change carries the next.  The rules of the venue's reference 10.5: changes are kept while a snapshot
 * is awaited, older ones are dropped, a hole makes the book unusable until the next snapshot.
 * Pure: no clock, no I/O.  Memory: levels and waiting changes are the book's own.
 */
#ifndef AGENTS_DATA_BOOK_H
#define AGENTS_DATA_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/dec.h"

#define BOOK_LEVELS_MAX  2000       /* a side; worse levels are forgotten */
#define BOOK_WAITING_MAX 20000      /* changes kept while a snapshot is awaited */

struct book_level_ {
    dec_t price, qty;
};

struct book_change {
    int64_t sequence;
    bool bid;
    dec_t price, qty;               /* qty 0: the level is gone */
};

struct book {
    struct book_level_ *bids, *asks;    /* best first */
    size_t n_bids, n_asks;
    int64_t sequence;               /* of the last change applied; 0: no snapshot yet */
    bool synced;
    struct book_change *waiting;
    size_t n_waiting, waiting_size;
};

enum book_verdict { BOOK_APPLIED, BOOK_OLD, BOOK_WAITS, BOOK_HOLE };

void book_init(struct book *b);
void book_fini(struct book *b);
/* Forget everything; changes wait for the next snapshot. */
void book_reset(struct book *b);
/* "price,side,size" of the venue.  ERR_SYNTAX. */
int  book_parse_change(const char *text, int64_t sequence, struct book_change *ret);
enum book_verdict book_apply(struct book *b, const struct book_change *c);
/* The snapshot's levels, best first, then what waited.  ERR_NOT_FOUND: it is older than the first change
 * that waits, or there is a hole: take another snapshot. */
int  book_snapshot(struct book *b, int64_t sequence, const struct book_level_ *bids, size_t n_bids,
                   const struct book_level_ *asks, size_t n_asks);
/* Best bid at or above best ask: broken. */
bool book_crossed(const struct book *b);

#endif
