/* store - Redis on the loop: a readable copy of things whose truth is elsewhere (journals, exchange).
 *
 * One connection over a Unix socket.  Every call is answered by exactly one callback; while the store
 * is down that is ERR_DOWN at once, before the call returns.  ERR_TIMEOUT and an ERR_DOWN that comes
 * later mean that the effect is unknown.  Calls take effect in the order they were made.
 *
 * The store is up when a connection exists and a write on it has succeeded.  No answer within the
 * time limit, a lost connection, or an answer that says Redis cannot write (-OOM, -MISCONF, -READONLY,
 * -LOADING, no permission) takes it down, with the reason; it then tries by itself, 50 ms to 2 s apart,
 * until a write succeeds again.
 *
 * Keys carry the prefix "enigma:<instance>:", added and checked here.  What Redis answers is not
 * trusted: types, lengths and counts are checked.
 * Memory:  values and replies are borrowed until the callback returns; arguments are copied.
 * Threads: the loop's thread only.  store_close must not be called from a callback of the store.
 */
#ifndef LIBAGENT_STORE_H
#define LIBAGENT_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>
#include <uv.h>

#define STORE_TIMEOUT_MS   100
#define STORE_KEY_MAX      200              /* without the prefix */
#define STORE_VALUE_MAX    (1u << 20)
#define STORE_INFLIGHT_MAX 1024             /* more calls than that: ERR_FULL */
#define STORE_ARRAY_MAX    4096             /* elements of a reply */

enum store_state {
    STORE_UP,
    STORE_NO_SERVER,                        /* not reachable, or it went away */
    STORE_NO_ANSWER,                        /* silent for longer than the time limit */
    STORE_LOADING,                          /* reading its files */
    STORE_NO_MEMORY,                        /* -OOM */
    STORE_NO_DISK,                          /* -MISCONF */
    STORE_READ_ONLY,
    STORE_NO_PERMISSION,
    STORE_GARBAGE,                          /* answers that are none */
};

struct store_options {
    uv_loop_t  *loop;
    const char *path;                       /* of the socket */
    const char *instance;
    int         timeout_ms;                 /* 0: STORE_TIMEOUT_MS */
    void      (*changed)(void *arg, enum store_state state);    /* may be NULL */
    void       *arg;
};

typedef void store_done(void *arg, int err);
/* value: NULL unless err is ERR_OK. */
typedef void store_value(void *arg, int err, const char *value, size_t len);
typedef void store_key(void *arg, const char *key);
/* reply: NULL unless err is ERR_OK; otherwise of a type the caller must check. */
typedef void store_reply(void *arg, int err, const redisReply *reply);

struct store;

/* Begins to connect.  ERR_SIZE: path or instance too long or empty. */
int  store_open(const struct store_options *options, struct store **ret);
/* Pending calls get ERR_CANCELLED.  Run the loop once more afterwards: handles close there. */
void store_close(struct store **store);

enum store_state store_state(const struct store *s);
const char *store_state_text(enum store_state state);       /* "out of memory (-OOM)" */
uint64_t store_generation(const struct store *s);           /* +1 each time it comes up */
const char *store_prefix(const struct store *s);            /* "enigma:<instance>:" */

/* ERR_SIZE for keys and values too long or empty.  get: ERR_NOT_FOUND; ERR_TYPE for a key of another
 * kind; ERR_SIZE for a value longer than STORE_VALUE_MAX.  delete of what is not there: ERR_OK. */
void store_set(struct store *s, const char *key, const void *value, size_t len, store_done *done,
               void *arg);
void store_get(struct store *s, const char *key, store_value *done, void *arg);
void store_delete(struct store *s, const char *key, store_done *done, void *arg);

/* Every key that begins with start (without prefix); a key may come twice, and keys set or deleted
 * meanwhile may or may not come.  done follows the last one. */
void store_scan(struct store *s, const char *start, store_key *each, store_done *done, void *arg);

/* Any command, for modules that know Redis (queue).  -WRONGTYPE is ERR_TYPE, -NOSCRIPT ERR_UNKNOWN,
 * other refusals ERR_REFUSED. */
void store_command(struct store *s, int argc, const char **argv, const size_t *lens,
                   store_reply *done, void *arg);

#endif
