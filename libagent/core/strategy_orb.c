/* strategy_orb - opening range breakout (AITRAPP's ORB, with a session that fits crypto).
 *
 * A UTC day has `sessions` equal sessions (1: from 00:00; 3: 00:00, 08:00, 16:00, the funding
 * times). The first window_min minutes of one make its range, high and low of all bars that start
 * in them; a session of which a bar of the window is missing has none.  After `confirmations`
 * closes in a row above the high: buy; below the low: sell; once a session.  Stop at the other side
 * of the range, TP2 at rr_min times the risk, TP1 at 60 % of the way.
 *
 * NOT_READY WINDOW, NO_RANGE: the window has not ended, is not whole.
 * NOTHING   FLAT, INSIDE, CONFIRMING, USED: zero range, no breakout, one that is too young, fired.
 */
#include "libagent/core/strategy.h"
#include "proto/err.h"

#define MINUTE_NS INT64_C(60000000000)
#define DAY_NS    (1440 * MINUTE_NS)
#define TP1_SHARE  0.6
#define CONFIDENCE 0.75

#define PARAMS(P)                                                                                  \
    P(WINDOW_MIN, "window_min", 15, 1, 480, true, "minutes of the opening range")                  \
    P(CONFIRMATIONS, "confirmations", 3, 1, 20, true, "closes in a row beyond the range")          \
    P(RR, "rr_min", 1.8, 0.1, 10, false, "TP2, in risks")                                          \
    P(SESSIONS, "sessions", 1, 1, 3, true, "sessions of a UTC day")

enum { PARAMS(STRATEGY_PARAM_ID) PARAM_COUNT };
static const struct strategy_param table[] = {PARAMS(STRATEGY_PARAM_ROW)};

struct orb {
    struct strategy_head head;
    int64_t session_ns;         /* start of the running one; -1: none yet */
    double  high, low;
    int32_t bars;               /* of the window that were there */
    int32_t run;                /* closes in a row above the high; below the low: negative */
    int32_t used, unused;
};

/* A window is whole bars and leaves some of its session. */
static int orb_init(void *state)
{
    struct orb *s = state;
    const double *p = s->head.params.v;
    const int64_t window_ns = (int64_t)p[PARAM_WINDOW_MIN] * MINUTE_NS;

    s->session_ns = -1;
    return window_ns % s->head.tf_ns == 0 && window_ns < DAY_NS / (int64_t)p[PARAM_SESSIONS]
               ? ERR_OK
               : ERR_RANGE;
}

static void widen(struct orb *s, const struct candle *c)
{
    s->high = s->bars == 0 || c->high > s->high ? c->high : s->high;
    s->low = s->bars == 0 || c->low < s->low ? c->low : s->low;
    s->bars++;
}

static struct strategy_answer breakout(struct orb *s, const struct candle *c,
                                       struct strategy_signal *ret)
{
    const double *p = s->head.params.v;
    const int side = (c->close > s->high) - (c->close < s->low);

    s->run = side == 0 ? 0 : side * s->run > 0 ? s->run + side : side;
    if (s->high == s->low)
        return strategy_says(STRATEGY_NOTHING, "FLAT");
    if (s->used)
        return strategy_says(STRATEGY_NOTHING, "USED");
    if (side == 0)
        return strategy_says(STRATEGY_NOTHING, "INSIDE");
    if (side * s->run < (int)p[PARAM_CONFIRMATIONS])
        return strategy_says(STRATEGY_NOTHING, "CONFIRMING");
    s->used = 1;
    const double stop = side > 0 ? s->low : s->high, risk = side * (c->close - stop);
    return strategy_fires(ret, side, stop, p[PARAM_RR] * risk, TP1_SHARE, CONFIDENCE);
}

static struct strategy_answer orb_on_candle(void *state, const struct strategy_input *in,
                                            struct strategy_signal *ret)
{
    struct orb *s = state;
    const struct candle *c = in->candle;
    const double *p = s->head.params.v;
    const int64_t length_ns = DAY_NS / (int64_t)p[PARAM_SESSIONS];
    const int64_t window_ns = (int64_t)p[PARAM_WINDOW_MIN] * MINUTE_NS;
    const int64_t session_ns = c->start_ns - c->start_ns % length_ns;

    if (session_ns != s->session_ns) {
        s->session_ns = session_ns;
        s->bars = s->run = s->used = 0;
    }
    if (c->start_ns < session_ns + window_ns) {
        widen(s, c);
        return strategy_says(STRATEGY_NOT_READY, "WINDOW");
    }
    if (s->bars < window_ns / c->tf_ns)
        return strategy_says(STRATEGY_NOT_READY, "NO_RANGE");
    return breakout(s, c, ret);
}

const struct strategy_def strategy_def_orb = {
    .name = "orb", .meaning = "opening range breakout", .version = 1, .max_positions = 2,
    .size = sizeof(struct orb), .param = table, .params = PARAM_COUNT,
    .init = orb_init, .on_candle = orb_on_candle,
};
