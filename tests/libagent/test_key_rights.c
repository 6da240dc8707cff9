#include <string.h>

#include "libagent/key_rights.h"
#include "proto/err.h"
#include "tests/runner.h"

static int judge(const char *permission, const char *ip_list, const char *sub_name, bool any_ip, const char *sub_account,
                 char why[KEY_RIGHTS_WHY_MAX])
{
    const struct key_rights k = {permission, ip_list, sub_name};
    const struct key_wanted w = {any_ip, sub_account};
    return key_rights_check(&k, &w, why);
}

START_TEST(accepts_what_trading_needs_and_what_moves_no_money)
{
    static const char *const good[] = {"General,Futures", "Futures,General", "General, Futures", "General,Spot,Margin,Futures"};
    char why[KEY_RIGHTS_WHY_MAX] = "untouched";
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(judge(good[i], "192.0.2.10", "", false, "", why) == ERR_OK, "%s: %s", good[i], why);
    ck_assert_str_eq(why, "untouched");
}
END_TEST

START_TEST(refuses_what_moves_money_what_is_unknown_and_what_is_missing_by_name)
{
    static const struct { const char *permission, *names; } bad[] = {
        {"General,Futures,Transfer", "Transfer"}, {"General,Futures,InnerTransfer", "InnerTransfer"},
        {"Withdrawal,General,Futures", "Withdrawal"}, {"General,Futures,Earn", "Earn"},
        {"General,Futures,futures", "futures"}, {"General,FuturesTransfer", "FuturesTransfer"},
        {"General,Futures,", "\"\""}, {"", "\"\""}, {",", "\"\""}, {"General", "lacks Futures"}, {"Futures", "lacks General"},
        {"General;Futures", "General;Futures"}, {"General,Futures\n", "Futures\n"},
        {"General,Futures,AnEndlessWordThatNobodyKnowsHereOrElsewhere", "AnEndlessWord"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char why[KEY_RIGHTS_WHY_MAX] = "";
        ck_assert_int_eq(judge(bad[i].permission, "192.0.2.10", "", true, "", why), ERR_PERMISSION);
        ck_assert_msg(strstr(why, bad[i].names) != NULL, "%s: %s", bad[i].permission, why);
    }
}
END_TEST

START_TEST(a_key_without_a_list_of_addresses_is_refused_unless_the_operator_says_otherwise)
{
    static const char *const none[] = {"", " ", ",", " , ,"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        char why[KEY_RIGHTS_WHY_MAX] = "";
        ck_assert_int_eq(judge("General,Futures", none[i], "", false, "", why), ERR_PERMISSION);
        ck_assert_ptr_nonnull(strstr(why, "allow_any_ip"));
        ck_assert_int_eq(judge("General,Futures", none[i], "", true, "", why), ERR_OK);
        ck_assert_int_eq(judge("General,Futures,Transfer", none[i], "", true, "", why), ERR_PERMISSION);
    }
}
END_TEST

START_TEST(a_key_of_another_sub_account_than_expected_is_refused)
{
    static const struct { const char *is, *wanted; int err; } cases[] = {
        {"", "", ERR_OK}, {"small", "", ERR_OK}, {"small", "small", ERR_OK}, {"small", "Small", ERR_PERMISSION},
        {"small2", "small", ERR_PERMISSION}, {"smal", "small", ERR_PERMISSION}, {"", "small", ERR_PERMISSION},
        {"abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnopqrstuvwxyz012346", ERR_PERMISSION},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[KEY_RIGHTS_WHY_MAX] = "";
        ck_assert_int_eq(judge("General,Futures", "192.0.2.10", cases[i].is, false, cases[i].wanted, why), cases[i].err);
        ck_assert_msg((cases[i].err == ERR_OK) == (*why == '\0'), "%s", why);
    }
}
END_TEST

TESTS("key_rights", a_key_without_a_list_of_addresses_is_refused_unless_the_operator_says_otherwise,
      a_key_of_another_sub_account_than_expected_is_refused, accepts_what_trading_needs_and_what_moves_no_money,
      refuses_what_moves_money_what_is_unknown_and_what_is_missing_by_name)
