/* stages - where a decision's time goes in a running instance: the agents' own stamps, heard as a guest.
 *
 *   usage: stages INSTANCE-DIR SECONDS
 *
 * Each message's header says when the turn of the loop began in which it was made (UTC ns, one clock for
 * all).  For each order.placed, back along its signal_id: the risk.approved, the signal.generated, and the
 * last market.candle that ends where the signal's bar ends.
 */
#include "libagent/bus.h"
#include "libagent/clock.h"
#include "libagent/log.h"
#include "libagent/loop.h"
#include "proto/err.h"
#include "proto/messages.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "tests/bench/bench.h"

#define SIGNALS 4096
#define CLOSES  256

struct decision {
    char signal_id[40];
    int64_t close_ns, candle_ns, signal_ns, risk_ns, placed_ns;
};

static struct decision decisions[SIGNALS];
static size_t n_decisions;
static struct { int64_t close_ns, sent_ns; } closes[CLOSES];    /* a ring */
static size_t next_close;
static struct bus *bus;

static struct decision *find(const char *signal_id)
{
    for (size_t i = n_decisions; i > 0; i--)
        if (strcmp(decisions[i - 1].signal_id, signal_id) == 0)
            return &decisions[i - 1];
    return NULL;
}

static void on_candle(const struct msg_market_candle *m, int64_t sent_ns)
{
    int64_t tf_ns = 0;
    if (m->warm || tf_parse(m->tf, &tf_ns) < 0)
        return;
    closes[next_close].close_ns = m->start_ns + tf_ns;
    closes[next_close].sent_ns = sent_ns;
    next_close = (next_close + 1) % CLOSES;
}

static int64_t last_candle(int64_t close_ns, int64_t before_ns)
{
    int64_t last = 0;
    for (size_t i = 0; i < CLOSES; i++)
        if (closes[i].close_ns == close_ns && closes[i].sent_ns <= before_ns && closes[i].sent_ns > last)
            last = closes[i].sent_ns;
    return last;
}

static void on_signal(const struct msg_signal_generated *m, int64_t sent_ns)
{
    if (n_decisions == SIGNALS)
        return;
    struct decision *d = &decisions[n_decisions++];
    *d = (struct decision){.close_ns = m->close_ns, .signal_ns = sent_ns};
    d->candle_ns = last_candle(m->close_ns, sent_ns);
    TEXT_COPY(d->signal_id, m->signal_id);
}

static void on_frames(void *arg, const char *topic, const uint8_t header[HEADER_SIZE], const void *body, size_t len)
{
    static union {
        struct msg_market_candle candle;
        struct msg_signal_generated signal;
        struct msg_risk_approved approved;
        struct msg_order_placed placed;
    } m;
    struct envelope_parser parser;
    struct envelope env;
    struct header h;
    enum topic t;
    enum msg type = MSG_COUNT;
    const char *bad;
    (void)arg;
    if (topic_find(topic, &t) < 0 || (t != TOPIC_MARKET_CANDLE && t != TOPIC_SIGNAL_GENERATED &&
                                      t != TOPIC_RISK_APPROVED && t != TOPIC_ORDER_PLACED))
        return;
    if (header_decode(header, &h) < 0 || envelope_unpack(&parser, body, len, &env) < 0)
        return;
    if (msg_by_action(env.action, &type) == ERR_OK && type == topic_defs[t].msg &&
        msg_defs[type].unpack(env.payload, &m, &bad) == ERR_OK) {
        struct decision *d;
        if (t == TOPIC_MARKET_CANDLE)
            on_candle(&m.candle, h.sent_ns);
        else if (t == TOPIC_SIGNAL_GENERATED)
            on_signal(&m.signal, h.sent_ns);
        else if (t == TOPIC_RISK_APPROVED && (d = find(m.approved.signal_id)) != NULL)
            d->risk_ns = h.sent_ns;
        else if (t == TOPIC_ORDER_PLACED && m.placed.order.leg == LEG_ENTRY &&
                 (d = find(m.placed.order.signal_id)) != NULL)
            d->placed_ns = h.sent_ns;
    }
    envelope_parser_fini(&parser);
}

static bool on_prepare(void *arg)
{
    (void)arg;
    return bus_drain(bus);
}

static void on_end(void *arg)
{
    loop_stop(arg);
}

static void print_stage(const char *name, int64_t *ns, long n)
{
    struct quantiles q = quantiles(ns, n);
    printf("%-42s %8.2f ms  p90 %.2f  (%.2f-%.2f)\n", name, q.p50 / 1e3, (double)ns[n * 9 / 10] / 1e6, (double)ns[0] / 1e6,
           (double)ns[n - 1] / 1e6);
}

static int print_all(void)
{
    static int64_t v[4][SIGNALS];
    long n = 0;
    for (size_t i = 0; i < n_decisions; i++) {
        const struct decision *d = &decisions[i];
        if (d->candle_ns == 0 || d->risk_ns == 0 || d->placed_ns == 0)
            continue;
        v[0][n] = d->signal_ns - d->candle_ns;
        v[1][n] = d->risk_ns - d->signal_ns;
        v[2][n] = d->placed_ns - d->risk_ns;
        v[3][n++] = d->placed_ns - d->candle_ns;
    }
    printf("%zu signals, %ld entries placed: median, p90 (lowest-highest)\n", n_decisions, n);
    if (n == 0)
        return EXIT_FAILURE;
    print_stage("last candle of the batch -> signal", v[0], n);
    print_stage("signal -> risk decides", v[1], n);
    print_stage("risk decides -> exchange has answered", v[2], n);
    print_stage("last candle -> exchange has answered", v[3], n);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct loop *loop;
    char why[BUS_WHY_MAX];
    static const char *const heard[] = {"market.candle.", "signal.generated", "risk.approved", "order.placed", "agent.hb"};
    if (argc != 3) {
        fprintf(stderr, "usage: stages INSTANCE-DIR SECONDS\n");
        return 2;
    }
    long seconds = number(argv[2], 1, 600);
    if (chdir(argv[1]) < 0)
        die(argv[1]);
    log_init("stages");
    must(loop_new(&loop) == ERR_OK);
    const struct bus_options o = {.loop = loop, .name = "guest", .on_frames = on_frames};
    if (bus_open(&o, &bus, why) < 0) {
        fprintf(stderr, "stages: %s\n", why);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < sizeof heard / sizeof heard[0]; i++)
        bus_subscribe(bus, BUS_EVENT, heard[i]);
    loop_on_prepare(loop, on_prepare, NULL);
    loop_timer_new(loop, seconds * 1000, 0, false, on_end, loop);
    loop_run(loop);
    bus_close(&bus);
    loop_destroy(&loop);
    return print_all();
}
