#include <string.h>

#include "agents/orchestrator/deadlock.h"
#include "proto/text.h"
#include "tests/runner.h"

static struct registry r;
static struct deadlock d;

static void begin(void)
{
    registry_init(&r, AGENT_ORCHESTRATOR, 0);
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        r.members[i].life = LIFE_ACTIVE;
}

static void waits(enum party who, enum party whom, const char *id, int64_t age_ms)
{
    struct msg_agent_hb *hb = &r.members[who].hb;
    struct sub_wait *w = &hb->waits[hb->waits_n++];
    *w = (struct sub_wait){.age_ms = age_ms};
    TEXT_COPY(w->id, id);
    TEXT_COPY(w->to, party_name(whom));
}

START_TEST(two_that_wait_for_each_other_are_found_and_the_youngest_question_named)
{
    begin();
    waits(AGENT_SIGNAL, AGENT_DATA, "old", 1700);
    ck_assert(!deadlock_find(&r, 1000, &d));
    waits(AGENT_DATA, AGENT_SIGNAL, "young", 1200);
    ck_assert(deadlock_find(&r, 1000, &d));
    ck_assert_int_eq(d.who, AGENT_DATA);
    ck_assert_str_eq(d.id, "young");
    ck_assert_ptr_nonnull(strstr(d.text, "data waits for signal"));
    ck_assert_ptr_nonnull(strstr(d.text, "signal waits for data"));
}
END_TEST

START_TEST(a_circle_of_all_is_found_behind_ways_that_lead_nowhere)
{
    begin();
    for (int i = 0; i < REGISTRY_AGENTS; i++) {
        waits((enum party)i, (enum party)((i + 2) % REGISTRY_AGENTS), "fresh", 10);
        waits((enum party)i, (enum party)((i + 1) % REGISTRY_AGENTS), i == 3 ? "young" : "old", i == 3 ? 1001 : 5000);
    }
    ck_assert(deadlock_find(&r, 1000, &d));
    ck_assert_int_eq(d.who, 3);
    ck_assert_str_eq(d.id, "young");
}
END_TEST

START_TEST(a_circle_reached_from_outside_does_not_blame_who_only_waits_for_it)
{
    begin();
    waits(AGENT_ORCHESTRATOR, AGENT_RISK, "outside", 1100);
    waits(AGENT_RISK, AGENT_EXECUTION, "a", 3000);
    waits(AGENT_EXECUTION, AGENT_RISK, "b", 2000);
    ck_assert(deadlock_find(&r, 1000, &d));
    ck_assert_str_eq(d.id, "b");
    ck_assert_ptr_null(strstr(d.text, "orchestrator"));
}
END_TEST

START_TEST(chains_short_waits_strangers_and_the_dead_are_no_deadlock)
{
    begin();
    waits(AGENT_SIGNAL, AGENT_DATA, "1", 5000);
    waits(AGENT_DATA, AGENT_RISK, "2", 5000);
    waits(AGENT_RISK, AGENT_EXECUTION, "3", 5000);
    waits(AGENT_EXECUTION, AGENT_GUEST, "4", 5000);
    ck_assert(!deadlock_find(&r, 1000, &d));
    waits(AGENT_EXECUTION, AGENT_SIGNAL, "5", 999);
    ck_assert(!deadlock_find(&r, 1000, &d));
    r.members[AGENT_EXECUTION].hb.waits[1].age_ms = 1000;
    ck_assert(deadlock_find(&r, 1000, &d));
    r.members[AGENT_RISK].life = LIFE_DOWN;
    ck_assert(!deadlock_find(&r, 1000, &d));
}
END_TEST

START_TEST(who_waits_for_himself_is_found)
{
    begin();
    waits(AGENT_AUDIT, AGENT_AUDIT, "self", 1500);
    ck_assert(deadlock_find(&r, 1000, &d));
    ck_assert_int_eq(d.who, AGENT_AUDIT);
}
END_TEST

TESTS("deadlock", two_that_wait_for_each_other_are_found_and_the_youngest_question_named,
      a_circle_of_all_is_found_behind_ways_that_lead_nowhere,
      a_circle_reached_from_outside_does_not_blame_who_only_waits_for_it,
      chains_short_waits_strangers_and_the_dead_are_no_deadlock, who_waits_for_himself_is_found)
