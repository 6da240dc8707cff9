/* fuzz_orders - what a client can ask of the paper exchange by REST: bodies of orders and of the other calls, queries;
 * and topics.
 *
 * link: deploy/paper libagent libagent/exchange libagent/core
 * options: -detect_leaks=0 (the exchange keeps what is ordered)
 *
 * The first byte chooses the call, the second how the rest is read: as the body's (or query's) very bytes, or as
 * members put together from lists of names and values, which comes deeper.  Each answer must be an envelope with a
 * status that is no failure of ours; now and then the account must add up.
 */
#include <stdint.h>
#include <string.h>

#include "deploy/paper/push.h"
#include "deploy/paper/rest.h"
#include "deploy/paper/topics_ws.h"
#include "libagent/clock.h"
#include "libagent/exchange/auth.h"
#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/tm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRESH_AFTER 10000       /* inputs: then a new exchange, so that memory stays small */
#define BODY_MAX 4096
#define SMALL 4096
#define ORDER_CALLS 5           /* the first of `calls` */

static const struct { const char *method, *path; } calls[] = {
    {"POST", "/api/v1/orders"}, {"POST", "/api/v1/orders"}, {"POST", "/api/v1/st-orders"}, {"POST", "/api/v1/orders/test"},
    {"POST", "/api/v1/orders/multi"}, {"DELETE", "/api/v1/orders/multi-cancel"}, {"DELETE", "/api/v1/orders"},
    {"DELETE", "/api/v3/orders"}, {"DELETE", "/api/v1/stopOrders"}, {"GET", "/api/v1/orders"}, {"GET", "/api/v1/fills"},
    {"GET", "/api/v1/kline/query"}, {"GET", "/api/v1/index/query"}, {"GET", "/api/v1/interest/query"},
    {"GET", "/api/v1/transaction-history"}, {"GET", "/api/v1/history-positions"}, {"GET", "/api/v2/getMaxOpenSize"},
    {"GET", "/api/v2/batchGetCrossOrderLimit"}, {"GET", "/api/v1/funding-history"}, {"GET", "/api/v1/contract/funding-rates"},
    {"POST", "/api/v2/position/batchChangeMarginMode"}, {"POST", "/api/v2/changeCrossUserLeverage"},
    {"POST", "/api/v1/position/margin/deposit-margin"}, {"POST", "/api/v1/margin/withdrawMargin"},
    {"POST", "/api/v1/position/risk-limit-level/change"}, {"GET", ""},
};
static const char *const names[] = {
    "clientOid", "symbol", "side", "type", "leverage", "price", "size", "qty", "valueQty", "stop", "stopPrice", "stopPriceType",
    "reduceOnly", "closeOrder", "postOnly", "hidden", "iceberg", "visibleSize", "timeInForce", "stp", "forceHold", "marginMode",
    "positionSide", "remark", "triggerStopUpPrice", "triggerStopDownPrice", "orderIdsList", "clientOidsList", "symbols", "margin",
    "bizNo", "withdrawAmount", "level", "status", "granularity", "from", "to", "startAt", "endAt", "maxCount", "offset", "forward",
    "reverse", "currentPage", "pageSize", "totalMargin", "currency", "limit", "pageId", "tradeTypes", "orderId",
};
static const char *const values[] = {
    "\"XBTUSDTM\"", "\"ETHUSDTM\"", "\".KXBTUSDT\"", "\".XBTUSDTMPI8H\"", "\".USDTINT8H\"", "\"buy\"", "\"sell\"", "\"limit\"", "\"market\"",
    "\"up\"", "\"down\"", "\"TP\"", "\"MP\"", "\"IP\"", "true", "false", "null", "0", "1", "2", "5", "20", "125", "1000001", "-1", "0.5",
    "1e3", "9223372036854775807", "9223372036854775808", "1e999", "\"90000\"", "\"88000.1\"", "\"0.001\"", "\"100\"", "\"IOC\"", "\"FOK\"",
    "\"CN\"", "\"CO\"", "\"CB\"", "\"ISOLATED\"", "\"CROSS\"", "\"LONG\"", "\"\"", "\"a\"", "[]", "{}", "[\"XBTUSDTM\"]",
    "[\"300100200000000000\",\"1\",7]", "[{\"symbol\":\"XBTUSDTM\",\"clientOid\":\"a\"}]", "\"undefined\"", "\"active\"", "\"done\"",
    "1440", "10080", "1700000000000", "\"a,b,,\"", "\"USDT\"",
};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const char secret[] = "secret";
static struct venue venue;
static struct loop *loop;
static struct push *push;
static long inputs;

static void fresh(void)
{
    char msg[ENGINE_MSG_MAX];
    if (venue.engine != NULL) {
        push_destroy(&push);
        engine_close(venue.engine);
        loop_destroy(&loop);
    }
    contracts_init();
    memset(&venue, 0, sizeof venue);
    must(loop_new(&loop) == ERR_OK);
    push = push_new(loop, &venue);
    const struct engine_config c = {.market = "synthetic", .symbols = "XBTUSDTM,ETHUSDTM", .seed = 1,
                                    .events = push_events(push)};
    must(engine_open(&c, wall_ns(), &venue.engine, msg) == ERR_OK);
    venue.keys.n = 1;
    struct apikey *k = &venue.keys.at[0];
    strcpy(k->key, "key");
    strcpy(k->secret, secret);
    strcpy(k->passphrase, "pass");
    strcpy(k->permission, "General,Futures");
    k->account_no = engine_account(venue.engine, "a", dec_int(100000));
    venue_init(&venue, venue.engine, 60, "ws://127.0.0.1:1/");
}

static size_t add(char *out, size_t n, bool query, bool first, const char *name, const char *value)
{
    size_t len = strlen(value);
    bool quoted = query && value[0] == '"';
    return (size_t)snprintf(out + n, BODY_MAX - n, query ? "%s%s=%.*s" : "%s\"%s\":%.*s", first ? "" : query ? "&" : ",",
                            name, (int)(quoted ? len - 2 : len), value + quoted);
}

/* An order that would be taken, but for the members that stand already (`used`). */
static size_t add_order(char *out, size_t n, uint64_t used, uint8_t dice, bool *first)
{
    char oid[32], price[DEC_TEXT_MAX + 2], px[DEC_TEXT_MAX];
    struct ticker t;
    engine_ticker(venue.engine, 0, &t);
    snprintf(oid, sizeof oid, "\"f-%ld\"", inputs);
    snprintf(price, sizeof price, "\"%s\"", dec_format(contract_px(contract_get(0), t.bid.px + dice % 16 - 8), px));
    const char *const order[] = {oid, "\"XBTUSDTM\"", dice & 16 ? "\"buy\"" : "\"sell\"",
                                 dice & 32 ? "\"limit\"" : "\"market\"", "5", price, "3"};
    for (size_t i = 0; i < COUNT(order); i++, *first = false)
        if (!(used >> i & 1))
            n += add(out, n, false, *first, names[i], order[i]);
    return n;
}

/* Members as JSON, or as a query without the quotes. */
static size_t compose(const uint8_t *data, size_t size, bool query, bool order, char *out)
{
    uint64_t used = 0;
    size_t n = 0;
    bool first = true;
    if (!query)
        out[n++] = '{';
    for (size_t i = 0; i + 1 < size && n < BODY_MAX / 2; i += 2) {
        size_t name = data[i] % COUNT(names);
        if (used >> name & 1)
            continue;
        used |= 1ULL << name;
        n += add(out, n, query, first, names[name], values[data[i + 1] % COUNT(values)]);
        first = false;
    }
    if (order)
        n = add_order(out, n, used, size > 0 ? data[size - 1] : 0, &first);
    if (!query)
        out[n++] = '}';
    out[n] = '\0';
    return n;
}

static void ask(const char *method, const char *target, const char *body, size_t len)
{
    char stamp[24], sign[AUTH_TEXT_MAX], pass[AUTH_TEXT_MAX];
    struct rest_answer a = {0};
    json_t *v = NULL;
    snprintf(stamp, sizeof stamp, "%lld", (long long)(wall_ns() / NS_PER_MS));
    auth_sign(secret, stamp, method, target, body, len, sign);
    auth_passphrase(secret, "pass", pass);
    const struct rest_request q = {method, target, body, len, "application/json", "key", sign, stamp, pass, "2"};
    memset(venue.pools, 0, sizeof venue.pools);
    jw_init(&a.body);
    rest_answer(&venue, &q, &a);
    must(a.status >= 200 && a.status < 500);
    if (a.body.len < SMALL || inputs % 16 == 0)     /* long lists are most of the time */
        must(codec_load(a.body.buf, a.body.len, &v) == ERR_OK && codec_is_text(json_object_get(v, "code")));
    json_decref(v);
    jw_fini(&a.body);
}

static void account_adds_up(void)
{
    struct wallet w;
    const struct account *a = engine_account_get(venue.engine, 0);
    engine_wallet(venue.engine, 0, &w);
    must(dec_eq(a->cash, dec_add(w.available, dec_add(w.position_margin, w.order_margin))));
    must(dec_eq(a->cash, dec_add(a->deposits, dec_add(dec_sub(a->realised, a->fees), a->funding))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char body[BODY_MAX + 2], target[REST_TARGET_MAX + 512];
    if (size < 2)
        return 0;
    if (inputs++ % FRESH_AFTER == 0)
        fresh();
    size_t call = data[0] % COUNT(calls);
    bool raw = data[1] % 4 == 0, query = calls[call].method[0] == 'G' || data[1] % 4 == 3;
    size_t n;
    const uint8_t *rest = data + 2;
    if (raw) {
        n = size - 2 < BODY_MAX ? size - 2 : BODY_MAX;
        memcpy(body, rest, n);
        body[n] = '\0';
        struct ws_sub subs[100];
        size_t topics;
        (void)ws_topic_parse(venue.engine, body, subs, COUNT(subs), &topics);
    } else {
        bool list = strstr(calls[call].path, "multi") != NULL && data[1] % 4 == 2;
        n = compose(rest, size - 2, query, !query && call < ORDER_CALLS && data[1] % 4 != 3, body + list);
        if (list) {
            body[0] = '[';
            body[++n] = ']';
            body[++n] = '\0';
        }
    }
    snprintf(target, sizeof target, query ? "%s?%s" : "%s", calls[call].path[0] ? calls[call].path : "/", body);
    ask(calls[call].method, target, query ? "" : body, query ? 0 : n);
    if (inputs % 64 == 0)
        account_adds_up();
    return 0;
}
