/* store - see store.h
 *
 * Invariants: s->calls is the queue of unanswered commands in the order hiredis answers them; hiredis
 * answers each, with NULL when the connection goes.  s->context is NULL as soon as a connection is
 * given up, before those answers come, so that a callback's new calls meet a store that is down.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>

#include "proto/err.h"
#include "libagent/store.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS  2000
#define PREFIX_MAX       96
#define FULL_KEY_MAX     (PREFIX_MAX + STORE_KEY_MAX)

struct call {
    struct store *store;
    struct call  *next;
    uint64_t      deadline_ns;
    store_reply  *done;
    void         *arg;
};

struct store {
    uv_loop_t *loop;
    char       path[sizeof ((struct sockaddr_un *)0)->sun_path];
    char       prefix[PREFIX_MAX];
    uint64_t   timeout_ns;
    void     (*changed)(void *arg, enum store_state state);
    void      *arg;
    redisAsyncContext *context;
    enum store_state state;
    uint64_t   generation;
    struct call *calls, **calls_tail;
    int        calls_n;
    uint64_t   backoff_ms;
    uv_timer_t retry, deadline;
    int        handles;             /* open timers */
    bool       closing;
};

static const struct {
    const char *prefix;
    enum store_state state;
} refusals[] = {
    { "LOADING ",  STORE_LOADING },       { "OOM ",    STORE_NO_MEMORY },
    { "MISCONF ",  STORE_NO_DISK },       { "READONLY ", STORE_READ_ONLY },
    { "NOAUTH ",   STORE_NO_PERMISSION }, { "NOPERM ", STORE_NO_PERMISSION },
    { "WRONGPASS ", STORE_NO_PERMISSION }, { "MASTERDOWN ", STORE_READ_ONLY },
    { "BUSY ",     STORE_NO_ANSWER },     { "MOVED ",  STORE_GARBAGE },
    { "ASK ",      STORE_GARBAGE },       { "CLUSTERDOWN ", STORE_GARBAGE },
};

const char *store_state_text(enum store_state state)
{
    static const char *const texts[] = {
        [STORE_UP] = "up",
        [STORE_NO_SERVER] = "no connection",
        [STORE_NO_ANSWER] = "no answer in time",
        [STORE_LOADING] = "still loading (-LOADING)",
        [STORE_NO_MEMORY] = "out of memory (-OOM)",
        [STORE_NO_DISK] = "cannot write its files (-MISCONF)",
        [STORE_READ_ONLY] = "read only (-READONLY)",
        [STORE_NO_PERMISSION] = "permission refused",
        [STORE_GARBAGE] = "answers that are none",
    };
    return texts[state];
}

static void set_state(struct store *s, enum store_state state)
{
    if (s->state == state)
        return;
    s->state = state;
    if (state == STORE_UP) {
        s->generation++;
        s->backoff_ms = BACKOFF_FIRST_MS;
    }
    if (s->changed != NULL && !s->closing)
        s->changed(s->arg, state);
}

static void on_retry(uv_timer_t *timer);
static void on_deadline(uv_timer_t *timer);

static void retry_later(struct store *s)
{
    if (s->closing || uv_is_active((uv_handle_t *)&s->retry))
        return;
    uv_timer_start(&s->retry, on_retry, s->backoff_ms, 0);
    s->backoff_ms = 2 * s->backoff_ms < BACKOFF_LAST_MS ? 2 * s->backoff_ms : BACKOFF_LAST_MS;
}

/* ---- calls ---- */

static void arm_deadline(struct store *s)
{
    if (s->closing)
        return;
    if (s->calls == NULL) {
        uv_timer_stop(&s->deadline);
        return;
    }
    uint64_t now = uv_hrtime(), at = s->calls->deadline_ns;
    uv_update_time(s->loop);
    uv_timer_start(&s->deadline, on_deadline, at > now ? (at - now) / 1000000 + 1 : 0, 0);
}

/* What an error answer means for the caller; some also mean that the store is down. */
static int refused(struct store *s, const char *text)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (strncmp(text, refusals[i].prefix, strlen(refusals[i].prefix)) == 0) {
            set_state(s, refusals[i].state);
            retry_later(s);
            return ERR_DOWN;
        }
    return strncmp(text, "WRONGTYPE ", 10) == 0 ? ERR_TYPE
         : strncmp(text, "NOSCRIPT ", 9) == 0 ? ERR_UNKNOWN : ERR_REFUSED;
}

static void on_reply(redisAsyncContext *context, void *r, void *privdata)
{
    const redisReply *reply = r;
    struct call *call = privdata;
    struct store *s = call->store;
    must(s->calls == call);
    s->calls = call->next;
    if (s->calls == NULL)
        s->calls_tail = &s->calls;
    s->calls_n--;
    int err = ERR_OK;
    if (reply == NULL) {
        if (s->context == context) {            /* not given up by us: it went away, or talks nonsense */
            s->context = NULL;
            set_state(s, context->err == REDIS_ERR_PROTOCOL || context->err == REDIS_ERR_OOM
                         ? STORE_GARBAGE : STORE_NO_SERVER);
            retry_later(s);
        }
        err = s->closing ? ERR_CANCELLED : s->state == STORE_NO_ANSWER ? ERR_TIMEOUT : ERR_DOWN;
    } else if (reply->type == REDIS_REPLY_ERROR) {
        err = refused(s, reply->str);
    }
    arm_deadline(s);
    call->done(call->arg, err, err == ERR_OK ? reply : NULL);
    free(call);
}

static void issue(struct store *s, int argc, const char **argv, const size_t *lens,
                  store_reply *done, void *arg)
{
    struct call *call = calloc(1, sizeof *call);
    must(call != NULL);
    *call = (struct call){ .store = s, .deadline_ns = uv_hrtime() + s->timeout_ns, .done = done,
                           .arg = arg };
    if (redisAsyncCommandArgv(s->context, on_reply, call, argc, argv, lens) != REDIS_OK) {
        free(call);                             /* the connection is just being given up */
        done(arg, ERR_DOWN, NULL);
        return;
    }
    *s->calls_tail = call;
    s->calls_tail = &call->next;
    s->calls_n++;
    if (s->calls == call)
        arm_deadline(s);
}

void store_command(struct store *s, int argc, const char **argv, const size_t *lens,
                   store_reply *done, void *arg)
{
    if (s->state != STORE_UP || s->context == NULL || s->closing)
        done(arg, s->closing ? ERR_CANCELLED : ERR_DOWN, NULL);
    else if (s->calls_n >= STORE_INFLIGHT_MAX)
        done(arg, ERR_FULL, NULL);
    else
        issue(s, argc, argv, lens, done, arg);
}

/* ---- connection ---- */

/* Give the connection up; hiredis answers what is pending. */
static void drop(struct store *s, enum store_state why)
{
    redisAsyncContext *context = s->context;
    s->context = NULL;
    set_state(s, why);
    if (context != NULL)
        redisAsyncFree(context);
    retry_later(s);
}

static void on_deadline(uv_timer_t *timer)
{
    struct store *s = timer->data;
    /* If it was this loop that was late, the answer is waiting already. */
    if (s->calls != NULL && s->context != NULL)
        redisAsyncHandleRead(s->context);
    if (s->calls != NULL && s->context != NULL && s->calls->deadline_ns <= uv_hrtime())
        drop(s, STORE_NO_ANSWER);
    else
        arm_deadline(s);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct store *s = context->data;
    (void)status;
    if (s->context == context) {
        s->context = NULL;
        set_state(s, STORE_NO_SERVER);
        retry_later(s);
    }
}

static redisReplyObjectFunctions bounded_functions;
static void *(*unbounded_array)(const redisReadTask *task, int n);

static void *bounded_array(const redisReadTask *task, int n)
{
    return n <= STORE_ARRAY_MAX ? unbounded_array(task, n) : NULL;
}

static void bound_replies(redisAsyncContext *context)
{
    redisReader *reader = context->c.reader;
    if (unbounded_array == NULL) {
        bounded_functions = *reader->fn;
        unbounded_array = reader->fn->createArray;
        bounded_functions.createArray = bounded_array;
    }
    reader->fn = &bounded_functions;
}

static void on_probed(void *arg, int err, const redisReply *reply)
{
    struct store *s = arg;
    if (err == ERR_OK && reply->type == REDIS_REPLY_STATUS)
        set_state(s, STORE_UP);
    else if ((err == ERR_OK || err == ERR_REFUSED) && s->context != NULL)
        set_state(s, STORE_GARBAGE);
    if (s->state != STORE_UP)
        retry_later(s);
}

static void probe(struct store *s)
{
    char key[FULL_KEY_MAX];
    snprintf(key, sizeof key, "%sprobe", s->prefix);
    const char *argv[] = { "SET", key, "1", "PX", "60000" };
    issue(s, 5, argv, NULL, on_probed, s);
}

static void connect_now(struct store *s)
{
    redisAsyncContext *context = redisAsyncConnectUnix(s->path);
    must(context != NULL);
    context->data = s;
    if (context->err != 0 || redisLibuvAttach(context, s->loop) != REDIS_OK) {
        if (context->ev.data == NULL)
            context->ev.cleanup = NULL;         /* without memory the adapter leaves it set, for nothing */
        redisAsyncFree(context);
        set_state(s, STORE_NO_SERVER);
        retry_later(s);
        return;
    }
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    bound_replies(context);
    s->context = context;
    probe(s);
}

static void on_retry(uv_timer_t *timer)
{
    struct store *s = timer->data;
    if (s->state == STORE_UP)
        return;
    if (s->context == NULL)
        connect_now(s);
    else
        probe(s);
}

int store_open(const struct store_options *options, struct store **ret)
{
    struct store *s = calloc(1, sizeof *s);
    must(s != NULL);
    int n = snprintf(s->prefix, sizeof s->prefix, "enigma:%s:", options->instance);
    int m = snprintf(s->path, sizeof s->path, "%s", options->path);
    if (n >= (int)sizeof s->prefix || m >= (int)sizeof s->path || m == 0 || *options->instance == '\0') {
        free(s);
        return ERR_SIZE;
    }
    s->loop = options->loop;
    s->timeout_ns = 1000000ull * (uint64_t)(options->timeout_ms > 0 ? options->timeout_ms
                                                                    : STORE_TIMEOUT_MS);
    s->changed = options->changed;
    s->arg = options->arg;
    s->state = STORE_NO_SERVER;
    s->backoff_ms = BACKOFF_FIRST_MS;
    s->calls_tail = &s->calls;
    must(uv_timer_init(s->loop, &s->retry) == 0 && uv_timer_init(s->loop, &s->deadline) == 0);
    s->retry.data = s->deadline.data = s;
    s->handles = 2;
    connect_now(s);
    *ret = s;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct store *s = handle->data;
    if (--s->handles == 0)
        free(s);
}

void store_close(struct store **store)
{
    struct store *s = *store;
    if (s == NULL)
        return;
    *store = NULL;
    s->closing = true;
    drop(s, STORE_NO_SERVER);
    uv_close((uv_handle_t *)&s->retry, on_closed);
    uv_close((uv_handle_t *)&s->deadline, on_closed);
}

enum store_state store_state(const struct store *s)
{
    return s->state;
}

uint64_t store_generation(const struct store *s)
{
    return s->generation;
}

const char *store_prefix(const struct store *s)
{
    return s->prefix;
}

/* ---- keys and values ---- */

static bool full_key(const struct store *s, const char *key, char ret[FULL_KEY_MAX])
{
    size_t len = strlen(key);
    if (len == 0 || len > STORE_KEY_MAX - 1)
        return false;
    snprintf(ret, FULL_KEY_MAX, "%s%s", s->prefix, key);
    return true;
}

/* A call whose answer is looked at before the caller hears of it. */
struct request {
    store_done  *done;
    store_value *value;
    void        *arg;
};

static struct request *request_new(store_done *done, store_value *value, void *arg)
{
    struct request *r = calloc(1, sizeof *r);
    must(r != NULL);
    *r = (struct request){ done, value, arg };
    return r;
}

static void on_done(void *arg, int err, const redisReply *reply)
{
    struct request *r = arg;
    if (err == ERR_OK && reply->type != REDIS_REPLY_STATUS && reply->type != REDIS_REPLY_INTEGER)
        err = ERR_PROTOCOL;
    r->done(r->arg, err);
    free(r);
}

static void on_value(void *arg, int err, const redisReply *reply)
{
    struct request *r = arg;
    if (err == ERR_OK && reply->type != REDIS_REPLY_STRING)
        err = ERR_PROTOCOL;
    if (err == ERR_OK)
        err = reply->len == 0 ? ERR_NOT_FOUND : reply->len > STORE_VALUE_MAX ? ERR_SIZE : ERR_OK;
    r->value(r->arg, err, err == ERR_OK ? reply->str : NULL, err == ERR_OK ? (size_t)reply->len : 0);
    free(r);
}

void store_set(struct store *s, const char *key, const void *value, size_t len, store_done *done,
               void *arg)
{
    char full[FULL_KEY_MAX];
    if (!full_key(s, key, full) || len == 0 || len > STORE_VALUE_MAX) {
        done(arg, ERR_SIZE);
        return;
    }
    const char *argv[] = { "SET", full, value };
    const size_t lens[] = { 3, strlen(full), len };
    store_command(s, 3, argv, lens, on_done, request_new(done, NULL, arg));
}

/* GETRANGE, so that the server never sends more than we would take; empty values do not exist. */
void store_get(struct store *s, const char *key, store_value *done, void *arg)
{
    char full[FULL_KEY_MAX], last[16];
    if (!full_key(s, key, full)) {
        done(arg, ERR_SIZE, NULL, 0);
        return;
    }
    snprintf(last, sizeof last, "%u", STORE_VALUE_MAX);
    const char *argv[] = { "GETRANGE", full, "0", last };
    store_command(s, 4, argv, NULL, on_value, request_new(NULL, done, arg));
}

void store_delete(struct store *s, const char *key, store_done *done, void *arg)
{
    char full[FULL_KEY_MAX];
    if (!full_key(s, key, full)) {
        done(arg, ERR_SIZE);
        return;
    }
    const char *argv[] = { "DEL", full };
    store_command(s, 2, argv, NULL, on_done, request_new(done, NULL, arg));
}

/* ---- scan ---- */

struct scan {
    struct store *store;
    char        pattern[2 * FULL_KEY_MAX + 2];
    char        start[FULL_KEY_MAX];
    store_key  *each;
    store_done *done;
    void       *arg;
};

static void scan_next(struct scan *scan, const char *cursor);

static void scan_end(struct scan *scan, int err)
{
    scan->done(scan->arg, err);
    free(scan);
}

static bool is_scan_reply(const redisReply *r)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
           r->element[0]->type == REDIS_REPLY_STRING && r->element[0]->len <= 20 &&
           r->element[1]->type == REDIS_REPLY_ARRAY;
}

static void on_scanned(void *arg, int err, const redisReply *reply)
{
    struct scan *scan = arg;
    if (err == ERR_OK && !is_scan_reply(reply))
        err = ERR_PROTOCOL;
    if (err < 0) {
        scan_end(scan, err);
        return;
    }
    const redisReply *keys = reply->element[1];
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        if (key->type == REDIS_REPLY_STRING && strlen(key->str) == (size_t)key->len &&
            strncmp(key->str, scan->start, strlen(scan->start)) == 0)
            scan->each(scan->arg, key->str + strlen(scan->store->prefix));
    }
    if (strcmp(reply->element[0]->str, "0") == 0)
        scan_end(scan, ERR_OK);
    else
        scan_next(scan, reply->element[0]->str);
}

static void scan_next(struct scan *scan, const char *cursor)
{
    const char *argv[] = { "SCAN", cursor, "MATCH", scan->pattern, "COUNT", "100" };
    store_command(scan->store, 6, argv, NULL, on_scanned, scan);
}

void store_scan(struct store *s, const char *start, store_key *each, store_done *done, void *arg)
{
    if (strlen(start) >= STORE_KEY_MAX) {
        done(arg, ERR_SIZE);
        return;
    }
    struct scan *scan = calloc(1, sizeof *scan);
    must(scan != NULL);
    scan->store = s;
    scan->each = each;
    scan->done = done;
    scan->arg = arg;
    snprintf(scan->start, sizeof scan->start, "%s%s", s->prefix, start);
    char *p = scan->pattern;
    for (const char *c = scan->start; *c != '\0'; c++) {
        if (strchr("*?[]^\\-", *c) != NULL)
            *p++ = '\\';
        *p++ = *c;
    }
    *p = '*';
    scan_next(scan, "0");
}
