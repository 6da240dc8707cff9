/* trade_config - see trade_config.h */
#include <string.h>

#include "libagent/trade_config.h"
#include "proto/tm.h"

#define MARKET_TTL_MS 3000      /* an older book or mark is no ground for an entry */

static dec_t percent(const struct config *c, enum cfg key)
{
    return dec_mul(config_dec(c, key), dec_scaled(1, -2));
}

static dec_t ratio(const struct config *c, enum cfg key)
{
    dec_t ret = dec_zero();     /* not finite: refused by risk_limits_wrong */
    dec_from_double(config_dbl(c, key), dec_scaled(1, -9), DEC_HALF_EVEN, &ret);
    return ret;
}

/* "09:00-16:00" to minutes of the day; the end may be 24:00. */
static bool minutes(const char *text, int32_t *ret)
{
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return false;
    const int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    *ret = hour * 60 + minute;
    return minute < 60 && *ret <= 24 * 60;
}

static bool entry_hours(const char *text, struct risk_limits *l)
{
    if (*text == '\0')
        return true;
    return strlen(text) == 11 && minutes(text, &l->hours_from) && text[5] == '-' && minutes(text + 6, &l->hours_to) &&
           l->hours_from != l->hours_to;
}

const char *limits_from_config(const struct config *c, struct risk_limits *l)
{
    risk_limits_default(l);
    l->trading_capital = config_dec(c, CFG_trading_capital);
    l->position_margin = percent(c, CFG_position_margin_pct);
    l->max_position = percent(c, CFG_max_position_pct);
    l->max_exposure = percent(c, CFG_max_exposure_pct);
    l->max_symbol_notional = percent(c, CFG_max_symbol_notional_pct);
    l->max_notional = percent(c, CFG_max_notional_pct);
    l->max_book_share = percent(c, CFG_max_book_pct);
    l->risk_per_trade = percent(c, CFG_risk_per_trade_pct);
    l->max_heat = percent(c, CFG_max_heat_pct);
    l->daily_loss = percent(c, CFG_daily_loss_pct);
    l->max_daily_drawdown = percent(c, CFG_max_daily_drawdown_pct);
    l->liquidation_buffer = percent(c, CFG_liquidation_buffer_pct);
    l->max_spread = percent(c, CFG_max_spread_pct);
    l->max_slippage = percent(c, CFG_max_slippage_pct);
    l->stop_atr = ratio(c, CFG_stop_atr);
    l->tp1_r = ratio(c, CFG_tp1_r);
    l->tp2_r = ratio(c, CFG_tp2_r);
    l->min_g = ratio(c, CFG_gamma_min_g);
    l->correlation_min = config_dbl(c, CFG_correlation_min);
    l->signal_ttl_ms = config_int(c, CFG_signal_ttl_ms);
    l->book_ttl_ms = MARKET_TTL_MS;
    l->leverage_max = (int32_t)config_int(c, CFG_max_leverage);
    l->top_n = (int32_t)config_int(c, CFG_top_n);
    l->max_positions = (int32_t)config_int(c, CFG_max_open_positions);
    l->max_cluster = (int32_t)config_int(c, CFG_max_cluster_positions);
    l->streak_max = (int32_t)config_int(c, CFG_max_consecutive_losses);
    l->max_strategy_positions = (int32_t)config_int(c, CFG_max_strategy_positions);
    l->cooldown_bars = (int32_t)config_int(c, CFG_cooldown_bars);
    l->min_interval_ns = config_int(c, CFG_min_interval_s) * NS_PER_S;
    l->burst_cap = percent(c, CFG_lighthouse_burst_pct);
    l->stop_roi = config_dec(c, CFG_stop_roi_pct);
    l->target_roi = config_dec(c, CFG_target_roi_pct);
    return entry_hours(config_text(c, CFG_entry_hours), l) ? risk_limits_wrong(l) : "entry_hours";
}

void exits_from_config(const struct config *c, struct exit_params *p)
{
    exit_params_default(p);
    p->trailing = config_bool(c, CFG_trailing);
    p->tp1 = config_bool(c, CFG_tp1);
    p->tp2 = config_bool(c, CFG_tp2);
    p->time_stop = config_bool(c, CFG_time_stop);
    p->volatility = config_bool(c, CFG_volatility_stop);
    p->mae = config_bool(c, CFG_mae_stop);
    p->tp1_r = config_dec(c, CFG_tp1_r);
    p->tp2_r = config_dec(c, CFG_tp2_r);
    p->mae_r = config_dec(c, CFG_mae_r);
    p->volatility_factor = config_dbl(c, CFG_volatility_factor);
    p->time_stop_bars = (int32_t)config_int(c, CFG_time_stop_bars);
}
