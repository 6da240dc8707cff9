/* risk - the gatekeeper: nothing is entered without its approval.
 *
 * Hears:   signal.generated, order.*, position.*, account.updated, stop.moved, operator.command,
 *          emergency.stop, state.unified, market.*; asks data for hourly closes, execution for its positions;
 *          answers execution.positions with its own view
 * Says:    risk.approved (signed, for seconds) or risk.rejected, exactly one for each signal; emergency.stop
 * Keeps:   account, positions, reservations, the day's loss, the streak, rests, pauses, answers given
 * If lost: no entries; exits and stops do not need it.  Restarted, it knows what it had answered, and
 *          entries wait until its positions are execution's
 */
#include "agents/risk/state.h"

static const struct route routes[] = {
    {MSG_SIGNAL_GENERATED, risk_on_signal},
    {MSG_SIGNAL_STATE, risk_on_signal_state},
    {MSG_ACCOUNT_UPDATED, risk_on_account},
    {MSG_ORDER_PLACED, risk_on_order},
    {MSG_ORDER_FILLED, risk_on_order},
    {MSG_ORDER_REJECTED, risk_on_order},
    {MSG_ORDER_CANCELLED, risk_on_order},
    {MSG_ORDER_EXPIRED, risk_on_order},
    {MSG_ORDER_UNKNOWN, risk_on_order},
    {MSG_POSITION_OPENED, risk_on_position},
    {MSG_POSITION_CLOSING, risk_on_position},
    {MSG_POSITION_CLOSED, risk_on_position},
    {MSG_STOP_MOVED, risk_on_stop_moved},
    {MSG_OPERATOR_COMMAND, risk_on_command},
    {MSG_EMERGENCY_STOP, risk_on_emergency},
    {MSG_STATE_UNIFIED, risk_on_state},
    {MSG_MARKET_CONTRACT, risk_on_contract},
    {MSG_MARKET_BOOK, risk_on_book},
    {MSG_MARKET_TICKER, risk_on_ticker},
    {MSG_MARKET_MARK, risk_on_mark},
    {MSG_MARKET_FUNDING, risk_on_funding},
    {MSG_MARKET_CANDLE, risk_on_candle},
    ROUTES_END
};

static const struct route requests[] = {
    {MSG_POSITIONS_GET, risk_on_positions},
    ROUTES_END
};

int main(int argc, char **argv)
{
    static struct risk state;
    const struct agent_def def = {
        .id = AGENT_RISK, .routes = routes, .requests = requests, .state = &state,
        .init = risk_init, .load = risk_load, .note = risk_note, .start = risk_start, .warm = risk_warm,
        .save = risk_save, .counters = risk_counters, .configured = risk_configured,
    };
    return agent_main(&def, argc, argv);
}
