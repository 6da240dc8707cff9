/* command - the switches: pause resume stop flatten close emergency restart; see cli.h */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "proto/err.h"
#include "proto/text.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/client.h"

#define ANSWER_MS  5000
#define RESTART_MS 10000

struct restarting {
    struct client *c;
    enum party who;
    int64_t epoch;
};

static bool restarted(void *arg)
{
    const struct restarting *r = arg;
    const struct msg_agent_hb *hb = &client_view(r->c)->hb[r->who];
    return hb->epoch > r->epoch && (hb->life == LIFE_ACTIVE || hb->life == LIFE_READY);
}

static int await_restart(struct client *c, const char *name, int64_t epoch)
{
    struct restarting r = {.c = c, .epoch = epoch};
    int64_t t0 = mono_now().ns;
    party_parse(name, &r.who);
    if (!client_wait(c, RESTART_MS, restarted, &r)) {
        fprintf(stderr, "enigma restart: %s is not ready after %d ms; `enigma logs %s` may say why\n", name, RESTART_MS, name);
        return EXIT_TIMED_OUT;
    }
    printf("%s ready again after %lld ms\n", name, (long long)((mono_now().ns - t0) / 1000000));
    return EXIT_OK;
}

/* Options and the one argument of each verb. */
static int read_arguments(int argc, char **argv, struct msg_operator_command *m, bool *yes)
{
    for (int i = 1; i < argc; i++) {
        bool value = i + 1 < argc;
        if (strcmp(argv[i], "--yes") == 0)
            *yes = true;
        else if (strcmp(argv[i], "--symbol") == 0 && value)
            TEXT_COPY(m->symbol, argv[++i]);
        else if (strcmp(argv[i], "--strategy") == 0 && value)
            TEXT_COPY(m->strategy, argv[++i]);
        else if (strcmp(argv[i], "--reason") == 0 && value)
            TEXT_COPY(m->reason, argv[++i]);
        else if (m->verb == VERB_CLOSE && m->symbol[0] == '\0' && argv[i][0] != '-')
            TEXT_COPY(m->symbol, argv[i]);
        else if (m->verb == VERB_RESTART && m->agent[0] == '\0' && argv[i][0] != '-')
            TEXT_COPY(m->agent, argv[i]);
        else
            return cli_unknown(argv[0], argv[i]);
    }
    if ((m->verb == VERB_CLOSE && m->symbol[0] == '\0') || (m->verb == VERB_RESTART && m->agent[0] == '\0')) {
        fprintf(stderr, "enigma %s: say which %s\n", argv[0], m->verb == VERB_CLOSE ? "SYMBOL" : "AGENT");
        return EXIT_BAD_USAGE;
    }
    return EXIT_OK;
}

static int confirm_emergency(void)
{
    char text[32] = "";
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "enigma emergency: cancels and closes everything; say --yes when there is no terminal to ask\n");
        return EXIT_REFUSED;
    }
    printf("This cancels all orders and closes all positions.  Type EMERGENCY to go on: ");
    fflush(stdout);
    if (fgets(text, sizeof text, stdin) == NULL || strcmp(text, "EMERGENCY\n") != 0) {
        fprintf(stderr, "nothing was done\n");
        return EXIT_REFUSED;
    }
    return EXIT_OK;
}

int verb_command(struct cli *c, int argc, char **argv)
{
    struct msg_operator_command m = {.symbol = ""};
    struct msg_operator_reply answer;
    struct client *bus = NULL;
    char why[256];
    bool yes = false;
    must(verb_parse(argv[0], &m.verb) == ERR_OK);
    int rc = read_arguments(argc, argv, &m, &yes);
    if (rc == EXIT_OK)
        rc = cli_enter(c);
    if (rc != EXIT_OK)
        return rc;
    if (!cli_running()) {
        fprintf(stderr, "enigma %s: instance %s is not running\n", argv[0], c->instance);
        return EXIT_NOT_RUNNING;
    }
    if (m.verb == VERB_EMERGENCY && !yes && (rc = confirm_emergency()) != EXIT_OK)
        return rc;
    if (client_open("operator", &bus, why) < 0) {
        fprintf(stderr, "enigma %s: %s\n", argv[0], why);
        return EXIT_FAILED;
    }
    enum party who = AGENT_COUNT;
    if (m.verb == VERB_RESTART && party_parse(m.agent, &who) == ERR_OK)
        client_wait(bus, 700, NULL, NULL);      /* its epoch now */
    int64_t epoch = who < AGENT_COUNT ? client_view(bus)->hb[who].epoch : 0;
    int err = client_ask(bus, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m, MSG_OPERATOR_REPLY, &answer, ANSWER_MS, why);
    if (err < 0) {
        fprintf(stderr, "enigma %s: the orchestrator did not answer: %s %s\n", argv[0], err_text(err), why);
        rc = err == ERR_TIMEOUT ? EXIT_TIMED_OUT : EXIT_FAILED;
    } else if (!answer.accepted) {
        fprintf(stderr, "enigma %s: refused: %s\n", argv[0], answer.text);
        rc = EXIT_REFUSED;
    } else {
        printf("%s: %s (%s)\n", argv[0], answer.text, system_state_name(answer.system_state));
        if (m.verb == VERB_RESTART)
            rc = await_restart(bus, m.agent, epoch);
    }
    client_close(&bus);
    return rc;
}
