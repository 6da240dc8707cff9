/* leases - how an agent tells the signer that it lives: proto/lease.h, twice a second, straight to a socket of the
 * instance.  Not over the bus, which may be dead; signed, so that execution's network part cannot make one.
 *
 * Saying never blocks and never fails: nobody there, or no room, is as if nothing was said.
 *
 * Errors:  as signkey.h, with a text in `why`.
 * Memory:  one struct, the caller's; the secret is in it.   Threads: one.
 */
#ifndef LIBAGENT_LEASES_H
#define LIBAGENT_LEASES_H

#include "libagent/signkey.h"
#include "proto/lease.h"

#define LEASES_SOCKET "sock/lease.sock"

struct leases {
    int fd;                     /* -1: says nothing */
    struct lease lease;         /* all but time, flags and signature */
    uint8_t secret[TOKEN_SECRET];
};

/* For how long one of this party is good; 0: entries need none of it. */
int64_t leases_life_ms(enum party who);

/* The present directory is the instance's; the party's key is made when it is not there.  leases_say says nothing
 * for a party of which none is needed. */
int  leases_open(enum party who, const char *mode, const char *rest_url, struct leases *ret, char why[SIGNKEY_WHY_MAX]);
void leases_say(struct leases *l, uint8_t flags, int64_t age_ns);  /* true so long ago */
void leases_close(struct leases *l);

#endif
