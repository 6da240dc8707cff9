/* agent_out - what is said: outputs are queued, one journal record per turn, then sent (agent.h).
 *
 * Invariants:
 *  O1  a durable message is in the journal before it is on the wire, with the cursor of the message
 *      that caused it and the state that changed with it;
 *  O2  a D2 message, and everything queued in the same turn, is on disk before it is on the wire;
 *  O3  sequences of a durable topic have no holes and never repeat, over any number of restarts;
 *  O4  effects run after O1 and O2 hold for what was queued before them;
 *  O5  a record is deleted when two snapshots cover it, it is JOURNAL_KEEP_MS old, and everybody who must
 *      apply what it says has said that he did.
 * When the disk is full the turn stays queued, nothing is heard or said, and it is tried again.  Only the latch of an
 * emergency does not wait for its turn: it stops entries without the record and without the bus.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/latch.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"
#include "proto/uuid.h"

#include "libagent/agent_impl.h"
#include "libagent/failpoint.h"

#define RECORD_SOFT_MAX (512u << 10)    /* a record is closed at the next handler's end above this */

static struct seq *seq_of(struct agent *a, const char *topic, bool durable)
{
    for (size_t i = 0; i < a->n_seqs; i++)
        if (strcmp(a->seqs[i].topic, topic) == 0)
            return &a->seqs[i];
    must(a->n_seqs < SEQS_MAX);
    if (a->seqs == NULL) {
        a->seqs = calloc(SEQS_MAX, sizeof *a->seqs);
        must(a->seqs != NULL);
    }
    struct seq *s = &a->seqs[a->n_seqs++];
    TEXT_COPY(s->topic, topic);
    s->durable = durable;
    return s;
}

static struct output *next_output(struct agent *a)
{
    if (a->n_outputs == a->outputs_size) {
        a->outputs_size = a->outputs_size == 0 ? 64 : 2 * a->outputs_size;
        a->outputs = realloc(a->outputs, a->outputs_size * sizeof *a->outputs);
        must(a->outputs != NULL);
    }
    struct output *o = &a->outputs[a->n_outputs++];
    *o = (struct output){.effect = NULL};
    return o;
}

/* ---- queueing ---- */

static enum msg_type type_of(enum topic topic)
{
    return topic == TOPIC_EMERGENCY_STOP || topic == TOPIC_OPERATOR_COMMAND ? TYPE_COMMAND : TYPE_EVENT;
}

/* An answer's topic, agent.NAME.ID, exists for that answer only: remembering its sequence would fill the
 * memory with one entry for each answer ever given. */
static bool is_answer_topic(const char *topic)
{
    const char *inbox = topic_defs[TOPIC_INBOX].text;
    size_t n = strlen(inbox);
    return strncmp(topic, inbox, n) == 0 && strchr(topic + n, '.') != NULL;
}

/* sent_ns is the instant in the body: of what is repeated, the first one. */
static void queue_frames(struct agent *a, const struct topic_def *def, const char *topic, int64_t sent_ns,
                         const void *body, size_t len)
{
    bool durable = def->class == DUR_D1 || def->class == DUR_D2;
    struct header h = {
        .class = def->class, .sender = a->def->id, .epoch = journal_epoch(a->journal),
        .seq = is_answer_topic(topic) ? 1 : ++seq_of(a, topic, durable)->last, .sent_ns = sent_ns,
    };
    struct output *o = next_output(a);
    TEXT_COPY(o->topic, topic);
    o->market = def->socket == SOCKET_MARKET;
    header_encode(&h, o->header);
    o->body = malloc(len);
    must(o->body != NULL);
    memcpy(o->body, body, len);
    o->len = len;
    if (!durable)
        return;
    turn_output(&a->turn, topic, o->header, body, len);
    if (def->class == DUR_D2)
        a->turn_sync = true;
    else
        a->unsynced = true;
}

/* Pack an envelope around a message into the shared buffer. */
static void pack(struct agent *a, struct wbuf *w, const char *id, const char *to, enum msg_type type,
                 enum priority priority, enum msg msg_type, const void *msg, const char *correlation)
{
    struct envelope env = {
        .from = a->def->id, .type = type, .priority = priority, .timestamp_ms = a->now_ns / 1000000,
    };
    if (id != NULL)
        TEXT_COPY(env.id, id);
    else
        uuid_make(env.id);
    TEXT_COPY(env.to, to);
    TEXT_COPY(env.action, msg_defs[msg_type].action);
    if (correlation != NULL)
        TEXT_COPY(env.correlation_id, correlation);
    must(envelope_pack(&env, msg_type, msg, w) == ERR_OK);
}

/* Whatever becomes of it, the emergency is said all the same. */
static void set_latch(struct agent *a, const struct msg_emergency_stop *m)
{
    char why[sizeof m->cause + sizeof m->text + 4], text[160];
    snprintf(why, sizeof why, "%s: %s", m->cause, m->text);
    int err = latch_set(a->name, why);
    if (err == ERR_OK || err == ERR_DUPLICATE) {
        agent_degraded_clear(a, "disk", "NO_LATCH");
        return;
    }
    snprintf(text, sizeof text, LATCH_FILE " cannot be made: %s; entries are stopped by this message alone", strerror(errno));
    log_error("latch.not_set", LOG_S("why", text), LOG_S("action", "the emergency goes on without it"));
    agent_degraded(a, SEVERITY_CRITICAL, "disk", "NO_LATCH", text);
}

static void publish(struct agent *a, enum topic topic, const char *suffix, enum msg type, const void *msg,
                    const char *id, const char *correlation, enum priority priority)
{
    const struct topic_def *def = &topic_defs[topic];
    if (topic == TOPIC_EMERGENCY_STOP && !PLANTED(latch_not_made))
        set_latch(a, msg);
    must(topic_may_publish(topic, a->def->id));
    must((def->kind == TOPIC_KIND_PREFIX) == (suffix != NULL));
    char text[TOPIC_MAX + 1];
    int n = snprintf(text, sizeof text, "%s%s", def->text, suffix != NULL ? suffix : "");
    must(n > 0 && (size_t)n < sizeof text);

    struct wbuf w;
    wbuf_init(&w, ENVELOPE_MAX);
    pack(a, &w, id, "*", type_of(topic), priority, type, msg, correlation);
    queue_frames(a, def, text, a->now_ns, w.data, w.len);
    wbuf_fini(&w);
}

static enum priority usual_priority(enum topic topic)
{
    if (topic == TOPIC_EMERGENCY_STOP)
        return PRIORITY_CRITICAL;
    return topic_defs[topic].class == DUR_D2 ? PRIORITY_HIGH : PRIORITY_NORMAL;
}

void agent_publish_priority(struct agent *a, enum topic topic, const char *suffix, enum msg type,
                            const void *msg, const char *correlation, enum priority priority)
{
    publish(a, topic, suffix, type, msg, NULL, correlation, priority);
}

void agent_publish(struct agent *a, enum topic topic, const char *suffix, enum msg type,
                   const void *msg, const char *correlation)
{
    publish(a, topic, suffix, type, msg, NULL, correlation, usual_priority(topic));
}

void agent_publish_id(struct agent *a, enum topic topic, const char *suffix, enum msg type,
                      const void *msg, const char *id, const char *correlation)
{
    publish(a, topic, suffix, type, msg, id, correlation, usual_priority(topic));
}

void agent_note(struct agent *a, uint16_t kind, const void *data, size_t len, bool sync)
{
    turn_note(&a->turn, kind, data, len);
    if (sync)
        a->turn_sync = true;
    else
        a->unsynced = true;
}

void agent_effect(struct agent *a, void (*fn)(struct agent *a, void *arg), void *arg)
{
    struct output *o = next_output(a);
    o->effect = fn;
    o->arg = arg;
}

/* ---- requests and answers ---- */

void agent_send_parcel(struct agent *a, const struct parcel *p)
{
    queue_frames(a, &topic_defs[TOPIC_INBOX], p->topic, p->sent_ns, p->body, p->len);
}

struct reply_to agent_reply_to(const struct event *e)
{
    struct reply_to to = {.from = e->from};
    memcpy(to.id, e->env->id, sizeof to.id);
    return to;
}

void agent_reply(struct agent *a, const struct reply_to *to, enum msg type, const void *msg)
{
    char topic[TOPIC_MAX + 1];
    snprintf(topic, sizeof topic, "%s%s.%s", topic_defs[TOPIC_INBOX].text, party_name(to->from), to->id);
    struct wbuf w;
    wbuf_init(&w, ENVELOPE_MAX);
    pack(a, &w, NULL, party_name(to->from), TYPE_RESPONSE, PRIORITY_NORMAL, type, msg, to->id);
    requests_answered(a->requests, to->id, topic, a->now_ns, w.data, w.len);
    queue_frames(a, &topic_defs[TOPIC_INBOX], topic, a->now_ns, w.data, w.len);
    wbuf_fini(&w);
}

void agent_reply_error(struct agent *a, const struct reply_to *to, int err, const char *text)
{
    struct msg_error_reply m = {.code = ""};
    TEXT_COPY(m.code, err_name(err));
    TEXT_COPY(m.text, text);
    agent_reply(a, to, MSG_ERROR_REPLY, &m);
}

void agent_request(struct agent *a, enum party to, enum msg type, const void *msg,
                   int64_t deadline_ms, on_answer *on, void *arg)
{
    struct question *q = requests_ask(a->requests);
    if (q == NULL) {
        on(a, arg, ERR_FULL, NULL);
        return;
    }
    struct wbuf w;
    wbuf_init(&w, ENVELOPE_MAX);
    uuid_make(q->id);
    pack(a, &w, q->id, party_name(to), TYPE_REQUEST, PRIORITY_NORMAL, type, msg, NULL);
    snprintf(q->parcel.topic, sizeof q->parcel.topic, "%s%s", topic_defs[TOPIC_INBOX].text, party_name(to));
    q->parcel.body = malloc(w.len);
    must(q->parcel.body != NULL);
    memcpy(q->parcel.body, w.data, w.len);
    q->to = to;
    q->parcel.len = w.len;
    q->parcel.sent_ns = a->now_ns;
    wbuf_fini(&w);
    q->on = (void (*)(void))on;
    q->arg = arg;
    q->deadline_ns = a->mono_ns + agent_scaled_ms(a, deadline_ms) * 1000000;
    q->again_ns = a->mono_ns + agent_scaled_ms(a, REQUEST_RETRY_MS) * 1000000;
    agent_send_parcel(a, &q->parcel);
    loop_timer_resume(a->timer_requests);
}

/* ---- the end of a turn ---- */

static void note_published(struct agent *a, struct journal_position at)
{
    struct turn_entry e;
    for (size_t off = 0; turn_next(a->turn.data, a->turn.len, &off, &e) == 1;) {
        if (e.kind != TURN_OUTPUT)
            continue;
        char topic[TOPIC_MAX + 1] = "";
        memcpy(topic, e.topic, e.topic_len);
        struct header h;
        must(header_decode(e.header, &h) == ERR_OK);
        must(outbox_note(a->outbox, topic, h.seq, at) == ERR_OK);
    }
}

/* ---- the archive: what was heard, found by publisher, journal and topic ---- */

void agent_archive_key(uint8_t publisher, uint64_t stream, const char *topic, char ret[ARCHIVE_KEY + TOPIC_MAX + 1])
{
    snprintf(ret, ARCHIVE_KEY + TOPIC_MAX + 1, "%x%08x.%s", publisher & 0xfu, (unsigned)(uint32_t)stream, topic);
}

/* A message's note stands before its cursor; what has no cursor is not durable and is not replayed. */
static int each_archived(const void *record, size_t len, uint16_t kind, outbox_sink *sink, void *arg)
{
    struct turn_entry e, note = {.len = 0};
    int got;
    size_t off = 0;
    while ((got = turn_next(record, len, &off, &e)) == 1) {
        if (e.kind == TURN_NOTE && e.note == kind)
            note = e;
        size_t n = note.len > 0 ? note.data[0] : 0;
        struct header h;
        if (e.kind != TURN_CURSOR || n != e.topic_len || note.len <= 1 + n + HEADER_SIZE ||
            memcmp(note.data + 1, e.topic, n) != 0 || header_decode(note.data + 1 + n, &h) < 0 ||
            h.sender != e.publisher || h.seq != e.seq)
            continue;
        char topic[TOPIC_MAX + 1] = "", key[ARCHIVE_KEY + TOPIC_MAX + 1];
        memcpy(topic, e.topic, n);
        agent_archive_key(e.publisher, e.stream, topic, key);
        const struct outbox_entry entry = {key, h.seq, note.data + 1 + n, note.len - 1 - n};
        int err = sink(arg, &entry);
        if (err < 0)
            return err;
    }
    return got;
}

/* decode_archived has no room for an argument: one archive in a process. */
static uint16_t archive_kind;

static int decode_archived(const struct journal_record *r, outbox_sink *sink, void *arg)
{
    return r->kind == JOURNAL_KIND_TURN ? each_archived(r->payload, r->len, archive_kind, sink, arg) : ERR_OK;
}

struct archiving {
    struct agent *a;
    struct journal_position at;
};

/* One that cannot be noted (too many, too long) is archived all the same; it only is not served. */
static int note_archived(void *arg, const struct outbox_entry *e)
{
    const struct archiving *n = arg;
    (void)outbox_note_heard(n->a->archive, e->topic, e->seq, n->at);
    return ERR_OK;
}

static int index_archived(struct agent *a, const void *record, size_t len, struct journal_position at)
{
    struct archiving n = {a, at};
    return a->archive != NULL ? each_archived(record, len, archive_kind, note_archived, &n) : ERR_OK;
}

/* O1, O2.  False: the disk is full and nothing has happened. */
static bool write_record(struct agent *a)
{
    if (a->turn.len > 0) {
        struct iovec part = {.iov_base = a->turn.data, .iov_len = a->turn.len};
        struct journal_position at;
        FAILPOINT(record_before);
        int err = journal_append(a->journal, JOURNAL_KIND_TURN, &part, 1, &at);
        if (err < 0) {
            if (!a->disk_full)
                log_error("journal.append_failed", LOG_S("error", err_text(err)),
                          LOG_S("detail", journal_error()), LOG_S("action", "waiting for space"));
            a->disk_full = true;
            return false;
        }
        if (a->disk_full)
            log_info("journal.append_works", LOG_S("action", "going on"));
        a->disk_full = false;
        FAILPOINT(record_written);
        note_published(a, at);
        must(index_archived(a, a->turn.data, a->turn.len, at) == ERR_OK);
        turn_clear(&a->turn);
        a->records++;
    }
    if (a->turn_sync) {
        journal_sync(a->journal);
        a->turn_sync = a->unsynced = false;
        FAILPOINT(record_synced);
    }
    return true;
}

static void output_fini(struct output *o)
{
    free(o->body);
    *o = (struct output){.effect = NULL};
}

void agent_commit(struct agent *a)
{
    while (a->turn.len > 0 || a->turn_sync || a->n_outputs > 0) {
        if (!PLANTED(record_after_effect) && !write_record(a))
            return;
        /* Effects may queue more: what is there now is taken out first, the arrays swap. */
        struct output *batch = a->outputs;
        size_t n = a->n_outputs, size = a->outputs_size;
        a->outputs = a->spare;
        a->outputs_size = a->spare_size;
        a->n_outputs = 0;
        for (size_t i = 0; i < n; i++) {
            struct output *o = &batch[i];
            if (o->effect != NULL) {
                FAILPOINT(effect);
                o->effect(a, o->arg);
            } else {
                bus_send(a->bus, o->market ? BUS_MARKET : BUS_EVENT, o->topic, o->header, o->body, o->len);
                FAILPOINT(told);
            }
            output_fini(o);
        }
        a->spare = batch;
        a->spare_size = size;
        if (PLANTED(record_after_effect) && !write_record(a))
            return;
    }
    if (a->unsynced)
        loop_timer_resume(a->timer_sync);
    if (a->records >= SNAPSHOT_RECORDS)
        agent_snapshot(a);
}

void agent_sync_later(struct agent *a)
{
    if (a->unsynced && a->turn.len == 0) {
        journal_sync(a->journal);
        a->unsynced = false;
    }
}

/* ---- journal ---- */

/* The outbox's way into our records: frames are header, u32 length, body, as turn.h lays them out. */
static int decode_record(const struct journal_record *r, outbox_sink *sink, void *arg)
{
    if (r->kind != JOURNAL_KIND_TURN)
        return ERR_OK;
    struct turn_entry e;
    int got;
    size_t off = 0;
    while ((got = turn_next(r->payload, r->len, &off, &e)) == 1) {
        if (e.kind != TURN_OUTPUT)
            continue;
        char topic[TOPIC_MAX + 1] = "";
        memcpy(topic, e.topic, e.topic_len);
        struct header h;
        int err = header_decode(e.header, &h);
        if (err < 0)
            return ERR_CORRUPT;
        struct outbox_entry entry = {
            .topic = topic, .seq = h.seq, .frames = e.header,
            .len = (size_t)(e.data + e.len - e.header),
        };
        err = sink(arg, &entry);
        if (err < 0)
            return err;
    }
    return got;
}

/* Apply what a record or snapshot says about ourselves. */
static int recover_entries(struct agent *a, const void *data, size_t len)
{
    struct turn_entry e;
    int got, err = ERR_OK;
    size_t off = 0;
    while (err == ERR_OK && (got = turn_next(data, len, &off, &e)) != 0) {
        if (got < 0)
            return got;
        char topic[TOPIC_MAX + 1] = "";
        if (e.topic != NULL)
            memcpy(topic, e.topic, e.topic_len);
        struct header h;
        switch (e.kind) {
        case TURN_CURSOR: {
            if (e.publisher >= AGENT_COUNT)
                return ERR_CORRUPT;
            streams_identity(a->streams, e.publisher, e.stream);
            struct stream *st = streams_get(a->streams, e.publisher, e.topic, e.topic_len);
            st->cursor = st->last = e.seq;
            a->peers[e.publisher].matters = true;
            break;
        }
        case TURN_OUTPUT:
            err = header_decode(e.header, &h);
            if (err == ERR_OK)
                seq_of(a, topic, true)->last = h.seq;
            break;
        case TURN_LAST:
            seq_of(a, topic, true)->last = e.seq;
            break;
        case TURN_OUTBOX:
            err = outbox_unpack(a->outbox, e.data, e.len);
            break;
        case TURN_ARCHIVE:
            err = a->archive != NULL ? outbox_unpack(a->archive, e.data, e.len) : ERR_OK;
            break;
        case TURN_ANCHOR:
            agent_anchors_load(a, &e);
            break;
        case TURN_STATE:
            err = a->def->load != NULL ? a->def->load(a, e.data, e.len) : ERR_OK;
            break;
        case TURN_NOTE:
            err = a->def->note != NULL ? a->def->note(a, e.note, e.data, e.len) : ERR_OK;
            break;
        }
    }
    return err;
}

static int on_snapshot(void *arg, uint64_t lsn, const void *bytes, size_t len)
{
    (void)lsn;
    return recover_entries(arg, bytes, len);
}

static int on_record(void *arg, const struct journal_record *r)
{
    struct agent *a = arg;
    if (r->kind != JOURNAL_KIND_TURN)
        return ERR_OK;
    a->records++;
    int err = recover_entries(a, r->payload, r->len);
    if (err == ERR_OK)
        err = outbox_note_record(a->outbox, r);
    return err == ERR_OK ? index_archived(a, r->payload, r->len, r->at) : err;
}

int agent_recover(struct agent *a, char why[CONFIG_WHY_MAX])
{
    char dir[64];
    snprintf(dir, sizeof dir, "journal/%s", a->name);
    const struct journal_options options = {.dir = dir, .agent = (uint8_t)a->def->id};
    int err = journal_open(&options, &a->journal);
    if (err < 0) {
        snprintf(why, CONFIG_WHY_MAX, "%.60s: %.150s", dir,
                 err == ERR_BUSY ? "another process of this agent is running on this instance"
                                 : journal_error());
        return err;
    }
    a->outbox = outbox_new(a->journal, decode_record);
    if (a->def->archive != 0) {
        archive_kind = a->def->archive;
        a->archive = outbox_new(a->journal, decode_archived);
    }
    const struct journal_visitor visitor = {.snapshot = on_snapshot, .record = on_record, .arg = a};
    struct journal_recovery found;
    err = journal_recover(a->journal, &visitor, &found);
    if (err < 0) {
        snprintf(why, CONFIG_WHY_MAX, "%.60s: %.40s: %.140s", dir, err_text(err), journal_error());
        return err;
    }
    outbox_trim(a->outbox);     /* a snapshot may be older than the last trimming */
    log_info("journal.recovered", LOG_I("lsn", found.last_lsn), LOG_I("records", found.records),
             LOG_I("torn_bytes", found.torn_bytes), LOG_I("epoch", journal_epoch(a->journal)));
    return ERR_OK;
}

static void save_outbox(struct turn *t, const struct outbox *o,
                        void (*put)(struct turn *t, const void *data, size_t len))
{
    size_t n = outbox_pack(o, NULL, 0);
    uint8_t *packed = malloc(n + 1);
    must(packed != NULL && outbox_pack(o, packed, n) == n);
    put(t, packed, n);
    free(packed);
}

void agent_snapshot(struct agent *a)
{
    struct turn t = {.data = NULL};
    for (size_t i = 0; i < a->n_seqs; i++)
        if (a->seqs[i].durable)
            turn_last(&t, a->seqs[i].topic, a->seqs[i].last);
    const struct stream *st;
    for (size_t i = 0; (st = streams_at(a->streams, i)) != NULL; i++)
        turn_cursor(&t, st->publisher, st->topic, st->cursor, streams_identity_of(a->streams, st->publisher));
    save_outbox(&t, a->outbox, turn_outbox);
    if (a->archive != NULL)
        save_outbox(&t, a->archive, turn_archive);
    agent_anchors_save(a, &t);
    if (a->def->save != NULL) {
        void *data = NULL;
        size_t len = 0;
        a->def->save(a, &data, &len);
        turn_state(&t, data, len);
        free(data);
    }
    FAILPOINT(snapshot_before);
    int err = journal_snapshot_write(a->journal, t.data, t.len);
    FAILPOINT(snapshot_after);
    turn_fini(&t);
    a->records = 0;
    if (err < 0)
        log_warn("journal.snapshot_failed", LOG_S("error", err_text(err)), LOG_S("detail", journal_error()),
                 LOG_S("action", "keeping all records"));
}

/* ---- trimming ----
 *
 * A mark is an instant of the journal with the last sequence of each topic then.  When the heartbeats of all
 * who must apply them show cursors that are past it, nobody will ask for what lies before, and the next
 * mark is set. */

static void set_mark(struct agent *a)
{
    a->mark_lsn = journal_head(a->journal, NULL);
    for (size_t i = 0; i < a->n_seqs; i++) {
        struct seq *s = &a->seqs[i];
        enum topic topic;
        s->mark = s->last;
        s->awaited = 0;
        if (s->durable && s->last > 0 && topic_find(s->topic, &topic) == ERR_OK)
            s->awaited = topic_defs[topic].subscribers & ~(1u << a->def->id);
    }
}

void agent_heard_cursor(struct agent *a, enum party by, const char *topic, uint64_t cursor)
{
    for (size_t i = 0; i < a->n_seqs; i++)
        if (cursor >= a->seqs[i].mark && strcmp(a->seqs[i].topic, topic) == 0)
            a->seqs[i].awaited &= ~(1u << by);
}

void agent_trim(struct agent *a, int64_t min_age_ms)
{
    for (size_t i = 0; i < a->n_seqs; i++)
        if (a->seqs[i].awaited != 0)
            return;
    if (a->mark_lsn > 0 && journal_trim(a->journal, a->mark_lsn + 1, min_age_ms * 1000000) > 0) {
        outbox_trim(a->outbox);
        log_info("journal.trimmed", LOG_I("oldest_lsn", journal_first(a->journal).lsn));
    }
    set_mark(a);
}

/* ---- the replay service: others fetch what they missed ---- */

struct serving {
    struct agent *a;
    const struct replay_request *request;
    size_t skip, between;       /* bytes before the topic, and between header and body */
};

static int serve_one(void *arg, const struct outbox_entry *e)
{
    const struct serving *s = arg;
    const uint8_t *header = e->frames;
    must(e->len >= HEADER_SIZE + s->between);
    bus_replay_answer(s->a->bus, s->request, e->topic + s->skip, header, header + HEADER_SIZE + s->between,
                      e->len - HEADER_SIZE - s->between);
    return ERR_OK;
}

void agent_serve_replay(void *arg, const struct replay_request *r)
{
    struct agent *a = arg;
    bool archived = a->archive != NULL && outbox_last(a->archive, r->topic) > 0;
    struct outbox *o = archived ? a->archive : a->outbox;
    struct serving s = {.a = a, .request = r, .skip = archived ? ARCHIVE_KEY : 0, .between = archived ? 0 : 4};
    if (a->unsynced)
        agent_sync_later(a);    /* what is shown to others is on disk */
    uint32_t max = r->max < CATCHUP_BATCH ? r->max : CATCHUP_BATCH;
    uint64_t last = outbox_last(o, r->topic);
    uint64_t oldest = outbox_oldest(o, r->topic);
    if (oldest == 0)
        oldest = last + 1;      /* all trimmed: who asks shall go on behind it */
    uint64_t from = r->from > oldest ? r->from : oldest;
    int n = max > 0 && from <= last ? outbox_each(o, r->topic, from, (int)max, serve_one, &s) : 0;
    if (n < 0)
        log_error("replay.failed", LOG_S("topic", r->topic), LOG_S("error", err_text(n)),
                  LOG_S("detail", journal_error()));
    bus_replay_end(a->bus, r, last, oldest, journal_stream(a->journal));
}

uint64_t agent_last_seq(const struct agent *a, const char *topic)
{
    for (size_t i = 0; i < a->n_seqs; i++)
        if (strcmp(a->seqs[i].topic, topic) == 0)
            return a->seqs[i].last;
    return 0;
}

void agent_out_fini(struct agent *a)
{
    for (size_t i = 0; i < a->n_outputs; i++)
        output_fini(&a->outputs[i]);
    free(a->outputs);
    free(a->spare);
    turn_fini(&a->turn);
    free(a->seqs);
}
