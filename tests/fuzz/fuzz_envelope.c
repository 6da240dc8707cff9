/* The way of bytes off the bus: header, envelope, and every message's payload.
 *
 *     clang -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -I. -D_GNU_SOURCE \
 *         tests/fuzz/fuzz_envelope.c proto/[a-z]*.c -lmsgpackc -lsodium -lbidgcc000 -lm
 *
 * The input is a body, its first HEADER_SIZE bytes also a header.  Whatever a message's unpack
 * accepts must pack again, and those bytes must unpack.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/envelope.h"
#include "proto/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void unpack_again(const struct wbuf *w, enum msg type, void *msg)
{
    msgpack_unpacked parsed;
    const char *bad = "";
    must(mp_check(w->data, w->len) == ERR_OK);
    msgpack_unpacked_init(&parsed);
    must(msgpack_unpack_next(&parsed, (const char *)w->data, w->len, NULL) ==
         MSGPACK_UNPACK_SUCCESS);
    must(msg_defs[type].unpack(&parsed.data, msg, &bad) == ERR_OK);
    msgpack_unpacked_destroy(&parsed);
}

/* Every type reads every payload: a peer may claim any action. */
static void unpack_as_each(const msgpack_object *map)
{
    for (int type = 0; type < MSG_COUNT; type++) {
        const char *bad = "";
        void *msg = calloc(1, msg_defs[type].size);
        must(msg != NULL);
        if (msg_defs[type].unpack(map, msg, &bad) == ERR_OK) {
            struct wbuf w;
            wbuf_init(&w,
                      4 * MP_SIZE_MAX); /* integers may come back longer than they were written */
            must(msg_defs[type].pack(msg, &w) == ERR_OK);
            if (w.len <= MP_SIZE_MAX)
                unpack_again(&w, (enum msg)type, msg);
            wbuf_fini(&w);
        }
        free(msg);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header h;
    bool head = size >= HEADER_SIZE && header_decode(data, &h) == ERR_OK;
    if (head) {
        uint8_t again[HEADER_SIZE];
        header_encode(&h, again);
        must(memcmp(again, data, HEADER_SIZE) == 0);
    }
    struct envelope e;
    struct envelope_parser p;
    if (envelope_unpack(&p, data, size, &e) == ERR_OK) {
        unpack_as_each(e.payload);
        if (head)
            (void)envelope_agrees(&e, &h);
    } else if (p.unpacked.zone != NULL) {
        unpack_as_each(&p.unpacked.data); /* the payload alone */
    }
    envelope_parser_fini(&p);

    /* header | body, as on the wire */
    if (head && envelope_unpack(&p, data + HEADER_SIZE, size - HEADER_SIZE, &e) == ERR_OK) {
        unpack_as_each(e.payload);
        (void)envelope_agrees(&e, &h);
        envelope_parser_fini(&p);
    } else if (head) {
        envelope_parser_fini(&p);
    }
    return 0;
}
