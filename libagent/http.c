/* http - see http.h
 *
 * curl asks for sockets to be watched (on_socket) and for a timer (on_timeout); both lead to
 * curl_multi_socket_action, and what that finished is answered by `collect`, outside of curl's callbacks.
 *
 * curl sends a request again by itself when a kept connection turns out to be dead before an answer
 * began.  The first copy may have arrived all the same, so `before_request` forbids it for everything
 * but GET and HEAD once a byte was written.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <uv.h>

#include "proto/err.h"
#include "proto/planted.h"

#include "libagent/http.h"

#define CONNECTIONS_KEPT 16
#define CONNECTION_AGE_S 50         /* less than servers commonly wait: a race not run is not lost */

struct http {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    struct http_call *calls;
    char *socket_path;
    int n;
    bool collecting;
};

struct http_call {
    struct http *http;
    struct http_call *prev, *next;
    CURL *easy;
    struct curl_slist *headers;
    char *sent_body, *body;
    size_t len, cap, max, headers_len;
    bool repeatable, too_large, head_done;
    char error[CURL_ERROR_SIZE];
    http_done_fn *done;
    void *arg;
};

struct watched {
    uv_poll_t poll;
    struct http *http;
    curl_socket_t fd;
};

/* ---- one call ---- */

static void call_destroy(struct http_call *c)
{
    struct http *h = c->http;
    *(c->prev != NULL ? &c->prev->next : &h->calls) = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    h->n--;
    curl_multi_remove_handle(h->multi, c->easy);
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    free(c->sent_body);
    free(c->body);
    free(c);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct http_call *c = arg;
    const size_t len = size * n;
    if (len > c->max - c->len) {
        c->too_large = true;
        return 0;
    }
    if (c->len + len + 1 > c->cap) {
        c->cap = (c->len + len + 1) * 2;
        c->body = realloc(c->body, c->cap);
        must(c->body != NULL);
    }
    memcpy(c->body + c->len, data, len);
    c->len += len;
    c->body[c->len] = '\0';
    return len;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    struct http_call *c = arg;
    c->headers_len += size * n;
    if (size * n <= 2 && (*data == '\r' || *data == '\n'))
        c->head_done = true;            /* the empty line; trailers may follow, or after 100 a new head */
    else if (size * n > 5 && memcmp(data, "HTTP/", 5) == 0)
        c->head_done = false;
    c->too_large = c->headers_len > HTTP_HEADERS_MAX;
    return c->too_large ? 0 : size * n;
}

static bool nothing_written(struct http_call *c)
{
    long sent = 0;
    return curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

static int before_request(void *arg, char *to, char *from, int to_port, int from_port)
{
    struct http_call *c = arg;
    (void)to, (void)from, (void)to_port, (void)from_port;
    return c->repeatable || PLANTED(post_sent_twice) || nothing_written(c) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* curl is content with a head that the end of the connection cut short, and with 100 alone. */
static bool is_whole(struct http_call *c, long *ret_status)
{
    return curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, ret_status) == CURLE_OK &&
           *ret_status >= 200 && c->head_done;
}

static void answer(struct http_call *c, CURLcode result)
{
    struct http_response r = {.outcome = HTTP_ANSWERED, .body = "", .error = "", .call = c};
    long status = 0;
    if (result == CURLE_OK && is_whole(c, &status)) {
        r.status = (int)status;
        r.len = c->len;
        if (c->body != NULL)
            r.body = c->body;
    } else {
        r.outcome = nothing_written(c) ? HTTP_NOT_SENT : HTTP_UNKNOWN;
        r.error = c->too_large ? "answer too large"
                : result == CURLE_OK ? "connection lost inside the answer's head"
                : result == CURLE_ABORTED_BY_CALLBACK ? "connection lost before the answer"
                : c->error[0] != '\0' ? c->error : curl_easy_strerror(result);
    }
    loop_wake(c->http->loop);
    c->done(c->arg, &r);
    call_destroy(c);
}

/* A callback may start and cancel other calls: the queue is asked anew each time. */
static void collect(struct http *h)
{
    int left;
    CURLMsg *m;
    h->collecting = true;
    while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
        struct http_call *c;
        must(m->msg == CURLMSG_DONE);
        const CURLcode result = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        answer(c, result);
    }
    h->collecting = false;
}

/* ---- curl and the loop ---- */

static void on_poll(uv_poll_t *p, int status, int events)
{
    struct watched *w = p->data;
    struct http *h = w->http;
    int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(h->multi, w->fd, flags, &running);     /* w may be gone after it */
    collect(h);
}

static void on_timer(void *arg)
{
    struct http *h = arg;
    int running;
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(h);
}

static int on_timeout(CURLM *m, long ms, void *arg)
{
    struct http *h = arg;
    (void)m;
    if (h->timer == NULL)
        return 0;
    if (ms < 0)
        loop_timer_pause(h->timer);
    else
        loop_timer_again(h->timer, ms);
    return 0;
}

static void on_unwatched(uv_handle_t *p)
{
    free(p->data);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socketp)
{
    struct http *h = arg;
    struct watched *w = socketp;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL)
            uv_close((uv_handle_t *)&w->poll, on_unwatched);
        curl_multi_assign(h->multi, fd, NULL);
        return 0;
    }
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        must(w != NULL);
        w->http = h;
        w->fd = fd;
        must(uv_poll_init_socket(loop_uv(h->loop), &w->poll, fd) == 0);
        w->poll.data = w;
        curl_multi_assign(h->multi, fd, w);
    }
    must(uv_poll_start(&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) |
                                     (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_poll) == 0);
    return 0;
}

/* ---- the client ---- */

int http_new(struct loop *l, const char *socket_path, struct http **ret)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return ERR_IO;
    struct http *h = calloc(1, sizeof *h);
    must(h != NULL);
    h->loop = l;
    h->multi = curl_multi_init();
    h->timer = loop_timer_new(l, 0, 0, false, on_timer, h);
    must(h->multi != NULL);
    loop_timer_pause(h->timer);
    if (socket_path != NULL) {
        h->socket_path = strdup(socket_path);
        must(h->socket_path != NULL);
    }
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    *ret = h;
    return ERR_OK;
}

static void add_header(struct http_call *c, const char *line)
{
    struct curl_slist *list = curl_slist_append(c->headers, line);
    must(list != NULL);
    c->headers = list;
}

static void set_headers(struct http_call *c, const char *const *lines)
{
    bool typed = false;
    for (; lines != NULL && *lines != NULL; lines++) {
        add_header(c, *lines);
        typed |= strncasecmp(*lines, "Content-Type:", 13) == 0;
    }
    add_header(c, "Expect:");               /* curl's own additions */
    if (!typed)
        add_header(c, "Content-Type:");
    must(curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK);
}

static void set_method(struct http_call *c, const struct http_request *req)
{
    CURL *e = c->easy;
    c->repeatable = strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0;
    if (strcmp(req->method, "HEAD") == 0) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
        return;
    }
    if (req->body != NULL || strcmp(req->method, "POST") == 0) {
        c->sent_body = malloc(req->len + 1);
        must(c->sent_body != NULL);
        if (req->len > 0)
            memcpy(c->sent_body, req->body, req->len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->sent_body);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->len);
    }
    must(curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method) == CURLE_OK);
}

static void set_options(struct http_call *c, const struct http_request *req)
{
    CURL *e = c->easy;
    must(curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK);
    must(curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, c);
    curl_easy_setopt(e, CURLOPT_PRIVATE, c);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)CONNECTION_AGE_S);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)req->timeout_ms);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)req->timeout_ms);
    if (c->http->socket_path != NULL)
        must(curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, c->http->socket_path) == CURLE_OK);
}

static bool usable_url(const char *url)
{
    CURLU *u = curl_url();
    must(u != NULL);
    const bool ok = (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0) &&
                    curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK;
    curl_url_cleanup(u);
    return ok;
}

int http_request(struct http *h, const struct http_request *req, http_done_fn *done, void *arg,
                 struct http_call **ret_call)
{
    must(req->timeout_ms > 0 && done != NULL);
    if (!usable_url(req->url))
        return ERR_SYNTAX;
    if (h->n == HTTP_INFLIGHT_MAX)
        return ERR_FULL;
    struct http_call *c = calloc(1, sizeof *c);
    must(c != NULL);
    *c = (struct http_call){.http = h, .next = h->calls, .max = req->max_response, .done = done,
                            .arg = arg, .easy = curl_easy_init()};
    must(c->easy != NULL);
    if (h->calls != NULL)
        h->calls->prev = c;
    h->calls = c;
    h->n++;
    set_options(c, req);
    set_headers(c, req->headers);
    set_method(c, req);
    must(curl_easy_setopt(c->easy, CURLOPT_URL, req->url) == CURLE_OK);
    must(curl_multi_add_handle(h->multi, c->easy) == CURLM_OK);
    if (ret_call != NULL)
        *ret_call = c;
    return ERR_OK;
}

void http_cancel(struct http_call **call)
{
    if (*call == NULL)
        return;
    call_destroy(*call);
    *call = NULL;
}

const char *http_header(const struct http_response *r, const char *name)
{
    struct curl_header *h;
    return curl_easy_header(r->call->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : NULL;
}

void http_destroy(struct http **h)
{
    if (*h == NULL)
        return;
    must(!(*h)->collecting);
    while ((*h)->calls != NULL)
        call_destroy((*h)->calls);
    curl_multi_cleanup((*h)->multi);        /* closes the kept connections: on_socket is still called */
    loop_timer_destroy(&(*h)->timer);
    free((*h)->socket_path);
    free(*h);
    *h = NULL;
    curl_global_cleanup();
}
