/* queue - tasks for workers, kept in Redis: by priority, then by arrival, each held under a lease.
 *
 * CRITICAL before HIGH before NORMAL before LOW; every QUEUE_FAIR-th take looks from the lowest up, so
 * that nothing starves.  At most `limit` tasks are out at once, enforced where they are handed out.
 * A worker that lets its lease run out loses the task: the reaper returns it to its old place with
 * the next attempt; after QUEUE_ATTEMPTS attempts it is a dead letter.  Time is the server's.
 *
 * Everything here may vanish with Redis: the owner journals what it adds and adds it again (adding
 * is idempotent by id).  Workers may see a task twice and remember ids.
 *
 * Keys, below the store's prefix and "queue:": q0..q3 (sorted sets of ids by arrival, CRITICAL first),
 * tasks and dead (hashes, id to packed task), lease (sorted set of ids by deadline, server ms),
 * seq and takes (counters).
 *
 * Errors:  the store's, and per call below.  ERR_CORRUPT or ERR_TYPE: what is in Redis is not ours or
 *          damaged; queue_reset and add again.  Each callback comes exactly once, perhaps at once.
 * Memory:  what callbacks get is borrowed; arguments are copied.
 * Threads: the loop's thread only.
 */
#ifndef LIBAGENT_QUEUE_H
#define LIBAGENT_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "libagent/store.h"

#define QUEUE_LIMIT       10        /* MAX_CONCURRENT_TASKS */
#define QUEUE_FAIR        16
#define QUEUE_ATTEMPTS    5
#define QUEUE_TASKS_MAX   10000     /* queued, out and dead together */
#define QUEUE_PAYLOAD_MAX 65536
#define QUEUE_ID_MAX      63        /* of a task, and of a worker's name */
#define QUEUE_REAP_MAX    16        /* leases ended in one call */
#define QUEUE_PRIORITIES  4

struct queue_task {
    char        id[QUEUE_ID_MAX + 1];
    int         priority;           /* enum priority */
    int         attempt;            /* from 1 */
    const void *payload;
    size_t      len;
};

struct queue_counts {
    int64_t queued[QUEUE_PRIORITIES];   /* by enum priority */
    int64_t out, dead;
};

struct queue_reaped {
    int  returned, dead;
    char dead_ids[QUEUE_REAP_MAX][QUEUE_ID_MAX + 1];
};

typedef void queue_done_fn(void *arg, int err);
typedef void queue_taken_fn(void *arg, int err, const struct queue_task *task);
typedef void queue_reaped_fn(void *arg, int err, const struct queue_reaped *reaped);
typedef void queue_counts_fn(void *arg, int err, const struct queue_counts *counts);

struct queue;

/* limit 0: QUEUE_LIMIT.  The store is borrowed, and closed before the queue is destroyed. */
struct queue *queue_new(struct store *store, int limit);
void queue_set_limit(struct queue *q, int limit);
void queue_destroy(struct queue **queue);

/* ERR_DUPLICATE: queued, out or dead already; ERR_FULL; ERR_SIZE; ERR_RANGE: no such priority. */
void queue_add(struct queue *q, const char *id, int priority, const void *payload, size_t len,
               queue_done_fn *done, void *arg);

/* Take the next task for lease_ms.  ERR_EMPTY: none; ERR_FULL: the limit is reached. */
void queue_take(struct queue *q, const char *worker, int64_t lease_ms, queue_taken_fn *done, void *arg);

/* For the holder only, named by worker and attempt: otherwise ERR_WRONG_STATE. */
void queue_renew(struct queue *q, const char *id, const char *worker, int attempt, int64_t lease_ms,
                 queue_done_fn *done, void *arg);
void queue_finish(struct queue *q, const char *id, const char *worker, int attempt,
                  queue_done_fn *done, void *arg);

/* Return tasks whose lease has run out, at most QUEUE_REAP_MAX. */
void queue_reap(struct queue *q, queue_reaped_fn *done, void *arg);

void queue_count(struct queue *q, queue_counts_fn *done, void *arg);
void queue_forget(struct queue *q, const char *id, queue_done_fn *done, void *arg);  /* a dead letter */
void queue_reset(struct queue *q, queue_done_fn *done, void *arg);      /* drop everything */

#endif
