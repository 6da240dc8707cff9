/* fuzz_server - what the network can say to the server: the request parser and the frame parser.
 *
 *     clang -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -I. -D_GNU_SOURCE \
 *         tests/fuzz/fuzz_server.c libagent/request.c libagent/wsframe.c proto/err.c
 *
 * Both read each input, whole and in pieces of the size that the first byte says: the two must agree.
 */
#include <stdint.h>
#include <string.h>

#include "libagent/request.h"
#include "libagent/wsframe.h"
#include "proto/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int result;
    size_t used, body_len;
    int events;
};

static struct outcome run_request(const char *bytes, size_t len, size_t step)
{
    struct request r = {0};
    struct outcome o = {0};
    while (o.used < len && o.result >= 0 && o.result != REQUEST_DONE) {
        size_t n = len - o.used < step ? len - o.used : step, used = 0;
        o.result = request_feed(&r, bytes + o.used, n, &used);
        must(used <= n && (used > 0 || o.result != REQUEST_MORE));
        o.used += used;
        o.events += o.result == REQUEST_HEAD;
    }
    must(r.n_headers <= REQUEST_HEADERS_MAX && r.body_len <= REQUEST_BODY_MAX && o.events <= 1);
    if (o.result == REQUEST_DONE)
        must(r.method != NULL && r.target != NULL && (r.body == NULL || r.body[r.body_len] == '\0'));
    if (o.result == REQUEST_HEAD)       /* nothing came after the head: more is needed */
        o.result = REQUEST_MORE;
    o.body_len = r.body_len;
    request_fini(&r);
    return o;
}

static struct outcome run_frames(const char *bytes, size_t len, size_t step)
{
    struct wsframe f = {0};
    struct wsframe_event ev;
    struct outcome o = {0};
    while (o.used < len && o.result >= 0) {
        size_t n = len - o.used < step ? len - o.used : step, used = 0;
        o.result = wsframe_feed(&f, bytes + o.used, n, &used, &ev);
        must(used > 0 && used <= n);
        o.used += used;
        if (o.result <= 0)
            continue;
        must(ev.len <= WSFRAME_MESSAGE_MAX && ev.data[ev.len] == '\0');
        must(ev.op != WSFRAME_TEXT || wsframe_utf8(ev.data, ev.len));
        o.events++;
        o.body_len += ev.len;
    }
    if (o.result > 0)
        o.result = 0;
    wsframe_fini(&f);
    return o;
}

static void whole_and_cut(struct outcome (*run)(const char *, size_t, size_t), const char *bytes, size_t len, size_t step)
{
    const struct outcome whole = run(bytes, len, len + 1), cut = run(bytes, len, step);
    must(whole.result == cut.result && whole.used == cut.used && whole.body_len == cut.body_len &&
         whole.events == cut.events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    whole_and_cut(run_request, (const char *)data + 1, size - 1, 1 + data[0] % 64);
    whole_and_cut(run_frames, (const char *)data + 1, size - 1, 1 + data[0] % 64);
    return 0;
}
