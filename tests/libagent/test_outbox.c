/* The outbox: any message ever sent can be had again, verbatim, for little memory. */
#include <string.h>
#include <unistd.h>

#define TEST_TIMEOUT 60
#include "tests/runner.h"
#include "proto/err.h"
#include "libagent/outbox.h"

#define USER JOURNAL_KIND_USER

static char dir[64];

static void clean(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        _exit(1);
}

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

static struct journal *open_journal(uint32_t segment_size, const struct journal_visitor *v)
{
    static const struct journal_io io = { .fdatasync = no_sync, .fsync = no_sync };
    if (dir[0] == '\0') {
        strcpy(dir, "/tmp/test-outbox.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        atexit(clean);
    }
    struct journal_options o = { .dir = dir, .agent = 1, .segment_size = segment_size, .io = &io };
    struct journal *j;
    ck_assert_int_eq(journal_open(&o, &j), ERR_OK);
    ck_assert_int_eq(journal_recover(j, v, NULL), ERR_OK);
    return j;
}

/* A record of ours: any number of { char topic[8]; u64 seq; char frames[8] }. */
struct item {
    char topic[8];
    uint64_t seq;
    char frames[8];
};

static int decode(const struct journal_record *r, outbox_sink *sink, void *arg)
{
    if (r->kind < USER)
        return ERR_OK;
    for (size_t at = 0; at + sizeof(struct item) <= r->len; at += sizeof(struct item)) {
        struct item it;
        memcpy(&it, (const char *)r->payload + at, sizeof it);
        struct outbox_entry e = { it.topic, it.seq, it.frames, sizeof it.frames };
        int err = sink(arg, &e);
        if (err < 0)
            return err;
    }
    return ERR_OK;
}

static struct item item(const char *topic, uint64_t seq)
{
    struct item it = { .seq = seq };
    snprintf(it.topic, sizeof it.topic, "%s", topic);
    snprintf(it.frames, sizeof it.frames, "%c%06llu", topic[0], (unsigned long long)(seq % 1000000));
    return it;
}

static void send_items(struct journal *j, struct outbox *o, const struct item *items, int n)
{
    struct iovec part = { (void *)(uintptr_t)items, (size_t)n * sizeof *items };
    struct journal_position at;
    ck_assert_int_eq(journal_append(j, USER, &part, 1, &at), ERR_OK);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(outbox_note(o, items[i].topic, items[i].seq, at), ERR_OK);
}

struct want {
    const char *topic;
    uint64_t next;
};

static int check_entry(void *arg, const struct outbox_entry *e)
{
    struct want *w = arg;
    struct item it = item(w->topic, w->next);
    ck_assert_str_eq(e->topic, w->topic);
    ck_assert_uint_eq(e->seq, w->next);
    ck_assert_uint_eq(e->len, sizeof it.frames);
    ck_assert_mem_eq(e->frames, it.frames, e->len);
    w->next++;
    return ERR_OK;
}

static void check_each(struct outbox *o, const char *topic, uint64_t from, int max, int count)
{
    struct want w = { topic, from };
    ck_assert_int_eq(outbox_each(o, topic, from, max, check_entry, &w), count);
    ck_assert_uint_eq(w.next, from + (uint64_t)count);
}

START_TEST(gives_back_messages_of_several_topics_in_one_record)
{
    struct journal *j = open_journal(8192, NULL);
    struct outbox *o = outbox_new(j, decode);
    for (uint64_t i = 1; i <= 300; i++) {
        struct item items[3] = { item("a", 2 * i - 1), item("b", i), item("a", 2 * i) };
        send_items(j, o, items, 3);
    }
    ck_assert_uint_eq(outbox_last(o, "a"), 600);
    ck_assert_uint_eq(outbox_last(o, "b"), 300);
    ck_assert_uint_eq(outbox_last(o, "c"), 0);
    ck_assert_uint_eq(outbox_oldest(o, "a"), 1);
    ck_assert_str_eq(outbox_topic(o, 1), "b");
    ck_assert_ptr_null(outbox_topic(o, 2));
    for (uint64_t from = 1; from <= 600; from++)
        check_each(o, "a", from, 10, from <= 591 ? 10 : (int)(601 - from));
    check_each(o, "b", 1, 1000, 300);
    check_each(o, "b", 301, 10, 0);
    ck_assert_int_eq(outbox_each(o, "c", 1, 10, check_entry, NULL), ERR_NOT_FOUND);
    outbox_destroy(&o);
    journal_close(&j);
}
END_TEST

START_TEST(refuses_gaps_and_bad_topics)
{
    struct journal *j = open_journal(0, NULL);
    struct outbox *o = outbox_new(j, decode);
    struct journal_position at = journal_end(j);
    ck_assert_int_eq(outbox_note(o, "a", 0, at), ERR_WRONG_STATE);
    ck_assert_int_eq(outbox_note(o, "a", 5, at), ERR_OK);
    ck_assert_int_eq(outbox_note(o, "a", 5, at), ERR_WRONG_STATE);
    ck_assert_int_eq(outbox_note(o, "a", 7, at), ERR_WRONG_STATE);
    ck_assert_int_eq(outbox_note(o, "a", 6, at), ERR_OK);
    ck_assert_int_eq(outbox_each(o, "a", 4, 1, check_entry, NULL), ERR_NOT_FOUND);
    ck_assert_int_eq(outbox_note(o, "", 1, at), ERR_SIZE);
    ck_assert_int_eq(outbox_note(o, "123456789 123456789 123456789 123456789 12345678", 1, at), ERR_SIZE);
    for (int i = 1; i < OUTBOX_TOPICS; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t%d", i);
        ck_assert_int_eq(outbox_note(o, topic, 1, at), ERR_OK);
    }
    ck_assert_int_eq(outbox_note(o, "one more", 1, at), ERR_FULL);
    outbox_destroy(&o);
    journal_close(&j);
}
END_TEST

static int note(void *arg, const struct journal_record *r)
{
    return outbox_note_record(arg, r);
}

START_TEST(many_messages_and_a_rare_topic_are_found_after_restart_and_unpack)
{
    enum { N = 200000 };
    static struct item batch[1000];
    struct journal *j = open_journal(0, NULL);
    struct outbox *o = outbox_new(j, decode);
    for (uint64_t i = 0; i < N; i += 1000) {
        for (uint64_t k = 0; k < 1000; k++)
            batch[k] = item("often", i + k + 1);
        send_items(j, o, batch, 1000);
        struct item rare = item("rare", i / 1000 + 1);
        send_items(j, o, &rare, 1);
    }
    size_t size = outbox_pack(o, NULL, 0);
    ck_assert_uint_le(size, 8 + 2 * (80 + 16 * OUTBOX_POSITIONS));
    uint8_t *packed = malloc(size);
    ck_assert_uint_eq(outbox_pack(o, packed, size), size);
    outbox_destroy(&o);
    journal_close(&j);

    struct outbox *noted = outbox_new(NULL, decode);
    struct journal_visitor v = { NULL, note, noted };
    j = open_journal(0, &v);
    struct outbox *unpacked = outbox_new(j, decode);
    ck_assert_int_eq(outbox_unpack(unpacked, packed, size), ERR_OK);
    uint8_t *again = malloc(size);
    ck_assert_uint_eq(outbox_pack(noted, again, size), size);
    ck_assert_mem_eq(again, packed, size);
    check_each(unpacked, "often", 1, 256, 256);
    check_each(unpacked, "often", 123457, 256, 256);
    check_each(unpacked, "often", N - 10, 256, 11);
    for (uint64_t i = 1; i <= N / 1000; i++)
        check_each(unpacked, "rare", i, 1, 1);
    check_each(unpacked, "rare", 1, 1000, 200);
    struct item more = item("often", N + 1);
    send_items(j, unpacked, &more, 1);
    check_each(unpacked, "often", N, 10, 2);
    outbox_destroy(&unpacked);
    outbox_destroy(&noted);

    /* Cut or changed packs are refused or harmless. */
    for (size_t len = 0; len < size; len += len < 200 ? 1 : 977) {
        struct outbox *cut = outbox_new(j, decode);
        ck_assert_int_eq(outbox_unpack(cut, packed, len), ERR_CORRUPT);
        ck_assert_uint_eq(outbox_last(cut, "often"), 0);
        outbox_destroy(&cut);
    }
    free(packed);
    free(again);
    journal_close(&j);
}
END_TEST

START_TEST(trimmed_messages_are_known_to_be_gone)
{
    struct journal *j = open_journal(8192, NULL);
    struct outbox *o = outbox_new(j, decode);
    for (uint64_t i = 1; i <= 1000; i++) {
        struct item it = item("a", i);
        send_items(j, o, &it, 1);
        if (i == 700 || i == 800)
            ck_assert_int_eq(journal_snapshot_write(j, "s", 1), ERR_OK);
    }
    ck_assert_int_gt(journal_trim(j, UINT64_MAX, 0), 0);
    outbox_trim(o);
    uint64_t oldest = outbox_oldest(o, "a");
    ck_assert_uint_gt(oldest, 500);
    ck_assert_uint_le(oldest, 701);
    ck_assert_int_eq(outbox_each(o, "a", oldest - 1, 1, check_entry, NULL), ERR_NOT_FOUND);
    check_each(o, "a", oldest, 2000, (int)(1001 - oldest));
    ck_assert_uint_eq(outbox_last(o, "a"), 1000);
    outbox_destroy(&o);
    journal_close(&j);
}
END_TEST

TESTS("outbox", gives_back_messages_of_several_topics_in_one_record, refuses_gaps_and_bad_topics,
      many_messages_and_a_rare_topic_are_found_after_restart_and_unpack,
      trimmed_messages_are_known_to_be_gone)
