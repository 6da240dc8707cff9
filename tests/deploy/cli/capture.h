/* capture - what a function prints on standard output, as text. */
#ifndef TESTS_DEPLOY_CLI_CAPTURE_H
#define TESTS_DEPLOY_CLI_CAPTURE_H

#include <stdio.h>
#include <unistd.h>

static char captured[65536];
static int captured_real;
static FILE *captured_file;

static inline void capture_begin(void)
{
    fflush(stdout);
    captured_real = dup(STDOUT_FILENO);
    captured_file = tmpfile();
    ck_assert_ptr_nonnull(captured_file);
    ck_assert_int_eq(dup2(fileno(captured_file), STDOUT_FILENO), STDOUT_FILENO);
}

static inline const char *capture_end(void)
{
    fflush(stdout);
    ck_assert_int_eq(dup2(captured_real, STDOUT_FILENO), STDOUT_FILENO);
    close(captured_real);
    rewind(captured_file);
    captured[fread(captured, 1, sizeof captured - 1, captured_file)] = '\0';
    fclose(captured_file);
    return captured;
}

#define ck_says(text, part) ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in:\n%s", part, text)
#define ck_says_not(text, part) ck_assert_msg(strstr(text, part) == NULL, "\"%s\" is in:\n%s", part, text)

#endif
