/* healing - see healing.h */
#include <math.h>
#include <string.h>

#include "libagent/core/healing.h"

#define STEP          0.75
#define RECOVERY_BARS 96
#define TRADES        30
#define DECISIONS     50
#define SYMBOL_BARS   100
#define ALPHA         0.01

const char *healing_name(enum healing_anomaly a)
{
    static const char *const names[HEALING_COUNT] = {
#define ANOMALY(name, text) #name,
#include "libagent/core/healing.def"
#undef ANOMALY
    };
    return a >= 0 && a < HEALING_COUNT ? names[a] : "?";
}

const char *healing_text(enum healing_anomaly a)
{
    static const char *const texts[HEALING_COUNT] = {
#define ANOMALY(name, text) text,
#include "libagent/core/healing.def"
#undef ANOMALY
    };
    return a >= 0 && a < HEALING_COUNT ? texts[a] : "?";
}

void healing_init(struct healing *h, int64_t bar_ns, int symbols)
{
    memset(h, 0, sizeof *h);
    h->bar_ns = bar_ns;
    h->symbols = symbols > 0 ? symbols : 1;
}

/* ---- factors ---- */

static double factor_at(const struct healing *h, const struct healing_cut *c, int64_t ns)
{
    const double bars = ns > c->ns && h->bar_ns > 0 ? (double)(ns - c->ns) / (double)h->bar_ns : 0;
    const double cut = c->cut - (1 - HEALING_FLOOR) * bars / RECOVERY_BARS;
    return cut > 0 ? 1 - cut : 1;
}

static void lower(const struct healing *h, struct healing_cut *c, int64_t ns, bool severe)
{
    const double factor = severe ? HEALING_FLOOR : fmax(HEALING_FLOOR, STEP * factor_at(h, c, ns));
    c->cut = 1 - factor;
    c->ns = ns > c->ns ? ns : c->ns;
}

static unsigned find(struct healing *h, enum healing_anomaly a, int64_t ns, bool found, bool severe)
{
    if (!found)
        return 0;
    lower(h, &h->cut[a], ns, severe);
    return 1u << a;
}

/* ---- evidence ---- */

/* P(X <= k) of n independent trials. */
static double at_most(int k, int n, double p)
{
    double term = pow(1 - p, n), sum = 0;
    for (int i = 0; i <= k; i++) {
        sum += term;
        term *= (double)(n - i) / (i + 1) * p / (1 - p);
    }
    return sum;
}

static bool too_few(int k, int n, double p)
{
    return at_most(k, n, p) < ALPHA;
}

static bool too_many(int k, int n, double p)
{
    return at_most(n - k, n, 1 - p) < ALPHA;
}

static bool says_something(enum risk_reason r)
{
    switch (r) {
    case RISK_NOT_READY: case RISK_PAUSED: case RISK_EMERGENCY: case RISK_DUPLICATE: case RISK_CONTRACT_CLOSED:
    case RISK_MARKET_HOURS: case RISK_RANK: case RISK_SIZE_BELOW_LOT: case RISK_POSITION_SIZE:
    case RISK_RISK_PER_TRADE: case RISK_BOOK_SHARE: case RISK_BALANCE: case RISK_CAPITAL: case RISK_BURST:
    case RISK_DAILY_DRAWDOWN: case RISK_DAILY_LOSS: case RISK_LOSS_STREAK: case RISK_CORRELATION: case RISK_HEAT:
    case RISK_NOTIONAL: case RISK_EXPOSURE: case RISK_MAX_POSITIONS: case RISK_STRATEGY_POSITIONS:
    case RISK_SYMBOL_OPEN: case RISK_COOL_DOWN: case RISK_MIN_INTERVAL:
        return false;
    default:
        return true;
    }
}

static unsigned count_signal(struct healing *h, int64_t ns)
{
    if (h->from_ns == 0 || ns < h->from_ns)
        h->from_ns = ns;
    h->signals++;
    const double bars = h->bar_ns > 0 ? (double)(ns - h->from_ns) / (double)h->bar_ns * h->symbols : 0;
    if (bars < SYMBOL_BARS)
        return 0;
    const double rate = (double)h->signals / bars;
    h->from_ns = ns;
    h->signals = 0;
    return find(h, HEALING_OVERTRADING, ns, rate > 0.2, rate > 0.3);
}

unsigned healing_decision(struct healing *h, int64_t market_ns, enum risk_reason answer)
{
    unsigned found = answer == RISK_DUPLICATE ? 0 : count_signal(h, market_ns);
    if (!says_something(answer))
        return found;
    h->refused += answer != RISK_OK;
    h->late += answer == RISK_STALE || answer == RISK_LATE;
    if (++h->decisions < DECISIONS)
        return found;
    found |= find(h, HEALING_LATE_ENTRIES, market_ns, too_many(h->late, DECISIONS, 0.1),
                  too_many(h->late, DECISIONS, 1 / 3.0));
    found |= find(h, HEALING_REJECTIONS, market_ns, too_many(h->refused, DECISIONS, 0.8),
                  too_many(h->refused, DECISIONS, 0.9));
    h->decisions = h->refused = h->late = 0;
    return found;
}

/* NULL: no place. */
static struct healing_strategy *strategy_of(struct healing *h, const char *name)
{
    int i = 0;
    while (i < h->strategies_n && strncmp(h->strategy[i].name, name, sizeof h->strategy[i].name - 1) != 0)
        i++;
    if (i == HEALING_STRATEGIES || *name == '\0')
        return NULL;
    if (i == h->strategies_n) {
        h->strategies_n++;
        strncpy(h->strategy[i].name, name, sizeof h->strategy[i].name - 1);
    }
    return &h->strategy[i];
}

static unsigned judge_strategy(struct healing *h, struct healing_strategy *s, int64_t ns, bool won)
{
    s->wins += won;
    if (++s->trades < TRADES)
        return 0;
    const int wins = s->wins;
    s->trades = s->wins = 0;
    if (!too_few(wins, TRADES, 0.4))
        return 0;
    lower(h, &s->cut, ns, too_few(wins, TRADES, 0.2));
    return 1u << HEALING_STRATEGY_BIAS;
}

unsigned healing_trade(struct healing *h, int64_t market_ns, const char *strategy, bool won, double slippage)
{
    struct healing_strategy *s = strategy_of(h, strategy);
    unsigned found = s != NULL ? judge_strategy(h, s, market_ns, won) : 0;
    h->wins += won;
    h->slippage += isfinite(slippage) ? slippage : 0;
    if (++h->trades < TRADES)
        return found;
    const double mean = h->slippage / TRADES;
    found |= find(h, HEALING_LOW_WIN_RATE, market_ns, too_few(h->wins, TRADES, 0.4), too_few(h->wins, TRADES, 0.2));
    found |= find(h, HEALING_SLIPPAGE, market_ns, mean > 0.005, mean > 0.01);
    h->trades = h->wins = 0;
    h->slippage = 0;
    return found;
}

unsigned healing_margin(struct healing *h, int64_t market_ns, double used)
{
    const int pressed = used > 0.9 ? 2 : used > 0.7 ? 1 : 0;
    const bool more = pressed > h->pressed || (pressed > 0 && healing_of(h, HEALING_MARGIN_PRESSURE, market_ns) >= 1);
    h->pressed = pressed;
    return find(h, HEALING_MARGIN_PRESSURE, market_ns, more, pressed == 2);
}

/* ---- answers ---- */

double healing_of(const struct healing *h, enum healing_anomaly a, int64_t market_ns)
{
    double ret = factor_at(h, &h->cut[a], market_ns);
    for (int i = 0; a == HEALING_STRATEGY_BIAS && i < h->strategies_n; i++)
        ret = fmin(ret, factor_at(h, &h->strategy[i].cut, market_ns));
    return ret;
}

double healing_factor(const struct healing *h, const char *strategy, int64_t market_ns)
{
    double ret = 1;
    for (int a = 0; a < HEALING_COUNT; a++)
        ret *= factor_at(h, &h->cut[a], market_ns);
    for (int i = 0; i < h->strategies_n; i++)
        if (strncmp(h->strategy[i].name, strategy, sizeof h->strategy[i].name - 1) == 0)
            ret *= factor_at(h, &h->strategy[i].cut, market_ns);
    return fmax(ret, HEALING_FLOOR);
}
