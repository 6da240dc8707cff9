#include <string.h>

#include "agents/execution/answers.h"
#include "agents/execution/books.h"
#include "proto/err.h"
#include "proto/text.h"
#include "tests/runner.h"

static struct books books;
static struct trade *trade;

static struct exec_order *order(enum leg leg, int n, int64_t qty)
{
    struct exec_order *o = books_order_new(&books);
    token_cl_ord_id(trade->approval, leg, n, o->o.cl_ord_id);
    TEXT_COPY(o->o.approval_id, trade->approval_id);
    TEXT_COPY(o->o.symbol, trade->p.symbol);
    o->o.leg = leg;
    o->o.qty = qty;
    return o;
}

static void fresh(void)
{
    books_init(&books);
    trade = books_trade_new(&books);
    TEXT_COPY(trade->approval_id, "11111111-1111-4111-8111-111111111111");
    TEXT_COPY(trade->p.symbol, "XBTUSDTM");
    trade->p.leverage = 2;
    trade->p.decision_px = dec_int(100);
}

static struct fill_said fill(int side, int64_t qty, int px)
{
    return (struct fill_said){side, qty, dec_int(px), dec_scaled(1, -1), dec_scaled(1, -3)};
}

START_TEST(an_order_goes_only_where_its_table_says)
{
    static const struct { enum ord_status from; enum order_event event; enum ord_status to; } may[] = {
        {STATUS_INTENT, EV_ACKED, STATUS_NEW}, {STATUS_INTENT, EV_REFUSED, STATUS_REJECTED},
        {STATUS_INTENT, EV_NOT_SENT, STATUS_DEAD}, {STATUS_INTENT, EV_LOST, STATUS_UNKNOWN},
        {STATUS_UNKNOWN, EV_ACKED, STATUS_NEW}, {STATUS_UNKNOWN, EV_ABSENT, STATUS_DEAD},
        {STATUS_NEW, EV_FILL, STATUS_PARTIAL}, {STATUS_NEW, EV_EXPIRED, STATUS_EXPIRED},
        {STATUS_PARTIAL, EV_FULL, STATUS_FILLED}, {STATUS_PARTIAL, EV_CANCELLED, STATUS_CANCELLED},
        {STATUS_CANCELLED, EV_FILL, STATUS_CANCELLED}, {STATUS_CANCELLED, EV_FULL, STATUS_FILLED},
    };
    enum ord_status to = STATUS_COUNT;
    for (size_t i = 0; i < sizeof may / sizeof may[0]; i++) {
        ck_assert_int_eq(order_next(may[i].from, may[i].event, &to), ERR_OK);
        ck_assert_int_eq(to, may[i].to);
    }
    static const struct { enum ord_status from; enum order_event event; } never[] = {
        {STATUS_UNKNOWN, EV_REFUSED}, {STATUS_UNKNOWN, EV_NOT_SENT}, {STATUS_NEW, EV_ABSENT},
        {STATUS_NEW, EV_REFUSED}, {STATUS_NEW, EV_LOST}, {STATUS_PARTIAL, EV_ABSENT}, {STATUS_FILLED, EV_CANCELLED},
        {STATUS_FILLED, EV_ACKED}, {STATUS_CANCELLED, EV_ACKED}, {STATUS_REJECTED, EV_LOST},
    };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        to = STATUS_COUNT;
        ck_assert_int_eq(order_next(never[i].from, never[i].event, &to), ERR_WRONG_STATE);
        ck_assert_int_eq(to, STATUS_COUNT);
    }
}
END_TEST

/* Every state and every event: A acked R refused N not sent L lost B absent F fill U full C cancelled E expired. */
START_TEST(every_pair_of_state_and_event_is_as_written_here)
{
    static const char names[STATUS_COUNT] = {
        [STATUS_INTENT] = 'I', [STATUS_UNKNOWN] = '?', [STATUS_NEW] = 'N', [STATUS_PARTIAL] = 'P',
        [STATUS_FILLED] = 'F', [STATUS_CANCELLED] = 'C', [STATUS_EXPIRED] = 'E', [STATUS_REJECTED] = 'R',
        [STATUS_DEAD] = 'D',
    };
    static const char *const table[STATUS_COUNT] = {
        /*                    ARNLBFUCE */
        [STATUS_INTENT]    = "NRD?-PFCE", [STATUS_UNKNOWN]   = "N--?DPFCE", [STATUS_NEW]       = "N----PFCE",
        [STATUS_PARTIAL]   = "P----PFCE", [STATUS_FILLED]    = "-----FF--", [STATUS_CANCELLED] = "-----CF--",
        [STATUS_EXPIRED]   = "-----EF--", [STATUS_REJECTED]  = "N----PF--", [STATUS_DEAD]      = "N----PF--",
        [STATUS_NOT_SENT]  = "---------",       /* no order of ours is ever in it */
    };
    for (int from = 0; from < STATUS_COUNT; from++)
        for (int event = 0; event < EV_COUNT; event++) {
            enum ord_status to = STATUS_COUNT;
            int err = order_next((enum ord_status)from, (enum order_event)event, &to);
            char is = err == ERR_OK ? names[to] : '-';
            ck_assert_msg(is == table[from][event], "state %d, event %d: %c", from, event, is);
        }
}
END_TEST

START_TEST(a_fill_told_twice_counts_once)
{
    fresh();
    uint64_t a = books_key("fill", "1", "2"), b = books_key("fill", "12", "");
    ck_assert_uint_ne(a, b);
    ck_assert(!books_seen(&books, a));
    books_see(&books, a);
    ck_assert(books_seen(&books, a));
    ck_assert(!books_seen(&books, b));
    for (int i = 0; i < BOOKS_SEEN; i++)
        books_see(&books, b);
    ck_assert(!books_seen(&books, a));      /* bounded: the oldest goes */
}
END_TEST

START_TEST(fills_make_the_position_its_averages_and_its_net)
{
    fresh();
    struct exec_order *entry = order(LEG_ENTRY, 1, 4);
    struct fill_said f = fill(1, 1, 101);
    ck_assert_int_eq(books_fill(trade, entry, &f), ERR_OK);
    ck_assert_int_eq(entry->o.status, STATUS_PARTIAL);
    f = fill(1, 3, 105);
    ck_assert_int_eq(books_fill(trade, entry, &f), ERR_OK);
    ck_assert_int_eq(entry->o.status, STATUS_FILLED);
    ck_assert(dec_eq(entry->o.avg_px, dec_int(104)));
    ck_assert(dec_eq(trade->p.entry_px, dec_int(104)));
    ck_assert(dec_eq(trade->p.slippage, dec_lit("0.016")));     /* (104 - 100) x 4 x 0.001 */
    ck_assert(dec_eq(trade->p.margin, dec_lit("0.208")));       /* 0.416 / 2 */
    struct exec_order *exit_ = order(LEG_EXIT, 1, 4);
    f = fill(-1, 4, 114);
    ck_assert_int_eq(books_fill(trade, exit_, &f), ERR_OK);
    ck_assert_int_eq(trade->p.qty, 0);
    ck_assert_int_eq(trade->p.max_qty, 4);
    ck_assert(dec_eq(trade->p.gross_pnl, dec_lit("0.04")));
    ck_assert(dec_eq(trade->p.net_pnl, dec_lit("-0.26")));      /* three fees of 0.1 */
}
END_TEST

START_TEST(a_fill_larger_than_the_position_is_refused_whole)
{
    fresh();
    struct exec_order *entry = order(LEG_ENTRY, 1, 2), *exit_ = order(LEG_EXIT, 1, 3);
    struct fill_said f = fill(1, 2, 100);
    ck_assert_int_eq(books_fill(trade, entry, &f), ERR_OK);
    f = fill(-1, 3, 100);
    ck_assert_int_eq(books_fill(trade, exit_, &f), ERR_RANGE);
    ck_assert_int_eq(exit_->o.cum_qty, 0);
    ck_assert_int_eq(trade->p.qty, 2);
}
END_TEST

START_TEST(there_are_so_many_trades_and_not_one_more)
{
    fresh();
    for (int i = 1; i < BOOKS_TRADES; i++)
        TEXT_COPY(books_trade_new(&books)->p.symbol, "ETHUSDTM");
    ck_assert_ptr_null(books_trade_new(&books));
}
END_TEST

START_TEST(the_newest_resting_stop_protects)
{
    fresh();
    ck_assert_ptr_null(books_stop(&books, trade));
    struct exec_order *first = order(LEG_STOP, 1, 0), *second = order(LEG_STOP, 2, 0);
    ck_assert_ptr_null(books_stop(&books, trade));              /* intents do not rest */
    ck_assert_int_eq(books_event(first, EV_ACKED), ERR_OK);
    ck_assert_ptr_eq(books_stop(&books, trade), first);
    ck_assert_int_eq(books_event(second, EV_ACKED), ERR_OK);
    ck_assert_ptr_eq(books_stop(&books, trade), second);
    second->venue_done = 2;
    ck_assert_ptr_eq(books_stop(&books, trade), first);
    ck_assert_int_eq(books_event(first, EV_CANCELLED), ERR_OK);
    ck_assert_ptr_null(books_stop(&books, trade));
}
END_TEST

START_TEST(orders_of_a_living_trade_keep_their_slots)
{
    fresh();
    struct exec_order *first = order(LEG_EXIT, 1, 1);
    (void)books_event(first, EV_REFUSED);
    for (int i = 0; i < 3 * BOOKS_ORDERS; i++) {
        struct exec_order *o = books_order_new(&books);
        ck_assert_ptr_nonnull(o);
        ck_assert_ptr_ne(o, first);
        snprintf(o->o.cl_ord_id, sizeof o->o.cl_ord_id, "done-%d", i);
        o->o.status = STATUS_FILLED;
        o->sent_ns = i;
    }
    ck_assert_ptr_null(books_order(&books, "done-0"));          /* the oldest gave way */
    ck_assert_ptr_nonnull(books_order(&books, "done-767"));
}
END_TEST

START_TEST(books_of_another_build_are_refused)
{
    static struct books other;
    fresh();
    ck_assert_int_eq(books_restore(&other, &books, sizeof books - 1), ERR_TRUNCATED);
    books.version++;
    ck_assert_int_eq(books_restore(&other, &books, sizeof books), ERR_VERSION);
    books.version--;
    ck_assert_int_eq(books_restore(&other, &books, sizeof books), ERR_OK);
    ck_assert_ptr_nonnull(books_trade(&other, "XBTUSDTM"));
}
END_TEST

START_TEST(books_are_restored_from_wherever_the_record_lies)
{
    static struct books other;
    static _Alignas(16) char record[sizeof books + 16];
    fresh();
    for (int off = 0; off < 16; off++) {
        memcpy(record + off, &books, sizeof books);
        ck_assert_int_eq(books_restore(&other, record + off, sizeof books), ERR_OK);
        ck_assert_mem_eq(&other, &books, sizeof books);
    }
}
END_TEST

START_TEST(each_answer_proves_what_its_row_says)
{
    static const struct { enum venue_outcome outcome; int status; const char *code; enum answer_proof proof; } rows[] = {
        {VENUE_OK, 200, "200000", PROOF_DONE}, {VENUE_NOT_SENT, 0, "", PROOF_NOT_SENT},
        {VENUE_BROKEN, 0, "", PROOF_NOT_SENT}, {VENUE_UNKNOWN, 0, "", PROOF_UNKNOWN},
        {VENUE_UNKNOWN, 502, "", PROOF_UNKNOWN}, {VENUE_REFUSED, 500, "500000", PROOF_UNKNOWN},
        {VENUE_REFUSED, 429, "429000", PROOF_UNKNOWN}, {VENUE_REFUSED, 200, "300018", PROOF_UNKNOWN},
        {VENUE_REFUSED, 200, "200002", PROOF_UNKNOWN}, {VENUE_REFUSED, 200, "999999", PROOF_UNKNOWN},
        {VENUE_REFUSED, 200, "100001", PROOF_ABSENT}, {VENUE_REFUSED, 200, "100004", PROOF_ABSENT},
        {VENUE_REFUSED, 200, "300009", PROOF_FLAT},
    };
    static const char *const refusals[] = {"100000", "100003", "100005", "200003", "200005", "300000", "300001",
        "300002", "300003", "300004", "300005", "300006", "300007", "300008", "300011", "300012", "300013", "300014",
        "300015", "300016", "330005", "330008", "330011", "330012", "126042", "400100", "404000", "415000"};
    static const char *const keys[] = {"400001", "400002", "400003", "400004", "400005", "400006", "400007",
        "400008", "400009", "411100"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_int_eq(answer_proof(rows[i].outcome, rows[i].status, rows[i].code), rows[i].proof);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        ck_assert_int_eq(answer_proof(VENUE_REFUSED, 200, refusals[i]), PROOF_REFUSED);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ck_assert_int_eq(answer_proof(VENUE_REFUSED, 401, keys[i]), PROOF_KEY);
}
END_TEST

TESTS("execution books", an_order_goes_only_where_its_table_says, every_pair_of_state_and_event_is_as_written_here,
      there_are_so_many_trades_and_not_one_more, a_fill_told_twice_counts_once,
      fills_make_the_position_its_averages_and_its_net, a_fill_larger_than_the_position_is_refused_whole,
      the_newest_resting_stop_protects, orders_of_a_living_trade_keep_their_slots,
      books_of_another_build_are_refused, books_are_restored_from_wherever_the_record_lies, each_answer_proves_what_its_row_says)
