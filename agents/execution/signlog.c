/* signlog - see signlog.h */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/hash.h"

#include "agents/execution/signlog.h"

#define MAGIC 0x314e4753u               /* "SGN1", little endian */

enum kind { KIND_USE = 1, KIND_STOP, KIND_RESUME };

struct record {
    uint32_t magic, kind;
    int64_t at_ns;                      /* of a stop or resume */
    struct policy_used use;
    uint64_t check;
};
_Static_assert(sizeof(struct record) == SIGNLOG_RECORD, "the layout on disk");

static uint64_t check_of(const struct record *r)
{
    uint8_t hash[16];
    uint64_t ret;
    hash128(r, offsetof(struct record, check), hash);
    memcpy(&ret, hash, sizeof ret);
    return ret;
}

static void fold(struct signlog *l, struct policy *p, const struct record *r)
{
    if (r->kind == KIND_USE) {
        policy_remember(p, &r->use);
    } else if (r->kind == KIND_STOP) {
        l->stopped_ns = r->at_ns;
        l->stop_kept = true;
    } else {
        l->resumed_ns = r->at_ns;
    }
}

static bool valid(const struct record *r)
{
    return r->magic == MAGIC && r->kind >= KIND_USE && r->kind <= KIND_RESUME && r->check == check_of(r);
}

/* Up to the first bad record: all of it is read, and what follows the bad one must be nothing. */
static int read_all(struct signlog *l, struct policy *p)
{
    struct record r;
    for (;;) {
        ssize_t n = pread(l->fd, &r, sizeof r, (off_t)l->records * SIGNLOG_RECORD);
        if (n < 0)
            return ERR_IO;
        if (n == 0)
            return ERR_OK;
        if (n < (ssize_t)sizeof r || !valid(&r))
            break;
        fold(l, p, &r);
        l->records++;
    }
    off_t at = (off_t)l->records * SIGNLOG_RECORD;
    if (lseek(l->fd, 0, SEEK_END) > at + SIGNLOG_RECORD)
        return ERR_CORRUPT;
    return ftruncate(l->fd, at) == 0 && fdatasync(l->fd) == 0 ? ERR_OK : ERR_IO;
}

static int sync_directory(void)
{
    int fd = open("journal", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd >= 0 && fsync(fd) == 0 ? ERR_OK : ERR_IO;
    if (fd >= 0)
        close(fd);
    return err;
}

int signlog_open(const char *path, struct policy *p, struct signlog *ret)
{
    *ret = (struct signlog){.fd = -1, .failed = true};
    if (mkdir("journal", 0755) != 0 && errno != EEXIST)
        return ERR_IO;
    ret->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (ret->fd < 0 || sync_directory() < 0)
        return ERR_IO;
    if (flock(ret->fd, LOCK_EX | LOCK_NB) != 0) {
        close(ret->fd);
        ret->fd = -1;
        return ERR_BUSY;
    }
    int err = read_all(ret, p);
    ret->failed = err < 0;
    return err;
}

static bool append(struct signlog *l, struct record *r)
{
    if (l->failed)
        return false;
    r->magic = MAGIC;
    r->check = check_of(r);
    if (pwrite(l->fd, r, sizeof *r, (off_t)l->records * SIGNLOG_RECORD) != (ssize_t)sizeof *r)
        return false;           /* a full disk: the next one is written over what is there of it */
    l->failed = fdatasync(l->fd) != 0;
    l->records += !l->failed;
    return !l->failed;
}

bool signlog_use(struct signlog *l, const struct policy_used *u)
{
    struct record r = {.kind = KIND_USE, .use = *u};
    return append(l, &r);
}

bool signlog_stop(struct signlog *l, int64_t now_ns)
{
    if (signlog_stopped(l) && l->stop_kept)
        return true;
    if (!signlog_stopped(l))
        l->stopped_ns = now_ns > l->resumed_ns ? now_ns : l->resumed_ns + 1;
    struct record r = {.kind = KIND_STOP, .at_ns = l->stopped_ns};
    return l->stop_kept = append(l, &r);
}

bool signlog_resume(struct signlog *l, int64_t issued_ns)
{
    struct record r = {.kind = KIND_RESUME, .at_ns = issued_ns};
    if (!append(l, &r))
        return false;
    l->resumed_ns = issued_ns;
    return true;
}

bool signlog_stopped(const struct signlog *l)
{
    return l->stopped_ns > l->resumed_ns;
}
