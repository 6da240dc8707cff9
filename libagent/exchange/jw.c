/* jw - see jw.h */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "libagent/exchange/jw.h"

#define FIRST_CAP 1024

void jw_init(struct jw *w)
{
    *w = (struct jw){.buf = malloc(FIRST_CAP), .cap = FIRST_CAP};
    must(w->buf != NULL);
    w->buf[0] = '\0';
}

void jw_fini(struct jw *w)
{
    free(w->buf);
    *w = (struct jw){0};
}

void jw_reset(struct jw *w)
{
    w->len = 0;
    w->comma = false;
    w->buf[0] = '\0';
}

static void put(struct jw *w, const char *text, size_t len)
{
    if (len >= w->cap - w->len) {
        while (len >= w->cap - w->len)
            w->cap *= 2;
        w->buf = realloc(w->buf, w->cap);
        must(w->buf != NULL);
    }
    memcpy(w->buf + w->len, text, len);
    w->len += len;
    w->buf[w->len] = '\0';
}

static void quoted(struct jw *w, const char *text)
{
    put(w, "\"", 1);
    for (const char *p = text; *p != '\0'; ) {
        size_t plain = 0;
        while ((unsigned char)p[plain] >= 0x20 && p[plain] != '"' && p[plain] != '\\')
            plain++;
        put(w, p, plain);
        p += plain;
        if (*p == '\0')
            break;
        char esc[8];
        int n = snprintf(esc, sizeof esc, "\\u%04x", (unsigned)(unsigned char)*p++);
        put(w, esc, (size_t)n);
    }
    put(w, "\"", 1);
}

static void before(struct jw *w, const char *key)
{
    if (w->comma)
        put(w, ",", 1);
    w->comma = true;
    if (key == NULL)
        return;
    quoted(w, key);
    put(w, ":", 1);
}

void jw_open(struct jw *w, const char *key, char bracket)
{
    before(w, key);
    put(w, &bracket, 1);
    w->comma = false;
}

void jw_close(struct jw *w, char bracket)
{
    put(w, &bracket, 1);
    w->comma = true;
}

void jw_str(struct jw *w, const char *key, const char *text)
{
    before(w, key);
    quoted(w, text);
}

void jw_raw(struct jw *w, const char *key, const char *json, size_t len)
{
    before(w, key);
    put(w, json, len);
}

void jw_int(struct jw *w, const char *key, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, v);
    jw_raw(w, key, text, (size_t)n);
}

void jw_ints(struct jw *w, const char *key, int64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, v);
    jw_str(w, key, text);
}

void jw_bool(struct jw *w, const char *key, bool v)
{
    if (v)
        jw_raw(w, key, "true", 4);
    else
        jw_raw(w, key, "false", 5);
}

void jw_null(struct jw *w, const char *key)
{
    jw_raw(w, key, "null", 4);
}

void jw_dec(struct jw *w, const char *key, dec_t v)
{
    char text[DEC_TEXT_MAX];
    dec_format(v, text);
    jw_raw(w, key, text, strlen(text));
}

void jw_decs(struct jw *w, const char *key, dec_t v)
{
    char text[DEC_TEXT_MAX];
    jw_str(w, key, dec_format(v, text));
}
