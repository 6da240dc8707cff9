/* codec - see codec.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "libagent/exchange/codec.h"

#define MARK "\\u0001"      /* what jansson reads as one character that no text of the venue has */
#define MARK_CHAR '\x01'

const struct codec_candle_type codec_candle_types[CODEC_CANDLE_TYPES] = {
    {"1min", 1}, {"3min", 3}, {"5min", 5}, {"15min", 15}, {"30min", 30}, {"1hour", 60},
    {"2hour", 120}, {"4hour", 240}, {"8hour", 480}, {"12hour", 720}, {"1day", 1440},
    {"1week", 10080},
};

int codec_candle_minutes(const char *type)
{
    for (size_t i = 0; i < CODEC_CANDLE_TYPES; i++)
        if (strcmp(codec_candle_types[i].name, type) == 0)
            return codec_candle_types[i].minutes;
    return 0;
}

bool codec_granularity_ok(int minutes)
{
    return minutes != 3 && (minutes == 1 || minutes == 5 || minutes == 15 || minutes == 30 ||
           minutes == 60 || minutes == 120 || minutes == 240 || minutes == 480 || minutes == 720 ||
           minutes == 1440 || minutes == 10080);
}

static bool digits(const char **p, const char *end)
{
    const char *first = *p;
    while (*p < end && **p >= '0' && **p <= '9')
        ++*p;
    return *p > first;
}

/* The end of the JSON number at p (RFC 8259, 6), or NULL. */
static const char *number_end(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    const char *first = p;
    if (!digits(&p, end) || (*first == '0' && p > first + 1))
        return NULL;
    if (p < end && *p == '.' && (p++, !digits(&p, end)))
        return NULL;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (!digits(&p, end))
            return NULL;
    }
    return p;
}

static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : NULL;
}

/* Each number costs its two quotes and the mark; it is one byte at least and stands beside one other,
 * but for a lone digit: len * 5 + 16 always suffices. */
static int quote_numbers(const char *text, size_t len, char *out, size_t *ret_len)
{
    char *o = out;
    for (const char *p = text, *end = text + len; p < end; ) {
        const char *stop = p + 1;
        bool number = *p == '-' || (*p >= '0' && *p <= '9');
        if (number)
            stop = number_end(p, end);
        else if (*p == '"')
            stop = string_end(p, end);
        if (stop == NULL)
            return ERR_SYNTAX;
        if (number) {
            memcpy(o, "\"" MARK, sizeof "\"" MARK - 1);
            o += sizeof "\"" MARK - 1;
        }
        memcpy(o, p, (size_t)(stop - p));
        o += stop - p;
        if (number)
            *o++ = '"';
        p = stop;
    }
    *ret_len = (size_t)(o - out);
    return ERR_OK;
}

int codec_load(const char *text, size_t len, json_t **ret)
{
    if (len > CODEC_TEXT_MAX)
        return ERR_SIZE;
    char *quoted = malloc(len * 5 + 16);
    must(quoted != NULL);
    size_t quoted_len = 0;
    int err = quote_numbers(text, len, quoted, &quoted_len);
    json_t *tree = NULL;
    if (err == ERR_OK) {
        tree = json_loadb(quoted, quoted_len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
        err = tree != NULL ? ERR_OK : ERR_SYNTAX;
    }
    free(quoted);
    if (err == ERR_OK)
        *ret = tree;
    return err;
}

bool codec_is_number(const json_t *v)
{
    return json_is_string(v) && json_string_value(v)[0] == MARK_CHAR;
}

bool codec_is_text(const json_t *v)
{
    return json_is_string(v) && json_string_value(v)[0] != MARK_CHAR;
}

const char *codec_chars(const json_t *v)
{
    return json_is_string(v) ? json_string_value(v) + codec_is_number(v) : NULL;
}

int codec_value_dec(const json_t *v, dec_t *ret)
{
    if (v == NULL || json_is_null(v))
        return ERR_MISSING;
    return json_is_string(v) ? dec_parse(codec_chars(v), ret) : ERR_TYPE;
}

int codec_value_int(const json_t *v, int64_t *ret)
{
    dec_t d;
    int err = codec_value_dec(v, &d);
    return err != ERR_OK ? err : dec_to_int(d, ret);
}

int codec_dec(const json_t *obj, const char *key, dec_t *ret)
{
    return codec_value_dec(json_object_get(obj, key), ret);
}

int codec_int(const json_t *obj, const char *key, int64_t *ret)
{
    return codec_value_int(json_object_get(obj, key), ret);
}

int codec_text(const json_t *obj, const char *key, const char **ret)
{
    const json_t *v = json_object_get(obj, key);
    if (v == NULL || json_is_null(v))
        return ERR_MISSING;
    if (!codec_is_text(v))
        return ERR_TYPE;
    *ret = json_string_value(v);
    return ERR_OK;
}

int codec_bool(const json_t *obj, const char *key, bool *ret)
{
    const json_t *v = json_object_get(obj, key);
    if (v == NULL || json_is_null(v))
        return ERR_MISSING;
    if (!json_is_boolean(v))
        return ERR_TYPE;
    *ret = json_is_true(v);
    return ERR_OK;
}
