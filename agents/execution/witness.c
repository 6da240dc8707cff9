/* witness - see witness.h */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "libagent/venue.h"
#include "proto/err.h"
#include "proto/text.h"

#include "agents/execution/witness.h"

#define TERMS_MS   60000        /* contract terms are read again so often */
#define RETRY_MS   1000         /* ... and so often while they are not known */
#define TIMEOUT_MS 3000

struct ask {
    char url[256];
    uint32_t n;
    char symbols[WITNESS_SYMBOLS][24];
};

struct witness {
    struct ask ask;
    struct venue *venue;
    struct venue_stream *stream;
    struct loop_timer *timer;
    int told_fd;
    uint32_t known;             /* contracts whose terms are known */
    struct contract {
        struct witness *w;
        struct witness_told told;
    } contracts[WITNESS_SYMBOLS];
};

/* ---- the worker ---- */

static void tell(struct witness *w, struct contract *c, dec_t mark)
{
    struct timespec t;
    must(clock_gettime(CLOCK_BOOTTIME, &t) == 0);
    c->told.mark.mark = mark;
    c->told.mark.boot_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    if (send(w->told_fd, &c->told, sizeof c->told, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE)
        _exit(0);               /* the signer is gone; a full pair is read again soon */
}

static void on_terms(void *arg, const struct venue_answer *a)
{
    struct contract *c = arg;
    struct policy_mark m = {.boot_ns = 0};
    dec_t mark;
    if (a->outcome != VENUE_OK || codec_dec(a->data, "tickSize", &m.tick) < 0 ||
        codec_dec(a->data, "multiplier", &m.multiplier) < 0 || codec_int(a->data, "maxOrderQty", &m.max_qty) < 0 ||
        codec_int(a->data, "maxLeverage", &m.max_leverage) < 0 || codec_dec(a->data, "markPrice", &mark) < 0 ||
        dec_sign(m.tick) <= 0 || dec_sign(m.multiplier) <= 0 || dec_sign(mark) <= 0)
        return;
    c->w->known += c->told.symbol[0] == '\0';
    TEXT_COPY(c->told.symbol, c->w->ask.symbols[c - c->w->contracts]);
    c->told.mark = m;
    tell(c->w, c, mark);
}

static void read_terms(void *arg)
{
    struct witness *w = arg;
    char target[96];
    bool all = w->known == w->ask.n;
    for (uint32_t i = 0; i < w->ask.n; i++) {
        if (!all && w->contracts[i].told.symbol[0] != '\0')
            continue;
        snprintf(target, sizeof target, "/api/v1/contracts/%s", w->ask.symbols[i]);
        venue_call(w->venue, VENUE_PUBLIC, "GET", target, NULL, on_terms, &w->contracts[i]);
    }
    loop_timer_again(w->timer, all ? TERMS_MS : RETRY_MS);
}

static void on_message(void *arg, const char *topic, const char *subject, const json_t *data, int64_t sn)
{
    struct witness *w = arg;
    const char *name = strchr(topic, ':');
    dec_t mark;
    (void)sn;
    if (name == NULL || strcmp(subject, "mark.index.price") != 0 || codec_dec(data, "markPrice", &mark) < 0 ||
        dec_sign(mark) <= 0)
        return;
    for (uint32_t i = 0; i < w->ask.n; i++)
        if (strcmp(w->contracts[i].told.symbol, name + 1) == 0)
            tell(w, &w->contracts[i], mark);
}

static void on_up(void *arg) { (void)arg; }
static void on_down(void *arg, const char *reason)
{
    (void)arg;
    log_warn("witness.down", LOG_S("reason", reason), LOG_S("action", "reconnecting; entries are refused when it lasts"));
}

_Noreturn static void work(const struct ask *ask, int told_fd)
{
    static struct witness w;
    struct loop *l = NULL;
    char topic[64];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    log_init("witness");
    w.ask = *ask;
    w.told_fd = told_fd;
    must(loop_new(&l) == ERR_OK);
    const struct venue_options o = {.loop = l, .base_url = w.ask.url, .timeout_ms = TIMEOUT_MS, .burst = 10,
                                    .public_rate = 10, .private_rate = 1};
    const struct venue_stream_options so = {.on_up = on_up, .on_down = on_down, .on_message = on_message, .arg = &w};
    for (uint32_t i = 0; i < w.ask.n; i++)
        w.contracts[i].w = &w;
    if (venue_new(&o, &w.venue) < 0)
        _exit(1);
    w.timer = loop_timer_new(l, 0, 0, false, read_terms, &w);
    w.stream = venue_stream_open(w.venue, &so);
    for (uint32_t i = 0; i < w.ask.n; i++) {
        snprintf(topic, sizeof topic, "/contract/instrument:%s", w.ask.symbols[i]);
        venue_stream_subscribe(w.stream, topic, false);
    }
    loop_run(l);
    _exit(1);
}

/* ---- the process that was forked: starts workers ---- */

_Noreturn static void guard(int ask_fd, int told_fd)
{
    static struct ask ask;
    const struct timespec wait = {.tv_nsec = WITNESS_AGAIN_MS * 1000000L};
    ssize_t n;
    while ((n = recv(ask_fd, &ask, sizeof ask, 0)) < 0 && errno == EINTR)
        continue;
    if (n != (ssize_t)sizeof ask || ask.n > WITNESS_SYMBOLS)
        _exit(0);
    for (;;) {
        pid_t pid = fork();
        if (pid == 0)
            work(&ask, told_fd);
        while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        nanosleep(&wait, NULL);
    }
}

/* ---- the parent ---- */

static int ask_fd = -1;

int witness_fork(int *ret)
{
    int asks[2], tells[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, asks) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, tells) != 0)
        return ERR_DOWN;
    pid_t pid = fork();
    if (pid < 0)
        return ERR_DOWN;
    if (pid == 0) {
        close(asks[0]);
        close(tells[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (getppid() != parent)
            _exit(0);
        signal(SIGTERM, SIG_IGN);       /* it goes with its parent, not before */
        signal(SIGINT, SIG_IGN);
        guard(asks[1], tells[1]);
    }
    close(asks[1]);
    close(tells[1]);
    ask_fd = asks[0];
    *ret = tells[0];
    return ERR_OK;
}

int witness_fd(void)
{
    return ask_fd;
}

int witness_open(const char *base_url, const char *const *symbols, size_t n)
{
    static struct ask a;
    if (n > WITNESS_SYMBOLS || strlen(base_url) >= sizeof a.url)
        return ERR_SIZE;
    TEXT_COPY(a.url, base_url);
    a.n = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        TEXT_COPY(a.symbols[i], symbols[i]);
    return send(ask_fd, &a, sizeof a, MSG_NOSIGNAL) == (ssize_t)sizeof a ? ERR_OK : ERR_DOWN;
}
