#include "deploy/paper/persist.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "libagent/log.h"
#include "proto/err.h"

#define MAGIC 0x4C504531u
#define FRAME_MAX (64u << 20)

struct frame { uint32_t magic, size, crc; };

struct slot { uint64_t count; struct persist_clock clock; uint32_t crc, zero; };

struct persist {
    char path[PATH_MAX], fresh[PATH_MAX + 8];
    int fd, clock_fd, new_fd;       /* new_fd < 0 outside renewal */
    size_t bytes, new_bytes;
    uint64_t clock_count;
    unsigned char *buf;
    size_t used, cap;
};

static struct slot newest(const struct persist *p);

static uint32_t crc(const void *p, size_t n) { return (uint32_t)crc32(0, p, (uInt)n); }

static _Noreturn void die(const struct persist *p, const char *what)
{
    log_error("state.failed", LOG_S("path", p->path), LOG_S("operation", what), LOG_S("reason", strerror(errno)),
              LOG_S("action", errno == ENOSPC || errno == EDQUOT
                                  ? "ending; free some space, and the process manager starts it again"
                                  : "ending; look at the disk"));
    _exit(PERSIST_EXIT);
}

static void write_all(const struct persist *p, int fd, const unsigned char *at, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            die(p, "write");
        at += k;
        n -= (size_t)k;
    }
}

static int apply_frame(const unsigned char *p, size_t n, persist_apply apply, void *arg)
{
    while (n >= 8) {
        uint32_t type, size;
        memcpy(&type, p, 4);
        memcpy(&size, p + 4, 4);
        if (size > n - 8)
            return ERR_CORRUPT;
        int err = apply(arg, type, p + 8, size);
        if (err != ERR_OK)
            return err;
        p += 8 + size;
        n -= 8 + size;
    }
    return n == 0 ? ERR_OK : ERR_CORRUPT;
}

/* Applies whole frames; *ret_good is where the first bad byte stands. */
static int apply_log(const unsigned char *p, size_t n, persist_apply apply, void *arg,
                     size_t *ret_good)
{
    size_t at = 0;
    struct frame f;
    while (n - at >= sizeof f) {
        memcpy(&f, p + at, sizeof f);
        if (f.magic != MAGIC || f.size > FRAME_MAX || f.size > n - at - sizeof f ||
            crc(p + at + sizeof f, f.size) != f.crc)
            break;
        int err = apply_frame(p + at + sizeof f, f.size, apply, arg);
        if (err != ERR_OK)
            return err;
        at += sizeof f + f.size;
    }
    *ret_good = at;
    return ERR_OK;
}

static int load(struct persist *p, persist_apply apply, void *arg)
{
    struct stat st;
    if (fstat(p->fd, &st) != 0)
        return ERR_IO;
    size_t n = (size_t)st.st_size, good = 0;
    unsigned char *all = malloc(n + 1);
    must(all != NULL);
    for (size_t at = 0; at < n;) {
        ssize_t k = pread(p->fd, all + at, n - at, (off_t)at);
        if (k <= 0) {
            free(all);
            return ERR_IO;
        }
        at += (size_t)k;
    }
    int err = apply_log(all, n, apply, arg, &good);
    free(all);
    if (err == ERR_OK && good < n && ftruncate(p->fd, (off_t)good) != 0)
        err = ERR_IO;
    p->bytes = good;
    return err;
}

int persist_open(const char *dir, persist_apply apply, void *arg, struct persist **ret)
{
    struct persist *p = calloc(1, sizeof *p);
    must(p != NULL);
    p->new_fd = -1;
    char clock[PATH_MAX];
    snprintf(p->path, sizeof p->path, "%s/engine.log", dir);
    snprintf(p->fresh, sizeof p->fresh, "%s.new", p->path);
    snprintf(clock, sizeof clock, "%s/engine.clock", dir);
    p->fd = open(p->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    p->clock_fd = open(clock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int err = p->fd < 0 || p->clock_fd < 0 ? ERR_IO
              : flock(p->clock_fd, LOCK_EX | LOCK_NB) != 0 ? ERR_BUSY
                                                            : load(p, apply, arg);
    if (err != ERR_OK) {
        persist_close(p);
        return err;
    }
    p->clock_count = newest(p).count;
    *ret = p;
    return ERR_OK;
}

void persist_close(struct persist *p)
{
    if (p->fd >= 0)
        close(p->fd);
    if (p->clock_fd >= 0)
        close(p->clock_fd);
    free(p->buf);
    free(p);
}

void persist_put(struct persist *p, uint32_t type, const void *data, size_t size)
{
    if (p->used == 0)
        p->used = sizeof(struct frame);
    if (p->used + 8 + size > p->cap) {
        p->cap = (p->used + 8 + size) * 2;
        p->buf = realloc(p->buf, p->cap);
        must(p->buf != NULL);
    }
    uint32_t head[2] = {type, (uint32_t)size};
    memcpy(p->buf + p->used, head, 8);
    memcpy(p->buf + p->used + 8, data, size);
    p->used += 8 + size;
}

void persist_commit(struct persist *p)
{
    if (p->used == 0)
        return;
    size_t body = p->used - sizeof(struct frame);
    struct frame f = {MAGIC, (uint32_t)body, crc(p->buf + sizeof f, body)};
    memcpy(p->buf, &f, sizeof f);
    write_all(p, p->new_fd >= 0 ? p->new_fd : p->fd, p->buf, p->used);
    *(p->new_fd >= 0 ? &p->new_bytes : &p->bytes) += p->used;
    p->used = 0;
}

void persist_sync(struct persist *p)
{
    if (fdatasync(p->fd) != 0 || fdatasync(p->clock_fd) != 0)
        die(p, "fdatasync");
}

size_t persist_size(const struct persist *p) { return p->bytes; }

void persist_renew(struct persist *p)
{
    must(p->used == 0 && p->new_fd < 0);
    p->new_fd = open(p->fresh, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (p->new_fd < 0)
        die(p, "open anew");
    p->new_bytes = 0;
}

void persist_swap(struct persist *p)
{
    must(p->used == 0 && p->new_fd >= 0);
    if (fdatasync(p->new_fd) != 0 || rename(p->fresh, p->path) != 0)
        die(p, "swap");
    close(p->fd);
    p->fd = p->new_fd;
    p->new_fd = -1;
    p->bytes = p->new_bytes;
}

void persist_clock_write(struct persist *p, const struct persist_clock *c)
{
    struct slot s;
    memset(&s, 0, sizeof s);
    s.count = ++p->clock_count;
    s.clock = *c;
    s.crc = crc(&s, offsetof(struct slot, crc));
    off_t at = (off_t)(s.count % 2 * sizeof s);
    if (pwrite(p->clock_fd, &s, sizeof s, at) != (ssize_t)sizeof s)
        die(p, "write the clock");
}

/* The newest whole slot; count 0 when there is none. */
static struct slot newest(const struct persist *p)
{
    struct slot s, best;
    memset(&best, 0, sizeof best);
    for (int i = 0; i < 2; i++)
        if (pread(p->clock_fd, &s, sizeof s, (off_t)((size_t)i * sizeof s)) == (ssize_t)sizeof s &&
            s.crc == crc(&s, offsetof(struct slot, crc)) && s.count > best.count)
            best = s;
    return best;
}

int persist_clock_read(const struct persist *p, struct persist_clock *ret)
{
    struct slot best = newest(p);
    if (best.count == 0)
        return ERR_NOT_FOUND;
    *ret = best.clock;
    return ERR_OK;
}
