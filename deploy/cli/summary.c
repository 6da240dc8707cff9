/* summary - see summary.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/exchange/codec.h"
#include "libagent/http.h"
#include "proto/err.h"
#include "proto/text.h"

#include "deploy/cli/summary.h"

#define AGENTS     (AGENT_AUDIT + 1)
#define ANSWER_MS  3000
#define COMPARISONS 5

__attribute__((format(printf, 2, 3))) static void not_healthy(struct summary *s, const char *fmt, ...)
{
    char text[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t n = strlen(s->why_not);
    snprintf(s->why_not + n, sizeof s->why_not - n, "%s%s", n > 0 ? "; " : "", text);
    s->healthy = false;
}

/* ---- the exchange's truth ---- */

static bool in_run(const struct summary *s, const json_t *v, const char *key)
{
    int64_t ns;
    return codec_int(v, key, &ns) == ERR_OK && ns >= s->since_ns;
}

static bool has_stop(const json_t *orders, const json_t *position)
{
    const char *symbol, *side, *order_symbol, *order_side, *state;
    if (codec_text(position, "symbol", &symbol) < 0 || codec_text(position, "side", &side) < 0)
        return false;
    const char *closing = strcmp(side, "long") == 0 ? "sell" : "buy";
    const char *wants = strcmp(side, "long") == 0 ? "down" : "up", *stop;
    for (size_t i = 0; i < json_array_size(orders); i++) {
        const json_t *o = json_array_get(orders, i);
        bool reduce = false, close = false;
        codec_bool(o, "reduceOnly", &reduce);
        codec_bool(o, "closeOrder", &close);
        if (codec_text(o, "state", &state) == ERR_OK && strcmp(state, "stop") == 0 && (reduce || close) &&
            codec_text(o, "symbol", &order_symbol) == ERR_OK && strcmp(order_symbol, symbol) == 0 &&
            codec_text(o, "stop", &stop) == ERR_OK && strcmp(stop, wants) == 0 &&
            ((codec_text(o, "side", &order_side) == ERR_OK && strcmp(order_side, closing) == 0) || close))
            return true;
    }
    return false;
}

static void add(dec_t *sum, const json_t *v, const char *key)
{
    dec_t d;
    if (codec_dec(v, key, &d) == ERR_OK)
        *sum = dec_add(*sum, d);
}

void summary_truth(struct summary *s, const json_t *truth)
{
    const json_t *orders = json_object_get(truth, "orders"), *fills = json_object_get(truth, "fills");
    const json_t *positions = json_object_get(truth, "positions");
    for (size_t i = 0; i < json_array_size(orders); i++)
        s->orders_placed += in_run(s, json_array_get(orders, i), "created_ns");
    for (size_t i = 0; i < json_array_size(fills); i++) {
        const json_t *f = json_array_get(fills, i);
        if (!in_run(s, f, "server_ns"))
            continue;
        s->fills++;
        add(&s->fees, f, "fee");
    }
    for (size_t i = 0; i < json_array_size(positions); i++) {
        const json_t *p = json_array_get(positions, i);
        bool open = false;
        dec_t pnl;
        codec_bool(p, "open", &open);
        s->positions_opened += in_run(s, p, "open_ns");
        if (open && !has_stop(orders, p))
            not_healthy(s, "a position rests without a closing stop");
        if (open || !in_run(s, p, "close_ns"))
            continue;
        s->positions_closed++;
        add(&s->net_pnl, p, "pnl");
        s->wins += codec_dec(p, "pnl", &pnl) == ERR_OK && dec_sign(pnl) > 0;
    }
}

struct fetch {
    bool done;
    json_t *truth;
};

static void on_truth(void *arg, const struct http_response *r)
{
    struct fetch *f = arg;
    f->done = true;
    if (r->outcome == HTTP_ANSWERED && r->status == 200)
        codec_load(r->body, r->len, &f->truth);
}

static bool fetched(void *arg)
{
    const struct fetch *f = arg;
    return f->done;
}

/* The whole history, or NULL; the caller's to json_decref. */
static json_t *ask_exchange(struct client *c)
{
    struct fetch f = {.done = false};
    struct http *http = NULL;
    int port = 0;
    FILE *file = fopen("sock/paper.admin.port", "re");
    if (file != NULL) {
        if (fscanf(file, "%d", &port) != 1)
            port = 0;
        fclose(file);
    }
    char url[96];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/admin/truth", port);
    const struct http_request req = {.method = "GET", .url = url, .timeout_ms = ANSWER_MS, .max_response = 16u << 20};
    if (port > 0 && http_new(client_loop(c), NULL, &http) == ERR_OK &&
        http_request(http, &req, on_truth, &f, NULL) == ERR_OK)
        client_wait(c, ANSWER_MS, fetched, &f);
    http_destroy(&http);
    return f.truth;
}

/* ---- the account: the venue's own words against the books ---- */

static bool same_position(const struct sub_position *p, const json_t *truth)
{
    const json_t *positions = json_object_get(truth, "positions");
    for (size_t i = 0; i < json_array_size(positions); i++) {
        const json_t *v = json_array_get(positions, i);
        const char *symbol, *side;
        bool open = false;
        int64_t size;
        codec_bool(v, "open", &open);
        if (open && codec_text(v, "symbol", &symbol) == ERR_OK && strcmp(symbol, p->symbol) == 0)
            return codec_text(v, "side", &side) == ERR_OK && codec_int(v, "size", &size) == ERR_OK &&
                   size == p->qty && (strcmp(side, "long") == 0) == (p->side == SIDE_BUY);
    }
    return false;
}

void summary_books(struct summary *s, const struct msg_positions *books, const json_t *truth)
{
    int64_t open = 0;
    const json_t *positions = json_object_get(truth, "positions");
    for (size_t i = 0; i < json_array_size(positions); i++) {
        bool is_open = false;
        codec_bool(json_array_get(positions, i), "open", &is_open);
        open += is_open;
    }
    if (open != (int64_t)books->positions_n)
        not_healthy(s, "open positions: the books say %zu, the exchange %lld", books->positions_n, (long long)open);
    for (size_t i = 0; i < books->positions_n; i++)
        if (!same_position(&books->positions[i], truth))
            not_healthy(s, "%s: the books' position is not the exchange's", books->positions[i].symbol);
}

/* ---- the bus ---- */

static void judge_agents(struct summary *s, const struct client_view *v)
{
    for (int i = 0; i < AGENTS; i++) {
        const struct msg_agent_hb *hb = &v->hb[i];
        const char *name = party_name((enum party)i);
        if (v->hb_ns[i] == 0 || wall_ns() - v->hb_ns[i] > 3000000000 ||
            hb->life != LIFE_ACTIVE) {
            not_healthy(s, "%s is not active", name);
            continue;
        }
        s->errors += hb->errors + hb->gaps_open;
        if (hb->gaps_open > 0)
            not_healthy(s, "%s misses messages", name);
    }
    for (size_t i = 0; i < v->state.agents_n; i++)
        if (v->state.agents[i].restarts > 0)
            not_healthy(s, "%s restarted %lld times", v->state.agents[i].name, (long long)v->state.agents[i].restarts);
}

static void compare(struct summary *s, const char *what, int64_t books, int64_t exchange)
{
    if (books != exchange)
        not_healthy(s, "%s: the books say %lld, the exchange %lld", what, (long long)books, (long long)exchange);
}

static void ask_audit(struct summary *s, struct client *c)
{
    const struct msg_summary_get ask = {.since_ns = s->since_ns};
    char why[256];
    int err = client_ask(c, AGENT_AUDIT, MSG_SUMMARY_GET, &ask, MSG_SUMMARY, &s->audit, ANSWER_MS, why);
    s->audit_known = err == ERR_OK;
    if (err < 0) {
        not_healthy(s, "audit did not answer: %s", err_text(err));
        return;
    }
    s->errors += s->audit.invariants_broken;
    compare(s, "fills", s->audit.fills, s->fills);
    compare(s, "positions closed", s->audit.positions_closed, s->positions_closed);
}

static void ask_both(struct summary *s, struct client *c)
{
    static const struct msg_positions_get ask;
    static struct msg_positions books;
    char why[256];
    json_t *truth = ask_exchange(c);
    if (truth == NULL) {
        not_healthy(s, "the paper exchange's history could not be read");
        return;
    }
    summary_truth(s, truth);
    int err = client_ask(c, AGENT_EXECUTION, MSG_POSITIONS_GET, &ask, MSG_POSITIONS, &books, ANSWER_MS, why);
    if (err < 0)
        not_healthy(s, "execution did not answer: %s", err_text(err));
    else
        summary_books(s, &books, truth);
    json_decref(truth);
    ask_audit(s, c);
}

void summary_collect(struct summary *s, struct client *c)
{
    const struct client_view *v = client_view(c);
    s->healthy = true;
    s->net_pnl = s->fees = dec_zero();
    s->uptime_s = (double)(wall_ns() - s->since_ns) * 1e-9;
    TEXT_COPY(s->state, v->state_ns != 0 ? system_state_name(v->state.system_state) : "UNKNOWN");
    s->equity = v->state.portfolio_value;
    if (dec_sign(s->equity) <= 0)
        not_healthy(s, "execution has not told the account's equity");
    judge_agents(s, v);
    /* The books and the exchange move while they are asked: a difference counts when it stays. */
    struct summary at_first = *s;
    for (int i = 0; i < COMPARISONS; i++) {
        *s = at_first;
        ask_both(s, c);
        if (s->healthy)
            break;
        client_wait(c, 300, NULL, NULL);
    }
}

void summary_print(const struct summary *s)
{
    char equity[DEC_TEXT_MAX], net[DEC_TEXT_MAX], fees[DEC_TEXT_MAX];
    json_t *rejections = json_object();
    for (size_t i = 0; i < s->audit.rejections_n; i++)
        json_object_set_new(rejections, s->audit.rejections[i].name, json_integer(s->audit.rejections[i].count));
    json_t *win_rate = s->positions_closed > 0 ? json_real((double)s->wins / (double)s->positions_closed) : json_null();
    json_t *all = json_pack(
        "{s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:o, s:o, s:I}", "healthy", s->healthy, "state",
        s->state, "uptime_s", (json_int_t)s->uptime_s, "signals", (json_int_t)s->audit.signals, "approved",
        (json_int_t)s->audit.approved, "orders_placed", (json_int_t)s->orders_placed, "fills", (json_int_t)s->fills,
        "positions_opened", (json_int_t)s->positions_opened, "positions_closed", (json_int_t)s->positions_closed,
        "equity", dec_format(s->equity, equity), "net_pnl", dec_format(s->net_pnl, net), "fees",
        dec_format(s->fees, fees), "win_rate", win_rate, "rejections", rejections, "errors", (json_int_t)s->errors);
    char *text = all != NULL ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (!s->healthy)
        printf("not healthy: %s\n", s->why_not);
    printf("%s\n", text != NULL ? text : "{\"healthy\":false}");
    free(text);
    json_decref(all);
}
