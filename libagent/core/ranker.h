/* ranker - which of the signals of one close are the best ("feature fusion" of AITRAPP).
 *
 * Five features, each the mean of its parts, in 0 ... 1 but for rr:
 *   momentum   .25  RSI(14), for sells 100 - RSI: 40-60 .8, above 60-70 .6, else .3
 *                   change over 20 bars towards the side: .5-2 % .8, below .5, above .6, against .3
 *                   the signal's own confidence
 *   trend      .25  ADX(14): >= 25 1, >= 20 .7, >= 15 .5, else .3, also where +DI/-DI point against
 *                   (EMA 34 - EMA 89)/EMA 89 towards the side: >= 1 % 1, >= .5 % .7, else .4
 *                   Supertrend(10, 3): with the side .7, against it .3
 *   liquidity  .20  spread: <= .1 % 1, <= .3 % .8, <= .5 % .6, else .3
 *                   volume / mean of 20 bars: >= 1.5 1, >= 1 .8, >= .7 .6, else .4
 *                   min(1, lots in the book's levels / 1000)
 *   regime     .15  percentile of the funding rate: 30-70 .9, 20-80 .7, else .5
 *                   change of open interest: > 10 % .9, > 5 % .7, > 0 .6, else .4
 *                   deviation / mean of the ATR(14) over 20 bars: < .2 .9, < .4 .7, else .5
 *   rr         .15  reward / risk
 * What points against the side has the lowest value of its table; a part whose figure is not known
 * (NaN) has .5.
 * Normalised: 1/(1 + exp(-z)), z = (raw - mean)/sample deviation of the last 100 raw values of that
 * feature of earlier cycles, all symbols mixed; .5 where they do not vary; raw clipped to 0 ... 1
 * while they are fewer than 10.  A cycle's own values join the history after it, by symbol and
 * strategy: the order of the candidates changes no bit.
 * Score: sum of weight x normalised, times .5 if raw liquidity < .5, times .7 with news, times .8
 * more than 1 % from the VWAP of the UTC day.  Best first; equal scores by confidence, then symbol,
 * then strategy.
 *
 * Errors:  a candidate that makes no sense is a verdict; it gets no rank and leaves no history.
 * Output:  finite.
 * Memory:  plain structures of the caller without pointers; may be saved as bytes and restored by
 *          the same build.  Nothing is allocated.
 * Threads: pure functions.
 */
#ifndef CORE_RANKER_H
#define CORE_RANKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/core/candle.h"
#include "libagent/core/ta_strategy.h"

#define RANKER_VERSION     1
#define RANKER_MAX         256      /* candidates of one cycle */
#define RANKER_HISTORY     100
#define RANKER_HISTORY_MIN 10
#define RANKER_NAME_MAX    20

/* ---- figures of one symbol and timeframe, from its closed bars ---- */

struct rank_figures {               /* NaN: not known */
    double rsi;                     /* 0 ... 100 */
    double change;                  /* over 20 bars, fraction */
    double adx, plus_di, minus_di;  /* 0 ... 100 */
    double ema_gap;                 /* fraction of the slow one */
    double supertrend;              /* 1, -1 */
    double volume_ratio;
    double atr_variation;           /* of the ATR's last 20 values: deviation / mean */
    double vwap;                    /* of the UTC day */
    /* the caller's */
    double spread;                  /* fraction of the middle */
    double depth;                   /* lots, both sides of the book's levels */
    double funding_percentile;      /* 0 ... 100, of the symbol's past rates: ranker_percentile */
    double oi_change;               /* open interest against 24 h before, fraction */
};

enum { RANK_BARS = 20, RANK_TREND_BARS = 50 };

struct rank_feed {
    struct ta_rsi rsi;
    struct ta_adx adx;
    struct ta_ema fast, slow;
    struct ta_supertrend supertrend;
    struct ta_mean volume;
    struct ta_atr atr;
    struct ta_dev atr_dev;
    struct ta_vwap vwap;
    int64_t bars;
    double close[RANK_BARS];        /* of bar b at b % RANK_BARS */
    double volume_win[RANK_BARS], atr_win[RANK_BARS];
};
void rank_feed_init(struct rank_feed *f);
/* A good bar, later than all before it.  Momentum's figures are known from bar 20 on, trend's from
 * bar 50 on, as in the original (the slow EMA from 89); the caller's ones are set to NaN. */
void rank_feed_push(struct rank_feed *f, const struct candle *c, struct rank_figures *ret);

/* Share of the values below x, equal ones by half, 0 ... 100; NaN when n < RANKER_HISTORY_MIN, or x
 * or a value is not finite. */
double ranker_percentile(const double *past, size_t n, double x);

/* ---- ranking ---- */

enum rank_feature {
    RANK_MOMENTUM, RANK_TREND, RANK_LIQUIDITY, RANK_REGIME, RANK_RR, RANK_FEATURES
};
const char *rank_feature_name(enum rank_feature f);     /* "momentum"; "?".  Static. */

#define RANK_VERDICTS(V)                                                                           \
    V(OK,             "ranked")                                                                    \
    V(BAD_NAME,       "symbol or strategy is empty or does not end")                               \
    V(BAD_SIDE,       "side is neither 1 nor -1")                                                  \
    V(BAD_CONFIDENCE, "confidence is not in 0 ... 1")                                              \
    V(BAD_RR,         "reward / risk is not in 0 ... 1000")                                        \
    V(BAD_ENTRY,      "entry is no price")                                                         \
    V(BAD_FIGURE,     "a figure is infinite or outside its range")                                 \
    V(CROSSED,        "the spread is negative")                                                    \
    V(DUPLICATE,      "symbol and strategy given twice")

enum rank_verdict {
#define V(name, text) RANK_##name,
    RANK_VERDICTS(V)
#undef V
    RANK_VERDICT_COUNT
};
const char *rank_verdict_name(enum rank_verdict v);     /* "BAD_SIDE"; "?".  Static. */
const char *rank_verdict_text(enum rank_verdict v);

struct rank_candidate {
    char    symbol[RANKER_NAME_MAX], strategy[RANKER_NAME_MAX];
    int32_t side;                   /* 1, -1 */
    int32_t news;                   /* not 0: an event is near */
    double  confidence, rr, entry;
    struct rank_figures figures;
};

struct rank_result {
    int32_t candidate;              /* index of what was given */
    int32_t rank;                   /* 1 is best; 0: refused */
    int32_t verdict;                /* enum rank_verdict */
    int32_t illiquid, news, far;    /* penalties that applied */
    double  raw[RANK_FEATURES], normal[RANK_FEATURES];
    double  score;                  /* 0 ... 1 */
};

struct ranker_params {
    double weight[RANK_FEATURES];   /* >= 0, together 1 by default */
    double illiquid, news, far;     /* penalties, 0 ... 1 */
};

struct ranker {
    uint32_t version, size;
    int32_t  count, next;           /* the history's rings move together */
    double   history[RANK_FEATURES][RANKER_HISTORY];
};

void ranker_params_default(struct ranker_params *p);
/* ERR_RANGE: a weight or penalty that is negative or not finite, a penalty above 1, weights that do
 * not sum to 1 within 1e-9. */
int  ranker_params_check(const struct ranker_params *p);
void ranker_init(struct ranker *r);
/* Ranks the candidates of one cycle, best first, refused ones behind in the order given.  n at most
 * RANKER_MAX (must()); ret[n]. */
void ranker_rank(struct ranker *r, const struct ranker_params *p, const struct rank_candidate *c,
                 size_t n, struct rank_result *ret);
/* Bytes saved from a struct ranker.  ERR_TRUNCATED, ERR_VERSION, ERR_CORRUPT; *r is then
 * untouched. */
int  ranker_restore(struct ranker *r, const void *bytes, size_t len);

#endif
