/* books - see books.h */
#include <string.h>

#include "proto/err.h"
#include "proto/hash.h"
#include "proto/text.h"

#include "agents/execution/books.h"

#define TO(s) (1 + STATUS_##s)      /* 0: cannot be */

static const uint8_t next_status[STATUS_COUNT][EV_COUNT] = {
    [STATUS_INTENT] = {
        [EV_ACKED] = TO(NEW), [EV_REFUSED] = TO(REJECTED), [EV_NOT_SENT] = TO(DEAD), [EV_LOST] = TO(UNKNOWN),
        [EV_FILL] = TO(PARTIAL), [EV_FULL] = TO(FILLED), [EV_CANCELLED] = TO(CANCELLED), [EV_EXPIRED] = TO(EXPIRED) },
    [STATUS_UNKNOWN] = {
        [EV_ACKED] = TO(NEW), [EV_ABSENT] = TO(DEAD), [EV_LOST] = TO(UNKNOWN), [EV_FILL] = TO(PARTIAL),
        [EV_FULL] = TO(FILLED), [EV_CANCELLED] = TO(CANCELLED), [EV_EXPIRED] = TO(EXPIRED) },
    [STATUS_NEW] = {
        [EV_ACKED] = TO(NEW), [EV_FILL] = TO(PARTIAL), [EV_FULL] = TO(FILLED),
        [EV_CANCELLED] = TO(CANCELLED), [EV_EXPIRED] = TO(EXPIRED) },
    [STATUS_PARTIAL] = {
        [EV_ACKED] = TO(PARTIAL), [EV_FILL] = TO(PARTIAL), [EV_FULL] = TO(FILLED),
        [EV_CANCELLED] = TO(CANCELLED), [EV_EXPIRED] = TO(EXPIRED) },
    /* Ended; what was done before the end may still be told. */
    [STATUS_FILLED]    = { [EV_FILL] = TO(FILLED),    [EV_FULL] = TO(FILLED) },
    [STATUS_CANCELLED] = { [EV_FILL] = TO(CANCELLED), [EV_FULL] = TO(FILLED) },
    [STATUS_EXPIRED]   = { [EV_FILL] = TO(EXPIRED),   [EV_FULL] = TO(FILLED) },
    [STATUS_REJECTED]  = { [EV_FILL] = TO(PARTIAL),   [EV_FULL] = TO(FILLED), [EV_ACKED] = TO(NEW) },
    [STATUS_DEAD]      = { [EV_FILL] = TO(PARTIAL),   [EV_FULL] = TO(FILLED), [EV_ACKED] = TO(NEW) },
};

int order_next(enum ord_status status, enum order_event event, enum ord_status *ret)
{
    must(status < STATUS_COUNT && event < EV_COUNT);
    uint8_t next = next_status[status][event];
    if (next == 0)
        return ERR_WRONG_STATE;
    *ret = (enum ord_status)(next - 1);
    return ERR_OK;
}

void books_init(struct books *b)
{
    memset(b, 0, sizeof *b);
    b->version = BOOKS_VERSION;
    b->size = sizeof *b;
}

int books_restore(struct books *b, const void *bytes, size_t len)
{
    struct { uint32_t version, size; } head;        /* the bytes lie anywhere in a record */
    if (len != sizeof *b)
        return ERR_TRUNCATED;
    memcpy(&head, bytes, sizeof head);
    if (head.version != BOOKS_VERSION || head.size != sizeof *b)
        return ERR_VERSION;
    memcpy(b, bytes, sizeof *b);
    return ERR_OK;
}

bool order_resting(const struct exec_order *o)
{
    return (o->o.status == STATUS_NEW || o->o.status == STATUS_PARTIAL) && !o->venue_done;
}

bool order_live(const struct exec_order *o)
{
    enum ord_status s = o->o.status;
    return o->o.cl_ord_id[0] != '\0' && (s == STATUS_INTENT || s == STATUS_UNKNOWN || s == STATUS_NEW ||
                                         s == STATUS_PARTIAL);
}

/* How much an order is still needed: 0 free, 1 of a trade that is over, 2 an ended leg of a living one, 3 needed. */
static int order_needed(struct books *b, const struct exec_order *o)
{
    if (o->o.cl_ord_id[0] == '\0')
        return 0;
    struct trade *t = books_trade(b, o->o.symbol);
    bool living = t != NULL && strcmp(t->approval_id, o->o.approval_id) == 0;
    return order_live(o) || (living && o->o.leg == LEG_ENTRY) ? 3 : living ? 2 : 1;
}

struct exec_order *books_order_new(struct books *b)
{
    struct exec_order *old = NULL;
    int least = 3;
    for (int i = 0; i < BOOKS_ORDERS && least > 0; i++) {
        struct exec_order *o = &b->orders[i];
        int needed = order_needed(b, o);
        if (needed < least || (needed == least && old != NULL && o->sent_ns < old->sent_ns)) {
            least = needed;
            old = o;
        }
    }
    if (old != NULL) {
        memset(old, 0, sizeof *old);
        old->venue_cum = -1;
    }
    return old;
}

struct exec_order *books_order(struct books *b, const char *cl_ord_id)
{
    for (int i = 0; i < BOOKS_ORDERS && *cl_ord_id != '\0'; i++)
        if (strcmp(b->orders[i].o.cl_ord_id, cl_ord_id) == 0)
            return &b->orders[i];
    return NULL;
}

struct exec_order *books_order_by_id(struct books *b, const char *order_id)
{
    for (int i = 0; i < BOOKS_ORDERS && *order_id != '\0'; i++)
        if (strcmp(b->orders[i].o.order_id, order_id) == 0)
            return &b->orders[i];
    return NULL;
}

struct trade *books_trade(struct books *b, const char *symbol)
{
    for (int i = 0; i < BOOKS_TRADES && *symbol != '\0'; i++)
        if (strcmp(b->trades[i].p.symbol, symbol) == 0)
            return &b->trades[i];
    return NULL;
}

struct trade *books_trade_new(struct books *b)
{
    for (int i = 0; i < BOOKS_TRADES; i++)
        if (b->trades[i].p.symbol[0] == '\0') {
            memset(&b->trades[i], 0, sizeof b->trades[i]);
            return &b->trades[i];
        }
    return NULL;
}

int books_event(struct exec_order *o, enum order_event event)
{
    enum ord_status next;
    int err = order_next(o->o.status, event, &next);
    if (err == ERR_OK)
        o->o.status = next;
    return err;
}

/* ---- fills ---- */

uint64_t books_key(const char *kind, const char *id, const char *of)
{
    char text[160];
    uint8_t hash[16];
    uint64_t key;
    size_t n = 0;
    const char *parts[] = {kind, id, of};
    for (int i = 0; i < 3; i++) {
        size_t len = strlen(parts[i]) + 1;
        must(n + len <= sizeof text);
        memcpy(text + n, parts[i], len);
        n += len;
    }
    hash128(text, n, hash);
    memcpy(&key, hash, sizeof key);
    return key != 0 ? key : 1;
}

bool books_seen(const struct books *b, uint64_t key)
{
    for (int i = 0; i < BOOKS_SEEN; i++)
        if (b->seen[i] == key)
            return true;
    return false;
}

void books_see(struct books *b, uint64_t key)
{
    b->seen[b->seen_next] = key;
    b->seen_next = (b->seen_next + 1) % BOOKS_SEEN;
}

int books_fill(struct trade *t, struct exec_order *o, const struct fill_said *f)
{
    struct pnl p = t->pnl;
    if (o->o.leg == LEG_ENTRY && p.qty == 0)
        p.side = 0;             /* open again; sums go on */
    int err = pnl_fill(&p, f->side, f->qty, f->price, f->fee, f->multiplier);
    if (err < 0)
        return err;
    t->pnl = p;
    o->o.cum_qty += f->qty;
    o->qty_price = dec_add(o->qty_price, dec_mul(dec_int(f->qty), f->price));
    o->o.avg_px = dec_quo(o->qty_price, dec_int(o->o.cum_qty));
    bool full = o->o.qty > 0 ? o->o.cum_qty >= o->o.qty : p.qty == 0;
    (void)books_event(o, full ? EV_FULL : EV_FILL);
    trade_refresh(t);
    return ERR_OK;
}

void trade_refresh(struct trade *t)
{
    struct sub_position *p = &t->p;
    const struct pnl *n = &t->pnl;
    p->version++;
    p->qty = n->qty;
    p->max_qty = n->entered_qty;
    p->multiplier = n->multiplier;
    p->entry_px = n->entry_px;
    p->exit_px = pnl_exit_px(n);
    p->gross_pnl = n->gross;
    p->fees = n->fees;
    p->funding = n->funding;
    p->net_pnl = pnl_net(n);
    dec_t off = dec_sub(p->entry_px, p->decision_px);
    dec_t units = dec_mul(dec_int(n->entered_qty), n->multiplier);
    p->slippage = dec_mul(n->side < 0 ? dec_neg(off) : off, units);
    if (p->leverage > 0)
        p->margin = dec_quo(dec_mul(dec_mul(dec_int(n->qty), n->multiplier), p->entry_px), dec_int(p->leverage));
}

/* ---- the orders of a trade ---- */

static bool of_trade(const struct exec_order *o, const struct trade *t)
{
    return o->o.cl_ord_id[0] != '\0' && strcmp(o->o.approval_id, t->approval_id) == 0;
}

/* Numbers grow: the longer text, else the later in order. */
static bool newer(const struct exec_order *a, const struct exec_order *b)
{
    size_t n = strlen(a->o.cl_ord_id), m = strlen(b->o.cl_ord_id);
    return n != m ? n > m : strcmp(a->o.cl_ord_id, b->o.cl_ord_id) > 0;
}

struct exec_order *books_stop(struct books *b, const struct trade *t)
{
    struct exec_order *best = NULL;
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        struct exec_order *o = &b->orders[i];
        if (of_trade(o, t) && o->o.leg == LEG_STOP && order_resting(o) &&
            (best == NULL || newer(o, best)))
            best = o;
    }
    return best;
}

struct exec_order *books_leg(struct books *b, const struct trade *t, enum leg leg)
{
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        struct exec_order *o = &b->orders[i];
        if (of_trade(o, t) && order_live(o) && (leg == LEG_COUNT ? o->o.leg != LEG_ENTRY : o->o.leg == leg))
            return o;
    }
    return NULL;
}
