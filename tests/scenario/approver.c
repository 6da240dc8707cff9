/* approver - stands in for risk: signs one approval at a time for each of APPROVER_SYMBOLS, for tests of execution.
 *
 * Each approval crosses the spread, so that it fills at once, or with APPROVER_REST_BP rests so far away; its stop
 * lies APPROVER_STOP_BP away (150).  Sides alternate; APPROVER_MOST approvals in all (1), the next of a symbol when
 * its last one's position is closed or its entry refused, and APPROVER_PAUSE_MS (1000) later.
 * Writes "approved opened closed rejected" to APPROVER_FILE at each change.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libagent/agent.h"
#include "libagent/clock.h"
#include "libagent/log.h"
#include "libagent/signkey.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"
#include "proto/token.h"
#include "proto/uuid.h"

#define SYMBOLS 16

struct symbol {
    char name[24];
    struct msg_market_contract contract;
    int64_t said_ns;
    bool busy;
};

struct approver {
    const char *file;
    struct symbol symbols[SYMBOLS];
    size_t n;
    uint8_t secret[TOKEN_SECRET], account[16], boot_id[16];
    uint64_t config_hash, counter;
    bool reconciled;
    long approved, opened, closed, rejected, most, stop_bp, rest_bp, pause_ms;
};

static int on_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct approver *p = agent_state(a);
    char hash[20];
    const char *most = getenv("APPROVER_MOST"), *stop = getenv("APPROVER_STOP_BP");
    const char *rest = getenv("APPROVER_REST_BP"), *pause_ms = getenv("APPROVER_PAUSE_MS");
    char names[SYMBOLS * 24];
    TEXT_COPY(names, getenv("APPROVER_SYMBOLS") != NULL ? getenv("APPROVER_SYMBOLS") : "XBTUSDTM");
    for (char *rest_of = names, *name; p->n < SYMBOLS && (name = strsep(&rest_of, " ")) != NULL;)
        TEXT_COPY(p->symbols[p->n++].name, name);
    p->file = getenv("APPROVER_FILE");
    p->most = most != NULL ? atol(most) : 1;
    p->stop_bp = stop != NULL ? atol(stop) : 150;
    p->rest_bp = rest != NULL ? atol(rest) : 0;
    p->pause_ms = pause_ms != NULL ? atol(pause_ms) : 1000;
    if (signkey_load("etc/keys", "risk", p->secret, why) < 0)
        return ERR_CONFIG;
    token_account(config_text(agent_config(a), CFG_mode), config_text(agent_config(a), CFG_rest_url), p->account);
    boot_id(p->boot_id);
    config_hash(agent_config(a), hash);
    p->counter = (uint64_t)agent_now_ns(a);
    p->config_hash = strtoull(hash, NULL, 16);
    return ERR_OK;
}

static struct symbol *symbol(struct approver *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->symbols[i].name, name) == 0)
            return &p->symbols[i];
    return NULL;
}

static void write_counts(struct approver *p)
{
    char tmp[512];
    snprintf(tmp, sizeof tmp, "%s.tmp", p->file);
    FILE *f = fopen(tmp, "we");
    if (f == NULL)
        return;
    fprintf(f, "%ld %ld %ld %ld\n", p->approved, p->opened, p->closed, p->rejected);
    fclose(f);
    rename(tmp, p->file);
}

static int64_t ticks(const struct symbol *s, dec_t px, enum dec_round how)
{
    int64_t n = 0;
    must(dec_to_int(dec_quo(dec_round_to(px, s->contract.tick, how), s->contract.tick), &n) == ERR_OK);
    return n;
}

static dec_t price(const struct symbol *s, int64_t n)
{
    return dec_mul(dec_int(n), s->contract.tick);
}

/* The signer takes counters that rise only. */
static void sign(struct agent *a, const struct symbol *s, struct msg_risk_approved *m, const uint8_t id[16], const uint8_t signal[16])
{
    struct approver *p = agent_state(a);
    struct token t = {
        .mode = TOKEN_PAPER, .leg = LEG_ENTRY, .side = m->side, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC,
        .key_id = TOKEN_KEY_ID, .max_leverage_x100 = (uint32_t)m->leverage * 100, .qty = m->qty,
        .price_ticks = ticks(s, m->price, DEC_DOWN), .stop_ticks = ticks(s, m->stop_px, DEC_DOWN),
        .floor_ticks = 1, .cap_ticks = INT64_C(1000000000), .max_notional_e6 = INT64_C(1000000000000),
        .counter = ++p->counter, .issued_ns = m->issued_ns, .expires_ns = m->expires_ns,
        .expires_boot_ns = boot_ns() + (m->expires_ns - m->issued_ns), .config_hash = p->config_hash, .limits_version = 1,
    };
    memcpy(t.approval_id, id, 16);
    memcpy(t.signal_id, signal, 16);
    memcpy(t.account, p->account, 16);
    memcpy(t.boot_id, p->boot_id, 16);
    TEXT_COPY(t.symbol, m->symbol);
    must(token_sign(&t, p->secret, m->token) == ERR_OK);
    m->token_len = TOKEN_SIZE;
}

static void approve(struct agent *a, struct symbol *s, const struct msg_market_ticker *tick)
{
    struct approver *p = agent_state(a);
    static struct msg_risk_approved m;
    uint8_t id[16], signal[16];
    int side = p->approved % 2 == 0 ? 1 : -1;
    dec_t best = side > 0 ? tick->ask_px : tick->bid_px;
    dec_t away = dec_mul(best, dec_scaled(side * p->stop_bp, -4));
    m = (struct msg_risk_approved){
        .side = side > 0 ? SIDE_BUY : SIDE_SELL, .qty = 4, .leverage = 2, .decision_px = best, .margin = dec_int(1),
        .atr = dec_mul(best, dec_scaled(1, -2)), .close_ns = agent_market_ns(a), .issued_ns = agent_now_ns(a),
        .expires_ns = agent_now_ns(a) + 4 * NS_PER_S,
    };
    dec_t limit = dec_sub(best, dec_mul(best, dec_scaled(side * p->rest_bp, -4)));
    m.price = price(s, ticks(s, limit, DEC_DOWN) + (p->rest_bp == 0 ? side * 5 : 0));
    m.stop_px = price(s, ticks(s, dec_sub(best, away), DEC_DOWN));
    m.tp1_px = price(s, ticks(s, dec_add(best, away), DEC_DOWN));
    m.tp2_px = price(s, ticks(s, dec_add(best, dec_mul(away, dec_int(2))), DEC_DOWN));
    uuid_make(m.approval_id);
    uuid_make(m.signal_id);
    must(token_uuid(m.approval_id, id) == ERR_OK && token_uuid(m.signal_id, signal) == ERR_OK);
    token_cl_ord_id(id, LEG_ENTRY, 1, m.cl_ord_id);
    TEXT_COPY(m.symbol, s->name);
    TEXT_COPY(m.strategy, "test");
    sign(a, s, &m, id, signal);
    agent_publish(a, TOPIC_RISK_APPROVED, NULL, MSG_RISK_APPROVED, &m, m.signal_id);
    p->approved++;
    s->busy = true;
    write_counts(p);
}

static void on_ticker(struct agent *a, const struct event *e)
{
    struct approver *p = agent_state(a);
    const struct msg_market_ticker *m = e->msg;
    struct symbol *s = symbol(p, m->symbol);
    if (s != NULL && !s->busy && e->now_ns - s->said_ns > p->pause_ms * NS_PER_MS && p->reconciled &&
        agent_system(a) == SYS_TRADING && dec_sign(s->contract.tick) > 0 && p->approved < p->most)
        approve(a, s, m);
}

static void on_contract(struct agent *a, const struct event *e)
{
    const struct msg_market_contract *m = e->msg;
    struct symbol *s = symbol(agent_state(a), m->symbol);
    if (s != NULL)
        s->contract = *m;
}

static void over(struct agent *a, const char *name)
{
    struct symbol *s = symbol(agent_state(a), name);
    if (s == NULL)
        return;
    s->busy = false;
    s->said_ns = agent_now_ns(a);
}

static void on_account(struct agent *a, const struct event *e)
{
    struct approver *p = agent_state(a);
    p->reconciled = ((const struct msg_account_updated *)e->msg)->reconciled;
}

static void on_order(struct agent *a, const struct event *e)
{
    struct approver *p = agent_state(a);
    const struct msg_order_placed *m = e->msg;
    bool ended = e->type == MSG_ORDER_REJECTED || e->type == MSG_ORDER_EXPIRED || e->type == MSG_ORDER_CANCELLED;
    if (ended && m->order.leg == LEG_ENTRY && m->order.cum_qty == 0) {
        p->rejected++;
        over(a, m->order.symbol);
        write_counts(p);
    }
}

static void on_position(struct agent *a, const struct event *e)
{
    struct approver *p = agent_state(a);
    const struct msg_position_opened *m = e->msg;
    if (e->type == MSG_POSITION_CLOSED)
        over(a, m->position.symbol);
    p->opened += e->type == MSG_POSITION_OPENED;
    p->closed += e->type == MSG_POSITION_CLOSED;
    write_counts(p);
}

static void on_other(struct agent *a, const struct event *e)
{
    (void)a;
    (void)e;
}

static const struct route routes[] = {
    {MSG_SIGNAL_GENERATED, on_other}, {MSG_SIGNAL_STATE, on_other}, {MSG_ACCOUNT_UPDATED, on_account},
    {MSG_ORDER_PLACED, on_order}, {MSG_ORDER_FILLED, on_other}, {MSG_ORDER_REJECTED, on_order},
    {MSG_ORDER_CANCELLED, on_order}, {MSG_ORDER_EXPIRED, on_order}, {MSG_ORDER_UNKNOWN, on_order},
    {MSG_POSITION_OPENED, on_position}, {MSG_POSITION_CLOSING, on_other}, {MSG_POSITION_CLOSED, on_position},
    {MSG_STOP_MOVED, on_other}, {MSG_OPERATOR_COMMAND, on_other}, {MSG_EMERGENCY_STOP, on_other},
    {MSG_STATE_UNIFIED, on_other}, {MSG_MARKET_CONTRACT, on_contract}, {MSG_MARKET_BOOK, on_other},
    {MSG_MARKET_TICKER, on_ticker}, {MSG_MARKET_MARK, on_other}, {MSG_MARKET_FUNDING, on_other},
    {MSG_MARKET_CANDLE, on_other}, ROUTES_END
};

int main(int argc, char **argv)
{
    static struct approver state;
    const struct agent_def def = {.id = AGENT_RISK, .routes = routes, .state = &state, .init = on_init};
    return agent_main(&def, argc, argv);
}
