/* signkey - see signkey.h */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"

#include "libagent/signkey.h"

#define PATH_MAX_ 256

/* One line of hexadecimal digits; whole or not there.  ERR_BUSY: somebody else has just made it. */
static int write_hex(const char *path, mode_t mode, const uint8_t *bytes, size_t n)
{
    char text[2 * TOKEN_SECRET + 2], tmp[PATH_MAX_ + 32];
    sodium_bin2hex(text, sizeof text, bytes, n);
    strcat(text, "\n");
    snprintf(tmp, sizeof tmp, "%s.%d", path, (int)getpid());
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return ERR_IO;
    ssize_t wrote = write(fd, text, strlen(text));
    bool ok = wrote == (ssize_t)strlen(text) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    sodium_memzero(text, sizeof text);
    int err = ok && link(tmp, path) == 0 ? ERR_OK : ok && errno == EEXIST ? ERR_BUSY : ERR_IO;
    unlink(tmp);
    return err;
}

static int read_secret(const char *path, uint8_t secret[TOKEN_SECRET], char why[SIGNKEY_WHY_MAX])
{
    char text[2 * TOKEN_SECRET + 2] = "";
    size_t got = 0;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    bool safe = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) == 0;
    ssize_t n = safe ? read(fd, text, sizeof text - 1) : -1;
    close(fd);
    int err = ERR_OK;
    if (!safe) {
        snprintf(why, SIGNKEY_WHY_MAX, "%.150s: others may read it; `chmod 600` it", path);
        err = ERR_PERMISSION;
    } else if (n < 2 * TOKEN_SECRET ||
               sodium_hex2bin(secret, TOKEN_SECRET, text, 2 * TOKEN_SECRET, NULL, &got, NULL) != 0 ||
               got != TOKEN_SECRET) {
        snprintf(why, SIGNKEY_WHY_MAX, "%.150s is damaged; remove it and its .pub, a new key is made", path);
        err = ERR_CORRUPT;
    }
    sodium_memzero(text, sizeof text);
    return err;
}

int signkey_load(const char *dir, const char *name, uint8_t secret[TOKEN_SECRET], char why[SIGNKEY_WHY_MAX])
{
    char path[PATH_MAX_], public_path[PATH_MAX_ + 8];
    uint8_t public_key[TOKEN_PUBLIC];
    must(sodium_init() >= 0);
    snprintf(path, sizeof path, "%.200s/%.40s.sign", dir, name);
    snprintf(public_path, sizeof public_path, "%s.pub", path);
    int err = read_secret(path, secret, why);
    if (err == ERR_NOT_FOUND) {
        crypto_sign_keypair(public_key, secret);
        err = write_hex(path, 0600, secret, TOKEN_SECRET);
        if (err == ERR_BUSY)
            err = read_secret(path, secret, why);
    }
    if (err == ERR_IO)
        snprintf(why, SIGNKEY_WHY_MAX, "%.150s: %s", path, strerror(errno));
    if (err < 0)
        return err;
    crypto_sign_ed25519_sk_to_pk(public_key, secret);
    if (access(public_path, F_OK) != 0)
        err = write_hex(public_path, 0644, public_key, TOKEN_PUBLIC);
    if (err == ERR_IO)
        snprintf(why, SIGNKEY_WHY_MAX, "%.150s: %s", public_path, strerror(errno));
    return err == ERR_BUSY ? ERR_OK : err;
}

int signkey_public(const char *dir, const char *name, uint8_t ret[TOKEN_PUBLIC])
{
    char path[PATH_MAX_], text[2 * TOKEN_PUBLIC + 1] = "";
    size_t n = 0;
    snprintf(path, sizeof path, "%.200s/%.40s.sign.pub", dir, name);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    bool ok = fread(text, 1, 2 * TOKEN_PUBLIC, f) == 2 * TOKEN_PUBLIC;
    fclose(f);
    return ok && sodium_hex2bin(ret, TOKEN_PUBLIC, text, 2 * TOKEN_PUBLIC, NULL, &n, NULL) == 0 &&
           n == TOKEN_PUBLIC ? ERR_OK : ERR_CORRUPT;
}
