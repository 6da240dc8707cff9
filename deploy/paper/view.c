/* view - see view.h */
#include <stdio.h>

#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/view.h"

const char *view_side(int side)
{
    return side == SIDE_BUY ? "buy" : "sell";
}

const char *view_type(int type)
{
    return type == TYPE_MARKET ? "market" : "limit";
}

const char *view_stop(int stop)
{
    return stop == STOP_UP ? "up" : stop == STOP_DOWN ? "down" : "";
}

const char *view_stop_px_type(int type)
{
    return type == STOP_MP ? "MP" : type == STOP_IP ? "IP" : "TP";
}

const char *view_display_type(bool stop, int type)
{
    return type == TYPE_MARKET ? (stop ? "market_stop" : "market") : stop ? "limit_stop" : "limit";
}

/* ---- contracts ---- */

static void contract_names(struct jw *w, const struct contract *c)
{
    char name[32];
    jw_str(w, "symbol", c->symbol);
    jw_str(w, "rootSymbol", "USDT");
    jw_str(w, "type", "FFWCSX");
    jw_int(w, "firstOpenDate", 1585555200000);
    jw_null(w, "expireDate");
    jw_null(w, "settleDate");
    jw_str(w, "baseCurrency", c->base);
    jw_str(w, "quoteCurrency", "USDT");
    jw_str(w, "settleCurrency", "USDT");
    jw_str(w, "markMethod", "FairPrice");
    jw_str(w, "fairMethod", "FundingRate");
    jw_str(w, "fundingRateSymbol", c->funding_symbol);
    jw_str(w, "indexSymbol", c->index_symbol);
    jw_str(w, "settlementSymbol", "");
    jw_open(w, "sourceExchanges", '[');
    jw_str(w, NULL, "paper");
    jw_close(w, ']');
    snprintf(name, sizeof name, ".%sPI", c->symbol);
    jw_str(w, "premiumsSymbol1M", name);
    snprintf(name, sizeof name, ".%sPI8H", c->symbol);
    jw_str(w, "premiumsSymbol8H", name);
    snprintf(name, sizeof name, ".%sINT", c->base);
    jw_str(w, "fundingBaseSymbol1M", name);
    snprintf(name, sizeof name, ".%sINT8H", c->base);
    jw_str(w, "fundingBaseSymbol", name);
    jw_str(w, "fundingQuoteSymbol1M", ".USDTINT");
    jw_str(w, "fundingQuoteSymbol", ".USDTINT8H");
}

static void contract_rules(struct jw *w, const struct contract *c)
{
    const struct tier *t = &c->tiers[0];
    jw_int(w, "maxOrderQty", c->max_qty);
    jw_dec(w, "maxPrice", c->max_price);
    jw_int(w, "lotSize", 1);
    jw_dec(w, "tickSize", c->tick);
    jw_dec(w, "indexPriceTickSize", c->index_tick);
    jw_dec(w, "multiplier", c->multiplier);
    jw_dec(w, "initialMargin", t->initial);
    jw_dec(w, "maintainMargin", t->maintain);
    jw_int(w, "maxRiskLimit", t->max_risk);
    jw_int(w, "minRiskLimit", t->max_risk);
    jw_int(w, "riskStep", t->max_risk / 2);
    jw_dec(w, "makerFeeRate", c->maker_fee);
    jw_dec(w, "takerFeeRate", c->taker_fee);
    jw_int(w, "takerFixFee", 0);
    jw_int(w, "makerFixFee", 0);
    jw_null(w, "settlementFee");
    jw_bool(w, "isDeleverage", true);
    jw_bool(w, "isQuanto", true);
    jw_bool(w, "isInverse", false);
    jw_bool(w, "supportCross", false);
    jw_int(w, "k", 490);            /* cross margin: shown, not used */
    jw_int(w, "m", 300);
    jw_dec(w, "f", dec_scaled(13, -1));
    jw_dec(w, "mmrLimit", dec_scaled(3, -1));
    jw_int(w, "mmrLevConstant", c->max_leverage);
    jw_int(w, "maxLeverage", c->max_leverage);
}

static void contract_market(struct jw *w, const struct venue *v, int sym, const struct contract *c)
{
    struct market_stats s;
    struct funding_info f;
    dec_t mark, index;
    int64_t buy, sell;
    engine_stats(v->engine, sym, &s);
    engine_funding_info(v->engine, sym, &f);
    engine_mark(v->engine, sym, &mark, &index);
    engine_band(v->engine, sym, &buy, &sell);
    dec_t change = contract_px(c, s.last - s.open);
    dec_t pct = s.open > 0 ? dec_quo(dec_int(s.last - s.open), dec_int(s.open)) : dec_zero();
    jw_dec(w, "fundingFeeRate", f.rate);
    jw_dec(w, "predictedFundingFeeRate", f.predicted);
    jw_int(w, "fundingRateGranularity", c->funding_ms);
    jw_dec(w, "fundingRateCap", c->funding_cap);
    jw_dec(w, "fundingRateFloor", dec_neg(c->funding_cap));
    jw_int(w, "period", 1);
    jw_int(w, "nextFundingRateTime", (f.next_ns - engine_market_ns(v->engine)) / NS_PER_MS);
    jw_int(w, "nextFundingRateDateTime", f.next_ns / NS_PER_MS);
    jw_ints(w, "openInterest", engine_open_interest(v->engine, sym));
    jw_dec(w, "turnoverOf24h", dec_round_places(s.turnover, 4, DEC_HALF_EVEN));
    jw_dec(w, "volumeOf24h", dec_mul(dec_int(s.lots), c->multiplier));
    jw_dec(w, "markPrice", mark);
    jw_dec(w, "indexPrice", index);
    jw_dec(w, "lastTradePrice", contract_px(c, s.last));
    jw_dec(w, "lowPrice", contract_px(c, s.low));
    jw_dec(w, "highPrice", contract_px(c, s.high));
    jw_dec(w, "priceChg", change);
    jw_dec(w, "priceChgPct", dec_round_places(pct, 6, DEC_HALF_EVEN));
    jw_dec(w, "buyLimit", contract_px(c, buy));
    jw_dec(w, "sellLimit", contract_px(c, sell));
}

void view_contract(struct jw *w, const char *key, const struct venue *v, int sym)
{
    const struct contract *c = contract_get(sym);
    jw_open(w, key, '{');
    contract_names(w, c);
    contract_rules(w, c);
    jw_str(w, "status", contract_status_name(engine_status(v->engine, sym)));
    contract_market(w, v, sym, c);
    jw_close(w, '}');
}

/* ---- market ---- */

void view_ticker_fields(struct jw *w, const struct ticker *t, int sym)
{
    const struct contract *c = contract_get(sym);
    jw_int(w, "sequence", t->sequence);
    jw_str(w, "symbol", c->symbol);
    jw_str(w, "side", view_side(t->last.side));
    jw_int(w, "size", t->last.lots);
    jw_ints(w, "tradeId", t->last.trade_id);
    jw_decs(w, "price", contract_px(c, t->last.px));
    jw_decs(w, "bestBidPrice", contract_px(c, t->bid.px));
    jw_int(w, "bestBidSize", t->bid.lots);
    jw_decs(w, "bestAskPrice", contract_px(c, t->ask.px));
    jw_int(w, "bestAskSize", t->ask.lots);
    jw_int(w, "ts", t->last.market_ns);
}

void view_levels(struct jw *w, const char *key, const struct contract *c, const struct level *at,
                 size_t n, bool text)
{
    jw_open(w, key, '[');
    for (size_t i = 0; i < n; i++) {
        jw_open(w, NULL, '[');
        if (text)
            jw_decs(w, NULL, contract_px(c, at[i].px));
        else
            jw_dec(w, NULL, contract_px(c, at[i].px));
        jw_int(w, NULL, at[i].lots);
        jw_close(w, ']');
    }
    jw_close(w, ']');
}

/* ---- orders and fills ---- */

dec_t view_avg_px(const struct order *o)
{
    if (o->cum_lots == 0)
        return dec_zero();
    dec_t base = dec_mul(dec_int(o->cum_lots), contract_get(o->sym)->multiplier);
    return dec_round_places(dec_quo(o->cum_value, base), 10, DEC_HALF_EVEN);
}

static void order_stop(struct jw *w, const struct order *o, const struct contract *c)
{
    jw_str(w, "stop", view_stop(o->stop));
    jw_str(w, "stopPriceType", o->stop != STOP_NONE ? view_stop_px_type(o->stop_px_type) : "");
    jw_bool(w, "stopTriggered", o->stop_triggered);
    if (o->stop != STOP_NONE)
        jw_decs(w, "stopPrice", contract_px(c, o->stop_px));
    else
        jw_null(w, "stopPrice");
}

static void order_times(struct jw *w, const struct order *o)
{
    jw_int(w, "createdAt", o->created_ns / NS_PER_MS);
    jw_int(w, "updatedAt", o->updated_ns / NS_PER_MS);
    if (o->state == ORDER_DONE)
        jw_int(w, "endAt", o->end_ns / NS_PER_MS);
    else
        jw_null(w, "endAt");
    jw_int(w, "orderTime", o->created_ns);
}

void view_order(struct jw *w, const char *key, const struct order *o)
{
    static const char *const tifs[] = {"GTC", "IOC", "FOK"};
    static const char *const stps[] = {"", "CN", "CO", "CB"};
    const struct contract *c = contract_get(o->sym);
    bool active = o->state != ORDER_DONE;
    jw_open(w, key, '{');
    jw_ints(w, "id", o->id);
    jw_str(w, "symbol", c->symbol);
    jw_str(w, "type", view_type(o->type));
    jw_str(w, "side", view_side(o->side));
    jw_decs(w, "price", contract_px(c, o->px));
    jw_int(w, "size", o->lots);
    jw_decs(w, "value", o->px != 0 ? contract_value(c, o->lots, o->px) : o->cum_value);
    jw_decs(w, "dealValue", o->cum_value);
    jw_decs(w, "filledValue", o->cum_value);
    jw_int(w, "dealSize", o->cum_lots);
    jw_int(w, "filledSize", o->cum_lots);
    jw_str(w, "stp", stps[o->stp]);
    order_stop(w, o, c);
    jw_str(w, "timeInForce", tifs[o->tif]);
    jw_bool(w, "postOnly", o->post_only);
    jw_bool(w, "hidden", o->hidden);
    jw_bool(w, "iceberg", o->visible != 0);
    jw_bool(w, "forceHold", o->force_hold);
    jw_bool(w, "closeOrder", o->close_order);
    jw_bool(w, "reduceOnly", o->reduce_only);
    jw_ints(w, "leverage", o->leverage);
    jw_int(w, "visibleSize", o->visible);
    jw_str(w, "clientOid", o->cl_ord_id);
    if (*o->remark)
        jw_str(w, "remark", o->remark);
    else
        jw_null(w, "remark");
    jw_str(w, "tags", "");
    jw_bool(w, "isActive", active);
    jw_bool(w, "cancelExist", o->cancel_exist);
    order_times(w, o);
    jw_str(w, "settleCurrency", "USDT");
    jw_str(w, "marginMode", "ISOLATED");
    jw_str(w, "positionSide", "BOTH");
    jw_decs(w, "avgDealPrice", view_avg_px(o));
    jw_str(w, "status", active ? "open" : "done");
    jw_close(w, '}');
}

void view_fill(struct jw *w, const char *key, const struct fill *f)
{
    const struct contract *c = contract_get(f->sym);
    char rate[DEC_TEXT_MAX];
    dec_t zero = dec_zero();
    jw_open(w, key, '{');
    jw_str(w, "symbol", c->symbol);
    jw_ints(w, "tradeId", f->trade_id);
    jw_ints(w, "orderId", f->order_id);
    jw_str(w, "side", view_side(f->side));
    jw_str(w, "liquidity", f->liquidity == LIQ_MAKER ? "maker" : "taker");
    jw_bool(w, "forceTaker", f->liquidity == LIQ_MAKER && dec_eq(f->fee_rate, c->taker_fee));
    jw_decs(w, "price", contract_px(c, f->px));
    jw_int(w, "size", f->lots);
    jw_decs(w, "value", f->value);
    jw_decs(w, "openFeePay", f->opens ? f->fee : zero);
    jw_decs(w, "closeFeePay", f->opens ? zero : f->fee);
    jw_str(w, "stop", "");
    jw_str(w, "feeRate", dec_format_places(f->fee_rate, 5, DEC_HALF_EVEN, rate));
    jw_str(w, "fixFee", "0");
    jw_str(w, "feeCurrency", "USDT");
    jw_int(w, "tradeTime", f->market_ns);
    jw_null(w, "subTradeType");
    jw_str(w, "openFeeTaxPay", "0");
    jw_str(w, "closeFeeTaxPay", "0");
    jw_str(w, "marginMode", "ISOLATED");
    jw_str(w, "positionSide", "BOTH");
    jw_str(w, "displayType", view_display_type(f->stop, f->order_type));
    jw_decs(w, "fee", f->fee);
    jw_str(w, "settleCurrency", "USDT");
    jw_str(w, "orderType", view_type(f->order_type));
    jw_str(w, "tradeType", f->trade_type == TRADE_LIQUID ? "liquid" : "trade");
    jw_int(w, "createdAt", f->server_ns / NS_PER_MS);
    jw_close(w, '}');
}

/* ---- positions ---- */

static dec_t pct(dec_t part, dec_t whole)
{
    return dec_is_zero(whole) ? dec_zero()
                              : dec_round_places(dec_quo(part, dec_abs(whole)), 4, DEC_HALF_EVEN);
}

static void position_cost(struct jw *w, const struct position_view *p)
{
    dec_t gross_cost = dec_neg(p->realised_gross);
    dec_t comm = dec_sub(p->comm, p->funding);      /* what it cost besides price, > 0 paid */
    jw_dec(w, "currentCost", dec_add(p->cost, gross_cost));
    jw_dec(w, "currentComm", comm);
    jw_dec(w, "unrealisedCost", p->cost);
    jw_dec(w, "posCost", p->cost);
    jw_dec(w, "realisedGrossCost", gross_cost);
    jw_dec(w, "realisedCost", dec_add(gross_cost, comm));
    jw_dec(w, "realisedGrossPnl", p->realised_gross);
    jw_dec(w, "realisedPnl", dec_sub(p->realised_gross, comm));
    jw_dec(w, "dealComm", dec_neg(p->comm));
    jw_dec(w, "fundingFee", p->funding);
    jw_int(w, "tax", 0);
}

static void position_margin_fields(struct jw *w, const struct position_view *p)
{
    jw_dec(w, "posCross", p->cross);
    jw_dec(w, "posCrossMargin", p->cross);
    jw_dec(w, "posInit", p->init);
    jw_dec(w, "posComm", p->reserved);
    jw_dec(w, "posCommCommon", p->reserved);
    jw_dec(w, "posLoss", p->loss);
    jw_dec(w, "posFunding", p->loss);
    jw_dec(w, "posMargin", p->margin);
    jw_dec(w, "posMaint", p->maint);
    jw_dec(w, "maintMargin", dec_add(p->margin, p->upnl));
    jw_dec(w, "maintMarginReq", p->maint_rate);
    jw_dec(w, "maintainMargin", p->maint_rate);
    jw_int(w, "riskLimit", p->risk_limit);
    jw_int(w, "riskLimitLevel", p->risk_level);
    jw_dec(w, "realLeverage", dec_round_places(p->real_leverage, 8, DEC_HALF_EVEN));
    jw_dec(w, "leverage", dec_round_places(p->real_leverage, 8, DEC_HALF_EVEN));
}

void view_position_fields(struct jw *w, const struct venue *v, int account, int sym)
{
    struct position_view p;
    engine_position(v->engine, account, sym, &p);
    jw_ints(w, "id", p.id);
    jw_str(w, "symbol", contract_get(sym)->symbol);
    jw_bool(w, "autoDeposit", p.auto_deposit);
    jw_bool(w, "crossMode", false);
    jw_str(w, "marginMode", "ISOLATED");
    jw_str(w, "positionSide", "BOTH");
    jw_dec(w, "delevPercentage", dec_zero());
    jw_int(w, "openingTimestamp", p.opened_ns / NS_PER_MS);
    jw_int(w, "currentQty", p.qty);
    jw_bool(w, "isOpen", p.qty != 0);
    jw_bool(w, "isInverse", false);
    jw_dec(w, "markPrice", p.mark);
    jw_dec(w, "markValue", p.value);
    jw_dec(w, "unrealisedPnl", p.upnl);
    jw_dec(w, "unrealisedPnlPcnt", pct(p.upnl, p.cost));
    jw_dec(w, "unrealisedRoePcnt", pct(p.upnl, p.init));
    jw_dec(w, "avgEntryPrice", p.entry);
    jw_dec(w, "liquidationPrice", dec_round_places(p.liquidation, 10, DEC_HALF_EVEN));
    jw_dec(w, "bankruptPrice", dec_round_places(p.bankrupt, 10, DEC_HALF_EVEN));
    jw_str(w, "settleCurrency", "USDT");
    position_cost(w, &p);
    position_margin_fields(w, &p);
}

void view_closed(struct jw *w, const char *key, const struct closed_position *p, const char *user)
{
    char type[16];
    bool is_long = p->side == SIDE_BUY;
    snprintf(type, sizeof type, "%s_%s", p->liquidated ? "LIQUID" : "CLOSE",
             is_long ? "LONG" : "SHORT");
    jw_open(w, key, '{');
    jw_ints(w, "closeId", p->id);
    jw_str(w, "userId", user);
    jw_str(w, "symbol", contract_get(p->sym)->symbol);
    jw_str(w, "settleCurrency", "USDT");
    jw_ints(w, "leverage", p->leverage);
    jw_str(w, "type", type);
    jw_decs(w, "pnl", p->pnl);
    jw_decs(w, "realisedGrossCost", dec_neg(p->gross));
    jw_decs(w, "realisedGrossCostNew", dec_neg(p->gross));
    jw_str(w, "withdrawPnl", "0");
    jw_decs(w, "tradeFee", p->fees);
    jw_decs(w, "fundingFee", p->funding);
    jw_int(w, "openTime", p->open_ns / NS_PER_MS);
    jw_int(w, "closeTime", p->close_ns / NS_PER_MS);
    jw_decs(w, "openPrice", p->open_px);
    jw_decs(w, "closePrice", p->close_px);
    jw_str(w, "marginMode", "ISOLATED");
    jw_str(w, "tax", "0");
    jw_null(w, "roe");
    jw_null(w, "liquidAmount");
    jw_null(w, "liquidPrice");
    jw_str(w, "side", is_long ? "LONG" : "SHORT");
    jw_close(w, '}');
}

void view_funding(struct jw *w, const char *key, const struct funding_row *r)
{
    jw_open(w, key, '{');
    jw_int(w, "id", r->id);
    jw_str(w, "symbol", contract_get(r->sym)->symbol);
    jw_int(w, "timePoint", r->market_ns / NS_PER_MS);
    jw_dec(w, "fundingRate", r->rate);
    jw_dec(w, "markPrice", r->mark);
    jw_int(w, "positionQty", r->qty);
    jw_dec(w, "positionCost", r->cost);
    jw_dec(w, "funding", r->amount);
    jw_str(w, "settleCurrency", "USDT");
    jw_str(w, "context", "{\"marginMode\": \"ISOLATED\", \"positionSide\": \"BOTH\"}");
    jw_str(w, "marginMode", "ISOLATED");
    jw_close(w, '}');
}
