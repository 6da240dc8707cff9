/* tasks - the orchestrator's journalled memory of the tasks in the queue.
 *
 * A task is journalled before it goes to Redis, and again when it is done; what is not done is added
 * again when Redis comes up empty (adding is idempotent by id).
 * Pure bookkeeping: no Redis here.
 */
#ifndef AGENTS_ORCHESTRATOR_TASKS_H
#define AGENTS_ORCHESTRATOR_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/enums.h"

#define TASKS_OPEN_MAX 256

struct task_entry {
    char id[40];                /* empty: free */
    char kind[32];
    char detail[200];
    int32_t priority;           /* enum priority */
    int32_t attempt;
};

struct tasks {
    struct task_entry open[TASKS_OPEN_MAX];
    size_t n;
};

/* ERR_FULL; ERR_DUPLICATE. */
int  tasks_add(struct tasks *t, const struct task_entry *task);
struct task_entry *tasks_find(struct tasks *t, const char *id);
void tasks_done(struct tasks *t, const char *id);

#endif
