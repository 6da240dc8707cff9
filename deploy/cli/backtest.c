/* backtest - candle files of one or more symbols through the core that trades; see cli.h
 *
 * What happens is core's (libagent/core/backtest.h); here files become bars and figures become text or JSON.
 * Contract terms are those of the paper exchange.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "libagent/candle_file.h"
#include "libagent/core/backtest.h"
#include "libagent/strategies_config.h"
#include "libagent/trade_config.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/funding_file.h"
#include "deploy/cli/record.h"
#include "deploy/paper/contracts.h"

struct study {
    struct backtest_setup setup;
    struct backtest test;
    struct backtest_symbol symbol[CONTRACTS_MAX];
    struct backtest_bar *bars[CONTRACTS_MAX];
    struct backtest_funding *funding[CONTRACTS_MAX];
    struct config *config;
    struct record record;
    struct metric metrics[METRIC_ID_COUNT];
    int n;
    bool coarse, base_volume, json;
};

static int say(const char *what, const char *text)
{
    fprintf(stderr, "enigma backtest: %s \"%.200s\"; `enigma backtest --help` lists what there is\n", what, text);
    return EXIT_BAD_USAGE;
}

static int help(void)
{
    printf("usage: enigma backtest [options] SYMBOL=FILE[,FUNDING]...\n"
           "  FILE: ts_ms,open,high,low,close,volume, plain or gzip, of a timeframe that divides the primary one;\n"
           "  finer bars are the path along which exits are decided.  Contracts are those of the paper exchange.\n"
           "  FUNDING: ts_ms,rate; without it 0.01 %% each eight hours, the rate's interest.\n\n"
           "  Strategies, ranking, limits and exits are those of the configuration; without a file its defaults, but\n"
           "  15 m and 1 h bars and a time stop of 16 of them.\n\n"
           "  --config FILE           an instance's configuration\n"
           "  --KEY VALUE             any key of it (docs/CONFIG.md): --primary-tf 5m --strategy 'score orb' --tp1 false\n"
           "  --balance N      10000  equity at the start, USDT\n"
           "  --level-gap BP   0.08   distance of the book's levels, at least a tick; entries rest at the ninth\n"
           "  --latency MS     0      from the close that decided to the book\n"
           "  --at-close              measure exits alone: each signal of a symbol without a position is taken at\n"
           "                          its close, one size, no account, no risk\n"
           "  --coarse                make primary bars first and forget the finer path\n"
           "  --base-volume           volume counts base units, not lots\n"
           "  --json                  one JSON object\n");
    return EXIT_OK;
}

/* ---- files ---- */

static void terms_of(const struct contract *c, struct contract_terms *ret)
{
    *ret = (struct contract_terms){
        .multiplier = c->multiplier, .tick = c->tick, .maker_fee = c->maker_fee, .taker_fee = c->taker_fee,
        .lfr = c->taker_fee, .lot = 1, .max_qty = c->max_qty, .tier_count = c->n_tiers,
    };
    for (int i = 0; i < c->n_tiers; i++)
        ret->tier[i] = (struct contract_tier){dec_int(c->tiers[i].max_risk), c->tiers[i].maintain, c->tiers[i].max_leverage};
}

/* To the contract's tick, as it would have traded there. */
static struct backtest_bar bar_of(const struct study *x, const struct contract_terms *t, const struct candle_row *r)
{
    struct backtest_bar b = {
        .candle = r->c,
        .open = dec_round_to(r->open, t->tick, DEC_HALF_EVEN), .high = dec_round_to(r->high, t->tick, DEC_HALF_EVEN),
        .low = dec_round_to(r->low, t->tick, DEC_HALF_EVEN), .close = dec_round_to(r->close, t->tick, DEC_HALF_EVEN),
    };
    b.candle.open = dec_to_double(b.open);
    b.candle.high = dec_to_double(b.high);
    b.candle.low = dec_to_double(b.low);
    b.candle.close = dec_to_double(b.close);
    if (x->base_volume)
        b.candle.volume /= dec_to_double(t->multiplier);
    return b;
}

static int read_bars(const struct study *x, const char *path, const struct contract_terms *t, int64_t tf_ns,
                     struct backtest_bar *ret, size_t max, char *msg, size_t size)
{
    struct candle_file *f;
    struct candle_row row;
    size_t n = 0;
    int err = candle_file_open(path, tf_ns, &f, msg, size);
    if (err < 0)
        return err;
    while ((err = candle_file_next(f, &row)) > 0) {
        must(n < max);
        ret[n++] = bar_of(x, t, &row);
    }
    candle_file_close(&f);
    return err;
}

/* In place; what an incomplete first bar would be made of is left out.  Returns how many. */
static size_t make_coarse(struct backtest_bar *b, size_t n, int64_t tf_ns)
{
    struct candle_agg agg;
    struct candle closed[2];
    struct backtest_bar cur = {.candle = {.tf_ns = 0}};
    size_t out = 0;
    candle_agg_init(&agg, tf_ns);
    for (size_t i = 0; i < n; i++) {
        const struct backtest_bar x = b[i];
        const bool was = agg.parts > 0, same = was && agg.cur.start_ns == x.candle.start_ns - x.candle.start_ns % tf_ns;
        const int k = candle_agg_push(&agg, &x.candle, closed);
        if (k > 0 && was && !same) {        /* over a gap: the one before ends first */
            cur.candle = closed[0];
            b[out++] = cur;
        }
        if (same) {
            cur.high = dec_max(cur.high, x.high);
            cur.low = dec_min(cur.low, x.low);
            cur.close = x.close;
        } else {
            cur = x;
        }
        if (k > 0 && (same || !was || k == 2) && agg.parts == 0) {
            cur.candle = closed[k - 1];
            b[out++] = cur;
        }
    }
    return out;
}

/* SYMBOL=FILE[,FUNDING] in its parts. */
static int take_apart(const char *argument, char name[32], char path[512], char funding[512])
{
    const char *eq = strchr(argument, '=');
    if (eq == NULL || eq == argument || eq - argument >= 32 || eq[1] == '\0' || strlen(eq) >= 512)
        return say("wants SYMBOL=FILE, not", argument);
    const char *comma = strchr(eq, ',');
    snprintf(name, 32, "%.*s", (int)(eq - argument), argument);
    snprintf(path, 512, "%.*s", comma != NULL ? (int)(comma - eq - 1) : 511, eq + 1);
    snprintf(funding, 512, "%s", comma != NULL ? comma + 1 : "");
    return EXIT_OK;
}

static int load_bars(struct study *x, struct backtest_symbol *y, const char *path, char *msg, size_t size)
{
    struct candles c;
    int err = candle_file_load(path, 0, &c, msg, size);
    if (err < 0)
        return err;
    const int64_t tf_ns = c.tf_ns;
    y->n = c.n;
    candles_free(&c);
    if (x->n > 0 && x->setup.path_ns != tf_ns) {
        snprintf(msg, size, "%s: its timeframe differs from the files before", path);
        return ERR_RANGE;
    }
    x->setup.path_ns = tf_ns;
    y->bars = x->bars[x->n] = calloc(y->n, sizeof *x->bars[0]);
    must(y->bars != NULL);
    return read_bars(x, path, &y->contract, tf_ns, x->bars[x->n], y->n, msg, size);
}

static int load(struct study *x, const char *argument)
{
    char name[32], path[512], funding[512], msg[700];
    const int rc = take_apart(argument, name, path, funding);
    if (rc != EXIT_OK)
        return rc;
    const int at = contract_find(name);
    if (at < 0)
        return say("the paper exchange has no contract", name);
    const struct contract *c = contract_get(at);
    for (int i = 0; i < x->n; i++)
        if (strcmp(x->symbol[i].name, c->symbol) == 0)
            return say("given twice:", name);
    struct backtest_symbol *y = &x->symbol[x->n];
    *y = (struct backtest_symbol){.name = c->symbol, .funding_rate = dec_scaled(1, -4),
                                  .funding_ns = c->funding_ms * NS_PER_MS};
    terms_of(c, &y->contract);
    int err = load_bars(x, y, path, msg, sizeof msg);
    if (err == ERR_OK && funding[0] != '\0')
        err = funding_file_load(funding, &x->funding[x->n], &y->n_funding, msg, sizeof msg);
    y->funding = x->funding[x->n];
    x->n++;         /* from here on its memory is freed */
    if (err == ERR_OK)
        return EXIT_OK;
    fprintf(stderr, "enigma backtest: %s\n", msg);
    return EXIT_FAILED;
}

static void coarsen(struct study *x)
{
    const int64_t primary_ns = x->setup.strategies.tf_ns;
    if (!x->coarse || x->setup.path_ns >= primary_ns || primary_ns % x->setup.path_ns != 0)
        return;
    for (int i = 0; i < x->n; i++)
        x->symbol[i].n = make_coarse(x->bars[i], x->symbol[i].n, primary_ns);
    x->setup.path_ns = primary_ns;
}

/* ---- figures ---- */

/* Days on which it could trade: warm-up left out. */
static double days_of(const struct study *x, const struct backtest_symbol *y)
{
    return (double)y->result.judged * (double)x->setup.strategies.tf_ns / (double)NS_PER_DAY;
}

static double per(double a, double b)
{
    return b > 0 ? a / b : 0;
}

/* Why a gate may refuse nobody here. */
static const char *why_never(enum risk_reason r)
{
    switch (r) {
    case RISK_NOT_READY: case RISK_PAUSED: case RISK_DUPLICATE: case RISK_CONTRACT_CLOSED:
        return "no operator, no restart and no venue's pause in a file";
    case RISK_STALE: case RISK_LATE: case RISK_BOOK_STALE:
        return "no delays in a file";
    case RISK_BAD_DATA: case RISK_UNKNOWN_CONTRACT:
        return "the file was checked, the contract is known";
    case RISK_NO_DEPTH: case RISK_SPREAD: case RISK_SLIPPAGE:
        return "the book is made, not recorded: ten levels, one tick of spread";
    case RISK_GAMMA: case RISK_GAMMA_STALE:
        return "abstains below four symbols";
    case RISK_LEVERAGE: case RISK_BREAK_EVEN: case RISK_LIQUIDATION_BUFFER:
        return "leverage was lowered before; literal ROI stops alone are refused";
    case RISK_SIZE_BELOW_LOT: case RISK_POSITION_SIZE: case RISK_RISK_PER_TRADE: case RISK_BOOK_SHARE:
    case RISK_BALANCE: case RISK_HEAT: case RISK_NOTIONAL: case RISK_EXPOSURE:
        return "sizes were lowered before; binds for a small equity or many positions";
    case RISK_RANK: case RISK_MAX_POSITIONS: case RISK_CORRELATION: case RISK_STRATEGY_POSITIONS:
        return "too few symbols at once";
    case RISK_MARKET_HOURS: case RISK_MIN_INTERVAL: case RISK_CAPITAL: case RISK_BURST:
        return "off by default";
    default:
        return "did not happen in this market";
    }
}

/* The gates of one strategy: first all that the score strategy has, so that one that refused nobody is seen. */
static void gates_of(const struct study *x, int which, struct strategies_gate ret[STRATEGIES_GATES_MAX])
{
    memset(ret, 0, STRATEGIES_GATES_MAX * sizeof ret[0]);
    int n = 0;
    for (int v = 0; x->setup.strategies.of[which].def == &strategy_def_score && v < SCORE_VERDICT_COUNT; v++)
        if (v != SCORE_WARM_UP)
            snprintf(ret[n++].why, sizeof ret[0].why, "%s", score_verdict_name((enum score_verdict)v));
    for (int i = 0; i < x->n; i++)
        strategies_funnel_add(x->symbol[i].rules, which, ret);
}

static int64_t bars_at(const struct backtest_symbol *y, int which, const struct strategies_gate *g)
{
    for (int k = 0; k < STRATEGIES_GATES_MAX; k++)
        if (strcmp(y->rules->funnel[which][k].why, g->why) == 0)
            return y->rules->funnel[which][k].bars;
    return 0;
}

static void print_gates(const struct study *x, int which)
{
    struct strategies_gate g[STRATEGIES_GATES_MAX];
    char name[STRATEGIES_GATE_NAME];
    gates_of(x, which, g);
    for (int k = 0; k < STRATEGIES_GATES_MAX && g[k].why[0] != '\0'; k++) {
        strategies_gate_name(&x->setup.strategies, which, &g[k], name);
        printf("  bars %-23s", name);
        for (int i = 0; i < x->n; i++)
            printf(" %10lld", (long long)bars_at(&x->symbol[i], which, &g[k]));
        printf(" %10lld", (long long)g[k].bars);
        if (g[k].bars == 0)
            printf("   refused none: %s", strcmp(g[k].why, "SPREAD") == 0 ? "microstructure is off: risk's SPREAD gate holds"
                                                                     : "did not happen in this market");
        printf("\n");
    }
}

static void print_funnel(const struct study *x)
{
    const struct backtest_result *all = &x->test.result;
    printf("\nfunnel                        ");
    for (int i = 0; i < x->n; i++)
        printf(" %10s", x->symbol[i].name);
    printf("        all\n");
    for (int i = 0; i < x->setup.strategies.n; i++)
        print_gates(x, i);
    for (int r = 1; r < RISK_REASON_COUNT && x->setup.account; r++) {
        printf("  risk %-23s", risk_reason_name((enum risk_reason)r));
        for (int i = 0; i < x->n; i++)
            printf(" %10lld", (long long)x->symbol[i].result.refused[r]);
        printf(" %10lld", (long long)all->refused[r]);
        if (all->failed[r] == 0)
            printf("   refused none: %s", why_never((enum risk_reason)r));
        else if (all->failed[r] > all->refused[r])
            printf("   failed for %lld", (long long)all->failed[r]);
        if (all->signals > 0 && all->failed[r] == all->signals)
            printf("   REFUSED ALL");
        printf("\n");
    }
    printf("  of %lld bars (%lld refused) %lld signals: %lld approved, %lld filled, %lld not filled in time,"
           " %lld emergency stops\n", (long long)all->bars, (long long)all->bad, (long long)all->signals,
           (long long)all->approved, (long long)all->filled, (long long)all->expired, (long long)all->stops);
}

static void print_row(const char *name, double days, const struct backtest_result *r)
{
    char net[DEC_TEXT_MAX], fees[DEC_TEXT_MAX];
    printf("%-10s %7.1f %8lld %8lld %7lld %7lld %8.2f %6.1f %12s %11s %9.2f\n", name, days, (long long)r->signals,
           (long long)r->approved, (long long)r->filled, (long long)r->trades, per((double)r->trades, days),
           100 * per((double)r->wins, (double)r->trades), dec_format_places(r->net_money, 2, DEC_HALF_EVEN, net),
           dec_format_places(r->fees, 2, DEC_HALF_EVEN, fees), 1e4 * per(r->net, (double)r->trades));
}

static double all_days(const struct study *x)
{
    double days = 0;
    for (int i = 0; i < x->n; i++)
        days += days_of(x, &x->symbol[i]);
    return days;
}

static void print_metric(const char *name, const struct metric *m)
{
    if (m->verdict != METRIC_OK)
        printf("  %-16s -  %s (%lld)\n", name, metric_verdict_text(m->verdict), (long long)m->n);
    else if (m->low < m->high)
        printf("  %-16s %.6g  (%.6g to %.6g; %lld)\n", name, m->value, m->low, m->high, (long long)m->n);
    else
        printf("  %-16s %.6g  (%lld)\n", name, m->value, (long long)m->n);
}

static void print_metrics(const struct study *x)
{
    printf("\nmetrics (and of how many observations)\n");
    for (int m = 0; m < METRIC_ID_COUNT; m++)
        print_metric(metric_name((enum metric_id)m), &x->metrics[m]);
    printf("accuracy over the next primary bar, of what the sub-signals of an indicator said\n");
    for (int i = 0; i < IND_COUNT; i++) {
        const struct metric m = metrics_accuracy_ind(&x->record.accuracy, (enum score_ind)i);
        print_metric(score_ind_name((enum score_ind)i), &m);
    }
}

static void print_text(const struct study *x)
{
    char funding[DEC_TEXT_MAX];
    printf("%-10s %7s %8s %8s %7s %7s %8s %6s %12s %11s %9s\n", "symbol", "days", "signals", "approved", "filled",
           "trades", "per day", "win %", "net USDT", "fees USDT", "net bp");
    for (int i = 0; i < x->n; i++)
        print_row(x->symbol[i].name, days_of(x, &x->symbol[i]), &x->symbol[i].result);
    print_row("all", all_days(x), &x->test.result);
    print_funnel(x);
    printf("  exits:");
    for (int e = 1; e < EXIT_REASON_COUNT; e++)
        if (x->test.result.exits[e] > 0)
            printf(" %s %lld", exit_reason_name((enum exit_reason)e), (long long)x->test.result.exits[e]);
    printf("\n  days and trades per day are per symbol, warm-up left out; net bp: mean net profit per trade and notional;\n"
           "  net USDT is after fees, slippage and funding (%s USDT paid)\n",
           dec_format_places(x->test.result.funding, 2, DEC_HALF_EVEN, funding));
    print_metrics(x);
}

static json_t *counts(const int64_t *n, int from, int to, const char *(*name)(int))
{
    json_t *o = json_object();
    for (int i = from; i < to; i++)
        json_object_set_new(o, name(i), json_integer(n[i]));
    return o;
}
static const char *name_of_risk(int r) { return risk_reason_name((enum risk_reason)r); }
static const char *name_of_exit(int e) { return exit_reason_name((enum exit_reason)e); }

static json_t *json_of(double days, const struct backtest_result *r)
{
    char net[DEC_TEXT_MAX], fees[DEC_TEXT_MAX], funding[DEC_TEXT_MAX];
    json_t *o = json_pack("{s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:s, s:s, s:s, s:f, s:f, s:I}",
                          "days", days, "bars", (json_int_t)r->bars, "bad_bars", (json_int_t)r->bad, "signals",
                          (json_int_t)r->signals, "approved", (json_int_t)r->approved,
                          "filled", (json_int_t)r->filled, "expired", (json_int_t)r->expired, "trades",
                          (json_int_t)r->trades, "trades_per_day", per((double)r->trades, days), "wins",
                          (json_int_t)r->wins, "net", dec_format_places(r->net_money, 8, DEC_HALF_EVEN, net), "fees",
                          dec_format_places(r->fees, 8, DEC_HALF_EVEN, fees), "funding",
                          dec_format_places(r->funding, 8, DEC_HALF_EVEN, funding), "net_return", r->net, "max_drawdown",
                          r->max_drawdown, "emergency_stops", (json_int_t)r->stops);
    must(o != NULL);
    json_object_set_new(o, "refused", counts(r->refused, 1, RISK_REASON_COUNT, name_of_risk));
    json_object_set_new(o, "failed", counts(r->failed, 1, RISK_REASON_COUNT, name_of_risk));
    json_object_set_new(o, "exits", counts(r->exits, 1, EXIT_REASON_COUNT, name_of_exit));
    return o;
}

static json_t *json_of_metric(const struct metric *m)
{
    if (m->verdict != METRIC_OK)
        return json_pack("{s:n, s:I, s:s}", "value", "n", (json_int_t)m->n, "verdict", metric_verdict_name(m->verdict));
    return json_pack("{s:f, s:f, s:f, s:I, s:s}", "value", m->value, "low", m->low, "high", m->high, "n", (json_int_t)m->n,
                     "verdict", metric_verdict_name(m->verdict));
}

static void add_metrics(const struct study *x, json_t *o)
{
    json_t *metrics = json_object(), *accuracy = json_object();
    for (int m = 0; m < METRIC_ID_COUNT; m++)
        json_object_set_new(metrics, metric_name((enum metric_id)m), json_of_metric(&x->metrics[m]));
    for (int i = 0; i < IND_COUNT; i++) {
        const struct metric m = metrics_accuracy_ind(&x->record.accuracy, (enum score_ind)i);
        json_object_set_new(accuracy, score_ind_name((enum score_ind)i), json_of_metric(&m));
    }
    json_object_set_new(o, "metrics", metrics);
    json_object_set_new(o, "accuracy", accuracy);
}

/* Primary bars by what each rule said of them. */
static json_t *json_of_funnel(const struct study *x, const struct backtest_symbol *y)
{
    struct strategies_gate g[STRATEGIES_GATES_MAX];
    char name[STRATEGIES_GATE_NAME];
    json_t *o = json_object();
    for (int which = 0; which < x->setup.strategies.n; which++) {
        gates_of(x, which, g);
        for (int k = 0; k < STRATEGIES_GATES_MAX && g[k].why[0] != '\0'; k++) {
            strategies_gate_name(&x->setup.strategies, which, &g[k], name);
            json_object_set_new(o, name, json_integer(bars_at(y, which, &g[k])));
        }
    }
    return o;
}

static void print_json(const struct study *x)
{
    char equity[DEC_TEXT_MAX];
    json_t *o = json_of(all_days(x), &x->test.result), *symbols = json_object();
    for (int i = 0; i < x->n; i++) {
        const struct backtest_symbol *y = &x->symbol[i];
        json_t *s = json_of(days_of(x, y), &y->result);
        json_object_set_new(s, "funnel", json_of_funnel(x, y));
        json_object_set_new(symbols, y->name, s);
    }
    json_object_set_new(o, "equity", json_string(dec_format_places(x->test.equity, 8, DEC_HALF_EVEN, equity)));
    json_object_set_new(o, "symbols", symbols);
    add_metrics(x, o);
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
}

/* ---- the verb ---- */

static int amount(int *argc, char **argv, const char *name, dec_t *ret)
{
    const char *text = NULL;
    const int rc = cli_value(argc, argv, name, &text);
    if (rc == EXIT_OK && text != NULL && (dec_parse(text, ret) < 0 || dec_sign(*ret) < 0))
        return say("no amount:", text);
    return rc;
}

static int whole(int *argc, char **argv, const char *name, int64_t max, int64_t *ret)
{
    dec_t v = dec_int(*ret);
    const int rc = amount(argc, argv, name, &v);
    if (rc == EXIT_OK && (dec_gt(v, dec_int(max)) || dec_to_int(v, ret) < 0))
        return say("too large or not whole:", name);
    return rc;
}

static int wrong_config(const char *why)
{
    fprintf(stderr, "enigma backtest: %s\n", why);
    return EXIT_BAD_CONFIG;
}

static int read_config(struct study *x, int *argc, char **argv)
{
    static const struct { const char *key, *value; } live[] = {
        {"primary_tf", "15m"}, {"confirm_tf", "1h"}, {"time_stop_bars", "16"},
    };
    char why[CONFIG_WHY_MAX];
    const char *file = NULL;
    const int rc = cli_value(argc, argv, "--config", &file);
    if (rc != EXIT_OK)
        return rc;
    for (size_t i = 0; file == NULL && i < sizeof live / sizeof live[0]; i++)
        must(config_set(x->config, live[i].key, live[i].value, "default of a backtest", why) == ERR_OK);
    return file == NULL || config_read_file(x->config, file, why) == ERR_OK ? EXIT_OK : wrong_config(why);
}

/* Every other option is a key. */
static int read_keys(struct study *x, int *argc, char **argv)
{
    char why[CONFIG_WHY_MAX];
    for (int i = 1; i < *argc;) {
        const char *name = argv[i], *value = NULL;
        if (strncmp(name, "--", 2) != 0) {
            i++;
            continue;
        }
        const int rc = cli_value(argc, argv, name, &value);
        if (rc != EXIT_OK)
            return rc;
        for (int k = i; k < *argc; k++)
            if (strcmp(argv[k], name) == 0)
                return say("given twice:", name);
        if (config_set(x->config, name + 2, value, name, why) < 0)
            return say(why, name);
    }
    return EXIT_OK;
}

static int take_config(struct study *x)
{
    struct backtest_setup *s = &x->setup;
    struct chosen_strategies chosen;
    char why[CONFIG_WHY_MAX];
    if (config_check(x->config, why) < 0 || strategies_from_config(x->config, &chosen, why) < 0)
        return wrong_config(why);
    must(limits_from_config(x->config, &s->limits) == NULL);    /* config_check has seen it */
    if (chosen.probe)
        return wrong_config("strategy = probe is a test of the running system");
    s->strategies = chosen.strategies;
    s->features = chosen.features;
    exits_from_config(x->config, &s->exits);
    s->leverage = (int32_t)config_int(x->config, CFG_leverage);
    s->healing = config_bool(x->config, CFG_self_healing);
    s->lighthouse = config_bool(x->config, CFG_lighthouse_multiplier);
    s->order_ns = config_int(x->config, CFG_order_timeout_s) * NS_PER_S;
    return EXIT_OK;
}

static int options(struct study *x, int *argc, char **argv)
{
    struct backtest_setup *s = &x->setup;
    int64_t latency_ms = 0;
    dec_t gap = dec_mul(s->level_gap, dec_int(10000));
    s->account = !cli_flag(argc, argv, "--at-close");
    x->coarse = cli_flag(argc, argv, "--coarse");
    x->base_volume = cli_flag(argc, argv, "--base-volume");
    x->json = cli_flag(argc, argv, "--json");
    int rc = amount(argc, argv, "--balance", &s->equity);
    rc = rc != EXIT_OK ? rc : amount(argc, argv, "--level-gap", &gap);
    rc = rc != EXIT_OK ? rc : whole(argc, argv, "--latency", 3600000, &latency_ms);
    rc = rc != EXIT_OK ? rc : read_config(x, argc, argv);
    rc = rc != EXIT_OK ? rc : read_keys(x, argc, argv);
    s->level_gap = dec_mul(gap, dec_scaled(1, -4));
    s->latency_ns = latency_ms * NS_PER_MS;
    return rc != EXIT_OK ? rc : take_config(x);
}

static void make_room(struct study *x)
{
    for (int i = 0; i < x->n; i++) {
        x->symbol[i].rules = malloc(strategies_size(&x->setup.strategies));
        must(x->symbol[i].rules != NULL);
    }
}

/* Without an account each symbol is a run of its own. */
static void run(struct study *x)
{
    const int at_once = x->setup.account ? x->n : 1;
    int64_t end_ns = 0;
    record_listen(&x->record, &x->setup);
    for (int i = 0; i < x->n; i += at_once) {
        must(backtest_start(&x->test, &x->setup, &x->symbol[i], at_once) == ERR_OK);
        while (backtest_step(&x->test))
            record_step(&x->record, &x->test);
        record_next_run(&x->record);
        end_ns = x->test.now_ns > end_ns ? x->test.now_ns : end_ns;
    }
    record_measure(&x->record, end_ns, x->metrics);
}

static int study(struct study *x, int argc, char **argv)
{
    backtest_setup_default(&x->setup);
    contracts_init();
    int rc = options(x, &argc, argv);
    for (int i = 1; i < argc && rc == EXIT_OK; i++)
        rc = argv[i][0] == '-' ? cli_unknown("backtest", argv[i]) : load(x, argv[i]);
    make_room(x);
    if (rc != EXIT_OK)
        return rc;
    if (x->n == 0)
        return say("missing:", "SYMBOL=FILE");
    coarsen(x);
    const char *wrong = backtest_setup_wrong(&x->setup);
    if (wrong != NULL)
        return say("cannot be tested:", wrong);
    run(x);
    if (x->json)
        print_json(x);
    else
        print_text(x);
    return EXIT_OK;
}

int verb_backtest(struct cli *c, int argc, char **argv)
{
    (void)c;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return help();
    struct study *x = calloc(1, sizeof *x);
    must(x != NULL);
    x->config = config_new();
    const int rc = study(x, argc, argv);
    config_destroy(&x->config);
    for (int i = 0; i < x->n; i++) {
        free(x->symbol[i].rules);
        free(x->bars[i]);
        free(x->funding[i]);
    }
    record_free(&x->record);
    free(x);
    return rc;
}
