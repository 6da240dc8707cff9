/* `enigma backtest`: what it takes, what it refuses and says, and that it trades on recorded
 * candles. */
#define TEST_TIMEOUT 300
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <jansson.h>

#include "deploy/cli/cli.h"
#include "deploy/cli/funding_file.h"
#include "proto/err.h"

#include "tests/runner.h"

#define DATA    "../shared/data/"
#define T0_MS   1722470400000LL /* 2024-08-01 */
#define MINUTES 20000

static char home[64], in[96], rates[96], out[96], err[96], said[200000], complained[4096];
static json_t *figures;

static void slurp(const char *path, char *buf, size_t size)
{
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    buf[fread(buf, 1, size - 1, f)] = '\0';
    fclose(f);
}

static void begin(void)
{
    snprintf(home, sizeof home, "/tmp/enigma-backtest.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    snprintf(in, sizeof in, "%s/in.csv", home);
    snprintf(rates, sizeof rates, "%s/rates.csv", home);
    snprintf(out, sizeof out, "%s/out", home);
    snprintf(err, sizeof err, "%s/err", home);
}

static void end(void)
{
    json_decref(figures);
    figures = NULL;
    unlink(in);
    unlink(rates);
    unlink(out);
    unlink(err);
    ck_assert_int_eq(rmdir(home), 0);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

/* Minutes of a walk around 100, with the row `at` replaced by `row` (NULL: left out), -1: none. */
static void put_walk(int n, int at, const char *row)
{
    unsigned x = 12345;
    double price = 100;
    FILE *f = fopen(in, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "ts_ms,open,high,low,close,volume\n");
    for (int i = 0; i < n; i++) {
        x = x * 1103515245u + 12345u;
        const double close =
            price * (1 + ((int)(x >> 16) % 201 - 100) * 1e-5 + 3e-4 * sin(i / 180.0));
        const double high = fmax(price, close) * 1.0002, low = fmin(price, close) * 0.9998;
        if (i != at)
            fprintf(f, "%lld,%.3f,%.3f,%.3f,%.3f,50000\n", T0_MS + 60000LL * i, price, high, low,
                    close);
        else if (row != NULL)
            fprintf(f, "%s\n", row);
        price = close;
    }
    fclose(f);
}

static void zip(const char *path, size_t keep)
{
    static char text[4000000];
    slurp(path, text, sizeof text);
    gzFile gz = gzopen(path, "wb");
    ck_assert_int_eq(gzwrite(gz, text, (unsigned)strlen(text)), (int)strlen(text));
    gzclose(gz);
    if (keep > 0)
        ck_assert_int_eq(truncate(path, (off_t)keep), 0);
}

/* Up to fifteen arguments after the verb, NULL ends them. */
static int run(const char *const *argv)
{
    struct cli c = {.instance = "nowhere"};
    char copy[16][400] = {"backtest"}, *args[16] = {copy[0]};
    int argc = 1;
    for (; argv[argc - 1] != NULL; argc++)
        snprintf(args[argc] = copy[argc], sizeof copy[0], "%s", argv[argc - 1]);
    fflush(stdout);
    fflush(stderr);
    const int was_out = dup(1), was_err = dup(2),
              to_out = open(out, O_CREAT | O_TRUNC | O_WRONLY, 0600),
              to_err = open(err, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(to_out, 1);
    dup2(to_err, 2);
    const int status = verb_backtest(&c, argc, args);
    fflush(stdout);
    fflush(stderr);
    dup2(was_out, 1);
    dup2(was_err, 2);
    close(was_out);
    close(was_err);
    close(to_out);
    close(to_err);
    slurp(out, said, sizeof said);
    slurp(err, complained, sizeof complained);
    ck_assert_msg(strstr(said, "nan") == NULL && strstr(said, "inf") == NULL, "%s", said);
    json_decref(figures);
    figures = said[0] == '{' ? json_loads(said, 0, NULL) : NULL;
    return status;
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static const char *sol(const char *path)
{
    static char text[300];
    snprintf(text, sizeof text, "SOLUSDTM=%s", path);
    return text;
}

static double figure(const char *name)
{
    const json_t *v = json_object_get(figures, name);
    ck_assert_msg(v != NULL, "%s in %s", name, said);
    return json_is_string(v) ? atof(json_string_value(v)) : json_number_value(v);
}

#define ck_complains(status, want, text)                                                           \
    do {                                                                                           \
        ck_assert_int_eq(status, want);                                                            \
        ck_assert_msg(strstr(complained, text) != NULL, "no \"%s\" in: %s", text, complained);     \
        ck_assert_str_eq(said, "");                                                                \
    } while (0)

START_TEST(what_is_wrong_with_a_file_is_said_with_its_line)
{
    static const struct {
        const char *row, *text;
    } rows[] = {
        {"1722470580000,100,101,99,nan,5", "NOT_A_NUMBER"},
        {"1722470580000,100,1e308,99,100,5", ":5:"},
        {"1722470580000,inf,101,99,100,5", "NOT_A_NUMBER"},
        {"1722470580000,100,101,99,100", "FIELDS"},
        {"1722470580000,100,99,101,100,5", ":5:"},
        {"1722470580000,0,101,0,100,5", ":5:"},
        {"1722470580000,-1,101,-1,100,5", ":5:"},
        {"1722470520000,100,101,99,100,5", ":5:"},
        {"1722470400000,100,101,99,100,5", ":5:"},
        {"1722470580001,100,101,99,100,5", "UNALIGNED"},
        {"garbage", "NOT_A_NUMBER"},
        {"1722470580000,100,101,99,100,-5", ":5:"},
    };
    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_walk(10, 3, rows[i].row);
        ck_complains(RUN("--json", sol(in)), EXIT_FAILED, rows[i].text);
    }
    ck_complains(RUN(sol("/nowhere/at/all")), EXIT_FAILED, "CANNOT_OPEN");
    put(in, "\x1f\x8b garbage");
    ck_assert_int_eq(RUN(sol(in)), EXIT_FAILED);
    put(in, "");
    ck_assert_int_eq(RUN(sol(in)), EXIT_FAILED);
    put(in, "ts_ms,open,high,low,close,volume\n");
    ck_complains(RUN(sol(in)), EXIT_FAILED, "EMPTY");
    put_walk(1, -1, NULL);
    ck_complains(RUN(sol(in)), EXIT_FAILED, "NO_TIMEFRAME");
    put_walk(2000, -1, NULL);
    zip(in, 4000);
    ck_complains(RUN(sol(in)), EXIT_FAILED, "in.csv:");
    end();
}
END_TEST

START_TEST(fewer_bars_than_the_warm_up_are_no_trades)
{
    begin();
    put_walk(100, -1, NULL);
    ck_assert_int_eq(RUN("--json", sol(in)), EXIT_OK);
    ck_assert(figure("bars") == 100 && figure("signals") == 0 && figure("trades") == 0 &&
              figure("trades_per_day") == 0);
    ck_assert_int_eq(RUN(sol(in)), EXIT_OK);
    ck_assert_ptr_nonnull(strstr(said, "NOT_READY"));
    end();
}
END_TEST

START_TEST(a_gap_and_a_thousandfold_spike_invent_no_trade_and_no_figure)
{
    static const char *const fine[] = {"--json", "--primary-tf", "5m", "--confirm-tf", "15m"};
    begin();
    put_walk(MINUTES, -1, NULL);
    ck_assert_int_eq(RUN(fine[0], fine[1], fine[2], fine[3], fine[4], sol(in)), EXIT_OK);
    const double trades = figure("trades"), net = figure("net_return");
    ck_assert(trades > 20 && figure("bad_bars") == 0);
    put_walk(MINUTES, MINUTES - 7000, NULL);
    ck_assert_int_eq(RUN(fine[0], fine[1], fine[2], fine[3], fine[4], sol(in)), EXIT_OK);
    ck_assert(fabs(figure("trades") - trades) <= trades / 4 &&
              fabs(figure("net_return") - net) < 0.1);
    char spike[100];
    snprintf(spike, sizeof spike, "%lld,100,100000,100,100000,5",
             T0_MS + 60000LL * (MINUTES - 7000));
    put_walk(MINUTES, MINUTES - 7000, spike);
    ck_assert_int_eq(RUN(fine[0], fine[1], fine[2], fine[3], fine[4], sol(in)), EXIT_OK);
    ck_assert(figure("bad_bars") == 1);
    ck_assert(fabs(figure("trades") - trades) <= trades / 4 &&
              fabs(figure("net_return") - net) < 0.1);
    end();
}
END_TEST

START_TEST(options_that_make_no_sense_are_refused_by_name)
{
    static const struct {
        const char *name, *value;
        int status;
        const char *text;
    } bad[] = {
        {"--primary-tf", "7q", EXIT_BAD_CONFIG, "7q"},
        {"--primary-tf", "", EXIT_BAD_CONFIG, "primary_tf"},
        {"--confirm-tf", "15m", EXIT_BAD_CONFIG, "must be longer"},
        {"--confirm-tf", "20m", EXIT_BAD_CONFIG, "20m"},
        {"--strategy", "magic", EXIT_BAD_CONFIG, "magic"},
        {"--strategy", "probe", EXIT_BAD_CONFIG, "probe"},
        {"--strategy-params", "orb.window_min=3", EXIT_BAD_CONFIG, "does not run"},
        {"--ranking", "luck", EXIT_BAD_CONFIG, "luck"},
        {"--tp1-r", "3", EXIT_BAD_CONFIG, "tp1_r"},
        {"--tp1", "perhaps", EXIT_BAD_USAGE, "tp1"},
        {"--entry-hours", "9-17", EXIT_BAD_CONFIG, "entry_hours"},
        {"--balance", "nan", EXIT_BAD_USAGE, "no amount"},
        {"--balance", "-1", EXIT_BAD_USAGE, "no amount"},
        {"--balance", "0", EXIT_BAD_USAGE, "equity"},
        {"--balance", "1e308", EXIT_BAD_USAGE, "no amount"},
        {"--leverage", "0", EXIT_BAD_USAGE, "leverage"},
        {"--leverage", "126", EXIT_BAD_USAGE, "leverage"},
        {"--leverage", "16", EXIT_BAD_CONFIG, "max_leverage"},
        {"--leverage", "2.5", EXIT_BAD_USAGE, "leverage"},
        {"--leverage", "x", EXIT_BAD_USAGE, "leverage"},
        {"--signal-min-score", "131", EXIT_BAD_USAGE, "signal_min_score"},
        {"--level-gap", "-1", EXIT_BAD_USAGE, "no amount"},
        {"--level-gap", "inf", EXIT_BAD_USAGE, "no amount"},
        {"--order-timeout-s", "99999999", EXIT_BAD_USAGE, "order_timeout_s"},
        {"--latency", "-1", EXIT_BAD_USAGE, "no amount"},
        {"--latency", "3600001", EXIT_BAD_USAGE, "--latency"},
        {"--nonsense", "1", EXIT_BAD_USAGE, "nonsense"},
        {"--config", "/nowhere/at/all", EXIT_BAD_CONFIG, "/nowhere/at/all"},
    };
    begin();
    put_walk(100, -1, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const int status = RUN(bad[i].name, bad[i].value, sol(in));
        ck_assert_msg(status == bad[i].status, "%s %s: %d %s", bad[i].name, bad[i].value, status, complained);
        ck_assert_msg(strstr(complained, bad[i].text) != NULL, "%s: %s", bad[i].name, complained);
    }
    ck_complains(RUN("--balance"), EXIT_BAD_USAGE, "wants a value");
    ck_complains(RUN("--tp1"), EXIT_BAD_USAGE, "wants a value");
    ck_complains(RUN("-x"), EXIT_BAD_USAGE, "-x");
    ck_complains(RUN("--json"), EXIT_BAD_USAGE, "SYMBOL=FILE");
    ck_complains(RUN("SOLUSDTM"), EXIT_BAD_USAGE, "SYMBOL=FILE");
    ck_complains(RUN("SOLUSDTM="), EXIT_BAD_USAGE, "SYMBOL=FILE");
    ck_complains(RUN("=x"), EXIT_BAD_USAGE, "SYMBOL=FILE");
    ck_complains(RUN("FOOUSDTM=x"), EXIT_BAD_USAGE, "no contract");
    char twice[300];
    snprintf(twice, sizeof twice, "%s", sol(in));
    ck_complains(RUN(twice, twice), EXIT_BAD_USAGE, "given twice");
    ck_complains(RUN("--primary-tf", "1m", "--confirm-tf", "5m", "--primary-tf", "5m", twice), EXIT_BAD_USAGE,
                 "--primary-tf");
    ck_assert_int_eq(RUN("--help"), EXIT_OK);
    ck_assert_ptr_nonnull(strstr(said, "usage: enigma backtest"));
    end();
}
END_TEST

static int64_t count_of(const char *group, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(figures, group), name));
}

static int64_t gate(const char *name)
{
    const json_t *symbol = json_object_get(json_object_get(figures, "symbols"), "SOLUSDTM");
    const json_t *n = json_object_get(json_object_get(symbol, "funnel"), name);
    return n == NULL ? -1 : json_integer_value(n);
}

/* Strategies, ranking, limits and exits of a file are those that the agents would run with. */
START_TEST(a_configuration_file_chooses_strategies_limits_and_exits)
{
    begin();
    put_walk(MINUTES, -1, NULL);
    put(rates, "primary_tf = 5m\nconfirm_tf = 15m\nstrategy = score orb\nstrategy_params = orb.sessions=3\n"
               "entry_hours = 00:00-12:00\ntp1 = false\ntrailing = false\n");
    ck_assert_int_eq(RUN("--json", "--config", rates, sol(in)), EXIT_OK);
    ck_assert(gate("score.FIRED") > 0 && gate("orb.SIGNAL") > 0 && gate("FIRED") < 0);
    ck_assert(gate("score.FIRED") + gate("orb.SIGNAL") == (int64_t)figure("signals"));
    ck_assert(count_of("refused", "MARKET_HOURS") > 0);
    ck_assert(figure("trades") > 20 && count_of("exits", "TAKE_PROFIT_1") == 0 && count_of("exits", "TRAILING_STOP") == 0);
    /* the command line comes after the file; 1 m is the configuration's own default, 15 m that of no file */
    put(rates, "tp1 = false\n");
    ck_assert_int_eq(RUN("--json", "--config", rates, "--tp1", "true", sol(in)), EXIT_OK);
    ck_assert(count_of("exits", "TAKE_PROFIT_1") > 0 && gate("FIRED") >= (int64_t)figure("trades"));
    const int64_t minutes = gate("NOT_READY");
    ck_assert_int_eq(RUN("--json", "--trailing", "false", sol(in)), EXIT_OK);
    ck_assert(gate("NOT_READY") * 15 != minutes && minutes == 999);     /* 200 bars of 5 m */
    /* a limit that file and command line give differently */
    put(rates, "leverage = 3\n");
    ck_complains(RUN("--config", rates, "--leverage", "4", sol(in)), EXIT_BAD_USAGE, "leverage");
    put(rates, "strategy = score\nstrategy = orb\n");
    ck_complains(RUN("--config", rates, sol(in)), EXIT_BAD_CONFIG, ":2");
    end();
}
END_TEST

/* Each exit rule is there while it is on, and gone when it is off; the hard stop has no switch. */
START_TEST(each_exit_is_on_or_off_by_configuration)
{
    static const struct {
        const char *key, *exit;
    } rules[] = {
        {"--trailing", "TRAILING_STOP"}, {"--tp1", "TAKE_PROFIT_1"}, {"--tp2", "TAKE_PROFIT_2"},
        {"--time-stop", "TIME_STOP"},    {"--volatility-stop", "VOLATILITY_STOP"},
    };
    begin();
    put_walk(MINUTES, -1, NULL);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        for (int on = 0; on < 2; on++) {
            /* one rule alone, so that no other comes before it; of the staircase what is not the targets' break-even */
            ck_assert_int_eq(RUN("--json", "--volatility-factor", "1.1", rules[i].key, on ? "true" : "false",
                                 "--primary-tf", "5m", "--confirm-tf", "15m", sol(in)), EXIT_OK);
            if (i == 0 && !on)      /* moved to break-even by the first target */
                ck_assert_int_gt(count_of("exits", "TAKE_PROFIT_1"), 0);
            else
                ck_assert_msg((count_of("exits", rules[i].exit) > 0) == on, "%s", rules[i].key);
            ck_assert_int_gt(count_of("exits", "STOP_LOSS"), 0);
        }
    end();
}
END_TEST

START_TEST(bars_that_do_not_divide_the_primary_timeframe_are_refused)
{
    begin();
    put(in, "ts_ms,open,high,low,close,volume\n1722470400000,100,101,99,100,5\n1722472200000,100,"
            "101,99,100,5\n");
    ck_complains(RUN(sol(in)), EXIT_BAD_USAGE, "does not divide");
    put_walk(100, -1, NULL);
    put(rates, "ts_ms,open,high,low,close,volume\n1722470400000,100,101,99,100,5\n1722472200000,"
               "100,101,99,100,5\n");
    char other[300];
    snprintf(other, sizeof other, "XRPUSDTM=%s", rates);
    ck_complains(RUN(sol(in), other), EXIT_FAILED, "timeframe differs");
    end();
}
END_TEST

START_TEST(funding_is_paid_by_the_recorded_rates_or_the_contracts)
{
    char with[300];
    begin();
    put_walk(MINUTES, -1, NULL);
    snprintf(with, sizeof with, "SOLUSDTM=%s,%s", in, rates);
    ck_assert_int_eq(RUN("--json", "--primary-tf", "5m", "--confirm-tf", "15m", sol(in)), EXIT_OK);
    ck_assert(figure("funding") != 0);
    put(rates, "ts_ms,rate\n1722470400000,0.5\n"); /* before anything is open */
    ck_assert_int_eq(RUN("--json", "--primary-tf", "5m", "--confirm-tf", "15m", with), EXIT_OK);
    ck_assert(figure("funding") == 0);
    FILE *f = fopen(rates, "w");
    fprintf(f, "ts_ms,rate\n");
    for (int i = 0; i < MINUTES / 60; i++)
        fprintf(f, "%lld,-0.0001\n", T0_MS + 3600000LL * i + 7);
    fclose(f);
    ck_assert_int_eq(RUN("--json", "--primary-tf", "5m", "--confirm-tf", "15m", with), EXIT_OK);
    const double plain = figure("funding");
    ck_assert(plain != 0);
    zip(rates, 0);
    ck_assert_int_eq(RUN("--json", "--primary-tf", "5m", "--confirm-tf", "15m", with), EXIT_OK);
    ck_assert(figure("funding") == plain);
    zip(in, 0);
    ck_assert_int_eq(RUN("--json", "--primary-tf", "5m", "--confirm-tf", "15m", with), EXIT_OK);
    ck_assert(figure("funding") == plain);
    end();
}
END_TEST

START_TEST(funding_files_that_make_no_sense_are_refused_with_their_line)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "no rate"},
        {"ts_ms,rate\n", "no rate"},
        {"time,rate\n", ":1: the header"},
        {"ts_ms,rate\n5\n", ":2: not two"},
        {"ts_ms,rate\nx,0.1\n", ":2: time"},
        {"ts_ms,rate\n-5,0.1\n", ":2: time"},
        {"ts_ms,rate\n1.5,0.1\n", ":2: time"},
        {"ts_ms,rate\n99999999999999999,0.1\n", ":2: time"},
        {"ts_ms,rate\n5,nan\n", ":2: the rate"},
        {"ts_ms,rate\n5,1.1\n", ":2: the rate"},
        {"ts_ms,rate\n5,0.1\n5,0.1\n", ":3: time does not"},
        {"ts_ms,rate\n5,0.1,7\n", ":2: the rate"},
        {"\x1f\x8b garbage", "damaged"},
        {"ts_ms,rate\n5,0."
         "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "000"
         "00000000000000000000000000000000000001\n",
         "too long"},
    };
    struct backtest_funding *rows = NULL;
    size_t n = 0;
    char msg[300];
    begin();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put(rates, bad[i].text);
        ck_assert_int_lt(funding_file_load(rates, &rows, &n, msg, sizeof msg), 0);
        ck_assert_msg(strstr(msg, bad[i].why) != NULL, "%zu: no \"%s\" in %s", i, bad[i].why, msg);
        ck_assert(rows == NULL && n == 0);
    }
    ck_assert_int_eq(funding_file_load("/nowhere/at/all", &rows, &n, msg, sizeof msg), ERR_IO);
    put(rates, "ts_ms,rate\r\n5,0.0001\r\n6,-1");
    ck_assert_int_eq(funding_file_load(rates, &rows, &n, msg, sizeof msg), ERR_OK);
    ck_assert(n == 2 && rows[1].ns == 6000000 && dec_eq(rows[1].rate, dec_int(-1)));
    free(rows);
    FILE *f = fopen(rates, "w");
    fprintf(f, "ts_ms,rate\n");
    for (unsigned i = 1, x = 1; i < 5000; i++)
        fprintf(f, "%u,0.000%u\n", i, (x = x * 1103515245u + 12345u) >> 12);
    fclose(f);
    zip(rates, 9030);
    for (int keep = 9030; keep > 9000; keep--) {
        size_t none = 0;
        struct backtest_funding *never = NULL;
        ck_assert_int_eq(truncate(rates, keep), 0);
        ck_assert_int_lt(funding_file_load(rates, &never, &none, msg, sizeof msg), 0);
        ck_assert_msg(strstr(msg, "damaged") != NULL, "%s", msg);
    }
    put_walk(100, -1, NULL);
    put(rates, "ts_ms,rate\n5\n");
    snprintf(msg, sizeof msg, "SOLUSDTM=%s,%s", in, rates);
    ck_complains(RUN(msg), EXIT_FAILED, "not two fields");
    end();
}
END_TEST

START_TEST(latency_makes_no_fill_earlier_and_coarse_bars_keep_the_signals)
{
    begin();
    put_walk(MINUTES, -1, NULL);
    ck_assert_int_eq(RUN("--json", "--primary-tf", "5m", "--confirm-tf", "15m", sol(in)), EXIT_OK);
    const double signals = figure("signals"), filled = figure("filled");
    ck_assert_int_eq(
        RUN("--json", "--latency", "60000", "--primary-tf", "5m", "--confirm-tf", "15m", sol(in)),
        EXIT_OK);
    ck_assert(figure("signals") == signals &&
              figure("filled") == 0); /* 60 s in the file, 60 s on the way */
    ck_assert(filled > 0);
    ck_assert_int_eq(RUN("--json", "--coarse", "--primary-tf", "5m", "--confirm-tf", "15m", sol(in)),
                     EXIT_OK);
    ck_assert(figure("signals") == signals && figure("bars") == MINUTES / 5);
    end();
}
END_TEST

static double metric(const char *group, const char *name)
{
    const json_t *m = json_object_get(json_object_get(figures, group), name);
    ck_assert_msg(m != NULL, "%s", name);
    return json_number_value(json_object_get(m, "value"));
}

START_TEST(metrics_are_of_the_same_trades)
{
    begin();
    put_walk(MINUTES, -1, NULL);
    for (int close = 0; close < 2; close++) {
        ck_assert_int_eq(
            close ? RUN("--json", "--at-close", "--primary-tf", "5m", "--confirm-tf", "15m", sol(in))
                  : RUN("--json", "--primary-tf", "5m", "--confirm-tf", "15m", sol(in)),
            EXIT_OK);
        const double trades = figure("trades"), net = figure(close ? "net_return" : "net");
        ck_assert(trades > 20 &&
                  fabs(metric("metrics", "expectancy") * trades - net) < 1e-9 * (1 + fabs(net)));
        ck_assert(fabs(metric("metrics", "win_rate_30d") * trades - figure("wins")) <
                  1e-9); /* 14 days */
        ck_assert(metric("metrics", "trade_duration") > 60 &&
                  metric("metrics", "trade_duration") < 86400);
        ck_assert(metric("metrics", "maker_share") == !close);
        ck_assert(metric("metrics", "fill_ratio") > 0 && metric("metrics", "fill_ratio") <= 1);
        ck_assert_uint_eq(json_object_size(json_object_get(figures, "accuracy")), 9);
        ck_assert(metric("accuracy", "ema") > 0 && metric("accuracy", "ema") < 1);
    }
    end();
}
END_TEST

/* ---- recorded candles ---- */

#define SPOT(symbol, coin)                                                                         \
    symbol "=" DATA "candles/binance-spot_" coin "USDT_1m_2024-07_2024-08.csv.gz"
#define PERP(symbol, file) symbol "=" DATA "candles/kucoin-futures_" file "_2025-12_2026-01.csv.gz"

START_TEST(exits_on_primary_bars_and_on_minutes_differ_by_less_than_2_bp_a_trade)
{
    if (access(DATA, R_OK) != 0)
        return;
    begin();
    for (int with = 0; with < 3; with++) { /* BTC, ETH, both */
        const char *a = with == 1 ? SPOT("ETHUSDTM", "ETH") : SPOT("XBTUSDTM", "BTC"),
                   *b = with == 2 ? SPOT("ETHUSDTM", "ETH") : NULL;
        ck_assert_int_eq(RUN("--json", "--at-close", "--base-volume", a, b), EXIT_OK);
        const double trades = figure("trades"), fine = 1e4 * figure("net_return") / trades;
        ck_assert_int_eq(RUN("--json", "--coarse", "--at-close", "--base-volume", a, b), EXIT_OK);
        const double coarse = 1e4 * figure("net_return") / figure("trades");
        printf("%.0f and %.0f trades: 1 m %.2f bp, 15 m %.2f bp a trade\n", trades,
               figure("trades"), fine, coarse);
        ck_assert(trades > 50 && fabs(fine - coarse) < 2);
    }
    fflush(stdout);
    end();
}
END_TEST

START_TEST(each_symbol_trades_1_to_6_times_a_day_and_no_gate_refuses_all)
{
    static const char *const names[] = {"XBTUSDTM", "ETHUSDTM", "SOLUSDTM"};
    if (access(DATA, R_OK) != 0)
        return;
    begin();
    ck_assert_int_eq(RUN("--json", PERP("XBTUSDTM", "XBTUSDTM_15m"),
                         PERP("ETHUSDTM", "ETHUSDTM_15m"), PERP("SOLUSDTM", "SOLUSDTM_15m")),
                     EXIT_OK);
    const json_t *symbols = json_object_get(figures, "symbols");
    for (int i = 0; i < 3; i++) {
        const double rate = json_number_value(
            json_object_get(json_object_get(symbols, names[i]), "trades_per_day"));
        printf("%s %.2f trades a day\n", names[i], rate);
        ck_assert(rate >= 1 && rate <= 6);
    }
    const char *gate;
    json_t *count;
    json_object_foreach(json_object_get(figures, "failed"), gate, count)
        ck_assert_msg(json_number_value(count) < figure("signals"), "%s refuses all", gate);
    fflush(stdout);
    end();
}
END_TEST

TESTS("backtest", what_is_wrong_with_a_file_is_said_with_its_line,
      fewer_bars_than_the_warm_up_are_no_trades,
      a_gap_and_a_thousandfold_spike_invent_no_trade_and_no_figure,
      options_that_make_no_sense_are_refused_by_name,
      a_configuration_file_chooses_strategies_limits_and_exits, each_exit_is_on_or_off_by_configuration,
      bars_that_do_not_divide_the_primary_timeframe_are_refused,
      funding_is_paid_by_the_recorded_rates_or_the_contracts,
      funding_files_that_make_no_sense_are_refused_with_their_line,
      latency_makes_no_fill_earlier_and_coarse_bars_keep_the_signals,
      metrics_are_of_the_same_trades,
      exits_on_primary_bars_and_on_minutes_differ_by_less_than_2_bp_a_trade,
      each_symbol_trades_1_to_6_times_a_day_and_no_gate_refuses_all)
