/* data - the market as the system sees it: checked, in order, in market time.
 *
 * Hears:   the venue's REST and streams; requests data.candles
 * Says:    market.candle (closed bars), market.contract, market.clock; market.book, market.ticker,
 *          market.mark, market.funding (newest wins); emergency.stop when the stream is down too long
 * Keeps:   closed bars in knowledge-bank/candles; books in memory
 * If lost: prices go stale and entries stop; protective stops rest at the exchange; restarted, it fills
 *          the gap before it says ready
 */
#include "agents/data/agent.h"

static const struct route routes[] = {ROUTES_END};

static const struct route requests[] = {
    {MSG_CANDLES_GET, candles_on_get},
    ROUTES_END
};

int main(int argc, char **argv)
{
    static struct data state;
    const struct agent_def def = {
        .id = AGENT_DATA, .routes = routes, .requests = requests, .state = &state, .init = data_init,
        .start = data_start, .warm = data_warm, .counters = data_counters, .fini = data_fini,
        .configured = data_configured,
    };
    return agent_main(&def, argc, argv);
}
