/* lease - an agent's signed word that it lives and watches: what the signer wants to hear before it signs an entry.
 *
 * Made and read on one machine during one boot (the boot id says so): a structure of fixed layout in the machine's
 * own byte order, without padding, and one clock, CLOCK_BOOTTIME, which nobody sets.  It is worth something for so
 * long after issued_ns; a lease that is not younger than the last one is a copy and says nothing new.
 * Signed is "ENIGMA-LEASE-v1" and all before the signature.
 *
 * Errors:  ERR_SYNTAX, ERR_RANGE, ERR_AUTH.  Whose account, boot and time it is are the caller's to compare.
 * Memory:  values.   Threads: pure functions, but for libsodium, which they initialise.
 */
#ifndef PROTO_LEASE_H
#define PROTO_LEASE_H

#include "proto/token.h"

#define LEASE_TRADING 1u        /* of the orchestrator: entries may be made */
#define LEASE_FLAGS   1u

struct lease {
    char magic[4];
    uint8_t party, mode, flags, zero;   /* enum party, enum token_mode */
    uint8_t account[16], boot_id[16];   /* token_account */
    int64_t issued_ns;                  /* when what it says was true; CLOCK_BOOTTIME */
    uint8_t signature[64];
};
_Static_assert(sizeof(struct lease) == 112, "no padding");

/* Fills magic and signature. */
void lease_sign(struct lease *l, const uint8_t secret[TOKEN_SECRET]);
int  lease_verify(const struct lease *l, const uint8_t public_key[TOKEN_PUBLIC]);

#endif
