/* metrics - how well it trades.
 *
 * Invariant: every answer passes through known(), which lets no figure out that is not finite; what
 * cannot be judged is empty with its reason.
 */
#include <math.h>

#include "libagent/core/metrics.h"
#include "proto/err.h"

#define DAY_NS    INT64_C(86400000000000)
#define NS_PER_S  1e9
#define DAYS_MAX  36500
#define BP        1e4
/* A deviation so small beside the values is rounding. */
#define ROUNDING  1e-12

const char *metric_verdict_name(enum metric_verdict v)
{
    static const char *const names[] = {
#define V(name, text) #name,
        METRIC_VERDICTS(V)
#undef V
    };
    return (unsigned)v < METRIC_VERDICT_COUNT ? names[v] : "?";
}

const char *metric_verdict_text(enum metric_verdict v)
{
    static const char *const texts[] = {
#define V(name, text) text,
        METRIC_VERDICTS(V)
#undef V
    };
    return (unsigned)v < METRIC_VERDICT_COUNT ? texts[v] : "?";
}

const char *metric_name(enum metric_id m)
{
    static const char *const names[] = {
#define M(id, name) name,
        METRICS(M)
#undef M
    };
    return (unsigned)m < METRIC_ID_COUNT ? names[m] : "?";
}

static struct metric empty(enum metric_verdict why, size_t n)
{
    return (struct metric){.n = (int64_t)n, .verdict = why};
}

static struct metric known_within(double value, double low, double high, size_t n)
{
    if (!isfinite(value) || !isfinite(low) || !isfinite(high))
        return empty(METRIC_BAD_INPUT, n);
    return (struct metric){.value = value, .low = low, .high = high, .n = (int64_t)n};
}

static struct metric known(double value, size_t n)
{
    return known_within(value, value, value, n);
}

/* 97.5 % quantile of Student's t: a table, then Abramowitz and Stegun 26.7.5 (off by 5e-6 at
 * 11). */
static double student(size_t freedom)
{
    static const double table[] = {12.706204736432095, 4.302652729696142, 3.182446305284263,
                                   2.776445105197793,  2.570581836614739, 2.446911848791681,
                                   2.364624251010300,  2.306004135204166, 2.262157162740992,
                                   2.228138851964939};
    const double z = 1.959963984540054, y = z * z, v = 1 / (double)freedom;

    if (freedom <= sizeof table / sizeof table[0])
        return table[freedom - 1];
    return z + v * z * ((y + 1) / 4 +
                        v * ((5 * y * y + 16 * y + 3) / 96 +
                             v * ((3 * y * y * y + 19 * y * y + 17 * y - 15) / 384 +
                                  v * (79 * y * y * y * y + 776 * y * y * y + 1482 * y * y -
                                       1920 * y - 945) / 92160)));
}

/* ---- trades ---- */

static bool trades_good(const struct metrics_trade *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(t[i].net) || t[i].opened_ns < 0 || t[i].closed_ns < t[i].opened_ns)
            return false;
    return true;
}

struct metric metrics_expectancy(const struct metrics_trade *t, size_t n)
{
    double mean = 0, squares = 0;

    if (!trades_good(t, n))
        return empty(METRIC_BAD_INPUT, n);
    if (n < 2)
        return empty(n == 0 ? METRIC_EMPTY : METRIC_TOO_FEW, n);
    for (size_t i = 0; i < n; i++)
        mean += t[i].net;
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (t[i].net - mean) * (t[i].net - mean);
    const double half = student(n - 1) * sqrt(squares / (double)(n - 1) / (double)n);
    return known_within(mean, mean - half, mean + half, n);
}

struct metric metrics_win_rate(const struct metrics_trade *t, size_t n, int64_t now_ns, int days)
{
    size_t closed = 0, wins = 0;

    if (!trades_good(t, n) || now_ns < 0 || days <= 0 || days > DAYS_MAX)
        return empty(METRIC_BAD_INPUT, n);
    for (size_t i = 0; i < n; i++) {
        if (t[i].closed_ns > now_ns || now_ns - t[i].closed_ns >= days * DAY_NS)
            continue;
        closed++;
        wins += t[i].net > 0;
    }
    return closed == 0 ? empty(METRIC_EMPTY, 0) : known((double)wins / (double)closed, closed);
}

struct metric metrics_profit_factor(const struct metrics_trade *t, size_t n)
{
    double gains = 0, losses = 0;

    if (!trades_good(t, n))
        return empty(METRIC_BAD_INPUT, n);
    for (size_t i = 0; i < n; i++) {
        gains += fmax(t[i].net, 0);
        losses += fmax(-t[i].net, 0);
    }
    if (n == 0 || losses == 0)
        return empty(n == 0 ? METRIC_EMPTY : METRIC_NO_LOSSES, n);
    return isfinite(losses) ? known(gains / losses, n) : empty(METRIC_BAD_INPUT, n);
}

struct metric metrics_trade_duration(const struct metrics_trade *t, size_t n)
{
    double sum = 0;

    if (!trades_good(t, n))
        return empty(METRIC_BAD_INPUT, n);
    for (size_t i = 0; i < n; i++)
        sum += (double)(t[i].closed_ns - t[i].opened_ns);
    return n == 0 ? empty(METRIC_EMPTY, 0) : known(sum / (double)n / NS_PER_S, n);
}

/* ---- equity ---- */

static bool marks_good(const struct metrics_mark *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(m[i].equity) || m[i].ns < 0 || (i > 0 && m[i].ns < m[i - 1].ns))
            return false;
    return true;
}

int metrics_daily(const struct metrics_mark *m, size_t n, int64_t until_ns, double *ret, size_t max)
{
    if (!marks_good(m, n))
        return ERR_RANGE;
    for (size_t i = 0; i < n; i++)
        if (m[i].equity <= 0)
            return ERR_RANGE;
    if (n == 0 || until_ns < m[0].ns)
        return 0;
    const int64_t first = m[0].ns / DAY_NS, days = until_ns / DAY_NS - first;
    if (days > INT32_MAX || (size_t)days > max)
        return ERR_SIZE;
    double last = m[0].equity;
    for (int64_t d = 0, i = 0; d < days; d++) {
        double end = last;
        for (; i < (int64_t)n && m[i].ns < (first + d + 1) * DAY_NS; i++)
            end = m[i].equity;
        ret[d] = end / last - 1;
        if (!isfinite(ret[d]))
            return ERR_RANGE;
        last = end;
    }
    return (int)days;
}

/* Mean of the days and the largest of them, to tell rounding from variation. */
static bool moments(const double *daily, size_t n, double *mean, double *largest)
{
    *mean = *largest = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(daily[i]) || daily[i] < -1)
            return false;
        *mean += daily[i] / (double)n;
        *largest = fmax(*largest, fabs(daily[i]));
    }
    return true;
}

struct metric metrics_sharpe(const double *daily, size_t n)
{
    double mean, largest, squares = 0;

    if (!moments(daily, n, &mean, &largest))
        return empty(METRIC_BAD_INPUT, n);
    if (n < METRICS_DAYS_MIN)
        return empty(METRIC_TOO_FEW, n);
    for (size_t i = 0; i < n; i++)
        squares += (daily[i] - mean) * (daily[i] - mean);
    const double deviation = sqrt(squares / (double)(n - 1));
    if (!isfinite(deviation))
        return empty(METRIC_BAD_INPUT, n);
    if (deviation <= ROUNDING * largest)
        return empty(METRIC_FLAT, n);
    return known(mean / deviation * sqrt(METRICS_DAYS_PER_YEAR), n);
}

struct metric metrics_sortino(const double *daily, size_t n)
{
    double mean, largest, squares = 0;

    if (!moments(daily, n, &mean, &largest))
        return empty(METRIC_BAD_INPUT, n);
    if (n < METRICS_DAYS_MIN)
        return empty(METRIC_TOO_FEW, n);
    for (size_t i = 0; i < n; i++)
        squares += daily[i] < 0 ? daily[i] * daily[i] : 0;
    if (squares == 0)
        return empty(METRIC_NO_LOSSES, n);
    return known(mean / sqrt(squares / (double)n) * sqrt(METRICS_DAYS_PER_YEAR), n);
}

struct metric metrics_max_drawdown(const struct metrics_mark *m, size_t n)
{
    double peak = n > 0 ? m[0].equity : 0, worst = 0;

    if (n == 0)
        return empty(METRIC_EMPTY, 0);
    if (!marks_good(m, n) || peak <= 0)
        return empty(METRIC_BAD_INPUT, n);
    for (size_t i = 0; i < n; i++) {
        peak = fmax(peak, m[i].equity);
        worst = fmax(worst, (peak - m[i].equity) / peak);
    }
    return known(worst, n);
}

/* ---- orders ---- */

struct fills {
    double ordered, filled, maker, cost;    /* at the decisions' prices; cost: paid beyond them */
};

static bool sum_fills(const struct metrics_order *o, size_t n, struct fills *ret)
{
    *ret = (struct fills){0};
    for (size_t i = 0; i < n; i++) {
        const double px = o[i].decision_px;
        if ((o[i].side != 1 && o[i].side != -1) || !(px > 0) || !(o[i].ordered > 0) ||
            !(o[i].maker >= 0 && o[i].maker <= o[i].filled && o[i].filled <= o[i].ordered) ||
            (o[i].filled > 0 && !(o[i].avg_px > 0)))
            return false;
        ret->ordered += o[i].ordered * px;
        ret->filled += o[i].filled * px;
        ret->maker += o[i].maker * px;
        if (o[i].filled > 0)
            ret->cost += o[i].side * (o[i].avg_px - px) * o[i].filled;
    }
    return true;
}

struct metric metrics_fill_ratio(const struct metrics_order *o, size_t n)
{
    struct fills f;

    if (!sum_fills(o, n, &f))
        return empty(METRIC_BAD_INPUT, n);
    return n == 0 ? empty(METRIC_EMPTY, 0) : known(f.filled / f.ordered, n);
}

struct metric metrics_slippage_bp(const struct metrics_order *o, size_t n)
{
    struct fills f;

    if (!sum_fills(o, n, &f))
        return empty(METRIC_BAD_INPUT, n);
    return f.filled == 0 ? empty(METRIC_EMPTY, n) : known(BP * f.cost / f.filled, n);
}

struct metric metrics_maker_share(const struct metrics_order *o, size_t n)
{
    struct fills f;

    if (!sum_fills(o, n, &f))
        return empty(METRIC_BAD_INPUT, n);
    return f.filled == 0 ? empty(METRIC_EMPTY, n) : known(f.maker / f.filled, n);
}

/* ---- accuracy ---- */

bool metrics_accuracy_add(struct metrics_accuracy *a, const struct score *bar, double after)
{
    if (!isfinite(after) || after == 0)
        return false;
    for (int i = 0; i < SUB_COUNT; i++) {
        if (bar->part[i].dir == 0)
            continue;
        a->asked[i]++;
        a->right[i] += (bar->part[i].dir > 0) == (after > 0);
    }
    return true;
}

static struct metric share(int64_t right, int64_t asked)
{
    if (asked == 0)
        return empty(METRIC_EMPTY, 0);
    return known((double)right / (double)asked, (size_t)asked);
}

struct metric metrics_accuracy_sub(const struct metrics_accuracy *a, enum score_sub s)
{
    return share(a->right[s], a->asked[s]);
}

struct metric metrics_accuracy_ind(const struct metrics_accuracy *a, enum score_ind i)
{
    int64_t right = 0, asked = 0;

    for (int s = 0; s < SUB_COUNT; s++)
        if (score_sub_ind((enum score_sub)s) == i) {
            right += a->right[s];
            asked += a->asked[s];
        }
    return share(right, asked);
}

void metrics_all(const struct metrics_input *in, struct metric ret[METRIC_ID_COUNT])
{
    ret[METRIC_ID_EXPECTANCY] = metrics_expectancy(in->trades, in->trade_n);
    ret[METRIC_ID_WIN_RATE_7D] = metrics_win_rate(in->trades, in->trade_n, in->now_ns, 7);
    ret[METRIC_ID_WIN_RATE_30D] = metrics_win_rate(in->trades, in->trade_n, in->now_ns, 30);
    ret[METRIC_ID_PROFIT_FACTOR] = metrics_profit_factor(in->trades, in->trade_n);
    ret[METRIC_ID_SHARPE] = metrics_sharpe(in->daily, in->daily_n);
    ret[METRIC_ID_SORTINO] = metrics_sortino(in->daily, in->daily_n);
    ret[METRIC_ID_MAX_DRAWDOWN] = metrics_max_drawdown(in->marks, in->mark_n);
    ret[METRIC_ID_TRADE_DURATION] = metrics_trade_duration(in->trades, in->trade_n);
    ret[METRIC_ID_FILL_RATIO] = metrics_fill_ratio(in->orders, in->order_n);
    ret[METRIC_ID_SLIPPAGE_BP] = metrics_slippage_bp(in->orders, in->order_n);
    ret[METRIC_ID_MAKER_SHARE] = metrics_maker_share(in->orders, in->order_n);
}
