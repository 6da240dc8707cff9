/* indicators - one indicator over a candle file, as CSV; see cli.h */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/candle_file.h"
#include "libagent/core/ta_strategy.h"
#include "proto/err.h"

#include "deploy/cli/cli.h"

#define PARAMS     3
#define PERIOD_MAX 10000

struct run {
    double p[PARAMS];
    int    n[PARAMS];                               /* the same, as periods */
    double win[TA_RANGE_WIN(PERIOD_MAX)], more[TA_STOCH_WIN(PERIOD_MAX, PERIOD_MAX)];
    struct ta_range range;
    union {
        struct ta_rsi rsi;
        struct ta_macd macd;
        struct ta_ao ao;
        struct ta_stoch stoch;
        struct ta_bbands bbands;
        struct ta_ema ema;
        struct ta_mean sma;
        struct ta_kdj kdj;
        struct ta_obv obv;
        struct ta_atr atr;
        struct ta_adx adx;
    } u;
};

/* Two lines per indicator: how it starts, what a bar gives.  HHLL: the range of p[0] bars. */
#define HHLL                                                                                       \
    double hh, ll;                                                                                 \
    const bool ready = ta_range_push(&r->range, r->win, c->high, c->low, &hh, &ll)
#define INDICATOR(name, init, ...)                                                                 \
    static void name##_init(struct run *r) { init; }                                               \
    static struct ta_value name##_push(struct run *r, const struct candle *c) { __VA_ARGS__; }

INDICATOR(rsi, ta_rsi_init(&r->u.rsi, r->n[0]),
          return ta_rsi_push(&r->u.rsi, c->close))
INDICATOR(macd, ta_macd_init(&r->u.macd, r->n[0], r->n[1], r->n[2]),
          return ta_macd_push(&r->u.macd, c->close))
INDICATOR(willr, ta_range_init(&r->range, r->win, r->n[0]),
          HHLL; return ta_willr(ready, hh, ll, c->close))
INDICATOR(ao, ta_ao_init(&r->u.ao, r->n[0], r->n[1]),
          return ta_ao_push(&r->u.ao, r->win, c->high, c->low))
INDICATOR(stoch, ta_range_init(&r->range, r->win, r->n[0]); ta_stoch_init(&r->u.stoch, r->n[1], r->n[2]),
          HHLL; return ta_stoch_push(&r->u.stoch, r->more, ready, hh, ll, c->close))
INDICATOR(bbands, ta_bbands_init(&r->u.bbands, r->n[0], r->p[1]),
          return ta_bbands_push(&r->u.bbands, r->win, c->close))
INDICATOR(ema, ta_ema_init(&r->u.ema, r->n[0]),
          return ta_ema_push(&r->u.ema, c->close))
INDICATOR(sma, ta_mean_init(&r->u.sma, r->n[0]),
          return ta_mean_push(&r->u.sma, r->win, c->close))
INDICATOR(kdj, ta_range_init(&r->range, r->win, r->n[0]); ta_kdj_init(&r->u.kdj, r->n[1], r->n[2]),
          HHLL; return ta_kdj_push(&r->u.kdj, ready, hh, ll, c->close))
INDICATOR(obv, r->u.obv = (struct ta_obv){0},
          return ta_obv_push(&r->u.obv, c->close, c->volume))
INDICATOR(atr, ta_atr_init(&r->u.atr, r->n[0]),
          return ta_atr_push(&r->u.atr, c->high, c->low, c->close))
INDICATOR(adx, ta_adx_init(&r->u.adx, r->n[0]),
          return ta_adx_push(&r->u.adx, c->high, c->low, c->close))

/* Defaults: the score's periods; TA-Lib's 30 for the averages, its 14 for the ADX. */
static const struct indicator {
    const char *name, *columns;
    int outputs, params;
    double defaults[PARAMS], least;                 /* least: of the first period */
    void (*init)(struct run *r);
    struct ta_value (*push)(struct run *r, const struct candle *c);
} indicators[] = {
    {"rsi",    "rsi",                1, 1, {TA_RSI_N},                              1, rsi_init, rsi_push},
    {"macd",   "macd,signal,hist",   3, 3, {TA_MACD_FAST, TA_MACD_SLOW, TA_MACD_SIGNAL}, 1, macd_init, macd_push},
    {"willr",  "willr",              1, 1, {TA_WILLR_N},                            1, willr_init, willr_push},
    {"ao",     "ao",                 1, 2, {TA_AO_FAST, TA_AO_SLOW},                1, ao_init, ao_push},
    {"stoch",  "k,d",                2, 3, {TA_STOCH_N, TA_STOCH_K, TA_STOCH_D},    1, stoch_init, stoch_push},
    {"bbands", "lower,middle,upper", 3, 2, {TA_BB_N, 2},                            1, bbands_init, bbands_push},
    {"ema",    "ema",                1, 1, {30},                                    1, ema_init, ema_push},
    {"sma",    "sma",                1, 1, {30},                                    1, sma_init, sma_push},
    {"kdj",    "k,d,j",              3, 3, {TA_KDJ_N, TA_KDJ_K, TA_KDJ_D},          1, kdj_init, kdj_push},
    {"obv",    "obv",                1, 0, {0},                                     1, obv_init, obv_push},
    {"atr",    "atr",                1, 1, {TA_ATR_N},                              1, atr_init, atr_push},
    {"adx",    "adx",                1, 1, {14},                                    2, adx_init, adx_push},
};
#define INDICATORS (sizeof indicators / sizeof indicators[0])

static int usage_error(const char *what, const char *text)
{
    fprintf(stderr, "enigma indicators: %s \"%.80s\"; `enigma indicators --help` lists what there is\n", what, text);
    return EXIT_BAD_USAGE;
}

static int help(void)
{
    printf("usage: enigma indicators --in FILE --indicator NAME[:P,...]\n"
           "  FILE: ts_ms,open,high,low,close,volume, plain or gzip.  Prints CSV, one row a bar, cells\n"
           "  empty until the indicator is ready.\n\n  NAME with its parameters and their defaults: columns\n");
    for (size_t i = 0; i < INDICATORS; i++) {
        char text[64];
        int at = snprintf(text, sizeof text, "%s", indicators[i].name);
        for (int k = 0; k < indicators[i].params; k++)
            at += snprintf(text + at, sizeof text - (size_t)at, "%c%g", k ? ',' : ':', indicators[i].defaults[k]);
        printf("    %-14s ts_ms,%s\n", text, indicators[i].columns);
    }
    return EXIT_OK;
}

/* "macd:12,26,9", "macd:12" (the rest are defaults) or "macd". */
static int parse_indicator(const char *text, const struct indicator **ret, struct run *r)
{
    const size_t len = strcspn(text, ":");
    const struct indicator *x = NULL;

    for (size_t i = 0; i < INDICATORS; i++)
        if (strlen(indicators[i].name) == len && memcmp(indicators[i].name, text, len) == 0)
            x = &indicators[i];
    if (x == NULL)
        return usage_error("unknown indicator", text);
    memcpy(r->p, x->defaults, sizeof r->p);
    const char *at = text + len;
    for (int i = 0; *at != '\0'; i++) {             /* at a ':' or ',' */
        char *end;
        if (i == x->params)
            return usage_error("too many parameters:", text);
        r->p[i] = strtod(at + 1, &end);
        if (end == at + 1 || (*end != ',' && *end != '\0') || !isfinite(r->p[i]))
            return usage_error("parameter is not a number:", text);
        at = end;
    }
    for (int i = 0; i < x->params; i++) {
        const bool width = x->push == bbands_push && i == 1;
        if (width ? r->p[i] <= 0 || r->p[i] > PERIOD_MAX
                  : r->p[i] < (i == 0 ? x->least : 1) || r->p[i] > PERIOD_MAX || r->p[i] != floor(r->p[i]))
            return usage_error("a period is a whole number from 1 (adx: 2) to 10000, a width positive:", text);
        r->n[i] = (int)r->p[i];
    }
    *ret = x;
    return EXIT_OK;
}

static int print_rows(struct candle_file *f, const struct indicator *x, struct run *r, const char *msg)
{
    struct candle_row row;
    int err;

    printf("ts_ms,%s\n", x->columns);
    while ((err = candle_file_next(f, &row)) > 0) {
        const struct ta_value v = x->push(r, &row.c);
        if (row.verdict == CANDLE_JUMP)
            fprintf(stderr, "enigma indicators: used all the same: %s\n", msg);
        printf("%lld", (long long)(row.c.start_ns / NS_PER_MS));
        for (int i = 0; i < x->outputs; i++)
            printf(v.ready ? ",%.17g" : ",", v.v[i]);
        putchar('\n');
    }
    return err;
}

int verb_indicators(struct cli *c, int argc, char **argv)
{
    static struct run run;
    const struct indicator *x = NULL;
    const char *in = NULL, *indicator = NULL;
    struct candle_file *f;
    char msg[512];
    (void)c;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return help();
        else if (strcmp(argv[i], "--in") == 0 && i + 1 < argc && in == NULL)
            in = argv[++i];
        else if (strcmp(argv[i], "--indicator") == 0 && i + 1 < argc && indicator == NULL)
            indicator = argv[++i];
        else
            return usage_error("unknown argument", argv[i]);
    }
    if (in == NULL || indicator == NULL)
        return usage_error("missing:", in == NULL ? "--in FILE" : "--indicator NAME");
    const int bad = parse_indicator(indicator, &x, &run);
    if (bad != EXIT_OK)
        return bad;
    x->init(&run);
    int err = candle_file_open(in, CANDLE_FILE_ANY_TF, &f, msg, sizeof msg);
    if (err == ERR_OK) {
        err = print_rows(f, x, &run, msg);
        candle_file_close(&f);
    }
    if (err < 0) {
        fflush(stdout);
        fprintf(stderr, "enigma indicators: %s\n", msg);
        return EXIT_FAILED;
    }
    if (fflush(stdout) != 0) {
        fprintf(stderr, "enigma indicators: cannot write: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}
