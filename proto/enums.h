/* enums - every enumeration that travels; the list is enums.def.
 *
 * For each type: enum type { PREFIX_NAME ..., PREFIX_COUNT }, type_name() (its text in payloads, "?"
 * for what is none) and type_parse() (ERR_UNKNOWN, *ret untouched, for another text).
 * Threads: pure functions.
 */
#ifndef PROTO_ENUMS_H
#define PROTO_ENUMS_H

#define ENUM(type, PREFIX) enum type {
#define V(type, PREFIX, NAME, text) PREFIX##_##NAME,
#define ENUM_END(type, PREFIX) PREFIX##_COUNT };
#include "proto/enums.def"
#undef ENUM
#undef V
#undef ENUM_END

#define ENUM(type, PREFIX) \
    const char *type##_name(enum type v); \
    int type##_parse(const char *text, enum type *ret);
#define V(type, PREFIX, NAME, text)
#define ENUM_END(type, PREFIX)
#include "proto/enums.def"
#undef ENUM
#undef V
#undef ENUM_END

#endif
