/* strategy - rules that look at one symbol's closed bars and say buy, sell or nothing.
 *
 * A strategy is a struct strategy_def: a name, parameters with ranges, the size of its state and
 * two functions.  Adding one is a file strategy_NAME.c and a line in strategies.def.  What all have
 * in common is done here, once: only good candles in order reach a rule, warm-up bars arm and
 * consume like any other but never answer a signal, and every bar is counted by its verdict.
 *
 * Signal:  entry is the close that was decided on; a rule that names a stop names both targets, and
 *          all three then lie on their sides of the entry and are positive.  It is a wish: gates,
 *          rank and risk decide after it.
 * Time:    market time, from the candles alone.  A missing bar is not filled.
 * Errors:  refusals are verdicts; a refused candle changes the counters alone.  A figure that is
 *          not finite never leaves a strategy: the bar's verdict is then STRATEGY_ABSTAINS.
 * Memory:  the state is the caller's, def->size bytes aligned as malloc does, without pointers:
 *          saved as bytes and restored by the same build it goes on bit for bit.  It holds its
 *          parameters and timeframe.  Nothing is allocated.
 * Threads: pure functions.
 */
#ifndef CORE_STRATEGY_H
#define CORE_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/core/candle.h"
#include "libagent/core/score.h"

#define STRATEGY_VERSION    1
#define STRATEGY_NAME_MAX   16
#define STRATEGY_PARAMS_MAX 64

#define STRATEGY_VERDICTS(V)                                                                       \
    V(SIGNAL,     "signal")                                                                        \
    V(BAD_CANDLE, "the candle was refused")                                                        \
    V(NOT_READY,  "fewer bars than the rule needs")                                                \
    V(NOTHING,    "the rule is not met")                                                           \
    V(ABSTAINS,   "the rule cannot judge")                                                         \
    V(WARM_UP,    "would have fired, but the bar is history")

enum strategy_verdict {
#define V(name, text) STRATEGY_##name,
    STRATEGY_VERDICTS(V)
#undef V
    STRATEGY_VERDICT_COUNT
};

struct strategy_answer {
    enum strategy_verdict verdict;
    const char *why;            /* static: "TREND", "GAP"; the verdict's name if there is no more */
};

struct strategy_signal {
    int64_t close_ns;           /* end of the bar */
    int32_t side;               /* 1 buy, -1 sell */
    int32_t unused;
    double  entry;
    double  stop, tp1, tp2;     /* all 0: the rule names none */
    double  confidence;         /* 0 ... 1, the rule's own; not a probability */
    double  atr;                /* of the bar; 0: the rule has none */
};

/* Scale-free inputs to a probability of the next bar's rise: see strategy_ml.h. */
struct strategy_model {
    double (*p_up)(const void *model, const double *features, size_t n);    /* pure; 0 ... 1 */
    const void *model;
};

struct strategy_input {
    const struct candle *candle;            /* closed */
    const struct score_micro *micro;        /* NULL: off */
    const struct strategy_model *model;     /* NULL: there is none */
    bool warm_up;                           /* history */
};

struct strategy_param {
    const char *name;           /* "window_min" */
    const char *meaning;
    double def, min, max;       /* inclusive */
    bool   whole;
};

struct strategy_params {
    double v[STRATEGY_PARAMS_MAX];          /* in the order of the table */
};

/* Each state begins with this; filled in by strategy_init, read by anyone, changed here only. */
struct strategy_head {
    uint32_t version, size;
    char     name[STRATEGY_NAME_MAX];
    int64_t  tf_ns;
    int64_t  start_ns;                      /* of the newest bar; -1: none yet */
    int64_t  signal_ns;                     /* end of the newest bar that fired; INT64_MIN: none */
    double   close;
    int64_t  bars, gaps;
    int64_t  funnel[STRATEGY_VERDICT_COUNT];/* bars by verdict */
    int32_t  last_candle;                   /* enum candle_verdict of the newest candle given */
    int32_t  unused;
    struct strategy_params params;
};

struct strategy_def {
    const char *name;
    const char *meaning;
    uint32_t version;           /* of the state's layout */
    int32_t  max_positions;     /* of the rule, over all symbols; 0: what risk allows */
    size_t   size;              /* of the state, head included */
    const struct strategy_param *param;
    size_t   params;
    /* Head and parameters are there, the rest is zero.  ERR_RANGE: they contradict each other. */
    int (*init)(void *state);
    /* One good bar; *ret is zero but for close_ns, entry; used with STRATEGY_SIGNAL only. */
    struct strategy_answer (*on_candle)(void *state, const struct strategy_input *in,
                                        struct strategy_signal *ret);
    /* Were there as many bars as the rule needs?  NULL: one is enough. */
    bool (*ready)(const void *state);
    /* A closed bar of a longer timeframe from elsewhere, history of a rule that looks at two; what
     * does not fit is left out.  NULL: it looks at one. */
    void (*on_confirm)(void *state, const struct candle *c);
};

#define STRATEGY(name) extern const struct strategy_def strategy_def_##name;
#include "libagent/core/strategies.def"
#undef STRATEGY

/* "NOT_READY" and its text; "?" for what is none.  Static. */
const char *strategy_verdict_name(enum strategy_verdict v);
const char *strategy_verdict_text(enum strategy_verdict v);

/* All of them, in the order of strategies.def. */
size_t strategy_count(void);
const struct strategy_def *strategy_at(size_t i);               /* must() be below the count */
const struct strategy_def *strategy_find(const char *name);     /* NULL: there is none */
uint32_t strategy_version(const struct strategy_def *d);        /* what its states' heads hold */

void strategy_params_default(const struct strategy_def *d, struct strategy_params *p);
/* ERR_UNKNOWN for no such name; ERR_RANGE outside its range, not finite, or not whole if it has to
 * be. */
int strategy_param_set(const struct strategy_def *d, struct strategy_params *p, const char *name,
                       double value);

/* ERR_RANGE: a timeframe or parameters that do not fit; *state is then not to be used. */
int strategy_init(const struct strategy_def *d, void *state, const struct strategy_params *p,
                  int64_t tf_ns);
/* One closed bar.  *ret is written with STRATEGY_SIGNAL only. */
struct strategy_answer strategy_on_candle(const struct strategy_def *d, void *state,
                                          const struct strategy_input *in,
                                          struct strategy_signal *ret);
/* Bytes saved from a state.  ERR_TRUNCATED, ERR_VERSION; ERR_TYPE: of another strategy.  *state is
 * then untouched.  Parameters and timeframe are those it was saved with. */
int strategy_restore(const struct strategy_def *d, void *state, const void *bytes, size_t len);

/* ---- for the rules ---- */

/* A rule's parameters, once: PARAMS(P) is a list of P(ID, "name", default, min, max, whole,
 * "meaning"). */
#define STRATEGY_PARAM_ID(id, name, def, min, max, whole, meaning)  PARAM_##id,
#define STRATEGY_PARAM_ROW(id, name, def, min, max, whole, meaning) \
    {name, meaning, def, min, max, whole},

static inline struct strategy_answer strategy_says(enum strategy_verdict v, const char *why)
{
    return (struct strategy_answer){v, why};
}

/* Fewer than so many minutes from the newest signal to the end of the newest bar. */
bool strategy_too_soon(const struct strategy_head *h, double minutes);
/* The signal with its stop; tp2 at reward from the entry, tp1 at tp1_share of that.  NOTHING
 * "PRICE" for a level that is not positive, "RISK" for a stop on the wrong side. */
struct strategy_answer strategy_fires(struct strategy_signal *s, int side, double stop,
                                      double reward, double tp1_share, double confidence);

#endif
