/* strategy_score - two timeframes, their alignment, the gates and the edge.
 *
 *                 |P| < min or other side
 *     FIRED(side) ----------------------> ARMED --- |P| >= min and every gate passes --->
 *     FIRED(side)
 *
 * A bar whose gates refuse leaves the edge armed: the first bar of the run that passes them all
 * fires.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/core/strategy.h"
#include "libagent/core/strategy_score.h"
#include "proto/err.h"

/* Ratios of sums of decimals: what is equal on paper must pass. */
#define NOISE 1e-9

const char *score_verdict_name(enum score_verdict v)
{
    static const char *const names[] = {
#define V(name, text) #name,
        SCORE_VERDICTS(V)
#undef V
    };
    return (unsigned)v < SCORE_VERDICT_COUNT ? names[v] : "?";
}

void strategy_score_params_default(struct strategy_score_params *p)
{
    memset(p, 0, sizeof *p);
    score_weights_default(&p->weights);
    p->min_score = 50;
    p->min_groups = 2;
    p->min_combined = 40;
    p->min_confidence = 60;
    p->max_spread = 0.0005;
}

int strategy_score_init(struct strategy_score *s, int64_t primary_ns, int64_t confirm_ns)
{
    if (primary_ns <= 0 || confirm_ns <= primary_ns || confirm_ns % primary_ns != 0)
        return ERR_RANGE;
    memset(s, 0, sizeof *s);
    s->version = STRATEGY_SCORE_VERSION;
    s->size = sizeof *s;
    s->primary_ns = primary_ns;
    s->confirm_ns = confirm_ns;
    s->primary_start_ns = s->confirm_start_ns = -1;
    candle_agg_init(&s->agg, confirm_ns);
    score_tf_init(&s->primary);
    score_tf_init(&s->confirm);
    return ERR_OK;
}

static enum candle_verdict check(const struct candle *c, int64_t tf_ns, int64_t prev_start_ns,
                                 double prev_close)
{
    const enum candle_verdict v = candle_check(c);

    if (prev_start_ns >= 0)
        return candle_follows(c, prev_start_ns, tf_ns, prev_close);
    return v == CANDLE_OK && c->tf_ns != tf_ns ? CANDLE_OTHER_TIMEFRAME : v;
}

static void push_confirm(struct strategy_score *s, const struct strategy_score_params *p,
                         const struct candle *c)
{
    score_tf_push(&s->confirm, &p->weights, c, NULL, &s->s);
    s->confirm_start_ns = c->start_ns;
    s->confirm_close = c->close;
}

enum candle_verdict score_on_confirm(struct strategy_score *s,
                                     const struct strategy_score_params *p, const struct candle *c)
{
    const enum candle_verdict v = check(c, s->confirm_ns, s->confirm_start_ns, s->confirm_close);

    if (v == CANDLE_OK || v == CANDLE_GAP)
        push_confirm(s, p, c);
    return v;
}

static enum score_align align(int p, int s)
{
    const int a = score_direction(p), b = score_direction(s);

    return a == 0 || b == 0 ? SCORE_PARTIAL : a == b ? SCORE_FULL : SCORE_OPPOSED;
}

/* In hundredths first: 0.7 P + 0.3 S of whole numbers is then exact where a gate compares it. */
static double combine(int p, int s, enum score_align a)
{
    switch (a) {
    case SCORE_FULL:
        return (70 * p + 30 * s) / 100.0;
    case SCORE_PARTIAL:
        return (85 * p + 15 * s) / 100.0;
    case SCORE_OPPOSED:
        break;
    }
    return 0;
}

static double rank(const struct score_signal *g)
{
    const int apart = abs(g->primary_score - g->confirm_score);

    return fabs(g->combined) + (g->align == SCORE_FULL ? 10 : 0) +
           (apart <= 10 ? 8 : apart <= 25 ? 5 : 0) + (abs(g->confirm_score) >= 30 ? 5 : 0) +
           5 * g->divergences;
}

struct score_signal score_describe(const struct strategy_score *s)
{
    struct score_signal g = {
        .close_ns = s->primary_start_ns + s->primary_ns,
        .dir = s->p.value > 0 ? 1 : -1,
        .primary_score = s->p.value,
        .confirm_score = s->s.value,
        .align = align(s->p.value, s->s.value),
        .groups = s->p.groups,
        .confidence = s->p.confidence,
        .close = s->primary_close,
        .atr = s->primary.last.atr.v[0],
    };

    g.combined = combine(g.primary_score, g.confirm_score, (enum score_align)g.align);
    g.divergences = score_divergences(&s->p, g.dir);
    g.rank = rank(&g);
    return g;
}

static enum score_verdict gates(const struct strategy_score_params *p, const struct score_signal *g,
                                const struct score_micro *micro)
{
    if (g->align == SCORE_OPPOSED)
        return SCORE_DIVERGENT;
    if (fabs(g->combined) < p->min_combined)
        return SCORE_COMBINED;
    if (g->confidence < p->min_confidence - NOISE)
        return SCORE_CONFIDENCE;
    if (g->groups < p->min_groups)
        return SCORE_GROUPS;
    if (micro != NULL && !(micro->spread <= p->max_spread))     /* a NaN is refused */
        return SCORE_SPREAD;
    return SCORE_FIRED;
}

static enum score_verdict decide(struct strategy_score *s, const struct strategy_score_params *p,
                                 const struct score_micro *micro, struct score_signal *g)
{
    if (!s->p.ready || !s->s.ready)
        return SCORE_NOT_READY;
    *g = score_describe(s);
    if (abs(g->primary_score) < p->min_score) {
        s->fired = 0;
        return SCORE_BELOW_SCORE;
    }
    if (s->fired == g->dir)
        return SCORE_USED;
    s->fired = 0;
    const enum score_verdict v = gates(p, g, micro);
    if (v == SCORE_FIRED)
        s->fired = g->dir;
    return v;
}

enum score_verdict score_on_bar(struct strategy_score *s, const struct strategy_score_params *p,
                                const struct candle *c, const struct score_micro *micro,
                                bool warm_up, struct score_signal *ret)
{
    const enum candle_verdict cv = check(c, s->primary_ns, s->primary_start_ns, s->primary_close);
    struct candle closed[2];
    struct score_signal g;

    s->last_candle = cv;
    if (cv != CANDLE_OK && cv != CANDLE_GAP) {
        s->funnel[SCORE_BAD_CANDLE]++;
        return SCORE_BAD_CANDLE;
    }
    s->bars++;
    s->gaps += cv == CANDLE_GAP;
    s->primary_start_ns = c->start_ns;
    s->primary_close = c->close;
    score_tf_push(&s->primary, &p->weights, c, micro, &s->p);
    const int n = candle_agg_push(&s->agg, c, closed);
    for (int i = 0; i < n; i++)         /* its parts were checked one by one */
        if (closed[i].start_ns > s->confirm_start_ns)
            push_confirm(s, p, &closed[i]);

    enum score_verdict v = decide(s, p, micro, &g);
    if (v == SCORE_FIRED && warm_up)
        v = SCORE_WARM_UP;
    s->funnel[v]++;
    if (v == SCORE_FIRED)
        *ret = g;
    return v;
}

void score_warm_up(struct strategy_score *s, const struct strategy_score_params *p,
                   const struct candle *primary, size_t primary_n, const struct candle *confirm,
                   size_t confirm_n)
{
    struct score_signal unused;
    size_t j = 0;

    for (size_t i = 0; i < primary_n; i++) {
        const int64_t end_ns = primary[i].start_ns + primary[i].tf_ns;
        while (j < confirm_n && confirm[j].start_ns + confirm[j].tf_ns <= end_ns)
            score_on_confirm(s, p, &confirm[j++]);
        score_on_bar(s, p, &primary[i], NULL, true, &unused);
    }
}

int strategy_score_restore(struct strategy_score *s, const void *bytes, size_t len)
{
    uint32_t head[2];

    if (len != sizeof *s)
        return ERR_TRUNCATED;
    memcpy(head, bytes, sizeof head);
    if (head[0] != STRATEGY_SCORE_VERSION || head[1] != sizeof *s)
        return ERR_VERSION;
    memcpy(s, bytes, sizeof *s);
    return ERR_OK;
}

/* ---- behind the interface of all strategies ---- */

#define PARAMS(P)                                                                                  \
    P(MIN_SCORE, "min_score", 50, 1, SCORE_MAX, true, "|score| of the primary timeframe")         \
    P(MIN_GROUPS, "min_groups", 2, 0, GROUP_COUNT, true, "groups of indicators that agree")        \
    P(MIN_COMBINED, "min_combined", 40, 0, SCORE_MAX, false, "|combined score|")                   \
    P(MIN_CONFIDENCE, "min_confidence", 60, 0, 100, false, "percent")                              \
    P(MAX_SPREAD, "max_spread", 0.0005, 0, 1, false, "fraction, with microstructure only")         \
    P(CONFIRM_BARS, "confirm_bars", 4, 2, 1440, true, "primary bars of a confirm bar")

enum {
    PARAMS(STRATEGY_PARAM_ID)
    PARAM_MAX,                                  /* of the indicators */
    PARAM_SUB = PARAM_MAX + IND_COUNT,          /* of the sub-signals */
    PARAM_COUNT = PARAM_SUB + SUB_COUNT,
};

static const struct strategy_param table[] = {
    PARAMS(STRATEGY_PARAM_ROW)
#define IND(id, name, max, group) {name, "weight of the indicator", max, 0, 1000, false},
#define SUB(ind, id, name, weight)
#include "libagent/core/score.def"
#undef IND
#undef SUB
#define IND(id, name, max, group)
#define SUB(ind, id, name, weight) {name, "weight of the sub-signal", weight, 0, 1000, false},
#include "libagent/core/score.def"
#undef IND
#undef SUB
};
_Static_assert(PARAM_COUNT <= STRATEGY_PARAMS_MAX, "more parameters than places");

struct ruled {
    struct strategy_head head;
    struct strategy_score_params params;
    struct strategy_score score;
};

static int ruled_init(void *state)
{
    struct ruled *r = state;
    const double *p = r->head.params.v;

    r->params = (struct strategy_score_params){
        .min_score = (int32_t)p[PARAM_MIN_SCORE],
        .min_groups = (int32_t)p[PARAM_MIN_GROUPS],
        .min_combined = p[PARAM_MIN_COMBINED],
        .min_confidence = p[PARAM_MIN_CONFIDENCE],
        .max_spread = p[PARAM_MAX_SPREAD],
    };
    memcpy(r->params.weights.max, p + PARAM_MAX, sizeof r->params.weights.max);
    memcpy(r->params.weights.sub, p + PARAM_SUB, sizeof r->params.weights.sub);
    if (r->head.tf_ns > INT64_MAX / (int64_t)p[PARAM_CONFIRM_BARS])
        return ERR_RANGE;
    return strategy_score_init(&r->score, r->head.tf_ns,
                               r->head.tf_ns * (int64_t)p[PARAM_CONFIRM_BARS]);
}

static struct strategy_answer ruled_on_candle(void *state, const struct strategy_input *in,
                                              struct strategy_signal *ret)
{
    static const enum strategy_verdict means[SCORE_VERDICT_COUNT] = {
        [SCORE_FIRED] = STRATEGY_SIGNAL,        [SCORE_BAD_CANDLE] = STRATEGY_BAD_CANDLE,
        [SCORE_NOT_READY] = STRATEGY_NOT_READY, [SCORE_BELOW_SCORE] = STRATEGY_NOTHING,
        [SCORE_USED] = STRATEGY_NOTHING,        [SCORE_DIVERGENT] = STRATEGY_NOTHING,
        [SCORE_COMBINED] = STRATEGY_NOTHING,    [SCORE_CONFIDENCE] = STRATEGY_NOTHING,
        [SCORE_GROUPS] = STRATEGY_NOTHING,      [SCORE_SPREAD] = STRATEGY_NOTHING,
        [SCORE_WARM_UP] = STRATEGY_WARM_UP,
    };
    struct ruled *r = state;
    struct score_signal g;
    const enum score_verdict v = score_on_bar(&r->score, &r->params, in->candle, in->micro,
                                              in->warm_up, &g);

    if (v == SCORE_FIRED) {
        ret->side = g.dir;
        ret->confidence = g.confidence / 100;
        ret->atr = g.atr;
    }
    return strategy_says(means[v], score_verdict_name(v));
}

static bool ruled_ready(const void *state)
{
    const struct strategy_score *s = &((const struct ruled *)state)->score;
    return s->primary.bars >= SCORE_READY_BARS && s->confirm.bars >= SCORE_READY_BARS;
}

static void ruled_on_confirm(void *state, const struct candle *c)
{
    struct ruled *r = state;
    score_on_confirm(&r->score, &r->params, c);
}

const struct strategy_score *strategy_score_of(const void *state)
{
    return &((const struct ruled *)state)->score;
}

const struct strategy_def strategy_def_score = {
    .name = "score", .meaning = "score of two timeframes", .version = STRATEGY_SCORE_VERSION,
    .max_positions = 0, .size = sizeof(struct ruled), .param = table, .params = PARAM_COUNT,
    .init = ruled_init, .on_candle = ruled_on_candle, .ready = ruled_ready,
    .on_confirm = ruled_on_confirm,
};
