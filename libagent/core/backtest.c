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
        .leverage = 5, .account = true, .healing = true,
        .equity = dec_int(10000), .level_gap = dec_scaled(8, -6), .order_ns = NS_PER_MIN,
    };
    must(strategies_init(&s->strategies, 15 * NS_PER_MIN, NS_PER_H) == ERR_OK);
    must(strategies_add(&s->strategies, &strategy_def_score) == ERR_OK);
    exit_params_default(&s->exits);
    risk_limits_default(&s->limits);
}

static int64_t primary_ns(const struct backtest_setup *s)
{
    return s->strategies.tf_ns;
}

static int64_t path_ns(const struct backtest_setup *s)
{
    return s->path_ns > 0 ? s->path_ns : primary_ns(s);
}

const char *backtest_setup_wrong(const struct backtest_setup *s)
{
    if (s->strategies.n < 1)
        return "no strategy is chosen";
    if (s->path_ns < 0 || primary_ns(s) % path_ns(s) != 0)
        return "the bars' timeframe does not divide the primary one";
    if (!s->account)
        return NULL;
    if (NS_PER_H % path_ns(s) != 0)
        return "the bars' timeframe does not divide the hour";
    if (dec_sign(s->equity) <= 0 || dec_sign(s->level_gap) < 0 || s->leverage < 1 || s->order_ns < 0 || s->latency_ns < 0)
        return "equity, level_gap, leverage, order_ns or latency_ns";
    /* Of ATRs, as R is at least stop_atr of them: an ATR is no less than the mean range. */
    if (s->exits.trailing && s->exits.fixed.step == 0 && path_ns(s) == primary_ns(s) &&
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
    const dec_t slip = dec_quo(dec_sub(t->pnl.entry_px, t->decided), t->decided);
    healing_trade(&b->healing, b->now_ns, t->strategy, dec_sign(pnl_net(&t->pnl)) > 0, t->side * dec_to_double(slip));
    b->realised = dec_add(b->realised, pnl_net(&t->pnl));
    y->rest_until_ns = risk_cooldown_until(&s->limits, b->now_ns, primary_ns(s));
    if (risk_streak_close(&b->streak, &s->limits, pnl_net(&t->pnl), b->now_ns, primary_ns(s)) == RISK_STOP)
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

static dec_t available(const struct backtest *b)
{
    dec_t sum = b->equity;
    for (int i = 0; i < b->n; i++)
        if (b->symbol[i].trade.state != BACKTEST_FLAT)
            sum = dec_sub(sum, b->symbol[i].trade.margin);
    return sum;
}

/* ---- a bar ---- */

static bool ends_primary(const struct backtest_setup *s, const struct candle *c)
{
    return (c->start_ns + path_ns(s)) % primary_ns(s) == 0;
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
                         x->candle.start_ns - x->candle.start_ns % primary_ns(s), primary_ns(s));
    else
        err = exits_update(&t->exits, &s->exits, &t->pnl);
    must(err == ERR_OK);        /* risk approved the stop on its side of this limit */
    if (first)
        y->entered_ns = b->now_ns;
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
        .start_ns = x->candle.start_ns - x->candle.start_ns % primary_ns(b->setup), .atr = y->rules->atr,
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
    const struct strategies *s = &b->setup->strategies;
    for (; y->next_confirm < y->n_confirm; y->next_confirm++) {
        const struct candle *longer = &y->confirm[y->next_confirm];
        if (longer->start_ns + s->confirm_ns > c->start_ns + s->tf_ns)
            break;
        strategies_confirm(s, y->rules, longer);
    }
    int n = strategies_bar(s, y->rules, c, NULL, false, y->fired);
    bool ready = strategies_ready(s, y->rules) == s->n;
    y->result.judged += ready;
    b->result.judged += ready;
    y->n_fired = c->start_ns + s->tf_ns == b->now_ns ? n : 0;
    for (int i = 0; i < y->n_fired; i++)
        strncpy(y->fired[i].symbol, y->name, sizeof y->fired[i].symbol - 1);
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

    y->result.bars++;
    b->result.bars++;
    y->result.bad += !good;
    b->result.bad += !good;
    if (good) {
        y->last = *c;
        y->close = x->close;
    }
    if (path_ns(s) == primary_ns(s)) {
        judge(b, y, c);         /* counts what it refuses */
    } else if (good) {
        int n = candle_agg_push(&y->primary, c, closed);
        for (int i = 0; i < n; i++)
            judge(b, y, &closed[i]);
    }
    if (good && s->account)
        learn_long_bars(b, y, c);
    y->result.signals += y->n_fired;
    b->result.signals += y->n_fired;
    return good;
}

/* ---- a decision ---- */

static const char *strategy_of(const struct backtest *b, const struct strategies_fired *f)
{
    return b->setup->strategies.of[f->which].def->name;
}

static void take_at_close(struct backtest *b, struct backtest_symbol *y, const struct strategies_fired *f)
{
    const struct backtest_setup *s = b->setup;
    const int side = f->signal.side;
    struct backtest_trade t = {
        .state = BACKTEST_OPEN, .side = side, .strategy = strategy_of(b, f), .leverage = s->leverage, .atr = f->atr,
        .lots = RULE_LOTS, .decided = y->close,
        .notional = formula_value(RULE_LOTS, y->contract.multiplier, y->close),
    };
    dec_t atr, tick = y->contract.tick;
    if (dec_from_double(t.atr, tick, DEC_UP, &atr) < 0)
        return;
    dec_t far = dec_max(dec_mul(s->limits.stop_atr, atr), dec_mul(s->limits.stop_floor, y->close));
    t.stop = side > 0 ? dec_round_to(dec_sub(y->close, far), tick, DEC_FLOOR)
                      : dec_round_to(dec_add(y->close, far), tick, DEC_CEIL);
    if (pnl_fill(&t.pnl, side, RULE_LOTS, y->close, fee(y, RULE_LOTS, y->close, y->contract.taker_fee),
                 y->contract.multiplier) < 0 ||
        exits_open(&t.exits, &s->exits, &y->contract, &t.pnl, t.leverage, t.stop, t.atr, b->now_ns,
                   primary_ns(s)) < 0)
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
        strncpy(p->strategy, y->trade.strategy, sizeof p->strategy - 1);
        double rho;
        if (corr_rho(&of->corr, &y->corr, &rho) == ERR_OK)
            p->rho = rho;
    }
    return n;
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

static void gather_market(const struct backtest *b, const struct backtest_symbol *y, double atr, struct risk_market *m)
{
    const int i = (int)(y - b->symbol);
    *m = (struct risk_market){
        .contract = &y->contract, .atr = atr, .day_atr = day_atr_fraction(&y->day_atr),
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

static void place(struct backtest *b, struct backtest_symbol *y, const struct strategies_fired *f, int64_t ahead)
{
    const struct risk_verdict *v = &b->verdict;
    const int64_t most = b->setup->order_ns > path_ns(b->setup) ? b->setup->order_ns : path_ns(b->setup);
    y->trade = (struct backtest_trade){
        .state = BACKTEST_RESTING, .side = f->signal.side, .strategy = strategy_of(b, f),
        .rest = {.leaves = v->qty, .ahead = ahead},
        .limit = v->price, .stop = v->stop_px, .margin = v->margin, .heat = v->heat, .leverage = v->leverage,
        .lots = v->qty, .decided = y->close, .atr = f->atr, .from_ns = b->now_ns + b->setup->latency_ns,
        .until_ns = b->now_ns + most,
    };
}

static dec_t size_multiplier(const struct backtest *b, const char *strategy)
{
    dec_t ret;
    double x = gamma_multiplier(&b->gamma, b->setup->lighthouse, b->stopped != 0);
    if (b->setup->healing)
        x *= healing_factor(&b->healing, strategy, b->now_ns);
    must(dec_from_double(x, dec_scaled(1, -4), DEC_DOWN, &ret) == ERR_OK);
    return ret;
}

static void decide(struct backtest *b, struct backtest_symbol *y, const struct strategies_fired *f)
{
    struct book_level bids[BOOK_LEVELS], asks[BOOK_LEVELS];
    struct risk_market m;
    struct risk_account a = {
        .equity = b->equity, .available = available(b), .day = b->day, .streak = b->streak, .positions = b->positions,
        .position_count = positions(b, y), .ready = true, .emergency = b->stopped,
        .cooldown_until_ns = y->rest_until_ns, .entered_ns = y->entered_ns, .burst = b->burst,
    };
    struct risk_request r = {
        .side = f->signal.side, .leverage = b->setup->leverage, .rank = f->rank, .market_ns = b->now_ns,
        .close = y->close, .size_multiplier = size_multiplier(b, f->strategy),
    };
    strncpy(r.symbol, y->name, sizeof r.symbol - 1);
    strncpy(r.strategy, f->strategy, sizeof r.strategy - 1);
    gather_market(b, y, f->atr, &m);
    if (make_book(b, y, bids, asks)) {
        m.bids = bids;
        m.asks = asks;
        m.bid_count = m.ask_count = BOOK_LEVELS;
    }
    risk_check(&b->setup->limits, &a, &m, &r, &b->verdict);
    count_verdict(&y->result, &b->verdict);
    count_verdict(&b->result, &b->verdict);
    healing_decision(&b->healing, b->now_ns, b->verdict.reason);
    if (!b->verdict.approved)
        return;
    risk_burst_approved(&b->burst, b->verdict.margin);
    place(b, y, f, bids[0].qty);
}

static struct backtest_symbol *symbol_of(const struct backtest *b, const struct strategies_fired *f)
{
    for (int i = 0; i < b->n; i++)
        if (f >= b->symbol[i].fired && f < b->symbol[i].fired + STRATEGIES_MAX)
            return &b->symbol[i];
    return NULL;
}

/* All that fired at this close, ranked as the signal agent ranks them. */
static size_t rank_batch(struct backtest *b)
{
    size_t n = 0;
    for (int i = 0; i < b->n; i++)
        for (int k = 0; k < b->symbol[i].n_fired; k++)
            b->best[n++] = &b->symbol[i].fired[k];
    strategies_rank(b->setup->features ? &b->ranker : NULL, b->best, n);
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && b->best[k]->rank < b->best[k - 1]->rank; k--) {
            struct strategies_fired *swap = b->best[k];
            b->best[k] = b->best[k - 1];
            b->best[k - 1] = swap;
        }
    return n;
}

static void decide_batch(struct backtest *b)
{
    const size_t n = rank_batch(b);
    if (b->n >= GAMMA_SYMBOLS_MIN && gamma_update(&b->gamma, b->now_ns))
        risk_burst_update(&b->burst, b->gamma.lighthouse, available(b));
    for (size_t i = 0; i < n; i++) {
        struct backtest_symbol *y = symbol_of(b, b->best[i]);
        if (b->setup->account)
            decide(b, y, b->best[i]);
        else if (y->trade.state == BACKTEST_FLAT)
            take_at_close(b, y, b->best[i]);
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
    if (dec_sign(b->equity) > 0)
        healing_margin(&b->healing, b->now_ns, 1 - dec_to_double(dec_quo(available(b), b->equity)));
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

static int symbol_init(const struct backtest_setup *s, struct backtest_symbol *y)
{
    char why[STRATEGIES_WHY_MAX];
    const struct backtest_symbol given = {
        .name = y->name, .contract = y->contract, .bars = y->bars, .n = y->n, .confirm = y->confirm,
        .n_confirm = y->n_confirm, .funding = y->funding, .n_funding = y->n_funding, .funding_rate = y->funding_rate,
        .funding_ns = y->funding_ns, .rules = y->rules,
    };
    *y = given;
    if (y->n > 0 && y->funding_ns > 0)
        y->funding_due_ns = (y->bars[0].candle.start_ns / y->funding_ns + 1) * y->funding_ns;
    candle_agg_init(&y->primary, primary_ns(s));
    candle_agg_init(&y->hour, NS_PER_H);
    candle_agg_init(&y->day, NS_PER_DAY);
    corr_init(&y->corr);
    day_atr_init(&y->day_atr);
    return strategies_start(&s->strategies, y->rules, why);
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
    if (n < 1 || n > BACKTEST_SYMBOLS_MAX || n * setup->strategies.n > RANKER_MAX || (!setup->account && n > 1) ||
        backtest_setup_wrong(setup) != NULL)
        return ERR_RANGE;
    b->setup = setup;
    b->symbol = symbols;
    b->n = n;
    b->equity = setup->equity;
    must(gamma_init(&b->gamma, n, 0) == ERR_OK);
    ranker_init(&b->ranker);
    healing_init(&b->healing, primary_ns(setup), n);
    int err = ERR_OK;
    for (int i = 0; i < n && err == ERR_OK; i++)
        err = symbol_init(setup, &symbols[i]);
    return err;
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
        y->n_fired = 0;
        if (x == NULL || x->candle.start_ns != start_ns)
            continue;
        y->next++;
        fund(b, y);
        if (learn(b, y, x))
            walk(b, y, x);
    }
    if (b->setup->account)
        value_account(b);
    decide_batch(b);
    return true;
}

int backtest_run(struct backtest *b, const struct backtest_setup *setup, struct backtest_symbol *symbols, int n)
{
    const int err = backtest_start(b, setup, symbols, n);
    while (err == ERR_OK && backtest_step(b))
        continue;
    return err;
}
