#include <string.h>
#include <unistd.h>

#include "libagent/turn.h"
#include "proto/err.h"
#include "tests/runner.h"

static const uint8_t header[HEADER_SIZE] = {1, 2, 3, [HEADER_SIZE - 1] = 40};

/* One entry of each kind, the data ones also empty. */
static void fill(struct turn *t)
{
    turn_cursor(t, AGENT_DATA, "candle.closed", UINT64_MAX - 1, 7);
    turn_note(t, 0xabcd, "note", 4);
    turn_output(t, "risk.approved", header, "body", 4);
    turn_last(t, "risk.rejected", 99);
    turn_state(t, "state\0x", 7);
    turn_outbox(t, "outbox", 6);
    turn_archive(t, "archive", 7);
    turn_anchor(t, AGENT_RISK, UINT64_MAX, 3, 77, (const uint8_t *)"0123456789abcdef0123456789abcdef");
    turn_note(t, 0, NULL, 0);
}

static bool topic_is(const struct turn_entry *e, const char *text)
{
    return e->topic_len == strlen(text) && memcmp(e->topic, text, e->topic_len) == 0;
}

START_TEST(says_again_what_was_put_in_in_order)
{
    struct turn t = {.data = NULL};
    struct turn_entry e;
    size_t off = 0;
    fill(&t);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.kind == TURN_CURSOR && e.publisher == AGENT_DATA && topic_is(&e, "candle.closed"));
    ck_assert(e.seq == UINT64_MAX - 1 && e.stream == 7);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.kind == TURN_NOTE && e.note == 0xabcd && e.len == 4 && memcmp(e.data, "note", 4) == 0);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.kind == TURN_OUTPUT && topic_is(&e, "risk.approved") && e.len == 4);
    ck_assert(memcmp(e.header, header, sizeof header) == 0 && memcmp(e.data, "body", 4) == 0);
    ck_assert_ptr_eq(e.header + HEADER_SIZE + 4, e.data);   /* the replay channel relies on this */
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.kind == TURN_LAST && topic_is(&e, "risk.rejected") && e.seq == 99);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.kind == TURN_STATE && e.len == 7 && memcmp(e.data, "state\0x", 7) == 0);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.kind == TURN_OUTBOX && e.len == 6 && memcmp(e.data, "outbox", 6) == 0);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.kind == TURN_ARCHIVE && e.len == 7 && memcmp(e.data, "archive", 7) == 0);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.kind == TURN_ANCHOR && e.publisher == AGENT_RISK && e.stream == UINT64_MAX && e.epoch == 3);
    ck_assert(e.seq == 77 && e.len == 32 && memcmp(e.data, "0123456789abcdef0123456789abcdef", 32) == 0);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.kind == TURN_NOTE && e.note == 0 && e.len == 0);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 0);
    ck_assert_uint_eq(off, t.len);
    turn_fini(&t);
}
END_TEST

START_TEST(an_empty_record_has_no_entry)
{
    struct turn t = {.data = NULL};
    struct turn_entry e;
    size_t off = 0;
    ck_assert_int_eq(turn_next("", 0, &off, &e), 0);
    fill(&t);
    turn_clear(&t);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 0);
    off = 1;
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), ERR_CORRUPT);
    turn_fini(&t);
}
END_TEST

START_TEST(grows_to_what_is_put_in)
{
    struct turn t = {.data = NULL};
    struct turn_entry e;
    size_t off = 0, n = 3 << 20;
    uint8_t *big = malloc(n);
    ck_assert_ptr_nonnull(big);
    memset(big, 0x5a, n);
    turn_note(&t, 1, "first", 5);
    turn_state(&t, big, n);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.len == 5 && memcmp(e.data, "first", 5) == 0);
    ck_assert_int_eq(turn_next(t.data, t.len, &off, &e), 1);
    ck_assert(e.len == n && memcmp(e.data, big, n) == 0);
    turn_fini(&t);
    ck_assert_ptr_null(t.data);
    free(big);
}
END_TEST

/* Walk a record of which the bytes end exactly with the allocation, so that a reader that leaves it is seen. */
static int walk(const uint8_t *bytes, size_t len, size_t *entries)
{
    uint8_t *copy = malloc(len + (len == 0));
    must(copy != NULL);
    memcpy(copy, bytes, len);
    struct turn_entry e;
    size_t off = 0;
    int got;
    *entries = 0;
    while ((got = turn_next(copy, len, &off, &e)) == 1) {
        must(off <= len);
        ++*entries;
    }
    free(copy);
    return got;
}

START_TEST(a_record_cut_anywhere_but_between_entries_is_corrupt)
{
    struct turn t = {.data = NULL};
    fill(&t);
    int whole = 0;
    for (size_t len = 0; len <= t.len; len++) {
        size_t n;
        int got = walk(t.data, len, &n);
        ck_assert(got == 0 || got == ERR_CORRUPT);
        whole += got == 0;
    }
    ck_assert_int_eq(whole, 10);         /* before each of the nine, and all */
    turn_fini(&t);
}
END_TEST

START_TEST(a_failed_entry_leaves_offset_and_result_as_they_were)
{
    static const uint8_t record[] = {TURN_NOTE, 0, 0, 9, 0, 0, 0, 'x'};
    struct turn_entry e = {.seq = 123};
    size_t off = 0;
    ck_assert_int_eq(turn_next(record, sizeof record, &off, &e), ERR_CORRUPT);
    ck_assert_uint_eq(off, 0);
    ck_assert_uint_eq(e.seq, 123);
}
END_TEST

START_TEST(refuses_unknown_kinds_and_topics_of_no_length_or_too_long)
{
    size_t n;
    ck_assert_int_eq(walk((const uint8_t[]){0}, 1, &n), ERR_CORRUPT);
    ck_assert_int_eq(walk((const uint8_t[]){7}, 1, &n), ERR_CORRUPT);
    ck_assert_int_eq(walk((const uint8_t[]){255}, 1, &n), ERR_CORRUPT);
    uint8_t last[300] = {TURN_LAST, 0};
    ck_assert_int_eq(walk(last, sizeof last, &n), ERR_CORRUPT);
    last[1] = TOPIC_MAX + 1;
    ck_assert_int_eq(walk(last, sizeof last, &n), ERR_CORRUPT);
    last[1] = TOPIC_MAX;
    walk(last, 2 + TOPIC_MAX + 8, &n);
    ck_assert_uint_eq(n, 1);
    static const uint8_t huge[] = {TURN_STATE, 0xff, 0xff, 0xff, 0xff, 'x'};
    ck_assert_int_eq(walk(huge, sizeof huge, &n), ERR_CORRUPT);
}
END_TEST

START_TEST(no_bytes_lead_the_reader_out_of_the_record)
{
    unsigned seed = (unsigned)getpid();
    printf("seed %u\n", seed);
    srand(seed);
    struct turn t = {.data = NULL};
    fill(&t);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[256];
        size_t n, len = (size_t)rand() % sizeof bytes;
        for (size_t k = 0; k < len; k++)
            bytes[k] = (uint8_t)(rand() % (i % 2 ? 256 : 8));
        walk(bytes, len, &n);
        t.data[(size_t)rand() % t.len] ^= (uint8_t)(1 << rand() % 8);
        int got = walk(t.data, t.len, &n);
        ck_assert(got == 0 || got == ERR_CORRUPT);
    }
    turn_fini(&t);
}
END_TEST

TESTS("turn", says_again_what_was_put_in_in_order, an_empty_record_has_no_entry, grows_to_what_is_put_in,
      a_record_cut_anywhere_but_between_entries_is_corrupt,
      a_failed_entry_leaves_offset_and_result_as_they_were,
      refuses_unknown_kinds_and_topics_of_no_length_or_too_long,
      no_bytes_lead_the_reader_out_of_the_record)
