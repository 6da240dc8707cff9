/* instance - see instance.h */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libagent/certs.h"
#include "libagent/config.h"
#include "libagent/signkey.h"
#include "proto/err.h"
#include "proto/text.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/instance.h"

/* supervisord binds its socket by its absolute path under a name that ends in its pid, then renames it. */
#define LONGEST_SOCKET "/sock/supervisor.sock.4194304"

static const char *const directories[] = {
    "etc", "etc/keys", "journal", "log", "sock", "redis", "knowledge-bank", "knowledge-bank/candles",
    "knowledge-bank/backtests", "knowledge-bank/models", "knowledge-bank/reports", "knowledge-bank/truth-docs",
};

#define KEPT(name) {#name, offsetof(struct instance_options, name), sizeof ((struct instance_options *)0)->name}

/* What instance.conf keeps. */
static const struct { const char *name; size_t at, size; } kept_texts[] = {
    KEPT(seed), KEPT(market), KEPT(start), KEPT(balance), KEPT(version),
};
#define N_KEPT (sizeof kept_texts / sizeof kept_texts[0])

static char *kept_text(struct instance_options *o, size_t i)
{
    return (char *)o + kept_texts[i].at;
}

static void read_kept(const char *dir, struct instance_options *kept)
{
    char path[PATH_MAX], line[INSTANCE_TEXT + 32];
    snprintf(path, sizeof path, "%s/etc/instance.conf", dir);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *eq = strstr(line, " = ");
        if (eq == NULL)
            continue;
        *eq = '\0';
        for (size_t i = 0; i < N_KEPT; i++)
            if (strcmp(kept_texts[i].name, line) == 0)
                text_copy(kept_text(kept, i), kept_texts[i].size, eq + 3);
    }
    fclose(f);
}

bool instance_differs(const char *dir, const struct instance_options *o, char what[32])
{
    struct instance_options kept = {.version = "0"}, given = *o;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/etc/instance.conf", dir);
    if (access(path, F_OK) != 0)
        return false;
    read_kept(dir, &kept);
    TEXT_COPY(given.version, INSTANCE_VERSION);
    for (size_t i = N_KEPT; i-- > 0;) {
        const char *was = kept_text(&kept, i), *now = kept_text(&given, i);
        if (*now != '\0' && strcmp(was, now) != 0) {
            text_copy(what, 32, kept_texts[i].name);
            return true;
        }
    }
    return false;
}

void instance_resolve(const char *dir, struct instance_options *o)
{
    struct instance_options kept = {.seed = "1", .market = "synthetic", .balance = "10000"};
    read_kept(dir, &kept);
    TEXT_COPY(o->version, INSTANCE_VERSION);
    for (size_t i = 0; i < N_KEPT; i++)
        if (*kept_text(o, i) == '\0')
            text_copy(kept_text(o, i), kept_texts[i].size, kept_text(&kept, i));
    if (o->speed[0] == '\0')
        text_copy(o->speed, sizeof o->speed, strncmp(o->market, "mirror:", 7) == 0 ? "1" : "60");
}

static int write_file(const char *path, const char *text, bool keep)
{
    if (keep && access(path, F_OK) == 0)
        return EXIT_OK;
    char tmp[PATH_MAX];
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    FILE *f = fopen(tmp, "we");
    bool ok = f != NULL && fputs(text, f) >= 0;
    ok = f != NULL && fclose(f) == 0 && ok;
    if (ok && rename(tmp, path) == 0)
        return EXIT_OK;
    fprintf(stderr, "enigma up: %s: cannot be written: %s\n", path, strerror(errno));
    return EXIT_FAILED;
}

static int write_sample(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    must(f != NULL);
    fprintf(f, "# The configuration of this instance.  Every key with its default; remove the '#' to change one.\n"
               "# `enigma config` shows what is in force and where each value comes from.\n");
    for (int i = 0; i < CFG_COUNT; i++) {
        const struct config_key *k = &config_keys[i];
        fprintf(f, "\n# %s%s%s%s%s%s%s\n#%s = %s\n", k->meaning, *k->unit ? "; " : "", k->unit,
                *k->min ? "; from " : "", k->min, *k->min ? " to " : "", *k->min ? k->max : "", k->name, k->def);
    }
    must(fclose(f) == 0);
    int rc = write_file("etc/enigma.conf", text, true);
    free(text);
    return rc;
}

static void program(FILE *f, const char *bin, const char *name, int priority, const char *command)
{
    fprintf(f,
            "\n[program:%s]\ncommand=%s/enigma-watch --start %s %s\npriority=%d\nstartsecs=0\nstartretries=1000000000\n"
            "autorestart=unexpected\nexitcodes=2,4,78\n"     /* usage, configuration: no use to try again */
            "stopsignal=TERM\nstopwaitsecs=5\nredirect_stderr=true\nstdout_logfile=log/%s.log\n"
            "stdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3\n",
            name, bin, name, command, priority, name);
}

/* "replay:XBTUSDTM=FILE,ETHUSDTM=FILE": the symbols, separated by commas. */
static void symbols_of(const char *market, char *ret, size_t size)
{
    ret[0] = '\0';
    if (strncmp(market, "replay:", 7) != 0)
        return;
    for (const char *p = market + 7; *p != '\0';) {
        size_t n = strcspn(p, "="), used = strlen(ret);
        if (used + n + 2 < size)
            snprintf(ret + used, size - used, "%s%.*s", used > 0 ? "," : "", (int)n, p);
        p += strcspn(p, ",");
        p += *p == ',';
    }
}

static void agents(FILE *f, const char *bin, const struct instance_options *o)
{
    static const char *const order[] = {"orchestrator", "audit", "data", "signal", "risk", "execution", "optimizer"};
    char command[2048], symbols[512], extra[700] = "";
    symbols_of(o->market, symbols, sizeof symbols);
    if (*symbols != '\0')
        snprintf(extra, sizeof extra, " --symbols %s", symbols);
    if (o->dry_run)
        strcat(extra, " --dry-run true");
    for (int i = 0; i < 7; i++) {
        snprintf(command, sizeof command, "%s/enigma-%s -i .%s", bin, order[i], extra);
        program(f, bin, order[i], 40 + i, command);
    }
}

static int write_supervisord(const char *dir, const char *bin, const struct instance_options *o)
{
    char *text = NULL, command[3000];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    must(f != NULL);
    fprintf(f,
            "; made by `enigma up` at each start; change etc/enigma.conf instead\n"
            "[supervisord]\nnodaemon=true\ndirectory=%s\nlogfile=log/supervisord.log\nlogfile_maxbytes=10MB\n"
            "logfile_backups=2\npidfile=sock/supervisord.pid\nchildlogdir=log\n%s"
            "\n[unix_http_server]\nfile=sock/supervisor.sock\nchmod=0700\n"
            "\n[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
            "\n[supervisorctl]\nserverurl=unix://sock/supervisor.sock\n"
            "\n[eventlistener:watch]\ncommand=%s/enigma-watch log/watch.log\n"
            "events=PROCESS_STATE_RUNNING,PROCESS_STATE_EXITED,PROCESS_STATE_STOPPING,SUPERVISOR_STATE_CHANGE_STOPPING\nbuffer_size=1000\npriority=1\nstartsecs=0\n"
            "startretries=1000000000\nautorestart=true\nstdout_logfile=NONE\nstderr_logfile=NONE\n",
            dir, geteuid() == 0 ? "user=root\n" : "", bin);
    program(f, bin, "redis", 10, "redis-server etc/redis.conf");
    snprintf(command, sizeof command, "%s/enigma-bus -i .", bin);
    program(f, bin, "bus", 20, command);
    if (!o->live) {
        snprintf(command, sizeof command, "%s/enigma-paper --instance . --speed %s --seed %s --balance %s --market %s%s%s",
                 bin, o->speed, o->seed, o->balance, o->market, *o->start ? " --start " : "", o->start);
        program(f, bin, "paper", 30, command);
    }
    if (!o->dev)
        agents(f, bin, o);
    must(fclose(f) == 0);
    int rc = write_file("etc/supervisord.conf", text, false);
    free(text);
    return rc;
}

static int write_instance(struct instance_options o)
{
    char text[2 * INSTANCE_TEXT];
    size_t n = 0;
    for (size_t i = 0; i < N_KEPT; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s = %s\n", kept_texts[i].name, kept_text(&o, i));
    return write_file("etc/instance.conf", text, false);
}

void instance_directory(const char *dir)
{
    char path[PATH_MAX];
    for (const char *p = dir; *p != '\0'; p++) {        /* run, run/paper */
        if (*p != '/' || p == dir)
            continue;
        snprintf(path, sizeof path, "%.*s", (int)(p - dir), dir);
        mkdir(path, 0755);
    }
    mkdir(dir, 0755);
}

static int make_directories(const char *dir)
{
    instance_directory(dir);
    if (chdir(dir) < 0) {
        fprintf(stderr, "enigma up: %s: %s\n", dir, strerror(errno));
        return EXIT_BAD_CONFIG;
    }
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        if (mkdir(directories[i], strcmp(directories[i], "etc/keys") == 0 ? 0700 : 0755) < 0 && errno != EEXIST) {
            fprintf(stderr, "enigma up: %s/%s: cannot be made: %s\n", dir, directories[i], strerror(errno));
            return EXIT_BAD_CONFIG;
        }
    }
    return EXIT_OK;
}

int instance_make(const char *dir, const char *bin, const struct instance_options *o)
{
    char full[PATH_MAX], why[CERTS_WHY_MAX];
    int rc = make_directories(dir);
    if (rc != EXIT_OK)
        return rc;
    if (getcwd(full, sizeof full) == NULL ||
        strlen(full) + strlen(LONGEST_SOCKET) >= sizeof ((struct sockaddr_un *)0)->sun_path) {
        fprintf(stderr, "enigma up: the instance's path is too long for its sockets (%zu bytes, most %zu); "
                        "choose a shorter one with -i\n", strlen(full),
                sizeof ((struct sockaddr_un *)0)->sun_path - strlen(LONGEST_SOCKET) - 1);
        return EXIT_BAD_CONFIG;
    }
    const char *const paths[] = {full, bin, o->market};
    for (int i = 0; i < 3; i++) {
        if (strpbrk(paths[i], " \t\r\n\"'\\%;#") == NULL)
            continue;
        fprintf(stderr, "enigma up: \"%s\": blanks, quotes and %% ; # \\ cannot be in a path here; choose another\n", paths[i]);
        return EXIT_BAD_CONFIG;
    }
    if (certs_make(CERTS_DIR, why) < 0) {
        fprintf(stderr, "enigma up: %s\n", why);
        return EXIT_BAD_CONFIG;
    }
    uint8_t operator[TOKEN_SECRET];
    if (signkey_load(CERTS_DIR, "operator", operator, why) < 0) {
        fprintf(stderr, "enigma up: %s\n", why);
        return EXIT_BAD_CONFIG;
    }
    sodium_memzero(operator, sizeof operator);
    if ((rc = write_sample()) != EXIT_OK || (rc = write_supervisord(full, bin, o)) != EXIT_OK ||
        (rc = write_instance(*o)) != EXIT_OK)
        return rc;
    return write_file("etc/redis.conf",
                      "# made by `enigma up` at each start; the socket is relative to dir\nport 0\nunixsocket ../sock/redis.sock\nunixsocketperm 700\n"
                      "dir redis\nappendonly yes\nappendfsync everysec\nsave \"\"\nmaxmemory 256mb\n"
                      "maxmemory-policy noeviction\n",
                      false);
}
