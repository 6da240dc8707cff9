/* filter - which messages are wanted: comparisons of fields, all of which must hold.
 *
 *     payload.symbol==XBTUSDTM && payload.qty>3 && from!=risk
 *
 * A field is a path through the body's map (from, payload.legs.0.price).  Operators: == != < <= > >=.
 * Values may be quoted ("a && b").  Two decimal numbers (or texts of such) compare as numbers, others as
 * texts.  A field that is not there fulfils no comparison.
 *
 * Errors:  ERR_SYNTAX, with a text for people; ERR_SIZE above FILTER_MAX comparisons.
 * Memory:  a value; nothing to free.
 * Threads: pure functions.
 */
#ifndef BROKER_FILTER_H
#define BROKER_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include <msgpack.h>

#define FILTER_MAX       32
#define FILTER_PATH_MAX  96
#define FILTER_VALUE_MAX 128
#define FILTER_WHY_MAX   256

enum filter_op { FILTER_EQ, FILTER_NE, FILTER_LE, FILTER_GE, FILTER_LT, FILTER_GT };

struct filter {
    struct {
        char path[FILTER_PATH_MAX];
        enum filter_op op;
        char value[FILTER_VALUE_MAX];
    } terms[FILTER_MAX];
    size_t n;
};

/* Add the comparisons of a text; a zeroed filter accepts everything. */
int filter_parse(struct filter *f, const char *text, char why[FILTER_WHY_MAX]);
/* Add one comparison. */
int filter_add(struct filter *f, const char *path, enum filter_op op, const char *value);
bool filter_accepts(const struct filter *f, const msgpack_object *root);

/* The value at a path, NULL when there is none. */
const msgpack_object *filter_field(const msgpack_object *root, const char *path);

#endif
