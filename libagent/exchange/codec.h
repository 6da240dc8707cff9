/* codec - the exchange's JSON read exactly, and the exchange's words.
 *
 * jansson keeps numbers as doubles; money must not pass through one.  codec_load therefore puts each
 * number of the text between quotes, behind a mark, before jansson parses it: the tree holds the very
 * digits that came, and the accessors below turn them into decimals and integers.
 *
 * Errors:  ERR_SYNTAX malformed or nested too deeply, ERR_SIZE, ERR_MISSING no such member (or null),
 *          ERR_TYPE another JSON type, ERR_RANGE does not fit.  *ret is written only on success.
 * Memory:  trees are jansson's: json_decref.  Texts are borrowed from the tree.
 * Threads: callable from anywhere.
 */
#ifndef LIBAGENT_EXCHANGE_CODEC_H
#define LIBAGENT_EXCHANGE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "proto/dec.h"

#define CODEC_TEXT_MAX (16u << 20)

int codec_load(const char *text, size_t len, json_t **ret);

bool codec_is_number(const json_t *v);      /* json_is_string is true for numbers too: ask this */
bool codec_is_text(const json_t *v);        /* a JSON string that is not one of our numbers */
/* The text of a string, the digits of a number; NULL for anything else. */
const char *codec_chars(const json_t *v);

/* Members of an object. */
int codec_text(const json_t *obj, const char *key, const char **ret);
int codec_dec(const json_t *obj, const char *key, dec_t *ret);      /* number or string */
int codec_int(const json_t *obj, const char *key, int64_t *ret);    /* integral number or string */
int codec_bool(const json_t *obj, const char *key, bool *ret);
/* A value by itself. */
int codec_value_dec(const json_t *v, dec_t *ret);
int codec_value_int(const json_t *v, int64_t *ret);

/* "1min" of limitCandle topics, 1 of kline queries.  0 and NULL for what the venue does not know
 * (months have no fixed length: not offered). */
int codec_candle_minutes(const char *type);
bool codec_granularity_ok(int minutes);
#define CODEC_CANDLE_TYPES 12
extern const struct codec_candle_type { const char *name; int minutes; }
    codec_candle_types[CODEC_CANDLE_TYPES];

#endif
