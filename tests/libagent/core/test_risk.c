/* The whole decision: each limit at its value and one step over, bad input, and the states. */
#include <math.h>
#include <string.h>

#include "tests/libagent/core/plain.h"
#include "tests/libagent/core/risk_case.h"
#include "tests/runner.h"

#include "libagent/core/gamma.h"
#include "libagent/core/risk.h"
#include "proto/err.h"

static void check(void)
{
    risk_check(&l, &a, &m, &r, &v);
    bool all = true;
    for (int i = 0; i < v.check_count; i++)
        all = all && v.checks[i].ok;
    ck_assert(v.approved == all && v.approved == (v.reason == RISK_OK));
    for (int i = 1; i < v.check_count; i++)
        ck_assert_int_ge(v.checks[i].check, v.checks[i - 1].check);
}

static void approves(void)
{
    check();
    ck_assert_msg(v.approved, "%s", v.text);
}

static void refuses(enum risk_reason why)
{
    check();
    ck_assert_msg(v.reason == why, "%s instead of %s", v.text, risk_reason_name(why));
    ck_assert(!v.approved && strncmp(v.text, risk_reason_name(why), strlen(risk_reason_name(why))) == 0);
}

static void with_position(void)
{
    a.position_count = 1;
    open_[0] = (struct risk_position){.symbol = "ETHUSDTM", .side = 1};
}

static bool failed(enum risk_reason why)
{
    for (int i = 0; i < v.check_count; i++)
        if (v.checks[i].check == why && !v.checks[i].ok)
            return true;
    return false;
}

/* NULL: not compared. */
static const struct risk_figure *figure(enum risk_reason why, const char *name)
{
    for (int i = 0; i < v.check_count; i++)
        if (v.checks[i].check == why && strcmp(v.checks[i].name, name) == 0)
            return &v.checks[i];
    return NULL;
}

START_TEST(approves_a_good_signal_on_both_sides)
{
    for (int side = -1; side <= 1; side += 2) {
        good(side);
        approves();
        ck_assert_int_eq(v.leverage, 5);
        ck_assert_int_eq(v.qty, side > 0 ? 5 : 4);      /* the ninth ask is just above 50,000 */
        ck_assert(dec_eq(v.price, side > 0 ? D("49999.2") : D("50000.9")));
        ck_assert(side * dec_cmp(v.price, v.stop_px) > 0 && side * dec_cmp(v.tp1_px, v.price) > 0);
        ck_assert(side * dec_cmp(v.tp2_px, v.tp1_px) > 0 && !v.lot_floor && v.text[0] == 0);
    }
}
END_TEST

/* Domain 6, test 7: the seed's literal figures, on both sides, whatever the market. */
START_TEST(refuses_the_literal_seed_set_at_50x)
{
    for (int side = -1; side <= 1; side += 2) {
        good(side);
        l.leverage_max = 100;
        l.stop_roi = D("0.5");
        l.target_roi = D("2.0");
        m.day_atr = 0.005;
        r.leverage = 50;
        terms.maker_fee = D("0.0006");          /* taker both ways, as the seed has it */
        check();
        ck_assert(!v.approved && failed(RISK_BREAK_EVEN) && failed(RISK_LIQUIDATION_BUFFER));
        ck_assert_int_eq(v.reason, RISK_BREAK_EVEN);
        ck_assert_int_eq(v.leverage, 50);       /* prices hang on it: refused, not lowered */
        ck_assert(dec_eq(figure(RISK_BREAK_EVEN, "target_roi")->value, D("2")));
        ck_assert(dec_eq(figure(RISK_BREAK_EVEN, "target_roi")->limit, D("12.1")));     /* 2 x 6.05 % */
        ck_assert(dec_lt(figure(RISK_LIQUIDATION_BUFFER, "liquidation_distance")->value, D("0.016")));
        r.leverage = 5;                         /* 5x leaves 2 x 0.65 % */
        approves();
        r.leverage = 16;
        m.day_atr = 0.002;
        refuses(RISK_BREAK_EVEN);               /* 1.97 % of 2 %: covered, but not twice */
    }
}
END_TEST

START_TEST(gates_approve_at_the_limit_and_refuse_one_step_over)
{
    good(1); r.age_ms = 3000; approves(); r.age_ms++; refuses(RISK_STALE);
    good(1); r.rank = 2; approves(); r.rank++; refuses(RISK_RANK);
    good(1); r.late = true; refuses(RISK_LATE);
    good(1); m.book_age_ms = 5000; approves(); m.book_age_ms++; refuses(RISK_BOOK_STALE);
    good(1); m.bid_count = 9; approves(); m.bid_count--; refuses(RISK_NO_DEPTH);
    good(1); m.ask_count = 0; refuses(RISK_NO_DEPTH);
    good(1); r.close = dec_quo(D("49999.2"), D("0.998")); l.max_slippage = D("0.0020000001"); approves();
    good(1); r.close = D("50099.5"); refuses(RISK_SLIPPAGE);
    good(1); asks[0].price = D("50000.01"); l.max_spread = D("0.00000020"); approves();
    l.max_spread = D("0.00000019"); refuses(RISK_SPREAD);
    good(1); m.g = 0.35; approves(); m.g = 0.3499; refuses(RISK_GAMMA); m.gamma = GATE_OFF; approves();
    good(1); m.gamma = GATE_STALE; refuses(RISK_GAMMA_STALE); m.gamma = GATE_ABSTAINS; approves();
    good(1); a.ready = false; refuses(RISK_NOT_READY);
    good(1); a.paused = true; refuses(RISK_PAUSED);
    good(1); a.emergency = true; refuses(RISK_EMERGENCY);
    good(1); r.duplicate = true; refuses(RISK_DUPLICATE);
    good(1); a.contract_paused = true; refuses(RISK_CONTRACT_CLOSED);
    good(1); a.cooldown_until_ns = r.market_ns; approves(); a.cooldown_until_ns++; refuses(RISK_COOL_DOWN);
    good(1); a.symbol_paused = true; refuses(RISK_PAUSED);
    ck_assert(!figure(RISK_PAUSED, "symbol_paused")->ok && figure(RISK_PAUSED, "strategy_paused")->ok);
    good(1); a.strategy_paused = true; refuses(RISK_PAUSED);
    ck_assert_ptr_nonnull(strstr(v.text, "strategy_paused"));
}
END_TEST

/* With one lot asked for, nothing can be lowered: each cap at that lot's figure, then a hair below. */
#define one_lot_at(field, figure, why)                                                             \
    do {                                                                                           \
        good(1);                                                                                   \
        l.position_margin = D("0.001");                                                            \
        approves();                                                                                \
        ck_assert_int_eq(v.qty, 1);                                                                \
        dec_t at = dec_quo(v.figure, a.equity);                                                    \
        l.field = at;                                                                              \
        approves();                                                                                \
        l.field = dec_sub(at, D("0.0000001"));                                                     \
        refuses(why);                                                                              \
    } while (0)

START_TEST(caps_approve_exactly_at_the_limit_and_refuse_one_step_over)
{
    one_lot_at(max_symbol_notional, notional, RISK_NOTIONAL);
    one_lot_at(risk_per_trade, heat, RISK_RISK_PER_TRADE);
    good(1); a.available = D("50.1491976"); approves();
    ck_assert_int_eq(v.qty, 5);
    a.available = D("50.1491975"); approves();
    ck_assert_int_eq(v.qty, 4);
    a.available = D("10.02983952"); approves();
    a.available = D("10.02983951"); refuses(RISK_BALANCE);
}
END_TEST

START_TEST(totals_of_open_positions_bind_at_their_limits)
{
    good(1); a.position_count = 1; open_[0] = (struct risk_position){.symbol = "ETHUSDTM", .side = 1, .rho = 0};
    approves();
    dec_t heat = v.heat;
    open_[0].heat = dec_sub(dec_int(200), dec_quo(heat, dec_int(5))); approves();
    ck_assert_int_eq(v.qty, 1);
    open_[0].heat = dec_add(open_[0].heat, D("0.0000001")); refuses(RISK_HEAT);
    open_[0].heat = dec_zero(); open_[0].notional = D("9950.0008"); approves();
    open_[0].notional = D("9950.0009"); refuses(RISK_NOTIONAL);
    open_[0].notional = dec_zero(); open_[0].margin = D("990.00016"); approves();
    open_[0].margin = D("990.00017"); refuses(RISK_EXPOSURE);
    open_[0].margin = dec_zero(); l.max_positions = 2; approves(); l.max_positions = 1;
    refuses(RISK_MAX_POSITIONS);
    good(1); a.position_count = 1; strcpy(open_[0].symbol, "XBTUSDTM");
    open_[0].side = 1; refuses(RISK_SYMBOL_OPEN);
}
END_TEST

START_TEST(a_cluster_is_a_star_and_unknown_correlation_joins_it)
{
    good(1);
    a.position_count = 2;
    open_[0] = (struct risk_position){.symbol = "A", .side = 1, .rho = 0.7};
    open_[1] = (struct risk_position){.symbol = "B", .side = 1, .rho = 0.69};
    approves();
    open_[1].rho = 0.7; refuses(RISK_CORRELATION);
    open_[1].side = -1; approves();
    open_[1].rho = NAN; refuses(RISK_CORRELATION);
    a.position_count = 1; open_[0].margin = D("390.00016"); approves(); ck_assert_int_eq(v.qty, 1);
    open_[0].margin = D("390.00017"); refuses(RISK_CORRELATION);
}
END_TEST

START_TEST(leverage_is_the_lowest_of_all_limits)
{
    good(1); r.leverage = 125; approves(); ck_assert_int_eq(v.leverage, 10);     /* F-015 at 3 % */
    m.day_atr = 0.0301; approves(); ck_assert_int_eq(v.leverage, 5);
    m.day_bars = 4; approves(); ck_assert_int_eq(v.leverage, 2);
    good(1); r.leverage = 125; m.day_atr = 0.001; approves(); ck_assert_int_eq(v.leverage, 15);
    l.leverage_max = 125; approves(); ck_assert_int_eq(v.leverage, 17);
    m.day_atr = 0.4; refuses(RISK_LEVERAGE);
    good(1); r.leverage = 0; refuses(RISK_LEVERAGE); r.leverage = 126; refuses(RISK_LEVERAGE);
    good(1); terms.tier[0].max_notional = dec_int(250); approves();             /* 50 x 5 is in no higher tier */
    terms.tier[0].max_notional = D("249.99"); refuses(RISK_LEVERAGE);
    ck_assert(dec_is_zero(figure(RISK_LEVERAGE, "leverage_contract")->limit));
    good(1); a.equity = a.available = dec_int(1000);                            /* asked for: 25; one lot: 50 */
    terms.tier[0].max_notional = dec_int(49); terms.tier_count = 2;
    terms.tier[1] = (struct contract_tier){dec_zero(), D("0.2"), 125}; refuses(RISK_LIQUIDATION_BUFFER);
    terms.tier[1].mmr = D("0.006"); approves();
    terms.tier[1].max_leverage = 4; refuses(RISK_LEVERAGE);
    terms.tier_count = 1; refuses(RISK_LEVERAGE);
    good(1); terms.taker_fee = D("0.02"); refuses(RISK_BREAK_EVEN);             /* at no leverage */
    good(1); terms.multiplier = D("1e-30"); refuses(RISK_SIZE_BELOW_LOT);       /* lots beyond counting */
    ck_assert_ptr_nonnull(strstr(v.text, "cannot be computed"));
}
END_TEST

START_TEST(a_request_below_a_lot_becomes_one_lot_or_names_the_equity_needed)
{
    good(1); a.equity = a.available = dec_int(1000); approves();
    ck_assert(v.qty == 1 && v.lot_floor && dec_is_zero(v.equity_needed));
    a.equity = dec_int(100); a.available = dec_int(100); refuses(RISK_SIZE_BELOW_LOT);
    dec_t needed = v.equity_needed;
    ck_assert_ptr_nonnull(strstr(v.text, "equity of"));
    a.equity = a.available = needed; approves();
    a.equity = a.available = dec_sub(needed, D("0.02")); refuses(RISK_SIZE_BELOW_LOT);
}
END_TEST

START_TEST(bad_input_gets_a_named_verdict_and_never_an_approval)
{
    static const double bad[] = {0, -1, NAN, INFINITY, 1e308};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        good(1); m.atr = bad[i]; refuses(RISK_BAD_DATA);
        good(1); m.day_atr = bad[i]; refuses(RISK_BAD_DATA);
    }
    good(1); m.g = NAN; refuses(RISK_BAD_DATA);
    good(1); r.close = dec_zero(); refuses(RISK_BAD_DATA);
    good(1); r.side = 0; refuses(RISK_BAD_DATA);
    good(1); a.equity = D("-1"); refuses(RISK_BAD_DATA);
    good(1); bids[0].price = asks[0].price; refuses(RISK_BAD_DATA);
    good(1); bids[4].price = dec_int(-1); refuses(RISK_BAD_DATA);
    good(1); m.bid_count = m.ask_count = 0; refuses(RISK_NO_DEPTH);
    good(1); m.contract = NULL; refuses(RISK_UNKNOWN_CONTRACT);
    good(1); terms.tick = dec_zero(); refuses(RISK_UNKNOWN_CONTRACT);
    good(1); terms.lot = 0; refuses(RISK_UNKNOWN_CONTRACT);
    good(1); l.daily_loss = D("0.06"); refuses(RISK_BAD_DATA);
    ck_assert_str_eq(v.text, "BAD_DATA: daily_loss");
    good(1); memset(&a.day, 0, sizeof a.day); refuses(RISK_DAILY_DRAWDOWN);
}
END_TEST

/* Domain 6, test 6, of the core; the agent has its own. */
START_TEST(the_days_loss_pauses_then_stops_and_survives_a_restart)
{
    struct risk_day d = {0}, saved;
    good(1);
    ck_assert_int_eq(risk_day_update(&d, &l, DAY, dec_int(10000)), RISK_NOTHING);
    ck_assert_int_eq(risk_day_update(&d, &l, DAY + 1, dec_int(9750)), RISK_NOTHING);
    a.day = d; approves();
    ck_assert_int_eq(risk_day_update(&d, &l, DAY + 2, D("9749.99")), RISK_BLOCK);
    memcpy(&saved, &d, sizeof d);
    ck_assert_int_eq(risk_day_update(&saved, &l, DAY + 3, dec_int(10000)), RISK_NOTHING);
    a.day = saved; refuses(RISK_DAILY_LOSS);
    ck_assert_int_eq(risk_day_update(&saved, &l, DAY + 4, dec_int(9500)), RISK_NOTHING);
    ck_assert_int_eq(risk_day_update(&saved, &l, DAY + 5, D("9499.99")), RISK_STOP);
    a.day = saved; refuses(RISK_EMERGENCY); ck_assert(failed(RISK_DAILY_DRAWDOWN));
    risk_day_update(&saved, &l, 2 * DAY, D("9499.99"));
    ck_assert(saved.stopped && !saved.paused && dec_eq(saved.start_equity, D("9499.99")));
    risk_day_reset(&saved); a.day = saved; approves();
}
END_TEST

START_TEST(losses_in_a_row_warn_block_halve_and_stop)
{
    struct risk_streak s = {0};
    good(1);
    for (int i = 1; i <= 11; i++) {
        enum risk_event want = i > 10 ? RISK_STOP : i >= 5 ? RISK_BLOCK : i >= 3 ? RISK_WARN : RISK_NOTHING;
        ck_assert_int_eq(risk_streak_close(&s, &l, i == 1 ? dec_zero() : D("-1"), i * BAR, BAR), want);
        ck_assert_int_eq(s.block_until_ns, i >= 5 ? (i + 16) * BAR : 0);
        a.streak = s;
        r.market_ns = s.block_until_ns;
        if (i == 11) { refuses(RISK_EMERGENCY); break; }
        approves();
        ck_assert_int_eq(v.qty, i >= 5 ? 2 : 5);
        if (i >= 5) { r.market_ns--; refuses(RISK_LOSS_STREAK); }
    }
    risk_streak_reset(&s);
    for (int i = 0; i < 5; i++)
        risk_streak_close(&s, &l, D("-1"), BAR, BAR);
    risk_streak_close(&s, &l, D("0.01"), BAR, BAR);
    ck_assert(s.losses == 0 && !s.half && s.block_until_ns == 0);
}
END_TEST

START_TEST(no_multiplier_passes_a_cap)
{
    good(1); r.size_multiplier = dec_int(1000); approves();
    ck_assert(dec_le(v.margin, dec_int(200)) && dec_le(v.notional, dec_int(2500)) && dec_le(v.heat, dec_int(50)));
    ck_assert_int_eq(v.qty, 20);
    for (int i = 0; i < 10; i++) bids[i].qty = 3;
    approves(); ck_assert_int_eq(v.qty, 3);
}
END_TEST

/* ---- every reason of the list, once ---- */

static void spoil(enum risk_reason why)
{
    switch (why) {
    case RISK_NOT_READY: a.ready = false; break;
    case RISK_PAUSED: a.paused = true; break;
    case RISK_EMERGENCY: a.emergency = true; break;
    case RISK_DUPLICATE: r.duplicate = true; break;
    case RISK_BAD_DATA: m.atr = NAN; break;
    case RISK_UNKNOWN_CONTRACT: m.contract = NULL; break;
    case RISK_CONTRACT_CLOSED: a.contract_paused = true; break;
    case RISK_MARKET_HOURS: l.hours_from = 540; l.hours_to = 960; break;        /* it is 16:40 */
    case RISK_STALE: r.age_ms = 3001; break;
    case RISK_LATE: r.late = true; break;
    case RISK_RANK: r.rank = 3; break;
    case RISK_BOOK_STALE: m.book_age_ms = 5001; break;
    case RISK_NO_DEPTH: m.bid_count = 8; break;
    case RISK_SLIPPAGE: r.close = dec_int(50100); break;
    case RISK_SPREAD: l.max_spread = D("0.000001"); break;
    case RISK_GAMMA_STALE: m.gamma = GATE_STALE; break;
    case RISK_GAMMA: m.g = 0.3; break;
    case RISK_SIZE_BELOW_LOT: a.equity = dec_int(100); break;
    case RISK_POSITION_SIZE: l.position_margin = l.max_position = D("0.0009"); r.size_multiplier = dec_int(2); break;
    case RISK_RISK_PER_TRADE: l.risk_per_trade = D("0.00001"); break;
    case RISK_BOOK_SHARE: l.max_book_share = D("0.0001"); break;
    case RISK_BALANCE: a.available = D("1"); break;
    case RISK_CAPITAL: with_position(); open_[0].margin = D("9999"); l.max_exposure = D("1"); break;
    case RISK_BURST: a.burst = (struct risk_burst){.on = 1, .available = D("10"), .committed = D("4")}; break;
    case RISK_LEVERAGE: r.leverage = 126; break;
    case RISK_DAILY_DRAWDOWN: a.day.equity = D("9499"); break;
    case RISK_DAILY_LOSS: a.day.equity = D("9749"); break;
    case RISK_LOSS_STREAK: a.streak.block_until_ns = r.market_ns + 1; break;
    case RISK_CORRELATION: with_position(); open_[0].rho = 1; l.max_cluster = 1; break;
    case RISK_BREAK_EVEN: l.stop_roi = D("0.5"); l.target_roi = D("0.8"); break;
    case RISK_LIQUIDATION_BUFFER: l.liquidation_buffer = D("0.99"); break;
    case RISK_HEAT: with_position(); open_[0].heat = D("199.9"); break;
    case RISK_NOTIONAL: with_position(); open_[0].notional = D("9999"); break;
    case RISK_EXPOSURE: with_position(); open_[0].margin = D("999"); break;
    case RISK_MAX_POSITIONS: with_position(); l.max_positions = 1; break;
    case RISK_STRATEGY_POSITIONS: with_position(); l.max_strategy_positions = 1; break;
    case RISK_SYMBOL_OPEN: with_position(); strcpy(open_[0].symbol, r.symbol); break;
    case RISK_COOL_DOWN: a.cooldown_until_ns = r.market_ns + 1; break;
    case RISK_MIN_INTERVAL: l.min_interval_ns = BAR; a.entered_ns = r.market_ns - BAR + 1; break;
    case RISK_OK: case RISK_REASON_COUNT: break;
    }
}

START_TEST(every_reason_of_the_list_refuses_with_the_figures_it_compared)
{
    for (int why = RISK_OK + 1; why < RISK_REASON_COUNT; why++) {
        good(1);
        spoil((enum risk_reason)why);
        refuses((enum risk_reason)why);
        bool shown = false;
        for (int i = 0; i < v.check_count; i++)
            shown = shown || (v.checks[i].check == (enum risk_reason)why && !v.checks[i].ok && v.checks[i].name[0] != 0);
        ck_assert_msg(shown, "%s", v.text);
        ck_assert(risk_reason_text((enum risk_reason)why)[0] != 0);
    }
    ck_assert_str_eq(risk_reason_name(RISK_REASON_COUNT), "?");
    ck_assert_str_eq(risk_reason_text((enum risk_reason)-1), "?");
    ck_assert_str_eq(risk_reason_name(RISK_OK), "OK");
}
END_TEST

START_TEST(entries_are_only_within_the_hours_set_over_midnight_too)
{
    static const struct { int from, to, now, wait; } c[] = {
        {540, 960, 539, 1}, {540, 960, 540, 0}, {540, 960, 959, 0}, {540, 960, 960, 1020}, {540, 960, 0, 540},
        {1320, 120, 1319, 1}, {1320, 120, 1320, 0}, {1320, 120, 119, 0}, {1320, 120, 120, 1200}, {0, 1440, 1439, 0},
        {0, 60, 60, 1380}, {0, 0, 700, 0},
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        good(1);
        l.hours_from = c[i].from;
        l.hours_to = c[i].to;
        r.market_ns = 20000 * DAY + c[i].now * BAR;
        if (c[i].wait == 0)
            approves();
        else
            refuses(RISK_MARKET_HOURS);
        const struct risk_figure *f = figure(RISK_MARKET_HOURS, "minutes_until_open");
        ck_assert((f == NULL) == (c[i].from == c[i].to));
        ck_assert(f == NULL || dec_eq(f->value, dec_int(c[i].wait)));
    }
}
END_TEST

START_TEST(a_symbol_is_entered_again_after_the_least_interval)
{
    good(1); l.min_interval_ns = 60 * BAR; approves();          /* never entered */
    a.entered_ns = r.market_ns - 60 * BAR; approves();
    a.entered_ns++; refuses(RISK_MIN_INTERVAL);
    a.entered_ns = r.market_ns + BAR; refuses(RISK_MIN_INTERVAL);
    l.min_interval_ns = 0; approves();                          /* off */
    a.entered_ns = -1; refuses(RISK_BAD_DATA);
}
END_TEST

START_TEST(a_strategy_has_so_many_positions_and_unknown_ones_count_for_each)
{
    good(1); strcpy(r.strategy, "score"); a.position_count = 2; l.max_strategy_positions = 2;
    for (int i = 0; i < 2; i++)
        open_[i] = (struct risk_position){.symbol = {'A', (char)('A' + i)}, .strategy = "orb", .side = 1};
    approves();
    strcpy(open_[0].strategy, "score"); approves();
    strcpy(open_[1].strategy, "score"); refuses(RISK_STRATEGY_POSITIONS);
    open_[1].strategy[0] = 0; refuses(RISK_STRATEGY_POSITIONS);
}
END_TEST

START_TEST(the_capital_to_use_bounds_every_share_and_all_margins_with_fees)
{
    good(1); l.trading_capital = dec_int(20000); approves(); ck_assert_int_eq(v.qty, 5);        /* more than there is */
    l.trading_capital = dec_int(4000); approves(); ck_assert_int_eq(v.qty, 2);
    a.position_count = 1; l.max_exposure = dec_int(1);
    open_[0] = (struct risk_position){.symbol = "ETHUSDTM", .side = 1};
    open_[0].margin = D("3989.97016048"); approves(); ck_assert_int_eq(v.qty, 1);       /* a lot: 9.99984 + 0.0299995 */
    open_[0].margin = D("3989.97016049"); refuses(RISK_CAPITAL);
    l.trading_capital = dec_zero(); approves();
}
END_TEST

/* ---- the lighthouse ---- */

static struct gamma *hours(bool together, int n)
{
    struct gamma *g = calloc(1, sizeof *g);
    uint64_t seed = 1;
    double close[4] = {100, 100, 100, 100};
    ck_assert_int_eq(gamma_init(g, 4, 0), ERR_OK);
    for (int t = 0; t < n; t++) {
        const double all = plain_uniform(&seed) - 0.5;
        for (int i = 0; i < 4; i++) {
            close[i] *= exp(0.02 * (together ? all : plain_uniform(&seed) - 0.5));
            const struct candle c = {t * GAMMA_TF_NS, GAMMA_TF_NS, close[i], close[i], close[i], close[i], 1};
            gamma_bar(g, i, &c);
        }
    }
    gamma_update(g, n * GAMMA_TF_NS);
    return g;
}

static void light(const struct gamma *g, bool enabled, bool emergency)
{
    ck_assert_int_eq(dec_from_double(gamma_multiplier(g, enabled, emergency), D("0.01"), DEC_HALF_EVEN,
                                     &r.size_multiplier), ERR_OK);
}

/* Domain 6, test 2: position_size_multiplier is consumed, capped, and back to 1 after the lighthouse. */
START_TEST(the_lighthouses_multiplier_is_consumed_capped_and_back_to_one)
{
    struct gamma *on = hours(true, 100), *off = hours(false, 100);
    ck_assert(on->lighthouse && !off->lighthouse);
    good(1); light(on, true, false);
    ck_assert(dec_eq(r.size_multiplier, D("2.73")));
    approves(); ck_assert_int_eq(v.qty, 13);                    /* consumed: floor(2.73 x 5.00008 lots) */
    l.max_position = D("0.01"); approves(); ck_assert_int_eq(v.qty, 10);        /* capped */
    risk_burst_update(&a.burst, true, dec_int(100));
    approves(); ck_assert_int_eq(v.qty, 5);                     /* half of what was available when it came on */
    risk_burst_approved(&a.burst, v.margin);
    refuses(RISK_BURST);                                        /* all that one lighthouse may take, 50 */
    risk_burst_update(&a.burst, true, dec_int(1000000));
    refuses(RISK_BURST);                                        /* still the same one */
    risk_burst_update(&a.burst, false, dec_int(100));
    light(off, true, false);
    approves(); ck_assert_int_eq(v.qty, 5);                     /* back to one */
    risk_burst_approved(&a.burst, dec_int(1000));               /* counts during a lighthouse only */
    risk_burst_update(&a.burst, true, dec_int(10000));
    ck_assert(dec_is_zero(a.burst.committed));
    light(on, true, false); approves(); ck_assert_int_eq(v.qty, 10);
    light(on, false, false); approves(); ck_assert_int_eq(v.qty, 5);            /* not enabled */
    light(on, true, true); approves(); ck_assert_int_eq(v.qty, 5);              /* an emergency */
    free(on);
    free(off);
}
END_TEST

START_TEST(targets_that_have_no_price_are_refused)
{
    good(-1); m.atr = 17000; l.risk_per_trade = l.max_heat = D("1"); refuses(RISK_BAD_DATA);    /* 50,000 - 2 x 25,500 */
    ck_assert_str_eq(v.text, "BAD_DATA: stop or targets");
    good(1); m.atr = 34000; refuses(RISK_BAD_DATA);                             /* the stop itself */
    ck_assert_str_eq(v.text, "BAD_DATA: stop or targets");
    good(-1); l.risk_per_trade = l.max_heat = D("1"); m.atr = 16000; check(); ck_assert(v.reason != RISK_BAD_DATA);
    good(1); l.tp1_r = D("0.0001"); refuses(RISK_BAD_DATA);                     /* less than a tick */
    good(1); bids[8].price = D("49999.25"); refuses(RISK_BAD_DATA);
    ck_assert_str_eq(v.text, "BAD_DATA: price off the tick");
    good(1); l.stop_roi = D("2"); l.target_roi = D("2.3"); refuses(RISK_BAD_DATA);
    ck_assert_str_eq(v.text, "BAD_DATA: target_roi");
}
END_TEST

START_TEST(limits_that_contradict_each_other_are_named)
{
    static const struct { const char *name; size_t at; const char *value; } c[] = {
#define C(field, value) {#field, offsetof(struct risk_limits, field), value}
        C(trading_capital, "-1"), C(position_margin, "0.021"), C(max_position, "0.11"), C(max_exposure, "1.01"),
        C(max_symbol_notional, "1.1"), C(max_notional, "101"), C(max_book_share, "0"), C(risk_per_trade, "0.021"),
        C(max_heat, "0"), C(daily_loss, "0.051"), C(max_daily_drawdown, "1.1"), C(liquidation_buffer, "1"),
        C(max_spread, "0"), C(max_slippage, "-0.1"), C(stop_atr, "0"), C(stop_floor, "1"), C(tp1_r, "2"),
        C(stop_roi, "0.5"), C(break_even_buffer, "-0.01"), C(min_g, "1.1"), C(burst_cap, "0"),
#undef C
    };
    good(1);
    ck_assert_ptr_null(risk_limits_wrong(&l));
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        good(1);
        dec_t value = D(c[i].value);
        memcpy((char *)&l + c[i].at, &value, sizeof value);
        ck_assert_ptr_nonnull(risk_limits_wrong(&l));
        refuses(RISK_BAD_DATA);
        if (strcmp(c[i].name, "max_heat") != 0 && strcmp(c[i].name, "max_position") != 0)       /* named by a pair's other */
            ck_assert_msg(strcmp(v.text + 10, c[i].name) == 0, "%s: %s", c[i].name, v.text);
    }
#define whole(field, value, name)                                                                  \
    do {                                                                                           \
        good(1);                                                                                   \
        l.field = value;                                                                           \
        refuses(RISK_BAD_DATA);                                                                    \
        ck_assert_str_eq(v.text, "BAD_DATA: " name);                                               \
    } while (0)
    whole(correlation_min, NAN, "correlation_min");
    whole(correlation_min, 1.1, "correlation_min");
    whole(leverage_max, 0, "leverage_max");
    whole(leverage_max, 126, "leverage_max");
    whole(top_n, 0, "top_n");
    whole(max_positions, 0, "max_positions");
    whole(max_cluster, 0, "max_cluster");
    whole(max_strategy_positions, 0, "max_strategy_positions");
    whole(streak_warn, 0, "streak");
    whole(streak_warn, 6, "streak");
    whole(streak_max, 4, "streak");
    whole(streak_block_bars, -1, "streak");
    whole(cooldown_bars, -1, "cooldown_bars");
    whole(signal_ttl_ms, 0, "ttl");
    whole(book_ttl_ms, 0, "ttl");
    whole(min_interval_ns, -1, "min_interval");
    whole(hours_from, 1440, "hours");
    whole(hours_to, 1441, "hours");
    whole(hours_to, -1, "hours");
    whole(hours_from, -1, "hours");
}
END_TEST

TESTS("risk", approves_a_good_signal_on_both_sides, refuses_the_literal_seed_set_at_50x,
      gates_approve_at_the_limit_and_refuse_one_step_over,
      caps_approve_exactly_at_the_limit_and_refuse_one_step_over,
      totals_of_open_positions_bind_at_their_limits, a_cluster_is_a_star_and_unknown_correlation_joins_it,
      leverage_is_the_lowest_of_all_limits,
      a_request_below_a_lot_becomes_one_lot_or_names_the_equity_needed,
      bad_input_gets_a_named_verdict_and_never_an_approval,
      the_days_loss_pauses_then_stops_and_survives_a_restart, losses_in_a_row_warn_block_halve_and_stop,
      no_multiplier_passes_a_cap, every_reason_of_the_list_refuses_with_the_figures_it_compared,
      entries_are_only_within_the_hours_set_over_midnight_too, a_symbol_is_entered_again_after_the_least_interval,
      a_strategy_has_so_many_positions_and_unknown_ones_count_for_each,
      the_capital_to_use_bounds_every_share_and_all_margins_with_fees,
      the_lighthouses_multiplier_is_consumed_capped_and_back_to_one, targets_that_have_no_price_are_refused,
      limits_that_contradict_each_other_are_named)
