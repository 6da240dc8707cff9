/* work - the tasks of the workers: asked for, journalled, queued in Redis, ended; see orchestrator.h */
#include <stdio.h>
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/orchestrator/orchestrator.h"

#define QUEUE_MS 1000

static void end_task(struct agent *a, const char *id)
{
    struct orchestrator *o = agent_state(a);
    const struct task_entry *t = tasks_find(&o->tasks, id);
    if (t == NULL)
        return;
    const struct task_entry done = *t;
    tasks_done(&o->tasks, done.id);
    agent_note(a, NOTE_TASK_DONE, &done, sizeof done, false);
}

/* A worker says what became of a task. */
void orch_on_task(struct agent *a, const struct event *e)
{
    const struct msg_task *m = e->msg;
    if (m->state == TASK_DONE || m->state == TASK_FAILED)
        end_task(a, m->task_id);
}

static void on_added(void *arg, int err)
{
    (void)arg;
    if (err < 0 && err != ERR_DUPLICATE)
        log_warn("task.not_queued", LOG_S("error", err_text(err)), LOG_S("action", "added again when Redis is up"));
}

static void add_all_tasks(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    for (size_t i = 0; i < TASKS_OPEN_MAX; i++) {
        const struct task_entry *t = &o->tasks.open[i];
        if (t->id[0] != '\0')
            queue_add(o->queue, t->id, t->priority, t, sizeof *t, on_added, a);
    }
}

/* The backtest of the live parameters: at start and every market day. */
static void ask_backtest(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    int64_t market = agent_market_ns(a);
    if (market == 0 || o->kept.state != SYS_TRADING || tm_day(market) == o->task_day)
        return;
    o->task_day = tm_day(market);
    struct task_entry t = {.priority = PRIORITY_LOW};
    char when[TM_TEXT_MAX];
    tm_format(o->task_day, when);
    snprintf(t.id, sizeof t.id, "backtest-%.10s-%lld", when, (long long)(agent_now_ns(a) / NS_PER_S));
    TEXT_COPY(t.kind, "backtest");
    if (tasks_add(&o->tasks, &t) < 0)
        return;
    agent_note(a, NOTE_TASK, &t, sizeof t, false);
    struct msg_task m = {.state = TASK_QUEUED, .priority = PRIORITY_LOW};
    TEXT_COPY(m.task_id, t.id);
    TEXT_COPY(m.kind, t.kind);
    agent_publish(a, TOPIC_TASK, "queued", MSG_TASK, &m, NULL);
    if (store_state(o->store) == STORE_UP)
        queue_add(o->queue, t.id, t.priority, &t, sizeof t, on_added, a);
}

static void on_store(void *arg, enum store_state state)
{
    struct agent *a = arg;
    if (state == STORE_UP) {
        log_info("redis.up", LOG_NONE);
        agent_degraded_clear(a, "redis", "DOWN");
        add_all_tasks(a);
    } else {
        agent_degraded(a, SEVERITY_MEDIUM, "redis", "DOWN", store_state_text(state));
    }
}

static void on_counts(void *arg, int err, const struct queue_counts *counts)
{
    struct orchestrator *o = agent_state(arg);
    if (err == ERR_OK)
        o->counts = *counts;
}

static void on_reaped(void *arg, int err, const struct queue_reaped *r)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    for (int i = 0; err == ERR_OK && i < r->dead; i++) {
        const struct task_entry *t = tasks_find(&o->tasks, r->dead_ids[i]);
        struct msg_task m = {.state = TASK_DEAD, .priority = PRIORITY_NORMAL, .attempt = QUEUE_ATTEMPTS};
        TEXT_COPY(m.task_id, r->dead_ids[i]);
        TEXT_COPY(m.kind, t != NULL ? t->kind : "");
        snprintf(m.detail, sizeof m.detail, "its worker was lost %d times", QUEUE_ATTEMPTS);
        agent_publish(a, TOPIC_TASK, "dead", MSG_TASK, &m, NULL);
        end_task(a, r->dead_ids[i]);    /* it would be added again when Redis comes up empty */
    }
}

static void tend_queue(void *arg)
{
    struct agent *a = arg;
    struct orchestrator *o = agent_state(a);
    ask_backtest(a);
    if (store_state(o->store) != STORE_UP)
        return;
    queue_reap(o->queue, on_reaped, a);
    queue_count(o->queue, on_counts, a);
}

void work_start(struct agent *a)
{
    struct orchestrator *o = agent_state(a);
    const struct store_options options = {
        .loop = loop_uv(agent_loop(a)), .path = "sock/redis.sock", .instance = "main",
        .changed = on_store, .arg = a,
    };
    must(store_open(&options, &o->store) == ERR_OK);
    o->queue = queue_new(o->store, (int)config_int(agent_config(a), CFG_max_concurrent_tasks));
    o->timer_queue = loop_timer_new(agent_loop(a), QUEUE_MS, QUEUE_MS, true, tend_queue, a);
}

void work_fini(struct orchestrator *o)
{
    store_close(&o->store);
    queue_destroy(&o->queue);
}
