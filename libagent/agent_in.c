/* agent_in - what is heard: checked, put in order, handed to the agent's handlers (agent.h).
 *
 * Invariants:
 *  I1  a message of a durable topic that this agent must apply is applied exactly once, in order, with
 *      its cursor in the record of its effects (streams.h);
 *  I2  who said it is who the header, the body and the topic's rights say; others never get here:
 *      the broker checked the certificate, this file checks that header and body agree;
 *  I3  a malformed message changes nothing.  On a durable topic the cursor passes it, counted and
 *      reported: it would be as malformed the next time.
 */
#include <stdlib.h>
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"

#include "libagent/agent_impl.h"

#define MS 1000000LL
#define MALFORMED_SAY_MS 100

bool agent_must_apply(const struct agent *a, enum topic topic)
{
    const struct topic_def *def = &topic_defs[topic];
    return (def->class == DUR_D1 || def->class == DUR_D2) && (def->subscribers & (1u << a->def->id));
}

static on_event *find_route(const struct route *routes, enum msg type)
{
    for (; routes != NULL && routes->on != NULL; routes++)
        if (routes->type == type)
            return routes->on;
    return NULL;
}

static void malformed(struct agent *a, const char *topic, enum party from, int err, const char *what)
{
    a->malformed++;
    if (a->malformed_said_ns != 0 && a->mono_ns - a->malformed_said_ns < MALFORMED_SAY_MS * MS)
        return;                 /* a flood of them must not fill the disk; the next line has the count */
    a->malformed_said_ns = a->mono_ns;
    log_warn("message.malformed", LOG_I("count", a->malformed), LOG_S("topic", topic),
             LOG_S("from", party_name(from)),
             LOG_S("error", err_name(err)), LOG_S("what", what), LOG_S("action", "ignored"));
}

/* Decoded messages: one at a time, room for the largest. */
static void *message_room(void)
{
    static void *room;
    if (room == NULL) {
        size_t size = 0;
        for (int i = 0; i < MSG_COUNT; i++)
            size = msg_defs[i].size > size ? msg_defs[i].size : size;
        room = malloc(size);
        must(room != NULL);
    }
    return room;
}

/* ---- what every agent hears ---- */

static void on_heartbeat(struct agent *a, const struct event *e)
{
    const struct msg_agent_hb *hb = e->msg;
    struct peer *p = &a->peers[e->from];
    if (e->from == a->def->id) {
        if (e->header->epoch == journal_epoch(a->journal) && !a->echo) {
            a->echo = true;
            a->echo_ns = a->mono_ns;
            agent_advance(a);
        }
        return;
    }
    p->heard_ns = a->mono_ns;
    if (streams_identity(a->streams, e->from, (uint64_t)hb->stream))
        log_error("journal.replaced", LOG_S("publisher", party_name(e->from)),
                  LOG_S("action", "reading its new journal from the start"));
    for (size_t i = 0; i < hb->last_n; i++) {
        enum topic topic;
        const char *text = hb->last[i].topic;
        if (hb->last[i].seq < 0 || topic_find(text, &topic) < 0 || !agent_must_apply(a, topic))
            continue;
        p->matters = true;
        stream_heard_last(streams_get(a->streams, e->from, text, strlen(text)),
                          (uint64_t)hb->last[i].seq, a->mono_ns);
    }
    for (size_t i = 0; i < hb->cursors_n; i++)
        if (strcmp(hb->cursors[i].publisher, a->name) == 0)
            agent_heard_cursor(a, e->from, hb->cursors[i].topic, (uint64_t)hb->cursors[i].seq);
    agent_anchors_hear(a, e);
    agent_catchup(a);
}

static void on_state(struct agent *a, const struct event *e)
{
    const struct msg_state_unified *m = e->msg;
    for (size_t i = 0; i < m->agents_n; i++)
        if (strcmp(m->agents[i].name, a->name) == 0)
            a->turn_given = m->agents[i].turn;
    enum system_state was = a->system;
    a->system = m->system_state;
    if (was != a->system && a->def->system_changed != NULL)
        a->def->system_changed(a, was, a->system);
    agent_advance(a);
}

static void on_clock(struct agent *a, const struct event *e)
{
    a->clock = *(const struct msg_market_clock *)e->msg;
}

/* At once; who misses it sees the file with its next heartbeat. */
static void on_committed(struct agent *a, const struct event *e)
{
    (void)e;
    agent_follow(a);
}

static const struct route common[] = {
    {MSG_CONFIG_COMMITTED, on_committed},
    {MSG_AGENT_HB, on_heartbeat},
    {MSG_STATE_UNIFIED, on_state},
    {MSG_MARKET_CLOCK, on_clock},
    ROUTES_END
};

/* ---- requests ---- */

static void answer_status(struct agent *a, const struct event *e)
{
    struct msg_agent_status_reply m = {
        .life = a->life, .system_state = a->system, .pid = getpid(),
        .uptime_ms = (a->mono_ns - a->started_ns) / MS, .protocol = PROTOCOL_VERSION,
        .lag_ms = a->lag_ns / MS,
    };
    TEXT_COPY(m.name, a->name);
    TEXT_COPY(m.build, a->build);
    TEXT_COPY(m.detail, a->detail);
    agent_usage(&m.rss_kb, &m.cpu_ms);
    if (a->def->counters != NULL)
        m.counters_n = a->def->counters(a, m.counters, sizeof m.counters / sizeof m.counters[0]);
    if (a->malformed > 0 && m.counters_n < sizeof m.counters / sizeof m.counters[0]) {
        struct sub_counter *c = &m.counters[m.counters_n++];
        TEXT_COPY(c->name, "malformed");
        c->count = a->malformed;
    }
    struct reply_to to = agent_reply_to(e);
    agent_reply(a, &to, MSG_AGENT_STATUS_REPLY, &m);
}

/* By the orchestrator or the operator; the process manager starts it again. */
static void answer_stop(struct agent *a, const struct event *e)
{
    const struct msg_agent_stop *m = e->msg;
    bool allowed = e->from == AGENT_ORCHESTRATOR || e->from == AGENT_OPERATOR;
    struct msg_operator_reply answer = {.accepted = allowed, .system_state = a->system};
    TEXT_COPY(answer.text, allowed ? "stopping" : "only the orchestrator and the operator may ask this");
    struct reply_to to = agent_reply_to(e);
    agent_reply(a, &to, MSG_OPERATOR_REPLY, &answer);
    if (!allowed)
        return;
    log_info("stop.asked", LOG_S("by", party_name(e->from)), LOG_S("reason", m->reason));
    agent_effect(a, agent_stop_effect, NULL);
}

/* By the orchestrator, which sees who waits for whom. */
static void answer_cancel(struct agent *a, const struct event *e)
{
    const struct msg_agent_cancel *m = e->msg;
    bool allowed = e->from == AGENT_ORCHESTRATOR;
    struct question *q = allowed ? requests_find(a->requests, m->id) : NULL;
    struct msg_operator_reply answer = {.accepted = q != NULL, .system_state = a->system};
    TEXT_COPY(answer.text, q != NULL ? "given up" : allowed ? "not open any more" : "only the orchestrator may ask this");
    struct reply_to to = agent_reply_to(e);
    if (q != NULL) {
        log_error("request.cancelled", LOG_S("to", q->parcel.topic), LOG_S("id", m->id), LOG_S("reason", m->reason),
                  LOG_S("action", "the question failed"));
        on_answer *on = (on_answer *)q->on;
        void *arg = q->arg;
        requests_close(a->requests, q);
        on(a, arg, ERR_CANCELLED, NULL);
    }
    agent_reply(a, &to, MSG_OPERATOR_REPLY, &answer);
}

/* By the orchestrator: could this configuration be followed here?  Answering changes nothing. */
static void answer_proposed(struct agent *a, const struct event *e)
{
    const struct msg_config_proposed *m = e->msg;
    char why[CONFIG_WHY_MAX] = "only the orchestrator may ask this";
    struct msg_operator_reply answer = {.system_state = a->system};
    answer.accepted = e->from == AGENT_ORCHESTRATOR && agent_try_config(a, m->hash, why) == ERR_OK;
    TEXT_COPY(answer.text, answer.accepted ? m->hash : why);
    struct reply_to to = agent_reply_to(e);
    agent_reply(a, &to, MSG_OPERATOR_REPLY, &answer);
}

static on_event *find_request(const struct agent *a, enum msg type)
{
    static const struct route requests[] = {
        {MSG_AGENT_STATUS, answer_status},
        {MSG_AGENT_STOP, answer_stop},
        {MSG_AGENT_CANCEL, answer_cancel},
        {MSG_CONFIG_PROPOSED, answer_proposed},
        ROUTES_END
    };
    on_event *on = find_route(requests, type);
    return on != NULL ? on : find_route(a->def->requests, type);
}

static void on_request(struct agent *a, const struct event *e)
{
    if (strcmp(e->env->to, a->name) != 0)
        return;                 /* the subscription is a prefix: agent.data hears agent.database, too */
    const struct parcel *again = requests_seen(a->requests, e->env->id);
    if (again != NULL) {
        if (again->topic[0] != '\0')
            agent_send_parcel(a, again);
        return;
    }
    on_event *on = find_request(a, e->type);
    if (on != NULL) {
        on(a, e);
        return;
    }
    struct reply_to to = agent_reply_to(e);
    char text[128];
    snprintf(text, sizeof text, "%s does not answer %.48s", a->name, e->env->action);
    agent_reply_error(a, &to, ERR_UNKNOWN, text);
}

static void on_response(struct agent *a, const struct event *e)
{
    struct question *q = requests_find(a->requests, e->env->correlation_id);
    if (q == NULL || (q->to != e->from && !PLANTED(anybody_answers)))
        return;                 /* answered before, too late, or by somebody who was not asked */
    on_answer *on = (on_answer *)q->on;
    void *arg = q->arg;
    requests_close(a->requests, q);
    on(a, arg, ERR_OK, e);
}

/* ---- dispatch ---- */

/* Hand one message to whoever wants it.  Nothing that is wrong with it is fatal (I3). */
static void dispatch(struct agent *a, enum topic topic, const char *text, const struct header *h,
                     const uint8_t *raw, const void *body, size_t len, bool replayed)
{
    const struct topic_def *def = &topic_defs[topic];
    bool inbox = topic == TOPIC_INBOX;
    on_event *first = inbox ? NULL : find_route(common, def->msg);
    on_event *own = inbox ? NULL : find_route(a->def->routes, def->msg);
    if (!inbox && first == NULL && own == NULL)
        return;

    struct envelope_parser parser;
    struct envelope env;
    int err = envelope_unpack(&parser, body, len, &env);
    if (err == ERR_OK)
        err = envelope_agrees(&env, h);
    enum msg type = MSG_COUNT;
    if (err == ERR_OK)
        err = msg_by_action(env.action, &type);
    if (err == ERR_OK && !inbox && type != def->msg)
        err = ERR_TYPE;
    const char *bad = "";
    if (err == ERR_OK)
        err = msg_defs[type].unpack(env.payload, message_room(), &bad);
    if (err < 0) {
        malformed(a, text, h->sender, err, bad);
        envelope_parser_fini(&parser);
        return;
    }
    const struct event e = {
        .topic = text, .header = h, .env = &env, .from = h->sender, .type = type,
        .msg = message_room(), .raw_header = raw, .body = body, .body_len = len,
        .replayed = replayed, .now_ns = a->now_ns,
    };
    if (!inbox) {
        if (first != NULL)
            first(a, &e);
        if (own != NULL)
            own(a, &e);
    } else if (env.type == TYPE_RESPONSE) {
        on_response(a, &e);
    } else if (env.type == TYPE_REQUEST || env.type == TYPE_COMMAND) {
        on_request(a, &e);
    }
    envelope_parser_fini(&parser);
}

static void apply(struct agent *a, struct stream *st, enum topic topic, const struct header *h,
                  const uint8_t *raw, const void *body, size_t len, bool replayed)
{
    dispatch(a, topic, st->topic, h, raw, body, len, replayed);
    stream_applied(st, a->mono_ns);
    turn_cursor(&a->turn, st->publisher, st->topic, st->cursor,
                streams_identity_of(a->streams, st->publisher));
    if (h->class == DUR_D2)
        a->turn_sync = true;
    else
        a->unsynced = true;
    a->gaps_repaired += replayed;
}

static void arrive(struct agent *a, enum topic topic, const char *text, const struct header *h,
                   const uint8_t *raw, const void *body, size_t len, bool replayed)
{
    if (streams_identity_of(a->streams, h->sender) == 0)
        return;                 /* its heartbeat has not come: what journal this belongs to is unknown */
    struct stream *st = streams_get(a->streams, h->sender, text, strlen(text));
    a->peers[h->sender].matters = true;
    if (stream_arrive(st, h->seq, raw, body, len, replayed, a->mono_ns) != ARRIVAL_APPLY)
        return;
    apply(a, st, topic, h, raw, body, len, replayed);
    for (struct kept *k; (k = stream_take(st)) != NULL; free(k)) {
        struct header kh;
        must(header_decode(k->header, &kh) == ERR_OK);
        apply(a, st, topic, &kh, k->header, k->body, k->len, k->replayed);
    }
}

static void on_frames(struct agent *a, const char *text, const uint8_t *raw, const void *body,
                      size_t len, bool replayed)
{
    struct header h;
    enum topic topic;
    int err = header_decode(raw, &h);
    if (err == ERR_OK)
        err = topic_find(text, &topic);
    if (err == ERR_OK && (h.class != topic_defs[topic].class || !topic_may_publish(topic, h.sender)))
        err = ERR_PERMISSION;
    if (err < 0) {
        malformed(a, text, err == ERR_PERMISSION ? h.sender : a->def->id, err, "header");
        return;
    }
    if (h.sender == a->def->id && topic != TOPIC_AGENT_HB)
        return;                 /* what an agent says it has done already */
    if (!agent_must_apply(a, topic)) {
        dispatch(a, topic, text, &h, raw, body, len, false);
        return;
    }
    struct peer *p = &a->peers[h.sender];
    if (h.epoch < p->epoch && !replayed)
        return;                 /* a predecessor of the publisher that is not quite dead */
    if (!replayed)
        p->epoch = h.epoch;
    arrive(a, topic, text, &h, raw, body, len, replayed);
}

void agent_on_frames(void *arg, const char *topic, const uint8_t header[HEADER_SIZE], const void *body,
                     size_t len)
{
    on_frames(arg, topic, header, body, len, false);
}

/* ---- catching up ---- */

/* Who serves what he said shall not speak for others, but for the archive when it was asked to. */
static void on_replayed(void *arg, const char *topic, const uint8_t *header, const void *body, size_t len)
{
    struct peer *p = arg;
    struct header h;
    if (header_decode(header, &h) < 0)
        return;
    bool asked = p->asking != NULL && h.sender == p->asking->publisher && strcmp(topic, p->asking->topic) == 0;
    if (h.sender == p - p->agent->peers || asked)
        on_frames(p->agent, topic, header, body, len, true);
}

static void archive_key(struct agent *a, const struct stream *st, char key[ARCHIVE_KEY + TOPIC_MAX + 1])
{
    agent_archive_key(st->publisher, streams_identity_of(a->streams, st->publisher), st->topic, key);
}

/* What the archive has of a publisher that does not answer.  As long as that brings us on, it is asked at
 * once again; then the publisher has its turn. */
static void on_archive_end(struct agent *a, struct stream *st, uint64_t last)
{
    int failures = st->failures;
    bool onward = st->cursor > st->asked_cursor && st->cursor < last;
    stream_answered(st, false, a->mono_ns);
    if (onward) {
        st->failures = failures;
        st->retry_ns = 0;
    }
    stream_heard_last(st, last, a->mono_ns);
    agent_catchup(a);
}

static void on_replay_end(void *arg, enum party publisher, const char *topic, uint64_t last,
                          uint64_t oldest, uint64_t stream_id)
{
    struct peer *p = arg;
    struct agent *a = p->agent;
    struct stream *st = p->asking;
    char key[ARCHIVE_KEY + TOPIC_MAX + 1];
    if (st == NULL)
        return;                 /* an answer to a question that was given up */
    archive_key(a, st, key);
    if (strcmp(topic, st->publisher == publisher ? st->topic : key) != 0)
        return;
    p->asking = NULL;
    if (st->publisher != publisher) {
        on_archive_end(a, st, last);
        return;
    }
    if (streams_identity(a->streams, (uint8_t)publisher, stream_id))
        log_error("journal.replaced", LOG_S("publisher", party_name(publisher)),
                  LOG_S("action", "reading its new journal from the start"));
    uint64_t lost = oldest > 0 ? stream_skip_to(st, oldest) : 0;
    if (lost > 0) {
        log_error("replay.trimmed", LOG_S("publisher", party_name(publisher)), LOG_S("topic", topic),
                  LOG_I("lost", lost), LOG_S("action", "going on behind the hole"));
        turn_cursor(&a->turn, st->publisher, st->topic, st->cursor, stream_id);
    }
    stream_answered(st, true, a->mono_ns);
    stream_heard_last(st, last, a->mono_ns);
    agent_catchup(a);
}

/* Who is asked next: the publisher, or, when it keeps silent, every other time the archive. */
static enum party whom(const struct agent *a, const struct stream *st)
{
    bool archive = st->failures >= ARCHIVE_AFTER && st->failures % 2 == ARCHIVE_AFTER % 2 &&
                   a->def->id != AGENT_AUDIT && st->publisher != AGENT_AUDIT;
    return archive ? AGENT_AUDIT : (enum party)st->publisher;
}

static void ask(struct agent *a, enum party whom, struct stream *st)
{
    struct peer *p = &a->peers[whom];
    char key[ARCHIVE_KEY + TOPIC_MAX + 1];
    p->agent = a;
    if (p->replay == NULL)
        p->replay = bus_replay_connect(a->bus, whom, on_replayed, on_replay_end, p);
    p->asking = st;
    stream_asked(st, a->mono_ns);
    archive_key(a, st, key);
    bus_replay_ask(p->replay, whom == st->publisher ? st->topic : key, st->cursor + 1, CATCHUP_BATCH);
}

/* A publisher that is silent on the bus may be well and the broker dead: look there directly. */
static bool silent(const struct agent *a, const struct peer *p)
{
    return p->matters && a->mono_ns - p->heard_ns > CATCHUP_POLL_MS * MS;
}

void agent_catchup(struct agent *a)
{
    struct stream *st;
    bool more = false;
    for (size_t i = 0; (st = streams_at(a->streams, i)) != NULL; i++) {
        struct peer *p = &a->peers[st->publisher];
        if (st->asked_ns != 0 && a->mono_ns - st->asked_ns > CATCHUP_TIMEOUT_MS * MS) {
            stream_answered(st, false, a->mono_ns);
            struct peer *asked[] = {p, &a->peers[AGENT_AUDIT]};
            for (int k = 0; k < 2; k++)
                if (asked[k]->asking == st)
                    asked[k]->asking = NULL;
        }
        bool poll = silent(a, p) && st->asked_ns == 0 &&
                    a->mono_ns - st->polled_ns > CATCHUP_POLL_MS * MS;
        if (a->peers[whom(a, st)].asking == NULL && (stream_wants(st, a->mono_ns) || poll))
            ask(a, whom(a, st), st);
        more = more || st->behind_since_ns != 0 || st->asked_ns != 0 || silent(a, p);
    }
    if (more)
        loop_timer_resume(a->timer_catchup);
    else
        loop_timer_pause(a->timer_catchup);
}

int64_t agent_gaps_open(struct agent *a)
{
    int64_t n = 0;
    struct stream *st;
    for (size_t i = 0; (st = streams_at(a->streams, i)) != NULL; i++)
        n += stream_gap_open(st, a->mono_ns);
    return n;
}

void agent_in_fini(struct agent *a)
{
    for (int i = 0; i < AGENT_COUNT; i++)
        bus_replay_disconnect(&a->peers[i].replay);
    free(message_room());
}
