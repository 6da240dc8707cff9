/* books - see books.h */
#include <string.h>

#include "proto/err.h"
#include "proto/text.h"

#include "agents/risk/books.h"

void books_init(struct books *b, int64_t bar_ns, int symbols)
{
    memset(b, 0, sizeof *b);
    b->version = BOOKS_VERSION;
    b->size = sizeof *b;
    healing_init(&b->healing, bar_ns, symbols);
}

int books_restore(struct books *b, const void *bytes, size_t len)
{
    uint32_t head[2];
    if (len != sizeof *b)
        return len < sizeof head ? ERR_TRUNCATED : ERR_VERSION;
    memcpy(head, bytes, sizeof head);
    if (head[0] != BOOKS_VERSION || head[1] != sizeof *b)
        return ERR_VERSION;
    const struct healing fresh = b->healing;
    memcpy(b, bytes, sizeof *b);
    if (b->healing.bar_ns != fresh.bar_ns || b->healing.symbols != fresh.symbols)
        b->healing = fresh;
    return ERR_OK;
}

/* ---- rows ---- */

/* A position adopted from the venue has no signal: then the symbol alone tells it. */
static bool is_row(const struct exposure *r, const char *signal_id, const char *symbol)
{
    return strcmp(r->signal_id, signal_id) == 0 && (*signal_id != '\0' || strcmp(r->symbol, symbol) == 0);
}

static struct exposure *row_find(struct books *b, const char *signal_id, const char *symbol)
{
    for (int i = 0; i < b->rows_n; i++)
        if (is_row(&b->rows[i], signal_id, symbol))
            return &b->rows[i];
    return NULL;
}

/* NULL: no place.  The hash then differs, and entries are refused. */
static struct exposure *row_add(struct books *b, const char *signal_id, const char *symbol, int side)
{
    if (b->rows_n == BOOKS_ROWS)
        return NULL;
    struct exposure *r = &b->rows[b->rows_n++];
    memset(r, 0, sizeof *r);
    TEXT_COPY(r->signal_id, signal_id);
    TEXT_COPY(r->symbol, symbol);
    r->side = side;
    return r;
}

static void row_remove(struct books *b, struct exposure *r)
{
    *r = b->rows[--b->rows_n];
}

static bool is_closed(const struct books *b, const char *signal_id)
{
    for (int i = 0; i < BOOKS_CLOSED; i++)
        if (*signal_id != '\0' && strcmp(b->closed[i], signal_id) == 0)
            return true;
    return false;
}

static int side_of(enum side side)
{
    return side == SIDE_BUY ? 1 : -1;
}

/* ---- facts ---- */

static void try_reset_day(struct books *b, const struct risk_limits *l)
{
    if (b->acknowledged && b->day.stopped && dec_le(risk_day_loss(&b->day), l->max_daily_drawdown))
        risk_day_reset(&b->day);
}

enum risk_event books_account(struct books *b, const struct risk_limits *l,
                              const struct msg_account_updated *m)
{
    b->account = *m;
    b->account_known = 1;
    enum risk_event ev = risk_day_update(&b->day, l, m->market_ns, m->equity);
    if (ev == RISK_STOP)
        b->acknowledged = 0;
    try_reset_day(b, l);
    if (dec_sign(m->equity) > 0)
        healing_margin(&b->healing, m->market_ns,
                       dec_to_double(dec_quo(dec_add(m->order_margin, m->position_margin), m->equity)));
    return ev;
}

void books_order(struct books *b, enum order_fact fact, const struct sub_order *o, uint64_t seq)
{
    if (fact == ORDER_FILL && seq > b->fill_basis)
        b->fill_basis = seq;
    struct exposure *r = row_find(b, o->signal_id, o->symbol);
    if (r == NULL || o->leg != LEG_ENTRY)
        return;
    r->order_seen = 1;
    bool filled = fact == ORDER_FILL && (o->status == STATUS_FILLED || (o->qty > 0 && o->cum_qty >= o->qty));
    if (fact != ORDER_ENDED && !filled)
        return;
    r->expires_ns = 0;          /* the entry is over */
    if (r->open)
        r->reserved = 0;
    else if (o->cum_qty == 0)
        row_remove(b, r);       /* filled but not told as open yet: the reservation stays until then */
}

void books_fill(struct books *b, const struct sub_order *o, int64_t qty, dec_t price)
{
    struct exposure *r = row_find(b, o->signal_id, o->symbol);
    if (r != NULL)              /* one that does not fit leaves the position as it was told */
        (void)pnl_fill(&r->fills, side_of(o->side), qty, price, dec_zero(), dec_int(1));
}

/* The position with the fills that came after it was told. */
static struct sub_position current(const struct exposure *r)
{
    struct sub_position p = r->position;
    int64_t entered = p.max_qty > p.qty ? p.max_qty : p.qty;
    if (r->fills.entered_qty + r->fills.exited_qty > entered + (entered - p.qty)) {
        p.qty = r->fills.qty;
        p.entry_px = r->fills.entry_px;
    }
    return p;
}

/* NULL: more symbols than can be configured. */
static struct rest *rest_of(struct books *b, const char *symbol)
{
    int i = 0;
    while (i < b->rests_n && strcmp(b->rests[i].symbol, symbol) != 0)
        i++;
    if (i == BOOKS_SYMBOLS)
        return NULL;
    if (i == b->rests_n) {
        b->rests_n++;
        TEXT_COPY(b->rests[i].symbol, symbol);
    }
    return &b->rests[i];
}

static void entered(struct books *b, const struct sub_position *p)
{
    struct rest *rest = rest_of(b, p->symbol);
    if (rest != NULL && p->opened_ns > rest->entered_ns)
        rest->entered_ns = p->opened_ns;
}

void books_position(struct books *b, const struct sub_position *p)
{
    if (is_closed(b, p->signal_id))
        return;
    struct exposure *r = row_find(b, p->signal_id, p->symbol);
    if (r == NULL)
        r = row_add(b, p->signal_id, p->symbol, side_of(p->side));
    if (r == NULL || (r->open && p->version <= r->position.version))
        return;
    entered(b, p);
    r->position = *p;
    r->open = 1;
    if (r->expires_ns == 0)
        r->reserved = 0;
}

/* Of the entry against the decision's price, as a fraction; positive costs. */
static double slippage(const struct sub_position *p)
{
    if (dec_sign(p->decision_px) <= 0 || dec_sign(p->entry_px) <= 0)
        return 0;
    return side_of(p->side) * dec_to_double(dec_quo(dec_sub(p->entry_px, p->decision_px), p->decision_px));
}

enum risk_event books_closed(struct books *b, const struct risk_limits *l, const struct sub_position *p,
                             int64_t bar_ns)
{
    if (is_closed(b, p->signal_id))
        return RISK_NOTHING;
    TEXT_COPY(b->closed[b->closed_next], p->signal_id);
    b->closed_next = (b->closed_next + 1) % BOOKS_CLOSED;
    struct exposure *r = row_find(b, p->signal_id, p->symbol);
    healing_trade(&b->healing, p->closed_ns, r != NULL ? r->strategy : "", dec_sign(p->net_pnl) > 0, slippage(p));
    if (r != NULL)
        row_remove(b, r);
    entered(b, p);
    struct rest *rest = rest_of(b, p->symbol);
    if (rest != NULL)
        rest->until_ns = risk_cooldown_until(l, p->closed_ns, bar_ns);
    return risk_streak_close(&b->streak, l, p->net_pnl, p->closed_ns, bar_ns);
}

void books_stop_moved(struct books *b, const struct msg_stop_moved *m)
{
    struct exposure *r = row_find(b, m->signal_id, m->symbol);
    if (r != NULL && r->open)
        r->position.stop_px = m->new_px;
}

/* Fills that were missed are in the position told; those that come are folded upon it. */
static void take_fills(struct exposure *r)
{
    const struct sub_position *p = &r->position;
    r->fills = (struct pnl){
        .side = side_of(p->side), .qty = p->qty, .entered_qty = p->max_qty > p->qty ? p->max_qty : p->qty,
        .multiplier = dec_int(1), .entry_px = p->entry_px,
    };
    r->fills.exited_qty = r->fills.entered_qty - p->qty;
}

void books_sync(struct books *b, const struct sub_position *p, size_t n)
{
    for (int i = b->rows_n - 1; i >= 0; i--) {
        bool there = !b->rows[i].open;
        for (size_t k = 0; k < n; k++)
            there = there || is_row(&b->rows[i], p[k].signal_id, p[k].symbol);
        if (!there)
            row_remove(b, &b->rows[i]);
    }
    for (size_t k = 0; k < n; k++) {
        if (p[k].qty <= 0)
            continue;
        books_position(b, &p[k]);
        struct exposure *r = row_find(b, p[k].signal_id, p[k].symbol);
        if (r != NULL && r->open && r->position.version == p[k].version)
            take_fills(r);
    }
}

static void pause_change(struct books *b, const struct msg_operator_command *m)
{
    int i = 0;
    while (i < b->pauses_n && (strcmp(b->pauses[i].symbol, m->symbol) != 0 ||
                               strcmp(b->pauses[i].strategy, m->strategy) != 0))
        i++;
    if (m->verb == VERB_PAUSE && i == b->pauses_n && i < BOOKS_PAUSES) {
        TEXT_COPY(b->pauses[i].symbol, m->symbol);
        TEXT_COPY(b->pauses[i].strategy, m->strategy);
        b->pauses_n++;
    } else if (m->verb == VERB_RESUME && i < b->pauses_n) {
        b->pauses[i] = b->pauses[--b->pauses_n];
    }
}

void books_command(struct books *b, const struct risk_limits *l, const struct msg_operator_command *m)
{
    if (*m->symbol != '\0' || *m->strategy != '\0') {
        pause_change(b, m);
    } else if (m->verb == VERB_EMERGENCY) {
        books_emergency(b);
    } else if (m->verb == VERB_RESUME) {
        b->emergency = 0;
        risk_streak_reset(&b->streak);
        b->acknowledged = b->day.stopped;
        try_reset_day(b, l);
    }
}

void books_emergency(struct books *b)
{
    b->emergency = 1;
}

bool books_lighthouse(struct books *b, bool on)
{
    if (!b->account_known || on == (b->burst.on != 0))
        return false;
    risk_burst_update(&b->burst, on, b->account.available);
    return true;
}

void books_answer(struct books *b, const struct answer *a)
{
    struct seen *s = &b->seen[b->seen_next];
    memcpy(s->id, a->signal_id, sizeof s->id);
    s->close_ns = a->close_ns;
    b->seen_next = (b->seen_next + 1) % BOOKS_SEEN;
    healing_decision(&b->healing, a->close_ns, (enum risk_reason)a->reason);
    if (a->reason != RISK_OK) {
        b->rejected[a->reason]++;
        return;
    }
    b->approved++;
    b->counter++;
    struct exposure *r = row_add(b, a->signal_text, a->symbol, a->side);
    must(r != NULL);            /* books_full was asked */
    TEXT_COPY(r->approval_id, a->approval_id);
    TEXT_COPY(r->strategy, a->strategy);
    risk_burst_approved(&b->burst, a->margin);
    r->reserved = 1;
    r->margin = a->margin;
    r->notional = a->notional;
    r->heat = a->heat;
    r->expires_ns = a->expires_ns;
}

void books_release(struct books *b, const char *approval_id)
{
    for (int i = 0; i < b->rows_n; i++) {
        struct exposure *r = &b->rows[i];
        if (!r->open && !r->order_seen && strcmp(r->approval_id, approval_id) == 0) {
            row_remove(b, r);
            return;
        }
    }
}

/* ---- questions ---- */

bool books_answered(const struct books *b, const uint8_t signal_id[16])
{
    for (int i = 0; i < BOOKS_SEEN; i++)
        if (b->seen[i].close_ns != 0 && memcmp(b->seen[i].id, signal_id, 16) == 0)
            return true;
    return false;
}

bool books_full(const struct books *b)
{
    return b->rows_n == BOOKS_ROWS;
}

bool books_paused(const struct books *b, const char *symbol, const char *strategy)
{
    for (int i = 0; i < b->pauses_n; i++) {
        const struct pause *p = &b->pauses[i];
        if ((*p->symbol == '\0' || strcmp(p->symbol, symbol) == 0) &&
            (*p->strategy == '\0' || strcmp(p->strategy, strategy) == 0))
            return true;
    }
    return false;
}

int64_t books_rest_until(const struct books *b, const char *symbol)
{
    for (int i = 0; i < b->rests_n; i++)
        if (strcmp(b->rests[i].symbol, symbol) == 0)
            return b->rests[i].until_ns;
    return 0;
}

int64_t books_entered(const struct books *b, const char *symbol)
{
    for (int i = 0; i < b->rests_n; i++)
        if (strcmp(b->rests[i].symbol, symbol) == 0)
            return b->rests[i].entered_ns;
    return 0;
}

size_t books_open(const struct books *b, struct sub_position *ret, size_t max)
{
    size_t n = 0;
    for (int i = 0; i < b->rows_n && n < max; i++)
        if (b->rows[i].open)
            ret[n++] = current(&b->rows[i]);
    return n;
}

void books_hash(const struct books *b, char ret[POSHASH_TEXT])
{
    struct sub_position open[BOOKS_ROWS];
    position_hash(open, books_open(b, open, BOOKS_ROWS), ret);
}

bool books_agree(const struct books *b)
{
    char own[POSHASH_TEXT];
    if (!b->account_known || !b->account.reconciled)
        return false;
    books_hash(b, own);
    return strcmp(own, b->account.position_hash) == 0;
}

static void position_figures(const struct sub_position *p, struct risk_position *ret)
{
    int side = side_of(p->side);
    dec_t units = dec_mul(dec_int(p->qty), p->multiplier);
    dec_t at_stop = dec_mul(dec_int(side), dec_sub(p->entry_px, p->stop_px));
    ret->side = side;
    ret->notional = dec_mul(units, p->entry_px);
    ret->margin = dec_max(p->margin, dec_zero());
    if (p->leverage > 0)        /* told at the first fill, it may have grown */
        ret->margin = dec_max(ret->margin, dec_quo(ret->notional, dec_int(p->leverage)));
    ret->heat = dec_mul(units, dec_max(at_stop, dec_zero()));
}

int books_positions(const struct books *b, struct risk_position ret[BOOKS_ROWS])
{
    for (int i = 0; i < b->rows_n; i++) {
        const struct exposure *r = &b->rows[i];
        struct risk_position *p = &ret[i];
        *p = (struct risk_position){
            .side = r->side, .margin = dec_zero(), .notional = dec_zero(), .heat = dec_zero(),
        };
        TEXT_COPY(p->symbol, r->symbol);
        TEXT_COPY(p->strategy, r->strategy);
        if (r->open) {
            struct sub_position now = current(r);
            position_figures(&now, p);
        }
        if (r->reserved) {
            p->margin = dec_max(p->margin, r->margin);
            p->notional = dec_max(p->notional, r->notional);
            p->heat = dec_max(p->heat, r->heat);
        }
    }
    return b->rows_n;
}
