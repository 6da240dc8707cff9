/* envelope - a message on the wire: topic | header | body.
 *
 * Header, HEADER_SIZE bytes, little-endian:
 *   u8 version = 1, u8 class (enum durability), u8 sender (enum party), u8 0, u32 epoch, u64 seq,
 *   i64 sent (UTC ns), u32 ttl ms (0: none), 12 zero bytes
 * Body, a msgpack map with the fields
 *   id (36-character UUID), from, to, type, action, payload (map), timestamp (ms), priority, and
 *   correlationId when there is one; no others.
 * `to` is an agent's name or "*".  seq counts per (sender, topic): from 1, over restarts for durable
 * topics, from 1 in each epoch for the others.
 *
 * Errors:  negative enum err.
 * Memory:  what envelope_unpack yields borrows from its parser and the body's bytes.
 */
#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/enums.h"
#include "proto/messages.h"
#include "proto/mp.h"

#define HEADER_SIZE     40
#define HEADER_VERSION  1
#define ENVELOPE_MAX    MP_SIZE_MAX

struct header {
    enum durability class;
    enum party sender;
    uint32_t epoch;
    uint64_t seq;
    int64_t sent_ns;
    uint32_t ttl_ms;
};

void header_encode(const struct header *h, uint8_t ret[HEADER_SIZE]);
/* ERR_VERSION; ERR_RANGE for an unknown class or sender, seq 0 or padding that is not zero. */
int header_decode(const uint8_t bytes[HEADER_SIZE], struct header *ret);

struct envelope {
    char id[37];
    enum party from;
    char to[17];
    enum msg_type type;
    char action[49];
    char correlation_id[37];        /* empty: none */
    enum priority priority;
    int64_t timestamp_ms;
    const msgpack_object *payload;  /* a map; borrowed; not used for packing */
};

/* Body of an envelope around a message of the list.  ERR_SIZE above the buffer's bound. */
int envelope_pack(const struct envelope *e, enum msg type, const void *msg, struct wbuf *w);

/* Keeps what unpacking allocates; zeroed is empty, fini may be called on it at any time. */
struct envelope_parser {
    msgpack_unpacked unpacked;
};
void envelope_parser_fini(struct envelope_parser *p);

/* Size and structure are checked before msgpack-c sees a byte.  The parser is filled also on errors. */
int envelope_unpack(struct envelope_parser *p, const void *body, size_t len, struct envelope *ret);

/* ERR_PROTOCOL when header and body disagree about who said it or when (1 ms). */
int envelope_agrees(const struct envelope *e, const struct header *h);

#endif
