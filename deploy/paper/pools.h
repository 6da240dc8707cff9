/* pools - the venue's rate limit: weights taken from pools of 2000 per 30 s (kucoin-futures 4.1).
 *
 * A window begins with the first call after the previous one ended.  Private pools are per account,
 * the public one per address (here one: loopback).  Times: monotonic ms.
 * Memory:  a value.  Threads: one.
 */
#ifndef PAPER_POOLS_H
#define PAPER_POOLS_H

#include <stdbool.h>
#include <stdint.h>

#define POOL_LIMIT 2000
#define POOL_WINDOW_MS 30000

struct pool {
    int64_t end_ms;
    int left;
};

/* False, and nothing taken, when less than `weight` is left. */
bool pool_take(struct pool *p, int weight, int64_t now_ms);
int64_t pool_reset_ms(const struct pool *p, int64_t now_ms);

#endif
