#include "tests/runner.h"

#include <string.h>

#include "proto/enums.h"
#include "proto/err.h"

START_TEST(every_name_reads_back_to_its_value)
{
    int values = 0;
#define ENUM(type, PREFIX)
#define V(type, PREFIX, NAME, text)                                                                \
    {                                                                                              \
        enum type got = PREFIX##_COUNT;                                                            \
        ck_assert_str_eq(type##_name(PREFIX##_##NAME), text);                                      \
        ck_assert_int_eq(type##_parse(text, &got), ERR_OK);                                        \
        ck_assert_int_eq(got, PREFIX##_##NAME);                                                    \
        values++;                                                                                  \
    }
#define ENUM_END(type, PREFIX)
#include "proto/enums.def"
#undef ENUM
#undef V
#undef ENUM_END
    ck_assert_int_gt(values, 50);
}
END_TEST

START_TEST(what_is_no_value_has_no_name)
{
#define ENUM(type, PREFIX)                                                                         \
    ck_assert_str_eq(type##_name(PREFIX##_COUNT), "?");                                            \
    ck_assert_str_eq(type##_name((enum type)255), "?");
#define V(type, PREFIX, NAME, text)
#define ENUM_END(type, PREFIX)
#include "proto/enums.def"
#undef ENUM
#undef V
#undef ENUM_END
}
END_TEST

START_TEST(other_texts_are_unknown_and_leave_the_result)
{
    static const char *const bad[] = {"",     "?",   "no such text", "BUY ",
                                      " BUY", "Buy", "riskx",        "ris"};
#define ENUM(type, PREFIX)                                                                         \
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {                                      \
        enum type got = PREFIX##_COUNT;                                                            \
        ck_assert_int_eq(type##_parse(bad[i], &got), ERR_UNKNOWN);                                 \
        ck_assert_int_eq(got, PREFIX##_COUNT);                                                     \
    }
#define V(type, PREFIX, NAME, text)
#define ENUM_END(type, PREFIX)
#include "proto/enums.def"
#undef ENUM
#undef V
#undef ENUM_END
}
END_TEST

/* Numbers are in headers and journals: these may never change. */
START_TEST(numbers_on_the_wire_stay_what_they_were)
{
    static const char *const parties[] = {"orchestrator", "data",      "signal", "risk",
                                          "execution",    "optimizer", "audit",  "broker",
                                          "operator",     "guest"};
    for (size_t i = 0; i < sizeof parties / sizeof parties[0]; i++)
        ck_assert_str_eq(party_name((enum party)i), parties[i]);
    static const char *const classes[] = {"V", "L", "D1", "D2"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        ck_assert_str_eq(durability_name((enum durability)i), classes[i]);
}
END_TEST

START_TEST(error_codes_have_names_texts_and_fixed_numbers)
{
    ck_assert_str_eq(err_name(ERR_OK), "OK");
    ck_assert_str_eq(err_text(ERR_OK), "no error");
    ck_assert_int_eq(ERR_SYNTAX, -1);
    ck_assert_int_eq(ERR_PROTOCOL, -30);
    for (int i = 1; i <= ERR_INDEX_COUNT; i++) {
        ck_assert_str_ne(err_name(-i), "?");
        ck_assert_str_ne(err_text(-i), "?");
    }
#define ERR(name, text)                                                                            \
    ck_assert_str_eq(err_name(ERR_##name), #name);                                                 \
    ck_assert_str_eq(err_text(ERR_##name), text);
#include "proto/err.def"
#undef ERR
    ck_assert_str_eq(err_name(1), "?");
    ck_assert_str_eq(err_name(-ERR_INDEX_COUNT - 1), "?");
    ck_assert_str_eq(err_text(-ERR_INDEX_COUNT - 1), "?");
}
END_TEST

TESTS("enums", every_name_reads_back_to_its_value, what_is_no_value_has_no_name,
      other_texts_are_unknown_and_leave_the_result, numbers_on_the_wire_stay_what_they_were,
      error_codes_have_names_texts_and_fixed_numbers)
