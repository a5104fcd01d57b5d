/* fake_disk.h - a disk in memory behind struct disk_calls, for unit tests and the simulator. It keeps what
 * was synced apart from what was not, so that a crash can lose, tear and mix up the latter; and it fails any
 * call on demand.
 *
 * A file has its bytes as programs see them, and as they are on the platter; the same goes for names. Bytes
 * are lost or kept in sectors, any of them; one may be torn in two. What was synced stays as it is, even if
 * the same sector is being written: "power-safe overwrite". When a sync fails, sectors that it should have
 * written are clean for the cache though the platter has not got them, as it is on Linux.
 *
 * It may be used by several threads. It uses no function that failing_malloc.h makes fail, and aborts when
 * there is no memory. */
#ifndef MQ_FAKE_DISK_H
#define MQ_FAKE_DISK_H

#include <stdbool.h>

#include "disk.h"

struct fake_disk;

enum { FAKE_SECTOR = 512 };

struct fake_disk *fake_disk_new(void);
struct fake_disk *fake_disk_clone(struct fake_disk *f); /* as it is; without handles and faults */
void fake_disk_free(struct fake_disk *f);               /* NULL is fine */
struct disk fake_disk_calls(struct fake_disk *f);       /* to be given to whoever wants a disk */

/* ---- crashes ---- */

enum fake_fate { FAKE_LOST, FAKE_KEPT, FAKE_CHANCE };

struct fake_crash {
    enum fake_fate names; /* what becomes of makes, renames and removals that were not synced; */
    enum fake_fate bytes; /* ... of sectors, and of new sizes of files */
    uint64_t seed;        /* for FAKE_CHANCE: the same one, the same crash */
    const char *torn;     /* NULL, or: of this file, what was not synced is kept up to torn_at, lost behind */
    uint64_t torn_at;     /* offset in the file */
    const char *picked;   /* NULL, or: of this file, */
    uint64_t
        picked_pages; /* ... bit n says whether the n-th unsynced page (4096 bytes; 64 at most) is kept */
};

/* The power fails: handles are gone, and so is what was not synced, as `crash` says. Faults are over. */
void fake_disk_crash(struct fake_disk *f, const struct fake_crash *crash);

/* The process is killed: handles are gone, nothing else. Faults are over. */
void fake_disk_kill(struct fake_disk *f);

/* Sectors that the cache takes for clean are read from the platter again: what a failed sync has lost shows.
 */
void fake_disk_evict(struct fake_disk *f);

/* ---- faults ---- */

enum fake_call {
    FAKE_LIST = 1 << 0,
    FAKE_OPEN = 1 << 1,
    FAKE_CLOSE = 1 << 2,
    FAKE_READ = 1 << 3,
    FAKE_WRITE = 1 << 4, /* the first half is written */
    FAKE_SYNC = 1 << 5,
    FAKE_CUT = 1 << 6,
    FAKE_RENAME = 1 << 7,
    FAKE_REMOVE = 1 << 8,
    FAKE_SYNC_NAMES = 1 << 9,
    FAKE_ANY = (1 << 10) - 1
};

/* Of the calls of these kinds, from now on, the n-th (from 1) fails with -error; if `forever`, all behind it,
 * too. One fault at a time; `calls` 0: none any more. */
void fake_disk_fail(struct fake_disk *f, unsigned calls, uint64_t nth, int error, bool forever);
uint64_t fake_disk_failures(struct fake_disk *f); /* calls that were made to fail, so far */

/* No more than so many bytes, in sectors, in all files; beyond it writes fail with -ENOSPC, having written
 * what fits. 0: no limit. */
void fake_disk_limit(struct fake_disk *f, uint64_t bytes);

/* ---- looking and meddling; all of it at once on the platter ---- */

uint64_t fake_disk_count(struct fake_disk *f, unsigned calls); /* of these kinds, so far */
uint64_t fake_disk_used(struct fake_disk *f);                  /* bytes of all files, in sectors */
uint64_t fake_disk_written(struct fake_disk *f);               /* bytes by FAKE_WRITE, so far */
unsigned fake_disk_handles(struct fake_disk *f);               /* open ones */

/* As programs see them: the bytes, valid until the next call, or NULL: no such file. */
const uint8_t *fake_disk_bytes(struct fake_disk *f, const char *name, uint64_t *ret_size);
void fake_disk_put(struct fake_disk *f, const char *name, const void *bytes, uint64_t size); /* replaces it */
void fake_disk_flip(struct fake_disk *f, const char *name, uint64_t offset, unsigned bits);  /* xor; a byte */
void fake_disk_cut(struct fake_disk *f, const char *name, uint64_t size);
void fake_disk_rename(struct fake_disk *f, const char *from, const char *to);
void fake_disk_remove(struct fake_disk *f, const char *name);

#endif
