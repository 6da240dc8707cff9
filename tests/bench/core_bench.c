/* core_bench - what the core costs, on one core, beside a loop of the machine itself.
 *
 *   usage: core_bench [GOALS]       exit 1 if GOALS is given and one is missed
 *
 *   calibration     a step of xorshift64: dependent shifts and xors, nothing of ours
 *   indicators      RSI, MACD, Williams %R, AO, stochastic, Bollinger, EMA, KDJ and OBV updated for one bar; with them
 *                   the ATR and three more EMAs, which the score has, too: the nine alone cost less
 *   signal          one closed bar through the score strategy: indicators, divergence, score, and each fourth bar the
 *                   confirm timeframe, alignment, gates
 *   decision        one risk_check() that approves, with three positions open
 *   flat            ns per bar of the indicators for 10^3 to 10^7 bars in one go: the same for each
 *
 * Bars: a random walk of a fixed seed, made before the clock starts.  Each figure is the median of ROUNDS rounds, all
 * figures and the calibration in turn, so that what else runs on the machine falls on all of them alike.
 */
#include "libagent/core/risk.h"
#include "libagent/core/strategy_score.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "tests/bench/bench.h"

#define ROUNDS    9
#define BARS      (1 << 16)     /* 3.5 MiB: most of them outside of the first cache */
#define DECISIONS 2000
#define STEPS     20000000
#define STEP_NS   1.64          /* of the machine that the goals were set on, quiet */
#define LIMIT_NS  (45 * NS_PER_S)       /* no new round begins after it */

static struct candle bars[BARS];
static volatile double sink;

static uint64_t step(uint64_t x)
{
    x ^= x << 13;
    x ^= x >> 7;
    return x ^ x << 17;
}

static void make_bars(void)
{
    uint64_t x = 88172645463325252u;
    double price = 50000;
    for (int i = 0; i < BARS; i++) {
        double at[4];
        for (int k = 0; k < 4; k++) {
            x = step(x);
            at[k] = (double)(x >> 11) / 9007199254740992.0;
        }
        double open = price, close = price * (1 + 0.004 * (at[0] - 0.5));
        double top = open > close ? open : close, bottom = open < close ? open : close;
        bars[i] = (struct candle){
            .start_ns = 1700000000 / 900 * 900 * NS_PER_S + i * 15 * NS_PER_MIN, .tf_ns = 15 * NS_PER_MIN, .open = open,
            .high = top * (1 + 0.001 * at[1]), .low = bottom * (1 - 0.001 * at[2]), .close = close, .volume = 1000 * at[3],
        };
        price = close < 20000 ? 21000 : close > 100000 ? 99000 : close;
    }
}

static double ns_each(int64_t from, int64_t n)
{
    return (double)(clock_now() - from) / (double)n;
}

static double loop_ns(void)
{
    uint64_t x = 88172645463325252u;
    int64_t from = clock_now();
    for (long i = 0; i < STEPS; i++)
        x = step(x);
    double ns = ns_each(from, STEPS);
    sink = (double)x;
    return ns;
}

static double ta_ns(int64_t n)
{
    static struct ta t;
    struct ta_bar bar;
    double sum = 0;
    ta_init(&t);
    int64_t from = clock_now();
    for (int64_t i = 0; i < n; i++) {
        ta_push(&t, &bars[i % BARS], &bar);
        sum += bar.rsi.v[0] + bar.obv.v[0];
    }
    double ns = ns_each(from, n);
    sink = sum;
    return ns;
}

static double signal_ns(void)
{
    static struct strategy_score s;
    static struct strategy_score_params p;
    struct score_signal g;
    int fired = 0;
    strategy_score_params_default(&p);
    if (strategy_score_init(&s, 15 * NS_PER_MIN, NS_PER_H) < 0)
        die("strategy_score_init");
    int64_t from = clock_now();
    for (int i = 0; i < BARS; i++)
        fired += score_on_bar(&s, &p, &bars[i], NULL, false, &g) == SCORE_FIRED;
    double ns = ns_each(from, BARS);
    sink = fired;
    if (fired == 0 || s.funnel[SCORE_BAD_CANDLE] > 0) {
        fprintf(stderr, "core_bench: the bars are refused or fire nothing: this measures something else\n");
        exit(EXIT_FAILURE);
    }
    return ns;
}

static double decision_ns(void)
{
    static struct risk_limits limits;
    static struct contract_terms terms;
    static struct risk_verdict v;
    struct book_level bids[RISK_BOOK_LEVELS], asks[RISK_BOOK_LEVELS];
    struct risk_position open[3];
    int approved = 0;
    risk_limits_default(&limits);
    limits.max_cluster = 5;
    terms = (struct contract_terms){
        .multiplier = dec_lit("0.001"), .tick = dec_lit("0.1"), .maker_fee = dec_lit("0.0002"), .taker_fee = dec_lit("0.0006"),
        .lfr = dec_lit("0.0006"), .lot = 1, .max_qty = 1000000, .tier_count = 1,
        .tier = {{.max_notional = dec_int(100000), .mmr = dec_lit("0.004"), .max_leverage = 125}},
    };
    for (int i = 0; i < RISK_BOOK_LEVELS; i++) {
        bids[i] = (struct book_level){dec_sub(dec_lit("50000"), dec_scaled(i, 0)), 500};
        asks[i] = (struct book_level){dec_add(dec_lit("50000.1"), dec_scaled(i, 0)), 500};
    }
    for (int i = 0; i < 3; i++)
        open[i] = (struct risk_position){
            .symbol = {'A', 'A', (char)('A' + i)}, .side = i == 0 ? -1 : 1, .margin = dec_int(50), .notional = dec_int(250),
            .heat = dec_lit("2.5"), .rho = 0.2 * i,
        };
    const struct risk_account account = {
        .equity = dec_int(10000), .available = dec_int(9800), .positions = open, .position_count = 3, .ready = true,
        .day = {.day = 20000, .start_equity = dec_int(10050), .equity = dec_int(10000)},
    };
    const struct risk_market market = {
        .contract = &terms, .bids = bids, .asks = asks, .bid_count = RISK_BOOK_LEVELS, .ask_count = RISK_BOOK_LEVELS,
        .atr = 150, .day_atr = 0.03, .day_bars = 14, .gamma = GATE_FRESH, .g = 0.8,
    };
    const struct risk_request request = {
        .symbol = "XBTUSDTM", .side = 1, .leverage = 5, .rank = 1, .market_ns = 20000 * NS_PER_DAY + NS_PER_H,
        .close = dec_int(50000), .size_multiplier = dec_int(1),
    };
    int64_t from = clock_now();
    for (int i = 0; i < DECISIONS; i++) {
        risk_check(&limits, &account, &market, &request, &v);
        approved += v.approved;
    }
    double ns = ns_each(from, DECISIONS);
    if (approved != DECISIONS) {
        fprintf(stderr, "core_bench: the decision refuses: %s\n", v.text);
        exit(EXIT_FAILURE);
    }
    return ns;
}

/* ---- rounds ---- */

struct round {
    double loop, ta, signal, decision;
};

static double median(const double *first, long rounds)
{
    double v[ROUNDS_MAX];
    for (long i = 0; i < rounds; i++)
        v[i] = first[(size_t)i * (sizeof(struct round) / sizeof(double))];
    qsort(v, (size_t)rounds, sizeof v[0], by_double);
    return v[rounds / 2];
}

/* Judged as measured; beside it what it would be were the loop as fast as on the machine of the goals. */
static bool goal(const char *name, double got, double limit, double loop)
{
    printf("goal %-37s %8.2f ns, less than %g: %s; at a step of %.2f ns: %.2f\n", name, got, limit,
           got < limit ? "met" : "NOT MET", STEP_NS, got * STEP_NS / loop);
    return got < limit;
}

/* Few bars are repeated, so that each figure is of some ten milliseconds. */
static bool flat(void)
{
    double least = 1e9, most = 0;
    printf("indicators per bar:");
    for (int64_t n = 1000; n <= 10000000; n *= 10) {
        double v[ROUNDS_MAX];
        int rounds = n >= 10000000 ? 3 : 9, repeat = (int)(200000 / n > 0 ? 200000 / n : 1);
        for (int r = 0; r < rounds; r++) {
            v[r] = 0;
            for (int k = 0; k < repeat; k++)
                v[r] += ta_ns(n) / repeat;
        }
        qsort(v, (size_t)rounds, sizeof v[0], by_double);
        printf("  10^%d %.1f", (int)(n == 1000 ? 3 : n == 10000 ? 4 : n == 100000 ? 5 : n == 1000000 ? 6 : 7), v[rounds / 2]);
        least = v[rounds / 2] < least ? v[rounds / 2] : least;
        most = v[rounds / 2] > most ? v[rounds / 2] : most;
    }
    printf(" ns\n");
    printf("goal %-37s %8.2f times, at most 1.5: %s\n", "flat: dearest / cheapest", most / least,
           most <= 1.5 * least ? "met" : "NOT MET");
    return most <= 1.5 * least;
}

int main(int argc, char **argv)
{
    static struct round r[ROUNDS];
    const size_t stride = sizeof r[0] / sizeof(double);
    const int64_t until = clock_now() + LIMIT_NS;
    long n = 0;
    if (argc > 2 || (argc == 2 && strcmp(argv[1], "GOALS") != 0)) {
        fprintf(stderr, "usage: core_bench [GOALS]\n");
        return 2;
    }
    make_bars();
    for (; n < ROUNDS && (n == 0 || clock_now() < until); n++)
        r[n] = (struct round){loop_ns(), ta_ns(BARS), signal_ns(), decision_ns()};
    print_line("calibration: a step of xorshift64", " ns", &r[0].loop, stride, n);
    print_line("nine indicators, ATR, three EMAs, one bar", " ns", &r[0].ta, stride, n);
    print_line("signal, one primary bar", " ns", &r[0].signal, stride, n);
    print_line("risk decision", " ns", &r[0].decision, stride, n);
    const double loop = median(&r[0].loop, n);
    bool met = goal("nine indicators, one bar", median(&r[0].ta, n), 80, loop);
    met = goal("signal", median(&r[0].signal, n), 1000, loop) && met;
    met = goal("risk decision", median(&r[0].decision, n), 5000, loop) && met;
    met = flat() && met;
    return met || argc == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
