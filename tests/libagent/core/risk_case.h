/* risk_case - a decision that is approved, for tests to spoil: limits l, account a, market m, request r, verdict v. */
#ifndef TESTS_RISK_CASE_H
#define TESTS_RISK_CASE_H

#include <string.h>

#include "libagent/core/risk.h"

#define D(text) dec_lit(text)
#define BAR INT64_C(60000000000)
#define DAY INT64_C(86400000000000)

static struct contract_terms terms;
static struct book_level bids[10], asks[10];
static struct risk_position open_[8];
static struct risk_limits l;
static struct risk_account a;
static struct risk_market m;
static struct risk_request r;
static struct risk_verdict v;

/* XBT at 50,000: one lot is 50 USDT; equity 10,000: 5 lots, margin 50, notional 250. */
static void good(int side)
{
    memset(open_, 0, sizeof open_);
    terms = (struct contract_terms){.multiplier = D("0.001"), .tick = D("0.1"), .maker_fee = D("0.0002"),
        .taker_fee = D("0.0006"), .lfr = D("0.0006"), .lot = 1, .max_qty = 1000000, .tier_count = 1,
        .tier = {{.max_notional = dec_int(1000000), .mmr = D("0.005"), .max_leverage = 125}}};
    for (int i = 0; i < 10; i++) {
        bids[i] = (struct book_level){dec_scaled(500000 - i, -1), 100};
        asks[i] = (struct book_level){dec_scaled(500001 + i, -1), 100};
    }
    risk_limits_default(&l);
    a = (struct risk_account){.equity = dec_int(10000), .available = dec_int(10000),
        .day = {.start_equity = dec_int(10000), .equity = dec_int(10000)}, .positions = open_, .ready = true};
    m = (struct risk_market){.contract = &terms, .bids = bids, .asks = asks, .bid_count = 10, .ask_count = 10,
        .atr = 100, .day_atr = 0.03, .day_bars = 14, .gamma = GATE_FRESH, .g = 0.9};
    r = (struct risk_request){.symbol = "XBTUSDTM", .side = side, .leverage = 5, .rank = 1,
        .market_ns = 1000 * BAR, .close = dec_int(50000), .size_multiplier = dec_int(1)};
}

#endif
