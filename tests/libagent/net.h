/* net - what the network tests share: a loop that runs until something is true, and a raw TCP end that
 * says and hears plain bytes, in the same thread as what is tested.
 */
#ifndef TESTS_LIBAGENT_NET_H
#define TESTS_LIBAGENT_NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libagent/loop.h"
#include "proto/err.h"

#define NET_DEADLINE_MS 10000
#define RAW_MAX         (4 << 20)

static inline void net_expire(void *arg)
{
    *(bool *)arg = true;
}

/* Run the loop until cond is true; fail the test when it takes too long. */
#define RUN_UNTIL(loop, cond)                                                                      \
    do {                                                                                           \
        bool expired_ = false;                                                                     \
        struct loop_timer *deadline_ =                                                             \
            loop_timer_new(loop, NET_DEADLINE_MS, 0, false, net_expire, &expired_);                \
        while (!(cond) && !expired_)                                                               \
            uv_run(loop_uv(loop), UV_RUN_ONCE);                                                    \
        loop_timer_destroy(&deadline_);                                                            \
        ck_assert_msg(cond, "too long: %s", #cond);                                                \
    } while (0)

/* Run the loop for so long, for what must not happen. */
#define RUN_FOR(loop, ms)                                                                          \
    do {                                                                                           \
        bool expired_ = false;                                                                     \
        struct loop_timer *deadline_ = loop_timer_new(loop, ms, 0, false, net_expire, &expired_);  \
        while (!expired_)                                                                          \
            uv_run(loop_uv(loop), UV_RUN_ONCE);                                                    \
        loop_timer_destroy(&deadline_);                                                            \
    } while (0)

/* One raw connection; hears until the other end closes. */
struct raw {
    int fd;
    struct loop_watch *watch;
    bool eof, reset;
    size_t len;
    char *heard;        /* ends with NUL */
};

static inline void raw_on_readable(void *arg)
{
    struct raw *r = arg;
    must(r->len < RAW_MAX);
    ssize_t n = recv(r->fd, r->heard + r->len, RAW_MAX - r->len, MSG_DONTWAIT);
    if (n > 0) {
        r->len += (size_t)n;
        r->heard[r->len] = '\0';
    } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
        r->reset = n < 0;
        r->eof = true;
        loop_watch_destroy(&r->watch);
    }
}

static inline void raw_init(struct raw *r, struct loop *l, int fd)
{
    *r = (struct raw){.fd = fd, .heard = malloc(RAW_MAX + 1)};
    must(r->heard != NULL && fd >= 0);
    r->heard[0] = '\0';
    r->watch = loop_watch_fd(l, fd, raw_on_readable, r);
}

static inline void raw_connect(struct raw *r, struct loop *l, uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(connect(fd, (struct sockaddr *)&at, sizeof at) == 0);     /* the backlog takes it at once */
    raw_init(r, l, fd);
}

/* What fits the kernel's buffers; the number of bytes. */
static inline size_t raw_say_len(struct raw *r, const void *bytes, size_t len)
{
    ssize_t n = send(r->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n > 0 ? (size_t)n : 0;
}

static inline void raw_say(struct raw *r, const char *text)
{
    must(raw_say_len(r, text, strlen(text)) == strlen(text));
}

static inline void raw_forget(struct raw *r)
{
    r->len = 0;
    r->heard[0] = '\0';
}

static inline void raw_close(struct raw *r)
{
    loop_watch_destroy(&r->watch);
    if (r->fd >= 0)
        close(r->fd);
    free(r->heard);
    *r = (struct raw){.fd = -1};
}

/* A listening socket whose connections each become the next of `got`. */
struct raw_server {
    struct loop *loop;
    int fd;
    uint16_t port;
    struct loop_watch *watch;
    struct raw got[16];
    int n;
};

static inline void raw_on_connection(void *arg)
{
    struct raw_server *s = arg;
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    must(s->n < (int)(sizeof s->got / sizeof s->got[0]));
    raw_init(&s->got[s->n++], s->loop, fd);
}

static inline void raw_server_init(struct raw_server *s, struct loop *l)
{
    *s = (struct raw_server){.loop = l, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(s->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(s->fd, 64) == 0);
    must(getsockname(s->fd, (struct sockaddr *)&at, &len) == 0);
    must(fcntl(s->fd, F_SETFL, O_NONBLOCK) == 0);
    s->port = ntohs(at.sin_port);
    s->watch = loop_watch_fd(l, s->fd, raw_on_connection, s);
}

static inline void raw_server_fini(struct raw_server *s)
{
    for (int i = 0; i < s->n; i++)
        raw_close(&s->got[i]);
    loop_watch_destroy(&s->watch);
    close(s->fd);
}

/* A port nobody listens on. */
static inline uint16_t closed_port(struct loop *l)
{
    struct raw_server s;
    raw_server_init(&s, l);
    raw_server_fini(&s);
    return s.port;
}

#endif
