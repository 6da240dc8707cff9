/* poshash - see poshash.h */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/hash.h"

#include "proto/poshash.h"

#define LINE_MAX_ 160

static int by_symbol(const void *x, const void *y)
{
    const struct sub_position *const *a = x, *const *b = y;
    return strcmp((*a)->symbol, (*b)->symbol);
}

void position_hash(const struct sub_position *positions, size_t n, char ret[POSHASH_TEXT])
{
    const struct sub_position *open[POSHASH_MAX];
    char text[POSHASH_MAX * LINE_MAX_], px[DEC_TEXT_MAX];
    size_t n_open = 0, len = 0;
    for (size_t i = 0; i < n; i++) {
        if (positions[i].qty <= 0)
            continue;
        must(n_open < POSHASH_MAX);
        open[n_open++] = &positions[i];
    }
    qsort(open, n_open, sizeof open[0], by_symbol);
    for (size_t i = 0; i < n_open; i++) {
        int wrote = snprintf(text + len, sizeof text - len, "%s %s %lld %s\n", open[i]->symbol,
                             side_name(open[i]->side), (long long)open[i]->qty,
                             dec_format(open[i]->entry_px, px));
        must(wrote > 0 && (size_t)wrote < sizeof text - len);
        len += (size_t)wrote;
    }
    uint8_t hash[16];
    hash128(text, len, hash);
    sodium_bin2hex(ret, POSHASH_TEXT, hash, sizeof hash);
}
