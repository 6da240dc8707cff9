/* reads - the stream as hints, the venue's own lists as truth; readiness; see exec.h
 *
 * One read = open orders, untriggered stops, positions, then fills.  What the books hold and the lists do
 * not is asked for by itself; positions that differ in the same way in two reads 2 s apart are corrected.
 * protect-ready: keys, clock and contracts are good and one read is folded.
 * trade-ready:   margin and position modes are verified and two reads 2 s apart agreed with the books.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/answers.h"
#include "agents/execution/exec.h"

#define AGREE_NS      (2 * NS_PER_S)
#define PERIOD_NS     (5 * NS_PER_S)
#define CLOCK_MOST_MS 1000
#define FILLS_BACK_NS (60 * NS_PER_S)
#define FILLS_PAGE    100
#define FILLS_PAGES   20

static void get(struct exec *x, const char *target, venue_done *done)
{
    venue_call(x->venue, VENUE_PRIVATE, "GET", target, NULL, done, x);
}

/* ---- fills ---- */

static void ask_fills(struct exec *x);

static void fills_end(struct exec *x, bool ok)
{
    struct reads *r = &x->reads;
    r->fills_running = false;
    if (ok)
        fold_fills(x, r->fills);
    json_decref(r->fills);
    r->fills = NULL;
    if (r->fills_wanted && ok)
        reads_fills(x);
    reads_consider(x);
    manage_all(x);
}

static void on_fills(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    struct reads *r = &x->reads;
    json_t *items = json_object_get(a->data, "items");
    int64_t pages = 1;
    if (a->outcome != VENUE_OK || !json_is_array(items)) {
        fills_end(x, false);
        return;
    }
    must(json_array_extend(r->fills, items) == 0);
    (void)codec_int(a->data, "totalPage", &pages);
    if (r->fills_page < pages && r->fills_page < FILLS_PAGES) {
        r->fills_page++;
        ask_fills(x);
        return;
    }
    fills_end(x, true);
}

static void ask_fills(struct exec *x)
{
    char target[160];
    int64_t from = x->books.fills_ns != 0 ? x->books.fills_ns : agent_now_ns(x->agent);
    snprintf(target, sizeof target, "/api/v1/fills?startAt=%lld&currentPage=%d&pageSize=%d",
             (long long)((from - FILLS_BACK_NS) / NS_PER_MS), x->reads.fills_page, FILLS_PAGE);
    get(x, target, on_fills);
}

void reads_fills(struct exec *x)
{
    struct reads *r = &x->reads;
    r->fills_wanted = r->fills_running;
    if (r->fills_running || x->venue == NULL)
        return;
    r->fills_running = true;
    r->fills_page = 1;
    r->fills = json_array();
    must(r->fills != NULL);
    ask_fills(x);
}

/* ---- the three lists ---- */

static void ask_missing(struct exec *x)
{
    struct reads *r = &x->reads;
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        struct exec_order *o = &x->books.orders[i];
        if (order_live(o) && o->o.status != STATUS_INTENT && !o->venue_done && o->sent_ns < r->began_ns &&
            r->present[i] != r->generation)
            exec_query(x, o);
    }
}

static void look_at_position(struct exec *x, struct symbol *s)
{
    struct trade *t = books_trade(&x->books, s->name);
    int64_t held = t != NULL ? t->pnl.qty * t->pnl.side : 0, now = agent_now_ns(x->agent);
    char text[120];
    if (held == s->venue_qty) {
        s->differs_ns = 0;
        if (s->foreign)
            agent_degraded_clear(x->agent, "exchange", "FOREIGN_POSITION");
        s->foreign = false;
        return;
    }
    x->reads.clean = false;
    reads_fills(x);
    if (s->differs_ns == 0 || s->differs_qty != s->venue_qty - held) {
        s->differs_ns = now;
        s->differs_qty = s->venue_qty - held;
        return;
    }
    if (now - s->differs_ns < AGREE_NS)
        return;
    if (llabs(s->venue_qty) < llabs(held)) {
        fold_correction(x, s);
        return;
    }
    s->foreign = true;
    snprintf(text, sizeof text, "%s: the venue holds %lld lots, the books %lld; close what is not ours at the venue",
             s->name, (long long)s->venue_qty, (long long)held);
    agent_degraded(x->agent, SEVERITY_CRITICAL, "exchange", "FOREIGN_POSITION", text);
}

static void read_done(struct exec *x)
{
    struct reads *r = &x->reads;
    r->running = false;
    if (r->failed) {
        r->clean_ns = 0;
        return;
    }
    r->clean = true;
    ask_missing(x);
    for (size_t i = 0; i < x->n_symbols; i++)
        look_at_position(x, &x->symbols[i]);
    bool asking = r->looking > 0;   /* decides nothing yet: read again */
    x->first_read = true;
    reads_consider(x);
    if (!r->clean) {
        r->clean_ns = 0;
    } else if (r->clean_ns == 0) {
        r->clean_ns = r->began_ns;
    } else if (!asking && !x->trade_ready && r->began_ns - r->clean_ns >= AGREE_NS) {
        x->trade_ready = x->one_way;
        for (size_t i = 0; i < x->n_symbols; i++)
            x->trade_ready &= x->symbols[i].isolated || !x->symbols[i].known;
        if (x->trade_ready) {
            log_info("trade.ready", LOG_NONE);
            agent_detail(x->agent, "");
            tell_account(x);
        }
    }
    manage_all(x);
    if (r->dirty)
        reads_begin(x);         /* something changed while the lists were on their way */
    else
        r->dirty = asking && !x->trade_ready;
}

static void list_done(struct exec *x, bool ok)
{
    x->reads.failed += !ok;
    if (--x->reads.pending == 0)
        read_done(x);
}

static void on_orders(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    const json_t *items = json_object_get(a->data, "items");
    bool ok = a->outcome == VENUE_OK && json_is_array(items);
    if (answer_proof(a->outcome, a->status, a->code) == PROOF_KEY)
        agent_degraded(x->agent, SEVERITY_CRITICAL, "exchange", "CREDENTIALS", a->msg);
    for (size_t i = 0; ok && i < json_array_size(items); i++) {
        const struct exec_order *o = fold_order(x, NULL, json_array_get(items, i));
        if (o != NULL)
            x->reads.present[o - x->books.orders] = x->reads.generation;
    }
    list_done(x, ok);
}

static void on_positions(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    bool ok = a->outcome == VENUE_OK && json_is_array(a->data);
    for (size_t i = 0; ok && i < x->n_symbols; i++)
        x->symbols[i].venue_qty = 0;
    for (size_t i = 0; ok && i < json_array_size(a->data); i++) {
        const json_t *v = json_array_get(a->data, i);
        const char *name = "";
        (void)codec_text(v, "symbol", &name);
        struct symbol *s = exec_symbol(x, name);
        if (s == NULL || codec_int(v, "currentQty", &s->venue_qty) < 0)
            continue;
        (void)codec_dec(v, "markPrice", &s->venue_px);
    }
    list_done(x, ok);
}

void reads_begin(struct exec *x)
{
    struct reads *r = &x->reads;
    r->dirty = r->running;
    if (r->running || x->venue == NULL)
        return;
    r->running = true;
    r->pending = 3;
    r->failed = 0;
    r->generation++;
    r->began_ns = agent_now_ns(x->agent);
    get(x, "/api/v1/orders?status=active&pageSize=100", on_orders);
    get(x, "/api/v1/stopOrders?pageSize=100", on_orders);
    get(x, "/api/v1/positions", on_positions);
}

void reads_timer(void *arg)
{
    struct exec *x = arg;
    struct reads *r = &x->reads;
    int64_t period = x->trade_ready ? PERIOD_NS : r->clean_ns != 0 ? AGREE_NS : NS_PER_S / 2;
    int64_t since = agent_now_ns(x->agent) - r->began_ns;
    if (x->venue == NULL || r->running)
        return;
    if (!x->clock_ok)
        reads_clock(x);
    if (!x->contracts_ok)
        reads_contracts(x);
    if (r->dirty || since >= agent_scaled_ms(x->agent, period / NS_PER_MS) * NS_PER_MS) {
        reads_begin(x);
        if (x->first_read && !x->trade_ready)
            reads_setup(x);
    }
}

/* ---- readiness ---- */

void reads_consider(struct exec *x)
{
    if (x->protect_ready || !x->keys_ok || !x->clock_ok || !x->contracts_ok || !x->first_read)
        return;
    x->protect_ready = true;
    log_info("protect.ready", LOG_NONE);
    agent_detail(x->agent, "protecting; entries wait for two agreeing reads");
    reads_setup(x);
    if (x->warming)
        agent_ready(x->agent);
}

static void on_clock(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    int64_t ms;
    if (a->outcome != VENUE_OK || codec_value_int(a->data, &ms) < 0)
        return;
    int64_t off = ms - agent_now_ns(x->agent) / NS_PER_MS;
    x->clock_ok = off < CLOCK_MOST_MS && off > -CLOCK_MOST_MS;
    if (x->clock_ok)
        agent_degraded_clear(x->agent, "clock", "CLOCK_OFFSET");
    else
        agent_degraded(x->agent, SEVERITY_HIGH, "clock", "CLOCK_OFFSET", "more than 1 s from the venue's: set this machine's clock");
    reads_consider(x);
}

void reads_clock(struct exec *x)
{
    venue_call(x->venue, VENUE_PUBLIC, "GET", "/api/v1/timestamp", NULL, on_clock, x);
}

static int read_terms(const json_t *v, struct contract_terms *c)
{
    dec_t lot, mmr;
    int64_t max_leverage;
    *c = (struct contract_terms){.tier_count = 1};
    if (codec_dec(v, "tickSize", &c->tick) < 0 || codec_dec(v, "multiplier", &c->multiplier) < 0 ||
        codec_dec(v, "lotSize", &lot) < 0 || codec_dec(v, "makerFeeRate", &c->maker_fee) < 0 ||
        codec_dec(v, "takerFeeRate", &c->taker_fee) < 0 || codec_dec(v, "maintainMargin", &mmr) < 0 ||
        codec_int(v, "maxOrderQty", &c->max_qty) < 0 || codec_int(v, "maxLeverage", &max_leverage) < 0 ||
        dec_to_int(lot, &c->lot) < 0)
        return ERR_SYNTAX;
    c->lfr = c->taker_fee;
    c->tier[0] = (struct contract_tier){.max_notional = dec_zero(), .mmr = mmr, .max_leverage = (int32_t)max_leverage};
    return contract_valid(c) ? ERR_OK : ERR_RANGE;
}

static void on_contracts(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    if (a->outcome != VENUE_OK || !json_is_array(a->data))
        return;
    for (size_t i = 0; i < json_array_size(a->data); i++) {
        const json_t *v = json_array_get(a->data, i);
        const char *name = "";
        (void)codec_text(v, "symbol", &name);
        struct symbol *s = exec_symbol(x, name);
        if (s == NULL)
            continue;
        s->known = read_terms(v, &s->terms) == ERR_OK;
        if (!s->known)
            log_warn("contract.malformed", LOG_S("symbol", name), LOG_S("action", "not traded"));
    }
    x->contracts_ok = true;
    reads_consider(x);
}

void reads_contracts(struct exec *x)
{
    venue_call(x->venue, VENUE_PUBLIC, "GET", "/api/v1/contracts/active", NULL, on_contracts, x);
}

/* ---- settings, verified before the first entry ---- */

static void on_margin_mode(void *arg, const struct venue_answer *a)
{
    struct symbol *s = arg;
    const char *mode = "";
    char body[96];
    if (a->outcome != VENUE_OK || codec_text(a->data, "marginMode", &mode) < 0)
        return;
    s->isolated = strcmp(mode, "ISOLATED") == 0;
    if (s->isolated)
        return;
    snprintf(body, sizeof body, "{\"symbol\":\"%s\",\"marginMode\":\"ISOLATED\"}", s->name);
    venue_call(s->x->venue, VENUE_PRIVATE, "POST", "/api/v2/position/changeMarginMode", body, on_margin_mode, s);
}

static void on_position_mode(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    int64_t mode;
    if (a->outcome != VENUE_OK || codec_int(a->data, "positionMode", &mode) < 0)
        return;
    x->one_way = mode == 0;
    if (!x->one_way)
        venue_call(x->venue, VENUE_PRIVATE, "POST", "/api/v2/position/switchPositionMode", "{\"positionMode\":\"0\"}",
                   on_position_mode, x);
}

void reads_setup(struct exec *x)
{
    char target[96];
    if (!x->one_way)
        get(x, "/api/v2/position/getPositionMode", on_position_mode);
    for (size_t i = 0; i < x->n_symbols; i++) {
        struct symbol *s = &x->symbols[i];
        if (!s->known || s->isolated)
            continue;
        snprintf(target, sizeof target, "/api/v2/position/getMarginMode?symbol=%s", s->name);
        venue_call(x->venue, VENUE_PRIVATE, "GET", target, NULL, on_margin_mode, s);
    }
}

/* ---- the account ---- */

static void on_account(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    struct msg_account_updated m = x->account;
    if (a->outcome != VENUE_OK || codec_dec(a->data, "accountEquity", &m.equity) < 0 ||
        codec_dec(a->data, "availableBalance", &m.available) < 0 ||
        codec_dec(a->data, "orderMargin", &m.order_margin) < 0 ||
        codec_dec(a->data, "positionMargin", &m.position_margin) < 0 ||
        codec_dec(a->data, "unrealisedPNL", &m.unrealised_pnl) < 0)
        return;
    x->account = m;
    x->account_known = true;
    tell_account(x);
}

void reads_account(void *arg)
{
    struct exec *x = arg;
    if (x->venue != NULL && x->protect_ready)
        get(x, "/api/v1/account-overview?currency=USDT", on_account);
}

/* ---- the stream ---- */

static void on_order_change(struct exec *x, const json_t *v)
{
    const char *id = "", *oid = "", *type = "";
    (void)codec_text(v, "orderId", &id);
    (void)codec_text(v, "clientOid", &oid);
    (void)codec_text(v, "type", &type);
    struct exec_order *o = books_order_by_id(&x->books, id);
    if (o == NULL && (o = books_order(&x->books, oid)) != NULL && o->o.order_id[0] == '\0')
        TEXT_COPY(o->o.order_id, id);
    bool filled = strcmp(type, "filled") == 0, cancelled = strcmp(type, "canceled") == 0;
    if (strcmp(type, "match") == 0 || filled || o == NULL)
        reads_fills(x);
    if (o == NULL || (!filled && !cancelled) || codec_int(v, "filledSize", &o->venue_cum) < 0)
        return;
    o->venue_done = filled ? 1 : 2;
    fold_ended(x, o);
}

static void on_stop_change(struct exec *x, const json_t *v)
{
    const char *id = "", *type = "";
    (void)codec_text(v, "orderId", &id);
    (void)codec_text(v, "type", &type);
    struct exec_order *o = books_order_by_id(&x->books, id);
    if (o != NULL && strcmp(type, "cancel") == 0) {
        o->venue_done = 2;
        o->venue_cum = o->o.cum_qty;
        fold_ended(x, o);
    } else if (o != NULL && strcmp(type, "triggered") == 0) {
        exec_query(x, o);
    } else if (o == NULL) {
        reads_begin(x);         /* the list says what it is */
    }
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

/* What was settled while we did not listen; told twice it counts once. */
static void on_funding(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
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
}

static void ask_funding(struct exec *x)
{
    char target[96];
    for (int i = 0; i < BOOKS_TRADES; i++) {
        const struct trade *t = &x->books.trades[i];
        if (t->pnl.qty == 0)
            continue;
        snprintf(target, sizeof target, "/api/v1/funding-history?symbol=%s&maxCount=50", t->p.symbol);
        get(x, target, on_funding);
    }
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
    ask_funding(x);
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

void reads_stream(struct exec *x)
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
