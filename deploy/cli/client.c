/* client - see client.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "libagent/bus.h"
#include "libagent/clock.h"
#include "libagent/timers.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/uuid.h"

#include "deploy/cli/client.h"

struct client {
    struct loop *loop;
    struct bus *bus;
    char name[17];
    enum party who;
    struct client_view view;
    bool heard;
    /* the wait under way */
    bool (*done)(void *arg);
    void *done_arg;
    bool over;
    /* the question under way */
    char id[37];
    enum party asked;
    struct wbuf question;
    char topic[TOPIC_MAX + 1];
    enum msg answer_type;
    void *answer;
    int answer_err;
    bool answered;
    char why[256];
    uint32_t epoch;
    uint64_t seq;
    struct loop_timer *tick, *deadline;
};

static void take_answer(struct client *c, enum msg type, const msgpack_object *payload)
{
    const char *bad = "";
    c->answered = true;
    if (type == c->answer_type) {
        c->answer_err = msg_defs[type].unpack(payload, c->answer, &bad);
        return;
    }
    c->answer_err = ERR_TYPE;
    struct msg_error_reply e;
    if (type == MSG_ERROR_REPLY && msg_error_reply_unpack(payload, &e, &bad) == ERR_OK)
        TEXT_COPY(c->why, e.text);
}

static void take_message(struct client *c, enum party from, enum msg type, const msgpack_object *payload)
{
    struct client_view *v = &c->view;
    const char *bad;
    if (type == MSG_AGENT_HB && msg_agent_hb_unpack(payload, &v->hb[from], &bad) == ERR_OK)
        v->hb_ns[from] = wall_ns();
    else if (type == MSG_STATE_UNIFIED && msg_state_unified_unpack(payload, &v->state, &bad) == ERR_OK)
        v->state_ns = wall_ns();
    else if (type == MSG_BROKER_STATS && msg_broker_stats_unpack(payload, &v->bus, &bad) == ERR_OK)
        v->bus_ns = wall_ns();
}

static void on_frames(void *arg, const char *topic, const uint8_t header[HEADER_SIZE], const void *body,
                      size_t len)
{
    struct client *c = arg;
    struct envelope_parser parser;
    struct envelope e;
    struct header h;
    enum msg type;
    (void)topic;
    c->heard = true;
    if (header_decode(header, &h) < 0)
        return;
    if (envelope_unpack(&parser, body, len, &e) == ERR_OK && envelope_agrees(&e, &h) == ERR_OK &&
        msg_by_action(e.action, &type) == ERR_OK) {
        if (e.type != TYPE_RESPONSE)
            take_message(c, h.sender, type, e.payload);
        else if (c->id[0] != '\0' && h.sender == c->asked && strcmp(e.correlation_id, c->id) == 0)
            take_answer(c, type, e.payload);
    }
    envelope_parser_fini(&parser);
}

static void send_question(struct client *c)
{
    struct header h = {
        .class = DUR_V, .sender = c->who, .epoch = c->epoch, .seq = ++c->seq, .sent_ns = wall_ns(),
    };
    uint8_t header[HEADER_SIZE];
    header_encode(&h, header);
    bus_send(c->bus, BUS_EVENT, c->topic, header, c->question.data, c->question.len);
}

static bool on_turn(void *arg)
{
    struct client *c = arg;
    bool more = bus_drain(c->bus);
    if (c->over || (c->done != NULL && c->done(c->done_arg)))
        loop_stop(c->loop);
    return more;
}

static void on_deadline(void *arg)
{
    struct client *c = arg;
    c->over = true;
}

int client_open(const char *name, struct client **ret, char why[256])
{
    struct client *c = calloc(1, sizeof *c);
    must(c != NULL);
    TEXT_COPY(c->name, name);
    must(party_parse(name, &c->who) == ERR_OK);
    c->epoch = randombytes_random() | 1;
    int err = loop_new(&c->loop);
    const struct bus_options o = {.loop = c->loop, .name = c->name, .on_frames = on_frames, .arg = c};
    if (err == ERR_OK)
        err = bus_open(&o, &c->bus, why);
    if (err < 0) {
        client_close(&c);
        return err;
    }
    loop_on_prepare(c->loop, on_turn, c);
    bus_subscribe(c->bus, BUS_EVENT, "agent.hb");
    bus_subscribe(c->bus, BUS_EVENT, "state.unified");
    bus_subscribe(c->bus, BUS_EVENT, "broker.stats");
    *ret = c;
    return ERR_OK;
}

void client_close(struct client **client)
{
    struct client *c = *client;
    if (c == NULL)
        return;
    bus_close(&c->bus);
    loop_destroy(&c->loop);
    wbuf_fini(&c->question);
    free(c);
    *client = NULL;
}

struct client_view *client_view(struct client *c)
{
    return &c->view;
}

struct loop *client_loop(struct client *c)
{
    return c->loop;
}

bool client_heard_any(void *client)
{
    const struct client *c = client;
    return c->heard;
}

bool client_wait(struct client *c, int64_t ms, bool (*done)(void *arg), void *arg)
{
    c->done = done;
    c->done_arg = arg;
    c->over = false;
    if (done != NULL && done(arg))
        return true;
    struct loop_timer *t = loop_timer_new(c->loop, ms, 0, false, on_deadline, c);
    loop_run(c->loop);
    loop_timer_destroy(&t);
    return done != NULL && done(arg);
}

static void pack_question(struct client *c, enum party to, enum msg ask, const void *msg)
{
    struct envelope e = {
        .from = c->who, .type = TYPE_REQUEST, .priority = PRIORITY_HIGH, .timestamp_ms = wall_ns() / 1000000,
    };
    TEXT_COPY(e.id, c->id);
    TEXT_COPY(e.to, party_name(to));
    TEXT_COPY(e.action, msg_defs[ask].action);
    wbuf_fini(&c->question);
    wbuf_init(&c->question, ENVELOPE_MAX);
    must(envelope_pack(&e, ask, msg, &c->question) == ERR_OK);
}

static bool is_answered(void *arg)
{
    const struct client *c = arg;
    return c->answered;
}

int client_ask(struct client *c, enum party to, enum msg ask, const void *msg, enum msg type,
               void *answer, int64_t ms, char why[256])
{
    struct mono deadline = mono_after_ms(ms);
    char inbox[TOPIC_MAX + 1];
    uuid_make(c->id);
    c->asked = to;
    snprintf(inbox, sizeof inbox, "agent.%s.%s", c->name, c->id);
    bus_subscribe(c->bus, BUS_EVENT, inbox);
    snprintf(c->topic, sizeof c->topic, "agent.%s", party_name(to));
    c->answer_type = type;
    c->answer = answer;
    c->answered = false;
    c->answer_err = ERR_TIMEOUT;
    c->why[0] = '\0';
    c->heard = false;
    client_wait(c, ms < 700 ? ms : 700, client_heard_any, c);
    while (!c->answered && !mono_past(deadline)) {
        pack_question(c, to, ask, msg);     /* same id, new instant */
        send_question(c);
        int64_t left = mono_left_ms(deadline);
        client_wait(c, left < REQUEST_RETRY_MS ? left : REQUEST_RETRY_MS, is_answered, c);
    }
    c->id[0] = '\0';
    snprintf(why, 256, "%s", c->why);
    return c->answer_err;
}
