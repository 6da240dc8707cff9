/* Candle files: what is read, and the verdict with file and line on what is refused. */
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "libagent/candle_file.h"
#include "proto/err.h"
#include "tests/runner.h"

#define HEAD "ts_ms,open,high,low,close,volume\n"
#define MIN  NS_PER_MIN

static char path[64], msg[300];

static void write_file(const char *text, size_t len, bool gz)
{
    snprintf(path, sizeof path, "/tmp/candles-XXXXXX");
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    if (gz) {
        gzFile f = gzdopen(fd, "wb");
        ck_assert_int_eq(gzwrite(f, text, (unsigned)len), (int)len);
        ck_assert_int_eq(gzclose(f), Z_OK);
    } else {
        ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
        close(fd);
    }
}

static int load(const char *text, int64_t tf_ns, struct candles *ret)
{
    write_file(text, strlen(text), false);
    msg[0] = '\0';
    const int err = candle_file_load(path, tf_ns, ret, msg, sizeof msg);
    unlink(path);
    return err;
}

static void refuses(const char *text, int want, const char *where)
{
    struct candles c = {.n = 77};
    char expected[400];

    ck_assert_int_eq(load(text, MIN, &c), want);
    snprintf(expected, sizeof expected, "%s%s", path, where);
    ck_assert_str_eq(msg, expected);
    ck_assert_uint_eq(c.n, 77);
}

START_TEST(reads_rows_plain_and_gzip_alike)
{
    static const char text[] = HEAD "60000,1.5,2,1,1.75,3\r\n120000,1.75,1.75,1.75,1.75,0\n"
                                    "240000,1.7,1.8,1.6,1.65,1e2";
    for (int gz = 0; gz < 2; gz++) {
        struct candles c;
        write_file(text, sizeof text - 1, gz);
        ck_assert_int_eq(candle_file_load(path, 0, &c, msg, sizeof msg), ERR_OK);
        unlink(path);
        ck_assert_uint_eq(c.n, 3);
        ck_assert_uint_eq(c.gaps, 1);
        ck_assert_uint_eq(c.jumps, 0);
        ck_assert(c.tf_ns == MIN && c.bar[0].tf_ns == MIN && c.bar[2].start_ns == 4 * MIN);
        ck_assert(c.bar[0].open == 1.5 && c.bar[0].high == 2 && c.bar[0].low == 1);
        ck_assert(c.bar[0].close == 1.75 && c.bar[0].volume == 3 && c.bar[2].volume == 100);
        candles_free(&c);
        ck_assert_ptr_null(c.bar);
    }
}
END_TEST

START_TEST(keeps_the_decimals_as_they_are_written)
{
    struct candle_file *f;
    struct candle_row row;
    static const char text[] = HEAD "60000,0.1000000000000000055,1,0.01,0.3,0.25\n";
    char buf[DEC_TEXT_MAX];

    write_file(text, sizeof text - 1, false);
    ck_assert_int_eq(candle_file_open(path, MIN, &f, msg, sizeof msg), ERR_OK);
    ck_assert_int_eq(candle_file_next(f, &row), 1);
    ck_assert_str_eq(dec_format(row.open, buf), "0.1000000000000000055");
    ck_assert(row.c.open == 0.1 && row.verdict == CANDLE_OK);
    ck_assert_int_eq(candle_file_next(f, &row), 0);
    ck_assert_int_eq(candle_file_next(f, &row), 0);
    candle_file_close(&f);
    candle_file_close(&f);
    unlink(path);
}
END_TEST

START_TEST(names_what_is_wrong_with_a_row_and_where)
{
    static const char *const cases[][2] = {
        {"60000,1,2,1,1.5\n", ":2: not six fields (FIELDS)"},
        {"60000,1,2,1,1.5,3,4\n", ":2: not six fields (FIELDS)"},
        {"\n", ":2: not a plain decimal number (NOT_A_NUMBER)"},
        {"60000,1,nan,1,1.5,3\n", ":2: not a plain decimal number (NOT_A_NUMBER)"},
        {"60000,1,inf,1,1.5,3\n", ":2: not a plain decimal number (NOT_A_NUMBER)"},
        {"60000,1,,1,1.5,3\n", ":2: not a plain decimal number (NOT_A_NUMBER)"},
        {"60000.5,1,2,1,1.5,3\n", ":2: time is not a whole number of milliseconds (NOT_A_NUMBER)"},
        {"1e18,1,2,1,1.5,3\n", ":2: time is not a whole number of milliseconds (NOT_A_NUMBER)"},
        {"60001,1,2,1,1.5,3\n", ":2: start is not a multiple of the timeframe (UNALIGNED)"},
        {"-60000,1,2,1,1.5,3\n", ":2: start is not a multiple of the timeframe (UNALIGNED)"},
        {"60000,1,1e308,1,1.5,3\n", ":2: price or volume beyond every market (OUT_OF_RANGE)"},
        {"60000,1,1e13,1,1.5,3\n", ":2: price or volume beyond every market (OUT_OF_RANGE)"},
        {"60000,1,2,0,1.5,3\n", ":2: price is zero or negative (NOT_POSITIVE)"},
        {"60000,1,2,-1,1.5,3\n", ":2: price is zero or negative (NOT_POSITIVE)"},
        {"60000,1,1,2,1.5,3\n", ":2: high below low (HIGH_BELOW_LOW)"},
        {"60000,3,2,1,1.5,3\n", ":2: open or close outside of low ... high (OUTSIDE)"},
        {"60000,1,2,1,1.5,-3\n", ":2: volume is negative (NEGATIVE_VOLUME)"},
        {"60000,1,2,1,1.5,3\n60000,1,2,1,1.5,3\n",
         ":3: start equals that of the bar before (DUPLICATE)"},
        {"120000,1,2,1,1.5,3\n60000,1,2,1,1.5,3\n",
         ":3: start before that of the bar before (BACKWARDS)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, HEAD "%s", cases[i][0]);
        refuses(text, ERR_SYNTAX, cases[i][1]);
    }
}
END_TEST

START_TEST(names_what_is_wrong_with_a_file)
{
    struct candles c;
    char text[800];

    refuses(HEAD, ERR_EMPTY, ":2: no candles (EMPTY)");
    refuses("", ERR_SYNTAX, ":1: header is not ts_ms,open,high,low,close,volume (HEADER)");
    refuses("time,o\n", ERR_SYNTAX, ":1: header is not ts_ms,open,high,low,close,volume (HEADER)");
    snprintf(text, sizeof text, HEAD "%0600d,1,1,1,1,1\n", 60000);
    refuses(text, ERR_SIZE, ":2: line too long (LINE_TOO_LONG)");
    ck_assert_int_eq(candle_file_load("/nowhere/x.csv", MIN, &c, msg, sizeof msg), ERR_IO);
    ck_assert_str_eq(msg, "/nowhere/x.csv:0: cannot open (CANNOT_OPEN)");
    ck_assert_int_eq(load(HEAD "60000,1,2,1,1.5,3\n", 0, &c), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(msg, "(NO_TIMEFRAME)"));
    ck_assert_int_eq(
        load(HEAD "60000,1,2,1,1.5,3\n120000,1,2,1,1.5,3\n150000,1,2,1,1.5,3\n", 0, &c), ERR_OK);
    ck_assert(c.tf_ns == MIN / 2);
    candles_free(&c);
    ck_assert_int_eq(
        load(HEAD "60000,1,2,1,1.5,3\n100000,1,2,1,1.5,3\n150000,1,2,1,1.5,3\n", 0, &c),
        ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(msg, ":2: start is not a multiple of the timeframe (UNALIGNED)"));
}
END_TEST

START_TEST(marks_a_jump_and_goes_on)
{
    struct candle_file *f;
    struct candle_row row;
    static const char text[] = HEAD "60000,1000,1001,999,1000,1\n120000,1000,1001,0.06,1000,1\n"
                                    "180000,1000,1001,999,1000,1\n";
    static const enum candle_verdict want[] = {CANDLE_OK, CANDLE_JUMP, CANDLE_OK};

    write_file(text, sizeof text - 1, false);
    ck_assert_int_eq(candle_file_open(path, MIN, &f, msg, sizeof msg), ERR_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(candle_file_next(f, &row), 1);
        ck_assert_int_eq(row.verdict, want[i]);
    }
    ck_assert_ptr_nonnull(strstr(msg, ":3: "));
    ck_assert_ptr_nonnull(strstr(msg, "(JUMP)"));
    candle_file_close(&f);
    unlink(path);
}
END_TEST

/* Cut at every byte: never more rows than are whole, and an error, not an end, inside the data. */
START_TEST(a_gzip_file_cut_short_is_damaged)
{
    static const char text[] = HEAD "60000,1.5,2,1,1.75,3\n120000,1.75,1.75,1.75,1.75,0\n";
    char bytes[512];
    struct candles c;

    write_file(text, sizeof text - 1, true);
    FILE *f = fopen(path, "rb");
    const size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    unlink(path);
    ck_assert(len > 20 && len < sizeof bytes);
    for (size_t n = 0; n < len; n++) {
        write_file(bytes, n, false);
        ck_assert_msg(candle_file_load(path, MIN, &c, msg, sizeof msg) < 0, "cut at %zu", n);
        unlink(path);
    }
    bytes[len / 2] ^= 0x40;
    write_file(bytes, len, false);
    ck_assert_int_lt(candle_file_load(path, MIN, &c, msg, sizeof msg), 0);
    unlink(path);
}
END_TEST

TESTS("candle_file", reads_rows_plain_and_gzip_alike, keeps_the_decimals_as_they_are_written,
      names_what_is_wrong_with_a_row_and_where, names_what_is_wrong_with_a_file,
      marks_a_jump_and_goes_on, a_gzip_file_cut_short_is_damaged)
