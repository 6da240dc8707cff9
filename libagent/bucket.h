/* bucket - token bucket: how much of an exchange's allowance may be used now.
 *
 * Tokens come back continuously at rate_per_s up to burst.  The last reserve_pct percent of burst are
 * only for reserved takers: cancels and closes still go out when entries have used up the rest.
 *
 * Units:   tokens are whole; kept in billionths inside.  Time is any monotonic clock's ns; going back is
 *          taken as no time passed.
 * Threads: pure functions of their arguments.
 */
#ifndef LIBAGENT_BUCKET_H
#define LIBAGENT_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_RESERVE_PCT 20

struct bucket {
    int64_t burst, rate_per_s;      /* tokens; 1 .. 1,000,000 */
    int64_t reserve;                /* tokens, of burst */
    int64_t nano;                   /* billionths of a token there now, 0 .. burst * 10^9 */
    int64_t at_ns;                  /* when that was so */
};

/* Full. */
void bucket_init(struct bucket *b, int64_t burst, int64_t rate_per_s, int reserve_pct, int64_t now_ns);
/* n >= 0.  All or nothing. */
bool bucket_take(struct bucket *b, int64_t n, int64_t now_ns, bool reserved);
/* After so long bucket_take would succeed, if nothing else takes: 0 now, -1 never (n is more than this
 * taker can ever have). */
int64_t bucket_wait_ns(const struct bucket *b, int64_t n, int64_t now_ns, bool reserved);
/* What the other end says is left; only ever lowers. */
void bucket_cap(struct bucket *b, int64_t left, int64_t now_ns);

#endif
