/* paper_load - how much the paper exchange carries.
 *
 *   paper_load rest PORT CONNS SECONDS   signed orders (IOC, far from the market: taken and done)
 * over keep-alive connections, one at a time each; key k of account k is key-k/secret-k/pass-k
 *   paper_load peer 0 CONNS SECONDS      the same orders to a process on the first core that answers
 * each at once with the same text: what the client and the sockets alone allow
 *   paper_load ws PORT CLIENTS SECONDS   clients that hear the books of the contracts named in
 * TOPIC; the lag is the frame's timestamp (ms) to its arrival
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>

#include "libagent/exchange/auth.h"
#include "tests/bench/bench.h"

#define CONNS_MAX   400
#define BUF         (1 << 18)
#define SAMPLES_MAX 4000000
#define TOPIC       "/contractMarket/level2:XBTUSDTM,ETHUSDTM"

static struct conn {
    int fd;
    size_t n;
    char *buf;
    int64_t sent_ns;
} conns[CONNS_MAX];
static int64_t *samples;
static size_t n_samples;

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sample(int64_t v)
{
    if (n_samples < SAMPLES_MAX)
        samples[n_samples++] = v;
}

static void dial(struct conn *c, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at) < 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->buf = malloc(BUF);
    c->n = 0;
}

static void put(struct conn *c, const char *text, size_t n)
{
    if (write(c->fd, text, n) != (ssize_t)n)
        die("write");
}

static void get(struct conn *c)
{
    ssize_t n = read(c->fd, c->buf + c->n, BUF - 1 - c->n);
    if (n <= 0)
        die("the exchange ended the connection");
    c->n += (size_t)n;
    c->buf[c->n] = '\0';
}

/* ---- REST ---- */

static void send_order(struct conn *c, int key, int64_t serial)
{
    char body[300], ts[24], text[1200], secret[24], pass[24], sign[AUTH_TEXT_MAX],
        phrase[AUTH_TEXT_MAX];
    int n = snprintf(body, sizeof body,
                     "{\"clientOid\":\"l-%lld-%lld\",\"side\":\"buy\",\"symbol\":\"XBTUSDTM\","
                     "\"type\":\"limit\","
                     "\"leverage\":2,\"size\":1,\"price\":\"45000\",\"timeInForce\":\"IOC\"}",
                     (long long)getpid(), (long long)serial);
    snprintf(ts, sizeof ts, "%lld", (long long)wall_ms());
    snprintf(secret, sizeof secret, "secret-%d", key);
    snprintf(pass, sizeof pass, "pass-%d", key);
    auth_sign(secret, ts, "POST", "/api/v1/orders", body, (size_t)n, sign);
    auth_passphrase(secret, pass, phrase);
    int len = snprintf(
        text, sizeof text,
        "POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: "
        "application/json\r\nContent-Length: %d\r\n"
        "KC-API-KEY: key-%d\r\nKC-API-SIGN: %s\r\nKC-API-TIMESTAMP: %s\r\nKC-API-PASSPHRASE: %s\r\n"
        "KC-API-KEY-VERSION: 2\r\n\r\n%s",
        n, key, sign, ts, phrase, body);
    c->sent_ns = clock_now();
    put(c, text, (size_t)len);
}

/* The whole answer is here. */
static bool answered(const struct conn *c)
{
    const char *end = strstr(c->buf, "\r\n\r\n"), *len = strstr(c->buf, "Content-Length: ");
    return end != NULL && len != NULL &&
           c->n >= (size_t)(end + 4 - c->buf) + (size_t)atoi(len + 16);
}

static void rest(int port, int n, int seconds)
{
    struct pollfd fds[CONNS_MAX];
    int64_t serial = 0, end = clock_now() + seconds * 1000000000LL, good = 0, other = 0;
    for (int i = 0; i < n; i++) {
        dial(&conns[i], port);
        fds[i] = (struct pollfd){.fd = conns[i].fd, .events = POLLIN};
        send_order(&conns[i], 1 + i % 16, ++serial);
    }
    int64_t t0 = clock_now();
    while (clock_now() < end) {
        if (poll(fds, (nfds_t)n, 1000) < 0 && errno != EINTR)
            die("poll");
        for (int i = 0; i < n; i++) {
            struct conn *c = &conns[i];
            if (!(fds[i].revents & POLLIN))
                continue;
            get(c);
            if (!answered(c))
                continue;
            sample(clock_now() - c->sent_ns);
            bool ok = strstr(c->buf, "\"code\":\"200000\"") != NULL;
            if (!ok && other == 0)
                fprintf(stderr, "not taken: %s\n", strstr(c->buf, "\r\n\r\n") + 4);
            good += ok;
            other += !ok;
            c->n = 0;
            send_order(c, 1 + (int)(serial % 16), serial + 1);
            serial++;
        }
    }
    double s = (double)(clock_now() - t0) / 1e9;
    printf("%d connections, %.0f orders taken a second, %lld others", n, (double)good / s,
           (long long)other);
}

/* Its port.  An order is one read: it is smaller than a segment of the loopback. */
static int start_peer(int n)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"code\":\"200000\"}";
    struct sockaddr_in at;
    struct pollfd fds[CONNS_MAX];
    char buf[4096];
    cpu_set_t first;
    int s = listen_any(&at);
    if (child() != 0)
        return ntohs(at.sin_port);
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (sched_setaffinity(0, sizeof first, &first) < 0)
        die("sched_setaffinity");
    for (int i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = prompt(accept(s, NULL, NULL)), .events = POLLIN};
    while (poll(fds, (nfds_t)n, -1) > 0)
        for (int i = 0; i < n; i++)
            if (fds[i].revents && read(fds[i].fd, buf, sizeof buf) > 0)
                write_all(fds[i].fd, answer, sizeof answer - 1);
    _exit(EXIT_FAILURE);
}

static void peer(int port, int n, int seconds)
{
    (void)port;
    rest(start_peer(n), n, seconds);
}

/* ---- WebSocket ---- */

static void say(struct conn *c, const char *text)
{
    unsigned char frame[256] = {0x81, 0, 0, 0, 0, 0};
    size_t n = strlen(text), head = 2;
    if (n > 125) {
        frame[1] = 0x80 | 126;
        frame[2] = (unsigned char)(n >> 8);
        frame[3] = (unsigned char)n;
        head = 4;
    } else {
        frame[1] = (unsigned char)(0x80 | n);
    }
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, text, n);
    put(c, (const char *)frame, head + 4 + n);
}

static void open_stream(struct conn *c, int port, const char *token)
{
    char text[600];
    dial(c, port);
    int n = snprintf(
        text, sizeof text,
        "GET /?token=%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n",
        token);
    put(c, text, (size_t)n);
    char *end;
    do
        get(c);
    while ((end = strstr(c->buf, "\r\n\r\n")) == NULL);
    c->n -= (size_t)(end + 4 - c->buf);
    memmove(c->buf, end + 4, c->n);
    say(c, "{\"id\":\"1\",\"type\":\"subscribe\",\"topic\":\"" TOPIC "\",\"response\":true}");
}

/* Whole frames out of the buffer; how many. */
static int64_t frames(struct conn *c, bool measure)
{
    size_t at = 0;
    int64_t count = 0, now = wall_ms();
    while (c->n - at >= 4) {
        unsigned char *p = (unsigned char *)c->buf + at;
        size_t len = p[1] & 127, head = 2;
        if (len == 126) {
            len = (size_t)p[2] << 8 | p[3];
            head = 4;
        }
        if (c->n - at < head + len)
            break;
        char *stamp = memmem(p + head, len, "\"timestamp\":", 12);
        if (measure && stamp != NULL)
            sample((now - strtoll(stamp + 12, NULL, 10)) * 1000000);
        count++;
        at += head + len;
    }
    memmove(c->buf, c->buf + at, c->n - at);
    c->n -= at;
    return count;
}

static void token_of(int port, char *ret, size_t size)
{
    struct conn c;
    static const char ask[] =
        "POST /api/v1/bullet-public HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    dial(&c, port);
    put(&c, ask, sizeof ask - 1);
    do
        get(&c);
    while (!answered(&c));
    char *p = strstr(c.buf, "\"token\":\"");
    if (p == NULL)
        die("no token");
    snprintf(ret, size, "%.*s", (int)strcspn(p + 9, "\""), p + 9);
    close(c.fd);
    free(c.buf);
}

static void ws(int port, int n, int seconds)
{
    struct pollfd fds[CONNS_MAX];
    char token[200];
    token_of(port, token, sizeof token);
    for (int i = 0; i < n; i++) {
        open_stream(&conns[i], port, token);
        fds[i] = (struct pollfd){.fd = conns[i].fd, .events = POLLIN};
    }
    int64_t begin = clock_now() + 1000000000, end = begin + seconds * 1000000000LL, count = 0, t;
    while ((t = clock_now()) < end) {
        if (poll(fds, (nfds_t)n, 1000) < 0 && errno != EINTR)
            die("poll");
        for (int i = 0; i < n; i++)
            if (fds[i].revents & POLLIN) {
                get(&conns[i]);
                int64_t k = frames(&conns[i], t >= begin);
                count += t >= begin ? k : 0;
            }
    }
    printf("%d clients, %.0f frames a second in all", n, (double)count / seconds);
}

int main(int argc, char **argv)
{
    if (argc != 5 || atoi(argv[3]) < 1 || atoi(argv[3]) > CONNS_MAX) {
        fprintf(stderr, "usage: paper_load rest|peer|ws PORT CONNS SECONDS\n");
        return 2;
    }
    samples = malloc(SAMPLES_MAX * sizeof *samples);
    (strcmp(argv[1], "rest") == 0 ? rest : strcmp(argv[1], "peer") == 0 ? peer : ws)(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
    if (n_samples == 0)
        die("nothing came");
    qsort(samples, n_samples, sizeof *samples, by_int64);
    printf("; ms p50 %.2f p99 %.2f max %.2f\n", (double)samples[n_samples / 2] / 1e6,
           (double)samples[n_samples * 99 / 100] / 1e6, (double)samples[n_samples - 1] / 1e6);
    return 0;
}
