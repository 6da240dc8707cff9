/* leftovers - see leftovers.h */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libagent/clock.h"

#include "deploy/cli/leftovers.h"

/* As the kernel names them: 15 characters. */
static const char *const programs[] = {
    "redis-server", "enigma-bus", "enigma-paper", "enigma-watch", "enigma-orchestr", "enigma-data",
    "enigma-signal", "enigma-risk", "enigma-executio", "enigma-optimize", "enigma-audit",
};

static bool is_ours(long pid, const char *instance)
{
    char path[64], at[PATH_MAX], name[32] = "";
    snprintf(path, sizeof path, "/proc/%ld/cwd", pid);
    ssize_t n = readlink(path, at, sizeof at - 1);
    if (n <= 0)
        return false;
    at[n] = '\0';
    size_t len = strlen(instance);
    if (strncmp(at, instance, len) != 0 || (at[len] != '\0' && at[len] != '/'))
        return false;
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    if (fgets(name, sizeof name, f) != NULL)
        name[strcspn(name, "\n")] = '\0';
    fclose(f);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(name, programs[i]) == 0)
            return true;
    return false;
}

static int signal_all(const char *instance, int signum)
{
    int found = 0;
    DIR *d = opendir("/proc");
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        long pid = strtol(e->d_name, NULL, 10);
        if (pid <= 1 || pid == (long)getpid() || !is_ours(pid, instance))
            continue;
        found++;
        kill((pid_t)pid, signum);
    }
    if (d != NULL)
        closedir(d);
    return found;
}

int leftovers_count(void)
{
    char instance[PATH_MAX];
    return getcwd(instance, sizeof instance) != NULL ? signal_all(instance, 0) : 0;
}

int leftovers_end(int64_t ms)
{
    char instance[PATH_MAX];
    if (getcwd(instance, sizeof instance) == NULL)
        return 0;
    int found = signal_all(instance, SIGTERM);
    struct mono deadline = mono_after_ms(ms);
    const struct timespec ts = {.tv_nsec = 20000000};
    while (found > 0 && signal_all(instance, 0) > 0) {
        if (mono_past(deadline))
            signal_all(instance, SIGKILL);
        nanosleep(&ts, NULL);
    }
    return found;
}
