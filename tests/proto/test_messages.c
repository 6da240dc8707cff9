/* Every message of messages.def, filled with random valid content. */
#include "tests/runner.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "proto/err.h"
#include "proto/messages.h"

#define ENVELOPE_OVERHEAD 512

#define LIST_USED 3 /* elements put into a list; the limits have a test of their own */

static uint64_t rng;
static bool longest; /* instead of random content: all of it as large as it gets */

static void seed(void)
{
    const char *given = getenv("TEST_SEED");
    rng = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("TEST_SEED=%" PRIu64 "\n", rng);
    fflush(stdout);
}

static uint64_t next(void)
{
    uint64_t z = (rng += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* ---- filling ---- */

static void fill_str(char *s, size_t size)
{
    size_t n = longest || next() % 3 == 0 ? size - 1 : next() % size;
    for (size_t i = 0; i < n; i++)
        s[i] = (char)(' ' + next() % 95);
    if (n >= 3 && next() % 2 == 0)
        memcpy(s, "\xe2\x82\xac", 3);
    s[n] = '\0';
}

static int64_t fill_int(void)
{
    static const int64_t edges[] = {0, 1, -1, 127, 128, -32, -33, 65535, INT64_MAX, INT64_MIN};
    if (longest)
        return INT64_MIN;
    return next() % 2 == 0 ? edges[next() % 10] : (int64_t)next();
}

static dec_t fill_dec(void)
{
    if (longest)
        return dec_lit("-1234567890.12345678");
    return dec_scaled((int64_t)next(), (int)(next() % 40) - 30);
}

static double fill_dbl(void)
{
    return (double)(int64_t)next() / 65536.0;
}

static void fill_bin(uint8_t *bytes, size_t size, size_t *len)
{
    *len = longest || next() % 3 == 0 ? size : next() % (size + 1);
    for (size_t i = 0; i < *len; i++)
        bytes[i] = (uint8_t)next();
}

#define SUB(id)                                                                                    \
    static void fill_sub_##id(struct sub_##id *m, size_t used)                                     \
    {                                                                                              \
        (void)used;
#define SUB_END(id) }
#define MSG(ID, id, action, version)                                                               \
    static void fill_msg_##id(void *any, size_t used)                                              \
    {                                                                                              \
        struct msg_##id *m = any;                                                                  \
        (void)m, (void)used;
#define END(id)           }
#define F_STR(name, size) fill_str(m->name, size);
#define F_ENUM(name, type)                                                                         \
    do                                                                                             \
        m->name = (enum type)(next() % 16);                                                        \
    while (strcmp(type##_name(m->name), "?") == 0);
#define F_DEC(name)       m->name = fill_dec();
#define F_TIME(name)      m->name = fill_int();
#define F_INT(name)       m->name = fill_int();
#define F_DBL(name)       m->name = fill_dbl();
#define F_BOOL(name)      m->name = next() % 2 == 0;
#define F_BIN(name, size) fill_bin(m->name, size, &m->name##_len);
#define F_SUB(name, sub)  fill_sub_##sub(&m->name, used);
#define F_LIST(name, sub, max)                                                                     \
    m->name##_n = used < (max) ? used : (max);                                                     \
    for (size_t i = 0; i < m->name##_n; i++)                                                       \
        fill_sub_##sub(&m->name[i], used);
#include "proto/messages.def"
#include "proto/messages_undef.h"

#define SUB(id)
#define SUB_END(id)
#define END(id)
#include "proto/messages_nofields.h"
static void (*const fill[MSG_COUNT])(void *msg, size_t used) = {
#define MSG(ID, id, action, version) [MSG_##ID] = fill_msg_##id,
#include "proto/messages.def"
#include "proto/messages_undef.h"
};

/* ---- comparing: field by field, as padding and the tails of texts are not content ---- */

#define SUB(id)                                                                                    \
    static bool same_sub_##id(const struct sub_##id *a, const struct sub_##id *b)                  \
    {                                                                                              \
        bool same = true;
#define SUB_END(id)                                                                                \
    return same;                                                                                   \
    }
#define MSG(ID, id, action, version)                                                               \
    static bool same_msg_##id(const void *any_a, const void *any_b)                                \
    {                                                                                              \
        const struct msg_##id *a = any_a, *b = any_b;                                              \
        (void)a, (void)b;                                                                          \
        bool same = true;
#define END(id)                                                                                    \
    return same;                                                                                   \
    }
#define F_STR(name, size)  same &= strcmp(a->name, b->name) == 0;
#define F_ENUM(name, type) same &= a->name == b->name;
#define F_DEC(name)        same &= dec_eq(a->name, b->name);
#define F_TIME(name)       same &= a->name == b->name;
#define F_INT(name)        same &= a->name == b->name;
#define F_DBL(name)        same &= a->name == b->name;
#define F_BOOL(name)       same &= a->name == b->name;
#define F_BIN(name, size)                                                                          \
    same &= a->name##_len == b->name##_len && memcmp(a->name, b->name, a->name##_len) == 0;
#define F_SUB(name, sub) same &= same_sub_##sub(&a->name, &b->name);
#define F_LIST(name, sub, max)                                                                     \
    same &= a->name##_n == b->name##_n;                                                            \
    for (size_t i = 0; same && i < a->name##_n; i++)                                               \
        same &= same_sub_##sub(&a->name[i], &b->name[i]);
#include "proto/messages.def"
#include "proto/messages_undef.h"

#define SUB(id)
#define SUB_END(id)
#define END(id)
#include "proto/messages_nofields.h"
static bool (*const same[MSG_COUNT])(const void *a, const void *b) = {
#define MSG(ID, id, action, version) [MSG_##ID] = same_msg_##id,
#include "proto/messages.def"
#include "proto/messages_undef.h"
};

/* ---- one message packed, and its parsed form ---- */

static struct {
    void *msg, *got;
    struct wbuf w;
    msgpack_unpacked parsed;
    const char *bad;
} t;

static void setup_of(int type, size_t used)
{
    t.msg = calloc(1, msg_defs[type].size);
    t.got = calloc(1, msg_defs[type].size);
    fill[type](t.msg, used);
    wbuf_init(&t.w, MP_SIZE_MAX);
    int err = msg_defs[type].pack(t.msg, &t.w);
    ck_assert_msg(err == ERR_OK, "%s: %s", msg_defs[type].name, err_name(err));
    ck_assert_int_eq(mp_check(t.w.data, t.w.len), ERR_OK);
    msgpack_unpacked_init(&t.parsed);
    ck_assert_int_eq(msgpack_unpack_next(&t.parsed, (char *)t.w.data, t.w.len, NULL),
                     MSGPACK_UNPACK_SUCCESS);
    ck_assert_int_eq(t.parsed.data.type, MSGPACK_OBJECT_MAP);
    t.bad = NULL;
}

static void teardown(void)
{
    msgpack_unpacked_destroy(&t.parsed);
    wbuf_fini(&t.w);
    free(t.msg);
    free(t.got);
}

static int unpack(int type, const msgpack_object *map)
{
    return msg_defs[type].unpack(map, t.got, &t.bad);
}

#define SAYS(type, map, want)                                                                      \
    do {                                                                                           \
        int said = unpack(type, map);                                                              \
        ck_assert_msg(said == (want), "%s, %s: %s, not %s", msg_defs[type].name, t.bad,            \
                      err_name(said), err_name(want));                                             \
    } while (0)

START_TEST(every_message_survives_the_round_trip)
{
    seed();
    for (int type = 0; type < MSG_COUNT; type++)
        for (int round = 0; round < 50; round++) {
            setup_of(type, (size_t)round % (LIST_USED + 1));
            SAYS(type, &t.parsed.data, ERR_OK);
            ck_assert_msg(same[type](t.msg, t.got), "%s differs", msg_defs[type].name);
            teardown();
        }
}
END_TEST

START_TEST(version_is_the_first_key)
{
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, 1);
        const msgpack_object_kv *first = &t.parsed.data.via.map.ptr[0];
        ck_assert_int_eq(first->key.via.str.size, 1);
        ck_assert_int_eq(first->key.via.str.ptr[0], 'v');
        ck_assert_int_eq(first->val.via.i64, msg_defs[type].version);
        teardown();
    }
}
END_TEST

START_TEST(a_message_cut_anywhere_is_an_error)
{
    seed();
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, 2);
        for (size_t cut = 0; cut < t.w.len; cut++) {
            uint8_t *copy = malloc(cut > 0 ? cut : 1); /* exactly as long: reads beyond are seen */
            memcpy(copy, t.w.data, cut);
            ck_assert_msg(mp_check(copy, cut) == ERR_TRUNCATED, "%s cut at %zu",
                          msg_defs[type].name, cut);
            free(copy);
        }
        teardown();
    }
}
END_TEST

START_TEST(one_key_too_many_is_an_error)
{
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, 1);
        msgpack_object map = t.parsed.data;
        uint32_t n = map.via.map.size;
        map.via.map.ptr = calloc(n + 1, sizeof *map.via.map.ptr);
        memcpy(map.via.map.ptr, t.parsed.data.via.map.ptr, n * sizeof *map.via.map.ptr);
        map.via.map.ptr[n] = map.via.map.ptr[0];
        map.via.map.ptr[n].key.via.str.ptr = "?";
        map.via.map.size++;
        SAYS(type, &map, ERR_UNKNOWN);
        free(map.via.map.ptr);
        teardown();
    }
}
END_TEST

START_TEST(another_version_is_an_error)
{
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, 1);
        int64_t *v = &t.parsed.data.via.map.ptr[0].val.via.i64;
        const int64_t others[] = {*v - 1, *v + 1, 255, INT64_MAX};
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
            *v = others[i];
            SAYS(type, &t.parsed.data, ERR_VERSION);
            ck_assert_str_eq(t.bad, "v");
        }
        teardown();
    }
}
END_TEST

/* A key is lost by giving it another name, so that the number of keys does not tell. */
START_TEST(each_missing_key_is_named)
{
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, 1);
        for (uint32_t i = 0; i < t.parsed.data.via.map.size; i++) {
            msgpack_object *key = &t.parsed.data.via.map.ptr[i].key;
            const char *was = key->via.str.ptr;
            char lost[64] = "";
            memset(lost, 'z', key->via.str.size);
            key->via.str.ptr = lost;
            SAYS(type, &t.parsed.data, ERR_MISSING);
            key->via.str.ptr = was;
            ck_assert_msg(strlen(t.bad) == key->via.str.size &&
                              memcmp(t.bad, was, key->via.str.size) == 0,
                          "%s: named %s", msg_defs[type].name, t.bad);
        }
        SAYS(type, &t.parsed.data, ERR_OK);
        teardown();
    }
}
END_TEST

START_TEST(each_value_of_a_wrong_type_is_named)
{
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, 1);
        for (uint32_t i = 0; i < t.parsed.data.via.map.size; i++) {
            const msgpack_object *key = &t.parsed.data.via.map.ptr[i].key;
            msgpack_object *val = &t.parsed.data.via.map.ptr[i].val, was = *val;
            val->type = MSGPACK_OBJECT_NIL;
            SAYS(type, &t.parsed.data, ERR_TYPE);
            ck_assert_msg(strlen(t.bad) == key->via.str.size &&
                              memcmp(t.bad, key->via.str.ptr, key->via.str.size) == 0,
                          "%s: named %s", msg_defs[type].name, t.bad);
            val->type = was.type == MSGPACK_OBJECT_BOOLEAN ? MSGPACK_OBJECT_POSITIVE_INTEGER
                                                           : MSGPACK_OBJECT_BOOLEAN;
            SAYS(type, &t.parsed.data, ERR_TYPE);
            *val = was;
        }
        teardown();
    }
}
END_TEST

START_TEST(an_object_that_is_no_map_is_an_error)
{
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, 0);
        const msgpack_object nil = {.type = MSGPACK_OBJECT_NIL};
        const msgpack_object list = {.type = MSGPACK_OBJECT_ARRAY};
        SAYS(type, &nil, ERR_TYPE);
        SAYS(type, &list, ERR_TYPE);
        teardown();
    }
}
END_TEST

/* Every list full, every text at its longest, decimals of 18 digits: still below the bus's limit
 * with an envelope around. */
START_TEST(the_largest_of_each_survives_and_fits_the_bus)
{
    seed();
    longest = true;
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, SIZE_MAX);
        ck_assert_msg(t.w.len <= MP_SIZE_MAX - ENVELOPE_OVERHEAD, "%s: %zu bytes",
                      msg_defs[type].name, t.w.len);
        SAYS(type, &t.parsed.data, ERR_OK);
        ck_assert_msg(same[type](t.msg, t.got), "%s differs", msg_defs[type].name);
        teardown();
    }
}
END_TEST

static msgpack_object *value(msgpack_object *map, const char *key)
{
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (strlen(key) == map->via.map.ptr[i].key.via.str.size &&
            memcmp(map->via.map.ptr[i].key.via.str.ptr, key, strlen(key)) == 0)
            return &map->via.map.ptr[i].val;
    ck_abort_msg("no key %s", key);
    return NULL;
}

START_TEST(a_list_one_too_long_is_an_error)
{
    setup_of(MSG_MARKET_BOOK, 20);
    msgpack_object *bids = value(&t.parsed.data, "bids");
    ck_assert_int_eq(bids->via.array.size, 20);
    msgpack_object longer[21];
    memcpy(longer, bids->via.array.ptr, 20 * sizeof longer[0]);
    longer[20] = longer[0];
    bids->via.array.ptr = longer;
    SAYS(MSG_MARKET_BOOK, &t.parsed.data, ERR_OK);
    bids->via.array.size = 21;
    SAYS(MSG_MARKET_BOOK, &t.parsed.data, ERR_SIZE);
    ck_assert_str_eq(t.bad, "bids");
    teardown();
}
END_TEST

START_TEST(nested_errors_name_the_inner_key)
{
    setup_of(MSG_MARKET_BOOK, 2);
    msgpack_object *second = &value(&t.parsed.data, "asks")->via.array.ptr[1];
    msgpack_object *qty = value(second, "qty"), was = *qty;
    qty->type = MSGPACK_OBJECT_NIL;
    SAYS(MSG_MARKET_BOOK, &t.parsed.data, ERR_TYPE);
    ck_assert_str_eq(t.bad, "qty");
    *qty = was;
    second->via.map.size = 1;
    SAYS(MSG_MARKET_BOOK, &t.parsed.data, ERR_MISSING);
    ck_assert_str_eq(t.bad, "qty");
    second->via.map.size = 2;
    SAYS(MSG_MARKET_BOOK, &t.parsed.data, ERR_OK);
    second->type = MSGPACK_OBJECT_NIL;
    SAYS(MSG_MARKET_BOOK, &t.parsed.data, ERR_TYPE);
    ck_assert_str_eq(t.bad, "asks");
    teardown();
}
END_TEST

START_TEST(values_out_of_range_are_errors)
{
    setup_of(MSG_RISK_APPROVED, 1);
    static const struct {
        const char *key, *text;
        int want;
    } texts[] = {
        {"symbol", "1234567890123456789", ERR_OK},
        {"symbol", "12345678901234567890", ERR_SIZE},
        {"side", "BUY", ERR_OK},
        {"side", "buy", ERR_UNKNOWN},
        {"side", "", ERR_UNKNOWN},
        {"price", "1.50", ERR_OK},
        {"price", "NaN", ERR_SYNTAX},
        {"price", "", ERR_SYNTAX},
        {"price", "12345678901234567890123456789012345", ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        msgpack_object *o = value(&t.parsed.data, texts[i].key), was = *o;
        o->via.str.ptr = texts[i].text;
        o->via.str.size = (uint32_t)strlen(texts[i].text);
        SAYS(MSG_RISK_APPROVED, &t.parsed.data, texts[i].want);
        if (texts[i].want < 0)
            ck_assert_str_eq(t.bad, texts[i].key);
        *o = was;
    }
    msgpack_object *qty = value(&t.parsed.data, "qty");
    qty->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
    qty->via.u64 = (uint64_t)INT64_MAX + 1;
    SAYS(MSG_RISK_APPROVED, &t.parsed.data, ERR_RANGE);
    qty->via.u64 = INT64_MAX;
    SAYS(MSG_RISK_APPROVED, &t.parsed.data, ERR_OK);
    msgpack_object *token = value(&t.parsed.data, "token");
    uint8_t large[273] = {0};
    token->via.bin.ptr = (const char *)large;
    token->via.bin.size = 272;
    SAYS(MSG_RISK_APPROVED, &t.parsed.data, ERR_OK);
    token->via.bin.size = 273;
    SAYS(MSG_RISK_APPROVED, &t.parsed.data, ERR_SIZE);
    teardown();
}
END_TEST

START_TEST(the_order_of_keys_does_not_matter)
{
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, 2);
        msgpack_object_kv *kv = t.parsed.data.via.map.ptr;
        for (uint32_t i = 0, k = t.parsed.data.via.map.size - 1; i < k; i++, k--) {
            msgpack_object_kv swap = kv[i];
            kv[i] = kv[k];
            kv[k] = swap;
        }
        SAYS(type, &t.parsed.data, ERR_OK);
        ck_assert(same[type](t.msg, t.got));
        teardown();
    }
}
END_TEST

START_TEST(a_buffer_too_small_is_an_error)
{
    for (int type = 0; type < MSG_COUNT; type++) {
        setup_of(type, 1);
        struct wbuf small;
        wbuf_init(&small, t.w.len - 1);
        ck_assert_int_eq(msg_defs[type].pack(t.msg, &small), ERR_SIZE);
        wbuf_fini(&small);
        wbuf_init(&small, t.w.len);
        ck_assert_int_eq(msg_defs[type].pack(t.msg, &small), ERR_OK);
        ck_assert_mem_eq(small.data, t.w.data, t.w.len);
        wbuf_fini(&small);
        teardown();
    }
}
END_TEST

START_TEST(actions_are_found_and_no_others)
{
    enum msg got;
    for (int type = 0; type < MSG_COUNT; type++) {
        ck_assert_int_eq(msg_by_action(msg_defs[type].action, &got), ERR_OK);
        ck_assert_int_eq(got, type);
        ck_assert_int_lt(strlen(msg_defs[type].action), 49); /* struct envelope's */
    }
    ck_assert_int_eq(msg_by_action("", &got), ERR_UNKNOWN);
    ck_assert_int_eq(msg_by_action("risk.approvedX", &got), ERR_UNKNOWN);
    ck_assert_int_eq(msg_by_action("risk_approved", &got), ERR_UNKNOWN);
}
END_TEST

TESTS("messages", every_message_survives_the_round_trip, version_is_the_first_key,
      a_message_cut_anywhere_is_an_error, one_key_too_many_is_an_error, another_version_is_an_error,
      each_missing_key_is_named, each_value_of_a_wrong_type_is_named,
      an_object_that_is_no_map_is_an_error, the_largest_of_each_survives_and_fits_the_bus,
      a_list_one_too_long_is_an_error, nested_errors_name_the_inner_key,
      values_out_of_range_are_errors, the_order_of_keys_does_not_matter,
      a_buffer_too_small_is_an_error, actions_are_found_and_no_others)
