/* mclock - the market clock: base + speed x elapsed monotonic time.
 *
 * The base is where the market stood when this process began, so the clock stands still while the
 * process is down.  Threads: a value; no global.
 */
#ifndef PAPER_MCLOCK_H
#define PAPER_MCLOCK_H

#include <stdint.h>

struct mclock {
    int64_t market_base_ns;
    int64_t mono_base_ns;
    double speed;           /* > 0 */
};

/* Market time at this reading of the monotonic clock (not before mono_base_ns). */
int64_t mclock_market_ns(const struct mclock *c, int64_t mono_ns);
/* The reading at which the market reaches `market_ns`, rounded up; INT64_MAX for INT64_MAX. */
int64_t mclock_mono_ns(const struct mclock *c, int64_t market_ns);

#endif
