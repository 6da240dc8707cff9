/* reload - which configuration is in force, and what a change of it may do while the system runs.
 *
 * The operator edits CONFIG_FILE.  In force is COMMITTED_FILE: the bytes that were accepted last, behind a line with
 * their epoch and their hash.  `enigma up` commits CONFIG_FILE anew; `enigma reload` has it proposed to all agents
 * and committed when all of them accept it.  The rename of PROPOSED_FILE to COMMITTED_FILE is the whole commit:
 * before it the old configuration is in force, after it the new one, for who runs and for who starts.
 * Without a COMMITTED_FILE (programs started by hand) CONFIG_FILE is in force, as epoch 0.
 *
 * The directory is the instance's.
 * Errors:  ERR_CONFIG with a text for people in `why`.   Threads: any.
 */
#ifndef LIBAGENT_RELOAD_H
#define LIBAGENT_RELOAD_H

#include "libagent/config.h"
#include "proto/enums.h"

#define CONFIG_FILE    "etc/enigma.conf"
#define PROPOSED_FILE  "etc/proposed.conf"
#define COMMITTED_FILE "etc/committed.conf"

/* ---- files ---- */

const char *config_in_force(void);              /* COMMITTED_FILE, or CONFIG_FILE when there is none */

/* All sources: the file (of the three above; CONFIG_FILE may be missing), this process's environment, the arguments
 * "--key value" of an agent (argc 0: none); checked.  epoch may be NULL. */
int config_resolve(const char *file, int argc, char **argv, struct config **ret, int64_t *epoch,
                   char why[CONFIG_WHY_MAX]);

/* CONFIG_FILE as it is now becomes PROPOSED_FILE; hash is that of its bytes. */
int config_propose(int64_t epoch, char hash[20], char why[CONFIG_WHY_MAX]);
int config_bytes_hash(char hash[20], char why[CONFIG_WHY_MAX]);
int64_t config_epoch(void);                     /* of COMMITTED_FILE; 0: there is none */
int config_commit(char why[CONFIG_WHY_MAX]);    /* PROPOSED_FILE is in force; on disk */

/* ---- changes ---- */

enum change { CHANGE_NONE, CHANGE_FREE, CHANGE_TIGHTER, CHANGE_LOOSER, CHANGE_PAUSED, CHANGE_RESTART };

/* A limit that is written differently and means the same is TIGHTER: it loosens nothing. */
enum change config_change(const struct config *was, const struct config *now, enum cfg key);
/* What must be done before such a change may be made; NULL: it may be made now. */
const char *change_needs(enum change c, enum system_state state, bool by_operator);
const char *change_text(enum change c);         /* "FREE", "tighter", ... for people */

#endif
