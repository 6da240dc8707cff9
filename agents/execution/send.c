/* send - requests that change something at the venue, and what their answers prove; see exec.h
 *
 * 1. An order is on disk as INTENT before its request leaves (agent_effect runs after the journal).
 * 2. Nothing is posted twice: an unknown outcome is resolved by queries.  What was proved not to be sent ends:
 *    an entry for good, a leg gives its number back and is placed again when it is still needed.
 * 3. Absence is proved by "not found" twice, AGAIN apart, when by the venue's own clock no request signed
 *    before the outcome was lost is valid any more, and the fills read after the first name no such order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/failpoint.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/answers.h"
#include "agents/execution/body.h"
#include "agents/execution/exec.h"
#include "agents/execution/signer.h"

#define ABSENT_AGAIN_NS (2 * NS_PER_S)
#define CANCEL_NS       NS_PER_S            /* between cancels of one order */

struct job {
    struct exec *x;
    char cl_ord_id[40];
    bool looks;                 /* counted in reads.looking */
};

static struct job *job_new(struct exec *x, const struct exec_order *o)
{
    struct job *j = calloc(1, sizeof *j);
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
    struct policy_request r = {.method = method, .target = target};
    struct body b;
    if (len > 0 && body_read(target, body, len, &b) == ERR_OK)
        r.what = &b;
    if (r.what != NULL && b.kind == BODY_ENTRY) {
        struct exec_order *o = books_order(&x->books, b.cl_ord_id);
        struct symbol *s = exec_symbol(x, b.symbol);
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
    FAILPOINT(signed);
    return n;
}

/* ---- placing ---- */

static void fill_entry(struct exec *x, const struct sub_order *p, struct body *b)
{
    const struct trade *t = books_trade(&x->books, p->symbol);
    dec_t target = x->params.tp2 ? t->p.tp2_px : dec_zero();
    b->leverage = t->p.leverage;
    b->price = p->price;
    b->up_px = p->side == SIDE_BUY ? target : p->stop_px;
    b->down_px = p->side == SIDE_BUY ? p->stop_px : target;
}

static void fill_reduce(const struct sub_order *p, struct body *b)
{
    if (p->ord_type == ORD_LIMIT)
        b->price = p->price;
    else if (p->leg == LEG_STOP || p->leg == LEG_TARGET)    /* a buy closes a short: its stop lies above */
        *((p->leg == LEG_STOP) == (p->side == SIDE_BUY) ? &b->up_px : &b->down_px) = p->stop_px;
}

static void write_order(struct exec *x, const struct exec_order *o, struct jw *w)
{
    const struct sub_order *p = &o->o;
    struct body b = {.kind = p->leg == LEG_ENTRY ? BODY_ENTRY : BODY_REDUCE, .side = p->side,
                     .qty = o->closes_all ? 0 : p->qty};
    TEXT_COPY(b.cl_ord_id, p->cl_ord_id);
    TEXT_COPY(b.symbol, p->symbol);
    if (b.kind == BODY_ENTRY)
        fill_entry(x, p, &b);
    else
        fill_reduce(p, &b);
    body_write(&b, w);
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

/* A leg of which no byte left: it never was, its number is free. */
static void unsent(struct exec *x, struct exec_order *o, const struct venue_answer *a)
{
    struct trade *t = books_trade(&x->books, o->o.symbol);
    uint8_t approval[16];
    enum leg leg;
    int n;
    log_warn("order.not_sent", LOG_S("cl_ord_id", o->o.cl_ord_id), LOG_S("symbol", o->o.symbol),
             LOG_S("why", a->msg), LOG_S("action", "placed again when it is still needed"));
    if (t != NULL && token_cl_ord_parse(o->o.cl_ord_id, approval, &leg, &n) == ERR_OK &&
        memcmp(approval, t->approval, sizeof approval) == 0) {
        t->legs[leg] -= t->legs[leg] == n;
        manage_unsent(x, t, o);
        exec_keep_trade(x, t);
    }
    memset(o, 0, sizeof *o);
    exec_keep_order(x, o);
}

void send_lost(struct exec *x, struct exec_order *o, const char *why)
{
    if (books_event(o, EV_LOST) < 0)
        return;
    o->lost_ns = agent_now_ns(x->agent);
    x->reads.unfound[o - x->books.orders] = false;
    TEXT_COPY(o->o.reason, why);
    exec_keep_order(x, o);
    tell_order(x, o, TOPIC_ORDER_UNKNOWN);
}

static void on_placed(void *arg, const struct venue_answer *a)
{
    struct exec *x;
    const char *id;
    struct exec_order *o = job_take(arg, &x);
    FAILPOINT(reply);
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
        setup_key_refused(x, "exchange", "CREDENTIALS", a->msg);
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
        if (o->o.leg == LEG_ENTRY)
            refused(x, o, a, EV_NOT_SENT);
        else if (o->o.status == STATUS_INTENT)
            unsent(x, o, a);
        break;
    case PROOF_UNKNOWN:
        if (PLANTED(retry_with_a_new_id) && o->o.leg != LEG_ENTRY && o->o.status == STATUS_INTENT) {
            struct trade *t = books_trade(&x->books, o->o.symbol);
            struct sub_order was = o->o;
            o = t != NULL ? exec_leg_order(x, t, was.leg) : NULL;
            if (o != NULL) {
                TEXT_COPY(was.cl_ord_id, o->o.cl_ord_id);
                o->o = was;
                exec_place(x, o);
            }
            break;
        }
        send_lost(x, o, a->msg);
        break;
    }
    FAILPOINT(reply_applied);
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
    FAILPOINT(post);
    jw_init(&w);
    bool entry = o->o.leg == LEG_ENTRY;
    write_order(x, o, &w);
    venue_call(x->venue, entry ? VENUE_PRIVATE : VENUE_RESCUE, "POST", entry ? ENTRY_TARGET : REDUCE_TARGET,
               w.buf, on_placed, j);
    FAILPOINT(sent);
    jw_fini(&w);
}

void exec_place(struct exec *x, struct exec_order *o)
{
    must(o->o.status == STATUS_INTENT);
    if (!PLANTED(no_journal))
        exec_keep_order(x, o);
    FAILPOINT(intent);
    if (PLANTED(sent_before_record)) {
        post(x->agent, job_new(x, o));
        return;
    }
    agent_effect(x->agent, post, job_new(x, o));
}

struct exec_order *exec_leg_order(struct exec *x, struct trade *t, enum leg leg)
{
    struct exec_order *o = t->legs[leg] < TOKEN_CL_ORD_MAX ? books_order_new(&x->books) : NULL;
    if (o == NULL)
        return NULL;
    if (PLANTED(oid_from_clock))
        t->legs[leg] = (int)(agent_now_ns(x->agent) / NS_PER_MS % (TOKEN_CL_ORD_MAX - 1));
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
    FAILPOINT(cancel_reply);
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
    FAILPOINT(cancel);
    if (o->o.order_id[0] != '\0')
        snprintf(target, sizeof target, "/api/v1/orders/%s", o->o.order_id);
    else
        snprintf(target, sizeof target, "/api/v1/orders/client-order/%s?symbol=%s", o->o.cl_ord_id, o->o.symbol);
    venue_call(j->x->venue, VENUE_RESCUE, "DELETE", target, NULL, on_cancelled, j);
}

void exec_cancel(struct exec *x, struct exec_order *o, bool expired)
{
    int64_t now = agent_now_ns(x->agent);
    if (now - o->cancel_ns < CANCEL_NS)
        return;
    o->cancelling = expired || o->cancelling == 2 ? 2 : 1;
    o->cancel_ns = o->asked_ns = now;
    exec_keep_order(x, o);
    agent_effect(x->agent, delete_order, job_new(x, o));
}

/* Proved: the venue does not have it.  One that it had, and then neither shows nor knows, has ended. */
static void gone(struct exec *x, struct exec_order *o)
{
    FAILPOINT(absent);
    if (o->o.status != STATUS_UNKNOWN) {
        log_error("order.vanished", LOG_S("cl_ord_id", o->o.cl_ord_id), LOG_S("symbol", o->o.symbol),
                  LOG_S("action", "counted as cancelled; no entries until two reads agree"));
        TEXT_COPY(o->o.reason, "VANISHED");
        o->venue_done = 2;
        o->venue_cum = o->o.cum_qty;
        fold_ended(x, o);
        reads_distrust(x);
    } else if (books_event(o, EV_ABSENT) == ERR_OK) {
        TEXT_COPY(o->o.reason, "ABSENT");
        exec_keep_order(x, o);
        tell_order(x, o, TOPIC_ORDER_REJECTED);
        manage_ended(x, o);
    }
}

/* The venue's clock, read after its "not found". */
static void on_absent(void *arg, const struct venue_answer *a)
{
    struct exec *x;
    struct exec_order *o = job_take(arg, &x);
    int64_t venue_ms, now = agent_now_ns(x->agent);
    if (o == NULL || !order_live(o) || a->outcome != VENUE_OK || codec_value_int(a->data, &venue_ms) < 0)
        return;
    int64_t signed_ns = o->lost_ns > o->sent_ns ? o->lost_ns : o->sent_ns;  /* at the latest */
    if (PLANTED(absence_by_our_clock))
        venue_ms = now / NS_PER_MS;
    if (venue_ms * NS_PER_MS < signed_ns + ABSENT_AFTER_NS)
        return;
    if (o->absent_ns == 0)
        o->absent_ns = now;
    if (x->reads.fills_good_ns < o->absent_ns) {
        reads_fills(x);         /* until they are read: it may be asked in vain */
    } else if (now - o->absent_ns >= ABSENT_AGAIN_NS) {
        gone(x, o);
        manage_all(x);
    }
}

static void on_asked(void *arg, const struct venue_answer *a)
{
    struct exec *x;
    bool looked = ((struct job *)arg)->looks;
    struct exec_order *o = job_take(arg, &x);
    x->reads.looking -= looked;
    FAILPOINT(query_reply);
    if (o == NULL || !order_live(o))
        return;
    enum answer_proof proof = answer_proof(a->outcome, a->status, a->code);
    if (proof == PROOF_ABSENT && o->o.status == STATUS_UNKNOWN)
        x->reads.unfound[o - x->books.orders] = true;
    if (proof == PROOF_DONE)
        (void)fold_order(x, o, a->data);
    else if (proof == PROOF_ABSENT && PLANTED(not_found_is_rejected) && o->o.status == STATUS_UNKNOWN)
        gone(x, o);
    else if (proof == PROOF_ABSENT && o->o.status != STATUS_INTENT)
        venue_call(x->venue, VENUE_PRIVATE, "GET", "/api/v1/timestamp", NULL, on_absent, job_new(x, o));
    manage_all(x);
}

static void ask(struct agent *a, void *arg)
{
    struct job *j = arg;
    char target[128];
    struct exec_order *o = books_order(&j->x->books, j->cl_ord_id);
    (void)a;
    if (o == NULL) {
        j->x->reads.looking -= j->looks;
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
    struct job *j = job_new(x, o);
    o->asked_ns = agent_now_ns(x->agent);
    j->looks = !x->reads.unfound[o - x->books.orders] && !PLANTED(unheard_holds_nothing_up);
    x->reads.looking += j->looks;
    agent_effect(x->agent, ask, j);
}
