/* recover_salvage.c - what --salvage changes: heads where there are none, and gaps over what cannot be read.
 * A copy of the file is put aside first. */
#include "recover_parts.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COPIES_MAX = 100 };

/* A name that is not taken: "0000000000000042.damaged", "0000000000000042.2.damaged". */
static bool name_copy(struct recovery *r, char ret_name[DISK_NAME_MAX])
{
    for (unsigned n = 1; n < COPIES_MAX; n++) {
        if (n == 1)
            snprintf(ret_name, DISK_NAME_MAX, "%016" PRIu64 ".damaged", r->place->segment);
        else
            snprintf(ret_name, DISK_NAME_MAX, "%016" PRIu64 ".%u.damaged", r->place->segment, n);
        int handle = r->disk->calls->open(r->disk->context, ret_name, 0);
        if (handle == -ENOENT)
            return true;
        if (handle < 0)
            return recover_fail(r, ret_name, "cannot be opened", handle);
        r->disk->calls->close(r->disk->context, handle);
    }
    return recover_fail(r, ret_name, "cannot be made", -EEXIST);
}

/* 0, or what the copy failed with. False: the file cannot be read. */
static bool copy_bytes(struct recovery *r, int copy, int *ret_error)
{
    int error = 0;
    for (uint64_t at = 0; at < r->place->size && !error;) {
        struct bytes bytes;
        if (!file_need(r, at, PIECE, &bytes))
            return false;
        if (bytes.size == 0)
            break;
        error = r->disk->calls->write(r->disk->context, copy, at, bytes.data, bytes.size);
        at += bytes.size;
    }
    *ret_error = error ? error : r->disk->calls->sync(r->disk->context, copy);
    return true;
}

/* Before the first change of a file. Without room there is no copy. */
static bool put_aside(struct recovery *r)
{
    char name[DISK_NAME_MAX];
    int error = 0;
    if (r->is_copied || r->place->is_missing)
        return true;
    r->is_copied = true;
    if (!name_copy(r, name))
        return false;
    int copy = r->disk->calls->open(r->disk->context, name, 1);
    if (copy < 0)
        return recover_fail(r, name, "cannot be made", copy);
    bool is_read = copy_bytes(r, copy, &error);
    r->disk->calls->close(r->disk->context, copy); /* it is synced */
    if (!is_read || error)
        r->disk->calls->remove(r->disk->context, name);
    if (is_read && (error == -ENOSPC || error == -EDQUOT || error == -EFBIG)) {
        recover_event(r, "no room for a copy of this file", 0, r->place->size);
        error = 0;
    }
    return is_read && (error == 0 || recover_fail(r, name, "cannot be written", error));
}

static bool make_file(struct recovery *r)
{
    char name[DISK_NAME_MAX];
    segment_name(r->place->segment, name);
    r->is_copied = true; /* there is nothing to be copied */
    r->handle = r->disk->calls->open(r->disk->context, name, 1);
    return r->handle >= 0 || recover_fail(r, name, "cannot be made", r->handle);
}

static bool write_head(struct recovery *r, uint64_t sequence)
{
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    uint32_t flags = r->place->fault ? SEGMENT_LAZY : r->place->flags; /* nobody knows what it was */
    struct segment_head head = {.version = SEGMENT_VERSION,
                                .segment = r->place->segment,
                                .salt = r->found->salt,
                                .sequence = sequence,
                                .flags = flags | SEGMENT_SALVAGED};
    segment_write_head(&head, bytes);
    r->place->sequence = sequence;
    r->place->flags = head.flags;
    return file_write(r, 0, bytes, sizeof bytes);
}

bool salvage_mark(struct recovery *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct place *place = &r->places[i];
        if (place->flags & SEGMENT_SALVAGED)
            continue;
        bool is_marked = file_open(r, place) && write_head(r, place->sequence);
        if (!file_close(r) || !is_marked)
            return false;
    }
    return true;
}

bool salvage_head(struct recovery *r)
{
    r->is_doubtful = true;
    r->found->damages++;
    r->found->lost += r->place->is_missing ? 0 : SEGMENT_HEAD_SIZE;
    recover_event(r, r->place->fault, 0, SEGMENT_HEAD_SIZE);
    if (r->options->only_looks)
        return true;
    if (!put_aside(r) || (r->place->is_missing && !make_file(r)))
        return false;
    r->place->is_missing = false;
    return write_head(r, r->sequence);
}

bool salvage_gap(struct recovery *r, uint64_t offset, uint64_t end, uint64_t next)
{
    uint8_t bytes[GROUP_HEAD_SIZE];
    uint64_t behind = offset + GROUP_HEAD_SIZE;
    struct group_head gap = {.segment = r->place->segment,
                             .sequence = r->sequence,
                             .next = next,
                             .size = end > behind ? (uint32_t)(end - behind) : 0,
                             .flags = GROUP_GAP};
    assert(next >= r->sequence);
    r->found->damages++;
    r->found->lost += end > offset ? end - offset : 0;
    recover_event(r, "damaged", offset, end > offset ? end - offset : 0);
    if (r->options->only_looks)
        return true;
    group_write_gap(bytes, &gap, r->found->salt);
    return put_aside(r) && file_write(r, offset, bytes, sizeof bytes);
}
