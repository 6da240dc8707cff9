/* body - the bodies of the requests that have one, each written one way only.
 *
 * The signer writes what it signs itself, from these parameters, and there is no parameter that makes a REDUCE open
 * anything.  The rest of execution writes the same bytes for the request that it sends; body_read gives the
 * parameters of such bytes: it writes them again and compares, whatever a parser might make of odd JSON.
 *
 * ENTRY     an st-order: a resting limit order that brings the triggers of its position, on the last price: always
 *           its stop, and its second target where that rule is on
 * REDUCE    an order that only reduces: at a limit (IOC), at market, or at market once its trigger is reached
 * ISOLATED  isolated margin for a symbol;  ONE_WAY: one position per symbol
 *
 * Errors:  ERR_SYNTAX for a body that body_write does not give.   Threads: pure functions.
 */
#ifndef AGENTS_EXECUTION_BODY_H
#define AGENTS_EXECUTION_BODY_H

#include "libagent/exchange/jw.h"
#include "proto/enums.h"

#define ENTRY_TARGET    "/api/v1/st-orders"
#define REDUCE_TARGET   "/api/v1/orders"
#define ISOLATED_TARGET "/api/v2/position/changeMarginMode"
#define ONE_WAY_TARGET  "/api/v2/position/switchPositionMode"

enum body_kind { BODY_NONE, BODY_ENTRY, BODY_REDUCE, BODY_ISOLATED, BODY_ONE_WAY, BODY_KINDS };

struct body {
    enum body_kind kind;
    char cl_ord_id[40], symbol[24];
    enum side side;
    int64_t leverage, qty;          /* qty 0 of a REDUCE: all that is held */
    dec_t price;                    /* 0 of a REDUCE: at market */
    dec_t up_px, down_px;           /* triggers: above and below; 0: none; of a REDUCE one at most, then no price */
};

/* Every member may be anything that another process sent: ids and symbols of letters, digits, '-' and '_' only,
 * numbers that are none negative, nothing that contradicts itself. */
bool body_valid(const struct body *b);
/* Nothing at all for what is not valid, and for NONE. */
void body_write(const struct body *b, struct jw *w);
int  body_read(const char *target, const void *text, size_t len, struct body *ret);

#endif
