/* strategies - the chosen strategies at work on one symbol: what the signal agent and a backtest
 * both run, so that live and history get the same answers.
 *
 * A choice (struct strategies) is made once: which strategies, with which parameters, on which
 * timeframes.  For each symbol there is then a state: of every chosen strategy, and of what ranks
 * and places their signals whichever rule they come from: the ranker's figures and ATR(14).
 *
 * Order:   history first (strategies_warm_up), then bar by bar.  A bar that candle_check or
 *          candle_follows refuses changes last_candle alone.
 * Funnel:  live bars by what each rule said of them ("BELOW_SCORE", "INSIDE"), good or not.
 * Memory:  the state is the caller's, strategies_size() bytes aligned as malloc does, without
 *          pointers: saved as bytes and restored by the same build it goes on bit for bit.
 * Threads: pure functions; nothing is allocated.
 */
#ifndef CORE_STRATEGIES_H
#define CORE_STRATEGIES_H

#include "libagent/core/ranker.h"
#include "libagent/core/strategy.h"
#include "libagent/core/strategy_score.h"

#define STRATEGIES_VERSION   1
#define STRATEGIES_MAX       8
#define STRATEGIES_GATES_MAX 20
#define STRATEGIES_WHY_MAX   160
#define STRATEGIES_GATE_NAME 40

struct strategies {
    int64_t tf_ns, confirm_ns;
    double  reward_r;                   /* reward / risk of a rule that names no stop; 2: TP2 */
    int32_t n, unused;
    struct strategies_one {
        const struct strategy_def *def;
        struct strategy_params params;
    } of[STRATEGIES_MAX];
};

struct strategies_gate {
    char    why[16];
    int64_t bars;
};

struct strategies_state {
    uint32_t version, size;
    int32_t  n, last_candle;            /* enum candle_verdict of the newest bar given */
    int64_t  tf_ns, confirm_ns;
    int64_t  start_ns, confirm_start_ns;/* of the newest bars; -1: none yet */
    int64_t  bars, confirm_bars, gaps;  /* good ones; confirm_bars: given from elsewhere */
    double   close;
    double   atr;                       /* ATR(14) of the newest bar; 0: not ready or flat */
    struct rank_figures figures;        /* of the newest bar */
    struct rank_feed feed;
    struct ta_atr ta_atr;
    struct strategies_gate funnel[STRATEGIES_MAX][STRATEGIES_GATES_MAX];
    /* the strategies' own states follow */
};

/* A signal with all that decides its rank and that a message tells of it. */
struct strategies_fired {
    int32_t which;                      /* of the chosen ones */
    int32_t scored;                     /* score and why are the score strategy's; else 0 */
    int32_t rank, unused;               /* strategies_rank: 1 is best */
    char    symbol[RANKER_NAME_MAX];    /* the caller's */
    char    strategy[RANKER_NAME_MAX];
    double  atr;                        /* ATR(14) of the bar, whatever the rule looks at */
    double  rr;                         /* reward / risk */
    double  rank_score;                 /* the score strategy's, or strategies_rank's */
    struct strategy_signal signal;
    struct score_signal score;
    struct score why;                   /* the breakdown at that bar */
    struct rank_figures figures;
    struct rank_result ranked;          /* strategies_rank, by features alone */
};

/* confirm_ns: a longer timeframe for rules that look at two; a multiple of tf_ns, ERR_RANGE
 * otherwise. */
int strategies_init(struct strategies *s, int64_t tf_ns, int64_t confirm_ns);
/* One more, with its defaults; a parameter confirm_bars becomes what the timeframes say.
 * ERR_DUPLICATE, ERR_FULL; ERR_RANGE: the timeframes do not suit it. */
int strategies_add(struct strategies *s, const struct strategy_def *d);
/* "orb.window_min=30".  ERR_RANGE with a text for people in `why`. */
int strategies_set(struct strategies *s, const char *word, char why[STRATEGIES_WHY_MAX]);
/* -1: not chosen. */
int strategies_find(const struct strategies *s, const char *name);

size_t strategies_size(const struct strategies *s);
/* The same choice with other thresholds (what a strategy derives from its parameters when it starts stays as it was). */
void strategies_adopt(const struct strategies *s, struct strategies_state *state);
/* *state, before any bar.  ERR_RANGE with a text: parameters or timeframes of a strategy contradict
 * each other; *state is then not to be used. */
int strategies_start(const struct strategies *s, struct strategies_state *state,
                     char why[STRATEGIES_WHY_MAX]);
/* The i-th strategy's own state, a struct strategy_head. */
const void *strategies_state_of(const struct strategies *s, const struct strategies_state *state,
                                int i);
/* How many of the strategies have seen as many bars as their rule needs. */
int strategies_ready(const struct strategies *s, const struct strategies_state *state);

/* One closed bar.  How many fired; they are in ret, in the order of the choice.  model NULL: none.
 * last_candle says whether the bar was good. */
int strategies_bar(const struct strategies *s, struct strategies_state *state,
                   const struct candle *c, const struct strategy_model *model, bool warm_up,
                   struct strategies_fired ret[STRATEGIES_MAX]);
/* Orders the signals of one close, of all symbols, each with its symbol's name: by rank_score, or
 * with a ranker by its features, which then join its history.  Best first; equal ones by symbol,
 * then strategy; what the ranker refuses is last.  n at most RANKER_MAX (must()). */
void strategies_rank(struct ranker *r, struct strategies_fired *const *f, size_t n);

/* Does any of them look at the confirm timeframe? */
bool strategies_confirms(const struct strategies *s);
/* A closed bar of the confirm timeframe from elsewhere: history that reaches further back. */
void strategies_confirm(const struct strategies *s, struct strategies_state *state,
                        const struct candle *c);
/* History of both timeframes, each in order of time: fed as it would have come, by the end of the
 * bars, all of it warm-up. */
void strategies_warm_up(const struct strategies *s, struct strategies_state *state,
                        const struct candle *bars, size_t n, const struct candle *confirm,
                        size_t n_confirm);

/* A strategy's funnel added to sum, which is empty or holds the gates counted so far, by name; a gate for
 * which there is no room is left out. */
void strategies_funnel_add(const struct strategies_state *state, int which,
                           struct strategies_gate sum[STRATEGIES_GATES_MAX]);
/* "BELOW_SCORE"; "orb.INSIDE" where several strategies run. */
void strategies_gate_name(const struct strategies *s, int which, const struct strategies_gate *g,
                          char ret[STRATEGIES_GATE_NAME]);

/* Bytes saved from a state.  ERR_TRUNCATED, ERR_VERSION; ERR_TYPE: of another choice, in
 * strategies, parameters or timeframes.  *state is then untouched. */
int strategies_restore(const struct strategies *s, struct strategies_state *state,
                       const void *bytes, size_t len);

#endif
