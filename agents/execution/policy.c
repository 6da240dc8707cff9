/* policy - see policy.h */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "proto/err.h"
#include "proto/hash.h"
#include "proto/planted.h"
#include "proto/tm.h"

#include "agents/execution/entry.h"
#include "agents/execution/policy.h"

#define FUTURE_NS (250 * NS_PER_MS)     /* a token issued later than this from now is refused */

static int refuse(char *why, const char *text)
{
    snprintf(why, POLICY_WHY_MAX, "%s", text);
    return ERR_REFUSED;
}

/* ---- bodies that need no token ---- */

static bool member_is(const json_t *t, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(t, key));
    return text != NULL && strcmp(text, value) == 0;
}

static bool body_reduces(const json_t *t)
{
    return json_is_true(json_object_get(t, "reduceOnly")) || json_is_true(json_object_get(t, "closeOrder"));
}
static bool body_isolates(const json_t *t) { return member_is(t, "marginMode", "ISOLATED"); }
static bool body_one_way(const json_t *t) { return member_is(t, "positionMode", "0"); }

static const struct rule {
    const char *method, *target;
    bool prefix;                            /* of target; else the whole of it */
    bool (*body)(const json_t *tree);       /* NULL: no body */
    bool entry;
} rules[] = {
    {"GET",    "/api/",                              true,  NULL,          false},
    {"DELETE", "/api/v1/orders",                     true,  NULL,          false},
    {"DELETE", "/api/v3/orders",                     true,  NULL,          false},
    {"DELETE", "/api/v1/stopOrders",                 true,  NULL,          false},
    {"POST",   "/api/v1/bullet-private",             false, NULL,          false},
    {"POST",   "/api/v1/orders",                     false, body_reduces,  false},
    {"POST",   "/api/v2/position/changeMarginMode",  false, body_isolates, false},
    {"POST",   "/api/v2/position/switchPositionMode",false, body_one_way,  false},
    {"POST",   ENTRY_TARGET,                         false, NULL,          true},
};

/* ---- the token of an entry ---- */

static bool equals_ticks(dec_t price, int64_t ticks, dec_t tick)
{
    return dec_eq(price, dec_mul(dec_int(ticks), tick));
}

static const char *compare(const struct token *t, const struct entry_request *e, const struct policy_request *r)
{
    char oid[TOKEN_ID_TEXT];
    dec_t stop = t->side == SIDE_BUY ? e->down_px : e->up_px;
    dec_t target = t->side == SIDE_BUY ? e->up_px : e->down_px;
    dec_t value = dec_mul(dec_mul(dec_int(e->qty), r->multiplier), e->price);
    token_cl_ord_id(t->approval_id, LEG_ENTRY, 1, oid);
    if (t->leg != LEG_ENTRY || t->ord_type != ORD_LIMIT || t->tif != TOKEN_GTC || t->flags != 0)
        return "the token is not of a resting limit entry";
    if (strcmp(oid, e->cl_ord_id) != 0 || strcmp(t->symbol, e->symbol) != 0 || t->side != e->side)
        return "id, symbol or side differ from the token";
    if (t->qty != e->qty || e->leverage < 1 || e->leverage * 100 > (int64_t)t->max_leverage_x100)
        return "size or leverage differ from the token";
    if (dec_sign(r->tick) <= 0 || dec_sign(r->multiplier) <= 0 || !equals_ticks(e->price, t->price_ticks, r->tick))
        return "the price differs from the token";
    if (!equals_ticks(stop, t->stop_ticks, r->tick))
        return "the stop differs from the token";
    if (dec_sign(stop) <= 0 || (t->side == SIDE_BUY ? dec_le(target, e->price) : dec_ge(target, e->price)) ||
        dec_sign(target) <= 0)
        return "the target is not on the winning side";
    if (dec_gt(dec_mul(value, dec_scaled(1, 6)), dec_int(t->max_notional_e6)))
        return "the notional is above the token's";
    return NULL;
}

static const char *usable(const struct policy *p, const struct token *t, const struct policy_now *now)
{
    if (t->mode != p->mode || memcmp(t->account, p->account, sizeof p->account) != 0)
        return "the token is of another mode or account";
    if (memcmp(t->boot_id, p->boot_id, sizeof p->boot_id) != 0)
        return "the token is of another boot";
    if (PLANTED(approval_after_expiry))
        return NULL;
    if (now->wall_ns >= t->expires_ns || now->boot_ns >= t->expires_boot_ns)
        return "the token has expired";
    if (t->issued_ns > now->wall_ns + FUTURE_NS)
        return "the token is from the future";
    if (t->issued_ns < p->since_ns)
        return "the token is older than the signer";
    return NULL;
}

/* Single use: the same approval signs the same bytes only. */
static bool use(struct policy *p, const struct token *t, const struct policy_request *r)
{
    uint8_t body[16];
    hash128(r->body, r->len, body);
    if (PLANTED(token_reused))
        return true;
    for (int i = 0; i < POLICY_USED; i++)
        if (memcmp(p->used[i].approval_id, t->approval_id, sizeof t->approval_id) == 0)
            return memcmp(p->used[i].body, body, sizeof body) == 0;
    if (t->counter <= p->last_counter)
        return false;
    struct policy_used *u = &p->used[p->next];
    p->next = (p->next + 1) % POLICY_USED;
    memcpy(u->approval_id, t->approval_id, sizeof u->approval_id);
    memcpy(u->body, body, sizeof body);
    p->last_counter = t->counter;
    return true;
}

static int check_entry(struct policy *p, const struct policy_request *r, const struct policy_now *now, char *why)
{
    struct entry_request e;
    struct token t;
    const char *wrong;
    if (now->public_key == NULL)
        return refuse(why, "risk's public key is not there");
    if (PLANTED(token_not_checked) && r->token != NULL && token_decode(r->token, TOKEN_BODY, &t) == ERR_OK)
        return ERR_OK;
    if (r->token == NULL || token_verify(r->token, r->token_len, now->public_key, &t) < 0)
        return refuse(why, "no valid token");
    if (entry_read(r->body, r->len, &e) < 0)
        return refuse(why, "the body is not an entry's");
    if ((wrong = usable(p, &t, now)) != NULL || (wrong = compare(&t, &e, r)) != NULL)
        return refuse(why, wrong);
    return use(p, &t, r) ? ERR_OK : refuse(why, "the token was used before");
}

static bool body_ok(const struct rule *rule, const struct policy_request *r)
{
    if (rule->body == NULL)
        return r->len == 0;
    json_t *tree = json_loadb(r->body, r->len, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(tree) && rule->body(tree);
    json_decref(tree);
    return ok;
}

int policy_check(struct policy *p, const struct policy_request *r, const struct policy_now *now,
                 char why[POLICY_WHY_MAX])
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        size_t n = strlen(rule->target);
        if (strcmp(rule->method, r->method) != 0 ||
            (rule->prefix ? strncmp(rule->target, r->target, n) : strcmp(rule->target, r->target)) != 0)
            continue;
        if (rule->entry)
            return check_entry(p, r, now, why);
        return body_ok(rule, r) ? ERR_OK : refuse(why, "the body is not allowed for this request");
    }
    return refuse(why, "this request is never signed");
}
