/* candle - one bar of a market, as the indicators and strategies see it.
 *
 * Units:   prices in quote currency per base unit, volume in lots; times UTC nanoseconds.
 * Invariant of a good candle (candle_check): finite, 0 < low <= open, close <= high, volume >= 0,
 *          prices within CANDLE_PRICE_MIN ... CANDLE_PRICE_MAX, volume at most CANDLE_VOLUME_MAX
 *          (so that no sum or square of an indicator leaves the range of double), start_ns >= 0
 *          and a multiple of tf_ns.
 * Errors:  a verdict is an outcome, not an error: CANDLE_OK or the first rule that is broken.
 * Memory:  plain structures of the caller, no pointers: they may be saved and restored as bytes.
 * Threads: pure functions.
 */
#ifndef CORE_CANDLE_H
#define CORE_CANDLE_H

#include <stdint.h>

#define CANDLE_PRICE_MIN  1e-12
#define CANDLE_PRICE_MAX  1e12
#define CANDLE_VOLUME_MAX 1e18
#define CANDLE_JUMP_FACTOR 10.0 /* a price so many times the last close, or so small a part of it */

struct candle {
    int64_t start_ns;   /* the bar covers [start_ns, start_ns + tf_ns) */
    int64_t tf_ns;      /* timeframe, > 0 */
    double  open, high, low, close;
    double  volume;     /* lots */
};

/* The rules, once: CANDLE_name and its text. */
#define CANDLE_VERDICTS(V)                                                                         \
    V(OK,              "ok")                                                                       \
    V(BAD_TIMEFRAME,   "timeframe is not positive")                                                \
    V(UNALIGNED,       "start is not a multiple of the timeframe")                                 \
    V(NOT_FINITE,      "not a finite number")                                                      \
    V(NOT_POSITIVE,    "price is zero or negative")                                                \
    V(OUT_OF_RANGE,    "price or volume beyond every market")                                      \
    V(HIGH_BELOW_LOW,  "high below low")                                                           \
    V(OUTSIDE,         "open or close outside of low ... high")                                    \
    V(NEGATIVE_VOLUME, "volume is negative")                                                       \
    V(OTHER_TIMEFRAME, "timeframe differs from the bar before")                                    \
    V(DUPLICATE,       "start equals that of the bar before")                                      \
    V(BACKWARDS,       "start before that of the bar before")                                      \
    V(JUMP,            "price more than ten times, or less than a tenth of, the close before")     \
    V(GAP,             "bars are missing before this one")

enum candle_verdict {
#define V(name, text) CANDLE_##name,
    CANDLE_VERDICTS(V)
#undef V
    CANDLE_VERDICT_COUNT
};

/* "HIGH_BELOW_LOW" and "high below low"; "?" for what is no verdict.  Static. */
const char *candle_verdict_name(enum candle_verdict v);
const char *candle_verdict_text(enum candle_verdict v);

/* Is it a good candle in itself? */
enum candle_verdict candle_check(const struct candle *c);

/* May it follow a bar with this start, timeframe and close?  Checks the candle itself first.
 * CANDLE_GAP is the only verdict besides CANDLE_OK with which a bar may be used: indicators go on
 * with the next bar there is, a missing one is never invented. */
enum candle_verdict candle_follows(const struct candle *c, int64_t prev_start_ns,
                                   int64_t prev_tf_ns, double prev_close);

/* Aggregation of closed bars into a higher timeframe (a multiple of theirs, from the epoch). */
struct candle_agg {
    struct candle cur;      /* the bar being built; cur.tf_ns is the higher timeframe */
    int32_t parts;          /* bars in it; 0: none is being built */
    int32_t aligned;        /* the first boundary has been passed */
};

/* tf_ns > 0; must() otherwise. */
void candle_agg_init(struct candle_agg *a, int64_t tf_ns);
/* Add a good bar, later than all before it, whose timeframe divides the higher one (must()). 
 * Returns how many bars closed (0, 1 or 2), written to ret in order of time: one closes with the
 * bar that ends at its end, or, where that one is missing, with the first later bar.  Bars
 * before the first boundary are left out: the bar they belong to would be incomplete. */
int candle_agg_push(struct candle_agg *a, const struct candle *c, struct candle ret[2]);

#endif
