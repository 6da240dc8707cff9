/* tm - see tm.h */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/err.h"

#include "proto/tm.h"

/* Exactly `digits` digits. */
static int number(const char **p, int digits, int *ret)
{
    int v = 0;
    for (int i = 0; i < digits; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return ERR_SYNTAX;
        v = v * 10 + (**p - '0');
    }
    *ret = v;
    return ERR_OK;
}

static int literal(const char **p, char c)
{
    if (**p != c)
        return ERR_SYNTAX;
    (*p)++;
    return ERR_OK;
}

static int fraction(const char **p, int64_t *ret)
{
    int64_t unit = NS_PER_S / 10, v = 0;
    int n = 0;
    for (; **p >= '0' && **p <= '9' && n < 9; (*p)++, n++, unit /= 10)
        v += (**p - '0') * unit;
    *ret = v;
    return n > 0 ? ERR_OK : ERR_SYNTAX;
}

int tm_parse(const char *text, int64_t *ret)
{
    const char *p = text;
    int y, mo, d, h, mi, s = 0;
    int64_t ns = 0;
    if (number(&p, 4, &y) < 0 || literal(&p, '-') < 0 || number(&p, 2, &mo) < 0 ||
        literal(&p, '-') < 0 || number(&p, 2, &d) < 0 || literal(&p, 'T') < 0 ||
        number(&p, 2, &h) < 0 || literal(&p, ':') < 0 || number(&p, 2, &mi) < 0)
        return ERR_SYNTAX;
    if (*p == ':') {
        p++;
        if (number(&p, 2, &s) < 0)
            return ERR_SYNTAX;
        if (*p == '.') {
            p++;
            if (fraction(&p, &ns) < 0)
                return ERR_SYNTAX;
        }
    }
    if (literal(&p, 'Z') < 0 || *p != '\0')
        return ERR_SYNTAX;
    if (y < 1970 || y > 2261 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || s > 59)
        return ERR_RANGE;
    struct tm tm = {.tm_year = y - 1900, .tm_mon = mo - 1, .tm_mday = d, .tm_hour = h, .tm_min = mi,
                    .tm_sec = s};
    time_t t = timegm(&tm);
    if (tm.tm_mday != d)        /* 30 February became March */
        return ERR_RANGE;
    *ret = (int64_t)t * NS_PER_S + ns;
    return ERR_OK;
}

char *tm_format(int64_t ns, char buf[TM_TEXT_MAX])
{
    int64_t s = ns / NS_PER_S, rest = ns % NS_PER_S;
    if (rest < 0) {
        rest += NS_PER_S;
        s--;
    }
    time_t t = (time_t)s;
    struct tm tm;
    gmtime_r(&t, &tm);
    size_t n = strftime(buf, TM_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + n, TM_TEXT_MAX - n, ".%03dZ", (int)(rest / NS_PER_MS));
    return buf;
}

int64_t tm_day(int64_t ns)
{
    int64_t rest = ns % NS_PER_DAY;
    return ns - rest - (rest < 0 ? NS_PER_DAY : 0);
}

static const struct { const char *name; int64_t ns; } frames[] = {
    {"1m", NS_PER_MIN},  {"5m", 5 * NS_PER_MIN}, {"15m", 15 * NS_PER_MIN}, {"30m", 30 * NS_PER_MIN},
    {"1h", NS_PER_H},    {"4h", 4 * NS_PER_H},   {"1d", NS_PER_DAY},
};
#define FRAMES (sizeof frames / sizeof frames[0])

int tf_parse(const char *text, int64_t *ret_ns)
{
    for (size_t i = 0; i < FRAMES; i++) {
        if (strcmp(frames[i].name, text) == 0) {
            *ret_ns = frames[i].ns;
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}

const char *tf_name(int64_t tf_ns)
{
    for (size_t i = 0; i < FRAMES; i++)
        if (frames[i].ns == tf_ns)
            return frames[i].name;
    return "?";
}
