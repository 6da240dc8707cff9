/* clock - see clock.h */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/token.h"

#include "libagent/clock.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t boot_ns(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

void boot_id(uint8_t ret[16])
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

struct mono mono_now(void)
{
    return (struct mono){.ns = read_clock(CLOCK_MONOTONIC)};
}

struct mono mono_after_ms(int64_t ms)
{
    return (struct mono){.ns = mono_now().ns + ms * 1000000};
}

int64_t mono_left_ms(struct mono deadline)
{
    int64_t left = deadline.ns - mono_now().ns;
    return left > 0 ? (left + 999999) / 1000000 : 0;
}

bool mono_past(struct mono deadline)
{
    return mono_now().ns >= deadline.ns;
}
