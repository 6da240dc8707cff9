/* seen - see seen.h */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/text.h"

#include "broker/sniff/seen.h"

void seen_fini(struct seen *s)
{
    free(s->topics);
    *s = (struct seen){.n = 0};
}

static struct seen_topic *entry(struct seen *s, const char *topic, enum party publisher)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->topics[i].publisher == publisher && strcmp(s->topics[i].topic, topic) == 0)
            return &s->topics[i];
    if (s->n == SEEN_MAX)
        return NULL;
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 64 : 2 * s->cap;
        s->topics = realloc(s->topics, s->cap * sizeof *s->topics);
        must(s->topics != NULL);
    }
    struct seen_topic *t = &s->topics[s->n++];
    *t = (struct seen_topic){.publisher = publisher};
    TEXT_COPY(t->topic, topic);
    return t;
}

static void note_sequence(struct seen_topic *t, const struct header *h)
{
    bool anew = h->epoch != t->epoch && (h->class == DUR_V || h->class == DUR_L);
    uint64_t expected = anew ? 1 : t->seq + 1;
    if (t->count > 0 && h->seq > expected) {
        t->gaps++;
        t->lost += (int64_t)(h->seq - expected);
    } else if (t->count > 0 && h->seq < expected) {
        t->repeated++;
        return;
    }
    t->seq = h->seq;
    t->epoch = h->epoch;
}

static void note_time(struct seen_topic *t, const struct header *h, int64_t now_ns, int64_t wall_ns)
{
    double delay = (double)(wall_ns - h->sent_ns) * 1e-9;
    t->delay_sum += delay;
    t->delay_min = t->count == 0 ? delay : fmin(t->delay_min, delay);
    t->delay_max = t->count == 0 ? delay : fmax(t->delay_max, delay);
    if (t->count == 0) {
        t->first_ns = t->last_ns = now_ns;
        return;
    }
    double interval = (double)(now_ns - t->last_ns) * 1e-9;
    t->interval_sum += interval;
    t->interval_sum2 += interval * interval;
    t->interval_min = t->count == 1 ? interval : fmin(t->interval_min, interval);
    t->interval_max = t->count == 1 ? interval : fmax(t->interval_max, interval);
    t->last_ns = now_ns;
}

void seen_note(struct seen *s, const char *topic, const struct header *h, size_t bytes, int64_t now_ns,
               int64_t wall_ns)
{
    struct seen_topic *t = entry(s, topic, h->sender);
    if (t == NULL) {
        s->others++;
        return;
    }
    t->class = h->class;
    note_sequence(t, h);
    note_time(t, h, now_ns, wall_ns);
    t->count++;
    t->bytes += (int64_t)bytes;
}

int64_t seen_lost(const struct seen *s)
{
    int64_t lost = 0;
    for (size_t i = 0; i < s->n; i++)
        lost += s->topics[i].lost;
    return lost;
}

/* The columns of each view; widths serve the table, names the JSON. */
struct column {
    const char *name;
    double value;
    int places;
};

static size_t columns(const struct seen_topic *t, enum seen_view view, struct column c[7])
{
    double n = (double)t->count, pairs = n - 1, span = t->interval_sum;
    double mean = pairs > 0 ? span / pairs : 0;
    double var = pairs > 0 ? t->interval_sum2 / pairs - mean * mean : 0;
    double hz = span > 0 ? pairs / span : 0;
    size_t k = 0;
    c[k++] = (struct column){"count", n, 0};
    switch (view) {
    case SEEN_HZ:
        c[k++] = (struct column){"hz", hz, 2};
        c[k++] = (struct column){"min_ms", t->interval_min * 1e3, 1};
        c[k++] = (struct column){"max_ms", t->interval_max * 1e3, 1};
        c[k++] = (struct column){"stddev_ms", sqrt(fmax(var, 0)) * 1e3, 1};
        break;
    case SEEN_BW:
        c[k++] = (struct column){"bytes", (double)t->bytes, 0};
        c[k++] = (struct column){"bytes_per_message", (double)t->bytes / n, 0};
        c[k++] = (struct column){"bytes_per_s", (double)t->bytes / n * hz, 0};
        break;
    case SEEN_DELAY:
        c[k++] = (struct column){"mean_ms", t->delay_sum / n * 1e3, 3};
        c[k++] = (struct column){"min_ms", t->delay_min * 1e3, 3};
        c[k++] = (struct column){"max_ms", t->delay_max * 1e3, 3};
        break;
    case SEEN_LIST:
        break;
    case SEEN_INFO:
        c[k++] = (struct column){"hz", hz, 2};
        c[k++] = (struct column){"bytes", (double)t->bytes, 0};
        c[k++] = (struct column){"gaps", (double)t->gaps, 0};
        c[k++] = (struct column){"lost", (double)t->lost, 0};
        c[k++] = (struct column){"repeated", (double)t->repeated, 0};
        c[k++] = (struct column){"seq", (double)t->seq, 0};
        break;
    }
    return k;
}

static int by_topic(const void *a, const void *b)
{
    const struct seen_topic *x = a, *y = b;
    int c = strcmp(x->topic, y->topic);
    return c != 0 ? c : (int)x->publisher - (int)y->publisher;
}

static void print_row(const struct seen_topic *t, const struct column *c, size_t k, bool json, FILE *f)
{
    fprintf(f, json ? "{\"topic\":\"%s\",\"publisher\":\"%s\",\"class\":\"%s\"" : "%-32s %-13s %-6s", t->topic,
            party_name(t->publisher), durability_name(t->class));
    for (size_t i = 0; i < k; i++)
        if (json)
            fprintf(f, ",\"%s\":%.*f", c[i].name, c[i].places, c[i].value);
        else
            fprintf(f, " %*.*f", (int)strlen(c[i].name) < 10 ? 10 : (int)strlen(c[i].name), c[i].places,
                    c[i].value);
    fputs(json ? "}\n" : "\n", f);
}

void seen_print(const struct seen *s, enum seen_view view, bool json, FILE *f)
{
    struct column c[7];
    if (s->n == 0)
        return;
    qsort(s->topics, s->n, sizeof *s->topics, by_topic);
    for (size_t i = 0; i < s->n; i++) {
        size_t k = columns(&s->topics[i], view, c);
        if (i == 0 && !json) {
            fprintf(f, "%-32s %-13s %-6s", "topic", "publisher", "class");
            for (size_t j = 0; j < k; j++)
                fprintf(f, " %10s", c[j].name);
            putc('\n', f);
        }
        print_row(&s->topics[i], c, k, json, f);
    }
}

void seen_print_gaps(const struct seen *s, FILE *f)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct seen_topic *t = &s->topics[i];
        if (t->gaps > 0)
            fprintf(f, "enigma-sniff: gaps: %s %s: %" PRId64 ", %" PRId64 " messages missed\n",
                    party_name(t->publisher), t->topic, t->gaps, t->lost);
    }
    if (s->others > 0)
        fprintf(f, "enigma-sniff: %" PRId64 " messages of further topics were not counted apart\n", s->others);
}
