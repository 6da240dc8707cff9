/* metrics - how well it trades, each figure with its formula.
 *
 * A figure comes with the number of observations behind it and a verdict; it is empty (value 0)
 * unless that is METRIC_OK.  Nothing here proves an edge: expectancy and its interval stand first
 * for a reason.
 *
 *   expectancy      mean net result m of a trade; interval m -+ t(97.5 %, n-1) s/sqrt(n), s the
 *                   sample deviation (Student 1908): 95 % if trades are independent; needs 2 trades
 *   win_rate_7d     share of the trades closed in the last 7 days whose net result is > 0; a net of
 *                   0 is a loss; win_rate_30d alike
 *   profit_factor   sum of the gains / sum of the losses; empty without a loss
 *   sharpe          sqrt(365) m/s of the daily returns, s sample deviation, no riskless rate
 *                   (Sharpe 1994; the market never closes); empty below 30 days
 *   sortino         sqrt(365) m / sqrt(mean of min(r, 0)^2), over all days (Sortino and Price
 *                   1994); empty below 30 days and without a losing day
 *   max_drawdown    largest (peak - equity)/peak, the peak being the highest mark so far
 *                   (Magdon-Ismail and Atiya 2004); above 1 where equity fell below 0
 *   trade_duration  mean of close - open, in seconds
 *   fill_ratio      notional filled / notional ordered, at the decision's price
 *   slippage_bp     10^4 sum of side x (average price - decision price) x filled, over sum of
 *                   decision price x filled; positive is worse than decided (the executed part of
 *                   Perold's implementation shortfall, 1988)
 *   maker_share     notional filled as a maker / notional filled
 *   accuracy        of an indicator: share of its sub-signals whose direction is the sign of the
 *                   return that followed (to the next N bars or to the exit: the caller's choice,
 *                   one for all); a return of 0 asks nothing
 *
 * Units:   net results in any one unit (money, R, fraction of the notional); quantities in base
 *          units; times UTC nanoseconds, market time; ratios as fractions.
 * Errors:  verdicts; never NaN, never infinite.
 * Memory:  the caller's arrays, nothing is kept or allocated.
 * Threads: pure functions.
 */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/core/score.h"

#define METRICS_DAYS_MIN      30
#define METRICS_DAYS_PER_YEAR 365.0

#define METRIC_VERDICTS(V)                                                                         \
    V(OK,        "known")                                                                          \
    V(EMPTY,     "nothing to look at")                                                             \
    V(TOO_FEW,   "too few observations")                                                           \
    V(NO_LOSSES, "no loss to divide by")                                                           \
    V(FLAT,      "no variation to divide by")                                                      \
    V(BAD_INPUT, "an observation makes no sense")

enum metric_verdict {
#define V(name, text) METRIC_##name,
    METRIC_VERDICTS(V)
#undef V
    METRIC_VERDICT_COUNT
};
const char *metric_verdict_name(enum metric_verdict v);     /* "TOO_FEW"; "?".  Static. */
const char *metric_verdict_text(enum metric_verdict v);

struct metric {
    double  value;
    double  low, high;          /* interval; both the value where there is none */
    int64_t n;                  /* observations, also of an empty one */
    enum metric_verdict verdict;
};

struct metrics_trade {          /* a position that is closed */
    int64_t opened_ns, closed_ns;
    double  net;                /* after fees and funding */
};

struct metrics_mark {           /* equity at a time; marks are in order of time */
    int64_t ns;
    double  equity;
};

struct metrics_order {          /* an order that is over */
    int32_t side, unused;       /* 1 buy, -1 sell */
    double  ordered, filled, maker;     /* 0 < ordered; 0 <= maker <= filled <= ordered */
    double  decision_px, avg_px;        /* avg_px looked at only where something was filled */
};

struct metric metrics_expectancy(const struct metrics_trade *t, size_t n);
/* Of the trades with now - days < closed <= now; days 1 ... 36500. */
struct metric metrics_win_rate(const struct metrics_trade *t, size_t n, int64_t now_ns, int days);
struct metric metrics_profit_factor(const struct metrics_trade *t, size_t n);
struct metric metrics_trade_duration(const struct metrics_trade *t, size_t n);

/* Returns of the UTC days from that of the first mark to the last one that ended by until_ns; a day
 * without a mark is idle and returns 0, the first day counts from its first mark.  Equities > 0.
 * The number of days, at most max; ERR_RANGE: marks out of order or bad, ERR_SIZE: more days than
 * max; *ret is then not to be used. */
int metrics_daily(const struct metrics_mark *m, size_t n, int64_t until_ns, double *ret,
                  size_t max);
struct metric metrics_sharpe(const double *daily, size_t n);
struct metric metrics_sortino(const double *daily, size_t n);
struct metric metrics_max_drawdown(const struct metrics_mark *m, size_t n);

struct metric metrics_fill_ratio(const struct metrics_order *o, size_t n);
struct metric metrics_slippage_bp(const struct metrics_order *o, size_t n);
struct metric metrics_maker_share(const struct metrics_order *o, size_t n);

struct metrics_accuracy {       /* zeroed is initial */
    int64_t asked[SUB_COUNT], right[SUB_COUNT];
};
/* The sub-signals of a bar and the return that followed it.  False: not counted, as it is 0 or not
 * finite. */
bool metrics_accuracy_add(struct metrics_accuracy *a, const struct score *bar, double after);
struct metric metrics_accuracy_sub(const struct metrics_accuracy *a, enum score_sub s);
struct metric metrics_accuracy_ind(const struct metrics_accuracy *a, enum score_ind i);

/* All but the accuracies at once. */
#define METRICS(M)                                                                                 \
    M(EXPECTANCY, "expectancy") M(WIN_RATE_7D, "win_rate_7d") M(WIN_RATE_30D, "win_rate_30d")      \
    M(PROFIT_FACTOR, "profit_factor") M(SHARPE, "sharpe") M(SORTINO, "sortino")                    \
    M(MAX_DRAWDOWN, "max_drawdown") M(TRADE_DURATION, "trade_duration")                            \
    M(FILL_RATIO, "fill_ratio") M(SLIPPAGE_BP, "slippage_bp") M(MAKER_SHARE, "maker_share")

enum metric_id {
#define M(id, name) METRIC_ID_##id,
    METRICS(M)
#undef M
    METRIC_ID_COUNT
};
const char *metric_name(enum metric_id m);                  /* "sharpe"; "?".  Static. */

struct metrics_input {
    int64_t now_ns;
    const struct metrics_trade *trades;
    const double *daily;
    const struct metrics_mark *marks;
    const struct metrics_order *orders;
    size_t trade_n, daily_n, mark_n, order_n;
};
void metrics_all(const struct metrics_input *in, struct metric ret[METRIC_ID_COUNT]);

#endif
