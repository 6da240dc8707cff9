/* What went wrong in other systems, by the reports of their users, on our execution and the real paper exchange in one
 * process (stage.h).  docs/RELIABILITY.md lists the reports and the tests of those that concern other parts. */
#include "tests/failpoint/stage.h"
#include "tests/runner.h"

static void disturb(enum kind kind, enum outcome outcome, int times)
{
    st.plan.kind = kind;
    st.plan.outcome = outcome;
    st.plan.times = times;
}

/* Nothing of what the exchange says on its own is heard. */
static void lose_pushes(void)
{
    char text[256];
    const char *subject;
    while (exchange_push(&subject, text, sizeof text))
        continue;
}

static void begin(void)
{
    stage_open(false);
    stage_approve();
    stage_pass_ms(1000);
    ck_assert_int_eq(exchange_position(), 4);
}

/* One position of 4 lots, in our books as at the exchange, with one stop, of one order. */
static void ck_as_approved(void)
{
    ck_assert_int_eq(exchange_position(), 4);
    ck_assert_int_eq(stage_trade()->pnl.qty, 4);
    ck_assert_int_eq(stage_active(true), 1);
    ck_assert_int_eq(st.requests[KIND_ENTRY], 1);
    ck_assert_uint_eq(fake_count(st.a, MSG_ORDER_REJECTED), 0);
}

/* hummingbot 8457 */
START_TEST(an_outage_drops_no_order_that_was_accepted)
{
    stage_open(false);
    disturb(KIND_ENTRY, OUT_CUT_REPLY, 1);
    stage_approve();
    stage_pass_ms(250);
    disturb(KIND_QUERY, OUT_NOT_SENT, 40);         /* no name is resolved any more */
    stage_pass_ms(20000);
    ck_as_approved();
}
END_TEST

/* nautilus_trader 4215 */
START_TEST(a_status_unknown_is_never_sent_again)
{
    stage_open(false);
    disturb(KIND_ENTRY, OUT_BUSY_AFTER, 5);
    stage_approve();
    stage_pass_ms(30000);
    ck_as_approved();
}
END_TEST

/* nautilus_trader 4958 */
START_TEST(an_order_in_flight_is_not_declared_rejected_after_so_many_questions)
{
    stage_open(false);
    disturb(KIND_ENTRY, OUT_LATE, 1);
    stage_approve();
    stage_pass_ms(250);
    disturb(KIND_QUERY, OUT_LIMITED, 30);
    stage_pass_ms(30000);
    ck_as_approved();
}
END_TEST

/* nautilus_trader 3176 */
START_TEST(no_restart_makes_duplicate_orders)
{
    begin();
    size_t orders = exchange_orders();
    for (int i = 0; i < 5; i++) {
        stage_restart();
        stage_pass_ms(6000);
    }
    ck_assert_uint_eq(exchange_orders(), orders);
    ck_as_approved();
}
END_TEST

/* freqtrade 11461 */
START_TEST(an_order_that_filled_and_was_taken_for_dead_is_not_placed_again)
{
    stage_open(false);
    disturb(KIND_ENTRY, OUT_TOO_LATE, 1);          /* it comes when nobody waits any more */
    stage_approve();
    for (int i = 0; i < 5; i++) {
        stage_pass_ms(4000);
        stage_tell_approval(0);                 /* and is asked for again and again */
    }
    ck_assert_int_eq(st.requests[KIND_ENTRY], 1);
    stage_pass_ms(20000);
    ck_assert_int_eq(exchange_position(), stage_trade() != NULL ? stage_trade()->pnl.qty : 0);
}
END_TEST

/* hummingbot 3374 */
START_TEST(network_errors_for_minutes_lose_no_open_order)
{
    begin();
    disturb(KIND_LISTS, OUT_CUT_REPLY, 100000);
    stage_pass_ms(600 * 1000);
    disturb(KIND_LISTS, OUT_FINE, 0);
    stage_pass_ms(15000);
    ck_assert(st.x->trade_ready);
    ck_assert_int_eq(exchange_position(), stage_trade() != NULL ? stage_trade()->pnl.qty : 0);
    for (size_t i = 0; i < exchange_orders(); i++) {
        struct exchange_order o;
        char id[32];
        exchange_order_at(i, &o);
        snprintf(id, sizeof id, "%lld", (long long)o.id);
        ck_assert(!o.active || (books_order_by_id(&st.x->books, id) != NULL &&
                                order_live(books_order_by_id(&st.x->books, id))));
    }
}
END_TEST

/* OctoBot 3190 */
START_TEST(stop_and_targets_do_not_disappear_with_a_restart)
{
    begin();
    int orders = stage_active(false);
    ck_assert_int_ge(orders, 3);                /* the stop, two targets */
    stage_restart();
    stage_pass_ms(6000);
    ck_assert_int_eq(stage_active(false), orders);
    ck_assert_int_eq(st.bare_most_ns, 0);
    ck_as_approved();
}
END_TEST

/* nautilus_trader 5000 */
START_TEST(no_working_order_is_dropped_when_fills_do_not_add_up_to_the_position)
{
    begin();
    stage_by_hand("buy", 3, false);
    lose_pushes();
    int orders = stage_active(false);
    stage_restart();
    stage_pass_ms(12000);
    ck_assert_int_ge(stage_active(false), orders);
    ck_assert_int_eq(stage_active(true), 1);
    ck_assert_int_eq(stage_trade()->pnl.qty, 4);
    ck_assert(!st.x->trade_ready);              /* said, and nothing is entered */
}
END_TEST

/* nautilus_trader 4634 */
START_TEST(state_survives_without_a_graceful_stop)
{
    begin();
    stage_pass_ms(30000);
    const struct trade was = *stage_trade();
    stage_restart();                            /* as after SIGKILL: nobody said good-bye */
    ck_assert_int_eq(stage_trade()->pnl.qty, was.pnl.qty);
    ck_assert(dec_eq(stage_trade()->pnl.entry_px, was.pnl.entry_px));
    ck_assert(dec_eq(stage_trade()->pnl.fees, was.pnl.fees));
    ck_assert(dec_eq(stage_trade()->exits.stop, was.exits.stop));
    ck_assert_str_eq(stage_trade()->approval_id, was.approval_id);
    ck_assert_int_eq(stage_trade()->tp1_placed, was.tp1_placed);
}
END_TEST

/* freqtrade 7606 */
START_TEST(no_stop_is_made_again_for_a_position_closed_by_hand_while_we_were_dead)
{
    begin();
    stage_by_hand("sell", 4, true);
    lose_pushes();
    int64_t before = st.requests[KIND_STOP];
    stage_restart();
    stage_pass_ms(30000);
    ck_assert_int_le(st.requests[KIND_STOP], before + 1);
    ck_assert_int_eq(stage_active(false), 0);
    ck_assert_ptr_null(stage_trade());
}
END_TEST

/* Lean.Brokerages.InteractiveBrokers 249 */
START_TEST(fills_of_a_disconnect_are_asked_for)
{
    begin();
    st.stream.on_down(st.stream.arg, "gone");
    stage_settle();
    stage_by_hand("sell", 2, true);
    lose_pushes();
    stage_pass_ms(3000);
    st.stream.on_up(st.stream.arg);
    stage_pass_ms(3000);
    ck_assert_int_eq(exchange_position(), 2);
    ck_assert_int_eq(stage_trade()->pnl.qty, 2);
}
END_TEST

/* freqtrade 1557 */
START_TEST(a_stop_that_cannot_be_placed_leaves_no_naked_position)
{
    begin();
    disturb(KIND_STOP, OUT_REFUSED, 1000);
    ck_assert(exchange_by_hand("DELETE", "/api/v1/stopOrders?symbol=" EXCHANGE_SYMBOL, ""));
    stage_pass_ms(20000);
    ck_assert_int_eq(exchange_position(), 0);
    ck_assert_int_eq(stage_active(false), 0);
}
END_TEST

/* freqtrade 12528 */
START_TEST(no_stop_stays_as_an_orphan_after_the_position_closed_in_parts)
{
    begin();
    stage_by_hand("sell", 1, true);
    stage_pass_ms(3000);
    stage_by_hand("sell", 3, true);
    stage_pass_ms(1000);
    stage_restart();
    stage_pass_ms(20000);
    ck_assert_int_eq(stage_active(false), 0);
    ck_assert_ptr_null(stage_trade());
}
END_TEST

TESTS("elsewhere", an_outage_drops_no_order_that_was_accepted, a_status_unknown_is_never_sent_again,
      an_order_in_flight_is_not_declared_rejected_after_so_many_questions, no_restart_makes_duplicate_orders,
      an_order_that_filled_and_was_taken_for_dead_is_not_placed_again,
      network_errors_for_minutes_lose_no_open_order, stop_and_targets_do_not_disappear_with_a_restart,
      no_working_order_is_dropped_when_fills_do_not_add_up_to_the_position, state_survives_without_a_graceful_stop,
      no_stop_is_made_again_for_a_position_closed_by_hand_while_we_were_dead,
      fills_of_a_disconnect_are_asked_for, a_stop_that_cannot_be_placed_leaves_no_naked_position,
      no_stop_stays_as_an_orphan_after_the_position_closed_in_parts)
