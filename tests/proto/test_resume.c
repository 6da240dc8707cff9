#include <sodium.h>
#include <string.h>

#include "proto/err.h"
#include "proto/resume.h"
#include "tests/runner.h"

static uint8_t secret[TOKEN_SECRET], public_key[TOKEN_PUBLIC], signature[RESUME_SIGNATURE];
static struct resume r;

static void fresh(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    crypto_sign_keypair(public_key, secret);
    r = (struct resume){.issued_ns = 1800000000000000000, .account = {1, 2, 3}, .reason = "the venue is back"};
    resume_sign(&r, secret, signature);
}

START_TEST(accepts_what_the_operator_signed)
{
    fresh();
    ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_OK);
    memset(r.reason + strlen(r.reason) + 1, 'x', 3);        /* what follows the text is not signed, nor read */
    ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_OK);
}
END_TEST

START_TEST(refuses_another_time_account_reason_or_key)
{
    fresh();
    r.issued_ns++;
    ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_AUTH);
    fresh();
    r.account[15] ^= 1;
    ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_AUTH);
    fresh();
    r.reason[0] = 'T';
    ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_AUTH);
    fresh();
    public_key[0] ^= 1;
    ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_AUTH);
}
END_TEST

START_TEST(refuses_every_single_bit_changed_in_the_signature)
{
    fresh();
    for (int bit = 0; bit < 8 * RESUME_SIGNATURE; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_AUTH);
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

START_TEST(what_was_signed_for_a_reload_resumes_nothing_and_the_other_way_round)
{
    fresh();
    r.reload = true;
    ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_AUTH);
    resume_sign(&r, secret, signature);
    ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_OK);
    r.reload = false;
    ck_assert_int_eq(resume_verify(&r, signature, public_key), ERR_AUTH);
}
END_TEST

TESTS("resume", what_was_signed_for_a_reload_resumes_nothing_and_the_other_way_round, accepts_what_the_operator_signed, refuses_another_time_account_reason_or_key,
      refuses_every_single_bit_changed_in_the_signature)
