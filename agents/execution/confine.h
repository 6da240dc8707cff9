/* confine - what a child that holds a secret gives up.
 *
 * confine_begin: at its start.  No new privileges, no core dump, not readable by others of its user; every
 *     descriptor but those named is closed; from here on no socket, no new process, no other program, nothing
 *     but files and the descriptors it has.
 * confine_end:   when it has read what it needs.  No file may be opened any more (Landlock and seccomp), and of
 *     the system calls only those of a table are left: reading, writing, waiting, clocks, memory that is not
 *     executable.  Refused calls fail with EPERM: the child goes on and says what it could not do.
 *
 * What the kernel does not offer is left out and named in what is returned; nothing here stops the work.
 * Needs no library: plain BPF and plain system calls; x86-64 and AArch64.
 * Threads: before the first one of the process.
 */
#ifndef AGENTS_EXECUTION_CONFINE_H
#define AGENTS_EXECUTION_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct confined {
    int32_t no_new_privs, no_dump, seccomp, landlock, files_closed;     /* 1: in force */
    int32_t ended;              /* 1: confine_end was called, no more comes */
};

/* keep: descriptors that stay, beside standard error. */
void confine_begin(const int *keep, size_t n, struct confined *ret);
/* uid 0: stay who we are; else become it, with its number as group, when started as root.  ERR_PERMISSION. */
int  confine_user(uid_t uid);
void confine_end(struct confined *ret);
/* "" when all of it is in force, else the words of what is not. */
void confine_missing(const struct confined *c, char *ret, size_t size);

#endif
