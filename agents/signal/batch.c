/* batch - see batch.h */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "agents/signal/batch.h"

struct batch *batches_find(struct batches *b, int64_t close_ns)
{
    for (int i = 0; i < BATCHES_MAX; i++)
        if (b->open[i].close_ns == close_ns)
            return &b->open[i];
    return NULL;
}

int64_t batches_ended_ns(const struct batches *b, int64_t close_ns)
{
    int64_t oldest = INT64_MAX;
    for (int i = 0; i < BATCH_ENDED_MAX; i++) {
        if (b->ended[i].close_ns == close_ns)
            return b->ended[i].ended_ns;
        if (b->ended[i].close_ns < oldest)
            oldest = b->ended[i].close_ns;
    }
    return close_ns < oldest ? 1 : 0;       /* a ring that is not full holds zeros: older than all */
}

struct batch *batches_oldest(struct batches *b)
{
    struct batch *oldest = NULL;
    for (int i = 0; i < BATCHES_MAX; i++) {
        struct batch *t = &b->open[i];
        if (t->close_ns != 0 && (oldest == NULL || t->close_ns < oldest->close_ns))
            oldest = t;
    }
    return oldest;
}

bool batches_full(const struct batches *b)
{
    for (int i = 0; i < BATCHES_MAX; i++)
        if (b->open[i].close_ns == 0)
            return false;
    return true;
}

struct batch *batches_open(struct batches *b, int64_t close_ns, int64_t now_ns)
{
    must(close_ns > 0 && batches_find(b, close_ns) == NULL && batches_ended_ns(b, close_ns) == 0);
    struct batch *t = batches_find(b, 0);
    must(t != NULL);
    t->close_ns = close_ns;
    t->opened_ns = now_ns;
    t->reported = 0;
    t->n = 0;
    return t;
}

void batch_report(struct batch *t, int symbol)
{
    t->reported |= UINT64_C(1) << symbol;
}

void batch_add(struct batch *t, const struct fired *f)
{
    for (int i = 0; i < t->n; i++)
        if (t->fired[i].symbol == f->symbol && t->fired[i].f.which == f->f.which)
            return;
    must(t->n < BATCH_SIGNALS_MAX);
    t->fired[t->n++] = *f;
}

static int by_rank(const void *x, const void *y)
{
    const struct fired *a = x, *b = y;
    return a->f.rank - b->f.rank;
}

void batch_rank(struct batch *t, struct ranker *r)
{
    struct strategies_fired *f[BATCH_SIGNALS_MAX];
    for (int i = 0; i < t->n; i++)
        f[i] = &t->fired[i].f;
    strategies_rank(r, f, (size_t)t->n);
    qsort(t->fired, (size_t)t->n, sizeof t->fired[0], by_rank);
}

bool batch_due(const struct batch *t, uint64_t expected, int64_t batch_ns, int64_t now_ns)
{
    return (expected & ~t->reported) == 0 || now_ns - t->opened_ns >= batch_ns;
}

void batches_end(struct batches *b, struct batch *t, int64_t now_ns)
{
    b->ended[b->next_ended] = (struct batch_end){.close_ns = t->close_ns, .ended_ns = now_ns};
    b->next_ended = (b->next_ended + 1) % BATCH_ENDED_MAX;
    t->close_ns = 0;
}
