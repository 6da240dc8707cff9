/* One order book: snapshot, changes, holes, what waited, and a comparison with a plain model. */
#include "tests/runner.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "agents/data/book.h"
#include "proto/err.h"

static struct book b;

static struct book_change change(int64_t sequence, bool bid, int price, int qty)
{
    return (struct book_change){.sequence = sequence, .bid = bid, .price = dec_int(price), .qty = dec_int(qty)};
}

static enum book_verdict apply(int64_t sequence, bool bid, int price, int qty)
{
    const struct book_change c = change(sequence, bid, price, qty);
    return book_apply(&b, &c);
}

/* Bids 100 99 98, asks 101 102 103, each of 10. */
static int snapshot(int64_t sequence)
{
    struct book_level_ bids[3], asks[3];
    for (int i = 0; i < 3; i++) {
        bids[i] = (struct book_level_){dec_int(100 - i), dec_int(10)};
        asks[i] = (struct book_level_){dec_int(101 + i), dec_int(10)};
    }
    return book_snapshot(&b, sequence, bids, 3, asks, 3);
}

static void check_levels(const struct book_level_ *levels, size_t n, const int (*want)[2], size_t n_want)
{
    ck_assert_uint_eq(n, n_want);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(dec_eq(levels[i].price, dec_int(want[i][0])), "price of level %zu", i);
        ck_assert_msg(dec_eq(levels[i].qty, dec_int(want[i][1])), "size of level %zu", i);
    }
}
#define BIDS(...) check_levels(b.bids, b.n_bids, (const int[][2]){__VA_ARGS__}, sizeof((const int[][2]){__VA_ARGS__}) / sizeof(int[2]))
#define ASKS(...) check_levels(b.asks, b.n_asks, (const int[][2]){__VA_ARGS__}, sizeof((const int[][2]){__VA_ARGS__}) / sizeof(int[2]))

START_TEST(changes_add_replace_and_remove_levels_in_order)
{
    book_init(&b);
    ck_assert_int_eq(snapshot(5), ERR_OK);
    ck_assert(b.synced);
    ck_assert_int_eq(apply(6, true, 97, 4), BOOK_APPLIED);      /* worst */
    ck_assert_int_eq(apply(7, true, 99, 3), BOOK_APPLIED);      /* replaced */
    ck_assert_int_eq(apply(8, true, 98, 0), BOOK_APPLIED);      /* gone */
    ck_assert_int_eq(apply(9, false, 100, 0), BOOK_APPLIED);    /* was not there */
    ck_assert_int_eq(apply(10, false, 104, 7), BOOK_APPLIED);
    ck_assert_int_eq(apply(11, false, 101, 0), BOOK_APPLIED);   /* best gone */
    BIDS({100, 10}, {99, 3}, {97, 4});
    ASKS({102, 10}, {103, 10}, {104, 7});
    ck_assert_int_eq(b.sequence, 11);
    book_fini(&b);
}
END_TEST

START_TEST(a_change_without_a_price_counts_and_carries_nothing)
{
    book_init(&b);
    snapshot(5);
    ck_assert_int_eq(apply(6, true, 0, 50), BOOK_APPLIED);
    BIDS({100, 10}, {99, 10}, {98, 10});
    ck_assert_int_eq(apply(7, true, 100, 1), BOOK_APPLIED);
    book_fini(&b);
}
END_TEST

START_TEST(what_was_applied_before_is_old_and_changes_nothing)
{
    book_init(&b);
    snapshot(5);
    apply(6, true, 100, 1);
    ck_assert_int_eq(apply(6, true, 100, 2), BOOK_OLD);
    ck_assert_int_eq(apply(5, true, 100, 3), BOOK_OLD);
    ck_assert_int_eq(apply(-1, true, 100, 4), BOOK_OLD);
    BIDS({100, 1}, {99, 10}, {98, 10});
    book_fini(&b);
}
END_TEST

START_TEST(a_hole_makes_it_unusable_until_a_snapshot_covers_it)
{
    book_init(&b);
    snapshot(5);
    ck_assert_int_eq(apply(8, true, 100, 8), BOOK_HOLE);
    ck_assert(!b.synced);
    ck_assert_uint_eq(b.n_bids + b.n_asks, 0);
    ck_assert_int_eq(apply(9, true, 99, 9), BOOK_WAITS);
    ck_assert_int_eq(snapshot(6), ERR_NOT_FOUND);       /* 7 is in neither */
    ck_assert(!b.synced);
    ck_assert_int_eq(snapshot(7), ERR_OK);              /* 8 and 9 follow it */
    BIDS({100, 8}, {99, 9}, {98, 10});
    ck_assert_int_eq(b.sequence, 9);
    ck_assert_int_eq(apply(10, true, 98, 0), BOOK_APPLIED);
    book_fini(&b);
}
END_TEST

START_TEST(what_waited_and_is_in_the_snapshot_is_dropped)
{
    book_init(&b);
    for (int i = 6; i <= 9; i++)
        ck_assert_int_eq(apply(i, true, 100, i), BOOK_WAITS);
    ck_assert_int_eq(snapshot(8), ERR_OK);
    BIDS({100, 9}, {99, 10}, {98, 10});
    ck_assert_uint_eq(b.n_waiting, 0);
    ck_assert_int_eq(apply(10, true, 100, 1), BOOK_APPLIED);
    book_fini(&b);
}
END_TEST

START_TEST(a_snapshot_newer_than_all_that_waited_stands_alone)
{
    book_init(&b);
    apply(6, true, 100, 1);
    ck_assert_int_eq(snapshot(20), ERR_OK);
    BIDS({100, 10}, {99, 10}, {98, 10});
    ck_assert_int_eq(b.sequence, 20);
    ck_assert_int_eq(apply(21, true, 100, 2), BOOK_APPLIED);
    book_fini(&b);
}
END_TEST

START_TEST(a_hole_among_what_waits_refuses_the_snapshot)
{
    book_init(&b);
    apply(6, true, 100, 1);
    apply(8, true, 100, 2);
    ck_assert_int_eq(snapshot(5), ERR_NOT_FOUND);
    ck_assert(!b.synced);
    ck_assert_int_eq(snapshot(9), ERR_OK);              /* the next one is past all that */
    book_fini(&b);
}
END_TEST

START_TEST(a_reset_forgets_everything)
{
    book_init(&b);
    snapshot(5);
    book_reset(&b);
    ck_assert(!b.synced && b.n_bids == 0 && b.n_asks == 0);
    ck_assert_int_eq(apply(6, true, 100, 1), BOOK_WAITS);
    book_reset(&b);
    ck_assert_uint_eq(b.n_waiting, 0);
    book_fini(&b);
}
END_TEST

START_TEST(waits_for_a_snapshot_no_longer_than_its_bound)
{
    book_init(&b);
    for (int i = 1; i <= BOOK_WAITING_MAX; i++)
        ck_assert_int_eq(apply(i, true, 100, 1), BOOK_WAITS);
    ck_assert_int_eq(apply(BOOK_WAITING_MAX + 1, true, 100, 1), BOOK_HOLE);
    ck_assert_int_eq(apply(BOOK_WAITING_MAX + 2, true, 100, 7), BOOK_WAITS);
    ck_assert_int_eq(snapshot(BOOK_WAITING_MAX + 1), ERR_OK);
    BIDS({100, 7}, {99, 10}, {98, 10});
    book_fini(&b);
}
END_TEST

START_TEST(keeps_the_best_levels_when_there_are_too_many)
{
    book_init(&b);
    snapshot(0);
    for (int i = 0; i < BOOK_LEVELS_MAX + 50; i++) {
        ck_assert_int_eq(apply(2 * i + 1, false, 10000 - i, 1 + i), BOOK_APPLIED);  /* ever better */
        ck_assert_int_eq(apply(2 * i + 2, true, 0, 0), BOOK_APPLIED);
    }
    ck_assert_uint_eq(b.n_asks, BOOK_LEVELS_MAX);
    ck_assert(dec_eq(b.asks[0].price, dec_int(101)));
    for (size_t i = 1; i < b.n_asks; i++)
        ck_assert(dec_lt(b.asks[i - 1].price, b.asks[i].price));
    int64_t next = b.sequence + 1;
    ck_assert_int_eq(apply(next, false, 20000, 1), BOOK_APPLIED);       /* worse than all */
    ck_assert_uint_eq(b.n_asks, BOOK_LEVELS_MAX);
    book_fini(&b);
}
END_TEST

START_TEST(crossed_and_locked_are_seen_an_empty_side_is_not_crossed)
{
    book_init(&b);
    ck_assert(!book_crossed(&b));
    snapshot(5);
    ck_assert(!book_crossed(&b));
    apply(6, true, 101, 1);
    ck_assert(book_crossed(&b));                        /* locked: no venue shows it */
    apply(7, true, 101, 0);
    ck_assert(!book_crossed(&b));
    apply(8, true, 500, 1);
    ck_assert(book_crossed(&b));
    for (int i = 0; i < 3; i++)
        apply(9 + i, false, 101 + i, 0);
    ck_assert_uint_eq(b.n_asks, 0);
    ck_assert(!book_crossed(&b));
    book_fini(&b);
}
END_TEST

START_TEST(reads_a_change_as_the_venue_writes_it)
{
    struct book_change c;
    ck_assert_int_eq(book_parse_change("90631.2,sell,2", 7, &c), ERR_OK);
    ck_assert(!c.bid && c.sequence == 7);
    ck_assert(dec_eq(c.price, dec_lit("90631.2")) && dec_eq(c.qty, dec_int(2)));
    ck_assert_int_eq(book_parse_change("0.00001,buy,0", 8, &c), ERR_OK);
    ck_assert(c.bid && dec_is_zero(c.qty));
}
END_TEST

START_TEST(refuses_what_is_no_change_and_leaves_the_result_alone)
{
    static const char *const bad[] = {
        "", ",", ",,", "1", "1,buy", "1,buy,", ",buy,1", "1,,1", "1,BUY,1", "1,buyer,1", "1,bu,1", "1,sel,1", "1,sells,1",
        "-1,buy,1", "1,buy,-1", "nan,buy,1", "1,buy,nan", "inf,sell,1", "1,buy,1,2", "1 ,buy,1", "1,buy,1 ", "0x1,buy,1",
        "1e999,buy,1", "1,sell,1e999", "12345678901234567890123456789012345,buy,1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct book_change c = change(1, true, 2, 3);
        ck_assert_msg(book_parse_change(bad[i], 9, &c) == ERR_SYNTAX, "%s", bad[i]);
        ck_assert_int_eq(c.sequence, 1);
    }
}
END_TEST

/* The model: one array of sizes by price. */
#define PRICES 40
START_TEST(equals_a_plain_model_after_thousands_of_random_changes)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    int bid[PRICES] = {0}, ask[PRICES] = {0};
    book_init(&b);
    const struct book_level_ none[1] = {{.price = dec_zero()}};
    ck_assert_int_eq(book_snapshot(&b, 0, none, 0, none, 0), ERR_OK);
    for (int i = 1; i <= 20000; i++) {
        bool is_bid = rand() % 2;
        int price = 1 + rand() % (PRICES - 1), qty = rand() % 3;
        (is_bid ? bid : ask)[price] = qty;
        ck_assert_int_eq(apply(i, is_bid, price, qty), BOOK_APPLIED);
        if (i % 100 != 0)
            continue;
        size_t nb = 0, na = 0;
        for (int p = PRICES - 1; p > 0; p--)
            if (bid[p] > 0) {
                ck_assert(dec_eq(b.bids[nb].price, dec_int(p)) && dec_eq(b.bids[nb].qty, dec_int(bid[p])));
                nb++;
            }
        for (int p = 1; p < PRICES; p++)
            if (ask[p] > 0) {
                ck_assert(dec_eq(b.asks[na].price, dec_int(p)) && dec_eq(b.asks[na].qty, dec_int(ask[p])));
                na++;
            }
        ck_assert_uint_eq(b.n_bids, nb);
        ck_assert_uint_eq(b.n_asks, na);
    }
    book_fini(&b);
}
END_TEST

TESTS("book", changes_add_replace_and_remove_levels_in_order, a_change_without_a_price_counts_and_carries_nothing,
      what_was_applied_before_is_old_and_changes_nothing, a_hole_makes_it_unusable_until_a_snapshot_covers_it,
      what_waited_and_is_in_the_snapshot_is_dropped, a_snapshot_newer_than_all_that_waited_stands_alone,
      a_hole_among_what_waits_refuses_the_snapshot, a_reset_forgets_everything,
      waits_for_a_snapshot_no_longer_than_its_bound, keeps_the_best_levels_when_there_are_too_many,
      crossed_and_locked_are_seen_an_empty_side_is_not_crossed, reads_a_change_as_the_venue_writes_it,
      refuses_what_is_no_change_and_leaves_the_result_alone, equals_a_plain_model_after_thousands_of_random_changes)
