/* keep - start, snapshot, notes; see state.h
 *
 * What cannot be read back is an error, never a fresh start: a forgotten answer or reservation would allow
 * a second order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/signkey.h"
#include "libagent/trade_config.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/risk/state.h"

/* ---- start ---- */

static int read_boot_id(uint8_t ret[16], char why[CONFIG_WHY_MAX])
{
    static const uint8_t none[16];
    boot_id(ret);
    if (memcmp(ret, none, sizeof none) != 0)
        return ERR_OK;
    snprintf(why, CONFIG_WHY_MAX, "this boot's id cannot be read; approvals are bound to it");
    return ERR_IO;
}

static void name_instruments(struct risk *r, const struct config *c)
{
    const char *names[CONFIG_LIST_MAX];
    r->market.n = (int)config_list(c, CFG_symbols, names);
    for (int i = 0; i < r->market.n; i++) {
        TEXT_COPY(r->market.instruments[i].name, names[i]);
        corr_init(&r->market.instruments[i].hours);
    }
}

/* All that is kept of the keys that may change while running; NULL, or the limit that is wrong. */
static const char *derive(struct risk *r, const struct config *c)
{
    char hash[20];
    config_hash(c, hash);
    r->config_hash = strtoull(hash, NULL, 16);
    r->leverage = (int32_t)config_int(c, CFG_leverage);
    return limits_from_config(c, &r->limits);
}

/* What was approved before was approved under the other hash: the signer refuses it. */
void risk_configured(struct agent *a)
{
    must(derive(agent_state(a), agent_config(a)) == NULL);      /* config_check has seen it */
}

int risk_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct risk *r = agent_state(a);
    const struct config *c = agent_config(a);
    r->agent = a;
    const char *wrong = derive(r, c);
    if (wrong != NULL) {
        snprintf(why, CONFIG_WHY_MAX,
                 "the limit %s is out of range or contradicts another; see `enigma config --print`", wrong);
        return ERR_CONFIG;
    }
    if (tf_parse(config_text(c, CFG_primary_tf), &r->bar_ns) < 0) {
        snprintf(why, CONFIG_WHY_MAX, "primary_tf %.8s is no timeframe", config_text(c, CFG_primary_tf));
        return ERR_CONFIG;
    }
    token_account(config_text(c, CFG_mode), config_text(c, CFG_rest_url), r->account);
    name_instruments(r, c);
    books_init(&r->books, r->bar_ns, r->market.n);
    int err = read_boot_id(r->boot_id, why);
    return err < 0 ? err : signkey_load(SIGNKEY_DIR, "risk", r->secret, why);
}

/* ---- notes ---- */

#define TAKE(type, name)                \
    struct type name;                   \
    if (len != sizeof name)             \
        return ERR_VERSION;             \
    memcpy(&name, data, sizeof name)

static int note_order(struct books *b, const void *data, size_t len)
{
    TAKE(note_order, n);
    order_fact(b, &n);
    return ERR_OK;
}

static int note_position(struct risk *r, enum note kind, const void *data, size_t len)
{
    TAKE(sub_position, p);
    if (kind == NOTE_CLOSED)
        books_closed(&r->books, &r->limits, &p, r->bar_ns);
    else
        books_position(&r->books, &p);
    return ERR_OK;
}

static int note_account(struct risk *r, const void *data, size_t len)
{
    TAKE(msg_account_updated, m);
    books_account(&r->books, &r->limits, &m);
    return ERR_OK;
}

static int note_stop_moved(struct books *b, const void *data, size_t len)
{
    TAKE(msg_stop_moved, m);
    books_stop_moved(b, &m);
    return ERR_OK;
}

static int note_command(struct risk *r, const void *data, size_t len)
{
    TAKE(msg_operator_command, m);
    books_command(&r->books, &r->limits, &m);
    return ERR_OK;
}

static int note_sync(struct books *b, const void *data, size_t len)
{
    struct sub_position p[sizeof((struct msg_positions *)0)->positions / sizeof(struct sub_position)];
    if (len > sizeof p || len % sizeof p[0] != 0)
        return ERR_VERSION;
    if (len > 0)
        memcpy(p, data, len);
    books_sync(b, p, len / sizeof p[0]);
    return ERR_OK;
}

static int note_answer(struct books *b, const void *data, size_t len)
{
    TAKE(answer, a);
    if (a.reason < 0 || a.reason >= RISK_REASON_COUNT || (a.reason == RISK_OK && books_full(b)))
        return ERR_CORRUPT;
    books_answer(b, &a);
    return ERR_OK;
}

static int note_release(struct books *b, const void *data, size_t len)
{
    char id[40];
    if (len != sizeof id)
        return ERR_VERSION;
    memcpy(id, data, len);
    id[sizeof id - 1] = '\0';
    books_release(b, id);
    return ERR_OK;
}

static int note_lighthouse(struct books *b, const void *data, size_t len)
{
    uint8_t on;
    if (len != sizeof on)
        return ERR_VERSION;
    memcpy(&on, data, sizeof on);
    books_lighthouse(b, on != 0);
    return ERR_OK;
}

int risk_note(struct agent *a, uint16_t kind, const void *data, size_t len)
{
    struct risk *r = agent_state(a);
    switch ((enum note)kind) {
    case NOTE_ACCOUNT:
        return note_account(r, data, len);
    case NOTE_ORDER:
        return note_order(&r->books, data, len);
    case NOTE_POSITION:
    case NOTE_CLOSED:
        return note_position(r, (enum note)kind, data, len);
    case NOTE_STOP_MOVED:
        return note_stop_moved(&r->books, data, len);
    case NOTE_SYNC:
        return note_sync(&r->books, data, len);
    case NOTE_COMMAND:
        return note_command(r, data, len);
    case NOTE_EMERGENCY:
        books_emergency(&r->books);
        return ERR_OK;
    case NOTE_ANSWER:
        return note_answer(&r->books, data, len);
    case NOTE_RELEASE:
        return note_release(&r->books, data, len);
    case NOTE_LIGHTHOUSE:
        return note_lighthouse(&r->books, data, len);
    }
    return ERR_VERSION;
}

/* ---- snapshot ---- */

int risk_load(struct agent *a, const void *data, size_t len)
{
    struct risk *r = agent_state(a);
    return books_restore(&r->books, data, len);
}

void risk_save(struct agent *a, void **data, size_t *len)
{
    const struct risk *r = agent_state(a);
    *len = sizeof r->books;
    *data = malloc(*len);
    must(*data != NULL);
    memcpy(*data, &r->books, *len);
}

/* ---- counters ---- */

static void count(struct sub_counter *ret, size_t max, size_t *n, const char *name, int64_t value)
{
    if (*n == max)
        return;
    TEXT_COPY(ret[*n].name, name);
    ret[(*n)++].count = value;
}

size_t risk_counters(struct agent *a, struct sub_counter *ret, size_t max)
{
    const struct risk *r = agent_state(a);
    const struct books *b = &r->books;
    int64_t open = 0, reserved = 0;
    size_t n = 0;
    for (int i = 0; i < b->rows_n; i++) {
        open += b->rows[i].open;
        reserved += b->rows[i].reserved;
    }
    count(ret, max, &n, "approved", b->approved);
    count(ret, max, &n, "duplicates", r->duplicates);
    count(ret, max, &n, "positions", open);
    count(ret, max, &n, "reserved", reserved);
    count(ret, max, &n, "losses_in_a_row", b->streak.losses);
    count(ret, max, &n, "books_agree", books_agree(b));
    for (int i = RISK_OK + 1; i < RISK_REASON_COUNT; i++)
        if (b->rejected[i] > 0)
            count(ret, max, &n, risk_reason_name((enum risk_reason)i), b->rejected[i]);
    return n;
}
