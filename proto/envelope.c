/* envelope - see envelope.h */
#include <string.h>

#include "proto/err.h"
#include "proto/uuid.h"

#include "proto/envelope.h"

static void put_le(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

void header_encode(const struct header *h, uint8_t ret[HEADER_SIZE])
{
    memset(ret, 0, HEADER_SIZE);
    ret[0] = HEADER_VERSION;
    ret[1] = (uint8_t)h->class;
    ret[2] = (uint8_t)h->sender;
    put_le(ret + 4, h->epoch, 4);
    put_le(ret + 8, h->seq, 8);
    put_le(ret + 16, (uint64_t)h->sent_ns, 8);
    put_le(ret + 24, h->ttl_ms, 4);
}

int header_decode(const uint8_t bytes[HEADER_SIZE], struct header *ret)
{
    static const uint8_t zeros[12];
    if (bytes[0] != HEADER_VERSION)
        return ERR_VERSION;
    if (bytes[1] >= DUR_COUNT || bytes[2] >= AGENT_COUNT || bytes[3] != 0 ||
        memcmp(bytes + 28, zeros, sizeof zeros) != 0 || get_le(bytes + 8, 8) == 0)
        return ERR_RANGE;
    *ret = (struct header){
        .class = (enum durability)bytes[1],
        .sender = (enum party)bytes[2],
        .epoch = (uint32_t)get_le(bytes + 4, 4),
        .seq = get_le(bytes + 8, 8),
        .sent_ns = (int64_t)get_le(bytes + 16, 8),
        .ttl_ms = (uint32_t)get_le(bytes + 24, 4),
    };
    return ERR_OK;
}

int envelope_pack(const struct envelope *e, enum msg type, const void *msg, struct wbuf *w)
{
    bool correlated = e->correlation_id[0] != '\0';
    wbuf_map(w, correlated ? 9 : 8);
    wbuf_str(w, "id", e->id);
    wbuf_str(w, "from", party_name(e->from));
    wbuf_str(w, "to", e->to);
    wbuf_str(w, "type", msg_type_name(e->type));
    wbuf_str(w, "action", e->action);
    wbuf_key(w, "payload");
    msg_defs[type].pack(msg, w);
    wbuf_int(w, "timestamp", e->timestamp_ms);
    if (correlated) {
        wbuf_str(w, "correlationId", e->correlation_id);
    }
    wbuf_str(w, "priority", priority_name(e->priority));
    return w->err;
}

void envelope_parser_fini(struct envelope_parser *p)
{
    msgpack_unpacked_destroy(&p->unpacked);
}

static int get_uuid(const msgpack_object *o, const char *key, char ret[37])
{
    char text[37];
    int err = mp_str(o, key, text, sizeof text);
    if (err == ERR_OK)
        err = uuid_check(text);
    if (err == ERR_OK)
        memcpy(ret, text, sizeof text);
    return err;
}

#define GET_ENUM(o, key, type, ret)                                                                \
    (err = mp_str(o, key, text, sizeof text), err == ERR_OK ? type##_parse(text, ret) : err)

static int read_fields(const msgpack_object *o, struct envelope *e)
{
    char text[32];
    int err;
    if ((err = get_uuid(o, "id", e->id)) < 0 || (err = GET_ENUM(o, "from", party, &e->from)) < 0 ||
        (err = mp_str(o, "to", e->to, sizeof e->to)) < 0 ||
        (err = GET_ENUM(o, "type", msg_type, &e->type)) < 0 ||
        (err = mp_str(o, "action", e->action, sizeof e->action)) < 0 ||
        (err = GET_ENUM(o, "priority", priority, &e->priority)) < 0)
        return err;
    enum party to;
    if (strcmp(e->to, "*") != 0 && (err = party_parse(e->to, &to)) < 0)
        return err;
    if ((err = mp_int(o, "timestamp", &e->timestamp_ms)) < 0 ||
        (err = mp_get(o, "payload", &e->payload)) < 0)
        return err;
    if (e->payload->type != MSGPACK_OBJECT_MAP)
        return ERR_TYPE;
    const msgpack_object *about;
    bool correlated = mp_get(o, "correlationId", &about) == ERR_OK;
    if (correlated && (err = get_uuid(o, "correlationId", e->correlation_id)) < 0)
        return err;
    return o->via.map.size == (correlated ? 9u : 8u) ? ERR_OK : ERR_UNKNOWN;
}

int envelope_unpack(struct envelope_parser *p, const void *body, size_t len, struct envelope *ret)
{
    msgpack_unpacked_init(&p->unpacked);
    int err = mp_check(body, len);
    if (err < 0)
        return err;
    if (msgpack_unpack_next(&p->unpacked, body, len, NULL) != MSGPACK_UNPACK_SUCCESS)
        return ERR_SYNTAX;
    struct envelope e = {.timestamp_ms = 0};
    err = read_fields(&p->unpacked.data, &e);
    if (err == ERR_OK)
        *ret = e;
    return err;
}

int envelope_agrees(const struct envelope *e, const struct header *h)
{
    int64_t sent_ms = h->sent_ns / 1000000; /* the difference to a hostile timestamp could overflow */
    return e->from == h->sender && e->timestamp_ms >= sent_ms - 1 && e->timestamp_ms <= sent_ms + 1
               ? ERR_OK
               : ERR_PROTOCOL;
}
