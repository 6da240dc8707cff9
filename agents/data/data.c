/* data - start, clock, streams, readiness; see data.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libagent/clock.h"
#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/data/agent.h"

#define FLUSH_MS     200            /* at most five books and tickers per symbol and second */
#define CLOCK_MS     2000
#define START_MS     100            /* retries of the start until the venue is there */
#define BARS_MS      50
#define SNAPSHOT_MAX 1000

int64_t data_market_ns(const struct data *d)
{
    return d->clock.market0_ns +
           (int64_t)(d->clock.speed * (double)(agent_now_ns(d->agent) - d->clock.wall0_ns));
}

struct symbol *data_symbol(struct data *d, const char *name, size_t len)
{
    for (size_t i = 0; i < d->n_symbols; i++)
        if (strlen(d->symbols[i].name) == len && memcmp(d->symbols[i].name, name, len) == 0)
            return &d->symbols[i];
    return NULL;
}

/* ---- readiness ---- */

void data_consider_ready(struct data *d)
{
    if (!d->warming || d->ready || !d->contracts_known || !d->clock_known ||
        !venue_stream_is_up(d->stream) || !candles_complete(d))
        return;
    d->ready = true;
    log_info("warm", LOG_I("symbols", d->n_symbols), LOG_I("bars_rest", d->bars_rest));
    candles_tell_history(d);
    agent_ready(d->agent);
}

/* ---- the market clock ---- */

static void set_clock(struct data *d, int64_t market0_ns, int64_t wall0_ns, double speed)
{
    d->clock.market0_ns = market0_ns;
    d->clock.wall0_ns = wall0_ns;
    d->clock.speed = speed;
    if (!d->clock_known)
        log_info("market.clock", LOG_F("speed", speed));
    d->clock_known = true;
}

static void publish_clock(struct data *d)
{
    d->clock.connected = d->stream != NULL && venue_stream_is_up(d->stream);
    if (d->clock_known)
        agent_publish(d->agent, TOPIC_MARKET_CLOCK, NULL, MSG_MARKET_CLOCK, &d->clock, NULL);
}

static void on_clock(void *arg, const struct http_response *r)
{
    struct data *d = arg;
    int64_t market, wall;
    dec_t speed;
    json_t *v = NULL;
    if (r->outcome == HTTP_ANSWERED && codec_load(r->body, r->len, &v) == ERR_OK &&
        codec_int(v, "market_ns", &market) == ERR_OK && codec_int(v, "server_ns", &wall) == ERR_OK &&
        codec_dec(v, "speed", &speed) == ERR_OK) {
        set_clock(d, market, wall, dec_to_double(speed));
        publish_clock(d);
        data_consider_ready(d);
    }
    json_decref(v);             /* without an answer it is asked again by the timer */
}

static void ask_clock(void *arg)
{
    struct data *d = arg;
    const struct http_request req = {
        .method = "GET", .url = d->clock_url, .timeout_ms = 1000, .max_response = 4096,
    };
    if (d->admin != NULL)
        http_request(d->admin, &req, on_clock, d, NULL);
    else if (d->venue != NULL)
        set_clock(d, agent_now_ns(d->agent), agent_now_ns(d->agent), 1);    /* live: the same */
    publish_clock(d);
}

/* ---- books ---- */

static size_t read_levels(const json_t *v, struct book_level_ *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(v) && n < SNAPSHOT_MAX; i++) {
        const json_t *pair = json_array_get(v, i);
        if (codec_value_dec(json_array_get(pair, 0), &ret[n].price) == ERR_OK &&
            codec_value_dec(json_array_get(pair, 1), &ret[n].qty) == ERR_OK)
            n++;
    }
    return n;
}

static void ask_book(struct data *d, struct symbol *s);

static void on_snapshot(void *arg, const struct venue_answer *a)
{
    struct symbol *s = arg;
    static struct book_level_ bids[SNAPSHOT_MAX], asks[SNAPSHOT_MAX];
    int64_t sequence;
    s->book_asked = false;
    if (a->outcome != VENUE_OK || codec_int(a->data, "sequence", &sequence) < 0)
        return;                 /* asked again with the next change that waits */
    size_t n_bids = read_levels(json_object_get(a->data, "bids"), bids);
    size_t n_asks = read_levels(json_object_get(a->data, "asks"), asks);
    if (book_snapshot(&s->book, sequence, bids, n_bids, asks, n_asks) < 0)
        ask_book(s->data, s);
    s->book_dirty = true;
}

static void ask_book(struct data *d, struct symbol *s)
{
    char target[96];
    if (s->book_asked)
        return;
    s->book_asked = true;
    s->resyncs++;
    snprintf(target, sizeof target, "/api/v1/level2/snapshot?symbol=%s", s->name);
    venue_call(d->venue, VENUE_PUBLIC, "GET", target, NULL, on_snapshot, s);
}

static void on_level2(struct data *d, struct symbol *s, const json_t *data)
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

static void publish_book(struct data *d, struct symbol *s)
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

static void publish_ticker(struct data *d, struct symbol *s)
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

/* Blind for too long: whoever holds positions must not hold them any longer. */
static void consider_stop(struct data *d)
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

static void flush(void *arg)
{
    struct data *d = arg;
    consider_stop(d);
    for (size_t i = 0; i < d->n_symbols; i++) {
        struct symbol *s = &d->symbols[i];
        if (s->book_dirty || s->ticker_dirty)
            publish_ticker(d, s);
        if (s->book_dirty)
            publish_book(d, s);
    }
    data_consider_ready(d);
}

/* ---- the stream ---- */

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
        on_level2(d, s, data);
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
    ask_clock(d);
    for (size_t i = 0; i < d->n_symbols; i++) {
        struct symbol *s = &d->symbols[i];
        book_reset(&s->book);
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
        book_reset(&d->symbols[i].book);
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

void data_subscribe(struct data *d, const struct symbol *s)
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

static void open_stream(struct data *d)
{
    const struct venue_stream_options o = {.on_up = on_up, .on_down = on_down, .on_message = on_message, .arg = d};
    d->stream = venue_stream_open(d->venue, &o);
}

/* ---- start ---- */

static void on_breaker(void *arg, bool up, const char *why)
{
    struct data *d = arg;
    if (up)
        agent_degraded_clear(d->agent, "exchange", "REST_DOWN");
    else
        agent_degraded(d->agent, SEVERITY_HIGH, "exchange", "REST_DOWN", why);
}

static int make_venue(struct data *d, const char *url, struct venue **ret)
{
    const struct config *c = agent_config(d->agent);
    const struct venue_options o = {
        .loop = agent_loop(d->agent), .base_url = url, .timeout_ms = config_int(c, CFG_rest_timeout_ms),
        .burst = config_int(c, CFG_rate_burst), .public_rate = config_int(c, CFG_public_rate),
        .private_rate = config_int(c, CFG_private_rate), .changed = on_breaker, .arg = d,
    };
    return venue_new(&o, ret);
}

static bool clock_url(char *ret, size_t size)
{
    int port = 0;
    FILE *f = fopen("sock/paper.admin.port", "re");
    if (f == NULL)
        return false;
    int n = fscanf(f, "%d", &port);
    fclose(f);
    snprintf(ret, size, "http://127.0.0.1:%d/admin/clock", port);
    return n == 1 && port > 0;
}

/* The paper exchange may come up later than we do: tried until its ports are there. */
static void on_start_timer(void *arg)
{
    struct data *d = arg;
    const char *configured = config_text(agent_config(d->agent), CFG_rest_url);
    char url[256];
    bool paper = *configured == '\0';
    if (d->venue == NULL) {
        if (paper && (venue_paper_url(url, sizeof url) < 0 || !clock_url(d->clock_url, sizeof d->clock_url))) {
            agent_detail(d->agent, "waiting for the paper exchange (sock/paper.port)");
            return;
        }
        if (make_venue(d, paper ? url : configured, &d->venue) < 0 ||
            (paper && http_new(agent_loop(d->agent), NULL, &d->admin) < 0)) {
            agent_fail(d->agent, "the HTTP client could not be made");
            return;
        }
        agent_detail(d->agent, "asking the exchange for its contracts");
        ask_clock(d);
        open_stream(d);
    }
    if (!d->contracts_known) {
        ask_clock(d);
        contracts_ask(d);
        loop_timer_again(d->timer_start, 1000);
        return;
    }
    loop_timer_pause(d->timer_start);
}

void data_warm(struct agent *a)
{
    struct data *d = agent_state(a);
    d->warming = true;
    if (d->ready)
        agent_ready(a);
    else
        data_consider_ready(d);
}

int data_init(struct agent *a, char why[CONFIG_WHY_MAX])
{
    struct data *d = agent_state(a);
    const char *words[CONFIG_LIST_MAX];
    d->agent = a;
    d->clock.speed = 1;
    d->chosen_day = -1;
    d->n_symbols = config_list(agent_config(a), CFG_symbols, words);
    for (size_t i = 0; i < d->n_symbols; i++) {
        TEXT_COPY(d->symbols[i].name, words[i]);
        d->symbols[i].data = d;
        book_init(&d->symbols[i].book);
    }
    mkdir("knowledge-bank", 0755);
    mkdir("knowledge-bank/candles", 0755);
    return candles_init(d, why);
}

void data_start(struct agent *a)
{
    struct data *d = agent_state(a);
    struct loop *l = agent_loop(a);
    d->timer_start = loop_timer_new(l, 0, START_MS, false, on_start_timer, d);
    d->timer_flush = loop_timer_new(l, FLUSH_MS, FLUSH_MS, true, flush, d);
    d->timer_clock = loop_timer_new(l, CLOCK_MS, CLOCK_MS, true, ask_clock, d);
    d->timer_contracts = loop_timer_new(l, CONTRACTS_MS, CONTRACTS_MS, true, contracts_tick, d);
    d->timer_bars = loop_timer_new(l, BARS_MS, BARS_MS, true, candles_tick, d);
}

void data_fini(struct agent *a)
{
    struct data *d = agent_state(a);
    venue_stream_close(&d->stream);
    venue_destroy(&d->venue);
    http_destroy(&d->admin);
    for (size_t i = 0; i < d->n_symbols; i++) {
        book_fini(&d->symbols[i].book);
        for (size_t k = 0; k < d->symbols[i].n_series; k++)
            series_fini(&d->symbols[i].series[k]);
    }
}

size_t data_counters(struct agent *a, struct sub_counter *ret, size_t max)
{
    const struct data *d = agent_state(a);
    const struct { const char *name; int64_t count; } all[] = {
        {"frames", d->frames}, {"malformed", d->malformed}, {"bars_live", d->bars_live},
        {"bars_rest", d->bars_rest}, {"gaps", d->gaps},
    };
    size_t n = 0;
    for (; n < sizeof all / sizeof all[0] && n < max; n++) {
        ret[n].count = all[n].count;
        TEXT_COPY(ret[n].name, all[n].name);
    }
    return n;
}
