/* Head and shoulders, wedges: drawn by hand at their limits, against a recomputation over whole
 * arrays, and properties over a million random bars, each shown to fail on a planted mutant.
 * ENIGMA_TEST_SEED names another seed. */
#define TEST_TIMEOUT 300
#include "libagent/core/pattern.h"
#include "libagent/core/ta.h"
#include "proto/err.h"
#include "tests/libagent/core/plain.h"
#include "tests/runner.h"

static uint64_t seed_given(void)
{
    const char *given = getenv("ENIGMA_TEST_SEED");
    return given != NULL ? strtoull(given, NULL, 10) : 20240805;
}

/* ---- drawn ---- */

struct drawing {
    double price[160];
    int n;
};

/* Straight from the newest point to this price. */
static void leg(struct drawing *d, int bars, double price)
{
    const double from = d->price[d->n - 1];
    for (int i = 1; i <= bars; i++)
        d->price[d->n++] = i == bars ? price : from + (price - from) * i / bars;
}

/* Up, or down, from far out, then through five points with the same number of bars between. */
static struct drawing five(const double *price, int bars)
{
    struct drawing d = {.price = {price[0] < price[1] ? 300 : 50}, .n = 1};
    leg(&d, 4, price[0]);
    for (int i = 1; i < 5; i++)
        leg(&d, bars, price[i]);
    return d;
}

/* The bar at which it is found, the drawing upright or upside down; -1: never. */
static int found_at(const struct drawing *d, double atr, enum pattern_kind k, bool mirrored,
                    struct pattern_found *ret)
{
    struct pattern p;
    int at = -1;

    pattern_init(&p);
    for (int t = 0; t < d->n; t++) {
        const double x = mirrored ? 1024 - d->price[t] : d->price[t];
        const struct candle c = {t * PLAIN_MINUTE, PLAIN_MINUTE, x, x, x, x, 1};
        ck_assert_int_eq(pattern_push(&p, &c, atr), ERR_OK);
        for (int i = 0; i < PATTERN_COUNT; i++) {
            const struct pattern_found *f = pattern_now(&p, (enum pattern_kind)i);
            if (f == NULL || f->bar != t)
                continue;
            ck_assert_msg(i == (int)k && at < 0, "a %s at bar %d", pattern_text(i), t);
            at = t;
            *ret = *f;
        }
    }
    return at;
}

/* A top of this kind (an even one) at that bar, and its bottom when turned upside down. */
static void expect(const struct drawing *d, double atr, enum pattern_kind top, int bar,
                   struct pattern_found *ret)
{
    struct pattern_found m = {0};
    ck_assert_int_eq(found_at(d, atr, top, false, ret), bar);
    ck_assert_int_eq(found_at(d, atr, top + 1, true, &m), bar);
    if (bar >= 0)
        ck_assert(m.first == ret->first && m.last == ret->last && m.height == ret->height &&
                  fabs(m.line - (1024 - ret->line)) < 1e-9);
}

/* Does it form?  The close falls through everything right after the last point. */
static bool head(const double *price, double atr)
{
    struct pattern_found f = {0}, m = {0};
    struct drawing d = five(price, 4);
    leg(&d, 1, price[4] - 0.5);
    leg(&d, 3, 20);
    const int at = found_at(&d, atr, PATTERN_HEAD_SHOULDERS, false, &f);
    ck_assert_int_eq(found_at(&d, atr, PATTERN_INVERSE, true, &m), at);
    return at >= 0;
}

static bool wedge(const double *price, double atr)
{
    struct pattern_found f = {0}, m = {0};
    struct drawing d = five(price, 4);
    if (price[4] < price[3])
        leg(&d, 2, (price[3] + price[4]) / 2);
    leg(&d, 4, 20);
    const int at = found_at(&d, atr, PATTERN_RISING_WEDGE, false, &f);
    ck_assert_int_eq(found_at(&d, atr, PATTERN_FALLING_WEDGE, true, &m), at);
    return at >= 0;
}
#define HEAD(atr, ...)  head((const double[]){__VA_ARGS__}, atr)
#define WEDGE(atr, ...) wedge((const double[]){__VA_ARGS__}, atr)

START_TEST(a_drawn_head_and_shoulders_is_found_at_its_break_with_its_figures)
{
    struct pattern_found f = {0};
    struct drawing d = five((const double[]){110, 104, 116, 104, 110}, 4);
    leg(&d, 8, 102);            /* 104 at bar 26 is on the neckline, 103 at bar 27 below */
    expect(&d, 1, PATTERN_HEAD_SHOULDERS, 27, &f);
    ck_assert(f.first == 4 && f.last == 20 && f.line == 104 && f.height == 12);

    /* A neckline that rises by 1/4 a bar: 108.75 at bar 27, where the close is 108.5. */
    d = five((const double[]){112, 104, 118, 106, 112}, 4);
    leg(&d, 8, 108);
    expect(&d, 1, PATTERN_HEAD_SHOULDERS, 27, &f);
    ck_assert(f.line == 108.75 && f.height == 13);
}
END_TEST

START_TEST(a_drawn_wedge_is_found_at_its_break_with_its_figures)
{
    struct pattern_found f = {0};
    /* Highs on a line of 1/4 a bar, lows on one of 5/8: 97.5 below 110 at the first touch. */
    struct drawing d = five((const double[]){110, 100, 112, 105, 114}, 4);
    leg(&d, 8, 106);            /* 110 against 110, then 109 against 110.625 */
    expect(&d, 1, PATTERN_RISING_WEDGE, 25, &f);
    ck_assert(f.first == 4 && f.last == 20 && f.line == 110.625 && f.height == 12.5);

    /* Three lows and two highs: 100, 104, 108 and 110, 112. */
    d = five((const double[]){100, 110, 104, 112, 108}, 4);
    leg(&d, 2, 111);
    leg(&d, 4, 107);            /* at bar 24 109 against 110 */
    expect(&d, 1, PATTERN_RISING_WEDGE, 24, &f);
    ck_assert(f.first == 4 && f.last == 20 && f.line == 110 && f.height == 9);
}
END_TEST

START_TEST(each_limit_of_a_head_and_shoulders_is_met_exactly_and_missed_by_a_tick)
{
    ck_assert(HEAD(1, 150, 100, 200, 100, 150));
    ck_assert(HEAD(50, 150, 100, 200, 100, 150));
    ck_assert(!HEAD(nextafter(50, 60), 150, 100, 200, 100, 150));
    ck_assert(!HEAD(0, 150, 100, 200, 100, 150));           /* no ATR yet */
    /* shoulders over the neckline, and under the head */
    ck_assert(HEAD(1, 120, 100, 200, 100, 120));
    ck_assert(!HEAD(1, 119.875, 100, 200, 100, 120));
    ck_assert(!HEAD(1, 120, 100, 200, 100, 119.875));
    ck_assert(HEAD(1, 180, 100, 200, 100, 180));
    ck_assert(!HEAD(1, 180.125, 100, 200, 100, 180));
    ck_assert(!HEAD(1, 180, 100, 200, 100, 180.125));
    /* shoulders apart, lows apart */
    ck_assert(HEAD(1, 130, 100, 200, 100, 160));
    ck_assert(!HEAD(1, 130, 100, 200, 100, 160.125));
    ck_assert(!HEAD(1, 160.125, 100, 200, 100, 130));
    ck_assert(HEAD(1, 160, 85, 200, 115, 160));
    ck_assert(!HEAD(1, 160, 84.875, 200, 115.125, 160));
}
END_TEST

/* The same figure with other times: bars of each leg. */
static bool head_timed(int a, int b, int c, int d)
{
    struct pattern_found f = {0};
    struct drawing x = {.price = {50}, .n = 1};
    leg(&x, 4, 150);
    leg(&x, a, 100);
    leg(&x, b, 200);
    leg(&x, c, 100);
    leg(&x, d, 150);
    leg(&x, 1, 149);
    leg(&x, 3, 20);
    const int at = found_at(&x, 1, PATTERN_HEAD_SHOULDERS, false, &f);
    return at >= 0;
}

START_TEST(the_times_of_a_head_and_shoulders_have_limits)
{
    ck_assert(head_timed(2, 2, 5, 5) && head_timed(5, 5, 2, 2));
    ck_assert(!head_timed(2, 2, 5, 6) && !head_timed(6, 5, 2, 2));
    ck_assert(head_timed(2, 2, 2, 2) && !head_timed(2, 1, 2, 2));       /* 8 bars, 7 */
    ck_assert(head_timed(30, 30, 30, 30) && !head_timed(30, 31, 30, 30));
}
END_TEST

START_TEST(each_limit_of_a_wedge_is_met_exactly_and_missed_by_a_tick)
{
    ck_assert(WEDGE(1, 110, 100, 112, 105, 114));
    ck_assert(WEDGE(6.25, 110, 100, 112, 105, 114));        /* 12.5 high */
    ck_assert(!WEDGE(nextafter(6.25, 7), 110, 100, 112, 105, 114));
    ck_assert(!WEDGE(0, 110, 100, 112, 105, 114));
    ck_assert(WEDGE(2, 110, 100, 110.5, 105, 111));         /* the upper line rises by 1 */
    ck_assert(!WEDGE(nextafter(2, 3), 110, 100, 110.5, 105, 111));
    ck_assert(!WEDGE(1, 110, 100, 110, 105, 110));          /* a triangle: flat on top */
    ck_assert(!WEDGE(1, 110, 100, 112, 101, 114));          /* a channel */
    /* Width 10 at the first touch, 7 at the last: 0.75 of a rise against 0.5625 ... */
    ck_assert(WEDGE(1, 111.25, 102.75, 112.75, 105.75, 114.25));
    ck_assert(!WEDGE(1, 111.25, 102.75, 112.8125, 105.75, 114.375));
    /* The middle high: the line is at 114 and 10 above the other, so up to 2 off. */
    ck_assert(WEDGE(1, 112, 100, 116, 108, 116) && !WEDGE(1, 112, 100, 116.125, 108, 116));
    ck_assert(WEDGE(1, 112, 100, 112, 108, 116) && !WEDGE(1, 112, 100, 111.875, 108, 116));
}
END_TEST

/* After the right shoulder of 110 at bar 20 the prices given, bar by bar. */
static int after_the_shoulder(int n, const double *price)
{
    struct pattern_found f = {0};
    struct drawing d = five((const double[]){110, 104, 116, 104, 110}, 4);
    for (int i = 0; i < n; i++)
        leg(&d, 1, price[i]);
    return found_at(&d, 1, PATTERN_HEAD_SHOULDERS, false, &f);
}

START_TEST(a_shape_waits_for_its_break_as_long_as_it_took_and_until_it_is_proved_wrong)
{
    double price[20];
    for (int i = 0; i < 20; i++)
        price[i] = 108;
    price[15] = 103;
    ck_assert_int_eq(after_the_shoulder(20, price), 36);
    price[15] = 108;
    price[16] = 103;
    ck_assert_int_eq(after_the_shoulder(20, price), -1);
    price[4] = 110;                                     /* at the shoulder, not above it */
    price[12] = 103;
    ck_assert_int_eq(after_the_shoulder(20, price), 33);
    price[4] = 110.125;
    ck_assert_int_eq(after_the_shoulder(20, price), -1);
    /* Fallen through before the shoulder is known: found when it is, not before. */
    ck_assert_int_eq(after_the_shoulder(2, (const double[]){100, 99}), 22);
}
END_TEST

/* A wick above the shoulder, before any low between: it is the shoulder, too near the head. */
START_TEST(a_shoulder_that_is_overtaken_was_none)
{
    struct drawing d = five((const double[]){110, 104, 116, 104, 110}, 4);
    leg(&d, 8, 102);
    for (int wick = 0; wick < 2; wick++) {
        struct pattern p;
        int at = -1;
        pattern_init(&p);
        for (int t = 0; t < d.n; t++) {
            const double price = d.price[t], high = wick && t == 23 ? 115 : price;
            const struct candle c = {t * PLAIN_MINUTE, PLAIN_MINUTE, price, high, price, price, 1};
            ck_assert_int_eq(pattern_push(&p, &c, 1), ERR_OK);
            if (pattern_now(&p, PATTERN_HEAD_SHOULDERS) != NULL && at < 0)
                at = t;
        }
        ck_assert_int_eq(at, wick ? -1 : 27);
    }
}
END_TEST

START_TEST(of_two_equal_shoulders_in_a_row_the_older_stays)
{
    struct pattern_found f = {0};
    struct drawing d = five((const double[]){110, 104, 116, 104, 110}, 4);
    leg(&d, 1, 109);
    leg(&d, 1, 109);
    leg(&d, 1, 110);            /* a high pivot, and no low one between */
    leg(&d, 8, 102);
    expect(&d, 1, PATTERN_HEAD_SHOULDERS, 30, &f);
    ck_assert(f.last == 20);
}
END_TEST

/* It tells no order: neither its high nor its low begins a shape. */
START_TEST(a_first_pivot_both_ways_is_left_out)
{
    struct drawing d = {.price = {105, 105, 100}, .n = 3};
    leg(&d, 6, 110);
    leg(&d, 4, 104);
    leg(&d, 4, 112);
    leg(&d, 4, 108);
    leg(&d, 2, 111);
    leg(&d, 4, 95);
    for (int mirrored = 0; mirrored < 2; mirrored++)
        for (int wick = 0; wick < 2; wick++) {
            struct pattern p;
            bool found = false;
            pattern_init(&p);
            for (int t = 0; t < d.n; t++) {
                const double a = d.price[t], b = wick && t == 2 ? 115 : a;
                const struct candle c = mirrored ? (struct candle){t * PLAIN_MINUTE, PLAIN_MINUTE,
                                                       1024 - a, 1024 - a, 1024 - b, 1024 - a, 1}
                                                 : (struct candle){t * PLAIN_MINUTE, PLAIN_MINUTE,
                                                                   a, b, a, a, 1};
                ck_assert_int_eq(pattern_push(&p, &c, 1), ERR_OK);
                for (int k = 0; k < PATTERN_COUNT; k++)
                    found |= pattern_now(&p, (enum pattern_kind)k) != NULL;
            }
            ck_assert_int_eq(found, !wick);
        }
}
END_TEST

START_TEST(what_is_found_counts_for_five_bars)
{
    struct pattern p;
    struct drawing d = five((const double[]){110, 104, 116, 104, 110}, 4);
    leg(&d, 20, 90);
    pattern_init(&p);
    ck_assert_ptr_null(pattern_now(&p, PATTERN_HEAD_SHOULDERS));
    for (int t = 0; t < d.n; t++) {
        const double x = d.price[t];
        const struct candle c = {t * PLAIN_MINUTE, PLAIN_MINUTE, x, x, x, x, 1};
        pattern_push(&p, &c, 1);
        ck_assert_int_eq(pattern_now(&p, PATTERN_HEAD_SHOULDERS) != NULL, t >= 27 && t < 32);
    }
    ck_assert_int_eq(pattern_dir(PATTERN_HEAD_SHOULDERS), -1);
    ck_assert_int_eq(pattern_dir(PATTERN_INVERSE), 1);
    ck_assert_int_eq(pattern_dir(PATTERN_RISING_WEDGE), -1);
    ck_assert_int_eq(pattern_dir(PATTERN_FALLING_WEDGE), 1);
    ck_assert_str_eq(pattern_name(PATTERN_INVERSE), "INVERSE");
    ck_assert_str_eq(pattern_text(PATTERN_FALLING_WEDGE), "falling wedge");
    ck_assert_str_eq(pattern_name(PATTERN_COUNT), "?");
}
END_TEST

START_TEST(bad_bars_are_refused_and_change_nothing)
{
    struct pattern p, before;
    const struct candle good = {0, PLAIN_MINUTE, 10, 11, 9, 10, 1};
    const double bad[] = {NAN, INFINITY, -INFINITY, 0, -1, 1e308};
    pattern_init(&p);
    pattern_push(&p, &good, 1);
    before = p;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct candle c = good;
        c.high = bad[i];
        ck_assert_int_eq(pattern_push(&p, &c, 1), ERR_RANGE);
        c = good;
        c.close = bad[i];
        ck_assert_int_eq(pattern_push(&p, &c, 1), ERR_RANGE);
    }
    ck_assert_int_eq(pattern_push(&p, &good, NAN), ERR_RANGE);
    ck_assert_int_eq(pattern_push(&p, &good, INFINITY), ERR_RANGE);
    ck_assert_int_eq(pattern_push(&p, &good, -1), ERR_RANGE);
    ck_assert(memcmp(&p, &before, sizeof p) == 0);
    ck_assert_int_eq(pattern_restore(&p, &before, 3), ERR_TRUNCATED);
    before.version++;
    ck_assert_int_eq(pattern_restore(&p, &before, sizeof before), ERR_VERSION);
}
END_TEST

/* ---- once more, over whole arrays ---- */

enum { BARS = 1000 };

struct answer {
    bool found;
    double first, last, line, height;
};
typedef struct answer row_t[PATTERN_COUNT];

static double atr_of[BARS];

static void atrs(const struct candle *c)
{
    struct ta_atr a;
    ta_atr_init(&a, 14);
    for (int t = 0; t < BARS; t++)
        atr_of[t] = ta_atr_push(&a, c[t].high, c[t].low, c[t].close).v[0];
}

static double price_at(const struct candle *c, int t, int dir)
{
    return dir > 0 ? c[t].high : c[t].low;
}

struct plain_point {
    int bar, dir;
    double y;           /* times side: the shape is always a top */
};

static double on_line(const struct plain_point *a, const struct plain_point *b, double x)
{
    return a->y + (b->y - a->y) * (x - a->bar) / (b->bar - a->bar);
}

/* The shape in five points: its height, or 0.  ends: the points of the line that breaks, of the
 * line that proves it wrong (the same point twice: level). */
static double plain_shape(bool is_head, const struct plain_point *z, double atr, int ends[4])
{
    const int bars = z[4].bar - z[0].bar;
    if (bars < 8 || bars > 120 || !(atr > 0))
        return 0;
    if (is_head) {
        const double h = z[2].y - on_line(&z[1], &z[3], z[2].bar);
        const double skew = (double)(z[2].bar - z[0].bar) / (z[4].bar - z[2].bar);
        memcpy(ends, (const int[]){1, 3, 4, 4}, 4 * sizeof *ends);
        const bool ok = z[4].dir > 0 && h >= 2 * atr && skew <= 2.5 && 1 / skew <= 2.5 &&
                        fabs(z[0].y - z[4].y) <= 0.3 * h && fabs(z[1].y - z[3].y) <= 0.3 * h &&
                        fmax(z[0].y, z[4].y) <= z[2].y - 0.2 * h &&
                        z[0].y >= on_line(&z[1], &z[3], z[0].bar) + 0.2 * h &&
                        z[4].y >= on_line(&z[1], &z[3], z[4].bar) + 0.2 * h;
        return ok ? h : 0;
    }
    const int u = z[0].dir > 0 ? 0 : 1, l = 1 - u;      /* first of the upper, of the lower */
    const struct plain_point *u1 = &z[u], *u2 = &z[4 - u], *l1 = &z[l], *l2 = &z[4 - l];
    double w[5];
    memcpy(ends, (const int[]){l, 4 - l, u, 4 - u}, 4 * sizeof *ends);
    for (int i = 0; i < 5; i++)
        w[i] = on_line(u1, u2, z[i].bar) - on_line(l1, l2, z[i].bar);
    const bool ok = (u2->y - u1->y) * bars / (u2->bar - u1->bar) >= 0.5 * atr &&
                    (l2->y - l1->y) * bars / (l2->bar - l1->bar) >= 0.5 * atr &&
                    w[0] >= 2 * atr && w[4] <= 0.7 * w[0] &&
                    fabs(z[2].y - on_line(&z[0], &z[4], z[2].bar)) <= 0.2 * w[2];
    return ok ? w[0] : 0;
}

/* From the bar it formed: the bar it breaks at, or the one it ends at, negated. */
static int plain_break(const struct candle *c, int n, int from, int side,
                       const struct plain_point *z, const int ends[4])
{
    for (int t = from; t < n; t++) {
        const double close = side * c[t].close, line = on_line(&z[ends[0]], &z[ends[1]], t);
        const double wrong = ends[2] == ends[3] ? z[4].y : on_line(&z[ends[2]], &z[ends[3]], t);
        if (t > 2 * z[4].bar - z[0].bar || line >= wrong || close > wrong)
            return -t;
        if (close < line)
            return t;
    }
    return -n;
}

static void plain_patterns(const struct candle *c, int n, enum pattern_kind k, row_t *out)
{
    static struct plain_point z[BARS];
    const int side = k % 2 == 0 ? 1 : -1;
    int points = 0, broken = 0, since = 0, ends[4];
    struct answer next = {0};
    int last = -1;

    for (int t = 0; t < n; t++) {
        bool changed = false;
        const int was = points > 0 ? z[points - 1].dir * side : 0, b = t - 2;
        const bool both = b >= 2 && plain_pivot(c, b, 1) && plain_pivot(c, b, -1);
        for (int i = 0; i < 2 && b >= 2 && !(both && was == 0); i++) {
            const int dir = i == 0 ? (was != 0 ? was : 1) : (was != 0 ? -was : -1);
            const double y = side * price_at(c, b, dir);
            if (!plain_pivot(c, b, dir))
                continue;
            if (points == 0 || z[points - 1].dir != dir * side) {
                points++;
            } else if (dir * side * (y - z[points - 1].y) <= 0) {
                continue;
            } else if (last == z[points - 1].bar && broken >= t) {
                broken = 0;             /* overtaken before it broke */
            }
            z[points - 1] = (struct plain_point){b, dir * side, y};
            changed = true;
        }
        const struct plain_point *five_of = points >= 5 ? &z[points - 5] : z;
        const double h = points >= 5 && changed ? plain_shape(k < 2, five_of, atr_of[t], ends) : 0;
        if (h > 0) {
            since = t;
            last = five_of[4].bar;
            broken = plain_break(c, n, since, side, five_of, ends);
            if (broken > 0)
                next = (struct answer){true, five_of[0].bar, last,
                                       side * on_line(&five_of[ends[0]], &five_of[ends[1]], broken),
                                       h};
        }
        out[t][k] = (struct answer){0};
        if (broken == t && t > 0 && since <= t && next.found)
            out[t][k] = next;
    }
}

/* ---- properties ---- */

enum mutant { NONE, PEEKS, LOPSIDED, LEVEL_BOUND, UNCONFIRMED, FORGETS_PIVOTS, BLIND };
static const char *const mutant_names[] = {
    "none", "knows the next bar", "bottoms that need more height", "a height of two dollars",
    "found a bar before the pivot is known", "pivots left out of the snapshot",
    "one shape in ten overlooked",
};

static void answer(const struct pattern *p, enum mutant m, const struct candle *c, int t, int n,
                   row_t v)
{
    for (int k = 0; k < PATTERN_COUNT; k++) {
        const struct pattern_found *f = pattern_now(p, (enum pattern_kind)k);
        v[k] = (struct answer){0};
        if (f == NULL || f->bar != t ||
            (m == LOPSIDED && k % 2 == 1 && f->height < 3 * atr_of[t]) ||
            (m == LEVEL_BOUND && f->height < 10) || (m == BLIND && f->first % 10 == 0) ||
            (m == PEEKS && t + 1 < n && c[t + 1].close > c[t].close))
            continue;
        v[k] = (struct answer){true, (double)f->first, (double)f->last + (m == UNCONFIRMED),
                               f->line, f->height};
    }
}

static void run(const struct candle *c, int n, enum mutant m, row_t *out)
{
    struct pattern p;
    int refused = 0;
    pattern_init(&p);
    atrs(c);
    for (int t = 0; t < n; t++) {
        refused += pattern_push(&p, &c[t], atr_of[t]) != ERR_OK;
        answer(&p, m, c, t, n, out[t]);
    }
    ck_assert_int_eq(refused, 0);
}

static row_t x[BARS], y[BARS];
static struct candle other[BARS];

static bool same(const struct answer *a, const struct answer *b)
{
    return a->found == b->found && a->first == b->first && a->last == b->last &&
           a->line == b->line && a->height == b->height;
}

static void transform(const struct candle *c, int from, double factor, double level)
{
    for (int t = 0; t < BARS; t++) {
        const double f = t < from ? 1 : factor;
        other[t] = c[t];
        other[t].open = f * c[t].open + level;
        other[t].close = f * c[t].close + level;
        other[t].high = f * (f > 0 ? c[t].high : c[t].low) + level;
        other[t].low = f * (f > 0 ? c[t].low : c[t].high) + level;
    }
}

static bool does_not_look_ahead(const struct candle *c, uint64_t *seed, enum mutant m)
{
    const int cut = 1 + (int)(plain_random(seed) % (BARS - 1));
    transform(c, cut, 1.25, 0);
    run(c, BARS, m, x);
    run(other, BARS, m, y);
    for (int t = 0; t < cut; t++)
        for (int k = 0; k < PATTERN_COUNT; k++)
            if (!same(&x[t][k], &y[t][k]))
                return false;
    return true;
}

/* Prices reflected at a level: each top is a bottom, at the same bars. */
static bool mirrors_tops_and_bottoms(const struct candle *c, uint64_t *seed, enum mutant m)
{
    (void)seed;
    transform(c, 0, -1, 4096);
    run(c, BARS, m, x);
    run(other, BARS, m, y);
    for (int t = 0; t < BARS; t++)
        for (int k = 0; k < PATTERN_COUNT; k++) {
            const struct answer *a = &x[t][k], *b = &y[t][k ^ 1];
            if (a->found != b->found || a->first != b->first || a->last != b->last ||
                a->height != b->height || (a->found && fabs(a->line + b->line - 4096) > 1e-9))
                return false;
        }
    return true;
}

static bool knows_no_price_level(const struct candle *c, uint64_t *seed, enum mutant m)
{
    const double f = ldexp(1, (int)(plain_random(seed) % 41) - 20);
    transform(c, 0, f, 0);
    run(c, BARS, m, x);
    run(other, BARS, m, y);
    for (int t = 0; t < BARS; t++)
        for (int k = 0; k < PATTERN_COUNT; k++) {
            x[t][k].line *= f;
            x[t][k].height *= f;
            if (!same(&x[t][k], &y[t][k]))
                return false;
        }
    return true;
}

/* What is found is finite, on known pivots, and beyond its line. */
static bool stays_within_its_bounds(const struct candle *c, uint64_t *seed, enum mutant m)
{
    (void)seed;
    run(c, BARS, m, x);
    for (int t = 0; t < BARS; t++)
        for (int k = 0; k < PATTERN_COUNT; k++) {
            const struct answer *a = &x[t][k];
            const int bars = (int)(a->last - a->first), dir = pattern_dir((enum pattern_kind)k);
            if (!a->found)
                continue;
            if (!isfinite(a->line) || !isfinite(a->height) || !(a->height > 0) || bars < 8 ||
                bars > 120 || t < a->last + 2 || t > a->last + bars ||
                dir * (c[t].close - a->line) <= 0 ||
                !(plain_pivot(c, (int)a->last, 1) || plain_pivot(c, (int)a->last, -1)))
                return false;
        }
    return true;
}

static bool survives_a_restart(const struct candle *c, uint64_t *seed, enum mutant m)
{
    struct pattern p;
    unsigned char bytes[sizeof p];
    const int stop = (int)(plain_random(seed) % BARS);

    run(c, BARS, NONE, x);
    pattern_init(&p);
    for (int t = 0; t < BARS; t++) {
        if (t == stop) {
            memcpy(bytes, &p, sizeof p);
            memset(&p, 0xff, sizeof p);
            if (pattern_restore(&p, bytes, sizeof bytes) != ERR_OK)
                return false;
            if (m == FORGETS_PIVOTS)
                p.pivots = 0;
        }
        pattern_push(&p, &c[t], atr_of[t]);
        answer(&p, NONE, c, t, BARS, y[t]);
        for (int k = 0; k < PATTERN_COUNT; k++)
            if (!same(&x[t][k], &y[t][k]))
                return false;
    }
    return true;
}

/* Off the grid of ticks nothing is exactly at a limit, where rounding would decide. */
static bool equals_the_definition(const struct candle *c, uint64_t *seed, enum mutant m)
{
    memcpy(other, c, sizeof other);
    for (int t = 0; t < BARS; t++) {
        other[t].high += plain_uniform(seed) / 16;
        other[t].low -= plain_uniform(seed) / 16;
    }
    run(other, BARS, m, x);
    for (int k = 0; k < PATTERN_COUNT; k++)
        plain_patterns(other, BARS, (enum pattern_kind)k, y);
    for (int t = 0; t < BARS; t++)
        for (int k = 0; k < PATTERN_COUNT; k++) {
            const struct answer *a = &x[t][k], *b = &y[t][k];
            if (a->found != b->found || a->first != b->first || a->last != b->last ||
                fabs(a->line - b->line) > 1e-9 || fabs(a->height - b->height) > 1e-9)
                return false;
        }
    return true;
}

static const struct property {
    const char *name;
    bool (*holds)(const struct candle *c, uint64_t *seed, enum mutant m);
    enum mutant caught;
} properties[] = {
    {"equals the definition", equals_the_definition, BLIND},
    {"does not look ahead", does_not_look_ahead, PEEKS},
    {"mirrors tops and bottoms", mirrors_tops_and_bottoms, LOPSIDED},
    {"knows no price level", knows_no_price_level, LEVEL_BOUND},
    {"stays within its bounds", stays_within_its_bounds, UNCONFIRMED},
    {"survives a restart", survives_a_restart, FORGETS_PIVOTS},
};

/* Only a find at the last bar before the cut shows a peek: that takes many walks. */
static int walks_until_caught(const struct property *p, uint64_t seed)
{
    for (int w = 0; w < 3000; w++) {
        uint64_t s = seed + (uint64_t)w;
        struct candle *c = plain_walk(BARS, s);
        const bool holds = p->holds(c, &s, p->caught);
        free(c);
        if (!holds)
            return w + 1;
    }
    return 0;
}

START_TEST(every_property_holds_over_a_million_bars_and_catches_its_mutant)
{
    enum { WALKS = 1000 };
    const uint64_t seed = seed_given();
    const size_t n = sizeof properties / sizeof properties[0];
    int found[PATTERN_COUNT] = {0};

    for (int w = 0; w < WALKS; w++) {
        uint64_t s = seed + (uint64_t)w * UINT64_C(1000003);
        struct candle *c = plain_walk(BARS, s);
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(properties[i].holds(c, &s, NONE), "%s: seed %llu, walk %d",
                          properties[i].name, (unsigned long long)seed, w);
        for (int t = 0; t < BARS; t++)
            for (int k = 0; k < PATTERN_COUNT; k++)
                found[k] += x[t][k].found;
        free(c);
    }
    printf("pattern: seed %llu, %d walks of %d bars:", (unsigned long long)seed, WALKS, BARS);
    for (int k = 0; k < PATTERN_COUNT; k++) {
        printf(" %d %s", found[k], pattern_name((enum pattern_kind)k));
        ck_assert_int_gt(found[k], 500);
    }
    printf("\n");
    for (size_t i = 0; i < n; i++) {
        const int walks = walks_until_caught(&properties[i], seed);
        printf("%-26s holds; catches \"%s\" in walk %d\n", properties[i].name,
               mutant_names[properties[i].caught], walks);
        ck_assert_int_gt(walks, 0);
    }
}
END_TEST

/* Any good candles, however wild: nothing that is not finite comes out. */
START_TEST(wild_but_good_candles_give_finite_answers)
{
    uint64_t seed = seed_given();
    struct pattern p;
    int found = 0, wrong = 0;

    pattern_init(&p);
    for (int t = 0; t < 300000; t++) {
        const double a = pow(10, 24 * plain_uniform(&seed) - 12),
                     b = t / 1000 % 2 == 0 ? a : 1 + plain_uniform(&seed),
                     e = plain_random(&seed) % 3 == 0 ? b : b / 2;
        const struct candle c = {t * PLAIN_MINUTE, PLAIN_MINUTE, b, b, e, e, 0};
        const double atr = plain_random(&seed) % 5 == 0 ? 1e308 : plain_uniform(&seed) * 1e-3;
        if (e < CANDLE_PRICE_MIN)
            continue;
        wrong += pattern_push(&p, &c, atr) != ERR_OK;
        for (int k = 0; k < PATTERN_COUNT; k++) {
            const struct pattern_found *f = pattern_now(&p, (enum pattern_kind)k);
            found += f != NULL;
            wrong += f != NULL && !(isfinite(f->line) && isfinite(f->height) && f->height > 0);
        }
    }
    printf("wild: seed %llu, %d bars with a shape\n", (unsigned long long)seed_given(), found);
    ck_assert(found > 0 && wrong == 0);
}
END_TEST

START_TEST(recorded_candles_show_every_shape_now_and_then)
{
    int n, found[PATTERN_COUNT] = {0};
    struct candle *c = plain_load("binance-spot_BTCUSDT_15m_2024-01_2024-09.csv.gz",
                                  15 * PLAIN_MINUTE, 30000, &n);
    struct pattern p;
    struct ta_atr a;

    if (c == NULL)
        return;
    pattern_init(&p);
    ta_atr_init(&a, 14);
    for (int t = 0; t < n; t++) {
        ck_assert_int_eq(
            pattern_push(&p, &c[t], ta_atr_push(&a, c[t].high, c[t].low, c[t].close).v[0]), ERR_OK);
        for (int k = 0; k < PATTERN_COUNT; k++) {
            const struct pattern_found *f = pattern_now(&p, (enum pattern_kind)k);
            found[k] += f != NULL && f->bar == t;
        }
    }
    printf("BTC 15 m, %d bars:", n);
    for (int k = 0; k < PATTERN_COUNT; k++) {
        printf(" %d %s", found[k], pattern_name((enum pattern_kind)k));
        ck_assert(found[k] > n / 2000 && found[k] < n / 50);
    }
    printf("\n");
    free(c);
}
END_TEST

TESTS("pattern", a_drawn_head_and_shoulders_is_found_at_its_break_with_its_figures,
      a_drawn_wedge_is_found_at_its_break_with_its_figures,
      each_limit_of_a_head_and_shoulders_is_met_exactly_and_missed_by_a_tick,
      the_times_of_a_head_and_shoulders_have_limits,
      each_limit_of_a_wedge_is_met_exactly_and_missed_by_a_tick,
      a_shape_waits_for_its_break_as_long_as_it_took_and_until_it_is_proved_wrong,
      a_shoulder_that_is_overtaken_was_none, of_two_equal_shoulders_in_a_row_the_older_stays,
      a_first_pivot_both_ways_is_left_out, what_is_found_counts_for_five_bars,
      bad_bars_are_refused_and_change_nothing,
      every_property_holds_over_a_million_bars_and_catches_its_mutant,
      wild_but_good_candles_give_finite_answers, recorded_candles_show_every_shape_now_and_then)
