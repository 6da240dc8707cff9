/* fake_venue - an exchange of a few lines for tests of execution: it takes orders, shows lists, and does what the
 * test says; no network, no time of its own.
 *
 * It stands in for libagent/venue.h and the signer.  Include it after tests/agents/fake_agent.h, once.
 * What is called is answered by fake_settle(), in order; fake_fault() makes the next such call fail.
 */
#ifndef TESTS_AGENTS_EXECUTION_FAKE_VENUE_H
#define TESTS_AGENTS_EXECUTION_FAKE_VENUE_H

#include "agents/execution/signer.h"
#include "agents/execution/witness.h"
#include "libagent/exchange/codec.h"
#include "libagent/exchange/jw.h"
#include "libagent/venue.h"
#include "proto/text.h"
#include "proto/tm.h"

struct fv_order {
    int64_t id, parent;
    char oid[40], symbol[24], side[8], type[8], tif[8], stop[8], price[24], stop_px[24], up[24], down[24];
    int64_t size, deal;
    bool whole, reduces, active, cancelled, rests_untriggered, hidden;  /* hidden: no list or query shows it */
    int64_t shown_ns;                   /* nor before this time */
};

static struct fake_venue {
    struct agent *agent;
    struct venue_options options;
    struct venue_stream_options stream;
    struct fv_order orders[1024];
    int64_t n_orders, fills, asked, posts, deletes;
    int64_t clock_off_ns;               /* its clock minus ours */
    char fill_rows[1 << 16], funding_rows[4096];
    struct { char symbol[24]; int64_t qty; } held[8];
    const char *margin_mode, *liquidation_px;   /* of every position and symbol; NULL: isolated, not told */
    int64_t hedged;                     /* the position mode is hedge, until it is changed */
    int pages, fill_pages;              /* of the list of orders, of fills; 0: not told, 1 */
    bool attach_late;                   /* triggers of an entry do not appear */
    bool cuts;                          /* what closes more than is held is made smaller */
    struct fv_fault {
        char method[8], prefix[64];
        enum venue_outcome outcome;
        int status, times;
        char code[16];
        bool done;                      /* carried out all the same */
    } faults[8];
    struct { venue_done *done; void *arg; struct venue_answer answer; json_t *tree; } queue[4096];
    int64_t (*delay)(void);             /* ns that a request, an answer or a message takes; NULL: none */
    bool (*loses)(void);                /* this request, or its answer, is lost */
    struct fv_trip {
        int64_t due_ns;
        char method[8], subject[12], *target, *body;    /* subject: of a message of the stream, its text in body */
        bool back;                      /* the answer */
        venue_done *done;               /* NULL: nobody waits */
        void *arg;
        struct venue_answer answer;
        json_t *tree;
    } trips[512];
    int64_t (*lag)(void);               /* ns until lists and queries show an order; NULL: none */
    int64_t said_ns;                    /* messages do not overtake one another */
    size_t head, tail;
    struct { void (*fn)(struct agent *a, void *arg); void *arg; } effects[4096];
    size_t effects_head, effects_tail;
    struct policy_limits signer;        /* as the signer was told last */
} fv;

/* The next `times` calls that begin like this fail. */
static inline void fake_fault(const char *method, const char *prefix, enum venue_outcome outcome, int status,
                              const char *code, bool done, int times)
{
    for (int i = 0; i < 8; i++) {
        struct fv_fault *f = &fv.faults[i];
        if (f->times > 0)
            continue;
        *f = (struct fv_fault){.outcome = outcome, .status = status, .times = times, .done = done};
        TEXT_COPY(f->method, method);
        TEXT_COPY(f->prefix, prefix);
        TEXT_COPY(f->code, code);
        return;
    }
    must(false);
}

static inline int64_t *fv_held(const char *symbol)
{
    for (int i = 0; i < 8; i++) {
        if (fv.held[i].symbol[0] == '\0')
            TEXT_COPY(fv.held[i].symbol, symbol);
        if (strcmp(fv.held[i].symbol, symbol) == 0)
            return &fv.held[i].qty;
    }
    must(false);
    return NULL;
}

static inline struct fv_order *fv_new(const char *symbol)
{
    must(fv.n_orders < 1024);
    struct fv_order *o = &fv.orders[fv.n_orders++];
    *o = (struct fv_order){.id = 1000 + fv.n_orders, .active = true};
    o->shown_ns = fv.lag != NULL ? fv.agent->now_ns + fv.lag() : 0;
    TEXT_COPY(o->symbol, symbol);
    return o;
}

/* The i-th active order of this kind: "entry", "stop", "target", "exit"; NULL. */
static inline struct fv_order *fv_find(const char *kind, int i)
{
    for (int64_t k = 0; k < fv.n_orders; k++) {
        struct fv_order *o = &fv.orders[k];
        bool closes = o->whole || o->reduces;
        bool loses = (strcmp(o->stop, "down") == 0) == (strcmp(o->side, "sell") == 0);
        const char *is = !closes ? "entry" : o->stop[0] == '\0' ? "exit" : loses ? "stop" : "target";
        if (o->active && strcmp(is, kind) == 0 && i-- == 0)
            return o;
    }
    return NULL;
}

static inline int fv_count(const char *kind)
{
    int n = 0;
    while (fv_find(kind, n) != NULL)
        n++;
    return n;
}

static inline bool fv_shows(const struct fv_order *o)
{
    return !o->hidden && o->shown_ns <= fv.agent->now_ns;
}

static inline void fv_write(struct jw *w, const struct fv_order *o)
{
    jw_open(w, NULL, '{');
    jw_ints(w, "id", o->id);
    jw_str(w, "symbol", o->symbol);
    jw_str(w, "side", o->side);
    jw_str(w, "type", o->type);
    jw_str(w, "stop", o->stop);
    jw_str(w, "stopPrice", o->stop_px);
    jw_int(w, "size", o->size);
    jw_int(w, "dealSize", o->deal);
    jw_bool(w, "closeOrder", o->whole);
    jw_bool(w, "reduceOnly", o->reduces);
    jw_str(w, "clientOid", o->oid);
    jw_bool(w, "isActive", o->active);
    jw_bool(w, "cancelExist", o->cancelled);
    jw_close(w, '}');
}

static inline void fv_list(struct jw *w, bool stops)
{
    jw_open(w, NULL, '{');
    if (fv.pages > 0)
        jw_int(w, "totalPage", fv.pages);
    jw_open(w, "items", '[');
    for (int64_t i = 0; i < fv.n_orders; i++)
        if (fv.orders[i].active && fv_shows(&fv.orders[i]) && fv.orders[i].rests_untriggered == stops)
            fv_write(w, &fv.orders[i]);
    jw_close(w, ']');
    jw_close(w, '}');
}

static inline void fv_copy(const json_t *t, const char *key, char *ret, size_t size)
{
    const char *text = codec_chars(json_object_get(t, key));
    snprintf(ret, size, "%s", text != NULL ? text : "");
}

static inline void fv_place(const char *body, struct jw *w)
{
    json_t *t = NULL;
    char symbol[24];
    must(codec_load(body, strlen(body), &t) == ERR_OK);
    fv_copy(t, "symbol", symbol, sizeof symbol);
    struct fv_order *o = fv_new(symbol);
    fv_copy(t, "clientOid", o->oid, sizeof o->oid);
    fv_copy(t, "side", o->side, sizeof o->side);
    fv_copy(t, "type", o->type, sizeof o->type);
    fv_copy(t, "timeInForce", o->tif, sizeof o->tif);
    fv_copy(t, "stop", o->stop, sizeof o->stop);
    fv_copy(t, "price", o->price, sizeof o->price);
    fv_copy(t, "stopPrice", o->stop_px, sizeof o->stop_px);
    fv_copy(t, "triggerStopUpPrice", o->up, sizeof o->up);
    fv_copy(t, "triggerStopDownPrice", o->down, sizeof o->down);
    (void)codec_int(t, "size", &o->size);
    (void)codec_bool(t, "closeOrder", &o->whole);
    (void)codec_bool(t, "reduceOnly", &o->reduces);
    int64_t held = *fv_held(symbol) * (strcmp(o->side, "sell") == 0 ? 1 : -1);
    if (fv.cuts && o->reduces && o->stop[0] == '\0' && held > 0 && o->size > held)
        o->size = held;
    o->rests_untriggered = o->stop[0] != '\0';
    for (int64_t i = 0; i < fv.n_orders - 1; i++)
        must(strcmp(fv.orders[i].oid, o->oid) != 0);    /* a clientOid is used once */
    jw_open(w, NULL, '{');
    jw_ints(w, "orderId", o->id);
    jw_close(w, '}');
    json_decref(t);
}

/* A cancel finds what queries do not show yet. */
static inline struct fv_order *fv_by(const char *method, const char *id, const char *oid)
{
    bool asks = strcmp(method, "GET") == 0;
    for (int64_t i = 0; i < fv.n_orders; i++) {
        struct fv_order *o = &fv.orders[i];
        bool is = (oid != NULL && strcmp(o->oid, oid) == 0) || (id != NULL && o->id == atoll(id));
        if (is && (asks ? fv_shows(o) : !o->hidden))
            return o;
    }
    return NULL;
}

static const char *fv_permission = "General,Futures", *fv_ip_list, *fv_sub_name;    /* of our key; NULL: not told */

/* Carry it out; false: "not found". */
static inline bool fv_do(const char *method, const char *target, const char *body, struct jw *w)
{
    static const char by_oid[] = "/api/v1/orders/byClientOid?clientOid=";
    static const char client[] = "/api/v1/orders/client-order/";
    char oid[40];
    struct fv_order *o = NULL;
    if (strcmp(method, "POST") == 0 && (strcmp(target, "/api/v1/st-orders") == 0 || strcmp(target, "/api/v1/orders") == 0)) {
        fv_place(body, w);
    } else if (strncmp(target, client, strlen(client)) == 0 || strncmp(target, by_oid, strlen(by_oid)) == 0) {
        const char *from = target + (target[15] == 'b' ? strlen(by_oid) : strlen(client));
        snprintf(oid, sizeof oid, "%.*s", (int)strcspn(from, "?"), from);
        o = fv_by(method, NULL, oid);
    } else if (strncmp(target, "/api/v1/orders/", 15) == 0) {
        o = fv_by(method, target + 15, NULL);
    } else if (strncmp(target, "/api/v1/orders?", 15) == 0 || strncmp(target, "/api/v1/stopOrders", 18) == 0) {
        fv_list(w, target[8] == 's');
    } else if (strncmp(target, "/api/v1/position?symbol=", 24) == 0) {
        jw_open(w, NULL, '{');
        jw_int(w, "currentQty", *fv_held(target + 24));
        jw_close(w, '}');
    } else if (strcmp(target, "/api/v1/positions") == 0) {
        jw_open(w, NULL, '[');
        for (int i = 0; i < 8 && fv.held[i].symbol[0] != '\0'; i++) {
            jw_open(w, NULL, '{');
            jw_str(w, "symbol", fv.held[i].symbol);
            jw_int(w, "currentQty", fv.held[i].qty);
            jw_str(w, "markPrice", "100");
            jw_str(w, "marginMode", fv.margin_mode != NULL ? fv.margin_mode : "ISOLATED");
            if (fv.liquidation_px != NULL)
                jw_str(w, "liquidationPrice", fv.liquidation_px);
            jw_close(w, '}');
        }
        jw_close(w, ']');
    } else if (strncmp(target, "/api/v1/fills", 13) == 0) {
        jw_open(w, NULL, '{');
        jw_int(w, "totalPage", fv.fill_pages > 1 ? fv.fill_pages : 1);
        jw_open(w, "items", '[');
        if (fv.fill_rows[0] != '\0')
            jw_raw(w, NULL, fv.fill_rows, strlen(fv.fill_rows));
        jw_close(w, ']');
        jw_close(w, '}');
    } else if (strncmp(target, "/api/v1/funding-history", 23) == 0) {
        jw_open(w, NULL, '{');
        jw_open(w, "dataList", '[');
        if (fv.funding_rows[0] != '\0')
            jw_raw(w, NULL, fv.funding_rows, strlen(fv.funding_rows));
        jw_close(w, ']');
        jw_close(w, '}');
    } else if (strcmp(target, "/api/v1/timestamp") == 0) {
        jw_int(w, NULL, (fv.agent->now_ns + fv.clock_off_ns) / NS_PER_MS);
    } else if (strcmp(target, "/api/v1/contracts/active") == 0) {
        static const char text[] = "[{\"symbol\":\"XBTUSDTM\",\"tickSize\":0.1,\"multiplier\":0.001,\"lotSize\":1,"
            "\"makerFeeRate\":0.0002,\"takerFeeRate\":0.0006,\"maintainMargin\":0.004,\"maxOrderQty\":1000,"
            "\"maxLeverage\":100},{\"symbol\":\"ETHUSDTM\",\"tickSize\":0.1,\"multiplier\":0.01,\"lotSize\":1,"
            "\"makerFeeRate\":0.0002,\"takerFeeRate\":0.0006,\"maintainMargin\":0.004,\"maxOrderQty\":1000,"
            "\"maxLeverage\":100}]";
        jw_raw(w, NULL, text, sizeof text - 1);
    } else if (strstr(target, "MarginMode") != NULL) {
        jw_open(w, NULL, '{');
        if (strcmp(method, "POST") == 0)
            fv.margin_mode = NULL;
        jw_str(w, "marginMode", fv.margin_mode != NULL ? fv.margin_mode : "ISOLATED");
        jw_close(w, '}');
    } else if (strcmp(target, "/api/v1/user/api-key") == 0) {
        jw_open(w, NULL, '{');
        jw_str(w, "permission", fv_permission);
        if (fv_ip_list != NULL)
            jw_str(w, "ipWhitelist", fv_ip_list);
        if (fv_sub_name != NULL)
            jw_str(w, "subName", fv_sub_name);
        jw_close(w, '}');
    } else if (strstr(target, "PositionMode") != NULL) {
        jw_open(w, NULL, '{');
        fv.hedged &= strcmp(method, "POST") != 0;
        jw_int(w, "positionMode", fv.hedged);
        jw_close(w, '}');
    } else if (strncmp(target, "/api/v1/account-overview", 24) == 0) {
        jw_open(w, NULL, '{');
        static const char *const keys[] = {"accountEquity", "availableBalance", "orderMargin", "positionMargin",
                                           "unrealisedPNL"};
        for (int i = 0; i < 5; i++)
            jw_int(w, keys[i], 10000);
        jw_close(w, '}');
    } else {
        must(false);
    }
    if (strncmp(target, "/api/v1/orders/", 15) != 0)
        return true;
    if (o == NULL)
        return false;
    if (strcmp(method, "DELETE") == 0 && o->active) {
        o->active = false;
        o->cancelled = true;
    }
    fv_write(w, o);
    return true;
}

/* ---- libagent/venue.h, the signer, and what fake_agent.h lacks ---- */

static inline struct venue_answer fv_answer(const char *method, const char *target, const char *body, json_t **ret)
{
    struct venue_answer a = {.outcome = VENUE_OK, .status = 200, .code = "200000"};
    struct fv_fault *fault = NULL;
    *ret = NULL;
    for (int i = 0; i < 8 && fault == NULL; i++)
        if (fv.faults[i].times > 0 && strcmp(fv.faults[i].method, method) == 0 &&
            strncmp(fv.faults[i].prefix, target, strlen(fv.faults[i].prefix)) == 0)
            fault = &fv.faults[i];
    if (fault == NULL || fault->done) {
        struct jw w;
        jw_init(&w);
        if (!fv_do(method, target, body, &w)) {
            a.outcome = VENUE_REFUSED;
            TEXT_COPY(a.code, "100001");
            TEXT_COPY(a.msg, "error.getOrder.orderNotExist");
        } else {
            must(codec_load(w.buf, w.len, ret) == ERR_OK);
        }
        jw_fini(&w);
    }
    if (fault != NULL) {
        fault->times--;
        a.outcome = fault->outcome;
        a.status = fault->status;
        TEXT_COPY(a.code, fault->code);
        TEXT_COPY(a.msg, "fault");
        json_decref(*ret);
        *ret = NULL;
    }
    a.data = *ret;
    return a;
}

static inline struct fv_trip *fv_trip_new(void)
{
    struct fv_trip *t = fv.trips;
    while (t < fv.trips + 512 && t->due_ns != 0)
        t++;
    must(t < fv.trips + 512);
    *t = (struct fv_trip){.due_ns = fv.agent->now_ns + fv.delay()};
    return t;
}

void venue_call(struct venue *v, enum venue_class class, const char *method, const char *target, const char *body,
                venue_done *done, void *arg)
{
    (void)v, (void)class;
    fv.posts += strcmp(method, "POST") == 0;
    fv.deletes += strcmp(method, "DELETE") == 0;
    if (fv.delay != NULL) {
        struct fv_trip *t = fv_trip_new();
        TEXT_COPY(t->method, method);
        t->target = strdup(target);
        t->body = body != NULL ? strdup(body) : NULL;
        t->done = done;
        t->arg = arg;
        return;
    }
    json_t *tree;
    struct venue_answer a = fv_answer(method, target, body, &tree);
    if (a.outcome == VENUE_BROKEN) {    /* answered at once, as the breaker does */
        done(arg, &a);
        return;
    }
    must(fv.tail < 4096);
    fv.queue[fv.tail].done = done;
    fv.queue[fv.tail].arg = arg;
    fv.queue[fv.tail].tree = tree;
    fv.queue[fv.tail++].answer = a;
}

void venue_rates(struct venue_options *o, const struct config *c) { (void)o, (void)c; }
void venue_tune(struct venue *v, const struct config *c) { (void)v, (void)c; }
int venue_new(const struct venue_options *o, struct venue **ret)
{
    fv.options = *o;
    *ret = (struct venue *)&fv;
    return ERR_OK;
}
void venue_destroy(struct venue **v) { *v = NULL; }
int venue_paper_url(char *ret, size_t size) { snprintf(ret, size, "http://paper"); return ERR_OK; }
int64_t venue_errors(const struct venue *v) { (void)v; return 0; }
struct venue_stream *venue_stream_open(struct venue *v, const struct venue_stream_options *o)
{
    (void)v;
    fv.stream = *o;
    return (struct venue_stream *)&fv.stream;
}
void venue_stream_close(struct venue_stream **s) { *s = NULL; }
void venue_stream_subscribe(struct venue_stream *s, const char *topic, bool private)
{
    (void)s, (void)topic, (void)private;
}

int signer_fd(void) { return -1; }
int witness_fd(void) { return -1; }
/* Of the limits, the leverage stands for all. */
int signer_config(const struct policy_limits *limits, char why[SIGNER_WHY_MAX])
{
    (void)why;
    if (fv.signer.max_leverage != 0 && limits->max_leverage > fv.signer.max_leverage)
        return ERR_REFUSED;
    fv.signer = *limits;
    return ERR_OK;
}
void signer_setup(const struct policy_limits *limits, uint32_t uid, double timer_scale)
{
    (void)limits, (void)uid, (void)timer_scale;
}
static enum guards_state fv_guards;     /* what the signer says of them */
int signer_guards(char why[SIGNER_WHY_MAX])
{
    text_copy(why, SIGNER_WHY_MAX, fv_guards != GUARDS_FINE ? "LEASE: risk has been silent for 31.0 s" : "");
    return (int)fv_guards;
}
static struct confined fv_confined = {1, 1, 1, 1, 1, 1};
struct confined signer_confined(void) { return fv_confined; }
int signer_watch(const char *base_url, const char *const *symbols, size_t n)
{
    (void)base_url, (void)symbols, (void)n;
    return ERR_OK;
}
int signer_stop(char why[SIGNER_WHY_MAX])
{
    (void)why;
    return ERR_OK;
}
/* The operator's signature is all ones. */
int signer_resume(const struct resume *r, const uint8_t signature[RESUME_SIGNATURE], char why[SIGNER_WHY_MAX])
{
    (void)r, (void)why;
    return signature[0] == 1 ? ERR_OK : ERR_AUTH;
}
int signer_open(const char *key_file, const char *mode, const char *rest_url, char why[SIGNER_WHY_MAX])
{
    (void)key_file, (void)mode, (void)rest_url, (void)why;
    return ERR_OK;
}
int signer_sign(const struct policy_request *r, char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX],
                char why[SIGNER_WHY_MAX])
{
    (void)r, (void)headers, (void)why;
    return 0;
}

struct loop_watch *loop_watch_fd(struct loop *l, int fd, void (*fn)(void *arg), void *arg)
{
    (void)l, (void)fd, (void)fn, (void)arg;
    return NULL;
}
void agent_effect(struct agent *a, void (*fn)(struct agent *a, void *arg), void *arg)
{
    (void)a;
    must(fv.effects_tail < 4096);
    fv.effects[fv.effects_tail].fn = fn;
    fv.effects[fv.effects_tail++].arg = arg;
}

static inline void fv_hear(const char *subject, const char *text)
{
    json_t *t = NULL;
    must(codec_load(text, strlen(text), &t) == ERR_OK);
    fv.stream.on_message(fv.stream.arg, "", subject, t, 1);
    json_decref(t);
}

static inline void fv_trip_end(struct fv_trip *t)
{
    free(t->target);
    free(t->body);
    *t = (struct fv_trip){.due_ns = 0};
}

/* The request is at the venue, the answer or the message here. */
static inline void fv_arrive(struct fv_trip *t)
{
    struct fv_trip is = *t;
    if (is.subject[0] != '\0') {
        t->target = t->body = NULL;
        fv_trip_end(t);
        fv_hear(is.subject, is.body);
        free(is.body);
    } else if (!is.back) {
        t->answer = (struct venue_answer){.outcome = VENUE_UNKNOWN, .msg = "lost"};
        if (!fv.loses())
            t->answer = fv_answer(is.method, is.target, is.body, &t->tree);
        if (fv.loses()) {
            json_decref(t->tree);
            t->tree = NULL;
            t->answer = (struct venue_answer){.outcome = VENUE_UNKNOWN, .msg = "lost"};
        }
        t->back = true;
        t->due_ns += fv.delay();
    } else {
        fv_trip_end(t);         /* its place is free for what the answer leads to */
        if (is.done != NULL)
            is.done(is.arg, &is.answer);
        json_decref(is.tree);
    }
}

static inline bool fv_travel(void)
{
    struct fv_trip *next = NULL;
    for (struct fv_trip *t = fv.trips; t < fv.trips + 512; t++)
        if (t->due_ns != 0 && t->due_ns <= fv.agent->now_ns && (next == NULL || t->due_ns < next->due_ns))
            next = t;
    if (next != NULL)
        fv_arrive(next);
    return next != NULL;
}

/* Everything under way is done and answered, as far as it is due. */
static inline void fake_settle(void)
{
    do {
        while (fv.effects_head < fv.effects_tail || fv.head < fv.tail) {
            if (fv.effects_head < fv.effects_tail) {
                size_t i = fv.effects_head++;
                fv.effects[i].fn(fv.agent, fv.effects[i].arg);
            } else {
                size_t i = fv.head++;
                fv.queue[i].done(fv.queue[i].arg, &fv.queue[i].answer);
                json_decref(fv.queue[i].tree);
            }
        }
        fv.effects_head = fv.effects_tail = fv.head = fv.tail = 0;
    } while (fv_travel());
}

/* ---- what happens at the venue ---- */

static inline void fv_say(const char *subject, const char *text)
{
    if (fv.delay == NULL) {
        fv_hear(subject, text);
        return;
    }
    struct fv_trip *t = fv_trip_new();
    if (t->due_ns < fv.said_ns)
        t->due_ns = fv.said_ns;
    fv.said_ns = ++t->due_ns;
    TEXT_COPY(t->subject, subject);
    t->body = strdup(text);
}

static inline void fv_tell_order(const struct fv_order *o, const char *type)
{
    char text[256];
    snprintf(text, sizeof text, "{\"orderId\":\"%lld\",\"clientOid\":\"%s\",\"type\":\"%s\",\"size\":\"%lld\",\"filledSize\":\"%lld\"}",
             (long long)o->id, o->oid, type, (long long)o->size, (long long)o->deal);
    fv_say("orderChange", text);
}

static inline void fv_row(const struct fv_order *o, int64_t qty, const char *px, const char *fee, const char *type)
{
    char row[512];
    int n = snprintf(row, sizeof row, "{\"tradeId\":\"T%lld\",\"orderId\":\"%lld\",\"symbol\":\"%s\",\"side\":\"%s\","
                     "\"price\":\"%s\",\"size\":%lld,\"fee\":\"%s\",\"tradeTime\":%lld,\"createdAt\":%lld,"
                     "\"liquidity\":\"taker\",\"tradeType\":\"%s\"}%s", (long long)++fv.fills, (long long)o->id,
                     o->symbol, o->side, px, (long long)qty, fee, (long long)fv.agent->market_ns,
                     (long long)(fv.agent->now_ns / NS_PER_MS), type, fv.fill_rows[0] != '\0' ? "," : "");
    size_t len = strlen(fv.fill_rows) + 1;
    must(n > 0 && (size_t)n < sizeof row && (size_t)n + len <= sizeof fv.fill_rows);
    memmove(fv.fill_rows + n, fv.fill_rows, len);       /* newest first */
    memcpy(fv.fill_rows, row, (size_t)n);
}

static inline void fv_trigger(const struct fv_order *entry, bool up)
{
    if ((up ? entry->up : entry->down)[0] == '\0' || fv.attach_late)
        return;
    struct fv_order *o = fv_new(entry->symbol);
    o->parent = entry->id;
    TEXT_COPY(o->side, strcmp(entry->side, "buy") == 0 ? "sell" : "buy");
    TEXT_COPY(o->stop, up ? "up" : "down");
    TEXT_COPY(o->stop_px, up ? entry->up : entry->down);
    TEXT_COPY(o->type, "market");
    o->whole = o->rests_untriggered = true;
}

/* An execution of o, unknown to us until we look. */
static inline void fv_fill_quietly(struct fv_order *o, int64_t qty, const char *px, const char *fee)
{
    int64_t *held = fv_held(o->symbol);
    bool first = o->deal == 0;
    o->deal += qty;
    o->rests_untriggered = false;
    *held += strcmp(o->side, "buy") == 0 ? qty : -qty;
    fv_row(o, qty, px, fee, "trade");
    if (o->deal >= o->size)
        o->active = false;
    if (first && !o->whole && !o->reduces) {
        fv_trigger(o, true);
        fv_trigger(o, false);
    }
    for (int64_t i = 0; *held == 0 && i < fv.n_orders; i++)     /* attached triggers go with the position */
        if (fv.orders[i].parent != 0 && fv.orders[i].active && strcmp(fv.orders[i].symbol, o->symbol) == 0) {
            fv.orders[i].active = false;
            fv.orders[i].cancelled = &fv.orders[i] != o;
        }
}

static inline void fv_fill(struct fv_order *o, int64_t qty, const char *px)
{
    int64_t before = fv.n_orders;
    fv_fill_quietly(o, qty, px, "0.0002");
    fv_tell_order(o, o->active ? "match" : "filled");
    if (fv.n_orders > before) {         /* its triggers */
        char text[80];
        snprintf(text, sizeof text, "{\"orderId\":\"%lld\",\"type\":\"open\"}", (long long)fv.orders[before].id);
        fv_say("stopOrder", text);
    }
    fake_settle();
}

#endif
