/* candle_file - see candle_file.h */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto/err.h"

#include "libagent/candle_file.h"

#define HEADER   "ts_ms,open,high,low,close,volume"
#define FIELDS   6
#define TEXT_MAX 512
#define BUFFER   (1 << 17)

struct candle_file {
    gzFile gz;
    char *path, *msg;
    size_t msg_size;
    long line; /* the one just read, from 1 */
    int64_t tf_ns;
    struct candle last; /* tf_ns 0 before the first row */
};

static int fault(const struct candle_file *f, int err, const char *name, const char *text)
{
    snprintf(f->msg, f->msg_size, "%s:%ld: %s (%s)", f->path, f->line, text, name);
    return err;
}

static int bad_candle(const struct candle_file *f, enum candle_verdict v)
{
    return fault(f, ERR_SYNTAX, candle_verdict_name(v), candle_verdict_text(v));
}

/* 1: a line without its end; 0: there is none. */
static int read_line(struct candle_file *f, char text[TEXT_MAX])
{
    int zerr;

    f->line++;
    if (gzgets(f->gz, text, TEXT_MAX) == NULL) {
        gzerror(f->gz, &zerr);
        return zerr == Z_OK || zerr == Z_STREAM_END
                   ? 0
                   : fault(f, ERR_CORRUPT, "DAMAGED", "damaged gzip data");
    }
    const size_t len = strcspn(text, "\r\n");
    if (text[len] == '\0' && !gzeof(f->gz))
        return fault(f, ERR_SIZE, "LINE_TOO_LONG", "line too long");
    text[len] = '\0';
    return 1;
}

static int parse_row(const struct candle_file *f, const char *at, struct candle_row *ret)
{
    dec_t v[FIELDS];
    int64_t ms;

    for (int i = 0; i < FIELDS; i++) {
        const size_t len = strcspn(at, ",");
        const int err = dec_parse_n(at, len, &v[i]);
        if (err == ERR_RANGE)
            return bad_candle(f, CANDLE_OUT_OF_RANGE);
        if (err < 0)
            return fault(f, ERR_SYNTAX, "NOT_A_NUMBER", "not a plain decimal number");
        at += len;
        if ((*at == ',') != (i < FIELDS - 1))
            return fault(f, ERR_SYNTAX, "FIELDS", "not six fields");
        at += *at == ',';
    }
    if (dec_to_int(v[0], &ms) < 0 || ms > INT64_MAX / NS_PER_MS || ms < INT64_MIN / NS_PER_MS)
        return fault(f, ERR_SYNTAX, "NOT_A_NUMBER", "time is not a whole number of milliseconds");
    *ret = (struct candle_row){
        .c = {.start_ns = ms * NS_PER_MS,
              .tf_ns = f->tf_ns,
              .open = dec_to_double(v[1]),
              .high = dec_to_double(v[2]),
              .low = dec_to_double(v[3]),
              .close = dec_to_double(v[4]),
              .volume = dec_to_double(v[5])},
        .open = v[1],
        .high = v[2],
        .low = v[3],
        .close = v[4],
        .volume = v[5],
    };
    return ERR_OK;
}

int candle_file_open(const char *path, int64_t tf_ns, struct candle_file **ret, char *msg,
                     size_t msg_size)
{
    must(tf_ns > 0);
    struct candle_file *f = calloc(1, sizeof *f);
    must(f != NULL);
    char text[TEXT_MAX];
    int err;

    f->msg = msg;
    f->msg_size = msg_size;
    f->tf_ns = tf_ns;
    f->path = strdup(path);
    must(f->path != NULL);
    f->gz = gzopen(path, "rb");
    if (f->gz == NULL) {
        err = fault(f, ERR_IO, "CANNOT_OPEN", "cannot open");
        goto fail;
    }
    gzbuffer(f->gz, BUFFER);
    err = read_line(f, text);
    if (err < 0)
        goto fail;
    if (err == 0 || strcmp(text, HEADER) != 0) {
        err = fault(f, ERR_SYNTAX, "HEADER", "header is not " HEADER);
        goto fail;
    }
    *ret = f;
    return ERR_OK;
fail:
    candle_file_close(&f);
    return err;
}

int candle_file_next(struct candle_file *f, struct candle_row *ret)
{
    char text[TEXT_MAX];
    struct candle_row row;
    int err = read_line(f, text);

    if (err < 0)
        return err;
    if (err == 0)
        return f->last.tf_ns != 0 ? 0 : fault(f, ERR_EMPTY, "EMPTY", "no candles");
    err = parse_row(f, text, &row);
    if (err < 0)
        return err;
    const enum candle_verdict v =
        f->last.tf_ns == 0 ? candle_check(&row.c)
                           : candle_follows(&row.c, f->last.start_ns, f->last.tf_ns, f->last.close);
    if (v != CANDLE_OK && v != CANDLE_GAP) {
        err = bad_candle(f, v);
        if (v != CANDLE_JUMP)
            return err;
    }
    f->last = row.c;
    row.verdict = v;
    *ret = row;
    return 1;
}

void candle_file_close(struct candle_file **f)
{
    if (*f == NULL)
        return;
    if ((*f)->gz != NULL)
        gzclose((*f)->gz);
    free((*f)->path);
    free(*f);
    *f = NULL;
}

static int read_all(struct candle_file *f, struct candles *ret)
{
    struct candle_row row;
    size_t cap = 0;
    int err;

    while ((err = candle_file_next(f, &row)) > 0) {
        if (ret->n == cap) {
            cap = cap > 0 ? 2 * cap : 4096;
            ret->bar = realloc(ret->bar, cap * sizeof *ret->bar);
            must(ret->bar != NULL);
        }
        ret->bar[ret->n++] = row.c;
        ret->jumps += row.verdict == CANDLE_JUMP;
    }
    return err;
}

/* Gives every bar the timeframe that was asked for or, 0, the shortest distance there is. */
static int set_timeframe(struct candle_file *f, int64_t tf_ns, struct candles *c)
{
    const bool found = tf_ns == 0;

    for (size_t i = 1; found && i < c->n; i++) {
        const int64_t step_ns = c->bar[i].start_ns - c->bar[i - 1].start_ns;
        tf_ns = tf_ns == 0 || step_ns < tf_ns ? step_ns : tf_ns;
    }
    if (tf_ns == 0)
        return fault(f, ERR_SYNTAX, "NO_TIMEFRAME", "one row does not tell its timeframe");
    c->tf_ns = tf_ns;
    for (size_t i = 0; i < c->n; i++) {
        f->line = (long)i + 2;
        c->bar[i].tf_ns = tf_ns;
        if (c->bar[i].start_ns % tf_ns != 0)
            return bad_candle(f, CANDLE_UNALIGNED);
        c->gaps += i > 0 && c->bar[i].start_ns - c->bar[i - 1].start_ns != tf_ns;
    }
    return ERR_OK;
}

int candle_file_load(const char *path, int64_t tf_ns, struct candles *ret, char *msg,
                     size_t msg_size)
{
    struct candle_file *f;
    struct candles c = {0};
    int err = candle_file_open(path, tf_ns > 0 ? tf_ns : CANDLE_FILE_ANY_TF, &f, msg, msg_size);

    if (err < 0)
        return err;
    err = read_all(f, &c);
    if (err == ERR_OK)
        err = set_timeframe(f, tf_ns, &c);
    candle_file_close(&f);
    if (err < 0) {
        candles_free(&c);
        return err;
    }
    *ret = c;
    return ERR_OK;
}

void candles_free(struct candles *c)
{
    free(c->bar);
    *c = (struct candles){0};
}
