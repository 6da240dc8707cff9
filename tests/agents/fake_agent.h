/* fake_agent - the skeleton of an agent, without processes: what its handlers say, note and ask is kept here
 * for the test to look at, and the test decides about time, state and answers.
 *
 * Include it once, before tests/runner.h, in a test that links an agent's modules: it stands in for the
 * functions of libagent/agent.h and for the loop's timers.
 */
#ifndef TESTS_AGENTS_FAKE_AGENT_H
#define TESTS_AGENTS_FAKE_AGENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/agent.h"
#include "libagent/reload.h"
#include "proto/err.h"
#include "proto/uuid.h"

#define FAKE_MAX 4096

struct fake_said {
    enum topic topic;
    enum msg type;
    void *msg;
    char id[40], correlation[40];
};
struct fake_note {
    uint16_t kind;
    void *data;
    size_t len;
};
struct fake_question {
    enum party to;
    enum msg type;
    void *msg;
    on_answer *on;
    void *arg;
};

struct fake_degradation {
    char component[32], code[32], text[200];
    enum severity severity;
    bool raised;
};

struct agent {
    void *state;
    struct config *config;
    int64_t config_epoch;
    int follows;                /* agent_follow was called so often; the test calls the hook */
    int64_t now_ns, market_ns;
    enum life life;
    enum system_state system;
    struct fake_said said[FAKE_MAX];
    size_t n_said;
    struct fake_note notes[FAKE_MAX];
    size_t n_notes;
    struct fake_question questions[256];
    size_t n_questions;
    struct fake_degradation degraded[64];
    size_t n_degraded;
    uint32_t epoch;             /* in the headers of what is told */
    double speed;               /* of the market */
    bool drained, restarting, failed;
    uint64_t seq;
};

static inline void *fake_copy(const void *data, size_t len)
{
    void *p = malloc(len + 1);
    must(p != NULL);
    if (len > 0)
        memcpy(p, data, len);
    return p;
}

static inline struct agent *fake_new(void *state)
{
    struct agent *a = calloc(1, sizeof *a);
    must(a != NULL);
    a->state = state;
    a->config = config_new();
    a->now_ns = INT64_C(1700000000000000000);
    a->life = LIFE_REGISTERED;
    a->system = SYS_TRADING;
    a->speed = 1;
    return a;
}

static inline void fake_forget(struct agent *a)
{
    for (size_t i = 0; i < a->n_said; i++)
        free(a->said[i].msg);
    a->n_said = 0;
}

static inline void fake_destroy(struct agent *a)
{
    fake_forget(a);
    for (size_t i = 0; i < a->n_notes; i++)
        free(a->notes[i].data);
    for (size_t i = 0; i < a->n_questions; i++)
        free(a->questions[i].msg);
    config_destroy(&a->config);
    free(a);
}

static inline void fake_config(struct agent *a, const char *name, const char *value)
{
    char why[CONFIG_WHY_MAX];
    must(config_set(a->config, name, value, "test", why) == ERR_OK);
}

/* The i-th message of this type; NULL when there are fewer. */
static inline const void *fake_heard(const struct agent *a, enum msg type, size_t i)
{
    for (size_t k = 0; k < a->n_said; k++)
        if (a->said[k].type == type && i-- == 0)
            return a->said[k].msg;
    return NULL;
}

static inline size_t fake_count(const struct agent *a, enum msg type)
{
    size_t n = 0;
    while (fake_heard(a, type, n) != NULL)
        n++;
    return n;
}

/* Hand a message to a handler, sent just now by `from`. */
static inline void fake_tell_as(struct agent *a, on_event *on, enum party from, enum msg type, const void *msg,
                                int64_t sent_ns, bool replayed)
{
    const struct header h = {.sender = (uint8_t)from, .epoch = a->epoch, .seq = ++a->seq, .sent_ns = sent_ns};
    struct envelope env = {.from = from};
    uuid_make(env.id);
    const struct event e = {
        .topic = "", .header = &h, .env = &env, .from = from, .type = type, .msg = msg, .replayed = replayed,
        .now_ns = a->now_ns,
    };
    on(a, &e);
}

static inline void fake_tell(struct agent *a, on_event *on, enum party from, enum msg type, const void *msg)
{
    fake_tell_as(a, on, from, type, msg, a->now_ns, false);
}

/* The oldest open question is answered; false: there is none. */
static inline bool fake_answer(struct agent *a, int err, enum msg type, const void *msg)
{
    if (a->n_questions == 0)
        return false;
    struct fake_question q = a->questions[0];
    memmove(a->questions, a->questions + 1, --a->n_questions * sizeof q);
    const struct header h = {.sender = (uint8_t)q.to, .sent_ns = a->now_ns};
    const struct event e = {
        .topic = "", .header = &h, .from = q.to, .type = type, .msg = msg, .now_ns = a->now_ns,
    };
    q.on(a, q.arg, err, err < 0 ? NULL : &e);
    free(q.msg);
    return true;
}

/* The degradation as it was raised last; NULL: it is not raised now. */
static inline const struct fake_degradation *fake_degraded(const struct agent *a, const char *component,
                                                           const char *code)
{
    for (size_t i = 0; i < a->n_degraded; i++)
        if (a->degraded[i].raised && strcmp(a->degraded[i].component, component) == 0 &&
            strcmp(a->degraded[i].code, code) == 0)
            return &a->degraded[i];
    return NULL;
}

/* ---- libagent/agent.h ---- */

void *agent_state(struct agent *a) { return a->state; }
const struct config *agent_config(const struct agent *a) { return a->config; }
int64_t agent_config_epoch(const struct agent *a) { return a->config_epoch; }
int agent_proposed(const struct agent *a, struct config **ret, char why[CONFIG_WHY_MAX])
{
    (void)a;
    return config_resolve(PROPOSED_FILE, 0, NULL, ret, NULL, why);
}
void agent_follow(struct agent *a)
{
    char why[CONFIG_WHY_MAX];
    config_destroy(&a->config);
    must(config_resolve(COMMITTED_FILE, 0, NULL, &a->config, &a->config_epoch, why) == ERR_OK);
    a->follows++;
}
struct loop *agent_loop(struct agent *a) { (void)a; return NULL; }
int64_t agent_now_ns(const struct agent *a) { return a->now_ns; }
int64_t agent_market_ns(const struct agent *a) { return a->market_ns; }
enum life agent_life(const struct agent *a) { return a->life; }
enum system_state agent_system(const struct agent *a) { return a->system; }
int64_t agent_scaled_ms(const struct agent *a, int64_t ms) { (void)a; return ms; }
void agent_fresh(struct agent *a) { (void)a; }
void agent_vouch(struct agent *a, uint8_t flags) { (void)a, (void)flags; }
void agent_detail(struct agent *a, const char *text) { (void)a; (void)text; }
void agent_ready(struct agent *a) { a->life = LIFE_ACTIVE; }

void agent_publish_id(struct agent *a, enum topic topic, const char *suffix, enum msg type, const void *msg,
                      const char *id, const char *correlation)
{
    (void)suffix;
    must(a->n_said < FAKE_MAX);
    struct fake_said *s = &a->said[a->n_said++];
    *s = (struct fake_said){.topic = topic, .type = type, .msg = fake_copy(msg, msg_defs[type].size)};
    snprintf(s->id, sizeof s->id, "%s", id != NULL ? id : "");
    snprintf(s->correlation, sizeof s->correlation, "%s", correlation != NULL ? correlation : "");
}

void agent_publish(struct agent *a, enum topic topic, const char *suffix, enum msg type, const void *msg,
                   const char *correlation)
{
    agent_publish_id(a, topic, suffix, type, msg, NULL, correlation);
}

/* Replies are heard like what is published. */
struct reply_to agent_reply_to(const struct event *e)
{
    struct reply_to to = {.from = e->from};
    snprintf(to.id, sizeof to.id, "%s", e->env->id);
    return to;
}
void agent_reply(struct agent *a, const struct reply_to *to, enum msg type, const void *msg)
{
    agent_publish_id(a, TOPIC_COUNT, NULL, type, msg, NULL, to->id);
}
void agent_reply_error(struct agent *a, const struct reply_to *to, int err, const char *text)
{
    struct msg_error_reply m = {.code = ""};
    snprintf(m.code, sizeof m.code, "%s", err_name(err));
    snprintf(m.text, sizeof m.text, "%s", text);
    agent_reply(a, to, MSG_ERROR_REPLY, &m);
}

void agent_degraded(struct agent *a, enum severity severity, const char *component, const char *code, const char *text)
{
    struct fake_degradation *d = (struct fake_degradation *)(uintptr_t)fake_degraded(a, component, code);
    if (d == NULL) {
        must(a->n_degraded < sizeof a->degraded / sizeof a->degraded[0]);
        d = &a->degraded[a->n_degraded++];
    }
    *d = (struct fake_degradation){.severity = severity, .raised = true};
    snprintf(d->component, sizeof d->component, "%s", component);
    snprintf(d->code, sizeof d->code, "%s", code);
    snprintf(d->text, sizeof d->text, "%s", text);
}
void agent_degraded_clear(struct agent *a, const char *component, const char *code)
{
    for (size_t i = 0; i < a->n_degraded; i++)
        if (strcmp(a->degraded[i].component, component) == 0 && strcmp(a->degraded[i].code, code) == 0)
            a->degraded[i].raised = false;
}
double agent_market_speed(const struct agent *a) { return a->speed; }
void agent_drained(struct agent *a) { a->drained = true; }
void agent_restart(struct agent *a, const char *why) { (void)why; a->restarting = true; }
void agent_fail(struct agent *a, const char *why) { (void)why; a->failed = true; }

void agent_note(struct agent *a, uint16_t kind, const void *data, size_t len, bool sync)
{
    (void)sync;
    must(a->n_notes < FAKE_MAX);
    a->notes[a->n_notes++] = (struct fake_note){.kind = kind, .data = fake_copy(data, len), .len = len};
}

void agent_request(struct agent *a, enum party to, enum msg type, const void *msg, int64_t deadline_ms,
                   on_answer *on, void *arg)
{
    (void)deadline_ms;
    must(a->n_questions < sizeof a->questions / sizeof a->questions[0]);
    a->questions[a->n_questions++] = (struct fake_question){
        .to = to, .type = type, .msg = fake_copy(msg, msg_defs[type].size), .on = on, .arg = arg,
    };
}

/* Timers do not run by themselves: the test calls what they would call. */
struct fake_timer {
    void (*fn)(void *arg);
    void *arg;
    bool runs;
    int64_t again_ms;           /* of the newest loop_timer_again */
};
static struct fake_timer fake_timers[8];
static int fake_timers_n;

struct loop_timer *loop_timer_new(struct loop *l, int64_t first_ms, int64_t every_ms, bool aligned,
                                  void (*fn)(void *arg), void *arg)
{
    (void)l, (void)first_ms, (void)every_ms, (void)aligned;
    must(fake_timers_n < 8);
    struct fake_timer *t = &fake_timers[fake_timers_n++];
    *t = (struct fake_timer){.fn = fn, .arg = arg, .runs = true};
    return (struct loop_timer *)t;
}
void loop_timer_pause(struct loop_timer *t) { ((struct fake_timer *)t)->runs = false; }
void loop_timer_resume(struct loop_timer *t) { ((struct fake_timer *)t)->runs = true; }
void loop_timer_again(struct loop_timer *t, int64_t first_ms)
{
    ((struct fake_timer *)t)->again_ms = first_ms;
    loop_timer_resume(t);
}
uv_loop_t *loop_uv(struct loop *l) { (void)l; return NULL; }

/* Time passes, and every running timer fires once. */
static inline void fake_pass_ms(struct agent *a, int64_t ms)
{
    a->now_ns += ms * 1000000;
    for (int i = 0; i < fake_timers_n; i++)
        if (fake_timers[i].runs)
            fake_timers[i].fn(fake_timers[i].arg);
}

#endif
