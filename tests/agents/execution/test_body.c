/* Bodies: what is written reduces whatever the parameters say, is valid JSON, and reads back; the rest is refused. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "agents/execution/body.h"
#include "proto/err.h"
#include "proto/text.h"
#include "tests/runner.h"

#define RUNS 200000

static uint32_t state;

static uint32_t pick(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

static bool plain(const char *text, size_t size)
{
    size_t n = strnlen(text, size);
    for (size_t i = 0; i < n; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[i]) == NULL)
            return false;
    return n > 0 && n < size;
}

/* Mostly a good word, sometimes with one odd character in it, sometimes any bytes without an end. */
static void pick_word(char *ret, size_t size)
{
    static const char odd[] = "\"\\\n\t\x01\x7f\x1b{}:,\x80\xff /%";
    if (pick(8) == 0) {
        for (size_t i = 0; i < size; i++)
            ret[i] = (char)pick(256);
        return;
    }
    size_t n = 1 + pick((uint32_t)size - 1);
    for (size_t i = 0; i < n; i++)
        ret[i] = "AZaz09-_"[pick(8)];
    ret[n] = '\0';
    if (pick(4) == 0)
        ret[pick((uint32_t)n)] = odd[pick(sizeof odd - 1)];
}

static dec_t pick_price(void)
{
    dec_t v;
    switch (pick(6)) {
    case 0: case 1: case 2: return dec_zero();
    case 3: return dec_scaled((int64_t)pick(1000000), -(int)pick(6));
    case 4: return dec_int(-(int64_t)pick(10));
    default:
        for (size_t i = 0; i < sizeof v; i++)
            ((uint8_t *)&v)[i] = (uint8_t)pick(256);
        return v;
    }
}

static struct body pick_body(enum body_kind kind)
{
    struct body b;
    memset(&b, 0, sizeof b);
    b.kind = kind;
    pick_word(b.cl_ord_id, sizeof b.cl_ord_id);
    pick_word(b.symbol, sizeof b.symbol);
    b.side = (enum side)(pick(10) == 0 ? pick(1000) : pick(2));
    b.leverage = pick(3) == 0 ? (int64_t)pick(10) - 5 : 0;
    b.qty = pick(3) == 0 ? 0 : (int64_t)pick(1000) - 20;
    b.price = pick_price();
    b.up_px = pick_price();
    b.down_px = pick_price();
    return b;
}

static json_t *parse(const struct jw *w)
{
    json_error_t e;
    json_t *t = json_loadb(w->buf, w->len, JSON_REJECT_DUPLICATES, &e);
    ck_assert_msg(t != NULL, "%s: %s", e.text, w->buf);
    return t;
}

START_TEST(whatever_the_parameters_are_a_reducing_body_only_reduces)
{
    struct jw w;
    int written = 0, refused = 0, whole = 0;
    FILE *f = fopen("/dev/urandom", "re");
    ck_assert(f != NULL && fread(&state, sizeof state, 1, f) == 1);
    fclose(f);
    state |= 1;
    printf("bodies: seed %u\n", state);
    jw_init(&w);
    for (int i = 0; i < RUNS; i++) {
        const struct body b = pick_body(BODY_REDUCE);
        body_write(&b, &w);
        bool words = plain(b.cl_ord_id, sizeof b.cl_ord_id) && plain(b.symbol, sizeof b.symbol);
        if (w.len == 0) {
            refused++;
            continue;
        }
        written++;
        ck_assert(words && b.qty >= 0);
        json_t *t = parse(&w);
        bool closes = json_is_true(json_object_get(t, "closeOrder")), reduces = json_is_true(json_object_get(t, "reduceOnly"));
        ck_assert(closes != reduces && closes == (b.qty == 0));
        whole += closes;
        ck_assert_str_eq(json_string_value(json_object_get(t, "symbol")), b.symbol);
        ck_assert_str_eq(json_string_value(json_object_get(t, "clientOid")), b.cl_ord_id);
        ck_assert_ptr_null(json_object_get(t, "leverage"));
        json_decref(t);
        struct body back;
        ck_assert_int_eq(body_read(REDUCE_TARGET, w.buf, w.len, &back), ERR_OK);
        ck_assert_int_eq(body_read(ENTRY_TARGET, w.buf, w.len, &back), ERR_SYNTAX);
    }
    jw_fini(&w);
    printf("bodies: %d written, %d of them for all that is held, %d refused\n", written, whole, refused);
    ck_assert(written > RUNS / 100 && refused > RUNS / 100 && whole > 100);
}
END_TEST

START_TEST(no_word_smuggles_anything)
{
    static const char *const words[] = {"", "A\"", "A\\", "A\n", "A\x01", "A\x7f", "A B", "A\",\"reduceOnly\":false,\"x\":\"", "\xc3\xa4"};
    struct jw w;
    jw_init(&w);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (enum body_kind kind = BODY_ENTRY; kind <= BODY_ISOLATED; kind++) {
            struct body b = {.kind = kind, .qty = 1, .leverage = kind == BODY_ENTRY, .price = dec_int(kind == BODY_ENTRY)};
            TEXT_COPY(b.cl_ord_id, "ME1");
            TEXT_COPY(b.symbol, "XBTUSDTM");
            body_write(&b, &w);
            ck_assert_uint_gt(w.len, 0);
            TEXT_COPY(b.symbol, words[i]);
            body_write(&b, &w);
            ck_assert_uint_eq(w.len, 0);
            if (kind == BODY_ISOLATED)
                continue;
            TEXT_COPY(b.symbol, "XBTUSDTM");
            TEXT_COPY(b.cl_ord_id, words[i]);
            body_write(&b, &w);
            ck_assert_uint_eq(w.len, 0);
        }
    }
    jw_fini(&w);
}
END_TEST

/* As the exchange's reference shows them: what was sent before is sent now. */
START_TEST(each_kind_is_written_as_the_venue_reads_it)
{
    static const struct { struct body b; const char *text; } cases[] = {
        {{.kind = BODY_REDUCE, .cl_ord_id = "ME1X", .symbol = "XBTUSDTM", .side = SIDE_SELL, .qty = 4},
         "{\"clientOid\":\"ME1X\",\"symbol\":\"XBTUSDTM\",\"side\":\"sell\",\"type\":\"market\",\"marginMode\":\"ISOLATED\","
         "\"size\":4,\"reduceOnly\":true}"},
        {{.kind = BODY_ISOLATED, .symbol = "XBTUSDTM"}, "{\"symbol\":\"XBTUSDTM\",\"marginMode\":\"ISOLATED\"}"},
        {{.kind = BODY_ONE_WAY}, "{\"positionMode\":\"0\"}"},
        {{.kind = BODY_NONE}, ""}, {{.kind = BODY_KINDS, .symbol = "XBTUSDTM"}, ""},
    };
    struct jw w;
    jw_init(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        body_write(&cases[i].b, &w);
        ck_assert_str_eq(w.buf, cases[i].text);
    }
    struct body stop = cases[0].b;
    stop.qty = 0;
    stop.down_px = dec_lit("98.5");
    body_write(&stop, &w);
    ck_assert_str_eq(w.buf, "{\"clientOid\":\"ME1X\",\"symbol\":\"XBTUSDTM\",\"side\":\"sell\",\"type\":\"market\","
                     "\"marginMode\":\"ISOLATED\",\"stop\":\"down\",\"stopPrice\":\"98.5\",\"stopPriceType\":\"TP\","
                     "\"closeOrder\":true}");
    stop.up_px = dec_int(99);                   /* two triggers are no order */
    body_write(&stop, &w);
    ck_assert_uint_eq(w.len, 0);
    struct body limit = cases[0].b;
    limit.price = dec_int(100);
    body_write(&limit, &w);
    ck_assert_ptr_nonnull(strstr(w.buf, "\"type\":\"limit\",\"marginMode\":\"ISOLATED\",\"price\":\"100\",\"timeInForce\":\"IOC\""));
    jw_fini(&w);
}
END_TEST

START_TEST(a_body_that_is_not_ours_does_not_read)
{
    static const char *const texts[] = {
        "", "{}", "[]", "{\"positionMode\":\"1\"}", "{\"positionMode\":\"0\" }", "{\"symbol\":\"XBTUSDTM\",\"marginMode\":\"CROSS\"}",
        ("{\"clientOid\":\"a\",\"symbol\":\"XBTUSDTM\",\"side\":\"sell\",\"type\":\"market\",\"marginMode\":\"ISOLATED\","
         "\"size\":4,\"reduceOnly\":false}"),
    };
    static const char *const targets[] = {ENTRY_TARGET, REDUCE_TARGET, ISOLATED_TARGET, ONE_WAY_TARGET, "/api/v1/other"};
    struct body b;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (size_t k = 0; k < sizeof targets / sizeof targets[0]; k++)
            ck_assert_int_eq(body_read(targets[k], texts[i], strlen(texts[i]), &b), ERR_SYNTAX);
    static const char no_trigger[] = "{\"clientOid\":\"a\",\"symbol\":\"S\",\"side\":\"buy\",\"stop\":\"up\",\"stopPrice\":\"high\"}";
    ck_assert_int_eq(body_read(REDUCE_TARGET, no_trigger, sizeof no_trigger - 1, &b), ERR_SYNTAX);
    ck_assert_int_eq(body_read(ONE_WAY_TARGET, "{\"positionMode\":\"0\"}", 20, &b), ERR_OK);
    ck_assert_int_eq(b.kind, BODY_ONE_WAY);
}
END_TEST

TESTS("execution body", whatever_the_parameters_are_a_reducing_body_only_reduces, no_word_smuggles_anything,
      each_kind_is_written_as_the_venue_reads_it, a_body_that_is_not_ours_does_not_read)
