/* Properties of the decision over random cases, each shown to fail on a planted mutant: bad input is never approved;
 * what is approved keeps every limit, recomputed here in another arithmetic; a tighter limit never lets more in; the
 * lost streak lowers by half at most and a win ends it.  Seed printed, or given in ENIGMA_TEST_SEED. */
#define TEST_TIMEOUT 900
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <time.h>

#include "tests/libagent/core/plain.h"
#include "tests/libagent/core/risk_case.h"
#include "tests/runner.h"

#include "proto/err.h"

#define N(list) ((int)(sizeof(list) / sizeof(list)[0]))

enum { CASES = PLAIN_CASES(1000000), MUTANT_CASES = 20000 };

static uint64_t seed;
static int64_t decisions;       /* asked for */

static void decide(void)
{
    decisions++;
    risk_check(&l, &a, &m, &r, &v);
}

static int below(int n)
{
    return (int)(plain_random(&seed) % (uint64_t)n);
}

static double uniform(double low, double high)
{
    return low + (high - low) * plain_uniform(&seed);
}

static dec_t amount(double low, double high, int places)
{
    dec_t ret = dec_zero();
    must(dec_from_double(uniform(low, high), dec_scaled(1, -places), DEC_HALF_EVEN, &ret) == ERR_OK);
    return ret;
}

/* A market, an account and a request as they may be; some are refused, for reasons of their own. */
static void any_case(void)
{
    good(below(2) ? 1 : -1);
    const int64_t tick = 1 + below(50), mid = 100000 + below(2000000);
    const int places = below(5);
    terms.tick = dec_scaled(tick, -places);
    for (int i = 0; i < 10; i++) {
        bids[i] = (struct book_level){dec_scaled(tick * (mid - i), -places), 1 + below(1000)};
        asks[i] = (struct book_level){dec_scaled(tick * (mid + 1 + i), -places), 1 + below(1000)};
    }
    const double price = dec_to_double(bids[0].price);
    r.close = bids[below(5)].price;
    must(dec_from_double(uniform(1, 100) / price, dec_scaled(1, -9), DEC_CEIL, &terms.multiplier) == ERR_OK);
    terms.lot = below(4) == 0 ? 1 + below(10) : 1;
    terms.max_qty = below(4) == 0 ? 1 + below(40) : 0;
    terms.tier[0].max_leverage = 1 + below(125);
    terms.tier[0].mmr = amount(0.001, 0.03, 4);
    m.atr = price * uniform(0.0005, 0.02);
    m.day_atr = uniform(0.005, 0.08);
    m.day_bars = below(20);
    m.g = uniform(0.2, 1);
    r.leverage = 1 + below(125);
    r.size_multiplier = below(4) == 0 ? amount(0.1, 10, 2) : dec_int(1);
    a.equity = a.day.equity = amount(9600, 10400, 2);
    a.available = amount(0, 10000, 2);
    a.streak.half = below(4) == 0;
    a.position_count = below(4);
    for (int i = 0; i < a.position_count; i++)
        open_[i] = (struct risk_position){.symbol = {'A', (char)('A' + i)}, .side = below(2) ? 1 : -1,
            .margin = amount(0, 300, 2), .notional = amount(0, 3000, 2), .heat = amount(0, 60, 2),
            .rho = below(8) == 0 ? NAN : uniform(-1, 1)};
    if (below(8) == 0)
        l.trading_capital = amount(100, 20000, 0);
    if (below(8) == 0)
        a.burst = (struct risk_burst){.on = 1, .available = amount(0, 200, 2), .committed = amount(0, 50, 2)};
    if (below(8) == 0) {
        l.stop_roi = amount(0.5, 5, 2);
        l.target_roi = amount(5, 20, 2);
    }
}

/* ---- bad input ---- */

static const double no_numbers[] = {0, -1, -1e308, 1e308, NAN, -NAN, INFINITY, -INFINITY};

static dec_t bad_price(void)
{
    switch (below(4)) {
    case 0: return dec_zero();
    case 1: return dec_neg(dec_scaled(1 + below(1000), -below(5)));
    case 2: return dec_lit("1e100");
    default: return dec_lit("-1e100");
    }
}

static void spoil_limit(void)
{
    static const size_t fraction[] = {
        offsetof(struct risk_limits, position_margin), offsetof(struct risk_limits, max_position),
        offsetof(struct risk_limits, max_exposure), offsetof(struct risk_limits, max_symbol_notional),
        offsetof(struct risk_limits, max_notional), offsetof(struct risk_limits, max_book_share),
        offsetof(struct risk_limits, risk_per_trade), offsetof(struct risk_limits, max_heat),
        offsetof(struct risk_limits, daily_loss), offsetof(struct risk_limits, max_daily_drawdown),
        offsetof(struct risk_limits, liquidation_buffer), offsetof(struct risk_limits, max_spread),
        offsetof(struct risk_limits, max_slippage), offsetof(struct risk_limits, stop_floor),
        offsetof(struct risk_limits, burst_cap),
    };
    static const int whole[] = {0, -1, INT_MIN};
    dec_t value = bad_price();
    switch (below(8)) {
    case 0: l.correlation_min = below(2) ? NAN : 1.5; break;
    case 1: l.leverage_max = below(2) ? 126 : whole[below(3)]; break;
    case 2: l.max_positions = whole[below(3)]; break;
    case 3: l.streak_block = l.streak_max + 1; break;
    case 4: l.hours_from = -1 - below(9); break;
    case 5: l.signal_ttl_ms = whole[below(3)]; break;
    default: memcpy((char *)&l + fraction[below(N(fraction))], &value, sizeof value);
    }
}

static void spoil_contract(void)
{
    switch (below(12)) {
    case 0: m.contract = NULL; break;
    case 1: terms.tick = bad_price(); break;
    case 2: terms.multiplier = below(2) ? dec_zero() : dec_int(-1); break;
    case 3: terms.lot = below(2) ? 0 : -1; break;
    case 4: terms.max_qty = -1 - below(9); break;
    case 5: terms.taker_fee = below(2) ? dec_int(-1) : dec_int(1); break;
    case 6: terms.maker_fee = below(2) ? dec_int(1) : dec_int(-1); break;
    case 7: terms.lfr = below(2) ? dec_int(-1) : dec_int(1); break;
    case 8: terms.tier_count = below(2) ? 0 : CONTRACT_TIERS_MAX + 1; break;
    case 9: terms.tier[0].mmr = below(2) ? dec_zero() : dec_int(1); break;
    case 10: terms.tier[0].max_leverage = below(2) ? 0 : 126; break;
    default: terms.tier[0].max_notional = dec_int(-1); break;
    }
}

static void spoil_book(void)
{
    struct book_level *own = r.side > 0 ? bids : asks;
    int32_t *own_count = r.side > 0 ? &m.bid_count : &m.ask_count;
    const int i = below(9);
    switch (below(9)) {
    case 0: m.bid_count = m.ask_count = 0; break;
    case 1: *own_count = i; break;
    case 2: *own_count = -1 - i; break;
    case 3: *(r.side > 0 ? &m.ask_count : &m.bid_count) = 0; break;
    case 4: own[i].price = bad_price(); break;
    case 5: own[i].qty = -below(5); break;
    case 6: own[i + 1].price = own[i].price; break;
    case 7: bids[0].price = below(2) ? asks[0].price : asks[9].price; break;
    default: *(r.side > 0 ? &m.bids : &m.asks) = NULL; break;
    }
}

static void spoil_account(void)
{
    switch (below(9)) {
    case 0: a.equity = bad_price(); a.equity = dec_sign(a.equity) > 0 ? dec_zero() : a.equity; break;
    case 1: a.available = below(2) ? dec_zero() : dec_int(-1 - below(999)); break;
    case 2: memset(&a.day, 0, sizeof a.day); break;
    case 3: a.position_count = -1 - below(9); break;
    case 4: a.position_count = 1; a.positions = NULL; break;
    case 5: a.position_count = 1; open_[0].side = below(2) ? 0 : 2; break;
    case 6: a.position_count = 1; open_[0].margin = dec_int(-1); break;
    case 7: a.position_count = 1; open_[0].heat = dec_int(-1); break;
    default: a.entered_ns = INT64_MIN + below(9); break;
    }
}

static void spoil_request(void)
{
    static const int leverage[] = {0, -1, 126, INT_MAX, INT_MIN}, side[] = {0, 2, -2, INT_MAX, INT_MIN};
    switch (below(7)) {
    case 0: r.leverage = leverage[below(N(leverage))]; break;
    case 1: r.side = side[below(N(side))]; break;
    case 2: r.close = bad_price(); break;
    case 3: r.rank = below(2) ? 0 : INT_MIN; break;
    case 4: r.age_ms = below(2) ? -1 : INT64_MIN; break;
    case 5: r.market_ns = below(2) ? -1 : INT64_MIN; break;
    default: r.size_multiplier = below(2) ? dec_zero() : dec_int(-1); break;
    }
}

static void spoil_figures(void)
{
    switch (below(5)) {
    case 0: m.atr = no_numbers[below(N(no_numbers))]; break;
    case 1: m.day_bars = 14; m.day_atr = no_numbers[below(N(no_numbers))]; break;
    case 2: m.day_bars = -1 - below(9); break;
    case 3: m.gamma = GATE_FRESH; m.g = no_numbers[1 + below(N(no_numbers) - 1)]; break;
    default: m.book_age_ms = below(2) ? -1 : INT64_MAX; break;
    }
}

static void spoil(void)
{
    static void (*const way[])(void) = {
        spoil_limit, spoil_contract, spoil_book, spoil_account, spoil_request, spoil_figures,
    };
    way[below(N(way))]();
}

/* Mutant: what is no number is taken for the last good one. */
static void repair(void)
{
    if (!(m.atr > 0 && m.atr <= 1e15))
        m.atr = dec_to_double(bids[0].price) / 500;
    if (m.day_bars >= 5 && !(m.day_atr > 0 && m.day_atr <= 1e3))
        m.day_atr = 0.03;
    if (!(fabs(m.g) <= 1))
        m.g = 0.9;
}

static bool bad_input_is_never_approved(bool mutant)
{
    good(below(2) ? 1 : -1);        /* one that would be approved */
    for (int n = 1 + below(3); n > 0; n--)
        spoil();
    if (mutant)
        repair();
    decide();
    return !v.approved && v.reason > RISK_OK && v.reason < RISK_REASON_COUNT &&
           strncmp(v.text, risk_reason_name(v.reason), strlen(risk_reason_name(v.reason))) == 0;
}

/* ---- an approval keeps every limit ---- */

static long double ld(dec_t d)
{
    return dec_to_double(d);
}

static bool le(long double x, long double y)
{
    return x <= y + 1e-12L * (fabsl(x) + fabsl(y));
}

static bool sums_keep(long double equity, long double margin, long double notional, long double heat)
{
    long double margins = 0, notionals = 0, heats = 0, cluster = 0;
    int n = 0;
    for (int i = 0; i < a.position_count; i++) {
        margins += ld(open_[i].margin);
        notionals += ld(open_[i].notional);
        heats += ld(open_[i].heat);
        if (isnan(open_[i].rho) || open_[i].rho * open_[i].side * r.side >= 0.7) {
            cluster += ld(open_[i].margin);
            n++;
        }
    }
    return le(margins + margin, equity * 0.1L) && le(notionals + notional, equity) && le(heats + heat, equity * 0.02L) &&
           n < 2 && (n == 0 || le(cluster + margin, equity * 0.04L)) && a.position_count < 5 &&
           le(margins + margin + notional * ld(terms.taker_fee), equity) &&
           (!a.burst.on || le(ld(a.burst.committed) + margin, 0.5L * ld(a.burst.available)));
}

static bool approval_keeps_every_limit(bool mutant)
{
    any_case();
    decide();
    if (!v.approved)
        return true;
    if (mutant)
        v.qty += terms.lot;
    const long double side = r.side, price = ld(v.price), mult = ld(terms.multiplier), mmr = ld(terms.tier[0].mmr) + 0.0006L;
    const long double notional = (long double)v.qty * mult * price, margin = notional / v.leverage;
    const long double heat = (long double)v.qty * mult * fabsl(price - ld(v.stop_px));
    const long double vol = m.day_bars < 5 ? 2 : 1 / (3 * (long double)m.day_atr + ld(terms.tier[0].mmr));
    long double equity = ld(a.equity), book[2] = {0, 0};
    if (dec_sign(l.trading_capital) > 0)
        equity = fminl(equity, ld(l.trading_capital));
    for (int i = 0; i < 10; i++) {
        book[0] += (long double)bids[i].qty;
        book[1] += (long double)asks[i].qty;
    }
    const long double liq = price * (1 - side / v.leverage) / (1 - side * mmr);
    const long double r2 = 2 * fabsl(price - ld(v.stop_px));
    const long double roi = dec_sign(l.stop_roi) > 0 ? ld(l.target_roi) : 100 * v.leverage * r2 / price;
    return le(margin, equity * 0.02L) && le(notional, equity * 0.25L) && le(heat, equity * 0.005L) &&
           sums_keep(equity, margin, notional, heat) && le(margin + notional * 0.0006L, ld(a.available)) &&
           le((long double)v.qty, 0.1L * fminl(book[0], book[1])) && v.qty % terms.lot == 0 && v.qty >= terms.lot &&
           (terms.max_qty == 0 || v.qty <= terms.max_qty) && v.leverage >= 1 && v.leverage <= r.leverage &&
           v.leverage <= 15 && v.leverage <= terms.tier[0].max_leverage && le(v.leverage, vol) &&
           le(0.05L, fabsl(price - liq) / price) && side * (ld(v.stop_px) - liq) > 0 &&
           le(2 * (100 * v.leverage * 0.0008L + 0.05L), roi) && side * (price - ld(v.stop_px)) > 0 &&
           side * (ld(v.tp1_px) - price) > 0 && side * (ld(v.tp2_px) - ld(v.tp1_px)) >= 0 &&
           le(fabsl(price - ld(r.close)) / ld(r.close), 0.002L) && (v.lot_floor ? v.qty == terms.lot : true) &&
           (v.lot_floor || le(margin, equity * 0.005L * ld(r.size_multiplier) * (a.streak.half ? 0.5L : 1)));
}

/* ---- tighter limits ---- */

static void scale(dec_t *d, bool looser)
{
    *d = dec_mul(*d, looser ? dec_scaled(101 + below(400), -2) : dec_scaled(1 + below(100), -2));
}

static void tighten(bool looser)
{
    switch (below(12)) {
    case 0: scale(&l.max_position, looser); break;
    case 1: scale(&l.max_exposure, looser); break;
    case 2: scale(&l.max_symbol_notional, looser); break;
    case 3: scale(&l.max_notional, looser); break;
    case 4: scale(&l.risk_per_trade, looser); break;
    case 5: scale(&l.max_heat, looser); break;
    case 6: scale(&l.max_book_share, looser); break;
    case 7: scale(&a.available, looser); break;
    case 8: scale(&l.position_margin, looser); break;
    case 9: scale(&l.max_slippage, looser); break;
    case 10: l.leverage_max = looser ? l.leverage_max + 5 : 1 + below(l.leverage_max); break;
    default: l.max_cluster = looser ? 9 : 1; break;
    }
}

static bool tighter_never_lets_more_in(bool mutant)
{
    struct risk_verdict before;
    any_case();
    risk_check(&l, &a, &m, &r, &before);
    tighten(mutant);
    decide();
    return !v.approved || (before.approved && v.qty <= before.qty);
}

/* ---- the streak: domain 6, test 17, as far as it is risk's: lowers only, is bounded, ends by itself ---- */

static bool a_streak_lowers_by_half_at_most_and_a_win_ends_it(bool mutant)
{
    struct risk_streak s = {0}, lost;
    struct risk_verdict none;
    good(below(2) ? 1 : -1);
    l.streak_max = 99;
    l.position_margin = amount(0.0005, 0.02, 5);
    risk_check(&l, &a, &m, &r, &none);
    int64_t now = r.market_ns;
    for (int i = 1 + below(30); i > 0; i--) {
        now += below(40) * BAR;
        const int32_t before = s.losses;
        dec_t net = below(3) == 0 ? amount(0.01, 10, 2) : amount(-10, 0, 2);
        risk_streak_close(&s, &l, net, now, BAR);
        if (s.losses != (dec_sign(net) > 0 ? 0 : before + 1) || s.block_until_ns > now + 16 * BAR)
            return false;
        a.streak = s;
        r.market_ns = s.block_until_ns > now ? s.block_until_ns : now;
        decide();
        if (!v.approved || v.qty > none.qty || v.qty < none.qty / 2 || (!s.half && v.qty != none.qty))
            return false;
    }
    lost = s;
    risk_streak_close(&s, &l, dec_lit("0.01"), now, BAR);
    a.streak = mutant ? lost : s;
    r.market_ns = now;
    decide();
    return v.approved && v.qty == none.qty;
}

static const struct {
    const char *what;
    bool (*holds)(bool mutant);
    const char *mutant;
} properties[] = {
    {"bad input is never approved", bad_input_is_never_approved, "takes the last good figure for NaN"},
    {"an approval keeps every limit", approval_keeps_every_limit, "one lot more"},
    {"tighter never lets more in", tighter_never_lets_more_in, "looser"},
    {"a streak lowers by half at most, a win ends it", a_streak_lowers_by_half_at_most_and_a_win_ends_it,
     "a win is forgotten"},
};

START_TEST(every_property_holds_and_catches_its_mutant)
{
    const char *given = getenv("ENIGMA_TEST_SEED");
    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("ENIGMA_TEST_SEED=%" PRIu64 "\n", seed);
    for (int i = 0; i < N(properties); i++) {
        int caught = 0, approved = 0, runs = 0;
        for (decisions = 0; decisions < CASES; runs++) {
            if (!properties[i].holds(false))
                ck_abort_msg("%s: case %" PRId64 ": qty %" PRId64 " leverage %d %s", properties[i].what, decisions, v.qty, v.leverage,
                             v.text);
            approved += v.approved;
        }
        const int64_t done = decisions;
        for (int k = 0; k < MUTANT_CASES; k++)
            caught += !properties[i].holds(true);
        printf("%-48s %" PRId64 " cases in %d runs, %d approved; mutant \"%s\": caught %d of %d\n", properties[i].what,
               done, runs, approved, properties[i].mutant, caught, MUTANT_CASES);
        fflush(stdout);
        ck_assert_int_gt(caught, 0);
        ck_assert(i == 0 ? approved == 0 : approved > runs / 20);
    }
}
END_TEST

/* A price that is no number never becomes a decimal. */
START_TEST(no_decimal_is_made_of_what_is_no_number)
{
    static const char *const texts[] = {"NaN", "nan", "inf", "-Infinity", "1e308", "", "1e", "0x1", "1e101"};
    dec_t d = dec_int(7);
    for (int i = 0; i < N(texts); i++)
        ck_assert_int_lt(dec_parse(texts[i], &d), 0);
    for (int i = 0; i < N(no_numbers); i++)
        if (!(fabs(no_numbers[i]) <= 1))
            ck_assert_int_eq(dec_from_double(no_numbers[i], dec_scaled(1, -8), DEC_HALF_EVEN, &d), ERR_RANGE);
    ck_assert(dec_eq(d, dec_int(7)));
}
END_TEST

TESTS("risk_properties", every_property_holds_and_catches_its_mutant, no_decimal_is_made_of_what_is_no_number)
