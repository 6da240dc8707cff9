/* loop - the one event loop of a process: libuv, with what every module needs of it.
 *
 * A turn: timers and file descriptors call back; then the prepare hook runs; then the loop waits.  The
 * wake hook runs before each callback, so that a turn has one `now`.
 * Periodic timers may be aligned to multiples of their period of the monotonic clock: all processes of
 * a host then wake together, and the machine sleeps in between.
 *
 * Memory:  timers and watches belong to the loop and end with it, or earlier with their _destroy.
 * Threads: the owner's thread only.
 */
#ifndef LIBAGENT_LOOP_H
#define LIBAGENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct loop;
struct loop_timer;
struct loop_watch;

int  loop_new(struct loop **ret);               /* SIGPIPE is ignored from here on */
void loop_run(struct loop *l);                  /* until loop_stop */
void loop_stop(struct loop *l);
void loop_destroy(struct loop **l);
uv_loop_t *loop_uv(struct loop *l);

/* First after first_ms (aligned: at the next multiple of every_ms), then every every_ms; every_ms 0:
 * once.  Running when made. */
struct loop_timer *loop_timer_new(struct loop *l, int64_t first_ms, int64_t every_ms, bool aligned,
                                  void (*fn)(void *arg), void *arg);
void loop_timer_pause(struct loop_timer *t);
void loop_timer_resume(struct loop_timer *t);   /* nothing when it runs; else as when made */
void loop_timer_again(struct loop_timer *t, int64_t first_ms);  /* (re)start, first after first_ms */
void loop_timer_destroy(struct loop_timer **t);

/* Call fn when fd is readable. */
struct loop_watch *loop_watch_fd(struct loop *l, int fd, void (*fn)(void *arg), void *arg);
void loop_watch_destroy(struct loop_watch **w);

void loop_on_signal(struct loop *l, int signum, void (*fn)(void *arg, int signum), void *arg);
/* Before each wait; true: there is more to do, do not wait. */
void loop_on_prepare(struct loop *l, bool (*fn)(void *arg), void *arg);
void loop_on_wake(struct loop *l, void (*fn)(void *arg), void *arg);
/* Run the wake hook: for modules with libuv handles of their own, before they call back. */
void loop_wake(struct loop *l);

#endif
