/* err - error codes and broken invariants.
 *
 * Functions that can fail return ERR_OK or a negative enum err.  An outcome (rejected, not ready) is
 * not an error; a broken invariant ends the process through must(), in every build.
 * Threads: callable from anywhere.
 */
#ifndef PROTO_ERR_H
#define PROTO_ERR_H

enum err_index {
#define ERR(name, text) ERR_INDEX_##name,
#include "proto/err.def"
#undef ERR
    ERR_INDEX_COUNT
};

enum err {
    ERR_OK = 0,
#define ERR(name, text) ERR_##name = -1 - ERR_INDEX_##name,
#include "proto/err.def"
#undef ERR
};

/* "RANGE" and "value out of range"; "OK" and "no error" for 0, "?" for what is no code.  Static. */
const char *err_name(int err);
const char *err_text(int err);

/* Print where and what, then abort(): state is not to be trusted any more. */
_Noreturn void must_fail(const char *file, int line, const char *expr);
#define must(expr) ((expr) ? (void)0 : must_fail(__FILE__, __LINE__, #expr))

#endif
