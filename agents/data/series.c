/* series - the store of closed bars; see candles.h */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libagent/log.h"
#include "proto/err.h"
#include "proto/hash.h"
#include "proto/tm.h"

#include "agents/data/candles.h"

#define ROW_BYTES (8 + 5 * 16 + 8)

static void put_u64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void encode(const struct row *r, uint8_t out[ROW_BYTES])
{
    const dec_t *d[] = {&r->open, &r->high, &r->low, &r->close, &r->volume};
    put_u64(out, (uint64_t)r->start_ns);
    for (int i = 0; i < 5; i++) {
        put_u64(out + 8 + 16 * i, d[i]->v.w[0]);
        put_u64(out + 16 + 16 * i, d[i]->v.w[1]);
    }
    uint8_t digest[16];
    hash128(out, ROW_BYTES - 8, digest);
    memcpy(out + ROW_BYTES - 8, digest, 8);
}

static bool decode(const uint8_t in[ROW_BYTES], struct row *r)
{
    uint8_t digest[16];
    hash128(in, ROW_BYTES - 8, digest);
    if (memcmp(digest, in + ROW_BYTES - 8, 8) != 0)
        return false;
    dec_t *d[] = {&r->open, &r->high, &r->low, &r->close, &r->volume};
    r->start_ns = (int64_t)get_u64(in);
    for (int i = 0; i < 5; i++) {
        d[i]->v.w[0] = get_u64(in + 8 + 16 * i);
        d[i]->v.w[1] = get_u64(in + 16 + 16 * i);
    }
    return true;
}

bool row_is_good(const struct row *r, int64_t tf_ns)
{
    return r->start_ns > 0 && r->start_ns % tf_ns == 0 && dec_sign(r->low) > 0 &&
           dec_le(r->low, r->open) && dec_le(r->low, r->close) && dec_ge(r->high, r->open) &&
           dec_ge(r->high, r->close) && dec_sign(r->volume) >= 0;
}

void series_init(struct series *q, const char *symbol, int64_t tf_ns, size_t kept)
{
    *q = (struct series){.tf_ns = tf_ns, .kept = kept, .size = kept + kept / 4};
    snprintf(q->path, sizeof q->path, "knowledge-bank/candles/%s.%s", symbol, tf_name(tf_ns));
    q->rows = calloc(q->size, sizeof *q->rows);
    must(q->rows != NULL);
}

void series_fini(struct series *q)
{
    free(q->rows);
    *q = (struct series){.rows = NULL};
}

static void push(struct series *q, const struct row *r)
{
    if (q->n == q->size) {
        memmove(q->rows, q->rows + (q->n - q->kept), q->kept * sizeof *q->rows);
        q->n = q->kept;
    }
    q->rows[q->n++] = *r;
}

/* The last rows that memory holds are enough; the file is read from there. */
size_t series_load(struct series *q)
{
    int fd = open(q->path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return 0;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t rows = size / ROW_BYTES;
    off_t first = rows > (off_t)q->kept ? rows - (off_t)q->kept : 0;
    uint8_t buf[ROW_BYTES];
    off_t good = first;
    for (; good < rows; good++) {
        struct row r;
        if (pread(fd, buf, ROW_BYTES, good * ROW_BYTES) != ROW_BYTES || !decode(buf, &r) ||
            !row_is_good(&r, q->tf_ns) || (q->n > 0 && r.start_ns != q->rows[q->n - 1].start_ns + q->tf_ns))
            break;
        push(q, &r);
    }
    if (q->n == 0)
        good = 0;               /* nothing of use near its end: begun afresh */
    if (good * ROW_BYTES != size) {
        log_warn("candles.damaged", LOG_S("file", q->path), LOG_I("row", good),
                 LOG_S("action", "cut there, the rest is fetched again"));
        if (ftruncate(fd, good * ROW_BYTES) < 0)
            log_error("candles.not_cut", LOG_S("file", q->path));
    }
    close(fd);
    return q->n;
}

static void write_row(const struct series *q, const struct row *r)
{
    uint8_t buf[ROW_BYTES];
    encode(r, buf);
    int fd = open(q->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0 && write(fd, buf, sizeof buf) == (ssize_t)sizeof buf) {
        close(fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    log_warn("candles.not_kept", LOG_S("file", q->path), LOG_S("action", "fetched again after a restart"));
}

int series_append(struct series *q, const struct row *r)
{
    if (q->n > 0 && r->start_ns <= q->rows[q->n - 1].start_ns)
        return ERR_DUPLICATE;
    push(q, r);
    write_row(q, r);
    return ERR_OK;
}

size_t series_find(const struct series *q, int64_t from_ns)
{
    size_t low = 0, high = q->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (q->rows[mid].start_ns < from_ns)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool series_aggregate(const struct series *src, int64_t start_ns, int64_t tf_ns, struct row *ret)
{
    size_t i = series_find(src, start_ns), need = (size_t)(tf_ns / src->tf_ns);
    if (i + need > src->n || src->rows[i].start_ns != start_ns ||
        src->rows[i + need - 1].start_ns != start_ns + tf_ns - src->tf_ns)
        return false;
    *ret = src->rows[i];
    for (size_t k = i + 1; k < i + need; k++) {
        const struct row *r = &src->rows[k];
        ret->high = dec_max(ret->high, r->high);
        ret->low = dec_min(ret->low, r->low);
        ret->close = r->close;
        ret->volume = dec_add(ret->volume, r->volume);
    }
    return true;
}
