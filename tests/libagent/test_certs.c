#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libagent/certs.h"
#include "proto/enums.h"
#include "proto/err.h"
#include "tests/runner.h"

static char dir[64], why[CERTS_WHY_MAX];

START_TEST(makes_what_is_missing_once_and_keeps_secrets_to_the_owner)
{
    char path[96], key[41];
    strcpy(dir, "/tmp/enigma-certs.XXXXXX");
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

static const char *file(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void enter(void)
{
    strcpy(dir, "/tmp/enigma-certs.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(certs_make(dir, why), AGENT_COUNT);
}

static void leave(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(a_missing_public_half_is_made_again_from_its_secret)
{
    char before[41], other[41], after[41];
    zcert_t *cert = NULL;
    enter();
    ck_assert_int_eq(certs_public(dir, "risk", before, why), ERR_OK);
    ck_assert_int_eq(certs_public(dir, "data", other, why), ERR_OK);
    ck_assert_int_eq(unlink(file("risk.cert")), 0);
    ck_assert_int_eq(certs_public(dir, "risk", after, why), ERR_NOT_FOUND);
    ck_assert(strstr(why, "risk.cert") != NULL && strstr(why, "enigma keys") != NULL);
    ck_assert_int_eq(certs_make(dir, why), 1);
    ck_assert_int_eq(certs_public(dir, "risk", after, why), ERR_OK);
    ck_assert_str_eq(after, before);
    ck_assert_int_eq(certs_load(dir, "risk", &cert, why), ERR_OK);
    ck_assert_str_eq(zcert_public_txt(cert), before);
    zcert_destroy(&cert);
    ck_assert_int_eq(certs_public(dir, "data", after, why), ERR_OK);
    ck_assert_str_eq(after, other);
    struct stat st;
    ck_assert_int_eq(stat(file("risk.cert"), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0644);
    FILE *f = fopen(file("risk.cert"), "re");       /* and it tells no secret */
    char text[4096];
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    ck_assert(strstr(text, before) != NULL && strstr(text, "secret-key") == NULL);
    leave();
}
END_TEST

START_TEST(a_missing_secret_half_is_not_replaced_behind_the_back_of_those_who_know_the_public_one)
{
    char before[41], after[41];
    zcert_t *cert = NULL;
    enter();
    ck_assert_int_eq(certs_public(dir, "risk", before, why), ERR_OK);
    ck_assert_int_eq(unlink(file("risk.cert_secret")), 0);
    ck_assert_int_eq(certs_make(dir, why), 0);
    ck_assert_int_eq(certs_load(dir, "risk", &cert, why), ERR_NOT_FOUND);
    ck_assert(strstr(why, "risk.cert_secret") != NULL && strstr(why, "remove its public half") != NULL);
    ck_assert_ptr_null(cert);
    ck_assert_int_eq(unlink(file("risk.cert")), 0);
    ck_assert_int_eq(certs_load(dir, "risk", &cert, why), ERR_NOT_FOUND);
    ck_assert(strstr(why, "remove") == NULL && strstr(why, "enigma keys") != NULL);
    ck_assert_int_eq(certs_make(dir, why), 1);
    ck_assert_int_eq(certs_public(dir, "risk", after, why), ERR_OK);
    ck_assert_str_ne(after, before);
    leave();
}
END_TEST

START_TEST(refuses_a_secret_that_others_may_read_and_one_of_somebody_else)
{
    zcert_t *cert = NULL;
    enter();
    ck_assert_int_eq(chmod(file("risk.cert_secret"), 0640), 0);
    ck_assert_int_eq(certs_load(dir, "risk", &cert, why), ERR_PERMISSION);
    ck_assert(strstr(why, "chmod 600") != NULL);
    char own[128];
    strcpy(own, file("risk.cert_secret"));
    ck_assert_int_eq(rename(file("data.cert_secret"), own), 0);
    ck_assert_int_eq(certs_load(dir, "risk", &cert, why), ERR_CORRUPT);
    ck_assert(strstr(why, "not a certificate of risk") != NULL);
    ck_assert_ptr_null(cert);
    leave();
}
END_TEST

TESTS("certs", makes_what_is_missing_once_and_keeps_secrets_to_the_owner,
      a_missing_public_half_is_made_again_from_its_secret,
      a_missing_secret_half_is_not_replaced_behind_the_back_of_those_who_know_the_public_one,
      refuses_a_secret_that_others_may_read_and_one_of_somebody_else)
