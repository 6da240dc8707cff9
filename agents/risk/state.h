/* state - what the modules of this agent share.
 *
 *   books.c      what is known and kept (pure)          market.c  what is seen of the market (pure)
 *   decide.c     one signal, one answer                 hear.c    everything else that is heard
 *   keep.c       start, snapshot, notes
 *
 * Every fact goes through one books_ function with its note in the journal beside it; recovery tells the
 * books the same facts.
 */
#ifndef AGENTS_RISK_STATE_H
#define AGENTS_RISK_STATE_H

#include "agents/risk/books.h"
#include "agents/risk/market.h"
#include "libagent/agent.h"
#include "proto/token.h"

enum note {
    NOTE_ACCOUNT = 1, NOTE_ORDER, NOTE_POSITION, NOTE_CLOSED, NOTE_STOP_MOVED, NOTE_SYNC, NOTE_COMMAND,
    NOTE_EMERGENCY, NOTE_ANSWER, NOTE_RELEASE, NOTE_LIGHTHOUSE
};

struct note_order {
    int32_t fact, unused;
    uint64_t seq;
    struct sub_order order;
    int64_t last_qty;           /* of ORDER_FILL */
    dec_t last_px;
};

struct risk {
    struct agent *agent;
    struct risk_limits limits;
    int64_t bar_ns;             /* primary timeframe */
    int32_t leverage;
    struct books books;
    struct market market;
    uint8_t secret[TOKEN_SECRET];
    uint8_t account[16], boot_id[16];
    uint64_t config_hash;
    int64_t state_ns;           /* wall time state.unified was last heard */
    int64_t differ_ns;          /* wall, since when the books differ; 0: they agree */
    bool syncing;
    int64_t duplicates;
    double told[HEALING_COUNT]; /* factor that a degradation tells of; 0: none raised */
    struct loop_timer *timer;
};

/* keep.c */
int  risk_init(struct agent *a, char why[CONFIG_WHY_MAX]);
void risk_configured(struct agent *a);
int  risk_load(struct agent *a, const void *data, size_t len);
int  risk_note(struct agent *a, uint16_t kind, const void *data, size_t len);
void risk_save(struct agent *a, void **data, size_t *len);
size_t risk_counters(struct agent *a, struct sub_counter *ret, size_t max);

/* decide.c */
void risk_on_signal(struct agent *a, const struct event *e);

/* hear.c */
void order_fact(struct books *b, const struct note_order *n);   /* the same at recovery */
void risk_start(struct agent *a);
void risk_warm(struct agent *a);
void risk_on_state(struct agent *a, const struct event *e);
void risk_on_signal_state(struct agent *a, const struct event *e);
void risk_on_account(struct agent *a, const struct event *e);
void risk_on_order(struct agent *a, const struct event *e);
void risk_on_position(struct agent *a, const struct event *e);
void risk_on_stop_moved(struct agent *a, const struct event *e);
void risk_on_command(struct agent *a, const struct event *e);
void risk_on_emergency(struct agent *a, const struct event *e);
void risk_on_contract(struct agent *a, const struct event *e);
void risk_on_book(struct agent *a, const struct event *e);
void risk_on_ticker(struct agent *a, const struct event *e);
void risk_on_mark(struct agent *a, const struct event *e);
void risk_on_funding(struct agent *a, const struct event *e);
void risk_on_candle(struct agent *a, const struct event *e);
void risk_on_positions(struct agent *a, const struct event *e);

#endif
