/* beats - the four guards that entries need, for tests and tools that run execution without them.
 *
 * The present directory is the instance's, with etc/keys/ and sock/.  What they say is what the agents say
 * (libagent/leases.h), with the same keys.
 */
#ifndef TESTS_AGENTS_EXECUTION_BEATS_H
#define TESTS_AGENTS_EXECUTION_BEATS_H

#include "libagent/leases.h"
#include "proto/err.h"

static const enum party beats_of[] = {AGENT_RISK, AGENT_DATA, AGENT_ORCHESTRATOR, AGENT_AUDIT};
static struct leases beats[AGENT_COUNT];

static inline void beats_open(const char *mode, const char *rest_url)
{
    char why[SIGNKEY_WHY_MAX];
    for (int i = 0; i < 4; i++)
        must(leases_open(beats_of[i], mode, rest_url, &beats[beats_of[i]], why) == ERR_OK);
}

static inline void beats_close(void)
{
    for (int i = 0; i < 4; i++)
        leases_close(&beats[beats_of[i]]);
}

/* One beat of each but one (AGENT_COUNT: of all); they trade. */
static inline void beats_say_but(enum party silent)
{
    for (int i = 0; i < 4; i++)
        if (beats_of[i] != silent)
            leases_say(&beats[beats_of[i]], beats_of[i] == AGENT_ORCHESTRATOR ? LEASE_TRADING : 0, 0);
}

static inline void beats_say(void) { beats_say_but(AGENT_COUNT); }

#endif
