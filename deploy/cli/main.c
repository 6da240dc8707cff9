/* enigma - the operator's command: `enigma [-i DIR] VERB [options]`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "libagent/log.h"

#include "deploy/cli/cli.h"

static const struct verb {
    const char *name;
    int (*run)(struct cli *c, int argc, char **argv);
    const char *arguments, *meaning;
} verbs[] = {
    {"close", verb_command, "SYMBOL", "close one position"},
    {"config", verb_config, "[--check FILE]", "the resolved configuration with each value's source"},
    {"doctor", verb_doctor, "", "find what is wrong on this machine, and say the mend"},
    {"down", verb_down, "", "stop everything in order"},
    {"emergency", verb_command, "[--yes]", "cancel, close all, stop; only `resume` leads out"},
    {"flatten", verb_command, "", "pause, cancel, close all, stay paused"},
    {"funnel", verb_funnel, "[--json]", "why it does or does not trade: counts by gate and reason"},
    {"indicators", verb_indicators, "--in FILE --indicator NAME[:P,...]", "an indicator over a candle file, as CSV"},
    {"keys", verb_keys, "", "make missing certificates, show the public keys"},
    {"logs", verb_logs, "[-f] [AGENT]", "the log lines, one agent or all"},
    {"orders", verb_orders, "[--json]", "open and last finished orders"},
    {"pause", verb_command, "[--symbol S]", "no new entries; exits run"},
    {"positions", verb_positions, "[--json]", "open positions"},
    {"restart", verb_command, "AGENT", "end one agent in order; it is started again at once"},
    {"resume", verb_command, "[--symbol S]", "trade again; after an emergency: acknowledge"},
    {"sniff", verb_sniff, "[TOPIC-PREFIX...]", "tail the bus; --help for its filters"},
    {"status", verb_status, "[--json] [--watch]", "state, agents, limits; stale figures show their age"},
    {"stop", verb_command, "", "no entries, cancel entry orders, keep protective stops"},
    {"up", verb_up, "[options]", "start everything; --help for its options"},
};
#define VERBS (sizeof verbs / sizeof verbs[0])

static void usage(FILE *f)
{
    fprintf(f, "usage: enigma [-i DIR] VERB [options]\n"
               "  -i DIR   the instance (default run/paper)\n\nverbs:\n");
    for (size_t i = 0; i < VERBS; i++)
        fprintf(f, "  %-10s %-20s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].meaning);
    fprintf(f, "\nexit codes: 0 ok, 1 failed, 2 usage, 3 not running, 4 configuration, 5 timed out, 6 refused\n");
}

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

static bool find_bin(struct cli *c)
{
    ssize_t n = readlink("/proc/self/exe", c->bin, sizeof c->bin - 1);
    if (n <= 0)
        return false;
    c->bin[n] = '\0';
    char *slash = strrchr(c->bin, '/');
    if (slash != NULL)
        *slash = '\0';
    return slash != NULL;
}

int main(int argc, char **argv)
{
    struct cli c = {.instance = "run/paper"};
    log_init("enigma");
    log_set_level("error");
    int i = 1;
    while (i + 1 < argc && (strcmp(argv[i], "-i") == 0 || strcmp(argv[i], "--instance") == 0)) {
        c.instance = argv[i + 1];
        i += 2;
    }
    if (i == argc) {
        usage(stderr);
        return EXIT_BAD_USAGE;
    }
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "help") == 0) {
        usage(stdout);
        return EXIT_OK;
    }
    if (!find_bin(&c)) {
        fprintf(stderr, "enigma: cannot find my own directory\n");
        return EXIT_FAILED;
    }
    for (size_t k = 0; k < VERBS; k++) {
        if (strcmp(verbs[k].name, argv[i]) != 0)
            continue;
        bool help = i + 1 < argc && strcmp(argv[i + 1], "--help") == 0;
        if (help && verbs[k].run != verb_up && verbs[k].run != verb_sniff &&
            verbs[k].run != verb_indicators) {
            printf("usage: enigma [-i DIR] %s %s\n  %s\n", verbs[k].name, verbs[k].arguments, verbs[k].meaning);
            return EXIT_OK;
        }
        return verbs[k].run(&c, argc - i, argv + i);
    }
    fprintf(stderr, "enigma: unknown verb \"%.40s\"; `enigma --help` lists them\n", argv[i]);
    return EXIT_BAD_USAGE;
}
