/* ta_strategy - streaming indicators of strategies and ranker, beside the score's (ta.h).
 *
 * Conventions:
 *   di, adx      TA-Lib's: true ranges and directional movements of the first n - 1 changes are
 *                summed, then Wilder's smoothing; +DI and -DI from bar n on; ADX from bar 2n - 1
 *                on, seeded with the mean of n DX.  Where nothing moves the DX counts as 0 in that
 *                seed, and later leaves the ADX as it was
 *   supertrend   TradingView's and LEAN's rule on TA-Lib's ATR: bands (high + low)/2 -+ width x
 *                ATR that only tighten while the close before is inside; down at first (the line
 *                is the upper band), up once a close passes the upper band, down once one passes
 *                the lower.  Long and short mirror each other from the first pass on.
 *   donchian     highest high and lowest low of n bars with the newest (TA-Lib's MAX and MIN); a
 *                breakout compares a close with the channel of the bar before
 *   vwap         mean of (high + low + close)/3 weighted by volume, of the bars pushed that start
 *                in the same UTC day; while none of them has volume: that of the newest bar
 *   hv           historical volatility: sample deviation (n - 1) of the last n logarithmic
 *                returns, times sqrt(365 days / timeframe); 0.8 is 80 % a year; first at bar n
 * Output:  as in ta.h; `valid` is false, the value still finite, where the market is flat (di: no
 *          range; adx: no movement; supertrend: ATR 0; donchian: zero range; hv: all returns
 *          equal) and for a vwap without volume.  A missing bar is not filled: the change over it
 *          counts as one.
 * Cost, memory, threads: as in ta.h.
 */
#ifndef CORE_TA_STRATEGY_H
#define CORE_TA_STRATEGY_H

#include "libagent/core/ta.h"

/* n at least 2, for TA-Lib has no others that mean the same. */
struct ta_di {
    double high, low, close;        /* of the bar before */
    double plus, minus, range, inv; /* smoothed sums */
    int32_t n, count;
};
void ta_di_init(struct ta_di *d, int n);
struct ta_value ta_di_push(struct ta_di *d, double high, double low, double close); /* +DI, -DI */

struct ta_adx {
    struct ta_di di;
    double value, inv; /* while it is seeded: the sum of the DX */
    int32_t n, count;
};
void ta_adx_init(struct ta_adx *a, int n);
struct ta_value ta_adx_push(struct ta_adx *a, double high, double low,
                            double close); /* ADX, +DI, -DI */

struct ta_supertrend {
    struct ta_atr atr;
    double width, upper, lower, close; /* close: of the bar before */
    int32_t direction, unused;         /* 0 before the first band */
};
void ta_supertrend_init(struct ta_supertrend *s, int n, double width);
struct ta_value ta_supertrend_push(struct ta_supertrend *s, double high, double low,
                                   double close); /* line, direction +1 or -1 */

/* Of a range (ta_range_push): lower, middle, upper. */
struct ta_value ta_donchian(bool ready, double hh, double ll);

struct ta_vwap {
    int64_t day; /* since 1970, UTC */
    double value, volume;
};
void ta_vwap_init(struct ta_vwap *v);
struct ta_value ta_vwap_push(struct ta_vwap *v, const struct candle *c); /* vwap, day's volume */

/* win[n]; n at least 2. */
struct ta_hv {
    struct ta_dev dev;
    double prev_close, factor; /* from population deviation to one year's */
};
void ta_hv_init(struct ta_hv *h, int n, int64_t tf_ns);
struct ta_value ta_hv_push(struct ta_hv *h, double *win, double close);

#endif
