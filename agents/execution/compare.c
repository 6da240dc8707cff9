/* compare - what the venue holds against the books: one table of differences; see exec.h
 *
 * A single read proves nothing: a list may be older than a fill, or lack a row.  What two reads AGREE_NS apart show
 * is a difference, unless of a position fills that are read after them explain it; the table says what becomes of
 * it.  While there is one, nothing is entered.
 * A stop goes only when its symbol is proved flat: two such reads, and one of that symbol alone after them.
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

enum remedy {
    LEAVE,          /* somebody else's, or a setting: said, and left alone */
    CANCEL,         /* the order */
    TAKE_OVER,      /* the venue's position, by a fill of our own making */
    RESTORE,        /* the setting */
    CLOSE           /* the position */
};

static const struct rule {
    enum remedy remedy;
    const char *code, *event, *text;    /* of the degradation; NULL: none, of the log; what is seen, and what to do */
} rules[DIFF_COUNT] = {
    [DIFF_FORGOTTEN_ENTRY] = {CANCEL, NULL, "order.orphaned", "an entry of ours that the books do not know"},
    [DIFF_ORPHANED_CLOSE]  = {CANCEL, NULL, "order.orphaned", "it can only close, and there is nothing to close"},
    [DIFF_FOREIGN_ORDER]   = {LEAVE, "FOREIGN_ORDER", "order.foreign",
                              "an order that is not ours; end it at the venue"},
    [DIFF_FOREIGN_SYMBOL]  = {LEAVE, "FOREIGN_ORDER", "position.foreign",
                              "a position in a symbol that is not configured; close it at the venue"},
    [DIFF_HELD_MORE]       = {LEAVE, "FOREIGN_POSITION", "position.foreign",
                              "more is held than the books say; close what is not ours at the venue"},
    [DIFF_HELD_LESS]       = {TAKE_OVER, NULL, "position.differs", "less is held than the books say"},
    [DIFF_MARGIN_MODE]     = {RESTORE, "MARGIN_MODE", "margin_mode.changed", "the margin mode is not isolated"},
    [DIFF_LEVERAGE]        = {LEAVE, "LEVERAGE", "leverage.changed",
                              "the position's margin is not what was approved; set it right at the venue"},
    [DIFF_LIQUIDATION]     = {CLOSE, "LIQUIDATION", "stop.useless", "the position is liquidated before its stop"},
};

/* Two reads agree on it. */
static bool agreed(const struct exec *x, struct difference_seen *d, enum difference what, int64_t detail)
{
    int64_t began = x->reads.began_ns;
    if (d->what != what || d->detail != detail)
        *d = (struct difference_seen){.what = what, .detail = detail, .since_ns = began};
    return what != DIFF_NONE && (began - d->since_ns >= AGREE_NS || PLANTED(one_read_is_believed));
}

/* ---- proved flat ---- */

static bool holds(int64_t qty, int i)       /* i: of symbol.none */
{
    return i == 0 ? qty > 0 : qty < 0;
}

void compare_saw_held(struct exec *x, struct symbol *s, int64_t qty)
{
    for (int i = 0; i < 2; i++)
        if (holds(qty, i))
            s->none[i] = (struct nothing_held){.since_ns = 0};
        else if (s->none[i].since_ns == 0)
            s->none[i].since_ns = x->reads.began_ns;
}

static void on_single(void *arg, const struct venue_answer *a)
{
    struct symbol *s = arg;
    int64_t qty;
    s->none_asked = false;
    if (a->outcome != VENUE_OK || codec_int(a->data, "currentQty", &qty) < 0)
        return;
    for (int i = 0; i < 2; i++) {
        if (holds(qty, i))
            s->none[i].since_ns = 0;
        s->none[i].proved_ns = s->none[i].since_ns;
    }
    manage_all(s->x);
}

bool compare_flat(struct exec *x, struct symbol *s, int side)
{
    bool proved = true, agreed = true;
    char target[64];
    if (PLANTED(one_read_is_believed))
        return s->venue_qty == 0;
    for (int i = side < 0; i < (side > 0 ? 1 : 2); i++) {
        const struct nothing_held *n = &s->none[i];
        proved &= n->since_ns != 0 && n->proved_ns == n->since_ns;
        agreed &= n->since_ns != 0 && x->reads.began_ns - n->since_ns >= AGREE_NS;
    }
    if (proved)
        return true;
    x->reads.hurry = true;
    if (agreed && !x->reads.running && !s->none_asked) {
        s->none_asked = true;
        snprintf(target, sizeof target, "/api/v1/position?symbol=%s", s->name);
        venue_call(x->venue, VENUE_PRIVATE, "GET", target, NULL, on_single, s);
    }
    return false;
}

/* ---- what is met ---- */

static struct stranger *meet(struct exec *x, const char *id, const char *symbol)
{
    struct stranger *n = NULL;
    for (size_t i = 0; i < x->n_strangers && n == NULL; i++)
        if (strcmp(x->strangers[i].id, id) == 0 && strcmp(x->strangers[i].symbol, symbol) == 0)
            n = &x->strangers[i];
    if (n == NULL && x->n_strangers < EXEC_STRANGERS) {
        n = &x->strangers[x->n_strangers++];
        *n = (struct stranger){.symbol = ""};
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

/* The margin behind a position, against what was approved; what the venue does not tell is not compared. */
static enum difference margin_difference(const struct trade *t, const json_t *v)
{
    const char *mode = "ISOLATED";
    dec_t cost, init, cross, liquidation;
    (void)codec_text(v, "marginMode", &mode);
    if (strcmp(mode, "ISOLATED") != 0)
        return DIFF_MARGIN_MODE;
    if (t == NULL || t->pnl.qty == 0)
        return DIFF_NONE;
    if (codec_dec(v, "liquidationPrice", &liquidation) == ERR_OK && dec_sign(liquidation) > 0 &&
        (t->pnl.side > 0 ? dec_ge(liquidation, t->told_stop) : dec_le(liquidation, t->told_stop)))
        return DIFF_LIQUIDATION;
    if (codec_dec(v, "posCost", &cost) < 0 || codec_dec(v, "posInit", &init) < 0 ||
        codec_dec(v, "posCross", &cross) < 0)
        return DIFF_NONE;
    const dec_t wanted = dec_abs(cost), is = dec_mul(dec_add(init, cross), dec_int(t->p.leverage));
    return dec_lt(is, dec_mul(wanted, dec_scaled(95, -2))) || dec_gt(is, dec_mul(wanted, dec_scaled(105, -2)))
        ? DIFF_LEVERAGE : DIFF_NONE;
}

void compare_position(struct exec *x, struct symbol *s, const char *symbol, int64_t qty, const json_t *v)
{
    if (s != NULL)
        s->margin_now = qty != 0 ? margin_difference(books_trade(&x->books, symbol), v) : DIFF_NONE;
    else if (qty != 0)
        (void)meet(x, "", symbol);
}

/* ---- remedies ---- */

static void on_cancelled(void *arg, const struct venue_answer *a)
{
    (void)a;
    reads_begin(arg);           /* the next list tells */
}

static void cancel(struct exec *x, const char *id)
{
    char target[96];
    snprintf(target, sizeof target, "/api/v1/orders/%.40s", id);
    venue_call(x->venue, VENUE_RESCUE, "DELETE", target, NULL, on_cancelled, x);
}

/* What two reads showed of a symbol: said once, and dealt with.  id: of an order. */
static void remedy(struct exec *x, struct difference_seen *d, struct symbol *s, const char *symbol, const char *id)
{
    const struct rule *r = &rules[d->what];
    struct trade *t = books_trade(&x->books, symbol);
    char text[240];
    if (!d->said) {
        x->foreign += r->remedy == LEAVE;
        log_error(r->event, LOG_S("symbol", symbol), LOG_S("order_id", id), LOG_S("seen", r->text),
                  LOG_I("lots", d->detail), LOG_S("action", "no entries while it is so"));
        d->said = true;
    }
    if (r->code != NULL) {
        snprintf(text, sizeof text, "%.24s %.40s: %.110s; no entries until then", symbol, id, r->text);
        agent_degraded(x->agent, SEVERITY_CRITICAL, "exchange", r->code, text);
    }
    switch (r->remedy) {
    case CANCEL:                /* what can only be ours does not shake the rest */
        if (d->what == DIFF_FORGOTTEN_ENTRY || t != NULL || compare_flat(x, s, 0))
            cancel(x, id);
        return;
    case TAKE_OVER:             /* all of it gone: only when the symbol alone says so too */
        if (s->venue_qty * t->pnl.side > 0 || compare_flat(x, s, t->pnl.side))
            fold_correction(x, s);
        break;
    case RESTORE:
        s->isolated = false;
        setup_modes(x, false);
        break;
    case CLOSE:     manage_close(x, t, EXIT_EMERGENCY, true); break;
    case LEAVE:     break;
    }
    reads_distrust(x);
}

/* ---- the look ---- */

static enum difference stranger_difference(struct exec *x, const struct stranger *n)
{
    const struct symbol *s = exec_symbol(x, n->symbol);
    const struct trade *t = books_trade(&x->books, n->symbol);
    if (*n->id == '\0')
        return DIFF_FOREIGN_SYMBOL;
    if (n->entry)
        return DIFF_FORGOTTEN_ENTRY;
    /* What closes may protect, unless nothing is held or ours does. */
    bool needless = s != NULL && (t != NULL ? books_stop(&x->books, t) != NULL : s->venue_qty == 0);
    return n->closes && needless ? DIFF_ORPHANED_CLOSE : DIFF_FOREIGN_ORDER;
}

static enum difference held_difference(struct exec *x, const struct symbol *s, int64_t *ret_lots)
{
    const struct trade *t = books_trade(&x->books, s->name);
    int64_t held = t != NULL ? t->pnl.qty * t->pnl.side : 0;
    *ret_lots = s->venue_qty - held;
    if (*ret_lots == 0)
        return DIFF_NONE;
    reads_fills(x);             /* they may explain it */
    return held != 0 && s->venue_qty * t->pnl.side < llabs(held) ? DIFF_HELD_LESS : DIFF_HELD_MORE;
}

static void look_at_strangers(struct exec *x, bool raised[DIFF_COUNT])
{
    size_t kept = 0;
    for (size_t i = 0; i < x->n_strangers; i++)
        if (x->strangers[i].generation == x->reads.generation)
            x->strangers[kept++] = x->strangers[i];
    x->n_strangers = kept;
    for (size_t i = 0; i < kept; i++) {
        struct stranger *n = &x->strangers[i];
        enum difference what = stranger_difference(x, n);
        if (!agreed(x, &n->seen, what, 0))
            continue;
        raised[what] = true;
        remedy(x, &n->seen, exec_symbol(x, n->symbol), n->symbol, n->id);
    }
}

static bool look_at_symbol(struct exec *x, struct symbol *s, bool raised[DIFF_COUNT])
{
    int64_t lots;
    enum difference what = held_difference(x, s, &lots), margin = s->margin_now;
    if (agreed(x, &s->held, what, lots)) {
        s->held.agreed_ns = s->held.agreed_ns != 0 ? s->held.agreed_ns : agent_now_ns(x->agent);
        if (x->reads.fills_good_ns < s->held.agreed_ns && !PLANTED(one_read_is_believed)) {
            reads_distrust(x);  /* a fill that is not read yet may explain it */
        } else {
            raised[what] = true;
            remedy(x, &s->held, s, s->name, "");
        }
    }
    if (agreed(x, &s->margin, margin, 0)) {
        raised[margin] = true;
        remedy(x, &s->margin, s, s->name, "");
    }
    return what == DIFF_NONE && margin == DIFF_NONE;
}

bool compare_look(struct exec *x)
{
    bool raised[DIFF_COUNT] = {false}, clean = true;
    look_at_strangers(x, raised);
    for (size_t i = 0; i < x->n_symbols; i++)
        clean &= look_at_symbol(x, &x->symbols[i], raised);
    for (int i = 0; i < DIFF_COUNT; i++) {      /* two rows may have one code */
        bool on = false;
        for (int k = 0; k < DIFF_COUNT && rules[i].code != NULL; k++)
            on |= raised[k] && rules[k].code != NULL && strcmp(rules[i].code, rules[k].code) == 0;
        if (rules[i].code != NULL && !on)
            agent_degraded_clear(x->agent, "exchange", rules[i].code);
    }
    return clean && x->n_strangers == 0;
}
