/* serve - the venue on its two ports, and the timer that lets the market go on.
 *
 * The timer sleeps until the market's next event (not at all while every contract is paused), at
 * least SERVE_TICK_MS; requests play the market up to their own moment.
 * Errors:  ERR_BUSY a port is taken (*busy_port says which), ERR_IO.
 * Memory:  serve_new / serve_destroy; the venue, the faults and the loop are borrowed.  Threads: the loop's.
 */
#ifndef PAPER_SERVE_H
#define PAPER_SERVE_H

#include "deploy/paper/faults.h"
#include "deploy/paper/push.h"
#include "deploy/paper/venue.h"
#include "libagent/loop.h"

#define SERVE_TICK_MS 10

struct serve;

/* Port 0: any.  v->push exists; v->engine is set before the loop runs and before serve_start. */
int serve_new(struct loop *l, struct venue *v, struct faults *f, int port, int admin_port,
              struct serve **ret, int *busy_port);
int serve_port(const struct serve *s);
int serve_admin_port(const struct serve *s);
void serve_start(struct serve *s);
void serve_destroy(struct serve **s);
/* The error of the engine that stopped the loop, ERR_OK when none did. */
int serve_error(const struct serve *s);

#endif
