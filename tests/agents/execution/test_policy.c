#include <sodium.h>
#include <string.h>

#include "agents/execution/entry.h"
#include "agents/execution/policy.h"
#include "proto/err.h"
#include "proto/text.h"
#include "tests/runner.h"

#define NOW INT64_C(1800000000000000000)
#define SECOND INT64_C(1000000000)

static struct policy policy;
static struct token token;
static struct entry_request entry;
static uint8_t secret[TOKEN_SECRET], public_key[TOKEN_PUBLIC];

static void fresh(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    crypto_sign_keypair(public_key, secret);
    policy = (struct policy){.mode = TOKEN_PAPER, .since_ns = NOW - 10 * SECOND};
    memset(policy.boot_id, 7, 16);
    token_account("paper", "", policy.account);
    token = (struct token){
        .mode = TOKEN_PAPER, .leg = LEG_ENTRY, .side = SIDE_BUY, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC,
        .key_id = TOKEN_KEY_ID, .max_leverage_x100 = 500, .qty = 4, .price_ticks = 1000, .floor_ticks = 990,
        .cap_ticks = 1010, .stop_ticks = 980, .max_notional_e6 = 400000, .counter = 5, .issued_ns = NOW - SECOND,
        .expires_ns = NOW + SECOND, .expires_boot_ns = 100 * SECOND,
    };
    memset(token.approval_id, 1, 16);
    memset(token.signal_id, 2, 16);
    memcpy(token.account, policy.account, 16);
    memcpy(token.boot_id, policy.boot_id, 16);
    TEXT_COPY(token.symbol, "XBTUSDTM");
    entry = (struct entry_request){
        .side = SIDE_BUY, .leverage = 5, .qty = 4, .price = dec_int(100), .up_px = dec_int(104), .down_px = dec_int(98),
    };
    token_cl_ord_id(token.approval_id, LEG_ENTRY, 1, entry.cl_ord_id);
    TEXT_COPY(entry.symbol, "XBTUSDTM");
}

static int check_entry(void)
{
    uint8_t bytes[TOKEN_SIZE];
    char why[POLICY_WHY_MAX];
    struct jw w;
    ck_assert_int_eq(token_sign(&token, secret, bytes), ERR_OK);
    jw_init(&w);
    entry_write(&entry, &w);
    const struct policy_request r = {"POST", ENTRY_TARGET, w.buf, w.len, bytes, TOKEN_SIZE, dec_lit("0.1"), dec_lit("0.001")};
    const struct policy_now now = {NOW, 99 * SECOND, public_key};
    int err = policy_check(&policy, &r, &now, why);
    jw_fini(&w);
    return err;
}

START_TEST(signs_the_entry_that_was_approved_and_no_other_body_with_its_token)
{
    fresh();
    ck_assert_int_eq(check_entry(), ERR_OK);
    ck_assert_int_eq(check_entry(), ERR_OK);        /* the same bytes again: the same order */
    entry.up_px = dec_int(105);
    ck_assert_int_eq(check_entry(), ERR_REFUSED);
}
END_TEST

#define REFUSES(name, change) \
    START_TEST(name) { fresh(); ck_assert_int_eq(check_entry(), ERR_OK); fresh(); change; \
                       ck_assert_int_eq(check_entry(), ERR_REFUSED); } END_TEST

REFUSES(refuses_another_size, entry.qty = 5)
REFUSES(refuses_another_side, entry.side = SIDE_SELL)
REFUSES(refuses_another_symbol, TEXT_COPY(entry.symbol, "ETHUSDTM"))
REFUSES(refuses_one_tick_more, entry.price = dec_lit("100.1"))
REFUSES(refuses_another_stop, entry.down_px = dec_lit("97.9"))
REFUSES(refuses_a_target_on_the_losing_side, entry.up_px = dec_int(99))
REFUSES(refuses_more_leverage, entry.leverage = 6)
REFUSES(refuses_another_order_id, entry.cl_ord_id[31] = '2')
REFUSES(refuses_more_notional_than_allowed, token.max_notional_e6 = 399999)
REFUSES(refuses_an_expired_token, token.expires_ns = NOW)
REFUSES(refuses_a_token_expired_since_boot, token.expires_boot_ns = 99 * SECOND)
REFUSES(refuses_a_token_from_the_future, (token.issued_ns = NOW + SECOND / 2, token.expires_ns = NOW + SECOND))
REFUSES(refuses_a_token_older_than_the_signer, policy.since_ns = NOW)
REFUSES(refuses_another_account, token.account[0] ^= 1)
REFUSES(refuses_another_mode, token.mode = TOKEN_LIVE)
REFUSES(refuses_another_boot, token.boot_id[0] ^= 1)
REFUSES(refuses_another_key, public_key[0] ^= 1)
REFUSES(refuses_a_counter_that_does_not_grow, policy.last_counter = 5)

REFUSES(refuses_a_token_of_another_leg, (token.leg = LEG_EXIT, token.counter = 9))
START_TEST(refuses_a_body_that_is_no_entry)
{
    uint8_t bytes[TOKEN_SIZE];
    char why[POLICY_WHY_MAX];
    fresh();
    ck_assert_int_eq(token_sign(&token, secret, bytes), ERR_OK);
    const struct policy_request r = {"POST", ENTRY_TARGET, "{}", 2, bytes, TOKEN_SIZE, dec_lit("0.1"), dec_lit("0.001")};
    const struct policy_now now = {NOW, 99 * SECOND, public_key};
    ck_assert_int_eq(policy_check(&policy, &r, &now, why), ERR_REFUSED);
}
END_TEST

static int check(const char *method, const char *target, const char *body)
{
    char why[POLICY_WHY_MAX];
    const struct policy_request r = {.method = method, .target = target, .body = body, .len = strlen(body)};
    const struct policy_now now = {NOW, 0, NULL};
    return policy_check(&policy, &r, &now, why);
}

START_TEST(signs_what_only_reads_or_reduces_without_a_token)
{
    fresh();
    ck_assert_int_eq(check("GET", "/api/v1/positions", ""), ERR_OK);
    ck_assert_int_eq(check("DELETE", "/api/v1/orders/123", ""), ERR_OK);
    ck_assert_int_eq(check("POST", "/api/v1/orders", "{\"reduceOnly\":true}"), ERR_OK);
    ck_assert_int_eq(check("POST", "/api/v1/orders", "{\"closeOrder\":true}"), ERR_OK);
    ck_assert_int_eq(check("POST", "/api/v2/position/changeMarginMode", "{\"marginMode\":\"ISOLATED\"}"), ERR_OK);
    ck_assert_int_eq(check("POST", "/api/v2/position/switchPositionMode", "{\"positionMode\":\"0\"}"), ERR_OK);
    ck_assert_int_eq(check("POST", "/api/v2/position/switchPositionMode", "{\"positionMode\":\"1\"}"), ERR_REFUSED);
}
END_TEST

START_TEST(never_signs_anything_else)
{
    fresh();
    ck_assert_int_eq(check("POST", "/api/v1/orders", "{\"reduceOnly\":false}"), ERR_REFUSED);
    ck_assert_int_eq(check("POST", "/api/v1/orders", "{\"reduceOnly\":false,\"reduceOnly\":true}"), ERR_REFUSED);
    ck_assert_int_eq(check("POST", "/api/v1/orders", "[true]"), ERR_REFUSED);
    ck_assert_int_eq(check("POST", "/api/v1/orders", ""), ERR_REFUSED);
    ck_assert_int_eq(check("POST", "/api/v1/orders?x=1", "{\"reduceOnly\":true}"), ERR_REFUSED);
    ck_assert_int_eq(check("POST", ENTRY_TARGET, "{\"reduceOnly\":true}"), ERR_REFUSED);
    ck_assert_int_eq(check("POST", "/api/v1/orders/multi", "[]"), ERR_REFUSED);
    ck_assert_int_eq(check("POST", "/api/v3/transfer-out", "{}"), ERR_REFUSED);
    ck_assert_int_eq(check("POST", "/api/v2/position/changeMarginMode", "{\"marginMode\":\"CROSS\"}"), ERR_REFUSED);
}
END_TEST

START_TEST(an_entry_body_with_one_byte_changed_does_not_read_back)
{
    struct entry_request got;
    struct jw w;
    fresh();
    jw_init(&w);
    entry_write(&entry, &w);
    ck_assert_int_eq(entry_read(w.buf, w.len, &got), ERR_OK);
    ck_assert_int_eq(entry_read(w.buf, w.len - 1, &got), ERR_SYNTAX);
    char *type = strstr(w.buf, "limit");
    ck_assert_ptr_nonnull(type);
    type[0] = 'L';
    ck_assert_int_eq(entry_read(w.buf, w.len, &got), ERR_SYNTAX);
    jw_fini(&w);
    ck_assert_int_eq(entry_read("{}", 2, &got), ERR_SYNTAX);
}
END_TEST

TESTS("execution policy", signs_the_entry_that_was_approved_and_no_other_body_with_its_token, refuses_another_size,
      refuses_another_side, refuses_another_symbol, refuses_one_tick_more, refuses_another_stop,
      refuses_a_target_on_the_losing_side, refuses_more_leverage, refuses_another_order_id,
      refuses_more_notional_than_allowed, refuses_an_expired_token, refuses_a_token_expired_since_boot,
      refuses_a_token_from_the_future, refuses_a_token_older_than_the_signer, refuses_another_account,
      refuses_another_mode, refuses_another_boot, refuses_another_key, refuses_a_counter_that_does_not_grow,
      refuses_a_token_of_another_leg, refuses_a_body_that_is_no_entry,
      signs_what_only_reads_or_reduces_without_a_token, never_signs_anything_else,
      an_entry_body_with_one_byte_changed_does_not_read_back)
