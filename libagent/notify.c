/* notify - see notify.h
 *
 * One request at a time, the oldest first, to each of the two: a target that does not answer holds up nobody but
 * itself.  In the file a line is an entry: targets left, time, severity, event, text, separated by tabs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/clock.h"
#include "libagent/exchange/jw.h"
#include "libagent/http.h"
#include "proto/err.h"
#include "proto/text.h"

#include "libagent/notify.h"

enum { WEBHOOK, TELEGRAM, TARGETS };

struct entry {
    unsigned left;              /* a bit for each target that has not taken it */
    int64_t at_ms;
    char severity[12], event[48], text[NOTIFY_TEXT];
};

struct target {
    struct notify *n;
    char url[512];              /* "": not wanted */
    struct http_call *call;
    struct loop_timer *timer;
    int64_t at_ms;              /* of the entry under way */
    int tries;
    bool failing;
};

struct notify {
    struct notify_options o;
    char file[256], instance[128], chat[64];
    struct http *http;
    struct target targets[TARGETS];
    struct entry entries[NOTIFY_MAX];
    int used;
    int64_t dropped;
};

static void save(const struct notify *n)
{
    char tmp[272];
    snprintf(tmp, sizeof tmp, "%s.tmp", n->file);
    FILE *f = fopen(tmp, "we");
    if (f == NULL)
        return;                 /* a full disk: it is told from memory */
    for (int i = 0; i < n->used; i++) {
        const struct entry *e = &n->entries[i];
        fprintf(f, "%u\t%" PRId64 "\t%s\t%s\t%s\n", e->left, e->at_ms, e->severity, e->event, e->text);
    }
    if (fclose(f) == 0)
        (void)rename(tmp, n->file);
}

static void load(struct notify *n, unsigned wanted)
{
    char line[512];
    FILE *f = fopen(n->file, "re");
    if (f == NULL)
        return;
    while (n->used < NOTIFY_MAX && fgets(line, sizeof line, f) != NULL) {
        struct entry e = {.left = 0};
        if (sscanf(line, "%u\t%" SCNd64 "\t%11[^\t\n]\t%47[^\t\n]\t%199[^\t\n]", &e.left, &e.at_ms, e.severity, e.event,
                   e.text) == 5 && (e.left &= wanted) != 0)
            n->entries[n->used++] = e;
    }
    fclose(f);
}

static void remove_done(struct notify *n)
{
    int kept = 0;
    for (int i = 0; i < n->used; i++)
        if (n->entries[i].left != 0)
            n->entries[kept++] = n->entries[i];
    n->used = kept;
    save(n);
}

/* ---- sending ---- */

static void start(struct target *t);

static struct entry *oldest(struct target *t)
{
    struct notify *n = t->n;
    for (int i = 0; i < n->used; i++)
        if (n->entries[i].left & 1u << (t - n->targets))
            return &n->entries[i];
    return NULL;
}

static void tell_change(struct target *t, bool failing, const char *why)
{
    struct notify *n = t->n;
    bool before = n->targets[WEBHOOK].failing || n->targets[TELEGRAM].failing;
    t->failing = failing;
    bool after = n->targets[WEBHOOK].failing || n->targets[TELEGRAM].failing;
    if (before != after && n->o.changed != NULL)
        n->o.changed(n->o.arg, !after, why);
}

static void on_timer(void *arg)
{
    start(arg);
}

static void again(struct target *t, const char *why)
{
    struct notify *n = t->n;
    int64_t wait = n->o.first_ms;
    for (int i = 0; i < t->tries && wait < NOTIFY_LONGEST_MS; i++)
        wait *= 2;
    tell_change(t, true, why);
    if (++t->tries >= NOTIFY_TRIES) {
        struct entry *e = oldest(t);
        if (e != NULL)
            e->left &= ~(1u << (t - n->targets));
        n->dropped++;
        t->tries = 0;
        remove_done(n);
    }
    wait = wait < NOTIFY_LONGEST_MS ? wait : NOTIFY_LONGEST_MS;
    if (t->timer == NULL)
        t->timer = loop_timer_new(n->o.loop, wait, 0, false, on_timer, t);
    else
        loop_timer_again(t->timer, wait);
}

static void on_done(void *arg, const struct http_response *r)
{
    struct target *t = arg;
    char why[128];
    t->call = NULL;
    if (r->outcome != HTTP_ANSWERED || r->status < 200 || r->status > 299) {
        if (r->outcome == HTTP_ANSWERED)
            snprintf(why, sizeof why, "%s answered %d", t == &t->n->targets[WEBHOOK] ? "the webhook" : "Telegram", r->status);
        else
            snprintf(why, sizeof why, "%s: %.90s", t == &t->n->targets[WEBHOOK] ? "the webhook" : "Telegram", r->error);
        again(t, why);
        return;
    }
    struct entry *e = oldest(t);
    if (e != NULL && e->at_ms == t->at_ms)      /* else it made room meanwhile */
        e->left &= ~(1u << (t - t->n->targets));
    t->tries = 0;
    tell_change(t, false, "");
    remove_done(t->n);
    start(t);
}

static void write_body(const struct target *t, const struct entry *e, struct jw *w)
{
    const struct notify *n = t->n;
    char text[NOTIFY_TEXT + 256];
    jw_open(w, NULL, '{');
    if (t == &n->targets[WEBHOOK]) {
        jw_str(w, "instance", n->instance);
        jw_int(w, "ts_ms", e->at_ms);
        jw_str(w, "severity", e->severity);
        jw_str(w, "event", e->event);
        jw_str(w, "text", e->text);
    } else {
        snprintf(text, sizeof text, "%s %s %s: %s", n->instance, e->severity, e->event, e->text);
        jw_str(w, "chat_id", n->chat);
        jw_str(w, "text", text);
    }
    jw_close(w, '}');
}

static void start(struct target *t)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    const struct entry *e = oldest(t);
    struct jw w;
    if (e == NULL || t->call != NULL)
        return;
    t->at_ms = e->at_ms;
    jw_init(&w);
    write_body(t, e, &w);
    const struct http_request req = {.method = "POST", .url = t->url, .headers = headers, .body = w.buf, .len = w.len,
                                     .timeout_ms = NOTIFY_TIMEOUT_MS, .max_response = 65536};
    int err = http_request(t->n->http, &req, on_done, t, &t->call);
    jw_fini(&w);
    if (err < 0)
        again(t, err_text(err));
}

/* ---- public ---- */

static int read_token(const char *path, char *ret, int size)
{
    FILE *f = fopen(path, "re");
    bool ok = f != NULL && fgets(ret, size, f) != NULL;
    if (f != NULL)
        fclose(f);
    ret[ok ? strcspn(ret, "\r\n \t") : 0] = '\0';
    return *ret != '\0' ? ERR_OK : ERR_CONFIG;
}

int notify_new(const struct notify_options *o, struct notify **ret)
{
    char token[128] = "";
    if (*o->webhook == '\0' && *o->telegram_chat == '\0')
        return ERR_MISSING;
    if (*o->telegram_chat != '\0' && read_token(o->telegram_token_file, token, sizeof token) < 0)
        return ERR_CONFIG;
    struct notify *n = calloc(1, sizeof *n);
    must(n != NULL);
    n->o = *o;
    n->o.first_ms = o->first_ms > 0 ? o->first_ms : NOTIFY_FIRST_MS;
    TEXT_COPY(n->file, o->file);
    TEXT_COPY(n->instance, o->instance);
    TEXT_COPY(n->chat, o->telegram_chat);
    TEXT_COPY(n->targets[WEBHOOK].url, o->webhook);
    if (*token != '\0')
        snprintf(n->targets[TELEGRAM].url, sizeof n->targets[TELEGRAM].url, "%.300s/bot%s/sendMessage", o->telegram_url, token);
    int err = http_new(o->loop, NULL, &n->http);
    if (err < 0) {
        free(n);
        return err;
    }
    load(n, (*o->webhook != '\0' ? 1u << WEBHOOK : 0) | (*token != '\0' ? 1u << TELEGRAM : 0));
    for (int i = 0; i < TARGETS; i++) {
        n->targets[i].n = n;
        start(&n->targets[i]);
    }
    *ret = n;
    return ERR_OK;
}

void notify_destroy(struct notify **n)
{
    if (*n == NULL)
        return;
    for (int i = 0; i < TARGETS; i++)
        loop_timer_destroy(&(*n)->targets[i].timer);
    http_destroy(&(*n)->http);
    free(*n);
    *n = NULL;
}

static void take_text(char *dst, size_t size, const char *src)
{
    text_copy(dst, size, *src != '\0' ? src : "-");
    for (char *p = dst; *p != '\0'; p++)
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
}

void notify_send(struct notify *n, enum severity severity, const char *event, const char *text)
{
    if (n == NULL)
        return;
    if (n->used == NOTIFY_MAX) {
        memmove(n->entries, n->entries + 1, sizeof n->entries - sizeof n->entries[0]);
        n->used--;
        n->dropped++;
    }
    struct entry *e = &n->entries[n->used++];
    *e = (struct entry){.at_ms = wall_ns() / 1000000};
    if (n->used > 1 && e->at_ms <= e[-1].at_ms)
        e->at_ms = e[-1].at_ms + 1;             /* it names the entry */
    for (int i = 0; i < TARGETS; i++)
        e->left |= n->targets[i].url[0] != '\0' ? 1u << i : 0;
    TEXT_COPY(e->severity, severity_name(severity));
    take_text(e->event, sizeof e->event, event);
    take_text(e->text, sizeof e->text, text);
    save(n);
    for (int i = 0; i < TARGETS; i++)
        if (n->targets[i].tries == 0)           /* else its timer does */
            start(&n->targets[i]);
}

int notify_waiting(const struct notify *n)
{
    return n->used;
}

int64_t notify_dropped(const struct notify *n)
{
    return n->dropped;
}
