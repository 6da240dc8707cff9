/* A day of the whole synthetic exchange, as its public events tell it. */
#define TEST_TIMEOUT 300
#include "tests/runner.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "deploy/paper/engine.h"
#include "proto/err.h"

#define T0         1763683200000000000LL /* a midnight */
#define DAY_S      86400
#define TRADES_MAX 400000
#define LAGS       10

static struct tape {
    int n;
    int8_t *side; /* [TRADES_MAX] */
    int64_t last_ms;
    int joined; /* in the millisecond of the one before */
    double gap_sum, gap_sum2;
    double move2; /* of minutes */
    int64_t minute_px;
} tapes[CONTRACTS_MAX];

static void on_trade(void *arg, int sym, const struct trade *t)
{
    (void)arg;
    struct tape *p = &tapes[sym];
    int64_t ms = t->market_ns / 1000000;
    if (p->n > 0) {
        double gap = (double)(ms - p->last_ms) / 1000;
        p->joined += ms == p->last_ms;
        p->gap_sum += gap;
        p->gap_sum2 += gap * gap;
    }
    p->last_ms = ms;
    ck_assert_int_lt(p->n, TRADES_MAX);
    p->side[p->n++] = t->side;
}

static double side_acf(const struct tape *p, int lag)
{
    double m = 0, xy = 0, xx = 0;
    for (int i = 0; i < p->n; i++)
        m += (double)p->side[i] / p->n;
    for (int i = 0; i < p->n; i++) {
        xx += (p->side[i] - m) * (p->side[i] - m);
        if (i >= lag)
            xy += (p->side[i] - m) * (p->side[i - lag] - m);
    }
    return xy / xx;
}

/* Levels a side, and whether best bid < best ask. */
static size_t levels(const struct engine *e, int sym)
{
    struct level bid[200], ask[200];
    size_t nb = 200, na = 200;
    int64_t sequence;
    engine_book(e, sym, bid, &nb, ask, &na, &sequence);
    ck_assert(nb > 0 && na > 0 && bid[0].px < ask[0].px);
    return nb < na ? nb : na;
}

START_TEST(a_day_has_deep_books_and_takers_in_clusters)
{
    const struct engine_events events = {.trade = on_trade};
    struct engine_config c = {.market = "synthetic", .seed = 1, .start_ns = T0, .events = &events};
    struct engine *e;
    char msg[ENGINE_MSG_MAX];
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        tapes[k].side = calloc(TRADES_MAX, 1);
        ck_assert_ptr_nonnull(tapes[k].side);
    }
    ck_assert_msg(engine_open(&c, T0, &e, msg) == ERR_OK, "%s", msg);
    size_t fewest = SIZE_MAX;
    for (int64_t s = 1; s <= DAY_S; s++) {
        int64_t t = T0 + s * NS_PER_S;
        ck_assert_int_eq(engine_advance(e, t, t), ERR_OK);
        for (int k = 0; k < CONTRACTS_MAX && s % 60 == 30; k++) {
            size_t n = levels(e, k);
            fewest = n < fewest ? n : fewest;
        }
    }
    printf("%-10s %8s %8s %10s %9s %9s %8s %8s\n", "contract", "trades", "per s", "same ms %",
           "side acf1", "acf10", "buys %", "gap cv");
    printf("%-10s %8s %8s %10s %9s %9s %8s %8s\n", "recorded", "", "", "20-75", "0.21-0.79",
           "0.17-0.58", "45-53", "1.4-3.4");
    int buys, outside = 0;
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        struct tape *p = &tapes[k];
        buys = 0;
        for (int i = 0; i < p->n; i++)
            buys += p->side[i] > 0;
        double same = 100.0 * p->joined / p->n, a1 = side_acf(p, 1), a10 = side_acf(p, LAGS);
        double gap = p->gap_sum / p->n, cv = sqrt(p->gap_sum2 / p->n - gap * gap) / gap;
        double buy = 100.0 * buys / p->n;
        printf("%-10s %8d %8.2f %10.1f %9.2f %9.2f %8.1f %8.2f\n", contract_get(k)->symbol, p->n,
               (double)p->n / DAY_S, same, a1, a10, buy, cv);
        outside += same < 20 || same > 75 || a1 < 0.21 || a1 > 0.79 || a10 < 0.17 || a10 > 0.58 ||
                   buy < 45 || buy > 55 || cv < 1.4 || cv > 3.4;
        free(p->side);
    }
    printf("fewest levels a side: %zu\n", fewest);
    fflush(stdout); /* what fails is told too */
    engine_close(e);
    ck_assert_int_eq(outside, 0);
    ck_assert_uint_ge(fewest, 50);
}
END_TEST

TESTS("market_day", a_day_has_deep_books_and_takers_in_clusters)
