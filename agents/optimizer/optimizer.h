/* optimizer - what the modules of this agent share: a worker of the task queue. */
#ifndef AGENTS_OPTIMIZER_OPTIMIZER_H
#define AGENTS_OPTIMIZER_OPTIMIZER_H

#include "libagent/agent.h"
#include "libagent/core/backtest.h"
#include "libagent/queue.h"
#include "libagent/store.h"
#include "libagent/strategies_config.h"

#define OPT_BARS_MAX 4096

struct optimizer {
    struct agent *agent;
    struct store *store;
    struct queue *queue;
    struct loop_timer *timer;
    struct msg_market_contract contracts[CONFIG_LIST_MAX];
    bool taking, working;
    struct queue_task task;             /* payload not kept */
    char kind[32];
    /* of the configuration; of a probe, which is no rule to be tested, the score that runs along */
    struct backtest_setup setup;
    struct strategies_state *rules;
    /* the backtest under way */
    size_t symbol;                      /* index into the configured symbols */
    int leg;                            /* 0: confirm bars, 1: primary bars */
    int64_t next_ns;
    struct backtest_bar *bars;
    struct candle *confirm;
    size_t n_bars, n_confirm;
    struct backtest_result result;
    int64_t from_ns, to_ns;
    int64_t done, failed;
};

int  opt_init(struct agent *a, char why[CONFIG_WHY_MAX]);
void opt_configured(struct agent *a);
void opt_start(struct agent *a);
void opt_fini(struct agent *a);
void opt_on_contract(struct agent *a, const struct event *e);
size_t opt_counters(struct agent *a, struct sub_counter *ret, size_t max);

#endif
