#define TEST_TIMEOUT 120
#include "tests/runner.h"

#include <string.h>
#include <unistd.h>

#include "deploy/paper/engine.h"
#include "deploy/paper/replay.h"
#include "proto/err.h"

#define DATA "../shared/data/candles/"

static char msg[ENGINE_MSG_MAX];
static struct replay want;
static size_t told, differ;

static void on_candle(void *arg, int sym, const struct candle *c, bool closed)
{
    (void)arg, (void)sym;
    if (!closed)
        return;
    struct bar b = replay_bar(&want, c->start_ns / NS_PER_MIN);
    told++;
    differ += b.open != c->open || b.high != c->high || b.low != c->low || b.close != c->close;
}

/* Plays [first + 3 h, ...] of the file with an account that trades all the time. */
static void play(const char *symbol, const char *path, size_t minutes)
{
    if (access(path, R_OK) != 0) {
        printf("no %s: skipped\n", path);
        return;
    }
    contracts_init();
    int sym = contract_find(symbol);
    ck_assert_int_eq(replay_load(path, contract_get(sym), &want, msg, sizeof msg), ERR_OK);
    char spec[400];
    snprintf(spec, sizeof spec, "replay:%s=%s", symbol, path);
    struct engine_events ev = {.candle = on_candle};
    int64_t t0 = (want.bars[0].minute + 180) * NS_PER_MIN;
    if (minutes > want.n - 181)
        minutes = want.n - 181;
    struct engine_config c = {.market = spec, .seed = 1, .start_ns = t0, .events = &ev};
    struct engine *e;
    ck_assert_msg(engine_open(&c, t0, &e, msg) == ERR_OK, "%s", msg);
    int a = engine_account(e, "a", dec_int(1000000));
    told = differ = 0;
    int64_t id, end = t0 + (int64_t)minutes * NS_PER_MIN;
    int n = 0;
    for (int64_t t = t0; t < end; t += 7 * NS_PER_S) {
        ck_assert_int_eq(engine_advance(e, t, t), ERR_OK);
        if (n++ % 40)
            continue;
        char oid[24];
        snprintf(oid, sizeof oid, "r-%d", n);
        struct order_req q = {.account = a, .symbol = symbol, .cl_ord_id = oid, .leverage = 3,
                              .side = n % 80 < 40 ? SIDE_BUY : SIDE_SELL, .lots = 30,
                              .type = TYPE_MARKET};
        engine_place(e, &q, false, &id, msg);
    }
    struct candle *bars = calloc(minutes + 2, sizeof *bars);
    size_t got = engine_candles(e, sym, 1, t0, end, false, false, bars, minutes + 1), bad = 0;
    for (size_t i = 0; i < got; i++) {
        struct bar b = replay_bar(&want, bars[i].start_ns / NS_PER_MIN);
        bad += b.open != bars[i].open || b.high != bars[i].high || b.low != bars[i].low ||
               b.close != bars[i].close;
    }
    printf("%s: %zu candles told, %zu differ; %zu asked, %zu differ; %zu own fills\n", symbol, told,
           differ, got, bad, engine_n_fills(e));
    ck_assert(differ == 0 && bad == 0 && told + 3 >= minutes && engine_n_fills(e) > 10);
    free(bars);
    engine_close(e);
    replay_free(&want);
}

START_TEST(every_bitcoin_minute_equals_its_row)
{
    play("XBTUSDTM", DATA "binance-spot_BTCUSDT_1m_2024-07_2024-08.csv.gz", 1000000);
}
END_TEST

START_TEST(every_ether_minute_equals_its_row)
{
    play("ETHUSDTM", DATA "binance-spot_ETHUSDT_1m_2024-07_2024-08.csv.gz", 1000000);
}
END_TEST

static int load(const char *text)
{
    char path[] = "/tmp/replay-XXXXXX";
    int fd = mkstemp(path);
    ck_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    contracts_init();
    int err = replay_load(path, contract_get(0), &want, msg, sizeof msg);
    if (err == ERR_OK)
        replay_free(&want);
    unlink(path);
    return err;
}

#define HEAD "ts_ms,open,high,low,close,volume\n"
START_TEST(damaged_files_are_refused_with_the_line)
{
    ck_assert_int_eq(load(HEAD "60000,1,2,1,1.5,3\n"), ERR_OK);
    ck_assert_int_eq(load("time,o\n"), ERR_SYNTAX);
    ck_assert(strstr(msg, ":1: header") != NULL);
    ck_assert_int_eq(load(HEAD "60000,1,2,1,1.5,3\n60000,1,2,1,1.5,3\n"), ERR_SYNTAX);
    ck_assert(strstr(msg, ":3: start equals that of the bar before (DUPLICATE)") != NULL);
    ck_assert_int_eq(load(HEAD "60000,1,2,1,x,3\n"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "60000,1,2,1,1.5\n"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "60001,1,2,1,1.5,3\n"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "60000,3,2,1,1.5,3\n"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD "60000,1,2,-1,1.5,3\n"), ERR_SYNTAX);
    ck_assert_int_eq(load(HEAD), ERR_EMPTY);
}
END_TEST

TESTS("replay", every_bitcoin_minute_equals_its_row, every_ether_minute_equals_its_row,
      damaged_files_are_refused_with_the_line)
