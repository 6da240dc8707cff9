/* record - what a backtest is measured by: its trades, orders, equity at the end of each day, and
 * what each sub-signal said before the next primary bar; then the figures of core/metrics.h.
 *
 * Trades' nets are fractions of their notional where there is no account, else quote currency.
 * Memory: the record's, record_free.  Threads: one.
 */
#ifndef DEPLOY_CLI_RECORD_H
#define DEPLOY_CLI_RECORD_H

#include "libagent/core/backtest.h"
#include "libagent/core/metrics.h"

struct record {
    struct metrics_trade *trades;
    struct metrics_order *orders;
    struct metrics_mark *marks;
    size_t n_trades, n_orders, n_marks, room_trades, room_orders, room_marks;
    struct metrics_accuracy accuracy;
    bool account;
    struct record_bar {
        struct score score;
        double close;
        int64_t start_ns; /* 0: none yet */
    } bar[BACKTEST_SYMBOLS_MAX];
};

/* All of r zero.  Let the setup tell it what ends. */
void record_listen(struct record *r, struct backtest_setup *s);
/* After each step. */
void record_step(struct record *r, const struct backtest *b);
/* Between two runs of one symbol each: other bars follow. */
void record_next_run(struct record *r);
void record_measure(const struct record *r, int64_t now_ns, struct metric ret[METRIC_ID_COUNT]);
void record_free(struct record *r);

#endif
