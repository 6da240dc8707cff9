/* candle_file - closed candles from CSV files, plain or gzip: ts_ms,open,high,low,close,volume.
 *
 * Format:  that header, then six plain decimals a row; ts_ms is the start of the bar in UTC
 *          milliseconds; rows ascend in time; a missing bar is a missing row.
 * Rules:   those of candle.h.  A row that breaks one is refused and ends the reading: one wrong bar
 *          makes every later indicator wrong.  Two only mark the row, and the caller decides: GAP,
 *          and JUMP, for recorded history holds such wicks (Coinbase, 15 April 2017: 0.06 USD for a
 *          bitcoin); of a JUMP msg tells the place.
 * Errors:  ERR_IO cannot open; ERR_CORRUPT damaged gzip data; ERR_SIZE line too long; ERR_EMPTY no
 *          candle; ERR_SYNTAX any other row.  msg then is "FILE:LINE: text (NAME)", NAME a candle
 *          verdict or CANNOT_OPEN, HEADER, FIELDS, NOT_A_NUMBER, LINE_TOO_LONG, DAMAGED, EMPTY,
 *          NO_TIMEFRAME.
 * Memory:  the reader holds one row; candle_file_load's array is freed by candles_free.
 * Threads: one reader, one thread.
 */
#ifndef LIBAGENT_CANDLE_FILE_H
#define LIBAGENT_CANDLE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "libagent/core/candle.h"
#include "proto/dec.h"
#include "proto/tm.h"

/* For a timeframe that does not matter: any start is aligned. */
#define CANDLE_FILE_ANY_TF NS_PER_MS

struct candle_row {
    struct candle c;                      /* for indicators */
    dec_t open, high, low, close, volume; /* the same, exactly as written */
    enum candle_verdict verdict;          /* CANDLE_OK, CANDLE_GAP or CANDLE_JUMP */
};

struct candle_file;

/* msg (kept, written on errors) outlives the reader.  tf_ns: of every row. */
int candle_file_open(const char *path, int64_t tf_ns, struct candle_file **ret, char *msg,
                     size_t msg_size);
/* 1 and the next row; 0 at the end; an error. */
int candle_file_next(struct candle_file *f, struct candle_row *ret);
void candle_file_close(struct candle_file **f); /* NULL inside is fine; leaves NULL */

struct candles {
    struct candle *bar;
    size_t n;
    size_t gaps, jumps; /* bars before which others are missing; bars marked JUMP */
    int64_t tf_ns;
};

/* A whole file.  tf_ns 0: the shortest distance of two rows (a file of one row then has none). */
int candle_file_load(const char *path, int64_t tf_ns, struct candles *ret, char *msg,
                     size_t msg_size);
void candles_free(struct candles *c);

#endif
