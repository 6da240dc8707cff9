/* gamma - how much the traded universe moves together, and what follows from it.
 *
 * Gamma(t), the causal Kuramoto order parameter (Kuramoto 1984; complex demodulation instead of
 * a Hilbert transform, whose edge effect sits at the newest bar).  For symbol i with log returns
 * r_i of 1 h bars, P = 24, W = 2P:
 *     w_k = (1 - cos(2 pi (k + 1/2) / W)) / 2                       k = 0 ... W-1
 *     z_i = sum_k w_k r_i(t-k) exp(-j 2 pi k / P),   u_i = z_i / |z_i|
 *     Gamma exp(j psi) = mean of u_i,                 g_i = Gamma cos(phase_i - psi)
 * Bars are put together by their time, never by their row: a symbol takes part at t only with
 * all W+1 closes up to t, and |z_i| >= 1e-12.  Fewer than 4 that take part: not valid, Gamma 0.
 *
 * t is the newest hour that any symbol has.  Within GAMMA_GRACE of market time after its end the
 * hour before is used while a symbol that had that one still misses the new one; a whole hour
 * and the grace later, nothing is fresh any more.
 *
 * Lighthouse: on at Gamma >= 0.99, off below 0.95 or when not valid.
 * kappa = 1 + 1.73 clip((Gamma - 0.90) / 0.09, 0, 1), 1 when not valid.
 * CASCADE in 1 ... 10: win x 1.15 (1 + 0.5 clip(pnl, 0, 1)), loss x 0.95,
 *   c <- 1 + (c-1) 0.999^(dt / 5 s) of market time.  For status and ranking ties, not size.
 *
 * It is no evidence of an edge: entries are gated by g_i, and the lighthouse's multiplier is a
 * request that is off unless enabled and that every limit can lower.
 *
 * Output: finite.  The order of the symbols changes no bit of Gamma.
 * Memory: a plain structure without pointers; may be saved as bytes and restored by the same build.
 * Threads: pure functions.
 */
#ifndef CORE_GAMMA_H
#define CORE_GAMMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/core/candle.h"

#define GAMMA_VERSION     1
#define GAMMA_SYMBOLS_MAX 64
#define GAMMA_SYMBOLS_MIN 4
#define GAMMA_P           24
#define GAMMA_W           (2 * GAMMA_P)
#define GAMMA_CLOSES      (GAMMA_W + 2)     /* the hour before the newest is kept whole, too */
#define GAMMA_TF_NS       INT64_C(3600000000000)
#define GAMMA_GRACE_NS    INT64_C(60000000000)
#define GAMMA_Z_MIN       1e-12
#define GAMMA_ON          0.99
#define GAMMA_OFF         0.95
#define GAMMA_MULTIPLIER  2.73
#define GAMMA_MIN_G       0.35
#define CASCADE_MAX       10.0

struct gamma_symbol {
    int64_t hour[GAMMA_CLOSES];         /* start / 1 h of the bar at [hour % GAMMA_CLOSES] */
    double  log_close[GAMMA_CLOSES];
    int64_t newest;                     /* hour; -1: none */
    double  phase, g;                   /* at the hour evaluated; 0 while stale */
    int32_t fresh;                      /* takes part */
    int32_t unused;
};

struct gamma {
    uint32_t version, size;
    int32_t  symbols;                   /* configured */
    int32_t  fresh;                     /* that take part */
    int32_t  valid;
    int32_t  lighthouse;
    int64_t  hour;                      /* evaluated; -1: none */
    double   value, psi, kappa;         /* value 0 when not valid */
    double   strength;                  /* of the lighthouse, 0 ... 1 */
    double   cascade;
    int64_t  cascade_ns;                /* market time of its last update */
    struct gamma_symbol symbol[GAMMA_SYMBOLS_MAX];
};

enum gamma_gate { GAMMA_PASS, GAMMA_ABSTAIN, GAMMA_STALE, GAMMA_LOW, GAMMA_GATE_COUNT };
/* "PASS", "ABSTAIN", "GAMMA_STALE", "GAMMA_LOW"; "?" for what is none.  Static. */
const char *gamma_gate_name(enum gamma_gate g);

/* symbols 0 ... GAMMA_SYMBOLS_MAX, numbered by the caller; ERR_RANGE otherwise. */
int gamma_init(struct gamma *m, int symbols, int64_t now_ns);

/* A closed 1 h bar of symbol i.  CANDLE_OK, CANDLE_GAP (used), or why it was not used: bars may
 * come in any order within the last GAMMA_CLOSES hours, one with a start that is already there
 * replaces it. */
enum candle_verdict gamma_bar(struct gamma *m, int i, const struct candle *c);

/* Evaluate at market time now_ns: Gamma, psi, kappa, phases, lighthouse, and CASCADE's decay.
 * True when the lighthouse was switched. */
bool gamma_update(struct gamma *m, int64_t now_ns);

/* A closed trade, net of costs, as a fraction of its margin; 0 counts as a loss. */
void gamma_trade(struct gamma *m, int64_t now_ns, double pnl_fraction);

/* May symbol i be entered , on either side? */
enum gamma_gate gamma_gate(const struct gamma *m, int i, double min_g);

/* The requested factor on size: 2.73 while the lighthouse is on, it is enabled and there is no
 * emergency; else 1. */
double gamma_multiplier(const struct gamma *m, bool enabled, bool emergency);

/* Bytes saved from a struct gamma.  ERR_TRUNCATED, ERR_VERSION; *m is then untouched. */
int gamma_restore(struct gamma *m, const void *bytes, size_t len);

#endif
