/* redis_server - a real redis-server in a temporary directory, on a Unix socket only; gone when the
 * test's process ends, however it ends. */
#ifndef TESTS_LIBAGENT_REDIS_SERVER_H
#define TESTS_LIBAGENT_REDIS_SERVER_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "libagent/store.h"
#include "proto/err.h"

static char redis_dir[64], redis_path[100];
static pid_t redis_pid;
static int redis_timeout_ms = 3000;     /* of stores; 0: the usual one, too short for a busy machine's disk */

static inline void redis_kill(void)
{
    if (redis_pid > 0) {
        kill(redis_pid, SIGKILL);
        waitpid(redis_pid, NULL, 0);
    }
    redis_pid = 0;
}

static inline void redis_clean(void)
{
    char command[100];
    redis_kill();
    snprintf(command, sizeof command, "rm -rf '%s'", redis_dir);
    if (system(command) != 0)
        _exit(1);
}

static inline void redis_start(void)
{
    if (redis_dir[0] == '\0') {
        strcpy(redis_dir, "/tmp/test-redis.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(redis_dir));
        snprintf(redis_path, sizeof redis_path, "%s/redis.sock", redis_dir);
        atexit(redis_clean);
    }
    redis_pid = fork();
    if (redis_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis_path, "--dir",
               redis_dir, "--appendonly", "yes", "--appendfsync", "always", "--save", "",
               "--maxmemory-policy", "noeviction", (char *)NULL);
        _exit(127);
    }
}

/* Turn the loop until the condition holds; fail after 10 s. */
#define until(loop, condition)                                                                     \
    do {                                                                                           \
        uint64_t until_end = uv_hrtime() + 10000000000ull;                                         \
        while (!(condition)) {                                                                     \
            ck_assert_msg(uv_hrtime() < until_end, "still not: %s", #condition);                   \
            uv_run((loop), UV_RUN_NOWAIT);                                                         \
            usleep(200);                                                                           \
        }                                                                                          \
    } while (0)

static inline struct store *redis_store(uv_loop_t *loop, const char *instance)
{
    struct store *s = NULL;
    struct store_options o = { .loop = loop, .path = redis_path, .instance = instance,
                               .timeout_ms = redis_timeout_ms };
    ck_assert_int_eq(uv_loop_init(loop), 0);
    ck_assert_int_eq(store_open(&o, &s), ERR_OK);
    return s;
}

static inline void redis_finish(uv_loop_t *loop, struct store **s)
{
    store_close(s);
    uv_run(loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(loop), 0);
}

/* One command, whatever it is; its answer must be no error. */
struct redis_answer {
    bool come;
    int err;
    long long integer;
    char text[256];
};

static inline void redis_answered(void *arg, int err, const redisReply *r)
{
    struct redis_answer *a = arg;
    a->come = true;
    a->err = err;
    if (r != NULL && r->type == REDIS_REPLY_INTEGER)
        a->integer = r->integer;
    if (r != NULL && r->str != NULL)
        snprintf(a->text, sizeof a->text, "%s", r->str);
}

static inline struct redis_answer redis_command(uv_loop_t *loop, struct store *s, const char *text)
{
    struct redis_answer a = { .come = false };
    char copy[512];
    const char *argv[16];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word != NULL && argc < 16; word = strtok(NULL, " "))
        argv[argc++] = word;
    store_command(s, argc, argv, NULL, redis_answered, &a);
    until(loop, a.come);
    return a;
}

#endif
