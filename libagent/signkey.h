/* signkey - an Ed25519 key on disk: DIR/NAME.sign, readable by its owner alone, and DIR/NAME.sign.pub for all.
 *
 * risk signs approvals with its own, the operator signs the resume after an emergency, the guards of entries sign
 * their leases.  One line of hexadecimal digits each.
 * Errors:  ERR_PERMISSION when others may read the secret, ERR_CORRUPT, ERR_NOT_FOUND, ERR_IO; `why` says more.
 */
#ifndef LIBAGENT_SIGNKEY_H
#define LIBAGENT_SIGNKEY_H

#include <stdint.h>

#include "proto/token.h"

#define SIGNKEY_WHY_MAX 256
#define SIGNKEY_DIR     "etc/keys"      /* of an instance */

/* Made when it is not there. */
int signkey_load(const char *dir, const char *name, uint8_t secret[TOKEN_SECRET], char why[SIGNKEY_WHY_MAX]);
int signkey_public(const char *dir, const char *name, uint8_t ret[TOKEN_PUBLIC]);

#endif
