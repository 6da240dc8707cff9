/* venue - see venue.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/breaker.h"
#include "libagent/bucket.h"
#include "libagent/clock.h"
#include "libagent/exchange/codec.h"
#include "libagent/http.h"
#include "libagent/log.h"
#include "libagent/ws.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/uuid.h"

#include "libagent/venue.h"

#define RESPONSE_MAX    (8u << 20)
#define RETRY_FIRST_MS  100
#define RETRY_MOST_MS   2000
#define PING_PRESET_MS  18000
#define PONG_PRESET_MS  10000
#define PERIOD_LEAST_MS 100
#define PERIOD_MOST_MS  60000
#define PASSED_MOST     4
#define QUESTION        2               /* the last rank */
#define MS              1000000LL

struct call {
    struct call *next;
    struct venue *v;
    enum venue_class class;
    bool probe;                 /* the stream's: it comes again by itself, so the breaker lets it pass */
    char method[8];
    char *target, *body;
    venue_done *done;
    void *arg;
};

struct venue {
    struct loop *loop;
    char base[256];
    int64_t timeout_ms;
    struct http *http;
    struct ws_client *ws;
    struct bucket buckets[2];   /* public, private */
    struct breaker breaker;
    venue_sign *sign;
    void *sign_arg;
    void (*changed)(void *arg, bool up, const char *why);
    void *arg;
    struct call *first, **last; /* waiting */
    struct call *flying;        /* sent; for clean-up */
    size_t n_waiting;
    int passed;                 /* calls that went before a question since one left */
    struct loop_timer *timer;
    int64_t errors;
    bool answered;              /* once */
    struct venue_stream *streams;   /* open, and closed ones that wait for their socket */
};

struct venue_stream {
    struct venue *v;
    struct venue_stream *next;  /* of the venue's list */
    struct venue_stream_options o;
    struct ws *ws;
    bool up, opening, closing;
    bool orphan;                /* closed while a bullet call was under way */
    int64_t retry_ms, ping_ms, pong_ms;
    struct mono heard;          /* last frame */
    struct loop_timer *timer, *ping_timer, *answer_timer;
    struct { char topic[96]; bool private, acked; int64_t id; } topics[VENUE_TOPICS_MAX];  /* id: as last asked */
    size_t n_topics;
    int64_t next_id;
};

/* ---- REST ---- */

int venue_paper_url(char *ret, size_t size)
{
    FILE *f = fopen("sock/paper.port", "re");
    int port = 0;
    if (f == NULL)
        return ERR_NOT_FOUND;
    int n = fscanf(f, "%d", &port);
    fclose(f);
    if (n != 1 || port < 1 || port > 65535)
        return ERR_NOT_FOUND;
    snprintf(ret, size, "http://127.0.0.1:%d", port);
    return ERR_OK;
}

static void call_free(struct call *c)
{
    free(c->target);
    free(c->body);
    free(c);
}

static void unlink_flying(struct call *c)
{
    for (struct call **p = &c->v->flying; *p != NULL; p = &(*p)->next) {
        if (*p == c) {
            *p = c->next;
            return;
        }
    }
}

static void answer(struct call *c, enum venue_outcome outcome, const char *text)
{
    struct venue_answer a = {.outcome = outcome};
    TEXT_COPY(a.msg, text);
    c->done(c->arg, &a);
    call_free(c);
}

/* Before the first answer there is nothing to leave alone: a venue that is still coming up must not cost a
 * minute of an open breaker. */
static void breaker_told(struct venue *v, bool ok, const char *why)
{
    enum breaker_state was = v->breaker.state;
    int64_t now = mono_now().ns;
    v->answered = v->answered || ok;
    if (!v->answered)
        return;
    if (ok)
        breaker_success(&v->breaker, now);
    else
        breaker_failure(&v->breaker, now);
    v->errors += !ok;
    if (v->changed != NULL && was != v->breaker.state && v->breaker.state != BREAKER_HALF_OPEN)
        v->changed(v->arg, v->breaker.state == BREAKER_CLOSED, why);
}

/* The envelope: {"code": "200000", "data": ...}; anything else is no answer of the venue. */
static bool read_envelope(const struct http_response *r, json_t **tree, struct venue_answer *a)
{
    const char *code, *msg;
    if (codec_load(r->body, r->len, tree) < 0)
        return false;
    if (codec_text(*tree, "code", &code) < 0)
        return false;
    TEXT_COPY(a->code, code);
    if (codec_text(*tree, "msg", &msg) == ERR_OK)
        TEXT_COPY(a->msg, msg);
    a->data = json_object_get(*tree, "data");
    a->outcome = strcmp(code, "200000") == 0 && r->status == 200 ? VENUE_OK : VENUE_REFUSED;
    return true;
}

static void on_http(void *arg, const struct http_response *r)
{
    struct call *c = arg;
    struct venue *v = c->v;
    struct venue_answer a = {.status = r->status};
    json_t *tree = NULL;
    unlink_flying(c);
    if (r->outcome == HTTP_NOT_SENT) {
        a.outcome = VENUE_NOT_SENT;
        TEXT_COPY(a.msg, r->error);
    } else if (r->outcome == HTTP_UNKNOWN || !read_envelope(r, &tree, &a)) {
        a.outcome = VENUE_UNKNOWN;
        if (r->outcome == HTTP_UNKNOWN)
            TEXT_COPY(a.msg, r->error);
        else
            snprintf(a.msg, sizeof a.msg, "HTTP %d with a body that is not the venue's", r->status);
    } else if (r->status >= 500 || r->status == 429) {
        a.outcome = r->status == 429 ? VENUE_REFUSED : VENUE_UNKNOWN;
    }
    bool ok = a.outcome == VENUE_OK || (a.outcome == VENUE_REFUSED && r->status != 429);
    breaker_told(v, ok, a.msg);
    c->done(c->arg, &a);
    json_decref(tree);
    call_free(c);
}

/* Headers are made when the call leaves: the signature's timestamp is then new. */
static void send_call(struct venue *v, struct call *c)
{
    char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX];
    const char *list[VENUE_HEADERS_MAX + 2];
    size_t len = c->body != NULL ? strlen(c->body) : 0;
    int n = 0;
    if (c->class != VENUE_PUBLIC) {
        n = v->sign != NULL ? v->sign(v->sign_arg, c->method, c->target, c->body, len, headers)
                            : ERR_PERMISSION;
        if (n < 0) {
            answer(c, VENUE_BROKEN, "could not be signed");
            return;
        }
    }
    for (int i = 0; i < n; i++)
        list[i] = headers[i];
    list[n++] = "Content-Type: application/json";
    list[n] = NULL;
    char url[2048];
    snprintf(url, sizeof url, "%s%s", v->base, c->target);
    const struct http_request req = {
        .method = c->method, .url = url, .headers = list, .body = c->body, .len = len,
        .timeout_ms = v->timeout_ms, .max_response = RESPONSE_MAX,
    };
    c->next = v->flying;
    v->flying = c;
    int err = http_request(v->http, &req, on_http, c, NULL);
    if (err < 0) {
        unlink_flying(c);
        answer(c, VENUE_BROKEN, err == ERR_FULL ? "too many requests in flight" : "the venue's address is unusable");
    }
}

/* What ends a danger goes first, then orders, then questions; equals in order of arrival. */
static int rank(const struct call *c)
{
    return c->class == VENUE_RESCUE ? 0 : c->class == VENUE_PRIVATE && strcmp(c->method, "GET") != 0 ? 1 : QUESTION;
}

static void enqueue(struct venue *v, struct call *c)
{
    struct call **at = &v->first;
    if (rank(c) == QUESTION)
        at = v->last;
    while (*at != NULL && rank(*at) <= rank(c))
        at = &(*at)->next;
    c->next = *at;
    *at = c;
    if (c->next == NULL)
        v->last = &c->next;
    v->n_waiting++;
}

static struct call *unqueue(struct venue *v, struct call **at)
{
    struct call *c = *at;
    *at = c->next;
    if (*at == NULL)
        v->last = at;
    v->n_waiting--;
    return c;
}

/* The call whose turn it is; NULL: it must wait, and holds those behind it.  After PASSED_MOST others the first
 * question goes, from the reserve too: orders are known, and positions right, by answers only. */
static struct call *next_call(struct venue *v, int64_t now)
{
    struct call **at = &v->first, *c = v->first;
    bool reserved = c->class == VENUE_RESCUE;
    while (*at != NULL && rank(*at) != QUESTION)
        at = &(*at)->next;
    bool passed = at != &v->first && *at != NULL;
    if (passed && v->passed >= PASSED_MOST && bucket_take(&v->buckets[(*at)->class != VENUE_PUBLIC], 1, now, true)) {
        v->passed = 0;
        return unqueue(v, at);
    }
    struct bucket *b = &v->buckets[c->class != VENUE_PUBLIC];
    if (!bucket_take(b, 1, now, reserved)) {
        loop_timer_again(v->timer, bucket_wait_ns(b, 1, now, reserved) / MS + 1);
        return NULL;
    }
    v->passed = passed ? v->passed + 1 : 0;
    return unqueue(v, &v->first);
}

static void pump(void *arg)
{
    struct venue *v = arg;
    while (v->first != NULL) {
        int64_t now = mono_now().ns;
        struct call *c = next_call(v, now);
        if (c == NULL)
            return;
        bool always = c->probe || c->class == VENUE_RESCUE;     /* and its success says that the venue is back */
        if (always)
            breaker_probe(&v->breaker, now);
        if (!always && !breaker_allow(&v->breaker, now))
            answer(c, VENUE_BROKEN, "the circuit breaker is open: the venue did not answer");
        else
            send_call(v, c);
    }
    loop_timer_pause(v->timer);
}

static void call_new(struct venue *v, enum venue_class class, bool probe, const char *method, const char *target,
                     const char *body, venue_done *done, void *arg)
{
    struct call *c = calloc(1, sizeof *c);
    must(c != NULL);
    *c = (struct call){.v = v, .class = class, .probe = probe, .done = done, .arg = arg};
    TEXT_COPY(c->method, method);
    c->target = strdup(target);
    c->body = body != NULL ? strdup(body) : NULL;
    must(c->target != NULL && (body == NULL || c->body != NULL));
    if (v->n_waiting >= VENUE_QUEUE_MAX && class != VENUE_RESCUE) {
        answer(c, VENUE_BROKEN, "too many calls are waiting");
        return;
    }
    enqueue(v, c);
    pump(v);
}

void venue_call(struct venue *v, enum venue_class class, const char *method, const char *target,
                const char *body, venue_done *done, void *arg)
{
    call_new(v, class, false, method, target, body, done, arg);
}

int64_t venue_errors(const struct venue *v)
{
    return v->errors;
}

void venue_rates(struct venue_options *o, const struct config *c)
{
    o->timeout_ms = config_int(c, CFG_rest_timeout_ms);
    o->burst = config_int(c, CFG_rate_burst);
    o->public_rate = config_int(c, CFG_public_rate);
    o->private_rate = config_int(c, CFG_private_rate);
    o->breaker_ms = config_int(c, CFG_breaker_open_s) * 1000;
}

static void tune(struct venue *v, const struct venue_options *o, int64_t now_ns)
{
    const int64_t rates[] = {o->public_rate, o->private_rate};
    v->timeout_ms = o->timeout_ms;
    for (int i = 0; i < 2; i++) {
        struct bucket was = v->buckets[i];
        bucket_init(&v->buckets[i], o->burst, rates[i], BUCKET_RESERVE_PCT, now_ns);
        if (was.burst > 0 && was.nano < v->buckets[i].nano)
            v->buckets[i].nano = was.nano;      /* what was spent is spent */
    }
    if (o->breaker_ms > 0)
        v->breaker.open_ns = o->breaker_ms * MS;
}

void venue_tune(struct venue *v, const struct config *c)
{
    struct venue_options o = {.loop = v->loop};
    venue_rates(&o, c);
    tune(v, &o, mono_now().ns);
}

int venue_new(const struct venue_options *o, struct venue **ret)
{
    struct venue *v = calloc(1, sizeof *v);
    must(v != NULL);
    int64_t now = mono_now().ns;
    *v = (struct venue){
        .loop = o->loop, .sign = o->sign, .sign_arg = o->sign_arg,
        .changed = o->changed, .arg = o->arg,
    };
    TEXT_COPY(v->base, o->base_url);
    v->last = &v->first;
    breaker_init(&v->breaker, now);
    tune(v, o, now);
    int err = http_new(o->loop, NULL, &v->http);
    if (err == ERR_OK)
        err = ws_client_new(o->loop, &v->ws);
    if (err < 0) {
        http_destroy(&v->http);
        free(v);
        return err;
    }
    v->timer = loop_timer_new(o->loop, 1000, 0, false, pump, v);
    loop_timer_pause(v->timer);
    *ret = v;
    return ERR_OK;
}

static void stream_free(struct venue_stream *s);

void venue_destroy(struct venue **venue)
{
    struct venue *v = *venue;
    if (v == NULL)
        return;
    http_destroy(&v->http);
    ws_client_destroy(&v->ws);
    struct call *lists[] = {v->first, v->flying};
    for (int i = 0; i < 2; i++)
        for (struct call *c = lists[i], *next; c != NULL; c = next) {
            next = c->next;
            call_free(c);
        }
    while (v->streams != NULL)
        stream_free(v->streams);    /* their sockets went with ws: nobody will call back */
    loop_timer_destroy(&v->timer);
    free(v);
    *venue = NULL;
}

/* ---- the stream ---- */

static void stream_retry(struct venue_stream *s, const char *reason)
{
    bool was = s->up;
    s->up = s->opening = false;
    s->ws = NULL;
    loop_timer_pause(s->ping_timer);
    loop_timer_pause(s->answer_timer);
    if (was || s->retry_ms == RETRY_FIRST_MS)
        s->o.on_down(s->o.arg, reason);
    loop_timer_again(s->timer, s->retry_ms);
    s->retry_ms = s->retry_ms * 2 < RETRY_MOST_MS ? s->retry_ms * 2 : RETRY_MOST_MS;
}

static void stream_send(struct venue_stream *s, const char *text)
{
    if (s->ws != NULL && ws_send_text(s->ws, text, strlen(text)) < 0)
        ws_close(s->ws);        /* it cannot take what it must: begin anew */
}

static void send_subscription(struct venue_stream *s, size_t i)
{
    char text[256];
    snprintf(text, sizeof text,
             "{\"id\":\"%lld\",\"type\":\"subscribe\",\"topic\":\"%s\",\"privateChannel\":%s,\"response\":true}",
             (long long)++s->next_id, s->topics[i].topic, s->topics[i].private ? "true" : "false");
    s->topics[i].id = s->next_id;
    s->topics[i].acked = false;
    loop_timer_again(s->answer_timer, s->pong_ms);
    stream_send(s, text);
}

static void on_ack(struct venue_stream *s, const json_t *tree)
{
    int64_t id = -1;
    codec_int(tree, "id", &id);
    for (size_t i = 0; i < s->n_topics; i++)
        s->topics[i].acked |= s->topics[i].id == id;
}

/* A welcome or an acknowledgement takes no longer than a pong.  A channel that never began is silent for ever,
 * whatever the others say. */
static void on_answer_timer(void *arg)
{
    struct venue_stream *s = arg;
    const char *missing = s->up ? NULL : "welcome";
    for (size_t i = 0; s->up && i < s->n_topics; i++)
        if (!s->topics[i].acked)
            missing = s->topics[i].topic;
    if (missing == NULL || s->ws == NULL)
        return;
    log_warn("venue.stream_unanswered", LOG_S("missing", missing), LOG_I("ms", s->pong_ms),
             LOG_S("action", "reconnecting"));
    ws_close(s->ws);
}

/* A public topic that the venue does not know concerns its own symbol alone: the rest goes on without it. */
static void on_refused(struct venue_stream *s, const json_t *tree)
{
    const char *what = "";
    int64_t id = -1;
    size_t i = 0;
    codec_text(tree, "data", &what);
    codec_int(tree, "id", &id);
    while (i < s->n_topics && (s->topics[i].id != id || s->topics[i].private))
        i++;
    if (i == s->n_topics) {
        log_error("venue.stream_refused", LOG_S("text", what), LOG_S("action", "reconnecting"));
        ws_close(s->ws);
        return;
    }
    log_error("venue.topic_refused", LOG_S("text", what), LOG_S("action", "going on without"));
    s->topics[i] = s->topics[--s->n_topics];
}

static void on_welcome(struct venue_stream *s)
{
    s->up = true;
    s->opening = false;
    s->retry_ms = RETRY_FIRST_MS;
    for (size_t i = 0; i < s->n_topics; i++)
        send_subscription(s, i);
    loop_timer_again(s->ping_timer, s->ping_ms);
    s->o.on_up(s->o.arg);
}

static void on_text(void *arg, struct ws *w, const char *text, size_t len)
{
    struct venue_stream *s = arg;
    json_t *tree = NULL;
    const char *type, *topic, *subject = "";
    int64_t sn = -1;
    (void)w;
    s->heard = mono_now();
    if (codec_load(text, len, &tree) < 0 || codec_text(tree, "type", &type) < 0) {
        log_warn("venue.frame_malformed", LOG_I("bytes", len), LOG_S("action", "reconnecting"));
        ws_close(s->ws);
    } else if (strcmp(type, "message") == 0) {
        codec_text(tree, "subject", &subject);
        codec_int(tree, "sn", &sn);
        const json_t *data = json_object_get(tree, "data");
        if (codec_text(tree, "topic", &topic) == ERR_OK && data != NULL)
            s->o.on_message(s->o.arg, topic, subject, data, sn);
    } else if (strcmp(type, "welcome") == 0) {
        on_welcome(s);
    } else if (strcmp(type, "ack") == 0) {
        on_ack(s, tree);
    } else if (strcmp(type, "error") == 0) {
        on_refused(s, tree);
    }
    json_decref(tree);
}

static void stream_free(struct venue_stream *s)
{
    struct venue_stream **p = &s->v->streams;
    while (*p != s)
        p = &(*p)->next;
    *p = s->next;
    free(s);
}

static void on_close(void *arg, struct ws *w, const char *reason)
{
    struct venue_stream *s = arg;
    (void)w;
    if (s->closing)
        stream_free(s);
    else
        stream_retry(s, reason);
}

static void on_open(void *arg, struct ws *w)
{
    struct venue_stream *s = arg;
    (void)w;
    loop_timer_again(s->answer_timer, s->pong_ms);      /* nothing may be sent before the welcome */
}

/* What the venue asks for, if a timer can have it. */
static int64_t period(const json_t *server, const char *key, int64_t preset_ms)
{
    int64_t ms;
    return codec_int(server, key, &ms) == ERR_OK && ms >= PERIOD_LEAST_MS && ms <= PERIOD_MOST_MS ? ms : preset_ms;
}

static void on_bullet(void *arg, const struct venue_answer *a)
{
    struct venue_stream *s = arg;
    const char *token, *endpoint;
    if (s->orphan) {
        stream_free(s);
        return;
    }
    const json_t *server = json_array_get(json_object_get(a->data, "instanceServers"), 0);
    if (a->outcome != VENUE_OK || codec_text(a->data, "token", &token) < 0 ||
        codec_text(server, "endpoint", &endpoint) < 0) {
        stream_retry(s, a->msg[0] != '\0' ? a->msg : "no usable bullet token");
        return;
    }
    s->ping_ms = period(server, "pingInterval", PING_PRESET_MS);
    s->pong_ms = period(server, "pingTimeout", PONG_PRESET_MS);
    char url[1024], id[37];
    uuid_make(id);
    snprintf(url, sizeof url, "%s%ctoken=%s&connectId=%s", endpoint, strchr(endpoint, '?') != NULL ? '&' : '?',
             token, id);
    const struct ws_callbacks cb = {.on_open = on_open, .on_text = on_text, .on_close = on_close, .arg = s};
    if (ws_connect(s->v->ws, url, &cb, &s->ws) < 0)
        stream_retry(s, "the venue's socket address is unusable");
}

static void on_connect_timer(void *arg)
{
    struct venue_stream *s = arg;
    s->opening = true;
    call_new(s->v, s->o.private ? VENUE_PRIVATE : VENUE_PUBLIC, true, "POST",
             s->o.private ? "/api/v1/bullet-private" : "/api/v1/bullet-public", NULL, on_bullet, s);
}

static void on_ping_timer(void *arg)
{
    struct venue_stream *s = arg;
    int64_t silent_ms = (mono_now().ns - s->heard.ns) / MS;
    if (silent_ms > s->ping_ms + s->pong_ms && s->ws != NULL) {
        ws_close(s->ws);
        return;
    }
    char text[64];
    snprintf(text, sizeof text, "{\"id\":\"%lld\",\"type\":\"ping\"}", (long long)++s->next_id);
    stream_send(s, text);
    loop_timer_again(s->ping_timer, s->ping_ms);
}

struct venue_stream *venue_stream_open(struct venue *v, const struct venue_stream_options *o)
{
    struct venue_stream *s = calloc(1, sizeof *s);
    must(s != NULL);
    *s = (struct venue_stream){.v = v, .o = *o, .retry_ms = RETRY_FIRST_MS, .heard = mono_now()};
    s->next = v->streams;
    v->streams = s;
    s->timer = loop_timer_new(v->loop, 0, 0, false, on_connect_timer, s);
    s->ping_timer = loop_timer_new(v->loop, PING_PRESET_MS, 0, false, on_ping_timer, s);
    s->answer_timer = loop_timer_new(v->loop, PONG_PRESET_MS, 0, false, on_answer_timer, s);
    loop_timer_pause(s->ping_timer);
    loop_timer_pause(s->answer_timer);
    return s;
}

void venue_stream_close(struct venue_stream **stream)
{
    struct venue_stream *s = *stream;
    if (s == NULL)
        return;
    *stream = NULL;
    loop_timer_destroy(&s->timer);
    loop_timer_destroy(&s->ping_timer);
    loop_timer_destroy(&s->answer_timer);
    s->closing = true;
    if (s->ws != NULL)
        ws_close(s->ws);        /* freed when it has closed */
    else if (s->opening)
        s->orphan = true;       /* freed when the bullet call is answered */
    else
        stream_free(s);
}

void venue_stream_subscribe(struct venue_stream *s, const char *topic, bool private)
{
    for (size_t i = 0; i < s->n_topics; i++)
        if (strcmp(s->topics[i].topic, topic) == 0)
            return;
    must(s->n_topics < VENUE_TOPICS_MAX);
    TEXT_COPY(s->topics[s->n_topics].topic, topic);
    s->topics[s->n_topics++].private = private;
    if (s->up)
        send_subscription(s, s->n_topics - 1);
}

bool venue_stream_is_up(const struct venue_stream *s)
{
    return s->up;
}
