#include <sodium.h>
#include <string.h>

#include "agents/execution/body.h"
#include "agents/execution/policy.h"
#include "proto/err.h"
#include "proto/text.h"
#define TEST_TIMEOUT 300
#include "tests/runner.h"

#define NOW INT64_C(1800000000000000000)
#define SECOND INT64_C(1000000000)

static struct policy policy;
static struct token token;
static struct body entry;
static struct policy_mark mark;
static char why[POLICY_WHY_MAX];
static const char *stopped;
static uint8_t secret[TOKEN_SECRET], public_key[TOKEN_PUBLIC];

static void fresh(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    crypto_sign_keypair(public_key, secret);
    policy = (struct policy){
        .mode = TOKEN_PAPER, .since_ns = NOW - 10 * SECOND,
        .limits = {.max_leverage = 10, .max_notional = dec_lit("0.4"), .collar = dec_lit("0.05"),
                   .mark_age_ns = 2 * SECOND, .config_hash = 7},
    };
    mark = (struct policy_mark){.mark = dec_int(100), .tick = dec_lit("0.1"), .multiplier = dec_lit("0.001"),
                                .max_qty = 100, .max_leverage = 50, .boot_ns = 98 * SECOND};
    stopped = NULL;
    memset(policy.boot_id, 7, 16);
    token_account("paper", "", policy.account);
    token = (struct token){
        .mode = TOKEN_PAPER, .leg = LEG_ENTRY, .side = SIDE_BUY, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC,
        .key_id = TOKEN_KEY_ID, .max_leverage_x100 = 500, .qty = 4, .price_ticks = 1000, .floor_ticks = 990,
        .cap_ticks = 1010, .stop_ticks = 980, .max_notional_e6 = 400000, .counter = 5, .issued_ns = NOW - SECOND,
        .expires_ns = NOW + SECOND, .expires_boot_ns = 100 * SECOND, .config_hash = 7,
    };
    memset(token.approval_id, 1, 16);
    memset(token.signal_id, 2, 16);
    memcpy(token.account, policy.account, 16);
    memcpy(token.boot_id, policy.boot_id, 16);
    TEXT_COPY(token.symbol, "XBTUSDTM");
    entry = (struct body){
        .kind = BODY_ENTRY, .side = SIDE_BUY, .leverage = 5, .qty = 4, .price = dec_int(100), .up_px = dec_int(104), .down_px = dec_int(98),
    };
    token_cl_ord_id(token.approval_id, LEG_ENTRY, 1, entry.cl_ord_id);
    TEXT_COPY(entry.symbol, "XBTUSDTM");
}

/* The bytes of a token, as if they came for the present entry. */
static int check_bytes(const uint8_t *bytes, size_t len)
{
    struct jw w;
    jw_init(&w);
    body_write(&entry, &w);
    const struct policy_request r = {"POST", ENTRY_TARGET, &entry, w.buf, w.len, bytes, len, dec_lit("0.1"),
                                     dec_lit("0.001")};
    const struct policy_now now = {NOW, 99 * SECOND, public_key, mark.boot_ns != 0 ? &mark : NULL, stopped};
    int err = policy_check(&policy, &r, &now, why);
    jw_fini(&w);
    return err;
}

static int check_entry(void)
{
    uint8_t bytes[TOKEN_SIZE];
    ck_assert_int_eq(token_sign(&token, secret, bytes), ERR_OK);
    return check_bytes(bytes, sizeof bytes);
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

static bool cannot_keep(void *arg, const struct policy_used *u)
{
    (void)arg, (void)u;
    return false;
}

/* A mark of 100 and 5 %: from 95 to 105. */
static int at_price(enum side side, int64_t ticks)
{
    fresh();
    token.side = entry.side = side;
    token.price_ticks = ticks;
    token.floor_ticks = ticks - 10;
    token.cap_ticks = ticks + 10;
    token.stop_ticks = side == SIDE_BUY ? 900 : 1100;
    token.max_notional_e6 = 1000000;
    policy.limits.max_notional = dec_int(1);
    entry.price = dec_scaled(ticks, -1);
    entry.up_px = dec_int(110);
    entry.down_px = dec_int(90);
    return check_entry();
}

START_TEST(the_collar_is_inclusive_and_one_tick_more_is_refused_on_both_sides)
{
    for (enum side side = SIDE_BUY; side <= SIDE_SELL; side++) {
        ck_assert_int_eq(at_price(side, 1050), ERR_OK);
        ck_assert_int_eq(at_price(side, 1051), ERR_REFUSED);
        ck_assert_int_eq(strncmp(why, "COLLAR:", 7), 0);
        ck_assert_int_eq(at_price(side, 950), ERR_OK);
        ck_assert_int_eq(at_price(side, 949), ERR_REFUSED);
        ck_assert_int_eq(strncmp(why, "COLLAR:", 7), 0);
    }
}
END_TEST

START_TEST(the_same_token_signs_no_second_order)
{
    fresh();
    ck_assert_int_eq(check_entry(), ERR_OK);
    entry.up_px = dec_int(105);
    ck_assert_int_eq(check_entry(), ERR_REFUSED);
    ck_assert_int_eq(strncmp(why, "REPLAYED:", 9), 0);
}
END_TEST

START_TEST(accepts_no_token_with_a_single_bit_changed)
{
    uint8_t bytes[TOKEN_SIZE];
    int accepted = 0;
    fresh();
    ck_assert_int_eq(token_sign(&token, secret, bytes), ERR_OK);
    for (int bit = 0; bit < 8 * TOKEN_SIZE; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        accepted += check_bytes(bytes, sizeof bytes) == ERR_OK;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_int_eq(accepted, 0);
    for (size_t len = 0; len < sizeof bytes; len++)
        ck_assert_int_eq(check_bytes(bytes, len), ERR_REFUSED);
    ck_assert_int_eq(check_bytes(bytes, sizeof bytes), ERR_OK);
}
END_TEST

#define MUTATIONS 1000000

/* Bytes overwritten, swapped, parts of two tokens joined; a change that gives the same bytes again is none. */
START_TEST(accepts_none_of_a_million_mutations)
{
    uint8_t good[TOKEN_SIZE], other[TOKEN_SIZE], bytes[TOKEN_SIZE];
    uint32_t seed = randombytes_random(), accepted = 0, made = 0;
    fresh();
    ck_assert_int_eq(token_sign(&token, secret, good), ERR_OK);
    token.qty++;
    token.counter++;
    ck_assert_int_eq(token_sign(&token, secret, other), ERR_OK);
    printf("mutations: seed %u\n", seed);
    srand(seed);
    while (made < MUTATIONS) {
        memcpy(bytes, good, sizeof bytes);
        size_t at = (size_t)rand() % TOKEN_SIZE, n = 1 + (size_t)rand() % 8;
        switch (rand() % 3) {
        case 0:
            for (; n > 0; n--)
                bytes[(size_t)rand() % TOKEN_SIZE] = (uint8_t)rand();
            break;
        case 1:
            memcpy(bytes + at, other + at, TOKEN_SIZE - at);
            break;
        default:
            bytes[at] = good[(size_t)rand() % TOKEN_SIZE];
        }
        if (memcmp(bytes, good, sizeof bytes) == 0 || memcmp(bytes, other, sizeof bytes) == 0)
            continue;
        accepted += check_bytes(bytes, sizeof bytes) == ERR_OK;
        made++;
    }
    printf("mutations: %u made, %u accepted\n", made, accepted);
    ck_assert_uint_eq(accepted, 0);
    ck_assert_int_eq(check_bytes(good, sizeof good), ERR_OK);       /* it was not the entry that was wrong */
}
END_TEST

#define REFUSES(name, change, reason) \
    START_TEST(name) { fresh(); ck_assert_int_eq(check_entry(), ERR_OK); fresh(); change; \
                       ck_assert_int_eq(check_entry(), ERR_REFUSED); \
                       ck_assert_msg(strncmp(why, reason ":", sizeof reason) == 0, "%s", why); } END_TEST

REFUSES(refuses_another_size, entry.qty = 5, "WRONG_SIZE")
REFUSES(refuses_another_side, entry.side = SIDE_SELL, "WRONG_SIDE")
REFUSES(refuses_another_symbol, TEXT_COPY(entry.symbol, "ETHUSDTM"), "WRONG_SYMBOL")
REFUSES(refuses_one_tick_more, entry.price = dec_lit("100.1"), "WRONG_PRICE")
REFUSES(refuses_another_stop, entry.down_px = dec_lit("97.9"), "WRONG_STOP")
REFUSES(refuses_a_target_on_the_losing_side, entry.up_px = dec_int(99), "WRONG_TARGET")
REFUSES(refuses_a_negative_target, entry.up_px = dec_int(-1), "MALFORMED")
REFUSES(refuses_an_entry_without_a_stop, entry.down_px = dec_zero(), "WRONG_STOP")
REFUSES(refuses_more_leverage, entry.leverage = 6, "WRONG_LEVERAGE")
REFUSES(refuses_another_order_id, entry.cl_ord_id[31] = '2', "WRONG_ID")
REFUSES(refuses_more_notional_than_allowed, token.max_notional_e6 = 399999, "WRONG_NOTIONAL")
REFUSES(refuses_an_expired_token, token.expires_ns = NOW, "EXPIRED")
REFUSES(refuses_a_token_expired_since_boot, token.expires_boot_ns = 99 * SECOND, "EXPIRED")
REFUSES(refuses_a_token_from_the_future, (token.issued_ns = NOW + SECOND / 2, token.expires_ns = NOW + SECOND), "FUTURE")
REFUSES(refuses_a_token_older_than_the_signer, policy.since_ns = NOW, "OLD")
REFUSES(refuses_another_account, token.account[0] ^= 1, "OTHER_ACCOUNT")
REFUSES(refuses_another_mode, token.mode = TOKEN_LIVE, "OTHER_ACCOUNT")
REFUSES(refuses_another_boot, token.boot_id[0] ^= 1, "OTHER_BOOT")
REFUSES(refuses_another_configuration, policy.limits.config_hash = 8, "OTHER_CONFIG")
REFUSES(refuses_another_key, public_key[0] ^= 1, "BAD_TOKEN")
REFUSES(refuses_everything_while_stopped, stopped = "STOPPED: x", "STOPPED")
REFUSES(refuses_without_a_mark, mark.boot_ns = 0, "NO_WITNESS")
REFUSES(refuses_on_a_mark_that_is_too_old, mark.boot_ns = 97 * SECOND - 1, "NO_WITNESS")
REFUSES(refuses_on_a_mark_of_a_later_clock, mark.boot_ns = 99 * SECOND + 1, "NO_WITNESS")
REFUSES(refuses_more_leverage_than_the_hard_limit, policy.limits.max_leverage = 4, "MAX_LEVERAGE")
REFUSES(refuses_more_leverage_than_the_contract_s, mark.max_leverage = 4, "CONTRACT_LIMIT")
REFUSES(refuses_more_lots_than_one_order_may_have, mark.max_qty = 3, "CONTRACT_LIMIT")
REFUSES(refuses_a_value_above_the_hard_limit, policy.limits.max_notional = dec_lit("0.3999"), "MAX_ORDER")
REFUSES(refuses_a_tick_that_the_witness_does_not_confirm, mark.tick = dec_lit("0.01"), "WRONG_PRICE")
REFUSES(refuses_when_the_use_cannot_be_kept, policy.keep = cannot_keep, "NOT_KEPT")
REFUSES(refuses_a_counter_that_does_not_grow, policy.last_counter = 5, "REPLAYED")

START_TEST(refuses_an_entry_before_risks_key_is_there_and_without_an_approval)
{
    const struct policy_now keyless = {.wall_ns = NOW, .boot_ns = 99 * SECOND, .mark = &mark};
    const struct policy_now now = {.wall_ns = NOW, .boot_ns = 99 * SECOND, .mark = &mark, .public_key = public_key};
    const struct policy_request r = {.method = "POST", .target = ENTRY_TARGET, .what = &entry};
    fresh();
    ck_assert_int_eq(policy_check(&policy, &r, &keyless, why), ERR_REFUSED);
    ck_assert_int_eq(strncmp(why, "NO_KEY:", 7), 0);
    ck_assert_int_eq(policy_check(&policy, &r, &now, why), ERR_REFUSED);
    ck_assert_int_eq(strncmp(why, "NO_TOKEN:", 9), 0);
}
END_TEST

START_TEST(signs_an_entry_whose_second_target_is_off)
{
    struct body got;
    struct jw w;
    fresh();
    entry.up_px = dec_zero();
    ck_assert_int_eq(check_entry(), ERR_OK);
    jw_init(&w);
    body_write(&entry, &w);
    ck_assert_ptr_null(strstr(w.buf, "triggerStopUpPrice"));
    ck_assert_int_eq(body_read(ENTRY_TARGET, w.buf, w.len, &got), ERR_OK);
    ck_assert(dec_eq(got.up_px, dec_zero()) && dec_eq(got.down_px, entry.down_px));
    jw_fini(&w);
}
END_TEST

REFUSES(refuses_a_token_of_another_leg, (token.leg = LEG_EXIT, token.counter = 9), "WRONG_KIND")

static int check(const char *method, const char *target, enum body_kind kind)
{
    struct body b = entry;
    b.kind = kind;
    b.leverage = kind == BODY_REDUCE ? 0 : b.leverage;
    b.up_px = b.down_px = dec_zero();
    const struct policy_request r = {.method = method, .target = target, .what = kind != BODY_NONE ? &b : NULL};
    const struct policy_now now = {.wall_ns = NOW, .stopped = "STOPPED: x"};   /* an exit needs no more */
    return policy_check(&policy, &r, &now, why);
}

START_TEST(signs_what_only_reads_or_reduces_without_a_token)
{
    fresh();
    ck_assert_int_eq(check("GET", "/api/v1/positions", BODY_NONE), ERR_OK);
    ck_assert_int_eq(check("DELETE", "/api/v1/orders/123", BODY_NONE), ERR_OK);
    ck_assert_int_eq(check("POST", "/api/v1/bullet-private", BODY_NONE), ERR_OK);
    ck_assert_int_eq(check("POST", REDUCE_TARGET, BODY_REDUCE), ERR_OK);
    ck_assert_int_eq(check("POST", ISOLATED_TARGET, BODY_ISOLATED), ERR_OK);
    ck_assert_int_eq(check("POST", ONE_WAY_TARGET, BODY_ONE_WAY), ERR_OK);
}
END_TEST

START_TEST(never_signs_anything_else)
{
    static const char *const targets[] = {REDUCE_TARGET, ISOLATED_TARGET, ONE_WAY_TARGET, ENTRY_TARGET};
    static const enum body_kind kinds[] = {BODY_REDUCE, BODY_ISOLATED, BODY_ONE_WAY, BODY_ENTRY};
    fresh();
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(check("POST", targets[i], BODY_NONE), ERR_REFUSED);
        for (int k = 0; k < 4; k++)
            ck_assert_int_eq(check("POST", targets[i], kinds[k]), i == k && i < 3 ? ERR_OK : ERR_REFUSED);
    }
    ck_assert_int_eq(check("POST", REDUCE_TARGET "?x=1", BODY_REDUCE), ERR_REFUSED);
    ck_assert_int_eq(check("POST", REDUCE_TARGET "/multi", BODY_REDUCE), ERR_REFUSED);
    ck_assert_int_eq(check("POST", "/api/v3/transfer-out", BODY_REDUCE), ERR_REFUSED);
    ck_assert_int_eq(check("DELETE", "/api/v1/orders/1", BODY_ENTRY), ERR_REFUSED);
}
END_TEST

START_TEST(limits_become_tighter_and_nothing_else)
{
    const struct policy_limits one = {.config_hash = 1, .max_leverage = 5, .max_notional = dec_int(10),
                                      .collar = dec_lit("0.05"), .mark_age_ns = SECOND};
    struct policy_limits to;
    for (int i = 0; i < 8; i++) {
        const dec_t more = dec_int(11), none = dec_zero();
        policy = (struct policy){.limits = one};
        to = one;
        to.config_hash = 2;
        switch (i) {
        case 0: to.max_leverage = 6; break;
        case 1: to.max_leverage = 0; break;
        case 2: to.max_leverage = -1; break;
        case 3: to.max_notional = more; break;
        case 4: to.max_notional = none; break;
        case 5: to.collar = none; break;
        case 6: to.collar = more; break;
        case 7: to.mark_age_ns++; break;
        }
        ck_assert_int_eq(policy_tighten(&policy, &to, why), ERR_REFUSED);
        ck_assert_int_eq(strncmp(why, "LOOSER:", 7), 0);
        ck_assert_uint_eq(policy.limits.config_hash, 1);
    }
    to = (struct policy_limits){.config_hash = 2, .max_leverage = 4, .max_notional = dec_int(9),
                                .collar = dec_lit("0.04"), .mark_age_ns = SECOND - 1};
    ck_assert_int_eq(policy_tighten(&policy, &to, why), ERR_OK);
    ck_assert_int_eq(policy.limits.max_leverage, 4);
    ck_assert_uint_eq(policy.limits.config_hash, 2);
    policy.limits.max_leverage = 0;             /* none so far: any is tighter */
    ck_assert_int_eq(policy_tighten(&policy, &to, why), ERR_OK);
}
END_TEST

START_TEST(an_entry_body_with_one_byte_changed_does_not_read_back)
{
    struct body got;
    struct jw w;
    fresh();
    jw_init(&w);
    body_write(&entry, &w);
    ck_assert_int_eq(body_read(ENTRY_TARGET, w.buf, w.len, &got), ERR_OK);
    ck_assert_int_eq(body_read(ENTRY_TARGET, w.buf, w.len - 1, &got), ERR_SYNTAX);
    char *type = strstr(w.buf, "limit");
    ck_assert_ptr_nonnull(type);
    type[0] = 'L';
    ck_assert_int_eq(body_read(ENTRY_TARGET, w.buf, w.len, &got), ERR_SYNTAX);
    jw_fini(&w);
    ck_assert_int_eq(body_read(ENTRY_TARGET, "{}", 2, &got), ERR_SYNTAX);
}
END_TEST

TESTS("execution policy", signs_the_entry_that_was_approved_and_no_other_body_with_its_token, refuses_another_size,
      refuses_another_side, refuses_another_symbol, refuses_one_tick_more, refuses_another_stop,
      refuses_a_target_on_the_losing_side, refuses_a_negative_target, refuses_an_entry_without_a_stop,
      signs_an_entry_whose_second_target_is_off, refuses_more_leverage, refuses_another_order_id,
      refuses_more_notional_than_allowed, refuses_an_expired_token, refuses_a_token_expired_since_boot,
      refuses_a_token_from_the_future, refuses_a_token_older_than_the_signer, refuses_another_account,
      refuses_another_mode, refuses_another_boot, refuses_another_key, refuses_another_configuration, refuses_everything_while_stopped,
      refuses_without_a_mark, refuses_on_a_mark_that_is_too_old, refuses_on_a_mark_of_a_later_clock,
      refuses_more_leverage_than_the_hard_limit, refuses_more_leverage_than_the_contract_s,
      refuses_more_lots_than_one_order_may_have, refuses_a_value_above_the_hard_limit,
      refuses_a_tick_that_the_witness_does_not_confirm, refuses_when_the_use_cannot_be_kept,
      the_collar_is_inclusive_and_one_tick_more_is_refused_on_both_sides, the_same_token_signs_no_second_order,
      accepts_no_token_with_a_single_bit_changed, accepts_none_of_a_million_mutations, refuses_a_counter_that_does_not_grow, refuses_a_token_of_another_leg,
      refuses_an_entry_before_risks_key_is_there_and_without_an_approval,
      signs_what_only_reads_or_reduces_without_a_token, never_signs_anything_else,
      limits_become_tighter_and_nothing_else,
      an_entry_body_with_one_byte_changed_does_not_read_back)
