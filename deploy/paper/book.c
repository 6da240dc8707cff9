#include "deploy/paper/book.h"

#include <stdlib.h>
#include <string.h>

#include "deploy/paper/synth.h"
#include "proto/err.h"

#define TRIM_AT (BOOK_CAP - 8)
#define TRIM_TO (BOOK_DEPTH + 12)

static int64_t shown(const struct order *o)
{
    int64_t left = o->lots - o->cum_lots;
    return o->hidden ? 0 : o->visible && o->visible < left ? o->visible : left;
}

/* Bids descend, asks ascend: multiply by this and both ascend from the best. */
static int64_t dir(int side) { return side == 0 ? -1 : 1; }

static int64_t leaves(const struct order *o) { return o->lots - o->cum_lots; }

/* The grid: one level somewhere in each cell of `gap` ticks, the same for ever. */
static int64_t grid_px(const struct book *b, int64_t cell)
{
    struct rng r = {b->seed ^ (uint64_t)cell};
    return cell * b->gap + (int64_t)(rng_next(&r) % (uint64_t)b->gap);
}

static int64_t typical_lots(const struct book *b, int64_t px)
{
    struct rng r = {b->seed + (uint64_t)px * 2654435761u};
    return 1 + (int64_t)((double)b->lots * (0.4 + 1.2 * rng_unit(&r)));
}

void book_fini(struct book *b)
{
    free(b->queue[0]);
    free(b->queue[1]);
}

static int bg_find(const struct book *b, int side, int64_t px)
{
    int i = 0;
    while (i < b->n[side] && (b->bg[side][i].px - px) * dir(side) < 0)
        i++;
    return i;
}

static int64_t bg_lots(const struct book *b, int side, int64_t px)
{
    int i = bg_find(b, side, px);
    return i < b->n[side] && b->bg[side][i].px == px ? b->bg[side][i].lots : 0;
}

/* First client order at px or behind it. */
static size_t queue_find(const struct book *b, int side, int64_t px)
{
    size_t i = 0;
    while (i < b->nq[side] && (b->queue[side][i]->px - px) * dir(side) < 0)
        i++;
    return i;
}

int64_t book_lots(const struct book *b, int side, int64_t px)
{
    int64_t lots = bg_lots(b, side, px);
    for (size_t i = queue_find(b, side, px); i < b->nq[side] && b->queue[side][i]->px == px; i++)
        lots += shown(b->queue[side][i]);
    return lots;
}

void book_tell(struct book *b, int side, int64_t px)
{
    if (b->quiet)
        return;
    b->sequence++;
    if (b->changed)
        b->changed(b->arg, b->sym, b->sequence, side == 0 ? SIDE_BUY : SIDE_SELL, px,
                   book_lots(b, side, px));
}

/* No order at px waits behind more background than there is. */
static void clip_ahead(struct book *b, int side, int64_t px, int64_t lots)
{
    for (size_t i = queue_find(b, side, px); i < b->nq[side] && b->queue[side][i]->px == px; i++)
        if (b->queue[side][i]->ahead > lots)
            b->queue[side][i]->ahead = lots;
}

static void bg_delete(struct book *b, int side, int i)
{
    int64_t px = b->bg[side][i].px;
    b->n[side]--;
    memmove(&b->bg[side][i], &b->bg[side][i + 1],
            (size_t)(b->n[side] - i) * sizeof b->bg[side][0]);
    clip_ahead(b, side, px, 0);
}

static void bg_insert(struct book *b, int side, int i, int64_t px)
{
    if (b->n[side] == BOOK_CAP) {
        int64_t far = b->bg[side][BOOK_CAP - 1].px;
        bg_delete(b, side, BOOK_CAP - 1);
        book_tell(b, side, far);
    }
    memmove(&b->bg[side][i + 1], &b->bg[side][i], (size_t)(b->n[side] - i) * sizeof b->bg[side][0]);
    b->bg[side][i] = (struct level){px, typical_lots(b, px)};
    b->n[side]++;
    book_tell(b, side, px);
}

static void drop(struct book *b, int side, int i)
{
    int64_t px = b->bg[side][i].px;
    bg_delete(b, side, i);
    book_tell(b, side, px);
}

static bool on_grid(const struct book *b, int64_t px) { return grid_px(b, px / b->gap) == px; }

static void move_side(struct book *b, int side, int64_t best)
{
    while (b->n[side] > 0 && (b->bg[side][0].px - best) * dir(side) < 0)
        drop(b, side, 0);
    if (b->n[side] == 0 || b->bg[side][0].px != best)
        bg_insert(b, side, 0, best);
    if (b->n[side] > 1 && !on_grid(b, b->bg[side][1].px))  /* the former best */
        drop(b, side, 1);
    int64_t cell = best / b->gap;
    for (int i = 1; i < BOOK_DEPTH; cell += dir(side)) {
        int64_t px = grid_px(b, cell);
        if ((px - best) * dir(side) <= 0)
            continue;
        if (px <= 0)
            break;
        if (i >= b->n[side] || b->bg[side][i].px != px)
            bg_insert(b, side, i, px);
        i++;
    }
    if (b->n[side] > TRIM_AT)
        while (b->n[side] > TRIM_TO)
            drop(b, side, b->n[side] - 1);
}

static bool listed(const struct level *l, size_t n, int64_t px)
{
    for (size_t i = 0; i < n; i++)
        if (l[i].px == px)
            return true;
    return false;
}

static void show_side(struct book *b, int side, const struct level *l, size_t n)
{
    int64_t own = b->nq[!side] > 0 ? b->queue[!side][0]->px : 0;
    for (size_t k = 0; k < n; k++) {
        if (own != 0 && (l[k].px - own) * dir(side) <= 0)
            continue;
        int i = bg_find(b, side, l[k].px);
        bool there = i < b->n[side] && b->bg[side][i].px == l[k].px;
        if (there && b->bg[side][i].lots == l[k].lots)
            continue;
        if (!there && b->n[side] == BOOK_CAP)
            return;
        if (!there) {
            memmove(&b->bg[side][i + 1], &b->bg[side][i], (size_t)(b->n[side] - i) * sizeof *b->bg[side]);
            b->n[side]++;
        }
        b->bg[side][i] = l[k];
        clip_ahead(b, side, l[k].px, l[k].lots);
        book_tell(b, side, l[k].px);
    }
}

void book_show(struct book *b, const struct level *bids, size_t n_bids, const struct level *asks,
               size_t n_asks)
{
    b->recorded = true;
    for (int side = 0; side < 2; side++)        /* what goes first, so that no reader sees a crossed book */
        for (int i = 0; i < b->n[side];)
            if (listed(side == 0 ? bids : asks, side == 0 ? n_bids : n_asks, b->bg[side][i].px))
                i++;
            else
                drop(b, side, i);
    show_side(b, 0, bids, n_bids);
    show_side(b, 1, asks, n_asks);
}

void book_move(struct book *b, int64_t bid, int64_t ask)
{
    if (b->recorded)
        return;
    must(bid < ask);
    /* The side that gives way goes first, so that no reader sees a crossed book. */
    bool up = b->n[0] == 0 || bid >= b->bg[0][0].px;
    move_side(b, up ? 1 : 0, up ? ask : bid);
    move_side(b, up ? 0 : 1, up ? bid : ask);
}

void book_refill(struct book *b, int side)
{
    if (b->recorded)
        return;
    must(b->n[side] > 0);
    struct level *l = &b->bg[side][0];
    int64_t want = typical_lots(b, l->px);
    if (l->lots >= want / 3 + 1)
        return;
    l->lots = want;
    book_tell(b, side, l->px);
}

bool book_best(const struct book *b, int side, struct level *ret)
{
    bool bg = b->n[side] > 0, own = b->nq[side] > 0;
    if (!bg && !own)
        return false;
    int64_t px = bg ? b->bg[side][0].px : b->queue[side][0]->px;
    if (bg && own && (b->queue[side][0]->px - px) * dir(side) < 0)
        px = b->queue[side][0]->px;
    *ret = (struct level){px, book_lots(b, side, px)};
    return true;
}

void book_levels(const struct book *b, int side, struct level *ret, size_t *n)
{
    size_t k = 0, q = 0;
    int i = 0;
    while (k < *n && (i < b->n[side] || q < b->nq[side])) {
        bool own = i >= b->n[side] ||
                   (q < b->nq[side] &&
                    (b->queue[side][q]->px - b->bg[side][i].px) * dir(side) < 0);
        struct level l = {own ? b->queue[side][q]->px : b->bg[side][i].px, 0};
        if (!own)
            l.lots = b->bg[side][i++].lots;
        for (; q < b->nq[side] && b->queue[side][q]->px == l.px; q++)
            l.lots += shown(b->queue[side][q]);
        if (l.lots > 0)
            ret[k++] = l;
    }
    *n = k;
}

int64_t book_reach(const struct book *b, int side, int64_t px, int64_t want, int own, bool stop,
                   int64_t *ret_worst)
{
    int64_t got = 0;
    *ret_worst = 0;
    for (size_t q = 0, i = 0; got < want && (i < (size_t)b->n[side] || q < b->nq[side]);) {
        bool bg = q >= b->nq[side] || (i < (size_t)b->n[side] &&
                                       (b->bg[side][i].px - b->queue[side][q]->px) * dir(side) <= 0);
        int64_t at = bg ? b->bg[side][i].px : b->queue[side][q]->px, lots = 0, before = 0;
        bool end = false;
        if (px != 0 && (at - px) * dir(side) > 0)
            break;
        int64_t background = bg ? b->bg[side][i++].lots : 0;
        for (; q < b->nq[side] && b->queue[side][q]->px == at; q++) {
            const struct order *o = b->queue[side][q];
            if (o->account != own) {
                lots += leaves(o);
            } else if (stop && !end) {
                end = true;
                before = lots + o->ahead;
            }
        }
        lots = end ? before : lots + background;
        got += lots;
        if (lots > 0)
            *ret_worst = at;
        if (end)
            break;
    }
    return got < want ? got : want;
}

int64_t book_take(struct book *b, int side, int64_t px, int64_t lots, struct order **ret)
{
    int i = bg_find(b, side, px);
    bool bg = i < b->n[side] && b->bg[side][i].px == px;
    size_t q = queue_find(b, side, px);
    struct order *first = q < b->nq[side] && b->queue[side][q]->px == px ? b->queue[side][q] : NULL;
    int64_t ahead = !bg ? 0 : first ? first->ahead : b->bg[side][i].lots;
    *ret = NULL;
    if (ahead > 0) {
        int64_t taken = lots < ahead ? lots : ahead;
        for (; q < b->nq[side] && b->queue[side][q]->px == px; q++)
            b->queue[side][q]->ahead -= taken < b->queue[side][q]->ahead ? taken
                                                                         : b->queue[side][q]->ahead;
        b->bg[side][i].lots -= taken;
        if (b->bg[side][i].lots == 0)
            bg_delete(b, side, i);
        return taken;
    }
    if (!first)
        return 0;
    *ret = first;
    return lots < leaves(first) ? lots : leaves(first);
}

void book_add(struct book *b, struct order *o, bool keep_ahead)
{
    int side = book_side(o->side);
    if (b->nq[side] == b->cap[side]) {
        b->cap[side] = b->cap[side] ? b->cap[side] * 2 : 64;
        b->queue[side] = realloc(b->queue[side], b->cap[side] * sizeof(struct order *));
        must(b->queue[side] != NULL);
    }
    size_t i = queue_find(b, side, o->px);
    while (i < b->nq[side] && b->queue[side][i]->px == o->px)
        i++;
    memmove(&b->queue[side][i + 1], &b->queue[side][i],
            (b->nq[side] - i) * sizeof(struct order *));
    b->queue[side][i] = o;
    b->nq[side]++;
    int64_t there = bg_lots(b, side, o->px);
    o->ahead = keep_ahead && o->ahead < there ? o->ahead : there;
    book_tell(b, side, o->px);
}

void book_remove(struct book *b, const struct order *o)
{
    int side = book_side(o->side);
    for (size_t i = queue_find(b, side, o->px); i < b->nq[side]; i++)
        if (b->queue[side][i] == o) {
            b->nq[side]--;
            memmove(&b->queue[side][i], &b->queue[side][i + 1],
                    (b->nq[side] - i) * sizeof(struct order *));
            return;
        }
    must(!"order is in the book");
}
