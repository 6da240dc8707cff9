/* send - requests that change something at the venue, and what their answers prove; see exec.h
 *
 * 1. An order is on disk as INTENT before its request leaves (agent_effect runs after the journal).
 * 2. Nothing is posted twice: an unknown outcome is resolved by queries (rule of absence below).
 * 3. Absence is proved when "not found" was heard later than the request could still arrive, twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/answers.h"
#include "agents/execution/entry.h"
#include "agents/execution/exec.h"
#include "agents/execution/signer.h"

#define ABSENT_AFTER_NS (10 * NS_PER_S)     /* the venue's window for timestamps, 5 s, and its queues, 5 s */
#define ABSENT_AGAIN_NS (2 * NS_PER_S)

struct job {
    struct exec *x;
    char cl_ord_id[40];
};

static struct job *job_new(struct exec *x, const struct exec_order *o)
{
    struct job *j = malloc(sizeof *j);
    must(j != NULL);
    j->x = x;
    TEXT_COPY(j->cl_ord_id, o->o.cl_ord_id);
    return j;
}

/* The order of a job, which ends here. */
static struct exec_order *job_take(struct job *j, struct exec **x)
{
    *x = j->x;
    struct exec_order *o = books_order(&j->x->books, j->cl_ord_id);
    free(j);
    return o;
}

/* ---- signatures ---- */

int exec_sign(void *arg, const char *method, const char *target, const void *body, size_t len,
              char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX])
{
    struct exec *x = arg;
    char why[SIGNER_WHY_MAX] = "";
    struct policy_request r = {.method = method, .target = target, .body = body, .len = len};
    struct entry_request e;
    if (strcmp(target, ENTRY_TARGET) == 0 && entry_read(body, len, &e) == ERR_OK) {
        struct exec_order *o = books_order(&x->books, e.cl_ord_id);
        struct symbol *s = exec_symbol(x, e.symbol);
        if (o != NULL && s != NULL) {
            r.token = x->tokens[o - x->books.orders];
            r.token_len = TOKEN_SIZE;
            r.tick = s->terms.tick;
            r.multiplier = s->terms.multiplier;
        }
    }
    int n = signer_sign(&r, headers, why);
    if (n == ERR_REFUSED)
        log_warn("signer.refused", LOG_S("method", method), LOG_S("target", target), LOG_S("why", why),
                 LOG_S("action", "not sent"));
    else if (n < 0)
        agent_fail(x->agent, why);
    return n;
}

/* ---- placing ---- */

static void write_entry(struct exec *x, const struct exec_order *o, struct jw *w)
{
    const struct trade *t = books_trade(&x->books, o->o.symbol);
    bool buy = o->o.side == SIDE_BUY;
    struct entry_request r = {
        .side = o->o.side, .leverage = t->p.leverage, .qty = o->o.qty, .price = o->o.price,
        .up_px = buy ? t->p.tp2_px : o->o.stop_px, .down_px = buy ? o->o.stop_px : t->p.tp2_px,
    };
    TEXT_COPY(r.cl_ord_id, o->o.cl_ord_id);
    TEXT_COPY(r.symbol, o->o.symbol);
    entry_write(&r, w);
}

static void write_reducing(const struct exec_order *o, struct jw *w)
{
    const struct sub_order *p = &o->o;
    bool buy = p->side == SIDE_BUY;
    jw_open(w, NULL, '{');
    jw_str(w, "clientOid", p->cl_ord_id);
    jw_str(w, "symbol", p->symbol);
    jw_str(w, "side", buy ? "buy" : "sell");
    jw_str(w, "type", p->ord_type == ORD_LIMIT ? "limit" : "market");
    jw_str(w, "marginMode", "ISOLATED");
    if (p->ord_type == ORD_LIMIT) {
        jw_decs(w, "price", p->price);
        jw_str(w, "timeInForce", "IOC");
    }
    if (p->leg == LEG_STOP || p->leg == LEG_TARGET) {
        /* A buy closes a short: its stop lies above, its target below. */
        jw_str(w, "stop", (p->leg == LEG_STOP) == buy ? "up" : "down");
        jw_decs(w, "stopPrice", p->stop_px);
        jw_str(w, "stopPriceType", "TP");
    }
    if (o->closes_all) {
        jw_bool(w, "closeOrder", true);
    } else {
        jw_int(w, "size", p->qty);
        jw_bool(w, "reduceOnly", true);
    }
    jw_close(w, '}');
}

static void absent(struct exec *x, struct exec_order *o)
{
    if (books_event(o, EV_ABSENT) < 0)
        return;
    TEXT_COPY(o->o.reason, "ABSENT");
    exec_keep_order(x, o);
    tell_order(x, o, TOPIC_ORDER_REJECTED);
    manage_ended(x, o);
}

static void refused(struct exec *x, struct exec_order *o, const struct venue_answer *a, enum order_event event)
{
    if (books_event(o, event) < 0)
        return;
    snprintf(o->o.reason, sizeof o->o.reason, "%.8s %.80s", a->code, a->msg);
    x->refused++;
    exec_keep_order(x, o);
    tell_order(x, o, TOPIC_ORDER_REJECTED);
    manage_ended(x, o);
}

static void on_placed(void *arg, const struct venue_answer *a)
{
    struct exec *x;
    const char *id;
    struct exec_order *o = job_take(arg, &x);
    if (o == NULL)
        return;
    switch (answer_proof(a->outcome, a->status, a->code)) {
    case PROOF_DONE:
        if (o->o.order_id[0] == '\0' && codec_text(a->data, "orderId", &id) == ERR_OK)
            TEXT_COPY(o->o.order_id, id);
        if (o->o.status == STATUS_INTENT || o->o.status == STATUS_UNKNOWN) {
            (void)books_event(o, EV_ACKED);
            exec_keep_order(x, o);
            tell_order(x, o, TOPIC_ORDER_PLACED);
        }
        fold_ended(x, o);
        break;
    case PROOF_KEY:
        agent_degraded(x->agent, SEVERITY_CRITICAL, "exchange", "CREDENTIALS", a->msg);
        refused(x, o, a, EV_REFUSED);
        break;
    case PROOF_FLAT:
        reads_fills(x);
        refused(x, o, a, EV_REFUSED);
        break;
    case PROOF_REFUSED:
    case PROOF_ABSENT:
        refused(x, o, a, EV_REFUSED);
        break;
    case PROOF_NOT_SENT:
        refused(x, o, a, EV_NOT_SENT);
        break;
    case PROOF_UNKNOWN:
        if (books_event(o, EV_LOST) == ERR_OK) {
            TEXT_COPY(o->o.reason, a->msg);
            exec_keep_order(x, o);
            tell_order(x, o, TOPIC_ORDER_UNKNOWN);
        }
        break;
    }
    manage_all(x);
}

static void post(struct agent *a, void *arg)
{
    struct job *j = arg;
    struct exec *x = j->x;
    struct exec_order *o = books_order(&x->books, j->cl_ord_id);
    struct jw w;
    (void)a;
    if (o == NULL || o->o.status != STATUS_INTENT) {
        free(j);
        return;
    }
    jw_init(&w);
    bool entry = o->o.leg == LEG_ENTRY;
    if (entry)
        write_entry(x, o, &w);
    else
        write_reducing(o, &w);
    venue_call(x->venue, entry ? VENUE_PRIVATE : VENUE_RESCUE, "POST", entry ? ENTRY_TARGET : "/api/v1/orders",
               w.buf, on_placed, j);
    jw_fini(&w);
}

void exec_place(struct exec *x, struct exec_order *o)
{
    must(o->o.status == STATUS_INTENT);
    exec_keep_order(x, o);
    agent_effect(x->agent, post, job_new(x, o));
}

struct exec_order *exec_leg_order(struct exec *x, struct trade *t, enum leg leg)
{
    struct exec_order *o = t->legs[leg] < 99 ? books_order_new(&x->books) : NULL;
    if (o == NULL)
        return NULL;
    token_cl_ord_id(t->approval, leg, ++t->legs[leg], o->o.cl_ord_id);
    TEXT_COPY(o->o.signal_id, t->p.signal_id);
    TEXT_COPY(o->o.approval_id, t->approval_id);
    TEXT_COPY(o->o.symbol, t->p.symbol);
    o->o.leg = leg;
    o->o.side = t->p.side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    o->o.status = STATUS_INTENT;
    o->o.market_ns = agent_market_ns(x->agent);
    o->sent_ns = agent_now_ns(x->agent);
    exec_keep_trade(x, t);
    return o;
}

/* ---- cancelling and asking ---- */

static void on_cancelled(void *arg, const struct venue_answer *a)
{
    struct exec *x;
    struct exec_order *o = job_take(arg, &x);
    (void)a;
    if (o != NULL && order_live(o)) {
        o->cancelling = o->cancelling == 2 ? 2 : 1;
        exec_query(x, o);       /* the outcome is read back, never assumed */
    }
}

static void delete_order(struct agent *a, void *arg)
{
    struct job *j = arg;
    char target[128];
    struct exec_order *o = books_order(&j->x->books, j->cl_ord_id);
    (void)a;
    if (o == NULL || !order_live(o)) {
        free(j);
        return;
    }
    if (o->o.order_id[0] != '\0')
        snprintf(target, sizeof target, "/api/v1/orders/%s", o->o.order_id);
    else
        snprintf(target, sizeof target, "/api/v1/orders/client-order/%s?symbol=%s", o->o.cl_ord_id, o->o.symbol);
    venue_call(j->x->venue, VENUE_RESCUE, "DELETE", target, NULL, on_cancelled, j);
}

void exec_cancel(struct exec *x, struct exec_order *o, bool expired)
{
    int64_t now = agent_now_ns(x->agent);
    if (o->cancelling != 0 && now - o->asked_ns < NS_PER_S)
        return;
    o->cancelling = expired || o->cancelling == 2 ? 2 : 1;
    o->asked_ns = now;
    exec_keep_order(x, o);
    agent_effect(x->agent, delete_order, job_new(x, o));
}

static void on_asked(void *arg, const struct venue_answer *a)
{
    struct exec *x;
    struct exec_order *o = job_take(arg, &x);
    x->reads.looking--;
    if (o == NULL || !order_live(o))
        return;
    int64_t now = agent_now_ns(x->agent);
    enum answer_proof proof = answer_proof(a->outcome, a->status, a->code);
    if (proof == PROOF_DONE)
        (void)fold_order(x, o, a->data);
    else if (proof == PROOF_ABSENT && o->o.status == STATUS_UNKNOWN && now - o->sent_ns >= ABSENT_AFTER_NS) {
        if (o->absent_ns == 0)
            o->absent_ns = now;
        else if (now - o->absent_ns >= ABSENT_AGAIN_NS)
            absent(x, o);
    }
    manage_all(x);
}

static void ask(struct agent *a, void *arg)
{
    struct job *j = arg;
    char target[128];
    struct exec_order *o = books_order(&j->x->books, j->cl_ord_id);
    (void)a;
    if (o == NULL) {
        j->x->reads.looking--;
        free(j);
        return;
    }
    if (o->o.order_id[0] != '\0')
        snprintf(target, sizeof target, "/api/v1/orders/%s", o->o.order_id);
    else
        snprintf(target, sizeof target, "/api/v1/orders/byClientOid?clientOid=%s", o->o.cl_ord_id);
    venue_call(j->x->venue, VENUE_PRIVATE, "GET", target, NULL, on_asked, j);
}

void exec_query(struct exec *x, struct exec_order *o)
{
    o->asked_ns = agent_now_ns(x->agent);
    x->reads.looking++;
    agent_effect(x->agent, ask, job_new(x, o));
}
