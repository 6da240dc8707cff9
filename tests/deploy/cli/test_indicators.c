/* `enigma indicators`: what it prints is the core's value to the last bit; what it refuses. */
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "deploy/cli/cli.h"
#include "libagent/core/ta_strategy.h"
#include "proto/tm.h"

#include "tests/runner.h"

enum { BARS = 60 };

static char home[64], in[96], out[96], err[96], said[65536], complained[4096];
static struct candle bars[BARS];

static void slurp(const char *path, char *buf, size_t size)
{
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    buf[fread(buf, 1, size - 1, f)] = '\0';
    fclose(f);
}

/* A file of 60 minutes, in which the 31st is missing. */
static void begin(bool gz)
{
    char text[8192];
    int at = snprintf(text, sizeof text, "ts_ms,open,high,low,close,volume\n");
    for (int i = 0; i < BARS; i++) {
        const double mid = 100 + 5 * sin(i / 4.0) + i % 3;
        char row[200];
        snprintf(row, sizeof row, "%lld,%.2f,%.2f,%.2f,%.2f,%d", 1722808800000LL + 60000 * (i + (i > 30)),
                 mid, mid + 1, mid - 1.25, mid + 0.5 * (i % 2), 10 + i);
        long long ms;
        struct candle *c = &bars[i];
        ck_assert_int_eq(sscanf(row, "%lld,%lf,%lf,%lf,%lf,%lf", &ms, &c->open, &c->high, &c->low, &c->close,
                                &c->volume), 6);
        c->start_ns = ms * NS_PER_MS;
        c->tf_ns = NS_PER_MIN;
        at += snprintf(text + at, sizeof text - (size_t)at, "%s\n", row);
    }
    snprintf(home, sizeof home, "/tmp/enigma-indicators.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    snprintf(in, sizeof in, "%s/in.csv", home);
    snprintf(out, sizeof out, "%s/out", home);
    snprintf(err, sizeof err, "%s/err", home);
    gzFile f = gzopen(in, gz ? "wb" : "wbT");
    ck_assert_int_eq(gzwrite(f, text, (unsigned)at), at);
    ck_assert_int_eq(gzclose(f), Z_OK);
}

static void end(void)
{
    unlink(in);
    unlink(out);
    unlink(err);
    ck_assert_int_eq(rmdir(home), 0);
}

static int verb(int argc, const char *const *argv)
{
    struct cli c = {.instance = "nowhere"};
    char *args[8], copy[8][200];
    fflush(stdout);
    fflush(stderr);
    const int was_out = dup(1), was_err = dup(2), to_out = open(out, O_CREAT | O_TRUNC | O_WRONLY, 0600),
              to_err = open(err, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(to_out, 1);
    dup2(to_err, 2);
    for (int i = 0; i < argc; i++) {
        snprintf(copy[i], sizeof copy[i], "%s", argv[i]);
        args[i] = copy[i];
    }
    const int status = verb_indicators(&c, argc, args);
    fflush(stdout);
    dup2(was_out, 1);
    dup2(was_err, 2);
    close(was_out);
    close(was_err);
    close(to_out);
    close(to_err);
    slurp(out, said, sizeof said);
    slurp(err, complained, sizeof complained);
    return status;
}

static int run(const char *indicator)
{
    return verb(5, (const char *const[]){"indicators", "--in", in, "--indicator", indicator});
}

/* Reads the rows back and compares every cell with `want`, bit for bit. */
static void prints(const char *indicator, const char *columns, int outputs, const struct ta_value *want)
{
    char header[64], *rest = said;
    ck_assert_int_eq(run(indicator), EXIT_OK);
    ck_assert_str_eq(complained, "");
    snprintf(header, sizeof header, "ts_ms,%s", columns);
    ck_assert_str_eq(strsep(&rest, "\n"), header);
    for (int t = 0; t < BARS; t++) {
        char *row = strsep(&rest, "\n");
        ck_assert_ptr_nonnull(row);
        ck_assert_int_eq(strtoll(strsep(&row, ","), NULL, 10), bars[t].start_ns / NS_PER_MS);
        for (int k = 0; k < outputs; k++) {
            const char *cell = strsep(&row, ",");
            ck_assert_ptr_nonnull(cell);
            ck_assert_msg((cell[0] != '\0') == want[t].ready, "%s at %d: \"%s\"", indicator, t, cell);
            if (want[t].ready)
                ck_assert_msg(strtod(cell, NULL) == want[t].v[k], "%s at %d: %s", indicator, t, cell);
        }
        ck_assert_ptr_null(row);
    }
    ck_assert_str_eq(rest, "");
}

START_TEST(prints_the_cores_values_to_the_last_bit)
{
    static const struct { const char *name, *columns; int outputs; size_t at; } names[] = {
        {"rsi", "rsi", 1, offsetof(struct ta_bar, rsi)},
        {"rsi:14", "rsi", 1, offsetof(struct ta_bar, rsi)},
        {"macd", "macd,signal,hist", 3, offsetof(struct ta_bar, macd)},
        {"macd:12,26,9", "macd,signal,hist", 3, offsetof(struct ta_bar, macd)},
        {"macd:12", "macd,signal,hist", 3, offsetof(struct ta_bar, macd)},
        {"willr", "willr", 1, offsetof(struct ta_bar, willr)},
        {"ao", "ao", 1, offsetof(struct ta_bar, ao)},
        {"stoch", "k,d", 2, offsetof(struct ta_bar, stoch)},
        {"bbands", "lower,middle,upper", 3, offsetof(struct ta_bar, bb)},
        {"bbands:20,2.0", "lower,middle,upper", 3, offsetof(struct ta_bar, bb)},
        {"kdj", "k,d,j", 3, offsetof(struct ta_bar, kdj)},
        {"obv", "obv", 1, offsetof(struct ta_bar, obv)},
        {"atr", "atr", 1, offsetof(struct ta_bar, atr)},
        {"ema:9", "ema", 1, offsetof(struct ta_bar, ema)},
    };
    static struct ta ta;
    static struct ta_bar b[BARS];
    static struct ta_value want[BARS];

    for (int gz = 0; gz < 2; gz++) {
        begin(gz);
        ta_init(&ta);
        for (int t = 0; t < BARS; t++)
            ta_push(&ta, &bars[t], &b[t]);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            for (int t = 0; t < BARS; t++)
                memcpy(&want[t], (const char *)&b[t] + names[i].at, sizeof want[t]);
            prints(names[i].name, names[i].columns, names[i].outputs, want);
        }
        end();
    }
}
END_TEST

START_TEST(prints_sma_and_adx_with_their_periods)
{
    static struct ta_value want[BARS];
    struct ta_mean mean;
    struct ta_adx adx;
    double win[30];

    begin(false);
    for (int n = 7; n <= 30; n += 23) {
        ta_mean_init(&mean, n);
        for (int t = 0; t < BARS; t++)
            want[t] = ta_mean_push(&mean, win, bars[t].close);
        prints(n == 7 ? "sma:7" : "sma", "sma", 1, want);
    }
    for (int n = 5; n <= 14; n += 9) {
        ta_adx_init(&adx, n);
        for (int t = 0; t < BARS; t++)
            want[t] = ta_adx_push(&adx, bars[t].high, bars[t].low, bars[t].close);
        prints(n == 5 ? "adx:5" : "adx", "adx", 1, want);
    }
    end();
}
END_TEST

START_TEST(refuses_what_it_does_not_know_as_usage)
{
    static const char *const bad[][2] = {
        {"vwap", "unknown indicator \"vwap\""},      {"rs", "unknown indicator"},
        {"", "unknown indicator"},                   {"rsi:0", "whole number"},
        {"rsi:-3", "whole number"},                  {"rsi:2.5", "whole number"},
        {"rsi:10001", "whole number"},               {"rsi:1e99", "whole number"},
        {"rsi:nan", "not a number"},                 {"rsi:14x", "not a number"},
        {"rsi:", "not a number"},                    {"rsi:14,", "too many parameters"},
        {"macd:1,2,3,4", "too many parameters"},     {"obv:3", "too many parameters"},
        {"adx:1", "whole number"},                   {"bbands:20,0", "width positive"},
        {"macd:12,,9", "not a number"},
    };
    begin(false);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(run(bad[i][0]) == EXIT_BAD_USAGE, "%s", bad[i][0]);
        ck_assert_msg(strstr(complained, bad[i][1]) != NULL, "%s: %s", bad[i][0], complained);
        ck_assert_str_eq(said, "");
    }
    ck_assert_int_eq(verb(1, (const char *const[]){"indicators"}), EXIT_BAD_USAGE);
    ck_assert_int_eq(verb(3, (const char *const[]){"indicators", "--in", in}), EXIT_BAD_USAGE);
    ck_assert_ptr_nonnull(strstr(complained, "--indicator NAME"));
    ck_assert_int_eq(verb(2, (const char *const[]){"indicators", "--in"}), EXIT_BAD_USAGE);
    ck_assert_int_eq(verb(2, (const char *const[]){"indicators", "--what"}), EXIT_BAD_USAGE);
    ck_assert_int_eq(verb(2, (const char *const[]){"indicators", "--help"}), EXIT_OK);
    ck_assert_ptr_nonnull(strstr(said, "macd:12,26,9   ts_ms,macd,signal,hist"));
    end();
}
END_TEST

START_TEST(names_file_line_and_rule_of_a_bad_row)
{
    begin(false);
    FILE *f = fopen(in, "a");
    fprintf(f, "1722900000000,3,2,1,1.5,3\n");
    fclose(f);
    ck_assert_int_eq(run("obv"), EXIT_FAILED);
    char want[300];
    snprintf(want, sizeof want, "enigma indicators: %s:62: open or close outside of low ... high (OUTSIDE)\n", in);
    ck_assert_str_eq(complained, want);
    unlink(in);
    ck_assert_int_eq(run("obv"), EXIT_FAILED);
    ck_assert_ptr_nonnull(strstr(complained, "(CANNOT_OPEN)"));
    ck_assert_str_eq(said, "");
    end();
}
END_TEST

TESTS("indicators", prints_the_cores_values_to_the_last_bit, prints_sma_and_adx_with_their_periods,
      refuses_what_it_does_not_know_as_usage, names_file_line_and_rule_of_a_bad_row)
