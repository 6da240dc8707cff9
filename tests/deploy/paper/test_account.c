#include "tests/runner.h"

#include <string.h>

#include "deploy/paper/account.h"

static const struct contract *xbt(void)
{
    contracts_init();
    return contract_get(0);
}

static struct position long_10_at_90000(void)
{
    struct position p;
    memset(&p, 0, sizeof p);
    position_add(&p, xbt(), 1, 10, 900000, 5);
    return p;
}

START_TEST(the_reference_position_has_the_reference_figures)
{
    struct position p = long_10_at_90000();
    struct position_view v;
    position_show(&p, xbt(), dec_lit("90150.25"), &v);
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
    position_add(&p, xbt(), -1, 10, 900000, 5);
    struct position_view v;
    position_show(&p, xbt(), dec_int(90000), &v);
    ck_assert(dec_eq(v.bankrupt, dec_int(108000)) && dec_eq(v.cost, dec_int(-900)));
    ck_assert(dec_eq(position_reduce(&p, xbt(), 10, 890000), dec_int(10)));
}
END_TEST

START_TEST(closing_in_parts_earns_what_closing_at_once_earns)
{
    struct position p = long_10_at_90000();
    position_add(&p, xbt(), 1, 3, 900001, 3);
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
    ck_assert(!position_liquidates(&p, xbt(), dec_lit("72332.74")));
    ck_assert(position_liquidates(&p, xbt(), dec_lit("72332.72")));
}
END_TEST

TESTS("account", the_reference_position_has_the_reference_figures, a_short_is_the_mirror_of_a_long,
      closing_in_parts_earns_what_closing_at_once_earns, liquidation_comes_at_the_liquidation_price)
