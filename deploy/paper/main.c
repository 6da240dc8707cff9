/* enigma-paper - the paper exchange: KuCoin Futures' REST and WebSocket on loopback, over a synthetic or
 * a replayed market.
 *
 * Keeps:   accounts, orders, positions, fills, market clock and seed in the state directory; its two
 *          ports in sock/paper.port and sock/paper.admin.port; the default account's key in
 *          etc/keys/paper-account.conf (mode 0600).
 * Ends:    SIGTERM and SIGINT: state synced, sockets closed, exit 0.  kill -9 loses nothing that was
 *          answered.
 * Exit:    0 ok, 1 failed, 2 usage, 4 configuration or state that differs from the options.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/mirror.h"
#include "deploy/paper/serve.h"

enum { EXIT_USAGE = 2, EXIT_CONFIG = 4 };

struct options {
    const char *instance, *state, *market, *accounts, *symbols, *faults;
    int port, admin_port;
    double speed;
    uint64_t seed;
    int64_t start_ns;
    dec_t balance;
    bool help, oid_ever;
};

static const char usage[] =
    "usage: enigma-paper [options]\n"
    "  --instance DIR      instance directory: sock/, etc/keys/, paper/ (default run/paper)\n"
    "  --state DIR         where the exchange keeps its state (default INSTANCE/paper)\n"
    "  --port N            REST and WebSocket on 127.0.0.1; 0: the last one, else any (default 0)\n"
    "  --admin-port N      truth, contract status, clock; 0: as above (default 0)\n"
    "  --market SPEC       synthetic (default); replay:SYMBOL=FILE,... of candles, trades, a book or\n"
    "                      TRADES+BOOK; mirror:URL of a venue's REST (deploy/paper/mirror.h)\n"
    "  --symbols LIST      synthetic, mirror: comma list of contracts (default: all eight)\n"
    "  --speed X           market seconds per second, 0.1 to 100000 (default 1)\n"
    "  --seed N            of the synthetic market (default 1)\n"
    "  --start TIME        first market time, 2024-08-04T22:00Z (default: now)\n"
    "  --balance USDT      of a new account (default 10000)\n"
    "  --accounts FILE     keys and accounts instead of etc/keys/paper-account.conf\n"
    "  --faults FILE       script of faults: when, which (deploy/paper/faults.h)\n"
    "  --oid-ever          a clientOid is refused if it was ever used, not only while active\n"
    "  --help              this text\n";

static int bad(const char *name, const char *value, const char *mend)
{
    fprintf(stderr, "enigma-paper: --%s %s: %s\n", name, value, mend);
    return EXIT_USAGE;
}

static int set_int(const char *name, const char *text, int64_t max, int64_t *ret)
{
    char *end, why[64];
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && v <= max) {
        *ret = v;
        return 0;
    }
    snprintf(why, sizeof why, "must be a whole number from 0 to %lld", (long long)max);
    return bad(name, text, why);
}

static int set_speed(const char *text, double *ret)
{
    char *end;
    double v = strtod(text, &end);
    if (*text < '0' || *text > '9' || *end != '\0' || !isfinite(v) || v < 0.1 || v > 100000)
        return bad("speed", text, "must be a number from 0.1 to 100000");
    *ret = v;
    return 0;
}

static int set_port(const char *name, const char *text, int *ret)
{
    int64_t v = 0;
    int rc = set_int(name, text, 65535, &v);
    *ret = (int)v;
    return rc;
}

static int set_option(struct options *o, const char *name, const char *text)
{
    int64_t v = 0;
    if (strcmp(name, "port") == 0)
        return set_port(name, text, &o->port);
    if (strcmp(name, "admin-port") == 0)
        return set_port(name, text, &o->admin_port);
    if (strcmp(name, "speed") == 0)
        return set_speed(text, &o->speed);
    if (strcmp(name, "seed") == 0) {
        int rc = set_int(name, text, INT64_MAX, &v);
        o->seed = (uint64_t)v;
        return rc;
    }
    if (strcmp(name, "start") == 0)
        return tm_parse(text, &o->start_ns) == ERR_OK && o->start_ns > 0
                   ? 0 : bad(name, text, "must be a UTC time like 2024-08-04T22:00Z, 1970 to 2261");
    if (strcmp(name, "balance") == 0)
        return dec_parse(text, &o->balance) == ERR_OK && dec_sign(o->balance) > 0 &&
                       dec_le(o->balance, dec_int(1000000000))
                   ? 0 : bad(name, text, "must be a number above 0, at most 1000000000");
    if (strcmp(name, "market") == 0 && strcmp(text, "synthetic") != 0 &&
        strncmp(text, "replay:", 7) != 0 && strncmp(text, "mirror:http", 11) != 0)
        return bad(name, text, "must be synthetic, replay:SYMBOL=FILE,... or mirror:http://HOST:PORT");
    const char **into = strcmp(name, "instance") == 0 ? &o->instance
                      : strcmp(name, "state") == 0 ? &o->state
                      : strcmp(name, "market") == 0 ? &o->market
                      : strcmp(name, "symbols") == 0 ? &o->symbols
                      : strcmp(name, "faults") == 0 ? &o->faults : &o->accounts;
    if (*text == '\0')
        return bad(name, "''", "must not be empty");
    *into = text;
    return 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"instance", 1, NULL, 0}, {"state", 1, NULL, 0}, {"port", 1, NULL, 0},
        {"admin-port", 1, NULL, 0}, {"market", 1, NULL, 0}, {"symbols", 1, NULL, 0},
        {"speed", 1, NULL, 0}, {"seed", 1, NULL, 0}, {"start", 1, NULL, 0},
        {"balance", 1, NULL, 0}, {"accounts", 1, NULL, 0}, {"faults", 1, NULL, 0},
        {"help", 0, NULL, 'h'},
        {"oid-ever", 0, NULL, 'o'}, {0},
    };
    int c, at, rc = 0;
    while (rc == 0 && (c = getopt_long(argc, argv, "h", longs, &at)) != -1) {
        if (c == 'h')
            o->help = true;
        else if (c == 'o')
            o->oid_ever = true;
        else
            rc = c == 0 ? set_option(o, longs[at].name, optarg) : EXIT_USAGE;
    }
    if (rc == 0 && optind < argc) {
        fprintf(stderr, "enigma-paper: %s: no such argument\n", argv[optind]);
        rc = EXIT_USAGE;
    }
    if (rc == 0 && strncmp(o->market, "mirror:", 7) == 0 && (o->speed != 1 || o->start_ns != 0))
        rc = bad("market", o->market, "a mirrored market has the wall's clock: no --speed, no --start");
    if (rc == EXIT_USAGE)
        fprintf(stderr, "try enigma-paper --help\n");
    return rc;
}

/* ---- files ---- */

static int make_dirs(const char *path)
{
    char part[PATH_MAX + 8];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1; ; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char was = *p;
        *p = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST) {
            log_error("paper.directory", LOG_S("path", part), LOG_S("reason", strerror(errno)));
            return ERR_IO;
        }
        *p = was;
        if (was == '\0')
            return ERR_OK;
    }
}

static int kept_port(const char *path)
{
    int port = 0;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%d", &port) != 1 || port < 1 || port > 65535)
        port = 0;
    fclose(f);
    return port;
}

/* Whole or not at all: others read it at any moment. */
static int keep_port(const char *path, int port)
{
    char tmp[PATH_MAX + 8];
    snprintf(tmp, sizeof tmp, "%s.new", path);
    FILE *f = fopen(tmp, "we");
    if (f == NULL || fprintf(f, "%d\n", port) < 0 || fclose(f) != 0 || rename(tmp, path) < 0) {
        log_error("paper.port_file", LOG_S("path", path), LOG_S("reason", strerror(errno)));
        return ERR_IO;
    }
    return ERR_OK;
}

/* ---- the process ---- */

struct paper {
    struct options o;
    struct loop *loop;
    struct venue venue;
    struct push *push;
    struct serve *serve;
    struct faults *faults;
    struct mirror *mirror;
    int lock;
    char state[PATH_MAX], port_file[PATH_MAX], admin_file[PATH_MAX], keys_file[PATH_MAX];
};

static int prepare_files(struct paper *p)
{
    char dir[PATH_MAX + 8];
    const char *in = p->o.instance;
    if (strlen(in) > PATH_MAX / 2)
        return bad("instance", in, "is too long");
    snprintf(p->state, sizeof p->state, "%s", p->o.state != NULL ? p->o.state : "");
    if (p->o.state == NULL)
        snprintf(p->state, sizeof p->state, "%s/paper", in);
    snprintf(p->port_file, sizeof p->port_file, "%s/sock/paper.port", in);
    snprintf(p->admin_file, sizeof p->admin_file, "%s/sock/paper.admin.port", in);
    snprintf(p->keys_file, sizeof p->keys_file, "%s/etc/keys/paper-account.conf", in);
    snprintf(dir, sizeof dir, "%s/sock", in);
    if (make_dirs(p->state) != ERR_OK || make_dirs(dir) != ERR_OK)
        return EXIT_FAILURE;
    snprintf(dir, sizeof dir, "%s/lock", p->state);
    p->lock = open(dir, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->lock < 0 || flock(p->lock, LOCK_EX | LOCK_NB) < 0) {
        log_error("paper.state_in_use", LOG_S("path", p->state), LOG_S("reason", strerror(errno)),
                  LOG_S("mend", "stop the other enigma-paper or choose another --state"));
        return EXIT_FAILURE;
    }
    return 0;
}

static int load_keys(struct paper *p)
{
    char why[APIKEYS_WHY_MAX] = "", dir[PATH_MAX];
    const char *file = p->o.accounts != NULL ? p->o.accounts : p->keys_file;
    snprintf(dir, sizeof dir, "%s/etc/keys", p->o.instance);
    int err = ERR_OK;
    if (p->o.accounts == NULL && access(file, F_OK) != 0)
        err = make_dirs(dir) == ERR_OK ? apikeys_make(file, why) : ERR_IO;
    if (err == ERR_OK)
        err = apikeys_read(&p->venue.keys, file, p->o.balance, why);
    if (err != ERR_OK)
        log_error("paper.accounts", LOG_S("reason", why));
    return err == ERR_OK ? 0 : EXIT_CONFIG;
}

static int load_faults(struct paper *p)
{
    char why[FAULTS_WHY_MAX] = "";
    p->faults = faults_new(p->o.seed);
    if (p->o.faults == NULL || faults_load(p->faults, p->o.faults, why) == ERR_OK)
        return 0;
    log_error("paper.faults", LOG_S("reason", why));
    return EXIT_CONFIG;
}

static int open_engine(struct paper *p)
{
    char msg[ENGINE_MSG_MAX] = "";
    const struct engine_config c = {
        .dir = p->state, .market = p->o.market, .symbols = p->o.symbols, .seed = p->o.seed,
        .start_ns = p->o.start_ns, .oid_ever = p->o.oid_ever, .events = push_events(p->push),
    };
    int err = engine_open(&c, wall_ns(), &p->venue.engine, msg);
    if (err != ERR_OK) {
        log_error("paper.engine", LOG_S("error", err_name(err)), LOG_S("reason", msg));
        return EXIT_CONFIG;
    }
    for (int i = 0; i < p->venue.keys.n; i++) {
        struct apikey *k = &p->venue.keys.at[i];
        k->account_no = engine_account(p->venue.engine, k->account, k->balance);
        if (k->account_no < 0) {
            log_error("paper.account", LOG_S("account", k->account),
                      LOG_S("reason", err_text(k->account_no)));
            return EXIT_CONFIG;
        }
    }
    return 0;
}

/* The ports asked for; 0: the last ones, when they are free. */
static int open_ports(struct paper *p)
{
    int port = p->o.port ? p->o.port : kept_port(p->port_file), busy = 0;
    int admin = p->o.admin_port ? p->o.admin_port : kept_port(p->admin_file);
    int err = serve_new(p->loop, &p->venue, p->faults, port, admin, &p->serve, &busy);
    for (int tries = 0; err == ERR_BUSY && tries < 2; tries++) {
        if (busy == p->o.port || busy == p->o.admin_port)
            break;
        log_warn("paper.port_taken", LOG_I("port", busy), LOG_S("action", "taking another one"));
        port = busy == port ? 0 : port;
        admin = busy == admin ? 0 : admin;
        err = serve_new(p->loop, &p->venue, p->faults, port, admin, &p->serve, &busy);
    }
    if (err != ERR_OK) {
        log_error("paper.port", LOG_I("port", busy), LOG_S("error", err_name(err)),
                  LOG_S("mend", "choose another --port or --admin-port, or 0 for any"));
        return EXIT_FAILURE;
    }
    if (keep_port(p->port_file, serve_port(p->serve)) != ERR_OK ||
        keep_port(p->admin_file, serve_admin_port(p->serve)) != ERR_OK)
        return EXIT_FAILURE;
    return 0;
}

static bool mirrors(const struct paper *p)
{
    return strncmp(p->o.market, "mirror:", 7) == 0;
}

static void advance(void *arg)
{
    (void)venue_advance(arg);           /* serve's timer meets the same error and ends the process */
}

/* The clock of a mirrored market is the wall's, however long the process was down. */
static int start_mirror(struct paper *p)
{
    int err = mirror_new(p->loop, p->venue.engine, p->o.market + strlen("mirror:"), advance, &p->venue, &p->mirror);
    if (err != ERR_OK)
        log_error("paper.mirror", LOG_S("error", err_name(err)), LOG_S("market", p->o.market));
    return err == ERR_OK ? 0 : EXIT_FAILURE;
}

static void on_signal(void *arg, int signum)
{
    (void)signum;
    loop_stop(arg);
}

static int run(struct paper *p)
{
    char url[64], now[TM_TEXT_MAX];
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", serve_port(p->serve));
    if (mirrors(p) && engine_advance(p->venue.engine, wall_ns(), wall_ns()) != ERR_OK)
        return EXIT_CONFIG;
    venue_init(&p->venue, p->venue.engine, p->o.speed, url);
    serve_start(p->serve);
    if (mirrors(p) && start_mirror(p) != 0)
        return EXIT_FAILURE;
    loop_on_signal(p->loop, SIGTERM, on_signal, p->loop);
    loop_on_signal(p->loop, SIGINT, on_signal, p->loop);
    log_info("paper.ready", LOG_I("port", serve_port(p->serve)),
             LOG_I("admin_port", serve_admin_port(p->serve)), LOG_S("market", p->o.market),
             LOG_F("speed", p->o.speed), LOG_I("accounts", engine_accounts(p->venue.engine)),
             LOG_S("market_time", tm_format(engine_market_ns(p->venue.engine), now)));
    loop_run(p->loop);
    int err = serve_error(p->serve);
    if (err != ERR_OK)
        log_error("paper.engine", LOG_S("error", err_name(err)));
    else
        (void)venue_advance(&p->venue);
    return err == ERR_OK ? 0 : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct paper p = {
        .o = {.instance = "run/paper", .market = "synthetic", .speed = 1, .seed = 1}, .lock = -1,
    };
    p.o.balance = dec_int(10000);
    log_init("paper");
    int rc = parse_options(argc, argv, &p.o);
    if (rc != 0 || p.o.help) {
        if (rc == 0)
            fputs(usage, stdout);
        return rc;
    }
    signal(SIGPIPE, SIG_IGN);
    contracts_init();
    must(loop_new(&p.loop) == ERR_OK);
    p.push = push_new(p.loop, &p.venue);
    rc = prepare_files(&p);
    rc = rc != 0 ? rc : load_keys(&p);
    rc = rc != 0 ? rc : load_faults(&p);
    rc = rc != 0 ? rc : open_engine(&p);
    rc = rc != 0 ? rc : open_ports(&p);
    rc = rc != 0 ? rc : run(&p);
    mirror_destroy(&p.mirror);
    serve_destroy(&p.serve);
    push_destroy(&p.push);
    faults_destroy(&p.faults);
    if (p.venue.engine != NULL)
        engine_close(p.venue.engine);
    loop_destroy(&p.loop);
    if (p.lock >= 0)
        close(p.lock);
    log_info("paper.stopped", LOG_I("exit", rc));
    return rc;
}
