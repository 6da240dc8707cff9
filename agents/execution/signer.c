/* signer - see signer.h
 *
 * Frames on a SOCK_SEQPACKET pair, plain structures of one and the same program:
 *   parent: struct ask;  child: struct told.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libagent/apikey.h"
#include "libagent/signkey.h"
#include "proto/err.h"
#include "proto/text.h"

#include "agents/execution/signer.h"
#include "agents/execution/signlog.h"
#include "agents/execution/witness.h"

#define BODY_MAX   4096
#define TARGET_MAX 512
#define KEYS_DIR   "etc/keys"

struct ask {
    enum { ASK_OPEN, ASK_SIGN, ASK_STOP, ASK_RESUME } what;
    char directory[512], key_file[128], mode[8], rest_url[256];     /* OPEN */
    struct policy_limits limits;
    uint32_t uid;
    char method[8], target[TARGET_MAX];                             /* SIGN */
    uint8_t token[TOKEN_SIZE];
    uint32_t token_len, body_len;
    struct entry_request entry;                                     /* in place of a body */
    dec_t tick, multiplier;
    char body[BODY_MAX];
    struct resume resume;                                           /* RESUME */
    uint8_t signature[RESUME_SIGNATURE];
};

struct told {
    int32_t err, n;
    char why[SIGNER_WHY_MAX];
    struct confined confined;
    char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX];
};

/* ---- the child ---- */

struct child {
    int fd, witness_fd, dir_fd;
    struct apikey key;
    struct policy policy;
    struct signlog log;
    struct confined confined;
    uint8_t risk_key[TOKEN_PUBLIC], operator_key[TOKEN_PUBLIC];
    bool opened, risk_known, operator_known, damaged;
    struct witness_told marks[WITNESS_SYMBOLS];
};

static int64_t clock_ns(clockid_t which)
{
    struct timespec t;
    must(clock_gettime(which, &t) == 0);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
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

/* risk makes its key when it starts for the first time, perhaps after us; with both known no file is needed. */
static void read_public(struct child *c)
{
    if (c->risk_known)
        return;
    c->operator_known = signkey_public(KEYS_DIR, "operator", c->operator_key) == ERR_OK;
    c->risk_known = signkey_public(KEYS_DIR, "risk", c->risk_key) == ERR_OK;
}

static bool keep_use(void *arg, const struct policy_used *u)
{
    return signlog_use(arg, u);
}

/* Only "no such file" means that there is no latch. */
static enum latch { LATCH_NONE, LATCH_SET, LATCH_UNKNOWN } latch(const struct child *c)
{
    struct stat st;
    if (fstatat(c->dir_fd, SIGNER_LATCH, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return LATCH_SET;
    return errno == ENOENT ? LATCH_NONE : LATCH_UNKNOWN;
}

static void open_keys(struct child *c, const struct ask *a, struct told *t)
{
    t->err = ERR_WRONG_STATE;
    if (c->opened)
        return;
    t->err = ERR_CONFIG;
    if (c->dir_fd >= 0)
        close(c->dir_fd);
    c->dir_fd = chdir(a->directory) == 0 ? open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (c->dir_fd < 0) {
        snprintf(t->why, sizeof t->why, "%.100s: %s", a->directory, strerror(errno));
        return;
    }
    c->policy.mode = strcmp(a->mode, "live") == 0 ? TOKEN_LIVE : TOKEN_PAPER;
    c->policy.limits = a->limits;
    token_account(a->mode, a->rest_url, c->policy.account);
    (void)sodium_mlock(&c->key, sizeof c->key);     /* never swapped out, nor in a core dump; no more than that */
    if ((t->err = apikey_read(a->key_file, &c->key, t->why)) < 0)
        return;
    read_public(c);
    if (a->uid != 0 && !c->risk_known) {    /* what is not read now, the other user may not read */
        snprintf(t->why, sizeof t->why, "waiting for risk's public key, " KEYS_DIR "/risk.sign.pub");
        t->err = ERR_NOT_FOUND;
        return;
    }
    int err = signlog_open(SIGNER_LOG, &c->policy, &c->log);
    c->damaged = err == ERR_CORRUPT;
    c->policy.keep = keep_use;
    c->policy.keep_arg = &c->log;
    if (err == ERR_BUSY) {
        snprintf(t->why, sizeof t->why, "%s is in use: another signer runs in this instance", SIGNER_LOG);
        t->err = err;
        return;
    }
    if (confine_user(a->uid) < 0 || (a->uid != 0 && latch(c) == LATCH_UNKNOWN)) {
        snprintf(t->why, sizeof t->why, "signer_uid %u cannot be taken, or may not search the instance's directory", a->uid);
        t->err = ERR_CONFIG;
        return;
    }
    c->opened = true;
    if (c->risk_known)
        confine_end(&c->confined);
}

/* Why no entry is signed; NULL: they are.  A latch that was seen is remembered, so that to remove it resumes
 * nothing. */
static const char *stopped(struct child *c)
{
    enum latch l = latch(c);
    if (l == LATCH_SET)
        return signlog_stop(&c->log, clock_ns(CLOCK_REALTIME)) ? "LATCH: the STOP file is there"
                                                                : "LATCH: the STOP file is there; not written down";
    if (l == LATCH_UNKNOWN)
        return "LATCH: whether the STOP file is there cannot be told";
    if (c->damaged)
        return "DAMAGED: the signer's log is damaged";
    return signlog_stopped(&c->log) ? "STOPPED: until the operator resumes" : NULL;
}

static const struct policy_mark *mark_of(const struct child *c, const char *symbol)
{
    for (int i = 0; i < WITNESS_SYMBOLS; i++)
        if (*symbol != '\0' && strcmp(c->marks[i].symbol, symbol) == 0)
            return &c->marks[i].mark;
    return NULL;
}

static void sign(struct child *c, struct ask *a, struct told *t)
{
    char why[POLICY_WHY_MAX] = "";
    struct jw w;
    bool entry = strcmp(a->target, ENTRY_TARGET) == 0;
    jw_init(&w);
    if (entry) {
        a->entry.cl_ord_id[sizeof a->entry.cl_ord_id - 1] = a->entry.symbol[sizeof a->entry.symbol - 1] = '\0';
        entry_write(&a->entry, &w);
        read_public(c);
        if (c->risk_known)
            confine_end(&c->confined);
    }
    const struct policy_request r = {
        .method = a->method, .target = a->target, .body = entry ? w.buf : a->body, .len = entry ? w.len : a->body_len,
        .token = a->token_len > 0 ? a->token : NULL, .token_len = a->token_len, .tick = a->tick,
        .multiplier = a->multiplier, .entry = entry ? &a->entry : NULL,
    };
    const struct policy_now now = {
        .wall_ns = clock_ns(CLOCK_REALTIME), .boot_ns = clock_ns(CLOCK_BOOTTIME),
        .public_key = c->risk_known ? c->risk_key : NULL, .mark = entry ? mark_of(c, a->entry.symbol) : NULL,
        .stopped = entry ? stopped(c) : NULL,
    };
    t->err = policy_check(&c->policy, &r, &now, why);
    TEXT_COPY(t->why, why);
    if (t->err == ERR_OK)
        t->n = apikey_headers(&c->key, r.method, r.target, r.body, r.len, t->headers);
    jw_fini(&w);
}

static void stop(struct child *c, struct told *t)
{
    t->err = signlog_stop(&c->log, clock_ns(CLOCK_REALTIME)) ? ERR_OK : ERR_IO;
    if (t->err < 0)
        snprintf(t->why, sizeof t->why, "%s cannot be written; no entry is signed any more", SIGNER_LOG);
}

static void resume(struct child *c, struct ask *a, struct told *t)
{
    const struct resume *r = &a->resume;
    t->err = ERR_AUTH;
    if (!c->operator_known || resume_verify(r, a->signature, c->operator_key) < 0)
        snprintf(t->why, sizeof t->why, "the resume is not signed by the operator's key");
    else if (memcmp(r->account, c->policy.account, sizeof r->account) != 0)
        snprintf(t->why, sizeof t->why, "the resume is of another account or mode");
    else if (r->issued_ns <= c->log.stopped_ns && signlog_stopped(&c->log))
        snprintf(t->why, sizeof t->why, "the resume was signed before the stop");
    else
        t->err = !signlog_stopped(&c->log) || signlog_resume(&c->log, r->issued_ns) ? ERR_OK : ERR_IO;
}

/* False when it will never speak again. */
static bool hear_witness(struct child *c)
{
    struct witness_told m;
    ssize_t n;
    while ((n = recv(c->witness_fd, &m, sizeof m, MSG_DONTWAIT)) == (ssize_t)sizeof m) {
        m.symbol[sizeof m.symbol - 1] = '\0';
        for (int i = 0; i < WITNESS_SYMBOLS; i++) {
            if (c->marks[i].symbol[0] != '\0' && strcmp(c->marks[i].symbol, m.symbol) != 0)
                continue;
            c->marks[i] = m;
            break;
        }
    }
    return n < 0;
}

static bool answer(struct child *c)
{
    static struct ask a;
    static struct told t;
    ssize_t n = recv(c->fd, &a, sizeof a, 0);
    if (n < 0 && errno == EINTR)
        return true;
    if (n != (ssize_t)sizeof a || a.body_len > BODY_MAX || a.token_len > TOKEN_SIZE)
        return false;
    memset(&t, 0, sizeof t);
    if (a.what == ASK_OPEN)
        open_keys(c, &a, &t);
    else if (!c->opened)
        t.err = ERR_WRONG_STATE;
    else if (a.what == ASK_SIGN)
        sign(c, &a, &t);
    else if (a.what == ASK_STOP)
        stop(c, &t);
    else
        resume(c, &a, &t);
    t.confined = c->confined;
    return send(c->fd, &t, sizeof t, MSG_NOSIGNAL) == (ssize_t)sizeof t;
}

_Noreturn static void child(int fd, int witness_fd)
{
    static struct child c;
    const int keep[] = {fd, witness_fd};
    c = (struct child){.fd = fd, .witness_fd = witness_fd, .dir_fd = -1};
    confine_begin(keep, 2, &c.confined);
    c.policy.since_ns = clock_ns(CLOCK_REALTIME);
    read_boot_id(c.policy.boot_id);
    for (;;) {
        struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = c.witness_fd, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        if (p[1].revents != 0 && !hear_witness(&c))
            c.witness_fd = -1;          /* poll leaves it out; its marks grow old */
        if (p[0].revents != 0 && !answer(&c))
            break;
    }
    sodium_memzero(&c.key, sizeof c.key);
    _exit(0);
}

/* ---- the parent ---- */

static int pair_fd = -1;
static struct policy_limits setup_limits;
static uint32_t setup_uid;
static struct confined confined;

int signer_fork(void)
{
    int witness_fd;
    return witness_fork(&witness_fd) < 0 ? ERR_DOWN : signer_fork_beside(witness_fd);
}

int signer_fork_beside(int witness_fd)
{
    int fds[2];
    pid_t parent = getpid();
    if (sodium_init() < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return ERR_DOWN;
    pid_t pid = fork();
    if (pid < 0)
        return ERR_DOWN;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(0);
        signal(SIGTERM, SIG_IGN);       /* it goes with its parent, not before */
        signal(SIGINT, SIG_IGN);
        child(fds[1], witness_fd);
    }
    close(fds[1]);
    close(witness_fd);
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
    confined = t->confined;
    return t->err;
}

void signer_setup(const struct policy_limits *limits, uint32_t uid)
{
    setup_limits = *limits;
    setup_uid = uid;
}

struct confined signer_confined(void)
{
    return confined;
}

int signer_watch(const char *base_url, const char *const *symbols, size_t n)
{
    return witness_open(base_url, symbols, n);
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
    a.limits = setup_limits;
    a.uid = setup_uid;
    return round_trip(&a, &t, why);
}

int signer_sign(const struct policy_request *r, char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX],
                char why[SIGNER_WHY_MAX])
{
    static struct ask a;
    static struct told t;
    memset(&a, 0, sizeof a);
    a.what = ASK_SIGN;
    bool entry = strcmp(r->target, ENTRY_TARGET) == 0;
    if (entry && entry_read(r->body, r->len, &a.entry) < 0) {
        snprintf(why, SIGNER_WHY_MAX, "NOT_ENTRY: the body is not an entry's");
        return ERR_REFUSED;
    }
    if (r->len > BODY_MAX || strlen(r->target) >= TARGET_MAX || r->token_len > TOKEN_SIZE) {
        snprintf(why, SIGNER_WHY_MAX, "the request is too large");
        return ERR_SIZE;
    }
    TEXT_COPY(a.method, r->method);
    TEXT_COPY(a.target, r->target);
    if (r->len > 0 && !entry) {
        memcpy(a.body, r->body, r->len);
        a.body_len = (uint32_t)r->len;
    }
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

int signer_stop(char why[SIGNER_WHY_MAX])
{
    static struct ask a;
    static struct told t;
    a.what = ASK_STOP;
    return round_trip(&a, &t, why);
}

int signer_resume(const struct resume *r, const uint8_t signature[RESUME_SIGNATURE], char why[SIGNER_WHY_MAX])
{
    static struct ask a;
    static struct told t;
    a.what = ASK_RESUME;
    a.resume = *r;
    memcpy(a.signature, signature, RESUME_SIGNATURE);
    return round_trip(&a, &t, why);
}
