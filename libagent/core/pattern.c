/* pattern - head and shoulders, wedges.
 *
 * Invariants:
 *  1. Prices are only ever compared with prices: differences, and multiples of them.  A bottom is
 *     the top of the negated prices, decided by the same code with side -1, bit for bit.
 *  2. Pivots alternate, and their bars never decrease.
 */
#include <math.h>
#include <string.h>

#include "libagent/core/pattern.h"
#include "proto/err.h"

#define SPAN (2 * DIV_SIDE + 1)

static const char *const names[PATTERN_COUNT] = {
#define V(name, text) #name,
    PATTERN_KINDS(V)
#undef V
};
static const char *const texts[PATTERN_COUNT] = {
#define V(name, text) text,
    PATTERN_KINDS(V)
#undef V
};

const char *pattern_name(enum pattern_kind k)
{
    return (unsigned)k < PATTERN_COUNT ? names[k] : "?";
}

const char *pattern_text(enum pattern_kind k)
{
    return (unsigned)k < PATTERN_COUNT ? texts[k] : "?";
}

/* 1: a top; -1: a bottom. */
static int side_of(enum pattern_kind k)
{
    return k % 2 == 0 ? 1 : -1;
}

int pattern_dir(enum pattern_kind k)
{
    return -side_of(k);
}

void pattern_init(struct pattern *p)
{
    memset(p, 0, sizeof *p);
    p->version = PATTERN_VERSION;
    p->size = sizeof *p;
    for (int k = 0; k < PATTERN_COUNT; k++)
        p->found[k].bar = -PATTERN_LIFE;
}

/* ---- lines ---- */

static struct pattern_line through(const struct pattern_pivot *a, const struct pattern_pivot *b)
{
    return (struct pattern_line){a->bar, a->price,
                                 (b->price - a->price) / (double)(b->bar - a->bar)};
}

/* How far a price is above the line at that bar. */
static double above(const struct pattern_line *l, int64_t bar, double price)
{
    return price - l->price - l->slope * (double)(bar - l->bar);
}

/* From the lower line up to the upper. */
static double width(const struct pattern_line *upper, const struct pattern_line *lower, int64_t bar)
{
    return upper->price - lower->price + upper->slope * (double)(bar - upper->bar) -
           lower->slope * (double)(bar - lower->bar);
}

/* ---- shapes; z: five pivots ---- */

static bool form_head(const struct pattern_pivot *z, int side, double atr,
                      struct pattern_formed *ret)
{
    const struct pattern_line neck = through(&z[1], &z[3]);
    const double height = side * above(&neck, z[2].bar, z[2].price);
    const double left = (double)(z[2].bar - z[0].bar), right = (double)(z[4].bar - z[2].bar);

    if (z[4].dir != side || height < PATTERN_HEIGHT_ATR * atr)
        return false;
    for (int i = 0; i <= 4; i += 4)
        if (side * (z[2].price - z[i].price) < PATTERN_SHOULDER * height ||
            side * above(&neck, z[i].bar, z[i].price) < PATTERN_SHOULDER * height)
            return false;
    if (fabs(z[0].price - z[4].price) > PATTERN_EVEN * height ||
        fabs(z[1].price - z[3].price) > PATTERN_EVEN * height ||
        fmax(left, right) > PATTERN_SKEW * fmin(left, right))
        return false;
    *ret = (struct pattern_formed){.height = height, .broken = neck,
                                   .wrong = {z[4].bar, z[4].price, 0}};
    return true;
}

static bool form_wedge(const struct pattern_pivot *z, int side, double atr,
                       struct pattern_formed *ret)
{
    const bool three_outer = z[0].dir == side;      /* three touches on the outer line, or two */
    const struct pattern_line three = through(&z[0], &z[4]), two = through(&z[1], &z[3]);
    const struct pattern_line outer = three_outer ? three : two, inner = three_outer ? two : three;
    const double bars = (double)(z[4].bar - z[0].bar);
    const double first = side * width(&outer, &inner, z[0].bar);
    const double middle = side * width(&outer, &inner, z[2].bar);
    const double last = side * width(&outer, &inner, z[4].bar);

    if (side * outer.slope * bars < PATTERN_RISE_ATR * atr ||
        side * inner.slope * bars < PATTERN_RISE_ATR * atr || first < PATTERN_HEIGHT_ATR * atr ||
        last > PATTERN_NARROW * first ||
        fabs(above(&three, z[2].bar, z[2].price)) > PATTERN_TOUCH * middle)
        return false;
    *ret = (struct pattern_formed){.height = first, .broken = inner, .wrong = outer};
    return true;
}

static bool form(const struct pattern *p, enum pattern_kind k, double atr,
                 struct pattern_formed *ret)
{
    const struct pattern_pivot *z = p->pivot;
    const int64_t first = z[0].bar, last = z[PATTERN_PIVOTS - 1].bar;
    const bool head = k == PATTERN_HEAD_SHOULDERS || k == PATTERN_INVERSE;

    if (p->pivots < PATTERN_PIVOTS || !(atr > 0) || last - first < PATTERN_MIN_BARS ||
        last - first > PATTERN_MAX_BARS ||
        !(head ? form_head : form_wedge)(z, side_of(k), atr, ret))
        return false;
    ret->first = first;
    ret->last = last;
    ret->waiting = 1;
    return true;
}

/* ---- pivots ---- */

/* Is the bar DIV_SIDE before the newest a pivot?  dir 1: a high one, -1: a low one. */
static bool is_pivot(const struct pattern *p, int64_t bar, int dir)
{
    const double *side = dir > 0 ? p->high : p->low, price = dir * side[bar % SPAN];

    for (int i = 1; i <= DIV_SIDE; i++)
        if (price <= dir * side[(bar - i) % SPAN] || price < dir * side[(bar + i) % SPAN])
            return false;
    return true;
}

static void append(struct pattern *p, struct pattern_pivot new)
{
    if (p->pivots >= PATTERN_PIVOTS)
        memmove(&p->pivot[0], &p->pivot[1], (PATTERN_PIVOTS - 1) * sizeof p->pivot[0]);
    p->pivot[p->pivots < PATTERN_PIVOTS ? p->pivots : PATTERN_PIVOTS - 1] = new;
    p->pivots++;
}

/* Put a confirmed pivot in its place.  True when the pivots have changed. */
static bool confirm(struct pattern *p, int64_t bar, int dir)
{
    const double price = (dir > 0 ? p->high : p->low)[bar % SPAN];
    const struct pattern_pivot new = {.bar = bar, .price = price, .dir = dir};
    const int64_t n = p->pivots < PATTERN_PIVOTS ? p->pivots : PATTERN_PIVOTS;
    struct pattern_pivot *last = n > 0 ? &p->pivot[n - 1] : NULL;

    if (last == NULL || last->dir != dir) {
        append(p, new);
        return true;
    }
    if (dir * (price - last->price) <= 0)
        return false;
    for (int k = 0; k < PATTERN_COUNT; k++)
        if (p->formed[k].last == last->bar)
            p->formed[k].waiting = 0;
    *last = new;
    return true;
}

/* A bar that is a pivot both ways first continues what was, then turns; as the very first it tells
 * no order, and is left out. */
static bool turns(struct pattern *p, int64_t bar)
{
    const bool high = is_pivot(p, bar, 1), low = is_pivot(p, bar, -1);
    const int64_t n = p->pivots < PATTERN_PIVOTS ? p->pivots : PATTERN_PIVOTS;
    const int was = n > 0 ? p->pivot[n - 1].dir : 0;

    if (high && low) {
        if (was == 0)
            return false;
        confirm(p, bar, was);
        return confirm(p, bar, -was);
    }
    return (high && confirm(p, bar, 1)) || (low && confirm(p, bar, -1));
}

/* ---- bars ---- */

/* What does a close say about a shape that waits? */
static void watch(struct pattern *p, enum pattern_kind k, int64_t bar, double close)
{
    struct pattern_formed *f = &p->formed[k];
    const int side = side_of(k);
    const double off = above(&f->broken, bar, close);

    if (bar - f->last > f->last - f->first || side * width(&f->wrong, &f->broken, bar) <= 0 ||
        side * above(&f->wrong, bar, close) > 0) {
        f->waiting = 0;
    } else if (side * off < 0) {
        f->waiting = 0;
        p->found[k] = (struct pattern_found){bar, f->first, f->last, close - off, f->height};
    }
}

int pattern_push(struct pattern *p, const struct candle *c, double atr)
{
    const int64_t bar = p->bars, pivot = bar - DIV_SIDE;
    struct pattern_formed f;

    if (candle_check(c) != CANDLE_OK || !(atr >= 0) || !isfinite(atr))
        return ERR_RANGE;
    p->bars++;
    p->high[bar % SPAN] = c->high;
    p->low[bar % SPAN] = c->low;
    const bool changed = pivot >= DIV_SIDE && turns(p, pivot);
    for (int k = 0; k < PATTERN_COUNT; k++) {
        if (changed && form(p, (enum pattern_kind)k, atr, &f))
            p->formed[k] = f;
        if (p->formed[k].waiting)
            watch(p, (enum pattern_kind)k, bar, c->close);
    }
    return ERR_OK;
}

const struct pattern_found *pattern_now(const struct pattern *p, enum pattern_kind k)
{
    const struct pattern_found *f = &p->found[k];

    return p->bars > 0 && p->bars - 1 - f->bar < PATTERN_LIFE ? f : NULL;
}

int pattern_restore(struct pattern *p, const void *bytes, size_t len)
{
    uint32_t head[2];

    if (len != sizeof *p)
        return ERR_TRUNCATED;
    memcpy(head, bytes, sizeof head);
    if (head[0] != PATTERN_VERSION || head[1] != sizeof *p)
        return ERR_VERSION;
    memcpy(p, bytes, sizeof *p);
    return ERR_OK;
}
