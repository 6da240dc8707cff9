/* body - see body.h */
#include <string.h>

#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"

#include "agents/execution/body.h"

/* ---- what may be written ---- */

static bool word(const char *text, size_t size)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = strnlen(text, size);
    return n > 0 && n < size && strspn(text, allowed) == n;
}

/* 0, or what a price may be, which dec_format writes so that it reads back. */
static bool amount(dec_t v)
{
    return dec_valid(v) &&
           (dec_is_zero(v) || (dec_ge(v, dec_scaled(1, -30)) && dec_le(v, dec_scaled(1, 30))));
}

bool body_valid(const struct body *b)
{
    if (b->kind == BODY_NONE || b->kind == BODY_ONE_WAY)
        return true;
    if (b->kind == BODY_ISOLATED)
        return word(b->symbol, sizeof b->symbol);
    if ((b->kind != BODY_ENTRY && b->kind != BODY_REDUCE) || !word(b->symbol, sizeof b->symbol) ||
        !word(b->cl_ord_id, sizeof b->cl_ord_id) || (unsigned)b->side >= SIDE_COUNT || !amount(b->price) ||
        !amount(b->up_px) || !amount(b->down_px))
        return false;
    bool up = dec_sign(b->up_px) > 0, down = dec_sign(b->down_px) > 0, limit = dec_sign(b->price) > 0;
    if (b->kind == BODY_ENTRY)
        return b->qty > 0 && b->leverage > 0 && limit;
    return b->qty >= 0 && b->leverage == 0 && up + down + limit <= 1;
}

/* ---- writing ---- */

static void write_entry(const struct body *b, struct jw *w)
{
    jw_str(w, "marginMode", "ISOLATED");
    jw_int(w, "leverage", b->leverage);
    jw_int(w, "size", b->qty);
    jw_decs(w, "price", b->price);
    jw_str(w, "timeInForce", "GTC");
    jw_str(w, "stopPriceType", "TP");
    if (dec_sign(b->up_px) > 0)
        jw_decs(w, "triggerStopUpPrice", b->up_px);
    if (dec_sign(b->down_px) > 0)
        jw_decs(w, "triggerStopDownPrice", b->down_px);
}

static void write_reduce(const struct body *b, struct jw *w)
{
    bool up = dec_sign(b->up_px) > 0;
    jw_str(w, "marginMode", "ISOLATED");
    if (dec_sign(b->price) > 0) {
        jw_decs(w, "price", b->price);
        jw_str(w, "timeInForce", "IOC");
    }
    if (up || dec_sign(b->down_px) > 0) {
        jw_str(w, "stop", up ? "up" : "down");
        jw_decs(w, "stopPrice", up ? b->up_px : b->down_px);
        jw_str(w, "stopPriceType", "TP");
    }
    if (b->qty == 0) {
        jw_bool(w, "closeOrder", true);
    } else {
        jw_int(w, "size", b->qty);
        jw_bool(w, "reduceOnly", !PLANTED(not_reduce_only));
    }
}

void body_write(const struct body *b, struct jw *w)
{
    jw_reset(w);
    if (b->kind == BODY_NONE || !body_valid(b))
        return;
    jw_open(w, NULL, '{');
    if (b->kind == BODY_ONE_WAY) {
        jw_str(w, "positionMode", "0");
    } else if (b->kind == BODY_ISOLATED) {
        jw_str(w, "symbol", b->symbol);
        jw_str(w, "marginMode", "ISOLATED");
    } else {
        jw_str(w, "clientOid", b->cl_ord_id);
        jw_str(w, "symbol", b->symbol);
        jw_str(w, "side", b->side == SIDE_BUY ? "buy" : "sell");
        jw_str(w, "type", dec_sign(b->price) > 0 ? "limit" : "market");
        if (b->kind == BODY_ENTRY)
            write_entry(b, w);
        else
            write_reduce(b, w);
    }
    jw_close(w, '}');
}

/* ---- reading ---- */

/* ERR_OK and *ret untouched when there is none. */
static int read_price(const json_t *t, const char *key, dec_t *ret)
{
    return json_object_get(t, key) == NULL ? ERR_OK : codec_dec(t, key, ret);
}

static int read_order(const json_t *t, struct body *b)
{
    const char *oid, *side, *stop;
    if (codec_text(t, "clientOid", &oid) < 0 || codec_text(t, "side", &side) < 0 ||
        read_price(t, "price", &b->price) < 0 || read_price(t, "triggerStopUpPrice", &b->up_px) < 0 ||
        read_price(t, "triggerStopDownPrice", &b->down_px) < 0)
        return ERR_SYNTAX;
    if (codec_text(t, "stop", &stop) == ERR_OK &&
        codec_dec(t, "stopPrice", strcmp(stop, "up") == 0 ? &b->up_px : &b->down_px) < 0)
        return ERR_SYNTAX;
    (void)codec_int(t, "leverage", &b->leverage);
    (void)codec_int(t, "size", &b->qty);
    TEXT_COPY(b->cl_ord_id, oid);
    b->side = strcmp(side, "buy") == 0 ? SIDE_BUY : SIDE_SELL;
    return ERR_OK;
}

static int read_fields(const json_t *t, struct body *b)
{
    const char *symbol;
    if (b->kind == BODY_ONE_WAY)
        return ERR_OK;
    if (codec_text(t, "symbol", &symbol) < 0)
        return ERR_SYNTAX;
    TEXT_COPY(b->symbol, symbol);
    return b->kind == BODY_ISOLATED ? ERR_OK : read_order(t, b);
}

int body_read(const char *target, const void *text, size_t len, struct body *ret)
{
    static const char *const targets[BODY_KINDS] = {
        [BODY_ENTRY] = ENTRY_TARGET, [BODY_REDUCE] = REDUCE_TARGET, [BODY_ISOLATED] = ISOLATED_TARGET,
        [BODY_ONE_WAY] = ONE_WAY_TARGET,
    };
    struct body b;
    json_t *tree = NULL;
    struct jw w;
    memset(&b, 0, sizeof b);
    while (++b.kind < BODY_KINDS && strcmp(target, targets[b.kind]) != 0)
        continue;
    if (codec_load(text, len, &tree) < 0)
        return ERR_SYNTAX;
    int err = read_fields(tree, &b);
    json_decref(tree);
    if (err < 0)
        return err;
    jw_init(&w);
    body_write(&b, &w);
    bool same = w.len > 0 && w.len == len && memcmp(w.buf, text, len) == 0;
    jw_fini(&w);
    if (!same)
        return ERR_SYNTAX;
    *ret = b;
    return ERR_OK;
}
