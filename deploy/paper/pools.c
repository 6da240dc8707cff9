/* pools - see pools.h */
#include "deploy/paper/pools.h"

int pool_limit(int vip)
{
    static const int limits[POOL_VIP_MAX + 1] = {2000, 2000, 4000, 5000, 6000, 7000, 8000,
                                                 10000, 12000, 14000, 16000, 18000, 20000};
    return limits[vip];
}

bool pool_take(struct pool *p, int limit, int weight, int64_t now_ms)
{
    if (now_ms >= p->end_ms)
        *p = (struct pool){.end_ms = now_ms + POOL_WINDOW_MS, .left = limit};
    if (weight > p->left)
        return false;
    p->left -= weight;
    return true;
}

int64_t pool_reset_ms(const struct pool *p, int64_t now_ms)
{
    return p->end_ms > now_ms ? p->end_ms - now_ms : 0;
}
