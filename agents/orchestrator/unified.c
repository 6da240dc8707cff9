/* unified - the state as others see it: topic, Redis, JSON file; see orchestrator.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "libagent/clock.h"
#include "proto/err.h"
#include "proto/lease.h"

#include "agents/orchestrator/orchestrator.h"

#define STATE_FILE "state.json"

static int64_t positions_open(const struct orchestrator *o)
{
    int64_t n = 0;
    for (int i = 0; i < ORCH_POSITIONS; i++)
        n += o->open[i][0] != '\0';
    return n;
}

static void fill_state(struct agent *a, struct msg_state_unified *m)
{
    struct orchestrator *o = agent_state(a);
    enum system_state state = (enum system_state)o->kept.state;
    bool up = state != SYS_INITIALIZING && state != SYS_SHUTDOWN;
    *m = (struct msg_state_unified){
        .system_state = state, .running = state == SYS_TRADING,
        .miner_gamma = o->miner.gamma, .miner_cascade = o->miner_known ? o->miner.cascade : 1,
        .miner_kappa = o->miner_known ? o->miner.kappa : 1, .gamma_valid = o->miner.gamma_valid,
        .lighthouse = o->miner.lighthouse, .portfolio_value = o->equity,
        .positions_open = positions_open(o), .cycles = o->cycles,
        .runtime_ms = (agent_now_ns(a) - o->started_ns) / 1000000,
        .tasks_queued = o->counts.queued[0] + o->counts.queued[1] + o->counts.queued[2] + o->counts.queued[3],
        .tasks_running = o->counts.out,
        .redis_up = o->store != NULL && store_state(o->store) == STORE_UP, .latch = o->latch,
    };
    snprintf(m->reason, sizeof m->reason, "%s", o->kept.reason);
    snprintf(m->brain, sizeof m->brain, "%s", up ? "ACTIVE" : "IDLE");
    snprintf(m->miner, sizeof m->miner, "%s", o->miner_known ? "ACTIVE" : "IDLE");
    snprintf(m->ecosystem, sizeof m->ecosystem, "%s",
             state == SYS_EMERGENCY_STOP ? "ERROR" : up ? "ACTIVE" : "IDLE");
    int64_t now = mono_now().ns;
    for (int i = 0; i < REGISTRY_AGENTS; i++)
        registry_view(&o->registry, (enum party)i, now, &m->agents[m->agents_n++]);
}

/* The readable copies.  Neither is ever read back by the system. */
static void write_state_file(const char *json)
{
    FILE *f = fopen(STATE_FILE ".tmp", "we");
    if (f == NULL)
        return;
    bool ok = fputs(json, f) >= 0;
    ok = fclose(f) == 0 && ok;
    if (ok)
        rename(STATE_FILE ".tmp", STATE_FILE);
}

static void ignore_result(void *arg, int err)
{
    (void)arg;                  /* the next copy follows; the store reports its own state */
    (void)err;
}

void orch_copy_state(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    static struct msg_state_unified state;
    const struct msg_state_unified *m = &state;
    fill_state(a, &state);
    char value[DEC_TEXT_MAX];
    json_t *all = json_pack(
        "{s:i, s:I, s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:f, s:f, s:f, s:b, s:b, s:s, s:I, s:I, s:I}",
        "version", 1, "timestamp_ms", (json_int_t)(agent_now_ns(a) / 1000000), "ttl_s", 30,
        "system_state", system_state_name(m->system_state), "reason", m->reason, "brain", m->brain,
        "miner", m->miner, "ecosystem", m->ecosystem, "running", m->running, "miner_gamma",
        m->miner_gamma, "miner_cascade", m->miner_cascade, "miner_kappa", m->miner_kappa,
        "gamma_valid", m->gamma_valid, "lighthouse", m->lighthouse, "portfolio_value",
        dec_format(m->portfolio_value, value), "positions_open", (json_int_t)m->positions_open,
        "cycles", (json_int_t)m->cycles, "runtime_ms", (json_int_t)m->runtime_ms);
    char *json = all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    if (json == NULL)
        return;                 /* a copy for readers: the next one will do */
    write_state_file(json);
    if (o->store != NULL && store_state(o->store) == STORE_UP)
        store_set(o->store, "state", json, strlen(json), ignore_result, NULL);
    free(json);
}

void orch_publish_state(struct agent *a)
{
    static struct msg_state_unified m;
    fill_state(a, &m);
    agent_vouch(a, m.running ? LEASE_TRADING : 0);
    agent_publish(a, TOPIC_STATE_UNIFIED, NULL, MSG_STATE_UNIFIED, &m, NULL);
}
