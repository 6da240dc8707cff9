/* queue - see queue.h
 *
 * Every operation is one Lua script, so that each happens wholly or not at all.  Scripts get the keys
 * in KEYS in the order of enum key.  They answer an integer below 0 for an outcome (enum outcome).
 * A packed task is cmsgpack {priority 0..3 (place in KEYS), seq, attempt, worker, payload}.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <czmq.h>

#include "proto/err.h"
#include "libagent/queue.h"

#define KEYS_N 9
static const char *const key_names[KEYS_N] = {
    "q0", "q1", "q2", "q3", "tasks", "dead", "lease", "seq", "takes",
};
#define ARGS_MAX 5
#ifdef PLANTED_lifo_queue           /* proto/planted.h: a script cannot ask */
#define QUEUE_POP "ZPOPMAX"
#else
#define QUEUE_POP "ZPOPMIN"
#endif

/* Shared beginning: the server's time, and a task unpacked or nil. */
#define LUA_COMMON \
    "local tasks, dead, lease = KEYS[5], KEYS[6], KEYS[7]\n" \
    "local t = redis.call('TIME')\n" \
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n" \
    "local function load(id)\n" \
    "  local packed = redis.call('HGET', tasks, id)\n" \
    "  if not packed or #packed > 70000 then return nil end\n" \
    "  local ok, task = pcall(cmsgpack.unpack, packed)\n" \
    "  if not ok or type(task) ~= 'table' or #task ~= 5 then return nil end\n" \
    "  for i = 1, 3 do if type(task[i]) ~= 'number' then return nil end end\n" \
    "  if type(task[4]) ~= 'string' or type(task[5]) ~= 'string' then return nil end\n" \
    "  if task[1] < 0 or task[1] > 3 then return nil end\n" \
    "  return task\n" \
    "end\n" \
    "local function held(id, worker, attempt)\n" \
    "  local task = load(id)\n" \
    "  return task and redis.call('ZSCORE', lease, id) and task[4] == worker\n" \
    "     and task[3] == tonumber(attempt)\n" \
    "end\n"

enum script { ADD, TAKE, RENEW, FINISH, REAP, COUNT, FORGET, RESET, SCRIPTS_N };
enum outcome { DUPLICATE = -1, FULL = -2, EMPTY = -3, NOT_HELD = -4, NOT_THERE = -5 };

static const char *const sources[SCRIPTS_N] = {
    /* id, place, payload, most tasks */
    [ADD] = LUA_COMMON
    "if redis.call('HEXISTS', tasks, ARGV[1]) + redis.call('HEXISTS', dead, ARGV[1]) > 0 then return -1 end\n"
    "if redis.call('HLEN', tasks) + redis.call('HLEN', dead) >= tonumber(ARGV[4]) then return -2 end\n"
    "local seq = redis.call('INCR', KEYS[8])\n"
    "local place = tonumber(ARGV[2])\n"
    "redis.call('HSET', tasks, ARGV[1], cmsgpack.pack({place, seq, 1, '', ARGV[3]}))\n"
    "redis.call('ZADD', KEYS[1 + place], seq, ARGV[1])\n"
    "return 0\n",

    /* worker, lease ms, limit, fairness.  Ids without a task of ours are garbage: dropped. */
    [TAKE] = LUA_COMMON
    "if redis.call('ZCARD', lease) >= tonumber(ARGV[3]) then return -2 end\n"
    "local n = tonumber(redis.call('GET', KEYS[9]) or '0') or 0\n"
    "local from, to, step = 0, 3, 1\n"
    "if (n + 1) % tonumber(ARGV[4]) == 0 then from, to, step = 3, 0, -1 end\n"
    "for place = from, to, step do\n"
    "  for _ = 1, 100 do\n"
    "    local id = redis.call('" QUEUE_POP "', KEYS[1 + place])[1]\n"
    "    if not id then break end\n"
    "    local task = load(id)\n"
    "    if task and not redis.call('ZSCORE', lease, id) then\n"
    "      task[4] = ARGV[1]\n"
    "      redis.call('HSET', tasks, id, cmsgpack.pack(task))\n"
    "      redis.call('ZADD', lease, now + tonumber(ARGV[2]), id)\n"
    "      redis.call('SET', KEYS[9], n + 1)\n"
    "      return {id, task[1], task[3], task[5]}\n"
    "    end\n"
    "    if not task then redis.call('HDEL', tasks, id) end\n"
    "  end\n"
    "end\n"
    "return -3\n",

    /* id, worker, attempt, lease ms */
    [RENEW] = LUA_COMMON
    "if not held(ARGV[1], ARGV[2], ARGV[3]) then return -4 end\n"
    "redis.call('ZADD', lease, now + tonumber(ARGV[4]), ARGV[1])\n"
    "return 0\n",

    /* id, worker, attempt */
    [FINISH] = LUA_COMMON
    "if not held(ARGV[1], ARGV[2], ARGV[3]) then return -4 end\n"
    "redis.call('ZREM', lease, ARGV[1])\n"
    "redis.call('HDEL', tasks, ARGV[1])\n"
    "return 0\n",

    /* most attempts, most leases to end */
    [REAP] = LUA_COMMON
    "local returned, gone = 0, {}\n"
    "local ids = redis.call('ZRANGEBYSCORE', lease, '-inf', now, 'LIMIT', 0, ARGV[2])\n"
    "for _, id in ipairs(ids) do\n"
    "  redis.call('ZREM', lease, id)\n"
    "  local task = load(id)\n"
    "  if not task then\n"
    "    redis.call('HDEL', tasks, id)\n"
    "  else\n"
    "    task[3], task[4] = task[3] + 1, ''\n"
    "    if task[3] > tonumber(ARGV[1]) then\n"
    "      redis.call('HDEL', tasks, id)\n"
    "      redis.call('HSET', dead, id, cmsgpack.pack(task))\n"
    "      gone[#gone + 1] = id\n"
    "    else\n"
    "      redis.call('HSET', tasks, id, cmsgpack.pack(task))\n"
    "      redis.call('ZADD', KEYS[1 + task[1]], task[2], id)\n"
    "      returned = returned + 1\n"
    "    end\n"
    "  end\n"
    "end\n"
    "return {returned, gone}\n",

    [COUNT] =
    "local n = {}\n"
    "for i = 1, 4 do n[i] = redis.call('ZCARD', KEYS[i]) end\n"
    "n[5] = redis.call('ZCARD', KEYS[7])\n"
    "n[6] = redis.call('HLEN', KEYS[6])\n"
    "return n\n",

    /* id */
    [FORGET] =
    "if redis.call('HDEL', KEYS[6], ARGV[1]) == 0 then return -5 end\n"
    "return 0\n",

    [RESET] =
    "redis.call('DEL', unpack(KEYS))\n"
    "return 0\n",
};

struct queue {
    struct store *store;
    int      limit;
    char     keys[KEYS_N][128];
    struct {
        char sha[41];
        uint64_t generation;            /* the server got the source while the store was at this one */
    } scripts[SCRIPTS_N];
};

static void sha1_hex(const char *text, char ret[41])
{
    zdigest_t *digest = zdigest_new();
    must(digest != NULL);
    zdigest_update(digest, (const byte *)text, strlen(text));
    const char *hex = zdigest_string(digest);
    for (int i = 0; i < 40; i++)
        ret[i] = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] + ('a' - 'A') : hex[i]);
    ret[40] = '\0';
    zdigest_destroy(&digest);
}

void queue_set_limit(struct queue *q, int limit)
{
    q->limit = limit > 0 ? limit : QUEUE_LIMIT;
}

struct queue *queue_new(struct store *store, int limit)
{
    struct queue *q = calloc(1, sizeof *q);
    must(q != NULL);
    q->store = store;
    queue_set_limit(q, limit);
    for (int i = 0; i < KEYS_N; i++)
        snprintf(q->keys[i], sizeof q->keys[i], "%squeue:%s", store_prefix(store), key_names[i]);
    for (int i = 0; i < SCRIPTS_N; i++)
        sha1_hex(sources[i], q->scripts[i].sha);
    return q;
}

void queue_destroy(struct queue **queue)
{
    free(*queue);
    *queue = NULL;
}

/* ---- running a script ---- */

/* One operation under way; keeps its arguments in case the script must be sent whole. */
struct op {
    struct queue *queue;
    enum script   script;
    int           argc;
    char         *args[ARGS_MAX];
    size_t        lens[ARGS_MAX];
    bool          whole;                /* EVAL was sent, not EVALSHA */
    union {
        queue_done_fn   *done;
        queue_taken_fn  *taken;
        queue_reaped_fn *reaped;
        queue_counts_fn *counts;
    } fn;
    void *arg;
};

static struct op *op_new(struct queue *q, enum script script, void *arg)
{
    struct op *op = calloc(1, sizeof *op);
    must(op != NULL);
    op->queue = q;
    op->script = script;
    op->arg = arg;
    return op;
}

static void op_bytes(struct op *op, const void *bytes, size_t len)
{
    must(op->argc < ARGS_MAX);
    char *copy = malloc(len + 1);
    must(copy != NULL);
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    op->args[op->argc] = copy;
    op->lens[op->argc++] = len;
}

static void op_text(struct op *op, const char *text)
{
    op_bytes(op, text, strlen(text));
}

static void op_int(struct op *op, int64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)n);
    op_text(op, text);
}

static void on_answer(void *arg, int err, const redisReply *reply);

/* The first use on a connection sends the source, the others its hash: so calls keep their order. */
static void op_send(struct op *op)
{
    struct queue *q = op->queue;
    uint64_t generation = store_generation(q->store);
    const char *argv[3 + KEYS_N + ARGS_MAX];
    size_t lens[3 + KEYS_N + ARGS_MAX];
    int n = 0;
    op->whole |= q->scripts[op->script].generation != generation;
    if (store_state(q->store) == STORE_UP)
        q->scripts[op->script].generation = generation;
    argv[n++] = op->whole ? "EVAL" : "EVALSHA";
    argv[n++] = op->whole ? sources[op->script] : q->scripts[op->script].sha;
    argv[n++] = "9";
    for (int i = 0; i < KEYS_N; i++)
        argv[n++] = q->keys[i];
    for (int i = 0; i < n; i++)
        lens[i] = strlen(argv[i]);
    for (int i = 0; i < op->argc; i++) {
        argv[n] = op->args[i];
        lens[n++] = op->lens[i];
    }
    store_command(q->store, n, argv, lens, on_answer, op);
}

/* ---- answers: none is trusted ---- */

static int outcome(const redisReply *r)
{
    if (r->type != REDIS_REPLY_INTEGER)
        return ERR_CORRUPT;
    switch (r->integer) {
    case 0:         return ERR_OK;
    case DUPLICATE: return ERR_DUPLICATE;
    case FULL:      return ERR_FULL;
    case EMPTY:     return ERR_EMPTY;
    case NOT_HELD:  return ERR_WRONG_STATE;
    case NOT_THERE: return ERR_NOT_FOUND;
    default:        return ERR_CORRUPT;
    }
}

static bool get_id(const redisReply *r, char ret[QUEUE_ID_MAX + 1])
{
    if (r->type != REDIS_REPLY_STRING || r->len == 0 || (size_t)r->len > QUEUE_ID_MAX ||
        memchr(r->str, '\0', (size_t)r->len) != NULL)
        return false;
    memcpy(ret, r->str, (size_t)r->len + 1);
    return true;
}

static int get_task(const redisReply *r, struct queue_task *ret)
{
    if (r->type != REDIS_REPLY_ARRAY)
        return outcome(r);
    if (r->elements != 4 || !get_id(r->element[0], ret->id) ||
        r->element[1]->type != REDIS_REPLY_INTEGER || r->element[1]->integer < 0 ||
        r->element[1]->integer >= QUEUE_PRIORITIES || r->element[2]->type != REDIS_REPLY_INTEGER ||
        r->element[2]->integer < 1 || r->element[2]->integer > QUEUE_ATTEMPTS ||
        r->element[3]->type != REDIS_REPLY_STRING || (size_t)r->element[3]->len > QUEUE_PAYLOAD_MAX)
        return ERR_CORRUPT;
    ret->priority = QUEUE_PRIORITIES - 1 - (int)r->element[1]->integer;
    ret->attempt = (int)r->element[2]->integer;
    ret->payload = r->element[3]->str;
    ret->len = (size_t)r->element[3]->len;
    return ERR_OK;
}

static int get_reaped(const redisReply *r, struct queue_reaped *ret)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
        r->element[0]->type != REDIS_REPLY_INTEGER || r->element[0]->integer < 0 ||
        r->element[0]->integer > QUEUE_REAP_MAX || r->element[1]->type != REDIS_REPLY_ARRAY ||
        r->element[1]->elements > QUEUE_REAP_MAX)
        return ERR_CORRUPT;
    ret->returned = (int)r->element[0]->integer;
    for (size_t i = 0; i < r->element[1]->elements; i++)
        if (!get_id(r->element[1]->element[i], ret->dead_ids[ret->dead++]))
            return ERR_CORRUPT;
    return ERR_OK;
}

static int get_counts(const redisReply *r, struct queue_counts *ret)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != QUEUE_PRIORITIES + 2)
        return ERR_CORRUPT;
    for (size_t i = 0; i < r->elements; i++)
        if (r->element[i]->type != REDIS_REPLY_INTEGER || r->element[i]->integer < 0)
            return ERR_CORRUPT;
    for (int i = 0; i < QUEUE_PRIORITIES; i++)
        ret->queued[QUEUE_PRIORITIES - 1 - i] = r->element[i]->integer;
    ret->out = r->element[QUEUE_PRIORITIES]->integer;
    ret->dead = r->element[QUEUE_PRIORITIES + 1]->integer;
    return ERR_OK;
}

static void op_answer(struct op *op, int err, const redisReply *reply)
{
    struct queue_task task = { .attempt = 0 };
    struct queue_reaped reaped = { .returned = 0 };
    struct queue_counts counts = { .out = 0 };
    if (err == ERR_REFUSED)
        err = ERR_CORRUPT;              /* the script failed on what it found */
    switch (op->script) {
    case TAKE:
        if (err == ERR_OK)
            err = get_task(reply, &task);
        op->fn.taken(op->arg, err, err == ERR_OK ? &task : NULL);
        break;
    case REAP:
        if (err == ERR_OK)
            err = get_reaped(reply, &reaped);
        op->fn.reaped(op->arg, err, err == ERR_OK ? &reaped : NULL);
        break;
    case COUNT:
        if (err == ERR_OK)
            err = get_counts(reply, &counts);
        op->fn.counts(op->arg, err, err == ERR_OK ? &counts : NULL);
        break;
    default:
        op->fn.done(op->arg, err == ERR_OK ? outcome(reply) : err);
    }
    for (int i = 0; i < op->argc; i++)
        free(op->args[i]);
    free(op);
}

static void on_answer(void *arg, int err, const redisReply *reply)
{
    struct op *op = arg;
    if (err == ERR_UNKNOWN && !op->whole) {     /* somebody flushed the server's scripts */
        op->whole = true;
        op_send(op);
        return;
    }
    op_answer(op, err, reply);
}

static bool good_id(const char *id)
{
    size_t len = strlen(id);
    return len > 0 && len <= QUEUE_ID_MAX;
}

/* ---- operations ---- */

void queue_add(struct queue *q, const char *id, int priority, const void *payload, size_t len,
               queue_done_fn *done, void *arg)
{
    int err = !good_id(id) || len > QUEUE_PAYLOAD_MAX ? ERR_SIZE
            : priority < 0 || priority >= QUEUE_PRIORITIES ? ERR_RANGE : ERR_OK;
    if (err < 0) {
        done(arg, err);
        return;
    }
    struct op *op = op_new(q, ADD, arg);
    op->fn.done = done;
    op_text(op, id);
    op_int(op, QUEUE_PRIORITIES - 1 - priority);
    op_bytes(op, payload, len);
    op_int(op, QUEUE_TASKS_MAX);
    op_send(op);
}

void queue_take(struct queue *q, const char *worker, int64_t lease_ms, queue_taken_fn *done, void *arg)
{
    must(good_id(worker) && lease_ms > 0);
    struct op *op = op_new(q, TAKE, arg);
    op->fn.taken = done;
    op_text(op, worker);
    op_int(op, lease_ms);
    op_int(op, q->limit);
    op_int(op, QUEUE_FAIR);
    op_send(op);
}

void queue_renew(struct queue *q, const char *id, const char *worker, int attempt, int64_t lease_ms,
                 queue_done_fn *done, void *arg)
{
    must(lease_ms > 0);
    struct op *op = op_new(q, RENEW, arg);
    op->fn.done = done;
    op_text(op, id);
    op_text(op, worker);
    op_int(op, attempt);
    op_int(op, lease_ms);
    op_send(op);
}

void queue_finish(struct queue *q, const char *id, const char *worker, int attempt,
                  queue_done_fn *done, void *arg)
{
    struct op *op = op_new(q, FINISH, arg);
    op->fn.done = done;
    op_text(op, id);
    op_text(op, worker);
    op_int(op, attempt);
    op_send(op);
}

void queue_reap(struct queue *q, queue_reaped_fn *done, void *arg)
{
    struct op *op = op_new(q, REAP, arg);
    op->fn.reaped = done;
    op_int(op, QUEUE_ATTEMPTS);
    op_int(op, QUEUE_REAP_MAX);
    op_send(op);
}

void queue_count(struct queue *q, queue_counts_fn *done, void *arg)
{
    struct op *op = op_new(q, COUNT, arg);
    op->fn.counts = done;
    op_send(op);
}

void queue_forget(struct queue *q, const char *id, queue_done_fn *done, void *arg)
{
    struct op *op = op_new(q, FORGET, arg);
    op->fn.done = done;
    op_text(op, id);
    op_send(op);
}

void queue_reset(struct queue *q, queue_done_fn *done, void *arg)
{
    struct op *op = op_new(q, RESET, arg);
    op->fn.done = done;
    op_send(op);
}
