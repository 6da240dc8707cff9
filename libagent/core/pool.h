/* pool - one probability out of several: logit p = sum of w_m logit p_m.
 *
 * Each p_m, and the result, is held within POOL_P_MIN ... 1 - POOL_P_MIN, so that no single opinion
 * settles the matter.  Weights are taken as they are: with a sum of 1 (pool_weights) agreement
 * returns what all agree on, and doubt about a model draws towards the others, not towards 0.5.
 * The weights are from losses out of sample; the result still has to be calibrated by who uses it.
 * An opinion of weight 0 has no effect, whatever it says: a model that is off may say NaN.
 * The order of the opinions changes no bit.
 *
 * Output:  finite, only with ERR_OK.  Errors leave *ret untouched: ERR_SIZE more than POOL_MAX;
 *          ERR_RANGE a weight outside 0 ... POOL_WEIGHT_MAX, or one with weight whose p is
 *          outside 0 ... 1 or no number; ERR_EMPTY none with weight: unknown, which is not 0.5.
 * Memory:  the caller's.  Threads: pure functions.
 */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include <stddef.h>

#define POOL_MAX        32
#define POOL_P_MIN      0.001
#define POOL_WEIGHT_MAX 100.0

struct pool_opinion {
    double p;           /* probability of a rise */
    double weight;
};

int pool_log_odds(const struct pool_opinion *o, size_t n, double *ret);

/* Weights, sum 1, from mean log losses out of sample (nats): in proportion to max(0, ln 2 - loss),
 * what a model knows more than a coin.  ERR_EMPTY: none does, or n is 0; ERR_RANGE: a loss that is
 * negative or no number; ERR_SIZE as above. */
int pool_weights(const double *log_loss, size_t n, double *ret);

#endif
