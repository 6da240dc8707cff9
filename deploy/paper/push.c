/* push - see push.h */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libagent/clock.h"
#include "libagent/exchange/auth.h"
#include "libagent/exchange/codec.h"
#include "libagent/exchange/jw.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/push.h"
#include "deploy/paper/topics_ws.h"
#include "deploy/paper/view.h"

#define LIFE_MS (24 * 3600 * 1000LL)
#define SWEEP_MS 5000
#define POSITION_MS 1000        /* between pushes of a position whose mark moves */

struct session {
    struct session *next;
    struct ws_conn *conn;
    int account;                /* -1: a public token */
    bool bad;                   /* told an error; to be closed */
    int64_t opened_ms, heard_ms;
    int64_t window_ms;          /* end of the frame window */
    int frames;                 /* in it */
    int topics;
    bool on[WS_TOPIC_COUNT][WS_SLOTS];
};

struct symbol {                 /* what is due at the next flush */
    bool trade, top, depth, candle, mark;
    dec_t mark_px, index_px;
    int64_t positions_ms;       /* last mark-price push of positions */
    int64_t bar_ns[WS_CANDLE_TYPES]; /* start of the running bar pushed last */
};

struct push {
    struct venue *v;
    struct engine_events events;
    struct loop_timer *flush, *sweep;
    bool armed;
    int64_t flushed_ms, candles_ms;
    struct session *sessions;
    int64_t openings[ENGINE_ACCOUNTS_MAX][PUSH_OPENINGS];   /* ms, of the last ones, in a ring */
    size_t n_openings[ENGINE_ACCOUNTS_MAX];
    int subs[WS_TOPIC_COUNT][WS_SLOTS];     /* sessions that have it */
    struct symbol syms[CONTRACTS_MAX];
    struct jw w;
    struct push_counts counts;
};

static int64_t now_ms(void)
{
    return mono_now().ns / NS_PER_MS;
}

/* ---- frames ---- */

static void publish(struct push *p, int topic, int slot, int account)
{
    struct ws_text *t = ws_text_new(p->w.buf, p->w.len);
    for (struct session *s = p->sessions; s != NULL; s = s->next) {
        if (!s->on[topic][slot] || (account >= 0 && s->account != account))
            continue;
        ws_conn_send_shared(s->conn, t);
        p->counts.frames++;
    }
    ws_text_destroy(&t);
}

/* {"topic":...,"type":"message","subject":...,"data":{  ... written by the caller ... end(). */
static struct jw *begin(struct push *p, int topic, int slot, const char *subject, int64_t sn)
{
    char text[WS_TOPIC_TEXT_MAX];
    jw_reset(&p->w);
    jw_open(&p->w, NULL, '{');
    jw_str(&p->w, "topic", ws_topic_text(topic, slot, text));
    jw_str(&p->w, "type", "message");
    jw_str(&p->w, "subject", subject);
    if (sn != 0)
        jw_int(&p->w, "sn", sn);
    return &p->w;
}

static void end(struct push *p, int topic, int slot, int account)
{
    jw_close(&p->w, '}');
    jw_close(&p->w, '}');
    publish(p, topic, slot, account);
}

static struct jw *begin_private(struct push *p, int topic, int slot, int account,
                                const char *subject)
{
    char user[USER_ID_MAX];
    struct jw *w = begin(p, topic, slot, subject, 0);
    venue_user_id(p->v, account, user);
    jw_str(w, "userId", user);
    jw_str(w, "channelType", "private");
    if (topic == WS_ADVANCED || topic == WS_WALLET) {
        char id[25];
        unsigned char bytes[12];
        randombytes_buf(bytes, sizeof bytes);
        jw_str(w, "id", sodium_bin2hex(id, sizeof id, bytes, sizeof bytes));
    }
    jw_open(w, "data", '{');
    return w;
}

static void arm(struct push *p)
{
    if (p->armed)
        return;
    int64_t left = p->flushed_ms + PUSH_MS - now_ms();
    p->armed = true;
    loop_timer_again(p->flush, left > 1 ? left : 1);
}

/* ---- public events ---- */

static void on_level(void *arg, int sym, int64_t sequence, int side, int64_t px, int64_t lots)
{
    struct push *p = arg;
    if (p->subs[WS_DEPTH5][sym] + p->subs[WS_DEPTH50][sym] > 0) {
        p->syms[sym].depth = true;
        arm(p);
    }
    if (p->subs[WS_LEVEL2][sym] == 0)
        return;
    char price[DEC_TEXT_MAX], change[DEC_TEXT_MAX + 40];
    snprintf(change, sizeof change, "%s,%s,%" PRId64,
             dec_format(contract_px(contract_get(sym), px), price), view_side(side), lots);
    struct jw *w = begin(p, WS_LEVEL2, sym, "level2", sequence);
    jw_open(w, "data", '{');
    jw_int(w, "sequence", sequence);
    jw_str(w, "change", change);
    jw_int(w, "timestamp", wall_ns() / NS_PER_MS);
    end(p, WS_LEVEL2, sym, -1);
}

static void on_trade(void *arg, int sym, const struct trade *t)
{
    struct push *p = arg;
    if (p->subs[WS_TICKER][sym] > 0) {
        p->syms[sym].trade = true;
        arm(p);
    }
    if (p->subs[WS_EXECUTION][sym] == 0)
        return;
    struct jw *w = begin(p, WS_EXECUTION, sym, "match", t->sequence);
    jw_open(w, "data", '{');
    jw_str(w, "symbol", contract_get(sym)->symbol);
    jw_int(w, "sequence", t->sequence);
    jw_str(w, "side", view_side(t->side));
    jw_int(w, "size", t->lots);
    jw_decs(w, "price", contract_px(contract_get(sym), t->px));
    jw_ints(w, "takerOrderId", t->taker_id);
    jw_ints(w, "makerOrderId", t->maker_id);
    jw_ints(w, "tradeId", t->trade_id);
    jw_int(w, "ts", t->market_ns);
    end(p, WS_EXECUTION, sym, -1);
}

static void on_top(void *arg, int sym, const struct ticker *t)
{
    struct push *p = arg;
    (void)t;
    if (p->subs[WS_TICKER_V2][sym] == 0)
        return;
    p->syms[sym].top = true;
    arm(p);
}

/* Weeks begin on Monday; 1970 began on a Thursday. */
static int64_t bar_start_ns(int64_t ns, int type)
{
    if (type == WS_MONTH) {
        time_t t = ns / NS_PER_S;
        struct tm tm;
        gmtime_r(&t, &tm);
        return ns / NS_PER_DAY * NS_PER_DAY - (tm.tm_mday - 1) * NS_PER_DAY;
    }
    int minutes = codec_candle_types[type].minutes;
    int64_t shift = minutes == 10080 ? 3 * NS_PER_DAY : 0, span = minutes * NS_PER_MIN;
    return (ns + shift) / span * span - shift;
}

/* The bar of a type that began then, as it is now; months are made of days. */
static bool bar_of(const struct push *p, int sym, int type, int64_t start_ns, struct candle *ret)
{
    struct candle day[31];
    if (type != WS_MONTH)
        return engine_candles(p->v->engine, sym, codec_candle_types[type].minutes, start_ns, start_ns + 1, true, false,
                              ret, 1) == 1;
    size_t n = engine_candles(p->v->engine, sym, 1440, start_ns, INT64_MAX, true, false, day, 31), i = 0;
    *ret = day[0];
    for (i = 1; i < n && bar_start_ns(day[i].start_ns, type) == start_ns; i++) {
        ret->high = day[i].high > ret->high ? day[i].high : ret->high;
        ret->low = day[i].low < ret->low ? day[i].low : ret->low;
        ret->close = day[i].close;
        ret->lots += day[i].lots;
    }
    ret->start_ns = start_ns;
    return n > 0;
}

static void send_bar(struct push *p, int sym, int type, int64_t start_ns)
{
    struct candle c;
    const struct contract *k = contract_get(sym);
    if (!bar_of(p, sym, type, start_ns, &c))
        return;
    struct jw *w = begin(p, WS_CANDLE + type, sym, "candle.stick", 0);
    jw_open(w, "data", '{');
    jw_str(w, "symbol", k->symbol);
    jw_open(w, "candles", '[');
    jw_ints(w, NULL, c.start_ns / NS_PER_S);
    jw_decs(w, NULL, contract_px(k, c.open));
    jw_decs(w, NULL, contract_px(k, c.close));
    jw_decs(w, NULL, contract_px(k, c.high));
    jw_decs(w, NULL, contract_px(k, c.low));
    jw_ints(w, NULL, c.lots);
    jw_ints(w, NULL, c.lots);
    jw_close(w, ']');
    jw_int(w, "time", engine_market_ns(p->v->engine) / NS_PER_MS);
    end(p, WS_CANDLE + type, sym, -1);
}

/* The first print of a new bar: the old bar's last state goes out before anything of the new one, and the
 * new one at once, however fast the market. */
static void on_candle(void *arg, int sym, const struct candle *c, bool closed)
{
    struct push *p = arg;
    if (closed)
        return;
    for (int type = 0; type < WS_CANDLE_TYPES; type++) {
        if (p->subs[WS_CANDLE + type][sym] == 0)
            continue;
        int64_t *bar_ns = &p->syms[sym].bar_ns[type];
        int64_t start = bar_start_ns(c->start_ns, type);
        if (*bar_ns != start) {
            if (*bar_ns != 0)
                send_bar(p, sym, type, *bar_ns);
            send_bar(p, sym, type, start);      /* that it began tells that the other one ended */
        }
        *bar_ns = start;
        p->syms[sym].candle = true;
        arm(p);
    }
}

static void on_mark(void *arg, int sym, dec_t mark, dec_t index, int64_t market_ns)
{
    struct push *p = arg;
    (void)market_ns;
    if (p->subs[WS_INSTRUMENT][sym] + p->subs[WS_POSITION][sym] + p->subs[WS_POSITION_ALL][WS_BARE] == 0)
        return;
    p->syms[sym].mark = true;
    p->syms[sym].mark_px = mark;
    p->syms[sym].index_px = index;
    arm(p);
}

static void announce(struct push *p, int sym, int slot, const char *subject, dec_t rate, int64_t ms)
{
    if (p->subs[WS_ANNOUNCEMENT][slot] == 0)
        return;
    struct jw *w = begin(p, WS_ANNOUNCEMENT, slot, subject, 0);
    jw_open(w, "data", '{');
    jw_str(w, "symbol", contract_get(sym)->symbol);
    jw_int(w, "fundingTime", ms);
    jw_dec(w, "fundingRate", rate);
    jw_int(w, "timestamp", ms);
    end(p, WS_ANNOUNCEMENT, slot, -1);
}

/* A settlement is one instant here: its begin and end are told together. */
static void on_funding_rate(void *arg, int sym, dec_t rate, int64_t market_ns, bool settled)
{
    struct push *p = arg;
    if (settled) {
        for (int i = 0; i < 2; i++) {
            const char *subject = i == 0 ? "funding.begin" : "funding.end";
            announce(p, sym, sym, subject, rate, market_ns / NS_PER_MS);
            announce(p, sym, WS_BARE, subject, rate, market_ns / NS_PER_MS);
        }
    }
    if (p->subs[WS_INSTRUMENT][sym] == 0)
        return;
    struct jw *w = begin(p, WS_INSTRUMENT, sym, "funding.rate", 0);
    jw_open(w, "data", '{');
    jw_int(w, "granularity", settled ? contract_get(sym)->funding_ms : 60000);
    jw_dec(w, "fundingRate", rate);
    jw_int(w, "timestamp", market_ns / NS_PER_MS);
    end(p, WS_INSTRUMENT, sym, -1);
}

/* ---- private events ---- */

static void order_fields(struct jw *w, enum order_event ev, const struct order *o,
                         const struct fill *f, int64_t old_lots)
{
    static const char *const types[] = {"open", "match", "update", "filled", "canceled"};
    const struct contract *c = contract_get(o->sym);
    bool maker = f != NULL && f->liquidity == LIQ_MAKER, gone = ev == EV_CANCELED;
    bool liquid = *o->cl_ord_id == '\0' && !o->attached;    /* nobody's order but the exchange's */
    int64_t left = o->lots - o->cum_lots;
    jw_str(w, "symbol", c->symbol);
    jw_str(w, "orderType", view_type(o->type));
    jw_str(w, "side", view_side(o->side));
    jw_ints(w, "orderId", o->id);
    jw_str(w, "clientOid", o->cl_ord_id);
    jw_str(w, "marginMode", "ISOLATED");
    jw_str(w, "positionSide", "BOTH");
    jw_str(w, "type", types[ev]);
    jw_str(w, "status", ev == EV_FILLED || gone ? "done" : ev == EV_MATCH && !maker ? "match" : "open");
    jw_ints(w, "size", o->lots);
    jw_ints(w, "filledSize", o->cum_lots);
    jw_ints(w, "remainSize", gone ? 0 : left);
    jw_ints(w, "canceledSize", gone ? left : 0);
    jw_decs(w, "price", contract_px(c, o->px));
    jw_int(w, "orderTime", o->created_ns);
    jw_int(w, "ts", o->updated_ns);
    jw_str(w, "tradeType", liquid ? "liquid" : "trade");
    if (ev == EV_UPDATE)
        jw_ints(w, "oldSize", old_lots);
    if (f == NULL)
        return;
    jw_str(w, "liquidity", maker ? "maker" : "taker");
    jw_str(w, "feeType", maker ? "makerFee" : "takerFee");
    jw_decs(w, "matchPrice", contract_px(c, f->px));
    jw_ints(w, "matchSize", f->lots);
    jw_ints(w, "tradeId", f->trade_id);
}

static void on_order(void *arg, enum order_event ev, const struct order *o, const struct fill *f,
                     int64_t old_lots)
{
    struct push *p = arg;
    for (int i = 0; i < 2; i++) {
        int slot = i == 0 ? WS_BARE : o->sym;
        if (p->subs[WS_TRADE_ORDERS][slot] == 0)
            continue;
        struct jw *w = begin_private(p, WS_TRADE_ORDERS, slot, o->account,
                                     i == 0 ? "orderChange" : "symbolOrderChange");
        order_fields(w, ev, o, f, old_lots);
        end(p, WS_TRADE_ORDERS, slot, o->account);
    }
}

static void on_stop(void *arg, enum stop_event ev, const struct order *o, bool ok, const char *error)
{
    static const char *const types[] = {"open", "triggered", "cancel"};
    struct push *p = arg;
    const struct contract *c = contract_get(o->sym);
    if (p->subs[WS_ADVANCED][WS_BARE] == 0)
        return;
    struct jw *w = begin_private(p, WS_ADVANCED, WS_BARE, o->account, "stopOrder");
    jw_ints(w, "orderId", o->id);
    jw_str(w, "clientOid", o->cl_ord_id);
    jw_str(w, "symbol", c->symbol);
    jw_str(w, "side", view_side(o->side));
    jw_str(w, "marginMode", "ISOLATED");
    jw_str(w, "orderType", "stop");
    jw_decs(w, "orderPrice", contract_px(c, o->px));
    jw_int(w, "size", o->lots);
    jw_str(w, "stop", view_stop(o->stop));
    jw_decs(w, "stopPrice", contract_px(c, o->stop_px));
    jw_str(w, "stopPriceType", view_stop_px_type(o->stop_px_type));
    jw_int(w, "createdAt", o->created_ns / NS_PER_MS);
    jw_int(w, "ts", o->updated_ns);
    jw_str(w, "type", types[ev]);
    if (ev == EV_STOP_TRIGGERED) {
        jw_bool(w, "triggerSuccess", ok);
        if (!ok)
            jw_str(w, "error", error != NULL ? error : "");
    }
    end(p, WS_ADVANCED, WS_BARE, o->account);
}

static void send_position(struct push *p, int account, int sym, const char *why)
{
    for (int i = 0; i < 2; i++) {
        int topic = i == 0 ? WS_POSITION : WS_POSITION_ALL, slot = i == 0 ? sym : WS_BARE;
        if (p->subs[topic][slot] == 0)
            continue;
        struct jw *w = begin_private(p, topic, slot, account, "position.change");
        view_position_fields(w, p->v, account, sym);
        jw_int(w, "currentTimestamp", wall_ns() / NS_PER_MS);
        jw_str(w, "changeReason", why);
        end(p, topic, slot, account);
    }
}

static void on_position(void *arg, int account, int sym, enum position_reason why)
{
    static const char *const reasons[] = {"positionChange", "marginChange", "liquidation",
                                          "marginChange", "autoAppendMarginStatusChange"};
    send_position(arg, account, sym, reasons[why]);
}

static void on_settlement(void *arg, const struct funding_row *r)
{
    struct push *p = arg;
    for (int i = 0; i < 2; i++) {
        int topic = i == 0 ? WS_POSITION : WS_POSITION_ALL, slot = i == 0 ? r->sym : WS_BARE;
        if (p->subs[topic][slot] == 0)
            continue;
        struct jw *w = begin_private(p, topic, slot, r->account, "position.settlement");
        jw_str(w, "symbol", contract_get(r->sym)->symbol);
        jw_int(w, "fundingTime", r->market_ns / NS_PER_MS);
        jw_int(w, "qty", r->qty);
        jw_dec(w, "markPrice", r->mark);
        jw_dec(w, "fundingRate", r->rate);
        jw_dec(w, "fundingFee", r->amount);
        jw_int(w, "ts", r->market_ns);
        jw_str(w, "settleCurrency", "USDT");
        jw_str(w, "marginMode", "ISOLATED");
        jw_str(w, "positionSide", "BOTH");
        end(p, topic, slot, r->account);
    }
}

static void on_wallet(void *arg, int account)
{
    struct push *p = arg;
    if (p->subs[WS_WALLET][WS_BARE] == 0)
        return;
    struct wallet m;
    engine_wallet(p->v->engine, account, &m);
    struct jw *w = begin_private(p, WS_WALLET, WS_BARE, account, "walletBalance.change");
    jw_str(w, "currency", "USDT");
    jw_decs(w, "walletBalance", m.cash);
    jw_decs(w, "availableBalance", m.available);
    jw_decs(w, "availableMargin", m.available);
    jw_decs(w, "maxWithdrawAmount", m.available);
    jw_str(w, "holdBalance", "0");
    jw_decs(w, "equity", m.equity);
    jw_decs(w, "isolatedOrderMargin", m.order_margin);
    jw_decs(w, "isolatedPosMargin", m.position_margin);
    jw_str(w, "isolatedFundingFeeMargin", "0");
    jw_decs(w, "isolatedUnPnl", m.upnl);
    jw_str(w, "crossPosMargin", "0");
    jw_str(w, "crossOrderMargin", "0");
    jw_str(w, "crossUnPnl", "0");
    jw_decs(w, "totalCrossMargin", m.available);
    jw_ints(w, "version", engine_account_get(p->v->engine, account)->version);
    jw_ints(w, "timestamp", wall_ns() / NS_PER_MS);
    end(p, WS_WALLET, WS_BARE, account);
}

static struct jw *begin_config(struct push *p, int topic, int account)
{
    return p == NULL || p->subs[topic][WS_BARE] == 0
               ? NULL : begin_private(p, topic, WS_BARE, account, "user.config");
}

void push_margin_mode(struct push *p, int account, int sym)
{
    struct jw *w = begin_config(p, WS_MARGIN_MODE, account);
    if (w == NULL)
        return;
    jw_str(w, contract_get(sym)->symbol, "ISOLATED");
    end(p, WS_MARGIN_MODE, WS_BARE, account);
}

void push_cross_leverage(struct push *p, int account, int sym, int leverage)
{
    struct jw *w = begin_config(p, WS_CROSS_LEVERAGE, account);
    if (w == NULL)
        return;
    jw_open(w, contract_get(sym)->symbol, '{');
    jw_ints(w, "leverage", leverage);
    jw_close(w, '}');
    end(p, WS_CROSS_LEVERAGE, WS_BARE, account);
}

void push_risk_level(struct push *p, int account, int sym, bool ok, const char *msg)
{
    struct position_view v;
    for (int i = 0; p != NULL && i < 2; i++) {
        int topic = i == 0 ? WS_POSITION : WS_POSITION_ALL, slot = i == 0 ? sym : WS_BARE;
        if (p->subs[topic][slot] == 0)
            continue;
        engine_position(p->v->engine, account, sym, &v);
        struct jw *w = begin_private(p, topic, slot, account, "position.adjustRiskLimit");
        jw_str(w, "symbol", contract_get(sym)->symbol);
        jw_bool(w, "success", ok);
        jw_int(w, "riskLimitLevel", v.risk_level);
        jw_str(w, "msg", msg);
        end(p, topic, slot, account);
    }
}

/* ---- what is conflated ---- */

static void send_top(struct push *p, int sym)
{
    struct ticker t;
    const struct contract *c = contract_get(sym);
    engine_ticker(p->v->engine, sym, &t);
    struct jw *w = begin(p, WS_TICKER_V2, sym, "tickerV2", t.sequence);
    jw_open(w, "data", '{');
    jw_str(w, "symbol", c->symbol);
    jw_int(w, "sequence", t.sequence);
    jw_decs(w, "bestBidPrice", contract_px(c, t.bid.px));
    jw_int(w, "bestBidSize", t.bid.lots);
    jw_decs(w, "bestAskPrice", contract_px(c, t.ask.px));
    jw_int(w, "bestAskSize", t.ask.lots);
    jw_int(w, "ts", wall_ns());
    end(p, WS_TICKER_V2, sym, -1);
}

static void send_ticker(struct push *p, int sym)
{
    struct ticker t;
    engine_ticker(p->v->engine, sym, &t);
    struct jw *w = begin(p, WS_TICKER, sym, "ticker", t.last.sequence);
    jw_open(w, "data", '{');
    view_ticker_fields(w, &t, sym);
    end(p, WS_TICKER, sym, -1);
}

/* The last 24 hours, every SWEEP_MS. */
static void send_snapshot(struct push *p, int sym)
{
    struct market_stats s;
    char id[25];
    unsigned char bytes[12];
    const struct contract *c = contract_get(sym);
    if (p->subs[WS_SNAPSHOT][sym] == 0)
        return;
    engine_stats(p->v->engine, sym, &s);
    randombytes_buf(bytes, sizeof bytes);
    dec_t pct = s.open > 0 ? dec_quo(dec_int(s.last - s.open), dec_int(s.open)) : dec_zero();
    struct jw *w = begin(p, WS_SNAPSHOT, sym, "snapshot.24h", 0);
    jw_str(w, "id", sodium_bin2hex(id, sizeof id, bytes, sizeof bytes));
    jw_open(w, "data", '{');
    jw_dec(w, "highPrice", contract_px(c, s.high));
    jw_dec(w, "lastPrice", contract_px(c, s.last));
    jw_dec(w, "lowPrice", contract_px(c, s.low));
    jw_dec(w, "price24HoursBefore", contract_px(c, s.open));
    jw_dec(w, "priceChg", contract_px(c, s.last - s.open));
    jw_dec(w, "priceChgPct", dec_round_places(pct, 6, DEC_HALF_EVEN));
    jw_str(w, "symbol", c->symbol);
    jw_int(w, "ts", wall_ns());
    jw_dec(w, "turnover", dec_round_places(s.turnover, 4, DEC_HALF_EVEN));
    jw_dec(w, "volume", dec_mul(dec_int(s.lots), c->multiplier));
    end(p, WS_SNAPSHOT, sym, -1);
}

static void send_depth(struct push *p, int sym, int topic, size_t depth)
{
    struct level bids[50], asks[50];
    size_t nb = depth, na = depth;
    int64_t sequence, ms = wall_ns() / NS_PER_MS;
    if (p->subs[topic][sym] == 0)
        return;
    engine_book(p->v->engine, sym, bids, &nb, asks, &na, &sequence);
    struct jw *w = begin(p, topic, sym, "level2", ms);
    jw_open(w, "data", '{');
    view_levels(w, "bids", contract_get(sym), bids, nb, true);
    view_levels(w, "asks", contract_get(sym), asks, na, true);
    jw_int(w, "sequence", sequence);
    jw_int(w, "timestamp", ms);
    jw_int(w, "ts", ms);
    end(p, topic, sym, -1);
}

static void send_mark(struct push *p, int sym, int64_t now)
{
    struct symbol *s = &p->syms[sym];
    if (p->subs[WS_INSTRUMENT][sym] > 0) {
        struct jw *w = begin(p, WS_INSTRUMENT, sym, "mark.index.price", 0);
        jw_open(w, "data", '{');
        jw_dec(w, "markPrice", s->mark_px);
        jw_dec(w, "indexPrice", s->index_px);
        jw_int(w, "granularity", 1000);
        jw_int(w, "timestamp", wall_ns() / NS_PER_MS);
        end(p, WS_INSTRUMENT, sym, -1);
    }
    if (now - s->positions_ms < POSITION_MS)
        return;
    s->positions_ms = now;
    for (int a = 0; a < engine_accounts(p->v->engine); a++) {
        struct position_view x;
        engine_position(p->v->engine, a, sym, &x);
        if (x.qty != 0)
            send_position(p, a, sym, "markPriceChange");
    }
}

static void send_candles(struct push *p, int sym)
{
    for (int type = 0; type < WS_CANDLE_TYPES; type++)
        if (p->subs[WS_CANDLE + type][sym] > 0 && p->syms[sym].bar_ns[type] != 0)
            send_bar(p, sym, type, p->syms[sym].bar_ns[type]);
    p->syms[sym].candle = false;
}

static void close_bad(struct push *p)
{
    for (struct session *s = p->sessions, *next; s != NULL; s = next) {
        next = s->next;
        if (s->bad)
            ws_conn_close(s->conn, 1000, "");
    }
}

static void on_flush(void *arg)
{
    struct push *p = arg;
    int64_t now = now_ms(), candle_ms = (int64_t)(1000 / p->v->clock.speed);
    bool candles = now - p->candles_ms >= (candle_ms > PUSH_MS ? candle_ms : PUSH_MS);
    bool left = false;
    p->armed = false;
    p->flushed_ms = now;
    if (candles)
        p->candles_ms = now;
    for (int sym = 0; sym < CONTRACTS_MAX; sym++) {
        struct symbol *s = &p->syms[sym];
        if (s->top)
            send_top(p, sym);
        if (s->trade)
            send_ticker(p, sym);
        if (s->depth) {
            send_depth(p, sym, WS_DEPTH5, 5);
            send_depth(p, sym, WS_DEPTH50, 50);
        }
        if (s->mark)
            send_mark(p, sym, now);
        s->top = s->trade = s->depth = s->mark = false;
        if (s->candle && candles)
            send_candles(p, sym);
        left = left || s->candle;
    }
    close_bad(p);
    if (left)
        arm(p);
}

/* ---- sessions ---- */

static void send_error(struct session *s, const char *id, int code, const char *data)
{
    struct jw w;
    jw_init(&w);
    jw_open(&w, NULL, '{');
    if (id != NULL)
        jw_str(&w, "id", id);
    jw_str(&w, "type", "error");
    jw_int(&w, "code", code);
    jw_str(&w, "data", data);
    jw_close(&w, '}');
    ws_conn_send(s->conn, w.buf, w.len);
    jw_fini(&w);
}

static void send_plain(struct session *s, const char *id, const char *type)
{
    struct jw w;
    jw_init(&w);
    jw_open(&w, NULL, '{');
    jw_str(&w, "id", id);
    jw_str(&w, "type", type);
    if (strcmp(type, "pong") == 0)
        jw_int(&w, "timestamp", wall_ns() / NS_PER_US);
    jw_close(&w, '}');
    ws_conn_send(s->conn, w.buf, w.len);
    jw_fini(&w);
}

static void fail_session(struct push *p, struct session *s, int code, const char *data)
{
    send_error(s, NULL, code, data);
    s->bad = true;
    arm(p);
}

/* The query parameter's decoded value, "" when absent or too long. */
static void query_value(const char *target, const char *name, char *ret, size_t size)
{
    size_t n = strlen(name);
    ret[0] = '\0';
    const char *p = strchr(target, '?');
    while (p != NULL) {
        p++;
        size_t len = strcspn(p, "&");
        if (len > n && strncmp(p, name, n) == 0 && p[n] == '=' && len - n - 1 < size) {
            memcpy(ret, p + n + 1, len - n - 1);
            ret[len - n - 1] = '\0';
            auth_percent_decode(ret, ret);
            return;
        }
        p = strchr(p, '&');
    }
}

/* Of an account, not counting those that end; public ones have no account and no limit. */
static int sessions_of(const struct push *p, int account)
{
    int n = 0;
    for (const struct session *s = p->sessions; s != NULL && account >= 0; s = s->next)
        n += s->account == account && !s->bad;
    return n;
}

/* Public streams have no account and no limit. */
static bool opening_allowed(struct push *p, int account, int64_t now)
{
    if (account < 0)
        return true;
    size_t n = p->n_openings[account];
    int64_t *slot = &p->openings[account][n % PUSH_OPENINGS];
    if (n >= PUSH_OPENINGS && now - *slot < 60000)
        return false;
    *slot = now;
    p->n_openings[account]++;
    return true;
}

int push_on_open(void *arg, struct ws_conn *c, const struct server_request *req)
{
    struct push *p = arg;
    char token[128], connect_id[128];
    struct session *s = calloc(1, sizeof *s);
    must(s != NULL);
    *s = (struct session){.next = p->sessions, .conn = c, .account = -1, .opened_ms = now_ms(),
                          .heard_ms = now_ms()};
    p->sessions = s;
    p->counts.sessions++;
    p->counts.now++;
    ws_conn_set_user(c, s);
    query_value(server_target(req), "token", token, sizeof token);
    query_value(server_target(req), "connectId", connect_id, sizeof connect_id);
    int err = venue_token_open(p->v, token, &s->account);
    if (err != ERR_OK) {
        fail_session(p, s, 401, err == ERR_TIMEOUT ? "token is expired" : "token is invalid");
        return 0;
    }
    if (sessions_of(p, s->account) > PUSH_SESSIONS) {
        fail_session(p, s, 509, "exceed max session count limitation of 50");
        return 0;
    }
    if (!opening_allowed(p, s->account, s->opened_ms)) {
        fail_session(p, s, 509, "exceed max connections limitation of 30 per minute");
        return 0;
    }
    if (connect_id[0] == '\0')
        snprintf(connect_id, sizeof connect_id, "%" PRId64, p->counts.sessions);
    send_plain(s, connect_id, "welcome");
    return 0;
}

void push_on_close(void *arg, struct ws_conn *c)
{
    struct push *p = arg;
    struct session *s = ws_conn_user(c);
    for (int t = 0; t < WS_TOPIC_COUNT; t++)
        for (int slot = 0; slot < WS_SLOTS; slot++)
            p->subs[t][slot] -= s->on[t][slot];
    struct session **at = &p->sessions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    p->counts.now--;
    free(s);
}

static void set_subs(struct push *p, struct session *s, const struct ws_sub *subs, size_t n, bool on)
{
    for (size_t i = 0; i < n; i++) {
        bool *has = &s->on[subs[i].topic][subs[i].slot];
        int step = on - *has;
        *has = on;
        s->topics += step;
        p->subs[subs[i].topic][subs[i].slot] += step;
        if (step > 0 && subs[i].topic >= WS_CANDLE)
            p->syms[subs[i].slot].bar_ns[subs[i].topic - WS_CANDLE] = 0;
    }
}

static void subscribe(struct push *p, struct session *s, const json_t *msg, const char *id, bool on)
{
    struct ws_sub subs[PUSH_TOPICS_FRAME];
    size_t n = 0;
    bool private_channel = false, response = false;
    const char *topic = NULL;
    char text[256];
    (void)codec_bool(msg, "privateChannel", &private_channel);
    (void)codec_bool(msg, "response", &response);
    if (codec_text(msg, "topic", &topic) != ERR_OK || *topic == '\0') {
        send_error(s, id, 406, "topic is required");
        return;
    }
    int code = ws_topic_parse(p->v->engine, topic, subs, PUSH_TOPICS_FRAME, &n);
    if (code == 509)
        send_error(s, id, code, "exceed max subscription count limitation of 100 per time");
    else if (code != 0) {
        snprintf(text, sizeof text, "topic %.200s is %s", topic, code == 400 ? "invalid" : "not found");
        send_error(s, id, code, text);
    } else if (ws_topic_private(subs[0].topic) && (s->account < 0 || !private_channel)) {
        send_error(s, id, 403, "login is required");
    } else if (on && s->topics + (int)n > PUSH_TOPICS_SESSION) {
        send_error(s, id, 509, "exceed max subscription count limitation of 300 per session");
    } else {
        set_subs(p, s, subs, n, on);
        if (response)
            send_plain(s, id, "ack");
    }
}

static bool frame_allowed(struct session *s, int64_t now)
{
    if (now >= s->window_ms) {
        s->window_ms = now + PUSH_FRAMES_MS;
        s->frames = 0;
    }
    return ++s->frames <= PUSH_FRAMES;
}

void push_on_text(void *arg, struct ws_conn *c, const char *text, size_t len)
{
    struct push *p = arg;
    struct session *s = ws_conn_user(c);
    json_t *msg = NULL;
    const char *type = NULL;
    if (s->bad)
        return;
    s->heard_ms = now_ms();
    bool allowed = frame_allowed(s, s->heard_ms);
    if (codec_load(text, len, &msg) != ERR_OK || codec_text(msg, "type", &type) != ERR_OK) {
        send_error(s, NULL, 400, "the frame is no JSON object with a type");
        json_decref(msg);
        return;
    }
    const char *id = codec_chars(json_object_get(msg, "id"));
    if (id == NULL)
        id = "";
    if (!allowed)
        send_error(s, id, 509, "exceed max permits per second");
    else if (strcmp(type, "ping") == 0)
        send_plain(s, id, "pong");
    else if (strcmp(type, "subscribe") == 0 || strcmp(type, "unsubscribe") == 0)
        subscribe(p, s, msg, id, type[0] == 's');
    else
        send_error(s, id, 415, "type is not supported");
    json_decref(msg);
}

static void on_sweep(void *arg)
{
    struct push *p = arg;
    int64_t now = now_ms();
    for (int sym = 0; sym < CONTRACTS_MAX; sym++)
        send_snapshot(p, sym);
    for (struct session *s = p->sessions; s != NULL; s = s->next) {
        if (s->bad)
            continue;
        if (now - s->heard_ms > PUSH_SILENT_MS)
            fail_session(p, s, 400, "ping timeout");
        else if (now - s->opened_ms > LIFE_MS)
            fail_session(p, s, 401, "token is expired");
    }
}

struct push *push_new(struct loop *l, struct venue *v)
{
    struct push *p = calloc(1, sizeof *p);
    must(p != NULL);
    p->v = v;
    p->events = (struct engine_events){
        .arg = p, .level = on_level, .trade = on_trade, .top = on_top, .candle = on_candle,
        .mark = on_mark, .funding_rate = on_funding_rate, .order = on_order, .stop = on_stop,
        .position = on_position, .settlement = on_settlement, .wallet = on_wallet,
    };
    jw_init(&p->w);
    p->flush = loop_timer_new(l, PUSH_MS, 0, false, on_flush, p);
    p->sweep = loop_timer_new(l, SWEEP_MS, SWEEP_MS, false, on_sweep, p);
    p->armed = true;
    v->push = p;
    return p;
}

void push_destroy(struct push **p)
{
    if (*p == NULL)
        return;
    must((*p)->sessions == NULL);
    loop_timer_destroy(&(*p)->flush);
    loop_timer_destroy(&(*p)->sweep);
    jw_fini(&(*p)->w);
    free(*p);
    *p = NULL;
}

const struct engine_events *push_events(const struct push *p)
{
    return &p->events;
}

struct push_counts push_counts(const struct push *p)
{
    struct push_counts n = p->counts;
    for (const struct session *s = p->sessions; s != NULL; s = s->next)
        n.topics += s->topics;
    return n;
}
