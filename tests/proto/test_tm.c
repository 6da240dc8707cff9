#include "tests/runner.h"

#include <string.h>

#include "proto/err.h"
#include "proto/tm.h"

static void parses_to(const char *text, int64_t want)
{
    int64_t got = -1;
    int err = tm_parse(text, &got);
    ck_assert_msg(err == ERR_OK, "\"%s\": %s", text, err_name(err));
    ck_assert_msg(got == want, "\"%s\": %lld, not %lld", text, (long long)got, (long long)want);
}

static void refused_as(const char *text, int want)
{
    int64_t got = -77;
    int err = tm_parse(text, &got);
    ck_assert_msg(err == want, "\"%s\": %s, not %s", text, err_name(err), err_name(want));
    ck_assert_msg(got == -77, "\"%s\" wrote a result", text);
}

START_TEST(parses_known_moments)
{
    parses_to("1970-01-01T00:00Z", 0);
    parses_to("1970-01-01T00:00:00.000000001Z", 1);
    parses_to("2024-08-04T22:00Z", 1722808800 * NS_PER_S);
    parses_to("2024-08-04T22:00:00Z", 1722808800 * NS_PER_S);
    parses_to("2024-08-04T22:00:01.5Z", 1722808801 * NS_PER_S + 500 * NS_PER_MS);
    parses_to("2024-02-29T23:59:59.999999999Z", 1709251199 * NS_PER_S + 999999999);
    parses_to("2000-02-29T00:00Z", 951782400 * NS_PER_S);
    parses_to("2261-12-31T23:59:59.999999999Z", 9214646399 * NS_PER_S + 999999999);
}
END_TEST

START_TEST(refuses_malformed_text)
{
    static const char *const bad[] = {
        "",
        "2024",
        "2024-08-04",
        "2024-08-04T22Z",
        "2024-08-04T22:00",
        "2024-08-04T22:00z",
        "2024-08-04 22:00Z",
        "2024-08-04T22:00Z ",
        " 2024-08-04T22:00Z",
        "24-08-04T22:00Z",
        "2024-8-04T22:00Z",
        "2024-08-04T22:0Z",
        "2024-08-04T22:00:Z",
        "2024-08-04T22:00:0Z",
        "2024-08-04T22:00:00.Z",
        "2024-08-04T22:00:00.1234567890Z",
        "2024-08-04T22:00:00,5Z",
        "2024-08-04T22:00+00:00",
        "-024-08-04T22:00Z",
        "+024-08-04T22:00Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused_as(bad[i], ERR_SYNTAX);
}
END_TEST

START_TEST(refuses_dates_that_do_not_exist)
{
    static const char *const bad[] = {
        "2023-02-29T00:00Z", "2100-02-29T00:00Z", "2024-02-30T00:00Z",    "2024-04-31T00:00Z",
        "2024-00-01T00:00Z", "2024-13-01T00:00Z", "2024-01-00T00:00Z",    "2024-01-32T00:00Z",
        "2024-01-01T24:00Z", "2024-01-01T00:60Z", "2024-01-01T00:00:60Z", "1969-12-31T23:59Z",
        "2262-01-01T00:00Z", "0000-01-01T00:00Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused_as(bad[i], ERR_RANGE);
}
END_TEST

START_TEST(formats_milliseconds_and_reads_them_back)
{
    char buf[TM_TEXT_MAX];
    ck_assert_str_eq(tm_format(0, buf), "1970-01-01T00:00:00.000Z");
    ck_assert_str_eq(tm_format(-1, buf), "1969-12-31T23:59:59.999Z");
    ck_assert_str_eq(tm_format(1722808800 * NS_PER_S + 999999999, buf), "2024-08-04T22:00:00.999Z");
    for (int64_t ns = 0; ns < 9214646399 * NS_PER_S; ns += 99991 * NS_PER_MIN + 7 * NS_PER_MS)
        parses_to(tm_format(ns, buf), ns);
}
END_TEST

START_TEST(a_day_starts_at_midnight_also_before_1970)
{
    const int64_t midnight = 1722729600 * NS_PER_S;
    ck_assert_int_eq(tm_day(midnight), midnight);
    ck_assert_int_eq(tm_day(midnight + NS_PER_DAY - 1), midnight);
    ck_assert_int_eq(tm_day(midnight + NS_PER_DAY), midnight + NS_PER_DAY);
    ck_assert_int_eq(tm_day(0), 0);
    ck_assert_int_eq(tm_day(-1), -NS_PER_DAY);
    ck_assert_int_eq(tm_day(-NS_PER_DAY), -NS_PER_DAY);
    ck_assert_int_eq(tm_day(-NS_PER_DAY - 1), -2 * NS_PER_DAY);
}
END_TEST

START_TEST(timeframes_have_names_both_ways)
{
    static const struct {
        const char *name;
        int64_t ns;
    } known[] = {
        {"1m", NS_PER_MIN},       {"5m", 5 * NS_PER_MIN}, {"15m", 15 * NS_PER_MIN},
        {"30m", 30 * NS_PER_MIN}, {"1h", NS_PER_H},       {"4h", 4 * NS_PER_H},
        {"1d", NS_PER_DAY},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        int64_t ns = 0;
        ck_assert_int_eq(tf_parse(known[i].name, &ns), ERR_OK);
        ck_assert_int_eq(ns, known[i].ns);
        ck_assert_str_eq(tf_name(ns), known[i].name);
    }
    int64_t ns = -77;
    static const char *const bad[] = {"", "1", "m", "2m", "1M", "60m", "1m ", "1week"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(tf_parse(bad[i], &ns), ERR_UNKNOWN);
    ck_assert_int_eq(ns, -77);
    ck_assert_str_eq(tf_name(0), "?");
    ck_assert_str_eq(tf_name(NS_PER_MIN + 1), "?");
}
END_TEST

TESTS("tm", parses_known_moments, refuses_malformed_text, refuses_dates_that_do_not_exist,
      formats_milliseconds_and_reads_them_back, a_day_starts_at_midnight_also_before_1970,
      timeframes_have_names_both_ways)
