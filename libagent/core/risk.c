/* Derive first, judge afterwards: derive() computes prices, leverage and size as far as the inputs carry;
 * the judge_*() functions list the checks in the order of risk_reason.def.  Invariants:
 *   1. approved <=> every figure is ok, and reason is RISK_OK.
 *   2. A derived value that is missing fails each check that needs it.
 *   3. No cap raises a size; only LOT_FLOOR goes from 0 to 1 lot, and then every cap is checked again.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/planted.h"

#include "libagent/core/corr.h"
#include "libagent/core/risk.h"

#define DAY_NS          INT64_C(86400000000000)
#define DAY_MIN         1440
#define MIN_NS          (DAY_NS / DAY_MIN)
#define DAY_BARS_MIN    5
#define FEW_DAYS_LEVERAGE 2
#define NO_LEVELS       "stop or targets"

const char *risk_reason_name(enum risk_reason r)
{
    static const char *const name[RISK_REASON_COUNT] = {
        [RISK_OK] = "OK",
#define RISK_REASON(n, text) [RISK_##n] = #n,
#include "libagent/core/risk_reason.def"
#undef RISK_REASON
    };
    return r >= RISK_OK && r < RISK_REASON_COUNT ? name[r] : "?";
}

const char *risk_reason_text(enum risk_reason r)
{
    static const char *const text[RISK_REASON_COUNT] = {
        [RISK_OK] = "approved",
#define RISK_REASON(n, t) [RISK_##n] = t,
#include "libagent/core/risk_reason.def"
#undef RISK_REASON
    };
    return r >= RISK_OK && r < RISK_REASON_COUNT ? text[r] : "?";
}

void risk_limits_default(struct risk_limits *l)
{
    *l = (struct risk_limits){
        .trading_capital = dec_zero(), .position_margin = dec_scaled(5, -3),
        .max_position = dec_scaled(2, -2), .max_exposure = dec_scaled(1, -1),
        .max_symbol_notional = dec_scaled(25, -2), .max_notional = dec_int(1),
        .max_book_share = dec_scaled(1, -1),
        .risk_per_trade = dec_scaled(5, -3), .max_heat = dec_scaled(2, -2),
        .daily_loss = dec_scaled(25, -3), .max_daily_drawdown = dec_scaled(5, -2),
        .liquidation_buffer = dec_scaled(5, -2),
        .max_spread = dec_scaled(5, -4), .max_slippage = dec_scaled(2, -3),
        .stop_atr = dec_scaled(15, -1), .stop_floor = dec_scaled(48, -4),
        .tp1_r = dec_scaled(12, -1), .tp2_r = dec_int(2),
        .stop_roi = dec_zero(), .target_roi = dec_zero(), .break_even_buffer = dec_scaled(5, -2),
        .min_g = dec_scaled(35, -2), .burst_cap = dec_scaled(5, -1), .correlation_min = 0.7,
        .signal_ttl_ms = 3000, .book_ttl_ms = 5000, .leverage_max = 15,
        .top_n = 2, .max_positions = 5, .max_cluster = 2, .max_strategy_positions = 5,
        .streak_warn = 3, .streak_block = 5, .streak_block_bars = 16, .streak_max = 10,
        .cooldown_bars = 4,
    };
}

static bool fraction(dec_t a, int most)
{
    return dec_sign(a) > 0 && dec_le(a, dec_int(most));
}

const char *risk_limits_wrong(const struct risk_limits *l)
{
    const struct { const char *name; bool ok; } rule[] = {
        {"trading_capital", dec_sign(l->trading_capital) >= 0},
        {"position_margin", fraction(l->position_margin, 1) && dec_le(l->position_margin, l->max_position)},
        {"max_position", fraction(l->max_position, 1) && dec_le(l->max_position, l->max_exposure)},
        {"max_exposure", fraction(l->max_exposure, 1)},
        {"max_symbol_notional", fraction(l->max_symbol_notional, 100) &&
                                dec_le(l->max_symbol_notional, l->max_notional)},
        {"max_notional", fraction(l->max_notional, 100)},
        {"max_book_share", fraction(l->max_book_share, 1)},
        {"risk_per_trade", fraction(l->risk_per_trade, 1) && dec_le(l->risk_per_trade, l->max_heat)},
        {"max_heat", fraction(l->max_heat, 1)},
        {"daily_loss", fraction(l->daily_loss, 1) && dec_le(l->daily_loss, l->max_daily_drawdown)},
        {"max_daily_drawdown", fraction(l->max_daily_drawdown, 1)},
        {"liquidation_buffer", fraction(l->liquidation_buffer, 1) && dec_lt(l->liquidation_buffer, dec_int(1))},
        {"max_spread", fraction(l->max_spread, 1)},
        {"max_slippage", fraction(l->max_slippage, 1)},
        {"stop_atr", dec_sign(l->stop_atr) > 0},
        {"stop_floor", dec_sign(l->stop_floor) > 0 && dec_lt(l->stop_floor, dec_int(1))},
        {"tp1_r", dec_sign(l->tp1_r) > 0 && dec_lt(l->tp1_r, l->tp2_r)},
        {"stop_roi", dec_sign(l->stop_roi) >= 0 && dec_sign(l->stop_roi) == dec_sign(l->target_roi)},
        {"target_roi", dec_le(dec_mul(l->tp1_r, l->stop_roi), l->target_roi)},
        {"break_even_buffer", dec_sign(l->break_even_buffer) >= 0},
        {"min_g", dec_le(dec_abs(l->min_g), dec_int(1))},
        {"burst_cap", fraction(l->burst_cap, 1)},
        {"correlation_min", l->correlation_min >= 0 && l->correlation_min <= 1},
        {"leverage_max", l->leverage_max >= 1 && l->leverage_max <= FORMULA_LEVERAGE_MAX},
        {"top_n", l->top_n >= 1},
        {"max_positions", l->max_positions >= 1},
        {"max_cluster", l->max_cluster >= 1},
        {"max_strategy_positions", l->max_strategy_positions >= 1},
        {"streak", l->streak_warn >= 1 && l->streak_warn <= l->streak_block &&
                   l->streak_block <= l->streak_max && l->streak_block_bars >= 0},
        {"cooldown_bars", l->cooldown_bars >= 0},
        {"ttl", l->signal_ttl_ms > 0 && l->book_ttl_ms > 0},
        {"min_interval", l->min_interval_ns >= 0},
        {"hours", l->hours_from >= 0 && l->hours_from < DAY_MIN && l->hours_to >= 0 && l->hours_to <= DAY_MIN},
    };
    for (size_t i = 0; i < sizeof rule / sizeof rule[0]; i++)
        if (!rule[i].ok)
            return rule[i].name;
    return NULL;
}

/* ---- states ---- */

dec_t risk_day_loss(const struct risk_day *d)
{
    if (dec_sign(d->start_equity) <= 0)
        return dec_int(1);
    dec_t loss = dec_quo(dec_sub(d->start_equity, d->equity), d->start_equity);
    return dec_max(loss, dec_zero());
}

enum risk_event risk_day_update(struct risk_day *d, const struct risk_limits *l, int64_t market_ns,
                                dec_t equity)
{
    int64_t day = market_ns / DAY_NS;
    if (dec_sign(d->start_equity) <= 0 || day > d->day) {
        d->day = day;
        d->start_equity = equity;
        d->paused = 0;
    }
    d->equity = equity;
    dec_t loss = risk_day_loss(d);
    if (dec_gt(loss, l->max_daily_drawdown) && !d->stopped) {
        d->paused = d->stopped = 1;
        return RISK_STOP;
    }
    if (dec_gt(loss, l->daily_loss) && !d->paused) {
        d->paused = 1;
        return RISK_BLOCK;
    }
    return RISK_NOTHING;
}

void risk_day_reset(struct risk_day *d)
{
    d->stopped = 0;
}

enum risk_event risk_streak_close(struct risk_streak *s, const struct risk_limits *l, dec_t net,
                                  int64_t market_ns, int64_t bar_ns)
{
    if (dec_sign(net) > 0) {
        int32_t stopped = s->stopped;       /* only the operator lifts an emergency */
        risk_streak_reset(s);
        s->stopped = stopped;
        return RISK_NOTHING;
    }
    s->losses++;
    if (s->losses >= l->streak_block) {
        s->half = 1;
        s->block_until_ns = market_ns + l->streak_block_bars * bar_ns;
    }
    if (s->losses > l->streak_max) {
        s->stopped = 1;
        return RISK_STOP;
    }
    return s->half ? RISK_BLOCK : s->losses >= l->streak_warn ? RISK_WARN : RISK_NOTHING;
}

void risk_streak_reset(struct risk_streak *s)
{
    memset(s, 0, sizeof *s);
}

int64_t risk_cooldown_until(const struct risk_limits *l, int64_t exit_ns, int64_t bar_ns)
{
    return exit_ns + l->cooldown_bars * bar_ns;
}

void risk_burst_update(struct risk_burst *b, bool lighthouse, dec_t available)
{
    if (lighthouse && !b->on)
        *b = (struct risk_burst){.available = available, .committed = dec_zero()};
    b->on = lighthouse;
}

void risk_burst_approved(struct risk_burst *b, dec_t margin)
{
    if (b->on)
        b->committed = dec_add(b->committed, margin);
}

/* ---- derive ---- */

struct trade {
    const struct risk_limits *l;
    const struct risk_account *a;
    const struct risk_market *m;
    const struct risk_request *r;
    struct risk_verdict *v;
    const char *bad;                        /* what is wrong with the inputs; NULL */
    bool    contract, counted, book, priced, levered, sized;
    dec_t   equity;                         /* in use */
    dec_t   margin_sum, notional_sum, heat_sum, symbol_notional;
    dec_t   cluster_margin;
    int32_t cluster, of_strategy;           /* positions */
    bool    symbol_open;
    const struct contract_tier *tier;
    int     limit_tier, limit_vol, limit_liq;
    int     judged;                         /* leverage that is asked for the break-even */
    int64_t book_lots;                      /* on the thinner side */
    bool    below_lot;                      /* the request itself is less than a lot */
};

static bool side_ok(const struct book_level *b, int n, int way)
{
    for (int i = 0; i < n && i < RISK_BOOK_LEVELS; i++)
        if (dec_sign(b[i].price) <= 0 || b[i].qty <= 0 ||
            (i > 0 && dec_cmp(b[i].price, b[i - 1].price) != way))
            return false;
    return true;
}

static bool positions_ok(const struct risk_account *a)
{
    if (a->position_count < 0 || (a->position_count > 0 && a->positions == NULL))
        return false;
    for (int i = 0; i < a->position_count; i++) {
        const struct risk_position *p = &a->positions[i];
        if ((p->side != 1 && p->side != -1) || dec_sign(p->margin) < 0 || dec_sign(p->notional) < 0 ||
            dec_sign(p->heat) < 0)
            return false;
    }
    return true;
}

static const char *book_wrong(const struct risk_market *m)
{
    if (m->bid_count < 0 || m->ask_count < 0 || (m->bid_count > 0 && m->bids == NULL) ||
        (m->ask_count > 0 && m->asks == NULL) || !side_ok(m->bids, m->bid_count, -1) ||
        !side_ok(m->asks, m->ask_count, 1))
        return "order book";
    if (m->bid_count > 0 && m->ask_count > 0 && dec_ge(m->bids[0].price, m->asks[0].price))
        return "crossed order book";
    return NULL;
}

/* Comparisons are written so that NaN fails them. */
static const char *what_is_bad(const struct trade *t)
{
    const struct risk_market *m = t->m;
    const char *limit = risk_limits_wrong(t->l);
    if (limit != NULL)
        return limit;
    if (t->r->side != 1 && t->r->side != -1)
        return "side";
    if (dec_sign(t->r->close) <= 0)
        return "close";
    if (dec_sign(t->r->size_multiplier) <= 0)
        return "size_multiplier";
    if (t->r->age_ms < 0 || t->r->rank < 1)
        return "age or rank";
    if (t->r->market_ns < 0 || t->a->entered_ns < 0)
        return "market time";
    if (dec_sign(t->a->equity) <= 0)
        return "equity";
    if (!(m->atr > 0 && m->atr <= 1e15))
        return "atr";
    if (m->day_bars < 0 || (m->day_bars >= DAY_BARS_MIN && !(m->day_atr > 0 && m->day_atr <= 1e3)))
        return "day_atr";
    if (m->gamma == GATE_FRESH && !(fabs(m->g) <= 1 + 1e-9))
        return "g";
    if (!t->counted)
        return "positions";
    return book_wrong(m);
}

/* Zeros without a far exponent: a sum takes the smaller one, and 34 digits are slow. */
static void derive_sums(struct trade *t)
{
    t->margin_sum = t->notional_sum = t->heat_sum = t->symbol_notional = t->cluster_margin = dec_zero();
    t->counted = positions_ok(t->a);
    for (int i = 0; t->counted && i < t->a->position_count; i++) {
        const struct risk_position *p = &t->a->positions[i];
        bool same = strncmp(p->symbol, t->r->symbol, RISK_SYMBOL_MAX) == 0;
        t->of_strategy += p->strategy[0] == '\0' || strncmp(p->strategy, t->r->strategy, RISK_STRATEGY_MAX) == 0;
        t->margin_sum = dec_add(t->margin_sum, p->margin);
        t->notional_sum = dec_add(t->notional_sum, p->notional);
        t->heat_sum = dec_add(t->heat_sum, p->heat);
        if (same) {
            t->symbol_open = true;
            t->symbol_notional = dec_add(t->symbol_notional, p->notional);
        }
        if (same || corr_together(p->rho, p->side, t->r->side, t->l->correlation_min)) {
            t->cluster++;
            t->cluster_margin = dec_add(t->cluster_margin, p->margin);
        }
    }
}

static bool literal(const struct trade *t)
{
    return dec_sign(t->l->stop_roi) > 0;
}

static int64_t lots_of(const struct book_level *b, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n && i < RISK_BOOK_LEVELS; i++)
        sum = b[i].qty < INT64_MAX - sum ? sum + b[i].qty : INT64_MAX;
    return sum;
}

static void derive_price(struct trade *t)
{
    const struct risk_market *m = t->m;
    bool buy = t->r->side > 0;
    int64_t bids = lots_of(m->bids, m->bid_count), asks = lots_of(m->asks, m->ask_count);
    if (m->bid_count < 1 || m->ask_count < 1 ||
        formula_entry_price(buy ? m->bids : m->asks, buy ? m->bid_count : m->ask_count, &t->v->price) < 0)
        return;
    t->book = true;
    if (!dec_is_multiple(t->v->price, m->contract->tick)) {
        t->bad = "price off the tick";
        return;
    }
    t->book_lots = bids < asks ? bids : asks;
    t->priced = literal(t) || formula_stop_price(t->r->side, t->v->price, m->atr, t->l->stop_atr,
                                                 t->l->stop_floor, t->m->contract->tick, &t->v->stop_px) == ERR_OK;
    if (!t->priced)
        t->bad = NO_LEVELS;
}

/* The stop and targets hang on the leverage when they are given in ROI. */
static void derive_targets(struct trade *t)
{
    struct risk_verdict *v = t->v;
    int side = t->r->side;
    dec_t tick = t->m->contract->tick;
    if (literal(t)) {
        dec_t stop = formula_roi_price(side, v->price, v->leverage, dec_neg(t->l->stop_roi));
        v->stop_px = dec_round_to(stop, tick, side > 0 ? DEC_FLOOR : DEC_CEIL);
    }
    dec_t r = dec_abs(dec_sub(v->price, v->stop_px));
    v->tp1_px = formula_target_price(side, v->price, r, t->l->tp1_r, tick);
    v->tp2_px = formula_target_price(side, v->price, r, t->l->tp2_r, tick);
    if (literal(t)) {
        dec_t target = formula_roi_price(side, v->price, v->leverage, t->l->target_roi);
        v->tp2_px = dec_round_to(target, tick, side > 0 ? DEC_FLOOR : DEC_CEIL);
    }
    /* Too near for the tick, or beyond zero. */
    if (dec_cmp(v->stop_px, v->price) != -side || dec_cmp(v->tp1_px, v->price) != side ||
        dec_cmp(v->tp2_px, v->tp1_px) == -side || dec_sign(dec_min(v->stop_px, v->tp2_px)) <= 0)
        t->bad = NO_LEVELS;
}

static dec_t target_roi(const struct trade *t, int leverage)
{
    if (literal(t))
        return t->l->target_roi;
    dec_t r = dec_abs(dec_sub(t->v->price, t->v->stop_px));
    return formula_roi_of(dec_mul(r, t->l->tp2_r), t->v->price, leverage);
}

static dec_t break_even_roi(const struct trade *t, int leverage)
{
    const struct contract_terms *c = t->m->contract;     /* the entry rests, exits take */
    return formula_break_even_roi(c->maker_fee, c->taker_fee, leverage, t->l->break_even_buffer);
}

/* With a stop in price the target and the fees grow with the leverage, BUFFER does not: what does not clear twice the
 * break-even at a leverage clears it at no lower one, so that the fee limit is all or nothing. */
static bool clears_break_even(const struct trade *t, int leverage)
{
    return dec_ge(target_roi(t, leverage), dec_mul(dec_int(2), break_even_roi(t, leverage)));
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static void derive_leverage(struct trade *t)
{
    const struct contract_terms *c = t->m->contract;
    int want = t->r->leverage, both[2];
    dec_t atr;
    if (want < 1 || want > FORMULA_LEVERAGE_MAX)
        return;
    dec_t margin = dec_mul(dec_mul(t->equity, t->l->position_margin), t->r->size_multiplier);
    t->tier = contract_tier_of(c, dec_mul(margin, dec_int(want)));
    if (t->tier == NULL)
        return;
    t->limit_tier = t->limit_vol = FEW_DAYS_LEVERAGE;
    if (t->m->day_bars >= DAY_BARS_MIN) {
        if (dec_from_double(t->m->day_atr, dec_scaled(1, -10), DEC_HALF_EVEN, &atr) < 0 ||
            formula_volatility_leverage(atr, t->tier->mmr, &t->limit_vol) < 0)
            return;
        t->limit_tier = formula_tier_leverage(dec_mul(atr, dec_int(100)));
    }
    for (int i = 0; i < 2; i++)
        if (formula_liquidation_leverage(i ? 1 : -1, t->tier->mmr, c->lfr, t->l->liquidation_buffer,
                                         &both[i]) < 0)
            return;
    t->limit_liq = min_int(both[0], both[1]);
    int cap = min_int(min_int(t->limit_tier, t->limit_vol), min_int(t->l->leverage_max, t->tier->max_leverage));
    cap = min_int(min_int(cap, want), t->limit_liq);
    t->judged = literal(t) ? want : cap > 0 ? cap : 1;
    t->levered = literal(t) || (cap > 0 && clears_break_even(t, cap));
    t->v->leverage = t->levered ? t->judged : 0;
}

static void value_of(struct trade *t, int64_t qty)
{
    struct risk_verdict *v = t->v;
    dec_t mult = t->m->contract->multiplier;
    v->qty = qty;
    v->notional = formula_value(qty, mult, v->price);
    v->margin = dec_quo(v->notional, dec_int(v->leverage));
    v->heat = formula_value(qty, mult, dec_abs(dec_sub(v->price, v->stop_px)));
}

static dec_t share(const struct trade *t, dec_t fraction_of_equity)
{
    return dec_mul(t->equity, fraction_of_equity);
}

static dec_t cluster_room(const struct trade *t)
{
    return dec_mul(dec_int(2), share(t, t->l->max_position));
}

static dec_t burst_room(const struct trade *t)
{
    return dec_mul(t->a->burst.available, t->l->burst_cap);
}

/* Margin and the opening fee: what an entry takes from the available balance. */
static dec_t needed_balance(const struct trade *t)
{
    return dec_add(t->v->margin, dec_mul(t->v->notional, t->m->contract->taker_fee));
}

/* Lower *qty to floor(room / per_lot), in whole lots; no room: 0. */
static void lower(int64_t *qty, dec_t room, dec_t per_unit, int64_t lot)
{
    int64_t n = 0;
    if (dec_sign(room) <= 0) {
        *qty = 0;
        return;
    }
    if (dec_sign(per_unit) > 0 && dec_floor_div(room, dec_mul(per_unit, dec_int(lot)), &n) == ERR_OK &&
        n < *qty / lot)
        *qty = n * lot;
}

static int64_t min_lots(int64_t qty, int64_t bound, int64_t lot)
{
    return bound < qty ? bound / lot * lot : qty;
}

static void derive_size(struct trade *t)
{
    const struct contract_terms *c = t->m->contract;
    const struct risk_limits *l = t->l;
    int64_t qty, book;
    dec_t margin = dec_mul(share(t, l->position_margin), t->r->size_multiplier);
    if (t->a->streak.half)
        margin = dec_quo(margin, dec_int(2));
    if (formula_size(margin, t->v->leverage, t->v->price, c->multiplier, c->lot, &qty) < 0 ||
        dec_floor_div(dec_mul(dec_int(t->book_lots), l->max_book_share), dec_int(1), &book) < 0)
        return;
    t->below_lot = qty == 0;
    value_of(t, 1);
    struct risk_verdict *v = t->v;
    lower(&qty, share(t, l->max_position), v->margin, c->lot);
    lower(&qty, t->a->available, needed_balance(t), c->lot);
    lower(&qty, share(t, l->risk_per_trade), v->heat, c->lot);
    lower(&qty, dec_sub(share(t, l->max_heat), t->heat_sum), v->heat, c->lot);
    lower(&qty, dec_sub(share(t, l->max_symbol_notional), t->symbol_notional), v->notional, c->lot);
    lower(&qty, dec_sub(share(t, l->max_notional), t->notional_sum), v->notional, c->lot);
    lower(&qty, dec_sub(share(t, l->max_exposure), t->margin_sum), v->margin, c->lot);
    lower(&qty, dec_sub(cluster_room(t), t->cluster_margin), v->margin, c->lot);
    lower(&qty, dec_sub(t->equity, t->margin_sum), needed_balance(t), c->lot);
    if (t->a->burst.on)
        lower(&qty, dec_sub(burst_room(t), t->a->burst.committed), v->margin, c->lot);
    qty = min_lots(qty, book, c->lot);
    if (c->max_qty > 0)
        qty = min_lots(qty, c->max_qty, c->lot);
    v->lot_floor = qty == 0;
    value_of(t, qty > 0 ? qty : c->lot);
    const struct contract_tier *tier = contract_tier_of(c, v->notional);
    if (tier == NULL || tier > t->tier)     /* one lot is more than the request */
        t->tier = tier;
    t->sized = tier != NULL && formula_liquidation(t->r->side, v->price, v->leverage, t->tier->mmr, c->lfr,
                                                   &v->liquidation_px) == ERR_OK;
}

static void derive(struct trade *t)
{
    derive_sums(t);
    t->bad = what_is_bad(t);
    t->contract = t->m->contract != NULL && contract_valid(t->m->contract);
    t->equity = t->a->equity;
    if (dec_sign(t->l->trading_capital) > 0)
        t->equity = dec_min(t->equity, t->l->trading_capital);
    if (t->bad != NULL || !t->contract)
        return;
    derive_price(t);
    if (t->priced)
        derive_leverage(t);
    if (!t->levered)
        return;
    derive_targets(t);
    if (t->bad != NULL)
        return;
    t->v->break_even_roi = break_even_roi(t, t->v->leverage);
    derive_size(t);
}

/* ---- judge ---- */

static void list(struct trade *t, enum risk_reason check, const char *name, dec_t value, dec_t limit, bool ok,
                 bool known)
{
    struct risk_verdict *v = t->v;
    must(v->check_count < RISK_CHECKS_MAX);
    v->checks[v->check_count++] = (struct risk_figure){check, name, value, limit, ok && known, known};
}

static void at_most(struct trade *t, enum risk_reason check, const char *name, dec_t value, dec_t limit,
                    bool known)
{
    list(t, check, name, value, limit, dec_le(value, limit), known);
}

static void at_least(struct trade *t, enum risk_reason check, const char *name, dec_t value, dec_t limit,
                     bool known)
{
    list(t, check, name, value, limit, dec_ge(value, limit), known);
}

static void is_false(struct trade *t, enum risk_reason check, const char *name, bool value)
{
    list(t, check, name, dec_int(value), dec_zero(), !value, true);
}

static int64_t minutes_until_open(const struct trade *t)
{
    const int64_t from = t->l->hours_from, to = t->l->hours_to, now = t->r->market_ns / MIN_NS % DAY_MIN;
    bool open = from < to ? now >= from && now < to : now >= from || now < to;
    return open ? 0 : (from - now + DAY_MIN) % DAY_MIN;
}

static void judge_request(struct trade *t)
{
    const struct risk_request *r = t->r;
    is_false(t, RISK_NOT_READY, "not_ready", !t->a->ready);
    is_false(t, RISK_PAUSED, "paused", t->a->paused);
    is_false(t, RISK_PAUSED, "symbol_paused", t->a->symbol_paused);
    is_false(t, RISK_PAUSED, "strategy_paused", t->a->strategy_paused);
    is_false(t, RISK_EMERGENCY, "emergency",
             t->a->emergency || t->a->day.stopped || t->a->streak.stopped);
    is_false(t, RISK_DUPLICATE, "duplicate", r->duplicate);
    is_false(t, RISK_BAD_DATA, "bad_input", t->bad != NULL);
    is_false(t, RISK_UNKNOWN_CONTRACT, "contract_unknown", !t->contract);
    is_false(t, RISK_CONTRACT_CLOSED, "contract_closed", t->a->contract_paused);
    if (t->l->hours_from != t->l->hours_to)
        at_most(t, RISK_MARKET_HOURS, "minutes_until_open", dec_int(minutes_until_open(t)), dec_zero(), t->bad == NULL);
    at_most(t, RISK_STALE, "signal_age_ms", dec_int(r->age_ms), dec_int(t->l->signal_ttl_ms), true);
    is_false(t, RISK_LATE, "late", r->late);
    at_most(t, RISK_RANK, "rank", dec_int(r->rank), dec_int(t->l->top_n), true);
}

static void judge_market(struct trade *t)
{
    const struct risk_market *m = t->m;
    int own = t->r->side > 0 ? m->bid_count : m->ask_count;
    int other = t->r->side > 0 ? m->ask_count : m->bid_count;
    dec_t off = dec_zero(), spread = dec_zero(), g = dec_zero();
    if (!PLANTED(stale_book_traded))
        at_most(t, RISK_BOOK_STALE, "book_age_ms", dec_int(m->book_age_ms), dec_int(t->l->book_ttl_ms),
                m->book_age_ms >= 0);
    at_least(t, RISK_NO_DEPTH, "levels", dec_int(own), dec_int(FORMULA_ENTRY_LEVEL), true);
    at_least(t, RISK_NO_DEPTH, "opposite_levels", dec_int(other), dec_int(1), true);
    if (t->book) {
        off = dec_quo(dec_abs(dec_sub(t->v->price, t->r->close)), t->r->close);
        dec_t bid = m->bids[0].price, ask = m->asks[0].price;
        spread = dec_quo(dec_mul(dec_int(2), dec_sub(ask, bid)), dec_add(ask, bid));
    }
    list(t, RISK_SLIPPAGE, "slippage", off, t->l->max_slippage,
         t->book && formula_slippage_ok(t->v->price, t->r->close, t->l->max_slippage), t->book);
    at_most(t, RISK_SPREAD, "spread", spread, t->l->max_spread, t->book);
    if (m->gamma == GATE_OFF || m->gamma == GATE_ABSTAINS)
        return;
    is_false(t, RISK_GAMMA_STALE, "gamma_stale", m->gamma != GATE_FRESH);
    bool known = m->gamma == GATE_FRESH && dec_from_double(m->g, dec_scaled(1, -12), DEC_HALF_EVEN, &g) == ERR_OK;
    at_least(t, RISK_GAMMA, "g", g, t->l->min_g, known);
}

static dec_t larger_share(dec_t a, dec_t used, dec_t limit)
{
    return dec_quo(dec_add(a, used), limit);
}

/* Smallest equity at which one lot passes every cap that is a share of equity. */
static dec_t equity_for_a_lot(const struct trade *t)
{
    const struct risk_limits *l = t->l;
    const struct risk_verdict *v = t->v;
    dec_t e = larger_share(v->margin, dec_zero(), l->max_position);
    e = dec_max(e, larger_share(v->heat, dec_zero(), l->risk_per_trade));
    e = dec_max(e, larger_share(v->heat, t->heat_sum, l->max_heat));
    e = dec_max(e, larger_share(v->notional, t->symbol_notional, l->max_symbol_notional));
    e = dec_max(e, larger_share(v->notional, t->notional_sum, l->max_notional));
    return dec_max(e, larger_share(v->margin, t->margin_sum, l->max_exposure));
}

static void judge_size(struct trade *t)
{
    const struct risk_limits *l = t->l;
    const struct risk_verdict *v = t->v;
    dec_t needed = dec_zero(), cover = dec_zero();
    if (t->sized) {
        needed = t->below_lot ? equity_for_a_lot(t) : dec_zero();
        cover = needed_balance(t);
        if (t->below_lot && dec_gt(needed, t->equity))
            t->v->equity_needed = dec_round_places(needed, 2, DEC_CEIL);
    }
    at_most(t, RISK_SIZE_BELOW_LOT, "equity_needed", needed, t->equity, t->sized);
    at_most(t, RISK_POSITION_SIZE, "margin", v->margin, share(t, l->max_position), t->sized);
    at_most(t, RISK_RISK_PER_TRADE, "loss_at_stop", v->heat, share(t, l->risk_per_trade), t->sized);
    at_most(t, RISK_BOOK_SHARE, "qty", dec_int(v->qty), dec_mul(dec_int(t->book_lots), l->max_book_share),
            t->sized);
    at_most(t, RISK_BALANCE, "margin_and_fee", cover, t->a->available, t->sized);
    at_most(t, RISK_CAPITAL, "margins_and_fee", dec_add(t->margin_sum, cover), t->equity, t->sized);
    if (t->a->burst.on)
        at_most(t, RISK_BURST, "burst_margin", dec_add(t->a->burst.committed, v->margin), burst_room(t), t->sized);
}

static void judge_leverage(struct trade *t)
{
    int want = t->r->leverage, used = t->v->leverage;
    bool possible = want >= 1 && want <= FORMULA_LEVERAGE_MAX;
    list(t, RISK_LEVERAGE, "leverage_requested", dec_int(want), dec_int(FORMULA_LEVERAGE_MAX), possible, true);
    dec_t l = dec_int(used > 0 ? used : 1);
    bool tier = t->tier != NULL && t->priced;
    at_most(t, RISK_LEVERAGE, "leverage_hard_limit", l, dec_int(t->l->leverage_max), tier);
    at_most(t, RISK_LEVERAGE, "leverage_contract", l, dec_int(tier ? t->tier->max_leverage : 0),
            t->priced && possible);     /* above the highest tier: 0 */
    at_most(t, RISK_LEVERAGE, "leverage_tier", l, dec_int(t->limit_tier), tier);
    at_most(t, RISK_LEVERAGE, "leverage_volatility", l, dec_int(t->limit_vol), tier);
}

static void judge_account(struct trade *t)
{
    const struct risk_account *a = t->a;
    dec_t loss = risk_day_loss(&a->day);
    bool day = dec_sign(a->day.start_equity) > 0;
    at_most(t, RISK_DAILY_DRAWDOWN, "day_drawdown", loss, t->l->max_daily_drawdown, day);
    at_most(t, RISK_DAILY_LOSS, "day_loss", loss, t->l->daily_loss, day);
    is_false(t, RISK_DAILY_LOSS, "day_paused", a->day.paused);
    at_most(t, RISK_LOSS_STREAK, "losses", dec_int(a->streak.losses), dec_int(t->l->streak_max), true);
    list(t, RISK_LOSS_STREAK, "losses_blocked_until_ns", dec_int(t->r->market_ns),
         dec_int(a->streak.block_until_ns), t->r->market_ns >= a->streak.block_until_ns, true);
}

static void judge_trade(struct trade *t)
{
    const struct risk_limits *l = t->l;
    const struct risk_verdict *v = t->v;
    dec_t roi = dec_zero(), clear = dec_zero(), buffer = dec_zero(), stop = dec_zero();
    at_most(t, RISK_CORRELATION, "cluster_positions", dec_int(t->cluster + 1), dec_int(l->max_cluster), t->counted);
    at_most(t, RISK_CORRELATION, "cluster_margin", dec_add(t->cluster_margin, v->margin),
            cluster_room(t), t->sized);
    bool levels = t->judged > 0;
    if (levels) {
        roi = target_roi(t, t->judged);
        clear = dec_mul(dec_int(2), break_even_roi(t, t->judged));
    }
    at_least(t, RISK_BREAK_EVEN, "target_roi", roi, clear, levels);
    at_most(t, RISK_LIQUIDATION_BUFFER, "leverage_liquidation", dec_int(v->leverage > 0 ? v->leverage : 1),
            dec_int(t->limit_liq), levels);
    if (t->sized) {
        buffer = dec_quo(dec_abs(dec_sub(v->price, v->liquidation_px)), v->price);
        stop = dec_quo(dec_abs(dec_sub(v->price, v->stop_px)), v->price);
    }
    at_least(t, RISK_LIQUIDATION_BUFFER, "liquidation_distance", buffer, l->liquidation_buffer, t->sized);
    at_least(t, RISK_LIQUIDATION_BUFFER, "liquidation_beyond_stop", buffer, stop, t->sized);
}

static void judge_totals(struct trade *t)
{
    const struct risk_limits *l = t->l;
    const struct risk_verdict *v = t->v;
    at_most(t, RISK_HEAT, "heat", dec_add(t->heat_sum, v->heat), share(t, l->max_heat), t->sized);
    at_most(t, RISK_NOTIONAL, "symbol_notional", dec_add(t->symbol_notional, v->notional),
            share(t, l->max_symbol_notional), t->sized);
    at_most(t, RISK_NOTIONAL, "notional", dec_add(t->notional_sum, v->notional), share(t, l->max_notional),
            t->sized);
    at_most(t, RISK_EXPOSURE, "exposure", dec_add(t->margin_sum, v->margin), share(t, l->max_exposure),
            t->sized);
    at_most(t, RISK_MAX_POSITIONS, "positions", dec_int(t->a->position_count + INT64_C(1)), dec_int(l->max_positions),
            t->counted);
    at_most(t, RISK_STRATEGY_POSITIONS, "strategy_positions", dec_int(t->of_strategy + 1),
            dec_int(l->max_strategy_positions), t->counted);
    list(t, RISK_SYMBOL_OPEN, "symbol_open", dec_int(t->symbol_open), dec_zero(), !t->symbol_open, t->counted);
    list(t, RISK_COOL_DOWN, "cool_down_until_ns", dec_int(t->r->market_ns), dec_int(t->a->cooldown_until_ns),
         t->r->market_ns >= t->a->cooldown_until_ns, true);
    if (l->min_interval_ns > 0 && t->a->entered_ns != 0)
        list(t, RISK_MIN_INTERVAL, "entry_possible_ns", dec_int(t->r->market_ns),
             dec_add(dec_int(t->a->entered_ns), dec_int(l->min_interval_ns)),
             t->r->market_ns - t->a->entered_ns >= l->min_interval_ns, true);
}

/* The figure that decides: the first failed one with known figures, else the first failed one. */
static const struct risk_figure *decisive(const struct risk_verdict *v)
{
    const struct risk_figure *unknown = NULL;
    for (int i = 0; i < v->check_count; i++) {
        const struct risk_figure *f = &v->checks[i];
        if (!f->ok && f->known)
            return f;
        if (!f->ok && unknown == NULL)
            unknown = f;
    }
    return unknown;
}

/* "SPREAD: the spread is too wide (spread 0.0007, limit 0.0005)" */
static void explain(struct trade *t, const struct risk_figure *f)
{
    struct risk_verdict *v = t->v;
    char value[DEC_TEXT_MAX], limit[DEC_TEXT_MAX];
    if (v->reason == RISK_BAD_DATA)
        snprintf(v->text, sizeof v->text, "%s: %s", risk_reason_name(v->reason), t->bad);
    else if (v->reason == RISK_SIZE_BELOW_LOT && f->known)
        snprintf(v->text, sizeof v->text, "%s: one lot needs an equity of %.40s", risk_reason_name(v->reason),
                 dec_format(v->equity_needed, value));
    else if (!f->known)
        snprintf(v->text, sizeof v->text, "%s: %s cannot be computed", risk_reason_name(v->reason), f->name);
    else
        snprintf(v->text, sizeof v->text, "%s: %s (%s %.24s, limit %.24s)", risk_reason_name(v->reason),
                 risk_reason_text(v->reason), f->name, dec_format(f->value, value), dec_format(f->limit, limit));
}

void risk_check(const struct risk_limits *l, const struct risk_account *a, const struct risk_market *m,
                const struct risk_request *r, struct risk_verdict *ret)
{
    struct trade t = {.l = l, .a = a, .m = m, .r = r, .v = ret};
    memset(ret, 0, sizeof *ret);
    derive(&t);
    judge_request(&t);
    judge_market(&t);
    judge_size(&t);
    judge_leverage(&t);
    judge_account(&t);
    judge_trade(&t);
    judge_totals(&t);
    const struct risk_figure *f = decisive(ret);
    ret->approved = f == NULL;
    if (f == NULL)
        return;
    ret->reason = f->check;
    explain(&t, f);
}
