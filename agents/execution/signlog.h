/* signlog - what the signer must not forget: used tokens, stops, resumes.  One file, appended to only.
 *
 * Records of 64 bytes with a checksum, each on disk (fdatasync) before what it allows is done.  A torn last
 * record is cut: what it would have allowed was not done.  Damage before the end: ERR_CORRUPT, and the caller
 * takes it as a stop.  Who cannot write down a use must not sign: false, until there is room again; after a failed
 * fdatasync for good.
 *
 * Memory:  one struct, the caller's.   Threads: one.
 */
#ifndef AGENTS_EXECUTION_SIGNLOG_H
#define AGENTS_EXECUTION_SIGNLOG_H

#include "agents/execution/policy.h"

#define SIGNLOG_RECORD 64

struct signlog {
    int fd;
    bool failed, stop_kept;
    int64_t stopped_ns, resumed_ns;     /* the newest of each; stopped when stopped_ns > resumed_ns */
    uint32_t records;
};

/* Open or make it and tell each use it holds to policy_remember. */
int  signlog_open(const char *path, struct policy *p, struct signlog *ret);
bool signlog_use(struct signlog *l, const struct policy_used *u);
bool signlog_stop(struct signlog *l, int64_t now_ns);       /* in force at once; false: not on disk */
bool signlog_resume(struct signlog *l, int64_t issued_ns);
bool signlog_stopped(const struct signlog *l);

#endif
