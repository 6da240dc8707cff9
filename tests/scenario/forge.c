/* forge - says on the real bus what is not its own to say, with the key of each of the seven agents and of the guest.
 *
 *   usage: test-forge DIR topics    every topic that proto/topics.def does not give to the key, twice: as itself, and with
 *                                   a header and an envelope that name one who may; and to each key's last an honest
 *                                   question.  Exits 0 when the bus refused them all, and nobody heard one of them
 *          test-forge DIR resume    to the orchestrator a resume, as itself and as the operator, signed with the key's
 *                                   own secret.  Exits 0 when none was accepted
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <czmq.h>

#include "libagent/certs.h"
#include "libagent/clock.h"
#include "proto/envelope.h"
#include "proto/err.h"
#include "proto/resume.h"
#include "proto/text.h"
#include "proto/topics.h"
#include "proto/uuid.h"

#define DEADLINE_MS 30000
#define FORGED      "f0f0f0f0"      /* ids of ours begin like this */
#define HONEST      "c0c0c0c0"
#define RESUME      "a0a0a0a0"

static const enum party keys[] = {AGENT_ORCHESTRATOR, AGENT_DATA, AGENT_SIGNAL, AGENT_RISK, AGENT_EXECUTION,
                                  AGENT_OPTIMIZER, AGENT_AUDIT, AGENT_GUEST};
#define KEYS (sizeof keys / sizeof keys[0])

static const char *const pairs[] = {"event", "market"};     /* enum topic_socket */
static zsock_t *ears[2], *mouths[2];
static zpoller_t *poller;
static zcert_t *cert;
static int64_t refused = -1;        /* of the newest broker.stats */
static long sent, heard, honest, answers, accepted;

static zsock_t *open_socket(int type, const char *end, int pair)
{
    char key[41], why[CERTS_WHY_MAX] = "";
    zsock_t *s = zsock_new(type);
    must(s != NULL && certs_public(CERTS_DIR, "broker", key, why) == ERR_OK);
    zsock_set_linger(s, 2000);
    zsock_set_rcvhwm(s, 0);
    zcert_apply(cert, s);
    zsock_set_curve_serverkey(s, key);
    if (type == ZMQ_SUB)
        zsock_set_subscribe(s, "");
    must(zsock_connect(s, "ipc://sock/%s.%s", pairs[pair], end) == 0);
    return s;
}

static void become(enum party who)
{
    char why[CERTS_WHY_MAX];
    zcert_destroy(&cert);
    must(certs_load(CERTS_DIR, party_name(who), &cert, why) == ERR_OK);
}

/* ---- what is heard, with the operator's certificate ---- */

static void take(const char *topic, const struct envelope *e)
{
    const char *bad;
    struct msg_broker_stats stats;
    struct msg_operator_reply reply;
    if (strncmp(e->id, FORGED, strlen(FORGED)) == 0) {
        heard++;
        printf("HEARD: %s, from %s\n", topic, party_name(e->from));
    } else if (strncmp(e->id, HONEST, strlen(HONEST)) == 0) {
        honest++;
    } else if (strcmp(topic, "broker.stats") == 0 && msg_broker_stats_unpack(e->payload, &stats, &bad) == ERR_OK) {
        refused = stats.refused;
    } else if (strncmp(e->correlation_id, RESUME, strlen(RESUME)) == 0) {
        answers++;
        accepted += msg_operator_reply_unpack(e->payload, &reply, &bad) == ERR_OK && reply.accepted;
    }
}

static void listen_ms(int ms)
{
    zsock_t *s = zpoller_wait(poller, ms);
    if (s == NULL)
        return;
    zmsg_t *m = zmsg_recv(s);
    char *topic = zmsg_popstr(m);
    zframe_t *header = zmsg_pop(m), *body = zmsg_pop(m);
    struct envelope_parser parser;
    struct envelope e;
    must(topic != NULL && header != NULL && body != NULL);
    if (envelope_unpack(&parser, zframe_data(body), zframe_size(body), &e) == ERR_OK)
        take(topic, &e);
    envelope_parser_fini(&parser);
    zframe_destroy(&header);
    zframe_destroy(&body);
    zstr_free(&topic);
    zmsg_destroy(&m);
}

static void open_ears(void)
{
    become(AGENT_OPERATOR);
    poller = zpoller_new(NULL);
    for (int i = 0; i < 2; i++) {
        ears[i] = open_socket(ZMQ_SUB, "sub", i);
        must(zpoller_add(poller, ears[i]) == 0);
    }
    struct mono until = mono_after_ms(DEADLINE_MS);
    while (refused < 0 && !mono_past(until))
        listen_ms(100);
}

/* ---- what is said ---- */

/* An XPUB hears the broker's subscription, and so when it may speak; a PUB would throw away until then. */
static void open_mouths(enum party who)
{
    become(who);
    for (int i = 0; i < 2; i++) {
        zmq_msg_t m;
        mouths[i] = open_socket(ZMQ_XPUB, "pub", i);
        zsock_set_rcvtimeo(mouths[i], DEADLINE_MS);
        zmq_msg_init(&m);
        must(zmq_msg_recv(&m, zsock_resolve(mouths[i]), 0) >= 0);
        zmq_msg_close(&m);
    }
}

static void close_mouths(void)
{
    zsock_destroy(&mouths[0]);
    zsock_destroy(&mouths[1]);
}

static void say(enum topic topic, const char *text, enum party as, enum msg_type kind, enum msg type, const void *msg,
                const char *mark)
{
    static uint64_t seq;
    const struct header h = {.class = topic_defs[topic].class, .sender = as, .epoch = 1, .seq = ++seq, .sent_ns = wall_ns()};
    struct envelope e = {.from = as, .type = kind, .priority = PRIORITY_HIGH, .timestamp_ms = h.sent_ns / 1000000};
    uint8_t header[HEADER_SIZE];
    struct wbuf w;
    uuid_make(e.id);
    memcpy(e.id, mark, strlen(mark));
    TEXT_COPY(e.to, "orchestrator");
    TEXT_COPY(e.action, msg_defs[type].action);
    header_encode(&h, header);
    wbuf_init(&w, ENVELOPE_MAX);
    must(envelope_pack(&e, type, msg, &w) == ERR_OK);
    void *s = zsock_resolve(mouths[topic_defs[topic].socket]);
    must(zmq_send(s, text, strlen(text), ZMQ_SNDMORE) >= 0 && zmq_send(s, header, sizeof header, ZMQ_SNDMORE) >= 0 &&
         zmq_send(s, w.data, w.len, 0) >= 0);
    wbuf_fini(&w);
}

static void say_forged(enum topic topic, enum party as)
{
    char text[TOPIC_MAX + 1];
    enum msg type = topic_defs[topic].msg == MSG_ANY ? MSG_OPERATOR_COMMAND : topic_defs[topic].msg;
    void *msg = calloc(1, msg_defs[type].size);
    must(msg != NULL);
    snprintf(text, sizeof text, "%s%s", topic_defs[topic].text,
             topic_defs[topic].kind == TOPIC_KIND_EXACT ? "" : topic == TOPIC_INBOX ? "orchestrator" : "XBTUSDTM");
    say(topic, text, as, TYPE_REQUEST, type, msg, FORGED);
    free(msg);
    sent++;
}

/* Somebody else who may say it. */
static enum party owner_of(enum topic topic, enum party who)
{
    int i = 0;
    while (i == (int)who || !(topic_defs[topic].publishers & 1u << i))
        i++;
    return (enum party)i;
}

static void forge_topics(void)
{
    static const struct msg_agent_status question;
    int64_t before = refused;
    for (size_t k = 0; k < KEYS; k++) {
        open_mouths(keys[k]);
        for (int t = 0; t < TOPIC_COUNT; t++) {
            bool own = topic_may_publish((enum topic)t, keys[k]);
            if (!own || t == TOPIC_INBOX)       /* an inbox takes everybody's words, but nobody's in another's name */
                say_forged((enum topic)t, owner_of((enum topic)t, keys[k]));
            if (!own || (t == TOPIC_INBOX && keys[k] == AGENT_GUEST))       /* a guest may ask for a status only */
                say_forged((enum topic)t, keys[k]);
        }
        say(TOPIC_INBOX, "agent.audit", keys[k], TYPE_REQUEST, MSG_AGENT_STATUS, &question, HONEST);
        close_mouths();                         /* they linger until all is sent */
    }
    struct mono until = mono_after_ms(DEADLINE_MS);
    while ((refused - before < sent || honest < (long)KEYS) && !mono_past(until))
        listen_ms(100);
    printf("%zu keys x %d topics: %ld foreign messages published, %lld refused by the bus, %ld heard; %ld honest ones heard\n",
           KEYS, TOPIC_COUNT, sent, (long long)(refused - before), heard, honest);
    if (refused - before != sent || heard != 0 || honest != (long)KEYS)
        exit(1);
}

/* ---- a resume by everybody but the operator ---- */

static void forge_resume(void)
{
    struct msg_operator_command m = {.verb = VERB_RESUME, .reason = "forged", .signature_len = RESUME_SIGNATURE};
    long expected = 0;
    for (size_t k = 0; k < KEYS; k++) {
        uint8_t public_key[TOKEN_PUBLIC], secret[TOKEN_SECRET];
        open_mouths(keys[k]);
        crypto_sign_seed_keypair(public_key, secret, zcert_secret_key(cert));
        struct resume r = {.issued_ns = m.signed_ns = wall_ns(), .reason = "forged"};
        token_account("paper", "", r.account);
        resume_sign(&r, secret, m.signature);
        say(TOPIC_INBOX, "agent.orchestrator", keys[k], TYPE_REQUEST, MSG_OPERATOR_COMMAND, &m, RESUME);
        say(TOPIC_INBOX, "agent.orchestrator", AGENT_OPERATOR, TYPE_REQUEST, MSG_OPERATOR_COMMAND, &m, RESUME);
        sent += 2;
        /* The guest's is refused by the bus, and its own words the orchestrator does not hear. */
        expected += keys[k] != AGENT_GUEST && keys[k] != AGENT_ORCHESTRATOR;
        close_mouths();
    }
    struct mono until = mono_after_ms(DEADLINE_MS);
    while (answers < expected && !mono_past(until))
        listen_ms(100);
    printf("%zu keys: %ld resumes said, %ld answered, %ld accepted\n", KEYS, sent, answers, accepted);
    if (answers != expected || accepted != 0)
        exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 3 || chdir(argv[1]) < 0 || sodium_init() < 0) {
        fprintf(stderr, "usage: test-forge DIR topics|resume\n");
        return 2;
    }
    open_ears();
    if (strcmp(argv[2], "topics") == 0)
        forge_topics();
    else
        forge_resume();
    zpoller_destroy(&poller);
    zsock_destroy(&ears[0]);
    zsock_destroy(&ears[1]);
    zcert_destroy(&cert);
    return 0;
}
