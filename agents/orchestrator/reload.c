/* reload - another configuration, in two phases; see orchestrator.h, libagent/reload.h and docs/decisions/0014
 *
 *   judged     etc/enigma.conf, read anew, against what is in force and the state of the system
 *   asked      each agent whether it could follow; one that is away, refuses or keeps silent ends it, nothing changed
 *   committed  a rename; whoever runs follows at once or with its next heartbeat, whoever starts reads it
 *
 * Nothing of it is kept but the commit: an orchestrator that ends in between has asked in vain.
 */
#include <stdio.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/log.h"
#include "libagent/reload.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/orchestrator/orchestrator.h"

#define ASK_MS    5000          /* for all to answer */
#define FOLLOW_MS 5000          /* for all to follow */

static void end(struct agent *a, bool accepted, const char *text)
{
    struct orchestrator *o = agent_state(a);
    struct orch_reload *r = &o->reload;
    r->stage = RELOAD_NONE;
    r->answer.accepted = accepted;
    r->answer.system_state = (enum system_state)o->kept.state;
    r->answer.config_epoch = agent_config_epoch(a);
    TEXT_COPY(r->answer.text, text);
    log_info("config.reload", LOG_B("accepted", accepted), LOG_S("hash", r->answer.hash),
             LOG_I("changes", (int64_t)r->answer.changes_n), LOG_S("text", text));
    agent_reply(a, &r->to, MSG_CONFIG_RELOADED, &r->answer);
}

/* The proposed file against what is in force, in the present state.  ERR_CONFIG, ERR_REFUSED. */
static int judge(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct orchestrator *o = agent_state(a);
    struct msg_config_reloaded *m = &o->reload.answer;
    const struct config *was = agent_config(a);
    struct config *now;
    int err = agent_proposed(a, &now, why);
    _Static_assert(sizeof m->changes / sizeof m->changes[0] >= CFG_COUNT, "each key may change");
    m->changes_n = 0;
    if (err < 0)
        return err;
    config_hash(now, m->hash);
    for (int i = 0; i < CFG_COUNT; i++) {
        enum change kind = config_change(was, now, (enum cfg)i);
        if (kind == CHANGE_NONE)
            continue;
        const char *needs = change_needs(kind, (enum system_state)o->kept.state, o->reload.by_operator);
        struct sub_config_change *c = &m->changes[m->changes_n++];
        TEXT_COPY(c->name, config_keys[i].name);
        TEXT_COPY(c->was, config_text(was, (enum cfg)i));
        TEXT_COPY(c->now, config_text(now, (enum cfg)i));
        TEXT_COPY(c->change, change_text(kind));
        TEXT_COPY(c->needs, needs != NULL ? needs : "");
        if (needs != NULL && err == ERR_OK) {
            err = ERR_REFUSED;
            snprintf(why, CONFIG_WHY_MAX, "%s: %.40s to %.40s (%s): %s", c->name, c->was, c->now, c->change, needs);
        }
    }
    config_destroy(&now);
    return err;
}

static void commit(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    char why[CONFIG_WHY_MAX];
    if (judge(a, why) < 0 || config_commit(why) < 0) {  /* the state may have changed meanwhile */
        end(a, false, why);
        return;
    }
    o->reload.stage = RELOAD_COMMITTED;
    o->reload.until_ns = mono_now().ns + FOLLOW_MS * NS_PER_MS;
    agent_follow(a);
}

/* arg: whom it was asked, and in which reload. */
static void on_answer_of(struct agent *a, void *arg, int err, const struct event *e)
{
    struct orchestrator *o = agent_state(a);
    struct orch_reload *r = &o->reload;
    uintptr_t who = (uintptr_t)arg % AGENT_COUNT, number = (uintptr_t)arg / AGENT_COUNT;
    const struct msg_operator_reply *m = err == ERR_OK && e->type == MSG_OPERATOR_REPLY ? e->msg : NULL;
    char text[256];
    if (r->stage != RELOAD_ASKED || number != r->number)
        return;
    if (m == NULL || !m->accepted) {
        snprintf(text, sizeof text, "%s: %s; nothing was changed", party_name((enum party)who),
                 m != NULL ? m->text : err < 0 ? "does not answer" : "does not know the question");
        end(a, false, text);
        return;
    }
    r->waiting &= ~(1u << who);
    if (r->waiting == 0)
        commit(a);
}

static void ask_all(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    struct orch_reload *r = &o->reload;
    static struct msg_config_proposed m;        /* large */
    TEXT_COPY(m.hash, r->answer.hash);
    m.changes_n = r->answer.changes_n;
    memcpy(m.changes, r->answer.changes, sizeof m.changes);
    agent_publish(a, TOPIC_CONFIG_PROPOSED, NULL, MSG_CONFIG_PROPOSED, &m, NULL);
    r->stage = RELOAD_ASKED;
    r->number++;
    r->waiting = ((1u << REGISTRY_AGENTS) - 1) & ~(1u << AGENT_ORCHESTRATOR);
    for (uintptr_t i = 0; i < REGISTRY_AGENTS; i++)
        if (i != AGENT_ORCHESTRATOR)
            agent_request(a, (enum party)i, MSG_CONFIG_PROPOSED, &m, ASK_MS, on_answer_of,
                          (void *)(r->number * AGENT_COUNT + i));
}

/* Copies the file, so that what is judged is what is asked and committed; ERR_OK, or why not. */
static int propose(struct agent *a, const struct msg_config_reload *m, char why[CONFIG_WHY_MAX])
{
    struct orchestrator *o = agent_state(a);
    struct resume said = {.issued_ns = m->signed_ns, .reload = true};
    char hash[20];
    int err = config_propose(agent_config_epoch(a) + 1, hash, why);
    if (err == ERR_OK && strcmp(hash, m->file_hash) != 0) {
        snprintf(why, CONFIG_WHY_MAX, CONFIG_FILE " changed meanwhile; try again");
        err = ERR_REFUSED;
    }
    TEXT_COPY(said.reason, hash);
    o->reload.by_operator = err == ERR_OK && orch_signed(a, &said, m->signature, m->signature_len);
    return err < 0 ? err : judge(a, why);
}

void orch_on_reload(struct agent *a, const struct event *e)
{
    const struct msg_config_reload *m = e->msg;
    struct orchestrator *o = agent_state(a);
    struct orch_reload *r = &o->reload;
    struct reply_to to = agent_reply_to(e);
    char why[CONFIG_WHY_MAX];
    if (e->from != AGENT_OPERATOR || r->stage != RELOAD_NONE) {
        agent_reply_error(a, &to, ERR_BUSY, e->from != AGENT_OPERATOR ? "only the operator reloads" : "a reload is under way; try again");
        return;
    }
    r->to = to;
    r->answer = (struct msg_config_reloaded){.hash = ""};
    enum party absent = registry_absent(&o->registry);
    if (propose(a, m, why) < 0) {
        end(a, false, why);
    } else if (r->answer.changes_n == 0) {
        end(a, true, "nothing to change: it is what is in force");
    } else if (absent != AGENT_COUNT) {
        snprintf(why, sizeof why, "%s is not there; see `enigma status`; nothing was changed", party_name(absent));
        end(a, false, why);
    } else if (m->dry_run) {
        end(a, true, "may be reloaded now; nothing was changed");
    } else {
        ask_all(a);
    }
}

void orch_reload_look(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    char text[160];
    if (o->reload.stage != RELOAD_COMMITTED)
        return;
    enum party who = registry_differing(&o->registry, o->config_hash);
    if (who == AGENT_COUNT) {
        end(a, true, "in force everywhere");
    } else if (mono_now().ns > o->reload.until_ns) {
        snprintf(text, sizeof text, "committed, but %s has not followed: entries are held until it does", party_name(who));
        end(a, true, text);
    }
}

/* Somebody else's idea: on record, and no more. */
void orch_on_proposed(struct agent *a, const struct event *e)
{
    const struct msg_config_proposed *m = e->msg;
    (void)a;
    log_info("config.proposed", LOG_S("by", party_name(e->from)), LOG_S("hash", m->hash), LOG_S("action", "recorded only"));
}

/* At start, and when another one is in force: it is said once, however we ended before. */
void orch_configured(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    const struct config *c = agent_config(a);
    config_hash(c, o->config_hash);
    queue_set_limit(o->queue, (int)config_int(c, CFG_max_concurrent_tasks));
    loop_timer_again(o->timer_health, config_int(c, CFG_health_check_s) * 1000);
    if (o->kept.config_epoch == (int32_t)agent_config_epoch(a))
        return;
    struct msg_config_committed m = {.config_epoch = agent_config_epoch(a)};
    TEXT_COPY(m.hash, o->config_hash);
    agent_publish(a, TOPIC_CONFIG_COMMITTED, NULL, MSG_CONFIG_COMMITTED, &m, NULL);
    o->kept.config_epoch = (int32_t)agent_config_epoch(a);
    orch_keep(a);
}
