/* uuid - see uuid.h */
#include <sodium.h>
#include <string.h>

#include "proto/err.h"

#include "proto/uuid.h"

void uuid_from_bytes(const uint8_t b[16], char ret[37])
{
    static const char hex[] = "0123456789abcdef";
    char *p = ret;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = '\0';
}

void uuid_make(char ret[37])
{
    uint8_t b[16];
    randombytes_buf(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    uuid_from_bytes(b, ret);
}

int uuid_check(const char *text)
{
    for (int i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23
                ? text[i] != '-'
                : text[i] == '\0' || strchr("0123456789abcdef", text[i]) == NULL)
            return ERR_SYNTAX;
    return text[36] == 0 ? ERR_OK : ERR_SYNTAX;
}
