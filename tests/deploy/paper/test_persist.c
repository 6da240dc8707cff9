#define TEST_TIMEOUT 120
#include "tests/runner.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/paper/engine.h"
#include "deploy/paper/persist.h"
#include "proto/err.h"

#define T0 1763700000000000000LL

static char msg[ENGINE_MSG_MAX], dir[64], path[100];

static void make_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/paper-XXXXXX");
    ck_assert(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/engine.log", dir);
}

static void remove_dir(void)
{
    char name[120];
    unlink(path);
    snprintf(name, sizeof name, "%s/engine.clock", dir);
    unlink(name);
    ck_assert_int_eq(rmdir(dir), 0);
}

static int sum, count;
static int add(void *arg, uint32_t type, const void *data, size_t size)
{
    int v;
    (void)arg;
    ck_assert(type == 7 && size == sizeof v);
    memcpy(&v, data, sizeof v);
    sum += v;
    count++;
    return ERR_OK;
}

START_TEST(a_log_cut_at_any_byte_keeps_whole_frames_only)
{
    make_dir();
    struct persist *p;
    ck_assert_int_eq(persist_open(dir, add, NULL, &p), ERR_OK);
    for (int i = 1; i <= 6; i++) {      /* frames of two records that belong together */
        int pair[2] = {i, -i};
        persist_put(p, 7, &pair[0], sizeof(int));
        persist_put(p, 7, &pair[1], sizeof(int));
        persist_commit(p);
    }
    size_t size = persist_size(p), frame = size / 6;
    persist_close(p);
    for (size_t cut = size; cut-- > 0;) {
        ck_assert_int_eq(truncate(path, (off_t)cut), 0);
        sum = count = 0;
        ck_assert_int_eq(persist_open(dir, add, NULL, &p), ERR_OK);
        ck_assert_int_eq(sum, 0);
        ck_assert_uint_eq((size_t)count, cut / frame * 2);
        persist_close(p);
        ck_assert_int_eq(truncate(path, (off_t)cut), 0);
    }
    remove_dir();
}
END_TEST

static struct engine *open_engine(uint64_t seed)
{
    struct engine_config c = {.dir = dir, .market = "synthetic", .symbols = "XBTUSDTM",
                              .seed = seed, .start_ns = T0};
    struct engine *e = NULL;
    int err = engine_open(&c, T0, &e, msg);
    return err == ERR_OK ? e : NULL;
}

static void trade(struct engine *e, int n, int64_t from)
{
    for (int i = 0; i < n; i++) {
        char oid[24];
        snprintf(oid, sizeof oid, "p-%lld-%d", (long long)from, i);
        engine_advance(e, from + (i + 1) * 900000000LL, T0 + i);
        struct ticker t;
        engine_ticker(e, 0, &t);
        struct order_req q = {.symbol = "XBTUSDTM", .cl_ord_id = oid, .leverage = 5, .lots = 3 + i % 4,
                              .side = i % 3 ? SIDE_BUY : SIDE_SELL,
                              .price = contract_px(contract_get(0), t.bid.px + (i % 7 - 3) * 20)};
        if (i % 5 == 0)
            q.down_px = contract_px(contract_get(0), t.bid.px - 3000);
        int64_t id;
        engine_place(e, &q, false, &id, msg);
    }
}

/* Cash follows from the fills, and every active order is in the book or among the stops. */
static void check(struct engine *e)
{
    if (engine_accounts(e) == 0)
        return;
    dec_t flow = dec_zero(), lots = dec_zero();
    for (size_t i = 0; i < engine_n_fills(e); i++) {
        const struct fill *f = engine_fill_at(e, i);
        flow = dec_sub(flow, f->fee);
        flow = f->side > 0 ? dec_sub(flow, f->value) : dec_add(flow, f->value);
        lots = dec_add(lots, dec_int(f->side * f->lots));
        ck_assert(engine_order(e, f->order_id) != NULL);
    }
    struct position_view v;
    engine_position(e, 0, 0, &v);
    const struct account *a = engine_account_get(e, 0);
    ck_assert(dec_eq(dec_sub(a->cash, a->deposits), dec_add(flow, v.cost)));
    ck_assert(dec_eq(lots, dec_int(v.qty)));
    struct level bid[200], ask[200];
    size_t nb = 200, na = 200;
    int64_t seq;
    engine_book(e, 0, bid, &nb, ask, &na, &seq);
    ck_assert(nb > 50 && na > 50 && bid[0].px < ask[0].px);
}

START_TEST(a_killed_engine_loses_nothing_acknowledged)
{
    make_dir();
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct engine *e = open_engine(1);
        engine_account(e, "a", dec_int(10000));
        trade(e, 300, T0);
        size_t told[2] = {engine_n_orders(e), engine_n_fills(e)};
        int64_t now = engine_market_ns(e);
        if (write(pipes[1], told, sizeof told) < 0 || write(pipes[1], &now, sizeof now) < 0)
            _exit(1);
        pause();
    }
    size_t told[2];
    int64_t now;
    ck_assert(read(pipes[0], told, sizeof told) == (ssize_t)sizeof told);
    ck_assert(read(pipes[0], &now, sizeof now) == (ssize_t)sizeof now);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct engine *e = open_engine(1);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(engine_n_orders(e), told[0]);
    ck_assert_uint_eq(engine_n_fills(e), told[1]);
    ck_assert(told[1] > 20);
    ck_assert_int_eq(engine_market_ns(e), now);
    check(e);
    trade(e, 50, now);
    check(e);
    engine_close(e);
    ck_assert(open_engine(2) == NULL && strstr(msg, "seed") != NULL);
    remove_dir();
}
END_TEST

START_TEST(state_cut_anywhere_is_consistent)
{
    make_dir();
    struct engine *e = open_engine(1);
    engine_account(e, "a", dec_int(10000));
    trade(e, 60, T0);
    engine_close(e);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    int opened = 0;
    for (off_t cut = st.st_size; cut > 2000; cut -= 811) {
        ck_assert_int_eq(truncate(path, cut), 0);
        e = open_engine(1);
        ck_assert_ptr_nonnull(e);
        check(e);
        engine_close(e);
        opened++;
    }
    printf("%d cuts\n", opened);
    ck_assert_int_gt(opened, 20);
    remove_dir();
}
END_TEST

START_TEST(the_market_after_a_restart_is_the_same_market)
{
    make_dir();
    struct engine *e = open_engine(8);
    engine_advance(e, T0 + 400 * NS_PER_S, T0);
    engine_close(e);
    e = open_engine(8);
    engine_advance(e, T0 + 4000 * NS_PER_S, T0);
    struct candle a[60], b[60];
    size_t n = engine_candles(e, 0, 1, T0, INT64_MAX, false, false, a, 60);
    engine_close(e);
    remove_dir();
    make_dir();
    e = open_engine(8);
    engine_advance(e, T0 + 4000 * NS_PER_S, T0);
    ck_assert_uint_eq(engine_candles(e, 0, 1, T0, INT64_MAX, false, false, b, 60), n);
    ck_assert_int_eq(memcmp(a, b, n * sizeof a[0]), 0);
    engine_close(e);
    remove_dir();
}
END_TEST

TESTS("persist", a_log_cut_at_any_byte_keeps_whole_frames_only,
      a_killed_engine_loses_nothing_acknowledged, state_cut_anywhere_is_consistent,
      the_market_after_a_restart_is_the_same_market)
