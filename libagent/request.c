/* request - see request.h
 *
 * Steps: the head is collected up to its empty line and then cut up in one pass; a body of known length
 * is copied; a chunked one runs through CHUNK_* line by line.  The head's buffer is reused for chunk
 * lines: the head's own bytes stay, lines come behind them (line_len of them).
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/err.h"

#include "libagent/request.h"

#define CHUNK_LINE_MAX 256      /* size, extensions, CR LF; and one trailer line */
#define TRAILERS_MAX   32

enum step { AT_HEAD, AT_BODY, AT_CHUNK_SIZE, AT_CHUNK_DATA, AT_CHUNK_END, AT_TRAILER, AT_END };

static bool is_token(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool all_token(const char *s)
{
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++)
        if (!is_token((unsigned char)*s))
            return false;
    return true;
}

void request_fini(struct request *r)
{
    free(r->head);
    free(r->body);
    memset(r, 0, sizeof *r);
}

const char *request_header(const struct request *r, const char *name)
{
    for (int i = 0; i < r->n_headers; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

static bool list_has(const char *list, const char *token)
{
    const size_t want = strlen(token);
    while (*list != '\0') {
        list += strspn(list, " \t,");
        size_t n = strcspn(list, ",");
        size_t bare = n;
        while (bare > 0 && (list[bare - 1] == ' ' || list[bare - 1] == '\t'))
            bare--;
        if (bare == want && strncasecmp(list, token, want) == 0)
            return true;
        list += n;
    }
    return false;
}

bool request_has_token(const struct request *r, const char *name, const char *token)
{
    for (int i = 0; i < r->n_headers; i++)
        if (strcasecmp(r->headers[i].name, name) == 0 && list_has(r->headers[i].value, token))
            return true;
    return false;
}

/* ---- the head, complete in r->head, each line ending with CR LF ---- */

static int parse_request_line(struct request *r, char *line)
{
    char *target = strchr(line, ' ');
    if (target == NULL)
        return 400;
    *target++ = '\0';
    char *version = strchr(target, ' ');
    if (version == NULL)
        return 400;
    *version++ = '\0';
    if (!all_token(line) || *target == '\0')
        return 400;
    for (const char *c = target; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return 400;
    if (strncmp(version, "HTTP/", 5) != 0 || strlen(version) != 8 || version[6] != '.' ||
        version[5] < '0' || version[5] > '9' || version[7] < '0' || version[7] > '9')
        return 400;
    if (version[5] != '1' || version[7] > '1')
        return 505;
    r->http_1_0 = version[7] == '0';
    r->method = line;
    r->target = target;
    return 0;
}

static int parse_header_line(struct request *r, char *line)
{
    if (r->n_headers == REQUEST_HEADERS_MAX)
        return 431;
    char *value = strchr(line, ':');
    if (value == NULL)
        return 400;
    *value++ = '\0';
    if (!all_token(line))               /* also a folded line, which starts with a space */
        return 400;
    value += strspn(value, " \t");
    size_t n = strlen(value);
    while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
        value[--n] = '\0';
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++)
        if ((*c < ' ' && *c != '\t') || *c == 0x7f)
            return 400;
    r->headers[r->n_headers++] = (struct request_header){line, value};
    return 0;
}

static int count_of(const struct request *r, const char *name)
{
    int n = 0;
    for (int i = 0; i < r->n_headers; i++)
        n += strcasecmp(r->headers[i].name, name) == 0;
    return n;
}

static int parse_length(const char *text, size_t *ret)
{
    if (*text == '\0' || strspn(text, "0123456789") != strlen(text))
        return 400;
    size_t v = 0;
    for (; *text != '\0'; text++) {
        v = v * 10 + (size_t)(*text - '0');
        if (v > REQUEST_BODY_MAX)
            return 413;
    }
    *ret = v;
    return 0;
}

/* What the headers say of the connection and the body: sets step and left. */
static int parse_framing(struct request *r)
{
    if (count_of(r, "Host") > 1 || (count_of(r, "Host") == 0 && !r->http_1_0))
        return 400;
    r->keep_alive = !request_has_token(r, "Connection", "close") &&
                    (!r->http_1_0 || request_has_token(r, "Connection", "keep-alive"));
    const char *expect = request_header(r, "Expect");
    if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
        return 417;
    r->expect_continue = expect != NULL && !r->http_1_0;

    const int lengths = count_of(r, "Content-Length"), codings = count_of(r, "Transfer-Encoding");
    if (lengths > 1 || codings > 1 || (lengths == 1 && codings == 1) || (codings == 1 && r->http_1_0))
        return 400;                     /* each a known way to smuggle a request */
    if (codings == 1) {
        if (strcasecmp(request_header(r, "Transfer-Encoding"), "chunked") != 0)
            return 501;
        r->step = AT_CHUNK_SIZE;
        return 0;
    }
    r->step = AT_END;
    if (lengths == 0)
        return 0;
    int status = parse_length(request_header(r, "Content-Length"), &r->left);
    if (status == 0 && r->left > 0) {
        r->step = AT_BODY;
        r->body = malloc(r->left + 1);
        must(r->body != NULL);
        r->body_cap = r->left;
    }
    return status;
}

static int parse_head(struct request *r)
{
    char *line = r->head;
    char *const end = r->head + r->head_len - 2;    /* the empty line */
    for (bool first = true; line < end; first = false) {
        char *eol = memchr(line, '\n', (size_t)(r->head + r->head_len - line));
        must(eol != NULL && eol > line && eol[-1] == '\r');
        eol[-1] = '\0';
        if (strlen(line) != (size_t)(eol - 1 - line) || strchr(line, '\r') != NULL)
            return 400;                             /* NUL, or a bare CR */
        int status = first ? parse_request_line(r, line) : parse_header_line(r, line);
        if (status != 0)
            return status;
        line = eol + 1;
    }
    if (r->method == NULL)
        return 400;
    return parse_framing(r);
}

static int feed_head(struct request *r, char c)
{
    if (r->head == NULL) {
        r->head = malloc(REQUEST_HEAD_MAX + CHUNK_LINE_MAX);
        must(r->head != NULL);
    }
    if (r->head_len == REQUEST_HEAD_MAX)
        return 431;
    r->head[r->head_len++] = c;
    if (c != '\n')
        return 0;
    if (r->head_len < 2 || r->head[r->head_len - 2] != '\r')
        return 400;
    if (r->head_len == 2) {   /* empty lines before a request are skipped */
        r->head_len = 0;
        return ++r->line_len > 2 ? 400 : 0;
    }
    if (r->head_len >= 4 && memcmp(r->head + r->head_len - 4, "\r\n\r\n", 4) == 0)
        return parse_head(r);
    return 0;
}

/* ---- chunked bodies ---- */

static int parse_chunk_size(struct request *r, const char *line)
{
    size_t digits = strspn(line, "0123456789abcdefABCDEF");
    const char *rest = line + digits;
    rest += strspn(rest, " \t");
    if (digits == 0 || digits > 8 || (*rest != '\0' && *rest != ';'))
        return 400;
    r->left = strtoul(line, NULL, 16);
    if (r->left > REQUEST_BODY_MAX - r->body_len)
        return 413;
    r->step = r->left == 0 ? AT_TRAILER : AT_CHUNK_DATA;
    if (r->left == 0)
        return 0;
    if (r->body_len + r->left > r->body_cap) {
        size_t cap = r->body_len + r->left;
        r->body_cap = cap * 2 < REQUEST_BODY_MAX ? cap * 2 : REQUEST_BODY_MAX;
        r->body = realloc(r->body, r->body_cap + 1);
        must(r->body != NULL);
    }
    return 0;
}

/* One line of a chunked body, without its CR LF. */
static int chunk_line(struct request *r, char *line)
{
    switch (r->step) {
    case AT_CHUNK_SIZE:
        return parse_chunk_size(r, line);
    case AT_CHUNK_END:
        r->step = AT_CHUNK_SIZE;
        return *line == '\0' ? 0 : 400;
    default:                                        /* trailers are read and forgotten */
        if (*line == '\0')
            r->step = AT_END;
        else if (++r->left > TRAILERS_MAX)
            return 431;
        return 0;
    }
}

static int feed_line(struct request *r, char c)
{
    char *line = r->head + r->head_len;
    if (r->line_len == CHUNK_LINE_MAX)
        return r->step == AT_TRAILER ? 431 : 400;
    line[r->line_len++] = c;
    if (c == '\0')
        return 400;
    if (c != '\n')
        return r->line_len >= 2 && line[r->line_len - 2] == '\r' ? 400 : 0;
    if (r->line_len < 2 || line[r->line_len - 2] != '\r')
        return 400;
    line[r->line_len - 2] = '\0';
    r->line_len = 0;
    return chunk_line(r, line);
}

static size_t feed_body(struct request *r, const char *bytes, size_t len)
{
    size_t n = len < r->left ? len : r->left;
    memcpy(r->body + r->body_len, bytes, n);
    r->body_len += n;
    r->left -= n;
    if (r->left == 0)
        r->step = r->step == AT_BODY ? AT_END : AT_CHUNK_END;
    return n;
}

int request_feed(struct request *r, const char *bytes, size_t len, size_t *used)
{
    size_t i = 0;
    int status = r->status;             /* a failed one stays failed */
    while (status == 0 && i < len && r->step != AT_END) {
        if (r->step == AT_BODY || r->step == AT_CHUNK_DATA) {
            i += feed_body(r, bytes + i, len - i);
        } else if (r->step == AT_HEAD) {
            status = feed_head(r, bytes[i++]);
            if (status != 0 || r->step == AT_HEAD || r->step == AT_END)
                continue;
            r->line_len = 0;
            *used = i;
            return REQUEST_HEAD;
        } else {
            status = feed_line(r, bytes[i++]);
        }
    }
    *used = i;
    r->status = status;
    if (status != 0)
        return -status;
    if (r->step != AT_END)
        return REQUEST_MORE;
    if (r->body != NULL)
        r->body[r->body_len] = '\0';
    return REQUEST_DONE;
}
