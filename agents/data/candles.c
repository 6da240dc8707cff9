/* candles - closed bars on the agent; see candles.h and data.h
 *
 * One rule for all bars: a bar is appended when it follows the last one; a bar that does not follow shows a
 * gap, and what is missing is asked for by REST from the last bar on.  A bar of a higher timeframe is made
 * from the closed bars below it; only when those are not all there it is asked for, too.
 */
#include <stdio.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/planted.h"
#include "proto/text.h"
#include "proto/tm.h"

#include "agents/data/data.h"

#define TOLD_BARS      64           /* primary bars told as history when data becomes ready */
#define PAGE_ROWS      500          /* the venue's bound */
#define AHEAD_BARS     10           /* a push farther ahead of the market clock is garbage */
#define CLOSE_AFTER_NS (2 * NS_PER_S)   /* market time after its end a bar is asked for */
#define CLOSE_WALL_NS  NS_PER_S     /* and so long in wall time, however fast the market */

struct fetch {
    struct data *d;
    struct symbol *s;
    struct series *q;
};
static struct fetch fetches[CONFIG_LIST_MAX][SERIES_MAX];

int candles_init(struct data *d, char why[CONFIG_WHY_MAX])
{
    const struct config *c = agent_config(d->agent);
    const char *primary = config_text(c, CFG_primary_tf), *confirm = config_text(c, CFG_confirm_tf);
    int64_t tfs[SERIES_MAX] = {0, 0, NS_PER_H, NS_PER_DAY};
    if (tf_parse(primary, &tfs[0]) < 0 || tf_parse(confirm, &tfs[1]) < 0 || tfs[1] <= tfs[0] || tfs[1] > NS_PER_H) {
        snprintf(why, CONFIG_WHY_MAX, "confirm_tf = %.8s must be longer than primary_tf = %.8s, and at most 1h", confirm,
                 primary);
        return ERR_CONFIG;
    }
    for (size_t i = 0; i < d->n_symbols; i++) {
        struct symbol *s = &d->symbols[i];
        for (int k = 0; k < SERIES_MAX; k++) {
            bool have = false;
            for (size_t n = 0; n < s->n_series; n++)
                have = have || s->series[n].tf_ns == tfs[k];
            if (have)
                continue;
            struct series *q = &s->series[s->n_series];
            size_t kept = tfs[k] == NS_PER_DAY ? 60 : (size_t)config_int(c, CFG_warmup_bars) + 200;
            series_init(q, s->name, tfs[k], kept);
            series_load(q);
            fetches[i][s->n_series++] = (struct fetch){d, s, q};
        }
    }
    return ERR_OK;
}

/* How far back the venue is asked: what the strategy needs of each timeframe. */
static int64_t oldest_wanted(const struct data *d, const struct series *q, int64_t now)
{
    int64_t bars = config_int(agent_config(d->agent), CFG_warmup_bars);
    if (q->tf_ns >= NS_PER_H && bars > 30 * NS_PER_DAY / q->tf_ns)
        bars = 30 * NS_PER_DAY / q->tf_ns;
    return (now - bars * q->tf_ns) / q->tf_ns * q->tf_ns;
}

static int64_t last_end(const struct series *q)
{
    return q->n == 0 ? 0 : q->rows[q->n - 1].start_ns + q->tf_ns;
}

static void publish(struct data *d, const struct symbol *s, const struct series *q, const struct row *r,
                    enum bar_source source, bool warm)
{
    struct msg_market_candle m = {
        .start_ns = r->start_ns, .open = r->open, .high = r->high, .low = r->low, .close = r->close,
        .volume = r->volume, .source = source, .warm = warm,
    };
    char suffix[48];
    TEXT_COPY(m.symbol, s->name);
    TEXT_COPY(m.tf, tf_name(q->tf_ns));
    snprintf(suffix, sizeof suffix, "%s.%s", s->name, m.tf);
    agent_publish(d->agent, TOPIC_MARKET_CANDLE, suffix, MSG_MARKET_CANDLE, &m, NULL);
}

void candles_tell_history(struct data *d)
{
    for (size_t i = 0; i < d->n_symbols; i++) {
        const struct series *q = &d->symbols[i].series[0];
        for (size_t k = q->n > TOLD_BARS ? q->n - TOLD_BARS : 0; k < q->n; k++)
            publish(d, &d->symbols[i], q, &q->rows[k], BAR_REST, true);
    }
}

/* Append to series k, say so, and let the series above it make what ends at the same moment. */
static void append(struct data *d, struct symbol *s, size_t k, const struct row *r,
                   enum bar_source source)
{
    struct series *q = &s->series[k];
    if (series_append(q, r) < 0)
        return;
    int64_t end = r->start_ns + q->tf_ns;
    bool warm = end < data_market_ns(d) - 2 * q->tf_ns;
    if (d->ready)
        publish(d, s, q, r, source, warm);
    if (source == BAR_LIVE)
        d->bars_live++;
    else
        d->bars_rest++;
    if (k + 1 == s->n_series || end % s->series[k + 1].tf_ns != 0 || !s->series[k + 1].complete)
        return;
    struct series *up = &s->series[k + 1];
    struct row made;
    if (last_end(up) == end - up->tf_ns && series_aggregate(q, end - up->tf_ns, up->tf_ns, &made))
        append(d, s, k + 1, &made, source);
    else
        candles_catch_up(d, s, up);
}

static int read_row(const json_t *v, struct row *r)
{
    int64_t ms;
    if (codec_value_int(json_array_get(v, 0), &ms) < 0 || codec_value_dec(json_array_get(v, 1), &r->open) < 0 ||
        codec_value_dec(json_array_get(v, 2), &r->high) < 0 ||
        codec_value_dec(json_array_get(v, 3), &r->low) < 0 ||
        codec_value_dec(json_array_get(v, 4), &r->close) < 0 ||
        codec_value_dec(json_array_get(v, 5), &r->volume) < 0)
        return ERR_SYNTAX;
    if (ms <= 0 || ms > INT64_MAX / NS_PER_MS)
        return ERR_RANGE;
    r->start_ns = ms * NS_PER_MS;
    return ERR_OK;
}

/* Market time behind its end after which a bar says no more, though no later one has begun. */
static int64_t grace_ns(const struct data *d)
{
    int64_t wall = (int64_t)(d->clock.speed * (double)CLOSE_WALL_NS);
    return wall > CLOSE_AFTER_NS ? wall : CLOSE_AFTER_NS;
}

/* The venue does not say that a bar has ended: one is final when a later one stands behind it, or when it had been over
 * for the grace when we asked.  The time of the answer's arrival tells nothing: it was written before. */
static size_t take_rows(const struct fetch *f, const json_t *rows)
{
    size_t taken = 0, n = json_array_size(rows);
    int64_t now = data_market_ns(f->d), over = f->q->asked_ns - grace_ns(f->d);
    for (size_t i = 0; i < n; i++) {
        struct row r;
        if (read_row(json_array_get(rows, i), &r) < 0 || !row_is_good(&r, f->q->tf_ns)) {
            f->d->malformed++;
            log_warn("candle.malformed", LOG_S("symbol", f->s->name), LOG_S("tf", tf_name(f->q->tf_ns)),
                     LOG_S("action", "left out"));
            continue;
        }
        int64_t end = r.start_ns + f->q->tf_ns;
        if (end > now || (i + 1 == n && end > over && !PLANTED(running_bar_closed)))
            break;              /* still running, or perhaps */
        if (end <= last_end(f->q))
            continue;
        append(f->d, f->s, (size_t)(f->q - f->s->series), &r, BAR_REST);
        taken++;
    }
    return taken;
}

static void on_rows(void *arg, const struct venue_answer *a)
{
    const struct fetch *f = arg;
    f->q->fetching = false;
    f->d->fetching--;
    if (a->outcome != VENUE_OK || !json_is_array(a->data)) {
        log_warn("candles.not_answered", LOG_S("symbol", f->s->name), LOG_S("tf", tf_name(f->q->tf_ns)),
                 LOG_S("code", a->code), LOG_S("text", a->msg), LOG_S("action", "asked again"));
        f->q->fetched_ns = data_market_ns(f->d);
        return;
    }
    size_t rows = json_array_size(a->data);
    take_rows(f, a->data);
    f->q->fetched_ns = data_market_ns(f->d);
    bool first = !f->q->complete;
    if (rows >= PAGE_ROWS) {
        candles_catch_up(f->d, f->s, f->q);
        return;
    }
    f->q->complete = true;
    if (!first)
        return;
    log_debug("candles.complete", LOG_S("symbol", f->s->name), LOG_S("tf", tf_name(f->q->tf_ns)),
              LOG_I("bars", f->q->n));
    size_t k = (size_t)(f->q - f->s->series);
    if (k + 1 < f->s->n_series)
        candles_catch_up(f->d, f->s, &f->s->series[k + 1]);
}

/* What is missing up to now; nothing is asked when nothing is missing. */
void candles_catch_up(struct data *d, struct symbol *s, struct series *q)
{
    if (q->fetching || !d->clock_known)
        return;
    int64_t now = data_market_ns(d), due = now / q->tf_ns * q->tf_ns;
    size_t k = (size_t)(q - s->series);
    if (k > 0 && last_end(q) < due && last_end(q) >= due - q->tf_ns) {
        struct row made;        /* one bar missing, and perhaps all below it is there */
        if (series_aggregate(&s->series[k - 1], due - q->tf_ns, q->tf_ns, &made))
            append(d, s, k, &made, BAR_REST);
    }
    if (last_end(q) >= due) {
        bool first = !q->complete;
        q->complete = true;
        if (first && k + 1 < s->n_series)
            candles_catch_up(d, s, &s->series[k + 1]);
        return;
    }
    int64_t from = last_end(q), oldest = oldest_wanted(d, q, now);
    if (from < oldest) {
        q->n = 0;               /* away for longer than the history: what is before the hole is of no use */
        from = oldest;
    }
    char target[200];
    snprintf(target, sizeof target, "/api/v1/kline/query?symbol=%s&granularity=%lld&from=%lld&to=%lld",
             s->name, (long long)(q->tf_ns / NS_PER_MIN), (long long)(from / NS_PER_MS),
             (long long)(now / NS_PER_MS));
    q->fetching = true;
    q->asked_ns = now;
    d->fetching++;
    d->gaps += q->complete;
    venue_call(d->venue, VENUE_PUBLIC, "GET", target, NULL, on_rows,
               &fetches[s - d->symbols][q - s->series]);
}

bool candles_complete(const struct data *d)
{
    for (size_t i = 0; i < d->n_symbols; i++)
        for (size_t k = 0; d->symbols[i].known && k < d->symbols[i].n_series; k++)
            if (!d->symbols[i].series[k].complete)
                return false;
    return true;
}

/* ---- live bars ---- */

static void close_live(struct data *d, struct symbol *s)
{
    struct live_bar *l = &s->live;
    struct series *q = &s->series[0];
    const struct row r = {l->start_ns, l->open, l->high, l->low, l->close, l->volume};
    bool follows = last_end(q) == l->start_ns;
    if (!q->complete || last_end(q) > l->start_ns)
        return;                 /* history is on its way, or REST was first */
    if (l->broken || !follows || !row_is_good(&r, q->tf_ns))
        candles_catch_up(d, s, q);
    else
        append(d, s, 0, &r, BAR_LIVE);
}

/* [start in s, open, close, high, low, ...]: no order that REST knows. */
static int read_push(const struct data *d, const struct symbol *s, const json_t *c, struct row *r)
{
    int64_t sec, tf = s->series[0].tf_ns;
    if (codec_value_int(json_array_get(c, 0), &sec) < 0 || codec_value_dec(json_array_get(c, 1), &r->open) < 0 ||
        codec_value_dec(json_array_get(c, 2), &r->close) < 0 ||
        codec_value_dec(json_array_get(c, 3), &r->high) < 0 ||
        codec_value_dec(json_array_get(c, 4), &r->low) < 0)
        return ERR_SYNTAX;
    if (sec <= 0 || sec > INT64_MAX / NS_PER_S || sec * NS_PER_S % tf != 0 ||
        (d->clock_known && sec * NS_PER_S > data_market_ns(d) + AHEAD_BARS * tf))
        return ERR_RANGE;
    r->start_ns = sec * NS_PER_S;
    return ERR_OK;
}

void candles_on_push(struct data *d, struct symbol *s, const json_t *c)
{
    struct row r;
    if (read_push(d, s, c, &r) < 0) {
        d->malformed++;
        return;
    }
    struct live_bar *l = &s->live;
    int64_t start = r.start_ns;
    if (start < l->start_ns)
        return;
    if (start > l->start_ns) {
        bool first = l->start_ns == 0;
        if (!first)
            close_live(d, s);
        dec_t carried = l->next_start_ns == start ? l->next_volume : dec_zero();
        /* a bar that was not seen from its beginning has not all its matches */
        bool whole = !first && start == l->start_ns + s->series[0].tf_ns;
        *l = (struct live_bar){.start_ns = start, .volume = carried, .broken = !whole};
    }
    l->open = r.open;
    l->high = r.high;
    l->low = r.low;
    l->close = r.close;
}

void candles_on_match(struct data *d, struct symbol *s, int64_t ts_ns, dec_t lots)
{
    struct live_bar *l = &s->live;
    int64_t tf = s->series[0].tf_ns, start = ts_ns / tf * tf;
    (void)d;
    if (l->start_ns == 0 || start < l->start_ns)
        return;
    if (start == l->start_ns) {
        l->volume = dec_add(l->volume, lots);
        return;
    }
    if (l->next_start_ns != start) {
        l->next_start_ns = start;
        l->next_volume = dec_zero();
    }
    l->next_volume = dec_add(l->next_volume, lots);
}

void candles_on_break(struct symbol *s)
{
    s->live = (struct live_bar){.start_ns = 0};
}

/* A bar whose end is past and that no later one has closed: ask the venue.  Failed fetches, too. */
void candles_tick(void *arg)
{
    struct data *d = arg;
    if (!d->clock_known)
        return;
    int64_t now = data_market_ns(d), grace = grace_ns(d);
    for (size_t i = 0; i < d->n_symbols; i++) {
        struct symbol *s = &d->symbols[i];
        for (size_t k = 0; s->known && k < s->n_series; k++) {
            struct series *q = &s->series[k];
            bool due = last_end(q) + q->tf_ns + grace < now;
            if ((due || !q->complete) && !q->fetching && now - q->fetched_ns > grace &&
                (k == 0 || s->series[k - 1].complete))
                candles_catch_up(d, s, q);
        }
    }
}

/* ---- questions ---- */

void candles_on_get(struct agent *a, const struct event *e)
{
    struct data *d = agent_state(a);
    const struct msg_candles_get *m = e->msg;
    struct reply_to to = agent_reply_to(e);
    static struct msg_candles answer;
    int64_t tf;
    const struct series *q = NULL;
    for (size_t i = 0; i < d->n_symbols; i++)
        for (size_t k = 0; strcmp(d->symbols[i].name, m->symbol) == 0 && k < d->symbols[i].n_series; k++)
            if (tf_parse(m->tf, &tf) == ERR_OK && d->symbols[i].series[k].tf_ns == tf)
                q = &d->symbols[i].series[k];
    if (q == NULL) {
        agent_reply_error(a, &to, ERR_NOT_FOUND, "no such symbol and timeframe here");
        return;
    }
    size_t first = series_find(q, m->from_ns), most = sizeof answer.rows / sizeof answer.rows[0];
    size_t n = q->n - first;
    if (m->max > 0 && (size_t)m->max < most)
        most = (size_t)m->max;
    answer = (struct msg_candles){.more = n > most, .rows_n = n < most ? n : most};
    TEXT_COPY(answer.symbol, m->symbol);
    TEXT_COPY(answer.tf, m->tf);
    for (size_t i = 0; i < answer.rows_n; i++) {
        const struct row *r = &q->rows[first + i];
        answer.rows[i] = (struct sub_candle_row){
            .start_ns = r->start_ns, .open = r->open, .high = r->high, .low = r->low,
            .close = r->close, .volume = r->volume,
        };
    }
    agent_reply(a, &to, MSG_CANDLES, &answer);
}
