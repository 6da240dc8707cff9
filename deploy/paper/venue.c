/* venue - see venue.h */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "libagent/clock.h"
#include "proto/err.h"
#include "proto/hash.h"

#include "deploy/paper/venue.h"

#define TOKEN_LIFE_NS (24 * 3600 * 1000000000LL)
#define SEAL 16

void venue_init(struct venue *v, struct engine *e, double speed, const char *ws_url)
{
    must(sodium_init() >= 0);
    v->engine = e;
    v->clock = (struct mclock){
        .market_base_ns = engine_market_ns(e), .mono_base_ns = mono_now().ns, .speed = speed,
    };
    snprintf(v->ws_url, sizeof v->ws_url, "%s", ws_url);
    randombytes_buf(v->token_key, sizeof v->token_key);
    v->started_ns = wall_ns();
}

int64_t venue_market_ns(const struct venue *v)
{
    return mclock_market_ns(&v->clock, mono_now().ns);
}

int64_t venue_server_ns(const struct venue *v)
{
    return wall_ns() + v->skew_ns;
}

int venue_advance(struct venue *v)
{
    return engine_advance(v->engine, venue_market_ns(v), wall_ns());
}

struct token {                  /* as sealed: no padding */
    int64_t end_ns;
    int32_t account, zero;
    uint8_t seal[SEAL];
};

static void seal(const struct venue *v, const struct token *t, uint8_t ret[SEAL])
{
    crypto_generichash(ret, SEAL, (const unsigned char *)t, offsetof(struct token, seal),
                       v->token_key, sizeof v->token_key);
}

void venue_token(const struct venue *v, int account, char ret[TOKEN_MAX])
{
    struct token t = {.end_ns = wall_ns() + TOKEN_LIFE_NS, .account = account};
    seal(v, &t, t.seal);
    sodium_bin2base64(ret, TOKEN_MAX, (const unsigned char *)&t, sizeof t,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int venue_token_open(const struct venue *v, const char *token, int *ret_account)
{
    struct token t;
    uint8_t want[SEAL];
    size_t n = 0;
    const char *end = NULL;
    if (sodium_base642bin((unsigned char *)&t, sizeof t, token, strlen(token), NULL, &n, &end,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        n != sizeof t || *end != '\0')
        return ERR_AUTH;
    seal(v, &t, want);
    if (sodium_memcmp(want, t.seal, SEAL) != 0)
        return ERR_AUTH;
    if (wall_ns() > t.end_ns)
        return ERR_TIMEOUT;
    *ret_account = t.account;
    return ERR_OK;
}

void venue_user_id(const struct venue *v, int account, char ret[USER_ID_MAX])
{
    uint8_t h[16];
    const struct account *a = engine_account_get(v->engine, account);
    hash128(a->name, strlen(a->name), h);
    sodium_bin2hex(ret, USER_ID_MAX, h, 12);
}
