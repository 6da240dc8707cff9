/* launch - `enigma up` and `enigma down`; see cli.h
 *
 * The instance's lock is taken before anything else and handed to supervisord as descriptor 3 (it closes
 * what is above 4), so that it is held exactly as long as the instance runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "libagent/reload.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/client.h"
#include "deploy/cli/instance.h"
#include "deploy/cli/leftovers.h"
#include "deploy/cli/screen.h"
#include "deploy/cli/summary.h"

#define LOCK_FD      3
#define START_MS     30000
#define STOP_MS      15000
#define LEFTOVERS_MS 5000
#define PID_FILE     "sock/supervisord.pid"

static void usage(FILE *f)
{
    fprintf(f,
            "usage: enigma [-i DIR] up [options]\n"
            "  --paper | --live        the instance's paper exchange (default), or the venue of rest_url\n"
            "  --dry-run               decide and approve, send no order\n"
            "  --speed N               market seconds per second of the paper exchange (default 60, mirrored 1)\n"
            "  --seed N --balance N    of the paper market and its account (defaults 1, 10000)\n"
            "  --market M --start T    synthetic, replay:SYMBOL=FILE,... or mirror:URL; first market time\n"
            "  --for S                 run S seconds, stop in order, print a summary; exit 0 only if healthy\n"
            "  --detach                return when the system is up\n"
            "  --dev                   Redis, bus and paper exchange alone\n"
            "  --fresh-if-changed      move an instance made with another market or version away instead of refusing\n");
}

static bool is_number(const char *text, double low, double high)
{
    char *end;                  /* plain digits: no blanks, signs, exponents, hexadecimal, "nan" */
    double v = strtod(text, &end);
    return *text >= '0' && *text <= '9' && text[strspn(text, "0123456789.")] == '\0' && *end == '\0' &&
           v >= low && v <= high;
}

static int bad_value(const char *name, const char *value, const char *wants)
{
    fprintf(stderr, "enigma up: --%s \"%.60s\" must be %s\n", name, value, wants);
    return EXIT_BAD_USAGE;
}

#define MARKETS "synthetic, replay:SYMBOL=FILE,... (or TRADES+BOOK) or mirror:http://HOST:PORT"

/* "A" or "A+B", whole paths instead; false: said why. */
static bool absolute_files(char *files, char ret[2 * PATH_MAX + 2])
{
    char full[PATH_MAX], *save = NULL;
    *ret = '\0';
    for (char *f = strtok_r(files, "+", &save); f != NULL; f = strtok_r(NULL, "+", &save)) {
        if (realpath(f, full) == NULL) {
            fprintf(stderr, "enigma up: --market: %s: %s\n", f, strerror(errno));
            return false;
        }
        snprintf(ret + strlen(ret), 2 * PATH_MAX + 2 - strlen(ret), "%s%s", *ret ? "+" : "", full);
    }
    return true;
}

/* Files of a replay are named from where the operator stands. */
static int absolute_market(const char *market, char *ret, size_t size)
{
    if (strncmp(market, "replay:", 7) != 0) {
        text_copy(ret, size, market);
        return strcmp(market, "synthetic") == 0 || strncmp(market, "mirror:http", 11) == 0
                   ? EXIT_OK : bad_value("market", market, MARKETS);
    }
    char copy[INSTANCE_TEXT], files[2 * PATH_MAX + 2], *save = NULL;
    TEXT_COPY(copy, market + 7);
    text_copy(ret, size, "replay:");
    if (*copy == '\0')
        return bad_value("market", market, MARKETS);
    for (char *item = strtok_r(copy, ",", &save); item != NULL; item = strtok_r(NULL, ",", &save)) {
        char *eq = strchr(item, '=');
        size_t last = eq != NULL ? strlen(eq) - 1 : 0;
        if (last == 0 || eq[1] == '+' || eq[last] == '+' || strchr(eq, '+') != strrchr(eq, '+'))
            return bad_value("market", market, MARKETS);
        *eq = '\0';
        if (!absolute_files(eq + 1, files))
            return EXIT_BAD_USAGE;
        size_t n = strlen(ret);
        int more = snprintf(ret + n, size - n, "%s%s=%s", n > 7 ? "," : "", item, files);
        if (more < 0 || (size_t)more >= size - n)
            return bad_value("market", market, "shorter");
    }
    return EXIT_OK;
}

static int check_options(struct instance_options *o)
{
    int64_t t;
    char market[INSTANCE_TEXT];
    if (*o->speed && !is_number(o->speed, 0.1, 100000))
        return bad_value("speed", o->speed, "a number from 0.1 to 100000");
    if (*o->seed && (strchr(o->seed, '.') != NULL || !is_number(o->seed, 0, 9e15)))
        return bad_value("seed", o->seed, "a whole number");
    if (*o->balance && !is_number(o->balance, 1, 1e9))
        return bad_value("balance", o->balance, "an amount from 1 to 1000000000");
    if (*o->start && tm_parse(o->start, &t) < 0)
        return bad_value("start", o->start, "a time such as 2024-08-04T22:00Z");
    if (*o->market == '\0')
        return EXIT_OK;
    int rc = absolute_market(o->market, market, sizeof market);
    TEXT_COPY(o->market, market);
    return rc;
}

static int read_options(int argc, char **argv, struct instance_options *o)
{
    enum { PAPER = 1, LIVE, DRY, SPEED, SEED, BALANCE, MARKET, START, FOR, DETACH, DEV, FRESH, HELP };
    static const struct option options[] = {
        {"paper", 0, NULL, PAPER}, {"live", 0, NULL, LIVE}, {"dry-run", 0, NULL, DRY},
        {"speed", 1, NULL, SPEED}, {"seed", 1, NULL, SEED}, {"balance", 1, NULL, BALANCE},
        {"market", 1, NULL, MARKET}, {"start", 1, NULL, START}, {"for", 1, NULL, FOR},
        {"detach", 0, NULL, DETACH}, {"dev", 0, NULL, DEV}, {"fresh-if-changed", 0, NULL, FRESH},
        {"help", 0, NULL, HELP}, {NULL, 0, NULL, 0},
    };
    int opt;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (optarg != NULL && *optarg == '\0') {
            fprintf(stderr, "enigma up: an option's value is empty\n");
            return EXIT_BAD_USAGE;
        }
        switch (opt) {
        case PAPER:
            o->live = false;
            break;
        case LIVE:
            o->live = true;
            break;
        case DRY:
            o->dry_run = true;
            break;
        case SPEED:
            TEXT_COPY(o->speed, optarg);
            break;
        case SEED:
            TEXT_COPY(o->seed, optarg);
            break;
        case BALANCE:
            TEXT_COPY(o->balance, optarg);
            break;
        case MARKET:
            TEXT_COPY(o->market, optarg);
            break;
        case START:
            TEXT_COPY(o->start, optarg);
            break;
        case FOR:
            if (!is_number(optarg, 1, 1e8))
                return bad_value("for", optarg, "a number of seconds, at least 1");
            o->for_s = strtod(optarg, NULL);
            break;
        case DETACH:
            o->detach = true;
            break;
        case DEV:
            o->dev = true;
            break;
        case FRESH:
            o->fresh_if_changed = true;
            break;
        case HELP:
            usage(stdout);
            exit(EXIT_OK);
        default:
            usage(stderr);
            return EXIT_BAD_USAGE;
        }
    }
    if (optind < argc)
        return cli_unknown("up", argv[optind]);
    if (o->for_s > 0 && (o->detach || o->dev)) {
        fprintf(stderr, "enigma up: --for and %s contradict each other\n", o->detach ? "--detach" : "--dev");
        return EXIT_BAD_USAGE;
    }
    return check_options(o);
}

static int check_program(const char *name)
{
    char path[PATH_MAX];
    const char *env = getenv("PATH");
    char *copy = strdup(env != NULL ? env : "/usr/bin:/bin"), *save = NULL;
    must(copy != NULL);
    bool found = false;
    for (char *d = strtok_r(copy, ":", &save); d != NULL && !found; d = strtok_r(NULL, ":", &save)) {
        snprintf(path, sizeof path, "%s/%s", d, name);
        found = access(path, X_OK) == 0;
    }
    free(copy);
    if (found)
        return EXIT_OK;
    fprintf(stderr, "enigma up: %s is not installed; `make deps` installs what is missing\n", name);
    return EXIT_BAD_CONFIG;
}

static int check_own(const char *bin, const struct instance_options *o)
{
    static const char *const names[] = {"bus", "watch", "paper", "orchestrator", "data", "signal", "risk",
                                        "execution", "optimizer", "audit"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/enigma-%s", bin, names[i]);
        if ((i == 2 && o->live) || (i > 2 && o->dev) || access(path, X_OK) == 0)
            continue;
        fprintf(stderr, "enigma up: %s is missing; `make` builds it\n", path);
        return EXIT_BAD_CONFIG;
    }
    return EXIT_OK;
}

/* Live trading needs both: the file's mode and the command's --live. */
static int check_config(bool live)
{
    char why[CONFIG_WHY_MAX];
    struct config *c = NULL;
    int err = config_resolve(CONFIG_FILE, 0, NULL, &c, NULL, why);
    if (err == ERR_OK && live != (strcmp(config_text(c, CFG_mode), "live") == 0)) {
        err = ERR_CONFIG;
        snprintf(why, sizeof why, "mode = %s (%s) and %s contradict each other; live trading needs mode = live and --live",
                 config_text(c, CFG_mode), config_source(c, CFG_mode), live ? "--live" : "no --live");
    }
    config_destroy(&c);
    if (err < 0)
        fprintf(stderr, "enigma up: %s\n", why);
    return err < 0 ? EXIT_BAD_CONFIG : EXIT_OK;
}

/* The operator's file is what this run begins with.  Programs started by hand (--dev) read it themselves. */
static int commit_config(bool dev)
{
    char why[CONFIG_WHY_MAX] = "etc/committed.conf cannot be removed", hash[20];
    if (dev ? unlink(COMMITTED_FILE) == 0 || errno == ENOENT
            : config_propose(config_epoch() + 1, hash, why) == ERR_OK && config_commit(why) == ERR_OK)
        return EXIT_OK;
    fprintf(stderr, "enigma up: %s\n", why);
    return EXIT_FAILED;
}

/* The lock, as LOCK_FD.  Who only looks whether it is held holds it for a moment: tried again. */
static int take_lock(const char *dir)
{
    char path[PATH_MAX];
    instance_directory(dir);
    snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600), tries = 20;
    if (fd < 0) {
        fprintf(stderr, "enigma up: %s: %s\n", path, strerror(errno));
        return EXIT_BAD_CONFIG;
    }
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        const struct timespec ts = {.tv_nsec = 10000000};
        if (tries-- > 0) {
            nanosleep(&ts, NULL);
            continue;
        }
        fprintf(stderr, "enigma up: this instance is running already; `enigma status` shows it, `enigma down` stops it\n");
        close(fd);
        return EXIT_BAD_CONFIG;
    }
    if (fd != LOCK_FD) {
        must(dup2(fd, LOCK_FD) == LOCK_FD);
        close(fd);
    }
    return EXIT_OK;
}

/* The lock goes with the directory. */
static int move_away(const char *dir, const char *what)
{
    char to[PATH_MAX], when[32];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(to, sizeof to, "%s.%s", dir, when);
    if (rename(dir, to) != 0) {
        fprintf(stderr, "enigma up: %s cannot be moved to %s: %s\n", dir, to, strerror(errno));
        return EXIT_FAILED;
    }
    printf("%s was made with another %s: moved to %s, starting fresh\n", dir, what, to);
    close(LOCK_FD);
    return take_lock(dir);
}

static pid_t start_supervisord(bool detach)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    setpgid(0, 0);              /* Ctrl-C is ours: we stop it in order */
    if (detach)
        setsid();
    /* Its own log is log/supervisord.log.  What it cannot write there it says on standard error, and when that
     * is on the same full disk, it dies of it and nobody restarts anything. */
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; fd++)
        dup2(null, fd);
    close(null > LOCK_FD ? null : -1);
    execlp("supervisord", "supervisord", "-n", "-c", "etc/supervisord.conf", (char *)NULL);
    _exit(127);
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum)
{
    (void)signum;
    interrupted = 1;
}

static bool is_up(void *arg)
{
    struct client *c = arg;
    const struct client_view *v = client_view(c);
    enum system_state s = v->state.system_state;
    return interrupted || (v->state_ns != 0 && s != SYS_INITIALIZING && s != SYS_SHUTDOWN &&
                           registry_all(v));
}

/* Stop supervisord and everything under it; EXIT_TIMED_OUT names who hangs. */
static int stop_supervisord(pid_t pid)
{
    struct mono deadline = mono_after_ms(STOP_MS);
    kill(pid, SIGTERM);
    while (!mono_past(deadline)) {
        int status;
        if (waitpid(pid, &status, WNOHANG) == pid || (kill(pid, 0) < 0 && errno == ESRCH))
            return EXIT_OK;
        struct timespec ts = {.tv_nsec = 20000000};
        nanosleep(&ts, NULL);
    }
    fprintf(stderr, "enigma: supervisord (pid %ld) does not stop; see log/supervisord.log\n", (long)pid);
    return EXIT_TIMED_OUT;
}

static int wait_until_up(struct client *c, pid_t pid)
{
    struct mono deadline = mono_after_ms(START_MS);
    struct progress progress = {.shown = {0}};
    siginfo_t ended = {.si_pid = 0};
    while (!mono_past(deadline) && !is_up(c)) {
        if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == pid) {
            fprintf(stderr, "enigma up: supervisord ended at once (%s %d); in the instance's directory "
                    "`supervisord -n -c etc/supervisord.conf` says why\n",
                    ended.si_code == CLD_EXITED ? "exit" : "signal", ended.si_status);
            return EXIT_FAILED;
        }
        client_wait(c, 100, is_up, c);
        screen_progress(client_view(c), &progress);
    }
    if (interrupted) {
        fprintf(stderr, "enigma up: interrupted before the system was up; stopped\n");
        return EXIT_FAILED;
    }
    if (is_up(c))
        return EXIT_OK;
    screen_missing(client_view(c));
    return EXIT_TIMED_OUT;
}

static bool is_interrupted(void *arg)
{
    (void)arg;
    return interrupted != 0;
}

/* `began`: --for counts from the start of the processes, so that a market's time span is known. */
static void live_screen(struct client *c, pid_t pid, struct mono began, double for_s)
{
    struct mono end = {began.ns + (for_s > 0 ? (int64_t)(for_s * 1e9) : INT64_MAX / 2)};
    bool terminal = screen_terminal() && for_s == 0;
    int64_t every = terminal ? 1000 : 10000;
    siginfo_t ended = {.si_pid = 0};
    while (!interrupted && !mono_past(end)) {
        if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == pid) {
            fprintf(stderr, "enigma up: the instance was stopped by somebody else\n");
            return;
        }
        int64_t left = mono_left_ms(end);
        client_wait(c, left < every ? left : every, is_interrupted, NULL);
        if (!interrupted)
            screen_status(client_view(c), terminal);
    }
}

/* In the instance's directory, lock held, files made. */
static int run(const struct instance_options *o)
{
    struct client *c = NULL;
    char why[256];
    struct summary summary = {.since_ns = wall_ns()};
    struct mono began = mono_now();
    pid_t pid = start_supervisord(o->detach);
    if (pid < 0 || client_open("operator", &c, why) < 0) {
        fprintf(stderr, "enigma up: %s\n", pid < 0 ? strerror(errno) : why);
        close(LOCK_FD);
        if (pid > 0)
            stop_supervisord(pid);
        return EXIT_FAILED;
    }
    close(LOCK_FD);             /* supervisord holds it now */
    struct sigaction sa = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    int rc = EXIT_OK;
    if (o->dev) {
        printf("Redis, bus and paper exchange run; Ctrl-C stops them\n");
        client_wait(c, 3000, client_heard_any, c);
    } else {
        rc = wait_until_up(c, pid);
    }
    if (rc == EXIT_OK && o->detach) {
        screen_status(client_view(c), false);
        client_close(&c);
        return EXIT_OK;
    }
    if (rc == EXIT_OK)
        live_screen(c, pid, began, o->for_s);
    if (rc == EXIT_OK && o->for_s > 0)
        summary_collect(&summary, c);
    int stopped = stop_supervisord(pid);
    client_close(&c);
    if (rc == EXIT_OK && o->for_s > 0) {
        summary_print(&summary);
        rc = summary.healthy ? EXIT_OK : EXIT_FAILED;
    }
    return rc != EXIT_OK ? rc : stopped;
}

int verb_up(struct cli *c, int argc, char **argv)
{
    struct instance_options o = {.live = false};
    char what[32];
    int rc = read_options(argc, argv, &o);
    if (rc != EXIT_OK || (rc = check_program("redis-server")) != EXIT_OK ||
        (rc = check_program("supervisord")) != EXIT_OK || (rc = check_own(c->bin, &o)) != EXIT_OK ||
        (rc = take_lock(c->instance)) != EXIT_OK)
        return rc;
    if (instance_differs(c->instance, &o, what)) {
        if (!o.fresh_if_changed && strcmp(what, "version") == 0) {
            fprintf(stderr, "enigma up: %s was made by another version of these programs, whose journals they "
                            "cannot read (etc/instance.conf: version; wanted %s); start a new one with another -i, "
                            "or let --fresh-if-changed move this one away\n", c->instance, INSTANCE_VERSION);
            return EXIT_BAD_CONFIG;
        }
        if (!o.fresh_if_changed) {
            fprintf(stderr, "enigma up: %s was made with another --%s; use another -i, or remove it\n", c->instance, what);
            return EXIT_BAD_CONFIG;
        }
        rc = move_away(c->instance, what);
        if (rc != EXIT_OK)
            return rc;
    }
    instance_resolve(c->instance, &o);
    if (strncmp(o.market, "mirror:", 7) == 0 && (strtod(o.speed, NULL) != 1 || *o.start)) {
        fprintf(stderr, "enigma up: %s has the wall's clock: --speed 1, no --start\n", o.market);
        return EXIT_BAD_USAGE;
    }
    rc = instance_make(c->instance, c->bin, &o);
    if (rc == EXIT_OK)
        rc = check_config(o.live);
    if (rc == EXIT_OK) {
        leftovers_end(LEFTOVERS_MS);
        rc = commit_config(o.dev);
    }
    return rc == EXIT_OK ? run(&o) : rc;
}

int verb_down(struct cli *c, int argc, char **argv)
{
    if (argc > 1)
        return cli_unknown("down", argv[1]);
    int rc = cli_enter(c);
    if (rc != EXIT_OK)
        return rc;
    long pid = 0;
    FILE *f = fopen(PID_FILE, "re");
    if (f != NULL) {
        if (fscanf(f, "%ld", &pid) != 1)
            pid = 0;
        fclose(f);
    }
    if (!cli_running() && leftovers_end(LEFTOVERS_MS) > 0) {
        printf("the process manager was gone; what it left running is stopped\n");
        return EXIT_OK;
    }
    if (!cli_running() || pid <= 0) {
        fprintf(stderr, "enigma down: instance %s is not running\n", c->instance);
        return EXIT_NOT_RUNNING;
    }
    return stop_supervisord((pid_t)pid);
}
