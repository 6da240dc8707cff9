/* Leases on their way: who sends, what arrives, and that nobody waits. */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libagent/clock.h"
#include "libagent/leases.h"
#include "proto/err.h"
#include "tests/runner.h"

static char dir[64], why[SIGNKEY_WHY_MAX];

static void begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/enigma-leases-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    ck_assert(mkdir("etc", 0755) == 0 && mkdir("etc/keys", 0700) == 0 && mkdir("sock", 0755) == 0);
}

static void end(void)
{
    char command[128];
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static int listen_here(void)
{
    const struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = LEASES_SOCKET};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

START_TEST(what_is_said_arrives_signed_by_its_agent_with_its_age)
{
    uint8_t public_key[TOKEN_PUBLIC], account[16], boot[16];
    struct leases l;
    struct lease got;
    begin();
    int fd = listen_here();
    ck_assert_int_eq(leases_open(AGENT_DATA, "live", "https://venue", &l, why), ERR_OK);
    ck_assert_int_eq(signkey_public(SIGNKEY_DIR, "data", public_key), ERR_OK);
    int64_t before = boot_ns();
    leases_say(&l, 0, 1000000000);
    ck_assert_int_eq(recv(fd, &got, sizeof got, 0), sizeof got);
    ck_assert_int_eq(lease_verify(&got, public_key), ERR_OK);
    ck_assert(got.issued_ns >= before - 1000000000 && got.issued_ns <= boot_ns() - 1000000000);
    token_account("live", "https://venue", account);
    boot_id(boot);
    ck_assert_mem_eq(got.account, account, 16);
    ck_assert_mem_eq(got.boot_id, boot, 16);
    ck_assert_int_eq(got.party, AGENT_DATA);
    ck_assert_int_eq(got.mode, TOKEN_LIVE);
    leases_say(&l, LEASE_TRADING, -5);          /* a clock that went back makes nothing younger than now */
    ck_assert_int_eq(recv(fd, &got, sizeof got, 0), sizeof got);
    ck_assert_int_eq(got.flags, LEASE_TRADING);
    ck_assert(got.issued_ns <= boot_ns());
    leases_close(&l);
    close(fd);
    end();
}
END_TEST

START_TEST(nobody_there_and_no_room_are_as_if_nothing_was_said)
{
    struct leases l;
    begin();
    ck_assert_int_eq(leases_open(AGENT_RISK, "paper", "", &l, why), ERR_OK);
    leases_say(&l, 0, 0);
    int fd = listen_here();
    for (int i = 0; i < 5000; i++)
        leases_say(&l, 0, 0);
    close(fd);
    leases_say(&l, 0, 0);
    leases_close(&l);
    leases_say(&l, 0, 0);
    end();
}
END_TEST

START_TEST(who_guards_nothing_has_no_key_and_says_nothing)
{
    struct leases l;
    begin();
    int fd = listen_here();
    for (enum party p = 0; p < AGENT_COUNT; p++) {
        bool guards = p == AGENT_RISK || p == AGENT_DATA || p == AGENT_ORCHESTRATOR || p == AGENT_AUDIT;
        char path[64], byte[256];
        ck_assert_int_eq(leases_life_ms(p) > 0, guards);
        ck_assert_int_eq(leases_open(p, "paper", "", &l, why), ERR_OK);
        snprintf(path, sizeof path, SIGNKEY_DIR "/%s.sign", party_name(p));
        ck_assert_int_eq(access(path, F_OK) == 0, guards);
        leases_say(&l, 0, 0);
        ck_assert_int_eq(recv(fd, byte, sizeof byte, 0), guards ? (ssize_t)sizeof(struct lease) : -1);
        leases_close(&l);
    }
    ck_assert_int_eq(leases_life_ms(AGENT_COUNT), 0);
    close(fd);
    end();
}
END_TEST

/* Several processes that start for the first time at once have one key, and it is whole. */
START_TEST(a_key_made_by_many_at_once_is_one_key)
{
    uint8_t secret[TOKEN_SECRET], mine[TOKEN_SECRET], public_key[TOKEN_PUBLIC];
    int go[2], back[2];
    begin();
    ck_assert(pipe(go) == 0 && pipe(back) == 0);
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            char c;
            close(go[1]);
            if (read(go[0], &c, 1) != 0 || signkey_load(SIGNKEY_DIR, "audit", mine, why) < 0)
                memset(mine, 0, sizeof mine);
            _exit(write(back[1], mine, sizeof mine) == (ssize_t)sizeof mine ? 0 : 1);
        }
    close(go[1]);                               /* all at once */
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(read(back[0], mine, sizeof mine), sizeof mine);
        ck_assert_int_eq(signkey_load(SIGNKEY_DIR, "audit", secret, why), ERR_OK);
        ck_assert_mem_eq(mine, secret, sizeof secret);
    }
    while (wait(NULL) > 0)
        continue;
    ck_assert_int_eq(signkey_public(SIGNKEY_DIR, "audit", public_key), ERR_OK);
    ck_assert_mem_eq(public_key, secret + 32, sizeof public_key);
    ck_assert_int_eq(system("test $(ls etc/keys | wc -l) = 2"), 0);
    end();
}
END_TEST

TESTS("leases", what_is_said_arrives_signed_by_its_agent_with_its_age,
      nobody_there_and_no_room_are_as_if_nothing_was_said, who_guards_nothing_has_no_key_and_says_nothing,
      a_key_made_by_many_at_once_is_one_key)
