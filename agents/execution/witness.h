/* witness - a child of execution that reads the mark prices on a connection of its own.
 *
 * So that neither the data agent nor execution itself can move the collar that the signer checks.  It uses the
 * venue's public data only and holds no secret; what it hears goes to the signer through a socket pair that
 * nobody else has.  Contract terms by REST, marks by the public stream.  A worker that ends is started again by
 * the process that was forked, WITNESS_AGAIN_MS later; meanwhile the marks grow old and entries are refused.
 *
 * Threads: witness_fork before the first one of the process.
 */
#ifndef AGENTS_EXECUTION_WITNESS_H
#define AGENTS_EXECUTION_WITNESS_H

#include "agents/execution/policy.h"

#define WITNESS_SYMBOLS  64
#define WITNESS_AGAIN_MS 200

/* What it tells: one message for each mark. */
struct witness_told {
    char symbol[24];
    struct policy_mark mark;
};

/* ret: where its messages arrive, a SOCK_SEQPACKET that does not block.  ERR_DOWN. */
int witness_fork(int *ret);
/* Readable at its end when the forked process is gone: the parent must go too, nobody starts workers any more. */
int witness_fd(void);
/* Where to look; once.  ERR_SIZE, ERR_DOWN. */
int witness_open(const char *base_url, const char *const *symbols, size_t n);

#endif
