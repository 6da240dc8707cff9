/* execution - nothing but it talks to the venue's order API.
 *
 * Hears:   risk.approved, operator.command, emergency.stop, market.*
 * Says:    order.*, position.*, stop.moved, account.updated
 * Keeps:   orders, trades with their exits, fills seen; on disk before anything leaves
 * If lost: stops and targets stay at the venue; restarted, it reads the venue, protects what is bare at
 *          once, and enters again after two agreeing reads
 */
#include <stdio.h>

#include "agents/execution/exec.h"
#include "agents/execution/signer.h"

static const struct route routes[] = {
    {MSG_RISK_APPROVED, exec_on_approved},
    {MSG_OPERATOR_COMMAND, exec_on_command},
    {MSG_EMERGENCY_STOP, exec_on_emergency},
    {MSG_STATE_UNIFIED, exec_on_nothing},
    {MSG_MARKET_CANDLE, exec_on_candle},
    {MSG_MARKET_CONTRACT, exec_on_contract},
    {MSG_MARKET_TICKER, exec_on_ticker},
    {MSG_MARKET_BOOK, exec_on_nothing},
    {MSG_MARKET_MARK, exec_on_nothing},
    {MSG_MARKET_FUNDING, exec_on_nothing},
    ROUTES_END
};

static const struct route requests[] = {
    {MSG_POSITIONS_GET, exec_on_positions},
    {MSG_ORDERS_GET, exec_on_orders},
    ROUTES_END
};

int main(int argc, char **argv)
{
    static struct exec state;
    const struct agent_def def = {
        .id = AGENT_EXECUTION, .routes = routes, .requests = requests, .state = &state,
        .init = execution_init, .load = execution_load, .note = execution_note, .start = execution_start,
        .warm = execution_warm, .system_changed = execution_system, .save = execution_save,
        .counters = execution_counters, .drain = execution_drain, .fini = execution_fini,
        .configured = execution_configured,
    };
    if (signer_fork() < 0) {
        fprintf(stderr, "enigma-execution: the signer process could not be made\n");
        return 1;
    }
    return agent_main(&def, argc, argv);
}
