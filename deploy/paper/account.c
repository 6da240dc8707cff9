#include "deploy/paper/account.h"

#include <string.h>

#include "libagent/core/fill.h"
#include "proto/err.h"

#define PLACES 12

static int64_t lots_of(int64_t qty) { return qty < 0 ? -qty : qty; }
static int side_of(const struct position *p) { return p->qty > 0 ? SIDE_BUY : SIDE_SELL; }

/* Base units, signed as lots are. */
static dec_t size_of(int64_t lots, const struct contract *c)
{
    return dec_mul(dec_int(lots), c->multiplier);
}

dec_t margin_rate(int leverage)
{
    return dec_round_places(dec_quo(dec_int(1), dec_int(leverage)), 10, DEC_CEIL);
}

dec_t margin_order(const struct margin_rule *r, const struct contract *c, int64_t lots, int64_t px,
                   int leverage)
{
    dec_t initial = margin_rate(leverage), fee = c->taker_fee;
    if (r->before_2025)         /* opening, and closing at the bankruptcy price */
        fee = dec_mul(fee, dec_add(dec_int(2), initial));
    return dec_mul(contract_value(c, lots, px), dec_add(initial, fee));
}

dec_t position_margin(const struct position *p)
{
    return dec_add(dec_sub(dec_add(p->init, p->cross), p->loss), p->reserved);
}

void position_add(const struct margin_rule *r, struct position *p, const struct contract *c, int side,
                  int64_t lots, int64_t px, int leverage)
{
    dec_t value = contract_value(c, lots, px);
    must(lots > 0 && p->qty * side >= 0);
    p->qty += side * lots;
    p->cost = side > 0 ? dec_add(p->cost, value) : dec_sub(p->cost, value);
    struct fill_margin_old m = {.entry = contract_px(c, px), .n = size_of(lots, c)};
    fill_margin_old_init(&m, margin_rate(leverage), c->taker_fee);
    p->init = dec_add(p->init, m.pos_init);
    if (r->before_2025)
        p->reserved = dec_add(p->reserved, m.pos_comm);
    p->leverage = leverage;
    p->open_lots += lots;
    p->open_value = dec_add(p->open_value, value);
    if (lots_of(p->qty) > p->max_lots)
        p->max_lots = lots_of(p->qty);
}

/* Split off lots/of of *from. */
static dec_t take_share(dec_t *from, int64_t lots, int64_t of)
{
    dec_t part = lots == of ? *from
                            : dec_round_places(dec_quo(dec_mul(*from, dec_int(lots)), dec_int(of)),
                                               PLACES, DEC_HALF_EVEN);
    *from = dec_sub(*from, part);
    return part;
}

dec_t position_reduce(struct position *p, const struct contract *c, int64_t lots, int64_t px)
{
    int64_t of = lots_of(p->qty);
    must(lots > 0 && lots <= of);
    dec_t value = contract_value(c, lots, px);
    dec_t cost = take_share(&p->cost, lots, of);
    dec_t gross = dec_sub(p->qty > 0 ? value : dec_neg(value), cost);
    take_share(&p->init, lots, of);
    take_share(&p->cross, lots, of);
    take_share(&p->loss, lots, of);
    take_share(&p->reserved, lots, of);
    p->qty += p->qty > 0 ? -lots : lots;
    p->realised_gross = dec_add(p->realised_gross, gross);
    p->close_lots += lots;
    p->close_value = dec_add(p->close_value, value);
    return gross;
}

static struct fill_margin_old margin_before_2025(const struct position *p, const struct contract *c,
                                                 dec_t maint_rate, dec_t funding)
{
    struct fill_margin_old m = {
        .side = side_of(p),
        .entry = dec_quo(p->cost, size_of(p->qty, c)),
        .n = size_of(lots_of(p->qty), c),
        .pos_init = p->init, .pos_cross = p->cross, .pos_loss = p->loss, .pos_comm = p->reserved,
        .mmr = maint_rate,
        .funding = p->qty > 0 ? funding : dec_neg(funding),
    };
    must(fill_margin_old_calc(&m) == ERR_OK);
    return m;
}

/* Maintenance, liquidation and bankruptcy of an open position. */
static void limits(const struct margin_rule *r, const struct position *p, const struct contract *c,
                   dec_t funding, struct position_view *v)
{
    dec_t n = size_of(lots_of(p->qty), c);
    if (r->before_2025) {
        struct fill_margin_old m = margin_before_2025(p, c, v->maint_rate, funding);
        v->maint = m.pos_maint;
        v->liquidation = dec_max(m.liquidation, dec_zero());
        v->bankrupt = dec_max(m.bankrupt, dec_zero());
        return;
    }
    v->maint = dec_mul(dec_abs(v->value), dec_add(v->maint_rate, r->liquidation_fee));
    must(fill_bankruptcy(side_of(p), v->entry, n, v->margin, &v->bankrupt) == ERR_OK);
    must(fill_liquidation(side_of(p), v->entry, n, v->margin, v->maint_rate, r->liquidation_fee,
                          &v->liquidation) == ERR_OK);
}

void position_show(const struct margin_rule *r, const struct position *p, const struct contract *c, dec_t mark,
                   dec_t funding, struct position_view *ret)
{
    struct position_view v;
    memset(&v, 0, sizeof v);
    v.qty = p->qty;
    v.mark = mark;
    v.comm = p->comm;
    v.funding = p->funding;
    v.realised_gross = p->realised_gross;
    v.leverage = p->leverage;
    v.id = p->id < 0 ? -p->id : p->id;
    v.opened_ns = p->opened_ns;
    v.auto_deposit = p->auto_deposit;
    dec_t size = size_of(p->qty, c);
    v.cost = p->cost;
    v.value = dec_mul(size, mark);
    v.upnl = dec_sub(v.value, v.cost);
    v.init = p->init;
    v.cross = p->cross;
    v.loss = p->loss;
    v.reserved = p->reserved;
    v.margin = position_margin(p);
    const struct tier *t = contract_tier(c, dec_abs(v.value), p->risk_level);
    v.maint_rate = t->maintain;
    v.risk_limit = t->max_risk;
    v.risk_level = t->level;
    dec_t spare = dec_sub(dec_add(v.cross, dec_min(v.upnl, dec_zero())), v.loss);
    v.max_withdraw = dec_max(dec_zero(), spare);
    if (p->qty != 0) {
        v.entry = dec_quo(v.cost, size);
        limits(r, p, c, funding, &v);
        dec_t equity = dec_add(dec_sub(v.margin, v.reserved), v.upnl);
        if (dec_sign(equity) > 0)
            v.real_leverage = dec_quo(dec_abs(v.value), equity);
    }
    *ret = v;
}

bool position_liquidates(const struct margin_rule *r, const struct position *p, const struct contract *c,
                         dec_t mark, dec_t funding)
{
    dec_t size = size_of(p->qty, c), n = dec_abs(size);
    dec_t maint_rate = contract_tier(c, dec_mul(n, mark), p->risk_level)->maintain;
    if (!r->before_2025)
        return fill_liquidated(side_of(p), dec_quo(p->cost, size), n, position_margin(p), maint_rate,
                               r->liquidation_fee, mark);
    dec_t at = margin_before_2025(p, c, maint_rate, funding).liquidation;
    return p->qty > 0 ? dec_le(mark, at) : dec_ge(mark, at);
}

void wallet_sum(struct wallet *w)
{
    w->available = dec_sub(dec_sub(w->cash, w->position_margin), w->order_margin);
    w->equity = dec_add(w->cash, w->upnl);
}
