/* tell - see exec.h */
#include <string.h>

#include "libagent/log.h"
#include "proto/text.h"

#include "agents/execution/exec.h"

static const enum msg messages[TOPIC_COUNT] = {
    [TOPIC_ORDER_PLACED] = MSG_ORDER_PLACED,       [TOPIC_ORDER_REJECTED] = MSG_ORDER_REJECTED,
    [TOPIC_ORDER_CANCELLED] = MSG_ORDER_CANCELLED, [TOPIC_ORDER_EXPIRED] = MSG_ORDER_EXPIRED,
    [TOPIC_ORDER_UNKNOWN] = MSG_ORDER_UNKNOWN,     [TOPIC_POSITION_OPENED] = MSG_POSITION_OPENED,
    [TOPIC_POSITION_CLOSING] = MSG_POSITION_CLOSING, [TOPIC_POSITION_CLOSED] = MSG_POSITION_CLOSED,
};

void tell_order(struct exec *x, struct exec_order *o, enum topic topic)
{
    struct msg_order_placed m = {.order = o->o};    /* all order messages of one part are alike */
    agent_publish(x->agent, topic, NULL, messages[topic], &m, o->o.signal_id);
    log_info(topic_defs[topic].text, LOG_S("cl_ord_id", o->o.cl_ord_id), LOG_S("symbol", o->o.symbol),
             LOG_S("side", side_name(o->o.side)), LOG_I("qty", o->o.qty), LOG_S("status", ord_status_name(o->o.status)),
             LOG_S("reason", o->o.reason));
}

void tell_fill(struct exec *x, struct exec_order *o, const struct msg_order_filled *f)
{
    struct msg_order_filled m = *f;
    char px[DEC_TEXT_MAX];
    m.order = o->o;
    agent_publish(x->agent, TOPIC_ORDER_FILLED, NULL, MSG_ORDER_FILLED, &m, o->o.signal_id);
    log_info("order.filled", LOG_S("cl_ord_id", o->o.cl_ord_id), LOG_S("symbol", o->o.symbol),
             LOG_S("exec_id", m.exec_id), LOG_I("last_qty", m.last_qty), LOG_S("last_px", dec_format(m.last_px, px)));
    x->fills++;
}

void tell_position(struct exec *x, struct trade *t, enum topic topic)
{
    struct msg_position_opened m = {.position = t->p};
    char net[DEC_TEXT_MAX];
    agent_publish(x->agent, topic, NULL, messages[topic], &m, t->p.signal_id);
    log_info(topic_defs[topic].text, LOG_S("symbol", t->p.symbol), LOG_S("side", side_name(t->p.side)),
             LOG_I("qty", t->p.qty), LOG_S("net_pnl", dec_format(t->p.net_pnl, net)),
             LOG_S("exit_reason", t->p.exit_reason));
}

void tell_stop_moved(struct exec *x, struct trade *t, const struct exec_order *o, const char *reason)
{
    struct msg_stop_moved m = {.old_px = t->told_stop, .new_px = o->o.stop_px};
    TEXT_COPY(m.symbol, t->p.symbol);
    TEXT_COPY(m.signal_id, t->p.signal_id);
    TEXT_COPY(m.cl_ord_id, o->o.cl_ord_id);
    TEXT_COPY(m.reason, reason);
    agent_publish(x->agent, TOPIC_STOP_MOVED, NULL, MSG_STOP_MOVED, &m, t->p.signal_id);
}

void tell_hash(struct exec *x, char ret[POSHASH_TEXT])
{
    static struct sub_position open[BOOKS_TRADES];
    size_t n = 0;
    for (int i = 0; i < BOOKS_TRADES; i++)
        if (x->books.trades[i].p.qty > 0 && x->books.trades[i].open == 1)
            open[n++] = x->books.trades[i].p;
    position_hash(open, n, ret);
}

void tell_account(struct exec *x)
{
    if (!x->account_known)
        return;
    tell_hash(x, x->hash_told);
    TEXT_COPY(x->account.position_hash, x->hash_told);
    x->account.reconciled = x->trade_ready;
    x->account.market_ns = agent_market_ns(x->agent);
    agent_publish(x->agent, TOPIC_ACCOUNT_UPDATED, NULL, MSG_ACCOUNT_UPDATED, &x->account, NULL);
}
