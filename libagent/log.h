/* log - JSON lines on standard error: one line, one fact.
 *
 *     log_info("order.placed", LOG_S("cl_ord_id", id), LOG_I("lots", 3));
 * prints {"ts":"2026-01-01T00:00:00.000Z","level":"info","agent":"risk","event":"order.placed",...}
 *
 * Levels: error - somebody must act; warn - went wrong, and the line says what we did; info - states
 * and money; debug - the rest.  Keys, secrets and signatures are never printed.
 * Text is escaped; lines longer than LOG_LINE_MAX are cut and say so.  Library code returns errors
 * and does not log.  Threads: the loop's thread only.
 */
#ifndef LIBAGENT_LOG_H
#define LIBAGENT_LOG_H

#include <stdint.h>

#define LOG_LINE_MAX 2048

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };

struct log_field {
    const char *key;            /* NULL ends the list */
    enum { LOG_TEXT, LOG_INT, LOG_DBL, LOG_BOOL } type;
    const char *text;
    int64_t     num;
    double      dbl;
};
#define LOG_S(k, v) { .key = (k), .type = LOG_TEXT, .text = (v) }
#define LOG_I(k, v) { .key = (k), .type = LOG_INT, .num = (int64_t)(v) }
#define LOG_F(k, v) { .key = (k), .type = LOG_DBL, .dbl = (v) }
#define LOG_B(k, v) { .key = (k), .type = LOG_BOOL, .num = (v) ? 1 : 0 }

/* Every line carries the program's name; level as text (debug, info, warn, error).
 * log_set_level: ERR_UNKNOWN for another word. */
void log_init(const char *program);
int  log_set_level(const char *level);

void log_write(enum log_level level, const char *event, const struct log_field *fields);
#define LOG_NONE { .key = 0 }   /* for a line without fields: C11 wants at least one argument */
#define LOG_FIELDS(...) (const struct log_field[]){ __VA_ARGS__, { .key = 0 } }
#define log_debug(event, ...) log_write(LEVEL_DEBUG, event, LOG_FIELDS(__VA_ARGS__))
#define log_info(event, ...)  log_write(LEVEL_INFO,  event, LOG_FIELDS(__VA_ARGS__))
#define log_warn(event, ...)  log_write(LEVEL_WARN,  event, LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...) log_write(LEVEL_ERROR, event, LOG_FIELDS(__VA_ARGS__))

/* Lines written so far at level error, and at warn: for heartbeats. */
int64_t log_errors(void);
int64_t log_warnings(void);

#endif
