/* bars - a closed bar and what follows from it; see state.h
 *
 * Order: a primary bar is applied only behind the one before it.  What came too early waits (the newest
 * alone: the others are history that data has) until the feed brought what is missing.  History arms and
 * uses up edges, it never fires; a live bar fires however late it is, and is refused elsewhere by its age.
 */
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/signal/state.h"

void candle_from(struct candle *c, int64_t tf_ns, int64_t start_ns, const dec_t px[4], dec_t volume)
{
    *c = (struct candle){
        .start_ns = start_ns, .tf_ns = tf_ns, .open = dec_to_double(px[0]), .high = dec_to_double(px[1]),
        .low = dec_to_double(px[2]), .close = dec_to_double(px[3]), .volume = dec_to_double(volume),
    };
}

bool symbol_ready(const struct signals *s, const struct symbol *y)
{
    return strategies_ready(&s->chosen.strategies, y->rules) == s->chosen.strategies.n;
}

/* ---- what fired ---- */

/* In all strategies' place, the signals of one bar. */
struct salvo {
    int n;
    struct fired of[STRATEGIES_MAX];
};

static void name_fired(const struct signals *s, int symbol, struct fired *f)
{
    const struct symbol *y = &s->symbols[symbol];
    f->symbol = symbol;
    f->atr_day = day_atr_fraction(&y->day);
    TEXT_COPY(f->f.symbol, y->name);
}

/* The test strategy: fires on each bar, half of the symbols to either side, each alternating; who is
 * best goes round.  Nothing while there is no ATR to place a stop by. */
static void probe_fires(const struct signals *s, int symbol, const struct candle *c, struct salvo *ret)
{
    double atr = s->symbols[symbol].rules->atr;
    ret->n = 0;
    if (!(atr > 0))
        return;
    struct fired *f = &ret->of[ret->n++];
    int64_t turn = c->start_ns / c->tf_ns + symbol, close_ns = c->start_ns + c->tf_ns;
    int dir = turn % 2 != 0 ? 1 : -1;
    double rank = (double)(s->n_symbols - turn % s->n_symbols);
    *f = (struct fired){.f = {
        .scored = true, .strategy = "probe", .rank_score = rank, .atr = atr,
        .signal = {.close_ns = close_ns, .side = dir, .entry = c->close, .confidence = 1, .atr = atr},
        .score = {
            .close_ns = close_ns, .dir = dir, .primary_score = dir * 50, .confirm_score = dir * 50,
            .align = SCORE_FULL, .groups = GROUP_COUNT, .combined = dir * 50, .confidence = 100, .rank = rank,
            .close = c->close, .atr = atr,
        },
    }};
    name_fired(s, symbol, f);
}

static void rules_fire(const struct signals *s, int symbol, const struct strategies_fired *fired, int n,
                       struct salvo *ret)
{
    for (ret->n = 0; ret->n < n; ret->n++) {
        ret->of[ret->n] = (struct fired){.f = fired[ret->n]};
        name_fired(s, symbol, &ret->of[ret->n]);
    }
}

/* ---- a bar ---- */

/* What is left in *late fired when the batch of its close had ended. */
static void file(struct signals *s, int symbol, int64_t close_ns, int64_t heard_ns, struct salvo *late)
{
    s->fired += late->n;
    if (batches_ended_ns(&s->batches, close_ns) != 0) {
        s->late += late->n;
        return;
    }
    struct batch *t = batches_find(&s->batches, close_ns);
    if (t == NULL)
        t = batches_open(&s->batches, close_ns, heard_ns);
    batch_report(t, symbol);
    for (int i = 0; i < late->n; i++)
        batch_add(t, &late->of[i]);
    late->n = 0;
}

static void apply(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns,
                  struct salvo *late)
{
    struct strategies_fired fired[STRATEGIES_MAX];
    struct symbol *y = &s->symbols[symbol];
    int n = strategies_bar(&s->chosen.strategies, y->rules, c, NULL, warm, fired);
    late->n = 0;
    if (warm)
        return;
    s->bars++;
    if (y->rules->last_candle != CANDLE_OK && y->rules->last_candle != CANDLE_GAP)
        return;
    if (s->chosen.probe)
        probe_fires(s, symbol, c, late);
    else
        rules_fire(s, symbol, fired, n, late);
    file(s, symbol, c->start_ns + c->tf_ns, heard_ns, late);
}

void bars_apply(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns)
{
    struct salvo late;
    apply(s, symbol, c, warm, heard_ns, &late);
}

/* Off the way of the signals, which are out by now, and for the record: nothing is decided by a shape. */
static void look_for_shapes(struct signals *s, struct symbol *y, const struct candle *c)
{
    if (pattern_push(&y->shapes, c, y->rules->atr) < 0)
        return;
    for (int i = 0; i < PATTERN_COUNT; i++) {
        const enum pattern_kind k = (enum pattern_kind)i;
        const struct pattern_found *f = pattern_now(&y->shapes, k);
        if (f == NULL || f->bar != y->shapes.bars - 1)
            continue;
        s->shapes++;
        log_info("pattern", LOG_S("symbol", y->name), LOG_S("shape", pattern_name(k)), LOG_I("dir", pattern_dir(k)),
                 LOG_F("line", f->line), LOG_F("height", f->height), LOG_I("weight", 0));
    }
}

void bars_live(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns)
{
    struct salvo late;
    publish_make_room(s, c->start_ns + c->tf_ns);
    keep_bar(s, symbol, c, warm, heard_ns);
    apply(s, symbol, c, warm, heard_ns, &late);
    for (int i = 0; i < late.n; i++)
        publish_late(s, &late.of[i]);
    publish_due(s);
    look_for_shapes(s, &s->symbols[symbol], c);
}

static void on_primary(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns)
{
    struct symbol *y = &s->symbols[symbol];
    int64_t last_ns = y->rules->start_ns;
    bool missing = last_ns >= 0 && c->start_ns > last_ns + c->tf_ns;
    if (c->start_ns <= last_ns)
        return;                 /* said twice, or history by now */
    if (!y->feed.under_way && y->feed.done && !missing) {
        bars_live(s, symbol, c, warm, heard_ns);
        return;
    }
    if (!y->has_waiting || c->start_ns > y->waiting.start_ns) {
        y->waiting = *c;
        y->has_waiting = true;
        y->waiting_warm = warm;
        y->waiting_heard_ns = heard_ns;
    }
    if (y->feed.done)
        feed_start(s, symbol);
}

static int symbol_find(const struct signals *s, const char *name)
{
    for (int i = 0; i < s->n_symbols; i++)
        if (strcmp(s->symbols[i].name, name) == 0)
            return i;
    return -1;
}

void signals_on_candle(struct agent *a, const struct event *e)
{
    struct signals *s = agent_state(a);
    const struct msg_market_candle *m = e->msg;
    int symbol = symbol_find(s, m->symbol);
    int64_t tf_ns;
    struct candle c;
    if (symbol < 0 || tf_parse(m->tf, &tf_ns) < 0)
        return;
    agent_fresh(a);
    candle_from(&c, tf_ns, m->start_ns, (const dec_t[]){m->open, m->high, m->low, m->close}, m->volume);
    if (candle_check(&c) != CANDLE_OK) {
        log_warn("candle.bad", LOG_S("symbol", m->symbol), LOG_S("tf", m->tf),
                 LOG_S("why", candle_verdict_text(candle_check(&c))), LOG_S("action", "ignored"));
        return;
    }
    if (tf_ns == GAMMA_TF_NS && gamma_bar(&s->gamma, symbol, &c) == CANDLE_GAP &&
        s->symbols[symbol].feed.done)
        feed_start(s, symbol);
    if (tf_ns == NS_PER_DAY)
        day_atr_push(&s->symbols[symbol].day, &c);
    if (tf_ns == s->chosen.strategies.tf_ns)
        on_primary(s, symbol, &c, m->warm, e->now_ns);
}
