/* formula - the numbered trading formulas, corrected, in exact decimals.
 *
 * Units:   prices in quote currency per base unit; ROI in percent of margin (price move x leverage x 100);
 *          fees, rates, ATR of the day and distances as fractions; sizes in lots of `multiplier` base units.
 * Side:    +1 long (buy), -1 short (sell); anything else is a broken invariant (must).
 * Rounding: sizes down, costs up, protective prices as each function says; never silent.
 * Errors:  int functions return ERR_OK or a negative enum err; *ret is then untouched.
 * Threads: pure functions of their arguments.
 * Sources: F-0xx are the formulas of the seed's risk page in their corrected reading; margin and
 *          liquidation are the venue's isolated linear contract (kucoin-futures 11.4, 11.5).
 */
#ifndef CORE_FORMULA_H
#define CORE_FORMULA_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/dec.h"

#define FORMULA_LEVERAGE_MAX 125    /* of any contract of the venue */
#define FORMULA_ENTRY_LEVEL  9      /* entries rest at this level of their own side */
#define CONTRACT_TIERS_MAX   32

/* One step of the venue's risk limits, lowest first. */
struct contract_tier {
    dec_t   max_notional;           /* 0: no upper bound */
    dec_t   mmr;                    /* maintenance margin rate, fraction */
    int32_t max_leverage;
};

/* A linear contract, as the venue publishes it. */
struct contract_terms {
    dec_t   multiplier;             /* base units per lot */
    dec_t   tick;
    dec_t   maker_fee, taker_fee;
    dec_t   lfr;                    /* liquidation fee rate; the taker fee unless known better */
    int64_t lot;                    /* minimum and step of sizes */
    int64_t max_qty;                /* of one order; 0: no bound */
    int32_t tier_count;             /* at least 1 */
    struct contract_tier tier[CONTRACT_TIERS_MAX];
};

struct book_level {
    dec_t   price;
    int64_t qty;                    /* lots */
};

/* All fields positive and in their ranges, an order may have a lot, tiers ascending. */
bool contract_valid(const struct contract_terms *c);
/* The tier of a position of so much notional; NULL above the highest. */
const struct contract_tier *contract_tier_of(const struct contract_terms *c, dec_t notional);

/* qty x multiplier x price. */
dec_t formula_value(int64_t qty, dec_t multiplier, dec_t price);

/* F-001: floor(margin x L / price / multiplier / lot) x lot.  `margin` is money, not notional.
 * ERR_RANGE unless price, multiplier, lot and L are positive and margin is not negative. */
int formula_size(dec_t margin, int leverage, dec_t price, dec_t multiplier, int64_t lot, int64_t *ret);

/* F-006: (entry fee + exit fee) x L x 100 + buffer, in % ROI. */
dec_t formula_break_even_roi(dec_t entry_fee, dec_t exit_fee, int leverage, dec_t buffer_roi);

/* F-007 ... F-010: entry x (1 + side x roi / L / 100), unrounded: targets with a positive roi, stops with a
 * negative one.  L >= 1 (must). */
dec_t formula_roi_price(int side, dec_t entry, int leverage, dec_t roi);
/* 100 x L x distance / entry: a price distance as % ROI.  entry > 0, L >= 1 (must). */
dec_t formula_roi_of(dec_t distance, dec_t entry, int leverage);

/* F-011, F-012: isolated liquidation price, unrounded.
 * long entry (1 - 1/L) / (1 - mmr - lfr), short entry (1 + 1/L) / (1 + mmr + lfr).
 * ERR_RANGE unless entry > 0, L >= 1, rates >= 0 and mmr + lfr < 1. */
int formula_liquidation(int side, dec_t entry, int leverage, dec_t mmr, dec_t lfr, dec_t *ret);
/* entry (1 - side / L), unrounded. */
dec_t formula_bankruptcy(int side, dec_t entry, int leverage);
/* Largest whole leverage whose liquidation is at least `buffer` (fraction of the entry) away; 0: none.
 * ERR_RANGE for rates and buffers outside 0 ... 1. */
int formula_liquidation_leverage(int side, dec_t mmr, dec_t lfr, dec_t buffer, int *ret);

/* F-014, the staircase, in whole units of 0.01 % ROI. */
struct staircase {
    int64_t act, step, dist;        /* act >= 0, step >= 1, dist >= 0 */
};
/* act, step, dist as shares of that trade's SL_ROI (in %), each rounded down, step at least 1 unit. */
struct staircase formula_staircase(dec_t sl_roi, dec_t act, dec_t step, dec_t dist);
/* ROI of `price` in floored units, gross; kept within +-10^12. */
int64_t formula_roi_units(int side, dec_t entry, int leverage, dec_t price);
/* Stop that the staircase wants at roi_units: long entry (1 + (level - dist) / L / 100) rounded up to the
 * tick, short mirrored and rounded down, level = act + step floor((roi - act) / step).
 * False: not armed yet (*ret untouched). */
bool formula_staircase_stop(const struct staircase *s, int side, dec_t entry, int leverage, dec_t tick,
                            int64_t roi_units, dec_t *ret);

/* F-015: leverage tier of an ATR in percent: <= 0.3 100, <= 0.5 75, <= 1 50, <= 2 25, <= 3 10, else 5. */
int formula_tier_leverage(dec_t atr_pct);
/* floor(1 / (3 atr + mmr)) of the day's ATR as a fraction, at most FORMULA_LEVERAGE_MAX; 0 when none.
 * ERR_RANGE unless atr >= 0, mmr >= 0 and their sum > 0. */
int formula_volatility_leverage(dec_t atr, dec_t mmr, int *ret);
/* F-016: base x 100 / L, the ROI budget of a stop; never a share of equity. */
dec_t formula_inverse_leverage_roi(dec_t base_roi, int leverage);

/* Limit of an entry: the price of the 9th best level of its own side (bids for a buy).
 * ERR_EMPTY with fewer than nine levels. */
int formula_entry_price(const struct book_level *own_side, int n, dec_t *ret);
/* |limit - close| <= max x close; false when close is not positive. */
bool formula_slippage_ok(dec_t limit, dec_t close, dec_t max);

/* Initial stop: price -/+ max(atr_factor x atr, floor_fraction x price), to the tick away from the entry.
 * ERR_RANGE for a non-finite, zero or negative ATR, and for a stop that is not positive. */
int formula_stop_price(int side, dec_t price, double atr, dec_t atr_factor, dec_t floor_fraction, dec_t tick,
                       dec_t *ret);
/* entry + side x multiple x r, to the tick towards the entry (reached no later than the exact price). */
dec_t formula_target_price(int side, dec_t entry, dec_t r, dec_t multiple, dec_t tick);

/* Price of the stop at which costs are covered: with n base units open and `cost` paid for them so far
 * (entry fees, funding; negative when received) the exit at X, filled `slippage` worse and charged
 * `exit_fee`, nets 0.  Long rounded up, short down to the tick.
 * ERR_RANGE unless n > 0 and a positive price exists. */
int formula_break_even_price(int side, dec_t entry, dec_t units, dec_t cost, dec_t exit_fee, dec_t slippage,
                             dec_t tick, dec_t *ret);

/* Limit of an immediate-or-cancel exit of a position on `side`: the best opposite price -/+ slippage, to
 * the tick on the aggressive side.  ERR_RANGE when that is not positive. */
int formula_exit_limit(int side, dec_t best_bid, dec_t best_ask, dec_t slippage, dec_t tick, dec_t *ret);

#endif
