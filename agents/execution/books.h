/* books - what execution knows: orders by state, trades (entry to close) and fills seen.
 *
 *              ACKED            FILL/FULL
 *   INTENT ----------> NEW ------------> PARTIALLY_FILLED ---> FILLED
 *     |  \ LOST         | GONE                | GONE
 *     |   UNKNOWN ------+---> CANCELLED / EXPIRED (fills may still come)
 *     | REFUSED: REJECTED    NOT_SENT, ABSENT: DEAD (a leg that was not sent gives its number back)
 *
 *   INTENT    journalled; nothing may have been sent      UNKNOWN   a byte may have left; ends by proof only
 *   NEW       the venue has it                            DEAD      proved: the venue never had it
 *
 * A trade is one approval: its entry, its position, everything that protects and ends it; one per symbol.
 * A fill is folded once, by (trade id, order id), whoever tells it and however often.
 *
 * Memory:  plain structures without pointers, journalled as bytes by the same build (BOOKS_VERSION).
 * Threads: pure functions.
 */
#ifndef AGENTS_EXECUTION_BOOKS_H
#define AGENTS_EXECUTION_BOOKS_H

#include "libagent/core/exits.h"
#include "proto/messages.h"
#include "proto/token.h"

#define BOOKS_VERSION 2
#define BOOKS_ORDERS  256
#define BOOKS_TRADES  64
#define BOOKS_SEEN    8192      /* fills and fundings; the venue's lists reach back less than that */

enum order_event {
    EV_ACKED, EV_REFUSED, EV_NOT_SENT, EV_LOST, EV_ABSENT, EV_FILL, EV_FULL, EV_CANCELLED, EV_EXPIRED,
    EV_COUNT
};

struct exec_order {
    struct sub_order o;         /* as published; cl_ord_id empty: a free slot */
    dec_t qty_price;            /* sum of lots x price */
    int64_t sent_ns;            /* wall; the intent */
    int64_t asked_ns;           /* wall; last query */
    int64_t lost_ns;            /* wall; since when its outcome is unknown: it was signed before; 0: never was */
    int64_t absent_ns;          /* wall; first "not found" that counts */
    int64_t cancel_ns;          /* wall; last cancel sent */
    int64_t venue_cum;          /* lots the venue says were done; -1: not told */
    int32_t venue_done;         /* the venue says it has ended: 1 filled, 2 cancelled */
    int32_t cancelling;         /* a cancel was asked: 1; because its time was over: 2 */
    int32_t closes_all;         /* closeOrder: the size is whatever is open */
    int32_t attached;           /* came with the entry; goes with the position at the venue */
};

struct trade {
    char approval_id[40], entry_id[40];
    uint8_t approval[16];
    struct sub_position p;      /* symbol empty: a free slot */
    struct pnl pnl;
    struct exits exits;
    double atr;
    int32_t open;               /* position.opened was said */
    int32_t managed;            /* exits hold: the stop lies on the losing side */
    int32_t closing;            /* enum exit_reason of a close under way */
    int32_t urgent;             /* close at market at once */
    int32_t tries;              /* closing orders so far */
    int32_t stop_tries;         /* stops placed since none rests */
    int32_t legs[LEG_COUNT];    /* order numbers used */
    int32_t tp1_placed;
    int32_t funding_known;      /* the venue's list of its fundings was read after the end */
    int64_t funding_ns;         /* wall; when that was asked for */
    int64_t try_ns;             /* wall; last closing order */
    int64_t hold_ns;            /* wall; no stop or target is placed before */
    int64_t bare_ns;            /* wall; since when no stop is known to rest; 0: one does */
    dec_t told_stop;            /* the stop last said to the others */
};

struct books {
    uint32_t version, size;
    struct exec_order orders[BOOKS_ORDERS];
    struct trade trades[BOOKS_TRADES];
    uint64_t seen[BOOKS_SEEN];  /* a ring */
    int32_t seen_next, stopped; /* stopped: an emergency was heard; no entries until the operator resumes */
    int64_t fills_ns;           /* wall; creation time of the newest fill seen: none before it is missing */
};

void books_init(struct books *b);
int  books_restore(struct books *b, const void *bytes, size_t len);     /* ERR_TRUNCATED, ERR_VERSION */

/* The state after an event; ERR_WRONG_STATE when it cannot be. */
int order_next(enum ord_status status, enum order_event event, enum ord_status *ret);
bool order_live(const struct exec_order *o);            /* intent ... partially filled */
bool order_resting(const struct exec_order *o);         /* the venue has it and it has not ended */

/* An empty order; an old finished one gives way, those of living trades last and their entries never.
 * NULL: all are needed. */
struct exec_order *books_order_new(struct books *b);
struct exec_order *books_order(struct books *b, const char *cl_ord_id);
struct exec_order *books_order_by_id(struct books *b, const char *order_id);
struct trade *books_trade(struct books *b, const char *symbol);
struct trade *books_trade_new(struct books *b);
/* Take the event; ERR_WRONG_STATE changes nothing. */
int books_event(struct exec_order *o, enum order_event event);

bool books_seen(const struct books *b, uint64_t key);
void books_see(struct books *b, uint64_t key);
uint64_t books_key(const char *kind, const char *id, const char *of);

struct fill_said {
    int side;                   /* +1 bought */
    int64_t qty;
    dec_t price, fee, multiplier;
};
/* Fold a fill of o into it and its trade.  ERR_RANGE for one that does not fit the position.  What remained
 * of an entry may be filled after everything was closed: the trade is then open again. */
int books_fill(struct trade *t, struct exec_order *o, const struct fill_said *f);
/* The figures of t->p from pnl: quantities, averages, money, version + 1. */
void trade_refresh(struct trade *t);

/* The order that protects: the newest resting closing stop; NULL. */
struct exec_order *books_stop(struct books *b, const struct trade *t);
/* Any live order of this leg (of any leg but entry with LEG_COUNT). */
struct exec_order *books_leg(struct books *b, const struct trade *t, enum leg leg);

#endif
