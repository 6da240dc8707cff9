/* enums - see enums.h */
#include <string.h>

#include "proto/err.h"

#include "proto/enums.h"

#define ENUM(type, PREFIX)          static const char *const type##_texts[PREFIX##_COUNT] = {
#define V(type, PREFIX, NAME, text) [PREFIX##_##NAME] = text,
#define ENUM_END(type, PREFIX)                                                                     \
    }                                                                                              \
    ;                                                                                              \
    const char *type##_name(enum type v)                                                           \
    {                                                                                              \
        return (unsigned)v < PREFIX##_COUNT ? type##_texts[v] : "?";                               \
    }                                                                                              \
    int type##_parse(const char *text, enum type *ret)                                             \
    {                                                                                              \
        for (int i = 0; i < PREFIX##_COUNT; i++)                                                   \
            if (strcmp(text, type##_texts[i]) == 0) {                                              \
                *ret = (enum type)i;                                                               \
                return ERR_OK;                                                                     \
            }                                                                                      \
        return ERR_UNKNOWN;                                                                        \
    }
#include "proto/enums.def"
