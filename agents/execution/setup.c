/* setup - the venue's clock, the contracts, margin and position modes, the account; see exec.h */
#include <stdio.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/key_rights.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/execution/body.h"
#include "agents/execution/exec.h"

#define CLOCK_MOST_MS 1000

/* ---- clock and contracts ---- */

static void on_clock(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    int64_t ms;
    if (a->outcome != VENUE_OK || codec_value_int(a->data, &ms) < 0)
        return;
    int64_t off = ms - agent_now_ns(x->agent) / NS_PER_MS;
    x->clock_ok = off < CLOCK_MOST_MS && off > -CLOCK_MOST_MS;
    if (x->clock_ok)
        agent_degraded_clear(x->agent, "clock", "CLOCK_OFFSET");
    else
        agent_degraded(x->agent, SEVERITY_HIGH, "clock", "CLOCK_OFFSET", "more than 1 s from the venue's: set this machine's clock");
    reads_consider(x);
}

void setup_clock(struct exec *x)
{
    venue_call(x->venue, VENUE_PUBLIC, "GET", "/api/v1/timestamp", NULL, on_clock, x);
}

static int read_terms(const json_t *v, struct contract_terms *c)
{
    dec_t lot, mmr;
    int64_t max_leverage;
    *c = (struct contract_terms){.tier_count = 1};
    if (codec_dec(v, "tickSize", &c->tick) < 0 || codec_dec(v, "multiplier", &c->multiplier) < 0 ||
        codec_dec(v, "lotSize", &lot) < 0 || codec_dec(v, "makerFeeRate", &c->maker_fee) < 0 ||
        codec_dec(v, "takerFeeRate", &c->taker_fee) < 0 || codec_dec(v, "maintainMargin", &mmr) < 0 ||
        codec_int(v, "maxOrderQty", &c->max_qty) < 0 || codec_int(v, "maxLeverage", &max_leverage) < 0 ||
        dec_to_int(lot, &c->lot) < 0)
        return ERR_SYNTAX;
    c->lfr = c->taker_fee;
    c->tier[0] = (struct contract_tier){.max_notional = dec_zero(), .mmr = mmr, .max_leverage = (int32_t)max_leverage};
    return contract_valid(c) ? ERR_OK : ERR_RANGE;
}

static void on_contracts(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    if (a->outcome != VENUE_OK || !json_is_array(a->data))
        return;
    for (size_t i = 0; i < json_array_size(a->data); i++) {
        const json_t *v = json_array_get(a->data, i);
        const char *name = "";
        (void)codec_text(v, "symbol", &name);
        struct symbol *s = exec_symbol(x, name);
        if (s == NULL)
            continue;
        s->known = read_terms(v, &s->terms) == ERR_OK;
        if (!s->known)
            log_warn("contract.malformed", LOG_S("symbol", name), LOG_S("action", "not traded"));
    }
    x->contracts_ok = true;
    reads_consider(x);
}

void setup_contracts(struct exec *x)
{
    venue_call(x->venue, VENUE_PUBLIC, "GET", "/api/v1/contracts/active", NULL, on_contracts, x);
}

/* ---- settings, verified before the first entry ---- */

static void set_mode(struct exec *x, const char *target, const struct body *b, venue_done *done, void *arg)
{
    struct jw w;
    jw_init(&w);
    body_write(b, &w);
    venue_call(x->venue, VENUE_PRIVATE, "POST", target, w.buf, done, arg);
    jw_fini(&w);
}

static void on_margin_mode(void *arg, const struct venue_answer *a)
{
    struct symbol *s = arg;
    const char *mode = "";
    if (a->outcome != VENUE_OK || codec_text(a->data, "marginMode", &mode) < 0)
        return;
    s->isolated = strcmp(mode, "ISOLATED") == 0;
    if (s->isolated)
        return;
    struct body b = {.kind = BODY_ISOLATED};
    TEXT_COPY(b.symbol, s->name);
    set_mode(s->x, ISOLATED_TARGET, &b, on_margin_mode, s);
}

static void on_position_mode(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    int64_t mode;
    if (a->outcome != VENUE_OK || codec_int(a->data, "positionMode", &mode) < 0)
        return;
    x->one_way = mode == 0;
    if (x->one_way)
        return;
    reads_distrust(x);
    set_mode(x, ONE_WAY_TARGET, &(struct body){.kind = BODY_ONE_WAY}, on_position_mode, x);
}

void setup_modes(struct exec *x, bool all)
{
    char target[96];
    if (!x->key_good)
        setup_key(x);
    if (!x->one_way || all)
        reads_get(x, "/api/v2/position/getPositionMode", on_position_mode);
    for (size_t i = 0; i < x->n_symbols; i++) {
        struct symbol *s = &x->symbols[i];
        if (!s->known || (s->isolated && !all))
            continue;
        snprintf(target, sizeof target, "/api/v2/position/getMarginMode?symbol=%s", s->name);
        venue_call(x->venue, VENUE_PRIVATE, "GET", target, NULL, on_margin_mode, s);
    }
}

/* ---- the key ---- */

/* By the books, which hear of a fill first, or else by the venue's last list; and entries that may be filled yet. */
void setup_key_refused(struct exec *x, const char *component, const char *code, const char *why)
{
    char text[200];
    size_t n = (size_t)snprintf(text, sizeof text, "%s; open:", why), none = n;
    int entries = 0;
    for (size_t i = 0; i < x->n_symbols && n < sizeof text; i++) {
        const struct trade *t = books_trade(&x->books, x->symbols[i].name);
        int64_t held = t != NULL && t->pnl.qty != 0 ? t->pnl.qty * t->pnl.side : x->symbols[i].venue_qty;
        if (held != 0)
            n += (size_t)snprintf(text + n, sizeof text - n, " %s %lld", x->symbols[i].name, (long long)held);
    }
    for (int i = 0; i < BOOKS_ORDERS; i++)
        entries += order_live(&x->books.orders[i]) && x->books.orders[i].o.leg == LEG_ENTRY;
    if (n == none)
        n += (size_t)snprintf(text + n, sizeof text - n, " nothing");
    if (entries > 0 && n < sizeof text)
        snprintf(text + n, sizeof text - n, ", %d entries resting", entries);
    agent_degraded(x->agent, SEVERITY_CRITICAL, component, code, text);
}

/* Stops and closes go on with any key; entries wait for a good one.  One that was good and is no more is somebody's
 * doing: KEY_CHANGED ends in an emergency, KEY_RIGHTS of a start does not. */
static void on_key(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    const struct config *c = agent_config(x->agent);
    struct key_rights k = {.permission = "", .ip_list = "", .sub_name = ""};
    const struct key_wanted w = {
        .any_ip = strcmp(config_text(c, CFG_mode), "live") != 0 || config_bool(c, CFG_allow_any_ip),
        .sub_account = config_text(c, CFG_sub_account),
    };
    char why[KEY_RIGHTS_WHY_MAX] = "";
    if (a->outcome != VENUE_OK || codec_text(a->data, "permission", &k.permission) < 0) {
        if (!x->key_good)
            agent_degraded(x->agent, SEVERITY_HIGH, "key", "KEY_RIGHTS", "the venue does not say what the key may; no entries");
        return;
    }
    (void)codec_text(a->data, "ipWhitelist", &k.ip_list);
    (void)codec_text(a->data, "subName", &k.sub_name);
    bool was = x->key_good;
    x->key_good = key_rights_check(&k, &w, why) == ERR_OK || PLANTED(any_key_is_good);
    if (x->key_good) {
        agent_degraded_clear(x->agent, "key", "KEY_RIGHTS");
        agent_degraded_clear(x->agent, "key", "KEY_CHANGED");
        return;
    }
    log_error("key.refused", LOG_S("why", why), LOG_S("action", "no entries with this key"));
    agent_degraded(x->agent, SEVERITY_CRITICAL, "key", "KEY_RIGHTS", why);
    if (was) {
        setup_key_refused(x, "key", "KEY_CHANGED", why);
        reads_distrust(x);
    }
}

void setup_key(struct exec *x)
{
    x->key_ns = agent_now_ns(x->agent);
    venue_call(x->account_venue, VENUE_PRIVATE, "GET", "/api/v1/user/api-key", NULL, on_key, x);
}

/* ---- the account ---- */

static void on_account(void *arg, const struct venue_answer *a)
{
    struct exec *x = arg;
    struct msg_account_updated m = x->account;
    if (a->outcome != VENUE_OK || codec_dec(a->data, "accountEquity", &m.equity) < 0 ||
        codec_dec(a->data, "availableBalance", &m.available) < 0 ||
        codec_dec(a->data, "orderMargin", &m.order_margin) < 0 ||
        codec_dec(a->data, "positionMargin", &m.position_margin) < 0 ||
        codec_dec(a->data, "unrealisedPNL", &m.unrealised_pnl) < 0)
        return;
    x->account = m;
    x->account_known = true;
    tell_account(x);
}

void setup_account(void *arg)
{
    struct exec *x = arg;
    if (x->venue != NULL && x->protect_ready)
        reads_get(x, "/api/v1/account-overview?currency=USDT", on_account);
}
