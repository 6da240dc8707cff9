/* streams - see streams.h */
#include <stdlib.h>
#include <string.h>

#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/planted.h"

#include "libagent/streams.h"

#define MS 1000000LL
#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS  2000

struct streams {
    struct stream **list;       /* pointers: callers keep them while the list grows */
    size_t n, size;
    uint64_t identity[AGENT_COUNT];
};

struct streams *streams_new(void)
{
    struct streams *s = calloc(1, sizeof *s);
    must(s != NULL);
    return s;
}

static void window_clear(struct stream *st)
{
    for (size_t i = 0; st->window != NULL && i < REORDER_WINDOW; i++)
        free(st->window[i]);
    free(st->window);
    st->window = NULL;
}

void streams_destroy(struct streams **s)
{
    if (*s == NULL)
        return;
    for (size_t i = 0; i < (*s)->n; i++) {
        window_clear((*s)->list[i]);
        free((*s)->list[i]);
    }
    free((*s)->list);
    free(*s);
    *s = NULL;
}

bool streams_identity(struct streams *s, uint8_t publisher, uint64_t stream_id)
{
    must(publisher < AGENT_COUNT);
    uint64_t was = s->identity[publisher];
    s->identity[publisher] = stream_id;
    if (was == 0 || was == stream_id)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        struct stream *st = s->list[i];
        if (st->publisher != publisher)
            continue;
        window_clear(st);
        st->cursor = st->last = 0;
        st->behind_since_ns = st->retry_ns = 0;     /* a question under way stays so until it is answered */
        st->failures = 0;
    }
    return true;
}

uint64_t streams_identity_of(const struct streams *s, uint8_t publisher)
{
    return publisher < AGENT_COUNT ? s->identity[publisher] : 0;
}

struct stream *streams_get(struct streams *s, uint8_t publisher, const char *topic, size_t len)
{
    must(len > 0 && len <= TOPIC_MAX && publisher < AGENT_COUNT);
    for (size_t i = 0; i < s->n; i++) {
        struct stream *st = s->list[i];
        if (st->publisher == publisher && strlen(st->topic) == len &&
            memcmp(st->topic, topic, len) == 0)
            return st;
    }
    if (s->n == s->size) {
        s->size = s->size == 0 ? 32 : 2 * s->size;
        s->list = realloc(s->list, s->size * sizeof *s->list);
        must(s->list != NULL);
    }
    struct stream *st = calloc(1, sizeof *st);
    must(st != NULL);
    st->publisher = publisher;
    memcpy(st->topic, topic, len);
    s->list[s->n++] = st;
    return st;
}

struct stream *streams_at(struct streams *s, size_t i)
{
    return i < s->n ? s->list[i] : NULL;
}

static void note_behind(struct stream *st, int64_t now_ns)
{
    if (st->cursor >= st->last)
        st->behind_since_ns = 0;
    else if (st->behind_since_ns == 0)
        st->behind_since_ns = now_ns;
}

static bool keep(struct stream *st, uint64_t seq, const uint8_t *header, const void *body, size_t len,
                 bool replayed)
{
    if (st->window == NULL) {
        st->window = calloc(REORDER_WINDOW, sizeof *st->window);
        must(st->window != NULL);
    }
    struct kept **slot = &st->window[seq % REORDER_WINDOW];
    if (*slot != NULL)
        return false;           /* the same sequence again: all slots lie within one window */
    struct kept *k = malloc(sizeof *k + len);
    must(k != NULL);
    memcpy(k->header, header, HEADER_SIZE);
    memcpy(k->body, body, len);
    k->len = len;
    k->replayed = replayed;
    *slot = k;
    return true;
}

enum arrival stream_arrive(struct stream *st, uint64_t seq, const uint8_t header[HEADER_SIZE],
                           const void *body, size_t len, bool replayed, int64_t now_ns)
{
    if (PLANTED(repeated_message_applied) && seq <= st->cursor)
        return ARRIVAL_APPLY;
    if (seq <= st->cursor)
        return ARRIVAL_REPEATED;
    if (seq > st->last)
        st->last = seq;
    if (seq == st->cursor + 1)
        return ARRIVAL_APPLY;
    note_behind(st, now_ns);
    if (seq - st->cursor >= REORDER_WINDOW)
        return ARRIVAL_TOO_FAR;
    return keep(st, seq, header, body, len, replayed) ? ARRIVAL_KEPT : ARRIVAL_REPEATED;
}

void stream_applied(struct stream *st, int64_t now_ns)
{
    st->cursor++;
    if (st->window != NULL) {
        struct kept **slot = &st->window[st->cursor % REORDER_WINDOW];
        free(*slot);            /* it came live while its copy waited */
        *slot = NULL;
    }
    if (st->last < st->cursor)
        st->last = st->cursor;
    st->behind_since_ns = 0;    /* progress */
    note_behind(st, now_ns);
}

struct kept *stream_take(struct stream *st)
{
    if (st->window == NULL)
        return NULL;
    struct kept **slot = &st->window[(st->cursor + 1) % REORDER_WINDOW];
    struct kept *k = *slot;
    *slot = NULL;
    if (k == NULL && st->cursor >= st->last)
        window_clear(st);       /* nothing can wait behind a stream that is complete */
    return k;
}

void stream_heard_last(struct stream *st, uint64_t last, int64_t now_ns)
{
    if (last > st->last && !PLANTED(tail_is_lost))
        st->last = last;
    note_behind(st, now_ns);
}

uint64_t stream_skip_to(struct stream *st, uint64_t oldest)
{
    if (oldest <= st->cursor + 1)
        return 0;
    uint64_t lost = oldest - st->cursor - 1;
    window_clear(st);           /* slots are relative to the cursor's window */
    st->cursor = oldest - 1;
    if (st->last <= st->cursor) {
        st->last = st->cursor;
        st->behind_since_ns = 0;
    }
    return lost;
}

bool stream_wants(const struct stream *st, int64_t now_ns)
{
    if (st->behind_since_ns == 0 || now_ns < st->retry_ns)
        return false;
    if (st->asked_ns != 0)
        return false;
    return now_ns - st->behind_since_ns >= CATCHUP_DELAY_MS * MS;
}

void stream_asked(struct stream *st, int64_t now_ns)
{
    st->asked_ns = st->polled_ns = now_ns;
    st->asked_cursor = st->cursor;
}

void stream_answered(struct stream *st, bool ok, int64_t now_ns)
{
    st->asked_ns = 0;
    if (ok) {
        st->failures = 0;
        st->retry_ns = 0;
        return;
    }
    int64_t wait = RETRY_FIRST_MS;
    for (int i = 0; i < st->failures && wait < RETRY_MOST_MS; i++)
        wait *= 2;
    st->failures++;
    st->retry_ns = now_ns + (wait < RETRY_MOST_MS ? wait : RETRY_MOST_MS) * MS;
}

bool stream_gap_open(const struct stream *st, int64_t now_ns)
{
    return st->behind_since_ns != 0 && now_ns - st->behind_since_ns >= CATCHUP_DELAY_MS * MS;
}
