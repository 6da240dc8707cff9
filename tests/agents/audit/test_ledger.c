/* What the ledger counts, and from when on. */
#include "tests/runner.h"

#include <string.h>

#include "agents/audit/ledger.h"
#include "proto/text.h"

static struct ledger l;
static struct msg_summary sum;

static void add(enum msg type, int64_t at_ns)
{
    static char nothing[1 << 16];
    ck_assert_uint_le(msg_defs[type].size, sizeof nothing);
    ledger_add(&l, type, nothing, at_ns);
}

static void reject(const char *reason, int64_t at_ns)
{
    struct msg_risk_rejected m = {.symbol = "AAAUSDTM"};
    TEXT_COPY(m.reason, reason);
    ledger_add(&l, MSG_RISK_REJECTED, &m, at_ns);
}

static void open_position(const char *symbol)
{
    struct msg_position_opened m = {.position.qty = 1};
    TEXT_COPY(m.position.symbol, symbol);
    ledger_add(&l, MSG_POSITION_OPENED, &m, 1);
}

static void close_position(const char *symbol, const char *net, const char *fees, int64_t at_ns)
{
    struct msg_position_closed m = {.position = {.net_pnl = dec_lit(net), .fees = dec_lit(fees)}};
    TEXT_COPY(m.position.symbol, symbol);
    ledger_add(&l, MSG_POSITION_CLOSED, &m, at_ns);
}

static int64_t rejections(const char *reason)
{
    for (size_t i = 0; i < sum.rejections_n; i++)
        if (strcmp(sum.rejections[i].name, reason) == 0)
            return sum.rejections[i].count;
    return 0;
}

START_TEST(counts_each_kind_by_itself)
{
    for (int i = 0; i < 7; i++)
        add(MSG_SIGNAL_GENERATED, 1);
    for (int i = 0; i < 6; i++)
        add(MSG_RISK_APPROVED, 1);
    for (int i = 0; i < 5; i++)
        add(MSG_ORDER_PLACED, 1);
    for (int i = 0; i < 4; i++)
        add(MSG_ORDER_FILLED, 1);
    for (int i = 0; i < 3; i++)
        open_position("AAAUSDTM");
    close_position("AAAUSDTM", "1.5", "0.25", 1);
    close_position("AAAUSDTM", "-0.5", "0.125", 1);
    ledger_broken(&l, 1);
    ledger_sum(&l, 0, &sum);
    ck_assert_int_eq(sum.signals, 7);
    ck_assert_int_eq(sum.approved, 6);
    ck_assert_int_eq(sum.orders_placed, 5);
    ck_assert_int_eq(sum.fills, 4);
    ck_assert_int_eq(sum.positions_opened, 3);
    ck_assert_int_eq(sum.positions_closed, 2);
    ck_assert_int_eq(sum.wins, 1);
    ck_assert_int_eq(sum.invariants_broken, 1);
    ck_assert(dec_eq(sum.net_pnl, dec_int(1)));
    ck_assert(dec_eq(sum.fees, dec_lit("0.375")));
    ck_assert_uint_eq(sum.rejections_n, 0);
    ledger_fini(&l);
}
END_TEST

START_TEST(counts_nothing_else)
{
    static const enum msg counted[] = {
        MSG_SIGNAL_GENERATED, MSG_RISK_APPROVED, MSG_RISK_REJECTED, MSG_ORDER_PLACED, MSG_ORDER_FILLED,
        MSG_POSITION_OPENED, MSG_POSITION_CLOSED, MSG_ACCOUNT_UPDATED,
    };
    for (int type = 0; type < MSG_COUNT; type++) {
        bool counts = false;
        for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
            counts = counts || type == (int)counted[i];
        if (!counts)
            add((enum msg)type, 1);
    }
    ck_assert_uint_eq(l.n, 0);
    ck_assert(!l.account_known);
    ledger_sum(&l, 0, &sum);
    ck_assert(sum.signals == 0 && sum.fills == 0 && dec_is_zero(sum.net_pnl));
    ledger_fini(&l);
}
END_TEST

START_TEST(counts_rejections_by_reason_up_to_the_lists_bound)
{
    reject("SPREAD", 1);
    reject("RANK", 2);
    reject("SPREAD", 3);
    reject("LIQUIDATION_BUFFER", 4);            /* the longest of them */
    ledger_sum(&l, 0, &sum);
    ck_assert_uint_eq(sum.rejections_n, 3);
    ck_assert_int_eq(rejections("SPREAD"), 2);
    ck_assert_int_eq(rejections("RANK"), 1);
    ck_assert_int_eq(rejections("LIQUIDATION_BUFFER"), 1);
    ledger_sum(&l, 3, &sum);
    ck_assert_int_eq(rejections("SPREAD"), 1);
    ck_assert_int_eq(rejections("RANK"), 0);
    for (int i = 0; i < 60; i++) {
        char reason[16];
        snprintf(reason, sizeof reason, "REASON_%d", i);
        reject(reason, 10);
    }
    ledger_sum(&l, 10, &sum);
    ck_assert_uint_eq(sum.rejections_n, sizeof sum.rejections / sizeof sum.rejections[0]);
    ck_assert_int_eq(rejections("REASON_0"), 1);
    ledger_fini(&l);
}
END_TEST

START_TEST(every_reason_of_risk_fits)
{
    static const char *const reasons[] = {
#define RISK_REASON(name, text) #name,
#include "libagent/core/risk_reason.def"
#undef RISK_REASON
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        reject(reasons[i], 1);
        ck_assert_str_eq(l.entries[i].reason, reasons[i]);
    }
    ledger_fini(&l);
}
END_TEST

START_TEST(sums_from_the_very_instant_on)
{
    add(MSG_ORDER_FILLED, 99);
    add(MSG_ORDER_FILLED, 100);
    add(MSG_ORDER_FILLED, 101);
    close_position("AAAUSDTM", "-5", "1", 99);
    close_position("AAAUSDTM", "3", "1", 100);
    ledger_broken(&l, 99);
    ledger_sum(&l, 100, &sum);
    ck_assert_int_eq(sum.fills, 2);
    ck_assert_int_eq(sum.positions_closed, 1);
    ck_assert_int_eq(sum.invariants_broken, 0);
    ck_assert(dec_eq(sum.net_pnl, dec_int(3)));
    ledger_sum(&l, 102, &sum);
    ck_assert_int_eq(sum.fills, 0);
    ledger_fini(&l);
}
END_TEST

START_TEST(a_loss_counts_in_a_row_until_a_win_and_nothing_gained_is_a_loss)
{
    close_position("AAAUSDTM", "-1", "0", 1);
    close_position("BBBUSDTM", "0", "0", 2);
    ck_assert_int_eq(l.losses, 2);
    close_position("AAAUSDTM", "0.0000001", "0", 3);
    ck_assert_int_eq(l.losses, 0);
    close_position("AAAUSDTM", "-0.0000001", "0", 4);
    ck_assert_int_eq(l.losses, 1);
    ledger_sum(&l, 0, &sum);
    ck_assert_int_eq(sum.wins, 1);
    ledger_fini(&l);
}
END_TEST

START_TEST(only_a_resume_of_everything_forgets_losses_in_a_row)
{
    struct msg_operator_command m = {.verb = VERB_PAUSE};
    close_position("AAAUSDTM", "-1", "0", 1);
    ledger_add(&l, MSG_OPERATOR_COMMAND, &m, 2);
    m.verb = VERB_RESUME;
    TEXT_COPY(m.symbol, "AAAUSDTM");
    ledger_add(&l, MSG_OPERATOR_COMMAND, &m, 3);
    ck_assert_int_eq(l.losses, 1);
    m.symbol[0] = '\0';
    ledger_add(&l, MSG_OPERATOR_COMMAND, &m, 4);
    ck_assert_int_eq(l.losses, 0);
    ledger_fini(&l);
}
END_TEST

START_TEST(knows_the_open_positions_by_symbol)
{
    open_position("AAAUSDTM");
    open_position("BBBUSDTM");
    open_position("AAAUSDTM");                  /* the same, said anew */
    ck_assert_uint_eq(ledger_open(&l), 2);
    close_position("CCCUSDTM", "1", "0", 2);    /* never opened */
    ck_assert_uint_eq(ledger_open(&l), 2);
    close_position("AAAUSDTM", "1", "0", 2);
    ck_assert_uint_eq(ledger_open(&l), 1);
    for (int i = 0; i < LEDGER_POSITIONS + 5; i++) {
        char symbol[20];
        snprintf(symbol, sizeof symbol, "S%dUSDTM", i);
        open_position(symbol);
    }
    ck_assert_uint_eq(ledger_open(&l), LEDGER_POSITIONS);
    ledger_fini(&l);
}
END_TEST

START_TEST(folds_its_oldest_half_away_when_it_is_full)
{
    for (int i = 0; i < LEDGER_MAX + 1; i++)
        add(MSG_ORDER_FILLED, i);
    ck_assert_uint_eq(l.n, LEDGER_MAX / 2 + 1);
    ck_assert_int_eq(l.entries[0].said_ns, LEDGER_MAX / 2);
    ck_assert_int_eq(l.entries[l.n - 1].said_ns, LEDGER_MAX);
    ledger_sum(&l, LEDGER_MAX / 2, &sum);
    ck_assert_int_eq(sum.fills, LEDGER_MAX / 2 + 1);
    ledger_fini(&l);
}
END_TEST

TESTS("ledger", counts_each_kind_by_itself, counts_nothing_else, counts_rejections_by_reason_up_to_the_lists_bound,
      every_reason_of_risk_fits, sums_from_the_very_instant_on,
      a_loss_counts_in_a_row_until_a_win_and_nothing_gained_is_a_loss,
      only_a_resume_of_everything_forgets_losses_in_a_row, knows_the_open_positions_by_symbol,
      folds_its_oldest_half_away_when_it_is_full)
