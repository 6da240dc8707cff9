/* State written by an older build, whose records lack the fields that came later, is read. */
#include "tests/runner.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "deploy/paper/engine_priv.h"
#include "proto/err.h"

#define T0 1763700000000000000LL

struct copy { uint32_t type; size_t size; unsigned char data[4096]; };
static struct copy copies[256];
static size_t n_copies;

/* What the first released build wrote of each record. */
static size_t old_size(uint32_t type, size_t size)
{
    return type == R_ORDER ? offsetof(struct order, visible)
         : type == R_FILL ? offsetof(struct fill, gross)
         : type == R_POSITION ? offsetof(struct position_record, p) + offsetof(struct position, risk_level)
         : type == R_FUNDING ? offsetof(struct funding_row, server_ns)
         : type == R_ACCOUNT ? offsetof(struct account_record, a) + offsetof(struct account, opened_ns) : size;
}

static int collect(void *arg, uint32_t type, const void *data, size_t size)
{
    (void)arg;
    struct copy *c = &copies[n_copies++];
    must(n_copies <= sizeof copies / sizeof copies[0] && size <= sizeof c->data);
    *c = (struct copy){.type = type, .size = old_size(type, size)};
    memcpy(c->data, data, c->size);
    return ERR_OK;
}

static struct engine *open_at(const char *dir)
{
    struct engine *e;
    char msg[ENGINE_MSG_MAX];
    struct engine_config c = {.dir = dir, .market = "synthetic", .symbols = "XBTUSDTM", .seed = 1, .start_ns = T0};
    ck_assert_msg(engine_open(&c, T0, &e, msg) == ERR_OK, "%s", msg);
    return e;
}

START_TEST(records_without_the_later_fields_are_read_and_those_are_zero)
{
    char dir[] = "/tmp/enigma-old-XXXXXX", msg[ENGINE_MSG_MAX], path[64];
    struct order_req r = {.symbol = "XBTUSDTM", .cl_ord_id = "market", .side = SIDE_BUY, .type = TYPE_MARKET,
                          .leverage = 5, .lots = 3};
    struct wallet before, after;
    int64_t id;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    struct engine *e = open_at(dir);
    ck_assert_int_eq(engine_account(e, "a", dec_int(1000)), 0);
    ck_assert_int_eq(engine_advance(e, T0 + NS_PER_S, T0), ERR_OK);
    ck_assert_int_eq(engine_place(e, &r, false, &id, msg), 0);
    r.cl_ord_id = "rests";
    r.type = TYPE_LIMIT;
    r.price = dec_int(60000);
    ck_assert_int_eq(engine_place(e, &r, false, &id, msg), 0);
    engine_wallet(e, 0, &before);
    engine_close(e);

    struct persist *p;
    ck_assert_int_eq(persist_open(dir, collect, NULL, &p), ERR_OK);
    persist_renew(p);
    for (size_t i = 0; i < n_copies; i++, persist_commit(p))
        persist_put(p, copies[i].type, copies[i].data, copies[i].size);
    persist_swap(p);
    persist_close(p);

    e = open_at(dir);
    engine_wallet(e, 0, &after);
    ck_assert(dec_eq(before.cash, after.cash) && dec_eq(before.order_margin, after.order_margin) &&
              dec_eq(before.position_margin, after.position_margin));
    const struct order *o = engine_order_by_oid(e, 0, "rests");
    ck_assert(o != NULL && o->id == id && o->state == ORDER_OPEN && o->lots == 3 && o->visible == 0);
    ck_assert_int_eq(engine_place(e, &r, false, &id, msg), 300018);
    ck_assert_uint_eq(engine_n_fills(e), 1);
    ck_assert(dec_is_zero(engine_fill_at(e, 0)->gross) && !dec_is_zero(engine_fill_at(e, 0)->fee));
    engine_close(e);
    static const char *const files[] = {"engine.log", "engine.clock"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

TESTS("old_log", records_without_the_later_fields_are_read_and_those_are_zero)
