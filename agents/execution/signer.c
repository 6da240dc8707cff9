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
#include <sys/un.h>
#include <unistd.h>

#include "libagent/apikey.h"
#include "libagent/clock.h"
#include "libagent/latch.h"
#include "libagent/signkey.h"
#include "proto/err.h"
#include "proto/text.h"

#include "agents/execution/signer.h"
#include "agents/execution/signlog.h"
#include "agents/execution/witness.h"

#define TARGET_MAX     512
#define LEASES_AT_ONCE 64

struct ask {
    enum { ASK_OPEN, ASK_CONFIG, ASK_GUARDS, ASK_SIGN, ASK_STOP, ASK_RESUME } what;
    char directory[512], key_file[128], mode[8], rest_url[256];     /* OPEN */
    double timer_scale;
    uint32_t uid;
    struct policy_limits limits;                                    /* OPEN, CONFIG */
    char method[8], target[TARGET_MAX];                             /* SIGN */
    uint8_t token[TOKEN_SIZE];
    uint32_t token_len;
    struct body body;
    dec_t tick, multiplier;
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
    int fd, witness_fd, lease_fd, dir_fd;
    struct apikey key;
    struct policy policy;
    struct signlog log;
    struct confined confined;
    struct guards guards;
    uint8_t operator_key[TOKEN_PUBLIC];
    bool opened, operator_known, damaged;
    char silent[GUARDS_WHY_MAX];
    struct witness_told marks[WITNESS_SYMBOLS];
};

/* Each agent makes its key when it starts for the first time, perhaps after us; with all known no file is needed. */
static void read_public(struct child *c)
{
    if (guards_known(&c->guards))
        return;
    c->operator_known = signkey_public(SIGNKEY_DIR, "operator", c->operator_key) == ERR_OK;
    for (enum party p = 0; p < AGENT_COUNT; p++) {
        struct guard *g = &c->guards.of[p];
        if (leases_life_ms(p) > 0 && !g->known)
            g->known = signkey_public(SIGNKEY_DIR, party_name(p), g->key) == ERR_OK;
    }
    if (c->opened && guards_known(&c->guards))
        confine_end(&c->confined);
}

static bool keep_use(void *arg, const struct policy_used *u)
{
    return signlog_use(arg, u);
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
    c->guards.mode = c->policy.mode;
    c->guards.scale = a->timer_scale > 0 && a->timer_scale < 1 ? a->timer_scale : 1;
    memcpy(c->guards.account, c->policy.account, sizeof c->guards.account);
    memcpy(c->guards.boot_id, c->policy.boot_id, sizeof c->guards.boot_id);
    read_public(c);
    if (a->uid != 0 && !guards_known(&c->guards)) {     /* what is not read now, the other user may not read */
        snprintf(t->why, sizeof t->why, "waiting for the public keys of risk, data, orchestrator, audit in " SIGNKEY_DIR);
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
    if (confine_user(a->uid) < 0 || (a->uid != 0 && latch_look(c->dir_fd) == LATCH_UNKNOWN)) {
        snprintf(t->why, sizeof t->why, "signer_uid %u cannot be taken, or may not search the instance's directory", a->uid);
        t->err = ERR_CONFIG;
        return;
    }
    c->opened = true;
    if (guards_known(&c->guards))
        confine_end(&c->confined);
}

/* Why no entry is signed; NULL: they are.  A latch that was seen is remembered, so that to remove it resumes
 * nothing. */
static const char *stopped(struct child *c)
{
    enum latch l = latch_look(c->dir_fd);
    if (l == LATCH_SET)
        return signlog_stop(&c->log, wall_ns()) ? "LATCH: the STOP file is there"
                                                : "LATCH: the STOP file is there; not written down";
    if (l == LATCH_UNKNOWN)
        return "LATCH: whether the STOP file is there cannot be told";
    if (c->damaged)
        return "DAMAGED: the signer's log is damaged";
    if (signlog_stopped(&c->log))
        return "STOPPED: until the operator resumes";
    if (guards_state(&c->guards, boot_ns(), c->silent) != GUARDS_FINE)
        return c->silent;
    return guards_trading(&c->guards) ? NULL : "NOT_TRADING: by the orchestrator's lease";
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
    bool entry = a->body.kind == BODY_ENTRY;
    jw_init(&w);
    body_write(&a->body, &w);
    const struct policy_request r = {
        .method = a->method, .target = a->target, .what = &a->body, .body = w.buf, .len = w.len,
        .token = a->token_len > 0 ? a->token : NULL, .token_len = a->token_len, .tick = a->tick,
        .multiplier = a->multiplier,
    };
    const struct guard *risk = &c->guards.of[AGENT_RISK];
    const struct policy_now now = {
        .wall_ns = wall_ns(), .boot_ns = boot_ns(), .public_key = risk->known ? risk->key : NULL,
        .mark = entry ? mark_of(c, a->body.symbol) : NULL, .stopped = entry ? stopped(c) : NULL,
    };
    t->err = policy_check(&c->policy, &r, &now, why);
    TEXT_COPY(t->why, why);
    if (t->err == ERR_OK)
        t->n = apikey_headers(&c->key, r.method, r.target, r.body, r.len, t->headers);
    jw_fini(&w);
}

static void configure(struct child *c, const struct ask *a, struct told *t)
{
    char why[POLICY_WHY_MAX] = "";
    if (signlog_stopped(&c->log))
        c->policy.limits = a->limits;
    else
        t->err = policy_tighten(&c->policy, &a->limits, why);
    TEXT_COPY(t->why, why);
}

static void stop(struct child *c, struct told *t)
{
    t->err = signlog_stop(&c->log, wall_ns()) ? ERR_OK : ERR_IO;
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

static void hear_leases(struct child *c)
{
    struct lease l;
    for (int i = 0; i < LEASES_AT_ONCE; i++) {
        ssize_t n = recv(c->lease_fd, &l, sizeof l, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0)
            return;
        if (n != (ssize_t)sizeof l || !c->opened)
            continue;
        read_public(c);
        guards_hear(&c->guards, &l, boot_ns());
    }
}

static bool answer(struct child *c)
{
    static struct ask a;
    static struct told t;
    /* poll said that it is there: no signal comes between */
    if (recv(c->fd, &a, sizeof a, 0) != (ssize_t)sizeof a || a.token_len > TOKEN_SIZE)
        return false;
    a.method[sizeof a.method - 1] = a.target[sizeof a.target - 1] = '\0';
    a.body.symbol[sizeof a.body.symbol - 1] = '\0';
    memset(&t, 0, sizeof t);
    if (a.what == ASK_OPEN)
        open_keys(c, &a, &t);
    else if (!c->opened)
        t.err = ERR_WRONG_STATE;
    else if (a.what == ASK_SIGN)
        sign(c, &a, &t);
    else if (a.what == ASK_STOP)
        stop(c, &t);
    else if (a.what == ASK_CONFIG)
        configure(c, &a, &t);
    else if (a.what == ASK_GUARDS)
        t.n = (int32_t)guards_state(&c->guards, boot_ns(), t.why);
    else
        resume(c, &a, &t);
    t.confined = c->confined;
    return send(c->fd, &t, sizeof t, MSG_NOSIGNAL) == (ssize_t)sizeof t;
}

_Noreturn static void child(int fd, int witness_fd, int lease_fd)
{
    static struct child c;
    const int keep[] = {fd, witness_fd, lease_fd};
    c = (struct child){.fd = fd, .witness_fd = witness_fd, .lease_fd = lease_fd, .dir_fd = -1};
    confine_begin(keep, 3, &c.confined);
    c.policy.since_ns = wall_ns();
    c.guards.since_ns = boot_ns();
    boot_id(c.policy.boot_id);
    for (;;) {
        struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = c.witness_fd, .events = POLLIN},
                             {.fd = lease_fd, .events = POLLIN}};
        must(poll(p, 3, -1) >= 0 || errno == EINTR);
        if (p[2].revents != 0)
            hear_leases(&c);
        if (p[1].revents != 0 && !hear_witness(&c))
            c.witness_fd = -1;          /* poll leaves it out; its marks grow old */
        if (p[0].revents != 0 && !answer(&c))
            break;
    }
    sodium_memzero(&c.key, sizeof c.key);
    _exit(0);
}

/* ---- the parent ---- */

static int pair_fd = -1, unbound_fd = -1;
static struct policy_limits setup_limits;
static uint32_t setup_uid;
static double setup_scale;
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
    /* The child may make no socket: this one gets its name when the instance is known. */
    int lease_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sodium_init() < 0 || lease_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
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
        child(fds[1], witness_fd, lease_fd);
    }
    close(fds[1]);
    close(witness_fd);
    pair_fd = fds[0];
    unbound_fd = lease_fd;
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
    do
        n = poll(&p, 1, SIGNER_WAIT_MS);
    while (n < 0 && errno == EINTR);
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

void signer_setup(const struct policy_limits *limits, uint32_t uid, double timer_scale)
{
    setup_limits = *limits;
    setup_uid = uid;
    setup_scale = timer_scale;
}

/* From here on the child alone has it. */
static int bind_leases(char *why)
{
    const struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = LEASES_SOCKET};
    if (unbound_fd < 0)
        return ERR_OK;
    (void)unlink(at.sun_path);
    if (bind(unbound_fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        snprintf(why, SIGNER_WHY_MAX, "%s: %s", at.sun_path, strerror(errno));
        return ERR_IO;
    }
    close(unbound_fd);
    unbound_fd = -1;
    return ERR_OK;
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
    int err = bind_leases(why);
    if (err < 0)
        return err;
    TEXT_COPY(a.key_file, key_file);
    TEXT_COPY(a.mode, mode);
    TEXT_COPY(a.rest_url, rest_url);
    a.limits = setup_limits;
    a.uid = setup_uid;
    a.timer_scale = setup_scale;
    return round_trip(&a, &t, why);
}

int signer_config(const struct policy_limits *limits, char why[SIGNER_WHY_MAX])
{
    static struct ask a;
    static struct told t;
    a.what = ASK_CONFIG;
    a.limits = *limits;
    return round_trip(&a, &t, why);
}

int signer_guards(char why[SIGNER_WHY_MAX])
{
    static struct ask a;
    static struct told t;
    a.what = ASK_GUARDS;
    int err = round_trip(&a, &t, why);
    return err < 0 ? err : t.n;
}

int signer_sign(const struct policy_request *r, char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX],
                char why[SIGNER_WHY_MAX])
{
    static struct ask a;
    static struct told t;
    memset(&a, 0, sizeof a);
    a.what = ASK_SIGN;
    if (strlen(r->target) >= TARGET_MAX || r->token_len > TOKEN_SIZE) {
        snprintf(why, SIGNER_WHY_MAX, "the request is too large");
        return ERR_SIZE;
    }
    TEXT_COPY(a.method, r->method);
    TEXT_COPY(a.target, r->target);
    if (r->what != NULL)
        a.body = *r->what;
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
