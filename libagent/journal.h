/* journal - what an agent must not forget: one writer, append only, hash-chained, synced.
 *
 * A directory per agent:
 *   lock                  held by flock for as long as the journal is open
 *   <first lsn>.jrn       segments, 16 hexadecimal digits; zero-filled and synced before use
 *   spare                 the next segment, ready but unnamed, so that a full disk leaves room to act
 *   <lsn>.snap            snapshots, the newest two
 *
 * Records are numbered by lsn from 1 without gaps.  Each carries the hash of the one before; the
 * first one's predecessor is a hash of agent and stream id.  Little endian:
 *   record   u32 magic "JRN1", u32 len, u64 lsn, u32 epoch, u16 kind, u16 flags, i64 realtime ns,
 *            i64 boottime ns, u8 prev[32]; payload; zeros to a multiple of 8;
 *            u8 hash[32] = BLAKE2b-256(header, payload), u32 crc32c(header, hash), u32 ~magic
 *   segment  512 bytes: u32 magic "JSEG", u16 version, u8 agent, u8 mode, u64 stream, u64 host,
 *            u8 account[16], u64 build, u64 first lsn, u8 prev[32], i64 created ns, u32 size,
 *            u64 length, u32 epoch before; zeros; at 480 u8 hash[32] of the first 480 bytes
 *   snapshot the same as a segment with magic "JSNP", first lsn = lsn of the last record it covers,
 *            prev = that record's hash, length = bytes of payload; payload; u8 hash[32] of all before
 *
 * What recovery promises: every record that was synced is there, in order, unchanged, or recovery
 * fails with ERR_CORRUPT; nothing else is there but records that were appended.  What followed the
 * last good record is cut and counted when it can be the unsynced tail of a crash.  It can not when
 * a good record follows that was begun after a sync (flag JOURNAL_AFTER_SYNC), when a later segment
 * or snapshot exists: then it is damage.  Damage within the very last synced batch looks like a
 * crash: the count and the head kept by peers tell.
 *
 * Size:    4 MiB a segment (the spec's 16 would hold 224 MiB for seven agents and their spares; a
 *          change of segment costs three syncs, well below 1 ms in 4 MiB; filling a spare stalls the
 *          loop four times shorter).  Seven agents: 56 MiB and two snapshots each.
 * Errors:  negative enum err; journal_error() then says which file and why.  A failed sync, or a
 *          failed write for another reason than space, ends the process at once with status
 *          JOURNAL_EXIT: pages of a failed fsync count as clean, so that trying again would lie.
 * Memory:  borrowed pointers live until the next call on the same journal.
 * Threads: the owner's thread only.
 */
#ifndef LIBAGENT_JOURNAL_H
#define LIBAGENT_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define JOURNAL_EXIT         70
#define JOURNAL_HASH_SIZE    32
#define JOURNAL_SEGMENT_SIZE (4u << 20)
#define JOURNAL_SEGMENT_MIN  (4u << 10)     /* for tests */
#define JOURNAL_SEGMENT_MAX  (64u << 20)
#define JOURNAL_PAYLOAD_MAX  (1u << 20)     /* a turn with all its outputs is one record */
#define JOURNAL_SNAPSHOT_MAX (64u << 20)

/* Kinds below JOURNAL_KIND_USER are the journal's own; recovery shows them too, ignore them. */
enum { JOURNAL_KIND_OPEN = 1, JOURNAL_KIND_USER = 16 };
enum { JOURNAL_AFTER_SYNC = 1 };            /* all earlier records were synced before this one */

/* For tests: what stands between the journal and the disk.  NULL members mean the system's. */
struct journal_io {
    ssize_t (*pwrite)(int fd, const void *bytes, size_t len, off_t offset);
    int     (*fdatasync)(int fd);
    int     (*fsync)(int fd);               /* new files and the directory */
};

struct journal_options {
    const char *dir;                        /* made when missing (its parent must exist) */
    uint8_t     agent;                      /* enum party; another one's journal is ERR_CONFIG */
    uint8_t     mode;                       /* 0 paper, 1 live; likewise */
    uint64_t    host;                       /* 0: unknown, not compared */
    uint8_t     account[16];                /* fingerprint; zeros: unknown, not compared */
    uint64_t    build;                      /* noted in segments, never compared */
    uint32_t    segment_size;               /* bytes, a multiple of 4096; 0: JOURNAL_SEGMENT_SIZE */
    const struct journal_io *io;            /* NULL: the system's; borrowed while the journal lives */
};

/* Where a record is.  Ordered by lsn; stays valid until its segment is trimmed. */
struct journal_position {
    uint64_t lsn;
    uint32_t offset;                        /* in its segment */
};

struct journal_record {
    struct journal_position at, next;       /* next: where the following record will be looked for */
    uint32_t epoch;
    uint16_t kind, flags;
    int64_t  realtime_ns, boottime_ns;
    const uint8_t *prev, *hash;             /* JOURNAL_HASH_SIZE each; borrowed */
    const void *payload;                    /* borrowed */
    size_t   len;
};

/* What recovery found. */
struct journal_recovery {
    uint64_t snapshot_lsn;                  /* 0: started without a snapshot */
    uint64_t first_lsn, last_lsn;           /* kept in segments; last without this start's own record */
    uint64_t records;                       /* shown to the caller */
    uint64_t torn_bytes;                    /* cut off the end; 0 after everything but a power cut */
    uint32_t snapshots_bad;                 /* damaged or foreign ones passed over */
};

/* Called by recovery.  A negative answer ends it and becomes its result. */
struct journal_visitor {
    int (*snapshot)(void *arg, uint64_t lsn, const void *bytes, size_t len);  /* at most once, first */
    int (*record)(void *arg, const struct journal_record *record);
    void *arg;
};

struct journal;

/* Lock the directory and read what is there; nothing is changed but leftovers of a crash removed.
 * ERR_BUSY: another process has it.  ERR_CONFIG: it belongs to another agent, mode, host or account.
 * ERR_VERSION: a newer format.  ERR_CORRUPT, ERR_NO_SPACE, ERR_PERMISSION, ERR_IO. */
int journal_open(const struct journal_options *options, struct journal **ret);
void journal_close(struct journal **journal);       /* syncs; sets to NULL; NULL is fine */

/* Show the newest good snapshot and every record after it (without one: every record), cut a torn
 * tail, begin a new epoch and journal that.  Exactly once, before anything else below.  v and its
 * members may be NULL.  ret may be NULL; on ERR_CORRUPT nothing on disk was changed. */
int journal_recover(struct journal *j, const struct journal_visitor *v, struct journal_recovery *ret);

/* Text of the last failure in this process: file, offset, reason. */
const char *journal_error(void);

/* Append one record of kind >= JOURNAL_KIND_USER, its payload the parts in order.  The system has it
 * when this returns (kill -9 loses nothing); the disk has it after journal_sync.  ret may be NULL.
 * ERR_NO_SPACE: segment and spare are used up and the disk is full; nothing was appended and
 * nothing is broken, it may be tried again.  ERR_SIZE: payload too long. */
int journal_append(struct journal *j, uint16_t kind, const struct iovec *parts, int n,
                   struct journal_position *ret);

/* All appended records are on disk when this returns; otherwise it does not return.  Free of cost
 * when there is nothing to sync. */
void journal_sync(struct journal *j);

/* Bytes that can certainly still be appended with a full disk, record overhead included: below some
 * mark the owner stops beginning new things, so that what is begun can be ended. */
uint64_t journal_room(const struct journal *j);

/* Make the spare segment when it is missing: call when there is time (a few ms).  ERR_NO_SPACE:
 * none could be made; appends still use what is there. */
int journal_tend(struct journal *j);

/* Read the record at a position (given by append, by recovery or as another one's next).
 * ERR_EMPTY: at the end, nothing there yet.  ERR_NOT_FOUND: trimmed.  ERR_CORRUPT. */
int journal_read(struct journal *j, struct journal_position at, struct journal_record *ret);
struct journal_position journal_first(const struct journal *j);     /* oldest record kept */
struct journal_position journal_end(const struct journal *j);       /* where the next will go */

uint32_t journal_epoch(const struct journal *j);    /* 1 at the first start, +1 at each */
uint64_t journal_stream(const struct journal *j);   /* random, made with the journal */
/* lsn and hash of the last record appended: what anchors and heartbeats carry.  hash may be NULL. */
uint64_t journal_head(const struct journal *j, uint8_t hash[JOURNAL_HASH_SIZE]);
/* The same of the last record known to be on disk: what others may remember of this journal, because no
 * crash takes it back. */
uint64_t journal_synced(const struct journal *j, uint8_t hash[JOURNAL_HASH_SIZE]);
/* The hash of record lsn.  ERR_EMPTY: the journal ends before it; ERR_NOT_FOUND: trimmed.  Reads up to a
 * segment. */
int journal_hash(struct journal *j, uint64_t lsn, uint8_t ret[JOURNAL_HASH_SIZE]);

/* Keep the owner's state as of the last record appended: syncs, writes beside, renames, and drops
 * all but the newest two.  ERR_NO_SPACE: not kept, nothing is broken. */
int journal_snapshot_write(struct journal *j, const void *bytes, size_t len);
uint64_t journal_snapshot_lsn(const struct journal *j);     /* of the newest; 0: none */

/* Delete segments all of whose records are older than lsn, and which were finished at least
 * min_age_ns ago; only what both of two kept snapshots cover.  Returns how many, or an error. */
int journal_trim(struct journal *j, uint64_t lsn, int64_t min_age_ns);

#endif
