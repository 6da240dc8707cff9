/* Two passes, means first: with at most 720 returns exactness beats a running sum. */
#include <math.h>

#include "proto/err.h"

#include "libagent/core/corr.h"

#define PLACES (CORR_HOURS + 1)

void corr_init(struct corr_series *s)
{
    *s = (struct corr_series){.newest = -1};
    for (int i = 0; i < PLACES; i++)
        s->hour[i] = -1;
}

int corr_push(struct corr_series *s, int64_t start_ns, double close)
{
    int64_t hour = start_ns / CORR_TF_NS;
    if (start_ns < 0 || start_ns % CORR_TF_NS != 0 || !(close > 0) || !isfinite(close))
        return ERR_RANGE;
    if (s->newest >= 0 && hour <= s->newest - PLACES)
        return ERR_RANGE;
    s->hour[hour % PLACES] = hour;
    s->log_close[hour % PLACES] = log(close);
    if (hour > s->newest)
        s->newest = hour;
    return ERR_OK;
}

static bool corr_return(const struct corr_series *s, int64_t hour, double *ret)
{
    if (hour < 1 || s->hour[hour % PLACES] != hour || s->hour[(hour - 1) % PLACES] != hour - 1)
        return false;
    *ret = s->log_close[hour % PLACES] - s->log_close[(hour - 1) % PLACES];
    return true;
}

int corr_rho(const struct corr_series *a, const struct corr_series *b, double *ret)
{
    double x[CORR_HOURS], y[CORR_HOURS], mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    int64_t newest = a->newest < b->newest ? a->newest : b->newest;
    int n = 0;
    for (int64_t h = newest - CORR_HOURS + 1; h <= newest; h++) {
        if (!corr_return(a, h, &x[n]) || !corr_return(b, h, &y[n]))
            continue;
        mx += x[n];
        my += y[n];
        n++;
    }
    if (n < CORR_COMMON_MIN)
        return ERR_EMPTY;
    mx /= n;
    my /= n;
    for (int i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    /* Rounding leaves about n (2^-52 log close)^2 of a flat series. */
    if (!(xx > n * 1e-26) || !(yy > n * 1e-26))
        return ERR_EMPTY;
    double rho = xy / sqrt(xx * yy);
    *ret = rho > 1 ? 1 : rho < -1 ? -1 : rho;
    return ERR_OK;
}

bool corr_together(double rho, int side_a, int side_b, double min)
{
    return !(fabs(rho) <= 1) || rho * side_a * side_b >= min;
}
