/* breaker - circuit breaker: after repeated failures, leave the other end alone for a while.
 *
 *             BREAKER_FAILURES in a row              open_ns over, someone asks
 *    CLOSED ----------------------------> OPEN ----------------------------------> HALF_OPEN
 *      ^                                   ^                                          |  |
 *      |                                   +------------- the probe failed -----------+  |
 *      +--------------------------------------- the probe succeeded ---------------------+
 *
 * CLOSED     everything passes
 * OPEN       nothing passes
 * HALF_OPEN  one probe is under way; nothing else passes.  A probe that is never answered counts as
 *            failed after another open_ns.
 *
 * Time:    any monotonic clock's ns.   Threads: pure functions of their arguments.
 */
#ifndef LIBAGENT_BREAKER_H
#define LIBAGENT_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 5
#define BREAKER_OPEN_MS  60000     /* the preset of open_ns */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_STATES };

struct breaker {
    enum breaker_state state;
    int failures;               /* in a row, while CLOSED */
    int64_t since_ns;           /* when the state began */
    int64_t open_ns;            /* how long it stays open; may be set after breaker_init */
    int64_t opened;             /* how often */
};

void breaker_init(struct breaker *b, int64_t now_ns);
/* May this request go out?  True in HALF_OPEN exactly once, for the probe: it must be reported. */
bool breaker_allow(struct breaker *b, int64_t now_ns);
/* One that goes out in any state, spaced by its own rule: an open breaker takes it for its probe. */
void breaker_probe(struct breaker *b, int64_t now_ns);
/* Each request that was allowed ends in one of these. */
void breaker_success(struct breaker *b, int64_t now_ns);
void breaker_failure(struct breaker *b, int64_t now_ns);
const char *breaker_state_name(enum breaker_state s);   /* "CLOSED", "OPEN", "HALF_OPEN" */

#endif
