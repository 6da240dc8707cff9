/* badframes - says on the real bus what must not be said, and counts what it said.
 *
 *   usage: test-badframes DIR WHAT COUNT [SEED]
 * As guest, with its certificate, unless WHAT says otherwise:
 *   garbled      three frames of random bytes
 *   parts        1, 2, 4 and 40 frames
 *   topic        a topic that nobody knows
 *   sender       a header that names risk
 *   right        a message of risk's, from guest, honestly signed as guest's
 *   truncated    a true header and half of a true body
 *   oversized    a body over the bound of a message
 *   enormous     a frame over the bound of the wire; libzmq cuts the connection
 *   mutations    true questions to every agent with some bytes changed, added or taken, from SEED; with the
 *                optimizer's certificate, whose messages the broker does not look into: the agents must
 *   flood        true questions, as fast as they go
 *   anonymous    COUNT connections without any certificate
 *   stranger     the same with a certificate that the instance does not know
 * All but the last four leave 80 a second (a guest may say 100).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <czmq.h>

#include "libagent/certs.h"
#include "libagent/clock.h"
#include "proto/envelope.h"
#include "proto/err.h"
#include "proto/topics.h"
#include "proto/uuid.h"

#define RATE       80
#define PART_MAX   (1 << 20)

static zsock_t *sock;
static enum party who = AGENT_GUEST;
static uint64_t seed = 1;
static uint8_t header[HEADER_SIZE];
static struct wbuf body;

static uint32_t dice(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % n;
}

static void make_header(enum party sender, enum topic topic)
{
    static uint64_t seq;
    struct header h = {
        .class = topic_defs[topic].class, .sender = sender, .epoch = 1, .seq = ++seq, .sent_ns = wall_ns(),
    };
    header_encode(&h, header);
}

/* "How are you?", as a guest may ask. */
static void make_question(enum party whom)
{
    struct envelope e = {
        .from = who, .type = TYPE_REQUEST, .priority = PRIORITY_NORMAL,
        .timestamp_ms = wall_ns() / 1000000,
    };
    static const struct msg_agent_status m;
    uuid_make(e.id);
    snprintf(e.to, sizeof e.to, "%s", party_name(whom));
    snprintf(e.action, sizeof e.action, "%s", msg_defs[MSG_AGENT_STATUS].action);
    wbuf_fini(&body);
    wbuf_init(&body, ENVELOPE_MAX);
    must(envelope_pack(&e, MSG_AGENT_STATUS, &m, &body) == ERR_OK);
    make_header(who, TOPIC_INBOX);
}

static void part(const void *bytes, size_t n, bool more)
{
    must(zmq_send(zsock_resolve(sock), bytes, n, more ? ZMQ_SNDMORE : 0) >= 0);
}

static void message(const char *topic, const void *payload, size_t n)
{
    part(topic, strlen(topic), true);
    part(header, sizeof header, true);
    part(payload, n, false);
}

static void random_bytes(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)dice(256);
}

/* Up to four changes of the frame: a byte flipped, set, taken or added. */
static size_t mutate(uint8_t *p, size_t n, size_t room)
{
    for (uint32_t k = 0; k <= dice(4); k++) {
        size_t at = n > 0 ? dice((uint32_t)n) : 0;
        switch (dice(4)) {
        case 0:
            if (n > 0)
                p[at] ^= (uint8_t)(1u << dice(8));
            break;
        case 1:
            if (n > 0)
                p[at] = (uint8_t)dice(256);
            break;
        case 2:
            n = at;
            break;
        default:
            if (n < room)
                p[n++] = (uint8_t)dice(256);
        }
    }
    return n;
}

static void say_mutation(void)
{
    static uint8_t frames[3][ENVELOPE_MAX + 64];
    char topic[TOPIC_MAX + 1];
    enum party whom = (enum party)dice(AGENT_AUDIT + 1);
    make_question(whom);
    snprintf(topic, sizeof topic, "%s%s", topic_defs[TOPIC_INBOX].text, party_name(whom));
    const void *const from[3] = {topic, header, body.data};
    size_t n[3] = {strlen(topic), sizeof header, body.len};
    for (int i = 0; i < 3; i++)
        memcpy(frames[i], from[i], n[i]);
    int which = (int)dice(4);               /* the body more often: it is the deepest */
    which = which > 2 ? 2 : which;
    n[which] = mutate(frames[which], n[which], sizeof frames[which]);
    for (int i = 0; i < 3; i++)
        part(frames[i], n[i], i < 2);
}

static void say_parts(long i)
{
    static const int counts[] = {1, 2, 4, 40};
    int n = counts[i % 4];
    for (int k = 0; k < n; k++)
        part("agent.risk", 10, k + 1 < n);
}

static void say(const char *what, long i)
{
    static uint8_t big[PART_MAX];
    if (strcmp(what, "parts") == 0) {
        say_parts(i);
    } else if (strcmp(what, "garbled") == 0) {
        random_bytes(big, 256);
        part(big, 1 + dice(64), true);
        part(big + 64, HEADER_SIZE, true);
        part(big + 128, 1 + dice(128), false);
    } else if (strcmp(what, "mutations") == 0) {
        say_mutation();
    } else {
        make_question(AGENT_RISK);
        if (strcmp(what, "sender") == 0)
            make_header(AGENT_RISK, TOPIC_INBOX);
        else if (strcmp(what, "right") == 0)
            make_header(who, TOPIC_RISK_APPROVED);
        bool oversized = strcmp(what, "oversized") == 0, enormous = strcmp(what, "enormous") == 0;
        size_t n = strcmp(what, "truncated") == 0 ? body.len / 2
                 : oversized ? ENVELOPE_MAX + 1 : enormous ? PART_MAX : body.len;
        if (oversized || enormous)
            memset(big, 'x', sizeof big);
        message(strcmp(what, "topic") == 0 ? "no.such.topic" : strcmp(what, "right") == 0 ? "risk.approved" : "agent.risk",
                oversized || enormous ? big : body.data, n);
    }
}

/* The broker's subscription has come when the socket can be written to: a PUB would throw away until then, so
 * this is an XPUB, which hears it. */
static void wait_for_subscription(void)
{
    zmq_msg_t m;
    zsock_set_rcvtimeo(sock, 5000);
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, zsock_resolve(sock), 0) < 0) {
        fprintf(stderr, "badframes: the bus does not let me in\n");
        exit(1);
    }
    zmq_msg_close(&m);
}

static void open_socket(const char *what)
{
    char key[41], why[CERTS_WHY_MAX] = "";
    zcert_t *cert = NULL;
    must(certs_public(CERTS_DIR, "broker", key, why) == ERR_OK);
    sock = zsock_new(ZMQ_XPUB);
    must(sock != NULL);
    zsock_set_linger(sock, 2000);
    zsock_set_sndhwm(sock, 0);
    if (strcmp(what, "anonymous") != 0) {
        if (strcmp(what, "stranger") == 0)
            cert = zcert_new();
        else
            must(certs_load(CERTS_DIR, party_name(who), &cert, why) == ERR_OK);
        zcert_apply(cert, sock);
        zsock_set_curve_serverkey(sock, key);
        zcert_destroy(&cert);
    }
    must(zsock_connect(sock, "ipc://sock/event.pub") == 0);
}

int main(int argc, char **argv)
{
    if (argc < 4 || chdir(argv[1]) < 0) {
        fprintf(stderr, "usage: test-badframes DIR WHAT COUNT [SEED]\n");
        return 2;
    }
    const char *what = argv[2];
    long count = strtol(argv[3], NULL, 10);
    if (argc > 4)
        seed = strtoull(argv[4], NULL, 10) | 1;
    if (strcmp(what, "mutations") == 0)
        who = AGENT_OPTIMIZER;
    open_socket(what);
    if (strcmp(what, "anonymous") == 0 || strcmp(what, "stranger") == 0) {
        for (long i = 0; i < count; i++) {  /* libzmq gives up after one handshake that failed */
            zclock_sleep(30);
            zsock_destroy(&sock);
            open_socket(what);
        }
        zsock_destroy(&sock);
        return 0;
    }
    wait_for_subscription();
    bool fast = strcmp(what, "flood") == 0 || strcmp(what, "mutations") == 0;
    for (long i = 0; i < count; i++) {
        say(what, i);
        if (!fast)
            zclock_sleep(1000 / RATE);
        if (strcmp(what, "enormous") == 0) {
            zclock_sleep(200);              /* it is cut off and comes back */
            zsock_destroy(&sock);
            open_socket(what);
            wait_for_subscription();
        }
    }
    wbuf_fini(&body);
    zsock_destroy(&sock);
    return 0;
}
