/* exec - what the modules of this agent share.
 *
 *   execution.c  life: configuration, recovery, start, drain, questions of others
 *   approve.c    an approval becomes an entry order, or a rejection
 *   send.c       requests that change something at the venue, and what their answers prove
 *   tell.c       what is published: orders, positions, the account
 *   fold.c       what the venue tells of orders, fills and funding, into the books
 *   setup.c      the venue's clock, contracts, margin and position modes, the account
 *   stream.c     the private stream: hints of what to read; fundings
 *   reads.c      the periodic reads: the venue's own lists; readiness
 *   compare.c    what the venue holds against the books: a table of differences and what becomes of each
 *   manage.c     each trade looked at: what it needs next is done
 *   candles.c    bars of the primary timeframe: time and volatility stops
 *   policy.c signer.c body.c guards.c books.c answers.c   see their headers
 *
 * The rule of manage.c makes it crash-only: it looks at what is (books, clock, prices), never at what
 * happened, so that a restart continues where the journal ends.
 */
#ifndef AGENTS_EXECUTION_EXEC_H
#define AGENTS_EXECUTION_EXEC_H

#include "agents/execution/books.h"
#include "agents/execution/policy.h"
#include "libagent/agent.h"
#include "libagent/core/ta.h"
#include "libagent/venue.h"
#include "proto/poshash.h"

enum note_kind { NOTE_ORDER = 1, NOTE_TRADE, NOTE_SEEN, NOTE_FILLS, NOTE_STOPPED };

#define EXEC_SYMBOLS   64
#define EXEC_STRANGERS 32
#define AGREE_NS       (2 * NS_PER_S)   /* what two reads so far apart say is believed */

/* How the venue and the books may differ; compare.c has a row for each. */
enum difference {
    DIFF_NONE, DIFF_FORGOTTEN_ENTRY, DIFF_ORPHANED_CLOSE, DIFF_FOREIGN_ORDER, DIFF_FOREIGN_SYMBOL, DIFF_HELD_MORE,
    DIFF_HELD_LESS, DIFF_MARGIN_MODE, DIFF_LEVERAGE, DIFF_LIQUIDATION, DIFF_COUNT
};

struct difference_seen {
    enum difference what;
    int64_t detail;             /* lots */
    int64_t since_ns;           /* wall; begin of the first read that showed it as it is now */
    int64_t agreed_ns;          /* wall; since when two reads agreed on it; 0: they do not yet; of a position only */
    bool said;
};

struct symbol {
    struct exec *x;
    char name[20];
    struct contract_terms terms;
    bool known, tradable, isolated;
    bool fill_waits;            /* of the last list of fills: one waits for its order, and those behind it */
    dec_t bid, ask, last;
    int64_t ticker_ns;          /* wall */
    int64_t venue_qty;          /* signed lots, of the last read */
    dec_t venue_px;             /* mark, likewise */
    struct difference_seen held, margin;
    enum difference margin_now; /* of the last read */
    struct nothing_held {
        int64_t since_ns;       /* wall; begin of the first of the reads that showed it, one after the other; 0: it is */
        int64_t proved_ns;      /* since_ns, when it is proved */
    } none[2];                  /* long, short */
    bool none_asked;
    struct ta_atr atr;          /* of the primary timeframe */
    double atr_now;             /* 0: not known */
    int64_t bar_ns;             /* start of the newest bar in it; 0: none */
    bool atr_wanted, atr_asked;
};

/* An order, or a position in a symbol that is not configured, that the books do not know. */
struct stranger {
    char id[40], symbol[24];    /* id "": a position */
    struct difference_seen seen;
    int generation;             /* of the last read that showed it */
    bool entry, closes;         /* an entry of ours; can only close, and nobody else's name is on it */
};

/* By the venue's clock, and not sooner, its "not found" means something: its window for timestamps, 5 s, and its
 * queues, 5 s. */
#define ABSENT_AFTER_NS (10 * NS_PER_S)

struct reads {
    bool running, dirty;
    bool hurry;                 /* something waits for the next read */
    int pending, generation, failed;
    int64_t began_ns, clean_ns; /* clean_ns: the first of the two agreeing reads */
    bool clean;
    int64_t clock_ns;           /* last look at the venue's clock */
    int present[BOOKS_ORDERS];  /* generation in which the venue's lists held the order */
    bool fills_running, fills_wanted;
    int64_t fills_began_ns, fills_to_ns;
    int64_t fills_good_ns;      /* begin of the last one that was folded whole */
    int64_t fills_again_ns;     /* wall; read again then, for a row whose order is not found yet; 0: none waits */
    int fills_page;
    int looking;                /* queries under way that may tell what the lists did not; of orders, by id */
    /* Asked for since its outcome was lost, and not found: while it is proved absent it counts as open, here and in
     * risk's figures, and the rest goes on. */
    bool unfound[BOOKS_ORDERS];
    json_t *fills;              /* rows, newest first */
};

struct exec {
    struct agent *agent;
    struct venue *venue;
    struct venue *account_venue;    /* who is asked about the key: venue, or account_url */
    struct venue_stream *stream;
    struct loop_watch *signer_watch;
    struct loop_timer *start_timer, *look_timer, *read_timer, *account_timer;
    struct books books;
    struct symbol symbols[EXEC_SYMBOLS];
    size_t n_symbols;
    struct reads reads;
    struct stranger strangers[EXEC_STRANGERS];
    size_t n_strangers;
    struct exit_params params;
    int64_t bar_ns;
    bool warming, keys_ok, clock_ok, contracts_ok, first_read, one_way;
    bool key_good;              /* the venue says the key can trade and move no money */
    int64_t key_ns;             /* when it was asked, wall */
    int64_t guards_ns;          /* when the signer was asked for the guards, wall */
    bool confined_said;
    bool protect_ready, trade_ready, draining;
    struct msg_account_updated account;
    bool account_known;
    char hash_told[POSHASH_TEXT];
    uint8_t tokens[BOOKS_ORDERS][TOKEN_SIZE];   /* of entries on their way; not kept */
    int64_t entries, fills, refused, foreign, corrected;
};

struct symbol *exec_symbol(struct exec *x, const char *name);
void exec_keep_order(struct exec *x, const struct exec_order *o);
void exec_keep_trade(struct exec *x, const struct trade *t);
void exec_keep_fills(struct exec *x);
bool exec_see(struct exec *x, uint64_t key);    /* false: seen before */
bool exec_latched(void);                        /* the STOP file is there */
void exec_stop_all(struct exec *x, const char *why);    /* close everything; no entries until the operator resumes */

struct policy_limits exec_limits(const struct config *c);      /* what the signer is told of a configuration */

/* approve.c */
void exec_on_approved(struct agent *a, const struct event *e);

/* send.c */
int  exec_sign(void *arg, const char *method, const char *target, const void *body, size_t len,
               char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX]);
void exec_place(struct exec *x, struct exec_order *o);          /* an order in state INTENT, kept */
void exec_cancel(struct exec *x, struct exec_order *o, bool expired);
void exec_query(struct exec *x, struct exec_order *o);
void send_lost(struct exec *x, struct exec_order *o, const char *why);  /* its outcome is unknown from now on */
/* An order of a trade for what protects or ends it; NULL: no number or slot is left. */
struct exec_order *exec_leg_order(struct exec *x, struct trade *t, enum leg leg);

/* tell.c */
void tell_order(struct exec *x, struct exec_order *o, enum topic topic);
void tell_fill(struct exec *x, struct exec_order *o, const struct msg_order_filled *f);
void tell_position(struct exec *x, struct trade *t, enum topic topic);
void tell_stop_moved(struct exec *x, struct trade *t, const struct exec_order *o, const char *reason);
void tell_account(struct exec *x);
void tell_hash(struct exec *x, char ret[POSHASH_TEXT]);

/* fold.c */
/* The venue's object of an order: take over what it says.  o NULL: find or adopt it; NULL: not one of ours. */
struct exec_order *fold_order(struct exec *x, struct exec_order *o, const json_t *v);
/* v: what told it, for the size; done: of venue_done, 0: no news. */
void fold_told(struct exec *x, struct exec_order *o, const json_t *v, int64_t cum, int done);
void fold_ended(struct exec *x, struct exec_order *o);          /* venue_done and all its fills are folded? */
bool fold_fills(struct exec *x, const json_t *rows);            /* newest first; true: all of them */
void fold_funding(struct exec *x, const char *symbol, int64_t time_ms, dec_t paid);
void fold_correction(struct exec *x, struct symbol *s);         /* the venue's position wins */

/* reads.c */
void reads_get(struct exec *x, const char *target, venue_done *done);
void reads_begin(struct exec *x);
void reads_fills(struct exec *x);
void reads_consider(struct exec *x);
void reads_distrust(struct exec *x);            /* no entries until two reads agree again */
void reads_timer(void *arg);

/* setup.c */
void setup_clock(struct exec *x);
void setup_contracts(struct exec *x);
void setup_modes(struct exec *x, bool all);                    /* all: also those known to be right */
void setup_key(struct exec *x);
/* CRITICAL, and what is open stands in its text: when it lasts, the orchestrator makes it an emergency. */
void setup_key_refused(struct exec *x, const char *component, const char *code, const char *why);
void setup_account(void *arg);

/* stream.c */
void stream_open(struct exec *x);
void stream_funding(struct exec *x, const struct trade *t);     /* read what was settled of it */

/* compare.c */
void compare_order(struct exec *x, const json_t *v);            /* a list shows it, the books do not */
void compare_position(struct exec *x, struct symbol *s, const char *symbol, int64_t qty, const json_t *v);
bool compare_look(struct exec *x);                              /* a read is done; true: all agrees */
/* Nothing is held on this side (> 0 long, < 0 short, 0 any): two reads agree, and so does one of the symbol alone;
 * asks for what is missing. */
bool compare_flat(struct exec *x, struct symbol *s, int side);
void compare_saw_held(struct exec *x, struct symbol *s, int64_t qty);

/* candles.c */
void candles_ask(struct exec *x);                               /* history, where it is missing */

/* manage.c */
void manage_all(struct exec *x);
void manage_timer(void *arg);
void manage_close(struct exec *x, struct trade *t, enum exit_reason reason, bool urgent);
void manage_tick(struct exec *x, struct symbol *s, const struct exit_tick *tick);
void manage_cancel_entries(struct exec *x, const char *symbol);
void manage_ended(struct exec *x, struct exec_order *o);        /* an order has ended */
/* A leg did not leave: as if it had not been tried. */
void manage_unsent(struct exec *x, struct trade *t, const struct exec_order *o);
void manage_filled(struct exec *x, struct trade *t, struct exec_order *o, int64_t market_ns);

/* execution.c */
int  execution_init(struct agent *a, char why[CONFIG_WHY_MAX]);
int  execution_load(struct agent *a, const void *data, size_t len);
int  execution_note(struct agent *a, uint16_t kind, const void *data, size_t len);
void execution_save(struct agent *a, void **data, size_t *len);
void execution_configured(struct agent *a);
void execution_start(struct agent *a);
void execution_warm(struct agent *a);
void execution_drain(struct agent *a);
void execution_fini(struct agent *a);
void execution_system(struct agent *a, enum system_state was, enum system_state now);
size_t execution_counters(struct agent *a, struct sub_counter *ret, size_t max);
void exec_on_command(struct agent *a, const struct event *e);
void exec_on_emergency(struct agent *a, const struct event *e);
void exec_on_ticker(struct agent *a, const struct event *e);
void exec_on_candle(struct agent *a, const struct event *e);
void exec_on_contract(struct agent *a, const struct event *e);
void exec_on_nothing(struct agent *a, const struct event *e);
void exec_on_positions(struct agent *a, const struct event *e);
void exec_on_orders(struct agent *a, const struct event *e);

#endif
