/* divergence - price and an indicator that disagree at two turning points.
 *
 * Pivot: a high above the two highs before it and not below the two after it (lows mirrored), hence
 *   known two bars later.  The indicator's value at a pivot is its best (low pivot: lowest, high
 *   pivot: highest) within one bar of it.
 * Divergence: between the two newest pivots of a kind, DIV_MIN_BARS ... DIV_MAX_BARS apart:
 *     regular bullish  lower low, higher indicator    regular bearish  higher high, lower indicator
 *     hidden  bullish  higher low, lower indicator    hidden  bearish  lower high, higher indicator
 *   prices differ by at least 0.1 ATR of the confirming bar; indicators by 2 % of their range of
 *   100, or, for those without bounds, by 0.1 standard deviation of their last 100 values; short
 *   of that by 1e-9 of it counts, too, so that rounding does not tell a rise from its mirror image.
 * It counts at its confirming bar and the next four.  Only the newest of an indicator counts; where
 * a high and a low confirm opposite ones at the same bar they cancel.
 *
 * No look-ahead: the answer at a bar depends on that bar and those before it.
 * Memory: a plain structure of the caller.  Threads: pure functions.
 */
#ifndef CORE_DIVERGENCE_H
#define CORE_DIVERGENCE_H

#include <stdbool.h>
#include <stdint.h>

#define DIV_SIDE     2      /* bars on each side of a pivot */
#define DIV_MIN_BARS 5      /* between pivots */
#define DIV_MAX_BARS 60
#define DIV_LIFE     5      /* bars for which one counts */
#define DIV_ATR      0.1
#define DIV_GAP      2.0    /* of a range of 100 */
#define DIV_GAP_SD   0.1
#define DIV_HISTORY  100    /* values of the standard deviation */

enum div_indicator {
    DIV_RSI, DIV_WILLR, DIV_STOCH,              /* bounded */
    DIV_KDJ, DIV_MACD, DIV_OBV, DIV_AO,         /* without bounds */
    DIV_COUNT, DIV_BOUNDED = DIV_KDJ
};

struct div_bar {
    double   high, low;
    double   atr;               /* 0: none yet */
    double   ind[DIV_COUNT];
    uint32_t ready, valid;      /* a bit per indicator */
};

struct div_pivot {
    int64_t  bar;               /* -1: none yet */
    double   price;
    double   ind[DIV_COUNT];
    uint32_t valid, unused;
};

struct div_found {
    int64_t bar;                /* its confirming bar */
    int32_t dir;                /* 1 bullish, -1 bearish, 0 cancelled */
    int32_t hidden;
};

struct divergence {
    int64_t bars;
    struct div_bar recent[2 * DIV_SIDE + 1];            /* bar b is at b % 5 */
    struct div_pivot high, low;                         /* the newest confirmed */
    struct div_found found[DIV_COUNT];
    double  history[DIV_COUNT - DIV_BOUNDED][DIV_HISTORY];
    int64_t history_n[DIV_COUNT - DIV_BOUNDED];
};

void div_init(struct divergence *d);
void div_push(struct divergence *d, const struct div_bar *b);
/* Direction (1, -1, 0: none) of what counts at the newest bar, and whether it is a hidden one. */
int div_now(const struct divergence *d, enum div_indicator i, bool *hidden);

#endif
