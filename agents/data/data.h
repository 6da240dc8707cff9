/* data - what the modules of this agent share: the market as the system sees it.
 *
 *   data.c       start, market clock, readiness
 *   contracts.c  what the venue lists, which symbols may be entered
 *   stream.c     what each frame of the venue's stream is; its losses
 *   depth.c      order books from the venue to the bus
 *   book.c       one order book from snapshot and deltas (pure)
 *   candles.c    closed bars: live, gaps, questions of others
 *   series.c     the store of closed bars
 */
#ifndef AGENTS_DATA_DATA_H
#define AGENTS_DATA_DATA_H

#include "agents/data/book.h"
#include "agents/data/candles.h"
#include "libagent/agent.h"
#include "libagent/http.h"
#include "libagent/venue.h"

struct data;

struct symbol {
    struct data *data;
    char name[20];
    struct msg_market_contract contract;
    bool known;                     /* the venue has told its contract */
    bool chosen;                    /* one of the top_symbols by turnover */
    dec_t turnover;                 /* of 24 h, as of the last look */
    struct book book;
    bool book_asked;                /* a snapshot is under way */
    int connection;                 /* of the stream; a snapshot asked for in an earlier one is none */
    int64_t book_sent_ns, ticker_sent_ns;   /* wall */
    bool book_dirty, ticker_dirty;
    dec_t last_px, last_qty;
    int64_t heard_ns;               /* wall; any frame of this symbol */
    struct series series[SERIES_MAX];
    size_t n_series;
    struct live_bar live;           /* of the primary timeframe */
    int64_t crossed, resyncs;
};

struct data {
    struct agent *agent;
    struct venue *venue;
    struct http *admin;             /* to the paper exchange's own port, for its clock; NULL: live */
    char clock_url[96];
    struct venue_stream *stream;
    struct symbol symbols[CONFIG_LIST_MAX];
    size_t n_symbols;
    struct msg_market_clock clock;
    bool clock_known, contracts_known, warming, ready;
    int64_t contracts_asked_ns;     /* wall */
    int64_t chosen_day;             /* UTC market day of the choice; -1: none yet */
    int64_t down_ns;                /* wall; the stream is down since then; 0: up, or never was */
    int fetching;                   /* kline calls under way */
    struct loop_timer *timer_flush, *timer_clock, *timer_contracts, *timer_start, *timer_bars;
    int64_t frames, malformed, bars_live, bars_rest, gaps;
};

int64_t data_market_ns(const struct data *d);
struct symbol *data_symbol(struct data *d, const char *name, size_t len);      /* NULL: not ours */
void data_consider_ready(struct data *d);
void data_ask_clock(void *arg);

/* contracts.c: what the venue says of our symbols, and which of them are worth an entry */
#define CONTRACTS_MS 5000                       /* between repetitions of market.contract */
void contracts_ask(struct data *d);
void contracts_tick(void *arg);                 /* repeats, and asks anew */

/* stream.c */
void stream_open(struct data *d);
void stream_subscribe(struct data *d, const struct symbol *s);    /* its topics; twice is as once */
void stream_watch(struct data *d);              /* down for too long: an emergency */

/* depth.c */
void depth_on_break(struct symbol *s);          /* the stream was down, or comes up: changes were missed */
void depth_on_level2(struct data *d, struct symbol *s, const json_t *data);
void depth_publish_book(struct data *d, struct symbol *s);
void depth_publish_ticker(struct data *d, struct symbol *s);

/* candles.c, on the agent */
/* ERR_CONFIG with a text: timeframes that do not go together. */
int  candles_init(struct data *d, char why[CONFIG_WHY_MAX]);
void candles_catch_up(struct data *d, struct symbol *s, struct series *q);
/* The newest closed bars, as history: who listens knows what went by while we warmed up. */
void candles_tell_history(struct data *d);
void candles_on_push(struct data *d, struct symbol *s, const json_t *candles);
void candles_on_match(struct data *d, struct symbol *s, int64_t ts_ns, dec_t lots);
void candles_on_break(struct symbol *s);        /* the stream was down: live volumes are incomplete */
void candles_tick(void *arg);                   /* close what the venue did not close */
void candles_on_get(struct agent *a, const struct event *e);
bool candles_complete(const struct data *d);

#endif
