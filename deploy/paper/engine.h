/* engine - the paper exchange without its network: market, books, matching, accounts, history.
 *
 * Driven by two clocks given as arguments (market: candles, trades, funding; server: the wall).
 * engine_advance() plays everything due up to market_now; the calls below act at the time of the
 * last advance, so advance first.  Same seed, same calls, same answers.
 *
 * Units:   prices whole ticks, sizes whole lots (contracts.h); money dec_t USDT; times ns UTC.
 * Events:  through struct engine_events, from inside advance and the calls.  Public events come as
 *          they happen; private ones after their effect is in the log (write()), before the call
 *          returns.  Handlers must not call functions of the engine that change it.  Pointers are
 *          valid during the handler only.
 * Errors:  engine_open: negative enum err and a text.  Requests: 0 or the venue's positive code
 *          (300000, 100004, ...) with its text in `msg`.
 * Memory:  engine_open / engine_close; returned pointers are borrowed until the next change.
 * Threads: one.
 */
#ifndef PAPER_ENGINE_H
#define PAPER_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deploy/paper/contracts.h"
#include "proto/dec.h"

#define ENGINE_ACCOUNTS_MAX 16
#define OID_MAX 40
#define REMARK_MAX 100
#define NAME_MAX_ 32
#define ENGINE_MSG_MAX 160
#define ENGINE_NEVER INT64_MAX

enum side { SIDE_NONE = 0, SIDE_BUY = 1, SIDE_SELL = -1 };
enum order_type { TYPE_LIMIT, TYPE_MARKET };
enum tif { TIF_GTC, TIF_IOC, TIF_FOK };
enum stop_dir { STOP_NONE, STOP_UP, STOP_DOWN };
enum stop_px_type { STOP_TP, STOP_MP, STOP_IP };     /* last trade, mark, index */
enum stp { STP_NONE, STP_CN, STP_CO, STP_CB };
enum liquidity { LIQ_TAKER, LIQ_MAKER };
enum trade_type { TRADE_NORMAL, TRADE_LIQUID };
enum order_state { ORDER_STOP, ORDER_OPEN, ORDER_DONE }; /* untriggered stop, in the book, finished */

/* ---- what is stored: plain structs, also the log's records; new fields at the end, 0 in old logs -- */

struct account {
    char name[NAME_MAX_];
    dec_t cash;             /* walletBalance */
    dec_t deposits;         /* cash - deposits = fees, funding and profit so far */
    dec_t fees, funding, realised; /* fees > 0 paid; funding > 0 received; gross profit realised */
    int64_t version;        /* grows by one per change */
    int64_t opened_ns;      /* server clock */
};

struct order {
    int64_t id;             /* 18 digits */
    int32_t account, sym;
    int8_t side;            /* enum side */
    int8_t type, tif, stop, stop_px_type, stp, state;
    bool reduce_only, close_order, post_only, hidden, force_hold;
    bool cancel_exist;      /* finished by a cancel, partly or wholly */
    bool stop_triggered;
    bool attached;          /* made by an st-order's trigger */
    int32_t leverage;
    int64_t px;             /* ticks, 0 for market */
    int64_t lots, cum_lots; /* size, filled */
    dec_t cum_value;        /* filled value, USDT */
    int64_t stop_px;        /* ticks */
    int64_t up_px, down_px; /* st-order: triggers still to attach, ticks; 0 none */
    int64_t parent;         /* attached: id of the entry */
    int64_t ahead;          /* background lots before it at its price */
    int64_t created_ns, updated_ns, end_ns; /* server clock; end 0 while active */
    int64_t market_ns;      /* market clock of creation */
    int64_t end_market_ns;
    char cl_ord_id[OID_MAX + 1];
    char remark[REMARK_MAX + 1];
    int64_t visible;        /* iceberg: lots shown at a time; 0: no iceberg */
};

struct fill {
    int64_t trade_id, order_id;
    int32_t account, sym;
    int8_t side, liquidity, trade_type, order_type;
    bool stop;              /* of an order that was a stop */
    bool opens;             /* the fee belongs to opening (else closing) */
    bool own;               /* printed beside the market's own trades: adds to the candle's volume */
    int64_t px, lots;
    dec_t value, fee_rate, fee;
    int64_t server_ns, market_ns;
    dec_t gross, cash;      /* profit realised; walletBalance after it */
};

struct position {           /* isolated, one-way */
    int64_t qty;            /* signed lots; 0 none */
    dec_t cost;             /* signed entry value */
    dec_t init, cross, loss; /* margin: initial, added, funding taken out of it */
    dec_t comm;             /* fees of this opening so far, > 0 paid */
    dec_t funding;          /* of this opening, > 0 received */
    dec_t realised_gross;   /* of this opening */
    int64_t opened_ns, opened_market_ns, max_lots;
    int32_t leverage;       /* of the last order that added */
    int64_t open_lots, close_lots;
    dec_t open_value, close_value; /* sums of this opening, for the history row */
    int64_t id;             /* its sign is the side this opening had */
    int32_t risk_level;     /* chosen lowest risk tier, 0: none; these two outlive the position */
    bool auto_deposit;      /* kept and shown; the venue has retired what it did */
    dec_t reserved;         /* closing fee held back: rule before May 2025 only */
};

struct closed_position {
    int64_t id;
    int32_t account, sym;
    int8_t side;            /* of the position: BUY long */
    bool liquidated;
    int32_t leverage;
    int64_t lots;           /* closed in all */
    dec_t pnl;              /* net: gross - fees + funding */
    dec_t gross, fees, funding;
    dec_t open_px, close_px; /* averages */
    int64_t open_ns, close_ns, open_market_ns, close_market_ns;
};

struct funding_row {
    int64_t id;
    int32_t account, sym;
    int64_t qty;
    dec_t rate, mark, cost, amount; /* amount > 0 received */
    int64_t market_ns;
    int64_t server_ns;
    dec_t cash;             /* walletBalance after it */
};

/* ---- what is shown --------------------------------------------------------------------------- */

struct trade {
    int64_t sequence, trade_id;
    int64_t maker_id, taker_id; /* made-up ids for the background */
    int8_t side;                /* of the taker */
    int64_t px, lots, market_ns;
};

struct candle { int64_t start_ns, open, high, low, close, lots; }; /* market time, ticks */

struct ticker {
    int64_t sequence;
    struct trade last;
    struct level bid, ask;      /* lots 0: none */
    int64_t market_ns;
};

struct market_stats {           /* of the last 24 h of market time */
    int64_t open, high, low, last, lots;
    dec_t turnover;             /* USDT, from closing prices of minutes */
};

struct funding_info {
    dec_t rate;                 /* settled at the last settlement: holds for the running period */
    dec_t predicted;            /* estimate for the next settlement, as known now */
    int64_t last_ns, next_ns;   /* market time */
};

struct wallet {                 /* of an account, now */
    dec_t cash, position_margin, order_margin, upnl, available, equity;
};

struct position_view {          /* of an account and symbol, now (kucoin-futures 9.1, 11.4, 11.5) */
    int64_t qty;
    dec_t cost, value, mark, entry, upnl;
    dec_t init, cross, loss, reserved, margin, maint; /* margin = init + cross + reserved - loss */
    dec_t liquidation, bankrupt, real_leverage, maint_rate;
    dec_t comm, funding, realised_gross;
    int64_t risk_limit; int risk_level;
    int64_t opened_ns; int32_t leverage; int64_t id;
    bool auto_deposit;
    dec_t max_withdraw;         /* of the added margin: what no loss needs */
};

enum order_event { EV_OPEN, EV_MATCH, EV_UPDATE, EV_FILLED, EV_CANCELED };
enum stop_event { EV_STOP_OPEN, EV_STOP_TRIGGERED, EV_STOP_CANCEL };
enum position_reason { POS_CHANGE, POS_MARGIN, POS_LIQUIDATION, POS_FUNDING, POS_AUTO_DEPOSIT };

struct engine_events {
    void *arg;
    /* public */
    void (*level)(void *arg, int sym, int64_t sequence, int side, int64_t px, int64_t lots);
    void (*trade)(void *arg, int sym, const struct trade *t);
    void (*top)(void *arg, int sym, const struct ticker *t);     /* best price or size changed */
    void (*candle)(void *arg, int sym, const struct candle *c, bool closed); /* 1 m, per print;
                                            closed once, when the first print of a later one comes */
    void (*mark)(void *arg, int sym, dec_t mark, dec_t index, int64_t market_ns); /* per second */
    void (*funding_rate)(void *arg, int sym, dec_t rate, int64_t market_ns, bool settled); /* min. */
    void (*status)(void *arg, int sym, enum contract_status s);
    /* private: f is the fill for EV_MATCH, else NULL; old_lots for EV_UPDATE */
    void (*order)(void *arg, enum order_event ev, const struct order *o, const struct fill *f,
                  int64_t old_lots);
    void (*stop)(void *arg, enum stop_event ev, const struct order *o, bool ok, const char *error);
    void (*position)(void *arg, int account, int sym, enum position_reason why);
    void (*settlement)(void *arg, const struct funding_row *row);
    void (*wallet)(void *arg, int account);
};

struct engine_config {
    const char *dir;            /* state directory, exists; NULL: nothing kept */
    const char *market;         /* "synthetic" or "replay:XBTUSDTM=FILE,..." */
    const char *symbols;        /* synthetic: comma list; NULL all eight.  replay: those named */
    uint64_t seed;
    int64_t start_ns;           /* t0 of the market clock at the first start; 0: server_now */
    bool margin_before_2025;    /* the venue's rule of before 22 May 2025 (kucoin-futures 11.5) */
    bool oid_ever;              /* clientOid unique for ever, not only among active orders */
    const struct engine_events *events; /* borrowed for the engine's life; NULL handlers allowed */
};

struct engine;

/* Open or continue.  With state in dir: seed, market and start of that state must equal those given
 * (ERR_CONFIG; start_ns 0 agrees with any), *msg says what differs.  ERR_SYNTAX etc. name file:line. */
int engine_open(const struct engine_config *c, int64_t server_now_ns, struct engine **ret,
                char msg[ENGINE_MSG_MAX]);
void engine_close(struct engine *e);        /* writes the clock, syncs */

/* The market time to go on from: start_ns at first, else where it stood when the process ended. */
int64_t engine_market_ns(const struct engine *e);
int engine_advance(struct engine *e, int64_t market_now_ns, int64_t server_now_ns);
/* Market time of the next thing due (ENGINE_NEVER while all contracts are paused). */
int64_t engine_next_ns(const struct engine *e);

/* ---- accounts -------------------------------------------------------------------------------- */
/* Find by name or make with this deposit; the index, or negative enum err. */
int engine_account(struct engine *e, const char *name, dec_t deposit);
int engine_accounts(const struct engine *e);
const struct account *engine_account_get(const struct engine *e, int account);
void engine_wallet(const struct engine *e, int account, struct wallet *ret);
void engine_position(const struct engine *e, int account, int sym, struct position_view *ret);
/* Choose the lowest risk tier of a contract; cancels its open orders, as the venue does.  0 or a code. */
int engine_set_risk_level(struct engine *e, int account, int sym, int level, char msg[ENGINE_MSG_MAX]);
void engine_set_auto_deposit(struct engine *e, int account, int sym, bool on);
/* Add margin to an open position, or take it back (amount < 0).  0 or a venue code. */
int engine_add_margin(struct engine *e, int account, int sym, dec_t amount, char msg[ENGINE_MSG_MAX]);
/* Largest openable size at px (ticks) and leverage. */
void engine_max_open(const struct engine *e, int account, int sym, int64_t px, int leverage,
                     int64_t *ret_buy, int64_t *ret_sell);

/* ---- orders ---------------------------------------------------------------------------------- */
struct order_req {
    int account;
    const char *symbol;
    const char *cl_ord_id;      /* required, <= 40 of A-Za-z0-9_- */
    const char *remark;         /* or NULL */
    enum side side;             /* SIDE_NONE only with close_order */
    enum order_type type;
    enum tif tif;
    enum stp stp;
    int leverage;               /* 0: not given (closing orders only; else 100001) */
    int64_t lots;               /* one of lots, qty, value; 0 allowed with close_order */
    dec_t qty, value;           /* base units; USDT; zero when not used */
    dec_t price;                /* limit */
    bool reduce_only, close_order, post_only, hidden, iceberg, force_hold, cross;
    int64_t visible;            /* iceberg: lots */
    enum stop_dir stop;
    enum stop_px_type stop_px_type;
    dec_t stop_px;              /* with stop */
    dec_t up_px, down_px;       /* st-order: triggers; zero none */
};
/* Returns 0 and the order's id, or the venue's code.  test: checks only, *ret_id is made up. */
int engine_place(struct engine *e, const struct order_req *r, bool test, int64_t *ret_id,
                 char msg[ENGINE_MSG_MAX]);
/* 0 or 100004. */
int engine_cancel(struct engine *e, int account, int64_t id, char msg[ENGINE_MSG_MAX]);
/* Cancel all active orders (stops: the untriggered stops instead); sym -1: all.  Up to max ids to
 * ret_ids, the number cancelled returned. */
size_t engine_cancel_all(struct engine *e, int account, int sym, bool stops, int64_t *ret_ids,
                         size_t max);
const struct order *engine_order(const struct engine *e, int64_t id); /* or NULL; any account */
const struct order *engine_order_by_oid(const struct engine *e, int account, const char *cl_ord_id);

/* Histories, oldest first, complete since the instance began: items 0 .. n-1 of all accounts. */
size_t engine_n_orders(const struct engine *e);
const struct order *engine_order_at(const struct engine *e, size_t i);
size_t engine_n_fills(const struct engine *e);
const struct fill *engine_fill_at(const struct engine *e, size_t i);
size_t engine_n_closed(const struct engine *e);
const struct closed_position *engine_closed_at(const struct engine *e, size_t i);
size_t engine_n_funding(const struct engine *e);
const struct funding_row *engine_funding_at(const struct engine *e, size_t i);

/* ---- market ---------------------------------------------------------------------------------- */
bool engine_listed(const struct engine *e, int sym);        /* sym in this instance's universe */
enum contract_status engine_status(const struct engine *e, int sym);
void engine_set_status(struct engine *e, int sym, enum contract_status s); /* sym -1: all */
/* Best first, combined with client orders; consistent with *ret_sequence.  *n_bids and *n_asks: room
 * on entry, levels on return (NULL when not wanted). */
void engine_book(const struct engine *e, int sym, struct level *bids, size_t *n_bids,
                 struct level *asks, size_t *n_asks, int64_t *ret_sequence);
/* Last up to max (<= 100) trades, newest first. */
size_t engine_trades(const struct engine *e, int sym, struct trade *ret, size_t max);
void engine_ticker(const struct engine *e, int sym, struct ticker *ret);
/* Bars of `minutes` (1 ... 10080) whose start lies in [from, to) of market time, aggregated from the
 * 1 m bars, ascending; with_running: the unfinished one too.  newest: keep the last max, else first. */
size_t engine_candles(const struct engine *e, int sym, int minutes, int64_t from_ns, int64_t to_ns,
                      bool with_running, bool newest, struct candle *ret, size_t max);
void engine_mark(const struct engine *e, int sym, dec_t *ret_mark, dec_t *ret_index);
void engine_funding_info(const struct engine *e, int sym, struct funding_info *ret);
/* The rate settled at market time t (a settlement instant, past or history). */
dec_t engine_funding_rate(const struct engine *e, int sym, int64_t t_ns);
void engine_stats(const struct engine *e, int sym, struct market_stats *ret);
int64_t engine_open_interest(const struct engine *e, int sym); /* lots */
/* Premium of the contract over its index in a minute, as a rate of 8 places. */
dec_t engine_premium(const struct engine *e, int sym, int64_t minute_ns);
/* A bar of the index (prices in index ticks, lots 0) or of the premium (units of 10^-8) made of the
 * minutes that begin in [start, start + minutes); false when none of them has a print. */
bool engine_index_bar(const struct engine *e, int sym, bool premium, int64_t start_ns, int minutes,
                      struct candle *ret);
/* Buy limit and sell limit (ticks): 1.05 x and 0.95 x mark. */
void engine_band(const struct engine *e, int sym, int64_t *ret_buy, int64_t *ret_sell);

#endif
