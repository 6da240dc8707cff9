/* observe - verbs that look: status, positions, orders, funnel, sniff, logs; see cli.h */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/client.h"
#include "deploy/cli/screen.h"

#define HEAR_MS   1500
#define ANSWER_MS 3000
#define LOGS_MAX  32

/* Enter, check that it runs, connect as guest or operator. */
static int connect_to(struct cli *c, const char *as, struct client **ret)
{
    char why[256];
    int rc = cli_enter(c);
    if (rc != EXIT_OK)
        return rc;
    if (!cli_running()) {
        fprintf(stderr, "enigma: instance %s is not running; `enigma up` starts it\n", c->instance);
        return EXIT_NOT_RUNNING;
    }
    if (client_open(as, ret, why) < 0) {
        fprintf(stderr, "enigma: %s\n", why);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static bool flag(int *argc, char **argv, const char *name)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
        --*argc;
        return true;
    }
    return false;
}

static bool heard_all(void *client)
{
    const struct client_view *v = client_view(client);
    return v->state_ns != 0 && v->bus_ns != 0 && registry_all(v);
}

int verb_status(struct cli *c, int argc, char **argv)
{
    struct client *bus = NULL;
    bool json = flag(&argc, argv, "--json"), watch = flag(&argc, argv, "--watch");
    if (argc > 1)
        return cli_unknown("status", argv[1]);
    int rc = connect_to(c, "guest", &bus);
    if (rc != EXIT_OK)
        return rc;
    do {
        client_wait(bus, HEAR_MS, watch ? NULL : heard_all, bus);
        if (json)
            screen_status_json(client_view(bus));
        else
            screen_status(client_view(bus), watch);
    } while (watch && !ferror(stdout));
    rc = client_view(bus)->state_ns != 0 ? EXIT_OK : EXIT_TIMED_OUT;
    client_close(&bus);
    return rc;
}

static int no_answer(const char *who, int err, const char *why)
{
    fprintf(stderr, "enigma: %s did not answer: %s %s\n", who, err_text(err), why);
    return err == ERR_TIMEOUT ? EXIT_TIMED_OUT : EXIT_FAILED;
}

int verb_positions(struct cli *c, int argc, char **argv)
{
    static const struct msg_positions_get ask;
    static struct msg_positions m;
    struct client *bus = NULL;
    char why[256], a[DEC_TEXT_MAX], b[DEC_TEXT_MAX], d[DEC_TEXT_MAX];
    bool json = flag(&argc, argv, "--json");
    if (argc > 1)
        return cli_unknown("positions", argv[1]);
    int rc = connect_to(c, "operator", &bus);
    if (rc != EXIT_OK)
        return rc;
    int err = client_ask(bus, AGENT_EXECUTION, MSG_POSITIONS_GET, &ask, MSG_POSITIONS, &m, ANSWER_MS, why);
    client_close(&bus);
    if (err < 0)
        return no_answer("execution", err, why);
    if (json)
        printf("[");
    else
        printf("%-12s %-5s %6s %14s %14s %14s %s\n", "symbol", "side", "lots", "entry", "stop", "net so far", "signal");
    for (size_t i = 0; i < m.positions_n; i++) {
        const struct sub_position *p = &m.positions[i];
        if (json)
            printf("%s{\"symbol\":\"%s\",\"side\":\"%s\",\"qty\":%lld,\"entry_px\":\"%s\",\"stop_px\":\"%s\",\"net_pnl\":\"%s\",\"signal_id\":\"%s\"}",
                   i > 0 ? "," : "", p->symbol, side_name(p->side), (long long)p->qty, dec_format(p->entry_px, a),
                   dec_format(p->stop_px, b), dec_format(p->net_pnl, d), p->signal_id);
        else
            printf("%-12s %-5s %6lld %14s %14s %14s %s\n", p->symbol, side_name(p->side), (long long)p->qty,
                   dec_format(p->entry_px, a), dec_format(p->stop_px, b), dec_format(p->net_pnl, d), p->signal_id);
    }
    printf(json ? "]\n" : "");
    return EXIT_OK;
}

int verb_orders(struct cli *c, int argc, char **argv)
{
    static const struct msg_orders_get ask;
    static struct msg_orders m;
    struct client *bus = NULL;
    char why[256], a[DEC_TEXT_MAX], b[DEC_TEXT_MAX];
    bool json = flag(&argc, argv, "--json");
    if (argc > 1)
        return cli_unknown("orders", argv[1]);
    int rc = connect_to(c, "operator", &bus);
    if (rc != EXIT_OK)
        return rc;
    int err = client_ask(bus, AGENT_EXECUTION, MSG_ORDERS_GET, &ask, MSG_ORDERS, &m, ANSWER_MS, why);
    client_close(&bus);
    if (err < 0)
        return no_answer("execution", err, why);
    if (json)
        printf("[");
    else
        printf("%-34s %-12s %-2s %-4s %6s %6s %14s %14s %s\n", "client id", "symbol", "", "side", "lots", "filled", "price", "trigger", "status");
    for (size_t i = 0; i < m.orders_n; i++) {
        const struct sub_order *o = &m.orders[i];
        if (json)
            printf("%s{\"cl_ord_id\":\"%s\",\"symbol\":\"%s\",\"leg\":\"%s\",\"side\":\"%s\",\"qty\":%lld,\"cum_qty\":%lld,\"price\":\"%s\",\"stop_px\":\"%s\",\"status\":\"%s\"}",
                   i > 0 ? "," : "", o->cl_ord_id, o->symbol, leg_name(o->leg), side_name(o->side), (long long)o->qty,
                   (long long)o->cum_qty, dec_format(o->price, a), dec_format(o->stop_px, b), ord_status_name(o->status));
        else
            printf("%-34s %-12s %-2s %-4s %6lld %6lld %14s %14s %s\n", o->cl_ord_id, o->symbol, leg_name(o->leg),
                   side_name(o->side), (long long)o->qty, (long long)o->cum_qty, dec_format(o->price, a),
                   dec_format(o->stop_px, b), ord_status_name(o->status));
    }
    printf(json ? "]\n" : "");
    return EXIT_OK;
}

static void print_counters(const char *title, const struct msg_agent_status_reply *m, bool json, bool first)
{
    if (json)
        printf("%s\"%s\":{", first ? "" : ",", title);
    else
        printf("%s\n", title);
    for (size_t i = 0; i < m->counters_n; i++) {
        if (json)
            printf("%s\"%s\":%lld", i > 0 ? "," : "", m->counters[i].name, (long long)m->counters[i].count);
        else
            printf("  %-40s %10lld\n", m->counters[i].name, (long long)m->counters[i].count);
    }
    if (json)
        printf("}");
}

/* From bars to fills: what each agent on the way counted. */
int verb_funnel(struct cli *c, int argc, char **argv)
{
    static const enum party way[] = {AGENT_DATA, AGENT_SIGNAL, AGENT_RISK, AGENT_EXECUTION};
    static const struct msg_agent_status ask;
    static struct msg_agent_status_reply m;
    struct client *bus = NULL;
    char why[256];
    bool json = flag(&argc, argv, "--json");
    if (argc > 1)
        return cli_unknown("funnel", argv[1]);
    int rc = connect_to(c, "operator", &bus);
    if (rc != EXIT_OK)
        return rc;
    if (json)
        printf("{");
    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
        int err = client_ask(bus, way[i], MSG_AGENT_STATUS, &ask, MSG_AGENT_STATUS_REPLY, &m, ANSWER_MS, why);
        if (err < 0)
            rc = no_answer(party_name(way[i]), err, why);
        else
            print_counters(party_name(way[i]), &m, json, i == 0);
    }
    if (json)
        printf("}\n");
    client_close(&bus);
    return rc;
}

int verb_sniff(struct cli *c, int argc, char **argv)
{
    char path[600];
    char **args = calloc((size_t)argc + 4, sizeof *args);
    must(args != NULL);
    snprintf(path, sizeof path, "%s/enigma-sniff", c->bin);
    char name[] = "enigma-sniff", option[] = "-i";
    char *dir = strdup(c->instance);
    args[0] = name;
    args[1] = option;
    args[2] = dir;
    memcpy(args + 3, argv + 1, (size_t)(argc - 1) * sizeof *args);
    execv(path, args);
    fprintf(stderr, "enigma sniff: %s: %s\n", path, strerror(errno));
    return EXIT_FAILED;
}

/* ---- logs ---- */

struct log_file {
    FILE *f;
    char line[4096];
    bool have;
};

static bool next_line(struct log_file *l)
{
    l->have = fgets(l->line, sizeof l->line, l->f) != NULL;
    return l->have;
}

/* Lines begin with {"ts":"...": the text's order is the time's order. */
static void merge(struct log_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!files[i].have)
            next_line(&files[i]);
    for (;;) {
        struct log_file *first = NULL;
        for (size_t i = 0; i < n; i++)
            if (files[i].have && (first == NULL || strncmp(files[i].line, first->line, 32) < 0))
                first = &files[i];
        if (first == NULL)
            return;
        fputs(first->line, stdout);
        next_line(first);
    }
}

static size_t open_logs(const char *only, struct log_file *files)
{
    size_t n = 0;
    DIR *d = opendir("log");
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL && n < LOGS_MAX) {
        size_t len = strlen(e->d_name);
        char path[300], wanted[64];
        snprintf(wanted, sizeof wanted, "%s.log", only);
        if (len < 5 || strcmp(e->d_name + len - 4, ".log") != 0 || (*only && strcmp(e->d_name, wanted) != 0) ||
            (!*only && (strcmp(e->d_name, "redis.log") == 0 || strcmp(e->d_name, "supervisord.log") == 0)))
            continue;
        snprintf(path, sizeof path, "log/%s", e->d_name);
        files[n].f = fopen(path, "re");
        n += files[n].f != NULL;
    }
    if (d != NULL)
        closedir(d);
    return n;
}

int verb_logs(struct cli *c, int argc, char **argv)
{
    static struct log_file files[LOGS_MAX];
    bool follow = flag(&argc, argv, "-f");
    if (argc > 2)
        return cli_unknown("logs", argv[2]);
    int rc = cli_enter(c);
    if (rc != EXIT_OK)
        return rc;
    size_t n = open_logs(argc == 2 ? argv[1] : "", files);
    if (n == 0) {
        fprintf(stderr, "enigma logs: no log of \"%.40s\" in %s/log\n", argc == 2 ? argv[1] : "anybody", c->instance);
        return EXIT_FAILED;
    }
    merge(files, n);
    while (follow && !ferror(stdout) && fflush(stdout) == 0) {
        struct timespec ts = {.tv_nsec = 100000000};
        nanosleep(&ts, NULL);
        for (size_t i = 0; i < n; i++)
            clearerr(files[i].f);
        merge(files, n);
    }
    return EXIT_OK;
}
