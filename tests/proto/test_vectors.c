/* proto/vectors/envelope.json is made from the tables below; other languages check themselves by
 * it.
 *
 *     test_vectors            compares the file with the tables, and our decoder with both
 *     test_vectors --write    writes the file
 *
 * Runs in the project's root.  "decoded" is printed from the structs, not from the bytes, so that a
 * reader of the bytes has something of its own to compare with.
 */
#include "tests/runner.h"

#include <string.h>

#include "proto/envelope.h"
#include "proto/err.h"
#include "proto/topics.h"

#define PATH "proto/vectors/envelope.json"
#define N(a) (sizeof(a) / sizeof(a)[0])

#define T0_MS   1722808800000 /* 2024-08-04T22:00Z */
#define T0_NS   (T0_MS * 1000000)
#define UUID(n) "00000000-0000-4000-8000-0000000000" n
#define STORY   UUID("03") /* the signal that the messages of a trade are about */

/* ---- the tables ---- */

static const struct msg_agent_hb agent_hb = {
    .life = LIFE_ACTIVE,
    .pid = 4711,
    .epoch = 3,
    .stream = 281474976710656,
    .protocol = 1,
    .build = "1.0.0",
    .config_hash = "0123456789abcdef",
    .uptime_ms = 123456,
    .lag_ms = 2,
    .fresh_ms = -1,
    .queue = 0,
    .lsn = 65536,
    .errors = 0,
    .gaps_open = 0,
    .gaps_repaired = 128,
    .rss_kb = 9216,
    .cpu_ms = 255,
    .detail = "",
    .last = {{"", "risk.approved", 17}, {"", "risk.rejected", 200}},
    .last_n = 2,
    .cursors = {{"signal", "signal.generated", 217}},
    .cursors_n = 1,
    .anchors = {{"signal", 81985529216486895, 2, 4242, {0xba, 0xd0}, 32}},
    .anchors_n = 1,
};
static const struct msg_health_degraded health_degraded = {
    .component = "bus",
    .severity = SEVERITY_HIGH,
    .code = "REFUSED",
    .text = "may not publish: \"guest\" \xe2\x82\xac",
    .sender = "guest",
    .topic = "risk.approved",
    .count = 3,
    .cleared = false,
};
static const struct msg_signal_generated signal_generated = {
    .signal_id = "XBTUSDTM-1m-1722808800000-B",
    .strategy = "score",
    .symbol = "XBTUSDTM",
    .tf = "1m",
    .close_ns = T0_NS,
    .batch_ns = T0_NS + 2000000000,
    .side = SIDE_BUY,
    .primary_score = 62,
    .confirm_score = -5,
    .combined = 41.9,
    .alignment = ALIGN_PARTIAL,
    .confidence = 0.75,
    .rank_score = 54.4,
    .rank = 1,
    .batch_n = 2,
    .atr = 85.125,
    .atr_day = 0.03125,
    .gamma = 0.5,
    .gamma_valid = true,
    .g = -0.25,
    .kappa = 1,
    .cascade = 1.5,
    .parts = {{"rsi", "12", "", true}, {"macd", "-7.5", "10", false}},
    .parts_n = 2,
};
static const struct msg_risk_approved risk_approved = {
    .approval_id = "A-17",
    .signal_id = "XBTUSDTM-1m-1722808800000-B",
    .cl_ord_id = "E-A-17",
    .strategy = "score",
    .symbol = "XBTUSDTM",
    .side = SIDE_BUY,
    .qty = 12,
    .leverage = 18,
    .close_ns = T0_NS,
    .issued_ns = T0_NS + 2100000000,
    .expires_ns = T0_NS + 7100000000,
    .token = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0xe2, 0x28},
    .token_len = 8,
    .checks = {{"heat", "0.012", "0.06", true}},
    .checks_n = 1,
};
static const struct msg_risk_rejected risk_rejected = {
    .signal_id = "ETHUSDTM-1m-1722808800000-S",
    .strategy = "score",
    .symbol = "ETHUSDTM",
    .side = SIDE_SELL,
    .reason = "RANK",
    .text = "rank 4 of 5, 3 are taken",
    .close_ns = T0_NS,
    .checks = {{"rank", "4", "3", false}},
    .checks_n = 1,
};
static const struct msg_order_filled order_filled = {
    .order = {.cl_ord_id = "E-A-17",
              .order_id = "234125150956625920",
              .signal_id = "XBTUSDTM-1m-1722808800000-B",
              .approval_id = "A-17",
              .symbol = "XBTUSDTM",
              .leg = LEG_ENTRY,
              .side = SIDE_BUY,
              .ord_type = ORD_LIMIT,
              .qty = 12,
              .cum_qty = 5,
              .status = STATUS_PARTIAL,
              .market_ns = T0_NS + 2500000000},
    .exec_id = "1828954878212",
    .last_qty = 5,
    .taker = false,
    .fill_ns = T0_NS + 2500000000,
};
static const struct msg_position_closed position_closed = {
    .position = {.symbol = "XBTUSDTM",
                 .signal_id = "XBTUSDTM-1m-1722808800000-B",
                 .side = SIDE_BUY,
                 .version = 9,
                 .qty = 0,
                 .max_qty = 12,
                 .leverage = 18,
                 .exit_reason = "STOP",
                 .opened_ns = T0_NS + 2500000000,
                 .closed_ns = T0_NS + 1802500000000},
};
static const struct msg_market_candle market_candle = {
    .symbol = "XBTUSDTM",
    .tf = "1m",
    .start_ns = T0_NS - 60000000000,
    .source = BAR_LIVE,
    .warm = false,
};
static const struct msg_error_reply error_reply = {.code = "STATE",
                                                   .text = "not allowed in this state"};
static const struct msg_agent_status agent_status;

/* Decimals are no constants in C: set here, by key. */
#define F_STR(name, size)
#define F_ENUM(name, type)
#define F_DEC(name)                                                                                \
    if (strcmp(key, #name) == 0)                                                                   \
        m->name = dec_lit(value);
#define F_TIME(name)
#define F_INT(name)
#define F_DBL(name)
#define F_BOOL(name)
#define F_BIN(name, size)
#define F_LIST(name, sub, max)
#define F_SUB(name, sub) set_sub_##sub(&m->name, key, value);
#define SUB(id)                                                                                    \
    __attribute__((unused)) static void set_sub_##id(struct sub_##id *m, const char *key,          \
                                                     const char *value)                            \
    {                                                                                              \
        (void)m, (void)key, (void)value;
#define SUB_END(id) }
#define MSG(ID, id, action, version)                                                               \
    static void set_##id(void *any, const char *key, const char *value)                            \
    {                                                                                              \
        struct msg_##id *m = any;                                                                  \
        (void)m, (void)key, (void)value;
#define END(id) }
#include "proto/messages.def"
#include "proto/messages_undef.h"

/* The struct as JSON. */
static void print_text(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            fputc('\\', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

static void print_hex(FILE *f, const void *bytes, size_t n)
{
    fputc('"', f);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%02x", ((const uint8_t *)bytes)[i]);
    fputc('"', f);
}

static void print_dec(FILE *f, dec_t v)
{
    char buf[DEC_TEXT_MAX];
    print_text(f, dec_format(v, buf));
}

#define KEY(name)          fprintf(f, "%s\"%s\": ", sep, #name), sep = ", ";
#define F_STR(name, size)  KEY(name) print_text(f, m->name);
#define F_ENUM(name, type) KEY(name) print_text(f, type##_name(m->name));
#define F_DEC(name)        KEY(name) print_dec(f, m->name);
#define F_TIME(name)       KEY(name) fprintf(f, "%lld", (long long)m->name);
#define F_INT(name)        KEY(name) fprintf(f, "%lld", (long long)m->name);
#define F_DBL(name)        KEY(name) fprintf(f, "%.15g", m->name);
#define F_BOOL(name)       KEY(name) fputs(m->name ? "true" : "false", f);
#define F_BIN(name, size)                                                                          \
    KEY(name) fputs("{\"hex\": ", f);                                                              \
    print_hex(f, m->name, m->name##_len);                                                          \
    fputc('}', f);
#define F_SUB(name, sub) KEY(name) print_sub_##sub(f, &m->name);
#define F_LIST(name, sub, max)                                                                     \
    KEY(name) fputc('[', f);                                                                       \
    for (size_t i = 0; i < m->name##_n; i++) {                                                     \
        fputs(i > 0 ? ", " : "", f);                                                               \
        print_sub_##sub(f, &m->name[i]);                                                           \
    }                                                                                              \
    fputc(']', f);
#define SUB(id)                                                                                    \
    static void print_sub_##id(FILE *f, const struct sub_##id *m)                                  \
    {                                                                                              \
        const char *sep = "{";
#define SUB_END(id)                                                                                \
    (void)sep;                                                                                     \
    fputc('}', f);                                                                                 \
    }
#define MSG(ID, id, action, version)                                                               \
    static void print_##id(FILE *f, const void *any)                                               \
    {                                                                                              \
        const struct msg_##id *m = any;                                                            \
        const char *sep = ", ";                                                                    \
        (void)m, (void)sep;                                                                        \
        fprintf(f, "{\"v\": %d", version);
#define END(id)                                                                                    \
    fputc('}', f);                                                                                 \
    }
#include "proto/messages.def"
#include "proto/messages_undef.h"

#define SUB(id)
#define SUB_END(id)
#define END(id)
#include "proto/messages_nofields.h"
static const struct {
    void (*set)(void *msg, const char *key, const char *value);
    void (*print)(FILE *f, const void *msg);
} fields[MSG_COUNT] = {
#define MSG(ID, id, action, version) [MSG_##ID] = {set_##id, print_##id},
#include "proto/messages.def"
#include "proto/messages_undef.h"
};

struct decimal {
    const char *key, *value;
};
struct vector {
    const char *name, *topic, *id, *to, *correlation_id;
    enum party from;
    enum msg_type type;
    enum priority priority;
    struct header header; /* but for what the envelope says too */
    int64_t after_ms;     /* since T0 */
    enum msg msg;
    const void *content;
    struct decimal decimals[16];
};
#define CARRIES(ID, name) .msg = MSG_##ID, .content = &name

static const struct vector vectors[] = {
    {"heartbeat",
     "agent.hb",
     UUID("01"),
     "*",
     "",
     AGENT_RISK,
     TYPE_EVENT,
     PRIORITY_NORMAL,
     {.class = DUR_L, .epoch = 3, .seq = 247, .ttl_ms = 1500},
     500,
     CARRIES(AGENT_HB, agent_hb)},
    {"health degraded",
     "health.degraded",
     UUID("02"),
     "*",
     "",
     AGENT_BROKER,
     TYPE_EVENT,
     PRIORITY_HIGH,
     {.class = DUR_L, .epoch = 1, .seq = 1, .ttl_ms = 0},
     501,
     CARRIES(HEALTH_DEGRADED, health_degraded)},
    {"signal generated",
     "signal.generated",
     STORY,
     "*",
     "",
     AGENT_SIGNAL,
     TYPE_EVENT,
     PRIORITY_NORMAL,
     {.class = DUR_D1, .epoch = 2, .seq = 218},
     2000,
     CARRIES(SIGNAL_GENERATED, signal_generated),
     .decimals = {{"close_px", "61234.5"}}},
    {"risk approved, with a token",
     "risk.approved",
     UUID("04"),
     "*",
     STORY,
     AGENT_RISK,
     TYPE_EVENT,
     PRIORITY_HIGH,
     {.class = DUR_D2, .epoch = 3, .seq = 18, .ttl_ms = 5000},
     2100,
     CARRIES(RISK_APPROVED, risk_approved),
     .decimals = {{"price", "61231.2"},
                  {"stop_px", "60937"},
                  {"tp1_px", "61672.5"},
                  {"tp2_px", "62113.8"},
                  {"decision_px", "61234.5"},
                  {"atr", "85.125"},
                  {"margin", "40.82"}}},
    {"risk rejected",
     "risk.rejected",
     UUID("05"),
     "*",
     UUID("a0"),
     AGENT_RISK,
     TYPE_EVENT,
     PRIORITY_NORMAL,
     {.class = DUR_D1, .epoch = 3, .seq = 201},
     2101,
     CARRIES(RISK_REJECTED, risk_rejected)},
    {"order filled in part",
     "order.filled",
     UUID("06"),
     "*",
     STORY,
     AGENT_EXECUTION,
     TYPE_EVENT,
     PRIORITY_HIGH,
     {.class = DUR_D2, .epoch = 4294967295, .seq = 4294967296},
     2550,
     CARRIES(ORDER_FILLED, order_filled),
     .decimals = {{"price", "61231.2"},
                  {"avg_px", "61231.2"},
                  {"last_px", "61231.2"},
                  {"fee", "0.06123120"}}},
    {"position closed",
     "position.closed",
     UUID("07"),
     "*",
     STORY,
     AGENT_EXECUTION,
     TYPE_EVENT,
     PRIORITY_HIGH,
     {.class = DUR_D2, .epoch = 1, .seq = 7},
     1802600,
     CARRIES(POSITION_CLOSED, position_closed),
     .decimals = {{"multiplier", "0.001"},
                  {"entry_px", "61231.2"},
                  {"decision_px", "61234.5"},
                  {"stop_px", "60937"},
                  {"tp1_px", "61672.5"},
                  {"tp2_px", "62113.8"},
                  {"exit_px", "60936.9"},
                  {"gross_pnl", "-3.5316"},
                  {"fees", "0.5856"},
                  {"funding", "-0.0001"},
                  {"slippage", "-0.0408"},
                  {"net_pnl", "-4.1173"}}},
    {"market candle",
     "market.candle.XBTUSDTM.1m",
     UUID("08"),
     "*",
     "",
     AGENT_DATA,
     TYPE_EVENT,
     PRIORITY_LOW,
     {.class = DUR_V, .epoch = 1, .seq = 1001, .ttl_ms = 60000},
     10,
     CARRIES(MARKET_CANDLE, market_candle),
     .decimals = {{"open", "61200"},
                  {"high", "61240.1"},
                  {"low", "61199.9"},
                  {"close", "61234.5"},
                  {"volume", "10482"}}},
    {"agent status, a request",
     "agent.risk",
     UUID("09"),
     "risk",
     "",
     AGENT_GUEST,
     TYPE_REQUEST,
     PRIORITY_NORMAL,
     {.class = DUR_V, .seq = 1, .ttl_ms = 1000},
     3000,
     CARRIES(AGENT_STATUS, agent_status)},
    {"error reply, to that request",
     "agent.guest.17",
     UUID("0a"),
     "guest",
     UUID("09"),
     AGENT_RISK,
     TYPE_RESPONSE,
     PRIORITY_NORMAL,
     {.class = DUR_V, .epoch = 3, .seq = 1},
     3001,
     CARRIES(ERROR_REPLY, error_reply)},
};

/* Bytes that must be refused, as they are ... */
static const struct raw {
    const char *name, *bytes;
    size_t len;
    int err;
} raws[] = {
#define RAW(name, text, err)                                                                       \
    {                                                                                              \
        name, text, sizeof text - 1, err                                                           \
    }
    RAW("nothing", "", ERR_TRUNCATED),
    RAW("a map of 2^32-1 pairs in seven bytes", "\xdf\xff\xff\xff\xff\xff\x0a", ERR_TRUNCATED),
    RAW("an array of 2^31-1 elements in five bytes", "\xdd\x7f\xff\xff\xff", ERR_TRUNCATED),
    RAW("a text longer than the body",
        "\xdb\xff\xff\xff\xff"
        "a",
        ERR_TRUNCATED),
    RAW("nine arrays deep", "\x91\x91\x91\x91\x91\x91\x91\x91\x90", ERR_DEPTH),
    RAW("a key twice",
        "\x82\xa1"
        "a\x00\xa1"
        "a\x00",
        ERR_DUPLICATE),
    RAW("a key that is an integer", "\x81\x01\x00", ERR_TYPE),
    RAW("an extension type",
        "\x81\xa1"
        "a\xd4\x01\x00",
        ERR_TYPE),
    RAW("an array", "\x90", ERR_TYPE),
    RAW("an empty map", "\x80", ERR_MISSING),
    RAW("two objects", "\x80\x80", ERR_TRAILING),
};

/* ... or made from a vector's body by replacing some bytes. */
static const struct changed {
    const char *name;
    enum msg base;
    const char *was, *now;
    size_t len;
    int err;
} changes[] = {
#define CHANGED(name, base, was, now, err)                                                         \
    {                                                                                              \
        name, MSG_##base, was, now, sizeof now - 1, err                                            \
    }
    CHANGED("id in capitals", RISK_REJECTED, "000000a0", "000000A0", ERR_SYNTAX),
    CHANGED("from nobody", RISK_REJECTED,
            "\xa4"
            "from\xa4risk",
            "\xa4"
            "from\xa4rosk",
            ERR_UNKNOWN),
    CHANGED("to nobody", RISK_REJECTED, "\xa2to\xa1*", "\xa2to\xa1?", ERR_UNKNOWN),
    CHANGED("type in small letters", RISK_REJECTED,
            "\xa5"
            "EVENT",
            "\xa5"
            "event",
            ERR_UNKNOWN),
    CHANGED("priority of no list", RISK_REJECTED, "\xa6NORMAL", "\xa6URGENT", ERR_UNKNOWN),
    CHANGED("no priority", RISK_REJECTED, "priority", "Priority", ERR_MISSING),
    CHANGED("correlationId under another name", RISK_REJECTED, "correlationId", "correlation_i",
            ERR_UNKNOWN),
    CHANGED("timestamp as a float", RISK_REJECTED, "timestamp\xcf", "timestamp\xcb", ERR_TYPE),
    CHANGED("text that is not UTF-8", RISK_REJECTED, "rank 4", "rank \xff", ERR_UTF8),
    CHANGED("text with a NUL", RISK_APPROVED, "\xa8XBTUSDTM", "\xa8XBTUSDT\0", ERR_UTF8),
    CHANGED("payload of another version", RISK_REJECTED, "\xa1v\x01", "\xa1v\x02", ERR_VERSION),
    CHANGED("payload's version as true", RISK_REJECTED, "\xa1v\x01", "\xa1v\xc3", ERR_TYPE),
    CHANGED("payload without reason", RISK_REJECTED, "\xa6reason", "\xa6Reason", ERR_MISSING),
    CHANGED("side in small letters", RISK_APPROVED,
            "\xa3"
            "BUY",
            "\xa3"
            "buy",
            ERR_UNKNOWN),
    CHANGED("price with a comma", RISK_APPROVED, "61231.2", "61,2312", ERR_SYNTAX),
    CHANGED("price with a plus sign", RISK_APPROVED, "61231.2", "+1231.2", ERR_SYNTAX),
    CHANGED("qty as nil", RISK_APPROVED, "\xa3qty\x0c", "\xa3qty\xc0", ERR_TYPE),
};

/* ---- making the bytes ---- */

static void build(const struct vector *v, uint8_t header[HEADER_SIZE], struct wbuf *w,
                  void **ret_msg)
{
    int64_t sent_ms = T0_MS + v->after_ms;
    struct header h = v->header;
    h.sender = v->from;
    h.sent_ns = sent_ms * 1000000 + 999999;
    header_encode(&h, header);
    struct envelope e = {
        .from = v->from, .type = v->type, .priority = v->priority, .timestamp_ms = sent_ms};
    strcpy(e.id, v->id);
    strcpy(e.to, v->to);
    strcpy(e.action, msg_defs[v->msg].action);
    strcpy(e.correlation_id, v->correlation_id);
    void *msg = malloc(msg_defs[v->msg].size);
    memcpy(msg, v->content, msg_defs[v->msg].size);
    for (const struct decimal *d = v->decimals; d->key != NULL; d++)
        fields[v->msg].set(msg, d->key, d->value);
    wbuf_init(w, ENVELOPE_MAX);
    must(envelope_pack(&e, v->msg, msg, w) == ERR_OK); /* not check's: --write runs outside of it */
    *ret_msg = msg;
}

static void change(const struct changed *c, struct wbuf *w)
{
    const struct vector *v = vectors;
    while (v->msg != c->base)
        v++;
    uint8_t header[HEADER_SIZE];
    void *msg;
    build(v, header, w, &msg);
    free(msg);
    uint8_t *at = memmem(w->data, w->len, c->was, c->len);
    must(at != NULL);
    memcpy(at, c->now, c->len);
}

/* ---- the file ---- */

static void print_vector(FILE *f, const struct vector *v)
{
    uint8_t header[HEADER_SIZE];
    struct wbuf w;
    void *msg;
    build(v, header, &w, &msg);
    int64_t sent_ms = T0_MS + v->after_ms;
    fprintf(f, "  {\"name\": \"%s\",\n   \"topic\": \"%s\",\n   \"header_hex\": ", v->name,
            v->topic);
    print_hex(f, header, sizeof header);
    fprintf(f, ",\n   \"body_hex\": ");
    print_hex(f, w.data, w.len);
    fprintf(f, ",\n   \"decoded\": {\n");
    fprintf(f, "     \"header\": {\"version\": %d, \"class\": \"%s\", \"sender\": \"%s\", ",
            HEADER_VERSION, durability_name(v->header.class), party_name(v->from));
    fprintf(f, "\"epoch\": %u, \"seq\": %llu, \"sent_ns\": %lld, \"ttl_ms\": %u},\n",
            v->header.epoch, (unsigned long long)v->header.seq,
            (long long)(sent_ms * 1000000 + 999999), v->header.ttl_ms);
    fprintf(f, "     \"body\": {\"id\": \"%s\", \"from\": \"%s\", \"to\": \"%s\", ", v->id,
            party_name(v->from), v->to);
    fprintf(f,
            "\"type\": \"%s\", \"action\": \"%s\",\n       \"payload\": ", msg_type_name(v->type),
            msg_defs[v->msg].action);
    fields[v->msg].print(f, msg);
    fprintf(f, ",\n       \"timestamp\": %lld, ", (long long)sent_ms);
    if (v->correlation_id[0] != '\0')
        fprintf(f, "\"correlationId\": \"%s\", ", v->correlation_id);
    fprintf(f, "\"priority\": \"%s\"}}},\n", priority_name(v->priority));
    free(msg);
    wbuf_fini(&w);
}

static void print_refused(FILE *f, const char *name, const void *bytes, size_t len, int err,
                          bool last)
{
    fprintf(f, "  {\"name\": \"%s\",\n   \"body_hex\": ", name);
    print_hex(f, bytes, len);
    fprintf(f, ",\n   \"error\": \"%s\"}%s\n", err_name(err), last ? "" : ",");
}

static void print_all(FILE *f)
{
    fputs("[\n", f);
    for (size_t i = 0; i < N(vectors); i++)
        print_vector(f, &vectors[i]);
    for (size_t i = 0; i < N(raws); i++)
        print_refused(f, raws[i].name, raws[i].bytes, raws[i].len, raws[i].err, false);
    for (size_t i = 0; i < N(changes); i++) {
        struct wbuf w;
        change(&changes[i], &w);
        print_refused(f, changes[i].name, w.data, w.len, changes[i].err, i == N(changes) - 1);
        wbuf_fini(&w);
    }
    fputs("]\n", f);
}

/* ---- the tests ---- */

START_TEST(the_file_says_what_our_encoder_makes)
{
    char *want = NULL;
    size_t n = 0, got = 0;
    FILE *f = open_memstream(&want, &n);
    ck_assert_ptr_nonnull(f);
    print_all(f);
    fclose(f);
    f = fopen(PATH, "rb");
    ck_assert_msg(f != NULL, "%s is not there: run in the project's root", PATH);
    char *file = malloc(n + 1);
    got = fread(file, 1, n + 1, f);
    fclose(f);
    size_t same = 0;
    while (same < n && same < got && file[same] == want[same])
        same++;
    ck_assert_msg(same == n && got == n, "%s differs at byte %zu; --write makes it anew", PATH,
                  same);
    free(file);
    free(want);
}
END_TEST

/* As a receiver does it, to the payload. */
static int receive(const void *body, size_t len, struct envelope *e, void **ret_msg)
{
    struct envelope_parser p;
    enum msg type = MSG_COUNT;
    const char *bad;
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, body, len);
    int err = envelope_unpack(&p, copy, len, e);
    if (err == ERR_OK)
        err = msg_by_action(e->action, &type);
    if (err == ERR_OK) {
        *ret_msg = calloc(1, msg_defs[type].size);
        err = msg_defs[type].unpack(e->payload, *ret_msg, &bad);
    }
    envelope_parser_fini(&p);
    free(copy);
    return err;
}

START_TEST(our_decoder_accepts_each_vector)
{
    for (size_t i = 0; i < N(vectors); i++) {
        const struct vector *v = &vectors[i];
        uint8_t bytes[HEADER_SIZE];
        struct wbuf w, again;
        void *msg, *got = NULL;
        struct header h;
        struct envelope e;
        build(v, bytes, &w, &msg);
        ck_assert_int_eq(header_decode(bytes, &h), ERR_OK);
        int err = receive(w.data, w.len, &e, &got);
        ck_assert_msg(err == ERR_OK, "%s: %s", v->name, err_name(err));
        ck_assert_int_eq(envelope_agrees(&e, &h), ERR_OK);
        wbuf_init(&again, ENVELOPE_MAX);
        ck_assert_int_eq(envelope_pack(&e, v->msg, got, &again), ERR_OK);
        ck_assert_uint_eq(again.len, w.len);
        ck_assert_mem_eq(again.data, w.data, w.len);
        wbuf_fini(&again);
        wbuf_fini(&w);
        free(msg);
        free(got);
    }
}
END_TEST

START_TEST(each_vector_could_be_seen_on_its_topic)
{
    for (size_t i = 0; i < N(vectors); i++) {
        const struct vector *v = &vectors[i];
        enum topic topic;
        ck_assert_int_eq(topic_find(v->topic, &topic), ERR_OK);
        ck_assert_int_eq(topic_defs[topic].class, v->header.class);
        ck_assert(topic_defs[topic].msg == MSG_ANY || topic_defs[topic].msg == v->msg);
        ck_assert(topic_may_publish(topic, v->from));
    }
}
END_TEST

START_TEST(our_decoder_refuses_each_bad_body_for_the_reason_given)
{
    struct envelope e;
    for (size_t i = 0; i < N(raws); i++) {
        void *msg = NULL;
        int err = receive(raws[i].bytes, raws[i].len, &e, &msg);
        free(msg);
        ck_assert_msg(err == raws[i].err, "%s: %s", raws[i].name, err_name(err));
    }
    for (size_t i = 0; i < N(changes); i++) {
        struct wbuf w;
        void *msg = NULL;
        change(&changes[i], &w);
        int err = receive(w.data, w.len, &e, &msg);
        free(msg);
        wbuf_fini(&w);
        ck_assert_msg(err == changes[i].err, "%s: %s", changes[i].name, err_name(err));
    }
}
END_TEST

static int write_file(void)
{
    FILE *f = fopen(PATH, "wb");
    if (f == NULL) {
        perror(PATH);
        return EXIT_FAILURE;
    }
    print_all(f);
    return fclose(f) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const TTest *const tests[] = {
        the_file_says_what_our_encoder_makes,
        our_decoder_accepts_each_vector,
        each_vector_could_be_seen_on_its_topic,
        our_decoder_refuses_each_bad_body_for_the_reason_given,
    };
    if (argc == 2 && strcmp(argv[1], "--write") == 0)
        return write_file();
    return runner_main("vectors", tests, N(tests));
}
