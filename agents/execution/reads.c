/* reads - the venue's own lists as truth, and readiness; see exec.h
 *
 * One read = open orders, untriggered stops, positions.  What the books hold and the lists do not is asked for
 * by itself; what the lists hold and the books do not is compare.c's.  Fills are read on every hint.
 * protect-ready: keys, clock and contracts are good and one read is folded.
 * trade-ready:   the key can move no money, margin and position modes are verified and two reads 2 s apart agreed
 *                with the books; lost when the stream is, or when something is found that is not ours or was not
 *                as it should be.  A read between the two that was overtaken by a fill does not count, and an order
 *                that is being proved absent does not hold it up.
 */
#include <stdio.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/answers.h"
#include "agents/execution/exec.h"

#define PERIOD_NS     (5 * NS_PER_S)
#define SOON_NS       (NS_PER_S / 2)
#define CLOCK_NS      (60 * NS_PER_S)   /* between looks at the venue's clock */
#define FILLS_BACK_NS (60 * NS_PER_S)
#define FILLS_SPAN_NS (6 * NS_PER_DAY)  /* the venue takes 7 days at most */
#define FILLS_PAGE    100
#define FILLS_PAGES   20

void reads_get(struct exec *x, const char *target, venue_done *done)
{
    venue_call(x->venue, VENUE_PRIVATE, "GET", target, NULL, done, x);
}

/* ---- fills ---- */

static void ask_fills(struct exec *x);

static void fills_end(struct exec *x, bool ok)
{
    struct reads *r = &x->reads;
    r->fills_running = false;
    if (ok && fold_fills(x, r->fills)) {
        r->fills_good_ns = r->fills_began_ns;
        if (r->fills_to_ns < r->fills_began_ns) {   /* a long time was missed: the next part of it */
            x->books.fills_ns = r->fills_to_ns;
            exec_keep_fills(x);
            r->fills_wanted = true;
        }
    }
    json_decref(r->fills);
    r->fills = NULL;
    if (r->fills_wanted && ok)
        reads_fills(x);
    reads_consider(x);
    manage_all(x);
}

static void on_fills(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    struct reads *r = &x->reads;
    json_t *items = json_object_get(a->data, "items");
    int64_t pages = 1;
    if (a->outcome != VENUE_OK || !json_is_array(items)) {
        fills_end(x, false);
        return;
    }
    must(json_array_extend(r->fills, items) == 0);
    (void)codec_int(a->data, "totalPage", &pages);
    if (r->fills_page < pages && r->fills_page < FILLS_PAGES) {
        r->fills_page++;
        ask_fills(x);
        return;
    }
    fills_end(x, true);
}

static void ask_fills(struct exec *x)
{
    char target[160];
    struct reads *r = &x->reads;
    int64_t from = x->books.fills_ns != 0 ? x->books.fills_ns : r->fills_began_ns;
    for (int i = 0; i < BOOKS_ORDERS; i++) {        /* an unknown order may have been filled since it was sent */
        const struct exec_order *o = &x->books.orders[i];
        if (o->o.status == STATUS_UNKNOWN && order_live(o) && o->sent_ns < from &&
            o->sent_ns > r->fills_began_ns - FILLS_SPAN_NS / 2)
            from = o->sent_ns;
    }
    from -= FILLS_BACK_NS;
    r->fills_to_ns = r->fills_began_ns + FILLS_BACK_NS;
    if (r->fills_to_ns > from + FILLS_SPAN_NS)
        r->fills_to_ns = from + FILLS_SPAN_NS;
    snprintf(target, sizeof target, "/api/v1/fills?startAt=%lld&endAt=%lld&currentPage=%d&pageSize=%d",
             (long long)(from / NS_PER_MS), (long long)(r->fills_to_ns / NS_PER_MS), r->fills_page, FILLS_PAGE);
    reads_get(x, target, on_fills);
}

void reads_fills(struct exec *x)
{
    struct reads *r = &x->reads;
    r->fills_wanted = r->fills_running;
    if (r->fills_running || x->venue == NULL)
        return;
    r->fills_running = true;
    r->fills_page = 1;
    r->fills_began_ns = agent_now_ns(x->agent);
    r->fills = json_array();
    must(r->fills != NULL);
    ask_fills(x);
}

/* ---- the three lists ---- */

static void ask_missing(struct exec *x)
{
    struct reads *r = &x->reads;
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        struct exec_order *o = &x->books.orders[i];
        if (order_live(o) && o->o.status != STATUS_INTENT && !o->venue_done && o->sent_ns < r->began_ns &&
            r->present[i] != r->generation)
            exec_query(x, o);
    }
}

static void read_done(struct exec *x)
{
    struct reads *r = &x->reads;
    r->running = false;
    if (r->failed) {
        r->clean_ns = 0;
        return;
    }
    agent_degraded_clear(x->agent, "exchange", "CREDENTIALS");
    ask_missing(x);
    r->clean = compare_look(x);
    bool asking = r->looking > 0;   /* decides nothing yet: read again */
    x->first_read = true;
    reads_consider(x);
    if (r->clean && r->clean_ns == 0) {
        r->clean_ns = r->began_ns;
    } else if (r->clean && !asking && !x->trade_ready && r->began_ns - r->clean_ns >= AGREE_NS) {
        x->trade_ready = x->one_way && x->key_good;
        for (size_t i = 0; i < x->n_symbols; i++)
            x->trade_ready &= x->symbols[i].isolated || !x->symbols[i].known;
        if (x->trade_ready) {
            log_info("trade.ready", LOG_NONE);
            agent_detail(x->agent, "");
            agent_degraded_clear(x->agent, "exchange", "DISTRUST");
            tell_account(x);
        }
    }
    manage_all(x);
    if (r->dirty)
        reads_begin(x);         /* something changed while the lists were on their way */
    else
        r->dirty = asking && !x->trade_ready;
}

static void list_done(struct exec *x, bool ok)
{
    x->reads.failed += !ok;
    if (--x->reads.pending == 0)
        read_done(x);
}

static void on_orders(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    const json_t *items = json_object_get(a->data, "items");
    int64_t pages = 1;
    (void)codec_int(a->data, "totalPage", &pages);
    bool ok = a->outcome == VENUE_OK && json_is_array(items) && pages <= 1;     /* else more rest than can be ours */
    if (answer_proof(a->outcome, a->status, a->code) == PROOF_KEY)
        setup_key_refused(x, "exchange", "CREDENTIALS", a->msg);
    for (size_t i = 0; ok && i < json_array_size(items); i++) {
        const json_t *v = json_array_get(items, i);
        const struct exec_order *o = fold_order(x, NULL, v);
        if (o != NULL)
            x->reads.present[o - x->books.orders] = x->reads.generation;
        if (o == NULL || !order_live(o))
            compare_order(x, v);
    }
    list_done(x, ok);
}

static void on_positions(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    bool ok = (a->outcome == VENUE_OK && json_is_array(a->data)) || PLANTED(unread_list_is_empty);
    const char *name = "";
    int64_t qty;
    for (size_t i = 0; ok && i < json_array_size(a->data); i++)     /* what cannot be read is never "nothing" */
        ok = codec_text(json_array_get(a->data, i), "symbol", &name) == ERR_OK &&
             codec_int(json_array_get(a->data, i), "currentQty", &qty) == ERR_OK;
    for (size_t i = 0; ok && i < x->n_symbols; i++) {
        x->symbols[i].venue_qty = 0;
        x->symbols[i].margin_now = DIFF_NONE;
    }
    for (size_t i = 0; ok && i < json_array_size(a->data); i++) {
        const json_t *v = json_array_get(a->data, i);
        (void)codec_text(v, "symbol", &name);
        (void)codec_int(v, "currentQty", &qty);
        struct symbol *s = exec_symbol(x, name);
        compare_position(x, s, name, qty, v);
        if (s == NULL)
            continue;
        s->venue_qty = qty;
        (void)codec_dec(v, "markPrice", &s->venue_px);
    }
    for (size_t i = 0; ok && i < x->n_symbols; i++)
        compare_saw_held(x, &x->symbols[i], x->symbols[i].venue_qty);
    list_done(x, ok);
}

void reads_begin(struct exec *x)
{
    struct reads *r = &x->reads;
    r->dirty = r->running;
    if (r->running || x->venue == NULL)
        return;
    r->running = true;
    r->hurry = false;
    r->pending = 3;
    r->failed = 0;
    r->generation++;
    r->began_ns = agent_now_ns(x->agent);
    reads_get(x, "/api/v1/orders?status=active&pageSize=1000", on_orders);
    reads_get(x, "/api/v1/stopOrders?pageSize=1000", on_orders);
    reads_get(x, "/api/v1/positions", on_positions);
}

/* From one read to the next. */
static int64_t period_ns(const struct exec *x)
{
    const struct reads *r = &x->reads;
    int64_t rest = r->clean_ns + AGREE_NS - r->began_ns;    /* until a read can agree with the first one */
    if (x->trade_ready)
        return r->clean ? PERIOD_NS : AGREE_NS;
    return r->clean && rest > SOON_NS ? rest : SOON_NS;
}

void reads_timer(void *arg)
{
    struct exec *x = arg;
    struct reads *r = &x->reads;
    int64_t period = period_ns(x);
    int64_t now = agent_now_ns(x->agent), since = now - r->began_ns;
    if (r->hurry && period > NS_PER_S)
        period = NS_PER_S;
    if (x->venue == NULL)
        return;
    if (!x->clock_ok || now - r->clock_ns >= CLOCK_NS) {
        r->clock_ns = now;
        setup_clock(x);
        if (x->trade_ready)
            setup_modes(x, true);       /* somebody may have changed them at the venue */
    }
    if (x->key_good && now - x->key_ns >= agent_scaled_ms(x->agent, KEY_CHECK_MS) * NS_PER_MS)
        setup_key(x);
    if (r->fills_again_ns != 0 && now >= r->fills_again_ns) {
        r->fills_again_ns = 0;
        reads_fills(x);
    }
    if (r->running)
        return;
    if (!x->contracts_ok)
        setup_contracts(x);
    if (r->dirty || since >= agent_scaled_ms(x->agent, period / NS_PER_MS) * NS_PER_MS) {
        reads_begin(x);
        if (x->first_read && !x->trade_ready)
            setup_modes(x, false);
    }
}

/* ---- readiness ---- */

void reads_consider(struct exec *x)
{
    if (x->protect_ready || !x->keys_ok || !x->clock_ok || !x->contracts_ok || !x->first_read)
        return;
    x->protect_ready = true;
    log_info("protect.ready", LOG_NONE);
    agent_detail(x->agent, "protecting; entries wait for two agreeing reads");
    setup_modes(x, false);
    setup_account(x);           /* others compare positions with what we say of them */
    if (x->warming)
        agent_ready(x->agent);
}

void reads_distrust(struct exec *x)
{
    x->reads.clean_ns = 0;
    if (!x->trade_ready)
        return;
    x->trade_ready = false;
    log_warn("trade.not_ready", LOG_S("action", "no entries until two reads agree"));
    agent_degraded(x->agent, SEVERITY_HIGH, "exchange", "DISTRUST",
                   "orders or positions are not as the books say; no entries until two reads agree");
    agent_detail(x->agent, "protecting; entries wait for two agreeing reads");
    tell_account(x);
}
