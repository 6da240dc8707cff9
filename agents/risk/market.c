/* market - see market.h */
#include <math.h>
#include <string.h>

#include "proto/err.h"

#include "agents/risk/market.h"

struct instrument *market_find(struct market *m, const char *symbol)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->instruments[i].name, symbol) == 0)
            return &m->instruments[i];
    return NULL;
}

void market_contract(struct instrument *i, const struct msg_market_contract *m)
{
    const int64_t leverage = m->max_leverage > 0 && m->max_leverage <= FORMULA_LEVERAGE_MAX ? m->max_leverage : 0;
    struct contract_terms t = {
        .multiplier = m->multiplier, .tick = m->tick, .maker_fee = m->maker_fee, .taker_fee = m->taker_fee,
        .lfr = m->taker_fee, .max_qty = m->max_qty, .tier_count = 1,
        .tier = {{.max_notional = dec_zero(), .mmr = m->maintenance, .max_leverage = (int32_t)leverage}},
    };
    i->known = dec_to_int(m->lot, &t.lot) == ERR_OK && contract_valid(&t);
    i->terms = t;
    i->tradable = m->tradable;
}

static int take_side(const struct sub_level *from, size_t n, struct book_level *to)
{
    int count = 0;
    for (size_t i = 0; i < n && i < MARKET_LEVELS; i++) {
        int64_t qty;
        if (dec_to_int(dec_round_places(from[i].qty, 0, DEC_DOWN), &qty) < 0 || qty <= 0)
            continue;           /* less than a lot cannot be traded with */
        to[count++] = (struct book_level){.price = from[i].price, .qty = qty};
    }
    return count;
}

void market_book(struct instrument *i, const struct msg_market_book *m, int64_t now_ns)
{
    i->bid_count = take_side(m->bids, m->bids_n, i->bids);
    i->ask_count = take_side(m->asks, m->asks_n, i->asks);
    i->book_ns = now_ns;
}

int64_t market_age_ms(const struct instrument *i, int64_t now_ns)
{
    if (i->book_ns == 0 || i->mark_ns == 0)
        return -1;
    int64_t older_ns = i->book_ns < i->mark_ns ? i->book_ns : i->mark_ns;
    return now_ns > older_ns ? (now_ns - older_ns) / 1000000 : 0;
}

double market_rho(const struct instrument *a, const struct instrument *b)
{
    double rho = NAN;
    if (a == NULL || b == NULL || corr_rho(&a->hours, &b->hours, &rho) < 0)
        return NAN;
    return rho;
}
