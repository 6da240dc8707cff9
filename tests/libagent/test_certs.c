#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libagent/certs.h"
#include "proto/enums.h"
#include "proto/err.h"
#include "tests/runner.h"

START_TEST(makes_what_is_missing_once_and_keeps_secrets_to_the_owner)
{
    char dir[] = "/tmp/enigma-certs.XXXXXX", path[96], why[CERTS_WHY_MAX], key[41];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(certs_make(dir, why), AGENT_COUNT);
    ck_assert_int_eq(certs_make(dir, why), 0);
    for (int i = 0; i < AGENT_COUNT; i++) {
        const char *name = party_name((enum party)i);
        struct stat st;
        zcert_t *cert = NULL;
        ck_assert_int_eq(certs_load(dir, name, &cert, why), ERR_OK);
        ck_assert_int_eq(certs_public(dir, name, key, why), ERR_OK);
        ck_assert_str_eq(key, zcert_public_txt(cert));
        ck_assert_str_eq(zcert_meta(cert, "name"), name);
        zcert_destroy(&cert);
        snprintf(path, sizeof path, "%s/%s.cert_secret", dir, name);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq(st.st_mode & 0777, 0600);
        unlink(path);
        snprintf(path, sizeof path, "%s/%s.cert", dir, name);
        unlink(path);
    }
    ck_assert_int_lt(certs_public(dir, "risk", key, why), 0);
    rmdir(dir);
}
END_TEST

TESTS("certs", makes_what_is_missing_once_and_keeps_secrets_to_the_owner)
