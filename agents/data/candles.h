/* candles - closed bars of one symbol and timeframe: in memory, and in a file that outlives the process.
 *
 * File: knowledge-bank/candles/SYMBOL.TF, records of ROW_BYTES: i64 start (little-endian), five
 * decimals as their 16 bytes, u64 checksum (first half of BLAKE2b-128 over all before).  A record that
 * does not check, or does not follow the one before it, ends the file: it is cut there, and the venue is
 * asked for the rest.
 */
#ifndef AGENTS_DATA_CANDLES_H
#define AGENTS_DATA_CANDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/dec.h"

#define SERIES_MAX      4       /* timeframes */
#define SERIES_KEPT_MAX 8192    /* bars in memory, above warmup_bars */

struct row {
    int64_t start_ns;
    dec_t open, high, low, close, volume;
};

struct series {
    int64_t tf_ns;
    char path[128];
    struct row *rows;           /* oldest first */
    size_t n, size, kept;
    bool complete;              /* reached the present at least once */
    bool fetching;
    int64_t asked_ns;           /* market time of the last question */
    int64_t fetched_ns;         /* market time of the last fetch that brought nothing */
};

/* The running bar of the primary timeframe. */
struct live_bar {
    int64_t start_ns;           /* 0: none */
    dec_t open, high, low, close;
    dec_t volume;               /* lots of the matches heard */
    dec_t next_volume;          /* of matches of the following bar heard before its first push */
    int64_t next_start_ns;
    bool broken;                /* the stream was down meanwhile: volume by REST */
    bool confirming;
};

void series_init(struct series *q, const char *symbol, int64_t tf_ns, size_t kept);
void series_fini(struct series *q);
/* Read the file; a damaged end is cut.  Returns how many rows. */
size_t series_load(struct series *q);
/* ERR_DUPLICATE: not newer than the last.  Writes the file. */
int  series_append(struct series *q, const struct row *r);
/* Aggregate rows of src that cover [start, start + tf) wholly; false when one is missing. */
bool series_aggregate(const struct series *src, int64_t start_ns, int64_t tf_ns, struct row *ret);
/* Index of the first row that starts at or after from_ns. */
size_t series_find(const struct series *q, int64_t from_ns);
/* 0 < low <= open, close <= high, volume >= 0, start on the grid. */
bool row_is_good(const struct row *r, int64_t tf_ns);

#endif
