/* score - what nine indicators say about one symbol in one timeframe, as a number -130 ... +130.
 *
 * Each sub-signal (score.def) has a direction and a strength, either as a state of the bar or as an
 * event, which counts its bar and the next two; the newest of a sub-signal replaces the older:
 *     contribution = max_weight x weight x strength x direction
 *     indicator    = sum of its contributions, clamped to +-max_weight           (not rounded)
 *     base         = sum of the indicators, clamped to +-110
 *     micro        = sum of the microstructure parts, each +-5, clamped to +-20 (off unless given)
 *     value        = base + micro, rounded half away from zero
 *     confidence   = 100 |sum of indicators| / sum of |indicators|, 0 when all are 0
 *     groups       = how many of oscillators, trend, volume, bands have the sign of the value
 * A cross is a change of sign of a difference; zero keeps the old sign, and a difference within
 * rounding noise is zero.  An indicator that is not ready, or whose market is flat, is neutral.
 *
 * Input:   good candles in order.  Output: finite.
 * Memory:  plain structures of the caller without pointers; nothing is allocated.
 * Threads: pure functions.
 */
#ifndef CORE_SCORE_H
#define CORE_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "libagent/core/candle.h"
#include "libagent/core/divergence.h"
#include "libagent/core/ta.h"

#define SCORE_MAX        130
#define SCORE_BASE_MAX   110.0
#define SCORE_MICRO_MAX  20.0
#define SCORE_READY_BARS 200    /* EMA(200) speaks from here on */
#define SCORE_EVENT_BARS 3

enum score_ind {
#define IND(id, name, max, group) IND_##id,
#define SUB(ind, id, name, weight)
#include "libagent/core/score.def"
#undef IND
#undef SUB
    IND_COUNT
};

enum score_sub {
#define IND(id, name, max, group)
#define SUB(ind, id, name, weight) SUB_##ind##_##id,
#include "libagent/core/score.def"
#undef IND
#undef SUB
    SUB_COUNT
};

enum score_group { GROUP_OSCILLATORS, GROUP_TREND, GROUP_VOLUME, GROUP_BANDS, GROUP_COUNT };

/* Classes by |value|: 90, 70, 50, 30. */
enum score_class {
    CLASS_EXTREME_SELL, CLASS_STRONG_SELL, CLASS_SELL, CLASS_SELL_WEAK, CLASS_NEUTRAL,
    CLASS_BUY_WEAK, CLASS_BUY, CLASS_STRONG_BUY, CLASS_EXTREME_BUY, CLASS_COUNT
};

enum score_micro_part { MICRO_FLOW, MICRO_BASIS, MICRO_FUNDING, MICRO_DEPTH, MICRO_COUNT };

struct score_weights {
    double max[IND_COUNT];
    double sub[SUB_COUNT];
};

/* The market's microstructure at the close; what is not finite is neutral. */
struct score_micro {
    double buy_volume, sell_volume;     /* of takers */
    double basis;                       /* (perpetual - index) / index */
    double funding;                     /* rate of the running interval */
    double bid_share;                   /* of the depth, 0 ... 1 */
    double spread;                      /* (ask - bid) / middle: a gate, not scored */
};

struct score_part {
    double  strength;           /* 0 when silent */
    double  contribution;
    int32_t dir;                /* 1 long, -1 short, 0 silent */
    int32_t unused;
};

struct score {
    int32_t value;
    int32_t ready;              /* SCORE_READY_BARS have been seen */
    int32_t groups;             /* that agree with the value's sign */
    int32_t squeeze;            /* the bands were narrow within the last 5 bars */
    double  confidence;         /* 0 ... 100 */
    double  base, micro;
    double  indicator[IND_COUNT];
    double  micro_part[MICRO_COUNT];
    struct score_part part[SUB_COUNT];
};

/* ---- state; the fields are score.c's own ---- */

#define SCORE_SQUEEZE_BARS 120

struct score_event {
    int32_t dir;
    int32_t left;               /* bars for which it still counts */
};

struct score_swing {            /* Williams %R after leaving a zone */
    int32_t phase;              /* 0 none, 1 in the zone, 2 out of it, 3 pulled back */
    int32_t unused;
    double  peak;               /* since leaving */
};

struct score_peaks {            /* twin peaks of AO on one side of zero */
    double  last;
    int32_t seen, unused;
};

enum score_line {               /* differences whose sign is remembered */
    LINE_RSI30, LINE_RSI50, LINE_RSI70, LINE_WILLR80, LINE_WILLR20, LINE_KDJ, LINE_EMA9_50,
    LINE_EMA9_21, LINE_MACD_SIGNAL, LINE_MACD_ZERO, LINE_AO, LINE_AO_SLOPE, LINE_STOCH, LINE_COUNT
};

struct score_tf {
    struct ta ta;
    struct ta_bar last;                         /* indicators of the newest bar */
    struct divergence div;
    int64_t bars;
    int32_t sign[LINE_COUNT];                   /* 0: not known yet */
    int32_t squeeze_left;                       /* bars for which a squeeze still counts */
    struct score_event event[SUB_COUNT];
    struct score_swing swing[2];                /* long, short */
    struct score_peaks peaks[2];                /* below zero, above zero */
    double  ema21[3];                           /* values of the bars before, newest first */
    double  hist;                               /* MACD's histogram of the bar before */
    double  ao[2];                              /* of the bars before, newest first */
    int32_t ema21_n, hist_n, ao_n, width_n;
    double  obv[20];                            /* bar b at b % 20 */
    struct ta_range obv_range;
    double  obv_win[TA_RANGE_WIN(20)];
    double  obv_high, obv_low;                  /* of the 20 bars before */
    double  width[SCORE_SQUEEZE_BARS];          /* bandwidths */
    int64_t width_i;
};

/* "rsi", "rsi.zone", "oscillators", "STRONG_BUY", "flow"; "?" for what is none.  Static. */
const char *score_ind_name(enum score_ind i);
const char *score_sub_name(enum score_sub s);
const char *score_group_name(enum score_group g);
const char *score_class_name(enum score_class c);
const char *score_micro_name(enum score_micro_part p);
enum score_ind   score_sub_ind(enum score_sub s);
enum score_group score_ind_group(enum score_ind i);

/* The weights of score.def; set one by its name, "rsi" or "rsi.zone": ERR_UNKNOWN for no such name,
 * ERR_RANGE unless 0 <= weight <= 1000. */
void score_weights_default(struct score_weights *w);
int  score_weight_set(struct score_weights *w, const char *name, double weight);

void score_tf_init(struct score_tf *s);
/* One closed bar; micro NULL: off. */
void score_tf_push(struct score_tf *s, const struct score_weights *w, const struct candle *c,
                   const struct score_micro *micro, struct score *ret);

enum score_class score_class_of(int value);
/* 1 for the BUY classes, -1 for the SELL classes, 0 for NEUTRAL. */
int score_direction(int value);
/* Divergences that count and point to dir. */
int score_divergences(const struct score *s, int dir);

#endif
