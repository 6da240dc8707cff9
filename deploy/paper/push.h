/* push - the venue's WebSocket: tokens, subscriptions and what is pushed (kucoin-futures 10).
 *
 * Every level change, trade and private event is one frame.  Ticker, depth, running candle and mark
 * are conflated: the newest state at most every PUSH_MS of wall time (candles: every second of
 * market time, not more often); the last state of a candle is always sent before a later one.
 *
 * Bounds:  100 topics in a frame, 300 in a connection, 100 frames in 10 s, 50 connections of an account, 30 new ones of it
 *          in a minute (509); a client silent for
 *          PUSH_SILENT_MS is told `ping timeout` and closed; a token's connection ends after 24 h.  Slow
 *          readers are dropped by the server (libagent/server.h).
 * Memory:  push_new / push_destroy; destroy after the server, which closes the sessions.
 * Threads: the loop's.
 */
#ifndef PAPER_PUSH_H
#define PAPER_PUSH_H

#include "deploy/paper/venue.h"
#include "libagent/loop.h"
#include "libagent/server.h"

#define PUSH_MS 100
#define PUSH_SILENT_MS 65000
#define PUSH_SESSIONS 50        /* of an account; public ones without end */
#define PUSH_OPENINGS 30        /* of an account in a minute */
#define PUSH_TOPICS_FRAME 100
#define PUSH_TOPICS_SESSION 300
#define PUSH_FRAMES 100
#define PUSH_FRAMES_MS 10000

struct push;
struct push_counts { int64_t frames, sessions; int now, topics; };

struct push *push_new(struct loop *l, struct venue *v);     /* v->engine is set before the first event */
void push_destroy(struct push **p);
/* What the engine is to call: borrowed, lives as long as the push. */
const struct engine_events *push_events(const struct push *p);
/* What an account has set: pushed to its own connections.  p may be NULL. */
void push_margin_mode(struct push *p, int account, int sym);
void push_cross_leverage(struct push *p, int account, int sym, int leverage);
void push_risk_level(struct push *p, int account, int sym, bool ok, const char *msg);
struct push_counts push_counts(const struct push *p);

/* For struct server_def; arg is the struct push. */
int  push_on_open(void *arg, struct ws_conn *c, const struct server_request *req);
void push_on_text(void *arg, struct ws_conn *c, const char *text, size_t len);
void push_on_close(void *arg, struct ws_conn *c);

#endif
