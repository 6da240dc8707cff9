/* keep - configuration, and what outlives the process; see state.h
 *
 * Notes: a bar (fed again at recovery), a symbol's whole state after history was fed to it, the end of a
 * batch, the miner's memory.  Symbols and strategies are named, not numbered: the configured lists may change
 * between runs.  State of another build or of other strategies, parameters or timeframes is left out: that
 * symbol starts afresh.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/hash.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/signal/state.h"

#define KEPT_VERSION 2

enum { NOTE_BAR = 1, NOTE_SYMBOL, NOTE_BATCH, NOTE_MINER };

struct note_bar {
    char name[20];
    int32_t warm;
    struct candle candle;
    int64_t heard_ns;
};

struct note_batch {
    int64_t close_ns, ended_ns;
};

struct note_miner {
    double cascade;
    int64_t cascade_ns;
    int32_t lighthouse, unused;
};

/* A strategies_state follows. */
struct note_symbol {
    char name[20];
    uint32_t version;
    int64_t unused;
};

struct snapshot_head {
    uint32_t version, symbol_size, fired_size;
    int32_t n_symbols, n_batches, next_ended;
    struct note_miner miner;
    struct ranker ranker;
    int64_t bars, fired, late;
    struct batch_end ended[BATCH_ENDED_MAX];
};

/* ---- configuration ---- */

/* All that is kept of the keys that may change while running. */
static int derive(struct signals *s, const struct config *c, char why[CONFIG_WHY_MAX])
{
    int err = strategies_from_config(c, &s->chosen, why);
    if (err < 0)
        return err;
    s->batch_ns = config_int(c, CFG_batch_ms) * 1000000;
    for (int i = 0; i < s->chosen.strategies.n; i++) {
        const struct strategies_one *one = &s->chosen.strategies.of[i];
        uint8_t hash[16];
        hash128(one->params.v, one->def->params * sizeof one->params.v[0], hash);
        sodium_bin2hex(s->params_hash[i], sizeof s->params_hash[i], hash, sizeof hash);
    }
    return ERR_OK;
}

/* The strategies and their history stay; their thresholds may be others. */
void signals_configured(struct agent *a)
{
    struct signals *s = agent_state(a);
    char why[CONFIG_WHY_MAX];
    must(derive(s, agent_config(a), why) == ERR_OK);    /* config_check has seen it */
    for (int i = 0; i < s->n_symbols; i++)
        strategies_adopt(&s->chosen.strategies, s->symbols[i].rules);
}

static int read_strategies(struct signals *s, const struct config *c, char why[CONFIG_WHY_MAX])
{
    bool paper = strcmp(config_text(c, CFG_mode), "paper") == 0 && *config_text(c, CFG_rest_url) == '\0';
    int err = derive(s, c, why);
    if (err < 0)
        return err;
    if (s->chosen.probe && !paper) {
        snprintf(why, CONFIG_WHY_MAX,
                 "strategy probe trades blindly: only with mode = paper and an empty rest_url");
        return ERR_CONFIG;
    }
    ranker_init(&s->ranker);
    return ERR_OK;
}

static int read_symbols(struct signals *s, const struct config *c, char why[CONFIG_WHY_MAX])
{
    const char *names[CONFIG_LIST_MAX];
    s->n_symbols = (int)config_list(c, CFG_symbols, names);
    if (s->n_symbols == 0) {
        snprintf(why, CONFIG_WHY_MAX, "symbols: none given");
        return ERR_CONFIG;
    }
    if (s->n_symbols * s->chosen.strategies.n > BATCH_SIGNALS_MAX) {
        snprintf(why, CONFIG_WHY_MAX,
                 "symbols: %d of them with %d strategies are more than %d signals of one close", s->n_symbols,
                 s->chosen.strategies.n, BATCH_SIGNALS_MAX);
        s->n_symbols = 0;
        return ERR_CONFIG;
    }
    for (int i = 0; i < s->n_symbols; i++) {
        struct symbol *y = &s->symbols[i];
        char text[STRATEGIES_WHY_MAX];
        TEXT_COPY(y->name, names[i]);
        y->rules = malloc(strategies_size(&s->chosen.strategies));
        must(y->rules != NULL);
        must(strategies_start(&s->chosen.strategies, y->rules, text) == ERR_OK);
        day_atr_init(&y->day);
        pattern_init(&y->shapes);
    }
    return ERR_OK;
}

int signals_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct signals *s = agent_state(a);
    const struct config *c = agent_config(a);
    s->agent = a;
    int err = read_strategies(s, c, why);
    if (err == ERR_OK)
        err = read_symbols(s, c, why);
    if (err < 0)
        return err;
    return gamma_init(&s->gamma, s->n_symbols, 0);
}

void signals_fini(struct agent *a)
{
    struct signals *s = agent_state(a);
    for (int i = 0; i < s->n_symbols; i++) {
        free(s->symbols[i].rules);
        free(s->symbols[i].feed.primary.c);
        free(s->symbols[i].feed.confirm.c);
    }
}

struct ranker *ranker_of(struct signals *s)
{
    return s->chosen.features ? &s->ranker : NULL;
}

/* ---- notes ---- */

void keep_bar(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns)
{
    struct note_bar n;
    memset(&n, 0, sizeof n);
    TEXT_COPY(n.name, s->symbols[symbol].name);
    n.warm = warm;
    n.candle = *c;
    n.heard_ns = heard_ns;
    agent_note(s->agent, NOTE_BAR, &n, sizeof n, false);
}

static size_t symbol_size(const struct signals *s)
{
    return sizeof(struct note_symbol) + strategies_size(&s->chosen.strategies);
}

static void write_symbol(const struct signals *s, const struct symbol *y, char *at)
{
    struct note_symbol n;
    memset(&n, 0, sizeof n);
    n.version = KEPT_VERSION;
    TEXT_COPY(n.name, y->name);
    memcpy(at, &n, sizeof n);
    memcpy(at + sizeof n, y->rules, strategies_size(&s->chosen.strategies));
}

void keep_symbol(struct signals *s, int symbol)
{
    char *p = malloc(symbol_size(s));
    must(p != NULL);
    write_symbol(s, &s->symbols[symbol], p);
    agent_note(s->agent, NOTE_SYMBOL, p, symbol_size(s), false);
    free(p);
}

void keep_batch(struct signals *s, int64_t close_ns, int64_t ended_ns)
{
    const struct note_batch n = {.close_ns = close_ns, .ended_ns = ended_ns};
    agent_note(s->agent, NOTE_BATCH, &n, sizeof n, false);
}

static struct note_miner miner_of(const struct signals *s)
{
    return (struct note_miner){
        .cascade = s->gamma.cascade, .cascade_ns = s->gamma.cascade_ns, .lighthouse = s->gamma.lighthouse,
    };
}

void keep_miner(struct signals *s)
{
    const struct note_miner n = miner_of(s);
    agent_note(s->agent, NOTE_MINER, &n, sizeof n, false);
}

/* ---- recovery ---- */

static const struct symbol *named(const struct signals *s, const char *name)
{
    for (int i = 0; i < s->n_symbols; i++)
        if (strncmp(s->symbols[i].name, name, sizeof s->symbols[i].name) == 0)
            return &s->symbols[i];
    return NULL;
}

/* Of another choice: history that data has, too. */
static void restore_symbol(struct signals *s, const void *data, size_t len)
{
    struct note_symbol n;
    if (len < sizeof n)
        return;
    memcpy(&n, data, sizeof n);
    const struct symbol *y = named(s, n.name);
    if (y != NULL && n.version == KEPT_VERSION)
        strategies_restore(&s->chosen.strategies, y->rules, (const char *)data + sizeof n, len - sizeof n);
}

static void restore_miner(struct signals *s, const struct note_miner *n)
{
    s->gamma.cascade = n->cascade;
    s->gamma.cascade_ns = n->cascade_ns;
    s->gamma.lighthouse = n->lighthouse;
}

static void restore_bar(struct signals *s, const struct note_bar *n)
{
    const struct symbol *y = named(s, n->name);
    if (y == NULL || n->candle.tf_ns != s->chosen.strategies.tf_ns || y->rules->start_ns < 0 ||
        (batches_full(&s->batches) &&
         batches_find(&s->batches, n->candle.start_ns + n->candle.tf_ns) == NULL))
        return;                 /* not of this configuration, or behind a state that was not restored */
    bars_apply(s, (int)(y - s->symbols), &n->candle, n->warm, n->heard_ns);
    s->recovered++;
}

static void restore_batch(struct signals *s, const struct note_batch *n)
{
    struct batch *t = batches_find(&s->batches, n->close_ns);
    if (t == NULL)
        return;
    batch_rank(t, ranker_of(s));        /* the ranker remembers it as it did */
    batches_end(&s->batches, t, n->ended_ns);
}

int signals_note(struct agent *a, uint16_t kind, const void *data, size_t len)
{
    struct signals *s = agent_state(a);
    struct note_bar bar;
    struct note_batch batch;
    struct note_miner miner;
    if (kind == NOTE_BAR && len == sizeof bar) {
        memcpy(&bar, data, len);
        restore_bar(s, &bar);
    } else if (kind == NOTE_SYMBOL) {
        restore_symbol(s, data, len);
    } else if (kind == NOTE_BATCH && len == sizeof batch) {
        memcpy(&batch, data, len);
        restore_batch(s, &batch);
    } else if (kind == NOTE_MINER && len == sizeof miner) {
        memcpy(&miner, data, len);
        restore_miner(s, &miner);
    }
    return ERR_OK;              /* what another build noted is history that data has, too */
}

/* ---- snapshot: head, symbols, open batches, each with as many signals as it has ---- */

#define BATCH_HEAD offsetof(struct batch, fired)

void signals_save(struct agent *a, void **data, size_t *len)
{
    const struct signals *s = agent_state(a);
    struct snapshot_head h;
    memset(&h, 0, sizeof h);
    h.version = KEPT_VERSION;
    h.symbol_size = (uint32_t)symbol_size(s);
    h.fired_size = sizeof(struct fired);
    h.n_symbols = s->n_symbols;
    h.next_ended = s->batches.next_ended;
    h.miner = miner_of(s);
    h.ranker = s->ranker;
    h.bars = s->bars;
    h.fired = s->fired;
    h.late = s->late;
    memcpy(h.ended, s->batches.ended, sizeof h.ended);
    *len = sizeof h + (size_t)s->n_symbols * symbol_size(s) + sizeof s->batches.open;
    char *p = malloc(*len), *at = p + sizeof h;
    must(p != NULL);
    for (int i = 0; i < s->n_symbols; i++, at += symbol_size(s))
        write_symbol(s, &s->symbols[i], at);
    for (int i = 0; i < BATCHES_MAX; i++) {
        const struct batch *t = &s->batches.open[i];
        if (t->close_ns == 0)
            continue;
        size_t n = BATCH_HEAD + (size_t)t->n * sizeof t->fired[0];
        memcpy(at, t, n);
        at += n;
        h.n_batches++;
    }
    memcpy(p, &h, sizeof h);
    *len = (size_t)(at - p);
    *data = p;
}

/* The symbols and strategies may be others now: find them again.  False: gone. */
static bool renumber(const struct signals *s, struct fired *f)
{
    const struct symbol *y = named(s, f->f.symbol);
    int which = s->chosen.probe ? 0 : strategies_find(&s->chosen.strategies, f->f.strategy);
    if (y == NULL || which < 0 || s->chosen.probe != (strcmp(f->f.strategy, "probe") == 0))
        return false;
    f->symbol = (int32_t)(y - s->symbols);
    f->f.which = which;
    return true;
}

static int load_batches(struct signals *s, const char *at, const char *end, int n)
{
    for (int i = 0; i < n; i++) {
        struct batch *t = &s->batches.open[i];
        if ((size_t)(end - at) < BATCH_HEAD)
            return ERR_CORRUPT;
        memcpy(t, at, BATCH_HEAD);
        at += BATCH_HEAD;
        if (t->n < 0 || t->n > BATCH_SIGNALS_MAX || (size_t)(end - at) < (size_t)t->n * sizeof t->fired[0])
            return ERR_CORRUPT;
        memcpy(t->fired, at, (size_t)t->n * sizeof t->fired[0]);
        at += (size_t)t->n * sizeof t->fired[0];
        for (int k = 0; k < t->n; k++)
            if (!renumber(s, &t->fired[k]))
                t->fired[k--] = t->fired[--t->n];
    }
    return ERR_OK;
}

int signals_load(struct agent *a, const void *data, size_t len)
{
    struct signals *s = agent_state(a);
    struct snapshot_head h;
    const char *at = (const char *)data + sizeof h, *end = (const char *)data + len;
    if (len < sizeof h)
        return ERR_OK;          /* of another build: everything afresh, from data */
    memcpy(&h, data, sizeof h);
    if (h.version != KEPT_VERSION || h.fired_size != sizeof(struct fired))
        return ERR_OK;
    if (h.n_symbols < 0 || h.n_symbols > SYMBOLS_MAX || h.n_batches < 0 || h.n_batches > BATCHES_MAX ||
        (size_t)(end - at) < (size_t)h.n_symbols * h.symbol_size)
        return ERR_CORRUPT;
    for (int i = 0; i < h.n_symbols; i++, at += h.symbol_size)
        restore_symbol(s, at, h.symbol_size);
    ranker_restore(&s->ranker, &h.ranker, sizeof h.ranker);     /* else its history begins afresh */
    restore_miner(s, &h.miner);
    s->bars = h.bars;
    s->fired = h.fired;
    s->late = h.late;
    memcpy(s->batches.ended, h.ended, sizeof h.ended);
    s->batches.next_ended = h.next_ended % BATCH_ENDED_MAX;
    return load_batches(s, at, end, h.n_batches);
}
