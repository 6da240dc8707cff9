/* admin - what only tests and the operator may ask, on a port of its own:
 *
 *   GET  /admin/truth[?account=NAME]   {orders_ever, orders, fills, positions}: the complete history, oldest first;
 *        positions: the open ones (open true) and the closed ones.  Times in ns: *_ns of the
 *        server clock, market_ns and *_market_ns of the market clock.
 *   GET  /admin/open[?account=NAME]    the same without what is over: cheap after any number of orders
 *   POST /admin/contract  {"symbol": "XBTUSDTM" or "*", "status": "Open" | "Paused" | "CancelOnly"}
 *   GET  /admin/clock     {market_ns, server_ns, speed}: market = market_ns + speed x elapsed
 *   GET  /admin/stats     counters
 *   GET  /admin/faults    {faults: [{fault, on, bites, total, switched, does, ...}], script_left}: the whole
 *        list; bites since it was switched on last, total since the exchange started
 *   POST /admin/faults    {"fault": NAME, "on": true, "value", "match", "p", "count", "for_ms"}, or
 *        {"fault": NAME or "*", "on": false} (faults.h); answers as GET does
 *
 * Answers are plain JSON; errors {"error": text} with status 400, 404 or 405.
 */
#ifndef PAPER_ADMIN_H
#define PAPER_ADMIN_H

#include "deploy/paper/venue.h"
#include "libagent/exchange/jw.h"

/* The HTTP status; the answer's text is left in an initialised writer. */
int admin_answer(struct venue *v, const char *method, const char *target, const char *body,
                 size_t len, struct jw *ret);

#endif
