/* exchange - the real paper exchange in the test's own process: its engine and its REST, without sockets, on a
 * clock that the test moves.  It stands apart because its names and those of execution's books are alike.
 *
 * Clock: wall_ns() and mono_now() of the whole program are exchange_now_ns.
 */
#ifndef TESTS_FAILPOINT_EXCHANGE_H
#define TESTS_FAILPOINT_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/dec.h"

#define EXCHANGE_SYMBOL "XBTUSDTM"

extern int64_t exchange_now_ns;

struct exchange_headers {
    const char *key, *sign, *timestamp, *passphrase, *version;
};

/* What the exchange itself knows of an order. */
struct exchange_order {
    int64_t id;
    char oid[48];
    bool bought, closes, stops, losing, active;     /* losing: a trigger on the losing side */
    int64_t lots, filled, leverage;
    dec_t price;
};

struct exchange_fill {
    int64_t trade_id, order_id, lots;
    bool bought;
};

void exchange_open(bool remembers_ids);
/* Time passes; what is due in the market happens. */
void exchange_pass_ms(int64_t ms);
/* A request as it arrives; the answer's text, to be freed. */
char *exchange_request(const char *method, const char *target, const char *body, const struct exchange_headers *h,
                       int *ret_status);
/* The same by a second client with the same key: somebody at the venue's screen.  False: refused. */
bool exchange_by_hand(const char *method, const char *target, const char *body);

/* What our key may from now on, as words of the venue's list. */
void exchange_key_may(const char *permission);

extern const char exchange_key[], exchange_secret[], exchange_passphrase[];

size_t exchange_orders(void);
void   exchange_order_at(size_t i, struct exchange_order *ret);
size_t exchange_fills(void);
void   exchange_fill_at(size_t i, struct exchange_fill *ret);
int64_t exchange_position(void);                    /* signed lots */
void   exchange_prices(dec_t *bid, dec_t *ask, dec_t *last);

/* The next private push, as the text of its data; subject is orderChange or stopOrder.  False: none waits. */
bool exchange_push(const char **subject, char *ret, size_t size);

#endif
