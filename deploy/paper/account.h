/* account - position arithmetic: isolated margin, one-way, linear contracts.
 *
 * Formulas: kucoin-futures 11.4 and 11.5, the rule since May 2025 (no reserved closing fee), with the
 * liquidation fee rate = taker rate.  Shares of cost and margin are rounded to 12 places and the
 * remainder stays in the position, so that nothing is lost: over a position's life gross profit =
 * sum of sales - sum of buys, to the last digit.
 * Threads: pure functions of their arguments.
 */
#ifndef PAPER_ACCOUNT_H
#define PAPER_ACCOUNT_H

#include "deploy/paper/engine.h"

/* 1/leverage to 10 places. */
dec_t margin_rate(int leverage);
/* Margin an opening order reserves: value x (1/leverage + taker rate). */
dec_t margin_order(const struct contract *c, int64_t lots, int64_t px, int leverage);
dec_t position_margin(const struct position *p);

/* Add lots in the position's direction (or to none). */
void position_add(struct position *p, const struct contract *c, int side, int64_t lots, int64_t px,
                  int leverage);
/* Take lots (<= |qty|) out at px; the gross profit. */
dec_t position_reduce(struct position *p, const struct contract *c, int64_t lots, int64_t px);
void position_show(const struct position *p, const struct contract *c, dec_t mark,
                   struct position_view *ret);
bool position_liquidates(const struct position *p, const struct contract *c, dec_t mark);

#endif
