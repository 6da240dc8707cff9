/* The engine's clock: what is due when, the market's prints into books and candles, marks, funding,
 * state on disk, and the questions about the market.
 *
 * The background market is a function of the seed and the time (market.h), so only clients' state is
 * kept: after a restart the bars are made again up to the market clock and clients' lots added.
 * Order at one instant: prints, then the second's mark (with funding, liquidation, stops), then the
 * next minute's bars.  Everything up to and including now_ns has happened.
 */
#include "deploy/paper/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/paper/engine_priv.h"
#include "proto/err.h"
#include "proto/tm.h"

#define LOG_VERSION 1u
#define LOG_MAX (64u << 20)         /* rewritten when it has grown to this and doubled */
#define PREMIUM_S 30.0              /* smoothing of mark - index, seconds */
#define SEQUENCE_LAG 100000000000LL /* sequences start this far below the wall's ms and stay below */
#define RESTART_GAP 100000          /* covers what the last advance told unrecorded */
#define LEVEL_SHARE 60              /* a level holds this part of a typical minute's lots */

static int64_t minute_of(int64_t ns) { return ns / NS_PER_MIN; }

/* ---- commits --------------------------------------------------------------------------------- */

void engine_put(struct engine *e, uint32_t type, const void *p, size_t n)
{
    if (e->log)
        persist_put(e->log, type, p, n);
}

void engine_touch(struct engine *e, struct order *o)
{
    if (e->dirty.n == 0 || e->dirty.at[e->dirty.n - 1] != o)
        vec_push(e->dirty, o);
}

/* ---- clientOid to the newest order that has it: open addressing, at most half full ------------------- */

static uint64_t hash64(const char *text, uint64_t h)     /* FNV-1a */
{
    h ^= 14695981039346656037u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h ^ h >> 32;
}

static size_t oid_slot(const struct engine *e, int account, const char *oid)
{
    uint64_t h = hash64(oid, (uint64_t)account);
    for (size_t i = h & (e->oids.n - 1);; i = (i + 1) & (e->oids.n - 1)) {
        const struct order *o = e->oids.at[i] ? e->orders.at[e->oids.at[i] - 1] : NULL;
        if (!o || (o->account == account && strcmp(o->cl_ord_id, oid) == 0))
            return i;
    }
}

void engine_index_oid(struct engine *e, const struct order *o)
{
    uint32_t no = (uint32_t)(o->id - ORDER_ID_BASE) + 1;
    if (*o->cl_ord_id == '\0')
        return;
    if (2 * (e->oids.used + 1) > e->oids.n) {
        uint32_t *old = e->oids.at;
        size_t n = e->oids.n;
        e->oids.n = n ? 2 * n : 1024;
        e->oids.at = calloc(e->oids.n, sizeof *e->oids.at);
        must(e->oids.at != NULL);
        for (size_t i = 0; i < n; i++)
            if (old[i]) {
                const struct order *x = e->orders.at[old[i] - 1];
                e->oids.at[oid_slot(e, x->account, x->cl_ord_id)] = old[i];
            }
        free(old);
    }
    size_t i = oid_slot(e, o->account, o->cl_ord_id);
    e->oids.used += e->oids.at[i] == 0;
    if (e->oids.at[i] < no)
        e->oids.at[i] = no;
}

static void put_account(struct engine *e, int account)
{
    struct account_record r;
    memset(&r, 0, sizeof r);
    r.account = account;
    r.a = e->accounts[account];
    engine_put(e, R_ACCOUNT, &r, sizeof r);
}

static void put_position(struct engine *e, int account, int sym)
{
    struct position_record r;
    memset(&r, 0, sizeof r);
    r.account = account;
    r.sym = sym;
    r.p = e->positions[account][sym];
    engine_put(e, R_POSITION, &r, sizeof r);
}

static void put_head(struct engine *e)
{
    struct head_record h = {e->now_ns, e->next_trade, e->next_row};
    engine_put(e, R_HEAD, &h, sizeof h);
}

static void tell_private(struct engine *e)
{
    for (size_t i = 0; i < e->queue.n; i++) {
        const struct private_event *p = &e->queue.at[i];
        if (p->kind == P_ORDER)
            TELL(e, order, (enum order_event)p->what, &p->order, p->has_fill ? &p->fill : NULL,
                 p->old_lots);
        else if (p->kind == P_STOP)
            TELL(e, stop, (enum stop_event)p->what, &p->order, p->ok, p->error);
        else
            TELL(e, settlement, &p->row);
    }
    e->queue.n = 0;
    for (int a = 0; a < e->n_accounts; a++) {
        for (int k = 0; k < CONTRACTS_MAX; k++)
            if (e->position_dirty[a][k]) {
                TELL(e, position, a, k, (enum position_reason)(e->position_dirty[a][k] - 1));
                e->position_dirty[a][k] = 0;
            }
        if (e->wallet_dirty[a])
            TELL(e, wallet, a);
        e->wallet_dirty[a] = false;
    }
}

void engine_commit(struct engine *e)
{
    bool any = e->dirty.n > 0;
    for (size_t i = 0; i < e->dirty.n; i++)
        engine_put(e, R_ORDER, e->dirty.at[i], sizeof(struct order));
    e->dirty.n = 0;
    for (int a = 0; a < e->n_accounts; a++) {
        for (int k = 0; k < CONTRACTS_MAX; k++)
            if (e->position_dirty[a][k]) {
                put_position(e, a, k);
                any = true;
            }
        if (e->wallet_dirty[a]) {
            e->accounts[a].version++;
            put_account(e, a);
            any = true;
        }
    }
    if (!any)
        return;
    put_head(e);
    if (e->log)
        persist_commit(e->log);
    tell_private(e);
}

static void write_clock(struct engine *e)
{
    struct persist_clock c;
    memset(&c, 0, sizeof c);
    c.market_ns = e->now_ns;
    for (int k = 0; k < CONTRACTS_MAX; k++)
        c.sequence[k] = e->syms[k].book.sequence;
    if (e->log)
        persist_clock_write(e->log, &c);
}

/* A new log that holds the present state only, each record in a frame of its own. */
static void put_all(struct engine *e)
{
    engine_put(e, R_INIT, &e->init, sizeof e->init);
    for (int a = 0; a < e->n_accounts; a++) {
        put_account(e, a);
        for (int k = 0; k < CONTRACTS_MAX; k++)
            put_position(e, a, k);
    }
    for (int32_t k = 0; k < CONTRACTS_MAX; k++) {
        struct status_record s = {k, e->syms[k].status};
        engine_put(e, R_STATUS, &s, sizeof s);
    }
    put_head(e);
    persist_commit(e->log);
    for (size_t i = 0; i < e->orders.n; i++, persist_commit(e->log))
        engine_put(e, R_ORDER, e->orders.at[i], sizeof(struct order));
    for (size_t i = 0; i < e->fills.n; i++, persist_commit(e->log))
        engine_put(e, R_FILL, &e->fills.at[i], sizeof(struct fill));
    for (size_t i = 0; i < e->closed.n; i++, persist_commit(e->log))
        engine_put(e, R_CLOSED, &e->closed.at[i], sizeof(struct closed_position));
    for (size_t i = 0; i < e->funding.n; i++, persist_commit(e->log))
        engine_put(e, R_FUNDING, &e->funding.at[i], sizeof(struct funding_row));
}

static void keep(struct engine *e)
{
    if (!e->log)
        return;
    write_clock(e);
    if (e->server_ns - e->last_sync_ns >= NS_PER_S) {
        e->last_sync_ns = e->server_ns;
        persist_sync(e->log);
    }
    if (persist_size(e->log) > LOG_MAX && persist_size(e->log) > 2 * e->rewritten) {
        persist_renew(e->log);
        put_all(e);
        persist_swap(e->log);
        e->rewritten = persist_size(e->log);
    }
}

static int apply(void *arg, uint32_t type, const void *data, size_t size)
{
    struct engine *e = arg;
    struct account_record a;
    struct position_record p;
    struct status_record s;
    struct head_record h;
    struct order o;
#define TAKE(x)     /* a record of an older build is shorter: what it lacks is 0 */                  \
    if (size > sizeof(x))                                                                          \
        return ERR_VERSION;                                                                        \
    memset(&(x), 0, sizeof(x));                                                                    \
    memcpy(&(x), data, size)
    switch (type) {
    case R_INIT:
        TAKE(e->init);
        return e->init.version == LOG_VERSION ? ERR_OK : ERR_VERSION;
    case R_HEAD:
        TAKE(h);
        e->now_ns = h.market_ns;
        e->next_trade = h.next_trade;
        e->next_row = h.next_row;
        return ERR_OK;
    case R_ACCOUNT:
        TAKE(a);
        if (a.account < 0 || a.account >= ENGINE_ACCOUNTS_MAX)
            return ERR_CORRUPT;
        e->accounts[a.account] = a.a;
        if (a.account >= e->n_accounts)
            e->n_accounts = a.account + 1;
        return ERR_OK;
    case R_POSITION:
        TAKE(p);
        if (p.account < 0 || p.account >= ENGINE_ACCOUNTS_MAX || p.sym < 0 ||
            p.sym >= CONTRACTS_MAX)
            return ERR_CORRUPT;
        e->positions[p.account][p.sym] = p.p;
        return ERR_OK;
    case R_STATUS:
        TAKE(s);
        if (s.sym < 0 || s.sym >= CONTRACTS_MAX)
            return ERR_CORRUPT;
        e->syms[s.sym].status = s.status;
        return ERR_OK;
    case R_ORDER: {
        TAKE(o);
        int64_t i = o.id - ORDER_ID_BASE;
        if (i < 0 || i > (int64_t)e->orders.n || o.sym < 0 || o.sym >= CONTRACTS_MAX)
            return ERR_CORRUPT;
        if (i == (int64_t)e->orders.n) {
            struct order *fresh = calloc(1, sizeof *fresh);
            must(fresh != NULL);
            vec_push(e->orders, fresh);
        }
        *e->orders.at[i] = o;
        engine_index_oid(e, e->orders.at[i]);
        return ERR_OK;
    }
    case R_FILL: {
        struct fill f;
        TAKE(f);
        vec_push(e->fills, f);
        return ERR_OK;
    }
    case R_CLOSED: {
        struct closed_position c;
        TAKE(c);
        vec_push(e->closed, c);
        return ERR_OK;
    }
    case R_FUNDING: {
        struct funding_row r;
        TAKE(r);
        vec_push(e->funding, r);
        return ERR_OK;
    }
    default:
        return ERR_CORRUPT;
    }
#undef TAKE
}

/* ---- prints ---------------------------------------------------------------------------------- */

static void candle_print(struct engine *e, int sym, int64_t px, int64_t lots, bool market)
{
    struct sym *s = &e->syms[sym];
    struct candle *c = &s->cur;
    if (market && c->open == 0) {
        int64_t start = minute_of(e->now_ns) * NS_PER_MIN;
        int64_t before = c->lots;
        *c = (struct candle){start, px, px, px, px, before};
    }
    c->lots += lots;
    if (market) {       /* clients' trades never move the bar */
        c->close = px;
        c->high = px > c->high ? px : c->high;
        c->low = px < c->low ? px : c->low;
    } else {
        s->extra += lots;
    }
    if (e->loading || s->status != CONTRACT_OPEN || c->open == 0)
        return;
    if (s->told.lots > 0 && s->told.start_ns != c->start_ns)
        TELL(e, candle, sym, &s->told, true);
    s->told = *c;
    TELL(e, candle, sym, c, false);
}

void engine_print(struct engine *e, int sym, int64_t trade_id, int side, int64_t px, int64_t lots,
                  int64_t maker, int64_t taker, bool own)
{
    struct sym *s = &e->syms[sym];
    struct trade t = {s->book.sequence, trade_id, maker ? maker : ORDER_ID_BASE - 2 * trade_id,
                      taker ? taker : ORDER_ID_BASE - 2 * trade_id - 1, (int8_t)side, px, lots,
                      e->now_ns};
    s->tape[s->n_tape++ % TAPE] = t;
    s->last_px = px;
    candle_print(e, sym, px, lots, !own);
    TELL(e, trade, sym, &t);
}

void engine_top(struct engine *e, int sym)
{
    struct sym *s = &e->syms[sym];
    struct ticker t;
    engine_ticker(e, sym, &t);
    if (memcmp(&t.bid, &s->top[0], sizeof t.bid) == 0 &&
        memcmp(&t.ask, &s->top[1], sizeof t.ask) == 0)
        return;
    s->top[0] = t.bid;
    s->top[1] = t.ask;
    TELL(e, top, sym, &t);
}

/* A print that nobody sees: rebuilding, or while the contract is paused. */
static void print_quietly(struct engine *e, int sym, const struct print *p)
{
    struct sym *s = &e->syms[sym];
    candle_print(e, sym, p->px, p->lots, true);
    if (!e->loading)
        return;
    struct trade t = {s->book.sequence, 0, 0, 0, SIDE_BUY, p->px, p->lots, e->now_ns};
    if (s->last_px && p->px < s->last_px)
        t.side = SIDE_SELL;
    s->tape[s->n_tape++ % TAPE] = t;
    s->last_px = p->px;
}

/* The book as it was recorded. */
static void play_book(struct engine *e, int sym)
{
    struct level bids[REPLAY_LEVELS], asks[REPLAY_LEVELS];
    size_t nb, na;
    struct sym *s = &e->syms[sym];
    if (e->loading || s->status != CONTRACT_OPEN ||
        !market_book(&e->market, sym, e->now_ns, bids, &nb, asks, &na))
        return;
    book_show(&s->book, bids, nb, asks, na);
    engine_top(e, sym);
    engine_commit(e);
}

static void play_print(struct engine *e, int sym)
{
    struct sym *s = &e->syms[sym];
    const struct print *p = &s->prints[s->next_print++];
    if (p->lots == 0) {
        play_book(e, sym);
        return;
    }
    if (e->loading || s->status != CONTRACT_OPEN) {
        print_quietly(e, sym, p);
        return;
    }
    orders_market(e, sym, p->px, p->lots);
    engine_top(e, sym);
    orders_stops(e, sym);
    engine_commit(e);
}

/* The bar of the minute that ends keeps the clients' lots too. */
static void end_minute(struct engine *e)
{
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        struct sym *s = &e->syms[k];
        if (!s->listed)
            continue;
        struct bar *b = &e->market.ring[k][e->market.minute & (RING - 1)];
        if (e->market.live && s->cur.open)
            *b = (struct bar){s->cur.open, s->cur.high, s->cur.low, s->cur.close, s->cur.lots - s->extra};
        if (b->lots > 0)
            b->lots += s->extra;
        s->extra = 0;
        s->cur = (struct candle){0, 0, 0, 0, 0, 0};
    }
}

static void begin_minute(struct engine *e)
{
    market_next(&e->market);
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        struct sym *s = &e->syms[k];
        s->next_print = s->n_prints = 0;
        if (!s->listed)
            continue;
        struct bar b = market_bar(&e->market, k, e->market.minute);
        s->n_prints = market_prints(&e->market, k, e->market.minute, &b, s->prints);
    }
}

/* ---- mark and funding ------------------------------------------------------------------------ */

dec_t engine_mark_px(const struct sym *s)
{
    if (s->mark_u)
        return dec_mul(dec_int(s->mark_u), s->c->index_tick);
    return contract_px(s->c, s->last_px);
}

/* Index = last market price without the contract's premium; mark = index + smoothed premium. */
static void mark_step(struct engine *e, int sym, int64_t t_ns)
{
    struct sym *s = &e->syms[sym];
    if (e->market.live || (s->cur.open == 0 && s->last_px == 0))
        return;
    double tick = dec_to_double(s->c->tick), unit = dec_to_double(s->c->index_tick);
    double px = (double)(s->cur.open ? s->cur.close : s->last_px) * tick;
    double index = px / (1 + synth_premium(e->market.seed, sym, minute_of(t_ns)));
    s->premium = s->mark_u == 0 ? px - index : s->premium + (px - index - s->premium) / PREMIUM_S;
    s->index_u = llround(index / unit);
    s->mark_u = llround((index + s->premium) / unit);
}

/* Mean premium from `from` to `to` (sampled each 10 minutes) plus interest of 0.01 % per 8 h. */
static dec_t funding_rate(const struct engine *e, int sym, int64_t from_ns, int64_t to_ns)
{
    const struct contract *c = e->syms[sym].c;
    double sum = 0;
    int n = 0;
    if (e->market.live)
        return e->syms[sym].live_rate;
    for (int64_t m = minute_of(from_ns); n == 0 || m < minute_of(to_ns); m += 10, n++)
        sum += synth_premium(e->market.seed, sym, m);
    dec_t rate;
    double r = sum / n + 0.0001 * (double)c->funding_ms / (8 * 3600e3);
    must(dec_from_double(r, dec_scaled(1, -6), DEC_HALF_EVEN, &rate) == ERR_OK);
    return dec_max(dec_neg(c->funding_cap), dec_min(c->funding_cap, rate));
}

dec_t engine_funding_rate(const struct engine *e, int sym, int64_t t_ns)
{
    return funding_rate(e, sym, t_ns - e->syms[sym].c->funding_ms * 1000000, t_ns);
}

dec_t engine_running_rate(const struct engine *e, int sym)
{
    int64_t interval = e->syms[sym].c->funding_ms * 1000000;
    return e->rule.before_2025 ? engine_funding_rate(e, sym, e->now_ns / interval * interval) : dec_zero();
}

static void second(struct engine *e, int sym, int64_t t_ns)
{
    struct sym *s = &e->syms[sym];
    mark_step(e, sym, t_ns);
    if (e->loading || s->status != CONTRACT_OPEN || s->mark_u == 0)
        return;
    TELL(e, mark, sym, engine_mark_px(s), dec_mul(dec_int(s->index_u), s->c->index_tick), t_ns);
    int64_t interval = s->c->funding_ms * 1000000;
    if (t_ns % interval == 0) {
        dec_t rate = engine_funding_rate(e, sym, t_ns);
        orders_fund(e, sym, rate, t_ns);
        TELL(e, funding_rate, sym, rate, t_ns, true);
    } else if (t_ns % NS_PER_MIN == 0) {
        TELL(e, funding_rate, sym, funding_rate(e, sym, t_ns / interval * interval, t_ns), t_ns,
             false);
    }
    orders_liquidate(e, sym);
    orders_stops(e, sym);
    engine_top(e, sym);
    engine_commit(e);
}

/* ---- time ------------------------------------------------------------------------------------ */

static int64_t print_ns(const struct engine *e, int sym)
{
    const struct sym *s = &e->syms[sym];
    return s->next_print < s->n_prints
               ? e->market.minute * NS_PER_MIN + s->prints[s->next_print].offset_ns
               : INT64_MAX;
}

static bool all_paused(const struct engine *e)
{
    for (int k = 0; k < CONTRACTS_MAX; k++)
        if (e->syms[k].listed && e->syms[k].status == CONTRACT_OPEN)
            return false;
    return true;
}

/* The next thing due; *ret_sym the symbol of a print, or -1. */
static int64_t next_due(const struct engine *e, int *ret_sym)
{
    int64_t best = e->next_second * NS_PER_S;
    *ret_sym = -1;
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        int64_t t = print_ns(e, k);
        if (t <= best) {
            best = t;
            *ret_sym = k;
        }
    }
    return best;
}

static void play(struct engine *e, int64_t to_ns)
{
    int sym;
    for (int64_t t; (t = next_due(e, &sym)) <= to_ns;) {
        e->now_ns = t;
        if (sym >= 0) {
            play_print(e, sym);
            continue;
        }
        for (int k = 0; k < CONTRACTS_MAX; k++)
            if (e->syms[k].listed)
                second(e, k, t);
        e->next_second++;
        if (t % NS_PER_MIN == 0) {
            end_minute(e);
            begin_minute(e);
        }
    }
    e->now_ns = to_ns;
}

/* Continue quietly to `to` from where the books stand (a start, or the end of a market pause). */
static void catch_up(struct engine *e, int64_t to_ns)
{
    bool was = e->loading;
    e->loading = true;
    play(e, to_ns);
    e->loading = was;
}

int engine_advance(struct engine *e, int64_t market_now_ns, int64_t server_now_ns)
{
    e->server_ns = server_now_ns;
    if (market_now_ns < e->now_ns)
        return ERR_RANGE;
    if (!all_paused(e))
        play(e, market_now_ns);
    e->now_ns = market_now_ns;
    keep(e);
    return ERR_OK;
}

int64_t engine_next_ns(const struct engine *e)
{
    int sym;
    return all_paused(e) ? ENGINE_NEVER : next_due(e, &sym);
}

int64_t engine_market_ns(const struct engine *e) { return e->now_ns; }

/* ---- opening --------------------------------------------------------------------------------- */

static int begun_with(const struct engine_config *c, const char *option, const char *value, char *msg)
{
    snprintf(msg, ENGINE_MSG_MAX, "%.60s: begun with --%s %.40s; give that, or another --state", c->dir, option, value);
    return ERR_CONFIG;
}

static int load_state(struct engine *e, const struct engine_config *c, char *msg)
{
    if (!c->dir)
        return ERR_OK;
    int err = persist_open(c->dir, apply, e, &e->log);
    if (err != ERR_OK) {
        snprintf(msg, ENGINE_MSG_MAX, "%.80s: %s", c->dir,
                 err == ERR_BUSY      ? "in use by another process"
                 : err == ERR_VERSION ? "kept by another version of the exchange; give another --state"
                                      : err_text(err));
        return err;
    }
    if (e->init.version == 0)
        return ERR_OK;
    char was[TM_TEXT_MAX];
    snprintf(was, sizeof was, "%llu", (unsigned long long)e->init.seed);
    if (e->init.seed != c->seed)
        return begun_with(c, "seed", was, msg);
    if (strcmp(e->init.market, c->market) != 0)
        return begun_with(c, "market", e->init.market, msg);
    if (c->start_ns && c->start_ns != e->init.start_ns)
        return begun_with(c, "start", tm_format(e->init.start_ns, was), msg);
    return ERR_OK;
}

static void begin(struct engine *e, const struct engine_config *c, int64_t server_now_ns,
                  bool *ret_fresh)
{
    *ret_fresh = false;
    if (e->init.version != 0)
        return;
    e->init.version = LOG_VERSION;
    e->init.seed = c->seed;
    e->init.start_ns = c->start_ns ? c->start_ns : server_now_ns;
    snprintf(e->init.market, sizeof e->init.market, "%s", c->market);
    e->now_ns = e->init.start_ns;
    e->next_trade = e->next_row = 1;
    *ret_fresh = true;
}

static void init_symbols(struct engine *e)
{
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        struct sym *s = &e->syms[k];
        s->c = contract_get(k);
        s->listed = e->market.listed[k];
        double px = s->c->start_px / dec_to_double(s->c->tick);
        if (e->market.replay && s->listed)
            px = (double)e->market.files[k].bars[0].bar.close;
        s->book.sym = k;
        s->book.seed = e->market.seed;
        s->book.gap = llround(px * 2.5e-5) > 1 ? llround(px * 2.5e-5) : 1;
        s->book.lots = (int64_t)(s->c->lots_per_min / LEVEL_SHARE) + 20;
        s->book.changed = e->ev.level;
        s->book.arg = e->ev.arg;
        s->book.sequence = e->server_ns / 1000000 - SEQUENCE_LAG;
    }
}

/* Clients' lots that the bars made again do not know. */
static void add_own_lots(struct engine *e)
{
    for (size_t i = 0; i < e->fills.n; i++) {
        const struct fill *f = &e->fills.at[i];
        struct sym *s = &e->syms[f->sym];
        int64_t m = minute_of(f->market_ns);
        if (!f->own || !s->listed || m <= e->market.minute - RING)
            continue;
        if (m < e->market.minute && market_bar(&e->market, f->sym, m).lots > 0)
            e->market.ring[f->sym][m & (RING - 1)].lots += f->lots;
        if (m == e->market.minute) {
            s->cur.lots += f->lots;
            s->extra += f->lots;
        }
    }
}

/* Books around the last price, clients' orders back in their places. */
static void rebuild_books(struct engine *e, const struct persist_clock *clock)
{
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        struct sym *s = &e->syms[k];
        if (!s->listed)
            continue;
        s->book.quiet = true;
        if (clock->sequence[k] >= s->book.sequence)
            s->book.sequence = clock->sequence[k];
        if (s->last_px == 0)
            continue;
        int64_t bid = s->last_px, ask = bid + 1;
        for (size_t i = 0; i < e->orders.n; i++) {  /* invariant 1 of the book */
            const struct order *o = e->orders.at[i];
            if (o->sym != k || o->state != ORDER_OPEN)
                continue;
            if (o->side == SIDE_BUY && o->px >= ask)
                ask = o->px + 1;
            if (o->side == SIDE_SELL && o->px <= bid)
                bid = o->px - 1;
        }
        if (bid < ask)
            book_move(&s->book, bid, ask);
    }
    orders_restore(e);
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        e->syms[k].book.quiet = false;
        e->syms[k].book.sequence += RESTART_GAP;
    }
}

int engine_open(const struct engine_config *c, int64_t server_now_ns, struct engine **ret,
                char msg[ENGINE_MSG_MAX])
{
    contracts_init();
    struct engine *e = calloc(1, sizeof *e);
    must(e != NULL);
    struct persist_clock clock;
    memset(&clock, 0, sizeof clock);
    if (c->events)
        e->ev = *c->events;
    e->oid_ever = c->oid_ever;
    e->rule = (struct margin_rule){c->margin_before_2025, contract_get(0)->taker_fee};
    e->server_ns = e->last_sync_ns = server_now_ns;
    bool fresh = false;
    int err = load_state(e, c, msg);
    if (err == ERR_OK) {
        begin(e, c, server_now_ns, &fresh);
        e->start_ns = e->init.start_ns;
        err = market_open(&e->market, c->market, c->symbols, c->seed, minute_of(e->start_ns), msg,
                          ENGINE_MSG_MAX);
    }
    if (err != ERR_OK) {
        engine_close(e);
        return err;
    }
    if (fresh && e->log) {      /* only now: options that cannot be leave nothing behind */
        engine_put(e, R_INIT, &e->init, sizeof e->init);
        put_head(e);
        persist_commit(e->log);
    }
    int64_t now = e->now_ns;
    if (e->log && persist_clock_read(e->log, &clock) == ERR_OK && clock.market_ns > now)
        now = clock.market_ns;
    init_symbols(e);
    for (int k = 0; k < CONTRACTS_MAX; k++)     /* before the first print of all: the last close */
        for (int64_t m = e->market.minute; e->syms[k].listed && m > e->market.minute - 60; m--)
            if (market_bar(&e->market, k, m).lots > 0 && e->syms[k].last_px == 0)
                e->syms[k].last_px = market_bar(&e->market, k, m).close;
    while (e->market.minute < minute_of(now) - 2)
        market_next(&e->market);
    e->next_second = (e->market.minute + 1) * 60 + 1;
    begin_minute(e);
    catch_up(e, now);
    for (int k = 0; k < CONTRACTS_MAX; k++)
        if (e->syms[k].listed)
            mark_step(e, k, now);
    add_own_lots(e);
    rebuild_books(e, &clock);
    write_clock(e);
    *ret = e;
    return ERR_OK;
}

void engine_close(struct engine *e)
{
    if (e->log) {
        if (e->syms[0].c)
            write_clock(e);
        persist_sync(e->log);
        persist_close(e->log);
    }
    for (size_t i = 0; i < e->orders.n; i++)
        free(e->orders.at[i]);
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        book_fini(&e->syms[k].book);
        free(e->syms[k].stops);
    }
    free(e->orders.at);
    free(e->oids.at);
    free(e->fills.at);
    free(e->closed.at);
    free(e->funding.at);
    free(e->queue.at);
    free(e->dirty.at);
    market_close(&e->market);
    free(e);
}

/* ---- questions ------------------------------------------------------------------------------- */

int engine_account(struct engine *e, const char *name, dec_t deposit)
{
    for (int a = 0; a < e->n_accounts; a++)
        if (strcmp(e->accounts[a].name, name) == 0)
            return a;
    if (strlen(name) >= NAME_MAX_)
        return ERR_SIZE;
    if (e->n_accounts == ENGINE_ACCOUNTS_MAX)
        return ERR_FULL;
    struct account *a = &e->accounts[e->n_accounts];
    snprintf(a->name, sizeof a->name, "%s", name);
    a->cash = a->deposits = deposit;
    a->fees = a->funding = a->realised = dec_zero();
    a->opened_ns = e->server_ns;
    e->wallet_dirty[e->n_accounts++] = true;
    engine_commit(e);
    return e->n_accounts - 1;
}

int engine_accounts(const struct engine *e) { return e->n_accounts; }

const struct account *engine_account_get(const struct engine *e, int account)
{
    must(account >= 0 && account < e->n_accounts);
    return &e->accounts[account];
}

void engine_position(const struct engine *e, int account, int sym, struct position_view *ret)
{
    position_show(&e->rule, &e->positions[account][sym], e->syms[sym].c, engine_mark_px(&e->syms[sym]),
                  engine_running_rate(e, sym), ret);
}

const struct order *engine_order(const struct engine *e, int64_t id)
{
    int64_t i = id - ORDER_ID_BASE;
    return i >= 0 && i < (int64_t)e->orders.n ? e->orders.at[i] : NULL;
}

const struct order *engine_order_by_oid(const struct engine *e, int account, const char *cl_ord_id)
{
    size_t i = e->oids.n ? oid_slot(e, account, cl_ord_id) : 0;
    return e->oids.n && e->oids.at[i] ? e->orders.at[e->oids.at[i] - 1] : NULL;
}

size_t engine_n_orders(const struct engine *e) { return e->orders.n; }
const struct order *engine_order_at(const struct engine *e, size_t i) { return e->orders.at[i]; }
size_t engine_n_fills(const struct engine *e) { return e->fills.n; }
const struct fill *engine_fill_at(const struct engine *e, size_t i) { return &e->fills.at[i]; }
size_t engine_n_closed(const struct engine *e) { return e->closed.n; }
const struct closed_position *engine_closed_at(const struct engine *e, size_t i)
{
    return &e->closed.at[i];
}
size_t engine_n_funding(const struct engine *e) { return e->funding.n; }
const struct funding_row *engine_funding_at(const struct engine *e, size_t i)
{
    return &e->funding.at[i];
}

bool engine_listed(const struct engine *e, int sym)
{
    return sym >= 0 && sym < CONTRACTS_MAX && e->syms[sym].listed;
}

enum contract_status engine_status(const struct engine *e, int sym)
{
    return (enum contract_status)e->syms[sym].status;
}

void engine_set_status(struct engine *e, int sym, enum contract_status status)
{
    if (all_paused(e) && status == CONTRACT_OPEN)
        catch_up(e, e->now_ns);
    for (int32_t k = 0; k < CONTRACTS_MAX; k++) {
        struct sym *s = &e->syms[k];
        if (!s->listed || (sym >= 0 && sym != k) || s->status == (int32_t)status)
            continue;
        s->status = (int32_t)status;
        struct status_record r = {k, s->status};
        engine_put(e, R_STATUS, &r, sizeof r);
        TELL(e, status, k, status);
    }
    put_head(e);
    if (e->log)
        persist_commit(e->log);
}

void engine_book(const struct engine *e, int sym, struct level *bids, size_t *n_bids,
                 struct level *asks, size_t *n_asks, int64_t *ret_sequence)
{
    const struct book *b = &e->syms[sym].book;
    if (n_bids)
        book_levels(b, 0, bids, n_bids);
    if (n_asks)
        book_levels(b, 1, asks, n_asks);
    *ret_sequence = b->sequence;
}

size_t engine_trades(const struct engine *e, int sym, struct trade *ret, size_t max)
{
    const struct sym *s = &e->syms[sym];
    size_t n = s->n_tape < TAPE ? (size_t)s->n_tape : TAPE;
    n = n < max ? n : max;
    for (size_t i = 0; i < n; i++)
        ret[i] = s->tape[(s->n_tape - 1 - i) % TAPE];
    return n;
}

void engine_ticker(const struct engine *e, int sym, struct ticker *ret)
{
    const struct sym *s = &e->syms[sym];
    struct ticker t;
    memset(&t, 0, sizeof t);
    t.sequence = s->book.sequence;
    t.market_ns = e->now_ns;
    if (s->n_tape)
        t.last = s->tape[(s->n_tape - 1) % TAPE];
    book_best(&s->book, 0, &t.bid);
    book_best(&s->book, 1, &t.ask);
    *ret = t;
}

/* The 1 m bar of a minute as far as it has happened; lots 0: none. */
static struct candle minute_bar(const struct engine *e, int sym, int64_t minute)
{
    const struct sym *s = &e->syms[sym];
    if (minute == e->market.minute)
        return s->cur.open ? s->cur : (struct candle){0, 0, 0, 0, 0, 0};
    struct bar b = market_bar(&e->market, sym, minute);
    return (struct candle){minute * NS_PER_MIN, b.open, b.high, b.low, b.close, b.lots};
}

static bool aggregate(const struct engine *e, int sym, int64_t start, int minutes,
                      struct candle *ret)
{
    struct candle sum = {start * NS_PER_MIN, 0, 0, 0, 0, 0};
    for (int64_t m = start; m < start + minutes && m <= e->market.minute; m++) {
        struct candle c = minute_bar(e, sym, m);
        if (c.lots == 0)
            continue;
        if (sum.lots == 0) {
            sum.open = c.open;
            sum.high = c.high;
            sum.low = c.low;
        }
        sum.high = c.high > sum.high ? c.high : sum.high;
        sum.low = c.low < sum.low ? c.low : sum.low;
        sum.close = c.close;
        sum.lots += c.lots;
    }
    *ret = sum;
    return sum.lots > 0;
}

/* The first minute of the bar of `minutes` that holds minute m; weeks begin on Monday. */
static int64_t bar_start(int64_t m, int minutes)
{
    const int64_t shift = minutes == 10080 ? 3 * 1440 : 0;  /* 1970 began on a Thursday */
    return (m + shift) / minutes * minutes - shift;
}

size_t engine_candles(const struct engine *e, int sym, int minutes, int64_t from_ns, int64_t to_ns,
                      bool with_running, bool newest, struct candle *ret, size_t max)
{
    const struct market *m = &e->market;
    int64_t oldest = m->minute - RING + 1, start_hist = minute_of(e->start_ns) - HISTORY_MIN;
    if (oldest < start_hist)
        oldest = start_hist;
    int64_t first = bar_start(oldest + minutes - 1, minutes);
    int64_t last = bar_start(m->minute, minutes) - (with_running ? 0 : minutes);
    int64_t from = (from_ns > 0 ? from_ns + NS_PER_MIN - 1 : 0) / NS_PER_MIN;
    if (from > first)
        first = bar_start(from + minutes - 1, minutes);
    if (to_ns < INT64_MAX - NS_PER_MIN) {
        int64_t before = (to_ns + NS_PER_MIN - 1) / NS_PER_MIN - 1;
        if (before < last)
            last = bar_start(before, minutes);
    }
    size_t n = 0;
    if (newest) {
        for (int64_t at = last; at >= first && n < max; at -= minutes)
            n += aggregate(e, sym, at, minutes, &ret[n]);
        for (size_t i = 0; i < n / 2; i++) {
            struct candle c = ret[i];
            ret[i] = ret[n - 1 - i];
            ret[n - 1 - i] = c;
        }
        return n;
    }
    for (int64_t at = first; at <= last && n < max; at += minutes)
        n += aggregate(e, sym, at, minutes, &ret[n]);
    return n;
}

void engine_mark(const struct engine *e, int sym, dec_t *ret_mark, dec_t *ret_index)
{
    const struct sym *s = &e->syms[sym];
    *ret_mark = engine_mark_px(s);
    *ret_index = s->index_u ? dec_mul(dec_int(s->index_u), s->c->index_tick) : *ret_mark;
}

void engine_funding_info(const struct engine *e, int sym, struct funding_info *ret)
{
    int64_t interval = e->syms[sym].c->funding_ms * 1000000;
    ret->last_ns = e->now_ns / interval * interval;
    ret->next_ns = ret->last_ns + interval;
    ret->rate = engine_funding_rate(e, sym, ret->last_ns);
    ret->predicted = funding_rate(e, sym, ret->last_ns, e->now_ns);
}

void engine_stats(const struct engine *e, int sym, struct market_stats *ret)
{
    const struct sym *s = &e->syms[sym];
    struct market_stats st;
    memset(&st, 0, sizeof st);
    double turnover = 0;
    for (int64_t m = e->market.minute - 1439; m <= e->market.minute; m++) {
        struct candle c = minute_bar(e, sym, m);
        if (c.lots == 0)
            continue;
        if (st.lots == 0) {
            st.open = c.open;
            st.high = c.high;
            st.low = c.low;
        }
        st.high = c.high > st.high ? c.high : st.high;
        st.low = c.low < st.low ? c.low : st.low;
        st.lots += c.lots;
        turnover += (double)c.lots * (double)c.close;
    }
    st.last = s->last_px;
    turnover *= dec_to_double(s->c->tick) * dec_to_double(s->c->multiplier);
    must(dec_from_double(turnover, dec_scaled(1, -2), DEC_HALF_EVEN, &st.turnover) == ERR_OK);
    *ret = st;
}

dec_t engine_premium(const struct engine *e, int sym, int64_t minute_ns)
{
    dec_t rate;
    must(dec_from_double(synth_premium(e->market.seed, sym, minute_of(minute_ns)), dec_scaled(1, -8),
                         DEC_HALF_EVEN, &rate) == ERR_OK);
    return rate;
}

/* A minute's price without its premium; open, high, low and close are those of the minutes' closes. */
bool engine_index_bar(const struct engine *e, int sym, bool premium, int64_t start_ns, int minutes,
                      struct candle *ret)
{
    const struct contract *c = e->syms[sym].c;
    double unit = dec_to_double(c->tick) / dec_to_double(c->index_tick);
    struct candle bar = {start_ns, 0, 0, 0, 0, 0};
    bool any = false;
    int64_t first = minute_of(start_ns), oldest = e->market.minute - RING + 1;
    for (int64_t m = first > oldest ? first : oldest; m < first + minutes && m <= e->market.minute; m++) {
        struct candle x = minute_bar(e, sym, m);
        double p = synth_premium(e->market.seed, sym, m);
        if (x.lots == 0)
            continue;
        int64_t v = premium ? llround(p * 1e8) : llround((double)x.close * unit / (1 + p));
        bar.open = any ? bar.open : v;
        bar.high = any && bar.high > v ? bar.high : v;
        bar.low = any && bar.low < v ? bar.low : v;
        bar.close = v;
        any = true;
    }
    if (any)
        *ret = bar;
    return any;
}

int64_t engine_open_interest(const struct engine *e, int sym)
{
    int64_t lots = (int64_t)(e->syms[sym].c->lots_per_min * 500);
    for (int a = 0; a < e->n_accounts; a++)
        lots += e->positions[a][sym].qty > 0 ? e->positions[a][sym].qty : 0;
    return lots;
}

void engine_band(const struct engine *e, int sym, int64_t *ret_buy, int64_t *ret_sell)
{
    const struct contract *c = e->syms[sym].c;
    dec_t mark = engine_mark_px(&e->syms[sym]);
    dec_t buy = dec_round_to(dec_mul(mark, dec_lit("1.05")), c->tick, DEC_FLOOR);
    dec_t sell = dec_round_to(dec_mul(mark, dec_lit("0.95")), c->tick, DEC_CEIL);
    must(dec_to_int(dec_quo(buy, c->tick), ret_buy) == ERR_OK &&
         dec_to_int(dec_quo(sell, c->tick), ret_sell) == ERR_OK);
}
