/* certs - see certs.h
 *
 * A certificate is made under a name of this process and linked into place: the link fails when
 * somebody else was first, and then theirs is used.  The secret is linked before the public half, so
 * that a public file always has its secret.
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

static int make_one(const char *dir, const char *name, char *why)
{
    char own[PATH_MAX_], own_secret[PATH_MAX_ + 16], public[PATH_MAX_], secret[PATH_MAX_ + 16];
    snprintf(own, sizeof own, "%s/.%s.%ld", dir, name, (long)getpid());
    snprintf(own_secret, sizeof own_secret, "%s_secret", own);
    snprintf(public, sizeof public, "%s/%s.cert", dir, name);
    snprintf(secret, sizeof secret, "%s_secret", public);
    if (access(public, F_OK) == 0)
        return 0;
    zcert_t *cert = zcert_new();
    must(cert != NULL);
    zcert_set_meta(cert, "name", "%s", name);
    mode_t mask = umask(077);
    int rc = zcert_save(cert, own);
    umask(mask);
    zcert_destroy(&cert);
    if (rc != 0) {
        snprintf(why, CERTS_WHY_MAX, "%.180s: cannot be written: %s", own, strerror(errno));
        return ERR_IO;
    }
    chmod(own, 0644);
    chmod(own_secret, 0600);
    bool first = link(own_secret, secret) == 0;
    if (first && link(own, public) != 0 && errno != EEXIST)
        first = false;
    unlink(own);
    unlink(own_secret);
    if (!first && access(secret, F_OK) != 0) {
        snprintf(why, CERTS_WHY_MAX, "%.180s: cannot be made: %s", public, strerror(errno));
        return ERR_IO;
    }
    return first;
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
        snprintf(why, CERTS_WHY_MAX, "%.150s: %s; `enigma keys` makes certificates", secret, strerror(errno));
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
