/* compare - what the venue holds and the books do not; see exec.h
 *
 * A single read proves nothing: a list may be older than a fill.  What two reads AGREE_NS apart show is
 * believed, and then:
 *   the venue holds less than the books     its position is taken over by a fill of our own making
 *   it holds more, or in another symbol     foreign: said, never traded away; no entries while it is there
 *   an entry of ours that the books forgot  cancelled
 *   an order that can only close, flat      cancelled: it would close the next position
 *   any other order                         foreign, likewise
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/exec.h"

/* ---- what is met ---- */

static struct stranger *meet(struct exec *x, const char *id, const char *symbol)
{
    struct stranger *n = NULL;
    for (size_t i = 0; i < x->n_strangers && n == NULL; i++)
        if (strcmp(x->strangers[i].id, id) == 0 && strcmp(x->strangers[i].symbol, symbol) == 0)
            n = &x->strangers[i];
    if (n == NULL && x->n_strangers < EXEC_STRANGERS) {
        n = &x->strangers[x->n_strangers++];
        *n = (struct stranger){.since_ns = x->reads.began_ns};
        TEXT_COPY(n->id, id);
        TEXT_COPY(n->symbol, symbol);
    }
    if (n != NULL)              /* more than we can note are as bad as those we did */
        n->generation = x->reads.generation;
    return n;
}

void compare_order(struct exec *x, const json_t *v)
{
    const char *id = "?", *symbol = "", *oid = "";
    bool whole = false, reduces = false;
    uint8_t approval[16];
    enum leg leg = LEG_COUNT;
    int number;
    (void)codec_text(v, "id", &id);
    (void)codec_text(v, "symbol", &symbol);
    (void)codec_text(v, "clientOid", &oid);
    (void)codec_bool(v, "closeOrder", &whole);
    (void)codec_bool(v, "reduceOnly", &reduces);
    bool ours = token_cl_ord_parse(oid, approval, &leg, &number) == ERR_OK;
    struct stranger *n = meet(x, id, symbol);
    if (n == NULL)
        return;
    n->entry = ours && leg == LEG_ENTRY;
    n->closes = (whole || reduces) && (ours || *oid == '\0');
}

void compare_position(struct exec *x, const char *symbol, int64_t qty)
{
    if (qty != 0)
        (void)meet(x, "", symbol);
}

/* ---- orders ---- */

static void on_cancelled(void *arg, const struct venue_answer *a)
{
    (void)a;
    reads_begin(arg);           /* the next list tells */
}

static void cancel(struct exec *x, const struct stranger *n)
{
    char target[96];
    log_warn("order.orphaned", LOG_S("symbol", n->symbol), LOG_S("order_id", n->id), LOG_S("action", "cancelled"));
    snprintf(target, sizeof target, "/api/v1/orders/%.40s", n->id);
    venue_call(x->venue, VENUE_RESCUE, "DELETE", target, NULL, on_cancelled, x);
}

/* Nothing that it might protect: the symbol is flat, or another stop of ours rests. */
static bool needless(struct exec *x, const struct stranger *n)
{
    const struct symbol *s = exec_symbol(x, n->symbol);
    const struct trade *t = books_trade(&x->books, n->symbol);
    return n->closes && s != NULL && (t != NULL ? books_stop(&x->books, t) != NULL : s->venue_qty == 0);
}

static bool look_at_strangers(struct exec *x)
{
    const struct stranger *foreign = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < x->n_strangers; i++)
        if (x->strangers[i].generation == x->reads.generation)
            x->strangers[kept++] = x->strangers[i];
    x->n_strangers = kept;
    for (size_t i = 0; i < kept; i++) {
        const struct stranger *n = &x->strangers[i];
        if (x->reads.began_ns - n->since_ns < AGREE_NS)
            continue;
        if (n->entry || needless(x, n))
            cancel(x, n);
        else
            foreign = n;
    }
    if (foreign == NULL) {
        agent_degraded_clear(x->agent, "exchange", "FOREIGN_ORDER");
        return kept == 0;
    }
    char text[160];
    snprintf(text, sizeof text, "%.24s: %s%.40s is not ours; no entries while it is there; end it at the venue",
             foreign->symbol, *foreign->id != '\0' ? "order " : "a position", foreign->id);
    agent_degraded(x->agent, SEVERITY_CRITICAL, "exchange", "FOREIGN_ORDER", text);
    reads_distrust(x);
    return false;
}

/* ---- positions of configured symbols ---- */

static void say_foreign(struct exec *x, struct symbol *s, int64_t held)
{
    char text[160];
    if (!s->foreign) {
        x->foreign++;
        log_error("position.foreign", LOG_S("symbol", s->name), LOG_I("venue", s->venue_qty), LOG_I("books", held),
                  LOG_S("action", "left alone; no entries while it is there"));
    }
    s->foreign = true;
    snprintf(text, sizeof text, "%s: the venue holds %lld lots, the books %lld; no entries while it is so; close what "
             "is not ours at the venue", s->name, (long long)s->venue_qty, (long long)held);
    agent_degraded(x->agent, SEVERITY_CRITICAL, "exchange", "FOREIGN_POSITION", text);
    reads_distrust(x);
}

static bool look_at_position(struct exec *x, struct symbol *s)
{
    const struct trade *t = books_trade(&x->books, s->name);
    int64_t held = t != NULL ? t->pnl.qty * t->pnl.side : 0, now = agent_now_ns(x->agent);
    if (held == s->venue_qty) {
        s->differs_ns = 0;
        s->foreign = false;
        return true;
    }
    reads_fills(x);             /* they may explain it */
    if ((s->differs_ns == 0 || s->differs_qty != s->venue_qty - held) && !PLANTED(one_read_is_believed)) {
        s->differs_ns = now;
        s->differs_qty = s->venue_qty - held;
    } else if (now - s->differs_ns >= AGREE_NS || PLANTED(one_read_is_believed)) {
        if (held != 0 && s->venue_qty * t->pnl.side < llabs(held))
            fold_correction(x, s);
        else
            say_foreign(x, s, held);
    }
    return false;
}

bool compare_look(struct exec *x)
{
    bool clean = look_at_strangers(x), foreign = false;
    for (size_t i = 0; i < x->n_symbols; i++) {
        clean &= look_at_position(x, &x->symbols[i]);
        foreign |= x->symbols[i].foreign;
    }
    if (!foreign)
        agent_degraded_clear(x->agent, "exchange", "FOREIGN_POSITION");
    return clean;
}
