/* optimizer - see optimizer.h
 *
 * One task at a time: take it from the queue, ask data for the bars of one symbol after the other, run the
 * backtest of each when its bars are there, publish the result, say that the task is done.  A task whose
 * worker dies comes back by its lease.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/log.h"
#include "libagent/trade_config.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/optimizer/optimizer.h"

#define POLL_MS   1000
#define LEASE_MS  60000
#define ASK_MS    5000
#define RESULTS   "knowledge-bank/backtests/results.csv"

/* What the orchestrator puts into the queue (its tasks.h); read by name and length only. */
struct task_payload {
    char id[40];
    char kind[32];
    char detail[200];
    int32_t priority, attempt;
};

static void ask_bars(struct optimizer *o);

static void say_task(struct optimizer *o, const char *suffix, enum task_state state, const char *detail)
{
    struct msg_task m = {.state = state, .priority = (enum priority)o->task.priority, .attempt = o->task.attempt};
    TEXT_COPY(m.task_id, o->task.id);
    TEXT_COPY(m.kind, o->kind);
    TEXT_COPY(m.worker, "optimizer");
    TEXT_COPY(m.detail, detail);
    agent_publish(o->agent, TOPIC_TASK, suffix, MSG_TASK, &m, NULL);
}

static void on_finished(void *arg, int err)
{
    struct optimizer *o = arg;
    if (err < 0)
        log_warn("task.not_finished", LOG_S("id", o->task.id), LOG_S("error", err_text(err)),
                 LOG_S("action", "it comes back by its lease"));
}

static void end_task(struct optimizer *o, bool ok, const char *detail)
{
    o->working = false;
    o->done += ok;
    o->failed += !ok;
    say_task(o, ok ? "done" : "failed", ok ? TASK_DONE : TASK_FAILED, detail);
    queue_finish(o->queue, o->task.id, "optimizer", o->task.attempt, on_finished, o);
}

/* ---- the backtest ---- */

static size_t symbols(const struct optimizer *o, const char *words[CONFIG_LIST_MAX])
{
    return config_list(agent_config(o->agent), CFG_symbols, words);
}

static const struct msg_market_contract *contract_of(const struct optimizer *o, const char *symbol)
{
    for (size_t i = 0; i < CONFIG_LIST_MAX; i++)
        if (strcmp(o->contracts[i].symbol, symbol) == 0)
            return &o->contracts[i];
    return NULL;
}

static int make_setup(const struct config *c, struct backtest_setup *s, char why[CONFIG_WHY_MAX])
{
    struct chosen_strategies chosen;
    int err = strategies_from_config(c, &chosen, why);
    if (err < 0)
        return err;
    backtest_setup_default(s);
    const char *wrong = limits_from_config(c, &s->limits);
    if (wrong != NULL) {
        snprintf(why, CONFIG_WHY_MAX, "the limit %s is out of range or contradicts another", wrong);
        return ERR_CONFIG;
    }
    s->account = false;         /* of the rule: the bars come symbol by symbol */
    s->strategies = chosen.strategies;
    s->features = chosen.features;
    s->leverage = (int32_t)config_int(c, CFG_leverage);
    exits_from_config(c, &s->exits);
    return ERR_OK;
}

static bool make_symbol(const struct optimizer *o, const char *name, struct backtest_symbol *y)
{
    const struct msg_market_contract *m = contract_of(o, name);
    if (m == NULL)
        return false;
    *y = (struct backtest_symbol){
        .name = name, .bars = o->bars, .n = o->n_bars, .confirm = o->confirm, .n_confirm = o->n_confirm,
        .rules = o->rules,
        .contract = {
            .multiplier = m->multiplier, .tick = m->tick, .maker_fee = m->maker_fee, .taker_fee = m->taker_fee,
            .lfr = m->taker_fee, .lot = 1, .max_qty = 0, .tier_count = 1,
            .tier = {{.max_notional = dec_zero(), .mmr = m->maintenance, .max_leverage = (int32_t)m->max_leverage}},
        },
    };
    return true;
}

static void keep_result(const struct optimizer *o, const struct msg_optimizer_result *m)
{
    FILE *f = fopen(RESULTS, "ae");
    if (f == NULL || fprintf(f, "%s,%lld,%lld,%lld,%lld,%.9g,%.9g,%.9g,%.9g\n", m->task_id, (long long)m->from_ns,
                             (long long)m->to_ns, (long long)m->bars, (long long)m->trades, m->net_return, m->win_rate,
                             m->profit_factor, m->max_drawdown) < 0)
        log_warn("backtest.not_kept", LOG_S("file", RESULTS), LOG_S("action", "published only"));
    if (f != NULL)
        fclose(f);
    (void)o;
}

static void publish_result(struct optimizer *o)
{
    const struct backtest_result *r = &o->result;
    struct msg_optimizer_result m = {
        .from_ns = o->from_ns, .to_ns = o->to_ns, .bars = r->bars, .trades = r->trades, .net_return = r->net,
        .win_rate = r->trades > 0 ? (double)r->wins / (double)r->trades : -1,
        .profit_factor = r->losses > 0 ? r->gains / r->losses : -1, .max_drawdown = r->max_drawdown,
    };
    TEXT_COPY(m.task_id, o->task.id);
    TEXT_COPY(m.kind, o->kind);
    TEXT_COPY(m.symbols, config_text(agent_config(o->agent), CFG_symbols));
    TEXT_COPY(m.detail, "net_return is the sum over trades of net profit per notional, after fees and slippage");
    agent_publish(o->agent, TOPIC_OPTIMIZER_RESULT, NULL, MSG_OPTIMIZER_RESULT, &m, NULL);
    keep_result(o, &m);
    log_info("backtest", LOG_S("task", o->task.id), LOG_I("bars", m.bars), LOG_I("trades", m.trades),
             LOG_F("net_return", m.net_return), LOG_F("win_rate", m.win_rate));
}

static void next_symbol(struct optimizer *o)
{
    const char *words[CONFIG_LIST_MAX];
    o->leg = 0;
    o->next_ns = 0;
    o->n_bars = o->n_confirm = 0;
    if (++o->symbol < symbols(o, words)) {
        ask_bars(o);
        return;
    }
    publish_result(o);
    end_task(o, true, "");
}

static void run_symbol(struct optimizer *o)
{
    const char *words[CONFIG_LIST_MAX];
    static struct backtest test;            /* large */
    static struct backtest_symbol y;
    symbols(o, words);
    if (o->n_bars > 0 && make_symbol(o, words[o->symbol], &y)) {
        test.result = o->result;
        backtest_run(&test, &o->setup, &y, 1);
        o->result = test.result;
        int64_t first = o->bars[0].candle.start_ns, last = o->bars[o->n_bars - 1].candle.start_ns + o->setup.strategies.tf_ns;
        o->from_ns = o->from_ns == 0 || first < o->from_ns ? first : o->from_ns;
        o->to_ns = last > o->to_ns ? last : o->to_ns;
    }
    next_symbol(o);
}

static void take_row(struct optimizer *o, const struct sub_candle_row *r, int64_t tf)
{
    const struct candle c = {
        .start_ns = r->start_ns, .tf_ns = tf, .open = dec_to_double(r->open), .high = dec_to_double(r->high),
        .low = dec_to_double(r->low), .close = dec_to_double(r->close), .volume = dec_to_double(r->volume),
    };
    o->next_ns = r->start_ns + tf;
    if (o->leg == 0 && o->n_confirm < OPT_BARS_MAX)
        o->confirm[o->n_confirm++] = c;
    else if (o->leg == 1 && o->n_bars < OPT_BARS_MAX)
        o->bars[o->n_bars++] = (struct backtest_bar){c, r->open, r->high, r->low, r->close};
}

static void on_bars(struct agent *a, void *arg, int err, const struct event *e)
{
    struct optimizer *o = arg;
    (void)a;
    if (!o->working)
        return;
    const struct msg_candles *m = err < 0 || e->type != MSG_CANDLES ? NULL : e->msg;
    int64_t tf;
    if (m == NULL || tf_parse(m->tf, &tf) < 0) {
        next_symbol(o);         /* not traded, or data is away: the others still count */
        return;
    }
    for (size_t i = 0; i < m->rows_n; i++)
        take_row(o, &m->rows[i], tf);
    if (m->more && m->rows_n > 0) {
        ask_bars(o);
    } else if (o->leg == 0) {
        o->leg = 1;
        o->next_ns = 0;
        ask_bars(o);
    } else {
        run_symbol(o);
    }
}

static void ask_bars(struct optimizer *o)
{
    const char *words[CONFIG_LIST_MAX];
    struct msg_candles_get m = {.from_ns = o->next_ns, .max = 256};
    symbols(o, words);
    TEXT_COPY(m.symbol, words[o->symbol]);
    TEXT_COPY(m.tf, config_text(agent_config(o->agent), o->leg == 0 ? CFG_confirm_tf : CFG_primary_tf));
    agent_request(o->agent, AGENT_DATA, MSG_CANDLES_GET, &m, ASK_MS, on_bars, o);
}

/* ---- the queue ---- */

static void on_taken(void *arg, int err, const struct queue_task *task)
{
    struct optimizer *o = arg;
    struct task_payload p;
    o->taking = false;
    if (err < 0)
        return;                 /* nothing to do, or Redis is away: asked again */
    o->task = *task;
    o->task.payload = NULL;
    o->working = true;
    memset(&p, 0, sizeof p);
    if (task->len > 0)
        memcpy(&p, task->payload, task->len < sizeof p ? task->len : sizeof p);
    p.kind[sizeof p.kind - 1] = '\0';
    TEXT_COPY(o->kind, p.kind);
    say_task(o, "taken", TASK_TAKEN, "");
    if (strcmp(o->kind, "backtest") != 0) {
        end_task(o, false, "unknown kind of task");
        return;
    }
    o->result = (struct backtest_result){.bars = 0};
    o->symbol = 0;
    o->leg = 0;
    o->next_ns = o->from_ns = o->to_ns = 0;
    o->n_bars = o->n_confirm = 0;
    ask_bars(o);
}

static void poll_queue(void *arg)
{
    struct optimizer *o = arg;
    if (o->taking || o->working || store_state(o->store) != STORE_UP || agent_life(o->agent) != LIFE_ACTIVE)
        return;
    o->taking = true;
    queue_take(o->queue, "optimizer", LEASE_MS, on_taken, o);
}

static void on_store(void *arg, enum store_state state)
{
    (void)arg;
    log_debug("redis", LOG_S("state", store_state_text(state)));
}

/* ---- the agent ---- */

void opt_on_contract(struct agent *a, const struct event *e)
{
    struct optimizer *o = agent_state(a);
    const struct msg_market_contract *m = e->msg;
    for (size_t i = 0; i < CONFIG_LIST_MAX; i++) {
        if (o->contracts[i].symbol[0] != '\0' && strcmp(o->contracts[i].symbol, m->symbol) != 0)
            continue;
        o->contracts[i] = *m;
        return;
    }
}

int opt_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct optimizer *o = agent_state(a);
    o->agent = a;
    int err = make_setup(agent_config(a), &o->setup, why);
    if (err < 0)
        return err;
    o->rules = malloc(strategies_size(&o->setup.strategies));
    o->bars = calloc(OPT_BARS_MAX, sizeof *o->bars);
    o->confirm = calloc(OPT_BARS_MAX, sizeof *o->confirm);
    must(o->rules != NULL && o->bars != NULL && o->confirm != NULL);
    return ERR_OK;
}

void opt_configured(struct agent *a)
{
    struct optimizer *o = agent_state(a);
    char why[CONFIG_WHY_MAX];
    must(make_setup(agent_config(a), &o->setup, why) == ERR_OK);    /* config_check has seen it */
    queue_set_limit(o->queue, (int)config_int(agent_config(a), CFG_max_concurrent_tasks));
}

void opt_start(struct agent *a)
{
    struct optimizer *o = agent_state(a);
    const struct store_options options = {
        .loop = loop_uv(agent_loop(a)), .path = "sock/redis.sock", .instance = "main", .changed = on_store, .arg = o,
    };
    must(store_open(&options, &o->store) == ERR_OK);
    o->queue = queue_new(o->store, (int)config_int(agent_config(a), CFG_max_concurrent_tasks));
    o->timer = loop_timer_new(agent_loop(a), POLL_MS, POLL_MS, true, poll_queue, o);
}

void opt_fini(struct agent *a)
{
    struct optimizer *o = agent_state(a);
    store_close(&o->store);
    queue_destroy(&o->queue);
    free(o->rules);
    free(o->bars);
    free(o->confirm);
}

size_t opt_counters(struct agent *a, struct sub_counter *ret, size_t max)
{
    const struct optimizer *o = agent_state(a);
    if (max < 2)
        return 0;
    ret[0].count = o->done;
    TEXT_COPY(ret[0].name, "tasks_done");
    ret[1].count = o->failed;
    TEXT_COPY(ret[1].name, "tasks_failed");
    return 2;
}
