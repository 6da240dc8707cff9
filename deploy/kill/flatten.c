/* flatten - see flatten.h */
#include <stdio.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/exchange/jw.h"
#include "proto/err.h"
#include "proto/text.h"

#include "deploy/kill/flatten.h"

#define PAUSE_MS 200                /* between rounds */
#define PAGE     100

/* The key: unknown, revoked, of another address, without the permission. */
static bool is_denial(const char *code)
{
    static const char *const codes[] = {"400001", "400003", "400004", "400005", "400006", "400007", "411100"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

static bool ask(struct flatten *f, const char *method, const char *target, const char *body, json_t **ret)
{
    struct flatten_answer a = {.ok = false};
    f->call(f->arg, method, target, body, &a);
    f->denied = !a.ok && is_denial(a.code);
    if (!a.ok)
        snprintf(f->why, sizeof f->why, "%s %.60s: %s%s%.100s", method, target, a.code, *a.code ? " " : "", a.msg);
    if (a.ok && ret != NULL)
        *ret = a.data;
    else
        json_decref(a.data);
    return a.ok;
}

/* ---- orders ---- */

static bool may_enter(const json_t *order)
{
    bool reduces = false, closes = false;
    (void)codec_bool(order, "reduceOnly", &reduces);
    (void)codec_bool(order, "closeOrder", &closes);
    return !reduces && !closes;
}

/* The ids first, then the cancels: a list that shrinks while it is paged skips some. */
static bool cancel_list(struct flatten *f, const char *list, bool protective)
{
    char target[160];
    json_t *ids = json_array();
    bool ok = true;
    for (int page = 1; ok && page <= FLATTEN_PAGES; page++) {
        json_t *data = NULL;
        snprintf(target, sizeof target, "%s%scurrentPage=%d&pageSize=%d", list, strchr(list, '?') ? "&" : "?", page, PAGE);
        ok = ask(f, "GET", target, NULL, &data);
        const json_t *items = json_object_get(data, "items");
        if (ok && !json_is_array(items)) {
            snprintf(f->why, sizeof f->why, "GET %.60s: no list", target);
            ok = false;
        }
        size_t n = json_array_size(items);
        for (size_t i = 0; i < n; i++) {
            const char *id;
            const json_t *o = json_array_get(items, i);
            if (codec_text(o, "id", &id) < 0) {
                ok = false;         /* what cannot be read is never "nothing" */
            } else if (protective || may_enter(o)) {
                json_array_append_new(ids, json_string(id));
                f->entries += !protective;
            }
        }
        json_decref(data);
        if (n < PAGE)
            break;
    }
    for (size_t i = 0; i < json_array_size(ids) && !f->dry_run; i++) {
        snprintf(target, sizeof target, "/api/v1/orders/%.64s", json_string_value(json_array_get(ids, i)));
        bool done = ask(f, "DELETE", target, NULL, NULL);
        f->cancelled += done && !protective;
        f->protective += done && protective;
    }
    json_decref(ids);
    return ok;
}

static bool cancel_entries(struct flatten *f)
{
    f->entries = 0;
    bool ok = cancel_list(f, "/api/v1/orders?status=active", false);
    return cancel_list(f, "/api/v1/stopOrders", false) && ok;
}

/* ---- positions ---- */

static struct flatten_row *row_of(struct flatten *f, const char *symbol)
{
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->rows[i].symbol, symbol) == 0)
            return &f->rows[i];
    if (f->n == FLATTEN_ROWS)
        return NULL;
    struct flatten_row *r = &f->rows[f->n++];
    *r = (struct flatten_row){.mark = dec_zero()};
    TEXT_COPY(r->symbol, symbol);
    return r;
}

static bool read_positions(struct flatten *f)
{
    json_t *data = NULL;
    bool ok = ask(f, "GET", "/api/v1/positions", NULL, &data);
    if (ok && !json_is_array(data)) {
        snprintf(f->why, sizeof f->why, "GET /api/v1/positions: no list");
        ok = false;
    }
    for (int i = 0; ok && i < f->n; i++)
        f->rows[i].now = 0;
    for (size_t i = 0; ok && i < json_array_size(data); i++) {
        const json_t *p = json_array_get(data, i);
        const char *symbol;
        int64_t qty;
        struct flatten_row *r = NULL;
        ok = codec_text(p, "symbol", &symbol) == ERR_OK && codec_int(p, "currentQty", &qty) == ERR_OK;
        if (!ok || qty == 0 || (r = row_of(f, symbol)) == NULL)
            continue;
        r->now = qty;
        r->was = r->was != 0 ? r->was : qty;
        (void)codec_dec(p, "markPrice", &r->mark);
        const char *margin = json_string_value(json_object_get(p, "marginMode"));
        r->cross = margin != NULL && strcmp(margin, "CROSS") == 0;
    }
    json_decref(data);
    return ok;
}

static void read_terms(struct flatten *f, struct flatten_row *r)
{
    char target[64];
    json_t *data = NULL;
    int64_t max;
    snprintf(target, sizeof target, "/api/v1/contracts/%.23s", r->symbol);
    if (!ask(f, "GET", target, NULL, &data))
        return;
    if (codec_int(data, "maxOrderQty", &max) == ERR_OK && max > 0 && codec_dec(data, "tickSize", &r->tick) == ERR_OK)
        r->max_qty = max;
    (void)codec_dec(data, "markPrice", &r->mark);
    json_decref(data);
}

/* 2 % through the mark: fills at once, and inside the exchange's own band. */
static bool band_price(const struct flatten_row *r, dec_t *ret)
{
    if (dec_sign(r->mark) <= 0 || r->max_qty == 0)
        return false;
    *ret = dec_round_to(dec_mul(r->mark, dec_scaled(r->now > 0 ? 98 : 102, -2)), r->tick,
                        r->now > 0 ? DEC_FLOOR : DEC_CEIL);
    return true;
}

static bool close_slice(struct flatten *f, struct flatten_row *r, int64_t qty)
{
    char oid[40] = "KILL";
    struct jw w;
    dec_t price;
    for (size_t i = 0; i < sizeof f->salt; i++)
        snprintf(oid + 4 + 2 * i, 3, "%02x", f->salt[i]);
    snprintf(oid + 28, sizeof oid - 28, "%06d", f->sent % 1000000);
    jw_init(&w);
    jw_open(&w, NULL, '{');
    jw_str(&w, "clientOid", oid);
    jw_str(&w, "symbol", r->symbol);
    jw_str(&w, "side", r->now > 0 ? "sell" : "buy");
    jw_str(&w, "marginMode", r->cross ? "CROSS" : "ISOLATED");
    bool limit = r->limit && band_price(r, &price);
    jw_str(&w, "type", limit ? "limit" : "market");
    if (limit) {
        jw_decs(&w, "price", price);
        jw_str(&w, "timeInForce", "IOC");
    }
    jw_int(&w, "size", qty);
    jw_bool(&w, "reduceOnly", true);
    jw_close(&w, '}');
    f->sent++;
    r->orders++;
    bool ok = ask(f, "POST", "/api/v1/orders", w.buf, NULL);
    if (!ok)
        TEXT_COPY(r->why, f->why);
    jw_fini(&w);
    return ok;
}

static void close_position(struct flatten *f, struct flatten_row *r)
{
    int64_t left = r->now > 0 ? r->now : -r->now;
    if (r->max_qty == 0 || r->limit)
        read_terms(f, r);
    for (int i = 0; left > 0 && i < FLATTEN_SLICES; i++) {
        int64_t qty = r->max_qty > 0 && left > r->max_qty ? r->max_qty : left;
        if (!close_slice(f, r, qty)) {
            r->limit = !r->limit;   /* the other kind, next time */
            return;
        }
        left -= qty;
    }
}

static int open_rows(const struct flatten *f)
{
    int n = 0;
    for (int i = 0; i < f->n; i++)
        n += f->rows[i].now != 0;
    return n;
}

enum flatten_end flatten_run(struct flatten *f, int64_t timeout_ms)
{
    int64_t end = f->now_ms(f->arg) + timeout_ms;
    int flat = 0;
    bool known = false;
    for (;;) {
        bool orders = cancel_entries(f);
        known = read_positions(f) && orders;
        f->rounds++;
        if (!known && f->denied)
            return FLATTEN_DENIED;
        bool quiet = known && f->entries == 0 && open_rows(f) == 0;
        if (f->dry_run)
            return quiet ? FLATTEN_FLAT : known ? FLATTEN_OPEN : FLATTEN_UNKNOWN;
        flat = quiet ? flat + 1 : 0;
        if (flat == 2) {
            (void)cancel_list(f, "/api/v1/stopOrders", true);
            (void)cancel_list(f, "/api/v1/orders?status=active", true);
            return FLATTEN_FLAT;
        }
        if (f->now_ms(f->arg) >= end)
            return known ? FLATTEN_OPEN : FLATTEN_UNKNOWN;
        for (int i = 0; i < f->n; i++)
            if (f->rows[i].now != 0)
                close_position(f, &f->rows[i]);
        f->wait_ms(f->arg, flat == 1 ? FLATTEN_AGAIN_MS : PAUSE_MS);
    }
}
