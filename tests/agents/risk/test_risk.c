/* The risk agent's modules behind a skeleton of the test: one signal, one answer. */
#include <math.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/agents/fake_agent.h"
#include "tests/runner.h"

#include "agents/risk/state.h"
#include "libagent/signkey.h"
#include "libagent/trade_config.h"
#include "proto/text.h"
#include "proto/tm.h"

#define T0 INT64_C(1699999200000000000)

static struct risk *r;
static struct agent *a;
static char dir[64];

static struct agent *agent_for(struct risk *state)
{
    char why[CONFIG_WHY_MAX] = "";
    struct agent *x = fake_new(state);
    x->market_ns = T0;
    fake_config(x, "symbols", "AAAUSDTM BBBUSDTM CCCUSDTM DDDUSDTM");
    ck_assert_msg(risk_init(x, why) == ERR_OK, "%s", why);
    return x;
}

static void tell_account(const char *equity)
{
    struct msg_account_updated m = {.equity = dec_lit(equity), .available = dec_lit(equity), .reconciled = true,
                                    .market_ns = a->market_ns};
    books_hash(&r->books, m.position_hash);
    fake_tell(a, risk_on_account, AGENT_EXECUTION, MSG_ACCOUNT_UPDATED, &m);
}

static void tell_market(const char *symbol)
{
    struct msg_market_contract c = {
        .tick = dec_lit("0.01"), .lot = dec_int(1), .multiplier = dec_lit("0.01"), .max_qty = 100000,
        .max_leverage = 50, .maker_fee = dec_lit("0.0002"), .taker_fee = dec_lit("0.0006"),
        .maintenance = dec_lit("0.005"), .tradable = true,
    };
    struct msg_market_book b = {.bids_n = 20, .asks_n = 20};
    struct msg_market_mark m = {.mark_px = dec_int(100)};
    for (int i = 0; i < 20; i++) {
        b.bids[i] = (struct sub_level){.price = dec_scaled(10000 - i, -2), .qty = dec_int(500)};
        b.asks[i] = (struct sub_level){.price = dec_scaled(10001 + i, -2), .qty = dec_int(500)};
    }
    TEXT_COPY(c.symbol, symbol);
    TEXT_COPY(b.symbol, symbol);
    TEXT_COPY(m.symbol, symbol);
    fake_tell(a, risk_on_contract, AGENT_DATA, MSG_MARKET_CONTRACT, &c);
    fake_tell(a, risk_on_book, AGENT_DATA, MSG_MARKET_BOOK, &b);
    fake_tell(a, risk_on_mark, AGENT_DATA, MSG_MARKET_MARK, &m);
}

static void tell_state(void)
{
    static const struct msg_state_unified m;
    fake_tell(a, risk_on_state, AGENT_ORCHESTRATOR, MSG_STATE_UNIFIED, &m);
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-risk-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    mkdir("etc", 0700);
    mkdir("etc/keys", 0700);
    fake_timers_n = 0;
    r = calloc(1, sizeof *r);
    a = agent_for(r);
    risk_start(a);
    risk_warm(a);
    ck_assert_int_eq(a->life, LIFE_ACTIVE);
    tell_state();
    tell_account("10000");
    static const char *const names[] = {"AAAUSDTM", "BBBUSDTM", "CCCUSDTM", "DDDUSDTM"};
    for (int i = 0; i < 4; i++)
        tell_market(names[i]);
}

static void teardown(void)
{
    fake_destroy(a);
    free(r);
    unlink("etc/keys/risk.sign");
    unlink("etc/keys/risk.sign.pub");
    rmdir("etc/keys");
    rmdir("etc");
    ck_assert_int_eq(rmdir(dir), 0);
}

static struct msg_signal_generated signal_of(const char *symbol, int n)
{
    struct msg_signal_generated m = {
        .strategy = "score", .tf = "1m", .close_ns = T0, .batch_ns = a->now_ns, .side = SIDE_BUY, .rank = 1,
        .batch_n = 1, .close_px = dec_lit("100.00"), .atr = 0.5, .atr_day = 0.03, .gamma = 0.8,
        .gamma_valid = true, .g = 0.7, .primary_score = 60, .combined = 55, .confidence = 80,
    };
    snprintf(m.signal_id, sizeof m.signal_id, "00000000-0000-0000-0000-%012d", n);
    TEXT_COPY(m.symbol, symbol);
    return m;
}

/* The reason of the one answer that came; "OK" for an approval. */
static const char *ask_as(const struct msg_signal_generated *m, int64_t sent_ns, bool replayed)
{
    fake_forget(a);
    fake_tell_as(a, risk_on_signal, AGENT_SIGNAL, MSG_SIGNAL_GENERATED, m, sent_ns, replayed);
    ck_assert_uint_eq(fake_count(a, MSG_RISK_APPROVED) + fake_count(a, MSG_RISK_REJECTED), 1);
    ck_assert_str_eq(a->said[0].correlation, m->signal_id);
    const struct msg_risk_rejected *no = fake_heard(a, MSG_RISK_REJECTED, 0);
    return no == NULL ? "OK" : no->reason;
}

static const char *ask(const struct msg_signal_generated *m)
{
    return ask_as(m, a->now_ns, false);
}

static const char *ask_for(const char *symbol, int n)
{
    struct msg_signal_generated m = signal_of(symbol, n);
    return ask(&m);
}

static const struct msg_risk_approved *approved(void)
{
    return fake_heard(a, MSG_RISK_APPROVED, 0);
}

START_TEST(approves_with_everything_that_execution_needs)
{
    setup();
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    const struct msg_risk_approved *m = approved();
    ck_assert(dec_eq(m->price, dec_lit("99.92")));      /* the ninth bid */
    ck_assert(dec_eq(m->stop_px, dec_lit("99.17")));    /* 1.5 ATR */
    ck_assert(dec_eq(m->tp1_px, dec_lit("100.82")) && dec_eq(m->tp2_px, dec_lit("101.42")));
    ck_assert(dec_eq(m->decision_px, dec_lit("100")) && dec_eq(m->atr, dec_lit("0.5")));
    ck_assert_int_ge(m->qty, 1);
    ck_assert_int_eq(m->leverage, 5);
    ck_assert(dec_le(m->margin, dec_int(50)));          /* 0.5 % of equity */
    ck_assert_int_eq(m->issued_ns, a->now_ns);
    ck_assert_int_eq(m->expires_ns, a->now_ns + 5 * NS_PER_S);
    ck_assert_int_eq(uuid_check(m->approval_id), ERR_OK);
    for (size_t i = 0; i < m->checks_n; i++)
        ck_assert_msg(m->checks[i].ok, "%s", m->checks[i].name);
    ck_assert_uint_gt(m->checks_n, 20);
    teardown();
}
END_TEST

START_TEST(the_token_says_what_the_approval_says)
{
    uint8_t public_key[TOKEN_PUBLIC], id[16];
    char hex[80] = "", cl_ord_id[TOKEN_ID_TEXT];
    struct token t;
    setup();
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    const struct msg_risk_approved *m = approved();
    FILE *f = fopen("etc/keys/risk.sign.pub", "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(hex, sizeof hex, f));
    fclose(f);
    ck_assert_int_eq(sodium_hex2bin(public_key, sizeof public_key, hex, strlen(hex), "\n", NULL, NULL), 0);
    ck_assert_int_eq(token_verify(m->token, m->token_len, public_key, &t), ERR_OK);
    ck_assert_int_eq(t.qty, m->qty);
    ck_assert_int_eq(t.price_ticks, 9992);
    ck_assert_int_eq(t.stop_ticks, 9917);
    ck_assert_int_eq(t.floor_ticks, 9980);
    ck_assert_int_eq(t.cap_ticks, 10020);
    ck_assert_int_eq(t.max_leverage_x100, 500);
    ck_assert_int_eq(t.side, SIDE_BUY);
    ck_assert_int_eq(t.leg, LEG_ENTRY);
    ck_assert_int_eq(t.expires_ns, m->expires_ns);
    ck_assert_uint_eq(t.counter, 1);
    ck_assert_str_eq(t.symbol, "AAAUSDTM");
    ck_assert_int_eq(token_uuid(m->approval_id, id), ERR_OK);
    ck_assert_mem_eq(t.approval_id, id, sizeof id);
    ck_assert_int_eq(token_uuid(m->signal_id, id), ERR_OK);
    ck_assert_mem_eq(t.signal_id, id, sizeof id);
    token_cl_ord_id(t.approval_id, LEG_ENTRY, 1, cl_ord_id);
    ck_assert_str_eq(m->cl_ord_id, cl_ord_id);
    teardown();
}
END_TEST

START_TEST(the_key_is_made_once_and_must_be_private)
{
    uint8_t again[TOKEN_SECRET];
    char why[CONFIG_WHY_MAX] = "";
    struct stat st;
    setup();
    ck_assert_int_eq(stat("etc/keys/risk.sign", &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(signkey_load("etc/keys", "risk", again, why), ERR_OK);
    ck_assert_mem_eq(again, r->secret, sizeof again);
    ck_assert_int_eq(chmod("etc/keys/risk.sign", 0644), 0);
    ck_assert_int_eq(signkey_load("etc/keys", "risk", again, why), ERR_PERMISSION);
    ck_assert_ptr_nonnull(strstr(why, "chmod"));
    ck_assert_int_eq(chmod("etc/keys/risk.sign", 0600), 0);
    ck_assert_int_eq(truncate("etc/keys/risk.sign", 100), 0);
    ck_assert_int_eq(signkey_load("etc/keys", "risk", again, why), ERR_CORRUPT);
    teardown();
}
END_TEST

START_TEST(a_signal_heard_twice_has_one_answer)
{
    setup();
    struct msg_signal_generated m = signal_of("AAAUSDTM", 1);
    ck_assert_str_eq(ask(&m), "OK");
    fake_forget(a);
    fake_tell(a, risk_on_signal, AGENT_SIGNAL, MSG_SIGNAL_GENERATED, &m);
    ck_assert_uint_eq(a->n_said, 0);
    ck_assert_int_eq(r->duplicates, 1);
    teardown();
}
END_TEST

START_TEST(what_is_old_late_or_not_among_the_best_is_refused)
{
    setup();
    struct msg_signal_generated m = signal_of("AAAUSDTM", 1);
    ck_assert_str_eq(ask_as(&m, a->now_ns, true), "STALE");
    m = signal_of("AAAUSDTM", 2);
    m.batch_ns = a->now_ns - 3001 * NS_PER_MS;
    ck_assert_str_eq(ask_as(&m, m.batch_ns, false), "STALE");
    m = signal_of("AAAUSDTM", 3);
    m.batch_ns = a->now_ns - 1;
    ck_assert_str_eq(ask(&m), "LATE");
    m = signal_of("AAAUSDTM", 4);
    m.rank = 3;
    ck_assert_str_eq(ask(&m), "RANK");
    m = signal_of("AAAUSDTM", 5);
    m.rank = 2;
    m.batch_ns = a->now_ns - 3000 * NS_PER_MS;
    ck_assert_str_eq(ask_as(&m, m.batch_ns, false), "OK");
    teardown();
}
END_TEST

START_TEST(only_trading_lets_in)
{
    setup();
    static const struct { enum system_state state; const char *reason; } states[] = {
        {SYS_INITIALIZING, "NOT_READY"}, {SYS_READY, "NOT_READY"}, {SYS_PAUSED, "PAUSED"},
        {SYS_EMERGENCY_STOP, "EMERGENCY"}, {SYS_SHUTDOWN, "NOT_READY"}, {SYS_TRADING, "OK"},
    };
    for (int i = 0; i < 6; i++) {
        a->system = states[i].state;
        ck_assert_str_eq(ask_for("AAAUSDTM", 10 + i), states[i].reason);
    }
    teardown();
}
END_TEST

START_TEST(an_orchestrator_that_fell_silent_lets_nobody_in)
{
    setup();
    a->now_ns += 3001 * NS_PER_MS;
    tell_market("AAAUSDTM");
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "NOT_READY");
    tell_state();
    ck_assert_str_eq(ask_for("AAAUSDTM", 2), "OK");
    teardown();
}
END_TEST

START_TEST(a_market_unknown_closed_or_old_lets_nobody_in)
{
    setup();
    ck_assert_str_eq(ask_for("ZZZUSDTM", 1), "UNKNOWN_CONTRACT");
    r->market.instruments[1].tradable = false;
    ck_assert_str_eq(ask_for("BBBUSDTM", 2), "CONTRACT_CLOSED");
    r->market.instruments[2].mark_ns = 0;
    ck_assert_str_ne(ask_for("CCCUSDTM", 3), "OK");
    a->now_ns += 2500 * NS_PER_MS;
    tell_state();
    a->now_ns += 501 * NS_PER_MS;
    ck_assert_str_eq(ask_for("AAAUSDTM", 4), "BOOK_STALE");
    teardown();
}
END_TEST

START_TEST(nothing_is_entered_while_the_books_differ)
{
    setup();
    struct msg_account_updated m = r->books.account;
    m.position_hash[0] ^= 1;
    fake_tell(a, risk_on_account, AGENT_EXECUTION, MSG_ACCOUNT_UPDATED, &m);
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "NOT_READY");
    tell_account("10000");
    ck_assert_str_eq(ask_for("AAAUSDTM", 2), "OK");
    m = r->books.account;
    m.reconciled = false;
    fake_tell(a, risk_on_account, AGENT_EXECUTION, MSG_ACCOUNT_UPDATED, &m);
    ck_assert_str_eq(ask_for("BBBUSDTM", 3), "NOT_READY");
    teardown();
}
END_TEST

static struct sub_position position_of(const char *symbol, int n, int64_t version)
{
    struct sub_position p = {
        .side = SIDE_BUY, .version = version, .qty = 10, .multiplier = dec_lit("0.01"), .entry_px = dec_int(100),
        .stop_px = dec_int(99), .margin = dec_int(2),
    };
    snprintf(p.signal_id, sizeof p.signal_id, "00000000-0000-0000-0000-%012d", n);
    TEXT_COPY(p.symbol, symbol);
    return p;
}

START_TEST(books_that_stay_different_are_taken_from_execution)
{
    static struct msg_positions all;
    setup();
    while (a->n_questions > 0)
        fake_answer(a, ERR_TIMEOUT, MSG_COUNT, NULL);
    for (int i = 0; i < 4; i++)
        r->market.instruments[i].hours_wanted = false;
    struct msg_account_updated m = r->books.account;
    all.positions[0] = position_of("AAAUSDTM", 7, 1);
    all.positions_n = 1;
    position_hash(all.positions, 1, m.position_hash);
    fake_tell(a, risk_on_account, AGENT_EXECUTION, MSG_ACCOUNT_UPDATED, &m);
    fake_pass_ms(a, 500);
    fake_pass_ms(a, 999);
    ck_assert_uint_eq(a->n_questions, 0);
    fake_pass_ms(a, 1);
    ck_assert_uint_eq(a->n_questions, 1);
    ck_assert(fake_answer(a, ERR_OK, MSG_POSITIONS, &all));
    ck_assert(books_agree(&r->books));
    teardown();
}
END_TEST

START_TEST(an_approval_holds_its_place_until_its_entry_ends)
{
    setup();
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    ck_assert_str_eq(ask_for("AAAUSDTM", 2), "SYMBOL_OPEN");
    struct msg_order_expired m = {.order = {.leg = LEG_ENTRY, .qty = 5, .status = STATUS_EXPIRED}};
    snprintf(m.order.signal_id, sizeof m.order.signal_id, "00000000-0000-0000-0000-%012d", 1);
    fake_tell(a, risk_on_order, AGENT_EXECUTION, MSG_ORDER_EXPIRED, &m);
    ck_assert_str_eq(ask_for("AAAUSDTM", 3), "OK");
    teardown();
}
END_TEST

START_TEST(an_approval_that_execution_never_mentioned_is_void_long_after_its_end)
{
    setup();
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    fake_pass_ms(a, 5000 + 29999);
    ck_assert_int_eq(r->books.rows_n, 1);
    fake_pass_ms(a, 1);
    ck_assert_int_eq(r->books.rows_n, 0);
    teardown();
}
END_TEST

START_TEST(unknown_correlation_counts_as_one)
{
    setup();
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    ck_assert_str_eq(ask_for("BBBUSDTM", 2), "OK");
    ck_assert_str_eq(ask_for("CCCUSDTM", 3), "CORRELATION");
    teardown();
}
END_TEST

START_TEST(hourly_closes_part_what_moves_apart)
{
    static struct msg_candles m;
    setup();
    while (a->n_questions > 0) {
        const struct msg_candles_get *q = a->questions[0].msg;
        unsigned x = (unsigned)q->symbol[0] * 7919u;
        ck_assert_str_eq(q->tf, "1h");
        m = (struct msg_candles){.rows_n = 250};
        for (int i = 0; i < 250; i++) {
            x = x * 1664525u + 1013904223u;
            m.rows[i] = (struct sub_candle_row){.start_ns = T0 - (250 - i) * NS_PER_H,
                                                .close = dec_int(1000 + (int64_t)(x >> 16) % 50)};
        }
        fake_answer(a, ERR_OK, MSG_CANDLES, &m);
    }
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    ck_assert_str_eq(ask_for("BBBUSDTM", 2), "OK");
    ck_assert_str_eq(ask_for("CCCUSDTM", 3), "OK");
    teardown();
}
END_TEST

START_TEST(the_days_drawdown_stops_everything_once)
{
    setup();
    fake_forget(a);
    tell_account("9500");
    ck_assert_uint_eq(fake_count(a, MSG_EMERGENCY_STOP), 0);
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "DAILY_LOSS");
    fake_forget(a);
    tell_account("9499.99");
    tell_account("9400");
    ck_assert_uint_eq(fake_count(a, MSG_EMERGENCY_STOP), 1);
    const struct msg_emergency_stop *m = fake_heard(a, MSG_EMERGENCY_STOP, 0);
    ck_assert_str_eq(m->cause, "DRAWDOWN");
    ck_assert(m->close_positions);
    ck_assert_str_eq(ask_for("AAAUSDTM", 2), "EMERGENCY");
    teardown();
}
END_TEST

START_TEST(the_eleventh_loss_in_a_row_stops_everything)
{
    setup();
    fake_forget(a);
    for (int i = 1; i <= 11; i++) {
        struct msg_position_closed m = {.position = position_of("AAAUSDTM", i, 2)};
        m.position.net_pnl = dec_int(i == 3 ? 0 : -1);
        m.position.closed_ns = T0;
        ck_assert_uint_eq(fake_count(a, MSG_EMERGENCY_STOP), 0);
        fake_tell(a, risk_on_position, AGENT_EXECUTION, MSG_POSITION_CLOSED, &m);
    }
    const struct msg_emergency_stop *m = fake_heard(a, MSG_EMERGENCY_STOP, 0);
    ck_assert_ptr_nonnull(m);
    ck_assert_str_eq(m->cause, "CONSECUTIVE_LOSSES");
    struct msg_operator_command resume = {.verb = VERB_RESUME};
    fake_tell(a, risk_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &resume);
    tell_account("10000");
    ck_assert_str_eq(ask_for("BBBUSDTM", 30), "OK");
    teardown();
}
END_TEST

START_TEST(a_symbol_rests_after_its_exit)
{
    setup();
    struct msg_position_closed m = {.position = position_of("AAAUSDTM", 1, 2)};
    m.position.net_pnl = dec_int(1);
    m.position.closed_ns = T0;
    fake_tell(a, risk_on_position, AGENT_EXECUTION, MSG_POSITION_CLOSED, &m);
    a->market_ns = T0 + 4 * NS_PER_MIN - 1;
    ck_assert_str_eq(ask_for("AAAUSDTM", 2), "COOL_DOWN");
    a->market_ns = T0 + 4 * NS_PER_MIN;
    ck_assert_str_eq(ask_for("AAAUSDTM", 3), "OK");
    teardown();
}
END_TEST

START_TEST(the_operator_pauses_one_symbol_or_strategy)
{
    setup();
    struct msg_operator_command m = {.verb = VERB_PAUSE, .symbol = "AAAUSDTM"};
    fake_tell(a, risk_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m);
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "PAUSED");
    ck_assert_str_eq(ask_for("BBBUSDTM", 2), "OK");
    m.verb = VERB_RESUME;
    fake_tell(a, risk_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m);
    ck_assert_str_eq(ask_for("AAAUSDTM", 3), "OK");
    teardown();
}
END_TEST

START_TEST(recovers_its_books_and_its_answers_from_its_notes)
{
    setup();
    struct msg_signal_generated m = signal_of("AAAUSDTM", 1);
    ck_assert_str_eq(ask(&m), "OK");
    ck_assert_str_eq(ask_for("AAAUSDTM", 2), "SYMBOL_OPEN");
    struct msg_position_opened o = {.position = position_of("AAAUSDTM", 1, 1)};
    fake_tell(a, risk_on_position, AGENT_EXECUTION, MSG_POSITION_OPENED, &o);
    struct msg_stop_moved moved = {.new_px = dec_lit("99.5")};
    TEXT_COPY(moved.signal_id, o.position.signal_id);
    fake_tell(a, risk_on_stop_moved, AGENT_EXECUTION, MSG_STOP_MOVED, &moved);
    struct msg_operator_command pause = {.verb = VERB_PAUSE, .strategy = "score"};
    fake_tell(a, risk_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &pause);
    tell_account("9990");

    struct risk *t = calloc(1, sizeof *t);
    struct agent *fresh = agent_for(t);
    for (size_t i = 0; i < a->n_notes; i++)
        ck_assert_int_eq(risk_note(fresh, a->notes[i].kind, a->notes[i].data, a->notes[i].len), ERR_OK);
    ck_assert_mem_eq(&t->books, &r->books, sizeof t->books);
    fake_tell(fresh, risk_on_signal, AGENT_SIGNAL, MSG_SIGNAL_GENERATED, &m);
    ck_assert_uint_eq(fresh->n_said, 0);
    fake_destroy(fresh);
    free(t);
    teardown();
}
END_TEST

START_TEST(a_snapshot_comes_back_whole_or_not_at_all)
{
    void *data;
    size_t len;
    setup();
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    risk_save(a, &data, &len);
    struct risk *t = calloc(1, sizeof *t);
    struct agent *fresh = agent_for(t);
    ck_assert_int_eq(risk_load(fresh, data, len - 1), ERR_VERSION);
    ck_assert_int_eq(risk_load(fresh, data, 3), ERR_TRUNCATED);
    ck_assert_int_eq(t->books.rows_n, 0);
    ck_assert_int_eq(risk_load(fresh, data, len), ERR_OK);
    ck_assert_mem_eq(&t->books, &r->books, sizeof t->books);
    free(data);
    fake_destroy(fresh);
    free(t);
    teardown();
}
END_TEST

START_TEST(limits_are_the_configuration_in_fractions)
{
    struct risk_limits l;
    struct agent *x = fake_new(NULL);
    fake_config(x, "max_position_pct", "3");
    fake_config(x, "top_n", "5");
    ck_assert_ptr_null(limits_from_config(x->config, &l));
    ck_assert(dec_eq(l.max_position, dec_lit("0.03")));
    ck_assert(dec_eq(l.position_margin, dec_lit("0.005")));
    ck_assert(dec_eq(l.max_slippage, dec_lit("0.002")));
    ck_assert(dec_eq(l.max_spread, dec_lit("0.0005")));
    ck_assert(dec_eq(l.stop_atr, dec_lit("1.5")));
    ck_assert(dec_eq(l.min_g, dec_lit("0.35")));
    ck_assert_int_eq(l.top_n, 5);
    fake_config(x, "max_position_pct", "50");   /* of one above that of all */
    ck_assert_str_eq(limits_from_config(x->config, &l), "max_position");
    fake_destroy(x);
}
END_TEST

/* As at a start: the configuration, then what was kept. */
static struct agent *restarted(struct risk **ret, bool from_snapshot)
{
    *ret = calloc(1, sizeof **ret);
    struct agent *x = agent_for(*ret);
    if (from_snapshot) {
        void *data;
        size_t len;
        risk_save(a, &data, &len);
        ck_assert_int_eq(risk_load(x, data, len), ERR_OK);
        free(data);
    } else {
        for (size_t i = 0; i < a->n_notes; i++)
            ck_assert_int_eq(risk_note(x, a->notes[i].kind, a->notes[i].data, a->notes[i].len), ERR_OK);
    }
    return x;
}

static void lose(struct agent *x, int n)
{
    struct msg_position_closed m = {.position = position_of("DDDUSDTM", 100 + n, 2)};
    m.position.net_pnl = dec_int(-1);
    m.position.opened_ns = T0 - NS_PER_MIN;
    m.position.closed_ns = T0;
    fake_tell(x, risk_on_position, AGENT_EXECUTION, MSG_POSITION_CLOSED, &m);
}

/* Domain 6, test 6. */
START_TEST(a_restart_keeps_the_drawdown_the_loss_count_and_the_days_first_balance)
{
    for (int from_snapshot = 0; from_snapshot < 2; from_snapshot++) {
        struct risk *t;
        setup();
        tell_account("9800");
        for (int i = 0; i < 4; i++)
            lose(a, i);
        struct agent *x = restarted(&t, from_snapshot);
        ck_assert(dec_eq(t->books.day.start_equity, dec_int(10000)));
        ck_assert(dec_eq(risk_day_loss(&t->books.day), dec_lit("0.02")));
        ck_assert_int_eq(t->books.streak.losses, 4);
        lose(x, 4);
        ck_assert_int_eq(t->books.streak.losses, 5);
        ck_assert(t->books.streak.half && t->books.streak.block_until_ns == T0 + 16 * NS_PER_MIN);
        lose(x, 4);                                             /* told again */
        ck_assert_int_eq(t->books.streak.losses, 5);
        struct msg_account_updated m = t->books.account;
        m.equity = dec_lit("9499.99");                          /* of 10,000, not of 9,800 */
        fake_tell(x, risk_on_account, AGENT_EXECUTION, MSG_ACCOUNT_UPDATED, &m);
        ck_assert_uint_eq(fake_count(x, MSG_EMERGENCY_STOP), 1);
        fake_destroy(x);
        free(t);
        teardown();
    }
}
END_TEST

/* Domain 6, test 7, as a configuration. */
START_TEST(the_seeds_literal_figures_at_50x_are_refused_as_a_configuration)
{
    setup();
    fake_config(a, "stop_roi_pct", "0.5");
    fake_config(a, "target_roi_pct", "2.0");
    fake_config(a, "max_leverage", "100");
    fake_config(a, "leverage", "50");
    ck_assert_ptr_null(limits_from_config(a->config, &r->limits));
    r->leverage = (int32_t)config_int(a->config, CFG_leverage);
    struct msg_signal_generated m = signal_of("AAAUSDTM", 1);
    m.atr_day = 0.003;
    ck_assert_str_eq(ask(&m), "BREAK_EVEN");
    const struct msg_risk_rejected *no = fake_heard(a, MSG_RISK_REJECTED, 0);
    bool buffer = false;
    for (size_t i = 0; i < no->checks_n; i++)
        buffer = buffer || (strcmp(no->checks[i].name, "liquidation_distance") == 0 && !no->checks[i].ok);
    ck_assert(buffer);
    teardown();
}
END_TEST

START_TEST(bad_input_is_refused_by_name_and_for_its_symbol_alone)
{
    struct msg_signal_generated m;
    int n = 0;
    setup();
#define bad(change, reason)                                                                        \
    do {                                                                                           \
        m = signal_of("AAAUSDTM", ++n);                                                            \
        change;                                                                                    \
        ck_assert_str_eq(ask(&m), reason);                                                         \
    } while (0)
    bad(m.atr = NAN, "BAD_DATA");
    bad(m.atr = 1e308, "BAD_DATA");
    bad(m.atr_day = NAN, "BAD_DATA");
    bad(m.atr_day = -0.03, "BAD_DATA");
    bad(m.g = INFINITY, "BAD_DATA");
    bad(m.close_px = dec_zero(), "BAD_DATA");
    bad(m.close_px = dec_lit("1e100"), "SLIPPAGE");
    bad(m.side = (enum side)7, "BAD_DATA");
    bad(m.rank = 0, "BAD_DATA");
    bad(m.rank = INT64_C(0x100000001), "BAD_DATA");
    bad(m.gamma_valid = false, "GAMMA_STALE");
    r->leverage = 0;
    bad((void)0, "LEVERAGE");
    r->leverage = 126;
    bad((void)0, "LEVERAGE");
    r->leverage = 5;

    struct instrument *in = market_find(&r->market, "AAAUSDTM");
    in->bid_count = 8;
    bad((void)0, "NO_DEPTH");
    in->bid_count = in->ask_count = 0;
    bad((void)0, "NO_DEPTH");
    tell_market("AAAUSDTM");
    in->bids[0].price = in->asks[3].price;
    bad((void)0, "BAD_DATA");
    tell_market("AAAUSDTM");
    struct msg_market_contract c = {
        .symbol = "AAAUSDTM", .tick = dec_lit("0.01"), .lot = dec_lit("0.5"), .multiplier = dec_lit("0.01"),
        .max_leverage = 50, .taker_fee = dec_lit("0.0006"), .maintenance = dec_lit("0.005"), .tradable = true,
    };
    fake_tell(a, risk_on_contract, AGENT_DATA, MSG_MARKET_CONTRACT, &c);
    bad((void)0, "UNKNOWN_CONTRACT");
    c.lot = dec_int(1);
    c.max_leverage = (INT64_C(1) << 32) + 50;
    fake_tell(a, risk_on_contract, AGENT_DATA, MSG_MARKET_CONTRACT, &c);
    bad((void)0, "UNKNOWN_CONTRACT");
    ck_assert_str_eq(ask_for("BBBUSDTM", 99), "OK");
    teardown();
}
END_TEST

START_TEST(levels_of_less_than_a_lot_are_no_depth)
{
    static struct msg_market_book b = {.symbol = "AAAUSDTM", .bids_n = 9, .asks_n = 9};
    setup();
    for (int i = 0; i < 9; i++) {
        b.bids[i] = (struct sub_level){.price = dec_scaled(10000 - i, -2), .qty = dec_lit(i == 4 ? "0.9" : "500.5")};
        b.asks[i] = (struct sub_level){.price = dec_scaled(10001 + i, -2), .qty = dec_int(500)};
    }
    fake_tell(a, risk_on_book, AGENT_DATA, MSG_MARKET_BOOK, &b);
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "NO_DEPTH");
    b.bids[4].qty = dec_int(1);
    fake_tell(a, risk_on_book, AGENT_DATA, MSG_MARKET_BOOK, &b);
    ck_assert_str_eq(ask_for("AAAUSDTM", 2), "OK");
    teardown();
}
END_TEST

START_TEST(hours_interval_and_positions_of_a_strategy_are_configured)
{
    setup();
    struct risk_limits l = r->limits;
    ck_assert(l.hours_from == l.hours_to && l.min_interval_ns == 0);        /* off */
    static const char *const wrong[] = {"9:00-16:00", "09:00-24:01", "09:60-16:00", "09:00 16:00", "09:00-16:0x",
                                        "0900-16:000", "09:00-09:00", "x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fake_config(a, "entry_hours", wrong[i]);
        ck_assert_msg(limits_from_config(a->config, &l) != NULL && strcmp(limits_from_config(a->config, &l), "entry_hours") == 0, "%s",
                      wrong[i]);
    }
    fake_config(a, "entry_hours", "22:15-24:00");       /* T0 is 22:00 */
    fake_config(a, "min_interval_s", "3600");
    fake_config(a, "max_strategy_positions", "1");
    ck_assert_ptr_null(limits_from_config(a->config, &r->limits));
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "MARKET_HOURS");
    a->market_ns = T0 + 15 * NS_PER_MIN;
    lose(a, 1);                                         /* DDDUSDTM was entered at T0 - 1 min */
    ck_assert_str_eq(ask_for("DDDUSDTM", 2), "MIN_INTERVAL");
    a->market_ns = T0 + 59 * NS_PER_MIN;
    ck_assert_str_eq(ask_for("DDDUSDTM", 3), "OK");
    struct msg_signal_generated m = signal_of("AAAUSDTM", 4);
    ck_assert_str_eq(ask(&m), "STRATEGY_POSITIONS");
    m = signal_of("AAAUSDTM", 5);
    TEXT_COPY(m.strategy, "orb");
    ck_assert_str_eq(ask(&m), "OK");
    teardown();
}
END_TEST

static void tell_lighthouse(bool on)
{
    struct msg_signal_state m = {.lighthouse = on};
    fake_tell(a, risk_on_signal_state, AGENT_SIGNAL, MSG_SIGNAL_STATE, &m);
}

/* Domain 6, test 2, as the agent carries it. */
START_TEST(the_lighthouse_asks_for_more_only_when_enabled_and_one_lighthouse_has_its_cap)
{
    setup();
    fake_config(a, "max_cluster_positions", "5");
    fake_config(a, "top_n", "5");
    ck_assert_ptr_null(limits_from_config(a->config, &r->limits));
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    const int64_t usual = approved()->qty;
    tell_lighthouse(true);
    struct msg_signal_generated m = signal_of("BBBUSDTM", 2);
    m.gamma = 0.99;
    ck_assert_str_eq(ask(&m), "OK");
    ck_assert_int_eq(approved()->qty, usual);           /* not enabled */
    tell_lighthouse(false);
    fake_config(a, "lighthouse_multiplier", "true");
    fake_config(a, "lighthouse_burst_pct", "1");
    ck_assert_ptr_null(limits_from_config(a->config, &r->limits));
    tell_lighthouse(true);
    const dec_t available = r->books.account.available;
    m = signal_of("CCCUSDTM", 3);
    m.gamma = 0.99;
    ck_assert_str_eq(ask(&m), "OK");
    ck_assert_int_gt(approved()->qty, usual);
    ck_assert(dec_le(approved()->margin, dec_mul(available, dec_lit("0.01"))));         /* capped below 2.73 times */
    m = signal_of("DDDUSDTM", 4);
    m.gamma = 0.99;
    ck_assert_str_eq(ask(&m), "BURST");

    struct risk *t;
    struct agent *x = restarted(&t, false);
    ck_assert_mem_eq(&t->books.burst, &r->books.burst, sizeof t->books.burst);
    fake_destroy(x);
    free(t);

    tell_lighthouse(false);
    ck_assert_str_eq(ask_for("DDDUSDTM", 5), "OK");
    ck_assert_int_eq(approved()->qty, usual);           /* back to one */
    teardown();
}
END_TEST

/* Domain 6, test 17, as the agent carries it: less, told, and over without a restart. */
START_TEST(trading_that_goes_wrong_asks_for_less_until_it_recovers_by_itself)
{
    setup();
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    const int64_t usual = approved()->qty;
    for (int i = 0; i < 30; i++) {
        struct msg_position_closed m = {.position = position_of("DDDUSDTM", 100 + i, 2)};
        m.position.net_pnl = dec_int(i % 6 == 5 ? 1 : -1);      /* 5 of 30 won, the last one too: no streak */
        m.position.opened_ns = T0 - NS_PER_MIN;
        m.position.closed_ns = T0;
        fake_tell(a, risk_on_position, AGENT_EXECUTION, MSG_POSITION_CLOSED, &m);
    }
    fake_pass_ms(a, 500);
    const struct fake_degradation *d = fake_degraded(a, "trading", "LOW_WIN_RATE");
    ck_assert(d != NULL && d->severity == SEVERITY_MEDIUM);
    tell_state();
    tell_market("BBBUSDTM");
    ck_assert_str_eq(ask_for("BBBUSDTM", 2), "OK");
    ck_assert_int_lt(approved()->qty, usual);
    ck_assert_int_ge(approved()->qty, 3 * usual / 4 - 1);
    for (int from_snapshot = 0; from_snapshot < 2; from_snapshot++) {
        struct risk *t;
        struct agent *x = restarted(&t, from_snapshot);
        ck_assert_mem_eq(&t->books.healing, &r->books.healing, sizeof t->books.healing);
        fake_destroy(x);
        free(t);
    }
    struct books other;
    books_init(&other, 5 * NS_PER_MIN, 4);      /* of another configuration it is forgotten */
    ck_assert_int_eq(books_restore(&other, &r->books, sizeof r->books), ERR_OK);
    ck_assert(healing_factor(&other.healing, "score", T0) >= 1);

    a->market_ns = T0 + 100 * NS_PER_MIN;
    fake_pass_ms(a, 500);
    ck_assert_ptr_null(fake_degraded(a, "trading", "LOW_WIN_RATE"));
    tell_state();
    tell_market("CCCUSDTM");
    struct msg_signal_generated m = signal_of("CCCUSDTM", 3);
    m.close_ns = a->market_ns;
    fake_config(a, "max_cluster_positions", "5");
    ck_assert_ptr_null(limits_from_config(a->config, &r->limits));
    ck_assert_str_eq(ask(&m), "OK");
    ck_assert_int_eq(approved()->qty, usual);
    teardown();
}
END_TEST

START_TEST(self_healing_that_is_off_asks_for_no_less)
{
    setup();
    fake_config(a, "self_healing", "false");
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    const int64_t usual = approved()->qty;
    r->books.healing.cut[HEALING_SLIPPAGE] = (struct healing_cut){.cut = 0.75, .ns = T0};
    fake_pass_ms(a, 500);
    ck_assert_ptr_null(fake_degraded(a, "trading", "SLIPPAGE"));
    tell_state();
    tell_market("BBBUSDTM");
    ck_assert_str_eq(ask_for("BBBUSDTM", 2), "OK");
    ck_assert_int_eq(approved()->qty, usual);
    fake_config(a, "self_healing", "true");
    fake_config(a, "max_cluster_positions", "5");
    ck_assert_ptr_null(limits_from_config(a->config, &r->limits));
    tell_market("CCCUSDTM");
    ck_assert_str_eq(ask_for("CCCUSDTM", 3), "OK");
    ck_assert_int_lt(approved()->qty, usual);
    teardown();
}
END_TEST

START_TEST(a_pause_names_the_symbol_or_the_strategy)
{
    static const struct { const char *symbol, *strategy, *figure; } c[] = {
        {"AAAUSDTM", "", "symbol_paused"}, {"", "score", "strategy_paused"}, {"AAAUSDTM", "score", "strategy_paused"},
    };
    setup();
    for (int i = 0; i < 3; i++) {
        struct msg_operator_command m = {.verb = VERB_PAUSE};
        TEXT_COPY(m.symbol, c[i].symbol);
        TEXT_COPY(m.strategy, c[i].strategy);
        fake_tell(a, risk_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m);
        ck_assert_str_eq(ask_for("AAAUSDTM", 10 + i), "PAUSED");
        const struct msg_risk_rejected *no = fake_heard(a, MSG_RISK_REJECTED, 0);
        ck_assert_ptr_nonnull(strstr(no->text, c[i].figure));
        struct msg_signal_generated s = signal_of(i == 1 ? "AAAUSDTM" : "BBBUSDTM", 20 + i);
        TEXT_COPY(s.strategy, i == 1 ? "orb" : "score");
        ck_assert_str_eq(ask(&s), "OK");
        struct msg_order_expired over = {.order = {.leg = LEG_ENTRY, .qty = 5, .status = STATUS_EXPIRED}};
        TEXT_COPY(over.order.signal_id, s.signal_id);
        fake_tell(a, risk_on_order, AGENT_EXECUTION, MSG_ORDER_EXPIRED, &over);
        m.verb = VERB_RESUME;
        fake_tell(a, risk_on_command, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m);
    }
    ck_assert_str_eq(ask_for("AAAUSDTM", 30), "OK");
    teardown();
}
END_TEST

/* Everything that changes the books, once; what each note says must lead to the same books again. */
START_TEST(each_kind_of_fact_is_recovered_from_its_note_and_damaged_notes_are_errors)
{
    static struct msg_positions all;
    setup();
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    struct msg_order_placed placed = {.order = {.leg = LEG_ENTRY, .qty = 10, .symbol = "AAAUSDTM"}};
    snprintf(placed.order.signal_id, sizeof placed.order.signal_id, "00000000-0000-0000-0000-%012d", 1);
    fake_tell(a, risk_on_order, AGENT_EXECUTION, MSG_ORDER_PLACED, &placed);
    struct msg_position_opened o = {.position = position_of("AAAUSDTM", 1, 1)};
    o.position.opened_ns = T0;
    fake_tell(a, risk_on_position, AGENT_EXECUTION, MSG_POSITION_OPENED, &o);
    struct msg_order_filled filled = {.order = placed.order, .last_qty = 10, .last_px = dec_int(100)};
    filled.order.status = STATUS_FILLED;
    filled.order.cum_qty = 10;
    filled.order.side = SIDE_BUY;
    fake_tell(a, risk_on_order, AGENT_EXECUTION, MSG_ORDER_FILLED, &filled);
    ck_assert_uint_gt(r->books.fill_basis, 0);
    tell_account("10000");
    tell_lighthouse(true);
    ck_assert_str_eq(ask_for("BBBUSDTM", 2), "OK");
    while (a->n_questions > 0)
        fake_answer(a, ERR_TIMEOUT, MSG_COUNT, NULL);
    for (int i = 0; i < 4; i++)
        r->market.instruments[i].hours_wanted = false;
    fake_pass_ms(a, 5000 + 29999);
    ck_assert_int_eq(r->books.rows_n, 2);
    fake_pass_ms(a, 1);
    ck_assert_int_eq(r->books.rows_n, 1);               /* the approval without an order is void */
    all.positions[0] = o.position;
    all.positions[0].version = 2;
    all.positions_n = 1;
    struct msg_account_updated account = r->books.account;
    account.position_hash[0] ^= 1;
    fake_tell(a, risk_on_account, AGENT_EXECUTION, MSG_ACCOUNT_UPDATED, &account);
    fake_pass_ms(a, 500);
    fake_pass_ms(a, 1000);
    ck_assert(fake_answer(a, ERR_OK, MSG_POSITIONS, &all));
    struct msg_position_closing closing = {.position = all.positions[0]};
    closing.position.version = 3;
    fake_tell(a, risk_on_position, AGENT_EXECUTION, MSG_POSITION_CLOSING, &closing);
    lose(a, 9);
    static const struct msg_emergency_stop stop = {.cause = "MANUAL"};
    fake_tell(a, risk_on_emergency, AGENT_ORCHESTRATOR, MSG_EMERGENCY_STOP, &stop);
    ck_assert(r->books.emergency);

    struct risk *t;
    struct agent *x = restarted(&t, false);
    ck_assert_mem_eq(&t->books, &r->books, sizeof t->books);
    unsigned kinds = 0;
    for (size_t i = 0; i < a->n_notes; i++) {
        kinds |= 1u << a->notes[i].kind;
        int err = risk_note(x, a->notes[i].kind, "0123456789", a->notes[i].len == 10 ? 9 : 10);
        ck_assert(err < 0 || a->notes[i].kind == NOTE_EMERGENCY);       /* that one says nothing but itself */
    }
    kinds |= 1u << NOTE_STOP_MOVED | 1u << NOTE_COMMAND;        /* elsewhere */
    ck_assert_uint_eq(kinds, (2u << NOTE_LIGHTHOUSE) - 2);
    ck_assert_int_eq(risk_note(x, 99, "", 0), ERR_VERSION);
    struct answer wrong;
    memset(&wrong, 0, sizeof wrong);
    wrong.reason = RISK_REASON_COUNT;
    ck_assert_int_eq(risk_note(x, NOTE_ANSWER, &wrong, sizeof wrong), ERR_CORRUPT);
    fake_destroy(x);
    free(t);
    teardown();
}
END_TEST

static int64_t counted(const struct sub_counter *c, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(c[i].name, name) == 0)
            return c[i].count;
    return -1;
}

START_TEST(counts_what_it_answered_and_tells_its_own_view_of_the_positions)
{
    struct sub_counter c[64];
    setup();
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "OK");
    ck_assert_str_eq(ask_for("AAAUSDTM", 2), "SYMBOL_OPEN");
    struct msg_position_opened o = {.position = position_of("BBBUSDTM", 9, 1)};
    fake_tell(a, risk_on_position, AGENT_EXECUTION, MSG_POSITION_OPENED, &o);
    size_t n = risk_counters(a, c, sizeof c / sizeof c[0]);
    ck_assert_int_eq(counted(c, n, "approved"), 1);
    ck_assert_int_eq(counted(c, n, "SYMBOL_OPEN"), 1);
    ck_assert_int_eq(counted(c, n, "LATE"), -1);
    ck_assert_int_eq(counted(c, n, "positions"), 1);
    ck_assert_int_eq(counted(c, n, "reserved"), 1);
    ck_assert_int_eq(counted(c, n, "books_agree"), 0);
    ck_assert_uint_eq(risk_counters(a, c, 2), 2);
    static const struct msg_positions_get get;
    fake_forget(a);
    fake_tell(a, risk_on_positions, AGENT_ORCHESTRATOR, MSG_POSITIONS_GET, &get);
    const struct msg_positions *m = fake_heard(a, MSG_POSITIONS, 0);
    ck_assert_ptr_nonnull(m);
    ck_assert_uint_eq(m->positions_n, 1);
    ck_assert_str_eq(m->positions[0].symbol, "BBBUSDTM");
    ck_assert(!m->trade_ready);
    teardown();
}
END_TEST

START_TEST(hours_that_are_missing_between_two_candles_are_asked_for)
{
    setup();
    while (a->n_questions > 0)
        fake_answer(a, ERR_TIMEOUT, MSG_COUNT, NULL);
    struct instrument *in = market_find(&r->market, "AAAUSDTM");
    for (int i = 0; i < 4; i++)
        r->market.instruments[i].hours_wanted = false;
    struct msg_market_candle m = {.symbol = "AAAUSDTM", .tf = "1h", .start_ns = T0, .close = dec_int(100)};
    fake_tell(a, risk_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &m);
    m.start_ns += NS_PER_H;
    fake_tell(a, risk_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &m);
    fake_pass_ms(a, 500);
    ck_assert_uint_eq(a->n_questions, 0);
    m.start_ns += 3 * NS_PER_H;
    fake_tell(a, risk_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &m);
    ck_assert_int_eq(in->hours.newest, m.start_ns / NS_PER_H);
    fake_pass_ms(a, 500);
    ck_assert_uint_eq(a->n_questions, 1);
    const struct msg_candles_get *q = a->questions[0].msg;
    ck_assert_int_eq(q->from_ns, T0 + 2 * NS_PER_H);
    ck_assert_str_eq(q->symbol, "AAAUSDTM");
    const struct corr_series before = in->hours;
    m.close = dec_int(-1);                              /* no price */
    fake_tell(a, risk_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &m);
    TEXT_COPY(m.tf, "1m");
    m.close = dec_int(7);
    fake_tell(a, risk_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &m);
    TEXT_COPY(m.symbol, "ZZZUSDTM");
    fake_tell(a, risk_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &m);
    ck_assert_mem_eq(&in->hours, &before, sizeof before);
    teardown();
}
END_TEST

START_TEST(an_order_that_fits_no_token_is_refused)
{
    setup();
    struct instrument *in = market_find(&r->market, "AAAUSDTM");
    in->terms.multiplier = dec_lit("1e-14");            /* lots by the million million ... */
    in->terms.max_qty = 0;
    for (int i = 0; i < 20; i++)
        in->bids[i].qty = in->asks[i].qty = INT64_C(1) << 56;
    in->terms.tick = dec_lit("1e-25");                  /* ... of a price of too many ticks */
    ck_assert_str_eq(ask_for("AAAUSDTM", 1), "BAD_DATA");
    const struct msg_risk_rejected *no = fake_heard(a, MSG_RISK_REJECTED, 0);
    ck_assert_ptr_nonnull(strstr(no->text, "token"));
    ck_assert_int_eq(r->books.rows_n, 0);
    struct msg_signal_generated m = signal_of("BBBUSDTM", 2);
    TEXT_COPY(m.signal_id, "not an id");
    fake_forget(a);
    fake_tell(a, risk_on_signal, AGENT_SIGNAL, MSG_SIGNAL_GENERATED, &m);
    ck_assert_uint_eq(a->n_said, 0);
    teardown();
}
END_TEST

START_TEST(a_configuration_that_contradicts_itself_ends_the_start)
{
    char why[CONFIG_WHY_MAX] = "";
    struct risk *t = calloc(1, sizeof *t);
    setup();
    struct agent *x = fake_new(t);
    fake_config(x, "entry_hours", "noon");
    ck_assert_int_eq(risk_init(x, why), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(why, "entry_hours"));
    fake_config(x, "entry_hours", "");
    fake_config(x, "primary_tf", "2w");
    ck_assert_int_eq(risk_init(x, why), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(why, "primary_tf"));
    fake_destroy(x);
    free(t);
    teardown();
}
END_TEST

START_TEST(another_configuration_counts_from_the_next_decision_on)
{
    setup();
    uint64_t hash = r->config_hash;
    fake_config(a, "max_open_positions", "3");
    fake_config(a, "max_heat_pct", "1.5");
    fake_config(a, "leverage", "2");
    risk_configured(a);
    ck_assert_int_eq(r->limits.max_positions, 3);
    ck_assert(dec_eq(r->limits.max_heat, dec_lit("0.015")));
    ck_assert_int_eq(r->leverage, 2);
    ck_assert_uint_ne(r->config_hash, hash);
    struct msg_signal_generated m = signal_of("AAAUSDTM", 1);
    ck_assert_str_eq(ask(&m), "OK");
    const struct msg_risk_approved *yes = fake_heard(a, MSG_RISK_APPROVED, 0);
    ck_assert_int_eq(yes->leverage, 2);
    struct token t;
    ck_assert_int_eq(token_decode(yes->token, TOKEN_BODY, &t), ERR_OK);
    ck_assert_uint_eq(t.config_hash, r->config_hash);
    teardown();
}
END_TEST

TESTS("risk", another_configuration_counts_from_the_next_decision_on, approves_with_everything_that_execution_needs, the_token_says_what_the_approval_says,
      the_key_is_made_once_and_must_be_private, a_signal_heard_twice_has_one_answer,
      what_is_old_late_or_not_among_the_best_is_refused, only_trading_lets_in,
      an_orchestrator_that_fell_silent_lets_nobody_in, a_market_unknown_closed_or_old_lets_nobody_in,
      nothing_is_entered_while_the_books_differ, books_that_stay_different_are_taken_from_execution,
      an_approval_holds_its_place_until_its_entry_ends,
      an_approval_that_execution_never_mentioned_is_void_long_after_its_end, unknown_correlation_counts_as_one,
      hourly_closes_part_what_moves_apart, the_days_drawdown_stops_everything_once,
      the_eleventh_loss_in_a_row_stops_everything, a_symbol_rests_after_its_exit,
      the_operator_pauses_one_symbol_or_strategy, recovers_its_books_and_its_answers_from_its_notes,
      a_snapshot_comes_back_whole_or_not_at_all, limits_are_the_configuration_in_fractions,
      a_restart_keeps_the_drawdown_the_loss_count_and_the_days_first_balance,
      the_seeds_literal_figures_at_50x_are_refused_as_a_configuration,
      bad_input_is_refused_by_name_and_for_its_symbol_alone, levels_of_less_than_a_lot_are_no_depth,
      hours_interval_and_positions_of_a_strategy_are_configured,
      the_lighthouse_asks_for_more_only_when_enabled_and_one_lighthouse_has_its_cap,
      trading_that_goes_wrong_asks_for_less_until_it_recovers_by_itself, self_healing_that_is_off_asks_for_no_less,
      a_pause_names_the_symbol_or_the_strategy,
      each_kind_of_fact_is_recovered_from_its_note_and_damaged_notes_are_errors,
      counts_what_it_answered_and_tells_its_own_view_of_the_positions,
      hours_that_are_missing_between_two_candles_are_asked_for, an_order_that_fits_no_token_is_refused,
      a_configuration_that_contradicts_itself_ends_the_start)
