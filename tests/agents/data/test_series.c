/* Closed bars of one timeframe: in memory, in the file that outlives the process, and added up. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/runner.h"

#include "agents/data/candles.h"
#include "proto/err.h"
#include "proto/tm.h"

#define T0   (28000000 * NS_PER_MIN)
#define FILE_1M "knowledge-bank/candles/TEST.1m"
#define ROW  96         /* bytes of a row in the file, as candles.h says */

static char dir[64];
static struct series q;

static void begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-series-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    mkdir("knowledge-bank", 0755);
    mkdir("knowledge-bank/candles", 0755);
    series_init(&q, "TEST", NS_PER_MIN, 20);
}

static void finish(void)
{
    series_fini(&q);
    unlink(FILE_1M);
    rmdir("knowledge-bank/candles");
    rmdir("knowledge-bank");
    ck_assert_int_eq(rmdir(dir), 0);
}

/* Bar i opens at 100 + i, closes one higher, reaches 3 up and 2 down; i + 1 lots. */
static struct row bar(int i)
{
    return (struct row){T0 + i * NS_PER_MIN, dec_int(100 + i), dec_int(103 + i), dec_int(98 + i), dec_int(101 + i),
                        dec_int(i + 1)};
}

static int append(int i)
{
    const struct row r = bar(i);
    return series_append(&q, &r);
}

static size_t reopen(void)
{
    series_fini(&q);
    series_init(&q, "TEST", NS_PER_MIN, 20);
    return series_load(&q);
}

static long file_size(void)
{
    struct stat st;
    return stat(FILE_1M, &st) == 0 ? (long)st.st_size : -1;
}

static void check_bar(const struct row *r, int i)
{
    const struct row want = bar(i);
    ck_assert_int_eq(r->start_ns, want.start_ns);
    ck_assert(dec_eq(r->open, want.open) && dec_eq(r->high, want.high) && dec_eq(r->low, want.low) &&
              dec_eq(r->close, want.close) && dec_eq(r->volume, want.volume));
}

START_TEST(a_row_that_contradicts_itself_is_not_good)
{
    struct row r = bar(0);
    ck_assert(row_is_good(&r, NS_PER_MIN));
    r.volume = dec_zero();
    ck_assert(row_is_good(&r, NS_PER_MIN));
    r.volume = dec_int(-1);
    ck_assert(!row_is_good(&r, NS_PER_MIN));
    r = bar(0), r.high = dec_lit("100.5");              /* below the close */
    ck_assert(!row_is_good(&r, NS_PER_MIN));
    r = bar(0), r.low = dec_lit("100.5");               /* above the open */
    ck_assert(!row_is_good(&r, NS_PER_MIN));
    r = bar(0), r.low = dec_zero();
    ck_assert(!row_is_good(&r, NS_PER_MIN));
    r = bar(0), r.start_ns++;                           /* off the grid */
    ck_assert(!row_is_good(&r, NS_PER_MIN));
    r = bar(1);                                         /* on the minute, not on the five */
    ck_assert(!row_is_good(&r, 5 * NS_PER_MIN));
    r = bar(0), r.start_ns = 0;
    ck_assert(!row_is_good(&r, NS_PER_MIN));
    r = bar(0), r.start_ns = -NS_PER_MIN;
    ck_assert(!row_is_good(&r, NS_PER_MIN));
}
END_TEST

START_TEST(comes_back_from_the_file_as_it_was)
{
    begin();
    ck_assert_uint_eq(series_load(&q), 0);              /* no file yet */
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(append(i), ERR_OK);
    ck_assert_int_eq(file_size(), 10 * ROW);
    ck_assert_uint_eq(reopen(), 10);
    for (int i = 0; i < 10; i++)
        check_bar(&q.rows[i], i);
    ck_assert_int_eq(append(10), ERR_OK);
    ck_assert_uint_eq(reopen(), 11);
    finish();
}
END_TEST

START_TEST(a_decimal_keeps_its_digits_in_the_file)
{
    begin();
    struct row r = bar(0);
    r.open = r.low = dec_lit("0.00000123456789012345678901");
    r.volume = dec_lit("123456789012345678.000001");
    ck_assert_int_eq(series_append(&q, &r), ERR_OK);
    ck_assert_uint_eq(reopen(), 1);
    ck_assert(dec_eq(q.rows[0].open, r.open) && dec_eq(q.rows[0].volume, r.volume));
    finish();
}
END_TEST

START_TEST(a_bar_that_is_not_newer_is_refused_and_not_written)
{
    begin();
    append(4);
    ck_assert_int_eq(append(4), ERR_DUPLICATE);
    ck_assert_int_eq(append(3), ERR_DUPLICATE);
    ck_assert_uint_eq(q.n, 1);
    ck_assert_int_eq(file_size(), ROW);
    finish();
}
END_TEST

START_TEST(memory_keeps_the_newest_and_the_file_all)
{
    begin();
    for (int i = 0; i < 100; i++) {
        append(i);
        ck_assert_uint_le(q.n, 25);
        ck_assert(i < 20 || q.n >= 20);
        check_bar(&q.rows[q.n - 1], i);
    }
    ck_assert_int_eq(file_size(), 100 * ROW);
    ck_assert_uint_eq(reopen(), 20);
    check_bar(&q.rows[0], 80);
    finish();
}
END_TEST

START_TEST(a_torn_end_is_cut_and_written_again)
{
    begin();
    for (int i = 0; i < 5; i++)
        append(i);
    for (int cut = 1; cut < ROW; cut += 13) {
        ck_assert_int_eq(truncate(FILE_1M, 5 * ROW - cut), 0);
        ck_assert_uint_eq(reopen(), 4);
        ck_assert_int_eq(file_size(), 4 * ROW);
        ck_assert_int_eq(append(4), ERR_OK);
    }
    ck_assert_uint_eq(reopen(), 5);
    check_bar(&q.rows[4], 4);
    finish();
}
END_TEST

START_TEST(one_flipped_bit_ends_the_file_there)
{
    begin();
    for (int byte = 0; byte < ROW; byte++) {
        unlink(FILE_1M);
        reopen();
        for (int i = 0; i < 3; i++)
            append(i);
        FILE *f = fopen(FILE_1M, "r+");
        ck_assert_ptr_nonnull(f);
        fseek(f, ROW + byte, SEEK_SET);
        int c = fgetc(f);
        fseek(f, ROW + byte, SEEK_SET);
        fputc(c ^ (1 << byte % 8), f);
        fclose(f);
        ck_assert_msg(reopen() == 1, "byte %d", byte);
        ck_assert_int_eq(file_size(), ROW);
        check_bar(&q.rows[0], 0);
    }
    finish();
}
END_TEST

START_TEST(a_file_of_something_else_is_emptied)
{
    begin();
    FILE *f = fopen(FILE_1M, "w");
    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < 1000; i++)
        fputs("not a candle ", f);
    fclose(f);
    ck_assert_uint_eq(reopen(), 0);
    ck_assert_int_eq(file_size(), 0);
    ck_assert_int_eq(append(0), ERR_OK);
    ck_assert_uint_eq(reopen(), 1);
    finish();
}
END_TEST

/* A full disk loses a row and lets the next ones through: the hole would be in every restart's history, as
 * what is missing is asked for from the last row on. */
START_TEST(a_hole_in_the_file_ends_it_there_to_be_fetched_again)
{
    begin();
    for (int i = 0; i < 10; i++)
        if (i != 6)
            append(i);
    ck_assert_uint_eq(q.n, 9);
    ck_assert_uint_eq(reopen(), 6);
    check_bar(&q.rows[5], 5);
    ck_assert_int_eq(file_size(), 6 * ROW);
    finish();
}
END_TEST

START_TEST(a_file_that_cannot_be_written_costs_no_bar_in_memory)
{
    begin();
    snprintf(q.path, sizeof q.path, "no/such/folder/TEST.1m");
    ck_assert_int_eq(append(0), ERR_OK);
    ck_assert_int_eq(append(1), ERR_OK);
    ck_assert_uint_eq(q.n, 2);
    finish();
}
END_TEST

START_TEST(finds_the_first_bar_at_or_after_an_instant)
{
    begin();
    ck_assert_uint_eq(series_find(&q, T0), 0);
    for (int i = 0; i < 5; i++)
        append(2 * i);
    ck_assert_uint_eq(series_find(&q, 0), 0);
    ck_assert_uint_eq(series_find(&q, T0), 0);
    ck_assert_uint_eq(series_find(&q, T0 + 1), 1);
    ck_assert_uint_eq(series_find(&q, T0 + 4 * NS_PER_MIN), 2);
    ck_assert_uint_eq(series_find(&q, T0 + 8 * NS_PER_MIN + 1), 5);
    finish();
}
END_TEST

START_TEST(adds_up_first_open_extremes_last_close_and_all_lots)
{
    struct row r;
    begin();
    for (int i = 0; i < 10; i++)
        append(i);
    ck_assert(series_aggregate(&q, T0 + 5 * NS_PER_MIN, 5 * NS_PER_MIN, &r));
    ck_assert_int_eq(r.start_ns, T0 + 5 * NS_PER_MIN);
    ck_assert(dec_eq(r.open, dec_int(105)));            /* of bar 5 */
    ck_assert(dec_eq(r.high, dec_int(112)));            /* of bar 9 */
    ck_assert(dec_eq(r.low, dec_int(103)));             /* of bar 5 */
    ck_assert(dec_eq(r.close, dec_int(110)));           /* of bar 9 */
    ck_assert(dec_eq(r.volume, dec_int(6 + 7 + 8 + 9 + 10)));
    finish();
}
END_TEST

START_TEST(adds_up_nothing_when_any_bar_is_missing)
{
    for (int missing = 5; missing < 10; missing++) {
        const struct row untouched = bar(99);
        struct row r = untouched;
        begin();
        for (int i = 0; i < 12; i++)
            if (i != missing)
                append(i);
        ck_assert_msg(!series_aggregate(&q, T0 + 5 * NS_PER_MIN, 5 * NS_PER_MIN, &r), "without %d", missing);
        check_bar(&r, 99);
        ck_assert(series_aggregate(&q, T0, 5 * NS_PER_MIN, &r));
        finish();
    }
    begin();
    struct row r;
    ck_assert(!series_aggregate(&q, T0, 5 * NS_PER_MIN, &r));           /* nothing at all */
    for (int i = 0; i < 4; i++)
        append(i);
    ck_assert(!series_aggregate(&q, T0, 5 * NS_PER_MIN, &r));           /* not over yet */
    finish();
}
END_TEST

TESTS("series", a_row_that_contradicts_itself_is_not_good, comes_back_from_the_file_as_it_was,
      a_decimal_keeps_its_digits_in_the_file, a_bar_that_is_not_newer_is_refused_and_not_written,
      memory_keeps_the_newest_and_the_file_all, a_torn_end_is_cut_and_written_again, one_flipped_bit_ends_the_file_there,
      a_file_of_something_else_is_emptied, a_hole_in_the_file_ends_it_there_to_be_fetched_again,
      a_file_that_cannot_be_written_costs_no_bar_in_memory, finds_the_first_bar_at_or_after_an_instant,
      adds_up_first_open_extremes_last_close_and_all_lots, adds_up_nothing_when_any_bar_is_missing)
