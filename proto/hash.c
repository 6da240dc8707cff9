/* hash - see hash.h */
#include <sodium.h>

#include "proto/err.h"

#include "proto/hash.h"

void hash128(const void *bytes, size_t len, uint8_t ret[16])
{
    must(crypto_generichash(ret, 16, bytes, len, NULL, 0) == 0);
}

void hash256(const void *bytes, size_t len, uint8_t ret[32])
{
    must(crypto_generichash(ret, 32, bytes, len, NULL, 0) == 0);
}
