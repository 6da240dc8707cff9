#include "tests/runner.h"

#include <string.h>

#include "proto/envelope.h"
#include "proto/err.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

static const struct header some_header = {
    .class = DUR_D2,
    .sender = AGENT_RISK,
    .epoch = 0x01020304,
    .seq = 0x1112131415161718,
    .sent_ns = 1722808800123456789,
    .ttl_ms = 0xa1a2a3a4,
};
static const struct envelope some_envelope = {
    .id = "00112233-4455-6677-8899-aabbccddeeff",
    .from = AGENT_RISK,
    .to = "*",
    .type = TYPE_EVENT,
    .action = "risk.rejected",
    .priority = PRIORITY_NORMAL,
    .timestamp_ms = 1722808800123,
};

/* ---- the header ---- */

START_TEST(the_header_is_laid_out_as_documented)
{
    static const uint8_t want[HEADER_SIZE] = {
        1,    3,    3,    0,    4,    3,    2,    1,    0x18, 0x17, 0x16, 0x15, 0x14, 0x13,
        0x12, 0x11, 0x15, 0x8d, 0x46, 0xd3, 0x79, 0xa5, 0xe8, 0x17, 0xa4, 0xa3, 0xa2, 0xa1,
    };
    uint8_t bytes[HEADER_SIZE];
    memset(bytes, 0xff, sizeof bytes);
    header_encode(&some_header, bytes);
    ck_assert_mem_eq(bytes, want, HEADER_SIZE);
}
END_TEST

static void survives(struct header h)
{
    uint8_t bytes[HEADER_SIZE];
    struct header got;
    header_encode(&h, bytes);
    ck_assert_int_eq(header_decode(bytes, &got), ERR_OK);
    ck_assert_int_eq(got.class, h.class);
    ck_assert_int_eq(got.sender, h.sender);
    ck_assert_uint_eq(got.epoch, h.epoch);
    ck_assert_uint_eq(got.seq, h.seq);
    ck_assert_int_eq(got.sent_ns, h.sent_ns);
    ck_assert_uint_eq(got.ttl_ms, h.ttl_ms);
}

START_TEST(the_header_survives_the_round_trip_at_its_limits)
{
    survives(some_header);
    survives((struct header){.seq = 1});
    survives((struct header){.class = DUR_COUNT - 1,
                             .sender = AGENT_COUNT - 1,
                             .epoch = UINT32_MAX,
                             .seq = UINT64_MAX,
                             .sent_ns = INT64_MAX,
                             .ttl_ms = UINT32_MAX});
    survives((struct header){.seq = 1, .sent_ns = INT64_MIN});
    survives((struct header){.seq = 1, .sent_ns = -1});
}
END_TEST

static int decode_with(size_t at, uint8_t value)
{
    uint8_t bytes[HEADER_SIZE];
    struct header got = {.seq = 77};
    header_encode(&some_header, bytes);
    bytes[at] = value;
    int err = header_decode(bytes, &got);
    if (err < 0)
        ck_assert_uint_eq(got.seq, 77);
    return err;
}

START_TEST(refuses_headers_of_other_versions)
{
    for (int v = 0; v < 256; v++)
        ck_assert_int_eq(decode_with(0, (uint8_t)v), v == HEADER_VERSION ? ERR_OK : ERR_VERSION);
}
END_TEST

START_TEST(refuses_unknown_classes_and_senders)
{
    for (int v = 0; v < 256; v++) {
        ck_assert_int_eq(decode_with(1, (uint8_t)v), v < DUR_COUNT ? ERR_OK : ERR_RANGE);
        ck_assert_int_eq(decode_with(2, (uint8_t)v), v < AGENT_COUNT ? ERR_OK : ERR_RANGE);
    }
}
END_TEST

START_TEST(refuses_padding_that_is_not_zero)
{
    ck_assert_int_eq(decode_with(3, 1), ERR_RANGE);
    ck_assert_int_eq(decode_with(3, 0x80), ERR_RANGE);
    for (size_t at = 28; at < HEADER_SIZE; at++) {
        ck_assert_int_eq(decode_with(at, 0), ERR_OK);
        ck_assert_int_eq(decode_with(at, 1), ERR_RANGE);
        ck_assert_int_eq(decode_with(at, 0xff), ERR_RANGE);
    }
}
END_TEST

START_TEST(refuses_sequence_zero)
{
    uint8_t bytes[HEADER_SIZE];
    struct header h = some_header, got;
    h.seq = 0;
    header_encode(&h, bytes);
    ck_assert_int_eq(header_decode(bytes, &got), ERR_RANGE);
}
END_TEST

/* ---- the body ---- */

/* One pair of a body: the key, and its value as text, number or empty map. */
struct pair {
    const char *key, *text;
    int64_t number;
    char kind; /* 's' text, 'i' number, 'm' map, 'n' nil, 'd' double */
};
#define BODY 9
static const struct pair good_body[BODY] = {
    {"id", "00112233-4455-6677-8899-aabbccddeeff", 0, 's'},
    {"from", "risk", 0, 's'},
    {"to", "*", 0, 's'},
    {"type", "EVENT", 0, 's'},
    {"action", "risk.rejected", 0, 's'},
    {"payload", NULL, 0, 'm'},
    {"timestamp", NULL, 1722808800123, 'i'},
    {"correlationId", "ffeeddcc-bbaa-9988-7766-554433221100", 0, 's'},
    {"priority", "HIGH", 0, 's'},
};

static int unpack(const void *bytes, size_t len, struct envelope *ret)
{
    struct envelope_parser p;
    memset(&p, 0, sizeof p);
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    int err = envelope_unpack(&p, copy, len, ret);
    envelope_parser_fini(&p);
    envelope_parser_fini(&p);
    free(copy);
    return err;
}

static int unpack_pairs(const struct pair *pairs, size_t n, struct envelope *ret)
{
    struct wbuf w;
    wbuf_init(&w, ENVELOPE_MAX);
    wbuf_map(&w, n);
    for (size_t i = 0; i < n; i++) {
        const struct pair *p = &pairs[i];
        if (p->kind == 's')
            wbuf_str(&w, p->key, p->text);
        else
            wbuf_key(&w, p->key);
        if (p->kind == 'i')
            wbuf_int(&w, NULL, p->number);
        else if (p->kind == 'm')
            wbuf_map(&w, 0);
        else if (p->kind == 'd')
            wbuf_dbl(&w, NULL, (double)p->number);
        else if (p->kind == 'n')
            msgpack_pack_nil(&w.pk);
    }
    ck_assert_int_eq(w.err, ERR_OK);
    int err = unpack(w.data, w.len, ret);
    wbuf_fini(&w);
    return err;
}

/* The good body with one value replaced. */
static int with(const char *key, struct pair value)
{
    struct pair pairs[BODY];
    struct envelope got = {.timestamp_ms = -77};
    memcpy(pairs, good_body, sizeof pairs);
    bool found = false;
    for (size_t i = 0; i < BODY; i++)
        if (strcmp(pairs[i].key, key) == 0) {
            value.key = key;
            pairs[i] = value;
            found = true;
        }
    ck_assert(found);
    int err = unpack_pairs(pairs, BODY, &got);
    if (err < 0)
        ck_assert_int_eq(got.timestamp_ms, -77);
    return err;
}

static int with_text(const char *key, const char *text)
{
    return with(key, (struct pair){.text = text, .kind = 's'});
}

START_TEST(reads_every_field)
{
    struct envelope got;
    ck_assert_int_eq(unpack_pairs(good_body, BODY, &got), ERR_OK);
    ck_assert_str_eq(got.id, good_body[0].text);
    ck_assert_int_eq(got.from, AGENT_RISK);
    ck_assert_str_eq(got.to, "*");
    ck_assert_int_eq(got.type, TYPE_EVENT);
    ck_assert_str_eq(got.action, "risk.rejected");
    ck_assert_int_eq(got.timestamp_ms, 1722808800123);
    ck_assert_str_eq(got.correlation_id, good_body[7].text);
    ck_assert_int_eq(got.priority, PRIORITY_HIGH);
}
END_TEST

START_TEST(the_order_of_fields_does_not_matter)
{
    struct envelope got;
    struct pair pairs[BODY];
    for (size_t turn = 1; turn < BODY; turn++) {
        for (size_t i = 0; i < BODY; i++)
            pairs[i] = good_body[(i + turn) % BODY];
        ck_assert_int_eq(unpack_pairs(pairs, BODY, &got), ERR_OK);
        ck_assert_str_eq(got.correlation_id, good_body[7].text);
    }
}
END_TEST

START_TEST(only_the_correlation_id_may_be_missing)
{
    for (size_t gone = 0; gone < BODY; gone++) {
        struct pair pairs[BODY];
        struct envelope got;
        memcpy(pairs, good_body, sizeof pairs);
        for (size_t i = gone; i + 1 < BODY; i++)
            pairs[i] = pairs[i + 1];
        bool optional = strcmp(good_body[gone].key, "correlationId") == 0;
        int err = unpack_pairs(pairs, BODY - 1, &got);
        ck_assert_msg(err == (optional ? ERR_OK : ERR_MISSING), "without %s: %s",
                      good_body[gone].key, err_name(err));
        if (optional)
            ck_assert_str_eq(got.correlation_id, "");
    }
}
END_TEST

START_TEST(refuses_a_field_too_many)
{
    struct pair pairs[BODY + 1];
    struct envelope got;
    memcpy(pairs, good_body, sizeof good_body);
    pairs[BODY] = (struct pair){.key = "more", .text = "", .kind = 's'};
    ck_assert_int_eq(unpack_pairs(pairs, BODY + 1, &got), ERR_UNKNOWN);
    pairs[7] = (struct pair){.key = "correlationID", .text = good_body[7].text, .kind = 's'};
    ck_assert_int_eq(unpack_pairs(pairs, BODY, &got), ERR_UNKNOWN);
}
END_TEST

START_TEST(refuses_values_of_a_wrong_type)
{
    for (size_t i = 0; i < BODY; i++) {
        ck_assert_int_eq(with(good_body[i].key, (struct pair){.kind = 'n'}), ERR_TYPE);
        ck_assert_int_eq(with(good_body[i].key, (struct pair){.kind = 'd', .number = 1}), ERR_TYPE);
        if (good_body[i].kind != 'i')
            ck_assert_int_eq(with(good_body[i].key, (struct pair){.kind = 'i'}), ERR_TYPE);
        if (good_body[i].kind != 's')
            ck_assert_int_eq(with_text(good_body[i].key, "1"), ERR_TYPE);
    }
}
END_TEST

START_TEST(refuses_values_that_are_none_of_the_list)
{
    static const struct {
        const char *key, *text;
        int want;
    } cases[] = {
        {"from", "nobody", ERR_UNKNOWN},
        {"from", "Risk", ERR_UNKNOWN},
        {"from", "", ERR_UNKNOWN},
        {"from", "a name that is far longer than any agent's", ERR_SIZE},
        {"to", "data", ERR_OK},
        {"to", "guest", ERR_OK},
        {"to", "nobody", ERR_UNKNOWN},
        {"to", "", ERR_UNKNOWN},
        {"to", "12345678901234567", ERR_SIZE},
        {"type", "event", ERR_UNKNOWN},
        {"type", "", ERR_UNKNOWN},
        {"priority", "URGENT", ERR_UNKNOWN},
        {"priority", "200", ERR_UNKNOWN},
        {"action", "123456789012345678901234567890123456789012345678", ERR_OK},
        {"action", "1234567890123456789012345678901234567890123456789", ERR_SIZE},
        {"id", "", ERR_SYNTAX},
        {"id", "00112233-4455-6677-8899-AABBCCDDEEFF", ERR_SYNTAX},
        {"id", "00112233-4455-6677-8899-aabbccddeef", ERR_SYNTAX},
        {"id", "00112233-4455-6677-8899-aabbccddeeff0", ERR_SIZE},
        {"correlationId", "", ERR_SYNTAX},
        {"correlationId", "00112233445566778899aabbccddeeff0000", ERR_SYNTAX},
    };
    for (size_t i = 0; i < N(cases); i++) {
        int err = with_text(cases[i].key, cases[i].text);
        ck_assert_msg(err == cases[i].want, "%s \"%s\": %s, not %s", cases[i].key, cases[i].text,
                      err_name(err), err_name(cases[i].want));
    }
}
END_TEST

START_TEST(refuses_bodies_that_are_no_map)
{
    struct envelope got;
    ck_assert_int_eq(unpack("", 0, &got), ERR_TRUNCATED);
    ck_assert_int_eq(unpack("\x80", 1, &got), ERR_MISSING);
    ck_assert_int_eq(unpack("\x90", 1, &got), ERR_TYPE);
    ck_assert_int_eq(unpack("\xc0", 1, &got), ERR_TYPE);
    ck_assert_int_eq(unpack("\x01", 1, &got), ERR_TYPE);
    ck_assert_int_eq(unpack("\xdf\xff\xff\xff\xff\xff\x0a", 7, &got), ERR_TRUNCATED);
    static const uint8_t large[ENVELOPE_MAX + 1];
    ck_assert_int_eq(unpack(large, sizeof large, &got), ERR_SIZE);
}
END_TEST

/* ---- packing ---- */

static void pack_some(struct wbuf *w, const struct envelope *e)
{
    struct msg_risk_rejected m = {.symbol = "XBTUSDTM", .side = SIDE_SELL, .reason = "HEAT"};
    wbuf_init(w, ENVELOPE_MAX);
    ck_assert_int_eq(envelope_pack(e, MSG_RISK_REJECTED, &m, w), ERR_OK);
}

START_TEST(what_is_packed_unpacks_with_its_payload)
{
    for (int correlated = 0; correlated <= 1; correlated++) {
        struct envelope e = some_envelope, got;
        if (correlated)
            strcpy(e.correlation_id, good_body[7].text);
        struct wbuf w;
        pack_some(&w, &e);
        struct envelope_parser p;
        ck_assert_int_eq(envelope_unpack(&p, w.data, w.len, &got), ERR_OK);
        ck_assert_str_eq(got.id, e.id);
        ck_assert_int_eq(got.from, e.from);
        ck_assert_str_eq(got.to, e.to);
        ck_assert_int_eq(got.type, e.type);
        ck_assert_str_eq(got.action, e.action);
        ck_assert_str_eq(got.correlation_id, e.correlation_id);
        ck_assert_int_eq(got.priority, e.priority);
        ck_assert_int_eq(got.timestamp_ms, e.timestamp_ms);
        struct msg_risk_rejected m;
        const char *bad;
        ck_assert_int_eq(msg_risk_rejected_unpack(got.payload, &m, &bad), ERR_OK);
        ck_assert_str_eq(m.symbol, "XBTUSDTM");
        ck_assert_int_eq(m.side, SIDE_SELL);
        envelope_parser_fini(&p);
        wbuf_fini(&w);
    }
}
END_TEST

START_TEST(a_body_cut_anywhere_is_an_error)
{
    struct wbuf w;
    struct envelope got;
    pack_some(&w, &some_envelope);
    for (size_t cut = 0; cut < w.len; cut++)
        ck_assert_int_eq(unpack(w.data, cut, &got), ERR_TRUNCATED);
    ck_assert_int_eq(unpack(w.data, w.len, &got), ERR_OK);
    wbuf_fini(&w);
}
END_TEST

START_TEST(a_body_with_one_bit_turned_never_crashes)
{
    struct wbuf w;
    struct envelope got;
    int refused = 0;
    pack_some(&w, &some_envelope);
    for (size_t bit = 0; bit < w.len * 8; bit++) {
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused += unpack(w.data, w.len, &got) < 0;
        w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_int_gt(refused, (int)w.len);
    wbuf_fini(&w);
}
END_TEST

START_TEST(packing_reports_a_buffer_too_small)
{
    struct wbuf w;
    struct msg_risk_rejected m = {.symbol = "XBTUSDTM"};
    wbuf_init(&w, 100);
    ck_assert_int_eq(envelope_pack(&some_envelope, MSG_RISK_REJECTED, &m, &w), ERR_SIZE);
    wbuf_fini(&w);
}
END_TEST

/* ---- agreement ---- */

START_TEST(header_and_body_agree_on_sender_and_time)
{
    struct header h = some_header;
    struct envelope e = some_envelope;
    ck_assert_int_eq(envelope_agrees(&e, &h), ERR_OK);
    e.timestamp_ms = some_envelope.timestamp_ms + 1;
    ck_assert_int_eq(envelope_agrees(&e, &h), ERR_OK);
    e.timestamp_ms = some_envelope.timestamp_ms - 1;
    ck_assert_int_eq(envelope_agrees(&e, &h), ERR_OK);
    const int64_t bad[] = {some_envelope.timestamp_ms + 2,
                           some_envelope.timestamp_ms - 2,
                           0,
                           -1,
                           INT64_MAX,
                           INT64_MIN};
    for (size_t i = 0; i < N(bad); i++) {
        e.timestamp_ms = bad[i];
        ck_assert_int_eq(envelope_agrees(&e, &h), ERR_PROTOCOL);
        h.sent_ns = -some_header.sent_ns;
        ck_assert_int_eq(envelope_agrees(&e, &h), ERR_PROTOCOL);
        h.sent_ns = some_header.sent_ns;
    }
    e = some_envelope;
    for (int from = 0; from < AGENT_COUNT; from++) {
        e.from = (enum party)from;
        ck_assert_int_eq(envelope_agrees(&e, &h), from == AGENT_RISK ? ERR_OK : ERR_PROTOCOL);
    }
}
END_TEST

TESTS("envelope", the_header_is_laid_out_as_documented,
      the_header_survives_the_round_trip_at_its_limits, refuses_headers_of_other_versions,
      refuses_unknown_classes_and_senders, refuses_padding_that_is_not_zero, refuses_sequence_zero,
      reads_every_field, the_order_of_fields_does_not_matter,
      only_the_correlation_id_may_be_missing, refuses_a_field_too_many,
      refuses_values_of_a_wrong_type, refuses_values_that_are_none_of_the_list,
      refuses_bodies_that_are_no_map, what_is_packed_unpacks_with_its_payload,
      a_body_cut_anywhere_is_an_error, a_body_with_one_bit_turned_never_crashes,
      packing_reports_a_buffer_too_small, header_and_body_agree_on_sender_and_time)
