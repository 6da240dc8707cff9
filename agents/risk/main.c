/* risk */
#include "libagent/agent.h"

static const struct route routes[] = {ROUTES_END};

int main(int argc, char **argv)
{
    const struct agent_def def = {.id = AGENT_RISK, .routes = routes};
    return agent_main(&def, argc, argv);
}
