/* books - what risk knows and keeps: account, positions and approvals under way, the day, the streak, rests,
 * pauses, answers given, what the lighthouse let in, what goes wrong with trading (core/healing.h).
 *
 * Changed only by the books_ functions, each told one fact; the same facts in the same order lead to the same
 * books, so the journal keeps the facts and recovery tells them again.
 *
 * Reservations: an approval holds its margin, notional and heat from the moment it is given until its entry
 *          ends without a fill, or its position is open and the entry is over; then the position's own
 *          figures hold, until it closes.  While both live the larger of each counts.
 * Order:   topics are in order each by itself, not among one another: a position's version decides, and what
 *          closed stays closed.
 * Bounds:  BOOKS_ROWS positions and approvals (books_full refuses before), BOOKS_SEEN answers: more than a
 *          day of eight symbols that all fire at each close of 1 m; what is older is STALE anyway.
 * Memory:  a plain structure without pointers, saved as bytes by the same build.   Threads: pure functions.
 */
#ifndef AGENTS_RISK_BOOKS_H
#define AGENTS_RISK_BOOKS_H

#include "libagent/core/healing.h"
#include "libagent/core/pnl.h"
#include "libagent/core/risk.h"
#include "proto/messages.h"
#include "proto/poshash.h"

#define BOOKS_VERSION  3
#define BOOKS_ROWS     64
#define BOOKS_SEEN     16384
#define BOOKS_CLOSED   64
#define BOOKS_SYMBOLS  64
#define BOOKS_PAUSES   32

/* One answer; what is reserved when it approved. */
struct answer {
    uint8_t signal_id[16];
    int64_t close_ns;
    int32_t reason;             /* enum risk_reason */
    int32_t side;               /* +1, -1 */
    char symbol[20], approval_id[40], signal_text[40], strategy[32];
    dec_t margin, notional, heat;
    int64_t expires_ns;         /* of the approval, wall */
};

struct exposure {
    char signal_id[40], approval_id[40], symbol[20];
    char strategy[32];          /* empty: not approved here */
    int32_t side;
    int32_t reserved;           /* the approval's figures hold, alone or beside the position's */
    int32_t order_seen;         /* execution has said something about its entry */
    int32_t open;               /* position is told */
    dec_t margin, notional, heat;
    int64_t expires_ns;
    struct sub_position position;   /* as told */
    struct pnl fills;           /* as folded from order.filled; the one with more lots moved is newer */
};

struct books {
    uint32_t version, size;
    struct msg_account_updated account;
    int32_t account_known;
    int32_t emergency;          /* heard or said, until the operator resumes */
    int32_t acknowledged;       /* the operator resumed after the day's drawdown */
    int32_t rows_n;
    struct exposure rows[BOOKS_ROWS];
    struct risk_day day;
    struct risk_streak streak;
    struct risk_burst burst;
    struct healing healing;
    struct rest {
        char symbol[20];
        int64_t until_ns;
        int64_t entered_ns;     /* last entry, market time */
    } rests[BOOKS_SYMBOLS];
    struct pause {
        char symbol[20], strategy[32];
    } pauses[BOOKS_PAUSES];
    int32_t rests_n, pauses_n;
    char closed[BOOKS_CLOSED][40];          /* signal ids, a ring */
    struct seen {
        uint8_t id[16];
        int64_t close_ns;
    } seen[BOOKS_SEEN];                     /* a ring */
    int32_t closed_next, seen_next;
    uint64_t fill_basis;                    /* sequence of the last order.filled */
    uint64_t counter;                       /* approvals given, ever */
    int64_t approved, rejected[RISK_REASON_COUNT];
};

/* What an order.* message said. */
enum order_fact { ORDER_SAID, ORDER_FILL, ORDER_ENDED };

/* bar_ns: primary timeframe; symbols: how many are traded. */
void books_init(struct books *b, int64_t bar_ns, int symbols);
/* Bytes of a struct books.  ERR_TRUNCATED, ERR_VERSION; *b is then untouched.  Of another timeframe or number of
 * symbols than those of books_init() what goes wrong is forgotten. */
int  books_restore(struct books *b, const void *bytes, size_t len);

/* RISK_STOP: the drawdown stops everything. */
enum risk_event books_account(struct books *b, const struct risk_limits *l,
                              const struct msg_account_updated *m);
void books_order(struct books *b, enum order_fact fact, const struct sub_order *o, uint64_t seq);
/* order.filled alone: the fill itself, after books_order. */
void books_fill(struct books *b, const struct sub_order *o, int64_t qty, dec_t price);
/* position.opened, position.closing; an older version changes nothing. */
void books_position(struct books *b, const struct sub_position *p);
/* RISK_STOP: too many losses in a row.  A second time it is RISK_NOTHING. */
enum risk_event books_closed(struct books *b, const struct risk_limits *l, const struct sub_position *p,
                             int64_t bar_ns);
void books_stop_moved(struct books *b, const struct msg_stop_moved *m);
/* All open positions as execution knows them: for when a message went missing. */
void books_sync(struct books *b, const struct sub_position *p, size_t n);
void books_command(struct books *b, const struct risk_limits *l, const struct msg_operator_command *m);
void books_emergency(struct books *b);
/* True when that changed anything.  Before the account is known nothing does. */
bool books_lighthouse(struct books *b, bool on);
void books_answer(struct books *b, const struct answer *a);
/* The approval expired and execution never said a word of it: it can place no order any more. */
void books_release(struct books *b, const char *approval_id);

bool books_answered(const struct books *b, const uint8_t signal_id[16]);
bool books_full(const struct books *b);
bool books_paused(const struct books *b, const char *symbol, const char *strategy);
int64_t books_rest_until(const struct books *b, const char *symbol);    /* 0: none */
int64_t books_entered(const struct books *b, const char *symbol);       /* likewise */
/* Open positions as known here; returns how many, at most max. */
size_t books_open(const struct books *b, struct sub_position *ret, size_t max);
void books_hash(const struct books *b, char ret[POSHASH_TEXT]);
/* Account known and reconciled, and execution's positions are these. */
bool books_agree(const struct books *b);
/* Open and pending, as the core wants them; rho is left to the caller.  Returns how many. */
int  books_positions(const struct books *b, struct risk_position ret[BOOKS_ROWS]);

#endif
