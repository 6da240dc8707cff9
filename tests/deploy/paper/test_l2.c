#define TEST_TIMEOUT 120
#include "tests/runner.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "deploy/paper/l2.h"
#include "proto/err.h"

#define DATA "../shared/data/l2/"

static char msg[256];

/* The next row of the exchange's own best prices; false at the end. */
static bool next_check(gzFile f, int64_t *id, int64_t want[4])
{
    char line[256], *save = NULL;
    if (gzgets(f, line, sizeof line) == NULL)
        return false;
    *id = strtoll(strtok_r(line, ",\n", &save), NULL, 10);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(l2_number(strtok_r(NULL, ",\n", &save), &want[i]), ERR_OK);
    return true;
}

/* Plays a file; at each check id best bid and offer equal the exchange's own.  Checks 0: it has
 * none. */
static void rebuild(const char *name, size_t checks)
{
    char path[256], check_path[256], head[256];
    snprintf(path, sizeof path, DATA "%s_l2.jsonl.gz", name);
    snprintf(check_path, sizeof check_path, DATA "%s_bbo-checks.csv.gz", name);
    if (access(path, R_OK) != 0) {
        printf("no %s: skipped\n", path);
        return;
    }
    struct l2_reader *r;
    ck_assert_int_eq(l2_open(path, &r, msg, sizeof msg), ERR_OK);
    gzFile f = checks > 0 ? gzopen(check_path, "re") : NULL;
    int64_t id = 0, want[4];
    size_t equal = 0, deltas = 0, crossed = 0;
    bool more = f != NULL && gzgets(f, head, sizeof head) != NULL && next_check(f, &id, want);
    int rc;
    while ((rc = l2_next(r)) > 0) {
        const struct l2 *b = l2_book(r);
        const struct l2_level *bid = b->side[0].at, *ask = b->side[1].at;
        deltas++;
        ck_assert(b->side[0].n > 0 && b->side[1].n > 0);
        crossed += bid->px >= ask->px;
        for (size_t i = 1; i < b->side[0].n && i < 100; i++)
            ck_assert(bid[i].px < bid[i - 1].px && bid[i].size > 0);
        if (!more || b->last_id != id)
            continue;
        equal += bid->px == want[0] && bid->size == want[1] && ask->px == want[2] &&
                 ask->size == want[3];
        more = next_check(f, &id, want);
    }
    ck_assert_msg(rc == 0, "%s", msg);
    printf(
        "%s: %zu events, %zu breaks, %zu crossed, best bid and offer equal in %zu of %zu checks\n",
        name, deltas, l2_book(r)->breaks, crossed, equal, checks);
    ck_assert(l2_book(r)->breaks == 0 && crossed == 0 && equal == checks && !more && deltas > 40);
    if (f != NULL)
        gzclose(f);
    l2_close(&r);
}

START_TEST(a_futures_book_equals_the_exchanges_own_best_prices)
{
    rebuild("binance-um_BTCUSDT_2024-08-08", 629);
}
END_TEST

START_TEST(a_spot_book_equals_the_exchanges_own_best_prices)
{
    rebuild("binance-spot_BTCUSDT_2024-08-08", 1072);
}
END_TEST

START_TEST(a_book_whose_ids_step_by_one_is_whole)
{
    rebuild("bybit_XRPUSDT_2024-12-01", 0);
}
END_TEST

/* Plays a text; the last error, else the number of events. */
static int play(const char *text, struct l2 *ret)
{
    char path[] = "/tmp/l2-XXXXXX";
    int fd = mkstemp(path), n = 0, rc;
    ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    struct l2_reader *r;
    ck_assert_int_eq(l2_open(path, &r, msg, sizeof msg), ERR_OK);
    while ((rc = l2_next(r)) > 0)
        n++;
    if (ret != NULL) {
        *ret = *l2_book(r);
        ret->side[0].at = ret->side[1].at = NULL;
    }
    l2_close(&r);
    unlink(path);
    return rc < 0 ? rc : n;
}

#define SNAP                                                                                       \
    "{\"type\":\"snapshot\",\"ts_ms\":5,\"last_id\":10,\"bids\":[[\"9\",\"1\"],[\"8\",\"1\"]],"    \
    "\"asks\":[[\"10\",\"2\"]]}\n"
#define DELTA(first, last, prev, bids)                                                             \
    "{\"type\":\"delta\",\"ts_ms\":6,\"first_id\":" first ",\"last_id\":" last prev                \
    ",\"bids\":[" bids "],\"asks\":[]}\n"

START_TEST(a_lost_delta_ends_the_book_until_the_next_snapshot)
{
    struct l2 b;
    ck_assert_int_eq(
        play(SNAP DELTA("11", "12", "", "[\"9\",\"0\"]") DELTA("13", "13", "", ""), &b), 3);
    ck_assert(b.whole && b.breaks == 0 && b.side[0].n == 1 && b.last_id == 13);
    ck_assert_int_eq(play(SNAP DELTA("11", "12", "", "") DELTA("14", "15", "", ""), &b), 2);
    ck_assert(!b.whole && b.breaks == 1);
    ck_assert_int_eq(play(SNAP DELTA("12", "12", "", ""), &b), 1); /* does not reach the snapshot */
    ck_assert(!b.whole && b.breaks == 1);
    ck_assert_int_eq(play(SNAP DELTA("500", "501", ",\"prev_id\":9", "")
                              DELTA("900", "902", ",\"prev_id\":501", ""),
                          &b),
                     3);
    ck_assert(b.whole);
    ck_assert_int_eq(play(SNAP DELTA("14", "15", "", "") SNAP, &b), 2);
    ck_assert(b.whole && b.breaks == 1);
}
END_TEST

START_TEST(deltas_before_the_snapshot_are_dropped_or_applied_after_it)
{
    struct l2 b;
    ck_assert_int_eq(play(DELTA("5", "10", "", "[\"9\",\"7\"]")
                              DELTA("11", "12", "", "[\"7\",\"1\"]")
                                  SNAP DELTA("13", "14", "", "[\"6\",\"1\"]"),
                          &b),
                     3);
    ck_assert(b.whole && b.last_id == 14 && b.side[0].n == 4);
}
END_TEST

START_TEST(damaged_lines_are_refused_with_their_place)
{
    ck_assert_int_eq(play(SNAP "nonsense\n", NULL), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(msg, ":2: no JSON"));
    ck_assert_int_eq(play("{\"type\":\"level\"}\n", NULL), ERR_SYNTAX);
    ck_assert_int_eq(play("{\"type\":\"snapshot\",\"ts_ms\":1,\"last_id\":1,\"bids\":[]}\n", NULL),
                     ERR_SYNTAX);
    ck_assert_int_eq(play("{\"type\":\"snapshot\",\"last_id\":1,\"bids\":[],\"asks\":[]}\n", NULL),
                     ERR_SYNTAX);
    ck_assert_int_eq(play(SNAP DELTA("11", "12", "", "[\"-9\",\"1\"]"), NULL), ERR_SYNTAX);
    ck_assert_int_eq(play(SNAP DELTA("11", "12", "", "[\"9\"]"), NULL), ERR_SYNTAX);
    ck_assert_int_eq(play(SNAP DELTA("11", "12", "", "[\"9.000000001\",\"1\"]"), NULL), ERR_SYNTAX);
    ck_assert_int_eq(play(SNAP "{\"type\":\"delta\",\"ts_ms\":6,\"bids\":[],\"asks\":[]}\n", NULL),
                     ERR_SYNTAX);
    struct l2_reader *r;
    ck_assert_int_eq(l2_open("/nonexistent/file", &r, msg, sizeof msg), ERR_IO);
}
END_TEST

TESTS("l2", a_futures_book_equals_the_exchanges_own_best_prices,
      a_spot_book_equals_the_exchanges_own_best_prices, a_book_whose_ids_step_by_one_is_whole,
      a_lost_delta_ends_the_book_until_the_next_snapshot,
      deltas_before_the_snapshot_are_dropped_or_applied_after_it,
      damaged_lines_are_refused_with_their_place)
