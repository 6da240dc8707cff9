/* venue - the exchange as a client sees it: REST calls within the rate limits, and a socket that stays up.
 *
 * REST: calls wait for their token bucket (public or private; cancels and closes may use the reserve),
 * cancels and closes first, then what changes something, then questions, but every fifth call is a question's
 * when one waits; equals in order of arrival;
 * at most VENUE_QUEUE_MAX wait; a circuit breaker answers VENUE_BROKEN at once while it is
 * open, except to cancels and closes and the stream's token, which are always tried (the token's answer is the
 * breaker's probe: a venue that is back is used at once).  The secret is not here: private calls get
 * their headers from the options' sign function, called when the call leaves.
 * Stream: bullet token, connect, welcome, subscriptions, pings; after a loss it connects again by itself,
 * 100 ms to 2 s apart, and tells on_up each time: subscriptions are sent again, what was missed is the
 * caller's to fetch.
 *
 * Errors:  negative enum err; outcomes are values of the answer.
 * Memory:  answers and messages are borrowed for the callback.
 * Threads: the loop's thread only.
 */
#ifndef LIBAGENT_VENUE_H
#define LIBAGENT_VENUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "libagent/config.h"
#include "libagent/loop.h"

#define VENUE_QUEUE_MAX   512
#define VENUE_HEADERS_MAX 8
#define VENUE_HEADER_MAX  256
#define VENUE_TOPICS_MAX  256

enum venue_class { VENUE_PUBLIC, VENUE_PRIVATE, VENUE_RESCUE };     /* RESCUE: cancels and closes; tries an open breaker */

enum venue_outcome {
    VENUE_OK,           /* code 200000; data is there (or NULL) */
    VENUE_REFUSED,      /* the venue's own code and text */
    VENUE_NOT_SENT,     /* proved: no byte of it arrived */
    VENUE_UNKNOWN,      /* it may have been carried out */
    VENUE_BROKEN,       /* not sent: breaker open, queue full, or it could not be signed */
};

struct venue_answer {
    enum venue_outcome outcome;
    int status;                 /* HTTP; 0 without an answer */
    char code[16];              /* "" without one */
    char msg[160];
    const json_t *data;         /* read with codec.h */
};

typedef void venue_done(void *arg, const struct venue_answer *answer);

/* Fill headers ("Name: value"); returns how many, or a negative err. */
typedef int venue_sign(void *arg, const char *method, const char *target, const void *body, size_t len,
                       char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX]);

struct venue_options {
    struct loop *loop;
    const char *base_url;       /* "http://127.0.0.1:1234", without a slash at the end */
    int64_t timeout_ms;
    int64_t burst, public_rate, private_rate;
    int64_t breaker_ms;         /* how long the breaker stays open; 0: BREAKER_OPEN_MS */
    venue_sign *sign;           /* NULL: public calls only */
    void *sign_arg;
    /* May be NULL: the breaker opened (false) or closed again (true). */
    void (*changed)(void *arg, bool up, const char *why);
    void *arg;
};

struct venue;
struct venue_stream;

int  venue_new(const struct venue_options *options, struct venue **ret);
/* What the configuration says of them: timeout, rates, breaker. */
void venue_rates(struct venue_options *options, const struct config *c);
void venue_tune(struct venue *v, const struct config *c);       /* likewise, of one that is there */
void venue_destroy(struct venue **v);           /* pending calls get no answer; when the loop has stopped */
/* The paper exchange of the instance: reads sock/paper.port.  ERR_NOT_FOUND while it is not there. */
int  venue_paper_url(char *ret, size_t size);

/* target: path and query, unreserved characters and ','.  body may be NULL. */
void venue_call(struct venue *v, enum venue_class class, const char *method, const char *target,
                const char *body, venue_done *done, void *arg);
int64_t venue_errors(const struct venue *v);    /* answers that were none, since the start */

struct venue_stream_options {
    bool private;
    void (*on_up)(void *arg);                   /* welcome came, subscriptions are on their way */
    void (*on_down)(void *arg, const char *reason);
    void (*on_message)(void *arg, const char *topic, const char *subject, const json_t *data, int64_t sn);
    void *arg;
};

struct venue_stream *venue_stream_open(struct venue *v, const struct venue_stream_options *options);
void venue_stream_close(struct venue_stream **s);
/* Now, and again after each reconnect; twice is as once.  A public topic that the venue refuses is given up, with an
 * error line; a private one breaks the stream. */
void venue_stream_subscribe(struct venue_stream *s, const char *topic, bool private);
bool venue_stream_is_up(const struct venue_stream *s);

#endif
