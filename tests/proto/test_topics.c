#include "tests/runner.h"

#include <string.h>

#include "proto/err.h"
#include "proto/topics.h"

START_TEST(every_topic_is_found_by_its_text)
{
    for (int i = 0; i < TOPIC_COUNT; i++) {
        char text[80];
        enum topic got = TOPIC_COUNT;
        bool prefix = topic_defs[i].kind == TOPIC_KIND_PREFIX;
        snprintf(text, sizeof text, "%s%s", topic_defs[i].text, prefix ? "XBTUSDTM" : "");
        ck_assert_msg(topic_find(text, &got) == ERR_OK, "%s is unknown", text);
        ck_assert_msg((int)got == i, "%s is %s", text, topic_defs[got].text);
        if (prefix)
            ck_assert_int_eq(topic_defs[i].text[strlen(topic_defs[i].text) - 1], '.');
        ck_assert_int_le(strlen(topic_defs[i].text), TOPIC_MAX - 20); /* room for a symbol */
    }
}
END_TEST

START_TEST(a_prefix_needs_a_rest)
{
    for (int i = 0; i < TOPIC_COUNT; i++) {
        enum topic got = TOPIC_COUNT;
        if (topic_defs[i].kind == TOPIC_KIND_PREFIX)
            ck_assert_int_eq(topic_find(topic_defs[i].text, &got), ERR_UNKNOWN);
        ck_assert_int_eq(got, TOPIC_COUNT);
    }
}
END_TEST

START_TEST(an_exact_topic_allows_no_suffix)
{
    for (int i = 0; i < TOPIC_COUNT; i++) {
        if (topic_defs[i].kind != TOPIC_KIND_EXACT || i == TOPIC_AGENT_HB)
            continue; /* agent.hb.x is an inbox */
        char text[80];
        enum topic got = TOPIC_COUNT;
        snprintf(text, sizeof text, "%sX", topic_defs[i].text);
        ck_assert_int_eq(topic_find(text, &got), ERR_UNKNOWN);
        snprintf(text, sizeof text, "%s.x", topic_defs[i].text);
        ck_assert_int_eq(topic_find(text, &got), ERR_UNKNOWN);
        snprintf(text, sizeof text, "%.*s", (int)strlen(topic_defs[i].text) - 1,
                 topic_defs[i].text);
        ck_assert_int_eq(topic_find(text, &got), ERR_UNKNOWN);
        ck_assert_int_eq(got, TOPIC_COUNT);
    }
}
END_TEST

START_TEST(refuses_texts_that_no_topic_may_have)
{
    static const char *const bad[] = {"",
                                      "risk.approved ",
                                      " risk.approved",
                                      "risk.approved\n",
                                      "risk approved",
                                      "agent.\xc3\xa4",
                                      "agent.a/b",
                                      "agent.a\x7f",
                                      "market.candle.*"};
    enum topic got = TOPIC_COUNT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(topic_find(bad[i], &got) == ERR_SYNTAX, "accepted \"%s\"", bad[i]);
    ck_assert_int_eq(topic_find("Risk.approved", &got), ERR_UNKNOWN);
    ck_assert_int_eq(topic_find("risk", &got), ERR_UNKNOWN);
    ck_assert_int_eq(topic_find(".", &got), ERR_UNKNOWN);
    ck_assert_int_eq(got, TOPIC_COUNT);
}
END_TEST

START_TEST(accepts_a_topic_of_the_longest_length_and_none_longer)
{
    char text[TOPIC_MAX + 2] = "agent.";
    memset(text + 6, 'x', sizeof text - 6);
    text[TOPIC_MAX] = '\0';
    enum topic got = TOPIC_COUNT;
    ck_assert_int_eq(topic_find(text, &got), ERR_OK);
    ck_assert_int_eq(got, TOPIC_INBOX);
    text[TOPIC_MAX] = 'x';
    text[TOPIC_MAX + 1] = '\0';
    ck_assert_int_eq(topic_find(text, &got), ERR_SYNTAX);
}
END_TEST

START_TEST(heartbeats_are_no_inbox)
{
    enum topic got = TOPIC_COUNT;
    ck_assert_int_eq(topic_find("agent.hb", &got), ERR_OK);
    ck_assert_int_eq(got, TOPIC_AGENT_HB);
    ck_assert_int_eq(topic_find("agent.risk", &got), ERR_OK);
    ck_assert_int_eq(got, TOPIC_INBOX);
    ck_assert_int_eq(topic_find("agent.guest.17", &got), ERR_OK);
    ck_assert_int_eq(got, TOPIC_INBOX);
}
END_TEST

START_TEST(only_its_owner_may_publish)
{
    static const struct {
        enum topic topic;
        enum party owner;
    } owned[] = {
        {TOPIC_SIGNAL_GENERATED, AGENT_SIGNAL}, {TOPIC_RISK_APPROVED, AGENT_RISK},
        {TOPIC_RISK_REJECTED, AGENT_RISK},      {TOPIC_ORDER_PLACED, AGENT_EXECUTION},
        {TOPIC_ORDER_FILLED, AGENT_EXECUTION},  {TOPIC_POSITION_CLOSED, AGENT_EXECUTION},
        {TOPIC_STOP_MOVED, AGENT_EXECUTION},    {TOPIC_ACCOUNT_UPDATED, AGENT_EXECUTION},
        {TOPIC_MARKET_CANDLE, AGENT_DATA},      {TOPIC_MARKET_CLOCK, AGENT_DATA},
        {TOPIC_TRADE_RECORDED, AGENT_AUDIT},    {TOPIC_STATE_UNIFIED, AGENT_ORCHESTRATOR},
        {TOPIC_BROKER_STATS, AGENT_BROKER},     {TOPIC_OPTIMIZER_RESULT, AGENT_OPTIMIZER},
    };
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        for (int a = 0; a < AGENT_COUNT; a++)
            ck_assert_msg(topic_may_publish(owned[i].topic, (enum party)a) ==
                              ((enum party)a == owned[i].owner),
                          "%s on %s", party_name((enum party)a), topic_defs[owned[i].topic].text);
}
END_TEST

START_TEST(a_guest_only_writes_to_inboxes)
{
    for (int i = 0; i < TOPIC_COUNT; i++)
        ck_assert_int_eq(topic_may_publish((enum topic)i, AGENT_GUEST), i == TOPIC_INBOX);
}
END_TEST

START_TEST(nobody_may_publish_what_is_no_topic)
{
    ck_assert(!topic_may_publish(TOPIC_COUNT, AGENT_RISK));
    ck_assert(!topic_may_publish(TOPIC_INBOX, AGENT_COUNT));
    ck_assert(!topic_may_publish(TOPIC_INBOX, (enum party)255));
}
END_TEST

START_TEST(every_topic_has_a_publisher_and_a_message_with_its_name)
{
    for (int i = 0; i < TOPIC_COUNT; i++) {
        const struct topic_def *d = &topic_defs[i];
        ck_assert_msg(d->publishers != 0, "nobody says %s", d->text);
        ck_assert_int_eq(d->publishers >> AGENT_COUNT, 0);
        ck_assert_int_eq(d->subscribers >> AGENT_COUNT, 0);
        if (d->msg == MSG_ANY) {
            ck_assert_int_eq(i, TOPIC_INBOX);
            continue;
        }
        const char *action = msg_defs[d->msg].action;
        ck_assert_msg(strncmp(d->text, action, strlen(action)) == 0, "%s carries %s", d->text,
                      action);
    }
}
END_TEST

TESTS("topics", every_topic_is_found_by_its_text, a_prefix_needs_a_rest,
      an_exact_topic_allows_no_suffix, refuses_texts_that_no_topic_may_have,
      accepts_a_topic_of_the_longest_length_and_none_longer, heartbeats_are_no_inbox,
      only_its_owner_may_publish, a_guest_only_writes_to_inboxes,
      nobody_may_publish_what_is_no_topic, every_topic_has_a_publisher_and_a_message_with_its_name)
