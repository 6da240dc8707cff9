#include "deploy/paper/market.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define MADE_MAX 112            /* prints of a made bar */
#define JOINED 0.5              /* prints that belong to the order of the one before */
#define STAYS_LEAST 0.5         /* prints at the price of the one before: in some minutes ... */
#define STAYS_MOST 0.98         /* ... and in the others, where one side takes for long */

static int list_symbol(struct market *m, const char *name, size_t len, int *ret, char *msg,
                       size_t size)
{
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)(len < 31 ? len : 31), name);
    int sym = contract_find(text);
    if (sym >= 0 && m->listed[sym]) {
        snprintf(msg, size, "market: symbol '%s' is named twice", text);
        return ERR_DUPLICATE;
    }
    if (sym < 0) {
        int n = snprintf(msg, size, "market: symbol '%s' is none of", text);
        for (int i = 0; i < CONTRACTS_MAX && n > 0 && (size_t)n < size; i++)
            n += snprintf(msg + n, size - (size_t)n, " %s", contract_get(i)->symbol);
        return ERR_UNKNOWN;
    }
    m->listed[sym] = true;
    *ret = sym;
    return ERR_OK;
}

static int open_replay(struct market *m, const char *spec, char *msg, size_t size)
{
    m->replay = true;
    for (const char *at = spec; *at;) {
        size_t len = strcspn(at, ",");
        const char *eq = memchr(at, '=', len);
        char path[512];
        int sym;
        if (!eq || eq == at || (size_t)(eq - at) + 1 == len || len >= sizeof path) {
            snprintf(msg, size, "market: want replay:SYMBOL=FILE,... at '%.60s'", at);
            return ERR_SYNTAX;
        }
        int err = list_symbol(m, at, (size_t)(eq - at), &sym, msg, size);
        if (err != ERR_OK)
            return err;
        snprintf(path, sizeof path, "%.*s", (int)(at + len - eq - 1), eq + 1);
        err = replay_load(path, contract_get(sym), &m->files[sym], msg, size);
        if (err != ERR_OK)
            return err;
        at += len + (at[len] == ',');
    }
    return ERR_OK;
}

static int open_synth(struct market *m, const char *symbols, char *msg, size_t size)
{
    for (int i = 0; !symbols && i < CONTRACTS_MAX; i++)
        m->listed[i] = true;
    for (const char *at = symbols; at && *at;) {
        size_t len = strcspn(at, ",");
        int sym, err = list_symbol(m, at, len, &sym, msg, size);
        if (err != ERR_OK)
            return err;
        at += len + (at[len] == ',');
    }
    return ERR_OK;
}

static int open_spec(struct market *m, const char *spec, const char *symbols, char *msg, size_t size)
{
    if (strcmp(spec, "synthetic") == 0)
        return open_synth(m, symbols, msg, size);
    if (strncmp(spec, "mirror:http", 11) == 0) {
        m->live = true;
        return open_synth(m, symbols, msg, size);
    }
    if (strncmp(spec, "replay:", 7) == 0 && spec[7])
        return open_replay(m, spec + 7, msg, size);
    snprintf(msg, size, "market: '%.60s' is neither synthetic nor replay:SYMBOL=FILE,... nor mirror:http://...", spec);
    return ERR_SYNTAX;
}

int market_open(struct market *m, const char *spec, const char *symbols, uint64_t seed,
                int64_t start_minute, char *msg, size_t msg_size)
{
    contracts_init();
    memset(m, 0, sizeof *m);
    m->seed = seed;
    int err = open_spec(m, spec, symbols, msg, msg_size);
    if (err != ERR_OK) {
        market_close(m);
        return err;
    }
    for (int i = 0; i < CONTRACTS_MAX; i++)
        if (m->listed[i]) {
            m->ring[i] = calloc(RING, sizeof *m->ring[i]);
            must(m->ring[i] != NULL);
        }
    m->minute = start_minute - HISTORY_MIN - 1;
    if (!m->replay && !m->live)
        synth_init(&m->synth, seed, m->minute + 1, start_minute);
    while (m->minute < start_minute - 1)
        market_next(m);
    return ERR_OK;
}

void market_close(struct market *m)
{
    for (int i = 0; i < CONTRACTS_MAX; i++) {
        free(m->ring[i]);
        m->ring[i] = NULL;
        replay_free(&m->files[i]);
    }
}

void market_next(struct market *m)
{
    struct bar bars[CONTRACTS_MAX] = {{0, 0, 0, 0, 0}};
    m->minute++;
    if (!m->replay && !m->live)
        synth_next(&m->synth, bars);
    for (int i = 0; i < CONTRACTS_MAX; i++)
        if (m->listed[i])
            m->ring[i][m->minute & (RING - 1)] =
                m->replay ? replay_bar(&m->files[i], m->minute) : bars[i];
}

bool market_ended(const struct market *m)
{
    for (int i = 0; i < CONTRACTS_MAX; i++)
        if (m->listed[i] &&
            (!m->replay || m->files[i].bars[m->files[i].n - 1].minute > m->minute))
            return false;
    return true;
}

struct bar market_bar(const struct market *m, int sym, int64_t minute)
{
    if (!m->listed[sym] || minute > m->minute || minute <= m->minute - RING || minute < 0)
        return (struct bar){0, 0, 0, 0, 0};
    return m->ring[sym][minute & (RING - 1)];
}

/* ret[from] and ret[to] stand; the rest walks from one to the other inside low ... high. */
static void walk(struct rng *r, const struct bar *b, struct print *p, int from, int to, int n)
{
    double at = (double)p[from].px, sd = 0.9 * (double)(b->high - b->low) / sqrt(n);
    for (int i = from + 1; i < to; i++) {
        at += ((double)p[to].px - at) / (to - i + 1) + sd * rng_normal(r);
        at = fmax((double)b->low, fmin((double)b->high, at));
        p[i].px = llround(at);
    }
}

static void spread_lots(struct rng *r, int64_t lots, int n, struct print *ret)
{
    double weight[MADE_MAX], sum = 0, cum = 0;
    for (int j = 0; j < n; j++)
        sum += weight[j] = -log(rng_unit(r));
    int64_t given = 0, spare = lots - n;
    for (int j = 0; j < n; j++) {
        cum += weight[j];
        int64_t upto = j == n - 1 ? spare : llround((double)spare * cum / sum);
        ret[j].lots = 1 + upto - given;
        given = upto;
    }
}

/* Takers arrive in clusters: gaps are log-normal, none between prints of one order. */
static void spread_time(struct rng *r, int n, const bool *joined, struct print *ret)
{
    double gap[MADE_MAX], sum = 0, cum = 0;
    for (int j = 0; j < n; j++)
        sum += gap[j] = j == 0 || joined[j] ? 0 : exp(rng_normal(r));
    for (int j = 0; j < n; j++) {
        cum += gap[j];
        int64_t at = 1 + (int64_t)(cum / (sum + 1) * (double)NS_PER_MIN * 0.99);
        int64_t after = j > 0 ? ret[j - 1].offset_ns + 1000 + (int64_t)(rng_next(r) % 50000) : 0;
        ret[j].offset_ns = at > after ? at : after;
    }
}

bool market_book(struct market *m, int sym, int64_t ns, struct level *bids, size_t *ret_bids,
                 struct level *asks, size_t *ret_asks)
{
    return replay_book(&m->files[sym], contract_get(sym), ns, bids, ret_bids, asks, ret_asks);
}

/* The file's own trades, and a mark wherever the book changed. */
static int recorded_prints(const struct replay *r, int64_t minute, struct print ret[PRINTS_MAX])
{
    int64_t from = minute * NS_PER_MIN, to = from + NS_PER_MIN, last = -1;
    size_t t = replay_trade_at(r, from), b = replay_book_at(r, from);
    int n = 0;
    while (n < PRINTS_MAX) {
        int64_t trade = t < r->n_trades ? r->trades[t].ns : INT64_MAX;
        int64_t book = b < r->n_books ? r->book_ns[b] : INT64_MAX, at = trade < book ? trade : book;
        if (at >= to)
            break;
        last = at - from > last ? at - from : last + 1;
        ret[n++] = trade < book ? (struct print){last, r->trades[t].px, r->trades[t].lots}
                                : (struct print){last, 0, 0};
        t += trade < book;
        b += trade >= book;
    }
    return n;
}

int market_prints(const struct market *m, int sym, int64_t minute, const struct bar *b,
                  struct print ret[PRINTS_MAX])
{
    if (m->files[sym].trades != NULL)
        return recorded_prints(&m->files[sym], minute, ret);
    if (b->lots <= 0)
        return 0;
    struct rng r = rng_for(m->seed, 0x100u + (unsigned)sym, (uint64_t)minute);
    int64_t want = 40 + (int64_t)(rng_next(&r) % 71);
    int n = (int)(want < b->lots ? want : b->lots);

    /* Low before high in a rising bar, three times of four. */
    bool low_first = (b->close >= b->open) == (rng_next(&r) % 4 != 0);
    int i = 1 + (int)(rng_next(&r) % (uint64_t)(n - 3));
    int k = i + 1 + (int)(rng_next(&r) % (uint64_t)(n - 2 - i));
    ret[0].px = b->open;
    ret[i].px = low_first ? b->low : b->high;
    ret[k].px = low_first ? b->high : b->low;
    ret[n - 1].px = b->close;
    walk(&r, b, ret, 0, i, n);
    walk(&r, b, ret, i, k, n);
    walk(&r, b, ret, k, n - 1, n);

    /* A taker's order fills against several makers in one instant, others follow it at its price. */
    bool joined[MADE_MAX];
    double stays = rng_next(&r) % 2 ? STAYS_MOST : STAYS_LEAST;
    for (int j = 0; j < n; j++) {
        joined[j] = j > 0 && rng_unit(&r) < JOINED;
        if (j > 0 && rng_unit(&r) < stays && j != i && j != k && j != n - 1)
            ret[j].px = ret[j - 1].px;
    }
    spread_lots(&r, b->lots, n, ret);
    spread_time(&r, n, joined, ret);
    return n;
}
