/* Exit rules, one by one and on random paths. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TEST_TIMEOUT 120
#include "tests/runner.h"

#include "libagent/core/exits.h"

#define D(text) dec_lit(text)
#define BAR INT64_C(60000000000)

static struct contract_terms terms;
static struct exit_params params;
static struct exits e;
static struct pnl pos;
static struct exit_action out[EXIT_ACTIONS_MAX];

/* n lots at 1,000, stop 10 away: R = 10, L = 5, SL_ROI 5 %. */
static void start(int side, int64_t n)
{
    terms = (struct contract_terms){.multiplier = D("0.1"), .tick = D("0.01"), .maker_fee = D("0.0002"),
        .taker_fee = D("0.0006"), .lfr = D("0.0006"), .lot = 1, .tier_count = 1,
        .tier = {{.mmr = D("0.005"), .max_leverage = 100}}};
    exit_params_default(&params);
    memset(&pos, 0, sizeof pos);
    ck_assert_int_eq(pnl_fill(&pos, side, n, dec_int(1000), dec_mul(dec_int(n), D("0.02")), D("0.1")), 0);
    ck_assert_int_eq(exits_open(&e, &params, &terms, &pos, 5, dec_int(1000 - 10 * side), 5.0, 0, BAR), 0);
}

static int at(dec_t last, int bar, double atr)
{
    struct exit_tick t = {last, bar > 0, bar * BAR, atr};
    return exits_step(&e, &params, &t, out);
}

START_TEST(hard_stop_closes_everything_once_until_reopened)
{
    for (int s = -1; s <= 1; s += 2) {
        start(s, 4);
        ck_assert_int_eq(at(dec_add(dec_int(1000 - 10 * s), dec_scaled(s, -2)), 0, 0), 0);
        ck_assert_int_eq(at(dec_int(1000 - 10 * s), 0, 0), 1);
        ck_assert(out[0].kind == EXIT_CLOSE && out[0].reason == EXIT_STOP_LOSS && out[0].qty == 4);
        ck_assert_int_eq(at(dec_int(1000 - 10 * s), 0, 0), 0);
        exits_reopen(&e);
        ck_assert_int_eq(at(dec_int(1000 - 10 * s), 0, 0), 1);
    }
}
END_TEST

/* Domain 6, test 9, on both sides, of one to five lots. */
START_TEST(tp1_closes_half_of_the_lots_and_moves_the_stop_to_break_even)
{
    for (int s = -1; s <= 1; s += 2)
        for (int64_t n = 1; n <= 5; n += 2) {
            start(s, n);
            params.trailing = false;
            dec_t be = e.break_even;
            ck_assert_int_eq(at(dec_int(1000 + 12 * s), 0, 0), n > 1 ? 2 : 1);
            ck_assert(out[0].kind == EXIT_MOVE_STOP && out[0].reason == EXIT_BREAK_EVEN);
            ck_assert(dec_eq(out[0].price, be) && s * dec_cmp(be, dec_int(1000)) > 0);
            if (n > 1)
                ck_assert(out[1].reason == EXIT_TAKE_PROFIT_1 && out[1].qty == n / 2);
            ck_assert_int_eq(at(dec_int(1000 + 12 * s), 0, 0), 0);
            ck_assert_int_eq(at(dec_int(1000 + 20 * s), 0, 0), 1);
            ck_assert(out[0].reason == EXIT_TAKE_PROFIT_2 && out[0].qty == n - n / 2);
        }
}
END_TEST

START_TEST(time_volatility_and_excursion_close_at_their_limits)
{
    start(1, 2);
    ck_assert_int_eq(at(dec_int(1000), 15, 9.99), 0);
    ck_assert(at(dec_int(1000), 16, 5) == 1 && out[0].reason == EXIT_TIME_STOP);
    start(1, 2);
    ck_assert_int_eq(at(dec_int(1003), 16, 5), 0);
    start(1, 2);
    ck_assert(at(dec_int(1000), 1, 10) == 1 && out[0].reason == EXIT_VOLATILITY_STOP);
    start(-1, 2);
    e.venue_stop = 1;
    ck_assert_int_eq(at(D("1014.99"), 0, 0), 0);
    ck_assert(at(dec_int(1015), 0, 0) == 1 && out[0].reason == EXIT_MAE_STOP);
    ck_assert(at(dec_zero(), 0, 0) < 0);
}
END_TEST

START_TEST(state_saved_as_bytes_goes_on_the_same)
{
    struct exits saved;
    start(1, 2);
    at(D("1011"), 0, 0);
    memcpy(&saved, &e, sizeof e);
    int n = at(D("1001.99"), 0, 0);
    ck_assert(n == 1 && out[0].reason == EXIT_TRAILING_STOP);
    e = saved;
    ck_assert(at(D("1001.99"), 0, 0) == 1 && out[0].reason == EXIT_TRAILING_STOP);
}
END_TEST

static int bar(const char *open, const char *high, const char *low, const char *close)
{
    const struct exit_bar b = {D(open), D(high), D(low), D(close), BAR, 5};
    return exits_bar(&e, &params, &b, out);
}

START_TEST(in_a_bar_the_stop_that_stands_is_asked_first)
{
    start(1, 2);
    ck_assert(bar("1000", "1030", "989", "1030") == 1 && out[0].reason == EXIT_STOP_LOSS);
    ck_assert(dec_eq(out[0].price, D("990")));
    start(1, 2);
    ck_assert(bar("985", "1030", "980", "1030") == 1 && out[0].reason == EXIT_STOP_LOSS);
    ck_assert(dec_eq(out[0].price, D("985")));          /* a gap: at the open */
    start(-1, 2);
    ck_assert(bar("1000", "1011", "970", "970") == 1 && out[0].reason == EXIT_STOP_LOSS);
    ck_assert(dec_eq(out[0].price, D("1010")));
}
END_TEST

START_TEST(in_a_bar_the_best_price_raises_the_stop_and_the_close_may_hit_it)
{
    start(1, 2);
    params.tp1 = false;
    ck_assert(bar("1000", "1015", "999", "1014") == 1 && out[0].kind == EXIT_MOVE_STOP);
    ck_assert(dec_eq(out[0].price, D("1007.5")));       /* 1.5 - 0.75 of R */
    start(1, 2);
    params.tp1 = false;
    ck_assert(bar("1000", "1015", "999", "1007.5") == 1 && out[0].reason == EXIT_TRAILING_STOP);
    ck_assert(out[0].qty == 2 && dec_eq(out[0].price, D("1007.5")));
    start(-1, 2);
    params.tp1 = false;
    ck_assert(bar("1000", "1001", "985", "992.51") == 1 && out[0].reason == EXIT_TRAILING_STOP);
    ck_assert(dec_eq(out[0].price, D("992.5")));
}
END_TEST

START_TEST(in_a_bar_targets_are_filled_at_their_prices_or_at_a_better_open)
{
    start(1, 4);
    ck_assert(bar("1000", "1013", "999", "1012.5") == 2 && out[0].reason == EXIT_TAKE_PROFIT_1);
    ck_assert(out[0].qty == 2 && dec_eq(out[0].price, D("1012")) && out[1].kind == EXIT_MOVE_STOP);
    start(1, 4);
    ck_assert(bar("1000", "1021", "999", "1021") == 2 && out[1].reason == EXIT_TAKE_PROFIT_2);
    ck_assert(out[0].qty == 2 && out[1].qty == 2 && dec_eq(out[1].price, D("1020")));
    start(1, 4);
    ck_assert(bar("1025", "1026", "1024", "1025") == 2 && dec_eq(out[0].price, D("1025")) && dec_eq(out[1].price, D("1025")));
    start(-1, 1);
    params.trailing = false;                            /* one lot: only the move to break-even */
    ck_assert(bar("1000", "1001", "987", "988") == 1 && out[0].kind == EXIT_MOVE_STOP);
    ck_assert(dec_eq(e.stop, e.break_even));
    ck_assert_int_eq(bar("988", "989", "987", "988"), 0);
}
END_TEST

START_TEST(in_a_bar_without_a_stop_the_excursion_closes_where_it_is_reached)
{
    start(1, 2);
    params.hard_stop = false;
    ck_assert_int_eq(bar("1000", "1001", "985.01", "990"), 0);
    ck_assert(bar("1000", "1001", "984", "990") == 1 && out[0].reason == EXIT_MAE_STOP);
    ck_assert(dec_eq(out[0].price, D("985")));
    start(-1, 2);
    params.hard_stop = false;
    ck_assert(bar("1016", "1017", "1015", "1016") == 1 && out[0].reason == EXIT_MAE_STOP);
    ck_assert(dec_eq(out[0].price, D("1016")));
}
END_TEST

START_TEST(a_bar_closes_by_time_and_volatility_at_its_close_and_bad_ones_change_nothing)
{
    start(1, 2);
    struct exit_bar b = {D("1000"), D("1001"), D("999"), D("1000"), 16 * BAR, 5};
    ck_assert(exits_bar(&e, &params, &b, out) == 1 && out[0].reason == EXIT_TIME_STOP);
    ck_assert_int_eq(exits_bar(&e, &params, &b, out), 0);       /* closing */
    start(1, 2);
    b.start_ns = BAR;
    b.atr = 10;
    ck_assert(exits_bar(&e, &params, &b, out) == 1 && out[0].reason == EXIT_VOLATILITY_STOP);
    start(1, 2);
    const struct exits before = e;
    ck_assert_int_lt(bar("1000", "999", "1001", "1000"), 0);
    ck_assert_int_lt(bar("1000", "1001", "0", "1000"), 0);
    ck_assert_int_lt(bar("1000", "1001", "999", "1002"), 0);
    ck_assert_int_lt(bar("1000", "1001", "999", "998"), 0);
    ck_assert_int_lt(bar("1002", "1001", "999", "1000"), 0);
    ck_assert_int_lt(bar("998", "1001", "999", "1000"), 0);
    ck_assert_mem_eq(&before, &e, sizeof e);
    memset(&e.p.qty, 0, sizeof e.p.qty);
    ck_assert_int_eq(bar("1000", "1001", "999", "1000"), 0);
    ck_assert_int_eq(at(D("980"), 0, 0), 0);
}
END_TEST

/* Each rule alone, all others off: by ticks and by bars, on both sides. */
START_TEST(each_rule_acts_while_it_is_on_and_only_then)
{
    static const struct {
        enum exit_reason why;
        int move, bar;              /* last price: 1000 + move, in the position's favour */
        double atr;
        bool resting;               /* the stop rests at the venue */
    } rules[] = {
        {EXIT_STOP_LOSS, -10, 0, 0, false},     {EXIT_TRAILING_STOP, 13, 0, 0, false},
        {EXIT_TAKE_PROFIT_1, 12, 0, 0, false},  {EXIT_TAKE_PROFIT_2, 20, 0, 0, false},
        {EXIT_TIME_STOP, -1, 16, 0, false},     {EXIT_VOLATILITY_STOP, 1, 1, 10, false},
        {EXIT_MAE_STOP, -15, 0, 0, true},
    };
    enum { RULES = sizeof rules / sizeof rules[0] };
    for (int k = 0; k < 4 * RULES; k++) {
        const int i = k / 4, s = k % 2 ? 1 : -1;
        for (int on = 0; on < 2; on++) {
            start(s, 4);
            bool *const switches[RULES] = {&params.hard_stop, &params.trailing, &params.tp1, &params.tp2,
                                           &params.time_stop, &params.volatility, &params.mae};
            for (int j = 0; j < RULES; j++)
                *switches[j] = j == i && on;
            ck_assert_int_eq(exits_update(&e, &params, &pos), 0);
            ck_assert_int_eq(exits_tp1_qty(&e), params.tp1 ? 2 : 0);
            e.venue_stop = rules[i].resting;
            const dec_t to = dec_int(1000 + s * rules[i].move);
            const struct exit_bar b = {dec_int(1000), dec_max(to, dec_int(1000)), dec_min(to, dec_int(1000)), to,
                                       rules[i].bar * BAR, rules[i].atr};
            const int n = k % 4 < 2 ? at(to, rules[i].bar, rules[i].atr) : exits_bar(&e, &params, &b, out);
            ck_assert_msg((n > 0) == (on == 1), "rule %d, side %d, %s: %d actions", i, s, on ? "on" : "off", n);
            bool seen = !on;
            for (int j = 0; j < n; j++)
                seen = seen || out[j].reason == rules[i].why;
            ck_assert_msg(seen, "rule %d", i);
        }
    }
    start(1, 4);
    params.volatility_factor = 3;
    ck_assert_int_eq(at(dec_int(1001), 1, 14.9), 0);
    ck_assert(at(dec_int(1001), 1, 15) == 1 && out[0].reason == EXIT_VOLATILITY_STOP);
}
END_TEST

/* The order of domain 2.5: whatever else is due, the first one closes, alone. */
START_TEST(of_several_rules_that_are_due_the_first_of_the_order_closes)
{
    for (int s = -1; s <= 1; s += 2) {
        const dec_t lost = dec_int(1000 - 15 * s), won = dec_int(1000 + 20 * s);
        start(s, 4);
        ck_assert(at(lost, 16, 10) == 1 && out[0].reason == EXIT_STOP_LOSS && out[0].qty == 4);
        start(s, 4);
        e.stop = dec_int(1000 + 6 * s);             /* moved before: the same place in the order */
        ck_assert(at(lost, 16, 10) == 1 && out[0].reason == EXIT_TRAILING_STOP);
        start(s, 4);
        ck_assert(at(won, 16, 10) == 1 && out[0].reason == EXIT_TAKE_PROFIT_2 && out[0].qty == 4);
        start(s, 4);
        ck_assert(at(dec_int(1000 + 12 * s), 1, 10) == 3 && out[0].kind == EXIT_MOVE_STOP);     /* trailing, target, ... */
        ck_assert(out[1].reason == EXIT_TAKE_PROFIT_1 && out[2].reason == EXIT_VOLATILITY_STOP);
        ck_assert_int_eq(out[1].qty + out[2].qty, 4);
        start(s, 4);
        e.venue_stop = 1;
        ck_assert(at(lost, 16, 10) == 1 && out[0].reason == EXIT_TIME_STOP);
        start(s, 4);
        e.venue_stop = 1;
        params.time_stop = false;
        ck_assert(at(lost, 16, 10) == 1 && out[0].reason == EXIT_VOLATILITY_STOP);
        params.volatility = false;
        exits_reopen(&e);
        ck_assert(at(lost, 16, 10) == 1 && out[0].reason == EXIT_MAE_STOP);
    }
    ck_assert(EXIT_STOP_LOSS < EXIT_TRAILING_STOP && EXIT_TRAILING_STOP < EXIT_TAKE_PROFIT_1 &&
              EXIT_TAKE_PROFIT_1 < EXIT_TAKE_PROFIT_2 && EXIT_TAKE_PROFIT_2 < EXIT_TIME_STOP &&
              EXIT_TIME_STOP < EXIT_VOLATILITY_STOP && EXIT_VOLATILITY_STOP < EXIT_MAE_STOP);
}
END_TEST

START_TEST(names_are_those_of_the_table)
{
    ck_assert_str_eq(exit_reason_name(EXIT_STOP_LOSS), "STOP_LOSS");
    ck_assert_str_eq(exit_reason_name(EXIT_NONE), "NONE");
    ck_assert_str_eq(exit_reason_name(EXIT_REASON_COUNT), "?");
    ck_assert_str_eq(exit_reason_text(EXIT_EMERGENCY), "emergency stop");
    ck_assert_str_eq(exit_reason_text(EXIT_REASON_COUNT), "?");
}
END_TEST

START_TEST(positions_that_cannot_be_managed_are_refused)
{
    start(1, 2);
    struct exits x = e;
    struct pnl none = {.qty = 0}, out_of_it = pos;
    struct contract_terms odd = terms;
    odd.tick = dec_zero();
    ck_assert_int_lt(exits_open(&x, &params, &terms, &pos, 0, D("990"), 5, 0, BAR), 0);
    ck_assert_int_lt(exits_open(&x, &params, &terms, &pos, FORMULA_LEVERAGE_MAX + 1, D("990"), 5, 0, BAR), 0);
    ck_assert_int_lt(exits_open(&x, &params, &terms, &pos, 5, D("990"), 5, 0, 0), 0);
    ck_assert_int_lt(exits_open(&x, &params, &terms, &pos, 5, D("990"), 0, 0, BAR), 0);
    ck_assert_int_lt(exits_open(&x, &params, &terms, &pos, 5, D("990"), INFINITY, 0, BAR), 0);
    ck_assert_int_lt(exits_open(&x, &params, &terms, &pos, 5, D("990"), NAN, 0, BAR), 0);
    ck_assert_int_lt(exits_open(&x, &params, &terms, &pos, 5, dec_zero(), 5, 0, BAR), 0);
    ck_assert_int_lt(exits_open(&x, &params, &odd, &pos, 5, D("990"), 5, 0, BAR), 0);
    ck_assert_int_lt(exits_open(&x, &params, &terms, &pos, 5, D("1000"), 5, 0, BAR), 0);   /* not on the losing side */
    ck_assert_int_lt(exits_open(&x, &params, &terms, &none, 5, D("990"), 5, 0, BAR), 0);
    ck_assert_mem_eq(&x, &e, sizeof x);
    out_of_it.entry_px = D("1e-30");
    ck_assert_int_lt(exits_update(&x, &params, &out_of_it), 0);
    ck_assert_mem_eq(&x, &e, sizeof x);
}
END_TEST

START_TEST(funding_paid_moves_the_break_even)
{
    start(1, 2);
    const dec_t before = e.break_even;
    ck_assert_int_eq(pnl_funding(&pos, D("0.2")), 0);       /* 1 of each unit */
    ck_assert_int_eq(exits_update(&e, &params, &pos), 0);
    ck_assert(dec_cmp(dec_sub(e.break_even, before), D("0.99")) > 0 && dec_cmp(dec_sub(e.break_even, before), D("1.02")) < 0);
}
END_TEST

START_TEST(a_literal_staircase_replaces_the_shares)
{
    start(1, 2);
    params.fixed = (struct staircase){.act = 100, .step = 50, .dist = 30};
    params.tp1 = false;
    ck_assert_int_eq(exits_update(&e, &params, &pos), 0);
    ck_assert(at(D("1003"), 0, 0) == 1 && out[0].kind == EXIT_MOVE_STOP);
    ck_assert(dec_eq(out[0].price, D("1002.4")));           /* 1.5 % ROI at 5x, less 0.3 */
}
END_TEST

START_TEST(what_rests_at_the_venue_is_left_to_it)
{
    start(1, 4);
    e.venue_stop = e.venue_tp1 = e.venue_tp2 = 1;
    params.trailing = params.mae = false;
    ck_assert_int_eq(at(D("985"), 0, 0), 0);
    ck_assert(at(D("1012"), 0, 0) == 1 && out[0].reason == EXIT_BREAK_EVEN);    /* the lots are the venue's */
    ck_assert_int_eq(at(D("1025"), 0, 0), 0);
}
END_TEST

START_TEST(a_close_leaves_out_what_the_first_target_already_asked_for)
{
    start(1, 5);
    params.trailing = params.mae = false;
    ck_assert(at(D("1012"), 0, 0) == 2 && out[1].qty == 2);
    ck_assert(at(D("1020"), 0, 0) == 1 && out[0].qty == 3);
    start(1, 5);
    params.trailing = false;
    ck_assert_int_eq(at(D("1012"), 0, 0), 2);
    ck_assert_int_eq(pnl_fill(&pos, -1, 2, D("1012"), dec_zero(), D("0.1")), 0);
    ck_assert_int_eq(exits_update(&e, &params, &pos), 0);
    ck_assert_int_eq(e.tp1_asked, 0);
    ck_assert_int_eq(pnl_fill(&pos, -1, 3, D("1012"), dec_zero(), D("0.1")), 0);
    ck_assert_int_eq(exits_update(&e, &params, &pos), 0);       /* nothing left */
    ck_assert_int_eq(at(D("980"), 1, 5), 0);
}
END_TEST

static uint64_t seed;
static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

START_TEST(stops_never_loosen_on_either_side_on_100000_random_paths)
{
    int64_t moves = 0;
    seed = UINT64_C(0x9E3779B97F4A7C15);
    printf("seed %" PRIu64 "\n", seed);
    for (int path = 0; path < 100000; path++) {
        int s = path % 2 ? 1 : -1;
        start(s, 1 + (int64_t)(rnd() % 4));
        params.tp2 = rnd() % 2;
        int64_t px = 100000;
        for (int k = 0; k < 12 && !e.closing; k++) {
            dec_t stop = e.stop, last;
            px += (int64_t)(rnd() % 1201) - 500 * (s < 0) - 600 * (s < 0) / 3 - 500 * (s > 0);
            last = dec_scaled(px > 1 ? px : 1, -2);
            int n = at(last, k + 1, 5);
            ck_assert_int_ge(s * dec_cmp(e.stop, stop), 0);
            for (int i = 0; i < n; i++)
                if (out[i].kind == EXIT_MOVE_STOP) {
                    moves++;
                    ck_assert(s * dec_cmp(out[i].price, stop) > 0 && s * dec_cmp(last, out[i].price) > 0);
                    ck_assert(s * dec_cmp(out[i].price, e.break_even) >= 0);
                }
        }
    }
    ck_assert_int_gt(moves, 10000);
}
END_TEST

TESTS("exits", hard_stop_closes_everything_once_until_reopened,
      tp1_closes_half_of_the_lots_and_moves_the_stop_to_break_even,
      time_volatility_and_excursion_close_at_their_limits, state_saved_as_bytes_goes_on_the_same,
      in_a_bar_the_stop_that_stands_is_asked_first,
      in_a_bar_the_best_price_raises_the_stop_and_the_close_may_hit_it,
      in_a_bar_targets_are_filled_at_their_prices_or_at_a_better_open,
      in_a_bar_without_a_stop_the_excursion_closes_where_it_is_reached,
      a_bar_closes_by_time_and_volatility_at_its_close_and_bad_ones_change_nothing,
      each_rule_acts_while_it_is_on_and_only_then, of_several_rules_that_are_due_the_first_of_the_order_closes,
      names_are_those_of_the_table,
      positions_that_cannot_be_managed_are_refused, funding_paid_moves_the_break_even,
      a_literal_staircase_replaces_the_shares, what_rests_at_the_venue_is_left_to_it,
      a_close_leaves_out_what_the_first_target_already_asked_for,
      stops_never_loosen_on_either_side_on_100000_random_paths)
