/* stage - execution's own modules between a skeleton that can die at any failpoint and the real paper exchange.
 *
 * One process, a clock of its own, nothing random: a case takes milliseconds, and the same plan gives the same
 * story.  The skeleton does what libagent/agent_out.c does: what a turn leaves behind is kept as a whole
 * (`record_written`) or not at all, and only then do its effects run.  A request, once sent, is the network's:
 * it arrives or not whatever becomes of its sender.  Approvals are real tokens, and the signer's own policy
 * decides what is signed.
 */
#ifndef TESTS_FAILPOINT_STAGE_H
#define TESTS_FAILPOINT_STAGE_H

#include <setjmp.h>
#include <sodium.h>

#include "tests/agents/fake_agent.h"

#include "agents/execution/body.h"
#include "agents/execution/exec.h"
#include "agents/execution/signer.h"
#include "agents/execution/witness.h"
#include "libagent/exchange/auth.h"
#include "libagent/exchange/codec.h"
#include "libagent/failpoint.h"
#include "proto/text.h"
#include "proto/tm.h"
#include "tests/failpoint/exchange.h"

/* What becomes of a request. */
#define OUTCOMES(X) \
    X(FINE,         "answered") \
    X(NOT_SENT,     "no byte left") \
    X(CUT_REQUEST,  "the request is cut: not accepted, no answer") \
    X(CUT_REPLY,    "accepted, the answer is cut") \
    X(LATE,         "arrives 4 s later, no answer") \
    X(TOO_LATE,     "arrives 6 s later, no answer") \
    X(BUSY_BEFORE,  "not accepted, answered 503") \
    X(BUSY_AFTER,   "accepted, answered 503") \
    X(LIMITED,      "not accepted, answered 429") \
    X(REFUSED,      "not accepted, refused by the venue") \
    X(DUPLICATE,    "accepted, answered as a duplicate id")
enum outcome {
#define X(name, text) OUT_##name,
    OUTCOMES(X)
#undef X
    OUT_COUNT
};
static const char *const outcome_names[] = {
#define X(name, text) #name,
    OUTCOMES(X)
#undef X
};

#define KINDS(X) X(ENTRY) X(STOP) X(TARGET) X(EXIT) X(CANCEL) X(QUERY) X(FILLS) X(LISTS) X(OTHER)
enum kind {
#define X(name) KIND_##name,
    KINDS(X)
#undef X
    KIND_COUNT
};
static const char *const kind_names[] = {
#define X(name) #name,
    KINDS(X)
#undef X
};

struct plan {
    enum failpoint at;
    int pass;                   /* dies at this pass of it; 0: it lives */
    bool twice;                 /* and the next process as well, at the same pass of its own */
    bool power;                 /* what was written and not synced is lost too */
    enum kind kind;
    enum outcome outcome;       /* of the first `times` requests of that kind */
    int times;
    bool by_hand;               /* somebody cancels every stop at the venue while the position is open */
};

#define REQUESTS  4096
#define APPROVALS 4

static struct stage {
    struct plan plan;
    bool hand;                  /* as planned at first */
    int faults;
    struct exec *x;
    struct agent *a;
    int life;                   /* which process this is */
    int passes[FAILPOINT_COUNT];
    jmp_buf death;
    bool dead;
    size_t notes, said, notes_before, said_before;      /* what is kept of the turn's; of the turns before */
    struct effect { void (*fn)(struct agent *a, void *arg); void *arg; } effects[256];
    size_t n_effects;
    struct wire {
        int life;
        bool arrived, answers;
        enum outcome outcome;
        int64_t at_ns;
        char method[8], target[256], body[512], headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX];
        int n_headers;
        venue_done *done;
        void *arg;
    } wires[REQUESTS];
    size_t n_wires, first_wire;
    struct venue_options options;
    struct venue_stream_options stream;
    struct policy policy;
    int signer_err;             /* what the signer says, whatever it is asked */
    uint8_t secret[TOKEN_SECRET], public_key[TOKEN_PUBLIC];
    struct msg_risk_approved approvals[APPROVALS];
    int n_approvals;
    int64_t bare_ns, bare_most_ns;      /* since when a position has no stop; the longest of it */
    int64_t requests[KIND_COUNT];
} st;

/* ---- death ---- */

static inline void stage_pass(enum failpoint at)
{
    if (st.dead || st.plan.pass == 0 || at != st.plan.at || ++st.passes[at] != st.plan.pass)
        return;
    if (at == FAILPOINT_record_written && st.plan.power) {
        st.notes = st.notes_before;
        st.said = st.said_before;
    }
    st.dead = true;
    if (st.plan.twice) {
        st.plan.twice = false;
        st.passes[at] = 0;
    }
    longjmp(st.death, 1);
}

/* ---- the skeleton: the end of a turn ---- */

void agent_effect(struct agent *a, void (*fn)(struct agent *a, void *arg), void *arg)
{
    (void)a;
    must(st.n_effects < 256);
    st.effects[st.n_effects].fn = fn;
    st.effects[st.n_effects++].arg = arg;
}

static inline void stage_commit(void)
{
    while (st.a->n_notes > st.notes || st.a->n_said > st.said || st.n_effects > 0) {
        struct effect batch[256];
        size_t n = st.n_effects;
        bool told = st.a->n_said > st.said;
        FAILPOINT(record_before);
        st.notes_before = st.notes;
        st.said_before = st.said;
        st.notes = st.a->n_notes;
        st.said = st.a->n_said;
        FAILPOINT(record_written);
        FAILPOINT(record_synced);
        memcpy(batch, st.effects, n * sizeof batch[0]);
        st.n_effects = 0;
        if (told)
            FAILPOINT(told);
        for (size_t i = 0; i < n; i++) {
            FAILPOINT(effect);
            batch[i].fn(st.a, batch[i].arg);
        }
    }
}

/* ---- the venue's client ---- */

static inline enum kind kind_of(const char *method, const char *target, const char *body)
{
    if (strcmp(method, "DELETE") == 0)
        return KIND_CANCEL;
    if (strcmp(target, ENTRY_TARGET) == 0)
        return KIND_ENTRY;
    if (strcmp(method, "POST") == 0 && strcmp(target, REDUCE_TARGET) == 0)
        return strstr(body, "\"stop\"") == NULL ? KIND_EXIT
             : strstr(body, "closeOrder") != NULL ? KIND_STOP : KIND_TARGET;
    if (strncmp(target, "/api/v1/orders/", 15) == 0)
        return KIND_QUERY;
    if (strncmp(target, "/api/v1/fills", 13) == 0)
        return KIND_FILLS;
    if (strncmp(target, "/api/v1/orders?", 15) == 0 || strncmp(target, "/api/v1/stopOrders", 18) == 0 ||
        strncmp(target, "/api/v1/position", 16) == 0)
        return KIND_LISTS;
    return KIND_OTHER;
}

static inline void stage_answer(venue_done *done, void *arg, enum venue_outcome outcome, int status, const char *code,
                         const json_t *data)
{
    struct venue_answer a = {.outcome = outcome, .status = status, .data = data};
    TEXT_COPY(a.code, code);
    TEXT_COPY(a.msg, "stage");
    done(arg, &a);
}

void venue_call(struct venue *v, enum venue_class class, const char *method, const char *target, const char *body,
                venue_done *done, void *arg)
{
    (void)v;
    must(st.n_wires < REQUESTS);
    struct wire *w = &st.wires[st.n_wires];
    enum kind kind = kind_of(method, target, body != NULL ? body : "");
    *w = (struct wire){.life = st.life, .answers = true, .done = done, .arg = arg, .at_ns = exchange_now_ns};
    TEXT_COPY(w->method, method);
    TEXT_COPY(w->target, target);
    TEXT_COPY(w->body, body != NULL ? body : "");
    must(strlen(target) < sizeof w->target && (body == NULL || strlen(body) < sizeof w->body));
    st.requests[kind]++;
    if (kind == st.plan.kind && st.plan.times > 0) {
        w->outcome = st.plan.outcome;
        st.plan.times--;
    }
    if (class != VENUE_PUBLIC)
        w->n_headers = st.options.sign(st.options.sign_arg, method, target, w->body, strlen(w->body), w->headers);
    if (w->n_headers < 0) {
        stage_answer(done, arg, VENUE_BROKEN, 0, "", NULL);
        return;
    }
    if (w->outcome == OUT_LATE || w->outcome == OUT_TOO_LATE)
        w->at_ns += (w->outcome == OUT_LATE ? 4 : 6) * NS_PER_S;
    st.n_wires++;
}

static const char *header_of(const struct wire *w, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; i < w->n_headers; i++)
        if (strncmp(w->headers[i], name, n) == 0 && w->headers[i][n] == ':')
            return w->headers[i] + n + 2;
    return NULL;
}

/* The exchange does what arrives; what it says, as libagent/venue.c reads it, goes to who asked, if he lives. */
static inline void stage_arrive(struct wire *w)
{
    enum outcome o = w->outcome;
    int status = 0;
    json_t *tree = NULL;
    char *text = NULL;
    const char *code = "";
    bool done = o != OUT_NOT_SENT && o != OUT_CUT_REQUEST && o != OUT_BUSY_BEFORE && o != OUT_LIMITED && o != OUT_REFUSED;
    w->arrived = true;
    if (done) {
        const struct exchange_headers h = {header_of(w, "KC-API-KEY"), header_of(w, "KC-API-SIGN"),
            header_of(w, "KC-API-TIMESTAMP"), header_of(w, "KC-API-PASSPHRASE"), header_of(w, "KC-API-KEY-VERSION")};
        text = exchange_request(w->method, w->target, w->body, &h, &status);
        must(codec_load(text, strlen(text), &tree) == ERR_OK && codec_text(tree, "code", &code) == ERR_OK);
    }
    if (w->life != st.life || st.dead)
        goto out;               /* nobody is there to hear it */
    switch (o) {
    case OUT_FINE:
        stage_answer(w->done, w->arg, strcmp(code, "200000") == 0 && status == 200 ? VENUE_OK : VENUE_REFUSED, status,
                     code, json_object_get(tree, "data"));
        break;
    case OUT_NOT_SENT:    stage_answer(w->done, w->arg, VENUE_NOT_SENT, 0, "", NULL); break;
    case OUT_LIMITED:     stage_answer(w->done, w->arg, VENUE_REFUSED, 429, "429000", NULL); break;
    case OUT_REFUSED:     stage_answer(w->done, w->arg, VENUE_REFUSED, 200, "300000", NULL); break;
    case OUT_DUPLICATE:   stage_answer(w->done, w->arg, VENUE_REFUSED, 200, "300018", NULL); break;
    case OUT_BUSY_BEFORE:
    case OUT_BUSY_AFTER:  stage_answer(w->done, w->arg, VENUE_UNKNOWN, 503, "", NULL); break;
    default:              stage_answer(w->done, w->arg, VENUE_UNKNOWN, 0, "", NULL); break;
    }
    stage_commit();
out:
    json_decref(tree);
    free(text);
}

void venue_rates(struct venue_options *o, const struct config *c) { (void)o, (void)c; }
void venue_tune(struct venue *v, const struct config *c) { (void)v, (void)c; }
int venue_new(const struct venue_options *o, struct venue **ret)
{
    st.options = *o;
    *ret = (struct venue *)&st;
    return ERR_OK;
}
void venue_destroy(struct venue **v) { *v = NULL; }
int venue_paper_url(char *ret, size_t size) { snprintf(ret, size, "http://paper"); return ERR_OK; }
int64_t venue_errors(const struct venue *v) { (void)v; return 0; }
struct venue_stream *venue_stream_open(struct venue *v, const struct venue_stream_options *o)
{
    (void)v;
    st.stream = *o;
    return (struct venue_stream *)&st.stream;
}
void venue_stream_close(struct venue_stream **s) { *s = NULL; }
void venue_stream_subscribe(struct venue_stream *s, const char *topic, bool private)
{
    (void)s, (void)topic, (void)private;
}
struct loop_watch *loop_watch_fd(struct loop *l, int fd, void (*fn)(void *arg), void *arg)
{
    (void)l, (void)fd, (void)fn, (void)arg;
    return NULL;
}

/* ---- the signer: its policy, the venue's signature ---- */

int signer_fd(void) { return -1; }
int witness_fd(void) { return -1; }
int signer_config(const struct policy_limits *limits, char why[SIGNER_WHY_MAX]) { (void)limits, (void)why; return ERR_OK; }
void signer_setup(const struct policy_limits *limits, uint32_t uid, double timer_scale)
{
    (void)limits, (void)uid, (void)timer_scale;
}
int signer_guards(char why[SIGNER_WHY_MAX]) { (void)why; return GUARDS_FINE; }
struct confined signer_confined(void) { return (struct confined){1, 1, 1, 1, 1, 1}; }
int signer_watch(const char *base_url, const char *const *symbols, size_t n)
{
    (void)base_url, (void)symbols, (void)n;
    return ERR_OK;
}
int signer_stop(char why[SIGNER_WHY_MAX]) { (void)why; return ERR_OK; }
int signer_resume(const struct resume *r, const uint8_t signature[RESUME_SIGNATURE], char why[SIGNER_WHY_MAX])
{
    (void)r, (void)signature, (void)why;
    return ERR_OK;
}
int signer_open(const char *key_file, const char *mode, const char *rest_url, char why[SIGNER_WHY_MAX])
{
    (void)key_file, (void)why;
    st.policy = (struct policy){.mode = TOKEN_PAPER, .since_ns = exchange_now_ns, .limits = {.config_hash = 1}};
    memset(st.policy.boot_id, 7, sizeof st.policy.boot_id);
    token_account(mode, rest_url, st.policy.account);
    return ERR_OK;
}

int signer_sign(const struct policy_request *r, char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX],
                char why[SIGNER_WHY_MAX])
{
    char stamp[24], sign[AUTH_TEXT_MAX], pass[AUTH_TEXT_MAX];
    struct policy_request written = *r;
    struct jw w;
    const struct policy_now now = {.wall_ns = exchange_now_ns, .boot_ns = exchange_now_ns, .public_key = st.public_key};
    jw_init(&w);
    if (r->what != NULL)
        body_write(r->what, &w);
    written.body = w.buf;
    written.len = w.len;
    int err = st.signer_err < 0 ? st.signer_err : policy_check(&st.policy, &written, &now, why);
    snprintf(stamp, sizeof stamp, "%lld", (long long)(exchange_now_ns / NS_PER_MS));
    auth_sign(exchange_secret, stamp, r->method, r->target, w.buf, w.len, sign);
    jw_fini(&w);
    if (err < 0)
        return err;
    auth_passphrase(exchange_secret, exchange_passphrase, pass);
    snprintf(headers[0], VENUE_HEADER_MAX, "KC-API-KEY: %s", exchange_key);
    snprintf(headers[1], VENUE_HEADER_MAX, "KC-API-SIGN: %s", sign);
    snprintf(headers[2], VENUE_HEADER_MAX, "KC-API-TIMESTAMP: %s", stamp);
    snprintf(headers[3], VENUE_HEADER_MAX, "KC-API-PASSPHRASE: %s", pass);
    snprintf(headers[4], VENUE_HEADER_MAX, "KC-API-KEY-VERSION: 3");
    return 5;
}

/* ---- time ---- */

static inline void stage_look(void)
{
    bool stopped = false;
    int64_t held = exchange_position();
    for (size_t i = exchange_orders(); i-- > 0 && held != 0 && !stopped; ) {
        struct exchange_order o;
        exchange_order_at(i, &o);
        stopped = o.active && o.closes && o.stops && o.losing && o.bought == (held < 0);
    }
    if (held == 0 || stopped)
        st.bare_ns = 0;
    else if (st.bare_ns == 0)
        st.bare_ns = exchange_now_ns;
    if (st.bare_ns != 0 && exchange_now_ns - st.bare_ns >= st.bare_most_ns)
        st.bare_most_ns = exchange_now_ns - st.bare_ns + 1;
}

/* Everything that is under way and due. */
static inline void stage_settle(void)
{
    char text[256];
    const char *subject;
    bool more = true;
    stage_commit();
    while (more) {
        more = false;
        for (size_t i = st.first_wire; i < st.n_wires; i++) {
            if (!st.wires[i].arrived && st.wires[i].at_ns <= exchange_now_ns) {
                stage_arrive(&st.wires[i]);
                stage_look();
                more = true;
            }
            while (st.first_wire < st.n_wires && st.wires[st.first_wire].arrived)
                st.first_wire++;
        }
        if (st.first_wire == st.n_wires)
            st.first_wire = st.n_wires = 0;
        while (exchange_push(&subject, text, sizeof text)) {
            json_t *t = NULL;
            must(codec_load(text, strlen(text), &t) == ERR_OK);
            if (!st.dead && st.stream.on_message != NULL)
                st.stream.on_message(st.stream.arg, "", subject, t, 1);
            json_decref(t);
            stage_commit();
            more = true;
        }
    }
}

static inline void stage_pass_ms(int64_t ms)
{
    for (; ms > 0; ms -= 250) {
        exchange_pass_ms(250);
        stage_look();
        st.a->now_ns = st.a->market_ns = exchange_now_ns;
        struct msg_market_ticker m = {.symbol = EXCHANGE_SYMBOL};
        exchange_prices(&m.bid_px, &m.ask_px, &m.last_px);
        fake_tell(st.a, exec_on_ticker, AGENT_DATA, MSG_MARKET_TICKER, &m);
        stage_settle();
        fake_pass_ms(st.a, 0);
        stage_settle();
        while (fake_answer(st.a, ERR_TIMEOUT, MSG_COUNT, NULL))
            continue;
    }
}

/* ---- life ---- */

static inline void stage_start(void)
{
    char why[CONFIG_WHY_MAX] = "";
    st.life++;
    st.dead = false;
    fake_timers_n = 0;
    st.n_effects = 0;
    st.stream = (struct venue_stream_options){.private = true};
    st.x = calloc(1, sizeof *st.x);
    must(st.x != NULL);
    st.a = fake_new(st.x);
    st.a->now_ns = st.a->market_ns = exchange_now_ns;
    fake_config(st.a, "symbols", EXCHANGE_SYMBOL);
    fake_config(st.a, "primary_tf", "15m");
    must(execution_init(st.a, why) == ERR_OK);
}

static inline void stage_run(void)
{
    execution_start(st.a);
    execution_warm(st.a);
    stage_pass_ms(250);
    st.stream.on_up(st.stream.arg);
    stage_settle();
}

static inline void stage_tell_approval(int i)
{
    fake_tell(st.a, exec_on_approved, AGENT_RISK, MSG_RISK_APPROVED, &st.approvals[i]);
    stage_commit();
}

/* What is on disk comes back; 500 ms later, with every approval heard again. */
/* Processes that died leave their memory behind, as nobody frees anything then. */
static struct stage_grave { struct agent *a; struct stage_grave *next; } *stage_graves;

static inline void stage_restart(void)
{
    struct agent *old = st.a;
    struct stage_grave *g = malloc(sizeof *g);
    must(g != NULL);
    *g = (struct stage_grave){old, stage_graves};
    stage_graves = g;
    size_t said = st.said, notes = st.notes;
    for (int i = 0; i < 2; i++) {
        exchange_pass_ms(250);
        stage_look();
    }
    stage_start();
    for (size_t i = 0; i < notes; i++) {
        must(execution_note(st.a, old->notes[i].kind, old->notes[i].data, old->notes[i].len) == ERR_OK);
        agent_note(st.a, old->notes[i].kind, old->notes[i].data, old->notes[i].len, true);
    }
    for (size_t i = 0; i < said; i++)       /* replayed from the journal to whoever missed it */
        agent_publish_id(st.a, old->said[i].topic, NULL, old->said[i].type, old->said[i].msg, NULL, NULL);
    st.notes = st.a->n_notes;
    st.said = st.a->n_said;
    st.n_effects = 0;
    stage_run();
    for (int i = 0; i < st.n_approvals; i++)
        stage_tell_approval(i);
}

/* Run a step of the story; when the process dies in it, the next one goes on, and may die as well. */
static inline void stage_do(void (*step)(void))
{
    if (setjmp(st.death) == 0) {
        step();
        return;
    }
    while (setjmp(st.death) != 0)
        continue;
    stage_restart();
}

/* ---- risk ---- */

static inline int64_t stage_ticks(dec_t px)
{
    int64_t n = 0;
    const dec_t tick = st.x->symbols[0].terms.tick;
    must(dec_to_int(dec_quo(dec_round_to(px, tick, DEC_DOWN), tick), &n) == ERR_OK);
    return n;
}

/* Risk says yes to 4 lots long that cross the spread, with a stop 1.5 % away. */
static inline void stage_approve(void)
{
    const dec_t tick = st.x->symbols[0].terms.tick;
    dec_t bid, ask, last;
    uint8_t id[16], signal[16];
    int n = st.n_approvals++;
    struct msg_risk_approved *m = &st.approvals[n];
    exchange_prices(&bid, &ask, &last);
    int64_t px = stage_ticks(ask) + 5, away = px * 15 / 1000;
    *m = (struct msg_risk_approved){
        .side = SIDE_BUY, .qty = 4, .leverage = 2, .price = dec_mul(dec_int(px), tick), .decision_px = ask,
        .stop_px = dec_mul(dec_int(px - away), tick), .tp1_px = dec_mul(dec_int(px + away), tick),
        .tp2_px = dec_mul(dec_int(px + 2 * away), tick), .atr = dec_mul(ask, dec_scaled(1, -2)), .margin = dec_int(1),
        .close_ns = exchange_now_ns, .issued_ns = exchange_now_ns, .expires_ns = exchange_now_ns + 4 * NS_PER_S,
        .token_len = TOKEN_SIZE,
    };
    snprintf(m->approval_id, sizeof m->approval_id, "00000000-0000-4000-8000-%012d", n + 1);
    snprintf(m->signal_id, sizeof m->signal_id, "00000000-0000-4000-9000-%012d", n + 1);
    TEXT_COPY(m->symbol, EXCHANGE_SYMBOL);
    must(token_uuid(m->approval_id, id) == ERR_OK && token_uuid(m->signal_id, signal) == ERR_OK);
    token_cl_ord_id(id, LEG_ENTRY, 1, m->cl_ord_id);
    struct token t = {
        .mode = TOKEN_PAPER, .leg = LEG_ENTRY, .side = SIDE_BUY, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC,
        .key_id = TOKEN_KEY_ID, .max_leverage_x100 = 200, .qty = 4, .price_ticks = px, .stop_ticks = px - away,
        .floor_ticks = 1, .cap_ticks = INT64_C(1000000000), .max_notional_e6 = INT64_C(1000000000000),
        .counter = (uint64_t)n + 1, .issued_ns = m->issued_ns, .expires_ns = m->expires_ns,
        .expires_boot_ns = m->expires_ns, .config_hash = 1, .limits_version = 1,
    };
    memcpy(t.approval_id, id, 16);
    memcpy(t.signal_id, signal, 16);
    memcpy(t.account, st.policy.account, 16);
    memcpy(t.boot_id, st.policy.boot_id, 16);
    TEXT_COPY(t.symbol, EXCHANGE_SYMBOL);
    must(token_sign(&t, st.secret, m->token) == ERR_OK);
    stage_tell_approval(n);
}

static inline void stage_open(bool remembers_ids)
{
    must(sodium_init() >= 0);
    crypto_sign_keypair(st.public_key, st.secret);
    failpoint_hook = stage_pass;
    exchange_open(remembers_ids);
    stage_start();
    stage_run();
    stage_pass_ms(5000);
    must(st.x->trade_ready);
}

/* ---- what tests of single stories share ---- */

static inline struct trade *stage_trade(void)
{
    return books_trade(&st.x->books, EXCHANGE_SYMBOL);
}

/* Somebody at the venue's screen: a market order; what the exchange says of it waits for stage_settle(). */
static inline void stage_by_hand(const char *side, int64_t lots, bool reduce)
{
    static int hands;
    char body[256];
    snprintf(body, sizeof body, "{\"clientOid\":\"hand-%d\",\"symbol\":\"" EXCHANGE_SYMBOL "\",\"side\":\"%s\","
             "\"type\":\"market\",\"marginMode\":\"ISOLATED\",\"leverage\":2,\"size\":%lld,\"reduceOnly\":%s}", ++hands,
             side, (long long)lots, reduce ? "true" : "false");
    must(exchange_by_hand("POST", "/api/v1/orders", body));
}

/* Active orders: all, or the closing stops on the losing side alone. */
static inline int stage_active(bool stops)
{
    struct exchange_order o;
    int n = 0;
    for (size_t i = 0; i < exchange_orders(); i++) {
        exchange_order_at(i, &o);
        n += o.active && (!stops || (o.closes && o.stops && o.losing));
    }
    return n;
}

#endif
