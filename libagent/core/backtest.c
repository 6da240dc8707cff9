/* backtest - see backtest.h
 *
 * One step a moment at which bars end: each symbol's bar is learnt (indicators), then walked through (entries, exits);
 * after all of them the account is valued and the signals of the close are decided, best first.
 */
#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "proto/tm.h"

#include "libagent/core/backtest.h"

#define RULE_LOTS   1000000     /* so many that halves of it do not round */
#define BOOK_LEVELS RISK_BOOK_LEVELS
#define BOOK_SHARE  100         /* a level holds this part of a bar's lots */
#define KNOWN_DAYS  14

void backtest_setup_default(struct backtest_setup *s)
{
    *s = (struct backtest_setup){
        .primary_ns = 15 * NS_PER_MIN, .confirm_ns = NS_PER_H, .leverage = 5, .account = true,
        .equity = dec_int(10000), .level_gap = dec_scaled(8, -6), .order_ns = NS_PER_MIN,
    };
    strategy_score_params_default(&s->score);
    exit_params_default(&s->exits);
    risk_limits_default(&s->limits);
}

static int64_t path_ns(const struct backtest_setup *s)
{
    return s->path_ns > 0 ? s->path_ns : s->primary_ns;
}

const char *backtest_setup_wrong(const struct backtest_setup *s)
{
    if (s->primary_ns <= 0 || s->confirm_ns <= s->primary_ns || s->confirm_ns % s->primary_ns != 0)
        return "the confirm timeframe is no multiple of the primary one";
    if (s->path_ns < 0 || s->primary_ns % path_ns(s) != 0)
        return "the bars' timeframe does not divide the primary one";
    if (!s->account)
        return NULL;
    if (NS_PER_H % path_ns(s) != 0)
        return "the bars' timeframe does not divide the hour";
    if (dec_sign(s->equity) <= 0 || dec_sign(s->level_gap) < 0 || s->leverage < 1 || s->order_ns < 0 || s->latency_ns < 0)
        return "equity, level_gap, leverage, order_ns or latency_ns";
    /* Of ATRs, as R is at least stop_atr of them: an ATR is no less than the mean range. */
    if (s->exits.trailing && s->exits.fixed.step == 0 && path_ns(s) == s->primary_ns &&
        dec_lt(dec_mul(s->exits.dist, s->limits.stop_atr), dec_int(1)))
        return "the trail distance is below the mean bar's range: give finer bars";
    return risk_limits_wrong(&s->limits);
}

/* ---- money ---- */

static dec_t fee(const struct backtest_symbol *y, int64_t lots, dec_t price, dec_t rate)
{
    return fill_fee(formula_value(lots, y->contract.multiplier, price), rate);
}

static void add_result(struct backtest_result *r, const struct backtest_trade *t)
{
    dec_t money = pnl_net(&t->pnl);
    double net = dec_to_double(dec_quo(money, t->notional));
    r->trades++;
    r->wins += net > 0;
    r->net += net;
    r->gains += net > 0 ? net : 0;
    r->losses += net < 0 ? -net : 0;
    r->peak = r->net > r->peak ? r->net : r->peak;
    r->max_drawdown = r->peak - r->net > r->max_drawdown ? r->peak - r->net : r->max_drawdown;
    r->net_money = dec_add(r->net_money, money);
    r->fees = dec_add(r->fees, t->pnl.fees);
    r->funding = dec_add(r->funding, t->pnl.funding);
}

static void tell(const struct backtest *b, const struct backtest_symbol *y)
{
    if (b->setup->ended != NULL)
        b->setup->ended(b->setup->arg, y, b->now_ns);
}

static void end_trade(struct backtest *b, struct backtest_symbol *y)
{
    const struct backtest_setup *s = b->setup;
    struct backtest_trade *t = &y->trade;
    add_result(&y->result, t);
    add_result(&b->result, t);
    t->state = BACKTEST_FLAT;
    tell(b, y);
    if (!s->account)
        return;
    b->realised = dec_add(b->realised, pnl_net(&t->pnl));
    y->rest_until_ns = risk_cooldown_until(&s->limits, b->now_ns, s->primary_ns);
    if (risk_streak_close(&b->streak, &s->limits, pnl_net(&t->pnl), b->now_ns, s->primary_ns) == RISK_STOP)
        b->stopped = 1;
}

/* A closing fill; what the entry has not got by then is cancelled with the last lot. */
static void leave(struct backtest *b, struct backtest_symbol *y, enum exit_reason why, int64_t qty, dec_t price)
{
    struct backtest_trade *t = &y->trade;
    int64_t lots = qty < t->pnl.qty ? qty : t->pnl.qty;
    if (lots <= 0 || pnl_fill(&t->pnl, -t->side, lots, price, fee(y, lots, price, y->contract.taker_fee),
                              y->contract.multiplier) < 0)
        return;
    exits_update(&t->exits, &b->setup->exits, &t->pnl);
    y->result.exits[why]++;
    b->result.exits[why]++;
    if (t->pnl.qty == 0)
        end_trade(b, y);
}

/* The exit's slippage is a cost: prices are worse by it. */
static dec_t slipped(const struct backtest *b, int side, dec_t price)
{
    dec_t slip = dec_mul(price, b->setup->exits.slippage);
    return side > 0 ? dec_sub(price, slip) : dec_add(price, slip);
}

static dec_t equity_now(const struct backtest *b)
{
    dec_t sum = dec_add(b->setup->equity, b->realised);
    for (int i = 0; i < b->n; i++) {
        const struct backtest_symbol *y = &b->symbol[i];
        if (y->trade.state == BACKTEST_OPEN)
            sum = dec_add(sum, dec_add(pnl_net(&y->trade.pnl), pnl_unrealised(&y->trade.pnl, y->close)));
    }
    return sum;
}

/* ---- a bar ---- */

static bool ends_primary(const struct backtest_setup *s, const struct candle *c)
{
    return (c->start_ns + path_ns(s)) % s->primary_ns == 0;
}

/* Stops lie before the liquidation price (risk saw to it): only a gap reaches it. */
static bool liquidated(struct backtest *b, struct backtest_symbol *y, const struct exit_bar *bar)
{
    struct backtest_trade *t = &y->trade;
    const struct contract_terms *c = &y->contract;
    dec_t mark = b->setup->exits.hard_stop ? bar->open : t->side > 0 ? bar->low : bar->high, price;
    dec_t units = dec_mul(dec_int(t->pnl.qty), c->multiplier), value = dec_mul(units, t->pnl.entry_px);
    dec_t w = dec_quo(value, dec_int(t->leverage));
    const struct contract_tier *tier = contract_tier_of(c, value);
    if (!b->setup->account || tier == NULL ||
        !fill_liquidated(t->side, t->pnl.entry_px, units, w, tier->mmr, c->lfr, mark) ||
        fill_bankruptcy(t->side, t->pnl.entry_px, units, w, &price) < 0)
        return false;
    leave(b, y, EXIT_LIQUIDATION, t->pnl.qty, dec_max(price, c->tick));
    return true;
}

static void manage(struct backtest *b, struct backtest_symbol *y, const struct exit_bar *bar, bool bar_closed)
{
    struct exit_action actions[EXIT_ACTIONS_MAX];
    struct exit_params params = b->setup->exits;
    struct backtest_trade *t = &y->trade;
    if (liquidated(b, y, bar))
        return;
    params.time_stop = params.time_stop && bar_closed;
    params.volatility = params.volatility && bar_closed;
    int n = exits_bar(&t->exits, &params, bar, actions);
    for (int i = 0; i < n && t->state == BACKTEST_OPEN; i++)
        if (actions[i].kind == EXIT_CLOSE)
            leave(b, y, actions[i].reason, actions[i].qty, slipped(b, t->side, actions[i].price));
}

/* Lots traded since from_ns at one price that a bar just touches. */
static int64_t lots_at_the_edge(const struct backtest_symbol *y, const struct backtest_bar *x, int64_t from_ns)
{
    int64_t ticks, missed = from_ns > x->candle.start_ns ? from_ns - x->candle.start_ns : 0;
    if (dec_floor_div(dec_sub(x->high, x->low), y->contract.tick, &ticks) < 0)
        return 0;
    const double rest = 1 - (double)missed / (double)x->candle.tf_ns;
    return (int64_t)(x->candle.volume * rest / (double)(ticks + 1));
}

/* What the entry gets of this bar.  True when something was filled. */
static bool fill_entry(struct backtest *b, struct backtest_symbol *y, const struct backtest_bar *x)
{
    struct backtest_trade *t = &y->trade;
    const struct backtest_setup *s = b->setup;
    if (t->from_ns >= b->now_ns)
        return false;
    int64_t got = fill_resting_trade(&t->rest, t->side, t->limit, t->side > 0 ? x->low : x->high,
                                     lots_at_the_edge(y, x, t->from_ns));
    if (got <= 0)
        return false;
    bool first = t->pnl.qty == 0;
    int err = pnl_fill(&t->pnl, t->side, got, t->limit, fee(y, got, t->limit, y->contract.maker_fee),
                       y->contract.multiplier);
    must(err == ERR_OK);
    t->notional = dec_add(t->notional, formula_value(got, y->contract.multiplier, t->limit));
    if (first)
        err = exits_open(&t->exits, &s->exits, &y->contract, &t->pnl, t->leverage, t->stop, t->atr,
                         x->candle.start_ns - x->candle.start_ns % s->primary_ns, s->primary_ns);
    else
        err = exits_update(&t->exits, &s->exits, &t->pnl);
    must(err == ERR_OK);        /* risk approved the stop on its side of this limit */
    y->result.filled += first;
    b->result.filled += first;
    t->state = BACKTEST_OPEN;
    return true;
}

static void expire_entry(struct backtest *b, struct backtest_symbol *y)
{
    struct backtest_trade *t = &y->trade;
    t->rest.leaves = 0;
    if (t->state != BACKTEST_RESTING)
        return;
    t->state = BACKTEST_FLAT;
    y->result.expired++;
    b->result.expired++;
    tell(b, y);
}

static void settle(struct backtest *b, struct backtest_symbol *y, dec_t rate)
{
    struct backtest_trade *t = &y->trade;
    if (t->state != BACKTEST_OPEN)
        return;
    int err = pnl_funding(&t->pnl, fill_funding(t->side, t->pnl.qty, y->contract.multiplier, y->close, rate));
    must(err == ERR_OK);
    exits_update(&t->exits, &b->setup->exits, &t->pnl);
}

/* All settlements that are due until this bar ends; they are of what is open when it begins. */
static void fund(struct backtest *b, struct backtest_symbol *y)
{
    const int64_t every = y->funding_ns;
    for (; y->next_funding < y->n_funding && y->funding[y->next_funding].ns < b->now_ns; y->next_funding++)
        settle(b, y, y->funding[y->next_funding].rate);
    for (; y->funding == NULL && every > 0 && y->funding_due_ns < b->now_ns; y->funding_due_ns += every)
        settle(b, y, y->funding_rate);
}

/* Entries and exits along the bar. */
static void walk(struct backtest *b, struct backtest_symbol *y, const struct backtest_bar *x)
{
    struct backtest_trade *t = &y->trade;
    const bool closed = ends_primary(b->setup, &x->candle);
    struct exit_bar bar = {
        .open = x->open, .high = x->high, .low = x->low, .close = x->close,
        .start_ns = x->candle.start_ns - x->candle.start_ns % b->setup->primary_ns,
        .atr = y->score.primary.last.atr.v[0],
    };
    if (t->state != BACKTEST_FLAT && t->rest.leaves > 0 && x->candle.start_ns >= t->until_ns)
        expire_entry(b, y);     /* over a gap */
    bool was_open = t->state == BACKTEST_OPEN;
    bool got = t->state != BACKTEST_FLAT && t->rest.leaves > 0 && fill_entry(b, y, x);
    if (got && !was_open) {     /* a gap fills at the limit, as the order was there before */
        bar.open = t->limit;
        if (t->side > 0) {
            bar.high = dec_max(t->limit, x->close);
            bar.low = dec_min(t->limit, x->low);
        } else {
            bar.low = dec_min(t->limit, x->close);
            bar.high = dec_max(t->limit, x->high);
        }
    }
    if (t->state == BACKTEST_OPEN)
        manage(b, y, &bar, closed);
    if (t->state != BACKTEST_FLAT && t->rest.leaves > 0 && b->now_ns >= t->until_ns)
        expire_entry(b, y);
}

/* A signal holds at its own close only: a bar that closed late, over a gap, gives none. */
static void judge(struct backtest *b, struct backtest_symbol *y, const struct candle *c)
{
    struct score_signal g;
    if (score_on_bar(&y->score, &b->setup->score, c, NULL, false, &g) != SCORE_FIRED)
        return;
    y->signal = g;
    y->fired = g.close_ns == b->now_ns;
}

/* Hours and days are closed at the end of their last bar. */
static void learn_long_bars(struct backtest *b, struct backtest_symbol *y, const struct candle *c)
{
    struct candle closed[2];
    int n = candle_agg_push(&y->hour, c, closed);
    for (int i = 0; i < n; i++) {
        corr_push(&y->corr, closed[i].start_ns, closed[i].close);
        if (b->n >= GAMMA_SYMBOLS_MIN)
            gamma_bar(&b->gamma, (int)(y - b->symbol), &closed[i]);
    }
    n = candle_agg_push(&y->day, c, closed);
    for (int i = 0; i < n; i++)
        day_atr_push(&y->day_atr, &closed[i]);
}

/* False: the bar is refused, and nothing is traded at its prices. */
static bool learn(struct backtest *b, struct backtest_symbol *y, const struct backtest_bar *x)
{
    const struct backtest_setup *s = b->setup;
    const struct candle *c = &x->candle;
    struct candle closed[2];
    const enum candle_verdict v = y->last.tf_ns == 0 ? candle_check(c)
                                  : candle_follows(c, y->last.start_ns, y->last.tf_ns, y->last.close);
    const bool good = (v == CANDLE_OK || v == CANDLE_GAP) && c->tf_ns == path_ns(s);

    while (y->next_confirm < y->n_confirm && y->confirm[y->next_confirm].start_ns + s->confirm_ns <= c->start_ns)
        score_on_confirm(&y->score, &s->score, &y->confirm[y->next_confirm++]);
    y->fired = false;
    y->result.bars++;
    b->result.bars++;
    y->result.bad += !good;
    b->result.bad += !good;
    if (good) {
        y->last = *c;
        y->close = x->close;
    }
    if (path_ns(s) == s->primary_ns) {
        judge(b, y, c);         /* counts what it refuses */
    } else if (good) {
        int n = candle_agg_push(&y->primary, c, closed);
        for (int i = 0; i < n; i++)
            judge(b, y, &closed[i]);
    }
    if (good && s->account)
        learn_long_bars(b, y, c);
    y->result.signals += y->fired;
    b->result.signals += y->fired;
    return good;
}

/* ---- a decision ---- */

static void take_at_close(struct backtest *b, struct backtest_symbol *y, const struct backtest_bar *x)
{
    const struct backtest_setup *s = b->setup;
    const int side = y->signal.dir;
    struct backtest_trade t = {
        .state = BACKTEST_OPEN, .side = side, .leverage = s->leverage, .atr = y->signal.atr, .lots = RULE_LOTS,
        .decided = x->close,
        .notional = formula_value(RULE_LOTS, y->contract.multiplier, x->close),
    };
    dec_t atr, tick = y->contract.tick;
    if (dec_from_double(t.atr, tick, DEC_UP, &atr) < 0)
        return;
    dec_t far = dec_max(dec_mul(s->limits.stop_atr, atr), dec_mul(s->limits.stop_floor, x->close));
    t.stop = side > 0 ? dec_round_to(dec_sub(x->close, far), tick, DEC_FLOOR)
                      : dec_round_to(dec_add(x->close, far), tick, DEC_CEIL);
    if (pnl_fill(&t.pnl, side, RULE_LOTS, x->close, fee(y, RULE_LOTS, x->close, y->contract.taker_fee),
                 y->contract.multiplier) < 0 ||
        exits_open(&t.exits, &s->exits, &y->contract, &t.pnl, t.leverage, t.stop, t.atr, b->now_ns,
                   s->primary_ns) < 0)
        return;
    y->trade = t;
}

static int positions(struct backtest *b, const struct backtest_symbol *of)
{
    int n = 0;
    for (int i = 0; i < b->n; i++) {
        const struct backtest_symbol *y = &b->symbol[i];
        if (y->trade.state == BACKTEST_FLAT)
            continue;
        struct risk_position *p = &b->positions[n++];
        *p = (struct risk_position){
            .side = y->trade.side, .margin = y->trade.margin, .heat = y->trade.heat,
            .notional = dec_mul(y->trade.margin, dec_int(y->trade.leverage)), .rho = NAN,
        };
        strncpy(p->symbol, y->name, sizeof p->symbol - 1);
        double rho;
        if (corr_rho(&of->corr, &y->corr, &rho) == ERR_OK)
            p->rho = rho;
    }
    return n;
}

static dec_t margins(const struct risk_account *a)
{
    dec_t sum = dec_zero();
    for (int i = 0; i < a->position_count; i++)
        sum = dec_add(sum, a->positions[i].margin);
    return sum;
}

/* False: too near to zero for ten levels. */
static bool make_book(const struct backtest *b, const struct backtest_symbol *y, struct book_level bids[BOOK_LEVELS],
                      struct book_level asks[BOOK_LEVELS])
{
    const dec_t tick = y->contract.tick;
    dec_t gap = dec_max(tick, dec_round_to(dec_mul(y->close, b->setup->level_gap), tick, DEC_HALF_EVEN));
    dec_t bid = dec_round_to(y->close, tick, DEC_FLOOR), ask = dec_add(bid, tick);
    int64_t lots = 1 + (int64_t)(y->last.volume / BOOK_SHARE);
    for (int i = 0; i < BOOK_LEVELS; i++) {
        dec_t away = dec_mul(dec_int(i), gap);
        bids[i] = (struct book_level){dec_sub(bid, away), lots};
        asks[i] = (struct book_level){dec_add(ask, away), lots};
    }
    return dec_sign(bids[BOOK_LEVELS - 1].price) > 0;
}

static void gather_market(const struct backtest *b, const struct backtest_symbol *y, struct risk_market *m)
{
    const int i = (int)(y - b->symbol);
    *m = (struct risk_market){
        .contract = &y->contract, .atr = y->signal.atr, .day_atr = day_atr_fraction(&y->day_atr),
        .gamma = GATE_ABSTAINS,
    };
    m->day_bars = m->day_atr > 0 ? KNOWN_DAYS : 0;
    if (b->n < GAMMA_SYMBOLS_MIN)
        return;
    m->gamma = gamma_gate(&b->gamma, i, -1) == GAMMA_STALE ? GATE_STALE : GATE_FRESH;
    m->g = b->gamma.symbol[i].g;
}

static void count_verdict(struct backtest_result *r, const struct risk_verdict *v)
{
    bool seen[RISK_REASON_COUNT] = {false};
    r->approved += v->approved;
    if (!v->approved)
        r->refused[v->reason]++;
    for (int i = 0; i < v->check_count; i++) {
        enum risk_reason check = v->checks[i].check;
        r->failed[check] += !v->checks[i].ok && !seen[check];
        seen[check] = seen[check] || !v->checks[i].ok;
    }
}

static void place(struct backtest *b, struct backtest_symbol *y, int64_t ahead)
{
    const struct risk_verdict *v = &b->verdict;
    const int64_t most = b->setup->order_ns > path_ns(b->setup) ? b->setup->order_ns : path_ns(b->setup);
    y->trade = (struct backtest_trade){
        .state = BACKTEST_RESTING, .side = y->signal.dir, .rest = {.leaves = v->qty, .ahead = ahead},
        .limit = v->price, .stop = v->stop_px, .margin = v->margin, .heat = v->heat, .leverage = v->leverage,
        .lots = v->qty, .decided = y->close, .atr = y->signal.atr, .from_ns = b->now_ns + b->setup->latency_ns,
        .until_ns = b->now_ns + most,
    };
}

static void decide(struct backtest *b, struct backtest_symbol *y)
{
    struct book_level bids[BOOK_LEVELS], asks[BOOK_LEVELS];
    struct risk_market m;
    struct risk_account a = {
        .equity = b->equity, .day = b->day, .streak = b->streak, .positions = b->positions,
        .position_count = positions(b, y), .ready = true, .emergency = b->stopped,
        .cooldown_until_ns = y->rest_until_ns,
    };
    struct risk_request r = {
        .side = y->signal.dir, .leverage = b->setup->leverage, .rank = y->rank, .market_ns = b->now_ns,
        .close = y->close, .size_multiplier = dec_int(1),
    };
    a.available = dec_sub(a.equity, margins(&a));
    strncpy(r.symbol, y->name, sizeof r.symbol - 1);
    gather_market(b, y, &m);
    if (make_book(b, y, bids, asks)) {
        m.bids = bids;
        m.asks = asks;
        m.bid_count = m.ask_count = BOOK_LEVELS;
    }
    risk_check(&b->setup->limits, &a, &m, &r, &b->verdict);
    count_verdict(&y->result, &b->verdict);
    count_verdict(&b->result, &b->verdict);
    if (b->verdict.approved)
        place(b, y, bids[0].qty);
}

static bool before(const struct backtest_symbol *x, const struct backtest_symbol *y)
{
    return x->signal.rank != y->signal.rank ? x->signal.rank > y->signal.rank : strcmp(x->name, y->name) < 0;
}

/* All that fired at this close, best first. */
static void decide_batch(struct backtest *b)
{
    int n = 0, done = 0;
    for (int i = 0; i < b->n; i++) {
        struct backtest_symbol *y = &b->symbol[i];
        y->rank = 1;
        for (int k = 0; y->fired && k < b->n; k++)
            y->rank += k != i && b->symbol[k].fired && before(&b->symbol[k], y);
        n += y->fired;
    }
    if (n > 0 && b->n >= GAMMA_SYMBOLS_MIN)
        gamma_update(&b->gamma, b->now_ns);
    for (int rank = 1; done < n; rank++)
        for (int i = 0; i < b->n; i++)
            if (b->symbol[i].fired && b->symbol[i].rank == rank) {
                decide(b, &b->symbol[i]);
                done++;
            }
}

/* ---- the account ---- */

static void stop_everything(struct backtest *b)
{
    b->result.stops++;
    for (int i = 0; i < b->n; i++) {
        struct backtest_symbol *y = &b->symbol[i];
        if (y->trade.state == BACKTEST_OPEN)
            leave(b, y, EXIT_EMERGENCY, y->trade.pnl.qty, slipped(b, y->trade.side, y->close));
        else if (y->trade.state == BACKTEST_RESTING)
            expire_entry(b, y);
    }
    b->stopped = 2;
}

/* stopped: 1 to be done, 2 done and not acknowledged yet. */
static void value_account(struct backtest *b)
{
    const int64_t day = b->day.day;
    b->equity = equity_now(b);
    if (risk_day_update(&b->day, &b->setup->limits, b->now_ns, b->equity) == RISK_STOP)
        b->stopped = 1;
    if (b->stopped == 1) {
        stop_everything(b);
        b->equity = equity_now(b);
    } else if (b->stopped == 2 && b->day.day != day) {
        b->stopped = 0;
        risk_day_reset(&b->day);
        risk_streak_reset(&b->streak);
    }
}

/* ---- all of it ---- */

static void symbol_init(const struct backtest_setup *s, struct backtest_symbol *y)
{
    const struct backtest_symbol given = {
        .name = y->name, .contract = y->contract, .bars = y->bars, .n = y->n, .confirm = y->confirm,
        .n_confirm = y->n_confirm, .funding = y->funding, .n_funding = y->n_funding, .funding_rate = y->funding_rate,
        .funding_ns = y->funding_ns,
    };
    *y = given;
    if (y->n > 0 && y->funding_ns > 0)
        y->funding_due_ns = (y->bars[0].candle.start_ns / y->funding_ns + 1) * y->funding_ns;
    must(strategy_score_init(&y->score, s->primary_ns, s->confirm_ns) == ERR_OK);
    candle_agg_init(&y->primary, s->primary_ns);
    candle_agg_init(&y->hour, NS_PER_H);
    candle_agg_init(&y->day, NS_PER_DAY);
    corr_init(&y->corr);
    day_atr_init(&y->day_atr);
}

static const struct backtest_bar *peek(const struct backtest_symbol *y)
{
    return y->next < y->n ? &y->bars[y->next] : NULL;
}

int backtest_start(struct backtest *b, const struct backtest_setup *setup, struct backtest_symbol *symbols, int n)
{
    const struct backtest_result so_far = b->result;
    memset(b, 0, sizeof *b);
    b->result = so_far;
    if (n < 1 || n > BACKTEST_SYMBOLS_MAX || (!setup->account && n > 1) || backtest_setup_wrong(setup) != NULL)
        return ERR_RANGE;
    b->setup = setup;
    b->symbol = symbols;
    b->n = n;
    b->equity = setup->equity;
    must(gamma_init(&b->gamma, n, 0) == ERR_OK);
    for (int i = 0; i < n; i++)
        symbol_init(setup, &symbols[i]);
    return ERR_OK;
}

bool backtest_step(struct backtest *b)
{
    int64_t start_ns = INT64_MAX;
    for (int i = 0; i < b->n; i++)
        if (peek(&b->symbol[i]) != NULL && peek(&b->symbol[i])->candle.start_ns < start_ns)
            start_ns = peek(&b->symbol[i])->candle.start_ns;
    if (start_ns == INT64_MAX)
        return false;
    b->now_ns = start_ns + path_ns(b->setup);
    for (int i = 0; i < b->n; i++) {
        struct backtest_symbol *y = &b->symbol[i];
        const struct backtest_bar *x = peek(y);
        y->fired = false;
        if (x == NULL || x->candle.start_ns != start_ns)
            continue;
        y->next++;
        fund(b, y);
        if (learn(b, y, x))
            walk(b, y, x);
        if (!b->setup->account && y->fired && y->trade.state == BACKTEST_FLAT)
            take_at_close(b, y, x);
    }
    if (b->setup->account) {
        value_account(b);
        decide_batch(b);
    }
    return true;
}

int backtest_run(struct backtest *b, const struct backtest_setup *setup, struct backtest_symbol *symbols, int n)
{
    const int err = backtest_start(b, setup, symbols, n);
    while (err == ERR_OK && backtest_step(b))
        continue;
    return err;
}
