/* data - start, the market clock, readiness; see data.h */
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
    loop_timer_pause(d->timer_bars);    /* from here on flush looks: fewer wake-ups */
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

void data_ask_clock(void *arg)
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
    struct venue_options o = {.loop = agent_loop(d->agent), .base_url = url, .changed = on_breaker, .arg = d};
    venue_rates(&o, agent_config(d->agent));
    return venue_new(&o, ret);
}

void data_configured(struct agent *a)
{
    const struct data *d = agent_state(a);
    if (d->venue != NULL)
        venue_tune(d->venue, agent_config(a));
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
        data_ask_clock(d);
        stream_open(d);
    }
    if (!d->contracts_known) {
        data_ask_clock(d);
        contracts_ask(d);
        loop_timer_again(d->timer_start, 1000);
        return;
    }
    loop_timer_pause(d->timer_start);
}

static void flush(void *arg)
{
    struct data *d = arg;
    stream_watch(d);
    if (d->ready)
        candles_tick(d);
    for (size_t i = 0; i < d->n_symbols; i++) {
        struct symbol *s = &d->symbols[i];
        if (s->book_dirty || s->ticker_dirty)
            depth_publish_ticker(d, s);
        if (s->book_dirty)
            depth_publish_book(d, s);
    }
    data_consider_ready(d);
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
    d->timer_clock = loop_timer_new(l, CLOCK_MS, CLOCK_MS, true, data_ask_clock, d);
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
