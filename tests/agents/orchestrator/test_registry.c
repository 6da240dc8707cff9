/* Who is there, whose turn it is, who restarts too often. */
#include "tests/runner.h"

#include <string.h>

#include "agents/orchestrator/registry.h"
#include "proto/tm.h"

#define T0   (100 * NS_PER_S)
#define DEAD (1500 * NS_PER_MS)

static struct registry r;

static int64_t hear_at(enum party who, enum life life, int64_t epoch, int64_t now_ns)
{
    const struct msg_agent_hb hb = {.life = life, .pid = 1000 + (int)who};
    return registry_heartbeat(&r, who, &hb, epoch, now_ns);
}

static void all_at(enum life life, int64_t now_ns)
{
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        hear_at((enum party)i, life, 1, now_ns);
}

static void begin(void)
{
    registry_init(&r, AGENT_ORCHESTRATOR, T0);
}

START_TEST(turns_are_given_in_the_order_of_the_design)
{
    static const enum party order[] = {AGENT_AUDIT, AGENT_DATA, AGENT_SIGNAL, AGENT_RISK, AGENT_EXECUTION, AGENT_OPTIMIZER};
    begin();
    all_at(LIFE_REGISTERED, T0);
    for (int k = 0; k < 6; k++) {
        registry_update(&r, DEAD, T0);
        for (int i = 0; i < 6; i++)
            ck_assert_msg(r.members[order[i]].turn == (i <= k), "%s with %d ready", party_name(order[i]), k);
        ck_assert(!registry_all_ready(&r));
        hear_at(order[k], LIFE_READY, 1, T0);
    }
    ck_assert(registry_all_ready(&r));
}
END_TEST

START_TEST(warming_and_draining_are_not_ready_active_is)
{
    static const bool ready[LIFE_COUNT] = {[LIFE_READY] = true, [LIFE_ACTIVE] = true};
    for (int life = 0; life < LIFE_COUNT; life++) {
        begin();
        all_at(LIFE_ACTIVE, T0);
        hear_at(AGENT_RISK, (enum life)life, 1, T0);
        ck_assert_msg(registry_all_ready(&r) == ready[life], "%s", life_name((enum life)life));
    }
}
END_TEST

START_TEST(the_orchestrator_does_not_wait_for_itself)
{
    begin();
    all_at(LIFE_ACTIVE, T0);
    hear_at(AGENT_ORCHESTRATOR, LIFE_STARTING, 1, T0);
    registry_update(&r, DEAD, T0 + 100 * DEAD);
    ck_assert_int_ne(r.members[AGENT_ORCHESTRATOR].life, LIFE_DOWN);
    all_at(LIFE_ACTIVE, T0 + 100 * DEAD);
    hear_at(AGENT_ORCHESTRATOR, LIFE_STARTING, 1, T0);
    ck_assert(registry_all_ready(&r));
    ck_assert_int_eq(registry_missing(&r, 0, T0 + 200 * DEAD), AGENT_COUNT);
}
END_TEST

START_TEST(one_is_down_only_after_longer_silence_than_allowed)
{
    begin();
    all_at(LIFE_ACTIVE, T0);
    registry_update(&r, DEAD, T0);
    ck_assert(!registry_update(&r, DEAD, T0 + DEAD));
    ck_assert(registry_all_ready(&r));
    ck_assert(registry_update(&r, DEAD, T0 + DEAD + 1));
    ck_assert_int_eq(r.members[AGENT_DATA].life, LIFE_DOWN);
    ck_assert(!registry_all_ready(&r));
    ck_assert(!registry_update(&r, DEAD, T0 + DEAD + 2));       /* told once */
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_ACTIVE, 1, T0 + DEAD + 3), 0);
    ck_assert_int_eq(r.members[AGENT_DATA].life, LIFE_ACTIVE);
}
END_TEST

START_TEST(a_turn_once_used_is_not_lost_when_the_one_before_dies)
{
    begin();
    all_at(LIFE_ACTIVE, T0);
    registry_update(&r, DEAD, T0);
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        if (i != AGENT_DATA)
            hear_at((enum party)i, LIFE_ACTIVE, 1, T0 + 2 * DEAD);
    registry_update(&r, DEAD, T0 + 2 * DEAD);
    ck_assert_int_eq(r.members[AGENT_DATA].life, LIFE_DOWN);
    ck_assert(r.members[AGENT_SIGNAL].turn);            /* it is ready and goes on */
    hear_at(AGENT_SIGNAL, LIFE_REGISTERED, 2, T0 + 2 * DEAD);
    registry_update(&r, DEAD, T0 + 2 * DEAD);
    ck_assert(!r.members[AGENT_SIGNAL].turn);           /* started anew it needs data */
    ck_assert(r.members[AGENT_DATA].turn);              /* which may come back at once */
}
END_TEST

START_TEST(names_the_one_that_has_not_been_ready_for_too_long)
{
    begin();
    all_at(LIFE_ACTIVE, T0);
    ck_assert_int_eq(registry_missing(&r, NS_PER_S, T0 + NS_PER_DAY), AGENT_COUNT);
    hear_at(AGENT_RISK, LIFE_WARMING, 1, T0 + NS_PER_S);
    ck_assert_int_eq(registry_missing(&r, NS_PER_S, T0 + 2 * NS_PER_S), AGENT_COUNT);
    hear_at(AGENT_RISK, LIFE_DRAINING, 1, T0 + 2 * NS_PER_S);   /* since then, not since now */
    ck_assert_int_eq(registry_missing(&r, NS_PER_S, T0 + 2 * NS_PER_S + 1), AGENT_RISK);
    hear_at(AGENT_RISK, LIFE_READY, 1, T0 + 3 * NS_PER_S);
    ck_assert_int_eq(registry_missing(&r, NS_PER_S, T0 + NS_PER_DAY), AGENT_COUNT);
}
END_TEST

START_TEST(one_that_never_came_is_missing_from_the_start)
{
    begin();
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        if (i != AGENT_OPTIMIZER)
            hear_at((enum party)i, LIFE_ACTIVE, 1, T0);
    ck_assert_int_eq(registry_missing(&r, NS_PER_S, T0 + NS_PER_S + 1), AGENT_OPTIMIZER);
}
END_TEST

START_TEST(a_higher_epoch_is_a_restart_the_first_one_is_not)
{
    begin();
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_ACTIVE, 7, T0), 0);
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_ACTIVE, 7, T0), 0);
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_STARTING, 8, T0), 1);
    ck_assert_int_eq(registry_restarts(&r, AGENT_DATA, NS_PER_S, T0), 1);
    ck_assert_int_eq(registry_restarts(&r, AGENT_RISK, NS_PER_S, T0), 0);
}
END_TEST

/* A process that dies before its first heartbeat, again and again, shows only in the epoch of the next. */
START_TEST(those_that_died_unheard_are_counted_too)
{
    begin();
    hear_at(AGENT_DATA, LIFE_ACTIVE, 1, T0);
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_STARTING, 7, T0 + 1), 6);
    ck_assert_int_eq(registry_restarts(&r, AGENT_DATA, NS_PER_S, T0 + 1), 6);
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_STARTING, 1000007, T0 + 2), 1000000);
    ck_assert_int_eq(registry_restarts(&r, AGENT_DATA, NS_PER_S, T0 + 2), RESTARTS_KEPT);
}
END_TEST

START_TEST(a_planned_restart_is_not_counted_the_one_after_it_is)
{
    begin();
    hear_at(AGENT_DATA, LIFE_ACTIVE, 1, T0);
    registry_planned(&r, AGENT_DATA);
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_STARTING, 2, T0), 0);
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_STARTING, 3, T0), 1);
    registry_planned(&r, AGENT_DATA);
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_STARTING, 5, T0), 1);     /* one asked for, one not */
    ck_assert_int_eq(registry_restarts(&r, AGENT_DATA, NS_PER_S, T0), 2);
}
END_TEST

START_TEST(only_restarts_within_the_window_count)
{
    begin();
    hear_at(AGENT_DATA, LIFE_ACTIVE, 1, T0);
    for (int i = 0; i < 5; i++)
        hear_at(AGENT_DATA, LIFE_STARTING, 2 + i, T0 + i * 10 * NS_PER_S);
    int64_t last = T0 + 40 * NS_PER_S;
    ck_assert_int_eq(registry_restarts(&r, AGENT_DATA, 60 * NS_PER_S, last), 5);
    ck_assert_int_eq(registry_restarts(&r, AGENT_DATA, 40 * NS_PER_S, last), 5);        /* the edge counts */
    ck_assert_int_eq(registry_restarts(&r, AGENT_DATA, 40 * NS_PER_S, last + 1), 4);
    ck_assert_int_eq(registry_restarts(&r, AGENT_DATA, 60 * NS_PER_S, last + 61 * NS_PER_S), 0);
    registry_restarted(&r, AGENT_ORCHESTRATOR, T0);                                     /* its own, told by it */
    ck_assert_int_eq(registry_restarts(&r, AGENT_ORCHESTRATOR, NS_PER_S, T0), 1);
}
END_TEST

START_TEST(an_older_epoch_and_a_stranger_change_no_count)
{
    begin();
    hear_at(AGENT_DATA, LIFE_ACTIVE, 5, T0);
    ck_assert_int_eq(hear_at(AGENT_DATA, LIFE_ACTIVE, 3, T0), 0);       /* its journal was replaced */
    ck_assert_int_eq(hear_at(AGENT_GUEST, LIFE_ACTIVE, 1, T0), 0);
    ck_assert_int_eq(registry_restarts(&r, AGENT_DATA, NS_PER_S, T0), 0);
}
END_TEST

START_TEST(the_view_tells_the_age_of_the_last_heartbeat)
{
    struct sub_agent_view v;
    begin();
    registry_view(&r, AGENT_DATA, T0, &v);
    ck_assert_int_eq(v.age_ms, -1);
    ck_assert_str_eq(v.name, "data");
    hear_at(AGENT_DATA, LIFE_ACTIVE, 1, T0);
    hear_at(AGENT_DATA, LIFE_WARMING, 2, T0);
    registry_view(&r, AGENT_DATA, T0 + 250 * NS_PER_MS, &v);
    ck_assert_int_eq(v.age_ms, 250);
    ck_assert_int_eq(v.restarts, 1);
    ck_assert_int_eq(v.pid, 1000 + AGENT_DATA);
    ck_assert_int_eq(v.life, LIFE_WARMING);
}
END_TEST

TESTS("registry", turns_are_given_in_the_order_of_the_design, warming_and_draining_are_not_ready_active_is,
      the_orchestrator_does_not_wait_for_itself, one_is_down_only_after_longer_silence_than_allowed,
      a_turn_once_used_is_not_lost_when_the_one_before_dies, names_the_one_that_has_not_been_ready_for_too_long,
      one_that_never_came_is_missing_from_the_start, a_higher_epoch_is_a_restart_the_first_one_is_not,
      those_that_died_unheard_are_counted_too, a_planned_restart_is_not_counted_the_one_after_it_is,
      only_restarts_within_the_window_count, an_older_epoch_and_a_stranger_change_no_count,
      the_view_tells_the_age_of_the_last_heartbeat)
