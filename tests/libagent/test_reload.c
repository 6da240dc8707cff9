/* Which changes may be made when, and which file is in force. */
#include "tests/runner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libagent/reload.h"
#include "proto/err.h"

static char why[CONFIG_WHY_MAX];

/* ---- changes ---- */

static struct config *with(const char *name, const char *value)
{
    struct config *c = config_new();
    ck_assert_msg(config_set(c, name, value, "test", why) == ERR_OK, "%s", why);
    return c;
}

static enum change change_of(enum cfg key, const char *from, const char *to)
{
    struct config *was = with(config_keys[key].name, from), *now = with(config_keys[key].name, to);
    enum change c = config_change(was, now, key);
    config_destroy(&was);
    config_destroy(&now);
    return c;
}

/* The direction as a second, independent list: what is a least is tighter when higher, what is a most when lower. */
static bool is_least(const char *name)
{
    return strcmp(name, "liquidation_buffer_pct") == 0 || strcmp(name, "cooldown_bars") == 0 ||
           strcmp(name, "min_interval_s") == 0;
}

START_TEST(each_limit_is_tighter_in_one_direction_and_looser_in_the_other)
{
    int limits = 0;
    for (int i = 0; i < CFG_COUNT; i++) {
        const struct config_key *k = &config_keys[i];
        if (k->reload < RELOAD_LOWER)
            continue;
        limits++;
        bool least = is_least(k->name), zero = strcmp(k->name, "trading_capital") == 0;
        const char *low = zero ? "1" : k->min;
        ck_assert_msg(change_of((enum cfg)i, low, k->max) == (least ? CHANGE_TIGHTER : CHANGE_LOOSER), "%s", k->name);
        ck_assert_msg(change_of((enum cfg)i, k->max, low) == (least ? CHANGE_LOOSER : CHANGE_TIGHTER), "%s", k->name);
        ck_assert_msg(strncmp(k->name, "max_", 4) != 0 || !least, "%s", k->name);
    }
    ck_assert_int_eq(limits, 28);
    ck_assert_int_eq(change_of(CFG_trading_capital, "0", "500"), CHANGE_TIGHTER);   /* 0 is all there is */
    ck_assert_int_eq(change_of(CFG_trading_capital, "500", "0"), CHANGE_LOOSER);
    ck_assert_int_eq(change_of(CFG_trading_capital, "0", "0.0"), CHANGE_TIGHTER);
    ck_assert_int_eq(change_of(CFG_min_interval_s, "60", "0"), CHANGE_LOOSER);
    ck_assert_int_eq(change_of(CFG_max_heat_pct, "2", "2.00"), CHANGE_TIGHTER);     /* the same number */
    ck_assert_int_eq(change_of(CFG_max_heat_pct, "2", "2"), CHANGE_NONE);
}
END_TEST

START_TEST(each_class_may_change_in_its_states_only)
{
    for (int s = 0; s < SYS_COUNT; s++) {
        enum system_state state = (enum system_state)s;
        bool held = state == SYS_PAUSED || state == SYS_READY;
        for (int by = 0; by < 2; by++) {
            ck_assert_ptr_null(change_needs(CHANGE_FREE, state, by));
            ck_assert_ptr_null(change_needs(CHANGE_TIGHTER, state, by));
            ck_assert_int_eq(change_needs(CHANGE_PAUSED, state, by) == NULL, held);
            ck_assert_int_eq(change_needs(CHANGE_LOOSER, state, by) == NULL, held && by);
            ck_assert_ptr_nonnull(change_needs(CHANGE_RESTART, state, by));
        }
    }
    ck_assert_int_eq(change_of(CFG_log_level, "info", "debug"), CHANGE_FREE);
    ck_assert_int_eq(change_of(CFG_top_n, "2", "3"), CHANGE_PAUSED);
    ck_assert_int_eq(change_of(CFG_symbols, "XBTUSDTM", "ETHUSDTM"), CHANGE_RESTART);
    ck_assert_int_eq(change_of(CFG_mode, "paper", "live"), CHANGE_RESTART);
}
END_TEST

static uint64_t seed;

static uint64_t roll(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % n;
}

/* Some keys get another value of their range: a third of them an end of it. */
static struct config *random_config(void)
{
    struct config *c = config_new();
    for (int i = 0; i < CFG_COUNT; i++) {
        const struct config_key *k = &config_keys[i];
        char text[DEC_TEXT_MAX];
        if (*k->min == '\0' || roll(4) != 0)
            continue;
        double low = strtod(k->min, NULL), high = strtod(k->max, NULL);
        double v = low + (high - low) * (double)roll(1001) / 1000;
        if (roll(3) == 0)
            snprintf(text, sizeof text, "%s", roll(2) ? k->min : k->max);
        else
            snprintf(text, sizeof text, k->type == KEY_INT ? "%.0f" : "%.4f", v);
        (void)config_set(c, k->name, text, "random", why);      /* what rounding puts outside stays as it was */
    }
    return c;
}

START_TEST(what_is_accepted_while_trading_loosens_no_limit)
{
    int accepted = 0, refused = 0;
    const char *given = getenv("ENIGMA_TEST_SEED");
    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("ENIGMA_TEST_SEED=%" PRIu64 "\n", seed);
    for (int n = 0; n < 4000; n++) {
        struct config *was = random_config(), *now = random_config();
        /* Half of the pairs differ in few keys only: those are accepted now and then. */
        for (int i = 0; n % 2 == 0 && i < CFG_COUNT; i++)
            if (roll(8) != 0)
                must(config_set(now, config_keys[i].name, config_text(was, (enum cfg)i), "random", why) == ERR_OK);
        bool ok = true, loosened = false;
        for (int i = 0; i < CFG_COUNT; i++) {
            const struct config_key *k = &config_keys[i];
            ok = ok && change_needs(config_change(was, now, (enum cfg)i), SYS_TRADING, true) == NULL;
            if (k->reload < RELOAD_LOWER)
                continue;
            double a = strtod(config_text(was, (enum cfg)i), NULL), b = strtod(config_text(now, (enum cfg)i), NULL);
            if (i == CFG_trading_capital) {     /* 0: all */
                a = a > 0 ? a : 1e18;
                b = b > 0 ? b : 1e18;
            }
            loosened = loosened || (is_least(k->name) ? b < a : b > a);
        }
        ck_assert_msg(!(ok && loosened), "pair %d", n);
        accepted += ok;
        refused += !ok;
        config_destroy(&was);
        config_destroy(&now);
    }
    ck_assert_int_gt(accepted, 10);
    ck_assert_int_gt(refused, 1000);
}
END_TEST

/* ---- files ---- */

static char dir[64];

static void enter(void)
{
    strcpy(dir, "/tmp/enigma-reload.XXXXXX");
    ck_assert(mkdtemp(dir) != NULL && chdir(dir) == 0 && mkdir("etc", 0755) == 0);
}

static void leave(void)
{
    static const char *const files[] = {CONFIG_FILE, PROPOSED_FILE, COMMITTED_FILE};
    for (int i = 0; i < 3; i++)
        unlink(files[i]);
    ck_assert(rmdir("etc") == 0 && chdir("/") == 0 && rmdir(dir) == 0);
}

static void put(const char *file, const char *text)
{
    FILE *f = fopen(file, "we");
    ck_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static int64_t positions(const char *file, int64_t *epoch)
{
    struct config *c = NULL;
    ck_assert_msg(config_resolve(file, 0, NULL, &c, epoch, why) == ERR_OK, "%s", why);
    int64_t n = config_int(c, CFG_max_open_positions);
    config_destroy(&c);
    return n;
}

START_TEST(in_force_is_what_was_committed_last_and_not_what_was_edited)
{
    char hash[20], bytes[20];
    int64_t epoch;
    enter();
    ck_assert_str_eq(config_in_force(), CONFIG_FILE);
    ck_assert_int_eq(positions(config_in_force(), &epoch), 5);      /* no file at all */
    ck_assert_int_eq(epoch, 0);
    ck_assert_int_eq(config_epoch(), 0);
    put(CONFIG_FILE, "max_open_positions = 3");
    ck_assert_int_eq(config_propose(7, hash, why), ERR_OK);
    ck_assert_int_eq(config_bytes_hash(bytes, why), ERR_OK);
    ck_assert_str_eq(hash, bytes);
    put(CONFIG_FILE, "max_open_positions = 2");
    ck_assert_int_eq(positions(PROPOSED_FILE, &epoch), 3);
    ck_assert_str_eq(config_in_force(), CONFIG_FILE);               /* proposed is not committed */
    ck_assert_int_eq(config_commit(why), ERR_OK);
    ck_assert_str_eq(config_in_force(), COMMITTED_FILE);
    ck_assert_int_eq(positions(config_in_force(), &epoch), 3);
    ck_assert_int_eq(epoch, 7);
    ck_assert_int_eq(config_epoch(), 7);
    ck_assert_int_eq(config_commit(why), ERR_CONFIG);               /* there is nothing proposed any more */
    leave();
}
END_TEST

START_TEST(a_file_that_was_not_committed_so_is_refused_whatever_was_done_to_it)
{
    static const char *const wrong[] = {
        "", "\n", "max_open_positions = 9\n", "# epoch 7", "# epoch 7, hash :\n", "# epoch x, hash 00\nleverage = 9\n",
        "# epoch 7, hash 0000000000000000: in force\nmax_open_positions = 9\n",
    };
    char hash[20], text[512] = "";
    struct config *c = NULL;
    enter();
    put(CONFIG_FILE, "max_open_positions = 3\n");
    ck_assert(config_propose(7, hash, why) == ERR_OK && config_commit(why) == ERR_OK);
    FILE *f = fopen(COMMITTED_FILE, "re");
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    for (size_t at = 0; at < n; at++) {         /* any other byte; but those of the epoch and of the comment name nothing */
        char changed[512];
        memcpy(changed, text, n + 1);
        changed[at] ^= 1;
        put(COMMITTED_FILE, changed);
        if (config_resolve(COMMITTED_FILE, 0, NULL, &c, NULL, why) == ERR_OK) {
            ck_assert_int_eq(config_int(c, CFG_max_open_positions), 3);
            config_destroy(&c);
        }
    }
    for (size_t cut = 0; cut < n; cut++) {
        FILE *g = fopen(COMMITTED_FILE, "we");
        ck_assert(g != NULL && fwrite(text, 1, cut, g) == cut && fclose(g) == 0);
        ck_assert_msg(config_resolve(COMMITTED_FILE, 0, NULL, &c, NULL, why) == ERR_CONFIG, "cut at %zu", cut);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        put(COMMITTED_FILE, wrong[i]);
        ck_assert_msg(config_resolve(COMMITTED_FILE, 0, NULL, &c, NULL, why) == ERR_CONFIG, "%zu", i);
        ck_assert(strstr(why, COMMITTED_FILE) != NULL && strstr(why, "enigma up") != NULL);
    }
    leave();
}
END_TEST

START_TEST(what_is_wrong_with_a_proposal_is_said_of_the_operators_line)
{
    char hash[20];
    struct config *c = NULL;
    enter();
    put(CONFIG_FILE, "leverage = 3\n\nmax_open_positions = many\n");
    ck_assert_int_eq(config_propose(1, hash, why), ERR_OK);
    ck_assert_int_eq(config_resolve(PROPOSED_FILE, 0, NULL, &c, NULL, why), ERR_CONFIG);
    ck_assert_msg(strncmp(why, "etc/enigma.conf:3: ", 19) == 0, "%s", why);
    put(CONFIG_FILE, "entry_hours = always\n");
    ck_assert_int_eq(config_resolve(CONFIG_FILE, 0, NULL, &c, NULL, why), ERR_CONFIG);
    ck_assert_msg(strstr(why, "entry_hours") != NULL, "%s", why);
    leave();
}
END_TEST

START_TEST(environment_and_arguments_keep_their_meaning)
{
    char name[] = "enigma-risk", i[] = "-i", here[] = ".", key[] = "--top-n", value[] = "7", low[] = "--max-open-positions", four[] = "4";
    char *argv[] = {name, i, here, key, value, low, four, NULL};
    char hash[20];
    struct config *c = NULL;
    enter();
    put(CONFIG_FILE, "max_open_positions = 3\ntop_n = 6\nbatch_ms = 700\n");
    ck_assert(config_propose(1, hash, why) == ERR_OK && config_commit(why) == ERR_OK);
    ck_assert_int_eq(setenv("ENIGMA_BATCH_MS", "900", 1), 0);
    ck_assert_msg(config_resolve(COMMITTED_FILE, 5, argv, &c, NULL, why) == ERR_OK, "%s", why);
    ck_assert_int_eq(config_int(c, CFG_top_n), 7);
    ck_assert_int_eq(config_int(c, CFG_batch_ms), 900);
    config_destroy(&c);
    ck_assert_int_eq(config_resolve(COMMITTED_FILE, 7, argv, &c, NULL, why), ERR_CONFIG);
    ck_assert(strstr(why, "argument 5") != NULL && strstr(why, "etc/committed.conf:2") != NULL);
    leave();
}
END_TEST

TESTS("reload", each_limit_is_tighter_in_one_direction_and_looser_in_the_other, each_class_may_change_in_its_states_only,
      what_is_accepted_while_trading_loosens_no_limit, in_force_is_what_was_committed_last_and_not_what_was_edited,
      a_file_that_was_not_committed_so_is_refused_whatever_was_done_to_it,
      what_is_wrong_with_a_proposal_is_said_of_the_operators_line, environment_and_arguments_keep_their_meaning)
