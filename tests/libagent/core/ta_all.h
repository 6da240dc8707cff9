/* ta_all - every indicator of ta.h and ta_strategy.h side by side, for tests that hold for all.
 * One block of bytes without pointers, as an agent would save it. */
#ifndef TESTS_TA_ALL_H
#define TESTS_TA_ALL_H

#include <string.h>

#include "libagent/core/ta_strategy.h"

#define ALL_COLUMNS(C)                                                                             \
    C(RSI, 1) C(MACD, 3) C(WILLR, 1) C(AO, 1) C(STOCH, 2) C(BBANDS, 3) C(KDJ, 3) C(OBV, 1)         \
    C(ATR, 1) C(EMA9, 1) C(EMA21, 1) C(EMA50, 1) C(EMA200, 1)                                      \
    C(SMA30, 1) C(DEV20, 2) C(DI14, 2) C(ADX14, 3) C(SUPERTREND, 2) C(DONCHIAN20, 3) C(VWAP, 2)    \
    C(HV20, 1)
enum all_column {
#define C(name, outputs) ALL_##name,
    ALL_COLUMNS(C)
#undef C
    ALL_COUNT
};
static const char *const all_names[] = {
#define C(name, outputs) #name,
    ALL_COLUMNS(C)
#undef C
};
static const int all_outputs[] = {
#define C(name, outputs) outputs,
    ALL_COLUMNS(C)
#undef C
};

struct all {
    struct ta            ta;
    struct ta_mean       sma;
    struct ta_dev        dev;
    struct ta_di         di;
    struct ta_adx        adx;
    struct ta_supertrend supertrend;
    struct ta_range      donchian;
    struct ta_vwap       vwap;
    struct ta_hv         hv;
    double sma_win[30], dev_win[20], donchian_win[TA_RANGE_WIN(20)], hv_win[20];
};

static inline void all_init(struct all *a, int64_t tf_ns)
{
    memset(a, 0, sizeof *a);
    ta_init(&a->ta);
    ta_mean_init(&a->sma, 30);
    ta_dev_init(&a->dev, 20);
    ta_di_init(&a->di, 14);
    ta_adx_init(&a->adx, 14);
    ta_supertrend_init(&a->supertrend, 10, 3);
    ta_range_init(&a->donchian, a->donchian_win, 20);
    ta_vwap_init(&a->vwap);
    ta_hv_init(&a->hv, 20, tf_ns);
}

static inline void all_push(struct all *a, const struct candle *c, struct ta_value v[ALL_COUNT])
{
    struct ta_bar b;
    double hh, ll;

    ta_push(&a->ta, c, &b);
    v[ALL_RSI] = b.rsi;
    v[ALL_MACD] = b.macd;
    v[ALL_WILLR] = b.willr;
    v[ALL_AO] = b.ao;
    v[ALL_STOCH] = b.stoch;
    v[ALL_BBANDS] = b.bb;
    v[ALL_KDJ] = b.kdj;
    v[ALL_OBV] = b.obv;
    v[ALL_ATR] = b.atr;
    for (int i = 0; i < TA_EMA_COUNT; i++)
        v[ALL_EMA9 + i] = b.ema[i];
    v[ALL_SMA30] = ta_mean_push(&a->sma, a->sma_win, c->close);
    v[ALL_DEV20] = ta_dev_push(&a->dev, a->dev_win, c->close);
    v[ALL_DI14] = ta_di_push(&a->di, c->high, c->low, c->close);
    v[ALL_ADX14] = ta_adx_push(&a->adx, c->high, c->low, c->close);
    v[ALL_SUPERTREND] = ta_supertrend_push(&a->supertrend, c->high, c->low, c->close);
    const bool ready = ta_range_push(&a->donchian, a->donchian_win, c->high, c->low, &hh, &ll);
    v[ALL_DONCHIAN20] = ta_donchian(ready, hh, ll);
    v[ALL_VWAP] = ta_vwap_push(&a->vwap, c);
    v[ALL_HV20] = ta_hv_push(&a->hv, a->hv_win, c->close);
}

static inline bool all_same(const struct ta_value *a, const struct ta_value *b)
{
    return memcmp(a->v, b->v, sizeof a->v) == 0 && a->ready == b->ready && a->valid == b->valid;
}

#endif
