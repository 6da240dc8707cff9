/* entry - the body of an entry order, written one way only.
 *
 * Execution writes it, the signer reads it back, writes it again and compares the bytes: so what is signed
 * is what was checked, whatever a parser might make of odd JSON.
 *
 * An st-order: a resting limit order that brings the triggers of its position, on the last price: always its stop,
 * and its second target where that rule is on.
 * Errors:  ERR_SYNTAX for a body that entry_write does not give.   Threads: pure functions.
 */
#ifndef AGENTS_EXECUTION_ENTRY_H
#define AGENTS_EXECUTION_ENTRY_H

#include "libagent/exchange/jw.h"
#include "proto/enums.h"

#define ENTRY_TARGET "/api/v1/st-orders"

struct entry_request {
    char cl_ord_id[40], symbol[24];
    enum side side;
    int64_t leverage, qty;
    dec_t price, up_px, down_px;    /* triggers: above and below; 0: none */
};

void entry_write(const struct entry_request *r, struct jw *w);
int  entry_read(const void *body, size_t len, struct entry_request *ret);

#endif
