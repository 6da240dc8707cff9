/* http - HTTP client on the event loop: curl's multi interface.
 *
 * Connections are kept and reused; redirects are not followed; certificates are verified; proxies of
 * the environment are not used.  The outcome tells what the caller may assume of a request that
 * changes something at the other end:
 *   HTTP_NOT_SENT  no byte of it can have arrived (name, connect or TLS failed): may be repeated
 *   HTTP_ANSWERED  the whole answer is here, whatever its status
 *   HTTP_UNKNOWN   anything else: it may have been carried out; ask before repeating
 *
 * Memory:  arguments are copied; the response is borrowed for the callback.
 * Threads: the loop's thread only.
 */
#ifndef LIBAGENT_HTTP_H
#define LIBAGENT_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "libagent/loop.h"

#define HTTP_INFLIGHT_MAX 256       /* requests of one client */
#define HTTP_HEADERS_MAX  65536     /* bytes of an answer's header block; more: HTTP_UNKNOWN */

enum http_outcome { HTTP_NOT_SENT, HTTP_ANSWERED, HTTP_UNKNOWN };

struct http;
struct http_call;

struct http_response {
    enum http_outcome outcome;
    int status;                     /* 0 unless HTTP_ANSWERED */
    const char *body;               /* ends with NUL after len; "" unless HTTP_ANSWERED */
    size_t len;
    const char *error;              /* "" when HTTP_ANSWERED */
    const struct http_call *call;   /* for http_header */
};

struct http_request {
    const char *method;             /* "GET", "POST", "DELETE", ... */
    const char *url;                /* http:// or https:// */
    const char *const *headers;     /* "Name: value", ended by NULL; or NULL */
    const void *body;               /* NULL: none */
    size_t len;
    int64_t timeout_ms;             /* for everything, from now; > 0 */
    size_t max_response;            /* bytes of body; more: HTTP_UNKNOWN */
};

typedef void http_done_fn(void *arg, const struct http_response *r);

/* socket_path: every request goes to this Unix socket instead of the URL's host; or NULL. */
int  http_new(struct loop *l, const char *socket_path, struct http **ret);
/* Exactly one callback for each accepted request, never inside this call.  ERR_FULL: too many in
 * flight; ERR_SYNTAX: the URL is unusable.  ret_call may be NULL; it is valid until the callback. */
int  http_request(struct http *h, const struct http_request *req, http_done_fn *done, void *arg,
                  struct http_call **ret_call);
/* No callback will come.  Whether it was sent stays unknown.  Sets NULL. */
void http_cancel(struct http_call **call);
/* First header of that name, any case; NULL: absent. */
const char *http_header(const struct http_response *r, const char *name);
/* Cancels what is in flight.  Before loop_destroy; not inside a callback of its own. */
void http_destroy(struct http **h);

#endif
