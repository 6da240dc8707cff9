/* enigma-kill - flattens the account with nothing else alive: no bus, no Redis, no other agent.
 *
 *   enigma-kill [-i DIR] [--config FILE] [--key FILE] [--dry-run] [--yes] [--if-open] [--timeout S]
 *               [--reason TEXT]
 *
 * Sets the latch (DIR/STOP: the signer signs no entry from then on), cancels all entry orders, closes all
 * positions reduce-only, reads back until flat, prints a table.  Exit: 0 flat, 1 not flat, 2 usage,
 * 4 configuration or key, 5 the exchange does not answer, 6 not confirmed or not allowed.  A latch that cannot be
 * written is said and does not hold anything up.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libagent/apikey.h"
#include "libagent/clock.h"
#include "libagent/latch.h"
#include "libagent/log.h"
#include "libagent/reload.h"
#include "proto/err.h"
#include "proto/text.h"

#include "deploy/kill/flatten.h"

enum { EXIT_FLAT, EXIT_OPEN, EXIT_BAD_USAGE, EXIT_BAD_CONFIG = 4, EXIT_NO_ANSWER, EXIT_REFUSED };

#define TIMEOUT_S  120
#define REQUEST_MS 3000

extern char **environ;

struct options {
    const char *instance, *config, *key, *reason;
    bool dry_run, yes, if_open;
    int64_t timeout_ms;
};

struct exchange {
    struct loop *loop;
    struct venue *venue;
    struct apikey key;
    char url[256];
    struct flatten_answer *answer;      /* of the request under way */
    bool done;
};

static void usage(FILE *f)
{
    fprintf(f, "usage: enigma-kill [-i DIR] [options]\n"
               "  -i, --instance DIR  the instance (default run/paper)\n"
               "  --config FILE       its configuration (default: what is in force)\n"
               "  --key FILE          the API key (default DIR/etc/keys/paper-account.conf or live-account.conf)\n"
               "  --dry-run           read and show, change nothing\n"
               "  --yes               do not ask\n"
               "  --if-open           nothing at all, no latch either, when the exchange says that nothing is open\n"
               "  --timeout S         give up after S seconds (default %d)\n"
               "  --reason TEXT       written into the latch\n"
               "exit codes: 0 flat, 1 not flat, 2 usage, 4 configuration or key, 5 no answer, 6 refused\n",
            TIMEOUT_S);
}

static int read_options(int argc, char **argv, struct options *o)
{
    enum { CONFIG = 1, KEY, DRY, YES, IF_OPEN, TIMEOUT, REASON, HELP };
    static const struct option options[] = {
        {"instance", 1, NULL, 'i'}, {"config", 1, NULL, CONFIG}, {"key", 1, NULL, KEY}, {"dry-run", 0, NULL, DRY},
        {"yes", 0, NULL, YES}, {"if-open", 0, NULL, IF_OPEN},
        {"timeout", 1, NULL, TIMEOUT}, {"reason", 1, NULL, REASON}, {"help", 0, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int opt;
    char *end;
    while ((opt = getopt_long(argc, argv, "i:", options, NULL)) != -1) {
        if (opt == HELP) {
            usage(stdout);
            exit(EXIT_FLAT);
        }
        if (opt == '?' || (optarg != NULL && *optarg == '\0'))
            return EXIT_BAD_USAGE;
        switch (opt) {
        case 'i': o->instance = optarg; break;
        case CONFIG: o->config = optarg; break;
        case KEY: o->key = optarg; break;
        case REASON: o->reason = optarg; break;
        case DRY: o->dry_run = true; break;
        case YES: o->yes = true; break;
        case IF_OPEN: o->if_open = true; break;
        default:
            o->timeout_ms = strtol(optarg, &end, 10) * 1000;
            if (*optarg < '1' || *optarg > '9' || *end != '\0' || o->timeout_ms > 86400000)
                return EXIT_BAD_USAGE;
        }
    }
    return optind < argc ? EXIT_BAD_USAGE : EXIT_FLAT;
}

/* Files are named from where the operator stands. */
static const char *absolute(const char *path, char *ret, size_t size)
{
    char at[256];
    if (path == NULL || *path == '/' || getcwd(at, sizeof at) == NULL)
        return path;
    snprintf(ret, size, "%s/%s", at, path);
    return ret;
}

static int bad_config(const char *why)
{
    fprintf(stderr, "enigma-kill: %s\n", why);
    return EXIT_BAD_CONFIG;
}

/* The key of the mode; a live account is never approached with the paper exchange's key. */
static int read_key(const struct options *o, bool live, struct apikey *k)
{
    char why[APIKEY_WHY_MAX] = "", ignored[APIKEY_WHY_MAX];
    struct apikey paper;
    if (apikey_read(o->key != NULL ? o->key : live ? APIKEY_LIVE : APIKEY_PAPER, k, why) < 0)
        return bad_config(why);
    if (live && apikey_read(APIKEY_PAPER, &paper, ignored) == ERR_OK && strcmp(paper.key, k->key) == 0)
        return bad_config("mode = live, and the key is the paper exchange's; --key names another");
    return EXIT_FLAT;
}

static int read_config(const struct options *o, struct exchange *e)
{
    char why[CONFIG_WHY_MAX] = "";
    const char *file = o->config != NULL ? o->config : config_in_force();
    struct config *c = config_new();
    int rc = EXIT_FLAT;
    if ((o->config != NULL || access(file, F_OK) == 0) && config_read_file(c, file, why) < 0)
        rc = bad_config(why);
    else if (config_read_env(c, environ, why) < 0)
        rc = bad_config(why);
    bool live = strcmp(config_text(c, CFG_mode), "live") == 0;
    TEXT_COPY(e->url, config_text(c, CFG_rest_url));
    config_destroy(&c);
    if (rc == EXIT_FLAT && *e->url == '\0' && live)
        rc = bad_config("mode = live needs rest_url");
    if (rc == EXIT_FLAT && *e->url == '\0' && venue_paper_url(e->url, sizeof e->url) < 0)
        rc = bad_config("sock/paper.port: not there; the paper exchange of this instance has never run");
    return rc != EXIT_FLAT ? rc : read_key(o, live, &e->key);
}

static void set_latch(const struct options *o)
{
    int err = latch_set("enigma-kill", o->reason);
    if (err == ERR_OK)
        printf("latch: STOP is set\n");
    else if (err == ERR_DUPLICATE)
        printf("latch: STOP was there already\n");
    else
        fprintf(stderr, "enigma-kill: STOP cannot be made: %s; going on without the latch: agents that are alive may enter again\n",
                strerror(errno));
}

static int confirm(const struct options *o, const struct exchange *e)
{
    char text[32] = "";
    if (o->yes || o->dry_run)
        return EXIT_FLAT;
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "enigma-kill: cancels and closes everything; say --yes when there is no terminal to ask\n");
        return EXIT_REFUSED;
    }
    printf("This cancels all entry orders and closes all positions at %s.  Type KILL to go on: ", e->url);
    fflush(stdout);
    if (fgets(text, sizeof text, stdin) != NULL && strcmp(text, "KILL\n") == 0)
        return EXIT_FLAT;
    fprintf(stderr, "nothing was done\n");
    return EXIT_REFUSED;
}

/* ---- the exchange, one request at a time ---- */

static int on_sign(void *arg, const char *method, const char *target, const void *body, size_t len,
                   char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX])
{
    const struct exchange *e = arg;
    return apikey_headers(&e->key, method, target, body, len, headers);
}

static void on_answer(void *arg, const struct venue_answer *a)
{
    struct exchange *e = arg;
    e->done = true;
    loop_stop(e->loop);
    e->answer->ok = a->outcome == VENUE_OK;
    TEXT_COPY(e->answer->code, a->code);
    TEXT_COPY(e->answer->msg, *a->msg ? a->msg : a->outcome == VENUE_NOT_SENT ? "not sent" : "no answer");
    e->answer->data = a->data != NULL ? json_deep_copy(a->data) : NULL;
}

static void call(void *arg, const char *method, const char *target, const char *body, struct flatten_answer *ret)
{
    struct exchange *e = arg;
    e->answer = ret;
    e->done = false;
    venue_call(e->venue, VENUE_RESCUE, method, target, body, on_answer, e);
    while (!e->done)
        loop_run(e->loop);
}

static int64_t now_ms(void *arg)
{
    (void)arg;
    return mono_now().ns / 1000000;
}

static void wait_ms(void *arg, int64_t ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)arg;
    nanosleep(&t, NULL);
}

static int report(const struct flatten *f, enum flatten_end end)
{
    static const char *const says[] = {"flat", "NOT FLAT", "NOT KNOWN: the exchange does not answer",
                                       "REFUSED by the exchange: the key"};
    printf("%-14s %14s %14s %7s  %s\n", "symbol", "was", "now", "orders", "last refusal");
    for (int i = 0; i < f->n; i++) {
        const struct flatten_row *r = &f->rows[i];
        printf("%-14s %14" PRId64 " %14" PRId64 " %7d  %s\n", r->symbol, r->was, r->now, r->orders, r->now != 0 ? r->why : "");
    }
    printf("entry orders cancelled %d, left %d; protective orders cancelled %d; closing orders %d; rounds %d\n",
           f->cancelled, f->entries, f->protective, f->sent, f->rounds);
    if (end != FLATTEN_FLAT && *f->why != '\0')
        printf("last trouble: %s\n", f->why);
    printf("%s%s\n", f->dry_run ? "dry run: " : "", says[end]);
    static const int codes[] = {EXIT_FLAT, EXIT_OPEN, EXIT_NO_ANSWER, EXIT_REFUSED};
    return codes[end];
}

static int run(const struct options *o, struct exchange *e, bool dry_run)
{
    static struct flatten f;
    f = (struct flatten){.call = call, .now_ms = now_ms, .wait_ms = wait_ms, .arg = e, .dry_run = dry_run};
    must(sodium_init() >= 0);
    randombytes_buf(f.salt, sizeof f.salt);
    must(loop_new(&e->loop) == ERR_OK);
    const struct venue_options v = {
        .loop = e->loop, .base_url = e->url, .timeout_ms = REQUEST_MS, .burst = 30, .public_rate = 10,
        .private_rate = 20, .sign = on_sign, .sign_arg = e,
    };
    if (venue_new(&v, &e->venue) < 0)
        return bad_config("the HTTP client could not be made");
    int rc = report(&f, flatten_run(&f, o->timeout_ms));
    fflush(stdout);
    venue_destroy(&e->venue);
    loop_destroy(&e->loop);
    return rc;
}

int main(int argc, char **argv)
{
    static struct exchange e;
    char config[512], key[512];
    struct options o = {.instance = "run/paper", .reason = "", .timeout_ms = TIMEOUT_S * 1000};
    log_init("kill");
    log_set_level("error");
    int rc = read_options(argc, argv, &o);
    if (rc != EXIT_FLAT) {
        usage(stderr);
        return rc;
    }
    o.config = absolute(o.config, config, sizeof config);
    o.key = absolute(o.key, key, sizeof key);
    if (chdir(o.instance) != 0) {
        fprintf(stderr, "enigma-kill: %s: %s\n", o.instance, strerror(errno));
        return EXIT_BAD_CONFIG;
    }
    /* The latch first, whatever else is missing; but not before somebody said yes. */
    rc = read_config(&o, &e);
    int confirmed = confirm(&o, &e);
    if (rc == EXIT_FLAT && confirmed == EXIT_FLAT && o.if_open && run(&o, &e, true) == EXIT_FLAT)
        return EXIT_FLAT;
    if (confirmed == EXIT_FLAT && !o.dry_run)
        set_latch(&o);
    fflush(stdout);
    if (confirmed != EXIT_FLAT)
        rc = rc != EXIT_FLAT ? rc : confirmed;
    if (rc == EXIT_FLAT)
        rc = run(&o, &e, o.dry_run);
    sodium_memzero(&e.key, sizeof e.key);
    return rc;
}
