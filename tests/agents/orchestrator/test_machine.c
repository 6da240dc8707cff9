/* The system's states: the whole table, cell by cell, and what a start-up or a release leads to. */
#include "tests/runner.h"

#include "agents/orchestrator/machine.h"
#include "proto/err.h"

enum { NO = -1, I = SYS_INITIALIZING, R = SYS_READY, T = SYS_TRADING, P = SYS_PAUSED, E = SYS_EMERGENCY_STOP,
       S = SYS_SHUTDOWN };

/* Written from the drawing in machine.h and the operator's verbs, not from the code's table. */
static const int expected[SYS_COUNT][EV_COUNT] = {
    /*      STARTED BEGIN RESUME PAUSE STOP FLATTEN HOLD RELEASE EMERGENCY ACKNOWLEDGE SHUTDOWN */
    [I] = { R,      NO,   NO,    NO,   NO,  NO,     NO,  NO,     E,        NO,         S },
    [R] = { NO,     T,    T,     NO,   R,   P,      NO,  NO,     E,        NO,         S },
    [T] = { NO,     NO,   NO,    P,    R,   P,      P,   NO,     E,        NO,         S },
    [P] = { NO,     NO,   T,     P,    R,   P,      NO,  T,      E,        NO,         S },
    [E] = { NO,     NO,   NO,    NO,   NO,  NO,     NO,  NO,     E,        R,          S },
    [S] = { NO,     NO,   NO,    NO,   NO,  NO,     NO,  NO,     NO,       NO,         NO },
};

START_TEST(each_state_takes_its_events_and_refuses_the_others)
{
    for (int state = 0; state < SYS_COUNT; state++) {
        for (int ev = 0; ev < EV_COUNT; ev++) {
            const enum system_state untouched = (enum system_state)99;
            enum system_state to = untouched;
            int err = machine_next((enum system_state)state, (enum machine_event)ev, &to);
            const char *was = system_state_name((enum system_state)state);
            const char *on = machine_event_name((enum machine_event)ev);
            if (expected[state][ev] == NO) {
                ck_assert_msg(err == ERR_WRONG_STATE, "%s takes %s", was, on);
                ck_assert_msg(to == untouched, "%s on %s: written although refused", was, on);
            } else {
                ck_assert_msg(err == ERR_OK, "%s refuses %s", was, on);
                ck_assert_msg((int)to == expected[state][ev], "%s on %s leads to %s", was, on, system_state_name(to));
            }
        }
    }
}
END_TEST

START_TEST(only_ready_and_paused_lead_to_trading)
{
    for (int state = 0; state < SYS_COUNT; state++)
        for (int ev = 0; ev < EV_COUNT; ev++) {
            enum system_state to;
            if (machine_next((enum system_state)state, (enum machine_event)ev, &to) == ERR_OK && to == SYS_TRADING)
                ck_assert_msg(state == SYS_READY || state == SYS_PAUSED, "from %s on %s",
                              system_state_name((enum system_state)state), machine_event_name((enum machine_event)ev));
        }
}
END_TEST

START_TEST(an_emergency_ends_only_by_the_operator_and_never_in_trading)
{
    for (int ev = 0; ev < EV_COUNT; ev++) {
        enum system_state to;
        if (machine_next(SYS_EMERGENCY_STOP, (enum machine_event)ev, &to) < 0)
            continue;
        ck_assert_int_ne(to, SYS_TRADING);
        ck_assert_int_ne(to, SYS_PAUSED);
        if (to == SYS_READY)
            ck_assert_int_eq(ev, EV_ACKNOWLEDGE);
    }
}
END_TEST

START_TEST(every_event_has_a_name_of_its_own)
{
    for (int i = 0; i < EV_COUNT; i++) {
        ck_assert_ptr_nonnull(machine_event_name((enum machine_event)i));
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(machine_event_name((enum machine_event)i), machine_event_name((enum machine_event)k));
    }
}
END_TEST

START_TEST(trading_is_wanted_unless_the_operators_last_word_or_the_latch_forbids_it)
{
    static const bool wants[VERB_COUNT] = {
        [VERB_PAUSE] = false,   [VERB_RESUME] = true,     [VERB_STOP] = false,   [VERB_FLATTEN] = false,
        [VERB_CLOSE] = true,    [VERB_EMERGENCY] = false, [VERB_RESTART] = true, [VERB_SHUTDOWN] = true,
    };
    for (int verb = 0; verb < VERB_COUNT; verb++) {
        ck_assert_msg(machine_wants_trading(true, (enum verb)verb, false) == wants[verb], "%s",
                      verb_name((enum verb)verb));
        ck_assert(machine_wants_trading(false, (enum verb)verb, false));    /* he has not spoken yet */
        ck_assert(!machine_wants_trading(true, (enum verb)verb, true));
        ck_assert(!machine_wants_trading(false, (enum verb)verb, true));
    }
}
END_TEST

TESTS("machine", each_state_takes_its_events_and_refuses_the_others, only_ready_and_paused_lead_to_trading,
      an_emergency_ends_only_by_the_operator_and_never_in_trading, every_event_has_a_name_of_its_own,
      trading_is_wanted_unless_the_operators_last_word_or_the_latch_forbids_it)
