/* score - what nine indicators say about one symbol in one timeframe.
 *
 * One function per indicator turns its values into sub-signals: `state` says one for this bar,
 * `event` starts one that lasts.  Everything that outlives the bar is in struct score_tf.
 *
 * Invariants:
 *  1. An indicator that is not ready or not valid says nothing at this bar and leaves its memory
 *  alone.
 *  2. Mirroring all prices about a level mirrors the score: each rule has its exact opposite.
 *  3. Differences smaller than rounding noise are no direction: in a flat market sums of equal
 *     numbers differ in the last bits, and nothing may come of that.
 */
#include <math.h>
#include <string.h>

#include "libagent/core/score.h"
#include "proto/err.h"

#define NOISE_PRICE   1e-12     /* of the close */
#define NOISE_PERCENT 1e-9      /* of a range of 100, and of sums of contributions */

static const struct {
    const char *name;
    double max;
    enum score_group group;
} inds[IND_COUNT] = {
#define IND(id, text, max_weight, grp) [IND_##id] = {text, max_weight, GROUP_##grp},
#define SUB(ind, id, text, weight)
#include "libagent/core/score.def"
#undef IND
#undef SUB
};

static const struct {
    enum score_ind ind;
    const char *name;
    double weight;
} subs[SUB_COUNT] = {
#define IND(id, text, max_weight, grp)
#define SUB(indicator, id, text, w) [SUB_##indicator##_##id] = {IND_##indicator, text, w},
#include "libagent/core/score.def"
#undef IND
#undef SUB
};

const char *score_ind_name(enum score_ind i)
{
    return (unsigned)i < IND_COUNT ? inds[i].name : "?";
}

const char *score_sub_name(enum score_sub s)
{
    return (unsigned)s < SUB_COUNT ? subs[s].name : "?";
}

const char *score_group_name(enum score_group g)
{
    static const char *const names[GROUP_COUNT] = {"oscillators", "trend", "volume", "bands"};
    return (unsigned)g < GROUP_COUNT ? names[g] : "?";
}

const char *score_class_name(enum score_class c)
{
    static const char *const names[CLASS_COUNT] = {
        "EXTREME_SELL", "STRONG_SELL", "SELL", "SELL_WEAK", "NEUTRAL",
        "BUY_WEAK",     "BUY",         "STRONG_BUY", "EXTREME_BUY",
    };
    return (unsigned)c < CLASS_COUNT ? names[c] : "?";
}

const char *score_micro_name(enum score_micro_part p)
{
    static const char *const names[MICRO_COUNT] = {"flow", "basis", "funding", "depth"};
    return (unsigned)p < MICRO_COUNT ? names[p] : "?";
}

enum score_ind score_sub_ind(enum score_sub s)
{
    must((unsigned)s < SUB_COUNT);
    return subs[s].ind;
}

enum score_group score_ind_group(enum score_ind i)
{
    must((unsigned)i < IND_COUNT);
    return inds[i].group;
}

void score_weights_default(struct score_weights *w)
{
    for (int i = 0; i < IND_COUNT; i++)
        w->max[i] = inds[i].max;
    for (int i = 0; i < SUB_COUNT; i++)
        w->sub[i] = subs[i].weight;
}

int score_weight_set(struct score_weights *w, const char *name, double weight)
{
    double *which = NULL;

    for (int i = 0; i < IND_COUNT; i++)
        if (strcmp(name, inds[i].name) == 0)
            which = &w->max[i];
    for (int i = 0; i < SUB_COUNT; i++)
        if (strcmp(name, subs[i].name) == 0)
            which = &w->sub[i];
    if (which == NULL)
        return ERR_UNKNOWN;
    if (!(weight >= 0 && weight <= 1000))
        return ERR_RANGE;
    *which = weight;
    return ERR_OK;
}

enum score_class score_class_of(int value)
{
    const int size = value < 0 ? -value : value;
    const int step = size >= 90 ? 4 : size >= 70 ? 3 : size >= 50 ? 2 : size >= 30 ? 1 : 0;

    return (enum score_class)(CLASS_NEUTRAL + (value < 0 ? -step : step));
}

int score_direction(int value)
{
    const enum score_class c = score_class_of(value);
    return (c > CLASS_NEUTRAL) - (c < CLASS_NEUTRAL);
}

int score_divergences(const struct score *s, int dir)
{
    static const enum score_sub which[] = {
        SUB_RSI_DIVERGENCE, SUB_WILLR_DIVERGENCE, SUB_KDJ_DIVERGENCE, SUB_MACD_DIVERGENCE,
        SUB_OBV_DIVERGENCE, SUB_AO_DIVERGENCE,    SUB_STOCH_DIVERGENCE,
    };
    int n = 0;

    for (size_t i = 0; i < sizeof which / sizeof which[0]; i++)
        n += dir != 0 && s->part[which[i]].dir == dir;
    return n;
}

/* ---- the words the rules are written in ---- */

static int sign(double x, double noise)
{
    return (x > noise) - (x < -noise);
}

/* New sign of a difference that changed it, else 0; zero keeps the old one. */
static int cross(struct score_tf *s, enum score_line line, double x, double noise)
{
    const int now = sign(x, noise), old = s->sign[line];

    if (now == 0)
        return 0;
    s->sign[line] = now;
    return old == -now ? now : 0;
}

/* In the zone for a rise (at or below low), for a fall (at or above high), or in neither. */
static int zone(double x, double low, double high)
{
    return x <= low + NOISE_PERCENT ? 1 : x >= high - NOISE_PERCENT ? -1 : 0;
}

static void state(struct score *r, enum score_sub sub, int dir, double strength)
{
    if (dir != 0)
        r->part[sub] = (struct score_part){.dir = dir, .strength = strength};
}

/* dir 0: no new one, but an older one may still count. */
static void event(struct score_tf *s, struct score *r, enum score_sub sub, int dir, double strength)
{
    if (dir != 0)
        s->event[sub] = (struct score_event){dir, SCORE_EVENT_BARS};
    if (s->event[sub].left > 0)
        state(r, sub, s->event[sub].dir, strength);
}

static void divergence(const struct score_tf *s, struct score *r, enum score_sub sub,
                       enum div_indicator i)
{
    bool hidden = false;
    const int dir = div_now(&s->div, i, &hidden);

    state(r, sub, dir, hidden ? 1.0 : 1.2);
}

/* ---- one function per indicator ---- */

static void score_rsi(struct score_tf *s, struct score *r)
{
    const struct ta_value *x = &s->last.rsi;

    if (!x->valid)
        return;
    const double v = x->v[0];
    const int up = cross(s, LINE_RSI30, v - 30, NOISE_PERCENT);
    const int down = cross(s, LINE_RSI70, v - 70, NOISE_PERCENT);
    divergence(s, r, SUB_RSI_DIVERGENCE, DIV_RSI);
    event(s, r, SUB_RSI_CROSSOVER, up > 0 ? 1 : down < 0 ? -1 : 0, 1.0);
    event(s, r, SUB_RSI_MOMENTUM, cross(s, LINE_RSI50, v - 50, NOISE_PERCENT), 0.7);
    state(r, SUB_RSI_ZONE, zone(v, 30, 70), zone(v, 20, 80) != 0 ? 1.1 : 1.0);
}

/* Failure swing: leaves the zone, pulls back without re-entering, passes its peak since leaving.
 * `out` grows away from the zone. */
static bool swing_step(struct score_swing *w, bool in_zone, double out)
{
    enum { NONE, IN_ZONE, LEFT, PULLED_BACK };

    if (in_zone) {
        w->phase = IN_ZONE;
        return false;
    }
    if (w->phase == IN_ZONE || (w->phase == LEFT && out > w->peak)) {
        w->phase = LEFT;
        w->peak = out;
    } else if (w->phase == LEFT && out < w->peak - NOISE_PERCENT) {
        w->phase = PULLED_BACK;
    } else if (w->phase == PULLED_BACK && out > w->peak + NOISE_PERCENT) {
        w->phase = NONE;
        return true;
    }
    return false;
}

static void score_willr(struct score_tf *s, struct score *r)
{
    const struct ta_value *x = &s->last.willr;

    if (!x->valid)
        return;
    const double v = x->v[0];
    const int up = cross(s, LINE_WILLR80, v + 80, NOISE_PERCENT);
    const int down = cross(s, LINE_WILLR20, v + 20, NOISE_PERCENT);
    const int in = zone(v, -80, -20);
    const bool rise = swing_step(&s->swing[0], in > 0, v);
    const bool fall = swing_step(&s->swing[1], in < 0, -v);
    divergence(s, r, SUB_WILLR_DIVERGENCE, DIV_WILLR);
    event(s, r, SUB_WILLR_CROSSOVER, up > 0 ? 1 : down < 0 ? -1 : 0, 1.0);
    event(s, r, SUB_WILLR_FAILURE, rise - fall, 0.7);
    state(r, SUB_WILLR_ZONE, in, 1.0);
}

static void score_kdj(struct score_tf *s, struct score *r)
{
    const struct ta_value *x = &s->last.kdj;

    if (!x->valid)
        return;
    divergence(s, r, SUB_KDJ_DIVERGENCE, DIV_KDJ);
    state(r, SUB_KDJ_J_LINE, zone(x->v[2], 0, 100), 1.0);
    event(s, r, SUB_KDJ_CROSS, cross(s, LINE_KDJ, x->v[0] - x->v[1], NOISE_PERCENT), 0.7);
}

static void score_ema(struct score_tf *s, struct score *r, double close)
{
    const struct ta_value *e = s->last.ema;
    const double noise = NOISE_PRICE * close;

    if (e[TA_EMA50].ready)
        event(s, r, SUB_EMA_GOLDEN,
              cross(s, LINE_EMA9_50, e[TA_EMA9].v[0] - e[TA_EMA50].v[0], noise), 1.0);
    if (e[TA_EMA200].ready)
        state(r, SUB_EMA_TREND, sign(close - e[TA_EMA200].v[0], noise), 0.7);
    if (!e[TA_EMA21].ready)
        return;
    const double v = e[TA_EMA21].v[0];
    event(s, r, SUB_EMA_CROSSOVER, cross(s, LINE_EMA9_21, e[TA_EMA9].v[0] - v, noise), 0.7);
    if (s->ema21_n == 3)
        state(r, SUB_EMA_SLOPE, sign(v - s->ema21[2], noise), 0.7);
    s->ema21[2] = s->ema21[1];
    s->ema21[1] = s->ema21[0];
    s->ema21[0] = v;
    s->ema21_n += s->ema21_n < 3;
}

static void score_macd(struct score_tf *s, struct score *r, double close)
{
    const struct ta_value *x = &s->last.macd;
    const double noise = NOISE_PRICE * close;

    if (!x->valid)
        return;
    const double hist = x->v[2];
    const int dir = sign(hist, noise);
    divergence(s, r, SUB_MACD_DIVERGENCE, DIV_MACD);
    event(s, r, SUB_MACD_SIGNAL, cross(s, LINE_MACD_SIGNAL, hist, noise), 0.7);
    event(s, r, SUB_MACD_ZERO, cross(s, LINE_MACD_ZERO, x->v[0], noise), 1.0);
    if (s->hist_n > 0 && dir == sign(s->hist, noise) && fabs(hist) > fabs(s->hist) + noise)
        state(r, SUB_MACD_HISTOGRAM, dir, 0.5);
    s->hist = hist;
    s->hist_n = 1;
}

static void score_obv(struct score_tf *s, struct score *r)
{
    enum { N = sizeof s->obv / sizeof s->obv[0], BACK = 13 };
    const double v = s->last.obv.v[0];
    const int64_t bar = s->bars;        /* this one; s->bars of them came before */

    divergence(s, r, SUB_OBV_DIVERGENCE, DIV_OBV);
    if (bar >= N)
        state(r, SUB_OBV_BREAKOUT, (v > s->obv_high) - (v < s->obv_low), 0.7);
    if (bar >= BACK)
        state(r, SUB_OBV_SLOPE, sign(v - s->obv[(bar - BACK) % N], NOISE_PRICE * fabs(v)), 0.7);
    s->obv[bar % N] = v;
    ta_range_push(&s->obv_range, s->obv_win, v, v, &s->obv_high, &s->obv_low);
}

/* A turn of AO on its own side of zero: twin peaks when it lies nearer to zero than the last one
 * there. side 1: lows below zero, -1: highs above it. */
static int twin_step(struct score_peaks *p, int side, double ao, double noise)
{
    if (ao * side >= -noise)
        return 0;
    const bool twin = p->seen && (ao - p->last) * side > noise;
    p->last = ao;
    p->seen = 1;
    return twin ? side : 0;
}

static void score_ao(struct score_tf *s, struct score *r, double close)
{
    const struct ta_value *x = &s->last.ao;
    const double noise = NOISE_PRICE * close;
    int twin = 0, saucer = 0;

    if (!x->valid)
        return;
    const double v = x->v[0];
    const int zero = cross(s, LINE_AO, v, noise);
    if (s->ao_n >= 1) {
        const int turn = cross(s, LINE_AO_SLOPE, v - s->ao[0], noise);
        if (turn != 0)
            twin = twin_step(&s->peaks[turn < 0], turn, s->ao[0], noise);
    }
    if (s->ao_n == 2) {
        const int dir = sign(v, noise);
        if (sign(s->ao[0] - s->ao[1], noise) == -dir && sign(v - s->ao[0], noise) == dir)
            saucer = dir;
    }
    if (zero != 0)              /* what was seen on the side it leaves ends */
        s->peaks[zero < 0].seen = 0;
    divergence(s, r, SUB_AO_DIVERGENCE, DIV_AO);
    event(s, r, SUB_AO_ZERO, zero, 0.7);
    event(s, r, SUB_AO_TWIN_PEAKS, twin, 0.7);
    event(s, r, SUB_AO_SAUCER, saucer, 0.5);
    s->ao[1] = s->ao[0];
    s->ao[0] = v;
    s->ao_n += s->ao_n < 2;
}

/* Is this bandwidth among the lowest fifth of the last 120, itself among them? */
static bool squeeze_step(struct score_tf *s, double width)
{
    int below = 0;

    s->width[s->width_i++ % SCORE_SQUEEZE_BARS] = width;
    if (s->width_i < SCORE_SQUEEZE_BARS)
        return false;
    for (int i = 0; i < SCORE_SQUEEZE_BARS; i++)
        below += s->width[i] < width;
    return below < SCORE_SQUEEZE_BARS / 5;
}

static void score_bb(struct score_tf *s, struct score *r, const struct candle *c)
{
    const struct ta_value *x = &s->last.bb;

    if (!x->ready)
        return;
    const double lower = x->v[0], middle = x->v[1], upper = x->v[2];
    s->squeeze_left -= s->squeeze_left > 0;
    if (squeeze_step(s, (upper - lower) / middle))      /* a flat market is the narrowest of all */
        s->squeeze_left = 5;
    r->squeeze = s->squeeze_left > 0;
    if (!x->valid)
        return;
    const double b = (c->close - lower) / (upper - lower);
    int breakout = 0;
    if (s->squeeze_left > 0)
        breakout = (c->close > upper) - (c->close < lower);
    else
        state(r, SUB_BB_TOUCH, (c->low <= lower) - (c->high >= upper), 0.7);
    state(r, SUB_BB_BREAKOUT, breakout, 1.0);
    if (breakout == 0)
        state(r, SUB_BB_PERCENT_B, zone(b, 0.05, 0.95), 0.5);
}

static void score_stoch(struct score_tf *s, struct score *r)
{
    const struct ta_value *x = &s->last.stoch;

    if (!x->valid)
        return;
    const double k = x->v[0], d = x->v[1];
    divergence(s, r, SUB_STOCH_DIVERGENCE, DIV_STOCH);
    event(s, r, SUB_STOCH_CROSS, cross(s, LINE_STOCH, k - d, NOISE_PERCENT), 0.7);
    state(r, SUB_STOCH_ZONE, zone(fmax(k, d), 20, 1000) + zone(fmin(k, d), -1000, 80), 1.0);
}

/* ---- the sum ---- */

static double clamp(double x, double most)
{
    return x > most ? most : x < -most ? -most : x;
}

static void micro_parts(const struct score_micro *m, double part[MICRO_COUNT])
{
    const double traded = m->buy_volume + m->sell_volume;
    const double raw[MICRO_COUNT] = {
        [MICRO_FLOW] = traded > 0 ? (m->buy_volume - m->sell_volume) / traded / 0.2 : 0,
        [MICRO_BASIS] = -m->basis / 0.001,
        [MICRO_FUNDING] = -m->funding / 0.0003,
        [MICRO_DEPTH] = (m->bid_share - 0.5) / 0.1,
    };

    for (int i = 0; i < MICRO_COUNT; i++)
        part[i] = isfinite(raw[i]) ? 5 * clamp(raw[i], 1) : 0;
}

static void sum_up(const struct score_weights *w, const struct score_micro *micro, struct score *r)
{
    double group[GROUP_COUNT] = {0}, sum = 0, size = 0;

    for (int i = 0; i < SUB_COUNT; i++) {
        struct score_part *p = &r->part[i];
        p->contribution = w->max[subs[i].ind] * w->sub[i] * p->strength * p->dir;
        r->indicator[subs[i].ind] += p->contribution;
    }
    for (int i = 0; i < IND_COUNT; i++) {
        r->indicator[i] = clamp(r->indicator[i], w->max[i]);
        sum += r->indicator[i];
        size += fabs(r->indicator[i]);
        group[inds[i].group] += r->indicator[i];
    }
    r->base = clamp(sum, SCORE_BASE_MAX);
    if (micro != NULL) {
        micro_parts(micro, r->micro_part);
        for (int i = 0; i < MICRO_COUNT; i++)
            r->micro += r->micro_part[i];
        r->micro = clamp(r->micro, SCORE_MICRO_MAX);
    }
    /* Contributions have few decimals: the last bits must not decide what is a half. */
    const double total = r->base + r->micro;
    r->value = (int32_t)round(total + copysign(NOISE_PERCENT, total));
    r->confidence = size > NOISE_PERCENT ? fmin(100 * fabs(sum) / size, 100) : 0;
    for (int i = 0; i < GROUP_COUNT; i++)
        r->groups += r->value != 0 && sign(group[i], NOISE_PERCENT) == (r->value > 0 ? 1 : -1);
}

void score_tf_init(struct score_tf *s)
{
    memset(s, 0, sizeof *s);
    ta_init(&s->ta);
    div_init(&s->div);
    ta_range_init(&s->obv_range, s->obv_win, sizeof s->obv / sizeof s->obv[0]);
}

static void push_divergence(struct score_tf *s, const struct candle *c)
{
    const struct ta_bar *t = &s->last;
    struct div_bar b = {.high = c->high, .low = c->low, .atr = t->atr.valid ? t->atr.v[0] : 0};
    const struct {
        const struct ta_value *value;
        int which;
    } from[DIV_COUNT] = {
        [DIV_RSI] = {&t->rsi, 0},   [DIV_WILLR] = {&t->willr, 0}, [DIV_STOCH] = {&t->stoch, 0},
        [DIV_KDJ] = {&t->kdj, 2},   [DIV_MACD] = {&t->macd, 0},   [DIV_OBV] = {&t->obv, 0},
        [DIV_AO] = {&t->ao, 0},
    };

    for (int i = 0; i < DIV_COUNT; i++) {
        b.ind[i] = from[i].value->v[from[i].which];
        b.ready |= (uint32_t)from[i].value->ready << i;
        b.valid |= (uint32_t)from[i].value->valid << i;
    }
    div_push(&s->div, &b);
}

void score_tf_push(struct score_tf *s, const struct score_weights *w, const struct candle *c,
                   const struct score_micro *micro, struct score *ret)
{
    memset(ret, 0, sizeof *ret);
    ta_push(&s->ta, c, &s->last);
    push_divergence(s, c);
    for (int i = 0; i < SUB_COUNT; i++)
        s->event[i].left -= s->event[i].left > 0;
    score_rsi(s, ret);
    score_willr(s, ret);
    score_kdj(s, ret);
    score_ema(s, ret, c->close);
    score_macd(s, ret, c->close);
    score_obv(s, ret);
    score_ao(s, ret, c->close);
    score_bb(s, ret, c);
    score_stoch(s, ret);
    sum_up(w, micro, ret);
    s->bars++;
    ret->ready = s->bars >= SCORE_READY_BARS;
}
