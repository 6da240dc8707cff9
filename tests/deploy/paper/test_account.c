#include "tests/runner.h"

#include <string.h>

#include "deploy/paper/account.h"

static struct margin_rule present, before = {.before_2025 = true};

static const struct contract *xbt(void)
{
    contracts_init();
    present.liquidation_fee = contract_get(0)->taker_fee;
    return contract_get(0);
}

static struct position long_10_at_90000(void)
{
    struct position p;
    memset(&p, 0, sizeof p);
    position_add(&present, &p, xbt(), 1, 10, 900000, 5);
    return p;
}

START_TEST(the_reference_position_has_the_reference_figures)
{
    struct position p = long_10_at_90000();
    struct position_view v;
    position_show(&present, &p, xbt(), dec_lit("90150.25"), dec_zero(), &v);
    ck_assert(dec_eq(v.cost, dec_int(900)) && dec_eq(v.init, dec_int(180)));
    ck_assert(dec_eq(v.value, dec_lit("901.5025")) && dec_eq(v.upnl, dec_lit("1.5025")));
    ck_assert(dec_eq(v.bankrupt, dec_int(72000)));
    ck_assert(dec_eq(dec_round_places(v.liquidation, 2, DEC_HALF_EVEN), dec_lit("72332.73")));
}
END_TEST

START_TEST(a_short_is_the_mirror_of_a_long)
{
    struct position p;
    memset(&p, 0, sizeof p);
    position_add(&present, &p, xbt(), -1, 10, 900000, 5);
    struct position_view v;
    position_show(&present, &p, xbt(), dec_int(90000), dec_zero(), &v);
    ck_assert(dec_eq(v.bankrupt, dec_int(108000)) && dec_eq(v.cost, dec_int(-900)));
    ck_assert(dec_eq(position_reduce(&p, xbt(), 10, 890000), dec_int(10)));
}
END_TEST

START_TEST(closing_in_parts_earns_what_closing_at_once_earns)
{
    struct position p = long_10_at_90000();
    position_add(&present, &p, xbt(), 1, 3, 900001, 3);
    dec_t sum = dec_zero();
    for (int i = 0; i < 13; i++)
        sum = dec_add(sum, position_reduce(&p, xbt(), 1, 901000 + i));
    dec_t sales = dec_zero();
    for (int i = 0; i < 13; i++)
        sales = dec_add(sales, contract_value(xbt(), 1, 901000 + i));
    dec_t buys = dec_add(contract_value(xbt(), 10, 900000), contract_value(xbt(), 3, 900001));
    ck_assert(dec_eq(sum, dec_sub(sales, buys)));
    ck_assert(dec_is_zero(p.cost) && dec_is_zero(p.init) && p.qty == 0);
}
END_TEST

START_TEST(liquidation_comes_at_the_liquidation_price)
{
    struct position p = long_10_at_90000();
    ck_assert(!position_liquidates(&present, &p, xbt(), dec_lit("72332.74"), dec_zero()));
    ck_assert(position_liquidates(&present, &p, xbt(), dec_lit("72332.72"), dec_zero()));
}
END_TEST

/* Published samples of the rule before 22 May 2025 (kucoin-futures 15.2), each one long lot of XBTUSDTM with
 * maintenance 0.005.  The first is given rounded. */
static const struct {
    int64_t px;
    int leverage;
    const char *init, *cross, *loss, *reserved;     /* init NULL: what opening at px makes of it */
    const char *funding, *margin, *maint, *liquidation, *bankrupt, *within, *within_px;
} published[] = {
    {433880, 20, NULL, "0.000024985", "0", NULL, "0.0001", "2.19675944", "0.24861326", "41439.85", "41218.58",
     "0.00000003", "0.01"},
    {916945, 5, NULL, "0", "0", NULL, "0.000425", "18.40492004", "0.5634627025", "73853.0426625", "73355.6",
     "0", "0"},
    {674309, 3, "22.4769666644", "0.01645214", "0.03766885", "0.0539546299", "0.00003", "22.5097045843",
     "0.3931320569", "45314.33", "44975.15", "0", "0.01"},
};

static void expect_near(const char *what, dec_t got, const char *want, const char *within)
{
    char text[DEC_TEXT_MAX];
    ck_assert_msg(dec_le(dec_abs(dec_sub(got, dec_lit(want))), dec_lit(within)), "%s is %s, published %s", what,
                  dec_format(got, text), want);
}

START_TEST(the_published_margins_of_the_old_rule_come_out)
{
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        struct position p;
        struct position_view v;
        memset(&p, 0, sizeof p);
        const struct contract *c = xbt();
        position_add(&before, &p, c, 1, 1, published[i].px, published[i].leverage);
        if (published[i].init) {
            p.init = dec_lit(published[i].init);
            p.reserved = dec_lit(published[i].reserved);
        }
        p.cross = dec_lit(published[i].cross);
        p.loss = dec_lit(published[i].loss);
        p.risk_level = 2;
        position_show(&before, &p, c, contract_px(c, published[i].px), dec_lit(published[i].funding), &v);
        ck_assert(dec_eq(v.maint_rate, dec_lit("0.005")));
        expect_near("posMargin", v.margin, published[i].margin, published[i].within);
        expect_near("posMaint", v.maint, published[i].maint, published[i].within);
        expect_near("liquidationPrice", v.liquidation, published[i].liquidation, published[i].within_px);
        expect_near("bankruptPrice", v.bankrupt, published[i].bankrupt, published[i].within_px);
        bool below = position_liquidates(&before, &p, c, dec_sub(v.liquidation, dec_lit("0.1")),
                                         dec_lit(published[i].funding));
        ck_assert(below && !position_liquidates(&before, &p, c, dec_add(v.liquidation, dec_lit("0.1")),
                                                dec_lit(published[i].funding)));
    }
}
END_TEST

/* kucoin-futures 11.5 and 15.3: order margin of a published wallet, and the wallet. */
START_TEST(the_published_wallet_adds_up)
{
    dec_t order = margin_order(&before, xbt(), 1, 900000, 5);
    ck_assert(dec_eq(order, dec_lit("18.1188")));
    ck_assert(dec_eq(margin_order(&present, xbt(), 1, 900000, 5), dec_lit("18.054")));
    struct wallet w = {.cash = dec_lit("81.072921258"), .position_margin = dec_lit("36.80984008"),
                       .order_margin = order, .upnl = dec_lit("0.2007")};
    wallet_sum(&w);
    ck_assert(dec_eq(w.available, dec_lit("26.144281178")) && dec_eq(w.equity, dec_lit("81.273621258")));
}
END_TEST

TESTS("account", the_reference_position_has_the_reference_figures, a_short_is_the_mirror_of_a_long,
      closing_in_parts_earns_what_closing_at_once_earns, liquidation_comes_at_the_liquidation_price,
      the_published_margins_of_the_old_rule_come_out, the_published_wallet_adds_up)
