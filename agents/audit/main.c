/* audit - the memory of the system: every message that matters, exactly once and in order.
 *
 * Hears:   all durable topics; health.degraded; agent.hb (counted); requests audit.summary, audit.trades
 * Says:    health.degraded when an invariant does not hold
 * Keeps:   the archive, which is its journal; the ledger, rebuilt from it
 * If lost: publishers keep what it has not heard; restarted, it fetches all of it
 */
#include "agents/audit/audit.h"

static const struct route routes[] = {
    {MSG_AGENT_HB, audit_on_heartbeat},
    {MSG_HEALTH_DEGRADED, audit_on_message},
    {MSG_EMERGENCY_STOP, audit_on_message},
    {MSG_OPERATOR_COMMAND, audit_on_message},
    {MSG_CONFIG_PROPOSED, audit_on_message},
    {MSG_CONFIG_COMMITTED, audit_on_message},
    {MSG_TASK, audit_on_message},
    {MSG_SIGNAL_GENERATED, audit_on_message},
    {MSG_LIGHTHOUSE, audit_on_message},
    {MSG_RISK_APPROVED, audit_on_message},
    {MSG_RISK_REJECTED, audit_on_message},
    {MSG_ORDER_PLACED, audit_on_message},
    {MSG_ORDER_FILLED, audit_on_message},
    {MSG_ORDER_REJECTED, audit_on_message},
    {MSG_ORDER_CANCELLED, audit_on_message},
    {MSG_ORDER_EXPIRED, audit_on_message},
    {MSG_ORDER_UNKNOWN, audit_on_message},
    {MSG_POSITION_OPENED, audit_on_message},
    {MSG_POSITION_CLOSING, audit_on_message},
    {MSG_POSITION_CLOSED, audit_on_message},
    {MSG_STOP_MOVED, audit_on_message},
    {MSG_ACCOUNT_UPDATED, audit_on_message},
    {MSG_OPTIMIZER_RESULT, audit_on_message},
    ROUTES_END
};

static const struct route requests[] = {
    {MSG_SUMMARY_GET, audit_on_summary},
    {MSG_TRADES_GET, audit_on_trades},
    ROUTES_END
};

int main(int argc, char **argv)
{
    static struct audit state;
    const struct agent_def def = {
        .id = AGENT_AUDIT, .routes = routes, .requests = requests, .state = &state, .archive = NOTE_MESSAGE,
        .init = audit_init,
        .load = audit_load, .note = audit_note, .save = audit_save, .start = audit_start,
        .configured = audit_configured,
        .counters = audit_counters, .fini = audit_fini,
    };
    return agent_main(&def, argc, argv);
}
