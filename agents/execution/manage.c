/* manage - each trade looked at: what it needs next is done; see exec.h
 *
 * M1  an open position has a resting closing stop: one is placed at once when none is known to rest, and
 *     after three tries the position is closed;
 * M2  a new stop rests before the old one is cancelled;
 * M3  a close goes on until nothing is open, in every state of the system;
 * M4  a trade ends when nothing is open, its entry is over, its fundings are known and none of its orders is
 *     left; what is left of an entry when everything is closed again is cancelled; a stop goes last, when the
 *     symbol is proved flat;
 * M5  an emergency is heard, or seen by the latch file when the bus is dead: everything is closed, and nothing
 *     is entered until the operator resumes;
 * M6  with risk or the orchestrator silent for too long no entry rests any more; all the rest goes on without them.
 */
#include <string.h>

#include "libagent/failpoint.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/exec.h"
#include "agents/execution/signer.h"

#define ATTACHED_NS  (150 * NS_PER_MS)  /* the entry's own stop may take so long to be seen */
#define RETRY_NS     (500 * NS_PER_MS)  /* between closing orders, or stops after a refusal */
#define SLOW_NS      (5 * NS_PER_S)     /* ... after as many as PATIENCE */
#define PATIENCE     10
#define FUNDING_NS   (5 * NS_PER_S)     /* a trade that is over waits so long for the list of its fundings */
#define STOP_WAIT_NS NS_PER_S
#define IOC_TRIES    3
#define STOP_TRIES   3
#define ASK_NS       NS_PER_S
#define FRESH_NS     (2 * NS_PER_S)     /* a ticker good for a limit */
#define GUARDS_NS    NS_PER_S           /* between questions who guards */

/* ---- closing ---- */

void manage_close(struct exec *x, struct trade *t, enum exit_reason reason, bool urgent)
{
    bool first = t->closing == EXIT_NONE;
    if (first)
        t->closing = (int32_t)reason;
    if (urgent && !t->urgent)
        t->urgent = 1;
    else if (!first)
        return;
    t->try_ns = 0;              /* at once */
    if (first && t->open == 1) {
        TEXT_COPY(t->p.exit_reason, exit_reason_name(reason));
        t->p.version++;
        tell_position(x, t, TOPIC_POSITION_CLOSING);
    }
    exec_keep_trade(x, t);
}

static void place_exit(struct exec *x, struct trade *t, int64_t qty, bool market, const char *reason)
{
    struct symbol *s = exec_symbol(x, t->p.symbol);
    struct exec_order *o = exec_leg_order(x, t, LEG_EXIT);
    const dec_t slippage = dec_quo(config_dec(agent_config(x->agent), CFG_max_slippage_pct), dec_int(100));
    if (o == NULL)
        return;
    int64_t now = agent_now_ns(x->agent);
    o->o.qty = s != NULL && qty > s->terms.max_qty ? s->terms.max_qty : qty;    /* the rest with the next */
    o->o.ord_type = ORD_MARKET;
    TEXT_COPY(o->o.reason, reason);
    if (!market && s != NULL && now - s->ticker_ns < FRESH_NS &&
        formula_exit_limit(t->pnl.side, s->bid, s->ask, slippage, s->terms.tick, &o->o.price) == ERR_OK)
        o->o.ord_type = ORD_LIMIT;
    t->try_ns = now;
    exec_keep_trade(x, t);
    exec_place(x, o);
}

static void step_close(struct exec *x, struct trade *t)
{
    int64_t now = agent_now_ns(x->agent), wait = t->tries < PATIENCE ? RETRY_NS : SLOW_NS;
    struct exec_order *o = books_leg(&x->books, t, LEG_EXIT);
    if (now - t->try_ns < wait || (o != NULL && o->o.status == STATUS_INTENT))
        return;                 /* its answer is on the way, at the latest after the request's time-out */
    t->tries++;
    FAILPOINT(closing);
    place_exit(x, t, t->pnl.qty, t->urgent || t->tries > IOC_TRIES, exit_reason_name((enum exit_reason)t->closing));
}

/* ---- protection ---- */

/* A stop or target did not leave, or was refused, a moment ago. */
static bool held(const struct exec *x, const struct trade *t)
{
    return agent_now_ns(x->agent) < t->hold_ns;
}

static void place_stop(struct exec *x, struct trade *t)
{
    FAILPOINT(protect);
    struct exec_order *o = exec_leg_order(x, t, LEG_STOP);
    if (o == NULL)
        return;
    o->o.ord_type = ORD_STOP_MARKET;
    o->o.stop_px = t->managed ? t->exits.stop : t->told_stop;
    o->closes_all = 1;
    if (PLANTED(stop_sized_on_the_order)) {
        const struct exec_order *entry = books_order(&x->books, t->entry_id);
        o->closes_all = 0;
        o->o.qty = entry != NULL ? entry->o.qty : t->pnl.qty;
    }
    exec_place(x, o);
}

static bool stop_on_its_way(struct exec *x, const struct trade *t, int64_t now)
{
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        const struct exec_order *o = &x->books.orders[i];
        if (o->o.leg == LEG_STOP && order_live(o) && !order_resting(o) && !o->venue_done &&
            strcmp(o->o.approval_id, t->approval_id) == 0 && now - o->sent_ns < STOP_WAIT_NS)
            return true;
    }
    return false;
}

static void drop_older_stops(struct exec *x, const struct trade *t, const struct exec_order *newest)
{
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        struct exec_order *o = &x->books.orders[i];
        if (o != newest && o->o.leg == LEG_STOP && order_resting(o) &&
            strcmp(o->o.approval_id, t->approval_id) == 0)
            exec_cancel(x, o, false);
    }
}

static void protect_bare(struct exec *x, struct trade *t, int64_t now)
{
    if (t->bare_ns == 0)
        t->bare_ns = now;
    bool attached = t->legs[LEG_STOP] == 0 && now - t->bare_ns < ATTACHED_NS;
    if (attached || held(x, t) || stop_on_its_way(x, t, now))
        return;
    if (t->stop_tries >= STOP_TRIES) {
        manage_close(x, t, EXIT_EMERGENCY, true);
        return;
    }
    t->stop_tries++;
    place_stop(x, t);
}

static void protect(struct exec *x, struct trade *t)
{
    int64_t now = agent_now_ns(x->agent);
    struct exec_order *stop = books_stop(&x->books, t);
    if (stop == NULL) {
        protect_bare(x, t, now);
        return;
    }
    t->bare_ns = 0;
    t->stop_tries = 0;
    if (!dec_eq(stop->o.stop_px, t->told_stop)) {
        bool trailed = t->exits.tp1_done == 0;
        tell_stop_moved(x, t, stop, exit_reason_name(trailed ? EXIT_TRAILING_STOP : EXIT_BREAK_EVEN));
        t->told_stop = t->p.stop_px = stop->o.stop_px;
        t->p.version++;
        exec_keep_trade(x, t);
    }
    drop_older_stops(x, t, stop);
    if (PLANTED(old_stop_goes_first) && t->managed && !dec_eq(stop->o.stop_px, t->exits.stop))
        exec_cancel(x, stop, false);
    if (t->managed && !dec_eq(stop->o.stop_px, t->exits.stop) && !held(x, t) && !stop_on_its_way(x, t, now))
        place_stop(x, t);
}

static void place_tp1(struct exec *x, struct trade *t)
{
    int64_t qty = t->managed && !t->exits.tp1_done ? exits_tp1_qty(&t->exits) : 0;
    t->tp1_placed = 1;
    exec_keep_trade(x, t);
    struct exec_order *o = qty > 0 && qty < t->pnl.qty ? exec_leg_order(x, t, LEG_TARGET) : NULL;
    if (o == NULL)
        return;
    o->o.ord_type = ORD_TAKE_PROFIT_MARKET;
    o->o.stop_px = t->exits.tp1;
    o->o.qty = qty;
    exec_place(x, o);
}

/* ---- the end ---- */

/* The venue settles at full hours: a trade that saw none has no funding. */
static bool funding_known(struct exec *x, struct trade *t)
{
    int64_t now = agent_now_ns(x->agent);
    if (t->p.closed_ns == 0)
        t->p.closed_ns = agent_market_ns(x->agent);
    if (t->funding_known || t->p.opened_ns / NS_PER_H == t->p.closed_ns / NS_PER_H)
        return true;
    if (t->funding_ns == 0) {
        t->funding_ns = now;
        stream_funding(x, t);
    }
    if (now - t->funding_ns < FUNDING_NS)
        return false;
    log_warn("funding.unknown", LOG_S("symbol", t->p.symbol), LOG_S("action", "the trade ends without it"));
    return true;
}

static void finish(struct exec *x, struct trade *t)
{
    if (t->open == 1 && !funding_known(x, t))
        return;
    if (t->open == 1) {
        t->open = 2;
        t->p.margin = dec_zero();
        exec_keep_trade(x, t);
        tell_position(x, t, TOPIC_POSITION_CLOSED);
    }
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        struct exec_order *o = &x->books.orders[i];
        if (order_resting(o) && strcmp(o->o.approval_id, t->approval_id) == 0 &&
            (o->o.leg != LEG_STOP || compare_flat(x, exec_symbol(x, t->p.symbol), t->p.side == SIDE_BUY ? 1 : -1)))
            exec_cancel(x, o, false);
    }
    if (books_leg(&x->books, t, LEG_COUNT) != NULL)
        return;
    FAILPOINT(finished);
    memset(t, 0, sizeof *t);
    exec_keep_trade(x, t);
}

static bool timed_out(const struct exec *x, const struct exec_order *entry)
{
    int64_t most = config_int(agent_config(x->agent), CFG_order_timeout_s) * NS_PER_S;
    int64_t market = agent_market_ns(x->agent);
    return market != 0 && market - entry->o.market_ns >= most;
}

static bool entry_must_go(const struct exec *x, const struct trade *t, const struct exec_order *entry)
{
    enum system_state s = agent_system(x->agent);
    return t->closing || (t->open && t->pnl.qty == 0) || x->draining || s == SYS_EMERGENCY_STOP ||
           s == SYS_SHUTDOWN || timed_out(x, entry);
}

static void look_at(struct exec *x, struct trade *t)
{
    struct exec_order *entry = books_order(&x->books, t->entry_id);
    bool entering = entry != NULL && order_live(entry);
    if (entering && order_resting(entry) && entry_must_go(x, t, entry))
        exec_cancel(x, entry, timed_out(x, entry));
    if (t->pnl.qty == 0) {
        if (!entering)
            finish(x, t);
        return;
    }
    protect(x, t);
    if (t->closing)
        step_close(x, t);
    else if (!entering && !t->tp1_placed && !held(x, t))
        place_tp1(x, t);
}

/* It came to light after its trade was over.  A leg goes only where nothing is held that it might protect. */
static bool is_stray(struct exec *x, const struct exec_order *o)
{
    const struct trade *t = books_trade(&x->books, o->o.symbol);
    struct symbol *s = exec_symbol(x, o->o.symbol);
    bool of_trade = t != NULL && strcmp(t->approval_id, o->o.approval_id) == 0;
    int side = o->o.side == SIDE_BUY ? -1 : 1;
    return !of_trade && (o->o.leg == LEG_ENTRY || (t == NULL && s != NULL && compare_flat(x, s, side)));
}

static void look_at_orders(struct exec *x)
{
    int64_t now = agent_now_ns(x->agent);
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        struct exec_order *o = &x->books.orders[i];
        bool unsure = o->o.status == STATUS_UNKNOWN || (order_live(o) && o->cancelling) ||
                      (order_live(o) && o->o.leg == LEG_EXIT && o->o.status == STATUS_NEW);
        if (unsure && now - o->asked_ns >= ASK_NS)
            exec_query(x, o);
        if (order_resting(o) && is_stray(x, o))
            exec_cancel(x, o, false);
        if (order_live(o) && o->venue_done && o->o.cum_qty < o->venue_cum)
            reads_fills(x);
    }
}

void manage_all(struct exec *x)
{
    char hash[POSHASH_TEXT];
    if (!x->protect_ready)
        return;
    for (int i = 0; i < BOOKS_TRADES; i++)
        if (x->books.trades[i].p.symbol[0] != '\0')
            look_at(x, &x->books.trades[i]);
    tell_hash(x, hash);
    if (strcmp(hash, x->hash_told) != 0)
        tell_account(x);
}

/* Once, when the signer has read its last key. */
static void say_confined(struct exec *x)
{
    const struct confined c = signer_confined();
    char missing[80];
    if (x->confined_said || !c.ended)
        return;
    x->confined_said = true;
    confine_missing(&c, missing, sizeof missing);
    if (*missing != '\0')
        log_warn("signer.confined", LOG_S("missing", missing), LOG_S("action", "going on without"));
}

/* The signer refuses entries by itself; here it is said, and what rests is taken back (M6). */
static void look_at_guards(struct exec *x)
{
    char why[SIGNER_WHY_MAX] = "";
    int64_t now = agent_now_ns(x->agent);
    if (!x->keys_ok || now - x->guards_ns < GUARDS_NS)
        return;
    x->guards_ns = now;
    int state = signer_guards(why);
    say_confined(x);
    if (state == GUARDS_LAPSED && agent_system(x->agent) == SYS_TRADING)
        agent_degraded(x->agent, SEVERITY_MEDIUM, "lease", "LEASE", why);
    else if (state != GUARDS_LAPSED)
        agent_degraded_clear(x->agent, "lease", "LEASE");
    if (state == GUARDS_LOST) {
        agent_degraded(x->agent, SEVERITY_HIGH, "lease", "LEASE_LOST", why);
        manage_cancel_entries(x, "");
    } else {
        agent_degraded_clear(x->agent, "lease", "LEASE_LOST");
    }
}

void manage_timer(void *arg)
{
    struct exec *x = arg;
    if (!x->books.stopped && exec_latched())
        exec_stop_all(x, "the STOP file is there");
    if (!x->protect_ready)
        return;
    look_at_guards(x);
    look_at_orders(x);
    candles_ask(x);
    manage_all(x);
    if (x->draining) {
        bool busy = false;
        for (int i = 0; i < BOOKS_TRADES; i++) {
            const struct trade *t = &x->books.trades[i];
            struct exec_order *entry = books_order(&x->books, t->entry_id);
            busy |= t->p.symbol[0] != '\0' && ((entry != NULL && order_live(entry)) || t->closing);
        }
        if (!busy)
            agent_drained(x->agent);
    }
}

/* ---- what happened ---- */

static void first_fill(struct exec *x, struct trade *t, int64_t market_ns)
{
    struct symbol *s = exec_symbol(x, t->p.symbol);
    t->open = 1;
    compare_saw_held(x, s, t->pnl.side);
    t->p.opened_ns = market_ns;
    t->managed = exits_open(&t->exits, &x->params, &s->terms, &t->pnl, (int)t->p.leverage, t->told_stop, t->atr,
                            market_ns / x->bar_ns * x->bar_ns, x->bar_ns) == ERR_OK;
    if (!t->managed) {
        log_error("position.unmanageable", LOG_S("symbol", t->p.symbol), LOG_S("action", "closing it"));
        manage_close(x, t, EXIT_STOP_LOSS, true);
    }
    tell_position(x, t, TOPIC_POSITION_OPENED);
}

static enum exit_reason reason_of(const struct trade *t, const struct exec_order *o)
{
    if (o->o.leg == LEG_STOP)
        return t->managed && !dec_eq(o->o.stop_px, t->exits.initial_stop) ? EXIT_TRAILING_STOP : EXIT_STOP_LOSS;
    if (o->o.leg == LEG_TARGET)
        return o->closes_all ? EXIT_TAKE_PROFIT_2 : EXIT_TAKE_PROFIT_1;
    return t->closing ? (enum exit_reason)t->closing : EXIT_MANUAL;
}

void manage_filled(struct exec *x, struct trade *t, struct exec_order *o, int64_t market_ns)
{
    if (o->o.leg != LEG_ENTRY) {
        TEXT_COPY(t->p.exit_reason, exit_reason_name(reason_of(t, o)));
        if (t->managed && o->o.leg == LEG_TARGET && !o->closes_all)
            t->exits.tp1_done = 1;
    }
    if (!t->open)
        first_fill(x, t, market_ns);
    else if (t->managed && exits_update(&t->exits, &x->params, &t->pnl) < 0)
        manage_close(x, t, EXIT_STOP_LOSS, true);
    if (t->managed)
        t->p.tp1_px = t->exits.tp1;
    t->p.closed_ns = t->pnl.qty == 0 ? market_ns : 0;
    exec_keep_trade(x, t);
}

void manage_ended(struct exec *x, struct exec_order *o)
{
    struct trade *t = books_trade(&x->books, o->o.symbol);
    bool failed = o->o.status == STATUS_REJECTED || o->o.status == STATUS_DEAD;
    if (t == NULL || strcmp(t->approval_id, o->o.approval_id) != 0)
        return;
    if (o->o.leg == LEG_STOP && failed)
        t->hold_ns = agent_now_ns(x->agent) + RETRY_NS;
    if (o->o.leg == LEG_EXIT && t->managed && !t->closing)
        t->exits.tp1_asked = 0;
    exec_keep_trade(x, t);
}

void manage_unsent(struct exec *x, struct trade *t, const struct exec_order *o)
{
    if (o->o.leg != LEG_EXIT)
        t->hold_ns = agent_now_ns(x->agent) + RETRY_NS;
    if (o->o.leg == LEG_STOP)
        t->stop_tries -= t->stop_tries > 0;
    else if (o->o.leg == LEG_TARGET)
        t->tp1_placed = 0;
    else if (t->closing)
        t->tries -= t->tries > 0;
    else                        /* the first target, taken at market: its price is looked at again */
        t->exits.tp1_asked = t->exits.tp1_done = 0;
}

void manage_cancel_entries(struct exec *x, const char *symbol)
{
    for (int i = 0; i < BOOKS_TRADES; i++) {
        const struct trade *t = &x->books.trades[i];
        struct exec_order *o = books_order(&x->books, t->entry_id);
        if (o != NULL && order_live(o) && (*symbol == '\0' || strcmp(symbol, t->p.symbol) == 0))
            exec_cancel(x, o, false);
    }
}

/* ---- prices ---- */

static void act(struct exec *x, struct trade *t, const struct exit_action *a)
{
    if (a->kind == EXIT_MOVE_STOP)
        return;                 /* exits.stop has moved: protect() sees it */
    if (t->exits.closing != EXIT_NONE)
        manage_close(x, t, a->reason, false);
    else
        place_exit(x, t, a->qty, true, exit_reason_name(a->reason));
}

void manage_tick(struct exec *x, struct symbol *s, const struct exit_tick *tick)
{
    struct exit_action actions[EXIT_ACTIONS_MAX];
    struct trade *t = books_trade(&x->books, s->name);
    if (t == NULL || !t->managed || t->pnl.qty == 0 || t->closing || !x->protect_ready)
        return;
    if (PLANTED(exits_off_while_paused) && agent_system(x->agent) != SYS_TRADING)
        return;
    struct exits *e = &t->exits;
    const struct exec_order *stop = books_stop(&x->books, t);
    e->venue_stop = stop != NULL && dec_eq(stop->o.stop_px, e->stop);   /* an older one is not where it should be */
    e->venue_tp1 = e->venue_tp2 = 0;
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        const struct exec_order *o = &x->books.orders[i];
        if (o->o.leg != LEG_TARGET || !order_live(o) || strcmp(o->o.approval_id, t->approval_id) != 0)
            continue;
        *(o->closes_all ? &e->venue_tp2 : &e->venue_tp1) = 1;
    }
    int done = e->tp1_done, n = exits_step(e, &x->params, tick, actions);
    for (int i = 0; i < n; i++)
        act(x, t, &actions[i]);
    if (n <= 0 && done == e->tp1_done)
        return;
    exec_keep_trade(x, t);
    look_at(x, t);
}
