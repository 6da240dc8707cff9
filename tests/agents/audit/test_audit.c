/* The audit agent behind a skeleton of the test: what is archived comes back, invariants, the summary. */
#include "tests/agents/fake_agent.h"
#include "tests/runner.h"

#include "agents/audit/audit.h"
#include "proto/text.h"

static struct audit *u;
static struct agent *a;

static void begin(void)
{
    char why[CONFIG_WHY_MAX];
    fake_timers_n = 0;
    u = calloc(1, sizeof *u);
    a = fake_new(u);
    ck_assert_int_eq(audit_init(a, why), ERR_OK);
    audit_start(a);
}

static void finish(void)
{
    audit_fini(a);
    fake_destroy(a);
    free(u);
}

/* Killed and started again: an optional snapshot, then the notes after it. */
static void restart(bool snapshot)
{
    struct agent *was = a;
    void *data = NULL;
    size_t len = 0;
    if (snapshot)
        audit_save(a, &data, &len);
    audit_fini(a);
    free(u);
    begin();
    a->now_ns = was->now_ns;
    if (snapshot)
        ck_assert_int_eq(audit_load(a, data, len), ERR_OK);
    else
        for (size_t i = 0; i < was->n_notes; i++) {
            ck_assert_int_eq(audit_note(a, was->notes[i].kind, was->notes[i].data, was->notes[i].len), ERR_OK);
            agent_note(a, was->notes[i].kind, was->notes[i].data, was->notes[i].len, false);
        }
    free(data);
    fake_destroy(was);
}

/* As the skeleton hands it over: decoded, and with its frames. */
static void hear(enum party from, enum msg type, const void *msg)
{
    static uint64_t seq;
    struct header h = {.class = DUR_D2, .sender = from, .epoch = 1, .seq = ++seq, .sent_ns = a->now_ns};
    struct envelope env = {
        .from = from, .to = "*", .type = TYPE_EVENT, .priority = PRIORITY_NORMAL, .timestamp_ms = a->now_ns / 1000000,
    };
    uint8_t raw[HEADER_SIZE];
    struct wbuf w;
    TEXT_COPY(env.action, msg_defs[type].action);
    uuid_make(env.id);
    header_encode(&h, raw);
    wbuf_init(&w, ENVELOPE_MAX);
    ck_assert_int_eq(envelope_pack(&env, type, msg, &w), ERR_OK);
    const struct event e = {
        .topic = "some.topic", .header = &h, .env = &env, .from = from, .type = type, .msg = msg, .raw_header = raw,
        .body = w.data, .body_len = w.len, .now_ns = a->now_ns,
    };
    audit_on_message(a, &e);
    wbuf_fini(&w);
}

static struct sub_position position(const char *symbol)
{
    struct sub_position p = {
        .qty = 1, .max_qty = 1, .leverage = 5, .multiplier = dec_lit("0.001"), .entry_px = dec_int(100),
        .stop_px = dec_int(99), .margin = dec_int(50), .opened_ns = 1,
    };
    TEXT_COPY(p.symbol, symbol);
    return p;
}

static void hear_opened(struct sub_position p)
{
    const struct msg_position_opened m = {.position = p};
    hear(AGENT_EXECUTION, MSG_POSITION_OPENED, &m);
}

static void hear_closed(const char *symbol, const char *net)
{
    struct msg_position_closed m = {.position = position(symbol)};
    m.position.net_pnl = dec_lit(net);
    m.position.fees = dec_lit("0.1");
    hear(AGENT_EXECUTION, MSG_POSITION_CLOSED, &m);
}

static void hear_account(const char *equity, const char *available)
{
    struct msg_account_updated m = {.equity = dec_lit(equity), .available = dec_lit(available), .reconciled = true};
    hear(AGENT_EXECUTION, MSG_ACCOUNT_UPDATED, &m);
}

static const struct msg_summary *summary(int64_t since_ns)
{
    const struct msg_summary_get ask = {.since_ns = since_ns};
    fake_forget(a);
    fake_tell(a, audit_on_summary, AGENT_OPERATOR, MSG_SUMMARY_GET, &ask);
    ck_assert_uint_eq(fake_count(a, MSG_SUMMARY), 1);
    return fake_heard(a, MSG_SUMMARY, 0);
}

static void tick(void)
{
    fake_pass_ms(a, 1000);
}

static void some_story(void)
{
    struct msg_signal_generated s = {.symbol = "AAAUSDTM", .tf = "1m", .strategy = "score", .close_px = dec_int(100)};
    struct msg_risk_rejected r = {.symbol = "AAAUSDTM", .strategy = "score", .reason = "SPREAD"};
    hear(AGENT_SIGNAL, MSG_SIGNAL_GENERATED, &s);
    hear(AGENT_SIGNAL, MSG_SIGNAL_GENERATED, &s);
    hear(AGENT_RISK, MSG_RISK_REJECTED, &r);
    hear_account("10000", "9900");
    hear_opened(position("AAAUSDTM"));
    hear_opened(position("BBBUSDTM"));
    hear_closed("AAAUSDTM", "-2.5");
}

static void check_story(void)
{
    const struct msg_summary *m = summary(0);
    ck_assert_int_eq(m->signals, 2);
    ck_assert_uint_eq(m->rejections_n, 1);
    ck_assert_str_eq(m->rejections[0].name, "SPREAD");
    ck_assert_int_eq(m->positions_opened, 2);
    ck_assert_int_eq(m->positions_closed, 1);
    ck_assert(dec_eq(m->net_pnl, dec_lit("-2.5")));
    ck_assert_int_eq(u->archived, 7);
    ck_assert_int_eq(u->ledger.losses, 1);
    ck_assert_uint_eq(ledger_open(&u->ledger), 1);
    ck_assert(u->ledger.account_known && dec_eq(u->ledger.account.available, dec_int(9900)));
}

START_TEST(the_archive_gives_back_the_same_ledger)
{
    begin();
    some_story();
    ck_assert_uint_eq(a->n_notes, 7);
    check_story();
    restart(false);
    check_story();
    restart(true);
    check_story();
    restart(true);                                  /* a snapshot of what came from a snapshot */
    check_story();
    finish();
}
END_TEST

START_TEST(the_frames_are_archived_byte_for_byte)
{
    begin();
    struct msg_risk_rejected r = {.symbol = "AAAUSDTM", .strategy = "score", .reason = "SPREAD"};
    hear(AGENT_RISK, MSG_RISK_REJECTED, &r);
    const uint8_t *p = a->notes[0].data;
    ck_assert_uint_eq(p[0], strlen("some.topic"));
    ck_assert_int_eq(memcmp(p + 1, "some.topic", p[0]), 0);
    struct header h;
    struct envelope_parser parser;
    struct envelope env;
    ck_assert_int_eq(header_decode(p + 1 + p[0], &h), ERR_OK);
    ck_assert_int_eq(h.sender, AGENT_RISK);
    size_t before = 1u + p[0] + HEADER_SIZE;
    ck_assert_int_eq(envelope_unpack(&parser, p + before, a->notes[0].len - before, &env), ERR_OK);
    ck_assert_str_eq(env.action, msg_defs[MSG_RISK_REJECTED].action);
    envelope_parser_fini(&parser);
    finish();
}
END_TEST

START_TEST(a_note_cut_at_any_byte_never_counts_as_its_message)
{
    begin();
    hear_closed("AAAUSDTM", "1");
    struct fake_note note = a->notes[0];
    for (size_t len = 0; len < note.len; len++) {
        uint8_t *cut = fake_copy(note.data, len);   /* of its own, so that a read behind it is seen */
        audit_note(a, note.kind, cut, len);
        free(cut);
    }
    ck_assert_uint_eq(u->ledger.n, 1);
    ck_assert_int_eq(audit_note(a, NOTE_MESSAGE, "", 0), ERR_CORRUPT);
    ck_assert_int_eq(audit_note(a, NOTE_BROKEN, note.data, 7), ERR_CORRUPT);
    ck_assert_int_eq(audit_note(a, 99, note.data, note.len), ERR_CORRUPT);
    finish();
}
END_TEST

START_TEST(a_snapshot_of_another_length_or_version_is_refused)
{
    begin();
    some_story();
    void *data;
    size_t len;
    audit_save(a, &data, &len);
    struct audit *empty = calloc(1, sizeof *empty);
    a->state = empty;
    for (size_t cut = 0; cut < len; cut += cut < 64 || cut + 64 > len ? 1 : 61) {
        void *part = fake_copy(data, cut);
        int err = audit_load(a, part, cut);
        /* cut between two closed positions it is one of fewer: the only cut that cannot be seen */
        ck_assert_msg(err == ERR_CORRUPT || (len - cut) % sizeof(struct sub_position) == 0, "%zu of %zu bytes", cut, len);
        if (err == ERR_OK)
            ledger_fini(&empty->ledger);
        free(part);
    }
    *(int32_t *)data += 1;
    ck_assert_int_eq(audit_load(a, data, len), ERR_CORRUPT);
    a->state = u;
    free(empty);
    free(data);
    finish();
}
END_TEST

/* ---- invariants ---- */

static void check_broken(const char *id, bool broken)
{
    tick();
    ck_assert_msg((fake_degraded(a, "invariant", id) != NULL) == broken, "%s", id);
}

START_TEST(nothing_is_judged_before_the_account_is_known)
{
    begin();
    struct sub_position p = position("AAAUSDTM");
    p.stop_px = dec_zero();
    hear_opened(p);
    check_broken("I-004", false);
    hear_account("10000", "9900");
    check_broken("I-004", true);
    finish();
}
END_TEST

START_TEST(each_invariant_holds_at_its_limit_and_breaks_beyond)
{
    struct sub_position p = position("AAAUSDTM");
    begin();
    hear_account("10000", "9900");
    p.margin = dec_int(250), hear_opened(p);        /* 2 % and a quarter more */
    check_broken("I-001", false);
    p.margin = dec_lit("250.01"), hear_opened(p);
    check_broken("I-001", true);
    p.margin = dec_int(50);
    p.leverage = 15, hear_opened(p);
    check_broken("I-003", false);
    p.leverage = 16, hear_opened(p);
    check_broken("I-003", true);
    p.leverage = 0, hear_opened(p);
    check_broken("I-003", true);
    p.leverage = 5;
    p.stop_px = dec_zero(), hear_opened(p);
    check_broken("I-004", true);
    p.stop_px = dec_int(99), hear_opened(p);
    check_broken("I-001", false);
    check_broken("I-003", false);
    check_broken("I-004", false);
    hear_account("10000", "0.01");
    check_broken("I-015", false);
    hear_account("10000", "0");
    check_broken("I-015", true);
    hear_account("10000", "9900");
    check_broken("I-015", false);
    finish();
}
END_TEST

START_TEST(the_sum_of_margins_and_the_number_of_positions_are_bounded)
{
    static const char *const symbols[] = {"AUSDTM", "BUSDTM", "CUSDTM", "DUSDTM", "EUSDTM", "FUSDTM"};
    begin();
    fake_config(a, "max_open_positions", "5");
    hear_account("10000", "9900");
    for (int i = 0; i < 5; i++) {
        struct sub_position p = position(symbols[i]);
        p.margin = dec_int(250);
        hear_opened(p);
    }
    check_broken("I-002", false);                   /* 1250: 10 % and a quarter more */
    check_broken("I-013", false);
    struct sub_position p = position(symbols[5]);
    p.margin = dec_lit("0.01");
    hear_opened(p);
    check_broken("I-002", true);
    check_broken("I-013", true);
    hear_closed(symbols[0], "1");
    check_broken("I-002", false);
    check_broken("I-013", false);
    finish();
}
END_TEST

START_TEST(one_loss_more_than_allowed_breaks_and_a_win_mends)
{
    begin();
    hear_account("10000", "9900");
    for (int i = 0; i < 10; i++)
        hear_closed("AAAUSDTM", "-1");
    check_broken("I-014", false);
    hear_closed("AAAUSDTM", "-1");
    check_broken("I-014", true);
    hear_closed("AAAUSDTM", "1");
    check_broken("I-014", false);
    finish();
}
END_TEST

START_TEST(a_broken_invariant_counts_once_while_it_lasts)
{
    begin();
    hear_account("10000", "0");
    tick();
    tick();
    ck_assert_int_eq(summary(0)->invariants_broken, 1);
    hear_account("10000", "1");
    tick();
    hear_account("10000", "0");
    tick();
    ck_assert_int_eq(summary(0)->invariants_broken, 2);
    finish();
}
END_TEST

/* The summary of a run told those of all runs of the instance, so that none was healthy after a broken one. */
START_TEST(broken_invariants_are_summed_from_the_instant_on_and_survive_a_kill)
{
    begin();
    hear_account("10000", "0");
    tick();
    int64_t broken_ns = a->now_ns;
    hear_account("10000", "1");
    tick();
    ck_assert_int_eq(summary(broken_ns)->invariants_broken, 1);
    ck_assert_int_eq(summary(broken_ns + 1)->invariants_broken, 0);
    restart(false);
    ck_assert_int_eq(summary(broken_ns)->invariants_broken, 1);
    ck_assert_int_eq(u->invariants_broken, 1);
    restart(true);
    ck_assert_int_eq(summary(broken_ns)->invariants_broken, 1);
    ck_assert_int_eq(summary(broken_ns + 1)->invariants_broken, 0);
    ck_assert_int_eq(u->invariants_broken, 1);
    finish();
}
END_TEST

START_TEST(heartbeats_are_counted_and_not_archived)
{
    const struct msg_agent_hb hb = {.life = LIFE_ACTIVE};
    struct sub_counter c[8];
    begin();
    for (int i = 0; i < 3; i++)
        fake_tell(a, audit_on_heartbeat, AGENT_DATA, MSG_AGENT_HB, &hb);
    ck_assert_uint_eq(a->n_notes, 0);
    ck_assert_uint_eq(audit_counters(a, c, 8), 4);
    ck_assert_str_eq(c[1].name, "heartbeats");
    ck_assert_int_eq(c[1].count, 3);
    ck_assert_uint_eq(audit_counters(a, c, 1), 1);
    finish();
}
END_TEST

START_TEST(a_tighter_limit_is_no_mistake_of_what_is_open_already)
{
    static const char *const symbols[] = {"AAAUSDTM", "BBBUSDTM", "CCCUSDTM"};
    begin();
    hear_account("10000", "9900");
    for (int i = 0; i < 3; i++)
        hear_opened(position(symbols[i]));
    check_broken("I-013", false);
    fake_config(a, "max_open_positions", "2");
    audit_configured(a);
    check_broken("I-013", false);
    hear_closed(symbols[0], "1");
    check_broken("I-013", false);                   /* it holds again: from now on as ever */
    hear_opened(position(symbols[0]));
    check_broken("I-013", true);
    fake_config(a, "max_open_positions", "1");
    audit_configured(a);
    check_broken("I-013", true);                    /* broken before: not excused */
    finish();
}
END_TEST

TESTS("audit", a_tighter_limit_is_no_mistake_of_what_is_open_already, the_archive_gives_back_the_same_ledger, the_frames_are_archived_byte_for_byte,
      a_note_cut_at_any_byte_never_counts_as_its_message, a_snapshot_of_another_length_or_version_is_refused,
      nothing_is_judged_before_the_account_is_known, each_invariant_holds_at_its_limit_and_breaks_beyond,
      the_sum_of_margins_and_the_number_of_positions_are_bounded, one_loss_more_than_allowed_breaks_and_a_win_mends,
      a_broken_invariant_counts_once_while_it_lasts,
      broken_invariants_are_summed_from_the_instant_on_and_survive_a_kill, heartbeats_are_counted_and_not_archived)
