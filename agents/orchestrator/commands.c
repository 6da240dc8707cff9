/* commands - what the operator asks; see orchestrator.h
 *
 * The request is answered after its effect is journalled; a repeated request (same id) gets the same
 * answer and acts once.  What was accepted is said on operator.command, for those who act on it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "libagent/latch.h"
#include "libagent/log.h"
#include "libagent/signkey.h"
#include "proto/err.h"
#include "proto/resume.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/orchestrator/orchestrator.h"

#define STOP_DEADLINE_MS_ASK 3000
#define SIGNED_NS            (60 * NS_PER_S)    /* what was signed longer ago is not */

static void answer(struct agent *a, const struct reply_to *to, bool accepted, const char *text)
{
    struct orchestrator *o = agent_state(a);
    struct msg_operator_reply m = {.accepted = accepted, .system_state = (enum system_state)o->kept.state};
    TEXT_COPY(m.text, text);
    agent_reply(a, to, MSG_OPERATOR_REPLY, &m);
}

/* ---- restart: the agent ends in order, the process manager starts it again ---- */

static void on_stopping(struct agent *a, void *arg, int err, const struct event *e)
{
    (void)a;
    (void)e;
    if (err < 0)
        log_warn("restart.no_answer", LOG_S("name", party_name((enum party)(intptr_t)arg)),
                 LOG_S("action", "killed when it stays silent"));
}

static void restart(struct agent *a, const struct reply_to *to, const struct msg_operator_command *m)
{
    struct orchestrator *o = agent_state(a);
    enum party who;
    if (party_parse(m->agent, &who) < 0 || who >= REGISTRY_AGENTS) {
        answer(a, to, false, "no such agent; one of orchestrator data signal risk execution optimizer audit");
        return;
    }
    if (who == AGENT_ORCHESTRATOR) {
        answer(a, to, true, "restarting myself");
        agent_restart(a, "the operator asked");
        return;
    }
    struct msg_agent_stop stop;
    TEXT_COPY(stop.reason, "restart by the operator");
    registry_planned(&o->registry, who);
    agent_request(a, who, MSG_AGENT_STOP, &stop, STOP_DEADLINE_MS_ASK, on_stopping, (void *)(intptr_t)who);
    answer(a, to, true, "restarting");
}

/* ---- the switches ---- */

static bool event_of(enum verb verb, enum system_state state, enum machine_event *ret)
{
    switch (verb) {
    case VERB_PAUSE:
        *ret = EV_PAUSE;
        return true;
    case VERB_RESUME:
        *ret = state == SYS_EMERGENCY_STOP ? EV_ACKNOWLEDGE : EV_RESUME;
        return true;
    case VERB_STOP:
        *ret = EV_STOP;
        return true;
    case VERB_FLATTEN:
        *ret = EV_FLATTEN;
        return true;
    case VERB_EMERGENCY:
        *ret = EV_EMERGENCY;
        return true;
    case VERB_SHUTDOWN:
        *ret = EV_SHUTDOWN;
        return true;
    default:
        return false;
    }
}

static void publish_command(struct agent *a, const struct msg_operator_command *m)
{
    agent_publish(a, TOPIC_OPERATOR_COMMAND, NULL, MSG_OPERATOR_COMMAND, m, NULL);
    if (m->verb != VERB_EMERGENCY)
        return;
    struct msg_emergency_stop stop = {.close_positions = true};
    TEXT_COPY(stop.cause, "MANUAL");
    TEXT_COPY(stop.text, m->reason);
    agent_publish(a, TOPIC_EMERGENCY_STOP, NULL, MSG_EMERGENCY_STOP, &stop, NULL);
}

bool orch_signed(struct agent *a, struct resume *r, const uint8_t *signature, size_t len)
{
    const struct config *c = agent_config(a);
    int64_t age_ns = agent_now_ns(a) - r->issued_ns;
    uint8_t key[TOKEN_PUBLIC];
    token_account(config_text(c, CFG_mode), config_text(c, CFG_rest_url), r->account);
    return len == RESUME_SIGNATURE && age_ns > -SIGNED_NS && age_ns < SIGNED_NS &&
           signkey_public(SIGNKEY_DIR, "operator", key) == ERR_OK && resume_verify(r, signature, key) == ERR_OK;
}

/* Out of an emergency leads the operator's own signature, and nothing that anybody else could say in its name. */
static bool signed_by_operator(struct agent *a, const struct msg_operator_command *m)
{
    struct resume r = {.issued_ns = m->signed_ns};
    TEXT_COPY(r.reason, m->reason);
    return orch_signed(a, &r, m->signature, m->signature_len);
}

static void change_state(struct agent *a, const struct reply_to *to, const struct msg_operator_command *m,
                         enum machine_event ev)
{
    struct orchestrator *o = agent_state(a);
    char text[160];
    int err;
    if (m->verb == VERB_RESUME && ev != EV_ACKNOWLEDGE && latch_look(AT_FDCWD) != LATCH_NONE) {
        answer(a, to, false, "the " LATCH_FILE " file is there: an emergency; see `enigma status`");
        return;
    }
    if (m->verb == VERB_RESUME && o->restarting) {
        answer(a, to, false, "an agent restarts again and again; see `enigma logs`, then wait until it stays up");
        return;
    }
    if (m->verb == VERB_RESUME && o->alarmed && ev != EV_ACKNOWLEDGE) {
        answer(a, to, false, "an invariant is broken or the venue does not take the key; see `enigma status`");
        return;
    }
    if (m->verb == VERB_RESUME && !registry_all_ready(&o->registry)) {
        answer(a, to, false, "not all agents are ready; see `enigma status`");
        return;
    }
    if (m->verb == VERB_RESUME && registry_differing(&o->registry, o->config_hash) != AGENT_COUNT) {
        answer(a, to, false, "not all agents run the same configuration and build; see `enigma status`");
        return;
    }
    if (ev == EV_ACKNOWLEDGE && !signed_by_operator(a, m)) {
        answer(a, to, false, "an emergency ends by the operator's signature only: `enigma resume`, where etc/keys/operator.sign is");
        return;
    }
    enum system_state now;
    if (machine_next((enum system_state)o->kept.state, ev, &now) < 0) {
        snprintf(text, sizeof text, "%s is not possible in state %s", verb_name(m->verb),
                 system_state_name((enum system_state)o->kept.state));
        answer(a, to, false, text);
        return;
    }
    if (ev == EV_ACKNOWLEDGE && (err = latch_clear(m->signed_ns)) < 0) {
        snprintf(text, sizeof text, "the " LATCH_FILE " file stays: %s; remove it, then resume",
                 err == ERR_WRONG_STATE ? "it was written after this resume was signed" : strerror(errno));
        answer(a, to, false, text);
        return;
    }
    if (ev != EV_ACKNOWLEDGE) { /* it leads to READY and no further: that needs another resume */
        o->kept.commanded = 1;
        o->kept.last_verb = (int32_t)m->verb;
    } else {
        o->latch = false;
        memset(o->alarms, 0, sizeof o->alarms);     /* what still holds has to last again */
        o->kept.commanded = 1;
        o->kept.last_verb = VERB_STOP;
    }
    char reason[96];
    snprintf(reason, sizeof reason, "operator: %s%s%.60s", verb_name(m->verb), *m->reason ? ", " : "", m->reason);
    orch_event(a, ev, reason);
    publish_command(a, m);
    answer(a, to, true, system_state_name((enum system_state)o->kept.state));
}

/* A typing error would leave the operator believe that it is paused.  `close` is for any position there is. */
static bool traded(const struct agent *a, const char *symbol)
{
    const char *words[CONFIG_LIST_MAX];
    size_t n = config_list(agent_config(a), CFG_symbols, words);
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], symbol) == 0)
            return true;
    return false;
}

void orch_on_command(struct agent *a, const struct event *e)
{
    const struct msg_operator_command *m = e->msg;
    struct orchestrator *o = agent_state(a);
    struct reply_to to = agent_reply_to(e);
    log_info("operator.command", LOG_S("verb", verb_name(m->verb)), LOG_S("symbol", m->symbol),
             LOG_S("agent", m->agent), LOG_S("reason", m->reason), LOG_S("id", e->env->id));
    if (e->from != AGENT_OPERATOR) {
        answer(a, &to, false, "only the operator commands");
        return;
    }
    struct msg_operator_command named = *m;
    TEXT_COPY(named.command_id, e->env->id);
    enum machine_event ev;
    if (m->verb == VERB_RESTART) {
        restart(a, &to, m);
    } else if ((m->verb == VERB_PAUSE || m->verb == VERB_RESUME) && *m->symbol && !traded(a, m->symbol)) {
        answer(a, &to, false, "no such symbol in `symbols`");
    } else if (m->verb == VERB_CLOSE || (m->verb == VERB_PAUSE && (*m->symbol || *m->strategy)) ||
               (m->verb == VERB_RESUME && (*m->symbol || *m->strategy))) {
        publish_command(a, &named);     /* risk and execution act on one symbol or strategy */
        answer(a, &to, true, "passed on");
    } else if (event_of(m->verb, (enum system_state)o->kept.state, &ev)) {
        change_state(a, &to, &named, ev);
    }
}
