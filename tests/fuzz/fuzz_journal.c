/* Journal recovery over any bytes: a segment and a snapshot made of the input, first as it is, then with
 * the hashes put right, so that what lies behind them is reached too.  Whatever it answers, it must
 * not crash, must not show a record twice or out of order, and what it accepted once it must accept
 * again unchanged. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "libagent/journal.h"
#include "proto/err.h"

enum { SEGMENT = 4096, HEADER = 512, RECORD = 72, TRAILER = 40 };

static char dir[64];

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

static void put_file(const char *name, const uint8_t *bytes, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    close(fd);
}

static void drop_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
}

struct seen {
    uint64_t lsn, n;
};

static int see(void *arg, const struct journal_record *r)
{
    struct seen *s = arg;
    must(s->n == 0 || r->at.lsn == s->lsn + 1);
    must(r->len <= JOURNAL_PAYLOAD_MAX && r->at.offset + r->len <= SEGMENT);
    s->lsn = r->at.lsn;
    s->n++;
    return ERR_OK;
}

static int recover(struct seen *seen)
{
    static const struct journal_io io = { .fdatasync = no_sync, .fsync = no_sync };
    struct journal_options o = { .dir = dir, .segment_size = SEGMENT, .io = &io };
    struct journal_visitor v = { NULL, see, seen };
    struct journal *j = NULL;
    *seen = (struct seen){ 0 };
    int err = journal_open(&o, &j);
    if (err < 0)
        return err;
    err = journal_recover(j, &v, NULL);
    journal_close(&j);
    return err;
}

static uint32_t crc32c(const uint8_t *p, size_t len)
{
    uint32_t crc = ~0u;
    while (len-- > 0) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void mend_file_header(uint8_t *p, const char *magic, uint64_t lsn)
{
    uint32_t size = SEGMENT;
    memcpy(p, magic, 4);
    p[4] = 1, p[5] = p[6] = p[7] = 0;
    memset(p + 8, 0, 32);
    memcpy(p + 48, &lsn, 8);
    memcpy(p + 96, &size, 4);
    crypto_generichash(p + 480, 32, p, 480, NULL, 0);
}

/* Where a record header can be read, give it magic, chain, hash and trailer; in_order: number and
 * epoch too. */
static void mend_records(uint8_t *seg, int in_order)
{
    uint8_t prev[32];
    uint64_t lsn = 2;
    uint32_t epoch = 0;
    uint32_t at = HEADER, magic = 0x314e524au, inverse = ~magic;
    memcpy(prev, seg + 56, sizeof prev);
    while (at + RECORD + TRAILER <= SEGMENT && memcmp(seg + at, "\0\0\0\0", 4) != 0) {
        uint8_t *p = seg + at, head[RECORD + 32];
        uint32_t len, room = SEGMENT - at - RECORD - TRAILER;
        memcpy(&len, p + 4, 4);
        len = room > 0 ? len % 256 % (room + 1) : 0;
        uint32_t padded = (len + 7) & ~7u;
        if (padded > room)
            break;
        memcpy(p, &magic, 4);
        memcpy(p + 4, &len, 4);
        memcpy(p + 40, prev, sizeof prev);
        if (in_order) {
            epoch += p[20] == JOURNAL_KIND_OPEN && p[21] == 0;
            memcpy(p + 8, &lsn, 8);
            memcpy(p + 16, &epoch, 4);
            lsn++;
        }
        memset(p + RECORD + len, 0, padded - len);
        uint8_t *trailer = p + RECORD + padded;
        crypto_generichash(trailer, 32, p, RECORD + len, NULL, 0);
        memcpy(head, p, RECORD);
        memcpy(head + RECORD, trailer, 32);
        uint32_t crc = crc32c(head, sizeof head);
        memcpy(trailer + 32, &crc, 4);
        memcpy(trailer + 36, &inverse, 4);
        memcpy(prev, trailer, sizeof prev);
        at += RECORD + padded + TRAILER;
    }
}

static void clean(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        _exit(1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char segment_name[] = "0000000000000002.jrn", snapshot_name[] = "0000000000000001.snap";
    uint8_t seg[SEGMENT] = { 0 };
    struct seen first, again;
    if (dir[0] == '\0') {
        strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz-journal.XXXXXX"
                                                  : "/tmp/fuzz-journal.XXXXXX");
        must(mkdtemp(dir) != NULL && sodium_init() >= 0);
        atexit(clean);
    }
    if (size < 1)
        return 0;
    memcpy(seg, data, size < SEGMENT ? size : SEGMENT);
    if (data[0] & 1) {                          /* mended: header, then records, then the snapshot */
        mend_file_header(seg, "JSEG", 2);
        if (data[0] & 2)
            mend_records(seg, data[0] & 4);
        uint8_t snap[HEADER + 32];
        memcpy(snap, seg, HEADER);
        memset(snap + 100, 0, 8);
        mend_file_header(snap, "JSNP", 1);
        crypto_generichash(snap + HEADER, 32, snap, HEADER, NULL, 0);
        put_file(snapshot_name, snap, sizeof snap);
    } else {
        put_file(snapshot_name, seg, size < SEGMENT ? size : SEGMENT);
    }
    put_file(segment_name, seg, sizeof seg);
    if (recover(&first) == ERR_OK) {
        must(recover(&again) == ERR_OK);
        must(again.n == first.n + 1);           /* what was shown, and the first start's own record */
    }
    drop_file(segment_name);
    drop_file(snapshot_name);
    drop_file("spare");
    for (uint64_t lsn = 3; lsn < 64; lsn++) {   /* segments begun meanwhile */
        char name[32];
        snprintf(name, sizeof name, "%016llx.jrn", (unsigned long long)lsn);
        drop_file(name);
    }
    return 0;
}
