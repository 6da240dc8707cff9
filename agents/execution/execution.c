/* execution - life, recovery, questions of others; see exec.h */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libagent/apikey.h"
#include "libagent/latch.h"
#include "libagent/log.h"
#include "libagent/trade_config.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/exec.h"
#include "agents/execution/signer.h"
#include "agents/execution/witness.h"

#define START_MS   50
#define LOOK_MS    250
#define READ_MS    250
#define ACCOUNT_MS 2000

struct slot_note {
    uint32_t slot, size;
};

struct symbol *exec_symbol(struct exec *x, const char *name)
{
    for (size_t i = 0; i < x->n_symbols; i++)
        if (strcmp(x->symbols[i].name, name) == 0)
            return &x->symbols[i];
    return NULL;
}

/* ---- what is kept ---- */

static void keep(struct exec *x, enum note_kind kind, size_t slot, const void *data, size_t len)
{
    static uint8_t bytes[sizeof(struct slot_note) + sizeof(struct trade) + sizeof(struct exec_order)];
    struct slot_note n = {.slot = (uint32_t)slot, .size = (uint32_t)len};
    must(sizeof n + len <= sizeof bytes);
    memcpy(bytes, &n, sizeof n);
    memcpy(bytes + sizeof n, data, len);
    agent_note(x->agent, (uint16_t)kind, bytes, sizeof n + len, true);
}

void exec_keep_order(struct exec *x, const struct exec_order *o)
{
    keep(x, NOTE_ORDER, (size_t)(o - x->books.orders), o, sizeof *o);
}

void exec_keep_trade(struct exec *x, const struct trade *t)
{
    keep(x, NOTE_TRADE, (size_t)(t - x->books.trades), t, sizeof *t);
}

void exec_keep_fills(struct exec *x)
{
    keep(x, NOTE_FILLS, 0, &x->books.fills_ns, sizeof x->books.fills_ns);
}

static void keep_stopped(struct exec *x, int32_t stopped)
{
    x->books.stopped = stopped;
    if (!PLANTED(latch_forgotten))
        keep(x, NOTE_STOPPED, 0, &stopped, sizeof stopped);
}

bool exec_see(struct exec *x, uint64_t key)
{
    if (books_seen(&x->books, key))
        return false;
    books_see(&x->books, key);
    keep(x, NOTE_SEEN, 0, &key, sizeof key);
    return true;
}

int execution_note(struct agent *a, uint16_t kind, const void *data, size_t len)
{
    struct exec *x = agent_state(a);
    struct slot_note n;
    uint64_t key;
    if (len < sizeof n)
        return ERR_CORRUPT;
    memcpy(&n, data, sizeof n);
    const uint8_t *bytes = (const uint8_t *)data + sizeof n;
    len -= sizeof n;
    if (kind == NOTE_ORDER && n.slot < BOOKS_ORDERS && len == sizeof x->books.orders[0])
        memcpy(&x->books.orders[n.slot], bytes, len);
    else if (kind == NOTE_TRADE && n.slot < BOOKS_TRADES && len == sizeof x->books.trades[0])
        memcpy(&x->books.trades[n.slot], bytes, len);
    else if (kind == NOTE_SEEN && len == sizeof key) {
        memcpy(&key, bytes, sizeof key);
        books_see(&x->books, key);
    } else if (kind == NOTE_FILLS && len == sizeof x->books.fills_ns) {
        memcpy(&x->books.fills_ns, bytes, len);
    } else if (kind == NOTE_STOPPED && len == sizeof x->books.stopped) {
        memcpy(&x->books.stopped, bytes, len);
    } else {
        return ERR_VERSION;
    }
    return ERR_OK;
}

int execution_load(struct agent *a, const void *data, size_t len)
{
    struct exec *x = agent_state(a);
    return books_restore(&x->books, data, len);
}

void execution_save(struct agent *a, void **data, size_t *len)
{
    const struct exec *x = agent_state(a);
    *len = sizeof x->books;
    *data = malloc(*len);
    must(*data != NULL);
    memcpy(*data, &x->books, *len);
}

/* ---- start ---- */

int execution_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct exec *x = agent_state(a);
    const struct config *c = agent_config(a);
    const char *words[CONFIG_LIST_MAX];
    x->agent = a;
    books_init(&x->books);
    x->n_symbols = config_list(c, CFG_symbols, words);
    for (size_t i = 0; i < x->n_symbols; i++) {
        TEXT_COPY(x->symbols[i].name, words[i]);
        x->symbols[i].x = x;
        x->symbols[i].atr_wanted = true;
    }
    if (tf_parse(config_text(c, CFG_primary_tf), &x->bar_ns) < 0) {
        snprintf(why, CONFIG_WHY_MAX, "primary_tf %.8s: one of 1m 5m 15m 1h", config_text(c, CFG_primary_tf));
        return ERR_CONFIG;
    }
    exits_from_config(c, &x->params);
    return ERR_OK;
}

/* The signer refuses a looser limit while it runs: then it needs another signer. */
void execution_configured(struct agent *a)
{
    struct exec *x = agent_state(a);
    const struct policy_limits l = exec_limits(agent_config(a));
    char why[SIGNER_WHY_MAX];
    exits_from_config(agent_config(a), &x->params);
    if (x->venue != NULL)
        venue_tune(x->venue, agent_config(a));
    if (x->account_venue != x->venue)
        venue_tune(x->account_venue, agent_config(a));
    if (x->keys_ok && signer_config(&l, why) < 0)
        agent_restart(a, why);
}

static void on_signer_end(void *arg)
{
    struct exec *x = arg;
    agent_fail(x->agent, "the signer is gone");
}

static void on_witness_end(void *arg)
{
    struct exec *x = arg;
    agent_fail(x->agent, "the price witness is gone");
}

static void on_breaker(void *arg, bool up, const char *why)
{
    struct exec *x = arg;
    if (up)
        agent_degraded_clear(x->agent, "exchange", "REST_DOWN");
    else
        agent_degraded(x->agent, SEVERITY_HIGH, "exchange", "REST_DOWN", why);
}

struct policy_limits exec_limits(const struct config *c)
{
    char hash[20];
    config_hash(c, hash);
    return (struct policy_limits){
        .config_hash = strtoull(hash, NULL, 16), .max_leverage = config_int(c, CFG_max_leverage),
        .max_notional = config_dec(c, CFG_max_order_notional),
        .collar = dec_quo(config_dec(c, CFG_price_collar_pct), dec_int(100)),
        .mark_age_ns = config_int(c, CFG_witness_stale_ms) * NS_PER_MS,
    };
}

static void setup_signer(const struct exec *x)
{
    const struct config *c = agent_config(x->agent);
    const struct policy_limits l = exec_limits(c);
    signer_setup(&l, (uint32_t)config_int(c, CFG_signer_uid), config_dbl(c, CFG_timer_scale));
}

static void watch_prices(const struct exec *x, const char *url)
{
    const char *names[EXEC_SYMBOLS];
    for (size_t i = 0; i < x->n_symbols; i++)
        names[i] = x->symbols[i].name;
    if (signer_watch(url, names, x->n_symbols) < 0)
        agent_fail(x->agent, "the price witness is gone");
}

/* The same key at two addresses, where the venue has two. */
static int open_venues(struct exec *x, struct venue_options *o)
{
    const char *account_url = config_text(agent_config(x->agent), CFG_account_url);
    int err = venue_new(o, &x->venue);
    x->account_venue = x->venue;
    if (err < 0 || *account_url == '\0')
        return err;
    o->base_url = account_url;
    o->changed = NULL;
    return venue_new(o, &x->account_venue);
}

/* Keys and address may come later than we do: tried until they are there. */
static void on_start_timer(void *arg)
{
    struct exec *x = arg;
    const struct config *c = agent_config(x->agent);
    const char *url = config_text(c, CFG_rest_url), *mode = config_text(c, CFG_mode);
    char paper[256], why[SIGNER_WHY_MAX] = "";
    if (*url == '\0') {
        if (venue_paper_url(paper, sizeof paper) < 0) {
            agent_detail(x->agent, "waiting for the paper exchange (sock/paper.port)");
            return;
        }
        url = paper;
    }
    setup_signer(x);
    int err = signer_open(strcmp(mode, "live") == 0 ? APIKEY_LIVE : APIKEY_PAPER, mode, config_text(c, CFG_rest_url), why);
    if (err == ERR_NOT_FOUND || err == ERR_BUSY) {
        agent_detail(x->agent, why);
        return;
    }
    struct venue_options o = {
        .loop = agent_loop(x->agent), .base_url = url, .sign = exec_sign, .sign_arg = x, .changed = on_breaker, .arg = x,
    };
    venue_rates(&o, c);
    if (err == ERR_OK)
        err = open_venues(x, &o);
    if (err < 0) {
        agent_fail(x->agent, *why ? why : "the HTTP client could not be made");
        return;
    }
    x->keys_ok = true;
    watch_prices(x, url);
    loop_timer_pause(x->start_timer);
    agent_detail(x->agent, "reading orders and positions");
    setup_clock(x);
    setup_contracts(x);
    reads_begin(x);
    reads_fills(x);
    stream_open(x);
}

/* What was on its way when we ended is unknown now. */
static void doubt(struct exec *x)
{
    for (int i = 0; i < BOOKS_ORDERS; i++) {
        struct exec_order *o = &x->books.orders[i];
        if (o->o.cl_ord_id[0] != '\0' && o->o.status == STATUS_INTENT)
            send_lost(x, o, "restarted");
        o->asked_ns = o->absent_ns = o->cancel_ns = 0;
        if (order_live(o) && o->cancelling == 1)
            o->cancelling = 0;
    }
    for (int i = 0; i < BOOKS_TRADES; i++) {
        struct trade *t = &x->books.trades[i];
        t->bare_ns = t->hold_ns = t->funding_ns = 0;
    }
}

void execution_start(struct agent *a)
{
    struct exec *x = agent_state(a);
    struct loop *l = agent_loop(a);
    doubt(x);
    x->signer_watch = loop_watch_fd(l, signer_fd(), on_signer_end, x);
    (void)loop_watch_fd(l, witness_fd(), on_witness_end, x);    /* the loop's, to its end */
    x->start_timer = loop_timer_new(l, 0, START_MS, false, on_start_timer, x);
    x->look_timer = loop_timer_new(l, LOOK_MS, LOOK_MS, true, manage_timer, x);
    x->read_timer = loop_timer_new(l, READ_MS, READ_MS, true, reads_timer, x);
    x->account_timer = loop_timer_new(l, ACCOUNT_MS, ACCOUNT_MS, true, setup_account, x);
}

void execution_warm(struct agent *a)
{
    struct exec *x = agent_state(a);
    x->warming = true;
    if (x->protect_ready)
        agent_ready(a);
}

void execution_drain(struct agent *a)
{
    struct exec *x = agent_state(a);
    x->draining = true;
    if (strcmp(config_text(agent_config(a), CFG_on_shutdown), "flatten") == 0)
        for (int i = 0; i < BOOKS_TRADES; i++)
            if (x->books.trades[i].pnl.qty > 0)
                manage_close(x, &x->books.trades[i], EXIT_FLATTEN, true);
    if (!x->protect_ready)
        agent_drained(a);
    else
        manage_timer(x);
}

void execution_fini(struct agent *a)
{
    struct exec *x = agent_state(a);
    venue_stream_close(&x->stream);
    if (x->account_venue != x->venue)
        venue_destroy(&x->account_venue);
    venue_destroy(&x->venue);
    json_decref(x->reads.fills);
}

void execution_system(struct agent *a, enum system_state was, enum system_state now)
{
    (void)was;
    log_info("system", LOG_S("state", system_state_name(now)));
    manage_all(agent_state(a));
}

/* ---- the operator, the market ---- */

static void close_trades(struct exec *x, const char *symbol, enum exit_reason reason, bool urgent)
{
    manage_cancel_entries(x, symbol);
    for (int i = 0; i < BOOKS_TRADES; i++) {
        struct trade *t = &x->books.trades[i];
        if (t->p.symbol[0] != '\0' && (*symbol == '\0' || strcmp(symbol, t->p.symbol) == 0))
            manage_close(x, t, reason, urgent);
    }
    manage_all(x);
}

bool exec_latched(void)
{
    return !PLANTED(latch_ignored) && latch_look(AT_FDCWD) != LATCH_NONE;
}

/* In the signer too: it lets no entry out until the operator's signature. */
static void stop_entries(struct exec *x)
{
    char why[SIGNER_WHY_MAX] = "";
    keep_stopped(x, 1);
    if (x->keys_ok && signer_stop(why) < 0)
        log_error("signer.not_stopped", LOG_S("why", why), LOG_S("action", "closing everything all the same"));
}

static void resume_entries(struct exec *x, const struct msg_operator_command *m)
{
    char why[SIGNER_WHY_MAX] = "";
    struct resume r = {.issued_ns = m->signed_ns};
    TEXT_COPY(r.reason, m->reason);
    token_account(config_text(agent_config(x->agent), CFG_mode), config_text(agent_config(x->agent), CFG_rest_url),
                  r.account);
    if (m->signature_len == RESUME_SIGNATURE && signer_resume(&r, m->signature, why) == ERR_OK)
        keep_stopped(x, 0);
    else
        log_error("resume.refused", LOG_S("why", *why ? why : "not signed"), LOG_S("action", "entries stay stopped"));
}

void exec_stop_all(struct exec *x, const char *why)
{
    log_error("emergency", LOG_S("why", why), LOG_S("action", "closing everything; no entries until resume"));
    stop_entries(x);
    close_trades(x, "", EXIT_EMERGENCY, true);
}

void exec_on_command(struct agent *a, const struct event *e)
{
    struct exec *x = agent_state(a);
    const struct msg_operator_command *m = e->msg;
    log_info("operator.command", LOG_S("verb", verb_name(m->verb)), LOG_S("symbol", m->symbol));
    switch (m->verb) {
    case VERB_PAUSE:
    case VERB_STOP:      manage_cancel_entries(x, m->symbol); break;
    case VERB_FLATTEN:   close_trades(x, m->symbol, EXIT_FLATTEN, false); break;
    case VERB_CLOSE:     close_trades(x, m->symbol, EXIT_MANUAL, false); break;
    case VERB_EMERGENCY: exec_stop_all(x, m->reason); break;
    case VERB_RESUME:
        if (x->books.stopped && m->symbol[0] == '\0' && m->strategy[0] == '\0')
            resume_entries(x, m);
        break;
    default: break;
    }
}

void exec_on_emergency(struct agent *a, const struct event *e)
{
    struct exec *x = agent_state(a);
    const struct msg_emergency_stop *m = e->msg;
    if (m->close_positions) {
        exec_stop_all(x, m->text);
    } else {
        stop_entries(x);
        manage_cancel_entries(x, "");
    }
}

void exec_on_ticker(struct agent *a, const struct event *e)
{
    struct exec *x = agent_state(a);
    const struct msg_market_ticker *m = e->msg;
    struct symbol *s = exec_symbol(x, m->symbol);
    if (s == NULL)
        return;
    agent_fresh(a);
    s->bid = m->bid_px;
    s->ask = m->ask_px;
    s->ticker_ns = e->now_ns;
    if (dec_sign(m->last_px) <= 0)
        return;
    s->last = m->last_px;
    manage_tick(x, s, &(struct exit_tick){.last = s->last});
}

void exec_on_contract(struct agent *a, const struct event *e)
{
    struct exec *x = agent_state(a);
    const struct msg_market_contract *m = e->msg;
    struct symbol *s = exec_symbol(x, m->symbol);
    if (s != NULL)
        s->tradable = m->tradable;
}

void exec_on_nothing(struct agent *a, const struct event *e)
{
    (void)a;
    (void)e;
}

/* ---- questions ---- */

void exec_on_positions(struct agent *a, const struct event *e)
{
    struct exec *x = agent_state(a);
    static struct msg_positions m;
    const struct reply_to to = agent_reply_to(e);
    m = (struct msg_positions){.market_ns = agent_market_ns(a), .trade_ready = x->trade_ready};
    tell_hash(x, m.position_hash);
    for (int i = 0; i < BOOKS_TRADES; i++)
        if (x->books.trades[i].open == 1 && m.positions_n < sizeof m.positions / sizeof m.positions[0])
            m.positions[m.positions_n++] = x->books.trades[i].p;
    agent_reply(a, &to, MSG_POSITIONS, &m);
}

static int newest_first(const void *x, const void *y)
{
    const struct exec_order *const *a = x, *const *b = y;
    int live = order_live(*b) - order_live(*a);
    return live != 0 ? live : ((*a)->sent_ns < (*b)->sent_ns) - ((*a)->sent_ns > (*b)->sent_ns);
}

void exec_on_orders(struct agent *a, const struct event *e)
{
    struct exec *x = agent_state(a);
    static struct msg_orders m;
    const struct exec_order *all[BOOKS_ORDERS];
    const struct reply_to to = agent_reply_to(e);
    size_t n = 0;
    for (int i = 0; i < BOOKS_ORDERS; i++)
        if (x->books.orders[i].o.cl_ord_id[0] != '\0')
            all[n++] = &x->books.orders[i];
    qsort(all, n, sizeof all[0], newest_first);
    m.orders_n = 0;
    for (size_t i = 0; i < n && i < sizeof m.orders / sizeof m.orders[0]; i++)
        m.orders[m.orders_n++] = all[i]->o;
    agent_reply(a, &to, MSG_ORDERS, &m);
}

size_t execution_counters(struct agent *a, struct sub_counter *ret, size_t max)
{
    const struct exec *x = agent_state(a);
    const struct { const char *name; int64_t count; } all[] = {
        {"entries", x->entries}, {"fills", x->fills}, {"refused", x->refused}, {"foreign", x->foreign},
        {"corrected", x->corrected}, {"trade_ready", x->trade_ready},
        {"venue_errors", x->venue != NULL ? venue_errors(x->venue) : 0},
    };
    size_t n = 0;
    for (; n < sizeof all / sizeof all[0] && n < max; n++) {
        ret[n].count = all[n].count;
        TEXT_COPY(ret[n].name, all[n].name);
    }
    return n;
}
