/* Exit rules, one by one and on random paths. */
#include <inttypes.h>
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

START_TEST(a_bar_that_raises_the_stop_and_is_wide_counts_as_hit_at_the_first_level)
{
    struct exit_bar b = {dec_int(1000), dec_int(1015), dec_int(999), dec_int(1014), BAR, 5};
    start(1, 2);
    ck_assert_int_eq(exits_bar(&e, &params, &b, out), 1);
    ck_assert(out[0].kind == EXIT_CLOSE && out[0].reason == EXIT_TRAILING_STOP);
    ck_assert(dec_eq(out[0].price, D("1002.5")));       /* 1,000 + R (1.0 - 0.75) */
    b.low = dec_int(989);
    start(1, 2);
    ck_assert(exits_bar(&e, &params, &b, out) == 1 && out[0].reason == EXIT_STOP_LOSS);
    ck_assert(dec_eq(out[0].price, dec_int(990)));
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
      a_bar_that_raises_the_stop_and_is_wide_counts_as_hit_at_the_first_level,
      stops_never_loosen_on_either_side_on_100000_random_paths)
