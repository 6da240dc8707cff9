/* mp - see mp.h.  The check walks the bytes recursively, at most MP_DEPTH_MAX deep. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "proto/mp.h"

struct cursor {
    const uint8_t *p, *end;
};

bool mp_text_ok(const char *text, size_t len)
{
    const uint8_t *s = (const uint8_t *)text, *end = s + len;
    while (s < end) {
        unsigned c = *s++;
        if (c == 0)
            return false;
        if (c < 0x80)
            continue;
        int more = c >= 0xc2 && c <= 0xdf   ? 1
                   : (c & 0xf0) == 0xe0     ? 2
                   : c >= 0xf0 && c <= 0xf4 ? 3
                                            : 0;
        if (more == 0 || end - s < more)
            return false;
        if ((c == 0xe0 && *s < 0xa0) || (c == 0xed && *s > 0x9f) || (c == 0xf0 && *s < 0x90) ||
            (c == 0xf4 && *s > 0x8f))
            return false; /* overlong, surrogate, above U+10FFFF */
        for (; more > 0; more--)
            if ((*s++ & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static int take(struct cursor *c, size_t n, uint64_t *ret)
{
    if ((size_t)(c->end - c->p) < n)
        return ERR_TRUNCATED;
    uint64_t v = 0;
    for (; n > 0; n--)
        v = v << 8 | *c->p++;
    *ret = v;
    return ERR_OK;
}

static int check(struct cursor *c, int depth);

static int check_text(struct cursor *c, uint64_t n, bool utf8)
{
    if (n > (uint64_t)(c->end - c->p))
        return ERR_TRUNCATED;
    if (utf8 && !mp_text_ok((const char *)c->p, n))
        return ERR_UTF8;
    c->p += n;
    return ERR_OK;
}

/* The key at c: its text and length.  c has passed check, so the lengths are good. */
static size_t key_of(const uint8_t *p, const uint8_t **text)
{
    int head = *p == 0xd9 ? 2 : *p == 0xda ? 3 : *p == 0xdb ? 5 : 1;
    size_t n = *p & 0x1f;
    for (int i = 1; i < head; i++)
        n = (i == 1 ? 0 : n << 8) | p[i];
    *text = p + head;
    return n;
}

static int check_map(struct cursor *c, uint64_t n, int depth)
{
    const uint8_t *keys[MP_PAIRS_MAX];
    if (depth > MP_DEPTH_MAX)
        return ERR_DEPTH;
    if (n * 2 > (uint64_t)(c->end - c->p))
        return ERR_TRUNCATED;
    if (n > sizeof keys / sizeof keys[0])
        return ERR_SIZE;
    for (uint64_t i = 0; i < n; i++) {
        if (c->p == c->end)
            return ERR_TRUNCATED;
        keys[i] = c->p;
        if ((*c->p & 0xe0) != 0xa0 && (*c->p < 0xd9 || *c->p > 0xdb))
            return ERR_TYPE;
        int err = check(c, depth);
        if (err < 0)
            return err;
        const uint8_t *a, *b;
        size_t len = key_of(keys[i], &a);
        for (uint64_t k = 0; k < i; k++)
            if (key_of(keys[k], &b) == len && memcmp(a, b, len) == 0)
                return ERR_DUPLICATE;
        err = check(c, depth);
        if (err < 0)
            return err;
    }
    return ERR_OK;
}

static int check_array(struct cursor *c, uint64_t n, int depth)
{
    if (depth > MP_DEPTH_MAX)
        return ERR_DEPTH;
    if (n > (uint64_t)(c->end - c->p))
        return ERR_TRUNCATED;
    if (n > MP_COUNT_MAX)
        return ERR_SIZE;
    int err = ERR_OK;
    for (uint64_t i = 0; i < n && err == ERR_OK; i++)
        err = check(c, depth);
    return err;
}

static int check(struct cursor *c, int depth)
{
    uint64_t b, n;
    int err = take(c, 1, &b);
    if (err < 0)
        return err;
    if (b < 0x80 || b >= 0xe0 || b == 0xc0 || b == 0xc2 || b == 0xc3)
        return ERR_OK;
    if (b < 0x90)
        return check_map(c, b & 15, depth + 1);
    if (b < 0xa0)
        return check_array(c, b & 15, depth + 1);
    if (b < 0xc0)
        return check_text(c, b & 31, true);
    /* 0xc1 ... 0xdf: bytes of length, of count or of the number; 0: not allowed */
    static const uint8_t width[32] = {0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 4, 8, 1, 2, 4, 8,
                                      1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};
    if (width[b - 0xc0] == 0)
        return ERR_TYPE;
    err = take(c, width[b - 0xc0], &n);
    if (err < 0)
        return err;
    if (b <= 0xc6)
        return check_text(c, n, false);
    if (b <= 0xd3)
        return ERR_OK;
    if (b <= 0xdb)
        return check_text(c, n, true);
    return b <= 0xdd ? check_array(c, n, depth + 1) : check_map(c, n, depth + 1);
}

int mp_check(const void *bytes, size_t len)
{
    if (len > MP_SIZE_MAX)
        return ERR_SIZE;
    if (len == 0)
        return ERR_TRUNCATED;
    struct cursor c = {bytes, (const uint8_t *)bytes + len};
    int err = check(&c, 0);
    return err < 0 ? err : c.p < c.end ? ERR_TRAILING : ERR_OK;
}

static int on_bytes(void *arg, const char *bytes, size_t n)
{
    struct wbuf *w = arg;
    if (w->err < 0)
        return 0;
    if (n > w->max - w->len) {
        w->err = ERR_SIZE;
        return 0;
    }
    if (w->len + n > w->cap) {
        size_t cap = w->cap * 2 > w->len + n ? w->cap * 2 : w->len + n + 256;
        w->data = realloc(w->data, cap);
        must(w->data != NULL);
        w->cap = cap;
    }
    memcpy(w->data + w->len, bytes, n);
    w->len += n;
    return 0;
}

void wbuf_init(struct wbuf *w, size_t max)
{
    *w = (struct wbuf){.max = max};
    msgpack_packer_init(&w->pk, w, on_bytes);
}
void wbuf_fini(struct wbuf *w)
{
    free(w->data);
    w->data = NULL;
    w->len = w->cap = 0;
}
void wbuf_map(struct wbuf *w, size_t n)
{
    msgpack_pack_map(&w->pk, n);
}
void wbuf_array(struct wbuf *w, size_t n)
{
    msgpack_pack_array(&w->pk, n);
}
static void text(struct wbuf *w, const char *s)
{
    size_t n = strlen(s);
    if (!mp_text_ok(s, n) && w->err == ERR_OK)
        w->err = ERR_UTF8;
    msgpack_pack_str(&w->pk, n);
    msgpack_pack_str_body(&w->pk, s, n);
}
void wbuf_key(struct wbuf *w, const char *key)
{
    if (key != NULL)
        text(w, key);
}
void wbuf_str(struct wbuf *w, const char *key, const char *v)
{
    wbuf_key(w, key);
    text(w, v);
}
void wbuf_int(struct wbuf *w, const char *key, int64_t v)
{
    wbuf_key(w, key);
    msgpack_pack_int64(&w->pk, v);
}
void wbuf_dbl(struct wbuf *w, const char *key, double v)
{
    if (!isfinite(v) && w->err == ERR_OK)
        w->err = ERR_RANGE;
    wbuf_key(w, key);
    msgpack_pack_double(&w->pk, v);
}
void wbuf_bool(struct wbuf *w, const char *key, bool v)
{
    wbuf_key(w, key);
    if (v)
        msgpack_pack_true(&w->pk);
    else
        msgpack_pack_false(&w->pk);
}
void wbuf_bin(struct wbuf *w, const char *key, const void *v, size_t n)
{
    wbuf_key(w, key);
    msgpack_pack_bin(&w->pk, n);
    msgpack_pack_bin_body(&w->pk, v, n);
}
void wbuf_dec(struct wbuf *w, const char *key, dec_t v)
{
    char buf[DEC_TEXT_MAX];
    wbuf_str(w, key, dec_format(v, buf));
}

int mp_get(const msgpack_object *m, const char *key, const msgpack_object **ret)
{
    if (m->type != MSGPACK_OBJECT_MAP)
        return ERR_TYPE;
    size_t n = strlen(key);
    for (uint32_t i = 0; i < m->via.map.size; i++) {
        const msgpack_object_kv *kv = &m->via.map.ptr[i];
        if (kv->key.via.str.size == n && memcmp(kv->key.via.str.ptr, key, n) == 0) {
            *ret = &kv->val;
            return ERR_OK;
        }
    }
    return ERR_MISSING;
}

#define GET(kind)                                                                                  \
    const msgpack_object *o;                                                                       \
    int err = mp_get(m, key, &o);                                                                  \
    if (err < 0 || !(kind))                                                                        \
    return err < 0 ? err : ERR_TYPE
int mp_str(const msgpack_object *m, const char *key, char *ret, size_t size)
{
    GET(o->type == MSGPACK_OBJECT_STR);
    if (o->via.str.size >= size)
        return ERR_SIZE;
    memcpy(ret, o->via.str.ptr, o->via.str.size);
    ret[o->via.str.size] = '\0';
    return ERR_OK;
}
int mp_int(const msgpack_object *m, const char *key, int64_t *ret)
{
    GET(o->type == MSGPACK_OBJECT_POSITIVE_INTEGER || o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER);
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 > INT64_MAX)
        return ERR_RANGE;
    *ret = o->via.i64;
    return ERR_OK;
}
int mp_dbl(const msgpack_object *m, const char *key, double *ret)
{
    int64_t whole; /* other languages write 1.0 as 1 */
    if (mp_int(m, key, &whole) == ERR_OK) {
        *ret = (double)whole;
        return ERR_OK;
    }
    GET(o->type == MSGPACK_OBJECT_FLOAT64 || o->type == MSGPACK_OBJECT_FLOAT32);
    if (!isfinite(o->via.f64))
        return ERR_RANGE;
    *ret = o->via.f64;
    return ERR_OK;
}
int mp_bool(const msgpack_object *m, const char *key, bool *ret)
{
    GET(o->type == MSGPACK_OBJECT_BOOLEAN);
    *ret = o->via.boolean;
    return ERR_OK;
}
int mp_bin(const msgpack_object *m, const char *key, uint8_t *ret, size_t size, size_t *len)
{
    GET(o->type == MSGPACK_OBJECT_BIN);
    if (o->via.bin.size > size)
        return ERR_SIZE;
    memcpy(ret, o->via.bin.ptr, o->via.bin.size);
    *len = o->via.bin.size;
    return ERR_OK;
}
int mp_dec(const msgpack_object *m, const char *key, dec_t *ret)
{
    GET(o->type == MSGPACK_OBJECT_STR);
    return dec_parse_n(o->via.str.ptr, o->via.str.size, ret);
}
