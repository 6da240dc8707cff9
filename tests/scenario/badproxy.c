/* badproxy - stands between the agents and the exchange and does, on command, what an exchange should not do.
 *
 *   usage: test-badproxy PORT-FILE OWN-PORT-FILE
 * The exchange's port is in the one file, at each connection anew; its own goes to the other.  Then it obeys
 * standard input until that ends:
 *   rest pass|429|500|html|close|cut|swallow    answers to requests: as they are; that status with the venue's
 *                                          envelope; 200 with a web page; none, closed at once; half of one;
 *                                          none, and never closed
 *   ws   pass|cut|swallow|garble           streams: as they are; closed, and none opened; no byte either way;
 *                                          one frame of nonsense
 * A connection is a stream when its first line asks for "/?token=".  The address of streams that the exchange
 * gives is changed to this proxy's: ports of five digits both.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS   128
#define ROOM    65536

enum fault { PASS, S429, S500, HTML, CLOSE, CUT, SWALLOW, GARBLE, FAULTS };
static const char *const names[FAULTS] = {"pass", "429", "500", "html", "close", "cut", "swallow", "garble"};

struct conn {
    int client, server;         /* -1: none */
    bool known, stream, spoilt; /* spoilt: answered by us, to be closed by the client */
};

static struct conn conns[CONNS];
static enum fault rest, ws;
static const char *port_file;
static int upstream, own;
static const char nonsense[] = "\x81\x0b{\"type\":no!";     /* a WebSocket text frame that is no JSON */

static void end(struct conn *c)
{
    if (c->client >= 0)
        close(c->client);
    if (c->server >= 0)
        close(c->server);
    *c = (struct conn){.client = -1, .server = -1};
}

static bool put(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static int loopback(int port, bool listening)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *to = (const struct sockaddr *)&a;
    if (fd >= 0 && (listening ? bind(fd, to, sizeof a) == 0 && listen(fd, 64) == 0 : connect(fd, to, sizeof a) == 0))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* "ws://127.0.0.1:THEIRS" becomes "ws://127.0.0.1:OURS", of the same length. */
static void readdress(char *p, size_t n)
{
    char from[40], to[40];
    snprintf(from, sizeof from, "ws://127.0.0.1:%d", upstream);
    snprintf(to, sizeof to, "ws://127.0.0.1:%d", own);
    char *at = memmem(p, n, from, strlen(from));
    if (at != NULL && strlen(from) == strlen(to))
        memcpy(at, to, strlen(to));
}

static void answer_badly(struct conn *c)
{
    static const char page[] = "<html><body>Service is under maintenance</body></html>";
    char text[512];
    const char *status = rest == S429 ? "429 Too Many Requests" : rest == S500 ? "500 Internal Server Error" : "200 OK";
    const char *body = rest == S429 ? "{\"code\":\"429000\",\"msg\":\"Too Many Requests\"}"
                     : rest == S500 ? "{\"code\":\"500000\",\"msg\":\"Internal Server Error\"}" : page;
    int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                     status, rest == HTML ? "text/html" : "application/json", strlen(body), body);
    put(c->client, text, (size_t)n - (rest == CUT ? strlen(body) / 2 : 0));
    shutdown(c->client, SHUT_WR);
    c->spoilt = true;
}

/* Bytes from the client. */
static void on_client(struct conn *c)
{
    static char buffer[ROOM];
    ssize_t n = recv(c->client, buffer, sizeof buffer, 0);
    if (n <= 0) {
        end(c);
        return;
    }
    if (!c->known) {
        c->known = true;
        c->stream = n > 12 && memcmp(buffer, "GET /?token=", 12) == 0;
    }
    enum fault f = c->stream ? ws : rest;
    if (c->spoilt || f == SWALLOW)
        return;
    if (f == CLOSE || (c->stream && f == CUT))
        end(c);
    else if (!c->stream && f != PASS)
        answer_badly(c);
    else if (!put(c->server, buffer, (size_t)n))
        end(c);
}

static void on_server(struct conn *c)
{
    static char buffer[ROOM];
    ssize_t n = recv(c->server, buffer, sizeof buffer, 0);
    if (n <= 0) {
        end(c);
        return;
    }
    if (c->spoilt || (c->stream ? ws : rest) == SWALLOW)
        return;
    if (!c->stream)
        readdress(buffer, (size_t)n);
    if (!put(c->client, buffer, (size_t)n))
        end(c);
}

static int read_port(void)
{
    int port = 0;
    FILE *f = fopen(port_file, "re");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%d", &port) != 1)
        port = 0;
    fclose(f);
    return port;
}

static void on_connection(int listener)
{
    int fd = accept(listener, NULL, NULL), i = 0;
    while (i < CONNS && conns[i].client >= 0)
        i++;
    if (fd < 0 || i == CONNS) {
        if (fd >= 0)
            close(fd);
        return;
    }
    upstream = read_port();
    conns[i] = (struct conn){.client = fd, .server = loopback(upstream, false)};
    if (conns[i].server < 0)
        end(&conns[i]);
}

/* A new fault also meets the connections that are there. */
static void obey(char *line)
{
    char which[8] = "", what[16] = "";
    if (sscanf(line, "%7s %15s", which, what) != 2)
        return;
    for (int f = 0; f < FAULTS; f++)
        if (strcmp(what, names[f]) == 0)
            *(strcmp(which, "ws") == 0 ? &ws : &rest) = (enum fault)f;
    for (int i = 0; i < CONNS; i++) {
        struct conn *c = &conns[i];
        if (c->client < 0 || !c->known)
            continue;
        if (c->stream && strcmp(which, "ws") == 0 && ws == CUT)
            end(c);
        else if (c->stream && strcmp(which, "ws") == 0 && ws == GARBLE)
            put(c->client, nonsense, sizeof nonsense - 1);
    }
    printf("%s %s\n", which, what);
    fflush(stdout);
}

static void turn(int listener)
{
    struct pollfd p[2 + 2 * CONNS] = {{.fd = 0, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    for (int i = 0; i < CONNS; i++) {
        p[2 + 2 * i] = (struct pollfd){.fd = conns[i].client, .events = POLLIN};
        p[3 + 2 * i] = (struct pollfd){.fd = conns[i].server, .events = POLLIN};
    }
    if (poll(p, 2 + 2 * CONNS, -1) < 0)
        return;
    for (int i = 0; i < CONNS; i++) {
        struct conn *c = &conns[i];
        if (c->client >= 0 && p[2 + 2 * i].fd == c->client && p[2 + 2 * i].revents != 0)
            on_client(c);
        if (c->server >= 0 && p[3 + 2 * i].fd == c->server && p[3 + 2 * i].revents != 0)
            on_server(c);
    }
    if (p[1].revents != 0)
        on_connection(listener);
    if (p[0].revents != 0) {
        char line[256];
        if (fgets(line, sizeof line, stdin) == NULL)
            exit(0);
        obey(line);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int listener = argc == 3 ? loopback(0, true) : -1;
    FILE *f = argc == 3 ? fopen(argv[2], "we") : NULL;
    if (listener < 0 || f == NULL || getsockname(listener, (struct sockaddr *)&a, &len) < 0) {
        fprintf(stderr, "usage: test-badproxy PORT-FILE OWN-PORT-FILE\n");
        return 2;
    }
    own = ntohs(a.sin_port);
    port_file = argv[1];
    fprintf(f, "%d\n", own);
    fclose(f);
    for (int i = 0; i < CONNS; i++)
        conns[i].client = conns[i].server = -1;
    setvbuf(stdin, NULL, _IONBF, 0);
    for (;;)
        turn(listener);
}
