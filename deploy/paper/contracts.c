/* The published ladder of XBTUSDTM; the other contracts use its part from their own maximum
 * leverage downwards, with the same rates.  One lot is worth 0.1 ... 90 USDT. */
#include "deploy/paper/contracts.h"

#include <stddef.h>
#include <string.h>

#include "libagent/core/formula.h"
#include "proto/err.h"

static const struct {
    const char *symbol, *base, *index, *funding, *tick, *multiplier, *max_px;
    int tick_places;
    int64_t max_qty;
    int first_tier;     /* of the ladder */
    double start_px, beta, idio, turnover; /* turnover: USDT per minute */
} rows[CONTRACTS_MAX] = {
    {"XBTUSDTM", "XBT", ".KXBTUSDT", ".XBTUSDTMFPI8H", "0.1", "0.001", "1000000", 1, 1000000, 0,
     90000, 1.00, 0.25, 4e6},
    {"ETHUSDTM", "ETH", ".KETHUSDT", ".ETHUSDTMFPI8H", "0.01", "0.01", "100000", 2, 1000000, 1,
     3000, 1.15, 0.60, 3e6},
    {"SOLUSDTM", "SOL", ".KSOLUSDT", ".SOLUSDTMFPI8H", "0.001", "0.1", "10000", 3, 1000000, 2,
     140, 1.30, 0.90, 1e6},
    {"XRPUSDTM", "XRP", ".KXRPUSDT", ".XRPUSDTMFPI8H", "0.0001", "10", "1000", 4, 1000000, 2,
     2.2, 1.15, 0.90, 6e5},
    {"BNBUSDTM", "BNB", ".KBNBUSDT", ".BNBUSDTMFPI8H", "0.01", "0.01", "100000", 2, 1000000, 2,
     880, 0.90, 0.60, 5e5},
    {"DOGEUSDTM", "DOGE", ".KDOGEUSDT", ".DOGEUSDTMFPI8H", "0.00001", "100", "100", 5, 1000000, 2,
     0.15, 1.25, 0.95, 4e5},
    {"ADAUSDTM", "ADA", ".KADAUSDT", ".ADAUSDTMFPI8H", "0.00001", "10", "100", 5, 1000000, 2,
     0.45, 1.20, 0.90, 3e5},
    {"LINKUSDTM", "LINK", ".KLINKUSDT", ".LINKUSDTMFPI8H", "0.001", "0.1", "10000", 3, 1000000, 2,
     13, 1.20, 0.90, 3e5},
};

static const struct { int64_t max_risk; int leverage; const char *initial, *maintain; } ladder[] = {
    {100000, 125, "0.008", "0.004"}, {500000, 100, "0.01", "0.005"}, {1000000, 75, "0.014", "0.007"},
    {2000000, 50, "0.02", "0.01"}, {3000000, 30, "0.034", "0.017"}, {5000000, 20, "0.05", "0.025"},
    {8000000, 10, "0.1", "0.05"}, {12000000, 5, "0.2", "0.1"}, {20000000, 4, "0.25", "0.125"},
    {30000000, 3, "0.334", "0.167"}, {40000000, 2, "0.5", "0.25"}, {50000000, 1, "1", "0.5"},
};
#define LADDER ((int)(sizeof ladder / sizeof ladder[0]))

static struct contract table[CONTRACTS_MAX];

void contracts_init(void)
{
    if (table[0].symbol)
        return;
    for (int i = CONTRACTS_MAX - 1; i >= 0; i--) {
        struct contract *c = &table[i];
        c->base = rows[i].base;
        c->index_symbol = rows[i].index;
        c->funding_symbol = rows[i].funding;
        c->tick = dec_lit(rows[i].tick);
        c->tick_places = rows[i].tick_places;
        c->index_places = rows[i].tick_places + 1;
        c->index_tick = dec_scaled(1, -c->index_places);
        c->multiplier = dec_lit(rows[i].multiplier);
        c->max_qty = rows[i].max_qty;
        c->max_price = dec_lit(rows[i].max_px);
        c->maker_fee = dec_lit("0.0002");
        c->taker_fee = dec_lit("0.0006");
        c->funding_cap = dec_lit("0.003");
        c->funding_ms = 8 * 3600 * 1000;
        for (int k = rows[i].first_tier; k < LADDER; k++)
            c->tiers[c->n_tiers++] = (struct tier){
                k - rows[i].first_tier + 1, ladder[k].max_risk, ladder[k].leverage,
                dec_lit(ladder[k].initial), dec_lit(ladder[k].maintain)};
        c->max_leverage = c->tiers[0].max_leverage;
        c->start_px = rows[i].start_px;
        c->beta = rows[i].beta;
        c->idio = rows[i].idio;
        c->lots_per_min =
            rows[i].turnover / (rows[i].start_px * dec_to_double(c->multiplier));
        c->symbol = rows[i].symbol;
    }
}

int contract_find(const char *symbol)
{
    for (int i = 0; i < CONTRACTS_MAX; i++)
        if (strcmp(rows[i].symbol, symbol) == 0)
            return i;
    return -1;
}

const struct contract *contract_get(int sym)
{
    must(sym >= 0 && sym < CONTRACTS_MAX && table[0].symbol != NULL);
    return &table[sym];
}

dec_t contract_px(const struct contract *c, int64_t ticks)
{
    return dec_mul(dec_int(ticks), c->tick);
}

dec_t contract_value(const struct contract *c, int64_t lots, int64_t ticks)
{
    return formula_value(lots, c->multiplier, contract_px(c, ticks));
}

const struct tier *contract_tier(const struct contract *c, dec_t value, int from)
{
    for (int i = from > 1 ? from - 1 : 0; i < c->n_tiers; i++)
        if (dec_le(value, dec_int(c->tiers[i].max_risk)))
            return &c->tiers[i];
    return &c->tiers[c->n_tiers - 1];
}

const char *contract_status_name(enum contract_status s)
{
    static const char *const names[] = {"Open", "Paused", "CancelOnly", "Closed"};
    return names[s];
}
