/* strategies - the chosen strategies at work on one symbol; see strategies.h
 *
 * Layout of a state: struct strategies_state, then the strategies' own, each at a multiple of 16.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/core/strategies.h"
#include "proto/err.h"

#define ATR_N    14
#define REWARD_R 2.0

static size_t rounded(size_t size)
{
    return (size + 15) / 16 * 16;
}

/* ---- the choice ---- */

int strategies_init(struct strategies *s, int64_t tf_ns, int64_t confirm_ns)
{
    if (tf_ns <= 0 || confirm_ns <= tf_ns || confirm_ns % tf_ns != 0)
        return ERR_RANGE;
    memset(s, 0, sizeof *s);
    s->tf_ns = tf_ns;
    s->confirm_ns = confirm_ns;
    s->reward_r = REWARD_R;
    return ERR_OK;
}

int strategies_find(const struct strategies *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->of[i].def->name, name) == 0)
            return i;
    return -1;
}

int strategies_add(struct strategies *s, const struct strategy_def *d)
{
    struct strategies_one one = {.def = d};

    if (strategies_find(s, d->name) >= 0)
        return ERR_DUPLICATE;
    if (s->n == STRATEGIES_MAX)
        return ERR_FULL;
    strategy_params_default(d, &one.params);
    if (strategy_param_set(d, &one.params, "confirm_bars",
                           (double)(s->confirm_ns / s->tf_ns)) == ERR_RANGE)
        return ERR_RANGE;
    s->of[s->n++] = one;
    return ERR_OK;
}

static int wrong(char why[STRATEGIES_WHY_MAX], const char *word, const char *text)
{
    snprintf(why, STRATEGIES_WHY_MAX, "%.60s: %.90s", word, text);
    return ERR_RANGE;
}

/* "-0.5": a plain number and nothing else. */
static bool number(const char *text, double *ret)
{
    char *end;

    if (*text == '\0' || text[strspn(text, "-.0123456789")] != '\0')
        return false;
    *ret = strtod(text, &end);
    return *end == '\0' && isfinite(*ret);
}

static const struct strategy_param *param_of(const struct strategy_def *d, const char *name)
{
    for (size_t i = 0; i < d->params; i++)
        if (strcmp(d->param[i].name, name) == 0)
            return &d->param[i];
    return NULL;
}

int strategies_set(struct strategies *s, const char *word, char why[STRATEGIES_WHY_MAX])
{
    char name[64], text[STRATEGIES_WHY_MAX];
    const char *eq = strchr(word, '=');
    double value;

    if (eq == NULL || (size_t)(eq - word) >= sizeof name || !number(eq + 1, &value))
        return wrong(why, word, "is not STRATEGY.PARAMETER=NUMBER");
    snprintf(name, sizeof name, "%.*s", (int)(eq - word), word);
    char *dot = strchr(name, '.');
    if (dot == NULL)
        return wrong(why, word, "is not STRATEGY.PARAMETER=NUMBER");
    *dot = '\0';
    const int i = strategies_find(s, name);
    if (i < 0)
        return wrong(why, word, "that strategy does not run");
    const struct strategy_def *d = s->of[i].def;
    const struct strategy_param *p = param_of(d, dot + 1);
    if (p == NULL)
        return wrong(why, word, "that strategy has no such parameter");
    if (strcmp(p->name, "confirm_bars") == 0)
        return wrong(why, word, "follows from the two timeframes");
    if (strategy_param_set(d, &s->of[i].params, p->name, value) == ERR_OK)
        return ERR_OK;
    snprintf(text, sizeof text, "must be %sfrom %g to %g", p->whole ? "a whole number " : "",
             p->min, p->max);
    return wrong(why, word, text);
}

/* ---- the state ---- */

size_t strategies_size(const struct strategies *s)
{
    size_t size = rounded(sizeof(struct strategies_state));

    for (int i = 0; i < s->n; i++)
        size += rounded(s->of[i].def->size);
    return size;
}

static size_t offset(const struct strategies *s, int which)
{
    size_t at = rounded(sizeof(struct strategies_state));

    for (int i = 0; i < which; i++)
        at += rounded(s->of[i].def->size);
    return at;
}

static void *own(const struct strategies *s, struct strategies_state *state, int i)
{
    return (char *)state + offset(s, i);
}

const void *strategies_state_of(const struct strategies *s, const struct strategies_state *state,
                                int i)
{
    return (const char *)state + offset(s, i);
}

int strategies_start(const struct strategies *s, struct strategies_state *state,
                     char why[STRATEGIES_WHY_MAX])
{
    memset(state, 0, strategies_size(s));
    state->version = STRATEGIES_VERSION;
    state->size = (uint32_t)strategies_size(s);
    state->n = s->n;
    state->tf_ns = s->tf_ns;
    state->confirm_ns = s->confirm_ns;
    state->start_ns = state->confirm_start_ns = -1;
    rank_feed_init(&state->feed);
    ta_atr_init(&state->ta_atr, ATR_N);
    for (int i = 0; i < s->n; i++) {
        const struct strategies_one *one = &s->of[i];
        if (strategy_init(one->def, own(s, state, i), &one->params, s->tf_ns) < 0)
            return wrong(why, one->def->name,
                         "its parameters contradict each other or the primary timeframe");
    }
    return ERR_OK;
}

void strategies_adopt(const struct strategies *s, struct strategies_state *state)
{
    for (int i = 0; i < s->n; i++)
        ((struct strategy_head *)own(s, state, i))->params = s->of[i].params;
}

int strategies_ready(const struct strategies *s, const struct strategies_state *state)
{
    int n = 0;

    for (int i = 0; i < s->n; i++) {
        const struct strategy_def *d = s->of[i].def;
        const void *p = strategies_state_of(s, state, i);
        n += d->ready != NULL ? d->ready(p) : ((const struct strategy_head *)p)->bars > 0;
    }
    return n;
}

/* ---- bars ---- */

static enum candle_verdict check(const struct candle *c, int64_t tf_ns, int64_t start_ns,
                                 double close)
{
    if (start_ns >= 0)
        return candle_follows(c, start_ns, tf_ns, close);
    const enum candle_verdict v = candle_check(c);
    return v == CANDLE_OK && c->tf_ns != tf_ns ? CANDLE_OTHER_TIMEFRAME : v;
}

/* What finds no place is counted in the last one. */
static void count(struct strategies_gate funnel[STRATEGIES_GATES_MAX], const char *why)
{
    int i = 0;

    while (i < STRATEGIES_GATES_MAX - 1 && funnel[i].bars > 0 &&
           strncmp(funnel[i].why, why, sizeof funnel[i].why - 1) != 0)
        i++;
    if (funnel[i].bars++ == 0)
        snprintf(funnel[i].why, sizeof funnel[i].why, "%s", why);
}

static void learn(struct strategies_state *state, const struct candle *c)
{
    const struct ta_value atr = ta_atr_push(&state->ta_atr, c->high, c->low, c->close);

    rank_feed_push(&state->feed, c, &state->figures);
    state->atr = atr.ready && atr.valid ? atr.v[0] : 0;
    state->bars++;
    state->gaps += state->last_candle == CANDLE_GAP;
    state->start_ns = c->start_ns;
    state->close = c->close;
}

static void describe(const struct strategies *s, const struct strategies_state *state, int which,
                     const struct strategy_signal *g, struct strategies_fired *f)
{
    const struct strategy_def *d = s->of[which].def;

    *f = (struct strategies_fired){
        .which = which,
        .scored = d == &strategy_def_score,
        .atr = state->atr,
        .rr = g->stop == 0 ? s->reward_r : fabs(g->tp2 - g->entry) / fabs(g->entry - g->stop),
        .signal = *g,
        .figures = state->figures,
    };
    snprintf(f->strategy, sizeof f->strategy, "%s", d->name);
    if (f->scored) {
        const struct strategy_score *x = strategy_score_of(strategies_state_of(s, state, which));
        f->score = score_describe(x);
        f->why = x->p;
        f->rank_score = f->score.rank;
    }
}

int strategies_bar(const struct strategies *s, struct strategies_state *state,
                   const struct candle *c, const struct strategy_model *model, bool warm_up,
                   struct strategies_fired ret[STRATEGIES_MAX])
{
    const struct strategy_input in = {.candle = c, .model = model, .warm_up = warm_up};
    const enum candle_verdict v = check(c, state->tf_ns, state->start_ns, state->close);
    const bool good = v == CANDLE_OK || v == CANDLE_GAP;
    int n = 0;

    must(state->size == strategies_size(s));
    state->last_candle = (int32_t)v;
    if (good)
        learn(state, c);
    for (int i = 0; i < s->n; i++) {
        struct strategy_signal g;
        struct strategy_answer a = strategy_says(STRATEGY_BAD_CANDLE, "BAD_CANDLE");
        if (good)
            a = strategy_on_candle(s->of[i].def, own(s, state, i), &in, &g);
        if (a.verdict == STRATEGY_SIGNAL)
            describe(s, state, i, &g, &ret[n++]);
        if (!warm_up)
            count(state->funnel[i], a.why);
    }
    return n;
}

/* ---- the signals of one close ---- */

static bool before(const struct strategies_fired *a, const struct strategies_fired *b)
{
    if (a->rank_score != b->rank_score)
        return a->rank_score > b->rank_score;
    const int d = strcmp(a->symbol, b->symbol);
    return d != 0 ? d < 0 : strcmp(a->strategy, b->strategy) < 0;
}

static struct rank_candidate candidate(const struct strategies_fired *f)
{
    struct rank_candidate c = {
        .side = f->signal.side, .confidence = f->signal.confidence, .rr = f->rr,
        .entry = f->signal.entry, .figures = f->figures,
    };

    memcpy(c.symbol, f->symbol, sizeof c.symbol);
    memcpy(c.strategy, f->strategy, sizeof c.strategy);
    return c;
}

static void rank_by_features(struct ranker *r, struct strategies_fired *const *f, size_t n)
{
    struct rank_candidate c[RANKER_MAX];
    struct rank_result ret[RANKER_MAX];
    struct ranker_params p;

    ranker_params_default(&p);
    for (size_t i = 0; i < n; i++)
        c[i] = candidate(f[i]);
    ranker_rank(r, &p, c, n, ret);
    for (size_t i = 0; i < n; i++) {
        struct strategies_fired *x = f[ret[i].candidate];
        x->rank = (int32_t)i + 1;
        x->rank_score = ret[i].score;
        x->ranked = ret[i];
    }
}

void strategies_rank(struct ranker *r, struct strategies_fired *const *f, size_t n)
{
    must(n <= RANKER_MAX);
    if (r != NULL) {
        rank_by_features(r, f, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        f[i]->rank = 1;
        for (size_t k = 0; k < n; k++)
            f[i]->rank += k != i && before(f[k], f[i]);
    }
}

bool strategies_confirms(const struct strategies *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->of[i].def->on_confirm != NULL)
            return true;
    return false;
}

void strategies_confirm(const struct strategies *s, struct strategies_state *state,
                        const struct candle *c)
{
    state->confirm_bars++;
    if (c->start_ns > state->confirm_start_ns)
        state->confirm_start_ns = c->start_ns;
    for (int i = 0; i < s->n; i++)
        if (s->of[i].def->on_confirm != NULL)
            s->of[i].def->on_confirm(own(s, state, i), c);
}

void strategies_warm_up(const struct strategies *s, struct strategies_state *state,
                        const struct candle *bars, size_t n, const struct candle *confirm,
                        size_t n_confirm)
{
    struct strategies_fired unused[STRATEGIES_MAX];
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        const int64_t end_ns = bars[i].start_ns + bars[i].tf_ns;
        for (; k < n_confirm && confirm[k].start_ns + confirm[k].tf_ns <= end_ns; k++)
            strategies_confirm(s, state, &confirm[k]);
        strategies_bar(s, state, &bars[i], NULL, true, unused);
    }
}

/* ---- the funnel ---- */

void strategies_funnel_add(const struct strategies_state *state, int which,
                           struct strategies_gate sum[STRATEGIES_GATES_MAX])
{
    for (int k = 0; k < STRATEGIES_GATES_MAX && state->funnel[which][k].bars > 0; k++) {
        const struct strategies_gate *g = &state->funnel[which][k];
        int at = 0;
        while (at < STRATEGIES_GATES_MAX && sum[at].why[0] != '\0' && strcmp(sum[at].why, g->why) != 0)
            at++;
        if (at == STRATEGIES_GATES_MAX)
            continue;
        memcpy(sum[at].why, g->why, sizeof g->why);
        sum[at].bars += g->bars;
    }
}

void strategies_gate_name(const struct strategies *s, int which, const struct strategies_gate *g,
                          char ret[STRATEGIES_GATE_NAME])
{
    const bool several = s->n > 1;

    snprintf(ret, STRATEGIES_GATE_NAME, "%.16s%s%.15s", several ? s->of[which].def->name : "",
             several ? "." : "", g->why);
}

/* ---- restart ---- */

/* bytes: from anywhere, at any address; state: their head. */
static bool same_choice(const struct strategies *s, const struct strategies_state *state, const char *bytes)
{
    if (state->n != s->n || state->tf_ns != s->tf_ns || state->confirm_ns != s->confirm_ns)
        return false;
    for (int i = 0; i < s->n; i++) {
        const struct strategies_one *one = &s->of[i];
        struct strategy_head h;
        memcpy(&h, bytes + offset(s, i), sizeof h);
        h.name[sizeof h.name - 1] = '\0';
        if (strcmp(h.name, one->def->name) != 0 || h.size != one->def->size ||
            h.version != strategy_version(one->def) || h.tf_ns != s->tf_ns ||
            memcmp(h.params.v, one->params.v, one->def->params * sizeof h.params.v[0]) != 0)
            return false;
    }
    return true;
}

int strategies_restore(const struct strategies *s, struct strategies_state *state,
                       const void *bytes, size_t len)
{
    struct strategies_state h;

    if (len < sizeof h)
        return ERR_TRUNCATED;
    memcpy(&h, bytes, sizeof h);
    if (h.version != STRATEGIES_VERSION)
        return ERR_VERSION;
    if (h.size != len)
        return ERR_TRUNCATED;
    if (len != strategies_size(s) || !same_choice(s, &h, bytes))
        return ERR_TYPE;
    memcpy(state, bytes, len);
    return ERR_OK;
}
