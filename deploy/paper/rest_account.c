/* rest_account - account, key, positions, margin, leverage, funding (kucoin-futures 6 and 9).
 *
 * The paper exchange keeps isolated margin in one-way mode: asking for cross margin or hedge mode is
 * refused by name. */
#include <stdio.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/rest.h"
#include "deploy/paper/view.h"

static void overview(struct rest_call *c)
{
    const char *currency = rest_param(c, "currency");
    struct wallet w = {0};
    if (currency == NULL)
        currency = "XBT";
    if (strcmp(currency, "USDT") == 0)
        engine_wallet(c->v->engine, c->account, &w);
    jw_open(c->out, "data", '{');
    jw_dec(c->out, "accountEquity", w.equity);
    jw_dec(c->out, "unrealisedPNL", w.upnl);
    jw_dec(c->out, "marginBalance", w.cash);
    jw_dec(c->out, "positionMargin", dec_add(w.position_margin, w.upnl));
    jw_dec(c->out, "orderMargin", w.order_margin);
    jw_int(c->out, "frozenFunds", 0);
    jw_dec(c->out, "availableBalance", w.available);
    jw_str(c->out, "currency", currency);
    jw_int(c->out, "riskRatio", 0);
    jw_dec(c->out, "maxWithdrawAmount", w.available);
    jw_dec(c->out, "availableMargin", w.available);
    jw_close(c->out, '}');
}

static void api_key(struct rest_call *c)
{
    jw_open(c->out, "data", '{');
    jw_str(c->out, "remark", c->key->account);
    jw_str(c->out, "apiKey", c->key->key);
    jw_int(c->out, "apiVersion", 3);
    jw_str(c->out, "permission", c->key->permission);
    jw_str(c->out, "ipWhitelist", "127.0.0.1");
    jw_int(c->out, "createdAt", c->v->started_ns / NS_PER_MS);
    jw_int(c->out, "uid", 100000000 + c->account);
    jw_bool(c->out, "isMaster", true);
    jw_close(c->out, '}');
}

static void trade_fees(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym < 0)
        return;
    jw_open(c->out, "data", '{');
    jw_str(c->out, "symbol", contract_get(sym)->symbol);
    jw_decs(c->out, "takerFeeRate", contract_get(sym)->taker_fee);
    jw_decs(c->out, "makerFeeRate", contract_get(sym)->maker_fee);
    jw_close(c->out, '}');
}

/* ---- positions ---- */

static void position_value(struct rest_call *c, const char *key, int sym)
{
    jw_open(c->out, key, '{');
    view_position_fields(c->out, c->v, c->account, sym);
    jw_int(c->out, "currentTimestamp", engine_market_ns(c->v->engine) / NS_PER_MS);
    jw_close(c->out, '}');
}

static void positions(struct rest_call *c)
{
    const char *currency = rest_param(c, "currency");
    jw_open(c->out, "data", '[');
    for (int sym = 0; sym < CONTRACTS_MAX; sym++) {
        struct position_view p;
        if (!engine_listed(c->v->engine, sym) || (currency && strcmp(currency, "USDT") != 0))
            continue;
        engine_position(c->v->engine, c->account, sym, &p);
        if (p.qty != 0)
            position_value(c, NULL, sym);
    }
    jw_close(c->out, ']');
}

static void position(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym >= 0)
        position_value(c, "data", sym);
}

static void position_v2(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym < 0)
        return;
    jw_open(c->out, "data", '[');
    position_value(c, NULL, sym);
    jw_close(c->out, ']');
}

static void history_positions(struct rest_call *c)
{
    char user[USER_ID_MAX];
    int sym = rest_symbol_param(c);
    int64_t most = INT64_MAX / NS_PER_MS;
    int64_t from = rest_param_int(c, "from", 0, 0, most), to = rest_param_int(c, "to", most, 0, most);
    struct rest_page p = {.page = rest_param_int(c, "pageId", 1, 1, 1000000),
                          .size = rest_param_int(c, "limit", 10, 1, 200)};
    if (c->code != 0)
        return;
    venue_user_id(c->v, c->account, user);
    jw_open(c->out, "data", '{');
    jw_int(c->out, "currentPage", p.page);
    jw_int(c->out, "pageSize", p.size);
    jw_open(c->out, "items", '[');
    for (size_t i = engine_n_closed(c->v->engine); i-- > 0; ) {
        const struct closed_position *x = engine_closed_at(c->v->engine, i);
        if (x->account == c->account && (sym < 0 || x->sym == sym) &&
            x->close_ns / NS_PER_MS >= from && x->close_ns / NS_PER_MS <= to && rest_page_row(&p))
            view_closed(c->out, NULL, x, user);
    }
    rest_page_close(c, &p);
}

/* ---- modes and leverage ---- */

static void margin_mode_answer(struct rest_call *c, int sym)
{
    jw_open(c->out, "data", '{');
    jw_str(c->out, "symbol", contract_get(sym)->symbol);
    jw_str(c->out, "marginMode", "ISOLATED");
    jw_close(c->out, '}');
}

static void margin_mode(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym >= 0)
        margin_mode_answer(c, sym);
}

static void margin_mode_change(struct rest_call *c)
{
    const char *mode = rest_body_text(c, "marginMode");
    int sym = rest_symbol(c, rest_body_text(c, "symbol"));
    if (c->code != 0)
        return;
    if (strcmp(mode, "ISOLATED") == 0)
        margin_mode_answer(c, sym);
    else
        rest_fail(c, 100001, "marginMode must be ISOLATED: the paper exchange has no cross margin");
}

static void position_mode_answer(struct rest_call *c)
{
    jw_open(c->out, "data", '{');
    jw_int(c->out, "positionMode", 0);
    jw_close(c->out, '}');
}

static void position_mode_change(struct rest_call *c)
{
    int64_t mode = -1;
    if (codec_int(c->body, "positionMode", &mode) != ERR_OK || mode < 0 || mode > 1)
        rest_fail(c, 100001, "positionMode must be 0 or 1");
    else if (mode == 1)
        rest_fail(c, 330011, "The paper exchange has no hedge mode: positionMode must be 0.");
    else
        position_mode_answer(c);
}

static void cross_leverage(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym < 0)
        return;
    int set = c->v->cross_leverage[c->account][sym];
    jw_open(c->out, "data", '{');
    jw_str(c->out, "symbol", contract_get(sym)->symbol);
    jw_ints(c->out, "leverage", set > 0 ? set : 1);
    jw_close(c->out, '}');
}

static void cross_leverage_change(struct rest_call *c)
{
    int64_t leverage = 0;
    int sym = rest_symbol(c, rest_body_text(c, "symbol"));
    int err = codec_int(c->body, "leverage", &leverage);
    if (c->code != 0)
        return;
    if (err != ERR_OK || leverage < 1) {
        rest_fail(c, 100001, "leverage must be a positive integer");
        return;
    }
    if (leverage > contract_get(sym)->max_leverage) {
        char msg[ENGINE_MSG_MAX];
        snprintf(msg, sizeof msg, "The leverage cannot be greater than %d.",
                 contract_get(sym)->max_leverage);
        rest_fail(c, 300016, msg);
        return;
    }
    c->v->cross_leverage[c->account][sym] = (int)leverage;
    jw_bool(c->out, "data", true);
}

/* A position's tier follows from its value; the call only checks that the level exists. */
static void risk_level_change(struct rest_call *c)
{
    int64_t level = 0;
    int sym = rest_symbol(c, rest_body_text(c, "symbol"));
    if (c->code != 0)
        return;
    if (codec_int(c->body, "level", &level) != ERR_OK || level < 1 ||
        level > contract_get(sym)->n_tiers)
        rest_fail(c, 100001, "level does not exist for this contract");
    else
        jw_bool(c->out, "data", true);
}

static void max_open(struct rest_call *c)
{
    const char *text = rest_param(c, "price");
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    int64_t leverage = rest_param_int(c, "leverage", 1, 1, 1000), ticks = 0, buy, sell;
    dec_t px;
    if (c->code != 0)
        return;
    if (text == NULL || dec_parse(text, &px) != ERR_OK || dec_sign(px) <= 0 ||
        dec_gt(px, contract_get(sym)->max_price)) {
        rest_fail(c, 100001, "price must be a positive decimal number");
        return;
    }
    must(dec_to_int(dec_round_places(dec_quo(px, contract_get(sym)->tick), 0, DEC_HALF_EVEN),
                    &ticks) == ERR_OK);
    engine_max_open(c->v->engine, c->account, sym, ticks > 0 ? ticks : 1, (int)leverage, &buy, &sell);
    jw_open(c->out, "data", '{');
    jw_str(c->out, "symbol", contract_get(sym)->symbol);
    jw_int(c->out, "maxBuyOpenSize", buy);
    jw_int(c->out, "maxSellOpenSize", sell);
    jw_close(c->out, '}');
}

/* ---- margin and funding ---- */

static void add_margin(struct rest_call *c, const char *field, bool back)
{
    dec_t amount;
    char msg[ENGINE_MSG_MAX] = "";
    int sym = rest_symbol(c, rest_body_text(c, "symbol"));
    if (c->code != 0)
        return;
    if (codec_dec(c->body, field, &amount) != ERR_OK || dec_sign(amount) <= 0) {
        rest_fail(c, 100001, "the margin must be a positive decimal number");
        return;
    }
    int code = engine_add_margin(c->v->engine, c->account, sym, back ? dec_neg(amount) : amount, msg);
    if (code != 0)
        rest_fail(c, code, msg);
    else if (back)
        jw_decs(c->out, "data", amount);
    else
        position_value(c, "data", sym);
}

static void deposit_margin(struct rest_call *c) { add_margin(c, "margin", false); }
static void withdraw_margin(struct rest_call *c) { add_margin(c, "withdrawAmount", true); }

/* Newest first; `offset` is the id of the last row received. */
static void funding_history(struct rest_call *c)
{
    int64_t most = INT64_MAX / NS_PER_MS;
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    int64_t from = rest_param_int(c, "startAt", 0, 0, most);
    int64_t to = rest_param_int(c, "endAt", most, 0, most);
    int64_t before = rest_param_int(c, "offset", INT64_MAX, 0, INT64_MAX);
    int64_t max = rest_param_int(c, "maxCount", 10, 1, 100), rows = 0;
    bool more = false;
    if (c->code != 0)
        return;
    jw_open(c->out, "data", '{');
    jw_open(c->out, "dataList", '[');
    for (size_t i = engine_n_funding(c->v->engine); i-- > 0 && !more; ) {
        const struct funding_row *r = engine_funding_at(c->v->engine, i);
        int64_t at = r->market_ns / NS_PER_MS;
        if (r->account != c->account || r->sym != sym || at < from || at > to || r->id >= before)
            continue;
        more = rows == max;
        if (!more)
            view_funding(c->out, NULL, r);
        rows++;
    }
    jw_close(c->out, ']');
    jw_bool(c->out, "hasMore", more);
    jw_close(c->out, '}');
}

#define ACCOUNT(method, path, auth, weight, fn) {method, path, auth, POOL_FUTURES, weight, fn}
const struct rest_route rest_account_routes[] = {
    ACCOUNT("GET", "/api/v1/account-overview", AUTH_FUTURES, 5, overview),
    {"GET", "/api/v1/user/api-key", AUTH_GENERAL, POOL_MANAGEMENT, 20, api_key},
    ACCOUNT("GET", "/api/v1/trade-fees", AUTH_GENERAL, 3, trade_fees),
    ACCOUNT("GET", "/api/v1/positions", AUTH_FUTURES, 2, positions),
    ACCOUNT("GET", "/api/v1/position", AUTH_FUTURES, 2, position),
    ACCOUNT("GET", "/api/v2/position", AUTH_FUTURES, 2, position_v2),
    ACCOUNT("GET", "/api/v1/history-positions", AUTH_FUTURES, 2, history_positions),
    ACCOUNT("GET", "/api/v2/position/getMarginMode", AUTH_FUTURES, 2, margin_mode),
    ACCOUNT("POST", "/api/v2/position/changeMarginMode", AUTH_FUTURES, 2, margin_mode_change),
    ACCOUNT("GET", "/api/v2/position/getPositionMode", AUTH_FUTURES, 2, position_mode_answer),
    ACCOUNT("POST", "/api/v2/position/switchPositionMode", AUTH_FUTURES, 2, position_mode_change),
    ACCOUNT("GET", "/api/v2/getCrossUserLeverage", AUTH_FUTURES, 2, cross_leverage),
    ACCOUNT("POST", "/api/v2/changeCrossUserLeverage", AUTH_FUTURES, 2, cross_leverage_change),
    ACCOUNT("POST", "/api/v1/position/risk-limit-level/change", AUTH_FUTURES, 5, risk_level_change),
    ACCOUNT("GET", "/api/v2/getMaxOpenSize", AUTH_FUTURES, 2, max_open),
    ACCOUNT("POST", "/api/v1/position/margin/deposit-margin", AUTH_FUTURES, 4, deposit_margin),
    ACCOUNT("POST", "/api/v1/margin/withdrawMargin", AUTH_FUTURES, 10, withdraw_margin),
    ACCOUNT("GET", "/api/v1/funding-history", AUTH_FUTURES, 5, funding_history),
    ROUTES_END
};
