/* fill - what a trade does to money: the arithmetic that the paper exchange and the backtester share.
 *
 * Units:   prices in quote currency, sizes in lots, money in quote currency; linear contracts, isolated.
 * Side:    +1 buy or long, -1 sell or short.
 * Rounding: fees and funding paid up (away from the account) at 8 places after the point, received down; everything
 *          else is exact to 34 digits.
 * Threads: pure functions of their arguments; the structs are the caller's, plain, without pointers.
 * Sources: kucoin-futures 11.1, 11.4, 11.5, 11.7.
 */
#ifndef CORE_FILL_H
#define CORE_FILL_H

#include "libagent/core/formula.h"

#define FILL_MONEY_PLACES 8

/* What a taker got. */
struct fill_walk {
    int64_t qty;                    /* filled, at most what was asked */
    dec_t   qty_price;              /* sum of lots x price; average = qty_price / qty */
    dec_t   worst_px;               /* of the last level used; 0 when nothing filled */
    int32_t parts;                  /* levels used, one fill each */
};

/* Walk `levels` (the opposite side, best first) with a taker of `side` for qty lots, never beyond `limit` (NULL:
 * market).  part[i], when not NULL, receives the fill at each level used and must hold n. */
void fill_take(const struct book_level *levels, int n, int side, int64_t qty, const dec_t *limit,
               struct fill_walk *ret, struct book_level *part);
/* Average price of a walk that filled something (must). */
dec_t fill_avg(const struct fill_walk *w);

/* A resting order: filled when the market trades to it in queue order, or through it. */
struct fill_resting {
    int64_t leaves;                 /* lots of ours that wait */
    int64_t ahead;                  /* lots of others before us at our price */
};
/* A trade of qty lots at `price`: lots of ours it fills at our limit (through: all that is left). */
int64_t fill_resting_trade(struct fill_resting *r, int side, dec_t limit, dec_t price, int64_t qty);
/* The others at our price now show qty lots: cancellations shorten the queue, arrivals stand behind us. */
void fill_resting_depth(struct fill_resting *r, int64_t others);

/* Fee of a trade value (>= 0); negative rates are rebates. */
dec_t fill_fee(dec_t value, dec_t rate);
/* Funding of a position at settlement: positive paid, negative received; longs pay a positive rate. */
dec_t fill_funding(int side, int64_t qty, dec_t multiplier, dec_t mark, dec_t rate);

/* Present rule: W = initial + added - lost margin, n = qty x multiplier base units.
 * long (E n - W) / (n (1 - mmr - lfr)), short (E n + W) / (n (1 + mmr + lfr)), not below 0.
 * ERR_RANGE unless E, n > 0, rates >= 0 and mmr + lfr < 1. */
int fill_liquidation(int side, dec_t entry, dec_t n, dec_t w, dec_t mmr, dec_t lfr, dec_t *ret);
/* E - side W / n, not below 0.  ERR_RANGE unless E, n > 0. */
int fill_bankruptcy(int side, dec_t entry, dec_t n, dec_t w, dec_t *ret);
/* True when maintenance / total margin >= 1 at the mark price. */
bool fill_liquidated(int side, dec_t entry, dec_t n, dec_t w, dec_t mmr, dec_t lfr, dec_t mark);

/* The rule before 22 May 2025, kept because samples of it were published: closing fee reserved,
 * maintenance on the entry value. */
struct fill_margin_old {
    /* in */
    int32_t side, unused;
    dec_t   entry, n;
    dec_t   pos_init, pos_cross, pos_loss, pos_comm;
    dec_t   mmr, funding;           /* rates; funding as the position would pay it */
    /* out */
    dec_t   pos_margin, pos_maint, liquidation, bankrupt;
};
/* posInit and posComm from the value, imr = 1/L and the taker rate. */
void fill_margin_old_init(struct fill_margin_old *m, dec_t imr, dec_t taker_fee);
/* Fills the out fields.  ERR_RANGE unless n > 0. */
int fill_margin_old_calc(struct fill_margin_old *m);

#endif
