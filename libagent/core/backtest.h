/* backtest - history through the very core that trades: strategies, ranker, risk decision, exits, fills.
 *
 * Two ways, by `account`:
 *   rule     the best signal of a symbol without a position is taken at its close, at one size; taker fee on both sides.
 *            It measures the rule: results are fractions of the notional.
 *   account  all symbols together, as they trade live: the signals of one close are ranked and each is put to
 *            risk_check(); what is approved rests at the ninth level until it is traded to in queue order or
 *            through, or order_ns have passed.
 * Both: core's exits_bar(), taker fee and the slippage of the exit parameters; what is open at the end is no trade.
 *
 * Path:     bars of path_ns, which divides primary_ns; primary bars are made from them.  Within a bar exits_bar()
 *           says which price came first; primary bars alone agree with minutes within 2 bp a trade
 *           (docs/decisions/0011).
 * Book:     files hold none.  Both sides are made from the close: best prices one tick apart, a level each
 *           level_gap of the price but at least a tick, on each the hundredth part of the bar's lots, which also
 *           stand before us.  A bar that just touches the limit traded its lots evenly over its ticks and its time.
 * Fill bar: after an entry's fill a bar may still go to its worst price and to its close, not to its best one,
 *           which may have been before.
 * Funding:  at each settlement what is open then pays or receives its rate on the value at the price before;
 *           without recorded rates those of the contract, funding_rate each funding_ns since 1970.
 * Latency:  an entry stands in the book latency_ns after the close that decided; bars that end by then pass it by,
 *           and of the one in which it arrives only the rest trades with its queue.
 * Unknown:  ages of books and signals, which are none.
 * Stop:     where the account would go to EMERGENCY_STOP all is closed at the bar's close and counted; an operator
 *           acknowledges at the next UTC day.
 * Bad bars: those that candle.h refuses are counted and otherwise as if they were missing.
 * No look-ahead: what happens at a bar depends on the bars that end no later.
 * Memory:   the caller's; nothing is allocated.   Threads: pure functions.
 */
#ifndef CORE_BACKTEST_H
#define CORE_BACKTEST_H

#include <stddef.h>
#include <stdint.h>

#include "libagent/core/corr.h"
#include "libagent/core/day_atr.h"
#include "libagent/core/exits.h"
#include "libagent/core/fill.h"
#include "libagent/core/gamma.h"
#include "libagent/core/healing.h"
#include "libagent/core/risk.h"
#include "libagent/core/strategies.h"

#define BACKTEST_SYMBOLS_MAX GAMMA_SYMBOLS_MAX

struct backtest_bar {
    struct candle candle;
    dec_t open, high, low, close;
};

struct backtest_funding {
    int64_t ns;                 /* settlement */
    dec_t   rate;               /* positive: longs pay */
};

struct backtest_symbol;

struct backtest_setup {
    /* Told when a trade is over, and when an entry expired without any fill; NULL: nobody listens. */
    void (*ended)(void *arg, const struct backtest_symbol *y, int64_t now_ns);
    void   *arg;
    struct strategies strategies;       /* its timeframes are the primary and the confirm one */
    bool    features;           /* the ranker orders the signals of one close; else the rank score does */
    int64_t path_ns;            /* 0: the primary timeframe */
    struct exit_params exits;
    struct risk_limits limits;  /* rule: the stop's distance only */
    int32_t leverage;
    bool    account;
    /* of the account */
    bool    healing;            /* ask for less while trading goes wrong */
    bool    lighthouse;         /* ask for more while it is on; every cap can only lower it */
    dec_t   equity;
    dec_t   level_gap;          /* fraction of the price between two levels of the book */
    int64_t order_ns;           /* an entry that rests longer is cancelled; at least one bar */
    int64_t latency_ns;         /* from the close that decided to the book; >= 0 */
};
/* The core's defaults; the strategy score on 15 m and 1 h, leverage 5; account with 10,000, orders of 60 s, no latency; levels of 0.08 bp:
 * in Binance's books of 8 August 2024 the ninth bitcoin level was 0.4 ... 0.7 bp away. */
void backtest_setup_default(struct backtest_setup *s);
/* NULL, or what is wrong.  Among it: a trail nearer than a mean bar's range, without a finer path. */
const char *backtest_setup_wrong(const struct backtest_setup *s);

struct backtest_result {
    int64_t bars, bad, trades, wins;    /* bad: of the bars */
    int64_t judged;             /* primary bars for which every strategy had the history it needs */
    double net;                 /* sum over trades of net profit / notional */
    double gains, losses;       /* its positive and negative parts, both >= 0 */
    double peak, max_drawdown;  /* of the running sum */
    dec_t  net_money, fees, funding;    /* of the same trades; funding positive when paid */
    int64_t signals, approved, filled, expired;     /* filled: in part at least; expired: without any fill */
    int64_t stops;              /* EMERGENCY_STOP */
    int64_t refused[RISK_REASON_COUNT];     /* signals by the reason that decided */
    int64_t failed[RISK_REASON_COUNT];      /* signals for which this check failed, decisive or not */
    int64_t exits[EXIT_REASON_COUNT];       /* closing fills by reason */
};

enum backtest_state { BACKTEST_FLAT, BACKTEST_RESTING, BACKTEST_OPEN };

/* A trade from its signal on.  OPEN with rest.leaves > 0: filled in part, the rest of the entry still there. */
struct backtest_trade {
    enum backtest_state state;
    int32_t side;
    const char *strategy;       /* static */
    struct fill_resting rest;
    dec_t   limit, stop, margin, heat, notional;    /* notional: of what was filled */
    int32_t leverage, unused;
    int64_t lots;               /* asked for */
    dec_t   decided;            /* the decision's price */
    double  atr;
    int64_t from_ns, until_ns;  /* the entry is in the book */
    struct pnl pnl;
    struct exits exits;
};

struct backtest_symbol {
    /* given */
    const char *name;
    struct contract_terms contract;
    const struct backtest_bar *bars;        /* in order of time */
    size_t  n;
    const struct candle *confirm;           /* history of the confirm timeframe from before the first bar; may be NULL */
    size_t  n_confirm;
    const struct backtest_funding *funding; /* in order of time; NULL: the contract's */
    size_t  n_funding;
    dec_t   funding_rate;
    int64_t funding_ns;         /* 0: none without `funding` */
    struct strategies_state *rules;         /* strategies_size(&setup->strategies) bytes of the caller's */
    /* answered */
    struct backtest_result result;          /* of this symbol; rules->funnel holds the bars by what each rule said */
    /* backtest.c's own */
    size_t  next, next_confirm, next_funding;
    int64_t funding_due_ns;
    struct candle last;                     /* the newest good bar */
    dec_t   close;
    struct candle_agg primary, hour, day;
    struct corr_series corr;
    struct day_atr day_atr;
    struct backtest_trade trade;
    struct strategies_fired fired[STRATEGIES_MAX];      /* at this close */
    int32_t n_fired, unused;
    int64_t rest_until_ns, entered_ns;
};

struct backtest {
    struct backtest_result result;          /* of all, added to what it holds: zero it before the first run */
    dec_t   equity;                         /* at the newest close, open positions included */
    /* backtest.c's own */
    const struct backtest_setup *setup;
    struct backtest_symbol *symbol;
    int32_t n, stopped;
    int64_t now_ns;
    dec_t   realised;                       /* of closed trades */
    struct gamma gamma;
    struct ranker ranker;
    struct strategies_fired *best[RANKER_MAX];          /* of this close, best first */
    struct risk_day day;
    struct risk_streak streak;
    struct risk_burst burst;
    struct healing healing;
    struct risk_position positions[BACKTEST_SYMBOLS_MAX];
    struct risk_verdict verdict;
};

/* All bars of all symbols (rule: of one).  ERR_RANGE: backtest_setup_wrong(), or a number of symbols that is not in
 * 1 ... BACKTEST_SYMBOLS_MAX or that could give more than RANKER_MAX signals at once; b->result is then as before. */
int backtest_run(struct backtest *b, const struct backtest_setup *setup, struct backtest_symbol *symbols, int n);

/* The same step by step: after each all figures are those of the bars so far.  False: there was no bar left. */
int  backtest_start(struct backtest *b, const struct backtest_setup *setup, struct backtest_symbol *symbols, int n);
bool backtest_step(struct backtest *b);

#endif
