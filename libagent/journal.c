/* journal - see journal.h
 *
 * Invariants, cited by the tests:
 *   J1  a segment has records only after the one before it was synced
 *   J2  a segment gets its name with its header synced, its size final and zeros behind
 *   J3  a record carries JOURNAL_AFTER_SYNC exactly when all before it are on disk
 *   J4  behind the last record of the current segment are zeros: a cut tail is wiped and synced
 *       before anything is appended, so that no remains of it can pass for a later record
 *   J5  a snapshot is named after the journal up to its lsn was synced
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/planted.h"
#include "libagent/journal.h"

#define RECORD_MAGIC   0x314e524au      /* "JRN1" */
#define SEGMENT_MAGIC  0x4745534au      /* "JSEG" */
#define SNAPSHOT_MAGIC 0x504e534au      /* "JSNP" */
#define VERSION        1
#define FILE_HEADER    512u
#define RECORD_HEADER  72u
#define RECORD_TRAILER 40u
#define RECORD_MIN     (RECORD_HEADER + RECORD_TRAILER)
#define RECORD_MAX     (RECORD_MIN + JOURNAL_PAYLOAD_MAX)
#define NAME_SIZE      32               /* of a file in the directory */

struct segment {
    uint64_t first_lsn;
    uint32_t size;
    int64_t  created_ns;
    uint32_t epoch;                     /* of the record before the first */
    uint8_t  prev[JOURNAL_HASH_SIZE];   /* its hash */
};

/* What segments and snapshots begin with. */
struct file_header {
    uint32_t magic;
    uint8_t  agent, mode;
    uint64_t stream, host, build, lsn, length;
    uint8_t  account[16];
    uint8_t  prev[JOURNAL_HASH_SIZE];
    int64_t  created_ns;
    uint32_t size, epoch;
};

struct journal {
    struct journal_options options;     /* dir: a copy */
    struct journal_io io;
    int      dir_fd, lock_fd;
    int      fd;                        /* of the last segment, once recovered */
    int      read_fd;                   /* of the segment last read from */
    uint64_t read_lsn;                  /* its first lsn */
    struct segment *segments;           /* ascending, without gaps */
    size_t   segments_n, segments_max;
    bool     spare, recovered, dirty;
    uint64_t stream;
    uint32_t epoch;
    uint64_t lsn;                       /* of the last record */
    uint8_t  head[JOURNAL_HASH_SIZE];   /* its hash */
    uint32_t offset;                    /* behind it, in the last segment */
    uint64_t synced_lsn;                /* the same of the last record known to be on disk */
    uint8_t  synced[JOURNAL_HASH_SIZE];
    uint64_t snapshots[2];              /* the good ones, newest first; 0: none */
    uint8_t  *out, *in;                 /* RECORD_MAX each: one record written, one read */
};

/* A walk over segments: the chain so far and what to do with records. */
struct walk {
    uint64_t lsn;                       /* of the last good record */
    uint8_t  hash[JOURNAL_HASH_SIZE];
    uint32_t epoch;
    uint64_t after;                     /* records up to this lsn are not shown */
    uint64_t shown;
    const struct journal_visitor *visitor;
    uint64_t stop;                      /* walk no further than this lsn; 0: to the end */
    uint32_t offset;                    /* behind the last good record */
};

static char last_error[512];

const char *journal_error(void)
{
    return last_error;
}

__attribute__((format(printf, 2, 3)))
static int fail(int err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(last_error, sizeof last_error, format, args);
    va_end(args);
    return err;
}

static int fail_errno(const struct journal *j, const char *name, const char *what)
{
    int err = errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE
            : errno == EACCES || errno == EPERM || errno == EROFS ? ERR_PERMISSION : ERR_IO;
    return fail(err, "%s/%s: %s: %s", j->options.dir, name, what, strerror(errno));
}

/* The disk can not be trusted any more: neither can what we would do next. */
static _Noreturn void die(const struct journal *j, const char *what)
{
    fprintf(stderr, "{\"level\":\"error\",\"event\":\"journal.failed\",\"dir\":\"%s\",\"operation\":"
            "\"%s\",\"error\":\"%s\"}\n", j->options.dir, what, strerror(errno));
    _exit(JOURNAL_EXIT);
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- little endian ---- */

static void put16(uint8_t *p, uint16_t v) { v = htole16(v); memcpy(p, &v, sizeof v); }
static void put32(uint8_t *p, uint32_t v) { v = htole32(v); memcpy(p, &v, sizeof v); }
static void put64(uint8_t *p, uint64_t v) { v = htole64(v); memcpy(p, &v, sizeof v); }
static uint16_t get16(const uint8_t *p) { uint16_t v; memcpy(&v, p, sizeof v); return le16toh(v); }
static uint32_t get32(const uint8_t *p) { uint32_t v; memcpy(&v, p, sizeof v); return le32toh(v); }
static uint64_t get64(const uint8_t *p) { uint64_t v; memcpy(&v, p, sizeof v); return le64toh(v); }

/* CRC-32C (RFC 3720 B.4), reflected polynomial 0x82f63b78. */
static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t len)
{
    static uint32_t table[256];
    if (table[1] == 0)
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t v = i;
            for (int bit = 0; bit < 8; bit++)
                v = v >> 1 ^ (v & 1 ? 0x82f63b78u : 0);
            table[i] = v;
        }
    crc = ~crc;
    while (len-- > 0)
        crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
    return ~crc;
}

static void hash_of(uint8_t ret[JOURNAL_HASH_SIZE], const uint8_t *bytes, size_t len)
{
    must(crypto_generichash(ret, JOURNAL_HASH_SIZE, bytes, len, NULL, 0) == 0);
}

/* What the first record follows: ties the chain to its agent and stream. */
static void genesis(uint8_t ret[JOURNAL_HASH_SIZE], uint8_t agent, uint64_t stream)
{
    uint8_t bytes[32] = "ENIGMA-JRN-v1";
    bytes[16] = agent;
    put64(bytes + 24, stream);
    hash_of(ret, bytes, sizeof bytes);
}

/* ---- records ---- */

static size_t padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

static size_t record_size(size_t len)
{
    return RECORD_MIN + padded(len);
}

/* Put header, pad and trailer around a payload already at p + RECORD_HEADER. */
static void record_seal(uint8_t *p, size_t len, uint64_t lsn, uint32_t epoch, uint16_t kind,
                        uint16_t flags, const uint8_t *prev)
{
    put32(p, RECORD_MAGIC);
    put32(p + 4, (uint32_t)len);
    put64(p + 8, lsn);
    put32(p + 16, epoch);
    put16(p + 20, kind);
    put16(p + 22, flags);
    put64(p + 24, (uint64_t)clock_ns(CLOCK_REALTIME));
    put64(p + 32, (uint64_t)clock_ns(CLOCK_BOOTTIME));
    memcpy(p + 40, prev, JOURNAL_HASH_SIZE);
    memset(p + RECORD_HEADER + len, 0, padded(len) - len);
    uint8_t *trailer = p + RECORD_HEADER + padded(len);
    hash_of(trailer, p, RECORD_HEADER + len);
    put32(trailer + 32, crc32c(crc32c(0, p, RECORD_HEADER), trailer, JOURNAL_HASH_SIZE));
    put32(trailer + 36, ~RECORD_MAGIC);
}

/* True when a whole, undamaged record starts at p.  Whether it belongs here is the caller's question. */
static bool record_parse(const uint8_t *p, size_t available, uint32_t offset,
                         struct journal_record *ret)
{
    if (available < RECORD_MIN || get32(p) != RECORD_MAGIC)
        return false;
    size_t len = get32(p + 4);
    if (len > JOURNAL_PAYLOAD_MAX || record_size(len) > available)
        return false;
    const uint8_t *trailer = p + RECORD_HEADER + padded(len);
    if (get32(trailer + 36) != (uint32_t)~RECORD_MAGIC ||
        get32(trailer + 32) != crc32c(crc32c(0, p, RECORD_HEADER), trailer, JOURNAL_HASH_SIZE))
        return false;
    for (size_t i = len; i < padded(len); i++)
        if (p[RECORD_HEADER + i] != 0)
            return false;
    uint8_t hash[JOURNAL_HASH_SIZE];
    hash_of(hash, p, RECORD_HEADER + len);
    if (memcmp(hash, trailer, sizeof hash) != 0)
        return false;
    *ret = (struct journal_record){
        .at = { get64(p + 8), offset },
        .next = { get64(p + 8) + 1, offset + (uint32_t)record_size(len) },
        .epoch = get32(p + 16), .kind = get16(p + 20), .flags = get16(p + 22),
        .realtime_ns = (int64_t)get64(p + 24), .boottime_ns = (int64_t)get64(p + 32),
        .prev = p + 40, .hash = trailer, .payload = p + RECORD_HEADER, .len = len,
    };
    return true;
}

/* ---- file headers ---- */

static void header_write(uint8_t *p, const struct file_header *h)
{
    memset(p, 0, FILE_HEADER);
    put32(p, h->magic);
    put16(p + 4, VERSION);
    p[6] = h->agent;
    p[7] = h->mode;
    put64(p + 8, h->stream);
    put64(p + 16, h->host);
    memcpy(p + 24, h->account, sizeof h->account);
    put64(p + 40, h->build);
    put64(p + 48, h->lsn);
    memcpy(p + 56, h->prev, JOURNAL_HASH_SIZE);
    put64(p + 88, (uint64_t)h->created_ns);
    put32(p + 96, h->size);
    put64(p + 100, h->length);
    put32(p + 108, h->epoch);
    hash_of(p + 480, p, 480);
}

static int header_parse(const uint8_t *p, uint32_t magic, struct file_header *ret)
{
    uint8_t hash[JOURNAL_HASH_SIZE];
    hash_of(hash, p, 480);
    if (get32(p) != magic || memcmp(hash, p + 480, sizeof hash) != 0)
        return ERR_CORRUPT;
    if (get16(p + 4) != VERSION)
        return ERR_VERSION;
    *ret = (struct file_header){
        .magic = magic, .agent = p[6], .mode = p[7], .stream = get64(p + 8), .host = get64(p + 16),
        .build = get64(p + 40), .lsn = get64(p + 48), .created_ns = (int64_t)get64(p + 88),
        .size = get32(p + 96), .length = get64(p + 100),
        .epoch = get32(p + 108),
    };
    memcpy(ret->account, p + 24, sizeof ret->account);
    memcpy(ret->prev, p + 56, JOURNAL_HASH_SIZE);
    return ERR_OK;
}

static struct file_header header_for(const struct journal *j, uint32_t magic, uint64_t lsn)
{
    struct file_header h = {
        .magic = magic, .agent = j->options.agent, .mode = j->options.mode, .stream = j->stream,
        .host = j->options.host, .build = j->options.build, .lsn = lsn,
        .created_ns = clock_ns(CLOCK_REALTIME), .epoch = j->epoch,
    };
    memcpy(h.account, j->options.account, sizeof h.account);
    memcpy(h.prev, j->head, JOURNAL_HASH_SIZE);
    return h;
}

/* ---- files ---- */

static void segment_name(char name[NAME_SIZE], uint64_t lsn)
{
    snprintf(name, NAME_SIZE, "%016" PRIx64 ".jrn", lsn);
}

static void snapshot_name(char name[NAME_SIZE], uint64_t lsn)
{
    snprintf(name, NAME_SIZE, "%016" PRIx64 ".snap", lsn);
}

/* The number in a name of exactly the form written above, 0 for any other name. */
static uint64_t name_lsn(const char *name, const char *suffix)
{
    if (strspn(name, "0123456789abcdef") != 16 || strcmp(name + 16, suffix) != 0)
        return 0;
    return strtoull(name, NULL, 16);
}

/* Write all or nothing that counts: ERR_NO_SPACE may leave bytes that the next try overwrites. */
static int write_all(const struct journal *j, int fd, const void *bytes, size_t len, off_t offset)
{
    const uint8_t *p = bytes;
    while (len > 0) {
        ssize_t n = j->io.pwrite(fd, p, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != ENOSPC && errno != EDQUOT)
            die(j, "write");
        if (n <= 0)
            return fail(ERR_NO_SPACE, "%s: no space left", j->options.dir);
        p += n;
        len -= (size_t)n;
        offset += n;
    }
    return ERR_OK;
}

static int read_all(int fd, void *bytes, size_t len, off_t offset)
{
    uint8_t *p = bytes;
    while (len > 0) {
        ssize_t n = pread(fd, p, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? ERR_IO : ERR_TRUNCATED;
        p += n;
        len -= (size_t)n;
        offset += n;
    }
    return ERR_OK;
}

static void sync_dir(const struct journal *j)
{
    if (j->io.fsync(j->dir_fd) < 0)
        die(j, "fsync of the directory");
}

/* Give a file written under name "tmp" its final one, so that it exists whole or not at all. */
static int publish(const struct journal *j, int fd, const char *tmp, const char *name)
{
    if (j->io.fsync(fd) < 0) {
        if (errno != ENOSPC && errno != EDQUOT)
            die(j, "fsync");
        return fail_errno(j, tmp, "fsync");
    }
    if (renameat(j->dir_fd, tmp, j->dir_fd, name) < 0)
        return fail_errno(j, name, "rename");
    sync_dir(j);
    return ERR_OK;
}

static int spare_fill(const struct journal *j, int fd)
{
    static const uint8_t zeros[64 << 10];
    uint32_t size = j->options.segment_size;
    if (fallocate(fd, 0, 0, size) < 0 && errno != EOPNOTSUPP && errno != EINTR)
        return fail_errno(j, "spare.tmp", "fallocate");
    for (uint32_t done = 0; done < size; ) {
        uint32_t n = size - done < sizeof zeros ? size - done : (uint32_t)sizeof zeros;
        int err = write_all(j, fd, zeros, n, done);
        if (err < 0)
            return err;
        done += n;
    }
    return publish(j, fd, "spare.tmp", "spare");
}

int journal_tend(struct journal *j)
{
    if (j->spare)
        return ERR_OK;
    int fd = openat(j->dir_fd, "spare.tmp", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(j, "spare.tmp", "create");
    int err = spare_fill(j, fd);
    close(fd);
    if (err < 0)
        unlinkat(j->dir_fd, "spare.tmp", 0);
    else
        j->spare = true;
    return err;
}

static void segment_add(struct journal *j, const struct file_header *h)
{
    if (j->segments_n == j->segments_max) {
        j->segments_max = j->segments_max > 0 ? 2 * j->segments_max : 16;
        j->segments = realloc(j->segments, j->segments_max * sizeof *j->segments);
        must(j->segments != NULL);
    }
    struct segment *s = &j->segments[j->segments_n++];
    *s = (struct segment){ .first_lsn = h->lsn, .size = h->size, .created_ns = h->created_ns,
                           .epoch = h->epoch };
    memcpy(s->prev, h->prev, sizeof s->prev);
}

/* Turn the spare into the segment for the next record (J1, J2). */
static int segment_begin(struct journal *j)
{
    uint8_t bytes[FILE_HEADER];
    char name[NAME_SIZE];
    int err = journal_tend(j);
    if (err < 0)
        return err;
    int fd = openat(j->dir_fd, "spare", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(j, "spare", "open");
    struct file_header h = header_for(j, SEGMENT_MAGIC, j->lsn + 1);
    h.size = j->options.segment_size;
    header_write(bytes, &h);
    segment_name(name, h.lsn);
    err = write_all(j, fd, bytes, sizeof bytes, 0);
    if (err == ERR_OK)
        err = publish(j, fd, "spare", name);
    if (err < 0) {
        close(fd);
        return err;
    }
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->spare = false;
    j->offset = FILE_HEADER;
    segment_add(j, &h);
    return ERR_OK;
}

/* ---- opening ---- */

static int check_owner(const struct journal *j, const char *name, const struct file_header *h)
{
    static const uint8_t unknown[16];
    const struct journal_options *o = &j->options;
    const char *what = h->agent != o->agent ? "agent" : h->mode != o->mode ? "mode (paper or live)"
        : h->host != 0 && o->host != 0 && h->host != o->host ? "host"
        : memcmp(h->account, o->account, 16) != 0 && memcmp(h->account, unknown, 16) != 0 &&
          memcmp(o->account, unknown, 16) != 0 ? "account" : NULL;
    if (what == NULL)
        return ERR_OK;
    return fail(ERR_CONFIG, "%s/%s: this journal belongs to another %s; use another instance or "
                "move it away", o->dir, name, what);
}

static int segment_load_header(struct journal *j, uint64_t lsn)
{
    uint8_t bytes[FILE_HEADER];
    struct file_header h;
    struct stat st;
    char name[NAME_SIZE];
    segment_name(name, lsn);
    int fd = openat(j->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(j, name, "open");
    int err = fstat(fd, &st) < 0 ? ERR_IO : read_all(fd, bytes, sizeof bytes, 0);
    close(fd);
    if (err == ERR_IO)
        return fail_errno(j, name, "read");
    if (err == ERR_OK)
        err = header_parse(bytes, SEGMENT_MAGIC, &h);
    if (err == ERR_VERSION)
        return fail(err, "%s/%s: written by a newer version", j->options.dir, name);
    if (err < 0 || h.lsn != lsn || h.size != st.st_size || h.size > JOURNAL_SEGMENT_MAX ||
        h.size < JOURNAL_SEGMENT_MIN || (j->segments_n > 0 && h.stream != j->stream))
        return fail(ERR_CORRUPT, "%s/%s: offset 0: damaged or foreign segment header", j->options.dir,
                    name);
    j->stream = h.stream;
    segment_add(j, &h);
    return check_owner(j, name, &h);
}

static int compare_lsn(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The lsns of all files with this suffix, ascending; *ret to be freed.  Returns how many. */
static int list_files(const struct journal *j, const char *suffix, uint64_t **ret)
{
    uint64_t *lsns = NULL;
    int n = 0, max = 0;
    int fd = openat(j->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return fail_errno(j, ".", "list");
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL; ) {
        uint64_t lsn = name_lsn(e->d_name, suffix);
        if (lsn == 0)
            continue;
        if (n == max) {
            max = max > 0 ? 2 * max : 16;
            lsns = realloc(lsns, (size_t)max * sizeof *lsns);
            must(lsns != NULL);
        }
        lsns[n++] = lsn;
    }
    closedir(dir);
    if (n > 0)
        qsort(lsns, (size_t)n, sizeof *lsns, compare_lsn);
    *ret = lsns;
    return n;
}

static int load_segments(struct journal *j)
{
    uint64_t *lsns = NULL;
    int n = list_files(j, ".jrn", &lsns), err = n < 0 ? n : ERR_OK;
    for (int i = 0; i < n && err == ERR_OK; i++)
        err = segment_load_header(j, lsns[i]);
    free(lsns);
    return err;
}

/* The lock file says so to people and scripts; the directory's own lock can not be deleted. */
static int lock_dir(struct journal *j)
{
    const char *dir = j->options.dir;
    bool made = mkdir(dir, 0700) == 0;
    if (!made && errno != EEXIST)
        return fail_errno(j, "", "mkdir");
    j->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->dir_fd < 0)
        return fail_errno(j, "", "open");
    j->lock_fd = openat(j->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (j->lock_fd < 0)
        return fail_errno(j, "lock", "open");
    if (flock(j->lock_fd, LOCK_EX | LOCK_NB) < 0 || flock(j->dir_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
            ? fail(ERR_BUSY, "%s: another process has this journal open", dir)
            : fail_errno(j, "lock", "flock");
    if (made) {
        int parent = openat(j->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0 || j->io.fsync(parent) < 0)
            die(j, "fsync of the parent directory");
        close(parent);
    }
    return ERR_OK;
}

/* Leftovers of a crash: unfinished files, and a spare of another size than wanted now. */
static void sweep(struct journal *j)
{
    struct stat st;
    unlinkat(j->dir_fd, "spare.tmp", 0);
    unlinkat(j->dir_fd, "snap.tmp", 0);
    j->spare = fstatat(j->dir_fd, "spare", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
               st.st_size == j->options.segment_size;
    if (!j->spare)
        unlinkat(j->dir_fd, "spare", 0);
}

static struct journal *journal_new(const struct journal_options *options)
{
    struct journal *j = calloc(1, sizeof *j);
    must(j != NULL);
    j->options = *options;
    j->options.dir = strdup(options->dir);
    if (j->options.segment_size == 0)
        j->options.segment_size = JOURNAL_SEGMENT_SIZE;
    if (options->io != NULL)
        j->io = *options->io;
    if (j->io.pwrite == NULL)
        j->io.pwrite = pwrite;
    if (j->io.fdatasync == NULL)
        j->io.fdatasync = fdatasync;
    if (j->io.fsync == NULL)
        j->io.fsync = fsync;
    j->dir_fd = j->lock_fd = j->fd = j->read_fd = -1;
    j->out = calloc(1, RECORD_MAX);             /* pages never touched cost nothing */
    j->in = calloc(1, RECORD_MAX);
    must(j->options.dir != NULL && j->out != NULL && j->in != NULL && sodium_init() >= 0);
    return j;
}

static void journal_free(struct journal *j)
{
    int fds[] = { j->fd, j->read_fd, j->lock_fd, j->dir_fd };
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(j->segments);
    free(j->in);
    free(j->out);
    free((void *)(uintptr_t)j->options.dir);
    free(j);
}

int journal_open(const struct journal_options *options, struct journal **ret)
{
    struct journal *j = journal_new(options);
    uint32_t size = j->options.segment_size;
    must(size >= JOURNAL_SEGMENT_MIN && size <= JOURNAL_SEGMENT_MAX && size % 4096 == 0);
    int err = lock_dir(j);
    if (err == ERR_OK) {
        sweep(j);
        err = load_segments(j);
    }
    if (err < 0) {
        journal_free(j);
        return err;
    }
    *ret = j;
    return ERR_OK;
}

void journal_close(struct journal **journal)
{
    struct journal *j = *journal;
    if (j == NULL)
        return;
    if (j->recovered)
        journal_sync(j);
    journal_free(j);
    *journal = NULL;
}

/* ---- recovery ---- */

/* The index of the segment that holds, or would hold, this lsn; must not be older than the first. */
static size_t segment_of(const struct journal *j, uint64_t lsn)
{
    size_t low = 0, high = j->segments_n;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (j->segments[mid].first_lsn <= lsn)
            low = mid;
        else
            high = mid;
    }
    return low;
}

static int corrupt(const struct journal *j, const struct segment *s, uint32_t offset, const char *why)
{
    return fail(ERR_CORRUPT, "%s/%016" PRIx64 ".jrn: offset %" PRIu32 ": %s", j->options.dir,
                s->first_lsn, offset, why);
}

static int segment_load(const struct journal *j, const struct segment *s, uint8_t **ret)
{
    char name[NAME_SIZE];
    segment_name(name, s->first_lsn);
    int fd = openat(j->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(j, name, "open");
    uint8_t *bytes = malloc(s->size);
    must(bytes != NULL);
    int err = read_all(fd, bytes, s->size, 0);
    if (err < 0) {
        err = fail_errno(j, name, "read");
        free(bytes);
    } else {
        *ret = bytes;
    }
    close(fd);
    return err;
}

/* Does an undamaged record fit at the end of the chain?  ERR_CORRUPT when it is whole but foreign. */
static int walk_check(const struct journal *j, const struct segment *s, const struct walk *w,
                      const struct journal_record *r)
{
    if (r->at.lsn != w->lsn + 1)
        return corrupt(j, s, r->at.offset, "record number out of order");
    if (memcmp(r->prev, w->hash, JOURNAL_HASH_SIZE) != 0)
        return corrupt(j, s, r->at.offset, "hash chain broken");
    if (r->epoch != w->epoch + (r->kind == JOURNAL_KIND_OPEN))
        return corrupt(j, s, r->at.offset, "epoch out of order");
    return ERR_OK;
}

/* Walk the records of one segment up to the first that is none. */
static int walk_segment(const struct journal *j, const struct segment *s, const uint8_t *bytes,
                        struct walk *w)
{
    struct journal_record r;
    if (s->first_lsn != w->lsn + 1 || memcmp(s->prev, w->hash, JOURNAL_HASH_SIZE) != 0)
        return corrupt(j, s, 0, "does not continue the segment before");
    w->offset = FILE_HEADER;
    while ((w->stop == 0 || w->lsn < w->stop) &&
           record_parse(bytes + w->offset, s->size - w->offset, w->offset, &r)) {
        int err = walk_check(j, s, w, &r);
        if (err == ERR_OK && r.at.lsn > w->after && w->visitor != NULL && w->visitor->record != NULL)
            err = w->visitor->record(w->visitor->arg, &r);
        if (err < 0)
            return err;
        w->shown += r.at.lsn > w->after;
        w->lsn = r.at.lsn;
        w->epoch = r.epoch;
        memcpy(w->hash, r.hash, JOURNAL_HASH_SIZE);
        w->offset = r.next.offset;
    }
    return ERR_OK;
}

/* Begin a walk at segment i. */
static struct walk walk_from(const struct journal *j, size_t i)
{
    struct walk w = { .lsn = j->segments[i].first_lsn - 1, .epoch = j->segments[i].epoch };
    memcpy(w.hash, j->segments[i].prev, JOURNAL_HASH_SIZE);
    return w;
}

/* What follows the last good record of the last segment: nothing, an unsynced tail, or damage (J3).
 * Returns the bytes to cut. */
static int64_t tail_length(const struct journal *j, const struct segment *s, const uint8_t *bytes,
                           const struct walk *w)
{
    struct journal_record r;
    uint32_t end = s->size;
    while (end > w->offset && bytes[end - 1] == 0)
        end--;
    for (uint32_t at = w->offset; at < end; at += 8)
        if (record_parse(bytes + at, s->size - at, at, &r) && r.at.lsn > w->lsn &&
            (r.flags & JOURNAL_AFTER_SYNC))
            return corrupt(j, s, w->offset, "damaged record before a synced one");
    return (int64_t)end - w->offset;
}

/* Open the last segment for writing and wipe what is to be cut (J4). */
static int adopt_tail(struct journal *j, const struct walk *w, uint32_t cut)
{
    static const uint8_t zeros[4096];
    char name[NAME_SIZE];
    segment_name(name, j->segments[j->segments_n - 1].first_lsn);
    j->fd = openat(j->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (j->fd < 0)
        return fail_errno(j, name, "open for writing");
    for (uint32_t done = 0; done < cut; ) {
        uint32_t n = cut - done < sizeof zeros ? cut - done : (uint32_t)sizeof zeros;
        int err = write_all(j, j->fd, zeros, n, w->offset + done);
        if (err < 0)
            return err;
        done += n;
    }
    j->lsn = w->lsn;
    j->epoch = w->epoch;
    j->offset = w->offset;
    memcpy(j->head, w->hash, JOURNAL_HASH_SIZE);
    /* After a kill the records read may be in memory only. */
    if (j->io.fdatasync(j->fd) < 0)
        die(j, "fdatasync");
    return ERR_OK;
}

/* Walk all segments from index i on, then take over the tail.  Returns the bytes cut. */
static int64_t walk_all(struct journal *j, size_t i, struct walk *w)
{
    int64_t cut = 0;
    for (; i < j->segments_n; i++) {
        const struct segment *s = &j->segments[i];
        uint8_t *bytes;
        int err = segment_load(j, s, &bytes);
        if (err < 0)
            return err;
        err = walk_segment(j, s, bytes, w);
        if (err == ERR_OK && i + 1 == j->segments_n)
            cut = tail_length(j, s, bytes, w);
        else if (err == ERR_OK && s[1].first_lsn != w->lsn + 1)
            err = corrupt(j, s, w->offset, "damaged record, or the next segment is missing");
        free(bytes);
        if (err < 0)
            return err;
    }
    return cut;
}

/* Read a snapshot and check it against itself.  ERR_CORRUPT: damaged or another journal's. */
static int snapshot_load(const struct journal *j, uint64_t lsn, struct file_header *h, uint8_t **ret)
{
    struct stat st;
    char name[NAME_SIZE];
    uint8_t hash[JOURNAL_HASH_SIZE];
    snapshot_name(name, lsn);
    int fd = openat(j->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(j, name, "open");
    size_t least = FILE_HEADER + JOURNAL_HASH_SIZE;
    uint8_t *bytes = NULL;
    int err = ERR_CORRUPT;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size >= least &&
        (size_t)st.st_size <= JOURNAL_SNAPSHOT_MAX + least) {
        size_t size = (size_t)st.st_size;
        bytes = malloc(size);
        must(bytes != NULL);
        err = read_all(fd, bytes, size, 0);
        if (err == ERR_OK)
            err = header_parse(bytes, SNAPSHOT_MAGIC, h);
        if (err == ERR_OK) {
            hash_of(hash, bytes, size - JOURNAL_HASH_SIZE);
            if (h->lsn != lsn || (j->segments_n > 0 && h->stream != j->stream) ||
                h->length != size - least ||
                memcmp(hash, bytes + size - JOURNAL_HASH_SIZE, sizeof hash) != 0)
                err = ERR_CORRUPT;
        }
    }
    close(fd);
    if (err < 0)
        free(bytes);
    else
        *ret = bytes;
    return err;
}

/* Does the chain have the snapshot's hash at the snapshot's lsn?  ERR_NOT_FOUND: another one, or its
 * segment is gone.  ERR_CORRUPT: the journal ends before it, so synced records are missing (J5). */
static int snapshot_fits(const struct journal *j, const struct file_header *h)
{
    if (j->segments_n == 0 || h->lsn + 1 < j->segments[0].first_lsn)
        return j->segments_n == 0
            ? fail(ERR_CORRUPT, "%s: snapshot %" PRIu64 " without segments", j->options.dir, h->lsn)
            : ERR_NOT_FOUND;
    size_t i = segment_of(j, h->lsn + 1);
    const struct segment *s = &j->segments[i];
    struct walk w = walk_from(j, i);
    if (w.lsn < h->lsn) {
        uint8_t *bytes;
        int err = segment_load(j, s, &bytes);
        if (err < 0)
            return err;
        w.stop = h->lsn;
        err = walk_segment(j, s, bytes, &w);
        free(bytes);
        if (err < 0)
            return err;
        if (w.lsn < h->lsn)
            return corrupt(j, s, w.offset, "ends before its own snapshot");
    }
    return memcmp(w.hash, h->prev, JOURNAL_HASH_SIZE) == 0 ? ERR_OK : ERR_NOT_FOUND;
}

/* Find the newest good snapshot: its lsn (0: none), and its bytes to be freed. */
static int snapshot_choose(struct journal *j, struct journal_recovery *found, uint8_t **ret,
                           size_t *ret_len)
{
    uint64_t *lsns = NULL;
    int n = list_files(j, ".snap", &lsns), err = n < 0 ? n : ERR_OK, good = 0;
    for (int i = n - 1; i >= 0 && good < 2 && err == ERR_OK; i--) {
        struct file_header h;
        uint8_t *bytes = NULL;
        int bad = snapshot_load(j, lsns[i], &h, &bytes);
        if (bad == ERR_OK)
            bad = snapshot_fits(j, &h);
        else if (bad == ERR_CORRUPT || bad == ERR_VERSION || bad == ERR_TRUNCATED)
            bad = ERR_NOT_FOUND;
        if (bad == ERR_OK && good == 0) {
            *ret = bytes;
            *ret_len = (size_t)h.length;
            bytes = NULL;
        }
        free(bytes);
        if (bad == ERR_OK)
            j->snapshots[good++] = lsns[i];
        else if (bad == ERR_NOT_FOUND)
            found->snapshots_bad++;
        else
            err = bad;
    }
    free(lsns);
    found->snapshot_lsn = j->snapshots[0];
    return err;
}

static int recover_existing(struct journal *j, const struct journal_visitor *v,
                            struct journal_recovery *found)
{
    uint64_t from = found->snapshot_lsn;
    const struct segment *oldest = &j->segments[0];
    uint8_t first[JOURNAL_HASH_SIZE];
    genesis(first, j->options.agent, j->stream);
    if (oldest->first_lsn == 1 && memcmp(first, oldest->prev, sizeof first) != 0)
        return corrupt(j, oldest, 0, "hash chain does not begin here");
    if (oldest->first_lsn > from + 1)
        return corrupt(j, oldest, 0, "earlier records are gone and no snapshot is usable");
    size_t i = segment_of(j, from + 1);
    struct walk w = walk_from(j, i);
    w.after = from;
    w.visitor = v;
    int64_t cut = walk_all(j, i, &w);
    if (cut < 0)
        return (int)cut;
    found->first_lsn = oldest->first_lsn;
    found->last_lsn = w.lsn;
    found->records = w.shown;
    found->torn_bytes = (uint64_t)cut;
    return adopt_tail(j, &w, (uint32_t)cut);
}

static int append(struct journal *j, uint16_t kind, const struct iovec *parts, int n,
                  struct journal_position *ret);

int journal_recover(struct journal *j, const struct journal_visitor *v, struct journal_recovery *ret)
{
    struct journal_recovery found = { 0 };
    uint8_t *snapshot = NULL;
    size_t len = 0;
    must(!j->recovered);
    int err = snapshot_choose(j, &found, &snapshot, &len);
    if (err == ERR_OK && snapshot != NULL && v != NULL && v->snapshot != NULL)
        err = v->snapshot(v->arg, found.snapshot_lsn, snapshot + FILE_HEADER, len);
    free(snapshot);
    if (err < 0)
        return err;
    if (j->segments_n > 0) {
        err = recover_existing(j, v, &found);
    } else {
        randombytes_buf(&j->stream, sizeof j->stream);
        genesis(j->head, j->options.agent, j->stream);
        err = segment_begin(j);
    }
    if (err < 0)
        return err;
    j->recovered = true;
    err = append(j, JOURNAL_KIND_OPEN, NULL, 0, NULL);
    if (err < 0)
        return err;
    journal_sync(j);
    journal_tend(j);                            /* without space for it we begin all the same */
    if (ret != NULL)
        *ret = found;
    return ERR_OK;
}

/* ---- writing ---- */

static int append(struct journal *j, uint16_t kind, const struct iovec *parts, int n,
                  struct journal_position *ret)
{
    must(j->recovered);
    size_t len = 0;
    for (int i = 0; i < n; i++) {
        if (parts[i].iov_len > JOURNAL_PAYLOAD_MAX - len)
            return fail(ERR_SIZE, "record of more than %u bytes", JOURNAL_PAYLOAD_MAX);
        if (parts[i].iov_len > 0)
            memcpy(j->out + RECORD_HEADER + len, parts[i].iov_base, parts[i].iov_len);
        len += parts[i].iov_len;
    }
    size_t size = record_size(len);
    if (size > j->options.segment_size - FILE_HEADER)
        return fail(ERR_SIZE, "record of %zu bytes does not fit a segment", len);
    if (size > j->segments[j->segments_n - 1].size - j->offset) {
        journal_sync(j);                        /* J1 */
        int err = segment_begin(j);
        if (err < 0)
            return err;
    }
    uint32_t epoch = j->epoch + (kind == JOURNAL_KIND_OPEN);
    record_seal(j->out, len, j->lsn + 1, epoch, kind, j->dirty ? 0 : JOURNAL_AFTER_SYNC, j->head);
    int err = write_all(j, j->fd, j->out, size, j->offset);
    if (err < 0)
        return err;
    if (ret != NULL)
        *ret = (struct journal_position){ j->lsn + 1, j->offset };
    memcpy(j->head, j->out + size - RECORD_TRAILER, JOURNAL_HASH_SIZE);
    j->lsn++;
    j->epoch = epoch;
    j->offset += (uint32_t)size;
    j->dirty = true;
    return ERR_OK;
}

int journal_append(struct journal *j, uint16_t kind, const struct iovec *parts, int n,
                   struct journal_position *ret)
{
    must(kind >= JOURNAL_KIND_USER);
    return append(j, kind, parts, n, ret);
}

void journal_sync(struct journal *j)
{
    if (!j->dirty || PLANTED(journal_not_synced))
        return;
    if (j->io.fdatasync(j->fd) < 0)
        die(j, "fdatasync");
    j->dirty = false;
    j->synced_lsn = j->lsn;
    memcpy(j->synced, j->head, JOURNAL_HASH_SIZE);
}

uint64_t journal_room(const struct journal *j)
{
    uint64_t room = j->segments[j->segments_n - 1].size - j->offset;
    return j->spare ? room + j->options.segment_size - FILE_HEADER : room;
}

/* ---- reading ---- */

static int read_fd(struct journal *j, const struct segment *s)
{
    if (s == &j->segments[j->segments_n - 1])
        return j->fd;
    if (j->read_fd >= 0 && j->read_lsn == s->first_lsn)
        return j->read_fd;
    char name[NAME_SIZE];
    segment_name(name, s->first_lsn);
    int fd = openat(j->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(j, name, "open");
    if (j->read_fd >= 0)
        close(j->read_fd);
    j->read_fd = fd;
    j->read_lsn = s->first_lsn;
    return fd;
}

int journal_read(struct journal *j, struct journal_position at, struct journal_record *ret)
{
    must(j->recovered);
    if (at.lsn > j->lsn)
        return ERR_EMPTY;
    if (at.lsn < j->segments[0].first_lsn)
        return fail(ERR_NOT_FOUND, "%s: record %" PRIu64 " was trimmed", j->options.dir, at.lsn);
    const struct segment *s = &j->segments[segment_of(j, at.lsn)];
    if (at.lsn == s->first_lsn)
        at.offset = FILE_HEADER;                /* "next" of the segment before */
    if (at.offset < FILE_HEADER || at.offset > s->size - RECORD_MIN)
        return corrupt(j, s, at.offset, "no record can be here");
    int fd = read_fd(j, s);
    if (fd < 0)
        return fd;
    /* Most records are small: one read brings them whole. */
    size_t available = s->size - at.offset, have = available < 1024 ? available : 1024;
    int err = read_all(fd, j->in, have, at.offset);
    size_t size = record_size(get32(j->in + 4) & (2 * JOURNAL_PAYLOAD_MAX - 1));
    if (err == ERR_OK && size > have && size <= RECORD_MAX && size <= available) {
        err = read_all(fd, j->in + have, size - have, at.offset + have);
        have = size;
    }
    if (err < 0)
        return corrupt(j, s, at.offset, "cannot be read");
    if (!record_parse(j->in, have, at.offset, ret) || ret->at.lsn != at.lsn)
        return corrupt(j, s, at.offset, "damaged record");
    return ERR_OK;
}

struct journal_position journal_first(const struct journal *j)
{
    return (struct journal_position){ j->segments[0].first_lsn, FILE_HEADER };
}

struct journal_position journal_end(const struct journal *j)
{
    return (struct journal_position){ j->lsn + 1, j->offset };
}

uint32_t journal_epoch(const struct journal *j)
{
    return j->epoch;
}

uint64_t journal_stream(const struct journal *j)
{
    return j->stream;
}

uint64_t journal_head(const struct journal *j, uint8_t hash[JOURNAL_HASH_SIZE])
{
    if (hash != NULL)
        memcpy(hash, j->head, JOURNAL_HASH_SIZE);
    return j->lsn;
}

uint64_t journal_synced(const struct journal *j, uint8_t hash[JOURNAL_HASH_SIZE])
{
    memcpy(hash, j->synced, JOURNAL_HASH_SIZE);
    return j->synced_lsn;
}

int journal_hash(struct journal *j, uint64_t lsn, uint8_t ret[JOURNAL_HASH_SIZE])
{
    must(j->recovered);
    if (lsn > j->lsn)
        return ERR_EMPTY;
    if (lsn < j->segments[0].first_lsn)
        return ERR_NOT_FOUND;
    struct journal_position at = { j->segments[segment_of(j, lsn)].first_lsn, FILE_HEADER };
    struct journal_record r;
    for (;; at = r.next) {
        int err = journal_read(j, at, &r);
        if (err < 0)
            return err;
        if (at.lsn == lsn)
            break;
    }
    memcpy(ret, r.hash, JOURNAL_HASH_SIZE);
    return ERR_OK;
}

/* ---- snapshots and trimming ---- */

static int snapshot_fill(const struct journal *j, int fd, const void *bytes, size_t len)
{
    uint8_t header[FILE_HEADER], hash[JOURNAL_HASH_SIZE];
    crypto_generichash_state state;
    char name[NAME_SIZE];
    struct file_header h = header_for(j, SNAPSHOT_MAGIC, j->lsn);
    h.length = len;
    header_write(header, &h);
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, header, sizeof header);
    crypto_generichash_update(&state, bytes, len);
    crypto_generichash_final(&state, hash, sizeof hash);
    int err = write_all(j, fd, header, sizeof header, 0);
    if (err == ERR_OK)
        err = write_all(j, fd, bytes, len, sizeof header);
    if (err == ERR_OK)
        err = write_all(j, fd, hash, sizeof hash, (off_t)(sizeof header + len));
    snapshot_name(name, j->lsn);
    return err < 0 ? err : publish(j, fd, "snap.tmp", name);
}

/* All snapshot files but the newest two good ones. */
static void snapshots_drop(const struct journal *j)
{
    uint64_t *lsns = NULL;
    int n = list_files(j, ".snap", &lsns);
    for (int i = 0; i < n; i++) {
        char name[NAME_SIZE];
        snapshot_name(name, lsns[i]);
        if (lsns[i] != j->snapshots[0] && lsns[i] != j->snapshots[1])
            unlinkat(j->dir_fd, name, 0);
    }
    free(lsns);
}

int journal_snapshot_write(struct journal *j, const void *bytes, size_t len)
{
    must(j->recovered);
    if (len > JOURNAL_SNAPSHOT_MAX)
        return fail(ERR_SIZE, "snapshot of %zu bytes", len);
    journal_sync(j);                            /* J5 */
    int fd = openat(j->dir_fd, "snap.tmp", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(j, "snap.tmp", "create");
    int err = snapshot_fill(j, fd, bytes, len);
    close(fd);
    if (err < 0) {
        unlinkat(j->dir_fd, "snap.tmp", 0);
        return err;
    }
    if (j->snapshots[0] != j->lsn) {
        j->snapshots[1] = j->snapshots[0];
        j->snapshots[0] = j->lsn;
    }
    snapshots_drop(j);
    return ERR_OK;
}

uint64_t journal_snapshot_lsn(const struct journal *j)
{
    return j->snapshots[0];
}

int journal_trim(struct journal *j, uint64_t lsn, int64_t min_age_ns)
{
    must(j->recovered);
    /* The older snapshot must do if the newer one turns out damaged; 0 when there is none. */
    uint64_t covered = j->snapshots[1] + 1;
    uint64_t limit = lsn < covered ? lsn : covered;
    int64_t sealed_before_ns = clock_ns(CLOCK_REALTIME) - min_age_ns;
    size_t n = 0;
    while (n + 1 < j->segments_n && j->segments[n + 1].first_lsn <= limit &&
           j->segments[n + 1].created_ns <= sealed_before_ns) {
        char name[NAME_SIZE];
        segment_name(name, j->segments[n].first_lsn);
        if (unlinkat(j->dir_fd, name, 0) < 0 && errno != ENOENT)
            break;
        n++;
    }
    if (n == 0)
        return 0;
    if (j->read_fd >= 0 && j->read_lsn < j->segments[n].first_lsn) {
        close(j->read_fd);
        j->read_fd = -1;
    }
    j->segments_n -= n;
    memmove(j->segments, j->segments + n, j->segments_n * sizeof *j->segments);
    sync_dir(j);
    return (int)n;
}
