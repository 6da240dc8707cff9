/* exchange - see exchange.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/paper/push.h"
#include "deploy/paper/rest.h"
#include "libagent/clock.h"
#include "libagent/exchange/auth.h"
#include "proto/err.h"

#include "tests/failpoint/exchange.h"

#define NS_PER_MS 1000000LL
#define PUSHES    256

const char exchange_key[] = "key", exchange_secret[] = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const char exchange_passphrase[] = "paper#Pass1";

int64_t exchange_now_ns = INT64_C(1763700123000000000);

static struct venue venue;
static struct { char text[256]; bool stop; } pushes[PUSHES];
static size_t n_pushes, next_push;
static int symbol;

/* ---- the clock of the program: libagent/clock.h ---- */

int64_t wall_ns(void) { return exchange_now_ns; }
struct mono mono_now(void) { return (struct mono){.ns = exchange_now_ns}; }
struct mono mono_after_ms(int64_t ms) { return (struct mono){.ns = exchange_now_ns + ms * NS_PER_MS}; }
int64_t mono_left_ms(struct mono d) { return d.ns > exchange_now_ns ? (d.ns - exchange_now_ns) / NS_PER_MS : 0; }
bool mono_past(struct mono d) { return exchange_now_ns >= d.ns; }

/* ---- what is pushed ---- */

static void on_order(void *arg, enum order_event ev, const struct order *o, const struct fill *f, int64_t old_lots)
{
    static const char *const types[] = {"open", "match", "update", "filled", "canceled"};
    (void)arg, (void)f, (void)old_lots;
    must(n_pushes < PUSHES);
    snprintf(pushes[n_pushes].text, sizeof pushes[0].text,
             "{\"orderId\":\"%lld\",\"clientOid\":\"%s\",\"type\":\"%s\",\"filledSize\":\"%lld\"}", (long long)o->id,
             o->cl_ord_id, types[ev], (long long)o->cum_lots);
    pushes[n_pushes++].stop = false;
}

static void on_stop(void *arg, enum stop_event ev, const struct order *o, bool ok, const char *error)
{
    static const char *const types[] = {"open", "triggered", "cancel"};
    (void)arg, (void)ok, (void)error;
    must(n_pushes < PUSHES);
    snprintf(pushes[n_pushes].text, sizeof pushes[0].text, "{\"orderId\":\"%lld\",\"type\":\"%s\"}", (long long)o->id,
             types[ev]);
    pushes[n_pushes++].stop = true;
}

bool exchange_push(const char **subject, char *ret, size_t size)
{
    if (next_push == n_pushes) {
        next_push = n_pushes = 0;
        return false;
    }
    *subject = pushes[next_push].stop ? "stopOrder" : "orderChange";
    snprintf(ret, size, "%s", pushes[next_push++].text);
    return true;
}

/* Settings are pushed to sockets that are not here: in place of push.c. */
void push_margin_mode(struct push *p, int account, int sym) { (void)p, (void)account, (void)sym; }
void push_cross_leverage(struct push *p, int account, int sym, int leverage)
{
    (void)p, (void)account, (void)sym, (void)leverage;
}
void push_risk_level(struct push *p, int account, int sym, bool ok, const char *msg)
{
    (void)p, (void)account, (void)sym, (void)ok, (void)msg;
}

/* ---- life ---- */

void exchange_open(bool remembers_ids)
{
    static const struct engine_events events = {.order = on_order, .stop = on_stop};
    char msg[ENGINE_MSG_MAX];
    struct engine *e;
    contracts_init();
    const struct engine_config c = {.market = "synthetic", .symbols = EXCHANGE_SYMBOL, .seed = 3,
                                    .oid_ever = remembers_ids, .events = &events};
    must(engine_open(&c, exchange_now_ns, &e, msg) == ERR_OK);
    venue.keys.n = 1;
    venue.keys.at[0] = (struct apikey){"one", "key", "", "paper#Pass1", "General,Futures", {{{0}}}, 0, 0, "", ""};
    strcpy(venue.keys.at[0].secret, exchange_secret);
    venue.keys.at[0].account_no = engine_account(e, "one", dec_int(100000));
    venue_init(&venue, e, 1, "ws://127.0.0.1:1/");
    symbol = contract_find(EXCHANGE_SYMBOL);
}

void exchange_pass_ms(int64_t ms)
{
    exchange_now_ns += ms * NS_PER_MS;
    must(venue_advance(&venue) == ERR_OK);
}

char *exchange_request(const char *method, const char *target, const char *body, const struct exchange_headers *h,
                       int *ret_status)
{
    struct rest_answer a = {0};
    const struct rest_request q = {method, target, body, strlen(body), "application/json", h->key, h->sign,
                                   h->timestamp, h->passphrase, h->version};
    jw_init(&a.body);
    rest_answer(&venue, &q, &a);
    char *text = strdup(a.body.buf);
    must(text != NULL);
    jw_fini(&a.body);
    *ret_status = a.status;
    return text;
}

bool exchange_by_hand(const char *method, const char *target, const char *body)
{
    char stamp[24], sign[AUTH_TEXT_MAX], pass[AUTH_TEXT_MAX];
    int status;
    snprintf(stamp, sizeof stamp, "%lld", (long long)(exchange_now_ns / NS_PER_MS));
    auth_sign(exchange_secret, stamp, method, target, body, strlen(body), sign);
    auth_passphrase(exchange_secret, exchange_passphrase, pass);
    const struct exchange_headers h = {exchange_key, sign, stamp, pass, "3"};
    char *text = exchange_request(method, target, body, &h, &status);
    bool ok = status == 200 && strstr(text, "\"code\":\"200000\"") != NULL;
    free(text);
    return ok;
}

void exchange_key_may(const char *permission)
{
    snprintf(venue.keys.at[0].permission, sizeof venue.keys.at[0].permission, "%s", permission);
}

/* ---- the truth ---- */

size_t exchange_orders(void) { return engine_n_orders(venue.engine); }
size_t exchange_fills(void) { return engine_n_fills(venue.engine); }

void exchange_order_at(size_t i, struct exchange_order *ret)
{
    const struct order *o = engine_order_at(venue.engine, i);
    *ret = (struct exchange_order){
        .id = o->id, .bought = o->side == SIDE_BUY, .closes = o->reduce_only || o->close_order,
        .stops = o->stop != STOP_NONE, .losing = (o->stop == STOP_DOWN) == (o->side == SIDE_SELL),
        .active = o->state != ORDER_DONE, .lots = o->lots, .filled = o->cum_lots, .leverage = o->leverage,
        .price = contract_px(contract_get(symbol), o->px),
    };
    snprintf(ret->oid, sizeof ret->oid, "%s", o->cl_ord_id);
}

void exchange_fill_at(size_t i, struct exchange_fill *ret)
{
    const struct fill *f = engine_fill_at(venue.engine, i);
    *ret = (struct exchange_fill){.trade_id = f->trade_id, .order_id = f->order_id, .lots = f->lots,
                                  .bought = f->side == SIDE_BUY};
}

int64_t exchange_position(void)
{
    struct position_view p;
    engine_position(venue.engine, 0, symbol, &p);
    return p.qty;
}

void exchange_prices(dec_t *bid, dec_t *ask, dec_t *last)
{
    struct ticker t;
    const struct contract *c = contract_get(symbol);
    engine_ticker(venue.engine, symbol, &t);
    *bid = contract_px(c, t.bid.px);
    *ask = contract_px(c, t.ask.px);
    *last = contract_px(c, t.last.px);
}
