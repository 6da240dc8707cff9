/* synth - the synthetic market, one minute after the other, deterministic per seed.
 *
 * Model: minute log-returns r_i = s (beta_i F + idio_i e_i), F and e_i Student-t with 4 degrees of
 * freedom (fat tails), F with a slowly turning drift (trends and reversals); s = 0.095 % x exp(h) x
 * the cycle of the day, h the sum of a fast and a slow AR(1) (volatility in clusters).  High and low
 * are drawn from the law of the extremes of a Brownian bridge; volume is log-normal and follows
 * volatility and |r|.  A bar opens at the close before.  Figures: the data notes' statistics.
 * Threads: a value; pure.
 */
#ifndef PAPER_SYNTH_H
#define PAPER_SYNTH_H

#include <stdint.h>

#include "deploy/paper/contracts.h"

struct bar { int64_t open, high, low, close, lots; }; /* ticks, lots; lots 0: no such minute */

struct rng { uint64_t s; };

uint64_t rng_next(struct rng *r);
double rng_unit(struct rng *r);         /* in (0, 1) */
double rng_normal(struct rng *r);
/* A generator of its own for (seed, a, b). */
struct rng rng_for(uint64_t seed, uint64_t a, uint64_t b);

struct synth {
    struct rng rng;
    int64_t minute;                     /* of the next bar, since 1970 */
    double fast, slow, drift;
    double log_px[CONTRACTS_MAX];
};

/* Ready to give `minute`; the closes reach the table's start prices at `start_minute`. */
void synth_init(struct synth *s, uint64_t seed, int64_t minute, int64_t start_minute);
void synth_next(struct synth *s, struct bar bars[CONTRACTS_MAX]);

/* The premium of the contract over its index at a minute (fraction): smooth noise of some bp. */
double synth_premium(uint64_t seed, int sym, int64_t minute);

#endif
