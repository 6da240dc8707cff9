/* buslat - round trips through the real bus beside a forwarder of our own, in one interleaved run.
 *
 *   usage: buslat INSTANCE-DIR [ROUNDS [SAMPLES]]      enigma-bus serves INSTANCE-DIR
 *
 * Three processes on each path, one message at a time, MESSAGE bytes there and back:
 *   bus         we, as signal -> enigma-bus -> an echo, as risk -> enigma-bus -> we; sockets, loop and
 *               CURVE certificates as in every agent, inbox topics
 *   forwarder   we -> one thread that polls, reads and writes -> an echo -> the forwarder -> we; TCP, loopback
 *   zmq_proxy   we -> libzmq's own broker -> an echo -> the broker -> we; ipc, no CURVE, no rights: what the
 *               library alone costs on this machine
 * Each round measures one path after the other.  A round trip is four passages between processes.
 */
#include <poll.h>
#include <sys/wait.h>

#include <zmq.h>

#include "libagent/bus.h"
#include "libagent/clock.h"
#include "libagent/log.h"
#include "libagent/loop.h"
#include "proto/err.h"

#include "tests/bench/bench.h"

#define BODY        200
#define TOPIC_THERE "agent.risk"
#define TOPIC_BACK  "agent.signal"
#define MESSAGE     (sizeof TOPIC_THERE - 1 + HEADER_SIZE + BODY)
#define WARM_UP     500         /* round trips before each measurement */
#define SAMPLES_MAX 100000
#define LOST_MS     1000

static int64_t samples[SAMPLES_MAX + WARM_UP];

/* ---- the forwarder ---- */

static void forward(int listener)
{
    uint8_t buf[65536];
    struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
    for (int i = 0; i < 2; i++)
        p[i].fd = prompt(accept(listener, NULL, NULL));
    for (;;) {
        if (poll(p, 2, -1) < 0)
            die("poll");
        for (int i = 0; i < 2; i++) {
            if (p[i].revents == 0)
                continue;
            ssize_t n = read(p[i].fd, buf, sizeof buf);
            if (n <= 0)
                _exit(EXIT_SUCCESS);
            write_all(p[!i].fd, buf, (size_t)n);
        }
    }
}

static void echo_tcp(int s)
{
    uint8_t buf[MESSAGE];
    for (;;) {
        read_all(s, buf, sizeof buf);
        write_all(s, buf, sizeof buf);
    }
}

/* Our end of a path with a forwarder and an echo at its other end. */
static int forwarder_open(pid_t pids[2])
{
    struct sockaddr_in at;
    int listener = listen_any(&at);
    if ((pids[0] = child()) == 0)
        forward(listener);
    int s = connect_to(&at);
    if ((pids[1] = child()) == 0) {
        close(s);
        echo_tcp(connect_to(&at));
    }
    close(listener);
    return s;
}

static struct quantiles measure_forwarder(int s, long n)
{
    uint8_t there[MESSAGE] = {0}, back[MESSAGE];
    for (long i = 0; i < n + WARM_UP; i++) {
        int64_t from = mono_now().ns;
        memcpy(there, &i, sizeof i);
        write_all(s, there, sizeof there);
        read_all(s, back, sizeof back);
        samples[i] = mono_now().ns - from;
        must(memcmp(there, back, sizeof back) == 0);
    }
    return quantiles(samples + WARM_UP, n);
}

/* ---- zmq_proxy ---- */

struct plain {
    void *pub, *sub;
};

static void *plain_socket(void *ctx, int type, bool bind, const char *endpoint)
{
    int linger = 0;
    void *s = zmq_socket(ctx, type);
    if (s == NULL || zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger) < 0 ||
        (bind ? zmq_bind(s, endpoint) : zmq_connect(s, endpoint)) < 0)
        die(endpoint);
    return s;
}

static struct plain plain_end(const char *hears)
{
    void *ctx = zmq_ctx_new();
    struct plain p = {
        plain_socket(ctx, ZMQ_PUB, false, "ipc://sock/proxy.pub"), plain_socket(ctx, ZMQ_SUB, false, "ipc://sock/proxy.sub"),
    };
    int ms = LOST_MS;
    if (zmq_setsockopt(p.sub, ZMQ_SUBSCRIBE, hears, strlen(hears)) < 0 ||
        zmq_setsockopt(p.sub, ZMQ_RCVTIMEO, &ms, sizeof ms) < 0)
        die("subscription");
    return p;
}

static void proxy(void)
{
    void *ctx = zmq_ctx_new();
    void *in = plain_socket(ctx, ZMQ_XSUB, true, "ipc://sock/proxy.pub");
    void *out = plain_socket(ctx, ZMQ_XPUB, true, "ipc://sock/proxy.sub");
    zmq_proxy(in, out, NULL);
}

static void echo_plain(void)
{
    struct plain p = plain_end("T");
    uint8_t buf[MESSAGE];
    for (;;)
        if (zmq_recv(p.sub, buf, sizeof buf, 0) == (int)sizeof buf) {
            buf[0] = 'B';
            zmq_send(p.pub, buf, sizeof buf, 0);
        }
}

/* False: no answer in LOST_MS. */
static bool plain_trip(const struct plain *p)
{
    uint8_t buf[MESSAGE] = {'T'};
    zmq_send(p->pub, buf, sizeof buf, 0);
    return zmq_recv(p->sub, buf, sizeof buf, 0) == (int)sizeof buf;
}

static struct quantiles measure_plain(const struct plain *p, long n)
{
    for (long i = 0; i < n + WARM_UP; i++) {
        int64_t from = mono_now().ns;
        must(plain_trip(p));
        samples[i] = mono_now().ns - from;
    }
    return quantiles(samples + WARM_UP, n);
}

/* ---- the bus ---- */

struct end {
    struct loop *loop;
    struct bus *bus;
    enum party me;
    const char *hears, *says;
    uint64_t seq;
    long wanted, got, lost;     /* the asking end */
    int64_t sent_ns;
    uint64_t awaited;
};

static void end_say(struct end *e, const void *body, size_t len)
{
    struct header h = {.class = DUR_V, .sender = e->me, .epoch = 1, .seq = ++e->seq, .sent_ns = wall_ns()};
    uint8_t header[HEADER_SIZE];
    header_encode(&h, header);
    bus_send(e->bus, BUS_EVENT, e->says, header, body, len);
}

static void ask(struct end *e)
{
    uint8_t body[BODY] = {0};
    e->awaited++;
    memcpy(body, &e->awaited, sizeof e->awaited);
    e->sent_ns = mono_now().ns;
    end_say(e, body, sizeof body);
}

static void on_answer(void *arg, const char *topic, const uint8_t header[HEADER_SIZE], const void *body,
                      size_t len)
{
    struct end *e = arg;
    uint64_t number;
    (void)header;
    if (strcmp(topic, e->hears) != 0 || len != BODY)
        return;                 /* a heartbeat */
    memcpy(&number, body, sizeof number);
    if (number != e->awaited || e->got >= e->wanted)
        return;                 /* given up before */
    samples[e->got++] = mono_now().ns - e->sent_ns;
    if (e->got < e->wanted)
        ask(e);
    else
        loop_stop(e->loop);
}

static void on_question(void *arg, const char *topic, const uint8_t header[HEADER_SIZE], const void *body,
                        size_t len)
{
    struct end *e = arg;
    (void)header;
    if (strcmp(topic, e->hears) == 0)
        end_say(e, body, len);
}

static void on_lost(void *arg)
{
    struct end *e = arg;
    if (e->got >= e->wanted || mono_now().ns - e->sent_ns < LOST_MS * 1000000LL)
        return;
    e->lost++;
    ask(e);
}

static bool on_prepare(void *arg)
{
    struct end *e = arg;
    return bus_drain(e->bus);
}

/* Heartbeats are heard as by every agent: silence means to the skeleton that the bus is gone. */
static void end_open(struct end *e, bus_frames *on_frames)
{
    char why[BUS_WHY_MAX];
    must(loop_new(&e->loop) == ERR_OK);
    struct bus_options o = {.loop = e->loop, .name = party_name(e->me), .on_frames = on_frames, .arg = e};
    if (bus_open(&o, &e->bus, why) < 0) {
        fprintf(stderr, "buslat: %s\n", why);
        exit(EXIT_FAILURE);
    }
    bus_subscribe(e->bus, BUS_EVENT, e->hears);
    bus_subscribe(e->bus, BUS_EVENT, "agent.hb");
    loop_on_prepare(e->loop, on_prepare, e);
}

static void echo_bus(void)
{
    static struct end e = {.me = AGENT_RISK, .hears = TOPIC_THERE, .says = TOPIC_BACK};
    end_open(&e, on_question);
    loop_run(e.loop);
}

static void converse(struct end *e, long n)
{
    e->got = 0;
    e->wanted = n;
    ask(e);
    loop_run(e->loop);
}

static struct quantiles measure_bus(struct end *e, long n)
{
    converse(e, n + WARM_UP);
    return quantiles(samples + WARM_UP, n);
}

/* ---- the run ---- */

struct round {
    struct quantiles bus, forwarder, plain;
    double ratio50, ratio99, ratio999, spread, plain50, to_plain50;
};

static void print_rounds(const struct round *r, long rounds)
{
    size_t stride = sizeof *r / sizeof(double);
    print_line("bus p50", " us", &r->bus.p50, stride, rounds);
    print_line("bus p99", " us", &r->bus.p99, stride, rounds);
    print_line("bus p99.9", " us", &r->bus.p999, stride, rounds);
    print_line("forwarder p50", " us", &r->forwarder.p50, stride, rounds);
    print_line("forwarder p99", " us", &r->forwarder.p99, stride, rounds);
    print_line("forwarder p99.9", " us", &r->forwarder.p999, stride, rounds);
    print_line("zmq_proxy p50", " us", &r->plain.p50, stride, rounds);
    print_line("zmq_proxy p99", " us", &r->plain.p99, stride, rounds);
    print_line("ratio p50, goal 2.6", "", &r->ratio50, stride, rounds);
    print_line("ratio p99", "", &r->ratio99, stride, rounds);
    print_line("ratio p99.9", "", &r->ratio999, stride, rounds);
    print_line("bus p99 : p50, goal 2.5", "", &r->spread, stride, rounds);
    print_line("zmq_proxy : forwarder p50", "", &r->plain50, stride, rounds);
    print_line("bus : zmq_proxy p50", "", &r->to_plain50, stride, rounds);
}

int main(int argc, char **argv)
{
    static struct round r[ROUNDS_MAX];
    static struct end e = {.me = AGENT_SIGNAL, .hears = TOPIC_BACK, .says = TOPIC_THERE};
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: buslat INSTANCE-DIR [ROUNDS [SAMPLES]]\n");
        return 2;
    }
    long rounds = argc > 2 ? number(argv[2], 1, ROUNDS_MAX) : 7;
    long n = argc > 3 ? number(argv[3], 1000, SAMPLES_MAX) : 3000;
    if (chdir(argv[1]) < 0)
        die(argv[1]);
    log_init("buslat");
    pid_t pids[5];
    int s = forwarder_open(pids);
    if ((pids[2] = child()) == 0) {
        close(s);
        echo_bus();
        _exit(EXIT_SUCCESS);
    }
    if ((pids[3] = child()) == 0)
        proxy();
    if ((pids[4] = child()) == 0)
        echo_plain();
    struct plain plain = plain_end("B");
    end_open(&e, on_answer);
    loop_timer_new(e.loop, 100, 100, false, on_lost, &e);
    converse(&e, 1);            /* connections and subscriptions are up when this comes back */
    e.lost = 0;
    while (!plain_trip(&plain))
        continue;               /* likewise */
    for (long i = 0; i < rounds; i++) {
        r[i].bus = measure_bus(&e, n);
        r[i].forwarder = measure_forwarder(s, n);
        r[i].plain = measure_plain(&plain, n);
        r[i].ratio50 = r[i].bus.p50 / r[i].forwarder.p50;
        r[i].ratio99 = r[i].bus.p99 / r[i].forwarder.p99;
        r[i].ratio999 = r[i].bus.p999 / r[i].forwarder.p999;
        r[i].spread = r[i].bus.p99 / r[i].bus.p50;
        r[i].plain50 = r[i].plain.p50 / r[i].forwarder.p50;
        r[i].to_plain50 = r[i].bus.p50 / r[i].plain.p50;
    }
    printf("round trips of %d bytes, %ld rounds of %ld: median (lowest-highest)\n", BODY, rounds, n);
    print_rounds(r, rounds);
    printf("lost on the bus: %ld\n", e.lost);
    bus_close(&e.bus);
    loop_destroy(&e.loop);
    for (int i = 4; i >= 0; i--) {      /* the forwarder last: its end would disturb the echo */
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    return e.lost == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
