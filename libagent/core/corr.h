/* corr - how alike two symbols move: Pearson's correlation of their 1 h log returns over 30 days.
 *
 * Closes are put together by their hour, never by their row; a return counts when both hours of it are
 * there for both symbols.  Fewer than CORR_COMMON_MIN common returns, or a series that does not move:
 * unknown, which every user counts as +1.
 * Output: finite, -1 ... 1.   Memory: plain, without pointers, may be saved as bytes.
 * Threads: pure functions.
 */
#ifndef CORE_CORR_H
#define CORE_CORR_H

#include <stdbool.h>
#include <stdint.h>

#define CORR_HOURS      720
#define CORR_COMMON_MIN 200
#define CORR_TF_NS      INT64_C(3600000000000)

struct corr_series {
    int64_t hour[CORR_HOURS + 1];   /* start / 1 h of the bar in place hour % (CORR_HOURS + 1); -1: none */
    double  log_close[CORR_HOURS + 1];
    int64_t newest;                 /* hour; -1: none */
};

void corr_init(struct corr_series *s);
/* A closed 1 h bar.  ERR_RANGE, state unchanged, for a close that is not finite and positive, a start that
 * is not a whole hour or negative, or a bar older than the window. */
int corr_push(struct corr_series *s, int64_t start_ns, double close);
/* Over the 30 days up to the older of the two newest hours.  ERR_EMPTY: unknown. */
int corr_rho(const struct corr_series *a, const struct corr_series *b, double *ret);
/* Together in a cluster: unknown rho (not in -1 ... 1) always, else rho x side x side >= min. */
bool corr_together(double rho, int side_a, int side_b, double min);

#endif
