/* ta_strategy - streaming indicators of the strategies and the ranker.
 *
 * Sources: J. Welles Wilder, New Concepts in Technical Trading Systems, 1978 (directional
 * movement, with the seeds of TA-Lib); Olivier Seban (Supertrend); Richard Donchian (channel).
 *
 * Invariants:
 *  1. The VWAP is kept as a mean, moved by each bar's share of the volume so far: it stays within
 *     the prices of its bars, whatever the volumes.
 *  2. A supertrend has a direction as soon as its ATR is ready, and both bands with it.
 */
#include <math.h>
#include <string.h>

#include "libagent/core/ta_strategy.h"
#include "proto/err.h"
#include "proto/tm.h"

#define YEAR_DAYS 365.0
/* TA-Lib's TA_EPSILON: a smaller range, or sum of +DI and -DI, counts as none. */
#define ADX_EPSILON 1e-14

static const struct ta_value NOT_READY;

static struct ta_value value(bool valid, double a, double b, double c)
{
    return (struct ta_value){.v = {a, b, c}, .ready = true, .valid = valid};
}

void ta_di_init(struct ta_di *d, int n)
{
    must(n >= 2);
    memset(d, 0, sizeof *d);
    d->n = n;
    d->inv = 1.0 / n;
}

struct ta_value ta_di_push(struct ta_di *d, double high, double low, double close)
{
    const double up = high - d->high, down = d->low - low;
    const double plus = up > 0 && up > down ? up : 0, minus = down > 0 && down > up ? down : 0;
    const double range = ta_true_range(d->close, high, low);

    d->high = high;
    d->low = low;
    d->close = close;
    if (d->count++ == 0)
        return NOT_READY;
    if (d->count > d->n) {
        d->count = d->n + 1;
        d->plus -= d->plus * d->inv;
        d->minus -= d->minus * d->inv;
        d->range -= d->range * d->inv;
    }
    d->plus += plus;
    d->minus += minus;
    d->range += range;
    if (d->count <= d->n)
        return NOT_READY;
    if (d->range < ADX_EPSILON)
        return value(false, 0, 0, 0);
    return value(true, 100 * (d->plus / d->range), 100 * (d->minus / d->range), 0);
}

void ta_adx_init(struct ta_adx *a, int n)
{
    memset(a, 0, sizeof *a);
    ta_di_init(&a->di, n);
    a->n = n;
    a->inv = 1.0 / n;
}

struct ta_value ta_adx_push(struct ta_adx *a, double high, double low, double close)
{
    const struct ta_value di = ta_di_push(&a->di, high, low, close);
    const double plus = di.v[0], minus = di.v[1], both = plus + minus;
    const bool moves = both >= ADX_EPSILON;

    if (!di.ready)
        return NOT_READY;
    const double dx = moves ? 100 * (fabs(plus - minus) / both) : 0;
    if (a->count < a->n) {
        a->value += dx;
        if (++a->count < a->n)
            return NOT_READY;
        a->value *= a->inv;
    } else if (moves) {
        a->value += (dx - a->value) * a->inv;
    }
    return value(moves, a->value, plus, minus);
}

void ta_supertrend_init(struct ta_supertrend *s, int n, double width)
{
    memset(s, 0, sizeof *s);
    ta_atr_init(&s->atr, n);
    s->width = width;
}

struct ta_value ta_supertrend_push(struct ta_supertrend *s, double high, double low, double close)
{
    const struct ta_value atr = ta_atr_push(&s->atr, high, low, close);
    const double middle = (high + low) / 2, half = atr.v[0] * s->width;
    const double upper = middle + half, lower = middle - half;

    if (!atr.ready) {
        s->close = close;
        return NOT_READY;
    }
    if (s->direction == 0) {
        s->upper = upper;
        s->lower = lower;
        s->direction = -1;
    } else {
        if (upper < s->upper || s->close > s->upper)
            s->upper = upper;
        if (lower > s->lower || s->close < s->lower)
            s->lower = lower;
    }
    s->close = close;
    if (s->direction < 0 ? close > s->upper : close < s->lower)
        s->direction = -s->direction;
    return value(atr.valid, s->direction < 0 ? s->upper : s->lower, s->direction, 0);
}

struct ta_value ta_donchian(bool ready, double hh, double ll)
{
    return ready ? value(hh > ll, ll, (hh + ll) / 2, hh) : NOT_READY;
}

void ta_vwap_init(struct ta_vwap *v)
{
    *v = (struct ta_vwap){.day = -1};
}

struct ta_value ta_vwap_push(struct ta_vwap *v, const struct candle *c)
{
    const int64_t day = c->start_ns / NS_PER_DAY;
    const double typical = (c->high + c->low + c->close) / 3;

    if (day != v->day)
        *v = (struct ta_vwap){.day = day};
    v->volume += c->volume;
    if (v->volume > 0)
        v->value += (typical - v->value) * (c->volume / v->volume);
    else
        v->value = typical;
    return value(v->volume > 0, v->value, v->volume, 0);
}

void ta_hv_init(struct ta_hv *h, int n, int64_t tf_ns)
{
    must(n >= 2 && tf_ns > 0);
    memset(h, 0, sizeof *h);
    ta_dev_init(&h->dev, n);
    h->factor = sqrt(n / (n - 1.0)) * sqrt(YEAR_DAYS * (double)NS_PER_DAY / (double)tf_ns);
}

struct ta_value ta_hv_push(struct ta_hv *h, double *win, double close)
{
    const double prev = h->prev_close;

    h->prev_close = close;
    if (prev == 0)
        return NOT_READY;
    const struct ta_value d = ta_dev_push(&h->dev, win, log(close / prev));
    return d.ready ? value(d.valid, d.v[1] * h->factor, 0, 0) : NOT_READY;
}
