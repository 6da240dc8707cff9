/* pnl - a position folded from its fills: average entry, realised profit, fees, funding, break-even.
 *
 * Life:    all zero = flat; the first fill opens, fills of the same side add, opposite ones close; at
 *          qty 0 it is closed and keeps its figures.  A reversal is two fills: close, then a new struct.
 * Units:   lots, prices and money in quote currency; the average entry is kept unrounded.
 * Signs:   fees and funding are positive when paid; net = gross - fees - funding.
 * Memory:  plain, without pointers; may be saved as bytes.   Threads: pure functions.
 */
#ifndef CORE_PNL_H
#define CORE_PNL_H

#include "libagent/core/formula.h"

struct pnl {
    int32_t side;                   /* +1, -1; 0: nothing filled yet */
    int32_t unused;
    int64_t qty;                    /* open lots */
    int64_t entered_qty, exited_qty;
    dec_t   multiplier;
    dec_t   entry_px;               /* average of the open lots; of the last ones when closed */
    dec_t   exit_qty_price;         /* sum of lots x price of the exits */
    dec_t   gross;                  /* realised, before costs */
    dec_t   fees, funding;          /* of the whole position */
    dec_t   open_cost;              /* entry fees + funding that belong to the lots still open */
};

/* Fold one fill: side +1 bought, -1 sold.  ERR_RANGE for qty or price not positive, a multiplier that
 * differs from the position's, a fill of a closed position, or a closing fill larger than the position
 * (the caller splits it). */
int pnl_fill(struct pnl *p, int side, int64_t qty, dec_t price, dec_t fee, dec_t multiplier);
/* Funding paid (negative: received) while open; ERR_WRONG_STATE when nothing is open. */
int pnl_funding(struct pnl *p, dec_t paid);

dec_t pnl_unrealised(const struct pnl *p, dec_t price);
dec_t pnl_net(const struct pnl *p);             /* realised: gross - fees - funding */
/* Average exit; 0 before the first. */
dec_t pnl_exit_px(const struct pnl *p);
/* What the open lots would net if closed now: unrealised - their entry fees - taker exit fee -
 * funding.  The time stop's figure. */
dec_t pnl_open_net(const struct pnl *p, dec_t last, dec_t taker_fee);
/* formula_break_even_price of the open lots; ERR_WRONG_STATE when nothing is open. */
int pnl_break_even(const struct pnl *p, dec_t taker_fee, dec_t slippage, dec_t tick, dec_t *ret);

#endif
