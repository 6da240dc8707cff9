/* guards - who must be heard for entries to be signed: risk, data, the orchestrator and audit, by their leases.
 *
 * A lease counts from when it was issued, not from when it came.  One of another account, mode or boot, from the
 * future, with another key's signature, or not younger than the last one, is as if it had not come.  The silence of
 * one that was not heard yet counts from since_ns.
 *
 * Memory:  one struct, the caller's, who fills what is not `of`.   Threads: one; pure but for libsodium.
 */
#ifndef AGENTS_EXECUTION_GUARDS_H
#define AGENTS_EXECUTION_GUARDS_H

#include "libagent/leases.h"

#define GUARDS_WHY_MAX 80

struct guards {
    enum token_mode mode;
    uint8_t account[16], boot_id[16];
    double scale;               /* on the times of libagent/timers.h: 0 < scale <= 1 */
    int64_t since_ns;           /* CLOCK_BOOTTIME, as all times here */
    struct guard {
        bool known;             /* its key is */
        uint8_t key[TOKEN_PUBLIC], flags;
        int64_t issued_ns;      /* 0: not heard yet */
    } of[AGENT_COUNT];
};

/* LOST: risk or the orchestrator has been silent for LEASE_LOST_MS. */
enum guards_state { GUARDS_FINE, GUARDS_LAPSED, GUARDS_LOST };

void guards_hear(struct guards *g, const struct lease *l, int64_t now_ns);
/* why: who is silent, when it is not FINE: the first of those in the worst state. */
enum guards_state guards_state(const struct guards *g, int64_t now_ns, char why[GUARDS_WHY_MAX]);
bool guards_trading(const struct guards *g);    /* the orchestrator says so */
bool guards_known(const struct guards *g);      /* the keys of all of them are */

#endif
