/* day_atr - ATR(14) of 1 d bars as a fraction of the last closed day's close.
 *
 * Before ATR(14) is ready (TA-Lib's first value needs 15 bars): the mean true range of the days there
 * are, the first one's being its high - low; fewer than DAY_ATR_MIN days: unknown, 0.
 * Input: good 1 d candles in order (core/candle.h); an older or repeated day is left out.
 * Pure; plain memory.
 */
#ifndef CORE_DAY_ATR_H
#define CORE_DAY_ATR_H

#include "libagent/core/ta.h"

#define DAY_ATR_N   14
#define DAY_ATR_MIN 5

struct day_atr {
    struct ta_atr atr;
    struct ta_value last;
    double range_sum, close;
    int64_t newest_ns;          /* start of the newest day; -1: none */
    int32_t days, unused;
};

void day_atr_init(struct day_atr *d);
void day_atr_push(struct day_atr *d, const struct candle *c);
double day_atr_fraction(const struct day_atr *d);      /* 0: unknown */

#endif
