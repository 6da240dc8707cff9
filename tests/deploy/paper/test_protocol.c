/* The venue's protocol call by call: weights, JSON types, lists of orders, paging, modes, contract states, keys
 * (kucoin-futures 2 to 9). */
#include "tests/deploy/paper/venue_case.h"

/* A value of an answer by its path: "data.items.0.price"; NULL when it is not there. */
static const json_t *at(const json_t *v, const char *path)
{
    char word[48];
    for (const char *p = path; v != NULL && *p != '\0'; ) {
        size_t n = strcspn(p, ".");
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        v = json_is_array(v) ? json_array_get(v, strtoul(word, NULL, 10)) : json_object_get(v, word);
        p += n + (p[n] == '.');
    }
    return v;
}

static const char *text_at(const json_t *v, const char *path)
{
    const char *text = codec_chars(at(v, path));
    return text != NULL ? text : "(nothing)";
}

/* GET with the first key; the tree is the caller's. */
static json_t *get(const char *target) { return ask("key-a", "GET", target, "", NULL); }
static json_t *post(const char *target, const char *body) { return ask("key-a", "POST", target, body, NULL); }

static void expect_text(json_t *v, const char *path, const char *want)
{
    ck_assert_msg(strcmp(text_at(v, path), want) == 0, "%s is %s, not %s", path, text_at(v, path), want);
}

/* A limit buy of XBTUSDTM far below the market; `more` begins with a comma and replaces members it names. */
static const char *order(const char *oid, const char *more)
{
    static const struct { const char *name, *text; } defaults[] = {
        {"\"type\"", ",\"type\":\"limit\""}, {"\"leverage\"", ",\"leverage\":5"},
        {"\"price\"", ",\"price\":\"60000\""}, {"\"size\"", ",\"size\":2"},
    };
    static char body[512];
    int n = snprintf(body, sizeof body, "{\"clientOid\":\"%s\",\"symbol\":\"XBTUSDTM\",\"side\":\"buy\"", oid);
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
        if (strstr(more, defaults[i].name) == NULL)
            n += snprintf(body + n, sizeof body - (size_t)n, "%s", defaults[i].text);
    snprintf(body + n, sizeof body - (size_t)n, "%s}", more);
    return body;
}

static void place(const char *oid, const char *more, char id[24])
{
    json_t *v = post("/api/v1/orders", order(oid, more));
    expect_text(v, "code", "200000");
    snprintf(id, 24, "%s", text_at(v, "data.orderId"));
    json_decref(v);
}

static void buy_at_market(int lots)
{
    char body[256];
    static int n;
    snprintf(body, sizeof body, "{\"clientOid\":\"m-%d\",\"symbol\":\"XBTUSDTM\",\"side\":\"buy\",\"type\":\"market\","
                                "\"leverage\":5,\"size\":%d}", n++, lots);
    expect_code("key-a", "POST", "/api/v1/orders", body, "200000");
}

/* ---- 4.2 ---- */

START_TEST(each_call_takes_its_weight_from_its_pool)
{
    static const struct { const char *method, *target, *body; int weight; } calls[] = {
        {"GET", "/api/v1/contracts/active", "", 3}, {"GET", "/api/v1/contracts/XBTUSDTM", "", 3},
        {"GET", "/api/v1/ticker?symbol=XBTUSDTM", "", 2}, {"GET", "/api/v1/allTickers", "", 5},
        {"GET", "/api/v1/level2/snapshot?symbol=XBTUSDTM", "", 3}, {"GET", "/api/v1/level2/depth20?symbol=XBTUSDTM", "", 5},
        {"GET", "/api/v1/level2/depth100?symbol=XBTUSDTM", "", 10}, {"GET", "/api/v1/trade/history?symbol=XBTUSDTM", "", 5},
        {"GET", "/api/v1/kline/query?symbol=XBTUSDTM&granularity=1", "", 3}, {"GET", "/api/v1/mark-price/XBTUSDTM/current", "", 3},
        {"GET", "/api/v1/index/query?symbol=.KXBTUSDT", "", 2}, {"GET", "/api/v1/interest/query?symbol=.XBTINT", "", 5},
        {"GET", "/api/v1/premium/query?symbol=.XBTUSDTMPI", "", 3}, {"GET", "/api/v1/timestamp", "", 2},
        {"GET", "/api/v1/status", "", 4}, {"GET", "/api/v1/funding-rate/XBTUSDTM/current", "", 2},
        {"GET", "/api/v1/contract/funding-rates?symbol=XBTUSDTM&from=1&to=2", "", 5},
        {"GET", "/api/v1/contracts/risk-limit/XBTUSDTM", "", 5}, {"POST", "/api/v1/bullet-public", "", 10},
        {"POST", "/api/v1/bullet-private", "", 10}, {"GET", "/api/v1/account-overview?currency=USDT", "", 5},
        {"GET", "/api/v1/transaction-history", "", 2}, {"POST", "/api/v1/orders", "{}", 2}, {"POST", "/api/v1/orders/test", "{}", 2},
        {"POST", "/api/v1/st-orders", "{}", 2}, {"POST", "/api/v1/orders/multi", "[]", 20}, {"DELETE", "/api/v1/orders/1", "", 1},
        {"DELETE", "/api/v1/orders/client-order/x?symbol=XBTUSDTM", "", 1}, {"DELETE", "/api/v1/orders/multi-cancel", "{}", 20},
        {"DELETE", "/api/v3/orders?symbol=XBTUSDTM", "", 10}, {"DELETE", "/api/v1/orders", "", 800}, {"DELETE", "/api/v1/stopOrders", "", 15},
        {"GET", "/api/v1/orders", "", 2}, {"GET", "/api/v1/stopOrders", "", 6}, {"GET", "/api/v1/orders/1", "", 5},
        {"GET", "/api/v1/orders/byClientOid?clientOid=x", "", 5}, {"GET", "/api/v1/recentDoneOrders", "", 5}, {"GET", "/api/v1/fills", "", 5},
        {"GET", "/api/v1/recentFills", "", 3}, {"GET", "/api/v1/openOrderStatistics?symbol=XBTUSDTM", "", 10},
        {"GET", "/api/v1/position?symbol=XBTUSDTM", "", 2}, {"GET", "/api/v1/positions", "", 2}, {"GET", "/api/v1/history-positions", "", 2},
        {"GET", "/api/v2/getMaxOpenSize?symbol=XBTUSDTM&price=1&leverage=1", "", 2},
        {"GET", "/api/v2/position/getMarginMode?symbol=XBTUSDTM", "", 2}, {"POST", "/api/v2/position/changeMarginMode", "{}", 2},
        {"POST", "/api/v2/position/batchChangeMarginMode", "{}", 2}, {"GET", "/api/v2/getCrossUserLeverage?symbol=XBTUSDTM", "", 2},
        {"POST", "/api/v2/changeCrossUserLeverage", "{}", 2}, {"POST", "/api/v1/position/margin/deposit-margin", "{}", 4},
        {"POST", "/api/v1/margin/withdrawMargin", "{}", 10}, {"GET", "/api/v1/margin/maxWithdrawMargin?symbol=XBTUSDTM", "", 10},
        {"POST", "/api/v1/position/risk-limit-level/change", "{}", 5}, {"POST", "/api/v1/position/margin/auto-deposit-status", "{}", 4},
        {"GET", "/api/v1/funding-history?symbol=XBTUSDTM", "", 5}, {"GET", "/api/v1/trade-fees?symbol=XBTUSDTM", "", 3},
        {"GET", "/api/v1/trade-statistics", "", 3}, {"GET", "/api/v1/user/api-key", "", 20},
    };
    set_up();
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct rest_answer a;
        memset(venue.pools, 0, sizeof venue.pools);
        json_decref(ask_for("key-a", calls[i].method, calls[i].target, calls[i].body, NULL, &a));
        ck_assert_msg(a.limit == 2000 && a.limit - a.remaining == calls[i].weight, "%s %s weighs %lld, not %d",
                      calls[i].method, calls[i].target, (long long)(a.limit - a.remaining), calls[i].weight);
        ck_assert(a.reset_ms > 29000 && a.reset_ms <= 30000);
    }
    tear_down();
}
END_TEST

START_TEST(a_vip_has_larger_private_pools_only)
{
    struct rest_answer a;
    set_up();
    venue.keys.at[0].vip = 5;
    json_decref(ask_for("key-a", "GET", "/api/v1/positions", "", NULL, &a));
    ck_assert_int_eq(a.limit, 7000);
    json_decref(ask_for("key-a", "GET", "/api/v1/timestamp", "", NULL, &a));
    ck_assert_int_eq(a.limit, 2000);
    tear_down();
}
END_TEST

/* ---- 2: who calls ---- */

START_TEST(an_address_that_is_not_listed_is_refused)
{
    int status;
    set_up();
    strcpy(venue.keys.at[0].ip, "192.0.2.1,192.0.2.2");
    json_t *v = ask("key-a", "GET", "/api/v1/positions", "", &status);
    expect_text(v, "code", "400006");
    ck_assert_int_eq(status, 403);
    json_decref(v);
    strcpy(venue.keys.at[0].ip, "192.0.2.1,127.0.0.1");
    expect_code("key-a", "GET", "/api/v1/positions", "", "200000");
    v = get("/api/v1/user/api-key");
    expect_text(v, "data.ipWhitelist", "192.0.2.1,127.0.0.1");
    json_decref(v);
    strcpy(venue.keys.at[0].ip, "");
    strcpy(venue.keys.at[0].sub, "small");
    v = get("/api/v1/user/api-key");
    ck_assert(json_object_get(json_object_get(v, "data"), "ipWhitelist") == NULL);
    expect_text(v, "data.subName", "small");
    json_decref(v);
    tear_down();
}
END_TEST

START_TEST(a_key_for_reading_may_not_trade)
{
    set_up();
    expect_code("key-b", "GET", "/api/v1/orders", "", "200000");
    expect_code("key-b", "POST", "/api/v1/orders", order("x", ""), "400007");
    expect_code("key-b", "POST", "/api/v1/orders/multi", "[]", "400007");
    expect_code("key-b", "DELETE", "/api/v1/orders/multi-cancel", "{}", "400007");
    expect_code("key-b", "GET", "/api/v1/transaction-history", "", "200000");
    tear_down();
}
END_TEST

/* ---- 1.2 and the tables: s string, i integer, n number, b boolean, ? may be null ---- */

static void check_type(const json_t *object, const char *what, const char *field, const char *kind)
{
    const json_t *v = json_object_get(object, field);
    const char *digits = codec_chars(v);
    bool null = kind[1] == '?' && json_is_null(v);
    bool integer = codec_is_number(v) && strpbrk(digits, ".eE") == NULL;
    bool ok = null || (kind[0] == 's' ? codec_is_text(v) : kind[0] == 'b' ? json_is_boolean(v)
                       : kind[0] == 'i' ? integer : codec_is_number(v));
    ck_assert_msg(ok, "%s: %s is not %s", what, field, kind);
}

static void check_types(const char *target, const char *path, const char *table)
{
    char text[2048];
    json_t *v = get(target);
    const json_t *object = at(v, path);
    ck_assert_msg(json_is_object(object), "%s: no %s", target, path);
    snprintf(text, sizeof text, "%s", table);
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        char *colon = strchr(word, ':');
        *colon = '\0';
        check_type(object, target, word, colon + 1);
    }
    json_decref(v);
}

#define ORDER_TABLE                                                                                \
    "id:s symbol:s type:s side:s price:s size:i value:s dealValue:s filledValue:s dealSize:i filledSize:i stp:s " \
    "stop:s stopPriceType:s stopTriggered:b stopPrice:s? timeInForce:s postOnly:b hidden:b iceberg:b forceHold:b " \
    "closeOrder:b reduceOnly:b leverage:s visibleSize:i clientOid:s remark:s? tags:s isActive:b cancelExist:b "    \
    "createdAt:i updatedAt:i endAt:i? orderTime:i settleCurrency:s marginMode:s avgDealPrice:s status:s positionSide:s"
#define FILL_TABLE                                                                                 \
    "symbol:s tradeId:s orderId:s side:s liquidity:s forceTaker:b price:s size:i value:s openFeePay:s closeFeePay:s " \
    "stop:s feeRate:s fixFee:s feeCurrency:s settleCurrency:s marginMode:s tradeTime:i subTradeType:s? displayType:s " \
    "fee:s orderType:s tradeType:s createdAt:i openFeeTaxPay:s closeFeeTaxPay:s positionSide:s"
#define POSITION_TABLE                                                                             \
    "id:s symbol:s settleCurrency:s crossMode:b isOpen:b isInverse:b marginMode:s positionSide:s delevPercentage:n "  \
    "openingTimestamp:i currentTimestamp:i currentQty:i currentCost:n currentComm:n unrealisedCost:n posCost:n "      \
    "realisedGrossCost:n realisedCost:n markPrice:n markValue:n posInit:n posMargin:n realisedGrossPnl:n realisedPnl:n " \
    "unrealisedPnl:n unrealisedPnlPcnt:n unrealisedRoePcnt:n avgEntryPrice:n liquidationPrice:n bankruptPrice:n "     \
    "leverage:n autoDeposit:b maintMarginReq:n maintainMargin:n riskLimit:i riskLimitLevel:i realLeverage:n posCross:n " \
    "posCrossMargin:n posComm:n posCommCommon:n posLoss:n posFunding:n posMaint:n maintMargin:n"
#define CONTRACT_TABLE                                                                             \
    "symbol:s rootSymbol:s type:s firstOpenDate:i expireDate:i? settleDate:i? baseCurrency:s quoteCurrency:s "        \
    "settleCurrency:s maxOrderQty:i maxPrice:n lotSize:i tickSize:n indexPriceTickSize:n multiplier:n initialMargin:n " \
    "maintainMargin:n maxRiskLimit:i minRiskLimit:i riskStep:i makerFeeRate:n takerFeeRate:n takerFixFee:n makerFixFee:n " \
    "settlementFee:n? isDeleverage:b isQuanto:b isInverse:b supportCross:b markMethod:s fairMethod:s fundingBaseSymbol:s " \
    "fundingQuoteSymbol:s fundingRateSymbol:s indexSymbol:s settlementSymbol:s status:s fundingFeeRate:n "             \
    "predictedFundingFeeRate:n fundingRateGranularity:i openInterest:s turnoverOf24h:n volumeOf24h:n markPrice:n "     \
    "indexPrice:n lastTradePrice:n nextFundingRateTime:i maxLeverage:i premiumsSymbol1M:s premiumsSymbol8H:s "         \
    "fundingBaseSymbol1M:s fundingQuoteSymbol1M:s lowPrice:n highPrice:n priceChgPct:n priceChg:n k:n m:n f:n mmrLimit:n " \
    "mmrLevConstant:n buyLimit:n sellLimit:n"
#define TICKER_TABLE                                                                               \
    "sequence:i symbol:s side:s size:i tradeId:s price:s bestBidPrice:s bestBidSize:i bestAskPrice:s bestAskSize:i ts:i"

START_TEST(every_field_has_its_json_type)
{
    char id[24], target[64];
    set_up();
    place("rest", ",\"remark\":\"r\"", id);
    place("stop", ",\"stop\":\"down\",\"stopPrice\":\"59000\",\"stopPriceType\":\"MP\"", id);
    buy_at_market(3);
    check_types("/api/v1/orders?status=active", "data.items.0", ORDER_TABLE);
    check_types("/api/v1/stopOrders", "data.items.0", ORDER_TABLE);
    check_types("/api/v1/orders?status=done", "data.items.0", ORDER_TABLE);
    check_types("/api/v1/recentDoneOrders", "data.0", ORDER_TABLE);
    snprintf(target, sizeof target, "/api/v1/orders/%s", id);
    check_types(target, "data", ORDER_TABLE);
    check_types("/api/v1/orders/byClientOid?clientOid=rest", "data", ORDER_TABLE);
    check_types("/api/v1/orders?status=active", "data", "currentPage:i pageSize:i totalNum:i totalPage:i");
    check_types("/api/v1/fills", "data.items.0", FILL_TABLE);
    check_types("/api/v1/recentFills", "data.0", FILL_TABLE);
    check_types("/api/v1/openOrderStatistics?symbol=XBTUSDTM", "data",
                "openOrderBuySize:i openOrderSellSize:i openOrderBuyCost:s openOrderSellCost:s settleCurrency:s");
    check_types("/api/v1/positions", "data.0", POSITION_TABLE);
    check_types("/api/v1/position?symbol=XBTUSDTM", "data", POSITION_TABLE);
    check_types("/api/v1/position?symbol=ETHUSDTM", "data", POSITION_TABLE);
    check_types("/api/v2/position?symbol=XBTUSDTM", "data.0", POSITION_TABLE);
    check_types("/api/v1/contracts/active", "data.0", CONTRACT_TABLE);
    check_types("/api/v1/contracts/XBTUSDTM", "data", CONTRACT_TABLE);
    check_types("/api/v1/ticker?symbol=XBTUSDTM", "data", TICKER_TABLE);
    check_types("/api/v1/allTickers", "data.1", TICKER_TABLE);
    check_types("/api/v1/trade/history?symbol=XBTUSDTM", "data.0",
                "sequence:i contractId:i tradeId:s makerOrderId:s takerOrderId:s side:s ts:i size:i price:s");
    check_types("/api/v1/level2/depth20?symbol=XBTUSDTM", "data", "sequence:i symbol:s ts:i");
    check_types("/api/v1/mark-price/XBTUSDTM/current", "data", "symbol:s granularity:i timePoint:i value:n indexPrice:n");
    check_types("/api/v1/funding-rate/XBTUSDTM/current", "data",
                "symbol:s granularity:i timePoint:i value:n predictedValue:n fundingRateCap:n fundingRateFloor:n period:i "
                "fundingTime:i");
    check_types("/api/v1/contract/funding-rates?symbol=XBTUSDTM&from=0&to=4000000000000", "data.0",
                "symbol:s fundingRate:n timepoint:i");
    check_types("/api/v1/index/query?symbol=.KXBTUSDT", "data.dataList.0",
                "symbol:s granularity:i timePoint:i value:n");
    check_types("/api/v1/index/query?symbol=.KXBTUSDT", "data.dataList.0.decomposionList.0", "exchange:s price:n weight:n");
    check_types("/api/v1/contracts/risk-limit/XBTUSDTM", "data.0",
                "symbol:s level:i maxRiskLimit:i minRiskLimit:i maxLeverage:i initialMargin:n maintainMargin:n");
    check_types("/api/v1/account-overview?currency=USDT", "data",
                "accountEquity:n unrealisedPNL:n marginBalance:n positionMargin:n orderMargin:n frozenFunds:n "
                "availableBalance:n currency:s riskRatio:n maxWithdrawAmount:n");
    check_types("/api/v1/transaction-history", "data.dataList.0",
                "time:i type:s amount:n fee:n? accountEquity:n status:s remark:s offset:i currency:s");
    check_types("/api/v1/trade-fees?symbol=XBTUSDTM", "data", "symbol:s takerFeeRate:s makerFeeRate:s");
    check_types("/api/v1/user/api-key", "data",
                "remark:s apiKey:s permission:s apiVersion:i createdAt:i uid:i isMaster:b");
    check_types("/api/v2/getMaxOpenSize?symbol=XBTUSDTM&price=90000&leverage=5", "data",
                "symbol:s maxBuyOpenSize:i maxSellOpenSize:i");
    check_types("/api/v2/getCrossUserLeverage?symbol=XBTUSDTM", "data", "symbol:s leverage:s");
    check_types("/api/v2/batchGetCrossOrderLimit?symbol=XBTUSDTM&totalMargin=10&leverage=3", "data.0",
                "symbol:s maxOpenSize:i maxOpenValue:s totalMargin:s price:s leverage:s mmr:s imr:s currency:s");
    expect_code("key-a", "POST", "/api/v1/orders",
                "{\"clientOid\":\"close\",\"symbol\":\"XBTUSDTM\",\"type\":\"market\",\"closeOrder\":true}", "200000");
    check_types("/api/v1/history-positions", "data.items.0",
                "closeId:s userId:s symbol:s settleCurrency:s leverage:s type:s pnl:s realisedGrossCost:s "
                "realisedGrossCostNew:s withdrawPnl:s tradeFee:s fundingFee:s openTime:i closeTime:i openPrice:s "
                "closePrice:s marginMode:s tax:s roe:s? liquidAmount:s? liquidPrice:s? side:s");
    check_types("/api/v1/history-positions", "data", "currentPage:i pageSize:i totalNum:i totalPage:i");
    tear_down();
}
END_TEST

START_TEST(a_kline_row_is_six_numbers_also_of_an_index)
{
    static const char *const symbols[] = {"XBTUSDTM", ".KXBTUSDT", ".XBTUSDTMPI"};
    set_up();
    for (size_t i = 0; i < 3; i++) {
        char target[96];
        snprintf(target, sizeof target, "/api/v1/kline/query?symbol=%s&granularity=5", symbols[i]);
        json_t *v = get(target);
        const json_t *rows = at(v, "data");
        ck_assert_uint_eq(json_array_size(rows), 500);
        for (size_t k = 0; k < 500; k++) {
            const json_t *row = json_array_get(rows, k);
            ck_assert_uint_eq(json_array_size(row), 6);
            dec_t o, h, l, c;
            ck_assert(codec_value_dec(json_array_get(row, 1), &o) == ERR_OK && codec_value_dec(json_array_get(row, 2), &h) == ERR_OK &&
                      codec_value_dec(json_array_get(row, 3), &l) == ERR_OK && codec_value_dec(json_array_get(row, 4), &c) == ERR_OK);
            ck_assert(dec_ge(h, o) && dec_ge(h, c) && dec_le(l, o) && dec_le(l, c));
        }
        json_decref(v);
    }
    expect_code("key-a", "GET", "/api/v1/kline/query?symbol=.KSOLUSDT&granularity=5", "", "100003");
    expect_code("key-a", "GET", "/api/v1/kline/query?symbol=XBTUSDTM&granularity=1&from=undefined&to=undefined", "", "200000");
    tear_down();
}
END_TEST

/* ---- 7 ---- */

START_TEST(each_order_of_a_list_is_placed_or_refused_by_itself)
{
    char body[2048];
    int n = snprintf(body, sizeof body, "[%s,", order("one", ""));
    n += snprintf(body + n, sizeof body - (size_t)n, "%s,", order("one", ""));
    n += snprintf(body + n, sizeof body - (size_t)n, "{\"symbol\":7,\"clientOid\":\"two\"},");
    n += snprintf(body + n, sizeof body - (size_t)n, "%s]", order("three", ",\"size\":\"0.5\""));
    set_up();
    json_t *v = post("/api/v1/orders/multi", body);
    expect_text(v, "code", "200000");
    ck_assert_uint_eq(json_array_size(at(v, "data")), 4);
    expect_text(v, "data.0.code", "200000");
    expect_text(v, "data.0.msg", "success");
    expect_text(v, "data.0.clientOid", "one");
    expect_text(v, "data.0.symbol", "XBTUSDTM");
    ck_assert_uint_eq(strlen(text_at(v, "data.0.orderId")), 18);
    expect_text(v, "data.1.code", "300018");
    ck_assert(json_is_null(at(v, "data.1.orderId")));
    expect_text(v, "data.2.code", "100000");
    ck_assert(json_is_null(at(v, "data.2.symbol")));
    expect_text(v, "data.2.clientOid", "two");
    expect_text(v, "data.3.code", "100000");
    json_decref(v);
    v = get("/api/v1/orders?status=active");
    expect_text(v, "data.totalNum", "1");
    json_decref(v);
    expect_code("key-a", "POST", "/api/v1/orders/multi", "[]", "100001");
    expect_code("key-a", "POST", "/api/v1/orders/multi", "{}", "100001");
    expect_code("key-a", "POST", "/api/v1/orders/multi", "[1]", "100001");
    n = snprintf(body, sizeof body, "[{}");
    for (int i = 0; i < 20; i++)
        n += snprintf(body + n, sizeof body - (size_t)n, ",{}");
    snprintf(body + n, sizeof body - (size_t)n, "]");
    expect_code("key-a", "POST", "/api/v1/orders/multi", body, "100001");
    tear_down();
}
END_TEST

START_TEST(many_are_cancelled_by_ids_by_client_oids_and_by_the_query)
{
    char id[4][24], body[256], target[160];
    set_up();
    for (int i = 0; i < 4; i++) {
        char oid[8];
        snprintf(oid, sizeof oid, "o-%d", i);
        place(oid, i == 3 ? ",\"stop\":\"down\",\"stopPrice\":\"59000\",\"stopPriceType\":\"TP\"" : "", id[i]);
    }
    snprintf(body, sizeof body, "{\"orderIdsList\":[\"%s\",\"300100200399999999\",\"x\"],\"clientOidsList\":null}", id[0]);
    json_t *v = ask("key-a", "DELETE", "/api/v1/orders/multi-cancel", body, NULL);
    expect_text(v, "data.0.orderId", id[0]);
    ck_assert(json_is_null(at(v, "data.0.clientOid")));
    expect_text(v, "data.0.code", "200");
    expect_text(v, "data.0.msg", "success");
    expect_text(v, "data.1.code", "100004");
    expect_text(v, "data.2.code", "100004");
    json_decref(v);
    v = ask("key-a", "DELETE", "/api/v1/orders/multi-cancel",
            "{\"clientOidsList\":[{\"symbol\":\"XBTUSDTM\",\"clientOid\":\"o-1\"},{\"symbol\":\"ETHUSDTM\","
            "\"clientOid\":\"o-2\"},7]}", NULL);
    expect_text(v, "data.0.code", "200");
    expect_text(v, "data.0.clientOid", "o-1");
    expect_text(v, "data.1.code", "100004");
    expect_text(v, "data.2.code", "100004");
    json_decref(v);
    snprintf(target, sizeof target, "/api/v1/orders/multi-cancel?orderIdsList=%s%%2C%s", id[2], id[3]);
    v = ask("key-a", "DELETE", target, "", NULL);
    expect_text(v, "data.0.code", "200");
    expect_text(v, "data.1.code", "200");       /* the untriggered stop too */
    json_decref(v);
    expect_code("key-a", "DELETE", "/api/v1/orders/multi-cancel", "{}", "100001");
    expect_code("key-a", "DELETE", "/api/v1/orders/multi-cancel", "{\"orderIdsList\":[],\"clientOidsList\":[]}", "100001");
    v = get("/api/v1/orders?status=active");
    expect_text(v, "data.totalNum", "0");
    json_decref(v);
    tear_down();
}
END_TEST

START_TEST(cancel_all_leaves_stops_and_cancel_stops_leaves_orders)
{
    char a[24], b[24];
    set_up();
    place("a", "", a);
    place("b", ",\"stop\":\"down\",\"stopPrice\":\"59000\",\"stopPriceType\":\"TP\"", b);
    expect_code("key-a", "DELETE", "/api/v3/orders", "", "100001");
    json_t *v = ask("key-a", "DELETE", "/api/v3/orders?symbol=XBTUSDTM", "", NULL);
    expect_text(v, "data.cancelledOrderIds.0", a);
    ck_assert_uint_eq(json_array_size(at(v, "data.cancelledOrderIds")), 1);
    json_decref(v);
    v = ask("key-a", "DELETE", "/api/v1/orders", "", NULL);
    ck_assert(json_is_array(at(v, "data.cancelledOrderIds")) && json_array_size(at(v, "data.cancelledOrderIds")) == 0);
    json_decref(v);
    v = ask("key-a", "DELETE", "/api/v1/stopOrders?symbol=XBTUSDTM", "", NULL);
    expect_text(v, "data.cancelledOrderIds.0", b);
    json_decref(v);
    tear_down();
}
END_TEST

START_TEST(pages_hold_what_they_promise)
{
    char id[24], oid[8];
    set_up();
    for (int i = 0; i < 5; i++) {
        snprintf(oid, sizeof oid, "p-%d", i);
        place(oid, "", id);
    }
    json_t *v = get("/api/v1/orders?status=active&currentPage=2&pageSize=2");
    expect_text(v, "data.currentPage", "2");
    expect_text(v, "data.pageSize", "2");
    expect_text(v, "data.totalNum", "5");
    expect_text(v, "data.totalPage", "3");
    ck_assert_uint_eq(json_array_size(at(v, "data.items")), 2);
    expect_text(v, "data.items.0.clientOid", "p-2");        /* newest first */
    json_decref(v);
    v = get("/api/v1/orders?status=active&currentPage=4&pageSize=2");
    ck_assert_uint_eq(json_array_size(at(v, "data.items")), 0);
    json_decref(v);
    v = get("/api/v1/orders?status=active");
    expect_text(v, "data.pageSize", "50");
    json_decref(v);
    expect_code("key-a", "GET", "/api/v1/orders?pageSize=1001", "", "100001");
    expect_code("key-a", "GET", "/api/v1/orders?currentPage=0", "", "100001");
    expect_code("key-a", "GET", "/api/v1/orders?currentPage=x", "", "100001");
    expect_code("key-a", "GET", "/api/v1/orders?status=open", "", "100001");
    expect_code("key-a", "GET", "/api/v1/orders?startAt=1&endAt=604800001", "", "200000");
    expect_code("key-a", "GET", "/api/v1/orders?startAt=1&endAt=604800002", "", "100001");
    expect_code("key-a", "GET", "/api/v1/fills?startAt=1&endAt=604800002", "", "100001");
    tear_down();
}
END_TEST

START_TEST(a_client_oid_is_free_again_when_its_order_is_done)
{
    char id[24], target[64];
    set_up();
    place("same", "", id);
    expect_code("key-a", "POST", "/api/v1/orders", order("same", ""), "300018");
    expect_code("key-a", "POST", "/api/v1/orders/test", order("same", ""), "300018");
    snprintf(target, sizeof target, "/api/v1/orders/%s", id);
    expect_code("key-a", "DELETE", target, "", "200000");
    place("same", ",\"stop\":\"down\",\"stopPrice\":\"59000\",\"stopPriceType\":\"TP\"", id);
    expect_code("key-a", "POST", "/api/v1/orders", order("same", ""), "300018");        /* of a stop too */
    json_t *v = get("/api/v1/orders/byClientOid?clientOid=same");
    expect_text(v, "data.id", id);
    json_decref(v);
    tear_down();
}
END_TEST

START_TEST(what_is_not_offered_is_refused_by_its_name)
{
    set_up();
    expect_code("key-a", "POST", "/api/v1/orders", order("a", ",\"positionSide\":\"LONG\""), "330011");
    expect_code("key-a", "POST", "/api/v1/orders", order("b", ",\"marginMode\":\"CROSS\""), "330005");
    expect_code("key-a", "POST", "/api/v1/orders", order("c", ",\"timeInForce\":\"RPI\""), "100001");
    expect_code("key-a", "POST", "/api/v1/orders", order("d", ",\"stp\":\"DC\""), "100001");
    expect_code("key-a", "POST", "/api/v1/orders", order("e", ",\"positionSide\":\"BOTH\",\"marginMode\":\"ISOLATED\""), "200000");
    expect_code("key-a", "POST", "/api/v2/position/switchPositionMode", "{\"positionMode\":\"0\"}", "200000");
    json_t *v = post("/api/v2/position/batchChangeMarginMode",
                     "{\"marginMode\":\"CROSS\",\"symbols\":[\"XBTUSDTM\",\"ETHUSDTM\"]}");
    expect_text(v, "code", "200000");
    expect_text(v, "data.marginMode.XBTUSDTM", "ISOLATED");
    expect_text(v, "data.errors.1.symbol", "ETHUSDTM");
    expect_text(v, "data.errors.1.code", "100001");
    json_decref(v);
    expect_code("key-a", "POST", "/api/v2/position/batchChangeMarginMode",
                "{\"marginMode\":\"ISOLATED\",\"symbols\":[\"NONE\"]}", "100003");
    tear_down();
}
END_TEST

START_TEST(icebergs_show_a_part_hidden_orders_nothing_and_both_pay_as_takers)
{
    char id[24];
    set_up();
    expect_code("key-a", "POST", "/api/v1/orders", order("a", ",\"iceberg\":true"), "100001");
    expect_code("key-a", "POST", "/api/v1/orders", order("b", ",\"size\":100,\"iceberg\":true,\"visibleSize\":4"), "100001");
    expect_code("key-a", "POST", "/api/v1/orders", order("c", ",\"hidden\":true,\"postOnly\":true"), "100001");
    expect_code("key-a", "POST", "/api/v1/orders", order("d", ",\"type\":\"market\",\"hidden\":true"), "100001");
    json_t *v = get("/api/v1/level2/snapshot?symbol=XBTUSDTM");
    size_t levels = json_array_size(at(v, "data.bids"));
    json_decref(v);
    place("hidden", ",\"price\":\"88888.8\",\"hidden\":true", id);
    v = get("/api/v1/level2/snapshot?symbol=XBTUSDTM");
    ck_assert_uint_eq(json_array_size(at(v, "data.bids")), levels);
    json_decref(v);
    place("ice", ",\"price\":\"77777.7\",\"size\":100,\"iceberg\":true,\"hidden\":true,\"visibleSize\":\"5\"", id);
    v = get("/api/v1/level2/snapshot?symbol=XBTUSDTM");
    size_t n = json_array_size(at(v, "data.bids"));
    ck_assert_uint_eq(n, levels + 1);
    char path[48];
    snprintf(path, sizeof path, "data.bids.%zu.1", n - 1);
    expect_text(v, path, "5");
    json_decref(v);
    v = get("/api/v1/orders/byClientOid?clientOid=ice");
    ck_assert(json_is_true(at(v, "data.iceberg")) && json_is_false(at(v, "data.hidden")));
    expect_text(v, "data.visibleSize", "5");
    json_decref(v);
    tear_down();
}
END_TEST

/* ---- 6 and 9 ---- */

START_TEST(the_ledger_adds_up_to_the_wallet_and_pages_by_offset)
{
    set_up();
    buy_at_market(5);
    expect_code("key-a", "POST", "/api/v1/orders",
                "{\"clientOid\":\"close\",\"symbol\":\"XBTUSDTM\",\"type\":\"market\",\"closeOrder\":true}", "200000");
    json_t *v = get("/api/v1/transaction-history?currency=USDT&maxCount=100");
    dec_t sum = dec_zero(), amount, cash;
    size_t n = json_array_size(at(v, "data.dataList"));
    ck_assert_uint_ge(n, 3);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(codec_dec(json_array_get(at(v, "data.dataList"), i), "amount", &amount), ERR_OK);
        sum = dec_add(sum, amount);
    }
    ck_assert_int_eq(codec_dec(at(v, "data.dataList.0"), "accountEquity", &cash), ERR_OK);
    ck_assert(dec_eq(sum, cash) && dec_eq(cash, engine_account_get(venue.engine, 0)->cash));
    json_decref(v);
    v = get("/api/v1/transaction-history?maxCount=1");
    ck_assert(json_is_true(at(v, "data.hasMore")));
    char target[96];
    snprintf(target, sizeof target, "/api/v1/transaction-history?maxCount=100&offset=%s", text_at(v, "data.dataList.0.offset"));
    json_decref(v);
    v = get(target);
    ck_assert_uint_eq(json_array_size(at(v, "data.dataList")), n - 1);
    ck_assert(json_is_false(at(v, "data.hasMore")));
    json_decref(v);
    v = get("/api/v1/transaction-history?type=TransferIn");
    ck_assert_uint_eq(json_array_size(at(v, "data.dataList")), 1);
    expect_text(v, "data.dataList.0.amount", "10000");
    json_decref(v);
    v = get("/api/v1/transaction-history?reverse=false");
    expect_text(v, "data.dataList.0.type", "TransferIn");
    json_decref(v);
    v = get("/api/v1/transaction-history?currency=XBT");
    ck_assert_uint_eq(json_array_size(at(v, "data.dataList")), 0);
    json_decref(v);
    tear_down();
}
END_TEST

START_TEST(margin_goes_into_a_position_and_back)
{
    static const char deposit[] = "{\"symbol\":\"XBTUSDTM\",\"margin\":10,\"bizNo\":\"b-1\"}";
    set_up();
    json_t *v = post("/api/v1/position/margin/deposit-margin", deposit);
    expect_text(v, "code", "200000");
    expect_text(v, "msg", "Position does not exist");
    ck_assert_ptr_null(at(v, "data"));
    json_decref(v);
    expect_code("key-a", "POST", "/api/v1/margin/withdrawMargin", "{\"symbol\":\"XBTUSDTM\",\"withdrawAmount\":\"1\"}", "300009");
    buy_at_market(5);
    v = post("/api/v1/position/margin/deposit-margin", deposit);
    expect_text(v, "data.posCross", "10");
    json_decref(v);
    v = get("/api/v1/margin/maxWithdrawMargin?symbol=XBTUSDTM");
    dec_t most;
    ck_assert(codec_is_text(at(v, "data")) && codec_value_dec(at(v, "data"), &most) == ERR_OK);
    ck_assert(dec_le(most, dec_int(10)) && dec_gt(most, dec_int(9)));
    json_decref(v);
    expect_code("key-a", "POST", "/api/v1/margin/withdrawMargin", "{\"symbol\":\"XBTUSDTM\",\"withdrawAmount\":\"10.01\"}", "300003");
    v = post("/api/v1/margin/withdrawMargin", "{\"symbol\":\"XBTUSDTM\",\"withdrawAmount\":\"4\"}");
    expect_text(v, "data", "4");
    json_decref(v);
    expect_code("key-a", "POST", "/api/v1/position/margin/deposit-margin",
                "{\"symbol\":\"XBTUSDTM\",\"margin\":100000,\"bizNo\":\"b-2\"}", "300003");
    expect_code("key-a", "POST", "/api/v1/position/margin/deposit-margin", "{\"symbol\":\"XBTUSDTM\",\"margin\":1}", "100001");
    tear_down();
}
END_TEST

START_TEST(a_risk_level_cancels_orders_and_sets_leverage_and_maintenance)
{
    char id[24];
    set_up();
    place("open", "", id);
    expect_code("key-a", "POST", "/api/v1/position/risk-limit-level/change", "{\"symbol\":\"XBTUSDTM\",\"level\":13}", "100001");
    json_t *v = post("/api/v1/position/risk-limit-level/change", "{\"symbol\":\"XBTUSDTM\",\"level\":3}");
    ck_assert(json_is_true(at(v, "data")));
    json_decref(v);
    v = get("/api/v1/orders/byClientOid?clientOid=open");
    ck_assert(json_is_true(at(v, "data.cancelExist")));
    json_decref(v);
    v = get("/api/v1/position?symbol=XBTUSDTM");
    expect_text(v, "data.riskLimitLevel", "3");
    expect_text(v, "data.riskLimit", "1000000");
    expect_text(v, "data.maintMarginReq", "0.007");
    json_decref(v);
    expect_code("key-a", "POST", "/api/v1/orders", order("fast", ",\"leverage\":100"), "300005");
    expect_code("key-a", "POST", "/api/v1/orders", order("slow", ",\"leverage\":75"), "200000");
    tear_down();
}
END_TEST

START_TEST(a_contract_that_is_not_open_takes_no_orders_but_cancels)
{
    static const struct { enum contract_status status; const char *venue; size_t listed; } states[] = {
        {CONTRACT_PAUSED, "close", 2}, {CONTRACT_CANCEL_ONLY, "cancelonly", 2}, {CONTRACT_CLOSED, "close", 0},
    };
    char id[24], target[64];
    set_up();
    for (size_t i = 0; i < 3; i++) {
        engine_set_status(venue.engine, -1, CONTRACT_OPEN);
        json_t *v = get("/api/v1/status");
        expect_text(v, "data.status", "open");
        json_decref(v);
        place("x", "", id);
        engine_set_status(venue.engine, -1, states[i].status);
        expect_code("key-a", "POST", "/api/v1/orders", order("y", ""), "300002");
        expect_code("key-a", "POST", "/api/v1/st-orders", order("y", ""), "300002");
        v = get("/api/v1/status");
        expect_text(v, "data.status", states[i].venue);
        json_decref(v);
        v = get("/api/v1/contracts/active");
        ck_assert_uint_eq(json_array_size(at(v, "data")), states[i].listed);
        json_decref(v);
        v = get("/api/v1/contracts/XBTUSDTM");
        expect_text(v, "data.status", contract_status_name(states[i].status));
        json_decref(v);
        snprintf(target, sizeof target, "/api/v1/orders/%s", id);
        expect_code("key-a", "DELETE", target, "", "200000");
    }
    tear_down();
}
END_TEST

START_TEST(a_close_beyond_the_liquidation_price_is_refused)
{
    char id[24], more[64], text[DEC_TEXT_MAX];
    struct position_view v;
    set_up();
    place("in", ",\"type\":\"market\",\"leverage\":50,\"size\":10", id);
    engine_position(venue.engine, 0, 0, &v);
    ck_assert_int_eq(v.qty, 10);
    const dec_t tick = dec_lit("0.1"), at = dec_round_to(v.liquidation, tick, DEC_CEIL);
    static char body[512];
    for (int beyond = 0; beyond < 2; beyond++) {
        snprintf(more, sizeof more, "%s", dec_format(beyond ? dec_sub(at, tick) : at, text));
        snprintf(body, sizeof body, "{\"clientOid\":\"out-%d\",\"symbol\":\"XBTUSDTM\",\"side\":\"sell\",\"type\":\"limit\","
                 "\"leverage\":50,\"price\":\"%s\",\"size\":1}", beyond, more);
        expect_code("key-a", "POST", "/api/v1/orders", body, beyond ? "300007" : "200000");
    }
    tear_down();
}
END_TEST

TESTS("protocol", a_close_beyond_the_liquidation_price_is_refused, each_call_takes_its_weight_from_its_pool, a_vip_has_larger_private_pools_only,
      an_address_that_is_not_listed_is_refused, a_key_for_reading_may_not_trade, every_field_has_its_json_type,
      a_kline_row_is_six_numbers_also_of_an_index, each_order_of_a_list_is_placed_or_refused_by_itself,
      many_are_cancelled_by_ids_by_client_oids_and_by_the_query,
      cancel_all_leaves_stops_and_cancel_stops_leaves_orders, pages_hold_what_they_promise,
      a_client_oid_is_free_again_when_its_order_is_done, what_is_not_offered_is_refused_by_its_name,
      icebergs_show_a_part_hidden_orders_nothing_and_both_pay_as_takers,
      the_ledger_adds_up_to_the_wallet_and_pages_by_offset, margin_goes_into_a_position_and_back,
      a_risk_level_cancels_orders_and_sets_leverage_and_maintenance,
      a_contract_that_is_not_open_takes_no_orders_but_cancels)
