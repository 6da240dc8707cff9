/* gate - see gate.h */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/gate.h"
#include "deploy/paper/push.h"
#include "deploy/paper/rest.h"

#define NEVER       INT64_MAX
#define REORDER_MS  1000
#define HEADERS_MAX 160

struct held_request {
    struct held_request *next;
    struct server_request *req;
    int64_t due_ms; /* NEVER: silent until the fault ends */
    bool answered;  /* `a` is the answer; else the request is still to be done */
    struct rest_answer a;
};

struct held_frame {
    struct held_frame *next;
    struct ws_text *text;
    int64_t due_ms;
    int64_t after; /* later frames to go first; 0: delayed */
};

struct peer { /* a WebSocket connection */
    struct peer *next;
    struct ws_conn *conn;
    bool muted;
    struct held_frame *frames; /* oldest first */
    size_t n;
};

struct gate {
    struct loop *loop;
    struct venue *v;
    struct faults *f;
    struct server *rest;
    struct loop_timer *script, *release;
    struct held_request *requests;
    size_t n_requests;
    struct peer *peers;
    int64_t release_ms; /* when that timer fires */
    char what[REST_TARGET_MAX + 16];
};

static int64_t now_ms(void)
{
    return mono_now().ns / NS_PER_MS;
}

static void release_at(struct gate *g, int64_t due_ms)
{
    if (due_ms >= g->release_ms)
        return;
    int64_t left = due_ms - now_ms();
    g->release_ms = due_ms;
    loop_timer_again(g->release, left > 1 ? left : 1);
}

/* ---- what a list says ---- */

/* The end of the JSON value that begins at p. */
static const char *value_end(const char *p, const char *end)
{
    int depth = 0;
    for (bool text = false; p < end; p++) {
        if (text) {
            p += *p == '\\';
            text = *p != '"';
        } else if (*p == '"') {
            text = true;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if ((*p == '}' || *p == ']') && --depth <= 0) {
            return p + 1;
        }
    }
    return end;
}

static int64_t number_after(const char *row, const char *end, const char *key)
{
    const char *p = memmem(row, (size_t)(end - row), key, strlen(key));
    return p != NULL ? strtoll(p + strlen(key), NULL, 10) : -1;
}

static int64_t row_ms(const char *row, const char *end)
{
    int64_t ms = number_after(row, end, "\"createdAt\":");
    return ms >= 0 ? ms : number_after(row, end, "\"openingTimestamp\":");
}

/* The first row of the answer's list, NULL when it is none. */
static char *list_rows(char *text)
{
    char *p = strstr(text, "\"items\":[");
    if (p != NULL)
        return p + strlen("\"items\":[");
    p = strstr(text, "\"data\":[");
    return p != NULL ? p + strlen("\"data\":[") : NULL;
}

static size_t count_rows(char *rows, const char *end, int64_t young_ms, size_t *ret_young)
{
    size_t n = 0;
    *ret_young = 0;
    for (const char *p = rows; *p == '{'; n++) {
        const char *to = value_end(p, end);
        *ret_young += row_ms(p, to) > young_ms;
        p = to + (*to == ',');
    }
    return n;
}

/* Take rows out, in place: those younger than young_ms and the last `last` ones. */
static void prune(struct jw *w, int64_t young_ms, size_t last)
{
    static const char total[] = "\"totalNum\":";
    char *p = list_rows(w->buf), *to = p, *end = w->buf + w->len;
    size_t young, n = count_rows(p, end, young_ms, &young), kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = (size_t)(value_end(p, end) - p);
        char *next = p + len + (p[len] == ',');
        if (i + last < n && row_ms(p, p + len) <= young_ms) {
            if (kept++ > 0)
                *to++ = ',';
            memmove(to, p, len);
            to += len;
        }
        p = next;
    }
    char *at = memmem(p, (size_t)(end - p), total, sizeof total - 1);
    if (at != NULL) { /* nothing in the answer says that rows are missing */
        char *digits = at + sizeof total - 1, *after = digits;
        size_t all = strtoull(digits, &after, 10), len = (size_t)(digits - p);
        memmove(to, p, len);
        to += len;
        to += sprintf(to, "%zu", all - (n - kept));
        p = after;
    }
    memmove(to, p, (size_t)(end - p) + 1);
    w->len -= (size_t)(p - to);
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_query(const char *what)
{
    return starts(what, "GET/api/v1/orders") || starts(what, "GET/api/v1/stopOrders") ||
           starts(what, "GET/api/v1/recentDoneOrders") || starts(what, "GET/api/v1/fills") ||
           starts(what, "GET/api/v1/recentFills") || starts(what, "GET/api/v1/position");
}

static bool bites(struct gate *g, enum fault which, int64_t *ret_value)
{
    return faults_bites(g->f, which, g->what, strlen(g->what), ret_value);
}

static void fail(struct jw *w, int code, const char *msg)
{
    jw_reset(w);
    jw_open(w, NULL, '{');
    jw_ints(w, "code", code);
    jw_str(w, "msg", msg);
    jw_close(w, '}');
}

static int64_t lag_ns(const struct gate *g)
{
    return faults_value(g->f, FAULT_QUERY_LAG) * NS_PER_MS;
}

static void shorten(struct gate *g, struct rest_answer *a)
{
    int64_t young_ms = (wall_ns() - lag_ns(g)) / NS_PER_MS;
    char *rows = list_rows(a->body.buf), *end = a->body.buf + a->body.len;
    size_t young = 0;
    if (faults_on(g->f, FAULT_QUERY_LAG) && rows != NULL) {
        (void)count_rows(rows, end, young_ms, &young);
        if (young > 0 && bites(g, FAULT_QUERY_LAG, NULL))
            prune(&a->body, young_ms, 0);
    }
    int64_t last;
    if (rows != NULL && *rows == '{' && bites(g, FAULT_LIST_INCOMPLETE, &last))
        prune(&a->body, INT64_MAX, (size_t)last);
}

/* ---- answers ---- */

static const char *limit_headers(const struct rest_answer *a, char buf[HEADERS_MAX])
{
    snprintf(buf, HEADERS_MAX,
             "gw-ratelimit-limit: %" PRId64 "\r\ngw-ratelimit-remaining: %" PRId64
             "\r\ngw-ratelimit-reset: %" PRId64 "\r\n",
             a->limit, a->remaining, a->reset_ms);
    return buf;
}

static void reply(struct server_request *req, struct rest_answer *a)
{
    char headers[HEADERS_MAX];
    server_reply(req, a->status, "application/json", limit_headers(a, headers), a->body.buf,
                 a->body.len);
    jw_fini(&a->body);
}

/* What stands before the exchange says: nothing about what was done. */
static void refuse(struct server_request *req, int status)
{
    struct rest_answer a = {.status = status,
                            .limit = POOL_LIMIT,
                            .reset_ms = 1000,
                            .remaining = status == 429 ? 0 : POOL_LIMIT};
    jw_init(&a.body);
    fail(&a.body, status * 1000, status == 429 ? "Too Many Requests" : "Service Unavailable");
    reply(req, &a);
}

static void reply_status(struct server_request *req, const char *status)
{
    struct rest_answer a = {
        .status = 200, .limit = POOL_LIMIT, .remaining = POOL_LIMIT, .reset_ms = 30000};
    jw_init(&a.body);
    jw_open(&a.body, NULL, '{');
    jw_str(&a.body, "code", "200000");
    jw_open(&a.body, "data", '{');
    jw_str(&a.body, "status", status);
    jw_str(&a.body, "msg", "upgrade match engine");
    jw_close(&a.body, '}');
    jw_close(&a.body, '}');
    reply(req, &a);
}

/* The answer as it should go out, but for what Content-Length says, and up to `most` bytes. */
static void reply_wrong(struct server_request *req, struct rest_answer *a, int64_t more,
                        int64_t most)
{
    char headers[HEADERS_MAX], head[HEADERS_MAX + 160];
    int64_t says = (int64_t)a->body.len + more;
    size_t n = (size_t)snprintf(head, sizeof head,
                                "HTTP/1.1 %d OK\r\nContent-Type: application/json\r\n"
                                "Content-Length: %" PRId64 "\r\n%s\r\n",
                                a->status, says > 0 ? says : 0, limit_headers(a, headers));
    char *all = malloc(n + a->body.len);
    must(all != NULL);
    memcpy(all, head, n);
    memcpy(all + n, a->body.buf, a->body.len);
    n += a->body.len;
    server_reply_raw(req, all, most < (int64_t)n ? (size_t)most : n, false);
    free(all);
    jw_fini(&a->body);
}

static void reply_page(struct server_request *req, struct rest_answer *a, int status)
{
    static const char page[] = "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
                               "<body><h1>Checking your browser</h1></body></html>\n";
    server_reply(req, status, "text/html; charset=UTF-8", NULL, page, sizeof page - 1);
    jw_fini(&a->body);
}

/* a NULL: the request is still to be done. */
static void hold(struct gate *g, struct server_request *req, int64_t ms, struct rest_answer *a)
{
    if (g->n_requests == GATE_REQUESTS_MAX) {
        server_reply_raw(req, "", 0, true);
        if (a != NULL)
            jw_fini(&a->body);
        return;
    }
    struct held_request *h = calloc(1, sizeof *h), **at = &g->requests;
    must(h != NULL);
    *h = (struct held_request){
        .req = req, .due_ms = ms == NEVER ? NEVER : now_ms() + ms, .answered = a != NULL};
    if (a != NULL)
        h->a = *a;
    while (*at != NULL)
        at = &(*at)->next;
    *at = h;
    g->n_requests++;
    release_at(g, h->due_ms);
}

/* The request is done; how does its answer arrive? */
static void deliver(struct gate *g, struct server_request *req, struct rest_answer *a)
{
    int64_t v;
    if (bites(g, FAULT_REST_RESET_AFTER, NULL)) {
        server_reply_raw(req, "", 0, true);
        jw_fini(&a->body);
    } else if (bites(g, FAULT_REST_SILENT, NULL)) {
        hold(g, req, NEVER, a);
    } else if (bites(g, FAULT_REST_AFTER, &v)) {
        refuse(req, (int)v);
        jw_fini(&a->body);
    } else if (bites(g, FAULT_REST_HTML, &v)) {
        reply_page(req, a, (int)v);
    } else if (bites(g, FAULT_REST_EMPTY, &v)) {
        server_reply(req, (int)v, "application/json", NULL, "", 0);
        jw_fini(&a->body);
    } else if (bites(g, FAULT_REST_CUT, &v)) {
        reply_wrong(req, a, 0, v);
    } else if (bites(g, FAULT_REST_LENGTH, &v)) {
        reply_wrong(req, a, v, NEVER);
    } else if (bites(g, FAULT_REST_DELAY, &v)) {
        hold(g, req, v, a);
    } else {
        reply(req, a);
    }
}

/* ---- requests ---- */

static bool is_revoked(struct gate *g, const char *key)
{
    char who[FAULT_MATCH_MAX * 2];
    const struct apikey *k = key != NULL ? apikeys_find(&g->v->keys, key) : NULL;
    if (k == NULL || !faults_on(g->f, FAULT_KEY_REVOKED))
        return false;
    snprintf(who, sizeof who, "%s %s", k->account, k->key);
    return faults_bites(g->f, FAULT_KEY_REVOKED, who, strlen(who), NULL);
}

static void read_what(struct gate *g, const struct server_request *req)
{
    snprintf(g->what, sizeof g->what, "%s%s", server_method(req), server_target(req));
}

static void do_request(struct gate *g, struct server_request *req)
{
    struct rest_answer a = {0};
    struct rest_request q = {
        .method = server_method(req),
        .target = server_target(req),
        .content_type = server_header(req, "content-type"),
        .key = server_header(req, "kc-api-key"),
        .sign = server_header(req, "kc-api-sign"),
        .timestamp = server_header(req, "kc-api-timestamp"),
        .passphrase = server_header(req, "kc-api-passphrase"),
        .version = server_header(req, "kc-api-key-version"),
    };
    int64_t skew_ms = 0;
    q.body = server_body(req, &q.body_len);
    if (is_revoked(g, q.key))
        q.key = ""; /* no account can have that one */
    (void)bites(g, FAULT_CLOCK_SKEW, &skew_ms);
    g->v->skew_ns = skew_ms * NS_PER_MS;
    jw_init(&a.body);
    bool query = is_query(g->what);
    g->v->lag_ns = query && faults_on(g->f, FAULT_QUERY_LAG) ? lag_ns(g) : 0;
    g->v->lagged = false;
    rest_answer(g->v, &q, &a);
    g->v->lag_ns = 0;
    if (g->v->lagged && !bites(g, FAULT_QUERY_LAG, NULL)) {
        jw_reset(&a.body);
        rest_answer(g->v, &q, &a);
    }
    g->v->skew_ns = 0;
    if (query)
        shorten(g, &a);
    deliver(g, req, &a);
}

static bool is_new_order(const char *what)
{
    return starts(what, "POST/api/v1/orders") || starts(what, "POST/api/v1/st-orders");
}

static bool is_order_action(const char *what)
{
    return is_new_order(what) || starts(what, "DELETE/api/v1/orders") || starts(what, "DELETE/api/v3/orders") ||
           starts(what, "DELETE/api/v1/stopOrders");
}

static void reply_code(struct server_request *req, int code, const char *msg)
{
    struct rest_answer a = {
        .status = 200, .limit = POOL_LIMIT, .remaining = POOL_LIMIT, .reset_ms = 30000};
    jw_init(&a.body);
    fail(&a.body, code, msg);
    reply(req, &a);
}

/* True: the exchange as a whole does not take it, and says so. */
static bool is_closed(struct gate *g, struct server_request *req)
{
    int64_t code;
    bool asks = starts(g->what, "GET/api/v1/status");
    if (asks && faults_on(g->f, FAULT_MAINTENANCE)) {
        reply_status(req, "close");
    } else if (asks && faults_on(g->f, FAULT_CANCEL_ONLY)) {
        reply_status(req, "cancelonly");
    } else if (bites(g, FAULT_MAINTENANCE, NULL)) {
        refuse(req, 503);
    } else if (is_new_order(g->what) && bites(g, FAULT_CANCEL_ONLY, NULL)) {
        reply_code(req, 300002, "The contract is in cancel-only mode");
    } else if (is_order_action(g->what) && bites(g, FAULT_ORDER_REFUSED, &code)) {
        reply_code(req, (int)code, code == 300015   ? "Settlement in progress, order actions are suspended."
                                   : code == 300014 ? "The position is being liquidated."
                                                    : "Refused.");
    } else {
        return false;
    }
    return true;
}

void gate_request(struct gate *g, struct server_request *req)
{
    int64_t v;
    read_what(g, req);
    if (bites(g, FAULT_REST_RESET, NULL))
        server_reply_raw(req, "", 0, true);
    else if (bites(g, FAULT_REST_BEFORE, &v))
        refuse(req, (int)v);
    else if (is_closed(g, req))
        return;
    else if (is_new_order(g->what) && bites(g, FAULT_ORDER_LATE, &v))
        hold(g, req, v, NULL);
    else
        do_request(g, req);
}

/* ---- frames ---- */

static struct peer *peer_of(struct gate *g, const struct ws_conn *c)
{
    struct peer *p = g->peers;
    while (p->conn != c)
        p = p->next;
    return p;
}

static void drop_frame(struct peer *p, struct held_frame **at)
{
    struct held_frame *h = *at;
    *at = h->next;
    ws_text_destroy(&h->text);
    free(h);
    p->n--;
}

static void hold_frame(struct gate *g, struct peer *p, struct ws_text *t, int64_t due_ms,
                       int64_t after)
{
    struct held_frame *h, **at = &p->frames;
    if (p->n == GATE_FRAMES_MAX) {
        ws_conn_cut(p->conn);
        return;
    }
    h = calloc(1, sizeof *h);
    must(h != NULL);
    *h = (struct held_frame){.text = ws_text_dup(t), .due_ms = due_ms, .after = after};
    while (*at != NULL)
        at = &(*at)->next;
    *at = h;
    p->n++;
    release_at(g, due_ms);
}

/* When the newest delayed frame goes out: later ones stay behind it.  0: there is none. */
static int64_t delayed_until(const struct peer *p)
{
    int64_t until = 0;
    for (const struct held_frame *h = p->frames; h != NULL; h = h->next)
        if (h->after == 0 && h->due_ms > until)
            until = h->due_ms;
    return until;
}

static void send_frame(struct peer *p, struct ws_text *t)
{
    ws_conn_send_now(p->conn, t);
    for (struct held_frame **at = &p->frames; *at != NULL;) {
        if ((*at)->after > 0 && --(*at)->after == 0) {
            ws_conn_send_now(p->conn, (*at)->text);
            drop_frame(p, at);
        } else {
            at = &(*at)->next;
        }
    }
}

static void pass(struct gate *g, struct peer *p, struct ws_text *t, const char *text, size_t len)
{
    int64_t v = 0, until = p->n > 0 ? delayed_until(p) : 0, now = now_ms();
    if (faults_bites(g->f, FAULT_WS_REORDER, text, len, &v)) {
        hold_frame(g, p, t, now + REORDER_MS, v);
        return;
    }
    if (faults_bites(g->f, FAULT_WS_DELAY, text, len, &v))
        until = now + v > until ? now + v : until;
    if (!faults_bites(g->f, FAULT_WS_DUPLICATE, text, len, &v))
        v = 0;
    for (int64_t i = 0; i <= v; i++) {
        if (until > 0)
            hold_frame(g, p, t, until, 0);
        else
            send_frame(p, t);
    }
}

bool gate_ws_send(struct gate *g, struct ws_conn *c, struct ws_text *t, const char *text,
                  size_t len)
{
    if (!faults_any_ws(g->f) && g->release_ms == NEVER)
        return false;
    struct peer *p = peer_of(g, c);
    if (p->muted)
        return true;
    if (faults_bites(g->f, FAULT_WS_CUT, text, len, NULL)) {
        ws_conn_cut(c);
    } else if (faults_bites(g->f, FAULT_WS_HALF_OPEN, text, len, NULL)) {
        p->muted = true;
        ws_conn_mute(c);
    } else if (faults_bites(g->f, FAULT_WS_DROP, text, len, NULL)) {
        return true;
    } else if (faults_bites(g->f, FAULT_WS_GARBLE, text, len, NULL)) {
        struct ws_text *half = ws_text_new(text, len / 2);
        pass(g, p, half, text, len / 2);
        ws_text_destroy(&half);
    } else {
        pass(g, p, t, text, len);
    }
    return true;
}

int gate_ws_open(struct gate *g, struct ws_conn *c, const struct server_request *req)
{
    int64_t v = 503;
    read_what(g, req);
    if (bites(g, FAULT_WS_REFUSE, &v) || bites(g, FAULT_MAINTENANCE, NULL))
        return (int)v;
    struct peer *p = calloc(1, sizeof *p);
    must(p != NULL);
    *p = (struct peer){.next = g->peers, .conn = c};
    g->peers = p;
    return push_on_open(g->v->push, c, req);
}

void gate_ws_close(struct gate *g, struct ws_conn *c)
{
    struct peer *p = peer_of(g, c), **at = &g->peers;
    push_on_close(g->v->push, c);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    while (p->frames != NULL)
        drop_frame(p, &p->frames);
    free(p);
}

/* ---- time and switches ---- */

static void release_requests(struct gate *g, int64_t now)
{
    for (struct held_request **at = &g->requests; *at != NULL;) {
        struct held_request *h = *at;
        if (h->due_ms > now) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        g->n_requests--;
        read_what(g, h->req);
        if (h->answered)
            reply(h->req, &h->a);
        else
            do_request(g, h->req);
        free(h);
        at = &g->requests; /* do_request may have held another one */
    }
}

static void release_frames(struct peer *p, int64_t now)
{
    for (struct held_frame **at = &p->frames; *at != NULL;) {
        if ((*at)->due_ms > now) {
            at = &(*at)->next;
            continue;
        }
        ws_conn_send_now(p->conn, (*at)->text);
        drop_frame(p, at);
    }
}

static void on_release(void *arg)
{
    struct gate *g = arg;
    int64_t now = now_ms(), next = NEVER;
    g->release_ms = NEVER;
    release_requests(g, now);
    for (struct peer *p = g->peers; p != NULL; p = p->next) {
        release_frames(p, now);
        for (const struct held_frame *h = p->frames; h != NULL; h = h->next)
            next = h->due_ms < next ? h->due_ms : next;
    }
    for (const struct held_request *h = g->requests; h != NULL; h = h->next)
        next = h->due_ms < next ? h->due_ms : next;
    if (next != NEVER)
        release_at(g, next);
}

static void drop_silent(struct gate *g, int64_t due_ms)
{
    for (struct held_request **at = &g->requests; *at != NULL;) {
        struct held_request *h = *at;
        if (h->due_ms < due_ms) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        g->n_requests--;
        server_reply_raw(h->req, "", 0, true);
        if (h->answered)
            jw_fini(&h->a.body);
        free(h);
    }
}

static void on_switch(void *arg, enum fault which, bool on)
{
    struct gate *g = arg;
    if (which == FAULT_REST_REFUSE) {
        if (on)
            (void)faults_bites(g->f, which, "", 0, NULL);
        if (server_refuse(g->rest, on) != ERR_OK)
            log_error("paper.port", LOG_I("port", server_port(g->rest)),
                      LOG_S("mend", "the port cannot be opened again: restart the exchange"));
    }
    if (which == FAULT_REST_SILENT && !on)
        drop_silent(g, NEVER);
    for (struct peer *p = g->peers; p != NULL; p = p->next)
        if ((which == FAULT_WS_HALF_OPEN && !on && p->muted) || (which == FAULT_MAINTENANCE && on))
            ws_conn_cut(p->conn);
}

static void on_script(void *arg)
{
    struct gate *g = arg;
    int64_t now = mono_now().ns, next = faults_step(g->f, now);
    if (next != FAULTS_NEVER)
        loop_timer_again(g->script, (next - now) / NS_PER_MS + 1);
}

void gate_switch(struct gate *g, const struct fault_set *s)
{
    faults_switch(g->f, s, mono_now().ns);
    on_script(g);
}

const struct faults *gate_faults(const struct gate *g)
{
    return g->f;
}

struct gate *gate_new(struct loop *l, struct venue *v, struct faults *f)
{
    struct gate *g = calloc(1, sizeof *g);
    must(g != NULL);
    *g = (struct gate){.loop = l, .v = v, .f = f, .release_ms = NEVER};
    g->script = loop_timer_new(l, 1, 0, false, on_script, g);
    g->release = loop_timer_new(l, 1, 0, false, on_release, g);
    loop_timer_pause(g->script);
    v->gate = g;
    return g;
}

void gate_start(struct gate *g, struct server *rest)
{
    g->rest = rest;
    faults_on_switch(g->f, on_switch, g);
    faults_begin(g->f, &g->v->clock, mono_now().ns, wall_ns());
    on_script(g);
}

void gate_destroy(struct gate **g)
{
    if (*g == NULL)
        return;
    must((*g)->peers == NULL);
    faults_on_switch((*g)->f, NULL, NULL);
    drop_silent(*g, INT64_MIN);
    loop_timer_destroy(&(*g)->script);
    loop_timer_destroy(&(*g)->release);
    free(*g);
    *g = NULL;
}
