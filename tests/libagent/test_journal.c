/* The journal: what was synced survives every power cut and is never changed unseen. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#define TEST_TIMEOUT 120
#include "tests/runner.h"
#include "proto/err.h"
#include "libagent/journal.h"

#define USER JOURNAL_KIND_USER

static char dir[64], keep[80];

static void remove_dir(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

static void clean(void)
{
    if (dir[0] != '\0')
        remove_dir(dir);
    if (keep[0] != '\0')
        remove_dir(keep);
}

static void make_dir(void)
{
    strcpy(dir, "/tmp/test-journal.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    atexit(clean);
}

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

static const struct journal_io fast = { .fdatasync = no_sync, .fsync = no_sync };

static struct journal_options options(const struct journal_io *io)
{
    return (struct journal_options){ .dir = dir, .agent = 3, .segment_size = 4096, .io = io };
}

/* The payload of user record i: length and bytes follow from i, first the number itself. */
static size_t payload(unsigned i, uint8_t *ret)
{
    size_t len = 4 + i * 37 % 300;
    for (size_t k = 0; k < len; k++)
        ret[k] = (uint8_t)(i * 31 + k * 7);
    memcpy(ret, &i, 4);
    return len;
}

static int add(struct journal *j, unsigned i, struct journal_position *ret)
{
    uint8_t bytes[512];
    size_t len = payload(i, bytes);
    struct iovec parts[2] = { { bytes, 3 }, { bytes + 3, len - 3 } };
    return journal_append(j, USER, parts, 2, ret);
}

/* Checks that user records come as 0, 1, 2, ... (from wherever they begin). */
struct seen {
    unsigned next, n;
    bool any;
    unsigned snapshot;              /* number in the snapshot: the next record to come */
    unsigned snapshots;
};

static int see(void *arg, const struct journal_record *r)
{
    struct seen *s = arg;
    uint8_t want[512];
    unsigned i;
    if (r->kind < USER)
        return ERR_OK;
    memcpy(&i, r->payload, 4);
    if (s->any || s->snapshots > 0)
        ck_assert_uint_eq(i, s->next);
    ck_assert_uint_eq(r->len, payload(i, want));
    ck_assert_mem_eq(r->payload, want, r->len);
    s->next = i + 1;
    s->any = true;
    s->n++;
    return ERR_OK;
}

static int see_snapshot(void *arg, uint64_t lsn, const void *bytes, size_t len)
{
    struct seen *s = arg;
    (void)lsn;
    ck_assert_uint_eq(len, sizeof s->snapshot);
    memcpy(&s->snapshot, bytes, len);
    s->next = s->snapshot;
    s->snapshots++;
    return ERR_OK;
}

static int reopen(const struct journal_io *io, struct journal **ret, struct seen *seen,
                  struct journal_recovery *found)
{
    struct journal_options o = options(io);
    struct journal *j = NULL;
    struct journal_visitor v = { see_snapshot, see, seen };
    *seen = (struct seen){ 0 };
    int err = journal_open(&o, &j);
    if (err < 0)
        return err;
    err = journal_recover(j, &v, found);
    if (err < 0)
        journal_close(&j);
    else
        *ret = j;
    return err;
}

static struct journal *must_open(const struct journal_io *io, struct seen *seen,
                                 struct journal_recovery *found)
{
    struct journal *j = NULL;
    int err = reopen(io, &j, seen, found);
    ck_assert_msg(err == ERR_OK, "%s: %s", err_name(err), journal_error());
    return j;
}

/* Records 0..n-1, synced every `every`. */
static void write_records(struct journal *j, unsigned n, unsigned every)
{
    for (unsigned i = 0; i < n; i++) {
        ck_assert_int_eq(add(j, i, NULL), ERR_OK);
        if ((i + 1) % every == 0)
            journal_sync(j);
    }
}

static void snapshot(struct journal *j, unsigned next)
{
    ck_assert_int_eq(journal_snapshot_write(j, &next, sizeof next), ERR_OK);
}

/* A file of the journal in memory, to be damaged and put back. */
struct image {
    char name[64];
    uint8_t *bytes;
    size_t len;
};

static size_t load_images(struct image *images, size_t max)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL; ) {
        char path[400];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        ck_assert_int_eq(stat(path, &st), 0);
        if (!S_ISREG(st.st_mode) || strcmp(e->d_name, "lock") == 0)
            continue;
        ck_assert_uint_lt(n, max);
        struct image *im = &images[n++];
        snprintf(im->name, sizeof im->name, "%.60s", e->d_name);
        im->len = (size_t)st.st_size;
        im->bytes = malloc(im->len);
        FILE *f = fopen(path, "rb");
        ck_assert_uint_eq(fread(im->bytes, 1, im->len, f), im->len);
        fclose(f);
    }
    closedir(d);
    return n;
}

static void write_file(const char *name, const uint8_t *bytes, size_t len)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void empty_dir(void)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL; )
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static void restore_images(const struct image *images, size_t n)
{
    empty_dir();
    for (size_t i = 0; i < n; i++)
        write_file(images[i].name, images[i].bytes, images[i].len);
}

static struct image *find_image(struct image *images, size_t n, const char *suffix, int which)
{
    struct image *best = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(images[i].name), k = strlen(suffix);
        if (len < k || strcmp(images[i].name + len - k, suffix) != 0)
            continue;
        if (best == NULL || (strcmp(images[i].name, best->name) < 0) == (which < 0))
            best = &images[i];
    }
    ck_assert_ptr_nonnull(best);
    return best;
}

static void flip(const struct image *im, size_t bit)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, im->name);
    int fd = open(path, O_WRONLY);
    uint8_t byte = im->bytes[bit / 8] ^ (uint8_t)(1u << bit % 8);
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
    close(fd);
}

START_TEST(recovers_every_record_over_many_segments)
{
    struct seen seen;
    struct journal_recovery found;
    struct journal_position at[200];
    make_dir();
    struct journal *j = must_open(NULL, &seen, &found);
    uint64_t stream = journal_stream(j);
    ck_assert_uint_eq(journal_epoch(j), 1);
    for (unsigned i = 0; i < 200; i++)
        ck_assert_int_eq(add(j, i, &at[i]), ERR_OK);
    journal_close(&j);
    for (unsigned start = 2; start < 5; start++) {
        j = must_open(NULL, &seen, &found);
        ck_assert_uint_eq(seen.n, 200);
        ck_assert_uint_eq(found.torn_bytes, 0);
        ck_assert_uint_eq(journal_epoch(j), start);
        ck_assert_uint_eq(journal_stream(j), stream);
        journal_close(&j);
    }
    j = must_open(NULL, &seen, &found);
    for (unsigned i = 200; i-- > 0; ) {
        struct journal_record r;
        struct seen one = { 0 };
        ck_assert_int_eq(journal_read(j, at[i], &r), ERR_OK);
        ck_assert_int_eq(see(&one, &r), ERR_OK);
        ck_assert_uint_eq(one.next, i + 1);
    }
    struct seen walked = { 0 };
    struct journal_position p = journal_first(j);
    for (struct journal_record r; journal_read(j, p, &r) == ERR_OK; p = r.next)
        see(&walked, &r);
    ck_assert_uint_eq(walked.n, 200);
    ck_assert_uint_eq(p.lsn, journal_end(j).lsn);
    ck_assert_int_eq(journal_read(j, p, &(struct journal_record){ 0 }), ERR_EMPTY);
    journal_close(&j);
}
END_TEST

START_TEST(tells_the_hash_of_any_record_and_which_is_on_disk)
{
    struct seen seen;
    struct journal_record r;
    uint8_t hash[JOURNAL_HASH_SIZE], synced[JOURNAL_HASH_SIZE];
    make_dir();
    struct journal *j = must_open(NULL, &seen, NULL);
    uint64_t open_lsn = journal_synced(j, synced);
    ck_assert_uint_eq(open_lsn, journal_head(j, hash));
    for (unsigned i = 0; i < 100; i++)
        ck_assert_int_eq(add(j, i, NULL), ERR_OK);
    ck_assert_uint_lt(journal_synced(j, synced), journal_head(j, hash));    /* the newest segment's are not yet */
    journal_sync(j);
    ck_assert_uint_eq(journal_synced(j, synced), journal_head(j, hash));
    ck_assert_mem_eq(synced, hash, sizeof hash);
    for (struct journal_position p = journal_first(j); journal_read(j, p, &r) == ERR_OK; p = r.next) {
        uint8_t want[JOURNAL_HASH_SIZE];
        memcpy(want, r.hash, sizeof want);
        ck_assert_int_eq(journal_hash(j, p.lsn, hash), ERR_OK);
        ck_assert_mem_eq(hash, want, sizeof want);
    }
    ck_assert_int_eq(journal_hash(j, journal_head(j, NULL) + 1, hash), ERR_EMPTY);
    journal_close(&j);
}
END_TEST

START_TEST(second_writer_is_refused)
{
    struct seen seen;
    struct journal *j, *second = NULL;
    char path[100];
    make_dir();
    j = must_open(&fast, &seen, NULL);
    struct journal_options o = options(&fast);
    ck_assert_int_eq(journal_open(&o, &second), ERR_BUSY);
    snprintf(path, sizeof path, "%s/lock", dir);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(journal_open(&o, &second), ERR_BUSY);
    ck_assert_ptr_null(second);
    journal_close(&j);
    ck_assert_int_eq(journal_open(&o, &second), ERR_OK);
    journal_close(&second);
}
END_TEST

START_TEST(refuses_the_journal_of_another_agent_mode_host_or_account)
{
    struct seen seen;
    struct journal *j;
    make_dir();
    struct journal_options o = options(&fast), other;
    o.host = 7;
    o.account[0] = 1;
    ck_assert_int_eq(journal_open(&o, &j), ERR_OK);
    ck_assert_int_eq(journal_recover(j, NULL, NULL), ERR_OK);
    journal_close(&j);
    other = o, other.agent = 4;
    ck_assert_int_eq(journal_open(&other, &j), ERR_CONFIG);
    other = o, other.mode = 1;
    ck_assert_int_eq(journal_open(&other, &j), ERR_CONFIG);
    other = o, other.host = 8;
    ck_assert_int_eq(journal_open(&other, &j), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(journal_error(), "another host"));
    other = o, other.account[0] = 2;
    ck_assert_int_eq(journal_open(&other, &j), ERR_CONFIG);
    j = must_open(&fast, &seen, NULL);          /* unknown host and account are not compared */
    journal_close(&j);
}
END_TEST

START_TEST(records_of_every_size_up_to_the_limit_and_not_one_more)
{
    static uint8_t big[JOURNAL_PAYLOAD_MAX + 1];
    struct journal *j;
    make_dir();
    struct journal_options o = options(&fast);
    o.segment_size = 0;
    ck_assert_int_eq(journal_open(&o, &j), ERR_OK);
    ck_assert_int_eq(journal_recover(j, NULL, NULL), ERR_OK);
    const size_t sizes[] = { 0, 1, 7, 8, 9, 4096, 65536, 911, 912, 913, JOURNAL_PAYLOAD_MAX - 1,
                             JOURNAL_PAYLOAD_MAX };
    memset(big, 0xa5, sizeof big);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct journal_position at;
        struct journal_record r;
        struct iovec part = { big, sizes[i] };
        ck_assert_int_eq(journal_append(j, USER, &part, 1, &at), ERR_OK);
        ck_assert_int_eq(journal_read(j, at, &r), ERR_OK);
        ck_assert_uint_eq(r.len, sizes[i]);
        ck_assert_mem_eq(r.payload, big, sizes[i]);
    }
    struct iovec part = { big, sizeof big };
    ck_assert_int_eq(journal_append(j, USER, &part, 1, NULL), ERR_SIZE);
    journal_close(&j);
    ck_assert_int_eq(journal_open(&o, &j), ERR_OK);
    ck_assert_int_eq(journal_recover(j, NULL, NULL), ERR_OK);
    journal_close(&j);
}
END_TEST

START_TEST(kill_without_sync_loses_nothing)
{
    struct seen seen;
    struct journal_recovery found;
    make_dir();
    pid_t pid = fork();
    if (pid == 0) {
        struct journal *j = must_open(NULL, &seen, NULL);
        write_records(j, 100, 1000);
        kill(getpid(), SIGKILL);
        journal_close(&j);                      /* not reached: until then it is in use */
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    struct journal *j = must_open(NULL, &seen, &found);
    ck_assert_uint_eq(seen.n, 100);
    ck_assert_uint_eq(found.torn_bytes, 0);
    journal_close(&j);
}
END_TEST

/* Every bit of a small journal: of its header, of each record, of the free space behind. */
START_TEST(every_flipped_bit_is_detected)
{
    struct seen seen;
    struct journal_recovery found;
    struct image images[8];
    make_dir();
    struct journal *j = must_open(&fast, &seen, NULL);
    write_records(j, 3, 1);
    uint64_t last = journal_head(j, NULL);
    uint32_t end = journal_end(j).offset, last_at = 0;
    for (struct journal_position p = journal_first(j); p.lsn <= last; ) {
        struct journal_record r;
        ck_assert_int_eq(journal_read(j, p, &r), ERR_OK);
        last_at = r.at.offset;
        p = r.next;
    }
    journal_close(&j);
    size_t n = load_images(images, 8);
    struct image *seg = find_image(images, n, ".jrn", 1);
    unsigned corrupt = 0, torn = 0;
    for (size_t bit = 0; bit < 8 * (end + 16u); bit++) {
        restore_images(images, n);
        flip(seg, bit);
        int err = reopen(&fast, &j, &seen, &found);
        if (bit / 8 < last_at) {
            ck_assert_msg(err == ERR_CORRUPT, "bit %zu of byte %zu: %s", bit % 8, bit / 8, err_name(err));
            corrupt++;
            continue;
        }
        ck_assert_msg(err == ERR_OK && found.torn_bytes > 0, "byte %zu: %s", bit / 8, err_name(err));
        ck_assert_uint_eq(seen.n, bit / 8 < end ? 2 : 3);
        journal_close(&j);
        torn++;
    }
    printf("flips: %u corrupt, %u in the last batch counted as torn\n", corrupt, torn);
    for (size_t i = 0; i < n; i++)
        free(images[i].bytes);
}
END_TEST

START_TEST(damage_names_file_and_offset_and_changes_nothing)
{
    struct seen seen;
    struct image images[32], after[32];
    make_dir();
    struct journal *j = must_open(&fast, &seen, NULL);
    write_records(j, 60, 1);
    journal_close(&j);
    size_t n = load_images(images, 32);
    struct image *first = find_image(images, n, ".jrn", -1);
    first->bytes[512 + 112 + 80] ^= 1;          /* in the payload of the second record */
    restore_images(images, n);
    ck_assert_int_eq(reopen(&fast, &j, &seen, NULL), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(journal_error(), "0000000000000001.jrn"));
    ck_assert_ptr_nonnull(strstr(journal_error(), "offset 624"));
    ck_assert_uint_eq(load_images(after, 32), n);
    for (size_t i = 0; i < n; i++) {
        struct image *same = find_image(after, n, images[i].name, 1);
        ck_assert_uint_eq(same->len, images[i].len);
        ck_assert_mem_eq(same->bytes, images[i].bytes, images[i].len);
    }
    for (size_t i = 0; i < n; i++)
        free(images[i].bytes), free(after[i].bytes);
}
END_TEST

START_TEST(missing_short_or_swapped_segments_are_corruption)
{
    struct seen seen;
    struct journal *j;
    char a[160], b[160];
    make_dir();
    j = must_open(&fast, &seen, NULL);
    write_records(j, 120, 1);
    journal_close(&j);
    struct image images[64];
    size_t n = load_images(images, 64);
    struct image *first = find_image(images, n, ".jrn", -1), *last = find_image(images, n, ".jrn", 1);
    struct image *middle = NULL;
    for (size_t i = 0; i < n; i++)
        if (strstr(images[i].name, ".jrn") != NULL && &images[i] != first && &images[i] != last)
            middle = &images[i];
    ck_assert_ptr_nonnull(middle);

    snprintf(a, sizeof a, "%s/%s", dir, middle->name);
    ck_assert_int_eq(unlink(a), 0);
    ck_assert_int_eq(reopen(&fast, &j, &seen, NULL), ERR_CORRUPT);

    restore_images(images, n);
    ck_assert_int_eq(truncate(a, 2048), 0);
    ck_assert_int_eq(reopen(&fast, &j, &seen, NULL), ERR_CORRUPT);

    restore_images(images, n);
    ck_assert_int_eq(truncate(a, 0), 0);
    ck_assert_int_eq(reopen(&fast, &j, &seen, NULL), ERR_CORRUPT);

    restore_images(images, n);
    snprintf(b, sizeof b, "%s/%s", dir, last->name);
    ck_assert_int_eq(rename(b, a), 0);
    ck_assert_int_eq(reopen(&fast, &j, &seen, NULL), ERR_CORRUPT);

    restore_images(images, n);
    snprintf(a, sizeof a, "%s/%s", dir, first->name);
    ck_assert_int_eq(unlink(a), 0);
    ck_assert_int_eq(reopen(&fast, &j, &seen, NULL), ERR_CORRUPT);
    for (size_t i = 0; i < n; i++)
        free(images[i].bytes);
}
END_TEST

static int fail_sync(int fd)
{
    (void)fd;
    errno = EIO;
    return -1;
}

static ssize_t fail_write(int fd, const void *bytes, size_t len, off_t offset)
{
    (void)fd, (void)bytes, (void)len, (void)offset;
    errno = EIO;
    return -1;
}

/* The io given takes over once the journal is open. */
static const struct journal_io *later;

static ssize_t later_write(int fd, const void *bytes, size_t len, off_t offset)
{
    return later != NULL && later->pwrite != NULL ? later->pwrite(fd, bytes, len, offset)
                                                  : pwrite(fd, bytes, len, offset);
}

static int later_fdatasync(int fd)
{
    return later != NULL && later->fdatasync != NULL ? later->fdatasync(fd) : 0;
}

static const struct journal_io switched = { later_write, later_fdatasync, no_sync };

static int status_of_appending_with(const struct journal_io *io)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct seen seen;
        struct journal *j = must_open(&switched, &seen, NULL);
        later = io;
        add(j, seen.next, NULL);
        journal_sync(j);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(failed_sync_or_write_ends_the_process)
{
    static const struct journal_io bad_sync = { .fdatasync = fail_sync },
                                   bad_write = { .pwrite = fail_write };
    make_dir();
    ck_assert_int_eq(status_of_appending_with(NULL), 0);
    ck_assert_int_eq(status_of_appending_with(&bad_sync), JOURNAL_EXIT);
    ck_assert_int_eq(status_of_appending_with(&bad_write), JOURNAL_EXIT);
}
END_TEST

/* A full disk: what is allocated can be written, nothing else. */
static ssize_t full_write(int fd, const void *bytes, size_t len, off_t offset)
{
    struct stat st;
    fstat(fd, &st);
    static const uint8_t zero[64];
    if (len >= sizeof zero && memcmp(bytes, zero, sizeof zero) == 0) {      /* filling a spare */
        errno = ENOSPC;
        return -1;
    }
    return pwrite(fd, bytes, len, offset);
}

START_TEST(full_disk_leaves_the_room_it_promised)
{
    static const struct journal_io full = { .pwrite = full_write };
    struct seen seen;
    make_dir();
    struct journal *j = must_open(&switched, &seen, NULL);
    later = &full;
    uint64_t room = journal_room(j);
    ck_assert_uint_gt(room, 4096);
    unsigned i = 0;
    int err;
    while ((err = add(j, i, NULL)) == ERR_OK)
        i++;
    ck_assert_int_eq(err, ERR_NO_SPACE);
    ck_assert_uint_gt(i, 20);
    ck_assert_uint_lt(journal_room(j), 512);
    ck_assert_int_eq(journal_tend(j), ERR_NO_SPACE);
    ck_assert_int_eq(add(j, i, NULL), ERR_NO_SPACE);
    later = NULL;
    ck_assert_int_eq(add(j, i++, NULL), ERR_OK);
    ck_assert_int_eq(journal_tend(j), ERR_OK);
    journal_close(&j);
    j = must_open(&fast, &seen, NULL);
    ck_assert_uint_eq(seen.n, i);
    journal_close(&j);
}
END_TEST

START_TEST(starts_from_the_newest_good_snapshot)
{
    struct seen seen;
    struct journal_recovery found;
    struct image images[64];
    make_dir();
    struct journal *j = must_open(&fast, &seen, NULL);
    for (unsigned i = 0; i < 90; i++) {
        ck_assert_int_eq(add(j, i, NULL), ERR_OK);
        if (i % 20 == 19)
            snapshot(j, i + 1);                 /* at 20, 40, 60, 80 */
    }
    journal_close(&j);
    size_t n = load_images(images, 64), snaps = 0;
    for (size_t i = 0; i < n; i++)
        snaps += strstr(images[i].name, ".snap") != NULL;
    ck_assert_uint_eq(snaps, 2);
    struct image *newer = find_image(images, n, ".snap", 1), *older = find_image(images, n, ".snap", -1);

    j = must_open(&fast, &seen, &found);
    ck_assert_uint_eq(seen.snapshot, 80);
    ck_assert_uint_eq(seen.n, 10);
    ck_assert_uint_eq(found.snapshots_bad, 0);
    journal_close(&j);
    for (size_t byte = 0; byte < newer->len; byte++) {
        restore_images(images, n);
        flip(newer, 8 * byte + byte % 8);
        j = must_open(&fast, &seen, &found);
        ck_assert_uint_eq(seen.snapshot, 60);
        ck_assert_uint_eq(seen.n, 30);
        ck_assert_uint_eq(found.snapshots_bad, 1);
        journal_close(&j);
    }
    restore_images(images, n);
    flip(newer, 8 * 520);
    flip(older, 8 * 520);
    j = must_open(&fast, &seen, &found);
    ck_assert_uint_eq(seen.snapshots, 0);
    ck_assert_uint_eq(seen.n, 90);
    ck_assert_uint_eq(found.snapshots_bad, 2);
    journal_close(&j);
    for (size_t i = 0; i < n; i++)
        free(images[i].bytes);
}
END_TEST

START_TEST(snapshot_newer_than_the_journal_is_corruption)
{
    struct seen seen;
    struct image images[16], old[16];
    make_dir();
    struct journal *j = must_open(&fast, &seen, NULL);
    write_records(j, 3, 1);
    journal_close(&j);
    size_t n_old = load_images(old, 16);
    j = must_open(&fast, &seen, NULL);
    ck_assert_int_eq(add(j, 3, NULL), ERR_OK);
    ck_assert_int_eq(add(j, 4, NULL), ERR_OK);
    snapshot(j, 5);
    journal_close(&j);
    size_t n = load_images(images, 16);
    struct image *snap = find_image(images, n, ".snap", 1);
    restore_images(old, n_old);                 /* somebody put a backup back */
    write_file(snap->name, snap->bytes, snap->len);
    ck_assert_int_eq(reopen(&fast, &j, &seen, NULL), ERR_CORRUPT);
    empty_dir();
    write_file(snap->name, snap->bytes, snap->len);
    ck_assert_int_eq(reopen(&fast, &j, &seen, NULL), ERR_CORRUPT);
    for (size_t i = 0; i < n; i++)
        free(images[i].bytes);
    for (size_t i = 0; i < n_old; i++)
        free(old[i].bytes);
}
END_TEST

START_TEST(trims_only_what_two_snapshots_cover)
{
    struct seen seen;
    struct journal_recovery found;
    struct journal_record r;
    struct image images[64];
    make_dir();
    struct journal *j = must_open(&fast, &seen, NULL);
    write_records(j, 100, 10);
    struct journal_position first = journal_first(j);
    ck_assert_int_eq(journal_trim(j, UINT64_MAX, 0), 0);
    snapshot(j, 100);
    ck_assert_int_eq(journal_trim(j, UINT64_MAX, 0), 0);
    for (unsigned i = 100; i < 150; i++)
        ck_assert_int_eq(add(j, i, NULL), ERR_OK);
    snapshot(j, 150);
    for (unsigned i = 150; i < 160; i++)
        ck_assert_int_eq(add(j, i, NULL), ERR_OK);
    ck_assert_int_eq(journal_trim(j, 1, 0), 0);
    ck_assert_int_eq(journal_trim(j, UINT64_MAX, INT64_C(3600000000000)), 0);
    ck_assert_int_gt(journal_trim(j, UINT64_MAX, 0), 3);
    ck_assert_uint_gt(journal_first(j).lsn, 50);
    ck_assert_uint_le(journal_first(j).lsn, 102);
    ck_assert_int_eq(journal_read(j, first, &r), ERR_NOT_FOUND);
    ck_assert_int_eq(journal_read(j, journal_first(j), &r), ERR_OK);
    journal_close(&j);
    j = must_open(&fast, &seen, &found);
    ck_assert_uint_eq(seen.snapshot, 150);
    ck_assert_uint_eq(seen.n, 10);
    journal_close(&j);
    size_t n = load_images(images, 64);
    flip(find_image(images, n, ".snap", 1), 8 * 514);
    j = must_open(&fast, &seen, &found);
    ck_assert_uint_eq(seen.snapshot, 100);
    ck_assert_uint_eq(seen.n, 60);
    journal_close(&j);
    restore_images(images, n);
    flip(find_image(images, n, ".snap", 1), 8 * 514);
    flip(find_image(images, n, ".snap", -1), 8 * 514);
    ck_assert_int_eq(reopen(&fast, &j, &seen, NULL), ERR_CORRUPT);
    for (size_t i = 0; i < n; i++)
        free(images[i].bytes);
}
END_TEST

/* ---- power cuts ----
 *
 * One run is recorded: each write with its bytes, each sync, and the names in the directory at each.
 * Then the disk is rebuilt as it may be after a cut at every one of them: of what was not synced, any
 * 512-byte sector may be there or not, and names may be those of the last directory sync or newer. */

enum { FILES = 64, OPS = 2000, SECTOR = 512, FILE_SIZE_MAX = 8192 };

struct op {
    enum { WRITE, SYNC, SYNC_DIR } type;
    int file;
    uint8_t *bytes;
    size_t len, offset;
    struct { char name[64]; int file; } names[32];
    int names_n;
};

static struct op ops[OPS];
static int ops_n;
static ino_t inodes[FILES];
static int files_n;

/* Number of a file; kept alive by a link, so that no inode number comes twice. */
static int file_of(int fd)
{
    struct stat st;
    char from[64], to[160];
    ck_assert_int_eq(fstat(fd, &st), 0);
    for (int i = 0; i < files_n; i++)
        if (inodes[i] == st.st_ino)
            return i;
    ck_assert_int_lt(files_n, FILES);
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    snprintf(to, sizeof to, "%s/%d", keep, files_n);
    ck_assert_int_eq(linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW), 0);
    inodes[files_n] = st.st_ino;
    return files_n++;
}

static struct op *record_op(int type, int fd)
{
    ck_assert_int_lt(ops_n, OPS);
    struct op *op = &ops[ops_n++];
    op->type = type;
    op->file = type == SYNC_DIR ? -1 : file_of(fd);
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL; ) {
        int file = -1;
        for (int i = 0; i < files_n; i++)
            if (inodes[i] == e->d_ino)
                file = i;
        if (file < 0 || e->d_name[0] == '.' || strcmp(e->d_name, "lock") == 0)
            continue;
        ck_assert_int_lt(op->names_n, 32);
        snprintf(op->names[op->names_n].name, sizeof op->names[0].name, "%.60s", e->d_name);
        op->names[op->names_n++].file = file;
    }
    closedir(d);
    return op;
}

static ssize_t record_write(int fd, const void *bytes, size_t len, off_t offset)
{
    struct op *op = record_op(WRITE, fd);
    op->bytes = malloc(len);
    memcpy(op->bytes, bytes, len);
    op->len = len;
    op->offset = (size_t)offset;
    return pwrite(fd, bytes, len, offset);
}

static int record_sync(int fd)
{
    struct stat st;
    ck_assert_int_eq(fstat(fd, &st), 0);
    record_op(S_ISDIR(st.st_mode) ? SYNC_DIR : SYNC, fd);
    return 0;
}

static uint32_t rng;

static uint32_t next_random(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 17;
    return rng ^= rng << 5;
}

/* The content of a file after a cut during ops[cut].  how: 0 nothing unsynced arrived, 1 everything,
 * 2 anything; above: all but of the last write only the first how - 3 sectors. */
static size_t content_after(int file, int cut, int how, uint8_t *ret)
{
    size_t size = 0, durable = 0;
    int synced = -1;
    for (int i = 0; i < cut; i++)
        if (ops[i].file == file && ops[i].type == SYNC)
            synced = i;
    memset(ret, 0, FILE_SIZE_MAX);
    for (int i = 0; i <= cut; i++) {
        const struct op *op = &ops[i];
        if (op->file != file || op->type != WRITE)
            continue;
        ck_assert_uint_le(op->offset + op->len, FILE_SIZE_MAX);
        if (op->offset + op->len > size)
            size = op->offset + op->len;
        if (i <= synced) {
            durable = size;
            memcpy(ret + op->offset, op->bytes, op->len);
        }
    }
    for (size_t at = 0; at < size; at += SECTOR)
        for (int i = synced + 1; i <= cut; i++) {
            const struct op *op = &ops[i];
            if (op->file != file || op->type != WRITE)
                continue;
            size_t from = op->offset > at ? op->offset : at;
            size_t end = op->offset + op->len < at + SECTOR ? op->offset + op->len : at + SECTOR;
            if (from >= end)
                continue;
            /* A sector is written as it was at some instant: later writes need the earlier ones. */
            if (how == 0 || (how == 2 && next_random() % 2 == 0) ||
                (how > 2 && i == cut && at / SECTOR >= op->offset / SECTOR + (size_t)(how - 3)))
                break;
            memcpy(ret + from, op->bytes + (from - op->offset), end - from);
        }
    /* A file that was never synced may be shorter than what was written to it. */
    return synced < 0 && how == 0 ? durable : size;
}

static void rebuild_after(int cut, int how)
{
    static uint8_t bytes[FILE_SIZE_MAX];
    const struct op *names = NULL;
    empty_dir();
    for (int i = 0; i < cut; i++)
        if (ops[i].type == SYNC_DIR)
            names = &ops[i];
    if (how != 0 && (how != 2 || next_random() % 2))
        names = &ops[cut];
    for (int i = 0; names != NULL && i < names->names_n; i++) {
        size_t len = content_after(names->names[i].file, cut, how, bytes);
        write_file(names->names[i].name, bytes, len);
    }
}

/* What the recorded run had done by which operation: when append i began, and was known synced. */
enum { RECORDS = 60 };
static int began[RECORDS], synced_by[RECORDS];

static void record_run(uint32_t seed)
{
    static const struct journal_io recorder = { record_write, record_sync, record_sync };
    struct seen seen;
    unsigned synced = 0;
    rng = seed;
    struct journal *j = must_open(&recorder, &seen, NULL);
    for (unsigned i = 0; i < RECORDS; i++) {
        began[i] = ops_n;
        ck_assert_int_eq(add(j, i, NULL), ERR_OK);
        bool snap = i == 25 || i == 40 || i == 50;
        if (snap)
            snapshot(j, i + 1);
        else if (next_random() % 3 == 0)
            journal_sync(j);
        else
            continue;
        for (; synced <= i; synced++)
            synced_by[synced] = ops_n;
    }
    journal_sync(j);
    for (; synced < RECORDS; synced++)
        synced_by[synced] = ops_n;
    journal_close(&j);
}

static void check_after(int cut, int how)
{
    struct seen seen;
    struct journal *j = NULL;
    int err = reopen(&fast, &j, &seen, NULL);
    ck_assert_msg(err == ERR_OK, "cut at %d, how %d: %s", cut, how, journal_error());
    unsigned least = 0, most = 0;
    while (least < RECORDS && synced_by[least] <= cut)
        least++;
    while (most < RECORDS && began[most] <= cut)
        most++;
    ck_assert_msg(seen.next >= least && seen.next <= most,
                  "cut at %d, how %d: %u records, synced %u, begun %u", cut, how, seen.next, least, most);
    if (seen.snapshots == 0)
        ck_assert_uint_eq(seen.n, seen.next);
    /* And it goes on from there as if nothing had been. */
    unsigned next = seen.next;
    ck_assert_int_eq(add(j, next, NULL), ERR_OK);
    journal_close(&j);
    struct journal_recovery found;
    j = must_open(&fast, &seen, &found);
    ck_assert_uint_eq(seen.next, next + 1);
    ck_assert_uint_eq(found.torn_bytes, 0);
    journal_close(&j);
}

START_TEST(power_cut_at_any_write_keeps_what_was_synced_and_invents_nothing)
{
    uint32_t seed = (uint32_t)time(NULL) | 1;
    const char *given = getenv("SEED");
    if (given != NULL)
        seed = (uint32_t)strtoul(given, NULL, 10) | 1;
    printf("power cuts: SEED=%u\n", seed);
    make_dir();
    snprintf(keep, sizeof keep, "%s.keep", dir);
    ck_assert_int_eq(mkdir(keep, 0700), 0);
    record_run(seed);
    int cases = 0;
    for (int cut = 0; cut < ops_n; cut++) {
        int sectors = ops[cut].type == WRITE
            ? (int)((ops[cut].offset % SECTOR + ops[cut].len + SECTOR - 1) / SECTOR) : 0;
        for (int how = 0; how < 3 + sectors; how++)
            for (int again = 0; again < (how == 2 ? 6 : 1); again++) {
                rebuild_after(cut, how);
                check_after(cut, how);
                cases++;
            }
    }
    printf("power cuts: %d writes and syncs, %d disks, 0 wrong\n", ops_n, cases);
    for (int i = 0; i < ops_n; i++)
        free(ops[i].bytes);
}
END_TEST

/* ---- what is whole and does not belong there ---- */

/* CRC-32C a bit at a time, apart from the journal's table. */
static uint32_t crc32c(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < a_len + b_len; i++) {
        crc ^= i < a_len ? a[i] : b[i - a_len];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* A record of 8 bytes of payload, its hashes right whatever is in it. */
static void seal(uint8_t *record)
{
    uint8_t *hash = record + 72 + 8;
    ck_assert_int_eq(crypto_generichash(hash, 32, record, 72 + 8, NULL, 0), 0);
    uint32_t crc = crc32c(record, 72, hash, 32);
    memcpy(hash + 32, &crc, 4);
}

static void seal_header(uint8_t *file)
{
    ck_assert_int_eq(crypto_generichash(file + 480, 32, file, 480, NULL, 0), 0);
}

static void add_number(struct journal *j, uint64_t n)
{
    struct iovec part = { &n, sizeof n };
    ck_assert_int_eq(journal_append(j, USER, &part, 1, NULL), ERR_OK);
}

static void refuses(const char *why, int want)
{
    struct journal *j;
    struct journal_options o = options(&fast);
    int err = journal_open(&o, &j);
    if (err == ERR_OK) {
        err = journal_recover(j, NULL, NULL);
        journal_close(&j);
    }
    ck_assert_int_eq(err, want);
    ck_assert_msg(strstr(journal_error(), why) != NULL, "%s, not %s", journal_error(), why);
}

START_TEST(a_forged_record_or_header_is_refused_by_what_is_wrong_with_it)
{
    static const struct { size_t at; uint8_t flip; const char *why; } records[] = {
        { 8, 2, "record number out of order" }, { 16, 1, "epoch out of order" }, { 40, 1, "hash chain broken" },
        { 20, 1, "hash chain broken" },             /* another kind: the next record shows it */
    };
    struct seen seen;
    struct image images[32];
    make_dir();
    struct journal *j = must_open(&fast, &seen, NULL);
    for (uint64_t i = 0; i < 60; i++)
        add_number(j, i);
    journal_close(&j);
    size_t n = load_images(images, 32);
    uint8_t *first = find_image(images, n, ".jrn", -1)->bytes, *last = find_image(images, n, ".jrn", 1)->bytes;
    uint8_t *record = first + 512 + 112;        /* behind the one that begins the epoch */
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        record[records[i].at] ^= records[i].flip;
        seal(record);
        restore_images(images, n);
        refuses(records[i].why, ERR_CORRUPT);
        record[records[i].at] ^= records[i].flip;
        seal(record);
    }
    static const struct { size_t at; bool last; int err; const char *why; } headers[] = {
        { 4, false, ERR_VERSION, "written by a newer version" }, { 56, false, ERR_CORRUPT, "does not begin here" },
        { 56, true, ERR_CORRUPT, "does not continue" }, { 8, true, ERR_CORRUPT, "foreign segment header" },
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        uint8_t *header = headers[i].last ? last : first;
        header[headers[i].at] ^= 2;
        seal_header(header);
        restore_images(images, n);
        refuses(headers[i].why, headers[i].err);
        header[headers[i].at] ^= 2;
        seal_header(header);
    }
    restore_images(images, n);                  /* and what was put right is right */
    j = NULL;
    struct journal_options o = options(&fast);
    ck_assert_int_eq(journal_open(&o, &j), ERR_OK);
    ck_assert_int_eq(journal_recover(j, NULL, NULL), ERR_OK);
    journal_close(&j);
    for (size_t i = 0; i < n; i++)
        free(images[i].bytes);
}
END_TEST

START_TEST(a_snapshot_in_a_damaged_segment_is_not_believed)
{
    struct seen seen;
    struct image images[16];
    make_dir();
    struct journal *j = must_open(&fast, &seen, NULL);
    for (uint64_t i = 0; i < 10; i++)
        add_number(j, i);
    ck_assert_int_eq(journal_snapshot_write(j, "x", 1), ERR_OK);
    journal_close(&j);
    size_t n = load_images(images, 16);
    uint8_t *record = find_image(images, n, ".jrn", 1)->bytes + 512 + 112;
    record[40] ^= 1;
    seal(record);
    restore_images(images, n);
    refuses("hash chain broken", ERR_CORRUPT);
    for (size_t i = 0; i < n; i++)
        free(images[i].bytes);
}
END_TEST

START_TEST(what_goes_while_it_is_open_is_said_by_the_one_who_reads)
{
    struct seen seen;
    struct journal_record r;
    uint8_t hash[JOURNAL_HASH_SIZE];
    char path[100];
    make_dir();
    struct journal *j = must_open(&fast, &seen, NULL);
    write_records(j, 100, 1);
    struct journal_position first = journal_first(j), end = journal_end(j), wrong = end;
    ck_assert_int_eq(journal_hash(j, 2, hash), ERR_OK);         /* the oldest segment is open now */
    wrong.lsn--;
    wrong.offset = 8;
    ck_assert_int_eq(journal_read(j, wrong, &r), ERR_CORRUPT);
    wrong.offset = end.offset - 8;
    ck_assert_int_eq(journal_read(j, wrong, &r), ERR_CORRUPT);
    int corrupt = 0;
    for (unsigned i = 0; i < 2; i++)            /* opens another, at no record's place unless it is the first there */
        corrupt += journal_read(j, (struct journal_position){ end.lsn / 2 + i, 520 }, &r) == ERR_CORRUPT;
    ck_assert_int_ge(corrupt, 1);
    snprintf(path, sizeof path, "%s/%016x.jrn", dir, 1u);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(journal_read(j, first, &r), ERR_IO);
    ck_assert_ptr_nonnull(strstr(journal_error(), path));
    ck_assert_int_eq(journal_hash(j, 2, hash), ERR_IO);
    journal_close(&j);
    journal_close(&j);                          /* of none is none */
}
END_TEST

START_TEST(what_is_larger_than_a_segment_or_a_snapshot_may_be_is_refused)
{
    static uint8_t big[8192];
    struct seen seen;
    uint8_t hash[JOURNAL_HASH_SIZE];
    make_dir();
    struct journal *j = must_open(&fast, &seen, NULL);
    struct iovec part = { big, sizeof big };
    ck_assert_int_eq(journal_append(j, USER, &part, 1, NULL), ERR_SIZE);
    ck_assert_int_eq(journal_snapshot_write(j, big, JOURNAL_SNAPSHOT_MAX + 1), ERR_SIZE);
    write_records(j, 100, 1);
    snapshot(j, 100);
    ck_assert_int_eq(add(j, 100, NULL), ERR_OK);
    snapshot(j, 101);
    ck_assert_int_gt(journal_trim(j, UINT64_MAX, 0), 0);
    ck_assert_int_eq(journal_hash(j, 1, hash), ERR_NOT_FOUND);
    journal_close(&j);
}
END_TEST

TESTS("journal", recovers_every_record_over_many_segments, tells_the_hash_of_any_record_and_which_is_on_disk, second_writer_is_refused,
      refuses_the_journal_of_another_agent_mode_host_or_account,
      records_of_every_size_up_to_the_limit_and_not_one_more, kill_without_sync_loses_nothing,
      every_flipped_bit_is_detected, damage_names_file_and_offset_and_changes_nothing,
      missing_short_or_swapped_segments_are_corruption, failed_sync_or_write_ends_the_process,
      full_disk_leaves_the_room_it_promised, starts_from_the_newest_good_snapshot,
      snapshot_newer_than_the_journal_is_corruption, trims_only_what_two_snapshots_cover,
      power_cut_at_any_write_keeps_what_was_synced_and_invents_nothing,
      a_forged_record_or_header_is_refused_by_what_is_wrong_with_it,
      a_snapshot_in_a_damaged_segment_is_not_believed, what_goes_while_it_is_open_is_said_by_the_one_who_reads,
      what_is_larger_than_a_segment_or_a_snapshot_may_be_is_refused)
