/* auth - see auth.h */
#include <sodium.h>
#include <string.h>

#include "proto/err.h"

#include "libagent/exchange/auth.h"

static void hmac_text(const char *secret, const void *const *parts, const size_t *lens, size_t n,
                      char ret[AUTH_TEXT_MAX])
{
    crypto_auth_hmacsha256_state st;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    must(sodium_init() >= 0);
    crypto_auth_hmacsha256_init(&st, (const unsigned char *)secret, strlen(secret));
    for (size_t i = 0; i < n; i++)
        crypto_auth_hmacsha256_update(&st, parts[i], lens[i]);
    crypto_auth_hmacsha256_final(&st, mac);
    sodium_bin2base64(ret, AUTH_TEXT_MAX, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(&st, sizeof st);
}

void auth_sign(const char *secret, const char *timestamp, const char *method, const char *target,
               const void *body, size_t len, char ret[AUTH_TEXT_MAX])
{
    const void *parts[] = {timestamp, method, target, body != NULL ? body : ""};
    size_t lens[] = {strlen(timestamp), strlen(method), strlen(target), body != NULL ? len : 0};
    hmac_text(secret, parts, lens, 4, ret);
}

void auth_passphrase(const char *secret, const char *passphrase, char ret[AUTH_TEXT_MAX])
{
    const void *parts[] = {passphrase};
    size_t lens[] = {strlen(passphrase)};
    hmac_text(secret, parts, lens, 1, ret);
}

bool auth_equal(const char *a, const char *b)
{
    size_t n = strlen(a);
    return strlen(b) == n && sodium_memcmp(a, b, n) == 0;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void auth_percent_decode(const char *text, char *ret)
{
    while (*text != '\0') {
        if (text[0] == '%' && hex(text[1]) >= 0 && hex(text[2]) >= 0) {
            *ret++ = (char)(hex(text[1]) * 16 + hex(text[2]));
            text += 3;
        } else {
            *ret++ = *text++;
        }
    }
    *ret = '\0';
}
