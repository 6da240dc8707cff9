#include <string.h>

#include "broker/rights.h"
#include "proto/envelope.h"
#include "proto/err.h"
#include "proto/topics.h"
#include "proto/uuid.h"
#include "tests/runner.h"

static enum verdict judge(enum party who, const char *topic, enum topic as, enum msg_type type,
                          enum party header_sender, int frames)
{
    struct header h = {.class = topic_defs[as].class, .sender = header_sender, .epoch = 1, .seq = 1};
    uint8_t header[HEADER_SIZE];
    header_encode(&h, header);
    struct envelope e = {.from = who, .to = "audit", .type = type, .priority = PRIORITY_NORMAL};
    strcpy(e.action, msg_defs[MSG_AGENT_STATUS].action);
    uuid_make(e.id);
    struct msg_agent_status m = {0};
    struct wbuf w;
    wbuf_init(&w, ENVELOPE_MAX);
    ck_assert_int_eq(envelope_pack(&e, MSG_AGENT_STATUS, &m, &w), ERR_OK);
    struct publication p = {
        .sender = party_name(who), .topic = topic, .topic_len = strlen(topic), .header = header,
        .header_len = sizeof header, .body = w.data, .body_len = w.len, .frames = frames,
        .socket = (int)topic_defs[as].socket,
    };
    char text[TOPIC_MAX + 1];
    enum party found;
    enum verdict v = rights_judge(&p, text, &found);
    wbuf_fini(&w);
    return v;
}

START_TEST(every_party_may_publish_exactly_what_the_table_says)
{
    for (int t = 0; t < TOPIC_COUNT; t++) {
        char topic[TOPIC_MAX + 1];
        snprintf(topic, sizeof topic, "%s%s", topic_defs[t].text,
                 topic_defs[t].kind == TOPIC_KIND_EXACT ? "" : t == TOPIC_INBOX ? "audit" : "x");
        for (int who = 0; who < AGENT_COUNT; who++) {
            bool right = (topic_defs[t].publishers & (1u << who)) != 0;
            if (who == AGENT_OPERATOR)
                right = t == TOPIC_INBOX || strncmp(topic, "operator.", 9) == 0;
            enum verdict v = judge((enum party)who, topic, (enum topic)t, TYPE_REQUEST, (enum party)who, 3);
            ck_assert_msg(v == (right ? VERDICT_PASS : VERDICT_RIGHT), "%s on %s: %s",
                          party_name((enum party)who), topic, verdict_name(v));
        }
    }
}
END_TEST

START_TEST(a_guest_asks_agents_for_their_status_and_nothing_else)
{
    ck_assert_int_eq(judge(AGENT_GUEST, "agent.risk", TOPIC_INBOX, TYPE_REQUEST, AGENT_GUEST, 3), VERDICT_PASS);
    ck_assert_int_eq(judge(AGENT_GUEST, "agent.risk", TOPIC_INBOX, TYPE_COMMAND, AGENT_GUEST, 3), VERDICT_BODY);
    ck_assert_int_eq(judge(AGENT_GUEST, "agent.risk.1", TOPIC_INBOX, TYPE_REQUEST, AGENT_GUEST, 3),
                     VERDICT_RIGHT);
}
END_TEST

START_TEST(refuses_what_is_malformed_with_its_cause)
{
    static const int frames[] = {1, 2, 4};
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(judge(AGENT_RISK, "risk.approved", TOPIC_RISK_APPROVED, TYPE_EVENT, AGENT_RISK, frames[i]),
                         VERDICT_FRAMES);
    ck_assert_int_eq(judge(AGENT_RISK, "", TOPIC_RISK_APPROVED, TYPE_EVENT, AGENT_RISK, 3), VERDICT_FRAMES);
    ck_assert_int_eq(judge(AGENT_RISK, "risk.approvedX", TOPIC_RISK_APPROVED, TYPE_EVENT, AGENT_RISK, 3),
                     VERDICT_TOPIC);
    ck_assert_int_eq(judge(AGENT_RISK, "risk.approved", TOPIC_MARKET_TICKER, TYPE_EVENT, AGENT_RISK, 3),
                     VERDICT_SOCKET);
    ck_assert_int_eq(judge(AGENT_RISK, "risk.approved", TOPIC_AGENT_HB, TYPE_EVENT, AGENT_RISK, 3),
                     VERDICT_HEADER);
    ck_assert_int_eq(judge(AGENT_RISK, "risk.approved", TOPIC_RISK_APPROVED, TYPE_EVENT, AGENT_DATA, 3),
                     VERDICT_SENDER);
}
END_TEST

START_TEST(who_spoke_too_much_is_refused_before_anything_else_is_looked_at)
{
    struct publication p = {.sender = "guest", .topic = "x", .topic_len = 1, .frames = 1, .over_rate = true};
    char text[TOPIC_MAX + 1];
    enum party who;
    ck_assert_int_eq(rights_judge(&p, text, &who), VERDICT_RATE);
    ck_assert_int_eq(who, AGENT_GUEST);
    ck_assert_str_eq(text, "x");
    p.sender = "nobody";
    ck_assert_int_eq(rights_judge(&p, text, &who), VERDICT_SENDER);
    ck_assert_int_eq(who, AGENT_COUNT);
    ck_assert_int_eq(rights_sender(NULL), AGENT_COUNT);
}
END_TEST

TESTS("rights", who_spoke_too_much_is_refused_before_anything_else_is_looked_at,
      every_party_may_publish_exactly_what_the_table_says,
      a_guest_asks_agents_for_their_status_and_nothing_else, refuses_what_is_malformed_with_its_cause)
