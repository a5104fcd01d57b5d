/* journal_read.c - reading a segment that was written long ago, group by group. It is known where it ends:
 * with the sequence with which the next one begins. */
#include "journal_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- bytes ---- */

static void reader_reset(struct reader *r, uint64_t segment)
{
    r->segment = segment;
    r->at = r->told = r->sequence = r->end = 0;
    r->size = 0;
    r->is_wanted = false;
}

void journal_reader_forget(struct journal *j, uint64_t segment)
{
    struct reader *r = &j->reader;
    if (r->segment > segment)
        return;
    reader_reset(r, 0);
    if (r->capacity > READ_PIECE) {
        free(r->data);
        r->data = NULL;
        r->capacity = 0;
    }
}

/* Are `size` bytes at this place there? NULL: not yet; they are asked for, and as many more as make a piece.
 * Those that the file has not got mean that it is damaged. */
static const uint8_t *bytes_at(struct journal *j, uint64_t segment, uint64_t offset, size_t size)
{
    struct reader *r = &j->reader;
    bool is_same = r->size > 0 && r->of == segment;
    if (is_same && offset >= r->from && offset - r->from + size <= r->size)
        return r->data + (offset - r->from);
    if (is_same && r->from == offset && r->wanted >= size) {
        journal_fail(j, -EBADMSG);
        return NULL;
    }
    size_t wanted = size > READ_PIECE ? size : READ_PIECE;
    if (wanted > r->capacity) {
        uint8_t *data = realloc(r->data, wanted);
        if (!data)
            return NULL; /* the next call tries again */
        r->data = data;
        r->capacity = wanted;
    }
    r->of = segment;
    r->from = offset;
    r->wanted = wanted;
    r->size = 0;
    r->is_wanted = true;
    return NULL;
}

bool journal_reader_job(struct journal *j, struct journal_job *job)
{
    struct reader *r = &j->reader;
    if (!r->is_wanted || j->now_ms < r->retry_ms)
        return false;
    *job = (struct journal_job){
        .work = JOURNAL_READ, .segment = r->of, .offset = r->from, .data = r->data, .size = r->wanted};
    return true;
}

void journal_reader_done(struct journal *j, const struct journal_job *job)
{
    struct reader *r = &j->reader;
    if (job->error) {
        r->retry_ms = j->now_ms + RETRY_MS;
        return;
    }
    r->is_wanted = false;
    r->size = job->ret_size;
    if (r->size == 0)
        journal_fail(j, -EBADMSG);
}

bool journal_is_reading(const struct journal *j)
{
    return j->reader.is_wanted && j->now_ms >= j->reader.retry_ms;
}

/* ---- what they mean ---- */

/* The head of this segment: the sequence of its first group; 0: not there yet, or damaged. */
static uint64_t sequence_of_head(struct journal *j, uint64_t segment)
{
    struct segment_head head;
    const uint8_t *bytes = bytes_at(j, segment, 0, SEGMENT_HEAD_SIZE);
    if (!bytes)
        return 0;
    if (segment_read_head(bytes, &head) == SEGMENT_OK && head.segment == segment && head.salt == j->salt)
        return head.sequence;
    journal_fail(j, -EBADMSG);
    return 0;
}

static bool read_heads(struct journal *j)
{
    struct reader *r = &j->reader;
    if (!r->end)
        r->end = sequence_of_head(j, r->segment + 1);
    if (r->end && !r->at) {
        r->sequence = sequence_of_head(j, r->segment);
        r->at = r->sequence ? SEGMENT_HEAD_SIZE : 0;
    }
    return r->at != 0;
}

/* The valid group, or gap, that is next; NULL: not there yet, or damaged. */
static const uint8_t *next_group(struct journal *j, struct group_head *ret_head)
{
    struct reader *r = &j->reader;
    const uint8_t *bytes = bytes_at(j, r->segment, r->at, GROUP_HEAD_SIZE);
    if (!bytes)
        return NULL;
    bool is_one = group_peek((struct bytes){bytes, GROUP_HEAD_SIZE}, r->segment, j->salt, ret_head);
    size_t size = is_one && !(ret_head->flags & GROUP_GAP) ? group_bytes(ret_head->size) : GROUP_HEAD_SIZE;
    if (is_one)
        bytes = bytes_at(j, r->segment, r->at, size);
    if (!bytes)
        return NULL;
    if (is_one && group_read((struct bytes){bytes, size}, r->segment, j->salt, ret_head) &&
        ret_head->sequence == r->sequence)
        return bytes;
    journal_fail(j, -EBADMSG);
    return NULL;
}

bool journal_read(struct journal *j, uint64_t segment, uint64_t offset, struct bytes *ret_facts,
                  uint64_t *ret_next)
{
    struct reader *r = &j->reader;
    struct group_head head;
    assert(segment >= j->first && segment < j->last);
    if (j->has_failed || r->is_wanted || (segment + 1 == j->last && !j->is_named))
        return false;
    if (r->segment != segment || (offset == 0 && r->told != 0))
        reader_reset(r, segment);
    assert(offset == r->told);
    if (!read_heads(j))
        return false;
    *ret_facts = (struct bytes){0};
    while (r->sequence < r->end) {
        const uint8_t *bytes = next_group(j, &head);
        if (!bytes)
            return false;
        r->at += group_bytes(head.size);
        r->sequence = head.flags & GROUP_GAP ? head.next : head.sequence + 1;
        if (!(head.flags & GROUP_GAP)) {
            *ret_facts = (struct bytes){bytes + GROUP_HEAD_SIZE, head.size};
            break;
        }
    }
    if (r->sequence > r->end)
        journal_fail(j, -EBADMSG);
    *ret_next = r->told = r->sequence == r->end ? UINT64_MAX : r->at;
    return !j->has_failed;
}
