/* certs - see certs.h
 *
 * Each half is made under a name of this process and linked into place: the link fails when somebody
 * else was first, and then theirs is used.  The secret comes before the public half, so that a public
 * file always has its secret.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/enums.h"
#include "proto/err.h"

#include "libagent/certs.h"

#define PATH_MAX_ 512

static int fail_write(const char *path, char *why)
{
    snprintf(why, CERTS_WHY_MAX, "%.150s: cannot be made: %s; mend the directory's permissions", path,
             strerror(errno));
    return ERR_IO;
}

/* True when path is there afterwards, ours or that of somebody who was first. */
static bool put_in_place(const char *own, const char *path)
{
    bool there = link(own, path) == 0 || errno == EEXIST;
    unlink(own);
    return there;
}

static int make_secret(const char *own, const char *secret, const char *name, char *why)
{
    zcert_t *cert = zcert_new();
    must(cert != NULL);
    zcert_set_meta(cert, "name", "%s", name);
    mode_t mask = umask(077);
    int rc = zcert_save_secret(cert, own);
    umask(mask);
    zcert_destroy(&cert);
    if (rc != 0 || chmod(own, 0600) != 0 || !put_in_place(own, secret))
        return fail_write(secret, why);
    return ERR_OK;
}

/* 1: made.  The public half is always written from the secret that is in place, whoever made it, so that
 * an end between the two is mended by the next start. */
static int make_one(const char *dir, const char *name, char *why)
{
    char own[PATH_MAX_], public[PATH_MAX_], secret[PATH_MAX_ + 16];
    snprintf(own, sizeof own, "%s/.%s.%ld", dir, name, (long)getpid());
    snprintf(public, sizeof public, "%s/%s.cert", dir, name);
    snprintf(secret, sizeof secret, "%s_secret", public);
    if (access(public, F_OK) == 0)
        return 0;
    if (access(secret, F_OK) != 0 && make_secret(own, secret, name, why) < 0)
        return ERR_IO;
    zcert_t *cert = NULL;
    int err = certs_load(dir, name, &cert, why);    /* reads the secret half */
    if (err < 0)
        return err;
    int rc = zcert_save_public(cert, own);
    zcert_destroy(&cert);
    if (rc != 0 || chmod(own, 0644) != 0 || !put_in_place(own, public))
        return fail_write(public, why);
    return 1;
}

int certs_make(const char *dir, char why[CERTS_WHY_MAX])
{
    int made = 0;
    for (int i = 0; i < AGENT_COUNT; i++) {
        int n = make_one(dir, party_name((enum party)i), why);
        if (n < 0)
            return n;
        made += n;
    }
    return made;
}

int certs_load(const char *dir, const char *name, zcert_t **ret, char why[CERTS_WHY_MAX])
{
    char path[PATH_MAX_], secret[PATH_MAX_ + 16];
    snprintf(path, sizeof path, "%s/%s.cert", dir, name);
    snprintf(secret, sizeof secret, "%s_secret", path);
    struct stat st;
    if (stat(secret, &st) != 0) {
        snprintf(why, CERTS_WHY_MAX, "%.150s: %s; %s`enigma keys` makes certificates", secret, strerror(errno),
                 access(path, F_OK) == 0 ? "remove its public half, too: " : "");
        return ERR_NOT_FOUND;
    }
    if (st.st_mode & 077) {
        snprintf(why, CERTS_WHY_MAX, "%.150s: others may read it; chmod 600 it", secret);
        return ERR_PERMISSION;
    }
    zcert_t *cert = zcert_load(path);
    if (cert == NULL || zcert_meta(cert, "name") == NULL || strcmp(zcert_meta(cert, "name"), name) != 0) {
        zcert_destroy(&cert);
        snprintf(why, CERTS_WHY_MAX, "%.150s: not a certificate of %s; remove it and make a new one", path, name);
        return ERR_CORRUPT;
    }
    *ret = cert;
    return ERR_OK;
}

int certs_public(const char *dir, const char *name, char ret[41], char why[CERTS_WHY_MAX])
{
    char path[PATH_MAX_];
    snprintf(path, sizeof path, "%s/%s.cert", dir, name);
    zcert_t *cert = access(path, R_OK) == 0 ? zcert_load(path) : NULL;
    if (cert == NULL) {
        snprintf(why, CERTS_WHY_MAX, "%.150s: no certificate; `enigma keys` makes certificates", path);
        return ERR_NOT_FOUND;
    }
    snprintf(ret, 41, "%s", zcert_public_txt(cert));
    zcert_destroy(&cert);
    return ERR_OK;
}
