/* A command's questions over a real pair of sockets: a child process is the bus (a bare CURVE proxy) and the
 * orchestrator who answers. */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <czmq.h>

#include "deploy/cli/client.h"
#include "libagent/bus.h"
#include "libagent/certs.h"
#include "libagent/clock.h"
#include "proto/err.h"
#include "proto/text.h"

#include "tests/runner.h"

static char home[64];
static pid_t child;

/* ---- the child ---- */

struct answerer {
    struct loop *loop;
    struct bus *bus;
    char first[37];             /* id of the first question heard */
    int heard;
    uint64_t seq;
};

static void send_as(enum party who, struct answerer *w, const char *topic, enum msg_type kind, const char *correlation,
                    enum msg type, const void *msg)
{
    struct header h = {.class = DUR_V, .sender = who, .epoch = 1, .seq = ++w->seq, .sent_ns = wall_ns()};
    struct envelope e = {.from = who, .type = kind, .priority = PRIORITY_HIGH, .timestamp_ms = h.sent_ns / 1000000};
    uint8_t header[HEADER_SIZE];
    struct wbuf body;
    snprintf(e.id, sizeof e.id, "00000000-0000-0000-0000-%012d", (int)w->seq);
    TEXT_COPY(e.to, "operator");
    TEXT_COPY(e.action, msg_defs[type].action);
    TEXT_COPY(e.correlation_id, correlation);
    wbuf_init(&body, ENVELOPE_MAX);
    must(envelope_pack(&e, type, msg, &body) == ERR_OK);
    header_encode(&h, header);
    bus_send(w->bus, BUS_EVENT, topic, header, body.data, body.len);
    wbuf_fini(&body);
}

static void send_as_orchestrator(struct answerer *w, const char *topic, enum msg_type kind, const char *correlation,
                                 enum msg type, const void *msg)
{
    send_as(AGENT_ORCHESTRATOR, w, topic, kind, correlation, type, msg);
}

/* close X: silent to the first try; restart: an error; stop: another message than asked for; pause: the answer
 * to another question first, and one of somebody who was not asked. */
static void on_question(void *arg, const char *topic, const uint8_t header[HEADER_SIZE], const void *body, size_t len)
{
    struct answerer *w = arg;
    struct envelope_parser parser = {.unpacked.zone = NULL};
    struct envelope e;
    struct msg_operator_command m;
    struct msg_operator_reply answer = {.accepted = true, .system_state = SYS_PAUSED};
    const struct msg_error_reply refusal = {.code = "WRONG_STATE", .text = "not now"};
    const struct msg_orders_get other;
    const char *bad;
    char inbox[TOPIC_MAX + 1];
    (void)topic;
    (void)header;
    if (envelope_unpack(&parser, body, len, &e) == ERR_OK && e.type == TYPE_REQUEST &&
        msg_operator_command_unpack(e.payload, &m, &bad) == ERR_OK) {
        snprintf(inbox, sizeof inbox, "agent.operator.%s", e.id);
        if (w->heard++ == 0)
            TEXT_COPY(w->first, e.id);
        snprintf(answer.text, sizeof answer.text, "heard %d times, %s id", w->heard,
                 strcmp(e.id, w->first) == 0 ? "the same" : "another");
        if (m.verb == VERB_RESTART)
            send_as_orchestrator(w, inbox, TYPE_RESPONSE, e.id, MSG_ERROR_REPLY, &refusal);
        else if (m.verb == VERB_STOP)
            send_as_orchestrator(w, inbox, TYPE_RESPONSE, e.id, MSG_ORDERS_GET, &other);
        else if (m.verb != VERB_CLOSE || w->heard > 1) {
            struct msg_operator_reply wrong = {.accepted = false, .text = "to somebody else"};
            if (m.verb == VERB_PAUSE) {
                send_as_orchestrator(w, inbox, TYPE_RESPONSE, "00000000-0000-0000-0000-00000000beef",
                                     MSG_OPERATOR_REPLY, &wrong);
                send_as(AGENT_DATA, w, inbox, TYPE_RESPONSE, e.id, MSG_OPERATOR_REPLY, &wrong);
            }
            send_as_orchestrator(w, inbox, TYPE_RESPONSE, e.id, MSG_OPERATOR_REPLY, &answer);
        }
    }
    envelope_parser_fini(&parser);
}

static bool on_turn(void *arg)
{
    struct answerer *w = arg;
    return bus_drain(w->bus);
}

static void beat(void *arg)
{
    struct msg_agent_hb hb = {.life = LIFE_ACTIVE, .pid = 4711};
    send_as_orchestrator(arg, "agent.hb", TYPE_EVENT, "", MSG_AGENT_HB, &hb);
}

static void be_the_others(void)
{
    static struct answerer w;
    char why[256];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    zsys_init();
    zsys_handler_set(NULL);
    zcert_t *cert = NULL;
    must(certs_load(CERTS_DIR, "broker", &cert, why) == ERR_OK);
    zactor_t *proxy = zactor_new(zproxy, NULL);
    must(proxy != NULL);
    zstr_sendx(proxy, "CURVE", "FRONTEND", zcert_public_txt(cert), zcert_secret_txt(cert), NULL);
    zsock_wait(proxy);
    zstr_sendx(proxy, "CURVE", "BACKEND", zcert_public_txt(cert), zcert_secret_txt(cert), NULL);
    zsock_wait(proxy);
    zstr_sendx(proxy, "FRONTEND", "XSUB", "ipc://sock/event.pub", NULL);
    zsock_wait(proxy);
    zstr_sendx(proxy, "BACKEND", "XPUB", "ipc://sock/event.sub", NULL);
    zsock_wait(proxy);
    must(loop_new(&w.loop) == ERR_OK);
    const struct bus_options o = {.loop = w.loop, .name = "orchestrator", .on_frames = on_question, .arg = &w};
    must(bus_open(&o, &w.bus, why) == ERR_OK);
    bus_subscribe(w.bus, BUS_EVENT, "agent.orchestrator");
    loop_on_prepare(w.loop, on_turn, &w);
    loop_timer_new(w.loop, 100, 100, true, beat, &w);
    loop_run(w.loop);
    _exit(0);
}

/* ---- the test's side ---- */

static void enter(bool with_bus)
{
    char why[CERTS_WHY_MAX];
    snprintf(home, sizeof home, "/tmp/enigma-client.XXXXXX");
    ck_assert(mkdtemp(home) != NULL && chdir(home) == 0 && mkdir("sock", 0755) == 0 && mkdir("etc", 0755) == 0 &&
              mkdir("etc/keys", 0700) == 0);
    ck_assert_int_gt(certs_make(CERTS_DIR, why), 0);
    if (!with_bus)
        return;
    child = fork();
    if (child == 0)
        be_the_others();
    ck_assert_int_gt(child, 0);
}

static void leave(void)
{
    char command[128];
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf '%s'", home);
    ck_assert_int_eq(system(command), 0);
}

static int ask(enum verb verb, int64_t ms, struct msg_operator_reply *answer, char why[256])
{
    const struct msg_operator_command m = {.verb = verb};
    struct client *c = NULL;
    ck_assert_int_eq(client_open("operator", &c, why), ERR_OK);
    int err = client_ask(c, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m, MSG_OPERATOR_REPLY, answer, ms, why);
    client_close(&c);
    ck_assert_ptr_null(c);
    return err;
}

START_TEST(takes_the_answer_to_its_question)
{
    struct msg_operator_reply answer;
    char why[256];
    enter(true);
    ck_assert_int_eq(ask(VERB_FLATTEN, 10000, &answer, why), ERR_OK);
    ck_assert(answer.accepted);
    ck_assert_int_eq(answer.system_state, SYS_PAUSED);
    leave();
}
END_TEST

START_TEST(leaves_the_answer_to_another_question_alone)
{
    struct msg_operator_reply answer;
    char why[256];
    enter(true);
    ck_assert_int_eq(ask(VERB_PAUSE, 10000, &answer, why), ERR_OK);
    ck_assert_msg(answer.accepted, "took: %s", answer.text);
    leave();
}
END_TEST

START_TEST(repeats_a_question_under_the_same_id_until_it_is_answered)
{
    struct msg_operator_reply answer;
    char why[256];
    enter(true);
    ck_assert_int_eq(ask(VERB_CLOSE, 15000, &answer, why), ERR_OK);
    ck_assert_ptr_nonnull(strstr(answer.text, "the same id"));
    ck_assert_ptr_null(strstr(answer.text, "heard 1 times"));
    leave();
}
END_TEST

START_TEST(says_why_an_error_was_answered)
{
    struct msg_operator_reply answer;
    char why[256];
    enter(true);
    ck_assert_int_eq(ask(VERB_RESTART, 10000, &answer, why), ERR_TYPE);
    ck_assert_str_eq(why, "not now");
    leave();
}
END_TEST

START_TEST(refuses_an_answer_of_another_type)
{
    struct msg_operator_reply answer;
    char why[256];
    enter(true);
    ck_assert_int_eq(ask(VERB_STOP, 10000, &answer, why), ERR_TYPE);
    ck_assert_str_eq(why, "");
    leave();
}
END_TEST

static bool heard_orchestrator(void *arg)
{
    return client_view(arg)->hb_ns[AGENT_ORCHESTRATOR] != 0;
}

START_TEST(keeps_the_newest_heartbeat_of_each)
{
    struct client *c = NULL;
    char why[256];
    enter(true);
    ck_assert_int_eq(client_open("guest", &c, why), ERR_OK);
    ck_assert(client_wait(c, 10000, heard_orchestrator, c));
    ck_assert_int_eq(client_view(c)->hb[AGENT_ORCHESTRATOR].pid, 4711);
    ck_assert_int_eq(client_view(c)->hb_ns[AGENT_RISK], 0);
    ck_assert(client_heard_any(c));
    client_close(&c);
    leave();
}
END_TEST

START_TEST(gives_up_when_nobody_answers)
{
    struct msg_operator_reply answer;
    char why[256];
    enter(false);
    struct mono began = mono_now();
    ck_assert_int_eq(ask(VERB_PAUSE, 600, &answer, why), ERR_TIMEOUT);
    ck_assert_int_ge(mono_now().ns - began.ns, 590 * INT64_C(1000000));
    leave();
}
END_TEST

START_TEST(names_the_certificate_that_is_missing)
{
    struct client *c = NULL;
    char why[256];
    enter(false);
    ck_assert_int_eq(unlink(CERTS_DIR "/guest.cert_secret"), 0);
    ck_assert_int_eq(unlink(CERTS_DIR "/guest.cert"), 0);
    ck_assert_int_lt(client_open("guest", &c, why), 0);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(why, "guest.cert") != NULL, "%s", why);
    leave();
}
END_TEST

TESTS("client", takes_the_answer_to_its_question, leaves_the_answer_to_another_question_alone,
      repeats_a_question_under_the_same_id_until_it_is_answered, says_why_an_error_was_answered,
      refuses_an_answer_of_another_type, keeps_the_newest_heartbeat_of_each, gives_up_when_nobody_answers,
      names_the_certificate_that_is_missing)
