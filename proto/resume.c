/* resume - see resume.h */
#include <sodium.h>
#include <string.h>

#include "proto/err.h"
#include "proto/planted.h"

#include "proto/resume.h"

#define CONTEXT "ENIGMA-RESUME-v1"
#define RELOAD  "ENIGMA-RELOAD-v1"

struct text {
    uint8_t bytes[sizeof CONTEXT + 8 + 16 + 96];
};

static struct text text_of(const struct resume *r)
{
    struct text t = {.bytes = CONTEXT};
    uint8_t *p = t.bytes + sizeof CONTEXT;
    if (r->reload)
        memcpy(t.bytes, RELOAD, sizeof RELOAD);
    for (int i = 0; i < 8; i++)
        *p++ = (uint8_t)((uint64_t)r->issued_ns >> 8 * i);
    memcpy(p, r->account, sizeof r->account);
    memcpy(p + sizeof r->account, r->reason, strnlen(r->reason, sizeof r->reason));
    return t;
}

void resume_sign(const struct resume *r, const uint8_t secret[TOKEN_SECRET], uint8_t ret[RESUME_SIGNATURE])
{
    const struct text t = text_of(r);
    must(sodium_init() >= 0 && crypto_sign_detached(ret, NULL, t.bytes, sizeof t.bytes, secret) == 0);
}

int resume_verify(const struct resume *r, const uint8_t signature[RESUME_SIGNATURE],
                  const uint8_t public_key[TOKEN_PUBLIC])
{
    const struct text t = text_of(r);
    must(sodium_init() >= 0);
    bool good = PLANTED(resume_not_verified) ||
                crypto_sign_verify_detached(signature, t.bytes, sizeof t.bytes, public_key) == 0;
    return good ? ERR_OK : ERR_AUTH;
}
