/* turn - what one turn of the loop leaves behind, as one journal record.
 *
 * A record is a run of entries; the same coding serves snapshots.  Little-endian, nothing aligned:
 *   CURSOR  u8 1, u8 publisher, u8 n, topic[n], u64 seq, u64 stream   applied up to here
 *   NOTE    u8 2, u16 kind, u32 n, data[n]                            the agent's own change of state
 *   OUTPUT  u8 3, u8 n, topic[n], header[40], u32 m, body[m]          said, as on the wire
 *   LAST    u8 4, u8 n, topic[n], u64 seq                             snapshots: last sequence said
 *   STATE   u8 5, u32 n, data[n]                                      snapshots: the agent's state
 *   OUTBOX  u8 6, u32 n, data[n]                                      snapshots: where what was said is
 *   ARCHIVE u8 7, u32 n, data[n]                                      snapshots: where what was heard is
 *   ANCHOR  u8 8, u8 publisher, u64 stream, u64 epoch, u64 lsn, head[32]   another's journal (anchors.h)
 * An entry that does not decode makes the whole record ERR_CORRUPT: the journal's checksum held, so
 * it was written by something else.
 *
 * Memory: a turn owns one growing buffer, reused; decoded entries are borrowed from the record.
 */
#ifndef LIBAGENT_TURN_H
#define LIBAGENT_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/envelope.h"
#include "proto/topics.h"

enum turn_kind { TURN_CURSOR = 1, TURN_NOTE, TURN_OUTPUT, TURN_LAST, TURN_STATE, TURN_OUTBOX,
    TURN_ARCHIVE, TURN_ANCHOR };

#define TURN_HEAD_SIZE 32

struct turn_entry {
    enum turn_kind kind;
    uint8_t publisher;
    const char *topic;          /* NOT NUL-terminated: topic_len */
    size_t topic_len;
    uint64_t seq, stream, epoch;    /* ANCHOR: seq is the lsn */
    uint16_t note;
    const uint8_t *header;      /* OUTPUT: HEADER_SIZE bytes */
    const uint8_t *data;        /* NOTE, STATE, ...: data; OUTPUT: body; ANCHOR: head */
    size_t len;
};

struct turn {
    uint8_t *data;
    size_t len, size;
};

void turn_fini(struct turn *t);
void turn_clear(struct turn *t);
void turn_cursor(struct turn *t, uint8_t publisher, const char *topic, uint64_t seq, uint64_t stream);
void turn_note(struct turn *t, uint16_t kind, const void *data, size_t len);
void turn_output(struct turn *t, const char *topic, const uint8_t header[HEADER_SIZE],
                 const void *body, size_t len);
void turn_last(struct turn *t, const char *topic, uint64_t seq);
void turn_state(struct turn *t, const void *data, size_t len);
void turn_outbox(struct turn *t, const void *data, size_t len);
void turn_archive(struct turn *t, const void *data, size_t len);
void turn_anchor(struct turn *t, uint8_t publisher, uint64_t stream, uint64_t epoch, uint64_t lsn,
                 const uint8_t head[TURN_HEAD_SIZE]);

/* The entry at *offset of a record, which is moved past it.  1: an entry, 0: the end, else
 * ERR_CORRUPT. */
int turn_next(const void *record, size_t len, size_t *offset, struct turn_entry *ret);

#endif
