/* The interface, each rule by hand and against its plain definition, and what all strategies keep:
 * no look-ahead, the mirror, restarts, warm-up.  Each property is seen to fail on a planted
 * mutant. */
#define TEST_TIMEOUT 120

#include "libagent/core/strategy_score.h"
#include "proto/err.h"
#include "tests/libagent/core/plain_strategy.h"
#include "tests/runner.h"

#define SEED UINT64_C(20240805)
#define HOUR (60 * PLAIN_MINUTE)

static struct strategy_params defaults(const struct strategy_def *d)
{
    struct strategy_params p;
    strategy_params_default(d, &p);
    return p;
}

static void *fresh(const struct strategy_def *d, const struct strategy_params *p, int64_t tf_ns)
{
    void *s = malloc(d->size);
    ck_assert_int_eq(strategy_init(d, s, p, tf_ns), ERR_OK);
    return s;
}

static struct strategy_answer push(const struct strategy_def *d, void *s, const struct candle *c,
                                   struct strategy_signal *ret)
{
    const struct strategy_input in = {.candle = c, .model = &plain_model};
    return strategy_on_candle(d, s, &in, ret);
}

static void says(struct strategy_answer a, enum strategy_verdict v, const char *why)
{
    ck_assert_msg(a.verdict == v && strcmp(a.why, why) == 0, "%s %s, want %s %s",
                  strategy_verdict_name(a.verdict), a.why, strategy_verdict_name(v), why);
}

/* ---- the interface ---- */

START_TEST(every_strategy_is_found_by_its_name_and_has_sound_parameters)
{
    ck_assert_int_eq(strategy_count(), 5);
    for (size_t i = 0; i < strategy_count(); i++) {
        const struct strategy_def *d = strategy_at(i);
        struct strategy_params p = defaults(d);
        ck_assert(strategy_find(d->name) == d && strlen(d->name) < STRATEGY_NAME_MAX);
        ck_assert(d->size >= sizeof(struct strategy_head) && d->params <= STRATEGY_PARAMS_MAX);
        for (size_t k = 0; k < d->params; k++) {
            const struct strategy_param *q = &d->param[k];
            ck_assert_msg(q->min <= q->def && q->def <= q->max, "%s.%s", d->name, q->name);
            ck_assert_int_eq(strategy_param_set(d, &p, q->name, q->def), ERR_OK);
            ck_assert_int_eq(strategy_param_set(d, &p, q->name, q->min), ERR_OK);
            ck_assert_int_eq(strategy_param_set(d, &p, q->name, q->max), ERR_OK);
            const double bad[] = {nextafter(q->min, -INFINITY), nextafter(q->max, INFINITY), NAN,
                                  INFINITY, q->whole ? q->min + 0.5 : -INFINITY};
            for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++)
                ck_assert_int_eq(strategy_param_set(d, &p, q->name, bad[b]), ERR_RANGE);
            ck_assert(p.v[k] == q->max);
            for (size_t m = 0; m < k; m++)
                ck_assert_str_ne(q->name, d->param[m].name);
            p = defaults(d);
        }
        ck_assert_int_eq(strategy_param_set(d, &p, "no_such", 1), ERR_UNKNOWN);
        void *s = malloc(d->size);
        ck_assert_int_eq(strategy_init(d, s, &p, 0), ERR_RANGE);
        ck_assert_int_eq(strategy_init(d, s, &p, -PLAIN_MINUTE), ERR_RANGE);
        ck_assert_int_eq(strategy_init(d, s, &p, PLAIN_MINUTE), ERR_OK);
        p.v[0] = NAN;
        ck_assert_int_eq(strategy_init(d, s, &p, PLAIN_MINUTE), ERR_RANGE);
        free(s);
    }
    ck_assert(strategy_find("no_such") == NULL);
    ck_assert_str_eq(strategy_verdict_name(STRATEGY_ABSTAINS), "ABSTAINS");
    ck_assert_str_eq(strategy_verdict_text(STRATEGY_SIGNAL), "signal");
    ck_assert_str_eq(strategy_verdict_name((enum strategy_verdict)99), "?");
    ck_assert_str_eq(strategy_verdict_text((enum strategy_verdict) - 1), "?");
}
END_TEST

START_TEST(parameters_and_timeframes_that_contradict_each_other_are_refused)
{
    const struct {
        const char *strategy, *param;
        double value;
        int64_t tf_ns;
        int want;
    } cases[] = {
        {"orb", "window_min", 15, 15 * PLAIN_MINUTE, ERR_OK},
        {"orb", "window_min", 15, HOUR, ERR_RANGE},              /* less than a bar */
        {"orb", "window_min", 20, 15 * PLAIN_MINUTE, ERR_RANGE}, /* no whole bars */
        {"orb", "window_min", 480, HOUR, ERR_OK},
        {"pullback", "ema_fast", 89, HOUR, ERR_RANGE},           /* not below the slow one */
        {"vwap", "atr_period", 14, 7 * PLAIN_MINUTE, ERR_RANGE}, /* bars across midnight */
        {"score", "confirm_bars", 1440, INT64_MAX / 1000, ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct strategy_def *d = strategy_find(cases[i].strategy);
        struct strategy_params p = defaults(d);
        void *s = malloc(d->size);
        ck_assert_int_eq(strategy_param_set(d, &p, cases[i].param, cases[i].value), ERR_OK);
        ck_assert_msg(strategy_init(d, s, &p, cases[i].tf_ns) == cases[i].want, "case %zu", i);
        free(s);
    }
    const struct strategy_def *d = strategy_find("orb");
    struct strategy_params p = defaults(d);
    void *s = malloc(d->size);
    strategy_param_set(d, &p, "window_min", 480);
    strategy_param_set(d, &p, "sessions", 3);
    ck_assert_int_eq(strategy_init(d, s, &p, HOUR), ERR_RANGE); /* the window is the session */
    free(s);
}
END_TEST

START_TEST(the_score_strategy_answers_as_without_the_interface)
{
    enum { N = 12000 };
    const struct strategy_def *d = strategy_find("score");
    struct strategy_params p = defaults(d);
    struct strategy_score_params q;
    struct strategy_score *alone = calloc(1, sizeof *alone);
    struct candle *c = plain_walk(N, SEED);
    int fired = 0;

    strategy_score_params_default(&q);
    ck_assert_int_eq(strategy_param_set(d, &p, "rsi.zone", 0.25), ERR_OK);
    ck_assert_int_eq(strategy_param_set(d, &p, "macd", 20), ERR_OK);
    ck_assert_int_eq(strategy_param_set(d, &p, "min_score", 55), ERR_OK);
    score_weight_set(&q.weights, "rsi.zone", 0.25);
    score_weight_set(&q.weights, "macd", 20);
    q.min_score = 55;
    void *s = fresh(d, &p, PLAIN_MINUTE);
    ck_assert_int_eq(strategy_score_init(alone, PLAIN_MINUTE, 4 * PLAIN_MINUTE), ERR_OK);
    for (int t = 0; t < N; t++) {
        const struct score_micro micro = {
            .buy_volume = t % 7, .sell_volume = t % 5, .spread = 1e-4 * (t % 8)};
        const struct strategy_input in = {.candle = &c[t], .micro = &micro, .warm_up = t < 6000};
        struct strategy_signal g;
        struct score_signal h;
        const struct strategy_answer a = strategy_on_candle(d, s, &in, &g);
        const enum score_verdict v = score_on_bar(alone, &q, &c[t], &micro, t < 6000, &h);
        ck_assert_str_eq(a.why, score_verdict_name(v));
        ck_assert_int_eq(a.verdict == STRATEGY_SIGNAL, v == SCORE_FIRED);
        if (v != SCORE_FIRED)
            continue;
        fired++;
        ck_assert(g.side == h.dir && g.close_ns == h.close_ns && g.entry == h.close);
        ck_assert(g.atr == h.atr && g.confidence == h.confidence / 100 && g.stop == 0);
    }
    ck_assert_int_gt(fired, 0);
    /* not the bytes of all of it: structures within have padding */
    const struct strategy_score *within = strategy_score_of(s);
    ck_assert(memcmp(&within->p, &alone->p, sizeof alone->p) == 0);
    ck_assert(memcmp(&within->s, &alone->s, sizeof alone->s) == 0);
    ck_assert(memcmp(within->funnel, alone->funnel, sizeof alone->funnel) == 0);
    free(s);
    free(alone);
    free(c);
}
END_TEST

/* ---- by hand ---- */

/* 5 m bars from 00:00; window 15 min: high 102, low 98. */
START_TEST(orb_buys_the_third_close_above_the_range_once_a_session)
{
    const struct strategy_def *d = strategy_find("orb");
    struct strategy_params p = defaults(d);
    const int64_t m5 = 5 * PLAIN_MINUTE, day = 1440 * PLAIN_MINUTE;
    const struct {
        double open, high, low, close;
        enum strategy_verdict verdict;
        const char *why;
    } bars[] = {
        {100, 101, 99, 100, STRATEGY_NOT_READY, "WINDOW"},
        {100, 102, 100, 101, STRATEGY_NOT_READY, "WINDOW"},
        {101, 101, 98, 99, STRATEGY_NOT_READY, "WINDOW"},
        {99, 103, 99, 102.5, STRATEGY_NOTHING, "CONFIRMING"},
        {102, 103, 99, 102, STRATEGY_NOTHING, "INSIDE"}, /* on the high: not beyond */
        {102, 103, 99, 103, STRATEGY_NOTHING, "CONFIRMING"},
        {103, 103, 97, 97, STRATEGY_NOTHING, "CONFIRMING"}, /* the other side: counted anew */
        {97, 103, 97, 103, STRATEGY_NOTHING, "CONFIRMING"},
        {103, 104, 103, 103, STRATEGY_NOTHING, "CONFIRMING"},
        {103, 108, 103, 108, STRATEGY_SIGNAL, "SIGNAL"},
        {108, 109, 108, 109, STRATEGY_NOTHING, "USED"},
        {109, 109, 90, 90, STRATEGY_NOTHING, "USED"},
    };
    struct strategy_signal g = {0};
    void *s = fresh(d, &p, m5);

    for (size_t i = 0; i < sizeof bars / sizeof bars[0]; i++) {
        const struct candle c = {(int64_t)i * m5, m5, bars[i].open, bars[i].high, bars[i].low,
                                 bars[i].close,   1};
        says(push(d, s, &c, &g), bars[i].verdict, bars[i].why);
    }
    /* risk 108 - 98 = 10, target 18 above, TP1 10.8 above */
    ck_assert(g.side == 1 && g.entry == 108 && g.stop == 98 && g.close_ns == 10 * m5);
    ck_assert(fabs(g.tp2 - 126) < 1e-12 && fabs(g.tp1 - 118.8) < 1e-12 && g.confidence == 0.75);

    /* the next day begins anew; the day after lacks a bar of its window */
    struct candle c = {day, m5, 91, 91, 91, 91, 1};
    for (int i = 0; i < 3; i++, c.start_ns += m5)
        says(push(d, s, &c, &g), STRATEGY_NOT_READY, "WINDOW");
    says(push(d, s, &c, &g), STRATEGY_NOTHING, "FLAT");
    c.start_ns = 2 * day + m5;
    says(push(d, s, &c, &g), STRATEGY_NOT_READY, "WINDOW");
    c.start_ns += 3 * m5;
    says(push(d, s, &c, &g), STRATEGY_NOT_READY, "NO_RANGE");
    free(s);
}
END_TEST

START_TEST(orb_sells_below_and_refuses_a_target_that_is_no_price)
{
    const struct strategy_def *d = strategy_find("orb");
    struct strategy_params p = defaults(d);
    const int64_t m15 = 15 * PLAIN_MINUTE, h8 = 480 * PLAIN_MINUTE;
    struct strategy_signal g = {0};

    ck_assert_int_eq(strategy_param_set(d, &p, "sessions", 3), ERR_OK);
    ck_assert_int_eq(strategy_param_set(d, &p, "confirmations", 1), ERR_OK);
    void *s = fresh(d, &p, m15);
    struct candle c = {h8, m15, 10, 11, 9, 10, 1};
    says(push(d, s, &c, &g), STRATEGY_NOT_READY, "WINDOW");
    c = (struct candle){h8 + m15, m15, 10, 10, 8, 8, 1};
    says(push(d, s, &c, &g), STRATEGY_SIGNAL, "SIGNAL");
    ck_assert(g.side == -1 && g.stop == 11 && fabs(g.tp2 - 2.6) < 1e-12 &&
              fabs(g.tp1 - 4.76) < 1e-12);
    c = (struct candle){2 * h8, m15, 8, 15, 5, 8, 1};
    says(push(d, s, &c, &g), STRATEGY_NOT_READY, "WINDOW");
    c = (struct candle){2 * h8 + m15, m15, 8, 8, 4, 4, 1}; /* risk 11, target 4 - 19.8 */
    says(push(d, s, &c, &g), STRATEGY_NOTHING, "PRICE");
    free(s);
}
END_TEST

/* EMA(2), EMA(3), ATR(2): 13 bars that rise by 1 from 100, ranges 2; then a pullback and a
 * bounce. */
START_TEST(pullback_buys_the_bounce_near_the_fast_average)
{
    const struct strategy_def *d = strategy_find("pullback");
    struct strategy_params p = defaults(d);
    struct strategy_signal g = {0};
    double fast = 100.5, slow = 101, atr = 0;

    strategy_param_set(d, &p, "ema_fast", 2);
    strategy_param_set(d, &p, "ema_slow", 3);
    strategy_param_set(d, &p, "atr_period", 2);
    strategy_param_set(d, &p, "swing_bars", 3);
    strategy_param_set(d, &p, "pullback_atr_mult", 1);
    strategy_param_set(d, &p, "trend_gap", 0.001);
    void *s = fresh(d, &p, 5 * PLAIN_MINUTE);
    struct candle c = {0, 5 * PLAIN_MINUTE, 0, 0, 0, 0, 1};
    for (int i = 0; i < 13; i++, c.start_ns += c.tf_ns) {
        c.close = 100 + i;
        c.open = c.close - 0.5;
        c.high = c.close + 1;
        c.low = c.close - 1;
        const struct strategy_answer a = push(d, s, &c, &g);
        says(a, i < 12 ? STRATEGY_NOT_READY : STRATEGY_NOTHING, i < 12 ? "NOT_READY" : "BOUNCE");
        if (i >= 2) {
            fast += (c.close - fast) * 2 / 3;
            slow += i > 2 ? (c.close - slow) / 2 : 0;
        }
        fast = i == 1 ? 100.5 : fast;
    }
    /* closes are 112; at a steady rise the EMAs lag by (n - 1)/2: 111.5 and 111; ATR 2 */
    ck_assert(fabs(fast - 111.5) < 1e-4 && fabs(slow - 111) < 1e-3);
    c.open = 112, c.close = 111, c.high = 112.5, c.low = 109.5; /* low below 111 */
    says(push(d, s, &c, &g), STRATEGY_NOTHING, "BOUNCE");       /* closes below its open */
    fast += (111 - fast) * 2 / 3;
    slow += (111 - slow) / 2;
    atr = (2 + 3) / 2.0;
    c.start_ns += c.tf_ns;
    c.open = 110.5, c.close = 112, c.high = 112, c.low = 110.5;
    says(push(d, s, &c, &g), STRATEGY_SIGNAL, "SIGNAL");
    fast += (112 - fast) * 2 / 3;
    slow += (112 - slow) / 2;
    atr = (atr + 1.5) / 2;
    const double stop = fmin(109.5, slow - atr);
    ck_assert(g.side == 1 && g.entry == 112 && fabs(g.stop - stop) < 1e-9 && stop == 109.5);
    ck_assert(fabs(g.tp2 - 117) < 1e-9 && fabs(g.tp1 - 115) < 1e-9 && g.confidence == 0.70);
    ck_assert(fabs(g.atr - atr) < 1e-9);
    free(s);
}
END_TEST

/* 20 equal bars at 100 with volume 10, then one that falls on twice the volume. */
START_TEST(vwap_buys_below_the_mean_of_the_day_on_volume)
{
    const struct strategy_def *d = strategy_find("vwap");
    struct strategy_params p = defaults(d);
    const int64_t m1 = PLAIN_MINUTE;
    struct strategy_signal g = {0};
    void *s = fresh(d, &p, m1);
    struct candle c = {0, m1, 100, 100.1, 99.9, 100, 10};

    for (int i = 0; i < 20; i++, c.start_ns += m1)
        says(push(d, s, &c, &g), i < 19 ? STRATEGY_NOT_READY : STRATEGY_NOTHING,
             i < 19 ? "NOT_READY" : "NEAR");
    c = (struct candle){c.start_ns, m1, 100, 100, 99, 99.2, 12}; /* mean volume 10.1 */
    says(push(d, s, &c, &g), STRATEGY_NOTHING, "VOLUME");
    c = (struct candle){c.start_ns + m1, m1, 99.2, 99.2, 98, 98, 40};
    says(push(d, s, &c, &g), STRATEGY_SIGNAL, "SIGNAL");
    const double vwap = (20 * 10 * 100 + 12 * (299.2 - 1) / 3 + 40 * (295.2) / 3) / 252;
    const double atr = ((0.2 * 13 + 1) / 14 * 13 + 1.2) / 14;
    ck_assert(g.side == 1 && fabs(g.atr - atr) < 1e-9 && fabs(g.stop - (98 - 2 * atr)) < 1e-9);
    ck_assert(fabs(g.tp2 - fmax(vwap, 98 + 3 * atr)) < 1e-9);
    ck_assert(fabs(g.tp1 - (98 + 0.6 * (g.tp2 - 98))) < 1e-9);
    c.start_ns += m1, c.open = c.high = c.low = c.close = 97, c.volume = 90;
    says(push(d, s, &c, &g), STRATEGY_NOTHING, "SAME_SIDE");
    c.start_ns += m1, c.open = c.high = c.low = c.close = 120;
    says(push(d, s, &c, &g), STRATEGY_NOTHING, "TOO_SOON");
    c.start_ns += 12 * m1;
    says(push(d, s, &c, &g), STRATEGY_NOTHING, "TOO_SOON"); /* 14 minutes after */
    c.start_ns += m1, c.high = 140, c.low = 97;
    says(push(d, s, &c, &g), STRATEGY_SIGNAL, "SIGNAL");
    /* 2 ATR would be more than 3 % */
    ck_assert(g.side == -1 && g.entry == 120 && 2 * g.atr > 3.6 && fabs(g.stop - 123.6) < 1e-9);
    ck_assert(g.tp2 < 120 - 5.4 + 1e-9 && fabs(g.tp1 - (120 - 0.6 * (120 - g.tp2))) < 1e-9);
    free(s);
}
END_TEST

START_TEST(vwap_waits_for_a_whole_day_and_says_nothing_without_volume_or_range)
{
    const struct strategy_def *d = strategy_find("vwap");
    struct strategy_params p = defaults(d);
    struct strategy_signal g;
    void *s = fresh(d, &p, HOUR);
    struct candle c = {HOUR, HOUR, 100, 100, 100, 100, 0};

    for (; c.start_ns < 24 * HOUR; c.start_ns += HOUR)
        says(push(d, s, &c, &g), STRATEGY_NOT_READY, c.start_ns < 20 * HOUR ? "NOT_READY" : "DAY");
    says(push(d, s, &c, &g), STRATEGY_NOTHING, "NO_VOLUME");
    c.start_ns += HOUR;
    c.volume = 1;
    says(push(d, s, &c, &g), STRATEGY_NOTHING, "FLAT");
    free(s);
}
END_TEST

static double fixed_p(const void *model, const double *x, size_t n)
{
    ck_assert_int_eq(n, ML_FEATURES);
    for (size_t i = 0; i < n; i++)
        ck_assert(isfinite(x[i]));
    return *(const double *)model;
}

/* A walk, then the rule for every class, trend and RSI, against the table of the original. */
START_TEST(ml_asks_model_trend_and_rsi_and_abstains_without_a_model)
{
    enum { N = 6000 };
    const struct strategy_def *d = strategy_find("ml");
    struct strategy_params p = defaults(d);
    struct candle *c = plain_walk(N, SEED + 7);
    struct plain q = plain_indicators(c, N);
    double *x = plain_closes(c, N);
    const double ps[] = {0, 0.399, 0.4, 0.5, 0.6, 0.601, 1, NAN, -0.1, 1.1, INFINITY};
    int buys = 0, sells = 0, overbought = 0;

    strategy_param_set(d, &p, "min_gap_min", 0);
    for (size_t k = 0; k < sizeof ps / sizeof ps[0]; k++) {
        const struct strategy_model m = {fixed_p, &ps[k]};
        void *s = fresh(d, &p, PLAIN_MINUTE);
        for (int t = 0; t < N; t++) {
            const struct strategy_input in = {.candle = &c[t], .model = t % 10 == 0 ? NULL : &m};
            struct strategy_signal g = {0};
            const struct strategy_answer a = strategy_on_candle(d, s, &in, &g);
            if (t < 199) {
                says(a, STRATEGY_NOT_READY, "NOT_READY");
                continue;
            }
            if (in.model == NULL || !(ps[k] >= 0 && ps[k] <= 1)) {
                says(a, STRATEGY_ABSTAINS, in.model == NULL ? "NO_MODEL" : "PROBABILITY");
                continue;
            }
            const bool up = plain_mean(x, t, 50) > plain_mean(x, t, 200), high = q.rsi[t] > 70;
            const int want = ps[k] > 0.6 && up && !high ? 1 : ps[k] < 0.4 && (high || !up) ? -1 : 0;
            ck_assert_msg(want == (a.verdict == STRATEGY_SIGNAL ? g.side : 0), "p %g bar %d: %s",
                          ps[k], t, a.why);
            buys += want > 0;
            sells += want < 0;
            overbought += strcmp(a.why, "OVERBOUGHT") == 0;
            if (want == 0)
                continue;
            ck_assert_double_eq_tol(g.stop, g.entry * (1 - want * 0.05), 1e-9);
            ck_assert_double_eq_tol(g.tp2, g.entry * (1 + want * 0.15), 1e-9);
            ck_assert(g.tp1 == g.tp2 && g.confidence == fmax(ps[k], 1 - ps[k]));
        }
        free(s);
    }
    ck_assert(buys > 0 && sells > 0 && overbought > 0);
    plain_free(&q);
    free(x);
    free(c);
}
END_TEST

START_TEST(ml_features_equal_their_plain_definitions)
{
    enum { N = 1500 };
    struct candle *c = plain_walk(N, SEED + 8);
    struct plain q = plain_indicators(c, N);
    double *x = plain_closes(c, N), *r = plain_array(N), y[ML_FEATURES];
    struct ml_features *f = calloc(1, sizeof *f);
    const int sma[] = {5, 20, 50, 200}, dev[] = {5, 20};

    ml_features_init(f);
    for (int t = 0; t < N; t++) {
        r[t] = t > 0 ? x[t] / x[t - 1] - 1 : NAN;
        ck_assert_int_eq(ml_features_push(f, x[t], y), t >= ML_READY_BARS - 1);
        if (t < ML_READY_BARS - 1)
            continue;
        for (int i = 0; i < 4; i++)
            ck_assert_double_eq_tol(y[ML_SMA_5 + i], plain_mean(x, t, sma[i]) / x[t] - 1, 1e-9);
        for (int i = 0; i < 2; i++) {
            double m = plain_mean(r, t, dev[i]), s = 0;
            for (int j = t - dev[i] + 1; j <= t; j++)
                s += (r[j] - m) * (r[j] - m) / (dev[i] - 1);
            ck_assert_double_eq_tol(y[ML_DEV_5 + i], sqrt(s), 1e-9);
        }
        double up = 0, all = 0;
        for (int j = t - 13; j <= t; j++) {
            up += fmax(x[j] - x[j - 1], 0);
            all += fabs(x[j] - x[j - 1]);
        }
        ck_assert_double_eq_tol(y[ML_RSI], up / all, 1e-9);
        ck_assert_double_eq_tol(y[ML_MACD], q.line[t] / x[t], 1e-9);
        ck_assert_double_eq_tol(y[ML_SIGNAL], q.signal[t] / x[t], 1e-9);
    }
    ml_features_init(f);
    for (int t = 0; t < 300; t++)
        if (ml_features_push(f, 5, y)) /* a market that does not move */
            for (int i = 0; i < ML_FEATURES; i++)
                ck_assert(y[i] == (i == ML_RSI ? 0.5 : 0));
    plain_free(&q);
    free(f);
    free(r);
    free(x);
    free(c);
}
END_TEST

/* ---- against the plain definitions ---- */

static void compare(const char *name, const struct strategy_params *p, const struct candle *c,
                    int n, const struct plain_signal *want, int *signals)
{
    const struct strategy_def *d = strategy_find(name);
    struct strategy_signal *out = calloc((size_t)n, sizeof *out);

    plain_run(d, p, c, n, n, out);
    for (int t = 0; t < n; t++) {
        ck_assert_msg(out[t].side == want[t].side, "%s at %d: %d, want %d", name, t, out[t].side,
                      want[t].side);
        signals[0] += want[t].side > 0;
        signals[1] += want[t].side < 0;
        ck_assert(fabs(out[t].stop - want[t].stop) < 1e-7 && fabs(out[t].tp1 - want[t].tp1) < 1e-7);
        ck_assert(fabs(out[t].tp2 - want[t].tp2) < 1e-7);
    }
    free(out);
}

START_TEST(every_bar_is_answered_as_the_plain_definitions_answer_it)
{
    enum { N = 5000, WALKS = 30 };
    struct plain_signal *want = calloc(N, sizeof *want);
    int signals[3][2] = {{0}};

    printf("seed %llu:", (unsigned long long)SEED);
    for (int w = 0; w < WALKS; w++) {
        struct candle *c = plain_walk(N, SEED + (uint64_t)w);
        struct strategy_params p = defaults(strategy_find("pullback"));
        plain_pullback(c, N, want);
        compare("pullback", &p, c, N, want, signals[1]);
        p = defaults(strategy_find("vwap"));
        plain_reversion(c, N, want);
        compare("vwap", &p, c, N, want, signals[2]);
        plain_retime(c, N, 5 * PLAIN_MINUTE);
        const struct strategy_def *orb = strategy_find("orb");
        p = defaults(orb);
        strategy_param_set(orb, &p, "sessions", 1 + w % 3);
        strategy_param_set(orb, &p, "confirmations", 1 + w % 4);
        strategy_param_set(orb, &p, "window_min", 15 + 5 * (w % 5));
        plain_orb(c, N, 15 + 5 * (w % 5), 1 + w % 4, 1 + w % 3, want);
        compare("orb", &p, c, N, want, signals[0]);
        free(c);
    }
    for (int i = 0; i < 3; i++) {
        printf(" %d buys %d sells", signals[i][0], signals[i][1]);
        ck_assert(signals[i][0] > 100 && signals[i][1] > 100);
    }
    printf(" of orb, pullback, vwap in %d bars each\n", N * WALKS);
    free(want);
}
END_TEST

/* ---- properties and their mutants ---- */

/* Looks at the bar after the one it answers. */
static void run_peeking(const struct strategy_def *d, const struct strategy_params *p,
                        const struct candle *c, int n, int fed, struct strategy_signal *out)
{
    plain_run(d, p, c, n, fed, out);
    for (int t = 0; t < n; t++)
        if (t + 1 < fed && out[t].side * (c[t + 1].close - c[t].close) < 0)
            memset(&out[t], 0, sizeof out[t]);
}

START_TEST(later_bars_never_change_an_earlier_answer)
{
    enum { N = 3000, CUT = 2900, WALKS = 70 };
    int64_t cases = 0, mutant = 0;

    for (size_t i = 0; i < strategy_count(); i++) {
        const struct strategy_def *d = strategy_at(i);
        const struct strategy_params p = defaults(d);
        for (uint64_t w = 0; w < WALKS; w++) {
            /* the bar whose next one differs is the last: let it be each time another */
            const int cut = CUT - (int)w;
            ck_assert_int_eq(plain_breaks_prefix(plain_run, d, &p, N, cut, SEED + w), 0);
            cases += cut;
        }
    }
    /* Only the last bar before the cut can show it: many short walks of a rule that fires often. */
    const struct strategy_def *d = strategy_find("ml");
    struct strategy_params p = defaults(d);
    strategy_param_set(d, &p, "min_gap_min", 0);
    for (uint64_t w = 0; w < 200; w++)
        mutant += plain_breaks_prefix(run_peeking, d, &p, 260, 250, SEED + w);
    printf("no look-ahead: seed %llu, %lld cases; the mutant that peeks was caught %lld times\n",
           (unsigned long long)SEED, (long long)cases, (long long)mutant);
    ck_assert_int_ge(cases, 1000000);
    ck_assert_int_gt(mutant, 0);
}
END_TEST

/* The VWAP's threshold is a fraction of it: undecided within what the mirror makes of it. */
static bool vwap_close_call(const struct candle *c, int n, int t)
{
    double *v = plain_vwap(c, n), apart = fabs(fabs(c[t].close - v[t]) / v[t] - 0.00001);
    free(v);
    return apart < 0.00001 * 0.02;
}

/* Bandwidths are fractions of the price, too, and ranked: where that makes a squeeze of one of the two
 * sides only, the score may differ from there on. */
static bool score_close_call(const struct candle *c, int n, int t)
{
    const struct strategy_def *d = strategy_find("score");
    const struct strategy_params p = defaults(d);
    const double level = 2 * (131072 + 1000);
    void *a = fresh(d, &p, PLAIN_MINUTE), *b = fresh(d, &p, PLAIN_MINUTE);
    struct strategy_signal g;
    bool apart = false;
    (void)n;
    for (int i = 0; i <= t; i++) {
        struct candle m = c[i];
        m.open = level - c[i].open;
        m.high = level - c[i].low;
        m.low = level - c[i].high;
        m.close = level - c[i].close;
        push(d, a, &c[i], &g);
        push(d, b, &m, &g);
        const struct strategy_score *x = strategy_score_of(a), *y = strategy_score_of(b);
        apart = apart || x->p.squeeze != y->p.squeeze || x->s.squeeze != y->s.squeeze;
    }
    free(a);
    free(b);
    return apart;
}

/* Stops of sells are a tick wider than those of buys. */
static void run_lopsided(const struct strategy_def *d, const struct strategy_params *p,
                         const struct candle *c, int n, int fed, struct strategy_signal *out)
{
    plain_run(d, p, c, n, fed, out);
    for (int t = 0; t < n; t++)
        out[t].stop += out[t].side < 0 ? 0.125 : 0;
}

/* Buys take what sells refuse: one sell in a hundred is lost. */
static void run_biased(const struct strategy_def *d, const struct strategy_params *p,
                       const struct candle *c, int n, int fed, struct strategy_signal *out)
{
    plain_run(d, p, c, n, fed, out);
    for (int t = 0; t < n; t++)
        if (out[t].side < 0 && t % 100 == 0)
            memset(&out[t], 0, sizeof out[t]);
}

START_TEST(mirrored_prices_mirror_every_signal)
{
    enum { N = 3000, WALKS = 120 };
    static const char *const names[] = {"orb", "pullback", "vwap", "score"};
    int64_t cases = 0;

    for (int i = 0; i < 4; i++) {
        const struct strategy_def *d = strategy_find(names[i]);
        struct strategy_params p = defaults(d);
        int given_up = 0, signals = 0, lopsided = 0, biased = 0;
        strategy_param_set(d, &p, "trend_gap", 0);
        strategy_param_set(d, &p, "deviation", 0.00001);
        for (uint64_t w = 0; w < WALKS; w++) {
            int unused = 0;
            const int broken = plain_breaks_mirror(
                plain_run, d, &p, i == 2 ? vwap_close_call : i == 3 ? score_close_call : NULL, N, SEED + w, &signals);
            ck_assert_msg(broken <= 0, "%s: %d bars of seed %llu", names[i], broken,
                          (unsigned long long)(SEED + w));
            given_up += broken < 0;
            cases += broken == 0 ? N : 0;
            lopsided += plain_breaks_mirror(run_lopsided, d, &p, NULL, N, SEED + w, &unused) > 0;
            biased += plain_breaks_mirror(run_biased, d, &p, NULL, N, SEED + w, &unused) > 0;
        }
        printf("mirror: seed %llu, %s: %d signals, %d of %d walks given up; mutants caught in %d "
               "and %d "
               "walks\n",
               (unsigned long long)SEED, names[i], signals, given_up, WALKS, lopsided, biased);
        ck_assert(signals > 200 && given_up < WALKS / 10);
        ck_assert(lopsided > given_up && biased > given_up);
    }
    ck_assert_int_ge(cases, 1000000);
}
END_TEST

/* Saves and restores at every bar; a mutant saves every seventh bar too late. */
static int breaks_restart(const struct strategy_def *d, const struct strategy_params *p, int n,
                          uint64_t seed, bool forgetful, int *signals)
{
    struct candle *c = plain_walk(n, seed);
    void *a = fresh(d, p, PLAIN_MINUTE), *b = fresh(d, p, PLAIN_MINUTE);
    void *bytes = fresh(d, p, PLAIN_MINUTE);
    int broken = 0;

    for (int t = 0; t < n; t++) {
        struct strategy_signal x = {0}, y = {0};
        const struct strategy_answer ax = push(d, a, &c[t], &x);
        if (!forgetful || t % 7 != 0)
            memcpy(bytes, b, d->size);
        memset(b, 0x5a, d->size);
        ck_assert_int_eq(strategy_restore(d, b, bytes, d->size), ERR_OK);
        const struct strategy_answer ay = push(d, b, &c[t], &y);
        broken += ax.verdict != ay.verdict || ax.why != ay.why || memcmp(&x, &y, sizeof x) != 0;
        *signals += ax.verdict == STRATEGY_SIGNAL;
    }
    free(bytes);
    free(a);
    free(b);
    free(c);
    return broken;
}

START_TEST(restored_at_every_bar_equals_never_having_stopped)
{
    for (size_t i = 0; i < strategy_count(); i++) {
        const struct strategy_def *d = strategy_at(i);
        const struct strategy_params p = defaults(d);
        int signals = 0, mutant = 0;
        for (uint64_t w = 0; w < 3; w++)
            ck_assert_int_eq(breaks_restart(d, &p, 4000, SEED + w, false, &signals), 0);
        ck_assert_int_gt(signals, 0);
        for (uint64_t w = 0; w < 3; w++)
            mutant += breaks_restart(d, &p, 4000, SEED + w, true, &signals) > 0;
        ck_assert_int_eq(mutant, 3);
    }
}
END_TEST

START_TEST(a_snapshot_of_another_strategy_build_or_length_is_refused)
{
    const struct strategy_def *orb = strategy_find("orb"), *vwap = strategy_find("vwap");
    struct strategy_params p = defaults(orb);
    unsigned char *s = fresh(orb, &p, PLAIN_MINUTE), *to = calloc(1, orb->size);
    struct strategy_def alike = *orb;

    ck_assert_int_eq(strategy_restore(orb, to, s, orb->size - 1), ERR_TRUNCATED);
    alike.name = vwap->name;
    ck_assert_int_eq(strategy_restore(&alike, to, s, orb->size), ERR_TYPE);
    alike = *orb;
    alike.version++;
    ck_assert_int_eq(strategy_restore(&alike, to, s, orb->size), ERR_VERSION);
    struct strategy_head *h = (struct strategy_head *)(void *)s;
    h->size++;
    ck_assert_int_eq(strategy_restore(orb, to, s, orb->size), ERR_VERSION);
    for (size_t i = 0; i < orb->size; i++)
        ck_assert_int_eq(to[i], 0);
    free(s);
    free(to);
}
END_TEST

START_TEST(warm_up_bars_arm_and_consume_but_never_fire)
{
    enum { N = 6000, LIVE = 4000 };
    for (size_t i = 0; i < strategy_count(); i++) {
        const struct strategy_def *d = strategy_at(i);
        const struct strategy_params p = defaults(d);
        struct candle *c = plain_walk(N, SEED + 3);
        void *a = fresh(d, &p, PLAIN_MINUTE), *b = fresh(d, &p, PLAIN_MINUTE);
        int would = 0, same = 0;
        for (int t = 0; t < N; t++) {
            struct strategy_signal x = {0}, y = {0};
            const struct strategy_answer ax = push(d, a, &c[t], &x);
            const struct strategy_input in = {
                .candle = &c[t], .model = &plain_model, .warm_up = t < LIVE};
            const struct strategy_answer ay = strategy_on_candle(d, b, &in, &y);
            if (t < LIVE && ax.verdict == STRATEGY_SIGNAL) {
                says(ay, STRATEGY_WARM_UP, "WARM_UP");
                ck_assert_int_eq(y.side, 0);
                would++;
            } else {
                ck_assert(ax.verdict == ay.verdict && ax.why == ay.why &&
                          memcmp(&x, &y, sizeof x) == 0);
                same += ax.verdict == STRATEGY_SIGNAL;
            }
        }
        ck_assert_msg(would > 0 && same > 0, "%s", d->name);
        ck_assert_int_eq(((struct strategy_head *)b)->funnel[STRATEGY_WARM_UP], would);
        free(a);
        free(b);
        free(c);
    }
}
END_TEST

START_TEST(a_bad_candle_is_named_counted_and_changes_nothing_else)
{
    struct candle *c = plain_walk(500, SEED + 4);
    const int64_t at = c[300].start_ns;
    const struct {
        struct candle c;
        const char *want;
    } bad[] = {
        {c[299], "DUPLICATE"},
        {c[100], "BACKWARDS"},
        {{at, PLAIN_MINUTE, NAN, 1, 1, 1, 1}, "NOT_FINITE"},
        {{at, PLAIN_MINUTE, 1, INFINITY, 1, 1, 1}, "NOT_FINITE"},
        {{at, PLAIN_MINUTE, 1, 1, 0, 1, 1}, "NOT_POSITIVE"},
        {{at, PLAIN_MINUTE, 1, 1, -1, 1, 1}, "NOT_POSITIVE"},
        {{at, PLAIN_MINUTE, 1e308, 1e308, 1e308, 1e308, 1}, "OUT_OF_RANGE"},
        {{at, PLAIN_MINUTE, 1000, 999, 1001, 1000, 1}, "HIGH_BELOW_LOW"},
        {{at, PLAIN_MINUTE, 1e6, 1e6, 1e6, 1e6, 1}, "JUMP"},
        {{at, 5 * PLAIN_MINUTE, 1000, 1000, 1000, 1000, 1}, "OTHER_TIMEFRAME"},
    };
    for (size_t i = 0; i < strategy_count(); i++) {
        const struct strategy_def *d = strategy_at(i);
        const struct strategy_params p = defaults(d);
        struct strategy_head *h = fresh(d, &p, PLAIN_MINUTE), *before = malloc(d->size);
        struct strategy_signal g;
        const struct candle first = {at, 5 * PLAIN_MINUTE, 1000, 1000, 1000, 1000, 1};
        says(push(d, h, &first, &g), STRATEGY_BAD_CANDLE, "OTHER_TIMEFRAME");
        says(push(d, h, &bad[2].c, &g), STRATEGY_BAD_CANDLE, "NOT_FINITE");
        h->funnel[STRATEGY_BAD_CANDLE]--;
        for (int t = 0; t < 300; t++)
            push(d, h, &c[t], &g);
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            memcpy(before, h, d->size);
            says(push(d, h, &bad[k].c, &g), STRATEGY_BAD_CANDLE, bad[k].want);
            ck_assert_int_eq(h->funnel[STRATEGY_BAD_CANDLE], (int64_t)k + 2);
            h->funnel[STRATEGY_BAD_CANDLE]--;
            h->last_candle = before->last_candle;
            ck_assert(memcmp(before, h, d->size) == 0);
            h->funnel[STRATEGY_BAD_CANDLE]++;
        }
        ck_assert_int_ne(push(d, h, &c[310], &g).verdict, STRATEGY_BAD_CANDLE);
        ck_assert(h->gaps == 1 && h->bars == 301);
        int64_t sum = 0;
        for (int v = 0; v < STRATEGY_VERDICT_COUNT; v++)
            sum += h->funnel[v];
        ck_assert_int_eq(sum, 301 + 1 + (int64_t)(sizeof bad / sizeof bad[0]));
        free(h);
        free(before);
    }
    free(c);
}
END_TEST

/* A rule that answers nonsense is not believed. */
static int odd_init(void *state)
{
    (void)state;
    return ERR_OK;
}

static struct strategy_signal odd_says;

static struct strategy_answer odd_on_candle(void *state, const struct strategy_input *in,
                                            struct strategy_signal *ret)
{
    (void)state;
    (void)in;
    *ret = odd_says;
    return strategy_says(STRATEGY_SIGNAL, "SIGNAL");
}

START_TEST(a_signal_with_unsound_figures_never_leaves)
{
    const struct strategy_def odd = {.name = "odd",
                                     .size = sizeof(struct strategy_head),
                                     .init = odd_init,
                                     .on_candle = odd_on_candle};
    const struct strategy_params p = defaults(&odd);
    const struct {
        struct strategy_signal s;
        bool sound;
    } cases[] = {
#define SAYS(...) {.entry = 100, __VA_ARGS__}
        {SAYS(.side = 1, .stop = 90, .tp1 = 110, .tp2 = 120), true},
        {SAYS(.side = -1, .stop = 110, .tp1 = 90, .tp2 = 90), true},
        {SAYS(.side = 1), true},
        {SAYS(.side = 0), false},
        {SAYS(.side = 2, .stop = 90, .tp1 = 110, .tp2 = 120), false},
        {SAYS(.side = 1, .tp1 = 110), false},
        {SAYS(.side = 1, .tp2 = 110), false},
        {SAYS(.side = 1, .stop = 100, .tp1 = 110, .tp2 = 120), false},
        {SAYS(.side = 1, .stop = 101, .tp1 = 110, .tp2 = 120), false},
        {SAYS(.side = -1, .stop = 99, .tp1 = 90, .tp2 = 80), false},
        {SAYS(.side = 1, .stop = 90, .tp1 = 100, .tp2 = 120), false},
        {SAYS(.side = 1, .stop = 90, .tp1 = 110, .tp2 = 109), false},
        {SAYS(.side = -1, .stop = 110, .tp1 = 90, .tp2 = 0), false},
        {SAYS(.side = -1, .stop = 110, .tp1 = 0, .tp2 = 0), false},
        {SAYS(.side = 1, .stop = -1, .tp1 = 110, .tp2 = 120), false},
        {SAYS(.side = 1, .stop = NAN, .tp1 = 110, .tp2 = 120), false},
        {SAYS(.side = 1, .stop = 90, .tp1 = 110, .tp2 = INFINITY), false},
        {SAYS(.side = 1, .stop = 90, .tp1 = 110, .tp2 = 120, .confidence = -0.1), false},
        {SAYS(.side = 1, .stop = 90, .tp1 = 110, .tp2 = 120, .atr = NAN), false},
#undef SAYS
    };
    struct candle c = {0, PLAIN_MINUTE, 100, 100, 100, 100, 1};
    void *s = fresh(&odd, &p, PLAIN_MINUTE);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++, c.start_ns += PLAIN_MINUTE) {
        struct strategy_signal g = {.side = 7};
        odd_says = cases[i].s;
        const struct strategy_answer a = push(&odd, s, &c, &g);
        ck_assert_msg((a.verdict == STRATEGY_SIGNAL) == cases[i].sound, "case %zu: %s", i, a.why);
        if (!cases[i].sound)
            says(a, STRATEGY_ABSTAINS, "NOT_SOUND");
        ck_assert_int_eq(g.side, cases[i].sound ? cases[i].s.side : 7);
    }
    free(s);
}
END_TEST

START_TEST(levels_are_refused_by_the_name_of_what_is_wrong_with_them)
{
    struct strategy_signal s = {.entry = 10};
    says(strategy_fires(&s, 1, 9, 2, 0.5, 0.7), STRATEGY_SIGNAL, "SIGNAL");
    ck_assert(s.side == 1 && s.stop == 9 && s.tp1 == 11 && s.tp2 == 12 && s.confidence == 0.7);
    says(strategy_fires(&s, 1, 10, 2, 0.5, 0.7), STRATEGY_NOTHING, "RISK");
    says(strategy_fires(&s, -1, 9, 2, 0.5, 0.7), STRATEGY_NOTHING, "RISK");
    says(strategy_fires(&s, 1, NAN, 2, 0.5, 0.7), STRATEGY_NOTHING, "RISK");
    says(strategy_fires(&s, 1, 0, 2, 0.5, 0.7), STRATEGY_NOTHING, "PRICE");
    says(strategy_fires(&s, -1, 11, 20, 0.5, 0.7), STRATEGY_NOTHING, "PRICE");  /* TP1 at 0 */
    says(strategy_fires(&s, -1, 11, 10, 0.5, 0.7), STRATEGY_NOTHING, "PRICE");  /* TP2 at 0 */
}
END_TEST

START_TEST(a_market_that_does_not_move_is_named_flat_by_pullback)
{
    const struct strategy_def *d = strategy_find("pullback");
    const struct strategy_params p = defaults(d);
    struct strategy_signal g;
    struct candle c = {0, PLAIN_MINUTE, 100, 100, 100, 100, 1};
    void *s = fresh(d, &p, PLAIN_MINUTE);
    for (int i = 0; i < 200; i++, c.start_ns += PLAIN_MINUTE)
        says(push(d, s, &c, &g), i < 98 ? STRATEGY_NOT_READY : STRATEGY_NOTHING,
             i < 98 ? "NOT_READY" : "FLAT");
    free(s);
}
END_TEST

START_TEST(recorded_candles_give_finite_signals)
{
    static const struct {
        const char *name;
        int64_t tf_ns;
    } files[] = {{"binance-spot_BTCUSDT_15m_2024-01_2024-09.csv.gz", 15 * PLAIN_MINUTE},
                 {"binance-spot_ETHUSDT_1m_2024-07_2024-08.csv.gz", PLAIN_MINUTE}};
    for (int f = 0; f < 2; f++) {
        int n;
        struct candle *c = plain_load(files[f].name, files[f].tf_ns, 45000, &n);
        if (c == NULL) {
            printf("not there, left out: %s\n", files[f].name);
            continue;
        }
        const double days = (double)(c[n - 1].start_ns - c[0].start_ns) / 86400e9;
        printf("%s, signals a day:", files[f].name);
        for (size_t i = 0; i < strategy_count(); i++) {
            const struct strategy_def *d = strategy_at(i);
            const struct strategy_params p = defaults(d);
            struct strategy_head *h = fresh(d, &p, files[f].tf_ns);
            struct strategy_signal g = {0};
            for (int t = 0; t < n; t++) {
                push(d, h, &c[t], &g);
                ck_assert(isfinite(g.stop) && isfinite(g.tp1) && isfinite(g.tp2));
            }
            ck_assert_int_eq(h->funnel[STRATEGY_BAD_CANDLE], 0);
            ck_assert_int_gt(h->funnel[STRATEGY_SIGNAL], 0);
            printf(" %s %.2f", d->name, (double)h->funnel[STRATEGY_SIGNAL] / days);
            free(h);
        }
        printf("\n");
        free(c);
    }
}
END_TEST

TESTS("strategy", every_strategy_is_found_by_its_name_and_has_sound_parameters,
      parameters_and_timeframes_that_contradict_each_other_are_refused,
      the_score_strategy_answers_as_without_the_interface,
      orb_buys_the_third_close_above_the_range_once_a_session,
      orb_sells_below_and_refuses_a_target_that_is_no_price,
      pullback_buys_the_bounce_near_the_fast_average, vwap_buys_below_the_mean_of_the_day_on_volume,
      vwap_waits_for_a_whole_day_and_says_nothing_without_volume_or_range,
      ml_asks_model_trend_and_rsi_and_abstains_without_a_model,
      ml_features_equal_their_plain_definitions,
      every_bar_is_answered_as_the_plain_definitions_answer_it,
      later_bars_never_change_an_earlier_answer, mirrored_prices_mirror_every_signal,
      restored_at_every_bar_equals_never_having_stopped,
      a_snapshot_of_another_strategy_build_or_length_is_refused,
      warm_up_bars_arm_and_consume_but_never_fire,
      a_bad_candle_is_named_counted_and_changes_nothing_else,
      a_signal_with_unsound_figures_never_leaves,
      levels_are_refused_by_the_name_of_what_is_wrong_with_them,
      a_market_that_does_not_move_is_named_flat_by_pullback, recorded_candles_give_finite_signals)
