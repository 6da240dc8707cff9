/* messages - everything that can be said; the list is messages.def.
 *
 * struct sub_<id>, struct msg_<id>, MSG_<ID>, msg_<id>_pack, msg_<id>_unpack and msg_defs.  A payload is
 * a map, "v" (the version) first.  Packing latches its errors in w->err.
 * Errors of unpack: ERR_VERSION, ERR_MISSING, ERR_UNKNOWN, ERR_TYPE, ERR_RANGE, ERR_SIZE; *bad_key then
 * names the key (static or borrowed from the object) and *ret is unspecified.
 */
#ifndef PROTO_MESSAGES_H
#define PROTO_MESSAGES_H

#include "proto/enums.h"
#include "proto/mp.h"

#define SUB(id) struct sub_##id {
#define SUB_END(id) };
#define MSG(ID, id, action, version) struct msg_##id { char empty_; /* C has no empty structs */
#define END(id) };
#define F_STR(name, size) char name[size];
#define F_ENUM(name, type) enum type name;
#define F_DEC(name) dec_t name;
#define F_TIME(name) int64_t name;
#define F_INT(name) int64_t name;
#define F_DBL(name) double name;
#define F_BOOL(name) bool name;
#define F_BIN(name, size) uint8_t name[size]; size_t name##_len;
#define F_LIST(name, sub, max) struct sub_##sub name[max]; size_t name##_n;
#define F_SUB(name, sub) struct sub_##sub name;
#include "proto/messages.def"
#include "proto/messages_undef.h"

#define SUB(id)
#define SUB_END(id)
#define END(id)
#include "proto/messages_nofields.h"
enum msg {
#define MSG(ID, id, action, version) MSG_##ID,
#include "proto/messages.def"
#undef MSG
    MSG_COUNT,
    MSG_ANY = MSG_COUNT         /* of a topic that carries any message */
};
#define MSG(ID, id, action, version) \
    int msg_##id##_pack(const struct msg_##id *m, struct wbuf *w); \
    int msg_##id##_unpack(const msgpack_object *map, struct msg_##id *ret, const char **bad_key);
#include "proto/messages.def"
#include "proto/messages_undef.h"

struct msg_def {
    const char *action;
    int version;
    size_t size;                /* of struct msg_<id> */
    int (*pack)(const void *m, struct wbuf *w);
    int (*unpack)(const msgpack_object *map, void *ret, const char **bad_key);
    const char *name;           /* "risk_approved" */
};
extern const struct msg_def msg_defs[MSG_COUNT];

int msg_by_action(const char *action, enum msg *ret);   /* ERR_UNKNOWN */

#endif
