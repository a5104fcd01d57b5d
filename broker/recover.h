/* recover.h - reads a data directory back: finds its segments, walks their groups in order, and tells a torn
 * end, which is normal after a crash, from damage.
 *
 * A group that is not valid, with nothing behind it that was written when it was known to be on disk - no
 * later segment, and no valid group of this segment and a higher sequence, but for those that say that it may
 * not have been synced before them - was being written when the end came: it is cut off, and so is what
 * follows it. Only the first group of a segment is never cut off, as the file gets its name when that one is
 * on disk. Anything else is damage: a start stops there, with the file, the offset, and what to do.
 *
 * What a process has written can be read by the next one though it is not on disk, and when a sync has failed
 * it may never get there. So the groups that may not be are written once more, and synced, before all is
 * well. */
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
    bool is_doubtful;   /* facts may be missing: of this log something was lost (--salvage) */
    struct bytes facts; /* valid during the call */
};

struct recover_options {
    bool salvage;    /* go on behind damage, and leave gaps in its place */
    bool only_looks; /* write nothing; with `salvage`: find all that is damaged */
    bool doubts;     /* with `salvage`: all groups are doubtful, as what they tell makes no sense */
    /* False stops: *ret_why says why, a static text. NULL: nobody is interested. */
    bool (*on_group)(void *context, const struct recover_group *group, const char **ret_why);
    /* Something that people should know: a torn end, damage that is passed over, a gap. `what` is a static
     * text. NULL: nobody. */
    void (*on_event)(void *context, const char *what, uint64_t segment, uint64_t offset, uint64_t bytes);
    void *context;
};

/* What was found. Segments first..last are there; 0 and 0: an empty directory. */
struct recover_found {
    uint64_t first, last;
    uint64_t used;           /* bytes of the last one: where the next group goes */
    uint64_t sequence;       /* of the next group */
    uint64_t salt;           /* 0: none yet */
    uint64_t groups, bytes;  /* valid ones, of all segments; bytes of facts */
    uint64_t cut;            /* bytes of the torn end */
    uint64_t gaps;           /* that were there already */
    bool is_lazy;            /* the last segment: what was told last may be more than what is there */
    bool is_salvaged;        /* there are segments that were marked by --salvage before */
    uint64_t damages, lost;  /* salvage: places, and bytes that could not be read */
    uint64_t lost_groups;    /* ... of which so many are known to have been there; an earlier gap's, too */
    uint64_t failed_segment; /* unless OK, if it has to do with one */
    uint64_t failed_offset;
    char text[RECOVER_TEXT_MAX]; /* unless OK: one line for people, with file, offset and what to do */
};

/* Unless it only looks it makes the end safe as said above, and what was cut off is not to be found again.
 * Salvage writes a gap over what cannot be read, and a head where there is none, and makes segments that are
 * missing. Before it does that to a file it makes a copy, NNNNNNNNNNNNNNNN.damaged, if there is room for
 * that. When something is lost, or doubted, all segments are marked, and all their groups are doubtful from
 * then on. */
enum recover_result recover(struct disk *disk, const struct recover_options *options,
                            struct recover_found *ret_found);

#endif
