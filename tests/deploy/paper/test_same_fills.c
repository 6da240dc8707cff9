/* The paper exchange against core/fill.h, which backtests and the risk decision calculate with: the
 * same orders, side by side, must be filled with the same lots at the same prices and cost the
 * same, to the last digit. */
#define TEST_TIMEOUT 300
#include "tests/runner.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "deploy/paper/engine.h"
#include "deploy/paper/synth.h"
#include "libagent/core/fill.h"
#include "proto/err.h"

#define T0     1763700000000000000LL
#define S      NS_PER_S
#define LEVELS 60

static char msg[ENGINE_MSG_MAX];
static struct engine *e;
static int account, oid;
static struct rng r;
static struct {
    int64_t px, lots;
} printed; /* by the market since it was cleared */

static void on_trade(void *arg, int sym, const struct trade *t)
{
    (void)arg, (void)sym;
    printed.lots = printed.px == t->px ? printed.lots + t->lots : t->lots;
    printed.px = t->px;
}
static const struct engine_events events = {.trade = on_trade};

static void begin(uint64_t seed, int64_t t0)
{
    struct engine_config c = {.market = "synthetic",
                              .symbols = "XBTUSDTM",
                              .seed = seed,
                              .start_ns = t0,
                              .events = &events};
    ck_assert_msg(engine_open(&c, t0, &e, msg) == ERR_OK, "%s", msg);
    account = engine_account(e, "a", dec_int(1000000));
    engine_advance(e, t0 + 60 * S, t0);
}

static uint64_t any_seed(void)
{
    const uint64_t seed = (uint64_t)time(NULL);
    printf("seed %" PRIu64 "\n", seed);
    r = rng_for(seed, 1, 1);
    return seed;
}

static int64_t place(enum side side, int64_t lots, int64_t px, enum tif tif)
{
    char text[24];
    int64_t id;
    snprintf(text, sizeof text, "c-%d", oid++);
    struct order_req q = {
        .account = account,
        .symbol = "XBTUSDTM",
        .cl_ord_id = text,
        .side = side,
        .lots = lots,
        .leverage = 5,
        .type = px != 0 ? TYPE_LIMIT : TYPE_MARKET,
        .tif = tif,
        .price = contract_px(contract_get(0), px),
    };
    return engine_place(e, &q, false, &id, msg) == 0 ? id : 0;
}

START_TEST(a_taker_gets_the_levels_that_fill_take_says_at_the_fee_that_fill_fee_says)
{
    begin(any_seed(), T0);
    const struct contract *c = contract_get(0);
    int64_t compared = 0;
    for (int64_t k = 61; k < 2061; k++) {
        struct level raw[2][LEVELS];
        struct book_level levels[LEVELS], part[LEVELS];
        size_t n[2] = {LEVELS, LEVELS};
        int64_t sequence;
        engine_advance(e, T0 + k * S, T0 + k * S);
        engine_book(e, 0, raw[0], &n[0], raw[1], &n[1], &sequence);
        const int side = rng_next(&r) % 2 ? 1 : -1, other = side > 0;
        const int64_t lots = 1 + (int64_t)(rng_next(&r) % 3000),
                      limit = raw[other][rng_next(&r) % 12].px;
        const bool market = rng_next(&r) % 2;
        const dec_t limit_px = contract_px(c, limit);
        struct fill_walk w;
        for (size_t i = 0; i < n[other]; i++)
            levels[i] = (struct book_level){contract_px(c, raw[other][i].px), raw[other][i].lots};
        fill_take(levels, (int)n[other], side, lots, market ? NULL : &limit_px, &w, part);
        const size_t before = engine_n_fills(e);
        if (place(side > 0 ? SIDE_BUY : SIDE_SELL, lots, market ? 0 : limit, TIF_IOC) == 0)
            continue;
        size_t at = before;
        for (int i = 0; i < w.parts; i++, compared++) {
            int64_t got = 0;
            dec_t fees = dec_zero();
            dec_t fee = dec_zero();
            for (; got < part[i].qty; at++) { /* two fills where one turns the position over */
                const struct fill *f = engine_fill_at(e, at);
                ck_assert(dec_eq(contract_px(c, f->px), part[i].price));
                fee = dec_add(fee, fill_fee(formula_value(f->lots, c->multiplier, part[i].price),
                                            c->taker_fee));
                fees = dec_add(fees, f->fee);
                got += f->lots;
            }
            ck_assert_int_eq(got, part[i].qty);
            ck_assert(dec_eq(fees, fee));
        }
        ck_assert_uint_eq(at, engine_n_fills(e));
    }
    ck_assert_int_gt(compared, 1000);
    engine_close(e);
}
END_TEST

START_TEST(a_resting_order_is_filled_when_and_as_far_as_fill_resting_says)
{
    int64_t filled = 0, parts = 0;
    begin(any_seed(), T0);
    int64_t now = T0 + 60 * S;
    for (int i = 0; i < 300; i++) {
        struct ticker t;
        engine_ticker(e, 0, &t);
        const int side = rng_next(&r) % 2 ? 1 : -1;
        const int64_t px = (side > 0 ? t.bid.px : t.ask.px) - side * (int64_t)(rng_next(&r) % 20);
        const int64_t id =
            place(side > 0 ? SIDE_BUY : SIDE_SELL, 1 + (int64_t)(rng_next(&r) % 2000), px, TIF_GTC);
        ck_assert_int_ne(id, 0);
        const struct order *o = engine_order(e, id);
        struct fill_resting mine = {.leaves = o->lots, .ahead = o->ahead};
        for (int k = 0; k < 200 && o->state == ORDER_OPEN; k++) {
            const int64_t had = o->cum_lots, due = engine_next_ns(e);
            printed.px = printed.lots = 0;
            now = due > now ? due : now;
            engine_advance(e, now, now);
            int64_t got =
                printed.lots == 0 || (px - printed.px) * side < 0
                    ? 0
                    : fill_resting_trade(&mine, side, contract_px(contract_get(0), px),
                                         contract_px(contract_get(0), printed.px), printed.lots);
            ck_assert_msg(o->cum_lots - had == got,
                          "order %d: %" PRId64 " filled, %" PRId64 " said", i, o->cum_lots - had,
                          got);
            parts += got > 0 && o->cum_lots < o->lots;
            fill_resting_depth(&mine, o->ahead); /* others left */
        }
        filled += o->cum_lots > 0;
        engine_cancel(e, account, id, msg);
    }
    printf("%" PRId64 " of 300 filled, %" PRId64 " fills in part\n", filled, parts);
    ck_assert_int_gt(filled, 30);
    engine_close(e);
}
END_TEST

START_TEST(liquidation_bankruptcy_and_funding_of_a_position_are_cores)
{
    const int64_t due = (T0 / (8 * 3600 * S) + 1) * 8 * 3600 * S;
    for (int side = -1; side <= 1; side += 2) {
        struct position_view v;
        dec_t want;
        begin(6, due - 120 * S);
        const struct contract *c = contract_get(0);
        ck_assert_int_ne(place(side > 0 ? SIDE_BUY : SIDE_SELL, 1000, 0, TIF_IOC), 0);
        engine_position(e, account, 0, &v);
        const dec_t n = dec_mul(dec_int(1000), c->multiplier);
        ck_assert_int_eq(
            fill_liquidation(side, v.entry, n, v.margin, v.maint_rate, c->taker_fee, &want),
            ERR_OK);
        ck_assert(dec_eq(v.liquidation, want));
        ck_assert_int_eq(fill_bankruptcy(side, v.entry, n, v.margin, &want), ERR_OK);
        ck_assert(dec_eq(v.bankrupt, want));
        engine_advance(e, due, T0);
        ck_assert_uint_eq(engine_n_funding(e), 1);
        const struct funding_row *row = engine_funding_at(e, 0);
        want = fill_funding(side, 1000, c->multiplier, row->mark, row->rate);
        ck_assert(dec_eq(dec_neg(row->amount), want));
        engine_close(e);
    }
}
END_TEST

TESTS("same_fills", a_taker_gets_the_levels_that_fill_take_says_at_the_fee_that_fill_fee_says,
      a_resting_order_is_filled_when_and_as_far_as_fill_resting_says,
      liquidation_bankruptcy_and_funding_of_a_position_are_cores)
