/* mirror - see mirror.h
 *
 * A contract's book: NEW (deltas are kept, a snapshot is asked for) -> WHOLE (each delta continues
 * the one before) -> NEW again after a hole or a lost stream.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "libagent/venue.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/feed.h"
#include "deploy/paper/mirror.h"
#include "deploy/paper/replay.h"

#define TIMEOUT_MS 5000
#define BURST      1000
#define RATE       50 /* weight a second */
#define RETRY_MS   500
#define SIDE_MAX   4000 /* levels kept of a side */
#define PAGE       500  /* bars of an answer */
#define MINUTES    1440 /* of 1 m history; before it 1 h bars */
#define HOURS      720

struct delta {
    int64_t sequence, px, lots;
    int side;
};

struct half {
    struct level at[SIDE_MAX];
    size_t n;
};

struct mirrored {
    struct mirror *m;
    int sym;
    bool known, fetching, whole; /* known: its contract equals ours */
    int64_t sequence;
    struct half half[2];
    struct delta *kept;
    size_t n_kept;
};

struct mirror {
    struct engine *e;
    struct venue *venue;
    struct venue_stream *stream;
    struct loop_timer *retry;
    void (*advance)(void *arg);
    void *arg;
    bool compared;
    struct mirrored at[CONTRACTS_MAX];
    bool told; /* that it does not answer */
    struct mirror_counts counts;
};

static void get_snapshot(struct mirrored *x);

static const char *symbol_of(const struct mirrored *x)
{
    return contract_get(x->sym)->symbol;
}

/* Ticks of a price; 0 when it is none. */
static int64_t ticks(const struct mirrored *x, const json_t *v)
{
    dec_t d;
    int64_t t;
    return codec_value_dec(v, &d) == ERR_OK && dec_sign(d) > 0 &&
                   dec_to_int(dec_quo(d, contract_get(x->sym)->tick), &t) == ERR_OK
               ? t
               : 0;
}

/* ---- books ---- */

static void set_level(struct half *h, int side, int64_t px, int64_t lots)
{
    size_t lo = 0, hi = h->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (side == 0 ? h->at[mid].px > px : h->at[mid].px < px)
            lo = mid + 1;
        else
            hi = mid;
    }
    bool there = lo < h->n && h->at[lo].px == px;
    if (there && lots > 0) {
        h->at[lo].lots = lots;
    } else if (there) {
        h->n--;
        memmove(&h->at[lo], &h->at[lo + 1], (h->n - lo) * sizeof *h->at);
    } else if (lots > 0 && lo < SIDE_MAX) {
        h->n -= h->n == SIDE_MAX; /* the farthest one goes */
        memmove(&h->at[lo + 1], &h->at[lo], (h->n - lo) * sizeof *h->at);
        h->at[lo] = (struct level){px, lots};
        h->n++;
    }
}

static void show(struct mirrored *x)
{
    const struct half *b = &x->half[0], *a = &x->half[1];
    if (b->n == 0 || a->n == 0 || b->at[0].px >= a->at[0].px)
        return;
    x->m->advance(x->m->arg);
    feed_book(x->m->e, x->sym, b->at, b->n < REPLAY_LEVELS ? b->n : REPLAY_LEVELS, a->at,
              a->n < REPLAY_LEVELS ? a->n : REPLAY_LEVELS);
}

static void not_whole(struct mirrored *x, const char *why)
{
    if (x->whole)
        log_warn("mirror.book", LOG_S("symbol", symbol_of(x)), LOG_S("reason", why),
                 LOG_S("action", "paused until it is whole again"));
    x->whole = false;
    x->n_kept = 0;
    engine_set_status(x->m->e, x->sym, CONTRACT_PAUSED);
}

static void is_whole(struct mirrored *x)
{
    x->whole = true;
    x->m->counts.snapshots++;
    show(x);
    engine_set_status(x->m->e, x->sym, CONTRACT_OPEN);
    log_info("mirror.book", LOG_S("symbol", symbol_of(x)), LOG_S("state", "whole"),
             LOG_I("sequence", x->sequence));
}

/* False: a hole. */
static bool apply(struct mirrored *x, const struct delta *d)
{
    if (d->sequence <= x->sequence)
        return true;
    if (d->sequence != x->sequence + 1)
        return false;
    x->sequence = d->sequence;
    if (d->px > 0)
        set_level(&x->half[d->side], d->side, d->px, d->lots);
    return true;
}

static void read_side(struct mirrored *x, const json_t *rows, int side)
{
    size_t i;
    const json_t *row;
    x->half[side].n = 0;
    json_array_foreach(rows, i, row)
    {
        int64_t px = ticks(x, json_array_get(row, 0)), lots = 0;
        if (px > 0 && codec_value_int(json_array_get(row, 1), &lots) == ERR_OK)
            set_level(&x->half[side], side, px, lots);
    }
}

static void on_snapshot(void *arg, const struct venue_answer *a)
{
    struct mirrored *x = arg;
    x->fetching = false;
    if (x->whole || !venue_stream_is_up(x->m->stream) || a->outcome != VENUE_OK ||
        codec_int(a->data, "sequence", &x->sequence) != ERR_OK)
        return; /* the retry timer asks again */
    read_side(x, json_object_get(a->data, "bids"), 0);
    read_side(x, json_object_get(a->data, "asks"), 1);
    bool ok = true;
    for (size_t i = 0; i < x->n_kept && ok; i++)
        ok = apply(x, &x->kept[i]);
    x->n_kept = 0;
    if (ok)
        is_whole(x);
}

static void get_snapshot(struct mirrored *x)
{
    char target[80];
    if (x->fetching || x->whole || !x->known)
        return;
    x->fetching = true;
    snprintf(target, sizeof target, "/api/v1/level2/snapshot?symbol=%s", symbol_of(x));
    venue_call(x->m->venue, VENUE_PUBLIC, "GET", target, NULL, on_snapshot, x);
}

/* "price,side,size" */
static bool read_change(struct mirrored *x, const json_t *data, struct delta *ret)
{
    const char *text;
    char price[40], side[8], size[24];
    dec_t px;
    if (codec_int(data, "sequence", &ret->sequence) != ERR_OK ||
        codec_text(data, "change", &text) != ERR_OK ||
        sscanf(text, "%39[^,],%7[^,],%23[0-9]", price, side, size) != 3 ||
        dec_parse(price, &px) != ERR_OK ||
        dec_to_int(dec_quo(px, contract_get(x->sym)->tick), &ret->px) != ERR_OK)
        return false;
    ret->side = strcmp(side, "buy") == 0 ? 0 : 1;
    ret->lots = strtoll(size, NULL, 10);
    return true;
}

static void on_level2(struct mirrored *x, const json_t *data)
{
    struct delta d;
    if (!read_change(x, data, &d)) {
        not_whole(x, "a delta cannot be read");
        return;
    }
    x->m->counts.deltas++;
    if (!x->whole) {
        if (x->n_kept == MIRROR_DELTAS_MAX)
            x->n_kept = 0;
        x->kept[x->n_kept++] = d;
        get_snapshot(x);
    } else if (apply(x, &d)) {
        show(x);
    } else {
        x->m->counts.holes++;
        not_whole(x, "a delta is missing");
        get_snapshot(x);
    }
}

/* ---- the rest of the stream ---- */

static void on_match(struct mirrored *x, const json_t *data)
{
    int64_t lots = 0, px = ticks(x, json_object_get(data, "price"));
    if (!x->whole || px == 0 || codec_int(data, "size", &lots) != ERR_OK)
        return;
    x->m->counts.trades++;
    x->m->advance(x->m->arg);
    feed_trade(x->m->e, x->sym, px, lots);
}

static void on_instrument(struct mirrored *x, const char *subject, const json_t *data)
{
    dec_t mark, index, rate;
    if (strcmp(subject, "mark.index.price") == 0 && codec_dec(data, "markPrice", &mark) == ERR_OK &&
        codec_dec(data, "indexPrice", &index) == ERR_OK)
        feed_mark(x->m->e, x->sym, mark, index);
    else if (strcmp(subject, "funding.rate") == 0 &&
             codec_dec(data, "fundingRate", &rate) == ERR_OK)
        feed_rate(x->m->e, x->sym, rate);
}

static void on_message(void *arg, const char *topic, const char *subject, const json_t *data,
                       int64_t sn)
{
    struct mirror *m = arg;
    const char *colon = strchr(topic, ':');
    int sym = colon != NULL ? contract_find(colon + 1) : -1;
    (void)sn;
    if (sym < 0 || !m->at[sym].known)
        return;
    if (strncmp(topic, "/contractMarket/level2:", 23) == 0)
        on_level2(&m->at[sym], data);
    else if (strncmp(topic, "/contractMarket/execution:", 26) == 0)
        on_match(&m->at[sym], data);
    else
        on_instrument(&m->at[sym], subject, data);
}

/* Deltas begin to come, and with the first one the snapshot is asked for. */
static void on_up(void *arg)
{
    (void)arg;
    log_info("mirror.stream", LOG_S("state", "up"));
}

static void on_down(void *arg, const char *reason)
{
    struct mirror *m = arg;
    for (int k = 0; k < CONTRACTS_MAX; k++)
        if (m->at[k].known)
            not_whole(&m->at[k], reason);
}

/* ---- what is asked once ---- */

static void on_bars(void *arg, const struct venue_answer *a)
{
    struct mirrored *x = arg;
    size_t i;
    const json_t *row;
    if (a->outcome != VENUE_OK) {
        log_warn("mirror.history", LOG_S("symbol", symbol_of(x)), LOG_S("code", a->code),
                 LOG_S("reason", a->msg));
        return;
    }
    json_array_foreach(a->data, i, row)
    {
        struct candle c = {0};
        int64_t ms;
        if (codec_value_int(json_array_get(row, 0), &ms) != ERR_OK ||
            codec_value_int(json_array_get(row, 5), &c.lots) != ERR_OK)
            continue;
        c.start_ns = ms * NS_PER_MS;
        c.open = ticks(x, json_array_get(row, 1));
        c.high = ticks(x, json_array_get(row, 2));
        c.low = ticks(x, json_array_get(row, 3));
        c.close = ticks(x, json_array_get(row, 4));
        if (c.open > 0 && c.high > 0 && c.low > 0 && c.close > 0)
            feed_bar(x->m->e, x->sym, &c);
    }
}

static void get_bars(struct mirrored *x, int minutes, int64_t from_ms, int64_t to_ms)
{
    const int64_t step = (int64_t)minutes * 60000 * PAGE;
    for (int64_t at = from_ms; at < to_ms; at += step) {
        char target[160];
        snprintf(target, sizeof target,
                 "/api/v1/kline/query?symbol=%s&granularity=%d&from=%" PRId64 "&to=%" PRId64,
                 symbol_of(x), minutes, at, (at + step < to_ms ? at + step : to_ms) - 1);
        venue_call(x->m->venue, VENUE_PUBLIC, "GET", target, NULL, on_bars, x);
    }
}

static void begin_contract(struct mirrored *x)
{
    static const char *const topics[] = {"/contractMarket/level2", "/contractMarket/execution",
                                         "/contract/instrument"};
    char text[80];
    const int64_t hour = 3600000, day = (wall_ns() / NS_PER_MS / hour - MINUTES / 60) * hour;
    x->known = true;
    get_bars(x, 1, day, wall_ns() / NS_PER_MS);
    get_bars(x, 60, day - HOURS * hour, day);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        snprintf(text, sizeof text, "%s:%s", topics[i], symbol_of(x));
        venue_stream_subscribe(x->m->stream, text, false);
    }
}

static bool equals_ours(const json_t *theirs, const struct contract *c)
{
    dec_t tick, multiplier;
    return codec_dec(theirs, "tickSize", &tick) == ERR_OK &&
           codec_dec(theirs, "multiplier", &multiplier) == ERR_OK && dec_eq(tick, c->tick) &&
           dec_eq(multiplier, c->multiplier);
}

static void on_contracts(void *arg, const struct venue_answer *a)
{
    struct mirror *m = arg;
    size_t i;
    const json_t *row;
    if (a->outcome != VENUE_OK) {
        if (!m->told)
            log_warn("mirror.contracts", LOG_S("code", a->code), LOG_S("reason", a->msg),
                     LOG_S("action", "all contracts stay paused; asked again until it answers"));
        m->told = true;
        return;
    }
    m->compared = true;
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        const json_t *theirs = NULL;
        json_array_foreach(a->data, i, row)
        {
            const char *name;
            if (codec_text(row, "symbol", &name) == ERR_OK &&
                strcmp(name, contract_get(k)->symbol) == 0)
                theirs = row;
        }
        if (!engine_listed(m->e, k))
            continue;
        if (theirs != NULL && equals_ours(theirs, contract_get(k)))
            begin_contract(&m->at[k]);
        else
            log_error("mirror.contract", LOG_S("symbol", contract_get(k)->symbol),
                      LOG_S("reason", theirs == NULL ? "the venue does not list it"
                                                     : "another tick or multiplier"),
                      LOG_S("action", "it stays paused"));
    }
}

/* Whatever was asked and not answered. */
static void on_retry(void *arg)
{
    struct mirror *m = arg;
    if (!m->compared)
        venue_call(m->venue, VENUE_PUBLIC, "GET", "/api/v1/contracts/active", NULL, on_contracts,
                   m);
    for (int k = 0; k < CONTRACTS_MAX && venue_stream_is_up(m->stream); k++)
        if (m->at[k].n_kept > 0)
            get_snapshot(&m->at[k]);
}

int mirror_new(struct loop *l, struct engine *e, const char *url, void (*advance)(void *arg),
               void *arg, struct mirror **ret)
{
    struct mirror *m = calloc(1, sizeof *m);
    must(m != NULL);
    *m = (struct mirror){.e = e, .advance = advance, .arg = arg};
    const struct venue_options options = {
        .loop = l,
        .base_url = url,
        .timeout_ms = TIMEOUT_MS,
        .burst = BURST,
        .public_rate = RATE,
        .private_rate = RATE,
    };
    int err = venue_new(&options, &m->venue);
    if (err != ERR_OK) {
        free(m);
        return err;
    }
    for (int k = 0; k < CONTRACTS_MAX; k++) {
        m->at[k] = (struct mirrored){.m = m, .sym = k};
        m->at[k].kept = calloc(MIRROR_DELTAS_MAX, sizeof *m->at[k].kept);
        must(m->at[k].kept != NULL);
        feed_rate(e, k, dec_zero());
    }
    engine_set_status(e, -1, CONTRACT_PAUSED);
    const struct venue_stream_options stream = {
        .on_up = on_up, .on_down = on_down, .on_message = on_message, .arg = m};
    m->stream = venue_stream_open(m->venue, &stream);
    m->retry = loop_timer_new(l, 1, RETRY_MS, false, on_retry, m);
    *ret = m;
    return ERR_OK;
}

void mirror_destroy(struct mirror **m)
{
    if (*m == NULL)
        return;
    loop_timer_destroy(&(*m)->retry);
    venue_stream_close(&(*m)->stream);
    venue_destroy(&(*m)->venue);
    for (int k = 0; k < CONTRACTS_MAX; k++)
        free((*m)->at[k].kept);
    free(*m);
    *m = NULL;
}

struct mirror_counts mirror_counts(const struct mirror *m)
{
    struct mirror_counts n = m->counts;
    for (int k = 0; k < CONTRACTS_MAX; k++)
        n.whole += m->at[k].whole;
    return n;
}
