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

bool symbol_ready(const struct symbol *y)
{
    const struct strategy_score *s = &y->kept.score;
    return s->primary.bars >= SCORE_READY_BARS && s->confirm.bars >= SCORE_READY_BARS;
}

/* The test strategy: fires on each bar, half of the symbols to either side, each alternating; who is
 * best goes round.  False while there is no ATR to place a stop by. */
static bool probe_fires(const struct signals *s, int symbol, const struct candle *c, struct score_signal *ret)
{
    const struct ta_value *atr = &s->symbols[symbol].kept.score.primary.last.atr;
    if (!atr->ready || !atr->valid)
        return false;
    int64_t turn = c->start_ns / c->tf_ns + symbol;
    int dir = turn % 2 != 0 ? 1 : -1;
    *ret = (struct score_signal){
        .close_ns = c->start_ns + c->tf_ns, .dir = dir, .primary_score = dir * 50,
        .confirm_score = dir * 50, .align = SCORE_FULL, .groups = GROUP_COUNT, .combined = dir * 50,
        .confidence = 100, .rank = (double)(s->n_symbols - turn % s->n_symbols), .close = c->close,
        .atr = atr->v[0],
    };
    return true;
}

/* True: *f fired when the batch of its close had ended. */
static bool decide(struct signals *s, int symbol, const struct candle *c, int64_t heard_ns, struct fired *f)
{
    struct symbol *y = &s->symbols[symbol];
    int64_t close_ns = c->start_ns + c->tf_ns;
    enum score_verdict v = score_on_bar(&y->kept.score, &s->params, c, NULL, false, &f->signal);
    y->kept.funnel[v]++;
    s->bars++;
    if (v == SCORE_BAD_CANDLE)
        return false;
    bool fired = s->probe ? probe_fires(s, symbol, c, &f->signal) : v == SCORE_FIRED;
    f->symbol = symbol;
    f->why = y->kept.score.p;
    f->atr_day = day_atr_fraction(&y->day);
    TEXT_COPY(f->name, y->kept.name);
    s->fired += fired;
    if (batches_ended_ns(&s->batches, close_ns) != 0) {
        s->late += fired;
        return fired;
    }
    struct batch *t = batches_find(&s->batches, close_ns);
    if (t == NULL)
        t = batches_open(&s->batches, close_ns, heard_ns);
    batch_report(t, symbol);
    if (fired)
        batch_add(t, f);
    return false;
}

static bool apply(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns,
                  struct fired *late)
{
    *late = (struct fired){.symbol = symbol};
    if (!warm)
        return decide(s, symbol, c, heard_ns, late);
    score_on_bar(&s->symbols[symbol].kept.score, &s->params, c, NULL, true, &late->signal);
    return false;
}

void bars_apply(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns)
{
    struct fired late;
    apply(s, symbol, c, warm, heard_ns, &late);
}

void bars_live(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns)
{
    struct fired late;
    publish_make_room(s, c->start_ns + c->tf_ns);
    keep_bar(s, symbol, c, warm, heard_ns);
    if (apply(s, symbol, c, warm, heard_ns, &late))
        publish_late(s, &late);
    publish_due(s);
}

static void on_primary(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns)
{
    struct symbol *y = &s->symbols[symbol];
    int64_t last_ns = y->kept.score.primary_start_ns;
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
        if (strcmp(s->symbols[i].kept.name, name) == 0)
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
    if (tf_ns == s->primary_ns)
        on_primary(s, symbol, &c, m->warm, e->now_ns);
}
