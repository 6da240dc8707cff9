/* outbox - see outbox.h
 *
 * Per topic: positions of the messages first, first + stride, first + 2 stride, ...  When the table
 * is full every other one goes and the stride doubles.
 */
#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "libagent/outbox.h"

struct topic {
    char     name[OUTBOX_TOPIC_MAX + 1];
    uint64_t first, last;               /* seq at positions[0], and of the newest message */
    uint64_t stride;
    size_t   n;                         /* 0: all trimmed */
    struct journal_position *positions; /* OUTBOX_POSITIONS */
};

struct outbox {
    struct journal *journal;
    outbox_decode *decode;
    size_t topics_n;
    struct topic topics[OUTBOX_TOPICS];
};

struct outbox *outbox_new(struct journal *j, outbox_decode *decode)
{
    struct outbox *o = calloc(1, sizeof *o);
    must(o != NULL);
    o->journal = j;
    o->decode = decode;
    return o;
}

static void clear(struct outbox *o)
{
    for (size_t i = 0; i < o->topics_n; i++)
        free(o->topics[i].positions);
    memset(o->topics, 0, sizeof o->topics);
    o->topics_n = 0;
}

void outbox_destroy(struct outbox **outbox)
{
    if (*outbox == NULL)
        return;
    clear(*outbox);
    free(*outbox);
    *outbox = NULL;
}

static const struct topic *find(const struct outbox *o, const char *name)
{
    for (size_t i = 0; i < o->topics_n; i++)
        if (strcmp(o->topics[i].name, name) == 0)
            return &o->topics[i];
    return NULL;
}

static int add(struct outbox *o, const char *name, struct topic **ret)
{
    size_t len = strlen(name);
    if (len == 0 || len > OUTBOX_TOPIC_MAX)
        return ERR_SIZE;
    if (o->topics_n == OUTBOX_TOPICS)
        return ERR_FULL;
    struct topic *t = &o->topics[o->topics_n++];
    memcpy(t->name, name, len + 1);
    t->positions = calloc(OUTBOX_POSITIONS, sizeof *t->positions);
    must(t->positions != NULL);
    t->stride = 1;
    *ret = t;
    return ERR_OK;
}

static void thin(struct topic *t)
{
    t->stride *= 2;
    t->n = (t->n + 1) / 2;
    for (size_t i = 1; i < t->n; i++)
        t->positions[i] = t->positions[2 * i];
}

int outbox_note(struct outbox *o, const char *topic, uint64_t seq, struct journal_position at)
{
    size_t i = 0;
    while (i < o->topics_n && strcmp(o->topics[i].name, topic) != 0)
        i++;
    struct topic *t = i < o->topics_n ? &o->topics[i] : NULL;
    if (seq == 0 || (t != NULL && seq != t->last + 1))
        return ERR_WRONG_STATE;
    if (t == NULL) {
        int err = add(o, topic, &t);
        if (err < 0)
            return err;
    }
    if (t->n == 0) {
        t->first = seq;
        t->stride = 1;
    }
    if (t->n == OUTBOX_POSITIONS)
        thin(t);
    if (seq == t->first + t->n * t->stride)
        t->positions[t->n++] = at;
    t->last = seq;
    return ERR_OK;
}

int outbox_note_heard(struct outbox *o, const char *topic, uint64_t seq, struct journal_position at)
{
    for (size_t i = 0; i < o->topics_n; i++) {
        struct topic *t = &o->topics[i];
        if (seq > t->last + 1 && strcmp(t->name, topic) == 0) {
            t->n = 0;
            t->last = seq - 1;
        }
    }
    return outbox_note(o, topic, seq, at);
}

struct noting {
    struct outbox *outbox;
    struct journal_position at;
};

static int note_entry(void *arg, const struct outbox_entry *e)
{
    struct noting *n = arg;
    return outbox_note(n->outbox, e->topic, e->seq, n->at);
}

int outbox_note_record(struct outbox *o, const struct journal_record *record)
{
    struct noting n = { o, record->at };
    return o->decode(record, note_entry, &n);
}

uint64_t outbox_last(const struct outbox *o, const char *topic)
{
    const struct topic *t = find(o, topic);
    return t != NULL ? t->last : 0;
}

uint64_t outbox_oldest(const struct outbox *o, const char *topic)
{
    const struct topic *t = find(o, topic);
    return t != NULL && t->n > 0 ? t->first : 0;
}

const char *outbox_topic(const struct outbox *o, size_t i)
{
    return i < o->topics_n ? o->topics[i].name : NULL;
}

struct reading {
    const char *topic;
    uint64_t want;                      /* the next seq to show */
    int left, shown;
    outbox_sink *sink;
    void *arg;
};

static int read_entry(void *arg, const struct outbox_entry *e)
{
    struct reading *r = arg;
    if (r->left == 0 || e->seq != r->want || strcmp(e->topic, r->topic) != 0)
        return ERR_OK;
    int err = r->sink(r->arg, e);
    if (err < 0)
        return err;
    r->want++;
    r->left--;
    r->shown++;
    return ERR_OK;
}

int outbox_each(struct outbox *o, const char *topic, uint64_t from_seq, int max, outbox_sink *sink,
                void *arg)
{
    const struct topic *t = find(o, topic);
    if (t == NULL)
        return ERR_NOT_FOUND;
    if (from_seq > t->last)
        return 0;
    if (t->n == 0 || from_seq < t->first)
        return ERR_NOT_FOUND;
    struct reading r = { .topic = topic, .want = from_seq, .left = max, .sink = sink, .arg = arg };
    size_t i = (size_t)((from_seq - t->first) / t->stride);
    struct journal_position at = t->positions[i < t->n ? i : t->n - 1];
    while (r.left > 0 && r.want <= t->last) {
        struct journal_record record;
        int err = journal_read(o->journal, at, &record);
        if (err == ERR_OK)
            err = o->decode(&record, read_entry, &r);
        if (err == ERR_EMPTY)
            err = ERR_CORRUPT;          /* a message was noted that the journal does not have */
        if (err < 0)
            return err;
        at = record.next;
    }
    return r.shown;
}

void outbox_trim(struct outbox *o)
{
    uint64_t oldest = journal_first(o->journal).lsn;
    for (size_t i = 0; i < o->topics_n; i++) {
        struct topic *t = &o->topics[i];
        size_t gone = 0;
        while (gone < t->n && t->positions[gone].lsn < oldest)
            gone++;
        t->n -= gone;
        t->first += gone * t->stride;
        memmove(t->positions, t->positions + gone, t->n * sizeof *t->positions);
    }
}

/* Packed, little endian u64 throughout but for the name: count; per topic: name (48 bytes), first,
 * last, stride, n, and n times lsn, offset. */
enum { PACKED_TOPIC = OUTBOX_TOPIC_MAX + 1 + 4 * 8, PACKED_POSITION = 16 };

struct packer {
    uint8_t *bytes;
    size_t size, used;                  /* used goes on counting past size */
};

static void pack_bytes(struct packer *p, const void *bytes, size_t len)
{
    if (p->used <= p->size && len <= p->size - p->used)
        memcpy(p->bytes + p->used, bytes, len);
    p->used += len;
}

static void pack_u64(struct packer *p, uint64_t v)
{
    v = htole64(v);
    pack_bytes(p, &v, sizeof v);
}

size_t outbox_pack(const struct outbox *o, void *bytes, size_t size)
{
    struct packer p = { .bytes = bytes, .size = size };
    pack_u64(&p, o->topics_n);
    for (size_t i = 0; i < o->topics_n; i++) {
        const struct topic *t = &o->topics[i];
        pack_bytes(&p, t->name, sizeof t->name);
        pack_u64(&p, t->first);
        pack_u64(&p, t->last);
        pack_u64(&p, t->stride);
        pack_u64(&p, t->n);
        for (size_t k = 0; k < t->n; k++) {
            pack_u64(&p, t->positions[k].lsn);
            pack_u64(&p, t->positions[k].offset);
        }
    }
    return p.used;
}

static uint64_t take_u64(const uint8_t **p)
{
    uint64_t v;
    memcpy(&v, *p, sizeof v);
    *p += sizeof v;
    return le64toh(v);
}

static bool unpack_topic(struct outbox *o, const uint8_t **p, const uint8_t *end)
{
    char name[OUTBOX_TOPIC_MAX + 1];
    struct topic *t;
    if (end - *p < PACKED_TOPIC)
        return false;
    memcpy(name, *p, sizeof name);
    *p += sizeof name;
    if (name[OUTBOX_TOPIC_MAX] != '\0' || find(o, name) != NULL || add(o, name, &t) < 0)
        return false;
    t->first = take_u64(p);
    t->last = take_u64(p);
    t->stride = take_u64(p);
    uint64_t n = take_u64(p);
    if (n > OUTBOX_POSITIONS || (uint64_t)(end - *p) < n * PACKED_POSITION || t->last == 0 ||
        t->stride == 0 || t->stride > UINT64_MAX / 2 / OUTBOX_POSITIONS)
        return false;
    /* The last position is the newest that its stride allows. */
    if (n > 0 && (t->first == 0 || t->first > t->last || (t->last - t->first) / t->stride != n - 1))
        return false;
    for (; t->n < n; t->n++) {
        t->positions[t->n].lsn = take_u64(p);
        t->positions[t->n].offset = (uint32_t)take_u64(p);
    }
    return true;
}

int outbox_unpack(struct outbox *o, const void *bytes, size_t len)
{
    const uint8_t *p = bytes, *end = p + len;
    must(o->topics_n == 0);
    if (len < sizeof(uint64_t))
        return ERR_CORRUPT;
    uint64_t n = take_u64(&p);
    bool good = n <= OUTBOX_TOPICS;
    for (uint64_t i = 0; i < n && good; i++)
        good = unpack_topic(o, &p, end);
    if (good && p == end)
        return ERR_OK;
    clear(o);
    return ERR_CORRUPT;
}
