/* signer - the child process that alone holds the API secret.
 *
 * signer_fork() must be called before any thread or ZeroMQ context exists: in main(), first of all.  The
 * child lives as long as its socketpair: parent gone, child gone; child gone, signer_fd() is readable at its
 * end and the parent must go too.
 * A request is one round trip, at most SIGNER_WAIT_MS.
 *
 * Errors:  ERR_CONFIG (key file), ERR_REFUSED (policy.h), ERR_DOWN, ERR_TIMEOUT, ERR_SIZE; `why` says more.
 * Memory:  one per process, static.   Threads: the loop's thread only.
 */
#ifndef AGENTS_EXECUTION_SIGNER_H
#define AGENTS_EXECUTION_SIGNER_H

#include "agents/execution/policy.h"
#include "libagent/venue.h"

#define SIGNER_WAIT_MS 500
#define SIGNER_WHY_MAX 160

int signer_fork(void);          /* ERR_DOWN */
int signer_fd(void);

/* Read the key file and be ready: the present directory is the instance's.  mode "paper" or "live". */
int signer_open(const char *key_file, const char *mode, const char *rest_url, char why[SIGNER_WHY_MAX]);
/* The headers of a request; returns how many. */
int signer_sign(const struct policy_request *r, char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX],
                char why[SIGNER_WHY_MAX]);

#endif
