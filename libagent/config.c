/* config - see config.h
 *
 * A value is kept as its text and, for numbers, as what the text says; both were checked when it was
 * set, so that reading cannot fail.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/hash.h"
#include "proto/mp.h"

#include "libagent/config.h"
#include "libagent/strategies_config.h"
#include "libagent/trade_config.h"

#define ENV_NAME_MAX 64

struct value {
    char *text;
    char *source;
    dec_t dec;              /* INT, DEC, DBL */
    bool  flag;             /* BOOL */
    char *words;            /* LIST: the text, cut into words */
    const char *word[CONFIG_LIST_MAX];
    size_t n_words;
};

struct config {
    struct value values[CFG_COUNT];
};

__attribute__((format(printf, 2, 3))) static int complain(char *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, CONFIG_WHY_MAX, fmt, ap);
    va_end(ap);
    return ERR_CONFIG;
}

static void value_fini(struct value *v)
{
    free(v->text);
    free(v->source);
    free(v->words);
    *v = (struct value){.text = NULL};
}

static char *copy(const char *s)
{
    char *d = strdup(s);
    must(d != NULL);
    return d;
}

static int parse_bool(const char *text, bool *ret)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0)
        *ret = true;
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0 || strcmp(text, "no") == 0)
        *ret = false;
    else
        return ERR_SYNTAX;
    return ERR_OK;
}

/* Plain decimal notation, the same for all three number types: what a reader takes for a number and
 * nothing else ("1e3", "010", "+5", ".5" are refused). */
static int parse_number(const char *text, dec_t *ret)
{
    const char *p = text + (*text == '-');
    if (!isdigit((unsigned char)*p) || (p[0] == '0' && isdigit((unsigned char)p[1])))
        return ERR_SYNTAX;
    while (isdigit((unsigned char)*p))
        p++;
    if (*p == '.') {
        p++;
        if (!isdigit((unsigned char)*p))
            return ERR_SYNTAX;
        while (isdigit((unsigned char)*p))
            p++;
    }
    return *p == '\0' ? dec_parse(text, ret) : ERR_SYNTAX;
}

static int split_words(struct value *v)
{
    v->words = copy(v->text);
    char *save = NULL;
    for (char *w = strtok_r(v->words, " \t,", &save); w != NULL; w = strtok_r(NULL, " \t,", &save)) {
        if (v->n_words == CONFIG_LIST_MAX)
            return ERR_SIZE;
        for (size_t i = 0; i < v->n_words; i++)
            if (strcmp(v->word[i], w) == 0)
                return ERR_DUPLICATE;
        v->word[v->n_words++] = w;
    }
    return ERR_OK;
}

static int check_number(const struct config_key *k, struct value *v, const char *source, char *why)
{
    if (parse_number(v->text, &v->dec) < 0)
        return complain(why, "%s: %s = \"%.40s\" is not a plain number (such as %s)", source, k->name,
                        v->text, k->def);
    const char *blank = *k->unit != '\0' ? " " : "";
    int64_t n;
    if (k->type == KEY_INT && dec_to_int(v->dec, &n) < 0)
        return complain(why, "%s: %s = %.40s must be a whole number", source, k->name, v->text);
    if (*k->min != '\0' && dec_lt(v->dec, dec_lit(k->min)))
        return complain(why, "%s: %s = %.40s is below its limit of %s%s%s; raise it", source, k->name,
                        v->text, k->min, blank, k->unit);
    if (*k->max != '\0' && dec_gt(v->dec, dec_lit(k->max)))
        return complain(why, "%s: %s = %.40s is above its limit of %s%s%s; lower it", source, k->name,
                        v->text, k->max, blank, k->unit);
    return ERR_OK;
}

static int check_value(const struct config_key *k, struct value *v, const char *source, char *why)
{
    for (const char *p = v->text; *p != '\0'; p++)
        if (iscntrl((unsigned char)*p))
            return complain(why, "%s: %s holds a control character; remove it", source, k->name);
    if (!mp_text_ok(v->text, strlen(v->text)))
        return complain(why, "%s: %s is not UTF-8; write it anew", source, k->name);
    switch (k->type) {
    case KEY_BOOL:
        if (parse_bool(v->text, &v->flag) < 0)
            return complain(why, "%s: %s = \"%.40s\" must be true or false", source, k->name, v->text);
        return ERR_OK;
    case KEY_STR:
    case KEY_LIST:
        if (*k->max != '\0' && strlen(v->text) > (size_t)atol(k->max))
            return complain(why, "%s: %s is longer than its limit of %s characters; shorten it", source,
                            k->name, k->max);
        if (k->type == KEY_STR)
            return ERR_OK;
        switch (split_words(v)) {
        case ERR_SIZE:
            return complain(why, "%s: %s has more than its limit of %d words; remove some", source, k->name,
                            CONFIG_LIST_MAX);
        case ERR_DUPLICATE:
            return complain(why, "%s: %s names a word twice: %.100s; remove one", source, k->name, v->text);
        }
        return ERR_OK;
    default:
        return check_number(k, v, source, why);
    }
}

static int find_key(const char *name, enum cfg *ret)
{
    for (int i = 0; i < CFG_COUNT; i++) {
        const char *a = config_keys[i].name, *b = name;
        while (*a != '\0' && (*a == *b || (*a == '_' && *b == '-')))
            a++, b++;
        if (*a == '\0' && *b == '\0') {
            *ret = (enum cfg)i;
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}

/* A limit that two sources give differently is nobody's: the later one would silently loosen what somebody
 * else tightened. */
static int check_conflict(const struct config_key *k, const struct value *was, const struct value *v, char *why)
{
    if (k->reload < RELOAD_LOWER || was->text == NULL || strcmp(was->source, "default") == 0 ||
        strcmp(was->source, v->source) == 0 || dec_eq(was->dec, v->dec))
        return ERR_OK;
    return complain(why, "%s: %s = %.24s contradicts %.24s (%s); a limit has one value: remove one",
                    v->source, k->name, v->text, was->text, was->source);
}

static int set(struct config *c, enum cfg key, const char *text, const char *source, char *why)
{
    struct value v = {.text = copy(text), .source = copy(source)};
    int err = check_value(&config_keys[key], &v, source, why);
    if (err == ERR_OK)
        err = check_conflict(&config_keys[key], &c->values[key], &v, why);
    if (err < 0) {
        value_fini(&v);
        return err;
    }
    value_fini(&c->values[key]);
    c->values[key] = v;
    return ERR_OK;
}

struct config *config_new(void)
{
    struct config *c = calloc(1, sizeof *c);
    must(c != NULL);
    char why[CONFIG_WHY_MAX];
    for (int i = 0; i < CFG_COUNT; i++)
        must(set(c, (enum cfg)i, config_keys[i].def, "default", why) == ERR_OK);
    return c;
}

void config_destroy(struct config **c)
{
    if (*c == NULL)
        return;
    for (int i = 0; i < CFG_COUNT; i++)
        value_fini(&(*c)->values[i]);
    free(*c);
    *c = NULL;
}

int config_set(struct config *c, const char *name, const char *value, const char *source,
               char why[CONFIG_WHY_MAX])
{
    enum cfg key;
    if (find_key(name, &key) < 0)
        return complain(why, "%s: unknown key \"%.40s\"; `enigma config` lists them", source, name);
    return set(c, key, value, source, why);
}

int config_file_text(const char *path, char **ret, char why[CONFIG_WHY_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return complain(why, "%s: cannot be read: %s", path, strerror(errno));
    struct stat st;
    char *text = NULL;
    int err = ERR_CONFIG;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        complain(why, "%s: not a regular file", path);
    } else if (st.st_mode & S_IWOTH) {
        complain(why, "%s: may be written by everybody; chmod o-w it", path);
    } else if (st.st_size > CONFIG_FILE_MAX) {
        complain(why, "%s: %" PRId64 " bytes, more than the limit of %d", path,
                 (int64_t)st.st_size, CONFIG_FILE_MAX);
    } else {
        text = calloc(1, (size_t)st.st_size + 1);
        must(text != NULL);
        ssize_t n = read(fd, text, (size_t)st.st_size);
        if (n != st.st_size)
            complain(why, "%s: changed while it was read; try again", path);
        else if (memchr(text, '\0', (size_t)n) != NULL)
            complain(why, "%s: holds a NUL byte; it is not a text file", path);
        else
            err = ERR_OK;
    }
    close(fd);
    if (err < 0)
        free(text);
    else
        *ret = text;
    return err;
}

static char *trim(char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    size_t n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
        s[--n] = '\0';
    return s;
}

static int read_line(struct config *c, char *line, const char *source, bool seen[CFG_COUNT],
                     char *why)
{
    char *hash = strchr(line, '#');
    if (hash != NULL)
        *hash = '\0';
    line = trim(line);
    if (*line == '\0')
        return ERR_OK;
    char *eq = strchr(line, '=');
    if (eq == NULL)
        return complain(why, "%s: \"%.40s\" is not `key = value`", source, line);
    *eq = '\0';
    const char *name = trim(line);
    enum cfg key;
    if (find_key(name, &key) < 0 || strchr(name, '-') != NULL)
        return complain(why, "%s: unknown key \"%.40s\"; `enigma config` lists them", source, name);
    if (seen[key])
        return complain(why, "%s: %s is given twice; remove one (the first is at %s)", source, name,
                        config_source(c, key));
    seen[key] = true;
    return set(c, key, trim(eq + 1), source, why);
}

int config_read_text(struct config *c, char *text, const char *path, char why[CONFIG_WHY_MAX])
{
    int err = ERR_OK;
    bool seen[CFG_COUNT] = {false};
    int n = 0;
    for (char *line = text, *next; line != NULL && err == ERR_OK; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        char source[128];
        snprintf(source, sizeof source, "%.100s:%d", path, ++n);
        err = read_line(c, line, source, seen, why);
    }
    return err;
}

int config_read_file(struct config *c, const char *path, char why[CONFIG_WHY_MAX])
{
    char *text = NULL;
    int err = config_file_text(path, &text, why);
    if (err == ERR_OK)
        err = config_read_text(c, text, path, why);
    free(text);
    return err;
}

/* The seed's bare names; its intervals are in seconds, ours in milliseconds. */
static const struct {
    const char *variable;
    enum cfg key;
    int factor;
} seed_names[] = {
#define KEY(...)
#define SEED(variable, key, factor) {#variable, CFG_##key, factor},
#include "proto/config.def"
#undef SEED
#undef KEY
};

static int set_from_env(struct config *c, const char *name, const char *value, char *why)
{
    char source[64];
    snprintf(source, sizeof source, "environment %.40s", name);
    for (size_t i = 0; i < sizeof seed_names / sizeof seed_names[0]; i++) {
        if (strcmp(name, seed_names[i].variable) != 0)
            continue;
        char text[DEC_TEXT_MAX];
        dec_t v;
        if (seed_names[i].factor == 1 || parse_number(value, &v) < 0)
            return set(c, seed_names[i].key, value, source, why);
        dec_format(dec_mul(v, dec_int(seed_names[i].factor)), text);
        return set(c, seed_names[i].key, text, source, why);
    }
    if (strncmp(name, "ENIGMA_", 7) != 0)
        return ERR_OK;
    char lower[ENV_NAME_MAX];
    for (size_t i = 0; i <= strlen(name + 7); i++)
        lower[i] = (char)tolower((unsigned char)name[7 + i]);
    return config_set(c, lower, value, source, why);
}

int config_read_env(struct config *c, char **environ_, char why[CONFIG_WHY_MAX])
{
    for (char **e = environ_; e != NULL && *e != NULL; e++) {
        char name[ENV_NAME_MAX];
        const char *eq = strchr(*e, '=');
        if (eq == NULL)
            continue;
        /* What is cut is longer than any key, and so as unknown as it was. */
        snprintf(name, sizeof name, "%.*s", (int)(eq - *e), *e);
        int err = set_from_env(c, name, eq + 1, why);
        if (err < 0)
            return err;
    }
    return ERR_OK;
}

static bool one_of(const char *word, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static int check_word(const struct config *c, enum cfg key, const char *const *list, char *why)
{
    if (one_of(config_text(c, key), list))
        return ERR_OK;
    char all[100] = "";
    for (; *list != NULL; list++)
        snprintf(all + strlen(all), sizeof all - strlen(all), " %s", *list);
    return complain(why, "%s: %s = \"%.40s\" must be one of%s", config_source(c, key),
                    config_keys[key].name, config_text(c, key), all);
}

/* The lower key may not be above the upper one: two limits that contradict each other. */
static int check_order(const struct config *c, enum cfg low, enum cfg high, char *why)
{
    if (dec_le(config_dec(c, low), config_dec(c, high)))
        return ERR_OK;
    return complain(why, "%s = %s (%s) is above %s = %s (%s); change one", config_keys[low].name,
                    config_text(c, low), config_source(c, low), config_keys[high].name,
                    config_text(c, high), config_source(c, high));
}

/* Where it lies in the list; the word is there. */
static int place(const char *const *words, const char *word)
{
    int i = 0;
    while (strcmp(words[i], word) != 0)
        i++;
    return i;
}

static int check_url(const struct config *c, char why[CONFIG_WHY_MAX])
{
    const char *url = config_text(c, CFG_rest_url);
    if (*url == '\0' || (strncmp(url, "http://", 7) == 0 && url[7] != '\0') ||
        (strncmp(url, "https://", 8) == 0 && url[8] != '\0'))
        return ERR_OK;
    return complain(why, "%s: rest_url = \"%.80s\" must be an address such as https://host, or empty",
                    config_source(c, CFG_rest_url), url);
}

int config_check(const struct config *c, char why[CONFIG_WHY_MAX])
{
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    static const char *const modes[] = {"paper", "live", NULL};
    static const char *const frames[] = {"1m", "5m", "15m", "1h", NULL};
    static const char *const shutdown[] = {"keep", "flatten", NULL};
    static const char *const rankings[] = {"auto", "score", "features", NULL};
    static const struct { enum cfg key; const char *const *words; } words[] = {
        {CFG_log_level, levels}, {CFG_mode, modes}, {CFG_primary_tf, frames},
        {CFG_confirm_tf, frames}, {CFG_on_shutdown, shutdown}, {CFG_ranking, rankings},
    };
    static const struct { enum cfg low, high; } orders[] = {
        {CFG_leverage, CFG_max_leverage},
        {CFG_position_margin_pct, CFG_max_position_pct},
        {CFG_max_position_pct, CFG_max_exposure_pct},
        {CFG_max_symbol_notional_pct, CFG_max_notional_pct},
        {CFG_risk_per_trade_pct, CFG_max_heat_pct},
        {CFG_daily_loss_pct, CFG_max_daily_drawdown_pct},
        {CFG_tp1_r, CFG_tp2_r},
    };
    int err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < sizeof words / sizeof words[0]; i++)
        err = check_word(c, words[i].key, words[i].words, why);
    for (size_t i = 0; err == ERR_OK && i < sizeof orders / sizeof orders[0]; i++)
        err = check_order(c, orders[i].low, orders[i].high, why);
    if (err == ERR_OK)
        err = check_url(c, why);
    if (err == ERR_OK && place(frames, config_text(c, CFG_confirm_tf)) <= place(frames, config_text(c, CFG_primary_tf)))
        return complain(why, "%s: confirm_tf = %s must be longer than primary_tf = %s (%s)",
                        config_source(c, CFG_confirm_tf), config_text(c, CFG_confirm_tf),
                        config_text(c, CFG_primary_tf), config_source(c, CFG_primary_tf));
    if (err == ERR_OK && c->values[CFG_symbols].n_words == 0)
        return complain(why, "%s: symbols is empty; name at least one contract",
                        config_source(c, CFG_symbols));
    if (err == ERR_OK)
        err = strategies_from_config(c, NULL, why);
    struct risk_limits limits;
    const char *wrong = err == ERR_OK ? limits_from_config(c, &limits) : NULL;
    return wrong == NULL ? err : complain(why, "the limit %s is out of range or contradicts another; see `enigma config`", wrong);
}

const char *config_text(const struct config *c, enum cfg key)
{
    return c->values[key].text;
}

const char *config_source(const struct config *c, enum cfg key)
{
    return c->values[key].source;
}

int64_t config_int(const struct config *c, enum cfg key)
{
    int64_t n = 0;
    must(config_keys[key].type == KEY_INT && dec_to_int(c->values[key].dec, &n) == ERR_OK);
    return n;
}

double config_dbl(const struct config *c, enum cfg key)
{
    must(config_keys[key].type == KEY_DBL || config_keys[key].type == KEY_INT);
    return dec_to_double(c->values[key].dec);
}

dec_t config_dec(const struct config *c, enum cfg key)
{
    must(config_keys[key].type == KEY_DEC || config_keys[key].type == KEY_INT ||
         config_keys[key].type == KEY_DBL);
    return c->values[key].dec;
}

bool config_bool(const struct config *c, enum cfg key)
{
    must(config_keys[key].type == KEY_BOOL);
    return c->values[key].flag;
}

size_t config_list(const struct config *c, enum cfg key, const char *words[CONFIG_LIST_MAX])
{
    must(config_keys[key].type == KEY_LIST);
    const struct value *v = &c->values[key];
    for (size_t i = 0; i < v->n_words; i++)
        words[i] = v->word[i];
    return v->n_words;
}

void config_hash(const struct config *c, char hex[20])
{
    /* Each agent may log at its own level and still run the same configuration. */
    size_t size = 0;
    char *all = NULL;
    FILE *f = open_memstream(&all, &size);
    must(f != NULL);
    for (int i = 0; i < CFG_COUNT; i++)
        if (i != CFG_log_level)
            fprintf(f, "%s=%s\n", config_keys[i].name, c->values[i].text);
    must(fclose(f) == 0);
    uint8_t digest[16];
    hash128(all, size, digest);
    free(all);
    for (int i = 0; i < 8; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
