/* reload - see reload.h */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/hash.h"

#include "libagent/reload.h"

#define HEADER "# epoch %" PRId64 ", hash %.16s: in force; made by `enigma`, the file to edit is enigma.conf\n"

extern char **environ;

/* ---- files ---- */

static int io_failed(const char *file, char why[CONFIG_WHY_MAX])
{
    snprintf(why, CONFIG_WHY_MAX, "%s: cannot be written: %s", file, strerror(errno));
    return ERR_CONFIG;
}

static void hash_text(const char *text, char hash[20])
{
    uint8_t digest[16];
    hash128(text, strlen(text), digest);
    for (int i = 0; i < 8; i++)
        snprintf(hash + 2 * i, 3, "%02x", digest[i]);
}

const char *config_in_force(void)
{
    return access(COMMITTED_FILE, F_OK) == 0 || errno != ENOENT ? COMMITTED_FILE : CONFIG_FILE;
}

/* The operator's file; none is an empty one. */
static int own_text(char **ret, char why[CONFIG_WHY_MAX])
{
    if (access(CONFIG_FILE, F_OK) == 0)
        return config_file_text(CONFIG_FILE, ret, why);
    must((*ret = calloc(1, 1)) != NULL);
    return ERR_OK;
}

/* Of the other two: the first line must be what we wrote, and the rest what it says. */
static int check_header(const char *file, const char *text, int64_t *epoch, char why[CONFIG_WHY_MAX])
{
    char said[20] = "", hash[20];
    const char *rest = strchr(text, '\n');
    int n = sscanf(text, "# epoch %" SCNd64 ", hash %16[0-9a-f]:", epoch, said);
    if (rest != NULL)
        hash_text(rest + 1, hash);
    if (n == 2 && rest != NULL && strcmp(said, hash) == 0)
        return ERR_OK;
    snprintf(why, CONFIG_WHY_MAX, "%s: is not what was committed; it is no file to edit: `enigma down` and `enigma up` "
                                  "make it anew from " CONFIG_FILE, file);
    return ERR_CONFIG;
}

static int read_file(struct config *c, const char *file, int64_t *epoch, char why[CONFIG_WHY_MAX])
{
    char *text = NULL;
    bool own = strcmp(file, CONFIG_FILE) == 0;
    *epoch = 0;
    int err = own ? own_text(&text, why) : config_file_text(file, &text, why);
    if (err == ERR_OK && !own)
        err = check_header(file, text, epoch, why);
    char *lines = text;
    if (err == ERR_OK && strcmp(file, PROPOSED_FILE) == 0) {
        lines = strchr(text, '\n') + 1;     /* a copy of the operator's: its lines are named */
        file = CONFIG_FILE;
    }
    if (err == ERR_OK)
        err = config_read_text(c, lines, file, why);
    free(text);
    return err;
}

/* The place is part of the source's name, so that a limit given twice is found. */
static int set_argument(struct config *c, int i, char **argv, char why[CONFIG_WHY_MAX])
{
    char source[40];
    snprintf(source, sizeof source, "command line, argument %d", i);
    return config_set(c, argv[i] + 2, argv[i + 1], source, why);
}

int config_resolve(const char *file, int argc, char **argv, struct config **ret, int64_t *epoch,
                   char why[CONFIG_WHY_MAX])
{
    struct config *c = config_new();
    int64_t of_file;
    int err = read_file(c, file, &of_file, why);
    if (err == ERR_OK)
        err = config_read_env(c, environ, why);
    for (int i = 1; err == ERR_OK && i + 1 < argc; i += 2)
        if (strcmp(argv[i], "-i") != 0 && strcmp(argv[i], "--instance") != 0)
            err = set_argument(c, i, argv, why);
    if (err == ERR_OK)
        err = config_check(c, why);
    if (err < 0) {
        config_destroy(&c);
        return err;
    }
    *ret = c;
    if (epoch != NULL)
        *epoch = of_file;
    return ERR_OK;
}

int config_bytes_hash(char hash[20], char why[CONFIG_WHY_MAX])
{
    char *text = NULL;
    int err = own_text(&text, why);
    if (err == ERR_OK)
        hash_text(text, hash);
    free(text);
    return err;
}

int64_t config_epoch(void)
{
    char *text = NULL, why[CONFIG_WHY_MAX];
    int64_t epoch = 0;
    if (config_file_text(COMMITTED_FILE, &text, why) == ERR_OK)
        (void)check_header(COMMITTED_FILE, text, &epoch, why);      /* damaged: all the same */
    free(text);
    return epoch;
}

int config_propose(int64_t epoch, char hash[20], char why[CONFIG_WHY_MAX])
{
    char *text = NULL;
    int err = own_text(&text, why);
    if (err < 0)
        return err;
    hash_text(text, hash);
    FILE *f = fopen(PROPOSED_FILE ".tmp", "we");
    bool ok = f != NULL && fprintf(f, HEADER, epoch, hash) > 0 && fputs(text, f) >= 0 && fflush(f) == 0 &&
              fsync(fileno(f)) == 0;
    ok = f != NULL && fclose(f) == 0 && ok && rename(PROPOSED_FILE ".tmp", PROPOSED_FILE) == 0;
    free(text);
    return ok ? ERR_OK : io_failed(PROPOSED_FILE, why);
}

int config_commit(char why[CONFIG_WHY_MAX])
{
    if (rename(PROPOSED_FILE, COMMITTED_FILE) < 0)
        return io_failed(COMMITTED_FILE, why);
    int fd = open("etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(fd >= 0 && fsync(fd) == 0);
    close(fd);
    return ERR_OK;
}

/* ---- changes ---- */

/* Where 0 is no limit it is the largest there is. */
static bool is_looser(enum key_reload class, dec_t was, dec_t now)
{
    if (class == RELOAD_LOWER_0 && (dec_is_zero(was) || dec_is_zero(now)))
        return !dec_is_zero(was);
    return class == RELOAD_HIGHER ? dec_lt(now, was) : dec_gt(now, was);
}

enum change config_change(const struct config *was, const struct config *now, enum cfg key)
{
    if (strcmp(config_text(was, key), config_text(now, key)) == 0)
        return CHANGE_NONE;
    switch (config_keys[key].reload) {
    case RELOAD_FREE:    return CHANGE_FREE;
    case RELOAD_PAUSED:  return CHANGE_PAUSED;
    case RELOAD_RESTART: return CHANGE_RESTART;
    default: break;
    }
    return is_looser(config_keys[key].reload, config_dec(was, key), config_dec(now, key)) ? CHANGE_LOOSER : CHANGE_TIGHTER;
}

const char *change_needs(enum change c, enum system_state state, bool by_operator)
{
    bool held = state == SYS_PAUSED || state == SYS_READY;
    switch (c) {
    case CHANGE_RESTART: return "read at start only: `enigma down`, `enigma up` to change it";
    case CHANGE_PAUSED:  return held ? NULL : "only while entries are held: `enigma pause` first";
    case CHANGE_LOOSER:
        if (!held)
            return "looser only while entries are held: `enigma pause` first";
        return by_operator ? NULL : "looser only with the operator's signature: reload where etc/keys/operator.sign is";
    default: return NULL;
    }
}

const char *change_text(enum change c)
{
    static const char *const texts[] = {"unchanged", "FREE", "LIMIT, tighter", "LIMIT, looser", "PAUSED", "RESTART"};
    return texts[c];
}
