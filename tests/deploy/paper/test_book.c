#include "tests/runner.h"

#include <string.h>

#include "deploy/paper/book.h"

static struct book *book(void)
{
    struct book *b = calloc(1, sizeof *b);
    b->gap = 10;
    b->lots = 100;
    book_move(b, 999, 1000);
    return b;
}

static void done(struct book *b)
{
    book_fini(b);
    free(b);
}

START_TEST(first_come_first_served_among_background_and_clients)
{
    struct book *b = book();
    struct order first = {.side = SIDE_BUY, .px = 999, .lots = 5}, second = first, *o;
    int64_t ahead = book_lots(b, 0, 999);
    book_add(b, &first, false);
    book_add(b, &second, false);
    ck_assert_int_eq(book_take(b, 0, 999, ahead - 1, &o), ahead - 1);
    ck_assert_ptr_null(o);
    ck_assert_int_eq(first.ahead, 1);
    ck_assert_int_eq(book_take(b, 0, 999, 100, &o), 1);
    ck_assert_int_eq(book_take(b, 0, 999, 100, &o), 5);
    ck_assert_ptr_eq(o, &first);
    first.cum_lots = 5;
    book_remove(b, &first);
    ck_assert_int_eq(book_take(b, 0, 999, 3, &o), 3);
    ck_assert_ptr_eq(o, &second);
    done(b);
}
END_TEST

START_TEST(better_prices_stand_first)
{
    struct book *b = book();
    struct order far = {.side = SIDE_SELL, .px = 1007, .lots = 1}, near = far;
    near.px = 1003;
    book_add(b, &far, false);
    book_add(b, &near, false);
    ck_assert_ptr_eq(b->queue[1][0], &near);
    struct level l[3];
    size_t n = 3;
    book_levels(b, 1, l, &n);
    ck_assert(n == 3 && l[0].px == 1000 && l[1].px <= 1003 && l[2].px > l[1].px);
    done(b);
}
END_TEST

START_TEST(a_moving_book_keeps_its_depth_and_costs_few_changes)
{
    struct book *b = book();
    int64_t at = 100000, before;
    b->gap = 60;
    book_move(b, at, at + 1);
    before = b->sequence;
    for (int i = 0; i < 1000; i++) {
        at += i % 3 ? 50 : -90;
        book_move(b, at, at + 1);
        ck_assert(b->bg[0][0].px == at && b->bg[1][0].px == at + 1);
        ck_assert(b->n[0] >= 50 && b->n[1] >= 50);
        for (int k = 1; k < b->n[0]; k++)
            ck_assert_int_lt(b->bg[0][k].px, b->bg[0][k - 1].px);
    }
    ck_assert_int_lt(b->sequence - before, 10000);
    done(b);
}
END_TEST

/* What a reader of the changes holds, by price. */
static int64_t held[2][2000];

static void hear(void *arg, int sym, int64_t sequence, int side, int64_t px, int64_t lots)
{
    (void)arg, (void)sym, (void)sequence;
    ck_assert(px > 0 && px < 2000);
    held[book_side(side)][px] = lots;
}

/* The makers' best price is mostly the one just taken from, but not when they have stepped back. */
START_TEST(makers_that_come_back_are_told_at_whatever_price_they_stand)
{
    struct book *b = book();
    b->changed = hear;
    memset(held, 0, sizeof held);
    for (int i = 0; i < b->n[1]; i++)
        held[1][b->bg[1][i].px] = b->bg[1][i].lots;
    for (int step = 0; step < 40; step++) {
        struct order *o;
        book_move(b, 999, 1000 + step);
        int64_t there = book_lots(b, 1, 1000 + step);
        ck_assert_int_eq(book_take(b, 1, 1000 + step, there - 1, &o), there - 1);
        book_tell(b, 1, 1000 + step);
        book_refill(b, 1);
        ck_assert_int_gt(book_lots(b, 1, 1000 + step), 1);
        for (int i = 0; i < b->n[1]; i++)
            ck_assert_int_eq(held[1][b->bg[1][i].px], b->bg[1][i].lots);
    }
    done(b);
}
END_TEST

TESTS("book", first_come_first_served_among_background_and_clients, better_prices_stand_first,
      a_moving_book_keeps_its_depth_and_costs_few_changes,
      makers_that_come_back_are_told_at_whatever_price_they_stand)
