/* Requests, answers and messages of the stream take their time, overtake one another or are lost; orders are filled in
 * parts in between, and execution dies now and then: in the end the books are the venue's, to the fill.
 */
#include <time.h>

#include "tests/agents/execution/stage.h"
#define TEST_TIMEOUT 300
#include "tests/runner.h"

#define CASES_MOST 200
#define STEP_MS    50
#define LIVELY_MS  40000        /* so long things happen, */
#define CALM_MS    40000        /* and so long nothing new does */

static const char *const symbols[] = {"XBTUSDTM", "ETHUSDTM"};
static uint64_t rng;
static size_t told;             /* fills, by those who died */
static bool down;               /* the stream */
static int64_t bare_ms[2], bare_worst_ms;

static uint64_t draw(uint64_t below)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (rng >> 11) % below;
}

static bool chance(uint64_t per_mille)
{
    return draw(1000) < per_mille;
}

static int64_t delay(void)
{
    return (int64_t)draw(chance(250) ? 1500 : 40) * NS_PER_MS;
}

/* The venue's queries are behind its fills now and then, by less than what it is given. */
static int64_t lag(void)
{
    return chance(250) ? (int64_t)draw(5000) * NS_PER_MS : 0;
}

static bool loses(void)
{
    return chance(10);
}

/* ---- what happens at the venue ---- */

static int64_t may_fill(const struct fv_order *o)
{
    int64_t held = *fv_held(o->symbol), left = o->size - o->deal;
    if (!o->whole && !o->reduces)
        return left;
    held = strcmp(o->side, "sell") == 0 ? held : -held;
    return held <= 0 ? 0 : o->whole || left > held ? held : left;
}

static bool is_exit(const struct fv_order *o)
{
    return (o->whole || o->reduces) && o->stop[0] == '\0';
}

static void tell(const struct fv_order *o, const char *type)
{
    if (!down)
        fv_tell_order(o, type);
}

/* Exits go through at any time. */
static void fill_some(bool lively)
{
    for (int64_t i = 0; i < fv.n_orders; i++) {
        struct fv_order *o = &fv.orders[i];
        if (!o->active || !chance(is_exit(o) ? 300 : lively ? 8 : 0))
            continue;
        int64_t most = may_fill(o);
        if (most == 0 && is_exit(o)) {
            o->active = false;
            o->cancelled = true;
            tell(o, "canceled");
        } else if (most > 0) {
            fv_fill_quietly(o, o->whole ? most : 1 + (int64_t)draw((uint64_t)most), "100", "0.0002");
            if (o->whole)
                o->active = false;
            tell(o, o->active ? "match" : "filled");
        }
    }
}

/* How long something has been held without a stop. */
static void look_at_stops(void)
{
    for (int i = 0; i < 2; i++) {
        bool stops = *fv_held(symbols[i]) == 0;
        for (int k = 0; fv_find("stop", k) != NULL; k++)
            stops |= strcmp(fv_find("stop", k)->symbol, symbols[i]) == 0;
        bare_ms[i] = stops ? 0 : bare_ms[i] + STEP_MS;
        if (bare_ms[i] > bare_worst_ms)
            bare_worst_ms = bare_ms[i];
    }
}

/* ---- what we say ---- */

static struct sub_order ends[1024];     /* what was said last of each of the venue's orders */
static int placed[1024];                /* times that it was said to be placed; < 0: something else came before */

static void gather(void)
{
    static const enum msg types[] = {MSG_ORDER_PLACED, MSG_ORDER_FILLED, MSG_ORDER_CANCELLED, MSG_ORDER_EXPIRED};
    told += fake_count(a, MSG_ORDER_FILLED);
    for (size_t i = 0; i < a->n_said; i++)
        for (int k = 0; k < 4; k++)
            if (a->said[i].type == types[k]) {
                const struct sub_order *o = &((const struct msg_order_placed *)a->said[i].msg)->order;
                int64_t n = atoll(o->order_id) - 1001;
                if (n < 0 || n >= 1024)
                    continue;
                ends[n] = *o;
                if (types[k] == MSG_ORDER_PLACED)
                    placed[n]++;
                else if (placed[n] == 0)
                    placed[n] = -1000;
            }
    fake_forget(a);
}

static bool end_is_right(const struct fv_order *v, const struct sub_order *o)
{
    if (o->cl_ord_id[0] == '\0')
        return v->parent != 0 && v->deal == 0;          /* a trigger that went before it was seen */
    bool live = o->status == STATUS_NEW || o->status == STATUS_PARTIAL;
    bool gone = o->status == STATUS_CANCELLED || o->status == STATUS_EXPIRED;
    return o->cum_qty == v->deal && (o->qty == v->size || v->whole || v->deal == 0) &&
           (v->active ? live : v->cancelled ? gone : o->status == STATUS_FILLED);
}

/* ---- what happens to us ---- */

/* Requests that have not arrived may arrive yet; no answer and no message does. */
static void forget_trips(uint64_t per_mille)
{
    static struct orphan { void *arg; struct orphan *next; } *orphans;     /* of the dead; reachable, so no leak */
    for (struct fv_trip *t = fv.trips; t < fv.trips + 512; t++) {
        if (t->due_ns == 0)
            continue;
        struct orphan *o = malloc(sizeof *o);
        must(o != NULL);
        *o = (struct orphan){t->arg, orphans};
        orphans = o;
        t->done = NULL;
        if (t->back || t->subject[0] != '\0' || chance(per_mille)) {
            json_decref(t->tree);
            fv_trip_end(t);
        }
    }
}

static void die(void)
{
    forget_trips(500);
    gather();
    crash();
    execution_start(a);
    execution_warm(a);
    down = true;
}

static void lose_the_stream(void)
{
    for (struct fv_trip *t = fv.trips; t < fv.trips + 512; t++)
        if (t->subject[0] != '\0')
            fv_trip_end(t);
    fv.stream.on_down(fv.stream.arg, "test");
    down = true;
}

static void go(int64_t ms, bool lively)
{
    for (; ms > 0; ms -= STEP_MS) {
        a->market_ns += STEP_MS * NS_PER_MS;
        fake_pass_ms(a, STEP_MS);
        fake_settle();
        nobody_answers();
        look_at_stops();
        if (down && fv.stream.arg == x && chance(50)) {
            down = false;
            fv.stream.on_up(fv.stream.arg);
        }
        fill_some(lively);
        if (!lively)
            continue;
        const char *s = symbols[draw(2)];
        if (chance(50) && x->trade_ready && books_trade(&x->books, s) == NULL)
            approve_as(s, chance(500) ? SIDE_BUY : SIDE_SELL, 1 + (int64_t)draw(6));
        if (chance(50))
            tick((const char *[]){"97", "99", "100", "101", "103"}[draw(5)]);
        if (chance(2))
            die();
        if (chance(2) && !down)
            lose_the_stream();
    }
}

/* NULL: the books are the venue's. */
static const char *difference(void)
{
    static char text[200];
    gather();
    for (int i = 0; i < 2; i++) {
        const struct trade *t = books_trade(&x->books, symbols[i]);
        int64_t held = t != NULL ? t->pnl.qty * t->pnl.side : 0, theirs = *fv_held(symbols[i]);
        snprintf(text, sizeof text, "%s: we hold %lld, the venue %lld", symbols[i], (long long)held, (long long)theirs);
        if (held != theirs)
            return text;
    }
    for (int64_t i = 0; i < fv.n_orders; i++) {
        const struct fv_order *v = &fv.orders[i];
        const struct sub_order *o = &ends[i];
        snprintf(text, sizeof text, "order %lld: said %.40s status %d, %lld of %lld; the venue: %s%s, %lld of %lld",
                 (long long)v->id, o->cl_ord_id, (int)o->status, (long long)o->cum_qty, (long long)o->qty,
                 v->active ? "active" : "ended", v->cancelled ? " by a cancel" : "", (long long)v->deal, (long long)v->size);
        if (!end_is_right(v, o))
            return text;
        snprintf(text, sizeof text, "order %lld, %.40s: said to be placed %d times", (long long)v->id, o->cl_ord_id, placed[i]);
        if (o->cl_ord_id[0] != '\0' && placed[i] != 1)
            return text;
    }
    snprintf(text, sizeof text, "%zu fills told of %lld, %lld corrected, %lld foreign, trade-ready %d", told,
             (long long)fv.fills, (long long)x->corrected, (long long)x->foreign, x->trade_ready);
    return told == (size_t)fv.fills && x->corrected == 0 && x->foreign == 0 && x->trade_ready ? NULL : text;
}

START_TEST(the_books_are_the_venues_however_answers_overtake_one_another)
{
    const char *given = getenv("SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000;
    int cases = given != NULL ? 1 : CASES_MOST;
    int64_t fills = 0;
    for (int i = 0; i < cases; i++) {
        uint64_t seed = first + (uint64_t)i;
        rng = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
        told = 0;
        memset(ends, 0, sizeof ends);
        memset(placed, 0, sizeof placed);
        down = false;
        begin();
        fv.delay = delay;
        fv.loses = loses;
        fv.lag = lag;
        fv.cuts = true;
        go(LIVELY_MS, true);
        go(CALM_MS, false);
        const char *wrong = difference();
        for (int more = 0; wrong != NULL && more < 4; more++) {         /* an entry's time is over just now */
            go(5000, false);
            wrong = difference();
        }
        ck_assert_msg(wrong == NULL, "SEED=%llu: %s", (unsigned long long)seed, wrong);
        fills += fv.fills;
        forget_trips(1000);
        end();
    }
    printf("%d cases from SEED=%llu, %lld fills, longest without a stop %lld ms\n", cases, (unsigned long long)first,
           (long long)fills, (long long)bare_worst_ms);
    ck_assert_int_ge(fills, cases);
    ck_assert_int_le(bare_worst_ms, 15000);
}
END_TEST

TESTS("overtaking", the_books_are_the_venues_however_answers_overtake_one_another)
