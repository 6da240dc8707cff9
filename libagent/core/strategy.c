/* strategy - what all rules have in common.
 *
 * Invariants:
 *  1. A rule sees only candles that candle_follows accepts, each once.
 *  2. A signal that leaves has finite figures; with a stop: 0 < its levels, stop and targets on
 *     opposite sides of the entry.
 */
#include <math.h>
#include <string.h>

#include "libagent/core/strategy.h"
#include "proto/err.h"

#define MINUTE_NS 60e9

static const struct strategy_def *const all[] = {
#define STRATEGY(name) &strategy_def_##name,
#include "libagent/core/strategies.def"
#undef STRATEGY
};

const char *strategy_verdict_name(enum strategy_verdict v)
{
    static const char *const names[] = {
#define V(name, text) #name,
        STRATEGY_VERDICTS(V)
#undef V
    };
    return (unsigned)v < STRATEGY_VERDICT_COUNT ? names[v] : "?";
}

const char *strategy_verdict_text(enum strategy_verdict v)
{
    static const char *const texts[] = {
#define V(name, text) text,
        STRATEGY_VERDICTS(V)
#undef V
    };
    return (unsigned)v < STRATEGY_VERDICT_COUNT ? texts[v] : "?";
}

size_t strategy_count(void)
{
    return sizeof all / sizeof all[0];
}

const struct strategy_def *strategy_at(size_t i)
{
    must(i < strategy_count());
    return all[i];
}

const struct strategy_def *strategy_find(const char *name)
{
    for (size_t i = 0; i < strategy_count(); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

uint32_t strategy_version(const struct strategy_def *d)
{
    return STRATEGY_VERSION << 16 | d->version;
}

void strategy_params_default(const struct strategy_def *d, struct strategy_params *p)
{
    must(d->params <= STRATEGY_PARAMS_MAX);
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < d->params; i++)
        p->v[i] = d->param[i].def;
}

static bool fits(const struct strategy_param *p, double value)
{
    return value >= p->min && value <= p->max && (!p->whole || value == floor(value));
}

int strategy_param_set(const struct strategy_def *d, struct strategy_params *p, const char *name,
                       double value)
{
    for (size_t i = 0; i < d->params; i++) {
        if (strcmp(d->param[i].name, name) != 0)
            continue;
        if (!fits(&d->param[i], value))
            return ERR_RANGE;
        p->v[i] = value;
        return ERR_OK;
    }
    return ERR_UNKNOWN;
}

int strategy_init(const struct strategy_def *d, void *state, const struct strategy_params *p,
                  int64_t tf_ns)
{
    struct strategy_head *h = state;

    must((uintptr_t)state % _Alignof(struct strategy_head) == 0);
    if (tf_ns <= 0)
        return ERR_RANGE;
    for (size_t i = 0; i < d->params; i++)
        if (!fits(&d->param[i], p->v[i]))
            return ERR_RANGE;
    memset(state, 0, d->size);
    h->version = strategy_version(d);
    h->size = (uint32_t)d->size;
    strncpy(h->name, d->name, sizeof h->name - 1);
    h->tf_ns = tf_ns;
    h->start_ns = -1;
    h->signal_ns = INT64_MIN;
    memcpy(h->params.v, p->v, d->params * sizeof p->v[0]);
    return d->init(state);
}

static enum candle_verdict check(const struct strategy_head *h, const struct candle *c)
{
    const enum candle_verdict v = candle_check(c);

    if (h->start_ns >= 0)
        return candle_follows(c, h->start_ns, h->tf_ns, h->close);
    return v == CANDLE_OK && c->tf_ns != h->tf_ns ? CANDLE_OTHER_TIMEFRAME : v;
}

/* Invariant 2. */
static bool sound(const struct strategy_signal *s)
{
    const double figures[] = {s->entry, s->stop, s->tp1, s->tp2, s->confidence, s->atr};

    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        if (!isfinite(figures[i]) || figures[i] < 0)
            return false;
    if (s->side != 1 && s->side != -1)
        return false;
    if (s->stop == 0)
        return s->tp1 == 0 && s->tp2 == 0;
    return s->side * (s->entry - s->stop) > 0 && s->side * (s->tp1 - s->entry) > 0 &&
           s->side * (s->tp2 - s->tp1) >= 0 && s->tp1 > 0 && s->tp2 > 0;
}

static struct strategy_answer judge(const struct strategy_def *d, void *state,
                                    const struct strategy_input *in, struct strategy_signal *ret)
{
    struct strategy_head *h = state;
    const struct candle *c = in->candle;
    struct strategy_signal s = {.close_ns = c->start_ns + c->tf_ns, .entry = c->close};
    struct strategy_answer a;

    h->bars++;
    h->gaps += h->last_candle == CANDLE_GAP;
    h->start_ns = c->start_ns;
    h->close = c->close;
    a = d->on_candle(state, in, &s);
    if (a.verdict == STRATEGY_SIGNAL && !sound(&s))
        return strategy_says(STRATEGY_ABSTAINS, "NOT_SOUND");
    if (a.verdict == STRATEGY_SIGNAL || a.verdict == STRATEGY_WARM_UP)
        h->signal_ns = s.close_ns;
    if (a.verdict == STRATEGY_SIGNAL && in->warm_up)
        return strategy_says(STRATEGY_WARM_UP, "WARM_UP");
    if (a.verdict == STRATEGY_SIGNAL)
        *ret = s;
    return a;
}

struct strategy_answer strategy_on_candle(const struct strategy_def *d, void *state,
                                          const struct strategy_input *in,
                                          struct strategy_signal *ret)
{
    struct strategy_head *h = state;
    const enum candle_verdict v = check(h, in->candle);
    struct strategy_answer a = strategy_says(STRATEGY_BAD_CANDLE, candle_verdict_name(v));

    must(h->size == d->size);
    h->last_candle = (int32_t)v;
    if (v == CANDLE_OK || v == CANDLE_GAP)
        a = judge(d, state, in, ret);
    h->funnel[a.verdict]++;
    return a;
}

int strategy_restore(const struct strategy_def *d, void *state, const void *bytes, size_t len)
{
    struct strategy_head h;

    if (len != d->size)
        return ERR_TRUNCATED;
    memcpy(&h, bytes, sizeof h);
    h.name[sizeof h.name - 1] = '\0';
    if (strcmp(h.name, d->name) != 0)
        return ERR_TYPE;
    if (h.version != strategy_version(d) || h.size != d->size)
        return ERR_VERSION;
    memcpy(state, bytes, len);
    return ERR_OK;
}

bool strategy_too_soon(const struct strategy_head *h, double minutes)
{
    return h->signal_ns != INT64_MIN &&
           (double)(h->start_ns + h->tf_ns - h->signal_ns) < minutes * MINUTE_NS;
}

struct strategy_answer strategy_fires(struct strategy_signal *s, int side, double stop,
                                      double reward, double tp1_share, double confidence)
{
    s->side = side;
    s->stop = stop;
    s->tp1 = s->entry + side * (tp1_share * reward);
    s->tp2 = s->entry + side * reward;
    s->confidence = confidence;
    if (!(side * (s->entry - stop) > 0))
        return strategy_says(STRATEGY_NOTHING, "RISK");
    if (!(stop > 0 && s->tp1 > 0 && s->tp2 > 0))
        return strategy_says(STRATEGY_NOTHING, "PRICE");
    return strategy_says(STRATEGY_SIGNAL, "SIGNAL");
}
