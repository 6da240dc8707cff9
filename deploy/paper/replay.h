/* replay - recorded markets from files, in ticks and lots: candles, trades, order books.
 *
 * Files:   candles  CSV of 1 m bars, libagent/candle_file.h: prints are made inside each bar (market.h)
 *          trades   CSV `ts_ms,side,price,size`, ascending: each row is a print, the bars are made of them
 *          books    *.jsonl or *.jsonl.gz, l2.h: the best REPLAY_LEVELS of a side, as they were; without
 *                   trades beside them a lot is printed at each move of the best prices
 * Rounds:  prices half-even to the contract's tick (of a book: away from the other side), sizes to lots,
 *          at least one lot a trade; candles at least 4.
 * Errors:  name file, line and rule.
 * Memory:  a value, zeroed at first; replay_free frees what the loads made.  Threads: one.
 */
#ifndef PAPER_REPLAY_H
#define PAPER_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deploy/paper/contracts.h"
#include "deploy/paper/l2.h"
#include "deploy/paper/synth.h"

#define REPLAY_LEVELS 90
#define REPLAY_MINUTE_MAX 32768  /* trades and changes of the book in a minute; a file with more is refused */

struct replay_bar { int64_t minute; struct bar bar; };
struct replay_trade { int64_t ns, px, lots; };

struct replay {
    struct replay_bar *bars;
    struct replay_trade *trades;        /* NULL: candles only */
    int64_t *book_ns;                   /* when the book changes; NULL: no book */
    size_t n, n_trades, n_books;
    char *book_path;
    struct l2_reader *reader;           /* stands at the book of the last market time */
    int64_t reader_ns;
};

/* paths: one file, or trades and a book as "A+B". */
int replay_load(const char *paths, const struct contract *c, struct replay *ret, char *msg,
                size_t msg_size);
void replay_free(struct replay *r);
/* The bar of that minute; lots 0 when the file has none. */
struct bar replay_bar(const struct replay *r, int64_t minute);
/* The first trade, or change of the book, not before ns; n_trades, n_books when there is none. */
size_t replay_trade_at(const struct replay *r, int64_t ns);
size_t replay_book_at(const struct replay *r, int64_t ns);
/* The book as it was at ns, which only grows, best first; false: none was recorded then. */
bool replay_book(struct replay *r, const struct contract *c, int64_t ns, struct level *bids,
                 size_t *ret_bids, struct level *asks, size_t *ret_asks);

#endif
