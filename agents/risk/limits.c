/* limits - percent of the configuration to fractions of the core; the only place where they meet */
#include "agents/risk/state.h"

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

const char *limits_from(const struct config *c, struct risk_limits *l)
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
    l->cooldown_bars = (int32_t)config_int(c, CFG_cooldown_bars);
    return risk_limits_wrong(l);
}
