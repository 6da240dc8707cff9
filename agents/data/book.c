/* book - see book.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "agents/data/book.h"

void book_init(struct book *b)
{
    *b = (struct book){.sequence = 0};
    b->bids = calloc(BOOK_LEVELS_MAX, sizeof *b->bids);
    b->asks = calloc(BOOK_LEVELS_MAX, sizeof *b->asks);
    must(b->bids != NULL && b->asks != NULL);
}

void book_fini(struct book *b)
{
    free(b->bids);
    free(b->asks);
    free(b->waiting);
    *b = (struct book){.sequence = 0};
}

void book_reset(struct book *b)
{
    b->n_bids = b->n_asks = b->n_waiting = 0;
    b->sequence = 0;
    b->synced = false;
}

int book_parse_change(const char *text, int64_t sequence, struct book_change *ret)
{
    const char *side = strchr(text, ',');
    const char *size = side != NULL ? strchr(side + 1, ',') : NULL;
    struct book_change c = {.sequence = sequence};
    if (size == NULL || dec_parse_n(text, (size_t)(side - text), &c.price) < 0 ||
        dec_parse(size + 1, &c.qty) < 0 || dec_sign(c.price) < 0 || dec_sign(c.qty) < 0)
        return ERR_SYNTAX;
    size_t n = (size_t)(size - side - 1);
    if (n == 3 && memcmp(side + 1, "buy", 3) == 0)
        c.bid = true;
    else if (n != 4 || memcmp(side + 1, "sell", 4) != 0)
        return ERR_SYNTAX;
    *ret = c;
    return ERR_OK;
}

/* Position of price among the levels, best first; *found when it is there. */
static size_t search(const struct book_level_ *levels, size_t n, dec_t price, bool bid, bool *found)
{
    size_t low = 0, high = n;
    *found = false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = dec_cmp(levels[mid].price, price);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (bid ? c > 0 : c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void set_level(struct book_level_ *levels, size_t *n, dec_t price, dec_t qty, bool bid)
{
    bool found;
    size_t i = search(levels, *n, price, bid, &found);
    if (dec_is_zero(qty)) {
        if (found)
            memmove(&levels[i], &levels[i + 1], (--*n - i) * sizeof *levels);
        return;
    }
    if (found) {
        levels[i].qty = qty;
        return;
    }
    if (i == BOOK_LEVELS_MAX)
        return;
    size_t tail = (*n < BOOK_LEVELS_MAX ? *n : BOOK_LEVELS_MAX - 1) - i;
    memmove(&levels[i + 1], &levels[i], tail * sizeof *levels);
    levels[i] = (struct book_level_){price, qty};
    if (*n < BOOK_LEVELS_MAX)
        ++*n;
}

static enum book_verdict keep(struct book *b, const struct book_change *c)
{
    if (b->n_waiting == BOOK_WAITING_MAX) {
        b->n_waiting = 0;       /* no snapshot came for so long: begin to wait anew */
        return BOOK_HOLE;
    }
    if (b->n_waiting == b->waiting_size) {
        b->waiting_size = b->waiting_size == 0 ? 256 : 2 * b->waiting_size;
        b->waiting = realloc(b->waiting, b->waiting_size * sizeof *b->waiting);
        must(b->waiting != NULL);
    }
    b->waiting[b->n_waiting++] = *c;
    return BOOK_WAITS;
}

enum book_verdict book_apply(struct book *b, const struct book_change *c)
{
    if (!b->synced)
        return keep(b, c);
    if (c->sequence <= b->sequence)
        return BOOK_OLD;
    if (c->sequence != b->sequence + 1) {
        book_reset(b);
        keep(b, c);
        return BOOK_HOLE;
    }
    b->sequence = c->sequence;
    if (dec_is_zero(c->price))
        return BOOK_APPLIED;    /* carries no level but counts */
    if (c->bid)
        set_level(b->bids, &b->n_bids, c->price, c->qty, true);
    else
        set_level(b->asks, &b->n_asks, c->price, c->qty, false);
    return BOOK_APPLIED;
}

int book_snapshot(struct book *b, int64_t sequence, const struct book_level_ *bids, size_t n_bids,
                  const struct book_level_ *asks, size_t n_asks)
{
    size_t first = 0;
    while (first < b->n_waiting && b->waiting[first].sequence <= sequence)
        first++;
    if (first < b->n_waiting && b->waiting[first].sequence != sequence + 1)
        return ERR_NOT_FOUND;
    for (size_t i = first + 1; i < b->n_waiting; i++)
        if (b->waiting[i].sequence != b->waiting[i - 1].sequence + 1) {
            b->n_waiting = 0;
            return ERR_NOT_FOUND;
        }
    b->n_bids = n_bids < BOOK_LEVELS_MAX ? n_bids : BOOK_LEVELS_MAX;
    b->n_asks = n_asks < BOOK_LEVELS_MAX ? n_asks : BOOK_LEVELS_MAX;
    memcpy(b->bids, bids, b->n_bids * sizeof *bids);
    memcpy(b->asks, asks, b->n_asks * sizeof *asks);
    b->sequence = sequence;
    b->synced = true;
    for (size_t i = first; i < b->n_waiting; i++)
        book_apply(b, &b->waiting[i]);
    b->n_waiting = 0;
    return ERR_OK;
}

bool book_crossed(const struct book *b)
{
    return b->n_bids > 0 && b->n_asks > 0 && dec_ge(b->bids[0].price, b->asks[0].price);
}
