/* feed - history and what was missed, asked from data page by page; see state.h
 *
 * One feed of a symbol runs through confirm, primary, 1 h and 1 d bars, each from the newest bar there is.
 * Primary and confirm bars are collected and then fed together in order of their ends, so that an old
 * bar meets what was known at its end.  A gap in live bars starts the same feed again.
 * A page that is not answered is asked again by the timer; one that data refuses counts as empty: that
 * symbol is then not ready by itself and holds up nobody.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/signal/state.h"

#define PAGE_DEADLINE_MS 1000
#define RETRY_MS         500
#define COLLECT_MAX      20000      /* bars of one timeframe in one feed; the next feed goes on there */
#define HOURS_ASKED      (GAMMA_CLOSES + 2)
#define DAYS_ASKED       60

static void ask(struct signals *s, int symbol);

static int64_t stage_tf(const struct signals *s, enum feed_stage stage)
{
    const struct strategies *x = &s->chosen.strategies;
    const int64_t tf[FEED_STAGES] = {x->confirm_ns, x->tf_ns, GAMMA_TF_NS, NS_PER_DAY};
    return tf[stage];
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Start of the newest confirm bar that the rules know, from history or made of primary bars; -1: none. */
static int64_t newest_confirm(const struct strategies_state *r)
{
    if (r->start_ns < 0)
        return r->confirm_start_ns;
    return later(r->confirm_start_ns, (r->start_ns + r->tf_ns) / r->confirm_ns * r->confirm_ns - r->confirm_ns);
}

/* Start of the first bar that is wanted. */
static int64_t stage_from(const struct signals *s, int symbol, enum feed_stage stage)
{
    const struct symbol *y = &s->symbols[symbol];
    int64_t confirm_ns = newest_confirm(y->rules);
    int64_t now_ns = agent_market_ns(s->agent), tf_ns = stage_tf(s, stage);
    int64_t most = stage == FEED_HOUR ? HOURS_ASKED : stage == FEED_DAY ? DAYS_ASKED
                   : config_int(agent_config(s->agent), CFG_warmup_bars);
    int64_t first_ns = later(0, now_ns / tf_ns - most) * tf_ns;
    switch (stage) {
    case FEED_CONFIRM:
        return confirm_ns >= 0 ? confirm_ns + tf_ns : first_ns;
    case FEED_PRIMARY:
        return y->rules->start_ns >= 0 ? y->rules->start_ns + tf_ns : first_ns;
    case FEED_HOUR:
        return first_ns;        /* with holes, if there are any: they may have been filled */
    default:
        return y->day.newest_ns >= 0 ? y->day.newest_ns + tf_ns : first_ns;
    }
}

static void collect(struct bars *b, const struct candle *c)
{
    if (b->n == b->size) {
        b->size = b->size == 0 ? 1024 : 2 * b->size;
        b->c = realloc(b->c, b->size * sizeof *b->c);
        must(b->c != NULL);
    }
    b->c[b->n++] = *c;
}

static void bars_forget(struct bars *b)
{
    free(b->c);
    *b = (struct bars){.c = NULL};
}

static void take(struct signals *s, int symbol, const struct candle *c)
{
    struct symbol *y = &s->symbols[symbol];
    if (candle_check(c) != CANDLE_OK)
        return;
    switch (y->feed.stage) {
    case FEED_CONFIRM:
        collect(&y->feed.confirm, c);
        break;
    case FEED_PRIMARY:
        collect(&y->feed.primary, c);
        break;
    case FEED_HOUR:
        gamma_bar(&s->gamma, symbol, c);
        break;
    default:
        day_atr_push(&y->day, c);
        break;
    }
}

static void feed_history(struct signals *s, int symbol)
{
    struct symbol *y = &s->symbols[symbol];
    struct feed *f = &y->feed;
    f->filled = f->primary.n > 0;
    if (f->primary.n + f->confirm.n > 0) {
        strategies_warm_up(&s->chosen.strategies, y->rules, f->primary.c, f->primary.n, f->confirm.c,
                           f->confirm.n);
        keep_symbol(s, symbol);
    }
    bars_forget(&f->primary);
    bars_forget(&f->confirm);
}

/* Ready: it is known of every symbol how much history there is, and one at least has enough for a strategy. */
static void check_ready(struct signals *s)
{
    int done = 0, ready = 0;
    char text[96];
    for (int i = 0; i < s->n_symbols; i++) {
        done += s->symbols[i].feed.done;
        ready += strategies_ready(&s->chosen.strategies, s->symbols[i].rules) > 0;
    }
    if (done == s->n_symbols && ready > 0) {
        agent_ready(s->agent);
    } else if (agent_life(s->agent) == LIFE_WARMING) {
        snprintf(text, sizeof text, "history: %d of %d symbols asked, %d have enough", done,
                 s->n_symbols, ready);
        agent_detail(s->agent, text);
    }
}

static void release_waiting(struct signals *s, int symbol)
{
    struct symbol *y = &s->symbols[symbol];
    int64_t last_ns = y->rules->start_ns;
    if (!y->has_waiting)
        return;
    bool missing = last_ns >= 0 && y->waiting.start_ns > last_ns + s->chosen.strategies.tf_ns;
    if (missing && y->feed.filled) {
        feed_start(s, symbol);  /* more may have closed while the pages came */
        return;
    }
    y->has_waiting = false;     /* next in line; or the hole is the venue's */
    if (y->waiting.start_ns > last_ns)
        bars_live(s, symbol, &y->waiting, y->waiting_warm, y->waiting_heard_ns);
}

static void feed_end(struct signals *s, int symbol)
{
    struct symbol *y = &s->symbols[symbol];
    bool first = !y->feed.done;
    feed_history(s, symbol);
    y->feed.under_way = false;
    y->feed.done = true;
    if (first)
        log_info("history", LOG_S("symbol", y->name), LOG_I("bars", y->rules->bars),
                 LOG_I("confirm_bars", y->rules->confirm_bars), LOG_I("days", y->day.days),
                 LOG_B("ready", symbol_ready(s, y)));
    release_waiting(s, symbol);
    check_ready(s);
}

static void next_stage(struct signals *s, int symbol)
{
    struct feed *f = &s->symbols[symbol].feed;
    if (f->stage + 1 == FEED_STAGES) {
        feed_end(s, symbol);
        return;
    }
    f->stage++;
    f->from_ns = stage_from(s, symbol, f->stage);
    ask(s, symbol);
}

static void on_page(struct agent *a, void *arg, int err, const struct event *e)
{
    struct signals *s = agent_state(a);
    int symbol = (int)(intptr_t)arg;
    struct feed *f = &s->symbols[symbol].feed;
    if (err < 0) {
        f->failed = true;
        loop_timer_resume(s->timer_feed);
        return;
    }
    if (e->type != MSG_CANDLES) {
        const struct msg_error_reply *m = e->msg;
        log_warn("history.refused", LOG_S("symbol", s->symbols[symbol].name),
                 LOG_S("tf", tf_name(stage_tf(s, f->stage))),
                 LOG_S("why", e->type == MSG_ERROR_REPLY ? m->text : "unexpected answer"),
                 LOG_S("action", "going on without"));
        next_stage(s, symbol);
        return;
    }
    const struct msg_candles *m = e->msg;
    int64_t tf_ns = stage_tf(s, f->stage);
    for (size_t i = 0; i < m->rows_n; i++) {
        const struct sub_candle_row *r = &m->rows[i];
        struct candle c;
        if (r->start_ns < f->from_ns)
            continue;
        candle_from(&c, tf_ns, r->start_ns, (const dec_t[]){r->open, r->high, r->low, r->close}, r->volume);
        take(s, symbol, &c);
        f->from_ns = r->start_ns + tf_ns;
    }
    if (m->more && m->rows_n > 0 && f->primary.n < COLLECT_MAX && f->confirm.n < COLLECT_MAX)
        ask(s, symbol);
    else
        next_stage(s, symbol);
}

static void ask(struct signals *s, int symbol)
{
    struct symbol *y = &s->symbols[symbol];
    struct msg_candles_get m = {.from_ns = y->feed.from_ns, .max = PAGE_ROWS};
    TEXT_COPY(m.symbol, y->name);
    TEXT_COPY(m.tf, tf_name(stage_tf(s, y->feed.stage)));
    y->feed.failed = false;
    agent_request(s->agent, AGENT_DATA, MSG_CANDLES_GET, &m, PAGE_DEADLINE_MS, on_page,
                  (void *)(intptr_t)symbol);
}

void feed_start(struct signals *s, int symbol)
{
    struct feed *f = &s->symbols[symbol].feed;
    if (f->under_way)
        return;
    f->under_way = true;
    f->stage = strategies_confirms(&s->chosen.strategies) ? FEED_CONFIRM : FEED_PRIMARY;
    f->from_ns = stage_from(s, symbol, f->stage);
    ask(s, symbol);
}

static void on_feed_timer(void *arg)
{
    struct signals *s = arg;
    loop_timer_pause(s->timer_feed);
    for (int i = 0; i < s->n_symbols; i++)
        if (s->symbols[i].feed.failed)
            ask(s, i);
}

void signals_start(struct agent *a)
{
    struct signals *s = agent_state(a);
    struct loop *l = agent_loop(a);
    s->timer_batch = loop_timer_new(l, 50, 50, true, publish_on_batch_timer, s);
    s->timer_mining = loop_timer_new(l, 50, 0, false, publish_on_mining_timer, s);
    s->timer_state = loop_timer_new(l, 500, 500, true, publish_on_state_timer, s);
    s->timer_feed = loop_timer_new(l, RETRY_MS, RETRY_MS, true, on_feed_timer, s);
    loop_timer_pause(s->timer_batch);
    loop_timer_pause(s->timer_feed);
    publish_leftovers(s);
}

void signals_warm(struct agent *a)
{
    struct signals *s = agent_state(a);
    char why[STRATEGIES_WHY_MAX];
    for (int i = 0; i < s->n_symbols; i++) {
        struct symbol *y = &s->symbols[i];
        if (!symbol_ready(s, y))        /* too little to go on with: all there is, from its start */
            must(strategies_start(&s->chosen.strategies, y->rules, why) == ERR_OK);
        feed_start(s, i);
    }
}
