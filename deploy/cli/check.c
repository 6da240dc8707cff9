/* check - verbs that look at the machine and the files: doctor, config, keys; see cli.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "libagent/certs.h"
#include "libagent/latch.h"
#include "libagent/reload.h"
#include "proto/enums.h"
#include "proto/err.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/leftovers.h"

static int failures;

static void line(const char *verdict, const char *what, const char *mend)
{
    printf("%-5s %s%s%s\n", verdict, what, *mend ? "; " : "", mend);
    failures += strcmp(verdict, "fail") == 0;
}

static bool on_path(const char *name)
{
    char path[512];
    const char *env = getenv("PATH");
    char *copy = strdup(env != NULL ? env : "/usr/bin:/bin"), *save = NULL;
    bool found = false;
    for (char *d = copy != NULL ? strtok_r(copy, ":", &save) : NULL; d != NULL; d = strtok_r(NULL, ":", &save)) {
        snprintf(path, sizeof path, "%s/%s", d, name);
        found = found || access(path, X_OK) == 0;
    }
    free(copy);
    return found;
}

static void check_programs(const struct cli *c)
{
    static const char *const needed[] = {"redis-server", "supervisord"};
    static const char *const ours[] = {"bus", "sniff", "watch", "paper", "orchestrator", "data", "signal",
                                       "risk", "execution", "optimizer", "audit"};
    char text[700];
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "%s is %s", needed[i], on_path(needed[i]) ? "installed" : "missing");
        line(on_path(needed[i]) ? "ok" : "fail", text, on_path(needed[i]) ? "" : "`make test` installs what is missing");
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        snprintf(text, sizeof text, "%s/enigma-%s", c->bin, ours[i]);
        if (access(text, X_OK) != 0)
            line("fail", text, "is missing: `make` builds it");
    }
}

static void check_machine(void)
{
    char text[200];
    struct statvfs fs;
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    bool sane = tm.tm_year + 1900 >= 2024 && tm.tm_year + 1900 < 2100;
    line(sane ? "ok" : "fail", sane ? "the clock" : "the clock's year cannot be", sane ? "" : "set the clock");
    if (statvfs(".", &fs) == 0) {
        long long mib = (long long)(fs.f_bavail * fs.f_frsize >> 20);
        snprintf(text, sizeof text, "%lld MiB of disk are free", mib);
        line(mib >= 1024 ? "ok" : mib >= 256 ? "warn" : "fail", text, mib >= 1024 ? "" : "free some; below 256 entries stop");
    }
    if (access("/run/redis/redis-server.pid", F_OK) == 0)
        line("warn", "a system-wide redis-server runs, too", "the instance does not use it; stop it if nobody does");
    if (access("/run/supervisord.pid", F_OK) == 0)
        line("warn", "a system-wide supervisord runs, too", "the instance does not use it; stop it if nobody does");
}

static void check_instance(const struct cli *c)
{
    char full[4096], text[4200], why[CERTS_WHY_MAX];
    if (chdir(c->instance) < 0) {
        snprintf(text, sizeof text, "instance %s: %s", c->instance, strerror(errno));
        line("warn", text, "`enigma up` makes one");
        return;
    }
    if (getcwd(full, sizeof full) != NULL && strlen(full) + 26 >= sizeof ((struct sockaddr_un *)0)->sun_path)
        line("fail", "the instance's path is too long for its sockets", "choose a shorter one");
    snprintf(text, sizeof text, "instance %s is %s", c->instance, cli_running() ? "running" : "not running");
    line("ok", text, "");
    if (!cli_running() && leftovers_count() > 0)
        line("fail", "its processes live on without their process manager", "`enigma up` starts afresh, `enigma down` ends them");
    if (!cli_running() && access("sock/supervisord.pid", F_OK) == 0)
        line("ok", "sock/supervisord.pid is left over", "harmless: the lock decides");
    if (latch_look(AT_FDCWD) != LATCH_NONE)
        line("warn", "the STOP file is there", "an emergency: `enigma resume` ends it, twice leads to TRADING");
    for (int i = 0; i < AGENT_COUNT; i++) {
        zcert_t *cert = NULL;
        if (certs_load(CERTS_DIR, party_name((enum party)i), &cert, why) < 0)
            line("fail", why, "");
        zcert_destroy(&cert);
    }
}

static void check_configuration(void)
{
    char why[CONFIG_WHY_MAX] = "";
    struct config *c = NULL;
    int err = config_resolve(CONFIG_FILE, 0, NULL, &c, NULL, why);
    config_destroy(&c);
    line(err == ERR_OK ? "ok" : "fail", err == ERR_OK ? "the configuration" : why, "");
    if (err == ERR_OK && cli_running())
        cli_config_pending(why);
    if (err == ERR_OK && *why != '\0')
        line("warn", why, "");
}

int verb_doctor(struct cli *c, int argc, char **argv)
{
    if (argc > 1)
        return cli_unknown("doctor", argv[1]);
    check_programs(c);
    check_machine();
    check_instance(c);
    check_configuration();
    return failures == 0 ? EXIT_OK : EXIT_FAILED;
}

int verb_config(struct cli *c, int argc, char **argv)
{
    char why[CONFIG_WHY_MAX] = "", hash[20], pending[CONFIG_WHY_MAX] = "";
    const char *given = NULL;
    struct config *cfg = NULL;
    int rc = cli_value(&argc, argv, "--check", &given);
    cli_flag(&argc, argv, "--print");
    if (rc == EXIT_OK && argc > 1)
        rc = cli_unknown("config", argv[1]);
    if (rc == EXIT_OK && given == NULL)
        rc = cli_enter(c);
    if (rc != EXIT_OK)
        return rc;
    int err;
    if (given != NULL) {
        cfg = config_new();
        err = config_read_file(cfg, given, why);
        if (err == ERR_OK)
            err = config_check(cfg, why);
    } else {
        bool running = cli_running();
        err = config_resolve(running ? config_in_force() : CONFIG_FILE, 0, NULL, &cfg, NULL, why);
        if (running)
            cli_config_pending(pending);
    }
    if (err < 0) {
        fprintf(stderr, "enigma config: %s\n", why);
        config_destroy(&cfg);
        return EXIT_BAD_CONFIG;
    }
    for (int i = 0; given == NULL && i < CFG_COUNT; i++)
        printf("%-26s %-40s # %s\n", config_keys[i].name, config_text(cfg, (enum cfg)i), config_source(cfg, (enum cfg)i));
    config_hash(cfg, hash);
    printf("# configuration %s%s%s\n", hash, *pending ? "; " : "", pending);
    config_destroy(&cfg);
    return EXIT_OK;
}

int verb_keys(struct cli *c, int argc, char **argv)
{
    char why[CERTS_WHY_MAX], key[41];
    if (argc > 1)
        return cli_unknown("keys", argv[1]);
    int rc = cli_enter(c);
    if (rc != EXIT_OK)
        return rc;
    int made = certs_make(CERTS_DIR, why);
    if (made < 0) {
        fprintf(stderr, "enigma keys: %s\n", why);
        return EXIT_FAILED;
    }
    if (made > 0)
        printf("%d made\n", made);
    for (int i = 0; i < AGENT_COUNT; i++)
        if (certs_public(CERTS_DIR, party_name((enum party)i), key, why) == ERR_OK)
            printf("%-13s %s\n", party_name((enum party)i), key);
    return EXIT_OK;
}
