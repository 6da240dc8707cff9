/* Leases and who of them is missing, with a clock of the test's own. */
#include <sodium.h>
#include <string.h>

#include "agents/execution/guards.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "tests/runner.h"

#define SECOND INT64_C(1000000000)
#define MS     INT64_C(1000000)
#define NOW    (1000 * SECOND)

static const enum party all[] = {AGENT_RISK, AGENT_DATA, AGENT_ORCHESTRATOR, AGENT_AUDIT};
static struct guards g;
static uint8_t secrets[AGENT_COUNT][TOKEN_SECRET];
static char why[GUARDS_WHY_MAX];

static struct lease lease_of(enum party who, int64_t issued_ns)
{
    struct lease l = {.party = (uint8_t)who, .mode = TOKEN_PAPER, .issued_ns = issued_ns};
    l.flags = who == AGENT_ORCHESTRATOR ? LEASE_TRADING : 0;
    memset(l.account, 3, sizeof l.account);
    memset(l.boot_id, 4, sizeof l.boot_id);
    lease_sign(&l, secrets[who]);
    return l;
}

static void hear(enum party who, int64_t issued_ns, int64_t now_ns)
{
    const struct lease l = lease_of(who, issued_ns);
    guards_hear(&g, &l, now_ns);
}

static void fresh(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    g = (struct guards){.mode = TOKEN_PAPER, .scale = 1, .since_ns = NOW - SECOND};
    memset(g.account, 3, sizeof g.account);
    memset(g.boot_id, 4, sizeof g.boot_id);
    for (int i = 0; i < 4; i++) {
        crypto_sign_keypair(g.of[all[i]].key, secrets[all[i]]);
        g.of[all[i]].known = true;
        hear(all[i], NOW, NOW);
    }
    why[0] = '\0';
}

START_TEST(each_lease_is_good_for_its_life_to_the_last_millisecond)
{
    for (int i = 0; i < 4; i++) {
        const int64_t life = leases_life_ms(all[i]) * MS;
        fresh();
        for (int k = 0; k < 4; k++)
            if (k != i)
                hear(all[k], NOW + life, NOW + life);
        ck_assert_int_eq(guards_state(&g, NOW + life, why), GUARDS_FINE);
        ck_assert_int_eq(guards_state(&g, NOW + life + MS, why), GUARDS_LAPSED);
        ck_assert_ptr_nonnull(strstr(why, party_name(all[i])));
        hear(all[i], NOW + life + MS, NOW + life + 2 * MS);
        ck_assert_int_eq(guards_state(&g, NOW + life + 2 * MS, why), GUARDS_FINE);
    }
}
END_TEST

START_TEST(a_lease_counts_from_when_it_was_issued)
{
    fresh();
    hear(AGENT_RISK, NOW + SECOND, NOW + 100 * SECOND);
    for (int i = 1; i < 4; i++)
        hear(all[i], NOW + 100 * SECOND, NOW + 100 * SECOND);
    ck_assert_int_eq(guards_state(&g, NOW + 100 * SECOND, why), GUARDS_LOST);
    ck_assert_str_eq(why, "LEASE: risk has been silent for 99.0 s");
}
END_TEST

#define IGNORES(name, change)                                                                      \
    START_TEST(name)                                                                               \
    {                                                                                              \
        fresh();                                                                                   \
        struct lease l = lease_of(AGENT_RISK, NOW + SECOND);                                       \
        change;                                                                                    \
        guards_hear(&g, &l, NOW + SECOND);                                                         \
        ck_assert_int_eq(g.of[AGENT_RISK].issued_ns, NOW);                                         \
    }                                                                                              \
    END_TEST
#define SIGNED(change, by) (change, lease_sign(&l, secrets[by]))

START_TEST(hears_what_is_as_it_should_be)
{
    fresh();
    hear(AGENT_RISK, NOW + SECOND, NOW + SECOND);
    ck_assert_int_eq(g.of[AGENT_RISK].issued_ns, NOW + SECOND);
}
END_TEST

IGNORES(ignores_another_agent_s_key, SIGNED((void)0, AGENT_DATA))
IGNORES(ignores_another_account, SIGNED(l.account[0] ^= 1, AGENT_RISK))
IGNORES(ignores_another_mode, SIGNED(l.mode = TOKEN_LIVE, AGENT_RISK))
IGNORES(ignores_another_boot, SIGNED(l.boot_id[0] ^= 1, AGENT_RISK))
IGNORES(ignores_one_from_the_future, SIGNED(l.issued_ns++, AGENT_RISK))
IGNORES(ignores_a_copy, SIGNED(l.issued_ns = NOW, AGENT_RISK))
IGNORES(ignores_an_older_one, SIGNED(l.issued_ns = NOW - 1, AGENT_RISK))
IGNORES(ignores_a_party_that_guards_nothing, SIGNED(l.party = AGENT_SIGNAL, AGENT_RISK))
IGNORES(ignores_a_party_that_is_none, SIGNED(l.party = 255, AGENT_RISK))
IGNORES(ignores_flags_that_mean_nothing, SIGNED(l.flags = 2, AGENT_RISK))
IGNORES(ignores_a_guard_whose_key_is_not_known, g.of[AGENT_RISK].known = false)

START_TEST(ignores_every_single_changed_bit)
{
    fresh();
    const struct lease good = lease_of(AGENT_RISK, NOW + SECOND);
    for (size_t bit = 0; bit < 8 * sizeof good; bit++) {
        struct lease l = good;
        ((uint8_t *)&l)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        guards_hear(&g, &l, NOW + 100 * SECOND);
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(g.of[all[i]].issued_ns, NOW);
    }
    guards_hear(&g, &good, NOW + 100 * SECOND);
    ck_assert_int_eq(g.of[AGENT_RISK].issued_ns, NOW + SECOND);
}
END_TEST

START_TEST(only_risk_and_the_orchestrator_can_be_lost)
{
    const int64_t later = NOW + LEASE_LOST_MS * MS + MS;
    for (int i = 0; i < 4; i++) {
        fresh();
        for (int k = 0; k < 4; k++)
            if (k != i)
                hear(all[k], later, later);
        bool may = all[i] == AGENT_RISK || all[i] == AGENT_ORCHESTRATOR;
        ck_assert_int_eq(guards_state(&g, later, why), may ? GUARDS_LOST : GUARDS_LAPSED);
        ck_assert_ptr_nonnull(strstr(why, party_name(all[i])));
    }
    fresh();
    hear(AGENT_RISK, later, later);         /* a lost one is named before one that is only late */
    ck_assert_int_eq(guards_state(&g, later, why), GUARDS_LOST);
    ck_assert_ptr_nonnull(strstr(why, "orchestrator"));
}
END_TEST

START_TEST(one_never_heard_lapses_at_once_and_is_lost_after_the_time_since_the_start)
{
    fresh();
    g.of[AGENT_RISK].issued_ns = 0;
    ck_assert_int_eq(guards_state(&g, NOW, why), GUARDS_LAPSED);
    ck_assert_str_eq(why, "LEASE: risk has not been heard for 1.0 s");
    ck_assert_int_eq(guards_state(&g, g.since_ns + LEASE_LOST_MS * MS + MS, why), GUARDS_LOST);
}
END_TEST

START_TEST(trading_is_what_the_orchestrator_said_last)
{
    fresh();
    ck_assert(guards_trading(&g));
    struct lease l = lease_of(AGENT_ORCHESTRATOR, NOW + 1);
    l.flags = 0;
    guards_hear(&g, &l, NOW + 1);           /* not signed like this */
    ck_assert(guards_trading(&g));
    lease_sign(&l, secrets[AGENT_ORCHESTRATOR]);
    guards_hear(&g, &l, NOW + 1);
    ck_assert(!guards_trading(&g));
}
END_TEST

START_TEST(the_keys_are_known_when_the_last_one_is)
{
    fresh();
    ck_assert(guards_known(&g));
    g.of[AGENT_AUDIT].known = false;
    ck_assert(!guards_known(&g));
}
END_TEST

TESTS("execution guards", the_keys_are_known_when_the_last_one_is, each_lease_is_good_for_its_life_to_the_last_millisecond, a_lease_counts_from_when_it_was_issued,
      hears_what_is_as_it_should_be, ignores_another_agent_s_key, ignores_another_account, ignores_another_mode,
      ignores_another_boot, ignores_one_from_the_future, ignores_a_copy, ignores_an_older_one,
      ignores_a_party_that_guards_nothing, ignores_a_party_that_is_none, ignores_flags_that_mean_nothing,
      ignores_a_guard_whose_key_is_not_known, ignores_every_single_changed_bit, only_risk_and_the_orchestrator_can_be_lost,
      one_never_heard_lapses_at_once_and_is_lost_after_the_time_since_the_start, trading_is_what_the_orchestrator_said_last)
