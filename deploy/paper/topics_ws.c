/* topics_ws - see topics_ws.h */
#include <stdio.h>
#include <string.h>

#include "deploy/paper/topics_ws.h"

static const struct { const char *prefix; bool symbol, bare, priv; } table[] = {
#define X(id, prefix_, symbol_, bare_, priv_) {prefix_, symbol_, bare_, priv_},
    WS_TOPICS(X)
#undef X
};
#define TABLE ((int)(sizeof table / sizeof table[0]))

static const char *candle_name(int type)
{
    return type == WS_MONTH ? "1month" : codec_candle_types[type].name;
}

static int row(int topic)
{
    return topic >= WS_CANDLE ? WS_CANDLE : topic;
}

bool ws_topic_private(int topic)
{
    return table[row(topic)].priv;
}

char *ws_topic_text(int topic, int slot, char buf[WS_TOPIC_TEXT_MAX])
{
    const char *prefix = table[row(topic)].prefix;
    if (slot == WS_BARE)
        snprintf(buf, WS_TOPIC_TEXT_MAX, "%s", prefix);
    else if (topic >= WS_CANDLE)
        snprintf(buf, WS_TOPIC_TEXT_MAX, "%s:%s_%s", prefix, contract_get(slot)->symbol,
                 candle_name(topic - WS_CANDLE));
    else
        snprintf(buf, WS_TOPIC_TEXT_MAX, "%s:%s", prefix, contract_get(slot)->symbol);
    return buf;
}

/* One element, "XBTUSDTM" or of limitCandle "XBTUSDTM_1min". */
static int element(const struct engine *e, int topic, const char *text, size_t len,
                   struct ws_sub *ret)
{
    char word[40];
    if (len == 0 || len >= sizeof word || memchr(text, ' ', len) != NULL)
        return 400;
    memcpy(word, text, len);
    word[len] = '\0';
    ret->topic = topic;
    if (topic == WS_CANDLE) {
        char *type = strchr(word, '_');
        if (type == NULL)
            return 400;
        *type++ = '\0';
        int i = 0;
        while (i < WS_CANDLE_TYPES && strcmp(candle_name(i), type) != 0)
            i++;
        if (i == WS_CANDLE_TYPES)
            return 404;
        ret->topic = WS_CANDLE + i;
    }
    ret->slot = contract_find(word);
    return ret->slot >= 0 && engine_listed(e, ret->slot) ? 0 : 404;
}

int ws_topic_parse(const struct engine *e, const char *text, struct ws_sub *ret, size_t max,
                   size_t *ret_n)
{
    size_t prefix = strcspn(text, ":"), n = 0;
    int topic = 0, err = 0;
    while (topic < TABLE && !(strlen(table[topic].prefix) == prefix &&
                              strncmp(table[topic].prefix, text, prefix) == 0))
        topic++;
    if (topic == TABLE)
        return 404;
    if (text[prefix] == '\0') {
        if (!table[topic].bare)
            return 400;
        ret[0] = (struct ws_sub){topic, WS_BARE};
        *ret_n = 1;
        return 0;
    }
    if (!table[topic].symbol)
        return 404;
    for (const char *p = text + prefix + 1; err == 0; ) {
        size_t len = strcspn(p, ",");
        if (n == max)
            return 509;
        err = element(e, topic, p, len, &ret[n++]);
        p += len;
        if (*p == '\0')
            break;
        p++;
    }
    *ret_n = n;
    return err;
}
