#include "deploy/paper/synth.h"

#include <math.h>
#include <string.h>

#define MINUTE_SD 0.00095       /* of the common factor at h = 0 */
#define FAST_PHI 0.97
#define FAST_SD 0.40
#define SLOW_PHI 0.9995
#define SLOW_SD 0.22
#define DRIFT_PHI 0.95
#define DRIFT_SD 0.12           /* of F's own sd */
#define PULL 1e-5               /* towards the start, per minute: prices stay plausible for years */
#define EXTREME 0.55            /* share of the minute's sd that the bridge moves inside the bar */
#define MIN_LOTS 4              /* a bar must print open, high, low and close */

uint64_t rng_next(struct rng *r)        /* splitmix64: Steele, Lea, Flood 2014 */
{
    uint64_t z = (r->s += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

double rng_unit(struct rng *r)
{
    return ((double)(rng_next(r) >> 12) + 0.5) * 0x1p-52;
}

double rng_normal(struct rng *r)
{
    double u = rng_unit(r), v = rng_unit(r);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* Student-t, 4 degrees of freedom, variance 1 (Bailey 1994); cut at 25 sd. */
static double rng_t4(struct rng *r)
{
    double u = rng_unit(r), v = rng_unit(r);
    double t = sqrt(2 * (1 / sqrt(u) - 1)) * cos(2 * M_PI * v);
    return fmax(-25, fmin(25, t));
}

struct rng rng_for(uint64_t seed, uint64_t a, uint64_t b)
{
    struct rng r = {seed};
    r.s = rng_next(&r) ^ a;
    r.s = rng_next(&r) ^ b;
    r.s = rng_next(&r);
    return r;
}

/* Busiest at 14 to 15 UTC, quietest at 3 to 4, ratio about 2. */
static double day_cycle(int64_t minute)
{
    return 1 + 0.33 * cos(2 * M_PI * ((double)(minute % 1440) - 14.5 * 60) / 1440);
}

/* The returns of one minute; *ret_vol its volatility against MINUTE_SD. */
static void step(struct synth *s, double ret[CONTRACTS_MAX], double *ret_vol)
{
    s->fast = FAST_PHI * s->fast + FAST_SD * sqrt(1 - FAST_PHI * FAST_PHI) * rng_normal(&s->rng);
    s->slow = SLOW_PHI * s->slow + SLOW_SD * sqrt(1 - SLOW_PHI * SLOW_PHI) * rng_normal(&s->rng);
    s->drift = DRIFT_PHI * s->drift +
               DRIFT_SD * sqrt(1 - DRIFT_PHI * DRIFT_PHI) * rng_normal(&s->rng);
    double vol = exp(s->fast + s->slow) * day_cycle(s->minute);
    double factor = rng_t4(&s->rng) + s->drift;
    for (int i = 0; i < CONTRACTS_MAX; i++) {
        const struct contract *c = contract_get(i);
        ret[i] = MINUTE_SD * vol * (c->beta * factor + c->idio * rng_t4(&s->rng));
    }
    *ret_vol = vol;
    s->minute++;
}

/* The extremes of a bridge from a to b with sd `sd`: P(max > m) = exp(-2 (m - a)(m - b) / sd^2). */
static double bridge_extreme(struct rng *r, double a, double b, double sd, int up)
{
    double d = b - a;
    return (a + b + up * sqrt(d * d - 2 * sd * sd * log(rng_unit(r)))) / 2;
}

static void bar_next(struct synth *s, int sym, double r, double vol, struct bar *ret)
{
    const struct contract *c = contract_get(sym);
    double tick = dec_to_double(c->tick);
    double anchor = log(c->start_px);
    double a = s->log_px[sym], b = a + r - PULL * (a - anchor);
    double sd = EXTREME * MINUTE_SD * vol * hypot(c->beta, c->idio);
    double hi = bridge_extreme(&s->rng, a, b, sd, 1), lo = bridge_extreme(&s->rng, a, b, sd, -1);
    double size = 0.7 * log(vol) + 0.25 * fabs(r) / (MINUTE_SD * vol) + 0.5 * rng_normal(&s->rng);
    s->log_px[sym] = b;
    ret->open = llround(exp(a) / tick);
    ret->close = llround(exp(b) / tick);
    ret->high = llround(exp(hi) / tick);
    ret->low = llround(exp(lo) / tick);
    ret->lots = llround(c->lots_per_min * 0.6 * exp(size)) + MIN_LOTS;
}

void synth_next(struct synth *s, struct bar bars[CONTRACTS_MAX])
{
    double r[CONTRACTS_MAX], vol;
    step(s, r, &vol);
    for (int i = 0; i < CONTRACTS_MAX; i++)
        bar_next(s, i, r[i], vol, &bars[i]);
}

void synth_init(struct synth *s, uint64_t seed, int64_t minute, int64_t start_minute)
{
    contracts_init();
    memset(s, 0, sizeof *s);
    s->rng = rng_for(seed, 0, 0);
    s->minute = minute;
    for (int i = 0; i < CONTRACTS_MAX; i++)
        s->log_px[i] = log(contract_get(i)->start_px);

    /* A first pass finds where the walk ends; the pull is linear, so the error of starting lower by
     * that much is known: it shrinks by (1 - PULL) a minute. */
    struct synth dry = *s;
    struct bar bars[CONTRACTS_MAX];
    while (dry.minute < start_minute)
        synth_next(&dry, bars);
    double left = pow(1 - PULL, (double)(start_minute - minute));
    for (int i = 0; i < CONTRACTS_MAX; i++)
        s->log_px[i] -= (dry.log_px[i] - s->log_px[i]) / left;
}

double synth_premium(uint64_t seed, int sym, int64_t minute)
{
    const int64_t knot = 240;
    struct rng a = rng_for(seed, 0x700u + (unsigned)sym, (uint64_t)(minute / knot));
    struct rng b = rng_for(seed, 0x700u + (unsigned)sym, (uint64_t)(minute / knot + 1));
    double w = (double)(minute % knot) / (double)knot;
    return 0.00004 + 0.00012 * ((1 - w) * rng_normal(&a) + w * rng_normal(&b));
}
