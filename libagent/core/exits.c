/* The rules share three comparisons in the position's own direction: gain(), better() and safe(). */
#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "proto/planted.h"

#include "libagent/core/exits.h"

const char *exit_reason_name(enum exit_reason r)
{
    static const char *const name[EXIT_REASON_COUNT] = {
        [EXIT_NONE] = "NONE",
#define EXIT_REASON(n, text) [EXIT_##n] = #n,
#include "libagent/core/exit_reason.def"
#undef EXIT_REASON
    };
    return r >= EXIT_NONE && r < EXIT_REASON_COUNT ? name[r] : "?";
}

const char *exit_reason_text(enum exit_reason r)
{
    static const char *const text[EXIT_REASON_COUNT] = {
        [EXIT_NONE] = "none",
#define EXIT_REASON(n, t) [EXIT_##n] = t,
#include "libagent/core/exit_reason.def"
#undef EXIT_REASON
    };
    return r >= EXIT_NONE && r < EXIT_REASON_COUNT ? text[r] : "?";
}

void exit_params_default(struct exit_params *p)
{
    *p = (struct exit_params){
        .hard_stop = true, .trailing = true, .tp1 = true, .tp2 = true,
        .time_stop = true, .volatility = true, .mae = true,
        .act = dec_int(1), .step = dec_scaled(25, -2), .dist = dec_scaled(75, -2),
        .tp1_r = dec_scaled(12, -1), .tp2_r = dec_int(2), .mae_r = dec_scaled(15, -1),
        .slippage = dec_scaled(2, -4), .volatility_factor = 2.0, .time_stop_bars = 16,
    };
}

/* How far a lies beyond b in the position's favour. */
static dec_t gain(const struct exits *e, dec_t a, dec_t b)
{
    return e->p.side > 0 ? dec_sub(a, b) : dec_sub(b, a);
}

static bool better(const struct exits *e, dec_t a, dec_t b)
{
    return dec_sign(gain(e, a, b)) > 0;
}

static bool reached(const struct exits *e, dec_t price, dec_t target)
{
    return dec_sign(gain(e, price, target)) >= 0;
}

/* May the stop go to `stop` now?  Invariants 1 and 2. */
static bool safe(const struct exits *e, dec_t stop, dec_t last)
{
    return (PLANTED(stop_loosened) || better(e, stop, e->stop)) && better(e, last, stop);
}

int exits_open(struct exits *e, const struct exit_params *p, const struct contract_terms *c,
               const struct pnl *pos, int leverage, dec_t stop, double atr, int64_t fill_bar_ns,
               int64_t bar_ns)
{
    struct exits n;
    if (leverage < 1 || leverage > FORMULA_LEVERAGE_MAX || bar_ns <= 0 || !(atr > 0) || !isfinite(atr) ||
        dec_sign(stop) <= 0 || !contract_valid(c))
        return ERR_RANGE;
    memset(&n, 0, sizeof n);
    n.version = EXITS_VERSION;
    n.leverage = leverage;
    n.tick = c->tick;
    n.taker_fee = c->taker_fee;
    n.initial_stop = n.stop = stop;
    n.atr_entry = atr;
    n.fill_bar_ns = fill_bar_ns;
    n.bar_ns = bar_ns;
    int err = exits_update(&n, p, pos);
    if (err < 0)
        return err;
    *e = n;
    return ERR_OK;
}

int exits_update(struct exits *e, const struct exit_params *p, const struct pnl *pos)
{
    struct exits n = *e;
    int64_t closed = pos->exited_qty - e->p.exited_qty;
    n.p = *pos;
    n.no_tp1 = !p->tp1;
    n.tp1_asked = closed < e->tp1_asked ? e->tp1_asked - closed : 0;
    if (pos->side == 0)
        return ERR_RANGE;
    if (pos->qty == 0) {
        *e = n;
        return ERR_OK;
    }
    n.r = gain(&n, pos->entry_px, e->initial_stop);
    if (dec_sign(n.r) <= 0)
        return ERR_RANGE;
    int err = pnl_break_even(pos, e->taker_fee, p->slippage, e->tick, &n.break_even);
    if (err < 0)
        return err;
    n.tp1 = formula_target_price(pos->side, pos->entry_px, n.r, p->tp1_r, e->tick);
    n.tp2 = formula_target_price(pos->side, pos->entry_px, n.r, p->tp2_r, e->tick);
    dec_t sl_roi = formula_roi_of(n.r, pos->entry_px, e->leverage);
    n.trail = p->fixed.step > 0 ? p->fixed : formula_staircase(sl_roi, p->act, p->step, p->dist);
    *e = n;
    return ERR_OK;
}

void exits_reopen(struct exits *e)
{
    e->closing = EXIT_NONE;
}

bool exits_stop_hit(const struct exits *e, dec_t last)
{
    return !better(e, last, e->stop);
}

bool exits_trail(const struct exits *e, dec_t last, dec_t *ret)
{
    int64_t roi = formula_roi_units(e->p.side, e->p.entry_px, e->leverage, last);
    dec_t stop;
    if (!formula_staircase_stop(&e->trail, e->p.side, e->p.entry_px, e->leverage, e->tick, roi, &stop))
        return false;
    if (better(e, e->break_even, stop))
        stop = e->break_even;
    if (!safe(e, stop, last))
        return false;
    *ret = stop;
    return true;
}

int64_t exits_tp1_qty(const struct exits *e)
{
    int64_t half = e->no_tp1 ? 0 : e->p.entered_qty / 2;
    return half < e->p.qty ? half : e->p.qty;
}

bool exits_time_due(const struct exits *e, const struct exit_params *p, int64_t bar_start_ns, dec_t last)
{
    int64_t bars = (bar_start_ns - e->fill_bar_ns) / e->bar_ns;
    return bars >= p->time_stop_bars && dec_sign(pnl_open_net(&e->p, last, e->taker_fee)) <= 0;
}

bool exits_volatility_due(const struct exits *e, const struct exit_params *p, double atr)
{
    return atr > 0 && atr >= p->volatility_factor * e->atr_entry;
}

bool exits_mae_due(const struct exits *e, const struct exit_params *p, dec_t last)
{
    return dec_ge(gain(e, e->p.entry_px, last), dec_mul(p->mae_r, e->r));
}

/* ---- putting them together ---- */

struct answer {
    struct exit_action *out;
    int n;
};

static void close_all(struct exits *e, struct answer *a, enum exit_reason reason, dec_t price)
{
    int64_t qty = e->p.qty - e->tp1_asked;
    e->closing = (int32_t)reason;
    if (qty > 0)
        a->out[a->n++] = (struct exit_action){EXIT_CLOSE, reason, price, qty};
}

static void move_stop(struct exits *e, struct answer *a, enum exit_reason reason, dec_t stop)
{
    e->stop = stop;
    a->out[a->n++] = (struct exit_action){EXIT_MOVE_STOP, reason, stop, 0};
}

static enum exit_reason stop_reason(const struct exits *e)
{
    return dec_eq(e->stop, e->initial_stop) ? EXIT_STOP_LOSS : EXIT_TRAILING_STOP;
}

static void take_tp1(struct exits *e, struct answer *a, dec_t price)
{
    int64_t qty = exits_tp1_qty(e);
    e->tp1_done = 1;
    if (qty == 0 || e->venue_tp1)
        return;
    e->tp1_asked = qty;
    a->out[a->n++] = (struct exit_action){EXIT_CLOSE, EXIT_TAKE_PROFIT_1, price, qty};
}

/* At most one move for the staircase and for TP1's break-even together. */
static void step_stop_and_targets(struct exits *e, const struct exit_params *p, dec_t last, struct answer *a)
{
    dec_t stop;
    if (p->tp2 && !e->venue_tp2 && reached(e, last, e->tp2)) {
        close_all(e, a, EXIT_TAKE_PROFIT_2, last);
        return;
    }
    bool first = p->tp1 && !e->tp1_done && reached(e, last, e->tp1);
    if (p->trailing && exits_trail(e, last, &stop))
        move_stop(e, a, EXIT_TRAILING_STOP, stop);
    else if (p->tp1 && (first || e->tp1_done) && safe(e, e->break_even, last))
        move_stop(e, a, EXIT_BREAK_EVEN, e->break_even);
    if (first)
        take_tp1(e, a, last);
}

static void step_bar(struct exits *e, const struct exit_params *p, const struct exit_tick *t, struct answer *a)
{
    if (p->time_stop && exits_time_due(e, p, t->bar_start_ns, t->last))
        close_all(e, a, EXIT_TIME_STOP, t->last);
    else if (p->volatility && exits_volatility_due(e, p, t->atr))
        close_all(e, a, EXIT_VOLATILITY_STOP, t->last);
}

int exits_step(struct exits *e, const struct exit_params *p, const struct exit_tick *t,
               struct exit_action out[EXIT_ACTIONS_MAX])
{
    struct answer a = {.out = out};
    if (dec_sign(t->last) <= 0)
        return ERR_RANGE;
    if (e->p.qty == 0 || e->closing)
        return 0;
    if (p->hard_stop && !e->venue_stop && exits_stop_hit(e, t->last)) {
        close_all(e, &a, stop_reason(e), t->last);
        return a.n;
    }
    step_stop_and_targets(e, p, t->last, &a);
    if (!e->closing && t->bar_closed)
        step_bar(e, p, t, &a);
    if (!e->closing && p->mae && exits_mae_due(e, p, t->last))
        close_all(e, &a, EXIT_MAE_STOP, t->last);
    return a.n;
}

/* One straight way of a bar: what it reaches, it reaches at its own price; what `from` was already beyond, at `from`. */
static void fall(struct exits *e, const struct exit_params *p, dec_t from, dec_t to, struct answer *a)
{
    enum exit_reason why;
    dec_t level;
    if (p->hard_stop && exits_stop_hit(e, to)) {
        why = stop_reason(e);
        level = e->stop;
    } else if (p->mae && exits_mae_due(e, p, to)) {
        dec_t far = dec_mul(p->mae_r, e->r);
        why = EXIT_MAE_STOP;
        level = e->p.side > 0 ? dec_sub(e->p.entry_px, far) : dec_add(e->p.entry_px, far);
    } else {
        return;
    }
    close_all(e, a, why, better(e, level, from) ? from : level);
}

static void rise(struct exits *e, const struct exit_params *p, dec_t from, dec_t to, struct answer *a)
{
    dec_t stop;
    if (p->tp1 && !e->tp1_done && reached(e, to, e->tp1))
        take_tp1(e, a, better(e, from, e->tp1) ? from : e->tp1);
    if (p->tp2 && reached(e, to, e->tp2)) {
        close_all(e, a, EXIT_TAKE_PROFIT_2, better(e, from, e->tp2) ? from : e->tp2);
        return;
    }
    if (p->tp1 && e->tp1_done && safe(e, e->break_even, to))
        e->stop = e->break_even;
    if (p->trailing && exits_trail(e, to, &stop))
        e->stop = stop;
}

static bool bar_valid(const struct exit_bar *b)
{
    return dec_sign(b->low) > 0 && dec_le(b->low, b->open) && dec_le(b->open, b->high) &&
           dec_le(b->low, b->close) && dec_le(b->close, b->high);
}

int exits_bar(struct exits *e, const struct exit_params *p, const struct exit_bar *b,
              struct exit_action out[EXIT_ACTIONS_MAX])
{
    struct answer a = {.out = out};
    const bool is_long = e->p.side > 0;
    const dec_t path[] = {b->open, is_long ? b->low : b->high, is_long ? b->high : b->low, b->close};
    dec_t from = b->open, before = e->stop;
    if (!bar_valid(b))
        return ERR_RANGE;
    if (e->p.qty == 0)
        return 0;
    for (size_t i = 0; i < sizeof path / sizeof path[0] && !e->closing; i++) {
        fall(e, p, from, path[i], &a);
        if (!e->closing)
            rise(e, p, from, path[i], &a);
        from = path[i];
    }
    if (e->closing)
        return a.n;
    if (!dec_eq(e->stop, before))
        move_stop(e, &a, EXIT_TRAILING_STOP, e->stop);
    struct exit_tick t = {.last = b->close, .bar_closed = true, .bar_start_ns = b->start_ns, .atr = b->atr};
    step_bar(e, p, &t, &a);
    return a.n;
}
