/* agent - see agent.h; how it is divided: agent_impl.h
 *
 * One turn of the loop: timers and sockets call handlers, handlers queue; before the loop waits again,
 * on_turn() drains the bus and commits what was queued.  So nothing leaves a process between a decision
 * and its journal record.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"

#include "libagent/agent_impl.h"
#include "libagent/reload.h"
#include "libagent/watchdog.h"

#define MS 1000000LL
#define EXIT_USAGE    2
#define EXIT_INTERNAL 70
#define EXIT_BUSY     75
#define EXIT_CONFIG   78

#ifndef ENIGMA_BUILD
#define ENIGMA_BUILD "dev"
#endif

/* ---- small accessors ---- */

void *agent_state(struct agent *a)
{
    return a->def->state;
}

const struct config *agent_config(const struct agent *a)
{
    return a->config;
}

int64_t agent_config_epoch(const struct agent *a)
{
    return a->config_epoch;
}

struct loop *agent_loop(struct agent *a)
{
    return a->loop;
}

int64_t agent_now_ns(const struct agent *a)
{
    return a->now_ns;
}

int64_t agent_market_ns(const struct agent *a)
{
    if (a->clock.wall0_ns == 0)
        return 0;
    return a->clock.market0_ns + (int64_t)(a->clock.speed * (double)(a->now_ns - a->clock.wall0_ns));
}

double agent_market_speed(const struct agent *a)
{
    return a->clock.wall0_ns != 0 && a->clock.speed > 0 ? a->clock.speed : 1;
}

enum life agent_life(const struct agent *a)
{
    return a->life;
}

enum system_state agent_system(const struct agent *a)
{
    return a->system;
}

int64_t agent_scaled_ms(const struct agent *a, int64_t ms)
{
    int64_t scaled = (int64_t)((double)ms * config_dbl(a->config, CFG_timer_scale));
    return scaled > 0 ? scaled : 1;
}

void agent_detail(struct agent *a, const char *text)
{
    snprintf(a->detail, sizeof a->detail, "%s", text);
}

void agent_fresh(struct agent *a)
{
    a->fresh_ns = a->now_ns;
    a->fresh_mono_ns = a->mono_ns;
}

void agent_usage(int64_t *rss_kb, int64_t *cpu_ms)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    *cpu_ms = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
              (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
    /* Open once: this is asked twice a second for as long as the process lives. */
    static int fd = -1;
    char text[128];
    long pages = 0;
    if (fd < 0)
        fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%*d %ld", &pages) != 1)
        pages = 0;
    *rss_kb = pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* ---- life ---- */

void agent_give_life(struct agent *a, enum life life)
{
    if (a->life == life)
        return;
    log_info("life", LOG_S("was", life_name(a->life)), LOG_S("now", life_name(life)));
    a->life = life;
    agent_heartbeat(a);         /* who waits for it need not wait for the next beat */
}

static bool system_is_up(enum system_state s)
{
    return s != SYS_INITIALIZING && s != SYS_SHUTDOWN;
}

void agent_advance(struct agent *a)
{
    /* The orchestrator registers with nobody: it lives when the bus carries what it says. */
    if (a->def->id == AGENT_ORCHESTRATOR && a->echo && a->life == LIFE_STARTING) {
        a->accepted = true;
        loop_timer_pause(a->timer_register);
        agent_give_life(a, LIFE_ACTIVE);
    }
    if (a->life == LIFE_REGISTERED && a->turn_given && a->echo) {
        agent_give_life(a, LIFE_WARMING);
        if (a->def->warm != NULL)
            a->def->warm(a);
        else
            agent_ready(a);
    }
    if (a->life == LIFE_READY && system_is_up(a->system))
        agent_give_life(a, LIFE_ACTIVE);
}

void agent_ready(struct agent *a)
{
    if (a->life != LIFE_WARMING || a->rolled_back)
        return;
    agent_detail(a, "");
    agent_give_life(a, LIFE_READY);
    agent_advance(a);
}

void agent_not_ready(struct agent *a, const char *why)
{
    agent_detail(a, why);
    if (a->life == LIFE_READY || a->life == LIFE_ACTIVE)
        agent_give_life(a, LIFE_WARMING);
}

static void on_registered(struct agent *a, void *arg, int err, const struct event *e)
{
    (void)arg;
    if (a->accepted || a->stopping || err < 0 || e->type != MSG_AGENT_REGISTERED)
        return;                 /* the timer asks again */
    const struct msg_agent_registered *m = e->msg;
    if (!m->accepted) {
        agent_fail(a, m->reason);
        return;
    }
    a->accepted = true;
    a->turn_given = m->turn;
    a->system = m->system_state;
    loop_timer_pause(a->timer_register);
    agent_give_life(a, LIFE_REGISTERED);
    agent_advance(a);
}

static void on_timer_register(void *arg)
{
    struct agent *a = arg;
    const struct msg_agent_register m = {
        .pid = getpid(), .protocol = PROTOCOL_VERSION, .epoch = journal_epoch(a->journal),
        .stream = (int64_t)journal_stream(a->journal),
    };
    struct msg_agent_register named = m;
    TEXT_COPY(named.build, a->build);
    if (!a->accepted && !a->stopping && a->def->id != AGENT_ORCHESTRATOR)
        agent_request(a, AGENT_ORCHESTRATOR, MSG_AGENT_REGISTER, &named, REGISTER_RETRY_MS,
                      on_registered, NULL);
}

/* ---- heartbeats ---- */

static void say_waits(const struct agent *a, struct msg_agent_hb *m)
{
    const size_t most = sizeof m->waits / sizeof m->waits[0];
    for (size_t i = 0; a->requests->n_open > 0 && i < REQUESTS_MAX && m->waits_n < most; i++) {
        const struct question *q = &a->requests->open[i];
        int64_t age_ms = (a->now_ns - q->parcel.sent_ns) / MS;
        if (q->id[0] == '\0' || age_ms < REQUEST_RETRY_MS)
            continue;
        struct sub_wait *w = &m->waits[m->waits_n++];
        *w = (struct sub_wait){.age_ms = age_ms};
        TEXT_COPY(w->id, q->id);
        TEXT_COPY(w->to, q->parcel.topic + strlen(topic_defs[TOPIC_INBOX].text));
    }
}

/* To the signer: who is not ready, or cannot write down what it does, guards nothing.  The data agent vouches for
 * the market as it last heard it. */
static void say_lease(struct agent *a)
{
    bool market = a->def->id == AGENT_DATA;
    if ((a->life != LIFE_READY && a->life != LIFE_ACTIVE) || a->disk_full || (market && a->fresh_ns == 0))
        return;
    leases_say(&a->leases, a->vouches, market ? a->mono_ns - a->fresh_mono_ns : 0);
}

static void vouch(struct agent *a, void *arg)
{
    a->vouches = (uint8_t)(uintptr_t)arg;
    say_lease(a);
}

void agent_vouch(struct agent *a, uint8_t flags)
{
    if (a->vouches != flags)
        agent_effect(a, vouch, (void *)(uintptr_t)flags);
}

void agent_heartbeat(struct agent *a)
{
    static struct msg_agent_hb m;       /* large */
    say_lease(a);
    m = (struct msg_agent_hb){
        .life = a->life, .pid = getpid(), .epoch = journal_epoch(a->journal),
        .stream = (int64_t)journal_stream(a->journal), .protocol = PROTOCOL_VERSION,
        .uptime_ms = (a->mono_ns - a->started_ns) / MS, .lag_ms = a->lag_ns / MS,
        .fresh_ms = a->fresh_ns == 0 ? -1 : (a->now_ns - a->fresh_ns) / MS,
        .queue = (int64_t)bus_waiting(a->bus), .lsn = (int64_t)journal_head(a->journal, NULL),
        .errors = log_errors(), .gaps_open = agent_gaps_open(a), .gaps_repaired = a->gaps_repaired,
    };
    TEXT_COPY(m.build, a->build);
    TEXT_COPY(m.config_hash, a->config_hash);
    TEXT_COPY(m.detail, a->detail);
    agent_usage(&m.rss_kb, &m.cpu_ms);
    for (size_t i = 0; i < DEGRADED_MAX && m.degraded_n < sizeof m.degraded / sizeof m.degraded[0]; i++) {
        const struct degradation *d = &a->degraded[i];
        if (!d->raised)
            continue;
        struct sub_degradation *to = &m.degraded[m.degraded_n++];
        to->severity = d->msg.severity;
        TEXT_COPY(to->component, d->msg.component);
        TEXT_COPY(to->code, d->msg.code);
        TEXT_COPY(to->text, d->msg.text);
    }
    for (size_t i = 0; i < a->n_seqs && m.last_n < sizeof m.last / sizeof m.last[0]; i++) {
        if (!a->seqs[i].durable)
            continue;
        TEXT_COPY(m.last[m.last_n].topic, a->seqs[i].topic);
        m.last[m.last_n++].seq = (int64_t)a->seqs[i].last;
    }
    const struct stream *st;
    for (size_t i = 0; (st = streams_at(a->streams, i)) != NULL; i++) {
        if (m.cursors_n == sizeof m.cursors / sizeof m.cursors[0])
            break;
        struct sub_topic_seq *c = &m.cursors[m.cursors_n++];
        TEXT_COPY(c->publisher, party_name((enum party)st->publisher));
        TEXT_COPY(c->topic, st->topic);
        c->seq = (int64_t)st->cursor;
    }
    say_waits(a, &m);
    agent_anchors_say(a, &m);
    a->lag_ns = 0;
    agent_publish(a, TOPIC_AGENT_HB, NULL, MSG_AGENT_HB, &m, NULL);
}

/* Who is started without a bus, or loses it, waits and says what for. */
static void watch_bus(struct agent *a)
{
    bool silent = a->mono_ns - a->bus_ns > BUS_SILENT_MS * MS;
    if (silent && !a->bus_silent)
        log_warn("bus.silent", LOG_I("seconds", (a->mono_ns - a->bus_ns) / (1000 * MS)), LOG_S("mend", "start enigma-bus"),
                 LOG_S("action", "waiting for it; what is durable is kept"));
    else if (!silent && a->bus_silent)
        log_info("bus.heard", LOG_NONE);
    a->bus_silent = silent;
}

static void on_timer_beat(void *arg)
{
    struct agent *a = arg;
    watch_bus(a);
    int64_t late = a->beat_ns == 0 ? 0 : a->mono_ns - a->beat_ns - HEARTBEAT_MS * MS;
    if (late > a->lag_ns)
        a->lag_ns = late;
    a->beat_ns = a->mono_ns;
    agent_follow(a);
    agent_anchors_keep(a);
    agent_heartbeat(a);
    agent_catchup(a);
    if (journal_tend(a->journal) < 0)
        agent_degraded(a, SEVERITY_HIGH, "disk", "NO_SPACE", "no room for the next journal segment; free some space");
    else
        agent_degraded_clear(a, "disk", "NO_SPACE");
    if (a->archive == NULL)
        agent_trim(a, JOURNAL_KEEP_MS);
}

/* ---- degradations ---- */

static struct degradation *find_degradation(struct agent *a, const char *component, const char *code)
{
    struct degradation *unused = NULL;
    for (size_t i = 0; i < DEGRADED_MAX; i++) {
        struct degradation *d = &a->degraded[i];
        if (d->raised && strcmp(d->msg.component, component) == 0 && strcmp(d->msg.code, code) == 0)
            return d;
        if (!d->raised && unused == NULL)
            unused = d;
    }
    return unused;
}

static void publish_degradation(struct agent *a, const struct degradation *d)
{
    agent_publish_priority(a, TOPIC_HEALTH_DEGRADED, NULL, MSG_HEALTH_DEGRADED, &d->msg, NULL,
                           d->msg.severity >= SEVERITY_HIGH ? PRIORITY_HIGH : PRIORITY_NORMAL);
}

void agent_degraded(struct agent *a, enum severity severity, const char *component,
                    const char *code, const char *text)
{
    struct degradation *d = find_degradation(a, component, code);
    if (d == NULL) {
        log_error("degraded.too_many", LOG_S("component", component), LOG_S("code", code),
                  LOG_S("action", "not repeated"));
        return;
    }
    bool edge = !d->raised;
    int64_t count = edge ? 1 : d->msg.count + 1;
    d->msg = (struct msg_health_degraded){.severity = severity, .count = count};
    TEXT_COPY(d->msg.component, component);
    TEXT_COPY(d->msg.code, code);
    TEXT_COPY(d->msg.text, text);
    d->raised = true;
    if (!edge)
        return;
    log_warn("degraded", LOG_S("component", component), LOG_S("code", code), LOG_S("text", text),
             LOG_S("action", "reported"));
    publish_degradation(a, d);
    loop_timer_resume(a->timer_degraded);
}

void agent_degraded_clear(struct agent *a, const char *component, const char *code)
{
    struct degradation *d = find_degradation(a, component, code);
    if (d == NULL || !d->raised)
        return;
    d->raised = false;
    d->msg.cleared = true;
    log_info("degraded.over", LOG_S("component", component), LOG_S("code", code));
    publish_degradation(a, d);
}

static void on_timer_degraded(void *arg)
{
    struct agent *a = arg;
    bool any = false;
    for (size_t i = 0; i < DEGRADED_MAX; i++) {
        if (!a->degraded[i].raised)
            continue;
        any = true;
        publish_degradation(a, &a->degraded[i]);
    }
    if (!any)
        loop_timer_pause(a->timer_degraded);
}

/* ---- other timers ---- */

static void on_timer_requests(void *arg)
{
    struct agent *a = arg;
    for (size_t i = 0; i < REQUESTS_MAX && a->requests->n_open > 0; i++) {
        struct question *q = &a->requests->open[i];
        if (q->id[0] == '\0')
            continue;
        if (a->mono_ns >= q->deadline_ns) {
            on_answer *on = (on_answer *)q->on;
            void *what = q->arg;
            requests_close(a->requests, q);
            on(a, what, ERR_TIMEOUT, NULL);
        } else if (a->mono_ns >= q->again_ns) {
            q->again_ns = a->mono_ns + agent_scaled_ms(a, REQUEST_RETRY_MS) * MS;
            agent_send_parcel(a, &q->parcel);
        }
    }
    if (a->requests->n_open == 0)
        loop_timer_pause(a->timer_requests);
}

static void on_timer_sync(void *arg)
{
    struct agent *a = arg;
    agent_sync_later(a);
    if (!a->unsynced)
        loop_timer_pause(a->timer_sync);
}

static void on_timer_catchup(void *arg)
{
    agent_catchup(arg);
}

/* ---- stopping ---- */

static void finish(struct agent *a)
{
    loop_stop(a->loop);
}

static void on_timer_stop(void *arg)
{
    struct agent *a = arg;
    log_warn("stop.deadline", LOG_I("ms", STOP_DEADLINE_MS), LOG_S("action", "stopping with work left"));
    finish(a);
}

void agent_drained(struct agent *a)
{
    if (a->stopping)
        finish(a);
}

static void begin_stop(struct agent *a, const char *why)
{
    if (a->stopping) {
        finish(a);              /* asked twice: now */
        return;
    }
    a->stopping = true;
    log_info("stopping", LOG_S("why", why));
    if (a->bus != NULL && a->timer_stop != NULL) {
        agent_give_life(a, LIFE_DRAINING);
        loop_timer_resume(a->timer_stop);
        if (a->def->drain != NULL) {
            a->def->drain(a);
            return;
        }
    }
    finish(a);
}

void agent_stop_effect(struct agent *a, void *arg)
{
    (void)arg;
    begin_stop(a, "asked over the bus");
}

void agent_restart(struct agent *a, const char *why)
{
    log_info("restarting", LOG_S("why", why));
    agent_effect(a, agent_stop_effect, NULL);
}

void agent_fail(struct agent *a, const char *why)
{
    log_error("failed", LOG_S("why", why), LOG_S("action", "ending this process"));
    a->exit_code = EXIT_FAILURE;
    begin_stop(a, "failure");
}

static void on_signal(void *arg, int signum)
{
    begin_stop(arg, signum == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* ---- the loop ---- */

/* Before the loop waits: hear, commit.  True: there is more to hear. */
static bool on_turn(void *arg)
{
    struct agent *a = arg;
    watchdog_kick();
    a->now_ns = wall_ns();
    a->mono_ns = mono_now().ns;
    bool more = false;
    if (!a->disk_full)
        more = bus_drain(a->bus);
    if (a->disk_full || bus_waiting(a->bus) > 0)
        a->bus_ns = a->mono_ns;
    agent_commit(a);
    return more && !a->disk_full;
}

/* Timers and sockets run before on_turn: they need the same now. */
static void on_wake(void *arg)
{
    struct agent *a = arg;
    a->now_ns = wall_ns();
    a->mono_ns = mono_now().ns;
}

static struct loop_timer *timer(struct agent *a, int64_t every_ms, bool aligned, void (*fn)(void *))
{
    int64_t ms = agent_scaled_ms(a, every_ms);
    return loop_timer_new(a->loop, ms, ms, aligned, fn, a);
}

static void make_timers(struct agent *a)
{
    a->timer_beat = timer(a, HEARTBEAT_MS, true, on_timer_beat);
    a->timer_sync = timer(a, D1_SYNC_MS, true, on_timer_sync);
    a->timer_catchup = timer(a, 100, true, on_timer_catchup);
    a->timer_register = timer(a, REGISTER_RETRY_MS, false, on_timer_register);
    a->timer_degraded = timer(a, 1000, true, on_timer_degraded);
    a->timer_requests = timer(a, 50, true, on_timer_requests);
    a->timer_stop = timer(a, STOP_DEADLINE_MS, false, on_timer_stop);
    loop_timer_pause(a->timer_sync);
    loop_timer_pause(a->timer_catchup);
    loop_timer_pause(a->timer_degraded);
    loop_timer_pause(a->timer_requests);
    loop_timer_pause(a->timer_stop);
}

static void subscribe(struct agent *a)
{
    char inbox[TOPIC_MAX + 1];
    snprintf(inbox, sizeof inbox, "%s%s", topic_defs[TOPIC_INBOX].text, a->name);
    bus_subscribe(a->bus, BUS_EVENT, inbox);
    for (int i = 0; i < TOPIC_COUNT; i++) {
        const struct topic_def *def = &topic_defs[i];
        if (i != TOPIC_INBOX && (def->subscribers & (1u << a->def->id)))
            bus_subscribe(a->bus, def->socket == SOCKET_MARKET ? BUS_MARKET : BUS_EVENT, def->text);
    }
}

static bool uses_market(const struct agent_def *def)
{
    unsigned me = 1u << def->id;
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (topic_defs[i].socket == SOCKET_MARKET &&
            ((topic_defs[i].subscribers | topic_defs[i].publishers) & me))
            return true;
    return false;
}

static int connect_bus(struct agent *a, char why[CONFIG_WHY_MAX])
{
    const struct bus_options options = {
        .loop = a->loop, .name = a->name, .market = uses_market(a->def),
        .on_frames = agent_on_frames, .arg = a,
    };
    int err = bus_open(&options, &a->bus, why);
    if (err < 0)
        return err;
    err = bus_replay_bind(a->bus, agent_serve_replay, a, why);
    if (err < 0)
        return err;
    subscribe(a);
    return ERR_OK;
}

/* ---- start ---- */

static void usage(FILE *f, const struct agent_def *def)
{
    fprintf(f,
            "usage: enigma-%s [-i DIR] [--KEY VALUE ...]\n"
            "  -i, --instance DIR   the instance's directory (default run/paper)\n"
            "  --KEY VALUE          a configuration key, with '-' for '_'; they come after\n"
            "                       DIR/etc/enigma.conf and the environment (ENIGMA_KEY)\n"
            "  --version, --help\n\nkeys:\n",
            party_name(def->id));
    for (int i = 0; i < CFG_COUNT; i++) {
        const struct config_key *k = &config_keys[i];
        fprintf(f, "  %-24s %s%s%s (default %s)\n", k->name, k->meaning, *k->unit ? ", " : "", k->unit,
                *k->def ? k->def : "empty");
    }
}

/* -1: go on; else the exit status. */
static int read_options(struct agent *a, int argc, char **argv, char why[CONFIG_WHY_MAX])
{
    const char *instance = "run/paper";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout, a->def);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("enigma-%s %s, protocol %d\n", a->name, a->build, PROTOCOL_VERSION);
            return EXIT_SUCCESS;
        }
        if (strncmp(argv[i], "-i", 3) != 0 && strncmp(argv[i], "--", 2) != 0) {
            fprintf(stderr, "enigma-%s: unknown argument \"%s\"; --help lists them\n", a->name, argv[i]);
            return EXIT_USAGE;
        }
        if (i + 1 == argc) {
            fprintf(stderr, "enigma-%s: %s needs a value\n", a->name, argv[i]);
            return EXIT_USAGE;
        }
        if (strcmp(argv[i], "-i") == 0 || strcmp(argv[i], "--instance") == 0)
            instance = argv[++i];
        else
            i++;                /* a key: set after the file and the environment */
    }
    snprintf(a->instance, sizeof a->instance, "%s", instance);
    if (chdir(instance) < 0) {
        snprintf(why, CONFIG_WHY_MAX, "instance %.150s: %s; `enigma up` makes one", instance, strerror(errno));
        return EXIT_CONFIG;
    }
    return -1;
}

/* ---- configuration ---- */

static int read_config(struct agent *a, char why[CONFIG_WHY_MAX])
{
    (void)stat(COMMITTED_FILE, &a->committed);      /* before it is read: a later one is seen */
    int err = config_resolve(config_in_force(), a->argc, a->argv, &a->config, &a->config_epoch, why);
    if (err == ERR_OK) {
        log_set_level(config_text(a->config, CFG_log_level));
        config_hash(a->config, a->config_hash);
    }
    return err;
}

int agent_proposed(const struct agent *a, struct config **ret, char why[CONFIG_WHY_MAX])
{
    return config_resolve(PROPOSED_FILE, a->argc, a->argv, ret, NULL, why);
}

int agent_try_config(struct agent *a, const char *hash, char why[CONFIG_WHY_MAX])
{
    struct config *c;
    char here[20];
    int err = agent_proposed(a, &c, why);
    if (err < 0)
        return err;
    config_hash(c, here);
    if (strcmp(here, hash) != 0) {
        err = ERR_CONFIG;
        snprintf(why, CONFIG_WHY_MAX, "it is %.16s here: this process's environment or command line is another", here);
    }
    for (int i = 0; err == ERR_OK && i < CFG_COUNT; i++)
        if (config_change(a->config, c, (enum cfg)i) == CHANGE_RESTART) {
            err = ERR_CONFIG;
            snprintf(why, CONFIG_WHY_MAX, "%s runs with %.60s here: read at start only", config_keys[i].name,
                     config_text(a->config, (enum cfg)i));
        }
    config_destroy(&c);
    return err;
}

void agent_follow(struct agent *a)
{
    struct stat st;
    struct config *was = a->config;
    char why[CONFIG_WHY_MAX];
    if (stat(COMMITTED_FILE, &st) < 0 ||
        (st.st_ino == a->committed.st_ino && st.st_mtim.tv_sec == a->committed.st_mtim.tv_sec &&
         st.st_mtim.tv_nsec == a->committed.st_mtim.tv_nsec))
        return;
    if (read_config(a, why) < 0) {
        agent_degraded(a, SEVERITY_HIGH, "config", "NOT_FOLLOWED", why);
        return;                 /* goes on with what it has; its hash shows it */
    }
    agent_degraded_clear(a, "config", "NOT_FOLLOWED");
    config_destroy(&was);
    log_info("config", LOG_I("epoch", a->config_epoch), LOG_S("hash", a->config_hash), LOG_S("action", "in force"));
    if (a->def->configured != NULL)
        a->def->configured(a);
    a->records = SNAPSHOT_RECORDS;      /* what was decided under the old one is not recovered under the new one */
    agent_heartbeat(a);
}

/* Every step in order; each needs the ones before. */
static int start(struct agent *a, char why[CONFIG_WHY_MAX])
{
    int err = loop_new(&a->loop);
    if (err < 0)
        return err;
    a->streams = streams_new();
    a->requests = requests_new();
    on_wake(a);
    a->started_ns = a->bus_ns = a->mono_ns;
    if (a->def->init != NULL && (err = a->def->init(a, why)) < 0)
        return err;
    err = agent_recover(a, why);
    if (err < 0)
        return err;
    agent_anchors_start(a);
    watchdog_start(config_int(a->config, CFG_watchdog_s), a->name);     /* a library may stand still, too */
    err = connect_bus(a, why);
    if (err < 0)
        return err;
    err = leases_open(a->def->id, config_text(a->config, CFG_mode), config_text(a->config, CFG_rest_url), &a->leases, why);
    if (err < 0)
        return err;
    make_timers(a);
    loop_on_wake(a->loop, on_wake, a);
    loop_on_prepare(a->loop, on_turn, a);
    loop_on_signal(a->loop, SIGTERM, on_signal, a);
    loop_on_signal(a->loop, SIGINT, on_signal, a);
    agent_heartbeat(a);
    if (a->def->start != NULL)
        a->def->start(a);
    on_timer_register(a);
    return ERR_OK;
}

static void end(struct agent *a)
{
    watchdog_stop();
    if (a->journal != NULL && a->bus != NULL) {
        agent_commit(a);
        agent_snapshot(a);
    }
    if (a->def->fini != NULL)
        a->def->fini(a);
    agent_in_fini(a);
    leases_close(&a->leases);
    bus_close(&a->bus);
    agent_out_fini(a);
    outbox_destroy(&a->outbox);
    outbox_destroy(&a->archive);
    journal_close(&a->journal);
    streams_destroy(&a->streams);
    requests_destroy(&a->requests);
    loop_destroy(&a->loop);
    config_destroy(&a->config);
}

int agent_main(const struct agent_def *def, int argc, char **argv)
{
    struct agent *a = calloc(1, sizeof *a);
    must(a != NULL);
    a->def = def;
    a->name = party_name(def->id);
    a->life = LIFE_STARTING;
    a->leases.fd = -1;
    snprintf(a->build, sizeof a->build, "%s", ENIGMA_BUILD);
    log_init(a->name);
    signal(SIGPIPE, SIG_IGN);

    char why[CONFIG_WHY_MAX] = "";
    int status = read_options(a, argc, argv, why);
    if (status < 0) {
        a->argc = argc;
        a->argv = argv;
        int err = read_config(a, why);
        if (err < 0)
            status = EXIT_CONFIG;
        else if ((err = start(a, why)) < 0)
            status = err == ERR_BUSY ? EXIT_BUSY : err == ERR_CONFIG ? EXIT_CONFIG : EXIT_FAILURE;
        if (err < 0)
            log_error("start.failed", LOG_S("error", err_text(err)), LOG_S("why", why));
    } else if (*why != '\0') {
        log_error("start.failed", LOG_S("why", why));
    }
    if (status < 0) {
        log_info("started", LOG_I("pid", getpid()), LOG_S("instance", a->instance),
                 LOG_S("config", a->config_hash), LOG_S("build", a->build));
        loop_run(a->loop);
        status = a->exit_code;
        log_info("stopped", LOG_I("status", status));
    }
    end(a);
    free(a);
    return status;
}
