/* hear - everything heard but signals: facts for the books, the market's state; see state.h */
#include <stdio.h>
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/risk/state.h"

#define LOOK_MS          500
#define DIFFER_MS        1000       /* books that differ for so long are compared row by row */
#define RELEASE_MS       30000      /* an approval expired so long ago, never mentioned, is void */
#define PAGE_DEADLINE_MS 1000
#define PAGE_ROWS        256
#define MS               1000000LL

/* ---- stops everything ---- */

static void stop_everything(struct risk *r, const char *cause, const char *text)
{
    struct msg_emergency_stop m = {.close_positions = true};
    TEXT_COPY(m.cause, cause);
    TEXT_COPY(m.text, text);
    log_error("emergency.stop", LOG_S("cause", cause), LOG_S("text", text),
              LOG_S("action", "stopping everything"));
    agent_publish(r->agent, TOPIC_EMERGENCY_STOP, NULL, MSG_EMERGENCY_STOP, &m, NULL);
    books_emergency(&r->books);
    agent_note(r->agent, NOTE_EMERGENCY, "", 0, true);
}

/* ---- execution ---- */

void risk_on_account(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    const struct msg_account_updated *m = e->msg;
    char text[160], loss[DEC_TEXT_MAX];
    enum risk_event ev = books_account(&r->books, &r->limits, m);
    agent_note(a, NOTE_ACCOUNT, m, sizeof *m, true);
    dec_format_places(dec_mul(risk_day_loss(&r->books.day), dec_int(100)), 2, DEC_HALF_EVEN, loss);
    if (ev == RISK_BLOCK)
        log_warn("day.loss", LOG_S("percent", loss), LOG_S("action", "no entries until the day ends"));
    if (ev != RISK_STOP)
        return;
    snprintf(text, sizeof text, "the day's loss is %.20s %%", loss);
    stop_everything(r, "DRAWDOWN", text);
}

void order_fact(struct books *b, const struct note_order *n)
{
    books_order(b, (enum order_fact)n->fact, &n->order, n->seq);
    if (n->fact == ORDER_FILL)
        books_fill(b, &n->order, n->last_qty, n->last_px);
}

void risk_on_order(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    struct note_order n;
    memset(&n, 0, sizeof n);
    n.order = *(const struct sub_order *)((const char *)e->msg + offsetof(struct msg_order_placed, order));
    n.fact = e->type == MSG_ORDER_FILLED ? ORDER_FILL
             : e->type == MSG_ORDER_PLACED || e->type == MSG_ORDER_UNKNOWN ? ORDER_SAID : ORDER_ENDED;
    n.seq = e->header->seq;
    n.last_px = dec_zero();
    if (e->type == MSG_ORDER_FILLED) {
        n.last_qty = ((const struct msg_order_filled *)e->msg)->last_qty;
        n.last_px = ((const struct msg_order_filled *)e->msg)->last_px;
    }
    order_fact(&r->books, &n);
    agent_note(a, NOTE_ORDER, &n, sizeof n, true);
}
_Static_assert(offsetof(struct msg_order_placed, order) == offsetof(struct msg_order_filled, order) &&
               offsetof(struct msg_order_placed, order) == offsetof(struct msg_order_rejected, order) &&
               offsetof(struct msg_order_placed, order) == offsetof(struct msg_order_cancelled, order) &&
               offsetof(struct msg_order_placed, order) == offsetof(struct msg_order_expired, order) &&
               offsetof(struct msg_order_placed, order) == offsetof(struct msg_order_unknown, order),
               "all order messages begin with the order");

static void closed(struct risk *r, const struct sub_position *p)
{
    char text[160];
    enum risk_event ev = books_closed(&r->books, &r->limits, p, r->bar_ns);
    agent_note(r->agent, NOTE_CLOSED, p, sizeof *p, true);
    if (ev == RISK_WARN || ev == RISK_BLOCK)
        log_warn("losses", LOG_I("in_a_row", r->books.streak.losses),
                 LOG_S("action", ev == RISK_BLOCK ? "entries rest, then half the size" : "told"));
    if (ev != RISK_STOP)
        return;
    snprintf(text, sizeof text, "%d losses in a row", r->books.streak.losses);
    stop_everything(r, "CONSECUTIVE_LOSSES", text);
}

void risk_on_position(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    if (e->type == MSG_POSITION_CLOSED) {
        closed(r, &((const struct msg_position_closed *)e->msg)->position);
        return;
    }
    const struct sub_position *p = e->type == MSG_POSITION_OPENED
                                       ? &((const struct msg_position_opened *)e->msg)->position
                                       : &((const struct msg_position_closing *)e->msg)->position;
    books_position(&r->books, p);
    agent_note(a, NOTE_POSITION, p, sizeof *p, true);
}

void risk_on_stop_moved(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    const struct msg_stop_moved *m = e->msg;
    books_stop_moved(&r->books, m);
    agent_note(a, NOTE_STOP_MOVED, m, sizeof *m, true);
}

/* As this agent knows them; execution answers the same question with its own. */
void risk_on_positions(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    static struct msg_positions m;
    const struct reply_to to = agent_reply_to(e);
    m = (struct msg_positions){.market_ns = agent_market_ns(a), .trade_ready = books_agree(&r->books)};
    books_hash(&r->books, m.position_hash);
    m.positions_n = books_open(&r->books, m.positions, sizeof m.positions / sizeof m.positions[0]);
    agent_reply(a, &to, MSG_POSITIONS, &m);
}

/* ---- the operator, the system ---- */

void risk_on_command(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    const struct msg_operator_command *m = e->msg;
    books_command(&r->books, &r->limits, m);
    agent_note(a, NOTE_COMMAND, m, sizeof *m, true);
}

void risk_on_emergency(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    (void)e;
    books_emergency(&r->books);
    agent_note(a, NOTE_EMERGENCY, "", 0, true);
}

void risk_on_state(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    r->state_ns = e->now_ns;
}

/* The lighthouse alone; what else it says of the miner comes with each signal, too. */
void risk_on_signal_state(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    const uint8_t on = ((const struct msg_signal_state *)e->msg)->lighthouse;
    if (books_lighthouse(&r->books, on))
        agent_note(a, NOTE_LIGHTHOUSE, &on, sizeof on, true);
}

/* ---- the market ---- */

void risk_on_contract(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    const struct msg_market_contract *m = e->msg;
    struct instrument *i = market_find(&r->market, m->symbol);
    if (i == NULL)
        return;
    market_contract(i, m);
    if (!i->known)
        log_warn("contract.bad", LOG_S("symbol", m->symbol), LOG_S("action", "no entries"));
}

void risk_on_book(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    const struct msg_market_book *m = e->msg;
    struct instrument *i = market_find(&r->market, m->symbol);
    if (i == NULL)
        return;
    market_book(i, m, e->now_ns);
    agent_fresh(a);
}

void risk_on_ticker(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    struct instrument *i = market_find(&r->market, ((const struct msg_market_ticker *)e->msg)->symbol);
    if (i != NULL)
        i->ticker_ns = e->now_ns;
}

void risk_on_mark(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    const struct msg_market_mark *m = e->msg;
    struct instrument *i = market_find(&r->market, m->symbol);
    if (i == NULL || dec_sign(m->mark_px) <= 0)
        return;
    i->mark_px = m->mark_px;
    i->mark_ns = e->now_ns;
}

void risk_on_funding(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    const struct msg_market_funding *m = e->msg;
    struct instrument *i = market_find(&r->market, m->symbol);
    if (i != NULL)
        i->funding = m->rate;
}

/* ---- hourly closes, for correlations; while they are missing, unknown counts as +1 ---- */

static void ask_hours(struct risk *r, int at);

static void on_hours(struct agent *a, void *arg, int err, const struct event *e)
{
    struct risk *r = agent_state(a);
    struct instrument *i = &r->market.instruments[(intptr_t)arg];
    i->asking = false;
    if (err < 0 || e->type != MSG_CANDLES)
        return;                 /* the timer asks again */
    const struct msg_candles *m = e->msg;
    for (size_t k = 0; k < m->rows_n; k++) {
        corr_push(&i->hours, m->rows[k].start_ns, dec_to_double(m->rows[k].close));
        i->hours_from_ns = m->rows[k].start_ns + CORR_TF_NS;
    }
    i->hours_wanted = m->more && m->rows_n > 0;
    if (i->hours_wanted)
        ask_hours(r, (int)(intptr_t)arg);
}

static void ask_hours(struct risk *r, int at)
{
    struct instrument *i = &r->market.instruments[at];
    struct msg_candles_get m = {.from_ns = i->hours_from_ns, .max = PAGE_ROWS};
    if (i->asking)
        return;
    i->asking = true;
    TEXT_COPY(m.symbol, i->name);
    TEXT_COPY(m.tf, "1h");
    agent_request(r->agent, AGENT_DATA, MSG_CANDLES_GET, &m, PAGE_DEADLINE_MS, on_hours,
                  (void *)(intptr_t)at);
}

void risk_on_candle(struct agent *a, const struct event *e)
{
    struct risk *r = agent_state(a);
    const struct msg_market_candle *m = e->msg;
    struct instrument *i = market_find(&r->market, m->symbol);
    if (i == NULL || strcmp(m->tf, "1h") != 0)
        return;
    if (i->hours.newest >= 0 && m->start_ns / CORR_TF_NS > i->hours.newest + 1) {
        i->hours_from_ns = (i->hours.newest + 1) * CORR_TF_NS;
        i->hours_wanted = true; /* the timer asks */
    }
    if (corr_push(&i->hours, m->start_ns, dec_to_double(m->close)) < 0)
        log_warn("candle.bad", LOG_S("symbol", m->symbol), LOG_S("action", "ignored"));
}

/* ---- from time to time ---- */

static void on_positions(struct agent *a, void *arg, int err, const struct event *e)
{
    struct risk *r = agent_state(a);
    (void)arg;
    r->syncing = false;
    if (err < 0 || e->type != MSG_POSITIONS)
        return;
    const struct msg_positions *m = e->msg;
    log_warn("books.synced", LOG_I("positions", m->positions_n),
             LOG_S("action", "took execution's positions"));
    books_sync(&r->books, m->positions, m->positions_n);
    agent_note(a, NOTE_SYNC, m->positions, m->positions_n * sizeof m->positions[0], true);
}

/* A message between two agents may be on its way; books that stay different lack one. */
static void compare_books(struct risk *r)
{
    const struct books *b = &r->books;
    int64_t now_ns = agent_now_ns(r->agent);
    if (!b->account_known || !b->account.reconciled || books_agree(b)) {
        r->differ_ns = 0;
        return;
    }
    if (r->differ_ns == 0)
        r->differ_ns = now_ns;
    if (r->syncing || now_ns - r->differ_ns < agent_scaled_ms(r->agent, DIFFER_MS) * MS)
        return;
    struct msg_positions_get m = {0};
    r->syncing = true;
    agent_request(r->agent, AGENT_EXECUTION, MSG_POSITIONS_GET, &m, PAGE_DEADLINE_MS, on_positions, NULL);
}

static void release_void(struct risk *r)
{
    int64_t now_ns = agent_now_ns(r->agent);
    for (int i = r->books.rows_n - 1; i >= 0; i--) {
        const struct exposure *x = &r->books.rows[i];
        char id[sizeof x->approval_id];
        if (x->open || x->order_seen || x->expires_ns == 0 || now_ns - x->expires_ns < RELEASE_MS * MS ||
            !books_agree(&r->books))
            continue;
        memcpy(id, x->approval_id, sizeof id);
        log_warn("approval.void", LOG_S("approval_id", id), LOG_S("action", "its reservation is released"));
        books_release(&r->books, id);
        agent_note(r->agent, NOTE_RELEASE, id, sizeof id, true);
    }
}

/* Each change of a factor is a degradation, which audit keeps; it clears when the factor is 1 again. */
static void tell_healing(struct risk *r)
{
    char text[160];
    const int64_t now_ns = agent_market_ns(r->agent);
    for (int i = 0; i < HEALING_COUNT; i++) {
        const enum healing_anomaly a = (enum healing_anomaly)i;
        const double factor = healing_of(&r->books.healing, a, now_ns), told = r->told[i];
        if (factor >= 1 && told > 0) {
            r->told[i] = 0;
            log_info("healing.over", LOG_S("anomaly", healing_name(a)));
            agent_degraded_clear(r->agent, "trading", healing_name(a));
        } else if (factor < 1 && (!(told > 0) || factor < told)) {
            snprintf(text, sizeof text, "%s: %.2f of the margin asked for, recovering", healing_text(a), factor);
            log_warn("healing", LOG_S("anomaly", healing_name(a)), LOG_F("factor", factor),
                     LOG_S("action", "less margin is asked for"));
            agent_degraded(r->agent, SEVERITY_MEDIUM, "trading", healing_name(a), text);
        }
        if (factor < 1)
            r->told[i] = factor;
    }
}

static void on_look(void *arg)
{
    struct risk *r = arg;
    if (agent_life(r->agent) < LIFE_WARMING)
        return;
    for (int i = 0; i < r->market.n; i++)
        if (r->market.instruments[i].hours_wanted)
            ask_hours(r, i);
    compare_books(r);
    release_void(r);
    if (config_bool(agent_config(r->agent), CFG_self_healing) && agent_market_ns(r->agent) > 0)
        tell_healing(r);
}

void risk_start(struct agent *a)
{
    struct risk *r = agent_state(a);
    r->timer = loop_timer_new(agent_loop(a), LOOK_MS, LOOK_MS, true, on_look, r);
}

/* The journal is recovered, that is what counts; correlations follow as data answers. */
void risk_warm(struct agent *a)
{
    struct risk *r = agent_state(a);
    int64_t hour = agent_market_ns(a) / CORR_TF_NS;
    for (int i = 0; i < r->market.n; i++) {
        r->market.instruments[i].hours_from_ns = hour > CORR_HOURS ? (hour - CORR_HOURS - 1) * CORR_TF_NS : 0;
        r->market.instruments[i].hours_wanted = true;
        ask_hours(r, i);
    }
    agent_ready(a);
}
