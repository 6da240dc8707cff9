/* tm - moments and spans: UTC nanoseconds since 1970 in int64_t (until 2262).
 *
 * Text: ISO 8601 in UTC, "2024-08-04T22:00Z", seconds and up to nine fraction digits optional.
 * Timeframes: "1m" "5m" "15m" "30m" "1h" "4h" "1d".
 */
#ifndef PROTO_TM_H
#define PROTO_TM_H

#include <stdint.h>

#define NS_PER_US  1000LL
#define NS_PER_MS  1000000LL
#define NS_PER_S   1000000000LL
#define NS_PER_MIN (60 * NS_PER_S)
#define NS_PER_H   (3600 * NS_PER_S)
#define NS_PER_DAY (24 * NS_PER_H)

#define TM_TEXT_MAX 32

/* ERR_SYNTAX; ERR_RANGE for a date that does not exist or lies outside 1970 ... 2261. */
int tm_parse(const char *text, int64_t *ret);
/* "2024-08-04T22:00:00.000Z"; returns buf. */
char *tm_format(int64_t ns, char buf[TM_TEXT_MAX]);
/* The UTC day that holds ns, as its first nanosecond. */
int64_t tm_day(int64_t ns);

int tf_parse(const char *text, int64_t *ret_ns);            /* ERR_UNKNOWN */
const char *tf_name(int64_t tf_ns);                         /* "?" for another span */

#endif
