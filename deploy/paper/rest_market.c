/* rest_market - public market data (kucoin-futures 5) and what ccxt asks of the spot side (12.2). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/rest.h"
#include "deploy/paper/view.h"

#define KLINE_ROWS 500
#define TRADE_ROWS 100

static void contracts_active(struct rest_call *c)
{
    jw_open(c->out, "data", '[');
    for (int sym = 0; sym < CONTRACTS_MAX; sym++)
        if (engine_listed(c->v->engine, sym))
            view_contract(c->out, NULL, c->v, sym);
    jw_close(c->out, ']');
}

static void contract_one(struct rest_call *c)
{
    int sym = rest_symbol(c, c->segment);
    if (sym >= 0)
        view_contract(c->out, "data", c->v, sym);
}

static void risk_limits(struct rest_call *c)
{
    int sym = rest_symbol(c, c->segment);
    if (sym < 0)
        return;
    const struct contract *k = contract_get(sym);
    jw_open(c->out, "data", '[');
    for (int i = 0; i < k->n_tiers; i++) {
        const struct tier *t = &k->tiers[i];
        jw_open(c->out, NULL, '{');
        jw_str(c->out, "symbol", k->symbol);
        jw_int(c->out, "level", t->level);
        jw_int(c->out, "maxRiskLimit", t->max_risk);
        jw_int(c->out, "minRiskLimit", i > 0 ? k->tiers[i - 1].max_risk : 0);
        jw_int(c->out, "maxLeverage", t->max_leverage);
        jw_dec(c->out, "initialMargin", t->initial);
        jw_dec(c->out, "maintainMargin", t->maintain);
        jw_close(c->out, '}');
    }
    jw_close(c->out, ']');
}

static void ticker_value(struct rest_call *c, const char *key, int sym)
{
    struct ticker t;
    engine_ticker(c->v->engine, sym, &t);
    jw_open(c->out, key, '{');
    view_ticker_fields(c->out, &t, sym);
    jw_close(c->out, '}');
}

static void ticker(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym >= 0)
        ticker_value(c, "data", sym);
}

static void all_tickers(struct rest_call *c)
{
    jw_open(c->out, "data", '[');
    for (int sym = 0; sym < CONTRACTS_MAX; sym++)
        if (engine_listed(c->v->engine, sym))
            ticker_value(c, NULL, sym);
    jw_close(c->out, ']');
}

static void book(struct rest_call *c, size_t depth)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym < 0)
        return;
    struct level side[2][BOOK_SHOWN];
    size_t nb = depth, na = depth;
    int64_t sequence;
    engine_book(c->v->engine, sym, side[0], &nb, side[1], &na, &sequence);
    jw_open(c->out, "data", '{');
    jw_int(c->out, "sequence", sequence);
    jw_str(c->out, "symbol", contract_get(sym)->symbol);
    view_levels(c->out, "bids", contract_get(sym), side[0], nb, false);
    view_levels(c->out, "asks", contract_get(sym), side[1], na, false);
    jw_int(c->out, "ts", wall_ns());
    jw_close(c->out, '}');
}

static void book_full(struct rest_call *c) { book(c, BOOK_SHOWN); }
static void book_20(struct rest_call *c) { book(c, 20); }
static void book_100(struct rest_call *c) { book(c, 100); }

static void trade_history(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym < 0)
        return;
    struct trade t[TRADE_ROWS];
    size_t n = engine_trades(c->v->engine, sym, t, TRADE_ROWS);
    jw_open(c->out, "data", '[');
    for (size_t i = 0; i < n; i++) {
        jw_open(c->out, NULL, '{');
        jw_int(c->out, "sequence", t[i].sequence);
        jw_int(c->out, "contractId", 1);
        jw_ints(c->out, "tradeId", t[i].trade_id);
        jw_ints(c->out, "makerOrderId", t[i].maker_id);
        jw_ints(c->out, "takerOrderId", t[i].taker_id);
        jw_int(c->out, "ts", t[i].market_ns);
        jw_int(c->out, "size", t[i].lots);
        jw_decs(c->out, "price", contract_px(contract_get(sym), t[i].px));
        jw_str(c->out, "side", view_side(t[i].side));
        jw_close(c->out, '}');
    }
    jw_close(c->out, ']');
}

static void kline(struct rest_call *c)
{
    const int64_t most = INT64_MAX / NS_PER_MS - 1;
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    int64_t minutes = rest_param_int(c, "granularity", 0, 1, 10080);
    int64_t from = rest_param_int(c, "from", -1, 0, most);
    int64_t to = rest_param_int(c, "to", -1, 0, most);
    if (c->code == 0 && !codec_granularity_ok((int)minutes))
        rest_fail(c, 100001, "granularity must be one of 1 5 15 30 60 120 240 480 720 1440 10080");
    if (c->code != 0)
        return;
    struct candle rows[KLINE_ROWS];
    int64_t to_ns = to >= 0 ? to * NS_PER_MS + 1 : INT64_MAX;      /* `to` belongs to the range */
    size_t n = engine_candles(c->v->engine, sym, (int)minutes, from >= 0 ? from * NS_PER_MS : 0,
                              to_ns, true, from < 0, rows, KLINE_ROWS);
    const struct contract *k = contract_get(sym);
    jw_open(c->out, "data", '[');
    for (size_t i = 0; i < n; i++) {
        jw_open(c->out, NULL, '[');
        jw_int(c->out, NULL, rows[i].start_ns / NS_PER_MS);
        jw_dec(c->out, NULL, contract_px(k, rows[i].open));
        jw_dec(c->out, NULL, contract_px(k, rows[i].high));
        jw_dec(c->out, NULL, contract_px(k, rows[i].low));
        jw_dec(c->out, NULL, contract_px(k, rows[i].close));
        jw_int(c->out, NULL, rows[i].lots);
        jw_close(c->out, ']');
    }
    jw_close(c->out, ']');
}

static void mark_price(struct rest_call *c)
{
    int sym = rest_symbol(c, c->segment);
    if (sym < 0)
        return;
    dec_t mark, index;
    engine_mark(c->v->engine, sym, &mark, &index);
    jw_open(c->out, "data", '{');
    jw_str(c->out, "symbol", contract_get(sym)->symbol);
    jw_int(c->out, "granularity", 1000);
    jw_int(c->out, "timePoint", wall_ns() / NS_PER_S * 1000);
    jw_dec(c->out, "value", mark);
    jw_dec(c->out, "indexPrice", index);
    jw_close(c->out, '}');
}

static void funding_current(struct rest_call *c)
{
    int sym = rest_symbol(c, c->segment);
    if (sym < 0)
        return;
    const struct contract *k = contract_get(sym);
    struct funding_info f;
    engine_funding_info(c->v->engine, sym, &f);
    jw_open(c->out, "data", '{');
    jw_str(c->out, "symbol", k->funding_symbol);
    jw_int(c->out, "granularity", k->funding_ms);
    jw_int(c->out, "timePoint", f.last_ns / NS_PER_MS);
    jw_dec(c->out, "value", f.rate);
    jw_dec(c->out, "predictedValue", f.predicted);
    jw_dec(c->out, "fundingRateCap", k->funding_cap);
    jw_dec(c->out, "fundingRateFloor", dec_neg(k->funding_cap));
    jw_int(c->out, "period", 1);
    jw_int(c->out, "fundingTime", f.next_ns / NS_PER_MS);
    jw_close(c->out, '}');
}

/* Newest first; at most 100 rows, as many as a month has. */
static void funding_rates(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    int64_t from = rest_param_int(c, "from", 0, 0, INT64_MAX / NS_PER_MS);
    int64_t to = rest_param_int(c, "to", INT64_MAX / NS_PER_MS, 0, INT64_MAX / NS_PER_MS);
    if (c->code != 0)
        return;
    const struct contract *k = contract_get(sym);
    struct funding_info f;
    engine_funding_info(c->v->engine, sym, &f);
    int64_t last = f.last_ns / NS_PER_MS;
    int64_t at = to < last ? to / k->funding_ms * k->funding_ms : last;
    jw_open(c->out, "data", '[');
    for (int i = 0; i < 100 && at >= from && at > 0; i++, at -= k->funding_ms) {
        jw_open(c->out, NULL, '{');
        jw_str(c->out, "symbol", k->symbol);
        jw_dec(c->out, "fundingRate", engine_funding_rate(c->v->engine, sym, at * NS_PER_MS));
        jw_int(c->out, "timepoint", at);
        jw_close(c->out, '}');
    }
    jw_close(c->out, ']');
}

static void timestamp(struct rest_call *c)
{
    jw_int(c->out, "data", wall_ns() / NS_PER_MS);
}

/* The exchange is closed when all its contracts are paused. */
static void status(struct rest_call *c)
{
    bool open = false;
    for (int sym = 0; sym < CONTRACTS_MAX; sym++)
        open = open || (engine_listed(c->v->engine, sym) &&
                        engine_status(c->v->engine, sym) != CONTRACT_PAUSED);
    jw_open(c->out, "data", '{');
    jw_str(c->out, "status", open ? "open" : "close");
    jw_str(c->out, "msg", "");
    jw_close(c->out, '}');
}

static void bullet(struct rest_call *c)
{
    char token[TOKEN_MAX];
    venue_token(c->v, c->account, token);
    jw_open(c->out, "data", '{');
    jw_str(c->out, "token", token);
    jw_open(c->out, "instanceServers", '[');
    jw_open(c->out, NULL, '{');
    jw_str(c->out, "endpoint", c->v->ws_url);
    jw_bool(c->out, "encrypt", false);
    jw_str(c->out, "protocol", "websocket");
    jw_int(c->out, "pingInterval", 18000);
    jw_int(c->out, "pingTimeout", 10000);
    jw_close(c->out, '}');
    jw_close(c->out, ']');
    jw_close(c->out, '}');
}

/* ---- the spot side ---- */

static void currencies(struct rest_call *c)
{
    static const char usdt[] =
        "[{\"currency\":\"USDT\",\"name\":\"USDT\",\"fullName\":\"Tether\",\"precision\":8,"
        "\"confirms\":null,\"contractAddress\":null,\"isMarginEnabled\":true,"
        "\"isDebitEnabled\":true,\"chains\":[]}]";
    jw_raw(c->out, "data", usdt, sizeof usdt - 1);
}

static void margin_symbols(struct rest_call *c)
{
    jw_raw(c->out, "data", "{\"timestamp\":0,\"items\":[]}", 26);
}

static void no_symbols(struct rest_call *c)
{
    jw_raw(c->out, "data", "[]", 2);
}

static void account_mode(struct rest_call *c)
{
    jw_open(c->out, "data", '{');
    jw_str(c->out, "selfAccountMode", "CLASSIC");
    jw_close(c->out, '}');
}

static void hf_opened(struct rest_call *c)
{
    jw_bool(c->out, "data", false);
}

#define PUBLIC(path, weight, fn) {"GET", path, AUTH_PUBLIC, POOL_PUBLIC, weight, fn}
const struct rest_route rest_market_routes[] = {
    PUBLIC("/api/v1/contracts/active", 3, contracts_active),
    PUBLIC("/api/v1/contracts/{}", 3, contract_one),
    PUBLIC("/api/v1/contracts/risk-limit/{}", 5, risk_limits),
    PUBLIC("/api/v1/ticker", 2, ticker),
    PUBLIC("/api/v1/allTickers", 5, all_tickers),
    PUBLIC("/api/v1/level2/snapshot", 3, book_full),
    PUBLIC("/api/v1/level2/depth20", 5, book_20),
    PUBLIC("/api/v1/level2/depth100", 10, book_100),
    PUBLIC("/api/v1/trade/history", 5, trade_history),
    PUBLIC("/api/v1/kline/query", 3, kline),
    PUBLIC("/api/v1/mark-price/{}/current", 3, mark_price),
    PUBLIC("/api/v1/funding-rate/{}/current", 2, funding_current),
    PUBLIC("/api/v1/contract/funding-rates", 5, funding_rates),
    PUBLIC("/api/v1/timestamp", 2, timestamp),
    PUBLIC("/api/v1/status", 4, status),
    PUBLIC("/api/v3/currencies", 3, currencies),
    PUBLIC("/api/v3/margin/symbols", 3, margin_symbols),
    {"POST", "/api/v1/bullet-public", AUTH_PUBLIC, POOL_PUBLIC, 10, bullet},
    {"POST", "/api/v1/bullet-private", AUTH_GENERAL, POOL_FUTURES, 10, bullet},
    {"GET", "/api/v1/isolated/symbols", AUTH_PUBLIC, POOL_PUBLIC, 3, no_symbols},
    {"GET", "/api/ua/v1/account/mode", AUTH_GENERAL, POOL_MANAGEMENT, 1, account_mode},
    {"GET", "/api/v1/hf/accounts/opened", AUTH_GENERAL, POOL_MANAGEMENT, 1, hf_opened},
    ROUTES_END
};
