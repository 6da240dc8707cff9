/* wire2order - from a trade on the exchange's socket to the order that follows from it, beside a chain of
 * bare processes, in one interleaved run.
 *
 *   usage: wire2order INSTANCE-DIR [ROUNDS [SAMPLES]]      enigma-bus serves INSTANCE-DIR
 *
 * We are the exchange: at the next full millisecond a trade leaves as a WebSocket text frame, and the clock
 * runs until the whole order request that it causes has arrived on another TCP connection.
 *
 *   ours   data -> enigma-bus -> signal -> enigma-bus -> risk -> enigma-bus -> execution: four processes that
 *          run agent_main, with the venue client, message types, durability, journals, token, signer process
 *          and order body of the real agents.  Their handlers here decide nothing: each trade closes a
 *          candle, each candle (after all indicators) is a signal, each signal is approved.  Not in it, so:
 *          the batch window, ranking, risk's checks, execution's books.
 *   unix   the same trade and order between four processes with nothing between them but Unix socket pairs:
 *          a scan for price and size, the same indicators, 328 bytes from process to process, no signature,
 *          no journal.  It is the yardstick, not a rival.
 */
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agents/execution/books.h"
#include "agents/execution/body.h"
#include "agents/execution/signer.h"
#include "libagent/agent.h"
#include "libagent/core/ta.h"
#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "libagent/timers.h"
#include "libagent/venue.h"
#include "libagent/wsframe.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"
#include "proto/token.h"
#include "proto/uuid.h"

#include "tests/agents/execution/beats.h"
#include "tests/bench/bench.h"

#define SYMBOL      "XBTUSDTM"
#define ENVELOPE    328
#define WARM_UP     200
#define SAMPLES_MAX 20000
#define LOST_MS     2000
#define CONNS       8
#define PARTS       20          /* figures that explain a signal or an approval: a usual number */
#define FRAME_MAX   1024

/* Where the message is, by the monotonic clock; one writer each. */
enum stage { SENT, DATA, SIGNAL, RISK, EXECUTION, POSTING, ARRIVED, STAGES };

static struct shared {
    _Atomic int64_t at[STAGES];
    _Atomic int64_t synced[AGENT_COUNT + 1];    /* what the last fdatasync of that agent took; SIGNER: of its child */
    _Atomic int64_t intent;                 /* of them the one before the last order left */
} *shared;

#define SIGNER AGENT_COUNT
static enum party me = SIGNER;  /* until an agent is itself: the signer is forked before */
static char url[64], dir[512];

/* Takes the place of libc's for the journals of this program. */
int fdatasync(int fd)
{
    int64_t from = clock_now();
    int rc = (int)syscall(SYS_fdatasync, fd);
    shared->synced[me] = clock_now() - from;
    return rc;
}

static dec_t times(dec_t v, int64_t n, int places)
{
    return dec_mul(v, dec_scaled(n, -places));
}

static void fill_figures(struct sub_figure *f, size_t *n)
{
    for (*n = 0; *n < PARTS; ++*n) {
        struct sub_figure *g = &f[*n];
        *g = (struct sub_figure){.ok = true};
        snprintf(g->name, sizeof g->name, "figure.%zu", *n);
        TEXT_COPY(g->value, "+12.5");
    }
}

/* ---- data ---- */

static struct venue *venue;
static struct venue_stream *stream;

static void on_message(void *arg, const char *topic, const char *subject, const json_t *data, int64_t sn)
{
    struct agent *a = arg;
    static dec_t last;
    struct msg_market_candle m = {.source = BAR_LIVE};
    (void)topic;
    (void)sn;
    shared->at[DATA] = clock_now();
    if (strcmp(subject, "match") != 0 || codec_dec(data, "price", &m.close) < 0 ||
        codec_dec(data, "size", &m.volume) < 0)
        return;
    int64_t n = 0;
    must(dec_to_int(m.volume, &n) == ERR_OK);
    m.start_ns = n * NS_PER_MIN;
    m.open = dec_sign(last) > 0 ? last : m.close;
    m.high = dec_gt(m.open, m.close) ? m.open : m.close;
    m.low = dec_gt(m.open, m.close) ? m.close : m.open;
    last = m.close;
    TEXT_COPY(m.symbol, SYMBOL);
    TEXT_COPY(m.tf, "1m");
    agent_publish(a, TOPIC_MARKET_CANDLE, SYMBOL ".1m", MSG_MARKET_CANDLE, &m, NULL);
}

static void on_up(void *arg)
{
    (void)arg;
}

static void on_down(void *arg, const char *reason)
{
    (void)arg;
    log_warn("stream.down", LOG_S("reason", reason));
}

static void open_venue(struct agent *a, venue_sign *sign)
{
    const struct venue_options o = {
        .loop = agent_loop(a), .base_url = url, .timeout_ms = LOST_MS, .burst = 1000000, .public_rate = 1000000,
        .private_rate = 1000000, .sign = sign, .sign_arg = a,
    };
    must(venue_new(&o, &venue) == ERR_OK);
}

static void start_data(struct agent *a)
{
    const struct venue_stream_options o = {.on_up = on_up, .on_down = on_down, .on_message = on_message, .arg = a};
    open_venue(a, NULL);
    stream = venue_stream_open(venue, &o);
    venue_stream_subscribe(stream, "/contractMarket/execution:" SYMBOL, false);
}

/* ---- signal ---- */

static struct ta ta;

static void on_candle(struct agent *a, const struct event *e)
{
    static struct msg_signal_generated m;
    const struct msg_market_candle *c = e->msg;
    struct ta_bar bar;
    shared->at[SIGNAL] = clock_now();
    const struct candle k = {
        .start_ns = c->start_ns, .tf_ns = NS_PER_MIN, .open = dec_to_double(c->open), .high = dec_to_double(c->high),
        .low = dec_to_double(c->low), .close = dec_to_double(c->close), .volume = dec_to_double(c->volume),
    };
    ta_push(&ta, &k, &bar);
    m = (struct msg_signal_generated){
        .close_ns = c->start_ns + NS_PER_MIN, .batch_ns = e->now_ns, .side = SIDE_BUY, .combined = bar.rsi.v[0],
        .confidence = 80, .rank = 1, .batch_n = 1, .close_px = c->close, .atr = bar.atr.v[0],
    };
    uuid_make(m.signal_id);
    TEXT_COPY(m.strategy, "score");
    TEXT_COPY(m.symbol, c->symbol);
    TEXT_COPY(m.tf, c->tf);
    fill_figures(m.parts, &m.parts_n);
    agent_note(a, 1, &k, sizeof k, false);
    agent_publish_id(a, TOPIC_SIGNAL_GENERATED, NULL, MSG_SIGNAL_GENERATED, &m, m.signal_id, m.signal_id);
    log_info("signal", LOG_S("signal_id", m.signal_id), LOG_S("symbol", m.symbol), LOG_F("combined", m.combined));
}

/* ---- risk ---- */

static uint8_t secret[TOKEN_SECRET], account[16], boot_id[16];

static int init_risk(struct agent *a, char why[CONFIG_WHY_MAX])
{
    char text[40] = "";
    (void)why;
    token_account(config_text(agent_config(a), CFG_mode), config_text(agent_config(a), CFG_rest_url), account);
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    must(f != NULL && fscanf(f, "%36s", text) == 1 && token_uuid(text, boot_id) == ERR_OK);
    fclose(f);
    return ERR_OK;
}

static int64_t ticks(dec_t px)
{
    int64_t n = 0;
    must(dec_to_int(dec_round_to(dec_mul(px, dec_int(10)), dec_int(1), DEC_DOWN), &n) == ERR_OK);
    return n;
}

static void sign_token(struct msg_risk_approved *m, const uint8_t id[16], const uint8_t signal[16])
{
    static uint64_t counter;            /* grows over rounds too: the signer remembers the last one */
    struct timespec boot;
    must(clock_gettime(CLOCK_BOOTTIME, &boot) == 0);
    counter = counter == 0 ? (uint64_t)m->issued_ns : counter;
    struct token t = {
        .mode = TOKEN_PAPER, .leg = LEG_ENTRY, .side = m->side, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC,
        .key_id = TOKEN_KEY_ID, .max_leverage_x100 = (uint32_t)m->leverage * 100, .qty = m->qty,
        .price_ticks = ticks(m->price), .stop_ticks = ticks(m->stop_px), .floor_ticks = 1,
        .cap_ticks = INT64_C(1000000000), .max_notional_e6 = INT64_C(1000000000000000), .counter = ++counter,
        .issued_ns = m->issued_ns, .expires_ns = m->expires_ns, .config_hash = 1, .limits_version = 1,
        .expires_boot_ns = (int64_t)boot.tv_sec * NS_PER_S + boot.tv_nsec + (m->expires_ns - m->issued_ns),
    };
    memcpy(t.approval_id, id, 16);
    memcpy(t.signal_id, signal, 16);
    memcpy(t.account, account, 16);
    memcpy(t.boot_id, boot_id, 16);
    TEXT_COPY(t.symbol, m->symbol);
    must(token_sign(&t, secret, m->token) == ERR_OK);
    m->token_len = TOKEN_SIZE;
}

static void on_signal(struct agent *a, const struct event *e)
{
    static struct msg_risk_approved m;
    const struct msg_signal_generated *s = e->msg;
    uint8_t id[16], signal[16];
    shared->at[RISK] = clock_now();
    m = (struct msg_risk_approved){
        .side = s->side, .qty = s->close_ns / NS_PER_MIN - 1, .leverage = 2, .price = s->close_px,
        .stop_px = times(dec_int(ticks(times(s->close_px, 98, 2))), 1, 1), .tp1_px = times(s->close_px, 102, 2),
        .tp2_px = times(s->close_px, 104, 2), .decision_px = s->close_px, .atr = times(s->close_px, 1, 2),
        .margin = dec_int(100), .close_ns = s->close_ns, .issued_ns = e->now_ns, .expires_ns = e->now_ns + 4 * NS_PER_S,
    };
    uuid_make(m.approval_id);
    TEXT_COPY(m.signal_id, s->signal_id);
    must(token_uuid(m.approval_id, id) == ERR_OK && token_uuid(m.signal_id, signal) == ERR_OK);
    token_cl_ord_id(id, LEG_ENTRY, 1, m.cl_ord_id);
    TEXT_COPY(m.strategy, s->strategy);
    TEXT_COPY(m.symbol, s->symbol);
    fill_figures(m.checks, &m.checks_n);
    sign_token(&m, id, signal);
    agent_note(a, 1, id, sizeof id, true);
    agent_publish(a, TOPIC_RISK_APPROVED, NULL, MSG_RISK_APPROVED, &m, m.signal_id);
}

/* ---- execution ---- */

static struct exec_order order;
static struct trade trade;
static struct msg_risk_approved approved;

static int sign_request(void *arg, const char *method, const char *target, const void *body, size_t len,
                        char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX])
{
    char why[SIGNER_WHY_MAX] = "";
    struct body b;
    must(body_read(target, body, len, &b) == ERR_OK);
    const struct policy_request r = {
        .method = method, .target = target, .what = &b, .token = approved.token,
        .token_len = TOKEN_SIZE, .tick = dec_scaled(1, -1), .multiplier = dec_scaled(1, -3),
    };
    int n = signer_sign(&r, headers, why);
    (void)arg;
    if (n < 0)
        log_error("not.signed", LOG_S("why", why));
    return n;
}

static void on_placed(void *arg, const struct venue_answer *v)
{
    struct msg_order_placed m = {.order = order.o};
    if (v->outcome != VENUE_OK)
        log_error("not.placed", LOG_S("code", v->code), LOG_S("msg", v->msg));
    m.order.status = STATUS_NEW;
    agent_note(arg, 1, &order, sizeof order, true);
    agent_publish(arg, TOPIC_ORDER_PLACED, NULL, MSG_ORDER_PLACED, &m, m.order.signal_id);
}

static void post(struct agent *a, void *arg)
{
    struct jw w;
    struct body r = {
        .kind = BODY_ENTRY, .side = approved.side, .leverage = approved.leverage, .qty = approved.qty, .price = approved.price,
        .up_px = approved.tp2_px, .down_px = approved.stop_px,
    };
    (void)arg;
    shared->at[POSTING] = clock_now();
    shared->intent = shared->synced[me];
    TEXT_COPY(r.cl_ord_id, approved.cl_ord_id);
    TEXT_COPY(r.symbol, approved.symbol);
    jw_init(&w);
    body_write(&r, &w);
    venue_call(venue, VENUE_PRIVATE, "POST", ENTRY_TARGET, w.buf, on_placed, a);
    jw_fini(&w);
}

static void on_approved(struct agent *a, const struct event *e)
{
    shared->at[EXECUTION] = clock_now();
    approved = *(const struct msg_risk_approved *)e->msg;
    memset(&order, 0, sizeof order);
    TEXT_COPY(order.o.cl_ord_id, approved.cl_ord_id);
    TEXT_COPY(order.o.signal_id, approved.signal_id);
    TEXT_COPY(order.o.approval_id, approved.approval_id);
    TEXT_COPY(order.o.symbol, approved.symbol);
    order.o.leg = LEG_ENTRY;
    order.o.qty = approved.qty;
    order.o.price = approved.price;
    order.o.stop_px = approved.stop_px;
    agent_note(a, 2, &trade, sizeof trade, true);
    agent_note(a, 1, &order, sizeof order, true);
    agent_effect(a, post, NULL);
}

static void on_beat(void *arg)
{
    (void)arg;
    beats_say();
}

static void start_execution(struct agent *a)
{
    char why[SIGNER_WHY_MAX] = "";
    const struct config *c = agent_config(a);
    const struct policy_limits limits = {.config_hash = 1};
    signer_setup(&limits, 0, 1);
    beats_open(config_text(c, CFG_mode), config_text(c, CFG_rest_url));
    (void)loop_timer_new(agent_loop(a), 0, HEARTBEAT_MS, true, on_beat, NULL);
    must(signer_open("etc/keys/paper-account.conf", config_text(c, CFG_mode), config_text(c, CFG_rest_url), why) ==
         ERR_OK);
    open_venue(a, sign_request);
}

/* ---- the four, ours ---- */

static void on_other(struct agent *a, const struct event *e)
{
    (void)a;
    (void)e;
}

/* Whatever the agent is listed for is decoded, as by the real one. */
static const struct route *routes_of(enum party who, enum msg type, on_event *on)
{
    static struct route routes[TOPIC_COUNT + 1];
    size_t n = 0;
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (i != TOPIC_INBOX && (topic_defs[i].subscribers & (1u << who)))
            routes[n++] = (struct route){topic_defs[i].msg, topic_defs[i].msg == type ? on : on_other};
    return routes;
}

static void be(enum party who)
{
    static const struct {
        void (*start)(struct agent *a);
        int (*init)(struct agent *a, char why[CONFIG_WHY_MAX]);
        enum msg hears;
        on_event *on;
    } parts[AGENT_COUNT] = {
        [AGENT_DATA] = {start_data, NULL, MSG_COUNT, NULL},
        [AGENT_SIGNAL] = {NULL, NULL, MSG_MARKET_CANDLE, on_candle},
        [AGENT_RISK] = {NULL, init_risk, MSG_SIGNAL_GENERATED, on_signal},
        [AGENT_EXECUTION] = {start_execution, NULL, MSG_RISK_APPROVED, on_approved},
    };
    char log[600], option[] = "-i", name[] = "wire2order";
    char *argv[] = {name, option, dir, NULL};
    snprintf(log, sizeof log, "%s/log/%s.log", dir, party_name(who));
    if (freopen(log, "we", stderr) == NULL)
        _exit(EXIT_FAILURE);
    if (who == AGENT_EXECUTION && signer_fork() < 0)
        _exit(EXIT_FAILURE);
    me = who;
    if (who == AGENT_SIGNAL)
        ta_init(&ta);
    const struct agent_def def = {
        .id = who, .routes = routes_of(who, parts[who].hears, parts[who].on), .init = parts[who].init,
        .start = parts[who].start,
    };
    _exit(agent_main(&def, 3, argv));
}

/* ---- the four, bare ---- */

static double value_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at != NULL ? strtod(at + strlen(key), NULL) : 0;
}

static void bare_data(int wire, int next)
{
    uint8_t head[4], envelope[ENVELOPE] = {0};
    char text[FRAME_MAX];
    for (;;) {
        read_all(wire, head, 2);
        size_t n = head[1] & 0x7f;
        if (n == 126) {
            read_all(wire, head + 2, 2);
            n = (size_t)head[2] << 8 | head[3];
        }
        must(n < sizeof text);
        read_all(wire, text, n);
        text[n] = '\0';
        double price = value_after(text, "\"price\":\""), size = value_after(text, "\"size\":");
        memcpy(envelope, &price, sizeof price);
        memcpy(envelope + 8, &size, sizeof size);
        write_all(next, envelope, sizeof envelope);
    }
}

static void bare_signal(int from, int next)
{
    uint8_t envelope[ENVELOPE];
    double v[2], last = 0;
    struct ta_bar bar;
    ta_init(&ta);
    for (;;) {
        read_all(from, envelope, sizeof envelope);
        memcpy(v, envelope, sizeof v);
        last = last > 0 ? last : v[0];
        struct candle k = {
            .start_ns = (int64_t)v[1] * NS_PER_MIN, .tf_ns = NS_PER_MIN, .open = last, .high = last > v[0] ? last : v[0],
            .low = last > v[0] ? v[0] : last, .close = v[0], .volume = v[1],
        };
        last = v[0];
        ta_push(&ta, &k, &bar);
        memcpy(envelope + sizeof v, &bar.rsi.v[0], sizeof bar.rsi.v[0]);
        write_all(next, envelope, sizeof envelope);
    }
}

static void bare_risk(int from, int next)
{
    uint8_t envelope[ENVELOPE];
    for (;;) {
        read_all(from, envelope, sizeof envelope);
        write_all(next, envelope, sizeof envelope);
    }
}

static void bare_execution(int from, int wire)
{
    uint8_t envelope[ENVELOPE];
    char body[512], text[2048], answer[1024];
    double v[2];
    for (;;) {
        read_all(from, envelope, sizeof envelope);
        memcpy(v, envelope, sizeof v);
        int n = snprintf(body, sizeof body,
                         "{\"clientOid\":\"ME1000000000000000000000000000E01\",\"symbol\":\"" SYMBOL "\",\"side\":\"buy\","
                         "\"type\":\"limit\",\"marginMode\":\"ISOLATED\",\"leverage\":2,\"size\":%.0f,\"price\":\"%.1f\","
                         "\"timeInForce\":\"GTC\",\"stopPriceType\":\"TP\",\"triggerStopUpPrice\":\"%.1f\","
                         "\"triggerStopDownPrice\":\"%.1f\"}", v[1], v[0], v[0] * 1.04, v[0] * 0.98);
        int len = snprintf(text, sizeof text,
                           "POST /api/v1/st-orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                           "KC-API-KEY: 0123456789abcdef01234567\r\nKC-API-SIGN: %044d\r\nKC-API-TIMESTAMP: 1700000000000\r\n"
                           "KC-API-PASSPHRASE: %044d\r\nKC-API-KEY-VERSION: 3\r\nContent-Length: %d\r\n\r\n%s", 0, 0, n, body);
        write_all(wire, text, (size_t)len);
        if (read(wire, answer, sizeof answer) <= 0)
            _exit(EXIT_SUCCESS);
    }
}

/* ---- the exchange ---- */

struct conn {
    int fd;                     /* -1: free */
    bool stream;                /* frames */
    size_t len;
    char buf[8192];
};

static struct exchange {
    int listener;
    struct conn conns[CONNS];
    int64_t ordered;            /* number of the last order */
    int64_t ordered_ns;
} ours, bare;

static void exchange_add(struct exchange *x, int fd, bool is_stream)
{
    for (int i = 0; i < CONNS; i++)
        if (x->conns[i].fd < 0) {
            x->conns[i].fd = prompt(fd);
            x->conns[i].stream = is_stream;
            x->conns[i].len = 0;
            return;
        }
    must(!"more connections than expected");
}

static void exchange_init(struct exchange *x, int listener)
{
    x->listener = listener;
    for (int i = 0; i < CONNS; i++)
        x->conns[i].fd = -1;
}

static void send_frame(int fd, const char *text, size_t n)
{
    uint8_t frame[FRAME_MAX + WSFRAME_HEADER_MAX];
    must(n <= FRAME_MAX);
    size_t h = wsframe_header(frame, WSFRAME_TEXT, n);
    memcpy(frame + h, text, n);
    write_all(fd, frame, h + n);
}

static void answer(int fd, const char *json)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     strlen(json), json);
    write_all(fd, text, (size_t)n);
}

static void upgrade(struct conn *c)
{
    static const char welcome[] = "{\"id\":\"1\",\"type\":\"welcome\"}";
    char key[64] = "", accept[WSFRAME_ACCEPT_LEN + 1], text[256];
    const char *at = strcasestr(c->buf, "Sec-WebSocket-Key:");
    must(at != NULL && sscanf(at + 18, " %63[^\r\n ]", key) == 1);
    wsframe_accept(key, accept);
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
    write_all(c->fd, text, (size_t)n);
    c->stream = true;
    send_frame(c->fd, welcome, strlen(welcome));
}

/* One whole request at the start of the buffer; its length. */
static void serve(struct exchange *x, struct conn *c, const char *body)
{
    char json[256];
    if (strncmp(c->buf, "POST " ENTRY_TARGET " ", 5 + sizeof ENTRY_TARGET) == 0) {
        x->ordered_ns = clock_now();
        x->ordered = (int64_t)value_after(body, "\"size\":");
        answer(c->fd, "{\"code\":\"200000\",\"data\":{\"orderId\":\"1\",\"clientOid\":\"1\"}}");
    } else if (strcasestr(c->buf, "Sec-WebSocket-Key:") != NULL) {
        upgrade(c);
    } else {
        snprintf(json, sizeof json,
                 "{\"code\":\"200000\",\"data\":{\"token\":\"t\",\"instanceServers\":[{\"endpoint\":\"ws%s/\",\"encrypt\":false,"
                 "\"protocol\":\"websocket\",\"pingInterval\":18000,\"pingTimeout\":10000}]}}", url + 4);
        answer(c->fd, json);
    }
}

/* A subscription is acknowledged, a ping answered; the client waits for each before it sends the next. */
static void hear_frame(const struct conn *c, size_t n)
{
    const uint8_t *p = (const uint8_t *)c->buf;
    size_t h = (p[1] & 0x7f) == 126 ? 4 : 2, len = h == 4 ? (size_t)p[2] << 8 | p[3] : p[1] & 0x7fu;
    char text[FRAME_MAX] = "", id[32] = "", said[80];
    if (n < h + 4 + len || len >= sizeof text)
        return;
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(p[h + 4 + i] ^ p[h + i % 4]);
    const char *at = strstr(text, "\"id\":\"");
    if (at == NULL || sscanf(at + 6, "%31[^\"]", id) != 1)
        return;
    int k = snprintf(said, sizeof said, "{\"id\":\"%s\",\"type\":\"%s\"}", id,
                     strstr(text, "\"ping\"") != NULL ? "pong" : "ack");
    send_frame(c->fd, said, (size_t)k);
}

static void hear(struct exchange *x, struct conn *c)
{
    ssize_t k = read(c->fd, c->buf + c->len, sizeof c->buf - 1 - c->len);
    if (k <= 0) {
        close(c->fd);
        c->fd = -1;
        return;
    }
    if (c->stream) {
        hear_frame(c, (size_t)k);
        return;
    }
    c->len += (size_t)k;
    c->buf[c->len] = '\0';
    const char *end = strstr(c->buf, "\r\n\r\n"), *at = strcasestr(c->buf, "Content-Length:");
    if (end == NULL)
        return;
    size_t body = at != NULL && at < end ? strtoul(at + 15, NULL, 10) : 0;
    if (c->len < (size_t)(end + 4 - c->buf) + body)
        return;
    serve(x, c, end + 4);
    c->len = 0;                 /* nobody pipelines */
}

static void exchange_turn(struct exchange *x, int timeout_ms)
{
    struct pollfd p[CONNS + 1] = {{.fd = x->listener, .events = POLLIN}};
    for (int i = 0; i < CONNS; i++)
        p[i + 1] = (struct pollfd){.fd = x->conns[i].fd, .events = POLLIN};
    if (poll(p, CONNS + 1, timeout_ms) < 0)
        die("poll");
    for (int i = 0; i < CONNS; i++)
        if (p[i + 1].revents != 0)
            hear(x, &x->conns[i]);
    if (p[0].revents != 0)
        exchange_add(x, accept(x->listener, NULL, NULL), false);
}

/* Prices walk at random around 60,000 in ticks of 0.1. */
static bool send_trade(struct exchange *x, int64_t n)
{
    static uint64_t seed = 88172645463325252u;
    static int64_t px = 600000;
    char text[FRAME_MAX];
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    px += (int64_t)(seed % 41) - 20;
    int len = snprintf(text, sizeof text,
                       "{\"topic\":\"/contractMarket/execution:" SYMBOL "\",\"type\":\"message\",\"subject\":\"match\",\"sn\":%lld,"
                       "\"data\":{\"symbol\":\"" SYMBOL "\",\"sequence\":%lld,\"side\":\"buy\",\"size\":%lld,\"price\":\"%lld.%lld\","
                       "\"takerOrderId\":\"1000000000000001\",\"makerOrderId\":\"1000000000000002\",\"tradeId\":\"%lld\",\"ts\":%lld}}",
                       (long long)n, (long long)n, (long long)n, (long long)(px / 10), (long long)(px % 10), (long long)n,
                       (long long)clock_now());
    for (int i = 0; i < CONNS; i++)
        if (x->conns[i].fd >= 0 && x->conns[i].stream) {
            shared->at[SENT] = clock_now();
            send_frame(x->conns[i].fd, text, (size_t)len);
            return true;
        }
    return false;
}

static bool await_order(struct exchange *x, int64_t n, int64_t deadline_ns)
{
    while (x->ordered != n && clock_now() < deadline_ns)
        exchange_turn(x, 100);
    return x->ordered == n;
}

static void await_millisecond(void)
{
    int64_t at = (clock_now() / 1000000 + 1) * 1000000;
    const struct timespec t = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        continue;
}

/* ---- the run ---- */

static int64_t number_of_trade, lost;
static int64_t total[SAMPLES_MAX], step[STAGES][SAMPLES_MAX], approval[SAMPLES_MAX], intent[SAMPLES_MAX],
    use[SAMPLES_MAX], rest[SAMPLES_MAX], decided[SAMPLES_MAX];

static void measure(struct exchange *x, long n, bool stages)
{
    for (long i = -WARM_UP; i < n;) {
        await_millisecond();
        number_of_trade++;
        must(send_trade(x, number_of_trade));
        if (!await_order(x, number_of_trade, clock_now() + LOST_MS * INT64_C(1000000))) {
            lost++;
            continue;
        }
        if (i++ < 0)
            continue;
        shared->at[ARRIVED] = x->ordered_ns;
        total[i - 1] = x->ordered_ns - shared->at[SENT];
        if (!stages)
            continue;
        for (int k = 1; k < STAGES; k++)
            step[k][i - 1] = shared->at[k] - shared->at[k - 1];
        approval[i - 1] = shared->synced[AGENT_RISK];
        intent[i - 1] = shared->intent;
        use[i - 1] = shared->synced[SIGNER];
        rest[i - 1] = total[i - 1] - approval[i - 1] - intent[i - 1] - use[i - 1];
        decided[i - 1] = x->ordered_ns - shared->at[SIGNAL];
    }
}

struct round {
    struct quantiles ours, decided, bare, rest, approval, intent, use;
    double steps[STAGES];
    double ratio50, ratio99, ratio999, rest_ratio50, spread;
};

static void measure_round(struct round *r, long n)
{
    measure(&ours, n, true);
    r->ours = quantiles(total, n);
    r->approval = quantiles(approval, n);
    r->intent = quantiles(intent, n);
    r->use = quantiles(use, n);
    r->rest = quantiles(rest, n);
    r->decided = quantiles(decided, n);
    for (int k = 1; k < STAGES; k++)
        r->steps[k] = quantiles(step[k], n).p50;
    measure(&bare, n, false);
    r->bare = quantiles(total, n);
    r->ratio50 = r->ours.p50 / r->bare.p50;
    r->ratio99 = r->ours.p99 / r->bare.p99;
    r->ratio999 = r->ours.p999 / r->bare.p999;
    r->rest_ratio50 = r->rest.p50 / r->bare.p50;
    r->spread = r->ours.p99 / r->ours.p50;
}

static void print_rounds(const struct round *r, long rounds)
{
    size_t stride = sizeof *r / sizeof(double);
    static const char *const steps[STAGES] = {
        [DATA] = "  exchange -> data", [SIGNAL] = "  data -> signal", [RISK] = "  signal -> risk",
        [EXECUTION] = "  risk: token, fdatasync -> execution", [POSTING] = "  execution: intent, fdatasync",
        [ARRIVED] = "  signer, HTTP -> exchange",
    };
    print_line("ours p50", " us", &r->ours.p50, stride, rounds);
    print_line("ours p99", " us", &r->ours.p99, stride, rounds);
    print_line("ours p99.9", " us", &r->ours.p999, stride, rounds);
    print_line("signal to order p50, goal 2000", " us", &r->decided.p50, stride, rounds);
    print_line("signal to order p99, goal 10000", " us", &r->decided.p99, stride, rounds);
    for (int k = 1; k < STAGES; k++)
        print_line(steps[k], " us", &r->steps[k], stride, rounds);
    print_line("of which fdatasync of the approval p50", " us", &r->approval.p50, stride, rounds);
    print_line("of which fdatasync of the intent p50", " us", &r->intent.p50, stride, rounds);
    print_line("of which fdatasync of the token's use p50", " us", &r->use.p50, stride, rounds);
    print_line("ours without the three p50", " us", &r->rest.p50, stride, rounds);
    print_line("unix p50", " us", &r->bare.p50, stride, rounds);
    print_line("unix p99", " us", &r->bare.p99, stride, rounds);
    print_line("unix p99.9", " us", &r->bare.p999, stride, rounds);
    print_line("ratio p50, goal 3.0", "", &r->ratio50, stride, rounds);
    print_line("ratio p99", "", &r->ratio99, stride, rounds);
    print_line("ratio p99.9", "", &r->ratio999, stride, rounds);
    print_line("ratio p50 without the three fdatasync", "", &r->rest_ratio50, stride, rounds);
    print_line("ours p99 : p50, goal 2.0", "", &r->spread, stride, rounds);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    if (f == NULL || fputs(text, f) == EOF || fclose(f) != 0)
        die(path);
}

static void make_keys(void)
{
    char path[600], why[SIGNKEY_WHY_MAX];
    snprintf(path, sizeof path, "%s/etc/keys", dir);
    must(signkey_load(path, "risk", secret, why) == ERR_OK);
    snprintf(path, sizeof path, "%s/etc/keys/paper-account.conf", dir);
    write_text(path, "key = 0123456789abcdef01234567\nsecret = 00000000-0000-0000-0000-000000000000\npassphrase = bench\n");
}

static pid_t pids[8];
static int n_pids;

static bool begin(void)
{
    pid_t pid = child();
    if (pid != 0)
        pids[n_pids++] = pid;
    return pid == 0;
}

static void start_ours(void)
{
    static const enum party four[] = {AGENT_DATA, AGENT_SIGNAL, AGENT_RISK, AGENT_EXECUTION};
    struct sockaddr_in at;
    exchange_init(&ours, listen_any(&at));
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    for (int i = 0; i < 4; i++)
        if (begin())
            be(four[i]);
    for (int64_t deadline = clock_now() + 20 * NS_PER_S; clock_now() < deadline;) {
        number_of_trade++;
        if (send_trade(&ours, number_of_trade) && await_order(&ours, number_of_trade, clock_now() + 500 * NS_PER_MS))
            return;
        exchange_turn(&ours, 20);
    }
    fprintf(stderr, "wire2order: no order came; %s/log says why\n", dir);
    exit(EXIT_FAILURE);
}

static void start_bare(void)
{
    struct sockaddr_in at;
    int pairs[3][2];
    exchange_init(&bare, listen_any(&at));
    for (int i = 0; i < 3; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]) < 0)
            die("socketpair");
    if (begin())
        bare_data(connect_to(&at), pairs[0][0]);
    exchange_add(&bare, accept(bare.listener, NULL, NULL), true);
    if (begin())
        bare_signal(pairs[0][1], pairs[1][0]);
    if (begin())
        bare_risk(pairs[1][1], pairs[2][0]);
    if (begin())
        bare_execution(pairs[2][1], connect_to(&at));
}

int main(int argc, char **argv)
{
    static struct round r[ROUNDS_MAX];
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: wire2order INSTANCE-DIR [ROUNDS [SAMPLES]]\n");
        return 2;
    }
    long rounds = argc > 2 ? number(argv[2], 1, ROUNDS_MAX) : 5;
    long n = argc > 3 ? number(argv[3], 100, SAMPLES_MAX) : 2000;
    if (realpath(argv[1], dir) == NULL)
        die(argv[1]);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED);
    make_keys();
    start_bare();
    start_ours();
    for (long i = 0; i < rounds; i++)
        measure_round(&r[i], n);
    printf("%ld rounds of %ld trades: median (lowest-highest)\n", rounds, n);
    print_rounds(r, rounds);
    printf("orders that did not come: %lld\n", (long long)lost);
    for (int i = 0; i < n_pids; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    return lost == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
