/* tables - positions, orders and closed trades, for people and as JSON; see cli.h
 *
 * JSON says each figure to its last digit; tables round to what is read at a glance.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "proto/err.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "deploy/cli/cli.h"
#include "deploy/cli/client.h"

#define ANSWER_MS   3000
#define PRICE_PLACES 8
#define MONEY_PLACES 4
#define TRADES_SHOWN 20

static const char *rounded(dec_t d, int places, char *buf)
{
    return dec_format(dec_round_places(d, places, DEC_HALF_EVEN), buf);
}

static void add_dec(json_t *o, const char *key, dec_t d)
{
    char text[DEC_TEXT_MAX];
    json_object_set_new(o, key, json_string(dec_format(d, text)));
}

static int print_json(json_t *array)
{
    char *text = json_dumps(array, JSON_COMPACT);
    must(text != NULL);
    puts(text);
    free(text);
    json_decref(array);
    return EXIT_OK;
}

/* ---- positions and trades ---- */

static json_t *position_json(const struct sub_position *p)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "symbol", p->symbol, "signal_id", p->signal_id, "side",
                          side_name(p->side), "qty", (json_int_t)p->qty, "max_qty", (json_int_t)p->max_qty,
                          "leverage", (json_int_t)p->leverage);
    must(o != NULL);
    add_dec(o, "multiplier", p->multiplier);
    add_dec(o, "decision_px", p->decision_px);
    add_dec(o, "entry_px", p->entry_px);
    add_dec(o, "stop_px", p->stop_px);
    add_dec(o, "tp1_px", p->tp1_px);
    add_dec(o, "tp2_px", p->tp2_px);
    add_dec(o, "exit_px", p->exit_px);
    add_dec(o, "gross_pnl", p->gross_pnl);
    add_dec(o, "fees", p->fees);
    add_dec(o, "funding", p->funding);
    add_dec(o, "slippage", p->slippage);
    add_dec(o, "net_pnl", p->net_pnl);
    json_object_set_new(o, "exit_reason", json_string(p->exit_reason));
    json_object_set_new(o, "opened_ns", json_integer(p->opened_ns));
    json_object_set_new(o, "closed_ns", json_integer(p->closed_ns));
    return o;
}

static void print_positions(const struct msg_positions *m)
{
    char entry[DEC_TEXT_MAX], stop[DEC_TEXT_MAX], net[DEC_TEXT_MAX];
    printf("%-12s %-5s %6s %14s %14s %12s  %s\n", "symbol", "side", "lots", "entry", "stop", "net so far", "signal");
    for (size_t i = 0; i < m->positions_n; i++) {
        const struct sub_position *p = &m->positions[i];
        printf("%-12s %-5s %6lld %14s %14s %12s  %s\n", p->symbol, side_name(p->side), (long long)p->qty,
               rounded(p->entry_px, PRICE_PLACES, entry), rounded(p->stop_px, PRICE_PLACES, stop),
               rounded(p->net_pnl, MONEY_PLACES, net), p->signal_id);
    }
}

int verb_positions(struct cli *c, int argc, char **argv)
{
    static const struct msg_positions_get ask;
    static struct msg_positions m;
    struct client *bus = NULL;
    const char *of = "execution";
    char why[256];
    enum party who = AGENT_COUNT;
    bool json = cli_flag(&argc, argv, "--json");
    int rc = cli_value(&argc, argv, "--of", &of);
    if (rc == EXIT_OK && argc > 1)
        rc = cli_unknown("positions", argv[1]);
    if (rc == EXIT_OK && (party_parse(of, &who) < 0 || (who != AGENT_EXECUTION && who != AGENT_RISK))) {
        fprintf(stderr, "enigma positions: --of \"%.40s\" must be execution or risk\n", of);
        rc = EXIT_BAD_USAGE;
    }
    if (rc == EXIT_OK)
        rc = cli_connect(c, argv[0], "operator", &bus);
    if (rc != EXIT_OK)
        return rc;
    int err = client_ask(bus, who, MSG_POSITIONS_GET, &ask, MSG_POSITIONS, &m, ANSWER_MS, why);
    client_close(&bus);
    if (err < 0)
        return cli_no_answer(argv[0], of, err, why);
    if (!json) {
        print_positions(&m);
        return EXIT_OK;
    }
    json_t *all = json_array();
    for (size_t i = 0; i < m.positions_n; i++)
        json_array_append_new(all, position_json(&m.positions[i]));
    return print_json(all);
}

/* Of market time: "4:05", "1:02:05". */
static void duration(int64_t ns, char ret[24])
{
    long long s = ns / NS_PER_S;
    if (s >= 3600)
        snprintf(ret, 24, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(ret, 24, "%lld:%02lld", s / 60, s % 60);
}

struct totals {
    int64_t n, won;
    dec_t gross, fees, funding, slippage, net;
};

static void print_trade(const struct sub_position *p, struct totals *t)
{
    char entry[DEC_TEXT_MAX], exit[DEC_TEXT_MAX], gross[DEC_TEXT_MAX], fees[DEC_TEXT_MAX], funding[DEC_TEXT_MAX];
    char slippage[DEC_TEXT_MAX], net[DEC_TEXT_MAX], when[TM_TEXT_MAX], took[24];
    duration(p->closed_ns - p->opened_ns, took);
    printf("%.5s %.8s %-12s %-4s %6lld %14s %14s %-14s %10s %9s %9s %9s %10s %8s\n",
           tm_format(p->closed_ns, when) + strlen("2024-"), when + strlen("2024-08-04T"), p->symbol, side_name(p->side),
           (long long)p->max_qty, rounded(p->entry_px, PRICE_PLACES, entry), rounded(p->exit_px, PRICE_PLACES, exit),
           p->exit_reason, rounded(p->gross_pnl, MONEY_PLACES, gross), rounded(p->fees, MONEY_PLACES, fees),
           rounded(p->funding, MONEY_PLACES, funding), rounded(p->slippage, MONEY_PLACES, slippage),
           rounded(p->net_pnl, MONEY_PLACES, net), took);
    t->n++;
    t->won += dec_sign(p->net_pnl) > 0;
    t->gross = dec_add(t->gross, p->gross_pnl);
    t->fees = dec_add(t->fees, p->fees);
    t->funding = dec_add(t->funding, p->funding);
    t->slippage = dec_add(t->slippage, p->slippage);
    t->net = dec_add(t->net, p->net_pnl);
}

static void print_totals(const struct totals *t)
{
    char gross[DEC_TEXT_MAX], fees[DEC_TEXT_MAX], funding[DEC_TEXT_MAX], slippage[DEC_TEXT_MAX], net[DEC_TEXT_MAX];
    printf("trades %lld, won %lld: gross %s - fees %s - funding %s = net %s; slippage of the entries against the "
           "decision, part of gross: %s\n", (long long)t->n, (long long)t->won, rounded(t->gross, MONEY_PLACES, gross),
           rounded(t->fees, MONEY_PLACES, fees), rounded(t->funding, MONEY_PLACES, funding),
           rounded(t->net, MONEY_PLACES, net), rounded(t->slippage, MONEY_PLACES, slippage));
}

/* Rows are printed as they come; json: into all. */
static int fetch_trades(struct client *bus, int64_t wanted, json_t *all, struct totals *t, char why[256])
{
    static struct msg_trades m;
    struct msg_trades_get ask = {.after = ""};
    while (wanted > 0) {
        ask.max = wanted;
        int err = client_ask(bus, AGENT_AUDIT, MSG_TRADES_GET, &ask, MSG_TRADES, &m, ANSWER_MS, why);
        if (err < 0)
            return err;
        for (size_t i = 0; i < m.trades_n; i++) {
            if (all != NULL)
                json_array_append_new(all, position_json(&m.trades[i]));
            else
                print_trade(&m.trades[i], t);
        }
        if (m.trades_n == 0)
            break;
        wanted -= (int64_t)m.trades_n;
        TEXT_COPY(ask.after, m.trades[m.trades_n - 1].signal_id);
    }
    return ERR_OK;
}

int verb_trades(struct cli *c, int argc, char **argv)
{
    struct totals t = {.gross = dec_zero(), .fees = dec_zero(), .funding = dec_zero(), .slippage = dec_zero(),
                       .net = dec_zero()};
    struct client *bus = NULL;
    int64_t wanted = TRADES_SHOWN;
    char why[256];
    bool json = cli_flag(&argc, argv, "--json");
    int rc = cli_count(&argc, argv, &wanted);
    if (rc == EXIT_OK && argc > 1)
        rc = cli_unknown("trades", argv[1]);
    if (rc == EXIT_OK)
        rc = cli_connect(c, argv[0], "operator", &bus);
    if (rc != EXIT_OK)
        return rc;
    if (!json)
        printf("%-14s %-12s %-4s %6s %14s %14s %-14s %10s %9s %9s %9s %10s %8s\n", "closed", "symbol", "side", "lots",
               "entry", "exit", "reason", "gross", "fees", "funding", "slippage", "net", "duration");
    json_t *all = json ? json_array() : NULL;
    int err = fetch_trades(bus, wanted, all, &t, why);
    client_close(&bus);
    if (err < 0) {
        json_decref(all);
        return cli_no_answer(argv[0], "audit", err, why);
    }
    if (json)
        return print_json(all);
    print_totals(&t);
    return EXIT_OK;
}

/* ---- orders ---- */

static json_t *order_json(const struct sub_order *r)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s}", "cl_ord_id", r->cl_ord_id,
                          "order_id", r->order_id, "signal_id", r->signal_id, "approval_id", r->approval_id, "symbol",
                          r->symbol, "leg", leg_name(r->leg), "side", side_name(r->side), "ord_type",
                          ord_type_name(r->ord_type), "qty", (json_int_t)r->qty, "cum_qty", (json_int_t)r->cum_qty,
                          "status", ord_status_name(r->status), "reason", r->reason);
    must(o != NULL);
    add_dec(o, "price", r->price);
    add_dec(o, "stop_px", r->stop_px);
    add_dec(o, "avg_px", r->avg_px);
    json_object_set_new(o, "market_ns", json_integer(r->market_ns));
    return o;
}

static void print_orders(const struct msg_orders *m)
{
    char price[DEC_TEXT_MAX], stop[DEC_TEXT_MAX];
    printf("%-34s %-12s %-2s %-4s %6s %6s %14s %14s %s\n", "client id", "symbol", "", "side", "lots", "filled",
           "price", "trigger", "status");
    for (size_t i = 0; i < m->orders_n; i++) {
        const struct sub_order *o = &m->orders[i];
        printf("%-34s %-12s %-2s %-4s %6lld %6lld %14s %14s %s%s%s\n", o->cl_ord_id, o->symbol, leg_name(o->leg),
               side_name(o->side), (long long)o->qty, (long long)o->cum_qty, dec_format(o->price, price),
               dec_format(o->stop_px, stop), ord_status_name(o->status), *o->reason ? "  " : "", o->reason);
    }
}

int verb_orders(struct cli *c, int argc, char **argv)
{
    static const struct msg_orders_get ask;
    static struct msg_orders m;
    struct client *bus = NULL;
    char why[256];
    bool json = cli_flag(&argc, argv, "--json");
    int rc = argc > 1 ? cli_unknown("orders", argv[1]) : cli_connect(c, argv[0], "operator", &bus);
    if (rc != EXIT_OK)
        return rc;
    int err = client_ask(bus, AGENT_EXECUTION, MSG_ORDERS_GET, &ask, MSG_ORDERS, &m, ANSWER_MS, why);
    client_close(&bus);
    if (err < 0)
        return cli_no_answer(argv[0], "execution", err, why);
    if (!json) {
        print_orders(&m);
        return EXIT_OK;
    }
    json_t *all = json_array();
    for (size_t i = 0; i < m.orders_n; i++)
        json_array_append_new(all, order_json(&m.orders[i]));
    return print_json(all);
}
