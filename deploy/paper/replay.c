#include "deploy/paper/replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "libagent/candle_file.h"
#include "proto/err.h"

#define MIN_LOTS 4

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

int replay_load(const char *path, const struct contract *c, struct replay *ret, char *msg,
                size_t msg_size)
{
    struct candle_file *f;
    struct candle_row row;
    struct replay r = {NULL, 0};
    size_t cap = 0;
    int err = candle_file_open(path, NS_PER_MIN, &f, msg, msg_size);
    if (err != ERR_OK)
        return err;
    while ((err = candle_file_next(f, &row)) > 0) {
        if (r.n == cap) {
            cap = cap ? cap * 2 : 65536;
            r.bars = realloc(r.bars, cap * sizeof *r.bars);
            must(r.bars != NULL);
        }
        if (!to_bar(&row, c, &r.bars[r.n])) {
            snprintf(msg, msg_size, "%s:%zu: price or volume beyond the contract's range", path, r.n + 2);
            err = ERR_RANGE;
            break;
        }
        r.n++;
    }
    candle_file_close(&f);
    if (err != ERR_OK) {
        replay_free(&r);
        return err;
    }
    *ret = r;
    return ERR_OK;
}

void replay_free(struct replay *r)
{
    free(r->bars);
    r->bars = NULL;
    r->n = 0;
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
