/* divergence - price and an indicator that disagree at two turning points.
 *
 * The newest five bars are enough: the middle one is the pivot that the newest confirms.
 */
#include <math.h>
#include <string.h>

#include "libagent/core/divergence.h"

#define SPAN  (2 * DIV_SIDE + 1)
#define NOISE 1e-9      /* of the least gap: its mirror image rounds differently */

void div_init(struct divergence *d)
{
    memset(d, 0, sizeof *d);
    d->high.bar = d->low.bar = -1;
    for (int i = 0; i < DIV_COUNT; i++)
        d->found[i].bar = -DIV_LIFE;
}

static const struct div_bar *bar_at(const struct divergence *d, int64_t bar)
{
    return &d->recent[bar % SPAN];
}

/* Is the bar a pivot?  dir 1: a high one, -1: a low one. */
static bool is_pivot(const struct divergence *d, int64_t bar, int dir)
{
    const struct div_bar *p = bar_at(d, bar);

    for (int k = 1; k <= DIV_SIDE; k++) {
        const struct div_bar *l = bar_at(d, bar - k), *r = bar_at(d, bar + k);
        if (dir > 0 ? p->high <= l->high || p->high < r->high : p->low >= l->low || p->low > r->low)
            return false;
    }
    return true;
}

static struct div_pivot pivot_at(const struct divergence *d, int64_t bar, int dir)
{
    const struct div_bar *b[3] = {bar_at(d, bar - 1), bar_at(d, bar), bar_at(d, bar + 1)};
    struct div_pivot p = {.bar = bar, .price = dir > 0 ? b[1]->high : b[1]->low,
                          .valid = b[0]->valid & b[1]->valid & b[2]->valid};

    for (int i = 0; i < DIV_COUNT; i++) {
        p.ind[i] = b[1]->ind[i];
        for (int k = 0; k < 3; k++)
            if (dir > 0 ? b[k]->ind[i] > p.ind[i] : b[k]->ind[i] < p.ind[i])
                p.ind[i] = b[k]->ind[i];
    }
    return p;
}

/* Least gap of an indicator without bounds; negative while there is too little history. */
static double gap_by_sd(const struct divergence *d, int i)
{
    const double *h = d->history[i - DIV_BOUNDED];
    double mean = 0, var = 0;

    if (d->history_n[i - DIV_BOUNDED] < DIV_HISTORY)
        return -1;
    for (int j = 0; j < DIV_HISTORY; j++)
        mean += h[j] / DIV_HISTORY;
    for (int j = 0; j < DIV_HISTORY; j++)
        var += (h[j] - mean) * (h[j] - mean) / DIV_HISTORY;
    return DIV_GAP_SD * sqrt(var);
}

/* Of what kind is the disagreement of two pivots: 0 none, 1 regular, 2 hidden. */
static int compare(const struct divergence *d, int i, const struct div_pivot *old,
                   const struct div_pivot *new, int dir)
{
    const double price = (new->price - old->price) * dir;     /* further out: positive */
    const double ind = (new->ind[i] - old->ind[i]) * dir;

    if (!(old->valid & new->valid & 1u << i) || (price > 0) == (ind > 0) || ind == 0)
        return 0;
    const double gap = i < DIV_BOUNDED ? DIV_GAP : gap_by_sd(d, i);
    if (gap < 0 || fabs(ind) < gap * (1 - NOISE))
        return 0;
    return price > 0 ? 1 : 2;
}

/* A confirmed pivot against the one before it: dirs[] gets what each indicator says. */
static void confirm(struct divergence *d, int64_t bar, int dir, double atr, int dirs[DIV_COUNT],
                    int hidden[DIV_COUNT])
{
    struct div_pivot *last = dir > 0 ? &d->high : &d->low;
    const struct div_pivot p = pivot_at(d, bar, dir);
    const int64_t apart = bar - last->bar;
    const bool close_by = last->bar >= 0 && apart >= DIV_MIN_BARS && apart <= DIV_MAX_BARS;

    if (close_by && atr > 0 && fabs(p.price - last->price) >= DIV_ATR * atr)
        for (int i = 0; i < DIV_COUNT; i++) {
            const int kind = compare(d, i, last, &p, dir);
            if (kind == 0)
                continue;
            /* a high pivot speaks for a fall, a low one for a rise; two at once cancel */
            dirs[i] = dirs[i] == 0 ? -dir : 2;
            hidden[i] = kind == 2;
        }
    *last = p;
}

void div_push(struct divergence *d, const struct div_bar *b)
{
    const int64_t bar = d->bars++, pivot = bar - DIV_SIDE;
    int dirs[DIV_COUNT] = {0}, hidden[DIV_COUNT] = {0};

    d->recent[bar % SPAN] = *b;
    for (int i = DIV_BOUNDED; i < DIV_COUNT; i++)
        if (b->ready & 1u << i) {
            int64_t *n = &d->history_n[i - DIV_BOUNDED];
            d->history[i - DIV_BOUNDED][(*n)++ % DIV_HISTORY] = b->ind[i];
        }
    if (pivot < DIV_SIDE)
        return;
    if (is_pivot(d, pivot, 1))
        confirm(d, pivot, 1, b->atr, dirs, hidden);
    if (is_pivot(d, pivot, -1))
        confirm(d, pivot, -1, b->atr, dirs, hidden);
    for (int i = 0; i < DIV_COUNT; i++)
        if (dirs[i] != 0)
            d->found[i] = (struct div_found){bar, dirs[i] == 2 ? 0 : dirs[i], hidden[i]};
}

int div_now(const struct divergence *d, enum div_indicator i, bool *hidden)
{
    const struct div_found *f = &d->found[i];

    if (d->bars == 0 || d->bars - 1 - f->bar >= DIV_LIFE)
        return 0;
    *hidden = f->hidden;
    return f->dir;
}
