/* tasks - see tasks.h */
#include <string.h>

#include "proto/err.h"

#include "agents/orchestrator/tasks.h"

struct task_entry *tasks_find(struct tasks *t, const char *id)
{
    for (size_t i = 0; i < TASKS_OPEN_MAX && *id != '\0'; i++)
        if (strcmp(t->open[i].id, id) == 0)
            return &t->open[i];
    return NULL;
}

int tasks_add(struct tasks *t, const struct task_entry *task)
{
    if (tasks_find(t, task->id) != NULL)
        return ERR_DUPLICATE;
    for (size_t i = 0; i < TASKS_OPEN_MAX; i++) {
        if (t->open[i].id[0] != '\0')
            continue;
        t->open[i] = *task;
        t->n++;
        return ERR_OK;
    }
    return ERR_FULL;
}

void tasks_done(struct tasks *t, const char *id)
{
    struct task_entry *e = tasks_find(t, id);
    if (e == NULL)
        return;
    *e = (struct task_entry){.id = ""};
    t->n--;
}
