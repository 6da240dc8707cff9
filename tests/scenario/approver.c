/* approver - stands in for risk: signs one approval at a time for APPROVER_SYMBOL, for tests of execution.
 *
 * Each approval crosses the spread, so that it fills at once, or with APPROVER_REST_BP rests so far away; its stop lies APPROVER_STOP_BP away (150).
 * Sides alternate; APPROVER_MOST approvals (1), the next when the last one's position is closed or its
 * entry refused.  Writes "approved opened closed rejected" to APPROVER_FILE at each change.
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

struct approver {
    const char *symbol, *file;
    uint8_t secret[TOKEN_SECRET], account[16], boot_id[16];
    uint64_t config_hash;
    struct msg_market_contract contract;
    bool reconciled;
    int64_t said_ns;
    long approved, opened, closed, rejected, most, stop_bp, rest_bp;
};

static int on_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct approver *p = agent_state(a);
    char hash[20];
    const char *most = getenv("APPROVER_MOST"), *stop = getenv("APPROVER_STOP_BP");
    const char *rest = getenv("APPROVER_REST_BP");
    p->symbol = getenv("APPROVER_SYMBOL") != NULL ? getenv("APPROVER_SYMBOL") : "XBTUSDTM";
    p->file = getenv("APPROVER_FILE");
    p->most = most != NULL ? atol(most) : 1;
    p->stop_bp = stop != NULL ? atol(stop) : 150;
    p->rest_bp = rest != NULL ? atol(rest) : 0;
    if (signkey_load("etc/keys", "risk", p->secret, why) < 0)
        return ERR_CONFIG;
    token_account(config_text(agent_config(a), CFG_mode), config_text(agent_config(a), CFG_rest_url), p->account);
    boot_id(p->boot_id);
    config_hash(agent_config(a), hash);
    p->config_hash = strtoull(hash, NULL, 16);
    return ERR_OK;
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

static int64_t ticks(const struct approver *p, dec_t px, enum dec_round how)
{
    int64_t n = 0;
    must(dec_to_int(dec_quo(dec_round_to(px, p->contract.tick, how), p->contract.tick), &n) == ERR_OK);
    return n;
}

static dec_t price(const struct approver *p, int64_t n)
{
    return dec_mul(dec_int(n), p->contract.tick);
}

static void sign(struct agent *a, struct msg_risk_approved *m, const uint8_t id[16], const uint8_t signal[16])
{
    struct approver *p = agent_state(a);
    struct token t = {
        .mode = TOKEN_PAPER, .leg = LEG_ENTRY, .side = m->side, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC,
        .key_id = TOKEN_KEY_ID, .max_leverage_x100 = (uint32_t)m->leverage * 100, .qty = m->qty,
        .price_ticks = ticks(p, m->price, DEC_DOWN), .stop_ticks = ticks(p, m->stop_px, DEC_DOWN),
        .floor_ticks = 1, .cap_ticks = INT64_C(1000000000), .max_notional_e6 = INT64_C(1000000000000),
        .counter = (uint64_t)agent_now_ns(a), .issued_ns = m->issued_ns, .expires_ns = m->expires_ns,
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

static void approve(struct agent *a, const struct msg_market_ticker *tick)
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
    m.price = price(p, ticks(p, limit, DEC_DOWN) + (p->rest_bp == 0 ? side * 5 : 0));
    m.stop_px = price(p, ticks(p, dec_sub(best, away), DEC_DOWN));
    m.tp1_px = price(p, ticks(p, dec_add(best, away), DEC_DOWN));
    m.tp2_px = price(p, ticks(p, dec_add(best, dec_mul(away, dec_int(2))), DEC_DOWN));
    uuid_make(m.approval_id);
    uuid_make(m.signal_id);
    must(token_uuid(m.approval_id, id) == ERR_OK && token_uuid(m.signal_id, signal) == ERR_OK);
    token_cl_ord_id(id, LEG_ENTRY, 1, m.cl_ord_id);
    TEXT_COPY(m.symbol, p->symbol);
    TEXT_COPY(m.strategy, "test");
    sign(a, &m, id, signal);
    agent_publish(a, TOPIC_RISK_APPROVED, NULL, MSG_RISK_APPROVED, &m, m.signal_id);
    p->approved++;
    p->said_ns = agent_now_ns(a);
    write_counts(p);
}

static void on_ticker(struct agent *a, const struct event *e)
{
    struct approver *p = agent_state(a);
    const struct msg_market_ticker *m = e->msg;
    bool idle = p->approved == p->closed + p->rejected && e->now_ns - p->said_ns > NS_PER_S;
    if (strcmp(m->symbol, p->symbol) == 0 && idle && p->reconciled && agent_system(a) == SYS_TRADING &&
        dec_sign(p->contract.tick) > 0 && p->approved < p->most)
        approve(a, m);
}

static void on_contract(struct agent *a, const struct event *e)
{
    struct approver *p = agent_state(a);
    const struct msg_market_contract *m = e->msg;
    if (strcmp(m->symbol, p->symbol) == 0)
        p->contract = *m;
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
        write_counts(p);
    }
}

static void on_position(struct agent *a, const struct event *e)
{
    struct approver *p = agent_state(a);
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
