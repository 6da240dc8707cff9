/* rest_orders - orders and fills (kucoin-futures 7 and 8). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/rest.h"
#include "deploy/paper/view.h"

#define CANCELLED_MAX 2048
#define RECENT_ROWS 1000
#define MULTI_MAX 20

/* ---- a body becomes a request: wrong JSON types 100000, wrong values 100001 ---- */

static void wrong(struct rest_call *c, int code, const char *name, const char *what)
{
    char msg[ENGINE_MSG_MAX];
    snprintf(msg, sizeof msg, "%s %s", name, what);
    rest_fail(c, code, msg);
}

/* An optional string; NULL when absent or empty. */
static const char *opt_text(struct rest_call *c, const char *name)
{
    const char *text = NULL;
    if (codec_text(c->body, name, &text) == ERR_TYPE)
        wrong(c, 100000, name, "must be a string");
    return text != NULL && *text != '\0' ? text : NULL;
}

static bool opt_bool(struct rest_call *c, const char *name)
{
    bool v = false;
    if (codec_bool(c->body, name, &v) == ERR_TYPE)
        wrong(c, 100000, name, "must be a boolean");
    return v;
}

static int64_t opt_int(struct rest_call *c, const char *name)
{
    int64_t v = 0;
    int err = codec_int(c->body, name, &v);
    if (err != ERR_OK && err != ERR_MISSING)
        wrong(c, 100000, name, "must be an integer");
    return v;
}

/* Zero when absent. */
static dec_t opt_dec(struct rest_call *c, const char *name)
{
    dec_t v = dec_zero();
    int err = codec_dec(c->body, name, &v);
    if (err != ERR_OK && err != ERR_MISSING)
        wrong(c, err == ERR_TYPE ? 100000 : 100001, name, "must be a decimal number");
    return v;
}

/* The number of the word among `words` (NULL ends them); 0 when absent, as the first is the default. */
static int opt_word(struct rest_call *c, const char *name, const char *const *words)
{
    const char *text = opt_text(c, name);
    for (int i = 0; text != NULL && words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    if (text != NULL)
        wrong(c, 100001, name, "is not one of the allowed values");
    return 0;
}

static void read_what(struct rest_call *c, struct order_req *r)
{
    static const char *const types[] = {"limit", "market", NULL};
    static const char *const sides[] = {"", "buy", "sell", NULL};
    static const char *const tifs[] = {"GTC", "IOC", "FOK", NULL};
    static const char *const stps[] = {"", "CN", "CO", "CB", NULL};
    static const char *const modes[] = {"ISOLATED", "CROSS", NULL};
    static const char *const position_sides[] = {"BOTH", "LONG", "SHORT", NULL};
    int side = opt_word(c, "side", sides);
    r->side = side == 0 ? SIDE_NONE : side == 1 ? SIDE_BUY : SIDE_SELL;
    r->type = opt_word(c, "type", types) == 1 ? TYPE_MARKET : TYPE_LIMIT;
    r->tif = (enum tif)opt_word(c, "timeInForce", tifs);
    r->stp = (enum stp)opt_word(c, "stp", stps);
    r->cross = opt_word(c, "marginMode", modes) == 1;
    if (opt_word(c, "positionSide", position_sides) != 0)
        rest_fail(c, 330011, "The order's position side does not match the one-way position mode.");
    r->cl_ord_id = rest_body_text(c, "clientOid");
    r->remark = opt_text(c, "remark");
    r->reduce_only = opt_bool(c, "reduceOnly");
    r->close_order = opt_bool(c, "closeOrder");
    r->post_only = opt_bool(c, "postOnly");
    r->force_hold = opt_bool(c, "forceHold");
    r->hidden = opt_bool(c, "hidden");
    r->iceberg = opt_bool(c, "iceberg");
    r->visible = r->iceberg ? opt_int(c, "visibleSize") : 0;
}

static void read_size(struct rest_call *c, struct order_req *r)
{
    r->leverage = (int)opt_int(c, "leverage");
    r->lots = opt_int(c, "size");
    r->qty = opt_dec(c, "qty");
    r->value = opt_dec(c, "valueQty");
    r->price = r->type == TYPE_LIMIT ? opt_dec(c, "price") : dec_zero();
    int64_t leverage = opt_int(c, "leverage");
    if (leverage < 0 || leverage > 1000)
        wrong(c, 100001, "leverage", "must be a positive integer");
    if (json_object_get(c->body, "size") != NULL && r->lots <= 0 && !r->close_order)
        rest_fail(c, 300000, "Order size invalid.");
    if (r->type == TYPE_LIMIT && !r->close_order && json_object_get(c->body, "price") == NULL)
        wrong(c, 100001, "price", "cannot be empty");
}

static void read_stop(struct rest_call *c, struct order_req *r, bool st)
{
    static const char *const stops[] = {"", "up", "down", NULL};
    static const char *const px_types[] = {"TP", "MP", "IP", NULL};
    r->stop_px_type = (enum stop_px_type)opt_word(c, "stopPriceType", px_types);
    if (st) {
        r->up_px = opt_dec(c, "triggerStopUpPrice");
        r->down_px = opt_dec(c, "triggerStopDownPrice");
    } else {
        r->stop = (enum stop_dir)opt_word(c, "stop", stops);
    }
    bool triggers = r->stop != STOP_NONE || dec_sign(r->up_px) != 0 || dec_sign(r->down_px) != 0;
    if (triggers && opt_text(c, "stopPriceType") == NULL)
        wrong(c, 100001, "stopPriceType", "cannot be empty");
    if (r->stop == STOP_NONE)
        return;
    r->stop_px = opt_dec(c, "stopPrice");
    if (json_object_get(c->body, "stopPrice") == NULL)
        wrong(c, 100001, "stopPrice", "cannot be empty");
}

/* Places the order of c->body; 0 and a failed call when it was refused. */
static int64_t place_one(struct rest_call *c, bool st, bool test)
{
    struct order_req r = {.account = c->account};
    int64_t id = 0;
    r.symbol = rest_body_text(c, "symbol");
    read_what(c, &r);
    read_size(c, &r);
    read_stop(c, &r, st);
    if (r.symbol != NULL)
        (void)rest_symbol(c, r.symbol);
    if (c->code != 0)
        return 0;
    char msg[ENGINE_MSG_MAX] = "";
    int code = engine_place(c->v->engine, &r, test, &id, msg);
    if (code != 0) {
        rest_fail(c, code, msg);
        return 0;
    }
    return id;
}

static void place(struct rest_call *c, bool st, bool test)
{
    int64_t id = place_one(c, st, test);
    if (c->code != 0)
        return;
    jw_open(c->out, "data", '{');
    jw_ints(c->out, "orderId", id);
    jw_str(c->out, "clientOid", codec_chars(json_object_get(c->body, "clientOid")));
    jw_close(c->out, '}');
}

/* A member of the order as the client wrote it, null when that was no string. */
static void echo(struct rest_call *c, const json_t *order, const char *name)
{
    const json_t *v = json_object_get(order, name);
    if (codec_is_text(v))
        jw_str(c->out, name, codec_chars(v));
    else
        jw_null(c->out, name);
}

/* Each order by itself: a row that fails does not hold up the others. */
static void orders_multi(struct rest_call *c)
{
    json_t *all = c->body, *order;
    size_t n = json_array_size(all), i;
    bool objects = n > 0 && n <= MULTI_MAX;
    json_array_foreach(all, i, order)
        objects = objects && json_is_object(order);
    if (!objects) {
        rest_fail(c, 100001, "the body must be an array of 1 to 20 orders");
        return;
    }
    jw_open(c->out, "data", '[');
    json_array_foreach(all, i, order) {
        c->body = order;
        int64_t id = place_one(c, false, false);
        jw_open(c->out, NULL, '{');
        if (c->code == 0)
            jw_ints(c->out, "orderId", id);
        else
            jw_null(c->out, "orderId");
        echo(c, order, "clientOid");
        echo(c, order, "symbol");
        jw_ints(c->out, "code", c->code != 0 ? c->code : 200000);
        jw_str(c->out, "msg", c->code != 0 ? c->msg : "success");
        jw_close(c->out, '}');
        c->code = 0;
        c->status = 200;
    }
    c->body = all;
    jw_close(c->out, ']');
}

static void order_place(struct rest_call *c) { place(c, false, false); }
static void order_test(struct rest_call *c) { place(c, false, true); }
static void order_st(struct rest_call *c) { place(c, true, false); }

/* ---- cancels ---- */

static const struct order *own(struct rest_call *c, const struct order *o)
{
    return o != NULL && o->account == c->account ? o : NULL;
}

static int64_t id_of(const char *text)
{
    dec_t d;
    int64_t id = -1;
    if (text != NULL && dec_parse(text, &d) == ERR_OK)
        (void)dec_to_int(d, &id);
    return id;
}

static int64_t segment_id(const struct rest_call *c) { return id_of(c->segment); }

static bool cancel(struct rest_call *c, const struct order *o)
{
    char msg[ENGINE_MSG_MAX] = "The order cannot be canceled.";
    int code = o != NULL ? engine_cancel(c->v->engine, c->account, o->id, msg) : 100004;
    if (code != 0)
        rest_fail(c, code, msg);
    return code == 0;
}

static void order_cancel(struct rest_call *c)
{
    const struct order *o = own(c, engine_order(c->v->engine, segment_id(c)));
    if (!cancel(c, o))
        return;
    jw_open(c->out, "data", '{');
    jw_open(c->out, "cancelledOrderIds", '[');
    jw_str(c->out, NULL, c->segment);
    jw_close(c->out, ']');
    jw_close(c->out, '}');
}

static void order_cancel_oid(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    const struct order *o = engine_order_by_oid(c->v->engine, c->account, c->segment);
    if (c->code != 0 || !cancel(c, o != NULL && o->sym == sym ? o : NULL))
        return;
    jw_open(c->out, "data", '{');
    jw_str(c->out, "clientOid", c->segment);
    jw_close(c->out, '}');
}

/* One row of multi-cancel: success is "200" here, not "200000". */
static void cancel_row(struct rest_call *c, const struct order *o, const char *id, const char *oid)
{
    bool ok = o != NULL && cancel(c, o);
    jw_open(c->out, NULL, '{');
    if (id != NULL)
        jw_str(c->out, "orderId", id);
    else
        jw_null(c->out, "orderId");
    if (oid != NULL)
        jw_str(c->out, "clientOid", oid);
    else
        jw_null(c->out, "clientOid");
    jw_str(c->out, "code", ok ? "200" : "100004");
    jw_str(c->out, "msg", ok ? "success" : "The order cannot be canceled.");
    jw_close(c->out, '}');
    c->code = 0;
}

static void cancel_ids(struct rest_call *c, const json_t *ids)
{
    size_t i;
    json_t *v;
    json_array_foreach(ids, i, v) {
        const char *id = codec_chars(v);
        cancel_row(c, own(c, engine_order(c->v->engine, id_of(id))), id != NULL ? id : "", NULL);
    }
}

static void cancel_oids(struct rest_call *c, const json_t *oids)
{
    size_t i;
    json_t *v;
    json_array_foreach(oids, i, v) {
        const char *oid = codec_chars(json_object_get(v, "clientOid"));
        const char *symbol = codec_chars(json_object_get(v, "symbol"));
        const struct order *o = oid != NULL ? engine_order_by_oid(c->v->engine, c->account, oid) : NULL;
        bool same = o != NULL && symbol != NULL && strcmp(contract_get(o->sym)->symbol, symbol) == 0;
        cancel_row(c, same ? o : NULL, NULL, oid != NULL ? oid : "");
    }
}

/* "1,2" of the query as an array of strings. */
static json_t *split(const char *list)
{
    json_t *ids = json_array();
    must(ids != NULL);
    for (const char *p = list; *p != '\0'; ) {
        size_t len = strcspn(p, ",");
        if (len > 0)
            json_array_append_new(ids, json_stringn(p, len));
        p += len + (p[len] == ',');
    }
    return ids;
}

/* The ids come in the body, of which one key may be null, or in the query. */
static void multi_cancel(struct rest_call *c)
{
    json_t *ids = json_incref(json_object_get(c->body, "orderIdsList"));
    const json_t *oids = json_object_get(c->body, "clientOidsList");
    if (!json_is_array(ids) && !json_is_array(oids) && rest_param(c, "orderIdsList") != NULL) {
        json_decref(ids);
        ids = split(rest_param(c, "orderIdsList"));
    }
    size_t n = json_array_size(ids) + json_array_size(oids);
    if (json_is_array(ids) == json_is_array(oids) || n > CANCELLED_MAX) {
        rest_fail(c, 100001, "one of orderIdsList and clientOidsList must be an array");
    } else {
        jw_open(c->out, "data", '[');
        cancel_ids(c, ids);
        cancel_oids(c, oids);
        jw_close(c->out, ']');
    }
    json_decref(ids);
}

static void cancel_all(struct rest_call *c, bool stops, bool symbol_required)
{
    int sym = symbol_required ? rest_symbol(c, rest_param(c, "symbol")) : rest_symbol_param(c);
    if (c->code != 0)
        return;
    static int64_t ids[CANCELLED_MAX];
    size_t n = engine_cancel_all(c->v->engine, c->account, sym, stops, ids, CANCELLED_MAX);
    jw_open(c->out, "data", '{');
    jw_open(c->out, "cancelledOrderIds", '[');
    for (size_t i = 0; i < n && i < CANCELLED_MAX; i++)
        jw_ints(c->out, NULL, ids[i]);
    jw_close(c->out, ']');
    jw_close(c->out, '}');
}

static void orders_cancel_v1(struct rest_call *c) { cancel_all(c, false, false); }
static void orders_cancel_v3(struct rest_call *c) { cancel_all(c, false, true); }
static void stops_cancel(struct rest_call *c) { cancel_all(c, true, false); }

/* ---- lists ---- */

struct filter {
    int sym, side;              /* -1, 0: any */
    const char *type;           /* limit, market, limit_stop, market_stop; NULL: any */
    int64_t from_ns, to_ns;     /* server time */
};

static bool read_filter(struct rest_call *c, struct filter *f)
{
    const char *side = rest_param(c, "side");
    f->sym = rest_symbol_param(c);
    f->type = rest_param(c, "type");
    f->side = side == NULL ? 0 : strcmp(side, "buy") == 0 ? SIDE_BUY
            : strcmp(side, "sell") == 0 ? SIDE_SELL : 2;
    if (f->side == 2)
        rest_fail(c, 100001, "side must be buy or sell");
    return c->code == 0;
}

static bool order_matches(const struct rest_call *c, const struct filter *f, const struct order *o,
                          bool plain_type)
{
    return o->account == c->account && (f->sym < 0 || o->sym == f->sym) &&
           (f->side == 0 || o->side == f->side) && o->created_ns >= f->from_ns &&
           o->created_ns <= f->to_ns &&
           (f->type == NULL ||
            strcmp(f->type, view_display_type(!plain_type && o->stop != STOP_NONE, o->type)) == 0);
}

/* The order as queries see it (venue's lag_ns): itself, what it was, made in *ret, or NULL: it was not there yet. */
static const struct order *as_seen(struct rest_call *c, const struct order *now, struct order *ret)
{
    const struct engine *e = c->v->engine;
    int64_t at_ns = wall_ns() - c->v->lag_ns;
    if (c->v->lag_ns == 0 || now->account != c->account || now->updated_ns <= at_ns)
        return now;
    c->v->lagged = true;
    if (now->created_ns > at_ns)
        return NULL;
    *ret = *now;
    for (size_t i = engine_n_fills(e); i-- > 0 && engine_fill_at(e, i)->server_ns > at_ns; ) {
        const struct fill *f = engine_fill_at(e, i);
        if (f->order_id == now->id) {
            ret->cum_lots -= f->lots;
            ret->cum_value = dec_sub(ret->cum_value, f->value);
        }
    }
    if (now->state == ORDER_DONE)
        ret->state = now->stop != STOP_NONE && !now->stop_triggered ? ORDER_STOP : ORDER_OPEN;
    ret->end_ns = ret->end_market_ns = 0;
    ret->cancel_exist = false;
    ret->updated_ns = at_ns;
    return ret;
}

static void orders_in_state(struct rest_call *c, enum order_state state, struct filter *f)
{
    struct rest_page p;
    if (!read_filter(c, f) || !rest_page_init(c, &p, 50))
        return;
    for (size_t i = engine_n_orders(c->v->engine); i-- > 0; ) {
        struct order was;
        const struct order *o = as_seen(c, engine_order_at(c->v->engine, i), &was);
        if (o != NULL && o->state == (int)state && order_matches(c, f, o, state == ORDER_STOP) && rest_page_row(&p))
            view_order(c->out, NULL, o);
    }
    rest_page_close(c, &p);
}

static void orders_list(struct rest_call *c)
{
    const char *status = rest_param(c, "status");
    bool active = status != NULL && strcmp(status, "active") == 0;
    struct filter f = {.to_ns = INT64_MAX};
    if (status != NULL && !active && strcmp(status, "done") != 0)
        rest_fail(c, 100001, "status must be active or done");
    else if (active || rest_span(c, NS_PER_DAY, &f.from_ns, &f.to_ns))
        orders_in_state(c, active ? ORDER_OPEN : ORDER_DONE, &f);
}

static void stops_list(struct rest_call *c)
{
    struct filter f = {.to_ns = INT64_MAX};
    orders_in_state(c, ORDER_STOP, &f);
}

static void recent_done(struct rest_call *c)
{
    int sym = rest_symbol_param(c);
    if (c->code != 0)
        return;
    int64_t since = wall_ns() - NS_PER_DAY;
    size_t rows = 0;
    jw_open(c->out, "data", '[');
    for (size_t i = engine_n_orders(c->v->engine); i-- > 0 && rows < RECENT_ROWS; ) {
        struct order was;
        const struct order *o = as_seen(c, engine_order_at(c->v->engine, i), &was);
        if (o != NULL && o->state == ORDER_DONE && o->account == c->account && o->end_ns >= since &&
            (sym < 0 || o->sym == sym)) {
            view_order(c->out, NULL, o);
            rows++;
        }
    }
    jw_close(c->out, ']');
}

static void show(struct rest_call *c, const struct order *o)
{
    struct order was;
    if (o != NULL)
        o = as_seen(c, o, &was);
    if (o == NULL)
        rest_fail(c, 100001, "error.getOrder.orderNotExist");
    else
        view_order(c->out, "data", o);
}

static void order_get(struct rest_call *c)
{
    show(c, own(c, engine_order(c->v->engine, segment_id(c))));
}

static void order_by_oid(struct rest_call *c)
{
    const char *oid = rest_param(c, "clientOid");
    if (oid == NULL)
        rest_fail(c, 100001, "clientOid cannot be empty");
    else
        show(c, engine_order_by_oid(c->v->engine, c->account, oid));
}

/* ---- fills ---- */

static bool in_list(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; *p != '\0'; ) {
        size_t len = strcspn(p, ",");
        if (len == n && strncmp(p, word, n) == 0)
            return true;
        p += len + (p[len] == ',');
    }
    return false;
}

static bool fill_matches(struct rest_call *c, const struct filter *f, const char *order_id,
                         const char *trade_types, const struct fill *x)
{
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)x->order_id);
    if (x->account != c->account)
        return false;
    if (order_id != NULL)
        return strcmp(order_id, id) == 0;       /* then the rest is ignored */
    return (f->sym < 0 || x->sym == f->sym) && (f->side == 0 || x->side == f->side) &&
           x->server_ns >= f->from_ns && x->server_ns <= f->to_ns &&
           (f->type == NULL || strcmp(f->type, view_display_type(x->stop, x->order_type)) == 0) &&
           (trade_types == NULL ||
            in_list(trade_types, x->trade_type == TRADE_LIQUID ? "liquid" : "trade"));
}

static void fills(struct rest_call *c)
{
    struct filter f;
    struct rest_page p;
    const char *order_id = rest_param(c, "orderId");
    const char *trade_types = rest_param(c, "tradeTypes");
    if (!read_filter(c, &f) || !rest_span(c, NS_PER_DAY, &f.from_ns, &f.to_ns) ||
        !rest_page_init(c, &p, 50))
        return;
    for (size_t i = engine_n_fills(c->v->engine); i-- > 0; ) {
        const struct fill *x = engine_fill_at(c->v->engine, i);
        if (fill_matches(c, &f, order_id, trade_types, x) && rest_page_row(&p))
            view_fill(c->out, NULL, x);
    }
    rest_page_close(c, &p);
}

static void recent_fills(struct rest_call *c)
{
    struct filter f = {.sym = rest_symbol_param(c), .from_ns = wall_ns() - NS_PER_DAY,
                       .to_ns = INT64_MAX};
    if (c->code != 0)
        return;
    size_t rows = 0;
    jw_open(c->out, "data", '[');
    for (size_t i = engine_n_fills(c->v->engine); i-- > 0 && rows < RECENT_ROWS; ) {
        const struct fill *x = engine_fill_at(c->v->engine, i);
        if (fill_matches(c, &f, NULL, NULL, x)) {
            view_fill(c->out, NULL, x);
            rows++;
        }
    }
    jw_close(c->out, ']');
}

static void open_statistics(struct rest_call *c)
{
    int sym = rest_symbol(c, rest_param(c, "symbol"));
    if (sym < 0)
        return;
    int64_t lots[2] = {0, 0};
    dec_t cost[2] = {dec_zero(), dec_zero()};
    for (size_t i = engine_n_orders(c->v->engine); i-- > 0; ) {
        const struct order *o = engine_order_at(c->v->engine, i);
        if (o->state != ORDER_OPEN || o->account != c->account || o->sym != sym)
            continue;
        int side = o->side == SIDE_BUY ? 0 : 1;
        lots[side] += o->lots - o->cum_lots;
        cost[side] = dec_add(cost[side],
                             contract_value(contract_get(sym), o->lots - o->cum_lots, o->px));
    }
    jw_open(c->out, "data", '{');
    jw_int(c->out, "openOrderBuySize", lots[0]);
    jw_int(c->out, "openOrderSellSize", lots[1]);
    jw_decs(c->out, "openOrderBuyCost", cost[0]);
    jw_decs(c->out, "openOrderSellCost", cost[1]);
    jw_str(c->out, "settleCurrency", "USDT");
    jw_close(c->out, '}');
}

/* Fixed paths before those with a hole: the first that fits is taken. */
#define ORDER(method, path, auth, weight, fn) {method, path, auth, POOL_FUTURES, weight, fn}
const struct rest_route rest_order_routes[] = {
    ORDER("POST", "/api/v1/orders", AUTH_FUTURES, 2, order_place),
    ORDER("POST", "/api/v1/orders/test", AUTH_FUTURES, 2, order_test),
    ORDER("POST", "/api/v1/orders/multi", AUTH_FUTURES, 20, orders_multi),
    ORDER("DELETE", "/api/v1/orders/multi-cancel", AUTH_FUTURES, 20, multi_cancel),
    ORDER("POST", "/api/v1/st-orders", AUTH_FUTURES, 2, order_st),
    ORDER("GET", "/api/v1/orders", AUTH_GENERAL, 2, orders_list),
    ORDER("GET", "/api/v1/orders/byClientOid", AUTH_GENERAL, 5, order_by_oid),
    ORDER("GET", "/api/v1/orders/{}", AUTH_GENERAL, 5, order_get),
    ORDER("DELETE", "/api/v1/orders", AUTH_FUTURES, 800, orders_cancel_v1),
    ORDER("DELETE", "/api/v3/orders", AUTH_FUTURES, 10, orders_cancel_v3),
    ORDER("DELETE", "/api/v1/orders/client-order/{}", AUTH_FUTURES, 1, order_cancel_oid),
    ORDER("DELETE", "/api/v1/orders/{}", AUTH_FUTURES, 1, order_cancel),
    ORDER("GET", "/api/v1/stopOrders", AUTH_GENERAL, 6, stops_list),
    ORDER("DELETE", "/api/v1/stopOrders", AUTH_FUTURES, 15, stops_cancel),
    ORDER("GET", "/api/v1/recentDoneOrders", AUTH_GENERAL, 5, recent_done),
    ORDER("GET", "/api/v1/fills", AUTH_GENERAL, 5, fills),
    ORDER("GET", "/api/v1/recentFills", AUTH_FUTURES, 3, recent_fills),
    ORDER("GET", "/api/v1/openOrderStatistics", AUTH_GENERAL, 10, open_statistics),
    ROUTES_END
};
