#include "tests/runner.h"

#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "proto/mp.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

/* A growing piece of msgpack, written byte for byte. */
struct bytes {
    uint8_t data[2 * MP_SIZE_MAX];
    size_t len;
};
static struct bytes out;

static void put(uint8_t b)
{
    out.data[out.len++] = b;
}

static void put_many(const void *bytes, size_t n)
{
    memcpy(out.data + out.len, bytes, n);
    out.len += n;
}

static void put_u16(size_t v)
{
    put((uint8_t)(v >> 8));
    put((uint8_t)v);
}

/* In memory of exactly that length, so that a read beyond it is seen. */
static int check_copy(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    int err = mp_check(copy, len);
    free(copy);
    return err;
}

static int check_out(void)
{
    int err = check_copy(out.data, out.len);
    out.len = 0;
    return err;
}

static int check_hex(const char *hex)
{
    out.len = 0;
    for (unsigned b; *hex != '\0'; hex += 2) {
        ck_assert_int_eq(sscanf(hex, "%2x", &b), 1);
        put((uint8_t)b);
    }
    return check_out();
}

/* ---- the check ---- */

START_TEST(accepts_every_kind_that_may_travel)
{
    static const char *const good[] = {
        "c0",
        "c2",
        "c3",
        "00",
        "7f",
        "e0",
        "ff",
        "cc00",
        "ccff",
        "cd0000",
        "ce00000000",
        "cf0000000000000000",
        "d000",
        "d10000",
        "d200000000",
        "d30000000000000000",
        "ca00000000",
        "cb0000000000000000",
        "cb8000000000000000" /* -0.0 */,
        "a0",
        "a161",
        "d900",
        "d90161",
        "da000161",
        "db0000000161",
        "c400",
        "c401ff",
        "c50001ff",
        "c600000001ff",
        "90",
        "9100",
        "dc000100",
        "dd0000000100",
        "80",
        "81a16100",
        "de0001a16100",
        "df00000001a16100",
        "81d9016100",
        "81da00016100",
        "81db000000016100",
        "82a16100a16200",
        "81a16181a16100",
    };
    for (size_t i = 0; i < N(good); i++)
        ck_assert_msg(check_hex(good[i]) == ERR_OK, "%s: %s", good[i],
                      err_name(check_hex(good[i])));
}
END_TEST

START_TEST(refuses_counts_and_lengths_beyond_the_end)
{
    static const char *const cut[] = {
        "",
        "dfffffffffff0a",
        "df100000000000",
        "dd7fffffff",
        "dc0001",
        "91",
        "9200",
        "81",
        "81a161",
        "82a16100",
        "df00000001",
        "dbffffffff",
        "dbffffffff61",
        "db0000000261",
        "c6ffffffff",
        "c60000000200",
        "c5000200",
        "c40200",
        "d90261",
        "a261",
        "bf61",
        "cc",
        "cd00",
        "ce000000",
        "cf00000000000000",
        "d0",
        "d100",
        "d2000000",
        "d300000000000000",
        "ca000000",
        "cb00000000000000",
        "c4",
        "c500",
        "c6000000",
        "d9",
        "da00",
        "db000000",
        "dc00",
        "dd000000",
        "de00",
        "df000000",
    };
    for (size_t i = 0; i < N(cut); i++)
        ck_assert_msg(check_hex(cut[i]) == ERR_TRUNCATED, "%s: %s", cut[i],
                      err_name(check_hex(cut[i])));
}
END_TEST

START_TEST(refuses_kinds_that_may_not_travel)
{
    static const char *const bad[] = {
        "c1", /* never used */
        "d400ff",
        "d50000ff",
        "d600ffffffff",
        "d7000000000000000000", /* fixext */
        "d80000000000000000000000000000000000",
        "c70100ff",
        "c8000100ff",
        "c90000000100ff", /* ext */
        "d6ff00000000",
        "d7ff0000000000000000",
        "c70cff000000000000000000000000", /* timestamps */
        "81c000",
        "810100",
        "81c300",
        "819000",
        "818000",
        "81c4016100", /* keys that are no strings */
        "81ca0000000000",
        "81ff00",
        "91d400ff",
        "81a161c1", /* deeper */
    };
    for (size_t i = 0; i < N(bad); i++)
        ck_assert_msg(check_hex(bad[i]) == ERR_TYPE, "%s: %s", bad[i], err_name(check_hex(bad[i])));
}
END_TEST

START_TEST(refuses_bytes_after_the_object)
{
    static const char *const bad[] = {"0000",   "8000",       "8080",  "c0c0",
                                      "a16100", "81a161000a", "c400c1"};
    for (size_t i = 0; i < N(bad); i++)
        ck_assert_msg(check_hex(bad[i]) == ERR_TRAILING, "%s: %s", bad[i],
                      err_name(check_hex(bad[i])));
}
END_TEST

START_TEST(refuses_a_key_given_twice_whatever_its_spelling)
{
    ck_assert_int_eq(check_hex("82a16100a16100"), ERR_DUPLICATE);
    ck_assert_int_eq(check_hex("82a16100d9016100"), ERR_DUPLICATE);
    ck_assert_int_eq(check_hex("82da00016100db000000016101"), ERR_DUPLICATE);
    ck_assert_int_eq(check_hex("83a16100a16200a16100"), ERR_DUPLICATE);
    ck_assert_int_eq(check_hex("82a000a000"), ERR_DUPLICATE);
    ck_assert_int_eq(check_hex("81a16182a16200a16200"), ERR_DUPLICATE);
    ck_assert_int_eq(check_hex("82a16100a2616100"), ERR_OK);
    ck_assert_int_eq(check_hex("82a16181a16200a16281a16200"), ERR_OK); /* in different maps */
}
END_TEST

START_TEST(refuses_text_that_is_not_utf8)
{
    static const char *const bad[] = {
        "a100",       "a3610062",                                         /* NUL */
        "a180",       "a1bf",       "a1c3",         "a1ff",       "a1fe", /* stray and unfinished */
        "a2c328",     "a3e28228",   "a4f0908028",   "a2e282",     "a3f09f98",   "a2c080",
        "a2c1bf",     "a3e08080",   "a3e09fbf",     "a4f0808080", "a4f08fbfbf", /* overlong */
        "a3eda080",   "a3edbfbf",                                               /* surrogates */
        "a4f4908080", "a4f5808080", "a5f888808080",                             /* above U+10FFFF */
        "81a1ff00",                                                             /* as a key */
    };
    for (size_t i = 0; i < N(bad); i++) {
        int err = check_hex(bad[i]);
        ck_assert_msg(err == ERR_UTF8, "%s: %s", bad[i], err_name(err));
    }
    static const char *const good[] = {"a2c2a2",   "a2dfbf",     "a3e0a080",
                                       "a3e282ac", "a3ed9fbf",   "a3ee8080",
                                       "a3efbfbf", "a4f0908080", "a4f48fbfbf"};
    for (size_t i = 0; i < N(good); i++)
        ck_assert_msg(check_hex(good[i]) == ERR_OK, "%s", good[i]);
    ck_assert_int_eq(check_hex("c401ff"), ERR_OK); /* binary is not text */
}
END_TEST

START_TEST(nests_to_the_limit_and_not_one_deeper)
{
    for (int maps = 0; maps <= 1; maps++) {
        for (int deep = MP_DEPTH_MAX; deep <= MP_DEPTH_MAX + 1; deep++) {
            for (int i = 0; i < deep; i++)
                put_many(maps ? "\x81\xa1"
                                "a"
                              : "\x91",
                         maps ? 3 : 1);
            put(0xc0);
            ck_assert_int_eq(check_out(), deep == MP_DEPTH_MAX ? ERR_OK : ERR_DEPTH);
        }
    }
    memset(out.data, 0x91, MP_SIZE_MAX);
    out.len = MP_SIZE_MAX;
    ck_assert_int_eq(check_out(), ERR_DEPTH);
}
END_TEST

START_TEST(a_message_may_be_as_large_as_the_limit_and_not_one_byte_larger)
{
    for (size_t len = MP_SIZE_MAX; len <= MP_SIZE_MAX + 1; len++) {
        put(0xc6);
        put_u16((len - 5) >> 16);
        put_u16((len - 5) & 0xffff);
        memset(out.data + 5, 'x', len - 5);
        out.len = len;
        ck_assert_int_eq(check_out(), len == MP_SIZE_MAX ? ERR_OK : ERR_SIZE);
    }
}
END_TEST

START_TEST(an_array_may_be_as_long_as_the_limit_and_not_one_longer)
{
    for (size_t n = MP_COUNT_MAX; n <= MP_COUNT_MAX + 1; n++) {
        put(0xdc);
        put_u16(n);
        memset(out.data + out.len, 0xc0, n);
        out.len += n;
        ck_assert_int_eq(check_out(), n == MP_COUNT_MAX ? ERR_OK : ERR_SIZE);
    }
}
END_TEST

START_TEST(a_map_may_have_as_many_pairs_as_the_limit_and_not_one_more)
{
    for (size_t n = MP_PAIRS_MAX; n <= MP_PAIRS_MAX + 1; n++) {
        put(0xde);
        put_u16(n);
        for (size_t i = 0; i < n; i++) {
            char key[3];
            snprintf(key, sizeof key, "%02x", (unsigned)i);
            put(0xa2);
            put_many(key, 2);
            put(0xc0);
        }
        ck_assert_int_eq(check_out(), n == MP_PAIRS_MAX ? ERR_OK : ERR_SIZE);
    }
}
END_TEST

/* ---- the writer ---- */

START_TEST(what_is_written_passes_the_check)
{
    struct wbuf w;
    wbuf_init(&w, MP_SIZE_MAX);
    wbuf_map(&w, 8);
    wbuf_str(&w, "str", "text \xe2\x82\xac");
    wbuf_int(&w, "int", INT64_MIN);
    wbuf_dbl(&w, "dbl", -0.0);
    wbuf_bool(&w, "yes", true);
    wbuf_bool(&w, "no", false);
    wbuf_bin(&w, "bin", "\0\1\2", 3);
    wbuf_dec(&w, "dec", dec_lit("-1.50"));
    wbuf_key(&w, "list");
    wbuf_array(&w, 2);
    wbuf_int(&w, NULL, 1);
    wbuf_str(&w, NULL, "");
    ck_assert_int_eq(w.err, ERR_OK);
    ck_assert_int_eq(check_copy(w.data, w.len), ERR_OK);
    wbuf_fini(&w);
    wbuf_fini(&w);
}
END_TEST

START_TEST(holds_exactly_its_bound)
{
    struct wbuf w;
    wbuf_init(&w, 5);
    wbuf_str(&w, NULL, "1234");
    ck_assert_int_eq(w.err, ERR_OK);
    ck_assert_uint_eq(w.len, 5);
    wbuf_bool(&w, NULL, true);
    ck_assert_int_eq(w.err, ERR_SIZE);
    ck_assert_uint_eq(w.len, 5);
    wbuf_fini(&w);
    wbuf_init(&w, 4);
    wbuf_str(&w, NULL, "1234");
    ck_assert_int_eq(w.err, ERR_SIZE);
    ck_assert_uint_le(w.len, 4);
    wbuf_fini(&w);
}
END_TEST

START_TEST(the_first_error_stays)
{
    struct wbuf w;
    wbuf_init(&w, 16);
    wbuf_dbl(&w, NULL, NAN);
    ck_assert_int_eq(w.err, ERR_RANGE);
    wbuf_str(&w, NULL, "\xff");
    wbuf_str(&w, NULL, "far too long for sixteen bytes");
    wbuf_int(&w, NULL, 1);
    ck_assert_int_eq(w.err, ERR_RANGE);
    wbuf_fini(&w);
    wbuf_init(&w, 16);
    wbuf_str(&w, NULL, "\xc0\x80");
    ck_assert_int_eq(w.err, ERR_UTF8);
    wbuf_dbl(&w, NULL, INFINITY);
    ck_assert_int_eq(w.err, ERR_UTF8);
    wbuf_fini(&w);
    wbuf_init(&w, 2);
    wbuf_str(&w, NULL, "123");
    wbuf_dbl(&w, NULL, -INFINITY);
    ck_assert_int_eq(w.err, ERR_SIZE);
    wbuf_int(&w, NULL, 1); /* would fit, but nothing follows an error */
    ck_assert_uint_le(w.len, 1);
    wbuf_fini(&w);
}
END_TEST

/* ---- the getters ---- */

static msgpack_unpacked unpacked;

static const msgpack_object *parse(const char *hex)
{
    ck_assert_int_eq(check_hex(hex), ERR_OK);
    size_t n = strlen(hex) / 2;
    msgpack_unpacked_init(&unpacked);
    ck_assert_int_eq(msgpack_unpack_next(&unpacked, (const char *)out.data, n, NULL),
                     MSGPACK_UNPACK_SUCCESS);
    return &unpacked.data;
}

/* What each getter says about {"k": value}. */
static void expect(const char *value_hex, int str, int whole, int dbl, int boolean, int bin,
                   int dec)
{
    char hex[256], text[8] = "before";
    snprintf(hex, sizeof hex, "81a16b%s", value_hex);
    const msgpack_object *m = parse(hex);
    int64_t i = -77;
    double d = -77;
    bool b = true;
    uint8_t bytes[4];
    size_t len = 77;
    dec_t v = dec_int(-77);
    const int got[] = {mp_str(m, "k", text, sizeof text),
                       mp_int(m, "k", &i),
                       mp_dbl(m, "k", &d),
                       mp_bool(m, "k", &b),
                       mp_bin(m, "k", bytes, sizeof bytes, &len),
                       mp_dec(m, "k", &v)};
    const int want[] = {str, whole, dbl, boolean, bin, dec};
    static const char *const names[] = {"str", "int", "dbl", "bool", "bin", "dec"};
    for (size_t k = 0; k < N(got); k++)
        ck_assert_msg(got[k] == want[k], "mp_%s of %s: %s, not %s", names[k], value_hex,
                      err_name(got[k]), err_name(want[k]));
    if (str < 0)
        ck_assert_str_eq(text, "before");
    if (whole < 0)
        ck_assert_int_eq(i, -77);
    if (dbl < 0)
        ck_assert(d == -77);
    if (bin < 0)
        ck_assert_uint_eq(len, 77);
    if (dec < 0)
        ck_assert(dec_eq(v, dec_int(-77)));
    msgpack_unpacked_destroy(&unpacked);
}

START_TEST(each_getter_takes_its_own_type_only)
{
    const int T = ERR_TYPE;
    /* clang-format off */
    /*     value                  str       int        dbl        bool    bin     dec */
    expect("c0",                  T,        T,         T,         T,      T,      T);
    expect("c3",                  T,        T,         T,         ERR_OK, T,      T);
    expect("00",                  T,        ERR_OK,    ERR_OK,    T,      T,      T);
    expect("ff",                  T,        ERR_OK,    ERR_OK,    T,      T,      T);
    expect("cd0001",              T,        ERR_OK,    ERR_OK,    T,      T,      T); /* padded */
    expect("cf7fffffffffffffff",  T,        ERR_OK,    ERR_OK,    T,      T,      T);
    expect("cf8000000000000000",  T,        ERR_RANGE, T,         T,      T,      T);
    expect("cfffffffffffffffff",  T,        ERR_RANGE, T,         T,      T,      T);
    expect("d38000000000000000",  T,        ERR_OK,    ERR_OK,    T,      T,      T);
    expect("cb3ff0000000000000",  T,        T,         ERR_OK,    T,      T,      T); /* 1.0 */
    expect("ca3f800000",          T,        T,         ERR_OK,    T,      T,      T);
    expect("cb8000000000000000",  T,        T,         ERR_OK,    T,      T,      T); /* -0.0 */
    expect("cb7ff8000000000000",  T,        T,         ERR_RANGE, T,      T,      T); /* NaN */
    expect("cb7ff0000000000000",  T,        T,         ERR_RANGE, T,      T,      T); /* Inf */
    expect("cafff00000",          T,        T,         ERR_RANGE, T,      T,      T); /* NaN */
    expect("caff800000",          T,        T,         ERR_RANGE, T,      T,      T); /* -Inf */
    expect("a3312e35",            ERR_OK,   T,         T,         T,      T,      ERR_OK);
    expect("a0",                  ERR_OK,   T,         T,         T,      T,      ERR_SYNTAX);
    expect("a34e614e",            ERR_OK,   T,         T,         T,      T,      ERR_SYNTAX);
    expect("a731323334353637",    ERR_OK,   T,         T,         T,      T,      ERR_OK);
    expect("a83132333435363738",  ERR_SIZE, T,         T,         T,      T,      ERR_OK);
    expect("c400",                T,        T,         T,         T,      ERR_OK, T);
    expect("c404ffffffff",        T,        T,         T,         T,      ERR_OK, T);
    expect("c405ffffffffff",      T,        T,         T,         T,      ERR_SIZE, T);
    expect("90",                  T,        T,         T,         T,      T,      T);
    expect("80",                  T,        T,         T,         T,      T,      T);
    /* clang-format on */
}
END_TEST

START_TEST(getters_yield_the_value)
{
    /* {"s":"ab", "i":-5, "d":2.5, "w":3, "b":true, "x":<01 02>, "q":"-1.25"} */
    const msgpack_object *m =
        parse("87a173a26162a169fba164cb4004000000000000a17703a162c3a178c4020102"
              "a171a52d312e3235");
    char text[3];
    int64_t i;
    double d, w;
    bool b;
    uint8_t bytes[2];
    size_t len;
    dec_t q;
    ck_assert_int_eq(mp_str(m, "s", text, sizeof text), ERR_OK);
    ck_assert_str_eq(text, "ab");
    ck_assert_int_eq(mp_int(m, "i", &i), ERR_OK);
    ck_assert_int_eq(i, -5);
    ck_assert_int_eq(mp_dbl(m, "d", &d), ERR_OK);
    ck_assert(d == 2.5);
    ck_assert_int_eq(mp_dbl(m, "w", &w), ERR_OK);
    ck_assert(w == 3);
    ck_assert_int_eq(mp_bool(m, "b", &b), ERR_OK);
    ck_assert(b);
    ck_assert_int_eq(mp_bin(m, "x", bytes, sizeof bytes, &len), ERR_OK);
    ck_assert_uint_eq(len, 2);
    ck_assert_mem_eq(bytes, "\1\2", 2);
    ck_assert_int_eq(mp_dec(m, "q", &q), ERR_OK);
    ck_assert(dec_eq(q, dec_lit("-1.25")));
    const msgpack_object *o = NULL;
    ck_assert_int_eq(mp_get(m, "S", &o), ERR_MISSING);
    ck_assert_int_eq(mp_get(m, "", &o), ERR_MISSING);
    ck_assert_int_eq(mp_int(m, "is", &i), ERR_MISSING);
    ck_assert_ptr_null(o);
    msgpack_unpacked_destroy(&unpacked);
    ck_assert_int_eq(mp_get(parse("90"), "s", &o), ERR_TYPE);
    msgpack_unpacked_destroy(&unpacked);
}
END_TEST

TESTS("mp", accepts_every_kind_that_may_travel, refuses_counts_and_lengths_beyond_the_end,
      refuses_kinds_that_may_not_travel, refuses_bytes_after_the_object,
      refuses_a_key_given_twice_whatever_its_spelling, refuses_text_that_is_not_utf8,
      nests_to_the_limit_and_not_one_deeper,
      a_message_may_be_as_large_as_the_limit_and_not_one_byte_larger,
      an_array_may_be_as_long_as_the_limit_and_not_one_longer,
      a_map_may_have_as_many_pairs_as_the_limit_and_not_one_more, what_is_written_passes_the_check,
      holds_exactly_its_bound, the_first_error_stays, each_getter_takes_its_own_type_only,
      getters_yield_the_value)
