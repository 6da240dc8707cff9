/* deadlock - agents that wait for one another in a circle.
 *
 * Each heartbeat names the questions its sender has had open for longest.  A circle of them, each open for
 * min_age_ms at least, cannot end by itself before their deadlines: the youngest is the one to fail, for
 * the others have waited longer.  Tasks wait for nobody: what ends theirs is their lease (queue.h).
 * Pure.
 */
#ifndef AGENTS_ORCHESTRATOR_DEADLOCK_H
#define AGENTS_ORCHESTRATOR_DEADLOCK_H

#include "agents/orchestrator/registry.h"

#define DEADLOCK_TEXT 160

struct deadlock {
    enum party who;             /* asked the youngest question */
    char id[40];                /* of it */
    char text[DEADLOCK_TEXT];   /* "signal waits for data, data waits for signal" */
};

bool deadlock_find(const struct registry *r, int64_t min_age_ms, struct deadlock *ret);

#endif
