/* recover_file.c - the segment that is open in a recovery: reading it in large pieces, finding groups in it,
 * writing to it; and how a recovery ends badly. */
#include "recover_parts.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- bad ends ---- */

bool recover_fail(struct recovery *r, const char *name, const char *what, int error)
{
    r->result = RECOVER_FAILED;
    snprintf(r->found->text, sizeof r->found->text, "%s%s%s: %s", name, *name ? ": " : "", what,
             strerror(-error));
    return false;
}

bool recover_damaged(struct recovery *r, const struct place *place, uint64_t offset, const char *format, ...)
{
    char name[DISK_NAME_MAX], what[RECOVER_TEXT_MAX / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    segment_name(place->segment, name);
    r->result = RECOVER_DAMAGED;
    r->found->failed_segment = place->segment;
    r->found->failed_offset = offset;
    snprintf(r->found->text, sizeof r->found->text,
             "%s: damaged at offset %" PRIu64
             ": %s; mq-broker --check DIR says more, mq-broker --salvage DIR keeps what can be read",
             name, offset, what);
    return false;
}

void recover_event(struct recovery *r, const char *what, uint64_t offset, uint64_t bytes)
{
    if (r->options->on_event)
        r->options->on_event(r->options->context, what, r->place->segment, offset, bytes);
}

bool file_fail(struct recovery *r, const char *what, int error)
{
    char name[DISK_NAME_MAX];
    segment_name(r->place->segment, name);
    r->found->failed_segment = r->place->segment;
    return recover_fail(r, name, what, error);
}

/* ---- open and closed ---- */

bool file_open(struct recovery *r, struct place *place)
{
    char name[DISK_NAME_MAX];
    assert(!r->place);
    r->place = place;
    r->is_changed = r->is_copied = false;
    r->filled = 0;
    r->handle = -1;
    if (place->is_missing)
        return true;
    segment_name(place->segment, name);
    r->handle = r->disk->calls->open(r->disk->context, name, 0);
    return r->handle >= 0 || file_fail(r, "cannot be opened", r->handle);
}

bool file_close(struct recovery *r)
{
    int error = 0;
    if (!r->place)
        return true;
    if (r->is_changed && r->result == RECOVER_OK)
        error = r->disk->calls->sync(r->disk->context, r->handle);
    bool synced = error == 0 || file_fail(r, "cannot be synced", error);
    if (r->handle >= 0)
        r->disk->calls->close(r->disk->context, r->handle); /* all that matters is synced */
    r->place = NULL;
    return synced;
}

/* ---- reading ---- */

/* Once, as a place may be read more than once. */
static void tell_unread(struct recovery *r, uint64_t offset, uint64_t bytes)
{
    if (offset < r->place->unread)
        return;
    r->place->unread = offset + bytes;
    recover_event(r, "the disk cannot read this", offset, bytes);
}

/* Salvage goes on where the disk itself cannot read: page by page, and what cannot be read is zeros. */
static int64_t read_pages(struct recovery *r, uint64_t offset, uint8_t *data, size_t size)
{
    size_t there = 0;
    while (there < size) {
        size_t step = size - there < PAGE ? size - there : PAGE;
        int64_t count = r->disk->calls->read(r->disk->context, r->handle, offset + there, data + there, step);
        if (count == -EIO) {
            tell_unread(r, offset + there, step);
            memset(data + there, 0, step);
            count = (int64_t)step;
        }
        if (count < 0)
            return count;
        there += (size_t)count;
        if ((size_t)count < step)
            break;
    }
    return (int64_t)there;
}

static int64_t read_piece(struct recovery *r, uint64_t offset, uint8_t *data, size_t size)
{
    int64_t count = r->disk->calls->read(r->disk->context, r->handle, offset, data, size);
    return count == -EIO && r->options->salvage ? read_pages(r, offset, data, size) : count;
}

/* Keeps what there is from `offset` on, at the beginning of a buffer with this much room. */
static bool buffer_move(struct recovery *r, uint64_t offset, size_t room)
{
    bool holds = offset >= r->buffer_at && offset - r->buffer_at <= r->filled;
    size_t kept = holds ? r->filled - (size_t)(offset - r->buffer_at) : 0;
    if (kept > 0)
        memmove(r->buffer, r->buffer + r->filled - kept, kept);
    r->buffer_at = offset;
    r->filled = kept;
    if (room <= r->room)
        return true;
    uint8_t *buffer = realloc(r->buffer, room);
    if (!buffer)
        return recover_fail(r, "", "the data directory cannot be read", -ENOMEM);
    r->buffer = buffer;
    r->room = room;
    return true;
}

bool file_need(struct recovery *r, uint64_t offset, size_t size, struct bytes *ret)
{
    bool holds = offset >= r->buffer_at && offset - r->buffer_at <= r->filled;
    size_t there = holds ? r->filled - (size_t)(offset - r->buffer_at) : 0;
    uint64_t left = r->place->size > offset ? r->place->size - offset : 0;
    size = left < size ? (size_t)left : size;
    if (there < size && r->handle >= 0) {
        size_t more = size - there < PIECE ? PIECE : size - there;
        if (!buffer_move(r, offset, there + more))
            return false;
        int64_t count = read_piece(r, offset + there, r->buffer + there, more);
        if (count < 0)
            return file_fail(r, "cannot be read", (int)count);
        r->filled += (size_t)count;
        there = r->filled;
        holds = true;
    }
    *ret = (struct bytes){.data = holds && there > 0 ? r->buffer + (offset - r->buffer_at) : NULL,
                          .size = there};
    return true;
}

bool file_write(struct recovery *r, uint64_t offset, const void *data, size_t size)
{
    int error = r->disk->calls->write(r->disk->context, r->handle, offset, data, size);
    r->is_changed = true;
    r->filled = 0; /* what was read is as it was */
    if (error == 0 && offset + size > r->place->size)
        r->place->size = offset + size;
    return error == 0 || file_fail(r, "cannot be written", error);
}

/* ---- groups ---- */

bool file_group(struct recovery *r, uint64_t offset, bool *ret_is_valid, struct group_head *ret_head,
                struct bytes *ret_facts)
{
    uint64_t segment = r->place->segment, salt = r->found->salt;
    struct bytes bytes;
    struct group_head head;
    *ret_is_valid = false;
    if (!file_need(r, offset, GROUP_HEAD_SIZE, &bytes))
        return false;
    if (!group_peek(bytes, segment, salt, &head))
        return true;
    bool is_gap = head.flags & GROUP_GAP;
    if (!is_gap && !file_need(r, offset, group_bytes(head.size), &bytes))
        return false;
    *ret_is_valid = group_read(bytes, segment, salt, ret_head);
    ret_facts->data = (const uint8_t *)bytes.data + GROUP_HEAD_SIZE;
    ret_facts->size = is_gap ? 0 : head.size;
    return true;
}

static void note_behind(struct recovery *r, uint64_t from, uint64_t at, const struct group_head *head,
                        struct behind *behind)
{
    bool is_gap = head->flags & GROUP_GAP;
    if (head->sequence <= r->sequence)
        return;
    if (is_gap || head->sequence - r->sequence > head->unsynced)
        behind->was_late = true;
    if (!behind->is_any && at >= from + GROUP_HEAD_SIZE) {
        behind->is_any = true;
        behind->at = at;
        behind->sequence = head->sequence;
    }
    behind->end = group_end(at, head);
}

bool file_behind(struct recovery *r, uint64_t offset, struct behind *ret_behind)
{
    struct behind behind = {.end = offset};
    for (uint64_t at = offset; at + GROUP_HEAD_SIZE <= r->place->size;) {
        struct bytes bytes, facts;
        struct group_head head;
        bool is_valid;
        if (!file_need(r, at, GROUP_HEAD_SIZE, &bytes))
            return false;
        size_t found = group_find(bytes, r->found->salt);
        if (bytes.size < GROUP_HEAD_SIZE)
            break; /* the file has become shorter */
        at += found / GROUP_ALIGNMENT * GROUP_ALIGNMENT;
        if (found == bytes.size)
            continue;
        if (!file_group(r, at, &is_valid, &head, &facts))
            return false;
        if (is_valid)
            note_behind(r, offset, at, &head, &behind);
        at = is_valid ? group_end(at, &head) : at + GROUP_ALIGNMENT;
    }
    *ret_behind = behind;
    return true;
}
