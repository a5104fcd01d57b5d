/* recover_parts.h - a recovery under way. Private to recover*.c.
 *
 * Functions that return bool return false when the recovery is over: r->result says how, and the text is
 * written. */
#ifndef MQ_RECOVER_PARTS_H
#define MQ_RECOVER_PARTS_H

#include "recover.h"

enum {
    PIECE = 1 << 20, /* bytes that are read at a time, at least */
    PAGE = 4096,
    FILE_MAX = INT32_MAX, /* bytes of a file that are looked at */
    MISSING_MAX = 65536   /* segments that are missing: more is no log */
};

/* A segment that is there, or should be. */
struct place {
    uint64_t segment;
    uint64_t size; /* bytes of the file; of what is missing: of a head, all the same */
    const char *fault;
    bool is_missing;
    uint64_t salt;     /* as its head says, be that right or wrong */
    uint64_t sequence; /* of its first group; 0: not known */
    uint32_t flags;    /* of its head */
    uint64_t unread;   /* what the disk cannot read was told up to here */
};

struct recovery {
    struct disk *disk;
    const struct recover_options *options;
    struct recover_found *found;
    enum recover_result result;
    struct place *places; /* by segment, ascending */
    size_t count, capacity;
    bool is_short_of_memory; /* while they are listed */
    struct place *place;     /* the one that is open; NULL: none */
    int handle;              /* -1: the file is missing */
    bool is_changed, is_copied;
    uint8_t *buffer; /* what was read of it: `filled` bytes from `buffer_at` on, in room for `room` */
    size_t room, filled;
    uint64_t buffer_at;
    uint64_t sequence; /* of the next group; 0: not known */
    bool is_doubtful;
    uint64_t last_group, last_unsynced; /* the last valid group: where it is, and its `unsynced` */
};

/* ---- recover_file.c: the segment that is open ---- */

bool recover_fail(struct recovery *r, const char *name, const char *what, int error);
bool recover_damaged(struct recovery *r, const struct place *place, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void recover_event(struct recovery *r, const char *what, uint64_t offset, uint64_t bytes);

bool file_fail(struct recovery *r, const char *what, int error);
bool file_open(struct recovery *r, struct place *place);
bool file_close(struct recovery *r); /* what was changed is synced; none open is fine */

/* What is there from `offset` on, valid until the next call: at least `size` bytes, or up to the end. */
bool file_need(struct recovery *r, uint64_t offset, size_t size, struct bytes *ret);
bool file_write(struct recovery *r, uint64_t offset, const void *data, size_t size);

/* Is there a valid group at `offset`? Then *ret_facts is its facts (of a gap: none). */
bool file_group(struct recovery *r, uint64_t offset, bool *ret_is_valid, struct group_head *ret_head,
                struct bytes *ret_facts);

/* Valid groups with a higher sequence than the next one's that lie behind a place. */
struct behind {
    bool is_any;
    bool was_late; /* one of them was written when the group at that place was known to be on disk */
    uint64_t at;   /* the first one that leaves room for a gap */
    uint64_t sequence;
    uint64_t end; /* of the last one */
};
bool file_behind(struct recovery *r, uint64_t offset, struct behind *ret_behind);

static inline uint64_t group_end(uint64_t offset, const struct group_head *head)
{
    return offset +
           (head->flags & GROUP_GAP ? GROUP_HEAD_SIZE + (uint64_t)head->size : group_bytes(head->size));
}

/* ---- recover_list.c: which segments there are, and their heads ---- */

bool list_places(struct recovery *r);
bool list_heads(struct recovery *r);

/* ---- recover_salvage.c ---- */

/* Marks all heads as salvaged, when the last segment is closed. */
bool salvage_mark(struct recovery *r);

bool salvage_head(struct recovery *r); /* of the segment that is open */
/* From `offset` on up to `end` nothing can be read; the group behind that has sequence `next`. */
bool salvage_gap(struct recovery *r, uint64_t offset, uint64_t end, uint64_t next);

#endif
