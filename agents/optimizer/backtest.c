/* backtest - see backtest.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "agents/optimizer/backtest.h"

#define LOTS 1000000            /* so many that halves of it do not round */

struct trade {
    bool open;
    struct pnl pnl;
    struct exits exits;
    dec_t notional;
};

static void add_result(struct backtest_result *r, const struct trade *t)
{
    double net = dec_to_double(dec_quo(pnl_net(&t->pnl), t->notional));
    r->trades++;
    r->wins += net > 0;
    r->net += net;
    r->gains += net > 0 ? net : 0;
    r->losses += net < 0 ? -net : 0;
    r->peak = r->net > r->peak ? r->net : r->peak;
    r->max_drawdown = r->peak - r->net > r->max_drawdown ? r->peak - r->net : r->max_drawdown;
}

static dec_t fee(const struct backtest_setup *s, int64_t lots, dec_t price)
{
    return dec_mul(formula_value(lots, s->contract.multiplier, price), s->contract.taker_fee);
}

static int enter(const struct backtest_setup *s, struct trade *t, const struct score_signal *sig,
                 const struct backtest_bar *b)
{
    dec_t atr, distance;
    if (dec_from_double(sig->atr, s->contract.tick, DEC_UP, &atr) < 0)
        return ERR_RANGE;
    distance = dec_max(dec_mul(s->stop_atr, atr), dec_mul(s->stop_floor, b->close));
    dec_t stop = sig->dir > 0 ? dec_round_to(dec_sub(b->close, distance), s->contract.tick, DEC_FLOOR)
                              : dec_round_to(dec_add(b->close, distance), s->contract.tick, DEC_CEIL);
    *t = (struct trade){.open = true};
    t->notional = formula_value(LOTS, s->contract.multiplier, b->close);
    int err = pnl_fill(&t->pnl, sig->dir, LOTS, b->close, fee(s, LOTS, b->close), s->contract.multiplier);
    if (err == ERR_OK)
        err = exits_open(&t->exits, &s->exits, &s->contract, &t->pnl, s->leverage, stop, sig->atr,
                         b->candle.start_ns + s->primary_ns, s->primary_ns);
    t->open = err == ERR_OK;
    return err;
}

/* The exit's slippage is a cost: prices are worse by it. */
static void leave(const struct backtest_setup *s, struct trade *t, const struct exit_action *a,
                  struct backtest_result *r)
{
    dec_t slip = dec_mul(a->price, s->exits.slippage);
    dec_t price = t->pnl.side > 0 ? dec_sub(a->price, slip) : dec_add(a->price, slip);
    int64_t lots = a->qty < t->pnl.qty ? a->qty : t->pnl.qty;
    if (lots <= 0 || pnl_fill(&t->pnl, -t->pnl.side, lots, price, fee(s, lots, price), s->contract.multiplier) < 0)
        return;
    exits_update(&t->exits, &s->exits, &t->pnl);
    if (t->pnl.qty > 0)
        return;
    t->open = false;
    add_result(r, t);
}

static void manage(const struct backtest_setup *s, struct trade *t, const struct backtest_bar *b, double atr,
                   struct backtest_result *r)
{
    struct exit_action actions[EXIT_ACTIONS_MAX];
    const struct exit_bar bar = {
        .open = b->open, .high = b->high, .low = b->low, .close = b->close,
        .start_ns = b->candle.start_ns, .atr = atr,
    };
    int n = exits_bar(&t->exits, &s->exits, &bar, actions);
    for (int i = 0; i < n && t->open; i++)
        if (actions[i].kind == EXIT_CLOSE)
            leave(s, t, &actions[i], r);
}

int backtest_run(const struct backtest_setup *s, const struct backtest_bar *bars, size_t n,
                 const struct candle *confirm, size_t n_confirm, struct backtest_result *r)
{
    struct strategy_score *st = calloc(1, sizeof *st);
    must(st != NULL);
    struct trade t = {.open = false};
    struct score_signal sig = {.dir = 0};
    int err = strategy_score_init(st, s->primary_ns, s->confirm_ns);
    size_t k = 0;
    for (size_t i = 0; err == ERR_OK && i < n; i++) {
        const struct backtest_bar *b = &bars[i];
        /* confirm bars from before the primary history begins */
        while (k < n_confirm && confirm[k].start_ns + s->confirm_ns <= b->candle.start_ns)
            score_on_confirm(st, &s->score, &confirm[k++]);
        r->bars++;
        if (t.open)
            manage(s, &t, b, sig.atr, r);
        struct score_signal fired;
        if (score_on_bar(st, &s->score, &b->candle, NULL, false, &fired) == SCORE_FIRED && !t.open) {
            sig = fired;
            enter(s, &t, &sig, b);
        }
    }
    free(st);
    return err;
}
