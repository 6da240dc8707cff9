/* token - see token.h; the layout comes from one table of fields */
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/hash.h"

#include "proto/token.h"

#define CONTEXT "ENIGMA-RAT-v1"     /* its NUL is part of what is signed */

static const char magic[4] = {'R', 'A', 'T', '1'};
static const char base32hex[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";

/* The layout as a structure of bytes: nothing is aligned, so nothing is padded. */
struct layout {
    uint8_t magic[4], version[1], mode[1], leg[1], side[1], ord_type[1], tif[1], flags[1], key_id[1];
    uint8_t max_leverage[4], approval_id[16], signal_id[16], symbol[24], account[16];
    uint8_t qty[8], price[8], floor[8], cap[8], stop[8], max_notional[8], counter[8], fill_basis[8];
    uint8_t config_hash[8], limits_version[8], issued[8], expires[8], expires_boot[8], boot_id[16];
};
_Static_assert(sizeof(struct layout) == TOKEN_BODY, "RAT1 is 208 bytes");

static void put(uint8_t *p, size_t n, uint64_t v)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static bool symbol_ok(const char symbol[24])
{
    size_t n = strnlen(symbol, 24);
    if (n == 0 || n == 24)
        return false;
    for (size_t i = 0; i < 24; i++)
        if (i < n ? symbol[i] <= ' ' || symbol[i] > '~' : symbol[i] != '\0')
            return false;
    return true;
}

static bool fields_ok(const struct token *t)
{
    return t->mode <= TOKEN_LIVE && t->leg < LEG_COUNT && t->side < SIDE_COUNT && t->ord_type < ORD_COUNT &&
           (t->tif == TOKEN_GTC || t->tif == TOKEN_IOC) && (t->flags & ~TOKEN_FLAGS) == 0 &&
           t->key_id > 0 && t->max_leverage_x100 > 0 && symbol_ok(t->symbol) && t->qty > 0 &&
           t->floor_ticks > 0 && t->floor_ticks <= t->price_ticks && t->price_ticks <= t->cap_ticks &&
           t->stop_ticks >= (t->leg == LEG_ENTRY) && t->max_notional_e6 > 0 && t->counter > 0 &&
           t->issued_ns > 0 && t->expires_ns > t->issued_ns &&
           t->expires_ns - t->issued_ns <= (t->leg == LEG_ENTRY ? TOKEN_LIFE_MAX_NS : TOKEN_LIFE_EXIT_NS) &&
           t->expires_boot_ns > 0;
}

int token_encode(const struct token *t, uint8_t ret[TOKEN_BODY])
{
    struct layout l;
    if (!fields_ok(t))
        return ERR_RANGE;
#define PUT(field, v) put(l.field, sizeof l.field, (uint64_t)(v))
#define COPY(field) memcpy(l.field, t->field, sizeof l.field)
    memcpy(l.magic, magic, sizeof l.magic);
    PUT(version, 1);
    PUT(mode, t->mode);
    PUT(leg, leg_name(t->leg)[0]);
    PUT(side, t->side + 1);
    PUT(ord_type, t->ord_type + 1);
    PUT(tif, t->tif);
    PUT(flags, t->flags);
    PUT(key_id, t->key_id);
    PUT(max_leverage, t->max_leverage_x100);
    COPY(approval_id);
    COPY(signal_id);
    COPY(symbol);
    COPY(account);
    PUT(qty, t->qty);
    PUT(price, t->price_ticks);
    PUT(floor, t->floor_ticks);
    PUT(cap, t->cap_ticks);
    PUT(stop, t->stop_ticks);
    PUT(max_notional, t->max_notional_e6);
    PUT(counter, t->counter);
    PUT(fill_basis, t->fill_basis);
    PUT(config_hash, t->config_hash);
    PUT(limits_version, t->limits_version);
    PUT(issued, t->issued_ns);
    PUT(expires, t->expires_ns);
    PUT(expires_boot, t->expires_boot_ns);
    COPY(boot_id);
#undef PUT
#undef COPY
    memcpy(ret, &l, sizeof l);
    return ERR_OK;
}

int token_decode(const uint8_t *body, size_t len, struct token *ret)
{
    struct layout l;
    if (len != sizeof l)
        return ERR_SIZE;
    memcpy(&l, body, sizeof l);
    if (memcmp(l.magic, magic, sizeof magic) != 0)
        return ERR_SYNTAX;
    if (l.version[0] != 1)
        return ERR_VERSION;
    const char leg[2] = {(char)l.leg[0], '\0'};
    struct token t = {.flags = l.flags[0], .key_id = l.key_id[0]};
    if (leg_parse(leg, &t.leg) < 0 || l.mode[0] > TOKEN_LIVE || l.side[0] < 1 || l.side[0] > SIDE_COUNT ||
        l.ord_type[0] < 1 || l.ord_type[0] > ORD_COUNT || l.tif[0] < TOKEN_GTC || l.tif[0] > TOKEN_IOC)
        return ERR_RANGE;
    t.mode = (enum token_mode)l.mode[0];
    t.side = (enum side)(l.side[0] - 1);
    t.ord_type = (enum ord_type)(l.ord_type[0] - 1);
    t.tif = (enum token_tif)l.tif[0];
#define GET(field) get(l.field, sizeof l.field)
#define COPY(field) memcpy(t.field, l.field, sizeof l.field)
    t.max_leverage_x100 = (uint32_t)GET(max_leverage);
    COPY(approval_id);
    COPY(signal_id);
    COPY(symbol);
    COPY(account);
    t.qty = (int64_t)GET(qty);
    t.price_ticks = (int64_t)GET(price);
    t.floor_ticks = (int64_t)GET(floor);
    t.cap_ticks = (int64_t)GET(cap);
    t.stop_ticks = (int64_t)GET(stop);
    t.max_notional_e6 = (int64_t)GET(max_notional);
    t.counter = GET(counter);
    t.fill_basis = GET(fill_basis);
    t.config_hash = GET(config_hash);
    t.limits_version = GET(limits_version);
    t.issued_ns = (int64_t)GET(issued);
    t.expires_ns = (int64_t)GET(expires);
    t.expires_boot_ns = (int64_t)GET(expires_boot);
    COPY(boot_id);
#undef GET
#undef COPY
    if (!fields_ok(&t))
        return ERR_RANGE;
    *ret = t;
    return ERR_OK;
}

#define SIGNED (sizeof CONTEXT + TOKEN_BODY)

static void signed_part(const uint8_t *body, uint8_t ret[SIGNED])
{
    must(sodium_init() >= 0);
    memcpy(ret, CONTEXT, sizeof CONTEXT);
    memcpy(ret + sizeof CONTEXT, body, TOKEN_BODY);
}

int token_sign(const struct token *t, const uint8_t secret[TOKEN_SECRET], uint8_t ret[TOKEN_SIZE])
{
    uint8_t body[TOKEN_BODY], text[SIGNED];
    int err = token_encode(t, body);
    if (err < 0)
        return err;
    signed_part(body, text);
    memcpy(ret, body, sizeof body);
    must(crypto_sign_detached(ret + TOKEN_BODY, NULL, text, sizeof text, secret) == 0);
    return ERR_OK;
}

int token_verify(const uint8_t *bytes, size_t len, const uint8_t public_key[TOKEN_PUBLIC], struct token *ret)
{
    uint8_t text[SIGNED];
    if (len != TOKEN_SIZE)
        return ERR_SIZE;
    signed_part(bytes, text);
    if (crypto_sign_verify_detached(bytes + TOKEN_BODY, text, sizeof text, public_key) != 0)
        return ERR_AUTH;
    return token_decode(bytes, TOKEN_BODY, ret);
}

void token_account(const char *mode, const char *rest_url, uint8_t ret[16])
{
    char text[256];
    int n = snprintf(text, sizeof text, "%s\n%s", mode, rest_url);
    must(n > 0 && (size_t)n < sizeof text);
    hash128(text, (size_t)n, ret);
}

/* ---- ids ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int token_uuid(const char *text, uint8_t ret[16])
{
    uint8_t bytes[16] = {0};
    int n = 0;
    if (strlen(text) != 36)
        return ERR_SYNTAX;
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = hex_digit(text[i]);
        if (dash ? text[i] != '-' : digit < 0)
            return ERR_SYNTAX;
        if (dash)
            continue;
        bytes[n / 2] = (uint8_t)(bytes[n / 2] << 4 | digit);
        n++;
    }
    memcpy(ret, bytes, sizeof bytes);
    return ERR_OK;
}

/* 128 bits in 26 digits of 5: the last digit holds 3 bits, low ones zero (RFC 4648, without padding). */
void token_cl_ord_id(const uint8_t approval_id[16], enum leg leg, int n, char ret[TOKEN_ID_TEXT])
{
    must(n >= 1 && n <= TOKEN_CL_ORD_MAX && leg < LEG_COUNT);
    memcpy(ret, "ME1", 3);
    for (int i = 0; i < 26; i++) {
        unsigned bits = (unsigned)approval_id[i * 5 / 8] << 8;
        if (i * 5 / 8 + 1 < 16)
            bits |= approval_id[i * 5 / 8 + 1];
        ret[3 + i] = base32hex[bits >> (11 - i * 5 % 8) & 31];
    }
    snprintf(ret + 29, TOKEN_ID_TEXT - 29, "%s%02d", leg_name(leg), n);
}

int token_cl_ord_parse(const char *text, uint8_t approval_id[16], enum leg *leg, int *n)
{
    uint8_t id[16] = {0};
    char again[TOKEN_ID_TEXT];
    enum leg l;
    size_t len = strlen(text);
    if (len < 32 || len > 35 || memcmp(text, "ME1", 3) != 0)
        return ERR_SYNTAX;
    for (int i = 0; i < 26; i++) {
        const char *digit = strchr(base32hex, text[3 + i]);
        if (digit == NULL)
            return ERR_SYNTAX;
        unsigned bits = (unsigned)(digit - base32hex) << (11 - i * 5 % 8);
        id[i * 5 / 8] |= (uint8_t)(bits >> 8);
        if (i * 5 / 8 + 1 < 16)
            id[i * 5 / 8 + 1] |= (uint8_t)bits;
    }
    const char name[2] = {text[29], '\0'};
    int count = 0;
    for (const char *digit = text + 30; *digit >= '0' && *digit <= '9'; digit++)
        count = count * 10 + *digit - '0';
    if (leg_parse(name, &l) < 0 || count < 1 || count > TOKEN_CL_ORD_MAX)
        return ERR_SYNTAX;
    token_cl_ord_id(id, l, count, again);
    if (strcmp(again, text) != 0)       /* bits beyond the id, or digits that are none */
        return ERR_SYNTAX;
    memcpy(approval_id, id, sizeof id);
    *leg = l;
    *n = count;
    return ERR_OK;
}
