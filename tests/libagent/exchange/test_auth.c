/* Vectors: kucoin-futures 15.1. */
#include <string.h>

#include "libagent/exchange/auth.h"
#include "tests/runner.h"

static const char secret[] = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", stamp[] = "1763700000000";

START_TEST(signs_as_the_published_vectors)
{
    static const struct { const char *method, *target, *body, *want; } v[] = {
        {"GET", "/api/v1/account-overview?currency=USDT", "",
         "CAaivyshbB40/Ql3R0y48MDqeasxnz5qlibK4lBrCSM="},
        {"GET", "/api/v1/fills?symbol=XBTUSDTM&tradeTypes=adl,liquid", "",
         "omTKpJhWJnKRqirynzeHg/VvG6ExLBK5UOxmgPICEHA="},
        {"GET", "/api/v1/fills?symbol=XBTUSDTM&tradeTypes=adl%2Cliquid", "",
         "kBqx2aNxirzDsEivqe2Pt9ERxERQURDyESzfTLEdQz0="},
        {"POST", "/api/v1/orders",
         "{\"clientOid\":\"c-0001\",\"side\":\"buy\",\"symbol\":\"XBTUSDTM\",\"type\":\"limit\","
         "\"leverage\":3,\"price\":\"90000\",\"size\":1}",
         "pEaWUSnEXUWOia4xe19HmI7ryNN05Y6rQfHz7UNI/JU="},
        {"POST", "/api/v1/bullet-private", "", "5zNJ5hN5QDlnzbNk6HnIm5jof0IXOj+qD/zFIGOdp4U="},
        {"DELETE", "/api/v1/orders/234125150956625920", "",
         "FIYHG3dy7HQJ6hW3Sxy/gp8tjaMR4sjWEMslhmKLOhs="},
    };
    char got[AUTH_TEXT_MAX];
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        auth_sign(secret, stamp, v[i].method, v[i].target, v[i].body, strlen(v[i].body), got);
        ck_assert_str_eq(got, v[i].want);
    }
}
END_TEST

START_TEST(signs_the_passphrase_as_the_published_vector)
{
    char got[AUTH_TEXT_MAX];
    auth_passphrase(secret, "paper#Pass1", got);
    ck_assert_str_eq(got, "4SYAKpp8opuqjePWchUEG+NgyLVBvbtDtWCLjLzWvJs=");
}
END_TEST

START_TEST(decodes_percent_escapes_and_leaves_malformed_ones)
{
    char got[32];
    auth_percent_decode("a%2Cb%2cc%zz%2", got);
    ck_assert_str_eq(got, "a,b,c%zz%2");
}
END_TEST

START_TEST(tells_equal_texts_from_others)
{
    ck_assert(auth_equal("abc", "abc"));
    ck_assert(!auth_equal("abc", "abd"));
    ck_assert(!auth_equal("abc", "ab"));
}
END_TEST

TESTS("auth", signs_as_the_published_vectors, signs_the_passphrase_as_the_published_vector,
      decodes_percent_escapes_and_leaves_malformed_ones, tells_equal_texts_from_others)
