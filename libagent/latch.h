/* latch - the file STOP of an instance: while it is there nothing is entered (reliability.md c8).
 *
 * Whoever stops makes it: an agent that says emergency.stop, enigma-kill, `enigma emergency`, anybody's hand.
 * Execution, its signer and the orchestrator look for it each by itself, so that it works with all others dead.  Only
 * a resume that the operator signed takes it away, or the operator's hand.
 *
 * Errors:  negative enum err, and errno.   Memory: none.   Threads: any; in the instance's directory.
 */
#ifndef LIBAGENT_LATCH_H
#define LIBAGENT_LATCH_H

#include <stdint.h>

#define LATCH_FILE "STOP"
#define LATCH_TEXT 128

enum latch { LATCH_NONE, LATCH_SET, LATCH_UNKNOWN };

/* Only "no such file" means that there is none.  dir_fd: the instance's directory, or AT_FDCWD in it. */
enum latch latch_look(int dir_fd);

/* Make it, on disk, with a line that says when, who and why; empty it stops as well, so that a disk without room for
 * the line is no error.  ERR_DUPLICATE: it was there, and stays as it is.  ERR_IO: nobody can be sure of it. */
int latch_set(const char *who, const char *why);

/* Its line, without control characters; "" when there is none to read. */
void latch_text(char ret[LATCH_TEXT]);

/* Take it away, if it was last written before signed_ns (wall); none is none.  ERR_WRONG_STATE: it was written
 * later; ERR_IO: it cannot be taken away. */
int latch_clear(int64_t signed_ns);

#endif
