/* Fills, fees, funding and isolated margin.  Invariants:
 *   1. What a walk fills never exceeds what was asked nor what the levels within the limit hold.
 *   2. The queue before a resting order never grows.
 */
#include "proto/err.h"

#include "libagent/core/fill.h"

static dec_t sided(int side, dec_t a)
{
    must(side == 1 || side == -1);
    return side > 0 ? a : dec_neg(a);
}

void fill_take(const struct book_level *levels, int n, int side, int64_t qty, const dec_t *limit,
               struct fill_walk *ret, struct book_level *part)
{
    struct fill_walk w = {.qty_price = dec_zero(), .worst_px = dec_zero()};
    for (int i = 0; i < n && w.qty < qty; i++) {
        dec_t price = levels[i].price;
        if (limit != NULL && dec_sign(sided(side, dec_sub(price, *limit))) > 0)
            break;
        int64_t got = levels[i].qty < qty - w.qty ? levels[i].qty : qty - w.qty;
        if (got <= 0)
            continue;
        if (part != NULL)
            part[w.parts] = (struct book_level){.price = price, .qty = got};
        w.parts++;
        w.qty += got;
        w.qty_price = dec_add(w.qty_price, dec_mul(dec_int(got), price));
        w.worst_px = price;
    }
    *ret = w;
}

dec_t fill_avg(const struct fill_walk *w)
{
    must(w->qty > 0);
    return dec_quo(w->qty_price, dec_int(w->qty));
}

int64_t fill_resting_trade(struct fill_resting *r, int side, dec_t limit, dec_t price, int64_t qty)
{
    int beyond = dec_sign(sided(side, dec_sub(limit, price)));
    int64_t got = 0;
    if (beyond > 0) {
        got = r->leaves;
        r->ahead = 0;
    } else if (beyond == 0) {
        int64_t before = qty < r->ahead ? qty : r->ahead;
        r->ahead -= before;
        got = qty - before < r->leaves ? qty - before : r->leaves;
    }
    r->leaves -= got;
    return got;
}

void fill_resting_depth(struct fill_resting *r, int64_t others)
{
    if (others < r->ahead)
        r->ahead = others > 0 ? others : 0;
}

dec_t fill_fee(dec_t value, dec_t rate)
{
    return dec_round_places(dec_mul(value, rate), FILL_MONEY_PLACES, DEC_CEIL);
}

dec_t fill_funding(int side, int64_t qty, dec_t multiplier, dec_t mark, dec_t rate)
{
    dec_t paid = sided(side, dec_mul(formula_value(qty, multiplier, mark), rate));
    return dec_round_places(paid, FILL_MONEY_PLACES, DEC_CEIL);
}

int fill_liquidation(int side, dec_t entry, dec_t n, dec_t w, dec_t mmr, dec_t lfr, dec_t *ret)
{
    dec_t rate = dec_add(mmr, lfr);
    dec_t one = dec_int(1);
    if (dec_sign(entry) <= 0 || dec_sign(n) <= 0 || dec_sign(mmr) < 0 || dec_sign(lfr) < 0 ||
        dec_ge(rate, one))
        return ERR_RANGE;
    dec_t value = dec_sub(dec_mul(entry, n), sided(side, w));
    dec_t price = dec_quo(value, dec_mul(n, dec_sub(one, sided(side, rate))));
    *ret = dec_max(price, dec_zero());
    return ERR_OK;
}

int fill_bankruptcy(int side, dec_t entry, dec_t n, dec_t w, dec_t *ret)
{
    if (dec_sign(entry) <= 0 || dec_sign(n) <= 0)
        return ERR_RANGE;
    *ret = dec_max(dec_sub(entry, sided(side, dec_quo(w, n))), dec_zero());
    return ERR_OK;
}

bool fill_liquidated(int side, dec_t entry, dec_t n, dec_t w, dec_t mmr, dec_t lfr, dec_t mark)
{
    dec_t total = dec_add(w, dec_mul(n, sided(side, dec_sub(mark, entry))));
    return dec_ge(dec_mul(dec_mul(mark, n), dec_add(mmr, lfr)), total);
}

void fill_margin_old_init(struct fill_margin_old *m, dec_t imr, dec_t taker_fee)
{
    dec_t value = dec_mul(m->entry, m->n);
    m->pos_init = dec_mul(value, imr);
    m->pos_comm = dec_mul(dec_mul(value, taker_fee), dec_add(dec_int(1), imr));
}

int fill_margin_old_calc(struct fill_margin_old *m)
{
    if (dec_sign(m->n) <= 0)
        return ERR_RANGE;
    dec_t value = dec_mul(m->entry, m->n);
    dec_t own = dec_sub(dec_add(m->pos_init, m->pos_cross), m->pos_loss);
    dec_t rate = dec_add(m->mmr, dec_max(m->funding, dec_zero()));
    m->pos_margin = dec_add(own, m->pos_comm);
    m->pos_maint = dec_add(dec_mul(value, rate), m->pos_comm);
    dec_t room = dec_quo(dec_sub(m->pos_margin, m->pos_maint), m->n);
    m->liquidation = dec_sub(m->entry, sided(m->side, room));
    m->bankrupt = dec_sub(m->entry, sided(m->side, dec_quo(own, m->n)));
    return ERR_OK;
}
