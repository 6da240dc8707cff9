/* topics - see topics.h */
#include <string.h>

#include "proto/err.h"

#include "proto/topics.h"

const struct topic_def topic_defs[TOPIC_COUNT] = {
#define TOPIC(ID, text, kind, msg, class, socket, pub, sub) \
    {text, TOPIC_KIND_##kind, MSG_##msg, DUR_##class, SOCKET_##socket, pub, sub},
#include "proto/topics.def"
};

int topic_find(const char *text, enum topic *ret)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (len == 0 || len > TOPIC_MAX || text[len] != '\0')
        return ERR_SYNTAX;
    for (int i = 0; i < TOPIC_COUNT; i++) {
        const struct topic_def *d = &topic_defs[i];
        size_t n = strlen(d->text);
        if (d->kind == TOPIC_KIND_EXACT ? strcmp(text, d->text) == 0
                                        : len > n && memcmp(text, d->text, n) == 0) {
            *ret = (enum topic)i;
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}

bool topic_may_publish(enum topic topic, enum party agent)
{
    return (unsigned)topic < TOPIC_COUNT && (unsigned)agent < AGENT_COUNT &&
           (topic_defs[topic].publishers & (1u << agent)) != 0;
}
