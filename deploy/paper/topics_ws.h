/* topics_ws - the WebSocket topics of the venue: one table, and the text of a subscription read. */
#ifndef PAPER_TOPICS_WS_H
#define PAPER_TOPICS_WS_H

#include <stdbool.h>
#include <stddef.h>

#include "deploy/paper/contracts.h"
#include "deploy/paper/engine.h"
#include "libagent/exchange/codec.h"

/* id, prefix, takes a symbol, may stand bare, private */
#define WS_TOPICS(X)                                                                               \
    X(TICKER,         "/contractMarket/ticker",         true,  false, false)                       \
    X(TICKER_V2,      "/contractMarket/tickerV2",       true,  false, false)                       \
    X(LEVEL2,         "/contractMarket/level2",         true,  false, false)                       \
    X(DEPTH5,         "/contractMarket/level2Depth5",   true,  false, false)                       \
    X(DEPTH50,        "/contractMarket/level2Depth50",  true,  false, false)                       \
    X(EXECUTION,      "/contractMarket/execution",      true,  false, false)                       \
    X(INSTRUMENT,     "/contract/instrument",           true,  false, false)                       \
    X(ANNOUNCEMENT,   "/contract/announcement",         true,  true,  false)                       \
    X(SNAPSHOT,       "/contractMarket/snapshot",       true,  false, false)                       \
    X(TRADE_ORDERS,   "/contractMarket/tradeOrders",    true,  true,  true)                        \
    X(ADVANCED,       "/contractMarket/advancedOrders", false, true,  true)                        \
    X(WALLET,         "/contractAccount/wallet",        false, true,  true)                        \
    X(POSITION,       "/contract/position",             true,  false, true)                        \
    X(POSITION_ALL,   "/contract/positionAll",          false, true,  true)                        \
    X(MARGIN_MODE,    "/contract/marginMode",           false, true,  true)                        \
    X(CROSS_LEVERAGE, "/contract/crossLeverage",        false, true,  true)                        \
    X(CANDLE,         "/contractMarket/limitCandle",    true,  false, false)

enum ws_topic {
#define X(id, prefix, symbol, bare, priv) WS_##id,
    WS_TOPICS(X)
#undef X
    /* limitCandle is one topic per type: WS_CANDLE + i for codec_candle_types[i], and WS_MONTH */
    WS_TOPIC_COUNT = WS_CANDLE + CODEC_CANDLE_TYPES + 1
};
#define WS_MONTH        CODEC_CANDLE_TYPES      /* "1month": of no fixed length */
#define WS_CANDLE_TYPES (CODEC_CANDLE_TYPES + 1)

#define WS_BARE CONTRACTS_MAX   /* the slot of a topic without a symbol */
#define WS_SLOTS (CONTRACTS_MAX + 1)
#define WS_TOPIC_TEXT_MAX 80

struct ws_sub { int topic, slot; };

bool ws_topic_private(int topic);
/* "/contractMarket/ticker:XBTUSDTM"; returns buf. */
char *ws_topic_text(int topic, int slot, char buf[WS_TOPIC_TEXT_MAX]);
/* Read "prefix:A,B" to at most max subscriptions, *ret_n of them.  0, or the code of the error frame:
 * 400 malformed, 404 unknown topic or symbol, 509 too many. */
int ws_topic_parse(const struct engine *e, const char *text, struct ws_sub *ret, size_t max,
                   size_t *ret_n);

#endif
