/* apikeys - see apikeys.h */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"

#include "deploy/paper/apikeys.h"
#include "deploy/paper/pools.h"

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    size_t n = strlen(s);
    while (n > 0 && isspace((unsigned char)s[n - 1]))
        s[--n] = '\0';
    return s;
}

static bool known_permissions(const char *list)
{
    static const char *const names[] = {"General", "Futures", "Spot", "Margin", "Earn",
                                        "InnerTransfer", "Transfer"};
    struct apikey k = {0};
    snprintf(k.permission, sizeof k.permission, "%s", list);
    size_t words = 1, found = 0;
    for (const char *p = list; *p != '\0'; p++)
        words += *p == ',';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        found += apikey_may(&k, names[i]);
    return words == found;
}

/* One setting of the entry; NULL or what is wrong. */
static const char *set(struct apikey *k, const char *name, const char *value)
{
    if (strcmp(name, "balance") == 0)
        return dec_parse(value, &k->balance) == ERR_OK && dec_sign(k->balance) >= 0 &&
               dec_le(k->balance, dec_int(1000000000)) ? NULL
             : "must be a plain number from 0 to 1000000000";
    if (strcmp(name, "vip") == 0) {
        dec_t v;
        int64_t n = -1;
        if (dec_parse(value, &v) != ERR_OK || dec_to_int(v, &n) != ERR_OK || n < 0 || n > POOL_VIP_MAX)
            return "must be a whole number from 0 to 12";
        k->vip = (int)n;
        return NULL;
    }
    char *into = strcmp(name, "key") == 0 ? k->key : strcmp(name, "secret") == 0 ? k->secret
               : strcmp(name, "passphrase") == 0 ? k->passphrase
               : strcmp(name, "permission") == 0 ? k->permission
               : strcmp(name, "ip") == 0 ? k->ip : strcmp(name, "sub") == 0 ? k->sub : NULL;
    if (into == NULL)
        return "is no known name (account key secret passphrase permission balance vip ip sub)";
    if ((*value == '\0' && into != k->ip) || strlen(value) >= APIKEY_TEXT_MAX)
        return "must have 1 to 79 characters";
    if (into == k->permission && !known_permissions(value))
        return "must be a comma list of General Futures Spot Margin Earn InnerTransfer Transfer";
    snprintf(into, APIKEY_TEXT_MAX, "%s", value);
    return NULL;
}

static const char *begin(struct apikeys *k, const char *name, dec_t balance)
{
    if (k->n == APIKEYS_MAX)
        return "is one account too many (limit 16)";
    if (*name == '\0' || strlen(name) >= NAME_MAX_)
        return "must have 1 to 31 characters";
    struct apikey *a = &k->at[k->n++];
    *a = (struct apikey){.balance = balance};
    snprintf(a->account, sizeof a->account, "%s", name);
    snprintf(a->permission, sizeof a->permission, "General,Futures");
    snprintf(a->ip, sizeof a->ip, "127.0.0.1");
    return NULL;
}

static const char *line(struct apikeys *k, int first, char *text, dec_t balance, char **ret_name,
                        const char **ret_value)
{
    *ret_value = "";
    char *hash = strchr(text, '#');
    if (hash != NULL && (hash == text || isspace((unsigned char)hash[-1])))
        *hash = '\0';
    *ret_name = trim(text);
    if (**ret_name == '\0')
        return NULL;
    char *eq = strchr(text, '=');
    if (eq == NULL)
        return "lacks '=': write name = value";
    *eq = '\0';
    *ret_name = trim(text);
    char *value = trim(eq + 1);
    if (strstr("account balance vip permission ip sub", *ret_name) != NULL)     /* secrets are never shown */
        *ret_value = value;
    if (strcmp(*ret_name, "account") == 0)
        return begin(k, value, balance);
    if (k->n == first)
        return "comes before the first account line";
    return set(&k->at[k->n - 1], *ret_name, value);
}

static int complete(const struct apikeys *k, int first, const char *path, char *why)
{
    if (k->n == first) {
        snprintf(why, APIKEYS_WHY_MAX, "%s: names no account: add account, key, secret, passphrase",
                 path);
        return ERR_CONFIG;
    }
    for (int i = first; i < k->n; i++) {
        const struct apikey *a = &k->at[i];
        const char *missing = !*a->key ? "key" : !*a->secret ? "secret"
                            : !*a->passphrase ? "passphrase" : NULL;
        for (int j = 0; j < i && missing == NULL; j++)
            if (strcmp(k->at[j].key, a->key) == 0)
                missing = "key of its own (this one is given twice)";
        if (missing != NULL) {
            snprintf(why, APIKEYS_WHY_MAX, "%s: account %s lacks a %s", path, a->account, missing);
            return ERR_CONFIG;
        }
    }
    return ERR_OK;
}

int apikeys_read(struct apikeys *k, const char *path, dec_t balance, char why[APIKEYS_WHY_MAX])
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        snprintf(why, APIKEYS_WHY_MAX, "%s: %s", path, strerror(errno));
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    int first = k->n, err = ERR_OK;
    char text[512], *name;
    const char *value;
    for (int no = 1; err == ERR_OK && fgets(text, sizeof text, f) != NULL; no++) {
        const char *wrong = line(k, first, text, balance, &name, &value);
        if (wrong != NULL) {
            snprintf(why, APIKEYS_WHY_MAX, "%s:%d: %.40s %s%.40s%s%s", path, no, name, *value ? "= " : "", value,
                     *value ? ": " : "", wrong);
            err = ERR_CONFIG;
        }
    }
    if (ferror(f)) {
        snprintf(why, APIKEYS_WHY_MAX, "%s: %s", path, strerror(errno));
        err = ERR_IO;
    }
    fclose(f);
    sodium_memzero(text, sizeof text);
    return err != ERR_OK ? err : complete(k, first, path, why);
}

static void random_hex(char *ret, size_t digits)
{
    unsigned char bytes[32];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(ret, digits + 1, bytes, digits / 2);
}

int apikeys_make(const char *path, char why[APIKEYS_WHY_MAX])
{
    must(sodium_init() >= 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        int err = errno == EEXIST ? ERR_DUPLICATE : ERR_IO;
        snprintf(why, APIKEYS_WHY_MAX, "%s: %s", path, strerror(errno));
        return err;
    }
    char key[25], secret[33], passphrase[17], text[320];
    random_hex(key, 24);
    random_hex(secret, 32);
    random_hex(passphrase, 16);
    int n = snprintf(text, sizeof text,
                     "# the key of the paper exchange's account; made at its first start\n"
                     "account = paper\nkey = %s\nsecret = %s\npassphrase = %s\n"
                     "permission = General,Futures\n", key, secret, passphrase);
    bool ok = write(fd, text, (size_t)n) == n && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    sodium_memzero(text, sizeof text);
    if (!ok) {
        snprintf(why, APIKEYS_WHY_MAX, "%s: cannot write it: %s", path, strerror(errno));
        unlink(path);
    }
    return ok ? ERR_OK : ERR_IO;
}

struct apikey *apikeys_find(struct apikeys *k, const char *key)
{
    for (int i = 0; i < k->n; i++)
        if (strcmp(k->at[i].key, key) == 0)
            return &k->at[i];
    return NULL;
}

static bool has_word(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = list; *p != '\0'; ) {
        size_t len = strcspn(p, ",");
        if (len == n && strncasecmp(p, name, n) == 0)
            return true;
        p += len + (p[len] == ',');
    }
    return false;
}

bool apikey_from(const struct apikey *k, const char *ip) { return *k->ip == '\0' || has_word(k->ip, ip); }
bool apikey_may(const struct apikey *k, const char *name) { return has_word(k->permission, name); }
