/* admin - see admin.h */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/exchange/codec.h"
#include "proto/err.h"

#include "deploy/paper/admin.h"
#include "deploy/paper/gate.h"
#include "deploy/paper/push.h"
#include "deploy/paper/view.h"

static const char *account_name(const struct venue *v, int account)
{
    return engine_account_get(v->engine, account)->name;
}

static bool wanted(const struct venue *v, const char *account, int no)
{
    return account == NULL || strcmp(account, account_name(v, no)) == 0;
}

static void order(struct venue *v, struct jw *w, const struct order *o)
{
    static const char *const states[] = {"stop", "open", "done"};
    const struct contract *c = contract_get(o->sym);
    jw_open(w, NULL, '{');
    jw_str(w, "account", account_name(v, o->account));
    jw_ints(w, "id", o->id);
    jw_str(w, "clientOid", o->cl_ord_id);
    jw_str(w, "symbol", c->symbol);
    jw_str(w, "side", view_side(o->side));
    jw_str(w, "type", view_type(o->type));
    jw_str(w, "state", states[o->state]);
    jw_decs(w, "price", contract_px(c, o->px));
    jw_int(w, "size", o->lots);
    jw_int(w, "dealSize", o->cum_lots);
    jw_decs(w, "dealValue", o->cum_value);
    jw_str(w, "stop", view_stop(o->stop));
    jw_decs(w, "stopPrice", contract_px(c, o->stop_px));
    jw_str(w, "stopPriceType", o->stop != STOP_NONE ? view_stop_px_type(o->stop_px_type) : "");
    jw_bool(w, "stopTriggered", o->stop_triggered);
    jw_bool(w, "reduceOnly", o->reduce_only);
    jw_bool(w, "closeOrder", o->close_order);
    jw_bool(w, "attached", o->attached);
    jw_ints(w, "parent", o->parent);
    jw_bool(w, "cancelExist", o->cancel_exist);
    jw_int(w, "created_ns", o->created_ns);
    jw_int(w, "updated_ns", o->updated_ns);
    jw_int(w, "end_ns", o->end_ns);
    jw_int(w, "market_ns", o->market_ns);
    jw_int(w, "end_market_ns", o->end_market_ns);
    jw_close(w, '}');
}

static void fill(struct venue *v, struct jw *w, const struct fill *f)
{
    const struct contract *c = contract_get(f->sym);
    jw_open(w, NULL, '{');
    jw_str(w, "account", account_name(v, f->account));
    jw_ints(w, "tradeId", f->trade_id);
    jw_ints(w, "orderId", f->order_id);
    jw_str(w, "symbol", c->symbol);
    jw_str(w, "side", view_side(f->side));
    jw_str(w, "liquidity", f->liquidity == LIQ_MAKER ? "maker" : "taker");
    jw_str(w, "tradeType", f->trade_type == TRADE_LIQUID ? "liquid" : "trade");
    jw_decs(w, "price", contract_px(c, f->px));
    jw_int(w, "size", f->lots);
    jw_decs(w, "value", f->value);
    jw_decs(w, "fee", f->fee);
    jw_int(w, "server_ns", f->server_ns);
    jw_int(w, "market_ns", f->market_ns);
    jw_close(w, '}');
}

static void closed_position(struct venue *v, struct jw *w, const struct closed_position *p)
{
    jw_open(w, NULL, '{');
    jw_str(w, "account", account_name(v, p->account));
    jw_ints(w, "id", p->id);
    jw_str(w, "symbol", contract_get(p->sym)->symbol);
    jw_bool(w, "open", false);
    jw_str(w, "side", p->side == SIDE_BUY ? "long" : "short");
    jw_bool(w, "liquidated", p->liquidated);
    jw_int(w, "size", p->lots);
    jw_int(w, "leverage", p->leverage);
    jw_decs(w, "pnl", p->pnl);
    jw_decs(w, "gross", p->gross);
    jw_decs(w, "fees", p->fees);
    jw_decs(w, "funding", p->funding);
    jw_decs(w, "openPrice", p->open_px);
    jw_decs(w, "closePrice", p->close_px);
    jw_int(w, "open_ns", p->open_ns);
    jw_int(w, "close_ns", p->close_ns);
    jw_int(w, "open_market_ns", p->open_market_ns);
    jw_int(w, "close_market_ns", p->close_market_ns);
    jw_close(w, '}');
}

static void open_position(struct venue *v, struct jw *w, int account, int sym)
{
    struct position_view p;
    engine_position(v->engine, account, sym, &p);
    if (p.qty == 0)
        return;
    jw_open(w, NULL, '{');
    jw_str(w, "account", account_name(v, account));
    jw_ints(w, "id", p.id);
    jw_str(w, "symbol", contract_get(sym)->symbol);
    jw_bool(w, "open", true);
    jw_str(w, "side", p.qty > 0 ? "long" : "short");
    jw_int(w, "size", p.qty > 0 ? p.qty : -p.qty);
    jw_int(w, "leverage", p.leverage);
    jw_decs(w, "openPrice", p.entry);
    jw_decs(w, "upnl", p.upnl);
    jw_decs(w, "fees", p.comm);
    jw_decs(w, "funding", p.funding);
    jw_int(w, "open_ns", p.opened_ns);
    jw_close(w, '}');
}

/* ended: also what is over. */
static void truth(struct venue *v, struct jw *w, const char *account, bool ended)
{
    struct engine *e = v->engine;
    jw_open(w, NULL, '{');
    jw_int(w, "orders_ever", (int64_t)engine_n_orders(e));
    jw_open(w, "orders", '[');
    for (size_t i = 0; i < engine_n_orders(e); i++)
        if (wanted(v, account, engine_order_at(e, i)->account) && (ended || engine_order_at(e, i)->state != ORDER_DONE))
            order(v, w, engine_order_at(e, i));
    jw_close(w, ']');
    jw_open(w, "fills", '[');
    for (size_t i = 0; ended && i < engine_n_fills(e); i++)
        if (wanted(v, account, engine_fill_at(e, i)->account))
            fill(v, w, engine_fill_at(e, i));
    jw_close(w, ']');
    jw_open(w, "positions", '[');
    for (size_t i = 0; ended && i < engine_n_closed(e); i++)
        if (wanted(v, account, engine_closed_at(e, i)->account))
            closed_position(v, w, engine_closed_at(e, i));
    for (int a = 0; a < engine_accounts(e); a++)
        for (int sym = 0; sym < CONTRACTS_MAX && wanted(v, account, a); sym++)
            if (engine_listed(e, sym))
                open_position(v, w, a, sym);
    jw_close(w, ']');
    jw_close(w, '}');
}

static int error(struct jw *w, int status, const char *text)
{
    jw_open(w, NULL, '{');
    jw_str(w, "error", text);
    jw_close(w, '}');
    return status;
}

static int contract(struct venue *v, struct jw *w, const json_t *body)
{
    const char *symbol = NULL, *name = NULL;
    int status = CONTRACT_OPEN;
    if (codec_text(body, "symbol", &symbol) != ERR_OK || codec_text(body, "status", &name) != ERR_OK)
        return error(w, 400, "wants {\"symbol\": \"XBTUSDTM\" or \"*\", \"status\": \"Paused\"}");
    int sym = strcmp(symbol, "*") == 0 ? -1 : contract_find(symbol);
    if (strcmp(symbol, "*") != 0 && (sym < 0 || !engine_listed(v->engine, sym)))
        return error(w, 400, "symbol: no such contract here");
    while (status < CONTRACT_STATUSES &&
           strcmp(name, contract_status_name((enum contract_status)status)) != 0)
        status++;
    if (status == CONTRACT_STATUSES)
        return error(w, 400, "status must be Open, Paused, CancelOnly or Closed");
    engine_set_status(v->engine, sym, (enum contract_status)status);
    jw_open(w, NULL, '{');
    jw_str(w, "symbol", symbol);
    jw_str(w, "status", name);
    jw_close(w, '}');
    return 200;
}

static int switch_fault(struct venue *v, struct jw *w, json_t *body)
{
    struct fault_set s;
    char why[FAULTS_WHY_MAX];
    if (faults_request(body, &s, why) != ERR_OK)
        return error(w, 400, why);
    gate_switch(v->gate, &s);
    faults_show(gate_faults(v->gate), w, mono_now().ns);
    return 200;
}

static void clock_mapping(struct venue *v, struct jw *w)
{
    char speed[40];
    int64_t market_ns = venue_market_ns(v);
    snprintf(speed, sizeof speed, "%.10g", v->clock.speed);
    jw_open(w, NULL, '{');
    jw_int(w, "market_ns", market_ns);
    jw_int(w, "server_ns", wall_ns());
    jw_raw(w, "speed", speed, strlen(speed));
    jw_close(w, '}');
}

static void stats(struct venue *v, struct jw *w)
{
    struct push_counts n = v->push != NULL ? push_counts(v->push) : (struct push_counts){0};
    jw_open(w, NULL, '{');
    jw_int(w, "started_ns", v->started_ns);
    jw_int(w, "requests", v->requests);
    jw_int(w, "refused", v->refused);
    jw_int(w, "limited", v->limited);
    jw_int(w, "ws_sessions", n.now);
    jw_int(w, "ws_sessions_opened", n.sessions);
    jw_int(w, "ws_topics", n.topics);
    jw_int(w, "ws_frames", n.frames);
    jw_int(w, "orders", (int64_t)engine_n_orders(v->engine));
    jw_int(w, "fills", (int64_t)engine_n_fills(v->engine));
    jw_int(w, "closed_positions", (int64_t)engine_n_closed(v->engine));
    jw_int(w, "faults", v->gate != NULL ? faults_bitten(gate_faults(v->gate)) : 0);
    jw_close(w, '}');
}

static int get(struct venue *v, const char *path, const char *query, struct jw *w)
{
    bool all = strcmp(path, "/admin/truth") == 0;
    if (all || strcmp(path, "/admin/open") == 0)
        truth(v, w, strncmp(query, "account=", 8) == 0 ? query + 8 : NULL, all);
    else if (strcmp(path, "/admin/clock") == 0)
        clock_mapping(v, w);
    else if (strcmp(path, "/admin/faults") == 0 && v->gate != NULL)
        faults_show(gate_faults(v->gate), w, mono_now().ns);
    else if (strcmp(path, "/admin/stats") == 0)
        stats(v, w);
    else
        return error(w, 404, "there are /admin/truth, open, contract, clock, stats, faults");
    return 200;
}

int admin_answer(struct venue *v, const char *method, const char *target, const char *body,
                 size_t len, struct jw *ret)
{
    char path[256];
    size_t n = strcspn(target, "?");
    if (n >= sizeof path || venue_advance(v) != ERR_OK)
        return error(ret, 500, "the market could not be advanced");
    memcpy(path, target, n);
    path[n] = '\0';
    if (strcmp(method, "GET") == 0)
        return get(v, path, target[n] == '?' ? target + n + 1 : "", ret);
    bool faults = strcmp(path, "/admin/faults") == 0 && v->gate != NULL;
    if (strcmp(method, "POST") != 0 || (strcmp(path, "/admin/contract") != 0 && !faults))
        return error(ret, 405, "GET /admin/truth, open, clock, stats, faults; POST /admin/contract, faults");
    json_t *json = NULL;
    if (codec_load(body, len, &json) != ERR_OK)
        return error(ret, 400, "the body is no JSON");
    int status = faults ? switch_fault(v, ret, json) : contract(v, ret, json);
    json_decref(json);
    if (v->wake != NULL)
        v->wake(v->wake_arg);
    return status;
}
