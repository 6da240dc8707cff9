/* notify - tells people: a webhook and a Telegram chat, each sent what happened until it took it.
 *
 * At most NOTIFY_MAX wait, in a file too, so that a restart goes on with them; the oldest makes room for the newest.
 * Tried NOTIFY_FIRST_MS after a failure, then twice as long each time, at most NOTIFY_LONGEST_MS; given up after
 * NOTIFY_TRIES.  Nothing waits for it: requests are the loop's (http.h), the file is small and not synced.
 *   webhook   POST {"instance", "ts_ms", "severity", "event", "text"}
 *   Telegram  POST URL/bot<token>/sendMessage {"chat_id", "text"}; the token from its file, never from the
 *             configuration
 * Taken is an answer of 200 to 299.
 *
 * Memory:  options are copied.   Threads: the loop's thread only.
 */
#ifndef LIBAGENT_NOTIFY_H
#define LIBAGENT_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "libagent/loop.h"
#include "proto/enums.h"

#define NOTIFY_MAX        64
#define NOTIFY_TEXT       200
#define NOTIFY_TRIES      20
#define NOTIFY_FIRST_MS   1000
#define NOTIFY_LONGEST_MS 300000
#define NOTIFY_TIMEOUT_MS 10000

struct notify;

struct notify_options {
    struct loop *loop;
    const char *file;           /* of what waits */
    const char *instance;       /* a name for people */
    const char *webhook;        /* "": none */
    const char *telegram_url, *telegram_chat, *telegram_token_file;     /* chat "": none */
    int64_t first_ms;           /* 0: NOTIFY_FIRST_MS */
    /* May be NULL: some could not be delivered (false), or all are (true). */
    void (*changed)(void *arg, bool delivered, const char *why);
    void *arg;
};

/* ERR_MISSING: neither a webhook nor a chat.  ERR_CONFIG: the token file. */
int  notify_new(const struct notify_options *o, struct notify **ret);
void notify_destroy(struct notify **n);
/* n NULL: nobody is told.  Control characters become blanks, longer texts are cut. */
void notify_send(struct notify *n, enum severity severity, const char *event, const char *text);
int     notify_waiting(const struct notify *n);
int64_t notify_dropped(const struct notify *n);     /* for want of room, or given up */

#endif
