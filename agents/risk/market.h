/* market - what risk sees of the market: contract terms, book, mark, hourly closes of each symbol.
 *
 * Ages are wall time.  Not kept: everything here is said again or asked again.   Pure, plain memory.
 */
#ifndef AGENTS_RISK_MARKET_H
#define AGENTS_RISK_MARKET_H

#include "libagent/core/corr.h"
#include "libagent/core/risk.h"
#include "proto/messages.h"

#define MARKET_SYMBOLS 64
#define MARKET_LEVELS  20

struct instrument {
    char name[20];
    bool known, tradable;
    struct contract_terms terms;
    struct book_level bids[MARKET_LEVELS], asks[MARKET_LEVELS];
    int32_t bid_count, ask_count;
    int64_t book_ns, mark_ns, ticker_ns;    /* wall, heard; 0: never */
    dec_t mark_px, funding;
    struct corr_series hours;
    bool hours_wanted;          /* more of them are to be asked */
    bool asking;                /* a page is awaited */
    int64_t hours_from_ns;
};

struct market {
    struct instrument instruments[MARKET_SYMBOLS];
    int n;
};

/* NULL: not configured. */
struct instrument *market_find(struct market *m, const char *symbol);
/* Terms that do not hold together (contract_valid) are not known. */
void market_contract(struct instrument *i, const struct msg_market_contract *m);
void market_book(struct instrument *i, const struct msg_market_book *m, int64_t now_ns);
/* Age of the older one of book and mark, in ms; -1 when one was never heard. */
int64_t market_age_ms(const struct instrument *i, int64_t now_ns);
/* NaN: unknown. */
double market_rho(const struct instrument *a, const struct instrument *b);

#endif
