/* day_atr - see day_atr.h */
#include <math.h>

#include "libagent/core/day_atr.h"

void day_atr_init(struct day_atr *d)
{
    *d = (struct day_atr){.newest_ns = -1};
    ta_atr_init(&d->atr, DAY_ATR_N);
}

void day_atr_push(struct day_atr *d, const struct candle *c)
{
    if (candle_check(c) != CANDLE_OK || c->start_ns <= d->newest_ns)
        return;
    double range = c->high - c->low;
    if (d->days > 0)
        range = fmax(range, fmax(fabs(c->high - d->close), fabs(c->low - d->close)));
    d->last = ta_atr_push(&d->atr, c->high, c->low, c->close);
    d->range_sum += range;
    d->close = c->close;
    d->newest_ns = c->start_ns;
    d->days++;
}

double day_atr_fraction(const struct day_atr *d)
{
    if (d->last.ready)
        return d->last.v[0] / d->close;
    return d->days >= DAY_ATR_MIN ? d->range_sum / d->days / d->close : 0;
}
