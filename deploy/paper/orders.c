/* Orders from request to fill, and what fills do to positions.
 *
 * 1. An order is ORDER_STOP (in sym.stops), ORDER_OPEN (in the book, or being matched) or ORDER_DONE.
 * 2. Every change of an order, position or account marks it dirty; engine_commit() writes all of an
 *    operation's changes as one frame and then tells them.
 * 3. A resting order fills only when a taker reaches it in the queue, or when the market prints
 *    beyond its price; always at its own price.
 * 4. Resting reduce-only orders never exceed the position: they shrink and go with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/paper/engine_priv.h"
#include "libagent/core/fill.h"
#include "proto/err.h"

#define ORDERS_PER_SYMBOL 100
#define STOPS_PER_SYMBOL 50
#define SPREAD_JUMPS 500        /* prints of the market for one */

static int64_t leaves(const struct order *o) { return o->lots - o->cum_lots; }
static int64_t abs64(int64_t v) { return v < 0 ? -v : v; }
static int sign64(int64_t v) { return (v > 0) - (v < 0); }

static struct position *position_of(struct engine *e, const struct order *o)
{
    return &e->positions[o->account][o->sym];
}

static void tell_order(struct engine *e, enum order_event what, const struct order *o,
                       const struct fill *f, int64_t old_lots)
{
    struct private_event ev;
    memset(&ev, 0, sizeof ev);
    ev.kind = P_ORDER;
    ev.what = (int)what;
    ev.order = *o;
    ev.old_lots = old_lots;
    if (f) {
        ev.fill = *f;
        ev.has_fill = true;
    }
    vec_push(e->queue, ev);
}

static void tell_stop(struct engine *e, enum stop_event what, const struct order *o, bool ok,
                      const char *error)
{
    struct private_event ev;
    memset(&ev, 0, sizeof ev);
    ev.kind = P_STOP;
    ev.what = (int)what;
    ev.order = *o;
    ev.ok = ok;
    snprintf(ev.error, sizeof ev.error, "%s", error);
    vec_push(e->queue, ev);
}

static void mark_position(struct engine *e, int account, int sym, enum position_reason why)
{
    e->position_dirty[account][sym] = 1 + (int)why;
    e->wallet_dirty[account] = true;
}

static void stops_remove(struct sym *s, const struct order *o)
{
    for (size_t i = 0; i < s->n_stops; i++)
        if (s->stops[i] == o) {
            memmove(&s->stops[i], &s->stops[i + 1], (--s->n_stops - i) * sizeof(struct order *));
            return;
        }
    must(!"stop is in its list");
}

static void stops_add(struct sym *s, struct order *o)
{
    if (s->n_stops == s->cap_stops) {
        s->cap_stops = s->cap_stops ? s->cap_stops * 2 : 16;
        s->stops = realloc(s->stops, s->cap_stops * sizeof(struct order *));
        must(s->stops != NULL);
    }
    s->stops[s->n_stops++] = o;
}

/* Take out of book or stop list; not yet told. */
static void finish(struct engine *e, struct order *o, bool cancelled)
{
    o->state = ORDER_DONE;
    o->cancel_exist = cancelled;
    o->end_ns = o->updated_ns = e->server_ns;
    o->end_market_ns = e->now_ns;
    e->wallet_dirty[o->account] = true;
    engine_touch(e, o);
}

static void cancel(struct engine *e, struct order *o)
{
    struct sym *s = &e->syms[o->sym];
    must(o->state != ORDER_DONE);
    if (o->state == ORDER_STOP) {
        stops_remove(s, o);
        finish(e, o, true);
        tell_stop(e, EV_STOP_CANCEL, o, true, "");
        return;
    }
    book_remove(&s->book, o);
    book_tell(&s->book, book_side(o->side), o->px);
    finish(e, o, true);
    tell_order(e, EV_CANCELED, o, NULL, 0);
}

/* ---- fills ----------------------------------------------------------------------------------- */

static struct order *order_new(struct engine *e)
{
    struct order *o = calloc(1, sizeof *o);
    must(o != NULL);
    o->id = ORDER_ID_BASE + (int64_t)e->orders.n;
    o->created_ns = o->updated_ns = e->server_ns;
    o->market_ns = e->now_ns;
    vec_push(e->orders, o);
    engine_touch(e, o);
    return o;
}

static void attach(struct engine *e, const struct order *entry, enum stop_dir dir, int64_t px)
{
    struct order *o = order_new(e);
    o->account = entry->account;
    o->sym = entry->sym;
    o->side = (int8_t)-entry->side;
    o->type = TYPE_MARKET;
    o->tif = TIF_GTC;
    o->stop = (int8_t)dir;
    o->stop_px_type = entry->stop_px_type;
    o->stop_px = px;
    o->close_order = o->reduce_only = o->attached = true;
    o->leverage = entry->leverage;
    o->parent = entry->id;
    o->state = ORDER_STOP;
    stops_add(&e->syms[o->sym], o);
    tell_stop(e, EV_STOP_OPEN, o, true, "");
}

/* The first fill of an st-order brings its triggers, so the position is covered from its first lot. */
static void attach_triggers(struct engine *e, struct order *o)
{
    if ((o->up_px == 0 && o->down_px == 0) || sign64(position_of(e, o)->qty) != o->side)
        return;
    int64_t up = o->up_px, down = o->down_px;
    o->up_px = o->down_px = 0;
    if (up)
        attach(e, o, STOP_UP, up);
    if (down)
        attach(e, o, STOP_DOWN, down);
}

static void position_closed(struct engine *e, int account, int sym, bool liquidated)
{
    struct position *p = &e->positions[account][sym];
    const struct contract *c = e->syms[sym].c;
    struct closed_position row;
    memset(&row, 0, sizeof row);
    row.id = e->next_row++;
    row.account = account;
    row.sym = sym;
    row.liquidated = liquidated;
    row.leverage = p->leverage;
    row.lots = p->close_lots;
    row.gross = p->realised_gross;
    row.fees = p->comm;
    row.funding = p->funding;
    row.pnl = dec_add(dec_sub(p->realised_gross, p->comm), p->funding);
    dec_t size = dec_mul(dec_int(p->close_lots), c->multiplier);
    row.open_px = dec_quo(p->open_value, size);
    row.close_px = dec_quo(p->close_value, size);
    row.side = (int8_t)(p->open_lots == 0 ? SIDE_NONE : p->id > 0 ? SIDE_BUY : SIDE_SELL);
    row.open_ns = p->opened_ns;
    row.open_market_ns = p->opened_market_ns;
    row.close_ns = e->server_ns;
    row.close_market_ns = e->now_ns;
    vec_push(e->closed, row);
    engine_put(e, R_CLOSED, &row, sizeof row);
    int32_t level = p->risk_level;
    bool deposit = p->auto_deposit;
    memset(p, 0, sizeof *p);
    p->risk_level = level;
    p->auto_deposit = deposit;
}

/* Triggers that came with an entry go with its position. */
static void drop_attached(struct engine *e, int account, int sym)
{
    struct sym *s = &e->syms[sym];
    for (size_t i = s->n_stops; i-- > 0;)
        if (s->stops[i]->account == account && s->stops[i]->attached)
            cancel(e, s->stops[i]);
}

/* Invariant 4. */
static void shrink_reducing(struct engine *e, int account, int sym)
{
    const struct position *p = &e->positions[account][sym];
    struct book *b = &e->syms[sym].book;
    for (int side = 0; side < 2; side++)
        for (size_t i = b->nq[side]; i-- > 0;) {
            struct order *o = b->queue[side][i];
            if (o->account != account || !o->reduce_only || o->force_hold)
                continue;
            if (p->qty == 0 || sign64(p->qty) == o->side) {
                cancel(e, o);
            } else if (leaves(o) > abs64(p->qty)) {
                int64_t old = o->lots;
                o->lots = o->cum_lots + abs64(p->qty);
                book_tell(b, side, o->px);
                engine_touch(e, o);
                tell_order(e, EV_UPDATE, o, NULL, old);
            }
        }
}

/* Money and position of one fill that only opens or only closes. */
static void settle(struct engine *e, struct order *o, struct fill *f)
{
    struct account *a = &e->accounts[o->account];
    struct position *p = position_of(e, o);
    const struct contract *c = e->syms[o->sym].c;
    f->value = contract_value(c, f->lots, f->px);
    if (f->trade_type == TRADE_NORMAL)
        f->fee = fill_fee(f->value, f->fee_rate);
    dec_t gross = dec_zero();
    if (f->opens) {
        if (p->qty == 0) {
            p->opened_ns = e->server_ns;
            p->opened_market_ns = e->now_ns;
            p->id = o->side * e->next_row++;    /* sign: the position's side */
        }
        position_add(&e->rule, p, c, o->side, f->lots, f->px, o->leverage);
    } else {
        gross = position_reduce(p, c, f->lots, f->px);
    }
    f->gross = gross;
    p->comm = dec_add(p->comm, f->fee);
    a->fees = dec_add(a->fees, f->fee);
    a->realised = dec_add(a->realised, gross);
    f->cash = a->cash = dec_add(a->cash, dec_sub(gross, f->fee));
    o->cum_lots += f->lots;
    o->cum_value = dec_add(o->cum_value, f->value);
    o->updated_ns = e->server_ns;
    vec_push(e->fills, *f);
    engine_put(e, R_FILL, f, sizeof *f);
    engine_touch(e, o);
    tell_order(e, EV_MATCH, o, f, 0);
    mark_position(e, o->account, o->sym, f->trade_type == TRADE_LIQUID ? POS_LIQUIDATION : POS_CHANGE);
    if (p->qty == 0)
        position_closed(e, o->account, o->sym, f->trade_type == TRADE_LIQUID);
}

/* `lots` of o trade at px: a reversal is two fills of one trade. */
static void fill(struct engine *e, struct order *o, int64_t trade_id, int64_t px, int64_t lots,
                 enum liquidity liq, bool own)
{
    const struct contract *c = e->syms[o->sym].c;
    bool closes = position_of(e, o)->qty * o->side < 0;
    while (lots > 0) {
        int64_t q = position_of(e, o)->qty;
        bool opens = q * o->side >= 0;
        struct fill f;
        memset(&f, 0, sizeof f);
        f.trade_id = trade_id;
        f.order_id = o->id;
        f.account = o->account;
        f.sym = o->sym;
        f.side = o->side;
        f.liquidity = (int8_t)liq;
        f.order_type = o->type;
        f.stop = o->stop != STOP_NONE;
        f.own = own;
        f.opens = opens;
        f.px = px;
        f.lots = opens || lots < abs64(q) ? lots : abs64(q);
        bool unseen = o->hidden || o->visible;      /* those always pay as takers */
        f.fee_rate = liq == LIQ_MAKER && !unseen ? c->maker_fee : c->taker_fee;
        f.server_ns = e->server_ns;
        f.market_ns = e->now_ns;
        settle(e, o, &f);
        lots -= f.lots;
    }
    if (leaves(o) == 0) {
        finish(e, o, false);
        tell_order(e, EV_FILLED, o, NULL, 0);
    }
    if (closes && position_of(e, o)->qty * o->side >= 0)
        drop_attached(e, o->account, o->sym);
    attach_triggers(e, o);
}

/* A resting order is hit; afterwards it may be gone. */
static void fill_maker(struct engine *e, struct order *o, int64_t trade_id, int64_t lots, bool own)
{
    struct book *b = &e->syms[o->sym].book;
    bool last = lots == leaves(o);
    if (last)
        book_remove(b, o);
    fill(e, o, trade_id, o->px, lots, LIQ_MAKER, own);
    shrink_reducing(e, o->account, o->sym);
}

/* Ticks by which the makers of the side just taken from step back until the next print: mostly 0, some 200 times
 * a day to a spread of 2 to 4 bp, as recorded ones jump for moments. */
static int64_t step_back(const struct engine *e, int sym, int64_t px)
{
    struct rng r = rng_for(e->market.seed, 0x200u + (unsigned)sym, (uint64_t)e->now_ns);
    int64_t spread = rng_next(&r) % SPREAD_JUMPS ? 1 : (int64_t)((double)px * (2 + 2 * rng_unit(&r)) * 1e-4);
    return spread > 1 ? spread - 1 : 0;
}

void orders_market(struct engine *e, int sym, int64_t px, int64_t lots)
{
    struct book *b = &e->syms[sym].book;
    struct level bid = {0, 0}, ask = {INT64_MAX, 0};
    book_best(b, 0, &bid);
    book_best(b, 1, &ask);
    bool buys = px >= ask.px || (px > bid.px && px % 2 == 0);
    int taker = buys ? SIDE_BUY : SIDE_SELL, passive = buys ? 1 : 0;

    /* The market went through these. */
    while (b->nq[passive] > 0) {
        struct order *o = b->queue[passive][0];
        if ((px - o->px) * taker <= 0)
            break;
        int64_t at = o->px, n = leaves(o), id = e->next_trade++;
        engine_print(e, sym, id, taker, at, n, o->id, 0, true);
        fill_maker(e, o, id, n, true);
        book_tell(b, passive, at);
    }
    int64_t left = lots, background = 0;
    while (left > 0) {
        struct order *o;
        int64_t n = book_take(b, passive, px, left, &o);
        if (n == 0)
            break;
        left -= n;
        if (!o) {
            background += n;
            continue;
        }
        int64_t id = e->next_trade++;
        engine_print(e, sym, id, taker, px, n, o->id, 0, false);
        fill_maker(e, o, id, n, false);
    }
    if (background + left > 0)
        engine_print(e, sym, e->next_trade++, taker, px, background + left, 0, 0, false);
    book_tell(b, passive, px);
    int64_t gap = step_back(e, sym, px);
    if (buys)
        book_move(b, px - 1, px + gap);
    else
        book_move(b, px - gap, px + 1);
    book_refill(b, passive);
}

/* ---- placing --------------------------------------------------------------------------------- */

static int refuse(char *msg, int code, const char *text)
{
    snprintf(msg, ENGINE_MSG_MAX, "%s", text);
    return code;
}

static bool oid_ok(const char *s)
{
    size_t n = s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") : 0;
    return n > 0 && n <= OID_MAX && s[n] == '\0';
}

static bool oid_used(const struct engine *e, int account, const char *oid)
{
    const struct order *o = engine_order_by_oid(e, account, oid);   /* the newest: older ones are done */
    return o && (e->oid_ever || o->state != ORDER_DONE);
}

static int ticks_of(const struct contract *c, dec_t px, const char *what, int64_t *ret, char *msg)
{
    if (dec_sign(px) <= 0 || dec_gt(px, c->max_price) || !dec_is_multiple(px, c->tick) ||
        dec_to_int(dec_quo(px, c->tick), ret) != ERR_OK)
        return refuse(msg, 300000, what);
    return 0;
}

/* size, qty or valueQty to lots. */
static int lots_of(const struct engine *e, int sym, const struct order_req *r, int64_t px,
                   int64_t *ret, char *msg)
{
    const struct contract *c = e->syms[sym].c;
    int given = (r->lots != 0) + !dec_is_zero(r->qty) + !dec_is_zero(r->value);
    if (given == 0 && r->close_order) {
        *ret = 0;
        return 0;
    }
    if (given != 1)
        return refuse(msg, given ? 100001 : 300000, given ? "Only one of size, qty and valueQty."
                                                          : "Order size invalid.");
    int64_t lots = r->lots;
    if (!dec_is_zero(r->qty) && (!dec_is_multiple(r->qty, c->multiplier) ||
                                 dec_to_int(dec_quo(r->qty, c->multiplier), &lots) != ERR_OK))
        return refuse(msg, 300000, "Order size invalid.");
    if (!dec_is_zero(r->value)) {
        dec_t at = px ? contract_px(c, px) : engine_mark_px(&e->syms[sym]);
        dec_t n = dec_round_places(dec_quo(r->value, dec_mul(at, c->multiplier)), 0, DEC_FLOOR);
        if (dec_to_int(n, &lots) != ERR_OK)
            lots = 0;
    }
    if (lots <= 0 || lots > c->max_qty)
        return refuse(msg, 300000, "Order size invalid.");
    *ret = lots;
    return 0;
}

/* Hidden and iceberg orders; both mean iceberg. */
static int check_unseen(const struct order_req *r, int64_t lots, char *msg)
{
    if (!r->hidden && !r->iceberg)
        return 0;
    if (r->type == TYPE_MARKET)
        return refuse(msg, 100001, "hidden and iceberg are for limit orders only.");
    if (r->post_only)
        return refuse(msg, 100001, "postOnly cannot go with hidden or iceberg.");
    if (r->iceberg && (r->visible <= 0 || r->visible > lots || r->visible < (lots + 19) / 20))
        return refuse(msg, 100001, "visibleSize must be from a twentieth of the size to the size.");
    return 0;
}

static int check_band(const struct engine *e, const struct order *o, char *msg)
{
    int64_t buy, sell;
    char text[DEC_TEXT_MAX];
    const struct contract *c = e->syms[o->sym].c;
    engine_band(e, o->sym, &buy, &sell);
    if (o->type != TYPE_LIMIT || o->side == SIDE_NONE || (o->side > 0 ? o->px <= buy : o->px >= sell))
        return 0;
    snprintf(msg, ENGINE_MSG_MAX, "Order price cannot be %s than %s",
             o->side > 0 ? "higher" : "lower",
             dec_format(contract_px(c, o->side > 0 ? buy : sell), text));
    return o->side > 0 ? 300011 : 300012;
}

/* What the request says, checked by itself, into *o. */
static int parse_req(struct engine *e, const struct order_req *r, struct order *o, char *msg)
{
    int sym = r->symbol ? contract_find(r->symbol) : -1, code;
    if (sym < 0 || !e->syms[sym].listed)
        return refuse(msg, 100003, "Contract parameter invalid.");
    const struct contract *c = e->syms[sym].c;
    o->sym = sym;
    o->side = (int8_t)r->side;
    o->type = (int8_t)r->type;
    o->stop = (int8_t)r->stop;
    if (e->syms[sym].status != CONTRACT_OPEN)
        return refuse(msg, 300002, "The contract is not tradable at the moment.");
    if (!oid_ok(r->cl_ord_id))
        return refuse(msg, 100001, "clientOid invalid.");
    if (r->remark && strlen(r->remark) > REMARK_MAX)
        return refuse(msg, 100001, "remark too long.");
    if (oid_used(e, r->account, r->cl_ord_id))
        return refuse(msg, 300018, "clientOid parameter repeated");
    if (r->side == SIDE_NONE && !r->close_order)
        return refuse(msg, 100001, "side is required.");
    if (r->leverage <= 0 && !r->close_order && !r->reduce_only)
        return refuse(msg, 100001, "leverage is required.");
    if (r->type == TYPE_LIMIT && (code = ticks_of(c, r->price, "Order price invalid.", &o->px, msg)))
        return code;
    if (r->stop != STOP_NONE &&
        (code = ticks_of(c, r->stop_px, "Stop price invalid.", &o->stop_px, msg)))
        return code;
    if (!dec_is_zero(r->up_px) &&
        (code = ticks_of(c, r->up_px, "Stop price invalid.", &o->up_px, msg)))
        return code;
    if (!dec_is_zero(r->down_px) &&
        (code = ticks_of(c, r->down_px, "Stop price invalid.", &o->down_px, msg)))
        return code;
    if ((code = lots_of(e, sym, r, o->px, &o->lots, msg)))
        return code;
    if ((code = check_unseen(r, o->lots, msg)) || (o->stop == STOP_NONE && (code = check_band(e, o, msg))))
        return code;
    if (r->leverage > c->max_leverage) {
        snprintf(msg, ENGINE_MSG_MAX, "The leverage cannot be greater than %d.", c->max_leverage);
        return 300016;
    }
    if (r->cross)
        return refuse(msg, 330005, "The order's margin mode does not match the selected one.");
    o->account = r->account;
    o->tif = (int8_t)r->tif;
    o->stp = (int8_t)r->stp;
    o->stop_px_type = (int8_t)r->stop_px_type;
    o->reduce_only = r->reduce_only || r->close_order;
    o->close_order = r->close_order;
    o->post_only = r->post_only && r->tif == TIF_GTC && r->type == TYPE_LIMIT;
    o->hidden = r->hidden && !r->iceberg;
    o->visible = r->iceberg ? r->visible : 0;
    o->force_hold = r->force_hold;
    o->leverage = r->leverage > 0 ? r->leverage : 1;
    snprintf(o->cl_ord_id, sizeof o->cl_ord_id, "%s", r->cl_ord_id);
    snprintf(o->remark, sizeof o->remark, "%s", r->remark ? r->remark : "");
    return 0;
}

static bool within(const struct order *o, int64_t px)
{
    return o->type == TYPE_MARKET || (o->px - px) * o->side >= 0;
}

/* Lots to be had at once within the limit (up to the order's), and the worst price among them. */
static int64_t reachable(const struct engine *e, const struct order *o, int64_t *ret_worst)
{
    return book_reach(&e->syms[o->sym].book, 1 - book_side(o->side), o->type == TYPE_LIMIT ? o->px : 0,
                      leaves(o), o->stp == STP_NONE ? -1 : o->account, o->stp != STP_CO, ret_worst);
}

static int check_count(const struct engine *e, const struct order *o, char *msg)
{
    const struct sym *s = &e->syms[o->sym];
    size_t n = 0;
    if (o->stop != STOP_NONE && o->state == ORDER_STOP) {
        for (size_t i = 0; i < s->n_stops; i++)
            n += s->stops[i]->account == o->account;
        return n < STOPS_PER_SYMBOL ? 0 : refuse(msg, 300004, "Too many stop orders.");
    }
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < s->book.nq[side]; i++)
            n += s->book.queue[side][i]->account == o->account;
    return n < ORDERS_PER_SYMBOL ? 0 : refuse(msg, 300001, "Too many active orders.");
}

/* Lots that would open when an order of this many executes on the present position. */
static int64_t opening(const struct position *p, const struct order *o, int64_t lots)
{
    int64_t against = p->qty * o->side < 0 ? abs64(p->qty) : 0;
    return o->reduce_only || lots <= against ? 0 : lots - against;
}

static int check_funds(struct engine *e, const struct order *o, int64_t worst, char *msg)
{
    const struct contract *c = e->syms[o->sym].c;
    const struct position *p = &e->positions[o->account][o->sym];
    int64_t px = o->type == TYPE_LIMIT ? o->px : worst, lots = opening(p, o, o->lots);
    if (lots == 0)
        return 0;
    struct wallet w;
    char text[DEC_TEXT_MAX];
    engine_wallet(e, o->account, &w);
    dec_t cost = margin_order(&e->rule, c, lots, px, o->leverage);
    if (dec_gt(cost, w.available)) {
        snprintf(msg, ENGINE_MSG_MAX, "Balance insufficient. The order would cost %s.",
                 dec_format(cost, text));
        return 300003;
    }
    dec_t value = dec_add(contract_value(c, lots, px),
                          p->qty * o->side > 0 ? dec_abs(p->cost) : dec_zero());
    const struct tier *t = contract_tier(c, value, p->risk_level);
    if (dec_gt(value, dec_int(t->max_risk)) || o->leverage > t->max_leverage)
        return refuse(msg, 300005, "Risk limit exceeded.");
    return 0;
}

/* A closing order at a price that the position does not live to see. */
static int check_closing(struct engine *e, const struct order *o, char *msg)
{
    const struct position *p = &e->positions[o->account][o->sym];
    struct position_view v;
    if (o->type != TYPE_LIMIT || p->qty * o->side >= 0)
        return 0;
    engine_position(e, o->account, o->sym, &v);
    dec_t px = contract_px(e->syms[o->sym].c, o->px);
    return (o->side < 0 ? dec_lt(px, v.liquidation) : dec_gt(px, v.liquidation))
               ? refuse(msg, 300007, "The price is worse than the liquidation price.") : 0;
}

/* Everything that depends on book, position and account; sets side and lots of closing orders. */
static int admit(struct engine *e, struct order *o, char *msg)
{
    const struct position *p = &e->positions[o->account][o->sym];
    int code = check_count(e, o, msg);
    if (code)
        return code;
    if (o->reduce_only) {
        if (o->side == SIDE_NONE)
            o->side = (int8_t)-sign64(p->qty);
        if (p->qty == 0 || sign64(p->qty) == o->side)
            return refuse(msg, 300009, "No open positions to close.");
        if (o->close_order || o->lots > abs64(p->qty))
            o->lots = abs64(p->qty);
    }
    if ((code = check_band(e, o, msg)) || (code = check_closing(e, o, msg)))
        return code;
    int64_t worst;
    if (reachable(e, o, &worst) == 0 && o->type == TYPE_MARKET)
        return refuse(msg, 300008, "No opposite orders.");
    return check_funds(e, o, worst, msg);
}

/* A would-be trade of an account with itself: true when o may go on at this price. */
static bool self_trade(struct engine *e, struct order *o, struct order *maker)
{
    if (maker->account != o->account || o->stp == STP_NONE)
        return false;
    if (o->stp != STP_CN)
        cancel(e, maker);
    return true;
}

/* Takes what is within the limit; true when the order must not rest (self-trade prevention). */
static bool match(struct engine *e, struct order *o)
{
    struct book *b = &e->syms[o->sym].book;
    int other = 1 - book_side(o->side);
    struct level l;
    while (leaves(o) > 0 && book_best(b, other, &l) && within(o, l.px)) {
        struct order *maker;
        int64_t n = book_take(b, other, l.px, leaves(o), &maker);
        must(n > 0);
        if (maker && self_trade(e, o, maker)) {
            if (o->stp != STP_CO)
                return true;
            continue;
        }
        int64_t id = e->next_trade++;
        engine_print(e, o->sym, id, o->side, l.px, n, maker ? maker->id : 0, o->id, true);
        fill(e, o, id, l.px, n, LIQ_TAKER, true);
        if (maker)
            fill_maker(e, maker, id, n, false);
        book_tell(b, other, l.px);
    }
    return false;
}

static void run(struct engine *e, struct order *o)
{
    struct book *b = &e->syms[o->sym].book;
    int64_t worst, there = reachable(e, o, &worst);
    bool cancel_rest = (o->post_only && there > 0) || (o->tif == TIF_FOK && there < o->lots);
    o->state = ORDER_OPEN;
    engine_touch(e, o);
    if (!cancel_rest)
        cancel_rest = match(e, o);
    if (o->state == ORDER_OPEN && leaves(o) > 0) {
        if (cancel_rest || o->type == TYPE_MARKET || o->tif != TIF_GTC) {
            finish(e, o, true);
            tell_order(e, EV_CANCELED, o, NULL, 0);
        } else {
            book_add(b, o, false);
            e->wallet_dirty[o->account] = true;
            tell_order(e, EV_OPEN, o, NULL, 0);
        }
    }
    shrink_reducing(e, o->account, o->sym);
    engine_top(e, o->sym);
}

int engine_place(struct engine *e, const struct order_req *r, bool test, int64_t *ret_id,
                 char msg[ENGINE_MSG_MAX])
{
    struct order draft;
    memset(&draft, 0, sizeof draft);
    must(r->account >= 0 && r->account < e->n_accounts);
    int code = parse_req(e, r, &draft, msg);
    if (code)
        return code;
    draft.state = draft.stop != STOP_NONE ? ORDER_STOP : ORDER_OPEN;
    if (draft.state == ORDER_STOP) {
        const struct position *p = &e->positions[draft.account][draft.sym];
        if ((code = check_count(e, &draft, msg)))
            return code;
        if (draft.side == SIDE_NONE)
            draft.side = (int8_t)-sign64(p->qty);
        if (draft.side == SIDE_NONE)
            return refuse(msg, 300009, "No open positions to close.");
    } else if ((code = admit(e, &draft, msg))) {
        return code;
    }
    if (test) {
        *ret_id = ORDER_ID_BASE + (int64_t)e->orders.n;
        return 0;
    }
    struct order *o = order_new(e);
    draft.id = o->id;
    draft.created_ns = o->created_ns;
    draft.updated_ns = o->updated_ns;
    draft.market_ns = o->market_ns;
    *o = draft;
    engine_index_oid(e, o);
    *ret_id = o->id;
    if (o->state == ORDER_STOP) {
        stops_add(&e->syms[o->sym], o);
        tell_stop(e, EV_STOP_OPEN, o, true, "");
    } else {
        run(e, o);
    }
    orders_stops(e, o->sym);
    engine_commit(e);
    return 0;
}

int engine_cancel(struct engine *e, int account, int64_t id, char msg[ENGINE_MSG_MAX])
{
    int64_t i = id - ORDER_ID_BASE;
    if (i < 0 || i >= (int64_t)e->orders.n || e->orders.at[i]->account != account ||
        e->orders.at[i]->state == ORDER_DONE)
        return refuse(msg, 100004, "The order cannot be canceled.");
    cancel(e, e->orders.at[i]);
    engine_top(e, e->orders.at[i]->sym);
    engine_commit(e);
    return 0;
}

size_t engine_cancel_all(struct engine *e, int account, int sym, bool stops, int64_t *ret_ids,
                         size_t max)
{
    size_t n = 0;
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        struct sym *s = &e->syms[k];
        if (!s->listed || (sym >= 0 && sym != k))
            continue;
        for (int side = 0; side < (stops ? 1 : 2); side++)
            for (size_t i = stops ? s->n_stops : s->book.nq[side]; i-- > 0;) {
                struct order *o = stops ? s->stops[i] : s->book.queue[side][i];
                if (o->account != account)
                    continue;
                cancel(e, o);
                if (n < max)
                    ret_ids[n] = o->id;
                n++;
            }
        engine_top(e, k);
    }
    engine_commit(e);
    return n;
}

/* ---- what time does to orders and positions ---------------------------------------------------- */

static bool stop_due(const struct sym *s, const struct order *o)
{
    dec_t at = contract_px(s->c, o->stop_px), now;
    if (o->stop_px_type == STOP_TP) {
        if (s->last_px == 0)
            return false;
        return o->stop == STOP_UP ? s->last_px >= o->stop_px : s->last_px <= o->stop_px;
    }
    if (s->mark_u == 0)
        return false;
    now = dec_mul(dec_int(o->stop_px_type == STOP_MP ? s->mark_u : s->index_u), s->c->index_tick);
    return o->stop == STOP_UP ? dec_ge(now, at) : dec_le(now, at);
}

static void trigger(struct engine *e, struct order *o)
{
    char msg[ENGINE_MSG_MAX] = "";
    stops_remove(&e->syms[o->sym], o);
    o->stop_triggered = true;
    o->state = ORDER_OPEN;
    int code = admit(e, o, msg);
    tell_stop(e, EV_STOP_TRIGGERED, o, code == 0, msg);
    if (code == 0)
        run(e, o);
    else
        finish(e, o, true);
}

void orders_stops(struct engine *e, int sym)
{
    struct sym *s = &e->syms[sym];
    for (size_t i = 0; i < s->n_stops;) {
        if (s->status == CONTRACT_OPEN && stop_due(s, s->stops[i])) {
            trigger(e, s->stops[i]);    /* may trigger, add and drop others: look again */
            i = 0;
        } else {
            i++;
        }
    }
}

/* The insurance fund takes the position over at its bankruptcy price, rounded so that the account
 * loses no more than the margin. */
static void liquidate(struct engine *e, int account, int sym)
{
    struct sym *s = &e->syms[sym];
    struct position *p = &e->positions[account][sym];
    for (int side = 0; side < 2; side++)
        for (size_t i = s->book.nq[side]; i-- > 0;)
            if (s->book.queue[side][i]->account == account)
                cancel(e, s->book.queue[side][i]);
    struct position_view v;
    engine_position(e, account, sym, &v);
    int64_t px;
    dec_t at = dec_round_to(v.bankrupt, s->c->tick, p->qty > 0 ? DEC_CEIL : DEC_FLOOR);
    must(dec_to_int(dec_quo(at, s->c->tick), &px) == ERR_OK);
    struct order *o = order_new(e);
    o->account = account;
    o->sym = sym;
    o->side = (int8_t)-sign64(p->qty);
    o->type = TYPE_MARKET;
    o->tif = TIF_IOC;
    o->close_order = o->reduce_only = true;
    o->leverage = p->leverage;
    o->lots = abs64(p->qty);
    struct fill f;
    memset(&f, 0, sizeof f);
    f.trade_id = e->next_trade++;
    f.order_id = o->id;
    f.account = account;
    f.sym = sym;
    f.side = o->side;
    f.trade_type = TRADE_LIQUID;
    f.order_type = TYPE_MARKET;
    f.px = px;
    f.lots = o->lots;
    f.fee_rate = f.fee = dec_zero();
    f.server_ns = e->server_ns;
    f.market_ns = e->now_ns;
    settle(e, o, &f);
    finish(e, o, false);
    tell_order(e, EV_FILLED, o, NULL, 0);
    drop_attached(e, account, sym);
}

void orders_liquidate(struct engine *e, int sym)
{
    struct sym *s = &e->syms[sym];
    for (int a = 0; a < e->n_accounts; a++)
        if (e->positions[a][sym].qty != 0 &&
            position_liquidates(&e->rule, &e->positions[a][sym], s->c, engine_mark_px(s),
                                engine_running_rate(e, sym)))
            liquidate(e, a, sym);
}

void orders_fund(struct engine *e, int sym, dec_t rate, int64_t t_ns)
{
    struct sym *s = &e->syms[sym];
    dec_t mark = engine_mark_px(s);
    for (int a = 0; a < e->n_accounts; a++) {
        struct position *p = &e->positions[a][sym];
        if (p->qty == 0)
            continue;
        struct private_event ev;
        memset(&ev, 0, sizeof ev);
        struct funding_row *r = &ev.row;
        r->id = e->next_row++;
        r->account = a;
        r->sym = sym;
        r->qty = p->qty;
        r->rate = rate;
        r->mark = mark;
        r->cost = formula_value(p->qty, s->c->multiplier, mark);
        r->amount = dec_neg(fill_funding(sign64(p->qty), abs64(p->qty), s->c->multiplier, mark, rate));
        r->market_ns = t_ns;
        r->server_ns = e->server_ns;
        r->cash = e->accounts[a].cash = dec_add(e->accounts[a].cash, r->amount);
        e->accounts[a].funding = dec_add(e->accounts[a].funding, r->amount);
        p->funding = dec_add(p->funding, r->amount);
        if (dec_sign(r->amount) < 0)    /* paid out of the position's margin */
            p->loss = dec_sub(p->loss, r->amount);
        vec_push(e->funding, *r);
        engine_put(e, R_FUNDING, r, sizeof *r);
        ev.kind = P_SETTLEMENT;
        vec_push(e->queue, ev);
        mark_position(e, a, sym, POS_FUNDING);
    }
}

void orders_restore(struct engine *e)
{
    for (size_t i = 0; i < e->orders.n; i++) {
        struct order *o = e->orders.at[i];
        struct sym *s = &e->syms[o->sym];
        if (o->state == ORDER_STOP)
            stops_add(s, o);
        if (o->state == ORDER_OPEN)
            book_add(&s->book, o, true);
    }
}

/* ---- accounts -------------------------------------------------------------------------------- */

void engine_wallet(const struct engine *e, int account, struct wallet *ret)
{
    struct wallet w;
    memset(&w, 0, sizeof w);
    w.cash = e->accounts[account].cash;
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        const struct sym *s = &e->syms[k];
        const struct position *p = &e->positions[account][k];
        if (!s->listed)
            continue;
        if (p->qty != 0) {
            dec_t value = formula_value(p->qty, s->c->multiplier, engine_mark_px(s));
            w.position_margin = dec_add(w.position_margin, position_margin(p));
            w.upnl = dec_add(w.upnl, dec_sub(value, p->cost));
        }
        for (int side = 0; side < 2; side++)
            for (size_t i = 0; i < s->book.nq[side]; i++) {
                const struct order *o = s->book.queue[side][i];
                if (o->account == account)
                    w.order_margin = dec_add(
                        w.order_margin,
                        margin_order(&e->rule, s->c, opening(p, o, leaves(o)), o->px, o->leverage));
            }
    }
    wallet_sum(&w);
    *ret = w;
}

int engine_add_margin(struct engine *e, int account, int sym, dec_t amount, char msg[ENGINE_MSG_MAX])
{
    struct position *p = &e->positions[account][sym];
    struct wallet w;
    if (p->qty == 0)
        return refuse(msg, 300009, "Position does not exist");
    engine_wallet(e, account, &w);
    struct position_view v;
    engine_position(e, account, sym, &v);
    if (dec_sign(amount) > 0 ? dec_gt(amount, w.available) : dec_gt(dec_neg(amount), v.max_withdraw))
        return refuse(msg, 300003, "Balance insufficient.");
    p->cross = dec_add(p->cross, amount);
    mark_position(e, account, sym, POS_MARGIN);
    engine_commit(e);
    return 0;
}

int engine_set_risk_level(struct engine *e, int account, int sym, int level, char msg[ENGINE_MSG_MAX])
{
    struct position *p = &e->positions[account][sym];
    const struct contract *c = e->syms[sym].c;
    if (level < 1 || level > c->n_tiers)
        return refuse(msg, 100001, "level does not exist for this contract");
    const struct tier *t = &c->tiers[level - 1];
    if (dec_gt(dec_abs(p->cost), dec_int(t->max_risk)))
        return refuse(msg, 300005, "Risk limit exceeded.");
    if (p->leverage > t->max_leverage) {
        snprintf(msg, ENGINE_MSG_MAX, "The leverage cannot be greater than %d.", t->max_leverage);
        return 300016;
    }
    p->risk_level = level;
    mark_position(e, account, sym, POS_CHANGE);
    (void)engine_cancel_all(e, account, sym, false, NULL, 0);
    return 0;
}

void engine_set_auto_deposit(struct engine *e, int account, int sym, bool on)
{
    e->positions[account][sym].auto_deposit = on;
    mark_position(e, account, sym, POS_AUTO_DEPOSIT);
    engine_commit(e);
}

void engine_max_open(const struct engine *e, int account, int sym, int64_t px, int leverage,
                     int64_t *ret_buy, int64_t *ret_sell)
{
    const struct contract *c = e->syms[sym].c;
    const struct position *p = &e->positions[account][sym];
    struct wallet w;
    int64_t lots = 0;
    engine_wallet(e, account, &w);
    if (px > 0 && leverage > 0 && dec_sign(w.available) > 0) {
        dec_t one = margin_order(&e->rule, c, 1, px, leverage);
        if (dec_to_int(dec_round_places(dec_quo(w.available, one), 0, DEC_FLOOR), &lots) != ERR_OK ||
            lots > c->max_qty)
            lots = c->max_qty;
    }
    *ret_buy = lots + (p->qty < 0 ? -p->qty : 0);
    *ret_sell = lots + (p->qty > 0 ? p->qty : 0);
}
