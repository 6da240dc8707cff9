/* jw - writes JSON text: exact decimals, no tree, one growing buffer.
 *
 *     jw_open(&w, NULL, '{');  jw_str(&w, "symbol", "XBTUSDTM");  jw_dec(&w, "price", px);
 *     jw_close(&w, '}');       -> w.buf, w.len
 * Commas are put by the writer.  `key` is NULL in an array and for the outermost value.
 *
 * Numbers: jw_dec writes a JSON number, jw_decs the same digits as a JSON string (canonical decimal
 *          text, never through double).
 * Memory:  jw_init / jw_fini; jw_reset keeps the buffer.  buf is NUL-terminated after any call and
 *          valid until the next one.
 * Threads: one per writer.
 */
#ifndef LIBAGENT_EXCHANGE_JW_H
#define LIBAGENT_EXCHANGE_JW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/dec.h"

struct jw {
    char *buf;
    size_t len, cap;
    bool comma;         /* the next value needs one before it */
};

void jw_init(struct jw *w);
void jw_fini(struct jw *w);
void jw_reset(struct jw *w);

void jw_open(struct jw *w, const char *key, char bracket);  /* '{' or '[' */
void jw_close(struct jw *w, char bracket);                  /* '}' or ']' */
void jw_str(struct jw *w, const char *key, const char *text);
void jw_int(struct jw *w, const char *key, int64_t v);
void jw_ints(struct jw *w, const char *key, int64_t v);     /* as a string */
void jw_bool(struct jw *w, const char *key, bool v);
void jw_null(struct jw *w, const char *key);
void jw_dec(struct jw *w, const char *key, dec_t v);
void jw_decs(struct jw *w, const char *key, dec_t v);
void jw_raw(struct jw *w, const char *key, const char *json, size_t len);   /* a finished value */

#endif
