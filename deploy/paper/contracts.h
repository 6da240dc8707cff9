/* contracts - the eight perpetuals of the paper exchange: one table.
 *
 * Units:   prices are whole ticks and sizes whole lots (int64_t) everywhere inside the exchange;
 *          contract_px() and contract_value() turn them into exact decimals (USDT).
 * Source:  published contract parameters and risk tiers of the venue; the tiers of the smaller
 *          contracts are the same ladder with their own leverage.
 * Threads: constant after contracts_init(), which may be called any number of times by one thread.
 */
#ifndef PAPER_CONTRACTS_H
#define PAPER_CONTRACTS_H

#include <stdint.h>

#include "proto/dec.h"

#define CONTRACTS_MAX 8
#define TIERS_MAX 12
#define NS_PER_S 1000000000LL
#define NS_PER_MIN (60 * NS_PER_S)

enum contract_status { CONTRACT_OPEN, CONTRACT_PAUSED, CONTRACT_CANCEL_ONLY, CONTRACT_CLOSED,
                       CONTRACT_STATUSES };

struct level { int64_t px, lots; };     /* of a book: ticks, lots */

struct tier {
    int level;              /* from 1 */
    int64_t max_risk;       /* USDT of position value, inclusive */
    int max_leverage;
    dec_t initial, maintain; /* rates */
};

struct contract {
    const char *symbol;         /* "XBTUSDTM" */
    const char *base;           /* "XBT" */
    const char *index_symbol;   /* ".KXBTUSDT" */
    const char *funding_symbol; /* ".XBTUSDTMFPI8H" */
    dec_t tick, index_tick;     /* USDT */
    int tick_places;            /* digits after the point of a price */
    int index_places;
    dec_t multiplier;           /* base units per lot */
    int64_t max_qty;            /* lots per order */
    dec_t max_price;
    int max_leverage;
    dec_t maker_fee, taker_fee; /* rates */
    dec_t funding_cap;          /* rate; the floor is its negative */
    int64_t funding_ms;         /* interval; settlements at multiples of it since 1970 */
    int n_tiers;
    struct tier tiers[TIERS_MAX];
    /* the synthetic market */
    double start_px;            /* USDT */
    double beta, idio;          /* loading on the common factor, own noise (both x its minute sd) */
    double lots_per_min;        /* typical */
};

void contracts_init(void);
/* Number in the table or -1. */
int contract_find(const char *symbol);
const struct contract *contract_get(int sym);

dec_t contract_px(const struct contract *c, int64_t ticks);
/* lots x multiplier x price: always >= 0 for positive arguments; signed with lots. */
dec_t contract_value(const struct contract *c, int64_t lots, int64_t ticks);
/* The lowest tier, not below level `from`, whose limit holds `value`; the last one when none does. */
const struct tier *contract_tier(const struct contract *c, dec_t value, int from);
const char *contract_status_name(enum contract_status s); /* "Open", "Paused", "CancelOnly", "Closed" */

#endif
