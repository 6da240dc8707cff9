/* publish - ended batches and the miner's state become messages; see state.h */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/hash.h"
#include "proto/text.h"
#include "proto/tm.h"
#include "proto/uuid.h"

#include "agents/signal/state.h"

#define STATE_MIN_MS 500
#define STATE_MAX_MS 1000
#define MS           1000000LL
#define PRICE_DIGITS 12         /* significant ones: more than any tick has, fewer than a double */

/* ---- signals ---- */

/* The same decision has the same id, whenever and however often it is taken. */
static void natural_id(const struct signals *s, const struct fired *f, const char *strategy, char id[37])
{
    char text[192];
    uint8_t hash[16];
    int n = snprintf(text, sizeof text, "%s|%s|%s|%lld|%s", strategy, f->name, tf_name(s->primary_ns),
                     (long long)f->signal.close_ns, s->params_hash);
    must(n > 0 && (size_t)n < sizeof text);
    hash128(text, (size_t)n, hash);
    uuid_from_bytes(hash, id);
}

/* A price that came as a decimal and was a double meanwhile. */
static dec_t price_of(double v)
{
    dec_t ret = dec_zero();
    int places = PRICE_DIGITS - 1 - (int)floor(log10(v));
    must(dec_from_double(v, dec_scaled(1, places > 20 ? -20 : -places), DEC_HALF_EVEN, &ret) == ERR_OK);
    return ret;
}

static void fill_parts(const struct score *why, struct msg_signal_generated *m)
{
    for (int i = 0; i < SUB_COUNT; i++) {
        const struct score_part *p = &why->part[i];
        if (p->dir == 0 || m->parts_n == sizeof m->parts / sizeof m->parts[0])
            continue;
        struct sub_figure *g = &m->parts[m->parts_n++];
        *g = (struct sub_figure){.ok = true};
        TEXT_COPY(g->name, score_sub_name((enum score_sub)i));
        snprintf(g->value, sizeof g->value, "%+.4g", p->contribution);
    }
}

static void publish(struct signals *s, const struct fired *f, int batch_n, int64_t batch_ns)
{
    static struct msg_signal_generated m;       /* large */
    const struct gamma *g = &s->gamma;
    const char *strategy = s->probe ? "probe" : "score";
    enum gamma_gate gate = gamma_gate(g, f->symbol, -1);
    m = (struct msg_signal_generated){
        .close_ns = f->signal.close_ns, .batch_ns = batch_ns,
        .side = f->signal.dir > 0 ? SIDE_BUY : SIDE_SELL,
        .primary_score = f->signal.primary_score, .confirm_score = f->signal.confirm_score,
        .combined = f->signal.combined, .alignment = (enum alignment)f->signal.align,
        .confidence = f->signal.confidence, .rank_score = f->signal.rank, .rank = f->rank,
        .batch_n = batch_n, .close_px = price_of(f->signal.close), .atr = f->signal.atr,
        .atr_day = f->atr_day, .gamma = g->value, .gamma_valid = g->valid && gate != GAMMA_STALE,
        .g = g->symbol[f->symbol].g, .kappa = g->kappa, .cascade = g->cascade,
    };
    natural_id(s, f, strategy, m.signal_id);
    TEXT_COPY(m.strategy, strategy);
    TEXT_COPY(m.symbol, f->name);
    TEXT_COPY(m.tf, tf_name(s->primary_ns));
    fill_parts(&f->why, &m);
    agent_publish_id(s->agent, TOPIC_SIGNAL_GENERATED, NULL, MSG_SIGNAL_GENERATED, &m, m.signal_id,
                     m.signal_id);
    log_info("signal", LOG_S("signal_id", m.signal_id), LOG_S("symbol", m.symbol),
             LOG_S("side", side_name(m.side)),
             LOG_F("combined", m.combined), LOG_I("rank", m.rank), LOG_I("batch_n", m.batch_n));
}

static void update_miner(struct signals *s)
{
    int64_t now_ns = agent_market_ns(s->agent);
    if (now_ns == 0 || !gamma_update(&s->gamma, now_ns))
        return;
    struct msg_lighthouse m = {
        .on = s->gamma.lighthouse, .gamma = s->gamma.value, .strength = s->gamma.strength,
        .market_ns = now_ns,
    };
    agent_publish(s->agent, TOPIC_LIGHTHOUSE, NULL, MSG_LIGHTHOUSE, &m, NULL);
    keep_miner(s);
}

static void end_batch(struct signals *s, struct batch *t, int64_t ended_ns)
{
    update_miner(s);
    batch_rank(t);
    for (int i = 0; i < t->n; i++)
        publish(s, &t->fired[i], t->n, ended_ns);
    keep_batch(s, t->close_ns, ended_ns);
    batches_end(&s->batches, t, ended_ns);
}

/* Those that reported the close before this one or this one; who is silent for longer holds up nobody. */
static uint64_t expected(const struct signals *s, int64_t close_ns)
{
    uint64_t set = 0;
    for (int i = 0; i < s->n_symbols; i++) {
        int64_t last_ns = s->symbols[i].kept.score.primary_start_ns + s->primary_ns;
        if (s->symbols[i].kept.score.primary_start_ns >= 0 && last_ns >= close_ns - s->primary_ns &&
            last_ns <= close_ns)
            set |= UINT64_C(1) << i;
    }
    return set;
}

void publish_due(struct signals *s)
{
    bool open = false;
    int64_t now_ns = agent_now_ns(s->agent);
    for (int i = 0; i < BATCHES_MAX; i++) {
        struct batch *t = &s->batches.open[i];
        if (t->close_ns != 0 && batch_due(t, expected(s, t->close_ns), s->batch_ns, now_ns))
            end_batch(s, t, now_ns);
        open = open || t->close_ns != 0;
    }
    if (open)
        loop_timer_resume(s->timer_batch);
    else
        loop_timer_pause(s->timer_batch);
}

void publish_make_room(struct signals *s, int64_t close_ns)
{
    if (batches_full(&s->batches) && batches_find(&s->batches, close_ns) == NULL)
        end_batch(s, batches_oldest(&s->batches), agent_now_ns(s->agent));
}

void publish_late(struct signals *s, const struct fired *f)
{
    struct fired alone = *f;
    alone.rank = 1;
    update_miner(s);
    publish(s, &alone, 1, batches_ended_ns(&s->batches, f->signal.close_ns));
}

void publish_leftovers(struct signals *s)
{
    struct batch *t;
    while ((t = batches_oldest(&s->batches)) != NULL)
        end_batch(s, t, t->opened_ns);
}

void publish_on_batch_timer(void *arg)
{
    publish_due(arg);
}

/* ---- the miner ---- */

static void count(struct msg_signal_state *m, const char *symbol, const char *gate, int64_t n)
{
    if (n == 0 || m->funnel_n == sizeof m->funnel / sizeof m->funnel[0])
        return;
    struct sub_counter *c = &m->funnel[m->funnel_n++];
    snprintf(c->name, sizeof c->name, "%s%s%s", symbol, *symbol != '\0' ? " " : "", gate);
    c->count = n;
}

/* The sums first; of the single symbols as many as there is room for. */
static void fill_funnel(const struct signals *s, struct msg_signal_state *m)
{
    for (int v = 0; v < SCORE_VERDICT_COUNT; v++) {
        int64_t sum = 0;
        for (int i = 0; i < s->n_symbols; i++)
            sum += s->symbols[i].kept.funnel[v];
        count(m, "", score_verdict_name((enum score_verdict)v), sum);
    }
    for (int v = 0; v < SCORE_VERDICT_COUNT; v++)
        for (int i = 0; i < s->n_symbols; i++)
            count(m, s->symbols[i].kept.name, score_verdict_name((enum score_verdict)v),
                  s->symbols[i].kept.funnel[v]);
}

static void publish_state(struct signals *s, int64_t market_ns)
{
    static struct msg_signal_state m;           /* large */
    const struct gamma *g = &s->gamma;
    m = (struct msg_signal_state){
        .market_ns = market_ns, .gamma = g->value, .psi = g->psi, .gamma_valid = g->valid, .kappa = g->kappa,
        .cascade = g->cascade, .lighthouse = g->lighthouse, .bars = s->bars, .signals = s->fired,
    };
    fill_funnel(s, &m);
    for (int i = 0; i < s->n_symbols; i++) {
        struct sub_symbol_state *y = &m.symbols[m.symbols_n++];
        TEXT_COPY(y->symbol, s->symbols[i].kept.name);
        y->phase = g->symbol[i].phase;
        y->g = g->symbol[i].g;
        y->stale = !g->symbol[i].fresh;
    }
    agent_publish(s->agent, TOPIC_SIGNAL_STATE, NULL, MSG_SIGNAL_STATE, &m, NULL);
}

void publish_on_state_timer(void *arg)
{
    struct signals *s = arg;
    int64_t now_ns = agent_now_ns(s->agent), market_ns = agent_market_ns(s->agent);
    int64_t interval_ns = config_int(agent_config(s->agent), CFG_mining_interval_ms) * MS;
    int64_t since_ns = now_ns - s->stated_ns;
    if (market_ns == 0 || agent_life(s->agent) < LIFE_READY || since_ns < (STATE_MIN_MS - 50) * MS)
        return;
    if (market_ns - s->stated_market_ns < interval_ns && since_ns < (STATE_MAX_MS - 50) * MS)
        return;
    s->stated_ns = now_ns;
    s->stated_market_ns = market_ns;
    update_miner(s);
    publish_state(s, market_ns);
}

void signals_on_position_closed(struct agent *a, const struct event *e)
{
    struct signals *s = agent_state(a);
    const struct sub_position *p = &((const struct msg_position_closed *)e->msg)->position;
    dec_t part = dec_int(dec_sign(p->net_pnl));     /* without a margin: a whole win or loss */
    if (dec_sign(p->margin) > 0)
        part = dec_quo(p->net_pnl, p->margin);
    gamma_trade(&s->gamma, p->closed_ns, dec_to_double(part));
    keep_miner(s);
}

size_t signals_counters(struct agent *a, struct sub_counter *ret, size_t max)
{
    const struct signals *s = agent_state(a);
    const struct { const char *name; int64_t n; } own[] = {
        {"bars", s->bars}, {"signals", s->fired}, {"late", s->late}, {"recovered", s->recovered},
    };
    size_t n = 0;
    for (; n < sizeof own / sizeof own[0] && n < max; n++) {
        TEXT_COPY(ret[n].name, own[n].name);
        ret[n].count = own[n].n;
    }
    for (int v = 0; v < SCORE_VERDICT_COUNT && n < max; v++, n++) {
        TEXT_COPY(ret[n].name, score_verdict_name((enum score_verdict)v));
        ret[n].count = 0;
        for (int i = 0; i < s->n_symbols; i++)
            ret[n].count += s->symbols[i].kept.funnel[v];
    }
    return n;
}
