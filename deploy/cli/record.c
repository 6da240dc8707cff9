/* record - see record.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/cli/record.h"

#define DAYS_MAX 36500

static void *one_more(void *list, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return list;
    *room = *room > 0 ? 2 * *room : 256;
    list = realloc(list, *room * size);
    must(list != NULL);
    return list;
}

static void on_end(void *arg, const struct backtest_symbol *y, int64_t now_ns)
{
    struct record *r = arg;
    const struct backtest_trade *t = &y->trade;
    const struct pnl *p = &t->pnl;
    const double unit = dec_to_double(y->contract.multiplier),
                 filled = (double)p->entered_qty * unit;
    r->orders = one_more(r->orders, r->n_orders, &r->room_orders, sizeof *r->orders);
    r->orders[r->n_orders++] = (struct metrics_order){
        .side = t->side,
        .ordered = (double)t->lots * unit,
        .filled = filled,
        .maker = r->account ? filled : 0,
        .decision_px = dec_to_double(t->decided),
        .avg_px = dec_to_double(p->entry_px),
    };
    if (p->entered_qty == 0)
        return;
    const dec_t net = pnl_net(p);
    r->trades = one_more(r->trades, r->n_trades, &r->room_trades, sizeof *r->trades);
    r->trades[r->n_trades++] = (struct metrics_trade){
        .opened_ns = t->exits.fill_bar_ns,
        .closed_ns = now_ns,
        .net = dec_to_double(r->account ? net : dec_quo(net, t->notional)),
    };
}

void record_listen(struct record *r, struct backtest_setup *s)
{
    s->ended = on_end;
    s->arg = r;
    r->account = s->account;
}

/* One mark a day, the newest. */
static void mark(struct record *r, int64_t ns, double equity)
{
    if (r->n_marks > 1 && r->marks[r->n_marks - 1].ns / NS_PER_DAY == ns / NS_PER_DAY)
        r->n_marks--;
    r->marks = one_more(r->marks, r->n_marks, &r->room_marks, sizeof *r->marks);
    r->marks[r->n_marks++] = (struct metrics_mark){ns, equity};
}

void record_step(struct record *r, const struct backtest *b)
{
    if (r->account) /* a close at midnight belongs to the day before */
        mark(r, b->now_ns - 1, dec_to_double(b->equity));
    const struct strategies *chosen = &b->setup->strategies;
    const int at = strategies_find(chosen, "score");
    for (int i = 0; i < b->n && at >= 0; i++) {
        const struct strategy_score *s = strategy_score_of(strategies_state_of(chosen, b->symbol[i].rules, at));
        struct record_bar *last = &r->bar[i];
        if (s->primary_start_ns <= 0 || s->primary_start_ns == last->start_ns)
            continue;
        if (last->start_ns > 0 && s->primary_start_ns - last->start_ns == s->primary_ns)
            metrics_accuracy_add(&r->accuracy, &last->score, s->primary_close - last->close);
        *last = (struct record_bar){s->p, s->primary_close, s->primary_start_ns};
    }
}

void record_next_run(struct record *r)
{
    memset(r->bar, 0, sizeof r->bar);
}

void record_measure(const struct record *r, int64_t now_ns, struct metric ret[METRIC_ID_COUNT])
{
    double *daily = calloc(DAYS_MAX, sizeof *daily);
    must(daily != NULL);
    const int days = metrics_daily(r->marks, r->n_marks, now_ns, daily, DAYS_MAX);
    const struct metrics_input in = {
        .now_ns = now_ns,
        .trades = r->trades,
        .trade_n = r->n_trades,
        .orders = r->orders,
        .order_n = r->n_orders,
        .marks = r->marks,
        .mark_n = r->n_marks,
        .daily = daily,
        .daily_n = days > 0 ? (size_t)days : 0,
    };
    metrics_all(&in, ret);
    free(daily);
}

void record_free(struct record *r)
{
    free(r->trades);
    free(r->orders);
    free(r->marks);
    memset(r, 0, sizeof *r);
}
