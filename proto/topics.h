/* topics - what may be said where; the list is topics.def.  Pure functions. */
#ifndef PROTO_TOPICS_H
#define PROTO_TOPICS_H

#include <stdbool.h>

#include "proto/messages.h"

#define TOPIC_MAX 63            /* bytes of [a-zA-Z0-9._-] */

enum topic {
#define TOPIC(ID, text, kind, msg, class, socket, publishers, subscribers) TOPIC_##ID,
#include "proto/topics.def"
#undef TOPIC
    TOPIC_COUNT
};
enum topic_kind { TOPIC_KIND_EXACT, TOPIC_KIND_PREFIX };
enum topic_socket { SOCKET_EVENT, SOCKET_MARKET };

struct topic_def {
    const char *text;
    enum topic_kind kind;
    enum msg msg;               /* MSG_ANY for inboxes */
    enum durability class;
    enum topic_socket socket;
    unsigned publishers, subscribers;   /* bit 1u << AGENT_x */
};
extern const struct topic_def topic_defs[TOPIC_COUNT];

/* ERR_UNKNOWN; ERR_SYNTAX for a text that no topic may have.  A prefix topic needs a non-empty rest. */
int topic_find(const char *text, enum topic *ret);
bool topic_may_publish(enum topic topic, enum party agent);

#endif
