/* What the exchange never does, whatever two accounts order: money and lots are neither made nor lost.
 *
 * Sequences of random orders (all kinds, cancels, margins, pauses) by two accounts against the background,
 * here called the house.  A model fed by nothing but the engine's events keeps its own book, its own list of
 * resting orders and its own purses, and the laws below are checked against both after every call:
 *
 *  1 lots       positions of both accounts and the house add up to 0
 *  2 money      available + margins + unrealised of both + the house's worth = deposits - fees + funding,
 *               and each account by itself: to the last digit
 *  3 fees       value = lots x multiplier x price, fee = value x the rate of that liquidity; fees and funding
 *               to 8 places, in the exchange's favour
 *  4 limit      no fill outside the limit that was asked for, nor beyond the size; reducing orders open nothing
 *  5 priority   a maker fills after all better prices and older orders, and when nothing is ahead of it
 *  6 walk       a taker gets what the book shows, best price first; FOK all or nothing, post-only nothing
 *  7 book       level changes are gap-free, never crossed, never negative; the book told is the book asked for
 *  8 orders     filled <= size; the queue before an order is never negative; resting = what events say
 *
 * ENIGMA_TEST_SEED and ENIGMA_TEST_SEQUENCES choose another run; tests/scenario/test_paper_mutants.sh shows
 * that planted mistakes are found. */
#define TEST_TIMEOUT 560
#include "tests/runner.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "deploy/paper/engine.h"
#include "deploy/paper/synth.h"
#include "proto/err.h"

#define T0 1763700000000000000LL
#define DAY8 (8 * 3600 * NS_PER_S)
#define ACCOUNTS 2
#define ORDERS_MAX 400000
#define LEVELS_MAX 4096
#define WALK_MAX 256
#define TAPE_MAX 128
#define SEQUENCES 100000
#define RUN 5000        /* sequences of one engine */
#define CALLS 5         /* of one sequence */

struct resting { bool open, hidden; int8_t side; int account; int64_t px, left, visible, entered; bool reduce; };
struct asked { int64_t limit; int8_t side; int64_t lots; };     /* limit 0: none */
struct purse { int64_t qty; dec_t flow, fees, funding; };
struct walk { struct level at[WALK_MAX]; size_t n; };

static struct engine *e;
static struct rng rnd;
static struct {
    struct level side[2][LEVELS_MAX];   /* best first */
    size_t n[2];
    int64_t sequence;
    struct resting order[ORDERS_MAX];   /* by the number in the id */
    struct asked asked[ORDERS_MAX];
    size_t live[4096], n_live;          /* open ones of `order` */
    int64_t entered;
    struct purse purse[ACCOUNTS], house;
    struct trade tape[TAPE_MAX];        /* the last ones, by the count */
    int64_t n_tape;
    struct walk got;                    /* fills of the order being placed, as a taker */
    int64_t id0;
    int64_t walking;                    /* its id */
} m;
static long n_calls, n_fills, n_maker, n_liquid, n_walks, n_triggered, n_refused, n_between;
static char broken[256];

__attribute__((format(printf, 2, 3))) static void law(bool holds, const char *fmt, ...)
{
    if (holds || *broken)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(broken, sizeof broken, fmt, ap);
    va_end(ap);
}

static const struct contract *xbt(void) { return contract_get(0); }
static dec_t value_of(int64_t lots, int64_t px)
{
    return dec_mul(dec_mul(dec_int(lots), xbt()->multiplier), dec_mul(dec_int(px), xbt()->tick));
}
static int64_t below(int64_t n) { return (int64_t)(rng_next(&rnd) % (uint64_t)n); }
static bool one_in(int64_t n) { return below(n) == 0; }

/* ---- the model's book -------------------------------------------------------------------------- */

static void on_level(void *arg, int sym, int64_t sequence, int side, int64_t px, int64_t lots)
{
    (void)arg, (void)sym;
    int k = side == SIDE_BUY ? 0 : 1;
    int64_t dir = k == 0 ? -1 : 1;
    struct level *l = m.side[k];
    size_t i = 0, *n = &m.n[k];
    law(m.sequence == 0 || sequence == m.sequence + 1, "7 book: sequence jumps");
    law(lots >= 0 && px > 0, "7 book: level of %lld lots", (long long)lots);
    m.sequence = sequence;
    while (i < *n && (l[i].px - px) * dir < 0)
        i++;
    bool there = i < *n && l[i].px == px;
    if (lots == 0 && there) {
        memmove(&l[i], &l[i + 1], (--*n - i) * sizeof *l);
    } else if (lots > 0) {
        if (!there) {
            must(*n < LEVELS_MAX);
            memmove(&l[i + 1], &l[i], ((*n)++ - i) * sizeof *l);
        }
        l[i] = (struct level){px, lots};
    }
    law(m.n[0] == 0 || m.n[1] == 0 || m.side[0][0].px < m.side[1][0].px, "7 book: crossed");
}

static void load_book(void)
{
    for (int k = 0; k < 2; k++)
        m.n[k] = LEVELS_MAX;
    engine_book(e, 0, m.side[0], &m.n[0], m.side[1], &m.n[1], &m.sequence);
}

static void check_book(void)
{
    static struct level side[2][LEVELS_MAX];
    size_t n[2] = {LEVELS_MAX, LEVELS_MAX};
    int64_t sequence;
    engine_book(e, 0, side[0], &n[0], side[1], &n[1], &sequence);
    law(sequence == m.sequence, "7 book: its sequence is not the last one told");
    for (int k = 0; k < 2; k++) {
        law(n[k] == m.n[k], "7 book: %zu levels, told %zu", n[k], m.n[k]);
        for (size_t i = 0; i < n[k] && n[k] == m.n[k]; i++)
            law(side[k][i].px == m.side[k][i].px && side[k][i].lots == m.side[k][i].lots,
                "7 book: level %zu is %lld x %lld, told %lld x %lld", i, (long long)side[k][i].px,
                (long long)side[k][i].lots, (long long)m.side[k][i].px, (long long)m.side[k][i].lots);
    }
}

/* ---- the model's orders and purses ------------------------------------------------------------- */

static struct resting *resting_of(int64_t id)
{
    must(id >= m.id0 && id - m.id0 < ORDERS_MAX);
    return &m.order[id - m.id0];
}

static void drop_live(const struct resting *r)
{
    for (size_t i = 0; i < m.n_live; i++)
        if (&m.order[m.live[i]] == r)
            m.live[i] = m.live[--m.n_live];
}

static void pay(struct purse *p, int side, int64_t lots, dec_t value)
{
    p->qty += side * lots;
    p->flow = side > 0 ? dec_sub(p->flow, value) : dec_add(p->flow, value);
}

/* Those of the two sides of a trade that no account has are the house. */
static void on_trade(void *arg, int sym, const struct trade *t)
{
    (void)arg, (void)sym;
    law(t->lots > 0 && t->px > 0, "7 book: trade of %lld lots", (long long)t->lots);
    m.tape[m.n_tape++ % TAPE_MAX] = *t;
    n_between += t->taker_id >= m.id0 && t->maker_id >= m.id0;
    if (t->taker_id < m.id0)
        pay(&m.house, t->side, t->lots, value_of(t->lots, t->px));
    if (t->maker_id < m.id0)
        pay(&m.house, -t->side, t->lots, value_of(t->lots, t->px));
}

/* Such a fill is a market print beyond the order's price: the print stands on the tape after it. */
static bool printed_beyond(const struct order *o, const struct fill *f)
{
    for (int64_t i = m.n_tape; i-- > 0 && i > m.n_tape - TAPE_MAX;) {
        const struct trade *t = &m.tape[i % TAPE_MAX];
        if (t->trade_id > f->trade_id && t->side == -o->side && (t->px - o->px) * t->side > 0)
            return true;
    }
    return false;
}

static void check_priority(const struct order *o, const struct fill *f)
{
    const struct resting *r = resting_of(o->id);
    law(r->open, "5 priority: an order fills that does not rest");
    law(f->px == o->px, "5 priority: a maker fills at another price");
    if (f->own)
        law(printed_beyond(o, f), "5 priority: filled out of turn without a print beyond it");
    else
        law(o->ahead == 0, "5 priority: %lld lots were ahead", (long long)o->ahead);
    for (size_t i = 0; i < m.n_live; i++) {
        const struct resting *x = &m.order[m.live[i]];
        if (x == r || x->side != r->side)
            continue;
        law((x->px - r->px) * r->side <= 0, "5 priority: a better price waits");
        law(x->px != r->px || x->entered > r->entered, "5 priority: an older order waits");
    }
}

static void check_fill(const struct order *o, const struct fill *f)
{
    const struct asked *a = &m.asked[o->id - m.id0];
    bool unseen = o->hidden || o->visible;
    dec_t rate = dec_lit(f->liquidity == LIQ_MAKER && !unseen ? "0.0002" : "0.0006");
    law(dec_eq(f->value, value_of(f->lots, f->px)), "3 fees: value is not lots x multiplier x price");
    if (f->trade_type == TRADE_LIQUID)
        rate = dec_zero();
    law(dec_eq(f->fee, dec_round_places(dec_mul(f->value, rate), 8, DEC_CEIL)), "3 fees: fee is not value x rate");
    law(f->lots > 0 && f->side == o->side, "4 limit: side or lots");
    law(a->limit == 0 || (a->limit - f->px) * o->side >= 0, "4 limit: %lld, filled at %lld",
        (long long)a->limit, (long long)f->px);
    law(!f->opens || !o->reduce_only || o->force_hold, "4 limit: a reducing order opens a position");
    law(o->cum_lots <= o->lots && (a->lots == 0 || o->cum_lots <= a->lots), "4 limit: more than was ordered");
}

static void on_order(void *arg, enum order_event ev, const struct order *o, const struct fill *f,
                     int64_t old)
{
    (void)arg, (void)old;
    struct resting *r = resting_of(o->id);
    if (ev == EV_OPEN) {
        *r = (struct resting){true, o->hidden, o->side, o->account, o->px, o->lots - o->cum_lots, o->visible,
                              ++m.entered, o->reduce_only};
        must(m.n_live < sizeof m.live / sizeof m.live[0]);
        m.live[m.n_live++] = (size_t)(o->id - m.id0);
    } else if (ev == EV_MATCH) {
        struct purse *p = &m.purse[o->account];
        n_fills++;
        check_fill(o, f);
        if (f->liquidity == LIQ_MAKER) {
            n_maker++;
            check_priority(o, f);
            r->left -= f->lots;
            law(r->left >= 0, "8 orders: more filled than rested");
        } else if (o->id == m.walking && m.got.n < WALK_MAX) {
            if (m.got.n == 0 || m.got.at[m.got.n - 1].px != f->px)
                m.got.at[m.got.n++] = (struct level){f->px, 0};
            m.got.at[m.got.n - 1].lots += f->lots;
        }
        pay(p, f->side, f->lots, f->value);
        p->fees = dec_add(p->fees, f->fee);
        if (f->trade_type == TRADE_LIQUID) {        /* the insurance fund is the house */
            n_liquid++;
            pay(&m.house, -f->side, f->lots, f->value);
        }
    } else if (ev == EV_UPDATE) {
        r->left = o->lots - o->cum_lots;
    } else if (r->open) {
        law(ev == EV_CANCELED || r->left == 0, "8 orders: filled with %lld left", (long long)r->left);
        r->open = false;
        drop_live(r);
    }
}

static void on_stop(void *arg, enum stop_event ev, const struct order *o, bool ok, const char *why)
{
    (void)arg, (void)o, (void)ok, (void)why;
    n_triggered += ev == EV_STOP_TRIGGERED;
}

static void on_settlement(void *arg, const struct funding_row *row)
{
    (void)arg;
    struct purse *p = &m.purse[row->account];
    dec_t want = dec_neg(dec_mul(dec_mul(dec_mul(dec_int(p->qty), xbt()->multiplier), row->mark), row->rate));
    law(dec_eq(row->amount, dec_round_places(want, 8, DEC_FLOOR)), "2 money: funding is not value x rate");
    p->funding = dec_add(p->funding, row->amount);
}

static const struct engine_events events = {.level = on_level, .trade = on_trade, .order = on_order,
                                            .stop = on_stop, .settlement = on_settlement};

/* ---- the laws of money and lots ---------------------------------------------------------------- */

static void check_money(void)
{
    dec_t mark, index, all = dec_zero(), want = dec_zero();
    engine_mark(e, 0, &mark, &index);
    dec_t unit = dec_mul(xbt()->multiplier, mark);
    int64_t lots = m.house.qty;
    for (int a = 0; a < ACCOUNTS; a++) {
        const struct purse *p = &m.purse[a];
        const struct account *x = engine_account_get(e, a);
        struct wallet w;
        struct position_view v;
        engine_wallet(e, a, &w);
        engine_position(e, a, 0, &v);
        dec_t net = dec_add(dec_sub(x->deposits, p->fees), p->funding);
        dec_t worth = dec_add(dec_add(net, p->flow), dec_mul(dec_int(p->qty), unit));
        dec_t shown = dec_add(dec_add(w.available, dec_add(w.position_margin, w.order_margin)), w.upnl);
        law(v.qty == p->qty, "1 lots: position %lld, fills say %lld", (long long)v.qty, (long long)p->qty);
        law(dec_eq(x->fees, p->fees) && dec_eq(x->funding, p->funding), "2 money: fees or funding of an account");
        law(dec_eq(shown, worth), "2 money: an account is not worth what it paid and got");
        law(dec_eq(dec_add(x->cash, v.upnl), worth), "2 money: cash + unrealised of an account");
        law(dec_sign(v.margin) >= 0 || v.qty != 0, "2 money: margin of a closed position");
        law(v.qty != 0 || (dec_is_zero(v.cost) && dec_is_zero(v.init)), "2 money: cost of a closed position");
        lots += v.qty;
        all = dec_add(all, shown);
        want = dec_add(want, net);
    }
    dec_t house = dec_add(m.house.flow, dec_mul(dec_int(m.house.qty), unit));
    law(lots == 0, "1 lots: they add up to %lld", (long long)lots);
    law(dec_eq(dec_add(all, house), want), "2 money: the sum over all is not deposits - fees + funding");
}

static void check_orders(void)
{
    for (size_t i = 0; i < m.n_live; i++) {
        const struct order *o = engine_order(e, m.id0 + (int64_t)m.live[i]);
        const struct resting *r = &m.order[m.live[i]];
        law(o->state == ORDER_OPEN && o->lots - o->cum_lots == r->left && r->left > 0,
            "8 orders: %lld left, events say %lld", (long long)(o->lots - o->cum_lots), (long long)r->left);
        law(o->ahead >= 0, "8 orders: %lld ahead", (long long)o->ahead);
    }
}

/* ---- what a taker must get --------------------------------------------------------------------- */

static int64_t unseen_at(int64_t px, int side)
{
    int64_t lots = 0;
    for (size_t i = 0; i < m.n_live; i++) {
        const struct resting *r = &m.order[m.live[i]];
        if (r->px != px || r->side != side)
            continue;
        lots += r->hidden ? r->left : r->visible && r->visible < r->left ? r->left - r->visible : 0;
    }
    return lots;
}

/* The book from the other side, hidden prices included, up to `lots` within the limit. */
static int64_t expect(int side, int64_t limit, int64_t lots, struct walk *ret)
{
    int k = side == SIDE_BUY ? 1 : 0;
    int64_t got = 0, last = 0;
    ret->n = 0;
    for (size_t i = 0; got < lots && ret->n < WALK_MAX;) {
        int64_t px = i < m.n[k] ? m.side[k][i].px : 0;
        for (size_t h = 0; h < m.n_live; h++) {         /* a hidden order before the next visible level */
            const struct resting *r = &m.order[m.live[h]];
            if (r->side == -side && r->hidden && (last == 0 || (r->px - last) * side > 0) &&
                (px == 0 || (px - r->px) * side > 0))
                px = r->px;
        }
        if (px == 0 || (limit != 0 && (limit - px) * side < 0))
            break;
        int64_t there = unseen_at(px, -side);
        if (i < m.n[k] && m.side[k][i].px == px)
            there += m.side[k][i++].lots;
        int64_t n = there < lots - got ? there : lots - got;
        ret->at[ret->n++] = (struct level){px, n};
        got += n;
        last = px;
    }
    return got;
}

/* Reducing orders shrink while they are matched: then the walk is not known beforehand. */
static bool any_reducing(void)
{
    for (size_t i = 0; i < m.n_live; i++)
        if (m.order[m.live[i]].reduce)
            return true;
    return false;
}

/* ---- random calls ------------------------------------------------------------------------------ */

static int64_t near_px(void)
{
    int64_t base = m.n[0] ? m.side[0][0].px : 900000;
    int64_t width = one_in(6) ? 4000 : one_in(3) ? 300 : 12;
    return base + below(2 * width) - width;
}

static void random_request(struct order_req *r, char oid[24])
{
    static const int leverages[] = {1, 2, 5, 10, 25, 50, 100, 125};
    memset(r, 0, sizeof *r);
    snprintf(oid, 24, "c-%ld", n_calls);
    r->account = (int)below(ACCOUNTS);
    r->symbol = "XBTUSDTM";
    r->cl_ord_id = oid;
    r->side = one_in(2) ? SIDE_BUY : SIDE_SELL;
    r->type = one_in(4) ? TYPE_MARKET : TYPE_LIMIT;
    r->price = r->type == TYPE_LIMIT ? contract_px(xbt(), near_px()) : dec_zero();
    r->tif = one_in(2) ? TIF_GTC : (enum tif)below(3);
    r->stp = one_in(2) ? STP_NONE : (enum stp)below(4);
    r->leverage = leverages[below(8)];
    r->lots = 1 + below(one_in(10) ? 2000 : 40);
    r->post_only = one_in(8);
    r->hidden = one_in(12);
    r->iceberg = one_in(12);
    r->visible = r->iceberg ? 1 + below(r->lots) : 0;
    r->reduce_only = one_in(5);
    r->close_order = one_in(15);
    r->force_hold = one_in(20);
    if (one_in(10)) {
        r->qty = dec_mul(dec_int(r->lots), xbt()->multiplier);
        r->lots = 0;
    }
    if (one_in(8)) {
        r->stop = one_in(2) ? STOP_UP : STOP_DOWN;
        r->stop_px_type = (enum stop_px_type)below(3);
        r->stop_px = contract_px(xbt(), near_px());
    } else if (one_in(8)) {
        r->up_px = contract_px(xbt(), near_px() + 1500);
        r->down_px = contract_px(xbt(), near_px() - 1500);
    }
}

static void remember_request(const struct order_req *r, int64_t id)
{
    struct asked *a = &m.asked[id - m.id0];
    int64_t px = 0, lots = r->lots;
    if (r->type == TYPE_LIMIT)
        must(dec_to_int(dec_quo(r->price, xbt()->tick), &px) == ERR_OK);
    if (!dec_is_zero(r->qty))
        must(dec_to_int(dec_quo(r->qty, xbt()->multiplier), &lots) == ERR_OK);
    *a = (struct asked){px, (int8_t)r->side, r->close_order ? 0 : lots};
}

static void check_walk(const struct order_req *r, const struct walk *want, int64_t there)
{
    const struct asked *a = &m.asked[m.walking - m.id0];
    const struct order *o = engine_order(e, m.walking);
    bool post = r->post_only && r->tif == TIF_GTC && r->type == TYPE_LIMIT;
    size_t n = (post && there > 0) || (r->tif == TIF_FOK && there < a->lots) ? 0 : want->n;
    law(m.got.n == n, "6 walk: filled at %zu prices, the book had %zu", m.got.n, n);
    for (size_t i = 0; i < n && m.got.n == n; i++)
        law(m.got.at[i].px == want->at[i].px && m.got.at[i].lots == want->at[i].lots,
            "6 walk: %lld x %lld, the book had %lld x %lld", (long long)m.got.at[i].px,
            (long long)m.got.at[i].lots, (long long)want->at[i].px, (long long)want->at[i].lots);
    bool rests = n == 0 && there > 0 ? false : r->type == TYPE_LIMIT && r->tif == TIF_GTC && there < a->lots;
    if (o->state == ORDER_OPEN)
        law(rests, "6 walk: an order rests that should not");
    else if (rests)
        law(o->cum_lots > there || o->cancel_exist, "6 walk: an order is gone that should rest");
    n_walks++;
}

static void random_order(void)
{
    struct order_req r;
    char oid[24], msg[ENGINE_MSG_MAX];
    static struct walk want;
    int64_t id = 0, there = 0;
    random_request(&r, oid);
    int64_t next = m.id0 + (int64_t)engine_n_orders(e);
    remember_request(&r, next);
    bool walk = r.stop == STOP_NONE && r.stp == STP_NONE && !r.reduce_only && !r.close_order && !any_reducing();
    if (walk)
        there = expect(r.side, m.asked[next - m.id0].limit, m.asked[next - m.id0].lots, &want);
    m.got.n = 0;
    m.walking = next;
    if (engine_place(e, &r, one_in(20), &id, msg) != 0) {
        n_refused++;
        m.asked[next - m.id0] = (struct asked){0, 0, 0};
        law(engine_n_orders(e) == (size_t)(next - m.id0), "8 orders: a refused order exists");
    } else if (engine_n_orders(e) == (size_t)(next - m.id0)) {      /* a test order: nothing is there */
        m.asked[next - m.id0] = (struct asked){0, 0, 0};
    } else if (walk) {
        law(id == next, "8 orders: ids have a gap");
        check_walk(&r, &want, there);
    }
    m.walking = 0;
}

static void random_call(void)
{
    char msg[ENGINE_MSG_MAX];
    int a = (int)below(ACCOUNTS);
    n_calls++;
    if (one_in(12) && m.n_live > 0) {
        size_t i = m.live[below((int64_t)m.n_live)];
        (void)engine_cancel(e, m.order[i].account, m.id0 + (int64_t)i, msg);
    } else if (one_in(60)) {
        (void)engine_cancel_all(e, a, one_in(2) ? 0 : -1, one_in(2), NULL, 0);
    } else if (one_in(25)) {
        dec_t amount = dec_scaled(1 + below(5000000), -4);
        (void)engine_add_margin(e, a, 0, one_in(2) ? amount : dec_neg(amount), msg);
    } else if (one_in(400)) {
        (void)engine_set_risk_level(e, a, 0, 1 + (int)below(4), msg);
    } else {
        random_order();
    }
}

static void random_sequence(int64_t *now)
{
    int64_t step = one_in(2000) ? DAY8 / 4 : one_in(25) ? 600 * NS_PER_S : below(NS_PER_S);
    *now += step;
    ck_assert_int_eq(engine_advance(e, *now, *now), ERR_OK);
    check_money();
    for (int i = 0; i < CALLS; i++) {
        random_call();
        check_money();
    }
    check_book();
    check_orders();
}

/* One engine, from shortly before a settlement of funding. */
static void random_run(uint64_t seed, int sequences)
{
    char msg[ENGINE_MSG_MAX];
    int64_t now = T0 / DAY8 * DAY8 + DAY8 - 600 * NS_PER_S, id;
    struct engine_config c = {.market = "synthetic", .symbols = "XBTUSDTM", .seed = seed % 1000000,
                              .start_ns = now, .events = &events};
    memset(&m, 0, sizeof m);
    m.id0 = INT64_MAX;
    rnd = (struct rng){seed};
    ck_assert_msg(engine_open(&c, now, &e, msg) == ERR_OK, "%s", msg);
    ck_assert_int_eq(engine_account(e, "rich", dec_int(1000000)), 0);
    ck_assert_int_eq(engine_account(e, "poor", dec_int(30000)), 1);
    struct order_req first = {.symbol = "XBTUSDTM", .cl_ord_id = "first", .side = SIDE_BUY, .leverage = 1,
                              .type = TYPE_MARKET, .lots = 1};
    now += NS_PER_S;
    ck_assert_int_eq(engine_advance(e, now, now), ERR_OK);
    ck_assert_int_eq(engine_place(e, &first, true, &id, msg), 0);
    m.id0 = id;                                         /* the first order of all will have it */
    load_book();
    for (int i = 0; i < sequences; i++) {
        if (!*broken)
            random_sequence(&now);
        ck_assert_msg(!*broken, "seed %llu, sequence %d, call %ld: law %s", (unsigned long long)seed, i, n_calls,
                      broken);
    }
    engine_close(e);
}

static long from_env(const char *name, long def)
{
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : def;
}

START_TEST(a_hundred_thousand_sequences_of_orders_make_and_lose_nothing)
{
    long seed = from_env("ENIGMA_TEST_SEED", (long)time(NULL)), n = from_env("ENIGMA_TEST_SEQUENCES", SEQUENCES);
    printf("seed %ld\n", seed);
    fflush(stdout);
    for (long done = 0; done < n; done += RUN)
        random_run((uint64_t)(seed + done), (int)(n - done < RUN ? n - done : RUN));
    printf("%ld sequences, %ld calls (%ld refused), %ld fills (%ld as maker, %ld liquidations; %ld trades between orders of the two), %ld stops triggered, "
           "%ld walks of the book compared\n", n, n_calls, n_refused, n_fills, n_maker, n_liquid, n_between, n_triggered, n_walks);
    if (n >= 20000)
        ck_assert(n_between > n / 100 && n_fills > n / 10 && n_maker > n / 50 && n_walks > n / 10 && n_triggered > n / 100 && n_liquid > 0);
}
END_TEST

TESTS("conservation", a_hundred_thousand_sequences_of_orders_make_and_lose_nothing)
