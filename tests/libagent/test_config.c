/* The files are written into a directory of the test's own. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libagent/config.h"
#include "proto/err.h"
#include "tests/runner.h"

static struct config *c;
static char why[CONFIG_WHY_MAX];
static char path[64];

static void enter(void)
{
    char dir[] = "/tmp/enigma-config.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/enigma.conf", dir);
    c = config_new();
    why[0] = '\0';
}

static void leave(void)
{
    config_destroy(&c);
    unlink(path);
    *strrchr(path, '/') = '\0';
    ck_assert_int_eq(rmdir(path), 0);
}

static void write_bytes(const void *bytes, size_t len)
{
    FILE *f = fopen(path, "we");
    ck_assert(f != NULL && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

static int read_text(const char *text)
{
    write_bytes(text, strlen(text));
    return config_read_file(c, path, why);
}

static int read_env(const char *one, const char *two)
{
    char a[256], b[256], *env[] = {a, two != NULL ? b : NULL, NULL};
    snprintf(a, sizeof a, "%s", one);
    snprintf(b, sizeof b, "%s", two != NULL ? two : "");
    return config_read_env(c, env, why);
}

static int set(const char *name, const char *value)
{
    return config_set(c, name, value, "test", why);
}

/* The source's number of a line: "DIR/enigma.conf:LINE". */
static const char *at_line(int line)
{
    static char text[96];
    snprintf(text, sizeof text, "%s:%d", path, line);
    return text;
}

/* All of these are in the error's text. */
#define ck_why(...)                                                                                \
    do {                                                                                           \
        const char *const parts_[] = {__VA_ARGS__};                                                \
        for (size_t i_ = 0; i_ < sizeof parts_ / sizeof parts_[0]; i_++)                           \
            ck_assert_msg(strstr(why, parts_[i_]) != NULL, "no \"%s\" in: %s", parts_[i_], why);    \
    } while (0)

/* ---- values and sources ---- */

START_TEST(starts_from_defaults_that_agree_with_one_another)
{
    enter();
    for (int i = 0; i < CFG_COUNT; i++) {
        ck_assert_str_eq(config_text(c, (enum cfg)i), config_keys[i].def);
        ck_assert_str_eq(config_source(c, (enum cfg)i), "default");
    }
    ck_assert_msg(config_check(c, why) == ERR_OK, "%s", why);
    leave();
}
END_TEST

START_TEST(reads_every_type_from_a_file_and_remembers_the_line)
{
    enter();
    int err = read_text("# a comment\n\n  leverage\t=  3  # of ours\r\n"
                        "risk_per_trade_pct = 0.25\ngamma_min_g = -0.5\ndry_run = yes\n"
                        "rest_url = https://example.org/a?b=c\nsymbols = XBTUSDTM,ETHUSDTM  SOLUSDTM");
    ck_assert_msg(err == ERR_OK, "%s", why);
    ck_assert_int_eq(config_int(c, CFG_leverage), 3);
    ck_assert_str_eq(config_source(c, CFG_leverage), at_line(3));
    ck_assert(dec_eq(config_dec(c, CFG_risk_per_trade_pct), dec_lit("0.25")));
    ck_assert(config_dbl(c, CFG_gamma_min_g) == -0.5);
    ck_assert(config_bool(c, CFG_dry_run));
    ck_assert_str_eq(config_text(c, CFG_rest_url), "https://example.org/a?b=c");
    const char *words[CONFIG_LIST_MAX];
    ck_assert_uint_eq(config_list(c, CFG_symbols, words), 3);
    ck_assert_str_eq(words[0], "XBTUSDTM");
    ck_assert_str_eq(words[2], "SOLUSDTM");
    ck_assert_str_eq(config_source(c, CFG_symbols), at_line(8));
    ck_assert_str_eq(config_source(c, CFG_top_n), "default");
    leave();
}
END_TEST

START_TEST(the_environment_wins_over_the_file_and_the_command_line_over_both)
{
    enter();
    ck_assert_int_eq(read_text("log_level = warn\ntop_n = 3\nwarmup_bars = 300\n"), ERR_OK);
    ck_assert_int_eq(read_env("ENIGMA_LOG_LEVEL=error", "ENIGMA_TOP_N=4"), ERR_OK);
    ck_assert_int_eq(config_set(c, "log-level", "debug", "command line", why), ERR_OK);
    ck_assert_str_eq(config_text(c, CFG_log_level), "debug");
    ck_assert_str_eq(config_source(c, CFG_log_level), "command line");
    ck_assert_int_eq(config_int(c, CFG_top_n), 4);
    ck_assert_str_eq(config_source(c, CFG_top_n), "environment ENIGMA_TOP_N");
    ck_assert_int_eq(config_int(c, CFG_warmup_bars), 300);
    leave();
}
END_TEST

START_TEST(understands_the_bare_names_and_their_seconds)
{
    enter();
    ck_assert_int_eq(read_env("MINING_INTERVAL=7", "DRY_RUN=true"), ERR_OK);
    ck_assert_int_eq(read_env("TRADING_INTERVAL=0.5", "MAX_POSITION_PERCENT=1.5"), ERR_OK);
    ck_assert_int_eq(config_int(c, CFG_mining_interval_ms), 7000);
    ck_assert_int_eq(config_int(c, CFG_trading_interval_ms), 500);
    ck_assert(config_bool(c, CFG_dry_run));
    ck_assert(dec_eq(config_dec(c, CFG_max_position_pct), dec_lit("1.5")));
    ck_assert_str_eq(config_source(c, CFG_mining_interval_ms), "environment MINING_INTERVAL");
    ck_assert_int_eq(read_env("MINING_INTERVAL=soon", NULL), ERR_CONFIG);
    ck_why("MINING_INTERVAL", "mining_interval_ms", "soon");
    ck_assert_int_eq(read_env("MINING_INTERVAL=0.0001", NULL), ERR_CONFIG);     /* no whole ms */
    leave();
}
END_TEST

START_TEST(leaves_other_variables_of_the_environment_alone)
{
    enter();
    char hash[20], again[20];
    config_hash(c, hash);
    ck_assert_int_eq(read_env("PATH=/bin", "leverage=9"), ERR_OK);
    ck_assert_int_eq(read_env("ENIGMA=1", "no equals sign"), ERR_OK);
    config_hash(c, again);
    ck_assert_str_eq(hash, again);
    leave();
}
END_TEST

START_TEST(an_empty_file_changes_nothing)
{
    enter();
    ck_assert_int_eq(read_text(""), ERR_OK);
    ck_assert_int_eq(read_text("\n\n# only a comment"), ERR_OK);
    ck_assert_msg(config_check(c, why) == ERR_OK, "%s", why);
    leave();
}
END_TEST

/* ---- refusals ---- */

/* Domain 6, test 13. */
START_TEST(refuses_unknown_keys_wherever_they_come_from)
{
    enter();
    ck_assert_int_eq(read_text("top_n = 2\nleverge = 3\n"), ERR_CONFIG);
    ck_why(at_line(2), "unknown key", "leverge", "enigma config");
    ck_assert_int_eq(read_text("log-level = info\n"), ERR_CONFIG);      /* '-' is the command line's */
    ck_why(at_line(1), "log-level");
    ck_assert_int_eq(read_text(" = 5\n"), ERR_CONFIG);
    ck_assert_int_eq(read_env("ENIGMA_LEVERGE=3", NULL), ERR_CONFIG);
    ck_why("environment ENIGMA_LEVERGE", "unknown key", "leverge");
    ck_assert_int_eq(set("leverge", "3"), ERR_CONFIG);
    ck_why("test", "unknown key", "leverge");
    leave();
}
END_TEST

START_TEST(refuses_an_unknown_key_of_the_environment_however_long)
{
    enter();
    char name[200] = "ENIGMA_LEVERAGE";
    memset(name + strlen(name), 'X', sizeof name - strlen(name) - 1);
    strcpy(name + sizeof name - 4, "=3");
    ck_assert_int_eq(read_env(name, NULL), ERR_CONFIG);
    ck_why("ENIGMA_LEVERAGEXX", "unknown key");
    leave();
}
END_TEST

/* Domain 6, test 13. */
START_TEST(refuses_a_key_given_twice_in_a_file_and_names_both_lines)
{
    enter();
    ck_assert_int_eq(read_text("top_n = 2\n\ntop_n = 2\n"), ERR_CONFIG);
    ck_why(at_line(3), "top_n", "twice", at_line(1), "remove one");
    leave();
}
END_TEST

START_TEST(refuses_a_line_that_is_no_setting)
{
    enter();
    ck_assert_int_eq(read_text("top_n = 2\nleverage 3\n"), ERR_CONFIG);
    ck_why(at_line(2), "leverage 3", "key = value");
    leave();
}
END_TEST

START_TEST(refuses_what_is_not_a_plain_number)
{
    static const char *const wrong[] = {"", "abc", "+5", " 5", "5 ", "05", "1e1", "0x5", "5.", ".5", "--5", "NaN",
                                        "inf", "5,0", "1_0", "5-", "\xd9\xa5", "-"};
    enter();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(set("leverage", wrong[i]) == ERR_CONFIG, "took \"%s\"", wrong[i]);
        ck_why("test", "leverage", wrong[i], "plain number", "such as 5");
        ck_assert_msg(set("risk_per_trade_pct", wrong[i]) == ERR_CONFIG, "took \"%s\"", wrong[i]);
        ck_assert_msg(set("gamma_min_g", wrong[i]) == ERR_CONFIG, "took \"%s\"", wrong[i]);
    }
    ck_assert_int_eq(set("leverage", "2.5"), ERR_CONFIG);
    ck_why("leverage = 2.5", "whole number");
    ck_assert_int_eq(set("dry_run", "TRUE"), ERR_CONFIG);
    ck_why("dry_run", "TRUE", "true or false");
    ck_assert_int_eq(config_int(c, CFG_leverage), 5);       /* what was refused changed nothing */
    ck_assert_str_eq(config_source(c, CFG_leverage), "default");
    leave();
}
END_TEST

START_TEST(every_number_has_limits_and_takes_exactly_what_lies_within)
{
    enter();
    int tried = 0;
    for (int i = 0; i < CFG_COUNT; i++) {
        const struct config_key *k = &config_keys[i];
        if (k->type != KEY_INT && k->type != KEY_DEC && k->type != KEY_DBL)
            continue;
        tried++;
        ck_assert_msg(*k->min != '\0' && *k->max != '\0', "%s has no limits", k->name);
        ck_assert_msg(set(k->name, k->min) == ERR_OK, "%s", why);
        ck_assert_msg(set(k->name, k->max) == ERR_OK, "%s", why);
        char text[DEC_TEXT_MAX];
        dec_t step = dec_lit(k->type == KEY_INT ? "1" : "0.0000000001");
        dec_format(dec_add(dec_lit(k->max), step), text);
        ck_assert_msg(set(k->name, text) == ERR_CONFIG, "%s took %s", k->name, text);
        ck_why("test", k->name, text, "above its limit of", k->max, k->unit, "lower it");
        dec_format(dec_sub(dec_lit(k->min), step), text);
        ck_assert_msg(set(k->name, text) == ERR_CONFIG, "%s took %s", k->name, text);
        ck_why("test", k->name, text, "below its limit of", k->min, k->unit, "raise it");
        ck_assert_str_eq(config_text(c, (enum cfg)i), k->max);
    }
    ck_assert_int_gt(tried, 40);
    leave();
}
END_TEST

START_TEST(names_limit_and_mend_of_the_longest_wrong_value)
{
    enter();
    char digits[5000];
    memset(digits, '9', sizeof digits - 1);
    digits[sizeof digits - 1] = '\0';
    ck_assert_int_eq(set("leverage", digits), ERR_CONFIG);
    ck_why("leverage", "such as 5");
    digits[30] = '\0';
    ck_assert_int_eq(set("leverage", digits), ERR_CONFIG);      /* more than an int64 */
    ck_assert_int_eq(set("trading_capital", digits), ERR_CONFIG);
    ck_why("trading_capital", digits, "above its limit of 1000000000 quote", "lower it");
    leave();
}
END_TEST

START_TEST(bounds_texts_and_lists)
{
    enter();
    char text[1100];
    memset(text, 'a', sizeof text);
    text[200] = '\0';
    ck_assert_int_eq(set("rest_url", text), ERR_OK);
    text[200] = 'a';
    text[201] = '\0';
    ck_assert_int_eq(set("rest_url", text), ERR_CONFIG);
    ck_why("rest_url", "limit of 200 characters", "shorten it");

    char *p = text;
    for (int i = 0; i <= CONFIG_LIST_MAX; i++)
        p += sprintf(p, "S%d ", i);
    ck_assert_int_eq(set("symbols", text), ERR_CONFIG);
    ck_why("symbols", "limit of 64 words");
    *strstr(text, "S64") = '\0';
    ck_assert_int_eq(set("symbols", text), ERR_OK);
    ck_assert_int_eq(set("symbols", "A, B,A"), ERR_CONFIG);
    ck_why("symbols", "twice", "A, B,A");
    ck_assert_int_eq(set("rest_url", "http://a\x1b[2J"), ERR_CONFIG);
    ck_why("rest_url", "control character");
    ck_assert_int_eq(set("rest_url", "http://a\nleverage = 9"), ERR_CONFIG);
    ck_assert_int_eq(set("rest_url", "http://\xff"), ERR_CONFIG);
    ck_why("rest_url", "UTF-8");
    ck_assert_int_eq(set("rest_url", "http://b\xc3\xbc"), ERR_OK);
    leave();
}
END_TEST

/* ---- files that are none ---- */

START_TEST(refuses_files_that_are_missing_too_long_or_no_text)
{
    enter();
    ck_assert_int_eq(config_read_file(c, path, why), ERR_CONFIG);
    ck_why(path, "cannot be read");

    char *long_text = malloc(CONFIG_FILE_MAX + 1);
    ck_assert_ptr_nonnull(long_text);
    memset(long_text, '#', CONFIG_FILE_MAX + 1);
    write_bytes(long_text, CONFIG_FILE_MAX + 1);
    ck_assert_int_eq(config_read_file(c, path, why), ERR_CONFIG);
    ck_why(path, "65537", "65536");
    write_bytes(long_text, CONFIG_FILE_MAX);
    ck_assert_int_eq(config_read_file(c, path, why), ERR_OK);
    free(long_text);

    write_bytes("top_n = 2\0\nleverage = 1\n", 24);
    ck_assert_int_eq(config_read_file(c, path, why), ERR_CONFIG);
    ck_why(path, "NUL");
    ck_assert_int_eq(config_int(c, CFG_leverage), 5);
    leave();
}
END_TEST

START_TEST(refuses_what_is_no_regular_file_and_does_not_wait_for_it)
{
    enter();
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(config_read_file(c, path, why), ERR_CONFIG);
    ck_why(path, "not a regular file");
    ck_assert_int_eq(config_read_file(c, "/tmp", why), ERR_CONFIG);
    ck_why("/tmp", "not a regular file");
    leave();
}
END_TEST

START_TEST(refuses_a_file_that_everybody_may_write)
{
    enter();
    write_bytes("top_n = 2\n", 10);
    ck_assert_int_eq(chmod(path, 0646), 0);
    ck_assert_int_eq(config_read_file(c, path, why), ERR_CONFIG);
    ck_why(path, "chmod o-w");
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(config_read_file(c, path, why), ERR_OK);
    leave();
}
END_TEST

/* ---- limits that contradict one another ---- */

START_TEST(refuses_one_limit_given_differently_by_two_sources_and_names_both)
{
    enter();
    ck_assert_int_eq(read_text("# ours\nmax_leverage = 10\n"), ERR_OK);
    ck_assert_int_eq(read_env("ENIGMA_MAX_LEVERAGE=12", NULL), ERR_CONFIG);
    ck_why("environment ENIGMA_MAX_LEVERAGE", "max_leverage = 12", "contradicts 10", at_line(2), "remove one");
    ck_assert_int_eq(read_env("ENIGMA_MAX_LEVERAGE=9", NULL), ERR_CONFIG);      /* tighter or looser: either */
    ck_assert_int_eq(config_set(c, "max-leverage", "12", "command line", why), ERR_CONFIG);
    ck_why("command line", "max_leverage = 12", at_line(2));
    ck_assert_int_eq(config_int(c, CFG_max_leverage), 10);
    leave();
}
END_TEST

START_TEST(finds_two_names_in_the_environment_for_one_limit)
{
    enter();
    ck_assert_int_eq(read_env("MAX_POSITION_PERCENT=2", "ENIGMA_MAX_POSITION_PCT=3"), ERR_CONFIG);
    ck_why("environment ENIGMA_MAX_POSITION_PCT", "environment MAX_POSITION_PERCENT", "max_position_pct");
    leave();
}
END_TEST

START_TEST(every_limit_is_guarded_and_the_same_value_twice_is_none)
{
    enter();
    int limits = 0;
    for (int i = 0; i < CFG_COUNT; i++) {
        const struct config_key *k = &config_keys[i];
        ck_assert_int_eq(config_set(c, k->name, k->def, "one", why), ERR_OK);
        ck_assert_int_eq(config_set(c, k->name, k->def, "two", why), ERR_OK);
        if (k->reload < RELOAD_LOWER)
            continue;
        limits++;
        const char *other = strcmp(k->def, k->min) == 0 ? k->max : k->min;
        ck_assert_msg(config_set(c, k->name, other, "three", why) == ERR_CONFIG, "%s", k->name);
        ck_why("three", k->name, other, k->def, "two");
    }
    ck_assert_int_gt(limits, 15);
    ck_assert_int_eq(config_set(c, "max_heat_pct", "2.00", "four", why), ERR_OK);   /* the same number */
    leave();
}
END_TEST

START_TEST(refuses_limits_of_which_one_makes_the_other_void)
{
    static const struct { const char *low, *value, *high, *limit; } pairs[] = {
        {"leverage", "6", "max_leverage", "5"},
        {"position_margin_pct", "3", "max_position_pct", "2.5"},
        {"max_position_pct", "20", "max_exposure_pct", "19"},
        {"max_symbol_notional_pct", "200", "max_notional_pct", "199"},
        {"risk_per_trade_pct", "3", "max_heat_pct", "2"},
        {"daily_loss_pct", "6", "max_daily_drawdown_pct", "5"},
        {"tp1_r", "2.5", "tp2_r", "2.4"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        enter();
        ck_assert_int_eq(config_set(c, pairs[i].high, pairs[i].limit, "upper", why), ERR_OK);
        ck_assert_int_eq(config_set(c, pairs[i].low, pairs[i].value, "lower", why), ERR_OK);
        ck_assert_int_eq(config_check(c, why), ERR_CONFIG);
        ck_why(pairs[i].low, pairs[i].value, "lower", pairs[i].high, pairs[i].limit, "upper", "change one");
        leave();
    }
}
END_TEST

START_TEST(refuses_words_that_are_none_of_a_keys)
{
    static const struct { const char *name, *value, *mend; } wrong[] = {
        {"log_level", "loud", "debug info warn error"}, {"mode", "demo", "paper live"},
        {"primary_tf", "2m", "1m 5m 15m 1h"},           {"confirm_tf", "1d", "1m 5m 15m 1h"},
        {"on_shutdown", "sell", "keep flatten"},        {"strategy", "luck", "ml probe"},
        {"rest_url", "api.example.org", "https://"},    {"confirm_tf", "1m", "longer than primary_tf = 1m"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        enter();
        ck_assert_int_eq(set(wrong[i].name, wrong[i].value), ERR_OK);
        ck_assert_int_eq(config_check(c, why), ERR_CONFIG);
        ck_why("test", wrong[i].name, wrong[i].value, wrong[i].mend);
        leave();
    }
    enter();
    ck_assert_int_eq(set("symbols", " , "), ERR_OK);
    ck_assert_int_eq(config_check(c, why), ERR_CONFIG);
    ck_why("test", "symbols", "at least one");
    leave();
    enter();
    ck_assert_int_eq(set("strategy", "probe"), ERR_OK);
    ck_assert_msg(config_check(c, why) == ERR_OK, "%s", why);
    ck_assert_int_eq(set("mode", "live"), ERR_OK);
    ck_assert_int_eq(config_check(c, why), ERR_CONFIG);
    ck_why("probe", "live");
    leave();
}
END_TEST

START_TEST(hashes_every_value_but_the_log_level)
{
    enter();
    char before[20], after[20];
    config_hash(c, before);
    ck_assert_uint_eq(strlen(before), 16);
    ck_assert_int_eq(set("log_level", "debug"), ERR_OK);
    config_hash(c, after);
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(set("top_n", "3"), ERR_OK);
    config_hash(c, after);
    ck_assert_str_ne(before, after);
    leave();
}
END_TEST

TESTS("config", starts_from_defaults_that_agree_with_one_another,
      reads_every_type_from_a_file_and_remembers_the_line,
      the_environment_wins_over_the_file_and_the_command_line_over_both,
      understands_the_bare_names_and_their_seconds, leaves_other_variables_of_the_environment_alone,
      an_empty_file_changes_nothing, refuses_unknown_keys_wherever_they_come_from,
      refuses_an_unknown_key_of_the_environment_however_long,
      refuses_a_key_given_twice_in_a_file_and_names_both_lines, refuses_a_line_that_is_no_setting,
      refuses_what_is_not_a_plain_number, every_number_has_limits_and_takes_exactly_what_lies_within,
      names_limit_and_mend_of_the_longest_wrong_value, bounds_texts_and_lists,
      refuses_files_that_are_missing_too_long_or_no_text,
      refuses_what_is_no_regular_file_and_does_not_wait_for_it, refuses_a_file_that_everybody_may_write,
      refuses_one_limit_given_differently_by_two_sources_and_names_both,
      finds_two_names_in_the_environment_for_one_limit,
      every_limit_is_guarded_and_the_same_value_twice_is_none,
      refuses_limits_of_which_one_makes_the_other_void, refuses_words_that_are_none_of_a_keys,
      hashes_every_value_but_the_log_level)
