/* loop - see loop.h */
#include <signal.h>
#include <stdlib.h>

#include "proto/err.h"

#include "libagent/loop.h"

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_idle_t idle;             /* runs while the prepare hook has more to do */
    bool (*on_prepare)(void *arg);
    void *prepare_arg;
    void (*on_wake)(void *arg);
    void *wake_arg;
};

struct loop_timer {
    uv_timer_t uv;
    struct loop *loop;
    int64_t first_ms, every_ms;
    bool aligned, running;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_watch {
    uv_poll_t uv;
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_signal {
    uv_signal_t uv;
    struct loop *loop;
    void (*fn)(void *arg, int signum);
    void *arg;
};

void loop_wake(struct loop *l)
{
    if (l->on_wake != NULL)
        l->on_wake(l->wake_arg);
}

static void nothing(uv_idle_t *h)
{
    (void)h;
}

static void on_prepare(uv_prepare_t *h)
{
    struct loop *l = h->data;
    bool more = l->on_prepare != NULL && l->on_prepare(l->prepare_arg);
    if (more)
        uv_idle_start(&l->idle, nothing);
    else
        uv_idle_stop(&l->idle);
}

int loop_new(struct loop **ret)
{
    struct loop *l = calloc(1, sizeof *l);
    must(l != NULL);
    signal(SIGPIPE, SIG_IGN);       /* libuv writes to sockets without MSG_NOSIGNAL */
    if (uv_loop_init(&l->uv) < 0) {
        free(l);
        return ERR_IO;
    }
    must(uv_prepare_init(&l->uv, &l->prepare) == 0 && uv_idle_init(&l->uv, &l->idle) == 0);
    l->prepare.data = l;
    must(uv_prepare_start(&l->prepare, on_prepare) == 0);
    *ret = l;
    return ERR_OK;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}

/* Our own handles are the first member of their allocation and carry its address: data == handle.  Anything
 * else left over is the loop's own or a library's, whose memory is not ours to free. */
static void on_closed(uv_handle_t *h)
{
    if (h->data == (void *)h)
        free(h);
}

static void close_left(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, on_closed);
}

void loop_destroy(struct loop **l)
{
    if (*l == NULL)
        return;
    uv_walk(&(*l)->uv, close_left, NULL);
    uv_run(&(*l)->uv, UV_RUN_DEFAULT);
    must(uv_loop_close(&(*l)->uv) == 0);
    free(*l);
    *l = NULL;
}

/* ---- timers ---- */

static void on_timer(uv_timer_t *h)
{
    struct loop_timer *t = h->data;
    loop_wake(t->loop);
    if (t->every_ms == 0)
        t->running = false;
    t->fn(t->arg);
}

/* Reckoned in libuv's own time, which is the monotonic clock's: uv_timer_start counts from that, and a
 * clock read a moment later would make the timer early, and then due twice. */
static int64_t until_aligned(struct loop_timer *t)
{
    uv_update_time(&t->loop->uv);
    return t->every_ms - (int64_t)uv_now(&t->loop->uv) % t->every_ms;
}

/* libuv repeats relative to when it ran: an aligned timer is set anew each time. */
static void on_aligned(uv_timer_t *h)
{
    struct loop_timer *t = h->data;
    uv_timer_start(h, on_aligned, (uint64_t)until_aligned(t), 0);
    loop_wake(t->loop);
    t->fn(t->arg);
}

static void start(struct loop_timer *t, int64_t first_ms)
{
    uv_update_time(&t->loop->uv);
    t->running = true;
    if (t->aligned)
        uv_timer_start(&t->uv, on_aligned, (uint64_t)until_aligned(t), 0);
    else
        uv_timer_start(&t->uv, on_timer, (uint64_t)first_ms, (uint64_t)t->every_ms);
}

struct loop_timer *loop_timer_new(struct loop *l, int64_t first_ms, int64_t every_ms, bool aligned,
                                  void (*fn)(void *arg), void *arg)
{
    must(first_ms >= 0 && every_ms >= 0 && (!aligned || every_ms > 0));
    struct loop_timer *t = calloc(1, sizeof *t);
    must(t != NULL);
    *t = (struct loop_timer){
        .loop = l, .first_ms = first_ms, .every_ms = every_ms, .aligned = aligned, .fn = fn, .arg = arg,
    };
    must(uv_timer_init(&l->uv, &t->uv) == 0);
    t->uv.data = t;
    start(t, first_ms);
    return t;
}

void loop_timer_pause(struct loop_timer *t)
{
    t->running = false;
    uv_timer_stop(&t->uv);
}

void loop_timer_resume(struct loop_timer *t)
{
    if (!t->running)
        start(t, t->first_ms);
}

void loop_timer_again(struct loop_timer *t, int64_t first_ms)
{
    start(t, first_ms);
}

void loop_timer_destroy(struct loop_timer **t)
{
    if (*t == NULL)
        return;
    uv_close((uv_handle_t *)&(*t)->uv, on_closed);
    *t = NULL;
}

/* ---- file descriptors ---- */

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct loop_watch *w = h->data;
    (void)status;
    (void)events;
    loop_wake(w->loop);
    w->fn(w->arg);
}

struct loop_watch *loop_watch_fd(struct loop *l, int fd, void (*fn)(void *arg), void *arg)
{
    struct loop_watch *w = calloc(1, sizeof *w);
    must(w != NULL);
    *w = (struct loop_watch){.loop = l, .fn = fn, .arg = arg};
    must(uv_poll_init(&l->uv, &w->uv, fd) == 0);
    w->uv.data = w;
    must(uv_poll_start(&w->uv, UV_READABLE, on_poll) == 0);
    return w;
}

void loop_watch_destroy(struct loop_watch **w)
{
    if (*w == NULL)
        return;
    uv_close((uv_handle_t *)&(*w)->uv, on_closed);
    *w = NULL;
}

/* ---- signals, hooks ---- */

static void on_signal(uv_signal_t *h, int signum)
{
    struct loop_signal *s = h->data;
    loop_wake(s->loop);
    s->fn(s->arg, signum);
}

void loop_on_signal(struct loop *l, int signum, void (*fn)(void *arg, int signum), void *arg)
{
    struct loop_signal *s = calloc(1, sizeof *s);
    must(s != NULL);
    *s = (struct loop_signal){.loop = l, .fn = fn, .arg = arg};
    must(uv_signal_init(&l->uv, &s->uv) == 0);
    s->uv.data = s;
    must(uv_signal_start(&s->uv, on_signal, signum) == 0);
}

void loop_on_prepare(struct loop *l, bool (*fn)(void *arg), void *arg)
{
    l->on_prepare = fn;
    l->prepare_arg = arg;
}

void loop_on_wake(struct loop *l, void (*fn)(void *arg), void *arg)
{
    l->on_wake = fn;
    l->wake_arg = arg;
}
