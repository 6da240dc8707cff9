/* watchdog - ends a process whose loop has stopped turning.
 *
 * A timer signal looks every second whether watchdog_kick() was called; after `seconds` without it the
 * process says so on standard error and ends with status 70, so that the process manager starts it
 * again from known state.  One per process.
 */
#ifndef LIBAGENT_WATCHDOG_H
#define LIBAGENT_WATCHDOG_H

#include <stdint.h>

void watchdog_start(int64_t seconds, const char *program);
void watchdog_kick(void);
void watchdog_stop(void);

#endif
