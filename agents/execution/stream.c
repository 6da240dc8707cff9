/* stream - the private stream: hints of what to read, and fundings; see exec.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/exec.h"

static void on_order_change(struct exec *x, const json_t *v)
{
    const char *id = "", *oid = "", *type = "";
    int64_t cum;
    (void)codec_text(v, "orderId", &id);
    (void)codec_text(v, "clientOid", &oid);
    (void)codec_text(v, "type", &type);
    struct exec_order *o = books_order_by_id(&x->books, id);
    if (o == NULL && (o = books_order(&x->books, oid)) != NULL && o->o.order_id[0] == '\0')
        TEXT_COPY(o->o.order_id, id);
    bool filled = strcmp(type, "filled") == 0, cancelled = strcmp(type, "canceled") == 0;
    bool matched = strcmp(type, "match") == 0;
    if (matched || filled || o == NULL)
        reads_fills(x);
    if (o == NULL)
        reads_begin(x);         /* somebody else trades here */
    if (o != NULL && (matched || filled || cancelled) && codec_int(v, "filledSize", &cum) == ERR_OK)
        fold_told(x, o, v, cum, filled ? 1 : cancelled ? 2 : 0);
}

static void on_stop_change(struct exec *x, const json_t *v)
{
    const char *id = "", *type = "";
    (void)codec_text(v, "orderId", &id);
    (void)codec_text(v, "type", &type);
    struct exec_order *o = books_order_by_id(&x->books, id);
    if (o != NULL && strcmp(type, "cancel") == 0)
        fold_told(x, o, v, o->o.cum_qty, 2);
    else if (o != NULL && strcmp(type, "triggered") == 0)
        exec_query(x, o);
    else if (o == NULL)
        reads_begin(x);         /* the list says what it is */
}

static void on_settlement(struct exec *x, const json_t *v)
{
    const char *symbol = "";
    int64_t time_ms;
    dec_t fee;
    (void)codec_text(v, "symbol", &symbol);
    if (codec_int(v, "fundingTime", &time_ms) == ERR_OK && codec_dec(v, "fundingFee", &fee) == ERR_OK)
        fold_funding(x, symbol, time_ms, dec_neg(fee));
}

struct asked {
    struct exec *x;
    char approval_id[40], symbol[20];
};

/* What was settled while we did not listen; told twice it counts once. */
static void on_funding(void *arg, const struct venue_answer *a)
{
    struct asked *q = arg;
    struct exec *x = q->x;
    struct trade *t = books_trade(&x->books, q->symbol);
    const json_t *rows = json_object_get(a->data, "dataList");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *v = json_array_get(rows, i);
        const char *symbol;
        int64_t time_ms;
        dec_t funding;
        if (codec_text(v, "symbol", &symbol) == ERR_OK && codec_int(v, "timePoint", &time_ms) == ERR_OK &&
            codec_dec(v, "funding", &funding) == ERR_OK)
            fold_funding(x, symbol, time_ms, dec_neg(funding));
    }
    if (t != NULL && a->outcome == VENUE_OK && strcmp(t->approval_id, q->approval_id) == 0 && t->funding_ns != 0) {
        t->funding_known = 1;
        exec_keep_trade(x, t);
    }
    free(q);
    manage_all(x);
}

void stream_funding(struct exec *x, const struct trade *t)
{
    char target[96];
    struct asked *q = malloc(sizeof *q);
    must(q != NULL);
    q->x = x;
    TEXT_COPY(q->approval_id, t->approval_id);
    TEXT_COPY(q->symbol, t->p.symbol);
    snprintf(target, sizeof target, "/api/v1/funding-history?symbol=%s&maxCount=100", t->p.symbol);
    venue_call(x->venue, VENUE_PRIVATE, "GET", target, NULL, on_funding, q);
}

static void on_message(void *arg, const char *topic, const char *subject, const json_t *data, int64_t sn)
{
    struct exec *x = arg;
    (void)sn;
    (void)topic;
    if (strcmp(subject, "orderChange") == 0 || strcmp(subject, "symbolOrderChange") == 0)
        on_order_change(x, data);
    else if (strcmp(subject, "stopOrder") == 0)
        on_stop_change(x, data);
    else if (strcmp(subject, "position.settlement") == 0)
        on_settlement(x, data);
    else
        return;
    manage_all(x);
}

static void on_up(void *arg)
{
    struct exec *x = arg;
    agent_degraded_clear(x->agent, "exchange", "STREAM_DOWN");
    x->reads.clean_ns = 0;
    reads_begin(x);
    reads_fills(x);
    for (int i = 0; i < BOOKS_TRADES; i++)
        if (x->books.trades[i].pnl.qty > 0)
            stream_funding(x, &x->books.trades[i]);
}

static void on_down(void *arg, const char *reason)
{
    struct exec *x = arg;
    log_warn("stream.down", LOG_S("reason", reason), LOG_S("action", "reconnecting; no entries until reconciled"));
    agent_degraded(x->agent, SEVERITY_HIGH, "exchange", "STREAM_DOWN", reason);
    x->trade_ready = false;
    x->reads.clean_ns = 0;
    tell_account(x);
}

void stream_open(struct exec *x)
{
    const struct venue_stream_options o = {
        .private = true, .on_up = on_up, .on_down = on_down, .on_message = on_message, .arg = x,
    };
    x->stream = venue_stream_open(x->venue, &o);
    venue_stream_subscribe(x->stream, "/contractMarket/tradeOrders", true);
    venue_stream_subscribe(x->stream, "/contractMarket/advancedOrders", true);
    venue_stream_subscribe(x->stream, "/contractAccount/wallet", true);
    venue_stream_subscribe(x->stream, "/contract/positionAll", true);
}
