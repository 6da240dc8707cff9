/* mpjson - see mpjson.h */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"

#include "broker/mpjson.h"

void mpjson_escape(FILE *f, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < len; i++) {
        bool c1 = p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0;
        if (p[i] == '"' || p[i] == '\\')
            fprintf(f, "\\%c", p[i]);
        else if (p[i] < 0x20 || p[i] == 0x7f)
            fprintf(f, "\\u%04x", p[i]);
        else if (c1)
            fprintf(f, "\\u%04x", p[++i]);
        else
            putc(p[i], f);
    }
}

void mpjson_string(FILE *f, const char *text, size_t len)
{
    putc('"', f);
    mpjson_escape(f, text, len);
    putc('"', f);
}

static void write_double(FILE *f, double v)
{
    char text[40];
    if (!isfinite(v)) {
        fputs("null", f);       /* JSON has no other word */
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    fputs(text, f);
    if (strpbrk(text, ".e") == NULL)
        fputs(".0", f);
}

static void write_base64(FILE *f, const char *bytes, size_t len)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);
    must(text != NULL);
    sodium_bin2base64(text, size, (const unsigned char *)bytes, len, sodium_base64_VARIANT_ORIGINAL);
    fprintf(f, "\"%s\"", text);
    free(text);
}

static void write_array(FILE *f, const msgpack_object_array *a)
{
    putc('[', f);
    for (uint32_t i = 0; i < a->size; i++) {
        if (i > 0)
            putc(',', f);
        mpjson_write(f, &a->ptr[i]);
    }
    putc(']', f);
}

static void write_map(FILE *f, const msgpack_object_map *m)
{
    putc('{', f);
    for (uint32_t i = 0; i < m->size; i++) {
        if (i > 0)
            putc(',', f);
        mpjson_write(f, &m->ptr[i].key);
        putc(':', f);
        mpjson_write(f, &m->ptr[i].val);
    }
    putc('}', f);
}

void mpjson_write(FILE *f, const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_EXT:    /* refused before it comes here */
        fputs("null", f);
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        fputs(o->via.boolean ? "true" : "false", f);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        fprintf(f, "%" PRIu64, o->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        fprintf(f, "%" PRId64, o->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        write_double(f, o->via.f64);
        break;
    case MSGPACK_OBJECT_STR:
        mpjson_string(f, o->via.str.ptr, o->via.str.size);
        break;
    case MSGPACK_OBJECT_BIN:
        write_base64(f, o->via.bin.ptr, o->via.bin.size);
        break;
    case MSGPACK_OBJECT_ARRAY:
        write_array(f, &o->via.array);
        break;
    case MSGPACK_OBJECT_MAP:
        write_map(f, &o->via.map);
        break;
    }
}

void mpjson_text(FILE *f, const msgpack_object *o)
{
    if (o->type == MSGPACK_OBJECT_STR)
        mpjson_escape(f, o->via.str.ptr, o->via.str.size);
    else
        mpjson_write(f, o);
}
