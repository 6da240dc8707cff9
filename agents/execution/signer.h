/* signer - the child process that alone holds the API secret.
 *
 * signer_fork() must be called before any thread or ZeroMQ context exists: in main(), first of all.  It makes the
 * price witness too (witness.h).  The child lives as long as its socketpair: parent gone, child gone; child gone,
 * signer_fd() is readable at its end and the parent must go too.
 * A request is one round trip, at most SIGNER_WAIT_MS.
 *
 * The child has no network and opens no file once it has read its keys (confine.h).  Every body is written there,
 * from parameters (body.h); those of an entry are compared with the token.  No entry is signed while the STOP file
 * is there or cannot be asked for, nor after a stop until the operator's signed resume: that and the tokens used are
 * on disk (signlog.h) and outlive it.  Nor while a guard is silent or the orchestrator's lease does not say TRADING
 * (guards.h): the child alone reads the socket of the leases.
 *
 * Errors:  ERR_CONFIG (key file), ERR_REFUSED (policy.h), ERR_AUTH (a resume), ERR_DOWN, ERR_TIMEOUT, ERR_SIZE;
 *          `why` says more.
 * Memory:  one per process, static.   Threads: the loop's thread only.
 */
#ifndef AGENTS_EXECUTION_SIGNER_H
#define AGENTS_EXECUTION_SIGNER_H

#include "agents/execution/confine.h"
#include "agents/execution/guards.h"
#include "agents/execution/policy.h"
#include "libagent/venue.h"
#include "proto/resume.h"

#define SIGNER_WAIT_MS 2000        /* a slow disk is no reason to end */
#define SIGNER_WHY_MAX 160
#define SIGNER_LOG     "journal/signer.log"

int signer_fork(void);          /* ERR_DOWN */
/* The same beside a witness that is there already: its messages (witness.h) arrive on witness_fd, which is taken. */
int signer_fork_beside(int witness_fd);
int signer_fd(void);

/* What signer_open takes along: the limits, whom to become when started as root (0: nobody else), and the
 * configuration's timer_scale. */
void signer_setup(const struct policy_limits *limits, uint32_t uid, double timer_scale);
/* Another configuration is in force: tokens must be of its hash from now on.  ERR_REFUSED, and nothing is changed,
 * when a limit is looser than before, unless everything is stopped. */
int signer_config(const struct policy_limits *limits, char why[SIGNER_WHY_MAX]);
/* Read the key file and be ready: the present directory is the instance's.  mode "paper" or "live".  Once: what
 * was opened stays (ERR_WRONG_STATE). */
int signer_open(const char *key_file, const char *mode, const char *rest_url, char why[SIGNER_WHY_MAX]);
/* What is in force of confine.h, as of the last answer. */
struct confined signer_confined(void);
/* Where the price witness looks; after signer_open. */
int signer_watch(const char *base_url, const char *const *symbols, size_t n);
/* Who guards entries, as of now: enum guards_state. */
int signer_guards(char why[SIGNER_WHY_MAX]);
/* The headers of a request; returns how many.  The request's own bytes are not looked at. */
int signer_sign(const struct policy_request *r, char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX],
                char why[SIGNER_WHY_MAX]);
/* No entry from now on, until signer_resume.  Twice is as once. */
int signer_stop(char why[SIGNER_WHY_MAX]);
/* ERR_AUTH unless signed by the operator, for this account, after the stop. */
int signer_resume(const struct resume *r, const uint8_t signature[RESUME_SIGNATURE], char why[SIGNER_WHY_MAX]);

#endif
