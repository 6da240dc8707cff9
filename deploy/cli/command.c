/* command - the switches: pause resume stop flatten close emergency restart; see cli.h */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "libagent/latch.h"
#include "libagent/reload.h"
#include "libagent/signkey.h"
#include "proto/err.h"
#include "proto/resume.h"
#include "proto/text.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/client.h"

#define ANSWER_MS  5000
#define RESTART_MS 10000
#define EXISTS_MS  1500

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
    const char *symbol = "", *strategy = "", *reason = "";
    bool some = m->verb == VERB_PAUSE || m->verb == VERB_RESUME;
    *yes = m->verb == VERB_EMERGENCY && cli_flag(&argc, argv, "--yes");
    int rc = some ? cli_value(&argc, argv, "--symbol", &symbol) : EXIT_OK;
    if (rc == EXIT_OK && some)
        rc = cli_value(&argc, argv, "--strategy", &strategy);
    if (rc == EXIT_OK)
        rc = cli_value(&argc, argv, "--reason", &reason);
    if (rc != EXIT_OK)
        return rc;
    TEXT_COPY(m->symbol, symbol);
    TEXT_COPY(m->strategy, strategy);
    TEXT_COPY(m->reason, reason);
    bool wants = m->verb == VERB_CLOSE || m->verb == VERB_RESTART;
    if (argc > 1 + wants || (argc > 1 && argv[1][0] == '-'))
        return cli_unknown(argv[0], argv[argc - 1]);
    if (wants && (argc == 1 || argv[1][0] == '\0')) {
        fprintf(stderr, "enigma %s: say which %s\n", argv[0], m->verb == VERB_CLOSE ? "SYMBOL" : "AGENT");
        return EXIT_BAD_USAGE;
    }
    if (m->verb == VERB_CLOSE)
        TEXT_COPY(m->symbol, argv[1]);
    else if (m->verb == VERB_RESTART)
        TEXT_COPY(m->agent, argv[1]);
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

/* Nothing of this symbol is open: the name is wrong, or it is done already.  Who cannot be asked is no reason
 * to keep the order back. */
static bool nothing_to_close(struct client *c, const char *symbol)
{
    static const struct msg_positions_get ask_positions;
    static const struct msg_orders_get ask_orders;
    static struct msg_positions p;
    static struct msg_orders o;
    char why[256];
    if (client_ask(c, AGENT_EXECUTION, MSG_POSITIONS_GET, &ask_positions, MSG_POSITIONS, &p, EXISTS_MS, why) < 0 ||
        client_ask(c, AGENT_EXECUTION, MSG_ORDERS_GET, &ask_orders, MSG_ORDERS, &o, EXISTS_MS, why) < 0)
        return false;
    for (size_t i = 0; i < p.positions_n; i++)
        if (strcmp(p.positions[i].symbol, symbol) == 0)
            return false;
    for (size_t i = 0; i < o.orders_n; i++)
        if (strcmp(o.orders[i].symbol, symbol) == 0 && o.orders[i].status <= STATUS_PARTIAL)
            return false;
    return true;
}

int cli_sign(const char *verb, struct resume *r, uint8_t *ret)
{
    char why[CONFIG_WHY_MAX] = "";
    uint8_t secret[TOKEN_SECRET];
    struct config *c = NULL;
    int err = config_resolve(config_in_force(), 0, NULL, &c, NULL, why);
    if (err == ERR_OK) {
        token_account(config_text(c, CFG_mode), config_text(c, CFG_rest_url), r->account);
        err = signkey_load(SIGNKEY_DIR, "operator", secret, why);
    }
    config_destroy(&c);
    if (err < 0) {
        fprintf(stderr, "enigma %s: %s\n", verb, why);
        return EXIT_BAD_CONFIG;
    }
    resume_sign(r, secret, ret);
    sodium_memzero(secret, sizeof secret);
    return EXIT_OK;
}

/* Resume carries the operator's signature: after an emergency it is asked for. */
static int sign_resume(struct msg_operator_command *m)
{
    struct resume r = {.issued_ns = wall_ns()};
    TEXT_COPY(r.reason, m->reason);
    m->signed_ns = r.issued_ns;
    m->signature_len = RESUME_SIGNATURE;
    return cli_sign("resume", &r, m->signature);
}

/* Nobody answered: the latch needs nobody.  The signer and execution look at the file by themselves. */
static void set_latch(const char *reason)
{
    int err = latch_set("operator", reason);
    fprintf(stderr, err == ERR_OK || err == ERR_DUPLICATE ? "enigma emergency: STOP is set: no entry from now on, and execution, when it lives, closes everything; "
                         "`enigma-kill` does when it does not\n"
                       : "enigma emergency: STOP cannot be set either; run `enigma-kill`\n");
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
        rc = cli_connect(c, argv[0], "operator", &bus);
    if (rc == EXIT_OK && m.verb == VERB_EMERGENCY && !yes)
        rc = confirm_emergency();
    if (rc == EXIT_OK && m.verb == VERB_RESUME)
        rc = sign_resume(&m);
    if (rc != EXIT_OK) {
        client_close(&bus);
        return rc;
    }
    if (m.verb == VERB_CLOSE && nothing_to_close(bus, m.symbol)) {
        fprintf(stderr, "enigma close: refused: no position and no order is open in \"%.20s\"; `enigma positions` lists them\n", m.symbol);
        client_close(&bus);
        return EXIT_REFUSED;
    }
    enum party who = AGENT_COUNT;
    if (m.verb == VERB_RESTART && party_parse(m.agent, &who) == ERR_OK)
        client_wait(bus, 700, NULL, NULL);      /* its epoch now */
    int64_t epoch = who < AGENT_COUNT ? client_view(bus)->hb[who].epoch : 0;
    int err = client_ask(bus, AGENT_ORCHESTRATOR, MSG_OPERATOR_COMMAND, &m, MSG_OPERATOR_REPLY, &answer, ANSWER_MS, why);
    if (err < 0) {
        rc = cli_no_answer(argv[0], "the orchestrator", err, why);
        if (m.verb == VERB_EMERGENCY)
            set_latch(m.reason);
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
