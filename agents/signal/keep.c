/* keep - configuration, and what outlives the process; see state.h
 *
 * Notes: a bar (fed again at recovery), a symbol's whole state after history was fed to it, the end of a
 * batch, the miner's memory.  Symbols are named, not numbered: the configured list may change between
 * runs.  State of another build or other timeframes is left out: that symbol starts afresh.
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

#define KEPT_VERSION 1

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

struct snapshot_head {
    uint32_t version, symbol_size, fired_size;
    int32_t n_symbols, n_batches, next_ended;
    struct note_miner miner;
    int64_t bars, fired, late;
    struct batch_end ended[BATCH_ENDED_MAX];
};

/* ---- configuration ---- */

static int read_timeframes(struct signals *s, const struct config *c, char why[CONFIG_WHY_MAX])
{
    if (tf_parse(config_text(c, CFG_primary_tf), &s->primary_ns) == ERR_OK &&
        tf_parse(config_text(c, CFG_confirm_tf), &s->confirm_ns) == ERR_OK &&
        strategy_score_init(&s->symbols[0].kept.score, s->primary_ns, s->confirm_ns) == ERR_OK)
        return ERR_OK;
    snprintf(why, CONFIG_WHY_MAX, "confirm_tf = %.8s must be longer than primary_tf = %.8s, and a multiple of it",
             config_text(c, CFG_confirm_tf), config_text(c, CFG_primary_tf));
    return ERR_CONFIG;
}

static int read_strategy(struct signals *s, const struct config *c, char why[CONFIG_WHY_MAX])
{
    const char *name = config_text(c, CFG_strategy);
    bool paper = strcmp(config_text(c, CFG_mode), "paper") == 0 && *config_text(c, CFG_rest_url) == '\0';
    s->probe = strcmp(name, "probe") == 0;
    if (!s->probe && strcmp(name, "score") != 0) {
        snprintf(why, CONFIG_WHY_MAX, "strategy %.32s: there are score and probe", name);
        return ERR_CONFIG;
    }
    if (s->probe && !paper) {
        snprintf(why, CONFIG_WHY_MAX,
                 "strategy probe trades blindly: only with mode = paper and an empty rest_url");
        return ERR_CONFIG;
    }
    memset(&s->params, 0, sizeof s->params);
    strategy_score_params_default(&s->params);
    s->params.min_score = (int32_t)config_int(c, CFG_signal_min_score);
    s->params.min_combined = (double)config_int(c, CFG_signal_min_combined);
    s->params.min_confidence = (double)config_int(c, CFG_signal_min_confidence);
    uint8_t hash[16];
    hash128(&s->params, sizeof s->params, hash);
    sodium_bin2hex(s->params_hash, sizeof s->params_hash, hash, sizeof hash);
    return ERR_OK;
}

static void symbol_init(struct signals *s, struct symbol *y, const char *name)
{
    TEXT_COPY(y->kept.name, name);
    y->kept.version = KEPT_VERSION;
    must(strategy_score_init(&y->kept.score, s->primary_ns, s->confirm_ns) == ERR_OK);
    day_atr_init(&y->day);
}

int signals_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct signals *s = agent_state(a);
    const struct config *c = agent_config(a);
    const char *names[CONFIG_LIST_MAX];
    s->agent = a;
    s->batch_ns = config_int(c, CFG_batch_ms) * 1000000;
    int err = read_timeframes(s, c, why);
    if (err == ERR_OK)
        err = read_strategy(s, c, why);
    if (err < 0)
        return err;
    s->n_symbols = (int)config_list(c, CFG_symbols, names);
    if (s->n_symbols == 0) {
        snprintf(why, CONFIG_WHY_MAX, "symbols: none given");
        return ERR_CONFIG;
    }
    for (int i = 0; i < s->n_symbols; i++)
        symbol_init(s, &s->symbols[i], names[i]);
    return gamma_init(&s->gamma, s->n_symbols, 0);
}

void signals_fini(struct agent *a)
{
    struct signals *s = agent_state(a);
    for (int i = 0; i < s->n_symbols; i++) {
        free(s->symbols[i].feed.primary.c);
        free(s->symbols[i].feed.confirm.c);
    }
}

/* ---- notes ---- */

void keep_bar(struct signals *s, int symbol, const struct candle *c, bool warm, int64_t heard_ns)
{
    struct note_bar n;
    memset(&n, 0, sizeof n);
    TEXT_COPY(n.name, s->symbols[symbol].kept.name);
    n.warm = warm;
    n.candle = *c;
    n.heard_ns = heard_ns;
    agent_note(s->agent, NOTE_BAR, &n, sizeof n, false);
}

void keep_symbol(struct signals *s, int symbol)
{
    agent_note(s->agent, NOTE_SYMBOL, &s->symbols[symbol].kept, sizeof s->symbols[symbol].kept, false);
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

static struct symbol *named(struct signals *s, const char *name)
{
    for (int i = 0; i < s->n_symbols; i++)
        if (strncmp(s->symbols[i].kept.name, name, sizeof s->symbols[i].kept.name) == 0)
            return &s->symbols[i];
    return NULL;
}

static void restore_symbol(struct signals *s, const void *data)
{
    static struct symbol_kept kept;
    struct strategy_score score;
    memcpy(&kept, data, sizeof kept);
    struct symbol *y = named(s, kept.name);
    if (y == NULL || kept.version != KEPT_VERSION ||
        strategy_score_restore(&score, &kept.score, sizeof kept.score) < 0 ||
        score.primary_ns != s->primary_ns || score.confirm_ns != s->confirm_ns)
        return;
    y->kept = kept;
}

static void restore_miner(struct signals *s, const struct note_miner *n)
{
    s->gamma.cascade = n->cascade;
    s->gamma.cascade_ns = n->cascade_ns;
    s->gamma.lighthouse = n->lighthouse;
}

static void restore_bar(struct signals *s, const struct note_bar *n)
{
    struct symbol *y = named(s, n->name);
    if (y == NULL || n->candle.tf_ns != s->primary_ns || y->kept.score.primary_start_ns < 0 ||
        (batches_full(&s->batches) &&
         batches_find(&s->batches, n->candle.start_ns + n->candle.tf_ns) == NULL))
        return;                 /* not of this configuration, or behind a state that was not restored */
    bars_apply(s, (int)(y - s->symbols), &n->candle, n->warm, n->heard_ns);
    s->recovered++;
}

static void restore_batch(struct signals *s, const struct note_batch *n)
{
    struct batch *t = batches_find(&s->batches, n->close_ns);
    if (t != NULL)
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
    } else if (kind == NOTE_SYMBOL && len == sizeof(struct symbol_kept)) {
        restore_symbol(s, data);
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
    h.symbol_size = sizeof(struct symbol_kept);
    h.fired_size = sizeof(struct fired);
    h.n_symbols = s->n_symbols;
    h.next_ended = s->batches.next_ended;
    h.miner = miner_of(s);
    h.bars = s->bars;
    h.fired = s->fired;
    h.late = s->late;
    memcpy(h.ended, s->batches.ended, sizeof h.ended);
    *len = sizeof h + (size_t)s->n_symbols * sizeof(struct symbol_kept) + sizeof s->batches.open;
    char *p = malloc(*len), *at = p + sizeof h;
    must(p != NULL);
    for (int i = 0; i < s->n_symbols; i++, at += sizeof(struct symbol_kept))
        memcpy(at, &s->symbols[i].kept, sizeof(struct symbol_kept));
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
        for (int k = 0; k < t->n; k++) {        /* the symbols may be others now: number them again */
            const struct symbol *y = named(s, t->fired[k].name);
            if (y == NULL)
                t->fired[k--] = t->fired[--t->n];
            else
                t->fired[k].symbol = (int32_t)(y - s->symbols);
        }
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
    if (h.version != KEPT_VERSION || h.symbol_size != sizeof(struct symbol_kept) ||
        h.fired_size != sizeof(struct fired))
        return ERR_OK;
    if (h.n_symbols < 0 || h.n_symbols > SYMBOLS_MAX || h.n_batches < 0 || h.n_batches > BATCHES_MAX ||
        (size_t)(end - at) < (size_t)h.n_symbols * sizeof(struct symbol_kept))
        return ERR_CORRUPT;
    for (int i = 0; i < h.n_symbols; i++, at += sizeof(struct symbol_kept))
        restore_symbol(s, at);
    restore_miner(s, &h.miner);
    s->bars = h.bars;
    s->fired = h.fired;
    s->late = h.late;
    memcpy(s->batches.ended, h.ended, sizeof h.ended);
    s->batches.next_ended = h.next_ended % BATCH_ENDED_MAX;
    return load_batches(s, at, end, h.n_batches);
}
