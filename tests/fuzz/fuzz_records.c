/* fuzz_records - what a journal record or snapshot can hold once its hashes are good: turns, and the outbox that a
 * snapshot carries.  Entries stay within the record; what unpacks packs to the same bytes.
 *
 * link: libagent/turn.c libagent/outbox.c libagent/journal.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/outbox.h"
#include "libagent/turn.h"
#include "proto/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void outbox(const uint8_t *data, size_t size)
{
    struct outbox *o = outbox_new(NULL, NULL);
    if (outbox_unpack(o, data, size) == ERR_OK) {
        size_t n = outbox_pack(o, NULL, 0);
        uint8_t *again = malloc(n + 1);
        must(again != NULL && outbox_pack(o, again, n) == n && n == size);
        for (size_t i = 0; outbox_topic(o, i) != NULL; i++)
            must(outbox_last(o, outbox_topic(o, i)) >= outbox_oldest(o, outbox_topic(o, i)));
        free(again);
    }
    outbox_destroy(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct turn_entry e;
    size_t off = 0, before = 0;
    while (turn_next(data, size, &off, &e) == 1) {
        must(off > before && off <= size);
        if (e.data != NULL)
            must(e.data >= data + before && e.data + e.len <= data + off);
        if (e.topic != NULL)
            must(e.topic_len > 0 && e.topic_len <= TOPIC_MAX);
        if (e.kind == TURN_OUTBOX || e.kind == TURN_ARCHIVE)
            outbox(e.data, e.len);
        before = off;
    }
    outbox(data, size);
    return 0;
}
