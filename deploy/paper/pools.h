/* pools - the venue's rate limit: weights taken from pools per 30 s (kucoin-futures 4.1); private ones grow
 * with the VIP level.
 *
 * A window begins with the first call after the previous one ended.  Private pools are per account,
 * the public one per address (here one: loopback).  Times: monotonic ms.
 * Memory:  a value.  Threads: one.
 */
#ifndef PAPER_POOLS_H
#define PAPER_POOLS_H

#include <stdbool.h>
#include <stdint.h>

#define POOL_LIMIT 2000             /* the public one, and VIP 0 */
#define POOL_VIP_MAX 12
#define POOL_WINDOW_MS 30000

struct pool {
    int64_t end_ms;
    int left;
};

/* What a private pool of this VIP level (0 ... POOL_VIP_MAX) holds. */
int pool_limit(int vip);
/* False, and nothing taken, when less than `weight` is left of a pool of `limit`. */
bool pool_take(struct pool *p, int limit, int weight, int64_t now_ms);
int64_t pool_reset_ms(const struct pool *p, int64_t now_ms);

#endif
