/* mpjson - checked msgpack values as JSON or as text for a terminal, exactly.
 *
 * Integers stay integers to 64 bits, floats get the fewest digits that read back the same, binary is
 * base64.  Control characters (C0, DEL, C1) are always escaped: no output moves a cursor.
 * Values come from envelope_unpack: their structure and UTF-8 are known to be good.
 */
#ifndef BROKER_MPJSON_H
#define BROKER_MPJSON_H

#include <stddef.h>
#include <stdio.h>

#include <msgpack.h>

void mpjson_write(FILE *f, const msgpack_object *o);
/* A JSON string with its quotes. */
void mpjson_string(FILE *f, const char *text, size_t len);
/* A string bare, escaped; everything else as in JSON. */
void mpjson_text(FILE *f, const msgpack_object *o);
/* Text bare, escaped. */
void mpjson_escape(FILE *f, const char *text, size_t len);

#endif
