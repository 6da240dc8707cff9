#include <string.h>

#include "tests/runner.h"

#include "agents/signal/batch.h"
#include "proto/text.h"

static struct batches b;

static struct fired fired(int symbol, const char *name, double rank)
{
    struct fired f = {.symbol = symbol, .f = {.rank_score = rank, .signal = {.side = 1}}};
    TEXT_COPY(f.f.symbol, name);
    return f;
}

static void add(struct batch *t, int symbol, const char *name, double rank)
{
    struct fired f = fired(symbol, name, rank);
    batch_add(t, &f);
}

START_TEST(ranks_by_score_then_by_name)
{
    struct batch *t = batches_open(&b, 60, 1000);
    add(t, 0, "XBT", 70);
    add(t, 1, "ETH", 90);
    add(t, 2, "SOL", 70);
    add(t, 3, "ADA", 70);
    batch_rank(t, NULL);
    static const char *const order[] = {"ETH", "ADA", "SOL", "XBT"};
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(t->fired[i].f.symbol, order[i]);
        ck_assert_int_eq(t->fired[i].f.rank, i + 1);
    }
}
END_TEST

START_TEST(ranks_by_features_when_there_is_a_ranker)
{
    static struct ranker r;
    ranker_init(&r);
    struct batch *t = batches_open(&b, 60, 1000);
    for (int i = 0; i < 4; i++) {
        struct fired f = fired(i, (const char *const[]){"XBT", "ETH", "SOL", "ADA"}[i], 90 - i);
        TEXT_COPY(f.f.strategy, "orb");
        f.f.signal = (struct strategy_signal){.side = 1, .entry = 100, .confidence = 0.5};
        f.f.rr = i == 2 ? 3 : 0.1 * i;
        f.f.signal.side = i == 0 ? 0 : 1;         /* makes no sense: goes last */
        f.f.figures = (struct rank_figures){.vwap = 100};
        batch_add(t, &f);
    }
    batch_rank(t, &r);
    static const char *const order[] = {"SOL", "ADA", "ETH", "XBT"};
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(t->fired[i].f.symbol, order[i]);
        ck_assert_int_eq(t->fired[i].f.rank, i + 1);
        ck_assert(i == 0 || t->fired[i].f.rank_score <= t->fired[i - 1].f.rank_score);
    }
    ck_assert_int_eq(t->fired[3].f.ranked.verdict, RANK_BAD_SIDE);
    ck_assert_int_eq(r.count, 3);
}
END_TEST

START_TEST(equal_scores_of_a_symbol_go_by_the_strategys_name)
{
    struct batch *t = batches_open(&b, 60, 1000);
    for (int i = 0; i < 2; i++) {
        struct fired f = fired(0, "XBT", 70);
        f.f.which = i;
        TEXT_COPY(f.f.strategy, i == 0 ? "vwap" : "orb");
        batch_add(t, &f);
    }
    batch_rank(t, NULL);
    ck_assert_int_eq(t->n, 2);
    ck_assert_str_eq(t->fired[0].f.strategy, "orb");
}
END_TEST

START_TEST(a_second_signal_of_a_symbol_is_left_out)
{
    struct batch *t = batches_open(&b, 60, 1000);
    add(t, 0, "XBT", 70);
    add(t, 0, "XBT", 90);
    ck_assert_int_eq(t->n, 1);
    ck_assert(t->fired[0].f.rank_score == 70);
}
END_TEST

START_TEST(is_due_when_all_expected_have_reported)
{
    struct batch *t = batches_open(&b, 60, 1000);
    batch_report(t, 0);
    batch_report(t, 63);
    ck_assert(!batch_due(t, UINT64_C(7) | UINT64_C(1) << 63, 2000, 1000));
    batch_report(t, 1);
    batch_report(t, 2);
    ck_assert(batch_due(t, UINT64_C(7) | UINT64_C(1) << 63, 2000, 1000));
}
END_TEST

START_TEST(is_due_exactly_at_the_end_of_its_window)
{
    struct batch *t = batches_open(&b, 60, 1000);
    ck_assert(!batch_due(t, 1, 2000, 2999));
    ck_assert(batch_due(t, 1, 2000, 3000));
}
END_TEST

START_TEST(remembers_what_ended_and_counts_what_is_older_as_ended)
{
    for (int64_t close = 60; close <= 60 * 40; close += 60) {
        ck_assert_int_eq(batches_ended_ns(&b, close), 0);
        struct batch *t = batches_open(&b, close, close);
        batches_end(&b, t, close + 5);
        ck_assert_int_eq(batches_ended_ns(&b, close), close + 5);
        ck_assert_ptr_null(batches_find(&b, close));
    }
    ck_assert_int_eq(batches_ended_ns(&b, 60), 1);
    ck_assert_int_eq(batches_ended_ns(&b, 60 * 41), 0);
}
END_TEST

START_TEST(knows_the_oldest_and_when_it_is_full)
{
    ck_assert_ptr_null(batches_oldest(&b));
    for (int i = BATCHES_MAX; i > 0; i--) {
        ck_assert(!batches_full(&b));
        batches_open(&b, 60 * i, 0);
    }
    ck_assert(batches_full(&b));
    ck_assert_int_eq(batches_oldest(&b)->close_ns, 60);
}
END_TEST

TESTS("batch", ranks_by_score_then_by_name, ranks_by_features_when_there_is_a_ranker,
      equal_scores_of_a_symbol_go_by_the_strategys_name, a_second_signal_of_a_symbol_is_left_out,
      is_due_when_all_expected_have_reported, is_due_exactly_at_the_end_of_its_window,
      remembers_what_ended_and_counts_what_is_older_as_ended, knows_the_oldest_and_when_it_is_full)
