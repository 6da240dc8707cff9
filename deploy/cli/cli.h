/* cli - what the verbs of `enigma` share.
 *
 * A verb is a function of its arguments (argv[0] is its name); the instance is known, its directory not
 * entered yet.  Exit codes: 0 ok, 1 failed, 2 usage, 3 not running, 4 configuration, 5 timed out,
 * 6 refused.  Verbs say what went wrong on standard error: the thing, the value, the limit, the mend.
 */
#ifndef DEPLOY_CLI_H
#define DEPLOY_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libagent/config.h"

enum exit_code {
    EXIT_OK, EXIT_FAILED, EXIT_BAD_USAGE, EXIT_NOT_RUNNING, EXIT_BAD_CONFIG, EXIT_TIMED_OUT, EXIT_REFUSED,
};

struct cli {
    const char *instance;       /* as given: -i DIR */
    char bin[512];              /* the directory of this program and its siblings */
};

int verb_up(struct cli *c, int argc, char **argv);
int verb_down(struct cli *c, int argc, char **argv);
int verb_status(struct cli *c, int argc, char **argv);
int verb_sniff(struct cli *c, int argc, char **argv);
int verb_logs(struct cli *c, int argc, char **argv);
int verb_command(struct cli *c, int argc, char **argv);     /* pause resume stop flatten close emergency restart */
int verb_reload(struct cli *c, int argc, char **argv);
int verb_positions(struct cli *c, int argc, char **argv);
int verb_trades(struct cli *c, int argc, char **argv);
int verb_orders(struct cli *c, int argc, char **argv);
int verb_funnel(struct cli *c, int argc, char **argv);
int verb_doctor(struct cli *c, int argc, char **argv);
int verb_config(struct cli *c, int argc, char **argv);
int verb_keys(struct cli *c, int argc, char **argv);
int verb_indicators(struct cli *c, int argc, char **argv);
int verb_backtest(struct cli *c, int argc, char **argv);

struct client;

/* Enter the instance's directory.  EXIT_OK, or EXIT_NOT_RUNNING with a message when there is none. */
int cli_enter(const struct cli *c);
/* Is the instance's lock held?  In its directory. */
bool cli_running(void);
/* Enter it, see that it runs, if without its process manager, and go on the bus as operator or guest.  EXIT_...
 * with a message. */
int cli_connect(const struct cli *c, const char *verb, const char *as, struct client **ret);
/* The operator's signature, for the account of the configuration in force; EXIT_BAD_CONFIG with a message.  In the
 * instance's directory. */
struct resume;
int cli_sign(const char *verb, struct resume *r, uint8_t *ret);     /* RESUME_SIGNATURE bytes */
/* What etc/enigma.conf says that is not in force, for people; "" when that is nothing.  In the instance's directory. */
void cli_config_pending(char ret[CONFIG_WHY_MAX]);
/* Say that an agent did not answer (err and why of client_ask); EXIT_TIMED_OUT, EXIT_FAILED. */
int cli_no_answer(const char *verb, const char *who, int err, const char *why);

/* Arguments; argv[0] is the verb.  What is taken is removed. */
bool cli_flag(int *argc, char **argv, const char *name);
/* "NAME VALUE": *ret untouched when it is not there; EXIT_BAD_USAGE with a message without a value. */
int cli_value(int *argc, char **argv, const char *name, const char **ret);
/* "-n N": likewise; 1 to 1000000. */
int cli_count(int *argc, char **argv, int64_t *ret);
/* Complain about an argument nobody knows: EXIT_BAD_USAGE. */
int cli_unknown(const char *verb, const char *argument);

#endif
