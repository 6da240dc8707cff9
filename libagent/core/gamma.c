/* gamma - causal Kuramoto order parameter, lighthouse, kappa, CASCADE.
 *
 * Invariants:
 *  1. A close is stored under its hour, and used only where the stored hour is the one wanted:
 *     series that are shifted against each other cannot be mixed up, they are stale.
 *  2. Sums over symbols are taken in order of size, so the numbering of the symbols is of no
 *  consequence.
 */
#include <math.h>
#include <string.h>

#include "libagent/core/gamma.h"
#include "proto/err.h"

#define TWO_PI       6.283185307179586
#define DECAY_STEP_S 5.0

const char *gamma_gate_name(enum gamma_gate g)
{
    static const char *const names[GAMMA_GATE_COUNT] = {"PASS", "ABSTAIN", "GAMMA_STALE",
                                                          "GAMMA_LOW"};
    return (unsigned)g < GAMMA_GATE_COUNT ? names[g] : "?";
}

int gamma_init(struct gamma *m, int symbols, int64_t now_ns)
{
    if (symbols < 0 || symbols > GAMMA_SYMBOLS_MAX)
        return ERR_RANGE;
    memset(m, 0, sizeof *m);
    m->version = GAMMA_VERSION;
    m->size = sizeof *m;
    m->symbols = symbols;
    m->hour = -1;
    m->kappa = m->cascade = 1;
    m->cascade_ns = now_ns;
    for (int i = 0; i < symbols; i++) {
        m->symbol[i].newest = -1;
        for (int k = 0; k < GAMMA_CLOSES; k++)
            m->symbol[i].hour[k] = -1;
    }
    return ERR_OK;
}

enum candle_verdict gamma_bar(struct gamma *m, int i, const struct candle *c)
{
    const enum candle_verdict v = candle_check(c);

    must(i >= 0 && i < m->symbols);
    if (v != CANDLE_OK)
        return v;
    if (c->tf_ns != GAMMA_TF_NS)
        return CANDLE_OTHER_TIMEFRAME;
    struct gamma_symbol *s = &m->symbol[i];
    const int64_t hour = c->start_ns / GAMMA_TF_NS;
    if (hour <= s->newest - GAMMA_CLOSES)
        return CANDLE_BACKWARDS;
    const bool gap = s->newest >= 0 && hour > s->newest + 1;
    s->hour[hour % GAMMA_CLOSES] = hour;
    s->log_close[hour % GAMMA_CLOSES] = log(c->close);
    if (hour > s->newest)
        s->newest = hour;
    return gap ? CANDLE_GAP : CANDLE_OK;
}

/* The hour to evaluate: see the header.  -1: none. */
static int64_t hour_at(const struct gamma *m, int64_t now_ns)
{
    int64_t newest = -1;

    for (int i = 0; i < m->symbols; i++)
        if (m->symbol[i].newest > newest)
            newest = m->symbol[i].newest;
    if (newest < 0)
        return -1;
    const int64_t end_ns = (newest + 1) * GAMMA_TF_NS;
    if (now_ns >= end_ns + GAMMA_TF_NS + GAMMA_GRACE_NS)
        return -1;
    for (int i = 0; i < m->symbols && now_ns < end_ns + GAMMA_GRACE_NS; i++)
        if (m->symbol[i].newest == newest - 1)
            return newest - 1;
    return newest;
}

struct wave {
    double re[GAMMA_W], im[GAMMA_W];
};

static void wave_init(struct wave *w)
{
    for (int k = 0; k < GAMMA_W; k++) {
        const double window = 0.5 * (1 - cos(TWO_PI * (k + 0.5) / GAMMA_W));
        w->re[k] = window * cos(TWO_PI * k / GAMMA_P);
        w->im[k] = -window * sin(TWO_PI * k / GAMMA_P);
    }
}

/* Unit vector of the symbol's phase at the hour; false when it does not take part. */
static bool unit_of(const struct gamma_symbol *s, int64_t hour, const struct wave *w, double *re,
                    double *im)
{
    double x = 0, y = 0, size;

    if (hour < GAMMA_W)
        return false;
    for (int k = 0; k <= GAMMA_W; k++)
        if (s->hour[(hour - k) % GAMMA_CLOSES] != hour - k)
            return false;
    for (int k = 0; k < GAMMA_W; k++) {
        const double r = s->log_close[(hour - k) % GAMMA_CLOSES] -
                         s->log_close[(hour - k - 1) % GAMMA_CLOSES];
        x += w->re[k] * r;
        y += w->im[k] * r;
    }
    size = hypot(x, y);
    if (size < GAMMA_Z_MIN)
        return false;
    *re = x / size;
    *im = y / size;
    return true;
}

/* Sum in order of size (invariant 2); sorts x. */
static double sorted_sum(double *x, int n)
{
    double sum = 0;

    for (int i = 1; i < n; i++) {
        const double v = x[i];
        int j = i;
        for (; j > 0 && x[j - 1] > v; j--)
            x[j] = x[j - 1];
        x[j] = v;
    }
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static void evaluate(struct gamma *m)
{
    double re[GAMMA_SYMBOLS_MAX], im[GAMMA_SYMBOLS_MAX];
    double sorted_re[GAMMA_SYMBOLS_MAX], sorted_im[GAMMA_SYMBOLS_MAX];
    struct wave w;
    int n = 0;

    wave_init(&w);
    for (int i = 0; i < m->symbols; i++) {
        struct gamma_symbol *s = &m->symbol[i];
        s->phase = s->g = 0;
        s->fresh = unit_of(s, m->hour, &w, &re[i], &im[i]);
        if (!s->fresh)
            continue;
        s->phase = atan2(im[i], re[i]);
        sorted_re[n] = re[i];
        sorted_im[n++] = im[i];
    }
    m->fresh = n;
    m->valid = n >= GAMMA_SYMBOLS_MIN;
    m->value = m->psi = 0;
    if (!m->valid)
        return;
    const double x = sorted_sum(sorted_re, n) / n, y = sorted_sum(sorted_im, n) / n;
    m->value = fmin(hypot(x, y), 1);
    m->psi = atan2(y, x);
    for (int i = 0; i < m->symbols; i++)
        if (m->symbol[i].fresh)         /* |mean| cos(phase - psi) is the scalar product */
            m->symbol[i].g = fmax(-1, fmin(1, re[i] * x + im[i] * y));
}

static double clip(double x, double low, double high)
{
    return x > high ? high : x > low ? x : low;
}

static void decay(struct gamma *m, int64_t now_ns)
{
    if (now_ns <= m->cascade_ns)        /* the market's clock stood still */
        return;
    const double steps = (double)(now_ns - m->cascade_ns) / 1e9 / DECAY_STEP_S;
    m->cascade = clip(1 + (m->cascade - 1) * pow(0.999, steps), 1, CASCADE_MAX);
    m->cascade_ns = now_ns;
}

bool gamma_update(struct gamma *m, int64_t now_ns)
{
    const int32_t was = m->lighthouse;

    m->hour = hour_at(m, now_ns);
    evaluate(m);
    m->lighthouse = m->valid && m->value >= (was ? GAMMA_OFF : GAMMA_ON);
    m->strength = m->lighthouse ? clip((m->value - GAMMA_ON) / 0.01, 0, 1) : 0;
    m->kappa = m->valid ? 1 + 1.73 * clip((m->value - 0.90) / 0.09, 0, 1) : 1;
    decay(m, now_ns);
    return m->lighthouse != was;
}

void gamma_trade(struct gamma *m, int64_t now_ns, double pnl_fraction)
{
    decay(m, now_ns);
    if (pnl_fraction > 0)
        m->cascade *= 1.15 * (1 + 0.5 * clip(pnl_fraction, 0, 1));
    else
        m->cascade *= 0.95;
    m->cascade = clip(m->cascade, 1, CASCADE_MAX);
}

enum gamma_gate gamma_gate(const struct gamma *m, int i, double min_g)
{
    must(i >= 0 && i < m->symbols);
    if (m->symbols < GAMMA_SYMBOLS_MIN)
        return GAMMA_ABSTAIN;
    if (!m->valid || !m->symbol[i].fresh)
        return GAMMA_STALE;
    return m->symbol[i].g >= min_g ? GAMMA_PASS : GAMMA_LOW;
}

double gamma_multiplier(const struct gamma *m, bool enabled, bool emergency)
{
    return m->lighthouse && enabled && !emergency ? GAMMA_MULTIPLIER : 1;
}

int gamma_restore(struct gamma *m, const void *bytes, size_t len)
{
    uint32_t head[2];

    if (len != sizeof *m)
        return ERR_TRUNCATED;
    memcpy(head, bytes, sizeof head);
    if (head[0] != GAMMA_VERSION || head[1] != sizeof *m)
        return ERR_VERSION;
    memcpy(m, bytes, sizeof *m);
    return ERR_OK;
}
