/* enigma - the operator's command: `enigma [-i DIR] VERB [options]`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libagent/log.h"

#include "deploy/cli/cli.h"

static const struct verb {
    const char *name;
    int (*run)(struct cli *c, int argc, char **argv);
    const char *arguments, *meaning;
} verbs[] = {
    {"backtest", verb_backtest, "[options] SYMBOL=FILE...", "candle files through the core that trades; --help"},
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
    {"positions", verb_positions, "[--json] [--of AGENT]", "open positions, as execution or risk knows them"},
    {"reload", verb_reload, "[--dry-run]", "put the changes of etc/enigma.conf in force, in all agents or in none"},
    {"restart", verb_command, "AGENT", "end one agent in order; it is started again at once"},
    {"resume", verb_command, "[--symbol S]", "trade again; after an emergency: acknowledge"},
    {"sniff", verb_sniff, "[TOPIC-PREFIX...]", "tail the bus; --help for its filters"},
    {"status", verb_status, "[--json] [--watch]", "state, agents, limits; stale figures show their age"},
    {"stop", verb_command, "", "no entries, cancel entry orders, keep protective stops"},
    {"trades", verb_trades, "[--json] [-n N]", "closed trades, newest first, with what they cost"},
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

/* Descriptors 0 to 2 are there, whoever started us: a closed one would be given to the next file opened. */
static void hold_standard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);       /* writing to it fails, as it must */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* What could not be written was not said. */
static int end(int rc)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return rc;
    if (errno == EPIPE)         /* who reads has seen enough */
        return rc;
    fprintf(stderr, "enigma: standard output: cannot be written: %s\n", strerror(errno));
    return rc == EXIT_OK ? EXIT_FAILED : rc;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(struct cli *c, int argc, char **argv)
{
    for (size_t k = 0; k < VERBS; k++) {
        if (strcmp(verbs[k].name, argv[0]) != 0)
            continue;
        if (!wants_help(argc, argv) || verbs[k].run == verb_up || verbs[k].run == verb_sniff ||
            verbs[k].run == verb_indicators || verbs[k].run == verb_backtest)
            return verbs[k].run(c, argc, argv);
        printf("usage: enigma [-i DIR] %s %s\n  %s\n", verbs[k].name, verbs[k].arguments, verbs[k].meaning);
        return EXIT_OK;
    }
    fprintf(stderr, "enigma: unknown %s \"%.40s\"; `enigma --help` lists them\n", argv[0][0] == '-' ? "option" : "verb",
            argv[0]);
    return EXIT_BAD_USAGE;
}

int main(int argc, char **argv)
{
    struct cli c = {.instance = "run/paper"};
    hold_standard();
    log_init("enigma");
    log_set_level("error");
    int i = 1;
    for (; i < argc && (strcmp(argv[i], "-i") == 0 || strcmp(argv[i], "--instance") == 0); i += 2) {
        if (i + 1 == argc || argv[i + 1][0] == '\0') {
            fprintf(stderr, "enigma: %s wants the instance's directory\n", argv[i]);
            return EXIT_BAD_USAGE;
        }
        c.instance = argv[i + 1];
        for (size_t n = strlen(c.instance); n > 1 && argv[i + 1][n - 1] == '/'; n--)
            argv[i + 1][n - 1] = '\0';
    }
    if (i >= argc) {
        usage(stderr);
        return EXIT_BAD_USAGE;
    }
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "help") == 0) {
        usage(stdout);
        return end(EXIT_OK);
    }
    if (!find_bin(&c)) {
        fprintf(stderr, "enigma: cannot find my own directory\n");
        return EXIT_FAILED;
    }
    return end(run(&c, argc - i, argv + i));
}
