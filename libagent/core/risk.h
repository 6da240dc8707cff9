/* risk - may this signal become a trade, and how large.
 *
 * One call, risk_check(), evaluates every check in the order of risk_reason.def and lists each with the
 * figures it compared; the first that fails decides.  A value at its limit passes, one step over fails.
 * Fail closed: what cannot be computed is a failed check (known = false); it decides only when no check with
 *          known figures fails, for it is then the cause and not a consequence.
 * Sizing:  lots = F-001 of the requested margin, lowered by every cap, never raised, except that a request below
 *          one lot becomes one lot when one lot passes every cap (LOT_FLOOR).
 * Leverage: the lowest of request, hard limit, contract tier, F-015, volatility, liquidation (worse side)
 *          and fee limit.  With stops given in ROI (stop_roi, target_roi) the prices hang on the leverage: then it
 *          is not lowered, and LEVERAGE, BREAK_EVEN or LIQUIDATION_BUFFER refuse.
 * Units:   fractions (0.005 is 0.5 %), never percent, except *_roi (% ROI); money in quote currency; times in ns.
 * Side:    +1 long, -1 short.
 * Memory:  borrowed for the call; states are plain structs without pointers, to be saved as bytes.
 * Threads: pure functions of their arguments.
 */
#ifndef CORE_RISK_H
#define CORE_RISK_H

#include "libagent/core/formula.h"

#define RISK_SYMBOL_MAX  24
#define RISK_STRATEGY_MAX 32
#define RISK_CHECKS_MAX  64
#define RISK_TEXT_MAX    160
#define RISK_BOOK_LEVELS 10

enum risk_reason {
    RISK_OK,
#define RISK_REASON(name, text) RISK_##name,
#include "libagent/core/risk_reason.def"
#undef RISK_REASON
    RISK_REASON_COUNT
};
const char *risk_reason_name(enum risk_reason r);       /* "STALE"; "OK", "?" */
const char *risk_reason_text(enum risk_reason r);

struct risk_limits {
    dec_t   trading_capital;                /* most equity to use, fees included; 0: all */
    dec_t   position_margin;                /* requested margin per position, of equity */
    dec_t   max_position, max_exposure;     /* margin of one, of all */
    dec_t   max_symbol_notional, max_notional;
    dec_t   max_book_share;
    dec_t   risk_per_trade, max_heat;
    dec_t   daily_loss, max_daily_drawdown;
    dec_t   liquidation_buffer;
    dec_t   max_spread, max_slippage;
    dec_t   stop_atr, stop_floor;           /* stop = max(stop_atr ATR, stop_floor x price) */
    dec_t   tp1_r, tp2_r;
    dec_t   stop_roi, target_roi;           /* both > 0: literal ROI prices, % */
    dec_t   break_even_buffer;              /* BUFFER, % ROI */
    dec_t   min_g;
    dec_t   burst_cap;                      /* margin of one lighthouse, of the balance at its start */
    double  correlation_min;
    int64_t signal_ttl_ms, book_ttl_ms;
    int64_t min_interval_ns;                /* market time between two entries of a symbol; 0: off */
    int32_t leverage_max;                   /* hard limit */
    int32_t top_n, max_positions, max_cluster, max_strategy_positions;
    int32_t streak_warn, streak_block, streak_block_bars, streak_max;
    int32_t cooldown_bars;
    int32_t hours_from, hours_to;           /* minutes of the market's UTC day, the end excluded, over midnight
                                             * too; equal: off */
};
void risk_limits_default(struct risk_limits *l);
/* NULL, or the name of the first limit that is out of range or contradicts another. */
const char *risk_limits_wrong(const struct risk_limits *l);

/* ---- states, each rebuilt from nothing but what it is told ---- */

/* The day's loss, by market-time UTC day.  Zeroed: nothing known, entries refused. */
struct risk_day {
    int64_t day;                            /* days since 1970; meaningful when start_equity > 0 */
    dec_t   start_equity, equity;
    int32_t paused;                         /* daily_loss exceeded; until the day ends */
    int32_t stopped;                        /* drawdown exceeded; until the operator resets */
};
enum risk_event { RISK_NOTHING, RISK_WARN, RISK_BLOCK, RISK_STOP };
/* Equity now (realised + unrealised).  Rolls over at 00:00 UTC; time never runs backwards.  The event is
 * given once: RISK_BLOCK when the day's entries end, RISK_STOP for EMERGENCY_STOP.
 * An equity that is not positive is a total loss. */
enum risk_event risk_day_update(struct risk_day *d, const struct risk_limits *l, int64_t market_ns,
                                dec_t equity);
dec_t risk_day_loss(const struct risk_day *d);          /* fraction of the start, >= 0 */
void risk_day_reset(struct risk_day *d);                /* operator: acknowledges `stopped` */

struct risk_streak {
    int32_t losses;                         /* in a row */
    int32_t half;                           /* half of the margin until a win */
    int32_t stopped, unused;
    int64_t block_until_ns;
};
/* A position closed with `net` after all costs; 0 is a loss.  From streak_block losses on each one blocks
 * entries for streak_block_bars; more than streak_max: RISK_STOP. */
enum risk_event risk_streak_close(struct risk_streak *s, const struct risk_limits *l, dec_t net,
                                  int64_t market_ns, int64_t bar_ns);
void risk_streak_reset(struct risk_streak *s);
/* When a symbol whose position closed at exit_ns may be entered again. */
int64_t risk_cooldown_until(const struct risk_limits *l, int64_t exit_ns, int64_t bar_ns);

/* What one lighthouse let in.  Zeroed: it is off. */
struct risk_burst {
    int32_t on, unused;
    dec_t   available, committed;           /* balance when it came on; margin approved since */
};
void risk_burst_update(struct risk_burst *b, bool lighthouse, dec_t available);
void risk_burst_approved(struct risk_burst *b, dec_t margin);

/* ---- the decision ---- */

struct risk_position {                      /* open, or an entry that is pending */
    char    symbol[RISK_SYMBOL_MAX];
    char    strategy[RISK_STRATEGY_MAX];    /* empty: unknown, counts for each */
    int32_t side, unused;
    dec_t   margin, notional, heat;         /* heat: loss at its stop, >= 0 */
    double  rho;                            /* with the candidate's symbol; not in -1 ... 1: unknown */
};
struct risk_account {
    dec_t   equity, available;
    struct risk_day day;
    struct risk_streak streak;
    const struct risk_position *positions;
    int32_t position_count;
    bool    ready, emergency;
    bool    paused, symbol_paused, strategy_paused;     /* paused: everything */
    bool    contract_paused;
    int64_t cooldown_until_ns;              /* of the candidate's symbol; 0: none */
    int64_t entered_ns;                     /* its last entry, market time; 0: none */
    struct risk_burst burst;
};
enum risk_gate { GATE_STALE, GATE_FRESH, GATE_ABSTAINS, GATE_OFF };      /* of gamma */
struct risk_market {
    const struct contract_terms *contract;  /* NULL: unknown */
    const struct book_level *bids, *asks;   /* best first */
    int32_t bid_count, ask_count;
    int64_t book_age_ms;
    double  atr;                            /* ATR(14), primary timeframe, at the signal's bar */
    double  day_atr;                        /* ATR(14) of 1 d / last closed day's close */
    int32_t day_bars;                       /* closed days behind it; fewer than 5: leverage 2 */
    enum risk_gate gamma;
    double  g;
};
struct risk_request {
    char    symbol[RISK_SYMBOL_MAX];
    char    strategy[RISK_STRATEGY_MAX];
    int32_t side, leverage, rank;           /* rank 1 is the best */
    bool    late, duplicate;
    int64_t age_ms, market_ns;
    dec_t   close;                          /* the decision's */
    dec_t   size_multiplier;                /* of the requested margin, > 0; usually 1 */
};

struct risk_figure {
    enum risk_reason check;
    const char *name;                       /* static */
    dec_t   value, limit;
    bool    ok;
    bool    known;                          /* false: could not be computed; ok is false then */
};
struct risk_verdict {
    bool    approved, lot_floor;
    enum risk_reason reason;                /* RISK_OK when approved */
    char    text[RISK_TEXT_MAX];            /* empty when approved */
    int32_t leverage, check_count;
    int64_t qty;                            /* lots; this and the rest hold 0 where not computed */
    dec_t   price, stop_px, tp1_px, tp2_px;
    dec_t   margin, notional, heat, liquidation_px, break_even_roi;
    dec_t   equity_needed;                  /* SIZE_BELOW_LOT: for one lot */
    struct risk_figure checks[RISK_CHECKS_MAX];
};
/* Always gives a verdict.  Only `approved` allows an order. */
void risk_check(const struct risk_limits *l, const struct risk_account *a, const struct risk_market *m,
                const struct risk_request *r, struct risk_verdict *ret);

#endif
