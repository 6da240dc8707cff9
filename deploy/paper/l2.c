/* l2 - see l2.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "libagent/exchange/codec.h"
#include "proto/dec.h"
#include "proto/err.h"

#include "deploy/paper/l2.h"

struct l2_reader {
    gzFile file;
    const char *path;
    char *msg, *line;
    size_t msg_size, line_no;
    struct l2 book;
    json_t *pending[L2_PENDING_MAX]; /* deltas in front of a snapshot; later what is left of them */
    size_t n_pending, next_pending;
    bool fresh; /* no delta since the snapshot */
};

int l2_number(const char *text, int64_t *ret)
{
    dec_t d;
    int64_t v;
    if (dec_parse(text, &d) != ERR_OK)
        return ERR_SYNTAX;
    if (dec_to_int(dec_quo(d, dec_scaled(1, -L2_UNIT_PLACES)), &v) != ERR_OK || v < 0)
        return ERR_RANGE;
    *ret = v;
    return ERR_OK;
}

static int fail(struct l2_reader *r, int err, const char *text)
{
    snprintf(r->msg, r->msg_size, "%s:%zu: %s", r->path, r->line_no, text);
    return err;
}

/* ---- the book ---- */

/* The first level at px or behind it. */
static size_t find(const struct l2_side *s, int side, int64_t px)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (side == 0 ? s->at[mid].px > px : s->at[mid].px < px)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int set_level(struct l2_side *s, int side, int64_t px, int64_t size)
{
    size_t i = find(s, side, px);
    bool there = i < s->n && s->at[i].px == px;
    if (there && size > 0) {
        s->at[i].size = size;
    } else if (there) {
        s->n--;
        memmove(&s->at[i], &s->at[i + 1], (s->n - i) * sizeof *s->at);
    } else if (size > 0) {
        if (s->n == L2_LEVELS_MAX)
            return ERR_FULL;
        if (s->n == s->cap) {
            s->cap = s->cap ? s->cap * 2 : 1024;
            s->at = realloc(s->at, s->cap * sizeof *s->at);
            must(s->at != NULL);
        }
        memmove(&s->at[i + 1], &s->at[i], (s->n - i) * sizeof *s->at);
        s->at[i] = (struct l2_level){px, size};
        s->n++;
    }
    return ERR_OK;
}

static int set_levels(struct l2_reader *r, const json_t *event, const char *name, int side)
{
    const json_t *rows = json_object_get(event, name), *row;
    size_t i;
    if (!json_is_array(rows))
        return fail(r, ERR_SYNTAX, "lacks bids or asks");
    json_array_foreach(rows, i, row)
    {
        const char *px = codec_chars(json_array_get(row, 0)),
                   *size = codec_chars(json_array_get(row, 1));
        int64_t p, n;
        if (px == NULL || size == NULL || l2_number(px, &p) != ERR_OK ||
            l2_number(size, &n) != ERR_OK)
            return fail(r, ERR_SYNTAX, "a level is no [\"price\", \"size\"] of up to 8 places");
        if (set_level(&r->book.side[side], side, p, n) != ERR_OK)
            return fail(r, ERR_RANGE, "too many levels");
    }
    return ERR_OK;
}

static int apply(struct l2_reader *r, const json_t *event, int64_t last_id)
{
    int64_t ts;
    if (codec_int(event, "ts_ms", &ts) != ERR_OK)
        return fail(r, ERR_SYNTAX, "lacks ts_ms");
    int err = set_levels(r, event, "bids", 0);
    err = err == ERR_OK ? set_levels(r, event, "asks", 1) : err;
    r->book.ts_ms = ts;
    r->book.last_id = last_id;
    r->fresh = false;
    r->book.applied++;
    return err == ERR_OK ? 1 : err;
}

/* 1: applied, 0: not for this book. */
static int take_delta(struct l2_reader *r, const json_t *event)
{
    int64_t first_id, last_id, prev_id = -1;
    if (codec_int(event, "last_id", &last_id) != ERR_OK)
        return fail(r, ERR_SYNTAX, "lacks last_id");
    if (codec_int(event, "first_id", &first_id) != ERR_OK)
        first_id = last_id; /* ids that step by one */
    bool has_prev = codec_int(event, "prev_id", &prev_id) == ERR_OK;
    if (!r->book.whole || last_id <= r->book.last_id)
        return 0;
    bool reaches = first_id <= r->book.last_id + 1 || (has_prev && prev_id <= r->book.last_id);
    bool follows = (has_prev ? prev_id : first_id - 1) == r->book.last_id;
    if (r->fresh ? !reaches : !follows) {
        r->book.whole = false;
        r->book.breaks++;
        return 0;
    }
    return apply(r, event, last_id);
}

static void drop_pending(struct l2_reader *r)
{
    while (r->next_pending < r->n_pending)
        json_decref(r->pending[r->next_pending++]);
    r->next_pending = r->n_pending = 0;
}

static int take_snapshot(struct l2_reader *r, const json_t *event)
{
    int64_t last_id;
    if (codec_int(event, "last_id", &last_id) != ERR_OK)
        return fail(r, ERR_SYNTAX, "lacks last_id");
    r->book.side[0].n = r->book.side[1].n = 0;
    r->book.whole = true;
    int rc = apply(r, event, last_id);
    r->fresh = true;
    return rc;
}

/* ---- the file ---- */

/* 1 and an object, 0 at the end. */
static int read_event(struct l2_reader *r, json_t **ret)
{
    if (gzgets(r->file, r->line, L2_LINE_MAX) == NULL) {
        int err;
        gzerror(r->file, &err);
        return err == Z_OK || err == Z_STREAM_END ? 0 : fail(r, ERR_CORRUPT, "damaged data");
    }
    r->line_no++;
    size_t len = strlen(r->line);
    if (len + 1 == L2_LINE_MAX)
        return fail(r, ERR_SIZE, "the line is too long");
    if (codec_load(r->line, len, ret) != ERR_OK)
        return fail(r, ERR_SYNTAX, "no JSON");
    return 1;
}

static int take(struct l2_reader *r, json_t *event)
{
    const char *type;
    static const char want[] = "type must be snapshot or delta";
    if (codec_text(event, "type", &type) != ERR_OK)
        return fail(r, ERR_SYNTAX, want);
    if (strcmp(type, "snapshot") == 0)
        return take_snapshot(r, event);
    if (strcmp(type, "delta") != 0)
        return fail(r, ERR_SYNTAX, want);
    if (r->book.whole)
        return take_delta(r, event);
    if (r->n_pending == L2_PENDING_MAX)
        return fail(r, ERR_SIZE, "too many deltas without a snapshot");
    r->pending[r->n_pending++] = json_incref(event);
    return 0;
}

int l2_next(struct l2_reader *r)
{
    for (;;) {
        json_t *event = NULL;
        int rc;
        if (r->book.whole && r->next_pending < r->n_pending) {
            event = r->pending[r->next_pending++];
            rc = take_delta(r, event);
            if (r->next_pending == r->n_pending)
                r->next_pending = r->n_pending = 0;
        } else {
            rc = read_event(r, &event);
            if (rc <= 0)
                return rc;
            rc = take(r, event);
        }
        json_decref(event);
        if (rc != 0)
            return rc;
    }
}

const struct l2 *l2_book(const struct l2_reader *r)
{
    return &r->book;
}

int l2_open(const char *path, struct l2_reader **ret, char *msg, size_t msg_size)
{
    struct l2_reader *r = calloc(1, sizeof *r);
    must(r != NULL);
    *r = (struct l2_reader){
        .path = path, .msg = msg, .msg_size = msg_size, .line = malloc(L2_LINE_MAX)};
    must(r->line != NULL);
    r->file = gzopen(path, "re");
    if (r->file == NULL) {
        int err = fail(r, ERR_IO, "cannot be opened");
        l2_close(&r);
        return err;
    }
    *ret = r;
    return ERR_OK;
}

void l2_close(struct l2_reader **r)
{
    if (*r == NULL)
        return;
    drop_pending(*r);
    if ((*r)->file != NULL)
        gzclose((*r)->file);
    free((*r)->book.side[0].at);
    free((*r)->book.side[1].at);
    free((*r)->line);
    free(*r);
    *r = NULL;
}
