/* rights - see rights.h */
#include <stdbool.h>
#include <string.h>

#include "proto/envelope.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/topics.h"

#include "broker/rights.h"

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {
#define VERDICT(name, text) #name,
        VERDICTS(VERDICT)
#undef VERDICT
    };
    return names[v];
}

const char *verdict_text(enum verdict v)
{
    static const char *const texts[] = {
#define VERDICT(name, text) text,
        VERDICTS(VERDICT)
#undef VERDICT
    };
    return texts[v];
}

static void printable(const void *topic, size_t len, char *text)
{
    const unsigned char *p = topic;
    size_t n = len < TOPIC_MAX ? len : TOPIC_MAX;
    for (size_t i = 0; i < n; i++)
        text[i] = p[i] > 0x20 && p[i] < 0x7f ? (char)p[i] : '?';
    text[n] = '\0';
}

/* A guest asks how somebody is, in somebody's inbox, and nothing else. */
static enum verdict judge_guest(const struct publication *p, const char *text)
{
    enum party whom;
    if (party_parse(text + strlen("agent."), &whom) < 0)
        return VERDICT_RIGHT;
    struct envelope_parser parser;
    struct envelope e;
    int err = envelope_unpack(&parser, p->body, p->body_len, &e);
    bool fine = err == ERR_OK && e.from == AGENT_GUEST && e.type == TYPE_REQUEST &&
                strcmp(e.action, msg_defs[MSG_AGENT_STATUS].action) == 0;
    envelope_parser_fini(&parser);
    return fine ? VERDICT_PASS : VERDICT_BODY;
}

static bool has_right(enum topic topic, const char *text, enum party who)
{
    if (who == AGENT_OPERATOR)
        return topic == TOPIC_INBOX || strncmp(text, "operator.", 9) == 0;
    return PLANTED(rights_not_asked) || topic_may_publish(topic, who);
}

enum party rights_sender(const char *name)
{
    enum party who;
    return name != NULL && party_parse(name, &who) == ERR_OK ? who : AGENT_COUNT;
}

enum verdict rights_judge(const struct publication *p, char *text, enum party *who)
{
    printable(p->topic, p->topic_len, text);
    *who = rights_sender(p->sender);
    if (*who == AGENT_COUNT)
        return VERDICT_SENDER;
    if (p->over_rate)
        return VERDICT_RATE;
    if (p->frames != 3 || p->header_len != HEADER_SIZE || p->body_len == 0 ||
        p->body_len > ENVELOPE_MAX || p->topic_len == 0 || p->topic_len > TOPIC_MAX)
        return VERDICT_FRAMES;
    enum topic topic;
    if (strlen(text) != p->topic_len || memcmp(text, p->topic, p->topic_len) != 0 ||
        topic_find(text, &topic) < 0)
        return VERDICT_TOPIC;
    if ((int)topic_defs[topic].socket != p->socket)
        return VERDICT_SOCKET;
    struct header h;
    if (header_decode(p->header, &h) < 0 || h.class != topic_defs[topic].class)
        return VERDICT_HEADER;
    if (h.sender != *who && !PLANTED(sender_believed))
        return VERDICT_SENDER;
    if (!has_right(topic, text, *who))
        return VERDICT_RIGHT;
    return *who == AGENT_GUEST ? judge_guest(p, text) : VERDICT_PASS;
}

double rights_rate(enum party who)
{
    switch (who) {
    case AGENT_GUEST:
        return 100;
    case AGENT_OPERATOR:
        return 500;
    default:
        return 50000;           /* ten times what eight symbols need; a flood is more */
    }
}
