/* trade_config - the limits and exits that a configuration chooses: the same for risk, execution, the optimizer and a
 * backtest.
 *
 * Units:   percent of the configuration become fractions of the core here and nowhere else.
 * Always:  the hard stop has no key; an emergency's close asks no rule.
 */
#ifndef LIBAGENT_TRADE_CONFIG_H
#define LIBAGENT_TRADE_CONFIG_H

#include "libagent/config.h"
#include "libagent/core/exits.h"
#include "libagent/core/risk.h"

/* NULL, or the name of the first limit that is out of range or contradicts another. */
const char *limits_from_config(const struct config *c, struct risk_limits *ret);
void exits_from_config(const struct config *c, struct exit_params *ret);

#endif
