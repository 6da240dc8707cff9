/* signer - see signer.h
 *
 * Frames on a SOCK_SEQPACKET pair, plain structures of one and the same program:
 *   parent: struct ask, then the texts it counts;  child: struct told.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libagent/exchange/auth.h"
#include "proto/err.h"
#include "proto/text.h"

#include "agents/execution/signer.h"

#define BODY_MAX   4096
#define TARGET_MAX 512
#define TEXT_MAX   80
#define PUBLIC_KEY "etc/keys/risk.sign.pub"

struct ask {
    enum { ASK_OPEN, ASK_SIGN } what;
    char directory[512], key_file[128], mode[8], rest_url[256];     /* OPEN */
    char method[8], target[TARGET_MAX];                             /* SIGN */
    uint8_t token[TOKEN_SIZE];
    uint32_t token_len, body_len;
    dec_t tick, multiplier;
    char body[BODY_MAX];
};

struct told {
    int32_t err, n;
    char why[SIGNER_WHY_MAX];
    char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX];
};

/* ---- the child ---- */

struct secret {
    char key[TEXT_MAX], secret[TEXT_MAX], passphrase[TEXT_MAX];
};

static int64_t clock_ns(clockid_t which)
{
    struct timespec t;
    must(clock_gettime(which, &t) == 0);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* `name = value` lines; the first of each of the three names. */
static int read_secret(const char *path, struct secret *s, char *why)
{
    char line[512], name[32], value[TEXT_MAX];
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        snprintf(why, SIGNER_WHY_MAX, "%.100s: %s", path, strerror(errno));
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_CONFIG;
    }
    memset(s, 0, sizeof *s);
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, " %31[a-z_] = %79s", name, value) != 2)
            continue;
        char *into = strcmp(name, "key") == 0 ? s->key : strcmp(name, "secret") == 0 ? s->secret
                   : strcmp(name, "passphrase") == 0 ? s->passphrase : NULL;
        if (into != NULL && *into == '\0')
            memcpy(into, value, TEXT_MAX);
    }
    fclose(f);
    sodium_memzero(line, sizeof line);
    sodium_memzero(value, sizeof value);
    if (*s->key != '\0' && *s->secret != '\0' && *s->passphrase != '\0')
        return ERR_OK;
    snprintf(why, SIGNER_WHY_MAX, "%.100s: needs key, secret and passphrase", path);
    return ERR_CONFIG;
}

static bool read_public(uint8_t ret[TOKEN_PUBLIC])
{
    char text[2 * TOKEN_PUBLIC + 1] = "";
    size_t n = 0;
    FILE *f = fopen(PUBLIC_KEY, "re");
    if (f == NULL)
        return false;
    bool ok = fread(text, 1, 2 * TOKEN_PUBLIC, f) == 2 * TOKEN_PUBLIC;
    fclose(f);
    return ok && sodium_hex2bin(ret, TOKEN_PUBLIC, text, 2 * TOKEN_PUBLIC, NULL, &n, NULL) == 0 &&
           n == TOKEN_PUBLIC;
}

static void read_boot_id(uint8_t ret[16])
{
    char text[40] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    memset(ret, 0, 16);
    if (f == NULL)
        return;
    if (fscanf(f, "%36s", text) == 1)
        (void)token_uuid(text, ret);
    fclose(f);
}

static void open_keys(const struct ask *a, struct secret *s, struct policy *p, struct told *t)
{
    if (chdir(a->directory) != 0) {
        t->err = ERR_CONFIG;
        snprintf(t->why, sizeof t->why, "%.100s: %s", a->directory, strerror(errno));
        return;
    }
    p->mode = strcmp(a->mode, "live") == 0 ? TOKEN_LIVE : TOKEN_PAPER;
    token_account(a->mode, a->rest_url, p->account);
    t->err = read_secret(a->key_file, s, t->why);
}

static void make_headers(const struct ask *a, const struct secret *s, struct told *t)
{
    char stamp[24], sign[AUTH_TEXT_MAX], pass[AUTH_TEXT_MAX];
    snprintf(stamp, sizeof stamp, "%lld", (long long)(clock_ns(CLOCK_REALTIME) / 1000000));
    auth_sign(s->secret, stamp, a->method, a->target, a->body, a->body_len, sign);
    auth_passphrase(s->secret, s->passphrase, pass);
    snprintf(t->headers[0], VENUE_HEADER_MAX, "KC-API-KEY: %s", s->key);
    snprintf(t->headers[1], VENUE_HEADER_MAX, "KC-API-SIGN: %s", sign);
    snprintf(t->headers[2], VENUE_HEADER_MAX, "KC-API-TIMESTAMP: %s", stamp);
    snprintf(t->headers[3], VENUE_HEADER_MAX, "KC-API-PASSPHRASE: %s", pass);
    snprintf(t->headers[4], VENUE_HEADER_MAX, "KC-API-KEY-VERSION: 3");
    t->n = 5;
}

static void sign(const struct ask *a, const struct secret *s, struct policy *p, struct told *t)
{
    uint8_t key[TOKEN_PUBLIC];
    char why[POLICY_WHY_MAX] = "";
    const struct policy_request r = {
        .method = a->method, .target = a->target, .body = a->body, .len = a->body_len,
        .token = a->token_len > 0 ? a->token : NULL, .token_len = a->token_len, .tick = a->tick,
        .multiplier = a->multiplier,
    };
    const struct policy_now now = {
        .wall_ns = clock_ns(CLOCK_REALTIME), .boot_ns = clock_ns(CLOCK_BOOTTIME),
        .public_key = a->token_len > 0 && read_public(key) ? key : NULL,
    };
    t->err = s->key[0] == '\0' ? ERR_WRONG_STATE : policy_check(p, &r, &now, why);
    TEXT_COPY(t->why, why);
    if (t->err == ERR_OK)
        make_headers(a, s, t);
}

_Noreturn static void child(int fd)
{
    static struct secret secret;
    static struct policy policy;
    static struct ask a;
    static struct told t;
    policy.since_ns = clock_ns(CLOCK_REALTIME);
    read_boot_id(policy.boot_id);
    for (;;) {
        ssize_t n = recv(fd, &a, sizeof a, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof a || a.body_len > BODY_MAX || a.token_len > TOKEN_SIZE)
            break;
        memset(&t, 0, sizeof t);
        if (a.what == ASK_OPEN)
            open_keys(&a, &secret, &policy, &t);
        else
            sign(&a, &secret, &policy, &t);
        if (send(fd, &t, sizeof t, MSG_NOSIGNAL) != (ssize_t)sizeof t)
            break;
    }
    sodium_memzero(&secret, sizeof secret);
    _exit(0);
}

/* ---- the parent ---- */

static int pair_fd = -1;

int signer_fork(void)
{
    int fds[2];
    pid_t parent = getpid();
    if (sodium_init() < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return ERR_DOWN;
    pid_t pid = fork();
    if (pid < 0)
        return ERR_DOWN;
    if (pid == 0) {
        close(fds[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_DUMPABLE, 0);
        if (getppid() != parent)
            _exit(0);
        signal(SIGTERM, SIG_IGN);       /* it goes with its parent, not before */
        signal(SIGINT, SIG_IGN);
        child(fds[1]);
    }
    close(fds[1]);
    pair_fd = fds[0];
    return ERR_OK;
}

int signer_fd(void)
{
    return pair_fd;
}

static int round_trip(const struct ask *a, struct told *t, char *why)
{
    struct pollfd p = {.fd = pair_fd, .events = POLLIN};
    if (send(pair_fd, a, sizeof *a, MSG_NOSIGNAL) != (ssize_t)sizeof *a) {
        snprintf(why, SIGNER_WHY_MAX, "the signer is gone");
        return ERR_DOWN;
    }
    int n;
    while ((n = poll(&p, 1, SIGNER_WAIT_MS)) < 0 && errno == EINTR)
        continue;
    if (n == 0) {
        snprintf(why, SIGNER_WHY_MAX, "the signer did not answer within %d ms", SIGNER_WAIT_MS);
        shutdown(pair_fd, SHUT_RDWR);   /* a late answer must never meet another request */
        return ERR_TIMEOUT;
    }
    if (recv(pair_fd, t, sizeof *t, 0) != (ssize_t)sizeof *t) {
        snprintf(why, SIGNER_WHY_MAX, "the signer is gone");
        return ERR_DOWN;
    }
    text_copy(why, SIGNER_WHY_MAX, t->why);
    return t->err;
}

int signer_open(const char *key_file, const char *mode, const char *rest_url, char why[SIGNER_WHY_MAX])
{
    static struct ask a;
    static struct told t;
    memset(&a, 0, sizeof a);
    a.what = ASK_OPEN;
    if (getcwd(a.directory, sizeof a.directory) == NULL)
        return ERR_SIZE;
    TEXT_COPY(a.key_file, key_file);
    TEXT_COPY(a.mode, mode);
    TEXT_COPY(a.rest_url, rest_url);
    return round_trip(&a, &t, why);
}

int signer_sign(const struct policy_request *r, char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX],
                char why[SIGNER_WHY_MAX])
{
    static struct ask a;
    static struct told t;
    memset(&a, 0, sizeof a);
    if (r->len > BODY_MAX || strlen(r->target) >= TARGET_MAX || r->token_len > TOKEN_SIZE) {
        snprintf(why, SIGNER_WHY_MAX, "the request is too large");
        return ERR_SIZE;
    }
    a.what = ASK_SIGN;
    TEXT_COPY(a.method, r->method);
    TEXT_COPY(a.target, r->target);
    if (r->len > 0)
        memcpy(a.body, r->body, r->len);
    a.body_len = (uint32_t)r->len;
    if (r->token != NULL) {
        memcpy(a.token, r->token, r->token_len);
        a.token_len = (uint32_t)r->token_len;
    }
    a.tick = r->tick;
    a.multiplier = r->multiplier;
    int err = round_trip(&a, &t, why);
    if (err < 0)
        return err;
    memcpy(headers, t.headers, sizeof t.headers);
    return t.n;
}
