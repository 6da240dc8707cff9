#include <string.h>

#include "broker/filter.h"
#include "broker/mpjson.h"
#include "broker/sniff/seen.h"
#include "proto/err.h"
#include "proto/mp.h"
#include "tests/runner.h"

/* {"from":"risk","payload":{"symbol":"XBTUSDTM","qty":12,"price":"0.30","r":0.1,"l":[7],"b":<00ff>,"x":"\x1b[2J", ...}};
 * what is unpacked borrows from w. */
static void sample(struct wbuf *w, msgpack_unpacked *u)
{
    wbuf_init(w, 4096);
    wbuf_map(w, 2);
    wbuf_str(w, "from", "risk");
    wbuf_key(w, "payload");
    wbuf_map(w, 8);
    wbuf_str(w, "symbol", "XBTUSDTM");
    wbuf_int(w, "qty", 12);
    wbuf_str(w, "price", "0.30");
    wbuf_dbl(w, "r", 0.1);
    wbuf_key(w, "l");
    wbuf_array(w, 1);
    wbuf_int(w, NULL, 7);
    wbuf_bin(w, "b", "\x00\xff", 2);
    wbuf_str(w, "x", "\x1b[2J\xc2\x9b\"");
    wbuf_int(w, "big", INT64_MAX);
    ck_assert_int_eq(w->err, ERR_OK);
    msgpack_unpacked_init(u);
    ck_assert_int_eq(msgpack_unpack_next(u, (char *)w->data, w->len, NULL), MSGPACK_UNPACK_SUCCESS);
}

START_TEST(compares_numbers_as_numbers_and_texts_as_texts)
{
    static const struct { const char *text; bool accepted; } cases[] = {
        {"payload.symbol==XBTUSDTM && payload.qty>3", true}, {"payload.qty>12", false},
        {"payload.qty>=12", true}, {"payload.qty<100", true}, {"payload.price==0.3", true},
        {"payload.price < 0.30001", true}, {"payload.r==0.1", true}, {"payload.l.0==7", true},
        {"payload.none!=1", false}, {"from!=risk", false}, {"from==\"risk\"", true}, {"payload==1", false},
    };
    struct wbuf w;
    msgpack_unpacked u;
    sample(&w, &u);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct filter f = {.n = 0};
        char why[FILTER_WHY_MAX];
        ck_assert_int_eq(filter_parse(&f, cases[i].text, why), ERR_OK);
        ck_assert_msg(filter_accepts(&f, &u.data) == cases[i].accepted, "%s", cases[i].text);
    }
    msgpack_unpacked_destroy(&u);
    wbuf_fini(&w);
}
END_TEST

START_TEST(refuses_what_is_no_comparison)
{
    static const char *const texts[] = {"", "a", "a=1", "a==", "==1", "a==1 &&", "a==1 b==2", "a==\"x", "a==1&b==2"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct filter f = {.n = 0};
        char why[FILTER_WHY_MAX] = "";
        ck_assert_msg(filter_parse(&f, texts[i], why) == ERR_SYNTAX && why[0] != '\0', "%s", texts[i]);
    }
}
END_TEST

START_TEST(writes_exact_json_that_moves_no_cursor)
{
    struct wbuf w;
    msgpack_unpacked u;
    sample(&w, &u);
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    mpjson_write(f, &u.data);
    fclose(f);
    ck_assert_str_eq(text, "{\"from\":\"risk\",\"payload\":{\"symbol\":\"XBTUSDTM\",\"qty\":12,\"price\":\"0.30\","
                     "\"r\":0.1,\"l\":[7],\"b\":\"AP8=\",\"x\":\"\\u001b[2J\\u009b\\\"\","
                     "\"big\":9223372036854775807}}");
    free(text);
    msgpack_unpacked_destroy(&u);
    wbuf_fini(&w);
}
END_TEST

START_TEST(counts_gaps_but_not_the_first_message_nor_a_new_epoch)
{
    static const struct { enum durability class; uint32_t epoch; uint64_t seq; int64_t lost; } steps[] = {
        {DUR_L, 1, 50, 0}, {DUR_L, 1, 51, 0}, {DUR_L, 1, 54, 2}, {DUR_L, 2, 1, 2}, {DUR_L, 2, 4, 4},
    };
    struct seen s = {.n = 0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct header h = {.class = steps[i].class, .sender = AGENT_RISK, .epoch = steps[i].epoch, .seq = steps[i].seq};
        seen_note(&s, "agent.hb", &h, 1, (int64_t)i, 0);
        ck_assert_int_eq(seen_lost(&s), steps[i].lost);
    }
    struct header d = {.class = DUR_D2, .sender = AGENT_RISK, .epoch = 1, .seq = 9};
    seen_note(&s, "risk.approved", &d, 1, 9, 0);
    d.epoch = 2;
    d.seq = 10;             /* a durable topic's sequence goes on over restarts */
    seen_note(&s, "risk.approved", &d, 1, 10, 0);
    ck_assert_int_eq(seen_lost(&s), 4);
    seen_fini(&s);
}
END_TEST

TESTS("filter", compares_numbers_as_numbers_and_texts_as_texts, refuses_what_is_no_comparison,
      writes_exact_json_that_moves_no_cursor, counts_gaps_but_not_the_first_message_nor_a_new_epoch)
