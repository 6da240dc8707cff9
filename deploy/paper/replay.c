#include "deploy/paper/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto/err.h"

#define HEADER "ts_ms,open,high,low,close,volume"
#define FIELDS 6
#define MIN_LOTS 4

static int fail(char *msg, size_t size, const char *path, int line, const char *what, int err)
{
    snprintf(msg, size, "%s:%d: %s", path, line, what);
    return err;
}

/* Ticks of a price, half-even. */
static int to_ticks(dec_t px, const struct contract *c, int64_t *ret)
{
    if (dec_sign(px) <= 0)
        return ERR_RANGE;
    return dec_to_int(dec_quo(dec_round_to(px, c->tick, DEC_HALF_EVEN), c->tick), ret);
}

static const char *parse_row(char *text, const struct contract *c, struct replay_bar *ret)
{
    dec_t v[FIELDS];
    int64_t ts, px[4];
    char *at = text;
    for (int i = 0; i < FIELDS; i++) {
        size_t len = strcspn(at, ",");
        if (dec_parse_n(at, len, &v[i]) != ERR_OK)
            return "not a decimal number";
        at += len;
        if ((*at == ',') != (i < FIELDS - 1))
            return "not six fields";
        at += *at == ',';
    }
    if (dec_to_int(v[0], &ts) != ERR_OK || ts < 0 || ts % 60000 != 0)
        return "time is not a whole minute";
    for (int i = 0; i < 4; i++)
        if (to_ticks(v[i + 1], c, &px[i]) != ERR_OK)
            return "price is not positive";
    if (px[1] < px[0] || px[1] < px[3] || px[2] > px[0] || px[2] > px[3])
        return "high or low does not hold open and close";
    if (dec_sign(v[5]) < 0)
        return "volume is negative";
    int64_t lots;
    if (dec_to_int(dec_round_places(dec_quo(v[5], c->multiplier), 0, DEC_HALF_EVEN), &lots) !=
        ERR_OK)
        return "volume is out of range";
    ret->minute = ts / 60000;
    ret->bar = (struct bar){px[0], px[1], px[2], px[3], lots < MIN_LOTS ? MIN_LOTS : lots};
    return NULL;
}

static int load(gzFile f, const char *path, const struct contract *c, struct replay *r, char *msg,
                size_t size)
{
    char text[512];
    size_t cap = 0;
    for (int line = 1; gzgets(f, text, sizeof text); line++) {
        size_t len = strcspn(text, "\r\n");
        if (text[len] == '\0' && !gzeof(f))
            return fail(msg, size, path, line, "line too long", ERR_SIZE);
        text[len] = '\0';
        if (line == 1) {
            if (strcmp(text, HEADER) != 0)
                return fail(msg, size, path, line, "header is not " HEADER, ERR_SYNTAX);
            continue;
        }
        if (r->n == cap) {
            cap = cap ? cap * 2 : 65536;
            r->bars = realloc(r->bars, cap * sizeof *r->bars);
            must(r->bars != NULL);
        }
        const char *what = parse_row(text, c, &r->bars[r->n]);
        if (!what && r->n && r->bars[r->n].minute <= r->bars[r->n - 1].minute)
            what = "time does not ascend";
        if (what)
            return fail(msg, size, path, line, what, ERR_SYNTAX);
        r->n++;
    }
    int zerr;
    gzerror(f, &zerr);
    if (zerr != Z_OK && zerr != Z_STREAM_END)
        return fail(msg, size, path, (int)r->n + 2, "damaged gzip data", ERR_CORRUPT);
    return r->n ? ERR_OK : fail(msg, size, path, 1, "no candles", ERR_EMPTY);
}

int replay_load(const char *path, const struct contract *c, struct replay *ret, char *msg,
                size_t msg_size)
{
    gzFile f = gzopen(path, "rb");
    if (!f)
        return fail(msg, msg_size, path, 0, "cannot open", ERR_IO);
    gzbuffer(f, 1 << 17);
    struct replay r = {NULL, 0};
    int err = load(f, path, c, &r, msg, msg_size);
    gzclose(f);
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
