/* Execution's modules behind a skeleton and an exchange of the test: what it does with orders, in every trouble. */
#include "tests/agents/execution/stage.h"
#include "tests/runner.h"

/* ---- volatility ---- */

static void bar(int64_t n, const char *high, const char *low, bool warm)
{
    struct msg_market_candle m = {
        .symbol = "XBTUSDTM", .tf = "15m", .start_ns = T0 + n * x->bar_ns, .open = dec_int(100), .high = dec_lit(high),
        .low = dec_lit(low), .close = dec_int(100), .warm = warm,
    };
    fake_tell(a, exec_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &m);
    fake_settle();
}

static void answer_history(int64_t until)
{
    static struct msg_candles m;
    m = (struct msg_candles){.symbol = "XBTUSDTM", .tf = "15m", .rows_n = 100};
    for (int i = 0; i < 100; i++)
        m.rows[i] = (struct sub_candle_row){.start_ns = T0 + (until - 99 + i) * x->bar_ns, .open = dec_int(100),
                                            .high = dec_lit("100.5"), .low = dec_lit("99.5"), .close = dec_int(100)};
    ck_assert_uint_gt(a->n_questions, 0);
    ck_assert(fake_answer(a, ERR_OK, MSG_CANDLES, &m));
}

START_TEST(volatility_twice_that_of_the_entry_closes_the_position)
{
    begin();
    candles_ask(x);
    answer_history(0);
    open_position();
    tick("100");
    for (int i = 1; i <= 3; i++)
        bar(i, "100.5", "99.5", false);
    ck_assert(x->symbols[0].atr_now > 0.99 && x->symbols[0].atr_now < 1.01);
    ck_assert_int_eq(trade()->closing, EXIT_NONE);
    for (int i = 4; i < 15 && trade()->closing == EXIT_NONE; i++)
        bar(i, "102", "98.1", false);
    ck_assert_int_eq(trade()->closing, EXIT_VOLATILITY_STOP);
    ck_assert(x->symbols[0].atr_now >= 2);
    end();
}
END_TEST

START_TEST(volatility_abstains_while_bars_are_missing_and_asks_for_them)
{
    begin();
    candles_ask(x);
    answer_history(0);
    open_position();
    tick("100");
    nobody_answers();
    bar(5, "110", "90", false);                 /* four are missing */
    ck_assert(x->symbols[0].atr_now <= 0);
    ck_assert_int_eq(trade()->closing, EXIT_NONE);
    answer_history(5);
    bar(6, "100.5", "99.5", false);
    ck_assert(x->symbols[0].atr_now > 0.9 && x->symbols[0].atr_now < 1.1);
    end();
}
END_TEST

/* ---- not sent, unknown, absent ---- */

static void approval_meets(const char *symbol, const char *why)
{
    size_t before = fake_count(a, MSG_ORDER_REJECTED);
    approve_as(symbol, SIDE_BUY, 4);
    fake_settle();
    ck_assert_uint_eq(fake_count(a, MSG_ORDER_REJECTED), before + 1);
    ck_assert_str_eq(said(MSG_ORDER_REJECTED, before)->reason, why);
    ck_assert_int_eq(said(MSG_ORDER_REJECTED, before)->status, STATUS_REJECTED);
}

START_TEST(an_entry_that_did_not_leave_is_dead_and_risk_hears_it)
{
    static const enum venue_outcome ways[] = {VENUE_NOT_SENT, VENUE_BROKEN};
    begin();
    for (int i = 0; i < 2; i++) {
        fake_fault("POST", "/api/v1/st-orders", ways[i], 0, "", false, 1);
        approve();
        fake_settle();
        pass(5000);
        ck_assert_ptr_nonnull(said(MSG_ORDER_REJECTED, (size_t)i));
        ck_assert_int_eq(said(MSG_ORDER_REJECTED, (size_t)i)->status, STATUS_DEAD);
        ck_assert_ptr_null(trade());
    }
    ck_assert_int_eq(fv.n_orders, 0);           /* never posted again */
    end();
}
END_TEST

START_TEST(a_crash_between_intent_and_send_ends_dead_by_proof)
{
    begin();
    approve();                                  /* on disk, not sent */
    crash();
    begin_trading();
    ck_assert_ptr_nonnull(said(MSG_ORDER_UNKNOWN, 0));
    ck_assert_ptr_nonnull(trade());             /* its place is kept until it is proved */
    ck_assert_ptr_null(said(MSG_ORDER_REJECTED, 0));
    pass(10000);
    ck_assert_ptr_nonnull(said(MSG_ORDER_REJECTED, 0));
    ck_assert_str_eq(said(MSG_ORDER_REJECTED, 0)->reason, "ABSENT");
    ck_assert_ptr_null(trade());
    ck_assert_int_eq(fv.n_orders, 0);
    end();
}
END_TEST

START_TEST(an_order_that_is_proved_absent_after_a_crash_does_not_hold_up_the_others)
{
    begin();
    approve();
    crash();
    fake_fault("GET", "/api/v1/orders/byClientOid", VENUE_UNKNOWN, 503, "", false, 1000);
    begin_trading();
    ck_assert(!x->trade_ready);                 /* it may rest or be filled: the venue was not heard */
    fv.faults[0].times = 0;
    pass(3000);
    ck_assert(x->trade_ready);
    ck_assert_ptr_null(said(MSG_ORDER_REJECTED, 0));
    approval_meets("XBTUSDTM", "SYMBOL_BUSY");
    approve_as("ETHUSDTM", SIDE_BUY, 4);
    fake_settle();
    ck_assert_ptr_nonnull(fv_find("entry", 0));
    pass(10000);
    ck_assert_str_eq(said(MSG_ORDER_REJECTED, 1)->reason, "ABSENT");
    ck_assert_ptr_null(trade());
    ck_assert_int_eq(fv.n_orders, 1);
    end();
}
END_TEST

START_TEST(an_entry_that_timed_out_but_arrived_is_found_by_its_own_id)
{
    begin();
    fake_fault("POST", "/api/v1/st-orders", VENUE_UNKNOWN, 0, "", true, 1);
    approve();
    fake_settle();
    ck_assert_ptr_nonnull(said(MSG_ORDER_UNKNOWN, 0));
    pass(2000);
    ck_assert_ptr_nonnull(said(MSG_ORDER_PLACED, 0));
    ck_assert_int_eq(fv.n_orders, 1);
    fv_fill(fv_find("entry", 0), 4, "100");
    pass(500);
    ck_assert_int_eq(trade()->pnl.qty, 4);
    end();
}
END_TEST

/* The entry arrived, and neither that nor anything asked of it is answered. */
static struct fv_order *approve_unanswered(void)
{
    fake_fault("POST", "/api/v1/st-orders", VENUE_UNKNOWN, 0, "", true, 1);
    fake_fault("GET", "/api/v1/orders", VENUE_UNKNOWN, 503, "", false, 100);
    approve();
    fake_settle();
    return fv_find("entry", 0);
}

START_TEST(an_order_whose_answer_was_lost_is_told_as_placed_when_its_fill_is_the_first_sign)
{
    for (int quietly = 0; quietly < 2; quietly++) {
        begin();
        struct fv_order *o = approve_unanswered();
        if (quietly) {          /* the stream names the order, the list of fills has the fill */
            fv_tell_order(o, "open");
            fake_settle();
            ck_assert_ptr_null(said(MSG_ORDER_PLACED, 0));
            fv_fill_quietly(o, 4, "100", "0.0002");
            reads_fills(x);
            fake_settle();
        } else {
            fv_fill(o, 4, "100");
        }
        pass(500);
        ck_assert_int_eq(trade()->pnl.qty, 4);
        ck_assert_ptr_nonnull(said(MSG_ORDER_PLACED, 0));
        ck_assert_int_eq(strtoll(said(MSG_ORDER_PLACED, 0)->order_id, NULL, 10), fv.orders[0].id);
        ck_assert_ptr_nonnull(said(MSG_ORDER_FILLED, 0));
        end();
    }
}
END_TEST

START_TEST(an_order_whose_answer_was_lost_is_told_as_placed_when_its_end_is_the_first_sign)
{
    begin();
    struct fv_order *o = approve_unanswered();
    o->active = false;
    o->cancelled = true;
    fv_tell_order(o, "canceled");
    fake_settle();
    ck_assert_ptr_nonnull(said(MSG_ORDER_PLACED, 0));
    ck_assert_int_eq(strtoll(said(MSG_ORDER_PLACED, 0)->order_id, NULL, 10), o->id);
    ck_assert_ptr_nonnull(said(MSG_ORDER_CANCELLED, 0));
    pass(500);
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

START_TEST(absence_counts_by_the_venues_clock_and_only_twice)
{
    begin();
    fv.clock_off_ns = -900 * NS_PER_MS;
    fake_fault("POST", "/api/v1/st-orders", VENUE_UNKNOWN, 0, "", false, 1);
    approve();
    fake_settle();
    pass(10500);                                /* 9.6 s by its clock: a late copy might still be taken */
    struct exec_order *o = books_order(&x->books, trade()->entry_id);
    ck_assert_int_eq(o->absent_ns, 0);
    pass(1500);
    ck_assert_int_ne(o->absent_ns, 0);
    ck_assert_int_eq(o->o.status, STATUS_UNKNOWN);
    pass(3000);
    ck_assert_ptr_nonnull(said(MSG_ORDER_REJECTED, 0));
    ck_assert_int_eq(fv.posts, 1);
    end();
}
END_TEST

START_TEST(fills_that_could_not_be_read_are_read_again_until_absence_is_proved)
{
    begin();
    fake_fault("POST", "/api/v1/st-orders", VENUE_UNKNOWN, 0, "", false, 1);
    fake_fault("GET", "/api/v1/fills", VENUE_UNKNOWN, 500, "", false, 5);
    approve();
    fake_settle();
    pass(30000);
    ck_assert_ptr_nonnull(said(MSG_ORDER_REJECTED, 0));
    ck_assert_str_eq(said(MSG_ORDER_REJECTED, 0)->reason, "ABSENT");
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

START_TEST(an_order_that_appears_after_its_proved_absence_is_cancelled)
{
    begin();
    fake_fault("POST", "/api/v1/st-orders", VENUE_UNKNOWN, 0, "", true, 1);
    approve();
    fv.effects[fv.effects_head].fn(a, fv.effects[fv.effects_head].arg);
    fv.effects_head++;
    fv.orders[0].hidden = true;
    fake_settle();
    pass(15000);
    ck_assert_ptr_nonnull(said(MSG_ORDER_REJECTED, 0));
    ck_assert_ptr_null(trade());
    fv.orders[0].hidden = false;
    pass(8000);
    ck_assert(!fv.orders[0].active);
    ck_assert(fv.orders[0].cancelled);
    end();
}
END_TEST

START_TEST(an_order_that_vanishes_counts_as_cancelled_and_a_stop_is_replaced)
{
    begin();
    open_position();
    fv_find("stop", 0)->hidden = true;
    pass(30000);
    int shown = 0;
    for (int i = 0; i < fv_count("stop"); i++)
        shown += !fv_find("stop", i)->hidden;
    ck_assert_int_eq(shown, 1);
    ck_assert(x->trade_ready);                  /* again, after two clean reads */
    end();
}
END_TEST

/* ---- partial fills of the entry ---- */

START_TEST(a_partial_fill_is_covered_at_once_and_the_rest_is_cancelled_in_time)
{
    begin();
    approve();
    fake_settle();
    fv_fill(fv_find("entry", 0), 1, "100");
    ck_assert_int_eq(trade()->pnl.qty, 1);
    ck_assert_int_eq(fv_count("stop"), 1);
    ck_assert(fv_find("stop", 0)->whole);       /* whatever is open */
    ck_assert_int_eq(fv_count("target"), 1);    /* the first target waits for the entry's end */
    fv_fill(fv_find("entry", 0), 2, "100");
    ck_assert_int_eq(trade()->pnl.qty, 3);
    ck_assert_int_eq(fv_count("stop"), 1);
    pass(61000);
    ck_assert_ptr_null(fv_find("entry", 0));
    ck_assert_ptr_nonnull(said(MSG_ORDER_EXPIRED, 0));
    ck_assert_int_eq(fv_count("stop"), 1);
    ck_assert_int_eq(fv_count("target"), 2);
    struct fv_order *tp1 = fv_find("target", 0)->whole ? fv_find("target", 1) : fv_find("target", 0);
    ck_assert_int_eq(tp1->size, 1);             /* floor(3 / 2) */
    ck_assert(tp1->reduces);
    end();
}
END_TEST

START_TEST(a_partial_fill_without_its_attached_stop_gets_one)
{
    begin();
    fv.attach_late = true;
    approve();
    fake_settle();
    fv_fill(fv_find("entry", 0), 1, "100");
    ck_assert_int_eq(fv_count("stop"), 0);
    pass(250);
    ck_assert_int_eq(fv_count("stop"), 1);
    ck_assert_str_eq(fv_find("stop", 0)->stop_px, "98");
    ck_assert(fv_find("stop", 0)->whole);
    end();
}
END_TEST

START_TEST(what_is_left_of_an_entry_goes_when_the_position_is_closed)
{
    begin();
    approve();
    fake_settle();
    fv_fill(fv_find("entry", 0), 1, "100");
    fv_fill(fv_find("stop", 0), 1, "98");
    pass(5000);
    ck_assert_ptr_null(fv_find("entry", 0));
    ck_assert_ptr_null(trade());
    ck_assert_str_eq(closed()->exit_reason, "STOP_LOSS");
    end();
}
END_TEST

START_TEST(a_fill_of_the_entry_after_the_close_is_taken_over_and_closed)
{
    begin();
    approve();
    fake_settle();
    struct fv_order *entry = fv_find("entry", 0);
    fv_fill(entry, 1, "100");
    fv_fill_quietly(fv_find("stop", 0), 1, "98", "0.0002");
    fv_fill_quietly(entry, 2, "98", "0.0002");    /* before the cancel could arrive */
    pass(5000);
    ck_assert_int_eq(trade()->pnl.qty, 2);
    ck_assert_int_ne(trade()->closing, EXIT_NONE);
    ck_assert_ptr_null(fv_find("entry", 0));
    while (fill_exits("97"))
        continue;
    pass(5000);
    ck_assert_ptr_null(trade());
    ck_assert_int_eq(*fv_held("XBTUSDTM"), 0);
    ck_assert_int_eq(closed()->max_qty, 3);
    ck_assert(dec_eq(closed()->gross_pnl, dec_lit("-0.004")));  /* (-2 x 1 - 1 x 2) x 0.001 */
    end();
}
END_TEST

START_TEST(a_cancel_that_got_lost_is_sent_again)
{
    begin();
    approve();
    fake_settle();
    fake_fault("DELETE", "/api/v1/orders", VENUE_UNKNOWN, 0, "", false, 2);
    operator_says(VERB_PAUSE);
    ck_assert_ptr_nonnull(fv_find("entry", 0));
    operator_says(VERB_CLOSE);
    pass(5000);
    ck_assert_ptr_null(fv_find("entry", 0));
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

START_TEST(with_a_guard_lost_no_entry_rests_and_positions_are_protected_and_closed_all_the_same)
{
    begin();
    approve();
    fake_settle();
    fv_guards = GUARDS_LAPSED;                  /* late, not lost: what rests, rests */
    pass(2000);
    ck_assert_ptr_nonnull(fv_find("entry", 0));
    ck_assert_ptr_nonnull(fake_degraded(a, "lease", "LEASE"));
    fv_guards = GUARDS_LOST;
    pass(2000);
    ck_assert_ptr_null(fv_find("entry", 0));
    ck_assert_ptr_nonnull(fake_degraded(a, "lease", "LEASE_LOST"));
    fv_guards = GUARDS_FINE;
    pass(2000);
    ck_assert_ptr_null(fake_degraded(a, "lease", "LEASE"));
    ck_assert_ptr_null(fake_degraded(a, "lease", "LEASE_LOST"));
    open_position();
    fv_guards = GUARDS_LOST;
    pass(2000);
    fv_find("stop", 0)->active = false;         /* taken away */
    pass(8000);
    ck_assert_int_eq(fv_count("stop"), 1);
    operator_says(VERB_FLATTEN);
    pass(500);
    ck_assert_ptr_nonnull(fv_find("exit", 0));
    fv_guards = GUARDS_FINE;
    end();
}
END_TEST

/* Domain 6, test 3: execution hears approvals alone, and one that came too late is a rejection. */
START_TEST(an_approval_that_expired_or_was_changed_places_nothing)
{
    static const char *const whys[] = {"EXPIRED", "MALFORMED", "MALFORMED", "MALFORMED"};
    begin();
    for (int i = 0; i < 5; i++) {
        static struct msg_risk_approved m;
        uint8_t id[16];
        m = (struct msg_risk_approved){
            .side = SIDE_BUY, .qty = i == 1 ? 0 : 4, .leverage = 2, .price = dec_int(100),
            .stop_px = dec_int(i == 2 ? 0 : 98), .tp1_px = dec_lit("102.4"), .tp2_px = dec_int(104),
            .decision_px = dec_int(100), .atr = dec_int(1), .margin = dec_int(1), .close_ns = a->market_ns,
            .issued_ns = a->now_ns, .expires_ns = a->now_ns + (i == 0 ? 0 : NS_PER_S),
            .token_len = i == 3 ? TOKEN_SIZE - 1 : TOKEN_SIZE, .symbol = "XBTUSDTM",
        };
        snprintf(m.approval_id, sizeof m.approval_id, "00000000-0000-4000-8000-%012d", ++approvals);
        must(token_uuid(m.approval_id, id) == ERR_OK);
        token_cl_ord_id(id, i == 4 ? LEG_EXIT : LEG_ENTRY, 1, m.cl_ord_id);    /* 4: not its own id */
        fake_tell(a, exec_on_approved, AGENT_RISK, MSG_RISK_APPROVED, &m);
        fake_settle();
        pass(1000);
        ck_assert_ptr_null(trade());
        ck_assert_int_eq(fv_count("entry"), 0);
        if (i < 4)
            ck_assert_str_eq(said(MSG_ORDER_REJECTED, (size_t)i)->reason, whys[i]);
    }
    ck_assert_uint_eq(fake_count(a, MSG_ORDER_PLACED), 0);
    approve();                                  /* and a good one does */
    fake_settle();
    ck_assert_int_eq(fv_count("entry"), 1);
    end();
}
END_TEST

START_TEST(an_approval_is_refused_by_whatever_stands_in_its_way)
{
    struct msg_risk_approved none = {.approval_id = "no id"};
    begin();
    fake_tell(a, exec_on_approved, AGENT_RISK, MSG_RISK_APPROVED, &none);
    ck_assert_uint_eq(fake_count(a, MSG_ORDER_REJECTED), 0);
    x->books.stopped = 1;
    approval_meets("XBTUSDTM", "LATCH");
    x->books.stopped = 0;
    a->system = SYS_PAUSED;
    approval_meets("XBTUSDTM", "NOT_TRADING");
    a->system = SYS_TRADING;
    x->trade_ready = false;
    approval_meets("XBTUSDTM", "NOT_RECONCILED");
    x->trade_ready = true;
    approval_meets("SOLUSDTM", "SYMBOL_NOT_READY");
    fake_config(a, "dry_run", "true");
    approval_meets("XBTUSDTM", "DRY_RUN");
    fake_config(a, "dry_run", "false");
    fake_config(a, "max_slippage_pct", "0.01");
    approve_far = dec_lit("100.1");
    approval_meets("XBTUSDTM", "SLIPPAGE");
    approve_far = dec_zero();
    for (int i = 0; i < BOOKS_TRADES; i++)
        TEXT_COPY(x->books.trades[i].p.symbol, "XRPUSDTM");
    approval_meets("XBTUSDTM", "FULL");         /* no trade is free */
    for (int i = 0; i < BOOKS_TRADES; i++)
        x->books.trades[i].p.symbol[0] = '\0';
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        snprintf(x->books.orders[i].o.cl_ord_id, sizeof x->books.orders[i].o.cl_ord_id, "%d", i);
        x->books.orders[i].o.status = STATUS_NEW;
    }
    approval_meets("XBTUSDTM", "FULL");         /* no order is */
    books_init(&x->books);
    approve();
    fake_settle();
    approval_meets("XBTUSDTM", "SYMBOL_BUSY");
    ck_assert_int_eq(fv.n_orders, 1);
    end();
}
END_TEST

/* ---- targets and stops ---- */

/* Domain 6, test 9. */
START_TEST(the_first_target_moves_the_stop_to_break_even_with_fees)
{
    begin();
    open_position();
    struct fv_order *tp1 = fv_find("target", 0)->whole ? fv_find("target", 1) : fv_find("target", 0);
    ck_assert_int_eq(tp1->size, 2);
    fv_fill(tp1, 2, "102.4");
    tick("102.3");
    pass(500);
    ck_assert_int_eq(fv_count("stop"), 1);
    dec_t stop = dec_lit(fv_find("stop", 0)->stop_px);
    ck_assert(dec_ge(stop, trade()->exits.break_even));
    ck_assert(dec_gt(trade()->exits.break_even, dec_lit("100.06")));    /* exit fee and slippage, at least */
    ck_assert_uint_ge(fake_count(a, MSG_STOP_MOVED), 1);
    end();
}
END_TEST

/* Domain 6, test 4. */
START_TEST(paused_the_stop_rises_time_closes_and_flatten_works)
{
    begin();
    open_position();
    a->system = SYS_PAUSED;
    tick("102.3");
    pass(500);
    ck_assert(dec_gt(dec_lit(fv_find("stop", 0)->stop_px), dec_int(98)));
    ck_assert_uint_ge(fake_count(a, MSG_STOP_MOVED), 1);
    operator_says(VERB_FLATTEN);
    pass(250);
    ck_assert(fill_exits("102.3"));
    pass(5000);
    ck_assert_uint_eq(fake_count(a, MSG_POSITION_CLOSED), 1);

    a->system = SYS_TRADING;
    open_position();
    a->system = SYS_PAUSED;
    tick("99.9");
    a->market_ns += (x->params.time_stop_bars + 2) * x->bar_ns;
    bar((a->market_ns - T0) / x->bar_ns - 1, "100.5", "99.5", false);
    ck_assert_int_eq(trade()->closing, EXIT_TIME_STOP);
    pass(250);
    ck_assert(fill_exits("99.9"));
    pass(1000);
    ck_assert_uint_eq(fake_count(a, MSG_POSITION_CLOSED), 2);
    pass(5000);
    ck_assert_int_eq(fv_count("stop"), 0);
    end();
}
END_TEST

/* What happens to a position with the rule on, and with it off. */
static void at_12_of_r(void)
{
    tick("102.4");
    pass(500);
}

static void at_mae(void)
{
    tick("97");
}

static void after_its_time(void)
{
    tick("99.9");
    a->market_ns += (x->params.time_stop_bars + 2) * x->bar_ns;
    bar((a->market_ns - T0) / x->bar_ns - 1, "100.5", "99.5", false);
}

static void in_wild_bars(void)
{
    tick("100");
    for (int i = 1; i < 15 && trade()->closing == EXIT_NONE; i++)
        bar(i, "102", "98.1", false);
}

START_TEST(each_exit_rule_is_on_or_off_by_configuration)
{
    static const struct {
        const char *key, *also;         /* off together with it */
        void (*happens)(void);
        enum exit_reason closes;        /* while it is on */
    } rules[] = {
        {"trailing", "tp1", at_12_of_r, EXIT_NONE}, {"tp1", "trailing", at_12_of_r, EXIT_NONE},
        {"tp2", NULL, at_12_of_r, EXIT_NONE}, {"time_stop", NULL, after_its_time, EXIT_TIME_STOP},
        {"volatility_stop", NULL, in_wild_bars, EXIT_VOLATILITY_STOP}, {"mae_stop", NULL, at_mae, EXIT_MAE_STOP},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        for (int on = 0; on < 2; on++) {
            off[0] = on ? rules[i].also : rules[i].key;
            off[1] = on ? NULL : rules[i].also;
            begin();
            candles_ask(x);
            answer_history(0);
            open_position();            /* with the targets that are on */
            rules[i].happens();
            ck_assert_msg(trade()->closing == (on ? (int32_t)rules[i].closes : EXIT_NONE), "%s %d: %d", rules[i].key, on,
                          trade()->closing);
            if (rules[i].also != NULL)  /* each of the two moves the stop */
                ck_assert_msg(dec_gt(trade()->exits.stop, dec_int(100)) == on, "%s %d", rules[i].key, on);
            ck_assert_int_eq(fv_count("stop"), 1);      /* the hard stop always */
            end();
        }
    off[0] = off[1] = NULL;
}
END_TEST

static void take_first_target_away(void)
{
    struct fv_order *tp1 = fv_find("target", fv_find("target", 0)->whole ? 1 : 0);
    tp1->active = false;
    tp1->cancelled = true;
    fv_tell_order(tp1, "canceled");
    pass(500);
}

START_TEST(a_first_target_that_does_not_rest_is_taken_at_market_and_again_when_it_did_not_leave)
{
    off[0] = "trailing";
    begin();
    open_position();
    take_first_target_away();
    fake_fault("POST", "/api/v1/orders", VENUE_NOT_SENT, 0, "", false, 1);
    tick("102.5");
    pass(1000);
    ck_assert_ptr_null(fv_find("exit", 0));
    tick("102.5");
    struct fv_order *exit = fv_find("exit", 0);
    ck_assert_ptr_nonnull(exit);
    ck_assert_int_eq(exit->size, 2);
    fv_fill(exit, 2, "102.5");
    pass(500);
    ck_assert_int_eq(trade()->pnl.qty, 2);
    ck_assert_int_eq(trade()->closing, EXIT_NONE);
    end();
    off[0] = NULL;
}
END_TEST

START_TEST(a_first_target_refused_at_market_leaves_the_position_with_its_stop_at_break_even)
{
    off[0] = "trailing";
    begin();
    open_position();
    take_first_target_away();
    fake_fault("POST", "/api/v1/orders", VENUE_REFUSED, 200, "300003", false, 1);
    tick("102.5");
    pass(1000);
    ck_assert_int_eq(said(MSG_ORDER_REJECTED, 0)->leg, LEG_EXIT);
    ck_assert_int_eq(trade()->exits.tp1_asked, 0);
    ck_assert_int_eq(trade()->pnl.qty, 4);
    ck_assert_int_eq(fv_count("stop"), 1);
    ck_assert(dec_gt(dec_lit(fv_find("stop", 0)->stop_px), dec_int(100)));
    end();
    off[0] = NULL;
}
END_TEST

START_TEST(a_kernel_that_cannot_confine_the_signer_is_said_and_trades_all_the_same)
{
    fv_confined.landlock = 0;
    begin();
    ck_assert(x->confined_said);
    open_position();
    end();
    fv_confined.landlock = 1;
}
END_TEST

START_TEST(an_entry_filled_beyond_its_stop_is_closed_at_once)
{
    begin();
    fv.attach_late = true;
    approve();
    fake_settle();
    fv_fill(fv_find("entry", 0), 4, "97");
    pass(1000);
    while (fill_exits("97"))
        pass(500);
    pass(6000);
    ck_assert_ptr_null(trade());
    ck_assert_str_eq(closed()->exit_reason, "STOP_LOSS");
    end();
}
END_TEST

START_TEST(a_close_that_came_before_the_market_had_a_time_gets_one)
{
    begin();
    open_position();
    int64_t market = a->market_ns;
    struct fv_order *stop = fv_find("stop", 0);
    a->market_ns = 0;
    fv_fill_quietly(stop, 4, "98", "0.0002");
    a->market_ns = market;
    fv_tell_order(stop, "filled");
    pass(6000);
    ck_assert_ptr_null(trade());
    ck_assert_int_ge(closed()->closed_ns, market);
    end();
}
END_TEST

START_TEST(a_new_stop_rests_before_the_old_one_goes)
{
    begin();
    open_position();
    struct fv_order *old = fv_find("stop", 0);
    fake_fault("POST", "/api/v1/orders", VENUE_REFUSED, 200, "300003", false, 1);
    tick("102.3");
    ck_assert(old->active);
    pass(1000);
    ck_assert(!old->active);
    ck_assert_int_eq(fv_count("stop"), 1);
    end();
}
END_TEST

START_TEST(a_stop_that_cannot_be_raised_is_kept_by_execution_itself)
{
    begin();
    open_position();
    fake_fault("POST", "/api/v1/orders", VENUE_REFUSED, 200, "300003", false, 1000);
    tick("103");
    dec_t wanted = trade()->exits.stop;
    ck_assert(dec_gt(wanted, dec_int(100)));
    fv.faults[0].times = 0;
    tick("100.1");                              /* below where the stop should be, above where it rests */
    ck_assert_int_eq(trade()->closing, EXIT_TRAILING_STOP);
    ck_assert_ptr_nonnull(fv_find("exit", 0));
    end();
}
END_TEST

START_TEST(the_stop_still_moves_after_more_than_a_hundred_moves)
{
    begin();
    open_position();
    x->params.tp1 = x->params.tp2 = false;
    struct fv_order *tp;
    while ((tp = fv_find("target", 0)) != NULL)
        tp->active = false;
    for (int i = 1; i <= 300; i++) {
        char px[32];
        trade()->exits.trail.act = 1;
        trade()->exits.trail.step = 1;
        trade()->exits.trail.dist = 40;
        snprintf(px, sizeof px, "%d", 104 + i);
        tick(px);
        pass(250);
        ck_assert_int_eq(fv_count("stop"), 1);
        ck_assert_msg(dec_gt(dec_lit(fv_find("stop", 0)->stop_px), dec_int(103 + i - 1)), "%d: %s", i,
                      fv_find("stop", 0)->stop_px);
    }
    ck_assert_int_gt(trade()->legs[LEG_STOP], 250);
    ck_assert_int_eq(trade()->closing, EXIT_NONE);
    end();
}
END_TEST

START_TEST(a_position_whose_stop_cannot_be_placed_is_closed)
{
    begin();
    fv.attach_late = true;
    approve();
    fake_settle();
    fake_fault("POST", "/api/v1/orders", VENUE_REFUSED, 200, "300012", false, 10);
    fv_fill(fv_find("entry", 0), 4, "100");
    pass(3000);
    ck_assert_int_eq(trade()->closing, EXIT_EMERGENCY);
    fv.faults[0].times = 0;
    pass(1000);
    ck_assert(fill_exits("99"));
    pass(1000);
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

START_TEST(an_outage_uses_up_no_numbers_and_does_not_close)
{
    begin();
    fv.attach_late = true;
    approve();
    fake_settle();
    fake_fault("POST", "/api/v1/orders", VENUE_BROKEN, 0, "", false, 1000);
    fv_fill(fv_find("entry", 0), 4, "100");
    pass(60000);
    ck_assert_int_eq(trade()->closing, EXIT_NONE);
    ck_assert_int_eq(trade()->legs[LEG_STOP], 0);
    ck_assert_int_lt(1000 - fv.faults[0].times, 300);   /* a few a second, not as fast as it can */
    fv.faults[0].times = 0;
    pass(1000);
    ck_assert_int_eq(fv_count("stop"), 1);
    ck_assert_int_eq(fv_count("target"), 1);
    end();
}
END_TEST

/* ---- closing ---- */

START_TEST(a_close_goes_by_ioc_and_falls_to_market_reduce_only)
{
    begin();
    open_position();
    tick("100");
    operator_says(VERB_CLOSE);
    for (int i = 0; i < 3; i++) {
        struct fv_order *o = fv_find("exit", 0);
        ck_assert_ptr_nonnull(o);
        ck_assert_str_eq(o->type, "limit");
        ck_assert_str_eq(o->tif, "IOC");
        ck_assert_str_eq(o->price, "99.8");     /* 0.2 % */
        ck_assert(o->reduces);
        o->active = false;
        o->cancelled = true;                    /* nothing to take it */
        fv_tell_order(o, "canceled");
        tick("100");
        pass(250);
        tick("100");
        pass(250);
    }
    struct fv_order *o = fv_find("exit", 0);
    ck_assert_str_eq(o->type, "market");
    ck_assert(o->reduces);
    ck_assert_int_eq(o->size, 4);
    ck_assert(fill_exits("99"));
    pass(500);
    ck_assert_ptr_null(trade());
    ck_assert_str_eq(closed()->exit_reason, "MANUAL");
    ck_assert_int_eq(fv_count("stop") + fv_count("target"), 0);
    end();
}
END_TEST

START_TEST(more_than_the_venue_takes_at_once_is_closed_in_slices)
{
    begin();
    approve_as("XBTUSDTM", SIDE_BUY, 2500);     /* 1000 at most */
    fake_settle();
    fv_fill(fv_find("entry", 0), 2500, "100");
    pass(500);
    emergency();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_le(fv_find("exit", 0)->size, 1000);
        ck_assert(fill_exits("99"));
        pass(1000);
    }
    ck_assert_int_eq(*fv_held("XBTUSDTM"), 0);
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

/* Domain 6, test 5. */
START_TEST(an_emergency_closes_every_symbol_and_tries_again_until_it_is_done)
{
    begin();
    open_position();
    approve_as("ETHUSDTM", SIDE_SELL, 4);
    fake_settle();
    fv_fill(fv_find("entry", 0), 2, "100");     /* half; the rest rests */
    pass(500);
    a->system = SYS_PAUSED;
    fake_fault("POST", "/api/v1/orders", VENUE_UNKNOWN, 500, "", false, 2);
    fake_fault("POST", "/api/v1/orders", VENUE_REFUSED, 200, "300000", false, 6);
    fake_fault("POST", "/api/v1/orders", VENUE_NOT_SENT, 0, "", false, 30);
    emergency();
    ck_assert_ptr_null(fv_find("entry", 0));
    pass(60000);
    ck_assert_str_eq(fv_find("exit", 0)->type, "market");
    while (fill_exits("99"))
        continue;
    pass(2000);
    ck_assert_int_eq(*fv_held("XBTUSDTM"), 0);
    ck_assert_int_eq(*fv_held("ETHUSDTM"), 0);
    ck_assert_uint_eq(fake_count(a, MSG_POSITION_CLOSED), 2);
    end();
}
END_TEST

START_TEST(the_stop_file_alone_closes_everything_while_the_bus_is_dead)
{
    begin();
    open_position();
    int fd = open("STOP", O_CREAT | O_WRONLY, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    pass(500);                                  /* nothing was told */
    ck_assert(fill_exits("99"));
    pass(500);
    ck_assert_ptr_null(trade());
    unlink("STOP");                             /* that alone does not resume */
    approve();
    fake_settle();
    ck_assert_ptr_null(trade());
    ck_assert_str_eq(said(MSG_ORDER_REJECTED, 0)->reason, "LATCH");
    crash();
    begin_trading();
    approve();
    fake_settle();
    ck_assert_str_eq(said(MSG_ORDER_REJECTED, 0)->reason, "LATCH");
    struct msg_operator_command unsigned_resume = {.verb = VERB_RESUME};
    fake_tell(a, exec_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &unsigned_resume);
    approve();
    fake_settle();
    ck_assert_ptr_null(trade());
    operator_says(VERB_RESUME);
    approve();
    fake_settle();
    ck_assert_ptr_nonnull(trade());
    end();
}
END_TEST

START_TEST(a_stop_file_that_was_there_before_the_start_lets_nothing_in)
{
    begin();
    crash();
    ck_assert_int_eq(symlink("/no/such/file", "STOP"), 0);      /* whatever it is */
    begin_trading();
    approve();
    fake_settle();
    ck_assert_str_eq(said(MSG_ORDER_REJECTED, 0)->reason, "LATCH");
    ck_assert_int_eq(unlink("STOP"), 0);
    crash();
    begin_trading();
    approve();
    fake_settle();
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

/* on_shutdown: what an orderly end does with positions. */
static void drain_with(const char *policy)
{
    begin();
    fake_config(a, "on_shutdown", policy);
    open_position();
    execution_drain(a);
    fake_settle();
}

START_TEST(an_orderly_end_keeps_positions_with_their_stops)
{
    drain_with("keep");
    pass(500);
    ck_assert(a->drained);
    ck_assert_int_eq(trade()->pnl.qty, 4);
    ck_assert_int_eq(fv_count("stop"), 1);
    end();
}
END_TEST

START_TEST(an_orderly_end_that_flattens_waits_until_all_is_closed)
{
    drain_with("flatten");
    ck_assert(!a->drained);
    ck_assert(fill_exits("100"));
    pass(1000);
    ck_assert(a->drained);
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

START_TEST(nothing_is_entered_after_an_emergency_that_the_orchestrator_did_not_hear)
{
    begin();
    emergency();                                /* the system's state is still TRADING */
    approve();
    fake_settle();
    ck_assert_ptr_null(trade());
    ck_assert_int_eq(fv.n_orders, 0);
    end();
}
END_TEST

/* ---- funding, liquidation ---- */

static void settle_funding(int64_t at_ns, const char *amount)
{
    char text[256];
    snprintf(text, sizeof text, "%s{\"symbol\":\"XBTUSDTM\",\"timePoint\":%lld,\"funding\":%s}",
             fv.funding_rows[0] != '\0' ? "," : "", (long long)(at_ns / NS_PER_MS), amount);
    strcat(fv.funding_rows, text);
}

START_TEST(funding_told_by_the_stream_and_the_list_counts_once)
{
    json_t *t = NULL;
    char text[128];
    begin();
    open_position();
    a->market_ns = T0 + NS_PER_H;
    snprintf(text, sizeof text, "{\"symbol\":\"XBTUSDTM\",\"fundingTime\":%lld,\"fundingFee\":-0.5}",
             (long long)(a->market_ns / NS_PER_MS));
    ck_assert_int_eq(codec_load(text, strlen(text), &t), ERR_OK);
    fv.stream.on_message(fv.stream.arg, "", "position.settlement", t, 1);
    json_decref(t);
    ck_assert(dec_eq(trade()->p.funding, dec_lit("0.5")));      /* paid */
    settle_funding(a->market_ns, "-0.5");
    fv.stream.on_up(fv.stream.arg);
    fake_settle();
    ck_assert(dec_eq(trade()->p.funding, dec_lit("0.5")));
    ck_assert(dec_gt(trade()->exits.break_even, dec_int(200)));     /* 0.5 on 0.004 of a coin */
    end();
}
END_TEST

START_TEST(funding_settled_while_execution_was_down_enters_the_trade_that_ended_then)
{
    begin();
    open_position();
    crash();
    a->market_ns = T0 + NS_PER_H;
    settle_funding(a->market_ns, "-0.25");
    settle_funding(a->market_ns + 2 * NS_PER_H, "-9");          /* after its end: another's */
    a->market_ns += 60 * NS_PER_S;
    a->now_ns += 30 * NS_PER_S;
    fv_fill_quietly(fv_find("stop", 0), 4, "98", "0.0002");
    begin_trading();
    ck_assert_ptr_nonnull(closed());
    ck_assert(dec_eq(closed()->funding, dec_lit("0.25")));
    ck_assert(dec_eq(closed()->net_pnl, dec_lit("-0.2584")));   /* -0.008 - 0.0004 - 0.25 */
    end();
}
END_TEST

START_TEST(a_trade_ends_without_its_funding_when_nobody_tells_it)
{
    begin();
    open_position();
    a->market_ns = T0 + NS_PER_H;
    fake_fault("GET", "/api/v1/funding-history", VENUE_UNKNOWN, 500, "", false, 1);
    fv_fill(fv_find("stop", 0), 4, "98");
    pass(2000);
    ck_assert_ptr_null(closed());
    pass(5000);
    ck_assert_ptr_nonnull(closed());
    end();
}
END_TEST

START_TEST(a_liquidation_is_booked_with_its_fills)
{
    static const char *const types[] = {"liquid", "adl"};
    for (int i = 0; i < 2; i++) {
        begin();
        open_position();
        struct fv_order venues = {.id = 777, .symbol = "XBTUSDTM", .side = "sell"};
        for (int k = 0; k < fv.n_orders; k++)
            fv.orders[k].cancelled = !(fv.orders[k].active = false);
        fv_row(&venues, 3, "60", "0.1", types[i]);
        fv_row(&venues, 1, "59", "0.1", types[i]);
        *fv_held("XBTUSDTM") = 0;
        pass(15000);
        ck_assert_ptr_null(trade());
        ck_assert_ptr_nonnull(closed());
        ck_assert_str_eq(closed()->exit_reason, "LIQUIDATION");
        ck_assert(dec_eq(closed()->gross_pnl, dec_lit("-0.161")));      /* (3 x 40 + 41) x 0.001 */
        ck_assert(dec_eq(closed()->fees, dec_lit("0.2002")));
        end();
    }
}
END_TEST

/* ---- what is not ours, what others did ---- */

START_TEST(a_foreign_position_is_said_and_blocks_every_entry_until_it_is_gone)
{
    static const char *const symbols[] = {"XBTUSDTM", "SOLUSDTM"};      /* configured; another */
    for (int i = 0; i < 2; i++) {
        begin();
        *fv_held(symbols[i]) = 7;
        pass(12000);
        ck_assert(!x->trade_ready);
        ck_assert_ptr_nonnull(fake_degraded(a, "exchange", i == 0 ? "FOREIGN_POSITION" : "FOREIGN_ORDER"));
        approve_as("ETHUSDTM", SIDE_BUY, 4);
        fake_settle();
        ck_assert_str_eq(said(MSG_ORDER_REJECTED, 0)->reason, "NOT_RECONCILED");
        ck_assert_int_eq(*fv_held(symbols[i]), 7);              /* never traded away */
        ck_assert_int_eq(fv.n_orders, 0);
        *fv_held(symbols[i]) = 0;
        pass(8000);
        ck_assert(x->trade_ready);
        ck_assert_ptr_null(fake_degraded(a, "exchange", "FOREIGN_POSITION"));
        ck_assert_ptr_null(fake_degraded(a, "exchange", "FOREIGN_ORDER"));
        end();
    }
}
END_TEST

START_TEST(lots_added_by_hand_leave_ours_as_they_are)
{
    begin();
    open_position();
    *fv_held("XBTUSDTM") += 5;
    pass(12000);
    ck_assert_int_eq(trade()->pnl.qty, 4);
    ck_assert(!x->trade_ready);
    ck_assert_ptr_nonnull(fake_degraded(a, "exchange", "FOREIGN_POSITION"));
    ck_assert_int_eq(fv_count("stop"), 1);
    end();
}
END_TEST

START_TEST(a_position_halved_by_hand_is_taken_over_and_said)
{
    begin();
    open_position();
    *fv_held("XBTUSDTM") = 2;
    pass(10000);
    ck_assert_int_eq(trade()->pnl.qty, 2);
    const struct msg_order_filled *f = fake_heard(a, MSG_ORDER_FILLED, 1);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(f->last_qty, 2);
    ck_assert_str_eq(f->order.reason, "CORRECTION");
    ck_assert_int_eq(fv_count("stop"), 1);      /* closeOrder: it has the right size */
    pass(5000);
    ck_assert(x->trade_ready);
    end();
}
END_TEST

START_TEST(fills_read_before_the_contracts_explain_what_is_held_when_they_are_known)
{
    begin();
    open_position();
    crash();
    fake_fault("GET", "/api/v1/contracts/active", VENUE_UNKNOWN, 429, "", false, 12);
    fv_fill_quietly(fv_find("stop", 0), 4, "98", "0.0002");
    begin_trading();
    pass(20000);
    ck_assert(x->trade_ready);
    ck_assert_ptr_null(trade());
    ck_assert_int_eq(x->corrected, 0);
    end();
}
END_TEST

START_TEST(a_position_closed_by_hand_ends_its_trade_and_its_orders)
{
    begin();
    open_position();
    *fv_held("XBTUSDTM") = 0;
    pass(12000);
    ck_assert_ptr_null(trade());
    ck_assert_ptr_nonnull(closed());
    ck_assert_int_eq(fv_count("stop") + fv_count("target"), 0);
    end();
}
END_TEST

START_TEST(a_position_turned_round_by_hand_is_closed_in_the_books_and_foreign)
{
    begin();
    open_position();
    *fv_held("XBTUSDTM") = -9;
    pass(20000);
    ck_assert_ptr_null(trade());
    ck_assert(!x->trade_ready);
    ck_assert_ptr_nonnull(fake_degraded(a, "exchange", "FOREIGN_POSITION"));
    ck_assert_int_eq(*fv_held("XBTUSDTM"), -9);
    end();
}
END_TEST

START_TEST(two_reads_agree_whatever_a_fill_overtook_between_them)
{
    begin();
    open_position();
    crash();
    execution_start(a);
    execution_warm(a);
    pass(250);
    fv.stream.on_up(fv.stream.arg);
    for (int i = 0; i < 10 && x->reads.clean_ns == 0; i++)
        pass(250);
    int64_t first = x->reads.clean_ns;
    ck_assert_int_ne(first, 0);
    pass(1500);
    fake_fault("GET", "/api/v1/fills", VENUE_UNKNOWN, 500, "", false, 1);
    fv_fill_quietly(fv_find("stop", 0), 1, "98", "0.0002");
    reads_begin(x);
    fake_settle();
    ck_assert(!x->reads.clean);
    for (int i = 0; i < 20 && !x->trade_ready; i++)
        pass(250);
    ck_assert(x->trade_ready);
    ck_assert_int_eq(trade()->pnl.qty, 3);
    ck_assert_int_ge(x->reads.began_ns, first + AGREE_NS);
    ck_assert_int_le(x->reads.began_ns, first + AGREE_NS + 1500 * NS_PER_MS);
    end();
}
END_TEST

START_TEST(one_list_that_lags_changes_nothing)
{
    begin();
    open_position();
    fake_fault("GET", "/api/v1/fills", VENUE_UNKNOWN, 500, "", false, 1);
    *fv_held("XBTUSDTM") = 0;
    pass(250);
    reads_begin(x);
    fake_settle();
    *fv_held("XBTUSDTM") = 4;
    pass(10000);
    ck_assert_int_eq(trade()->pnl.qty, 4);
    ck_assert(x->trade_ready);
    end();
}
END_TEST

START_TEST(a_key_that_may_transfer_enters_nothing_and_protects_all_the_same)
{
    begin();
    open_position();
    ck_assert(x->trade_ready);
    fv_permission = "General,Futures,Transfer";
    ck_assert_ptr_null(fake_degraded(a, "key", "KEY_CHANGED"));
    pass(11 * 60 * 1000);                                   /* asked again within ten minutes */
    ck_assert(!x->trade_ready && !x->key_good);
    ck_assert_int_eq(trade()->pnl.qty, 4);
    const struct fake_degradation *d = fake_degraded(a, "key", "KEY_CHANGED");     /* which lasts: an emergency */
    ck_assert(d != NULL && d->severity == SEVERITY_CRITICAL);
    ck_assert_msg(strstr(d->text, "\"Transfer\"") != NULL && strstr(d->text, "; open: XBTUSDTM 4") != NULL, "%s", d->text);
    fv_permission = "General,Futures";
    pass(10000);
    ck_assert(x->trade_ready);
    ck_assert_ptr_null(fake_degraded(a, "key", "KEY_CHANGED"));
    ck_assert_ptr_null(fake_degraded(a, "key", "KEY_RIGHTS"));
    end();
}
END_TEST

/* Refused from the start it is no emergency: nothing was entered with it. */
static void begin_with(const char *key, const char *value)
{
    begin();
    crash();
    fake_config(a, "mode", "live");
    if (key != NULL)
        fake_config(a, key, value);
    begin_trading();
}

START_TEST(a_live_key_that_works_from_any_address_or_is_of_another_account_enters_nothing)
{
    begin_with(NULL, NULL);
    ck_assert(x->protect_ready && !x->trade_ready);
    ck_assert_ptr_nonnull(strstr(fake_degraded(a, "key", "KEY_RIGHTS")->text, "allow_any_ip"));
    ck_assert_ptr_null(fake_degraded(a, "key", "KEY_CHANGED"));
    fv_ip_list = "192.0.2.10";
    pass(10000);
    ck_assert(x->trade_ready);
    end();
    fv_ip_list = NULL;
    begin_with("allow_any_ip", "true");
    ck_assert(x->trade_ready);
    end();
    fv_ip_list = "192.0.2.10";
    begin_with("sub_account", "small");
    ck_assert(!x->trade_ready);
    fv_sub_name = "small";
    pass(10000);
    ck_assert(x->trade_ready);
    end();
    begin_with("account_url", "http://spot");
    ck_assert(x->trade_ready);
    ck_assert_str_eq(fv.options.base_url, "http://spot");
    end();
}
END_TEST

START_TEST(a_venue_that_does_not_say_what_the_key_may_is_traded_on_only_when_it_did_before)
{
    begin();
    fake_fault("GET", "/api/v1/user/api-key", VENUE_REFUSED, 500, "500000", false, 1);
    pass(11 * 60 * 1000);
    ck_assert(x->trade_ready);
    crash();
    fake_fault("GET", "/api/v1/user/api-key", VENUE_REFUSED, 500, "500000", false, 1000);
    begin_trading();
    ck_assert(x->protect_ready && !x->trade_ready);
    ck_assert_ptr_nonnull(fake_degraded(a, "key", "KEY_RIGHTS"));
    fv.faults[0].times = 0;
    pass(10000);
    ck_assert(x->trade_ready);
    ck_assert_ptr_null(fake_degraded(a, "key", "KEY_RIGHTS"));
    end();
}
END_TEST

/* Domain 6, test 16. */
START_TEST(a_list_that_cannot_be_read_is_never_an_empty_one)
{
    begin();
    open_position();
    fake_fault("GET", "/api/v1/positions", VENUE_UNKNOWN, 200, "", false, 100);
    pass(20000);
    ck_assert_int_eq(trade()->pnl.qty, 4);
    ck_assert(x->trade_ready);                  /* nothing was seen that differs */
    end();
}
END_TEST

START_TEST(an_orphaned_stop_is_cancelled_when_the_symbol_is_proved_flat)
{
    begin();
    struct fv_order *o = fv_new("XBTUSDTM");
    TEXT_COPY(o->side, "sell");
    TEXT_COPY(o->stop, "down");
    TEXT_COPY(o->stop_px, "50");
    o->whole = o->rests_untriggered = true;
    reads_begin(x);
    fake_settle();
    ck_assert(o->active);                       /* one read proves nothing */
    pass(12000);
    ck_assert(!o->active);
    pass(3000);
    ck_assert(x->trade_ready);
    end();
}
END_TEST

START_TEST(an_entry_of_ours_that_the_books_forgot_is_cancelled_and_a_foreign_order_left_alone)
{
    uint8_t id[16] = {9};
    begin();
    struct fv_order *ours = fv_new("XBTUSDTM"), *hers = fv_new("XBTUSDTM");
    token_cl_ord_id(id, LEG_ENTRY, 1, ours->oid);
    TEXT_COPY(ours->side, "buy");
    TEXT_COPY(hers->side, "buy");
    TEXT_COPY(hers->oid, "by-hand");
    ours->size = hers->size = 5;
    pass(12000);
    ck_assert(!ours->active);
    ck_assert(hers->active);
    ck_assert(!x->trade_ready);
    ck_assert_ptr_nonnull(fake_degraded(a, "exchange", "FOREIGN_ORDER"));
    hers->active = false;
    pass(8000);
    ck_assert(x->trade_ready);
    end();
}
END_TEST

START_TEST(a_stop_of_somebody_else_beside_ours_is_foreign_and_never_counts_as_protection)
{
    begin();
    open_position();
    struct fv_order *hers = fv_new("XBTUSDTM");
    TEXT_COPY(hers->oid, "by-hand");
    TEXT_COPY(hers->side, "sell");
    TEXT_COPY(hers->stop, "down");
    TEXT_COPY(hers->stop_px, "50");
    hers->whole = hers->rests_untriggered = true;
    pass(12000);
    ck_assert(hers->active);
    ck_assert_int_eq(fv_count("stop"), 2);
    for (int i = 0; i < BOOKS_ORDERS; i++)
        ck_assert(!dec_eq(x->books.orders[i].o.stop_px, dec_int(50)));
    ck_assert(!x->trade_ready);
    ck_assert_ptr_nonnull(fake_degraded(a, "exchange", "FOREIGN_ORDER"));
    end();
}
END_TEST

START_TEST(a_margin_mode_changed_by_hand_is_said_and_set_back)
{
    begin();
    open_position();
    fv.margin_mode = "CROSS";
    reads_begin(x);
    fake_settle();
    ck_assert(x->trade_ready);                  /* one read proves nothing */
    fake_fault("POST", "/api/v2/position", VENUE_UNKNOWN, 500, "", false, 1);
    for (int i = 0; i < 40 && x->trade_ready; i++)
        pass(250);
    ck_assert(!x->trade_ready);
    ck_assert_ptr_nonnull(fake_degraded(a, "exchange", "MARGIN_MODE"));
    ck_assert_int_eq(trade()->pnl.qty, 4);      /* the position stays */
    pass(15000);
    ck_assert_ptr_null(fv.margin_mode);
    ck_assert(x->trade_ready);
    ck_assert_ptr_null(fake_degraded(a, "exchange", "MARGIN_MODE"));
    end();
}
END_TEST

START_TEST(a_position_that_is_liquidated_before_its_stop_is_closed)
{
    begin();
    open_position();
    fv.liquidation_px = "97.9";
    pass(12000);
    ck_assert_int_eq(trade()->closing, EXIT_NONE);
    fv.liquidation_px = "98";                   /* where the stop is */
    pass(12000);
    ck_assert_int_eq(trade()->closing, EXIT_EMERGENCY);
    ck_assert(fill_exits("99"));
    pass(5000);
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

START_TEST(a_mode_changed_while_flat_is_seen_within_a_minute_and_set_back)
{
    begin();
    fv.margin_mode = "CROSS";
    fv.hedged = 1;
    int64_t posts = fv.posts;
    pass(62000);
    ck_assert_int_ge(fv.posts - posts, 2);
    ck_assert_ptr_null(fv.margin_mode);
    ck_assert_int_eq(fv.hedged, 0);
    pass(5000);
    approve();
    fake_settle();
    ck_assert_ptr_nonnull(trade());
    end();
}
END_TEST

START_TEST(a_list_of_more_pages_than_one_is_no_list)
{
    begin();
    fv.pages = 2;
    int generation = x->reads.generation;
    pass(12000);
    ck_assert_int_gt(x->reads.generation, generation);
    ck_assert_int_eq(x->reads.clean_ns, 0);
    crash();
    execution_start(a);
    execution_warm(a);
    pass(10000);
    ck_assert(!x->protect_ready);
    fv.pages = 1;
    pass(10000);
    ck_assert(x->protect_ready);
    end();
}
END_TEST

START_TEST(fills_are_read_in_spans_the_venue_takes_however_long_ago_the_last_one_was)
{
    begin();
    open_position();
    crash();
    a->now_ns += 20 * NS_PER_DAY;
    begin_trading();
    ck_assert_int_ge(x->books.fills_ns, a->now_ns - 7 * NS_PER_DAY);
    ck_assert_int_eq(trade()->pnl.qty, 4);
    end();
}
END_TEST

/* The entry's trigger fires before any list showed it, and the queries of orders lag behind the fills. */
START_TEST(a_fill_whose_order_is_not_found_yet_waits_for_it)
{
    struct fv_order hers = {.id = 777, .symbol = "ETHUSDTM", .side = "buy"};
    begin();
    approve();
    fake_settle();
    fv_row(&hers, 3, "100", "0", "trade");      /* of another symbol: holds nothing up here */
    fv_fill_quietly(fv_find("entry", 0), 4, "100", "0.0002");
    struct fv_order *stop = fv_find("stop", 0);
    stop->hidden = true;
    fv_fill_quietly(stop, 4, "98", "0.0002");
    fake_fault("GET", "/api/v1/orders/", VENUE_UNKNOWN, 0, "", false, 2);      /* and some are not answered */
    reads_fills(x);
    fake_settle();
    pass(4000);
    ck_assert_ptr_nonnull(trade());
    ck_assert_int_eq(trade()->pnl.qty, 4);
    ck_assert_ptr_null(closed());
    stop->hidden = false;
    pass(1500);
    ck_assert_ptr_nonnull(closed());
    ck_assert_str_eq(closed()->exit_reason, "STOP_LOSS");
    ck_assert_int_eq(fake_count(a, MSG_ORDER_FILLED), 2);
    ck_assert_int_eq(x->corrected, 0);
    ck_assert_int_eq(x->foreign, 0);
    pass(12000);
    ck_assert(x->trade_ready);
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

START_TEST(fills_that_are_nobodys_malformed_or_too_late_change_nothing)
{
    struct fv_order hers = {.id = 777, .symbol = "XBTUSDTM", .side = "buy"};
    begin();
    fv_row(&hers, 3, "100", "0", "trade");
    reads_fills(x);
    fake_settle();
    pass(1000);
    ck_assert(!books_seen(&x->books, books_key("foreign", "777", "")));
    pass(11000);                                /* the venue does not know the order, and had time to */
    ck_assert(books_seen(&x->books, books_key("foreign", "777", "")));
    fv_row(&hers, 3, "100", "0", "trade");      /* known by now: not asked for again */
    strcat(fv.fill_rows, ",{\"tradeId\":\"X\"}");
    fv.fill_pages = 2;                          /* the same rows twice */
    reads_fills(x);
    fake_settle();
    ck_assert_ptr_null(trade());
    fv.fill_pages = 1;
    open_position();
    struct fv_order *stop = fv_find("stop", 0);
    fv_fill(stop, 4, "98");
    pass(5000);
    ck_assert_ptr_null(trade());
    size_t told = fake_count(a, MSG_ORDER_FILLED);
    fv_row(stop, 2, "98", "0", "trade");        /* of an order whose trade is over */
    reads_fills(x);
    fake_settle();
    ck_assert_uint_eq(fake_count(a, MSG_ORDER_FILLED), told);
    ck_assert_ptr_null(fold_order(x, NULL, NULL));
    end();
}
END_TEST

START_TEST(a_leg_without_a_number_left_is_not_placed_and_breaks_nothing)
{
    begin();
    open_position();
    for (int leg = 0; leg < LEG_COUNT; leg++)
        trade()->legs[leg] = TOKEN_CL_ORD_MAX;
    struct fv_order *venues = fv_new("XBTUSDTM");       /* a stop of the venue's own that would be adopted */
    TEXT_COPY(venues->side, "sell");
    TEXT_COPY(venues->stop, "down");
    venues->whole = venues->rests_untriggered = true;
    int64_t posts = fv.posts;
    struct fv_order liquidated = {.id = 778, .symbol = "XBTUSDTM", .side = "sell"};
    fv_row(&liquidated, 1, "60", "0", "liquid");
    operator_says(VERB_CLOSE);
    *fv_held("XBTUSDTM") = 2;
    pass(12000);
    struct fv_order *stop = fv_find("stop", 0);         /* it goes too, and no other can be placed */
    stop->active = false;
    stop->cancelled = true;
    fv_tell_order(stop, "canceled");
    pass(2000);
    ck_assert_int_eq(fv.posts, posts);
    ck_assert_int_eq(trade()->pnl.qty, 4);
    ck_assert(!x->trade_ready);
    fold_correction(x, &x->symbols[1]);         /* nothing is held there */
    end();
}
END_TEST

START_TEST(a_key_that_is_refused_is_said_with_orders_and_with_lists)
{
    begin();
    fake_fault("POST", "/api/v1/st-orders", VENUE_REFUSED, 401, "400003", false, 1);
    approve();
    fake_settle();
    ck_assert_ptr_nonnull(fake_degraded(a, "exchange", "CREDENTIALS"));
    ck_assert_int_eq(said(MSG_ORDER_REJECTED, 0)->status, STATUS_REJECTED);
    agent_degraded_clear(a, "exchange", "CREDENTIALS");
    fake_fault("GET", "/api/v1/orders?", VENUE_REFUSED, 401, "400005", false, 2);
    pass(6000);
    ck_assert_ptr_nonnull(strstr(fake_degraded(a, "exchange", "CREDENTIALS")->text, "open: nothing"));
    pass(10000);                                /* taken again: over */
    ck_assert_ptr_null(fake_degraded(a, "exchange", "CREDENTIALS"));
    end();
}
END_TEST

START_TEST(an_exit_refused_because_nothing_is_open_reads_the_fills)
{
    begin();
    open_position();
    operator_says(VERB_CLOSE);
    fake_fault("POST", "/api/v1/orders", VENUE_REFUSED, 200, "300009", false, 1);
    fv_fill_quietly(fv_find("stop", 0), 4, "98", "0.0002");
    pass(1000);
    pass(6000);
    ck_assert_ptr_null(trade());
    ck_assert_str_eq(closed()->exit_reason, "STOP_LOSS");
    end();
}
END_TEST

/* An answer may come when the order has long moved on. */
START_TEST(answers_that_are_too_late_change_nothing)
{
    static const struct { enum venue_outcome outcome; const char *code; } late[] = {
        {VENUE_REFUSED, "300003"}, {VENUE_UNKNOWN, ""}, {VENUE_OK, ""},
    };
    for (int i = 0; i < 3; i++) {
        begin();
        if (late[i].outcome != VENUE_OK)
            fake_fault("POST", "/api/v1/st-orders", late[i].outcome, 200, late[i].code, true, 1);
        approve();
        fv.effects[fv.effects_head].fn(a, fv.effects[fv.effects_head].arg);
        fv.effects_head++;
        struct exec_order *o = books_order(&x->books, trade()->entry_id);
        o->o.status = STATUS_NEW;               /* the stream was faster */
        TEXT_COPY(o->o.order_id, "1001");
        if (late[i].outcome == VENUE_OK)
            memset(o, 0, sizeof *o);            /* or the order is forgotten */
        fake_settle();
        ck_assert_uint_eq(fake_count(a, MSG_ORDER_REJECTED) + fake_count(a, MSG_ORDER_UNKNOWN), 0);
        ck_assert(late[i].outcome == VENUE_OK || o->o.status == STATUS_NEW);
        end();
    }
}
END_TEST

START_TEST(what_was_queued_for_an_order_that_moved_on_does_not_leave)
{
    begin();
    approve();
    struct exec_order *o = books_order(&x->books, trade()->entry_id);
    o->o.status = STATUS_DEAD;
    fake_settle();
    ck_assert_int_eq(fv.n_orders, 0);
    o->o.status = STATUS_NEW;
    exec_cancel(x, o, false);
    exec_query(x, o);
    o->o.status = STATUS_CANCELLED;
    fv.effects[fv.effects_head].fn(a, fv.effects[fv.effects_head].arg);
    fv.effects_head++;
    memset(o, 0, sizeof *o);
    fake_settle();
    ck_assert_int_eq(fv.deletes, 0);
    ck_assert_int_eq(x->reads.looking, 0);
    end();
}
END_TEST

START_TEST(an_order_whose_id_was_never_told_is_cancelled_by_its_own)
{
    begin();
    approve();
    fake_settle();
    books_order(&x->books, trade()->entry_id)->o.order_id[0] = '\0';
    operator_says(VERB_CLOSE);
    pass(1000);
    ck_assert_ptr_null(fv_find("entry", 0));
    ck_assert(fv.orders[0].cancelled);
    end();
}
END_TEST

START_TEST(more_strangers_than_can_be_noted_are_as_bad_as_those_that_are)
{
    begin();
    for (int i = 0; i < EXEC_STRANGERS + 5; i++) {
        struct fv_order *hers = fv_new("XBTUSDTM");
        TEXT_COPY(hers->side, "buy");
        snprintf(hers->oid, sizeof hers->oid, "hers-%d", i);
    }
    pass(9000);
    ck_assert(!x->trade_ready);
    ck_assert_ptr_nonnull(fake_degraded(a, "exchange", "FOREIGN_ORDER"));
    ck_assert_int_eq(fv_count("entry"), EXEC_STRANGERS + 5);
    end();
}
END_TEST

START_TEST(an_older_list_takes_no_fill_back)
{
    begin();
    for (int64_t filled = 4; filled >= 2; filled -= 2) {
        approve_as(filled == 4 ? "XBTUSDTM" : "ETHUSDTM", SIDE_BUY, 4);
        fake_settle();
        struct fv_order *entry = fv_find("entry", 0);
        reads_begin(x);         /* answered now, delivered late */
        fv_fill_quietly(entry, filled, "100", "0.0002");
        entry->active = false;
        entry->cancelled = filled < 4;
        fv_tell_order(entry, filled < 4 ? "canceled" : "filled");
        fake_settle();
        pass(500);
        struct trade *t = books_trade(&x->books, entry->symbol);
        ck_assert_ptr_nonnull(t);
        ck_assert_int_eq(t->pnl.qty, filled);
    }
    pass(9000);
    ck_assert(x->trade_ready);
    end();
}
END_TEST

START_TEST(a_close_that_the_venue_made_smaller_is_told_as_filled_whole)
{
    begin();
    open_position();
    fv.cuts = true;
    struct fv_order *tp = NULL;
    for (int i = 0; tp == NULL || tp->whole; i++)
        ck_assert_ptr_nonnull(tp = fv_find("target", i));
    int64_t left = 4 - tp->size;
    fv_fill_quietly(tp, tp->size, "102.4", "0.0002");
    operator_says(VERB_CLOSE);          /* of the 4 that we know of */
    struct fv_order *close = fv_find("exit", 0);
    ck_assert_ptr_nonnull(close);
    ck_assert_int_eq(close->size, left);
    fv_fill_quietly(close, left, "102", "0.0002");
    reads_fills(x);                     /* before anybody says how large it is */
    fake_settle();
    pass(500);
    const struct sub_order *o = said(MSG_ORDER_FILLED, 2);
    ck_assert_ptr_nonnull(o);
    ck_assert_int_eq(o->leg, LEG_EXIT);
    ck_assert_int_eq(o->status, STATUS_FILLED);
    ck_assert_int_eq(o->qty, left);
    ck_assert_ptr_nonnull(closed());
    end();
}
END_TEST

static void all_closes_and_nothing_was_corrected(void)
{
    while (fill_exits("98"))
        pass(500);
    pass(6000);
    ck_assert_ptr_null(trade());
    ck_assert_int_eq(x->corrected, 0);
}

/* The entry's rest is filled between a close that was made smaller and that close's last fill. */
START_TEST(a_close_made_smaller_is_told_as_filled_whole_though_something_is_held_after_it)
{
    begin();
    approve();
    fake_settle();
    struct fv_order *entry = fv_find("entry", 0);
    fv_fill(entry, 3, "100");
    fv.cuts = true;
    fv_fill_quietly(fv_find("stop", 0), 1, "98", "0.0002");
    fake_fault("DELETE", "/api/v1/orders", VENUE_UNKNOWN, 0, "", false, 4);
    operator_says(VERB_CLOSE);          /* of the 3 that we know of */
    struct fv_order *close = fv_find("exit", 0);
    ck_assert_ptr_nonnull(close);
    ck_assert_int_eq(close->size, 2);
    ck_assert(entry->active);
    fv_fill_quietly(entry, 1, "100", "0.0002");
    fv_fill_quietly(close, 2, "98", "0.0002");
    reads_fills(x);
    fake_settle();
    pass(500);
    const struct sub_order *o = NULL;
    for (size_t i = 0; (o = said(MSG_ORDER_FILLED, i)) != NULL && o->leg != LEG_EXIT; i++)
        ;
    ck_assert_ptr_nonnull(o);
    ck_assert_int_eq(o->status, STATUS_FILLED);
    ck_assert_int_eq(o->qty, 2);
    all_closes_and_nothing_was_corrected();
    end();
}
END_TEST

/* Fills are kept for longer than orders: after a long time away the order may be gone for good. */
START_TEST(a_part_of_a_close_whose_order_the_venue_forgot_is_booked_all_the_same)
{
    begin();
    open_position();
    operator_says(VERB_CLOSE);
    struct fv_order *close = fv_find("exit", 0);
    ck_assert_ptr_nonnull(close);
    close->hidden = true;
    fv_fill_quietly(close, 1, "98", "0.0002");
    close->active = false;
    reads_fills(x);
    fake_settle();
    pass(5000);
    ck_assert_int_eq(trade()->pnl.qty, 4);      /* it may be that the order is found yet */
    pass(15000);
    ck_assert_int_eq(trade()->pnl.qty, 3);
    all_closes_and_nothing_was_corrected();
    end();
}
END_TEST

START_TEST(flat_is_proved_only_by_an_answer_and_against_it)
{
    begin();
    open_position();
    fake_fault("GET", "/api/v1/fills", VENUE_UNKNOWN, 500, "", false, 1000);
    fake_fault("GET", "/api/v1/position?", VENUE_UNKNOWN, 500, "", false, 3);
    *fv_held("XBTUSDTM") = 0;
    pass(8000);
    ck_assert_int_eq(trade()->pnl.qty, 4);      /* two lists, no answer of the symbol's own */
    fv.faults[1].times = 0;
    pass(8000);
    ck_assert_int_eq(trade()->pnl.qty, 4);      /* a fill that was not read yet may explain it */
    fv.faults[0].times = 0;
    pass(12000);
    ck_assert_ptr_null(trade());
    end();
}
END_TEST

START_TEST(a_start_with_a_venue_that_does_not_tell_its_contracts_goes_on_asking)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-exec-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    memset(&fv, 0, sizeof fv);
    begin_agent();
    reads_timer(x);                             /* there is no venue yet */
    fake_fault("GET", "/api/v1/contracts/active", VENUE_UNKNOWN, 500, "", false, 3);
    execution_start(a);
    execution_warm(a);
    pass(250);
    ck_assert(!x->protect_ready);
    reads_begin(x);
    reads_timer(x);                             /* one is under way: nothing begins */
    pass(5000);
    ck_assert(x->protect_ready);
    end();
}
END_TEST

START_TEST(a_whole_trade_survives_a_crash_at_every_step)
{
    begin();
    approve();
    crash();                                    /* 1: before it left: dead by proof */
    begin_trading();
    pass(12000);
    ck_assert_ptr_null(trade());
    approve();
    fake_settle();
    crash();                                    /* 2: resting */
    begin_trading();
    fv_fill(fv_find("entry", 0), 2, "100");
    crash();                                    /* 3: half filled */
    fv_fill_quietly(fv_find("entry", 0), 2, "101", "0.0002");
    begin_trading();
    ck_assert_int_eq(trade()->pnl.qty, 4);
    ck_assert_int_eq(fv_count("stop"), 1);
    ck_assert_int_eq(fv_count("target"), 2);
    operator_says(VERB_FLATTEN);
    crash();                                    /* 4: closing */
    begin_trading();
    while (fill_exits("102"))
        pass(500);
    pass(1000);
    ck_assert_ptr_null(trade());
    ck_assert_ptr_nonnull(closed());
    ck_assert_str_eq(closed()->exit_reason, "FLATTEN");
    ck_assert(dec_eq(closed()->gross_pnl, dec_lit("0.006")));
    ck_assert_int_eq(fv_count("stop") + fv_count("target"), 0);
    end();
}
END_TEST

START_TEST(another_configuration_counts_at_once_and_what_the_signer_refuses_needs_another_signer)
{
    begin();
    fake_config(a, "time_stop_bars", "7");
    fake_config(a, "max_leverage", "10");
    execution_configured(a);
    ck_assert_int_eq(x->params.time_stop_bars, 7);
    ck_assert_int_eq(fv.signer.max_leverage, 10);
    ck_assert(fv.signer.config_hash != 0 && !a->restarting);
    fake_config(a, "max_leverage", "12");
    execution_configured(a);
    ck_assert(a->restarting);
    end();
}
END_TEST

TESTS("execution", another_configuration_counts_at_once_and_what_the_signer_refuses_needs_another_signer,
      a_key_that_may_transfer_enters_nothing_and_protects_all_the_same,
      a_live_key_that_works_from_any_address_or_is_of_another_account_enters_nothing,
      a_venue_that_does_not_say_what_the_key_may_is_traded_on_only_when_it_did_before,
      a_stop_file_that_was_there_before_the_start_lets_nothing_in,
      volatility_twice_that_of_the_entry_closes_the_position,
      volatility_abstains_while_bars_are_missing_and_asks_for_them, an_entry_that_did_not_leave_is_dead_and_risk_hears_it,
      a_crash_between_intent_and_send_ends_dead_by_proof,
      an_order_that_is_proved_absent_after_a_crash_does_not_hold_up_the_others, an_entry_that_timed_out_but_arrived_is_found_by_its_own_id,
      an_order_whose_answer_was_lost_is_told_as_placed_when_its_fill_is_the_first_sign,
      an_order_whose_answer_was_lost_is_told_as_placed_when_its_end_is_the_first_sign,
      absence_counts_by_the_venues_clock_and_only_twice,
      fills_that_could_not_be_read_are_read_again_until_absence_is_proved,
      an_order_that_appears_after_its_proved_absence_is_cancelled,
      an_order_that_vanishes_counts_as_cancelled_and_a_stop_is_replaced,
      a_partial_fill_is_covered_at_once_and_the_rest_is_cancelled_in_time,
      a_partial_fill_without_its_attached_stop_gets_one, what_is_left_of_an_entry_goes_when_the_position_is_closed,
      a_fill_of_the_entry_after_the_close_is_taken_over_and_closed, a_cancel_that_got_lost_is_sent_again,
      with_a_guard_lost_no_entry_rests_and_positions_are_protected_and_closed_all_the_same,
      an_approval_that_expired_or_was_changed_places_nothing, an_approval_is_refused_by_whatever_stands_in_its_way,
      the_first_target_moves_the_stop_to_break_even_with_fees, paused_the_stop_rises_time_closes_and_flatten_works,
      each_exit_rule_is_on_or_off_by_configuration, a_new_stop_rests_before_the_old_one_goes,
      a_first_target_that_does_not_rest_is_taken_at_market_and_again_when_it_did_not_leave,
      a_first_target_refused_at_market_leaves_the_position_with_its_stop_at_break_even,
      a_kernel_that_cannot_confine_the_signer_is_said_and_trades_all_the_same,
      an_entry_filled_beyond_its_stop_is_closed_at_once,
      a_close_that_came_before_the_market_had_a_time_gets_one,
      a_stop_that_cannot_be_raised_is_kept_by_execution_itself,
      the_stop_still_moves_after_more_than_a_hundred_moves, a_position_whose_stop_cannot_be_placed_is_closed,
      an_outage_uses_up_no_numbers_and_does_not_close, a_close_goes_by_ioc_and_falls_to_market_reduce_only,
      more_than_the_venue_takes_at_once_is_closed_in_slices,
      an_emergency_closes_every_symbol_and_tries_again_until_it_is_done,
      the_stop_file_alone_closes_everything_while_the_bus_is_dead,
      an_orderly_end_keeps_positions_with_their_stops, an_orderly_end_that_flattens_waits_until_all_is_closed,
      nothing_is_entered_after_an_emergency_that_the_orchestrator_did_not_hear,
      funding_told_by_the_stream_and_the_list_counts_once,
      funding_settled_while_execution_was_down_enters_the_trade_that_ended_then,
      a_trade_ends_without_its_funding_when_nobody_tells_it, a_liquidation_is_booked_with_its_fills,
      a_foreign_position_is_said_and_blocks_every_entry_until_it_is_gone, lots_added_by_hand_leave_ours_as_they_are,
      a_position_halved_by_hand_is_taken_over_and_said, a_position_closed_by_hand_ends_its_trade_and_its_orders,
      fills_read_before_the_contracts_explain_what_is_held_when_they_are_known,
      a_position_turned_round_by_hand_is_closed_in_the_books_and_foreign,
      two_reads_agree_whatever_a_fill_overtook_between_them, one_list_that_lags_changes_nothing,
      a_list_that_cannot_be_read_is_never_an_empty_one,
      an_orphaned_stop_is_cancelled_when_the_symbol_is_proved_flat,
      an_entry_of_ours_that_the_books_forgot_is_cancelled_and_a_foreign_order_left_alone,
      a_stop_of_somebody_else_beside_ours_is_foreign_and_never_counts_as_protection,
      a_margin_mode_changed_by_hand_is_said_and_set_back, a_position_that_is_liquidated_before_its_stop_is_closed,
      a_mode_changed_while_flat_is_seen_within_a_minute_and_set_back, a_list_of_more_pages_than_one_is_no_list,
      fills_are_read_in_spans_the_venue_takes_however_long_ago_the_last_one_was,
      a_fill_whose_order_is_not_found_yet_waits_for_it,
      fills_that_are_nobodys_malformed_or_too_late_change_nothing,
      a_leg_without_a_number_left_is_not_placed_and_breaks_nothing,
      a_key_that_is_refused_is_said_with_orders_and_with_lists,
      an_exit_refused_because_nothing_is_open_reads_the_fills, answers_that_are_too_late_change_nothing,
      what_was_queued_for_an_order_that_moved_on_does_not_leave,
      an_order_whose_id_was_never_told_is_cancelled_by_its_own,
      more_strangers_than_can_be_noted_are_as_bad_as_those_that_are, an_older_list_takes_no_fill_back,
      a_close_that_the_venue_made_smaller_is_told_as_filled_whole,
      a_close_made_smaller_is_told_as_filled_whole_though_something_is_held_after_it,
      a_part_of_a_close_whose_order_the_venue_forgot_is_booked_all_the_same,
      flat_is_proved_only_by_an_answer_and_against_it,
      a_start_with_a_venue_that_does_not_tell_its_contracts_goes_on_asking,
      a_whole_trade_survives_a_crash_at_every_step)
