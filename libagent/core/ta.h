/* ta - technical indicators, streaming: one bar in, the indicator's value at that bar out.
 *
 * Conventions: TA-Lib's (compatibility DEFAULT, unstable period 0) where TA-Lib has the indicator:
 *   sma, bbands  mean of the last n; bands by the population standard deviation (ta_dev)
 *   ema          k = 2/(n+1), seeded with the SMA of the first n values, first value at bar n-1
 *   macd         the fast EMA is seeded with the bars that end where the slow one's seed ends;
 *                the signal is the EMA of the line; all three are ready together, at bar slow +
 *                signal - 2
 *   rsi, atr     Wilder's smoothing seeded with the plain mean of the first n changes (true ranges,
 *                that of bar 0 left out), first value at bar n
 *   willr, stoch highest high, lowest low of n bars; stoch's K and D are SMAs
 *   obv          starts with the volume of bar 0
 * Not in TA-Lib: AO = SMA(5) - SMA(34) of (high + low)/2; KDJ: K = (2K + RSV)/3, D = (2D + K)/3,
 *   J = 3K - 2D, K = D = 50 at the start, RSV 50 where the range is zero.
 * What the strategies use beside these is in ta_strategy.h.
 *
 * Input:   good candles (candle.h); then every output is finite.  A missing bar is not filled: the
 *          next one there is counts as the next.
 * Output:  struct ta_value.  `ready`: enough bars.  `valid`: and the market is not flat in the
 *          sense of the indicator (rsi: no change; willr, stoch, kdj: zero range; bbands: zero
 *          deviation; atr: zero); where it is flat the value is still TA-Lib's (rsi 0, willr 0,
 *          fast K 0, bands on the mean). Not ready: value 0.
 * Cost:    O(1) amortised per bar, whatever came before; sums are rebuilt from their window once
 *          per window, so nothing drifts.  Nothing is allocated.
 * Memory:  plain structures without pointers; windows are the caller's arrays beside them, of the
 *          length that the TA_..._WIN macros give.  Saved as bytes and restored they go on bit
 *          for bit.
 * Threads: pure functions of their arguments.
 */
#ifndef CORE_TA_H
#define CORE_TA_H

#include <stdbool.h>
#include <stdint.h>

#include "libagent/core/candle.h"

struct ta_value {
    double v[3];        /* in the order the indicator's push function names */
    int32_t ready, valid;   /* bool; no padding, as states are saved as bytes, and no small parts: an answer is copied by
                             * wide loads, which wait for narrow stores (147 ns a bar in ta_push, not 53) */
};

/* ---- parts ---- */

/* Simple mean of the last n; win[n]. */
struct ta_mean {
    double  sum, last, inv;     /* inv: 1/n, here and below: a division costs more than the rest */
    int32_t n, i, count, same;  /* same: equal values in a row, so that a flat window is exact */
};
void ta_mean_init(struct ta_mean *m, int n);
struct ta_value ta_mean_push(struct ta_mean *m, double *win, double x);        /* mean */

/* Mean and population standard deviation of the last n; win[n].  TA-Lib calls a variance below
 * 1e-14 zero; ours stays exact, as the windows of coins priced 0.00001 have no larger one. */
struct ta_dev {
    double  inv, ref, s1, s2, last;     /* sums of (x - ref) and its square */
    int32_t n, i, count, same;
};
void ta_dev_init(struct ta_dev *d, int n);
struct ta_value ta_dev_push(struct ta_dev *d, double *win, double x);   /* mean, deviation */

/* Largest of the last n; win[n].  A minimum is the negated maximum of the negated values. */
struct ta_max {
    double  head;
    int32_t n, i, count, unused;
};
void ta_max_init(struct ta_max *m, double *win, int n);
double ta_max_push(struct ta_max *m, double *win, double x);   /* of those there are, below n */

struct ta_ema {
    double  k, value;
    int32_t n, count;
};
void ta_ema_init(struct ta_ema *e, int n);
struct ta_value ta_ema_push(struct ta_ema *e, double x);                       /* ema */

/* ---- indicators; periods at least 1 ---- */

struct ta_rsi {
    double  prev, gain, loss, inv;
    int32_t n, count;
};
void ta_rsi_init(struct ta_rsi *r, int n);
struct ta_value ta_rsi_push(struct ta_rsi *r, double close);                   /* 0 ... 100 */

/* Wilder's true range of a bar after one that closed at prev_close. */
double ta_true_range(double prev_close, double high, double low);

struct ta_atr {
    double  prev_close, value, inv;
    int32_t n, count;
};
void ta_atr_init(struct ta_atr *a, int n);
struct ta_value ta_atr_push(struct ta_atr *a, double high, double low, double close);

struct ta_macd {
    struct ta_ema fast, slow, signal;
    int32_t skip, unused;       /* bars before the fast EMA's seed */
};
void ta_macd_init(struct ta_macd *m, int fast, int slow, int signal);
struct ta_value ta_macd_push(struct ta_macd *m, double close);     /* line, signal, histogram */

/* Bands at `width` standard deviations; win[n]. */
struct ta_bbands {
    struct ta_dev dev;
    double width;
};
void ta_bbands_init(struct ta_bbands *b, int n, double width);
/* lower, middle, upper */
struct ta_value ta_bbands_push(struct ta_bbands *b, double *win, double close);

/* Highest high and lowest low of n bars; win[2n]. */
#define TA_RANGE_WIN(n) (2 * (n))
struct ta_range {
    struct ta_max high, low;
};
void ta_range_init(struct ta_range *r, double *win, int n);
/* True when there are n bars. */
bool ta_range_push(struct ta_range *r, double *win, double high, double low, double *hh,
                   double *ll);

/* Williams %R of a range, -100 ... 0. */
struct ta_value ta_willr(bool ready, double hh, double ll, double close);

/* Stochastic of a range: SMA(k) of the fast K, SMA(d) of that; win[k + d]. */
#define TA_STOCH_WIN(k, d) ((k) + (d))
struct ta_stoch {
    struct ta_mean k, d;
    int32_t moving, unused;     /* bars in a row whose range is not zero */
};
void ta_stoch_init(struct ta_stoch *s, int k, int d);
struct ta_value ta_stoch_push(struct ta_stoch *s, double *win, bool ready, double hh, double ll,
                              double close);                                   /* K, D */

/* KDJ of a range: K takes 1/k of each RSV, D takes 1/d of each K; thirds are usual. */
struct ta_kdj {
    double k, d, inv_k, inv_d;
};
void ta_kdj_init(struct ta_kdj *s, int k, int d);
/* K, D, J */
struct ta_value ta_kdj_push(struct ta_kdj *s, bool ready, double hh, double ll, double close);

/* SMA(fast) - SMA(slow) of the bar's middle; win[fast + slow]. */
#define TA_AO_WIN(fast, slow) ((fast) + (slow))
struct ta_ao {
    struct ta_mean fast, slow;
};
void ta_ao_init(struct ta_ao *a, int fast, int slow);
struct ta_value ta_ao_push(struct ta_ao *a, double *win, double high, double low);

struct ta_obv {
    double prev_close, value;
};
struct ta_value ta_obv_push(struct ta_obv *o, double close, double volume); /* zeroed is initial */

/* ---- all of them, with the periods of the score ---- */

enum {
    TA_RSI_N = 14, TA_MACD_FAST = 12, TA_MACD_SLOW = 26, TA_MACD_SIGNAL = 9, TA_WILLR_N = 14,
    TA_AO_FAST = 5, TA_AO_SLOW = 34, TA_STOCH_N = 14, TA_STOCH_K = 3, TA_STOCH_D = 3, TA_BB_N = 20,
    TA_KDJ_N = 9, TA_KDJ_K = 3, TA_KDJ_D = 3, TA_ATR_N = 14,
};
enum ta_ema_index { TA_EMA9, TA_EMA21, TA_EMA50, TA_EMA200, TA_EMA_COUNT };

/* The answer for one bar. */
struct ta_bar {
    struct ta_value rsi, macd, willr, ao, stoch, bb, kdj, obv, atr;
    struct ta_value ema[TA_EMA_COUNT];
};

struct ta {
    struct ta_rsi    rsi;
    struct ta_macd   macd;
    struct ta_range  range14;           /* Williams %R and stochastic look at the same 14 bars */
    struct ta_range  range9;
    struct ta_stoch  stoch;
    struct ta_kdj    kdj;
    struct ta_ao     ao;
    struct ta_bbands bb;
    struct ta_obv    obv;
    struct ta_atr    atr;
    struct ta_ema    ema[TA_EMA_COUNT];
    double range14_win[TA_RANGE_WIN(TA_WILLR_N)];
    double range9_win[TA_RANGE_WIN(TA_KDJ_N)];
    double stoch_win[TA_STOCH_WIN(TA_STOCH_K, TA_STOCH_D)];
    double ao_win[TA_AO_WIN(TA_AO_FAST, TA_AO_SLOW)];
    double bb_win[TA_BB_N];
};
void ta_init(struct ta *t);
/* c is good and later than all before it. */
void ta_push(struct ta *t, const struct candle *c, struct ta_bar *ret);

#endif
