/* faults - which faults of the list (fault.def) are on, when, and how often they bit.
 *
 * A fault is on with a value, a text that a request or a frame must hold (`match`), a probability
 * `p` (of a generator with a seed of its own: the same requests, the same bites), and a number of
 * bites after which it is off.  What a bite does is gate.h's.
 *
 * Script, one switch a line, `#` begins a comment:
 *
 *     CLOCK TIME on NAME [value=N] [match=TEXT] [p=0.5] [count=N] [for=5s]
 *     CLOCK TIME off NAME        or `off *`: all
 *
 * CLOCK is `wall` or `market`, of which `for` is a span too; TIME is +SPAN since the exchange's
 * start (500ms, 5s, 2m, 1h) or a UTC time, 2024-08-05T01:00Z.  What lies before the start is done
 * at once, in order.
 *
 * Errors:  negative enum err and a text that names what is wrong (in a script: file and line).
 * Memory:  faults_new / faults_destroy.  Threads: one.
 */
#ifndef PAPER_FAULTS_H
#define PAPER_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "deploy/paper/mclock.h"
#include "libagent/exchange/jw.h"

#define FAULT_MATCH_MAX 128
#define FAULTS_WHY_MAX  256
#define FAULTS_NEVER    INT64_MAX

enum fault {
#define FAULT(ID, name, unit, low, high, def, text) FAULT_##ID,
#include "deploy/paper/fault.def"
#undef FAULT
    FAULT_COUNT
};

struct fault_set { /* one switch */
    int fault;     /* -1: all, off only */
    bool on;
    int64_t value, count; /* count 0: no end */
    double p;
    int64_t for_ns; /* 0: until switched off; on the clock of the switch */
    char match[FAULT_MATCH_MAX];
};

struct faults;

struct faults *faults_new(uint64_t seed);
void faults_destroy(struct faults **f);
/* Called after each switch of a fault, by whatever. */
void faults_on_switch(struct faults *f, void (*fn)(void *arg, enum fault which, bool on),
                      void *arg);

/* "rest_cut"; the fault's number or -1. */
int faults_find(const char *name);
const char *faults_name(enum fault which);

/* Read a script; its times count from faults_begin. */
int faults_load(struct faults *f, const char *path, char why[FAULTS_WHY_MAX]);
/* The exchange starts now. */
void faults_begin(struct faults *f, const struct mclock *clock, int64_t mono_ns, int64_t wall_ns);
/* Do what is due; the monotonic time of the next switch, or FAULTS_NEVER. */
int64_t faults_step(struct faults *f, int64_t mono_ns);

void faults_switch(struct faults *f, const struct fault_set *s, int64_t mono_ns);
/* {"fault": "rest_cut" or "*", "on": true, "value", "match", "p", "count", "for_ms"} */
int faults_request(json_t *body, struct fault_set *ret, char why[FAULTS_WHY_MAX]);
/* All of the list, with what they do and what they did. */
void faults_show(const struct faults *f, struct jw *w, int64_t mono_ns);

bool faults_on(const struct faults *f, enum fault which);
int64_t faults_value(const struct faults *f, enum fault which);
bool faults_any_ws(const struct faults *f); /* one that looks at frames */
/* Does it bite here?  Counted if so, and *ret_value written (may be NULL); text is what match is
 * looked for in. */
bool faults_bites(struct faults *f, enum fault which, const char *text, size_t len,
                  int64_t *ret_value);
int64_t faults_bitten(const struct faults *f); /* all bites so far */

#endif
