/* What one agent remembers of the journals of the others: a journal that was cut, exchanged or edited is
 * noticed by whoever starts with it; and what the archive remembers of what a publisher said that is gone. */
#define TEST_TIMEOUT 60
#include "tests/runner.h"

#include "libagent/agent_impl.h"
#include "proto/text.h"
#include "proto/uuid.h"
#include "tests/libagent/broker.h"
#include "tests/libagent/net.h"

START_TEST(a_journal_follows_itself_and_nothing_else)
{
    const struct anchor none = {.stream = 0}, was = {.stream = 7, .epoch = 2, .lsn = 100, .head = {1}};
    struct anchor now = was;
    ck_assert_ptr_null(anchor_follows(&none, &was));
    ck_assert_ptr_null(anchor_follows(&was, &now));
    now = (struct anchor){.stream = 7, .epoch = 3, .lsn = 101, .head = {2}};
    ck_assert_ptr_null(anchor_follows(&was, &now));
    now = (struct anchor){.stream = 7, .epoch = 3, .lsn = 99, .head = {2}};
    ck_assert_ptr_nonnull(anchor_follows(&was, &now));
    now = (struct anchor){.stream = 7, .epoch = 1, .lsn = 101, .head = {2}};
    ck_assert_ptr_nonnull(anchor_follows(&was, &now));
    now = (struct anchor){.stream = 7, .epoch = 2, .lsn = 100, .head = {2}};
    ck_assert_ptr_nonnull(anchor_follows(&was, &now));
    now = (struct anchor){.stream = 8, .epoch = 3, .lsn = 101, .head = {2}};
    ck_assert_ptr_nonnull(anchor_follows(&was, &now));
}
END_TEST

START_TEST(an_anchor_survives_a_heartbeat_and_rubbish_does_not)
{
    struct anchor was = {.stream = UINT64_MAX, .epoch = 2, .lsn = 100, .head = {1, [31] = 9}}, now;
    struct sub_anchor s;
    anchor_write(&was, "risk", &s);
    ck_assert_str_eq(s.name, "risk");
    ck_assert_int_eq(anchor_read(&s, &now), ERR_OK);
    ck_assert_mem_eq(&now, &was, sizeof now);
    struct sub_anchor bad = s;
    bad.head_len = 31;
    ck_assert_int_eq(anchor_read(&bad, &now), ERR_SIZE);
    bad = s, bad.lsn = 0;
    ck_assert_int_eq(anchor_read(&bad, &now), ERR_RANGE);
    bad = s, bad.epoch = -1;
    ck_assert_int_eq(anchor_read(&bad, &now), ERR_RANGE);
    bad = s, bad.stream = 0;
    ck_assert_int_eq(anchor_read(&bad, &now), ERR_RANGE);
}
END_TEST

/* ---- an agent made by hand ---- */

static void nothing(void *arg)
{
    (void)arg;
}

static void catchup(void *arg)
{
    struct agent *a = arg;
    a->mono_ns = mono_now().ns;
    agent_catchup(a);
    agent_commit(a);
}

static struct loop *loop;

static void make(struct agent *a, const struct agent_def *def)
{
    char why[CONFIG_WHY_MAX];
    *a = (struct agent){.def = def, .name = party_name(def->id), .instance = "here", .config = config_new(),
                        .now_ns = wall_ns(), .mono_ns = mono_now().ns, .loop = loop};
    a->streams = streams_new();
    a->requests = requests_new();
    a->timer_sync = loop_timer_new(loop, 1000, 0, false, nothing, NULL);
    a->timer_catchup = loop_timer_new(loop, 20, 20, false, catchup, a);
    a->timer_degraded = loop_timer_new(loop, 1000, 0, false, nothing, NULL);
    a->timer_stop = loop_timer_new(loop, 1000, 0, false, nothing, NULL);
    loop_timer_pause(a->timer_catchup);
    ck_assert_msg(agent_recover(a, why) == ERR_OK, "%s", why);
    agent_anchors_start(a);
    const struct bus_options o = {.loop = loop, .name = a->name, .on_frames = agent_on_frames, .arg = a};
    ck_assert_msg(bus_open(&o, &a->bus, why) == ERR_OK, "%s", why);
}

static void end(struct agent *a)
{
    for (int i = 0; i < AGENT_COUNT; i++)
        bus_replay_disconnect(&a->peers[i].replay);
    struct loop_timer **timers[] = {&a->timer_sync, &a->timer_catchup, &a->timer_degraded, &a->timer_stop};
    for (size_t i = 0; i < 4; i++)
        loop_timer_destroy(timers[i]);
    bus_close(&a->bus);
    agent_out_fini(a);
    outbox_destroy(&a->outbox);
    outbox_destroy(&a->archive);
    journal_close(&a->journal);
    streams_destroy(&a->streams);
    requests_destroy(&a->requests);
    config_destroy(&a->config);
}

static void enter(void)
{
    instance_enter();
    must(loop_new(&loop) == ERR_OK);
}

static const struct agent_def risk = {.id = AGENT_RISK};

static void note(struct agent *a, int n)
{
    for (int i = 0; i < n; i++) {
        agent_note(a, 1, "something", 9, true);
        agent_commit(a);
    }
}

static void shell(const char *command)
{
    ck_assert_int_eq(system(command), 0);
}

/* A message as it comes off the wire. */
static void hear(struct agent *a, enum party from, uint32_t epoch, const char *topic, uint64_t seq, enum msg type,
                 const void *msg)
{
    struct envelope env = {.from = from, .to = "*", .type = TYPE_EVENT, .timestamp_ms = wall_ns() / 1000000};
    enum topic t;
    must(topic_find(topic, &t) == ERR_OK);
    const struct header h = {.class = topic_defs[t].class, .sender = from, .epoch = epoch, .seq = seq,
                             .sent_ns = env.timestamp_ms * 1000000};
    uint8_t header[HEADER_SIZE];
    struct wbuf w;
    uuid_make(env.id);
    TEXT_COPY(env.action, msg_defs[type].action);
    header_encode(&h, header);
    wbuf_init(&w, ENVELOPE_MAX);
    ck_assert_int_eq(envelope_pack(&env, type, msg, &w), ERR_OK);
    a->mono_ns = mono_now().ns;
    agent_on_frames(a, topic, header, w.data, w.len);
    agent_commit(a);
    wbuf_fini(&w);
}

/* A heartbeat with one anchor. */
static void beat(struct agent *a, enum party from, uint32_t epoch, const char *of, const struct anchor *anchor)
{
    static struct msg_agent_hb m;
    m = (struct msg_agent_hb){.stream = 5, .anchors_n = anchor != NULL};
    if (anchor != NULL)
        anchor_write(anchor, of, &m.anchors[0]);
    hear(a, from, epoch, "agent.hb", 1, MSG_AGENT_HB, &m);
}

static struct anchor own(const struct agent *a)
{
    struct anchor n = {.stream = journal_stream(a->journal), .epoch = journal_epoch(a->journal)};
    n.lsn = journal_synced(a->journal, n.head);
    return n;
}

/* What the agent says of itself and others in its heartbeat. */
static const struct sub_anchor *said(struct agent *a, const char *name)
{
    static struct msg_agent_hb m;
    m = (struct msg_agent_hb){.pid = 0};
    agent_anchors_say(a, &m);
    for (size_t i = 0; i < m.anchors_n; i++)
        if (strcmp(m.anchors[i].name, name) == 0)
            return &m.anchors[i];
    return NULL;
}

/* ---- one's own journal ---- */

static struct agent a;

/* The first life leaves a journal, an old copy of it, and what audit remembers of its end. */
static struct anchor first_life(void)
{
    enter();
    make(&a, &risk);
    note(&a, 10);
    shell("cp -r journal/risk journal/old");
    note(&a, 10);
    struct anchor known = own(&a);
    end(&a);
    return known;
}

/* Starts again in the state that `make` leaves, with that known to audit; true: noticed. */
static bool noticed(const struct anchor *known)
{
    make(&a, &risk);
    a.life = LIFE_WARMING;
    beat(&a, AGENT_AUDIT, 1, "risk", known);
    agent_ready(&a);
    ck_assert_int_eq(a.life, a.rolled_back ? LIFE_WARMING : LIFE_ACTIVE - (a.system == SYS_INITIALIZING));
    return a.rolled_back;
}

START_TEST(its_own_journal_is_not_suspected)
{
    struct anchor known = first_life();
    ck_assert(!noticed(&known));
    note(&a, 5);
    known = own(&a);
    beat(&a, AGENT_AUDIT, 2, "risk", &known);               /* an audit that starts later */
    ck_assert(!a.rolled_back);
    end(&a);
}
END_TEST

START_TEST(a_cut_journal_is_noticed_and_its_agent_does_not_become_ready)
{
    struct anchor known = first_life();
    shell("rm -r journal/risk; mv journal/old journal/risk");
    ck_assert(noticed(&known));
    ck_assert_msg(strstr(a.detail, "JOURNAL_ROLLED_BACK: records at its end are missing; audit knows") != NULL,
                  "%s", a.detail);
    a.echo = true;
    a.echo_ns = 1;
    ck_assert_ptr_null(said(&a, "risk"));                   /* nobody shall learn it (A2) */
    end(&a);
}
END_TEST

START_TEST(a_cut_journal_that_grew_again_is_noticed)
{
    struct anchor known = first_life();
    shell("rm -r journal/risk; mv journal/old journal/risk");
    make(&a, &risk);
    note(&a, 100);
    end(&a);
    ck_assert(noticed(&known));
    ck_assert_ptr_nonnull(strstr(a.detail, "its records are other ones"));
    end(&a);
}
END_TEST

START_TEST(an_exchanged_journal_is_noticed)
{
    struct anchor known = first_life();
    shell("rm -r journal/risk");
    ck_assert(noticed(&known));
    ck_assert_ptr_nonnull(strstr(a.detail, "it is another journal"));
    end(&a);
}
END_TEST

START_TEST(the_operator_may_accept_a_journal_as_it_is_once)
{
    struct anchor known = first_life();
    shell("rm -r journal/risk; mv journal/old journal/risk; touch etc/accept-journal-risk");
    ck_assert(!noticed(&known));
    ck_assert_int_eq(access("etc/accept-journal-risk", F_OK), 0);   /* not before the others could hear it */
    a.life = LIFE_ACTIVE;
    a.echo = true;
    a.echo_ns = 1;
    ck_assert_ptr_nonnull(said(&a, "risk"));
    ck_assert_int_ne(access("etc/accept-journal-risk", F_OK), 0);
    end(&a);
    ck_assert(noticed(&known));                             /* who did not hear it says so again */
    end(&a);
}
END_TEST

START_TEST(tells_its_own_anchor_when_it_is_sure_and_only_what_is_on_disk)
{
    enter();
    make(&a, &risk);
    note(&a, 3);
    a.life = LIFE_ACTIVE;
    a.echo = true;
    a.echo_ns = a.mono_ns;
    ck_assert_ptr_null(said(&a, "risk"));                   /* heard the others for too short a time */
    a.echo_ns = a.mono_ns - 2LL * ANCHOR_SURE_MS * 1000000;
    uint64_t lsn = journal_head(a.journal, NULL);
    ck_assert_int_eq(said(&a, "risk")->lsn, (int64_t)lsn);
    agent_note(&a, 1, "not yet on disk", 15, false);
    agent_commit(&a);
    ck_assert_uint_eq(journal_head(a.journal, NULL), lsn + 1);
    ck_assert_int_eq(said(&a, "risk")->lsn, (int64_t)lsn);
    a.life = LIFE_WARMING;
    ck_assert_ptr_null(said(&a, "risk"));
    end(&a);
}
END_TEST

/* ---- the journals of others ---- */

START_TEST(remembers_the_journals_of_others_over_a_restart_and_tells_them)
{
    const struct anchor data = {.stream = 9, .epoch = 4, .lsn = 1000, .head = {0xda}};
    struct anchor now;
    enter();
    make(&a, &risk);
    beat(&a, AGENT_DATA, 4, "data", &data);
    beat(&a, AGENT_AUDIT, 1, "data", &data);                /* hearsay is not evidence, here of the same */
    a.mono_ns += 2LL * ANCHOR_KEEP_MS * 1000000;
    agent_anchors_keep(&a);
    agent_commit(&a);
    end(&a);
    for (int i = 0; i < 2; i++) {                           /* from the record, then from a snapshot */
        make(&a, &risk);
        ck_assert_ptr_nonnull(said(&a, "data"));
        ck_assert_int_eq(anchor_read(said(&a, "data"), &now), ERR_OK);
        ck_assert_mem_eq(&now, &data, sizeof data);
        agent_snapshot(&a);
        end(&a);
    }
}
END_TEST

START_TEST(a_journal_that_cannot_be_the_one_known_changes_no_memory)
{
    const struct anchor was = {.stream = 9, .epoch = 4, .lsn = 1000, .head = {0xda}};
    const struct anchor cut = {.stream = 9, .epoch = 5, .lsn = 900, .head = {0xda}};
    const struct anchor other = {.stream = 10, .epoch = 1, .lsn = 2000, .head = {0xda}};
    enter();
    make(&a, &risk);
    beat(&a, AGENT_DATA, 4, "data", &was);
    beat(&a, AGENT_DATA, 5, "data", &cut);
    ck_assert_int_eq(said(&a, "data")->lsn, 1000);
    beat(&a, AGENT_DATA, 5, "data", &other);
    ck_assert_int_eq(said(&a, "data")->stream, 9);
    ck_assert(a.degraded[0].raised && strstr(a.degraded[0].msg.text, "journal of data") != NULL);
    static struct msg_agent_hb m = {.stream = 10, .accepted = true, .anchors_n = 1};
    anchor_write(&other, "data", &m.anchors[0]);
    hear(&a, AGENT_DATA, 6, "agent.hb", 1, MSG_AGENT_HB, &m);
    ck_assert_int_eq(said(&a, "data")->stream, 10);         /* the operator's word */
    ck_assert(!a.degraded[0].raised);
    end(&a);
}
END_TEST

/* ---- the archive ---- */

#define SAID 700                /* three batches */
static int applied, wrong;

static void on_approved(struct agent *who, const struct event *e)
{
    (void)who;
    wrong += strtol(((const struct msg_risk_approved *)e->msg)->signal_id, NULL, 10) != ++applied || !e->replayed;
}

static void on_archive(struct agent *who, const struct event *e)
{
    static uint8_t bytes[1 + TOPIC_MAX + HEADER_SIZE + ENVELOPE_MAX];
    size_t n = strlen(e->topic);
    bytes[0] = (uint8_t)n;
    memcpy(bytes + 1, e->topic, n);
    memcpy(bytes + 1 + n, e->raw_header, HEADER_SIZE);
    memcpy(bytes + 1 + n + HEADER_SIZE, e->body, e->body_len);
    agent_note(who, 1, bytes, 1 + n + HEADER_SIZE + e->body_len, false);
}

static const struct route archive_routes[] = {{MSG_RISK_APPROVED, on_archive}, ROUTES_END};
static const struct route apply_routes[] = {{MSG_RISK_APPROVED, on_approved}, ROUTES_END};
static const struct agent_def audit = {.id = AGENT_AUDIT, .routes = archive_routes, .archive = 1};
static const struct agent_def execution = {.id = AGENT_EXECUTION, .routes = apply_routes};
static struct agent keeper, consumer;

static bool drain(void *arg)
{
    (void)arg;
    bool more = bus_drain(keeper.bus);
    consumer.mono_ns = mono_now().ns;
    more = bus_drain(consumer.bus) || more;
    agent_commit(&consumer);
    return more;
}

static void risk_said(uint64_t stream, int from, int to)
{
    static struct msg_agent_hb m;
    static struct msg_risk_approved approved;
    m = (struct msg_agent_hb){.stream = (int64_t)stream};
    hear(&keeper, AGENT_RISK, 1, "agent.hb", 1, MSG_AGENT_HB, &m);
    for (int i = from; i <= to; i++) {
        snprintf(approved.signal_id, sizeof approved.signal_id, "%d", i);
        hear(&keeper, AGENT_RISK, 1, "risk.approved", (uint64_t)i, MSG_RISK_APPROVED, &approved);
    }
}

/* The consumer is told that risk said so many, and risk is gone. */
static void lacks(uint64_t stream, int last)
{
    static struct msg_agent_hb m;
    m = (struct msg_agent_hb){.stream = (int64_t)stream, .last_n = 1};
    TEXT_COPY(m.last[0].topic, "risk.approved");
    m.last[0].seq = last;
    hear(&consumer, AGENT_RISK, 1, "agent.hb", 1, MSG_AGENT_HB, &m);
}

START_TEST(what_a_publisher_said_that_is_gone_comes_from_the_archive)
{
    char why[BUS_WHY_MAX];
    enter();
    make(&keeper, &audit);
    risk_said(77, 1, SAID - 100);
    agent_snapshot(&keeper);
    risk_said(77, SAID - 99, SAID);
    end(&keeper);
    make(&keeper, &audit);                                  /* half of the index from the snapshot */
    ck_assert_int_eq(bus_replay_bind(keeper.bus, agent_serve_replay, &keeper, why), ERR_OK);
    make(&consumer, &execution);
    loop_on_prepare(loop, drain, NULL);
    lacks(77, SAID);
    RUN_UNTIL(loop, applied == SAID);
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq(streams_get(consumer.streams, AGENT_RISK, "risk.approved", 13)->cursor, SAID);
    end(&consumer);
    end(&keeper);
}
END_TEST

START_TEST(the_archive_does_not_mix_two_journals_of_one_publisher)
{
    char why[BUS_WHY_MAX];
    enter();
    make(&keeper, &audit);
    risk_said(77, 1, 5);
    risk_said(78, 1, 3);                                    /* another journal: from 1 again */
    ck_assert_int_eq(bus_replay_bind(keeper.bus, agent_serve_replay, &keeper, why), ERR_OK);
    make(&consumer, &execution);
    loop_on_prepare(loop, drain, NULL);
    lacks(78, 5);                                           /* two of them nobody heard */
    RUN_UNTIL(loop, applied == 3);
    RUN_FOR(loop, 2000);
    ck_assert_int_eq(applied, 3);
    end(&consumer);
    end(&keeper);
}
END_TEST

TESTS("anchors", a_journal_follows_itself_and_nothing_else, an_anchor_survives_a_heartbeat_and_rubbish_does_not,
      its_own_journal_is_not_suspected, a_cut_journal_is_noticed_and_its_agent_does_not_become_ready,
      a_cut_journal_that_grew_again_is_noticed, an_exchanged_journal_is_noticed,
      the_operator_may_accept_a_journal_as_it_is_once,
      tells_its_own_anchor_when_it_is_sure_and_only_what_is_on_disk,
      remembers_the_journals_of_others_over_a_restart_and_tells_them,
      a_journal_that_cannot_be_the_one_known_changes_no_memory,
      what_a_publisher_said_that_is_gone_comes_from_the_archive,
      the_archive_does_not_mix_two_journals_of_one_publisher)
