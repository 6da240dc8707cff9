/* signal - reads the market's closed bars and says what it would trade.
 *
 * Hears:   market.candle.*, market.contract.*, position.closed; asks data for history
 * Says:    signal.generated (every fired signal, ranked within its close), signal.state (the miner),
 *          unified.lighthouse on its edges
 * Keeps:   each symbol's strategies (the chosen ones of libagent/core/strategies.def), the ranker's history,
 *          CASCADE, counts of the funnel
 * If lost: no new signals; restarted, it goes on with the bar where it stopped and feeds what it missed
 *          as history, which never fires
 */
#include "agents/signal/state.h"

/* Its terms do not matter to a strategy that knows bars alone. */
static void on_contract(struct agent *a, const struct event *e)
{
    (void)a;
    (void)e;
}

static const struct route routes[] = {
    {MSG_MARKET_CANDLE, signals_on_candle},
    {MSG_MARKET_CONTRACT, on_contract},
    {MSG_POSITION_CLOSED, signals_on_position_closed},
    ROUTES_END
};

int main(int argc, char **argv)
{
    static struct signals state;
    const struct agent_def def = {
        .id = AGENT_SIGNAL, .routes = routes, .state = &state,
        .init = signals_init, .load = signals_load, .note = signals_note, .start = signals_start,
        .warm = signals_warm, .save = signals_save, .counters = signals_counters, .fini = signals_fini,
        .configured = signals_configured,
    };
    return agent_main(&def, argc, argv);
}
