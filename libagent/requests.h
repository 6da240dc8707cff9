/* requests - questions asked and answers given.
 *
 * A question is repeated under the same id until it is answered or its deadline is over; who is asked
 * keeps the last ANSWERED_KEPT answers and repeats them, so that a command acts once however often
 * it arrives.
 *
 * Time:    monotonic ns, an argument.
 * Memory:  owns copies of the frames until they are done with.
 */
#ifndef LIBAGENT_REQUESTS_H
#define LIBAGENT_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/timers.h"
#include "proto/envelope.h"
#include "proto/topics.h"

#define REQUESTS_MAX 256        /* questions open at once; more are refused at once */

/* Frames as they go on the wire, but for the header, which is made anew for each sending with the instant
 * that the body says. */
struct parcel {
    int64_t sent_ns;            /* wall */
    char topic[TOPIC_MAX + 1];
    uint8_t *body;
    size_t len;
};
void parcel_fini(struct parcel *p);

struct question {
    char id[37];                /* empty: the slot is free */
    enum party to;              /* who may answer */
    struct parcel parcel;
    int64_t deadline_ns, again_ns;
    void (*on)(void);           /* the caller's function, cast back by it */
    void *arg;
};

struct requests {
    struct question open[REQUESTS_MAX];
    size_t n_open;
    struct { char id[37]; struct parcel parcel; } seen[ANSWERED_KEPT];
    size_t next_seen;
};

struct requests *requests_new(void);
void requests_destroy(struct requests **r);

/* A free slot to fill, NULL when REQUESTS_MAX are open. */
struct question *requests_ask(struct requests *r);
/* The open question with that id, NULL when there is none (any more). */
struct question *requests_find(struct requests *r, const char *id);
void requests_close(struct requests *r, struct question *q);

/* A request came in.  NULL: new, to be acted on.  Else it is a repetition: the answer to send again,
 * with an empty topic when the first one is still being worked on. */
const struct parcel *requests_seen(struct requests *r, const char *id);
/* The answer given to it; the body is copied. */
void requests_answered(struct requests *r, const char *id, const char *topic, int64_t sent_ns,
                       const void *body, size_t len);

#endif
