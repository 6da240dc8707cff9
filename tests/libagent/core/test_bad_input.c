/* Bad input at every door of the pure core: a named verdict each, nothing changed by it, never a
 * number that is not finite.  And markets that are odd, but sound. */
#define TEST_TIMEOUT 120
#include "libagent/core/gamma.h"
#include "libagent/core/pattern.h"
#include "libagent/core/strategy_score.h"
#include "proto/err.h"
#include "tests/libagent/core/plain.h"
#include "tests/libagent/core/ta_all.h"
#include "tests/runner.h"

#define HOUR GAMMA_TF_NS

static struct strategy_score_params params;

static struct strategy_score *fed(const struct candle *c, int n)
{
    struct strategy_score *s = calloc(1, sizeof *s);
    struct score_signal g;
    strategy_score_params_default(&params);
    ck_assert_int_eq(strategy_score_init(s, c[0].tf_ns, 4 * c[0].tf_ns), ERR_OK);
    for (int t = 0; t < n; t++)
        ck_assert_int_ne(score_on_bar(s, &params, &c[t], NULL, false, &g), SCORE_BAD_CANDLE);
    return s;
}

static bool finite_score(const struct score *r)
{
    bool ok = isfinite(r->base) && isfinite(r->micro) && isfinite(r->confidence) &&
              abs(r->value) <= SCORE_MAX;
    for (int i = 0; i < SUB_COUNT; i++)
        ok = ok && isfinite(r->part[i].strength) && isfinite(r->part[i].contribution);
    return ok;
}

/* Hourly walk of 300 bars; the bad candle stands where the 301st would. */
static struct candle *hourly(int n, uint64_t seed)
{
    struct candle *c = plain_walk(n, seed);
    for (int t = 0; t < n; t++) {
        c[t].start_ns = (1000 + t) * HOUR;
        c[t].tf_ns = HOUR;
    }
    return c;
}

START_TEST(each_bad_candle_is_named_at_every_door_and_changes_nothing)
{
    struct candle *c = hourly(400, 3);
    const int64_t at = c[300].start_ns;
    const double p = c[299].close;
    const struct {
        const char *what, *want;
        struct candle c;
        bool in_itself; /* not only against the bar before */
    } cases[] = {
        {"zero price", "NOT_POSITIVE", {at, HOUR, p, p, 0, p, 1}, true},
        {"zero close", "NOT_POSITIVE", {at, HOUR, p, p, 0, 0, 1}, true},
        {"negative price", "NOT_POSITIVE", {at, HOUR, p, p, -p, p, 1}, true},
        {"NaN open", "NOT_FINITE", {at, HOUR, NAN, p, p, p, 1}, true},
        {"NaN high", "NOT_FINITE", {at, HOUR, p, NAN, p, p, 1}, true},
        {"NaN low", "NOT_FINITE", {at, HOUR, p, p, NAN, p, 1}, true},
        {"NaN close", "NOT_FINITE", {at, HOUR, p, p, p, NAN, 1}, true},
        {"NaN volume", "NOT_FINITE", {at, HOUR, p, p, p, p, NAN}, true},
        {"infinite high", "NOT_FINITE", {at, HOUR, p, INFINITY, p, p, 1}, true},
        {"-infinite low", "NOT_FINITE", {at, HOUR, p, p, -INFINITY, p, 1}, true},
        {"infinite volume", "NOT_FINITE", {at, HOUR, p, p, p, p, INFINITY}, true},
        {"1e308", "OUT_OF_RANGE", {at, HOUR, 1e308, 1e308, 1e308, 1e308, 1}, true},
        {"1e308 high", "OUT_OF_RANGE", {at, HOUR, p, 1e308, p, p, 1}, true},
        {"1e-308", "OUT_OF_RANGE", {at, HOUR, p, p, 1e-308, p, 1}, true},
        {"1e308 volume", "OUT_OF_RANGE", {at, HOUR, p, p, p, p, 1e308}, true},
        {"high below low", "HIGH_BELOW_LOW", {at, HOUR, p, p - 1, p + 1, p, 1}, true},
        {"open above high", "OUTSIDE", {at, HOUR, p + 2, p + 1, p - 1, p, 1}, true},
        {"close below low", "OUTSIDE", {at, HOUR, p, p + 1, p - 1, p - 2, 1}, true},
        {"negative volume", "NEGATIVE_VOLUME", {at, HOUR, p, p, p, p, -1}, true},
        {"no timeframe", "BAD_TIMEFRAME", {at, 0, p, p, p, p, 1}, true},
        {"odd start", "UNALIGNED", {at + 1, HOUR, p, p, p, p, 1}, true},
        {"negative start", "UNALIGNED", {-HOUR, HOUR, p, p, p, p, 1}, true},
        {"other timeframe", "OTHER_TIMEFRAME", {at, HOUR / 2, p, p, p, p, 1}, false},
        {"equal timestamp", "DUPLICATE", {at - HOUR, HOUR, p, p, p, p, 1}, false},
        {"reversed timestamp", "BACKWARDS", {at - 90 * HOUR, HOUR, p, p, p, p, 1}, false},
        {"1000-fold spike", "JUMP", {at, HOUR, p, 1000 * p, p, p, 1}, false},
        {"a thousandth", "JUMP", {at, HOUR, p, p, p / 1000, p, 1}, false},
    };
    struct strategy_score *s = fed(c, 300), *before = malloc(sizeof *s);
    struct gamma *m = calloc(1, sizeof *m), *was = malloc(sizeof *m);
    struct pattern shapes, shapes_before;
    struct score_signal g;

    ck_assert_int_eq(gamma_init(m, 4, 0), ERR_OK);
    pattern_init(&shapes);
    for (int t = 0; t < 300; t++) {
        ck_assert_int_eq(gamma_bar(m, 0, &c[t]), CANDLE_OK);
        ck_assert_int_eq(pattern_push(&shapes, &c[t], 1), ERR_OK);
    }
    memcpy(was, m, sizeof *m);
    shapes_before = shapes;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct candle *bad = &cases[i].c;
        const char *check = candle_verdict_name(candle_check(bad));
        const char *follows =
            candle_verdict_name(candle_follows(bad, c[299].start_ns, HOUR, c[299].close));
        ck_assert_msg(strcmp(follows, cases[i].want) == 0, "%s: %s", cases[i].what, follows);
        ck_assert_msg(strcmp(check, cases[i].in_itself ? cases[i].want : "OK") == 0, "%s: %s",
                      cases[i].what, check);

        memcpy(before, s, sizeof *s);
        ck_assert_int_eq(score_on_bar(s, &params, bad, NULL, false, &g), SCORE_BAD_CANDLE);
        ck_assert_str_eq(candle_verdict_name((enum candle_verdict)s->last_candle), cases[i].want);
        ck_assert_int_eq(s->funnel[SCORE_BAD_CANDLE], (int64_t)i + 1);
        before->last_candle = s->last_candle;
        before->funnel[SCORE_BAD_CANDLE]++;
        ck_assert_msg(memcmp(before, s, sizeof *s) == 0, "%s changed the state", cases[i].what);

        if (!cases[i].in_itself)
            continue;
        ck_assert_str_eq(candle_verdict_name(gamma_bar(m, 0, bad)), cases[i].want);
        ck_assert(memcmp(was, m, sizeof *m) == 0);
        ck_assert_int_eq(pattern_push(&shapes, bad, 1), ERR_RANGE);
        ck_assert(memcmp(&shapes, &shapes_before, sizeof shapes) == 0);
    }
    /* and the next sound bar is taken as if nothing had been */
    struct strategy_score *clean = fed(c, 301);
    ck_assert_int_ne(score_on_bar(s, &params, &c[300], NULL, false, &g), SCORE_BAD_CANDLE);
    ck_assert(memcmp(&clean->p, &s->p, sizeof s->p) == 0 &&
              memcmp(&clean->primary, &s->primary, sizeof s->primary) == 0);
    free(clean);
    free(was);
    free(m);
    free(before);
    free(s);
    free(c);
}
END_TEST

START_TEST(bars_of_the_confirm_timeframe_pass_the_same_checks)
{
    struct candle *c = hourly(300, 4);
    struct strategy_score *s = fed(c, 299); /* the newest confirm bar ended with bar 295 */
    struct candle bad = {(1000 + 296) * HOUR, 4 * HOUR, NAN, 1, 1, 1, 1};

    ck_assert_int_eq(score_on_confirm(s, &params, &bad), CANDLE_NOT_FINITE);
    bad = c[298];
    ck_assert_int_eq(score_on_confirm(s, &params, &bad), CANDLE_OTHER_TIMEFRAME);
    bad = (struct candle){s->confirm_start_ns, 4 * HOUR, 1000, 1000, 1000, 1000, 1};
    ck_assert_int_eq(score_on_confirm(s, &params, &bad), CANDLE_DUPLICATE);
    bad.start_ns -= 4 * HOUR;
    ck_assert_int_eq(score_on_confirm(s, &params, &bad), CANDLE_BACKWARDS);
    free(s);
    free(c);
}
END_TEST

/* What is sound is used, however odd: by name where it has one, and finite throughout. */
START_TEST(odd_but_sound_markets_have_a_verdict_and_finite_answers)
{
    enum { N = 1400 };
    static const char *const markets[] = {"gap", "flat", "no volume", "nine-fold spike",
                                          "a price of 1e-12", "a price of 1e12"};
    struct candle *walk = hourly(N, 5);
    struct all *a = calloc(1, sizeof *a);
    struct ta_value v[ALL_COUNT];
    struct score_signal g;

    strategy_score_params_default(&params);
    for (size_t k = 0; k < sizeof markets / sizeof markets[0]; k++) {
        struct strategy_score *s = calloc(1, sizeof *s);
        strategy_score_init(s, HOUR, 4 * HOUR);
        all_init(a, HOUR);
        for (int t = 0; t < N; t++) {
            struct candle c = walk[t];
            if (k == 0 && t >= 700)
                c.start_ns += 1000 * HOUR;
            if (k == 1)
                c.open = c.high = c.low = c.close = 0.07;
            if (k == 2)
                c.volume = 0;
            if (k == 3 && t == 900)
                c.high *= 9;
            if (k >= 4)
                c.open = c.high = c.low = c.close = k == 4 ? CANDLE_PRICE_MIN : CANDLE_PRICE_MAX;
            const enum score_verdict said = score_on_bar(s, &params, &c, NULL, false, &g);
            all_push(a, &c, v);
            ck_assert_msg(said != SCORE_BAD_CANDLE, "%s: bar %d is %s", markets[k], t,
                          candle_verdict_name((enum candle_verdict)s->last_candle));
            ck_assert_int_eq(s->last_candle, k == 0 && t == 700 ? CANDLE_GAP : CANDLE_OK);
            ck_assert((said == SCORE_NOT_READY) == (t < 799)); /* 200 confirm bars of 4 h */
            ck_assert(finite_score(&s->p) && finite_score(&s->s));
            if (t == 0) /* one bar */
                ck_assert(s->p.value == 0 && s->p.confidence == 0 && !s->p.ready);
            for (int i = 0; i < ALL_COUNT; i++)
                for (int n = 0; n < 3; n++)
                    ck_assert_msg(isfinite(v[i].v[n]), "%s: %s at bar %d", markets[k],
                                  all_names[i], t);
        }
        ck_assert_int_eq(s->gaps, k == 0);
        if (k == 1 || k >= 4) { /* nothing moves: nothing is said */
            ck_assert(s->p.value == 0 && s->s.value == 0);
            ck_assert_int_eq(s->funnel[SCORE_BELOW_SCORE], N - 799);
        } else {
            ck_assert_int_gt(s->funnel[SCORE_FIRED], 0);
        }
        free(s);
    }
    free(a);
    free(walk);
}
END_TEST

/* ---- anything at all ---- */

static bool plain_sound(const struct candle *c, const struct candle *before)
{
    const double v[] = {c->open, c->high, c->low, c->close};
    for (int i = 0; i < 4; i++)
        if (!(v[i] >= 1e-12 && v[i] <= 1e12 && v[i] >= c->low && v[i] <= c->high))
            return false;
    return c->volume >= 0 && c->volume <= 1e18 && c->start_ns > before->start_ns &&
           c->start_ns % HOUR == 0 && c->tf_ns == HOUR && c->high <= 10 * before->close &&
           c->low >= before->close / 10;
}

static double garbage(uint64_t *seed, double usual)
{
    static const double odd[] = {0, -0.0, -1, NAN, INFINITY, -INFINITY, 1e308, -1e308, 5e-324};
    const uint64_t kind = plain_random(seed) % 4, bits = plain_random(seed);
    double x;
    memcpy(&x, &bits, sizeof x);
    return kind == 0   ? odd[bits % (sizeof odd / sizeof odd[0])]
           : kind == 1 ? x
           : kind == 2 ? usual * pow(10, 8 * plain_uniform(seed) - 4)
                       : usual * (0.9 + 0.2 * plain_uniform(seed));
}

static void spoil(struct candle *c, uint64_t *seed)
{
    double *const field[] = {&c->open, &c->high, &c->low, &c->close, &c->volume};
    const int which = (int)(plain_random(seed) % 8);

    if (which < 5)
        *field[which] = garbage(seed, *field[which]);
    else if (which == 5)
        c->start_ns += ((int64_t)(plain_random(seed) % 9) - 6) * HOUR;
    else if (which == 6)
        c->start_ns += (int64_t)(plain_random(seed) % (uint64_t)HOUR);
    else
        c->tf_ns = (int64_t)plain_random(seed) / 2;
}

enum mutant { NONE, TRUSTS_VOLUME, KEEPS_THE_BAD };

/* Bars as they come, two in three of them spoilt: exactly the sound ones are used, and all that
 * is said is what is said without the others. */
static bool uses_the_sound_ones_only(uint64_t *seed, enum mutant m, int n)
{
    static struct strategy_score s, clean;
    struct candle *c = hourly(n, plain_random(seed));
    struct candle before = c[0];
    struct score_signal g;
    int64_t shift = 0;
    bool holds = true;

    strategy_score_params_default(&params);
    must(strategy_score_init(&s, HOUR, 4 * HOUR) == ERR_OK);
    clean = s;
    for (int t = 0; t < n && holds; t++) {
        struct candle b = c[t];
        b.start_ns += shift;
        if (t > 0 && plain_random(seed) % 3 > 0)
            spoil(&b, seed);
        const bool sound = t == 0 || plain_sound(&b, &before);
        const enum score_verdict said = score_on_bar(&s, &params, &b, NULL, false, &g);
        bool used = said != SCORE_BAD_CANDLE;
        if (m == TRUSTS_VOLUME && s.last_candle == CANDLE_NEGATIVE_VOLUME)
            used = true;
        if (m == KEEPS_THE_BAD && !used)
            s.primary_close = b.close;
        holds = used == sound && finite_score(&s.p) && finite_score(&s.s);
        if (!sound)
            continue;
        score_on_bar(&clean, &params, &b, NULL, false, &g);
        holds = holds && memcmp(&s.primary, &clean.primary, sizeof s.primary) == 0 &&
                memcmp(&s.confirm, &clean.confirm, sizeof s.confirm) == 0;
        before = b;
        shift = b.start_ns - c[t].start_ns;
    }
    free(c);
    return holds;
}

START_TEST(random_garbage_is_told_from_candles_and_leaves_no_trace)
{
    const char *given = getenv("ENIGMA_TEST_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20240805;
    uint64_t x = seed;
    int caught[3] = {0};

    for (int k = 0; k < 300; k++)
        ck_assert_msg(uses_the_sound_ones_only(&x, NONE, 1000), "seed %llu, series %d",
                      (unsigned long long)seed, k);
    for (int m = TRUSTS_VOLUME; m <= KEEPS_THE_BAD; m++)
        for (int k = 0; k < 20; k++)
            caught[m] += !uses_the_sound_ones_only(&x, (enum mutant)m, 1000);
    printf("garbage: seed %llu, 300000 bars; \"trusts volume\" caught in %d of 20, \"keeps the "
           "close of a refused bar\" in %d of 20\n", (unsigned long long)seed, caught[1],
           caught[2]);
    ck_assert(caught[1] > 0 && caught[2] > 0);
}
END_TEST

TESTS("bad_input", each_bad_candle_is_named_at_every_door_and_changes_nothing,
      bars_of_the_confirm_timeframe_pass_the_same_checks,
      odd_but_sound_markets_have_a_verdict_and_finite_answers,
      random_garbage_is_told_from_candles_and_leaves_no_trace)
