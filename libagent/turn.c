/* turn - see turn.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "libagent/turn.h"

static void put(struct turn *t, const void *data, size_t len)
{
    if (t->len + len > t->size) {
        size_t size = t->size == 0 ? 4096 : t->size;
        while (size < t->len + len)
            size *= 2;
        t->data = realloc(t->data, size);
        must(t->data != NULL);
        t->size = size;
    }
    if (len > 0)
        memcpy(t->data + t->len, data, len);
    t->len += len;
}

static void put_uint(struct turn *t, uint64_t v, int bytes)
{
    uint8_t le[8];
    for (int i = 0; i < bytes; i++)
        le[i] = (uint8_t)(v >> (8 * i));
    put(t, le, (size_t)bytes);
}

static void put_topic(struct turn *t, const char *topic)
{
    size_t n = strlen(topic);
    must(n > 0 && n <= TOPIC_MAX);
    put_uint(t, n, 1);
    put(t, topic, n);
}

void turn_fini(struct turn *t)
{
    free(t->data);
    *t = (struct turn){.data = NULL};
}

void turn_clear(struct turn *t)
{
    t->len = 0;
}

void turn_cursor(struct turn *t, uint8_t publisher, const char *topic, uint64_t seq, uint64_t stream)
{
    put_uint(t, TURN_CURSOR, 1);
    put_uint(t, publisher, 1);
    put_topic(t, topic);
    put_uint(t, seq, 8);
    put_uint(t, stream, 8);
}

void turn_note(struct turn *t, uint16_t kind, const void *data, size_t len)
{
    put_uint(t, TURN_NOTE, 1);
    put_uint(t, kind, 2);
    put_uint(t, len, 4);
    put(t, data, len);
}

void turn_output(struct turn *t, const char *topic, const uint8_t header[HEADER_SIZE],
                 const void *body, size_t len)
{
    put_uint(t, TURN_OUTPUT, 1);
    put_topic(t, topic);
    put(t, header, HEADER_SIZE);
    put_uint(t, len, 4);
    put(t, body, len);
}

void turn_last(struct turn *t, const char *topic, uint64_t seq)
{
    put_uint(t, TURN_LAST, 1);
    put_topic(t, topic);
    put_uint(t, seq, 8);
}

static void put_data(struct turn *t, enum turn_kind kind, const void *data, size_t len)
{
    put_uint(t, kind, 1);
    put_uint(t, len, 4);
    put(t, data, len);
}

void turn_state(struct turn *t, const void *data, size_t len)
{
    put_data(t, TURN_STATE, data, len);
}

void turn_outbox(struct turn *t, const void *data, size_t len)
{
    put_data(t, TURN_OUTBOX, data, len);
}

void turn_archive(struct turn *t, const void *data, size_t len)
{
    put_data(t, TURN_ARCHIVE, data, len);
}

void turn_anchor(struct turn *t, uint8_t publisher, uint64_t stream, uint64_t epoch, uint64_t lsn,
                 const uint8_t head[TURN_HEAD_SIZE])
{
    put_uint(t, TURN_ANCHOR, 1);
    put_uint(t, publisher, 1);
    put_uint(t, stream, 8);
    put_uint(t, epoch, 8);
    put_uint(t, lsn, 8);
    put(t, head, TURN_HEAD_SIZE);
}

/* A reader that never leaves the record: after the first short read everything is 0 and bad is set. */
struct reader {
    const uint8_t *p, *end;
    bool bad;
};

static const uint8_t *take(struct reader *r, size_t n)
{
    if ((size_t)(r->end - r->p) < n) {
        r->bad = true;
        return NULL;
    }
    r->p += n;
    return r->p - n;
}

static uint64_t take_uint(struct reader *r, int bytes)
{
    const uint8_t *p = take(r, (size_t)bytes);
    uint64_t v = 0;
    for (int i = 0; p != NULL && i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void take_topic(struct reader *r, struct turn_entry *e)
{
    e->topic_len = take_uint(r, 1);
    e->topic = (const char *)take(r, e->topic_len);
    if (e->topic_len == 0 || e->topic_len > TOPIC_MAX)
        r->bad = true;
}

static void take_data(struct reader *r, struct turn_entry *e)
{
    e->len = take_uint(r, 4);
    e->data = take(r, e->len);
}

int turn_next(const void *record, size_t len, size_t *offset, struct turn_entry *ret)
{
    if (*offset >= len)
        return *offset == len ? 0 : ERR_CORRUPT;
    const uint8_t *start = record;
    struct reader r = {.p = start + *offset, .end = start + len};
    struct turn_entry e = {.kind = (enum turn_kind)take_uint(&r, 1)};
    switch (e.kind) {
    case TURN_CURSOR:
        e.publisher = (uint8_t)take_uint(&r, 1);
        take_topic(&r, &e);
        e.seq = take_uint(&r, 8);
        e.stream = take_uint(&r, 8);
        break;
    case TURN_NOTE:
        e.note = (uint16_t)take_uint(&r, 2);
        take_data(&r, &e);
        break;
    case TURN_OUTPUT:
        take_topic(&r, &e);
        e.header = take(&r, HEADER_SIZE);
        take_data(&r, &e);
        break;
    case TURN_LAST:
        take_topic(&r, &e);
        e.seq = take_uint(&r, 8);
        break;
    case TURN_STATE:
    case TURN_OUTBOX:
    case TURN_ARCHIVE:
        take_data(&r, &e);
        break;
    case TURN_ANCHOR:
        e.publisher = (uint8_t)take_uint(&r, 1);
        e.stream = take_uint(&r, 8);
        e.epoch = take_uint(&r, 8);
        e.seq = take_uint(&r, 8);
        e.len = TURN_HEAD_SIZE;
        e.data = take(&r, e.len);
        break;
    default:
        r.bad = true;
    }
    if (r.bad)
        return ERR_CORRUPT;
    *offset = (size_t)(r.p - start);
    *ret = e;
    return 1;
}
