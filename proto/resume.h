/* resume - the operator's signed word: one that ends an emergency stop, one that has a limit loosened.
 *
 * Anybody may stop; only who holds the operator's key may let entries be made again.  The signer checks it by
 * itself, so that no agent can resume in the operator's name.  Signed are "ENIGMA-RESUME-v1" ("ENIGMA-RELOAD-v1":
 * neither is taken for the other), the time, the account and the reason: a record of yesterday, or of another
 * account, ends no stop of today.
 *
 * Errors:  ERR_AUTH.   Memory: values.   Threads: pure functions, but for libsodium, which they initialise.
 */
#ifndef PROTO_RESUME_H
#define PROTO_RESUME_H

#include <stdbool.h>

#include "proto/token.h"

#define RESUME_SIGNATURE 64

struct resume {
    int64_t issued_ns;          /* UTC */
    uint8_t account[16];        /* token_account */
    char reason[96];            /* of a reload: the hash of the bytes meant */
    bool reload;
};

void resume_sign(const struct resume *r, const uint8_t secret[TOKEN_SECRET], uint8_t ret[RESUME_SIGNATURE]);
int  resume_verify(const struct resume *r, const uint8_t signature[RESUME_SIGNATURE],
                   const uint8_t public_key[TOKEN_PUBLIC]);

#endif
