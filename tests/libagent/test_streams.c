/* Time is an argument: these tests read no clock. */
#include <string.h>
#include <unistd.h>

#include "libagent/streams.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "tests/runner.h"

#define MS INT64_C(1000000)
#define T0 (1000 * MS)          /* any instant but 0 */
#define RISK   ((uint8_t)AGENT_RISK)
#define DATA   ((uint8_t)AGENT_DATA)

static struct streams *all;
static struct stream *st;

static void enter(void)
{
    all = streams_new();
    streams_identity(all, RISK, 77);
    st = streams_get(all, RISK, "risk.approved", 13);
}

static void leave(void)
{
    streams_destroy(&all);
    ck_assert_ptr_null(all);
}

/* A message whose header and body tell its sequence. */
static enum arrival arrive(uint64_t seq, int64_t now_ns)
{
    uint8_t header[HEADER_SIZE];
    memset(header, (int)(seq & 0xff), sizeof header);
    return stream_arrive(st, seq, header, &seq, sizeof seq, false, now_ns);
}

static void apply(uint64_t seq, int64_t now_ns)
{
    ck_assert_int_eq(arrive(seq, now_ns), ARRIVAL_APPLY);
    stream_applied(st, now_ns);
    ck_assert_uint_eq(st->cursor, seq);
}

/* Take what waits in order, checking that it is what came; returns how many. */
static int take_all(int64_t now_ns)
{
    int n = 0;
    for (struct kept *k; (k = stream_take(st)) != NULL; n++) {
        uint64_t seq;
        ck_assert_uint_eq(k->len, sizeof seq);
        memcpy(&seq, k->body, sizeof seq);
        ck_assert_uint_eq(seq, st->cursor + 1);
        ck_assert_uint_eq(k->header[0], seq & 0xff);
        free(k);
        stream_applied(st, now_ns);
    }
    return n;
}

START_TEST(what_comes_in_order_is_applied_once)
{
    enter();
    for (uint64_t seq = 1; seq <= 3; seq++)
        apply(seq, T0);
    for (uint64_t seq = 1; seq <= 3; seq++)
        ck_assert_int_eq(arrive(seq, T0), ARRIVAL_REPEATED);
    ck_assert_int_eq(arrive(0, T0), ARRIVAL_REPEATED);      /* no sequence at all */
    ck_assert_uint_eq(st->cursor, 3);
    ck_assert(!stream_wants(st, T0 + 3600000 * MS));
    ck_assert_ptr_null(st->window);                         /* no gap, no memory */
    leave();
}
END_TEST

START_TEST(a_gap_keeps_what_follows_until_it_is_filled)
{
    enter();
    apply(1, T0);
    ck_assert_int_eq(arrive(4, T0), ARRIVAL_KEPT);
    ck_assert_int_eq(arrive(3, T0), ARRIVAL_KEPT);
    ck_assert_int_eq(arrive(3, T0), ARRIVAL_REPEATED);
    ck_assert_ptr_null(stream_take(st));
    ck_assert_uint_eq(st->cursor, 1);
    apply(2, T0);
    ck_assert_int_eq(take_all(T0), 2);
    ck_assert_uint_eq(st->cursor, 4);
    ck_assert(!stream_gap_open(st, T0 + 3600000 * MS));
    ck_assert_ptr_null(st->window);                         /* given back when complete */
    leave();
}
END_TEST

START_TEST(a_gap_is_asked_for_when_it_is_old_and_one_question_is_open_at_a_time)
{
    enter();
    apply(1, T0);
    ck_assert_int_eq(arrive(3, T0), ARRIVAL_KEPT);
    ck_assert(!stream_wants(st, T0 + (CATCHUP_DELAY_MS - 1) * MS));
    ck_assert(!stream_gap_open(st, T0 + (CATCHUP_DELAY_MS - 1) * MS));
    int64_t now = T0 + CATCHUP_DELAY_MS * MS;
    ck_assert(stream_wants(st, now) && stream_gap_open(st, now));
    stream_asked(st, now);
    ck_assert(!stream_wants(st, now + 10000 * MS));
    stream_answered(st, true, now);
    ck_assert(stream_wants(st, now));                       /* the answer filled nothing */
    apply(2, now);
    ck_assert_int_eq(take_all(now), 1);
    ck_assert(!stream_wants(st, now + 10000 * MS));
    leave();
}
END_TEST

START_TEST(progress_within_a_gap_starts_its_wait_anew)
{
    enter();
    ck_assert_int_eq(arrive(4, T0), ARRIVAL_KEPT);
    int64_t later = T0 + CATCHUP_DELAY_MS * MS;
    ck_assert(stream_wants(st, later));
    apply(1, later);
    ck_assert(!stream_wants(st, later + (CATCHUP_DELAY_MS - 1) * MS));
    ck_assert(stream_wants(st, later + CATCHUP_DELAY_MS * MS));
    leave();
}
END_TEST

START_TEST(a_heartbeat_shows_the_loss_of_the_last_message)
{
    enter();
    apply(1, T0);
    stream_heard_last(st, 1, T0);
    ck_assert(!stream_wants(st, T0 + 10000 * MS));
    stream_heard_last(st, 2, T0 + 1 * MS);
    stream_heard_last(st, 2, T0 + 100 * MS);                /* repeated: the wait goes on */
    ck_assert(!stream_wants(st, T0 + CATCHUP_DELAY_MS * MS));
    ck_assert(stream_wants(st, T0 + (CATCHUP_DELAY_MS + 1) * MS));
    stream_heard_last(st, 1, T0 + 300 * MS);                /* an old heartbeat takes nothing back */
    ck_assert_uint_eq(st->last, 2);
    apply(2, T0 + 300 * MS);
    ck_assert(!stream_wants(st, T0 + 10000 * MS));
    leave();
}
END_TEST

START_TEST(questions_without_an_answer_are_repeated_ever_more_slowly_and_not_slower_than_2_s)
{
    static const int64_t waits_ms[] = {50, 100, 200, 400, 800, 1600, 2000, 2000, 2000};
    enter();
    stream_heard_last(st, 5, T0);
    int64_t now = T0 + CATCHUP_DELAY_MS * MS;
    for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        ck_assert(stream_wants(st, now));
        stream_asked(st, now);
        stream_answered(st, false, now);
        ck_assert(!stream_wants(st, now + waits_ms[i] * MS - 1));
        now += waits_ms[i] * MS;
    }
    stream_asked(st, now);
    stream_answered(st, true, now);                         /* there again: at once */
    ck_assert(stream_wants(st, now));
    stream_asked(st, now);
    stream_answered(st, false, now);
    ck_assert(stream_wants(st, now + 50 * MS));
    leave();
}
END_TEST

START_TEST(keeps_a_full_window_and_not_one_more)
{
    enter();
    for (uint64_t seq = 2; seq < REORDER_WINDOW; seq++)
        ck_assert_int_eq(arrive(seq, T0), ARRIVAL_KEPT);
    ck_assert_int_eq(arrive(REORDER_WINDOW, T0), ARRIVAL_TOO_FAR);
    ck_assert_int_eq(arrive(UINT64_MAX, T0), ARRIVAL_TOO_FAR);
    ck_assert_uint_eq(st->last, UINT64_MAX);                /* but it is known to exist */
    apply(1, T0);
    ck_assert_int_eq(take_all(T0), REORDER_WINDOW - 2);
    ck_assert_uint_eq(st->cursor, REORDER_WINDOW - 1);
    ck_assert(stream_wants(st, T0 + CATCHUP_DELAY_MS * MS));
    leave();
}
END_TEST

START_TEST(what_comes_while_its_copy_waits_is_applied_once)
{
    enter();
    ck_assert_int_eq(arrive(2, T0), ARRIVAL_KEPT);
    apply(1, T0);
    apply(2, T0);                                           /* before the caller took the copy */
    ck_assert_int_eq(take_all(T0), 0);
    ck_assert_uint_eq(st->cursor, 2);
    ck_assert_int_eq(arrive(2 + REORDER_WINDOW, T0), ARRIVAL_TOO_FAR);
    ck_assert_int_eq(arrive(1 + REORDER_WINDOW, T0), ARRIVAL_KEPT);     /* its slot is free */
    leave();
}
END_TEST

START_TEST(skips_what_is_gone_for_good_and_keeps_what_is_not)
{
    enter();
    apply(1, T0);
    ck_assert_int_eq(arrive(6, T0), ARRIVAL_KEPT);
    ck_assert_uint_eq(stream_skip_to(st, 1), 0);
    ck_assert_uint_eq(stream_skip_to(st, 2), 0);            /* exactly what comes next */
    ck_assert_uint_eq(stream_skip_to(st, 5), 3);            /* 2, 3, 4 */
    ck_assert_uint_eq(st->cursor, 4);
    apply(5, T0);
    take_all(T0);
    if (st->cursor == 5)                                    /* not kept over the skip: it comes again */
        apply(6, T0);
    ck_assert_uint_eq(stream_skip_to(st, 9), 2);
    ck_assert_uint_eq(st->last, 8);
    ck_assert(!stream_wants(st, T0 + 10000 * MS));
    stream_heard_last(st, 12, T0);
    ck_assert_uint_eq(stream_skip_to(st, 13), 4);           /* all of what was missing */
    ck_assert(!stream_wants(st, T0 + 10000 * MS) && !stream_gap_open(st, T0 + 10000 * MS));
    leave();
}
END_TEST

START_TEST(a_publisher_with_another_journal_starts_again_at_1)
{
    enter();
    struct stream *other = streams_get(all, DATA, "candle.closed", 13);
    streams_identity(all, DATA, 5);
    apply(1, T0);
    apply(2, T0);
    ck_assert_int_eq(arrive(4, T0), ARRIVAL_KEPT);
    ck_assert(!streams_identity(all, RISK, 77));
    ck_assert_uint_eq(st->cursor, 2);
    other->cursor = 9;
    ck_assert(streams_identity(all, RISK, 78));
    ck_assert_uint_eq(streams_identity_of(all, RISK), 78);
    ck_assert_uint_eq(st->cursor, 0);
    ck_assert_uint_eq(st->last, 0);
    ck_assert_uint_eq(other->cursor, 9);                    /* another publisher's */
    ck_assert(!stream_wants(st, T0 + 10000 * MS));
    apply(1, T0);
    ck_assert_int_eq(take_all(T0), 0);
    leave();
}
END_TEST

/* The agent keeps one question open per publisher: it must hear of that one's end. */
START_TEST(another_journal_does_not_make_a_question_under_way_forgotten)
{
    enter();
    stream_heard_last(st, 5, T0);
    stream_asked(st, T0 + CATCHUP_DELAY_MS * MS);
    ck_assert(streams_identity(all, RISK, 78));
    ck_assert_int_eq(st->asked_ns, T0 + CATCHUP_DELAY_MS * MS);
    stream_heard_last(st, 2, T0 + 300 * MS);
    ck_assert(!stream_wants(st, T0 + 600 * MS));
    stream_answered(st, false, T0 + 700 * MS);
    ck_assert(stream_wants(st, T0 + 750 * MS));
    leave();
}
END_TEST

START_TEST(streams_are_found_again_by_publisher_and_whole_topic)
{
    enter();
    ck_assert_ptr_eq(streams_get(all, RISK, "risk.approved.x", 13), st);    /* by length, not by NUL */
    ck_assert_ptr_ne(streams_get(all, RISK, "risk.approve", 12), st);
    ck_assert_ptr_ne(streams_get(all, DATA, "risk.approved", 13), st);
    for (int i = 0; i < 100; i++) {
        char topic[TOPIC_MAX + 1];
        int n = snprintf(topic, sizeof topic, "t.%d", i);
        streams_get(all, RISK, topic, (size_t)n);
    }
    ck_assert_ptr_eq(streams_get(all, RISK, "risk.approved", 13), st);      /* the list grew, it stayed */
    ck_assert_ptr_eq(streams_at(all, 0), st);
    ck_assert_ptr_nonnull(streams_at(all, 102));
    ck_assert_ptr_null(streams_at(all, 103));
    ck_assert_uint_eq(streams_identity_of(all, AGENT_COUNT), 0);
    leave();
}
END_TEST

/* Any order, repetitions and losses: each sequence is applied once, in order, when all have come at last. */
START_TEST(any_order_ends_in_each_applied_once_and_in_order)
{
    unsigned seed = (unsigned)getpid();
    printf("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 50; round++) {
        enter();
        enum { N = 300 };
        uint64_t applied = 0;
        for (int step = 0; step < 200000 && applied < N; step++) {
            uint64_t seq = applied + 1 + (uint64_t)rand() % 40;
            seq -= seq > 5 ? (uint64_t)rand() % 5 : 0;
            if (seq > N || rand() % 3 == 0)
                continue;
            if (arrive(seq, T0) != ARRIVAL_APPLY)
                continue;
            ck_assert_uint_eq(seq, applied + 1);
            stream_applied(st, T0);
            applied += 1 + (uint64_t)take_all(T0);
            ck_assert_uint_eq(st->cursor, applied);
        }
        ck_assert_uint_eq(applied, N);
        leave();
    }
}
END_TEST

TESTS("streams", what_comes_in_order_is_applied_once, a_gap_keeps_what_follows_until_it_is_filled,
      a_gap_is_asked_for_when_it_is_old_and_one_question_is_open_at_a_time,
      progress_within_a_gap_starts_its_wait_anew, a_heartbeat_shows_the_loss_of_the_last_message,
      questions_without_an_answer_are_repeated_ever_more_slowly_and_not_slower_than_2_s,
      keeps_a_full_window_and_not_one_more, what_comes_while_its_copy_waits_is_applied_once,
      skips_what_is_gone_for_good_and_keeps_what_is_not, a_publisher_with_another_journal_starts_again_at_1,
      another_journal_does_not_make_a_question_under_way_forgotten, streams_are_found_again_by_publisher_and_whole_topic,
      any_order_ends_in_each_applied_once_and_in_order)
