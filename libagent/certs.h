/* certs - the CURVE certificates of an instance: who is who on the bus.
 *
 * DIR/NAME.cert (public) and DIR/NAME.cert_secret (mode 0600), czmq's format, with the metadata
 * name = NAME, which the broker finds on each message part.  NAME is any of enum party: the seven agents,
 * broker, operator, guest.
 *
 * Errors:  negative enum err, with a text for people that names the file and the mend.
 */
#ifndef LIBAGENT_CERTS_H
#define LIBAGENT_CERTS_H

#include <stddef.h>

#include <czmq.h>

#define CERTS_DIR     "etc/keys"
#define CERTS_WHY_MAX 256

/* Make those that are missing; safe when several processes do it at once.  Returns how many. */
int certs_make(const char *dir, char why[CERTS_WHY_MAX]);
/* Both halves of one's own; the caller destroys it with zcert_destroy. */
int certs_load(const char *dir, const char *name, zcert_t **ret, char why[CERTS_WHY_MAX]);
/* The public key of another, Z85 text. */
int certs_public(const char *dir, const char *name, char ret[41], char why[CERTS_WHY_MAX]);

#endif
