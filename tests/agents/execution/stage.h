/* stage - execution's modules behind a skeleton and an exchange of the test: begin, let time pass, crash, end.
 *
 * Include it before tests/runner.h, once, in a program that links the modules of agents/execution.
 */
#ifndef TESTS_AGENTS_EXECUTION_STAGE_H
#define TESTS_AGENTS_EXECUTION_STAGE_H

#include <fcntl.h>
#include <unistd.h>

#include <check.h>

#include "tests/agents/fake_agent.h"
#include "tests/agents/execution/fake_venue.h"

#include "agents/execution/exec.h"

#define T0 (INT64_C(1699999200) * NS_PER_S)         /* a full hour, market time */

static struct exec *x;
static struct agent *a;
static char dir[64];
static int approvals;
static const char *off[2];      /* keys of this test, false */

/* ... about candles, unless a test does. */
static inline void nobody_answers(void)
{
    while (fake_answer(a, ERR_TIMEOUT, MSG_COUNT, NULL))
        continue;
}

static inline void pass(int64_t ms)
{
    for (; ms > 0; ms -= 250) {
        a->market_ns += 250 * NS_PER_MS;
        fake_pass_ms(a, 250);
        fake_settle();
        nobody_answers();
    }
}

static inline void begin_agent(void)
{
    char why[CONFIG_WHY_MAX] = "";
    fake_timers_n = 0;
    x = calloc(1, sizeof *x);
    a = fake_new(x);
    a->market_ns = T0;
    fv.agent = a;
    fake_config(a, "symbols", "XBTUSDTM ETHUSDTM");
    fake_config(a, "primary_tf", "15m");
    for (int i = 0; i < 2 && off[i] != NULL; i++)
        fake_config(a, off[i], "false");
    ck_assert_msg(execution_init(a, why) == ERR_OK, "%s", why);
}

static inline void begin_trading(void)
{
    execution_start(a);
    execution_warm(a);
    pass(250);
    fv.stream.on_up(fv.stream.arg);
    pass(6000);
}

static inline void begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-exec-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    memset(&fv, 0, sizeof fv);
    begin_agent();
    begin_trading();
    ck_assert_int_eq(a->life, LIFE_ACTIVE);
    ck_assert(x->trade_ready);
}

static inline void end(void)
{
    execution_fini(a);
    fake_destroy(a);
    free(x);
    unlink("STOP");
    ck_assert_int_eq(rmdir(dir), 0);
}

/* The process dies, its requests with it; what was noted comes back. */
static inline void crash(void)
{
    struct agent *old = a;
    struct exec *was = x;
    int64_t now = a->now_ns, market = a->market_ns;
    must(fv.head == fv.tail);
    while (fv.effects_head < fv.effects_tail)
        free(fv.effects[fv.effects_head++].arg);    /* requests that never left */
    fv.effects_head = fv.effects_tail = fv.head = fv.tail = 0;
    begin_agent();
    a->now_ns = now;
    a->market_ns = market;
    for (size_t i = 0; i < old->n_notes; i++) {
        ck_assert_int_eq(execution_note(a, old->notes[i].kind, old->notes[i].data, old->notes[i].len), ERR_OK);
        agent_note(a, old->notes[i].kind, old->notes[i].data, old->notes[i].len, true);
    }
    json_decref(was->reads.fills);
    free(was);
    fake_destroy(old);
}

static dec_t approve_far;       /* the price at the decision, when it is another than the limit */

/* Buy or sell 4 lots at 100, stop 2 away, targets at 1.2 and 2 R; the order is on its way. */
static inline void approve_as(const char *symbol, enum side side, int64_t qty)
{
    static struct msg_risk_approved m;
    uint8_t id[16];
    int s = side == SIDE_BUY ? 1 : -1;
    m = (struct msg_risk_approved){
        .side = side, .qty = qty, .leverage = 2, .price = dec_int(100), .stop_px = dec_int(100 - 2 * s),
        .tp1_px = dec_scaled(1000 + 24 * s, -1), .tp2_px = dec_int(100 + 4 * s),
        .decision_px = dec_sign(approve_far) != 0 ? approve_far : dec_int(100),
        .atr = dec_int(1), .margin = dec_int(1), .close_ns = a->market_ns, .issued_ns = a->now_ns,
        .expires_ns = a->now_ns + 4 * NS_PER_S, .token_len = TOKEN_SIZE,
    };
    snprintf(m.approval_id, sizeof m.approval_id, "00000000-0000-4000-8000-%012d", ++approvals);
    snprintf(m.signal_id, sizeof m.signal_id, "00000000-0000-4000-9000-%012d", approvals);
    TEXT_COPY(m.symbol, symbol);
    must(token_uuid(m.approval_id, id) == ERR_OK);
    token_cl_ord_id(id, LEG_ENTRY, 1, m.cl_ord_id);
    fake_tell(a, exec_on_approved, AGENT_RISK, MSG_RISK_APPROVED, &m);
}

static inline void approve(void)
{
    approve_as("XBTUSDTM", SIDE_BUY, 4);
}

static inline void tick(const char *px)
{
    struct msg_market_ticker m = {.symbol = "XBTUSDTM", .last_px = dec_lit(px), .bid_px = dec_lit(px),
                                  .ask_px = dec_lit(px)};
    fake_tell(a, exec_on_ticker, AGENT_DATA, MSG_MARKET_TICKER, &m);
    fake_settle();
}

static inline struct trade *trade(void)
{
    return books_trade(&x->books, "XBTUSDTM");
}

/* Four lots long at 100, stop at 98, TP1 and TP2 resting. */
static inline void open_position(void)
{
    approve();
    fake_settle();
    fv_fill(fv_find("entry", 0), 4, "100");
    pass(500);
    ck_assert_ptr_nonnull(trade());
    ck_assert_int_eq(trade()->pnl.qty, 4);
    ck_assert_int_eq(fv_count("stop"), 1);
    ck_assert_int_eq(fv_count("target"), x->params.tp1 + x->params.tp2);
}

static inline const struct sub_order *said(enum msg type, size_t i)
{
    const struct msg_order_rejected *m = fake_heard(a, type, i);
    return m != NULL ? &m->order : NULL;
}

static inline const struct sub_position *closed(void)
{
    const struct msg_position_closed *m = fake_heard(a, MSG_POSITION_CLOSED, 0);
    return m != NULL ? &m->position : NULL;
}

static inline void operator_says(enum verb verb)
{
    struct msg_operator_command m = {.verb = verb, .signature = {1}, .signature_len = RESUME_SIGNATURE};
    fake_tell(a, exec_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m);
    fake_settle();
}

static inline void emergency(void)
{
    struct msg_emergency_stop m = {.close_positions = true, .cause = "TEST"};
    fake_tell(a, exec_on_emergency, AGENT_RISK, MSG_EMERGENCY_STOP, &m);
    fake_settle();
}

/* Whatever closes is filled whole; false: nothing does. */
static inline bool fill_exits(const char *px)
{
    struct fv_order *o = fv_find("exit", 0);
    if (o == NULL)
        return false;
    int64_t held = llabs(*fv_held(o->symbol));
    fv_fill(o, o->size < held ? o->size : held, px);
    return true;
}

#endif
