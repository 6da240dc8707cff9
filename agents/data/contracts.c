/* contracts - the venue's list: terms, who may be traded, and the choice by turnover; see data.h */
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/data/agent.h"

#define ASK_MS   60000              /* wall; so long a paused or delisted contract may go unseen */
#define STALE_NS (10 * NS_PER_S)    /* wall; without a frame a symbol is not tradable */

static int read_contract(const json_t *v, struct msg_market_contract *m, dec_t *turnover)
{
    const char *status;
    dec_t lot;
    int err = codec_text(v, "status", &status);
    if (err < 0 || codec_dec(v, "tickSize", &m->tick) < 0 || codec_dec(v, "lotSize", &lot) < 0 ||
        codec_dec(v, "multiplier", &m->multiplier) < 0 || codec_int(v, "maxOrderQty", &m->max_qty) < 0 ||
        codec_int(v, "maxLeverage", &m->max_leverage) < 0 ||
        codec_dec(v, "makerFeeRate", &m->maker_fee) < 0 || codec_dec(v, "takerFeeRate", &m->taker_fee) < 0 ||
        codec_dec(v, "maintainMargin", &m->maintenance) < 0 ||
        codec_int(v, "fundingRateGranularity", &m->funding_interval_ms) < 0)
        return ERR_SYNTAX;
    if (codec_dec(v, "turnoverOf24h", turnover) < 0)
        *turnover = dec_int(0);         /* a new listing */
    m->lot = lot;
    TEXT_COPY(m->status, status);
    return ERR_OK;
}

static void judge(struct data *d, struct symbol *s)
{
    const char *why = "";
    if (strcmp(s->contract.status, "Open") != 0)
        why = "the venue does not trade it now";
    else if (dec_sign(s->contract.tick) <= 0 || dec_sign(s->contract.multiplier) <= 0)
        why = "its tick or multiplier is unusable";
    else if (!s->chosen)
        why = "not one of the top_symbols by turnover";
    else if (!s->book.synced)
        why = "no order book yet";
    else if (agent_now_ns(d->agent) - s->heard_ns > STALE_NS)
        why = "no data";
    s->contract.tradable = *why == '\0';
    TEXT_COPY(s->contract.why_not, why);
}

static void publish(struct data *d)
{
    for (size_t i = 0; i < d->n_symbols; i++) {
        struct symbol *s = &d->symbols[i];
        if (!s->known)
            continue;
        judge(d, s);
        agent_publish(d->agent, TOPIC_MARKET_CONTRACT, s->name, MSG_MARKET_CONTRACT, &s->contract, NULL);
    }
}

/* Open symbols with more turnover, or as much and an earlier place in the list. */
static size_t ahead_of(const struct data *d, size_t i)
{
    size_t n = 0;
    for (size_t k = 0; k < d->n_symbols; k++) {
        int order = dec_cmp(d->symbols[k].turnover, d->symbols[i].turnover);
        n += k != i && strcmp(d->symbols[k].contract.status, "Open") == 0 && (order > 0 || (order == 0 && k < i));
    }
    return n;
}

/* Chosen anew each UTC day of market time: a symbol that leaves takes no entry, its exits go on. */
static void choose(struct data *d)
{
    size_t top = (size_t)config_int(agent_config(d->agent), CFG_top_symbols);
    int64_t day = data_market_ns(d) / NS_PER_DAY;
    if (day == d->chosen_day)
        return;
    d->chosen_day = day;
    for (size_t i = 0; i < d->n_symbols; i++) {
        struct symbol *s = &d->symbols[i];
        bool chosen = top == 0 || ahead_of(d, i) < top;
        if (chosen != s->chosen)
            log_info("symbol.chosen", LOG_S("symbol", s->name), LOG_B("chosen", chosen));
        s->chosen = chosen;
    }
}

static void tell_missing(struct data *d)
{
    for (size_t i = 0; i < d->n_symbols; i++) {
        struct symbol *s = &d->symbols[i];
        if (strcmp(s->contract.status, "Closed") == 0)
            agent_degraded(d->agent, SEVERITY_MEDIUM, s->name, "NOT_LISTED", "not in the venue's list of contracts: not traded");
        else
            agent_degraded_clear(d->agent, s->name, "NOT_LISTED");
    }
}

static void on_contracts(void *arg, const struct venue_answer *a)
{
    struct data *d = arg;
    if (a->outcome != VENUE_OK || !json_is_array(a->data)) {
        if (!d->contracts_known)
            agent_degraded(d->agent, SEVERITY_HIGH, "exchange", "NO_CONTRACTS", a->msg);
        return;
    }
    for (size_t i = 0; i < d->n_symbols; i++)
        TEXT_COPY(d->symbols[i].contract.status, "Closed");     /* unless it is in the list */
    for (size_t i = 0; i < json_array_size(a->data); i++) {
        const json_t *v = json_array_get(a->data, i);
        const char *name;
        struct symbol *s = codec_text(v, "symbol", &name) == ERR_OK ? data_symbol(d, name, strlen(name)) : NULL;
        if (s == NULL)
            continue;
        if (read_contract(v, &s->contract, &s->turnover) < 0) {
            log_warn("contract.malformed", LOG_S("symbol", s->name), LOG_S("action", "not traded"));
            continue;
        }
        TEXT_COPY(s->contract.symbol, s->name);
        s->known = true;
        stream_subscribe(d, s);
    }
    agent_degraded_clear(d->agent, "exchange", "NO_CONTRACTS");
    tell_missing(d);
    choose(d);
    d->contracts_known = true;
    publish(d);
    data_consider_ready(d);
}

void contracts_ask(struct data *d)
{
    d->contracts_asked_ns = agent_now_ns(d->agent);
    venue_call(d->venue, VENUE_PUBLIC, "GET", "/api/v1/contracts/active", NULL, on_contracts, d);
}

void contracts_tick(void *arg)
{
    struct data *d = arg;
    if (!d->contracts_known)
        return;
    publish(d);
    if (agent_now_ns(d->agent) - d->contracts_asked_ns >= agent_scaled_ms(d->agent, ASK_MS) * 1000000)
        contracts_ask(d);
}
