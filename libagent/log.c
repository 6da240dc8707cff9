/* log - see log.h
 *
 * The line is built in one buffer and leaves with one write(), so that lines of several processes
 * on the same pipe do not mix (PIPE_BUF is 4096, above LOG_LINE_MAX).
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/mp.h"

#include "libagent/log.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static const char *program = "?";
static enum log_level threshold = LEVEL_INFO;
static int64_t errors, warnings;

struct line {
    char   text[LOG_LINE_MAX];
    size_t len;
};

/* What ends every line; room for it is kept free. */
#define TAIL      "}\n"
#define TAIL_CUT  ",\"cut\":true}\n"
#define ROOM      (LOG_LINE_MAX - sizeof TAIL_CUT)

__attribute__((format(printf, 2, 3))) static int put(struct line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->text + l->len, ROOM - l->len, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= ROOM - l->len)
        return ERR_SIZE;
    l->len += (size_t)n;
    return ERR_OK;
}

/* Bytes of the UTF-8 character at s, 0 when there is none. */
static size_t character(const char *s)
{
    size_t most = strnlen(s, 4);
    for (size_t n = 1; n <= most; n++)
        if (mp_text_ok(s, n))
            return n;
    return 0;
}

/* JSON string; control characters travel as \u00XX, so that no byte of a log can act on a terminal, and
 * bytes that are no UTF-8 as the replacement character.  Other characters are kept: names are UTF-8. */
static int put_string(struct line *l, const char *s)
{
    int err = put(l, "\"");
    while (err == ERR_OK && *s != '\0') {
        const unsigned char c = (unsigned char)s[0], next = (unsigned char)s[1];
        size_t n = character(s);
        if (n == 0)
            err = put(l, "\\ufffd");
        else if (c == '"' || c == '\\')
            err = put(l, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            err = put(l, "\\u%04x", c);
        else if (c == 0xc2 && next < 0xa0)      /* U+0080 to U+009F */
            err = put(l, "\\u%04x", next);
        else
            err = put(l, "%.*s", (int)n, s);
        s += n > 0 ? n : 1;
    }
    return err == ERR_OK ? put(l, "\"") : err;
}

static int put_field(struct line *l, const struct log_field *f)
{
    int err = put(l, ",\"%s\":", f->key);
    if (err < 0)
        return err;
    switch (f->type) {
    case LOG_INT:
        return put(l, "%" PRId64, f->num);
    case LOG_DBL:
        return isfinite(f->dbl) ? put(l, "%.9g", f->dbl) : put(l, "null");
    case LOG_BOOL:
        return put(l, "%s", f->num ? "true" : "false");
    case LOG_TEXT:
        break;
    }
    return f->text != NULL ? put_string(l, f->text) : put(l, "null");
}

void log_init(const char *name)
{
    program = name;
}

int log_set_level(const char *level)
{
    for (int i = LEVEL_DEBUG; i <= LEVEL_ERROR; i++) {
        if (strcmp(level, level_names[i]) == 0) {
            threshold = (enum log_level)i;
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    errors += level == LEVEL_ERROR;
    warnings += level == LEVEL_WARN;
    if (level < threshold)
        return;

    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    struct tm tm;
    gmtime_r(&ts.tv_sec, &tm);
    char when[32];
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);

    struct line l = {.len = 0};
    put(&l, "{\"ts\":\"%s.%03ldZ\",\"level\":\"%s\",\"agent\":\"%s\",\"event\":\"%s\"", when,
        ts.tv_nsec / 1000000, level_names[level], program, event);
    const char *tail = TAIL;
    for (; fields->key != NULL; fields++) {
        size_t before = l.len;
        if (put_field(&l, fields) < 0) {
            l.len = before;     /* a whole field or none: the line stays JSON */
            tail = TAIL_CUT;
            break;
        }
    }
    memcpy(l.text + l.len, tail, strlen(tail));
    l.len += strlen(tail);
    ssize_t n = write(STDERR_FILENO, l.text, l.len);
    (void)n;                    /* there is nobody left to tell */
}

int64_t log_errors(void)
{
    return errors;
}

int64_t log_warnings(void)
{
    return warnings;
}
