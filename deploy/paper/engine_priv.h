/* engine_priv - what engine.c (clock, market, queries, state on disk) and orders.c (orders, fills,
 * positions) share.  Nobody else includes it. */
#ifndef PAPER_ENGINE_PRIV_H
#define PAPER_ENGINE_PRIV_H

#include "deploy/paper/account.h"
#include "deploy/paper/book.h"
#include "deploy/paper/engine.h"
#include "deploy/paper/market.h"
#include "deploy/paper/persist.h"

#define TAPE 100
#define ORDER_ID_BASE 300100200000000000LL
#define TELL(e, handler, ...)                                                                      \
    do {                                                                                           \
        if ((e)->ev.handler)                                                                       \
            (e)->ev.handler((e)->ev.arg, __VA_ARGS__);                                             \
    } while (0)

enum record { R_INIT = 1, R_HEAD, R_ACCOUNT, R_ORDER, R_FILL, R_POSITION, R_CLOSED, R_FUNDING,
              R_STATUS };

struct init_record { uint32_t version, zero; uint64_t seed; int64_t start_ns; char market[1024]; };
struct head_record { int64_t market_ns, next_trade, next_row; };
struct account_record { int32_t account, zero; struct account a; };
struct position_record { int32_t account, sym; struct position p; };
struct status_record { int32_t sym, status; };

struct sym {
    const struct contract *c;
    bool listed;
    int32_t status;
    struct book book;
    struct print prints[PRINTS_MAX];    /* of the running minute */
    int n_prints, next_print;
    struct candle cur;                  /* the running minute's bar so far; lots 0: none yet */
    int64_t extra;                      /* lots in it that are not the market's own */
    struct candle told;                 /* last candle event; lots 0: none open */
    struct trade tape[TAPE];
    uint64_t n_tape;
    int64_t last_px;
    double premium;                     /* smoothed, USDT */
    dec_t live_rate;                    /* of a fed market: the next funding, as told */
    int64_t mark_u, index_u;            /* in index ticks; 0: not known yet */
    struct level top[2];
    struct order **stops;               /* untriggered */
    size_t n_stops, cap_stops;
};

struct private_event {
    enum { P_ORDER, P_STOP, P_SETTLEMENT } kind;
    int what;
    struct order order;
    struct fill fill;
    bool has_fill, ok;
    int64_t old_lots;
    char error[ENGINE_MSG_MAX];
    struct funding_row row;
};

/* A growing array: VEC(struct fill) fills; vec_push(fills, x). */
#define VEC(type) struct { type *at; size_t n, cap; }
#define vec_push(v, x)                                                                             \
    do {                                                                                           \
        if ((v).n == (v).cap) {                                                                    \
            (v).cap = (v).cap ? (v).cap * 2 : 64;                                                  \
            (v).at = realloc((v).at, (v).cap * sizeof *(v).at);                                    \
            must((v).at != NULL);                                                                  \
        }                                                                                          \
        (v).at[(v).n++] = (x);                                                                     \
    } while (0)

struct engine {
    struct engine_events ev;
    struct market market;
    struct sym syms[CONTRACTS_MAX];
    int64_t start_ns, now_ns, server_ns;    /* market start, market now, wall now */
    int64_t next_second;                    /* of market time */
    bool oid_ever, loading;
    struct margin_rule rule;
    struct account accounts[ENGINE_ACCOUNTS_MAX];
    int n_accounts;
    struct position positions[ENGINE_ACCOUNTS_MAX][CONTRACTS_MAX];
    VEC(struct order *) orders;             /* id = ORDER_ID_BASE + index */
    struct { uint32_t *at; size_t n, used; } oids;  /* by account and clientOid: index + 1, 0 empty */
    VEC(struct fill) fills;
    VEC(struct closed_position) closed;
    VEC(struct funding_row) funding;
    int64_t next_trade, next_row;
    /* the operation under way */
    VEC(struct private_event) queue;
    VEC(struct order *) dirty;
    bool wallet_dirty[ENGINE_ACCOUNTS_MAX];
    int position_dirty[ENGINE_ACCOUNTS_MAX][CONTRACTS_MAX]; /* 1 + reason */
    struct persist *log;
    int64_t last_sync_ns;
    size_t rewritten;               /* size of the log when it was last rewritten */
    struct init_record init;
};

/* engine.c */
void engine_commit(struct engine *e);   /* what the operation changed to the log, then its events */
void engine_put(struct engine *e, uint32_t type, const void *p, size_t n);
dec_t engine_mark_px(const struct sym *s);
dec_t engine_running_rate(const struct engine *e, int sym); /* the last settled one; 0 where no rule asks */
void engine_top(struct engine *e, int sym);
void engine_touch(struct engine *e, struct order *o);
void engine_index_oid(struct engine *e, const struct order *o); /* it has its account and clientOid now */
/* A trade on the public tape; ids 0: the background's. */
void engine_print(struct engine *e, int sym, int64_t trade_id, int side, int64_t px, int64_t lots,
                  int64_t maker, int64_t taker, bool own);

/* orders.c */
void orders_market(struct engine *e, int sym, int64_t px, int64_t lots);    /* a market print */
void orders_stops(struct engine *e, int sym);   /* trigger what is due */
void orders_liquidate(struct engine *e, int sym);
void orders_fund(struct engine *e, int sym, dec_t rate, int64_t t_ns);
void orders_restore(struct engine *e);          /* active ones into books and stop lists */

#endif
