/* mp - msgpack: a structural check, a bounded writer, typed getters.
 *
 * msgpack-c never sees bytes that mp_check has not passed.
 * Memory:  wbuf owns its bytes until wbuf_fini; getters borrow from the object's zone.
 * Threads: no shared state.
 */
#ifndef PROTO_MP_H
#define PROTO_MP_H

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/dec.h"

#define MP_SIZE_MAX  65536u
#define MP_DEPTH_MAX 8
#define MP_COUNT_MAX 4096u  /* elements of an array */
#define MP_PAIRS_MAX 64u    /* of a map: no message has more, and comparing keys stays cheap */

/* Exactly one object: ERR_SIZE, ERR_DEPTH, ERR_TRUNCATED, ERR_TRAILING, ERR_UTF8, ERR_TYPE (ext types,
 * keys that are no strings), ERR_DUPLICATE (a key twice in one map). */
int mp_check(const void *bytes, size_t len);

/* Text as it may travel: valid UTF-8 without NUL. */
bool mp_text_ok(const char *text, size_t len);

/* Grows to max bytes.  The first error latches in err; look at it once, at the end. */
struct wbuf {
    uint8_t *data;
    size_t len, cap, max;
    int err;
    msgpack_packer pk;
};
void wbuf_init(struct wbuf *w, size_t max);     /* the struct must not move afterwards */
void wbuf_fini(struct wbuf *w);
void wbuf_map(struct wbuf *w, size_t n);        /* n pairs follow */
void wbuf_array(struct wbuf *w, size_t n);
void wbuf_key(struct wbuf *w, const char *key);
/* A pair of a map; with key NULL the value alone. */
void wbuf_str(struct wbuf *w, const char *key, const char *v);
void wbuf_int(struct wbuf *w, const char *key, int64_t v);
void wbuf_dbl(struct wbuf *w, const char *key, double v);       /* ERR_RANGE unless finite */
void wbuf_bool(struct wbuf *w, const char *key, bool v);
void wbuf_bin(struct wbuf *w, const char *key, const void *v, size_t len);
void wbuf_dec(struct wbuf *w, const char *key, dec_t v);        /* as a string */

/* Typed getters by key: ERR_MISSING, ERR_TYPE, ERR_RANGE or ERR_SIZE; *ret only on success. */
int mp_get(const msgpack_object *map, const char *key, const msgpack_object **ret);
int mp_str(const msgpack_object *map, const char *key, char *ret, size_t size);
int mp_int(const msgpack_object *map, const char *key, int64_t *ret);
int mp_dbl(const msgpack_object *map, const char *key, double *ret);
int mp_bool(const msgpack_object *map, const char *key, bool *ret);
int mp_bin(const msgpack_object *map, const char *key, uint8_t *ret, size_t size, size_t *len);
int mp_dec(const msgpack_object *map, const char *key, dec_t *ret);

#endif
