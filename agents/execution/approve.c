/* approve - an approval becomes an entry order, or a rejection; see exec.h */
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/exec.h"

/* The first reason not to send it; NULL: none. */
static const char *objection(struct exec *x, const struct msg_risk_approved *m, const struct symbol *s, int64_t now_ns)
{
    const struct config *c = agent_config(x->agent);
    dec_t slippage = dec_quo(config_dec(c, CFG_max_slippage_pct), dec_int(100));
    if (now_ns >= m->expires_ns)
        return "EXPIRED";
    if (x->books.stopped || exec_latched())
        return "LATCH";
    if (agent_system(x->agent) != SYS_TRADING || x->draining)
        return "NOT_TRADING";
    if (!x->trade_ready || !x->clock_ok)
        return "NOT_RECONCILED";
    if (s == NULL || !s->known || !s->isolated)
        return "SYMBOL_NOT_READY";
    if (books_trade(&x->books, m->symbol) != NULL)
        return "SYMBOL_BUSY";
    if (!formula_slippage_ok(m->price, m->decision_px, slippage))
        return "SLIPPAGE";
    if (m->qty <= 0 || m->leverage <= 0 || m->token_len != TOKEN_SIZE || dec_sign(m->stop_px) <= 0)
        return "MALFORMED";
    if (config_bool(c, CFG_dry_run))
        return "DRY_RUN";
    return NULL;
}

static void fill_order(struct exec *x, const struct msg_risk_approved *m, struct exec_order *o, int64_t now_ns)
{
    struct sub_order *p = &o->o;
    TEXT_COPY(p->cl_ord_id, m->cl_ord_id);
    TEXT_COPY(p->signal_id, m->signal_id);
    TEXT_COPY(p->approval_id, m->approval_id);
    TEXT_COPY(p->symbol, m->symbol);
    p->leg = LEG_ENTRY;
    p->side = m->side;
    p->ord_type = ORD_LIMIT;
    p->price = m->price;
    p->stop_px = m->stop_px;
    p->qty = m->qty;
    p->status = STATUS_INTENT;
    p->market_ns = agent_market_ns(x->agent);
    o->sent_ns = now_ns;
}

static void fill_trade(const struct msg_risk_approved *m, struct trade *t)
{
    struct sub_position *p = &t->p;
    TEXT_COPY(t->approval_id, m->approval_id);
    TEXT_COPY(t->entry_id, m->cl_ord_id);
    must(token_uuid(m->approval_id, t->approval) == ERR_OK);
    TEXT_COPY(p->symbol, m->symbol);
    TEXT_COPY(p->signal_id, m->signal_id);
    p->side = m->side;
    p->leverage = m->leverage;
    p->decision_px = m->decision_px;
    p->stop_px = t->told_stop = m->stop_px;
    p->tp1_px = m->tp1_px;
    p->tp2_px = m->tp2_px;
    t->atr = dec_to_double(m->atr);
    t->legs[LEG_ENTRY] = 1;
}

static void refuse(struct exec *x, struct exec_order *o, const char *why)
{
    TEXT_COPY(o->o.reason, why);
    (void)books_event(o, EV_REFUSED);
    x->refused++;
    if (o >= x->books.orders && o < x->books.orders + BOOKS_ORDERS)
        exec_keep_order(x, o);
    tell_order(x, o, TOPIC_ORDER_REJECTED);
}

void exec_on_approved(struct agent *a, const struct event *e)
{
    struct exec *x = agent_state(a);
    const struct msg_risk_approved *m = e->msg;
    uint8_t id[16];
    char expected[TOKEN_ID_TEXT];
    if (token_uuid(m->approval_id, id) < 0) {
        log_error("approval.bad_id", LOG_S("approval_id", m->approval_id), LOG_S("action", "ignored"));
        return;
    }
    token_cl_ord_id(id, LEG_ENTRY, 1, expected);
    if (strcmp(expected, m->cl_ord_id) != 0 || books_order(&x->books, m->cl_ord_id) != NULL) {
        log_warn("approval.ignored", LOG_S("cl_ord_id", m->cl_ord_id), LOG_S("why", "known or not its own id"));
        return;
    }
    struct exec_order none = {.venue_cum = -1}, *o = books_order_new(&x->books);
    const char *why = o != NULL ? objection(x, m, exec_symbol(x, m->symbol), e->now_ns) : "FULL";
    struct trade *t = why == NULL ? books_trade_new(&x->books) : NULL;
    fill_order(x, m, o != NULL ? o : &none, e->now_ns);
    if (t == NULL) {
        refuse(x, o != NULL ? o : &none, why != NULL ? why : "FULL");
        return;
    }
    fill_trade(m, t);
    memcpy(x->tokens[o - x->books.orders], m->token, TOKEN_SIZE);
    exec_keep_trade(x, t);
    x->entries++;
    exec_place(x, o);
}
