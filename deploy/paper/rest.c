/* rest - routing, signatures, limits, envelope; see rest.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/exchange/auth.h"
#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/rest.h"

#define TIMESTAMP_WINDOW_MS 5000
#define SPAN_MAX_MS (7 * 24 * 3600 * 1000LL)
#define CLIENT_IP "127.0.0.1"     /* the server listens there only */

static const struct rest_route *const tables[] = {
    rest_market_routes, rest_account_routes, rest_order_routes,
};

/* ---- what handlers use ---- */

void rest_fail(struct rest_call *c, int code, const char *msg)
{
    if (c->code != 0)
        return;                 /* the first reason is the answer */
    c->code = code;
    c->status = 200;
    snprintf(c->msg, sizeof c->msg, "%s", msg);
}

static void refuse(struct rest_call *c, int status, int code, const char *msg)
{
    rest_fail(c, code, msg);
    c->status = status;
}

const char *rest_param(const struct rest_call *c, const char *name)
{
    for (size_t i = 0; i < c->n_params; i++)
        if (strcmp(c->params[i].name, name) == 0 && *c->params[i].value != '\0' &&
            strcmp(c->params[i].value, "undefined") != 0)   /* the venue's own client writes it for none */
            return c->params[i].value;
    return NULL;
}

int64_t rest_param_int(struct rest_call *c, const char *name, int64_t def, int64_t min, int64_t max)
{
    const char *text = rest_param(c, name);
    dec_t d;
    int64_t v = def;
    if (text != NULL &&
        (dec_parse(text, &d) != ERR_OK || dec_to_int(d, &v) != ERR_OK || v < min || v > max)) {
        char msg[ENGINE_MSG_MAX];
        snprintf(msg, sizeof msg, "%s must be an integer from %" PRId64 " to %" PRId64, name, min,
                 max);
        rest_fail(c, 100001, msg);
        return def;
    }
    return v;
}

int rest_symbol(struct rest_call *c, const char *symbol)
{
    if (symbol == NULL) {
        rest_fail(c, 100001, "symbol cannot be empty");
        return -1;
    }
    int sym = contract_find(symbol);
    if (sym >= 0 && engine_listed(c->v->engine, sym))
        return sym;
    rest_fail(c, 100003, "Contract parameter invalid.");
    return -1;
}

int rest_symbol_param(struct rest_call *c)
{
    const char *symbol = rest_param(c, "symbol");
    return symbol != NULL ? rest_symbol(c, symbol) : -1;
}

const char *rest_body_text(struct rest_call *c, const char *name)
{
    const char *text = NULL;
    char msg[ENGINE_MSG_MAX];
    int err = codec_text(c->body, name, &text);
    if (err == ERR_OK)
        return text;
    snprintf(msg, sizeof msg, "%s %s", name, err == ERR_TYPE ? "must be a string" : "cannot be empty");
    rest_fail(c, err == ERR_TYPE ? 100000 : 100001, msg);
    return NULL;
}

bool rest_page_init(struct rest_call *c, struct rest_page *p, int64_t default_size)
{
    *p = (struct rest_page){
        .page = rest_param_int(c, "currentPage", 1, 1, 1000000),
        .size = rest_param_int(c, "pageSize", default_size, 1, 1000),
    };
    if (c->code != 0)
        return false;
    jw_open(c->out, "data", '{');
    jw_int(c->out, "currentPage", p->page);
    jw_int(c->out, "pageSize", p->size);
    jw_open(c->out, "items", '[');
    return true;
}

bool rest_page_row(struct rest_page *p)
{
    p->total++;
    return p->total > (p->page - 1) * p->size && p->total <= p->page * p->size;
}

void rest_page_close(struct rest_call *c, const struct rest_page *p)
{
    jw_close(c->out, ']');
    jw_int(c->out, "totalNum", p->total);
    jw_int(c->out, "totalPage", (p->total + p->size - 1) / p->size);
    jw_close(c->out, '}');
}

bool rest_offset_init(struct rest_call *c, struct rest_offset *o, int64_t default_max, int64_t most)
{
    const int64_t last = INT64_MAX / NS_PER_MS;
    *o = (struct rest_offset){
        .from_ms = rest_param_int(c, "startAt", 0, 0, last),
        .to_ms = rest_param_int(c, "endAt", last, 0, last),
        .max = rest_param_int(c, "maxCount", default_max, 1, most),
        .offset = rest_param_int(c, "offset", -1, 0, INT64_MAX),
    };
    const char *forward = rest_param(c, "forward"), *reverse = rest_param(c, "reverse");
    o->down = (reverse == NULL || strcmp(reverse, "false") != 0) ==
              (forward == NULL || strcmp(forward, "false") != 0);
    if (c->code != 0)
        return false;
    jw_open(c->out, "data", '{');
    jw_open(c->out, "dataList", '[');
    return true;
}

bool rest_offset_row(struct rest_offset *o, int64_t id, int64_t ms)
{
    if (o->more || ms < o->from_ms || ms > o->to_ms ||
        (o->offset >= 0 && (o->down ? id >= o->offset : id <= o->offset)))
        return false;
    o->more = o->rows == o->max;
    o->rows += !o->more;
    return !o->more;
}

void rest_offset_close(struct rest_call *c, const struct rest_offset *o)
{
    jw_close(c->out, ']');
    jw_bool(c->out, "hasMore", o->more);
    jw_close(c->out, '}');
}

bool rest_span(struct rest_call *c, int64_t span_ns, int64_t *ret_from_ns, int64_t *ret_to_ns)
{
    int64_t most = INT64_MAX / NS_PER_MS;
    int64_t from = rest_param_int(c, "startAt", -1, 0, most);
    int64_t to = rest_param_int(c, "endAt", -1, 0, most);
    int64_t now = wall_ns();
    *ret_to_ns = to >= 0 ? to * NS_PER_MS + NS_PER_MS - 1
               : from >= 0 && from * NS_PER_MS + span_ns < now ? from * NS_PER_MS + span_ns : now;
    *ret_from_ns = from >= 0 ? from * NS_PER_MS : *ret_to_ns - span_ns;
    if (from >= 0 && to - from > SPAN_MAX_MS)
        rest_fail(c, 100001, "startAt and endAt may be 7 days apart at most");
    return c->code == 0;
}

/* ---- the target ---- */

/* Split at '?', decode, cut the query into pairs. */
static bool parse_target(struct rest_call *c)
{
    if (strlen(c->q->target) >= REST_TARGET_MAX)
        return false;
    if (strstr(c->q->target, "%00") != NULL) {      /* nothing may hide behind the end of a text */
        refuse(c, 400, 400100, "The address holds a NUL");
        return false;
    }
    size_t n = strcspn(c->q->target, "?");
    memcpy(c->path, c->q->target, n);
    c->path[n] = '\0';
    auth_percent_decode(c->path, c->path);
    if (c->q->target[n] == '\0')
        return true;
    snprintf(c->query, sizeof c->query, "%s", c->q->target + n + 1);
    for (char *p = c->query, *next; p != NULL && c->n_params < REST_PARAMS_MAX; p = next) {
        next = strchr(p, '&');
        if (next != NULL)
            *next++ = '\0';
        char *eq = strchr(p, '=');
        if (eq == NULL)
            continue;
        *eq = '\0';
        auth_percent_decode(p, p);
        auth_percent_decode(eq + 1, eq + 1);
        c->params[c->n_params].name = p;
        c->params[c->n_params++].value = eq + 1;
    }
    return true;
}

/* Does the route's path fit?  What stands for {} is left in *segment. */
static bool fits(const char *route, const char *path, const char **segment, size_t *len)
{
    *segment = "";
    *len = 0;
    const char *hole = strstr(route, "{}");
    if (hole == NULL)
        return strcmp(route, path) == 0;
    size_t before = (size_t)(hole - route);
    if (strncmp(route, path, before) != 0)
        return false;
    *segment = path + before;
    *len = strcspn(*segment, "/");
    return *len > 0 && strcmp(hole + 2, *segment + *len) == 0;
}

static const struct rest_route *find_route(struct rest_call *c)
{
    bool other_method = false;
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct rest_route *r = tables[t]; r->method != NULL; r++) {
            const char *segment;
            size_t len;
            if (!fits(r->path, c->path, &segment, &len))
                continue;
            if (strcmp(r->method, c->q->method) != 0) {
                other_method = true;
                continue;
            }
            c->segment = segment;
            if (len > 0)
                c->path[(size_t)(segment - c->path) + len] = '\0';
            return r;
        }
    if (other_method)
        refuse(c, 405, 405000, "Request method is not supported");
    else
        refuse(c, 404, 404000, "Url Not Found");
    return NULL;
}

/* ---- who calls (kucoin-futures 2) ---- */

static bool timestamp_ok(const struct venue *v, const char *text)
{
    dec_t d;
    int64_t ms;
    if (dec_parse(text, &d) != ERR_OK || dec_to_int(d, &ms) != ERR_OK)
        return false;
    int64_t now_ms = venue_server_ns(v) / NS_PER_MS;
    return ms >= now_ms - TIMESTAMP_WINDOW_MS && ms <= now_ms + TIMESTAMP_WINDOW_MS;
}

/* Clients sign the target as sent or decoded: both are good. */
static bool signature_ok(const struct rest_request *q, const char *secret)
{
    char want[AUTH_TEXT_MAX], decoded[REST_TARGET_MAX];
    auth_sign(secret, q->timestamp, q->method, q->target, q->body, q->body_len, want);
    if (auth_equal(want, q->sign))
        return true;
    auth_percent_decode(q->target, decoded);
    auth_sign(secret, q->timestamp, q->method, decoded, q->body, q->body_len, want);
    return auth_equal(want, q->sign);
}

static bool passphrase_ok(const struct rest_request *q, const struct apikey *k)
{
    char want[AUTH_TEXT_MAX];
    auth_passphrase(k->secret, k->passphrase, want);
    return auth_equal(want, q->passphrase);
}

static void authenticate(struct rest_call *c)
{
    const struct rest_request *q = c->q;
    if (q->key == NULL || q->sign == NULL || q->timestamp == NULL || q->passphrase == NULL) {
        refuse(c, 400, 400001, "Please check the header of your request for KC-API-KEY, "
                               "KC-API-SIGN, KC-API-TIMESTAMP, KC-API-PASSPHRASE");
        return;
    }
    const struct apikey *k = apikeys_find(&c->v->keys, q->key);
    if (k == NULL)
        refuse(c, 401, 400003, "KC-API-KEY not exists");
    else if (q->version == NULL || strcmp(q->version, "1") == 0)
        refuse(c, 400, 400008, "Keys of version 1 are no longer supported");
    else if (strcmp(q->version, "2") != 0 && strcmp(q->version, "3") != 0)
        refuse(c, 400, 400009, "Invalid KC-API-KEY-VERSION");
    else if (!timestamp_ok(c->v, q->timestamp))
        refuse(c, 400, 400002, "KC-API-TIMESTAMP Invalid");
    else if (!passphrase_ok(q, k))
        refuse(c, 401, 400004, "Invalid KC-API-PASSPHRASE");
    else if (!signature_ok(q, k->secret))
        refuse(c, 401, 400005, "Invalid KC-API-SIGN");
    else if (!apikey_from(k, CLIENT_IP))
        refuse(c, 403, 400006, "Invalid request IP, the current clients IP is:" CLIENT_IP);
    c->key = k;
    c->account = k != NULL ? k->account_no : -1;
}

/* ---- one request ---- */

static void take_weight(struct rest_call *c, enum pool_kind kind, int weight, struct rest_answer *ret)
{
    int64_t now_ms = mono_now().ns / NS_PER_MS;
    struct pool *p = &c->v->pools[kind][c->account > 0 ? c->account : 0];
    int limit = kind == POOL_PUBLIC || c->key == NULL ? POOL_LIMIT : pool_limit(c->key->vip);
    bool ok = pool_take(p, limit, weight, now_ms);
    ret->limit = limit;
    ret->remaining = p->left;
    ret->reset_ms = pool_reset_ms(p, now_ms);
    if (!ok) {
        c->v->limited++;
        refuse(c, 429, 429000, "Too Many Requests");
    }
}

static void load_body(struct rest_call *c)
{
    const struct rest_request *q = c->q;
    if (q->body_len == 0)
        return;
    bool post = strcmp(q->method, "POST") == 0;
    if (post && (q->content_type == NULL || strncmp(q->content_type, "application/json", 16) != 0))
        refuse(c, 415, 415000, "Unsupported Media Type: Content-Type must be application/json");
    else if (codec_load(q->body, q->body_len, &c->body) != ERR_OK)
        rest_fail(c, 100000, "Bad Request: the body is no JSON");
    else if (!json_is_object(c->body) && !json_is_array(c->body))
        rest_fail(c, 100000, "Bad Request: the body must be a JSON object");
}

static void run(struct rest_call *c, struct rest_answer *ret)
{
    const struct rest_route *r = parse_target(c) ? find_route(c) : NULL;
    if (r == NULL) {
        if (c->code == 0)
            refuse(c, 414, 400001, "The address is too long");
        take_weight(c, POOL_PUBLIC, 0, ret);
        return;
    }
    if (r->auth != AUTH_PUBLIC)
        authenticate(c);
    if (c->code == 0)
        take_weight(c, r->pool, r->weight, ret);
    else
        take_weight(c, POOL_PUBLIC, 0, ret);
    if (c->code == 0 && r->auth != AUTH_PUBLIC &&
        !apikey_may(c->key, r->auth == AUTH_FUTURES ? "Futures" : "General"))
        refuse(c, 403, 400007, "Access denied, require more permission.");
    if (c->code == 0)
        load_body(c);
    if (c->code == 0 && venue_advance(c->v) != ERR_OK)
        refuse(c, 500, 500000, "Internal Server Error");
    if (c->code == 0)
        r->fn(c);
}

void rest_answer(struct venue *v, const struct rest_request *q, struct rest_answer *ret)
{
    struct rest_call *c = calloc(1, sizeof *c);
    must(c != NULL);
    c->v = v;
    c->q = q;
    c->account = -1;
    c->status = 200;
    c->out = &ret->body;
    v->requests++;
    jw_open(c->out, NULL, '{');
    jw_str(c->out, "code", "200000");
    run(c, ret);
    if (c->code != 0) {
        v->refused++;
        jw_reset(c->out);
        jw_open(c->out, NULL, '{');
        jw_ints(c->out, "code", c->code);
        jw_str(c->out, "msg", c->msg);
    }
    jw_close(c->out, '}');
    ret->status = c->status;
    json_decref(c->body);
    free(c);
    if (v->wake != NULL)
        v->wake(v->wake_arg);   /* an order may be due earlier than what was waited for */
}
