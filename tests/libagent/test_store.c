/* The store against a real Redis that is killed, full, flushed, silent and full of rubbish. */
#define TEST_TIMEOUT 60
#include "tests/runner.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/libagent/redis_server.h"

static uv_loop_t loop;

struct answer {
    int calls, err;
    char value[64];
    size_t len;
};

static void on_done(void *arg, int err)
{
    struct answer *a = arg;
    a->calls++;
    a->err = err;
}

static void on_value(void *arg, int err, const char *value, size_t len)
{
    struct answer *a = arg;
    on_done(arg, err);
    a->len = len;
    if (value != NULL && len < sizeof a->value)
        memcpy(a->value, value, len);
}

static struct answer set(struct store *s, const char *key, const char *value)
{
    struct answer a = { 0 };
    store_set(s, key, value, strlen(value), on_done, &a);
    until(&loop, a.calls > 0);
    return a;
}

static struct answer get(struct store *s, const char *key)
{
    struct answer a = { 0 };
    store_get(s, key, on_value, &a);
    until(&loop, a.calls > 0);
    return a;
}

START_TEST(sets_gets_and_deletes)
{
    redis_start();
    struct store *s = redis_store(&loop, "test");
    until(&loop, store_state(s) == STORE_UP);
    ck_assert_int_eq(get(s, "a").err, ERR_NOT_FOUND);
    ck_assert_int_eq(set(s, "a", "one").err, ERR_OK);
    struct answer a = get(s, "a");
    ck_assert_int_eq(a.err, ERR_OK);
    ck_assert_str_eq(a.value, "one");
    ck_assert_str_eq(redis_command(&loop, s, "GET enigma:test:a").text, "one");
    a = (struct answer){ 0 };
    store_delete(s, "a", on_done, &a);
    until(&loop, a.calls > 0);
    ck_assert_int_eq(a.err, ERR_OK);
    ck_assert_int_eq(get(s, "a").err, ERR_NOT_FOUND);
    ck_assert_int_eq(set(s, "a", "").err, ERR_SIZE);
    ck_assert_int_eq(set(s, "", "x").err, ERR_SIZE);
    redis_finish(&loop, &s);
}
END_TEST

START_TEST(refuses_values_of_another_kind_or_too_long)
{
    redis_start();
    struct store *s = redis_store(&loop, "test");
    until(&loop, store_state(s) == STORE_UP);
    redis_command(&loop, s, "LPUSH enigma:test:list 1");
    ck_assert_int_eq(get(s, "list").err, ERR_TYPE);
    redis_command(&loop, s, "SETRANGE enigma:test:big 50000000 x");
    ck_assert_int_eq(get(s, "big").err, ERR_SIZE);
    redis_command(&loop, s, "SETRANGE enigma:test:fits 1048575 x");
    ck_assert_uint_eq(get(s, "fits").len, STORE_VALUE_MAX);
    ck_assert_int_eq(store_state(s), STORE_UP);
    redis_finish(&loop, &s);
}
END_TEST

static int keys_seen;

static void on_key(void *arg, const char *key)
{
    (void)arg;
    ck_assert_int_eq(strncmp(key, "agent*[", 7), 0);
    keys_seen++;
}

START_TEST(scans_exactly_the_keys_with_the_prefix)
{
    redis_start();
    struct store *s = redis_store(&loop, "test"), *other;
    until(&loop, store_state(s) == STORE_UP);
    for (int i = 0; i < 500; i++) {
        char key[32];
        snprintf(key, sizeof key, "agent*[%d", i);
        ck_assert_int_eq(set(s, key, "x").err, ERR_OK);
        snprintf(key, sizeof key, "agentxx[%d", i);
        ck_assert_int_eq(set(s, key, "x").err, ERR_OK);
    }
    redis_command(&loop, s, "SET enigma:other:agent*[1 x");
    struct answer a = { 0 };
    keys_seen = 0;
    store_scan(s, "agent*[", on_key, on_done, &a);
    until(&loop, a.calls > 0);
    ck_assert_int_eq(a.err, ERR_OK);
    ck_assert_int_eq(keys_seen, 500);
    other = s;
    redis_finish(&loop, &other);
}
END_TEST

START_TEST(answers_every_call_once_when_redis_is_killed_and_comes_back_by_itself)
{
    enum { N = 300 };
    static struct answer answers[N];
    signal(SIGPIPE, SIG_IGN);           /* as every agent does */
    redis_start();
    struct store *s = redis_store(&loop, "test");
    until(&loop, store_state(s) == STORE_UP);
    ck_assert_int_eq(set(s, "kept", "yes").err, ERR_OK);
    for (int round = 0; round < 3; round++) {
        uint64_t generation = store_generation(s);
        memset(answers, 0, sizeof answers);
        for (int i = 0; i < N; i++) {
            store_set(s, "k", "v", 1, on_done, &answers[i]);
            if (i == N / 2) {
                uv_run(&loop, UV_RUN_NOWAIT);
                redis_kill();
            }
        }
        until(&loop, store_state(s) != STORE_UP);
        struct answer now = { 0 };
        store_set(s, "k", "v", 1, on_done, &now);
        ck_assert_int_eq(now.calls, 1);
        ck_assert_int_eq(now.err, ERR_DOWN);
        for (int i = 0; i < N; i++) {
            ck_assert_int_eq(answers[i].calls, 1);
            ck_assert(answers[i].err == ERR_OK || answers[i].err == ERR_DOWN || answers[i].err == ERR_TIMEOUT);
        }
        ck_assert_int_lt(answers[N - 1].err, 0);    /* a child of Redis may hold the socket: then it is the time limit */
        redis_start();
        until(&loop, store_state(s) == STORE_UP);
        ck_assert_uint_gt(store_generation(s), generation);
        ck_assert_str_eq(get(s, "kept").value, "yes");
    }
    redis_finish(&loop, &s);
}
END_TEST

START_TEST(silent_redis_is_a_timeout_for_those_waiting_and_down_for_the_next)
{
    redis_timeout_ms = 0;
    redis_start();
    struct store *s = redis_store(&loop, "test");
    until(&loop, store_state(s) == STORE_UP);
    kill(redis_pid, SIGSTOP);
    struct answer a[3] = { { 0 } };
    uint64_t start = uv_hrtime();
    for (int i = 0; i < 3; i++)
        store_set(s, "k", "v", 1, on_done, &a[i]);
    until(&loop, a[0].calls > 0);
    double waited_ms = (double)(uv_hrtime() - start) / 1e6;
    ck_assert_msg(waited_ms >= 99, "%f", waited_ms);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(a[i].calls, 1);
        ck_assert_int_eq(a[i].err, ERR_TIMEOUT);
    }
    ck_assert_int_eq(store_state(s), STORE_NO_ANSWER);
    ck_assert_int_eq(set(s, "k", "v").err, ERR_DOWN);
    kill(redis_pid, SIGCONT);
    until(&loop, store_state(s) == STORE_UP);
    ck_assert_int_eq(set(s, "k", "v").err, ERR_OK);
    redis_finish(&loop, &s);
}
END_TEST

START_TEST(late_loop_is_not_taken_for_a_silent_redis)
{
    redis_timeout_ms = 0;
    redis_start();
    struct store *s = redis_store(&loop, "test");
    until(&loop, store_state(s) == STORE_UP);
    for (int i = 0; i < 5; i++) {
        struct answer a = { 0 };
        store_set(s, "k", "v", 1, on_done, &a);
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(150000);                     /* the loop is busy elsewhere past the time limit */
        until(&loop, a.calls > 0);
        ck_assert_int_eq(a.err, ERR_OK);
    }
    redis_finish(&loop, &s);
}
END_TEST

START_TEST(names_why_redis_cannot_write_and_recovers)
{
    redis_start();
    struct store *s = redis_store(&loop, "test");
    until(&loop, store_state(s) == STORE_UP);
    redis_command(&loop, s, "CONFIG SET maxmemory 1");
    ck_assert_int_eq(set(s, "k", "v").err, ERR_DOWN);
    ck_assert_int_eq(store_state(s), STORE_NO_MEMORY);
    ck_assert_ptr_nonnull(strstr(store_state_text(store_state(s)), "OOM"));
    redisContext *c = redisConnectUnix(redis_path);
    freeReplyObject(redisCommand(c, "CONFIG SET maxmemory 0"));
    until(&loop, store_state(s) == STORE_UP);
    freeReplyObject(redisCommand(c, "REPLICAOF 127.0.0.1 1"));
    ck_assert_int_eq(set(s, "k", "v").err, ERR_DOWN);
    ck_assert_int_eq(store_state(s), STORE_READ_ONLY);
    freeReplyObject(redisCommand(c, "REPLICAOF NO ONE"));
    until(&loop, store_state(s) == STORE_UP);
    freeReplyObject(redisCommand(c, "ACL SETUSER default -@all"));
    until(&loop, set(s, "k", "v").err == ERR_DOWN);
    ck_assert_int_eq(store_state(s), STORE_NO_PERMISSION);
    redisFree(c);
    redis_finish(&loop, &s);
}
END_TEST

/* A server that is none: answers each connection with the same bytes. */
static pid_t impostor(const char *bytes, size_t len)
{
    redis_start();
    redis_kill();
    unlink(redis_path);
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    strcpy(a.sun_path, redis_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);           /* who waited too long has gone, and comes again */
        for (;;) {
            char buf[512];
            int c = accept(fd, NULL, NULL);
            ssize_t n = read(c, buf, sizeof buf);
            n = write(c, bytes, len);
            (void)n;
        }
    }
    close(fd);
    return pid;
}

START_TEST(never_believes_an_impostor)
{
    redis_timeout_ms = 0;
    static const struct { const char *bytes; size_t len; enum store_state state; } cases[] = {
        { "HTTP/1.1 200 OK\r\n\r\n", 19, STORE_GARBAGE },
        { "*1000000000\r\n", 13, STORE_GARBAGE },
        { ":1\r\n", 4, STORE_GARBAGE },
        { "$-1\r\n", 5, STORE_GARBAGE },
        { "-ERR no\r\n", 9, STORE_GARBAGE },
        { "-LOADING Redis is loading the dataset in memory\r\n", 49, STORE_LOADING },
        { "-MISCONF disk\r\n", 15, STORE_NO_DISK },
        { "$1000000\r\nabc", 13, STORE_NO_ANSWER },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pid_t pid = impostor(cases[i].bytes, cases[i].len);
        struct store *s = redis_store(&loop, "test");
        until(&loop, store_state(s) == cases[i].state);
        ck_assert_uint_eq(store_generation(s), 0);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        redis_finish(&loop, &s);
        unlink(redis_path);
    }
}
END_TEST

/* A server that answers "+OK" to all but its second command ever, and that with these bytes; then it may hang up. */
static pid_t fails_once(const char *bytes, size_t len, bool hang_up)
{
    redis_start();
    redis_kill();
    unlink(redis_path);
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    strcpy(a.sun_path, redis_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        for (int commands = 0;;) {
            char buf[512];
            int c = accept(fd, NULL, NULL);
            while (read(c, buf, sizeof buf) > 0) {
                bool bad = ++commands == 2;
                ssize_t n = bad ? write(c, bytes, len) : write(c, "+OK\r\n", 5);
                if (n < 0 || (bad && hang_up))
                    break;
            }
            close(c);
        }
    }
    close(fd);
    return pid;
}

static void fake_end(struct store **s, pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    redis_finish(&loop, s);
    unlink(redis_path);
}

/* Down by its name and up again by itself, or one call refused and nothing else. */
START_TEST(each_error_answer_is_known_by_its_name_and_passes)
{
    static const struct { const char *text; int err; enum store_state state; } cases[] = {
        { "-LOADING Redis is loading the dataset in memory", ERR_DOWN, STORE_LOADING },
        { "-OOM command not allowed when used memory > 'maxmemory'.", ERR_DOWN, STORE_NO_MEMORY },
        { "-MISCONF Redis is configured to save RDB snapshots", ERR_DOWN, STORE_NO_DISK },
        { "-READONLY You can't write against a read only replica.", ERR_DOWN, STORE_READ_ONLY },
        { "-MASTERDOWN Link with MASTER is down", ERR_DOWN, STORE_READ_ONLY },
        { "-NOAUTH Authentication required.", ERR_DOWN, STORE_NO_PERMISSION },
        { "-WRONGPASS invalid username-password pair", ERR_DOWN, STORE_NO_PERMISSION },
        { "-NOPERM this user has no permissions", ERR_DOWN, STORE_NO_PERMISSION },
        { "-BUSY Redis is busy running a script.", ERR_DOWN, STORE_NO_ANSWER },
        { "-MOVED 3999 127.0.0.1:6381", ERR_DOWN, STORE_GARBAGE },
        { "-ASK 3999 127.0.0.1:6381", ERR_DOWN, STORE_GARBAGE },
        { "-CLUSTERDOWN Hash slot not served", ERR_DOWN, STORE_GARBAGE },
        { "-WRONGTYPE Operation against a key holding the wrong kind of value", ERR_TYPE, STORE_UP },
        { "-NOSCRIPT No matching script.", ERR_UNKNOWN, STORE_UP },
        { "-ERR unknown command", ERR_REFUSED, STORE_UP },
        { "-", ERR_REFUSED, STORE_UP },
        { "-OOMPH is no -OOM", ERR_REFUSED, STORE_UP },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bytes[128];
        int n = snprintf(bytes, sizeof bytes, "%s\r\n", cases[i].text);
        pid_t pid = fails_once(bytes, (size_t)n, false);
        struct store *s = redis_store(&loop, "test");
        until(&loop, store_state(s) == STORE_UP);
        struct answer a = set(s, "k", "v");
        ck_assert_msg(a.calls == 1 && a.err == cases[i].err, "%s: %s", cases[i].text, err_name(a.err));
        ck_assert_msg(store_state(s) == cases[i].state, "%s: %s", cases[i].text, store_state_text(store_state(s)));
        until(&loop, store_state(s) == STORE_UP);
        ck_assert_uint_eq(store_generation(s), cases[i].state == STORE_UP ? 1 : 2);
        ck_assert_int_eq(set(s, "k", "v").err, ERR_OK);
        fake_end(&s, pid);
    }
}
END_TEST

START_TEST(a_reply_cut_at_any_byte_is_down_and_nothing_of_it_is_believed)
{
    static const char reply[] = "$5\r\nvalue\r\n";
    for (size_t len = 0; len < sizeof reply - 1; len++) {
        pid_t pid = fails_once(reply, len, true);
        struct store *s = redis_store(&loop, "test");
        until(&loop, store_state(s) == STORE_UP);
        struct answer a = get(s, "k");
        ck_assert_msg(a.calls == 1 && a.err == ERR_DOWN && a.len == 0, "cut at %zu: %s", len, err_name(a.err));
        until(&loop, store_state(s) == STORE_UP);
        ck_assert_uint_eq(store_generation(s), 2);
        fake_end(&s, pid);
    }
}
END_TEST

START_TEST(a_reply_nested_too_deep_or_of_no_known_kind_is_garbage)
{
    redis_timeout_ms = 0;
    static char deep[4000];
    memset(deep, 0, sizeof deep);
    for (int i = 0; i < 500; i++)
        strcat(deep, "*1\r\n");
    static const char *const cases[] = { deep, "!3\r\nabc\r\n", "$x\r\n", "$-7\r\n", "*-9\r\n", ":99999999999999999999999\r\n" };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pid_t pid = fails_once(cases[i], strlen(cases[i]), false);
        struct store *s = redis_store(&loop, "test");
        until(&loop, store_state(s) == STORE_UP);
        struct answer a = get(s, "k");
        ck_assert_msg(a.calls == 1 && a.err < 0 && a.len == 0, "%s: %s", cases[i], err_name(a.err));
        until(&loop, store_state(s) == STORE_UP);
        fake_end(&s, pid);
    }
}
END_TEST

/* FLUSHALL takes what was kept and nothing else. */
START_TEST(what_was_flushed_is_not_found_and_the_store_stays_up)
{
    redis_start();
    struct store *s = redis_store(&loop, "test");
    until(&loop, store_state(s) == STORE_UP);
    ck_assert_int_eq(set(s, "k", "v").err, ERR_OK);
    redis_command(&loop, s, "FLUSHALL");
    ck_assert_int_eq(get(s, "k").err, ERR_NOT_FOUND);
    ck_assert_int_eq(store_state(s), STORE_UP);
    ck_assert_uint_eq(store_generation(s), 1);
    redis_finish(&loop, &s);
}
END_TEST

START_TEST(closing_cancels_what_is_pending)
{
    struct answer a[10] = { { 0 } };
    redis_start();
    struct store *s = redis_store(&loop, "test");
    until(&loop, store_state(s) == STORE_UP);
    for (int i = 0; i < 10; i++)
        store_set(s, "k", "v", 1, on_done, &a[i]);
    redis_finish(&loop, &s);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(a[i].calls, 1);
        ck_assert_int_eq(a[i].err, ERR_CANCELLED);
    }
}
END_TEST

START_TEST(starts_without_a_server_and_refuses_more_than_the_bound)
{
    static struct answer a[STORE_INFLIGHT_MAX + 1];
    redis_start();
    redis_kill();
    struct store *s = redis_store(&loop, "test");
    ck_assert_int_eq(set(s, "k", "v").err, ERR_DOWN);
    redis_start();
    until(&loop, store_state(s) == STORE_UP);
    for (int i = 0; i <= STORE_INFLIGHT_MAX; i++)
        store_set(s, "k", "v", 1, on_done, &a[i]);
    ck_assert_int_eq(a[STORE_INFLIGHT_MAX].err, ERR_FULL);
    until(&loop, a[STORE_INFLIGHT_MAX - 1].calls == 1);
    struct store_options o = { .loop = &loop, .path = "", .instance = "x" };
    struct store *none = NULL;
    ck_assert_int_eq(store_open(&o, &none), ERR_SIZE);
    redis_finish(&loop, &s);
}
END_TEST

TESTS("store", each_error_answer_is_known_by_its_name_and_passes,
      a_reply_cut_at_any_byte_is_down_and_nothing_of_it_is_believed,
      a_reply_nested_too_deep_or_of_no_known_kind_is_garbage, what_was_flushed_is_not_found_and_the_store_stays_up,
      sets_gets_and_deletes, refuses_values_of_another_kind_or_too_long,
      scans_exactly_the_keys_with_the_prefix,
      answers_every_call_once_when_redis_is_killed_and_comes_back_by_itself,
      silent_redis_is_a_timeout_for_those_waiting_and_down_for_the_next,
      late_loop_is_not_taken_for_a_silent_redis, names_why_redis_cannot_write_and_recovers,
      never_believes_an_impostor, closing_cancels_what_is_pending,
      starts_without_a_server_and_refuses_more_than_the_bound)
