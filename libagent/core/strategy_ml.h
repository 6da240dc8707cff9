/* strategy_ml - the nine features of the ML-confirmed trend rule: what its model is trained and
 * asked on.
 *
 * AutoTrader's indicators, scale-free so that symbols may share a model; c is the close:
 *     0-3  SMA(n)/c - 1 of n = 5, 20, 50, 200
 *     4,5  sample standard deviation of the last 5, 20 returns c/c' - 1
 *     6    RSI(14) with simple means, / 100; 0.5 without any change (in this place alone: elsewhere
 *          RSI is Wilder's)
 *     7,8  MACD(12, 26, 9): line / c, signal / c
 * Output:  finite; ready from bar ML_READY_BARS on.
 * Memory, threads: as in ta.h.
 */
#ifndef CORE_STRATEGY_ML_H
#define CORE_STRATEGY_ML_H

#include "libagent/core/ta.h"

enum { ML_SMA_5, ML_SMA_20, ML_SMA_50, ML_SMA_200, ML_DEV_5, ML_DEV_20, ML_RSI, ML_MACD, ML_SIGNAL,
       ML_FEATURES };

#define ML_READY_BARS 200
#define ML_RSI_N      14

struct ml_features {
    struct ta_mean sma[4];      /* 5, 20, 50, 200 */
    struct ta_dev  dev[2];      /* 5, 20 */
    struct ta_mean gain, loss;
    struct ta_macd macd;
    double prev;                /* close of the bar before; 0: none */
    double sma_win[5 + 20 + 50 + 200];
    double dev_win[5 + 20];
    double gain_win[ML_RSI_N], loss_win[ML_RSI_N];
};
void ml_features_init(struct ml_features *f);
/* One good close.  True when ready; x is written then only. */
bool ml_features_push(struct ml_features *f, double close, double x[ML_FEATURES]);

#endif
