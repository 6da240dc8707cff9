/* anchors - what one agent remembers of the journals of the others, so that nobody's journal is cut,
 * exchanged or edited unseen (reliability.md c4).
 *
 * A heartbeat carries the sender's own anchor (stream, epoch, number and hash of its last record on disk)
 * and those of the others that it remembers; it journals them every ANCHOR_KEEP_MS.  Whoever starts
 * finds in the heartbeats of the others what his own journal must contain.
 *
 * Pure: compares; who reads journals and speaks is agent_in.c.
 */
#ifndef LIBAGENT_ANCHORS_H
#define LIBAGENT_ANCHORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/messages.h"

#define ANCHOR_HEAD_SIZE 32

struct anchor {
    uint64_t stream;            /* 0: nothing known */
    uint64_t epoch, lsn;
    uint8_t head[ANCHOR_HEAD_SIZE];
};

/* From and to a heartbeat.  ERR_RANGE: numbers that no journal has; ERR_SIZE: a hash of another size. */
int  anchor_read(const struct sub_anchor *from, struct anchor *ret);
void anchor_write(const struct anchor *from, const char *name, struct sub_anchor *to);

/* Can `now` be the same journal as `was`, later?  NULL: yes; else what is wrong with it, for people. */
const char *anchor_follows(const struct anchor *was, const struct anchor *now);

#endif
