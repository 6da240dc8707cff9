/* The signal agent's modules behind a skeleton of the test: history by pages, order of bars, batches,
 * recovery from notes, the miner. */
#include "tests/agents/signal/market.h"

START_TEST(is_ready_when_history_came_page_by_page)
{
    start_with("score");
    signals_start(a);
    a->life = LIFE_WARMING;
    signals_warm(a);
    ck_assert_uint_eq(a->n_questions, 4);
    int pages = 0;
    for (; a->n_questions > 0; pages++) {
        ck_assert_int_eq(a->life, LIFE_WARMING);
        answer_candles();
    }
    ck_assert_int_eq(a->life, LIFE_ACTIVE);
    ck_assert_int_eq(pages, 4 * (2 + 2 + 1 + 1));
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(score_of(s, i)->primary.bars, BARS);
        ck_assert_int_ge(score_of(s, i)->confirm.bars, BARS);
        ck_assert(day_atr_fraction(&s->symbols[i].day) > 0);
    }
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 0);
    gamma_update(&s->gamma, a->market_ns);
    ck_assert(s->gamma.valid);
    stop();
}
END_TEST

START_TEST(a_symbol_without_history_does_not_hold_up_the_rest)
{
    static const struct msg_error_reply none = {.text = "no such symbol"};
    start_with("score");
    signals_start(a);
    a->life = LIFE_WARMING;
    signals_warm(a);
    while (a->n_questions > 0) {
        const struct msg_candles_get *q = a->questions[0].msg;
        if (q->symbol[0] == 'B')
            fake_answer(a, ERR_OK, MSG_ERROR_REPLY, &none);
        else
            answer_candles();
    }
    ck_assert_int_eq(a->life, LIFE_ACTIVE);
    ck_assert(!symbol_ready(s, &s->symbols[1]));
    ck_assert(symbol_ready(s, &s->symbols[0]));
    stop();
}
END_TEST

START_TEST(an_unanswered_page_is_asked_again)
{
    start_with("score");
    signals_start(a);
    a->life = LIFE_WARMING;
    signals_warm(a);
    for (int i = 0; i < 4; i++)
        fake_answer(a, ERR_TIMEOUT, MSG_COUNT, NULL);
    ck_assert_uint_eq(a->n_questions, 0);
    ck_assert_int_eq(a->life, LIFE_WARMING);
    fake_pass_ms(a, 500);
    ck_assert_uint_eq(a->n_questions, 4);
    while (a->n_questions > 0)
        answer_candles();
    ck_assert_int_eq(a->life, LIFE_ACTIVE);
    stop();
}
END_TEST

START_TEST(a_batch_ends_when_all_have_reported_and_is_ranked)
{
    start_with("probe");
    warm();
    for (int i = 0; i < 3; i++)
        tell_bar(i, T0);
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 0);
    tell_bar(3, T0);
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct msg_signal_generated *m = said(i);
        ck_assert_int_eq(m->rank, (int64_t)i + 1);
        ck_assert_int_eq(m->batch_n, 4);
        ck_assert_int_eq(m->batch_ns, a->now_ns);
        ck_assert_int_eq(m->close_ns, T0 + NS_PER_MIN);
        ck_assert(m->atr > 0 && m->atr_day > 0);
        ck_assert(i == 0 || m->rank_score <= said(i - 1)->rank_score);
        struct sub_candle_row r = row(m->symbol[0] - 'A', T0, NS_PER_MIN);
        ck_assert(dec_eq(m->close_px, r.close));
    }
    ck_assert_str_eq(a->said[a->n_said - 1].id, said(3)->signal_id);
    ck_assert_str_eq(a->said[a->n_said - 1].correlation, said(3)->signal_id);
    stop();
}
END_TEST

START_TEST(the_probe_alternates_sides_from_bar_to_bar)
{
    start_with("probe");
    warm();
    enum side was[4] = {SIDE_BUY, SIDE_BUY, SIDE_BUY, SIDE_BUY};
    for (int bar = 0; bar < 6; bar++) {
        fake_forget(a);
        for (int i = 0; i < 4; i++)
            tell_bar(i, T0 + bar * NS_PER_MIN);
        ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 4);
        for (size_t i = 0; i < 4; i++) {
            int symbol = said(i)->symbol[0] - 'A';
            ck_assert(bar == 0 || said(i)->side != was[symbol]);
            was[symbol] = said(i)->side;
        }
    }
    stop();
}
END_TEST

START_TEST(a_silent_symbol_holds_a_batch_for_its_window_once)
{
    start_with("probe");
    warm();
    for (int i = 0; i < 3; i++)
        tell_bar(i, T0);
    fake_pass_ms(a, 1990);
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 0);
    fake_pass_ms(a, 10);
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 3);
    for (int i = 0; i < 3; i++)         /* one close later it is not expected any more */
        tell_bar(i, T0 + NS_PER_MIN);
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 6);
    stop();
}
END_TEST

START_TEST(a_signal_behind_the_end_of_its_batch_says_so)
{
    start_with("probe");
    warm();
    for (int i = 0; i < 3; i++)
        tell_bar(i, T0);
    fake_pass_ms(a, 2000);
    int64_t ended_ns = a->now_ns;
    fake_pass_ms(a, 100);
    tell_bar(3, T0);
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 4);
    ck_assert_int_eq(said(3)->batch_ns, ended_ns);
    ck_assert_int_lt(said(3)->batch_ns, a->now_ns);
    stop();
}
END_TEST

START_TEST(missing_bars_are_asked_for_and_fed_in_order_before_the_new_one)
{
    start_with("probe");
    warm();
    tell_bar(0, T0 + 3 * NS_PER_MIN);       /* three are missing */
    ck_assert_int_eq(score_of(s, 0)->primary.bars, BARS);
    ck_assert_uint_eq(a->n_questions, 1);
    hidden_from = T0 + 3 * NS_PER_MIN;      /* the newest is not in the store yet */
    while (a->n_questions > 0)
        answer_candles();
    hidden_from = INT64_MAX;
    ck_assert_int_eq(score_of(s, 0)->primary.bars, BARS + 4);
    ck_assert_int_eq(s->symbols[0].rules->start_ns, T0 + 3 * NS_PER_MIN);
    ck_assert_int_eq(score_of(s, 0)->gaps, 0);
    fake_pass_ms(a, 2000);
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 1);      /* of the live bar alone */
    ck_assert_int_eq(said(0)->close_ns, T0 + 4 * NS_PER_MIN);
    stop();
}
END_TEST

START_TEST(bars_that_come_while_others_are_fetched_are_not_lost)
{
    start_with("probe");
    warm();
    tell_bar(0, T0 + NS_PER_MIN);
    tell_bar(0, T0 + 2 * NS_PER_MIN);
    tell_bar(0, T0 + 3 * NS_PER_MIN);
    hidden_from = T0 + 3 * NS_PER_MIN;
    while (a->n_questions > 0)
        answer_candles();
    hidden_from = INT64_MAX;
    ck_assert_int_eq(s->symbols[0].rules->start_ns, T0 + 3 * NS_PER_MIN);
    ck_assert_int_eq(score_of(s, 0)->primary.bars, BARS + 4);
    stop();
}
END_TEST

START_TEST(a_hole_that_nobody_can_fill_is_gone_over)
{
    start_with("probe");
    warm();
    hidden_from = T0;
    tell_bar(0, T0 + 5 * NS_PER_MIN);
    while (a->n_questions > 0)
        answer_candles();
    hidden_from = INT64_MAX;
    ck_assert_int_eq(score_of(s, 0)->primary.bars, BARS + 1);
    ck_assert_int_eq(score_of(s, 0)->gaps, 1);
    stop();
}
END_TEST

START_TEST(history_never_fires)
{
    start_with("probe");
    warm();
    for (int bar = 0; bar < 5; bar++)
        for (int i = 0; i < 4; i++)
            tell_bar_as(i, T0 + bar * NS_PER_MIN, true);
    fake_pass_ms(a, 5000);
    ck_assert_uint_eq(fake_count(a, MSG_SIGNAL_GENERATED), 0);
    ck_assert_int_eq(score_of(s, 0)->primary.bars, BARS + 5);
    stop();
}
END_TEST

START_TEST(a_bar_said_twice_counts_once)
{
    start_with("probe");
    warm();
    tell_bar(0, T0);
    tell_bar(0, T0);
    ck_assert_int_eq(score_of(s, 0)->primary.bars, BARS + 1);
    ck_assert_int_eq(s->bars, 1);
    stop();
}
END_TEST

/* Padding aside, and to the last bit. */
static void same(const struct signals *x, const struct signals *y)
{
    for (int i = 0; i < 4; i++) {
        const struct strategy_score *p = score_of(x, i), *q = score_of(y, i);
        ck_assert_int_eq(p->primary.bars, q->primary.bars);
        ck_assert_int_eq(p->confirm.bars, q->confirm.bars);
        ck_assert_int_eq(p->primary_start_ns, q->primary_start_ns);
        ck_assert_int_eq(p->fired, q->fired);
        ck_assert_int_eq(p->p.value, q->p.value);
        ck_assert_int_eq(p->s.value, q->s.value);
        ck_assert_mem_eq(p->p.indicator, q->p.indicator, sizeof p->p.indicator);
        ck_assert_mem_eq(p->s.indicator, q->s.indicator, sizeof p->s.indicator);
        ck_assert_mem_eq(x->symbols[i].rules->funnel, y->symbols[i].rules->funnel, sizeof x->symbols[i].rules->funnel);
    }
    ck_assert_int_eq(x->bars, y->bars);
    ck_assert_int_eq(x->fired, y->fired);
}

/* The same, and still so after an hour more. */
static void same_now_and_later(struct signals *t, struct agent *fresh)
{
    same(t, s);
    signals_warm(fresh);                /* the bars come one by one, none is missing */
    for (int i = 0; i < 4; i++)
        t->symbols[i].feed = (struct feed){.done = true};
    struct agent *first = a;
    struct signals *mine = s;
    for (int bar = 0; bar < 60; bar++)
        for (int i = 0; i < 4; i++) {
            int64_t start_ns = mine->symbols[i].rules->start_ns + NS_PER_MIN;
            tell_bar(i, start_ns);
            a = fresh;
            s = t;
            tell_bar(i, start_ns);
            a = first;
            s = mine;
        }
    same(t, s);
}

START_TEST(recovers_bit_for_bit_from_its_notes)
{
    struct agent *fresh;
    start_with("probe");
    warm();
    for (int bar = 0; bar < 20; bar++)
        for (int i = 0; i < 4; i++)
            tell_bar(i, T0 + bar * NS_PER_MIN);
    struct signals *t = recover(&fresh, a->n_notes);
    ck_assert_ptr_null(batches_oldest(&t->batches));
    signals_start(fresh);
    same_now_and_later(t, fresh);
    end_recovered(t, fresh);
    stop();
}
END_TEST

START_TEST(recovers_from_a_snapshot_with_a_batch_open)
{
    void *data;
    size_t len;
    struct agent *fresh;
    start_with("probe");
    warm();
    tell_bar(0, T0);
    tell_bar(1, T0);
    signals_save(a, &data, &len);
    struct signals *t = recover(&fresh, 0);
    ck_assert_int_eq(signals_load(fresh, data, len), ERR_OK);
    same(t, s);
    struct batch *b = batches_oldest(&t->batches);
    ck_assert_ptr_nonnull(b);
    ck_assert_int_eq(b->n, 2);
    free(data);
    end_recovered(t, fresh);
    stop();
}
END_TEST

START_TEST(a_snapshot_cut_anywhere_is_refused_or_left_out)
{
    void *data;
    size_t len;
    start_with("probe");
    warm();
    tell_bar(0, T0);
    signals_save(a, &data, &len);
    for (size_t n = 0; n < len; n += 97) {
        struct agent *fresh;
        struct signals *t = recover(&fresh, 0);
        void *cut = malloc(n + 1);
        memcpy(cut, data, n);
        int err = signals_load(fresh, cut, n);
        ck_assert(err == ERR_OK || err == ERR_CORRUPT);
        free(cut);
        end_recovered(t, fresh);
    }
    free(data);
    stop();
}
END_TEST

START_TEST(signals_of_a_batch_that_a_crash_cut_off_are_said_late_under_the_same_id)
{
    struct agent *fresh, *first = NULL;
    start_with("probe");
    warm();
    tell_bar(0, T0);
    struct signals *t = recover(&fresh, a->n_notes);    /* killed here */
    fake_pass_ms(a, 2000);                              /* not killed, it had said this: */
    const struct msg_signal_generated *wanted = said(0);
    ck_assert_ptr_nonnull(wanted);
    first = a;
    fake_timers_n = 0;
    fresh->now_ns += 3 * NS_PER_S;
    signals_start(fresh);
    const struct msg_signal_generated *got = fake_heard(fresh, MSG_SIGNAL_GENERATED, 0);
    ck_assert_ptr_nonnull(got);
    ck_assert_str_eq(got->signal_id, wanted->signal_id);
    ck_assert_int_lt(got->batch_ns, fresh->now_ns);
    end_recovered(t, fresh);
    a = first;
    stop();
}
END_TEST

START_TEST(the_id_follows_from_the_decision_alone)
{
    char ids[2][40];
    for (int run = 0; run < 2; run++) {
        start_with("probe");
        warm();
        a->now_ns += run * 12345;
        for (int i = 0; i < 4; i++)
            tell_bar(i, T0);
        snprintf(ids[run], sizeof ids[run], "%s", said(0)->signal_id);
        ck_assert(run == 0 || strcmp(said(0)->signal_id, said(1)->signal_id) != 0);
        stop();
    }
    ck_assert_str_eq(ids[0], ids[1]);
}
END_TEST

START_TEST(the_probe_is_refused_on_a_real_venue)
{
    char why[CONFIG_WHY_MAX] = "";
    s = calloc(1, sizeof *s);
    a = fake_new(s);
    fake_config(a, "strategy", "probe");
    fake_config(a, "rest_url", "https://example.org");
    ck_assert_int_eq(signals_init(a, why), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(why, "probe"));
    stop();
}
END_TEST

START_TEST(a_confirm_timeframe_that_is_not_longer_is_named_at_start)
{
    static const char *const pairs[][2] = {{"5m", "5m"}, {"15m", "5m"}, {"1h", "1m"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char why[CONFIG_WHY_MAX] = "", want[80];
        s = calloc(1, sizeof *s);
        a = fake_new(s);
        fake_config(a, "primary_tf", pairs[i][0]);
        fake_config(a, "confirm_tf", pairs[i][1]);
        snprintf(want, sizeof want, "confirm_tf = %s must be longer than primary_tf = %s", pairs[i][1], pairs[i][0]);
        ck_assert_int_eq(signals_init(a, why), ERR_CONFIG);
        ck_assert_msg(strncmp(why, want, strlen(want)) == 0, "%s", why);
        fake_destroy(a);
        free(s);
    }
}
END_TEST

START_TEST(closed_trades_move_cascade_and_survive_a_crash)
{
    struct agent *fresh;
    start_with("probe");
    struct msg_position_closed m = {.position = {.margin = dec_int(50), .net_pnl = dec_int(25), .closed_ns = T0}};
    fake_tell(a, signals_on_position_closed, AGENT_EXECUTION, MSG_POSITION_CLOSED, &m);
    ck_assert_double_eq_tol(s->gamma.cascade, 1.15 * 1.25, 1e-12);
    struct signals *t = recover(&fresh, a->n_notes);
    ck_assert(t->gamma.cascade == s->gamma.cascade);
    end_recovered(t, fresh);
    stop();
}
END_TEST

START_TEST(the_state_counts_every_bar_at_its_gate)
{
    start_with("score");
    warm();
    for (int bar = 0; bar < 60; bar++)
        for (int i = 0; i < 4; i++)
            tell_bar(i, T0 + bar * NS_PER_MIN);
    fake_forget(a);
    fake_pass_ms(a, 1000);
    const struct msg_signal_state *m = fake_heard(a, MSG_SIGNAL_STATE, 0);
    ck_assert_ptr_nonnull(m);
    int64_t sum = 0, of_symbols = 0;
    for (size_t i = 0; i < m->funnel_n; i++)
        *(strchr(m->funnel[i].name, ' ') == NULL ? &sum : &of_symbols) += m->funnel[i].count;
    ck_assert_int_eq(m->bars, 240);
    ck_assert_int_eq(sum, 240);
    ck_assert_int_eq(of_symbols, 240);
    ck_assert_uint_eq(m->symbols_n, 4);
    stop();
}
END_TEST

START_TEST(candles_that_are_bad_or_of_no_symbol_of_ours_are_ignored)
{
    start_with("probe");
    warm();
    struct sub_candle_row r = row(0, T0, NS_PER_MIN);
    struct msg_market_candle good = {.start_ns = T0, .open = r.open, .high = r.high, .low = r.low,
                                     .close = r.close, .volume = r.volume, .symbol = "AAAUSDTM", .tf = "1m"};
    struct msg_market_candle bad[4] = {good, good, good, good};
    TEXT_COPY(bad[0].symbol, "ZZZUSDTM");
    TEXT_COPY(bad[1].tf, "7m");
    bad[2].high = dec_int(1);                           /* below its low */
    bad[3].start_ns = T0 + 1;                           /* begins within a minute */
    for (int i = 0; i < 4; i++)
        fake_tell(a, signals_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &bad[i]);
    ck_assert_int_eq(s->bars, 0);
    ck_assert_int_eq(s->symbols[0].rules->bars, BARS);
    ck_assert_uint_eq(a->n_questions, 0);
    fake_tell(a, signals_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &good);
    ck_assert_int_eq(s->bars, 1);
    stop();
}
END_TEST

static void tell_long(int symbol, int64_t start_ns, int64_t tf_ns)
{
    struct sub_candle_row r = row(symbol, start_ns, tf_ns);
    struct msg_market_candle m = {.start_ns = start_ns, .open = r.open, .high = r.high, .low = r.low,
                                  .close = r.close, .volume = r.volume};
    TEXT_COPY(m.symbol, s->symbols[symbol].name);
    TEXT_COPY(m.tf, tf_name(tf_ns));
    fake_tell(a, signals_on_candle, AGENT_DATA, MSG_MARKET_CANDLE, &m);
}

START_TEST(days_and_hours_are_learnt_as_they_close_and_a_missing_hour_is_asked_for)
{
    start_with("score");
    warm();
    int64_t day_ns = s->symbols[0].day.newest_ns + NS_PER_DAY;
    tell_long(0, day_ns, NS_PER_DAY);
    ck_assert_int_eq(s->symbols[0].day.newest_ns, day_ns);
    tell_long(0, T0, NS_PER_H);
    ck_assert_uint_eq(a->n_questions, 0);
    a->market_ns = T0 + 3 * NS_PER_H;
    tell_long(0, T0 + 2 * NS_PER_H, NS_PER_H);          /* one is missing */
    ck_assert_uint_eq(a->n_questions, 1);
    while (a->n_questions > 0)
        answer_candles();
    for (int i = 1; i < 4; i++)
        for (int h = 0; h < 3; h++)
            tell_long(i, T0 + h * NS_PER_H, NS_PER_H);
    while (a->n_questions > 0)
        answer_candles();
    gamma_update(&s->gamma, a->market_ns);
    ck_assert(s->gamma.valid && s->gamma.symbol[0].fresh);
    stop();
}
END_TEST

START_TEST(notes_and_batches_of_symbols_that_are_gone_are_left_out)
{
    void *data;
    size_t len;
    struct agent *fresh;
    char why[CONFIG_WHY_MAX];
    start_with("probe");
    warm();
    tell_bar(0, T0);
    tell_bar(1, T0);
    signals_save(a, &data, &len);
    tell_bar(0, T0 + NS_PER_MIN);
    struct signals *t = calloc(1, sizeof *t);
    fresh = fake_new(t);
    fake_config(fresh, "symbols", "BBBUSDTM EEEUSDTM");
    fake_config(fresh, "strategy", "probe");
    fake_config(fresh, "signal_min_score", "20");
    fake_config(fresh, "signal_min_combined", "5");
    fake_config(fresh, "signal_min_confidence", "20");
    ck_assert_int_eq(signals_init(fresh, why), ERR_OK);
    ck_assert_int_eq(signals_load(fresh, data, len), ERR_OK);
    for (size_t i = 0; i < a->n_notes; i++)
        ck_assert_int_eq(signals_note(fresh, a->notes[i].kind, a->notes[i].data, a->notes[i].len), ERR_OK);
    ck_assert_int_eq(t->symbols[0].rules->bars, BARS + 1);
    ck_assert_int_eq(t->symbols[1].rules->bars, 0);
    for (int i = 0; i < BATCHES_MAX; i++)
        for (int k = 0; k < t->batches.open[i].n; k++)
            ck_assert(t->batches.open[i].fired[k].symbol == 0 &&
                      strcmp(t->batches.open[i].fired[k].f.symbol, "BBBUSDTM") == 0);
    for (uint16_t kind = 1; kind <= 4; kind++)          /* of another build: nothing that could be read */
        ck_assert_int_eq(signals_note(fresh, kind, "xyz", 3), ERR_OK);
    ck_assert_int_eq(signals_load(fresh, "xyz", 3), ERR_OK);
    end_recovered(t, fresh);
    free(data);
    stop();
}
END_TEST

START_TEST(without_a_symbol_there_is_no_start)
{
    char why[CONFIG_WHY_MAX] = "";
    s = calloc(1, sizeof *s);
    a = fake_new(s);
    fake_config(a, "symbols", "");
    ck_assert_int_eq(signals_init(a, why), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(why, "symbols: none given"));
    stop();
}
END_TEST

/* ---- the miner ---- */

START_TEST(a_market_that_moves_as_one_lights_the_lighthouse_until_it_is_stale)
{
    together = true;
    start_with("score");
    warm();
    fake_pass_ms(a, 1000);
    const struct msg_lighthouse *on = fake_heard(a, MSG_LIGHTHOUSE, 0);
    const struct msg_signal_state *state = fake_heard(a, MSG_SIGNAL_STATE, 0);
    ck_assert(on != NULL && on->on && on->gamma >= 0.99 && on->strength > 0.9);
    ck_assert(state != NULL && state->lighthouse && state->gamma_valid && state->kappa == 2.73);
    for (int i = 0; i < 4; i++)
        ck_assert(state->symbols[i].g > 0.99 && !state->symbols[i].stale);
    for (int i = 0; i < 3; i++)
        tell_long(i, T0, NS_PER_H);
    fake_pass_ms(a, 1000);
    ck_assert_uint_eq(fake_count(a, MSG_LIGHTHOUSE), 1);        /* said on its edges alone */
    a->market_ns = T0 + 3 * NS_PER_H;                           /* nothing came since */
    fake_pass_ms(a, 1000);
    const struct msg_lighthouse *off = fake_heard(a, MSG_LIGHTHOUSE, 1);
    ck_assert(off != NULL && !off->on && off->gamma == 0);
    state = fake_heard(a, MSG_SIGNAL_STATE, fake_count(a, MSG_SIGNAL_STATE) - 1);
    ck_assert(!state->lighthouse && !state->gamma_valid && state->kappa == 1);
    for (int i = 0; i < 4; i++)
        ck_assert(state->symbols[i].stale);
    stop();
    together = false;
}
END_TEST

START_TEST(the_lighthouse_survives_a_crash_and_is_not_lost_while_history_comes)
{
    struct agent *fresh;
    together = true;
    start_with("score");
    warm();
    fake_pass_ms(a, 1000);
    ck_assert(s->gamma.lighthouse);
    struct signals *t = recover(&fresh, a->n_notes);
    ck_assert(t->gamma.lighthouse);
    stop();
    a = fresh;
    s = t;
    fake_timers_n = 0;
    a->market_ns = T0;
    signals_start(a);
    a->life = LIFE_WARMING;
    fake_pass_ms(a, 1000);                                      /* a cycle without any hour */
    ck_assert_uint_eq(fake_count(a, MSG_LIGHTHOUSE), 0);
    signals_warm(a);
    while (a->n_questions > 0)
        answer_candles();
    fake_pass_ms(a, 1000);
    ck_assert(s->gamma.lighthouse && s->gamma.valid);
    ck_assert_uint_eq(fake_count(a, MSG_LIGHTHOUSE), 0);        /* no edge: it is still on */
    stop();
    together = false;
}
END_TEST

START_TEST(every_signal_carries_its_symbols_coherence_kappa_and_cascade)
{
    start_with("probe");
    warm();
    struct msg_position_closed win = {.position = {.margin = dec_int(50), .net_pnl = dec_int(25), .closed_ns = T0}};
    fake_tell(a, signals_on_position_closed, AGENT_EXECUTION, MSG_POSITION_CLOSED, &win);
    tell_bars(0, 1);
    for (size_t i = 0; i < 4; i++) {
        const struct msg_signal_generated *m = said(i);
        const struct gamma_symbol *y = &s->gamma.symbol[m->symbol[0] - 'A'];
        ck_assert(m->gamma_valid && m->gamma == s->gamma.value && m->gamma > 0 && m->gamma <= 1);
        ck_assert(m->g == y->g && fabs(m->g - m->gamma * cos(y->phase - s->gamma.psi)) < 1e-12);
        ck_assert(m->kappa == s->gamma.kappa && m->cascade == s->gamma.cascade && m->cascade > 1);
    }
    stop();
}
END_TEST

START_TEST(shapes_are_found_behind_the_signals)
{
    struct sub_counter c[64];
    int64_t shapes = -1;
    start_with("probe");
    warm();
    for (int bar = 0; bar < 600; bar++) {
        tell_bars(bar, bar + 1);
        fake_forget(a);
        while (a->n_notes > 0)
            free(a->notes[--a->n_notes].data);
    }
    const size_t n = signals_counters(a, c, 64);
    for (size_t i = 0; i < n; i++)
        if (strcmp(c[i].name, "shapes") == 0)
            shapes = c[i].count;
    ck_assert_int_gt(shapes, 0);
    ck_assert_int_eq(s->symbols[0].shapes.bars, 600);
    stop();
}
END_TEST

START_TEST(the_mining_interval_is_market_time_but_never_below_its_floor)
{
    static const struct { const char *interval_ms; double speed; int64_t want_ms; } cases[] = {
        {"5000", 1, 5000}, {"5000", 60, 83}, {"5000", 300, 50}, {"600000", 60, 10000}, {"100", 1, 100},
        {"5000", 0, 5000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start_with("score");
        fake_config(a, "mining_interval_ms", cases[i].interval_ms);
        a->speed = cases[i].speed;
        warm();
        int64_t before = s->mined;
        fake_pass_ms(a, 1000);
        ck_assert_int_eq(s->mined, before + 1);
        ck_assert_int_eq(((struct fake_timer *)s->timer_mining)->again_ms, cases[i].want_ms);
        stop();
    }
}
END_TEST

TESTS("signal", is_ready_when_history_came_page_by_page, a_symbol_without_history_does_not_hold_up_the_rest,
      an_unanswered_page_is_asked_again, a_batch_ends_when_all_have_reported_and_is_ranked,
      the_probe_alternates_sides_from_bar_to_bar, a_silent_symbol_holds_a_batch_for_its_window_once,
      a_signal_behind_the_end_of_its_batch_says_so,
      missing_bars_are_asked_for_and_fed_in_order_before_the_new_one,
      bars_that_come_while_others_are_fetched_are_not_lost, a_hole_that_nobody_can_fill_is_gone_over,
      history_never_fires, a_bar_said_twice_counts_once, recovers_bit_for_bit_from_its_notes,
      recovers_from_a_snapshot_with_a_batch_open, a_snapshot_cut_anywhere_is_refused_or_left_out,
      signals_of_a_batch_that_a_crash_cut_off_are_said_late_under_the_same_id,
      the_id_follows_from_the_decision_alone, the_probe_is_refused_on_a_real_venue,
      a_confirm_timeframe_that_is_not_longer_is_named_at_start, closed_trades_move_cascade_and_survive_a_crash,
      the_state_counts_every_bar_at_its_gate, candles_that_are_bad_or_of_no_symbol_of_ours_are_ignored,
      days_and_hours_are_learnt_as_they_close_and_a_missing_hour_is_asked_for,
      notes_and_batches_of_symbols_that_are_gone_are_left_out, without_a_symbol_there_is_no_start,
      a_market_that_moves_as_one_lights_the_lighthouse_until_it_is_stale,
      the_lighthouse_survives_a_crash_and_is_not_lost_while_history_comes,
      every_signal_carries_its_symbols_coherence_kappa_and_cascade,
      the_mining_interval_is_market_time_but_never_below_its_floor,
      shapes_are_found_behind_the_signals)
