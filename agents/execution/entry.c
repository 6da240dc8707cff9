/* entry - see entry.h */
#include <string.h>

#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/text.h"

#include "agents/execution/entry.h"

void entry_write(const struct entry_request *r, struct jw *w)
{
    jw_reset(w);
    jw_open(w, NULL, '{');
    jw_str(w, "clientOid", r->cl_ord_id);
    jw_str(w, "symbol", r->symbol);
    jw_str(w, "side", r->side == SIDE_BUY ? "buy" : "sell");
    jw_str(w, "type", "limit");
    jw_str(w, "marginMode", "ISOLATED");
    jw_int(w, "leverage", r->leverage);
    jw_int(w, "size", r->qty);
    jw_decs(w, "price", r->price);
    jw_str(w, "timeInForce", "GTC");
    jw_str(w, "stopPriceType", "TP");
    if (dec_sign(r->up_px) != 0)
        jw_decs(w, "triggerStopUpPrice", r->up_px);
    if (dec_sign(r->down_px) != 0)
        jw_decs(w, "triggerStopDownPrice", r->down_px);
    jw_close(w, '}');
}

static int read_trigger(const json_t *t, const char *key, dec_t *ret)
{
    *ret = dec_zero();
    return json_object_get(t, key) == NULL ? ERR_OK : codec_dec(t, key, ret);
}

static int read_fields(const json_t *t, struct entry_request *r)
{
    const char *oid, *symbol, *side;
    if (codec_text(t, "clientOid", &oid) < 0 || codec_text(t, "symbol", &symbol) < 0 ||
        codec_text(t, "side", &side) < 0 || codec_int(t, "leverage", &r->leverage) < 0 ||
        codec_int(t, "size", &r->qty) < 0 || codec_dec(t, "price", &r->price) < 0 ||
        read_trigger(t, "triggerStopUpPrice", &r->up_px) < 0 ||
        read_trigger(t, "triggerStopDownPrice", &r->down_px) < 0)
        return ERR_SYNTAX;
    TEXT_COPY(r->cl_ord_id, oid);
    TEXT_COPY(r->symbol, symbol);
    r->side = strcmp(side, "buy") == 0 ? SIDE_BUY : SIDE_SELL;
    return ERR_OK;
}

int entry_read(const void *body, size_t len, struct entry_request *ret)
{
    json_t *tree = NULL;
    struct entry_request r;
    struct jw w;
    memset(&r, 0, sizeof r);
    if (codec_load(body, len, &tree) < 0)
        return ERR_SYNTAX;
    int err = read_fields(tree, &r);
    json_decref(tree);
    if (err < 0)
        return err;
    jw_init(&w);
    entry_write(&r, &w);
    bool same = w.len == len && memcmp(w.buf, body, len) == 0;
    jw_fini(&w);
    if (!same)
        return ERR_SYNTAX;
    *ret = r;
    return ERR_OK;
}
