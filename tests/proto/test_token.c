#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "tests/runner.h"

#include "proto/err.h"
#include "proto/token.h"
#include "proto/uuid.h"

static uint8_t public_key[TOKEN_PUBLIC], secret[TOKEN_SECRET];

static struct token good(void)
{
    struct token t = {
        .mode = TOKEN_PAPER, .leg = LEG_ENTRY, .side = SIDE_BUY, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC,
        .key_id = TOKEN_KEY_ID, .max_leverage_x100 = 500, .symbol = "XBTUSDTM", .qty = 7, .price_ticks = 654321,
        .floor_ticks = 653000, .cap_ticks = 655000, .stop_ticks = 640000, .max_notional_e6 = 45802470000,
        .counter = 42, .fill_basis = 17, .config_hash = 0x0123456789abcdef, .limits_version = 1,
        .issued_ns = INT64_C(1700000000000000000), .expires_ns = INT64_C(1700000005000000000),
        .expires_boot_ns = INT64_C(99000000000),
    };
    for (int i = 0; i < 16; i++) {
        t.approval_id[i] = (uint8_t)(0xa0 + i);
        t.signal_id[i] = (uint8_t)(0x50 + i);
        t.account[i] = (uint8_t)i;
        t.boot_id[i] = (uint8_t)(0xff - i);
    }
    return t;
}

static void keys(void)
{
    uint8_t seed[32] = {1, 2, 3};
    ck_assert(sodium_init() >= 0);
    crypto_sign_seed_keypair(public_key, secret, seed);
}

START_TEST(every_field_is_where_the_layout_says)
{
    static const struct { size_t at; const char *hex; } fields[] = {
        {0, "52415431"}, {4, "01"}, {5, "00"}, {6, "45"}, {7, "01"}, {8, "01"}, {9, "01"}, {10, "00"}, {11, "01"},
        {12, "f4010000"}, {16, "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"}, {32, "505152535455565758595a5b5c5d5e5f"},
        {48, "58425455534454 4d00000000000000000000000000000000"}, {72, "000102030405060708090a0b0c0d0e0f"},
        {88, "0700000000000000"}, {96, "f1fb090000000000"}, {104, "c8f6090000000000"}, {112, "98fe090000000000"},
        {120, "00c4090000000000"}, {136, "2a00000000000000"}, {144, "1100000000000000"},
        {152, "efcdab8967452301"}, {160, "0100000000000000"}, {184, "001edc0c17000000"},
        {192, "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0"},
    };
    const struct token t = good();
    uint8_t body[TOKEN_BODY], want[32];
    ck_assert_int_eq(token_encode(&t, body), ERR_OK);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        size_t n = 0;
        ck_assert_int_eq(sodium_hex2bin(want, sizeof want, fields[i].hex, strlen(fields[i].hex), " ", &n, NULL), 0);
        ck_assert_msg(memcmp(body + fields[i].at, want, n) == 0, "field at %zu", fields[i].at);
    }
    struct token back;
    ck_assert_int_eq(token_decode(body, sizeof body, &back), ERR_OK);
    uint8_t again[TOKEN_BODY];
    ck_assert_int_eq(token_encode(&back, again), ERR_OK);
    ck_assert_mem_eq(again, body, sizeof body);
}
END_TEST

START_TEST(a_flip_of_any_bit_breaks_the_signature)
{
    uint8_t bytes[TOKEN_SIZE];
    struct token t = good(), back;
    keys();
    ck_assert_int_eq(token_sign(&t, secret, bytes), ERR_OK);
    ck_assert_int_eq(token_verify(bytes, sizeof bytes, public_key, &back), ERR_OK);
    ck_assert_int_eq(back.qty, t.qty);
    for (size_t bit = 0; bit < 8 * TOKEN_SIZE; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_msg(token_verify(bytes, sizeof bytes, public_key, &back) == ERR_AUTH, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

START_TEST(another_key_or_length_is_refused)
{
    uint8_t bytes[TOKEN_SIZE + 1] = {0}, other[TOKEN_PUBLIC], other_secret[TOKEN_SECRET];
    struct token t = good(), back;
    keys();
    ck_assert_int_eq(token_sign(&t, secret, bytes), ERR_OK);
    crypto_sign_keypair(other, other_secret);
    ck_assert_int_eq(token_verify(bytes, TOKEN_SIZE, other, &back), ERR_AUTH);
    for (size_t n = 0; n <= TOKEN_SIZE + 1; n++)
        if (n != TOKEN_SIZE)
            ck_assert_int_eq(token_verify(bytes, n, public_key, &back), ERR_SIZE);
    ck_assert_int_eq(token_decode(bytes, TOKEN_BODY - 1, &back), ERR_SIZE);
    t.qty = 0;
    ck_assert_int_eq(token_sign(&t, secret, bytes), ERR_RANGE);
}
END_TEST

/* A signed body that another program would read differently must not be read at all. */
START_TEST(what_decodes_encodes_to_the_same_bytes_whatever_bit_is_flipped)
{
    uint8_t body[TOKEN_BODY], again[TOKEN_BODY];
    struct token t = good(), back;
    int refused = 0;
    ck_assert_int_eq(token_encode(&t, body), ERR_OK);
    for (size_t bit = 0; bit < 8 * TOKEN_BODY; bit++) {
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (token_decode(body, sizeof body, &back) == ERR_OK) {
            ck_assert_int_eq(token_encode(&back, again), ERR_OK);
            ck_assert_mem_eq(again, body, sizeof body);
        } else {
            refused++;
        }
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_int_gt(refused, 100);
}
END_TEST

#define REFUSES(change)                                             \
    do {                                                            \
        struct token t = good();                                    \
        uint8_t body[TOKEN_BODY];                                   \
        change;                                                     \
        ck_assert_msg(token_encode(&t, body) == ERR_RANGE, #change); \
    } while (0)

START_TEST(fields_out_of_range_are_refused)
{
    REFUSES(t.qty = 0);
    REFUSES(t.qty = -1);
    REFUSES(t.stop_ticks = 0);
    REFUSES(t.price_ticks = t.floor_ticks - 1);
    REFUSES(t.price_ticks = t.cap_ticks + 1);
    REFUSES(t.floor_ticks = 0);
    REFUSES(t.max_leverage_x100 = 0);
    REFUSES(t.max_notional_e6 = 0);
    REFUSES(t.counter = 0);
    REFUSES(t.flags = 8);
    REFUSES(t.key_id = 0);
    REFUSES(t.expires_ns = t.issued_ns);
    REFUSES(t.expires_ns = t.issued_ns + TOKEN_LIFE_MAX_NS + 1);
    REFUSES(t.expires_boot_ns = 0);
    REFUSES(t.symbol[0] = '\0');
    REFUSES(t.symbol[10] = 'x');
    REFUSES(memset(t.symbol, 'A', sizeof t.symbol));
    REFUSES(t.tif = (enum token_tif)0);
}
END_TEST

START_TEST(order_ids_are_32_characters_and_come_back)
{
    uint8_t id[16], back[16];
    char text[TOKEN_ID_TEXT];
    enum leg leg;
    int n;
    memset(id, 0, sizeof id);
    token_cl_ord_id(id, LEG_ENTRY, 1, text);
    ck_assert_str_eq(text, "ME100000000000000000000000000E01");
    memset(id, 0xff, sizeof id);
    token_cl_ord_id(id, LEG_EXIT, 99, text);
    ck_assert_str_eq(text, "ME1VVVVVVVVVVVVVVVVVVVVVVVVVSX99");
    static const int more[] = {100, 999, 1000, TOKEN_CL_ORD_MAX};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        token_cl_ord_id(id, LEG_STOP, more[i], text);
        ck_assert_uint_le(strlen(text), 35);
        ck_assert_int_eq(token_cl_ord_parse(text, back, &leg, &n), ERR_OK);
        ck_assert_int_eq(n, more[i]);
    }
    for (int i = 0; i < 1000; i++) {
        randombytes_buf(id, sizeof id);
        token_cl_ord_id(id, (enum leg)(i % LEG_COUNT), 1 + i % 99, text);
        ck_assert_uint_eq(strlen(text), 32);
        ck_assert_int_eq(token_cl_ord_parse(text, back, &leg, &n), ERR_OK);
        ck_assert_mem_eq(id, back, sizeof id);
        ck_assert_int_eq(leg, i % LEG_COUNT);
        ck_assert_int_eq(n, 1 + i % 99);
    }
}
END_TEST

/* RFC 4648, 10: base32hex of "foobar" is CPNMUOJ1E8, here followed by ten zero bytes. */
START_TEST(order_ids_are_base32hex_of_rfc_4648)
{
    uint8_t id[16] = "foobar";
    char text[TOKEN_ID_TEXT];
    token_cl_ord_id(id, LEG_STOP, 2, text);
    ck_assert_str_eq(text, "ME1CPNMUOJ1E80000000000000000S02");
}
END_TEST

START_TEST(texts_that_are_no_order_ids_are_refused)
{
    static const char *const wrong[] = {
        "", "ME1", "ME200000000000000000000000000E01", "ME100000000000000000000000001E01",
        "ME100000000000000000000000000Q01", "ME100000000000000000000000000E00",
        "ME100000000000000000000000000E1a", "ME10000000000000000000000000WE01",
        "me100000000000000000000000000E01", "ME100000000000000000000000000E011",
    };
    uint8_t id[16];
    enum leg leg;
    int n;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(token_cl_ord_parse(wrong[i], id, &leg, &n) == ERR_SYNTAX, "%s", wrong[i]);
}
END_TEST

START_TEST(uuids_become_their_bytes)
{
    uint8_t id[16], back[16];
    char text[37];
    for (int i = 0; i < 100; i++) {
        randombytes_buf(id, sizeof id);
        uuid_from_bytes(id, text);
        ck_assert_int_eq(token_uuid(text, back), ERR_OK);
        ck_assert_mem_eq(id, back, sizeof id);
    }
    ck_assert_int_eq(token_uuid("00000000-0000-0000-0000-00000000000", id), ERR_SYNTAX);
    ck_assert_int_eq(token_uuid("00000000-0000-0000-0000-00000000000G", id), ERR_SYNTAX);
    ck_assert_int_eq(token_uuid("0000000000000-0000-0000-000000000000", id), ERR_SYNTAX);
}
END_TEST

TESTS("token", every_field_is_where_the_layout_says, a_flip_of_any_bit_breaks_the_signature,
      another_key_or_length_is_refused, what_decodes_encodes_to_the_same_bytes_whatever_bit_is_flipped,
      fields_out_of_range_are_refused, order_ids_are_32_characters_and_come_back,
      order_ids_are_base32hex_of_rfc_4648, texts_that_are_no_order_ids_are_refused, uuids_become_their_bytes)
