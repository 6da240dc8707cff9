/* The data agent behind a skeleton and a venue of the test: bars live and by REST, gaps and their repair, books,
 * and what a venue must not be believed. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/agents/fake_agent.h"
#include "tests/runner.h"

#include "agents/data/agent.h"
#include "libagent/exchange/codec.h"
#include "proto/text.h"
#include "proto/tm.h"

#define SYMBOL "AAAUSDTM"
#define BAR    NS_PER_MIN

static struct data *d;
static struct agent *a;
static char dir[64];

/* ---- libagent/venue.h: calls wait until the test lets the venue answer ---- */

struct call {
    char target[200];
    venue_done *done;
    void *arg;
};
static struct call calls[64];
static int n_calls, n_asked;
static struct venue_stream_options stream;
static bool stream_up;
static int64_t missing_ns;          /* the venue's kline answers lack this bar */
static bool venue_fails;

void venue_rates(struct venue_options *o, const struct config *c) { (void)o, (void)c; }
void venue_tune(struct venue *v, const struct config *c) { (void)v, (void)c; }
int venue_new(const struct venue_options *options, struct venue **ret)
{
    (void)options;
    *ret = (struct venue *)(void *)&n_calls;
    return ERR_OK;
}
void venue_destroy(struct venue **v) { *v = NULL; }
int venue_paper_url(char *ret, size_t size) { (void)ret, (void)size; return ERR_NOT_FOUND; }
void venue_call(struct venue *v, enum venue_class class, const char *method, const char *target, const char *body,
                venue_done *done, void *arg)
{
    (void)v, (void)class, (void)method, (void)body;
    must(n_calls < 64);
    struct call *c = &calls[n_calls++];
    *c = (struct call){.done = done, .arg = arg};
    snprintf(c->target, sizeof c->target, "%s", target);
    n_asked++;
}
struct venue_stream *venue_stream_open(struct venue *v, const struct venue_stream_options *options)
{
    (void)v;
    stream = *options;
    return (struct venue_stream *)(void *)&stream;
}
void venue_stream_close(struct venue_stream **s) { *s = NULL; }
void venue_stream_subscribe(struct venue_stream *s, const char *topic, bool private)
{
    (void)s, (void)topic, (void)private;
}
bool venue_stream_is_up(const struct venue_stream *s) { (void)s; return stream_up; }

/* ---- libagent/http.h: only the paper exchange's clock would need it ---- */

int http_new(struct loop *l, const char *path, struct http **ret) { (void)l, (void)path, (void)ret; return ERR_DOWN; }
int http_request(struct http *h, const struct http_request *req, http_done_fn *done, void *arg, struct http_call **ret)
{
    (void)h, (void)req, (void)done, (void)arg, (void)ret;
    return ERR_DOWN;
}
void http_destroy(struct http **h) { *h = NULL; }

/* ---- the venue ---- */

/* The bar of an instant, as the venue tells it: prices go with the bar's number, five lots each. */
static int number(int64_t start_ns)
{
    return (int)(start_ns / BAR % 1000);
}

static int64_t query(const char *target, const char *key)
{
    const char *p = strstr(target, key);
    ck_assert_ptr_nonnull(p);
    return strtoll(p + strlen(key), NULL, 10);
}

static char *klines(const char *target)
{
    int64_t tf = query(target, "granularity=") * NS_PER_MIN, from = query(target, "from=") * NS_PER_MS;
    int64_t to = query(target, "to=") * NS_PER_MS;
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(f);
    int n = 0;
    fputc('[', f);
    for (int64_t t = (from + tf - 1) / tf * tf; t <= to && n < 500; t += tf) {
        if (t == missing_ns)
            continue;
        int i = number(t);
        fprintf(f, "%s[%lld,%d,%d,%d,%d,5]", n++ > 0 ? "," : "", (long long)(t / NS_PER_MS), 1000 + i, 1003 + i, 998 + i,
                1001 + i);
    }
    fputc(']', f);
    fclose(f);
    return text;
}

static char snapshot_text[512];

/* Answer the oldest call; `with` NULL: what a sound venue says. */
static void answer(const char *with)
{
    ck_assert_int_gt(n_calls, 0);
    struct call c = calls[0];
    memmove(calls, calls + 1, (size_t)--n_calls * sizeof *calls);
    char *text = NULL;
    if (with == NULL && strstr(c.target, "kline") != NULL)
        with = text = klines(c.target);
    else if (with == NULL && strstr(c.target, "contracts") != NULL)
        with = "[{\"symbol\":\"" SYMBOL "\",\"status\":\"Open\",\"tickSize\":0.1,\"lotSize\":1,\"multiplier\":0.001,"
               "\"maxOrderQty\":1000,\"maxLeverage\":50,\"makerFeeRate\":0.0002,\"takerFeeRate\":0.0006,"
               "\"maintainMargin\":0.005,\"fundingRateGranularity\":28800000,\"turnoverOf24h\":1}]";
    else if (with == NULL)
        with = snapshot_text;
    json_t *v = NULL;
    ck_assert_int_eq(codec_load(with, strlen(with), &v), ERR_OK);
    struct venue_answer ans = {.outcome = venue_fails ? VENUE_UNKNOWN : VENUE_OK, .status = 200, .data = v};
    c.done(c.arg, &ans);
    json_decref(v);
    free(text);
}

static void answer_all(void)
{
    for (int i = 0; n_calls > 0; i++) {
        ck_assert_int_lt(i, 1000);
        answer(NULL);
    }
}

static void frame(const char *topic, const char *subject, const char *text)
{
    json_t *v = NULL;
    ck_assert_int_eq(codec_load(text, strlen(text), &v), ERR_OK);
    stream.on_message(stream.arg, topic, subject, v, 0);
    json_decref(v);
}

static void push_text(const char *candles)
{
    char text[400];
    snprintf(text, sizeof text, "{\"symbol\":\"" SYMBOL "\",\"candles\":%s,\"time\":1}", candles);
    frame("/contractMarket/limitCandle:" SYMBOL "_1min", "candle.stick", text);
}

/* The running bar as the venue pushes it: order o c h l, seconds as text. */
static void push(int64_t start_ns)
{
    char text[200];
    int i = number(start_ns);
    snprintf(text, sizeof text, "[\"%lld\",\"%d\",\"%d\",\"%d\",\"%d\",\"7\",\"7\"]", (long long)(start_ns / NS_PER_S), 1000 + i,
             1001 + i, 1003 + i, 998 + i);
    push_text(text);
}

static void match(int64_t ts_ns, const char *price, const char *size)
{
    char text[200];
    snprintf(text, sizeof text, "{\"symbol\":\"" SYMBOL "\",\"price\":\"%s\",\"size\":%s,\"ts\":%lld}", price, size,
             (long long)ts_ns);
    frame("/contractMarket/execution:" SYMBOL, "match", text);
}

static void level2(int64_t sequence, const char *change)
{
    char text[200];
    snprintf(text, sizeof text, "{\"sequence\":%lld,\"change\":\"%s\",\"timestamp\":1}", (long long)sequence, change);
    frame("/contractMarket/level2:" SYMBOL, "level2", text);
}

/* ---- the agent ---- */

static int init_with(const char *primary, const char *confirm, char why[CONFIG_WHY_MAX])
{
    d = calloc(1, sizeof *d);
    a = fake_new(d);
    fake_config(a, "symbols", SYMBOL);
    fake_config(a, "rest_url", "http://venue.invalid");     /* so that the market's clock is the wall's */
    fake_config(a, "warmup_bars", "260");
    fake_config(a, "primary_tf", primary);
    fake_config(a, "confirm_tf", confirm);
    a->now_ns = a->now_ns / NS_PER_H * NS_PER_H + 7 * BAR + 30 * NS_PER_S;
    return data_init(a, why);
}

static void enter_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-data-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
}

static void start(void)
{
    fake_timers_n = 0;
    data_start(a);
    fake_pass_ms(a, 0);
    stream_up = true;
    stream.on_up(stream.arg);
    data_warm(a);
    for (int i = 0; i < 20 && !d->ready; i++) {
        answer_all();
        fake_pass_ms(a, 200);
    }
    ck_assert(d->ready);
    ck_assert_int_eq(a->life, LIFE_ACTIVE);
}

static void begin(void)
{
    char why[CONFIG_WHY_MAX] = "";
    enter_dir();
    snprintf(snapshot_text, sizeof snapshot_text, "{\"sequence\":100,\"bids\":[[1000.1,3],[1000,4]],\"asks\":[[1000.2,5],[1000.3,6]]}");
    ck_assert_int_eq(init_with("1m", "5m", why), ERR_OK);
    start();
    fake_forget(a);
}

static void finish(void)
{
    data_fini(a);
    fake_destroy(a);
    free(d);
    ck_assert_int_eq(chdir("/"), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static int64_t running(void)
{
    return a->now_ns / BAR * BAR;
}

/* The n-th bar said of a timeframe since fake_forget; NULL: fewer. */
static const struct msg_market_candle *said(const char *tf, size_t n)
{
    const struct msg_market_candle *m;
    for (size_t i = 0; (m = fake_heard(a, MSG_MARKET_CANDLE, i)) != NULL; i++)
        if (strcmp(m->tf, tf) == 0 && n-- == 0)
            return m;
    return NULL;
}

static void check_contiguous(void)
{
    for (size_t k = 0; k < d->symbols[0].n_series; k++) {
        const struct series *q = &d->symbols[0].series[k];
        for (size_t i = 1; i < q->n; i++)
            ck_assert_msg(q->rows[i].start_ns == q->rows[i - 1].start_ns + q->tf_ns, "%s, bar %zu", tf_name(q->tf_ns), i);
        ck_assert_int_eq(q->rows[q->n - 1].start_ns, a->now_ns / q->tf_ns * q->tf_ns - q->tf_ns);
    }
}

/* Pushes of one bar from its first second on, then the next bar's first push. */
static void whole_bar(void)
{
    a->now_ns = running() + BAR + NS_PER_S;
    push(running());
}

START_TEST(is_ready_only_with_the_whole_history_and_tells_its_end)
{
    char why[CONFIG_WHY_MAX] = "";
    enter_dir();
    ck_assert_int_eq(init_with("1m", "5m", why), ERR_OK);
    start();
    check_contiguous();
    ck_assert_uint_ge(d->symbols[0].series[0].n, 260);
    ck_assert_uint_eq(d->symbols[0].n_series, 4);
    size_t n = 0;
    while (said("1m", n) != NULL)
        n++;
    ck_assert_uint_eq(n, 64);
    ck_assert(said("1m", 0)->warm && said("1m", 63)->warm);
    ck_assert_int_eq(said("1m", 63)->start_ns, running() - BAR);
    finish();
}
END_TEST

START_TEST(a_bar_seen_whole_is_closed_by_the_next_ones_first_push)
{
    begin();
    whole_bar();                                    /* seen from its middle: by REST */
    whole_bar();
    int64_t bar = running();
    match(bar + 2 * NS_PER_S, "1000.1", "3");
    match(bar + 3 * NS_PER_S, "1000.2", "4");
    answer_all();
    fake_forget(a);
    whole_bar();
    const struct msg_market_candle *m = said("1m", 0);
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq(m->start_ns, bar);
    ck_assert_int_eq(m->source, BAR_LIVE);
    ck_assert(!m->warm);
    ck_assert(dec_eq(m->volume, dec_int(7)));       /* lots of the matches, not the push's seventh */
    ck_assert(dec_eq(m->open, dec_int(1000 + number(bar))) && dec_eq(m->high, dec_int(1003 + number(bar))));
    ck_assert(dec_eq(m->low, dec_int(998 + number(bar))) && dec_eq(m->close, dec_int(1001 + number(bar))));
    ck_assert_ptr_null(said("1m", 1));
    finish();
}
END_TEST

START_TEST(matches_before_the_first_push_of_their_bar_are_not_lost)
{
    begin();
    whole_bar();
    whole_bar();
    int64_t bar = running() + BAR;
    match(bar + 1, "1000", "2");                    /* the bar before has not been closed */
    match(bar + 2, "1000", "3");
    answer_all();
    whole_bar();
    match(bar + 3, "1000", "4");
    fake_forget(a);
    whole_bar();
    ck_assert_int_eq(said("1m", 0)->start_ns, bar);
    ck_assert(dec_eq(said("1m", 0)->volume, dec_int(9)));
    finish();
}
END_TEST

START_TEST(a_late_match_changes_no_closed_bar_and_not_the_running_one)
{
    begin();
    whole_bar();
    whole_bar();
    answer_all();
    int64_t bar = running();
    match(bar + 1, "1000", "2");
    whole_bar();
    match(bar + 59 * NS_PER_S, "1000", "50");       /* of the bar that is closed */
    match(running() + 1, "1000", "1");
    size_t n = d->symbols[0].series[0].n;
    ck_assert(dec_eq(d->symbols[0].series[0].rows[n - 1].volume, dec_int(2)));
    fake_forget(a);
    whole_bar();
    ck_assert(dec_eq(said("1m", 0)->volume, dec_int(1)));
    finish();
}
END_TEST

START_TEST(a_push_of_an_older_bar_is_ignored)
{
    begin();
    whole_bar();
    whole_bar();
    answer_all();
    int64_t bar = running();
    push(bar - BAR);
    ck_assert_int_eq(d->symbols[0].live.start_ns, bar);
    fake_forget(a);
    whole_bar();
    ck_assert_int_eq(said("1m", 0)->start_ns, bar);
    ck_assert_ptr_null(said("1m", 1));
    finish();
}
END_TEST

START_TEST(a_bar_not_seen_from_its_beginning_comes_by_rest)
{
    begin();
    push(running());                                /* the first push ever */
    match(a->now_ns, "1000", "1");
    int64_t bar = running();
    whole_bar();
    ck_assert_ptr_null(said("1m", 0));
    answer_all();
    ck_assert_int_eq(said("1m", 0)->start_ns, bar);
    ck_assert_int_eq(said("1m", 0)->source, BAR_REST);
    ck_assert(dec_eq(said("1m", 0)->volume, dec_int(5)));
    ck_assert_int_eq(d->gaps, 1);
    finish();
}
END_TEST

START_TEST(after_a_loss_of_the_stream_the_gap_is_filled_by_rest_in_order)
{
    begin();
    whole_bar();
    whole_bar();
    answer_all();
    fake_forget(a);
    int64_t first = running();
    stream_up = false;
    stream.on_down(stream.arg, "test");
    ck_assert_ptr_nonnull(fake_degraded(a, "exchange", "STREAM_DOWN"));
    ck_assert(!d->symbols[0].book.synced);
    a->now_ns += 8 * BAR;
    stream_up = true;
    stream.on_up(stream.arg);
    answer_all();
    ck_assert_ptr_null(fake_degraded(a, "exchange", "STREAM_DOWN"));
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(said("1m", (size_t)i)->start_ns, first + i * BAR);
        ck_assert_int_eq(said("1m", (size_t)i)->source, BAR_REST);
    }
    ck_assert_ptr_null(said("1m", 8));
    ck_assert_ptr_nonnull(said("5m", 0));
    check_contiguous();
    finish();
}
END_TEST

START_TEST(a_bar_without_any_push_is_asked_for_when_it_is_over)
{
    begin();
    a->now_ns = running() + BAR + 1 * NS_PER_S;
    candles_tick(d);
    ck_assert_int_eq(n_calls, 0);                   /* a little time for the venue to close it */
    a->now_ns += 2 * NS_PER_S;
    candles_tick(d);
    candles_tick(d);
    ck_assert_int_eq(n_calls, 1);                   /* and once */
    answer_all();
    ck_assert_int_eq(said("1m", 0)->start_ns, running() - BAR);
    check_contiguous();
    finish();
}
END_TEST

START_TEST(a_failed_fetch_is_tried_again_not_at_once_but_until_it_succeeds)
{
    begin();
    a->now_ns = running() + BAR + 3 * NS_PER_S;
    candles_tick(d);
    venue_fails = true;
    answer("[]");
    venue_fails = false;
    candles_tick(d);
    ck_assert_int_eq(n_calls, 0);
    a->now_ns += 3 * NS_PER_S;
    candles_tick(d);
    ck_assert_int_eq(n_calls, 1);
    answer_all();
    check_contiguous();
    finish();
}
END_TEST

START_TEST(a_higher_bar_is_made_of_those_below_it_without_a_call)
{
    begin();
    whole_bar();
    answer_all();
    while (running() % (5 * BAR) != 0 || said("5m", 0) == NULL) {
        if (running() % (5 * BAR) == 0)
            fake_forget(a);
        whole_bar();
        answer_all();
        ck_assert_int_lt(number(running()), 1000);
    }
    const struct msg_market_candle *m = said("5m", 0);
    int64_t from = running() - 5 * BAR;
    ck_assert_int_eq(m->start_ns, from);
    ck_assert(dec_eq(m->open, dec_int(1000 + number(from))));
    ck_assert(dec_eq(m->close, dec_int(1001 + number(from + 4 * BAR))));
    ck_assert(dec_eq(m->high, dec_int(1003 + number(from + 4 * BAR))));
    ck_assert(dec_eq(m->low, dec_int(998 + number(from))));
    check_contiguous();
    finish();
}
END_TEST

START_TEST(a_bar_that_the_venue_leaves_out_is_a_hole_that_no_higher_bar_hides)
{
    begin();
    missing_ns = running();
    a->now_ns += 10 * BAR;
    stream.on_up(stream.arg);
    answer_all();
    struct row r;
    const struct symbol *s = &d->symbols[0];
    ck_assert(!series_aggregate(&s->series[0], missing_ns / (5 * BAR) * (5 * BAR), 5 * BAR, &r));
    size_t n = s->series[1].n;
    ck_assert_uint_gt(n, 1);
    for (size_t i = 1; i < n; i++)                  /* the five minutes came from the venue itself */
        ck_assert_int_eq(s->series[1].rows[i].start_ns, s->series[1].rows[i - 1].start_ns + 5 * BAR);
    finish();
}
END_TEST

START_TEST(rows_that_contradict_themselves_are_left_out)
{
    begin();
    int64_t bar = running();
    a->now_ns = bar + BAR + 3 * NS_PER_S;
    candles_tick(d);
    int64_t before = d->malformed;
    char text[600];
    snprintf(text, sizeof text,
             "[[%lld,100,90,95,100,1],"                         /* high below open */
             "[%lld,100,101,0,100,1],"                          /* low 0 */
             "[%lld,100,101,99,100,-1],"
             "[%lld,100,101,99,100,1],"                         /* off the grid */
             "[9223372036854775807,1,1,1,1,1],[-60000,1,1,1,1,1],[0,1,1,1,1,1],"
             "[\"x\",1,1,1,1,1],[1],{},null,7]",
             (long long)(bar / NS_PER_MS), (long long)(bar / NS_PER_MS), (long long)(bar / NS_PER_MS),
             (long long)(bar / NS_PER_MS + 1));
    answer(text);
    ck_assert_int_eq(d->malformed - before, 12);
    ck_assert_ptr_null(said("1m", 0));
    finish();
}
END_TEST

START_TEST(a_running_or_future_row_is_not_closed)
{
    begin();
    a->now_ns = running() + BAR + 3 * NS_PER_S;
    candles_tick(d);
    char text[200];
    snprintf(text, sizeof text, "[[%lld,1,1,1,1,1],[%lld,2,2,2,2,1]]", (long long)(running() / NS_PER_MS),
             (long long)((running() + 1000 * BAR) / NS_PER_MS));
    answer(text);
    ck_assert_ptr_null(said("1m", 0));
    finish();
}
END_TEST

/* At any speed: asked in the bar's last moment, answered then, and its end passed while the answer was on its way. */
START_TEST(a_bar_that_ran_when_it_was_asked_for_is_not_closed_by_the_answers_way)
{
    begin();
    stream.on_down(stream.arg, "test");
    a->now_ns = running() + 4 * BAR - 50 * NS_PER_MS;
    int64_t bar = running();
    stream.on_up(stream.arg);
    a->now_ns += 100 * NS_PER_MS;
    answer_all();
    ck_assert_int_eq(said("1m", 2)->start_ns, bar - BAR);
    ck_assert_ptr_null(said("1m", 3));
    a->now_ns += 3 * NS_PER_S;
    candles_tick(d);
    ck_assert_int_eq(n_calls, 1);
    answer_all();
    ck_assert_int_eq(said("1m", 3)->start_ns, bar);
    check_contiguous();
    finish();
}
END_TEST

/* Its end is known only by our clock: as long as the venue shows no later bar, it is given a little time. */
START_TEST(the_newest_row_is_closed_only_when_it_has_been_over_for_a_while)
{
    begin();
    int64_t bar = running();
    char text[100];
    snprintf(text, sizeof text, "[[%lld,1000,1003,998,1001,5]]", (long long)(bar / NS_PER_MS));
    stream.on_down(stream.arg, "test");
    a->now_ns = bar + BAR + 1 * NS_PER_S;
    stream.on_up(stream.arg);
    answer(text);
    ck_assert_ptr_null(said("1m", 0));
    answer_all();
    a->now_ns += 3 * NS_PER_S;
    candles_tick(d);
    answer(text);
    ck_assert_int_eq(said("1m", 0)->start_ns, bar);
    finish();
}
END_TEST

START_TEST(garbage_pushes_change_nothing)
{
    static const char *const bad[] = {
        "null", "[]", "{}", "7", "\"x\"", "[\"x\",\"1\",\"1\",\"1\",\"1\"]", "[\"60\",\"1\",\"1\",\"1\"]",
        "[\"-60\",\"1\",\"1\",\"1\",\"1\"]", "[\"0\",\"1\",\"1\",\"1\",\"1\"]",
        "[\"9223372036854775807\",\"1\",\"1\",\"1\",\"1\"]",    /* overflows in nanoseconds */
        "[\"9223372020\",\"1\",\"1\",\"1\",\"1\"]",             /* fits, far ahead: would block all that follow */
        "[\"1700000001\",\"1\",\"1\",\"1\",\"1\"]",             /* off the grid */
        "[\"1700000040\",\"nan\",\"1\",\"1\",\"1\"]",
    };
    begin();
    whole_bar();
    whole_bar();
    answer_all();
    int64_t bar = running();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t before = d->malformed;
        push_text(bad[i]);
        ck_assert_msg(d->malformed == before + 1, "%s", bad[i]);
        ck_assert_int_eq(d->symbols[0].live.start_ns, bar);
    }
    fake_forget(a);
    whole_bar();
    ck_assert_int_eq(said("1m", 0)->source, BAR_LIVE);
    finish();
}
END_TEST

START_TEST(a_live_bar_that_contradicts_itself_is_asked_for)
{
    begin();
    whole_bar();
    whole_bar();
    answer_all();
    fake_forget(a);
    int64_t bar = running();
    char text[200];
    snprintf(text, sizeof text, "[\"%lld\",\"100\",\"100\",\"90\",\"95\"]", (long long)(bar / NS_PER_S));
    push_text(text);                                /* high 90 below the open */
    whole_bar();
    ck_assert_ptr_null(said("1m", 0));
    answer_all();
    ck_assert_int_eq(said("1m", 0)->source, BAR_REST);
    ck_assert(dec_eq(said("1m", 0)->open, dec_int(1000 + number(bar))));
    finish();
}
END_TEST

START_TEST(restarted_soon_it_asks_for_the_missing_bars_alone)
{
    char why[CONFIG_WHY_MAX];
    begin();
    int64_t now = a->now_ns;
    data_fini(a);
    fake_destroy(a);
    free(d);
    n_calls = n_asked = 0;
    ck_assert_int_eq(init_with("1m", "5m", why), ERR_OK);
    a->now_ns = now + 3 * BAR;
    int64_t held = (int64_t)d->symbols[0].series[0].n;
    ck_assert_int_ge(held, 260);
    start();
    ck_assert_int_eq(d->bars_rest - (d->symbols[0].series[1].rows[d->symbols[0].series[1].n - 1].start_ns + 5 * BAR > now), 3);
    check_contiguous();
    finish();
}
END_TEST

/* Longer away than the history is long, it kept the bars before the hole, and answered questions with them. */
START_TEST(restarted_after_days_it_holds_no_bar_from_before_the_hole)
{
    char why[CONFIG_WHY_MAX];
    begin();
    int64_t now = a->now_ns;
    data_fini(a);
    fake_destroy(a);
    free(d);
    ck_assert_int_eq(init_with("1m", "5m", why), ERR_OK);
    a->now_ns = now + 40 * NS_PER_DAY;
    start();
    check_contiguous();
    finish();
}
END_TEST

START_TEST(answers_questions_page_by_page)
{
    begin();
    const struct series *q = &d->symbols[0].series[0];
    struct msg_candles_get ask = {.from_ns = q->rows[q->n - 10].start_ns, .max = 4};
    TEXT_COPY(ask.symbol, SYMBOL);
    TEXT_COPY(ask.tf, "1m");
    fake_tell(a, candles_on_get, AGENT_SIGNAL, MSG_CANDLES_GET, &ask);
    const struct msg_candles *m = fake_heard(a, MSG_CANDLES, 0);
    ck_assert(m->more && m->rows_n == 4);
    ck_assert_int_eq(m->rows[0].start_ns, ask.from_ns);
    fake_forget(a);
    ask.from_ns = running() - BAR;
    fake_tell(a, candles_on_get, AGENT_SIGNAL, MSG_CANDLES_GET, &ask);
    m = fake_heard(a, MSG_CANDLES, 0);
    ck_assert(!m->more && m->rows_n == 1);
    fake_forget(a);
    ask.from_ns = 0, ask.max = -7;                  /* as many as fit */
    fake_tell(a, candles_on_get, AGENT_SIGNAL, MSG_CANDLES_GET, &ask);
    m = fake_heard(a, MSG_CANDLES, 0);
    ck_assert(m->more && m->rows_n == 256);
    fake_forget(a);
    TEXT_COPY(ask.tf, "4h");
    fake_tell(a, candles_on_get, AGENT_SIGNAL, MSG_CANDLES_GET, &ask);
    const struct msg_error_reply *no = fake_heard(a, MSG_ERROR_REPLY, 0);
    ck_assert_str_eq(no->code, "NOT_FOUND");
    finish();
}
END_TEST

START_TEST(timeframes_that_do_not_go_together_are_named_at_start)
{
    static const char *const pairs[][2] = {{"5m", "5m"}, {"15m", "5m"}, {"1h", "1m"}, {"1h", "1h"}};
    for (size_t i = 0; i < 4; i++) {
        char why[CONFIG_WHY_MAX] = "";
        enter_dir();
        ck_assert_int_eq(init_with(pairs[i][0], pairs[i][1], why), ERR_CONFIG);
        ck_assert_ptr_nonnull(strstr(why, "confirm_tf"));
        ck_assert_ptr_nonnull(strstr(why, "primary_tf"));
        ck_assert_ptr_nonnull(strstr(why, pairs[i][0]));
        ck_assert_ptr_nonnull(strstr(why, pairs[i][1]));
        finish();
    }
    char why[CONFIG_WHY_MAX] = "";
    enter_dir();
    ck_assert_int_eq(init_with("15m", "1h", why), ERR_OK);      /* 1h serves twice */
    ck_assert_uint_eq(d->symbols[0].n_series, 3);
    finish();
}
END_TEST

/* ---- books and matches on the agent ---- */

/* The snapshot that the book waits for. */
static void sync_book(void)
{
    level2(100, "1000,buy,4");
    ck_assert_int_eq(n_calls, 1);
    answer_all();
    ck_assert(d->symbols[0].book.synced);
}

START_TEST(a_book_is_said_when_its_snapshot_came_and_after_changes)
{
    begin();
    sync_book();
    fake_forget(a);
    fake_pass_ms(a, 200);
    const struct msg_market_book *m = fake_heard(a, MSG_MARKET_BOOK, 0);
    ck_assert_int_eq(m->sequence, 100);
    ck_assert_uint_eq(m->bids_n, 2);
    ck_assert(dec_eq(m->bids[0].price, dec_lit("1000.1")) && dec_eq(m->asks[0].qty, dec_int(5)));
    fake_forget(a);
    fake_pass_ms(a, 200);
    ck_assert_uint_eq(fake_count(a, MSG_MARKET_BOOK), 0);       /* nothing changed */
    level2(101, "1000.1,buy,0");
    fake_pass_ms(a, 200);
    m = fake_heard(a, MSG_MARKET_BOOK, 0);
    ck_assert(dec_eq(m->bids[0].price, dec_int(1000)));
    finish();
}
END_TEST

START_TEST(a_hole_silences_the_book_until_it_is_whole_again)
{
    begin();
    sync_book();
    level2(103, "1000,buy,1");
    ck_assert_int_eq(n_calls, 1);
    level2(104, "1000,buy,2");
    ck_assert_int_eq(n_calls, 1);                   /* one question at a time */
    fake_forget(a);
    fake_pass_ms(a, 200);
    ck_assert_uint_eq(fake_count(a, MSG_MARKET_BOOK), 0);
    ck_assert_uint_eq(fake_count(a, MSG_MARKET_TICKER), 0);
    answer(NULL);                                   /* of 100: too old for 103 */
    ck_assert_int_eq(n_calls, 1);
    snprintf(snapshot_text, sizeof snapshot_text, "{\"sequence\":102,\"bids\":[[1000,4]],\"asks\":[[1000.2,5]]}");
    answer_all();
    fake_pass_ms(a, 200);
    const struct msg_market_book *m = fake_heard(a, MSG_MARKET_BOOK, 0);
    ck_assert_int_eq(m->sequence, 104);
    ck_assert(dec_eq(m->bids[0].qty, dec_int(2)));
    finish();
}
END_TEST

/* What changed between its writing and the new connection nobody heard. */
START_TEST(a_snapshot_asked_for_before_the_stream_was_lost_is_not_taken)
{
    begin();
    sync_book();
    level2(103, "1000,buy,1");
    ck_assert_int_eq(n_calls, 1);
    stream.on_down(stream.arg, "test");
    stream.on_up(stream.arg);
    fake_forget(a);
    answer(NULL);
    ck_assert(!d->symbols[0].book.synced);
    fake_pass_ms(a, 200);
    ck_assert_uint_eq(fake_count(a, MSG_MARKET_BOOK), 0);
    level2(201, "1000,buy,1");
    ck_assert_int_eq(n_calls, 1);                   /* nor does it hold up the next one */
    snprintf(snapshot_text, sizeof snapshot_text, "{\"sequence\":200,\"bids\":[[1000,4]],\"asks\":[[1000.2,5]]}");
    answer_all();
    fake_pass_ms(a, 200);
    ck_assert_int_eq(((const struct msg_market_book *)fake_heard(a, MSG_MARKET_BOOK, 0))->sequence, 201);
    finish();
}
END_TEST

START_TEST(a_crossed_book_is_never_said)
{
    begin();
    sync_book();
    level2(101, "1000.2,buy,1");
    ck_assert(!d->symbols[0].book.synced);
    ck_assert_int_eq(d->symbols[0].crossed, 1);
    snprintf(snapshot_text, sizeof snapshot_text, "{\"sequence\":102,\"bids\":[[1000.5,4]],\"asks\":[[1000.2,5]]}");
    answer_all();                                   /* a crossed snapshot, too */
    fake_forget(a);
    fake_pass_ms(a, 200);
    ck_assert_uint_eq(fake_count(a, MSG_MARKET_BOOK), 0);
    snprintf(snapshot_text, sizeof snapshot_text, "{\"sequence\":103,\"bids\":[[1000.1,4]],\"asks\":[[1000.2,5]]}");
    level2(103, "1000,buy,1");
    answer_all();
    fake_pass_ms(a, 200);
    ck_assert_uint_eq(fake_count(a, MSG_MARKET_BOOK), 1);
    finish();
}
END_TEST

START_TEST(a_snapshot_that_is_none_is_not_believed)
{
    static const char *const bad[] = {
        "{}", "[]", "{\"sequence\":101}", "{\"sequence\":101,\"bids\":[[1,1]]}",
        "{\"sequence\":101,\"bids\":[[1000,1],[1001,1]],\"asks\":[]}",              /* worst first */
        "{\"sequence\":101,\"bids\":[],\"asks\":[[1001,1],[1000,1]]}",
        "{\"sequence\":101,\"bids\":[[1000,1],[1000,1]],\"asks\":[]}",              /* twice */
        "{\"sequence\":101,\"bids\":[[-1,1]],\"asks\":[]}", "{\"sequence\":101,\"bids\":[[1,0]],\"asks\":[]}",
        "{\"sequence\":101,\"bids\":[[\"x\",1]],\"asks\":[]}", "{\"sequence\":101,\"bids\":[1],\"asks\":[]}",
    };
    begin();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        level2(102 + (int64_t)i, "1000,buy,1");
        ck_assert_msg(n_calls == 1, "after %s", i > 0 ? bad[i - 1] : "nothing");
        answer(bad[i]);
        ck_assert_msg(!d->symbols[0].book.synced, "%s", bad[i]);
    }
    finish();
}
END_TEST

START_TEST(a_malformed_change_makes_the_book_start_over)
{
    begin();
    sync_book();
    level2(101, "1000,buy,-1");
    ck_assert(!d->symbols[0].book.synced);
    ck_assert_int_eq(d->malformed, 1);
    ck_assert_int_eq(n_calls, 1);
    finish();
}
END_TEST

START_TEST(matches_without_a_price_or_size_are_malformed)
{
    static const char *const bad[][2] = {{"0", "1"}, {"-1", "1"}, {"1000", "0"}, {"1000", "-3"}, {"x", "1"}};
    begin();
    sync_book();
    match(a->now_ns, "1000.2", "1");
    for (size_t i = 0; i < 5; i++)
        match(a->now_ns, bad[i][0], bad[i][1]);
    ck_assert_int_eq(d->malformed, 5);
    fake_forget(a);
    fake_pass_ms(a, 200);
    const struct msg_market_ticker *m = fake_heard(a, MSG_MARKET_TICKER, 0);
    ck_assert(dec_eq(m->last_px, dec_lit("1000.2")));
    finish();
}
END_TEST

START_TEST(blind_for_too_long_is_an_emergency_told_once)
{
    begin();
    stream_up = false;
    stream.on_down(stream.arg, "test");
    fake_pass_ms(a, 59000);
    ck_assert_uint_eq(fake_count(a, MSG_EMERGENCY_STOP), 0);
    fake_pass_ms(a, 1000);
    fake_pass_ms(a, 1000);
    ck_assert_uint_eq(fake_count(a, MSG_EMERGENCY_STOP), 1);
    const struct msg_emergency_stop *m = fake_heard(a, MSG_EMERGENCY_STOP, 0);
    ck_assert_str_eq(m->cause, "WS_DISCONNECTED");
    finish();
}
END_TEST

START_TEST(frames_of_strangers_and_without_a_symbol_are_ignored)
{
    begin();
    int64_t frames = d->frames;
    frame("/contractMarket/level2", "level2", "{}");
    frame("/contractMarket/level2:", "level2", "{}");
    frame("/contractMarket/level2:AAAUSDT", "level2", "{}");
    frame("/contractMarket/level2:AAAUSDTMX", "level2", "{}");
    ck_assert_int_eq(d->frames, frames);
    ck_assert_int_eq(d->malformed, 0);
    finish();
}
END_TEST

TESTS("data", is_ready_only_with_the_whole_history_and_tells_its_end, a_bar_seen_whole_is_closed_by_the_next_ones_first_push,
      matches_before_the_first_push_of_their_bar_are_not_lost, a_late_match_changes_no_closed_bar_and_not_the_running_one,
      a_push_of_an_older_bar_is_ignored, a_bar_not_seen_from_its_beginning_comes_by_rest,
      after_a_loss_of_the_stream_the_gap_is_filled_by_rest_in_order, a_bar_without_any_push_is_asked_for_when_it_is_over,
      a_failed_fetch_is_tried_again_not_at_once_but_until_it_succeeds, a_higher_bar_is_made_of_those_below_it_without_a_call,
      a_bar_that_the_venue_leaves_out_is_a_hole_that_no_higher_bar_hides, rows_that_contradict_themselves_are_left_out,
      a_running_or_future_row_is_not_closed, a_bar_that_ran_when_it_was_asked_for_is_not_closed_by_the_answers_way,
      the_newest_row_is_closed_only_when_it_has_been_over_for_a_while, garbage_pushes_change_nothing, a_live_bar_that_contradicts_itself_is_asked_for,
      restarted_soon_it_asks_for_the_missing_bars_alone, restarted_after_days_it_holds_no_bar_from_before_the_hole,
      answers_questions_page_by_page, timeframes_that_do_not_go_together_are_named_at_start,
      a_book_is_said_when_its_snapshot_came_and_after_changes, a_hole_silences_the_book_until_it_is_whole_again,
      a_snapshot_asked_for_before_the_stream_was_lost_is_not_taken,
      a_crossed_book_is_never_said, a_snapshot_that_is_none_is_not_believed, a_malformed_change_makes_the_book_start_over,
      matches_without_a_price_or_size_are_malformed, blind_for_too_long_is_an_emergency_told_once,
      frames_of_strangers_and_without_a_symbol_are_ignored)
