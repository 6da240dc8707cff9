/* questions - asks audit agent.status QUESTIONS times, one after the other, and ends with 0 when each was
 * answered.  As risk, on the real skeleton. */
#include <stdio.h>
#include <stdlib.h>

#include "libagent/agent.h"

struct questions {
    long left;
};

static void ask(struct agent *a);

static void on_answered(struct agent *a, void *arg, int err, const struct event *e)
{
    struct questions *q = arg;
    if (err < 0 || e->type != MSG_AGENT_STATUS_REPLY) {
        agent_fail(a, "a question was not answered");
        return;
    }
    if (--q->left > 0)
        ask(a);
    else
        agent_restart(a, "all were answered");
}

static void ask(struct agent *a)
{
    static const struct msg_agent_status question;
    agent_request(a, AGENT_AUDIT, MSG_AGENT_STATUS, &question, 10000, on_answered, agent_state(a));
}

int main(int argc, char **argv)
{
    static struct questions q;
    static const struct route none[] = {ROUTES_END};
    const char *count = getenv("QUESTIONS");
    q.left = count != NULL ? strtol(count, NULL, 10) : 10;
    const struct agent_def def = {.id = AGENT_RISK, .routes = none, .state = &q, .start = ask};
    return agent_main(&def, argc, argv);
}
