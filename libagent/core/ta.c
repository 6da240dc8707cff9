/* ta - technical indicators, streaming.
 *
 * Sources: J. Welles Wilder, New Concepts in Technical Trading Systems, 1978 (RSI, ATR); TA-Lib's
 * documented behaviour (seeds, alignment, flat markets); Bill Williams, New Trading Dimensions
 * (AO).
 *
 * Invariants:
 *  1. A window of n holds the newest n values; i is the place of the next one.
 *  2. Running sums are recomputed from the window each time i returns to 0, so that the rounding
 *     error is that of at most n updates, and a spike leaves no trace once the window has turned
 *     over.
 *  3. A window whose values are all equal answers that value, and deviation 0, exactly.
 *  4. The sliding maximum keeps, in one array, the values of the block being filled (places < i)
 *     and the suffix maxima of the block before (places >= i): the maximum of the last n is the
 *     larger of the running maximum of the one and a single element of the other (van Herk 1992,
 *     Gil-Werman 1993).
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "libagent/core/ta.h"
#include "proto/err.h"

/* TA-Lib's TA_EPSILON: a smaller sum of gains and losses counts as none. */
#define RSI_EPSILON 1e-14

static const struct ta_value NOT_READY;

static struct ta_value value(bool valid, double a, double b, double c)
{
    return (struct ta_value){.v = {a, b, c}, .ready = true, .valid = valid};
}

void ta_mean_init(struct ta_mean *m, int n)
{
    must(n >= 1);
    memset(m, 0, sizeof *m);
    m->n = n;
    m->inv = 1.0 / n;
}

struct ta_value ta_mean_push(struct ta_mean *m, double *win, double x)
{
    m->same = m->count > 0 && x == m->last ? m->same + (m->same < m->n) : 1;
    m->last = x;
    if (m->count == m->n)
        m->sum -= win[m->i];
    else
        m->count++;
    win[m->i] = x;
    m->sum += x;
    if (++m->i == m->n) {
        m->i = 0;
        m->sum = 0;
        for (int j = 0; j < m->n; j++)
            m->sum += win[j];
    }
    if (m->count < m->n)
        return NOT_READY;
    return value(true, m->same == m->n ? x : m->sum * m->inv, 0, 0);
}

void ta_dev_init(struct ta_dev *d, int n)
{
    must(n >= 1);
    memset(d, 0, sizeof *d);
    d->n = n;
    d->inv = 1.0 / n;
}

/* Invariant 2; the reference is a value of the window, so that the squares stay small. */
static void dev_rebuild(struct ta_dev *d, const double *win)
{
    d->ref = d->last;
    d->s1 = d->s2 = 0;
    for (int j = 0; j < d->n; j++) {
        const double x = win[j] - d->ref;
        d->s1 += x;
        d->s2 += x * x;
    }
}

struct ta_value ta_dev_push(struct ta_dev *d, double *win, double x)
{
    d->same = d->count > 0 && x == d->last ? d->same + (d->same < d->n) : 1;
    d->last = x;
    if (d->count == d->n) {
        const double old = win[d->i] - d->ref, new = x - d->ref;
        d->s1 += new - old;
        d->s2 += new * new - old * old;
    } else {
        d->count++;
    }
    win[d->i] = x;
    if (++d->i == d->n) {
        d->i = 0;
        dev_rebuild(d, win);
    }
    if (d->count < d->n)
        return NOT_READY;
    if (d->same == d->n)
        return value(false, x, 0, 0);
    const double mean = d->s1 * d->inv;
    const double var = d->s2 * d->inv - mean * mean;
    return value(var > 0, d->ref + mean, var > 0 ? sqrt(var) : 0, 0);
}

void ta_max_init(struct ta_max *m, double *win, int n)
{
    must(n >= 1);
    memset(m, 0, sizeof *m);
    m->n = n;
    for (int j = 0; j < n; j++)
        win[j] = -DBL_MAX;
}

double ta_max_push(struct ta_max *m, double *win, double x)
{
    const int32_t i = m->i;

    m->head = i > 0 && m->head > x ? m->head : x;
    win[i] = x;
    m->count += m->count < m->n;
    if (i + 1 < m->n) {
        m->i = i + 1;
        return m->head > win[i + 1] ? m->head : win[i + 1];
    }
    for (int j = i - 1; j >= 0; j--)
        win[j] = win[j] > win[j + 1] ? win[j] : win[j + 1];
    m->i = 0;
    return m->head;
}

void ta_ema_init(struct ta_ema *e, int n)
{
    must(n >= 1);
    memset(e, 0, sizeof *e);
    e->n = n;
    e->k = 2.0 / (n + 1);
}

struct ta_value ta_ema_push(struct ta_ema *e, double x)
{
    if (e->count == e->n) {
        e->value += (x - e->value) * e->k;
        return value(true, e->value, 0, 0);
    }
    e->value += x;
    if (++e->count < e->n)
        return NOT_READY;
    e->value /= e->n;
    return value(true, e->value, 0, 0);
}

void ta_rsi_init(struct ta_rsi *r, int n)
{
    must(n >= 1);
    memset(r, 0, sizeof *r);
    r->n = n;
    r->inv = 1.0 / n;
}

struct ta_value ta_rsi_push(struct ta_rsi *r, double close)
{
    const double change = close - r->prev;
    const double gain = change > 0 ? change : 0, loss = change < 0 ? -change : 0;

    r->prev = close;
    if (r->count > r->n) {
        r->gain += (gain - r->gain) * r->inv;
        r->loss += (loss - r->loss) * r->inv;
    } else {
        if (r->count > 0) {
            r->gain += gain;
            r->loss += loss;
        }
        if (r->count++ < r->n)
            return NOT_READY;
        r->gain *= r->inv;
        r->loss *= r->inv;
    }
    const double both = r->gain + r->loss;
    return both < RSI_EPSILON ? value(false, 0, 0, 0) : value(true, 100 * (r->gain / both), 0, 0);
}

void ta_atr_init(struct ta_atr *a, int n)
{
    must(n >= 1);
    memset(a, 0, sizeof *a);
    a->n = n;
    a->inv = 1.0 / n;
}

double ta_true_range(double prev_close, double high, double low)
{
    const double up = fabs(high - prev_close), down = fabs(low - prev_close);
    const double wider = up > down ? up : down;

    return high - low > wider ? high - low : wider;
}

struct ta_value ta_atr_push(struct ta_atr *a, double high, double low, double close)
{
    const double range = ta_true_range(a->prev_close, high, low);

    a->prev_close = close;
    if (a->count > a->n) {
        a->value += (range - a->value) * a->inv;
    } else {
        if (a->count > 0)
            a->value += range;
        if (a->count++ < a->n)
            return NOT_READY;
        a->value *= a->inv;
    }
    return value(a->value > 0, a->value, 0, 0);
}

void ta_macd_init(struct ta_macd *m, int fast, int slow, int signal)
{
    memset(m, 0, sizeof *m);
    if (slow < fast) {          /* as TA-Lib does */
        const int t = slow;
        slow = fast;
        fast = t;
    }
    ta_ema_init(&m->fast, fast);
    ta_ema_init(&m->slow, slow);
    ta_ema_init(&m->signal, signal);
    m->skip = slow - fast;
}

struct ta_value ta_macd_push(struct ta_macd *m, double close)
{
    const struct ta_value slow = ta_ema_push(&m->slow, close);

    if (m->skip > 0) {
        m->skip--;
        return NOT_READY;
    }
    const struct ta_value fast = ta_ema_push(&m->fast, close);
    if (!slow.ready)
        return NOT_READY;
    const double line = fast.v[0] - slow.v[0];
    const struct ta_value signal = ta_ema_push(&m->signal, line);
    return signal.ready ? value(true, line, signal.v[0], line - signal.v[0]) : NOT_READY;
}

void ta_bbands_init(struct ta_bbands *b, int n, double width)
{
    memset(b, 0, sizeof *b);
    ta_dev_init(&b->dev, n);
    b->width = width;
}

struct ta_value ta_bbands_push(struct ta_bbands *b, double *win, double close)
{
    const struct ta_value d = ta_dev_push(&b->dev, win, close);

    if (!d.ready)
        return NOT_READY;
    const double middle = d.v[0], half = d.v[1] * b->width;
    return value(half > 0, middle - half, middle, middle + half);
}

void ta_range_init(struct ta_range *r, double *win, int n)
{
    ta_max_init(&r->high, win, n);
    ta_max_init(&r->low, win + n, n);
}

bool ta_range_push(struct ta_range *r, double *win, double high, double low, double *hh, double *ll)
{
    *hh = ta_max_push(&r->high, win, high);
    *ll = -ta_max_push(&r->low, win + r->low.n, -low);
    return r->high.count == r->high.n;
}

/* Where in the range, 0 at its bottom, 1 at its top (exactly). */
static double position(double hh, double ll, double close)
{
    return (close - ll) / (hh - ll);
}

struct ta_value ta_willr(bool ready, double hh, double ll, double close)
{
    if (!ready)
        return NOT_READY;
    if (hh == ll)
        return value(false, 0, 0, 0);
    return value(true, (position(hh, ll, close) - 1) * 100, 0, 0);
}

void ta_stoch_init(struct ta_stoch *s, int k, int d)
{
    memset(s, 0, sizeof *s);
    ta_mean_init(&s->k, k);
    ta_mean_init(&s->d, d);
}

struct ta_value ta_stoch_push(struct ta_stoch *s, double *win, bool ready, double hh, double ll,
                              double close)
{
    const int32_t span = s->k.n + s->d.n - 1;   /* fast K's that K and D rest on */

    if (!ready)
        return NOT_READY;
    s->moving = hh == ll ? 0 : s->moving + (s->moving < span);
    const double fast = hh == ll ? 0 : position(hh, ll, close) * 100;
    const struct ta_value k = ta_mean_push(&s->k, win, fast);
    if (!k.ready)
        return NOT_READY;
    const struct ta_value d = ta_mean_push(&s->d, win + s->k.n, k.v[0]);
    return d.ready ? value(s->moving == span, k.v[0], d.v[0], 0) : NOT_READY;
}

void ta_kdj_init(struct ta_kdj *s, int k, int d)
{
    must(k >= 1 && d >= 1);
    *s = (struct ta_kdj){.k = 50, .d = 50, .inv_k = 1.0 / k, .inv_d = 1.0 / d};
}

struct ta_value ta_kdj_push(struct ta_kdj *s, bool ready, double hh, double ll, double close)
{
    if (!ready)
        return NOT_READY;
    const double rsv = hh == ll ? 50 : position(hh, ll, close) * 100;
    s->k += (rsv - s->k) * s->inv_k;
    s->d += (s->k - s->d) * s->inv_d;
    return value(hh != ll, s->k, s->d, 3 * s->k - 2 * s->d);
}

void ta_ao_init(struct ta_ao *a, int fast, int slow)
{
    ta_mean_init(&a->fast, fast);
    ta_mean_init(&a->slow, slow);
}

struct ta_value ta_ao_push(struct ta_ao *a, double *win, double high, double low)
{
    const double middle = (high + low) / 2;
    const struct ta_value fast = ta_mean_push(&a->fast, win, middle);
    const struct ta_value slow = ta_mean_push(&a->slow, win + a->fast.n, middle);

    return fast.ready && slow.ready ? value(true, fast.v[0] - slow.v[0], 0, 0) : NOT_READY;
}

struct ta_value ta_obv_push(struct ta_obv *o, double close, double volume)
{
    /* prev_close is 0 before the first bar; a product, as the direction cannot be predicted */
    o->value += volume * ((close > o->prev_close) - (close < o->prev_close));
    o->prev_close = close;
    return value(true, o->value, 0, 0);
}

void ta_init(struct ta *t)
{
    static const int ema_n[TA_EMA_COUNT] = {9, 21, 50, 200};

    memset(t, 0, sizeof *t);
    ta_rsi_init(&t->rsi, TA_RSI_N);
    ta_macd_init(&t->macd, TA_MACD_FAST, TA_MACD_SLOW, TA_MACD_SIGNAL);
    ta_range_init(&t->range14, t->range14_win, TA_WILLR_N);
    ta_range_init(&t->range9, t->range9_win, TA_KDJ_N);
    ta_stoch_init(&t->stoch, TA_STOCH_K, TA_STOCH_D);
    ta_kdj_init(&t->kdj, TA_KDJ_K, TA_KDJ_D);
    ta_ao_init(&t->ao, TA_AO_FAST, TA_AO_SLOW);
    ta_bbands_init(&t->bb, TA_BB_N, 2);
    ta_atr_init(&t->atr, TA_ATR_N);
    for (int i = 0; i < TA_EMA_COUNT; i++)
        ta_ema_init(&t->ema[i], ema_n[i]);
}

/* Everything in one body: handing 32-byte values from call to call costs as much as computing
 * them. */
__attribute__((flatten)) void ta_push(struct ta *t, const struct candle *c, struct ta_bar *ret)
{
    double hh, ll;

    ret->rsi = ta_rsi_push(&t->rsi, c->close);
    ret->macd = ta_macd_push(&t->macd, c->close);
    bool ready = ta_range_push(&t->range14, t->range14_win, c->high, c->low, &hh, &ll);
    ret->willr = ta_willr(ready, hh, ll, c->close);
    ret->stoch = ta_stoch_push(&t->stoch, t->stoch_win, ready, hh, ll, c->close);
    ready = ta_range_push(&t->range9, t->range9_win, c->high, c->low, &hh, &ll);
    ret->kdj = ta_kdj_push(&t->kdj, ready, hh, ll, c->close);
    ret->ao = ta_ao_push(&t->ao, t->ao_win, c->high, c->low);
    ret->bb = ta_bbands_push(&t->bb, t->bb_win, c->close);
    ret->obv = ta_obv_push(&t->obv, c->close, c->volume);
    ret->atr = ta_atr_push(&t->atr, c->high, c->low, c->close);
    for (int i = 0; i < TA_EMA_COUNT; i++)
        ret->ema[i] = ta_ema_push(&t->ema[i], c->close);
}
