/* candle - checks and aggregation of bars.
 *
 * Every comparison is written so that a NaN fails it; the check for finite numbers comes first,
 * so the later ones need not think of it.
 */
#include <math.h>

#include "libagent/core/candle.h"
#include "proto/err.h"

static const char *const names[] = {
#define V(name, text) #name,
    CANDLE_VERDICTS(V)
#undef V
};
static const char *const texts[] = {
#define V(name, text) text,
    CANDLE_VERDICTS(V)
#undef V
};

const char *candle_verdict_name(enum candle_verdict v)
{
    return (unsigned)v < CANDLE_VERDICT_COUNT ? names[v] : "?";
}

const char *candle_verdict_text(enum candle_verdict v)
{
    return (unsigned)v < CANDLE_VERDICT_COUNT ? texts[v] : "?";
}

enum candle_verdict candle_check(const struct candle *c)
{
    const double prices[] = {c->open, c->high, c->low, c->close};

    if (c->tf_ns <= 0)
        return CANDLE_BAD_TIMEFRAME;
    if (c->start_ns < 0 || c->start_ns % c->tf_ns != 0)
        return CANDLE_UNALIGNED;
    if (!isfinite(c->open) || !isfinite(c->high) || !isfinite(c->low) || !isfinite(c->close) ||
        !isfinite(c->volume))
        return CANDLE_NOT_FINITE;
    for (int i = 0; i < 4; i++)
        if (prices[i] <= 0)
            return CANDLE_NOT_POSITIVE;
    for (int i = 0; i < 4; i++)
        if (prices[i] < CANDLE_PRICE_MIN || prices[i] > CANDLE_PRICE_MAX)
            return CANDLE_OUT_OF_RANGE;
    if (c->volume > CANDLE_VOLUME_MAX)
        return CANDLE_OUT_OF_RANGE;
    if (c->high < c->low)
        return CANDLE_HIGH_BELOW_LOW;
    if (c->open > c->high || c->open < c->low || c->close > c->high || c->close < c->low)
        return CANDLE_OUTSIDE;
    if (c->volume < 0)
        return CANDLE_NEGATIVE_VOLUME;
    return CANDLE_OK;
}

enum candle_verdict candle_follows(const struct candle *c, int64_t prev_start_ns,
                                   int64_t prev_tf_ns, double prev_close)
{
    const enum candle_verdict v = candle_check(c);

    if (v != CANDLE_OK)
        return v;
    if (c->tf_ns != prev_tf_ns)
        return CANDLE_OTHER_TIMEFRAME;
    if (c->start_ns == prev_start_ns)
        return CANDLE_DUPLICATE;
    if (c->start_ns < prev_start_ns)
        return CANDLE_BACKWARDS;
    if (c->high > prev_close * CANDLE_JUMP_FACTOR || c->low < prev_close / CANDLE_JUMP_FACTOR)
        return CANDLE_JUMP;
    return c->start_ns == prev_start_ns + prev_tf_ns ? CANDLE_OK : CANDLE_GAP;
}

void candle_agg_init(struct candle_agg *a, int64_t tf_ns)
{
    must(tf_ns > 0);
    *a = (struct candle_agg){.cur.tf_ns = tf_ns};
}

int candle_agg_push(struct candle_agg *a, const struct candle *c, struct candle ret[2])
{
    const int64_t tf_ns = a->cur.tf_ns;
    const int64_t bucket_ns = c->start_ns - c->start_ns % tf_ns;
    int n = 0;

    must(c->tf_ns > 0 && tf_ns % c->tf_ns == 0);
    must(a->parts == 0 || bucket_ns >= a->cur.start_ns);
    if (!a->aligned && c->start_ns != bucket_ns)
        return 0;
    a->aligned = 1;
    if (a->parts > 0 && bucket_ns != a->cur.start_ns) {
        ret[n++] = a->cur;
        a->parts = 0;
    }
    if (a->parts == 0) {
        a->cur = *c;
        a->cur.start_ns = bucket_ns;
        a->cur.tf_ns = tf_ns;
    } else {
        a->cur.high = fmax(a->cur.high, c->high);
        a->cur.low = fmin(a->cur.low, c->low);
        a->cur.close = c->close;
        a->cur.volume += c->volume;
    }
    a->parts++;
    if (c->start_ns + c->tf_ns == bucket_ns + tf_ns) {
        ret[n++] = a->cur;
        a->parts = 0;
    }
    return n;
}
