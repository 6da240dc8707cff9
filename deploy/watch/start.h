/* start - what supervisord runs in place of a program: it waits when the program has ended at once again and
 * again, then becomes it (exec: the same process id).
 *
 * A program that cannot run (a damaged journal, a port in use, a full disk) would else be started as often as
 * the machine can.  An end less than START_AT_ONCE_MS after the start counts; one that came later begins a new
 * count.  The waits are those of start_wait_ms: the first two restarts are immediate, so that a kill costs
 * nothing, and the longest is START_WAIT_MAX_MS for ever: when the cause goes, the program comes back by itself.
 * From START_FAILING ends on each start is said as an error.
 *
 * sock/NAME.starts holds "ENDS START_MS": ends at once in a row, and when (CLOCK_MONOTONIC) the program was, or
 * will be, started; `enigma status` shows it.
 */
#ifndef DEPLOY_WATCH_START_H
#define DEPLOY_WATCH_START_H

#include <stdint.h>

#define START_AT_ONCE_MS  300
#define START_FAILING     5
#define START_WAIT_MAX_MS 30000

/* Before the start that follows so many ends at once. */
int64_t start_wait_ms(int64_t ends);
/* argv: NAME PROGRAM ARG...; in the instance's directory.  Returns only when PROGRAM cannot be run: 127. */
int start_program(char **argv);

#endif
