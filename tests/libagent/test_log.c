/* Standard error is a file of the test's own while it writes. */
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "tests/runner.h"

static int kept = -1;
static FILE *file;
static char text[1 << 16];

static void begin(void)
{
    file = tmpfile();
    ck_assert_ptr_nonnull(file);
    kept = dup(STDERR_FILENO);
    ck_assert(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
}

/* What was written since begin(), in `text`. */
static const char *end(void)
{
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
    return text;
}

/* One whole line of JSON. */
static json_t *parse(const char *line)
{
    size_t n = strlen(line);
    ck_assert_msg(n > 0 && strchr(line, '\n') == line + n - 1, "not one line: %s", line);
    ck_assert_uint_le(n, LOG_LINE_MAX);
    json_error_t error;
    json_t *tree = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(tree != NULL, "%s: %s", error.text, line);
    return tree;
}

static const char *member(const json_t *tree, const char *key)
{
    const char *s = json_string_value(json_object_get(tree, key));
    return s != NULL ? s : "(none)";
}

START_TEST(a_line_is_one_json_object_with_time_level_program_and_event)
{
    log_init("risk");
    begin();
    log_info("order.placed", LOG_S("id", "x1"), LOG_I("lots", -3), LOG_F("px", 0.25), LOG_B("paper", true),
             LOG_S("nothing", NULL));
    json_t *tree = parse(end());
    const char *ts = member(tree, "ts");
    int y, mo, d, h, mi, s, ms, len = 0;
    ck_assert_int_eq(sscanf(ts, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &y, &mo, &d, &h, &mi, &s, &ms, &len), 7);
    ck_assert_int_eq(len, (int)strlen(ts));
    ck_assert_str_eq(member(tree, "level"), "info");
    ck_assert_str_eq(member(tree, "agent"), "risk");
    ck_assert_str_eq(member(tree, "event"), "order.placed");
    ck_assert_str_eq(member(tree, "id"), "x1");
    ck_assert_int_eq(json_integer_value(json_object_get(tree, "lots")), -3);
    ck_assert(json_real_value(json_object_get(tree, "px")) == 0.25);
    ck_assert(json_is_true(json_object_get(tree, "paper")));
    ck_assert(json_is_null(json_object_get(tree, "nothing")));
    json_decref(tree);
}
END_TEST

START_TEST(lines_without_fields_and_numbers_that_are_none_stay_json)
{
    begin();
    log_warn("quiet", LOG_NONE);
    json_decref(parse(end()));
    begin();
    log_error("odd", LOG_F("nan", (double)NAN), LOG_F("inf", -(double)INFINITY), LOG_I("least", INT64_MIN));
    json_t *tree = parse(end());
    ck_assert(json_is_null(json_object_get(tree, "nan")) && json_is_null(json_object_get(tree, "inf")));
    ck_assert_int_eq(json_integer_value(json_object_get(tree, "least")), INT64_MIN);
    json_decref(tree);
}
END_TEST

START_TEST(text_comes_back_as_it_was_and_no_byte_of_it_acts_on_a_terminal)
{
    const char *nasty = "a\"b\\c\nd\te\x1b[2Jf\x7fg\xc2\x9b" "2Jh / z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80";
    begin();
    log_info("text", LOG_S("s", nasty));
    const char *line = end();
    for (const char *p = line; *p != '\0'; p++)
        ck_assert_msg((unsigned char)*p >= 0x20 || *p == '\n', "byte %02x", (unsigned char)*p);
    ck_assert(strchr(line, 0x7f) == NULL && strstr(line, "\xc2\x9b") == NULL);
    json_t *tree = parse(line);
    ck_assert_str_eq(member(tree, "s"), nasty);
    json_decref(tree);
}
END_TEST

START_TEST(bytes_that_are_no_utf_8_do_not_spoil_the_line)
{
    static const char *const bad[] = {"\xff", "a\x80z", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc0\xaf", "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80", "\xc3\"", "\xe2\x82\\"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        begin();
        log_info("text", LOG_S("s", bad[i]), LOG_S("after", "ok"));
        json_t *tree = parse(end());
        ck_assert(strstr(member(tree, "s"), "\xef\xbf\xbd") != NULL);
        ck_assert_str_eq(member(tree, "after"), "ok");
        json_decref(tree);
    }
}
END_TEST

START_TEST(a_line_too_long_loses_whole_fields_and_says_so)
{
    char filler[2 * LOG_LINE_MAX];
    memset(filler, '\n', sizeof filler);        /* six bytes each in the line */
    bool seen_whole = false, seen_cut = false;
    for (size_t n = 200; n < 400; n++) {
        filler[n] = '\0';
        begin();
        log_info("long", LOG_I("first", 1), LOG_S("s", filler), LOG_I("last", 2));
        filler[n] = '\n';
        json_t *tree = parse(end());
        ck_assert_int_eq(json_integer_value(json_object_get(tree, "first")), 1);
        bool cut = json_is_true(json_object_get(tree, "cut"));
        bool whole = json_object_get(tree, "s") != NULL && json_object_get(tree, "last") != NULL;
        ck_assert(cut != whole);
        if (json_object_get(tree, "s") != NULL)
            ck_assert_uint_eq(strlen(member(tree, "s")), n);
        seen_whole = seen_whole || whole;
        seen_cut = seen_cut || cut;
        json_decref(tree);
    }
    ck_assert(seen_whole && seen_cut);
}
END_TEST

START_TEST(levels_below_the_threshold_are_not_written_but_counted)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++) {
        int64_t errors = log_errors(), warnings = log_warnings();
        ck_assert_int_eq(log_set_level(levels[i]), ERR_OK);
        begin();
        log_debug("d", LOG_NONE);
        log_info("i", LOG_NONE);
        log_warn("w", LOG_NONE);
        log_error("e", LOG_NONE);
        int lines = 0;
        for (const char *p = end(); (p = strchr(p, '\n')) != NULL; p++)
            lines++;
        ck_assert_int_eq(lines, 4 - i);
        ck_assert_int_eq(log_errors(), errors + 1);
        ck_assert_int_eq(log_warnings(), warnings + 1);
    }
    ck_assert_int_eq(log_set_level("verbose"), ERR_UNKNOWN);
    ck_assert_int_eq(log_set_level(""), ERR_UNKNOWN);
    begin();
    log_warn("w", LOG_NONE);                    /* an unknown word changed nothing */
    ck_assert_str_eq(end(), "");
}
END_TEST

START_TEST(a_closed_standard_error_ends_nothing)
{
    int out = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    log_error("nobody.hears", LOG_NONE);
    ck_assert_int_ge(dup2(out, STDERR_FILENO), 0);
    ck_assert_int_eq(log_errors(), 1);
}
END_TEST

TESTS("log", a_line_is_one_json_object_with_time_level_program_and_event,
      lines_without_fields_and_numbers_that_are_none_stay_json,
      text_comes_back_as_it_was_and_no_byte_of_it_acts_on_a_terminal,
      bytes_that_are_no_utf_8_do_not_spoil_the_line, a_line_too_long_loses_whole_fields_and_says_so,
      levels_below_the_threshold_are_not_written_but_counted, a_closed_standard_error_ends_nothing)
