/* rest_account - account, key, positions, margin, leverage, funding (kucoin-futures 6 and 9).
 *
 * The paper exchange keeps isolated margin in one-way mode: asking for cross margin or hedge mode is
 * refused by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libagent/clock.h"
#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/push.h"
#include "deploy/paper/rest.h"
#include "deploy/paper/view.h"

#define MARGIN_MAX 1000000000000     /* USDT, of a question */

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
    if (*c->key->ip != '\0')
        jw_str(c->out, "ipWhitelist", c->key->ip);
    jw_int(c->out, "createdAt", c->v->started_ns / NS_PER_MS);
    jw_int(c->out, "uid", 100000000 + c->account);
    jw_bool(c->out, "isMaster", *c->key->sub == '\0');
    if (*c->key->sub != '\0')
        jw_str(c->out, "subName", c->key->sub);
    jw_close(c->out, '}');
}

static void transaction_row(struct rest_call *c, int64_t ms, const char *type, dec_t amount, dec_t cash,
                            const char *remark, int64_t id)
{
    jw_open(c->out, NULL, '{');
    jw_int(c->out, "time", ms);
    jw_str(c->out, "type", type);
    jw_dec(c->out, "amount", amount);
    jw_int(c->out, "fee", 0);           /* it is part of the amount */
    jw_dec(c->out, "accountEquity", cash);
    jw_str(c->out, "status", "Completed");
    jw_str(c->out, "remark", remark);
    jw_int(c->out, "offset", id);
    jw_str(c->out, "currency", "USDT");
    jw_close(c->out, '}');
}

/* The deposit, then each fill (profit less fee) and each funding payment in the order of the server's clock;
 * `offset` counts them. */
struct transactions { const struct engine *e; int account; size_t fills, funding; int64_t id; };

/* The number of account's next fill at or after i, or the end. */
static size_t next_fill(const struct transactions *t, size_t i)
{
    while (i < engine_n_fills(t->e) && engine_fill_at(t->e, i)->account != t->account)
        i++;
    return i;
}

static size_t next_funding(const struct transactions *t, size_t i)
{
    while (i < engine_n_funding(t->e) && engine_funding_at(t->e, i)->account != t->account)
        i++;
    return i;
}

struct transaction { int64_t id, ms; bool deposit; dec_t amount, cash; const char *remark; };

static bool transactions_next(struct transactions *t, struct transaction *ret)
{
    const struct account *a = engine_account_get(t->e, t->account);
    *ret = (struct transaction){.id = ++t->id, .remark = ""};
    if (t->id == 1) {
        ret->deposit = true;
        ret->ms = a->opened_ns / NS_PER_MS;
        ret->amount = ret->cash = a->deposits;
        return true;
    }
    size_t i = t->fills = next_fill(t, t->fills), k = t->funding = next_funding(t, t->funding);
    const struct fill *f = i < engine_n_fills(t->e) ? engine_fill_at(t->e, i) : NULL;
    const struct funding_row *r = k < engine_n_funding(t->e) ? engine_funding_at(t->e, k) : NULL;
    if (f == NULL && r == NULL)
        return false;
    if (r == NULL || (f != NULL && f->server_ns <= r->server_ns)) {
        t->fills++;
        ret->ms = f->server_ns / NS_PER_MS;
        ret->amount = dec_sub(f->gross, f->fee);
        ret->cash = f->cash;
        ret->remark = contract_get(f->sym)->symbol;
    } else {
        t->funding++;
        ret->ms = r->server_ns / NS_PER_MS;
        ret->amount = r->amount;
        ret->cash = r->cash;
        ret->remark = contract_get(r->sym)->symbol;
    }
    return true;
}

static void transaction_history(struct rest_call *c)
{
    struct rest_offset o;
    struct transactions t = {.e = c->v->engine, .account = c->account};
    struct transaction x, *all = NULL;
    size_t n = 0, cap = 0;
    const char *type = rest_param(c, "type"), *currency = rest_param(c, "currency");
    if (!rest_offset_init(c, &o, 50, 200))
        return;
    while ((currency == NULL || strcmp(currency, "USDT") == 0) && transactions_next(&t, &x)) {
        if (type != NULL && strcasecmp(type, x.deposit ? "TransferIn" : "RealisedPNL") != 0)
            continue;
        if (n == cap) {
            cap = cap ? 2 * cap : 64;
            all = realloc(all, cap * sizeof *all);
            must(all != NULL);
        }
        all[n++] = x;
    }
    for (size_t i = 0; i < n; i++) {
        const struct transaction *at = &all[o.down ? n - 1 - i : i];
        if (rest_offset_row(&o, at->id, at->ms))
            transaction_row(c, at->ms, at->deposit ? "TransferIn" : "RealisedPNL", at->amount, at->cash,
                            at->remark, at->id);
    }
    rest_offset_close(c, &o);
    free(all);
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
    jw_int(c->out, "currentTimestamp", wall_ns() / NS_PER_MS);
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

#define NO_CROSS "marginMode must be ISOLATED: this contract does not support cross margin"

static void margin_mode_change(struct rest_call *c)
{
    const char *mode = rest_body_text(c, "marginMode");
    int sym = rest_symbol(c, rest_body_text(c, "symbol"));
    if (c->code != 0)
        return;
    if (strcmp(mode, "ISOLATED") != 0) {
        rest_fail(c, 100001, NO_CROSS);
        return;
    }
    push_margin_mode(c->v->push, c->account, sym);
    margin_mode_answer(c, sym);
}

static void margin_modes_change(struct rest_call *c)
{
    const char *mode = rest_body_text(c, "marginMode");
    const json_t *symbols = json_object_get(c->body, "symbols");
    size_t i;
    json_t *v;
    if (c->code == 0 && json_array_size(symbols) == 0)
        rest_fail(c, 100001, "symbols must be an array of contracts");
    json_array_foreach(symbols, i, v)
        (void)rest_symbol(c, codec_chars(v));
    if (c->code != 0)
        return;
    bool ok = strcmp(mode, "ISOLATED") == 0;
    jw_open(c->out, "data", '{');
    jw_open(c->out, "marginMode", '{');
    json_array_foreach(symbols, i, v)
        jw_str(c->out, codec_chars(v), "ISOLATED");
    jw_close(c->out, '}');
    jw_open(c->out, "errors", '[');
    json_array_foreach(symbols, i, v) {
        if (ok) {
            push_margin_mode(c->v->push, c->account, contract_find(codec_chars(v)));
            continue;
        }
        jw_open(c->out, NULL, '{');
        jw_str(c->out, "code", "100001");
        jw_str(c->out, "msg", NO_CROSS);
        jw_str(c->out, "symbol", codec_chars(v));
        jw_close(c->out, '}');
    }
    jw_close(c->out, ']');
    jw_close(c->out, '}');
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
    push_cross_leverage(c->v->push, c->account, sym, (int)leverage);
    jw_bool(c->out, "data", true);
}

/* The lowest tier of what the account does in a contract; larger values use a higher one all the same. */
static void risk_level_change(struct rest_call *c)
{
    int64_t level = 0;
    char msg[ENGINE_MSG_MAX] = "";
    int sym = rest_symbol(c, rest_body_text(c, "symbol"));
    if (c->code != 0)
        return;
    if (codec_int(c->body, "level", &level) != ERR_OK || level < 1 || level > TIERS_MAX) {
        rest_fail(c, 100001, "level does not exist for this contract");
        return;
    }
    int code = engine_set_risk_level(c->v->engine, c->account, sym, (int)level, msg);
    push_risk_level(c->v->push, c->account, sym, code == 0, msg);
    if (code != 0)
        rest_fail(c, code, msg);
    else
        jw_bool(c->out, "data", true);
}

/* Retired by the venue: the setting is kept and shown, nothing is deposited. */
static void auto_deposit(struct rest_call *c)
{
    bool on = false;
    int sym = rest_symbol(c, rest_body_text(c, "symbol"));
    if (c->code == 0 && codec_bool(c->body, "status", &on) != ERR_OK)
        rest_fail(c, 100001, "status must be true or false");
    if (c->code != 0)
        return;
    engine_set_auto_deposit(c->v->engine, c->account, sym, on);
    jw_bool(c->out, "data", true);
}

static void cross_order_limit(struct rest_call *c, int sym, dec_t margin, int leverage)
{
    const struct contract *k = contract_get(sym);
    dec_t mark, index, value = dec_mul(margin, dec_int(leverage));
    int64_t lots = 0;
    engine_mark(c->v->engine, sym, &mark, &index);
    if (dec_sign(mark) > 0)
        must(dec_to_int(dec_round_places(dec_quo(value, dec_mul(mark, k->multiplier)), 0, DEC_FLOOR),
                        &lots) == ERR_OK);
    const struct tier *t = contract_tier(k, value, 0);
    jw_open(c->out, NULL, '{');
    jw_str(c->out, "symbol", k->symbol);
    jw_int(c->out, "maxOpenSize", lots < k->max_qty ? lots : k->max_qty);
    jw_decs(c->out, "maxOpenValue", value);
    jw_decs(c->out, "totalMargin", margin);
    jw_decs(c->out, "price", mark);
    jw_ints(c->out, "leverage", leverage);
    jw_decs(c->out, "mmr", t->maintain);
    jw_decs(c->out, "imr", t->initial);
    jw_str(c->out, "currency", "USDT");
    jw_close(c->out, '}');
}

/* What the given margin would open; without it: what is available. */
static void cross_order_limits(struct rest_call *c)
{
    const char *list = rest_param(c, "symbol"), *text = rest_param(c, "totalMargin");
    int64_t leverage = rest_param_int(c, "leverage", 1, 1, 1000);
    char symbol[32];
    int syms[50], n = 0;
    struct wallet w;
    engine_wallet(c->v->engine, c->account, &w);
    dec_t margin = w.available;
    if (text != NULL && (dec_parse(text, &margin) != ERR_OK || dec_sign(margin) < 0 ||
                         dec_gt(margin, dec_int(MARGIN_MAX))))
        rest_fail(c, 100001, "totalMargin must be a positive decimal number");
    if (list == NULL)
        rest_fail(c, 100001, "symbol cannot be empty");
    for (const char *p = list; c->code == 0 && *p != '\0'; ) {
        size_t len = strcspn(p, ",");
        snprintf(symbol, sizeof symbol, "%.*s", (int)(len < 31 ? len : 31), p);
        if (n == 50)
            rest_fail(c, 100001, "symbol: at most 50 of them");
        else
            syms[n++] = rest_symbol(c, symbol);
        p += len + (p[len] == ',');
    }
    if (c->code != 0)
        return;
    jw_open(c->out, "data", '[');
    for (int i = 0; i < n; i++)
        cross_order_limit(c, syms[i], dec_max(margin, dec_zero()), (int)leverage);
    jw_close(c->out, ']');
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
    struct position_view p;
    engine_position(c->v->engine, c->account, sym, &p);
    if (p.qty == 0 && !back) {          /* the venue calls it a success without data */
        jw_str(c->out, "msg", "Position does not exist");
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

static void deposit_margin(struct rest_call *c)
{
    const char *no = codec_chars(json_object_get(c->body, "bizNo"));
    if (no == NULL || *no == '\0' || strlen(no) > 36)
        rest_fail(c, 100001, "bizNo must have 1 to 36 characters");
    else
        add_margin(c, "margin", false);
}

static void withdraw_margin(struct rest_call *c) { add_margin(c, "withdrawAmount", true); }

static void max_withdraw_margin(struct rest_call *c)
{
    struct position_view p;
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym < 0)
        return;
    engine_position(c->v->engine, c->account, sym, &p);
    jw_decs(c->out, "data", p.max_withdraw);
}

static void funding_history(struct rest_call *c)
{
    struct rest_offset o;
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (!rest_offset_init(c, &o, 10, 100))
        return;
    size_t n = engine_n_funding(c->v->engine);
    for (size_t i = 0; i < n; i++) {
        const struct funding_row *r = engine_funding_at(c->v->engine, o.down ? n - 1 - i : i);
        if (r->account == c->account && r->sym == sym &&
            rest_offset_row(&o, r->id, r->market_ns / NS_PER_MS))
            view_funding(c->out, NULL, r);
    }
    rest_offset_close(c, &o);
}

#define ACCOUNT(method, path, auth, weight, fn) {method, path, auth, POOL_FUTURES, weight, fn}
const struct rest_route rest_account_routes[] = {
    ACCOUNT("GET", "/api/v1/account-overview", AUTH_FUTURES, 5, overview),
    {"GET", "/api/v1/user/api-key", AUTH_GENERAL, POOL_MANAGEMENT, 20, api_key},
    ACCOUNT("GET", "/api/v1/transaction-history", AUTH_GENERAL, 2, transaction_history),
    ACCOUNT("GET", "/api/v1/trade-fees", AUTH_GENERAL, 3, trade_fees),
    ACCOUNT("GET", "/api/v1/positions", AUTH_FUTURES, 2, positions),
    ACCOUNT("GET", "/api/v1/position", AUTH_FUTURES, 2, position),
    ACCOUNT("GET", "/api/v2/position", AUTH_FUTURES, 2, position_v2),
    ACCOUNT("GET", "/api/v1/history-positions", AUTH_FUTURES, 2, history_positions),
    ACCOUNT("GET", "/api/v2/position/getMarginMode", AUTH_FUTURES, 2, margin_mode),
    ACCOUNT("POST", "/api/v2/position/changeMarginMode", AUTH_FUTURES, 2, margin_mode_change),
    ACCOUNT("POST", "/api/v2/position/batchChangeMarginMode", AUTH_FUTURES, 2, margin_modes_change),
    ACCOUNT("GET", "/api/v2/position/getPositionMode", AUTH_FUTURES, 2, position_mode_answer),
    ACCOUNT("POST", "/api/v2/position/switchPositionMode", AUTH_FUTURES, 2, position_mode_change),
    ACCOUNT("GET", "/api/v2/getCrossUserLeverage", AUTH_FUTURES, 2, cross_leverage),
    ACCOUNT("POST", "/api/v2/changeCrossUserLeverage", AUTH_FUTURES, 2, cross_leverage_change),
    ACCOUNT("POST", "/api/v1/position/risk-limit-level/change", AUTH_FUTURES, 5, risk_level_change),
    ACCOUNT("POST", "/api/v1/position/margin/auto-deposit-status", AUTH_FUTURES, 4, auto_deposit),
    ACCOUNT("GET", "/api/v2/batchGetCrossOrderLimit", AUTH_FUTURES, 2, cross_order_limits),
    ACCOUNT("GET", "/api/v1/margin/maxWithdrawMargin", AUTH_FUTURES, 10, max_withdraw_margin),
    ACCOUNT("GET", "/api/v2/getMaxOpenSize", AUTH_FUTURES, 2, max_open),
    ACCOUNT("POST", "/api/v1/position/margin/deposit-margin", AUTH_FUTURES, 4, deposit_margin),
    ACCOUNT("POST", "/api/v1/margin/withdrawMargin", AUTH_FUTURES, 10, withdraw_margin),
    ACCOUNT("GET", "/api/v1/funding-history", AUTH_FUTURES, 5, funding_history),
    ROUTES_END
};
