/* text - copying text into fixed arrays. */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include <stddef.h>

/* As much of src as fits, always terminated, never cut inside a UTF-8 character. */
void text_copy(char *dst, size_t size, const char *src);
#define TEXT_COPY(array, src) text_copy(array, sizeof(array), src)

#endif
