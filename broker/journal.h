/* journal.h - the log as it is written: which group goes where, when a segment is full, which files are
 * spare, what is safe, and what a failure means. Pure: it says what is to be done (jobs), and is told how
 * that went.
 *
 * Two hands work for it, each on one job at a time: the writer writes and syncs groups; the filer gets spare
 * segments ready, drops those that are needed no more and reads old ones. On a real machine the hands are
 * threads (crew.h); in the simulator they are a loop over a disk that fails.
 *
 *     facts ──journal_take()──> group ──writer──> written and synced ──> journal_safe() grows
 *
 * At most one group is unsynced. A segment is *opened* by its first group, which begins with a checkpoint:
 * the spare file is written and synced, gets its name, the directory is synced; only then is the group safe.
 *
 * Spares: `reserve` are kept for what must go on when the disk is full (of them one may be missing for a
 * while: two and a half segments are there for sure with a reserve of 3), and one or two more if the limit
 * allows. When none can be made to make the reserve whole, or to let the log grow, the journal is FULL:
 * nothing that takes much may be added (puts are refused) until there is one more than the reserve. So it is
 * while a group cannot be written for want of room, whatever it is that is short: of the disk, of a quota, of
 * what a file may have (EFBIG), of descriptors or memory. That is tried again once a second. When a
 * write or sync fails it has FAILED for good: nothing becomes safe any more.
 */
#ifndef MQ_JOURNAL_H
#define MQ_JOURNAL_H

#include "recover.h"

struct journal;

enum {
    JOURNAL_RESERVE_MAX = 16,
    JOURNAL_SPARES_MAX = 64 /* numbers of spare files: from 1 on, the bits of a word */
};

struct journal_options {
    uint64_t segment_size;     /* bytes */
    uint64_t sync_interval_ms; /* 0: each group is synced before anything depends on it */
    uint32_t reserve;          /* spare segments kept for a full disk; 3, at most JOURNAL_RESERVE_MAX */
    uint64_t salt;             /* of a directory that has none yet */
};

enum journal_state { JOURNAL_OK, JOURNAL_FULL, JOURNAL_FAILED };

/* What lies in a directory that was recovered. */
struct journal_files {
    uint64_t spares; /* spare file n is there, and good: bit n - 1 */
    uint64_t size;   /* bytes of all files */
    uint64_t length; /* bytes of the last segment's file */
};

/* NULL: out of memory. */
struct journal *journal_new(const struct journal_options *options, const struct recover_found *found,
                            const struct journal_files *files, uint64_t now_ms);
void journal_free(struct journal *j);

/* ---- groups ---- */

/* Could a group be taken now? Not while one is being written, not when it has failed, and not while there is
 * neither a segment to go on in nor a spare. */
bool journal_is_ready(const struct journal *j);

/* Should the next group open a new segment? It should if there is none yet, or the last one is full enough.
 * And can it: is there a spare? */
bool journal_wants_segment(const struct journal *j);
bool journal_has_spare(const struct journal *j);
uint64_t journal_next_segment(const struct journal *j);
uint64_t journal_first_segment(const struct journal *j); /* the oldest that is there, or will be */

/* Bytes of groups for which there is room in files that are there, beside what has been taken: in the last
 * segment, and in spares, whether they become segments or make way for a longer one. */
uint64_t journal_room(const struct journal *j);

/* Takes a group: GROUP_HEAD_SIZE bytes and `size` - GROUP_HEAD_SIZE bytes of facts in a block of `capacity`
 * bytes (at least 8 more), which comes back by journal_give_back(). `position` is what is safe once it is.
 * The first of its facts has been there since `since_ms`.
 * `opens`: it begins with a checkpoint and opens journal_next_segment(). The journal must be ready. */
void journal_take(struct journal *j, uint64_t now_ms, uint64_t since_ms, uint8_t *data, size_t size,
                  size_t capacity, uint64_t position, bool opens);
/* A block that is done with, NULL: none; the caller's from now on. */
uint8_t *journal_give_back(struct journal *j, size_t *ret_capacity);

/* The position up to which all may be told; with an interval: whatever has been taken. */
uint64_t journal_safe(const struct journal *j);

/* ---- old segments ---- */

/* Segments up to this one are needed no more, once everything taken so far is safe. */
void journal_drop(struct journal *j, uint64_t segment);

/* Asks for the group at `offset` of a segment that is not the last: from 0 on, then where *ret_next said.
 * True: *ret_facts holds its facts, valid until the next call, and *ret_next is where to go on (UINT64_MAX:
 * that was the last one, maybe with no facts). False: it is not there yet, ask again when a job is done; or
 * it cannot be read, then the journal has failed: what is torn there now was whole at the start. */
bool journal_read(struct journal *j, uint64_t segment, uint64_t offset, struct bytes *ret_facts,
                  uint64_t *ret_next);
bool journal_is_reading(const struct journal *j); /* it will be there soon */

/* All files but the reserve should not take more than so many bytes: then no spare but the reserve is made,
 * or kept. Segments are not the journal's to choose. At first there is no limit. */
void journal_limit(struct journal *j, uint64_t size);

/* ---- work ---- */

enum journal_hand { JOURNAL_WRITER, JOURNAL_FILER, JOURNAL_HANDS };

enum journal_work {
    JOURNAL_WRITE,   /* `data` at `offset` of the segment; sync it if `sync` */
    JOURNAL_SYNC,    /* the segment (with an interval) */
    JOURNAL_PREPARE, /* write `size` zeros at `offset` of spare file `spare`; at 0 it is made, at
                        segment_size it is synced */
    JOURNAL_DROP,    /* segment -> spare file `spare`, or (spare 0) remove it; either is synced. ret_size: the
                        file's size; if that is less than segment_size, it is removed and `spare` becomes 0 */
    JOURNAL_DISCARD, /* remove spare file `spare`, and sync that */
    JOURNAL_READ     /* `size` bytes at `offset` of the segment into `data`; ret_size: how many there were */
};

struct journal_job {
    enum journal_work work;
    uint64_t segment, offset, spare, segment_size;
    uint8_t *data;
    size_t size, ret_size;
    bool sync;
    bool opens;   /* write: `spare` becomes the segment: head and group are written and synced before it is
                     named */
    bool is_lazy; /* ... and what it says of that */
    bool seals;   /* write: `data` is a group whose head is to be sealed (group, salt) */
    struct group_head group;
    uint64_t salt;
    int error; /* when done: 0, or a negative errno; a sync that fails is never -ENOSPC */
};

/* The next job of this hand; false: none. It must be done before another is asked for. */
bool journal_next_job(struct journal *j, enum journal_hand hand, struct journal_job *ret_job);
void journal_job_done(struct journal *j, uint64_t now_ms, enum journal_hand hand,
                      const struct journal_job *job);
/* When journal_next_job() should be asked again though nothing has come back (interval, retry of a spare). */
uint64_t journal_deadline_ms(const struct journal *j);
void journal_tick(struct journal *j, uint64_t now_ms);

/* What has been written is synced now, not when the interval is over. */
void journal_hurry(struct journal *j);

void journal_spare_name(uint64_t spare, char ret_name[DISK_NAME_MAX]); /* "7.spare" */
uint64_t journal_spare_of_name(const char *name);                      /* 0: it is no such name */

/* ---- looking ---- */

struct journal_stat {
    enum journal_state state;
    int error; /* of the failure, or of the full disk: negative errno */
    uint64_t segments, spares, segment_size;
    uint64_t size;          /* bytes of all files */
    uint64_t log;           /* of these: segments */
    uint64_t reserved;      /* ... spares that are the reserve */
    uint64_t used;          /* bytes of groups in the last segment */
    uint64_t groups, bytes; /* written since the start */
    uint64_t synced;        /* syncs since the start */
    uint64_t unsafe;        /* bytes taken and not yet safe */
    bool has_opened;        /* a segment was opened since the start, and is on disk */
    uint64_t sync_interval_ms;
    uint64_t unsafe_since_ms; /* the oldest of them have been there; UINT64_MAX: there are none */
    uint64_t on_disk;         /* the position up to which all is, whatever the mode */
    bool is_open;             /* there is a segment that groups can go on in */
};
void journal_stat(const struct journal *j, struct journal_stat *ret_stat);

void journal_check(const struct journal *j);

/* ---- doing it ---- */

/* Once, after recover(), before anything that was read is told to anybody: syncs the last segment and all
 * names, since what a killed broker had written need not be on disk, and removes spares of another size and
 * such as were not finished. 0, or a negative errno. */
int journal_begin(struct disk *disk, const struct recover_found *found, uint64_t segment_size,
                  struct journal_files *ret_files);

/* The segment that a hand has open; {.handle = -1}: none. */
struct journal_handle {
    int handle;
    uint64_t segment;
};

/* Does the job on a disk and sets its error. */
void journal_do(struct disk *disk, struct journal_handle *open, struct journal_job *job);
void journal_close(struct disk *disk, struct journal_handle *open);

#endif
