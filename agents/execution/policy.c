/* policy - see policy.h */
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/hash.h"
#include "proto/planted.h"
#include "proto/tm.h"

#include "agents/execution/policy.h"

#define FUTURE_NS (250 * NS_PER_MS)     /* a token issued later than this from now is refused */

static int refuse(char *why, const char *text)
{
    snprintf(why, POLICY_WHY_MAX, "%s", text);
    return ERR_REFUSED;
}

static const struct rule {
    const char *method, *target;
    bool prefix;                /* of target; else the whole of it */
    enum body_kind body;
} rules[] = {
    {"GET",    "/api/",                  true,  BODY_NONE},
    {"DELETE", "/api/v1/orders",         true,  BODY_NONE},
    {"DELETE", "/api/v3/orders",         true,  BODY_NONE},
    {"DELETE", "/api/v1/stopOrders",     true,  BODY_NONE},
    {"POST",   "/api/v1/bullet-private", false, BODY_NONE},
    {"POST",   REDUCE_TARGET,            false, BODY_REDUCE},
    {"POST",   ISOLATED_TARGET,          false, BODY_ISOLATED},
    {"POST",   ONE_WAY_TARGET,           false, BODY_ONE_WAY},
    {"POST",   ENTRY_TARGET,             false, BODY_ENTRY},
};

/* ---- the token of an entry ---- */

static bool equals_ticks(dec_t price, int64_t ticks, dec_t tick)
{
    return dec_eq(price, dec_mul(dec_int(ticks), tick));
}

static const char *compare(const struct token *t, const struct body *e, dec_t tick, dec_t multiplier)
{
    char oid[TOKEN_ID_TEXT];
    dec_t stop = t->side == SIDE_BUY ? e->down_px : e->up_px;
    dec_t target = t->side == SIDE_BUY ? e->up_px : e->down_px;
    token_cl_ord_id(t->approval_id, LEG_ENTRY, 1, oid);
    if (t->leg != LEG_ENTRY || t->ord_type != ORD_LIMIT || t->tif != TOKEN_GTC || t->flags != 0)
        return "WRONG_KIND: the token is not of a resting limit entry";
    if (strcmp(oid, e->cl_ord_id) != 0)
        return "WRONG_ID: not the order id of the token";
    if (strcmp(t->symbol, e->symbol) != 0)
        return "WRONG_SYMBOL: not the symbol of the token";
    if (t->side != e->side)
        return "WRONG_SIDE: not the side of the token";
    if (t->qty != e->qty)
        return "WRONG_SIZE: not the size of the token";
    if (e->leverage < 1 || e->leverage > UINT32_MAX / 100 || e->leverage * 100 > (int64_t)t->max_leverage_x100)
        return "WRONG_LEVERAGE: more than the token allows";
    if (dec_sign(tick) <= 0 || dec_sign(multiplier) <= 0 || !equals_ticks(e->price, t->price_ticks, tick))
        return "WRONG_PRICE: not the price of the token";
    if (dec_sign(stop) <= 0 || !equals_ticks(stop, t->stop_ticks, tick))
        return "WRONG_STOP: not the stop of the token";
    if (dec_sign(target) < 0 || (dec_sign(target) > 0 && (t->side == SIDE_BUY ? dec_le(target, e->price)
                                                                              : dec_ge(target, e->price))))
        return "WRONG_TARGET: the target is not on the winning side";
    if (dec_gt(dec_mul(dec_mul(dec_mul(dec_int(e->qty), multiplier), e->price), dec_scaled(1, 6)),
               dec_int(t->max_notional_e6)))
        return "WRONG_NOTIONAL: more than the token allows";
    return NULL;
}

static const char *usable(const struct policy *p, const struct token *t, const struct policy_now *now)
{
    if (t->mode != p->mode || memcmp(t->account, p->account, sizeof p->account) != 0)
        return "OTHER_ACCOUNT: the token is of another mode or account";
    if (memcmp(t->boot_id, p->boot_id, sizeof p->boot_id) != 0)
        return "OTHER_BOOT: the token is of another boot";
    if (t->config_hash != p->limits.config_hash)
        return "OTHER_CONFIG: the token was made under another configuration";
    if (PLANTED(approval_after_expiry))
        return NULL;
    if (now->wall_ns >= t->expires_ns || now->boot_ns >= t->expires_boot_ns)
        return "EXPIRED: the token has expired";
    if (t->issued_ns > now->wall_ns + FUTURE_NS)
        return "FUTURE: the token is from the future";
    if (t->issued_ns < p->since_ns)
        return "OLD: the token is older than the signer";
    return NULL;
}

/* ---- hard limits, whatever was approved ---- */

static const char *limited(const struct policy *p, const struct body *e, const struct policy_now *now,
                           dec_t multiplier)
{
    const struct policy_limits *l = &p->limits;
    const struct policy_mark *m = now->mark;
    dec_t value = dec_mul(dec_mul(dec_int(e->qty), multiplier), e->price);
    if (l->max_leverage > 0 && e->leverage > l->max_leverage)
        return "MAX_LEVERAGE: above the hard limit";
    if (dec_sign(l->max_notional) > 0 && dec_gt(value, l->max_notional))
        return "MAX_ORDER: above the hard limit of one order's value";
    if (dec_sign(l->collar) <= 0)
        return NULL;
    if (m == NULL || now->boot_ns - m->boot_ns > l->mark_age_ns || now->boot_ns < m->boot_ns)
        return "NO_WITNESS: the price witness is silent";
    if (e->qty > m->max_qty || e->leverage > m->max_leverage)
        return "CONTRACT_LIMIT: more than the contract allows in one order";
    if (dec_gt(dec_abs(dec_sub(e->price, m->mark)), dec_mul(m->mark, l->collar)))
        return "COLLAR: the price is too far from the mark";
    return NULL;
}

/* Single use: the same approval signs the same bytes only. */
static const char *use(struct policy *p, const struct token *t, const struct policy_request *r)
{
    struct policy_used u = {.counter = t->counter};
    memcpy(u.approval_id, t->approval_id, sizeof u.approval_id);
    hash128(r->body, r->len, u.body);
    if (PLANTED(token_reused))
        return NULL;
    for (int i = 0; i < POLICY_USED; i++)
        if (memcmp(p->used[i].approval_id, u.approval_id, sizeof u.approval_id) == 0)
            return memcmp(p->used[i].body, u.body, sizeof u.body) == 0 ? NULL : "REPLAYED: the token was used before";
    if (t->counter <= p->last_counter)
        return "REPLAYED: the token is older than one used before";
    if (p->keep != NULL && !p->keep(p->keep_arg, &u))
        return "NOT_KEPT: the use of the token cannot be written down";
    policy_remember(p, &u);
    return NULL;
}

void policy_remember(struct policy *p, const struct policy_used *u)
{
    p->used[p->next] = *u;
    p->next = (p->next + 1) % POLICY_USED;
    p->last_counter = u->counter > p->last_counter ? u->counter : p->last_counter;
}

static int check_entry(struct policy *p, const struct policy_request *r, const struct policy_now *now, char *why)
{
    struct token t;
    const char *wrong = now->stopped;
    bool witness = dec_sign(p->limits.collar) > 0 && now->mark != NULL;
    dec_t tick = witness ? now->mark->tick : r->tick, multiplier = witness ? now->mark->multiplier : r->multiplier;
    if (wrong != NULL)
        return refuse(why, wrong);
    if (now->public_key == NULL)
        return refuse(why, "NO_KEY: risk's public key is not there");
    if (r->token == NULL)
        return refuse(why, "NO_TOKEN: an entry needs an approval");
    if (PLANTED(token_not_checked) && token_decode(r->token, TOKEN_BODY, &t) == ERR_OK)
        return ERR_OK;
    if (token_verify(r->token, r->token_len, now->public_key, &t) < 0)
        return refuse(why, "BAD_TOKEN: not signed by risk");
    if ((wrong = usable(p, &t, now)) != NULL || (wrong = compare(&t, r->what, tick, multiplier)) != NULL ||
        (wrong = limited(p, r->what, now, multiplier)) != NULL || (wrong = use(p, &t, r)) != NULL)
        return refuse(why, wrong);
    return ERR_OK;
}

/* ---- limits that change ---- */

static bool looser(int64_t from, int64_t to)
{
    return from > 0 && (to <= 0 || to > from);
}

static bool looser_dec(dec_t from, dec_t to)
{
    return dec_sign(from) > 0 && (dec_sign(to) <= 0 || dec_gt(to, from));
}

int policy_tighten(struct policy *p, const struct policy_limits *to, char why[POLICY_WHY_MAX])
{
    const struct policy_limits *l = &p->limits;
    if (looser(l->max_leverage, to->max_leverage) || looser_dec(l->max_notional, to->max_notional) ||
        looser_dec(l->collar, to->collar) || looser(l->mark_age_ns, to->mark_age_ns))
        return refuse(why, "LOOSER: a limit may only become tighter until everything is stopped");
    p->limits = *to;
    return ERR_OK;
}

/* ---- all requests ---- */

int policy_check(struct policy *p, const struct policy_request *r, const struct policy_now *now,
                 char why[POLICY_WHY_MAX])
{
    enum body_kind kind = r->what != NULL ? r->what->kind : BODY_NONE;
    if (r->what != NULL && !body_valid(r->what))
        return refuse(why, "MALFORMED: no order or setting has such parameters");
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        size_t n = strlen(rule->target);
        if (strcmp(rule->method, r->method) != 0 ||
            (rule->prefix ? strncmp(rule->target, r->target, n) : strcmp(rule->target, r->target)) != 0)
            continue;
        if (rule->body != kind)
            return refuse(why, "NEVER: the body is not allowed for this request");
        return kind == BODY_ENTRY ? check_entry(p, r, now, why) : ERR_OK;
    }
    return refuse(why, "NEVER: this request is never signed");
}
