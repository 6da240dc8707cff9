/* `enigma logs`: in the order of time, and nothing is lost when files are rotated as supervisord does it. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/cli/cli.h"

#include "tests/runner.h"

#include "tests/deploy/cli/capture.h"

static char home[64];
static int clock_s;

static void enter(void)
{
    snprintf(home, sizeof home, "/tmp/enigma-logs.XXXXXX");
    ck_assert(mkdtemp(home) != NULL && chdir(home) == 0 && mkdir("log", 0755) == 0);
}

static void leave(void)
{
    char command[128];
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf '%s'", home);
    ck_assert_int_eq(system(command), 0);
}

/* One line at the next second. */
static void say(const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "log/%s", name);
    FILE *f = fopen(path, "ae");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "{\"ts\":\"2024-08-04T22:%02d:%02d.000Z\",\"text\":\"%s\"}\n", clock_s / 60, clock_s % 60, text);
    clock_s++;
    ck_assert_int_eq(fclose(f), 0);
}

static void rotate(const char *name)
{
    char from[80], to[80];
    for (int i = 2; i >= 0; i--) {
        snprintf(from, sizeof from, i > 0 ? "log/%s.log.%d" : "log/%s.log", name, i);
        snprintf(to, sizeof to, "log/%s.log.%d", name, i + 1);
        rename(from, to);
    }
    snprintf(from, sizeof from, "log/%s.log", name);
    int fd = open(from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static int logs(const char *option, const char *name)
{
    char verb[] = "logs", a[16], b[32];
    char *argv[4] = {verb};
    int argc = 1;
    struct cli c = {.instance = home};
    if (*option) {
        snprintf(a, sizeof a, "%s", option);
        argv[argc++] = a;
    }
    if (*name) {
        snprintf(b, sizeof b, "%s", name);
        argv[argc++] = b;
    }
    return verb_logs(&c, argc, argv);
}

static const char *shown(const char *name)
{
    capture_begin();
    int rc = logs("", name);
    const char *text = capture_end();
    ck_assert_int_eq(rc, EXIT_OK);
    return text;
}

static void ck_order(const char *text, const char *const *words, size_t n)
{
    const char *at = text;
    for (size_t i = 0; i < n; i++) {
        const char *found = strstr(at, words[i]);
        ck_assert_msg(found != NULL, "%s is missing, or too early, in:\n%s", words[i], text);
        at = found + 1;
    }
}
#define CK_ORDER(text, ...) ck_order(text, (const char *const[]){__VA_ARGS__}, \
                                     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

START_TEST(merges_the_processes_by_time)
{
    enter();
    say("risk.log", "one");
    say("data.log", "two");
    say("risk.log", "three");
    say("redis.log", "not in our form");
    CK_ORDER(shown(""), "one", "two", "three");
    ck_says_not(shown(""), "not in our form");
    ck_says_not(shown("risk"), "two");
    ck_says(shown("redis"), "not in our form");
    leave();
}
END_TEST

START_TEST(begins_with_the_oldest_file)
{
    enter();
    say("risk.log", "one");
    rotate("risk");
    say("risk.log", "two");
    rotate("risk");
    say("risk.log", "three");
    CK_ORDER(shown("risk"), "one", "two", "three");
    leave();
}
END_TEST

START_TEST(shows_half_a_line_and_lines_longer_than_its_buffer)
{
    static char text[9000];
    enter();
    memset(text, 'x', sizeof text - 1);
    say("risk.log", text);
    FILE *f = fopen("log/risk.log", "ae");
    ck_assert(f != NULL && fputs("{\"ts\":\"2024-08-04T23:00", f) >= 0 && fclose(f) == 0);
    const char *all = shown("risk");
    ck_assert_uint_eq(strspn(strstr(all, "xxx"), "x"), sizeof text - 1);
    ck_says(all, "{\"ts\":\"2024-08-04T23:00\n");
    leave();
}
END_TEST

START_TEST(an_unknown_name_is_an_error)
{
    enter();
    say("risk.log", "one");
    ck_assert_int_eq(logs("", "nobody"), EXIT_FAILED);
    ck_assert_int_eq(logs("", "../log/risk"), EXIT_FAILED);
    ck_assert_int_eq(logs("", "-x"), EXIT_BAD_USAGE);
    leave();
}
END_TEST

/* ---- followed ---- */

static pid_t follower;
static int out_fd;

static void follow(void)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    follower = fork();
    if (follower == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fds[1], STDOUT_FILENO);
        _exit(logs("-f", ""));
    }
    close(fds[1]);
    out_fd = fds[0];
}

/* Read until the word comes. */
static const char *heard_until(const char *word)
{
    static char text[65536];
    static size_t len;
    while (strstr(text, word) == NULL) {
        struct pollfd p = {.fd = out_fd, .events = POLLIN};
        ck_assert_msg(poll(&p, 1, 15000) == 1, "%s did not come; so far:\n%s", word, text);
        ssize_t n = read(out_fd, text + len, sizeof text - 1 - len);
        ck_assert_int_gt(n, 0);
        len += (size_t)n;
        text[len] = '\0';
    }
    return text;
}

static void end_follower(void)
{
    kill(follower, SIGKILL);
    waitpid(follower, NULL, 0);
    close(out_fd);
}

START_TEST(follows_through_rotations_without_losing_a_line)
{
    char word[32];
    enter();
    say("risk.log", "first");
    follow();
    heard_until("first");
    for (int i = 0; i < 30; i++) {      /* faster than it looks */
        snprintf(word, sizeof word, "line-%02d-", i);
        say("risk.log", word);
        if (i % 10 == 9)
            rotate("risk");
    }
    say("risk.log", "last");
    const char *text = heard_until("last");
    const char *at = text;
    for (int i = 0; i < 30; i++) {
        snprintf(word, sizeof word, "line-%02d-", i);
        at = strstr(at, word);
        ck_assert_msg(at != NULL, "%s is lost in:\n%s", word, text);
        ck_assert_msg(strstr(at + 1, word) == NULL, "%s comes twice", word);
    }
    end_follower();
    leave();
}
END_TEST

START_TEST(follows_a_process_that_begins_to_log_later)
{
    enter();
    say("risk.log", "first");
    follow();
    heard_until("first");
    say("signal.log", "newcomer");
    heard_until("newcomer");
    end_follower();
    leave();
}
END_TEST

START_TEST(waits_for_the_rest_of_a_line)
{
    enter();
    say("risk.log", "first");
    follow();
    heard_until("first");
    FILE *f = fopen("log/risk.log", "ae");
    ck_assert(f != NULL && fputs("{\"ts\":\"2024-08-04T22:59:00.000Z\",\"text\":\"be", f) >= 0 && fflush(f) == 0);
    say("data.log", "meanwhile");
    const char *text = heard_until("meanwhile");
    ck_says_not(text, "\"be");
    ck_assert(fputs("gun\"}\n", f) >= 0 && fclose(f) == 0);
    ck_says(heard_until("begun"), "\"text\":\"begun\"}");
    end_follower();
    leave();
}
END_TEST

TESTS("logs", merges_the_processes_by_time, begins_with_the_oldest_file,
      shows_half_a_line_and_lines_longer_than_its_buffer, an_unknown_name_is_an_error,
      follows_through_rotations_without_losing_a_line, follows_a_process_that_begins_to_log_later,
      waits_for_the_rest_of_a_line)
