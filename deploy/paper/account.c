#include "deploy/paper/account.h"

#include <string.h>

#include "proto/err.h"

#define PLACES 12

static int64_t lots_of(int64_t qty) { return qty < 0 ? -qty : qty; }

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
    p->init = dec_add(p->init, dec_mul(value, margin_rate(leverage)));
    if (r->before_2025)
        p->reserved = dec_add(p->reserved, dec_mul(dec_mul(value, c->taker_fee),
                                                   dec_add(dec_int(1), margin_rate(leverage))));
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

/* The maintenance margin at this mark. */
static dec_t maintenance(const struct margin_rule *r, const struct position *p, const struct contract *c,
                         dec_t value, dec_t funding)
{
    dec_t rate = contract_tier(c, dec_abs(value), p->risk_level)->maintain;
    if (!r->before_2025)
        return dec_mul(dec_abs(value), dec_add(rate, r->liquidation_fee));
    dec_t pays = dec_max(dec_zero(), p->qty > 0 ? funding : dec_neg(funding));
    return dec_add(dec_mul(dec_abs(p->cost), dec_add(rate, pays)), p->reserved);
}

/* E - s W / n, and where equity meets maintenance: (E n - s W) / (n (1 - s rate)), before 2025
 * E - s (margin - maintenance) / n. */
static void liquidation(const struct margin_rule *r, const struct position *p, const struct contract *c,
                        struct position_view *v)
{
    dec_t n = dec_mul(dec_int(lots_of(p->qty)), c->multiplier), side = dec_int(p->qty > 0 ? 1 : -1);
    dec_t own = dec_sub(v->margin, v->reserved);
    dec_t left = dec_sub(dec_mul(v->entry, n), dec_mul(side, own));
    dec_t rate = dec_add(v->maint_rate, r->liquidation_fee);
    v->bankrupt = dec_max(dec_zero(), dec_quo(left, n));
    dec_t at = r->before_2025
                   ? dec_sub(v->entry, dec_quo(dec_mul(side, dec_sub(v->margin, v->maint)), n))
                   : dec_quo(left, dec_mul(n, dec_sub(dec_int(1), dec_mul(side, rate))));
    v->liquidation = dec_max(dec_zero(), at);
    dec_t equity = dec_add(own, v->upnl);
    if (dec_sign(equity) > 0)
        v->real_leverage = dec_quo(dec_abs(v->value), equity);
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
    dec_t size = dec_mul(dec_int(p->qty), c->multiplier);
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
    v.maint = maintenance(r, p, c, v.value, funding);
    dec_t spare = dec_sub(dec_add(v.cross, dec_min(v.upnl, dec_zero())), v.loss);
    v.max_withdraw = dec_max(dec_zero(), spare);
    if (p->qty != 0) {
        v.entry = dec_quo(v.cost, size);
        liquidation(r, p, c, &v);
    }
    *ret = v;
}

bool position_liquidates(const struct margin_rule *r, const struct position *p, const struct contract *c,
                         dec_t mark, dec_t funding)
{
    dec_t value = dec_mul(dec_mul(dec_int(p->qty), c->multiplier), mark);
    dec_t equity = dec_add(position_margin(p), dec_sub(value, p->cost));
    return dec_le(equity, maintenance(r, p, c, value, funding));
}

void wallet_sum(struct wallet *w)
{
    w->available = dec_sub(dec_sub(w->cash, w->position_margin), w->order_margin);
    w->equity = dec_add(w->cash, w->upnl);
}
