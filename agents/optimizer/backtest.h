/* backtest - the live parameters on closed bars of one symbol, by the core that trades live.
 *
 * Entry: at the close of the bar whose signal fired, when no position is open; size: one unit of risk, so
 * that results are in R and in fractions of the notional.  Exits: core's exits_bar, stop before target
 * inside a bar.  Costs: taker fee on both sides and the slippage of the exit parameters.
 * Pure: bars in, figures out.
 */
#ifndef AGENTS_OPTIMIZER_BACKTEST_H
#define AGENTS_OPTIMIZER_BACKTEST_H

#include <stddef.h>
#include <stdint.h>

#include "libagent/core/exits.h"
#include "libagent/core/strategy_score.h"

struct backtest_bar {
    struct candle candle;
    dec_t open, high, low, close;
};

struct backtest_result {
    int64_t bars, trades, wins;
    double net;                 /* sum over trades of net profit / notional */
    double gains, losses;       /* its positive and negative parts, both >= 0 */
    double peak, max_drawdown;  /* of the running sum */
};

struct backtest_setup {
    int64_t primary_ns, confirm_ns;
    struct strategy_score_params score;
    struct exit_params exits;
    struct contract_terms contract;
    dec_t stop_atr, stop_floor; /* stop distance: max(stop_atr ATR, stop_floor x price) */
    int leverage;
};

/* Adds to *r. */
int backtest_run(const struct backtest_setup *setup, const struct backtest_bar *bars, size_t n,
                 const struct candle *confirm, size_t n_confirm, struct backtest_result *r);

#endif
