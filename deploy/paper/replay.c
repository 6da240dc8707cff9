/* replay - see replay.h */
#include "deploy/paper/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "libagent/candle_file.h"
#include "proto/err.h"

#define MIN_LOTS 4
#define ROW_MAX 256
#define PATHS_MAX 1024

/* Ticks of a price, half-even; at least one. */
static bool to_ticks(dec_t px, const struct contract *c, int64_t *ret)
{
    return dec_to_int(dec_quo(dec_round_to(px, c->tick, DEC_HALF_EVEN), c->tick), ret) == ERR_OK && *ret > 0;
}

static bool to_bar(const struct candle_row *row, const struct contract *c, struct replay_bar *ret)
{
    struct bar b;
    if (!to_ticks(row->open, c, &b.open) || !to_ticks(row->high, c, &b.high) ||
        !to_ticks(row->low, c, &b.low) || !to_ticks(row->close, c, &b.close) ||
        dec_to_int(dec_round_places(dec_quo(row->volume, c->multiplier), 0, DEC_HALF_EVEN), &b.lots) != ERR_OK)
        return false;
    b.lots = b.lots < MIN_LOTS ? MIN_LOTS : b.lots;
    *ret = (struct replay_bar){row->c.start_ns / NS_PER_MIN, b};
    return true;
}

static int load_candles(const char *path, const struct contract *c, struct replay *r, char *msg,
                        size_t msg_size)
{
    struct candle_file *f;
    struct candle_row row;
    size_t cap = 0;
    int err = candle_file_open(path, NS_PER_MIN, &f, msg, msg_size);
    if (err != ERR_OK)
        return err;
    while ((err = candle_file_next(f, &row)) > 0) {
        if (r->n == cap) {
            cap = cap ? cap * 2 : 65536;
            r->bars = realloc(r->bars, cap * sizeof *r->bars);
            must(r->bars != NULL);
        }
        if (!to_bar(&row, c, &r->bars[r->n])) {
            snprintf(msg, msg_size, "%s:%zu: price or volume beyond the contract's range", path, r->n + 2);
            err = ERR_RANGE;
            break;
        }
        r->n++;
    }
    candle_file_close(&f);
    return err;
}

/* ---- trades ---- */

static void add_trade(struct replay *r, size_t *cap, int64_t ns, int64_t px, int64_t lots)
{
    if (r->n_trades == *cap) {
        *cap = *cap ? *cap * 2 : 65536;
        r->trades = realloc(r->trades, *cap * sizeof *r->trades);
        must(r->trades != NULL);
    }
    r->trades[r->n_trades++] = (struct replay_trade){ns, px, lots};
}

/* NULL, or what is wrong with the row. */
static const char *take_row(char *row, const struct contract *c, struct replay *r, size_t *cap)
{
    char *save = NULL, *end;
    const char *ts = strtok_r(row, ",\r\n", &save), *side = strtok_r(NULL, ",\r\n", &save);
    const char *price = strtok_r(NULL, ",\r\n", &save), *size = strtok_r(NULL, ",\r\n", &save);
    dec_t px, qty;
    int64_t ticks, lots;
    if (size == NULL || strtok_r(NULL, ",\r\n", &save) != NULL)
        return "want ts_ms,side,price,size (FIELDS)";
    long long ms = strtoll(ts, &end, 10);
    if (*end != '\0' || ms <= 0 || ms > INT64_MAX / 1000000 - 60000)
        return "ts_ms is no time in milliseconds (NOT_A_NUMBER)";
    if (strcmp(side, "buy") != 0 && strcmp(side, "sell") != 0)
        return "side must be buy or sell (SIDE)";
    if (dec_parse(price, &px) != ERR_OK || dec_parse(size, &qty) != ERR_OK || dec_sign(qty) <= 0)
        return "price and size must be numbers above 0 (NOT_A_NUMBER)";
    if (!to_ticks(px, c, &ticks) ||
        dec_to_int(dec_round_places(dec_quo(qty, c->multiplier), 0, DEC_HALF_EVEN), &lots) != ERR_OK)
        return "price or size beyond the contract's range (RANGE)";
    int64_t ns = ms * 1000000;
    if (r->n_trades > 0 && ns < r->trades[r->n_trades - 1].ns / 1000000 * 1000000)
        return "earlier than the row before (ORDER)";
    if (r->n_trades > 0 && ns <= r->trades[r->n_trades - 1].ns)
        ns = r->trades[r->n_trades - 1].ns + 1;         /* several in one millisecond: in their order */
    add_trade(r, cap, ns, ticks, lots > 0 ? lots : 1);
    return NULL;
}

static int load_trades(const char *path, const struct contract *c, struct replay *r, char *msg,
                       size_t msg_size)
{
    char row[ROW_MAX];
    size_t cap = 0, line = 1;
    gzFile f = gzopen(path, "re");
    int err = f != NULL && gzgets(f, row, sizeof row) != NULL ? ERR_OK : ERR_IO;
    const char *wrong = err == ERR_OK ? NULL : "cannot be read (CANNOT_OPEN)";
    while (err == ERR_OK && gzgets(f, row, sizeof row) != NULL) {
        line++;
        wrong = strchr(row, '\n') == NULL && !gzeof(f) ? "line too long (LINE_TOO_LONG)" : take_row(row, c, r, &cap);
        err = wrong != NULL ? ERR_SYNTAX : ERR_OK;
    }
    int state = Z_OK;
    if (err == ERR_OK && (gzerror(f, &state), state != Z_OK && state != Z_STREAM_END)) {
        err = ERR_CORRUPT;
        wrong = "damaged data (DAMAGED)";
    } else if (err == ERR_OK && r->n_trades == 0) {
        err = ERR_EMPTY;
        wrong = "no trade (EMPTY)";
    }
    if (f != NULL)
        gzclose(f);
    if (err != ERR_OK)
        snprintf(msg, msg_size, "%s:%zu: %s", path, line, wrong);
    return err;
}

static void bars_of_trades(struct replay *r)
{
    size_t cap = 0;
    for (size_t i = 0; i < r->n_trades; i++) {
        const struct replay_trade *t = &r->trades[i];
        int64_t minute = t->ns / NS_PER_MIN;
        if (r->n == 0 || r->bars[r->n - 1].minute != minute) {
            if (r->n == cap) {
                cap = cap ? cap * 2 : 1024;
                r->bars = realloc(r->bars, cap * sizeof *r->bars);
                must(r->bars != NULL);
            }
            r->bars[r->n++] = (struct replay_bar){minute, {t->px, t->px, t->px, t->px, 0}};
        }
        struct bar *b = &r->bars[r->n - 1].bar;
        b->high = t->px > b->high ? t->px : b->high;
        b->low = t->px < b->low ? t->px : b->low;
        b->close = t->px;
        b->lots += t->lots;
    }
}

/* ---- books ---- */

/* One side in ticks and lots; levels that fall on one tick are one. */
static size_t to_levels(const struct l2_side *s, int side, const struct contract *c, struct level *ret)
{
    const dec_t unit = dec_scaled(1, -L2_UNIT_PLACES);
    int64_t tick, lot;
    size_t n = 0;
    must(dec_to_int(dec_quo(c->tick, unit), &tick) == ERR_OK &&
         dec_to_int(dec_quo(c->multiplier, unit), &lot) == ERR_OK);
    for (size_t i = 0; i < s->n; i++) {
        int64_t px = side == 0 ? s->at[i].px / tick : (s->at[i].px + tick - 1) / tick;
        int64_t lots = s->at[i].size / lot;
        if (n > 0 && ret[n - 1].px == px) {
            ret[n - 1].lots += lots;
        } else if (lots > 0 && px > 0) {
            if (n == REPLAY_LEVELS)
                break;
            ret[n++] = (struct level){px, lots};
        }
    }
    return n;
}

/* Without trades: a lot at the price to which the best ones moved. */
static void print_moves(struct replay *r, size_t *cap, int64_t ns, struct level bid, struct level ask,
                        const struct level was[2])
{
    if (bid.px != was[0].px || ask.px != was[1].px)
        add_trade(r, cap, ns, bid.px + ask.px > was[0].px + was[1].px ? ask.px : bid.px, 1);
}

static int load_books(const char *path, const struct contract *c, struct replay *r, bool alone, char *msg,
                      size_t msg_size)
{
    struct l2_reader *l2;
    struct level bids[REPLAY_LEVELS], asks[REPLAY_LEVELS], was[2] = {{0, 0}, {0, 0}};
    size_t cap = 0, trades_cap = 0;
    int err = l2_open(path, &l2, msg, msg_size);
    if (err != ERR_OK)
        return err;
    while ((err = l2_next(l2)) > 0) {
        int64_t ns = l2_book(l2)->ts_ms * 1000000;
        if (r->n_books > 0 && ns <= r->book_ns[r->n_books - 1])
            ns = r->book_ns[r->n_books - 1] + 1;
        if (r->n_books == cap) {
            cap = cap ? cap * 2 : 65536;
            r->book_ns = realloc(r->book_ns, cap * sizeof *r->book_ns);
            must(r->book_ns != NULL);
        }
        r->book_ns[r->n_books++] = ns;
        if (alone && to_levels(&l2_book(l2)->side[0], 0, c, bids) > 0 &&
            to_levels(&l2_book(l2)->side[1], 1, c, asks) > 0 && bids[0].px < asks[0].px) {
            print_moves(r, &trades_cap, ns + 1, bids[0], asks[0], was);
            was[0] = bids[0];
            was[1] = asks[0];
        }
    }
    if (err == 0 && r->n_books == 0) {
        snprintf(msg, msg_size, "%s: no snapshot (EMPTY)", path);
        err = ERR_EMPTY;
    }
    l2_close(&l2);
    r->book_path = strdup(path);
    must(r->book_path != NULL);
    return err;
}

/* The next change of the book, from the file's beginning after its end. */
static bool reader_step(struct replay *r)
{
    static char msg[ROW_MAX];
    if (r->reader == NULL && l2_open(r->book_path, &r->reader, msg, sizeof msg) != ERR_OK)
        return false;
    if (l2_next(r->reader) <= 0)
        return false;
    int64_t ns = l2_book(r->reader)->ts_ms * 1000000;
    r->reader_ns = ns > r->reader_ns ? ns : r->reader_ns + 1;
    return true;
}

bool replay_book(struct replay *r, const struct contract *c, int64_t ns, struct level *bids,
                 size_t *ret_bids, struct level *asks, size_t *ret_asks)
{
    if (r->n_books == 0 || ns < r->book_ns[0])
        return false;
    size_t next = replay_book_at(r, ns + 1);
    while (r->reader_ns < r->book_ns[next - 1])
        if (!reader_step(r))
            return false;
    const struct l2 *b = l2_book(r->reader);
    *ret_bids = to_levels(&b->side[0], 0, c, bids);
    *ret_asks = to_levels(&b->side[1], 1, c, asks);
    return b->whole && *ret_bids > 0 && *ret_asks > 0 && bids[0].px < asks[0].px;
}

/* ---- files ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static bool is_book(const char *path)
{
    return ends_with(path, ".jsonl") || ends_with(path, ".jsonl.gz");
}

static int check_file(const char *path, char *msg, size_t msg_size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool plain = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!plain)
        snprintf(msg, msg_size, "%s: %s", path, fd < 0 ? strerror(errno) : "is no file");
    if (fd >= 0)
        close(fd);
    return plain ? ERR_OK : ERR_IO;
}

static bool is_trades(const char *path)
{
    char head[ROW_MAX] = "";
    gzFile f = gzopen(path, "re");
    if (f == NULL)
        return false;
    bool is = gzgets(f, head, sizeof head) != NULL && strncmp(head, "ts_ms,side,", 11) == 0;
    gzclose(f);
    return is;
}

/* The first minute that holds too much, or -1. */
static int64_t overfull(const struct replay *r)
{
    for (size_t i = 0; i < r->n; i++) {
        int64_t from = r->bars[i].minute * NS_PER_MIN, to = from + NS_PER_MIN;
        if (replay_trade_at(r, to) - replay_trade_at(r, from) + replay_book_at(r, to) - replay_book_at(r, from) >
            REPLAY_MINUTE_MAX)
            return r->bars[i].minute;
    }
    return -1;
}

static int load(const char *paths, const struct contract *c, struct replay *r, char *msg, size_t msg_size)
{
    char first[PATHS_MAX];
    const char *plus = strchr(paths, '+');
    if (strlen(paths) >= sizeof first) {
        snprintf(msg, msg_size, "%.40s...: the path is too long", paths);
        return ERR_SIZE;
    }
    snprintf(first, sizeof first, "%.*s", (int)strcspn(paths, "+"), paths);
    if (check_file(first, msg, msg_size) != ERR_OK || (plus != NULL && check_file(plus + 1, msg, msg_size) != ERR_OK))
        return ERR_IO;
    if (plus != NULL && (!is_trades(first) || !is_book(plus + 1))) {
        snprintf(msg, msg_size, "%s: want TRADES.csv+BOOK.jsonl", paths);
        return ERR_SYNTAX;
    }
    int err = is_book(first) ? load_books(first, c, r, true, msg, msg_size)
            : is_trades(first) ? load_trades(first, c, r, msg, msg_size)
                               : load_candles(first, c, r, msg, msg_size);
    if (err == ERR_OK && plus != NULL)
        err = load_books(plus + 1, c, r, false, msg, msg_size);
    if (err == ERR_OK && r->trades != NULL)
        bars_of_trades(r);
    if (err == ERR_OK && r->n == 0) {
        snprintf(msg, msg_size, "%s: nothing was ever offered on both sides (EMPTY)", paths);
        err = ERR_EMPTY;
    }
    if (err == ERR_OK && overfull(r) >= 0) {
        snprintf(msg, msg_size, "%s: more than %d trades and book changes in one minute (RANGE)", paths,
                 REPLAY_MINUTE_MAX);
        err = ERR_RANGE;
    }
    return err;
}

int replay_load(const char *paths, const struct contract *c, struct replay *ret, char *msg,
                size_t msg_size)
{
    struct replay r = {0};
    int err = load(paths, c, &r, msg, msg_size);
    if (err != ERR_OK)
        replay_free(&r);
    else
        *ret = r;
    return err;
}

void replay_free(struct replay *r)
{
    free(r->bars);
    free(r->trades);
    free(r->book_ns);
    free(r->book_path);
    l2_close(&r->reader);
    memset(r, 0, sizeof *r);
}

size_t replay_trade_at(const struct replay *r, int64_t ns)
{
    size_t lo = 0, hi = r->n_trades;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->trades[mid].ns < ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

size_t replay_book_at(const struct replay *r, int64_t ns)
{
    size_t lo = 0, hi = r->n_books;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->book_ns[mid] < ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct bar replay_bar(const struct replay *r, int64_t minute)
{
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->bars[mid].minute < minute)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < r->n && r->bars[lo].minute == minute ? r->bars[lo].bar : (struct bar){0, 0, 0, 0, 0};
}
