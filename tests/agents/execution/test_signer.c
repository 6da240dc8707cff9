/* The signer as the process it is: what it has, what it signs, what it refuses by name, what it remembers. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agents/execution/signer.h"
#include "agents/execution/signlog.h"
#include "agents/execution/witness.h"
#include "libagent/apikey.h"
#include "libagent/certs.h"
#include "libagent/exchange/auth.h"
#include "libagent/signkey.h"
#include "proto/err.h"
#include "proto/text.h"
#include "tests/agents/execution/beats.h"
#define TEST_TIMEOUT 120
#include "tests/runner.h"

#define SECOND INT64_C(1000000000)
#define SECRET "the-secret-of-the-account"

static char dir[64], why[SIGNER_WHY_MAX], headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX];
static uint8_t risk_secret[TOKEN_SECRET], operator_secret[TOKEN_SECRET];
static struct policy_limits limits;
static struct token token;
static struct body entry;
static int told_fd, child_pid;
static uint64_t counter;
static enum party silent = AGENT_COUNT;

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static int newest_child(void)
{
    char path[64];
    int pid = 0, last = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    while (fscanf(f, "%d", &pid) == 1)
        last = pid;
    fclose(f);
    return last;
}

static void begin_signer(uint32_t uid)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    told_fd = fds[0];
    ck_assert_int_eq(signer_fork_beside(fds[1]), ERR_OK);
    child_pid = newest_child();
    signer_setup(&limits, uid, 1);
    int err = signer_open(APIKEY_PAPER, "paper", "", why);
    ck_assert_msg(err == ERR_OK, "%s", why);
}

static void end_signer(void)
{
    kill(child_pid, SIGKILL);
    ck_assert_int_eq(waitpid(child_pid, NULL, 0), child_pid);
    close(signer_fd());
    close(told_fd);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static void begin_as(uint32_t uid)
{
    char text[SIGNKEY_WHY_MAX];
    snprintf(dir, sizeof dir, "/tmp/enigma-signer-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    ck_assert_int_eq(chmod(".", 0711), 0);
    mkdir("etc", 0755);
    mkdir("etc/keys", 0700);
    mkdir("sock", 0755);
    beats_open("paper", "");
    ck_assert_int_eq(signkey_load("etc/keys", "risk", risk_secret, text), ERR_OK);
    ck_assert_int_eq(signkey_load("etc/keys", "operator", operator_secret, text), ERR_OK);
    write_text(APIKEY_PAPER, "key = k\nsecret = " SECRET "\npassphrase = p\n");
    begin_signer(uid);
}

static void begin(void) { begin_as(0); }

static void end(void)
{
    end_signer();
    beats_close();
    ck_assert_int_eq(chdir("/"), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

/* Buy 4 at 100, approved now, with all guards there but `silent`. */
static void approve(void)
{
    static uint8_t approvals;
    beats_say_but(silent);
    int64_t now = now_ns(CLOCK_REALTIME);
    token = (struct token){
        .mode = TOKEN_PAPER, .leg = LEG_ENTRY, .side = SIDE_BUY, .ord_type = ORD_LIMIT, .tif = TOKEN_GTC,
        .key_id = TOKEN_KEY_ID, .max_leverage_x100 = 500, .qty = 4, .price_ticks = 1000, .floor_ticks = 990,
        .cap_ticks = 1010, .stop_ticks = 980, .max_notional_e6 = 400000, .counter = ++counter, .issued_ns = now,
        .expires_ns = now + 4 * SECOND, .expires_boot_ns = now_ns(CLOCK_BOOTTIME) + 4 * SECOND,
    };
    char text[40] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    ck_assert(f != NULL && fscanf(f, "%36s", text) == 1 && token_uuid(text, token.boot_id) == ERR_OK);
    fclose(f);
    memset(token.approval_id, ++approvals, 16);
    memset(token.signal_id, 2, 16);
    token_account("paper", "", token.account);
    TEXT_COPY(token.symbol, "XBTUSDTM");
    entry = (struct body){
        .kind = BODY_ENTRY, .side = SIDE_BUY, .leverage = 5, .qty = 4, .price = dec_int(100), .up_px = dec_int(104), .down_px = dec_int(98),
    };
    token_cl_ord_id(token.approval_id, LEG_ENTRY, 1, entry.cl_ord_id);
    TEXT_COPY(entry.symbol, "XBTUSDTM");
}

static int send_entry(void)
{
    uint8_t bytes[TOKEN_SIZE];
    ck_assert_int_eq(token_sign(&token, risk_secret, bytes), ERR_OK);
    const struct policy_request r = {.method = "POST", .target = ENTRY_TARGET, .what = &entry, .token = bytes,
        .token_len = sizeof bytes, .tick = dec_lit("0.1"), .multiplier = dec_lit("0.001")};
    return signer_sign(&r, headers, why);
}

static int send_exit(void)
{
    const struct body b = {.kind = BODY_REDUCE, .cl_ord_id = "ME1", .symbol = "XBTUSDTM", .side = SIDE_SELL};
    const struct policy_request r = {.method = "POST", .target = REDUCE_TARGET, .what = &b};
    char ignored[SIGNER_WHY_MAX];
    return signer_sign(&r, headers, ignored);
}

#define ck_refused(name) \
    do { ck_assert_int_eq(send_entry(), ERR_REFUSED); \
         ck_assert_msg(strncmp(why, name ":", sizeof name) == 0, "%s, not %s", why, name); } while (0)

static long status(const char *name)
{
    char path[64], line[256];
    long ret = -1;
    snprintf(path, sizeof path, "/proc/%d/status", child_pid);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            ret = strtol(line + strlen(name) + 1, NULL, 10);
    fclose(f);
    return ret;
}

/* ---- what it has ---- */

START_TEST(the_child_is_confined_and_holds_only_its_sockets_its_log_and_its_directory)
{
    char path[64], to[256];
    begin();
    ck_assert_int_eq(status("Seccomp"), 2);
    ck_assert_int_eq(status("Seccomp_filters"), 2);
    ck_assert_int_eq(status("NoNewPrivs"), 1);
#ifndef __SANITIZE_ADDRESS__                    /* which makes mlock do nothing */
    ck_assert_int_gt(status("VmLck"), 0);
#endif
    const struct confined c = signer_confined();
    char missing[80];
    confine_missing(&c, missing, sizeof missing);
    printf("signer: not offered by this kernel: \"%s\"\n", missing);
    ck_assert_int_eq(c.files_closed, 1);
    snprintf(path, sizeof path, "/proc/%d/fd", child_pid);
    DIR *d = opendir(path);
    int n = 0;
    for (const struct dirent *e; (e = readdir(d)) != NULL; n++) {
        ssize_t len = readlinkat(dirfd(d), e->d_name, to, sizeof to - 1);
        if (e->d_name[0] == '.' || strcmp(e->d_name, "2") == 0)
            continue;
        to[len] = '\0';
        ck_assert_msg(strncmp(to, "socket:", 7) == 0 || strcmp(to, dir) == 0 || strstr(to, SIGNER_LOG) != NULL, "%s", to);
    }
    closedir(d);
    ck_assert_int_eq(n, 2 + 1 + 5);
    end();
}
END_TEST

START_TEST(what_was_opened_stays)
{
    begin();
    ck_assert_int_eq(signer_open(APIKEY_PAPER, "live", "https://elsewhere", why), ERR_WRONG_STATE);
    approve();
    ck_assert_int_eq(send_entry(), 5);
    end();
}
END_TEST

/* ---- what it signs ---- */

START_TEST(signs_the_body_that_it_wrote_itself)
{
    char sign[AUTH_TEXT_MAX];
    struct jw w;
    begin();
    approve();
    ck_assert_int_eq(send_entry(), 5);
    jw_init(&w);
    body_write(&entry, &w);
    auth_sign(SECRET, strstr(headers[2], ": ") + 2, "POST", ENTRY_TARGET, w.buf, w.len, sign);
    jw_fini(&w);
    ck_assert_str_eq(strstr(headers[1], ": ") + 2, sign);
    ck_assert_int_eq(send_exit(), 5);
    end();
}
END_TEST

START_TEST(refuses_what_is_not_what_was_approved)
{
    begin();
    approve();
    entry.qty = 5;
    ck_refused("WRONG_SIZE");
    approve();
    TEXT_COPY(entry.symbol, "ETHUSDTM");
    ck_refused("WRONG_SYMBOL");
    approve();
    token.expires_ns = token.issued_ns + 1;
    ck_refused("EXPIRED");
    approve();
    token.issued_ns -= SECOND * 3600;
    token.expires_ns = token.issued_ns + SECOND;
    ck_refused("EXPIRED");
    approve();
    ck_assert_int_eq(send_entry(), 5);
    entry.up_px = dec_int(105);
    ck_refused("REPLAYED");
    end();
}
END_TEST

START_TEST(repeats_the_hard_limits)
{
    limits = (struct policy_limits){.max_leverage = 4};
    begin();
    approve();
    ck_refused("MAX_LEVERAGE");
    end();
    limits = (struct policy_limits){.max_notional = dec_lit("0.39")};
    begin();
    approve();
    ck_refused("MAX_ORDER");
    end();
}
END_TEST

/* ---- the price witness ---- */

static void witness_says(const char *symbol, dec_t mark, int64_t age_ns)
{
    struct witness_told m = {.mark = {.mark = mark, .tick = dec_lit("0.1"), .multiplier = dec_lit("0.001"),
        .max_qty = 100, .max_leverage = 50, .boot_ns = now_ns(CLOCK_BOOTTIME) - age_ns}};
    TEXT_COPY(m.symbol, symbol);
    ck_assert_int_eq(send(told_fd, &m, sizeof m, 0), sizeof m);
}

START_TEST(an_entry_needs_a_fresh_mark_of_its_symbol_and_an_exit_needs_none)
{
    limits = (struct policy_limits){.collar = dec_lit("0.05"), .mark_age_ns = 10 * SECOND};
    begin();
    approve();
    ck_refused("NO_WITNESS");
    witness_says("ETHUSDTM", dec_int(100), 0);
    ck_refused("NO_WITNESS");
    witness_says("XBTUSDTM", dec_int(100), 11 * SECOND);
    ck_refused("NO_WITNESS");
    ck_assert_int_eq(send_exit(), 5);
    witness_says("XBTUSDTM", dec_int(94), 0);
    ck_refused("COLLAR");
    ck_assert_int_eq(send_exit(), 5);
    witness_says("XBTUSDTM", dec_int(99), 0);
    ck_assert_int_eq(send_entry(), 5);
    shutdown(told_fd, SHUT_RDWR);        /* it ends: what it said last is good until it is old */
    approve();
    ck_assert_int_eq(send_entry(), 5);
    ck_assert_int_eq(send_exit(), 5);
    end();
}
END_TEST

/* ---- stops ---- */

static int resume(int64_t issued_ns, const char *account)
{
    uint8_t signature[RESUME_SIGNATURE];
    struct resume r = {.issued_ns = issued_ns, .reason = "looked at"};
    token_account(account, "", r.account);
    resume_sign(&r, operator_secret, signature);
    return signer_resume(&r, signature, why);
}

START_TEST(the_latch_stops_entries_and_to_remove_it_resumes_nothing)
{
    begin();
    write_text("STOP", "");
    approve();
    ck_refused("LATCH");
    ck_assert_int_eq(send_exit(), 5);
    unlink("STOP");
    ck_refused("STOPPED");
    end_signer();
    begin_signer(0);                        /* nor does a restart */
    approve();
    ck_refused("STOPPED");
    ck_assert_int_eq(resume(now_ns(CLOCK_REALTIME), "paper"), ERR_OK);
    approve();
    ck_assert_int_eq(send_entry(), 5);
    end();
}
END_TEST

START_TEST(a_latch_that_is_a_directory_or_a_dangling_link_stops)
{
    begin();
    mkdir("STOP", 0700);
    approve();
    ck_refused("LATCH");
    end();
    begin();
    ck_assert_int_eq(symlink("/no/such/file", "STOP"), 0);
    approve();
    ck_refused("LATCH");
    end();
}
END_TEST

START_TEST(a_latch_that_cannot_be_asked_for_stops)
{
    if (geteuid() != 0)
        return;                             /* another user cannot be taken */
    begin_as(65533);
    approve();
    ck_assert_int_eq(send_entry(), 5);
    ck_assert_int_eq(status("Uid"), 65533);
    ck_assert_int_eq(chmod(dir, 0700), 0);
    approve();
    ck_refused("LATCH");
    ck_assert_int_eq(send_exit(), 5);
    ck_assert_int_eq(chmod(dir, 0711), 0);
    approve();
    ck_assert_int_eq(send_entry(), 5);
    end();
}
END_TEST

START_TEST(only_the_operator_resumes_and_only_after_the_stop)
{
    uint8_t signature[RESUME_SIGNATURE] = {1};
    struct resume forged = {.issued_ns = now_ns(CLOCK_REALTIME) + SECOND};
    begin();
    int64_t before = now_ns(CLOCK_REALTIME);
    ck_assert_int_eq(signer_stop(why), ERR_OK);
    ck_assert_int_eq(signer_stop(why), ERR_OK);
    approve();
    ck_refused("STOPPED");
    ck_assert_int_eq(signer_resume(&forged, signature, why), ERR_AUTH);
    resume_sign(&forged, risk_secret, signature);           /* risk's key is not the operator's */
    ck_assert_int_eq(signer_resume(&forged, signature, why), ERR_AUTH);
    ck_assert_int_eq(resume(before, "paper"), ERR_AUTH);
    ck_assert_int_eq(resume(now_ns(CLOCK_REALTIME), "live"), ERR_AUTH);
    ck_refused("STOPPED");
    ck_assert_int_eq(resume(now_ns(CLOCK_REALTIME), "paper"), ERR_OK);
    approve();
    ck_assert_int_eq(send_entry(), 5);
    end();
}
END_TEST

/* ---- leases ---- */

/* All but one go on speaking until an entry with a fresh approval is refused, or signed. */
static void until_entry(enum party but, int wanted)
{
    int64_t from = now_ns(CLOCK_MONOTONIC);
    int got;
    silent = but;
    do {
        approve();
        got = send_entry();
        ck_assert_int_eq(send_exit(), 5);
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    } while (got != wanted && now_ns(CLOCK_MONOTONIC) - from < 20 * SECOND);
    ck_assert_msg(got == wanted, "%d, not %d: %s", got, wanted, why);
}

/* The life of a lease is good and over soon after, without anybody telling; it comes back with the first beat. */
static void fall_silent(enum party who)
{
    begin();
    until_entry(AGENT_COUNT, 5);
    until_entry(who, ERR_REFUSED);
    printf("leases: %s\n", why);
    ck_assert_msg(strncmp(why, "LEASE: ", 7) == 0 && strstr(why, party_name(who)) == why + 7, "%s", why);
    ck_assert(strtod(strstr(why, " for ") + 5, NULL) * 1000 > (double)leases_life_ms(who) - 100);
    until_entry(AGENT_COUNT, 5);
    end();
}

START_TEST(entries_end_when_risk_is_silent) { fall_silent(AGENT_RISK); } END_TEST
START_TEST(entries_end_when_data_is_silent) { fall_silent(AGENT_DATA); } END_TEST
START_TEST(entries_end_when_the_orchestrator_is_silent) { fall_silent(AGENT_ORCHESTRATOR); } END_TEST

/* A process of its own that speaks for `who`: stopped, and let go on. */
static void stop_process(enum party who)
{
    int status_;
    begin();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;; nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL))
            leases_say(&beats[who], who == AGENT_ORCHESTRATOR ? LEASE_TRADING : 0, 0);
    }
    until_entry(who, 5);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(pid, &status_, WUNTRACED), pid);
    until_entry(who, ERR_REFUSED);
    printf("leases: stopped: %s\n", why);
    ck_assert_msg(strncmp(why, "LEASE: ", 7) == 0 && strstr(why, party_name(who)) == why + 7, "%s", why);
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    until_entry(who, 5);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status_, 0), pid);
    end();
}

START_TEST(with_risk_stopped_a_valid_token_signs_nothing) { stop_process(AGENT_RISK); } END_TEST
START_TEST(with_the_orchestrator_stopped_a_valid_token_signs_nothing) { stop_process(AGENT_ORCHESTRATOR); } END_TEST

START_TEST(entries_need_the_orchestrator_to_say_that_it_trades)
{
    begin();
    approve();
    leases_say(&beats[AGENT_ORCHESTRATOR], 0, 0);
    ck_assert_int_eq(signer_guards(why), GUARDS_FINE);
    ck_refused("NOT_TRADING");
    ck_assert_int_eq(send_exit(), 5);
    approve();
    ck_assert_int_eq(send_entry(), 5);
    end();
}
END_TEST

START_TEST(a_guard_whose_key_is_made_later_is_heard_then_and_the_files_close_behind_the_last)
{
    begin();
    end_signer();
    ck_assert_int_eq(rename("etc/keys/audit.sign.pub", "etc/keys/later"), 0);
    begin_signer(0);
    approve();
    ck_refused("LEASE");
    ck_assert_ptr_nonnull(strstr(why, "audit has not been heard"));
    ck_assert_int_eq(signer_guards(why), GUARDS_LAPSED);
    ck_assert_int_eq(signer_confined().files_closed, 0);
    ck_assert_int_eq(send_exit(), 5);
    ck_assert_int_eq(rename("etc/keys/later", "etc/keys/audit.sign.pub"), 0);
    until_entry(AGENT_COUNT, 5);
    ck_assert_int_eq(signer_confined().files_closed, 1);
    end();
}
END_TEST

/* ---- configurations ---- */

START_TEST(a_token_of_another_configuration_is_refused_and_limits_only_tighten_until_stopped)
{
    struct policy_limits next = {.config_hash = 2, .max_leverage = 5};
    limits = (struct policy_limits){.config_hash = 1, .max_leverage = 10};
    begin();
    approve();
    ck_refused("OTHER_CONFIG");
    approve();
    token.config_hash = 1;
    ck_assert_int_eq(send_entry(), 5);
    ck_assert_int_eq(signer_config(&next, why), ERR_OK);
    approve();
    token.config_hash = 1;
    ck_refused("OTHER_CONFIG");
    ck_assert_int_eq(send_exit(), 5);
    ck_assert_int_eq(signer_config(&limits, why), ERR_REFUSED);
    approve();
    token.config_hash = 2;
    ck_assert_int_eq(send_entry(), 5);
    ck_assert_int_eq(signer_stop(why), ERR_OK);
    ck_assert_int_eq(signer_config(&limits, why), ERR_OK);
    ck_assert_int_eq(resume(now_ns(CLOCK_REALTIME), "paper"), ERR_OK);
    approve();
    token.config_hash = 1;
    ck_assert_int_eq(send_entry(), 5);
    end();
}
END_TEST

/* An agent has its certificate's secret, and could make itself a key for signing: neither is risk's or the operator's. */
START_TEST(no_key_but_the_operators_resumes_and_none_but_risks_approves)
{
    static uint8_t secrets[2 * AGENT_COUNT][TOKEN_SECRET];
    uint8_t public_key[TOKEN_PUBLIC], signature[RESUME_SIGNATURE], real[TOKEN_SECRET];
    char text[CERTS_WHY_MAX];
    int n = 0, resumes = 0, approvals = 0, taken = 0;
    begin();
    ck_assert_int_eq(certs_make("etc/keys", text), AGENT_COUNT);
    for (int i = 0; i < AGENT_COUNT; i++) {
        zcert_t *cert = NULL;
        ck_assert_int_eq(signkey_load("etc/keys", party_name((enum party)i), secrets[n++], text), ERR_OK);
        ck_assert_int_eq(certs_load("etc/keys", party_name((enum party)i), &cert, text), ERR_OK);
        crypto_sign_seed_keypair(public_key, secrets[n++], zcert_secret_key(cert));
        zcert_destroy(&cert);
    }
    ck_assert_int_eq(signer_stop(why), ERR_OK);
    for (int i = 0; i < n; i++) {
        struct resume r = {.issued_ns = now_ns(CLOCK_REALTIME)};
        token_account("paper", "", r.account);
        if (memcmp(secrets[i], operator_secret, TOKEN_SECRET) == 0)
            continue;
        resume_sign(&r, secrets[i], signature);
        resumes++;
        taken += signer_resume(&r, signature, why) != ERR_AUTH;
    }
    approve();
    ck_refused("STOPPED");
    ck_assert_int_eq(resume(now_ns(CLOCK_REALTIME), "paper"), ERR_OK);
    memcpy(real, risk_secret, sizeof real);
    for (int i = 0; i < n; i++) {
        if (memcmp(secrets[i], real, TOKEN_SECRET) == 0)
            continue;
        memcpy(risk_secret, secrets[i], sizeof risk_secret);
        approve();
        approvals++;
        taken += send_entry() != ERR_REFUSED || strncmp(why, "BAD_TOKEN:", 10) != 0;
    }
    memcpy(risk_secret, real, sizeof real);
    approve();
    ck_assert_int_eq(send_entry(), 5);
    printf("%d keys of %d parties: %d resumes and %d approvals signed, %d taken\n", n, AGENT_COUNT, resumes, approvals, taken);
    ck_assert_int_eq(taken, 0);
    ck_assert_int_eq(resumes, n - 1);
    ck_assert_int_eq(approvals, n - 1);
    end();
}
END_TEST

/* ---- what it remembers ---- */

START_TEST(a_token_used_before_a_restart_is_used)
{
    begin();
    counter = 7;
    approve();
    ck_assert_int_eq(send_entry(), 5);
    const struct token used = token;
    const struct body was = entry;
    end_signer();
    begin_signer(0);
    beats_say();
    token = used;                           /* the very bytes */
    entry = was;
    ck_refused("OLD");
    int64_t now = now_ns(CLOCK_REALTIME);
    token.issued_ns = now;                  /* the same approval, made young again by a stolen key */
    token.expires_ns = now + SECOND;
    entry.up_px = dec_int(105);
    ck_refused("REPLAYED");
    counter = 7;                            /* another approval, with a counter that was used */
    approve();
    token.counter = 8;
    ck_refused("REPLAYED");
    token.counter = 9;
    ck_assert_int_eq(send_entry(), 5);
    end();
}
END_TEST

START_TEST(a_torn_last_record_is_cut_and_damage_before_it_stops_entries)
{
    begin();
    for (int i = 0; i < 3; i++) {
        approve();
        ck_assert_int_eq(send_entry(), 5);
    }
    end_signer();
    ck_assert_int_eq(truncate(SIGNER_LOG, 3 * SIGNLOG_RECORD - 1), 0);
    begin_signer(0);
    approve();
    ck_assert_int_eq(send_entry(), 5);
    end_signer();
    struct stat st;
    ck_assert_int_eq(stat(SIGNER_LOG, &st), 0);
    ck_assert_int_eq(st.st_size, 3 * SIGNLOG_RECORD);
    int fd = open(SIGNER_LOG, O_RDWR);
    ck_assert_int_eq(pwrite(fd, "x", 1, 20), 1);
    close(fd);
    begin_signer(0);
    approve();
    ck_refused("DAMAGED");
    ck_assert_int_eq(send_exit(), 5);
    end();
}
END_TEST

/* A full disk, as far as this file goes. */
START_TEST(what_cannot_be_written_down_is_not_signed_and_a_stop_holds_all_the_same)
{
    const struct rlimit one = {SIGNLOG_RECORD, RLIM_INFINITY};
    begin();
    end_signer();
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &one), 0);
    begin_signer(0);
    approve();
    ck_assert_int_eq(send_entry(), 5);
    approve();
    ck_refused("NOT_KEPT");
    ck_assert_int_eq(send_exit(), 5);
    ck_assert_int_eq(signer_stop(why), ERR_IO);
    approve();
    ck_refused("STOPPED");
    ck_assert_int_eq(send_exit(), 5);
    end();
}
END_TEST

TESTS("execution signer", entries_end_when_risk_is_silent, entries_end_when_data_is_silent,
      entries_end_when_the_orchestrator_is_silent, with_risk_stopped_a_valid_token_signs_nothing,
      with_the_orchestrator_stopped_a_valid_token_signs_nothing,
      entries_need_the_orchestrator_to_say_that_it_trades,
      a_guard_whose_key_is_made_later_is_heard_then_and_the_files_close_behind_the_last,
      a_token_of_another_configuration_is_refused_and_limits_only_tighten_until_stopped,
      no_key_but_the_operators_resumes_and_none_but_risks_approves,
      what_cannot_be_written_down_is_not_signed_and_a_stop_holds_all_the_same, the_child_is_confined_and_holds_only_its_sockets_its_log_and_its_directory,
      what_was_opened_stays, signs_the_body_that_it_wrote_itself, refuses_what_is_not_what_was_approved,
      repeats_the_hard_limits, an_entry_needs_a_fresh_mark_of_its_symbol_and_an_exit_needs_none,
      the_latch_stops_entries_and_to_remove_it_resumes_nothing, a_latch_that_is_a_directory_or_a_dangling_link_stops,
      a_latch_that_cannot_be_asked_for_stops, only_the_operator_resumes_and_only_after_the_stop,
      a_token_used_before_a_restart_is_used, a_torn_last_record_is_cut_and_damage_before_it_stops_entries)
