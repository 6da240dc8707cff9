/* candles - bars of the primary timeframe: time and volatility stops are looked at, at each close; see exec.h
 *
 * ATR(14) is folded from history once and from each bar after; when one is missing, from history again.
 * While it is not known, the volatility stop abstains.
 */
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"

#include "agents/execution/exec.h"

#define ATR_BARS    14
#define HISTORY     200         /* of Wilder's mean no more than a millionth comes from before */
#define PAGE        256
#define DEADLINE_MS 1000

static void push(struct symbol *s, int64_t start_ns, dec_t high, dec_t low, dec_t close)
{
    struct ta_value v = ta_atr_push(&s->atr, dec_to_double(high), dec_to_double(low), dec_to_double(close));
    s->atr_now = v.ready && v.valid ? v.v[0] : 0;
    s->bar_ns = start_ns;
}

static void on_history(struct agent *a, void *arg, int err, const struct event *e)
{
    struct symbol *s = arg;
    (void)a;
    s->atr_asked = false;
    if (err < 0 || e->type != MSG_CANDLES)
        return;                 /* the timer asks again */
    const struct msg_candles *m = e->msg;
    ta_atr_init(&s->atr, ATR_BARS);
    s->atr_now = 0;
    for (size_t i = 0; i < m->rows_n; i++)
        push(s, m->rows[i].start_ns, m->rows[i].high, m->rows[i].low, m->rows[i].close);
    s->atr_wanted = m->rows_n == 0;
}

void candles_ask(struct exec *x)
{
    for (size_t i = 0; i < x->n_symbols; i++) {
        struct symbol *s = &x->symbols[i];
        if (!s->atr_wanted || s->atr_asked || agent_market_ns(x->agent) == 0)
            continue;
        struct msg_candles_get m = {.from_ns = agent_market_ns(x->agent) - HISTORY * x->bar_ns, .max = PAGE};
        s->atr_asked = true;
        TEXT_COPY(m.symbol, s->name);
        TEXT_COPY(m.tf, config_text(agent_config(x->agent), CFG_primary_tf));
        agent_request(x->agent, AGENT_DATA, MSG_CANDLES_GET, &m, DEADLINE_MS, on_history, s);
    }
}

void exec_on_candle(struct agent *a, const struct event *e)
{
    struct exec *x = agent_state(a);
    const struct msg_market_candle *m = e->msg;
    struct symbol *s = exec_symbol(x, m->symbol);
    if (s == NULL || m->warm || strcmp(m->tf, config_text(agent_config(a), CFG_primary_tf)) != 0)
        return;
    if (s->bar_ns != 0 && m->start_ns == s->bar_ns + x->bar_ns) {
        push(s, m->start_ns, m->high, m->low, m->close);
    } else if (m->start_ns > s->bar_ns) {
        s->atr_now = 0;
        s->atr_wanted = true;
        candles_ask(x);
    }
    manage_tick(x, s, &(struct exit_tick){.last = dec_sign(s->last) > 0 ? s->last : m->close, .bar_closed = true,
                                          .bar_start_ns = m->start_ns, .atr = s->atr_now});
}
