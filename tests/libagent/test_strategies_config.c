/* What the configuration chooses of the strategies: each mistake is named with its source. */
#include <stdio.h>

#include "tests/runner.h"

#include "libagent/strategies_config.h"
#include "proto/err.h"

static struct chosen_strategies chosen;
static char why[CONFIG_WHY_MAX];

/* Pairs of key and value, ended by NULL. */
static int choose(const char *const *pairs)
{
    struct config *c = config_new();
    why[0] = '\0';
    for (; pairs[0] != NULL; pairs += 2)
        ck_assert_msg(config_set(c, pairs[0], pairs[1], "etc/enigma.conf:7", why) == ERR_OK, "%s", why);
    int err = strategies_from_config(c, &chosen, why);
    ck_assert_int_eq(strategies_from_config(c, NULL, why), err);
    config_destroy(&c);
    return err;
}
#define CHOOSE(...) choose((const char *const[]){__VA_ARGS__, NULL, NULL})

static double param(const char *strategy, const char *name)
{
    int i = strategies_find(&chosen.strategies, strategy);
    ck_assert_int_ge(i, 0);
    const struct strategies_one *one = &chosen.strategies.of[i];
    for (size_t k = 0; k < one->def->params; k++)
        if (strcmp(one->def->param[k].name, name) == 0)
            return one->params.v[k];
    ck_abort_msg("%s", name);
}

START_TEST(the_default_is_the_score_strategy_alone_by_its_rank_score)
{
    ck_assert_msg(CHOOSE("log_level", "info") == ERR_OK, "%s", why);
    ck_assert_int_eq(chosen.strategies.n, 1);
    ck_assert_str_eq(chosen.strategies.of[0].def->name, "score");
    ck_assert(!chosen.probe && !chosen.features);
    ck_assert(param("score", "min_score") == 50 && param("score", "min_combined") == 40);
    ck_assert(param("score", "min_confidence") == 60 && param("score", "confirm_bars") == 5);
    ck_assert_int_eq(CHOOSE("primary_tf", "15m", "confirm_tf", "1h"), ERR_OK);
    ck_assert(param("score", "confirm_bars") == 4);
}
END_TEST

START_TEST(several_are_ranked_by_features_with_the_parameters_given)
{
    ck_assert_msg(CHOOSE("strategy", "orb, score vwap", "strategy_params", "orb.window_min=30 score.macd=20",
                         "signal_min_score", "70") == ERR_OK, "%s", why);
    ck_assert_int_eq(chosen.strategies.n, 3);
    ck_assert_int_eq(strategies_find(&chosen.strategies, "orb"), 0);
    ck_assert(chosen.features && !chosen.probe);
    ck_assert(param("orb", "window_min") == 30 && param("score", "macd") == 20);
    ck_assert(param("score", "min_score") == 70 && param("vwap", "deviation") == 0.005);
    ck_assert_int_eq(CHOOSE("strategy", "score", "ranking", "features"), ERR_OK);
    ck_assert(chosen.features);
    ck_assert_int_eq(CHOOSE("strategy", "score", "ranking", "score"), ERR_OK);
    ck_assert(!chosen.features);
    ck_assert_int_eq(CHOOSE("strategy", "probe"), ERR_OK);
    ck_assert(chosen.probe && !chosen.features && chosen.strategies.n == 1);
}
END_TEST

START_TEST(every_mistake_is_named_with_its_source)
{
    static const struct { const char *pairs[7], *want; } cases[] = {
        {{"strategy", "magic"}, "etc/enigma.conf:7: strategy = \"magic\" must be one of score orb pullback vwap ml probe"},
        {{"strategy", "score magic"}, "strategy = \"magic\" must be one of"},
        {{"strategy", ""}, "etc/enigma.conf:7: strategy is empty; name at least one"},
        {{"strategy", "probe score"}, "strategy = probe is a test and runs alone"},
        {{"strategy", "probe", "mode", "live"}, "strategy = probe is a test and refuses mode = live"},
        {{"strategy_params", "score.rsi=1001"}, "etc/enigma.conf:7: strategy_params: score.rsi=1001: must be from 0 to 1000"},
        {{"strategy_params", "orb.window_min=15"}, "strategy_params: orb.window_min=15: that strategy does not run"},
        {{"strategy_params", "score.luck=1"}, "score.luck=1: that strategy has no such parameter"},
        {{"strategy_params", "score.rsi"}, "score.rsi: is not STRATEGY.PARAMETER=NUMBER"},
        {{"strategy_params", "score.rsi=1 score.rsi=2"}, "score.rsi=2: given twice"},
        {{"strategy_params", "score.min_score=60"}, "score.min_score=60: it is the key signal_min_score"},
        {{"strategy_params", "score.min_combined=60"}, "it is the key signal_min_combined"},
        {{"strategy_params", "score.min_confidence=60"}, "it is the key signal_min_confidence"},
        {{"strategy_params", "score.confirm_bars=4"}, "follows from the two timeframes"},
        {{"primary_tf", "5m"}, "must be longer than primary_tf = 5m"},
        {{"strategy", "orb", "primary_tf", "1h", "confirm_tf", "1d"}, "primary_tf = 1h: orb: its parameters contradict"},
        {{"strategy", "pullback", "strategy_params", "pullback.ema_fast=90"},
         "strategy_params = pullback.ema_fast=90 (etc/enigma.conf:7), primary_tf = 1m: pullback: its parameters contradict"},
        {{"strategy", "vwap score", "ranking", "score"},
         "etc/enigma.conf:7: ranking = score is for the strategy score alone, but strategy = vwap score"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int err = choose(cases[i].pairs);
        ck_assert_msg(err == ERR_CONFIG && strstr(why, cases[i].want) != NULL, "case %zu: %s", i, why);
    }
}
END_TEST

TESTS("strategies_config", the_default_is_the_score_strategy_alone_by_its_rank_score,
      several_are_ranked_by_features_with_the_parameters_given, every_mistake_is_named_with_its_source)
