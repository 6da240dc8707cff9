#include <sodium.h>
#include <string.h>

#include "tests/runner.h"

#include "proto/hash.h"
#include "proto/poshash.h"
#include "proto/text.h"

static struct sub_position position(const char *symbol, enum side side, int64_t qty, const char *entry)
{
    struct sub_position p = {.side = side, .qty = qty, .entry_px = dec_lit(entry)};
    TEXT_COPY(p.symbol, symbol);
    return p;
}

static void expect(const char *text, const struct sub_position *p, size_t n)
{
    uint8_t hash[16];
    char want[POSHASH_TEXT], got[POSHASH_TEXT];
    hash128(text, strlen(text), hash);
    sodium_bin2hex(want, sizeof want, hash, sizeof hash);
    position_hash(p, n, got);
    ck_assert_str_eq(got, want);
}

START_TEST(is_the_hash_of_the_lines_by_symbol)
{
    const struct sub_position p[] = {
        position("XBTUSDTM", SIDE_BUY, 3, "65000.10"), position("ADAUSDTM", SIDE_SELL, 120, "0.3512"),
    };
    expect("ADAUSDTM SELL 120 0.3512\nXBTUSDTM BUY 3 65000.1\n", p, 2);
    const struct sub_position turned[] = {p[1], p[0]};
    expect("ADAUSDTM SELL 120 0.3512\nXBTUSDTM BUY 3 65000.1\n", turned, 2);
}
END_TEST

START_TEST(closed_positions_do_not_count)
{
    const struct sub_position p[] = {
        position("XBTUSDTM", SIDE_BUY, 0, "65000"), position("ADAUSDTM", SIDE_SELL, 120, "0.3512"),
    };
    expect("ADAUSDTM SELL 120 0.3512\n", p, 2);
    expect("", p, 1);
    expect("", p, 0);
}
END_TEST

START_TEST(each_field_changes_it)
{
    const struct sub_position p = position("XBTUSDTM", SIDE_BUY, 3, "65000.1");
    const struct sub_position others[] = {
        position("ETHUSDTM", SIDE_BUY, 3, "65000.1"), position("XBTUSDTM", SIDE_SELL, 3, "65000.1"),
        position("XBTUSDTM", SIDE_BUY, 4, "65000.1"), position("XBTUSDTM", SIDE_BUY, 3, "65000.2"),
    };
    char one[POSHASH_TEXT], other[POSHASH_TEXT];
    position_hash(&p, 1, one);
    for (size_t i = 0; i < 4; i++) {
        position_hash(&others[i], 1, other);
        ck_assert_str_ne(one, other);
    }
}
END_TEST

TESTS("poshash", is_the_hash_of_the_lines_by_symbol, closed_positions_do_not_count, each_field_changes_it)
