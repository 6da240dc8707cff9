/* strategy_score - the score strategy: two timeframes, their alignment, the gates and the edge.
 *
 * For each closed primary bar: score P of the primary timeframe; the confirm timeframe's bars
 * are made here from the primary ones (or fed, see below), so that a decision at time T has seen
 * every bar that ends at T; S is the score of the newest closed confirm bar.  Then
 *     class     full: both directions equal, not neutral; partial: one neutral or both;
 *               divergent: opposite
 *     combined  full 0.70 P + 0.30 S, partial 0.85 P + 0.15 S, divergent 0
 *     rank      |combined| + 10 if full + (8 if |P-S| <= 10, else 5 if <= 25) + 5 if |S| >= 30
 *               + 5 per divergence of the primary timeframe on the signal's side; never in a gate
 * Directions are those of the classes (|score| >= 30).
 *
 * Edge: armed while |P| < min_score or P's side differs from the one that fired; fires at the first
 * closed bar with |P| >= min_score that passes class, combined, confidence and groups, once until
 * re-armed.  Warm-up bars arm and consume like any other, but never answer a signal.
 *
 * Errors:  refusals are verdicts, counted for the funnel; a refused candle changes nothing else.
 * Memory:  plain structures without pointers.  struct strategy_score may be saved as bytes and
 *          restored by the same build (strategy_score_restore checks version and size); it then
 *          goes on bit for bit as if it had never stopped.  Nothing is allocated.
 * Threads: pure functions.
 */
#ifndef CORE_STRATEGY_SCORE_H
#define CORE_STRATEGY_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/core/candle.h"
#include "libagent/core/score.h"

#define STRATEGY_SCORE_VERSION 2

/* Why a bar gave a signal or none, in the order in which the gates are asked. */
#define SCORE_VERDICTS(V)                                                                          \
    V(FIRED,       "signal")                                                                       \
    V(BAD_CANDLE,  "the candle was refused")                                                       \
    V(NOT_READY,   "fewer than 200 bars in one of the timeframes")                                 \
    V(BELOW_SCORE, "|score| of the primary timeframe too small")                                   \
    V(USED,        "this edge has fired already")                                                  \
    V(DIVERGENT,   "the timeframes point in opposite directions")                                  \
    V(COMBINED,    "|combined score| too small")                                                   \
    V(CONFIDENCE,  "confidence too small")                                                         \
    V(GROUPS,      "too few groups of indicators agree")                                           \
    V(SPREAD,      "spread too wide")                                                              \
    V(WARM_UP,     "would have fired, but the bar is history")

enum score_verdict {
#define V(name, text) SCORE_##name,
    SCORE_VERDICTS(V)
#undef V
    SCORE_VERDICT_COUNT
};

/* In the order of proto's alignment. */
enum score_align { SCORE_FULL, SCORE_PARTIAL, SCORE_OPPOSED };

struct strategy_score_params {
    struct score_weights weights;
    int32_t min_score;          /* 50, of |P| */
    int32_t min_groups;         /* 2 */
    double  min_combined;       /* 40 */
    double  min_confidence;     /* 60 */
    double  max_spread;         /* 0.0005; looked at only when microstructure is given */
};

struct score_signal {
    int64_t close_ns;           /* end of the primary bar */
    int32_t dir;                /* 1 buy, -1 sell */
    int32_t primary_score, confirm_score;
    int32_t align;              /* enum score_align */
    int32_t groups, divergences;
    double  combined, confidence, rank;
    double  close, atr;         /* of the primary bar */
};

struct strategy_score {
    uint32_t version, size;
    int64_t  primary_ns, confirm_ns;            /* timeframes */
    int64_t  primary_start_ns, confirm_start_ns;/* of the newest bars; negative: none yet */
    double   primary_close, confirm_close;
    struct candle_agg agg;
    struct score_tf primary, confirm;
    struct score p, s;                          /* of the newest bars: the whole breakdown */
    int32_t  fired;                             /* side that used up its edge; 0: armed */
    int32_t  last_candle;                       /* enum candle_verdict of the newest candle given */
    int64_t  bars, gaps;
    int64_t  funnel[SCORE_VERDICT_COUNT];       /* bars by verdict, warm-up included */
};

/* "BELOW_SCORE"; "?" for what is none.  Static. */
const char *score_verdict_name(enum score_verdict v);

void strategy_score_params_default(struct strategy_score_params *p);

/* confirm_ns a multiple of primary_ns, above it; ERR_RANGE otherwise. */
int strategy_score_init(struct strategy_score *s, int64_t primary_ns, int64_t confirm_ns);

/* One closed primary bar.  *ret is written only with SCORE_FIRED.  micro NULL: off. */
enum score_verdict score_on_bar(struct strategy_score *s, const struct strategy_score_params *p,
                                const struct candle *c, const struct score_micro *micro,
                                bool warm_up, struct score_signal *ret);

/* What the newest bar, once all is ready, says in every figure of a signal, fired or not. */
struct score_signal score_describe(const struct strategy_score *s);

/* One closed bar of the confirm timeframe from elsewhere (history that reaches further back than
 * that of the primary one).  A bar made from primary bars that is not newer is then left out, so
 * both may be given, the confirm bar first.  CANDLE_OK or CANDLE_GAP when used. */
enum candle_verdict score_on_confirm(struct strategy_score *s,
                                     const struct strategy_score_params *p, const struct candle *c);

/* History of both timeframes, each in order of time: fed as it would have come, by the end of
 * the bars, all of it warm-up.  Bars that are refused are counted in last_candle and the funnel
 * and skipped. */
void score_warm_up(struct strategy_score *s, const struct strategy_score_params *p,
                   const struct candle *primary, size_t primary_n, const struct candle *confirm,
                   size_t confirm_n);

/* Bytes saved from a struct strategy_score.  ERR_TRUNCATED, ERR_VERSION; *s is then untouched. */
int strategy_score_restore(struct strategy_score *s, const void *bytes, size_t len);

/* The strategy within a state of strategy_def_score (strategy.h): scores, breakdown and funnel. */
const struct strategy_score *strategy_score_of(const void *state);

#endif
