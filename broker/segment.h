/* segment.h - the format of the log's files: what a segment and a group look like, and whether bytes are one.
 *
 * The log of a data directory is a row of segments, numbered without gaps, one file each. A segment is
 * written full of zeros once, so that later writes change no metadata, and is used again and again under new
 * numbers.
 *
 *     segment = head (SEGMENT_HEAD_SIZE bytes), then groups, each at a multiple of 8, one behind the other
 *     group   = head (GROUP_HEAD_SIZE bytes), then facts (fact.h), then zeros up to a multiple of 8
 *
 * Numbers are little-endian.
 *
 *     head of a segment: magic "MQSEGMNT" · version u32 · crc u32 · segment u64 · salt u64 ·
 *                        sequence u64 · flags u32
 *
 *     head of a group:   mark u32 · crc u32 · segment u64 · sequence u64 · size u32 (of the facts) ·
 *                        flags u32 · unsynced u64 (of a gap: next u64)
 *
 * A crc is CRC-32C over the directory's salt, then the head (its crc taken as 0) and what follows it: zeros
 * up to the end of a segment's head; facts and zeros of a group. Magic, version and crc of a segment's head
 * stay as they are in all versions, so that a newer one can be told from a damaged one. The salt is random
 * and nobody's business, and a group's mark is made of it, so no client can put a body that looks like a
 * group. A group is valid if mark, segment, size and crc are right; its sequence counts up by one from group
 * to group through all segments.
 *
 * `unsynced` says how many groups right before this one were not known to be on disk when it was written: 0
 * where each group is synced before the next one is written. A segment is synced before the next one gets its
 * name.
 *
 * A *gap* is what --salvage leaves in the place of what could not be read: its crc covers the head alone, its
 * size is what is skipped behind it, `next` the sequence of the first group behind what is lost. All segments
 * that are there when that happens are marked as *salvaged*: what was written before and after it need not
 * fit together, so as long as one of them is there facts are not taken at their word.
 *
 * A segment is *lazy* if it was opened by a broker that answers before groups are on disk: who was told what
 * may know more than the log does. One that is not lazy may still be gone on with by such a broker only until
 * that has opened one of its own, which is the first thing that it does.
 *
 * It is taken for granted that writing the unsynced end of a page leaves the synced beginning of it as it was
 * whatever happens to the power ("power-safe overwrite", as SQLite's documentation calls it). */
#ifndef MQ_SEGMENT_H
#define MQ_SEGMENT_H

#include <stdbool.h>

#include "disk.h"
#include "proto.h"

enum {
    SEGMENT_VERSION = 1,
    SEGMENT_HEAD_SIZE = 4096,
    GROUP_HEAD_SIZE = 40,
    GROUP_ALIGNMENT = 8,
    GROUP_GAP = 1 << 0,             /* flag */
    SEGMENT_SALVAGED = 1 << 0,      /* flag */
    SEGMENT_LAZY = 1 << 1,          /* flag: with an interval; readers may pass it over */
    SEGMENT_SIZE_MIN = 8 << 10,     /* of any use; in tests */
    SEGMENT_SIZE_LEAST = 256 << 10, /* what may be chosen, */
    SEGMENT_SIZE_MAX = 1 << 30      /* ... and what at most; a large group makes a file longer */
};

struct segment_head {
    uint32_t version;
    uint64_t segment, salt;
    uint64_t sequence; /* of its first group */
    uint32_t flags;
};

struct group_head {
    uint64_t segment, sequence;
    uint64_t unsynced; /* unless it is a gap */
    uint64_t next;     /* of a gap */
    uint32_t size, flags;
};

/* "0000000000000042.segment"; and back: 0 if it is no such name. */
void segment_name(uint64_t segment, char ret_name[DISK_NAME_MAX]);
uint64_t segment_of_name(const char *name);

void segment_write_head(const struct segment_head *head, uint8_t ret[SEGMENT_HEAD_SIZE]);

enum segment_verdict { SEGMENT_OK, SEGMENT_NOT_ONE, SEGMENT_DAMAGED, SEGMENT_NEWER };
enum segment_verdict segment_read_head(const uint8_t bytes[SEGMENT_HEAD_SIZE], struct segment_head *ret_head);

/* Bytes that a group with so many bytes of facts takes in a segment. */
size_t group_bytes(size_t size);

/* `group` begins with GROUP_HEAD_SIZE bytes for the head, facts behind them; up to 7 bytes behind those are
 * set to zero and must be there. */
void group_seal(uint8_t *group, const struct group_head *head, uint64_t salt);
void group_write_gap(uint8_t ret[GROUP_HEAD_SIZE], const struct group_head *head, uint64_t salt);

/* Do these bytes look like the head of a group of this segment? (Nothing is said about its crc.) */
bool group_peek(struct bytes bytes, uint64_t segment, uint64_t salt, struct group_head *ret_head);

/* The first place, of those that are multiples of 8, where a group's mark is; bytes.size: nowhere. */
size_t group_find(struct bytes bytes, uint64_t salt);

/* Is there a valid group at the beginning of these bytes? Of a gap only the head need be there. */
bool group_read(struct bytes bytes, uint64_t segment, uint64_t salt, struct group_head *ret_head);

#endif
