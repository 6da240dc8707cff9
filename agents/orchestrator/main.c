/* orchestrator - decides what state the system is in, and sees to it that everybody is there.
 *
 * Hears:   agent.hb, signal.state, health.degraded, emergency.stop, task.*, account.updated,
 *          position.opened, position.closed; requests agent.register, operator.command, config.reload
 * Says:    state.unified (every 500 ms and on each change), operator.command, emergency.stop, task.dead,
 *          config.proposed, config.committed
 * Keeps:   the state machine's state, the operator's last word, open tasks; in its journal, with a
 *          readable copy in Redis and state.json
 * If lost: nothing changes state; trading goes on under what was last said, entries stop when the
 *          others miss it; restarted, it holds trading until all agents show that they are ready
 */
#include "agents/orchestrator/orchestrator.h"

static const struct route routes[] = {
    {MSG_AGENT_HB, orch_on_heartbeat},
    {MSG_SIGNAL_STATE, orch_on_signal_state},
    {MSG_HEALTH_DEGRADED, orch_on_degraded},
    {MSG_EMERGENCY_STOP, orch_on_emergency},
    {MSG_TASK, orch_on_task},
    {MSG_ACCOUNT_UPDATED, orch_on_account},
    {MSG_POSITION_OPENED, orch_on_opened},
    {MSG_POSITION_CLOSED, orch_on_closed},
    {MSG_CONFIG_PROPOSED, orch_on_proposed},
    ROUTES_END
};

static const struct route requests[] = {
    {MSG_AGENT_REGISTER, orch_on_register},
    {MSG_OPERATOR_COMMAND, orch_on_command},
    {MSG_CONFIG_RELOAD, orch_on_reload},
    ROUTES_END
};

int main(int argc, char **argv)
{
    static struct orchestrator state;
    const struct agent_def def = {
        .id = AGENT_ORCHESTRATOR, .routes = routes, .requests = requests, .state = &state,
        .init = orch_init, .load = orch_load, .note = orch_note, .start = orch_start,
        .save = orch_save, .counters = orch_counters, .drain = orch_drain, .fini = orch_fini,
        .configured = orch_configured,
    };
    return agent_main(&def, argc, argv);
}
