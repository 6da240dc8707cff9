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

TESTS("book", first_come_first_served_among_background_and_clients, better_prices_stand_first,
      a_moving_book_keeps_its_depth_and_costs_few_changes)
