/* bus - the message broker: two pairs of XSUB/XPUB, and nobody says what is not his to say.
 *
 * Hears:   everything that is published, on sock/event.pub and sock/market.pub
 * Says:    the same on sock/event.sub and sock/market.sub, when the sender's certificate has the right to
 *          (broker/rights.h); about itself agent.hb, broker.stats, and health.degraded for refusals
 * Keeps:   counters; no message, no state
 * If lost: what is durable is in the publishers' journals, who fetch from one another; it is restarted
 *
 * It subscribes to everything at XSUB once and filters at XPUB, so that a refused publication is seen
 * and counted.  No ZMQ_XPUB_NODROP: a subscriber that stops reading loses messages, and nobody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <czmq.h>

#include "libagent/bus.h"
#include "libagent/certs.h"
#include "libagent/clock.h"
#include "libagent/log.h"
#include "libagent/loop.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/uuid.h"

#include "broker/rights.h"

/* A frame that is too long for a message is heard, counted and refused; libzmq cuts the connection of who sends
 * one that is longer than this, and tells nobody why. */
#define MAX_FRAME       (4 * ENVELOPE_MAX)
#define FORWARD_MAX     512     /* messages of one pair per turn */
#define REFUSALS_MAX    64      /* (sender, topic, verdict) counted apart */
#define REFUSALS_EACH   (REFUSALS_MAX / (AGENT_COUNT + 1))  /* of one sender; its last row takes the rest */
#define REPORT_MS       1000    /* between two reports of one refusal */
#define EXIT_BUSY       75
#define EXIT_CONFIG     78

struct pair {
    const char *name;
    int socket;                 /* enum topic_socket */
    int hwm;
    zsock_t *in, *out;
    zsock_t *monitors[2];       /* of in and out: handshakes that failed */
    struct loop_watch *watch_in, *watch_out, *watch_monitors[2];
};

struct refusal {
    char sender[17];
    char topic[TOPIC_MAX + 1];
    enum verdict verdict;
    int64_t count, reported;
    int64_t reported_ns;
};

struct rate {
    double tokens;
    int64_t ns;
};

struct broker {
    struct loop *loop;
    zactor_t *auth;
    struct pair pairs[BUS_PAIRS];
    struct rate rates[AGENT_COUNT];
    struct refusal refusals[REFUSALS_MAX];
    size_t n_refusals;
    int64_t messages, bytes, refused;
    int64_t started_ns, now_ns, mono_ns;
    uint32_t epoch;
    uint64_t seqs[TOPIC_COUNT];
};

/* ---- what the broker says itself ---- */

static void say(struct broker *b, enum topic topic, enum msg type, const void *msg)
{
    struct header h = {
        .class = topic_defs[topic].class, .sender = AGENT_BROKER, .epoch = b->epoch,
        .seq = ++b->seqs[topic], .sent_ns = b->now_ns,
    };
    uint8_t header[HEADER_SIZE];
    header_encode(&h, header);
    struct envelope e = {
        .from = AGENT_BROKER, .to = "*", .type = TYPE_EVENT, .priority = PRIORITY_NORMAL,
        .timestamp_ms = b->now_ns / 1000000,
    };
    uuid_make(e.id);
    TEXT_COPY(e.action, msg_defs[type].action);
    struct wbuf w;
    wbuf_init(&w, ENVELOPE_MAX);
    must(envelope_pack(&e, type, msg, &w) == ERR_OK);
    void *out = zsock_resolve(b->pairs[BUS_EVENT].out);
    const char *text = topic_defs[topic].text;
    if (zmq_send(out, text, strlen(text), ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0 &&
        zmq_send(out, header, sizeof header, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0)
        zmq_send(out, w.data, w.len, ZMQ_DONTWAIT);
    wbuf_fini(&w);
}

static void say_refusal(struct broker *b, struct refusal *r)
{
    struct msg_health_degraded m = {.severity = SEVERITY_HIGH, .count = r->count};
    TEXT_COPY(m.component, "bus");
    TEXT_COPY(m.code, verdict_name(r->verdict));
    snprintf(m.text, sizeof m.text, "refused: %s", verdict_text(r->verdict));
    TEXT_COPY(m.sender, r->sender);
    TEXT_COPY(m.topic, r->topic);
    r->reported = r->count;
    r->reported_ns = b->mono_ns;
    say(b, TOPIC_HEALTH_DEGRADED, MSG_HEALTH_DEGRADED, &m);
    log_warn("publication.refused", LOG_S("sender", r->sender), LOG_S("topic", r->topic),
             LOG_S("cause", verdict_name(r->verdict)), LOG_I("count", r->count), LOG_S("action", "dropped"));
}

/* A sender has rows of its own: whoever makes topics up can hide nobody's refusals but its own. */
static struct refusal *refusal_of(struct broker *b, const char *sender, const char *topic, enum verdict v)
{
    struct refusal *rest = NULL;
    int rows = 0;
    for (size_t i = 0; i < b->n_refusals; i++) {
        struct refusal *r = &b->refusals[i];
        if (strcmp(r->sender, sender) != 0)
            continue;
        if (r->verdict == v && strcmp(r->topic, topic) == 0)
            return r;
        rest = r;
        rows++;
    }
    if (rows < REFUSALS_EACH) {
        must(b->n_refusals < REFUSALS_MAX);
        rest = &b->refusals[b->n_refusals++];
        TEXT_COPY(rest->sender, sender);
    }
    if (rows >= REFUSALS_EACH - 1)
        topic = "(others)";
    TEXT_COPY(rest->topic, topic);
    rest->verdict = v;
    return rest;
}

static bool report_due(const struct broker *b, const struct refusal *r)
{
    return r->reported < r->count &&
           (r->reported == 0 || b->mono_ns - r->reported_ns >= REPORT_MS * 1000000LL);
}

static void refuse(struct broker *b, enum party who, const char *topic, enum verdict v)
{
    b->refused++;
    struct refusal *r = refusal_of(b, who < AGENT_COUNT ? party_name(who) : "(unknown)", topic, v);
    r->count++;
    if (report_due(b, r))
        say_refusal(b, r);
}

static void on_beat(void *arg)
{
    struct broker *b = arg;
    static struct msg_agent_hb hb;
    hb = (struct msg_agent_hb){
        .life = LIFE_ACTIVE, .pid = getpid(), .epoch = b->epoch, .stream = 1,
        .protocol = PROTOCOL_VERSION, .uptime_ms = (b->mono_ns - b->started_ns) / 1000000,
        .fresh_ms = -1, .errors = log_errors(),
    };
    say(b, TOPIC_AGENT_HB, MSG_AGENT_HB, &hb);
}

static void on_stats(void *arg)
{
    struct broker *b = arg;
    static struct msg_broker_stats m;
    m = (struct msg_broker_stats){
        .uptime_ms = (b->mono_ns - b->started_ns) / 1000000, .messages = b->messages,
        .bytes = b->bytes, .refused = b->refused,
    };
    for (size_t i = 0; i < b->n_refusals; i++) {
        struct refusal *r = &b->refusals[i];
        snprintf(m.refusals[i].name, sizeof m.refusals[i].name, "%s %s %s", r->sender, r->topic,
                 verdict_name(r->verdict));
        m.refusals[i].count = r->count;
        m.refusals_n++;
        if (report_due(b, r))
            say_refusal(b, r);
    }
    say(b, TOPIC_BROKER_STATS, MSG_BROKER_STATS, &m);
}

/* ---- forwarding ---- */

/* Token bucket; one second's worth may come at once. */
static bool within_rate(struct broker *b, enum party who)
{
    struct rate *r = &b->rates[who];
    double most = rights_rate(who);
    r->tokens += (double)(b->mono_ns - r->ns) * 1e-9 * most;
    r->ns = b->mono_ns;
    if (r->tokens > most)
        r->tokens = most;
    if (r->tokens < 1)
        return false;
    r->tokens -= 1;
    return true;
}

static bool recv_part(zsock_t *s, zmq_msg_t *part)
{
    zmq_msg_init(part);
    if (zmq_msg_recv(part, zsock_resolve(s), ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(part);
    return false;
}

static void judge_and_forward(struct broker *b, struct pair *p, zmq_msg_t *parts, int kept, int frames)
{
    struct publication pub = {.frames = frames, .socket = p->socket};
    pub.sender = zmq_msg_gets(&parts[0], "name");
    enum party who = rights_sender(pub.sender);
    pub.over_rate = who < AGENT_COUNT && !within_rate(b, who);
    pub.topic = zmq_msg_data(&parts[0]);
    pub.topic_len = zmq_msg_size(&parts[0]);
    if (kept == 3) {
        pub.header = zmq_msg_data(&parts[1]);
        pub.header_len = zmq_msg_size(&parts[1]);
        pub.body = zmq_msg_data(&parts[2]);
        pub.body_len = zmq_msg_size(&parts[2]);
    }
    char text[TOPIC_MAX + 1];
    enum verdict v = rights_judge(&pub, text, &who);
    if (v != VERDICT_PASS) {
        refuse(b, who, text, v);
        return;
    }
    b->messages++;
    b->bytes += (int64_t)(pub.topic_len + pub.header_len + pub.body_len);
    void *out = zsock_resolve(p->out);
    for (int i = 0; i < kept; i++)
        if (zmq_msg_send(&parts[i], out, ZMQ_DONTWAIT | (i + 1 < kept ? ZMQ_SNDMORE : 0)) < 0)
            return;             /* XPUB drops at a full subscriber and does not fail; then for all */
}

static bool forward(struct broker *b, struct pair *p)
{
    for (int n = 0; n < FORWARD_MAX; n++) {
        zmq_msg_t parts[3], extra;
        int kept = 0, frames = 0;
        bool more = true;
        while (more) {
            zmq_msg_t *part = kept < 3 ? &parts[kept] : &extra;
            if (!recv_part(p->in, part)) {
                must(frames == 0);      /* messages arrive whole */
                return false;
            }
            more = zmq_msg_more(part);
            frames++;
            if (part == &extra)
                zmq_msg_close(part);
            else
                kept++;
        }
        judge_and_forward(b, p, parts, kept, frames);
        for (int i = 0; i < kept; i++)
            zmq_msg_close(&parts[i]);
    }
    return true;
}

/* Subscriptions act inside libzmq; here they are only taken off the queue. */
static bool drain_subscriptions(struct pair *p)
{
    zmq_msg_t part;
    int n = 0;
    for (; n < FORWARD_MAX && recv_part(p->out, &part); n++)
        zmq_msg_close(&part);
    return n == FORWARD_MAX;
}

/* Whoever has no certificate of the instance says nothing and hears nothing; that it tried is said. */
static void drain_monitor(struct broker *b, const struct pair *p, int which)
{
    zmq_msg_t part;
    while (recv_part(p->monitors[which], &part)) {
        bool event = zmq_msg_more(&part);       /* the second part is the endpoint */
        zmq_msg_close(&part);
        char text[TOPIC_MAX + 1];
        snprintf(text, sizeof text, "sock/%s.%s", p->name, which == 0 ? "pub" : "sub");
        if (event)
            refuse(b, AGENT_COUNT, text, VERDICT_HANDSHAKE);
    }
}

static bool on_turn(void *arg)
{
    struct broker *b = arg;
    b->now_ns = wall_ns();
    b->mono_ns = mono_now().ns;
    bool more = false;
    for (int i = 0; i < BUS_PAIRS; i++) {
        drain_monitor(b, &b->pairs[i], 0);
        drain_monitor(b, &b->pairs[i], 1);
        more = drain_subscriptions(&b->pairs[i]) || more;
        more = forward(b, &b->pairs[i]) || more;
    }
    return more;
}

static void on_wake(void *arg)
{
    struct broker *b = arg;
    b->now_ns = wall_ns();
    b->mono_ns = mono_now().ns;
}

static void on_readable(void *arg)
{
    (void)arg;
}

/* ---- start ---- */

/* Before the bind: no handshake may be missed.  Those without a cause (NO_DETAIL) are peers that ended early. */
static void monitor(struct broker *b, struct pair *p, int which, zsock_t *s)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://%s.%d", p->name, which);
    must(zmq_socket_monitor(zsock_resolve(s), endpoint,
                            ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) == 0);
    p->monitors[which] = zsock_new(ZMQ_PAIR);
    must(p->monitors[which] != NULL && zsock_connect(p->monitors[which], "%s", endpoint) == 0);
    p->watch_monitors[which] = loop_watch_fd(b->loop, (int)zsock_fd(p->monitors[which]), on_readable, b);
}

/* No ZMTP heartbeats: on a Unix socket the kernel tells the end of a peer at once, and one that stands still is
 * the orchestrator's business. */
static int bind_one(struct broker *b, zsock_t **ret, int type, struct pair *p, const char *what,
                    zcert_t *cert, char *why)
{
    zsock_t *s = zsock_new(type);
    must(s != NULL);
    *ret = s;
    monitor(b, p, type == ZMQ_XSUB ? 0 : 1, s);
    zsock_set_linger(s, 0);
    zsock_set_sndhwm(s, p->hwm);
    zsock_set_rcvhwm(s, p->hwm);
    zsock_set_maxmsgsize(s, MAX_FRAME);
    zsock_set_handshake_ivl(s, 5000);
    zcert_apply(cert, s);
    zsock_set_curve_server(s, 1);
    zsock_set_zap_domain(s, "enigma");
    if (zsock_bind(s, "ipc://sock/%s.%s", p->name, what) >= 0)
        return ERR_OK;
    snprintf(why, BUS_WHY_MAX, "sock/%s.%s: cannot be bound: %s; move away what is there", p->name, what,
             zmq_strerror(errno));
    return ERR_IO;
}

static int open_pair(struct broker *b, struct pair *p, zcert_t *cert, char *why)
{
    int err = bind_one(b, &p->in, ZMQ_XSUB, p, "pub", cert, why);
    if (err == ERR_OK)
        err = bind_one(b, &p->out, ZMQ_XPUB, p, "sub", cert, why);
    if (err < 0)
        return err;
    must(zmq_send(zsock_resolve(p->in), "\x01", 1, 0) == 1);     /* everything, once */
    p->watch_in = loop_watch_fd(b->loop, (int)zsock_fd(p->in), on_readable, b);
    p->watch_out = loop_watch_fd(b->loop, (int)zsock_fd(p->out), on_readable, b);
    return ERR_OK;
}

static int open_all(struct broker *b, char *why)
{
    char why_certs[CERTS_WHY_MAX];
    zcert_t *cert = NULL;
    zsys_init();
    zsys_handler_set(NULL);
    int err = certs_make(CERTS_DIR, why_certs);
    if (err >= 0)
        err = certs_load(CERTS_DIR, party_name(AGENT_BROKER), &cert, why_certs);
    if (err < 0) {
        snprintf(why, BUS_WHY_MAX, "%s", why_certs);
        return ERR_CONFIG;
    }
    b->auth = zactor_new(zauth, NULL);
    must(b->auth != NULL);
    zstr_sendx(b->auth, "CURVE", CERTS_DIR, NULL);
    zsock_wait(b->auth);
    b->pairs[BUS_EVENT] = (struct pair){.name = "event", .socket = SOCKET_EVENT, .hwm = BUS_EVENT_HWM};
    b->pairs[BUS_MARKET] = (struct pair){.name = "market", .socket = SOCKET_MARKET, .hwm = BUS_MARKET_HWM};
    for (int i = 0; err >= 0 && i < BUS_PAIRS; i++)
        err = open_pair(b, &b->pairs[i], cert, why);
    zcert_destroy(&cert);
    return err;
}

/* A second bind on a live ipc path succeeds and steals it: the lock comes before any socket. */
static int lock(char *why)
{
    int fd = open("sock/bus.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(why, BUS_WHY_MAX, "sock/bus.lock: %s; `enigma up` makes the instance's directories",
                 strerror(errno));
        return ERR_CONFIG;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return ERR_OK;
    snprintf(why, BUS_WHY_MAX, "sock/bus.lock: another enigma-bus serves this instance; stop it first");
    return ERR_BUSY;
}

static void on_signal(void *arg, int signum)
{
    struct broker *b = arg;
    log_info("stopping", LOG_I("signal", signum));
    loop_stop(b->loop);
}

static void close_all(struct broker *b)
{
    for (int i = 0; i < BUS_PAIRS; i++) {
        struct pair *p = &b->pairs[i];
        loop_watch_destroy(&p->watch_in);
        loop_watch_destroy(&p->watch_out);
        for (int k = 0; k < 2; k++) {
            zsock_t *s = k == 0 ? p->in : p->out;
            if (s != NULL)      /* its events stop before their reader goes: see libagent/bus.c */
                must(zmq_socket_monitor(zsock_resolve(s), NULL, 0) == 0);
            loop_watch_destroy(&p->watch_monitors[k]);
            zsock_destroy(&p->monitors[k]);
        }
        zsock_destroy(&p->in);
        zsock_destroy(&p->out);
    }
    zactor_destroy(&b->auth);
    loop_destroy(&b->loop);
}

static int run(struct broker *b)
{
    char why[BUS_WHY_MAX] = "";
    int err = lock(why);
    if (err == ERR_OK)
        err = loop_new(&b->loop);
    if (err == ERR_OK)
        err = open_all(b, why);
    if (err < 0) {
        log_error("start.failed", LOG_S("error", err_text(err)), LOG_S("why", why));
        close_all(b);
        return err == ERR_BUSY ? EXIT_BUSY : err == ERR_CONFIG ? EXIT_CONFIG : EXIT_FAILURE;
    }
    on_wake(b);
    b->started_ns = b->mono_ns;
    b->epoch = (uint32_t)(b->now_ns / 1000000000);
    loop_on_wake(b->loop, on_wake, b);
    loop_on_prepare(b->loop, on_turn, b);
    loop_on_signal(b->loop, SIGTERM, on_signal, b);
    loop_on_signal(b->loop, SIGINT, on_signal, b);
    loop_timer_new(b->loop, HEARTBEAT_MS, HEARTBEAT_MS, true, on_beat, b);
    loop_timer_new(b->loop, 1000, 1000, true, on_stats, b);
    log_info("started", LOG_I("pid", getpid()));
    loop_run(b->loop);
    log_info("stopped", LOG_I("messages", b->messages), LOG_I("refused", b->refused));
    close_all(b);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *instance = "run/paper";
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("usage: enigma-bus [-i DIR]\n  -i, --instance DIR   the instance's directory (default run/paper)\n");
        return EXIT_SUCCESS;
    }
    if (argc == 3 && (strcmp(argv[1], "-i") == 0 || strcmp(argv[1], "--instance") == 0)) {
        instance = argv[2];
    } else if (argc != 1) {
        fprintf(stderr, "enigma-bus: unknown argument \"%s\"; --help says what there is\n", argv[1]);
        return 2;
    }
    log_init("broker");
    if (chdir(instance) < 0) {
        fprintf(stderr, "enigma-bus: instance %s: %s; `enigma up` makes one\n", instance, strerror(errno));
        return EXIT_CONFIG;
    }
    static struct broker b;
    return run(&b);
}
