/* pools - see pools.h */
#include "deploy/paper/pools.h"

bool pool_take(struct pool *p, int weight, int64_t now_ms)
{
    if (now_ms >= p->end_ms)
        *p = (struct pool){.end_ms = now_ms + POOL_WINDOW_MS, .left = POOL_LIMIT};
    if (weight > p->left)
        return false;
    p->left -= weight;
    return true;
}

int64_t pool_reset_ms(const struct pool *p, int64_t now_ms)
{
    return p->end_ms > now_ms ? p->end_ms - now_ms : 0;
}
