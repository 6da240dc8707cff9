/* fold - what the venue tells, into the books; see exec.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/failpoint.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/answers.h"
#include "agents/execution/exec.h"

/* ---- orders ---- */

/* The venue has it.  Told once, whatever says so first: an answer, a list, a fill, or its end. */
static void placed(struct exec *x, struct exec_order *o)
{
    (void)books_event(o, EV_ACKED);
    exec_keep_order(x, o);
    tell_order(x, o, TOPIC_ORDER_PLACED);
}

static bool outcome_open(const struct exec_order *o)
{
    return o->o.status == STATUS_INTENT || o->o.status == STATUS_UNKNOWN;
}

/* The triggers of an entry appear under ids of the venue's own; they get numbers of ours. */
static struct exec_order *adopt(struct exec *x, const json_t *v, const char *id, const char *symbol)
{
    const char *side = "", *stop = "", *oid = "";
    bool closes = false;
    dec_t px = dec_zero();
    struct trade *t = books_trade(&x->books, symbol);
    (void)codec_text(v, "side", &side);
    (void)codec_text(v, "stop", &stop);
    (void)codec_text(v, "clientOid", &oid);
    (void)codec_bool(v, "closeOrder", &closes);
    (void)codec_dec(v, "stopPrice", &px);
    bool sells = strcmp(side, "sell") == 0;
    if (PLANTED(foreign_stop_adopted))
        oid = "";
    if (t == NULL || *oid != '\0' || !closes || *stop == '\0' || sells != (t->p.side == SIDE_BUY))
        return NULL;            /* compare.c looks whose it is */
    bool protects = (strcmp(stop, "down") == 0) == sells;
    struct exec_order *o = exec_leg_order(x, t, protects ? LEG_STOP : LEG_TARGET);
    if (o == NULL)
        return NULL;
    TEXT_COPY(o->o.order_id, id);
    o->o.ord_type = protects ? ORD_STOP_MARKET : ORD_TAKE_PROFIT_MARKET;
    o->o.stop_px = px;
    o->attached = o->closes_all = 1;
    placed(x, o);
    return o;
}

/* The venue takes of what only closes no more than is held. */
static void fold_size(struct exec_order *o, const json_t *v)
{
    int64_t size;
    if (o->o.leg != LEG_ENTRY && codec_int(v, "size", &size) == ERR_OK && size > 0 && size < o->o.qty)
        o->o.qty = size;
}

struct exec_order *fold_order(struct exec *x, struct exec_order *o, const json_t *v)
{
    const char *id, *symbol, *oid = "";
    bool active = true, cancelled = false;
    int64_t cum;
    if (codec_text(v, "id", &id) < 0 || codec_text(v, "symbol", &symbol) < 0 ||
        codec_int(v, "dealSize", &cum) < 0 || codec_bool(v, "isActive", &active) < 0)
        return NULL;
    (void)codec_text(v, "clientOid", &oid);
    (void)codec_bool(v, "cancelExist", &cancelled);
    if (o == NULL && (o = books_order_by_id(&x->books, id)) == NULL)
        o = books_order(&x->books, oid);
    if (o == NULL && (o = adopt(x, v, id, symbol)) == NULL)
        return NULL;
    o->absent_ns = 0;
    if (outcome_open(o) || o->o.status == STATUS_DEAD || o->o.status == STATUS_REJECTED) {
        if (!order_live(o)) {
            log_error("order.reappeared", LOG_S("cl_ord_id", o->o.cl_ord_id), LOG_S("symbol", symbol),
                      LOG_S("action", "proved absent, but there: taken over"));
            reads_distrust(x);
        }
        TEXT_COPY(o->o.order_id, id);
        placed(x, o);
    }
    fold_told(x, o, v, cum, active ? 0 : cancelled ? 2 : 1);
    return o;
}

/* Answers and the stream overtake one another: an older one takes nothing back. */
void fold_told(struct exec *x, struct exec_order *o, const json_t *v, int64_t cum, int done)
{
    if (outcome_open(o))
        placed(x, o);
    fold_size(o, v);
    if (cum > o->venue_cum || PLANTED(older_answer_believed))
        o->venue_cum = cum;
    if (done != 0)
        o->venue_done = done;
    if (o->venue_cum > o->o.cum_qty)
        reads_fills(x);
    fold_ended(x, o);
}

void fold_ended(struct exec *x, struct exec_order *o)
{
    if (!o->venue_done || o->o.cum_qty < o->venue_cum)
        return;
    enum ord_status was = o->o.status;
    enum order_event event = o->venue_done == 1 ? EV_FULL : o->cancelling == 2 ? EV_EXPIRED : EV_CANCELLED;
    if (!order_live(o) || books_event(o, event) < 0)
        return;
    FAILPOINT(ended);
    exec_keep_order(x, o);
    if (o->o.status != was && event == EV_EXPIRED)
        tell_order(x, o, TOPIC_ORDER_EXPIRED);
    else if (o->o.status != was && event == EV_CANCELLED)
        tell_order(x, o, TOPIC_ORDER_CANCELLED);
    manage_ended(x, o);
}

/* ---- fills ---- */

struct row {
    const char *id, *order_id, *symbol, *side, *liquidity, *type;
    dec_t px, fee;
    int64_t qty, trade_ns, created_ms;
};

static int read_row(const json_t *v, struct row *r)
{
    *r = (struct row){.liquidity = "", .type = "trade"};
    if (codec_text(v, "tradeId", &r->id) < 0 || codec_text(v, "orderId", &r->order_id) < 0 ||
        codec_text(v, "symbol", &r->symbol) < 0 || codec_text(v, "side", &r->side) < 0 ||
        codec_dec(v, "price", &r->px) < 0 || codec_dec(v, "fee", &r->fee) < 0 ||
        codec_int(v, "size", &r->qty) < 0 || codec_int(v, "tradeTime", &r->trade_ns) < 0 ||
        codec_int(v, "createdAt", &r->created_ms) < 0)
        return ERR_SYNTAX;
    (void)codec_text(v, "liquidity", &r->liquidity);
    (void)codec_text(v, "tradeType", &r->type);
    return ERR_OK;
}

/* ---- orders of fills ---- */

struct lookup {
    struct exec *x;
    char symbol[20], id[40];
    int64_t created_ms;         /* of the fill, by the venue's clock */
};

static void looked_up(struct lookup *l, bool foreign)
{
    struct exec *x = l->x;
    if (foreign && exec_see(x, books_key("foreign", l->id, "")))
        log_warn("fill.foreign", LOG_S("symbol", l->symbol), LOG_S("order_id", l->id),
                 LOG_S("action", "not folded; the venue's position decides"));
    reads_fills(x);
    manage_all(x);
    free(l);
}

/* Asked again though nothing more is said of it. */
static void read_again_soon(struct exec *x)
{
    x->reads.fills_again_ns = agent_now_ns(x->agent) + NS_PER_S;
}

static void look_again(struct lookup *l)
{
    read_again_soon(l->x);
    manage_all(l->x);
    free(l);
}

/* The venue's clock, read after its "not found": its queries may lag behind its fills. */
static void on_absent(void *arg, const struct venue_answer *a)
{
    struct lookup *l = arg;
    int64_t venue_ms;
    l->x->reads.looking--;
    if (a->outcome == VENUE_OK && codec_value_int(a->data, &venue_ms) == ERR_OK &&
        ((venue_ms - l->created_ms) * NS_PER_MS >= ABSENT_AFTER_NS || PLANTED(not_found_is_foreign)))
        looked_up(l, true);
    else
        look_again(l);
}

static void on_looked_up(void *arg, const struct venue_answer *a)
{
    struct lookup *l = arg;
    struct exec *x = l->x;
    if (a->outcome != VENUE_OK && answer_proof(a->outcome, a->status, a->code) == PROOF_ABSENT) {
        venue_call(x->venue, VENUE_PRIVATE, "GET", "/api/v1/timestamp", NULL, on_absent, l);
        return;
    }
    const char *id = "";
    x->reads.looking--;
    if (a->outcome == VENUE_OK && codec_text(a->data, "id", &id) == ERR_OK && strcmp(id, l->id) == 0)
        looked_up(l, fold_order(x, NULL, a->data) == NULL);
    else
        look_again(l);
}

static void look_up(struct exec *x, const struct row *r)
{
    char target[96];
    struct lookup *l = calloc(1, sizeof *l);
    must(l != NULL);
    l->x = x;
    TEXT_COPY(l->symbol, r->symbol);
    TEXT_COPY(l->id, r->order_id);
    l->created_ms = r->created_ms;
    x->reads.looking++;
    snprintf(target, sizeof target, "/api/v1/orders/%.40s", r->order_id);
    venue_call(x->venue, VENUE_PRIVATE, "GET", target, NULL, on_looked_up, l);
}

/* What the venue closes by itself (liquid, adl, settlement) has no order of ours: it gets one. */
static struct exec_order *liquidation(struct exec *x, struct trade *t, const struct row *r)
{
    struct exec_order *o = exec_leg_order(x, t, LEG_EXIT);
    if (o == NULL)
        return NULL;
    TEXT_COPY(o->o.order_id, r->order_id);
    snprintf(o->o.reason, sizeof o->o.reason, "LIQUIDATION %.20s", r->type);
    o->o.ord_type = ORD_MARKET;
    o->o.qty = t->pnl.qty;
    (void)books_event(o, EV_ACKED);
    log_error("position.liquidated", LOG_S("symbol", r->symbol), LOG_S("type", r->type), LOG_I("lots", r->qty),
              LOG_S("action", "booked; what is left is closed"));
    t->closing = EXIT_NONE;     /* this reason wins */
    manage_close(x, t, EXIT_LIQUIDATION, true);
    exec_keep_order(x, o);
    return o;
}

static void say_fill(struct exec *x, struct exec_order *o, const struct row *r)
{
    struct msg_order_filled m = {
        .last_px = r->px, .last_qty = r->qty, .fee = r->fee, .taker = strcmp(r->liquidity, "taker") == 0,
        .fill_ns = r->trade_ns,
    };
    TEXT_COPY(m.exec_id, r->id);
    tell_fill(x, o, &m);
}

/* What only closes may have been made smaller by the venue: until it tells what became of the order, or that it knows
 * it no more, a fill that leaves some of it open may be its last one. */
static bool may_be_cut(const struct exec_order *o, const struct row *r)
{
    int64_t cum = o->o.cum_qty + r->qty;
    return o->o.leg != LEG_ENTRY && strcmp(r->type, "trade") == 0 && order_live(o) && o->absent_ns == 0 &&
           cum < o->o.qty && o->venue_cum < cum;
}

/* False: it must wait until its contract and its order are known. */
static bool fold_row(struct exec *x, struct symbol *s, const struct row *r)
{
    uint64_t key = books_key("fill", r->id, r->order_id);
    if (books_seen(&x->books, key) && !PLANTED(fills_folded_twice))
        return true;
    if (!s->known) {
        if (!x->contracts_ok)
            read_again_soon(x);
        return x->contracts_ok; /* not listed; until the list is read it may be */
    }
    FAILPOINT(fill);
    struct trade *t = books_trade(&x->books, r->symbol);
    struct exec_order *o = books_order_by_id(&x->books, r->order_id);
    if (o == NULL && t != NULL && t->pnl.qty > 0 && strcmp(r->type, "trade") != 0)
        o = liquidation(x, t, r);
    if (PLANTED(partial_fill_ignored) && o != NULL && r->qty < o->o.qty)
        return true;
    if (o == NULL) {
        if (books_seen(&x->books, books_key("foreign", r->order_id, "")))
            return true;
        look_up(x, r);
        return false;
    }
    if (outcome_open(o))
        placed(x, o);           /* the stream named its id, its own answer was lost */
    if (may_be_cut(o, r)) {
        exec_query(x, o);
        read_again_soon(x);
        return false;
    }
    struct fill_said f = {
        .side = strcmp(r->side, "buy") == 0 ? 1 : -1, .qty = r->qty, .price = r->px, .fee = r->fee,
        .multiplier = s->terms.multiplier,
    };
    bool again = t != NULL && t->open && t->pnl.qty == 0;   /* the rest of an entry, after everything was closed */
    if (t == NULL || strcmp(t->approval_id, o->o.approval_id) != 0 || books_fill(t, o, &f) < 0) {
        log_error("fill.unexplained", LOG_S("symbol", r->symbol), LOG_S("exec_id", r->id),
                  LOG_S("cl_ord_id", o->o.cl_ord_id), LOG_S("action", "the venue's position decides"));
        (void)exec_see(x, key);
        return true;
    }
    (void)exec_see(x, key);
    s->held = (struct difference_seen){.what = DIFF_NONE};  /* was it this?  the next reads tell */
    exec_keep_order(x, o);
    say_fill(x, o, r);
    FAILPOINT(fill_folded);
    manage_filled(x, t, o, r->trade_ns);
    if (again)
        manage_close(x, t, EXIT_STOP_LOSS, true);
    fold_ended(x, o);
    return true;
}

bool fold_fills(struct exec *x, const json_t *rows)
{
    struct row r;
    int64_t newest = 0;
    bool all = true;
    for (size_t i = 0; i < x->n_symbols; i++)
        x->symbols[i].fill_waits = false;
    for (size_t i = json_array_size(rows); i-- > 0; ) {
        if (read_row(json_array_get(rows, i), &r) < 0) {
            log_warn("fill.malformed", LOG_S("action", "ignored; the venue's position decides"));
            continue;
        }
        struct symbol *s = exec_symbol(x, r.symbol);
        if (s != NULL && (s->fill_waits || !fold_row(x, s, &r)))
            s->fill_waits = true;       /* and all of it behind this one */
        all = all && (s == NULL || !s->fill_waits);
        if (all && r.created_ms * NS_PER_MS > newest)
            newest = r.created_ms * NS_PER_MS;
    }
    if (newest > x->books.fills_ns) {
        x->books.fills_ns = newest;
        exec_keep_fills(x);
    }
    return all;
}

/* ---- funding, corrections ---- */

void fold_funding(struct exec *x, const char *symbol, int64_t time_ms, dec_t paid)
{
    char id[32];
    struct trade *t = books_trade(&x->books, symbol);
    snprintf(id, sizeof id, "%lld", (long long)time_ms);
    int64_t at = time_ms * NS_PER_MS;
    if (t == NULL || t->open != 1 || at < t->p.opened_ns || (t->p.closed_ns != 0 && at > t->p.closed_ns) ||
        !exec_see(x, books_key("funding", symbol, id)))
        return;
    if (pnl_funding(&t->pnl, paid) < 0)
        t->pnl.funding = dec_add(t->pnl.funding, paid);     /* closed since */
    if (t->managed && t->pnl.qty > 0)
        (void)exits_update(&t->exits, &x->params, &t->pnl);
    trade_refresh(t);
    exec_keep_trade(x, t);
}

/* Two reads agree that the venue holds less than the books, and no fill explains it. */
void fold_correction(struct exec *x, struct symbol *s)
{
    struct trade *t = books_trade(&x->books, s->name);
    char id[64];
    if (t == NULL || t->pnl.qty == 0)
        return;
    int64_t held = s->venue_qty * t->pnl.side, missing = t->pnl.qty - (held > 0 ? held : 0);
    struct exec_order *o = missing > 0 ? exec_leg_order(x, t, LEG_EXIT) : NULL;
    if (o == NULL)
        return;
    (void)books_event(o, EV_ACKED);
    TEXT_COPY(o->o.reason, "CORRECTION");
    o->o.ord_type = ORD_MARKET;
    o->o.qty = missing;
    dec_t px = dec_sign(s->venue_px) > 0 ? s->venue_px : dec_sign(s->last) > 0 ? s->last : t->pnl.entry_px;
    struct fill_said f = {.side = -t->pnl.side, .qty = missing, .price = px, .fee = dec_zero(),
                          .multiplier = t->pnl.multiplier};
    must(books_fill(t, o, &f) == ERR_OK);
    x->corrected++;
    snprintf(id, sizeof id, "correction-%s", o->o.cl_ord_id);
    struct row r = {.id = id, .liquidity = "taker", .px = px, .qty = missing, .trade_ns = agent_market_ns(x->agent)};
    log_error("position.corrected", LOG_S("symbol", s->name), LOG_I("lots", missing),
              LOG_S("action", "the venue's position is taken over"));
    exec_keep_order(x, o);
    say_fill(x, o, &r);
    manage_filled(x, t, o, r.trade_ns);
    reads_distrust(x);
}
