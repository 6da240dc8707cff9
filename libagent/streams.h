/* streams - exactly once and in order: the inbound side of the durable topics.
 *
 * One stream per (publisher, topic) that this agent must apply.  Its cursor is the last sequence
 * applied; the caller keeps it durable together with the effect.  The rules (reliability.md c5):
 *
 *     seq <= cursor        a repetition: dropped, counted
 *     seq == cursor + 1    applied; then whatever waits behind it
 *     seq >  cursor + 1    a gap: kept (REORDER_WINDOW ahead at most), and what is missing is asked for
 *     a heartbeat says last > cursor without progress for CATCHUP_DELAY_MS: likewise
 *
 * A publisher whose journal was replaced (another stream identity) starts again at 1.
 * Pure: time is an argument (monotonic ns); nothing is sent here, the caller is told what to ask for.
 * Memory: kept messages are copies, freed when taken or when the stream ends.
 */
#ifndef LIBAGENT_STREAMS_H
#define LIBAGENT_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/envelope.h"
#include "proto/topics.h"

struct streams;

/* A message kept behind a gap. */
struct kept {
    uint8_t header[HEADER_SIZE];
    size_t len;
    bool replayed;
    uint8_t body[];
};

struct stream {
    uint8_t publisher;
    char topic[TOPIC_MAX + 1];
    uint64_t cursor;            /* last applied */
    uint64_t last;              /* highest known to exist */
    int64_t behind_since_ns;    /* cursor < last since then; 0: not behind */
    uint64_t asked_cursor;      /* cursor when it was asked last */
    int64_t asked_ns;           /* outstanding catch-up request; 0: none */
    int64_t retry_ns;           /* not before */
    int64_t polled_ns;          /* when it was asked last */
    int failures;               /* in a row */
    struct kept **window;       /* REORDER_WINDOW slots by seq, NULL until there was a gap */
};

enum arrival { ARRIVAL_APPLY, ARRIVAL_REPEATED, ARRIVAL_KEPT, ARRIVAL_TOO_FAR };

struct streams *streams_new(void);
void streams_destroy(struct streams **s);

/* Identity of a publisher's journal; true when it differs from the one known (and is not the first):
 * all its cursors were set back to 0. */
bool streams_identity(struct streams *s, uint8_t publisher, uint64_t stream_id);
uint64_t streams_identity_of(const struct streams *s, uint8_t publisher);

/* Find or make; topic as text with its length (need not be NUL-terminated). */
struct stream *streams_get(struct streams *s, uint8_t publisher, const char *topic, size_t len);
/* The i-th stream, NULL after the last. */
struct stream *streams_at(struct streams *s, size_t i);

/* Judge a message.  ARRIVAL_APPLY: the caller applies it and calls stream_applied. */
enum arrival stream_arrive(struct stream *st, uint64_t seq, const uint8_t header[HEADER_SIZE],
                           const void *body, size_t len, bool replayed, int64_t now_ns);
void stream_applied(struct stream *st, int64_t now_ns);
/* The next message in order if it is kept, else NULL; the caller frees it. */
struct kept *stream_take(struct stream *st);
/* The publisher said that `last` exists. */
void stream_heard_last(struct stream *st, uint64_t last, int64_t now_ns);
/* What is older than `oldest` is gone for good: skip to it.  Returns how many are lost. */
uint64_t stream_skip_to(struct stream *st, uint64_t oldest);

/* True when it is time to ask for cursor + 1 ...; the caller then calls stream_asked. */
bool stream_wants(const struct stream *st, int64_t now_ns);
void stream_asked(struct stream *st, int64_t now_ns);
/* The answer is complete (ok) or did not come: the next one waits longer. */
void stream_answered(struct stream *st, bool ok, int64_t now_ns);
/* Sequences known to exist and not applied, older than CATCHUP_DELAY_MS. */
bool stream_gap_open(const struct stream *st, int64_t now_ns);

#endif
