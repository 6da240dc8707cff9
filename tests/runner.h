/* runner - one test program per file: START_TEST/END_TEST bodies, then
 *
 *     TESTS("dec", parses_plain_numbers, refuses_a_plus_sign)
 *
 * defines main().  Each test runs in a process of its own, bounded by TEST_TIMEOUT seconds (20 unless
 * defined before the include); the exit status is 0 only when all passed.
 */
#ifndef TESTS_RUNNER_H
#define TESTS_RUNNER_H

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef TEST_TIMEOUT
#define TEST_TIMEOUT 20
#endif

static inline int runner_main(const char *name, const TTest *const *tests, size_t n)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, TEST_TIMEOUT);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    int run = srunner_ntests_run(sr);
    srunner_free(sr);
    return run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define TESTS(suite_name, ...)                                                                     \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return runner_main(suite_name, tests, sizeof tests / sizeof tests[0]);                     \
    }

#endif
