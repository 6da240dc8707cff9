/* The whole decision: each limit at its value and one step over, bad input, and the states. */
#include <math.h>
#include <string.h>

#include "tests/runner.h"

#include "libagent/core/risk.h"

#define D(text) dec_lit(text)
#define BAR INT64_C(60000000000)
#define DAY INT64_C(86400000000000)

static struct contract_terms terms;
static struct book_level bids[10], asks[10];
static struct risk_position open_[8];
static struct risk_limits l;
static struct risk_account a;
static struct risk_market m;
static struct risk_request r;
static struct risk_verdict v;

/* XBT at 50,000: one lot is 50 USDT; equity 10,000: 5 lots, margin 50, notional 250. */
static void good(int side)
{
    memset(open_, 0, sizeof open_);
    terms = (struct contract_terms){.multiplier = D("0.001"), .tick = D("0.1"), .maker_fee = D("0.0002"),
        .taker_fee = D("0.0006"), .lfr = D("0.0006"), .lot = 1, .max_qty = 1000000, .tier_count = 1,
        .tier = {{.max_notional = dec_int(1000000), .mmr = D("0.005"), .max_leverage = 125}}};
    for (int i = 0; i < 10; i++) {
        bids[i] = (struct book_level){dec_scaled(500000 - i, -1), 100};
        asks[i] = (struct book_level){dec_scaled(500001 + i, -1), 100};
    }
    risk_limits_default(&l);
    a = (struct risk_account){.equity = dec_int(10000), .available = dec_int(10000),
        .day = {.start_equity = dec_int(10000), .equity = dec_int(10000)}, .positions = open_, .ready = true};
    m = (struct risk_market){.contract = &terms, .bids = bids, .asks = asks, .bid_count = 10, .ask_count = 10,
        .atr = 100, .day_atr = 0.03, .day_bars = 14, .gamma = GATE_FRESH, .g = 0.9};
    r = (struct risk_request){.symbol = "XBTUSDTM", .side = side, .leverage = 5, .rank = 1,
        .market_ns = 1000 * BAR, .close = dec_int(50000), .size_multiplier = dec_int(1)};
}

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

static bool failed(enum risk_reason why)
{
    for (int i = 0; i < v.check_count; i++)
        if (v.checks[i].check == why && !v.checks[i].ok)
            return true;
    return false;
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

START_TEST(refuses_the_literal_seed_set_at_50x)
{
    good(1);
    l.leverage_max = 100;
    l.stop_roi = D("0.5");
    l.target_roi = D("2.0");
    m.day_atr = 0.005;
    r.leverage = 50;
    check();
    ck_assert(!v.approved && failed(RISK_BREAK_EVEN) && failed(RISK_LIQUIDATION_BUFFER));
    ck_assert_int_eq(v.reason, RISK_BREAK_EVEN);
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
    good(1); a.position_count = 1; strcpy(open_[0].symbol, "XBTUSDTM"); refuses(RISK_SYMBOL_OPEN);
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

TESTS("risk", approves_a_good_signal_on_both_sides, refuses_the_literal_seed_set_at_50x,
      gates_approve_at_the_limit_and_refuse_one_step_over,
      caps_approve_exactly_at_the_limit_and_refuse_one_step_over,
      totals_of_open_positions_bind_at_their_limits, a_cluster_is_a_star_and_unknown_correlation_joins_it,
      leverage_is_the_lowest_of_all_limits,
      a_request_below_a_lot_becomes_one_lot_or_names_the_equity_needed,
      bad_input_gets_a_named_verdict_and_never_an_approval,
      the_days_loss_pauses_then_stops_and_survives_a_restart, losses_in_a_row_warn_block_halve_and_stop,
      no_multiplier_passes_a_cap)
