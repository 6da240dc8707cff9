/* funding_file - see funding_file.h */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/cli/funding_file.h"

#define HEADER   "ts_ms,rate"
#define TEXT_MAX 128

/* NULL, or what is wrong with the row. */
static const char *parse(const char *text, int64_t last_ns, struct backtest_funding *ret)
{
    const char *comma = strchr(text, ',');
    int64_t ms;
    dec_t at;
    if (comma == NULL)
        return "not two fields";
    if (dec_parse_n(text, (size_t)(comma - text), &at) < 0 || dec_to_int(at, &ms) < 0 || ms < 0 ||
        ms > INT64_MAX / NS_PER_MS)
        return "time is not a whole number of milliseconds";
    if (dec_parse(comma + 1, &ret->rate) < 0 || dec_gt(dec_abs(ret->rate), dec_int(1)))
        return "the rate is no plain decimal within -1 ... 1";
    ret->ns = ms * NS_PER_MS;
    return ret->ns > last_ns ? NULL : "time does not ascend";
}

/* 1: a line; 0: there is none.  A file that was cut off ends within a line or with an error. */
static int next_line(gzFile gz, char text[TEXT_MAX], const char **why)
{
    int zerr;
    const bool got = gzgets(gz, text, TEXT_MAX) != NULL;
    const size_t len = got ? strcspn(text, "\r\n") : 0;
    if (!got || text[len] == '\0') {
        gzerror(gz, &zerr);
        *why = "damaged gzip data";
        if (zerr != Z_OK && zerr != Z_STREAM_END)
            return ERR_CORRUPT;
    }
    if (!got)
        return 0;
    *why = "line too long";
    if (text[len] == '\0' && !gzeof(gz))
        return ERR_SYNTAX;
    text[len] = '\0';
    return 1;
}

static int read_rows(gzFile gz, struct backtest_funding **ret, size_t *n, long *line,
                     const char **why)
{
    char text[TEXT_MAX];
    size_t room = 0;
    for (int err; (err = next_line(gz, text, why)) != 0;) {
        ++*line;
        if (err < 0)
            return err;
        *why = "the header is not " HEADER;
        if (*line == 1 && strcmp(text, HEADER) != 0)
            return ERR_SYNTAX;
        if (*line == 1)
            continue;
        if (*n == room) {
            room = room > 0 ? 2 * room : 256;
            *ret = realloc(*ret, room * sizeof **ret);
            must(*ret != NULL);
        }
        *why = parse(text, *n > 0 ? (*ret)[*n - 1].ns : -1, &(*ret)[*n]);
        if (*why != NULL)
            return ERR_SYNTAX;
        ++*n;
    }
    *why = "no rate in the file";
    return *n > 0 ? ERR_OK : ERR_EMPTY;
}

int funding_file_load(const char *path, struct backtest_funding **ret, size_t *n, char *msg,
                      size_t msg_size)
{
    struct backtest_funding *rows = NULL;
    size_t count = 0;
    long line = 0;
    const char *why = NULL;
    gzFile gz = gzopen(path, "rb");
    if (gz == NULL) {
        snprintf(msg, msg_size, "%s: cannot be opened", path);
        return ERR_IO;
    }
    const int err = read_rows(gz, &rows, &count, &line, &why);
    gzclose(gz);
    if (err < 0) {
        snprintf(msg, msg_size, "%s:%ld: %s", path, line, why);
        free(rows);
        return err;
    }
    *ret = rows;
    *n = count;
    return ERR_OK;
}
