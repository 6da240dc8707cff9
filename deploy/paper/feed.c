/* feed - see feed.h */
#include "deploy/paper/feed.h"

#include "deploy/paper/engine_priv.h"
#include "proto/err.h"

void feed_bar(struct engine *e, int sym, const struct candle *c)
{
    int64_t minute = c->start_ns / NS_PER_MIN;
    if (minute >= e->market.minute || minute <= e->market.minute - RING || c->lots <= 0)
        return;
    e->market.ring[sym][minute & (RING - 1)] =
        (struct bar){c->open, c->high, c->low, c->close, c->lots};
    if (e->syms[sym].last_px == 0 || e->syms[sym].n_tape == 0)
        e->syms[sym].last_px = c->close;
}

static void settle(struct engine *e, int sym)
{
    engine_top(e, sym);
    orders_stops(e, sym);
    engine_commit(e);
}

void feed_trade(struct engine *e, int sym, int64_t px, int64_t lots)
{
    if (e->syms[sym].status != CONTRACT_OPEN || px <= 0 || lots <= 0)
        return;
    orders_market(e, sym, px, lots);
    settle(e, sym);
}

void feed_book(struct engine *e, int sym, const struct level *bids, size_t n_bids,
               const struct level *asks, size_t n_asks)
{
    book_show(&e->syms[sym].book, bids, n_bids, asks, n_asks);
    settle(e, sym);
}

/* In whole index ticks, half-even. */
static int64_t to_units(const struct contract *c, dec_t px)
{
    int64_t v = 0;
    return dec_to_int(dec_round_places(dec_quo(px, c->index_tick), 0, DEC_HALF_EVEN), &v) == ERR_OK
               ? v
               : 0;
}

void feed_mark(struct engine *e, int sym, dec_t mark, dec_t index)
{
    struct sym *s = &e->syms[sym];
    s->mark_u = to_units(s->c, mark);
    s->index_u = to_units(s->c, index);
}

void feed_rate(struct engine *e, int sym, dec_t rate)
{
    e->syms[sym].live_rate = rate;
}
