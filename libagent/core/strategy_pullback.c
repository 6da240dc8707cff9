/* strategy_pullback - into a trend after a pullback (AITRAPP's TrendPullback).
 *
 * Trend up: EMA(fast) > (1 + gap) EMA(slow); down: EMA(fast) < (1 - gap) EMA(slow).  The close lies
 * within pullback_atr_mult ATR of EMA(fast).  Bounce: the bar closes beyond its open in the trend's
 * direction, after a bar that made a lower low (down: a higher high) than the one before it.  Stop:
 * buy min(lowest low of swing_bars bars, EMA(slow) - ATR), sell max(highest high, EMA(slow) + ATR);
 * refused where the risk is more than risk_atr_max ATR.  TP2 at rr_min times the risk, TP1 at 60 %
 * of the way.  At least min_gap_min minutes of market time between two signals.
 *
 * NOT_READY: fewer than ema_slow + 10 bars, as in the original, or an indicator is not.
 * NOTHING    FLAT, TREND, FAR, BOUNCE, TOO_SOON, RISK: no range, no trend, too far from the EMA, no
 *            bounce, the minutes, the stop.
 */
#include <math.h>

#include "libagent/core/strategy.h"
#include "libagent/core/ta_strategy.h"
#include "proto/err.h"

#define TP1_SHARE  0.6
#define CONFIDENCE 0.70
#define SWING_MAX  50
#define EXTRA_BARS 10

#define PARAMS(P)                                                                                  \
    P(EMA_FAST, "ema_fast", 34, 2, 200, true, "bars of the fast EMA")                              \
    P(EMA_SLOW, "ema_slow", 89, 3, 400, true, "bars of the slow EMA")                              \
    P(ATR, "atr_period", 14, 2, 100, true, "bars of the ATR")                                      \
    P(TREND_GAP, "trend_gap", 0.002, 0, 0.1, false, "between the EMAs, fraction of the slow one")  \
    P(PULLBACK, "pullback_atr_mult", 0.5, 0.01, 5, false, "close to fast EMA, in ATR, at most")    \
    P(SWING, "swing_bars", 10, 2, SWING_MAX, true, "bars whose extreme the stop lies behind")      \
    P(RISK_MAX, "risk_atr_max", 3, 0.1, 20, false, "entry to stop, in ATR, at most")               \
    P(RR, "rr_min", 2, 0.1, 10, false, "TP2, in risks")                                            \
    P(MIN_GAP, "min_gap_min", 15, 0, 1440, false, "minutes between two signals")

enum { PARAMS(STRATEGY_PARAM_ID) PARAM_COUNT };
static const struct strategy_param table[] = {PARAMS(STRATEGY_PARAM_ROW)};

struct pullback {
    struct strategy_head head;
    struct ta_ema   fast, slow;
    struct ta_atr   atr;
    struct ta_range swing;
    double high[2], low[2];     /* of the bars before, newest first */
    double swing_win[TA_RANGE_WIN(SWING_MAX)];
};

/* One bar, as the rule sees it. */
struct view {
    double fast, slow, atr, highest, lowest;
    bool   after_low, after_high;       /* the bar before made a lower low, a higher high */
};

static int pullback_init(void *state)
{
    struct pullback *s = state;
    const double *p = s->head.params.v;

    if (p[PARAM_EMA_FAST] >= p[PARAM_EMA_SLOW])
        return ERR_RANGE;
    ta_ema_init(&s->fast, (int)p[PARAM_EMA_FAST]);
    ta_ema_init(&s->slow, (int)p[PARAM_EMA_SLOW]);
    ta_atr_init(&s->atr, (int)p[PARAM_ATR]);
    ta_range_init(&s->swing, s->swing_win, (int)p[PARAM_SWING]);
    return ERR_OK;
}

/* False: not ready. */
static bool look(struct pullback *s, const struct candle *c, struct view *v)
{
    const struct ta_value fast = ta_ema_push(&s->fast, c->close);
    const struct ta_value slow = ta_ema_push(&s->slow, c->close);
    const struct ta_value atr = ta_atr_push(&s->atr, c->high, c->low, c->close);
    const bool swing = ta_range_push(&s->swing, s->swing_win, c->high, c->low, &v->highest,
                                     &v->lowest);

    v->fast = fast.v[0];
    v->slow = slow.v[0];
    v->atr = atr.v[0];
    v->after_low = s->low[0] < s->low[1];
    v->after_high = s->high[0] > s->high[1];
    s->high[1] = s->high[0];
    s->low[1] = s->low[0];
    s->high[0] = c->high;
    s->low[0] = c->low;
    return slow.ready && atr.ready && swing &&
           s->head.bars >= (int64_t)s->head.params.v[PARAM_EMA_SLOW] + EXTRA_BARS;
}

static int trend(const struct view *v, double gap)
{
    return (v->fast > (1 + gap) * v->slow) - (v->fast < (1 - gap) * v->slow);
}

static bool bounces(const struct view *v, const struct candle *c, int side)
{
    return side > 0 ? c->close > c->open && v->after_low : c->close < c->open && v->after_high;
}

static struct strategy_answer pullback_on_candle(void *state, const struct strategy_input *in,
                                                 struct strategy_signal *ret)
{
    struct pullback *s = state;
    const struct candle *c = in->candle;
    const double *p = s->head.params.v;
    struct view v;

    if (!look(s, c, &v))
        return strategy_says(STRATEGY_NOT_READY, "NOT_READY");
    const int side = trend(&v, p[PARAM_TREND_GAP]);
    if (!(v.atr > 0))
        return strategy_says(STRATEGY_NOTHING, "FLAT");
    if (side == 0)
        return strategy_says(STRATEGY_NOTHING, "TREND");
    if (fabs(c->close - v.fast) > p[PARAM_PULLBACK] * v.atr)
        return strategy_says(STRATEGY_NOTHING, "FAR");
    if (!bounces(&v, c, side))
        return strategy_says(STRATEGY_NOTHING, "BOUNCE");
    if (strategy_too_soon(&s->head, p[PARAM_MIN_GAP]))
        return strategy_says(STRATEGY_NOTHING, "TOO_SOON");
    const double stop = side > 0 ? fmin(v.lowest, v.slow - v.atr) : fmax(v.highest, v.slow + v.atr);
    const double risk = side * (c->close - stop);
    if (!(risk > 0 && risk <= p[PARAM_RISK_MAX] * v.atr))
        return strategy_says(STRATEGY_NOTHING, "RISK");
    ret->atr = v.atr;
    return strategy_fires(ret, side, stop, p[PARAM_RR] * risk, TP1_SHARE, CONFIDENCE);
}

static bool pullback_ready(const void *state)
{
    const struct pullback *s = state;
    const double *p = s->head.params.v;

    return (double)s->head.bars >= fmax(p[PARAM_EMA_SLOW] + EXTRA_BARS,
                                        fmax(p[PARAM_ATR] + 1, p[PARAM_SWING]));
}

const struct strategy_def strategy_def_pullback = {
    .name = "pullback", .meaning = "trend pullback", .version = 1, .max_positions = 2,
    .size = sizeof(struct pullback), .param = table, .params = PARAM_COUNT,
    .init = pullback_init, .on_candle = pullback_on_candle, .ready = pullback_ready,
};
