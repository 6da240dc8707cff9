/* The chosen strategies in the signal agent: whose signals they are, how they are ranked, and that a restart
 * changes none of them. */
#include "tests/agents/signal/market.h"

#define LIVELY "orb.sessions=3 orb.confirmations=1 pullback.trend_gap=0.0001 pullback.pullback_atr_mult=3 " \
               "pullback.min_gap_min=0 pullback.risk_atr_max=20 vwap.deviation=0.0001 vwap.min_gap_min=0 " \
               "vwap.volume_mult=0.5"
#define ALL4   "score orb pullback vwap"

START_TEST(by_default_the_signals_are_those_of_the_score_strategy)
{
    static struct strategy_score want[4];
    static struct candle bars[BARS], confirm[BARS];
    struct strategy_score_params p;
    int fired = 0;
    struct config *defaults = config_new();
    start_with(config_text(defaults, CFG_strategy));
    config_destroy(&defaults);
    chosen = "score";
    warm();
    strategy_score_params_default(&p);
    p.min_score = 20, p.min_combined = 5, p.min_confidence = 20;
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < BARS; k++) {
            const struct { int64_t tf_ns; struct candle *to; } tf[] = {
                {NS_PER_MIN, &bars[k]}, {5 * NS_PER_MIN, &confirm[k]}};
            for (int j = 0; j < 2; j++) {
                struct sub_candle_row r = row(i, T0 + (k - BARS) * tf[j].tf_ns, tf[j].tf_ns);
                candle_from(tf[j].to, tf[j].tf_ns, r.start_ns, (const dec_t[]){r.open, r.high, r.low, r.close},
                            r.volume);
            }
        }
        must(strategy_score_init(&want[i], NS_PER_MIN, 5 * NS_PER_MIN) == ERR_OK);
        score_warm_up(&want[i], &p, bars, BARS, confirm, BARS);
    }
    for (int bar = 0; bar < 240; bar++) {
        struct score_signal g[4];
        int n = 0;
        fake_forget(a);
        for (int i = 0; i < 4; i++) {
            struct sub_candle_row r = row(i, T0 + bar * NS_PER_MIN, NS_PER_MIN);
            struct candle c;
            candle_from(&c, NS_PER_MIN, r.start_ns, (const dec_t[]){r.open, r.high, r.low, r.close}, r.volume);
            if (score_on_bar(&want[i], &p, &c, NULL, false, &g[i]) == SCORE_FIRED)
                n++;
            else
                g[i].dir = 0;
            tell_bar(i, r.start_ns);
        }
        ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), (size_t)n);
        for (int k = 0; k < n; k++) {
            const struct msg_signal_generated *m = said((size_t)k);
            const struct score_signal *w = &g[m->symbol[0] - 'A'];
            ck_assert_str_eq(m->strategy, "score");
            ck_assert_int_eq(m->rank, k + 1);
            ck_assert(m->side == (w->dir > 0 ? SIDE_BUY : SIDE_SELL) && w->dir != 0);
            ck_assert(m->primary_score == w->primary_score && m->confirm_score == w->confirm_score);
            ck_assert(m->combined == w->combined && (int32_t)m->alignment == w->align);
            ck_assert(m->confidence == w->confidence && m->rank_score == w->rank && m->atr == w->atr);
            ck_assert(k == 0 || m->rank_score <= said((size_t)k - 1)->rank_score);
            fired++;
        }
    }
    ck_assert_int_gt(fired, 20);
    stop();
}
END_TEST

static const struct sub_figure *part(const struct msg_signal_generated *m, const char *name)
{
    for (size_t i = 0; i < m->parts_n; i++)
        if (strcmp(m->parts[i].name, name) == 0)
            return &m->parts[i];
    return NULL;
}

START_TEST(each_strategy_runs_when_it_is_chosen_and_names_its_signals)
{
    static const char *const names[] = {"score", "orb", "pullback", "vwap", "ml"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        char mine[400] = "", *at = NULL, all[] = LIVELY;
        for (char *word = strtok_r(all, " ", &at); word != NULL; word = strtok_r(NULL, " ", &at))
            if (strncmp(word, names[k], strlen(names[k])) == 0)
                snprintf(mine + strlen(mine), sizeof mine - strlen(mine), "%s ", word);
        params = mine;
        start_with(names[k]);
        warm();
        tell_bars(0, 240);
        size_t n = fake_count(a, MSG_SIGNAL_GENERATED);
        ck_assert_msg((n > 0) == (strcmp(names[k], "ml") != 0), "%s: %zu signals", names[k], n);
        for (size_t i = 0; i < n; i++) {
            const struct msg_signal_generated *m = said(i);
            ck_assert_str_eq(m->strategy, names[k]);
            ck_assert(m->atr > 0 && m->confidence > 0 && m->confidence <= 100);
            ck_assert_int_eq(part(m, "rule.stop") != NULL, k != 0);
            ck_assert_int_eq(part(m, "rank.rr") != NULL, k != 0);
        }
        struct sub_counter c[40];
        bool abstained = false;
        size_t counters = signals_counters(a, c, 40);
        for (size_t i = 0; i < counters; i++)
            abstained = abstained || (strcmp(c[i].name, "NO_MODEL") == 0 && c[i].count == 960);
        ck_assert_int_eq(abstained, k == 4);            /* there is no model yet */
        stop();
        params = "";
    }
}
END_TEST

/* What was said of strategies, as text to compare. */
static size_t tell_story(char *to, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < fake_count(a, MSG_SIGNAL_GENERATED); i++) {
        const struct msg_signal_generated *m = said(i);
        len += (size_t)snprintf(to + len, size - len, "%s %s %s %lld %d rank %lld of %lld %.17g", m->signal_id,
                                m->strategy, m->symbol, (long long)m->close_ns, (int)m->side, (long long)m->rank,
                                (long long)m->batch_n, m->rank_score);
        for (size_t k = 0; k < m->parts_n && len < size; k++)
            len += (size_t)snprintf(to + len, size - len, " %s=%s", m->parts[k].name, m->parts[k].value);
        len += (size_t)snprintf(to + len, size - len, "\n");
        must(len < size);
    }
    return len;
}

#define STORY_MAX (1 << 20)

START_TEST(several_strategies_are_ranked_together_whoever_reports_first)
{
    static char stories[2][STORY_MAX];
    for (int run = 0; run < 2; run++) {
        params = LIVELY;
        start_with(ALL4);
        warm();
        for (int bar = 0; bar < 240; bar++)
            for (int i = 0; i < 4; i++)
                tell_bar(run == 0 ? i : 3 - i, T0 + bar * NS_PER_MIN);
        tell_story(stories[run], STORY_MAX);
        stop();
    }
    ck_assert_str_eq(stories[0], stories[1]);
    start_with(ALL4);
    warm();
    tell_bars(0, 240);
    int mixed = 0, twice = 0;
    size_t n = fake_count(a, MSG_SIGNAL_GENERATED);
    for (size_t i = 0; i < n; i++) {
        const struct msg_signal_generated *m = said(i), *was = i > 0 ? said(i - 1) : NULL;
        ck_assert(m->rank_score >= 0 && m->rank_score <= 1 && part(m, "rank.momentum") != NULL);
        if (was == NULL || was->close_ns != m->close_ns) {
            ck_assert_int_eq(m->rank, 1);
            continue;
        }
        ck_assert_int_eq(m->rank, was->rank + 1);
        ck_assert(m->rank_score <= was->rank_score);
        mixed += strcmp(m->strategy, was->strategy) != 0;
        twice += strcmp(m->symbol, was->symbol) == 0;
    }
    ck_assert_int_gt(mixed, 10);
    ck_assert_int_gt(twice, 0);
    ck_assert_uint_eq(n, (size_t)s->fired);
    ck_assert_int_eq(s->ranker.count, RANKER_HISTORY);
    stop();
    params = "";
}
END_TEST

/* Killed after `killed` bars, with a snapshot after `saved` of them; goes on in a second process. */
static void run_interrupted(int saved, int killed, char *story)
{
    void *data = NULL;
    size_t len = 0, at = 0;
    struct agent *fresh;
    start_with(ALL4);
    warm();
    for (int bar = 0; bar < killed; bar++) {
        if (bar == saved) {
            signals_save(a, &data, &len);
            at = a->n_notes;
        }
        tell_bars(bar, bar + 1);
    }
    struct signals *t = recover(&fresh, 0);
    if (data != NULL)
        must(signals_load(fresh, data, len) == ERR_OK);
    for (size_t i = at; i < a->n_notes; i++)
        must(signals_note(fresh, a->notes[i].kind, a->notes[i].data, a->notes[i].len) == ERR_OK);
    free(data);
    size_t n = tell_story(story, STORY_MAX);
    stop();
    a = fresh;
    s = t;
    fake_timers_n = 0;
    a->market_ns = T0 + killed * NS_PER_MIN;
    warm();
    tell_bars(killed, 200);
    tell_story(story + n, STORY_MAX - n);
    stop();
}

START_TEST(a_restart_agrees_with_never_having_stopped)
{
    static char whole[STORY_MAX], cut[STORY_MAX];
    static const int at[][2] = {{-1, 90}, {50, 50}, {50, 51}, {0, 130}, {120, 170}};
    params = LIVELY;
    start_with(ALL4);
    warm();
    tell_bars(0, 200);
    size_t len = tell_story(whole, STORY_MAX);
    ck_assert_uint_gt(len, 1000);
    stop();
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        memset(cut, 0, sizeof cut);
        run_interrupted(at[i][0], at[i][1], cut);
        size_t same_n = 0;
        while (whole[same_n] != '\0' && whole[same_n] == cut[same_n])
            same_n++;
        ck_assert_msg(strcmp(whole, cut) == 0, "case %zu, from %zu on: %.200s\nwant %.200s", i, same_n,
                      cut + same_n, whole + same_n);
    }
    params = "";
}
END_TEST

START_TEST(a_snapshot_of_other_strategies_is_left_out_and_their_open_signals_with_it)
{
    struct msg_position_closed win = {.position = {.margin = dec_int(50), .net_pnl = dec_int(25), .closed_ns = T0}};
    void *data;
    size_t len;
    struct agent *fresh;
    params = LIVELY;
    start_with(ALL4);
    warm();
    tell_bars(0, 130);
    fake_tell(a, signals_on_position_closed, AGENT_EXECUTION, MSG_POSITION_CLOSED, &win);
    const struct batch *open = NULL;
    for (int bar = 130; open == NULL; bar++) {  /* until the first symbol fires: the others are waited for */
        ck_assert_int_lt(bar, 250);
        tell_bar(0, T0 + bar * NS_PER_MIN);
        open = batches_oldest(&s->batches);
        ck_assert_ptr_nonnull(open);
        if (open->n == 0) {
            for (int i = 1; i < 4; i++)
                tell_bar(i, T0 + bar * NS_PER_MIN);
            open = NULL;
        }
    }
    signals_save(a, &data, &len);
    chosen = "vwap";
    params = "vwap.deviation=0.4";
    struct signals *t = recover(&fresh, 0);
    ck_assert_int_eq(signals_load(fresh, data, len), ERR_OK);
    ck_assert_int_eq(t->symbols[0].rules->bars, 0);
    ck_assert(t->gamma.cascade == s->gamma.cascade && t->gamma.cascade > 1);
    for (int i = 0; i < BATCHES_MAX; i++)
        for (int k = 0; k < t->batches.open[i].n; k++)
            ck_assert_str_eq(t->batches.open[i].fired[k].f.strategy, "vwap");
    end_recovered(t, fresh);
    free(data);
    stop();
    params = "";
}
END_TEST

START_TEST(a_choice_that_cannot_run_is_named_at_start)
{
    static const struct { const char *strategy, *params, *ranking, *why; } cases[] = {
        {"magic", "", "auto", "strategy = \"magic\" must be one of score orb pullback vwap ml probe"},
        {"orb", "orb.window_min=0", "auto", "orb.window_min=0: must be a whole number from 1 to 480"},
        {"score orb", "", "score", "make it features or auto"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[CONFIG_WHY_MAX] = "";
        s = calloc(1, sizeof *s);
        a = fake_new(s);
        fake_config(a, "strategy", cases[i].strategy);
        fake_config(a, "strategy_params", cases[i].params);
        fake_config(a, "ranking", cases[i].ranking);
        ck_assert_int_eq(signals_init(a, why), ERR_CONFIG);
        ck_assert_msg(strstr(why, cases[i].why) != NULL, "%s", why);
        stop();
    }
    char why[CONFIG_WHY_MAX] = "", symbols[600] = "";
    for (int i = 0; i < 60; i++)
        snprintf(symbols + strlen(symbols), sizeof symbols - strlen(symbols), "S%dUSDTM ", i);
    s = calloc(1, sizeof *s);
    a = fake_new(s);
    fake_config(a, "symbols", symbols);
    fake_config(a, "strategy", "score orb pullback vwap ml");
    ck_assert_int_eq(signals_init(a, why), ERR_CONFIG);
    ck_assert_msg(strstr(why, "60 of them with 5 strategies") != NULL, "%s", why);
    stop();
}
END_TEST

START_TEST(another_threshold_counts_from_the_next_bar_on_and_the_history_stays)
{
    void *data = NULL;
    size_t len = 0;
    start_with("score");
    warm();
    tell_bars(0, 240);
    ck_assert_uint_gt(fake_count(a, MSG_SIGNAL_GENERATED), 0);
    fake_config(a, "signal_min_score", "130");
    fake_config(a, "batch_ms", "700");
    signals_configured(a);
    ck_assert_int_eq(s->batch_ns, 700000000);
    const struct strategy_head *h = strategies_state_of(&s->chosen.strategies, s->symbols[0].rules, 0);
    ck_assert_int_eq(h->bars > 240, 1);
    fake_forget(a);
    tell_bars(240, 240);
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 0);
    signals_save(a, &data, &len);
    int64_t bars = h->bars;
    memset(s->symbols[0].rules, 0, strategies_size(&s->chosen.strategies));
    ck_assert_int_eq(signals_load(a, data, len), ERR_OK);       /* as a restart: not left out */
    ck_assert_int_eq(h->bars, bars);
    free(data);
    stop();
}
END_TEST

TESTS("chosen", another_threshold_counts_from_the_next_bar_on_and_the_history_stays, by_default_the_signals_are_those_of_the_score_strategy,
      each_strategy_runs_when_it_is_chosen_and_names_its_signals,
      several_strategies_are_ranked_together_whoever_reports_first, a_restart_agrees_with_never_having_stopped,
      a_snapshot_of_other_strategies_is_left_out_and_their_open_signals_with_it,
      a_choice_that_cannot_run_is_named_at_start)
