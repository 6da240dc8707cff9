/* Limits and exits of a configuration: the defaults are the core's, and each key reaches its place. */
#include "libagent/trade_config.h"
#include "proto/err.h"
#include "proto/tm.h"
#include "tests/runner.h"

static struct config *c;

static void set(const char *name, const char *value)
{
    char why[CONFIG_WHY_MAX] = "";
    ck_assert_msg(config_set(c, name, value, "test", why) == ERR_OK, "%s", why);
}

START_TEST(the_exits_defaults_are_the_cores_but_for_the_minutes_of_the_paper_preset)
{
    struct exit_params core, got;
    c = config_new();
    exit_params_default(&core);
    exits_from_config(c, &got);
    ck_assert(got.hard_stop && got.trailing && got.tp1 && got.tp2 && got.time_stop && got.volatility && got.mae);
    ck_assert(dec_eq(got.act, core.act) && dec_eq(got.step, core.step) && dec_eq(got.dist, core.dist));
    ck_assert(dec_eq(got.tp1_r, core.tp1_r) && dec_eq(got.tp2_r, core.tp2_r) && dec_eq(got.mae_r, core.mae_r));
    ck_assert(got.volatility_factor == core.volatility_factor && dec_eq(got.slippage, core.slippage));
    ck_assert(core.time_stop_bars == 16 && got.time_stop_bars == 30);
    config_destroy(&c);
}
END_TEST

START_TEST(each_key_of_an_exit_reaches_it_and_none_the_hard_stop)
{
    struct exit_params p;
    c = config_new();
    for (int i = 0; i < 6; i++) {
        static const char *const names[] = {"trailing", "tp1", "tp2", "time_stop", "volatility_stop", "mae_stop"};
        const bool *const at[] = {&p.trailing, &p.tp1, &p.tp2, &p.time_stop, &p.volatility, &p.mae};
        set(names[i], "false");
        exits_from_config(c, &p);
        for (int k = 0; k < 6; k++)
            ck_assert_int_eq(*at[k], k > i);
        ck_assert(p.hard_stop);
    }
    set("tp1_r", "1.1");
    set("tp2_r", "2.2");
    set("mae_r", "3.3");
    set("volatility_factor", "4.4");
    set("time_stop_bars", "5");
    exits_from_config(c, &p);
    ck_assert(dec_eq(p.tp1_r, dec_lit("1.1")) && dec_eq(p.tp2_r, dec_lit("2.2")) && dec_eq(p.mae_r, dec_lit("3.3")));
    ck_assert(p.volatility_factor == 4.4 && p.time_stop_bars == 5);
    config_destroy(&c);
}
END_TEST

START_TEST(percents_become_fractions_and_what_contradicts_is_named)
{
    struct risk_limits core, got;
    c = config_new();
    risk_limits_default(&core);
    ck_assert_ptr_null(limits_from_config(c, &got));
    ck_assert(dec_eq(got.position_margin, core.position_margin) && dec_eq(got.max_position, core.max_position));
    ck_assert(dec_eq(got.max_exposure, core.max_exposure) && dec_eq(got.max_notional, core.max_notional));
    ck_assert(dec_eq(got.risk_per_trade, core.risk_per_trade) && dec_eq(got.max_heat, core.max_heat));
    ck_assert(dec_eq(got.daily_loss, core.daily_loss) && dec_eq(got.max_daily_drawdown, core.max_daily_drawdown));
    ck_assert(dec_eq(got.max_spread, core.max_spread) && dec_eq(got.max_slippage, core.max_slippage));
    ck_assert(dec_eq(got.stop_atr, core.stop_atr) && dec_eq(got.min_g, core.min_g) && got.top_n == core.top_n);
    ck_assert(dec_eq(got.liquidation_buffer, dec_lit("0.05")) && got.leverage_max == 15);
    set("max_heat_pct", "7.5");
    set("min_interval_s", "60");
    set("entry_hours", "22:00-06:30");
    ck_assert_ptr_null(limits_from_config(c, &got));
    ck_assert(dec_eq(got.max_heat, dec_lit("0.075")) && got.min_interval_ns == NS_PER_MIN);
    ck_assert(got.hours_from == 22 * 60 && got.hours_to == 6 * 60 + 30);
    set("entry_hours", "22:00-24:30");
    ck_assert_str_eq(limits_from_config(c, &got), "entry_hours");
    set("entry_hours", "");
    set("daily_loss_pct", "50");
    ck_assert_str_eq(limits_from_config(c, &got), "daily_loss");
    config_destroy(&c);
}
END_TEST

TESTS("trade_config", the_exits_defaults_are_the_cores_but_for_the_minutes_of_the_paper_preset,
      each_key_of_an_exit_reaches_it_and_none_the_hard_stop, percents_become_fractions_and_what_contradicts_is_named)
