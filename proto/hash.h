/* hash - BLAKE2b (libsodium) of some bytes. */
#ifndef PROTO_HASH_H
#define PROTO_HASH_H

#include <stddef.h>
#include <stdint.h>

void hash128(const void *bytes, size_t len, uint8_t ret[16]);
void hash256(const void *bytes, size_t len, uint8_t ret[32]);

#endif
