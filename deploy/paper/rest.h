/* rest - the venue's REST interface, without a socket: a request in, an answer out.
 *
 * Checks in the venue's order: path and method, content type, the caller's headers, rate limit,
 * permission; then the handler.  Answers are the venue's envelope: {"code":"200000","data":...} or
 * {"code":"...","msg":"..."}.
 *
 * Threads: one.
 */
#ifndef PAPER_REST_H
#define PAPER_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "deploy/paper/venue.h"
#include "libagent/exchange/jw.h"

#define REST_TARGET_MAX 2048
#define REST_PARAMS_MAX 24

struct rest_request {
    const char *method, *target;        /* "GET", "/api/v1/ticker?symbol=XBTUSDTM" as received */
    const char *body;
    size_t body_len;
    /* NULL when the header is absent */
    const char *content_type, *key, *sign, *timestamp, *passphrase, *version;
};

struct rest_answer {
    int status;                         /* of HTTP */
    struct jw body;                     /* jw_init and jw_fini are the caller's */
    int64_t limit, remaining, reset_ms; /* gw-ratelimit-* */
};

void rest_answer(struct venue *v, const struct rest_request *q, struct rest_answer *ret);

/* ---- for the handlers (rest_market.c, rest_account.c, rest_orders.c) ---- */

struct rest_call {
    struct venue *v;
    const struct rest_request *q;
    const struct apikey *key;           /* NULL on public paths */
    int account;                        /* -1 there */
    char path[REST_TARGET_MAX];         /* decoded */
    char query[REST_TARGET_MAX];        /* decoded pieces, cut by NULs */
    const char *segment;                /* what stands for {} in the route, "" */
    struct { const char *name, *value; } params[REST_PARAMS_MAX];
    size_t n_params;
    json_t *body;                       /* an object or array, NULL when there is none */
    struct jw *out;                     /* the envelope is open: write "data" */
    int code;                           /* failed: the venue's code */
    int status;                         /* HTTP status of a failure */
    char msg[ENGINE_MSG_MAX];
};

/* Fail the call: HTTP 200 as business errors do. */
void rest_fail(struct rest_call *c, int code, const char *msg);
/* NULL when absent, empty or the word `undefined`. */
const char *rest_param(const struct rest_call *c, const char *name);
/* def when absent; fails the call (100001) when it is no integer from min to max. */
int64_t rest_param_int(struct rest_call *c, const char *name, int64_t def, int64_t min, int64_t max);
/* The listed contract of a name; -1 and 100003 when there is none.  NULL: 100001. */
int rest_symbol(struct rest_call *c, const char *symbol);
/* The contract named by the query's `symbol`: -1 when absent, without failing. */
int rest_symbol_param(struct rest_call *c);
/* The text of a body member, NULL and a failed call when it is missing or no string. */
const char *rest_body_text(struct rest_call *c, const char *name);

/* Page style (kucoin-futures 1.4): rest_page_open writes "data", items follow while rest_page_row is
 * true for each row of the whole list, in order. */
struct rest_page { int64_t page, size, seen, total; };
bool rest_page_init(struct rest_call *c, struct rest_page *p, int64_t default_size);
bool rest_page_row(struct rest_page *p);    /* counts a row; true when it lies on the page */
void rest_page_close(struct rest_call *c, const struct rest_page *p);

/* Offset style (kucoin-futures 1.4): rows have ids that grow with time and are offered newest first, or
 * oldest first when `down` is false; rest_offset_row counts one and is true when it belongs to the answer. */
struct rest_offset { int64_t from_ms, to_ms, max, offset, rows; bool down, more; };
bool rest_offset_init(struct rest_call *c, struct rest_offset *o, int64_t default_max, int64_t most);
bool rest_offset_row(struct rest_offset *o, int64_t id, int64_t ms);
void rest_offset_close(struct rest_call *c, const struct rest_offset *o);

/* startAt and endAt in ms of server time; without them the last `span`.  More than 7 days: 100001. */
bool rest_span(struct rest_call *c, int64_t span_ns, int64_t *ret_from_ns, int64_t *ret_to_ns);

enum rest_auth { AUTH_PUBLIC, AUTH_GENERAL, AUTH_FUTURES };

struct rest_route {
    const char *method, *path;          /* one segment may be {} */
    enum rest_auth auth;
    enum pool_kind pool;
    int weight;
    void (*fn)(struct rest_call *c);
};
#define ROUTES_END {0}
extern const struct rest_route rest_market_routes[], rest_account_routes[], rest_order_routes[];

#endif
