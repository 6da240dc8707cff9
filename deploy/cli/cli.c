/* cli - see cli.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "proto/err.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/client.h"
#include "deploy/cli/leftovers.h"

int cli_unknown(const char *verb, const char *argument)
{
    fprintf(stderr, "enigma %s: unknown argument \"%.80s\"; `enigma --help` lists what there is\n", verb, argument);
    return EXIT_BAD_USAGE;
}

int cli_enter(const struct cli *c)
{
    if (chdir(c->instance) == 0)
        return EXIT_OK;
    fprintf(stderr, "enigma: instance %s: %s; `enigma up` makes one\n", c->instance, strerror(errno));
    return EXIT_NOT_RUNNING;
}

bool cli_running(void)
{
    int fd = open("lock", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_EX | LOCK_NB) < 0;
    close(fd);
    return held;
}

static int running_or_say(const struct cli *c, const char *verb)
{
    int rc = cli_enter(c);
    if (rc != EXIT_OK || cli_running())
        return rc;
    int left = leftovers_count();
    if (left > 0) {             /* they trade on: the operator's word must reach them */
        fprintf(stderr, "enigma %s: the process manager is gone, %d processes live on without it; `enigma up` starts "
                        "afresh, `enigma down` ends them\n", verb, left);
        return EXIT_OK;
    }
    fprintf(stderr, "enigma %s: instance %s is not running; `enigma up` starts it\n", verb, c->instance);
    return EXIT_NOT_RUNNING;
}

int cli_connect(const struct cli *c, const char *verb, const char *as, struct client **ret)
{
    char why[256];
    int rc = running_or_say(c, verb);
    if (rc != EXIT_OK)
        return rc;
    if (client_open(as, ret, why) == ERR_OK)
        return EXIT_OK;
    fprintf(stderr, "enigma %s: %s\n", verb, why);
    return EXIT_FAILED;
}

int cli_no_answer(const char *verb, const char *who, int err, const char *why)
{
    if (err == ERR_TIMEOUT)
        fprintf(stderr, "enigma %s: %s did not answer in time; `enigma status` shows who is there\n", verb, who);
    else
        fprintf(stderr, "enigma %s: %s: %s%s%s\n", verb, who, err_text(err), *why ? ": " : "", why);
    return err == ERR_TIMEOUT ? EXIT_TIMED_OUT : EXIT_FAILED;
}

bool cli_flag(int *argc, char **argv, const char *name)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
        --*argc;
        return true;
    }
    return false;
}

int cli_value(int *argc, char **argv, const char *name, const char **ret)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        if (i + 1 == *argc) {
            fprintf(stderr, "enigma %s: %s wants a value\n", argv[0], name);
            return EXIT_BAD_USAGE;
        }
        *ret = argv[i + 1];
        memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 1) * sizeof *argv);
        *argc -= 2;
        return EXIT_OK;
    }
    return EXIT_OK;
}

int cli_count(int *argc, char **argv, int64_t *ret)
{
    const char *text = NULL;
    char *end;
    int rc = cli_value(argc, argv, "-n", &text);
    if (rc != EXIT_OK || text == NULL)
        return rc;
    long long n = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < 1 || n > 1000000) {
        fprintf(stderr, "enigma %s: -n \"%.40s\" must be a whole number from 1 to 1000000\n", argv[0], text);
        return EXIT_BAD_USAGE;
    }
    *ret = n;
    return EXIT_OK;
}
