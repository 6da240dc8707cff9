/* Recorded trades and order books, played by the whole engine. */
#define TEST_TIMEOUT 120
#include "tests/runner.h"

#include <string.h>
#include <unistd.h>

#include "deploy/paper/engine.h"
#include "deploy/paper/l2.h"
#include "deploy/paper/replay.h"
#include "proto/err.h"
#include "proto/tm.h"

#define TRADES "../shared/data/trades/binance-um_BTCUSDT_2024-08-08_trades.csv.gz"
#define BOOK   "../shared/data/l2/binance-um_BTCUSDT_2024-08-08_l2.jsonl.gz"

#define ORDER_OWN 300100200000000000LL /* ids of clients' orders begin here */

static char msg[ENGINE_MSG_MAX];
static struct replay want;
static size_t told, differ, own;

static void on_trade(void *arg, int sym, const struct trade *t)
{
    (void)arg, (void)sym;
    if (t->maker_id > ORDER_OWN || t->taker_id > ORDER_OWN) {
        own++;
        return;
    }
    /* Times may be some ns later: several things happen in one millisecond, in their order. */
    while (told < want.n_trades && want.trades[told].ns + NS_PER_MS < t->market_ns)
        told++;
    size_t i = told;
    while (i < want.n_trades && want.trades[i].ns <= t->market_ns &&
           (want.trades[i].px != t->px || want.trades[i].lots < t->lots))
        i++;
    differ += i == want.n_trades || want.trades[i].ns > t->market_ns;
}

static bool missing(void)
{
    if (access(TRADES, R_OK) == 0 && access(BOOK, R_OK) == 0)
        return false;
    printf("no %s: skipped\n", TRADES);
    return true;
}

static struct engine *begin(const char *spec, const struct engine_events *events, int64_t t0)
{
    struct engine *e;
    struct engine_config c = {.market = spec, .seed = 1, .start_ns = t0, .events = events};
    ck_assert_msg(engine_open(&c, t0, &e, msg) == ERR_OK, "%s", msg);
    return e;
}

static int64_t place(struct engine *e, int account, enum side side, int64_t px, int64_t lots)
{
    static int n;
    char oid[24];
    int64_t id = 0;
    snprintf(oid, sizeof oid, "r-%d", n++);
    struct order_req q = {.account = account,
                          .symbol = "XBTUSDTM",
                          .cl_ord_id = oid,
                          .leverage = 5,
                          .side = side,
                          .lots = lots,
                          .type = px ? TYPE_LIMIT : TYPE_MARKET};
    if (px)
        q.price = contract_px(contract_get(0), px);
    ck_assert_msg(engine_place(e, &q, false, &id, msg) == 0, "%s", msg);
    return id;
}

START_TEST(the_book_is_the_recorded_one_at_every_change)
{
    if (missing())
        return;
    contracts_init();
    ck_assert_msg(replay_load(TRADES "+" BOOK, contract_get(0), &want, msg, sizeof msg) == ERR_OK,
                  "%s", msg);
    struct engine *e = begin("replay:XBTUSDTM=" TRADES "+" BOOK, NULL, want.book_ns[0] - NS_PER_S);
    struct level bids[REPLAY_LEVELS], asks[REPLAY_LEVELS], b[REPLAY_LEVELS], a[REPLAY_LEVELS];
    size_t equal = 0, checked = 0, fewest = SIZE_MAX;
    for (size_t i = 0; i < want.n_books; i++) {
        int64_t t = want.book_ns[i], sequence;
        size_t nb, na, mb = REPLAY_LEVELS, ma = REPLAY_LEVELS;
        ck_assert_int_eq(engine_advance(e, t, t), ERR_OK);
        if (!replay_book(&want, contract_get(0), t, bids, &nb, asks, &na))
            continue;
        engine_book(e, 0, b, &mb, a, &ma, &sequence);
        checked++;
        equal += mb == nb && ma == na && memcmp(b, bids, nb * sizeof *b) == 0 &&
                 memcmp(a, asks, na * sizeof *a) == 0;
        fewest = mb < fewest ? mb : fewest;
        fewest = ma < fewest ? ma : fewest;
    }
    printf("%zu books, %zu equal, fewest levels a side %zu\n", checked, equal, fewest);
    fflush(stdout);
    ck_assert(checked > 6000 && equal == checked && fewest >= 50);
    engine_close(e);
    replay_free(&want);
}
END_TEST

START_TEST(every_recorded_trade_is_printed_in_its_order_and_candles_are_made_of_them)
{
    if (missing())
        return;
    contracts_init();
    ck_assert_msg(replay_load(TRADES, contract_get(0), &want, msg, sizeof msg) == ERR_OK, "%s",
                  msg);
    const struct engine_events events = {.trade = on_trade};
    int64_t t0 = want.trades[0].ns - NS_PER_S, end = want.trades[want.n_trades - 1].ns + 1;
    struct engine *e = begin("replay:XBTUSDTM=" TRADES "+" BOOK, &events, t0);
    int a = engine_account(e, "a", dec_int(1000000));
    struct level bid, ask;
    int64_t sequence;
    told = differ = own = 0;
    for (int64_t t = t0, n = 0; t < end; t += NS_PER_S, n++) {
        ck_assert_int_eq(engine_advance(e, t, t), ERR_OK);
        size_t nb = 1, na = 1;
        engine_book(e, 0, &bid, &nb, &ask, &na, &sequence);
        if (n % 5 == 4) /* one that waits in the queue at the best price, one that takes */
            place(e, a, n % 10 == 4 ? SIDE_BUY : SIDE_SELL, n % 10 == 4 ? bid.px : ask.px, 5);
        if (n % 20 == 9)
            place(e, a, n % 40 == 9 ? SIDE_SELL : SIDE_BUY, 0, 5);
    }
    ck_assert_int_eq(engine_advance(e, end, end), ERR_OK);
    struct candle bars[16];
    size_t n = engine_candles(e, 0, 1, 0, INT64_MAX, true, false, bars, 16), bad = 0, makers = 0;
    for (size_t i = 0; i < n; i++) {
        struct bar w = replay_bar(&want, bars[i].start_ns / NS_PER_MIN);
        bad += w.open != bars[i].open || w.high != bars[i].high || w.low != bars[i].low ||
               w.close != bars[i].close || bars[i].lots < w.lots;
    }
    for (size_t i = 0; i < engine_n_fills(e); i++)
        makers += engine_fill_at(e, i)->liquidity == LIQ_MAKER;
    printf("%zu trades, %zu differ; %zu candles, %zu differ; %zu own fills, %zu of them waited\n",
           want.n_trades, differ, n, bad, engine_n_fills(e), makers);
    fflush(stdout);
    ck_assert(told + 100 >= want.n_trades && differ == 0 && n == want.n && n >= 6 && bad == 0 &&
              makers > 5 && own > 5);
    engine_close(e);
    replay_free(&want);
}
END_TEST

START_TEST(a_book_alone_prints_where_its_best_prices_moved)
{
    if (missing())
        return;
    contracts_init();
    ck_assert_int_eq(replay_load(BOOK, contract_get(0), &want, msg, sizeof msg), ERR_OK);
    printf("%zu moves, %zu books, %zu bars\n", want.n_trades, want.n_books, want.n);
    fflush(stdout);
    ck_assert(want.n_trades > 300 && want.n_books > 6000 && want.n >= 5);
    struct engine *e = begin("replay:XBTUSDTM=" BOOK, NULL, want.book_ns[0]);
    int64_t t = want.book_ns[want.n_books - 1];
    ck_assert_int_eq(engine_advance(e, t, t), ERR_OK);
    struct ticker k;
    engine_ticker(e, 0, &k);
    ck_assert(k.last.px > 0 && k.bid.px < k.ask.px && k.last.px <= k.ask.px + 50 &&
              k.last.px >= k.bid.px - 50);
    engine_close(e);
    replay_free(&want);
}
END_TEST

static int load(const char *text, const char *suffix)
{
    char path[64] = "/tmp/recorded-XXXXXX.jsonl";
    snprintf(path, sizeof path, "/tmp/recorded-XXXXXX%s", suffix);
    int fd = mkstemps(path, (int)strlen(suffix));
    ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    contracts_init();
    int err = replay_load(path, contract_get(0), &want, msg, sizeof msg);
    if (err == ERR_OK)
        replay_free(&want);
    unlink(path);
    return err;
}

#define HEAD "ts_ms,side,price,size\n"
START_TEST(damaged_trades_and_books_are_refused_with_the_line)
{
    ck_assert_int_eq(load(HEAD "60000,buy,100.1,0.5\n60000,sell,100.1,0.0001\n", ".csv"), ERR_OK);
    ck_assert_int_eq(load(HEAD, ".csv"), ERR_EMPTY);
    ck_assert_int_eq(load(HEAD "60000,buy,100.1,0.5\n59999,buy,100.1,0.5\n", ".csv"), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(msg, ":3: earlier"));
    ck_assert_int_eq(load(HEAD "60000,both,100.1,0.5\n", ".csv"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "60000,buy,-100.1,0.5\n", ".csv"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "60000,buy,nan,0.5\n", ".csv"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "60000,buy,100.1,0\n", ".csv"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "60000,buy,100.1\n", ".csv"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "60000,buy,100.1,1,2\n", ".csv"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "1e9,buy,100.1,1\n", ".csv"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "99999999999999999999,buy,100.1,1\n", ".csv"), ERR_SYNTAX);
    ck_assert_int_eq(load("{\"type\":\"delta\",\"last_id\":1}\n", ".jsonl"), ERR_EMPTY);
    ck_assert_int_eq(load("no\n", ".jsonl"), ERR_SYNTAX);
    if (!missing())     /* of another day */
        ck_assert_int_eq(replay_load(BOOK "+" TRADES, contract_get(0), &want, msg, sizeof msg),
                         ERR_SYNTAX);
}
END_TEST

TESTS("recorded", the_book_is_the_recorded_one_at_every_change,
      every_recorded_trade_is_printed_in_its_order_and_candles_are_made_of_them,
      a_book_alone_prints_where_its_best_prices_moved,
      damaged_trades_and_books_are_refused_with_the_line)
