/* Invariants: qty = entered_qty - exited_qty >= 0; a closing fill leaves the average entry alone and takes
 * its share of open_cost with it. */
#include "proto/err.h"

#include "libagent/core/pnl.h"

static void pnl_add(struct pnl *p, int64_t qty, dec_t price, dec_t fee)
{
    dec_t before = dec_mul(dec_int(p->qty), p->entry_px);
    p->qty += qty;
    p->entered_qty += qty;
    p->entry_px = dec_quo(dec_add(before, dec_mul(dec_int(qty), price)), dec_int(p->qty));
    p->open_cost = dec_add(p->open_cost, fee);
}

static void pnl_reduce(struct pnl *p, int64_t qty, dec_t price)
{
    dec_t move = dec_sub(price, p->entry_px);
    dec_t won = formula_value(qty, p->multiplier, p->side > 0 ? move : dec_neg(move));
    p->gross = dec_add(p->gross, won);
    p->open_cost = dec_quo(dec_mul(p->open_cost, dec_int(p->qty - qty)), dec_int(p->qty));
    p->exit_qty_price = dec_add(p->exit_qty_price, dec_mul(dec_int(qty), price));
    p->qty -= qty;
    p->exited_qty += qty;
}

int pnl_fill(struct pnl *p, int side, int64_t qty, dec_t price, dec_t fee, dec_t multiplier)
{
    must(side == 1 || side == -1);
    if (qty <= 0 || dec_sign(price) <= 0 || dec_sign(multiplier) <= 0)
        return ERR_RANGE;
    if (p->side != 0 && (p->qty == 0 || !dec_eq(multiplier, p->multiplier)))
        return ERR_RANGE;
    if (p->side == -side && qty > p->qty)
        return ERR_RANGE;
    if (p->side == 0) {
        p->side = side;
        p->multiplier = multiplier;
    }
    p->fees = dec_add(p->fees, fee);
    if (p->side == side)
        pnl_add(p, qty, price, fee);
    else
        pnl_reduce(p, qty, price);
    return ERR_OK;
}

int pnl_funding(struct pnl *p, dec_t paid)
{
    if (p->qty == 0)
        return ERR_WRONG_STATE;
    p->funding = dec_add(p->funding, paid);
    p->open_cost = dec_add(p->open_cost, paid);
    return ERR_OK;
}

dec_t pnl_unrealised(const struct pnl *p, dec_t price)
{
    if (p->qty == 0)
        return dec_zero();
    dec_t move = dec_sub(price, p->entry_px);
    return formula_value(p->qty, p->multiplier, p->side > 0 ? move : dec_neg(move));
}

dec_t pnl_net(const struct pnl *p)
{
    return dec_sub(dec_sub(p->gross, p->fees), p->funding);
}

dec_t pnl_exit_px(const struct pnl *p)
{
    return p->exited_qty > 0 ? dec_quo(p->exit_qty_price, dec_int(p->exited_qty)) : dec_zero();
}

dec_t pnl_open_net(const struct pnl *p, dec_t last, dec_t taker_fee)
{
    dec_t exit_fee = dec_mul(formula_value(p->qty, p->multiplier, last), taker_fee);
    return dec_sub(dec_sub(pnl_unrealised(p, last), p->open_cost), exit_fee);
}

int pnl_break_even(const struct pnl *p, dec_t taker_fee, dec_t slippage, dec_t tick, dec_t *ret)
{
    if (p->qty == 0)
        return ERR_WRONG_STATE;
    dec_t n = dec_mul(dec_int(p->qty), p->multiplier);
    return formula_break_even_price(p->side, p->entry_px, n, p->open_cost, taker_fee, slippage, tick, ret);
}
