/* account - positions that orders build up and take down: isolated margin, one-way, linear contracts.
 *
 * Margin, liquidation and bankruptcy are those of core/fill.h, of the rule since 22 May 2025 or the one
 * before it (kucoin-futures 11.4 and 11.5).  Shares of cost and margin are rounded to 12 places and the
 * remainder stays in the position, so that nothing is lost: over a position's life gross profit =
 * sum of sales - sum of buys, to the last digit.
 * Threads: pure functions of their arguments.
 */
#ifndef PAPER_ACCOUNT_H
#define PAPER_ACCOUNT_H

#include "deploy/paper/engine.h"

/* 1/leverage to 10 places. */
dec_t margin_rate(int leverage);
struct margin_rule {
    bool before_2025;
    dec_t liquidation_fee;      /* rate; the rule since then only */
};
/* Margin an opening order reserves: value x (1/leverage + taker rate), before 2025 also the closing fee. */
dec_t margin_order(const struct margin_rule *r, const struct contract *c, int64_t lots, int64_t px,
                   int leverage);
dec_t position_margin(const struct position *p);

/* Add lots in the position's direction (or to none). */
void position_add(const struct margin_rule *r, struct position *p, const struct contract *c, int side,
                  int64_t lots, int64_t px, int leverage);
/* Take lots (<= |qty|) out at px; the gross profit. */
dec_t position_reduce(struct position *p, const struct contract *c, int64_t lots, int64_t px);
/* funding: the rate of the running period. */
void position_show(const struct margin_rule *r, const struct position *p, const struct contract *c, dec_t mark,
                   dec_t funding, struct position_view *ret);
bool position_liquidates(const struct margin_rule *r, const struct position *p, const struct contract *c,
                         dec_t mark, dec_t funding);
/* available and equity of a wallet whose other members are set. */
void wallet_sum(struct wallet *w);

#endif
