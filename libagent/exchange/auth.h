/* auth - KuCoin's request signature (kucoin-futures 2): base64(HMAC-SHA256(secret, prehash)).
 *
 * prehash = timestamp + METHOD + request-target + body.  Key versions 2 and 3 sign alike, and both send
 * the passphrase as base64(HMAC-SHA256(secret, passphrase)).
 *
 * Errors:  none but a broken installation of libsodium (must).  Secrets are borrowed, never kept.
 * Threads: callable from anywhere.
 */
#ifndef LIBAGENT_EXCHANGE_AUTH_H
#define LIBAGENT_EXCHANGE_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#define AUTH_TEXT_MAX 45        /* base64 of 32 bytes with its NUL */

/* timestamp: decimal ms; target: path and query as sent; body may be NULL with len 0. */
void auth_sign(const char *secret, const char *timestamp, const char *method, const char *target,
               const void *body, size_t len, char ret[AUTH_TEXT_MAX]);
void auth_passphrase(const char *secret, const char *passphrase, char ret[AUTH_TEXT_MAX]);

/* Equal texts, in time that does not tell where they differ. */
bool auth_equal(const char *a, const char *b);

/* What percent-encoding stands for ('+' stays: the venue's clients sign it so); a malformed escape stays
 * as it is.  ret may be text itself; it needs strlen(text) + 1 bytes. */
void auth_percent_decode(const char *text, char *ret);

#endif
