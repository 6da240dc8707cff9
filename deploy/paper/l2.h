/* l2 - recorded order books: JSON lines of snapshots and deltas, and the book they make.
 *
 * Format:  plain or gzip, one object a line: {"type": "snapshot", "ts_ms", "last_id", "bids":
 * [["price", "size"], ...], "asks"} and {"type": "delta", "ts_ms", "first_id" (absent: last_id),
 * "last_id", "prev_id" (or absent), "bids", "asks"}; sizes are absolute, "0" takes the level away;
 * other members are ignored. Rule:    deltas up to the snapshot's last_id are dropped, those that
 * came before its line and reach further are applied after it; the first one must reach the
 * snapshot (first_id <= last_id + 1, or prev_id <= last_id), each later one continue the one before
 * (prev_id, or first_id - 1, equal to its last_id).  Else the book is not whole until the next
 * snapshot. Units:   prices and sizes in 10^-8, exactly. Errors:  ERR_IO, ERR_CORRUPT damaged gzip,
 * ERR_SIZE line too long, ERR_SYNTAX, ERR_RANGE; msg is "FILE:LINE: text". Memory:  l2_open /
 * l2_close.  Threads: one.
 */
#ifndef PAPER_L2_H
#define PAPER_L2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define L2_UNIT_PLACES 8
#define L2_LINE_MAX    (1 << 20)
#define L2_LEVELS_MAX  65536 /* of a side */
#define L2_PENDING_MAX 1024  /* deltas before the snapshot */

struct l2_level {
    int64_t px, size;
};

struct l2_side {
    struct l2_level *at;
    size_t n, cap;
}; /* best first */

struct l2 {
    struct l2_side side[2]; /* bids, asks */
    bool whole;             /* a snapshot and every delta since */
    int64_t ts_ms, last_id; /* of what was applied last */
    size_t breaks;          /* deltas that did not continue the book */
    size_t applied;
};

struct l2_reader;

int l2_open(const char *path, struct l2_reader **ret, char *msg, size_t msg_size);
void l2_close(struct l2_reader **r);
/* Apply the next delta or snapshot that changes the book: 1, 0 at the end, or an error. */
int l2_next(struct l2_reader *r);
const struct l2 *l2_book(const struct l2_reader *r);

/* A plain decimal in 10^-8: ERR_SYNTAX, ERR_RANGE when digits would be lost or it is negative. */
int l2_number(const char *text, int64_t *ret);

#endif
