/* outbox - what a publisher has sent, to be sent again: an index over its journal, per topic.
 *
 * The journal keeps the frames, the outbox only where they are: at most OUTBOX_POSITIONS per topic,
 * evenly spread (every message while they are few, then every 2nd, 4th, ...), so that a million
 * messages cost 24 KiB a topic.  Reading starts at the position before and walks on.
 *
 * How a journal record holds messages is the owner's business: outbox_decode tells, called for
 * records of any kind.
 *
 * Errors:  negative enum err; journal_error() says more after ERR_CORRUPT and ERR_IO.
 * Memory:  the journal is borrowed; entries live until the sink returns.
 * Threads: the owner's thread only.
 */
#ifndef LIBAGENT_OUTBOX_H
#define LIBAGENT_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "libagent/journal.h"

#define OUTBOX_POSITIONS 1024   /* per topic; even */
#define OUTBOX_TOPICS    256
#define OUTBOX_TOPIC_MAX 47     /* bytes of a topic, without NUL */

struct outbox_entry {
    const char *topic;          /* NUL-terminated */
    uint64_t    seq;            /* from 1, without gaps per topic */
    const void *frames;         /* verbatim, as the owner journalled them */
    size_t      len;
};

/* A negative answer ends the walk and becomes its result. */
typedef int outbox_sink(void *arg, const struct outbox_entry *entry);

/* Call sink(sink_arg, entry) for each message in the record, in order; pass a negative answer on.
 * A record that holds none: ERR_OK. */
typedef int outbox_decode(const struct journal_record *record, outbox_sink *sink, void *sink_arg);

struct outbox;

struct outbox *outbox_new(struct journal *j, outbox_decode *decode);
void outbox_destroy(struct outbox **outbox);

/* Message seq of topic is in the record at this position.  ERR_WRONG_STATE: seq does not follow the last
 * one (a topic may start anywhere); ERR_FULL: too many topics; ERR_SIZE: topic too long or empty. */
int outbox_note(struct outbox *o, const char *topic, uint64_t seq, struct journal_position at);

/* The same for what others said: a message after a hole is noted, and what lies before the hole is not found
 * any more. */
int outbox_note_heard(struct outbox *o, const char *topic, uint64_t seq, struct journal_position at);

/* Note all messages of a record: for recovery. */
int outbox_note_record(struct outbox *o, const struct journal_record *record);

uint64_t outbox_last(const struct outbox *o, const char *topic);        /* 0: none sent */
uint64_t outbox_oldest(const struct outbox *o, const char *topic);      /* 0: none can be read */

/* Topic number i in order of first note; NULL past the end.  For heartbeats. */
const char *outbox_topic(const struct outbox *o, size_t i);

/* Show the messages of topic from from_seq on, at most max, in order.  Returns how many (0 when
 * from_seq is past the last), ERR_NOT_FOUND for an unknown topic or when from_seq is older than
 * outbox_oldest, or an error of journal, decode or sink. */
int outbox_each(struct outbox *o, const char *topic, uint64_t from_seq, int max, outbox_sink *sink,
                void *arg);

/* After journal_trim: forget what can no longer be read. */
void outbox_trim(struct outbox *o);

/* For the owner's snapshots.  outbox_pack writes at most size bytes and returns the bytes needed.
 * outbox_unpack fills an empty outbox; ERR_CORRUPT leaves it empty. */
size_t outbox_pack(const struct outbox *o, void *bytes, size_t size);
int outbox_unpack(struct outbox *o, const void *bytes, size_t len);

#endif
