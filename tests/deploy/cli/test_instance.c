/* What `enigma up` makes of a directory, and how it remembers what the market was made with. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/cli/cli.h"
#include "deploy/cli/instance.h"
#include "libagent/config.h"
#include "proto/err.h"
#include "proto/text.h"

#include "tests/runner.h"

static char home[64];

static void enter_fresh(void)
{
    snprintf(home, sizeof home, "/tmp/enigma-cli.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    ck_assert_int_eq(chdir(home), 0);
}

static void leave(void)
{
    char command[128];
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf '%s'", home);
    ck_assert_int_eq(system(command), 0);
}

static struct instance_options paper_options(void)
{
    struct instance_options o = {.live = false};
    instance_resolve(".", &o);
    return o;
}

/* The text of a file of the instance that was entered. */
static const char *text_of(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "re");
    ck_assert_msg(f != NULL, "%s is missing", path);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

#define ck_has(path, part) ck_assert_msg(strstr(text_of(path), part) != NULL, "%s lacks %s", path, part)
#define ck_lacks(path, part) ck_assert_msg(strstr(text_of(path), part) == NULL, "%s has %s", path, part)

START_TEST(makes_the_sample_once_and_never_overwrites_it)
{
    enter_fresh();
    struct instance_options o = paper_options();
    ck_assert_int_eq(instance_make("i", "/opt/bin", &o), EXIT_OK);
    FILE *f = fopen("etc/enigma.conf", "we");
    ck_assert(f != NULL && fputs("leverage = 3\n", f) >= 0 && fclose(f) == 0);
    ck_assert_int_eq(instance_make(".", "/opt/bin", &o), EXIT_OK);
    ck_assert_str_eq(text_of("etc/enigma.conf"), "leverage = 3\n");
    leave();
}
END_TEST

START_TEST(the_sample_resolves_to_the_defaults)
{
    char why[CONFIG_WHY_MAX] = "", sampled[20], defaults[20];
    enter_fresh();
    struct instance_options o = paper_options();
    ck_assert_int_eq(instance_make("i", "/opt/bin", &o), EXIT_OK);
    struct config *c = config_new();
    config_hash(c, defaults);
    ck_assert_msg(config_read_file(c, "etc/enigma.conf", why) == ERR_OK, "%s", why);
    config_hash(c, sampled);
    ck_assert_str_eq(sampled, defaults);
    config_destroy(&c);
    leave();
}
END_TEST

START_TEST(redis_listens_on_a_socket_of_the_instance_and_on_no_port)
{
    enter_fresh();
    struct instance_options o = paper_options();
    ck_assert_int_eq(instance_make("i", "/opt/bin", &o), EXIT_OK);
    ck_has("etc/redis.conf", "port 0\n");
    ck_has("etc/redis.conf", "unixsocket ../sock/redis.sock\n");     /* Redis enters `dir` before it binds */
    ck_has("etc/redis.conf", "dir redis\n");
    ck_has("etc/redis.conf", "appendfsync everysec\n");
    ck_has("etc/redis.conf", "maxmemory-policy noeviction\n");
    leave();
}
END_TEST

START_TEST(only_a_paper_instance_runs_the_paper_exchange_and_dev_runs_no_agent)
{
    enter_fresh();
    struct instance_options o = paper_options();
    ck_assert_int_eq(instance_make("i", "/opt/bin", &o), EXIT_OK);
    ck_has("etc/supervisord.conf", "[program:paper]");
    ck_has("etc/supervisord.conf", "[program:risk]");
    o.live = true;
    ck_assert_int_eq(instance_make(".", "/opt/bin", &o), EXIT_OK);
    ck_lacks("etc/supervisord.conf", "[program:paper]");
    o.live = false;
    o.dev = true;
    ck_assert_int_eq(instance_make(".", "/opt/bin", &o), EXIT_OK);
    ck_has("etc/supervisord.conf", "[program:paper]");
    ck_lacks("etc/supervisord.conf", "[program:risk]");
    leave();
}
END_TEST

START_TEST(agents_trade_exactly_the_symbols_of_a_replay)
{
    enter_fresh();
    struct instance_options o = paper_options();
    TEXT_COPY(o.market, "replay:XBTUSDTM=/data/a.csv,ETHUSDTM=/data/b.csv.gz");
    o.dry_run = true;
    ck_assert_int_eq(instance_make("i", "/opt/bin", &o), EXIT_OK);
    ck_has("etc/supervisord.conf", "/opt/bin/enigma-signal -i . --symbols XBTUSDTM,ETHUSDTM --dry-run true\n");
    leave();
}
END_TEST

START_TEST(keys_are_readable_by_their_owner_alone)
{
    struct stat st;
    enter_fresh();
    struct instance_options o = paper_options();
    ck_assert_int_eq(instance_make("i", "/opt/bin", &o), EXIT_OK);
    ck_assert_int_eq(stat("etc/keys", &st), 0);
    ck_assert_int_eq(st.st_mode & 077, 0);
    ck_assert_int_eq(stat("etc/keys/operator.cert_secret", &st), 0);
    ck_assert_int_eq(st.st_mode & 077, 0);
    leave();
}
END_TEST

START_TEST(remembers_what_the_market_was_made_with_and_tells_what_differs)
{
    char what[32] = "";
    enter_fresh();
    struct instance_options o = {.seed = "7", .balance = "500"}, later = {.seed = ""};
    instance_resolve(".", &o);
    ck_assert_str_eq(o.market, "synthetic");
    ck_assert_str_eq(o.speed, "60");
    ck_assert_int_eq(instance_make("i", "/opt/bin", &o), EXIT_OK);
    ck_assert(!instance_differs(".", &later, what));        /* nothing given: the instance's own */
    instance_resolve(".", &later);
    ck_assert_str_eq(later.seed, "7");
    ck_assert_str_eq(later.balance, "500");
    TEXT_COPY(later.speed, "300");
    ck_assert(!instance_differs(".", &later, what));        /* the speed is not part of the market */
    TEXT_COPY(later.balance, "501");
    ck_assert(instance_differs(".", &later, what));
    ck_assert_str_eq(what, "balance");

    /* As programs wrote it that knew no versions: named before everything else that differs. */
    FILE *f = fopen("etc/instance.conf", "we");
    ck_assert(f != NULL && fputs("seed = 7\nmarket = synthetic\nbalance = 500\n", f) >= 0 && fclose(f) == 0);
    ck_assert(instance_differs(".", &later, what));
    ck_assert_str_eq(what, "version");
    leave();
}
END_TEST

START_TEST(refuses_a_path_too_long_for_its_sockets)
{
    char deep[128];
    enter_fresh();
    struct instance_options o = paper_options();
    memset(deep, 'd', sizeof deep);
    deep[100] = '\0';
    ck_assert_int_eq(instance_make(deep, "/opt/bin", &o), EXIT_BAD_CONFIG);
    ck_assert_int_ne(access("etc/supervisord.conf", F_OK), 0);
    leave();
}
END_TEST

TESTS("instance", makes_the_sample_once_and_never_overwrites_it, the_sample_resolves_to_the_defaults,
      redis_listens_on_a_socket_of_the_instance_and_on_no_port,
      only_a_paper_instance_runs_the_paper_exchange_and_dev_runs_no_agent,
      agents_trade_exactly_the_symbols_of_a_replay, keys_are_readable_by_their_owner_alone,
      remembers_what_the_market_was_made_with_and_tells_what_differs, refuses_a_path_too_long_for_its_sockets)
