/* healing - trading that goes wrong lowers the margin asked for, for a while, and by itself.
 *
 * Anomalies: healing.def.  Each has a factor on the requested margin; a finding multiplies it by 0.75, a severe one takes
 *          it to 0.25 at once.  It goes back to 1 along a straight line, from 0.25 in 96 primary bars.  That of
 *          STRATEGY_BIAS is the strategy's own.  All together never below 0.25.
 * Evidence: wins over 30 trades, refusals over 50 decisions, each against its limit by a one-sided binomial test at 1 %;
 *          slippage over 30 trades; signals over 100 symbol-bars or more; margin when it crosses the limit, and
 *          again while it stays there.  What was judged is not judged again: the next finding needs new evidence.
 * Decisions: what capacity, an operator, a duplicate or the venue's hours refused says nothing and is left out.  An entry
 *          is never filled late, as its signal and its approval expire: lateness shows as refusals.
 * Never:   a factor above 1, a limit changed, anything closed, paused or disabled.
 * Time:    market time; a time before the last one counts as the same moment.
 * Memory:  a plain structure without pointers, saved as bytes by the same build.   Threads: pure functions.
 */
#ifndef CORE_HEALING_H
#define CORE_HEALING_H

#include <stdbool.h>
#include <stdint.h>

#include "libagent/core/risk.h"

#define HEALING_FLOOR      0.25
#define HEALING_STRATEGIES 8

enum healing_anomaly {
#define ANOMALY(name, text) HEALING_##name,
#include "libagent/core/healing.def"
#undef ANOMALY
    HEALING_COUNT
};
const char *healing_name(enum healing_anomaly a);       /* "LOW_WIN_RATE"; "?".  Static, as the texts. */
const char *healing_text(enum healing_anomaly a);

struct healing_cut {
    double  cut;                /* 1 - factor at that time */
    int64_t ns;
};

struct healing {
    int64_t bar_ns;             /* primary timeframe */
    int64_t from_ns, signals;   /* since the last 100 symbol-bars were judged */
    int32_t symbols, trades, wins, decisions, refused, late;
    int32_t pressed;            /* 1: above 70 %, 2: above 90 % */
    int32_t strategies_n;
    double  slippage;           /* sum of fractions over `trades` */
    struct healing_cut cut[HEALING_COUNT];
    struct healing_strategy {
        char name[RISK_STRATEGY_MAX];
        int32_t trades, wins;
        struct healing_cut cut;
    } strategy[HEALING_STRATEGIES];         /* those beyond count for all together alone */
};

void healing_init(struct healing *h, int64_t bar_ns, int symbols);

/* Facts.  Each returns the anomalies found by it, a bit (1 << anomaly) each. */
unsigned healing_decision(struct healing *h, int64_t market_ns, enum risk_reason answer);
/* slippage: of the entry against the decision's price, as a fraction; positive costs. */
unsigned healing_trade(struct healing *h, int64_t market_ns, const char *strategy, bool won, double slippage);
unsigned healing_margin(struct healing *h, int64_t market_ns, double used);     /* share of the equity */

/* Now, 0.25 ... 1: of one anomaly (STRATEGY_BIAS: the lowest of all strategies); on a strategy's margin, all together. */
double healing_of(const struct healing *h, enum healing_anomaly a, int64_t market_ns);
double healing_factor(const struct healing *h, const char *strategy, int64_t market_ns);

#endif
