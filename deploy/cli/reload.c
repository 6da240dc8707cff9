/* reload - `enigma reload`, and what the file says that is not in force; see cli.h */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "libagent/reload.h"
#include "proto/err.h"
#include "proto/resume.h"
#include "proto/text.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/client.h"

#define ANSWER_MS 15000         /* all agents are asked, and then follow */

/* File and line of what nobody could read need no running system.  In the instance's directory. */
static int check_file(char hash[20])
{
    char why[CONFIG_WHY_MAX];
    struct config *c = config_new();
    int err = access(CONFIG_FILE, F_OK) == 0 ? config_read_file(c, CONFIG_FILE, why) : ERR_OK;
    config_destroy(&c);
    if (err == ERR_OK)
        err = config_bytes_hash(hash, why);
    if (err == ERR_OK)
        return EXIT_OK;
    fprintf(stderr, "enigma reload: %s; nothing was changed\n", why);
    return EXIT_BAD_CONFIG;
}

static int sign(struct msg_config_reload *m)
{
    struct resume r = {.issued_ns = wall_ns(), .reload = true};
    TEXT_COPY(r.reason, m->file_hash);
    if (access("etc/keys/operator.sign", F_OK) != 0)
        return EXIT_OK;         /* enough for what loosens nothing */
    m->signed_ns = r.issued_ns;
    m->signature_len = RESUME_SIGNATURE;
    return cli_sign("reload", &r, m->signature);
}

static int print_answer(const struct msg_config_reloaded *m)
{
    for (size_t i = 0; i < m->changes_n; i++) {
        const struct sub_config_change *c = &m->changes[i];
        printf("%-24s %s -> %s  (%s)%s%s\n", c->name, *c->was ? c->was : "(empty)", *c->now ? c->now : "(empty)",
               c->change, *c->needs ? "  refused: " : "", c->needs);
    }
    fflush(stdout);
    if (!m->accepted) {
        fprintf(stderr, "enigma reload: refused: %s\n", m->text);
        return EXIT_REFUSED;
    }
    printf("reload: %s (%s; configuration %s, in force: epoch %lld)\n", m->text, system_state_name(m->system_state),
           m->hash, (long long)m->config_epoch);
    return EXIT_OK;
}

int verb_reload(struct cli *c, int argc, char **argv)
{
    struct msg_config_reload m = {.dry_run = cli_flag(&argc, argv, "--dry-run")};
    static struct msg_config_reloaded answer;
    struct client *bus = NULL;
    char why[256];
    if (argc > 1)
        return cli_unknown("reload", argv[1]);
    int rc = cli_connect(c, "reload", "operator", &bus);
    if (rc == EXIT_OK)
        rc = check_file(m.file_hash);
    if (rc == EXIT_OK)
        rc = sign(&m);
    if (rc == EXIT_OK) {
        int err = client_ask(bus, AGENT_ORCHESTRATOR, MSG_CONFIG_RELOAD, &m, MSG_CONFIG_RELOADED, &answer, ANSWER_MS, why);
        rc = err < 0 ? cli_no_answer("reload", "the orchestrator", err, why) : print_answer(&answer);
    }
    client_close(&bus);
    return rc;
}

void cli_config_pending(char ret[CONFIG_WHY_MAX])
{
    struct config *was = NULL, *now = NULL;
    char why[CONFIG_WHY_MAX];
    int n = 0, first = 0;
    *ret = '\0';
    if (config_resolve(config_in_force(), 0, NULL, &was, NULL, ret) < 0)
        return;
    if (config_resolve(CONFIG_FILE, 0, NULL, &now, NULL, why) < 0) {
        snprintf(ret, CONFIG_WHY_MAX, "not in force: %.200s", why);
    } else {
        for (int i = CFG_COUNT - 1; i >= 0; i--)
            if (config_change(was, now, (enum cfg)i) != CHANGE_NONE) {
                first = i;
                n++;
            }
        char more[24] = "";
        if (n > 1)
            snprintf(more, sizeof more, " and %d more", n - 1);
        if (n > 0)
            snprintf(ret, CONFIG_WHY_MAX, "not in force: %s = %.80s%s of " CONFIG_FILE "; `enigma reload`",
                     config_keys[first].name, config_text(now, (enum cfg)first), more);
    }
    config_destroy(&was);
    config_destroy(&now);
}
