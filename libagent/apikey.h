/* apikey - the file of an account's API key, and the headers it makes.
 *
 * `name = value` lines: key, secret, passphrase.  Read by execution's signer and by enigma-kill, nobody else.
 * Errors:  ERR_NOT_FOUND, ERR_CONFIG; `why` names the file.
 * Memory:  values; whoever holds one zeroes it.   Threads: any.
 */
#ifndef LIBAGENT_APIKEY_H
#define LIBAGENT_APIKEY_H

#include <stddef.h>

#include "libagent/venue.h"

#define APIKEY_TEXT    80
#define APIKEY_WHY_MAX 160
#define APIKEY_PAPER   "etc/keys/paper-account.conf"
#define APIKEY_LIVE    "etc/keys/live-account.conf"

struct apikey {
    char key[APIKEY_TEXT], secret[APIKEY_TEXT], passphrase[APIKEY_TEXT];
};

int apikey_read(const char *path, struct apikey *ret, char why[APIKEY_WHY_MAX]);
/* The headers of a request signed now; returns how many. */
int apikey_headers(const struct apikey *k, const char *method, const char *target, const void *body, size_t len,
                   char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX]);

#endif
