/* screen - see screen.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "libagent/clock.h"
#include "proto/tm.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/screen.h"

#define AGENTS      (AGENT_AUDIT + 1)
#define STALE_NS    (3 * NS_PER_S)
#define LOG_TAIL    3
#define FAILING_ENDS 3
#define FAILING_MS  2000        /* started so long ago it has not ended at once */

static bool is_ready(enum life l)
{
    return l == LIFE_READY || l == LIFE_ACTIVE;
}

bool registry_all(const struct client_view *v)
{
    for (int i = 0; i < AGENTS; i++)
        if (v->hb_ns[i] == 0 || !is_ready(v->hb[i].life))
            return false;
    return true;
}

void screen_progress(const struct client_view *v, struct progress *p)
{
    for (int i = 0; i < AGENTS; i++) {
        if (v->hb_ns[i] == 0 || v->hb[i].life == p->shown[i])
            continue;
        p->shown[i] = v->hb[i].life;
        printf("  %-13s %-10s %s\n", party_name((enum party)i), life_name(v->hb[i].life), v->hb[i].detail);
        fflush(stdout);
    }
}

static void log_tail(const char *name)
{
    char path[128], lines[LOG_TAIL][512] = {""}, line[512];
    size_t n = 0;
    snprintf(path, sizeof path, "log/%s.log", name);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f) != NULL)
        memcpy(lines[n++ % LOG_TAIL], line, sizeof line);
    fclose(f);
    for (size_t i = n > LOG_TAIL ? n - LOG_TAIL : 0; i < n; i++)
        fprintf(stderr, "      %s", lines[i % LOG_TAIL]);
}

void screen_missing(const struct client_view *v)
{
    fprintf(stderr, "the system did not come up in time\n");
    if (v->bus_ns == 0) {
        fprintf(stderr, "  nothing is heard on the bus:\n");
        log_tail("bus");
    }
    for (int i = 0; i < AGENTS; i++) {
        const char *name = party_name((enum party)i);
        if (v->hb_ns[i] != 0 && is_ready(v->hb[i].life))
            continue;
        fprintf(stderr, "  %s: %s %s\n", name, v->hb_ns[i] == 0 ? "no heartbeat" : life_name(v->hb[i].life),
                v->hb[i].detail);
        log_tail(name);
    }
}

static double age_s(int64_t then_ns)
{
    return (double)(wall_ns() - then_ns) * 1e-9;
}

static bool is_stale(int64_t then_ns)
{
    return wall_ns() - then_ns > STALE_NS;
}

/* ---- programs that end at once, again and again: deploy/watch/start.h ---- */

struct starts {
    int64_t ends, next_ms;      /* next_ms: until the next start; 0: it runs, for now */
};

static bool starts_of(const char *name, struct starts *ret)
{
    char path[64];
    long long ends, start_ms;
    snprintf(path, sizeof path, "sock/%s.starts", name);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool ok = fscanf(f, "%lld %lld", &ends, &start_ms) == 2;
    fclose(f);
    int64_t left = start_ms - mono_now().ns / 1000000;
    *ret = (struct starts){.ends = ends, .next_ms = left > 0 ? left : 0};
    return ok && ends >= FAILING_ENDS && left > -FAILING_MS;
}

static const char *program_at(int i)
{
    static const char *const others[] = {"redis", "bus", "paper"};
    return i < 3 ? others[i] : i < 3 + AGENTS ? party_name((enum party)(i - 3)) : NULL;
}

static void print_failing(void)
{
    struct starts s;
    for (int i = 0; program_at(i) != NULL; i++)
        if (starts_of(program_at(i), &s))
            printf("  %s ended at once %lld times in a row, next start in %.1f s; `enigma logs %s` says why\n",
                   program_at(i), (long long)s.ends, (double)s.next_ms / 1000, program_at(i));
}

static json_t *failing_json(void)
{
    struct starts s;
    json_t *all = json_object();
    for (int i = 0; program_at(i) != NULL; i++)
        if (starts_of(program_at(i), &s))
            json_object_set_new(all, program_at(i), json_pack("{s:I, s:I}", "ends", (json_int_t)s.ends, "next_start_ms",
                                                              (json_int_t)s.next_ms));
    return all;
}

static void print_agent(const struct client_view *v, int i)
{
    const struct msg_agent_hb *hb = &v->hb[i];
    if (v->hb_ns[i] == 0) {
        printf("  %-13s not heard\n", party_name((enum party)i));
        return;
    }
    printf("  %-13s %-10s pid %-7lld up %6.0fs  heard %4.1fs ago%s  lag %3lldms  rss %3lldM  cpu %5.1fs  errors %lld  %s\n",
           party_name((enum party)i), life_name(hb->life), (long long)hb->pid, (double)hb->uptime_ms / 1000,
           age_s(v->hb_ns[i]), is_stale(v->hb_ns[i]) ? " STALE" : "", (long long)hb->lag_ms, (long long)hb->rss_kb / 1024,
           (double)hb->cpu_ms / 1000, (long long)hb->errors, hb->detail);
    for (size_t k = 0; k < hb->degraded_n && !is_stale(v->hb_ns[i]); k++)
        printf("    %s: %s %s: %s\n", severity_name(hb->degraded[k].severity), hb->degraded[k].component,
               hb->degraded[k].code, hb->degraded[k].text);
}

bool screen_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

static void print_state(const struct client_view *v)
{
    const struct msg_state_unified *s = &v->state;
    char value[DEC_TEXT_MAX];
    printf("%s  (%s)  heard %.1fs ago%s\n", system_state_name(s->system_state), s->reason, age_s(v->state_ns),
           is_stale(v->state_ns) ? "  STALE" : "");
    printf("equity %s  positions %lld  gamma %.3f%s  kappa %.2f  cascade %.2f%s  tasks %lld queued %lld running  redis %s%s\n",
           dec_format_places(s->portfolio_value, 2, DEC_HALF_EVEN, value), (long long)s->positions_open, s->miner_gamma,
           s->gamma_valid ? "" : " (not valid)", s->miner_kappa, s->miner_cascade, s->lighthouse ? "  LIGHTHOUSE" : "",
           (long long)s->tasks_queued, (long long)s->tasks_running, s->redis_up ? "up" : "down",
           s->latch ? "  STOP file present" : "");
}

void screen_status(const struct client_view *v, bool clear)
{
    if (clear)
        printf("\033[H\033[2J");
    if (v->state_ns == 0)
        printf("state unknown: nothing heard of the orchestrator\n");
    else
        print_state(v);
    if (v->bus_ns == 0)
        printf("bus: nothing heard\n");
    else
        printf("bus: %lld messages, %lld refused%s\n", (long long)v->bus.messages, (long long)v->bus.refused,
               is_stale(v->bus_ns) ? "  STALE" : "");
    char pending[CONFIG_WHY_MAX];
    cli_config_pending(pending);
    printf("configuration %s%s%s\n", v->hb[AGENT_ORCHESTRATOR].config_hash, *pending ? "; " : "", pending);
    for (int i = 0; i < AGENTS; i++)
        print_agent(v, i);
    print_failing();
    fflush(stdout);
}

static json_t *degraded_json(const struct msg_agent_hb *hb)
{
    json_t *all = json_array();
    for (size_t k = 0; k < hb->degraded_n; k++) {
        const struct sub_degradation *d = &hb->degraded[k];
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s}", "component", d->component, "severity",
                                             severity_name(d->severity), "code", d->code, "text", d->text));
    }
    return all;
}

void screen_status_json(const struct client_view *v)
{
    const struct msg_state_unified *s = &v->state;
    char value[DEC_TEXT_MAX];
    json_t *agents = json_object();
    for (int i = 0; i < AGENTS; i++) {
        const struct msg_agent_hb *hb = &v->hb[i];
        json_t *a = v->hb_ns[i] == 0
                        ? json_null()
                        : json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "config", hb->config_hash, "life",
                                    life_name(hb->life), "pid", (json_int_t)hb->pid, "epoch", (json_int_t)hb->epoch,
                                    "uptime_ms", (json_int_t)hb->uptime_ms, "age_s", age_s(v->hb_ns[i]), "lag_ms",
                                    (json_int_t)hb->lag_ms, "rss_kb", (json_int_t)hb->rss_kb, "cpu_ms",
                                    (json_int_t)hb->cpu_ms, "errors", (json_int_t)hb->errors, "gaps_open",
                                    (json_int_t)hb->gaps_open, "gaps_repaired", (json_int_t)hb->gaps_repaired,
                                    "detail", hb->detail, "degraded", degraded_json(hb));
        json_object_set_new(agents, party_name((enum party)i), a);
    }
    char pending[CONFIG_WHY_MAX];
    cli_config_pending(pending);
    json_t *all = json_pack(
        "{s:s, s:s, s:s, s:f, s:s, s:s, s:s, s:b, s:f, s:f, s:f, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:I, s:I, s:o, s:o}",
        "config_pending", pending, "state",
        v->state_ns != 0 ? system_state_name(s->system_state) : "UNKNOWN", "reason", s->reason, "age_s",
        v->state_ns != 0 ? age_s(v->state_ns) : -1.0, "brain", s->brain, "miner", s->miner, "ecosystem", s->ecosystem,
        "running", s->running, "miner_gamma", s->miner_gamma, "miner_cascade", s->miner_cascade, "miner_kappa",
        s->miner_kappa, "portfolio_value", dec_format(s->portfolio_value, value), "positions_open",
        (json_int_t)s->positions_open, "cycles", (json_int_t)s->cycles, "runtime_ms", (json_int_t)s->runtime_ms,
        "tasks_queued", (json_int_t)s->tasks_queued, "tasks_running", (json_int_t)s->tasks_running, "redis_up",
        s->redis_up, "latch", s->latch, "bus_messages", (json_int_t)v->bus.messages, "bus_refused",
        (json_int_t)v->bus.refused, "agents", agents, "failing", failing_json());
    char *text = all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
    printf("%s\n", text != NULL ? text : "{}");
    free(text);
    json_decref(all);
}
