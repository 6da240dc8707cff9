/* request - parser of HTTP/1.x requests: strict, incremental, bounded (RFC 9112).
 *
 * Bytes are fed as they come, cut anywhere; the result does not depend on the cuts.
 *
 * Errors:  are the HTTP status to answer with: 400 malformed, 413 body too large, 417 unknown
 *          expectation, 431 head too large, 501 transfer coding, 505 version.  The stream is then of no
 *          more use.
 * Memory:  grows to the bounds at most; request_fini frees.
 * Threads: none shared.
 */
#ifndef LIBAGENT_REQUEST_H
#define LIBAGENT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_HEAD_MAX    16384       /* request line and headers, with the empty line */
#define REQUEST_BODY_MAX    (1 << 20)
#define REQUEST_HEADERS_MAX 100

enum request_state { REQUEST_MORE, REQUEST_HEAD, REQUEST_DONE };

struct request {
    /* set at REQUEST_HEAD */
    char *method, *target;              /* in head */
    struct request_header { char *name, *value; } headers[REQUEST_HEADERS_MAX];
    int n_headers;
    bool http_1_0, keep_alive, expect_continue;
    /* set at REQUEST_DONE */
    char *body;                         /* ends with NUL; NULL when empty */
    size_t body_len;
    /* the parser's own */
    int step, status;
    char *head;
    size_t head_len, body_cap, left, line_len;
};

/* A zeroed struct is a new one. */
void request_fini(struct request *r);
/* REQUEST_MORE: all was used.  REQUEST_HEAD: once, when the head is complete and a body follows.
 * REQUEST_DONE: complete; what is not *used belongs to the next request.  Negative: minus a status. */
int request_feed(struct request *r, const char *bytes, size_t len, size_t *used);
/* First of that name, any case; NULL: absent. */
const char *request_header(const struct request *r, const char *name);
/* Does the comma-separated list of such headers have this token, any case? */
bool request_has_token(const struct request *r, const char *name, const char *token);

#endif
