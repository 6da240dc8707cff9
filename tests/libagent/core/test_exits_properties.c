/* Properties of the exit rules over random positions and prices, each shown to fail on a planted
 * mutant.  Seed printed, or given in ENIGMA_TEST_SEED. */
#define TEST_TIMEOUT 900
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

#include "libagent/core/exits.h"
#include "proto/err.h"

#define BAR INT64_C(60000000000)

enum { CASES = 1000000, MUTANT_CASES = 50000, STEPS = 20 };

static uint64_t seed;
static int64_t cases;    /* prices that the rules were asked about */
static struct contract_terms terms;
static struct exit_params params;
static struct pnl pos;
static struct exits e;
static int side;
static int64_t tick_units, entry_ticks;

static int64_t below(int64_t n)
{
    return (int64_t)(plain_random(&seed) % (uint64_t)n);
}
static dec_t px(int64_t ticks)
{
    return dec_scaled(ticks * tick_units, -4);
}

/* What is tested: the real one, or one with something wrong. */
struct rules {
    const char *name;
    int (*step)(struct exits *, const struct exit_params *, const struct exit_tick *,
                struct exit_action *);
    int (*bar)(struct exits *, const struct exit_params *, const struct exit_bar *,
               struct exit_action *);
    bool (*trail)(const struct exits *, dec_t, dec_t *);
};
static const struct rules real_ones = {"real", exits_step, exits_bar, exits_trail};

static void any_position(bool free_of_costs)
{
    tick_units = 1 + below(50);
    entry_ticks = 20000 + below(200000);
    side = below(2) ? 1 : -1;
    const int leverage = 1 + (int)below(20);
    const int64_t lots = 1 + below(9), far = entry_ticks * (15 + below(235)) / 10000;
    terms = (struct contract_terms){
        .multiplier = dec_scaled(1, -3),
        .tick = dec_scaled(tick_units, -4),
        .lot = 1,
        .tier_count = 1,
        .maker_fee = dec_scaled(free_of_costs ? 0 : 2, -4),
        .taker_fee = dec_scaled(free_of_costs ? 0 : 6, -4),
        .lfr = dec_scaled(6, -4),
        .tier = {{.mmr = dec_scaled(5, -3), .max_leverage = 125}},
    };
    exit_params_default(&params);
    if (free_of_costs)
        params.slippage = dec_zero();
    params.tp2 = below(2);
    memset(&pos, 0, sizeof pos);
    const dec_t fee =
        dec_mul(formula_value(lots, terms.multiplier, px(entry_ticks)), terms.maker_fee);
    must(pnl_fill(&pos, side, lots, px(entry_ticks), fee, terms.multiplier) == ERR_OK);
    must(exits_open(&e, &params, &terms, &pos, leverage, px(entry_ticks - side * far), 1, 0, BAR) ==
         ERR_OK);
}

/* A walk about as wide as the way to the stop, in ticks. */
static int64_t any_move(void)
{
    const int64_t far = llabs((int64_t)(dec_to_double(e.r) / dec_to_double(terms.tick))) / 3 + 2;
    return below(2 * far + 1) - far + side * far / 6;
}

/* What the exchange does with a close. */
static void fill_close(const struct exit_action *a)
{
    must(pnl_fill(&pos, -side, a->qty, a->price, dec_zero(), terms.multiplier) == ERR_OK);
    must(exits_update(&e, &params, &pos) == ERR_OK);
}

static bool any_tick(struct exit_tick *t, int64_t *at, int k)
{
    *at += any_move();
    *t = (struct exit_tick){.last = px(*at > 1 ? *at : 1),
                            .bar_closed = below(2),
                            .bar_start_ns = k * BAR,
                            .atr = below(20) / 8.0};
    const bool asked = pos.qty > 0 && !e.closing;
    cases += asked;
    return asked;
}

/* ---- properties: true when a case breaks them ---- */

static bool loosens(const struct rules *r)
{
    struct exit_action out[EXIT_ACTIONS_MAX];
    struct exit_tick t;
    any_position(false);
    int64_t at = entry_ticks;
    for (int k = 0; k < STEPS && any_tick(&t, &at, k); k++) {
        const dec_t before = e.stop;
        r->step(&e, &params, &t, out);
        if (side * dec_cmp(e.stop, before) < 0)
            return true;
    }
    return false;
}

static bool arms_on_the_losing_side(const struct rules *r)
{
    struct exit_action out[EXIT_ACTIONS_MAX];
    struct exit_tick t;
    any_position(false);
    int64_t at = entry_ticks;
    for (int k = 0; k < STEPS && any_tick(&t, &at, k); k++) {
        const dec_t break_even = e.break_even;
        const int n = r->step(&e, &params, &t, out);
        for (int i = 0; i < n; i++)
            if (out[i].kind == EXIT_MOVE_STOP && (side * dec_cmp(out[i].price, break_even) < 0 ||
                                                  side * dec_cmp(t.last, out[i].price) <= 0))
                return true;
    }
    return false;
}

static bool closes_what_is_not_there(const struct rules *r)
{
    struct exit_action out[EXIT_ACTIONS_MAX];
    struct exit_tick t;
    any_position(false);
    int64_t at = entry_ticks;
    for (int k = 0; k < STEPS && any_tick(&t, &at, k); k++) {
        const int n = r->step(&e, &params, &t, out);
        int64_t asked = 0;
        for (int i = 0; i < n; i++)
            asked += out[i].kind == EXIT_CLOSE ? out[i].qty : 0;
        if (n < 0 || n > EXIT_ACTIONS_MAX || asked > pos.qty || (e.closing && asked != pos.qty) ||
            (e.closing && r->step(&e, &params, &t, out) != 0))
            return true;
        for (int i = 0; i < n && !e.closing; i++)
            if (out[i].kind == EXIT_CLOSE)
                fill_close(&out[i]);
    }
    return false;
}

static bool acts_though_off(const struct rules *r)
{
    struct exit_action out[EXIT_ACTIONS_MAX];
    struct exit_tick t;
    any_position(false);
    const int off = (int)below(7);
    bool *const rule[] = {&params.hard_stop, &params.trailing,   &params.tp1, &params.tp2,
                          &params.time_stop, &params.volatility, &params.mae};
    static const enum exit_reason why[] = {
        EXIT_STOP_LOSS, EXIT_TRAILING_STOP,   EXIT_TAKE_PROFIT_1, EXIT_TAKE_PROFIT_2,
        EXIT_TIME_STOP, EXIT_VOLATILITY_STOP, EXIT_MAE_STOP};
    *rule[off] = false;
    if (off == 1)
        params.tp1 = false; /* its break-even is a moved stop, too */
    int64_t at = entry_ticks;
    for (int k = 0; k < STEPS && any_tick(&t, &at, k); k++) {
        const int n = r->step(&e, &params, &t, out);
        for (int i = 0; i < n; i++)
            if (out[i].reason == why[off])
                return true;
    }
    return false;
}

/* Prices as far on the other side of the entry, without costs: the same decisions, mirrored. */
static bool is_lopsided(const struct rules *r)
{
    struct exit_action out[2][EXIT_ACTIONS_MAX];
    struct exits mirror;
    struct exit_tick t;
    struct pnl other = {0};
    any_position(true);
    const dec_t twice = px(2 * entry_ticks);
    must(pnl_fill(&other, -side, pos.qty, px(entry_ticks), dec_zero(), terms.multiplier) == ERR_OK);
    must(exits_open(&mirror, &params, &terms, &other, e.leverage, dec_sub(twice, e.stop), 1, 0,
                    BAR) == ERR_OK);
    int64_t at = entry_ticks;
    for (int k = 0; k < STEPS && any_tick(&t, &at, k); k++) {
        struct exit_tick back = t;
        back.last = dec_sub(twice, t.last);
        if (dec_sign(back.last) <= 0)
            return false;
        const int n = r->step(&e, &params, &t, out[0]),
                  m = r->step(&mirror, &params, &back, out[1]);
        if (n != m)
            return true;
        for (int i = 0; i < n; i++)
            if (out[0][i].kind != out[1][i].kind || out[0][i].reason != out[1][i].reason ||
                out[0][i].qty != out[1][i].qty ||
                !dec_eq(dec_sub(twice, out[0][i].price), out[1][i].price))
                return true;
    }
    return false;
}

static bool trails_backwards(const struct rules *r)
{
    dec_t stop[2];
    any_position(false);
    const int64_t a = entry_ticks + side * below(entry_ticks / 20),
                  b = a + side * below(entry_ticks / 50);
    cases++;
    return r->trail(&e, px(a), &stop[0]) &&
           (!r->trail(&e, px(b), &stop[1]) || side * dec_cmp(stop[1], stop[0]) < 0);
}

/* One bar against every tick of its path, one at a time. */
static bool differs_from_its_path(const struct rules *r)
{
    struct exit_action out[EXIT_ACTIONS_MAX];
    any_position(false);
    params.time_stop = params.volatility = params.mae =
        false; /* judged at closes; not on the grid */
    int64_t at = entry_ticks + any_move();
    for (int k = 0; k < 4 && pos.qty > 0 && !e.closing; k++, at += any_move()) {
        const int64_t a = at + any_move(), b = at + 3 * any_move(), c = at + 2 * any_move();
        int64_t low = a < b ? a : b, high = a < b ? b : a;
        low = low < c ? low : c;
        high = high > c ? high : c;
        const struct exit_bar bar = {px(a), px(high), px(low), px(c), k * BAR, 1};
        struct exits whole = e;
        struct exit_action close = {.qty = 0};
        const int n = r->bar(&whole, &params, &bar, out);
        int64_t closes = 0, asked = 0, way[] = {a, side > 0 ? low : high, side > 0 ? high : low, c},
                here = a;
        if (n < 0)
            return true;
        for (int i = 0; i < n; i++)
            if (out[i].kind == EXIT_CLOSE) {
                closes += out[i].qty;
                close = out[i];
            }
        for (int leg = 0; leg < 4 && !e.closing; leg++)
            for (bool there = false; !there && !e.closing; here += here < way[leg]   ? 1
                                                                   : here > way[leg] ? -1
                                                                                     : 0) {
                struct exit_action one[EXIT_ACTIONS_MAX];
                const int m = exits_step(&e, &params, &(struct exit_tick){.last = px(here)}, one);
                cases++;
                for (int i = 0; i < m; i++)
                    if (one[i].kind == EXIT_CLOSE) {
                        asked += one[i].qty;
                        if (asked == closes &&
                            (close.reason != one[i].reason || !dec_eq(close.price, one[i].price)))
                            return true;
                    }
                there = here == way[leg];
            }
        if (asked != closes || whole.closing != e.closing ||
            (!e.closing && !dec_eq(whole.stop, e.stop)))
            return true;
        if (asked > 0 && !e.closing)
            fill_close(&(struct exit_action){.price = px(c), .qty = asked});
    }
    return false;
}

/* ---- mutants ---- */

static int forgets(struct exits *x, const struct exit_params *p, const struct exit_tick *t,
                   struct exit_action *out)
{
    const int n = exits_step(x, p, t, out);
    if (below(50) == 0)
        x->stop = x->initial_stop;
    return n;
}

static int ignores_costs(struct exits *x, const struct exit_params *p, const struct exit_tick *t,
                         struct exit_action *out)
{
    const dec_t keep = x->break_even;
    x->break_even = x->initial_stop;
    const int n = exits_step(x, p, t, out);
    x->break_even = keep;
    return n;
}

static int one_lot_more(struct exits *x, const struct exit_params *p, const struct exit_tick *t,
                        struct exit_action *out)
{
    const int n = exits_step(x, p, t, out);
    for (int i = 0; i < n; i++)
        out[i].qty += out[i].kind == EXIT_CLOSE;
    return n;
}

static int all_on(struct exits *x, const struct exit_params *p, const struct exit_tick *t,
                  struct exit_action *out)
{
    struct exit_params q = *p;
    q.hard_stop = q.trailing = q.tp1 = q.tp2 = q.time_stop = q.volatility = q.mae = true;
    return exits_step(x, &q, t, out);
}

static int shorts_a_tick_off(struct exits *x, const struct exit_params *p,
                             const struct exit_tick *t, struct exit_action *out)
{
    const int n = exits_step(x, p, t, out);
    for (int i = 0; i < n && x->p.side < 0; i++)
        if (out[i].kind == EXIT_MOVE_STOP)
            out[i].price = x->stop = dec_add(out[i].price, x->tick);
    return n;
}

static bool follows_the_last_digit(const struct exits *x, dec_t last, dec_t *ret)
{
    int64_t ticks;
    return dec_floor_div(last, x->tick, &ticks) == ERR_OK && ticks % 7 != 0 &&
           exits_trail(x, last, ret);
}

static int never_comes_back(struct exits *x, const struct exit_params *p, const struct exit_bar *b,
                            struct exit_action *out)
{
    struct exit_bar q = *b;
    q.close = x->p.side > 0 ? b->high : b->low;
    return exits_bar(x, p, &q, out);
}

static const struct property {
    const char *text;
    bool (*broken)(const struct rules *);
    struct rules mutant;
} properties[] = {
    {"the stop never loosens",
     loosens,
     {"forgets", forgets, exits_bar, exits_trail}},
    {"a moved stop covers the costs and is not yet reached",
     arms_on_the_losing_side,
     {"ignores_costs", ignores_costs, exits_bar, exits_trail}},
    {"closes add up to the position, once",
     closes_what_is_not_there,
     {"one_lot_more", one_lot_more, exits_bar, exits_trail}},
    {"a rule that is off does nothing",
     acts_though_off,
     {"all_on", all_on, exits_bar, exits_trail}},
    {"long and short are mirror images",
     is_lopsided,
     {"shorts_a_tick_off", shorts_a_tick_off, exits_bar, exits_trail}},
    {"a better price never asks for a worse stop",
     trails_backwards,
     {"follows_the_last_digit", exits_step, exits_bar, follows_the_last_digit}},
    {"a bar does what each tick of its path does",
     differs_from_its_path,
     {"never_comes_back", exits_step, never_comes_back, exits_trail}},
};

START_TEST(properties_hold_on_random_cases_and_fail_on_their_mutants)
{
    const char *given = getenv("ENIGMA_TEST_SEED");
    const uint64_t first = given != NULL ? strtoull(given, NULL, 0) : UINT64_C(0x9E3779B97F4A7C15);
    printf("seed %" PRIu64 "\n", first);
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        const struct property *p = &properties[i];
        int caught = 0;
        seed = first + i;
        for (cases = 0; cases < CASES;) {
            const uint64_t at = seed;
            ck_assert_msg(!p->broken(&real_ones), "%s: broken at case %" PRId64 ", state %" PRIu64,
                          p->text, cases, at);
        }
        const int64_t done = cases;
        while (caught < MUTANT_CASES && !p->broken(&p->mutant))
            caught++;
        ck_assert_msg(caught < MUTANT_CASES, "%s: the mutant %s lives", p->text, p->mutant.name);
        printf("%-55s %7" PRId64 " cases; mutant %s fails in path %d\n", p->text, done,
               p->mutant.name, caught);
    }
    fflush(stdout);
}
END_TEST

TESTS("exits_properties", properties_hold_on_random_cases_and_fail_on_their_mutants)
