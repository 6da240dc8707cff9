#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/exchange/jw.h"
#include "proto/err.h"
#include "tests/runner.h"

static json_t *load(const char *text)
{
    json_t *v = NULL;
    ck_assert_int_eq(codec_load(text, strlen(text), &v), ERR_OK);
    return v;
}

START_TEST(numbers_keep_every_digit)
{
    static const struct { const char *text, *want; } v[] = {
        {"0.1", "0.1"}, {"-4.069805E-4", "-0.0004069805"}, {"1.1155733413273683E9", "1115573341.3273683"},
        {"0E-8", "0"}, {"68.00", "68"}, {"1763700000123456789", "1763700000123456789"},
        {"123456789012345678.123456789", "123456789012345678.123456789"},
    };
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        char text[80], got[DEC_TEXT_MAX];
        dec_t d;
        snprintf(text, sizeof text, "{\"x\":[%s], \"y\" : %s}", v[i].text, v[i].text);
        json_t *o = load(text);
        ck_assert_int_eq(codec_value_dec(json_array_get(json_object_get(o, "x"), 0), &d), ERR_OK);
        ck_assert_str_eq(dec_format(d, got), v[i].want);
        ck_assert_int_eq(codec_dec(o, "y", &d), ERR_OK);
        ck_assert_str_eq(dec_format(d, got), v[i].want);
        json_decref(o);
    }
}
END_TEST

START_TEST(numbers_and_strings_are_told_apart)
{
    json_t *o = load("{\"n\":12,\"s\":\"12\",\"t\":\"a 1 \\\" 2\",\"h\":1.5,\"b\":true,\"z\":null}");
    const char *text;
    int64_t i;
    bool b;
    ck_assert(codec_is_number(json_object_get(o, "n")) && !codec_is_text(json_object_get(o, "n")));
    ck_assert_int_eq(codec_text(o, "n", &text), ERR_TYPE);
    ck_assert_int_eq(codec_text(o, "t", &text), ERR_OK);
    ck_assert_str_eq(text, "a 1 \" 2");
    ck_assert_int_eq(codec_int(o, "n", &i), ERR_OK);
    ck_assert_int_eq(i, 12);
    ck_assert_int_eq(codec_int(o, "s", &i), ERR_OK);
    ck_assert_int_eq(codec_int(o, "h", &i), ERR_RANGE);
    ck_assert_int_eq(codec_int(o, "z", &i), ERR_MISSING);
    ck_assert_int_eq(codec_int(o, "b", &i), ERR_TYPE);
    ck_assert_int_eq(codec_bool(o, "b", &b), ERR_OK);
    ck_assert_int_eq(codec_bool(o, "n", &b), ERR_TYPE);
    json_decref(o);
}
END_TEST

START_TEST(refuses_what_is_no_json)
{
    static const char *const bad[] = {"", "{", "{\"a\":01}", "[1.]", "[.5]", "[1e]", "[-]", "[+1]",
                                      "[1 2]", "\"open", "{\"a\":1,\"a\":2}", "[1]x", "nan", "[1e5.2]"};
    json_t *v = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(codec_load(bad[i], strlen(bad[i]), &v) == ERR_SYNTAX, "%s", bad[i]);
        ck_assert_ptr_null(v);
    }
}
END_TEST

START_TEST(every_cut_of_a_message_is_refused_and_the_whole_is_read)
{
    static const char text[] = "{\"a\":[1,2,3],\"b\":\"x\\\"y\",\"c\":-1.5E-3}";
    json_t *v = NULL;
    for (size_t n = 0; n < sizeof text - 1; n++)
        ck_assert_int_ne(codec_load(text, n, &v), ERR_OK);
    ck_assert_int_eq(codec_load(text, sizeof text - 1, &v), ERR_OK);
    json_decref(v);
}
END_TEST

START_TEST(writes_what_it_reads)
{
    struct jw w;
    jw_init(&w);
    jw_open(&w, NULL, '{');
    jw_dec(&w, "n", dec_lit("0.00020"));
    jw_decs(&w, "s", dec_lit("90150.0"));
    jw_str(&w, "t", "a\"\\\n\xc3\xa4");
    jw_open(&w, "l", '[');
    jw_int(&w, NULL, -1);
    jw_null(&w, NULL);
    jw_bool(&w, NULL, true);
    jw_close(&w, ']');
    jw_close(&w, '}');
    ck_assert_str_eq(w.buf, "{\"n\":0.0002,\"s\":\"90150\",\"t\":\"a\\u0022\\u005c\\u000a\xc3\xa4\","
                            "\"l\":[-1,null,true]}");
    json_t *o = load(w.buf);
    ck_assert_str_eq(json_string_value(json_object_get(o, "t")), "a\"\\\n\xc3\xa4");
    json_decref(o);
    jw_fini(&w);
}
END_TEST

TESTS("codec", numbers_keep_every_digit, numbers_and_strings_are_told_apart, refuses_what_is_no_json,
      every_cut_of_a_message_is_refused_and_the_whole_is_read, writes_what_it_reads)
