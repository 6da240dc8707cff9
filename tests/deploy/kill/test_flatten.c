/* Flattening an account behind an exchange of the test, in every trouble that an exchange can make. */
#include <stdlib.h>
#include <string.h>

#include "deploy/kill/flatten.h"
#include "libagent/exchange/codec.h"
#include "libagent/exchange/jw.h"
#include "proto/err.h"
#include "proto/text.h"
#include "tests/runner.h"

#define MAX_QTY 100

static struct {
    int64_t qty[256];
    int positions;
    struct { bool live, entry, stop; } orders[512];
    int n_orders;
    int64_t ms;
    int posts, limits, largest, wrong_side;     /* largest: lots of one order */
    int silent, cancel_only, no_market, hides;  /* so many requests, rounds, orders, reads */
    int fill_most, fail_after;                  /* lots filled of one order (0: all); orders until every one fails */
    bool revoked, lists_broken, enters;         /* enters: somebody places an entry at each read of positions */
    bool lose_answers;                          /* done, and not answered */
} x;
static struct flatten f;

static void number(struct flatten_answer *a, bool ok, const char *code, const char *msg)
{
    a->ok = ok;
    TEXT_COPY(a->code, code);
    TEXT_COPY(a->msg, msg);
}

static json_t *orders(const char *target)
{
    bool stop = strstr(target, "stopOrders") != NULL;
    int page = atoi(strstr(target, "currentPage=") + 12), seen = 0;
    json_t *items = json_array();
    for (int i = 0; i < x.n_orders; i++) {
        if (!x.orders[i].live || x.orders[i].stop != stop || seen++ / 100 != page - 1)
            continue;
        json_array_append_new(items, json_pack("{s:s#,s:b,s:b}", "id", (char[]){(char)('0' + i / 100), (char)('0' + i / 10 % 10),
                              (char)('0' + i % 10)}, 3, "reduceOnly", !x.orders[i].entry, "closeOrder", 0));
    }
    return json_pack("{s:o}", "items", items);
}

static json_t *positions(void)
{
    char symbol[24];
    json_t *list = json_array();
    for (int i = 0; i < x.positions; i++) {
        if (x.qty[i] == 0 || (x.hides > 0 && i == 0))
            continue;
        snprintf(symbol, sizeof symbol, "S%03dUSDTM", i);
        json_array_append_new(list, json_pack("{s:s,s:I,s:s}", "symbol", symbol, "currentQty", (json_int_t)x.qty[i],
                                              "markPrice", "100"));
    }
    x.hides -= x.hides > 0;
    if (x.enters && x.n_orders < 40) {
        x.orders[x.n_orders].live = x.orders[x.n_orders].entry = true;
        x.n_orders++;
    }
    return list;
}

static void place(const char *body, struct flatten_answer *ret)
{
    json_t *o = NULL;
    const char *symbol, *side, *type;
    int64_t size;
    bool reduce = false;
    ck_assert_int_eq(codec_load(body, strlen(body), &o), ERR_OK);
    ck_assert(codec_text(o, "symbol", &symbol) == ERR_OK && codec_text(o, "side", &side) == ERR_OK &&
              codec_text(o, "type", &type) == ERR_OK && codec_int(o, "size", &size) == ERR_OK &&
              codec_bool(o, "reduceOnly", &reduce) == ERR_OK);
    ck_assert(reduce);
    bool limit = strcmp(type, "limit") == 0;
    int64_t *q = &x.qty[atoi(symbol + 1)];
    x.posts++;
    x.limits += limit;
    x.largest = size > x.largest ? (int)size : x.largest;
    x.wrong_side += *q != 0 && (*q > 0) != (strcmp(side, "sell") == 0);
    if (size > MAX_QTY || *q == 0) {
        number(ret, false, *q == 0 ? "300009" : "300005", "refused");
    } else if (x.cancel_only > 0) {
        number(ret, false, "300002", "the contract can only cancel");
    } else if (x.no_market && !limit) {
        number(ret, false, "300012", "market orders are not taken now");
    } else if (x.fail_after > 0 && x.posts > x.fail_after) {
        number(ret, false, "500000", "internal error");
    } else {
        int64_t held = *q > 0 ? *q : -*q, n = size < held ? size : held;
        n = x.fill_most > 0 && n > x.fill_most ? x.fill_most : n;
        *q += *q > 0 ? -n : n;
        number(ret, !x.lose_answers, "", "no answer");
    }
    json_decref(o);
}

static void call(void *arg, const char *method, const char *target, const char *body, struct flatten_answer *ret)
{
    (void)arg;
    x.ms += 10;
    ret->ok = true;
    if (x.silent > 0) {
        x.silent--;
        number(ret, false, "", "no answer");
    } else if (x.revoked) {
        number(ret, false, "400003", "KC-API-KEY not exists");
    } else if (strcmp(method, "DELETE") == 0) {
        int i = atoi(strrchr(target, '/') + 1);
        number(ret, x.orders[i].live, "100004", "cannot be cancelled");
        x.orders[i].live = false;
    } else if (strcmp(method, "POST") == 0) {
        place(body, ret);
    } else if (strstr(target, "/contracts/") != NULL) {
        ret->data = json_pack("{s:i,s:s,s:s}", "maxOrderQty", MAX_QTY, "tickSize", "0.1", "markPrice", "100");
    } else if (strstr(target, "/positions") != NULL) {
        ret->data = x.lists_broken ? json_object() : positions();
    } else {
        ret->data = orders(target);
    }
    if (ret->data != NULL) {                    /* as it comes off the wire */
        char *text = json_dumps(ret->data, 0);
        json_decref(ret->data);
        ck_assert_int_eq(codec_load(text, strlen(text), &ret->data), ERR_OK);
        free(text);
    }
}

static int64_t now_ms(void *arg) { (void)arg; return x.ms; }
static void wait_ms(void *arg, int64_t ms)
{
    (void)arg;
    x.ms += ms;
    x.cancel_only -= x.cancel_only > 0;
}

static void begin(int n)
{
    memset(&x, 0, sizeof x);
    f = (struct flatten){.call = call, .now_ms = now_ms, .wait_ms = wait_ms};
    x.positions = n;
    for (int i = 0; i < n; i++)
        x.qty[i] = i % 2 == 0 ? 7 + i : -7 - i;
}

static int64_t held(void)
{
    int64_t sum = 0;
    for (int i = 0; i < x.positions; i++)
        sum += x.qty[i] > 0 ? x.qty[i] : -x.qty[i];
    return sum;
}

static int entries(void)
{
    int n = 0;
    for (int i = 0; i < x.n_orders; i++)
        n += x.orders[i].live;
    return n;
}

static enum flatten_end run(void) { return flatten_run(&f, 60000); }

static void ck_flat(void)
{
    ck_assert_int_eq(held(), 0);
    ck_assert_int_eq(entries(), 0);
    ck_assert_int_eq(x.wrong_side, 0);
    ck_assert_int_le(x.largest, MAX_QTY);
}

START_TEST(nothing_open_is_flat_after_two_reads_and_no_order_is_sent)
{
    begin(0);
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_assert_int_eq(x.posts, 0);
    ck_assert_int_eq(f.rounds, 2);
    ck_assert_int_eq(run(), FLATTEN_FLAT);      /* twice is as once */
}
END_TEST

START_TEST(closes_two_hundred_positions_of_both_sides)
{
    begin(200);
    for (int i = 0; i < 200; i++)
        x.qty[i] = i % 2 == 0 ? 1 + i % 90 : -1 - i % 90;
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_flat();
    ck_assert_int_eq(f.n, 200);
    ck_assert_int_eq(x.posts, 200);
}
END_TEST

START_TEST(closes_a_position_above_the_largest_order_in_slices)
{
    begin(2);
    x.qty[0] = 1234;
    x.qty[1] = -100000;                         /* more slices than one round sends */
    ck_assert_int_eq(flatten_run(&f, 600000), FLATTEN_FLAT);
    ck_flat();
    ck_assert_int_eq(x.posts, 13 + 1000);
}
END_TEST

START_TEST(cancels_entries_at_once_and_what_protects_last)
{
    begin(1);
    x.n_orders = 250;                           /* three pages */
    for (int i = 0; i < 250; i++) {
        x.orders[i].live = true;
        x.orders[i].stop = i % 3 == 0;
        x.orders[i].entry = i % 2 == 0;
    }
    x.cancel_only = 3;
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_flat();
    ck_assert_int_eq(f.cancelled, 125);
    ck_assert_int_eq(f.protective, 125);
}
END_TEST

START_TEST(keeps_what_protects_while_something_is_open)
{
    begin(1);
    x.n_orders = 2;
    x.orders[0].live = x.orders[0].stop = true;
    x.orders[1].live = x.orders[1].entry = true;
    x.cancel_only = 100000;
    ck_assert_int_eq(run(), FLATTEN_OPEN);
    ck_assert(x.orders[0].live);
    ck_assert(!x.orders[1].live);
    ck_assert_ptr_nonnull(strstr(f.rows[0].why, "300002"));
}
END_TEST

START_TEST(goes_on_until_cancel_only_is_over)
{
    begin(5);
    x.cancel_only = 20;
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_flat();
}
END_TEST

START_TEST(closes_by_limit_where_market_orders_are_refused)
{
    begin(5);
    x.no_market = 1;
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_flat();
    ck_assert_int_eq(x.limits, 5);
}
END_TEST

START_TEST(goes_on_after_partial_fills)
{
    begin(3);
    x.fill_most = 2;
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_flat();
}
END_TEST

START_TEST(a_partial_close_and_then_errors_is_told_as_not_flat)
{
    begin(3);
    x.fail_after = 1;
    ck_assert_int_eq(run(), FLATTEN_OPEN);
    ck_assert_int_eq(f.rows[0].now, 0);
    ck_assert_int_eq(f.rows[1].now, -8);
    ck_assert_ptr_nonnull(strstr(f.rows[1].why, "500000"));
}
END_TEST

START_TEST(an_answer_that_is_lost_closes_nothing_twice)
{
    begin(4);
    x.lose_answers = true;
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_flat();
}
END_TEST

START_TEST(goes_on_while_agents_still_enter)
{
    begin(3);
    x.enters = true;
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_flat();
    ck_assert_int_ge(f.cancelled, 38);
}
END_TEST

/* A list that lacks a row, with no sign of it: one empty read is not believed. */
START_TEST(one_read_that_lacks_a_position_is_not_flat)
{
    begin(1);
    x.hides = 1;
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_flat();
}
END_TEST

START_TEST(goes_on_after_a_time_without_network)
{
    begin(3);
    x.silent = 50;
    ck_assert_int_eq(run(), FLATTEN_FLAT);
    ck_flat();
}
END_TEST

START_TEST(without_network_it_ends_with_not_known)
{
    begin(3);
    x.silent = 1000000;
    ck_assert_int_eq(run(), FLATTEN_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(f.why, "no answer"));
}
END_TEST

START_TEST(a_list_that_is_none_is_never_taken_for_empty)
{
    begin(3);
    x.lists_broken = true;
    ck_assert_int_eq(run(), FLATTEN_UNKNOWN);
}
END_TEST

START_TEST(a_revoked_key_ends_at_once)
{
    begin(3);
    x.revoked = true;
    ck_assert_int_eq(run(), FLATTEN_DENIED);
    ck_assert_int_eq(f.rounds, 1);
}
END_TEST

START_TEST(a_dry_run_sends_nothing)
{
    begin(3);
    x.n_orders = 1;
    x.orders[0].live = x.orders[0].entry = true;
    f.dry_run = true;
    ck_assert_int_eq(run(), FLATTEN_OPEN);
    ck_assert_int_eq(x.posts, 0);
    ck_assert(x.orders[0].live);
    ck_assert_int_eq(f.entries, 1);
    ck_assert_int_eq(f.n, 3);
}
END_TEST

TESTS("kill flatten", nothing_open_is_flat_after_two_reads_and_no_order_is_sent,
      closes_two_hundred_positions_of_both_sides, closes_a_position_above_the_largest_order_in_slices,
      cancels_entries_at_once_and_what_protects_last, keeps_what_protects_while_something_is_open,
      goes_on_until_cancel_only_is_over, closes_by_limit_where_market_orders_are_refused,
      goes_on_after_partial_fills, a_partial_close_and_then_errors_is_told_as_not_flat,
      an_answer_that_is_lost_closes_nothing_twice, goes_on_while_agents_still_enter,
      one_read_that_lacks_a_position_is_not_flat, goes_on_after_a_time_without_network,
      without_network_it_ends_with_not_known, a_list_that_is_none_is_never_taken_for_empty,
      a_revoked_key_ends_at_once, a_dry_run_sends_nothing)
