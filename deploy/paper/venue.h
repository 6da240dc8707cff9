/* venue - the paper exchange as its clients meet it: engine, clocks, keys, limits, pushes.
 *
 * Times on the wire: what happened in the market (trades, candles, funding, fills' tradeTime) carries
 * market time; the book, marks, orders, wallets and requests carry the server's wall time.  At speed 1
 * from now the two are equal.
 *
 * Memory:  venue_init borrows the engine; the caller closes it.  Threads: one.
 */
#ifndef PAPER_VENUE_H
#define PAPER_VENUE_H

#include <stdbool.h>
#include <stdint.h>

#include "deploy/paper/apikeys.h"
#include "deploy/paper/engine.h"
#include "deploy/paper/mclock.h"
#include "deploy/paper/pools.h"

#define BOOK_SHOWN 1024         /* levels of one side in a snapshot */
#define TOKEN_MAX 64
#define USER_ID_MAX 25

enum pool_kind { POOL_PUBLIC, POOL_FUTURES, POOL_MANAGEMENT, POOL_KINDS };

struct push;
struct gate;

struct venue {
    struct engine *engine;
    struct mclock clock;
    struct apikeys keys;
    struct pool pools[POOL_KINDS][ENGINE_ACCOUNTS_MAX];
    int cross_leverage[ENGINE_ACCOUNTS_MAX][CONTRACTS_MAX];
    struct push *push;
    struct gate *gate;          /* NULL: no faults */
    int64_t skew_ns;            /* of the server clock, while a request with that fault is done */
    int64_t lag_ns;             /* queries show orders as they were so long ago; set as skew_ns is */
    bool lagged;                /* ... and one was another then */
    char ws_url[64];            /* what bullet answers: ws://127.0.0.1:PORT/ */
    uint8_t token_key[32];      /* of this process: tokens end with it */
    void (*wake)(void *arg);    /* the market's next event may come earlier now; may be NULL */
    void *wake_arg;
    int64_t started_ns;
    int64_t requests, refused, limited;     /* REST calls; with an error code; 429 among them */
};

/* keys and engine are set by the caller; the clock goes on where the engine's market stands. */
void venue_init(struct venue *v, struct engine *e, double speed, const char *ws_url);
/* Play what is due; what reads or changes the market comes after it. */
int venue_advance(struct venue *v);
int64_t venue_market_ns(const struct venue *v);
/* The server clock as clients are told it. */
int64_t venue_server_ns(const struct venue *v);

/* A bullet token: account (-1 public) and end, sealed.  venue_token_open: ERR_AUTH not ours,
 * ERR_TIMEOUT expired. */
void venue_token(const struct venue *v, int account, char ret[TOKEN_MAX]);
int venue_token_open(const struct venue *v, const char *token, int *ret_account);
/* 24 hexadecimal digits, the same for an account's name everywhere. */
void venue_user_id(const struct venue *v, int account, char ret[USER_ID_MAX]);

#endif
