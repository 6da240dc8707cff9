/* exits - every rule that protects or ends one open position.
 *
 * Priority: hard stop, trailing, targets, time, volatility, adverse excursion.  A day's rollover closes
 *          nothing.  The rules know no pause: whoever holds the position feeds them in every state.
 * Invariants: 1. the stop never loosens: a move is strictly in the position's favour;
 *             2. a moved stop is at or beyond break-even, and strictly on the safe side of the last price;
 *             3. one close decides: after a CLOSE of everything nothing follows until exits_reopen().
 * Units:   prices in quote currency, lots, ROI in %; ATR is a double of the primary timeframe.
 * Errors:  bad prices (not positive) are ERR_RANGE and change nothing.
 * Memory:  plain structs without pointers, to be saved as bytes by the same build (EXITS_VERSION).
 * Threads: pure functions of their arguments.
 */
#ifndef CORE_EXITS_H
#define CORE_EXITS_H

#include "libagent/core/pnl.h"

#define EXITS_VERSION    1
#define EXIT_ACTIONS_MAX 4

enum exit_reason {
    EXIT_NONE,
#define EXIT_REASON(name, text) EXIT_##name,
#include "libagent/core/exit_reason.def"
#undef EXIT_REASON
    EXIT_REASON_COUNT
};
const char *exit_reason_name(enum exit_reason r);       /* "STOP_LOSS"; "NONE", "?" */
const char *exit_reason_text(enum exit_reason r);

struct exit_params {
    bool    hard_stop, trailing, tp1, tp2, time_stop, volatility, mae;      /* each rule on or off */
    dec_t   act, step, dist;        /* staircase, as shares of the trade's own SL_ROI */
    struct staircase fixed;         /* step > 0: this one instead, in units of 0.01 % ROI */
    dec_t   tp1_r, tp2_r, mae_r;    /* multiples of R */
    dec_t   slippage;               /* of the stop's exit, fraction, part of break-even */
    double  volatility_factor;      /* of the ATR at entry */
    int32_t time_stop_bars;
};
/* Everything on: 1.0, 0.25, 0.75; 1.2 R, 2.0 R, 1.5 R; 0.0002; 2.0; 16 bars. */
void exit_params_default(struct exit_params *p);

struct exits {
    int32_t version, leverage;
    struct pnl p;                   /* the position as last told */
    dec_t   tick, taker_fee;
    dec_t   initial_stop, stop;
    dec_t   r, tp1, tp2, break_even;
    struct staircase trail;
    double  atr_entry;
    int64_t fill_bar_ns, bar_ns;    /* start of the primary bar of the first fill; a bar's length */
    int64_t tp1_asked;              /* lots of TP1 that were asked to close and are not reported yet */
    int32_t tp1_done;               /* its price was reached */
    int32_t closing;                /* enum exit_reason of the close under way; 0 */
    /* Resting at the venue, which then acts by itself; set by the owner, all 0 at first. */
    int32_t venue_stop, venue_tp1, venue_tp2;
    int32_t no_tp1;                 /* the first target is off */
};

/* Start from the first fill.  `stop` is the initial stop of the approval, atr that of the signal's bar.
 * ERR_RANGE unless pos is open, L >= 1, bar_ns > 0, atr > 0 and the stop lies on the losing side of the entry: such a
 * position must be closed, not managed. */
int exits_open(struct exits *e, const struct exit_params *p, const struct contract_terms *c,
               const struct pnl *pos, int leverage, dec_t stop, double atr, int64_t fill_bar_ns,
               int64_t bar_ns);
/* The position changed (fill, funding): R, targets, staircase and break-even follow, the stop stays. */
int exits_update(struct exits *e, const struct exit_params *p, const struct pnl *pos);
/* The close failed or was given up: the rules decide again. */
void exits_reopen(struct exits *e);

enum exit_action_kind { EXIT_MOVE_STOP, EXIT_CLOSE };
struct exit_action {
    enum exit_action_kind kind;
    enum exit_reason reason;
    dec_t   price;                  /* new stop; or the price that decided */
    int64_t qty;                    /* CLOSE: lots; MOVE_STOP: 0, it covers the position */
};

struct exit_tick {
    dec_t   last;                   /* last trade price */
    bool    bar_closed;             /* a primary bar closed at `last`; then the next two hold */
    int64_t bar_start_ns;
    double  atr;                    /* ATR(14) at that bar; not positive: unknown, the rule abstains */
};
/* Number of actions (0 ... EXIT_ACTIONS_MAX) or ERR_RANGE. */
int exits_step(struct exits *e, const struct exit_params *p, const struct exit_tick *t,
               struct exit_action out[EXIT_ACTIONS_MAX]);

/* One whole bar, for backtests: as if the price went straight from the open to the bar's worst price, from
 * there to its best and then to the close, each level filled as it is reached and one that the open lies
 * beyond at the open.  So a stop is always hit before a target, and a stop raised inside the bar is hit when
 * the close lies beyond it (docs/decisions/0011: why, and how near this is to the finer path).  CLOSE prices
 * are the fills' before slippage; time and volatility are judged at the close. */
struct exit_bar {
    dec_t   open, high, low, close;
    int64_t start_ns;
    double  atr;
};
int exits_bar(struct exits *e, const struct exit_params *p, const struct exit_bar *b,
              struct exit_action out[EXIT_ACTIONS_MAX]);

/* ---- the rules one by one ---- */
bool exits_stop_hit(const struct exits *e, dec_t last);
/* Where trailing wants the stop at `last`: the better of staircase and break-even.  False: no move. */
bool exits_trail(const struct exits *e, dec_t last, dec_t *ret);
int64_t exits_tp1_qty(const struct exits *e);                   /* floor(filled / 2); 0: the rule is off */
bool exits_time_due(const struct exits *e, const struct exit_params *p, int64_t bar_start_ns, dec_t last);
bool exits_volatility_due(const struct exits *e, const struct exit_params *p, double atr);
bool exits_mae_due(const struct exits *e, const struct exit_params *p, dec_t last);

#endif
