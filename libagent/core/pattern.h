/* pattern - shapes that turning points draw: head and shoulders, wedges, and when they break.
 *
 * Pivots: those of divergence.h, known DIV_SIDE bars later.  Of pivots of one kind in a row only
 *   the outermost stays (the older of two equal ones), so that highs and lows alternate; a bar that
 *   is both goes on first and turns then, and is left out as the very first.  A shape is looked
 *   for in the newest five whenever they have changed; ATR: of the bar that confirmed the newest.
 *   What follows is the top; its mirror image is the bottom.
 *
 * Head and shoulders (five extremes: Lo, Mamaysky, Wang, J. Finance 55, 2000; the limits are ours,
 *   in parts of the height, so that the price level means nothing): high, low, higher high, low,
 *   high.  Neckline: through the two lows.  Height: head over the neckline, at least
 *   PATTERN_HEIGHT_ATR.  Both shoulders at least a PATTERN_SHOULDER of the height below the head
 *   and above the neckline; shoulders, and the lows, apart by at most a PATTERN_EVEN of it; from
 *   shoulder to head one side at most PATTERN_SKEW times as long as the other.
 *   Breaks below the neckline; proved wrong by a close above the right shoulder.
 * Rising wedge (five touches: Bulkowski, Encyclopedia of Chart Patterns, 2005): a line
 *   through the highs and one through the lows; of the three on one side the outer two make the
 *   line, the middle one lies within a PATTERN_TOUCH of the wedge's width there.  Both lines rise
 *   by PATTERN_RISE_ATR or more; the width, from PATTERN_HEIGHT_ATR or more at the first touch,
 *   shrinks to PATTERN_NARROW of it or less at the last.
 *   Breaks below the lower line; proved wrong by a close above the upper.
 * Both take PATTERN_MIN_BARS ... PATTERN_MAX_BARS from first to last pivot.
 *
 * A shape waits, from the bar that confirmed it, for as many bars after its last pivot as it took
 *   to form, and not beyond the crossing of its lines.  The first close beyond the line breaks it:
 *   found.  It is forgotten when proved wrong, when its last pivot is overtaken, and when a newer
 *   one of its kind forms.  What was found counts at its bar and the next four.
 *
 * No look-ahead: the answer at a bar depends on that bar and those before it.  Nobody has shown
 * that these shapes pay: their weight in the score is 0; they are off the hot path.
 *
 * Output: finite.  A missing bar is not filled: the next one there is counts as the next.
 * Memory: a plain structure without pointers; may be saved as bytes and restored by the same build.
 * Threads: pure functions.
 */
#ifndef CORE_PATTERN_H
#define CORE_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "libagent/core/candle.h"
#include "libagent/core/divergence.h"

#define PATTERN_VERSION    1
#define PATTERN_PIVOTS     5
#define PATTERN_MIN_BARS   8
#define PATTERN_MAX_BARS   120
#define PATTERN_LIFE       5
#define PATTERN_HEIGHT_ATR 2.0
#define PATTERN_SHOULDER   0.2
#define PATTERN_EVEN       0.3
#define PATTERN_SKEW       2.5
#define PATTERN_RISE_ATR   0.5
#define PATTERN_TOUCH      0.2
#define PATTERN_NARROW     0.7

/* Tops, which break downwards, are even; bottoms odd. */
#define PATTERN_KINDS(V)                                                                           \
    V(HEAD_SHOULDERS, "head and shoulders")                                                        \
    V(INVERSE, "inverse head and shoulders")                                                       \
    V(RISING_WEDGE, "rising wedge")                                                                \
    V(FALLING_WEDGE, "falling wedge")

enum pattern_kind {
#define V(name, text) PATTERN_##name,
    PATTERN_KINDS(V)
#undef V
    PATTERN_COUNT
};

struct pattern_pivot {
    int64_t bar;
    double  price;
    int32_t dir;                /* 1 a high, -1 a low */
    int32_t unused;
};

struct pattern_line {
    int64_t bar;
    double  price;              /* at bar */
    double  slope;              /* per bar */
};

struct pattern_formed {
    int64_t first, last;        /* bars of the outer pivots */
    double  height;             /* head over the neckline; width of the wedge at its first touch */
    struct pattern_line broken, wrong;  /* a close beyond: completes it, ends it */
    int32_t waiting;            /* 0: there is none */
    int32_t unused;
};

struct pattern_found {
    int64_t bar;                /* that broke the line; bars are counted from 0 */
    int64_t first, last;
    double  line;               /* price of the broken line at that bar */
    double  height;
};

struct pattern {
    uint32_t version, size;
    int64_t  bars;
    double   high[2 * DIV_SIDE + 1], low[2 * DIV_SIDE + 1];     /* bar b is at b % 5 */
    struct pattern_pivot  pivot[PATTERN_PIVOTS];                /* oldest first */
    int64_t  pivots;
    struct pattern_formed formed[PATTERN_COUNT];
    struct pattern_found  found[PATTERN_COUNT];
};

/* "RISING_WEDGE" and "rising wedge"; "?" for what is none.  Static. */
const char *pattern_name(enum pattern_kind k);
const char *pattern_text(enum pattern_kind k);
/* What it speaks for: 1 a rise, -1 a fall. */
int pattern_dir(enum pattern_kind k);

void pattern_init(struct pattern *p);
/* A closed bar and the ATR at it, 0: none yet.  ERR_RANGE, *p unchanged, for a candle that is not
 * good (candle_check) or an ATR that is negative or not finite. */
int pattern_push(struct pattern *p, const struct candle *c, double atr);
/* What counts at the newest bar; NULL: nothing. */
const struct pattern_found *pattern_now(const struct pattern *p, enum pattern_kind k);

/* Bytes saved from a struct pattern.  ERR_TRUNCATED, ERR_VERSION; *p is then untouched. */
int pattern_restore(struct pattern *p, const void *bytes, size_t len);

#endif
