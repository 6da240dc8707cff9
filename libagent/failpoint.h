/* failpoint - places where a test makes the process end, to see what the next one makes of it.
 *
 * FAILPOINT(name) is nothing unless the build has -DFAILPOINTS (make V=failpoints).  There,
 * FAILPOINT=name:n ends the process with _exit(FAILPOINT_EXIT) at the n-th pass of that place; no
 * buffer is flushed and no handler runs, as with kill -9.  A test in one process sets failpoint_hook instead,
 * which is told of every pass.
 *
 * Threads: the loop's thread only.
 */
#ifndef LIBAGENT_FAILPOINT_H
#define LIBAGENT_FAILPOINT_H

#define FAILPOINT_EXIT 137

enum failpoint {
#define FAILPOINT_AT(name, where) FAILPOINT_##name,
#include "libagent/failpoint.def"
#undef FAILPOINT_AT
    FAILPOINT_COUNT
};

extern const char *const failpoint_names[FAILPOINT_COUNT];
extern void (*failpoint_hook)(enum failpoint at);       /* NULL: the environment decides */

void failpoint_pass(enum failpoint at);

#ifdef FAILPOINTS
#define FAILPOINT(name) failpoint_pass(FAILPOINT_##name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
