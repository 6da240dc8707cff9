/* messages - see messages.h
 *
 * messages.def is expanded three times: to count a map's keys, to pack, to unpack.  Unpacking asks the
 * map for each key of the list and then compares the number of keys, so that an unknown one is noticed
 * without a second list.
 */
#include <string.h>

#include "proto/err.h"

#include "proto/messages.h"

/* ---- how many keys ---- */

enum {
#define SUB(id)                    N_sub_##id = 0
#define SUB_END(id)                ,
#define MSG(ID, id, action, ver)   N_msg_##id = 1
#define END(id)                    ,
#define F_STR(name, size)          +1
#define F_ENUM(name, type)         +1
#define F_DEC(name)                +1
#define F_TIME(name)               +1
#define F_INT(name)                +1
#define F_DBL(name)                +1
#define F_BOOL(name)               +1
#define F_BIN(name, size)          +1
#define F_SUB(name, sub)           +1
#define F_LIST(name, sub, max)     +1
#include "proto/messages.def"
#include "proto/messages_undef.h"
};

/* ---- packing ---- */

#define SUB(id)                                                                                    \
    static void sub_##id##_pack(const struct sub_##id *m, struct wbuf *w)                          \
    {                                                                                              \
        wbuf_map(w, N_sub_##id);
#define SUB_END(id) }
#define MSG(ID, id, action, ver)                                                                   \
    int msg_##id##_pack(const struct msg_##id *m, struct wbuf *w)                                 \
    {                                                                                              \
        (void)m;                                                                                   \
        wbuf_map(w, N_msg_##id);                                                                   \
        wbuf_int(w, "v", ver);
#define END(id) return w->err; }
#define F_STR(name, size)          wbuf_str(w, #name, m->name);
#define F_ENUM(name, type)         wbuf_str(w, #name, type##_name(m->name));
#define F_DEC(name)                wbuf_dec(w, #name, m->name);
#define F_TIME(name)               wbuf_int(w, #name, m->name);
#define F_INT(name)                wbuf_int(w, #name, m->name);
#define F_DBL(name)                wbuf_dbl(w, #name, m->name);
#define F_BOOL(name)               wbuf_bool(w, #name, m->name);
#define F_BIN(name, size)                                                                          \
    must(m->name##_len <= (size));                                                                 \
    wbuf_bin(w, #name, m->name, m->name##_len);
#define F_SUB(name, sub)           wbuf_key(w, #name); sub_##sub##_pack(&m->name, w);
#define F_LIST(name, sub, max)                                                                     \
    wbuf_key(w, #name);                                                                            \
    must(m->name##_n <= (max));                                                                    \
    wbuf_array(w, m->name##_n);                                                                    \
    for (size_t i = 0; i < m->name##_n; i++)                                                       \
        sub_##sub##_pack(&m->name[i], w);
#include "proto/messages.def"
#include "proto/messages_undef.h"

/* ---- unpacking ---- */

static int count_keys(const msgpack_object *o, uint32_t n, const char **bad)
{
    *bad = "(an unknown key)";
    return o->via.map.size == n ? ERR_OK : ERR_UNKNOWN;
}

static int check_version(const msgpack_object *o, int64_t version, const char **bad)
{
    int64_t got = 0;
    *bad = "v";
    int err = mp_int(o, "v", &got);
    return err < 0 ? err : got == version ? ERR_OK : ERR_VERSION;
}

/* The value of a key; on an error its name is remembered. */
#define TRY(name, call)                                                                            \
    {                                                                                              \
        *bad = #name;                                                                              \
        int err = (call);                                                                          \
        if (err < 0)                                                                               \
            return err;                                                                            \
    }

#define SUB(id)                                                                                    \
    static int sub_##id##_unpack(const msgpack_object *o, struct sub_##id *m, const char **bad)    \
    {                                                                                              \
        if (o->type != MSGPACK_OBJECT_MAP)                                                         \
            return ERR_TYPE;
#define SUB_END(id)                                                                                \
        return count_keys(o, N_sub_##id, bad);                                                     \
    }                                                                                              \
    __attribute__((unused)) static int sub_##id##_list(const msgpack_object *o, struct sub_##id *list, size_t max,         \
                               size_t *n, const char **bad)                                        \
    {                                                                                              \
        if (o->type != MSGPACK_OBJECT_ARRAY)                                                       \
            return ERR_TYPE;                                                                       \
        if (o->via.array.size > max)                                                               \
            return ERR_SIZE;                                                                       \
        const char *key = *bad;                                                                    \
        for (*n = 0; *n < o->via.array.size; ++*n) {                                               \
            *bad = key; /* the element before has left its own there */                            \
            int err = sub_##id##_unpack(&o->via.array.ptr[*n], &list[*n], bad);                    \
            if (err < 0)                                                                           \
                return err;                                                                        \
        }                                                                                          \
        return ERR_OK;                                                                             \
    }
#define MSG(ID, id, action, ver)                                                                   \
    int msg_##id##_unpack(const msgpack_object *o, struct msg_##id *m, const char **bad)           \
    {                                                                                              \
        (void)m;                                                                                   \
        int version_err = check_version(o, ver, bad);                                              \
        if (version_err < 0)                                                                       \
            return version_err;
#define END(id)                                                                                    \
        return count_keys(o, N_msg_##id, bad);                                                     \
    }
#define F_STR(name, size)          TRY(name, mp_str(o, #name, m->name, sizeof m->name))
#define F_ENUM(name, type)                                                                         \
    {                                                                                              \
        char text[48];                                                                             \
        TRY(name, mp_str(o, #name, text, sizeof text))                                                    \
        int err = type##_parse(text, &m->name);                                                    \
        if (err < 0)                                                                               \
            return err;                                                                            \
    }
#define F_DEC(name)                TRY(name, mp_dec(o, #name, &m->name))
#define F_TIME(name)               TRY(name, mp_int(o, #name, &m->name))
#define F_INT(name)                TRY(name, mp_int(o, #name, &m->name))
#define F_DBL(name)                TRY(name, mp_dbl(o, #name, &m->name))
#define F_BOOL(name)               TRY(name, mp_bool(o, #name, &m->name))
#define F_BIN(name, size)          TRY(name, mp_bin(o, #name, m->name, size, &m->name##_len))
#define F_SUB(name, sub)                                                                           \
    {                                                                                              \
        const msgpack_object *v = NULL;                                                            \
        TRY(name, mp_get(o, #name, &v))                                                            \
        TRY(name, sub_##sub##_unpack(v, &m->name, bad))                                            \
    }
#define F_LIST(name, sub, max)                                                                     \
    {                                                                                              \
        const msgpack_object *v = NULL;                                                            \
        TRY(name, mp_get(o, #name, &v))                                                            \
        TRY(name, sub_##sub##_list(v, m->name, max, &m->name##_n, bad))                            \
    }
#include "proto/messages.def"
#include "proto/messages_undef.h"

/* ---- the table ---- */

#define SUB(id)
#define SUB_END(id)
#define END(id)
#include "proto/messages_nofields.h"
#define MSG(ID, id, action, ver)                                                                   \
    static int id##_pack_any(const void *m, struct wbuf *w)                                        \
    {                                                                                              \
        return msg_##id##_pack(m, w);                                                              \
    }                                                                                              \
    static int id##_unpack_any(const msgpack_object *o, void *m, const char **bad)                 \
    {                                                                                              \
        return msg_##id##_unpack(o, m, bad);                                                       \
    }
#include "proto/messages.def"
#undef MSG

const struct msg_def msg_defs[MSG_COUNT] = {
#define MSG(ID, id, text, ver)                                                                     \
    [MSG_##ID] = {                                                                                 \
        .action = text, .name = #id, .version = ver, .size = sizeof(struct msg_##id),              \
        .pack = id##_pack_any, .unpack = id##_unpack_any,                                          \
    },
#include "proto/messages.def"
};

int msg_by_action(const char *action, enum msg *ret)
{
    for (int i = 0; i < MSG_COUNT; i++) {
        if (strcmp(msg_defs[i].action, action) == 0) {
            *ret = (enum msg)i;
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}
