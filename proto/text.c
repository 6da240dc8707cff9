/* text - see text.h */
#include <string.h>

#include "proto/err.h"

#include "proto/text.h"

void text_copy(char *dst, size_t size, const char *src)
{
    must(size > 0);
    size_t n = strlen(src);
    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)src[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(dst, src, n);
    dst[n] = '\0';
}
