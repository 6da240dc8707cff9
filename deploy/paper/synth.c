#include "deploy/paper/synth.h"

#include <math.h>
#include <string.h>

#include "libagent/core/gamma.h"
#include "proto/err.h"

#define MINUTE_SD 0.00031       /* of the common factor at h = 0; exp(h) makes it about twice that */
#define CYCLE 0.33              /* of the day's busiest and quietest hour around 1 */
#define DRIFT_SD 0.03           /* of F's own sd */
#define DRIFT_PHI 0.998
#define OVERSHOOT 0.10          /* of a move that goes back ... */
#define OVERSHOOT_PHI 0.95      /* ... within some twenty minutes */
#define VOL_VOLUME 0.75
#define MOVE_VOLUME 0.25
#define FLOW_PHI 0.95
#define FLOW_SD 0.45            /* of log volume, beside what volatility and the move explain */
#define FLOW_NOISE 0.30
#define OPEN_MIN 120            /* the first minutes after the start: exp(h) in the mean ... */
#define OPEN_LEAST 1.2
#define OPEN_MOST 2.5
#define MOODS 50
#define COHERENT 0.75           /* ... and the least Gamma then; 5 % of recorded hours let nobody in */
#define WALKS 20
#define R_MAX 0.04              /* of one minute; the worst recorded ones are about that */
#define PULL 1e-5               /* towards the start, per minute: prices stay plausible for years */
#define EXTREME 0.90            /* share of the minute's sd that the bridge moves inside the bar */
#define PREMIUM (-0.00003)      /* with interest: funding of 0.7 bp a period, sometimes negative */
#define PREMIUM_SD 0.00009
#define MIN_LOTS 4              /* a bar must print open, high, low and close */

/* h, the log of volatility: sums of AR(1) of ten minutes, three hours and a day. */
static const struct { double phi, sd; } waves[SYNTH_WAVES] = {
    {0.90, 0.52}, {0.9945, 0.50}, {0.9993, 0.34},
};

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

/* Busiest at 14:30 UTC, quietest at 4:30, ratio 2. */
static double day_cycle(int64_t minute)
{
    double after = fmod((double)(minute % 1440) / 60 - 14.5 + 24, 24);      /* hours since the peak */
    return 1 + CYCLE * cos(M_PI * (after < 14 ? after / 14 : (24 - after) / 10));
}

static double ar1(struct rng *r, double *x, double phi, double sd)
{
    return *x = phi * *x + sd * sqrt(1 - phi * phi) * rng_normal(r);
}

/* The next exp(h). */
static double mood_next(struct synth *s)
{
    double h = 0;
    for (int i = 0; i < SYNTH_WAVES; i++)
        h += ar1(&s->mood, &s->wave[i], waves[i].phi, waves[i].sd);
    return exp(h);
}

/* The returns of one minute; *ret_vol its volatility against MINUTE_SD. */
static void step(struct synth *s, double ret[CONTRACTS_MAX], double *ret_vol)
{
    double vol = mood_next(s) * day_cycle(s->minute);
    double factor = rng_t4(&s->rng) + ar1(&s->rng, &s->drift, DRIFT_PHI, DRIFT_SD);
    for (int i = 0; i < CONTRACTS_MAX; i++) {
        const struct contract *c = contract_get(i);
        double r = MINUTE_SD * vol * (c->beta * factor + c->idio * rng_t4(&s->rng));
        double over = OVERSHOOT_PHI * s->over[i] + OVERSHOOT * r;
        ret[i] = fmax(-R_MAX, fmin(R_MAX, r + over - s->over[i]));
        s->over[i] = over;
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
    double size = VOL_VOLUME * log(vol) + MOVE_VOLUME * fmin(4, fabs(r) / (MINUTE_SD * vol)) +
                  ar1(&s->rng, &s->flow[sym], FLOW_PHI, FLOW_SD) + FLOW_NOISE * rng_normal(&s->rng);
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

/* Of the moods of a seed the first one that is neither asleep nor wild when the market opens: a short run
 * then sees a market of the usual size. */
static void choose_mood(struct synth *s, uint64_t seed, int64_t minutes)
{
    double open = 0;
    for (uint64_t i = 1; i <= MOODS && (open < OPEN_LEAST || open > OPEN_MOST); i++) {
        struct synth dry = {.mood = rng_for(seed, 0, i)};
        s->mood = dry.mood;
        open = 0;
        for (int64_t m = 0; m < minutes + OPEN_MIN; m++) {
            double vol = mood_next(&dry);
            open += m >= minutes ? vol / OPEN_MIN : 0;
        }
    }
}

/* One pass from *s to `start_minute`, left in *dry.  Gamma at its end, of the walk's own hours. */
static double rehearse(const struct synth *s, int64_t start_minute, struct synth *dry)
{
    struct gamma g;
    struct bar bars[CONTRACTS_MAX];
    must(gamma_init(&g, CONTRACTS_MAX, start_minute * NS_PER_MIN) == 0);
    *dry = *s;
    while (dry->minute < start_minute) {
        synth_next(dry, bars);
        for (int i = 0; i < CONTRACTS_MAX && dry->minute % 60 == 0; i++) {
            const double px = exp(dry->log_px[i]);
            gamma_bar(&g, i, &(struct candle){
                .start_ns = dry->minute * NS_PER_MIN - GAMMA_TF_NS, .tf_ns = GAMMA_TF_NS,
                .open = px, .high = px, .low = px, .close = px, .volume = 1});
        }
    }
    gamma_update(&g, start_minute * NS_PER_MIN);
    return g.value;
}

void synth_init(struct synth *s, uint64_t seed, int64_t minute, int64_t start_minute)
{
    contracts_init();
    memset(s, 0, sizeof *s);
    choose_mood(s, seed, start_minute - minute);
    s->minute = minute;
    for (int i = 0; i < CONTRACTS_MAX; i++)
        s->log_px[i] = log(contract_get(i)->start_px);

    /* Of the walks of a seed the first that ends in an hour when the symbols move together, for the
     * same reason.  The pass also finds where it ends; the pull is linear, so the error of starting
     * lower by that much is known: it shrinks by (1 - PULL) a minute. */
    struct synth dry;
    for (uint64_t walk = 0; walk < WALKS; walk++) {
        s->rng = rng_for(seed, 1, walk);
        if (rehearse(s, start_minute, &dry) >= COHERENT)
            break;
    }
    double left = pow(1 - PULL, (double)(start_minute - minute));
    for (int i = 0; i < CONTRACTS_MAX; i++)
        s->log_px[i] -= (dry.log_px[i] - s->log_px[i]) / left;
}

/* Straight lines between normal knots. */
static double knots(uint64_t seed, uint64_t stream, int64_t minute, int64_t apart)
{
    struct rng a = rng_for(seed, stream, (uint64_t)(minute / apart));
    struct rng b = rng_for(seed, stream, (uint64_t)(minute / apart + 1));
    double w = (double)(minute % apart) / (double)apart;
    return (1 - w) * rng_normal(&a) + w * rng_normal(&b);
}

double synth_premium(uint64_t seed, int sym, int64_t minute)
{
    return PREMIUM + PREMIUM_SD * (0.8 * knots(seed, 0x700u + (unsigned)sym, minute, 240) +
                                   0.6 * knots(seed, 0x780u + (unsigned)sym, minute, 1440));
}
