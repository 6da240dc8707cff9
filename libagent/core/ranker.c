/* ranker - which of the signals of one close are the best.
 *
 * Invariants:
 *  1. Nothing a candidate gets depends on another candidate of the same cycle but its place: the
 *     history is read only until all have their score, then written in order of the names.
 *  2. The order is total: score, confidence, symbol, strategy; duplicates have been refused.
 */
#include <math.h>
#include <string.h>

#include "libagent/core/ranker.h"
#include "proto/err.h"

#define UNKNOWN 0.5     /* of a part */
#define WORST   0.3     /* of a part that points against the side */
#define RR_MAX  1000.0
#define ILLIQUID_BELOW 0.5
#define FAR_BEYOND     0.01

enum { RSI_N = 14, ADX_N = 14, EMA_FAST = 34, EMA_SLOW = 89, SUPERTREND_N = 10, ATR_N = 14 };

static const char *const feature_names[] = {"momentum", "trend", "liquidity", "regime", "rr"};

const char *rank_feature_name(enum rank_feature f)
{
    return (unsigned)f < RANK_FEATURES ? feature_names[f] : "?";
}

const char *rank_verdict_name(enum rank_verdict v)
{
    static const char *const names[] = {
#define V(name, text) #name,
        RANK_VERDICTS(V)
#undef V
    };
    return (unsigned)v < RANK_VERDICT_COUNT ? names[v] : "?";
}

const char *rank_verdict_text(enum rank_verdict v)
{
    static const char *const texts[] = {
#define V(name, text) text,
        RANK_VERDICTS(V)
#undef V
    };
    return (unsigned)v < RANK_VERDICT_COUNT ? texts[v] : "?";
}

/* ---- figures ---- */

void rank_feed_init(struct rank_feed *f)
{
    memset(f, 0, sizeof *f);
    ta_rsi_init(&f->rsi, RSI_N);
    ta_adx_init(&f->adx, ADX_N);
    ta_ema_init(&f->fast, EMA_FAST);
    ta_ema_init(&f->slow, EMA_SLOW);
    ta_supertrend_init(&f->supertrend, SUPERTREND_N, 3);
    ta_mean_init(&f->volume, RANK_BARS);
    ta_atr_init(&f->atr, ATR_N);
    ta_dev_init(&f->atr_dev, RANK_BARS);
    ta_vwap_init(&f->vwap);
}

static double known(const struct ta_value *v, int i, bool enough)
{
    return v->ready && v->valid && enough ? v->v[i] : NAN;
}

void rank_feed_push(struct rank_feed *f, const struct candle *c, struct rank_figures *ret)
{
    const struct ta_value rsi = ta_rsi_push(&f->rsi, c->close);
    const struct ta_value adx = ta_adx_push(&f->adx, c->high, c->low, c->close);
    const struct ta_value fast = ta_ema_push(&f->fast, c->close);
    const struct ta_value slow = ta_ema_push(&f->slow, c->close);
    const struct ta_value st = ta_supertrend_push(&f->supertrend, c->high, c->low, c->close);
    const struct ta_value volume = ta_mean_push(&f->volume, f->volume_win, c->volume);
    const struct ta_value atr = ta_atr_push(&f->atr, c->high, c->low, c->close);
    const struct ta_value vwap = ta_vwap_push(&f->vwap, c);
    const struct ta_value dev = atr.ready ? ta_dev_push(&f->atr_dev, f->atr_win, atr.v[0]) : atr;
    double *before = &f->close[f->bars % RANK_BARS];
    const bool moved = f->bars >= RANK_BARS, trended = ++f->bars >= RANK_TREND_BARS;

    *ret = (struct rank_figures){
        .rsi = known(&rsi, 0, moved),
        .change = moved ? c->close / *before - 1 : NAN,
        .adx = known(&adx, 0, trended),
        .plus_di = known(&adx, 1, trended),
        .minus_di = known(&adx, 2, trended),
        .ema_gap = slow.ready ? fast.v[0] / slow.v[0] - 1 : NAN,
        .supertrend = known(&st, 1, trended),
        .volume_ratio = volume.ready && volume.v[0] > 0 ? c->volume / volume.v[0] : NAN,
        .atr_variation = dev.ready && dev.v[0] > 0 ? dev.v[1] / dev.v[0] : NAN,
        .vwap = known(&vwap, 0, true),
        .spread = NAN, .depth = NAN, .funding_percentile = NAN, .oi_change = NAN,
    };
    *before = c->close;
}

double ranker_percentile(const double *past, size_t n, double x)
{
    size_t twice = 0;       /* counted in halves */

    if (n < RANKER_HISTORY_MIN || !isfinite(x))
        return NAN;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(past[i]))
            return NAN;
        twice += past[i] < x ? 2 : past[i] == x;
    }
    return 50.0 * (double)twice / (double)n;
}

/* ---- features ---- */

/* A table of lower bounds, best first; what is below all has the last value. */
struct step {
    double from, value;
};

static double steps(const struct step *s, size_t n, double rest, double x)
{
    for (size_t i = 0; i < n; i++)
        if (x >= s[i].from)
            return s[i].value;
    return rest;
}
#define STEPS(x, rest, ...)                                                                        \
    steps((const struct step[]){__VA_ARGS__},                                                      \
          sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step), rest, x)

static double momentum(const struct rank_candidate *c)
{
    const double rsi = c->side > 0 ? c->figures.rsi : 100 - c->figures.rsi;
    const double change = c->side * c->figures.change;
    double a = UNKNOWN, b = UNKNOWN;

    if (!isnan(rsi))
        a = rsi < 40 || rsi > 70 ? WORST : rsi <= 60 ? 0.8 : 0.6;
    if (!isnan(change))
        b = change < 0 ? WORST : change < 0.005 ? 0.5 : change <= 0.02 ? 0.8 : 0.6;
    return (a + b + c->confidence) / 3;
}

static double trend(const struct rank_candidate *c)
{
    const struct rank_figures *f = &c->figures;
    const double towards = c->side * (f->plus_di - f->minus_di);
    double a = UNKNOWN, b = UNKNOWN, d = UNKNOWN;

    if (!isnan(f->adx) && !isnan(towards))
        a = towards <= 0 ? WORST : STEPS(f->adx, WORST, {25, 1}, {20, 0.7}, {15, 0.5});
    if (!isnan(f->ema_gap))
        b = STEPS(c->side * f->ema_gap, 0.4, {0.01, 1}, {0.005, 0.7});
    if (!isnan(f->supertrend))
        d = c->side * f->supertrend > 0 ? 0.7 : WORST;
    return (a + b + d) / 3;
}

static double liquidity(const struct rank_candidate *c)
{
    const struct rank_figures *f = &c->figures;
    double a = UNKNOWN, b = UNKNOWN, d = UNKNOWN;

    if (!isnan(f->spread))
        a = STEPS(-f->spread, WORST, {-0.001, 1}, {-0.003, 0.8}, {-0.005, 0.6});
    if (!isnan(f->volume_ratio))
        b = STEPS(f->volume_ratio, 0.4, {1.5, 1}, {1, 0.8}, {0.7, 0.6});
    if (!isnan(f->depth))
        d = fmin(1, f->depth / 1000);
    return (a + b + d) / 3;
}

static double regime(const struct rank_candidate *c)
{
    const struct rank_figures *f = &c->figures;
    double a = UNKNOWN, b = UNKNOWN, d = UNKNOWN;

    if (!isnan(f->funding_percentile))
        a = STEPS(-fabs(f->funding_percentile - 50), 0.5, {-20, 0.9}, {-30, 0.7});
    if (!isnan(f->oi_change))
        b = f->oi_change > 0.1 ? 0.9 : f->oi_change > 0.05 ? 0.7 : f->oi_change > 0 ? 0.6 : 0.4;
    if (!isnan(f->atr_variation))
        d = f->atr_variation < 0.2 ? 0.9 : f->atr_variation < 0.4 ? 0.7 : 0.5;
    return (a + b + d) / 3;
}

/* ---- verdicts ---- */

static bool named(const char name[RANKER_NAME_MAX])
{
    return name[0] != '\0' && memchr(name, '\0', RANKER_NAME_MAX) != NULL;
}

/* Not known, or within. */
static bool within(double x, double min, double max)
{
    return isnan(x) || (x >= min && x <= max);
}

static enum rank_verdict check(const struct rank_candidate *c)
{
    const struct rank_figures *f = &c->figures;
    const double most = CANDLE_VOLUME_MAX;

    if (!named(c->symbol) || !named(c->strategy))
        return RANK_BAD_NAME;
    if (c->side != 1 && c->side != -1)
        return RANK_BAD_SIDE;
    if (!(c->confidence >= 0 && c->confidence <= 1))
        return RANK_BAD_CONFIDENCE;
    if (!(c->rr >= 0 && c->rr <= RR_MAX))
        return RANK_BAD_RR;
    if (!(c->entry >= CANDLE_PRICE_MIN && c->entry <= CANDLE_PRICE_MAX))
        return RANK_BAD_ENTRY;
    if (f->spread < 0)
        return RANK_CROSSED;
    if (!within(f->rsi, 0, 100) || !within(f->adx, 0, 100) || !within(f->plus_di, 0, 100) ||
        !within(f->minus_di, 0, 100) || !within(f->supertrend, -1, 1) ||
        !within(f->funding_percentile, 0, 100) || !within(f->spread, 0, most) ||
        !within(f->depth, 0, most) || !within(f->volume_ratio, 0, most) ||
        !within(f->atr_variation, 0, most) || !within(f->change, -1, most) ||
        !within(f->ema_gap, -1, most) || !within(f->oi_change, -1, most) ||
        !within(f->vwap, CANDLE_PRICE_MIN, CANDLE_PRICE_MAX))
        return RANK_BAD_FIGURE;
    return RANK_OK;
}

static int by_name(const struct rank_candidate *a, const struct rank_candidate *b)
{
    const int d = strcmp(a->symbol, b->symbol);

    return d != 0 ? d : strcmp(a->strategy, b->strategy);
}

/* All of one name, so that it does not matter which came first. */
static void refuse_duplicates(const struct rank_candidate *c, size_t n, struct rank_result *ret)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n && ret[i].verdict == RANK_OK; j++)
            if (j != i && ret[j].verdict != RANK_BAD_NAME && by_name(&c[i], &c[j]) == 0)
                ret[i].verdict = RANK_DUPLICATE;
}

/* ---- ranking ---- */

void ranker_params_default(struct ranker_params *p)
{
    *p = (struct ranker_params){
        .weight = {[RANK_MOMENTUM] = 0.25, [RANK_TREND] = 0.25, [RANK_LIQUIDITY] = 0.20,
                   [RANK_REGIME] = 0.15, [RANK_RR] = 0.15},
        .illiquid = 0.5, .news = 0.7, .far = 0.8,
    };
}

int ranker_params_check(const struct ranker_params *p)
{
    double sum = 0;

    for (int i = 0; i < RANK_FEATURES; i++) {
        if (!(p->weight[i] >= 0 && p->weight[i] <= 1))
            return ERR_RANGE;
        sum += p->weight[i];
    }
    if (!(p->illiquid >= 0 && p->illiquid <= 1) || !(p->news >= 0 && p->news <= 1) ||
        !(p->far >= 0 && p->far <= 1))
        return ERR_RANGE;
    return fabs(sum - 1) <= 1e-9 ? ERR_OK : ERR_RANGE;
}

void ranker_init(struct ranker *r)
{
    memset(r, 0, sizeof *r);
    r->version = RANKER_VERSION;
    r->size = sizeof *r;
}

static double normalise(const double *history, int n, double raw)
{
    double mean = 0, squares = 0;

    if (n < RANKER_HISTORY_MIN)
        return fmin(fmax(raw, 0), 1);
    for (int i = 0; i < n; i++)
        mean += history[i];
    mean /= n;
    for (int i = 0; i < n; i++)
        squares += (history[i] - mean) * (history[i] - mean);
    const double deviation = sqrt(squares / (n - 1));
    if (!(deviation > 1e-12))       /* all the same, but for rounding */
        return 0.5;
    return 1 / (1 + exp((mean - raw) / deviation));
}

static void score(const struct ranker *r, const struct ranker_params *p,
                  const struct rank_candidate *c, struct rank_result *s)
{
    s->raw[RANK_MOMENTUM] = momentum(c);
    s->raw[RANK_TREND] = trend(c);
    s->raw[RANK_LIQUIDITY] = liquidity(c);
    s->raw[RANK_REGIME] = regime(c);
    s->raw[RANK_RR] = c->rr;
    for (int i = 0; i < RANK_FEATURES; i++) {
        s->normal[i] = normalise(r->history[i], r->count, s->raw[i]);
        s->score += p->weight[i] * s->normal[i];
    }
    s->illiquid = s->raw[RANK_LIQUIDITY] < ILLIQUID_BELOW;
    s->news = c->news != 0;
    s->far = fabs(c->entry - c->figures.vwap) > FAR_BEYOND * c->figures.vwap;
    s->score *= (s->illiquid ? p->illiquid : 1) * (s->news ? p->news : 1) * (s->far ? p->far : 1);
}

/* Does a go before b?  Refused ones go last and stay in order. */
static bool before(const struct rank_candidate *c, const struct rank_result *a,
                   const struct rank_result *b)
{
    const struct rank_candidate *x = &c[a->candidate], *y = &c[b->candidate];

    if (a->verdict != RANK_OK || b->verdict != RANK_OK)
        return a->verdict == RANK_OK && b->verdict != RANK_OK;
    if (a->score != b->score)
        return a->score > b->score;
    if (x->confidence != y->confidence)
        return x->confidence > y->confidence;
    return by_name(x, y) < 0;
}

/* Few candidates: an insertion sort, which is stable and needs no context of a library's sort. */
static void sort(const struct rank_candidate *c, size_t n, struct rank_result *ret)
{
    for (size_t i = 1; i < n; i++) {
        const struct rank_result x = ret[i];
        size_t j = i;
        for (; j > 0 && before(c, &x, &ret[j - 1]); j--)
            ret[j] = ret[j - 1];
        ret[j] = x;
    }
}

/* Invariant 1: in order of the names, each time the next one after the last. */
static void remember(struct ranker *r, const struct rank_candidate *c, size_t n,
                     const struct rank_result *ret)
{
    const struct rank_result *last = NULL;

    for (;;) {
        const struct rank_result *next = NULL;
        for (size_t i = 0; i < n; i++)
            if (ret[i].verdict == RANK_OK &&
                (last == NULL || by_name(&c[ret[i].candidate], &c[last->candidate]) > 0) &&
                (next == NULL || by_name(&c[ret[i].candidate], &c[next->candidate]) < 0))
                next = &ret[i];
        if (next == NULL)
            return;
        for (int f = 0; f < RANK_FEATURES; f++)
            r->history[f][r->next] = next->raw[f];
        r->next = (r->next + 1) % RANKER_HISTORY;
        r->count += r->count < RANKER_HISTORY;
        last = next;
    }
}

void ranker_rank(struct ranker *r, const struct ranker_params *p, const struct rank_candidate *c,
                 size_t n, struct rank_result *ret)
{
    int32_t rank = 0;

    must(n <= RANKER_MAX && r->size == sizeof *r);
    for (size_t i = 0; i < n; i++)
        ret[i] = (struct rank_result){.candidate = (int32_t)i, .verdict = (int32_t)check(&c[i])};
    refuse_duplicates(c, n, ret);
    for (size_t i = 0; i < n; i++)
        if (ret[i].verdict == RANK_OK)
            score(r, p, &c[i], &ret[i]);
    sort(c, n, ret);
    for (size_t i = 0; i < n; i++)
        if (ret[i].verdict == RANK_OK)
            ret[i].rank = ++rank;
    remember(r, c, n, ret);
}

int ranker_restore(struct ranker *r, const void *bytes, size_t len)
{
    struct ranker t;

    if (len != sizeof t)
        return ERR_TRUNCATED;
    memcpy(&t, bytes, sizeof t);
    if (t.version != RANKER_VERSION || t.size != sizeof t)
        return ERR_VERSION;
    if (t.count < 0 || t.count > RANKER_HISTORY || t.next < 0 || t.next >= RANKER_HISTORY)
        return ERR_CORRUPT;
    for (int f = 0; f < RANK_FEATURES; f++)
        for (int i = 0; i < t.count; i++)
            if (!(fabs(t.history[f][i]) <= RR_MAX))     /* a NaN is refused */
                return ERR_CORRUPT;
    *r = t;
    return ERR_OK;
}
