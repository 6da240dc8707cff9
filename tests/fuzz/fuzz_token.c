/* fuzz_token - approvals and client order ids: what decodes encodes to the same bytes; what is not signed with the
 * key is refused, however near it is to what was. */
#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t public_key[TOKEN_PUBLIC], secret[TOKEN_SECRET], good[TOKEN_SIZE];

static void begin(void)
{
    const struct token t = {
        .leg = LEG_ENTRY, .side = SIDE_BUY, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC, .key_id = TOKEN_KEY_ID,
        .max_leverage_x100 = 100, .symbol = "XBTUSDTM", .qty = 1, .price_ticks = 10, .floor_ticks = 1, .cap_ticks = 20,
        .stop_ticks = 1, .max_notional_e6 = 1, .counter = 1, .issued_ns = 1, .expires_ns = 2, .expires_boot_ns = 1,
    };
    must(sodium_init() >= 0 && crypto_sign_keypair(public_key, secret) == 0);
    must(token_sign(&t, secret, good) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token t;
    uint8_t again[TOKEN_BODY], bytes[TOKEN_SIZE];
    if (public_key[0] == 0 && secret[0] == 0)
        begin();
    if (token_decode(data, size, &t) == ERR_OK)
        must(size == TOKEN_BODY && token_encode(&t, again) == ERR_OK && memcmp(again, data, TOKEN_BODY) == 0);
    must(token_verify(data, size, public_key, &t) != ERR_OK || (size == TOKEN_SIZE && memcmp(data, good, size) == 0));

    /* A good one, changed where the input says: pairs of place and difference. */
    memcpy(bytes, good, sizeof bytes);
    for (size_t i = 0; i + 2 < size; i += 3)
        bytes[(data[i] | data[i + 1] << 8) % TOKEN_SIZE] ^= data[i + 2];
    must((token_verify(bytes, sizeof bytes, public_key, &t) == ERR_OK) == (memcmp(bytes, good, sizeof bytes) == 0));

    char text[TOKEN_ID_TEXT + 8] = "", back[TOKEN_ID_TEXT];
    uint8_t id[16];
    enum leg leg;
    int n;
    memcpy(text, data, size < sizeof text - 1 ? size : sizeof text - 1);
    if (token_cl_ord_parse(text, id, &leg, &n) == ERR_OK) {
        token_cl_ord_id(id, leg, n, back);
        must(strcmp(back, text) == 0);
    }
    (void)token_uuid(text, id);
    return 0;
}
