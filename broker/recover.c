/* recover.c - see recover.h: the walk from group to group through all segments, and what a place means where
 * there is no valid one. */
#include "recover_parts.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- groups ---- */

static bool stopped(struct recovery *r, uint64_t offset, const char *why)
{
    recover_damaged(r, r->place, offset, "%s", why ? why : "it makes no sense");
    r->result = RECOVER_STOPPED;
    return false;
}

static bool take_group(struct recovery *r, uint64_t offset, const struct group_head *head, struct bytes facts)
{
    const char *why = NULL;
    struct recover_group group = {.segment = head->segment,
                                  .sequence = head->sequence,
                                  .offset = offset,
                                  .is_doubtful = r->is_doubtful,
                                  .facts = facts};
    r->found->groups++;
    r->found->bytes += facts.size;
    r->last_group = offset;
    r->last_unsynced = head->unsynced;
    if (r->options->on_group && !r->options->on_group(r->options->context, &group, &why))
        return stopped(r, offset, why);
    r->sequence++;
    return true;
}

static void lose_groups(struct recovery *r, uint64_t next)
{
    r->found->lost_groups += next - r->sequence;
    r->sequence = next;
    r->is_doubtful = true;
}

static bool take_gap(struct recovery *r, uint64_t offset, const struct group_head *head)
{
    if (head->next < head->sequence)
        return stopped(r, offset, "a gap that makes no sense");
    r->found->gaps++;
    r->last_group = offset;
    r->last_unsynced = 0;
    recover_event(r, "a gap that was left by --salvage", offset, GROUP_HEAD_SIZE + (uint64_t)head->size);
    lose_groups(r, head->next);
    return true;
}

/* Takes the group at *offset and goes behind it; *ret_was_there: it was there. */
static bool step(struct recovery *r, uint64_t *offset, bool *ret_was_there)
{
    struct group_head head;
    struct bytes facts;
    bool is_valid;
    if (!file_group(r, *offset, &is_valid, &head, &facts))
        return false;
    *ret_was_there = is_valid && head.sequence == r->sequence;
    if (!*ret_was_there)
        return true;
    bool is_gap = head.flags & GROUP_GAP;
    if (!(is_gap ? take_gap(r, *offset, &head) : take_group(r, *offset, &head, facts)))
        return false;
    *offset = group_end(*offset, &head);
    return true;
}

/* ---- where there is no valid group ---- */

/* Groups from here on are lost, up to `next`; what is good goes on at `end`. */
static bool damage(struct recovery *r, uint64_t *offset, uint64_t end, uint64_t next)
{
    if (!r->options->salvage && end < r->place->size)
        return recover_damaged(r, r->place, *offset,
                               "groups %" PRIu64 " to %" PRIu64
                               " cannot be read, good ones follow at %" PRIu64,
                               r->sequence, next - 1, end);
    if (!r->options->salvage)
        return recover_damaged(r, r->place, *offset, "groups %" PRIu64 " to %" PRIu64 " cannot be read",
                               r->sequence, next - 1);
    if (!salvage_gap(r, *offset, end, next))
        return false;
    r->last_group = *offset;
    r->last_unsynced = 0;
    lose_groups(r, next);
    *offset = end > *offset + GROUP_HEAD_SIZE ? end : *offset + GROUP_HEAD_SIZE;
    return true;
}

/* What was cut off is not to be found again when groups with the same numbers are there. */
static bool wipe(struct recovery *r, uint64_t offset, uint64_t end)
{
    static const uint8_t zeros[PIECE];
    recover_event(r, "groups that were not safe yet, behind the torn end", offset, end - offset);
    for (uint64_t at = offset; at < end && !r->options->only_looks; at += PIECE)
        if (!file_write(r, at, zeros, end - at < PIECE ? (size_t)(end - at) : PIECE))
            return false;
    return true;
}

/* The log ends here. */
static bool end_log(struct recovery *r, uint64_t offset, const struct behind *behind)
{
    struct bytes bytes;
    struct group_head head;
    r->found->used = offset;
    r->found->sequence = r->sequence;
    if (!file_need(r, offset, GROUP_HEAD_SIZE, &bytes))
        return false;
    if (group_peek(bytes, r->place->segment, r->found->salt, &head) && head.sequence == r->sequence) {
        uint64_t end = group_end(offset, &head);
        r->found->cut = (end < r->place->size ? end : r->place->size) - offset;
    }
    if (behind->end - offset > r->found->cut)
        r->found->cut = behind->end - offset;
    if (r->found->cut > 0)
        recover_event(r, "a torn end", offset, r->found->cut);
    return behind->end == offset || wipe(r, offset, behind->end);
}

/* No valid group is at *offset. *ret_goes_on: the segment goes on behind it. */
static bool judge(struct recovery *r, const struct place *next, uint64_t *offset, bool *ret_goes_on)
{
    struct behind behind;
    uint64_t size = r->place->size;
    *ret_goes_on = false;
    if (next && next->sequence > 0 && next->sequence <= r->sequence)
        return true;
    if (!file_behind(r, *offset, &behind))
        return false;
    bool is_empty = *offset == SEGMENT_HEAD_SIZE;
    if (!next && !is_empty && !behind.was_late)
        return end_log(r, *offset, &behind);
    if (next && !behind.is_any)
        return next->sequence == 0 || damage(r, offset, size, next->sequence);
    *ret_goes_on = true;
    return behind.is_any ? damage(r, offset, behind.at, behind.sequence)
                         : damage(r, offset, *offset, r->sequence + 1);
}

/* ---- segments ---- */

/* Before the first group of the segment that was opened. */
static bool arrive(struct recovery *r)
{
    struct place *place = r->place;
    if (r->sequence == 0 || place->sequence == 0)
        r->sequence = r->sequence == 0 ? place->sequence : r->sequence;
    else if (place->sequence < r->sequence && !place->fault)
        place->fault = "it begins with groups that were there before";
    if (place->fault && !r->options->salvage)
        return recover_damaged(r, place, 0, "%s", place->fault);
    r->found->is_salvaged = r->found->is_salvaged || (place->flags & SEGMENT_SALVAGED);
    r->found->is_lazy = place->flags & SEGMENT_LAZY;
    r->is_doubtful = r->is_doubtful || r->found->is_salvaged || r->options->doubts;
    return !place->fault || salvage_head(r);
}

static bool walk(struct recovery *r, const struct place *next)
{
    uint64_t offset = SEGMENT_HEAD_SIZE;
    bool goes_on = arrive(r);
    while (goes_on) {
        bool was_there = false;
        if (!step(r, &offset, &was_there))
            return false;
        if (!was_there && !judge(r, next, &offset, &goes_on))
            return false;
    }
    return r->result == RECOVER_OK;
}

/* What is not known to be on disk is written again: what a failed sync has left out counts as clean. On a
 * file system that finds no room for that, a sync has to do. */
static bool make_safe(struct recovery *r)
{
    uint64_t end = r->found->used;
    for (uint64_t at = r->last_unsynced > 0 ? SEGMENT_HEAD_SIZE : r->last_group; at < end;) {
        struct bytes bytes;
        if (!file_need(r, at, end - at < PIECE ? (size_t)(end - at) : PIECE, &bytes))
            return false;
        size_t size = bytes.size < end - at ? bytes.size : (size_t)(end - at);
        int error = size ? r->disk->calls->write(r->disk->context, r->handle, at, bytes.data, size) : -EIO;
        if (error == -ENOSPC || error == -EDQUOT)
            break;
        if (error)
            return file_fail(r, "cannot be written", error);
        at += size;
    }
    r->is_changed = true;
    return true;
}

static bool walk_all(struct recovery *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct place *next = i + 1 < r->count ? &r->places[i + 1] : NULL;
        bool is_well = file_open(r, &r->places[i]) && walk(r, next);
        if (is_well && !next && !r->options->only_looks)
            is_well = make_safe(r);
        if (!file_close(r) || !is_well)
            return false;
    }
    return true;
}

static void recover_all(struct recovery *r)
{
    if (!list_places(r) || !list_heads(r) || !walk_all(r) || r->options->only_looks)
        return;
    if (r->options->salvage && r->is_doubtful && !salvage_mark(r))
        return;
    int error = r->disk->calls->sync_names(r->disk->context);
    if (error)
        recover_fail(r, "", "the data directory cannot be synced", error);
}

enum recover_result recover(struct disk *disk, const struct recover_options *options,
                            struct recover_found *ret_found)
{
    struct recovery r = {.disk = disk, .options = options, .found = ret_found, .handle = -1};
    *ret_found = (struct recover_found){.sequence = 1};
    recover_all(&r);
    free(r.places);
    free(r.buffer);
    return r.result;
}
