/* persist - the engine's log: frames of records, each frame whole or not there.
 *
 * File <dir>/engine.log: frames {u32 magic, u32 length, u32 crc32 of the body}, the body a run of
 * records {u32 type, u32 size, bytes}.  One commit is one frame and one write(): what an operation
 * changed is in the log together or not at all.  A torn or damaged tail is cut when opening; the
 * records are upserts, so a log can be rewritten as a shorter one holding only the present state.
 * File <dir>/engine.clock: two slots written in turn, so that one is always whole.
 * write() survives the process; persist_sync() makes it survive the machine.
 * Errors:  I/O errors end the process (PERSIST_EXIT, state.failed in the log): an exchange that cannot
 *          write must not answer.
 * Memory:  persist_open / persist_close.  Threads: one.
 */
#ifndef PAPER_PERSIST_H
#define PAPER_PERSIST_H

#include <stddef.h>
#include <stdint.h>

struct persist;

#define PERSIST_EXIT 70

typedef int (*persist_apply)(void *arg, uint32_t type, const void *data, size_t size);

/* Reads the whole log through apply (an error of apply ends it), cuts a bad tail. */
int persist_open(const char *dir, persist_apply apply, void *arg, struct persist **ret);
void persist_close(struct persist *p);
void persist_put(struct persist *p, uint32_t type, const void *data, size_t size);
/* Write what was put as one frame; nothing put: nothing written. */
void persist_commit(struct persist *p);
void persist_sync(struct persist *p);
size_t persist_size(const struct persist *p);   /* bytes of the log */
/* Start a new log; puts and commits go to it until persist_swap() puts it in the old one's place. */
void persist_renew(struct persist *p);
void persist_swap(struct persist *p);

#define CLOCK_SYMS 8
struct persist_clock { int64_t market_ns; int64_t sequence[CLOCK_SYMS]; };
void persist_clock_write(struct persist *p, const struct persist_clock *c);
/* ERR_NOT_FOUND when there is none. */
int persist_clock_read(const struct persist *p, struct persist_clock *ret);

#endif
