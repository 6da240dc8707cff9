#include <string.h>

#include "libagent/key_rights.h"
#include "proto/err.h"
#include "tests/runner.h"

START_TEST(accepts_what_trading_needs_and_what_moves_no_money)
{
    static const char *const good[] = {"General,Futures", "Futures,General", "General, Futures", "General,Spot,Margin,Futures"};
    char why[KEY_RIGHTS_WHY_MAX] = "untouched";
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(key_rights_check(good[i], why) == ERR_OK, "%s: %s", good[i], why);
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
        ck_assert_int_eq(key_rights_check(bad[i].permission, why), ERR_PERMISSION);
        ck_assert_msg(strstr(why, bad[i].names) != NULL, "%s: %s", bad[i].permission, why);
    }
}
END_TEST

TESTS("key_rights", accepts_what_trading_needs_and_what_moves_no_money,
      refuses_what_moves_money_what_is_unknown_and_what_is_missing_by_name)
