/* strategy_ml - a trend rule that a model has to confirm (AutoTrader).
 *
 * The model's probability p of a higher next close makes the class (1 where p > 0.5) and the
 * confidence max(p, 1 - p), which has to be above min_confidence.
 *     buy   class 1, SMA(50) > SMA(200), RSI <= rsi_max
 *     sell  class 0, and RSI > rsi_max or SMA(50) <= SMA(200)
 * which is not the mirror of buy, and is so in the original.  RSI(14) is Wilder's.  Stop and
 * target, 5 % and 15 % of the price, are outer limits: the exits of the position lie within them.
 * There is one target: TP1 = TP2.  At least min_gap_min minutes of market time between two signals.
 *
 * NOT_READY: fewer than 200 bars.
 * ABSTAINS   NO_MODEL, PROBABILITY: there is none, it answered no number in 0 ... 1.
 * NOTHING    FLAT, UNSURE, TREND, OVERBOUGHT, TOO_SOON.
 */
#include <math.h>
#include <string.h>

#include "libagent/core/strategy.h"
#include "libagent/core/strategy_ml.h"
#include "proto/err.h"

#define PARAMS(P)                                                                                  \
    P(MIN_CONFIDENCE, "min_confidence", 0.6, 0.5, 1, false, "of the model, to be exceeded")        \
    P(RSI_MAX, "rsi_max", 70, 50, 100, false, "overbought above it")                               \
    P(STOP, "stop", 0.05, 0.001, 0.5, false, "fraction of the entry")                              \
    P(TARGET, "target", 0.15, 0.001, 0.9, false, "fraction of the entry")                          \
    P(MIN_GAP, "min_gap_min", 60, 0, 1440, false, "minutes between two signals")

enum { PARAMS(STRATEGY_PARAM_ID) PARAM_COUNT };
static const struct strategy_param table[] = {PARAMS(STRATEGY_PARAM_ROW)};

static const int sma_n[] = {5, 20, 50, 200}, dev_n[] = {5, 20};

struct ml {
    struct strategy_head head;
    struct ml_features features;
    struct ta_rsi rsi;
};

void ml_features_init(struct ml_features *f)
{
    memset(f, 0, sizeof *f);
    for (int i = 0; i < 4; i++)
        ta_mean_init(&f->sma[i], sma_n[i]);
    for (int i = 0; i < 2; i++)
        ta_dev_init(&f->dev[i], dev_n[i]);
    ta_mean_init(&f->gain, ML_RSI_N);
    ta_mean_init(&f->loss, ML_RSI_N);
    ta_macd_init(&f->macd, TA_MACD_FAST, TA_MACD_SLOW, TA_MACD_SIGNAL);
}

bool ml_features_push(struct ml_features *f, double close, double x[ML_FEATURES])
{
    const double change = f->prev > 0 ? close / f->prev - 1 : 0, step = close - f->prev;
    const struct ta_value macd = ta_macd_push(&f->macd, close);
    struct ta_value sma[4] = {0}, dev[2] = {0}, gain = {0}, loss = {0};

    for (int i = 0, at = 0; i < 4; at += sma_n[i++])
        sma[i] = ta_mean_push(&f->sma[i], f->sma_win + at, close);
    if (f->prev > 0) {
        for (int i = 0, at = 0; i < 2; at += dev_n[i++])
            dev[i] = ta_dev_push(&f->dev[i], f->dev_win + at, change);
        gain = ta_mean_push(&f->gain, f->gain_win, step > 0 ? step : 0);
        loss = ta_mean_push(&f->loss, f->loss_win, step < 0 ? -step : 0);
    }
    f->prev = close;
    if (!sma[3].ready)      /* the longest of all */
        return false;
    for (int i = 0; i < 4; i++)
        x[ML_SMA_5 + i] = sma[i].v[0] / close - 1;
    for (int i = 0; i < 2; i++)
        x[ML_DEV_5 + i] = dev[i].v[1] * sqrt(dev_n[i] / (dev_n[i] - 1.0));
    const double up = fmax(gain.v[0], 0), down = fmax(loss.v[0], 0); /* sums may round below zero */
    x[ML_RSI] = up + down > 0 ? up / (up + down) : 0.5;
    x[ML_MACD] = macd.v[0] / close;
    x[ML_SIGNAL] = macd.v[1] / close;
    return true;
}

static int ml_init(void *state)
{
    struct ml *s = state;

    ml_features_init(&s->features);
    ta_rsi_init(&s->rsi, ML_RSI_N);
    return ERR_OK;
}

/* The rule, from the model's class and confidence, the trend and the RSI. */
static struct strategy_answer rule(const struct ml *s, double p_up, bool up, double rsi,
                                   struct strategy_signal *ret)
{
    const double *p = s->head.params.v;
    const double confidence = fmax(p_up, 1 - p_up);
    const int side = p_up > 0.5 ? 1 : -1;
    const bool overbought = rsi > p[PARAM_RSI_MAX];

    if (!(confidence > p[PARAM_MIN_CONFIDENCE]))
        return strategy_says(STRATEGY_NOTHING, "UNSURE");
    if (side > 0 ? !up : up && !overbought)
        return strategy_says(STRATEGY_NOTHING, "TREND");
    if (side > 0 && overbought)
        return strategy_says(STRATEGY_NOTHING, "OVERBOUGHT");
    if (strategy_too_soon(&s->head, p[PARAM_MIN_GAP]))
        return strategy_says(STRATEGY_NOTHING, "TOO_SOON");
    return strategy_fires(ret, side, ret->entry * (1 - side * p[PARAM_STOP]),
                          ret->entry * p[PARAM_TARGET], 1, confidence);
}

static struct strategy_answer ml_on_candle(void *state, const struct strategy_input *in,
                                           struct strategy_signal *ret)
{
    struct ml *s = state;
    double x[ML_FEATURES];
    const bool ready = ml_features_push(&s->features, in->candle->close, x);
    const struct ta_value rsi = ta_rsi_push(&s->rsi, in->candle->close);

    if (!ready)
        return strategy_says(STRATEGY_NOT_READY, "NOT_READY");
    if (in->model == NULL)
        return strategy_says(STRATEGY_ABSTAINS, "NO_MODEL");
    const double p_up = in->model->p_up(in->model->model, x, ML_FEATURES);
    if (!(p_up >= 0 && p_up <= 1))
        return strategy_says(STRATEGY_ABSTAINS, "PROBABILITY");
    if (!rsi.valid)
        return strategy_says(STRATEGY_NOTHING, "FLAT");
    return rule(s, p_up, x[ML_SMA_50] > x[ML_SMA_200], rsi.v[0], ret);
}

static bool ml_ready(const void *state)
{
    return ((const struct ml *)state)->head.bars >= ML_READY_BARS;
}

const struct strategy_def strategy_def_ml = {
    .name = "ml", .meaning = "trend rule that a model confirms", .version = 1, .max_positions = 0,
    .size = sizeof(struct ml), .param = table, .params = PARAM_COUNT,
    .init = ml_init, .on_candle = ml_on_candle, .ready = ml_ready,
};
