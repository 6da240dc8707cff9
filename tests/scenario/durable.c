/* durable - a publisher and a consumer of durable messages on the real skeleton, for kill tests.
 *
 *   DURABLE_ROLE=publish  as risk: DURABLE_RATE messages a second, half risk.rejected (D1), half
 *                         risk.approved (D2), numbered in signal_id, until DURABLE_COUNT of each
 *                         How long each pair took from being said to being sent, journal and sync included,
 *                         is kept apart by the phase (0 or 1) that DURABLE_FILE.phase names, and at the end
 *                         DURABLE_FILE.p99 says for both: count, p50 and p99 in microseconds
 *   DURABLE_ROLE=consume  as execution (hears risk.approved) or DURABLE_AS=audit (hears both): checks
 *                         that numbers come without hole and repetition, per topic; DURABLE_SLOW_MS: sleeps
 *                         so long over each
 * Both write "published/applied D1 D2 wrong" to DURABLE_FILE every 50 ms.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libagent/agent.h"
#include "libagent/clock.h"
#include "libagent/log.h"
#include "proto/text.h"

struct durable {
    long rate, count;
    const char *file;
    long d1, d2, wrong;
    double due;
    int64_t last_ns;
    long slow_ms;
    int phase;
    int64_t *took[2];           /* ns, SAMPLES_MAX each */
    size_t n_took[2];
};

#define SAMPLES_MAX 200000

static long env_long(const char *name, long preset)
{
    const char *v = getenv(name);
    return v != NULL ? strtol(v, NULL, 10) : preset;
}

static void write_file(struct durable *d)
{
    char tmp[512];
    snprintf(tmp, sizeof tmp, "%s.tmp", d->file);
    FILE *f = fopen(tmp, "we");
    if (f == NULL)
        return;
    fprintf(f, "%ld %ld %ld\n", d->d1, d->d2, d->wrong);
    if (fclose(f) == 0)
        rename(tmp, d->file);
}

static void on_sent(struct agent *a, void *arg)
{
    struct durable *d = agent_state(a);
    if (d->n_took[d->phase] < SAMPLES_MAX)
        d->took[d->phase][d->n_took[d->phase]++] = mono_now().ns - (intptr_t)arg;
}

static int by_length(const void *x, const void *y)
{
    const int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

static void write_times(struct durable *d)
{
    char path[512];
    snprintf(path, sizeof path, "%s.p99", d->file);
    FILE *f = d->took[0] != NULL ? fopen(path, "we") : NULL;
    if (f == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        size_t n = d->n_took[i];
        qsort(d->took[i], n, sizeof d->took[i][0], by_length);
        fprintf(f, "%zu %.0f %.0f\n", n, n > 0 ? (double)d->took[i][n / 2] / 1e3 : 0,
                n > 0 ? (double)d->took[i][n * 99 / 100] / 1e3 : 0);
    }
    fclose(f);
}

static void read_phase(struct durable *d)
{
    char path[512];
    snprintf(path, sizeof path, "%s.phase", d->file);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return;
    d->phase = fgetc(f) == '1';
    fclose(f);
}

static void publish_pair(struct agent *a)
{
    struct durable *d = agent_state(a);
    static struct msg_risk_rejected rejected;
    static struct msg_risk_approved approved;
    snprintf(rejected.signal_id, sizeof rejected.signal_id, "%ld", ++d->d1);
    snprintf(approved.signal_id, sizeof approved.signal_id, "%ld", ++d->d2);
    TEXT_COPY(rejected.reason, "TEST");
    agent_publish(a, TOPIC_RISK_REJECTED, NULL, MSG_RISK_REJECTED, &rejected, NULL);
    agent_publish(a, TOPIC_RISK_APPROVED, NULL, MSG_RISK_APPROVED, &approved, NULL);
    agent_note(a, 1, &d->d1, sizeof d->d1, false);
    agent_effect(a, on_sent, (void *)(intptr_t)mono_now().ns);
}

static void on_publish(void *arg)
{
    struct agent *a = arg;
    struct durable *d = agent_state(a);
    int64_t now = agent_now_ns(a);
    if (d->last_ns != 0)
        d->due += (double)(now - d->last_ns) * 1e-9 * (double)d->rate / 2;
    d->last_ns = now;
    for (; d->due >= 1 && d->d1 < d->count; d->due -= 1)
        publish_pair(a);
}

static void on_file(void *arg)
{
    write_file(agent_state(arg));
    read_phase(agent_state(arg));
}

static int on_note(struct agent *a, uint16_t kind, const void *data, size_t len)
{
    struct durable *d = agent_state(a);
    (void)kind;
    if (len == sizeof d->d1)
        memcpy(&d->d1, data, len);
    d->d2 = d->d1;
    return 0;
}

static void check(struct durable *d, long *counter, const char *number)
{
    if (strtol(number, NULL, 10) != *counter + 1)
        d->wrong++;
    ++*counter;
    if (d->slow_ms > 0)
        usleep((useconds_t)d->slow_ms * 1000);
}

struct counts {
    long d1, d2, wrong;
};

static void keep(struct agent *a)
{
    const struct durable *d = agent_state(a);
    const struct counts c = {d->d1, d->d2, d->wrong};
    agent_note(a, 2, &c, sizeof c, false);
}

static void on_rejected(struct agent *a, const struct event *e)
{
    struct durable *d = agent_state(a);
    check(d, &d->d1, ((const struct msg_risk_rejected *)e->msg)->signal_id);
    keep(a);
}

static void on_approved(struct agent *a, const struct event *e)
{
    struct durable *d = agent_state(a);
    check(d, &d->d2, ((const struct msg_risk_approved *)e->msg)->signal_id);
    keep(a);
}

static int on_counts(struct agent *a, uint16_t kind, const void *data, size_t len)
{
    struct durable *d = agent_state(a);
    struct counts c;
    (void)kind;
    if (len == sizeof c) {
        memcpy(&c, data, len);
        d->d1 = c.d1;
        d->d2 = c.d2;
        d->wrong = c.wrong;
    }
    return 0;
}

static void save_counts(struct agent *a, void **data, size_t *len)
{
    const struct durable *d = agent_state(a);
    struct counts *c = malloc(sizeof *c);
    *c = (struct counts){d->d1, d->d2, d->wrong};
    *data = c;
    *len = sizeof *c;
}

static int load_counts(struct agent *a, const void *data, size_t len)
{
    return on_counts(a, 2, data, len);
}

static void start_publisher(struct agent *a)
{
    loop_timer_new(agent_loop(a), 500, 5, false, on_publish, a);
    loop_timer_new(agent_loop(a), 50, 50, false, on_file, a);
}

static void start_consumer(struct agent *a)
{
    loop_timer_new(agent_loop(a), 50, 50, false, on_file, a);
}

static void write_last(struct agent *a)
{
    write_file(agent_state(a));
    write_times(agent_state(a));
}

int main(int argc, char **argv)
{
    static struct durable d;
    static const struct route none[] = {ROUTES_END};
    static const struct route both[] = {
        {MSG_RISK_REJECTED, on_rejected},
        {MSG_RISK_APPROVED, on_approved},
        ROUTES_END
    };
    const char *role = getenv("DURABLE_ROLE"), *as = getenv("DURABLE_AS");
    d.rate = env_long("DURABLE_RATE", 1000);
    d.count = env_long("DURABLE_COUNT", 1000000);
    d.file = getenv("DURABLE_FILE");
    if (role == NULL || d.file == NULL) {
        fprintf(stderr, "durable: DURABLE_ROLE and DURABLE_FILE must be set\n");
        return 2;
    }
    bool publish = strcmp(role, "publish") == 0;
    d.slow_ms = env_long("DURABLE_SLOW_MS", 0);
    for (int i = 0; i < 2 && publish; i++)
        if ((d.took[i] = malloc(SAMPLES_MAX * sizeof d.took[i][0])) == NULL)
            return 1;
    bool audit = as != NULL && strcmp(as, "audit") == 0;
    const struct agent_def def = {
        .id = publish ? AGENT_RISK : audit ? AGENT_AUDIT : AGENT_EXECUTION,
        .routes = publish ? none : both, .state = &d,
        .note = publish ? on_note : on_counts,
        .load = load_counts,
        .save = save_counts, .fini = write_last,
        .start = publish ? start_publisher : start_consumer,
    };
    return agent_main(&def, argc, argv);
}
