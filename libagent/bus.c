/* bus - see bus.h
 *
 * ZMQ_FD is edge-triggered: after a wake-up every socket is read until it has no more, and a socket that
 * was also written (the replay channel) makes the loop turn once more, because writing may have
 * swallowed the edge.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <czmq.h>

#include "libagent/certs.h"
#include "libagent/clock.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/planted.h"

#include "libagent/bus.h"

#define MAX_FRAME     (ENVELOPE_MAX + 1024)
#define SUBSCRIPTIONS 128
#define CLIENTS       AGENT_COUNT
#define PARTS_MAX     8

/* Whether a socket has a connection whose handshake is over. */
struct link {
    zsock_t *monitor;
    bool up;
    int64_t down_ns;            /* since when it has none */
};

struct pair {
    zsock_t *pub, *sub;
    struct link pub_link, sub_link;
    struct loop_watch *watch;
    const char *pub_endpoint, *sub_endpoint;
    int hwm;
};

struct replay_client {
    struct bus *bus;
    enum party publisher;
    zsock_t *sock;
    struct loop_watch *watch;
    bus_frames *on_frames;
    replay_end *on_end;
    void *arg;
};

struct bus {
    struct loop *loop;
    char name[17];
    zcert_t *cert;
    char broker_key[41];
    bool market;
    bus_frames *on_frames;
    void *arg;
    struct pair pairs[BUS_PAIRS];
    struct { enum bus_pair pair; char prefix[TOPIC_MAX + 1]; } subscriptions[SUBSCRIPTIONS];
    size_t n_subscriptions;
    struct loop_timer *timer;
    int64_t heard_ns;
    size_t waiting;
    int64_t malformed;

    zactor_t *auth;
    zsock_t *router;
    struct loop_watch *router_watch;
    void (*on_request)(void *arg, const struct replay_request *r);
    void *request_arg;
    struct replay_client *clients[CLIENTS];
    bool wrote;                 /* on a socket that is also read, in this turn */
};

/* One message of up to PARTS_MAX frames. */
struct parts {
    zmq_msg_t part[PARTS_MAX];
    int n;
    bool too_many;
};

static void parts_close(struct parts *m)
{
    for (int i = 0; i < m->n; i++)
        zmq_msg_close(&m->part[i]);
    m->n = 0;
}

/* True when a message was there. */
static bool parts_recv(zsock_t *sock, struct parts *m)
{
    void *z = zsock_resolve(sock);
    *m = (struct parts){.n = 0};
    for (;;) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, z, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&part);
            return false;       /* only before the first part: messages arrive whole */
        }
        bool more = zmq_msg_more(&part);
        if (m->n < PARTS_MAX) {
            m->part[m->n++] = part;
        } else {
            m->too_many = true;
            zmq_msg_close(&part);
        }
        if (!more)
            return true;
    }
}

static const void *data(struct parts *m, int i)
{
    return zmq_msg_data(&m->part[i]);
}

static size_t size(struct parts *m, int i)
{
    return zmq_msg_size(&m->part[i]);
}

/* A topic frame as text. */
static bool topic_text(struct parts *m, int i, char ret[TOPIC_MAX + 1])
{
    size_t n = size(m, i);
    if (n == 0 || n > TOPIC_MAX || memchr(data(m, i), '\0', n) != NULL)
        return false;
    memcpy(ret, data(m, i), n);
    ret[n] = '\0';
    return true;
}

static uint64_t le(const void *bytes, int n)
{
    const uint8_t *p = bytes;
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void put_le(uint8_t *p, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static bool send_part(zsock_t *sock, const void *bytes, size_t n, bool more)
{
    return zmq_send(zsock_resolve(sock), bytes, n, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0;
}

static void set_options(zsock_t *s, int hwm)
{
    zsock_set_linger(s, 0);
    zsock_set_sndhwm(s, hwm);
    zsock_set_rcvhwm(s, hwm);
    zsock_set_maxmsgsize(s, MAX_FRAME);
    zsock_set_reconnect_ivl(s, 20);
    zsock_set_reconnect_ivl_max(s, 0);
    zsock_set_handshake_ivl(s, 5000);
}

static void as_client(struct bus *b, zsock_t *s, const char *server_key)
{
    zcert_apply(b->cert, s);
    zsock_set_curve_serverkey(s, server_key);
}

/* The prepare hook reads; the watch only wakes the loop. */
static void on_readable(void *arg)
{
    (void)arg;
}

static struct loop_watch *watch(struct bus *b, zsock_t *s)
{
    int fd = (int)zsock_fd(s);
    return loop_watch_fd(b->loop, fd, on_readable, b);
}

/* ---- the pairs ---- */

/* libzmq connects again after a lost connection, but not after every handshake that failed, and each socket
 * has its own luck when a broker comes back: so each is watched.  Call before it connects. */
static void link_open(struct link *l, zsock_t *s)
{
    static unsigned n;
    char endpoint[40];
    snprintf(endpoint, sizeof endpoint, "inproc://bus-link.%u", n++);
    must(zmq_socket_monitor(zsock_resolve(s), endpoint,
                            ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) == 0);
    *l = (struct link){.monitor = zsock_new(ZMQ_PAIR), .down_ns = mono_now().ns};
    must(l->monitor != NULL && zsock_connect(l->monitor, "%s", endpoint) == 0);
}

static bool link_is_dead(struct link *l)
{
    int64_t now = mono_now().ns;
    struct parts m;
    for (uint16_t event; parts_recv(l->monitor, &m); parts_close(&m)) {
        must(size(&m, 0) >= sizeof event);
        memcpy(&event, data(&m, 0), sizeof event);
        if (l->up)
            l->down_ns = now;
        l->up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    }
    return !l->up && now - l->down_ns >= BUS_SILENT_MS * 1000000LL;
}

/* Events stop before their reader goes: libzmq's I/O thread, which all sockets of the process share, waits for ever to
 * tell one to a reader that is gone. */
static void link_close(struct link *l, zsock_t *s)
{
    if (s != NULL && !PLANTED(monitor_left_on))
        must(zmq_socket_monitor(zsock_resolve(s), NULL, 0) == 0);
    zsock_destroy(&l->monitor);
}

static void pair_close(struct pair *p)
{
    loop_watch_destroy(&p->watch);
    link_close(&p->pub_link, p->pub);
    link_close(&p->sub_link, p->sub);
    zsock_destroy(&p->pub);
    zsock_destroy(&p->sub);
}

static void pair_open(struct bus *b, enum bus_pair i)
{
    struct pair *p = &b->pairs[i];
    p->pub = zsock_new(ZMQ_PUB);
    p->sub = zsock_new(ZMQ_SUB);
    must(p->pub != NULL && p->sub != NULL);
    set_options(p->pub, p->hwm);
    set_options(p->sub, p->hwm);
    as_client(b, p->pub, b->broker_key);
    as_client(b, p->sub, b->broker_key);
    link_open(&p->pub_link, p->pub);
    link_open(&p->sub_link, p->sub);
    must(zsock_connect(p->pub, "%s", p->pub_endpoint) == 0);
    must(zsock_connect(p->sub, "%s", p->sub_endpoint) == 0);
    for (size_t k = 0; k < b->n_subscriptions; k++)
        if (b->subscriptions[k].pair == i)
            zsock_set_subscribe(p->sub, b->subscriptions[k].prefix);
    p->watch = watch(b, p->sub);
}

static void on_timer(void *arg)
{
    struct bus *b = arg;
    /* With messages waiting not the bus was silent: this process stood still. */
    bool silent = mono_now().ns - b->heard_ns >= BUS_SILENT_MS * 1000000LL &&
                  !(zsock_events(b->pairs[BUS_EVENT].sub) & ZMQ_POLLIN);
    if (silent)
        b->heard_ns = mono_now().ns;
    for (int i = 0; i < BUS_PAIRS; i++) {
        struct pair *p = &b->pairs[i];
        if (p->pub == NULL)
            continue;
        bool pub_dead = link_is_dead(&p->pub_link), sub_dead = link_is_dead(&p->sub_link);
        if (silent || pub_dead || sub_dead) {
            pair_close(p);
            pair_open(b, (enum bus_pair)i);
        }
    }
}

int bus_open(const struct bus_options *o, struct bus **ret, char why[BUS_WHY_MAX])
{
    if (access("sock", W_OK | X_OK) != 0) {
        snprintf(why, BUS_WHY_MAX, "sock: %s; `enigma up` makes the instance's directories", strerror(errno));
        return ERR_CONFIG;
    }
    struct bus *b = calloc(1, sizeof *b);
    must(b != NULL);
    b->loop = o->loop;
    b->market = o->market;
    b->on_frames = o->on_frames;
    b->arg = o->arg;
    b->heard_ns = mono_now().ns;
    snprintf(b->name, sizeof b->name, "%s", o->name);
    zsys_init();
    zsys_handler_set(NULL);
    int err = certs_load(CERTS_DIR, o->name, &b->cert, why);
    if (err == ERR_OK)
        err = certs_public(CERTS_DIR, party_name(AGENT_BROKER), b->broker_key, why);
    if (err < 0) {
        bus_close(&b);
        return err;
    }
    b->pairs[BUS_EVENT] = (struct pair){
        .pub_endpoint = "ipc://sock/event.pub", .sub_endpoint = "ipc://sock/event.sub", .hwm = BUS_EVENT_HWM,
    };
    b->pairs[BUS_MARKET] = (struct pair){
        .pub_endpoint = "ipc://sock/market.pub", .sub_endpoint = "ipc://sock/market.sub", .hwm = BUS_MARKET_HWM,
    };
    pair_open(b, BUS_EVENT);
    if (b->market)
        pair_open(b, BUS_MARKET);
    b->timer = loop_timer_new(b->loop, 1000, 1000, true, on_timer, b);
    *ret = b;
    return ERR_OK;
}

void bus_close(struct bus **bus)
{
    struct bus *b = *bus;
    if (b == NULL)
        return;
    for (int i = 0; i < CLIENTS; i++)
        bus_replay_disconnect(&b->clients[i]);
    loop_watch_destroy(&b->router_watch);
    zsock_destroy(&b->router);
    zactor_destroy(&b->auth);
    for (int i = 0; i < BUS_PAIRS; i++)
        pair_close(&b->pairs[i]);
    loop_timer_destroy(&b->timer);
    zcert_destroy(&b->cert);
    free(b);
    *bus = NULL;
}

void bus_subscribe(struct bus *b, enum bus_pair pair, const char *prefix)
{
    must(b->n_subscriptions < SUBSCRIPTIONS && b->pairs[pair].sub != NULL);
    b->subscriptions[b->n_subscriptions].pair = pair;
    snprintf(b->subscriptions[b->n_subscriptions++].prefix, TOPIC_MAX + 1, "%s", prefix);
    zsock_set_subscribe(b->pairs[pair].sub, prefix);
}

void bus_send(struct bus *b, enum bus_pair pair, const char *topic, const uint8_t header[HEADER_SIZE],
              const void *body, size_t len)
{
    zsock_t *s = b->pairs[pair].pub;
    must(s != NULL);
    if (send_part(s, topic, strlen(topic), true) && send_part(s, header, HEADER_SIZE, true))
        send_part(s, body, len, false);
}

/* ---- hearing ---- */

static bool well_formed(struct bus *b, struct parts *m, char topic[TOPIC_MAX + 1])
{
    if (m->n == 3 && !m->too_many && topic_text(m, 0, topic) && size(m, 1) == HEADER_SIZE &&
        size(m, 2) > 0 && size(m, 2) <= ENVELOPE_MAX)
        return true;
    b->malformed++;
    return false;
}

static bool drain_events(struct bus *b)
{
    struct parts m;
    char topic[TOPIC_MAX + 1];
    for (int i = 0; i < BUS_DRAIN_MAX; i++) {
        if (!parts_recv(b->pairs[BUS_EVENT].sub, &m))
            return false;
        b->waiting++;
        b->heard_ns = mono_now().ns;
        if (well_formed(b, &m, topic))
            b->on_frames(b->arg, topic, data(&m, 1), data(&m, 2), size(&m, 2));
        parts_close(&m);
    }
    return true;
}

/* Newest per topic: a later message of the same topic takes the place of the one that waits. */
static bool drain_market(struct bus *b)
{
    static struct { char topic[TOPIC_MAX + 1]; struct parts m; } held[BUS_DRAIN_MAX];
    int n = 0, got = 0;
    struct parts m;
    char topic[TOPIC_MAX + 1];
    for (; got < BUS_DRAIN_MAX && parts_recv(b->pairs[BUS_MARKET].sub, &m); got++) {
        b->waiting++;
        if (!well_formed(b, &m, topic)) {
            parts_close(&m);
            continue;
        }
        int k = 0;
        while (k < n && strcmp(held[k].topic, topic) != 0)
            k++;
        if (k < n)
            parts_close(&held[k].m);
        else
            n++;
        memcpy(held[k].topic, topic, sizeof topic);
        held[k].m = m;
    }
    for (int k = 0; k < n; k++) {
        struct parts *p = &held[k].m;
        b->on_frames(b->arg, held[k].topic, data(p, 1), data(p, 2), size(p, 2));
        parts_close(p);
    }
    return got == BUS_DRAIN_MAX;
}

static void on_question(struct bus *b, struct parts *m)
{
    struct replay_request r = {.peer = &m->part[0]};
    if (m->n != 5 || size(m, 1) != 3 || memcmp(data(m, 1), "ASK", 3) != 0 ||
        !topic_text(m, 2, r.topic) || size(m, 3) != 8 || size(m, 4) != 4) {
        b->malformed++;
        return;
    }
    r.from = le(data(m, 3), 8);
    r.max = (uint32_t)le(data(m, 4), 4);
    b->on_request(b->request_arg, &r);
}

static void on_reply(struct replay_client *c, struct parts *m)
{
    char topic[TOPIC_MAX + 1];
    if (m->n == 4 && size(m, 0) == 3 && memcmp(data(m, 0), "DAT", 3) == 0 && topic_text(m, 1, topic) &&
        size(m, 2) == HEADER_SIZE && size(m, 3) > 0 && size(m, 3) <= ENVELOPE_MAX)
        c->on_frames(c->arg, topic, data(m, 2), data(m, 3), size(m, 3));
    else if (m->n == 5 && size(m, 0) == 3 && memcmp(data(m, 0), "END", 3) == 0 &&
             topic_text(m, 1, topic) && size(m, 2) == 8 && size(m, 3) == 8 && size(m, 4) == 8)
        c->on_end(c->arg, c->publisher, topic, le(data(m, 2), 8), le(data(m, 3), 8), le(data(m, 4), 8));
    else
        c->bus->malformed++;
}

static bool drain_replay(struct bus *b)
{
    struct parts m;
    int n = 0;
    for (; b->router != NULL && n < BUS_DRAIN_MAX && parts_recv(b->router, &m); n++) {
        on_question(b, &m);
        parts_close(&m);
    }
    bool more = n == BUS_DRAIN_MAX;
    for (int i = 0; i < CLIENTS; i++) {
        for (n = 0; b->clients[i] != NULL && n < BUS_DRAIN_MAX && parts_recv(b->clients[i]->sock, &m); n++) {
            on_reply(b->clients[i], &m);
            parts_close(&m);
        }
        more = more || n == BUS_DRAIN_MAX;
    }
    return more;
}

bool bus_drain(struct bus *b)
{
    b->waiting = 0;
    bool more = drain_events(b);
    if (b->market)
        more = drain_market(b) || more;
    more = drain_replay(b) || more || b->wrote;
    b->wrote = false;
    return more;
}

size_t bus_waiting(const struct bus *b)
{
    return b->waiting;
}

int64_t bus_malformed(const struct bus *b)
{
    return b->malformed;
}

/* ---- replay ---- */

int bus_replay_bind(struct bus *b, void (*on)(void *arg, const struct replay_request *r), void *arg,
                    char why[BUS_WHY_MAX])
{
    b->auth = zactor_new(zauth, NULL);
    must(b->auth != NULL);
    zstr_sendx(b->auth, "CURVE", CERTS_DIR, NULL);
    zsock_wait(b->auth);
    b->router = zsock_new(ZMQ_ROUTER);
    must(b->router != NULL);
    set_options(b->router, BUS_EVENT_HWM);
    zcert_apply(b->cert, b->router);
    zsock_set_curve_server(b->router, 1);
    zsock_set_zap_domain(b->router, "enigma");
    if (zsock_bind(b->router, "ipc://sock/replay.%s", b->name) < 0) {
        snprintf(why, BUS_WHY_MAX, "sock/replay.%s: cannot be bound: %s", b->name, zmq_strerror(errno));
        return ERR_IO;
    }
    b->on_request = on;
    b->request_arg = arg;
    b->router_watch = watch(b, b->router);
    return ERR_OK;
}

static bool send_peer(struct bus *b, const struct replay_request *r)
{
    const zmq_msg_t *peer = r->peer;
    b->wrote = true;
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    /* libzmq's copy takes a non-const source though it only counts a reference */
    zmq_msg_copy(&copy, (zmq_msg_t *)(uintptr_t)peer);
    bool ok = zmq_msg_send(&copy, zsock_resolve(b->router), ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0;
    if (!ok)
        zmq_msg_close(&copy);
    return ok;
}

void bus_replay_answer(struct bus *b, const struct replay_request *r, const char *topic,
                       const uint8_t header[HEADER_SIZE], const void *body, size_t len)
{
    if (send_peer(b, r) && send_part(b->router, "DAT", 3, true) &&
        send_part(b->router, topic, strlen(topic), true) && send_part(b->router, header, HEADER_SIZE, true))
        send_part(b->router, body, len, false);
}

void bus_replay_end(struct bus *b, const struct replay_request *r, uint64_t last, uint64_t oldest,
                    uint64_t stream)
{
    uint8_t l[8], o[8], s[8];
    put_le(l, last, 8);
    put_le(o, oldest, 8);
    put_le(s, stream, 8);
    if (send_peer(b, r) && send_part(b->router, "END", 3, true) &&
        send_part(b->router, r->topic, strlen(r->topic), true) && send_part(b->router, l, 8, true) &&
        send_part(b->router, o, 8, true))
        send_part(b->router, s, 8, false);
}

struct replay_client *bus_replay_connect(struct bus *b, enum party publisher, bus_frames *on_frames,
                                         replay_end *on_end, void *arg)
{
    char key[41], why[CERTS_WHY_MAX];
    must(b->clients[publisher] == NULL);
    if (certs_public(CERTS_DIR, party_name(publisher), key, why) < 0)
        return NULL;
    struct replay_client *c = calloc(1, sizeof *c);
    must(c != NULL);
    *c = (struct replay_client){
        .bus = b, .publisher = publisher, .on_frames = on_frames, .on_end = on_end, .arg = arg,
        .sock = zsock_new(ZMQ_DEALER),
    };
    must(c->sock != NULL);
    set_options(c->sock, BUS_EVENT_HWM);
    as_client(b, c->sock, key);
    must(zsock_connect(c->sock, "ipc://sock/replay.%s", party_name(publisher)) == 0);
    c->watch = watch(b, c->sock);
    b->clients[publisher] = c;
    return c;
}

void bus_replay_ask(struct replay_client *c, const char *topic, uint64_t from, uint32_t max)
{
    uint8_t f[8], m[4];
    put_le(f, from, 8);
    put_le(m, max, 4);
    c->bus->wrote = true;
    if (send_part(c->sock, "ASK", 3, true) && send_part(c->sock, topic, strlen(topic), true) &&
        send_part(c->sock, f, 8, true))
        send_part(c->sock, m, 4, false);
}

void bus_replay_disconnect(struct replay_client **client)
{
    struct replay_client *c = *client;
    if (c == NULL)
        return;
    c->bus->clients[c->publisher] = NULL;
    loop_watch_destroy(&c->watch);
    zsock_destroy(&c->sock);
    free(c);
    *client = NULL;
}
