/* audit - see audit.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"

#include "agents/audit/audit.h"

#define TICK_MS       1000
#define STATE_VERSION 1

/* ---- archive ---- */

void audit_on_message(struct agent *a, const struct event *e)
{
    struct audit *u = agent_state(a);
    static uint8_t note[1 + TOPIC_MAX + HEADER_SIZE + ENVELOPE_MAX];
    size_t n = strlen(e->topic);
    note[0] = (uint8_t)n;
    memcpy(note + 1, e->topic, n);
    memcpy(note + 1 + n, e->raw_header, HEADER_SIZE);
    memcpy(note + 1 + n + HEADER_SIZE, e->body, e->body_len);
    agent_note(a, NOTE_MESSAGE, note, 1 + n + HEADER_SIZE + e->body_len, false);
    u->archived++;
    ledger_add(&u->ledger, e->type, e->msg, e->header->sent_ns);
}

/* At recovery: the same, from the archive. */
int audit_note(struct agent *a, uint16_t kind, const void *data, size_t len)
{
    struct audit *u = agent_state(a);
    const uint8_t *p = data;
    int64_t at_ns;
    if (kind == NOTE_BROKEN && len == sizeof at_ns) {
        memcpy(&at_ns, data, len);
        ledger_broken(&u->ledger, at_ns);
        u->invariants_broken++;
        return ERR_OK;
    }
    if (kind != NOTE_MESSAGE || len < 1 || len < 1u + p[0] + HEADER_SIZE)
        return ERR_CORRUPT;
    struct header h;
    const uint8_t *body = p + 1 + p[0] + HEADER_SIZE;
    size_t body_len = len - (size_t)(body - p);
    struct envelope_parser parser;
    struct envelope env;
    enum msg type;
    const char *bad;
    int err = header_decode(p + 1 + p[0], &h);
    if (err < 0)
        return ERR_CORRUPT;
    err = envelope_unpack(&parser, body, body_len, &env);
    if (err == ERR_OK && msg_by_action(env.action, &type) == ERR_OK) {
        void *msg = malloc(msg_defs[type].size);
        must(msg != NULL);
        if (msg_defs[type].unpack(env.payload, msg, &bad) == ERR_OK)
            ledger_add(&u->ledger, type, msg, h.sent_ns);
        free(msg);
    }
    envelope_parser_fini(&parser);
    u->archived++;
    return ERR_OK;
}

/* Followed by n entries, then the closed positions that are kept, oldest first. */
struct saved {
    int32_t version, account_known;
    int64_t archived, invariants_broken, losses;
    uint64_t n;
    struct msg_account_updated account;
    struct sub_position open[LEDGER_POSITIONS];
};

void audit_save(struct agent *a, void **data, size_t *len)
{
    const struct audit *u = agent_state(a);
    const struct ledger *l = &u->ledger;
    size_t kept = l->trades_n < LEDGER_TRADES ? l->trades_n : LEDGER_TRADES;
    *len = sizeof(struct saved) + l->n * sizeof *l->entries + kept * sizeof *l->trades;
    struct saved *s = calloc(1, *len);
    must(s != NULL);
    *s = (struct saved){
        .version = STATE_VERSION, .account_known = l->account_known, .archived = u->archived,
        .invariants_broken = u->invariants_broken, .losses = l->losses, .n = l->n, .account = l->account,
    };
    memcpy(s->open, l->open, sizeof s->open);
    if (l->n > 0)
        memcpy(s + 1, l->entries, l->n * sizeof *l->entries);
    char *trades = (char *)(s + 1) + l->n * sizeof *l->entries;
    for (size_t i = 0; i < kept; i++)
        memcpy(trades + i * sizeof *l->trades, &l->trades[(l->trades_n - kept + i) % LEDGER_TRADES], sizeof *l->trades);
    *data = s;
}

int audit_load(struct agent *a, const void *data, size_t len)
{
    struct audit *u = agent_state(a);
    struct ledger *l = &u->ledger;
    struct saved s;
    if (len < sizeof s)
        return ERR_CORRUPT;
    memcpy(&s, data, sizeof s);
    if (s.version != STATE_VERSION || s.n > (len - sizeof s) / sizeof *l->entries)
        return ERR_CORRUPT;
    size_t rest = len - sizeof s - s.n * sizeof *l->entries;
    if (rest % sizeof *l->trades != 0 || rest > sizeof l->trades)
        return ERR_CORRUPT;
    u->archived = s.archived;
    u->invariants_broken = s.invariants_broken;
    l->account = s.account;
    l->account_known = s.account_known != 0;
    l->losses = s.losses;
    memcpy(l->open, s.open, sizeof l->open);
    l->n = l->size = s.n;
    l->entries = s.n > 0 ? malloc(s.n * sizeof *l->entries) : NULL;
    must(s.n == 0 || l->entries != NULL);
    if (s.n > 0)
        memcpy(l->entries, (const char *)data + sizeof s, s.n * sizeof *l->entries);
    l->trades_n = rest / sizeof *l->trades;
    memcpy(l->trades, (const char *)data + len - rest, rest);
    return ERR_OK;
}

/* ---- invariants ---- */

struct invariant {
    const char *id;
    enum severity severity;
    const char *text;
    bool (*holds)(const struct ledger *l, const struct config *c);
};

static dec_t percent(dec_t of, dec_t pct)
{
    return dec_quo(dec_mul(of, pct), dec_int(100));
}

/* Margin at entry is compared with equity now; a quarter more is the market's doing (domain 0). */
static bool position_within(const struct ledger *l, const struct config *c)
{
    dec_t most = dec_mul(percent(l->account.equity, config_dec(c, CFG_max_position_pct)), dec_lit("1.25"));
    for (int i = 0; i < LEDGER_POSITIONS; i++)
        if (l->open[i].symbol[0] != '\0' && dec_gt(l->open[i].margin, most))
            return false;
    return true;
}

static bool exposure_within(const struct ledger *l, const struct config *c)
{
    dec_t sum = dec_zero();
    for (int i = 0; i < LEDGER_POSITIONS; i++)
        if (l->open[i].symbol[0] != '\0')
            sum = dec_add(sum, l->open[i].margin);
    dec_t most = dec_mul(percent(l->account.equity, config_dec(c, CFG_max_exposure_pct)), dec_lit("1.25"));
    return dec_le(sum, most);
}

static bool leverage_within(const struct ledger *l, const struct config *c)
{
    for (int i = 0; i < LEDGER_POSITIONS; i++)
        if (l->open[i].symbol[0] != '\0' &&
            (l->open[i].leverage < 1 || l->open[i].leverage > config_int(c, CFG_max_leverage)))
            return false;
    return true;
}

static bool stop_known(const struct ledger *l, const struct config *c)
{
    (void)c;
    for (int i = 0; i < LEDGER_POSITIONS; i++)
        if (l->open[i].symbol[0] != '\0' && dec_sign(l->open[i].stop_px) <= 0)
            return false;
    return true;
}

static bool positions_within(const struct ledger *l, const struct config *c)
{
    return (int64_t)ledger_open(l) <= config_int(c, CFG_max_open_positions);
}

static bool money_left(const struct ledger *l, const struct config *c)
{
    (void)c;
    return dec_sign(l->account.available) > 0;
}

static bool losses_within(const struct ledger *l, const struct config *c)
{
    return l->losses <= config_int(c, CFG_max_consecutive_losses);
}

static const struct invariant invariants[] = {
    {"I-001", SEVERITY_HIGH, "a position's margin is above its limit", position_within},
    {"I-002", SEVERITY_HIGH, "the margin of all positions is above its limit", exposure_within},
    {"I-003", SEVERITY_HIGH, "a position's leverage is out of bounds", leverage_within},
    {"I-004", SEVERITY_CRITICAL, "a position is known without a stop price", stop_known},
    {"I-013", SEVERITY_HIGH, "more positions than allowed", positions_within},
    {"I-014", SEVERITY_CRITICAL, "more losses in a row than allowed", losses_within},
    {"I-015", SEVERITY_CRITICAL, "no balance is available", money_left},
};
#define INVARIANTS (sizeof invariants / sizeof invariants[0])

static void check_invariants(void *arg)
{
    struct agent *a = arg;
    struct audit *u = agent_state(a);
    if (!u->ledger.account_known)
        return;
    for (size_t i = 0; i < INVARIANTS; i++) {
        const struct invariant *v = &invariants[i];
        bool holds = v->holds(&u->ledger, agent_config(a));
        u->excused[i] = u->excused[i] && !holds;
        holds = holds || u->excused[i];
        if (holds && u->broken[i])
            agent_degraded_clear(a, "invariant", v->id);
        if (!holds && !u->broken[i]) {
            int64_t now = agent_now_ns(a);
            u->invariants_broken++;
            ledger_broken(&u->ledger, now);
            agent_note(a, NOTE_BROKEN, &now, sizeof now, false);
            log_error("invariant.broken", LOG_S("id", v->id), LOG_S("text", v->text));
            agent_degraded(a, v->severity, "invariant", v->id, v->text);
        }
        u->broken[i] = !holds;
    }
}

/* What was entered within its limit is no mistake when the limit becomes tighter; that of a loss is meant at once. */
void audit_configured(struct agent *a)
{
    struct audit *u = agent_state(a);
    for (size_t i = 0; u->ledger.account_known && i < INVARIANTS; i++)
        u->excused[i] = invariants[i].severity == SEVERITY_HIGH && !u->broken[i] &&
                        !invariants[i].holds(&u->ledger, agent_config(a));
}

/* ---- the rest ---- */

void audit_on_heartbeat(struct agent *a, const struct event *e)
{
    struct audit *u = agent_state(a);
    (void)e;
    u->heartbeats++;
}

void audit_on_summary(struct agent *a, const struct event *e)
{
    struct audit *u = agent_state(a);
    const struct msg_summary_get *m = e->msg;
    static struct msg_summary answer;
    ledger_sum(&u->ledger, m->since_ns, &answer);
    struct reply_to to = agent_reply_to(e);
    agent_reply(a, &to, MSG_SUMMARY, &answer);
}

void audit_on_trades(struct agent *a, const struct event *e)
{
    struct audit *u = agent_state(a);
    const struct msg_trades_get *m = e->msg;
    static struct msg_trades answer;
    ledger_trades(&u->ledger, m->after, m->max, &answer);
    struct reply_to to = agent_reply_to(e);
    agent_reply(a, &to, MSG_TRADES, &answer);
}

int audit_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    (void)a;
    (void)why;
    return ERR_OK;
}

void audit_start(struct agent *a)
{
    struct audit *u = agent_state(a);
    u->timer = loop_timer_new(agent_loop(a), TICK_MS, TICK_MS, true, check_invariants, a);
}

void audit_fini(struct agent *a)
{
    struct audit *u = agent_state(a);
    ledger_fini(&u->ledger);
}

size_t audit_counters(struct agent *a, struct sub_counter *ret, size_t max)
{
    const struct audit *u = agent_state(a);
    const struct { const char *name; int64_t count; } all[] = {
        {"archived", u->archived}, {"heartbeats", u->heartbeats},
        {"invariants_broken", u->invariants_broken}, {"positions_open", (int64_t)ledger_open(&u->ledger)},
    };
    size_t n = 0;
    for (; n < sizeof all / sizeof all[0] && n < max; n++) {
        ret[n].count = all[n].count;
        TEXT_COPY(ret[n].name, all[n].name);
    }
    return n;
}
