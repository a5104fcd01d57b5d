/* recover.h - reads a data directory back: finds its segments, walks their groups in order, and tells a torn
 * end, which is normal after a crash, from damage.
 *
 * At most one group is ever unsynced. So a group that is not valid, with no valid group of a higher sequence
 * and of the same segment behind it, and no later segment, was being written when the end came: it is cut
 * off. Anything else is damage: a start stops there, with the file, the offset, and what to do. */
#ifndef MQ_RECOVER_H
#define MQ_RECOVER_H

#include "segment.h"

enum { RECOVER_TEXT_MAX = 512 };

enum recover_result {
    RECOVER_OK,
    RECOVER_DAMAGED, /* see text */
    RECOVER_NEWER,   /* written by a newer mq-broker */
    RECOVER_FAILED,  /* a call of the disk failed, or no memory */
    RECOVER_STOPPED  /* on_group said so */
};

struct recover_group {
    uint64_t segment, sequence, offset;
    bool is_after_gap;  /* something before it is lost (--salvage) */
    struct bytes facts; /* valid during the call */
};

struct recover_options {
    bool salvage; /* go on behind damage, and leave gaps in its place */
    /* False stops: *ret_why says why, a static text. NULL: nobody is interested. */
    bool (*on_group)(void *context, const struct recover_group *group, const char **ret_why);
    /* Something that people should know: a torn end, a gap. NULL: nobody. */
    void (*on_event)(void *context, const char *what, uint64_t segment, uint64_t offset, uint64_t bytes);
    void *context;
};

/* What was found. Segments first..last are there; 0 and 0: an empty directory. */
struct recover_found {
    uint64_t first, last;
    uint64_t used;          /* bytes of the last one: where the next group goes */
    uint64_t sequence;      /* of the next group */
    uint64_t salt;          /* 0: none yet */
    uint64_t groups, bytes; /* valid ones, of all segments; bytes of facts */
    uint64_t cut;           /* bytes of the torn end */
    uint64_t gaps, lost;    /* salvage: places, and bytes that could not be read */
    uint64_t failed_segment, failed_offset;
    char text[RECOVER_TEXT_MAX]; /* unless OK: one line for people, with file, offset and what to do */
};

/* Changes nothing on the disk unless it salvages. A torn end is only overwritten later. */
enum recover_result recover(struct disk *disk, const struct recover_options *options,
                            struct recover_found *ret_found);

#endif
