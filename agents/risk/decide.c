/* decide - one signal, one answer; see state.h
 *
 * The inputs of the core's risk_check() are gathered, its verdict is told: an approval with its signed
 * token, or a rejection, with every figure that was compared.  Answer, note and cursor are one record of
 * the journal: a signal heard again after a crash has its answer, and gets no second one.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "libagent/core/gamma.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/uuid.h"

#include "agents/risk/state.h"

#define MS               1000000LL
#define STATE_TTL_MS     3000       /* the orchestrator's word is older: nothing is entered on it */
#define GAMMA_SYMBOLS    4          /* fewer configured: the coherence gate abstains */
#define DAY_BARS_KNOWN   14
#define ATR_STEP         (-10)

struct decision {
    const struct event *e;
    const struct msg_signal_generated *signal;
    struct instrument *in;          /* NULL: unknown */
    uint8_t signal_id[16];
    struct risk_position positions[BOOKS_ROWS];
    struct risk_account account;
    struct risk_market market;
    struct risk_request request;
    struct risk_verdict verdict;
    char approval_id[37];
    uint8_t approval[16];
    int64_t expires_ns;
};

/* ---- gather ---- */

static void gather_account(struct risk *r, struct decision *d)
{
    enum system_state system = agent_system(r->agent);
    const struct books *b = &r->books;
    bool told = r->state_ns != 0 &&
                d->e->now_ns - r->state_ns <= agent_scaled_ms(r->agent, STATE_TTL_MS) * MS;
    d->account = (struct risk_account){
        .equity = b->account.equity, .available = b->account.available, .day = b->day, .streak = b->streak,
        .positions = d->positions, .position_count = books_positions(b, d->positions),
        .paused = system == SYS_PAUSED, .symbol_paused = books_paused(b, d->signal->symbol, ""),
        .emergency = system == SYS_EMERGENCY_STOP || b->emergency,
        .contract_paused = d->in != NULL && d->in->known && !d->in->tradable,
        .cooldown_until_ns = books_rest_until(b, d->signal->symbol),
        .entered_ns = books_entered(b, d->signal->symbol), .burst = b->burst,
    };
    d->account.strategy_paused = !d->account.symbol_paused &&
                                 books_paused(b, d->signal->symbol, d->signal->strategy);
    bool up = system == SYS_TRADING || system == SYS_PAUSED || system == SYS_EMERGENCY_STOP;
    enum life life = agent_life(r->agent);
    d->account.ready = up && told && (life == LIFE_READY || life == LIFE_ACTIVE) &&
                       agent_market_ns(r->agent) != 0 && books_agree(b) && !books_full(b);
    for (int i = 0; i < d->account.position_count; i++)
        d->positions[i].rho = market_rho(d->in, market_find(&r->market, d->positions[i].symbol));
}

static void gather_market(struct risk *r, struct decision *d)
{
    const struct msg_signal_generated *m = d->signal;
    const struct instrument *in = d->in;
    d->market = (struct risk_market){
        .book_age_ms = -1, .atr = m->atr, .day_atr = m->atr_day,
        .day_bars = m->atr_day == 0 ? 0 : DAY_BARS_KNOWN, .g = m->g,     /* nonsense is judged, not left out */
        .gamma = r->market.n < GAMMA_SYMBOLS ? GATE_ABSTAINS : m->gamma_valid ? GATE_FRESH : GATE_STALE,
    };
    if (in == NULL)
        return;
    d->market.contract = in->known ? &in->terms : NULL;
    d->market.bids = in->bids;
    d->market.asks = in->asks;
    d->market.bid_count = in->bid_count;
    d->market.ask_count = in->ask_count;
    d->market.book_age_ms = market_age_ms(in, d->e->now_ns);
}

/* The lighthouse is a request for more, off unless enabled, and this very signal must still be near it.  Self-healing
 * lowers whatever is asked for. */
static dec_t size_multiplier(const struct risk *r, const struct msg_signal_generated *m)
{
    const struct config *c = agent_config(r->agent);
    dec_t ret = dec_int(1);
    double more = 1, less = 1;
    if (r->books.burst.on && config_bool(c, CFG_lighthouse_multiplier) && m->gamma_valid && m->gamma >= GAMMA_OFF)
        more = GAMMA_MULTIPLIER;
    if (config_bool(c, CFG_self_healing))
        less = healing_factor(&r->books.healing, m->strategy, m->close_ns);
    must(dec_from_double(more * less, dec_scaled(1, -4), DEC_DOWN, &ret) == ERR_OK);
    return ret;
}

static void gather_request(struct risk *r, struct decision *d)
{
    const struct msg_signal_generated *m = d->signal;
    int64_t age_ms = (d->e->now_ns - d->e->header->sent_ns) / MS;
    if (age_ms < 0)
        age_ms = 0;
    if (d->e->replayed && age_ms <= r->limits.signal_ttl_ms)
        age_ms = r->limits.signal_ttl_ms + 1;       /* fetched later: what it was decided on is gone */
    d->request = (struct risk_request){
        .side = m->side == SIDE_BUY ? 1 : m->side == SIDE_SELL ? -1 : 0, .leverage = r->leverage,
        .rank = m->rank < 1 || m->rank > INT32_MAX ? 0 : (int32_t)m->rank,
        .late = d->e->header->sent_ns > m->batch_ns, .age_ms = age_ms,
        .market_ns = agent_market_ns(r->agent), .close = m->close_px, .size_multiplier = size_multiplier(r, m),
    };
    TEXT_COPY(d->request.symbol, m->symbol);
    TEXT_COPY(d->request.strategy, m->strategy);
}

/* ---- the token ---- */

static int ticks_of(dec_t price, dec_t tick, enum dec_round how, int64_t *ret)
{
    return dec_to_int(dec_quo(dec_round_to(price, tick, how), tick), ret);
}

static int exact_ticks(dec_t price, dec_t tick, int64_t *ret)
{
    return dec_is_multiple(price, tick) ? ticks_of(price, tick, DEC_DOWN, ret) : ERR_RANGE;
}

/* Of this very order: its prices, and as its band how far the limit may be from the decision's close. */
static int fill_prices(const struct risk *r, const struct decision *d, struct token *t)
{
    const struct risk_verdict *v = &d->verdict;
    dec_t tick = d->in->terms.tick, off = dec_mul(d->signal->close_px, r->limits.max_slippage);
    int err = exact_ticks(v->price, tick, &t->price_ticks);
    if (err == ERR_OK)
        err = exact_ticks(v->stop_px, tick, &t->stop_ticks);
    if (err == ERR_OK)
        err = ticks_of(dec_sub(d->signal->close_px, off), tick, DEC_CEIL, &t->floor_ticks);
    if (err == ERR_OK)
        err = ticks_of(dec_add(d->signal->close_px, off), tick, DEC_FLOOR, &t->cap_ticks);
    if (err == ERR_OK)
        err = dec_to_int(dec_round_places(dec_mul(v->notional, dec_scaled(1, 6)), 0, DEC_CEIL),
                         &t->max_notional_e6);
    return err;
}

static int make_token(struct risk *r, struct decision *d, uint8_t ret[TOKEN_SIZE])
{
    const struct config *c = agent_config(r->agent);
    struct timespec boot;
    must(clock_gettime(CLOCK_BOOTTIME, &boot) == 0);
    int64_t life_ns = d->expires_ns - d->e->now_ns;
    struct token t = {
        .mode = strcmp(config_text(c, CFG_mode), "live") == 0 ? TOKEN_LIVE : TOKEN_PAPER, .leg = LEG_ENTRY,
        .side = d->signal->side, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC, .key_id = TOKEN_KEY_ID,
        .max_leverage_x100 = (uint32_t)d->verdict.leverage * 100, .qty = d->verdict.qty,
        .counter = r->books.counter + 1, .fill_basis = r->books.fill_basis, .config_hash = r->config_hash,
        .limits_version = 1, .issued_ns = d->e->now_ns, .expires_ns = d->expires_ns,
        .expires_boot_ns = (int64_t)boot.tv_sec * 1000000000 + boot.tv_nsec + life_ns,
    };
    memcpy(t.approval_id, d->approval, sizeof t.approval_id);
    memcpy(t.signal_id, d->signal_id, sizeof t.signal_id);
    memcpy(t.account, r->account, sizeof t.account);
    memcpy(t.boot_id, r->boot_id, sizeof t.boot_id);
    TEXT_COPY(t.symbol, d->signal->symbol);
    int err = fill_prices(r, d, &t);
    return err < 0 ? err : token_sign(&t, r->secret, ret);
}

/* ---- the answer ---- */

static size_t fill_checks(const struct risk_verdict *v, struct sub_figure *ret, size_t max)
{
    char text[DEC_TEXT_MAX];
    size_t n = 0;
    for (; n < (size_t)v->check_count && n < max; n++) {
        const struct risk_figure *f = &v->checks[n];
        ret[n] = (struct sub_figure){.ok = f->ok};
        TEXT_COPY(ret[n].name, f->name);
        TEXT_COPY(ret[n].value, f->known ? dec_format(f->value, text) : "unknown");
        TEXT_COPY(ret[n].limit, dec_format(f->limit, text));
    }
    return n;
}

static void remember(struct risk *r, const struct decision *d)
{
    const struct risk_verdict *v = &d->verdict;
    struct answer a;
    memset(&a, 0, sizeof a);
    memcpy(a.signal_id, d->signal_id, sizeof a.signal_id);
    a.close_ns = d->signal->close_ns > 0 ? d->signal->close_ns : 1;
    a.reason = (int32_t)v->reason;
    a.side = d->request.side;
    TEXT_COPY(a.symbol, d->signal->symbol);
    TEXT_COPY(a.approval_id, d->approval_id);
    TEXT_COPY(a.signal_text, d->signal->signal_id);
    TEXT_COPY(a.strategy, d->signal->strategy);
    a.margin = v->margin;
    a.notional = v->notional;
    a.heat = v->heat;
    a.expires_ns = d->expires_ns;
    books_answer(&r->books, &a);
    agent_note(r->agent, NOTE_ANSWER, &a, sizeof a, v->approved);
}

static void approve(struct risk *r, const struct decision *d, const uint8_t token[TOKEN_SIZE])
{
    static struct msg_risk_approved m;      /* large */
    const struct risk_verdict *v = &d->verdict;
    const struct msg_signal_generated *s = d->signal;
    m = (struct msg_risk_approved){
        .side = s->side, .qty = v->qty, .leverage = v->leverage, .price = v->price, .stop_px = v->stop_px,
        .tp1_px = v->tp1_px, .tp2_px = v->tp2_px, .decision_px = s->close_px, .margin = v->margin,
        .close_ns = s->close_ns, .issued_ns = d->e->now_ns, .expires_ns = d->expires_ns,
        .token_len = TOKEN_SIZE,
    };
    must(dec_from_double(s->atr, dec_scaled(1, ATR_STEP), DEC_HALF_EVEN, &m.atr) == ERR_OK);
    memcpy(m.token, token, TOKEN_SIZE);
    TEXT_COPY(m.approval_id, d->approval_id);
    TEXT_COPY(m.signal_id, s->signal_id);
    TEXT_COPY(m.strategy, s->strategy);
    TEXT_COPY(m.symbol, s->symbol);
    token_cl_ord_id(d->approval, LEG_ENTRY, 1, m.cl_ord_id);
    m.checks_n = fill_checks(v, m.checks, sizeof m.checks / sizeof m.checks[0]);
    agent_publish(r->agent, TOPIC_RISK_APPROVED, NULL, MSG_RISK_APPROVED, &m, s->signal_id);
    log_info("risk.approved", LOG_S("signal_id", m.signal_id), LOG_S("cl_ord_id", m.cl_ord_id),
             LOG_S("symbol", m.symbol), LOG_S("side", side_name(m.side)), LOG_I("qty", m.qty),
             LOG_I("leverage", m.leverage), LOG_B("lot_floor", v->lot_floor));
}

static void reject(struct risk *r, const struct decision *d)
{
    static struct msg_risk_rejected m;      /* large */
    const struct risk_verdict *v = &d->verdict;
    const struct msg_signal_generated *s = d->signal;
    m = (struct msg_risk_rejected){.side = s->side, .close_ns = s->close_ns};
    TEXT_COPY(m.signal_id, s->signal_id);
    TEXT_COPY(m.strategy, s->strategy);
    TEXT_COPY(m.symbol, s->symbol);
    TEXT_COPY(m.reason, risk_reason_name(v->reason));
    TEXT_COPY(m.text, v->text);
    m.checks_n = fill_checks(v, m.checks, sizeof m.checks / sizeof m.checks[0]);
    agent_publish(r->agent, TOPIC_RISK_REJECTED, NULL, MSG_RISK_REJECTED, &m, s->signal_id);
    log_info("risk.rejected", LOG_S("signal_id", m.signal_id), LOG_S("symbol", m.symbol),
             LOG_S("reason", m.reason), LOG_S("text", m.text));
}

static void answer(struct risk *r, struct decision *d)
{
    uint8_t token[TOKEN_SIZE];
    struct risk_verdict *v = &d->verdict;
    uuid_make(d->approval_id);
    must(token_uuid(d->approval_id, d->approval) == ERR_OK);
    d->expires_ns = d->e->now_ns + config_int(agent_config(r->agent), CFG_approval_ttl_ms) * MS;
    if (v->approved && make_token(r, d, token) < 0) {
        v->approved = false;
        v->reason = RISK_BAD_DATA;
        snprintf(v->text, sizeof v->text, "BAD_DATA: the order does not fit a token: price, stop or size");
    }
    if (v->approved)
        approve(r, d, token);
    else
        reject(r, d);
    remember(r, d);
}

void risk_on_signal(struct agent *a, const struct event *e)
{
    static struct decision d;               /* large */
    struct risk *r = agent_state(a);
    d = (struct decision){.e = e, .signal = e->msg};
    if (token_uuid(d.signal->signal_id, d.signal_id) < 0) {
        log_error("signal.bad_id", LOG_S("signal_id", d.signal->signal_id), LOG_S("action", "ignored"));
        return;
    }
    if (books_answered(&r->books, d.signal_id)) {
        r->duplicates++;
        log_info("signal.duplicate", LOG_S("signal_id", d.signal->signal_id));
        return;
    }
    d.in = market_find(&r->market, d.signal->symbol);
    gather_account(r, &d);
    gather_market(r, &d);
    gather_request(r, &d);
    risk_check(&r->limits, &d.account, &d.market, &d.request, &d.verdict);
    answer(r, &d);
}
