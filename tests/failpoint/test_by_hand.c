/* Somebody at the venue's own screen: positions closed, halved, doubled and turned round by hand, stops taken away,
 * orders of others, margin moved; on the real paper exchange, in one process (stage.h). */
#include "tests/failpoint/stage.h"
#include "tests/runner.h"

static int margins;

/* A stop that closes everything, far away; under this id. */
static void stop_by_hand(const char *oid)
{
    char body[320];
    snprintf(body, sizeof body, "{\"clientOid\":\"%s\",\"symbol\":\"" EXCHANGE_SYMBOL "\",\"side\":\"sell\","
             "\"type\":\"market\",\"marginMode\":\"ISOLATED\",\"stop\":\"down\",\"stopPrice\":\"20000\","
             "\"stopPriceType\":\"TP\",\"closeOrder\":true}", oid);
    ck_assert(exchange_by_hand("POST", "/api/v1/orders", body));
    stage_settle();
}

static void margin_by_hand(const char *amount)
{
    char body[128];
    snprintf(body, sizeof body, "{\"symbol\":\"" EXCHANGE_SYMBOL "\",\"margin\":%s,\"bizNo\":\"b%d\"}", amount, ++margins);
    ck_assert(exchange_by_hand("POST", "/api/v1/position/margin/deposit-margin", body));
}

static void begin(void)
{
    stage_open(false);
    stage_approve();
    stage_pass_ms(1000);
    ck_assert_int_eq(exchange_position(), 4);
    ck_assert_int_eq(stage_trade()->pnl.qty, 4);
}

static bool entry_refused(void)
{
    size_t before = fake_count(st.a, MSG_ORDER_REJECTED);
    stage_approve();
    stage_pass_ms(500);
    return fake_count(st.a, MSG_ORDER_REJECTED) > before;
}

START_TEST(a_position_closed_by_hand_ends_its_trade_and_its_orders)
{
    begin();
    stage_by_hand("sell", 4, true);
    stage_settle();
    stage_pass_ms(12000);
    ck_assert_ptr_null(stage_trade());
    ck_assert_uint_eq(fake_count(st.a, MSG_POSITION_CLOSED), 1);
    ck_assert_int_eq(stage_active(false), 0);
    stage_pass_ms(8000);
    ck_assert(st.x->trade_ready);
}
END_TEST

START_TEST(a_position_halved_by_hand_is_taken_over_and_stays_protected)
{
    begin();
    stage_by_hand("sell", 2, true);
    stage_settle();
    stage_pass_ms(12000);
    ck_assert_int_eq(stage_trade()->pnl.qty, 2);
    ck_assert_int_eq(exchange_position(), 2);
    ck_assert_int_eq(stage_active(true), 1);
    ck_assert_int_eq(st.bare_most_ns, 0);
    stage_pass_ms(8000);
    ck_assert(st.x->trade_ready);
}
END_TEST

START_TEST(lots_added_by_hand_are_said_and_left_alone_until_they_are_gone)
{
    begin();
    stage_by_hand("buy", 3, false);
    stage_settle();
    stage_pass_ms(12000);
    ck_assert_int_eq(stage_trade()->pnl.qty, 4);
    ck_assert_int_eq(exchange_position(), 7);
    ck_assert_ptr_nonnull(fake_degraded(st.a, "exchange", "FOREIGN_POSITION"));
    ck_assert(!st.x->trade_ready);
    stage_by_hand("sell", 3, true);
    stage_settle();
    stage_pass_ms(12000);
    ck_assert_int_eq(stage_trade()->pnl.qty, 4);
    ck_assert_ptr_null(fake_degraded(st.a, "exchange", "FOREIGN_POSITION"));
    ck_assert(st.x->trade_ready);
}
END_TEST

START_TEST(a_position_turned_round_by_hand_ends_ours_and_leaves_theirs)
{
    begin();
    stage_by_hand("sell", 9, false);
    stage_settle();
    stage_pass_ms(20000);
    ck_assert_ptr_null(stage_trade());
    ck_assert_int_eq(exchange_position(), -5);
    ck_assert(!st.x->trade_ready);
    ck_assert_ptr_nonnull(fake_degraded(st.a, "exchange", "FOREIGN_POSITION"));
    ck_assert(entry_refused());
    ck_assert_int_eq(exchange_position(), -5);
}
END_TEST

START_TEST(stops_cancelled_by_hand_rest_again_within_a_second)
{
    begin();
    ck_assert(exchange_by_hand("DELETE", "/api/v1/stopOrders?symbol=" EXCHANGE_SYMBOL, ""));
    stage_settle();
    stage_look();
    stage_pass_ms(4000);
    ck_assert_int_eq(stage_active(true), 1);
    ck_assert_int_gt(st.requests[KIND_STOP], 0);
    ck_assert_int_le(st.bare_most_ns, NS_PER_S);
    ck_assert_int_eq(stage_trade()->pnl.qty, 4);
}
END_TEST

START_TEST(an_order_placed_by_hand_is_said_and_never_adopted_or_cancelled)
{
    struct exchange_order o;
    begin();
    ck_assert(exchange_by_hand("POST", "/api/v1/orders",
        "{\"clientOid\":\"hers\",\"symbol\":\"" EXCHANGE_SYMBOL "\",\"side\":\"buy\",\"type\":\"limit\","
        "\"marginMode\":\"ISOLATED\",\"leverage\":2,\"size\":1,\"price\":\"60000\"}"));
    stage_pass_ms(12000);
    exchange_order_at(exchange_orders() - 1, &o);
    ck_assert(o.active);
    ck_assert_ptr_null(books_order_by_id(&st.x->books, "hers"));
    ck_assert_ptr_nonnull(fake_degraded(st.a, "exchange", "FOREIGN_ORDER"));
    ck_assert(!st.x->trade_ready);
    ck_assert(exchange_by_hand("DELETE", "/api/v1/orders/client-order/hers?symbol=" EXCHANGE_SYMBOL, ""));
    stage_pass_ms(12000);
    ck_assert_ptr_null(fake_degraded(st.a, "exchange", "FOREIGN_ORDER"));
    ck_assert(st.x->trade_ready);
}
END_TEST

START_TEST(an_orphaned_stop_of_ours_goes_when_the_symbol_is_proved_flat_and_hers_stays)
{
    const uint8_t id[16] = {9};
    char oid[TOKEN_ID_TEXT];
    stage_open(false);
    token_cl_ord_id(id, LEG_STOP, 1, oid);
    stop_by_hand(oid);
    stop_by_hand("hers");
    int64_t before = st.requests[KIND_CANCEL];
    stage_pass_ms(1000);
    ck_assert_int_eq(st.requests[KIND_CANCEL], before);     /* one read proves nothing */
    stage_pass_ms(15000);
    ck_assert_int_eq(stage_active(true), 1);
    ck_assert_ptr_nonnull(fake_degraded(st.a, "exchange", "FOREIGN_ORDER"));
}
END_TEST

START_TEST(margin_moved_by_hand_is_said_and_the_position_goes_on)
{
    begin();
    margin_by_hand("50");
    stage_pass_ms(12000);
    ck_assert_ptr_nonnull(fake_degraded(st.a, "exchange", "LEVERAGE"));
    ck_assert(!st.x->trade_ready);
    ck_assert_int_eq(stage_trade()->closing, EXIT_NONE);
    ck_assert_int_eq(stage_active(true), 1);
    ck_assert(exchange_by_hand("POST", "/api/v1/margin/withdrawMargin",
                               "{\"symbol\":\"" EXCHANGE_SYMBOL "\",\"withdrawAmount\":\"48\"}"));
    stage_pass_ms(12000);
    ck_assert_ptr_null(fake_degraded(st.a, "exchange", "LEVERAGE"));
    ck_assert(st.x->trade_ready);
}
END_TEST

START_TEST(a_stop_of_its_own_goes_only_after_two_reads_and_one_of_the_symbol)
{
    begin();
    ck_assert(exchange_by_hand("DELETE", "/api/v1/stopOrders?symbol=" EXCHANGE_SYMBOL, ""));
    stage_pass_ms(3000);
    ck_assert_int_eq(stage_active(true), 1);
    stage_by_hand("sell", 4, true);
    stage_settle();               /* the fill explains it: the books are flat at once */
    for (int i = 0; i < 40 && stage_active(true) == 1; i++) {
        stage_pass_ms(250);
        if (st.x->symbols[0].none[0].proved_ns == 0)
            ck_assert_int_eq(stage_active(true), 1);
    }
    ck_assert_int_eq(stage_active(true), 0);
    ck_assert_int_ne(st.x->symbols[0].none[0].proved_ns, 0);
    stage_pass_ms(3000);
    ck_assert_ptr_null(stage_trade());
}
END_TEST

START_TEST(a_key_that_is_given_the_right_to_transfer_is_found_within_ten_minutes_and_enters_nothing)
{
    begin();
    exchange_key_may("General,Futures,Transfer");
    for (int s = 0; s < 610 && fake_degraded(st.a, "key", "KEY_CHANGED") == NULL; s++)
        stage_pass_ms(1000);
    const struct fake_degradation *d = fake_degraded(st.a, "key", "KEY_CHANGED");
    ck_assert(d != NULL && d->severity == SEVERITY_CRITICAL && strstr(d->text, "\"Transfer\"") != NULL);
    ck_assert(!st.x->trade_ready);
    ck_assert(entry_refused());
    exchange_key_may("General,Futures");
    stage_pass_ms(12000);
    ck_assert_ptr_null(fake_degraded(st.a, "key", "KEY_CHANGED"));
    ck_assert(st.x->trade_ready);
}
END_TEST

START_TEST(what_the_signer_refuses_does_not_leave_and_a_signer_that_is_gone_ends_execution)
{
    stage_open(false);
    st.secret[0] ^= 1;                      /* not risk's key */
    stage_approve();
    stage_pass_ms(500);
    ck_assert_uint_eq(fake_count(st.a, MSG_ORDER_REJECTED), 1);
    ck_assert_uint_eq(exchange_orders(), 0);
    ck_assert(!st.a->failed);
    st.signer_err = ERR_DOWN;
    stage_pass_ms(6000);
    ck_assert(st.a->failed);
}
END_TEST

TESTS("by_hand", a_position_closed_by_hand_ends_its_trade_and_its_orders,
      a_position_halved_by_hand_is_taken_over_and_stays_protected,
      lots_added_by_hand_are_said_and_left_alone_until_they_are_gone,
      a_position_turned_round_by_hand_ends_ours_and_leaves_theirs,
      stops_cancelled_by_hand_rest_again_within_a_second,
      an_order_placed_by_hand_is_said_and_never_adopted_or_cancelled,
      an_orphaned_stop_of_ours_goes_when_the_symbol_is_proved_flat_and_hers_stays,
      margin_moved_by_hand_is_said_and_the_position_goes_on,
      a_stop_of_its_own_goes_only_after_two_reads_and_one_of_the_symbol,
      a_key_that_is_given_the_right_to_transfer_is_found_within_ten_minutes_and_enters_nothing,
      what_the_signer_refuses_does_not_leave_and_a_signer_that_is_gone_ends_execution)
