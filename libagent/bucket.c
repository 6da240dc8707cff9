/* bucket - see bucket.h */
#include "proto/err.h"

#include "libagent/bucket.h"

#define NANO      1000000000
#define TOKENS_MAX 1000000

void bucket_init(struct bucket *b, int64_t burst, int64_t rate_per_s, int reserve_pct, int64_t now_ns)
{
    must(burst >= 1 && burst <= TOKENS_MAX && rate_per_s >= 1 && rate_per_s <= TOKENS_MAX);
    must(reserve_pct >= 0 && reserve_pct <= 100);
    *b = (struct bucket){
        .burst = burst, .rate_per_s = rate_per_s, .reserve = burst * reserve_pct / 100,
        .nano = burst * NANO, .at_ns = now_ns,
    };
}

/* One token a second is one billionth a nanosecond: exact.  The product fits, as more than the missing
 * part is never multiplied. */
static int64_t nano_at(const struct bucket *b, int64_t now_ns)
{
    const int64_t full = b->burst * NANO, past = now_ns - b->at_ns;
    if (past <= 0)
        return b->nano;
    return past > (full - b->nano) / b->rate_per_s ? full : b->nano + past * b->rate_per_s;
}

static void advance(struct bucket *b, int64_t now_ns)
{
    b->nano = nano_at(b, now_ns);
    if (now_ns > b->at_ns)
        b->at_ns = now_ns;
}

/* What must be there for n to be taken. */
static int64_t needed(const struct bucket *b, int64_t n, bool reserved)
{
    return (n + (reserved ? 0 : b->reserve)) * NANO;
}

bool bucket_take(struct bucket *b, int64_t n, int64_t now_ns, bool reserved)
{
    must(n >= 0);
    advance(b, now_ns);
    if (n > b->burst || b->nano < needed(b, n, reserved))
        return false;
    b->nano -= n * NANO;
    return true;
}

int64_t bucket_wait_ns(const struct bucket *b, int64_t n, int64_t now_ns, bool reserved)
{
    must(n >= 0);
    if (n > b->burst || needed(b, n, reserved) > b->burst * NANO)
        return -1;
    const int64_t missing = needed(b, n, reserved) - nano_at(b, now_ns);
    if (missing <= 0)
        return 0;
    const int64_t wait = (missing + b->rate_per_s - 1) / b->rate_per_s;
    return now_ns < b->at_ns ? wait + (b->at_ns - now_ns) : wait;
}

void bucket_cap(struct bucket *b, int64_t left, int64_t now_ns)
{
    must(left >= 0);
    advance(b, now_ns);
    if (left <= b->burst && left * NANO < b->nano)
        b->nano = left * NANO;
}
