/* strategies_config - the strategies that a configuration chooses, with their parameters: the same for
 * the signal agent, a backtest, and whoever only checks the file.
 *
 * Keys:    strategy, strategy_params, ranking, primary_tf, confirm_tf; of the score strategy signal_min_score,
 *          signal_min_combined and signal_min_confidence, which strategy_params therefore refuses.
 * Errors:  ERR_CONFIG, with a text for people in `why`: source, value, what is wrong with it.
 */
#ifndef LIBAGENT_STRATEGIES_CONFIG_H
#define LIBAGENT_STRATEGIES_CONFIG_H

#include "libagent/config.h"
#include "libagent/core/strategies.h"

struct chosen_strategies {
    struct strategies strategies;
    bool probe;         /* the test strategy runs; it is the signal agent's own, score runs along silently */
    bool features;      /* the ranker orders the signals of one close; else the rank score does */
};

/* ret NULL: check only. */
int strategies_from_config(const struct config *c, struct chosen_strategies *ret, char why[CONFIG_WHY_MAX]);

#endif
