/* synth - the synthetic market, one minute after the other, deterministic per seed.
 *
 * Model: minute log-returns r_i = s (beta_i F + idio_i e_i), F and e_i Student-t with 4 degrees of
 * freedom (fat tails), F with a slowly turning drift; s = 0.031 % x exp(h) x the cycle of the day, h the
 * sum of three AR(1) of ten minutes, three hours and a day (regimes: volatility in clusters that decay
 * slowly).  A tenth of each move is overshoot and goes back within some twenty minutes.  High and low are
 * drawn from the law of the extremes of a Brownian bridge; volume is log-normal and follows volatility,
 * |r| and an AR(1) of its own.  A bar opens at the close before.
 * The market opens in an hour that is neither asleep nor wild and in which the symbols move together: of the
 * walks of a seed the first such one is taken, so that a short run sees entries.  Later hours are as they come.
 * Figures: within the ranges of the data notes' statistics, tests/deploy/paper/test_synth.c.
 * Threads: a value; pure.
 */
#ifndef PAPER_SYNTH_H
#define PAPER_SYNTH_H

#include <stdint.h>

#include "deploy/paper/contracts.h"

struct bar { int64_t open, high, low, close, lots; }; /* ticks, lots; lots 0: no such minute */

#define SYNTH_WAVES 3

struct rng { uint64_t s; };

uint64_t rng_next(struct rng *r);
double rng_unit(struct rng *r);         /* in (0, 1) */
double rng_normal(struct rng *r);
/* A generator of its own for (seed, a, b). */
struct rng rng_for(uint64_t seed, uint64_t a, uint64_t b);

struct synth {
    struct rng rng, mood;               /* moves and volumes; volatility */
    int64_t minute;                     /* of the next bar, since 1970 */
    double wave[SYNTH_WAVES], drift;
    double over[CONTRACTS_MAX];         /* of the price, to go back */
    double flow[CONTRACTS_MAX];         /* log volume above what is usual */
    double log_px[CONTRACTS_MAX];
};

/* Ready to give `minute`; the closes reach the table's start prices at `start_minute`. */
void synth_init(struct synth *s, uint64_t seed, int64_t minute, int64_t start_minute);
void synth_next(struct synth *s, struct bar bars[CONTRACTS_MAX]);

/* The premium of the contract over its index at a minute (fraction): smooth noise of about a bp, of hours and
 * days. */
double synth_premium(uint64_t seed, int sym, int64_t minute);

#endif
