/* summary - the one line that says how a run went.
 *
 * Orders, fills and positions are counted from the paper exchange's own history, the rest from audit's
 * archive, state and errors from the bus; of this run only (since since_ns, wall time).
 * healthy: all agents active, no unplanned restart, no open gap, the account equals the books, every
 * position stopped.  What cannot be determined makes it false, with the reason.
 */
#ifndef DEPLOY_CLI_SUMMARY_H
#define DEPLOY_CLI_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "deploy/cli/client.h"

#define SUMMARY_WHY_MAX 512

struct summary {
    int64_t since_ns;
    bool healthy;
    char why_not[SUMMARY_WHY_MAX];      /* reasons, separated by "; " */
    char state[24];
    double uptime_s;
    int64_t orders_placed, fills, positions_opened, positions_closed, wins;
    dec_t equity, net_pnl, fees;
    int64_t errors;
    struct msg_summary audit;
    bool audit_known;
};

void summary_collect(struct summary *s, struct client *c);
void summary_print(const struct summary *s);
/* Pure: the exchange's truth into the counts; open positions without a resting closing stop into the
 * reasons. */
void summary_truth(struct summary *s, const json_t *truth);
/* Pure: execution's open positions against the exchange's; differences into the reasons. */
void summary_books(struct summary *s, const struct msg_positions *books, const json_t *truth);

#endif
