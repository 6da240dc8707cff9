/* depth - each symbol's order book, from the venue to the bus; see data.h and book.h */
#include <stdio.h>
#include <stdlib.h>

#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/text.h"

#include "agents/data/data.h"

#define SNAPSHOT_MAX 1000

/* Best first; false when one is none, or out of order. */
static bool read_levels(const json_t *v, bool bids, struct book_level_ *ret, size_t *n)
{
    for (*n = 0; *n < json_array_size(v) && *n < SNAPSHOT_MAX; ++*n) {
        const json_t *pair = json_array_get(v, *n);
        struct book_level_ *l = &ret[*n];
        if (codec_value_dec(json_array_get(pair, 0), &l->price) < 0 ||
            codec_value_dec(json_array_get(pair, 1), &l->qty) < 0 || dec_sign(l->price) <= 0 || dec_sign(l->qty) <= 0)
            return false;
        if (*n > 0 && (bids ? dec_ge(l->price, l[-1].price) : dec_le(l->price, l[-1].price)))
            return false;
    }
    return json_is_array(v);
}

struct snapshot_call {
    struct symbol *s;
    int connection;
};

static void ask_book(struct data *d, struct symbol *s);

static void on_snapshot(void *arg, const struct venue_answer *a)
{
    struct snapshot_call *c = arg;
    struct symbol *s = c->s;
    static struct book_level_ bids[SNAPSHOT_MAX], asks[SNAPSHOT_MAX];
    int64_t sequence;
    bool late = c->connection != s->connection;
    free(c);
    if (late)
        return;                 /* what changed since was not heard */
    s->book_asked = false;
    if (a->outcome != VENUE_OK || codec_int(a->data, "sequence", &sequence) < 0)
        return;                 /* asked again with the next change that waits */
    size_t n_bids, n_asks;
    if (!read_levels(json_object_get(a->data, "bids"), true, bids, &n_bids) ||
        !read_levels(json_object_get(a->data, "asks"), false, asks, &n_asks)) {
        s->data->malformed++;
        return;                 /* likewise */
    }
    if (book_snapshot(&s->book, sequence, bids, n_bids, asks, n_asks) < 0) {
        ask_book(s->data, s);
    } else if (book_crossed(&s->book)) {
        s->crossed++;
        book_reset(&s->book);
    }
    s->book_dirty = true;
}

static void ask_book(struct data *d, struct symbol *s)
{
    char target[96];
    if (s->book_asked)
        return;
    struct snapshot_call *c = malloc(sizeof *c);
    must(c != NULL);
    *c = (struct snapshot_call){s, s->connection};
    s->book_asked = true;
    s->resyncs++;
    snprintf(target, sizeof target, "/api/v1/level2/snapshot?symbol=%s", s->name);
    venue_call(d->venue, VENUE_PUBLIC, "GET", target, NULL, on_snapshot, c);
}

void depth_on_break(struct symbol *s)
{
    book_reset(&s->book);
    s->connection++;
    s->book_asked = false;
}

void depth_on_level2(struct data *d, struct symbol *s, const json_t *data)
{
    const char *text;
    int64_t sequence;
    struct book_change c;
    if (codec_text(data, "change", &text) < 0 || codec_int(data, "sequence", &sequence) < 0 ||
        book_parse_change(text, sequence, &c) < 0) {
        d->malformed++;
        book_reset(&s->book);
        ask_book(d, s);
        return;
    }
    enum book_verdict v = book_apply(&s->book, &c);
    if (v == BOOK_WAITS || v == BOOK_HOLE)
        ask_book(d, s);
    else if (book_crossed(&s->book)) {
        s->crossed++;
        book_reset(&s->book);
        ask_book(d, s);
    }
    s->book_dirty = true;
}

void depth_publish_book(struct data *d, struct symbol *s)
{
    static struct msg_market_book m;
    if (!s->book.synced)
        return;
    m = (struct msg_market_book){.sequence = s->book.sequence, .exchange_ns = agent_now_ns(d->agent)};
    TEXT_COPY(m.symbol, s->name);
    size_t most = sizeof m.bids / sizeof m.bids[0];
    m.bids_n = s->book.n_bids < most ? s->book.n_bids : most;
    m.asks_n = s->book.n_asks < most ? s->book.n_asks : most;
    for (size_t i = 0; i < m.bids_n; i++)
        m.bids[i] = (struct sub_level){s->book.bids[i].price, s->book.bids[i].qty};
    for (size_t i = 0; i < m.asks_n; i++)
        m.asks[i] = (struct sub_level){s->book.asks[i].price, s->book.asks[i].qty};
    agent_publish(d->agent, TOPIC_MARKET_BOOK, s->name, MSG_MARKET_BOOK, &m, NULL);
    s->book_dirty = false;
}

void depth_publish_ticker(struct data *d, struct symbol *s)
{
    struct msg_market_ticker m = {.last_px = s->last_px, .last_qty = s->last_qty, .exchange_ns = agent_now_ns(d->agent)};
    const struct book *b = &s->book;
    if (!b->synced || b->n_bids == 0 || b->n_asks == 0)
        return;
    TEXT_COPY(m.symbol, s->name);
    m.bid_px = b->bids[0].price;
    m.bid_qty = b->bids[0].qty;
    m.ask_px = b->asks[0].price;
    m.ask_qty = b->asks[0].qty;
    agent_publish(d->agent, TOPIC_MARKET_TICKER, s->name, MSG_MARKET_TICKER, &m, NULL);
    s->ticker_dirty = false;
}
