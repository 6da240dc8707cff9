#include "tests/runner.h"

#include <string.h>

#include "proto/err.h"
#include "proto/uuid.h"

START_TEST(the_same_bytes_give_the_same_text)
{
    const uint8_t bytes[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                               0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    char text[37];
    uuid_from_bytes(bytes, text);
    ck_assert_str_eq(text, "00112233-4455-6677-8899-aabbccddeeff");
    ck_assert_int_eq(uuid_check(text), ERR_OK);
}
END_TEST

START_TEST(made_ones_are_version_four_and_differ)
{
    char a[37], b[37];
    for (int i = 0; i < 1000; i++) {
        uuid_make(a);
        uuid_make(b);
        ck_assert_int_eq(uuid_check(a), ERR_OK);
        ck_assert_int_eq(a[14], '4');
        ck_assert_ptr_nonnull(strchr("89ab", a[19]));
        ck_assert_str_ne(a, b);
    }
}
END_TEST

START_TEST(refuses_what_is_no_uuid)
{
    static const char *const bad[] = {
        "",
        "-",
        "00112233",
        "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeefff",
        "00112233-4455-6677-8899-AABBCCDDEEFF",
        "00112233-4455-6677-8899-aabbccddeefg",
        "00112233 4455-6677-8899-aabbccddeeff",
        "001122334-455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899_aabbccddeeff",
        " 0112233-4455-6677-8899-aabbccddeeff",
        "{0112233-4455-6677-8899-aabbccddeef}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(uuid_check(bad[i]) == ERR_SYNTAX, "accepted \"%s\"", bad[i]);
}
END_TEST

START_TEST(each_place_is_checked)
{
    const char good[] = "00112233-4455-6677-8899-aabbccddeeff";
    for (size_t i = 0; i < 36; i++) {
        char text[37];
        memcpy(text, good, sizeof text);
        text[i] = good[i] == '-' ? '0' : 'x';
        ck_assert_msg(uuid_check(text) == ERR_SYNTAX, "accepted \"%s\"", text);
        text[i] = '\0';
        ck_assert_msg(uuid_check(text) == ERR_SYNTAX, "accepted \"%s\"", text);
    }
}
END_TEST

TESTS("uuid", the_same_bytes_give_the_same_text, made_ones_are_version_four_and_differ,
      refuses_what_is_no_uuid, each_place_is_checked)
