/* observe - verbs that look: status, funnel, sniff; see cli.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/client.h"
#include "deploy/cli/screen.h"

#define HEAR_MS   1500
#define ANSWER_MS 3000

static bool heard_all(void *client)
{
    const struct client_view *v = client_view(client);
    return v->state_ns != 0 && v->bus_ns != 0 && registry_all(v);
}

int verb_status(struct cli *c, int argc, char **argv)
{
    struct client *bus = NULL;
    bool json = cli_flag(&argc, argv, "--json"), watch = cli_flag(&argc, argv, "--watch");
    if (argc > 1)
        return cli_unknown("status", argv[1]);
    int rc = cli_connect(c, argv[0], "guest", &bus);
    if (rc != EXIT_OK)
        return rc;
    do {
        client_wait(bus, HEAR_MS, watch ? NULL : heard_all, bus);
        if (json)
            screen_status_json(client_view(bus));
        else
            screen_status(client_view(bus), watch && screen_terminal());
    } while (watch && !ferror(stdout));
    rc = client_view(bus)->state_ns != 0 ? EXIT_OK : EXIT_TIMED_OUT;
    client_close(&bus);
    return rc;
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
    bool json = cli_flag(&argc, argv, "--json");
    if (argc > 1)
        return cli_unknown("funnel", argv[1]);
    int rc = cli_connect(c, argv[0], "operator", &bus);
    if (rc != EXIT_OK)
        return rc;
    if (json)
        printf("{");
    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
        int err = client_ask(bus, way[i], MSG_AGENT_STATUS, &ask, MSG_AGENT_STATUS_REPLY, &m, ANSWER_MS, why);
        if (err < 0)
            rc = cli_no_answer(argv[0], party_name(way[i]), err, why);
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
