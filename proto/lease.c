/* lease - see lease.h */
#include <sodium.h>
#include <string.h>

#include "proto/err.h"

#include "proto/lease.h"

#define CONTEXT "ENIGMA-LEASE-v1"   /* its NUL is part of what is signed */
#define BODY    offsetof(struct lease, signature)

static const char magic[4] = {'L', 'S', 'E', '1'};

struct text {
    uint8_t bytes[sizeof CONTEXT + BODY];
};

static struct text text_of(const struct lease *l)
{
    struct text t = {.bytes = CONTEXT};
    must(sodium_init() >= 0);
    memcpy(t.bytes + sizeof CONTEXT, l, BODY);
    return t;
}

void lease_sign(struct lease *l, const uint8_t secret[TOKEN_SECRET])
{
    memcpy(l->magic, magic, sizeof magic);
    const struct text t = text_of(l);
    must(crypto_sign_detached(l->signature, NULL, t.bytes, sizeof t.bytes, secret) == 0);
}

int lease_verify(const struct lease *l, const uint8_t public_key[TOKEN_PUBLIC])
{
    if (memcmp(l->magic, magic, sizeof magic) != 0)
        return ERR_SYNTAX;
    if (l->party >= AGENT_COUNT || l->mode > TOKEN_LIVE || (l->flags & ~LEASE_FLAGS) != 0 || l->zero != 0)
        return ERR_RANGE;
    const struct text t = text_of(l);
    return crypto_sign_verify_detached(l->signature, t.bytes, sizeof t.bytes, public_key) == 0 ? ERR_OK : ERR_AUTH;
}
