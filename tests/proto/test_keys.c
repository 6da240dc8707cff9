#include "tests/runner.h"

#include <ctype.h>
#include <string.h>

#include "proto/dec.h"
#include "proto/err.h"
#include "proto/keys.h"

static bool in_range(const struct config_key *k, dec_t v)
{
    dec_t bound;
    if (k->min[0] != '\0') {
        ck_assert_msg(dec_parse(k->min, &bound) == ERR_OK, "%s: min", k->name);
        if (dec_lt(v, bound))
            return false;
    }
    if (k->max[0] != '\0') {
        ck_assert_msg(dec_parse(k->max, &bound) == ERR_OK, "%s: max", k->name);
        if (dec_gt(v, bound))
            return false;
    }
    return true;
}

START_TEST(names_are_lower_case_words_given_once)
{
    for (int i = 0; i < CFG_COUNT; i++) {
        const char *name = config_keys[i].name;
        ck_assert_msg(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name), "%s",
                      name);
        ck_assert(islower((unsigned char)name[0]));
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(config_keys[k].name, name);
    }
}
END_TEST

START_TEST(every_key_says_what_it_means)
{
    for (int i = 0; i < CFG_COUNT; i++)
        ck_assert_msg(strlen(config_keys[i].meaning) > 5, "%s", config_keys[i].name);
}
END_TEST

START_TEST(number_defaults_parse_and_lie_in_their_range)
{
    for (int i = 0; i < CFG_COUNT; i++) {
        const struct config_key *k = &config_keys[i];
        dec_t v;
        int64_t whole;
        if (k->type != KEY_INT && k->type != KEY_DEC && k->type != KEY_DBL)
            continue;
        ck_assert_msg(dec_parse(k->def, &v) == ERR_OK, "%s: default \"%s\"", k->name, k->def);
        ck_assert_msg(in_range(k, v), "%s: default \"%s\" out of range", k->name, k->def);
        if (k->type == KEY_INT)
            ck_assert_msg(dec_to_int(v, &whole) == ERR_OK, "%s: no integer", k->name);
        if (k->type == KEY_INT)
            ck_assert_msg(k->min[0] != '\0' && k->max[0] != '\0', "%s: no bounds", k->name);
    }
}
END_TEST

START_TEST(bool_defaults_are_true_or_false)
{
    for (int i = 0; i < CFG_COUNT; i++) {
        const struct config_key *k = &config_keys[i];
        if (k->type == KEY_BOOL)
            ck_assert_msg(strcmp(k->def, "true") == 0 || strcmp(k->def, "false") == 0, "%s",
                          k->name);
    }
}
END_TEST

START_TEST(text_defaults_fit_their_longest_length)
{
    for (int i = 0; i < CFG_COUNT; i++) {
        const struct config_key *k = &config_keys[i];
        if (k->type != KEY_STR && k->type != KEY_LIST)
            continue;
        int64_t longest = 0;
        dec_t v;
        ck_assert_msg(dec_parse(k->max, &v) == ERR_OK && dec_to_int(v, &longest) == ERR_OK,
                      "%s: longest text \"%s\"", k->name, k->max);
        ck_assert_msg((int64_t)strlen(k->def) <= longest, "%s: default too long", k->name);
    }
}
END_TEST

TESTS("keys", names_are_lower_case_words_given_once, every_key_says_what_it_means,
      number_defaults_parse_and_lie_in_their_range, bool_defaults_are_true_or_false,
      text_defaults_fit_their_longest_length)
