/* leftovers - processes of the instance that outlived their process manager.
 *
 * A supervisord that is killed leaves its children running, without the instance's lock.  They are known by
 * where they run (the instance's directory or below) and what they are (its programs).
 */
#ifndef DEPLOY_CLI_LEFTOVERS_H
#define DEPLOY_CLI_LEFTOVERS_H

#include <stdint.h>

/* In the instance's directory: how many run there now, with or without their process manager. */
int leftovers_count(void);
/* In the instance's directory, its supervisord gone.  SIGTERM to each, SIGKILL to those that are still
 * there after ms; returns how many there were. */
int leftovers_end(int64_t ms);

#endif
