#define TEST_TIMEOUT 60
#include "tests/runner.h"

#include <string.h>
#include <time.h>

#include "deploy/paper/engine.h"
#include "deploy/paper/synth.h"
#include "proto/err.h"

#define T0 1763700000000000000LL
#define S NS_PER_S

static char msg[ENGINE_MSG_MAX];
static struct { long levels, trades, order_events, stop_open, triggered, settled; int64_t seq;
                bool gap, outside; int64_t traded_at[8]; } seen;

static void on_level(void *arg, int sym, int64_t seq, int side, int64_t px, int64_t lots)
{
    (void)arg, (void)side, (void)px, (void)lots;
    seen.levels++;
    if (sym == 0) {
        seen.gap |= seen.seq && seq != seen.seq + 1;
        seen.seq = seq;
    }
}
static void on_trade(void *arg, int sym, const struct trade *t)
{
    (void)arg, (void)sym, (void)t;
    seen.trades++;
}
static void on_order(void *arg, enum order_event ev, const struct order *o, const struct fill *f,
                     int64_t old)
{
    (void)arg, (void)old;
    seen.order_events++;
    if (ev == EV_MATCH && o->type == TYPE_LIMIT)
        seen.outside |= (o->px - f->px) * o->side < 0;
}
static void on_stop(void *arg, enum stop_event ev, const struct order *o, bool ok, const char *why)
{
    (void)arg, (void)o, (void)ok, (void)why;
    seen.stop_open += ev == EV_STOP_OPEN;
    seen.triggered += ev == EV_STOP_TRIGGERED;
}
static void on_settled(void *arg, const struct funding_row *r)
{
    (void)arg, (void)r;
    seen.settled++;
}
static const struct engine_events events = {.level = on_level, .trade = on_trade,
    .order = on_order, .stop = on_stop, .settlement = on_settled};

static struct engine *start(uint64_t seed, const char *symbols, int64_t t0)
{
    struct engine *e;
    struct engine_config c = {.market = "synthetic", .symbols = symbols, .seed = seed,
                              .start_ns = t0, .events = &events};
    memset(&seen, 0, sizeof seen);
    ck_assert_msg(engine_open(&c, t0, &e, msg) == ERR_OK, "%s", msg);
    return e;
}

static int oid;
static int place(struct engine *e, int a, enum side side, int64_t lots, int64_t px, int lev,
                 struct order_req more, int64_t *id)
{
    char text[24];
    snprintf(text, sizeof text, "c-%d", oid++);
    more.account = a;
    more.symbol = "XBTUSDTM";
    more.cl_ord_id = text;
    more.side = side;
    more.lots = lots;
    more.leverage = lev;
    more.type = px ? TYPE_LIMIT : TYPE_MARKET;
    if (px)
        more.price = contract_px(contract_get(0), px);
    return engine_place(e, &more, false, id, msg);
}
static struct order_req none(void)
{
    struct order_req r;
    memset(&r, 0, sizeof r);
    return r;
}

/* cash - deposits = profit - fees + funding, and profit = sales - buys + what is still held. */
static void check_money(struct engine *e)
{
    dec_t flow[2] = {dec_zero(), dec_zero()}, fees[2] = {dec_zero(), dec_zero()};
    for (size_t i = 0; i < engine_n_fills(e); i++) {
        const struct fill *f = engine_fill_at(e, i);
        flow[f->account] = dec_add(flow[f->account],
                                   f->side > 0 ? dec_neg(f->value) : f->value);
        fees[f->account] = dec_add(fees[f->account], f->fee);
    }
    for (int a = 0; a < engine_accounts(e); a++) {
        const struct account *acc = engine_account_get(e, a);
        struct position_view v;
        engine_position(e, a, 0, &v);
        dec_t funding = dec_zero();
        for (size_t i = 0; i < engine_n_funding(e); i++)
            if (engine_funding_at(e, i)->account == a)
                funding = dec_add(funding, engine_funding_at(e, i)->amount);
        ck_assert(dec_eq(acc->fees, fees[a]));
        ck_assert(dec_eq(dec_sub(acc->cash, acc->deposits),
                         dec_add(funding, dec_sub(dec_add(flow[a], v.cost), fees[a]))));
    }
}

static void check_book(struct engine *e)
{
    struct level bid[200], ask[200];
    size_t nb = 200, na = 200;
    int64_t seq;
    engine_book(e, 0, bid, &nb, ask, &na, &seq);
    ck_assert(nb >= 50 && na >= 50 && bid[0].px < ask[0].px);
    for (size_t i = 1; i < nb; i++)
        ck_assert(bid[i].px < bid[i - 1].px && bid[i].lots > 0);
    for (size_t i = 1; i < na; i++)
        ck_assert(ask[i].px > ask[i - 1].px && ask[i].lots > 0);
}

START_TEST(rates_stay_within_20_level_changes_and_2_trades_a_second)
{
    struct engine *e = start(1, NULL, T0);
    struct timespec a, b;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int64_t t = 0; t <= 3600; t++)
        ck_assert_int_eq(engine_advance(e, T0 + t * S, T0 + t * S / 60), ERR_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    double cpu = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    printf("levels %.1f trades %.2f per symbol and second; %.3f %% of a core at 60x\n",
           (double)seen.levels / 8 / 3600, (double)seen.trades / 8 / 3600, cpu / 60 * 100);
    ck_assert(seen.levels < 20L * 8 * 3600 && seen.trades < 2L * 8 * 3600 && !seen.gap);
    check_book(e);
    engine_close(e);
}
END_TEST

START_TEST(random_orders_conserve_money_and_never_cross_the_book)
{
    uint64_t seed = (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    struct rng r = {seed};
    long placed = 0, filled = 0;
    struct engine *e = start(seed, "XBTUSDTM", T0);
    ck_assert_int_eq(engine_account(e, "a", dec_int(20000)), 0);
    ck_assert_int_eq(engine_account(e, "b", dec_int(300)), 1);
    for (int64_t i = 1; i <= 20000; i++) {
        ck_assert_int_eq(engine_advance(e, T0 + i * 700000000, T0 + i), ERR_OK);
        int a = (int)(rng_next(&r) % 2);
        enum side side = rng_next(&r) % 2 ? SIDE_BUY : SIDE_SELL;
        struct ticker t;
        engine_ticker(e, 0, &t);
        struct order_req q = none();
        q.tif = (enum tif)(rng_next(&r) % 3);
        q.post_only = rng_next(&r) % 5 == 0;
        q.reduce_only = rng_next(&r) % 4 == 0;
        q.close_order = rng_next(&r) % 20 == 0;
        q.stp = (enum stp)(rng_next(&r) % 4);
        if (rng_next(&r) % 8 == 0) {
            q.stop = rng_next(&r) % 2 ? STOP_UP : STOP_DOWN;
            q.stop_px_type = (enum stop_px_type)(rng_next(&r) % 3);
            q.stop_px = contract_px(contract_get(0), t.bid.px + (int64_t)(rng_next(&r) % 2000) - 1000);
        } else if (rng_next(&r) % 6 == 0) {
            q.up_px = contract_px(contract_get(0), t.ask.px + 1500);
            q.down_px = contract_px(contract_get(0), t.ask.px - 1500);
        }
        int64_t id, px = rng_next(&r) % 4 ? t.bid.px + (int64_t)(rng_next(&r) % 400) - 200 : 0;
        placed += place(e, a, side, 1 + (int64_t)(rng_next(&r) % 40), px,
                        1 + (int)(rng_next(&r) % 60), q, &id) == 0;
        if (rng_next(&r) % 50 == 0)
            engine_cancel_all(e, a, -1, rng_next(&r) % 2, NULL, 0);
        if (i % 50 == 0)
            check_book(e);
        if (i % 1000 == 0)
            check_money(e);
        for (size_t k = 0; k < engine_n_orders(e) && i % 5000 == 0; k++)
            ck_assert(engine_order_at(e, k)->cum_lots <= engine_order_at(e, k)->lots);
    }
    filled = (long)engine_n_fills(e);
    printf("placed %ld fills %ld closed %zu triggered %ld\n", placed, filled, engine_n_closed(e),
           seen.triggered);
    ck_assert(placed > 1000 && filled > 1000 && !seen.outside && !seen.gap);
    engine_close(e);
}
END_TEST

/* An exchange a minute into its market, and an account with so many USDT. */
static struct engine *start_with(uint64_t seed, int64_t usdt, int *a)
{
    struct engine *e = start(seed, "XBTUSDTM", T0);
    *a = engine_account(e, "a", dec_int(usdt));
    engine_advance(e, T0 + 60 * S, T0);
    return e;
}

START_TEST(a_resting_order_waits_for_the_lots_ahead_of_it)
{
    int a;
    struct engine *e = start_with(3, 10000, &a);
    struct ticker t;
    engine_ticker(e, 0, &t);
    int64_t id;
    ck_assert_int_eq(place(e, a, SIDE_BUY, 5, t.bid.px, 5, none(), &id), 0);
    const struct order *o = engine_order(e, id);
    ck_assert_int_eq(o->ahead, t.bid.lots);
    ck_assert_int_eq(place(e, a, SIDE_BUY, 5, t.bid.px, 5, none(), &id), 0);
    ck_assert_int_eq(o->cum_lots, 0);
    for (int64_t k = 61; k < 1800 && engine_order(e, id)->cum_lots == 0; k++)
        engine_advance(e, T0 + k * S, T0);
    ck_assert_int_eq(o->cum_lots, 5);
    engine_close(e);
}
END_TEST

/* Buy up to collar ticks above the ask, with triggers away ticks to either side of it. */
static int64_t buy_with_triggers(struct engine *e, int a, int64_t lots, int64_t collar,
    int64_t away)
{
    struct ticker t;
    engine_ticker(e, 0, &t);
    struct order_req q = none();
    q.up_px = contract_px(contract_get(0), t.ask.px + away);
    q.down_px = contract_px(contract_get(0), t.ask.px - away);
    int64_t id;
    ck_assert_int_eq(place(e, a, SIDE_BUY, lots, t.ask.px + collar, 5, q, &id), 0);
    return id;
}

START_TEST(an_st_order_brings_its_stops_and_one_of_them_closes_the_position)
{
    int a;
    struct engine *e = start_with(4, 10000, &a);
    int64_t id = buy_with_triggers(e, a, 10, 10, 500);
    ck_assert_int_eq(engine_order(e, id)->cum_lots, 10);
    ck_assert_int_eq(seen.stop_open, 2);
    for (int64_t k = 61; k < 3600 && engine_n_closed(e) == 0; k++)
        engine_advance(e, T0 + k * S, T0);
    ck_assert_uint_eq(engine_n_closed(e), 1);
    ck_assert_int_eq(seen.triggered, 1);
    struct position_view v;
    engine_position(e, a, 0, &v);
    ck_assert_int_eq(v.qty, 0);
    check_money(e);
    int64_t ids[4];
    ck_assert_uint_eq(engine_cancel_all(e, a, -1, true, ids, 4), 0);
    engine_close(e);
}
END_TEST

START_TEST(the_triggers_of_an_st_order_stay_however_many_fills_it_has)
{
    int a;
    struct engine *e = start_with(4, 10000000, &a);
    struct ticker t;
    engine_ticker(e, 0, &t);
    size_t before = engine_n_fills(e);
    buy_with_triggers(e, a, 3 * t.ask.lots, 1000, 5000);
    ck_assert_uint_gt(engine_n_fills(e) - before, 1);
    int64_t ids[4];
    ck_assert_int_eq(seen.stop_open, 2);
    ck_assert_uint_eq(engine_cancel_all(e, a, -1, true, ids, 4), 2);
    engine_close(e);
}
END_TEST

START_TEST(a_position_past_its_margin_is_liquidated_and_loses_no_more)
{
    struct engine *e = start(5, "XBTUSDTM", T0);
    int a = engine_account(e, "a", dec_int(1000)), b = engine_account(e, "b", dec_int(1000));
    engine_advance(e, T0 + 60 * S, T0);
    int64_t id;
    ck_assert_int_eq(place(e, a, SIDE_BUY, 100, 0, 125, none(), &id), 0);
    ck_assert_int_eq(place(e, b, SIDE_SELL, 100, 0, 125, none(), &id), 0);
    struct position_view v[2];
    engine_position(e, a, 0, &v[a]);
    engine_position(e, b, 0, &v[b]);
    for (int64_t k = 61; k < 200000 && engine_n_closed(e) == 0; k++)
        engine_advance(e, T0 + k * S, T0);
    ck_assert_uint_ge(engine_n_closed(e), 1);
    const struct closed_position *c = engine_closed_at(e, 0);
    ck_assert(c->liquidated);
    ck_assert(dec_le(dec_neg(c->gross), dec_add(v[c->account].margin, dec_scaled(1, -6))));
    check_money(e);
    engine_close(e);
}
END_TEST

START_TEST(funding_is_exchanged_at_its_instant)
{
    int64_t due = (T0 / (8 * 3600 * S) + 1) * 8 * 3600 * S;
    struct engine *e = start(6, "XBTUSDTM", due - 120 * S);
    int a = engine_account(e, "a", dec_int(10000));
    engine_advance(e, due - 60 * S, T0);
    int64_t id;
    ck_assert_int_eq(place(e, a, SIDE_SELL, 10, 0, 2, none(), &id), 0);
    engine_advance(e, due - 1, T0);
    ck_assert_uint_eq(engine_n_funding(e), 0);
    engine_advance(e, due, T0);
    ck_assert_uint_eq(engine_n_funding(e), 1);
    const struct funding_row *r = engine_funding_at(e, 0);
    ck_assert(dec_eq(r->rate, engine_funding_rate(e, 0, due)));
    ck_assert_int_eq(dec_sign(r->amount), dec_sign(r->rate));   /* shorts receive */
    ck_assert_int_eq(seen.settled, 1);
    check_money(e);
    engine_close(e);
}
END_TEST

START_TEST(refusals_have_the_venues_codes)
{
    int a;
    struct engine *e = start_with(7, 100, &a);
    struct ticker t;
    engine_ticker(e, 0, &t);
    int64_t id;
    struct order_req q = none();
    ck_assert_int_eq(place(e, a, SIDE_BUY, 100, t.bid.px, 1, q, &id), 300003);
    ck_assert_int_eq(place(e, a, SIDE_BUY, 0, t.bid.px, 1, q, &id), 300000);
    ck_assert_int_eq(place(e, a, SIDE_BUY, 1, t.bid.px * 2, 1, q, &id), 300011);
    ck_assert_int_eq(place(e, a, SIDE_SELL, 1, t.bid.px / 2, 1, q, &id), 300012);
    ck_assert_int_eq(place(e, a, SIDE_BUY, 1, t.bid.px, 126, q, &id), 300016);
    q.reduce_only = true;
    ck_assert_int_eq(place(e, a, SIDE_BUY, 1, t.bid.px, 1, q, &id), 300009);
    q = none();
    ck_assert_int_eq(place(e, a, SIDE_BUY, 1, t.bid.px - 900, 10, q, &id), 0);
    oid--;
    ck_assert_int_eq(place(e, a, SIDE_BUY, 1, t.bid.px, 10, q, &id), 300018);
    engine_set_status(e, -1, CONTRACT_PAUSED);
    ck_assert_int_eq(place(e, a, SIDE_BUY, 1, t.bid.px, 10, q, &id), 300002);
    ck_assert_int_eq(engine_next_ns(e), ENGINE_NEVER);
    ck_assert_int_eq(engine_cancel(e, a, 17, msg), 100004);
    engine_close(e);
}
END_TEST

TESTS("engine", rates_stay_within_20_level_changes_and_2_trades_a_second,
      random_orders_conserve_money_and_never_cross_the_book,
      a_resting_order_waits_for_the_lots_ahead_of_it,
      an_st_order_brings_its_stops_and_one_of_them_closes_the_position,
      the_triggers_of_an_st_order_stay_however_many_fills_it_has,
      a_position_past_its_margin_is_liquidated_and_loses_no_more,
      funding_is_exchanged_at_its_instant, refusals_have_the_venues_codes)
