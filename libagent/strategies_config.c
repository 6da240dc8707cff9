/* strategies_config - see strategies_config.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/strategies_config.h"
#include "proto/err.h"
#include "proto/tm.h"

/* Parameters of the score strategy that have keys of their own. */
static const struct {
    enum cfg key;
    const char *param;
} own_keys[] = {
    {CFG_signal_min_score, "min_score"},
    {CFG_signal_min_combined, "min_combined"},
    {CFG_signal_min_confidence, "min_confidence"},
};

#define OWN_KEYS (sizeof own_keys / sizeof own_keys[0])

__attribute__((format(printf, 2, 3)))
static int complain(char why[CONFIG_WHY_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, CONFIG_WHY_MAX, format, args);
    va_end(args);
    return ERR_CONFIG;
}

static int unknown(const struct config *c, const char *name, char why[CONFIG_WHY_MAX])
{
    char all[120] = "";
    for (size_t i = 0; i < strategy_count(); i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), " %s", strategy_at(i)->name);
    return complain(why, "%s: strategy = \"%.40s\" must be one of%s probe", config_source(c, CFG_strategy),
                    name, all);
}

/* The list holds no word twice. */
static int add(const struct config *c, struct strategies *s, const char *name, char why[CONFIG_WHY_MAX])
{
    const struct strategy_def *d = strategy_find(name);
    if (d == NULL)
        return unknown(c, name, why);
    switch (strategies_add(s, d)) {
    case ERR_OK:
        return ERR_OK;
    case ERR_FULL:
        return complain(why, "%s: strategy names more than %d", config_source(c, CFG_strategy), STRATEGIES_MAX);
    default:
        return complain(why, "%s: strategy %s does not run with primary_tf = %s and confirm_tf = %s",
                        config_source(c, CFG_strategy), name, config_text(c, CFG_primary_tf),
                        config_text(c, CFG_confirm_tf));
    }
}

static int add_all(const struct config *c, struct strategies *s, bool *probe, char why[CONFIG_WHY_MAX])
{
    const char *names[CONFIG_LIST_MAX];
    size_t n = config_list(c, CFG_strategy, names);
    int err = ERR_OK;
    if (n == 0)
        return complain(why, "%s: strategy is empty; name at least one", config_source(c, CFG_strategy));
    *probe = false;
    for (size_t i = 0; i < n; i++)
        *probe = *probe || strcmp(names[i], "probe") == 0;
    if (*probe && n > 1)
        return complain(why, "%s: strategy = probe is a test and runs alone", config_source(c, CFG_strategy));
    if (*probe && strcmp(config_text(c, CFG_mode), "live") == 0)
        return complain(why, "%s: strategy = probe is a test and refuses mode = live",
                        config_source(c, CFG_strategy));
    if (*probe)
        return add(c, s, "score", why);
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = add(c, s, names[i], why);
    return err;
}

static int set_score(const struct config *c, struct strategies *s, char why[CONFIG_WHY_MAX])
{
    int i = strategies_find(s, "score");
    for (size_t k = 0; i >= 0 && k < OWN_KEYS; k++)
        if (strategy_param_set(s->of[i].def, &s->of[i].params, own_keys[k].param,
                               (double)config_int(c, own_keys[k].key)) < 0)
            return complain(why, "%s: %s = %s does not suit strategy score", config_source(c, own_keys[k].key),
                            config_keys[own_keys[k].key].name, config_text(c, own_keys[k].key));
    return ERR_OK;
}

static int set_all(const struct config *c, struct strategies *s, char why[CONFIG_WHY_MAX])
{
    const char *words[CONFIG_LIST_MAX], *source = config_source(c, CFG_strategy_params);
    char text[STRATEGIES_WHY_MAX], name[64];
    size_t n = config_list(c, CFG_strategy_params, words);
    for (size_t i = 0; i < n; i++) {
        const char *eq = strchr(words[i], '=');
        const size_t len = eq != NULL ? (size_t)(eq - words[i]) + 1 : strlen(words[i]) + 1;
        for (size_t k = 0; k < OWN_KEYS; k++) {
            snprintf(name, sizeof name, "score.%s=", own_keys[k].param);
            if (strncmp(words[i], name, len) == 0)
                return complain(why, "%s: strategy_params: %.60s: it is the key %s", source, words[i],
                                config_keys[own_keys[k].key].name);
        }
        for (size_t k = 0; eq != NULL && k < i; k++)
            if (strncmp(words[k], words[i], len) == 0)
                return complain(why, "%s: strategy_params: %.60s: given twice", source, words[i]);
        if (strategies_set(s, words[i], text) < 0)
            return complain(why, "%s: strategy_params: %s", source, text);
    }
    return ERR_OK;
}

/* A state as any symbol will have it. */
static int try_start(const struct config *c, const struct strategies *s, char why[CONFIG_WHY_MAX])
{
    char text[STRATEGIES_WHY_MAX];
    struct strategies_state *state = malloc(strategies_size(s));
    must(state != NULL);
    int err = strategies_start(s, state, text);
    free(state);
    if (err == ERR_OK)
        return ERR_OK;
    return complain(why, "strategy_params = %.60s (%.60s), primary_tf = %s: %s",
                    config_text(c, CFG_strategy_params), config_source(c, CFG_strategy_params),
                    config_text(c, CFG_primary_tf), text);
}

/* The rank score is the score strategy's; signals of several rules are told apart by the features alone. */
static int choose_ranking(const struct config *c, struct chosen_strategies *x, char why[CONFIG_WHY_MAX])
{
    const char *ranking = config_text(c, CFG_ranking);
    bool alone = x->strategies.n == 1 && strategies_find(&x->strategies, "score") == 0;
    if (strcmp(ranking, "score") == 0 && !alone)
        return complain(why, "%s: ranking = score is for the strategy score alone, but strategy = %.60s; "
                        "make it features or auto",
                        config_source(c, CFG_ranking), config_text(c, CFG_strategy));
    x->features = !x->probe && (strcmp(ranking, "features") == 0 || !alone);
    return ERR_OK;
}

int strategies_from_config(const struct config *c, struct chosen_strategies *ret, char why[CONFIG_WHY_MAX])
{
    struct chosen_strategies x;
    struct strategies *s = &x.strategies;
    int64_t primary_ns, confirm_ns;
    if (tf_parse(config_text(c, CFG_primary_tf), &primary_ns) < 0 ||
        tf_parse(config_text(c, CFG_confirm_tf), &confirm_ns) < 0 ||
        strategies_init(s, primary_ns, confirm_ns) < 0)
        return complain(why, "confirm_tf = %.8s must be longer than primary_tf = %.8s, and a multiple of it",
                        config_text(c, CFG_confirm_tf), config_text(c, CFG_primary_tf));
    s->reward_r = config_dbl(c, CFG_tp2_r);
    int err = add_all(c, s, &x.probe, why);
    if (err == ERR_OK)
        err = set_score(c, s, why);
    if (err == ERR_OK)
        err = set_all(c, s, why);
    if (err == ERR_OK)
        err = try_start(c, s, why);
    if (err == ERR_OK)
        err = choose_ranking(c, &x, why);
    if (err == ERR_OK && ret != NULL)
        *ret = x;
    return err;
}
