/* The paper preset on the synthetic market, without processes and real time: the exchange's engine
 * (generator, books, queues, fees, stops, funding), and the core that trades (score strategy,
 * gates, risk decision, exits).
 *
 * One seed is one run of 75 market minutes, 1 m bars confirmed by 5 m, in steps of a market second.
 * Bars are heard 2 s after their end; a batch holds all symbols.  What the agents add (processes,
 * bus, tokens) is not here. ENIGMA_TEST_SEED: the first one, 1; ENIGMA_TEST_SEEDS: how many, 100.
 */
#define TEST_TIMEOUT 1800
#include "tests/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The exchange has a struct of the same name for its own bars, in ticks. */
#define candle paper_candle
#include "deploy/paper/engine.h"
#undef candle

#include "libagent/core/corr.h"
#include "libagent/core/day_atr.h"
#include "libagent/core/exits.h"
#include "libagent/core/gamma.h"
#include "libagent/core/risk.h"
#include "libagent/core/strategy_score.h"
#include "proto/err.h"
#include "proto/tm.h"

#define T0      (INT64_C(1763700000) * NS_PER_S / NS_PER_H * NS_PER_H)
#define MINUTES 75
#define LEAST    98              /* of 100 runs */
#define SYMBOLS  CONTRACTS_MAX
#define WARM_UP  1000
#define HOURS    720
#define DAYS     30
#define HEARD_S  2
#define LEVELS   RISK_BOOK_LEVELS
#define SPEED    60
#define ORDER_NS NS_PER_MIN

enum place { FLAT, RESTING, OPEN };

struct desk_trade {
    enum place place;
    int side, leverage;
    int64_t entry, stop; /* orders at the exchange; 0: none */
    int64_t until_ns;
    dec_t stop_px, margin, heat;
    double atr;
    struct pnl pnl;
    struct exits exits;
};

struct desk {
    struct engine *e;
    int account, orders;
    int64_t now_ns;
    size_t fills, batch;
    struct contract_terms terms[SYMBOLS];
    struct strategy_score score[SYMBOLS];
    struct corr_series corr[SYMBOLS];
    struct day_atr day_atr[SYMBOLS];
    struct gamma gamma;
    struct desk_trade trade[SYMBOLS];
    struct score_signal signal[SYMBOLS];
    bool fired[SYMBOLS], stopped;
    int64_t rest_until_ns[SYMBOLS];
    struct strategy_score_params params;
    struct risk_limits limits;
    struct exit_params exits;
    struct risk_day day;
    struct risk_streak streak;
    int64_t signals, approved, filled, closed, wins, refused[RISK_REASON_COUNT],
        reasons[EXIT_REASON_COUNT];
};

static struct desk d;
static int64_t refused[RISK_REASON_COUNT], reasons[EXIT_REASON_COUNT],
    verdicts[SCORE_VERDICT_COUNT];

static const char *name_of(int sym)
{
    return contract_get(sym)->symbol;
}

static dec_t equity(dec_t *available)
{
    struct wallet w;
    engine_wallet(d.e, d.account, &w);
    *available = w.available;
    return w.equity;
}

static dec_t last_price(int sym)
{
    struct ticker t;
    engine_ticker(d.e, sym, &t);
    return contract_px(contract_get(sym), t.last.px);
}

/* ---- history and bars ---- */

static struct candle candle_of(int sym, const struct paper_candle *c, int64_t tf_ns)
{
    const double tick = dec_to_double(contract_get(sym)->tick);
    return (struct candle){
        .start_ns = c->start_ns,
        .tf_ns = tf_ns,
        .open = (double)c->open * tick,
        .high = (double)c->high * tick,
        .low = (double)c->low * tick,
        .close = (double)c->close * tick,
        .volume = (double)c->lots,
    };
}

static size_t bars(int sym, int minutes, size_t max, struct candle *ret)
{
    static struct paper_candle raw[WARM_UP];
    const size_t n = engine_candles(d.e, sym, minutes, 0, d.now_ns, false, true, raw, max);
    for (size_t i = 0; i < n; i++)
        ret[i] = candle_of(sym, &raw[i], minutes * NS_PER_MIN);
    return n;
}

static void learn_history(int sym)
{
    static struct candle primary[WARM_UP], confirm[WARM_UP];
    ck_assert_int_eq(strategy_score_init(&d.score[sym], NS_PER_MIN, 5 * NS_PER_MIN), ERR_OK);
    size_t n = bars(sym, 1, WARM_UP, primary), m = bars(sym, 5, WARM_UP, confirm);
    ck_assert_uint_eq(n, WARM_UP);
    ck_assert_uint_eq(m, WARM_UP);
    score_warm_up(&d.score[sym], &d.params, primary, n, confirm, m);
    corr_init(&d.corr[sym]);
    n = bars(sym, 60, HOURS, primary);
    for (size_t i = 0; i < n; i++) {
        corr_push(&d.corr[sym], primary[i].start_ns, primary[i].close);
        gamma_bar(&d.gamma, sym, &primary[i]);
    }
    day_atr_init(&d.day_atr[sym]);
    n = bars(sym, 1440, DAYS, primary);
    for (size_t i = 0; i < n; i++)
        day_atr_push(&d.day_atr[sym], &primary[i]);
}

/* The bars that ended at the last full minute. */
static void hear_bars(void)
{
    struct candle c;
    for (int k = 0; k < SYMBOLS; k++) {
        if (d.now_ns % NS_PER_H < NS_PER_MIN && bars(k, 60, 1, &c) == 1) {
            corr_push(&d.corr[k], c.start_ns, c.close);
            gamma_bar(&d.gamma, k, &c);
        }
        d.fired[k] = bars(k, 1, 1, &c) == 1 && score_on_bar(&d.score[k], &d.params, &c, NULL, false,
                                                            &d.signal[k]) == SCORE_FIRED;
        d.signals += d.fired[k];
    }
    gamma_update(&d.gamma, d.now_ns);
}

/* ---- orders ---- */

/* The order's number, or 0 when the exchange refuses it. */
static int64_t place(int sym, struct order_req r)
{
    char oid[24], msg[ENGINE_MSG_MAX];
    int64_t id = 0;
    snprintf(oid, sizeof oid, "o-%d", ++d.orders);
    r.account = d.account;
    r.symbol = name_of(sym);
    r.cl_ord_id = oid;
    return engine_place(d.e, &r, false, &id, msg) == 0 ? id : 0;
}

static void cancel(int64_t *id)
{
    char msg[ENGINE_MSG_MAX];
    if (*id != 0)
        engine_cancel(d.e, d.account, *id, msg);
    *id = 0;
}

/* Closes all that is open when the last price comes there. */
static int64_t place_stop(int sym, dec_t px)
{
    const struct desk_trade *t = &d.trade[sym];
    return place(sym, (struct order_req){
                          .side = t->side > 0 ? SIDE_SELL : SIDE_BUY,
                          .type = TYPE_MARKET,
                          .close_order = true,
                          .reduce_only = true,
                          .stop = t->side > 0 ? STOP_DOWN : STOP_UP,
                          .stop_px_type = STOP_TP,
                          .stop_px = px,
                      });
}

static void close_now(int sym, int64_t lots, enum exit_reason why)
{
    struct desk_trade *t = &d.trade[sym];
    d.reasons[why]++;
    place(sym, (struct order_req){.side = t->side > 0 ? SIDE_SELL : SIDE_BUY,
                                  .type = TYPE_MARKET,
                                  .lots = lots,
                                  .reduce_only = true});
}

/* ---- what happened ---- */

static void end_trade(int sym)
{
    struct desk_trade *t = &d.trade[sym];
    const dec_t net = pnl_net(&t->pnl);
    cancel(&t->entry);
    cancel(&t->stop);
    d.closed++;
    d.wins += dec_sign(net) > 0;
    d.rest_until_ns[sym] = risk_cooldown_until(&d.limits, d.now_ns, NS_PER_MIN);
    if (risk_streak_close(&d.streak, &d.limits, net, d.now_ns, NS_PER_MIN) == RISK_STOP)
        d.stopped = true;
    *t = (struct desk_trade){.place = FLAT};
}

static void first_fill(int sym)
{
    struct desk_trade *t = &d.trade[sym];
    ck_assert_int_eq(exits_open(&t->exits, &d.exits, &d.terms[sym], &t->pnl, t->leverage,
                                t->stop_px, t->atr, d.now_ns - d.now_ns % NS_PER_MIN, NS_PER_MIN),
                     ERR_OK);
    t->place = OPEN;
    t->exits.venue_stop = 1;
    t->stop = place_stop(sym, t->stop_px);
    ck_assert_int_ne(t->stop, 0);
    d.filled++;
}

static void hear_fills(void)
{
    for (; d.fills < engine_n_fills(d.e); d.fills++) {
        const struct fill *f = engine_fill_at(d.e, d.fills);
        struct desk_trade *t = &d.trade[f->sym];
        ck_assert_int_ne(t->place, FLAT);
        const bool first = t->pnl.qty == 0;
        ck_assert_int_eq(pnl_fill(&t->pnl, f->side, f->lots,
                                  contract_px(contract_get(f->sym), f->px), f->fee,
                                  d.terms[f->sym].multiplier),
                         ERR_OK);
        if (first)
            first_fill(f->sym);
        else
            ck_assert_int_eq(exits_update(&t->exits, &d.exits, &t->pnl), ERR_OK);
        if (f->stop)
            d.reasons[dec_eq(t->exits.stop, t->exits.initial_stop) ? EXIT_STOP_LOSS
                                                                   : EXIT_TRAILING_STOP]++;
        if (t->pnl.qty == 0)
            end_trade(f->sym);
    }
}

/* ---- a decision ---- */

static size_t read_book(int sym, struct book_level bids[LEVELS], struct book_level asks[LEVELS])
{
    struct level b[LEVELS], a[LEVELS];
    size_t nb = LEVELS, na = LEVELS;
    int64_t sequence;
    engine_book(d.e, sym, b, &nb, a, &na, &sequence);
    for (size_t i = 0; i < nb; i++)
        bids[i] = (struct book_level){contract_px(contract_get(sym), b[i].px), b[i].lots};
    for (size_t i = 0; i < na; i++)
        asks[i] = (struct book_level){contract_px(contract_get(sym), a[i].px), a[i].lots};
    return nb < na ? nb : na;
}

static int list_positions(int sym, struct risk_position ret[SYMBOLS])
{
    int n = 0;
    for (int k = 0; k < SYMBOLS; k++) {
        const struct desk_trade *t = &d.trade[k];
        if (t->place == FLAT)
            continue;
        struct risk_position *p = &ret[n++];
        *p = (struct risk_position){.side = t->side,
                                    .margin = t->margin,
                                    .heat = t->heat,
                                    .rho = NAN,
                                    .notional = dec_mul(t->margin, dec_int(t->leverage))};
        snprintf(p->symbol, sizeof p->symbol, "%s", name_of(k));
        corr_rho(&d.corr[sym], &d.corr[k], &p->rho);
    }
    return n;
}

static void enter(int sym, const struct risk_verdict *v)
{
    struct desk_trade *t = &d.trade[sym];
    *t = (struct desk_trade){
        .place = RESTING,
        .side = d.signal[sym].dir,
        .leverage = v->leverage,
        .until_ns = d.now_ns + ORDER_NS,
        .stop_px = v->stop_px,
        .margin = v->margin,
        .heat = v->heat,
        .atr = d.signal[sym].atr,
    };
    t->entry = place(sym, (struct order_req){
                              .side = t->side > 0 ? SIDE_BUY : SIDE_SELL,
                              .type = TYPE_LIMIT,
                              .tif = TIF_GTC,
                              .leverage = v->leverage,
                              .lots = v->qty,
                              .price = v->price,
                          });
    ck_assert_int_ne(t->entry, 0);
    d.approved++;
}

static void decide(int sym, int rank)
{
    static struct risk_verdict v;
    struct book_level bids[LEVELS], asks[LEVELS];
    struct risk_position open[SYMBOLS];
    const int levels = (int)read_book(sym, bids, asks);
    struct risk_account a = {.day = d.day,
                             .streak = d.streak,
                             .positions = open,
                             .ready = true,
                             .position_count = list_positions(sym, open),
                             .emergency = d.stopped,
                             .cooldown_until_ns = d.rest_until_ns[sym]};
    struct risk_market m = {
        .contract = &d.terms[sym],
        .bids = bids,
        .asks = asks,
        .bid_count = levels,
        .ask_count = levels,
        .atr = d.signal[sym].atr,
        .day_atr = day_atr_fraction(&d.day_atr[sym]),
        .day_bars = d.day_atr[sym].days,
        .gamma = gamma_gate(&d.gamma, sym, -1) == GAMMA_STALE ? GATE_STALE : GATE_FRESH,
        .g = d.gamma.symbol[sym].g,
    };
    struct risk_request r = {.side = d.signal[sym].dir,
                             .leverage = 5,
                             .rank = rank,
                             .market_ns = d.now_ns,
                             .age_ms = HEARD_S * 1000 / SPEED,
                             .size_multiplier = dec_int(1)};
    ck_assert_int_eq(
        dec_from_double(d.signal[sym].close, d.terms[sym].tick, DEC_HALF_EVEN, &r.close), ERR_OK);
    snprintf(r.symbol, sizeof r.symbol, "%s", name_of(sym));
    a.equity = equity(&a.available);
    risk_check(&d.limits, &a, &m, &r, &v);
    d.refused[v.reason] += !v.approved;
    if (v.approved)
        enter(sym, &v);
}

/* Best rank first, then by name, as the ranking batch. */
static void decide_batch(void)
{
    for (int rank = 1; rank <= SYMBOLS; rank++) {
        int best = -1;
        for (int k = 0; k < SYMBOLS; k++)
            if (d.fired[k] && (best < 0 || d.signal[k].rank > d.signal[best].rank ||
                               (!(d.signal[k].rank < d.signal[best].rank) &&
                                strcmp(name_of(k), name_of(best)) < 0)))
                best = k;
        if (best < 0)
            return;
        d.fired[best] = false;
        decide(best, rank);
        hear_fills();
    }
}

/* ---- each second ---- */

static void move_stop(int sym)
{
    struct desk_trade *t = &d.trade[sym];
    const int64_t newer = place_stop(sym, t->exits.stop); /* first the new one */
    if (newer == 0)
        return;
    cancel(&t->stop);
    t->stop = newer;
}

static void manage(int sym, bool bar_closed)
{
    struct exit_action out[EXIT_ACTIONS_MAX];
    struct desk_trade *t = &d.trade[sym];
    const struct exit_tick tick = {.last = last_price(sym),
                                   .bar_closed = bar_closed,
                                   .bar_start_ns = d.score[sym].primary_start_ns,
                                   .atr = d.score[sym].primary.last.atr.v[0]};
    t->exits.closing = EXIT_NONE; /* a close that was not filled is asked again */
    const int n = exits_step(&t->exits, &d.exits, &tick, out);
    ck_assert_int_ge(n, 0);
    for (int i = 0; i < n && t->place == OPEN; i++) {
        if (out[i].kind == EXIT_MOVE_STOP)
            move_stop(sym);
        else
            close_now(sym, out[i].qty, out[i].reason);
        hear_fills();
    }
}

static void second(int64_t t)
{
    dec_t available;
    const bool heard = t % 60 == HEARD_S && t > 60;
    d.now_ns = T0 + t * NS_PER_S;
    ck_assert_int_eq(engine_advance(d.e, d.now_ns, T0 + t * NS_PER_S / SPEED), ERR_OK);
    hear_fills();
    if (risk_day_update(&d.day, &d.limits, d.now_ns, equity(&available)) == RISK_STOP)
        d.stopped = true;
    if (heard)
        hear_bars();
    for (int k = 0; k < SYMBOLS; k++) {
        if (d.trade[k].place == OPEN)
            manage(k, heard);
        if (d.trade[k].entry != 0 && d.now_ns >= d.trade[k].until_ns)
            cancel(&d.trade[k].entry);
        if (d.trade[k].place == RESTING && d.trade[k].entry == 0)
            d.trade[k].place = FLAT;
    }
    if (heard)
        decide_batch();
}

static void begin(uint64_t seed)
{
    char msg[ENGINE_MSG_MAX];
    const struct engine_config c = {.market = "synthetic", .seed = seed, .start_ns = T0};
    memset(&d, 0, sizeof d);
    ck_assert_msg(engine_open(&c, T0, &d.e, msg) == ERR_OK, "%s", msg);
    d.account = engine_account(d.e, "main", dec_int(10000));
    ck_assert_int_ge(d.account, 0);
    d.now_ns = T0;
    strategy_score_params_default(&d.params);
    risk_limits_default(&d.limits);
    exit_params_default(&d.exits);
    d.exits.time_stop_bars = 30;
    ck_assert_int_eq(gamma_init(&d.gamma, SYMBOLS, T0), ERR_OK);
    for (int k = 0; k < SYMBOLS; k++) {
        const struct contract *c2 = contract_get(k);
        struct contract_terms *t = &d.terms[k];
        *t = (struct contract_terms){.multiplier = c2->multiplier,
                                     .tick = c2->tick,
                                     .maker_fee = c2->maker_fee,
                                     .taker_fee = c2->taker_fee,
                                     .lfr = c2->taker_fee,
                                     .lot = 1,
                                     .max_qty = c2->max_qty,
                                     .tier_count = c2->n_tiers};
        for (int i = 0; i < c2->n_tiers; i++)
            t->tier[i] = (struct contract_tier){dec_int(c2->tiers[i].max_risk),
                                                c2->tiers[i].maintain, c2->tiers[i].max_leverage};
        learn_history(k);
    }
}

static void end(void)
{
    for (int r = 0; r < RISK_REASON_COUNT; r++)
        refused[r] += d.refused[r];
    for (int r = 0; r < EXIT_REASON_COUNT; r++)
        reasons[r] += d.reasons[r];
    for (int k = 0; k < SYMBOLS; k++)
        for (int v = 0; v < SCORE_VERDICT_COUNT; v++)
            verdicts[v] += d.score[k].funnel[v];
    engine_close(d.e);
}

static void print_counts(void)
{
    for (int v = 0; v < SCORE_VERDICT_COUNT; v++)
        printf("  bars %-12s %lld\n", score_verdict_name((enum score_verdict)v),
               (long long)verdicts[v]);
    for (int r = 0; r < RISK_REASON_COUNT; r++)
        if (refused[r] > 0)
            printf("  risk %-12s %lld\n", risk_reason_name((enum risk_reason)r),
                   (long long)refused[r]);
    for (int r = 0; r < EXIT_REASON_COUNT; r++)
        if (reasons[r] > 0)
            printf("  exit %-12s %lld\n", exit_reason_name((enum exit_reason)r),
                   (long long)reasons[r]);
}

static int number(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text != NULL && atoi(text) > 0 ? atoi(text) : otherwise;
}

START_TEST(a_trade_closes_in_nearly_all_runs_of_75_market_minutes)
{
    const int seed0 = number("ENIGMA_TEST_SEED", 1), seeds = number("ENIGMA_TEST_SEEDS", 100);
    int with = 0;
    int64_t signals = 0, approved = 0, filled = 0, closed = 0, wins = 0;
    for (int seed = seed0; seed < seed0 + seeds; seed++) {
        begin((uint64_t)seed);
        for (int64_t t = 1; t <= MINUTES * 60; t++)
            second(t);
        if (d.closed == 0)
            printf("seed %d: no trade closed; %lld signals, %lld approved, %lld filled\n", seed,
                   (long long)d.signals, (long long)d.approved, (long long)d.filled);
        with += d.closed > 0;
        signals += d.signals;
        approved += d.approved;
        filled += d.filled;
        closed += d.closed;
        wins += d.wins;
        end();
    }
    printf("a trade closed in %d of %d runs; %lld signals, %lld approved, %lld filled, %lld "
           "closed, %lld won\n",
           with, seeds, (long long)signals, (long long)approved, (long long)filled,
           (long long)closed, (long long)wins);
    print_counts();
    fflush(stdout);
    ck_assert_int_ge(100 * with, LEAST * seeds);
}
END_TEST

TESTS("trades", a_trade_closes_in_nearly_all_runs_of_75_market_minutes)
