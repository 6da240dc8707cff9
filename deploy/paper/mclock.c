#include "deploy/paper/mclock.h"

#include <math.h>

int64_t mclock_market_ns(const struct mclock *c, int64_t mono_ns)
{
    return c->market_base_ns + (int64_t)((double)(mono_ns - c->mono_base_ns) * c->speed);
}

int64_t mclock_mono_ns(const struct mclock *c, int64_t market_ns)
{
    if (market_ns == INT64_MAX)
        return INT64_MAX;
    return c->mono_base_ns + (int64_t)ceil((double)(market_ns - c->market_base_ns) / c->speed);
}
