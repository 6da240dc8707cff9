/* market - the signal agent behind a skeleton of the test, and a market that is a pure function of time: what
 * data says of it, page by page and bar by bar.  Include it once, before anything else.
 */
#ifndef TESTS_AGENTS_SIGNAL_MARKET_H
#define TESTS_AGENTS_SIGNAL_MARKET_H

#include <math.h>

#include "tests/agents/fake_agent.h"
#include "tests/runner.h"

#include "agents/signal/state.h"
#include "proto/text.h"
#include "proto/tm.h"

#define T0      INT64_C(1699999200000000000)     /* a whole hour, market time */
#define BARS    300
#define SYMBOLS "AAAUSDTM BBBUSDTM CCCUSDTM DDDUSDTM"

static struct signals *s;
static struct agent *a;
static int64_t hidden_from = INT64_MAX;     /* data has no bars from here on */

/* The score strategy's own state, which is the first of the chosen ones here. */
static inline const struct strategy_score *score_of(const struct signals *x, int symbol)
{
    return strategy_score_of(strategies_state_of(&x->chosen.strategies, x->symbols[symbol].rules, 0));
}

static inline double price_of_one(double x)
{
    return 100 + 5 * sin(x / 1700) + 2 * sin(x / 500);
}

/* The market: a pure function of symbol and time, so that any page can be computed. */
static bool together;                       /* all symbols move alike */

static inline double price(int symbol, int64_t at_ns)
{
    double x = (double)(at_ns / NS_PER_MIN % 1000000);
    if (together)
        return (symbol + 1) * price_of_one(x);
    return 100 * (symbol + 1) + 5 * sin(x / 17 + symbol) + 2 * sin(x / 5) + 0.3 * sin(x * 1.7 + symbol);
}

static inline struct sub_candle_row row(int symbol, int64_t start_ns, int64_t tf_ns)
{
    double open = price(symbol, start_ns), close = price(symbol, start_ns + tf_ns);
    double px[4] = {open, fmax(open, close) + 0.5, fmin(open, close) - 0.5, close};
    dec_t d[4];
    for (int i = 0; i < 4; i++)
        must(dec_from_double(px[i], dec_scaled(1, -2), DEC_HALF_EVEN, &d[i]) == ERR_OK);
    return (struct sub_candle_row){.start_ns = start_ns, .open = d[0], .high = d[1], .low = d[2], .close = d[3],
                                   .volume = dec_int(10 + start_ns / NS_PER_MIN % 7)};
}

static const char *chosen = "probe", *params = "";

static inline void configure(struct agent *to)
{
    fake_config(to, "symbols", SYMBOLS);
    fake_config(to, "strategy", chosen);
    fake_config(to, "strategy_params", params);
    fake_config(to, "signal_min_score", "20");      /* so that it fires often */
    fake_config(to, "signal_min_combined", "5");
    fake_config(to, "signal_min_confidence", "20");
}

static inline void start_with(const char *strategy)
{
    char why[CONFIG_WHY_MAX] = "";
    fake_timers_n = 0;
    chosen = strategy;
    s = calloc(1, sizeof *s);
    a = fake_new(s);
    a->market_ns = T0;
    configure(a);
    ck_assert_msg(signals_init(a, why) == ERR_OK, "%s", why);
}

static inline void stop(void)
{
    signals_fini(a);
    fake_destroy(a);
    free(s);
}

/* Answer one question of candles as data would: pages of at most 256 closed bars. */
static inline void answer_candles(void)
{
    static struct msg_candles m;
    const struct msg_candles_get *q = a->questions[0].msg;
    int64_t tf_ns, until_ns = a->market_ns < hidden_from ? a->market_ns : hidden_from;
    must(tf_parse(q->tf, &tf_ns) == ERR_OK && a->questions[0].type == MSG_CANDLES_GET);
    m = (struct msg_candles){.more = false};
    int symbol = q->symbol[0] - 'A';
    int64_t first_ns = T0 - BARS * tf_ns;
    for (int64_t t = first_ns / tf_ns * tf_ns; t + tf_ns <= until_ns; t += tf_ns) {
        if (t < q->from_ns)
            continue;
        if (m.rows_n == (size_t)q->max) {
            m.more = true;
            break;
        }
        m.rows[m.rows_n++] = row(symbol, t, tf_ns);
    }
    ck_assert(fake_answer(a, ERR_OK, MSG_CANDLES, &m));
}

static inline void warm(void)
{
    signals_start(a);
    a->life = LIFE_WARMING;
    signals_warm(a);
    while (a->n_questions > 0)
        answer_candles();
}

static inline void tell_bar_as(int symbol, int64_t start_ns, bool history)
{
    struct sub_candle_row r = row(symbol, start_ns, NS_PER_MIN);
    struct msg_market_candle m = {.start_ns = start_ns, .open = r.open, .high = r.high, .low = r.low,
                                  .close = r.close, .volume = r.volume, .warm = history};
    TEXT_COPY(m.symbol, s->symbols[symbol].name);
    TEXT_COPY(m.tf, "1m");
    if (a->market_ns < start_ns + NS_PER_MIN)
        a->market_ns = start_ns + NS_PER_MIN;
    fake_tell(a, signals_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &m);
}

static inline void tell_bar(int symbol, int64_t start_ns)
{
    tell_bar_as(symbol, start_ns, false);
}

static inline void tell_bars(int from, int until)
{
    for (int bar = from; bar < until; bar++)
        for (int i = 0; i < 4; i++)
            tell_bar(i, T0 + bar * NS_PER_MIN);
}

static inline const struct msg_signal_generated *said(size_t i)
{
    return fake_heard(a, MSG_SIGNAL_GENERATED, i);
}

/* A second process, from the first one's notes. */
static inline struct signals *recover(struct agent **fresh, size_t notes)
{
    struct signals *t = calloc(1, sizeof *t);
    char why[CONFIG_WHY_MAX];
    *fresh = fake_new(t);
    configure(*fresh);
    must(signals_init(*fresh, why) == ERR_OK);
    for (size_t i = 0; i < notes; i++)
        must(signals_note(*fresh, a->notes[i].kind, a->notes[i].data, a->notes[i].len) == ERR_OK);
    return t;
}

static inline void end_recovered(struct signals *t, struct agent *fresh)
{
    signals_fini(fresh);
    fake_destroy(fresh);
    free(t);
}

#endif
