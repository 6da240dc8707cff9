/* filter - see filter.h */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/dec.h"
#include "proto/err.h"

#include "broker/filter.h"

static const char *const op_texts[] = {
    [FILTER_EQ] = "==", [FILTER_NE] = "!=", [FILTER_LE] = "<=", [FILTER_GE] = ">=",
    [FILTER_LT] = "<", [FILTER_GT] = ">",
};

int filter_add(struct filter *f, const char *path, enum filter_op op, const char *value)
{
    if (f->n == FILTER_MAX || strlen(path) >= FILTER_PATH_MAX || strlen(value) >= FILTER_VALUE_MAX)
        return ERR_SIZE;
    snprintf(f->terms[f->n].path, FILTER_PATH_MAX, "%s", path);
    snprintf(f->terms[f->n].value, FILTER_VALUE_MAX, "%s", value);
    f->terms[f->n++].op = op;
    return ERR_OK;
}

static const char *skip(const char *p)
{
    return p + strspn(p, " \t");
}

static int wrong(char *why, const char *what, const char *at)
{
    snprintf(why, FILTER_WHY_MAX, "%s at \"%.60s\"; like payload.symbol==XBTUSDTM && payload.qty>3", what, at);
    return ERR_SYNTAX;
}

static int copy(char *dst, size_t size, const char *from, size_t n)
{
    if (n == 0 || n >= size)
        return ERR_SIZE;
    memcpy(dst, from, n);
    dst[n] = '\0';
    return ERR_OK;
}

/* "text in quotes" or a word up to a blank or &&; moves *p behind it. */
static int parse_value(const char **p, char value[FILTER_VALUE_MAX])
{
    if (**p == '"') {
        const char *end = strchr(*p + 1, '"');
        if (end == NULL || end - *p > FILTER_VALUE_MAX)
            return ERR_SYNTAX;
        snprintf(value, FILTER_VALUE_MAX, "%.*s", (int)(end - *p - 1), *p + 1);
        *p = end + 1;
        return ERR_OK;
    }
    size_t n = strcspn(*p, " \t&\"=<>!");
    int err = copy(value, FILTER_VALUE_MAX, *p, n);
    *p += n;
    return err;
}

static int parse_op(const char **p, enum filter_op *ret)
{
    for (size_t i = 0; i < sizeof op_texts / sizeof op_texts[0]; i++)
        if (strncmp(*p, op_texts[i], strlen(op_texts[i])) == 0) {
            *p += strlen(op_texts[i]);
            *ret = (enum filter_op)i;
            return ERR_OK;
        }
    return ERR_SYNTAX;
}

int filter_parse(struct filter *f, const char *text, char why[FILTER_WHY_MAX])
{
    for (const char *p = skip(text);; p = skip(p + 2)) {
        char path[FILTER_PATH_MAX], value[FILTER_VALUE_MAX];
        enum filter_op op;
        const char *at = p;
        size_t n = strcspn(p, " \t=!<>&\"");
        if (copy(path, sizeof path, p, n) < 0)
            return wrong(why, "no field", at);
        p = skip(p + n);
        if (parse_op(&p, &op) < 0)
            return wrong(why, "no comparison (== != < <= > >=)", at);
        p = skip(p);
        if (parse_value(&p, value) < 0)
            return wrong(why, "no value", at);
        if (filter_add(f, path, op, value) < 0)
            return wrong(why, "too many comparisons", at);
        p = skip(p);
        if (*p == '\0')
            return ERR_OK;
        if (strncmp(p, "&&", 2) != 0)
            return wrong(why, "neither && nor the end", p);
    }
}

static const msgpack_object *step(const msgpack_object *o, const char *key, size_t n)
{
    if (o->type == MSGPACK_OBJECT_MAP) {
        for (uint32_t i = 0; i < o->via.map.size; i++) {
            const msgpack_object_str *k = &o->via.map.ptr[i].key.via.str;   /* mp_check: keys are strings */
            if (k->size == n && memcmp(k->ptr, key, n) == 0)
                return &o->via.map.ptr[i].val;
        }
    } else if (o->type == MSGPACK_OBJECT_ARRAY && isdigit((unsigned char)key[0])) {
        char *end;
        unsigned long i = strtoul(key, &end, 10);
        if (end == key + n && i < o->via.array.size)
            return &o->via.array.ptr[i];
    }
    return NULL;
}

const msgpack_object *filter_field(const msgpack_object *root, const char *path)
{
    const msgpack_object *o = root;
    while (o != NULL) {
        size_t n = strcspn(path, ".");
        o = step(o, path, n);
        if (path[n] == '\0')
            return o;
        path += n + 1;
    }
    return NULL;
}

/* A scalar as text; false for what cannot be compared. */
static bool as_text(const msgpack_object *o, char *text, size_t size)
{
    switch (o->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        snprintf(text, size, "%s", o->via.boolean ? "true" : "false");
        return true;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        snprintf(text, size, "%" PRIu64, o->via.u64);
        return true;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        snprintf(text, size, "%" PRId64, o->via.i64);
        return true;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        snprintf(text, size, "%.17g", o->via.f64);
        return true;
    case MSGPACK_OBJECT_STR:
        snprintf(text, size, "%.*s", (int)o->via.str.size, o->via.str.ptr);
        return true;
    default:
        return false;
    }
}

static int compare(const msgpack_object *o, const char *text, const char *value)
{
    dec_t a, b;
    if (dec_parse(value, &b) < 0)
        return strcmp(text, value);
    if (o->type == MSGPACK_OBJECT_FLOAT64 || o->type == MSGPACK_OBJECT_FLOAT32) {
        double v = dec_to_double(b);        /* a double equals the nearest double of the text */
        return (o->via.f64 > v) - (o->via.f64 < v);
    }
    return dec_parse(text, &a) == ERR_OK ? dec_cmp(a, b) : strcmp(text, value);
}

static bool holds(const msgpack_object *o, enum filter_op op, const char *value)
{
    char text[1024];
    if (o == NULL || !as_text(o, text, sizeof text))
        return false;
    int c = compare(o, text, value);
    switch (op) {
    case FILTER_EQ: return c == 0;
    case FILTER_NE: return c != 0;
    case FILTER_LE: return c <= 0;
    case FILTER_GE: return c >= 0;
    case FILTER_LT: return c < 0;
    case FILTER_GT: return c > 0;
    }
    return false;
}

bool filter_accepts(const struct filter *f, const msgpack_object *root)
{
    for (size_t i = 0; i < f->n; i++)
        if (!holds(filter_field(root, f->terms[i].path), f->terms[i].op, f->terms[i].value))
            return false;
    return true;
}
