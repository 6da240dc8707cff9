/* pool - log-odds pooling of probabilities.
 *
 * Invariant: terms are added in order of size, those for and those against apart.  So neither the
 * order of the opinions is of consequence, nor which of the two outcomes is called the rise.
 */
#include <math.h>

#include "libagent/core/pool.h"
#include "proto/err.h"

#define LN_2 0.6931471805599453

static double clamp(double p)
{
    return fmax(POOL_P_MIN, fmin(1 - POOL_P_MIN, p));
}

/* The two logarithms apart: logit(1 - p) is then exactly -logit(p) where 1 - p is exact. */
static double logit(double p)
{
    return log(p) - log(1 - p);
}

static size_t insert(double *sorted, size_t n, double x)
{
    size_t i = n;

    for (; i > 0 && sorted[i - 1] > x; i--)
        sorted[i] = sorted[i - 1];
    sorted[i] = x;
    return n + 1;
}

int pool_log_odds(const struct pool_opinion *o, size_t n, double *ret)
{
    double terms[POOL_MAX], pro = 0, con = 0;
    size_t count = 0;

    if (n > POOL_MAX)
        return ERR_SIZE;
    for (size_t i = 0; i < n; i++) {
        if (!(o[i].weight >= 0 && o[i].weight <= POOL_WEIGHT_MAX))
            return ERR_RANGE;
        if (o[i].weight == 0)
            continue;
        if (!(o[i].p >= 0 && o[i].p <= 1))
            return ERR_RANGE;
        count = insert(terms, count, o[i].weight * logit(clamp(o[i].p)));
    }
    if (count == 0)
        return ERR_EMPTY;
    for (size_t i = 0; i < count && terms[i] < 0; i++)
        con += terms[i];
    for (size_t i = count; i > 0 && terms[i - 1] > 0; i--)
        pro += terms[i - 1];
    *ret = clamp(1 / (1 + exp(-(pro + con))));
    return ERR_OK;
}

int pool_weights(const double *log_loss, size_t n, double *ret)
{
    double skill[POOL_MAX], sorted[POOL_MAX], total = 0;

    if (n > POOL_MAX)
        return ERR_SIZE;
    for (size_t i = 0; i < n; i++) {
        if (!(log_loss[i] >= 0))
            return ERR_RANGE;
        skill[i] = fmax(0, LN_2 - log_loss[i]);
        insert(sorted, i, skill[i]);
    }
    for (size_t i = 0; i < n; i++)
        total += sorted[i];
    if (!(total > 0))
        return ERR_EMPTY;
    for (size_t i = 0; i < n; i++)
        ret[i] = skill[i] / total;
    return ERR_OK;
}
