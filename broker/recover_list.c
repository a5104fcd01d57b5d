/* recover_list.c - which segments there are, which should be there, and what their heads say. */
#include "recover_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add_place(struct recovery *r, struct place place)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity > 0 ? 2 * r->capacity : 64;
        struct place *places = realloc(r->places, capacity * sizeof *places);
        if (!places)
            return false;
        r->places = places;
        r->capacity = capacity;
    }
    r->places[r->count++] = place;
    return true;
}

static void each_file(void *context, const char *name, uint64_t size)
{
    struct recovery *r = context;
    uint64_t segment = segment_of_name(name);
    size = size < FILE_MAX ? size : FILE_MAX;
    if (segment > 0 && !add_place(r, (struct place){.segment = segment, .size = size}))
        r->is_short_of_memory = true;
}

static int compare(const void *a, const void *b)
{
    const struct place *one = a, *other = b;
    return one->segment < other->segment ? -1 : one->segment > other->segment;
}

/* Segments that should be there, for salvage to make. */
static bool add_missing(struct recovery *r)
{
    size_t there = r->count;
    for (size_t i = 1; i < there; i++) {
        uint64_t from = r->places[i - 1].segment + 1, to = r->places[i].segment;
        if (to - from > MISSING_MAX)
            return recover_damaged(r, &r->places[i], 0, "no segment %" PRIu64 " is there, nor many behind it",
                                   from);
        for (uint64_t segment = from; segment < to; segment++)
            if (!add_place(r,
                           (struct place){.segment = segment, .is_missing = true, .fault = "it is missing"}))
                return recover_fail(r, "", "the data directory cannot be listed", -ENOMEM);
    }
    qsort(r->places, r->count, sizeof *r->places, compare);
    return true;
}

bool list_places(struct recovery *r)
{
    int error = r->disk->calls->list(r->disk->context, each_file, r);
    if (error || r->is_short_of_memory)
        return recover_fail(r, "", "the data directory cannot be listed", error ? error : -ENOMEM);
    if (r->count == 0)
        return true;
    qsort(r->places, r->count, sizeof *r->places, compare);
    r->found->first = r->places[0].segment;
    r->found->last = r->places[r->count - 1].segment;
    return add_missing(r);
}

/* ---- heads ---- */

static bool newer(struct recovery *r, uint32_t version)
{
    char name[DISK_NAME_MAX];
    segment_name(r->place->segment, name);
    r->result = RECOVER_NEWER;
    r->found->failed_segment = r->place->segment;
    snprintf(r->found->text, sizeof r->found->text,
             "%s: was written by a newer mq-broker, in format %" PRIu32 "; this one knows formats up to %d",
             name, version, SEGMENT_VERSION);
    return false;
}

/* What is wrong with a head, apart from its salt; NULL: nothing. */
static const char *fault_of(const struct place *place, enum segment_verdict verdict,
                            const struct segment_head *head)
{
    if (verdict == SEGMENT_NOT_ONE)
        return "it does not begin like a segment";
    if (verdict == SEGMENT_DAMAGED)
        return "its head is damaged";
    if (head->segment != place->segment)
        return "it is another segment under this name";
    return head->sequence == 0 || head->salt == 0 ? "its head makes no sense" : NULL;
}

static bool read_head(struct recovery *r, struct place *place)
{
    struct bytes bytes;
    struct segment_head head = {0};
    bool is_read = file_open(r, place) && file_need(r, 0, SEGMENT_HEAD_SIZE, &bytes);
    if (is_read && bytes.size < SEGMENT_HEAD_SIZE) {
        place->fault = place->is_missing ? place->fault : "it is cut short";
    } else if (is_read) {
        enum segment_verdict verdict = segment_read_head(bytes.data, &head);
        if (verdict == SEGMENT_NEWER)
            is_read = newer(r, head.version);
        place->fault = fault_of(place, verdict, &head);
        place->salt = head.salt;
        place->sequence = place->fault ? 0 : head.sequence;
        place->flags = place->fault ? 0 : head.flags;
    }
    place->size = place->size < SEGMENT_HEAD_SIZE ? SEGMENT_HEAD_SIZE : place->size;
    bool is_closed = file_close(r);
    return is_read && is_closed;
}

/* The directory's salt is that of the first good head. */
static void find_salt(struct recovery *r)
{
    for (size_t i = 0; i < r->count && r->found->salt == 0; i++)
        if (!r->places[i].fault)
            r->found->salt = r->places[i].salt;
    for (size_t i = 0; i < r->count; i++)
        if (!r->places[i].fault && r->places[i].salt != r->found->salt) {
            r->places[i].fault = "it is of another directory";
            r->places[i].sequence = 0;
        }
}

/* A segment with a bad head: the first group may tell its sequence and, if there is no good head at all, that
 * its salt is good all the same. */
static bool guess(struct recovery *r, struct place *place)
{
    bool is_valid = false, is_new_salt = r->found->salt == 0;
    struct group_head head;
    struct bytes facts;
    if (is_new_salt)
        r->found->salt = place->salt;
    bool is_read = file_open(r, place) && file_group(r, SEGMENT_HEAD_SIZE, &is_valid, &head, &facts);
    if (is_read && is_valid)
        place->sequence = head.sequence;
    else if (is_new_salt)
        r->found->salt = 0;
    bool is_closed = file_close(r);
    return is_read && is_closed;
}

/* The row begins with a bad head: its groups tell where, or else what follows. */
static bool guess_first(struct recovery *r)
{
    struct place *first = &r->places[0];
    struct behind behind = {0};
    if (!file_open(r, first) || !file_behind(r, SEGMENT_HEAD_SIZE, &behind))
        return file_close(r) && false;
    if (behind.is_any)
        first->sequence = behind.sequence > 1 ? behind.sequence - 1 : 1;
    for (size_t i = 1; i < r->count && first->sequence == 0; i++)
        first->sequence = r->places[i].sequence;
    if (first->sequence == 0)
        first->sequence = 1;
    return file_close(r);
}

static bool judge_faults(struct recovery *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct place *place = &r->places[i];
        if (place->fault && !r->options->salvage)
            return recover_damaged(r, place, 0, "%s", place->fault);
        if (place->fault && !guess(r, place))
            return false;
    }
    if (r->count > 0 && r->found->salt == 0)
        return recover_damaged(r, &r->places[0], 0, "%s, and no other segment has a good head",
                               r->places[0].fault);
    return r->count == 0 || r->places[0].sequence > 0 || guess_first(r);
}

bool list_heads(struct recovery *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (!read_head(r, &r->places[i]))
            return false;
    find_salt(r);
    return judge_faults(r);
}
