/* stream - the venue's public stream: what each frame is, and the stream's losses; see data.h */
#include <stdio.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/data/data.h"

/* Blind for too long: whoever holds positions must not hold them any longer. */
void stream_watch(struct data *d)
{
    int64_t most = config_int(agent_config(d->agent), CFG_ws_stop_s);
    if (d->down_ns == 0 || agent_now_ns(d->agent) - d->down_ns < most * NS_PER_S)
        return;
    d->down_ns = 0;             /* said once for each loss */
    struct msg_emergency_stop m = {.close_positions = true};
    TEXT_COPY(m.cause, "WS_DISCONNECTED");
    snprintf(m.text, sizeof m.text, "the venue's stream was down for %lld s", (long long)most);
    log_error("stream.lost", LOG_I("seconds", most), LOG_S("action", "emergency stop"));
    agent_publish(d->agent, TOPIC_EMERGENCY_STOP, NULL, MSG_EMERGENCY_STOP, &m, NULL);
}

static void on_match(struct data *d, struct symbol *s, const json_t *data)
{
    dec_t px, qty;
    int64_t ts;
    if (codec_dec(data, "price", &px) < 0 || codec_dec(data, "size", &qty) < 0 ||
        codec_int(data, "ts", &ts) < 0 || dec_sign(px) <= 0 || dec_sign(qty) <= 0) {
        d->malformed++;
        return;
    }
    s->last_px = px;
    s->last_qty = qty;
    s->ticker_dirty = true;
    candles_on_match(d, s, ts, qty);
}

static void on_instrument(struct data *d, struct symbol *s, const char *subject, const json_t *data)
{
    if (strcmp(subject, "mark.index.price") == 0) {
        struct msg_market_mark m = {.exchange_ns = agent_now_ns(d->agent)};
        TEXT_COPY(m.symbol, s->name);
        if (codec_dec(data, "markPrice", &m.mark_px) == ERR_OK &&
            codec_dec(data, "indexPrice", &m.index_px) == ERR_OK && dec_sign(m.mark_px) > 0)
            agent_publish(d->agent, TOPIC_MARKET_MARK, s->name, MSG_MARKET_MARK, &m, NULL);
    } else if (strcmp(subject, "funding.rate") == 0) {
        struct msg_market_funding m = {.next_ns = 0};
        TEXT_COPY(m.symbol, s->name);
        if (codec_dec(data, "fundingRate", &m.rate) == ERR_OK)
            agent_publish(d->agent, TOPIC_MARKET_FUNDING, s->name, MSG_MARKET_FUNDING, &m, NULL);
    }
}

static void on_message(void *arg, const char *topic, const char *subject, const json_t *data, int64_t sn)
{
    struct data *d = arg;
    (void)sn;
    const char *name = strchr(topic, ':');
    if (name++ == NULL)
        return;
    struct symbol *s = data_symbol(d, name, strcspn(name, "_"));
    if (s == NULL)
        return;
    d->frames++;
    s->heard_ns = agent_now_ns(d->agent);
    agent_fresh(d->agent);
    if (strcmp(subject, "level2") == 0)
        depth_on_level2(d, s, data);
    else if (strcmp(subject, "match") == 0)
        on_match(d, s, data);
    else if (strcmp(subject, "candle.stick") == 0)
        candles_on_push(d, s, json_object_get(data, "candles"));
    else
        on_instrument(d, s, subject, data);
}

static void on_up(void *arg)
{
    struct data *d = arg;
    log_info("stream.up", LOG_I("symbols", d->n_symbols));
    d->down_ns = 0;
    agent_degraded_clear(d->agent, "exchange", "STREAM_DOWN");
    data_ask_clock(d);
    for (size_t i = 0; i < d->n_symbols; i++) {
        struct symbol *s = &d->symbols[i];
        depth_on_break(s);
        candles_on_break(s);
        if (s->known && s->series[0].complete)
            candles_catch_up(d, s, &s->series[0]);
    }
    data_consider_ready(d);
}

static void on_down(void *arg, const char *reason)
{
    struct data *d = arg;
    log_warn("stream.down", LOG_S("reason", reason), LOG_S("action", "reconnecting"));
    agent_degraded(d->agent, SEVERITY_HIGH, "exchange", "STREAM_DOWN", reason);
    if (d->ready && d->down_ns == 0)
        d->down_ns = agent_now_ns(d->agent);
    for (size_t i = 0; i < d->n_symbols; i++) {
        depth_on_break(&d->symbols[i]);
        candles_on_break(&d->symbols[i]);
    }
}

static const char *candle_type(int64_t tf_ns)
{
    for (int i = 0; i < CODEC_CANDLE_TYPES; i++)
        if (codec_candle_types[i].minutes == tf_ns / NS_PER_MIN)
            return codec_candle_types[i].name;
    return "1min";
}

void stream_subscribe(struct data *d, const struct symbol *s)
{
    static const char *const plain[] = {"/contractMarket/level2", "/contractMarket/execution", "/contract/instrument"};
    char topic[96];
    for (int k = 0; k < 3; k++) {
        snprintf(topic, sizeof topic, "%s:%s", plain[k], s->name);
        venue_stream_subscribe(d->stream, topic, false);
    }
    snprintf(topic, sizeof topic, "/contractMarket/limitCandle:%s_%s", s->name, candle_type(s->series[0].tf_ns));
    venue_stream_subscribe(d->stream, topic, false);
}

void stream_open(struct data *d)
{
    const struct venue_stream_options o = {.on_up = on_up, .on_down = on_down, .on_message = on_message, .arg = d};
    d->stream = venue_stream_open(d->venue, &o);
}
