/* fuzz_venue - what an exchange can answer: REST envelopes, the token of the stream, and frames of the stream
 * after libwebsockets put them together.
 *
 * link: libagent/exchange libagent/bucket.c libagent/breaker.c libagent/clock.c libagent/log.c
 *
 * Network and timers are this file's.  The first byte: bit 0 REST or stream, bits 1 ... the HTTP status.  Whatever
 * comes, each call is answered once, and every timer is set to a time that there is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/venue.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct loop_timer { void (*fn)(void *arg); void *arg; };

struct loop_timer *loop_timer_new(struct loop *l, int64_t first_ms, int64_t every_ms, bool aligned,
                                  void (*fn)(void *arg), void *arg)
{
    struct loop_timer *t = malloc(sizeof *t);
    (void)l, (void)first_ms, (void)every_ms, (void)aligned;
    must(t != NULL);
    *t = (struct loop_timer){fn, arg};
    return t;
}
void loop_timer_pause(struct loop_timer *t) { (void)t; }
void loop_timer_resume(struct loop_timer *t) { (void)t; }
void loop_timer_again(struct loop_timer *t, int64_t ms)
{
    (void)t;
    must(ms >= 0 && ms <= 86400000);
}
void loop_timer_destroy(struct loop_timer **t) { free(*t), *t = NULL; }

static http_done_fn *done;
static void *done_arg;
int http_new(struct loop *l, const char *path, struct http **ret) { (void)l, (void)path, *ret = NULL; return ERR_OK; }
void http_destroy(struct http **h) { (void)h; }
int http_request(struct http *h, const struct http_request *req, http_done_fn *fn, void *arg, struct http_call **call)
{
    (void)h, (void)call;
    must(strlen(req->url) < 2048);
    done = fn;
    done_arg = arg;
    return ERR_OK;
}

static struct ws_callbacks socket_;
static bool connected, closed;
int ws_client_new(struct loop *l, struct ws_client **ret) { (void)l, *ret = NULL; return ERR_OK; }
void ws_client_destroy(struct ws_client **c) { (void)c; }
int ws_connect(struct ws_client *c, const char *url, const struct ws_callbacks *cb, struct ws **ret)
{
    static int nothing;
    (void)c;
    must(strlen(url) < WS_URL_MAX);
    socket_ = *cb;
    connected = true;
    closed = false;
    *ret = (struct ws *)(void *)&nothing;
    return ERR_OK;
}
int ws_send_text(struct ws *w, const char *text, size_t len) { must(w != NULL && text[len] == '\0'); return ERR_OK; }
void ws_close(struct ws *w) { must(w != NULL); closed = true; }

static int answers;

/* Whoever is given data may look at all of it. */
static void look(const json_t *v, int depth)
{
    const char *text;
    dec_t d;
    int64_t n;
    bool b;
    must(depth < 2100);
    must(!(codec_is_number(v) && codec_is_text(v)));
    must((codec_chars(v) != NULL) == (codec_is_number(v) || codec_is_text(v)));
    if (codec_value_dec(v, &d) == ERR_OK) {
        char out[DEC_TEXT_MAX];
        dec_t again;
        dec_format(d, out);
        must(strchr(out, 'E') != NULL || (dec_parse(out, &again) == ERR_OK && dec_eq(d, again)));
    }
    if (codec_value_int(v, &n) == ERR_OK)
        must(codec_value_dec(v, &d) == ERR_OK && dec_eq(d, dec_int(n)));
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)v, key, member) {
        (void)codec_text(v, key, &text), (void)codec_dec(v, key, &d), (void)codec_int(v, key, &n), (void)codec_bool(v, key, &b);
        look(member, depth + 1);
    }
    for (size_t i = 0; i < json_array_size(v); i++)
        look(json_array_get(v, i), depth + 1);
}

static void on_answer(void *arg, const struct venue_answer *a)
{
    (void)arg;
    answers++;
    must(memchr(a->code, '\0', sizeof a->code) != NULL && memchr(a->msg, '\0', sizeof a->msg) != NULL);
    if (a->data != NULL)
        look(a->data, 0);
}

static void on_up(void *arg) { (void)arg; }
static void on_down(void *arg, const char *reason) { (void)arg; must(reason != NULL); }
static void on_message(void *arg, const char *topic, const char *subject, const json_t *data, int64_t sn)
{
    (void)arg, (void)sn;
    must(topic != NULL && subject != NULL);
    look(data, 0);
}

static void give(const char *text, size_t len, int status)
{
    const struct http_response r = {.outcome = HTTP_ANSWERED, .status = status, .body = text, .len = len, .error = ""};
    http_done_fn *fn = done;
    must(fn != NULL);
    done = NULL;
    fn(done_arg, &r);
}

static void rest(struct venue *v, const char *text, size_t len, int status)
{
    answers = 0;
    venue_call(v, VENUE_PUBLIC, "GET", "/api/v1/x", NULL, on_answer, NULL);
    pump(v);
    give(text, len, status);
    must(answers == 1);
}

/* The input is the token's answer up to the first newline, then a frame a line. */
static void stream(struct venue *v, const char *text, size_t len)
{
    static const char bullet[] = "{\"code\":\"200000\",\"data\":{\"token\":\"t\",\"instanceServers\":[{\"endpoint\":\"ws://x/\"}]}}";
    const struct venue_stream_options o = {.on_up = on_up, .on_down = on_down, .on_message = on_message};
    struct venue_stream *s = venue_stream_open(v, &o);
    venue_stream_subscribe(s, "/contractMarket/level2:XBTUSDTM", false);
    const char *line = memchr(text, '\n', len), *end = text + len;
    size_t n = line != NULL ? (size_t)(line - text) : len;
    connected = false;
    on_connect_timer(s);
    pump(v);
    if (n > 0)
        give(text, n, 200);
    else
        give(bullet, sizeof bullet - 1, 200);
    for (text += n; connected && !closed && text < end; text += n) {
        text++;
        line = memchr(text, '\n', (size_t)(end - text));
        n = (size_t)((line != NULL ? line : end) - text);
        char *copy = malloc(n + 1);             /* exactly so long: a byte too far is seen */
        must(copy != NULL);
        memcpy(copy, text, n);
        copy[n] = '\0';
        socket_.on_text(socket_.arg, s->ws, copy, n);
        on_ping_timer(s);
        free(copy);
    }
    if (connected)
        socket_.on_close(socket_.arg, s->ws, "closed");
    venue_stream_close(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int status[] = {200, 200, 200, 400, 401, 429, 500, 503};
    const struct venue_options o = {.base_url = "http://x", .timeout_ms = 1000, .burst = 1000, .public_rate = 1000, .private_rate = 1000};
    struct venue *v;
    if (size < 1)
        return 0;
    log_set_level("error");
    char *text = malloc(size);
    must(text != NULL && venue_new(&o, &v) == ERR_OK);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] & 1)
        rest(v, text, size - 1, status[data[0] >> 1 & 7]);
    else
        stream(v, text, size - 1);
    venue_destroy(&v);
    free(text);
    return 0;
}
