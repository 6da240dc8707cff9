/* strategy_vwap - back to the day's mean price (AITRAPP's VWAP reversion, with a VWAP of the UTC
 * day).
 *
 * Buy where the close is at least `deviation` below the VWAP, sell where it is so far above, on a
 * volume of at least volume_mult times the mean of volume_bars bars, the newest among them.  Stop
 * at stop_atr_mult ATR, at most stop_max of the close.  TP2 at the VWAP, or at rr_min times the
 * risk where the VWAP is nearer than that; TP1 at 60 % of the way.  Never two signals of the same
 * side in a row; at least min_gap_min minutes of market time between two.
 *
 * NOT_READY  DAY: the day's first bars were not seen, as its VWAP would be another one; NOT_READY:
 *            ATR or mean volume.
 * NOTHING    NO_VOLUME, FLAT, NEAR, VOLUME, SAME_SIDE, TOO_SOON, PRICE.
 */
#include <math.h>

#include "libagent/core/strategy.h"
#include "libagent/core/ta_strategy.h"
#include "proto/err.h"

#define DAY_NS     INT64_C(86400000000000)
#define TP1_SHARE  0.6
#define CONFIDENCE 0.70
#define VOLUME_MAX 200

#define PARAMS(P)                                                                                  \
    P(DEVIATION, "deviation", 0.005, 0.00001, 0.5, false, "from the VWAP, fraction of it")         \
    P(ATR, "atr_period", 14, 2, 100, true, "bars of the ATR")                                      \
    P(STOP_ATR, "stop_atr_mult", 2, 0.1, 20, false, "entry to stop, in ATR")                       \
    P(STOP_MAX, "stop_max", 0.03, 0.0001, 0.5, false, "entry to stop, fraction of the close")      \
    P(VOLUME_BARS, "volume_bars", 20, 1, VOLUME_MAX, true, "bars of the mean volume")              \
    P(VOLUME, "volume_mult", 1.2, 0, 20, false, "volume, in mean volumes, at least")               \
    P(RR, "rr_min", 1.5, 0.1, 10, false, "TP2, in risks, at least")                                \
    P(MIN_GAP, "min_gap_min", 15, 0, 1440, false, "minutes between two signals")

enum { PARAMS(STRATEGY_PARAM_ID) PARAM_COUNT };
static const struct strategy_param table[] = {PARAMS(STRATEGY_PARAM_ROW)};

struct vwap {
    struct strategy_head head;
    struct ta_vwap vwap;
    struct ta_atr  atr;
    struct ta_mean volume;
    int64_t half_day;           /* begun before the first bar that was seen; -1: none */
    int32_t side, unused;       /* of the newest signal; 0: none yet */
    double  volume_win[VOLUME_MAX];
};

static int vwap_init(void *state)
{
    struct vwap *s = state;
    const double *p = s->head.params.v;

    ta_vwap_init(&s->vwap);
    ta_atr_init(&s->atr, (int)p[PARAM_ATR]);
    ta_mean_init(&s->volume, (int)p[PARAM_VOLUME_BARS]);
    s->half_day = -1;
    return DAY_NS % s->head.tf_ns == 0 ? ERR_OK : ERR_RANGE;
}

static int beyond(double close, double vwap, double deviation)
{
    return (close <= vwap * (1 - deviation)) - (close >= vwap * (1 + deviation));
}

static struct strategy_answer vwap_on_candle(void *state, const struct strategy_input *in,
                                             struct strategy_signal *ret)
{
    struct vwap *s = state;
    const struct candle *c = in->candle;
    const double *p = s->head.params.v;
    const struct ta_value vwap = ta_vwap_push(&s->vwap, c);
    const struct ta_value atr = ta_atr_push(&s->atr, c->high, c->low, c->close);
    const struct ta_value volume = ta_mean_push(&s->volume, s->volume_win, c->volume);

    if (s->head.bars == 1 && c->start_ns % DAY_NS != 0)
        s->half_day = c->start_ns / DAY_NS;
    if (!atr.ready || !volume.ready)
        return strategy_says(STRATEGY_NOT_READY, "NOT_READY");
    if (s->half_day == c->start_ns / DAY_NS)
        return strategy_says(STRATEGY_NOT_READY, "DAY");
    if (!vwap.valid)
        return strategy_says(STRATEGY_NOTHING, "NO_VOLUME");
    if (!atr.valid)
        return strategy_says(STRATEGY_NOTHING, "FLAT");
    const int side = beyond(c->close, vwap.v[0], p[PARAM_DEVIATION]);
    if (side == 0)
        return strategy_says(STRATEGY_NOTHING, "NEAR");
    if (c->volume < p[PARAM_VOLUME] * volume.v[0])
        return strategy_says(STRATEGY_NOTHING, "VOLUME");
    if (side == s->side)
        return strategy_says(STRATEGY_NOTHING, "SAME_SIDE");
    if (strategy_too_soon(&s->head, p[PARAM_MIN_GAP]))
        return strategy_says(STRATEGY_NOTHING, "TOO_SOON");
    const double risk = fmin(p[PARAM_STOP_ATR] * atr.v[0], p[PARAM_STOP_MAX] * c->close);
    const double reward = fmax(side * (vwap.v[0] - c->close), p[PARAM_RR] * risk);
    ret->atr = atr.v[0];
    const struct strategy_answer a = strategy_fires(ret, side, c->close - side * risk, reward,
                                                    TP1_SHARE, CONFIDENCE);
    if (a.verdict == STRATEGY_SIGNAL)
        s->side = side;
    return a;
}

static bool vwap_ready(const void *state)
{
    const struct vwap *s = state;
    const double *p = s->head.params.v;

    return (double)s->head.bars >= fmax(p[PARAM_ATR] + 1, p[PARAM_VOLUME_BARS]);
}

const struct strategy_def strategy_def_vwap = {
    .name = "vwap", .meaning = "reversion to the day's VWAP", .version = 1, .max_positions = 0,
    .size = sizeof(struct vwap), .param = table, .params = PARAM_COUNT,
    .init = vwap_init, .on_candle = vwap_on_candle, .ready = vwap_ready,
};
