/* Two participants in one loop, and a forwarder (broker.h) between them. */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#define TEST_TIMEOUT 60
#include "tests/runner.h"

#include "libagent/clock.h"
#include "libagent/timers.h"
#include "tests/libagent/broker.h"
#include "tests/libagent/net.h"

struct heard {
    int n, event_beats, market_beats;
    char topic[TOPIC_MAX + 1], body[64];
    char topics[256];           /* all, "topic=body ", as many as fit */
    uint8_t header[HEADER_SIZE];
};

static struct loop *loop;
static struct forwarder event, market;
static struct bus *risk, *data;
static struct heard by_risk, by_data;
static char why[BUS_WHY_MAX];
static const uint8_t header[HEADER_SIZE] = {1, 2, 3, [HEADER_SIZE - 1] = 9};

static void on_frames(void *arg, const char *topic, const uint8_t h[HEADER_SIZE], const void *body, size_t len)
{
    struct heard *x = arg;
    x->n++;
    x->event_beats += strcmp(topic, "beat.event") == 0;
    x->market_beats += strcmp(topic, "beat.market") == 0;
    snprintf(x->topic, sizeof x->topic, "%s", topic);
    snprintf(x->body, sizeof x->body, "%.*s", (int)len, (const char *)body);
    snprintf(x->topics + strlen(x->topics), sizeof x->topics - strlen(x->topics), "%s=%s ", topic, x->body);
    memcpy(x->header, h, HEADER_SIZE);
}

static bool on_prepare(void *arg)
{
    (void)arg;
    bool more = risk != NULL && bus_drain(risk);
    return (data != NULL && bus_drain(data)) || more;
}

static struct bus *join(const char *name, struct heard *x)
{
    struct bus *b = NULL;
    const struct bus_options o = {.loop = loop, .name = name, .market = true, .on_frames = on_frames, .arg = x};
    ck_assert_msg(bus_open(&o, &b, why) == ERR_OK, "%s", why);
    return b;
}

static void say(struct bus *b, enum bus_pair pair, const char *topic, const char *text)
{
    bus_send(b, pair, topic, header, text, strlen(text));
}

static void on_beat(void *arg)
{
    (void)arg;
    say(data, BUS_EVENT, "beat.event", "x");
    say(data, BUS_MARKET, "beat.market", "x");
}

static void enter(void)
{
    instance_enter();
    must(loop_new(&loop) == ERR_OK);
    loop_on_prepare(loop, on_prepare, NULL);
    forwarder_start(&event, BUS_EVENT);
    forwarder_start(&market, BUS_MARKET);
    risk = join("risk", &by_risk);
    data = join("data", &by_data);
}

static void leave(void)
{
    bus_close(&risk);
    bus_close(&data);
    loop_destroy(&loop);
    forwarder_stop(&event);
    forwarder_stop(&market);
}

/* Say it again and again until it is heard: a subscription travels, too. */
#define SAY_UNTIL_HEARD(b, pair, topic_, text, x)                                                  \
    do {                                                                                           \
        struct mono until_ = mono_after_ms(20000);                                                 \
        while (strstr((x)->topics, topic_ "=" text) == NULL && !mono_past(until_)) {               \
            say(b, pair, topic_, text);                                                            \
            RUN_FOR(loop, 20);                                                                     \
        }                                                                                          \
        ck_assert_msg(strstr((x)->topics, topic_ "=" text) != NULL, "never heard " topic_);        \
    } while (0)

static void forget(struct heard *x)
{
    *x = (struct heard){.n = 0};
}

START_TEST(what_one_says_another_hears_who_subscribed_to_its_beginning)
{
    enter();
    bus_subscribe(risk, BUS_EVENT, "signal.");
    bus_subscribe(risk, BUS_MARKET, "market.mark.");
    SAY_UNTIL_HEARD(data, BUS_EVENT, "signal.generated", "hello", &by_risk);
    ck_assert(memcmp(by_risk.header, header, HEADER_SIZE) == 0);
    SAY_UNTIL_HEARD(data, BUS_MARKET, "market.mark.X", "1", &by_risk);
    forget(&by_risk);
    say(data, BUS_EVENT, "order.placed", "no");             /* not subscribed */
    say(data, BUS_EVENT, "signal.state", "yes");
    RUN_UNTIL(loop, by_risk.n > 0);
    ck_assert_str_eq(by_risk.topics, "signal.state=yes ");
    ck_assert_int_eq(by_data.n, 0);
    ck_assert_int_eq(bus_malformed(risk), 0);
    leave();
}
END_TEST

START_TEST(events_come_all_and_in_order_of_the_market_the_newest_of_a_topic)
{
    enter();
    bus_subscribe(risk, BUS_EVENT, "e.");
    bus_subscribe(risk, BUS_MARKET, "m.");
    SAY_UNTIL_HEARD(data, BUS_EVENT, "e.warm", "up", &by_risk);
    SAY_UNTIL_HEARD(data, BUS_MARKET, "m.warm", "up", &by_risk);
    struct bus *reader = risk;
    risk = NULL;                /* it stands still, and messages wait */
    RUN_FOR(loop, 200);
    forget(&by_risk);
    for (int i = 0; i < 5; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d", i);
        say(data, BUS_EVENT, "e.a", text);
        say(data, BUS_MARKET, "m.a", text);
        say(data, BUS_MARKET, "m.b", text);
    }
    RUN_FOR(loop, 300);
    risk = reader;
    RUN_UNTIL(loop, strstr(by_risk.topics, "e.a=4") != NULL && strstr(by_risk.topics, "m.b=4") != NULL);
    ck_assert(strstr(by_risk.topics, "e.a=0 e.a=1 e.a=2 e.a=3 e.a=4") != NULL);
    ck_assert_msg(strstr(by_risk.topics, "m.a=0") == NULL && strstr(by_risk.topics, "m.b=3") == NULL,
                  "%s", by_risk.topics);
    leave();
}
END_TEST

START_TEST(frames_that_are_not_a_message_are_dropped_and_counted)
{
    enter();
    bus_subscribe(risk, BUS_EVENT, "e.");
    SAY_UNTIL_HEARD(data, BUS_EVENT, "e.a", "up", &by_risk);
    RUN_FOR(loop, 100);
    forget(&by_risk);
    zcert_t *cert = NULL;
    char key[41], nul[] = "e.\0a", topic_long[TOPIC_MAX + 8];
    ck_assert_int_eq(certs_load(CERTS_DIR, "signal", &cert, why), ERR_OK);
    ck_assert_int_eq(certs_public(CERTS_DIR, "broker", key, why), ERR_OK);
    zsock_t *raw = zsock_new(ZMQ_PUB);
    zcert_apply(cert, raw);
    zsock_set_curve_serverkey(raw, key);
    ck_assert_int_eq(zsock_connect(raw, "ipc://sock/event.pub"), 0);
    memset(topic_long, 'x', sizeof topic_long);
    memcpy(topic_long, "e.", 2);
    struct mono until = mono_after_ms(20000);
    while (bus_malformed(risk) == 0 && !mono_past(until)) {     /* until it is connected */
        zstr_send(raw, "e.one frame");
        RUN_FOR(loop, 20);
    }
    int64_t before = bus_malformed(risk);
    ck_assert_int_gt(before, 0);
    zsock_send(raw, "sb", "e.short header", header, (size_t)HEADER_SIZE - 1);
    zsock_send(raw, "sbs", "e.empty body", header, (size_t)HEADER_SIZE, "");
    zsock_send(raw, "sbs", "e.header too long", topic_long, (size_t)HEADER_SIZE + 1, "x");
    zsock_send(raw, "bbs", nul, sizeof nul - 1, header, (size_t)HEADER_SIZE, "x");
    zsock_send(raw, "bbs", topic_long, (size_t)TOPIC_MAX + 1, header, (size_t)HEADER_SIZE, "x");
    zsock_send(raw, "sbss", "e.four frames", header, (size_t)HEADER_SIZE, "x", "y");
    zsock_send(raw, "sbssssssssss", "e.many frames", header, (size_t)HEADER_SIZE, "3", "4", "5", "6", "7", "8", "9",
               "10", "11", "12");
    zsock_send(raw, "sbs", "e.good", header, (size_t)HEADER_SIZE, "good");
    RUN_UNTIL(loop, by_risk.n > 0);
    ck_assert_str_eq(by_risk.topics, "e.good=good ");
    ck_assert_int_ge(bus_malformed(risk), before + 7);
    zsock_destroy(&raw);
    zcert_destroy(&cert);
    leave();
}
END_TEST

START_TEST(sending_to_nobody_neither_blocks_nor_fails)
{
    enter();
    forwarder_stop(&event);
    int64_t began = mono_now().ns;
    for (int i = 0; i < 3 * BUS_EVENT_HWM; i++)
        say(data, BUS_EVENT, "e.a", "into the void");
    ck_assert_int_lt(mono_now().ns - began, INT64_C(10000000000));
    leave();
}
END_TEST

/* ---- lost connections ---- */

static void beat_until_both_are_heard(void)
{
    struct loop_timer *t = loop_timer_new(loop, 0, 100, false, on_beat, NULL);
    forget(&by_risk);
    struct mono until = mono_after_ms(25000);
    while ((by_risk.event_beats == 0 || by_risk.market_beats == 0) && !mono_past(until))
        uv_run(loop_uv(loop), UV_RUN_ONCE);
    loop_timer_destroy(&t);
    ck_assert_int_gt(by_risk.event_beats, 0);
    ck_assert_int_gt(by_risk.market_beats, 0);
}

/* Beat for so long. */
static void beat_for(int64_t ms)
{
    struct loop_timer *t = loop_timer_new(loop, 0, 100, false, on_beat, NULL);
    RUN_FOR(loop, ms);
    loop_timer_destroy(&t);
}

static void subscribe_to_beats(void)
{
    bus_subscribe(risk, BUS_EVENT, "beat.");
    bus_subscribe(risk, BUS_MARKET, "beat.");
    beat_until_both_are_heard();
}

START_TEST(a_broker_that_comes_back_is_heard_again_with_all_subscriptions)
{
    enter();
    subscribe_to_beats();
    forwarder_stop(&event);
    forwarder_stop(&market);
    RUN_FOR(loop, 300);
    forwarder_start(&event, BUS_EVENT);
    forwarder_start(&market, BUS_MARKET);
    beat_until_both_are_heard();
    leave();
}
END_TEST

/* After a handshake that failed a socket may never try again by itself. */
static void lose_one(struct forwarder *f, enum bus_pair pair, bool *wrong)
{
    enter();
    subscribe_to_beats();
    forwarder_stop(f);
    *wrong = true;
    forwarder_start(f, pair);
    beat_for(1000);             /* meanwhile the other pair works */
    forwarder_stop(f);
    *wrong = false;
    forwarder_start(f, pair);
    beat_until_both_are_heard();
    leave();
}

START_TEST(a_market_subscription_lost_alone_comes_back)
{
    lose_one(&market, BUS_MARKET, &market.wrong_sub);
}
END_TEST

START_TEST(a_market_publisher_lost_alone_comes_back)
{
    lose_one(&market, BUS_MARKET, &market.wrong_pub);
}
END_TEST

START_TEST(an_event_publisher_lost_alone_comes_back)
{
    lose_one(&event, BUS_EVENT, &event.wrong_pub);
}
END_TEST

/* A broker that is killed again and again: it takes connections and is gone.  In a process of its own. */
static pid_t hang_up(const char *const paths[], int n)
{
    pid_t pid = fork();
    must(pid >= 0);
    if (pid != 0)
        return pid;
    struct pollfd fds[4];
    for (int i = 0; i < n; i++) {
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        snprintf(at.sun_path, sizeof at.sun_path, "%s", paths[i]);
        fds[i] = (struct pollfd){.fd = socket(AF_UNIX, SOCK_STREAM, 0), .events = POLLIN};
        must(bind(fds[i].fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fds[i].fd, 16) == 0);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        must(poll(fds, (nfds_t)n, -1) > 0);
        for (int i = 0; i < n; i++)
            if (fds[i].revents & POLLIN)
                close(accept(fds[i].fd, NULL, NULL));
    }
}

START_TEST(sockets_closed_while_their_broker_hangs_up_leave_the_others_alive)
{
    static const char *const paths[] = {"sock/event.pub", "sock/event.sub", "sock/market.pub", "sock/market.sub"};
    instance_enter();
    must(loop_new(&loop) == ERR_OK);
    loop_on_prepare(loop, on_prepare, NULL);
    pid_t broker = hang_up(paths, 4);
    for (int i = 0; i < 1000; i++) {
        data = join("data", &by_data);
        RUN_FOR(loop, 1 + i % 10);
        bus_close(&data);
    }
    kill(broker, SIGKILL);
    waitpid(broker, NULL, 0);
    for (int i = 0; i < 4; i++)
        must(unlink(paths[i]) == 0);
    forwarder_start(&event, BUS_EVENT);
    forwarder_start(&market, BUS_MARKET);
    risk = join("risk", &by_risk);
    data = join("data", &by_data);
    subscribe_to_beats();
    leave();
}
END_TEST

START_TEST(a_quiet_market_is_not_a_lost_one)
{
    enter();
    subscribe_to_beats();
    struct mono until = mono_after_ms(BUS_SILENT_MS + 2500);
    while (!mono_past(until)) {
        say(data, BUS_EVENT, "beat.event", "x");
        RUN_FOR(loop, 100);
    }
    forget(&by_risk);
    say(data, BUS_MARKET, "beat.market", "once");           /* a socket just opened would miss it */
    RUN_UNTIL(loop, strstr(by_risk.topics, "beat.market=once") != NULL);
    leave();
}
END_TEST

/* ---- replay ---- */

static struct replay_request asked;
static int questions;

static void on_question(void *arg, const struct replay_request *r)
{
    struct bus *b = *(struct bus **)arg;
    questions++;
    asked = *r;
    for (uint64_t i = r->from; i < r->from + r->max && i <= 7; i++) {
        char text[8];
        snprintf(text, sizeof text, "m%d", (int)i);
        bus_replay_answer(b, r, r->topic, header, text, strlen(text));
    }
    bus_replay_end(b, r, 7, 2, UINT64_C(0xfedcba9876543210));
}

static void on_end(void *arg, enum party publisher, const char *topic, uint64_t last, uint64_t oldest,
                   uint64_t stream)
{
    struct heard *x = arg;      /* shares the argument with the frames */
    ck_assert_int_eq(publisher, AGENT_DATA);
    ck_assert_uint_eq(last, 7);
    ck_assert_uint_eq(oldest, 2);
    ck_assert_uint_eq(stream, UINT64_C(0xfedcba9876543210));
    snprintf(x->topics + strlen(x->topics), sizeof x->topics - strlen(x->topics), "end:%s", topic);
}

START_TEST(what_was_missed_is_fetched_from_its_publisher_without_the_broker)
{
    enter();
    forwarder_stop(&event);
    forwarder_stop(&market);
    ck_assert_msg(bus_replay_bind(data, on_question, &data, why) == ERR_OK, "%s", why);
    struct heard got = {.n = 0};
    struct replay_client *c = bus_replay_connect(risk, AGENT_DATA, on_frames, on_end, &got);
    ck_assert_ptr_nonnull(c);
    bus_replay_ask(c, "signal.generated", 5, 256);
    RUN_UNTIL(loop, strstr(got.topics, "end:") != NULL);
    ck_assert_str_eq(got.topics, "signal.generated=m5 signal.generated=m6 signal.generated=m7 end:signal.generated");
    ck_assert(memcmp(got.header, header, HEADER_SIZE) == 0);
    ck_assert_uint_eq(asked.from, 5);
    ck_assert_uint_eq(asked.max, 256);
    forget(&got);
    bus_replay_ask(c, "x", UINT64_MAX, UINT32_MAX);         /* nothing there: the end alone */
    RUN_UNTIL(loop, got.topics[0] != '\0');
    ck_assert_str_eq(got.topics, "end:x");
    ck_assert_uint_eq(asked.from, UINT64_MAX);
    ck_assert_uint_eq(asked.max, UINT32_MAX);
    bus_replay_disconnect(&c);
    ck_assert_ptr_null(c);
    leave();
}
END_TEST

START_TEST(who_has_no_certificate_of_the_instance_gets_no_replay)
{
    enter();
    ck_assert_int_eq(bus_replay_bind(data, on_question, &data, why), ERR_OK);
    char key[41];
    ck_assert_int_eq(certs_public(CERTS_DIR, "data", key, why), ERR_OK);
    zcert_t *stranger = zcert_new();
    zsock_t *s = zsock_new(ZMQ_DEALER);
    zcert_apply(stranger, s);
    zsock_set_curve_serverkey(s, key);
    zsock_set_linger(s, 0);
    ck_assert_int_eq(zsock_connect(s, "ipc://sock/replay.data"), 0);
    zsock_send(s, "ssbb", "ASK", "x", header, (size_t)8, header, (size_t)4);
    RUN_FOR(loop, 500);
    ck_assert_int_eq(questions, 0);
    zsock_destroy(&s);
    zcert_destroy(&stranger);
    leave();
}
END_TEST

START_TEST(questions_that_are_none_are_counted_and_not_answered)
{
    enter();
    ck_assert_int_eq(bus_replay_bind(data, on_question, &data, why), ERR_OK);
    char key[41];
    zcert_t *cert = NULL;
    ck_assert_int_eq(certs_public(CERTS_DIR, "data", key, why), ERR_OK);
    ck_assert_int_eq(certs_load(CERTS_DIR, "signal", &cert, why), ERR_OK);
    zsock_t *s = zsock_new(ZMQ_DEALER);
    zcert_apply(cert, s);
    zsock_set_curve_serverkey(s, key);
    ck_assert_int_eq(zsock_connect(s, "ipc://sock/replay.data"), 0);
    zsock_send(s, "s", "ASK");
    zsock_send(s, "ssbb", "DAT", "x", header, (size_t)8, header, (size_t)4);
    zsock_send(s, "ssbb", "ASK", "", header, (size_t)8, header, (size_t)4);
    zsock_send(s, "ssbb", "ASK", "x", header, (size_t)7, header, (size_t)4);
    zsock_send(s, "ssbbs", "ASK", "x", header, (size_t)8, header, (size_t)4, "more");
    RUN_UNTIL(loop, bus_malformed(data) == 5);
    ck_assert_int_eq(questions, 0);
    zsock_send(s, "ssbb", "ASK", "x", header, (size_t)8, header, (size_t)4);
    RUN_UNTIL(loop, questions == 1);
    zsock_destroy(&s);
    zcert_destroy(&cert);
    leave();
}
END_TEST

/* ---- start ---- */

START_TEST(says_what_is_missing_before_it_starts)
{
    instance_enter();
    must(loop_new(&loop) == ERR_OK);
    struct bus *b = NULL;
    const struct bus_options o = {.loop = loop, .name = "risk", .on_frames = on_frames, .arg = &by_risk};
    ck_assert_int_eq(unlink(CERTS_DIR "/risk.cert_secret"), 0);
    ck_assert_int_lt(bus_open(&o, &b, why), 0);
    ck_assert(strstr(why, "risk.cert_secret") != NULL);
    ck_assert_int_ge(certs_make(CERTS_DIR, why), 0);
    ck_assert_int_eq(rmdir("sock"), 0);
    ck_assert_int_eq(bus_open(&o, &b, why), ERR_CONFIG);
    ck_assert(strstr(why, "sock") != NULL && strstr(why, "enigma up") != NULL);
    ck_assert_ptr_null(b);
    loop_destroy(&loop);
}
END_TEST

TESTS("bus", what_one_says_another_hears_who_subscribed_to_its_beginning,
      events_come_all_and_in_order_of_the_market_the_newest_of_a_topic,
      frames_that_are_not_a_message_are_dropped_and_counted, sending_to_nobody_neither_blocks_nor_fails,
      a_broker_that_comes_back_is_heard_again_with_all_subscriptions,
      a_market_subscription_lost_alone_comes_back, a_market_publisher_lost_alone_comes_back,
      an_event_publisher_lost_alone_comes_back,
      sockets_closed_while_their_broker_hangs_up_leave_the_others_alive, a_quiet_market_is_not_a_lost_one,
      what_was_missed_is_fetched_from_its_publisher_without_the_broker,
      who_has_no_certificate_of_the_instance_gets_no_replay,
      questions_that_are_none_are_counted_and_not_answered, says_what_is_missing_before_it_starts)
