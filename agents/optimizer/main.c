/* optimizer - tests the live parameters on what the market did, away from the order path.
 *
 * Hears:   tasks from the queue; market.contract; bars by asking data
 * Says:    optimizer.result, task.taken, task.done, task.failed
 * Keeps:   results in knowledge-bank/backtests; nothing the system needs
 * If lost: its task comes back by the lease; trading is not touched
 */
#include "agents/optimizer/optimizer.h"

static const struct route routes[] = {
    {MSG_MARKET_CONTRACT, opt_on_contract},
    ROUTES_END
};

int main(int argc, char **argv)
{
    static struct optimizer state;
    const struct agent_def def = {
        .id = AGENT_OPTIMIZER, .routes = routes, .state = &state, .init = opt_init, .start = opt_start,
        .counters = opt_counters, .fini = opt_fini, .configured = opt_configured,
    };
    return agent_main(&def, argc, argv);
}
