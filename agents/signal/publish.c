/* publish - ended batches and the miner's state become messages; see state.h */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "libagent/core/ephemeris.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/hash.h"
#include "proto/text.h"
#include "proto/tm.h"
#include "proto/uuid.h"

#include "agents/signal/state.h"

#define MINING_MIN_MS 50        /* of wall between two updates, however fast the market runs */
#define STATE_MIN_MS 500
#define STATE_MAX_MS 1000
#define MS           1000000LL
#define PRICE_DIGITS 12         /* significant ones: more than any tick has, fewer than a double */

/* ---- signals ---- */

/* The same decision has the same id, whenever and however often it is taken. */
static void natural_id(const struct signals *s, const struct fired *f, char id[37])
{
    char text[192];
    uint8_t hash[16];
    int n = snprintf(text, sizeof text, "%s|%s|%s|%lld|%s", f->f.strategy, f->f.symbol,
                     tf_name(s->chosen.strategies.tf_ns), (long long)f->f.signal.close_ns,
                     s->params_hash[f->f.which]);
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

static void add_part(struct msg_signal_generated *m, const char *name, const char *value)
{
    if (m->parts_n == sizeof m->parts / sizeof m->parts[0])
        return;
    struct sub_figure *g = &m->parts[m->parts_n++];
    *g = (struct sub_figure){.ok = true};
    TEXT_COPY(g->name, name);
    TEXT_COPY(g->value, value);
}

static void add_level(struct msg_signal_generated *m, const char *name, double price)
{
    char text[32];
    snprintf(text, sizeof text, "%.*g", PRICE_DIGITS, price);
    add_part(m, name, text);
}

/* Why: the sub-signals of a score, the levels that a rule names, what the ranker saw. */
static void fill_parts(const struct signals *s, const struct strategies_fired *f,
                       struct msg_signal_generated *m)
{
    char name[32], text[32];
    for (int i = 0; i < SUB_COUNT; i++) {
        if (f->why.part[i].dir == 0)
            continue;
        snprintf(text, sizeof text, "%+.4g", f->why.part[i].contribution);
        add_part(m, score_sub_name((enum score_sub)i), text);
    }
    if (f->signal.stop > 0) {
        add_level(m, "rule.stop", f->signal.stop);
        add_level(m, "rule.tp1", f->signal.tp1);
        add_level(m, "rule.tp2", f->signal.tp2);
    }
    for (int i = 0; s->chosen.features && i < RANK_FEATURES; i++) {
        snprintf(name, sizeof name, "rank.%.20s", rank_feature_name((enum rank_feature)i));
        snprintf(text, sizeof text, "%.4g", f->ranked.normal[i]);
        add_part(m, name, text);
    }
}

static void publish(struct signals *s, const struct fired *fired, int batch_n, int64_t batch_ns)
{
    static struct msg_signal_generated m;       /* large */
    const struct gamma *g = &s->gamma;
    const struct strategies_fired *f = &fired->f;
    const struct score_signal *score = &f->score;       /* all 0 but for the score strategy */
    enum gamma_gate gate = gamma_gate(g, fired->symbol, -1);
    m = (struct msg_signal_generated){
        .close_ns = f->signal.close_ns, .batch_ns = batch_ns,
        .side = f->signal.side > 0 ? SIDE_BUY : SIDE_SELL,
        .primary_score = score->primary_score, .confirm_score = score->confirm_score,
        .combined = score->combined, .alignment = f->scored ? (enum alignment)score->align : ALIGN_PARTIAL,
        .confidence = f->scored ? score->confidence : 100 * f->signal.confidence, .rank_score = f->rank_score,
        .rank = f->rank, .batch_n = batch_n, .close_px = price_of(f->signal.entry), .atr = f->atr,
        .atr_day = fired->atr_day, .gamma = g->value, .gamma_valid = g->valid && gate != GAMMA_STALE,
        .g = g->symbol[fired->symbol].g, .kappa = g->kappa, .cascade = g->cascade,
    };
    natural_id(s, fired, m.signal_id);
    TEXT_COPY(m.strategy, f->strategy);
    TEXT_COPY(m.symbol, f->symbol);
    TEXT_COPY(m.tf, tf_name(s->chosen.strategies.tf_ns));
    fill_parts(s, f, &m);
    agent_publish_id(s->agent, TOPIC_SIGNAL_GENERATED, NULL, MSG_SIGNAL_GENERATED, &m, m.signal_id,
                     m.signal_id);
    log_info("signal", LOG_S("signal_id", m.signal_id), LOG_S("symbol", m.symbol),
             LOG_S("strategy", m.strategy), LOG_S("side", side_name(m.side)),
             LOG_F("combined", m.combined), LOG_I("rank", m.rank), LOG_I("batch_n", m.batch_n));
}

/* Once a market day, for the record: nothing is decided by the planets. */
static void log_planets(struct signals *s, int64_t now_ns)
{
    struct ephemeris e;
    if (now_ns / NS_PER_DAY == s->planets_day)
        return;
    s->planets_day = now_ns / NS_PER_DAY;
    ephemeris_at(now_ns, &e);
    log_info("planets", LOG_F("q", e.q), LOG_F("q_rank", e.q_rank), LOG_F("alignment", e.alignment),
             LOG_F("alignment_rank", e.alignment_rank), LOG_I("weight", 0));
}

static void update_miner(struct signals *s)
{
    int64_t now_ns = agent_market_ns(s->agent);
    if (now_ns == 0)
        return;
    log_planets(s, now_ns);
    if (!gamma_update(&s->gamma, now_ns))
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
    batch_rank(t, ranker_of(s));
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
        const struct strategies_state *r = s->symbols[i].rules;
        int64_t last_ns = r->start_ns + r->tf_ns;
        if (r->start_ns >= 0 && last_ns >= close_ns - r->tf_ns && last_ns <= close_ns)
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
    alone.f.rank = 1;
    update_miner(s);
    publish(s, &alone, 1, batches_ended_ns(&s->batches, f->f.signal.close_ns));
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

/* All symbols' bars of one strategy, by what its rule said. */
static void sum_gates(const struct signals *s, int which, struct strategies_gate ret[STRATEGIES_GATES_MAX])
{
    memset(ret, 0, STRATEGIES_GATES_MAX * sizeof ret[0]);
    for (int i = 0; i < s->n_symbols; i++)
        strategies_funnel_add(s->symbols[i].rules, which, ret);
}

/* Each gate by its full name. */
static void count_gates(const struct signals *s, int which, const struct strategies_gate g[STRATEGIES_GATES_MAX],
                        const char *symbol, struct msg_signal_state *m)
{
    char name[STRATEGIES_GATE_NAME];
    for (int k = 0; k < STRATEGIES_GATES_MAX; k++) {
        strategies_gate_name(&s->chosen.strategies, which, &g[k], name);
        count(m, symbol, name, g[k].bars);
    }
}

/* The sums first; of the single symbols as many as there is room for. */
static void fill_funnel(const struct signals *s, struct msg_signal_state *m)
{
    struct strategies_gate sums[STRATEGIES_GATES_MAX];
    for (int i = 0; i < s->chosen.strategies.n; i++) {
        sum_gates(s, i, sums);
        count_gates(s, i, sums, "", m);
    }
    for (int y = 0; y < s->n_symbols; y++)
        for (int i = 0; i < s->chosen.strategies.n; i++)
            count_gates(s, i, s->symbols[y].rules->funnel[i], s->symbols[y].name, m);
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
        TEXT_COPY(y->symbol, s->symbols[i].name);
        y->phase = g->symbol[i].phase;
        y->g = g->symbol[i].g;
        y->stale = !g->symbol[i].fresh;
    }
    agent_publish(s->agent, TOPIC_SIGNAL_STATE, NULL, MSG_SIGNAL_STATE, &m, NULL);
}

/* MINING_INTERVAL is market time. */
static int64_t mining_ms(const struct signals *s)
{
    double speed = agent_market_speed(s->agent);
    int64_t interval_ms = config_int(agent_config(s->agent), CFG_mining_interval_ms);
    int64_t ms = (int64_t)((double)interval_ms / (speed > 0 ? speed : 1));
    return ms > MINING_MIN_MS ? ms : MINING_MIN_MS;
}

void publish_on_mining_timer(void *arg)
{
    struct signals *s = arg;
    if (agent_life(s->agent) >= LIFE_READY) {       /* before, there are no hours to look at */
        update_miner(s);
        s->mined++;
    }
    loop_timer_again(s->timer_mining, mining_ms(s));
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
        {"mined", s->mined}, {"shapes", s->shapes},
    };
    size_t n = 0;
    for (; n < sizeof own / sizeof own[0] && n < max; n++) {
        TEXT_COPY(ret[n].name, own[n].name);
        ret[n].count = own[n].n;
    }
    for (int i = 0; i < s->chosen.strategies.n; i++) {
        struct strategies_gate sums[STRATEGIES_GATES_MAX];
        sum_gates(s, i, sums);
        for (int k = 0; k < STRATEGIES_GATES_MAX && sums[k].bars > 0 && n < max; k++, n++) {
            char name[STRATEGIES_GATE_NAME];
            strategies_gate_name(&s->chosen.strategies, i, &sums[k], name);
            TEXT_COPY(ret[n].name, name);
            ret[n].count = sums[k].bars;
        }
    }
    return n;
}
