/* The optimizer behind a skeleton and a queue of the test: one task from the queue to its result. */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/agents/fake_agent.h"
#include "tests/runner.h"

#include "agents/optimizer/optimizer.h"
#include "proto/text.h"
#include "proto/tm.h"

#define T0 (28000000 * NS_PER_MIN / NS_PER_H * NS_PER_H)

static struct optimizer *o;
static struct agent *a;
static char dir[64];

/* ---- libagent/store.h, queue.h ---- */

static enum store_state store_now = STORE_UP;
static queue_taken_fn *taker;
static void *taker_arg;
static char finished[64];
static int n_finished;

int store_open(const struct store_options *options, struct store **ret)
{
    (void)options;
    *ret = (struct store *)(void *)&store_now;
    return ERR_OK;
}
void store_close(struct store **s) { *s = NULL; }
enum store_state store_state(const struct store *s) { (void)s; return store_now; }
const char *store_state_text(enum store_state state) { (void)state; return "as the test says"; }
void queue_set_limit(struct queue *q, int limit) { (void)q, (void)limit; }
struct queue *queue_new(struct store *s, int limit) { (void)limit; return (struct queue *)(void *)s; }
void queue_destroy(struct queue **q) { *q = NULL; }
void queue_take(struct queue *q, const char *worker, int64_t lease_ms, queue_taken_fn *done, void *arg)
{
    (void)q, (void)worker, (void)lease_ms;
    ck_assert(taker == NULL);          /* one question at a time */
    taker = done;
    taker_arg = arg;
}
void queue_finish(struct queue *q, const char *id, const char *worker, int attempt, queue_done_fn *done, void *arg)
{
    (void)q, (void)worker, (void)attempt;
    snprintf(finished, sizeof finished, "%s", id);
    n_finished++;
    done(arg, ERR_OK);
}

static void give(int err, const char *id, const char *kind)
{
    char payload[40 + 32 + 200 + 8] = "";
    snprintf(payload, 40, "%s", id);
    snprintf(payload + 40, 32, "%s", kind);
    struct queue_task t = {.attempt = 1, .priority = PRIORITY_LOW, .payload = payload, .len = sizeof payload};
    snprintf(t.id, sizeof t.id, "%s", id);
    queue_taken_fn *done = taker;
    ck_assert(done != NULL);
    taker = NULL;
    done(taker_arg, err, err < 0 ? NULL : &t);
}

/* ---- the agent ---- */

static void begin_with(const char *symbols, const char *const (*keys)[2], size_t n)
{
    char why[CONFIG_WHY_MAX];
    snprintf(dir, sizeof dir, "/tmp/enigma-opt-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    mkdir("knowledge-bank", 0755);
    mkdir("knowledge-bank/backtests", 0755);
    fake_timers_n = 0;
    o = calloc(1, sizeof *o);
    a = fake_new(o);
    a->life = LIFE_ACTIVE;
    fake_config(a, "symbols", symbols);
    for (size_t i = 0; i < n; i++)
        fake_config(a, keys[i][0], keys[i][1]);
    ck_assert_int_eq(opt_init(a, why), ERR_OK);
    opt_start(a);
    fake_pass_ms(a, 1000);
}

static void begin(const char *symbols)
{
    begin_with(symbols, NULL, 0);
}

static void finish(void)
{
    opt_fini(a);
    fake_destroy(a);
    free(o);
    unlink("knowledge-bank/backtests/results.csv");
    rmdir("knowledge-bank/backtests");
    rmdir("knowledge-bank");
    ck_assert_int_eq(rmdir(dir), 0);
}

static void contract(const char *symbol)
{
    struct msg_market_contract m = {
        .tick = dec_lit("0.01"), .lot = dec_int(1), .multiplier = dec_lit("0.001"), .max_qty = 1000, .max_leverage = 50,
        .maker_fee = dec_lit("0.0002"), .taker_fee = dec_lit("0.0006"), .maintenance = dec_lit("0.005"), .tradable = true,
    };
    TEXT_COPY(m.symbol, symbol);
    fake_tell(a, opt_on_contract, AGENT_DATA, MSG_MARKET_CONTRACT, &m);
}

/* Data's answer to the oldest question: `total` bars of that timeframe from T0 on, 256 at a time. */
static void serve(int total)
{
    static struct msg_candles m;
    const struct msg_candles_get *ask = a->questions[0].msg;
    int64_t tf;
    ck_assert_int_eq(a->questions[0].to, AGENT_DATA);
    ck_assert_int_eq(tf_parse(ask->tf, &tf), ERR_OK);
    m = (struct msg_candles){.rows_n = 0};
    TEXT_COPY(m.symbol, ask->symbol);
    TEXT_COPY(m.tf, ask->tf);
    for (int i = 0; i < total; i++) {
        int64_t start = T0 + i * tf;
        if (start < ask->from_ns)
            continue;
        if (m.rows_n == 256) {
            m.more = true;
            break;
        }
        int64_t minutes = start / NS_PER_MIN;
        int64_t open = 10000 + (int64_t)(200 * sin((double)minutes / 40.0));
        int64_t close = 10000 + (int64_t)(200 * sin((double)(minutes + tf / NS_PER_MIN) / 40.0));
        m.rows[m.rows_n++] = (struct sub_candle_row){
            .start_ns = start, .open = dec_scaled(open, -2), .close = dec_scaled(close, -2),
            .high = dec_scaled((open > close ? open : close) + 10, -2),
            .low = dec_scaled((open < close ? open : close) - 10, -2), .volume = dec_int(5),
        };
    }
    fake_answer(a, ERR_OK, MSG_CANDLES, &m);
}

static const struct msg_task *task_said(size_t i)
{
    return fake_heard(a, MSG_TASK, i);
}

START_TEST(a_backtest_goes_from_the_queue_to_its_result)
{
    begin("AAAUSDTM BBBUSDTM");
    contract("AAAUSDTM");
    contract("BBBUSDTM");
    give(ERR_OK, "backtest-1", "backtest");
    ck_assert_int_eq(task_said(0)->state, TASK_TAKEN);
    int pages = 0;
    for (; a->n_questions > 0; pages++) {
        ck_assert_int_lt(pages, 100);
        serve(600);
    }
    ck_assert_int_eq(pages, 2 * (3 + 3));           /* two symbols, two timeframes, 600 bars by 256 */
    const struct msg_optimizer_result *r = fake_heard(a, MSG_OPTIMIZER_RESULT, 0);
    ck_assert_ptr_nonnull(r);
    ck_assert_str_eq(r->task_id, "backtest-1");
    ck_assert_int_eq(r->bars, 1200);
    ck_assert_int_eq(r->from_ns, T0);
    ck_assert_int_eq(r->to_ns, T0 + 600 * NS_PER_MIN);
    ck_assert(r->trades > 0 || r->win_rate < 0);    /* no trade: no rate */
    ck_assert_int_eq(task_said(1)->state, TASK_DONE);
    ck_assert_int_eq(n_finished, 1);
    ck_assert_str_eq(finished, "backtest-1");
    struct stat st;
    ck_assert_int_eq(stat("knowledge-bank/backtests/results.csv", &st), 0);
    ck_assert_int_gt(st.st_size, 0);
    finish();
}
END_TEST

/* So that there are trades to compare. */
static const char *const lively[][2] = {
    {"signal_min_score", "1"}, {"signal_min_combined", "1"}, {"signal_min_confidence", "0"},
};

START_TEST(the_same_task_twice_gives_the_same_figures)
{
    struct msg_optimizer_result first;
    begin_with("AAAUSDTM", lively, 3);
    contract("AAAUSDTM");
    for (int i = 0; i < 2; i++) {
        give(ERR_OK, "backtest-1", "backtest");
        while (a->n_questions > 0)
            serve(1200);
        const struct msg_optimizer_result *r = fake_heard(a, MSG_OPTIMIZER_RESULT, 0);
        ck_assert_int_gt(r->trades, 0);
        if (i == 0)
            first = *r;
        else
            ck_assert_mem_eq(r, &first, sizeof first);
        fake_forget(a);
        fake_pass_ms(a, 1000);
    }
    finish();
}
END_TEST

START_TEST(one_symbol_without_bars_or_terms_does_not_stop_the_others)
{
    begin("AAAUSDTM BBBUSDTM CCCUSDTM");
    contract("CCCUSDTM");                           /* of B no terms are known */
    give(ERR_OK, "backtest-1", "backtest");
    fake_answer(a, ERR_TIMEOUT, MSG_CANDLES, NULL);
    while (a->n_questions > 0)
        serve(300);
    const struct msg_optimizer_result *r = fake_heard(a, MSG_OPTIMIZER_RESULT, 0);
    ck_assert_int_eq(r->bars, 300);
    ck_assert_int_eq(n_finished, 1);
    finish();
}
END_TEST

/* It waited for ever for an answer that had come. */
START_TEST(an_answer_that_is_none_is_as_good_as_no_answer)
{
    const struct msg_candles strange = {.symbol = "AAAUSDTM", .tf = "7m"};
    const struct msg_error_reply no = {.code = "NOT_FOUND"};
    begin("AAAUSDTM BBBUSDTM");
    give(ERR_OK, "backtest-1", "backtest");
    fake_answer(a, ERR_OK, MSG_CANDLES, &strange);
    fake_answer(a, ERR_OK, MSG_ERROR_REPLY, &no);
    ck_assert_uint_eq(a->n_questions, 0);
    ck_assert_int_eq(n_finished, 1);
    fake_pass_ms(a, 1000);
    ck_assert(taker != NULL);                   /* ready for the next */
    finish();
}
END_TEST

START_TEST(a_task_it_does_not_know_is_failed_not_kept)
{
    begin("AAAUSDTM");
    give(ERR_OK, "x-1", "make coffee");
    ck_assert_int_eq(task_said(1)->state, TASK_FAILED);
    ck_assert_int_eq(n_finished, 1);
    ck_assert_uint_eq(a->n_questions, 0);
    finish();
}
END_TEST

START_TEST(asks_again_after_nothing_and_not_without_redis_or_before_it_is_active)
{
    begin("AAAUSDTM");
    give(ERR_EMPTY, "", "");
    ck_assert(taker == NULL);
    store_now = STORE_NO_SERVER;
    fake_pass_ms(a, 1000);
    ck_assert(taker == NULL);
    store_now = STORE_UP;
    a->life = LIFE_WARMING;
    fake_pass_ms(a, 1000);
    ck_assert(taker == NULL);
    a->life = LIFE_ACTIVE;
    fake_pass_ms(a, 1000);
    ck_assert(taker != NULL);
    finish();
}
END_TEST

TESTS("optimizer", a_backtest_goes_from_the_queue_to_its_result, the_same_task_twice_gives_the_same_figures,
      one_symbol_without_bars_or_terms_does_not_stop_the_others, an_answer_that_is_none_is_as_good_as_no_answer,
      a_task_it_does_not_know_is_failed_not_kept, asks_again_after_nothing_and_not_without_redis_or_before_it_is_active)
