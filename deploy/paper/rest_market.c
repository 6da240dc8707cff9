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
#define HISTORY_ROWS 65536      /* the engine keeps no more minutes */

static void contracts_active(struct rest_call *c)
{
    jw_open(c->out, "data", '[');
    for (int sym = 0; sym < CONTRACTS_MAX; sym++)
        if (engine_listed(c->v->engine, sym) && engine_status(c->v->engine, sym) != CONTRACT_CLOSED)
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

/* ---- what is computed from the contracts: index, premium, interest ---- */

/* ".KXBTUSDT" (index), ".XBTUSDTMPI" and ".XBTUSDTMPI8H" (premium, *ret_minutes 1 and 480) to their contract;
 * -1 for another name. */
static int computed_symbol(const struct rest_call *c, const char *name, bool *ret_premium, int *ret_minutes)
{
    for (int sym = 0; name != NULL && sym < CONTRACTS_MAX; sym++) {
        const struct contract *k = contract_get(sym);
        size_t n = strlen(k->symbol);
        if (!engine_listed(c->v->engine, sym))
            continue;
        *ret_minutes = 1;
        *ret_premium = name[0] == '.' && strncmp(name + 1, k->symbol, n) == 0;
        if (strcmp(name, k->index_symbol) == 0 || (*ret_premium && strcmp(name + 1 + n, "PI") == 0))
            return sym;
        *ret_minutes = 480;
        if (*ret_premium && strcmp(name + 1 + n, "PI8H") == 0)
            return sym;
    }
    return -1;
}

/* Rows of the offset style, one per `minutes` whose time is their id: the newest of them, or from the other
 * end when the caller turns the list round. */
#define COMPUTED_ROWS 100

struct computed { int sym, minutes; bool premium; dec_t constant; const char *name; };

static bool computed_row(struct rest_call *c, const struct computed *k, int64_t ms)
{
    struct candle bar;
    dec_t value = k->constant;
    if (k->sym >= 0) {
        if (!engine_index_bar(c->v->engine, k->sym, k->premium, ms * NS_PER_MS, k->minutes, &bar))
            return false;
        value = k->premium ? dec_scaled(bar.close, -8)
                           : dec_mul(dec_int(bar.close), contract_get(k->sym)->index_tick);
    }
    jw_open(c->out, NULL, '{');
    jw_str(c->out, "symbol", k->name);
    jw_int(c->out, "granularity", k->minutes * 60000);
    jw_int(c->out, "timePoint", ms);
    jw_dec(c->out, "value", value);
    if (k->sym >= 0 && !k->premium) {
        jw_open(c->out, "decomposionList", '[');    /* the venue's spelling */
        jw_open(c->out, NULL, '{');
        jw_str(c->out, "exchange", "paper");
        jw_dec(c->out, "price", value);
        jw_int(c->out, "weight", 1);
        jw_close(c->out, '}');
        jw_close(c->out, ']');
    }
    jw_close(c->out, '}');
    return true;
}

static void computed_rows(struct rest_call *c, const struct computed *k)
{
    struct rest_offset o;
    if (!rest_offset_init(c, &o, 10, COMPUTED_ROWS))
        return;
    const int64_t step = k->minutes * 60000LL, now = engine_market_ns(c->v->engine) / NS_PER_MS;
    int64_t last = (o.to_ms < now ? o.to_ms : now) / step * step;
    int64_t first = (o.from_ms + step - 1) / step * step;
    if (first < last - HISTORY_ROWS * step)
        first = last - HISTORY_ROWS * step;
    if (o.offset >= 0 && o.down && o.offset - 1 < last)
        last = (o.offset - 1) / step * step;
    if (o.offset >= 0 && !o.down && o.offset >= first)
        first = (o.offset / step + 1) * step;
    for (int64_t at = o.down ? last : first; at >= first && at <= last && !o.more;) {
        o.more = o.rows == o.max;
        if (!o.more)
            o.rows += computed_row(c, k, at);
        at += o.down ? -step : step;
    }
    rest_offset_close(c, &o);
}

static void computed_query(struct rest_call *c, bool premium)
{
    struct computed k = {.name = rest_param(c, "symbol")};
    k.sym = computed_symbol(c, k.name, &k.premium, &k.minutes);
    if (k.sym < 0 || k.premium != premium)
        rest_fail(c, k.name != NULL ? 100003 : 100001,
                  k.name != NULL ? "Contract parameter invalid." : "symbol cannot be empty");
    else
        computed_rows(c, &k);
}

static void index_query(struct rest_call *c) { computed_query(c, false); }
static void premium_query(struct rest_call *c) { computed_query(c, true); }

/* A day of the quote currency costs 0.06 %, of a coin 0.03 %; the difference is the interest of funding. */
static void interest_query(struct rest_call *c)
{
    const char *name = rest_param(c, "symbol"), *end = name != NULL ? strstr(name, "INT") : NULL;
    struct computed k = {.sym = -1, .name = name, .minutes = 1};
    size_t n = end != NULL && name[0] == '.' ? (size_t)(end - name) - 1 : 0;
    bool coin = false, known = n == 4 && strncmp(name + 1, "USDT", n) == 0;
    for (int sym = 0; !known && n > 0 && sym < CONTRACTS_MAX; sym++)
        coin = coin || (strlen(contract_get(sym)->base) == n &&
                        strncmp(name + 1, contract_get(sym)->base, n) == 0);
    bool third = end != NULL && strcmp(end, "INT8H") == 0;
    if ((!known && !coin) || (!third && strcmp(end, "INT") != 0)) {
        rest_fail(c, name != NULL ? 100003 : 100001,
                  name != NULL ? "Contract parameter invalid." : "symbol cannot be empty");
        return;
    }
    k.minutes = third ? 480 : 1;
    k.constant = dec_scaled((coin ? 3 : 6) / (third ? 3 : 1), -4);
    computed_rows(c, &k);
}

static void trade_statistics(struct rest_call *c)
{
    dec_t sum = dec_zero();
    for (int sym = 0; sym < CONTRACTS_MAX; sym++) {
        struct market_stats s;
        if (!engine_listed(c->v->engine, sym))
            continue;
        engine_stats(c->v->engine, sym, &s);
        sum = dec_add(sum, s.turnover);
    }
    jw_open(c->out, "data", '{');
    jw_dec(c->out, "turnoverOf24h", sum);
    jw_close(c->out, '}');
}

/* Bars of an index or of a premium: open, high, low, close of its minutes, no volume. */
static size_t computed_kline(struct rest_call *c, const struct computed *k, int minutes, int64_t from,
                             int64_t to, struct candle rows[KLINE_ROWS])
{
    const int64_t span = minutes * NS_PER_MIN, now = engine_market_ns(c->v->engine);
    int64_t last = (to < now / NS_PER_MS ? to * NS_PER_MS : now) / span * span;
    int64_t first = from >= 0 ? (from * NS_PER_MS + span - 1) / span * span : last - (KLINE_ROWS - 1) * span;
    size_t n = 0;
    if (first < now - HISTORY_ROWS * span)
        first = (now - HISTORY_ROWS * span) / span * span;
    for (int64_t at = first; at <= last && n < KLINE_ROWS; at += span)
        n += engine_index_bar(c->v->engine, k->sym, k->premium, at, minutes, &rows[n]);
    return n;
}

static void kline(struct rest_call *c)
{
    const int64_t most = INT64_MAX / NS_PER_MS - 1;
    const char *name = rest_param(c, "symbol");
    struct computed computed = {.name = name};
    computed.sym = computed_symbol(c, name, &computed.premium, &computed.minutes);
    int sym = computed.sym >= 0 ? computed.sym : rest_symbol(c, name);
    int64_t minutes = rest_param_int(c, "granularity", 0, 1, 10080);
    int64_t from = rest_param_int(c, "from", -1, 0, most);
    int64_t to = rest_param_int(c, "to", -1, 0, most);
    if (c->code == 0 && !codec_granularity_ok((int)minutes))
        rest_fail(c, 100001, "granularity must be one of 1 5 15 30 60 120 240 480 720 1440 10080");
    if (c->code != 0)
        return;
    struct candle rows[KLINE_ROWS];
    int64_t to_ns = to >= 0 ? to * NS_PER_MS + 1 : INT64_MAX;      /* `to` belongs to the range */
    const struct contract *k = contract_get(sym);
    dec_t unit = computed.sym < 0 ? k->tick : computed.premium ? dec_scaled(1, -8) : k->index_tick;
    size_t n = computed.sym >= 0
                   ? computed_kline(c, &computed, (int)minutes, from, to >= 0 ? to : most, rows)
                   : engine_candles(c->v->engine, sym, (int)minutes, from >= 0 ? from * NS_PER_MS : 0,
                                    to_ns, true, from < 0, rows, KLINE_ROWS);
    jw_open(c->out, "data", '[');
    for (size_t i = 0; i < n; i++) {
        jw_open(c->out, NULL, '[');
        jw_int(c->out, NULL, rows[i].start_ns / NS_PER_MS);
        jw_dec(c->out, NULL, dec_mul(dec_int(rows[i].open), unit));
        jw_dec(c->out, NULL, dec_mul(dec_int(rows[i].high), unit));
        jw_dec(c->out, NULL, dec_mul(dec_int(rows[i].low), unit));
        jw_dec(c->out, NULL, dec_mul(dec_int(rows[i].close), unit));
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
    jw_int(c->out, "data", venue_server_ns(c->v) / NS_PER_MS);
}

/* Open as long as one contract is; else cancelonly as long as one takes cancels only. */
static void status(struct rest_call *c)
{
    bool open = false, cancel = false;
    for (int sym = 0; sym < CONTRACTS_MAX; sym++) {
        if (!engine_listed(c->v->engine, sym))
            continue;
        open = open || engine_status(c->v->engine, sym) == CONTRACT_OPEN;
        cancel = cancel || engine_status(c->v->engine, sym) == CONTRACT_CANCEL_ONLY;
    }
    jw_open(c->out, "data", '{');
    jw_str(c->out, "status", open ? "open" : cancel ? "cancelonly" : "close");
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
    PUBLIC("/api/v1/index/query", 2, index_query),
    PUBLIC("/api/v1/interest/query", 5, interest_query),
    PUBLIC("/api/v1/premium/query", 3, premium_query),
    {"GET", "/api/v1/trade-statistics", AUTH_GENERAL, POOL_FUTURES, 3, trade_statistics},
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
