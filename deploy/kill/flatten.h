/* flatten - everything cancelled and closed, and read back until it is so.
 *
 * Knows the exchange by one function, and nothing of us: no bus, no journal, no other process.  A round:
 *   1. cancel every order that could increase a position;
 *   2. for each position send reduce-only market orders, each at most the contract's largest; a contract that
 *      refuses market orders gets limit orders IOC, FLATTEN_BAND from the mark;
 *   3. read again.
 * Flat is what two reads in a row say, FLATTEN_AGAIN_MS apart: no position, no such order.  Then what is left of
 * protective orders is cancelled.  An answer that was lost is no failure: the next read tells; a reduce-only order
 * sent twice cannot do more than close.
 *
 * Errors:  FLATTEN_... ; what went wrong last is in the row and in `why`.
 * Memory:  the caller's struct.   Threads: one; call may wait.
 */
#ifndef DEPLOY_KILL_FLATTEN_H
#define DEPLOY_KILL_FLATTEN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "proto/dec.h"

#define FLATTEN_ROWS     512
#define FLATTEN_SLICES   50         /* orders for one position in one round */
#define FLATTEN_AGAIN_MS 500
#define FLATTEN_PAGES    100

struct flatten_answer {
    bool ok;                        /* carried out; data is there, owned by the caller */
    char code[16], msg[160];
    json_t *data;
};

struct flatten_row {
    char symbol[24], why[160];      /* why: the last refusal */
    int64_t was, now;               /* signed lots; was: when it was first seen */
    int64_t max_qty;                /* 0: not known yet */
    dec_t tick, mark;
    int orders;
    bool limit, cross;              /* market orders were refused; margin mode */
};

struct flatten {
    /* One request, answered or given up within its time. */
    void (*call)(void *arg, const char *method, const char *target, const char *body, struct flatten_answer *ret);
    int64_t (*now_ms)(void *arg);
    void (*wait_ms)(void *arg, int64_t ms);
    void *arg;
    bool dry_run;                   /* one read, nothing sent */
    struct flatten_row rows[FLATTEN_ROWS];
    int n, rounds, entries, cancelled, protective, sent;    /* entries: seen at the last read */
    uint8_t salt[12];               /* of our order ids */
    bool denied;                    /* the last request, for the key's sake */
    char why[200];                  /* the last thing that went wrong */
};

enum flatten_end {
    FLATTEN_FLAT,                   /* and read back twice */
    FLATTEN_OPEN,                   /* the time is over and something is open */
    FLATTEN_UNKNOWN,                /* the time is over and the last read failed */
    FLATTEN_DENIED,                 /* the exchange does not know the key, or it may not trade */
};

/* f: call, now_ms, wait_ms, arg, dry_run and salt are filled, the rest zero. */
enum flatten_end flatten_run(struct flatten *f, int64_t timeout_ms);

#endif
