/* The formulas one by one, in the header's order.  Invariants:
 *   1. What bounds a size or a leverage is an exact floor, so a quotient that decimal128 rounded up never lets
 *      one more through.
 *   2. Staircase levels are whole numbers; only the price of a level is a decimal.
 */
#include "proto/err.h"

#include "libagent/core/formula.h"

static bool side_valid(int side)
{
    return side == 1 || side == -1;
}

static dec_t one(void)
{
    return dec_int(1);
}

/* side x a */
static dec_t sided(int side, dec_t a)
{
    must(side_valid(side));
    return side > 0 ? a : dec_neg(a);
}

bool contract_valid(const struct contract_terms *c)
{
    if (dec_sign(c->multiplier) <= 0 || dec_sign(c->tick) <= 0 || dec_sign(c->taker_fee) < 0 ||
        dec_sign(c->lfr) < 0 || dec_ge(c->taker_fee, one()) || dec_ge(dec_abs(c->maker_fee), one()) ||
        c->lot <= 0 || (c->max_qty != 0 && c->max_qty < c->lot) || c->tier_count < 1 ||
        c->tier_count > CONTRACT_TIERS_MAX)
        return false;
    for (int i = 0; i < c->tier_count; i++) {
        const struct contract_tier *t = &c->tier[i];
        if (dec_sign(t->mmr) <= 0 || dec_ge(dec_add(t->mmr, c->lfr), one()) || t->max_leverage < 1 ||
            t->max_leverage > FORMULA_LEVERAGE_MAX || dec_sign(t->max_notional) < 0)
            return false;
        if (i > 0 && (dec_is_zero(c->tier[i - 1].max_notional) ||
                      (!dec_is_zero(t->max_notional) &&
                       dec_le(t->max_notional, c->tier[i - 1].max_notional))))
            return false;
    }
    return true;
}

const struct contract_tier *contract_tier_of(const struct contract_terms *c, dec_t notional)
{
    for (int i = 0; i < c->tier_count; i++)
        if (dec_is_zero(c->tier[i].max_notional) || dec_le(notional, c->tier[i].max_notional))
            return &c->tier[i];
    return NULL;
}

dec_t formula_value(int64_t qty, dec_t multiplier, dec_t price)
{
    return dec_mul(dec_mul(dec_int(qty), multiplier), price);
}

int formula_size(dec_t margin, int leverage, dec_t price, dec_t multiplier, int64_t lot, int64_t *ret)
{
    int64_t steps;
    if (dec_sign(margin) < 0 || leverage < 1 || dec_sign(price) <= 0 || dec_sign(multiplier) <= 0 || lot < 1)
        return ERR_RANGE;
    int err = dec_floor_div(dec_mul(margin, dec_int(leverage)), formula_value(lot, multiplier, price), &steps);
    if (err < 0)
        return err;
    if (steps > INT64_MAX / lot)
        return ERR_RANGE;
    *ret = steps * lot;
    return ERR_OK;
}

dec_t formula_break_even_roi(dec_t entry_fee, dec_t exit_fee, int leverage, dec_t buffer_roi)
{
    dec_t fees = dec_mul(dec_add(entry_fee, exit_fee), dec_int(100 * (int64_t)leverage));
    return dec_add(fees, buffer_roi);
}

dec_t formula_roi_price(int side, dec_t entry, int leverage, dec_t roi)
{
    must(leverage >= 1);
    dec_t move = dec_quo(dec_mul(entry, roi), dec_int(100 * (int64_t)leverage));
    return dec_add(entry, sided(side, move));
}

dec_t formula_roi_of(dec_t distance, dec_t entry, int leverage)
{
    must(dec_sign(entry) > 0 && leverage >= 1);
    return dec_quo(dec_mul(distance, dec_int(100 * (int64_t)leverage)), entry);
}

int formula_liquidation(int side, dec_t entry, int leverage, dec_t mmr, dec_t lfr, dec_t *ret)
{
    dec_t rate = dec_add(mmr, lfr);
    if (dec_sign(entry) <= 0 || leverage < 1 || dec_sign(mmr) < 0 || dec_sign(lfr) < 0 || dec_ge(rate, one()))
        return ERR_RANGE;
    *ret = dec_quo(formula_bankruptcy(side, entry, leverage), dec_sub(one(), sided(side, rate)));
    return ERR_OK;
}

dec_t formula_bankruptcy(int side, dec_t entry, int leverage)
{
    must(leverage >= 1);
    return dec_sub(entry, sided(side, dec_quo(entry, dec_int(leverage))));
}

/* long: 1 - (1 - 1/L)/(1 - m) >= b  <=>  1/L >= 1 - (1 - b)(1 - m); short mirrored.  The lower bound of
 * 1/L may be 0; 1/1000 is beyond every venue's leverage. */
int formula_liquidation_leverage(int side, dec_t mmr, dec_t lfr, dec_t buffer, int *ret)
{
    dec_t rate = dec_add(mmr, lfr);
    if (dec_sign(mmr) < 0 || dec_sign(lfr) < 0 || dec_ge(rate, one()) || dec_sign(buffer) < 0 ||
        dec_ge(buffer, one()))
        return ERR_RANGE;
    dec_t both = dec_mul(dec_sub(one(), sided(side, buffer)), dec_sub(one(), sided(side, rate)));
    dec_t least = sided(side, dec_sub(one(), both));
    int64_t l;
    must(dec_floor_div(one(), dec_max(least, dec_scaled(1, -3)), &l) == ERR_OK);
    *ret = l > FORMULA_LEVERAGE_MAX ? FORMULA_LEVERAGE_MAX : (int)l;
    return ERR_OK;
}

static int64_t units(dec_t percent, enum dec_round how)
{
    int64_t n;
    must(dec_to_int(dec_round_places(dec_mul(percent, dec_int(100)), 0, how), &n) == ERR_OK);
    return n;
}

struct staircase formula_staircase(dec_t sl_roi, dec_t act, dec_t step, dec_t dist)
{
    struct staircase s = {
        .act = units(dec_mul(sl_roi, act), DEC_DOWN),
        .step = units(dec_mul(sl_roi, step), DEC_DOWN),
        .dist = units(dec_mul(sl_roi, dist), DEC_DOWN),
    };
    if (s.step < 1)
        s.step = 1;
    return s;
}

int64_t formula_roi_units(int side, dec_t entry, int leverage, dec_t price)
{
    const int64_t far = INT64_C(1000000000000);
    int64_t n;
    dec_t move = dec_mul(sided(side, dec_sub(price, entry)), dec_int(10000 * (int64_t)leverage));
    must(dec_sign(entry) > 0 && leverage >= 1);
    if (dec_floor_div(move, entry, &n) < 0 || n > far || n < -far)
        return dec_sign(move) < 0 ? -far : far;
    return n;
}

bool formula_staircase_stop(const struct staircase *s, int side, dec_t entry, int leverage, dec_t tick,
                            int64_t roi_units, dec_t *ret)
{
    if (roi_units < s->act)
        return false;
    int64_t level = s->act + s->step * ((roi_units - s->act) / s->step);
    dec_t stop = formula_roi_price(side, entry, leverage, dec_scaled(level - s->dist, -2));
    *ret = dec_round_to(stop, tick, side > 0 ? DEC_CEIL : DEC_FLOOR);
    return true;
}

int formula_tier_leverage(dec_t atr_pct)
{
    static const struct { int tenths, leverage; } tier[] = {
        {3, 100}, {5, 75}, {10, 50}, {20, 25}, {30, 10},
    };
    for (size_t i = 0; i < sizeof tier / sizeof tier[0]; i++)
        if (dec_le(atr_pct, dec_scaled(tier[i].tenths, -1)))
            return tier[i].leverage;
    return 5;
}

int formula_volatility_leverage(dec_t atr, dec_t mmr, int *ret)
{
    int64_t l;
    if (dec_sign(atr) < 0 || dec_sign(mmr) < 0)
        return ERR_RANGE;
    int err = dec_floor_div(one(), dec_add(dec_mul(dec_int(3), atr), mmr), &l);
    if (err < 0)
        return err;
    *ret = l > FORMULA_LEVERAGE_MAX ? FORMULA_LEVERAGE_MAX : (int)l;
    return ERR_OK;
}

dec_t formula_inverse_leverage_roi(dec_t base_roi, int leverage)
{
    must(leverage >= 1);
    return dec_quo(dec_mul(base_roi, dec_int(100)), dec_int(leverage));
}

int formula_entry_price(const struct book_level *own_side, int n, dec_t *ret)
{
    if (n < FORMULA_ENTRY_LEVEL)
        return ERR_EMPTY;
    *ret = own_side[FORMULA_ENTRY_LEVEL - 1].price;
    return ERR_OK;
}

bool formula_slippage_ok(dec_t limit, dec_t close, dec_t max)
{
    return dec_sign(close) > 0 && dec_le(dec_abs(dec_sub(limit, close)), dec_mul(max, close));
}

int formula_stop_price(int side, dec_t price, double atr, dec_t atr_factor, dec_t floor_fraction, dec_t tick,
                       dec_t *ret)
{
    dec_t range;
    if (!(atr > 0) || dec_sign(price) <= 0 || dec_sign(tick) <= 0)
        return ERR_RANGE;
    int err = dec_from_double(atr, dec_scaled(1, -12), DEC_CEIL, &range);
    if (err < 0)
        return err;
    dec_t away = dec_max(dec_mul(atr_factor, range), dec_mul(floor_fraction, price));
    dec_t stop = dec_round_to(dec_sub(price, sided(side, away)), tick, side > 0 ? DEC_FLOOR : DEC_CEIL);
    if (dec_sign(stop) <= 0)
        return ERR_RANGE;
    *ret = stop;
    return ERR_OK;
}

dec_t formula_target_price(int side, dec_t entry, dec_t r, dec_t multiple, dec_t tick)
{
    dec_t target = dec_add(entry, sided(side, dec_mul(r, multiple)));
    return dec_round_to(target, tick, side > 0 ? DEC_FLOOR : DEC_CEIL);
}

/* side (Y - E) n - fee Y n - cost = 0 with Y = X (1 - side slippage), solved for X. */
int formula_break_even_price(int side, dec_t entry, dec_t n, dec_t cost, dec_t exit_fee, dec_t slippage,
                             dec_t tick, dec_t *ret)
{
    dec_t covered = dec_add(dec_mul(n, entry), sided(side, cost));
    dec_t kept = dec_mul(dec_sub(one(), sided(side, exit_fee)), dec_sub(one(), sided(side, slippage)));
    if (dec_sign(n) <= 0 || dec_sign(covered) <= 0 || dec_sign(kept) <= 0 || dec_sign(tick) <= 0)
        return ERR_RANGE;
    dec_t price = dec_round_to(dec_quo(covered, dec_mul(n, kept)), tick, side > 0 ? DEC_CEIL : DEC_FLOOR);
    if (dec_sign(price) <= 0)
        return ERR_RANGE;
    *ret = price;
    return ERR_OK;
}

int formula_exit_limit(int side, dec_t best_bid, dec_t best_ask, dec_t slippage, dec_t tick, dec_t *ret)
{
    dec_t best = side > 0 ? best_bid : best_ask;
    dec_t limit = dec_mul(best, dec_sub(one(), sided(side, slippage)));
    if (dec_sign(best) <= 0 || dec_sign(limit) <= 0 || dec_sign(tick) <= 0)
        return ERR_RANGE;
    limit = dec_round_to(limit, tick, side > 0 ? DEC_FLOOR : DEC_CEIL);
    if (dec_sign(limit) <= 0)
        return ERR_RANGE;
    *ret = limit;
    return ERR_OK;
}
